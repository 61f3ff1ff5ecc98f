// SPDX-License-Identifier: GPL-2.0-only
/* The IOAPIC: registers, edge and level pins, EOI, state. */
#include "ktap.h"

#include "irq_board.h"

#define LEVEL	0x8000
#define MASK	0x10000
#define RIRR	0x4000

static void eoi(unsigned int i)
{
	vhm_lapic_write(cpu(i), 0xb0, 4, 0);
}

TEST(registers)
{
	unsigned int i;

	board_init(1, 0);
	CHECK(vhm_ioapic_hit(&board.chip, 0xfec00000));
	CHECK(vhm_ioapic_hit(&board.chip, 0xfec000ff));
	CHECK(!vhm_ioapic_hit(&board.chip, 0xfec00100));
	CHECK(!vhm_ioapic_hit(&board.chip, 0xfebfffff));
	CHECK_EQ(io_rd(1), 0x170011);
	CHECK_EQ(io_rd(0), 0);
	io_wr(0, 0xffffffff);
	CHECK_EQ(io_rd(0), 0x0f000000);
	CHECK_EQ(io_rd(2), 0x0f000000);
	io_wr(1, 0);
	CHECK_EQ(io_rd(1), 0x170011);
	for (i = 0; i < 24; i++) {
		CHECK_EQ(io_rd(0x10 + 2 * i), MASK);
		CHECK_EQ(io_rd(0x11 + 2 * i), 0);
	}
	rte(23, 0xaa000000, MASK | 0x7f);
	CHECK_EQ(io_rd(0x3e), MASK | 0x7f);
	CHECK_EQ(io_rd(0x3f), 0xaa000000);
	io_wr(0x40, 0x123);		/* no pin 24 */
	CHECK_EQ(io_rd(0x40), 0xffffffff);
	CHECK_EQ(io_rd(5), 0);
	rte(1, 0, MASK | 0x5000 | 0x31);	/* status and remote IRR are read-only */
	CHECK_EQ(io_rd(0x12), MASK | 0x31);
	/* narrow and odd accesses */
	vhm_ioapic_write(&board.chip, 0, 1, 0x12);
	CHECK_EQ(vhm_ioapic_read(&board.chip, 0, 4), 0x12);
	CHECK_EQ(vhm_ioapic_read(&board.chip, 0x10, 1), 0x31);
	CHECK_EQ(vhm_ioapic_read(&board.chip, 0x10, 8), MASK | 0x31);
	CHECK_EQ(vhm_ioapic_read(&board.chip, 0x20, 4), 0);
	vhm_ioapic_write(&board.chip, 0x40, 4, 0x31);	/* no EOI register */
	board_exit();
}

TEST(edge)
{
	board_init(2, 0);
	rte(18, 1u << 24, 0x51);
	CHECK_EQ(line(18, true), 1);
	CHECK_EQ(line(18, true), 0);		/* still high: no new edge */
	CHECK_EQ(take(1), 0x51);
	CHECK_EQ(line(18, true), 0);
	CHECK_EQ(line(18, false), 1);
	CHECK_EQ(line(18, true), 1);
	eoi(1);
	CHECK_EQ(take(1), 0x51);
	eoi(1);
	CHECK_EQ(take(1), -1);
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(edge_while_masked_is_lost)
{
	board_init(1, 0);
	rte(18, 0, MASK | 0x51);
	CHECK_EQ(line(18, true), -1);
	rte(18, 0, 0x51);
	CHECK_EQ(take(0), -1);
	line(18, false);
	CHECK_EQ(line(18, true), 1);
	CHECK_EQ(take(0), 0x51);
	board_exit();
}

TEST(level)
{
	board_init(1, 0);
	rte(18, 0, LEVEL | 0x51);
	CHECK_EQ(line(18, true), 1);
	CHECK_EQ(io_rd(0x34), LEVEL | RIRR | 0x51);
	CHECK_EQ(line(18, true), -1);		/* remote IRR holds it back */
	CHECK_EQ(take(0), 0x51);
	CHECK_EQ(take(0), -1);
	eoi(0);					/* still high: again */
	CHECK_EQ(io_rd(0x34), LEVEL | RIRR | 0x51);
	CHECK_EQ(take(0), 0x51);
	line(18, false);
	eoi(0);
	CHECK_EQ(io_rd(0x34), LEVEL | 0x51);
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(level_masked_in_the_handler)
{
	board_init(1, 0);
	rte(18, 0, LEVEL | 0x51);
	line(18, true);
	CHECK_EQ(take(0), 0x51);
	io_wr(0x34, MASK | LEVEL | 0x51);
	eoi(0);
	CHECK_EQ(io_rd(0x34), MASK | LEVEL | 0x51);
	CHECK_EQ(take(0), -1);
	io_wr(0x34, LEVEL | 0x51);		/* unmasking sends what is still high */
	CHECK_EQ(take(0), 0x51);
	board_exit();
}

TEST(remote_irr_cleared_by_going_edge)
{
	board_init(1, 0);
	rte(18, 0, LEVEL | 0x51);
	line(18, true);
	CHECK_EQ(take(0), 0x51);
	eoi(0);
	CHECK_EQ(take(0), 0x51);
	line(18, false);
	io_wr(0x34, MASK | 0x51);
	CHECK_EQ(io_rd(0x34), MASK | 0x51);
	board_exit();
}

TEST(eoi_of_another_vector)
{
	board_init(1, 0);
	rte(18, 0, LEVEL | 0x51);
	rte(19, 0, LEVEL | 0x52);
	rte(20, 0, LEVEL | 0x51);		/* shares the vector */
	line(18, true);
	line(19, true);
	CHECK_EQ(take(0), 0x52);
	eoi(0);
	CHECK_EQ(io_rd(0x34) & RIRR, RIRR);
	line(19, false);
	CHECK_EQ(take(0), 0x52);
	eoi(0);
	line(20, true);
	CHECK_EQ(take(0), 0x51);
	line(18, false);
	line(20, false);
	eoi(0);
	CHECK_EQ(io_rd(0x34) & RIRR, 0);
	CHECK_EQ(io_rd(0x38) & RIRR, 0);
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(nobody_takes_it)
{
	board_init(1, 0);
	rte(18, 9u << 24, LEVEL | 0x51);
	CHECK_EQ(line(18, true), 0);
	CHECK_EQ(io_rd(0x34), LEVEL | 0x51);	/* no remote IRR without a taker */
	io_wr(0x35, 0);				/* the destination is corrected */
	CHECK_EQ(take(0), 0x51);
	board_exit();
}

TEST(other_modes)
{
	board_init(2, 0);
	rte(18, 1u << 24, 0x400);
	CHECK_EQ(line(18, true), 1);
	CHECK_EQ(board.cpu[1]->nmis, 1);
	rte(19, 1u << 24, 0x500);
	line(19, true);
	CHECK_EQ(board.cpu[1]->inits, 1);
	rte(20, 1u << 24, 0x751);		/* ExtINT: the PIC's business */
	line(20, true);
	CHECK_EQ(take(1), -1);
	vhm_lapic_write(cpu(1), 0xd0, 4, 2u << 24);
	rte(21, 2u << 24, 0x951);		/* logical, lowest priority */
	line(21, true);
	CHECK_EQ(take(1), 0x51);
	board_exit();
}

TEST(sources_are_ored)
{
	board_init(1, 0);
	rte(18, 0, LEVEL | 0x51);
	line(18, true);
	vhm_irq_line(&board.chip, VHM_IRQ_SRC_PIT, 18, true);
	CHECK_EQ(take(0), 0x51);
	line(18, false);
	eoi(0);
	CHECK_EQ(take(0), 0x51);		/* the other one still pulls */
	vhm_irq_line(&board.chip, VHM_IRQ_SRC_PIT, 18, false);
	eoi(0);
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(state_round_trip)
{
	struct kvm_ioapic_state a, b;

	board_init(1, 0);
	io_wr(0, 3u << 24);
	rte(18, 0, LEVEL | 0x51);
	rte(19, 0, 0x52);
	rte(20, 0, LEVEL | MASK | 0x53);
	line(18, true);				/* under way */
	line(19, true);				/* sent */
	line(20, true);				/* waits for the mask */
	vhm_ioapic_get(&board.chip, &a);
	CHECK_EQ(a.irr, 1 << 18 | 1 << 20);
	CHECK_EQ(a.base_address, 0xfec00000);
	CHECK_EQ(a.redirtbl[18].fields.remote_irr, 1);
	board_exit();

	board_init(1, 0);
	vhm_ioapic_set(&board.chip, &a);
	vhm_ioapic_get(&board.chip, &b);
	CHECK(!memcmp(&a, &b, sizeof(a)));
	CHECK_EQ(take(0), -1);			/* nothing is sent twice */
	io_wr(0x38, LEVEL | 0x53);
	CHECK_EQ(take(0), 0x53);
	board_exit();
}

/* What was sent for an earlier edge does not hide a later one that waits. */
TEST(state_second_edge)
{
	struct kvm_ioapic_state s;

	board_init(1, 0);
	rte(5, 0, 0x61);
	line(5, true);
	line(5, false);
	rte(5, 0, MASK | 0x61);
	line(5, true);
	vhm_ioapic_get(&board.chip, &s);
	CHECK_EQ(s.irr, 1 << 5);
	board_exit();
}

/* An edge that was raised but not sent is sent by the restored IOAPIC. */
TEST(state_pending_edge)
{
	struct kvm_ioapic_state s;

	board_init(1, 0);
	vhm_ioapic_get(&board.chip, &s);
	s.redirtbl[5].bits = 0x61;
	s.irr = 1 << 5 | 1u << 30;		/* and a pin that is not there */
	vhm_ioapic_set(&board.chip, &s);
	CHECK_EQ(take(0), 0x61);
	vhm_ioapic_get(&board.chip, &s);
	CHECK_EQ(s.irr, 0);
	board_exit();
}

TEST(state_garbage)
{
	struct kvm_ioapic_state s;
	u32 i;

	board_init(1, 0);
	memset(&s, 0xff, sizeof(s));
	vhm_ioapic_set(&board.chip, &s);
	CHECK_EQ(vhm_ioapic_read(&board.chip, 0, 4), 0xff);
	for (i = 0; i < 256; i++)
		io_rd(i);
	board_exit();
}

/* Who watches is told which pins ended, edge and level, and can lower a line in time. */
TEST(acks)
{
	board_init(1, 0);
	rte(18, 0, LEVEL | 0x51);
	rte(19, 0, 0x61);
	line(19, true);
	CHECK_EQ(take(0), 0x61);
	eoi(0);
	CHECK_EQ(board.acked[1], 0);		/* nobody watched */
	board.chip.watch_acks = true;
	board.resample = 18;
	CHECK_EQ(vhm_irq_line(&board.chip, VHM_IRQ_SRC_RESAMPLE, 18, true), 1);
	CHECK_EQ(take(0), 0x51);
	CHECK_EQ(board.acked[1], 0);
	eoi(0);
	CHECK_EQ(board.acked[1], 1 << 18);
	CHECK_EQ(take(0), -1);
	/* another source holds the line: it comes again */
	line(18, true);
	vhm_irq_line(&board.chip, VHM_IRQ_SRC_RESAMPLE, 18, true);
	CHECK_EQ(take(0), 0x51);
	eoi(0);
	CHECK_EQ(take(0), 0x51);
	line(18, false);
	eoi(0);
	CHECK_EQ(take(0), -1);
	CHECK_EQ(board.acked[0], 0);
	board_exit();
}

TEST(pins_of_a_gsi)
{
	board_init(1, 0);
	CHECK_EQ(vhm_irq_pins(&board.chip, 10, true), 1 << 10);
	CHECK_EQ(vhm_irq_pins(&board.chip, 10, false), 1 << 10);
	CHECK_EQ(vhm_irq_pins(&board.chip, 20, false), 0);
	CHECK_EQ(vhm_irq_pins(&board.chip, 24, true), 0);
	CHECK_EQ(vhm_irq_pins(&board.chip, 0xffffffff, true), 0);
	board_exit();
}
