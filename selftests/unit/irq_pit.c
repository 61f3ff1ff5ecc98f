// SPDX-License-Identifier: GPL-2.0-only
/* The 8254: access, counts and outputs of every mode, ticks of channel 0, state. */
#include "ktap.h"

#include "irq_board.h"

#define HZ		1193182ull
#define MS		1000000ull

/* Time at which n clocks after `from` have just passed. */
static u64 at(u64 from, u64 n)
{
	return from + (n * 1000000000ull + HZ - 1) / HZ;
}

static void program(u32 ch, u32 mode, u32 count)
{
	outb(0x43, ch << 6 | 0x30 | mode << 1);
	outb(0x40 + ch, count);
	outb(0x40 + ch, count >> 8);
}

static u32 value(u32 ch)
{
	u32 lo;

	outb(0x43, ch << 6);
	lo = inb(0x40 + ch);
	return lo | inb(0x40 + ch) << 8;
}

static u8 status(u32 ch)
{
	outb(0x43, 0xe0 | 2 << ch);
	return inb(0x40 + ch);
}

static bool out(u32 ch)
{
	return status(ch) >> 7;
}

/* Channel 2 with its gate high, or the board without. */
static void start(void)
{
	board_init(1, KVM_PIT_SPEAKER_DUMMY);
	pic_setup(1);
	outb(0x61, 1);
}

TEST(access_modes)
{
	u64 t;

	start();
	outb(0x43, 0x90);			/* LSB only, mode 0 */
	outb(0x42, 0x34);
	CHECK_EQ(inb(0x42), 0x34);
	CHECK_EQ(inb(0x42), 0x34);
	outb(0x43, 0xa0);			/* MSB only */
	outb(0x42, 0x12);
	CHECK_EQ(inb(0x42), 0x12);
	outb(0x43, 0xb0);			/* both: reading toggles */
	outb(0x42, 0x78);
	CHECK_EQ(status(2), 0x70);		/* null count, OUT low */
	outb(0x42, 0x56);
	CHECK_EQ(status(2), 0x30);
	CHECK_EQ(inb(0x42), 0x78);
	CHECK_EQ(inb(0x42), 0x56);
	t = board.now;
	outb(0x43, 0x80);			/* latched, however long it takes */
	board.now = at(t, 100);
	outb(0x43, 0x80);			/* a second latch is ignored */
	CHECK_EQ(inb(0x42), 0x78);
	board.now = at(t, 200);
	CHECK_EQ(inb(0x42), 0x56);
	CHECK_EQ(value(2), 0x5678 - 200);
	CHECK_EQ(inb(0x43), 0);			/* write only */
	board_exit();
}

TEST(read_back)
{
	u64 t;

	start();
	program(2, 2, 1000);
	t = board.now;
	board.now = at(t, 10);
	outb(0x43, 0xc8);			/* status and count of 2 */
	board.now = at(t, 20);
	CHECK_EQ(inb(0x42), 0xb4);
	CHECK_EQ(inb(0x42), 990 & 0xff);
	CHECK_EQ(inb(0x42), 990 >> 8);
	program(1, 3, 0);
	outb(0x43, 0xce);			/* all three at once */
	CHECK_EQ(inb(0x41), 0xb6);
	CHECK_EQ(inb(0x41), 0);			/* 65536 */
	CHECK_EQ(inb(0x41), 0);
	program(2, 0, 10);
	outb(0x43, 0xe8);			/* the status of now, not of later */
	board.now = at(board.now, 20);
	outb(0x43, 0xe8);
	CHECK_EQ(inb(0x42), 0x30);
	program(2, 2, 1000);
	outb(0x43, 0xde);			/* count only: 20 clocks by two */
	CHECK_EQ(inb(0x41), (0x10000 - 40) & 0xff);
	outb(0x43, 0xf8 & ~0x10);		/* status only */
	CHECK_EQ(inb(0x42) & 0x7f, 0x34);
	board_exit();
}

TEST(mode0)
{
	u64 t;

	start();
	program(2, 0, 1000);
	t = board.now;
	CHECK(!out(2));
	CHECK_EQ(value(2), 1000);
	board.now = at(t, 999);
	CHECK_EQ(value(2), 1);
	CHECK(!out(2));
	board.now = at(t, 1000);
	CHECK_EQ(value(2), 0);
	CHECK(out(2));
	CHECK_EQ(inb(0x61) & 0x20, 0x20);
	board.now = at(t, 1001);
	CHECK_EQ(value(2), 0xffff);		/* goes on */
	CHECK(out(2));
	outb(0x43, 0xb0);			/* a new control word lowers OUT */
	CHECK(!out(2));
	board_exit();
}

TEST(mode0_gate)
{
	u64 t;

	start();
	program(2, 0, 1000);
	t = board.now;
	board.now = at(t, 300);
	outb(0x61, 0);
	board.now += 50 * MS;
	CHECK_EQ(value(2), 700);
	outb(0x61, 1);
	t = board.now;
	board.now = at(t, 699);
	CHECK(!out(2));
	board.now = at(t, 701);
	CHECK(out(2));
	outb(0x61, 0);				/* loaded while the gate is low */
	program(2, 0, 100);
	board.now += MS;
	CHECK_EQ(value(2), 100);
	outb(0x61, 1);
	t = board.now;
	board.now = at(t, 100);
	CHECK(out(2));
	board_exit();
}

TEST(mode1)
{
	u64 t;

	start();
	program(2, 1, 100);
	CHECK(out(2));				/* waits for its trigger */
	board.now += MS;
	CHECK(out(2));
	outb(0x61, 0);
	outb(0x61, 1);
	t = board.now;
	CHECK(!out(2));
	board.now = at(t, 60);
	outb(0x61, 0);				/* low does nothing, */
	outb(0x61, 1);				/* high again restarts */
	t = board.now;
	board.now = at(t, 99);
	CHECK(!out(2));
	board.now = at(t, 100);
	CHECK(out(2));
	board_exit();
}

TEST(mode2)
{
	u64 t;
	u32 i;

	start();
	program(2, 2, 5);
	t = board.now;
	for (i = 0; i < 20; i++) {
		board.now = at(t, i);
		CHECK_EQ(value(2), 5 - i % 5);
		CHECK_EQ(out(2), i % 5 != 4);
	}
	board.now = at(t, 23);
	outb(0x61, 0);
	CHECK(out(2));				/* high at once */
	board.now += MS;
	outb(0x61, 1);				/* starts over */
	CHECK_EQ(value(2), 5);
	board_exit();
}

/* Data sheet, "Mode 3": the even and the odd example. */
TEST(mode3)
{
	static const u8 even[] = { 4, 2, 4, 2, 4, 2, 4, 2 };
	static const u8 even_out[] = { 1, 1, 0, 0, 1, 1, 0, 0 };
	static const u8 odd[] = { 4, 2, 0, 4, 2, 4, 2, 0, 4, 2 };
	static const u8 odd_out[] = { 1, 1, 1, 0, 0, 1, 1, 1, 0, 0 };
	u64 t;
	u32 i;

	start();
	program(2, 3, 4);
	t = board.now;
	for (i = 0; i < ARRAY_SIZE(even); i++) {
		board.now = at(t, i);
		CHECK_EQ(value(2), even[i]);
		CHECK_EQ(out(2), even_out[i]);
	}
	program(2, 7, 5);			/* 7 is 3 */
	CHECK_EQ(status(2) & 0x0e, 0x06);
	t = board.now;
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		board.now = at(t, i);
		CHECK_EQ(value(2), odd[i]);
		CHECK_EQ(out(2), odd_out[i]);
	}
	board_exit();
}

TEST(mode4)
{
	u64 t;

	start();
	program(2, 4, 50);
	t = board.now;
	CHECK(out(2));
	board.now = at(t, 49);
	CHECK(out(2));
	board.now = at(t, 50);
	CHECK(!out(2));				/* one clock */
	board.now = at(t, 51);
	CHECK(out(2));
	CHECK_EQ(value(2), 0xffff);
	board_exit();
}

TEST(mode5)
{
	u64 t;

	start();
	program(2, 5, 50);
	board.now += MS;
	CHECK(out(2));
	outb(0x61, 0);
	outb(0x61, 1);
	t = board.now;
	board.now = at(t, 50);
	CHECK(!out(2));
	board.now = at(t, 51);
	CHECK(out(2));
	board_exit();
}

TEST(speaker)
{
	u64 t;
	u32 i, toggles = 0;
	u8 old;

	board_init(1, KVM_PIT_SPEAKER_DUMMY);
	CHECK_EQ(inb(0x61) & 3, 0);
	outb(0x61, 0xff);
	CHECK_EQ(inb(0x61) & 3, 3);
	CHECK_EQ(inb(0x61) & 0xcc, 0);
	outb(0x61, 2);
	CHECK_EQ(inb(0x61) & 3, 2);
	t = board.now;
	old = inb(0x61);
	for (i = 0; i < 1000; i++) {
		board.now = t + i * 1000;
		toggles += (old ^ inb(0x61)) >> 4 & 1;
		old = inb(0x61);
	}
	CHECK(toggles > 55 && toggles < 70);	/* every 15 us or so */
	board_exit();
}

/* Ticks that reached the PIC in that time, each ended at once. */
static u32 ticks(u64 ns)
{
	u64 end = board.now + ns;
	u32 n = 0;

	while (board.now < end) {
		board_run(board.now + 10000 < end ? board.now + 10000 : end);
		while (take(0) == 0x20) {
			n++;
			outb(0x20, 0x20);
		}
	}
	return n;
}

TEST(channel0_periodic)
{
	start();
	program(0, 2, 11932);			/* 100 Hz */
	CHECK_EQ(ticks(1000 * MS), 99);		/* 100.0 Hz lacks a hair */
	CHECK_EQ(ticks(1000 * MS), 100);
	program(0, 3, 0);			/* 18.2 Hz */
	CHECK_EQ(ticks(10000 * MS), 182);
	outb(0x43, 0x34);			/* stops until a count is written */
	CHECK_EQ(ticks(1000 * MS), 0);
	board_exit();
}

TEST(channel0_one_shot)
{
	u64 t;

	start();
	program(0, 0, 1193);
	t = board.now;
	board_run(at(t, 1192));
	CHECK_EQ(take(0), -1);
	board_run(at(t, 1193));
	CHECK_EQ(take(0), 0x20);
	outb(0x20, 0x20);
	CHECK_EQ(ticks(1000 * MS), 0);
	program(0, 4, 1193);
	CHECK_EQ(ticks(1000 * MS), 1);
	program(0, 1, 1193);			/* no gate edge ever comes */
	CHECK_EQ(ticks(1000 * MS), 0);
	program(0, 5, 1193);
	CHECK_EQ(ticks(1000 * MS), 0);
	board_exit();
}

TEST(channel0_is_clamped)
{
	start();
	program(0, 2, 2);
	CHECK_EQ(ticks(100 * MS), 500);		/* 200 us */
	board_exit();
}

/* A guest that does not get to run sees every tick, one after the other. */
TEST(reinject)
{
	int i;

	start();
	program(0, 2, 1193);
	board_run(board.now + 20 * MS);
	for (i = 0; i < 20; i++) {
		CHECK_EQ(take(0), 0x20);
		CHECK_EQ(take(0), -1);
		outb(0x20, 0x20);
	}
	CHECK_EQ(take(0), -1);
	board_run(board.now + MS);		/* more come while one is in service */
	CHECK_EQ(take(0), 0x20);
	board_run(board.now + 3 * MS);
	for (i = 0; i < 3; i++) {
		outb(0x20, 0x20);
		CHECK_EQ(take(0), 0x20);
	}
	outb(0x20, 0x20);
	CHECK_EQ(take(0), -1);
	board.now += 20 * MS;			/* now the host was away */
	board_run(board.now);
	for (i = 0; i < 20; i++) {
		CHECK_EQ(take(0), 0x20);
		outb(0x20, 0x20);
	}
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(no_reinject)
{
	start();
	vhm_pit_set_reinject(&board.chip, false);
	program(0, 2, 1193);
	board_run(board.now + 20 * MS);
	CHECK_EQ(take(0), 0x20);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), -1);
	vhm_pit_set_reinject(&board.chip, true);
	board_run(board.now + 5 * MS);
	vhm_pit_set_reinject(&board.chip, false);
	vhm_pit_set_reinject(&board.chip, true);	/* the debt is forgotten */
	CHECK_EQ(take(0), 0x20);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(reinject_through_the_ioapic)
{
	int i;

	start();
	outb(0x21, 0xff);
	rte(0, 0, 0x51);
	program(0, 2, 1193);
	board_run(board.now + 5 * MS);
	for (i = 0; i < 5; i++) {
		CHECK_EQ(take(0), 0x51);
		wr(0xb0, 0);
	}
	CHECK_EQ(take(0), -1);
	board_exit();
}

/* Ticks sent into a closed pin are never acknowledged: opening it forgets them. */
TEST(unmasking_forgets)
{
	start();
	rte(0, 0, 0x10000);
	outb(0x21, 0xff);
	program(0, 2, 1193);
	board_run(board.now + 50 * MS);
	rte(0, 0, 0x51);
	CHECK_EQ(take(0), -1);
	board_run(board.now + MS);
	CHECK_EQ(take(0), 0x51);
	wr(0xb0, 0);
	CHECK_EQ(take(0), -1);
	rte(0, 0, 0x10000);
	board_run(board.now + 50 * MS);
	outb(0x21, 0xfe);
	CHECK_EQ(take(0), 0x20);		/* the edge that the PIC latched */
	outb(0x20, 0x20);
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(hpet_legacy)
{
	struct kvm_pit_state2 s;

	start();
	program(0, 2, 1193);
	vhm_pit_get(&board.chip, &s);
	s.flags |= KVM_PIT_FLAGS_HPET_LEGACY;
	vhm_pit_set(&board.chip, &s, true);
	CHECK_EQ(ticks(20 * MS), 0);
	program(0, 2, 1193);
	CHECK_EQ(ticks(20 * MS), 0);
	s.flags = 0;
	vhm_pit_set(&board.chip, &s, true);
	CHECK_EQ(ticks(20 * MS), 20);
	board_exit();
}

TEST(creation)
{
	struct kvm_pit_state2 s;
	struct vhm_irqchip chip = { 0 };
	int i;

	board_init(1, 0);
	CHECK_EQ(vhm_pit_create(&board.chip, 0), -EEXIST);
	CHECK_EQ(vhm_pit_create(&chip, 0), -ENOENT);
	CHECK_EQ(vhm_irqchip_init(&chip, board.chip.ops), 0);
	CHECK_EQ(vhm_pit_create(&chip, 2), -EINVAL);
	vhm_irqchip_destroy(&chip);
	vhm_pit_get(&board.chip, &s);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(s.channels[i].mode, 0xff);
		CHECK_EQ(s.channels[i].count, 0x10000);
		CHECK_EQ(s.channels[i].gate, i != 2);
	}
	CHECK_EQ(s.flags, 0);
	CHECK_EQ(ticks(1000 * MS), 0);
	board_exit();
}

TEST(state_round_trip)
{
	struct kvm_pit_state2 a, b;
	int i;

	start();
	outb(0x61, 3);
	program(0, 2, 1193);
	program(1, 3, 18);
	program(2, 0, 4000);
	outb(0x43, 0x80);			/* a latched count, half read */
	inb(0x42);
	outb(0x41, 0x55);			/* half a count written */
	vhm_pit_get(&board.chip, &a);
	CHECK_EQ(a.flags, KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	board_exit();

	board_init(1, KVM_PIT_SPEAKER_DUMMY);
	pic_setup(1);
	board.now += 12345678;
	vhm_pit_set(&board.chip, &a, true);
	vhm_pit_get(&board.chip, &b);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(b.channels[i].count_load_time, (s64)board.now);
		b.channels[i].count_load_time = a.channels[i].count_load_time;
	}
	CHECK(!memcmp(&a, &b, sizeof(a)));
	CHECK_EQ(inb(0x42), 4000 >> 8);
	CHECK_EQ(inb(0x61) & 3, 3);
	CHECK_EQ(ticks(20 * MS), 20);
	board_exit();
}

TEST(state_garbage)
{
	struct kvm_pit_state2 s;
	int v, i;

	start();
	for (v = 0; v < 256; v++) {
		memset(&s, v, sizeof(s));
		vhm_pit_set(&board.chip, &s, true);
		board_run(board.now + 3 * MS);
		for (i = 0; i < 3; i++) {
			value(i);
			status(i);
			inb(0x40 + i);
			outb(0x40 + i, v);
		}
		inb(0x61);
		take(0);
		outb(0x20, 0x20);
	}
	board_exit();
}
