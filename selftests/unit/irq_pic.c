// SPDX-License-Identifier: GPL-2.0-only
/* The two 8259A: initialisation, priority, EOI, rotation, modes, state. */
#include "ktap.h"

#include "irq_board.h"

/* The PIC alone reaches CPU 0: no IOAPIC pin is open. */
static void start(u8 icw4)
{
	board_init(1, 0);
	pic_setup(icw4);
}

static void raise_line(u32 gsi)
{
	line(gsi, false);
	line(gsi, true);
}

TEST(init_sequence)
{
	board_init(1, 0);
	outb(0x20, 0x10);	/* no ICW4 */
	outb(0x21, 0x47);	/* low bits are not part of the base */
	outb(0x21, 0x04);
	outb(0x21, 0xfe);	/* already OCW1 */
	CHECK_EQ(inb(0x21), 0xfe);
	raise_line(0);
	CHECK_EQ(take(0), 0x40);
	outb(0x21, 0xff);
	outb(0x20, 0x11);	/* again: IMR and ISR are cleared */
	CHECK_EQ(inb(0x21), 0);
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20), 0);
	outb(0x21, 0x40);
	outb(0x21, 0x04);
	outb(0x21, 0x01);
	line(0, true);		/* high all the time: the edge detector forgot it */
	CHECK_EQ(take(0), 0x40);
	board_exit();
}

TEST(vectors_and_nonspecific_eoi)
{
	start(1);
	raise_line(3);
	CHECK_EQ(vhm_irq_pending(cpu(0)), VHM_IRQ_EXTINT);
	CHECK_EQ(inb(0x20), 0x08);		/* IRR */
	CHECK_EQ(take(0), 0x23);
	CHECK_EQ(inb(0x20), 0x00);
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20), 0x08);		/* ISR */
	outb(0x20, 0x0a);
	CHECK_EQ(inb(0x20), 0x00);
	outb(0x20, 0x20);
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20), 0x00);
	CHECK_EQ(take(0), -1);
	raise_line(10);
	CHECK_EQ(take(0), 0x2a);
	outb(0xa0, 0x0b);
	CHECK_EQ(inb(0xa0), 0x04);
	CHECK_EQ(inb(0x20), 0x04);		/* the cascade is in service, too */
	board_exit();
}

TEST(fully_nested)
{
	start(1);
	raise_line(4);
	raise_line(6);
	CHECK_EQ(take(0), 0x24);
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);	/* 6 waits */
	raise_line(4);				/* its own level waits, too */
	CHECK_EQ(take(0), -1);
	raise_line(1);
	CHECK_EQ(take(0), 0x21);
	outb(0x20, 0x20);			/* ends 1, the highest in service */
	CHECK_EQ(take(0), -1);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), 0x24);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), 0x26);
	board_exit();
}

TEST(specific_eoi)
{
	start(1);
	raise_line(4);
	CHECK_EQ(take(0), 0x24);
	raise_line(1);
	CHECK_EQ(take(0), 0x21);
	outb(0x20, 0x64);			/* the outer one first */
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20), 0x02);
	board_exit();
}

TEST(masks)
{
	start(1);
	outb(0x21, 0x08);
	CHECK_EQ(line(3, true), -1);
	CHECK_EQ(take(0), -1);
	outb(0x21, 0x00);			/* it was latched */
	CHECK_EQ(take(0), 0x23);
	outb(0x20, 0x20);
	outb(0x21, 0x04);			/* the cascade masks the slave */
	raise_line(12);
	CHECK_EQ(take(0), -1);
	outb(0x21, 0x00);
	CHECK_EQ(take(0), 0x2c);
	board_exit();
}

TEST(edge_needs_an_edge)
{
	start(1);
	CHECK_EQ(line(3, true), 1);
	CHECK_EQ(take(0), 0x23);
	outb(0x20, 0x20);
	CHECK_EQ(line(3, true), 1);		/* stays high: nothing new */
	CHECK_EQ(take(0), -1);
	line(3, false);
	CHECK_EQ(line(3, true), 1);
	line(3, false);
	CHECK_EQ(line(3, true), 0);		/* latched already: coalesced */
	CHECK_EQ(take(0), 0x23);
	board_exit();
}

TEST(level)
{
	start(1);
	outb(0x4d0, 0xff);
	CHECK_EQ(inb(0x4d0), 0xf8);		/* 0 to 2 are edge for good */
	outb(0x4d1, 0xff);
	CHECK_EQ(inb(0x4d1), 0xde);
	line(5, true);
	CHECK_EQ(take(0), 0x25);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), 0x25);		/* still high */
	line(5, false);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), -1);
	line(5, true);
	line(5, false);				/* withdrawn before INTA */
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	board_exit();
}

TEST(slave_priorities)
{
	start(1);
	raise_line(12);
	CHECK_EQ(take(0), 0x2c);
	raise_line(9);			/* higher, but the master holds IR2 */
	CHECK_EQ(take(0), -1);
	raise_line(3);			/* below IR2 */
	CHECK_EQ(take(0), -1);
	raise_line(1);
	CHECK_EQ(take(0), 0x21);
	outb(0x20, 0x20);
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), 0x29);
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), 0x23);
	board_exit();
}

TEST(special_fully_nested)
{
	start(0x11);
	raise_line(12);
	CHECK_EQ(take(0), 0x2c);
	raise_line(9);			/* the slave may interrupt itself */
	CHECK_EQ(take(0), 0x29);
	raise_line(13);
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(spurious)
{
	start(1);
	CHECK_EQ(line(14, true), 1);
	outb(0xa1, 0x40);		/* masked between INTR and INTA */
	CHECK_EQ(take(0), -1);
	outb(0xa1, 0x00);
	outb(0x4d1, 0x40);
	line(14, false);
	line(14, true);
	CHECK_EQ(vhm_irq_pending(cpu(0)), VHM_IRQ_EXTINT);
	line(14, false);
	CHECK_EQ(vhm_irq_pending(cpu(0)), -1);
	board_exit();
}

TEST(auto_eoi)
{
	start(3);
	raise_line(6);
	raise_line(7);
	CHECK_EQ(take(0), 0x26);
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20), 0);
	CHECK_EQ(take(0), 0x27);
	board_exit();
}

TEST(rotate_on_auto_eoi)
{
	start(3);
	outb(0x20, 0x80);
	raise_line(0);
	raise_line(1);
	CHECK_EQ(take(0), 0x20);
	raise_line(0);			/* now the lowest */
	CHECK_EQ(take(0), 0x21);
	CHECK_EQ(take(0), 0x20);
	outb(0x20, 0x00);		/* off again */
	raise_line(3);
	raise_line(4);
	CHECK_EQ(take(0), 0x23);
	raise_line(3);
	CHECK_EQ(take(0), 0x23);
	board_exit();
}

TEST(rotate_on_eoi)
{
	start(1);
	raise_line(4);
	CHECK_EQ(take(0), 0x24);
	outb(0x20, 0xa0);		/* 4 is the lowest, 5 the highest */
	raise_line(4);
	raise_line(0);
	raise_line(5);
	CHECK_EQ(take(0), 0x25);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), 0x20);
	outb(0x20, 0xe0);		/* specific EOI of 0: 1 the highest */
	raise_line(0);
	CHECK_EQ(take(0), 0x24);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), 0x20);
	board_exit();
}

TEST(set_priority)
{
	start(1);
	outb(0x20, 0xc0 | 5);		/* 5 the lowest, 6 the highest */
	raise_line(0);
	raise_line(6);
	raise_line(5);
	CHECK_EQ(take(0), 0x26);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), 0x20);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), 0x25);
	board_exit();
}

TEST(special_mask)
{
	start(1);
	raise_line(4);
	CHECK_EQ(take(0), 0x24);
	outb(0x21, 0x10);
	outb(0x20, 0x68);
	raise_line(6);			/* lower ones pass a masked one in service */
	CHECK_EQ(take(0), 0x26);
	outb(0x20, 0x20);		/* ends 6, not the masked 4 */
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20), 0x10);
	outb(0x20, 0x48);
	raise_line(6);
	CHECK_EQ(take(0), -1);
	board_exit();
}

TEST(poll)
{
	start(1);
	outb(0x20, 0x0c);
	CHECK_EQ(inb(0x20), 0);			/* nothing there */
	raise_line(5);
	outb(0x20, 0x0c);
	CHECK_EQ(inb(0x20), 0x85);
	CHECK_EQ(take(0), -1);			/* polling was the acknowledge */
	outb(0x20, 0x0b);
	CHECK_EQ(inb(0x20), 0x20);
	outb(0x20, 0x20);
	raise_line(11);
	outb(0xa0, 0x0c);
	CHECK_EQ(inb(0xa0), 0x83);
	CHECK_EQ(take(0), -1);
	board_exit();
}

/* Ticks that the PIT still owes; an acknowledgement of its pin pays one. */
static int debt(void)
{
	return board.chip.pit.pending.counter;
}

static void three_ticks(void)
{
	board.chip.pit.pending.counter = 3;
	raise_line(0);
	line(0, false);				/* low, so that more edges can come */
}

TEST(acks)
{
	struct kvm_irq_routing_entry e = { .type = KVM_IRQ_ROUTING_IRQCHIP };

	start(1);
	three_ticks();
	CHECK_EQ(take(0), 0x20);
	raise_line(3);
	CHECK_EQ(debt(), 3);
	outb(0x20, 0x20);			/* ends 0: the PIT sends the next */
	CHECK_EQ(debt(), 2);
	CHECK_EQ(take(0), 0x20);
	outb(0x20, 0x20);
	CHECK_EQ(debt(), 1);
	CHECK_EQ(take(0), 0x20);
	outb(0x20, 0x11);			/* initialisation drops what is in service */
	CHECK_EQ(debt(), 0);
	pic_setup(1);
	raise_line(3);
	CHECK_EQ(take(0), 0x23);
	board.chip.pit.pending.counter = 3;
	outb(0x20, 0x20);			/* another pin's */
	CHECK_EQ(debt(), 3);
	pic_setup(3);				/* automatic: INTA is the end of it */
	three_ticks();
	CHECK_EQ(take(0), 0x20);
	CHECK_EQ(debt(), 2);
	outb(0x21, 0x01);
	CHECK_EQ(debt(), 2);
	outb(0x21, 0x00);			/* opening the pin forgets the rest */
	CHECK_EQ(debt(), 0);
	/* GSI 0 elsewhere: a pin of the slave */
	pic_setup(1);
	e.u.irqchip.irqchip = KVM_IRQCHIP_PIC_SLAVE;
	e.u.irqchip.pin = 3;
	CHECK_EQ(vhm_irq_set_routing(&board.chip, &e, 1), 0);
	three_ticks();
	CHECK_EQ(take(0), 0x2b);
	outb(0xa0, 0x20);
	CHECK_EQ(debt(), 2);
	outb(0x20, 0x20);			/* the cascade is nobody's GSI */
	CHECK_EQ(debt(), 2);
	board_exit();
}

TEST(output_kicks_once)
{
	unsigned int kicks;

	start(1);
	kicks = board.cpu[0]->kicks;
	raise_line(3);
	raise_line(4);
	CHECK_EQ(board.cpu[0]->kicks, kicks + 1);
	CHECK_EQ(take(0), 0x23);
	outb(0x20, 0x20);
	CHECK_EQ(board.cpu[0]->kicks, kicks + 2);
	board_exit();
}

TEST(state_round_trip)
{
	struct kvm_pic_state a[2], b;
	int i;

	start(0x11);
	outb(0x4d0, 0x20);
	raise_line(12);
	CHECK_EQ(take(0), 0x2c);
	raise_line(9);
	line(5, true);
	outb(0x20, 0x0b);
	outb(0x20, 0xc3);
	for (i = 0; i < 2; i++)
		vhm_pic_get(&board.chip, i, &a[i]);
	CHECK_EQ(a[0].irq_base, 0x20);
	CHECK_EQ(a[1].isr, 0x10);
	CHECK_EQ(a[0].elcr, 0x20);
	board_exit();

	board_init(1, 0);
	for (i = 0; i < 2; i++)
		vhm_pic_set(&board.chip, i, &a[i]);
	for (i = 0; i < 2; i++) {
		vhm_pic_get(&board.chip, i, &b);
		CHECK(!memcmp(&a[i], &b, sizeof(b)));
	}
	CHECK_EQ(take(0), 0x25);	/* 4 is the highest now */
	outb(0x20, 0x65);
	line(5, false);
	CHECK_EQ(take(0), 0x29);
	board_exit();
}

TEST(state_garbage)
{
	struct kvm_pic_state s;
	int v, i;

	board_init(1, 0);
	for (v = 0; v < 256; v++) {
		memset(&s, v, sizeof(s));
		vhm_pic_set(&board.chip, 0, &s);
		vhm_pic_set(&board.chip, 1, &s);
		for (i = 0; i < 20; i++)
			take(0);
		outb(0x21, v);
		outb(0x20, v);
		outb(0xa0, 0x20);
		inb(0x20);
	}
	board_exit();
}

/* Who watches is told of each end, at either chip and of its own accord too. */
TEST(acks_for_a_watcher)
{
	start(1);
	board.chip.watch_acks = true;
	raise_line(3);
	CHECK_EQ(take(0), 0x23);
	CHECK_EQ(board.acked[0], 0);
	outb(0x20, 0x20);
	CHECK_EQ(board.acked[0], 1 << 3);
	raise_line(10);
	CHECK_EQ(take(0), 0x2a);
	outb(0xa0, 0x20);
	CHECK_EQ(board.acked[0], 1 << 3 | 1 << 10);
	outb(0x20, 0x20);
	/* a level pin that the ack lowers does not come again */
	outb(0x4d1, 1 << 3);
	board.resample = 11;
	vhm_irq_line(&board.chip, VHM_IRQ_SRC_RESAMPLE, 11, true);
	CHECK_EQ(take(0), 0x2b);
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
	CHECK_EQ(take(0), -1);
	CHECK_EQ(board.acked[1], 0);
	board_exit();
}
