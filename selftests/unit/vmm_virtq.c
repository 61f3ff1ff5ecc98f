// SPDX-License-Identifier: GPL-2.0-only
/* virtio's rings, each rule from the driver's side; both kinds of ring. */
#include "ktap.h"

#include "../../userspace/virtq.h"
#include "vmm_board.h"

#define DESC	0x1000
#define DRIVER	0x2000
#define DEVICE	0x3000
#define DATA	0x8000
#define MEMORY	(64 * KIB)

static struct vm *vm;
static struct virtq q;
static struct virtq_chain c;

static u8 *at(u64 gpa)
{
	return vm->mem.ram[0].hva + gpa;
}

static void start(bool packed, u16 size)
{
	vm = board_new(MEMORY);
	q = (struct virtq){ .mem = &vm->mem, .size = size, .desc = DESC,
			    .driver = DRIVER, .device = DEVICE, .packed = packed,
			    .event_idx = true, .indirect = true };
}

static void put(u64 table, u16 i, u64 addr, u32 len, u16 w6, u16 w7)
{
	struct virtq_desc d = { addr, len, w6, w7 };

	memcpy(at(table + 16 * i), &d, sizeof(d));
}

static void put16(u64 gpa, u16 v)
{
	memcpy(at(gpa), &v, 2);
}

static u16 get16(u64 gpa)
{
	return *(volatile u16 *)at(gpa);
}

/* Offer head `id` as the n-th of a split ring. */
static void offer(u16 n, u16 id)
{
	put16(DRIVER + 4 + 2 * (n % q.size), id);
	put16(DRIVER + 2, n + 1);
}

TEST(set_up_is_checked)
{
	start(false, 8);
	CHECK(virtq_enable(&q));
	q.size = 6;
	CHECK(!virtq_enable(&q));
	q.packed = true;
	CHECK(virtq_enable(&q));
	q.size = 0;
	CHECK(!virtq_enable(&q));
	q.size = VIRTQ_MAX + 1;
	CHECK(!virtq_enable(&q));
	q.size = 8;
	q.desc = DESC + 8;
	CHECK(!virtq_enable(&q));
	q.desc = MEMORY - 8 * 16;
	CHECK(virtq_enable(&q));
	q.desc += 16;
	CHECK(!virtq_enable(&q));
	q.desc = ~15ull;
	CHECK(!virtq_enable(&q));
}

TEST(split_chain_there_and_back)
{
	char text[8] = "", answer[] = "answer";
	u16 n;

	start(false, 4);
	CHECK(virtq_enable(&q));
	CHECK_EQ(virtq_pop(&q, &c), 0);
	memcpy(at(DATA), "question", 8);
	/* More rounds than the ring has entries. */
	for (n = 0; n < 70; n++) {
		put(DESC, 3, DATA, 3, VIRTQ_NEXT, 1);
		put(DESC, 1, DATA + 3, 5, VIRTQ_NEXT, 0);
		put(DESC, 0, DATA + 0x100, 10, VIRTQ_WRITE, 9);
		offer(n, 3);
		CHECK_EQ(virtq_pop(&q, &c), 1);
		CHECK_EQ(c.nr_out, 2);
		CHECK_EQ(c.nr_in, 1);
		CHECK_EQ(c.out_len, 8);
		CHECK_EQ(iov_read(c.iov, c.nr_out, 2, text, 8), 6);
		CHECK(!memcmp(text, "estion", 6));
		CHECK_EQ(iov_write(c.iov + 2, c.nr_in, 0, answer, 7), 7);
		CHECK(!memcmp(at(DATA + 0x100), answer, 7));
		virtq_push(&q, &c, 7);
		CHECK_EQ(get16(DEVICE + 2), n + 1);
		CHECK_EQ(get16(DEVICE + 4 + 8 * (n % 4)), 3);
		CHECK_EQ(get16(DEVICE + 8 + 8 * (n % 4)), 7);
		CHECK_EQ(virtq_pop(&q, &c), 0);
	}
}

static bool split_breaks(u16 w_len, u16 flags, u16 next)
{
	bool ok = virtq_enable(&q);

	put(DESC, 0, DATA, w_len, flags, next);
	offer(0, 0);
	return ok && !virtq_pop(&q, &c) && q.broken && !virtq_pop(&q, &c);
}

TEST(split_lies_break_the_queue)
{
	start(false, 4);
	CHECK(!split_breaks(16, 0, 0));
	CHECK(split_breaks(16, VIRTQ_NEXT, 0));		/* a loop */
	CHECK(split_breaks(16, VIRTQ_NEXT, 4));		/* outside */
	CHECK(split_breaks(0x8001, 0, 0));		/* memory's end */
	CHECK(split_breaks(15, VIRTQ_INDIRECT, 0));
	CHECK(split_breaks(0, VIRTQ_INDIRECT, 0));
	put(DATA, 0, DATA, 16, VIRTQ_INDIRECT, 0);	/* a table in a table */
	CHECK(split_breaks(16, VIRTQ_INDIRECT, 0));
	put(DATA, 0, DATA, 16, 0, 0);
	CHECK(!split_breaks(16, VIRTQ_INDIRECT, 0));
	CHECK(split_breaks(16, VIRTQ_INDIRECT | VIRTQ_NEXT, 0));
	put(DESC, 1, DATA, 1, 0, 0);			/* out after in */
	CHECK(split_breaks(16, VIRTQ_WRITE | VIRTQ_NEXT, 1));
	q.indirect = false;
	CHECK(split_breaks(16, VIRTQ_INDIRECT, 0));
	virtq_enable(&q);
	offer(0, 4);					/* no such head */
	CHECK(!virtq_pop(&q, &c) && q.broken);
	virtq_enable(&q);
	offer(4, 0);					/* more than fit */
	CHECK(!virtq_pop(&q, &c) && q.broken);
}

TEST(split_events)
{
	u16 n;

	start(false, 4);
	virtq_enable(&q);
	put(DESC, 0, DATA, 1, 0, 0);
	put16(DRIVER + 4 + 2 * 4, 1);	/* wants to hear of the second */
	for (n = 0; n < 3; n++) {
		offer(n, 0);
		CHECK_EQ(virtq_pop(&q, &c), 1);
		virtq_push(&q, &c, 0);
		CHECK_EQ(virtq_wants_interrupt(&q), n == 1);
		CHECK(!virtq_wants_interrupt(&q));
	}
	CHECK(!virtq_notify_on(&q));
	CHECK_EQ(get16(DEVICE + 4 + 8 * 4), 3);
	offer(3, 0);
	CHECK(virtq_notify_on(&q));
	q.event_idx = false;
	virtq_notify_off(&q);
	CHECK_EQ(get16(DEVICE), 1);
	CHECK(virtq_notify_on(&q));
	CHECK_EQ(get16(DEVICE), 0);
	CHECK_EQ(virtq_pop(&q, &c), 1);
	virtq_push(&q, &c, 0);
	put16(DRIVER, 1);
	CHECK(!virtq_wants_interrupt(&q));
}

#define AVAIL(wrap) ((wrap) ? 1 << 7 : 1 << 15)

TEST(packed_chain_there_and_back)
{
	unsigned int slot = 0, round;
	bool wrap = true;

	start(true, 5);
	CHECK(virtq_enable(&q));
	for (round = 0; round < 30; round++) {
		unsigned int first = slot, i, n = round % 3 + 1;
		bool first_wrap = wrap;

		for (i = 0; i < n; i++) {
			u16 flags = AVAIL(wrap) | (i + 1 < n ? VIRTQ_NEXT : VIRTQ_WRITE);

			CHECK_EQ(virtq_pop(&q, &c), 0);
			/* The first one's flags come last. */
			put(DESC, slot, DATA, 9, 100 + round, i ? flags : 0);
			if (i + 1 == n)
				put(DESC, first, DATA, 9, 100 + round,
				    AVAIL(first_wrap) |
				    (n > 1 ? VIRTQ_NEXT : VIRTQ_WRITE));
			if (++slot == 5) {
				slot = 0;
				wrap = !wrap;
			}
		}
		CHECK_EQ(virtq_pop(&q, &c), 1);
		CHECK_EQ(c.nr_out, n - 1);
		CHECK_EQ(c.nr_in, 1);
		CHECK_EQ(c.id, 100 + round);
		virtq_push(&q, &c, 4);
		CHECK_EQ(get16(DESC + 16 * first + 8), 4);
		CHECK_EQ(get16(DESC + 16 * first + 12), 100 + round);
		CHECK_EQ(get16(DESC + 16 * first + 14),
			 (first_wrap ? 0x8080 : 0) | VIRTQ_WRITE);
	}
}

TEST(packed_lies_break_the_queue)
{
	unsigned int i;

	start(true, 4);
	virtq_enable(&q);
	for (i = 0; i < 4; i++)		/* a chain without an end */
		put(DESC, i, DATA, 1, 0, AVAIL(1) | VIRTQ_NEXT);
	CHECK(!virtq_pop(&q, &c) && q.broken);
	virtq_enable(&q);
	put(DESC, 0, MEMORY, 1, 0, AVAIL(1));
	CHECK(!virtq_pop(&q, &c) && q.broken);
	virtq_enable(&q);
	put(DESC, 0, DATA, 24, 0, AVAIL(1) | VIRTQ_INDIRECT);
	CHECK(!virtq_pop(&q, &c) && q.broken);
	virtq_enable(&q);
	put(DESC, 0, DATA, 16, 7, AVAIL(1) | VIRTQ_INDIRECT);
	put(DATA, 0, DATA, 5, 0, VIRTQ_WRITE);
	CHECK_EQ(virtq_pop(&q, &c), 1);
	CHECK_EQ(c.in_len, 5);
	CHECK_EQ(c.id, 7);
}

TEST(packed_events)
{
	unsigned int i;

	start(true, 4);
	virtq_enable(&q);
	/* Wants to hear of the entry that follows the first round's third. */
	put16(DRIVER, 3 | 1 << 15);
	put16(DRIVER + 2, 2);
	for (i = 0; i < 8; i++) {
		put(DESC, i % 4, DATA, 1, 0, AVAIL(i < 4));
		CHECK_EQ(virtq_pop(&q, &c), 1);
		virtq_push(&q, &c, 0);
		CHECK_EQ(virtq_wants_interrupt(&q), i == 3);
	}
	CHECK(!virtq_notify_on(&q));
	CHECK_EQ(get16(DEVICE), 0 | 1 << 15);
	CHECK_EQ(get16(DEVICE + 2), 2);
	virtq_notify_off(&q);
	CHECK_EQ(get16(DEVICE + 2), 1);
	put(DESC, 0, DATA, 1, 0, AVAIL(1));
	CHECK(virtq_notify_on(&q));
	CHECK_EQ(virtq_pop(&q, &c), 1);
	virtq_push(&q, &c, 0);
	put16(DRIVER + 2, 1);
	CHECK(!virtq_wants_interrupt(&q));
}

TEST(buffers_are_cut)
{
	u8 b[32];
	struct iovec v[] = { { b, 10 }, { b + 10, 0 }, { b + 10, 12 }, { b + 22, 10 } };

	CHECK_EQ(iov_cut(v, 4, 12, 15), 2);
	CHECK(v[0].iov_base == b + 12 && v[0].iov_len == 10);
	CHECK(v[1].iov_base == b + 22 && v[1].iov_len == 5);
	CHECK_EQ(iov_cut(v, 2, 15, 1), 0);
}
