// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC alone: registers, priority, end of interrupt, modes, state. */
#include "ktap.h"

#include "irq_board.h"

#define IRR(vec) (rd(0x200 + ((vec) >> 5) * 16) >> ((vec) & 31) & 1)
#define ISR(vec) (rd(0x100 + ((vec) >> 5) * 16) >> ((vec) & 31) & 1)
#define TMR(vec) (rd(0x180 + ((vec) >> 5) * 16) >> ((vec) & 31) & 1)

static void give(u8 vec)
{
	CHECK(deliver(0, vec, false));
}

TEST(reset_values)
{
	static const struct { u32 off, val; } regs[] = {
		{ 0x20, 0 }, { 0x30, 0x50014 }, { 0x80, 0 }, { 0x90, 0 }, { 0xa0, 0 },
		{ 0xd0, 0 }, { 0xe0, 0xffffffff }, { 0xf0, 0xff }, { 0x280, 0 },
		{ 0x300, 0 }, { 0x310, 0 }, { 0x320, 0x10000 }, { 0x330, 0x10000 },
		{ 0x340, 0x10000 }, { 0x350, 0x700 }, { 0x360, 0x10000 },
		{ 0x370, 0x10000 }, { 0x380, 0 }, { 0x390, 0 }, { 0x3e0, 0 },
	};
	unsigned int i;

	board_init(2, 0);
	vhm_lapic_reset(cpu(0), false);
	vhm_lapic_reset(cpu(1), false);
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		CHECK_EQ(rd(regs[i].off), regs[i].val);
	CHECK_EQ(cpu(0)->base, 0xfee00900);
	CHECK_EQ(cpu(1)->base, 0xfee00800);
	CHECK_EQ(vhm_lapic_read(cpu(1), 0x20, 4), 1u << 24);
	CHECK_EQ(vhm_lapic_read(cpu(1), 0x350, 4), 0x10000);
	board_exit();
}

TEST(init_keeps_id_and_base)
{
	board_init(1, 0);
	give(0x50);
	wr(0x20, 7u << 24);
	wr(0x320, 0x30);
	vhm_lapic_reset(cpu(0), true);
	CHECK_EQ(rd(0x20), 7u << 24);
	CHECK_EQ(rd(0x320), 0x10000);
	CHECK_EQ(rd(0xf0), 0xff);
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	CHECK_EQ(IRR(0x50), 0);
	board_exit();
}

TEST(write_masks)
{
	static const struct { u32 off, val; } regs[] = {
		{ 0x20, 0xff000000 }, { 0x30, 0x50014 }, { 0x80, 0xff }, { 0xa0, 0xff },
		{ 0xd0, 0xff000000 }, { 0xe0, 0xffffffff }, { 0xf0, 0x3ff },
		{ 0x320, 0x700ff }, { 0x330, 0x107ff }, { 0x340, 0x107ff },
		{ 0x350, 0x1a7ff }, { 0x360, 0x1a7ff }, { 0x370, 0x100ff },
		{ 0x310, 0xff000000 }, { 0x390, 0 }, { 0x3e0, 0xb }, { 0x100, 0 },
		{ 0x200, 0 }, { 0x180, 0 },
	};
	unsigned int i;

	board_init(1, 0);
	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		wr(regs[i].off, 0xffffffff);
		CHECK_EQ(rd(regs[i].off), regs[i].val);
	}
	wr(0xe0, 0);
	CHECK_EQ(rd(0xe0), 0x0fffffff);
	board_exit();
}

TEST(odd_accesses)
{
	board_init(1, 0);
	CHECK_EQ(vhm_lapic_read(cpu(0), 0x30, 1), 0x14);
	CHECK_EQ(vhm_lapic_read(cpu(0), 0x32, 1), 0x05);
	CHECK_EQ(vhm_lapic_read(cpu(0), 0x32, 2), 0x05);
	CHECK_EQ(vhm_lapic_read(cpu(0), 0x33, 2), 0);
	CHECK_EQ(vhm_lapic_read(cpu(0), 0x30, 8), 0);
	CHECK_EQ(vhm_lapic_read(cpu(0), 0x34, 4), 0);
	vhm_lapic_write(cpu(0), 0x80, 1, 0x20);
	vhm_lapic_write(cpu(0), 0x80, 8, 0x20);
	vhm_lapic_write(cpu(0), 0x84, 4, 0x20);
	CHECK_EQ(rd(0x80), 0);
	CHECK_EQ(vhm_lapic_read(cpu(0), 0xffc, 4), 0);
	board_exit();
}

TEST(one_interrupt)
{
	board_init(1, 0);
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	give(0x41);
	CHECK_EQ(board.cpu[0]->kicks, 1);
	CHECK_EQ(IRR(0x41), 1);
	CHECK_EQ(vhm_irq_pending(cpu(0)), 0x41);
	CHECK_EQ(take(0), 0x41);
	CHECK_EQ(IRR(0x41), 0);
	CHECK_EQ(ISR(0x41), 1);
	CHECK_EQ(rd(0xa0), 0x40);
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	CHECK_EQ(cpu(0)->isr_top, 0x41);
	wr(0xb0, 0);
	CHECK_EQ(ISR(0x41), 0);
	CHECK_EQ(rd(0xa0), 0);
	CHECK_EQ(take(0), -1);
	wr(0xb0, 0);		/* an EOI with nothing in service is nothing */
	CHECK_EQ(rd(0xa0), 0);
	board_exit();
}

TEST(second_request_is_kept_once)
{
	board_init(1, 0);
	give(0x41);
	give(0x41);
	CHECK_EQ(board.cpu[0]->kicks, 1);
	CHECK_EQ(take(0), 0x41);
	give(0x41);		/* in service: one more may wait */
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	wr(0xb0, 0);
	CHECK_EQ(take(0), 0x41);
	wr(0xb0, 0);
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(nesting_and_classes)
{
	board_init(1, 0);
	give(0x41);
	CHECK_EQ(take(0), 0x41);
	give(0x4f);		/* same class: waits */
	give(0x31);
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	give(0x52);
	CHECK_EQ(take(0), 0x52);
	CHECK_EQ(rd(0xa0), 0x50);
	CHECK_EQ(take(0), -1);
	wr(0xb0, 0);
	CHECK_EQ(rd(0xa0), 0x40);
	CHECK_EQ(ISR(0x52), 0);
	CHECK_EQ(ISR(0x41), 1);
	wr(0xb0, 0);
	CHECK_EQ(take(0), 0x4f);
	wr(0xb0, 0);
	CHECK_EQ(take(0), 0x31);
	board_exit();
}

TEST(task_priority)
{
	board_init(1, 0);
	wr(0x80, 0x45);
	CHECK_EQ(rd(0xa0), 0x45);
	give(0x4f);
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	CHECK_EQ(vhm_lapic_cr8_threshold(cpu(0)), 4);
	vhm_lapic_set_cr8(cpu(0), 4);	/* no change: the sub-class stays */
	CHECK_EQ(rd(0x80), 0x45);
	vhm_lapic_set_cr8(cpu(0), 3);
	CHECK_EQ(rd(0x80), 0x30);
	CHECK_EQ(vhm_lapic_cr8(cpu(0)), 3);
	CHECK_EQ(vhm_irq_pending(cpu(0)), 0x4f);
	CHECK_EQ(vhm_lapic_cr8_threshold(cpu(0)), 0);
	CHECK_EQ(take(0), 0x4f);
	wr(0x80, 0x45);
	CHECK_EQ(rd(0xa0), 0x45);	/* same class: the TPR shows */
	wr(0x80, 0xf0);
	give(0x42);
	CHECK_EQ(vhm_lapic_cr8_threshold(cpu(0)), 0);	/* in service blocks it anyway */
	board_exit();
}

TEST(software_disable)
{
	board_init(1, 0);
	wr(0x320, 0x30);
	give(0x41);
	wr(0xf0, 0xff);
	CHECK_EQ(rd(0x320), 0x10030);
	wr(0x320, 0x30);
	CHECK_EQ(rd(0x320), 0x10030);
	CHECK(!deliver(0, 0x42, false));
	CHECK_EQ(take(0), 0x41);	/* what was accepted is held */
	wr(0xf0, 0x1ff);
	wr(0x320, 0x30);
	CHECK_EQ(rd(0x320), 0x30);
	board_exit();
}

TEST(errors)
{
	board_init(1, 0);
	wr(0x370, 0xfe);
	CHECK(!deliver(0, 0x0f, false));
	CHECK_EQ(rd(0x280), 0);		/* not before a write */
	wr(0x280, 0);
	CHECK_EQ(rd(0x280), 0x40);
	CHECK_EQ(take(0), 0xfe);
	wr(0xb0, 0);
	wr(0x280, 0);
	CHECK_EQ(rd(0x280), 0);
	wr(0x300, 0x40005);		/* self IPI, vector 5 */
	rd(0x40);			/* reserved register */
	rd(0x40);
	CHECK_EQ(take(0), 0xfe);
	wr(0xb0, 0);
	wr(0x280, 0);
	CHECK_EQ(rd(0x280), 0xa0);
	wr(0x370, 0x05);		/* an error vector that is an error */
	rd(0x40);
	wr(0x280, 0);
	CHECK_EQ(rd(0x280), 0xc0);
	CHECK_EQ(take(0), -1);
	board_exit();
}

static bool base(u64 val)
{
	return vhm_lapic_set_base(cpu(0), val, false);
}

TEST(mode_transitions)
{
	const u64 off = 0xfee00100, xapic = off | 0x800, x2apic = off | 0xc00;

	board_init(1, 0);
	CHECK(!base(off | 0x400));		/* invalid */
	CHECK(base(x2apic));
	CHECK(!base(xapic));
	CHECK(!base(off | 0x400));
	CHECK_EQ(cpu(0)->base, x2apic);
	CHECK(base(x2apic));
	CHECK(base(off));
	CHECK(!base(x2apic));
	CHECK(base(xapic));
	CHECK_EQ(rd(0x20), 0);
	CHECK_EQ(rd(0xf0), 0xff);		/* the state was lost */
	CHECK(!base(xapic | 1));		/* reserved */
	CHECK(!base(xapic | 0x200));
	CHECK(!base(xapic | 1ULL << 40));	/* above MAXPHYADDR */
	CHECK(base(xapic | 1ULL << 39));
	CHECK(vhm_lapic_hit(cpu(0), 0x80fee00fffULL));
	CHECK(!vhm_lapic_hit(cpu(0), 0xfee00000ULL));
	CHECK(base(xapic));
	vhm_lapic_set_cpuid(cpu(0), false, true, 40);
	CHECK(!base(x2apic));
	vhm_lapic_set_cpuid(cpu(0), true, true, 52);
	/* The VMM may go anywhere that is valid. */
	CHECK(vhm_lapic_set_base(cpu(0), x2apic, true));
	CHECK(vhm_lapic_set_base(cpu(0), xapic, true));
	CHECK(vhm_lapic_set_base(cpu(0), off, true));
	CHECK(vhm_lapic_set_base(cpu(0), x2apic, true));
	CHECK(!vhm_lapic_set_base(cpu(0), off | 0x400, true));
	CHECK(!vhm_lapic_set_base(cpu(0), ~0ULL, true));
	board_exit();
}

TEST(disabled_apic)
{
	board_init(1, 0);
	give(0x41);
	CHECK(base(0xfee00100));
	CHECK_EQ(rd(0x30), 0xffffffff);
	CHECK_EQ(vhm_lapic_read(cpu(0), 0x30, 8), ~0ULL);
	CHECK_EQ(vhm_lapic_read(cpu(0), 0x30, 1), 0xff);
	CHECK(!deliver(0, 0x42, false));
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	board_exit();
}

static u64 msr(u32 index)
{
	u64 val;

	CHECK(vhm_lapic_msr_read(cpu(0), index, &val));
	return val;
}

TEST(x2apic_registers)
{
	/* Writable with 0, and those that read. */
	static const u8 wr_ok[] = { 0x08, 0x0b, 0x0f, 0x28, 0x30, 0x32, 0x33, 0x34,
				    0x35, 0x36, 0x37, 0x38, 0x3e };
	static const u8 rd_ok[] = { 0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x30, 0x32,
				    0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e };
	u64 val;
	u32 i;

	board_init(18, 0);
	CHECK(!vhm_lapic_msr_read(cpu(0), 0x802, &val));	/* not in x2APIC mode */
	CHECK(!vhm_lapic_msr_write(cpu(0), 0x808, 0));
	CHECK(base(0xfee00d00));
	for (i = 0; i < 0x100; i++) {
		bool vec = i >= 0x10 && i < 0x28;

		CHECK_EQ(vhm_lapic_msr_read(cpu(0), 0x800 + i, &val),
			 vec || (i && memchr(rd_ok, i, sizeof(rd_ok))));
		if (i != 0x30 && i != 0x3f)
			CHECK_EQ(vhm_lapic_msr_write(cpu(0), 0x800 + i, 0),
				 i && memchr(wr_ok, i, sizeof(wr_ok)));
	}
	CHECK_EQ(msr(0x803), 0x50014);
	CHECK(!vhm_lapic_msr_write(cpu(0), 0x808, 1ULL << 32));
	CHECK(!vhm_lapic_msr_write(cpu(0), 0x80b, 1));
	CHECK(!vhm_lapic_msr_write(cpu(0), 0x828, 1));
	CHECK(!vhm_lapic_msr_write(cpu(0), 0x83f, 0x141));
	CHECK_EQ(rd(0x30), 0xffffffff);		/* no MMIO here */
	/* ids */
	CHECK(vhm_lapic_set_base(cpu(17), 0xfee00c00, false));
	CHECK(vhm_lapic_msr_read(cpu(17), 0x802, &val));
	CHECK_EQ(val, 17);
	CHECK(vhm_lapic_msr_read(cpu(17), 0x80d, &val));
	CHECK_EQ(val, 0x10002);
	board_exit();
}

TEST(x2apic_interrupts)
{
	board_init(2, 0);
	CHECK(base(0xfee00d00));
	CHECK(vhm_lapic_msr_write(cpu(0), 0x80f, 0x1ff));
	CHECK(vhm_lapic_msr_write(cpu(0), 0x83f, 0x61));	/* self IPI */
	CHECK_EQ(board.cpu[0]->kicks, 0);
	CHECK_EQ(take(0), 0x61);
	CHECK(vhm_lapic_msr_write(cpu(0), 0x80b, 0));
	CHECK_EQ(msr(0x80a), 0);
	CHECK(vhm_lapic_msr_write(cpu(0), 0x830, 1ULL << 32 | 0x62));
	CHECK_EQ(msr(0x830), 1ULL << 32 | 0x62);
	CHECK_EQ(board.cpu[1]->kicks, 1);
	CHECK_EQ(take(1), 0x62);
	board_exit();
}

TEST(extint)
{
	board_init(2, 0);
	pic_setup(1);
	line(1, true);
	CHECK_EQ(board.cpu[0]->kicks, 1);	/* LVT0 of the BSP is ExtINT */
	CHECK_EQ(board.cpu[1]->kicks, 0);
	CHECK_EQ(vhm_irq_pending(cpu(0)), VHM_IRQ_EXTINT);
	CHECK_EQ(vhm_irq_pending(cpu(1)), -1);
	give(0xf1);
	CHECK_EQ(take(0), 0x21);		/* first, and past the TPR */
	CHECK_EQ(take(0), 0xf1);
	wr(0xb0, 0);
	outb(0x20, 0x20);
	line(1, false);
	line(1, true);
	wr(0x350, 0x10700);			/* masked */
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	wr(0x350, 0x400);			/* NMI mode is not ExtINT */
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	CHECK(base(0xfee00100));		/* APIC off: wired through */
	CHECK_EQ(take(0), 0x21);
	board_exit();
}

TEST(state_round_trip)
{
	struct kvm_lapic_state a, b;

	board_init(1, 0);
	wr(0x80, 0x20);
	wr(0xd0, 0x02000000);
	wr(0xe0, 0x0fffffff);
	wr(0x360, 0x400);
	give(0x91);
	CHECK_EQ(take(0), 0x91);
	deliver(0, 0xa2, true);
	give(0x33);
	vhm_lapic_get(cpu(0), &a);
	board_exit();
	board_init(1, 0);
	vhm_lapic_set(cpu(0), &a);
	vhm_lapic_get(cpu(0), &b);
	CHECK(!memcmp(&a, &b, sizeof(a)));
	CHECK_EQ(TMR(0xa2), 1);
	CHECK_EQ(cpu(0)->isr_top, 0x91);
	CHECK_EQ(rd(0xa0), 0x90);
	CHECK_EQ(take(0), 0xa2);
	wr(0xb0, 0);
	wr(0xb0, 0);
	CHECK_EQ(take(0), 0x33);
	board_exit();
}

TEST(state_x2apic)
{
	struct kvm_lapic_state s;
	u32 id;

	board_init(6, 0);
	CHECK(vhm_lapic_set_base(cpu(5), 0xfee00c00, true));
	vhm_lapic_msr_write(cpu(5), 0x830, 3ULL << 32 | 0x41);
	vhm_lapic_get(cpu(5), &s);
	memcpy(&id, s.regs + 0x20, 4);
	CHECK_EQ(id, 5u << 24);
	memset(s.regs + 0xd0, 0xff, 4);
	memset(s.regs + 0x30, 0xff, 4);
	vhm_lapic_set(cpu(5), &s);
	CHECK_EQ(*(u32 *)(cpu(5)->regs + 0x20), 5);
	CHECK_EQ(*(u32 *)(cpu(5)->regs + 0xd0), 1 << 5);
	CHECK_EQ(*(u32 *)(cpu(5)->regs + 0x30), 0x50014);
	CHECK_EQ(*(u32 *)(cpu(5)->regs + 0x310), 3);
	board_exit();
}

TEST(state_garbage)
{
	struct kvm_lapic_state s;
	u32 i;

	board_init(1, 0);
	memset(&s, 0xff, sizeof(s));
	vhm_lapic_set(cpu(0), &s);
	CHECK_EQ(take(0), -1);
	for (i = 0; i < 256; i++)
		wr(0xb0, 0);
	CHECK_EQ(cpu(0)->isr_top, -1);
	wr(0x80, 0);
	CHECK_EQ(take(0), 0xff);
	CHECK_EQ(take(0), -1);
	board_exit();
}
