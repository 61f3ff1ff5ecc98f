// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: injection, what an exit cut short, windows.
 *
 * Soft events (INT n, INT3, INTO) are instructions. One whose delivery an
 * exit cut short is simply executed again, so it is never handed back to the
 * core; only rip must stand on the instruction. To inject one, the address
 * behind it must be pushed: with next-RIP save the CPU takes it from the
 * VMCB, without, rip itself is moved and moved back if delivery fails.
 *
 * NMIs are masked from injection to IRET. SVM tells that an IRET is about to
 * be executed, not that it was: the mask ends when rip has left it. Who waits
 * for that is served by a step with TF. Neither the virtual NMI of newer CPUs
 * nor vGIF is needed for this, and neither is used.
 * (AMD64 APM vol. 2, "Event Injection" and "Virtual Interrupts".)
 */
#include <linux/smp.h>
#include <asm/processor-flags.h>
#include <trace/events/ipi.h>

#include "svm/svm.h"

static const u32 type_of[] = {
	[VHM_EV_EXC] = SVM_EVENT_EXC, [VHM_EV_SOFT_EXC] = SVM_EVENT_EXC,
	[VHM_EV_NMI] = SVM_EVENT_NMI, [VHM_EV_IRQ] = SVM_EVENT_INTR,
	[VHM_EV_SOFT_IRQ] = SVM_EVENT_SOFT,
};

static void mask_nmi(struct svm_vcpu *svm, bool masked)
{
	svm->nmi_masked = masked;
	svm->iret_seen = false;
	svm_set_icpt(svm, SVM_EXIT_IRET, masked);
}

/* svm_inject - struct vhm_ops->inject */
void svm_inject(struct vhm_vcpu *vcpu, const struct vhm_event *ev)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	bool soft = ev->kind == VHM_EV_SOFT_EXC || ev->kind == VHM_EV_SOFT_IRQ;
	u64 inj = ev->vector | type_of[ev->kind] | SVM_EVENT_VALID;

	if (soft) {
		if (!ev->insn_len)
			return;		/* rip stands on it: it is executed */
		svm->soft_rip = vcpu->rip;
		if (boot_cpu_has(X86_FEATURE_NRIPS))
			svm->vmcb.nrip = vcpu->rip + ev->insn_len;
		else
			vcpu->rip += ev->insn_len;
	}
	if (svm->iret_seen)
		mask_nmi(svm, true);	/* the IRET has faulted */
	if (ev->has_error)
		inj |= SVM_EVENT_HAS_ERROR | (u64)ev->error << 32;
	if (ev->kind == VHM_EV_NMI)
		mask_nmi(svm, true);
	svm->vmcb.event_inj = inj;
	svm->injected = ev->kind;
}

/* Hand back the event of exit_int_info, unless the instruction will do it again. */
static void cut_short(struct svm_vcpu *svm, u64 info)
{
	static const u8 kind_of[8] = { VHM_EV_IRQ, 0, VHM_EV_NMI, VHM_EV_EXC };
	struct vhm_event ev = {
		.kind = kind_of[info >> 8 & 7], .vector = info, .has_error = info & SVM_EVENT_HAS_ERROR,
		.error = info & SVM_EVENT_HAS_ERROR ? info >> 32 : 0,
	};

	if (ev.kind == VHM_EV_EXC && svm->injected != VHM_EV_EXC &&
	    (ev.vector == BP_VECTOR || ev.vector == OF_VECTOR))
		ev.kind = VHM_EV_NONE;
	svm->vcpu.ev.interrupted = ev;
	if (svm->injected == VHM_EV_SOFT_EXC || svm->injected == VHM_EV_SOFT_IRQ)
		svm->vcpu.rip = svm->soft_rip;
}

/*
 * svm_blocked - struct vhm_ops->blocked. The VMCB has one bit for both kinds
 * of shadow; it is reported as both, so that either, restored, comes back.
 */
u32 svm_blocked(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	return (svm->nmi_masked ? VHM_BLOCK_NMI : 0) |
	       (svm->vmcb.int_state & SVM_SHADOW ? VHM_BLOCK_SHADOW : 0);
}

/* svm_set_blocked - struct vhm_ops->set_blocked */
void svm_set_blocked(struct vhm_vcpu *vcpu, u32 block)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	bool masked = block & VHM_BLOCK_NMI;

	svm->vmcb.int_state = block & VHM_BLOCK_SHADOW ? SVM_SHADOW : 0;
	if (masked != svm->nmi_masked)
		mask_nmi(svm, masked);
}

/* ---- windows ---------------------------------------------------------------- */

/*
 * What keeps the NMI out decides how to learn of its end: a handler that has
 * not reached IRET exits there; an IRET or a shadow is stepped over; and
 * where only this entry is taken by another event, an interrupt to this very
 * CPU ends it right after that. Its delivery ends a shadow too, and a step would
 * push our TF for it.
 */
static void watch_nmi(struct svm_vcpu *svm)
{
	if (svm->nmi_masked && !svm->iret_seen)
		return;
	if (svm_blocked(&svm->vcpu) && !svm->injected) {
		svm->step = true;
		return;
	}
	set_bit(VHM_REQ_EVENT, &svm->vcpu.requests);
	smp_send_reschedule(smp_processor_id());
}

/* svm_open_window - struct vhm_ops->open_window; section */
void svm_open_window(struct vhm_vcpu *vcpu, u32 windows)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	bool irq = windows & VHM_WINDOW_IRQ;

	/* a virtual interrupt that is never delivered: the intercept comes first */
	svm->vmcb.int_ctl = (svm->vmcb.int_ctl & ~SVM_V_WINDOW) | (irq ? SVM_V_WINDOW : 0);
	svm->vmcb.clean &= ~SVM_CLEAN_INT;
	svm_set_icpt(svm, SVM_EXIT_VINTR, irq);
	svm->want_nmi = windows & VHM_WINDOW_NMI;
	svm->step = false;
	if (svm->want_nmi)
		watch_nmi(svm);
}

/* ---- past an IRET or a shadow -------------------------------------------------- */

void svm_iret_exit(struct svm_vcpu *svm)
{
	svm_set_icpt(svm, SVM_EXIT_IRET, false);
	svm->iret_seen = true;
	svm->iret_rip = svm->vcpu.rip;
	svm->step = svm->want_nmi;
	/* the step begins with the next entry: so far TF is the guest's */
	svm->step_tf = svm->vcpu.rflags & X86_EFLAGS_TF;
}

/*
 * After an entry with a step on: hide our TF, and take the #DB for ours unless
 * the guest steps itself. An IRET has loaded the guest's own flags.
 */
static void step_end(struct svm_vcpu *svm, bool iret_done)
{
	struct vhm_vcpu *vcpu = &svm->vcpu;

	if (!svm->step_tf && !iret_done)
		vcpu->rflags &= ~X86_EFLAGS_TF;
	if (vcpu->exit.hw_reason != SVM_EXIT_EXC + DB_VECTOR)
		return;
	svm->step = false;
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	if (svm->step_tf)
		return;
	svm->vmcb.dr6 &= ~DR6_BS;
	svm->vmcb.clean = 0;
	vcpu->exit.kind = VHM_X_NMI_WINDOW;
}

void svm_events_after_exit(struct svm_vcpu *svm)
{
	bool iret_done;

	if (svm->vmcb.exit_int_info & SVM_EVENT_VALID)
		cut_short(svm, svm->vmcb.exit_int_info);
	svm->injected = VHM_EV_NONE;
	svm->vmcb.event_inj = 0;
	/* still on it: it faulted, or an exit came first */
	iret_done = svm->iret_seen && svm->vcpu.rip != svm->iret_rip;
	if (svm->step)
		step_end(svm, iret_done);
	if (iret_done) {
		mask_nmi(svm, false);
		set_bit(VHM_REQ_EVENT, &svm->vcpu.requests);
	}
}
