// SPDX-License-Identifier: GPL-2.0-only
/*
 * The board's side of struct vhm_irq_ops, and short names for what tests do.
 */
#include <stdlib.h>

#include "irq_board.h"

struct board board;

static u64 op_now(void)
{
	return board.now;
}

static void op_timer_start(struct vhm_irq_timer *t, u64 expires)
{
	board.timer_starts++;
	container_of(t, struct board_timer, t)->expires = expires ? expires : 1;
}

static void op_timer_cancel(struct vhm_irq_timer *t)
{
	board.timer_cancels++;
	container_of(t, struct board_timer, t)->expires = 0;
}

static struct board_cpu *cpu_of(struct vhm_lapic *lapic)
{
	return container_of(lapic, struct board_cpu, lapic);
}

static void op_kick(struct vhm_lapic *lapic)
{
	cpu_of(lapic)->kicks++;
}

static void op_nmi(struct vhm_lapic *lapic)
{
	cpu_of(lapic)->nmis++;
}

static void op_init(struct vhm_lapic *lapic)
{
	cpu_of(lapic)->inits++;
}

static void op_sipi(struct vhm_lapic *lapic, u8 vector)
{
	cpu_of(lapic)->sipis++;
	cpu_of(lapic)->sipi_vector = vector;
}

static u64 op_guest_tsc(struct vhm_lapic *lapic)
{
	(void)lapic;
	return board.now * 2;
}

static u64 op_tsc_to_ns(struct vhm_lapic *lapic, u64 ticks)
{
	(void)lapic;
	return ticks / 2 + (ticks & 1);
}

static const struct vhm_irq_ops ops = {
	.now = op_now,
	.timer_start = op_timer_start,
	.timer_cancel = op_timer_cancel,
	.kick = op_kick,
	.nmi = op_nmi,
	.init_vcpu = op_init,
	.sipi = op_sipi,
	.guest_tsc = op_guest_tsc,
	.tsc_to_ns = op_tsc_to_ns,
};

void board_init(unsigned int n_cpus, u32 pit_flags)
{
	unsigned int i;

	memset(&board, 0, sizeof(board));
	board.now = 1000000;
	if (vhm_irqchip_init(&board.chip, &ops) ||
	    vhm_pit_create(&board.chip, &board.pit.t, pit_flags))
		abort();
	board.n_cpus = n_cpus;
	for (i = 0; i < n_cpus; i++) {
		struct board_cpu *c = calloc(1, sizeof(*c));

		if (!c || vhm_lapic_init(&c->lapic, &board.chip, &c->timer.t, i, i, !i))
			abort();
		board.cpu[i] = c;
		vhm_lapic_publish(&c->lapic);
		vhm_lapic_set_cpuid(&c->lapic, true, true, 40);
		vhm_lapic_write(&c->lapic, 0xf0, 4, 0x1ff);
	}
}

void board_exit(void)
{
	unsigned int i;

	for (i = 0; i < board.n_cpus; i++) {
		vhm_lapic_destroy(&board.cpu[i]->lapic);
		free(board.cpu[i]);
	}
	vhm_irqchip_destroy(&board.chip);
}

static struct board_timer *next_timer(void)
{
	struct board_timer *best = board.pit.expires ? &board.pit : NULL;
	unsigned int i;

	for (i = 0; i < board.n_cpus; i++) {
		struct board_timer *t = &board.cpu[i]->timer;

		if (t->expires && (!best || t->expires < best->expires))
			best = t;
	}
	return best;
}

void board_run(u64 until)
{
	struct board_timer *t;

	while ((t = next_timer()) && t->expires <= until) {
		if (t->expires > board.now)
			board.now = t->expires;
		t->expires = 0;
		board.timer_expiries++;
		t->expires = t->t.fn(&t->t);
	}
	if (until > board.now)
		board.now = until;
}

struct vhm_lapic *cpu(unsigned int i)
{
	return &board.cpu[i]->lapic;
}

u32 rd(u32 off)
{
	return vhm_lapic_read(cpu(0), off, 4);
}

void wr(u32 off, u32 val)
{
	vhm_lapic_write(cpu(0), off, 4, val);
}

bool deliver(unsigned int i, u8 vector, bool level)
{
	return vhm_irq_msi(&board.chip, 0xfee00000 | i << 12, vector | (level ? 0x8000 : 0));
}

int take(unsigned int i)
{
	return vhm_irq_ack(cpu(i));
}

u8 inb(u16 port)
{
	u32 val = 0xee;

	if (!vhm_irq_pio_read(&board.chip, port, 1, &val))
		abort();
	return val;
}

void outb(u16 port, u8 val)
{
	if (!vhm_irq_pio_write(&board.chip, port, 1, val))
		abort();
}

u32 io_rd(u32 reg)
{
	vhm_ioapic_write(&board.chip, 0, 4, reg);
	return vhm_ioapic_read(&board.chip, 0x10, 4);
}

void io_wr(u32 reg, u32 val)
{
	vhm_ioapic_write(&board.chip, 0, 4, reg);
	vhm_ioapic_write(&board.chip, 0x10, 4, val);
}

void rte(u32 pin, u32 high, u32 low)
{
	io_wr(0x11 + pin * 2, high);
	io_wr(0x10 + pin * 2, low);
}

int line(u32 gsi, bool level)
{
	return vhm_irq_line(&board.chip, VHM_IRQ_SRC_USER, gsi, level);
}

void pic_setup(u8 icw4)
{
	static const struct { u16 port; u8 base, icw3; } chip[2] = {
		{ 0x20, 0x20, 0x04 }, { 0xa0, 0x28, 0x02 },
	};
	int i;

	for (i = 0; i < 2; i++) {
		outb(chip[i].port, 0x11);
		outb(chip[i].port + 1, chip[i].base);
		outb(chip[i].port + 1, chip[i].icw3);
		outb(chip[i].port + 1, icw4);
		outb(chip[i].port + 1, 0x00);
	}
}
