// SPDX-License-Identifier: GPL-2.0-only
/* virtio queues: what both kinds of ring share; see virtq.h. */
#include <string.h>

#include "virtq.h"

#define DESC_SIZE	16

/* Where a ring's three areas must begin, and how long they are. */
static bool map_areas(struct virtq *q)
{
	u64 drv = q->packed ? 4 : 6 + 2 * q->size;
	u64 dev = q->packed ? 4 : 6 + 8 * q->size;
	u64 align = q->packed ? 3 : 1;

	if (q->desc & 15 || q->driver & align || q->device & 3)
		return false;
	q->d = mem_at(q->mem, q->desc, DESC_SIZE * q->size);
	q->drv = mem_at(q->mem, q->driver, drv);
	q->dev = mem_at(q->mem, q->device, dev);
	return q->d && q->drv && q->dev;
}

bool virtq_enable(struct virtq *q)
{
	q->ready = q->broken = false;
	if (!q->size || q->size > VIRTQ_MAX ||
	    (!q->packed && q->size & (q->size - 1)) || !map_areas(q))
		return false;
	q->next_avail = q->next_used = q->pushed = 0;
	q->avail_wrap = q->used_wrap = true;
	q->ready = true;
	return true;
}

void virtq_reset(struct virtq *q)
{
	const struct memory *mem = q->mem;

	memset(q, 0, sizeof(*q));
	q->mem = mem;
	q->size = VIRTQ_MAX;
}

struct virtq_desc virtq_read_desc(const u8 *p)
{
	struct virtq_desc d;

	memcpy(&d, p, sizeof(d));
	/* The guest may write there now: the compiler must not look again. */
	__asm__ volatile("" : "+m"(d));
	return d;
}

bool virtq_add(struct virtq *q, struct virtq_chain *c, const struct virtq_desc *d)
{
	bool in = d->flags & VIRTQ_WRITE;
	void *p = mem_at(q->mem, d->addr, d->len);

	/* What the device reads comes before what it writes. */
	if (!p || (!in && c->nr_in) || c->nr_out + c->nr_in == VIRTQ_SEGS)
		return false;
	c->iov[c->nr_out + c->nr_in] = (struct iovec){ p, d->len };
	if (in) {
		c->nr_in++;
		c->in_len += d->len;
	} else {
		c->nr_out++;
		c->out_len += d->len;
	}
	return true;
}

int virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	int ret;

	if (!q->ready || q->broken)
		return 0;
	c->nr_out = c->nr_in = 0;
	c->out_len = c->in_len = 0;
	c->slots = 1;
	ret = q->packed ? virtq_packed_pop(q, c) : virtq_split_pop(q, c);
	if (ret < 0)
		q->broken = true;
	return ret > 0;
}

void virtq_unpop(struct virtq *q, const struct virtq_chain *c)
{
	if (q->packed && q->next_avail < c->slots) {
		q->next_avail += q->size;
		q->avail_wrap = !q->avail_wrap;
	}
	q->next_avail -= c->slots;
}

void virtq_push(struct virtq *q, const struct virtq_chain *c, u32 written)
{
	if (q->packed)
		virtq_packed_push(q, c, written);
	else
		virtq_split_push(q, c, written);
	q->pushed += c->slots;
	if (q->pushed > q->size)
		q->pushed = q->size;
}

bool virtq_wants_interrupt(struct virtq *q)
{
	bool wants;

	if (!q->pushed)
		return false;
	/* The driver's wish is read after it can see what was pushed. */
	atomic_thread_fence(memory_order_seq_cst);
	wants = q->packed ? virtq_packed_wants_interrupt(q) :
			    virtq_split_wants_interrupt(q);
	q->pushed = 0;
	return wants;
}

void virtq_notify_off(struct virtq *q)
{
	if (!q->ready || q->broken)
		return;
	if (q->packed)
		virtq_packed_notify(q, false);
	else
		virtq_split_notify(q, false);
}

bool virtq_notify_on(struct virtq *q)
{
	if (!q->ready || q->broken)
		return false;
	if (q->packed)
		virtq_packed_notify(q, true);
	else
		virtq_split_notify(q, true);
	/* Ours is seen before we look, the driver's is looked at after. */
	atomic_thread_fence(memory_order_seq_cst);
	return q->packed ? virtq_packed_ready(q) : virtq_split_ready(q);
}

unsigned int iov_cut(struct iovec *iov, unsigned int nr, u64 at, u64 len)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr && len; i++) {
		struct iovec v = iov[i];

		if (at >= v.iov_len) {
			at -= v.iov_len;
			continue;
		}
		v.iov_base = (u8 *)v.iov_base + at;
		v.iov_len -= at;
		at = 0;
		if (v.iov_len > len)
			v.iov_len = len;
		len -= v.iov_len;
		iov[n++] = v;
	}
	return n;
}

static size_t iov_copy(const struct iovec *iov, unsigned int nr, u64 at, u8 *buf,
		       size_t len, bool to_iov)
{
	size_t done = 0, n;

	for (; nr && done < len; nr--, iov++) {
		u8 *p = iov->iov_base;

		if (at >= iov->iov_len) {
			at -= iov->iov_len;
			continue;
		}
		n = iov->iov_len - at;
		if (n > len - done)
			n = len - done;
		memcpy(to_iov ? p + at : buf + done, to_iov ? buf + done : p + at, n);
		at = 0;
		done += n;
	}
	return done;
}

size_t iov_read(const struct iovec *iov, unsigned int nr, u64 at, void *buf,
		size_t len)
{
	return iov_copy(iov, nr, at, buf, len, false);
}

size_t iov_write(const struct iovec *iov, unsigned int nr, u64 at,
		 const void *buf, size_t len)
{
	return iov_copy(iov, nr, at, (u8 *)buf, len, true);
}
