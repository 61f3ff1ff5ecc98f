// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC: registers, acceptance, priority and end of interrupt.
 *
 * All registers live in one page laid out as the hardware's, so that a CPU
 * that virtualizes the APIC could use the same page. Any CPU may set bits of
 * IRR (and TMR just before); everything else belongs to the vCPU's thread,
 * which makes "what can be delivered now" a question without locks.
 *
 * irr_pending may be true with IRR empty, never the other way round: a sender
 * sets the IRR bit first and the hint second, the receiver clears the hint
 * first and scans IRR second.
 */
#include "internal.h"

/* What the guest may do with a register: as MMIO, as an MSR (shifted left by MSR). */
enum { R = 1, W = 2, MSR = 2, R2 = R << MSR, W2 = W << MSR, RW = R | W, RO = R | R2, ALL = 15 };

#define LVR		0x50014		/* version: integrated, 6 LVT entries */
#define LVT_BITS	0x100ff		/* mask, vector */
#define LINT_BITS	0x1a7ff		/* and trigger mode, polarity, delivery mode */

static const struct {
	u32 mask;		/* bits that a write may change */
	u8 rights;
} lapic_regs[64] = {
	[LAPIC_ID >> 4]		= { 0xff000000, RW | R2 },
	[LAPIC_LVR >> 4]	= { 0, RO },
	[LAPIC_TPR >> 4]	= { 0xff, ALL },
	[LAPIC_APR >> 4]	= { 0, R },
	[LAPIC_PPR >> 4]	= { 0, RO },
	[LAPIC_EOI >> 4]	= { 0, W | W2 },
	[LAPIC_LDR >> 4]	= { 0xff000000, RW | R2 },
	[LAPIC_DFR >> 4]	= { 0xffffffff, RW },
	[LAPIC_SVR >> 4]	= { 0x3ff, ALL },
	[LAPIC_ISR >> 4 ... LAPIC_ISR_TMR_IRR_END >> 4] = { 0, RO },
	[LAPIC_ESR >> 4]	= { 0, ALL },
	[LAPIC_ICR >> 4]	= { 0xffffefff, ALL },
	[LAPIC_ICR2 >> 4]	= { 0xff000000, RW },
	[LAPIC_LVTT >> 4]	= { LVT_BITS | LVTT_MODE, ALL },
	[LAPIC_LVTTHMR >> 4 ... LAPIC_LVTPC >> 4] = { LVT_BITS | ICR_MODE, ALL },
	[LAPIC_LVT0 >> 4 ... LAPIC_LVT1 >> 4] = { LINT_BITS, ALL },
	[LAPIC_LVTERR >> 4]	= { LVT_BITS, ALL },
	[LAPIC_TMICT >> 4]	= { 0xffffffff, ALL },
	[LAPIC_TMCCT >> 4]	= { 0, RO },
	[LAPIC_TDCR >> 4]	= { 0xb, ALL },
	[LAPIC_SELF_IPI >> 4]	= { 0xff, W2 },
};

/* ---- vectors ---------------------------------------------------------------- */

static int find_top(const struct vhm_lapic *lapic, u32 off)
{
	int word = 8;
	u32 bits = 0;

	while (!bits && word--)
		bits = lapic_reg(lapic, off + word * 16);
	return bits ? word * 32 + (int)__fls(bits) : -1;
}

int vhm_lapic_highest_irr(struct vhm_lapic *lapic)
{
	int vec = READ_ONCE(lapic->irr_pending) ? find_top(lapic, LAPIC_IRR) : -1;

	if (vec >= 0 || !READ_ONCE(lapic->irr_pending))
		return vec;
	WRITE_ONCE(lapic->irr_pending, false);
	smp_mb();	/* hint cleared before the scan; pairs with accept_fixed() */
	vec = find_top(lapic, LAPIC_IRR);
	if (vec >= 0)
		WRITE_ONCE(lapic->irr_pending, true);
	return vec;
}

/* SDM, "Task and Processor Priorities". */
static void update_ppr(struct vhm_lapic *lapic)
{
	u32 tpr = lapic_reg(lapic, LAPIC_TPR) & 0xff;
	u32 isr = lapic->isr_top < 0 ? 0 : lapic->isr_top & 0xf0;

	lapic_set_reg(lapic, LAPIC_PPR, (tpr & 0xf0) >= isr ? tpr : isr);
}

/* Recount what is cached from ISR after the page was replaced. */
static void recount_isr(struct vhm_lapic *lapic)
{
	int word;

	lapic->isr_count = 0;
	for (word = 0; word < 8; word++)
		lapic->isr_count += hweight32(lapic_reg(lapic, LAPIC_ISR + word * 16));
	lapic->isr_top = find_top(lapic, LAPIC_ISR);
	update_ppr(lapic);
}

static void lapic_error(struct vhm_lapic *lapic, const struct vhm_lapic *src, u32 bit)
{
	/* The LVT entry fires on a new error only, so it cannot feed on itself. */
	if (!(atomic_fetch_or(bit, &lapic->esr) & bit))
		vhm_lapic_lvt(lapic, src, LAPIC_LVTERR);
}

/* ---- acceptance ----------------------------------------------------------------- */

static bool accept_fixed(struct vhm_lapic *lapic, const struct vhm_lapic *src, u8 vec, bool level)
{
	unsigned long *tmr;

	if (!lapic_hw_enabled(lapic) || !lapic_sw_enabled(lapic))
		return false;
	if (vec < 16) {
		lapic_error(lapic, src, ESR_RECV_VECTOR);
		return false;
	}
	/* TMR before IRR: who sees the request sees how it was triggered. */
	tmr = lapic_vec_word(lapic, LAPIC_TMR, vec);
	if (test_bit(vec & 31, tmr) != level)
		assign_bit(vec & 31, tmr, level);
	if (test_and_set_bit(vec & 31, lapic_vec_word(lapic, LAPIC_IRR, vec)))
		return true;	/* who set it kicks */
	/* After the full barrier above; pairs with vhm_lapic_highest_irr(). */
	WRITE_ONCE(lapic->irr_pending, true);
	if (lapic != src)
		lapic->chip->ops->kick(lapic);
	return true;
}

bool vhm_lapic_accept(struct vhm_lapic *lapic, const struct vhm_lapic *src, u32 icr)
{
	switch (icr & ICR_MODE) {
	case DM_FIXED:
	case DM_LOWEST:
		return accept_fixed(lapic, src, icr, icr & ICR_LEVEL);
	case DM_NMI:
		lapic->chip->ops->nmi(lapic);
		return true;
	case DM_SMI:	/* SMM is not offered: ends here, as on a CPU that has it off */
		return true;
	case DM_INIT:
		/* INIT level de-assert only synchronises arbitration ids. */
		if (!(icr & ICR_LEVEL) || icr & ICR_ASSERT)
			lapic->chip->ops->init_vcpu(lapic);
		return true;
	case DM_STARTUP:
		lapic->chip->ops->sipi(lapic, icr);
		return true;
	default:
		/* ExtINT reaches a CPU through LVT0 alone; remote read is obsolete. */
		return false;
	}
}

void vhm_lapic_lvt(struct vhm_lapic *lapic, const struct vhm_lapic *src, u32 off)
{
	u32 lvt = lapic_reg(lapic, off);

	if (!(lvt & LVT_MASKED))
		accept_fixed(lapic, src, lvt & 0xff, false);
}

bool vhm_lapic_takes_extint(const struct vhm_lapic *lapic)
{
	/* With the APIC off, INTR is wired straight to the CPU core. */
	return !lapic_hw_enabled(lapic) ||
	       (lapic_reg(lapic, LAPIC_LVT0) & (LVT_MASKED | ICR_MODE)) == DM_EXTINT;
}

/* ---- delivery to the CPU -------------------------------------------------------- */

int vhm_irq_find_pending(struct vhm_lapic *lapic)
{
	int vec;

	if (READ_ONCE(lapic->chip->pic.output) && vhm_lapic_takes_extint(lapic))
		return VHM_IRQ_EXTINT;
	vec = lapic_hw_enabled(lapic) ? vhm_lapic_highest_irr(lapic) : -1;
	return vec >> 4 > (int)(lapic_reg(lapic, LAPIC_PPR) & 0xff) >> 4 ? vec : -1;
}

int vhm_irq_ack(struct vhm_lapic *lapic)
{
	int vec = vhm_irq_pending(lapic);

	if (vec < 0)
		return -1;
	if (vec == VHM_IRQ_EXTINT)
		return vhm_pic_inta(lapic->chip);
	clear_bit(vec & 31, lapic_vec_word(lapic, LAPIC_IRR, vec));
	*(u32 *)lapic_vec_word(lapic, LAPIC_ISR, vec) |= 1u << (vec & 31);
	/* Deliverable means above everything in service. */
	lapic->isr_top = vec;
	lapic->isr_count++;
	update_ppr(lapic);
	return vec;
}

void vhm_lapic_eoi(struct vhm_lapic *lapic)
{
	int vec = lapic->isr_top;

	if (vec < 0)
		return;
	*(u32 *)lapic_vec_word(lapic, LAPIC_ISR, vec) &= ~(1u << (vec & 31));
	lapic->isr_top = --lapic->isr_count ? find_top(lapic, LAPIC_ISR) : -1;
	update_ppr(lapic);
	if (test_bit(vec, lapic->chip->ioapic.eoi_vectors))
		vhm_ioapic_eoi(lapic->chip, lapic, vec,
			       test_bit(vec & 31, lapic_vec_word(lapic, LAPIC_TMR, vec)));
}

u8 vhm_lapic_cr8(const struct vhm_lapic *lapic)
{
	return lapic_reg(lapic, LAPIC_TPR) >> 4 & 15;
}

void vhm_lapic_set_cr8(struct vhm_lapic *lapic, u8 cr8)
{
	/* The same class: the sub-class in bits 3:0, which CR8 has not, stays. */
	if (vhm_lapic_cr8(lapic) == (cr8 & 15))
		return;
	lapic_set_reg(lapic, LAPIC_TPR, (cr8 & 15) << 4);
	update_ppr(lapic);
}

u8 vhm_lapic_cr8_threshold(struct vhm_lapic *lapic)
{
	int irr = vhm_lapic_highest_irr(lapic) >> 4;

	return irr > lapic->isr_top >> 4 && irr <= vhm_lapic_cr8(lapic) ? irr : 0;
}

/* ---- registers -------------------------------------------------------------------- */

static bool reg_allowed(const struct vhm_lapic *lapic, u32 off, u8 right)
{
	if (lapic_x2apic(lapic))
		right <<= MSR;
	return off < 0x400 && lapic_regs[off >> 4 & 63].rights & right;
}

static u32 reg_read(struct vhm_lapic *lapic, u32 off)
{
	return off == LAPIC_TMCCT ? vhm_lapic_timer_count(lapic) : lapic_reg(lapic, off);
}

static void write_icr(struct vhm_lapic *lapic, u32 icr, u32 dest)
{
	if ((icr & ICR_MODE) <= DM_LOWEST && (icr & 0xff) < 16)
		lapic_error(lapic, lapic, ESR_SEND_VECTOR);
	else
		vhm_irq_send(lapic->chip, lapic, icr, dest);
}

static void mask_all_lvts(struct vhm_lapic *lapic)
{
	u32 off;

	for (off = LAPIC_LVTT; off <= LAPIC_LVTERR; off += 0x10)
		lapic_set_reg(lapic, off, lapic_reg(lapic, off) | LVT_MASKED);
}

/* The register exists and may be written. val is guest-controlled. */
static void reg_write(struct vhm_lapic *lapic, u32 off, u32 val)
{
	val &= lapic_regs[off >> 4].mask;
	switch (off) {
	case LAPIC_EOI:
		vhm_lapic_eoi(lapic);
		return;
	case LAPIC_TMICT:
		vhm_lapic_timer_load(lapic, val);
		return;
	case LAPIC_LVTT ... LAPIC_LVTERR:
		if (!lapic_sw_enabled(lapic))
			val |= LVT_MASKED;
		if (off != LAPIC_LVTT)
			break;
		fallthrough;
	case LAPIC_TDCR:
		vhm_lapic_timer_change(lapic, off, val);
		return;
	case LAPIC_SELF_IPI:
		write_icr(lapic, SH_SELF | val, 0);
		return;
	case LAPIC_DFR:
		val |= 0x0fffffff;
		break;
	case LAPIC_ESR:		/* makes what was collected readable: SDM, "Error Handling" */
		val = atomic_xchg(&lapic->esr, 0);
		break;
	}
	lapic_set_reg(lapic, off, val);
	if (off == LAPIC_ICR)
		write_icr(lapic, val, vhm_dest8(lapic_reg(lapic, LAPIC_ICR2) >> 24));
	else if (off == LAPIC_TPR)
		update_ppr(lapic);
	else if (off == LAPIC_SVR && !(val & SVR_ENABLE))
		mask_all_lvts(lapic);
}

u64 vhm_lapic_read(struct vhm_lapic *lapic, u32 offset, u32 size)
{
	u64 ones = size >= 8 ? ~0ULL : (1ULL << size * 8) - 1;

	if (!lapic_hw_enabled(lapic) || lapic_x2apic(lapic))
		return ones;
	if ((offset & 0xf) + size > 4)
		return 0;
	if (!reg_allowed(lapic, offset & ~0xf, R)) {
		lapic_error(lapic, lapic, ESR_REGISTER);
		return 0;
	}
	return reg_read(lapic, offset & ~0xf) >> (offset & 0xf) * 8 & ones;
}

void vhm_lapic_write(struct vhm_lapic *lapic, u32 offset, u32 size, u64 val)
{
	if (!lapic_hw_enabled(lapic) || lapic_x2apic(lapic) || size != 4 || (offset & 0xf))
		return;
	if (reg_allowed(lapic, offset, W))
		reg_write(lapic, offset, val);
	else
		lapic_error(lapic, lapic, ESR_REGISTER);
}

bool vhm_lapic_msr_read(struct vhm_lapic *lapic, u32 msr, u64 *val)
{
	u32 off = (msr - 0x800) << 4;

	if (!lapic_x2apic(lapic) || !reg_allowed(lapic, off, R))
		return false;
	*val = reg_read(lapic, off);
	if (off == LAPIC_ICR)
		*val |= (u64)lapic_reg(lapic, LAPIC_ICR2) << 32;
	return true;
}

bool vhm_lapic_msr_write(struct vhm_lapic *lapic, u32 msr, u64 val)
{
	u32 off = (msr - 0x800) << 4;

	if (!lapic_x2apic(lapic) || !reg_allowed(lapic, off, W))
		return false;
	if (off == LAPIC_ICR) {
		val &= ~0x1000ULL;	/* delivery status does not exist here */
		lapic_set_reg(lapic, LAPIC_ICR, val);
		lapic_set_reg(lapic, LAPIC_ICR2, val >> 32);
		write_icr(lapic, val, val >> 32);
		return true;
	}
	if (val >> 32 || ((off == LAPIC_EOI || off == LAPIC_ESR) && val) ||
	    (off == LAPIC_SELF_IPI && val & ~0xffULL))
		return false;
	reg_write(lapic, off, val);
	return true;
}

/* ---- modes, reset, life ------------------------------------------------------------ */

/* The id registers follow the mode: SDM, "Logical Destination Mode in x2APIC Mode". */
static void set_id_regs(struct vhm_lapic *lapic)
{
	u32 id = lapic->id;

	lapic_set_reg(lapic, LAPIC_ID, lapic_x2apic(lapic) ? id : id << 24);
	if (lapic_x2apic(lapic))
		lapic_set_reg(lapic, LAPIC_LDR, id >> 4 << 16 | 1u << (id & 15));
}

bool vhm_lapic_set_base(struct vhm_lapic *lapic, u64 val, bool host)
{
	const u64 modes = VHM_APIC_BASE_ENABLE | VHM_APIC_BASE_X2APIC;
	u64 old = lapic->base & modes, new = val & modes;

	if ((val & lapic->base_reserved) || new == VHM_APIC_BASE_X2APIC)
		return false;
	/* SDM, "x2APIC State Transitions": x2APIC is entered from xAPIC and left to off. */
	if (!host && ((old == modes && new == VHM_APIC_BASE_ENABLE) || (!old && new == modes)))
		return false;
	WRITE_ONCE(lapic->base, val);
	if (old == new)
		return true;
	if (!new && !host)
		vhm_lapic_reset(lapic, true);
	set_id_regs(lapic);
	return true;
}

void vhm_lapic_set_cpuid(struct vhm_lapic *lapic, bool x2apic, bool tsc_deadline, u8 maxphyaddr)
{
	lapic->base_reserved = ~0ULL << (maxphyaddr < 63 ? maxphyaddr : 63) | 0x2ff |
			       (x2apic ? 0 : VHM_APIC_BASE_X2APIC);
	lapic->tsc_deadline_ok = tsc_deadline;
}

void vhm_lapic_reset(struct vhm_lapic *lapic, bool init)
{
	vhm_lapic_timer_stop(lapic);
	if (!init)
		WRITE_ONCE(lapic->base, VHM_LAPIC_BASE | VHM_APIC_BASE_ENABLE |
			   (lapic->bsp ? VHM_APIC_BASE_BSP : 0));
	memset(lapic->regs + LAPIC_TPR, 0, 0x400 - LAPIC_TPR);
	if (!init || lapic_x2apic(lapic))
		set_id_regs(lapic);
	lapic_set_reg(lapic, LAPIC_LVR, LVR);
	lapic_set_reg(lapic, LAPIC_DFR, 0xffffffff);
	lapic_set_reg(lapic, LAPIC_SVR, 0xff);
	mask_all_lvts(lapic);
	/* Firmware is spared the virtual-wire set-up: as stock KVM has it. */
	if (lapic->bsp)
		lapic_set_reg(lapic, LAPIC_LVT0, DM_EXTINT);
	atomic_set(&lapic->esr, 0);
	recount_isr(lapic);
}

int vhm_lapic_init(struct vhm_lapic *lapic, struct vhm_irqchip *chip,
		   struct vhm_irq_timer *timer, u32 index, u32 id, bool bsp)
{
	lapic->regs = (u8 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!lapic->regs)
		return -ENOMEM;
	lapic->chip = chip;
	lapic->timer = timer;
	*timer = (struct vhm_irq_timer) { vhm_lapic_timer_fn, lapic, NULL };
	lapic->index = index;
	lapic->id = id;
	lapic->bsp = bsp;
	vhm_lapic_set_cpuid(lapic, false, false, 36);
	vhm_lapic_reset(lapic, false);
	return 0;
}

void vhm_lapic_publish(struct vhm_lapic *lapic)
{
	/* The LAPIC is complete before it is found; finders depend on the pointer. */
	smp_store_release(&lapic->chip->lapics[lapic->index], lapic);
	if (lapic->index >= lapic->chip->n_lapics)
		/* Pairs with vhm_irq_send() and the PIC. */
		smp_store_release(&lapic->chip->n_lapics, lapic->index + 1);
}

void vhm_lapic_destroy(struct vhm_lapic *lapic)
{
	lapic->chip->ops->timer_cancel(lapic->timer);
	if (lapic->chip->lapics[lapic->index] == lapic)
		WRITE_ONCE(lapic->chip->lapics[lapic->index], NULL);
	free_page((unsigned long)lapic->regs);
}

void vhm_lapic_get(struct vhm_lapic *lapic, struct kvm_lapic_state *s)
{
	u32 id = lapic->id << 24;

	lapic_set_reg(lapic, LAPIC_TMCCT, vhm_lapic_timer_count(lapic));
	memcpy(s->regs, lapic->regs, sizeof(s->regs));
	if (lapic_x2apic(lapic))	/* the format has room for an 8-bit id */
		memcpy(s->regs + LAPIC_ID, &id, sizeof(id));
}

void vhm_lapic_set(struct vhm_lapic *lapic, const struct kvm_lapic_state *s)
{
	u64 deadline = vhm_lapic_tsc_deadline(lapic);

	vhm_lapic_timer_stop(lapic);
	memcpy(lapic->regs, s->regs, sizeof(s->regs));
	lapic_set_reg(lapic, LAPIC_LVR, LVR);
	if (lapic_x2apic(lapic))
		set_id_regs(lapic);
	recount_isr(lapic);
	WRITE_ONCE(lapic->irr_pending, true);
	vhm_lapic_timer_restore(lapic, deadline);
}
