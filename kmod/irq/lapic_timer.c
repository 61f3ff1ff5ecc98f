// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC's timer: one-shot, periodic and TSC-deadline.
 *
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
#include "internal.h"

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

u64 vhm_lapic_timer_fn(struct vhm_irq_timer *t)
{
	struct vhm_lapic *lapic = t->lapic;
	u64 expires = READ_ONCE(lapic->timer_expires);
	u64 period = timer_period(lapic);
	u64 now = lapic->chip->ops->now();

	if (!expires || now < expires)
		return 0;
	vhm_lapic_lvt(lapic, NULL, LAPIC_LVTT);
	if (!period) {
		cmpxchg64(&lapic->timer_expires, expires, 0);
		return 0;
	}
	/* Periods slept through are lost, as on a CPU that had them masked. */
	expires = now + period - (now - expires) % period;
	WRITE_ONCE(lapic->timer_expires, expires);
	return expires;
}

static void timer_arm(struct vhm_lapic *lapic, u64 expires)
{
	WRITE_ONCE(lapic->timer_expires, expires);
	lapic->chip->ops->timer_start(lapic->timer, expires);
}

void vhm_lapic_timer_stop(struct vhm_lapic *lapic)
{
	if (READ_ONCE(lapic->timer_expires))
		lapic->chip->ops->timer_cancel(lapic->timer);
	WRITE_ONCE(lapic->timer_expires, 0);
	lapic->tsc_deadline = 0;
}

u32 vhm_lapic_timer_count(const struct vhm_lapic *lapic)
{
	u64 expires = READ_ONCE(lapic->timer_expires), now;

	if (!expires || timer_mode(lapic) >= LVTT_DEADLINE)
		return 0;
	now = lapic->chip->ops->now();
	/* Due, but the callback has not come yet: not over. */
	return expires > now ? (expires - now + timer_div(lapic) - 1) / timer_div(lapic) : 1;
}

/* Count down from `count` once, then, in periodic mode, from the initial count. */
static void timer_run(struct vhm_lapic *lapic, u32 count)
{
	u64 delta = (u64)count * timer_div(lapic);

	if (timer_period(lapic) == VHM_TIMER_MIN_PERIOD)	/* stretched */
		delta = VHM_TIMER_MIN_PERIOD;
	timer_arm(lapic, lapic->chip->ops->now() + delta);
}

void vhm_lapic_timer_load(struct vhm_lapic *lapic, u32 val)
{
	if (timer_mode(lapic) >= LVTT_DEADLINE)
		return;
	vhm_lapic_timer_stop(lapic);
	lapic_set_reg(lapic, LAPIC_TMICT, val);
	if (val)
		timer_run(lapic, val);
}

void vhm_lapic_timer_change(struct vhm_lapic *lapic, u32 off, u32 val)
{
	u32 old = timer_mode(lapic), count = 0;

	if (off == LAPIC_LVTT && !lapic->tsc_deadline_ok)
		val &= ~LVTT_DEADLINE;
	if (off == LAPIC_TDCR || old != (val & LVTT_MODE))
		count = vhm_lapic_timer_count(lapic);
	if (count)
		vhm_lapic_timer_stop(lapic);
	lapic_set_reg(lapic, off, val);
	/* Entering or leaving deadline mode disarms. SDM, "TSC-Deadline Mode". */
	if (old != timer_mode(lapic) && (old | timer_mode(lapic)) & LVTT_DEADLINE) {
		vhm_lapic_timer_stop(lapic);
		lapic_set_reg(lapic, LAPIC_TMICT, 0);
	} else if (count) {
		timer_run(lapic, count);
	}
}

/* ---- TSC deadline ------------------------------------------------------------------ */

static bool deadline_mode(const struct vhm_lapic *lapic)
{
	return timer_mode(lapic) == LVTT_DEADLINE && lapic_hw_enabled(lapic);
}

static void deadline_arm(struct vhm_lapic *lapic)
{
	const struct vhm_irq_ops *ops = lapic->chip->ops;
	u64 tsc = ops->guest_tsc(lapic), now, ns;

	if (lapic->tsc_deadline <= tsc) {
		vhm_lapic_timer_stop(lapic);
		vhm_lapic_lvt(lapic, lapic, LAPIC_LVTT);
		return;
	}
	ns = ops->tsc_to_ns(lapic, lapic->tsc_deadline - tsc);
	now = ops->now();
	/* Centuries ahead is never; keep the sum a signed 64-bit time. */
	timer_arm(lapic, ns < (1ULL << 62) - now ? now + ns : 1ULL << 62);
}

u64 vhm_lapic_tsc_deadline(const struct vhm_lapic *lapic)
{
	return deadline_mode(lapic) && READ_ONCE(lapic->timer_expires) ? lapic->tsc_deadline : 0;
}

void vhm_lapic_set_tsc_deadline(struct vhm_lapic *lapic, u64 tsc)
{
	if (!deadline_mode(lapic))
		return;
	lapic->tsc_deadline = tsc;
	if (tsc)
		deadline_arm(lapic);
	else
		vhm_lapic_timer_stop(lapic);
}

void vhm_lapic_tsc_changed(struct vhm_lapic *lapic)
{
	if (vhm_lapic_tsc_deadline(lapic))
		deadline_arm(lapic);
}

void vhm_lapic_timer_restore(struct vhm_lapic *lapic, u64 deadline)
{
	u32 initial = lapic_reg(lapic, LAPIC_TMICT), count = lapic_reg(lapic, LAPIC_TMCCT);

	if (timer_mode(lapic) >= LVTT_DEADLINE)
		vhm_lapic_set_tsc_deadline(lapic, deadline);
	else if (initial && (count || timer_period(lapic)))
		timer_run(lapic, count && count <= initial ? count : initial);
	else if (initial)
		vhm_lapic_lvt(lapic, lapic, LAPIC_LVTT);
}
