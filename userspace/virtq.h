/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio's queues, seen from the device: split and packed rings.
 *
 * The rings and all they point to belong to a hostile guest that may change
 * them at any time.  So every word is read once, every address and length goes
 * through mem_at() once, and what comes out is an array of our own pointers.
 * A queue whose driver broke the rules is `broken` until it is set up anew.
 * Source: Virtual I/O Device (VIRTIO) 1.2, "Split Virtqueues", "Packed
 * Virtqueues".
 *
 * Locking: the caller's; one thread uses a queue at a time.
 */
#ifndef VIRTQ_H
#define VIRTQ_H

#include <sys/uio.h>

#include "vmm.h"

#define VIRTQ_MAX	256	/* descriptors of a ring */
#define VIRTQ_SEGS	(VIRTQ_MAX + 2)	/* buffers of one chain */

struct virtq {
	const struct memory *mem;
	/* As the driver sets them up. */
	u16 size;
	u64 desc, driver, device;
	bool packed, event_idx, indirect;

	bool ready, broken;
	u8 *d;			/* descriptors; `size` times 16 bytes */
	u8 *drv, *dev;		/* available and used ring, or event areas */
	u16 next_avail, next_used;
	bool avail_wrap, used_wrap;	/* packed: the counters */
	u16 pushed;		/* since the driver was last told */
};

/* A request: buffers to read from, then buffers to write to. */
struct virtq_chain {
	struct iovec iov[VIRTQ_SEGS];
	unsigned int nr_out, nr_in;	/* iov[0..nr_out) are the driver's data */
	u64 out_len, in_len;
	u16 id;			/* what the driver knows it by */
	u16 slots;		/* packed: ring entries that it took */
};

/* Start with what the driver set up; false if that is nonsense. */
bool virtq_enable(struct virtq *q);
void virtq_reset(struct virtq *q);	/* keeps `mem` */

/* Next request: 1, or 0 when there is none or the queue is broken. */
int virtq_pop(struct virtq *q, struct virtq_chain *c);

/* Take back the last pop: the request waits in the ring again. */
void virtq_unpop(struct virtq *q, const struct virtq_chain *c);

/* Give it back, with so many bytes written to its buffers; in order of pops. */
void virtq_push(struct virtq *q, const struct virtq_chain *c, u32 written);

/* Whether the driver wants an interrupt for what was pushed since the last. */
bool virtq_wants_interrupt(struct virtq *q);

/* Ask the driver not to notify. */
void virtq_notify_off(struct virtq *q);

/* Ask it to notify; true if there are requests already: look again. */
bool virtq_notify_on(struct virtq *q);

/* Copy between `buf` and a chain's buffers from byte `at` on; bytes copied. */
size_t iov_read(const struct iovec *iov, unsigned int nr, u64 at, void *buf,
		size_t len);
size_t iov_write(const struct iovec *iov, unsigned int nr, u64 at,
		 const void *buf, size_t len);
/* Cut to the `len` bytes from `at` on, in place; the number of buffers left. */
unsigned int iov_cut(struct iovec *iov, unsigned int nr, u64 at, u64 len);

/* The two kinds of ring, for virtq.c: contracts as above. */
int virtq_split_pop(struct virtq *q, struct virtq_chain *c);
void virtq_split_push(struct virtq *q, const struct virtq_chain *c, u32 written);
bool virtq_split_wants_interrupt(struct virtq *q);
void virtq_split_notify(struct virtq *q, bool on);
bool virtq_split_ready(struct virtq *q);
int virtq_packed_pop(struct virtq *q, struct virtq_chain *c);
void virtq_packed_push(struct virtq *q, const struct virtq_chain *c, u32 written);
bool virtq_packed_wants_interrupt(struct virtq *q);
void virtq_packed_notify(struct virtq *q, bool on);
bool virtq_packed_ready(struct virtq *q);

/* A descriptor, read once; `flags` are those of the split ring. */
struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags, next;	/* packed: next is the id */
};

#define VIRTQ_NEXT	1
#define VIRTQ_WRITE	2
#define VIRTQ_INDIRECT	4

struct virtq_desc virtq_read_desc(const u8 *p);
/* Add a buffer to a chain; false if it is none that the rules allow. */
bool virtq_add(struct virtq *q, struct virtq_chain *c, const struct virtq_desc *d);

static inline u16 virtq_load(const u8 *p)
{
	return __atomic_load_n((const u16 *)p, __ATOMIC_ACQUIRE);
}

static inline void virtq_store(u8 *p, u16 v)
{
	__atomic_store_n((u16 *)p, v, __ATOMIC_RELEASE);
}

/* Whether going from `old` to `new` passes `event`, all modulo 64 Ki. */
static inline bool virtq_passed(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

#endif
