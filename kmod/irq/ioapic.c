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
#define RTE_MODE_SHIFT	8
#define RTE_LOGICAL	0x800ULL
#define RTE_STATUS	0x1000ULL	/* delivery status: messages never wait here */
#define RTE_REMOTE_IRR	0x4000ULL
#define RTE_LEVEL	0x8000ULL
#define RTE_MASKED	0x10000ULL
#define RTE_DEST_SHIFT	56

#define IOAPIC_VERSION	(0x11 | (KVM_IOAPIC_NUM_PINS - 1) << 16)

enum { IOREGSEL = 0x00, IOWIN = 0x10 };
enum { IOAPICID, IOAPICVER, IOAPICARB, IOREDTBL = 0x10 };

void vhm_ioapic_init(struct vhm_irqchip *chip)
{
	struct vhm_ioapic *io = &chip->ioapic;
	int pin;

	raw_spin_lock_init(&io->lock);
	io->s.base_address = VHM_IOAPIC_BASE;
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		io->s.redirtbl[pin].bits = RTE_MASKED;
}

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
	u64 rte = chip->ioapic.s.redirtbl[pin].bits;
	struct vhm_irq_msg m = {
		.dest = vhm_dest8(rte >> RTE_DEST_SHIFT),
		.vector = rte & RTE_VECTOR,
		.mode = rte >> RTE_MODE_SHIFT & 7,
		.logical = rte & RTE_LOGICAL,
		.level = rte & RTE_LEVEL,
		.assert = true,
	};
	int ret;

	lockdep_assert_held(&chip->ioapic.lock);
	if (rte & RTE_MASKED || (m.level && rte & RTE_REMOTE_IRR))
		return -1;
	if (!m.level)
		chip->ioapic.irr_delivered |= BIT(pin);
	ret = vhm_irq_send(chip, src, &m);
	if (m.level && ret > 0)
		chip->ioapic.s.redirtbl[pin].bits |= RTE_REMOTE_IRR;
	return ret;
}

/* The pin went high, or was found high. io->lock. */
static int raise_pin(struct vhm_irqchip *chip, u32 pin)
{
	struct vhm_ioapic *io = &chip->ioapic;
	u32 old = io->s.irr;

	io->s.irr |= BIT(pin);
	if (!(io->s.redirtbl[pin].bits & RTE_LEVEL)) {
		io->irr_delivered &= ~BIT(pin);
		if (old & BIT(pin))
			return 0;
	}
	return service(chip, NULL, pin);
}

int vhm_ioapic_line(struct vhm_irqchip *chip, u32 pin, enum vhm_irq_source source, bool level)
{
	struct vhm_ioapic *io = &chip->ioapic;
	unsigned long flags;
	int ret = 1;

	raw_spin_lock_irqsave(&io->lock, flags);
	if (vhm_line_update(&io->lines[pin], source, level))
		ret = raise_pin(chip, pin);
	else
		io->s.irr &= ~BIT(pin);
	raw_spin_unlock_irqrestore(&io->lock, flags);
	return ret;
}

void vhm_ioapic_eoi(struct vhm_irqchip *chip, struct vhm_lapic *src, u8 vector, bool level)
{
	struct vhm_ioapic *io = &chip->ioapic;
	unsigned long flags;
	u32 pins = 0, left, pin;

	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		if ((READ_ONCE(io->s.redirtbl[pin].bits) & RTE_VECTOR) == vector)
			pins |= BIT(pin);
	/* Before the line is looked at again: a resampler may lower it. */
	for (left = pins; left; left &= left - 1)
		vhm_irq_pin_acked(chip, KVM_IRQCHIP_IOAPIC, __ffs(left));
	if (!level)
		return;
	raw_spin_lock_irqsave(&io->lock, flags);
	for (left = pins; left; left &= left - 1) {
		u64 rte;

		pin = __ffs(left);
		rte = io->s.redirtbl[pin].bits;
		if ((rte & RTE_VECTOR) != vector || !(rte & RTE_LEVEL))
			continue;
		io->s.redirtbl[pin].bits = rte & ~RTE_REMOTE_IRR;
		if (io->s.irr & BIT(pin))
			service(chip, src, pin);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

/* ---- registers --------------------------------------------------------------------- */

static u32 reg_read(const struct vhm_ioapic *io)
{
	u32 sel = io->s.ioregsel, pin = (sel - IOREDTBL) >> 1;

	switch (sel) {
	case IOAPICVER:
		return IOAPIC_VERSION;
	case IOAPICID:
	case IOAPICARB:
		return (io->s.id & 0xf) << 24;
	}
	if (sel < IOREDTBL || pin >= KVM_IOAPIC_NUM_PINS)
		return sel < IOREDTBL ? 0 : ~0u;
	pin = array_index_nospec(pin, KVM_IOAPIC_NUM_PINS);
	return io->s.redirtbl[pin].bits >> (sel & 1) * 32;
}

static void write_rte(struct vhm_irqchip *chip, u32 pin, bool high, u32 val)
{
	const u64 ro = RTE_STATUS | RTE_REMOTE_IRR;
	struct vhm_ioapic *io = &chip->ioapic;
	u64 old = io->s.redirtbl[pin].bits, new;

	if (high)
		new = (u32)old | (u64)val << 32;
	else
		new = (old & ~0xffffffffULL) | (val & ~ro) | (old & ro);
	/* Guests clear a stuck remote IRR by switching to edge and back. */
	if (!(new & RTE_LEVEL))
		new &= ~RTE_REMOTE_IRR;
	WRITE_ONCE(io->s.redirtbl[pin].bits, new);
	update_eoi_vectors(io);
	if (old & ~new & RTE_MASKED)
		vhm_irq_pin_unmasked(chip, KVM_IRQCHIP_IOAPIC, pin);
	if (new & RTE_LEVEL && io->s.irr & BIT(pin))
		service(chip, NULL, pin);
}

static void reg_write(struct vhm_irqchip *chip, u32 val)
{
	u32 sel = chip->ioapic.s.ioregsel, pin = (sel - IOREDTBL) >> 1;

	if (sel == IOAPICID)
		chip->ioapic.s.id = val >> 24 & 0xf;
	else if (sel >= IOREDTBL && pin < KVM_IOAPIC_NUM_PINS)
		write_rte(chip, array_index_nospec(pin, KVM_IOAPIC_NUM_PINS), sel & 1, val);
}

u64 vhm_ioapic_read(struct vhm_irqchip *chip, u32 offset, u32 size)
{
	struct vhm_ioapic *io = &chip->ioapic;
	unsigned long flags;
	u32 val = 0;

	raw_spin_lock_irqsave(&io->lock, flags);
	if (offset == IOREGSEL)
		val = io->s.ioregsel;
	else if (offset == IOWIN)
		val = reg_read(io);
	raw_spin_unlock_irqrestore(&io->lock, flags);
	return size < 4 ? val & ((1u << size * 8) - 1) : val;
}

void vhm_ioapic_write(struct vhm_irqchip *chip, u32 offset, u32 size, u64 val)
{
	struct vhm_ioapic *io = &chip->ioapic;
	unsigned long flags;

	if (size < 4)
		val &= (1u << size * 8) - 1;
	raw_spin_lock_irqsave(&io->lock, flags);
	if (offset == IOREGSEL)
		io->s.ioregsel = val & 0xff;
	else if (offset == IOWIN)
		reg_write(chip, val);
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

/* ---- state ----------------------------------------------------------------------------- */

void vhm_ioapic_get(struct vhm_irqchip *chip, struct kvm_ioapic_state *s)
{
	struct vhm_ioapic *io = &chip->ioapic;
	unsigned long flags;

	raw_spin_lock_irqsave(&io->lock, flags);
	*s = io->s;
	s->irr &= ~io->irr_delivered;
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

void vhm_ioapic_set(struct vhm_irqchip *chip, const struct kvm_ioapic_state *s)
{
	struct vhm_ioapic *io = &chip->ioapic;
	unsigned long flags;
	u32 pin;

	raw_spin_lock_irqsave(&io->lock, flags);
	io->s = *s;
	io->s.ioregsel &= 0xff;
	io->s.irr = 0;
	io->irr_delivered = 0;
	update_eoi_vectors(io);
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		if (s->irr & BIT(pin))
			raise_pin(chip, pin);
	raw_spin_unlock_irqrestore(&io->lock, flags);
}
