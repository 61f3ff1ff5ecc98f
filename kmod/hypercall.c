// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls, numbered as in the KVM hypercall document.
 *
 * Each call but the oldest is there as the CPUID leaf with the features says;
 * the others get a plain "no such call". All is settled inside the section,
 * unless this CPU is to be given to another vCPU: then nothing has been done
 * yet and the slow row does it.
 *
 * Sources: the kernel's "Linux KVM Hypercall".
 */
#include <linux/kvm_para.h>
#include <asm/apicdef.h>

#include "vhm.h"

#define OUTSIDE		LONG_MIN	/* no result yet: to be served outside the section */

/* The vCPU of an APIC id, which is guest-controlled; NULL. */
static struct vhm_vcpu *by_apic_id(struct vhm_vm *vm, u64 id)
{
	struct vhm_vcpu *vcpu;
	int i;

	vhm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->id == id)
			return vcpu;
	return NULL;
}

/* Arguments and result are 32 bits wide outside 64-bit mode. */
static u64 arg(struct vhm_vcpu *vcpu, int reg)
{
	return vhm_is_64bit(vcpu) ? vcpu->gpr[reg] : (u32)vcpu->gpr[reg];
}

/* Two registers of bits, counted from an APIC id; how many took the IPI. */
static long send_ipi(struct vhm_vcpu *vcpu)
{
	u64 bits[] = { arg(vcpu, VHM_RBX), arg(vcpu, VHM_RCX) }, icr = arg(vcpu, VHM_RSI);
	u64 first = (u32)vcpu->gpr[VHM_RDX], i, width = vhm_is_64bit(vcpu) ? 64 : 32;
	long n = 0;

	if (icr & (APIC_DEST_LOGICAL | APIC_DEST_ALLBUT))
		return -KVM_EINVAL;
	if (!vcpu->lapic)
		return -KVM_EOPNOTSUPP;
	for (i = 0; i < 2 * width && first + i < VHM_MAX_VCPUS; i++)
		if (bits[i / width] >> i % width & 1)
			n += vhm_irq_msi(vcpu->vm->irqchip, (first + i) << 12, icr);
	return n;
}

/* Make way for a vCPU that waits for a CPU; with kick its next or present HLT is over. */
static long wake_or_yield(struct vhm_vcpu *vcpu, struct vhm_vcpu *to, bool kick)
{
	bool yield = to && to != vcpu && vhm_may_yield_to(to);

	if (yield && vcpu->in_section >= 0)
		return OUTSIDE;
	if (to && kick) {
		WRITE_ONCE(to->pv.unhalted, true);
		vhm_request(to, VHM_REQ_EVENT);
	}
	if (yield)
		vhm_yield_to(vcpu, to);
	return 0;
}

/* The calls that have a feature bit: the result, or OUTSIDE. */
static noinline long serve(struct vhm_vcpu *vcpu, u64 nr)
{
	static const u8 features[] = {
		[KVM_HC_KICK_CPU] = KVM_FEATURE_PV_UNHALT,
		[KVM_HC_SEND_IPI] = KVM_FEATURE_PV_SEND_IPI,
		[KVM_HC_SCHED_YIELD] = KVM_FEATURE_PV_SCHED_YIELD,
	};
	bool kick = nr == KVM_HC_KICK_CPU;
	u64 id;

	if (!features[nr] || !vhm_pv_has(vcpu, features[nr]))
		return -KVM_ENOSYS;
	if (nr == KVM_HC_SEND_IPI)
		return send_ipi(vcpu);
	id = arg(vcpu, kick ? VHM_RCX : VHM_RBX);
	return wake_or_yield(vcpu, by_apic_id(vcpu->vm, id), kick);
}

/*
 * vhm_hypercall - VMCALL or VMMCALL, with vcpu->exit.insn_len known
 *
 * Section, or process with srcu held. Returns VHM_RESUME, or in a section
 * VHM_SLOW: call it again outside.
 */
int vhm_hypercall(struct vhm_vcpu *vcpu)
{
	bool wide = vhm_is_64bit(vcpu);
	u64 nr = wide ? vcpu->gpr[VHM_RAX] : (u32)vcpu->gpr[VHM_RAX];
	/* a poll is done: the exit itself made the CPU look at its interrupts */
	long ret = nr == KVM_HC_VAPIC_POLL_IRQ ? 0 : -KVM_ENOSYS;

	if (vhm_st(vcpu, VHM_ST_CODE)->cpl)
		ret = -KVM_EPERM;
	else if (nr >= KVM_HC_KICK_CPU && nr <= KVM_HC_SCHED_YIELD)
		ret = serve(vcpu, nr);
	if (unlikely(ret == OUTSIDE))
		return VHM_SLOW;
	vcpu->gpr[VHM_RAX] = wide ? ret : (u32)ret;
	vhm_advance(vcpu, vcpu->exit.insn_len);
	return VHM_RESUME;
}
