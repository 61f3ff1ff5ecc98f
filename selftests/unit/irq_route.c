// SPDX-License-Identifier: GPL-2.0-only
/* GSI routing: the default table, replacement, what is refused; port dispatch. */
#include "ktap.h"

#include "irq_board.h"

static struct kvm_irq_routing_entry pin(u32 gsi, u32 chip, u32 pin)
{
	struct kvm_irq_routing_entry e = {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};

	return e;
}

static struct kvm_irq_routing_entry msi(u32 gsi, u32 addr, u32 data)
{
	struct kvm_irq_routing_entry e = {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = addr, .data = data },
	};

	return e;
}

static int set(const struct kvm_irq_routing_entry *e, u32 n)
{
	return vhm_irq_set_routing(&board.chip, e, n);
}

TEST(defaults)
{
	struct kvm_ioapic_state io;
	u32 gsi;

	board_init(1, 0);
	pic_setup(1);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	for (gsi = 0; gsi < 24; gsi++) {
		line(gsi, true);
		vhm_ioapic_get(&board.chip, &io);
		CHECK_EQ(io.irr, 1u << gsi);
		if (gsi < 16)
			CHECK_EQ(inb(gsi < 8 ? 0x20 : 0xa0) >> (gsi & 7) & 1, gsi != 2);
		line(gsi, false);
	}
	CHECK_EQ(line(24, true), -1);
	CHECK_EQ(line(~0u, true), -1);
	board_exit();
}

TEST(replaced)
{
	struct kvm_irq_routing_entry e[] = {
		msi(100, 0xfee00000, 0x71), pin(0, 2, 2), pin(4, 0, 4), pin(4, 2, 4),
		msi(7, 0xfee00000, 0x72),
	};

	board_init(1, 0);
	CHECK_EQ(set(e, ARRAY_SIZE(e)), 0);
	CHECK_EQ(line(100, true), 1);
	CHECK_EQ(take(0), 0x71);
	CHECK_EQ(line(100, false), -1);
	CHECK_EQ(take(0), -1);
	vhm_lapic_eoi(cpu(0));
	CHECK_EQ(line(7, true), 1);
	CHECK_EQ(take(0), 0x72);
	vhm_lapic_eoi(cpu(0));
	rte(2, 0, 0x61);
	CHECK_EQ(line(0, true), 1);
	CHECK_EQ(take(0), 0x61);
	CHECK_EQ(line(5, true), -1);
	CHECK_EQ(line(101, true), -1);
	CHECK_EQ(set(NULL, 0), 0);
	CHECK_EQ(line(0, true), -1);
	board_exit();
}

/* The sum over the pins that took it. */
TEST(status_of_two_pins)
{
	board_init(1, 0);
	rte(5, 0, 0x61);
	CHECK_EQ(line(5, true), 2);	/* PIC pins are open at reset */
	CHECK_EQ(line(5, true), 1);	/* IOAPIC coalesces; the PIC's line did not move */
	outb(0x21, 0xff);
	CHECK_EQ(line(5, false), 1);
	CHECK_EQ(line(5, true), 1);	/* IOAPIC alone */
	board_exit();
}

TEST(refused)
{
	struct kvm_irq_routing_entry good = msi(1, 0xfee00000, 0x71), e[4];
	u32 i;

	board_init(1, 0);
	CHECK_EQ(set(&good, 1), 0);
	e[0] = pin(1, 3, 0);
	CHECK_EQ(set(e, 1), -EINVAL);
	e[0] = pin(1, ~0u, 0);
	CHECK_EQ(set(e, 1), -EINVAL);
	for (i = 0; i < 3; i++) {
		e[0] = pin(1, i, i == 2 ? 24 : 8);
		CHECK_EQ(set(e, 1), -EINVAL);
		e[0] = pin(1, i, ~0u);
		CHECK_EQ(set(e, 1), -EINVAL);
	}
	e[0] = pin(1, 0, 0);
	e[0].flags = 1;
	CHECK_EQ(set(e, 1), -EINVAL);
	e[0] = msi(1, 0, 0);
	e[0].flags = 2;
	CHECK_EQ(set(e, 1), -EINVAL);
	e[0] = msi(VHM_IRQ_MAX_GSI, 0, 0);
	CHECK_EQ(set(e, 1), -EINVAL);
	e[0] = msi(~0u, 0, 0);
	CHECK_EQ(set(e, 1), -EINVAL);
	e[0] = pin(1, 0, 0);
	e[0].type = 3;
	CHECK_EQ(set(e, 1), -EINVAL);
	/* combinations of one GSI */
	e[0] = msi(9, 0xfee00000, 0x41);
	e[1] = pin(9, 2, 3);
	CHECK_EQ(set(e, 2), -EINVAL);
	e[1] = msi(9, 0xfee00000, 0x42);
	CHECK_EQ(set(e, 2), -EINVAL);
	e[0] = pin(9, 2, 4);
	e[1] = pin(9, 2, 3);
	CHECK_EQ(set(e, 2), -EINVAL);
	e[1] = pin(9, 1, 3);
	CHECK_EQ(set(e, 2), 0);
	e[2] = pin(9, 0, 3);
	CHECK_EQ(set(e, 3), 0);
	CHECK_EQ(set(&good, 1), 0);
	/* after all that, what was there last is there */
	CHECK_EQ(line(1, true), 1);
	CHECK_EQ(take(0), 0x71);
	board_exit();
}

TEST(full_table)
{
	struct kvm_irq_routing_entry *e = calloc(VHM_IRQ_MAX_GSI, sizeof(*e));
	u32 i;

	board_init(1, 0);
	for (i = 0; i < VHM_IRQ_MAX_GSI; i++)
		e[i] = msi(VHM_IRQ_MAX_GSI - 1 - i, 0xfee00000, 0x20 + i % 200);
	CHECK_EQ(set(e, VHM_IRQ_MAX_GSI), 0);
	for (i = 0; i < VHM_IRQ_MAX_GSI; i++) {
		CHECK_EQ(line(VHM_IRQ_MAX_GSI - 1 - i, true), 1);
		CHECK_EQ(take(0), 0x20 + i % 200);
		vhm_lapic_eoi(cpu(0));
	}
	for (i = 0; i < VHM_IRQ_MAX_GSI; i++)	/* all the same GSI */
		e[i] = msi(5, 0xfee00000, 0x41);
	CHECK_EQ(set(e, VHM_IRQ_MAX_GSI), -EINVAL);
	free(e);
	board_exit();
}

TEST(ports)
{
	static const u16 mine[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1,
				    0x40, 0x41, 0x42, 0x43, 0x61 };
	struct vhm_irqchip bare = { 0 };
	u32 port, i, val;

	board_init(1, KVM_PIT_SPEAKER_DUMMY);
	CHECK_EQ(vhm_irqchip_init(&bare, board.chip.ops), 0);
	for (port = 0; port < 0x10000; port++) {
		bool is = false;

		for (i = 0; i < ARRAY_SIZE(mine); i++)
			is |= mine[i] == port;
		val = 0x5a;
		CHECK_EQ(vhm_irq_pio_read(&board.chip, port, 1, &val), is);
		if (!is)
			CHECK_EQ(val, 0x5a);
		CHECK_EQ(vhm_irq_pio_write(&board.chip, port, 1, 0xff), is);
		/* without a PIT its ports are free */
		is = is && (port < 0x40 || port > 0x61);
		CHECK_EQ(vhm_irq_pio_read(&bare, port, 1, &val), is);
	}
	vhm_irqchip_destroy(&bare);
	/* wide accesses */
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, 1);
	CHECK(vhm_irq_pio_write(&board.chip, 0x21, 2, 0xffff));
	CHECK_EQ(inb(0x21), 0);
	CHECK(vhm_irq_pio_read(&board.chip, 0x21, 4, &val));
	CHECK_EQ(val, 0);
	board_exit();
	board_init(1, 0);
	CHECK(!vhm_irq_pio_read(&board.chip, 0x61, 1, &val));
	board_exit();
}

/* Messages only; the IOAPIC outside hears of the ends of its level interrupts. */
TEST(split)
{
	struct kvm_irq_routing_entry e[] = {
		msi(5, 0xfee00000, 0x8051), msi(6, 0xfee00000, 0x52), msi(24, 0xfee00000, 0x8053),
	};
	struct kvm_irq_routing_entry p = pin(5, 2, 5);
	static const u8 vectors[] = { 0x51, 0x52, 0x53 };
	unsigned int i;

	board_init_split(2, 24);
	CHECK_EQ(vhm_pit_create(&board.chip, 0), -ENOENT);
	CHECK_EQ(line(5, true), -1);
	CHECK_EQ(set(&p, 1), -EINVAL);
	CHECK_EQ(set(e, 3), 0);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(line(e[i].gsi, true), 1);
		CHECK_EQ(take(0), vectors[i]);
		vhm_lapic_write(cpu(0), 0xb0, 4, 0);
		CHECK_EQ(board.eois, 1);
	}
	CHECK_EQ(board.eoi_vector, 0x51);
	/* the same vector as an edge, from elsewhere, is none of its business */
	CHECK(deliver(1, 0x51, false));
	CHECK_EQ(take(1), 0x51);
	vhm_lapic_write(cpu(1), 0xb0, 4, 0);
	CHECK_EQ(board.eois, 1);
	board_exit();
}

TEST(wide_destinations)
{
	struct kvm_irq_routing_entry e = msi(5, 0xfee01000, 0x51);

	board_init_split(2, 0);
	e.u.msi.address_hi = 0x123;
	CHECK_EQ(set(&e, 1), 0);
	CHECK_EQ(line(5, true), 1);
	CHECK_EQ(take(1), 0x51);
	board.chip.ids32 = true;
	CHECK_EQ(set(&e, 1), -EINVAL);
	e.u.msi.address_hi = 0x100;
	CHECK_EQ(set(&e, 1), 0);
	CHECK_EQ(line(5, true), 0);
	/* everyone, by the xAPIC's rule; an x2APIC may be asked to know better */
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfeeff000, 0x51), 2);
	board.chip.dest_exact = true;
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfeeff000, 0x51), 2);
	CHECK(vhm_lapic_set_base(cpu(0), 0xfee00d00, true));
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xfeeff000, 0x51), 1);
	CHECK_EQ(vhm_irq_msi(&board.chip, 0xffffff00feeff000, 0x51), 2);
	board_exit();
}
