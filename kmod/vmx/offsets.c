// SPDX-License-Identifier: GPL-2.0-only
/* Structure offsets for vmenter.S; compiled to assembly and never linked. */
#define COMPILE_OFFSETS

#include <linux/kbuild.h>

#include "vmx/vmx.h"

int main(void);

int main(void)
{
	OFFSET(VMX_GPR, vmx_vcpu, vcpu.gpr);
	OFFSET(VMX_LAUNCHED, vmx_vcpu, launched);
	OFFSET(VMX_HOST_RSP, vmx_vcpu, host_rsp);
	OFFSET(VMX_SPEC_SWAP, vmx_vcpu, spec_swap);
	OFFSET(VMX_SPEC_GUEST, vmx_vcpu, spec_guest);
	OFFSET(VMX_SPEC_HOST, vmx_vcpu, spec_host);
	return 0;
}
