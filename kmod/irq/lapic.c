// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC: registers, acceptance, priority, end of interrupt, timer.
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

/* What the guest may do with a register: as MMIO, as an MSR (2). */
enum { R = 1, W = 2, R2 = 4, W2 = 8, RW = R | W, RO = R | R2, ALL = 15 };

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

static bool accept_fixed(struct vhm_lapic *lapic, const struct vhm_lapic *src, u8 vec, bool level);

/* The event of a local vector table entry happened. src as in vhm_lapic_accept(). Any context. */
static void lvt_event(struct vhm_lapic *lapic, const struct vhm_lapic *src, u32 off)
{
	u32 lvt = lapic_reg(lapic, off);

	if (!(lvt & LVT_MASKED))
		accept_fixed(lapic, src, lvt & 0xff, false);
}

static void lapic_error(struct vhm_lapic *lapic, const struct vhm_lapic *src, u32 bit)
{
	/* The LVT entry fires on a new error only, so it cannot feed on itself. */
	if (!(atomic_fetch_or(bit, &lapic->esr) & bit))
		lvt_event(lapic, src, LAPIC_LVTERR);
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
	case VHM_DM_FIXED:
	case VHM_DM_LOWEST:
		return accept_fixed(lapic, src, icr, icr & ICR_LEVEL);
	case VHM_DM_INIT:
		/* INIT level de-assert only synchronises arbitration ids. */
		if (icr & ICR_LEVEL && !(icr & ICR_ASSERT))
			return true;
		fallthrough;
	case VHM_DM_NMI:
	case VHM_DM_STARTUP:
		lapic->chip->ops->message(lapic, icr & ICR_MODE, icr);
		return true;
	case VHM_DM_SMI:	/* SMM is not offered: ends here, as on a CPU that has it off */
		return true;
	default:
		/* ExtINT reaches a CPU through LVT0 alone; remote read is obsolete. */
		return false;
	}
}

bool vhm_lapic_takes_extint(const struct vhm_lapic *lapic)
{
	/* With the APIC off, INTR is wired straight to the CPU core. */
	return !lapic_hw_enabled(lapic) ||
	       (lapic_reg(lapic, LAPIC_LVT0) & (LVT_MASKED | ICR_MODE)) == VHM_DM_EXTINT;
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

/* ---- timer: one-shot, periodic and TSC-deadline ----------------------------------- */

/*
 * The counter is never stepped. The timer is a point in time, timer_expires,
 * and a host timer armed for it; the current count is computed from the
 * distance. The bus clock is 1 GHz, as in stock KVM: a clock is 1 ns.
 *
 * timer_expires is not 0 exactly while an interrupt is owed. The vCPU's thread
 * writes it before it arms the host timer; the callback delivers and then
 * clears it, unless it was written anew meanwhile. So a deadline can be moved
 * without waiting for a callback on another CPU: a callback that finds its
 * time moved or cleared does nothing. Only periodic mode writes more from the
 * callback, and every change from or to it stops the host timer first.
 */

static u32 timer_mode(const struct vhm_lapic *lapic)
{
	return lapic_reg(lapic, LAPIC_LVTT) & LVTT_MODE;
}

/* Bus clocks per count. Bits 0, 1, 3: 000 is 2, 110 is 128, 111 is 1. SDM, "APIC Timer". */
static u32 timer_div(const struct vhm_lapic *lapic)
{
	u32 tdcr = lapic_reg(lapic, LAPIC_TDCR);

	return 1u << ((((tdcr & 3) | (tdcr >> 1 & 4)) + 1) & 7);
}

/* In ns; 0: not periodic. What it depends on changes only while the timer is stopped. */
static u64 timer_period(const struct vhm_lapic *lapic)
{
	u64 ns = (u64)lapic_reg(lapic, LAPIC_TMICT) * timer_div(lapic);

	return timer_mode(lapic) == LVTT_PERIODIC ? max_t(u64, ns, VHM_TIMER_MIN_PERIOD) : 0;
}

static enum hrtimer_restart timer_fn(struct hrtimer *t)
{
	struct vhm_lapic *lapic = container_of(t, struct vhm_lapic, timer);
	u64 expires = READ_ONCE(lapic->timer_expires);
	u64 period = timer_period(lapic), now = ktime_get_ns();

	if (!expires || now < expires)
		return HRTIMER_NORESTART;
	lvt_event(lapic, NULL, LAPIC_LVTT);
	if (!period) {
		cmpxchg64(&lapic->timer_expires, expires, 0);
		return HRTIMER_NORESTART;
	}
	/* Periods slept through are lost, as on a CPU that had them masked. */
	expires = now + period - (now - expires) % period;
	WRITE_ONCE(lapic->timer_expires, expires);
	hrtimer_set_expires(t, ns_to_ktime(expires));
	return HRTIMER_RESTART;
}

static void timer_arm(struct vhm_lapic *lapic, u64 expires)
{
	WRITE_ONCE(lapic->timer_expires, expires);
	hrtimer_start(&lapic->timer, ns_to_ktime(expires), HRTIMER_MODE_ABS_HARD);
}

static void timer_stop(struct vhm_lapic *lapic)
{
	if (READ_ONCE(lapic->timer_expires))
		hrtimer_cancel(&lapic->timer);
	WRITE_ONCE(lapic->timer_expires, 0);
	lapic->tsc_deadline = 0;
}

/* The current-count register. */
static u32 timer_count(const struct vhm_lapic *lapic)
{
	u64 expires = READ_ONCE(lapic->timer_expires), now;

	if (!expires || timer_mode(lapic) >= LVTT_DEADLINE)
		return 0;
	now = ktime_get_ns();
	/* Due, but the callback has not come yet: not over. */
	return expires > now ? (expires - now + timer_div(lapic) - 1) / timer_div(lapic) : 1;
}

/* Count down from `count` once, then, in periodic mode, from the initial count. */
static void timer_run(struct vhm_lapic *lapic, u32 count)
{
	u64 delta = (u64)count * timer_div(lapic);

	if (timer_period(lapic) == VHM_TIMER_MIN_PERIOD)	/* stretched */
		delta = VHM_TIMER_MIN_PERIOD;
	timer_arm(lapic, ktime_get_ns() + delta);
}

/* The guest writes the initial count. Out of the way of an EOI, as the next. */
static noinline void timer_load(struct vhm_lapic *lapic, u32 val)
{
	if (timer_mode(lapic) >= LVTT_DEADLINE)
		return;
	timer_stop(lapic);
	lapic_set_reg(lapic, LAPIC_TMICT, val);
	if (val)
		timer_run(lapic, val);
}

/* It writes LVTT or TDCR; what runs goes on from its count. */
static noinline void timer_change(struct vhm_lapic *lapic, u32 off, u32 val)
{
	u32 old = timer_mode(lapic), count = 0;

	if (off == LAPIC_LVTT && !lapic->tsc_deadline_ok)
		val &= ~LVTT_DEADLINE;
	if (off == LAPIC_TDCR || old != (val & LVTT_MODE))
		count = timer_count(lapic);
	if (count)
		timer_stop(lapic);
	lapic_set_reg(lapic, off, val);
	/* Entering or leaving deadline mode disarms. SDM, "TSC-Deadline Mode". */
	if (old != timer_mode(lapic) && (old | timer_mode(lapic)) & LVTT_DEADLINE) {
		timer_stop(lapic);
		lapic_set_reg(lapic, LAPIC_TMICT, 0);
	} else if (count) {
		timer_run(lapic, count);
	}
}

static bool deadline_mode(const struct vhm_lapic *lapic)
{
	return timer_mode(lapic) == LVTT_DEADLINE && lapic_hw_enabled(lapic);
}

u64 vhm_lapic_tsc_deadline(const struct vhm_lapic *lapic)
{
	return deadline_mode(lapic) && READ_ONCE(lapic->timer_expires) ? lapic->tsc_deadline : 0;
}

void vhm_lapic_set_tsc_deadline(struct vhm_lapic *lapic, u64 tsc)
{
	u64 expires = tsc ? lapic->chip->ops->tsc_expiry(lapic, tsc) : 0;

	if (!deadline_mode(lapic))
		return;
	if (expires) {
		lapic->tsc_deadline = tsc;
		timer_arm(lapic, expires);
		return;
	}
	timer_stop(lapic);
	if (tsc)
		lvt_event(lapic, lapic, LAPIC_LVTT);
}

/*
 * The page was replaced while the timer was stopped; its current count or, in
 * deadline mode, deadline is where to go on.
 */
static void timer_restore(struct vhm_lapic *lapic, u64 deadline)
{
	u32 initial = lapic_reg(lapic, LAPIC_TMICT), count = lapic_reg(lapic, LAPIC_TMCCT);

	if (timer_mode(lapic) >= LVTT_DEADLINE)
		vhm_lapic_set_tsc_deadline(lapic, deadline);
	else if (initial && (count || timer_period(lapic)))
		timer_run(lapic, count && count <= initial ? count : initial);
	else if (initial)
		lvt_event(lapic, lapic, LAPIC_LVTT);
}

/* ---- registers -------------------------------------------------------------------- */

static bool reg_allowed(u32 off, u8 right)
{
	return off < 0x400 && lapic_regs[off >> 4 & 63].rights & right;
}

static u32 reg_read(struct vhm_lapic *lapic, u32 off)
{
	return off == LAPIC_TMCCT ? timer_count(lapic) : lapic_reg(lapic, off);
}

static void write_icr(struct vhm_lapic *lapic, u32 icr, u32 dest)
{
	if ((icr & ICR_MODE) <= VHM_DM_LOWEST && (icr & 0xff) < 16)
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
		timer_load(lapic, val);
		return;
	case LAPIC_LVTT ... LAPIC_LVTERR:
		if (!lapic_sw_enabled(lapic))
			val |= LVT_MASKED;
		if (off != LAPIC_LVTT)
			break;
		fallthrough;
	case LAPIC_TDCR:
		timer_change(lapic, off, val);
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

static bool xapic_mode(const struct vhm_lapic *lapic)
{
	const u64 modes = VHM_APIC_BASE_ENABLE | VHM_APIC_BASE_X2APIC;

	return (READ_ONCE(lapic->base) & modes) == VHM_APIC_BASE_ENABLE;
}

u64 vhm_lapic_mmio_read(struct vhm_lapic *lapic, u32 offset, u32 size)
{
	if (!xapic_mode(lapic))
		return ~0ULL;
	if ((offset & 0xf) + size > 4)
		return 0;
	if (reg_allowed(offset, R))
		return reg_read(lapic, offset & ~0xf) >> (offset & 0xf) * 8;
	lapic_error(lapic, lapic, ESR_REGISTER);
	return 0;
}

void vhm_lapic_mmio_write(struct vhm_lapic *lapic, u32 offset, u32 size, u32 val)
{
	if (!xapic_mode(lapic) || size != 4 || (offset & 0xf))
		return;
	if (reg_allowed(offset, W))
		reg_write(lapic, offset, val);
	else
		lapic_error(lapic, lapic, ESR_REGISTER);
}

bool vhm_lapic_msr_read(struct vhm_lapic *lapic, u32 msr, u64 *val)
{
	u32 off = (msr - 0x800) << 4;

	if (!lapic_x2apic(lapic) || !reg_allowed(off, R2))
		return false;
	*val = reg_read(lapic, off);
	if (off == LAPIC_ICR)
		*val |= (u64)lapic_reg(lapic, LAPIC_ICR2) << 32;
	return true;
}

bool vhm_lapic_msr_write(struct vhm_lapic *lapic, u32 msr, u64 val)
{
	u32 off = (msr - 0x800) << 4;

	if (!lapic_x2apic(lapic) || !reg_allowed(off, W2))
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
	if (old == new || !lapic->regs)
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
	timer_stop(lapic);
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
		lapic_set_reg(lapic, LAPIC_LVT0, VHM_DM_EXTINT);
	atomic_set(&lapic->esr, 0);
	recount_isr(lapic);
}

int vhm_lapic_init(struct vhm_lapic *lapic, struct vhm_irqchip *chip, u32 index, u32 id, bool bsp)
{
	lapic->regs = (u8 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!lapic->regs)
		return -ENOMEM;
	lapic->chip = chip;
	vhm_hrtimer_setup(&lapic->timer, timer_fn);
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
	hrtimer_cancel(&lapic->timer);
	if (lapic->chip->lapics[lapic->index] == lapic)
		WRITE_ONCE(lapic->chip->lapics[lapic->index], NULL);
	free_page((unsigned long)lapic->regs);
}

void vhm_lapic_get(struct vhm_lapic *lapic, struct kvm_lapic_state *s)
{
	u32 id = READ_ONCE(lapic->chip->ids32) ? lapic->id : lapic->id << 24;

	lapic_set_reg(lapic, LAPIC_TMCCT, timer_count(lapic));
	memcpy(s->regs, lapic->regs, sizeof(s->regs));
	if (lapic_x2apic(lapic))	/* the old format has room for an 8-bit id */
		memcpy(s->regs + LAPIC_ID, &id, sizeof(id));
}

void vhm_lapic_set(struct vhm_lapic *lapic, const struct kvm_lapic_state *s)
{
	u64 deadline = vhm_lapic_tsc_deadline(lapic);

	timer_stop(lapic);
	memcpy(lapic->regs, s->regs, sizeof(s->regs));
	lapic_set_reg(lapic, LAPIC_LVR, LVR);
	if (lapic_x2apic(lapic))
		set_id_regs(lapic);
	recount_isr(lapic);
	WRITE_ONCE(lapic->irr_pending, true);
	timer_restore(lapic, deadline);
}
