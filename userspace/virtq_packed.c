// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packed ring: one ring of descriptors that go to and fro.  Two flags, in
 * the sense of a counter that flips with each round, say whose one is.
 */
#include <string.h>

#include "virtq.h"

#define DESC_SIZE	16
#define DESC_LEN	8
#define DESC_ID		12
#define DESC_FLAGS	14
#define F_AVAIL		(1u << 7)
#define F_USED		(1u << 15)

/* The event areas: where in the ring, and what the other side wants. */
#define EVENT_OFF	0
#define EVENT_FLAGS	2
#define EVENT_ENABLE	0
#define EVENT_DISABLE	1
#define EVENT_AT	2
#define EVENT_WRAP	(1u << 15)

/* Its id and flags lie the other way round than in the split ring. */
static struct virtq_desc read_desc(const u8 *p)
{
	struct virtq_desc d = virtq_read_desc(p);
	u16 id = d.flags;

	d.flags = d.next;
	d.next = id;
	return d;
}

static bool is_avail(u16 flags, bool wrap)
{
	return !!(flags & F_AVAIL) == wrap && !!(flags & F_USED) != wrap;
}

bool virtq_packed_ready(struct virtq *q)
{
	u8 *p = q->d + q->next_avail * DESC_SIZE;

	return is_avail(virtq_load(p + DESC_FLAGS), q->avail_wrap);
}

/* An indirect table is read in order; only WRITE counts in its flags. */
static bool add_table(struct virtq *q, struct virtq_chain *c,
		      const struct virtq_desc *d)
{
	const u8 *table = mem_at(q->mem, d->addr, d->len);
	u32 n = d->len / DESC_SIZE, i;

	if (!q->indirect || !table || !n || d->len % DESC_SIZE)
		return false;
	for (i = 0; i < n; i++) {
		struct virtq_desc inner = read_desc(table + i * DESC_SIZE);

		if (!virtq_add(q, c, &inner))
			return false;
	}
	return true;
}

int virtq_packed_pop(struct virtq *q, struct virtq_chain *c)
{
	struct virtq_desc d;
	u16 i = q->next_avail;

	if (!virtq_packed_ready(q))
		return 0;
	/* The first one being there means that the whole chain is. */
	for (c->slots = 1; c->slots <= q->size; c->slots++) {
		d = read_desc(q->d + i * DESC_SIZE);
		i = i + 1 == q->size ? 0 : i + 1;
		if (d.flags & VIRTQ_INDIRECT) {
			if (c->slots > 1 || d.flags & VIRTQ_NEXT ||
			    !add_table(q, c, &d))
				return -1;
			break;
		}
		if (!virtq_add(q, c, &d))
			return -1;
		if (!(d.flags & VIRTQ_NEXT))
			break;
	}
	if (c->slots > q->size)
		return -1;
	c->id = d.next;
	q->avail_wrap ^= i <= q->next_avail;
	q->next_avail = i;
	return 1;
}

void virtq_packed_push(struct virtq *q, const struct virtq_chain *c, u32 written)
{
	u8 *p = q->d + q->next_used * DESC_SIZE;
	u16 flags = q->used_wrap ? F_AVAIL | F_USED : 0;

	if (written)
		flags |= VIRTQ_WRITE;
	memcpy(p + DESC_LEN, &written, sizeof(written));
	memcpy(p + DESC_ID, &c->id, sizeof(c->id));
	virtq_store(p + DESC_FLAGS, flags);
	q->next_used += c->slots;
	if (q->next_used >= q->size) {
		q->next_used -= q->size;
		q->used_wrap = !q->used_wrap;
	}
}

bool virtq_packed_wants_interrupt(struct virtq *q)
{
	u16 flags = virtq_load(q->drv + EVENT_FLAGS), at;

	if (flags != EVENT_AT || !q->event_idx)
		return flags != EVENT_DISABLE;
	at = virtq_load(q->drv + EVENT_OFF);
	/* Make it comparable with next_used, which may have wrapped since. */
	if (!!(at & EVENT_WRAP) != q->used_wrap)
		at = (at & ~EVENT_WRAP) - q->size;
	else
		at &= ~EVENT_WRAP;
	return virtq_passed(at, q->next_used, q->next_used - q->pushed);
}

void virtq_packed_notify(struct virtq *q, bool on)
{
	if (on && q->event_idx)
		virtq_store(q->dev + EVENT_OFF,
			    q->next_avail | (q->avail_wrap ? EVENT_WRAP : 0));
	virtq_store(q->dev + EVENT_FLAGS, !on ? EVENT_DISABLE :
		    q->event_idx ? EVENT_AT : EVENT_ENABLE);
}
