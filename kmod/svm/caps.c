// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether SVM can be used here, and what it can do.
 *
 * CPUID is asked directly where the kernel may have edited its own copy of
 * the feature bits (newer kernels clear SVM when the firmware disabled it).
 */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/mem_encrypt.h>
#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/processor.h>

#include "host.h"
#include "svm/svm.h"

#define CPUID_EXT	0x80000001
#define EXT_ECX_SVM	BIT(2)
#define CPUID_SVM	0x8000000a
#define SVM_EDX_NP	BIT(0)
#define VM_CR_LOCK	BIT(3)
#define VM_CR_SVMDIS	BIT(4)

u32 svm_n_asids __read_mostly;

/*
 * svm_check - struct vhm_ops->check
 *
 * -ENODEV no SVM in CPUID; -EACCES the firmware disabled it (APM vol. 2,
 * "Enabling SVM"); -EOPNOTSUPP no nested paging, or a host set up in a way
 * that hv's tables do not follow.
 */
int svm_check(void)
{
	u64 vm_cr;

	if (cpuid_eax(0x80000000) < CPUID_SVM || !(cpuid_ecx(CPUID_EXT) & EXT_ECX_SVM)) {
		pr_err("no SVM (AMD-V) in CPUID: this CPU has none, or this is a virtual machine without nested virtualization\n");
		return -ENODEV;
	}
	if (!vhm_rdmsr_safe(MSR_VM_CR, &vm_cr) && vm_cr & VM_CR_SVMDIS) {
		pr_err("SVM is disabled %sin VM_CR by the firmware: enable SVM (AMD-V) in its set-up\n",
		       vm_cr & VM_CR_LOCK ? "and locked " : "");
		return -EACCES;
	}
	if (!(cpuid_edx(CPUID_SVM) & SVM_EDX_NP)) {
		pr_err("SVM without nested paging: hv needs it (a CPU of 2007 or later; in QEMU -cpu ...,+npt)\n");
		return -EOPNOTSUPP;
	}
	if (sme_me_mask) {
		pr_err("host memory encryption (SME) is on: boot the host with mem_encrypt=off\n");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* CR4 bits a guest may set: those of every CPU with SVM, and with a feature of the host. */
#define CR4_ALWAYS	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | \
			 X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | \
			 X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)
static const struct { u32 bit; int feature; } cr4_rows[] = {
	{ X86_CR4_UMIP, X86_FEATURE_UMIP }, { X86_CR4_FSGSBASE, X86_FEATURE_FSGSBASE },
	{ X86_CR4_PCIDE, X86_FEATURE_PCID }, { X86_CR4_OSXSAVE, X86_FEATURE_OSXSAVE },
	{ X86_CR4_SMEP, X86_FEATURE_SMEP }, { X86_CR4_SMAP, X86_FEATURE_SMAP },
};

/* Of the host's state components; protection keys and AMX are not for guests yet. */
#define GUEST_XCR0	(XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512)

/* svm_setup_caps - fill vhm_caps. svm_check() has passed. */
void svm_setup_caps(void)
{
	int i;

	svm_n_asids = cpuid_ebx(CPUID_SVM);
	vhm_caps = (struct vhm_caps){
		/* second-level tables have four levels */
		.maxphyaddr = min_t(u8, cpuid_eax(0x80000008), 48),
		.max_page_level = boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2,
		.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX |
			(boot_cpu_has(X86_FEATURE_FXSR_OPT) ? EFER_FFXSR : 0),
		.cr4 = CR4_ALWAYS,
		.hypercall = { 0x0f, 0x01, 0xd9 },
	};
	for (i = 0; i < ARRAY_SIZE(cr4_rows); i++)
		if (boot_cpu_has(cr4_rows[i].feature))
			vhm_caps.cr4 |= cr4_rows[i].bit;
	if (boot_cpu_has(X86_FEATURE_OSXSAVE))
		vhm_caps.xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK) & GUEST_XCR0;
}
