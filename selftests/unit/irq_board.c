// SPDX-License-Identifier: GPL-2.0-only
/*
 * The board's side of struct vhm_irq_ops, and short names for what tests do.
 */
#include <stdlib.h>

#include "irq_board.h"

struct board board;

u64 ktime_get_ns(void)
{
	return board.now;
}

void vhm_hrtimer_setup(struct hrtimer *t, enum hrtimer_restart (*fn)(struct hrtimer *))
{
	*t = (struct hrtimer) { .function = fn };
}

void hrtimer_start(struct hrtimer *t, u64 expires, enum hrtimer_mode mode)
{
	(void)mode;
	board.timer_starts++;
	t->expires = expires ? expires : 1;
}

void hrtimer_cancel(struct hrtimer *t)
{
	board.timer_cancels++;
	t->expires = 0;
}

static struct board_cpu *cpu_of(struct vhm_lapic *lapic)
{
	return container_of(lapic, struct board_cpu, lapic);
}

static void op_kick(struct vhm_lapic *lapic)
{
	cpu_of(lapic)->kicks++;
}

static void op_message(struct vhm_lapic *lapic, enum vhm_irq_mode mode, u8 vector)
{
	struct board_cpu *c = cpu_of(lapic);

	switch (mode) {
	case VHM_DM_NMI:
		c->nmis++;
		break;
	case VHM_DM_INIT:
		c->inits++;
		break;
	case VHM_DM_STARTUP:
		c->sipis++;
		c->sipi_vector = vector;
		break;
	default:
		abort();
	}
}

static u64 op_tsc_expiry(struct vhm_lapic *lapic, u64 tsc)
{
	u64 now = board.now * 2, ticks = min_t(u64, tsc - now, 1ULL << 62);

	(void)lapic;
	return tsc > now ? board.now + ticks / 2 + (ticks & 1) : 0;
}

static void op_acked(struct vhm_irqchip *chip, bool ioapic, u32 pins)
{
	board.acked[ioapic] |= pins;
	if (board.resample && vhm_irq_pins(chip, board.resample, ioapic) & pins)
		vhm_irq_line(chip, VHM_IRQ_SRC_RESAMPLE, board.resample, false);
}

static void op_eoi(struct vhm_lapic *lapic, u8 vector)
{
	(void)lapic;
	board.eois++;
	board.eoi_vector = vector;
}

static const struct vhm_irq_ops ops = {
	.eoi = op_eoi,
	.acked = op_acked,
	.kick = op_kick,
	.message = op_message,
	.tsc_expiry = op_tsc_expiry,
};

static void add_cpus(unsigned int n_cpus)
{
	unsigned int i;

	board.n_cpus = n_cpus;
	for (i = 0; i < n_cpus; i++) {
		struct board_cpu *c = calloc(1, sizeof(*c));

		if (!c || vhm_lapic_init(&c->lapic, &board.chip, i, i, !i))
			abort();
		board.cpu[i] = c;
		vhm_lapic_publish(&c->lapic);
		vhm_lapic_set_cpuid(&c->lapic, true, true, 40);
		vhm_lapic_write(&c->lapic, 0xf0, 4, 0x1ff);
	}
}

void board_init(unsigned int n_cpus, u32 pit_flags)
{
	memset(&board, 0, sizeof(board));
	board.now = 1000000;
	if (vhm_irqchip_init(&board.chip, &ops) ||
	    vhm_pit_create(&board.chip, pit_flags))
		abort();
	add_cpus(n_cpus);
}

void board_init_split(unsigned int n_cpus, u32 n_pins)
{
	memset(&board, 0, sizeof(board));
	if (vhm_irqchip_init_split(&board.chip, &ops, n_pins))
		abort();
	add_cpus(n_cpus);
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

static struct hrtimer *next_timer(void)
{
	struct hrtimer *best = board.chip.pit.timer.expires ? &board.chip.pit.timer : NULL;
	unsigned int i;

	for (i = 0; i < board.n_cpus; i++) {
		struct hrtimer *t = &board.cpu[i]->lapic.timer;

		if (t->expires && (!best || t->expires < best->expires))
			best = t;
	}
	return best;
}

void board_run(u64 until)
{
	struct hrtimer *t;
	u64 expired;

	while ((t = next_timer()) && t->expires <= until) {
		if (t->expires > board.now)
			board.now = t->expires;
		expired = t->expires;
		board.timer_expiries++;
		if (t->function(t) == HRTIMER_NORESTART)
			t->expires = 0;
		else if (t->expires <= expired)		/* must move on */
			abort();
	}
	if (until > board.now)
		board.now = until;
}

static void chip_state(struct vhm_irqchip *chip, u32 id, void *s, size_t size, bool set)
{
	struct kvm_irqchip all = { .chip_id = id };

	memcpy(&all.chip, s, size);
	if (vhm_irqchip_state(chip, &all, set))
		abort();
	memcpy(s, &all.chip, size);
}

void vhm_pic_get(struct vhm_irqchip *chip, int which, struct kvm_pic_state *s)
{
	memset(s, 0, sizeof(*s));
	chip_state(chip, which & 1, s, sizeof(*s), false);
}

void vhm_pic_set(struct vhm_irqchip *chip, int which, const struct kvm_pic_state *s)
{
	struct kvm_pic_state copy = *s;

	chip_state(chip, which & 1, &copy, sizeof(copy), true);
}

void vhm_ioapic_get(struct vhm_irqchip *chip, struct kvm_ioapic_state *s)
{
	memset(s, 0, sizeof(*s));
	chip_state(chip, KVM_IRQCHIP_IOAPIC, s, sizeof(*s), false);
}

void vhm_ioapic_set(struct vhm_irqchip *chip, const struct kvm_ioapic_state *s)
{
	struct kvm_ioapic_state copy = *s;

	chip_state(chip, KVM_IRQCHIP_IOAPIC, &copy, sizeof(copy), true);
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
