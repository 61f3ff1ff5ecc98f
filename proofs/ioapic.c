// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOAPIC's index and its entries. Whatever state was restored, for every
 * select value, access and pin:
 *  - no access leaves the table of entries or the map of vectors;
 *  - a guest sets neither delivery status nor remote IRR, and no edge-triggered
 *    entry keeps remote IRR;
 *  - what has no register reads 0 or all ones, and changes nothing but the select.
 * Bounds: one access or line change; pin below 24, as the contracts have it.
 *
 * CBMC: --function of_state --unwind 25
 * CBMC: --function of_read --unwind 25
 * CBMC: --function of_write --unwind 25
 * CBMC: --function of_line --unwind 25
 * MUTANT: irq/ioapic.c s/pin < KVM_IOAPIC_NUM_PINS)$/pin <= KVM_IOAPIC_NUM_PINS)/
 * MUTANT: irq/ioapic.c s/if (pin >= KVM_IOAPIC_NUM_PINS)/if (0)/
 * MUTANT: irq/ioapic.c s/(val & ~RTE_READ_ONLY)/val/
 * MUTANT: irq/ioapic.c s/if (!(new & RTE_LEVEL))/if (0)/
 * MUTANT: irq/ioapic.c s/io->s.ioregsel = \*val & 0xff/io->s.ioregsel = *val/
 */
#include "shim.h"
/* what Spectre is denied must not be what keeps an index in bounds */
#undef array_index_nospec
#define array_index_nospec(i, n) (assert((i) < (n)), (i))
#include "kmod/irq/ioapic.c"

static struct vhm_irqchip chip;

int vhm_irq_send(struct vhm_irqchip *c, struct vhm_lapic *src, u32 icr, u32 dest)
{
	assert(!(icr & ICR_SHORTHAND));		/* they need a sender */
	return (int)nondet_u32();
}

void vhm_pit_opened(struct vhm_irqchip *c, bool ioapic, u32 pins)
{
	assert(ioapic && pins && !(pins >> KVM_IOAPIC_NUM_PINS));
}

void vhm_pit_acked(struct vhm_irqchip *c, bool ioapic, u32 pins)
{
	assert(ioapic && !(pins >> KVM_IOAPIC_NUM_PINS));
}

static struct kvm_ioapic_state any;	/* static: nothing in it is known to be 0 */

static void restored(void)
{
	__CPROVER_havoc_object(&any);
	chip.ioapic.s = any;
	chip.ioapic.s.ioregsel &= 0xff;		/* see of_state() */
}

/* ---- what is proved ---- */

void of_state(void)
{
	__CPROVER_havoc_object(&any);
	any.irr = 0;		/* lines are of_line()'s */
	vhm_ioapic_state(&chip, &any, true);
	assert(chip.ioapic.s.ioregsel < 256);
}

void of_read(void)
{
	u32 probe = nondet_u32() % KVM_IOAPIC_NUM_PINS, offset = nondet_u32() & 0xff;
	u64 val = nondet_u64(), before;

	restored();
	before = chip.ioapic.s.redirtbl[probe].bits;
	vhm_ioapic_mmio(&chip, offset, false, &val);
	assert(val <= ~0u);
	assert(chip.ioapic.s.redirtbl[probe].bits == before);
}

void of_write(void)
{
	u32 probe = nondet_u32() % KVM_IOAPIC_NUM_PINS, sel, offset = nondet_u32() & 0xff;
	u64 val = nondet_u64(), before, after;

	restored();
	sel = chip.ioapic.s.ioregsel;
	before = chip.ioapic.s.redirtbl[probe].bits;
	vhm_ioapic_mmio(&chip, offset, true, &val);
	assert(chip.ioapic.s.ioregsel < 256);
	after = chip.ioapic.s.redirtbl[probe].bits;
	if (offset != IOWIN || sel < IOREDTBL || (sel - IOREDTBL) >> 1 != probe) {
		assert(after == before);
		return;
	}
	assert(!((after ^ before) & 0x1000));
	/* a level entry may gain remote IRR by sending, not by the value */
	assert((after & RTE_LEVEL) || !(after & RTE_REMOTE_IRR));
	assert(!(after & ~before & RTE_REMOTE_IRR) || chip.ioapic.s.irr & BIT(probe));
}

void of_line(void)
{
	restored();
	vhm_ioapic_line(&chip, nondet_u32() % KVM_IOAPIC_NUM_PINS, nondet_u32() % 3,
			nondet_u32() & 1);
}
