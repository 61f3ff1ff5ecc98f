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

struct svm_features svm_feat __read_mostly;

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

/* CR4 bits a guest may set, and the host feature each one needs. */
static const struct { u64 bits; int feature; } cr4_rows[] = {
	{ X86_CR4_VME | X86_CR4_PVI, X86_FEATURE_VME },
	{ X86_CR4_TSD, X86_FEATURE_TSC },
	{ X86_CR4_DE, X86_FEATURE_DE },
	{ X86_CR4_PSE, X86_FEATURE_PSE },
	{ X86_CR4_PAE, X86_FEATURE_PAE },
	{ X86_CR4_MCE, X86_FEATURE_MCE },
	{ X86_CR4_PGE, X86_FEATURE_PGE },
	{ X86_CR4_OSFXSR, X86_FEATURE_FXSR },
	{ X86_CR4_OSXMMEXCPT, X86_FEATURE_XMM },
	{ X86_CR4_UMIP, X86_FEATURE_UMIP },
	{ X86_CR4_FSGSBASE, X86_FEATURE_FSGSBASE },
	{ X86_CR4_PCIDE, X86_FEATURE_PCID },
	{ X86_CR4_OSXSAVE, X86_FEATURE_OSXSAVE },
	{ X86_CR4_SMEP, X86_FEATURE_SMEP },
	{ X86_CR4_SMAP, X86_FEATURE_SMAP },
};

static u64 guest_cr4(void)
{
	u64 cr4 = X86_CR4_PCE;
	int i;

	for (i = 0; i < ARRAY_SIZE(cr4_rows); i++)
		if (boot_cpu_has(cr4_rows[i].feature))
			cr4 |= cr4_rows[i].bits;
	return cr4;
}

/* Of the host's state components; protection keys and AMX are not for guests yet. */
#define GUEST_XCR0	(XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512)

/* svm_setup_caps - fill svm_feat and vhm_caps. svm_check() has passed. */
void svm_setup_caps(void)
{
	svm_feat = (struct svm_features){
		.n_asids = cpuid_ebx(CPUID_SVM),
		.nrips = boot_cpu_has(X86_FEATURE_NRIPS),
		.decode = boot_cpu_has(X86_FEATURE_DECODEASSISTS),
		.flush_by_asid = boot_cpu_has(X86_FEATURE_FLUSHBYASID),
		.pause_filter = boot_cpu_has(X86_FEATURE_PAUSEFILTER),
		.pause_thresh = boot_cpu_has(X86_FEATURE_PFTHRESHOLD),
		.v_spec_ctrl = boot_cpu_has(X86_FEATURE_V_SPEC_CTRL),
		.spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL),
		.ibpb = boot_cpu_has(X86_FEATURE_IBPB),
		.tsc_aux = boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID),
	};
	vhm_caps = (struct vhm_caps){
		/* second-level tables have four levels */
		.maxphyaddr = min_t(u8, cpuid_eax(0x80000008), 48),
		.max_page_level = boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2,
		.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX,
		.cr4 = guest_cr4(),
		.hypercall = { 0x0f, 0x01, 0xd9 },
	};
	if (boot_cpu_has(X86_FEATURE_FXSR_OPT))
		vhm_caps.efer |= EFER_FFXSR;
	if (boot_cpu_has(X86_FEATURE_OSXSAVE))
		vhm_caps.xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK) & GUEST_XCR0;
}
