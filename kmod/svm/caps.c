// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether SVM can be used here, and what it can do.
 *
 * CPUID is asked directly where the kernel may have edited its own copy of
 * the feature bits (newer kernels clear SVM when the firmware disabled it).
 */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/mem_encrypt.h>
#include <linux/moduleparam.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>

#include "host.h"
#include "svm/svm.h"

#define CPUID_EXT	0x80000001
#define CPUID_SVM	0x8000000a
enum { EXT_ECX_SVM = BIT(2), SVM_EDX_NP = BIT(0), VM_CR_LOCK = BIT(3), VM_CR_SVMDIS = BIT(4) };

u32 svm_n_asids __read_mostly;

static bool npt = true;
module_param(npt, bool, 0444);
MODULE_PARM_DESC(npt, "AMD: use nested paging where the CPU has it (default on)");

/*
 * svm_check - struct vhm_ops->check
 *
 * -ENODEV no SVM in CPUID; -EACCES the firmware disabled it (APM vol. 2,
 * "Enabling SVM"); -EOPNOTSUPP a host set up in a way that hv's tables do not
 * follow.
 */
int svm_check(void)
{
	u64 vm_cr;

	if (cpuid_eax(0x80000000) < CPUID_SVM || !(cpuid_ecx(CPUID_EXT) & EXT_ECX_SVM))
		return -ENODEV;
	if (!vhm_rdmsr_safe(MSR_VM_CR, &vm_cr) && vm_cr & VM_CR_SVMDIS) {
		pr_err("SVM is disabled %sin VM_CR by the firmware: enable SVM (AMD-V) in its set-up\n",
		       vm_cr & VM_CR_LOCK ? "and locked " : "");
		return -EACCES;
	}
	if (sme_me_mask) {
		pr_err("host memory encryption (SME) is on: boot the host with mem_encrypt=off\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* svm_setup_caps - finish vhm_caps. svm_check() has passed. */
void svm_setup_caps(void)
{
	svm_n_asids = cpuid_ebx(CPUID_SVM);
	vhm_caps.ucode_rev = 0x01000065;
	vhm_caps.max_page_level = boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2;
	vhm_caps.efer |= boot_cpu_has(X86_FEATURE_FXSR_OPT) ? EFER_FFXSR : 0;
	npt = npt && cpuid_edx(CPUID_SVM) & SVM_EDX_NP;
	vhm_caps.shadow = !npt;
	/* a root is of one address space: no tags */
	if (vhm_caps.shadow)
		vhm_caps.cr4 &= ~(u64)X86_CR4_PCIDE;
}
