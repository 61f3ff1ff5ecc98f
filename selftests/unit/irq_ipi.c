// SPDX-License-Identifier: GPL-2.0-only
/* Who gets a message: IPIs and MSIs, every destination mode. */
#include "ktap.h"

#include "irq_board.h"

#define N	8

/* Send from CPU 0 by xAPIC registers. */
static void ipi(u8 dest, u32 icr)
{
	wr(0x310, (u32)dest << 24);
	wr(0x300, icr);
}

/* Bit per CPU that has vec pending; takes and ends them. */
static u32 got(int vec)
{
	u32 mask = 0;
	unsigned int i;

	for (i = 0; i < board.n_cpus; i++) {
		int v = take(i);

		if (v < 0)
			continue;
		CHECK_EQ(v, vec);
		mask |= 1u << i;
		vhm_lapic_eoi(cpu(i));
	}
	return mask;
}

static void logical_ids(u32 dfr, const u8 *ldr)
{
	unsigned int i;

	for (i = 0; i < board.n_cpus; i++) {
		vhm_lapic_write(cpu(i), 0xe0, 4, dfr);
		vhm_lapic_write(cpu(i), 0xd0, 4, (u32)ldr[i] << 24);
	}
}

TEST(physical)
{
	board_init(N, 0);
	ipi(3, 0x41);
	CHECK_EQ(got(0x41), 1 << 3);
	ipi(0, 0x41);
	CHECK_EQ(got(0x41), 1 << 0);
	CHECK_EQ(board.cpu[0]->kicks, 0);
	CHECK_EQ(board.cpu[3]->kicks, 1);
	ipi(0xff, 0x42);
	CHECK_EQ(got(0x42), 0xff);
	ipi(N, 0x42);
	CHECK_EQ(got(0x42), 0);
	/* A renamed APIC is found under its new name only. */
	vhm_lapic_write(cpu(3), 0x20, 4, 0x55u << 24);
	ipi(3, 0x41);
	CHECK_EQ(got(0x41), 0);
	ipi(0x55, 0x41);
	CHECK_EQ(got(0x41), 1 << 3);
	board_exit();
}

TEST(shorthands)
{
	board_init(N, 0);
	ipi(5, 0x40000 | 0x41);
	CHECK_EQ(got(0x41), 1 << 0);
	ipi(5, 0x80000 | 0x41);
	CHECK_EQ(got(0x41), 0xff);
	ipi(5, 0xc0000 | 0x41);
	CHECK_EQ(got(0x41), 0xfe);
	CHECK_EQ(rd(0x300), 0xc0041);
	ipi(5, 0xc1041);	/* delivery status is read-only */
	CHECK_EQ(rd(0x300), 0xc0041);
	board_exit();
}

TEST(logical_flat)
{
	static const u8 ldr[N] = { 1, 2, 4, 8, 16, 32, 64, 128 };

	board_init(N, 0);
	logical_ids(0xffffffff, ldr);
	ipi(0x05, 0x841);
	CHECK_EQ(got(0x41), 0x05);
	ipi(0xff, 0x841);
	CHECK_EQ(got(0x41), 0xff);
	ipi(0x00, 0x841);
	CHECK_EQ(got(0x41), 0);
	board_exit();
}

TEST(logical_cluster)
{
	static const u8 ldr[N] = { 0x11, 0x12, 0x14, 0x18, 0x21, 0x22, 0x24, 0x28 };

	board_init(N, 0);
	logical_ids(0x0fffffff, ldr);
	ipi(0x13, 0x841);
	CHECK_EQ(got(0x41), 0x03);
	ipi(0x2f, 0x841);
	CHECK_EQ(got(0x41), 0xf0);
	ipi(0x3f, 0x841);
	CHECK_EQ(got(0x41), 0);
	ipi(0xff, 0x841);
	CHECK_EQ(got(0x41), 0xff);
	board_exit();
}

static void send2(unsigned int from, u32 dest, u32 icr)
{
	CHECK(vhm_lapic_msr_write(cpu(from), 0x830, (u64)dest << 32 | icr));
}

TEST(x2apic_modes)
{
	unsigned int i;

	board_init(20, 0);
	for (i = 0; i < 20; i++)
		CHECK(vhm_lapic_set_base(cpu(i), 0xfee00c00 | (i ? 0 : 0x100), false));
	send2(0, 18, 0x41);
	CHECK_EQ(got(0x41), 1 << 18);
	send2(0, 0xff, 0x41);			/* an id like any other */
	CHECK_EQ(got(0x41), 0);
	send2(0, 0xffffffff, 0x41);
	CHECK_EQ(got(0x41), 0xfffff);
	send2(0, 0x10005, 0x841);		/* cluster 1, members 0 and 2 */
	CHECK_EQ(got(0x41), 1 << 16 | 1 << 18);
	send2(0, 0x0000f000, 0x841);
	CHECK_EQ(got(0x41), 0xf000);
	send2(0, 0xffffffff, 0x841);
	CHECK_EQ(got(0x41), 0xfffff);
	/* A device's 8-bit 0xff reaches everyone here, too. */
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfeeff000, 0x42), 20);
	CHECK_EQ(got(0x42), 0xfffff);
	board_exit();
}

TEST(disabled_targets)
{
	board_init(4, 0);
	vhm_lapic_write(cpu(1), 0xf0, 4, 0xff);		/* by software */
	CHECK(vhm_lapic_set_base(cpu(2), 0xfee00000, false));
	ipi(0xff, 0x41);
	CHECK_EQ(got(0x41), 0x9);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee01000, 0x41), 0);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee02000, 0x41), 0);
	ipi(0xff, 0x400);
	CHECK_EQ(board.cpu[1]->nmis, 1);	/* not masked by software disable */
	CHECK_EQ(board.cpu[2]->nmis, 0);
	board_exit();
}

TEST(delivery_modes)
{
	board_init(3, 0);
	ipi(1, 0x400);
	CHECK_EQ(board.cpu[1]->nmis, 1);
	ipi(1, 0x200);			/* SMI: taken, and nothing comes of it */
	ipi(1, 0x4500);
	CHECK_EQ(board.cpu[1]->inits, 1);
	ipi(1, 0xc500);			/* INIT, level, assert */
	CHECK_EQ(board.cpu[1]->inits, 2);
	ipi(1, 0x8500);			/* INIT level de-assert */
	CHECK_EQ(board.cpu[1]->inits, 2);
	ipi(1, 0x4699);
	CHECK_EQ(board.cpu[1]->sipis, 1);
	CHECK_EQ(board.cpu[1]->sipi_vector, 0x99);
	ipi(1, 0x341);			/* remote read, ExtINT: nothing */
	ipi(1, 0x741);
	CHECK_EQ(got(0), 0);
	CHECK_EQ(board.cpu[1]->kicks, 0);
	ipi(0, 0xc0500);		/* all but self */
	CHECK_EQ(board.cpu[0]->inits, 0);
	CHECK_EQ(board.cpu[2]->inits, 1);
	board_exit();
}

TEST(lowest_priority)
{
	static const u8 ldr[N] = { 1, 2, 4, 8, 16, 32, 64, 128 };
	unsigned int i, n[N] = { 0 };

	board_init(N, 0);
	logical_ids(0xffffffff, ldr);
	/* Equals take turns. */
	for (i = 0; i < 4 * N; i++) {
		u32 mask;

		ipi(0xff, 0x941);
		mask = got(0x41);
		CHECK_EQ(__builtin_popcount(mask), 1);
		n[__builtin_ctz(mask)]++;
	}
	for (i = 0; i < N; i++)
		CHECK_EQ(n[i], 4);
	/* The least urgent task wins. */
	for (i = 0; i < N; i++)
		vhm_lapic_write(cpu(i), 0x80, 4, i == 6 ? 0x10 : 0x20);
	for (i = 0; i < 3; i++) {
		ipi(0xff, 0x941);
		CHECK_EQ(got(0x41), 1 << 6);
	}
	/* Not one that would not take it. */
	vhm_lapic_write(cpu(6), 0xf0, 4, 0xff);
	ipi(0x60, 0x941);
	CHECK_EQ(got(0x41), 1 << 5);
	board_exit();
}

TEST(msi)
{
	static const u8 ldr[N] = { 1, 2, 4, 8, 16, 32, 64, 128 };

	board_init(N, 0);
	logical_ids(0xffffffff, ldr);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee03000, 0x4041), 1);
	CHECK_EQ(got(0x41), 1 << 3);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee03004, 0x41), 2);	/* logical 3 */
	CHECK_EQ(got(0x41), 0x3);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee0f00c, 0x41), 1);	/* one of four */
	CHECK_EQ(__builtin_popcount(got(0x41)), 1);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee0f004, 0x141), 1);
	CHECK_EQ(__builtin_popcount(got(0x41)), 1);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee01000, 0x400), 1);
	CHECK_EQ(board.cpu[1]->nmis, 1);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee63000, 0x41), 0);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee03000, 0x05), 0);	/* bad vector */
	board_exit();
}

TEST(published_late)
{
	struct board_cpu late = { 0 };

	board_init(1, 0);
	CHECK_EQ(vhm_lapic_init(&late.lapic, &board.chip, 9, 9, false), 0);
	vhm_lapic_write(&late.lapic, 0xf0, 4, 0x1ff);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee09000, 0x41), 0);
	vhm_lapic_publish(&late.lapic);			/* leaves holes below */
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee09000, 0x41), 1);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee05000, 0x41), 0);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfeeff000, 0x42), 2);
	vhm_lapic_destroy(&late.lapic);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfee09000, 0x41), 0);
	board_exit();
}
