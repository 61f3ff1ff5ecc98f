/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the interrupt room tell each other and nobody else.
 */
#ifndef VHM_IRQ_INTERNAL_H
#define VHM_IRQ_INTERNAL_H

#include "irq.h"

/* No periodic timer of a guest may cost the host more than this. */
#define VHM_TIMER_MIN_PERIOD	(200 * NSEC_PER_USEC)

/* Register offsets in the APIC page: SDM, "Local APIC Register Address Map". */
enum {
	LAPIC_ID = 0x20, LAPIC_LVR = 0x30, LAPIC_TPR = 0x80, LAPIC_APR = 0x90, LAPIC_PPR = 0xa0,
	LAPIC_EOI = 0xb0, LAPIC_LDR = 0xd0, LAPIC_DFR = 0xe0, LAPIC_SVR = 0xf0, LAPIC_ISR = 0x100,
	LAPIC_TMR = 0x180, LAPIC_IRR = 0x200, LAPIC_ISR_TMR_IRR_END = 0x270, LAPIC_ESR = 0x280,
	LAPIC_ICR = 0x300, LAPIC_ICR2 = 0x310, LAPIC_LVTT = 0x320, LAPIC_LVTTHMR = 0x330,
	LAPIC_LVTPC = 0x340, LAPIC_LVT0 = 0x350, LAPIC_LVT1 = 0x360, LAPIC_LVTERR = 0x370,
	LAPIC_TMICT = 0x380, LAPIC_TMCCT = 0x390, LAPIC_TDCR = 0x3e0, LAPIC_SELF_IPI = 0x3f0,
};

#define LVT_MASKED		0x10000
#define LVTT_MODE		0x60000	/* field */
#define LVTT_PERIODIC		0x20000
#define LVTT_DEADLINE		0x40000
#define SVR_ENABLE		0x100
#define ESR_SEND_VECTOR		0x20
#define ESR_RECV_VECTOR		0x40
#define ESR_REGISTER		0x80

/*
 * A message on the interrupt bus is the low half of an ICR and a destination,
 * VHM_DEST_ALL for everyone. Redirection entries, message data and LVT entries
 * have the same fields in the same places. SDM, "Interrupt Command Register (ICR)".
 */
#define ICR_MODE		0x700	/* field */
#define ICR_LOGICAL		0x800
#define ICR_ASSERT		0x4000
#define ICR_LEVEL		0x8000
#define ICR_SHORTHAND		0xc0000	/* field */
#define VHM_DEST_ALL		0xffffffffu

enum { SH_SELF = 0x40000, SH_ALL = 0x80000, SH_OTHERS = 0xc0000 };

static inline u32 lapic_reg(const struct vhm_lapic *lapic, u32 off)
{
	return READ_ONCE(*(u32 *)(lapic->regs + off));
}

static inline void lapic_set_reg(struct vhm_lapic *lapic, u32 off, u32 val)
{
	WRITE_ONCE(*(u32 *)(lapic->regs + off), val);
}

/* A 256-bit register is eight 32-bit ones, 16 bytes apart. */
static inline unsigned long *lapic_vec_word(const struct vhm_lapic *lapic, u32 off, u8 vec)
{
	return (unsigned long *)(lapic->regs + off + (vec >> 5) * 16);
}

static inline bool lapic_hw_enabled(const struct vhm_lapic *lapic)
{
	return READ_ONCE(lapic->base) & VHM_APIC_BASE_ENABLE;
}

static inline bool lapic_sw_enabled(const struct vhm_lapic *lapic)
{
	return lapic_reg(lapic, LAPIC_SVR) & SVR_ENABLE;
}

static inline bool lapic_x2apic(const struct vhm_lapic *lapic)
{
	return READ_ONCE(lapic->base) & VHM_APIC_BASE_X2APIC;
}

/** vhm_dest8: an 8-bit destination field, where 0xff is everyone. */
static inline u32 vhm_dest8(u8 dest)
{
	return dest == 0xff ? VHM_DEST_ALL : dest;
}

/* ---- lapic.c ---- */

/**
 * vhm_lapic_accept: the message has found its target. src: the LAPIC on whose
 * thread this runs, or NULL; it is not kicked. Any context.
 */
bool vhm_lapic_accept(struct vhm_lapic *lapic, const struct vhm_lapic *src, u32 icr);

/* ---- route.c ---- */

/**
 * vhm_irq_send: deliver to whom the message names. src as above; not NULL when
 * icr has a shorthand. Any context. Returns how many took it.
 */
int vhm_irq_send(struct vhm_irqchip *chip, struct vhm_lapic *src, u32 icr, u32 dest);

/* ---- ioapic.c ---- */
/** vhm_ioapic_line: pin below 24. Returns as vhm_irq_line(). Any context. */
int vhm_ioapic_line(struct vhm_irqchip *chip, u32 pin, enum vhm_irq_source source, bool level);
/** vhm_ioapic_eoi: a LAPIC ended this vector. No lock held. */
void vhm_ioapic_eoi(struct vhm_irqchip *chip, struct vhm_lapic *src, u8 vector, bool level);
void vhm_ioapic_state(struct vhm_irqchip *chip, struct kvm_ioapic_state *s, bool set);

/* ---- pic.c ---- */
/** vhm_pic_line: pin below 16. Returns as vhm_irq_line(). Any context. */
int vhm_pic_line(struct vhm_irqchip *chip, u32 pin, enum vhm_irq_source source, bool level);
/** vhm_pic_inta: interrupt acknowledge; the vector. No lock held. */
u8 vhm_pic_inta(struct vhm_irqchip *chip);
void vhm_pic_pio(struct vhm_irqchip *chip, u16 port, bool in, u32 *val);
/** vhm_pic_state: of chip `which` (1: the slave): get or set. Process. */
void vhm_pic_state(struct vhm_irqchip *chip, u32 which, struct kvm_pic_state *s, bool set);

/* ---- pit.c ---- */
void vhm_pit_pio(struct vhm_irqchip *chip, u16 port, bool in, u32 *val);
/** vhm_pit_acked: the guest ended interrupts of these pins. No lock held. */
void vhm_pit_acked(struct vhm_irqchip *chip, bool ioapic, u32 pins);
/** vhm_irq_acked: the same to all who want to know. */
static inline void vhm_irq_acked(struct vhm_irqchip *chip, bool ioapic, u32 pins)
{
	vhm_pit_acked(chip, ioapic, pins);
	if (READ_ONCE(chip->watch_acks))
		chip->ops->acked(chip, ioapic, pins);
}

/** vhm_pit_opened: the guest unmasked these pins. Any locks held. */
void vhm_pit_opened(struct vhm_irqchip *chip, bool ioapic, u32 pins);

#endif
