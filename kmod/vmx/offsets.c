// SPDX-License-Identifier: GPL-2.0-only
/* Structure offsets for vmenter.S; compiled to assembly and never linked. */
#define COMPILE_OFFSETS

#include <linux/kbuild.h>

#include "vmx/vmx.h"

int main(void);

int main(void)
{
	OFFSET(VCPU_GPR, vmx_vcpu, vcpu.gpr);
	OFFSET(VCPU_SPEC_SWAP, vmx_vcpu, vcpu.cpuregs.spec_swap);
	OFFSET(VCPU_SPEC_GUEST, vmx_vcpu, vcpu.cpuregs.spec_guest);
	OFFSET(VCPU_SPEC_HOST, vmx_vcpu, vcpu.cpuregs.spec_host);
	OFFSET(VMX_LAUNCHED, vmx_vcpu, launched);
	OFFSET(VMX_HOST_RSP, vmx_vcpu, host_rsp);
	return 0;
}
