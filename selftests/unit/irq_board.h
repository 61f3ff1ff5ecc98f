/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A board to plug the interrupt controllers into: a clock that tests move,
 * timers that expire as it moves, CPUs that write down what reaches them.
 */
#ifndef UNIT_IRQ_BOARD_H
#define UNIT_IRQ_BOARD_H

#include "irq/irq.h"

#define BOARD_CPUS	20

struct board_cpu {
	struct vhm_lapic lapic;
	unsigned int kicks, nmis, inits, sipis;
	u8 sipi_vector;
};

struct board {
	struct vhm_irqchip chip;
	struct board_cpu *cpu[BOARD_CPUS];
	unsigned int n_cpus;
	u64 now;		/* ns; the guest's TSC runs at twice that */
	unsigned int eois;	/* ends that the VMM's IOAPIC is told of: a split chip's */
	u8 eoi_vector;
	u32 acked[2];		/* pins whose interrupts ended: PICs, IOAPIC */
	u32 resample;		/* a GSI whose resampling source goes low at its ack; 0: none */
	unsigned int timer_starts, timer_cancels, timer_expiries;
};

extern struct board board;

/** board_init: n CPUs with APIC ids 0..n-1, the first the BSP; APICs enabled. */
void board_init(unsigned int n_cpus, u32 pit_flags);
/** board_init_split: the same with the LAPICs alone. */
void board_init_split(unsigned int n_cpus, u32 n_pins);
void board_exit(void);
/** board_run: let the clock run to that time, timers expiring on the way. */
void board_run(u64 until);

/* The APIC of CPU 0 as its guest sees it: xAPIC registers. */
u32 rd(u32 off);
void wr(u32 off, u32 val);
struct vhm_lapic *cpu(unsigned int i);
/** deliver: a fixed interrupt to the CPU with that id; true: taken. */
bool deliver(unsigned int i, u8 vector, bool level);
/** take: ack and, when vec is what came, true. */
int take(unsigned int i);

static inline bool vhm_irq_pio_read(struct vhm_irqchip *chip, u16 port, u32 size, u32 *val)
{
	return vhm_irqchip_pio(chip, port, size, true, val);
}

static inline bool vhm_irq_pio_write(struct vhm_irqchip *chip, u16 port, u32 size, u32 val)
{
	return vhm_irqchip_pio(chip, port, size, false, &val);
}

/* The bus: as many bytes of a value as the access has. */
static inline u64 bus_bytes(u64 val, u32 size)
{
	return size < 8 ? val & ((1ULL << size * 8) - 1) : val;
}

static inline u64 vhm_lapic_read(struct vhm_lapic *lapic, u32 offset, u32 size)
{
	return bus_bytes(vhm_lapic_mmio_read(lapic, offset, size), size);
}

static inline void vhm_lapic_write(struct vhm_lapic *lapic, u32 offset, u32 size, u64 val)
{
	vhm_lapic_mmio_write(lapic, offset, size, bus_bytes(val, size));
}

static inline u64 vhm_ioapic_read(struct vhm_irqchip *chip, u32 offset, u32 size)
{
	u64 val = 0;

	vhm_ioapic_mmio(chip, offset, false, &val);
	return bus_bytes(val, size);
}

static inline void vhm_ioapic_write(struct vhm_irqchip *chip, u32 offset, u32 size, u64 val)
{
	val = bus_bytes(val, size);
	vhm_ioapic_mmio(chip, offset, true, &val);
}

/* Chip state without its number. */
void vhm_pic_get(struct vhm_irqchip *chip, int which, struct kvm_pic_state *s);
void vhm_pic_set(struct vhm_irqchip *chip, int which, const struct kvm_pic_state *s);
void vhm_ioapic_get(struct vhm_irqchip *chip, struct kvm_ioapic_state *s);
void vhm_ioapic_set(struct vhm_irqchip *chip, const struct kvm_ioapic_state *s);

u8 inb(u16 port);
void outb(u16 port, u8 val);
u32 io_rd(u32 reg);
void io_wr(u32 reg, u32 val);
/** rte: write redirection entry pin; high is the upper half. */
void rte(u32 pin, u32 high, u32 low);
int line(u32 gsi, bool level);
/** pic_setup: both chips initialised at 0x20, 0x28, all unmasked; icw4 of both. */
void pic_setup(u8 icw4);

#endif
