// SPDX-License-Identifier: GPL-2.0-only
/* Structure offsets for vmenter.S; compiled to assembly and never linked. */
#define COMPILE_OFFSETS

#include <linux/kbuild.h>

#include "svm/svm.h"

int main(void);

int main(void)
{
	OFFSET(SVM_GPR, svm_vcpu, vcpu.gpr);
	OFFSET(SVM_VMCB_PA, svm_vcpu, vmcb_pa);
	OFFSET(SVM_HOST_PA, svm_vcpu, host_pa);
	OFFSET(SVM_SPEC_SWAP, svm_vcpu, spec_swap);
	OFFSET(SVM_SPEC_GUEST, svm_vcpu, spec_guest);
	OFFSET(SVM_SPEC_HOST, svm_vcpu, spec_host);
	return 0;
}
