// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_RUN: the loop from ioctl to guest and back.
 *
 * Its centre is the section: one stretch with interrupts off in which the CPU
 * belongs to hv. It begins by taking the virtualization extension and ends by
 * giving it back; between, the guest is entered as often as its exits can be
 * settled at once. Everything else (page faults, userspace, signals, the
 * scheduler) happens outside, with the CPU as the host left it.
 *
 * Nobody stops a running vCPU by force: a request bit is set, then the CPU it
 * is on gets an interrupt. An interrupt that arrives during a section ends it
 * at the next entry, so requests are looked at once per entry and the vCPU's
 * whereabouts are published once per section (in_section).
 */
#include <linux/rcuwait.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/vtime.h>
#include <asm/tsc.h>
#include <trace/events/ipi.h>

#include "host.h"
#include "vhm.h"

/* section() only: the task has work to do before it may enter a guest */
#define NEXT_WORK	64

/* ---- wake-ups -------------------------------------------------------------- */

/*
 * A request that was set already needs no second interrupt: the section looks
 * at it before its next entry. A sleeper has no next entry, it must look again
 * at what has changed since.
 */
void vhm_request(struct vhm_vcpu *vcpu, enum vhm_request req)
{
	bool was_set = test_and_set_bit(req, &vcpu->requests);
	int me = get_cpu(), cpu;

	/* pairs with the barrier in section(): request, then whereabouts */
	smp_mb__after_atomic();
	cpu = READ_ONCE(vcpu->in_section);
	if (cpu < 0)
		rcuwait_wake_up(&vcpu->wait);
	else if (cpu != me && !was_set)
		smp_send_reschedule(cpu);
	put_cpu();
}

static void nothing(void *unused)
{
}

void vhm_sections_wait(struct vhm_vm *vm)
{
	struct vhm_vcpu *vcpu;
	int i, cpu, me = get_cpu();

	smp_mb();	/* what the caller changed, then whereabouts */
	vhm_for_each_vcpu(i, vcpu, vm) {
		cpu = READ_ONCE(vcpu->in_section);
		/* the handler runs when that CPU has interrupts on again */
		if (cpu >= 0 && cpu != me)
			smp_call_function_single(cpu, nothing, NULL, 1);
	}
	put_cpu();
}

void vhm_request_all_wait(struct vhm_vm *vm, enum vhm_request req)
{
	struct vhm_vcpu *vcpu;
	int i;

	if (req == VHM_REQ_TLB_FLUSH)
		atomic64_inc(&vm->remote_tlb_flush);
	vhm_for_each_vcpu(i, vcpu, vm)
		set_bit(req, &vcpu->requests);
	vhm_sections_wait(vm);
}

/* ---- the section ------------------------------------------------------------- */

/* Requests that are cheap; called with interrupts off before an entry. */
static int serve_fast(struct vhm_vcpu *vcpu)
{
	if (unlikely(vcpu->requests & VHM_SLOW_REQUESTS))
		return NEXT_WORK;
	if (test_and_clear_bit(VHM_REQ_TLB_FLUSH, &vcpu->requests)) {
		vcpu->stats.tlb_flush++;
		vhm_ops->flush_tlb(vcpu);
	}
	if (test_and_clear_bit(VHM_REQ_EVENT, &vcpu->requests)) {
		if (unlikely(vcpu->pv_eoi_armed) && !vhm_pv_eoi_take(vcpu, true)) {
			set_bit(VHM_REQ_EVENT, &vcpu->requests);
			set_bit(VHM_REQ_PV, &vcpu->requests);
			return NEXT_WORK;
		}
		return vhm_events_prepare(vcpu);
	}
	return VHM_RESUME;
}

static int guest_loop(struct vhm_vcpu *vcpu)
{
	int r;

	do {
		if (READ_ONCE(vcpu->requests)) {
			r = serve_fast(vcpu);
			if (r != VHM_RESUME)
				return r;
		}
		vhm_ops->run(vcpu);
		r = vhm_exit_fast(vcpu);
	} while (r == VHM_RESUME);
	return r;
}

static int section(struct vhm_vcpu *vcpu)
{
	int r;

	vtime_account_guest_enter();
	local_irq_disable();
	WRITE_ONCE(vcpu->in_section, smp_processor_id());
	/* pairs with vhm_request(): whereabouts, then requests */
	smp_mb();
	r = NEXT_WORK;
	if (unlikely(vhm_xfer_pending()))
		goto out;
	r = vhm_ops->section_enter(vcpu);
	if (unlikely(r))
		goto out;
	if (unlikely(vcpu->last_cpu != vcpu->in_section)) {
		vcpu->last_cpu = vcpu->in_section;
		/* what the guest's clock page says holds for the TSC of the CPU before */
		if (check_tsc_unstable())
			set_bit(VHM_REQ_CLOCK, &vcpu->requests);
	}
	vcpu->stats.sections++;
	vhm_fpu_enter(vcpu);
	r = guest_loop(vcpu);
	vhm_fpu_leave(vcpu);
	vhm_ops->section_leave(vcpu);
out:
	WRITE_ONCE(vcpu->in_section, -1);
	/* the tick that may be pending now still counts as the guest's time */
	local_irq_enable();
	vtime_account_guest_exit();
	return r;
}

/* ---- slow requests ----------------------------------------------------------------- */

static void serve_sipi(struct vhm_vcpu *vcpu)
{
	u8 vector = READ_ONCE(vcpu->ev.sipi_vector);
	struct vhm_state *st;

	if (vcpu->mp_state != KVM_MP_STATE_INIT_RECEIVED)
		return;
	st = vhm_st_write(vcpu, VHM_ST_CODE);
	st->seg[VHM_CS].sel = vector << 8;
	st->seg[VHM_CS].base = vector << 12;
	vcpu->rip = 0;
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

static int load_root(struct vhm_vcpu *vcpu)
{
	int idx = srcu_read_lock(&vcpu->vm->srcu);
	int r = vhm_shadow_load(vcpu);

	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return r;
}

/* 0, VHM_USER, -errno. */
static int serve_slow(struct vhm_vcpu *vcpu)
{
	if (test_bit(VHM_REQ_DEAD, &vcpu->requests))
		return -EIO;
	if (test_and_clear_bit(VHM_REQ_RESET, &vcpu->requests)) {
		/* INIT: the boot processor starts over, the others wait for SIPI */
		vhm_vcpu_reset(vcpu, true);
		vcpu->mp_state = vhm_is_bsp(vcpu) ? KVM_MP_STATE_RUNNABLE :
						    KVM_MP_STATE_INIT_RECEIVED;
	}
	if (test_and_clear_bit(VHM_REQ_SIPI, &vcpu->requests))
		serve_sipi(vcpu);
	if (test_and_clear_bit(VHM_REQ_INTERCEPTS, &vcpu->requests))
		vhm_ops->cpuid_changed(vcpu);
	if (test_and_clear_bit(VHM_REQ_CLOCK, &vcpu->requests)) {
		guard(srcu)(&vcpu->vm->srcu);
		vhm_clock_update(vcpu);
	}
	if (test_and_clear_bit(VHM_REQ_PV, &vcpu->requests)) {
		guard(srcu)(&vcpu->vm->srcu);
		vhm_pv_update(vcpu);
	}
	if (test_and_clear_bit(VHM_REQ_RING_FULL, &vcpu->requests) && vhm_ring_full(vcpu)) {
		set_bit(VHM_REQ_RING_FULL, &vcpu->requests);
		vcpu->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
		return VHM_USER;
	}
	if (test_and_clear_bit(VHM_REQ_IOAPIC_EOI, &vcpu->requests)) {
		vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
		vcpu->run->eoi.vector = vcpu->eoi_vector;
		return VHM_USER;
	}
	/* the last: what comes before may change it */
	return test_bit(VHM_REQ_ROOT, &vcpu->requests) ? load_root(vcpu) : 0;
}

/* ---- the loop ------------------------------------------------------------------------ */

/* May a VMM with a PIC of its own hand an interrupt in? */
static bool user_irq_fits(struct vhm_vcpu *vcpu)
{
	return vcpu->ev.user_irq < 0 && vhm_irq_allowed(vcpu) && vhm_takes_extint(vcpu);
}

/* Before an entry: requests, halting, the VMM's wishes. RESUME, USER, -errno. */
static int prepare(struct vhm_vcpu *vcpu)
{
	int r;

	/* before it sleeps: what it asks for may be what ends the HLT */
	if (unlikely(vcpu->run->request_interrupt_window) && vhm_user_pic(vcpu) &&
	    user_irq_fits(vcpu)) {
		vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
		vcpu->stats.request_irq_exits++;
		return VHM_USER;
	}
	while (unlikely(READ_ONCE(vcpu->requests) & VHM_SLOW_REQUESTS ||
			vcpu->mp_state != KVM_MP_STATE_RUNNABLE)) {
		r = serve_slow(vcpu) ?: vhm_halt(vcpu);
		if (r)
			return r;
	}
	return VHM_RESUME;
}

/* Signals, rescheduling. 0, or -EINTR. */
static int work(struct vhm_vcpu *vcpu)
{
	bool told = need_resched() && vhm_pv_off_cpu(vcpu);
	int r = vhm_xfer_work();

	if (told)
		set_bit(VHM_REQ_PV, &vcpu->requests);
	return r;
}

static int run_loop(struct vhm_vcpu *vcpu)
{
	int r, idx;

	for (;;) {
		r = prepare(vcpu);
		if (r != VHM_RESUME)
			return r;
		r = section(vcpu);
		if (r == VHM_SLOW) {
			idx = srcu_read_lock(&vcpu->vm->srcu);
			r = vhm_exit_slow(vcpu);
			srcu_read_unlock(&vcpu->vm->srcu, idx);
		} else if (r == NEXT_WORK) {
			r = work(vcpu);
		}
		if (r != VHM_RESUME)
			return r;
	}
}

/* ---- what userspace shares ------------------------------------------------------------- */

/* 0, or what the registers' own ioctls answer. */
static noinline int sync_in(struct vhm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 dirty = READ_ONCE(run->kvm_dirty_regs);
	struct kvm_sync_regs s;
	int r = 0;

	if ((READ_ONCE(run->kvm_valid_regs) | dirty) & ~(u64)KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	s = run->s.regs;	/* so that it does not change after it was checked */
	if (dirty & KVM_SYNC_X86_REGS)
		vhm_set_regs(vcpu, &s.regs);
	if (dirty & KVM_SYNC_X86_SREGS)
		r = vhm_set_sregs(vcpu, &s.sregs);
	if (!r && dirty & KVM_SYNC_X86_EVENTS)
		r = vhm_set_events(vcpu, &s.events);
	if (!r)
		run->kvm_dirty_regs = 0;
	return r;
}

static void publish(struct vhm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 valid = READ_ONCE(run->kvm_valid_regs);

	run->if_flag = !!(vcpu->rflags & X86_EFLAGS_IF);
	run->cr8 = vcpu->cr8;
	run->apic_base = vcpu->apic.base;
	run->ready_for_interrupt_injection = !vhm_user_pic(vcpu) || user_irq_fits(vcpu);
	if (likely(!valid))
		return;
	if (valid & KVM_SYNC_X86_REGS)
		vhm_get_regs(vcpu, &run->s.regs.regs);
	if (valid & KVM_SYNC_X86_SREGS)
		vhm_get_sregs(vcpu, &run->s.regs.sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		vhm_get_events(vcpu, &run->s.regs.events);
}

static int enter(struct vhm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int r;

	if ((unlikely(READ_ONCE(run->kvm_valid_regs) | READ_ONCE(run->kvm_dirty_regs)) &&
	     sync_in(vcpu)) ||
	    (!vcpu->lapic && run->cr8 != vcpu->cr8 && vhm_set_cr8(vcpu, run->cr8)))
		return -EINVAL;
	if (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		vcpu->rflags |= X86_EFLAGS_TF;
	r = vhm_complete_user(vcpu);
	if (r != VHM_RESUME)
		return r;
	if (vhm_immediate_exit(run))
		return -EINTR;
	r = run_loop(vcpu);
	if (r == -EINTR) {
		run->exit_reason = KVM_EXIT_INTR;
		vcpu->stats.signal_exits++;
	}
	return r;
}

/*
 * vhm_vcpu_run - KVM_RUN
 *
 * Process context, vcpu->mutex held, current->mm is the VM's. Returns 0 with
 * vcpu->run->exit_reason telling why; -EINTR for a signal or immediate_exit;
 * -EBUSY when another hypervisor holds this CPU's extension; -EINVAL for bad
 * synced registers; -EFAULT when guest memory has no backing; -EIO for a VM
 * that was killed.
 */
int vhm_vcpu_run(struct vhm_vcpu *vcpu)
{
	sigset_t old;
	int r, idx;

	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &old);
	vcpu->ran = true;
	vcpu->run->flags = 0;
	/* a VMM with a PIC of its own speaks through the shared page too */
	if (vhm_user_pic(vcpu))
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
	WRITE_ONCE(vcpu->task, current);
	if (unlikely(vcpu->msrs.steal_time))
		vhm_pv_begin(vcpu);
	r = enter(vcpu);
	WRITE_ONCE(vcpu->task, NULL);
	if (unlikely(vcpu->pv_eoi_armed)) {
		/* what the VMM sees and saves is complete */
		idx = srcu_read_lock(&vcpu->vm->srcu);
		vhm_pv_eoi_take(vcpu, false);
		srcu_read_unlock(&vcpu->vm->srcu, idx);
	}
	publish(vcpu);
	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &old, NULL);
	return r == VHM_USER ? 0 : r;
}
