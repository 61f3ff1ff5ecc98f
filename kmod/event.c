// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: which exception, NMI or interrupt the guest gets next, and when.
 *
 * One function orders them, vhm_events_prepare(). The order, and why:
 *
 *   1. An event whose delivery the last exit cut short. The CPU had already
 *      decided for it and the guest state is as before its delivery, so to
 *      the guest nothing has happened yet; nothing may overtake it.
 *   2. A pending exception. It belongs to the instruction that ended, so it
 *      comes before what is recognised at the boundary after that
 *      instruction. (AMD64 APM vol. 2, "Priorities"; Intel SDM vol. 3,
 *      "Priority Among Concurrent Events": traps and faults of the previous
 *      instruction stand above NMI, NMI above maskable interrupts.)
 *   3. NMI, unless an NMI handler has not returned or an STI/MOV SS shadow
 *      is on. Up to two are latched: the one in service and one more.
 *   4. A maskable interrupt, with IF set and no shadow.
 *
 * One event goes in per entry. Whatever must wait opens a window: an exit at
 * the first moment at which it can be taken.
 */
#include <asm/trapnr.h>

#include "vhm.h"

/* ---- raising exceptions ----------------------------------------------------- */

static bool contributory(u8 vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);	/* #DE #TS #NP #SS #GP */
}

/*
 * Two exceptions become #DF, and a third ends in shutdown, by the table in
 * Intel SDM vol. 3, "Interrupt 8: Double Fault Exception". Where they are
 * serial instead, the later one is delivered and the earlier one comes again
 * when its instruction is executed again.
 */
static void queue(struct vhm_vcpu *vcpu, struct vhm_event new)
{
	struct vhm_events *ev = &vcpu->ev;
	/* the earlier exception that the new one may combine with */
	struct vhm_event *prev = ev->exc.kind ? &ev->exc :
				 ev->interrupted.kind == VHM_EV_EXC ? &ev->interrupted : NULL;
	bool c = contributory(new.vector);

	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	if (prev && prev->vector == DF_VECTOR) {
		ev->triple_fault = true;
		return;
	}
	if (prev) {
		if (prev->vector == PF_VECTOR ? c || new.vector == PF_VECTOR :
						c && contributory(prev->vector))
			new = (struct vhm_event){ .kind = VHM_EV_EXC, .vector = DF_VECTOR,
						  .has_error = true };
		prev->kind = VHM_EV_NONE;
	}
	ev->exc = new;
}

void vhm_raise(struct vhm_vcpu *vcpu, u8 vector)
{
	queue(vcpu, (struct vhm_event){ .kind = VHM_EV_EXC, .vector = vector });
}

void vhm_raise_error(struct vhm_vcpu *vcpu, u8 vector, u32 error)
{
	queue(vcpu, (struct vhm_event){ .kind = VHM_EV_EXC, .vector = vector,
					.has_error = true, .error = error });
}

void vhm_raise_pf(struct vhm_vcpu *vcpu, u64 cr2, u32 error)
{
	queue(vcpu, (struct vhm_event){ .kind = VHM_EV_EXC, .vector = PF_VECTOR,
					.has_error = true, .error = error,
					.has_payload = true, .payload = cr2 });
}

void vhm_raise_db(struct vhm_vcpu *vcpu, u64 dr6)
{
	/* a step that hv performed itself: the debugger's, not the guest's */
	if (dr6 & DR6_BS && vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP) {
		vcpu->ev.debug_exit = true;
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
		return;
	}
	queue(vcpu, (struct vhm_event){ .kind = VHM_EV_EXC, .vector = DB_VECTOR,
					.has_payload = true, .payload = dr6 });
}

void vhm_raise_bp(struct vhm_vcpu *vcpu)
{
	vcpu->ev.exc = (struct vhm_event){ .kind = VHM_EV_SOFT_EXC, .vector = BP_VECTOR,
					   .insn_len = 1 };
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
}

/* CR2 or DR6 change when the exception is delivered, not when it is raised. */
static void deliver_payload(struct vhm_vcpu *vcpu, struct vhm_event *e)
{
	struct vhm_state *st;

	if (!e->has_payload)
		return;
	e->has_payload = false;
	if (e->vector == PF_VECTOR) {
		vhm_st_write(vcpu, VHM_ST_CR)->cr2 = e->payload;
	} else {
		st = vhm_st_write(vcpu, VHM_ST_DR);
		st->dr6 = (st->dr6 & ~0xfull) | e->payload;
		st->dr7 &= ~BIT(13);	/* GD is cleared on entry to the handler */
	}
}

/* ---- NMIs and interrupts ------------------------------------------------------- */

void vhm_nmi(struct vhm_vcpu *vcpu)
{
	atomic_inc(&vcpu->ev.nmi_queued);
	vhm_request(vcpu, VHM_REQ_EVENT);
}

static void fold_nmis(struct vhm_events *ev, u32 blocked)
{
	int n = atomic_xchg(&ev->nmi_queued, 0);
	int limit = blocked & VHM_BLOCK_NMI ? 1 : 2;

	if (n)
		ev->nmi_pending = min(ev->nmi_pending + n, limit);
}

bool vhm_irq_allowed(struct vhm_vcpu *vcpu)
{
	return (vcpu->rflags & X86_EFLAGS_IF) && !vcpu->ev.interrupted.kind &&
	       !vcpu->ev.exc.kind && !(vhm_ops->blocked(vcpu) & VHM_BLOCK_SHADOW);
}

/* The vector that would be delivered now, or -1. As a PIC's, the VMM's goes first. */
static int irq_pending(struct vhm_vcpu *vcpu)
{
	if (vcpu->ev.user_irq >= 0 && vhm_takes_extint(vcpu))
		return vcpu->ev.user_irq;
	return vcpu->lapic ? vhm_irq_pending(vcpu->lapic) : -1;
}

static u8 irq_take(struct vhm_vcpu *vcpu)
{
	int user = vcpu->ev.user_irq;

	if (user < 0 || !vhm_takes_extint(vcpu))
		return vhm_irq_ack(vcpu->lapic);
	vcpu->ev.user_irq = -1;
	return user;
}

/* A VMM with a PIC of its own wants to know when an interrupt may go in. */
static u32 user_window(struct vhm_vcpu *vcpu)
{
	return vhm_user_pic(vcpu) && vcpu->run->request_interrupt_window &&
	       vhm_takes_extint(vcpu) ? VHM_WINDOW_IRQ : 0;
}

bool vhm_has_event(struct vhm_vcpu *vcpu)
{
	struct vhm_events *ev = &vcpu->ev;
	u32 blocked;

	if (ev->interrupted.kind || ev->exc.kind || ev->triple_fault || READ_ONCE(vcpu->pv.unhalted))
		return true;
	blocked = vhm_ops->blocked(vcpu);
	if ((ev->nmi_pending || atomic_read(&ev->nmi_queued)) && !(blocked & VHM_BLOCK_NMI))
		return true;
	return (vcpu->rflags & X86_EFLAGS_IF) && irq_pending(vcpu) >= 0;
}

/* ---- before an entry ------------------------------------------------------------- */

/* Step 1 and 2. True when the entry is taken. */
static bool inject_first(struct vhm_vcpu *vcpu)
{
	struct vhm_events *ev = &vcpu->ev;
	struct vhm_event *e = &ev->exc;

	/* met by the shadow on the way of an event, a fault comes before it */
	if (ev->interrupted.kind && !(e->kind && vhm_caps.shadow)) {
		vhm_ops->inject(vcpu, &ev->interrupted);
		ev->interrupted.kind = VHM_EV_NONE;
		if (e->kind)	/* its turn is the next entry */
			set_bit(VHM_REQ_EVENT, &vcpu->requests);
		return true;
	}
	if (!e->kind)
		return false;
	deliver_payload(vcpu, e);
	/* faults set RF in the saved image; of the traps only #BP, #OF and #DB do not */
	if (e->vector != DB_VECTOR && e->vector != BP_VECTOR && e->vector != OF_VECTOR)
		vcpu->rflags |= X86_EFLAGS_RF;
	vhm_ops->inject(vcpu, e);
	e->kind = VHM_EV_NONE;
	if (ev->interrupted.kind)
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return true;
}

/* Step 3. Returns the window to open. */
static u32 inject_nmi(struct vhm_vcpu *vcpu, u32 blocked, bool *taken)
{
	static const struct vhm_event nmi = { .kind = VHM_EV_NMI, .vector = X86_TRAP_NMI };
	struct vhm_events *ev = &vcpu->ev;

	fold_nmis(ev, blocked);
	if (ev->nmi_pending && !*taken && !blocked) {
		ev->nmi_pending--;
		vcpu->stats.nmi_injections++;
		vhm_ops->inject(vcpu, &nmi);
		*taken = true;
	}
	return ev->nmi_pending ? VHM_WINDOW_NMI : 0;
}

/* Step 4. Returns the window to open. */
static u32 inject_irq(struct vhm_vcpu *vcpu, u32 blocked, bool taken)
{
	struct vhm_event e = { .kind = VHM_EV_IRQ };

	if (irq_pending(vcpu) < 0)
		return user_window(vcpu);
	if (taken || !(vcpu->rflags & X86_EFLAGS_IF) || blocked & VHM_BLOCK_SHADOW)
		return VHM_WINDOW_IRQ;
	e.vector = irq_take(vcpu);
	vcpu->stats.irq_injections++;
	vhm_ops->inject(vcpu, &e);
	if (irq_pending(vcpu) >= 0)
		return VHM_WINDOW_IRQ;
	if (unlikely(vcpu->msrs.pv_eoi & 1) && vcpu->lapic)
		vhm_pv_eoi_arm(vcpu);
	return user_window(vcpu);
}

/* With the LAPIC in the kernel: the guest's CR8 and the task priority are one. */
static void sync_tpr(struct vhm_vcpu *vcpu)
{
	bool want;

	if (vhm_lapic_cr8(vcpu->lapic) != vcpu->cr8)
		vhm_lapic_set_cr8(vcpu->lapic, vcpu->cr8);
	want = vhm_lapic_cr8_threshold(vcpu->lapic);
	if (want != vcpu->cr8_intercept) {
		vcpu->cr8_intercept = want;
		vhm_ops->update_intercepts(vcpu);
	}
}

int vhm_events_prepare(struct vhm_vcpu *vcpu)
{
	u32 blocked, windows;
	bool taken;

	if (unlikely(vcpu->ev.triple_fault)) {
		vcpu->ev.triple_fault = false;
		vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
		return VHM_USER;
	}
	if (unlikely(vcpu->ev.debug_exit)) {
		vcpu->ev.debug_exit = false;
		return vhm_debug_exit(vcpu, DB_VECTOR, DR6_FIXED | DR6_BS);
	}
	if (vcpu->lapic)
		sync_tpr(vcpu);
	taken = inject_first(vcpu);
	windows = 0;
	/* a debugger may want to step over code without ending up in a handler */
	if (likely(!(vcpu->guest_debug & KVM_GUESTDBG_BLOCKIRQ))) {
		blocked = vhm_ops->blocked(vcpu);
		windows = inject_nmi(vcpu, blocked, &taken);
		windows |= inject_irq(vcpu, blocked, taken);
	}
	/* what keeps an NMI out may be another thing by now */
	if (windows != vcpu->ev.windows || windows & VHM_WINDOW_NMI) {
		vcpu->ev.windows = windows;
		vhm_ops->open_window(vcpu, windows);
	}
	return VHM_RESUME;
}

/* ---- KVM_GET/SET_VCPU_EVENTS --------------------------------------------------------- */

void vhm_get_events(struct vhm_vcpu *vcpu, struct kvm_vcpu_events *e)
{
	struct vhm_events *ev = &vcpu->ev;
	u32 blocked = vhm_ops->blocked(vcpu);
	struct vhm_event *x = ev->exc.kind ? &ev->exc : &ev->interrupted;
	u8 in = ev->interrupted.kind;
	bool payloads = READ_ONCE(vcpu->vm->payloads);

	*e = (struct kvm_vcpu_events){
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
		.sipi_vector = 0,	/* never reported back, as the ABI says */
	};
	if (payloads)
		e->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (x->kind == VHM_EV_EXC || x->kind == VHM_EV_SOFT_EXC) {
		if (!payloads)	/* without them a pending exception reads as injected */
			deliver_payload(vcpu, x);
		e->exception.pending = payloads && x == &ev->exc;
		e->exception.injected = !e->exception.pending;
		e->exception_has_payload = x->has_payload;
		e->exception_payload = x->has_payload ? x->payload : 0;
		e->exception.nr = x->vector;
		e->exception.has_error_code = x->has_error;
		e->exception.error_code = x->error;
	}
	if (in == VHM_EV_IRQ || in == VHM_EV_SOFT_IRQ) {
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->interrupted.vector;
		e->interrupt.soft = in == VHM_EV_SOFT_IRQ;
	}
	e->interrupt.shadow = (blocked & VHM_BLOCK_SHADOW_STI ? KVM_X86_SHADOW_INT_STI : 0) |
			      (blocked & VHM_BLOCK_SHADOW_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
	if (READ_ONCE(vcpu->vm->triple_faults)) {
		e->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
		e->triple_fault.pending = ev->triple_fault;
	}
	fold_nmis(ev, blocked);
	e->nmi.injected = in == VHM_EV_NMI;
	e->nmi.pending = ev->nmi_pending;
	e->nmi.masked = !!(blocked & VHM_BLOCK_NMI);
}

static bool is_pending(const struct kvm_vcpu_events *e)
{
	return e->flags & KVM_VCPUEVENT_VALID_PAYLOAD && e->exception.pending;
}

static bool events_valid(struct vhm_vcpu *vcpu, const struct kvm_vcpu_events *e)
{
	const u32 flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			  KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM |
			  KVM_VCPUEVENT_VALID_PAYLOAD | KVM_VCPUEVENT_VALID_TRIPLE_FAULT;

	if ((e->flags & KVM_VCPUEVENT_VALID_PAYLOAD && !READ_ONCE(vcpu->vm->payloads)) ||
	    (e->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT && !READ_ONCE(vcpu->vm->triple_faults)))
		return false;
	if ((e->exception.injected || is_pending(e)) &&
	    (e->exception.nr > 31 || e->exception.nr == X86_TRAP_NMI))
		return false;
	/* no SMM: the block may be there, but nothing in it */
	return !(e->flags & ~flags) &&
	       !(e->flags & KVM_VCPUEVENT_VALID_SMM && (e->smi.smm || e->smi.pending)) &&
	       !(e->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR && !vcpu->lapic);
}

/* Of the three kinds that may be under way only one can be: exception first. */
static struct vhm_event interrupted_of(const struct kvm_vcpu_events *e)
{
	if (e->exception.injected && !is_pending(e))
		return (struct vhm_event){ .kind = VHM_EV_EXC, .vector = e->exception.nr,
					   .has_error = e->exception.has_error_code,
					   .error = e->exception.error_code };
	if (e->nmi.injected)
		return (struct vhm_event){ .kind = VHM_EV_NMI, .vector = X86_TRAP_NMI };
	if (!e->interrupt.injected)
		return (struct vhm_event){};
	return (struct vhm_event){ .kind = e->interrupt.soft ? VHM_EV_SOFT_IRQ : VHM_EV_IRQ,
				   .vector = e->interrupt.nr };
}

/* A payload is CR2, or the bits of DR6 that a #DB can set. */
static struct vhm_event pending_of(const struct kvm_vcpu_events *e)
{
	bool db = e->exception.nr == DB_VECTOR;

	if (!is_pending(e))
		return (struct vhm_event){};
	return (struct vhm_event){
		.kind = VHM_EV_EXC, .vector = e->exception.nr,
		.has_error = e->exception.has_error_code, .error = e->exception.error_code,
		.has_payload = e->exception_has_payload && (db || e->exception.nr == PF_VECTOR),
		.payload = db ? e->exception_payload & 0xe00f : e->exception_payload,
	};
}

int vhm_set_events(struct vhm_vcpu *vcpu, const struct kvm_vcpu_events *e)
{
	struct vhm_events *ev = &vcpu->ev;
	u32 blocked = vhm_ops->blocked(vcpu) & ~VHM_BLOCK_NMI;

	if (!events_valid(vcpu, e))
		return -EINVAL;
	ev->exc = pending_of(e);
	ev->interrupted = interrupted_of(e);
	if (e->flags & KVM_VCPUEVENT_VALID_NMI_PENDING) {
		atomic_set(&ev->nmi_queued, 0);
		ev->nmi_pending = min_t(u8, e->nmi.pending, 2);
	}
	if (e->nmi.masked)
		blocked |= VHM_BLOCK_NMI;
	if (e->flags & KVM_VCPUEVENT_VALID_SHADOW) {
		blocked &= ~VHM_BLOCK_SHADOW;
		if (e->interrupt.shadow & KVM_X86_SHADOW_INT_STI)
			blocked |= VHM_BLOCK_SHADOW_STI;
		if (e->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS)
			blocked |= VHM_BLOCK_SHADOW_SS;
	}
	vhm_ops->set_blocked(vcpu, blocked);
	if (e->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR)
		ev->sipi_vector = e->sipi_vector;
	if (e->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		ev->triple_fault = e->triple_fault.pending;
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}
