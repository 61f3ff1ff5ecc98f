// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two cascaded 8259A interrupt controllers with edge/level control registers.
 *
 * Registers are kept in the form in which userspace saves them. IR2 of the
 * master is no line of its own: its request bit always shows the output of the
 * slave. After every change update() recomputes both outputs; when the
 * master's rises, the CPUs that take ExtINT are kicked. Acknowledgements are
 * reported after the lock is dropped, because who hears of it may drive a line.
 *
 * Sources: 8259A data sheet, "Interrupt Sequence", "Programming the 8259A";
 * PIIX data sheet, "Edge/Level Control Registers".
 */
#include "internal.h"

#define CASCADE		0x04	/* IR2 of the master */

enum { MASTER, SLAVE };
/* Which word of an initialisation sequence is expected: init_state. */
enum { INIT_DONE, INIT_ICW2, INIT_ICW3, INIT_ICW4 };

/* ---- priority ------------------------------------------------------------------------ */

/* Rank of the most urgent bit, 0 the highest, pin priority_add; 8: none. */
static u32 rank(const struct kvm_pic_state *s, u8 mask)
{
	u32 turned = (mask | mask << 8) >> (s->priority_add & 7) & 0xff;

	return turned ? __ffs(turned) : 8;
}

/* The request this chip would put forward now, -1 none. */
static int winner(const struct kvm_pic_state *s, int which)
{
	u32 request = rank(s, s->irr & ~s->imr);
	u8 busy = s->isr;

	/* "Special Mask Mode": a level in service blocks only while not masked. */
	if (s->special_mask)
		busy &= ~s->imr;
	/* "The Special Fully Nested Mode": the slave may interrupt itself. */
	if (s->special_fully_nested_mode && which == MASTER)
		busy &= ~CASCADE;
	return request < rank(s, busy) ? (int)(request + s->priority_add) & 7 : -1;
}

/* Recompute the outputs; kick who takes ExtINT when the master's rises. pic->lock. */
static void update(struct vhm_irqchip *chip)
{
	u32 i, n = smp_load_acquire(&chip->n_lapics);	/* places below are published */
	struct kvm_pic_state *s = chip->pic.pics;
	bool was = chip->pic.output;

	s->irr = (s->irr & ~CASCADE) | (winner(&s[SLAVE], SLAVE) < 0 ? 0 : CASCADE);
	WRITE_ONCE(chip->pic.output, winner(s, MASTER) >= 0);
	for (i = 0; i < n && chip->pic.output && !was; i++) {
		struct vhm_lapic *lapic = READ_ONCE(chip->lapics[i]);

		if (lapic && vhm_lapic_takes_extint(lapic))
			chip->ops->kick(lapic);
	}
}

/* ---- lines and acknowledge ------------------------------------------------------------ */

int vhm_pic_line(struct vhm_irqchip *chip, u32 pin, enum vhm_irq_source source, bool level)
{
	struct kvm_pic_state *s = &chip->pic.pics[pin >> 3];
	u8 bit = BIT(pin & 7);
	bool rises;
	int ret;

	guard(vhm_raw)(&chip->pic.lock);
	__assign_bit(source, &chip->pic.lines[pin], level);
	level = chip->pic.lines[pin];
	rises = level && (s->elcr & bit || !(s->last_irr & bit));
	ret = s->imr & bit ? -1 : !(rises && s->irr & bit);
	s->last_irr = level ? s->last_irr | bit : s->last_irr & ~bit;
	if (rises)
		s->irr |= bit;
	else if (!level)
		s->irr &= ~(s->elcr & bit);
	update(chip);
	return ret;
}

/* End of interrupt; returns the pin as a bit. */
static u8 end(struct kvm_pic_state *s, u32 irq, bool rotate)
{
	s->isr &= ~BIT(irq);
	if (rotate)
		s->priority_add = (irq + 1) & 7;
	return BIT(irq);
}

/* One chip's half of INTA: the request, -1 none. Adds to acked what ended at once. */
static int acknowledge(struct vhm_irqchip *chip, int which, u16 *acked)
{
	struct kvm_pic_state *s = &chip->pic.pics[which];
	int irq = winner(s, which);

	if (irq < 0)
		return -1;
	s->isr |= BIT(irq);
	if (!(s->elcr & BIT(irq)))
		s->irr &= ~BIT(irq);
	if (s->auto_eoi)
		*acked |= end(s, irq, s->rotate_on_auto_eoi) << which * 8;
	return irq;
}

u8 vhm_pic_inta(struct vhm_irqchip *chip)
{
	int irq, which = MASTER;
	u16 acked = 0;
	u8 vector = 0;

	scoped_guard(vhm_raw, &chip->pic.lock) {
		irq = acknowledge(chip, MASTER, &acked);
		if (irq >= 0 && BIT(irq) == CASCADE) {
			which = SLAVE;
			irq = acknowledge(chip, SLAVE, &acked);
		}
		/* A request that is gone by now is the spurious 7. */
		vector = (chip->pic.pics[which].irq_base & 0xf8) + (irq < 0 ? 7 : irq);
		update(chip);
	}
	vhm_irq_acked(chip, false, acked & ~CASCADE);
	return vector;
}

/* ---- registers -------------------------------------------------------------------------- */

/* ICW1. Returns pins whose requests or service are forgotten. */
static u8 start_init(struct kvm_pic_state *s, u8 val)
{
	u8 dropped = (s->irr & ~s->elcr) | s->isr;

	*s = (struct kvm_pic_state) {
		.irr = s->irr & s->elcr, .irq_base = s->irq_base,
		.elcr = s->elcr, .elcr_mask = s->elcr_mask,
		.init_state = INIT_ICW2, .init4 = val & 1,
		.auto_eoi = val & 1 ? s->auto_eoi : 0,
		.special_fully_nested_mode = val & 1 ? s->special_fully_nested_mode : 0,
	};
	return dropped;
}

/* OCW2: "Operation Command Word 2". Returns pins whose service ended. */
static u8 write_ocw2(struct kvm_pic_state *s, u8 val)
{
	bool rotate = val & 0x80, specific = val & 0x40, eoi = val & 0x20;
	u32 r = rank(s, s->special_mask ? s->isr & ~s->imr : s->isr);

	if (eoi && specific)
		return end(s, val & 7, rotate);
	if (eoi)
		return r < 8 ? end(s, (r + s->priority_add) & 7, rotate) : 0;
	if (!specific)
		s->rotate_on_auto_eoi = rotate;
	else if (rotate)
		s->priority_add = (val + 1) & 7;
	return 0;
}

/* The port with A0 set. Returns pins that were unmasked. */
static u8 write_data(struct kvm_pic_state *s, u8 val)
{
	u8 opened = s->imr & ~val;

	switch (s->init_state) {
	case INIT_ICW2:
		s->irq_base = val & 0xf8;
		s->init_state = INIT_ICW3;
		return 0;
	case INIT_ICW3:		/* the cascade is wired, not programmed */
		s->init_state = s->init4 ? INIT_ICW4 : INIT_DONE;
		return 0;
	case INIT_ICW4:
		s->special_fully_nested_mode = val >> 4 & 1;
		s->auto_eoi = val >> 1 & 1;
		s->init_state = INIT_DONE;
		return 0;
	}
	s->imr = val;
	return opened;
}

/* The port with A0 clear. Returns pins whose requests or service ended. */
static u8 write_command(struct kvm_pic_state *s, u8 val)
{
	if (val & 0x10)
		return start_init(s, val);
	if (!(val & 0x08))
		return write_ocw2(s, val);
	s->poll |= val >> 2 & 1;	/* OCW3 */
	if (val & 0x02)
		s->read_reg_select = val & 1;
	if (val & 0x40)
		s->special_mask = val >> 5 & 1;
	return 0;
}

void vhm_pic_pio(struct vhm_irqchip *chip, u16 port, bool in, u32 *val)
{
	int irq, which = port >= 0x4d0 ? port & 1 : port >> 7 & 1;
	struct kvm_pic_state *s = &chip->pic.pics[which];
	u16 acked = 0;

	scoped_guard(vhm_raw, &chip->pic.lock) {
		if (port >= 0x4d0 && in) {
			*val = s->elcr;
		} else if (port >= 0x4d0) {
			s->elcr = *val & s->elcr_mask;
		} else if (in && s->poll) {	/* "Poll Command": the read is the acknowledge */
			s->poll = 0;
			irq = acknowledge(chip, which, &acked);
			*val = irq < 0 ? 0 : 0x80 | irq;
			update(chip);
		} else if (in) {
			*val = port & 1 ? s->imr : s->read_reg_select ? s->isr : s->irr;
		} else if (port & 1) {
			vhm_pit_opened(chip, false, write_data(s, *val) << which * 8);
		} else {
			acked = write_command(s, *val) << which * 8;
		}
		if (!in)
			update(chip);
	}
	vhm_irq_acked(chip, false, acked & ~CASCADE);
}

void vhm_pic_state(struct vhm_irqchip *chip, u32 which, struct kvm_pic_state *s, bool set)
{
	struct kvm_pic_state *mine = &chip->pic.pics[which & 1];

	guard(vhm_raw)(&chip->pic.lock);
	if (set)
		*mine = *s;
	else
		*s = *mine;
	update(chip);
}
