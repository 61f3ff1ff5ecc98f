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
	svm_set_icpt(svm, SVM_ICPT_IRET, masked);
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
		if (svm_feat.nrips)
			svm->vmcb->nrip = vcpu->rip + ev->insn_len;
		else
			vcpu->rip += ev->insn_len;
	}
	if (ev->has_error)
		inj |= SVM_EVENT_HAS_ERROR | (u64)ev->error << 32;
	if (ev->kind == VHM_EV_NMI)
		mask_nmi(svm, true);
	svm->vmcb->event_inj = inj;
	svm->injected = ev->kind;
}

/* The event of exit_int_info, or none where the instruction will do it again. */
static struct vhm_event cut_short(u64 info, u8 injected)
{
	struct vhm_event ev = { .vector = info & SVM_EVENT_VECTOR };
	bool soft_vector = ev.vector == BP_VECTOR || ev.vector == OF_VECTOR;

	switch (info & SVM_EVENT_TYPE) {
	case SVM_EVENT_INTR:
		ev.kind = VHM_EV_IRQ;
		break;
	case SVM_EVENT_NMI:
		ev.kind = VHM_EV_NMI;
		break;
	case SVM_EVENT_EXC:
		if (soft_vector && injected != VHM_EV_EXC)
			break;
		ev.kind = VHM_EV_EXC;
		ev.has_error = info & SVM_EVENT_HAS_ERROR;
		ev.error = ev.has_error ? info >> 32 : 0;
		break;
	}
	return ev;
}

void svm_events_after_exit(struct svm_vcpu *svm)
{
	u64 info = svm->vmcb->exit_int_info;
	u8 injected = svm->injected;

	svm->injected = VHM_EV_NONE;
	svm->vmcb->event_inj = 0;
	if (!(info & SVM_EVENT_VALID))
		return;
	svm->vcpu.ev.interrupted = cut_short(info, injected);
	if (injected == VHM_EV_SOFT_EXC || injected == VHM_EV_SOFT_IRQ)
		svm->vcpu.rip = svm->soft_rip;
}

/*
 * svm_blocked - struct vhm_ops->blocked. The VMCB has one bit for both kinds
 * of shadow; it is reported as both, so that either, restored, comes back.
 */
u32 svm_blocked(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u32 block = svm->nmi_masked ? VHM_BLOCK_NMI : 0;

	if (svm->vmcb->int_state & SVM_SHADOW)
		block |= VHM_BLOCK_SHADOW_STI | VHM_BLOCK_SHADOW_SS;
	return block;
}

/* svm_set_blocked - struct vhm_ops->set_blocked */
void svm_set_blocked(struct vhm_vcpu *vcpu, u32 block)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	bool shadow = block & (VHM_BLOCK_SHADOW_STI | VHM_BLOCK_SHADOW_SS);
	bool masked = block & VHM_BLOCK_NMI;

	svm->vmcb->int_state = shadow ? SVM_SHADOW : 0;
	if (masked != svm->nmi_masked)
		mask_nmi(svm, masked);
}

/* ---- windows ---------------------------------------------------------------- */

/* A virtual interrupt that is never delivered: the intercept comes first. */
static void watch_irq(struct svm_vcpu *svm, bool on)
{
	struct vmcb *vmcb = svm->vmcb;

	vmcb->int_ctl &= ~(u64)(SVM_V_IRQ | SVM_V_PRIO_MAX | SVM_V_IGN_TPR);
	if (on)
		vmcb->int_ctl |= SVM_V_IRQ | SVM_V_PRIO_MAX | SVM_V_IGN_TPR;
	vmcb->clean &= ~SVM_CLEAN_INT;
	svm_set_icpt(svm, SVM_ICPT_VINTR, on);
}

/*
 * What keeps the NMI out decides how to learn of its end: a handler that has
 * not reached IRET exits there; an IRET or a shadow is stepped over; and
 * where only this entry is taken by another event, an interrupt to this very
 * CPU ends it right after that.
 */
static void watch_nmi(struct svm_vcpu *svm)
{
	if (svm->nmi_masked && !svm->iret_seen)
		return;
	if (svm_blocked(&svm->vcpu)) {
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

	watch_irq(svm, windows & VHM_WINDOW_IRQ);
	svm->want_nmi = windows & VHM_WINDOW_NMI;
	svm->step = false;
	if (svm->want_nmi)
		watch_nmi(svm);
}

/* ---- past an IRET or a shadow -------------------------------------------------- */

enum vhm_exit_kind svm_iret_exit(struct svm_vcpu *svm)
{
	svm_set_icpt(svm, SVM_ICPT_IRET, false);
	svm->iret_seen = true;
	svm->iret_rip = svm->vcpu.rip;
	svm->step = svm->want_nmi;
	return VHM_X_NONE;
}

void svm_nmi_unmask_check(struct svm_vcpu *svm)
{
	if (svm->vcpu.rip == svm->iret_rip)
		return;		/* it faulted, or an exit came first */
	mask_nmi(svm, false);
	set_bit(VHM_REQ_EVENT, &svm->vcpu.requests);
}

void svm_step_begin(struct svm_vcpu *svm)
{
	svm->step_tf = svm->vcpu.rflags & X86_EFLAGS_TF;
	svm->vmcb->rflags |= X86_EFLAGS_TF;
}

/*
 * After an entry with a step on: hide our TF, and take the #DB for ours unless
 * the guest steps itself. An IRET has loaded the guest's own flags.
 */
void svm_step_end(struct svm_vcpu *svm)
{
	struct vhm_vcpu *vcpu = &svm->vcpu;
	bool iret_done = svm->iret_seen && vcpu->rip != svm->iret_rip;

	if (!svm->step_tf && !iret_done)
		vcpu->rflags &= ~X86_EFLAGS_TF;
	if (vcpu->exit.hw_reason != SVM_EXIT_EXC_DB)
		return;
	svm->step = false;
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	if (svm->step_tf)
		return;
	svm->vmcb->dr6 &= ~DR6_BS;
	svm->vmcb->clean &= ~SVM_CLEAN_DR;
	vcpu->exit.kind = VHM_X_NMI_WINDOW;
}
