// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOAPIC: 24 pins, each with a redirection entry that says which message
 * it sends.
 *
 * s.irr has a bit per pin: for a level pin the state of its line, for an edge
 * pin "raised since the line was last low". An edge pin's message is sent once
 * when the bit rises and is lost when the pin is masked then; irr_delivered
 * remembers the sent ones so that a restored IOAPIC does not send them twice.
 * A level pin sends while its line is high and no message of it is under way
 * (remote IRR), which the EOI of its vector ends.
 *
 * Source: 82093AA data sheet, "Register Description". Version 0x11 has no EOI
 * register, so LAPICs behind it do not offer directed EOI.
 */
#include "internal.h"

#define RTE_VECTOR	0xffULL
#define RTE_MESSAGE	0x8fffULL	/* what goes into the message: format of ICR */
#define RTE_READ_ONLY	0x5000ULL	/* delivery status, always 0, and: */
#define RTE_REMOTE_IRR	0x4000ULL
#define RTE_LEVEL	0x8000ULL
#define RTE_MASKED	0x10000ULL

#define IOAPIC_VERSION	(0x11 | (KVM_IOAPIC_NUM_PINS - 1) << 16)

enum { IOREGSEL = 0x00, IOWIN = 0x10 };
enum { IOAPICID, IOAPICVER, IOAPICARB, IOREDTBL = 0x10 };

/* A vector is worth a look at its EOI when some entry has it. */
static void update_eoi_vectors(struct vhm_ioapic *io)
{
	DECLARE_BITMAP(map, 256) = { 0 };
	unsigned int i;

	for (i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		__set_bit(io->s.redirtbl[i].bits & RTE_VECTOR, map);
	__clear_bit(0, map);	/* what unused entries hold; no LAPIC accepts it */
	for (i = 0; i < ARRAY_SIZE(map); i++)
		WRITE_ONCE(io->eoi_vectors[i], map[i]);
}

/* Send the pin's message if it may. io->lock. Returns as vhm_irq_line(). */
static int service(struct vhm_irqchip *chip, struct vhm_lapic *src, u32 pin)
{
	u64 *rte = &chip->ioapic.s.redirtbl[pin].bits;
	int ret;

	lockdep_assert_held(&chip->ioapic.lock);
	if (*rte & RTE_MASKED || (*rte & RTE_LEVEL && *rte & RTE_REMOTE_IRR))
		return -1;
	if (!(*rte & RTE_LEVEL))
		chip->ioapic.irr_delivered |= BIT(pin);
	ret = vhm_irq_send(chip, src, (*rte & RTE_MESSAGE) | ICR_ASSERT, vhm_dest8(*rte >> 56));
	if (*rte & RTE_LEVEL && ret > 0)
		*rte |= RTE_REMOTE_IRR;
	return ret;
}

/* The pin went high, or was found high. io->lock. */
static int raise_pin(struct vhm_irqchip *chip, u32 pin)
{
	struct vhm_ioapic *io = &chip->ioapic;
	bool was = io->s.irr & BIT(pin);

	io->s.irr |= BIT(pin);
	if (!(io->s.redirtbl[pin].bits & RTE_LEVEL)) {
		io->irr_delivered &= ~BIT(pin);
		if (was)
			return 0;
	}
	return service(chip, NULL, pin);
}

int vhm_ioapic_line(struct vhm_irqchip *chip, u32 pin, enum vhm_irq_source source, bool level)
{
	struct vhm_ioapic *io = &chip->ioapic;

	guard(vhm_raw)(&io->lock);
	__assign_bit(source, &io->lines[pin], level);
	if (io->lines[pin])
		return raise_pin(chip, pin);
	io->s.irr &= ~BIT(pin);
	return 1;
}

void vhm_ioapic_eoi(struct vhm_irqchip *chip, struct vhm_lapic *src, u8 vector, bool level)
{
	struct vhm_ioapic *io = &chip->ioapic;
	u32 pins = 0, pin;

	if (chip->split) {
		if (level)
			chip->ops->eoi(src, vector);
		return;
	}
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		if ((READ_ONCE(io->s.redirtbl[pin].bits) & RTE_VECTOR) == vector)
			pins |= BIT(pin);
	vhm_irq_acked(chip, true, pins);
	if (!level)
		return;
	guard(vhm_raw)(&io->lock);
	for (; pins; pins &= pins - 1) {
		u64 *rte = &io->s.redirtbl[pin = __ffs(pins)].bits;

		if ((*rte & (RTE_VECTOR | RTE_LEVEL)) != (vector | RTE_LEVEL))
			continue;
		*rte &= ~RTE_REMOTE_IRR;
		if (io->s.irr & BIT(pin))
			service(chip, src, pin);
	}
}

/* ---- registers --------------------------------------------------------------------- */

static u32 reg_read(const struct vhm_ioapic *io)
{
	u32 sel = io->s.ioregsel, pin = (sel - IOREDTBL) >> 1;

	if (sel == IOAPICVER)
		return IOAPIC_VERSION;
	if (sel < IOREDTBL)
		return sel <= IOAPICARB ? (io->s.id & 0xf) << 24 : 0;
	if (pin >= KVM_IOAPIC_NUM_PINS)
		return ~0u;
	return io->s.redirtbl[array_index_nospec(pin, KVM_IOAPIC_NUM_PINS)].bits >> (sel & 1) * 32;
}

static void write_rte(struct vhm_irqchip *chip, u32 pin, bool high, u32 val)
{
	struct vhm_ioapic *io = &chip->ioapic;
	u64 old = io->s.redirtbl[pin].bits, new;

	if (high)
		new = (u32)old | (u64)val << 32;
	else
		new = (old & (~0xffffffffULL | RTE_READ_ONLY)) | (val & ~RTE_READ_ONLY);
	/* Guests clear a stuck remote IRR by switching to edge and back. */
	if (!(new & RTE_LEVEL))
		new &= ~RTE_REMOTE_IRR;
	WRITE_ONCE(io->s.redirtbl[pin].bits, new);
	update_eoi_vectors(io);
	if (old & ~new & RTE_MASKED)
		vhm_pit_opened(chip, true, BIT(pin));
	if (new & RTE_LEVEL && io->s.irr & BIT(pin))
		service(chip, NULL, pin);
}

static void reg_write(struct vhm_irqchip *chip, u32 val)
{
	struct kvm_ioapic_state *s = &chip->ioapic.s;
	u32 pin = (s->ioregsel - IOREDTBL) >> 1;

	if (s->ioregsel == IOAPICID)
		s->id = val >> 24 & 0xf;
	else if (s->ioregsel >= IOREDTBL && pin < KVM_IOAPIC_NUM_PINS)
		write_rte(chip, array_index_nospec(pin, KVM_IOAPIC_NUM_PINS), s->ioregsel & 1, val);
}

void vhm_ioapic_mmio(struct vhm_irqchip *chip, u32 offset, bool write, u64 *val)
{
	struct vhm_ioapic *io = &chip->ioapic;

	guard(vhm_raw)(&io->lock);
	if (!write)
		*val = offset == IOREGSEL ? io->s.ioregsel : offset == IOWIN ? reg_read(io) : 0;
	else if (offset == IOREGSEL)
		io->s.ioregsel = *val & 0xff;
	else if (offset == IOWIN)
		reg_write(chip, *val);
}

/* ---- state ----------------------------------------------------------------------------- */

void vhm_ioapic_state(struct vhm_irqchip *chip, struct kvm_ioapic_state *s, bool set)
{
	struct vhm_ioapic *io = &chip->ioapic;
	u32 pin;

	guard(vhm_raw)(&io->lock);
	if (!set) {
		*s = io->s;
		s->irr &= ~io->irr_delivered;
		return;
	}
	io->s = *s;
	io->s.ioregsel &= 0xff;
	io->s.irr = io->irr_delivered = 0;
	update_eoi_vectors(io);
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		if (s->irr & BIT(pin))
			raise_pin(chip, pin);
}
