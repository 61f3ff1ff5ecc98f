// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls, numbered as in the KVM hypercall document.
 *
 * None of the calls that change anything is offered yet, so the answer is a
 * plain "no such call", as the CPUID leaf with the features promises. The two
 * that every guest may make harmlessly are answered here.
 */
#include <linux/kvm_para.h>

#include "vhm.h"

/*
 * vhm_hypercall - VMCALL or VMMCALL, with vcpu->exit.insn_len known
 *
 * Section or process. Arguments and result are 32 bits wide outside 64-bit
 * mode. Returns VHM_RESUME.
 */
int vhm_hypercall(struct vhm_vcpu *vcpu)
{
	bool wide = vhm_is_64bit(vcpu);
	u64 nr = wide ? vcpu->gpr[VHM_RAX] : (u32)vcpu->gpr[VHM_RAX];
	/* a poll is done: the exit itself made the CPU look at its interrupts */
	long ret = nr == KVM_HC_VAPIC_POLL_IRQ ? 0 : -KVM_ENOSYS;

	if (vhm_st(vcpu, VHM_ST_CODE)->cpl)
		ret = -KVM_EPERM;
	vcpu->gpr[VHM_RAX] = wide ? ret : (u32)ret;
	vhm_advance(vcpu, vcpu->exit.insn_len);
	return VHM_RESUME;
}
