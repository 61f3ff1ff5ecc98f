// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two 8259A: acknowledge and lines. Whatever state was restored, for every pin:
 *  - an acknowledge gives a vector of the chip that answered, 0 to 7 above its base;
 *  - the line that joins the chips is never reported as acknowledged;
 *  - no shift or index leaves its width.
 * Bounds: one step; pins below 16, as the contract has it; no LAPIC to kick. Of its
 * ports only which they are is proved (route.c); what they do is left to the unit
 * tests and fuzz_irq, the model checker takes too long over it.
 *
 * CBMC: --function of_inta --unwind 3
 * CBMC: --function of_line --unwind 3
 * MUTANT: irq/pic.c s/turned ? __ffs(turned) : 8/__ffs(turned)/
 * MUTANT: irq/pic.c s/request + s->priority_add) & 7/request + s->priority_add)/
 * MUTANT: irq/pic.c s/irq_base & 0xf8) + (irq < 0 ? 7 : irq)/irq_base \& 0xf8) + irq/
 * MUTANT: irq/pic.c s/vhm_irq_acked(chip, false, acked & ~CASCADE)/vhm_irq_acked(chip, false, acked)/
 */
#include "shim.h"
static inline unsigned int first_bit(unsigned long w)
{
	assert(w);		/* undefined for 0 */
	return __builtin_ctzl(w);
}

#define __ffs first_bit
#include "kmod/irq/pic.c"

static struct vhm_irqchip chip;
static struct kvm_pic_state any[2];

void vhm_pit_opened(struct vhm_irqchip *c, bool ioapic, u32 pins)
{
	assert(!ioapic && !(pins >> 16));
}

void vhm_pit_acked(struct vhm_irqchip *c, bool ioapic, u32 pins)
{
	assert(!ioapic && !(pins >> 16) && !(pins & CASCADE));
}

static void restored(void)
{
	__CPROVER_havoc_object(any);
	chip.pic.pics[0] = any[0];
	chip.pic.pics[1] = any[1];
}

void of_inta(void)
{
	u8 vector, master, slave;

	restored();
	master = chip.pic.pics[0].irq_base & 0xf8;
	slave = chip.pic.pics[1].irq_base & 0xf8;
	vector = vhm_pic_inta(&chip);
	assert((vector & 0xf8) == master || (vector & 0xf8) == slave);
}

void of_line(void)
{
	u32 pin = nondet_u32() % 16;

	restored();
	chip.pic.lines[pin] = nondet_u64();
	vhm_pic_line(&chip, pin, nondet_u32() % 3, nondet_u8() & 1);
}
