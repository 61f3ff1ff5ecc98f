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
#include "vhm.h"

#define DB_VECTOR	1
#define NMI_VECTOR_NR	2
#define BP_VECTOR	3
#define DF_VECTOR	8
#define PF_VECTOR	14

#define BLOCK_SHADOW	(VHM_BLOCK_SHADOW_STI | VHM_BLOCK_SHADOW_SS)

/* ---- raising exceptions ----------------------------------------------------- */

enum exc_class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum exc_class exc_class(u8 vector)
{
	switch (vector) {
	case 0:			/* #DE */
	case 10 ... 13:		/* #TS #NP #SS #GP */
		return CONTRIBUTORY;
	case PF_VECTOR:
		return PAGE_FAULT;
	default:
		return BENIGN;
	}
}

/* The earlier exception a new one may combine with, or NULL. */
static struct vhm_event *earlier(struct vhm_events *ev)
{
	if (ev->exc.kind)
		return &ev->exc;
	return ev->interrupted.kind == VHM_EV_EXC ? &ev->interrupted : NULL;
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
	struct vhm_event *prev = earlier(ev);
	enum exc_class a, b;

	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	if (prev && prev->vector == DF_VECTOR) {
		ev->triple_fault = true;
		return;
	}
	if (prev) {
		a = exc_class(prev->vector);
		b = exc_class(new.vector);
		if ((a == CONTRIBUTORY && b == CONTRIBUTORY) || (a == PAGE_FAULT && b != BENIGN))
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

/* CR2 or DR6 change when the exception is delivered, not when it is raised. */
static void deliver_payload(struct vhm_vcpu *vcpu, struct vhm_event *e)
{
	struct vhm_state *st;

	if (!e->has_payload)
		return;
	e->has_payload = false;
	if (e->vector == PF_VECTOR) {
		vhm_st_write(vcpu, VHM_ST_CR)->cr2 = e->payload;
	} else if (e->vector == DB_VECTOR) {
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
	       !(vhm_ops->blocked(vcpu) & BLOCK_SHADOW);
}

/* The vector that would be delivered now, or -1. */
static int irq_pending(struct vhm_vcpu *vcpu)
{
	return vcpu->lapic ? vhm_irq_pending(vcpu->lapic) : vcpu->ev.user_irq;
}

static int irq_ack(struct vhm_vcpu *vcpu)
{
	int vector = vcpu->ev.user_irq;

	if (vcpu->lapic)
		return vhm_irq_ack(vcpu->lapic);
	vcpu->ev.user_irq = -1;
	return vector;
}

bool vhm_has_event(struct vhm_vcpu *vcpu)
{
	struct vhm_events *ev = &vcpu->ev;
	u32 blocked;

	if (ev->interrupted.kind || ev->exc.kind || ev->triple_fault)
		return true;
	blocked = vhm_ops->blocked(vcpu);
	if ((ev->nmi_pending || atomic_read(&ev->nmi_queued)) && !(blocked & VHM_BLOCK_NMI))
		return true;
	return (vcpu->rflags & X86_EFLAGS_IF) && irq_pending(vcpu) >= 0;
}

/* ---- before an entry ------------------------------------------------------------- */

static void inject_exception(struct vhm_vcpu *vcpu)
{
	struct vhm_event *e = &vcpu->ev.exc;

	deliver_payload(vcpu, e);
	/* faults set RF in the saved image; of the traps only #BP, #OF and #DB do not */
	if (e->vector != DB_VECTOR && e->vector != BP_VECTOR && e->vector != 4)
		vcpu->rflags |= X86_EFLAGS_RF;
	vhm_ops->inject(vcpu, e);
	e->kind = VHM_EV_NONE;
}

/* Step 1 and 2. True when the entry is taken. */
static bool inject_first(struct vhm_vcpu *vcpu)
{
	struct vhm_events *ev = &vcpu->ev;

	if (ev->interrupted.kind) {
		vhm_ops->inject(vcpu, &ev->interrupted);
		ev->interrupted.kind = VHM_EV_NONE;
		if (ev->exc.kind)	/* its turn is the next entry */
			set_bit(VHM_REQ_EVENT, &vcpu->requests);
		return true;
	}
	if (ev->exc.kind) {
		inject_exception(vcpu);
		return true;
	}
	return false;
}

/* Step 3. Returns the window to open. */
static u32 inject_nmi(struct vhm_vcpu *vcpu, u32 blocked, bool *taken)
{
	static const struct vhm_event nmi = { .kind = VHM_EV_NMI, .vector = NMI_VECTOR_NR };
	struct vhm_events *ev = &vcpu->ev;

	fold_nmis(ev, blocked);
	if (ev->nmi_pending && !*taken && !blocked) {
		ev->nmi_pending--;
		vhm_ops->inject(vcpu, &nmi);
		*taken = true;
	}
	return ev->nmi_pending ? VHM_WINDOW_NMI : 0;
}

/* A VMM with its own interrupt controllers wants to know when one may go in. */
static bool user_waits(struct vhm_vcpu *vcpu)
{
	return !vcpu->lapic && vcpu->run->request_interrupt_window;
}

/* Step 4. Returns the window to open. */
static u32 inject_irq(struct vhm_vcpu *vcpu, u32 blocked, bool taken)
{
	struct vhm_event e = { .kind = VHM_EV_IRQ };

	if (irq_pending(vcpu) < 0)
		return user_waits(vcpu) ? VHM_WINDOW_IRQ : 0;
	if (taken || !(vcpu->rflags & X86_EFLAGS_IF) || blocked & BLOCK_SHADOW)
		return VHM_WINDOW_IRQ;
	e.vector = irq_ack(vcpu);
	vhm_ops->inject(vcpu, &e);
	return irq_pending(vcpu) < 0 ? 0 : VHM_WINDOW_IRQ;
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
	blocked = vhm_ops->blocked(vcpu);
	windows = inject_nmi(vcpu, blocked, &taken);
	windows |= inject_irq(vcpu, blocked, taken);
	/* what keeps an NMI out may be another thing by now */
	if (windows != vcpu->ev.windows || windows & VHM_WINDOW_NMI) {
		vcpu->ev.windows = windows;
		vhm_ops->open_window(vcpu, windows);
	}
	return VHM_RESUME;
}

/* ---- KVM_GET/SET_VCPU_EVENTS --------------------------------------------------------- */

static bool is_irq(const struct vhm_event *e)
{
	return e->kind == VHM_EV_IRQ || e->kind == VHM_EV_SOFT_IRQ;
}

static bool is_exc(const struct vhm_event *e)
{
	return e->kind == VHM_EV_EXC || e->kind == VHM_EV_SOFT_EXC;
}

int vhm_get_events(struct vhm_vcpu *vcpu, struct kvm_vcpu_events *e)
{
	struct vhm_events *ev = &vcpu->ev;
	u32 blocked = vhm_ops->blocked(vcpu);
	struct vhm_event *x = ev->exc.kind ? &ev->exc : &ev->interrupted;

	*e = (struct kvm_vcpu_events){
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
		.sipi_vector = 0,	/* never reported back, as the ABI says */
	};
	/* without KVM_CAP_EXCEPTION_PAYLOAD a pending exception reads as injected */
	if (is_exc(x)) {
		deliver_payload(vcpu, x);
		e->exception.injected = 1;
		e->exception.nr = x->vector;
		e->exception.has_error_code = x->has_error;
		e->exception.error_code = x->error;
	}
	if (is_irq(&ev->interrupted)) {
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->interrupted.vector;
		e->interrupt.soft = ev->interrupted.kind == VHM_EV_SOFT_IRQ;
	}
	e->interrupt.shadow = (blocked & VHM_BLOCK_SHADOW_STI ? KVM_X86_SHADOW_INT_STI : 0) |
			      (blocked & VHM_BLOCK_SHADOW_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
	fold_nmis(ev, blocked);
	e->nmi.injected = ev->interrupted.kind == VHM_EV_NMI;
	e->nmi.pending = ev->nmi_pending;
	e->nmi.masked = !!(blocked & VHM_BLOCK_NMI);
	return 0;
}

static int events_valid(struct vhm_vcpu *vcpu, const struct kvm_vcpu_events *e)
{
	const u32 flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			  KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM;

	if (e->flags & ~flags)
		return -EINVAL;
	if (e->exception.injected && (e->exception.nr > 31 || e->exception.nr == NMI_VECTOR_NR))
		return -EINVAL;
	/* no SMM: the block may be there, but nothing in it */
	if (e->flags & KVM_VCPUEVENT_VALID_SMM && (e->smi.smm || e->smi.pending))
		return -EINVAL;
	if (e->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR && !vcpu->lapic)
		return -EINVAL;
	return 0;
}

/* Of the three kinds that may be under way only one can be: exception first. */
static struct vhm_event interrupted_of(const struct kvm_vcpu_events *e)
{
	if (e->exception.injected)
		return (struct vhm_event){ .kind = VHM_EV_EXC, .vector = e->exception.nr,
					   .has_error = e->exception.has_error_code,
					   .error = e->exception.error_code };
	if (e->nmi.injected)
		return (struct vhm_event){ .kind = VHM_EV_NMI, .vector = NMI_VECTOR_NR };
	if (e->interrupt.injected)
		return (struct vhm_event){ .kind = e->interrupt.soft ? VHM_EV_SOFT_IRQ : VHM_EV_IRQ,
					   .vector = e->interrupt.nr };
	return (struct vhm_event){};
}

int vhm_set_events(struct vhm_vcpu *vcpu, const struct kvm_vcpu_events *e)
{
	struct vhm_events *ev = &vcpu->ev;
	u32 blocked = vhm_ops->blocked(vcpu);
	int r = events_valid(vcpu, e);

	if (r)
		return r;
	ev->exc.kind = VHM_EV_NONE;
	ev->interrupted = interrupted_of(e);
	if (e->flags & KVM_VCPUEVENT_VALID_NMI_PENDING) {
		atomic_set(&ev->nmi_queued, 0);
		ev->nmi_pending = min_t(u8, e->nmi.pending, 2);
	}
	blocked &= ~VHM_BLOCK_NMI;
	if (e->nmi.masked)
		blocked |= VHM_BLOCK_NMI;
	if (e->flags & KVM_VCPUEVENT_VALID_SHADOW) {
		blocked &= ~BLOCK_SHADOW;
		if (e->interrupt.shadow & KVM_X86_SHADOW_INT_STI)
			blocked |= VHM_BLOCK_SHADOW_STI;
		if (e->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS)
			blocked |= VHM_BLOCK_SHADOW_SS;
	}
	vhm_ops->set_blocked(vcpu, blocked);
	if (e->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR)
		ev->sipi_vector = e->sipi_vector;
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}
