// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a Linux guest shares with its host beyond the clock: steal time, the
 * preempted flag with its remote TLB flush, and the end of interrupts without
 * an exit.
 *
 * Steal time: a page that says for how long the vCPU's thread waited for a
 * CPU, and whether it is off its CPU now. Another vCPU that finds it so may
 * leave a wish to flush there instead of an interrupt. hv knows of the places at
 * which a thread that is in KVM_RUN usually has its CPU taken away (it has to be
 * rescheduled, or yields) and tells there; where a host preempts it elsewhere the
 * flag is not set, which costs the guest an interrupt. A halted vCPU is not
 * preempted: the guest's scheduler is to see an idle CPU in it. Whoever set the
 * flag sets VHM_REQ_PV after it, and with that set the guest is not entered, so
 * the flag is never seen by the vCPU that it is about, and no wish to flush
 * outlives an entry.
 *
 * PV EOI: with one interrupt in service and none waiting, its end changes
 * nothing that anyone would have to hear of now. A flag in guest memory says so;
 * the guest clears it in place of the write to its APIC. What the APIC holds is
 * out of date from then on, until somebody needs to know: before an event is
 * chosen, at an exit that has to do with the APIC, and at the end of KVM_RUN the
 * flag is taken back, and if it is gone the interrupt is ended here.
 *
 * The addresses are the guest's, the pages may be absent, and whatever is in
 * them is hostile.
 *
 * Sources: the kernel's "KVM-specific MSRs", "KVM CPUID bits", "Linux KVM
 * Hypercall".
 */
#include <linux/kvm_para.h>
#include <linux/sched.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>

#include "vhm.h"

bool vhm_pv_has(struct vhm_vcpu *vcpu, u32 feature)
{
	return !vcpu->pv.enforce || vcpu->pv_features & BIT(feature);
}

void vhm_pv_reset(struct vhm_vcpu *vcpu)
{
	/* the next kernel to run here does not know that the last one shared these pages */
	vcpu->msrs.system_time = vcpu->msrs.steal_time = vcpu->msrs.pv_eoi = 0;
	vcpu->pv_eoi_armed = vcpu->pv.unhalted = false;
}

/* ---- steal time ------------------------------------------------------------ */

static bool steal_on(struct vhm_vcpu *vcpu)
{
	return vcpu->msrs.steal_time & KVM_MSR_ENABLED;
}

static u64 steal_addr(struct vhm_vcpu *vcpu, u32 offset)
{
	return (vcpu->msrs.steal_time & ~(u64)KVM_MSR_ENABLED) + offset;
}

void vhm_pv_begin(struct vhm_vcpu *vcpu)
{
	if (steal_on(vcpu) && (vcpu->pv.steal_task != current ||
			       vcpu->pv.steal_seen != current->sched_info.run_delay))
		set_bit(VHM_REQ_PV, &vcpu->requests);
}

/* A write of one byte; a page outside RAM is the guest's mistake and goes unwritten. */
bool vhm_pv_off_cpu(struct vhm_vcpu *vcpu)
{
	static const u8 off = KVM_VCPU_PREEMPTED;
	int idx;

	/* with the request on, what is there is not read yet and must stay */
	if (!steal_on(vcpu) || test_bit(VHM_REQ_PV, &vcpu->requests))
		return false;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	vhm_gpa_write(vcpu->vm, steal_addr(vcpu, offsetof(struct kvm_steal_time, preempted)),
		      &off, 1);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return true;
}

/* Take the flag back, and do what other vCPUs left there to be done. */
static void back_on_cpu(struct vhm_vcpu *vcpu)
{
	u64 at = steal_addr(vcpu, offsetof(struct kvm_steal_time, preempted)), flags = 0;
	int tries = 4, r;

	do
		r = vhm_gpa_cmpxchg(vcpu->vm, at, &flags, 0, 1);
	while (r > 0 && --tries);
	/* a guest that wins each time only loses its translations */
	if (r || flags & KVM_VCPU_FLUSH_TLB)
		vhm_guest_flush(vcpu);
}

/* Odd version, the time, even version; the time that this thread waited is added. */
static void steal_write(struct vhm_vcpu *vcpu)
{
	u64 now = current->sched_info.run_delay;
	u64 more = vcpu->pv.steal_task == current ? now - vcpu->pv.steal_seen : 0;
	const u64 version_at = steal_addr(vcpu, offsetof(struct kvm_steal_time, version));
	struct vhm_vm *vm = vcpu->vm;
	struct kvm_steal_time s;

	vcpu->pv.steal_task = current;
	vcpu->pv.steal_seen = now;
	if (vhm_gpa_read(vm, steal_addr(vcpu, 0), &s, offsetof(typeof(s), flags)))
		return;
	s.steal += more;
	s.version = (s.version + 1) | 1;
	if (vhm_gpa_write(vm, version_at, &s.version, sizeof(s.version)))
		return;
	smp_wmb();	/* pairs with the guest's read barriers between version and time */
	vhm_gpa_write(vm, steal_addr(vcpu, 0), &s.steal, sizeof(s.steal));
	smp_wmb();	/* as above */
	s.version++;
	vhm_gpa_write(vm, version_at, &s.version, sizeof(s.version));
}

void vhm_pv_update(struct vhm_vcpu *vcpu)
{
	if (steal_on(vcpu)) {
		back_on_cpu(vcpu);
		steal_write(vcpu);
	}
	if (vcpu->pv_eoi_armed)
		vhm_pv_eoi_take(vcpu, false);
}

/* ---- end of interrupt --------------------------------------------------------- */

static int eoi_flag(struct vhm_vcpu *vcpu, u8 *flag, bool write, bool nofault)
{
	return vhm_gpa_access(vcpu->vm, vcpu->msrs.pv_eoi & ~(u64)KVM_MSR_ENABLED, flag, 1,
			      write, nofault);
}

void vhm_pv_eoi_arm(struct vhm_vcpu *vcpu)
{
	struct vhm_lapic *lapic = vcpu->lapic;
	u8 flag = 1;

	/* another one waits or is in service, or the IOAPIC must hear of the end */
	if (READ_ONCE(lapic->irr_pending) || lapic->isr_count != 1 ||
	    test_bit(lapic->isr_top, lapic->chip->ioapic.eoi_vectors))
		return;
	vcpu->pv_eoi_armed = !eoi_flag(vcpu, &flag, true, true);
}

bool vhm_pv_eoi_take(struct vhm_vcpu *vcpu, bool nofault)
{
	u8 flag, none = 0;
	int r = eoi_flag(vcpu, &flag, false, nofault);

	if (!r && flag & 1)
		r = eoi_flag(vcpu, &none, true, nofault);
	if (r && nofault)
		return false;
	vcpu->pv_eoi_armed = false;
	if (!r && !(flag & 1))
		vhm_lapic_eoi(vcpu->lapic);
	if (vhm_irq_pending(vcpu->lapic) != -1)
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return true;
}

/* Sending and arming a timer leave what is in service alone. */
bool vhm_pv_eoi_exit(struct vhm_vcpu *vcpu)
{
	u32 msr = vcpu->gpr[VHM_RCX];

	switch (vcpu->exit.kind) {
	case VHM_X_MSR:
		if (msr == MSR_IA32_TSC_DEADLINE || msr == APIC_BASE_MSR + (APIC_ICR >> 4))
			return true;
		fallthrough;
	case VHM_X_HLT:
	case VHM_X_FAULT:
	case VHM_X_PF:
		return vhm_pv_eoi_take(vcpu, vcpu->in_section >= 0);
	default:
		return true;
	}
}
