// SPDX-License-Identifier: GPL-2.0-only
/* The LAPIC timer, against a clock that the test moves. */
#include "ktap.h"

#include "irq_board.h"

#define VEC	0xec
#define MS	1000000ull

static const struct { u8 tdcr; u32 div; } divs[] = {
	{ 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 }, { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 },
};

static void run(u64 ns)
{
	board_run(board.now + ns);
}

static bool fired(void)
{
	bool yes = take(0) == VEC;

	if (yes)
		wr(0xb0, 0);
	return yes;
}

TEST(one_shot_every_divisor)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(divs); i++) {
		board_init(1, 0);
		wr(0x320, VEC);
		wr(0x3e0, divs[i].tdcr);
		wr(0x380, 1000);
		CHECK_EQ(rd(0x380), 1000);
		CHECK_EQ(rd(0x390), 1000);
		run(400 * divs[i].div);
		CHECK_EQ(rd(0x390), 600);
		run(600 * divs[i].div - 1);
		CHECK_EQ(rd(0x390), 1);
		CHECK(!fired());
		run(1);
		CHECK_EQ(rd(0x390), 0);
		CHECK(fired());
		run(1000 * MS);
		CHECK(!fired());
		CHECK_EQ(rd(0x380), 1000);
		board_exit();
	}
}

TEST(one_shot_stopped_and_reloaded)
{
	board_init(1, 0);
	wr(0x320, VEC);
	wr(0x3e0, 11);
	wr(0x380, 1000);
	run(500);
	wr(0x380, 1000);
	run(999);
	CHECK(!fired());
	wr(0x380, 0);
	CHECK_EQ(rd(0x390), 0);
	run(MS);
	CHECK(!fired());
	board_exit();
}

TEST(periodic)
{
	int i;

	board_init(1, 0);
	wr(0x3e0, 11);
	wr(0x320, 0x20000 | VEC);
	wr(0x380, MS);
	for (i = 0; i < 5; i++) {
		CHECK_EQ(rd(0x390), MS);
		run(MS - 1);
		CHECK(!fired());
		run(1);
		CHECK(fired());
	}
	run(MS / 4);
	CHECK_EQ(rd(0x390), MS * 3 / 4);
	board_exit();
}

TEST(periodic_late_callback)
{
	board_init(1, 0);
	wr(0x3e0, 11);
	wr(0x320, 0x20000 | VEC);
	wr(0x380, MS);
	/* The host was away for three periods and a half. */
	board.now += 7 * MS / 2;
	CHECK_EQ(rd(0x390), 1);
	run(0);
	CHECK_EQ(board.timer_expiries, 1);
	CHECK(fired());
	CHECK_EQ(rd(0x390), MS / 2);
	run(MS / 2);
	CHECK(fired());
	CHECK_EQ(rd(0x390), MS);
	board_exit();
}

TEST(periodic_is_clamped)
{
	u64 start;
	int n = 0;

	board_init(1, 0);
	wr(0x3e0, 11);
	wr(0x320, 0x20000 | VEC);
	wr(0x380, 1);
	start = board.now;
	while (board.now < start + 2 * MS) {
		run(1000);
		n += fired();
	}
	CHECK_EQ(n, 10);
	board_exit();
}

TEST(masked_counts_silently)
{
	board_init(1, 0);
	wr(0x3e0, 11);
	wr(0x320, 0x30000 | VEC);
	wr(0x380, MS);
	run(MS);
	CHECK(!fired());
	CHECK_EQ(rd(0x390), MS);
	wr(0x320, 0x20000 | VEC);
	run(MS);
	CHECK(fired());
	board_exit();
}

TEST(divisor_changed_while_counting)
{
	board_init(1, 0);
	wr(0x320, VEC);
	wr(0x3e0, 11);
	wr(0x380, 1000);
	run(400);
	wr(0x3e0, 1);		/* by 4 */
	CHECK_EQ(rd(0x390), 600);
	run(2400 - 1);
	CHECK(!fired());
	run(1);
	CHECK(fired());
	board_exit();
}

TEST(mode_changed_while_counting)
{
	board_init(1, 0);
	wr(0x320, VEC);
	wr(0x3e0, 11);
	wr(0x380, MS);
	run(MS / 2);
	wr(0x320, 0x20000 | VEC);	/* goes on, then repeats */
	CHECK_EQ(rd(0x390), MS / 2);
	run(MS / 2);
	CHECK(fired());
	run(MS / 2);
	wr(0x320, VEC);			/* and back */
	run(MS / 2);
	CHECK(fired());
	run(10 * MS);
	CHECK(!fired());
	wr(0x380, MS);
	wr(0x320, 0x40000 | VEC);	/* deadline mode disarms */
	CHECK_EQ(rd(0x380), 0);
	CHECK_EQ(rd(0x390), 0);
	run(10 * MS);
	CHECK(!fired());
	board_exit();
}

TEST(deadline)
{
	u64 tsc;

	board_init(1, 0);
	vhm_lapic_set_tsc_deadline(cpu(0), 1);		/* not in the mode */
	CHECK_EQ(vhm_lapic_tsc_deadline(cpu(0)), 0);
	CHECK(!fired());
	wr(0x320, 0x40000 | VEC);
	tsc = board.now * 2 + 2001;
	vhm_lapic_set_tsc_deadline(cpu(0), tsc);
	CHECK_EQ(board.timer_starts, 1);
	CHECK_EQ(vhm_lapic_tsc_deadline(cpu(0)), tsc);
	CHECK_EQ(rd(0x390), 0);
	wr(0x380, 5);					/* ignored here */
	CHECK_EQ(rd(0x380), 0);
	run(1000);
	CHECK(!fired());
	run(1);
	CHECK(fired());
	CHECK_EQ(vhm_lapic_tsc_deadline(cpu(0)), 0);
	run(MS);
	CHECK(!fired());
	board_exit();
}

TEST(deadline_past_moved_and_cleared)
{
	unsigned int starts;

	board_init(1, 0);
	wr(0x320, 0x40000 | VEC);
	vhm_lapic_set_tsc_deadline(cpu(0), board.now * 2);
	CHECK(fired());
	CHECK_EQ(board.timer_starts, 0);	/* no host timer for what is due */
	CHECK_EQ(board.timer_cancels, 0);
	CHECK_EQ(board.cpu[0]->kicks, 0);	/* the vCPU did it itself */
	vhm_lapic_set_tsc_deadline(cpu(0), board.now * 2 + 2 * MS);
	vhm_lapic_set_tsc_deadline(cpu(0), board.now * 2 + 4 * MS);
	run(MS);
	CHECK(!fired());
	run(MS);
	CHECK(fired());
	CHECK_EQ(board.cpu[0]->kicks, 1);
	vhm_lapic_set_tsc_deadline(cpu(0), board.now * 2 + 2 * MS);
	vhm_lapic_set_tsc_deadline(cpu(0), 0);
	CHECK_EQ(vhm_lapic_tsc_deadline(cpu(0)), 0);
	run(10 * MS);
	CHECK(!fired());
	vhm_lapic_set_tsc_deadline(cpu(0), board.now * 2 + 2 * MS);
	wr(0x320, VEC);				/* leaving the mode disarms */
	run(10 * MS);
	CHECK(!fired());
	wr(0x320, 0x40000 | VEC);
	starts = board.timer_starts;
	vhm_lapic_set_tsc_deadline(cpu(0), ~0ULL);	/* never */
	CHECK_EQ(board.timer_starts, starts + 1);
	CHECK((s64)cpu(0)->timer.expires > 0);
	run(1000 * MS);
	CHECK(!fired());
	board_exit();
}

/* A callback that was on its way when the deadline moved must not clear it. */
TEST(stale_callback)
{
	board_init(1, 0);
	wr(0x320, 0x40000 | VEC);
	vhm_lapic_set_tsc_deadline(cpu(0), board.now * 2 + 2 * MS);
	board.now += MS;
	vhm_lapic_set_tsc_deadline(cpu(0), board.now * 2 + 2 * MS);
	CHECK_EQ(cpu(0)->timer.function(&cpu(0)->timer), HRTIMER_NORESTART);
	CHECK(!fired());
	CHECK(vhm_lapic_tsc_deadline(cpu(0)) != 0);
	run(MS);
	CHECK(fired());
	CHECK_EQ(cpu(0)->timer.function(&cpu(0)->timer), HRTIMER_NORESTART);
	CHECK(!fired());
	board_exit();
}

TEST(deadline_needs_cpuid)
{
	board_init(1, 0);
	vhm_lapic_set_cpuid(cpu(0), true, false, 40);
	wr(0x320, 0x40000 | VEC);
	CHECK_EQ(rd(0x320), VEC);
	vhm_lapic_set_tsc_deadline(cpu(0), 1);
	CHECK(!fired());
	board_exit();
}

TEST(tsc_jumps)
{
	board_init(1, 0);
	wr(0x320, 0x40000 | VEC);
	vhm_lapic_set_tsc_deadline(cpu(0), board.now * 2 + 2 * MS);
	board.now += MS / 2;		/* guest_tsc() is another one now */
	vhm_lapic_set_tsc_deadline(cpu(0), vhm_lapic_tsc_deadline(cpu(0)));
	CHECK_EQ(board.timer_starts, 2);
	run(MS / 2);
	CHECK(fired());
	vhm_lapic_set_tsc_deadline(cpu(0), vhm_lapic_tsc_deadline(cpu(0)));	/* nothing armed */
	CHECK_EQ(board.timer_starts, 2);
	board_exit();
}

/* Save while counting, restore on another board, go on. */
TEST(state_goes_on)
{
	struct kvm_lapic_state s;

	board_init(1, 0);
	wr(0x320, VEC);
	wr(0x3e0, 1);
	wr(0x380, 1000);
	run(4 * 300);
	vhm_lapic_get(cpu(0), &s);
	board_exit();
	board_init(1, 0);
	vhm_lapic_set(cpu(0), &s);
	CHECK_EQ(rd(0x390), 700);
	run(4 * 700 - 1);
	CHECK(!fired());
	run(1);
	CHECK(fired());
	board_exit();
}

TEST(state_periodic)
{
	struct kvm_lapic_state s;

	board_init(1, 0);
	wr(0x3e0, 11);
	wr(0x320, 0x20000 | VEC);
	wr(0x380, MS);
	run(MS / 4);
	vhm_lapic_get(cpu(0), &s);
	board_exit();
	board_init(1, 0);
	vhm_lapic_set(cpu(0), &s);
	run(MS * 3 / 4);
	CHECK(fired());
	CHECK_EQ(rd(0x390), MS);
	memset(s.regs + 0x390, 0xff, 4);	/* beyond the initial count */
	vhm_lapic_set(cpu(0), &s);
	CHECK_EQ(rd(0x390), MS);
	memset(s.regs + 0x390, 0, 4);
	vhm_lapic_set(cpu(0), &s);
	CHECK_EQ(rd(0x390), MS);
	board_exit();
}

/* A one-shot timer saved as run out fires: its interrupt may not have been sent. */
TEST(state_run_out)
{
	struct kvm_lapic_state s;

	board_init(1, 0);
	wr(0x320, VEC);
	wr(0x380, 1000);
	vhm_lapic_get(cpu(0), &s);
	memset(s.regs + 0x390, 0, 4);
	vhm_lapic_set(cpu(0), &s);
	CHECK(fired());
	board_exit();
}

TEST(state_deadline_survives)
{
	struct kvm_lapic_state s;

	board_init(1, 0);
	wr(0x320, 0x40000 | VEC);
	vhm_lapic_set_tsc_deadline(cpu(0), board.now * 2 + 2 * MS);
	vhm_lapic_get(cpu(0), &s);
	vhm_lapic_set(cpu(0), &s);
	run(MS);
	CHECK(fired());
	vhm_lapic_set(cpu(0), &s);	/* over: not again */
	CHECK(!fired());
	run(MS);
	CHECK(!fired());
	board_exit();
}

TEST(reset_stops)
{
	board_init(1, 0);
	wr(0x320, 0x20000 | VEC);
	wr(0x380, MS);
	vhm_lapic_reset(cpu(0), true);
	wr(0xf0, 0x1ff);
	wr(0x320, VEC);
	run(100 * MS);
	CHECK(!fired());
	board_exit();
}
