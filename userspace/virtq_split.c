// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split ring: a descriptor table, a ring of heads that the driver offers
 * (avail) and one of those that the device returns (used).
 */
#include <string.h>

#include "virtq.h"

/* Offsets: flags and index come first in both rings, the event index last. */
#define RING_FLAGS	0
#define RING_IDX	2
#define RING_ENTRY	4
#define NO_INTERRUPT	1	/* in the flags of avail */
#define NO_NOTIFY	1	/* in the flags of used */

static u8 *used_event(struct virtq *q)
{
	return q->drv + RING_ENTRY + 2 * q->size;
}

static u8 *avail_event(struct virtq *q)
{
	return q->dev + RING_ENTRY + 8 * q->size;
}

/*
 * Follow a chain from entry `i` of a table of `n` descriptors.  Nothing is
 * longer than its table, so a loop ends.
 */
static bool follow(struct virtq *q, struct virtq_chain *c, const u8 *table,
		   u32 n, u32 i, bool nested)
{
	u32 left = n;

	while (left--) {
		struct virtq_desc d;

		if (i >= n)
			return false;
		d = virtq_read_desc(table + i * sizeof(d));
		if (d.flags & VIRTQ_INDIRECT) {
			const u8 *inner = mem_at(q->mem, d.addr, d.len);
			u32 count = d.len / sizeof(d);

			/* It ends the chain, and its table has no other in it. */
			return q->indirect && !nested && inner && count &&
			       !(d.len % sizeof(d)) && !(d.flags & VIRTQ_NEXT) &&
			       follow(q, c, inner, count, 0, true);
		}
		if (!virtq_add(q, c, &d))
			return false;
		if (!(d.flags & VIRTQ_NEXT))
			return true;
		i = d.next;
	}
	return false;
}

bool virtq_split_ready(struct virtq *q)
{
	return virtq_load(q->drv + RING_IDX) != q->next_avail;
}

int virtq_split_pop(struct virtq *q, struct virtq_chain *c)
{
	u16 pending = virtq_load(q->drv + RING_IDX) - q->next_avail;

	if (!pending)
		return 0;
	if (pending > q->size)
		return -1;
	c->id = virtq_load(q->drv + RING_ENTRY + 2 * (q->next_avail % q->size));
	if (!follow(q, c, q->d, q->size, c->id, false))
		return -1;
	q->next_avail++;
	return 1;
}

void virtq_split_push(struct virtq *q, const struct virtq_chain *c, u32 written)
{
	u8 *p = q->dev + RING_ENTRY + 8 * (q->next_used % q->size);
	u32 entry[2] = { c->id, written };

	memcpy(p, entry, sizeof(entry));
	virtq_store(q->dev + RING_IDX, ++q->next_used);
}

bool virtq_split_wants_interrupt(struct virtq *q)
{
	if (q->event_idx)
		return virtq_passed(virtq_load(used_event(q)), q->next_used,
				    q->next_used - q->pushed);
	return !(virtq_load(q->drv + RING_FLAGS) & NO_INTERRUPT);
}

void virtq_split_notify(struct virtq *q, bool on)
{
	if (!q->event_idx)
		virtq_store(q->dev + RING_FLAGS, on ? 0 : NO_NOTIFY);
	else if (on)
		virtq_store(avail_event(q), q->next_avail);
}
