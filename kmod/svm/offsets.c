// SPDX-License-Identifier: GPL-2.0-only
/* Structure offsets for vmenter.S; compiled to assembly and never linked. */
#define COMPILE_OFFSETS

#include <linux/kbuild.h>

#include "svm/svm.h"

int main(void);

int main(void)
{
	OFFSET(VCPU_GPR, svm_vcpu, vcpu.gpr);
	OFFSET(VCPU_SPEC_SWAP, svm_vcpu, vcpu.cpuregs.spec_swap);
	OFFSET(VCPU_SPEC_GUEST, svm_vcpu, vcpu.cpuregs.spec_guest);
	OFFSET(VCPU_SPEC_HOST, svm_vcpu, vcpu.cpuregs.spec_host);
	OFFSET(SVM_VMCB_PA, svm_vcpu, vmcb_pa);
	OFFSET(SVM_HOST_PA, svm_vcpu, host_pa);
	return 0;
}
