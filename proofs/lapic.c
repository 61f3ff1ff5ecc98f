// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC's registers. Whatever is in the page (KVM_SET_LAPIC brings it),
 * whatever the mode, and for every access that a guest can make:
 *  - no access leaves the first 0x400 bytes of the page, or the table of registers;
 *  - a reserved register reads as 0, and reading writes none;
 *  - a write writes the register it names and those that follow from it, and of a
 *    plain register the bits of its mask only; a read-only one is never written;
 *  - an MSR outside 0x800..0x83f, or of a register that has no MSR, faults; so does
 *    a value with bits beyond 31, but of ICR.
 * Bounds: one access; offset 0..0xfff and size 1..8, as the contract of
 * vhm_lapic_mmio_read() says; MSRs 0x800..0x8ff. A register reads as anything at
 * every time, which is more than it can. IRR and TMR, which are other CPUs' to
 * set, and what the surroundings do with a message are left out.
 *
 * CBMC: --function proof --unwind 9
 * MUTANT: irq/lapic.c s/return off < 0x400 &&/return/
 * MUTANT: irq/lapic.c s/off < 0x400 \(.*\)off >> 4 & 63/off < 0x800 \1off >> 4/
 * MUTANT: irq/lapic.c s/val &= lapic_regs\[off >> 4\].mask;//
 * MUTANT: irq/lapic.c s/(offset & 0xf) + size > 4/(offset \& 0xf) > 4/
 * MUTANT: irq/lapic.c s/\[LAPIC_PPR >> 4\]\(.*\)RO/[LAPIC_PPR >> 4]\1ALL/
 * MUTANT: irq/lapic.c s/if (val >> 32 || /if (/
 */
#include "shim.h"
#include "kmod/irq/internal.h"

/* the page: any value comes out, what goes in is looked at */
static u32 get_reg(u32 off)
{
	assert(off < 0x400 && !(off & 0xf));
	return nondet_u32();
}

static void put_reg(u32 off, u32 val);
static unsigned long any_word;

static unsigned long *vec_word(u32 off, u8 vec)
{
	assert(off == LAPIC_ISR || off == LAPIC_TMR || off == LAPIC_IRR);
	any_word = nondet_u64();
	return &any_word;
}

#define lapic_reg(l, off)		get_reg(off)
#define lapic_set_reg(l, off, val)	put_reg(off, val)
#define lapic_vec_word(l, off, vec)	vec_word(off, vec)
#define lapic_sw_enabled(l)		(nondet_u32() & 1)
#define vhm_irq_pending(l)		-1
#include "kmod/irq/lapic.c"

static struct vhm_irqchip chip;
static struct vhm_lapic lapic;
static u32 named = ~0u;		/* the register that is being written */

/* Registers that a write to this one may change beside it. */
static bool follows(u32 reg)
{
	switch (named) {
	case LAPIC_TPR:
	case LAPIC_EOI:
		return reg == LAPIC_PPR;
	case LAPIC_SVR:
		return reg >= LAPIC_LVTT && reg <= LAPIC_LVTERR;
	case LAPIC_LVTT:
	case LAPIC_TDCR:	/* here the mode may read differently twice */
		return reg == LAPIC_TMICT;
	case LAPIC_ICR:		/* an MSR of 64 bits */
		return reg == LAPIC_ICR2 && lapic_x2apic(&lapic);
	}
	return false;
}

/* SDM, "Local APIC Register Address Map". */
static bool read_only(u32 off)
{
	return off == LAPIC_LVR || off == LAPIC_APR || off == LAPIC_PPR || off == LAPIC_TMCCT ||
	       (off >= LAPIC_ISR && off <= LAPIC_ISR_TMR_IRR_END);
}

static void put_reg(u32 off, u32 val)
{
	assert(off < 0x400 && !(off & 0xf));
	assert(off == named || follows(off));
	if (off != named)
		return;
	assert(!read_only(off));
	/* more than storage: collected errors, fixed bits, one that does not exist */
	if (off == LAPIC_ESR || off == LAPIC_DFR || (off == LAPIC_ICR && lapic_x2apic(&lapic)))
		return;
	assert(!(val & ~lapic_regs[off >> 4].mask & ~LVT_MASKED));
}

/* ---- the surroundings: anything may come back ---- */

static u64 tsc_expiry(struct vhm_lapic *l, u64 tsc)
{
	return nondet_u64();
}

static void kick(struct vhm_lapic *l)
{
}

static void message(struct vhm_lapic *l, enum vhm_irq_mode mode, u8 vector)
{
}

static const struct vhm_irq_ops ops = {
	.kick = kick, .message = message, .tsc_expiry = tsc_expiry,
};

int vhm_irq_send(struct vhm_irqchip *c, struct vhm_lapic *src, u32 icr, u32 dest)
{
	return nondet_u32();
}

u8 vhm_pic_inta(struct vhm_irqchip *c)
{
	return nondet_u32();
}

void vhm_ioapic_eoi(struct vhm_irqchip *c, struct vhm_lapic *src, u8 vector, bool level)
{
}

static void mmio(u32 offset, u32 size, u32 val)
{
	bool on = xapic_mode(&lapic);
	u64 got = vhm_lapic_mmio_read(&lapic, offset, size);

	if (on)
		assert(!(got >> 32));
	if (on && (offset >= 0x400 || !(lapic_regs[offset >> 4].rights & R) ||
		   (offset & 0xf) + size > 4))
		assert(!got);
	if (on && size == 4 && !(offset & 0xf))
		named = offset;
	vhm_lapic_mmio_write(&lapic, offset, size, val);
}

static void msr(u32 index, u64 val)
{
	u32 off = (index - 0x800) << 4;
	bool there = lapic_x2apic(&lapic) && index < 0x840;
	u64 got;

	if (vhm_lapic_msr_read(&lapic, index, &got))
		assert(there && lapic_regs[off >> 4].rights & R2);
	if (there)
		named = off;
	if (vhm_lapic_msr_write(&lapic, index, val)) {
		assert(there && lapic_regs[off >> 4].rights & W2);
		assert(off == LAPIC_ICR || !(val >> 32));
	}
}

void proof(void)
{
	u32 i;

	chip.ops = &ops;
	for (i = 0; i < 4; i++)
		chip.ioapic.eoi_vectors[i] = nondet_u64();
	lapic.chip = &chip;
	lapic.base = nondet_u64();
	lapic.tsc_deadline_ok = nondet_u32() & 1;
	lapic.isr_top = (int)(nondet_u32() % 257) - 1;
	lapic.isr_count = nondet_u32();
	if (nondet_u32() & 1)
		mmio(nondet_u32() & 0xfff, nondet_u32() % 8 + 1, nondet_u32());
	else
		msr(0x800 + (nondet_u32() & 0xff), nondet_u64());
}
