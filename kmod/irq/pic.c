// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two cascaded 8259A interrupt controllers with edge/level control registers.
 *
 * Registers are kept in the form in which userspace saves them. IR2 of the
 * master is no line of its own: its request bit always shows the output of the
 * slave. After every change update() recomputes both outputs; when the
 * master's rises, the CPUs that take ExtINT are kicked. Acknowledgements are
 * reported after the lock is dropped, because who hears of them may drive a
 * line.
 *
 * Sources: 8259A data sheet, "Interrupt Sequence", "Programming the 8259A";
 * PIIX data sheet, "Edge/Level Control Registers".
 */
#include "internal.h"

#define CASCADE		0x04	/* IR2 of the master */

enum { MASTER, SLAVE };
/* Which word of an initialisation sequence is expected: init_state. */
enum { INIT_DONE, INIT_ICW2, INIT_ICW3, INIT_ICW4 };

void vhm_pic_init(struct vhm_irqchip *chip)
{
	raw_spin_lock_init(&chip->pic.lock);
	chip->pic.pics[MASTER].elcr_mask = 0xf8;
	chip->pic.pics[SLAVE].elcr_mask = 0xde;
}

/* ---- priority ------------------------------------------------------------------------ */

/* Rank of the most urgent bit, 0 the highest; 8: none. */
static u32 rank(const struct kvm_pic_state *s, u8 mask)
{
	u32 first = s->priority_add & 7;
	u32 turned = (mask | mask << 8) >> first & 0xff;

	return turned ? __ffs(turned) : 8;
}

static u32 rank_to_irq(const struct kvm_pic_state *s, u32 r)
{
	return (r + s->priority_add) & 7;
}

/* The request this chip would put forward now, -1 none. */
static int winner(const struct kvm_pic_state *s, bool master)
{
	u32 request = rank(s, s->irr & ~s->imr);
	u8 busy = s->isr;

	/* "Special Mask Mode": a level in service blocks only while not masked. */
	if (s->special_mask)
		busy &= ~s->imr;
	/* "The Special Fully Nested Mode": the slave may interrupt itself. */
	if (s->special_fully_nested_mode && master)
		busy &= ~CASCADE;
	return request < rank(s, busy) ? (int)rank_to_irq(s, request) : -1;
}

static void kick_extint(struct vhm_irqchip *chip)
{
	u32 i, n = vhm_n_lapics(chip);

	for (i = 0; i < n; i++) {
		struct vhm_lapic *lapic = READ_ONCE(chip->lapics[i]);

		if (lapic && vhm_lapic_takes_extint(lapic))
			chip->ops->kick(lapic);
	}
}

/* Recompute the outputs. pic->lock. */
static void update(struct vhm_irqchip *chip)
{
	struct kvm_pic_state *s = chip->pic.pics;
	bool was = chip->pic.output, is;

	if (winner(&s[SLAVE], false) >= 0)
		s[MASTER].irr |= CASCADE;
	else
		s[MASTER].irr &= ~CASCADE;
	is = winner(&s[MASTER], true) >= 0;
	WRITE_ONCE(chip->pic.output, is);
	if (is && !was)
		kick_extint(chip);
}

/* pins: bit per pin of both chips. No lock held. */
static void report_acked(struct vhm_irqchip *chip, u16 pins)
{
	u32 pin;

	for (pin = 0; pins >> pin; pin++)
		if (pins & BIT(pin))
			vhm_irq_pin_acked(chip, pin >> 3, pin);
}

/* ---- lines and acknowledge ------------------------------------------------------------ */

static int set_line(struct kvm_pic_state *s, u8 bit, bool level)
{
	bool rises;

	if (!level) {
		s->last_irr &= ~bit;
		if (s->elcr & bit)
			s->irr &= ~bit;
		return s->imr & bit ? -1 : 1;
	}
	rises = s->elcr & bit || !(s->last_irr & bit);
	s->last_irr |= bit;
	if (s->imr & bit) {
		s->irr |= rises ? bit : 0;
		return -1;
	}
	if (!rises)
		return 1;
	if (s->irr & bit)
		return 0;
	s->irr |= bit;
	return 1;
}

int vhm_pic_line(struct vhm_irqchip *chip, u32 pin, enum vhm_irq_source source, bool level)
{
	unsigned long flags;
	int ret;

	raw_spin_lock_irqsave(&chip->pic.lock, flags);
	level = vhm_line_update(&chip->pic.lines[pin], source, level);
	ret = set_line(&chip->pic.pics[pin >> 3], 1 << (pin & 7), level);
	update(chip);
	raw_spin_unlock_irqrestore(&chip->pic.lock, flags);
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

/* The chip's half of INTA. Returns pins whose service ended at once. */
static u8 acknowledge(struct kvm_pic_state *s, u32 irq)
{
	s->isr |= BIT(irq);
	if (!(s->elcr & BIT(irq)))
		s->irr &= ~BIT(irq);
	return s->auto_eoi ? end(s, irq, s->rotate_on_auto_eoi) : 0;
}

u8 vhm_pic_inta(struct vhm_irqchip *chip)
{
	struct kvm_pic_state *m = &chip->pic.pics[MASTER], *s = &chip->pic.pics[SLAVE];
	unsigned long flags;
	u16 acked = 0;
	int irq, irq2;
	u8 vector;

	raw_spin_lock_irqsave(&chip->pic.lock, flags);
	irq = winner(m, true);
	if (irq < 0) {
		vector = (m->irq_base & 0xf8) + 7;	/* request gone: spurious */
	} else if (BIT(irq) == CASCADE) {
		irq2 = winner(s, false);
		acked = acknowledge(m, irq) & ~CASCADE;
		if (irq2 >= 0)
			acked |= acknowledge(s, irq2) << 8;
		vector = (s->irq_base & 0xf8) + (irq2 >= 0 ? irq2 : 7);
	} else {
		acked = acknowledge(m, irq);
		vector = (m->irq_base & 0xf8) + irq;
	}
	update(chip);
	raw_spin_unlock_irqrestore(&chip->pic.lock, flags);
	report_acked(chip, acked);
	return vector;
}

/* ---- registers -------------------------------------------------------------------------- */

/* ICW1. Returns pins whose requests or service are forgotten. */
static u8 start_init(struct kvm_pic_state *s, u8 val)
{
	u8 edge = s->irr & ~s->elcr, dropped = edge | s->isr;

	s->irr &= ~edge;
	s->last_irr = 0;
	s->isr = 0;
	s->imr = 0;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->init4 = val & 1;
	if (!s->init4) {
		s->special_fully_nested_mode = 0;
		s->auto_eoi = 0;
	}
	s->rotate_on_auto_eoi = 0;
	s->init_state = INIT_ICW2;
	return dropped;
}

/* OCW2: "Operation Command Word 2". Returns pins whose service ended. */
static u8 write_ocw2(struct kvm_pic_state *s, u8 val)
{
	bool rotate = val & 0x80, specific = val & 0x40, eoi = val & 0x20;
	u32 irq = val & 7, r;

	if (!eoi) {
		if (!specific)
			s->rotate_on_auto_eoi = rotate;
		else if (rotate)
			s->priority_add = (irq + 1) & 7;
		return 0;
	}
	if (specific)
		return end(s, irq, rotate);
	r = rank(s, s->special_mask ? s->isr & ~s->imr : s->isr);
	return r < 8 ? end(s, rank_to_irq(s, r), rotate) : 0;
}

static void write_ocw3(struct kvm_pic_state *s, u8 val)
{
	if (val & 0x04)
		s->poll = 1;
	if (val & 0x02)
		s->read_reg_select = val & 1;
	if (val & 0x40)
		s->special_mask = val >> 5 & 1;
}

/* The port with A0 set. Returns pins that were unmasked. */
static u8 write_data(struct kvm_pic_state *s, u8 val)
{
	u8 opened = 0;

	switch (s->init_state) {
	case INIT_ICW2:
		s->irq_base = val & 0xf8;
		s->init_state = INIT_ICW3;
		break;
	case INIT_ICW3:		/* the cascade is wired, not programmed */
		s->init_state = s->init4 ? INIT_ICW4 : INIT_DONE;
		break;
	case INIT_ICW4:
		s->special_fully_nested_mode = val >> 4 & 1;
		s->auto_eoi = val >> 1 & 1;
		s->init_state = INIT_DONE;
		break;
	default:
		opened = s->imr & ~val;
		s->imr = val;
	}
	return opened;
}

static struct kvm_pic_state *port_chip(struct vhm_irqchip *chip, u16 port)
{
	bool slave = port == 0x4d1 || (port & 0x80 && port < 0x4d0);

	return &chip->pic.pics[slave ? SLAVE : MASTER];
}

u8 vhm_pic_read(struct vhm_irqchip *chip, u16 port)
{
	struct kvm_pic_state *s = port_chip(chip, port);
	unsigned long flags;
	u16 acked = 0;
	u8 val;
	int irq;

	raw_spin_lock_irqsave(&chip->pic.lock, flags);
	if (port >= 0x4d0) {
		val = s->elcr;
	} else if (s->poll) {
		/* "Poll Command": the read is the acknowledge. */
		s->poll = 0;
		irq = winner(s, s == &chip->pic.pics[MASTER]);
		val = irq < 0 ? 0 : 0x80 | irq;
		if (irq >= 0)
			acked = acknowledge(s, irq) << (s == chip->pic.pics ? 0 : 8);
		update(chip);
	} else if (port & 1) {
		val = s->imr;
	} else {
		val = s->read_reg_select ? s->isr : s->irr;
	}
	raw_spin_unlock_irqrestore(&chip->pic.lock, flags);
	report_acked(chip, acked & ~CASCADE);
	return val;
}

void vhm_pic_write(struct vhm_irqchip *chip, u16 port, u8 val)
{
	struct kvm_pic_state *s = port_chip(chip, port);
	u32 which = s - chip->pic.pics, pin;
	u8 acked = 0, opened = 0;
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->pic.lock, flags);
	if (port >= 0x4d0)
		s->elcr = val & s->elcr_mask;
	else if (port & 1)
		opened = write_data(s, val);
	else if (val & 0x10)
		acked = start_init(s, val);
	else if (val & 0x08)
		write_ocw3(s, val);
	else
		acked = write_ocw2(s, val);
	for (pin = 0; opened >> pin; pin++)
		if (opened & BIT(pin))
			vhm_irq_pin_unmasked(chip, which, which * 8 + pin);
	update(chip);
	raw_spin_unlock_irqrestore(&chip->pic.lock, flags);
	if (which == MASTER)
		acked &= ~CASCADE;
	report_acked(chip, acked << which * 8);
}

/* ---- state -------------------------------------------------------------------------------- */

void vhm_pic_get(struct vhm_irqchip *chip, int which, struct kvm_pic_state *s)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->pic.lock, flags);
	*s = chip->pic.pics[which & 1];
	raw_spin_unlock_irqrestore(&chip->pic.lock, flags);
}

void vhm_pic_set(struct vhm_irqchip *chip, int which, const struct kvm_pic_state *s)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->pic.lock, flags);
	chip->pic.pics[which & 1] = *s;
	update(chip);
	raw_spin_unlock_irqrestore(&chip->pic.lock, flags);
}
