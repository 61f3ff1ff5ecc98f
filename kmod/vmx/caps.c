// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether VT-x can be used here, and what it can do.
 *
 * Each group of control bits has a capability MSR that says which bits must be
 * 1 and which may be. hv's needs and wishes are the rows of a table; a need
 * that is not met, and a bit that must be 1 and means work for us that we do
 * not do, are reasons to refuse. Intel SDM vol. 3, appendix A "VMX Capability
 * Reporting Facility".
 */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/moduleparam.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor.h>

#include "host.h"
#include "vmx/vmx.h"

#define CPUID1_ECX_VMX		BIT(5)
#define CR4_FRED		BIT_ULL(32)
#define FEAT_LOCKED		BIT(0)
#define FEAT_VMX_IN_SMX		BIT(1)
#define FEAT_VMX		BIT(2)
#define BASIC_TRUE_CTLS		BIT_ULL(55)

static bool unrestricted = true;
module_param_named(vmx_unrestricted, unrestricted, bool, 0444);
MODULE_PARM_DESC(vmx_unrestricted, "let the CPU run real mode, where it can (default on)");

static bool ept = true;
module_param(ept, bool, 0444);
MODULE_PARM_DESC(ept, "Intel: use extended page tables where the CPU has them (default on)");

struct vmx_config vmx_config __read_mostly;

static const struct {
	const char *name;
	u32 msr, must, want, harmless;
	size_t field;
} rows[] = {
#define ROW(n, nr, m, w, h, f)	{ n, nr, m, w, h, offsetof(struct vmx_config, f) }
	ROW("pin-based", MSR_IA32_VMX_TRUE_PINBASED_CTLS,
	    VMX_PIN_INTR | VMX_PIN_NMI | VMX_PIN_VNMI, 0, VMX_PIN_DEFAULT1, pin),
	ROW("processor-based", MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
	    VMX_PROC_TSC_OFFSET | VMX_PROC_HLT | VMX_PROC_MWAIT | VMX_PROC_RDPMC | VMX_PROC_DR |
	    VMX_PROC_IO | VMX_PROC_MSR_BITMAP | VMX_PROC_MONITOR | VMX_PROC_SECONDARY |
	    VMX_PROC_IRQ_WINDOW | VMX_PROC_NMI_WINDOW | VMX_PROC_CR8_LOAD | VMX_PROC_CR8_STORE |
	    VMX_PROC_INVLPG,
	    VMX_PROC_TPR_SHADOW, VMX_PROC_DEFAULT1, proc),
	ROW("secondary", MSR_IA32_VMX_PROCBASED_CTLS2, 0,
	    VMX_PROC2_EPT | VMX_PROC2_UNRESTRICTED | VMX_PROC2_RDTSCP | VMX_PROC2_VPID |
	    VMX_PROC2_WBINVD | VMX_PROC2_PLE | VMX_PROC2_INVPCID | VMX_PROC2_XSAVES, 0, proc2),
	ROW("exit", MSR_IA32_VMX_TRUE_EXIT_CTLS,
	    VMX_EXIT_SAVE_DEBUG | VMX_EXIT_HOST64, VMX_EXIT_LOAD_PAT | VMX_EXIT_LOAD_EFER,
	    VMX_EXIT_DEFAULT1, exit),
	ROW("entry", MSR_IA32_VMX_TRUE_ENTRY_CTLS,
	    VMX_ENTRY_LOAD_DEBUG | VMX_ENTRY_GUEST64, VMX_ENTRY_LOAD_PAT | VMX_ENTRY_LOAD_EFER,
	    VMX_ENTRY_DEFAULT1, entry),
#undef ROW
};

/* Bits above that are on only at times. */
#define PROC_AT_TIMES	(VMX_PROC_IRQ_WINDOW | VMX_PROC_NMI_WINDOW | VMX_PROC_CR8_LOAD |	\
			 VMX_PROC_CR8_STORE | VMX_PROC_INVLPG)
/* What there is only with extended page tables, or is of no use without. */
#define PROC2_OF_EPT	(VMX_PROC2_EPT | VMX_PROC2_UNRESTRICTED | VMX_PROC2_INVPCID)
#define EPT_NEEDS	(VMX_EPT_WALK4 | VMX_EPT_WB | VMX_EPT_INVEPT)
#define EXIT_LOADS	(VMX_EXIT_LOAD_PAT | VMX_EXIT_LOAD_EFER)
#define ENTRY_LOADS	(VMX_ENTRY_LOAD_PAT | VMX_ENTRY_LOAD_EFER)

static int check_firmware(void)
{
	u64 feat;

	if (vhm_rdmsr_safe(MSR_IA32_FEAT_CTL, &feat)) {
		pr_err("no IA32_FEATURE_CONTROL although CPUID has VT-x: hv does not know this kind of CPU\n");
		return -EACCES;
	}
	if (feat & FEAT_LOCKED && feat & FEAT_VMX)
		return 0;
	if (!(feat & FEAT_LOCKED))
		pr_err("VT-x is not enabled and IA32_FEATURE_CONTROL not locked: neither firmware nor kernel did it; enable VT-x in the firmware's set-up\n");
	else if (feat & FEAT_VMX_IN_SMX)
		pr_err("VT-x is enabled inside SMX (trusted execution) only and locked: enable it outside SMX in the firmware's set-up\n");
	else
		pr_err("VT-x is disabled and locked in IA32_FEATURE_CONTROL by the firmware: enable it in its set-up\n");
	return -EACCES;
}

static int check_row(int i)
{
	u32 missing, forced;
	u64 cap;

	if (vhm_rdmsr_safe(rows[i].msr, &cap))
		cap = 0;
	missing = rows[i].must & ~(u32)(cap >> 32);
	forced = (u32)cap & ~(rows[i].must | rows[i].want | rows[i].harmless);
	if (missing || forced) {
		pr_err("VT-x %s controls: %#x missing, %#x always on: hv cannot work so; a hypervisor below this one that offers less than a CPU?\n",
		       rows[i].name, missing, forced);
		return -EOPNOTSUPP;
	}
	*(u32 *)((void *)&vmx_config + rows[i].field) =
		rows[i].must | (rows[i].want & (u32)(cap >> 32)) | (u32)cap;
	return 0;
}

/* Without extended page tables, or with ept=0, guests run on shadow tables. */
static void choose_paging(void)
{
	u64 cap;

	if (vhm_rdmsr_safe(MSR_IA32_VMX_EPT_VPID_CAP, &cap))
		cap = 0;
	vmx_config.ept_cap = cap;
	vmx_config.invvpid = (cap & VMX_INVVPID_ONE) == VMX_INVVPID_ONE;
	if (~vmx_config.exit & EXIT_LOADS || ~vmx_config.entry & ENTRY_LOADS) {
		vmx_config.exit &= ~EXIT_LOADS;
		vmx_config.entry &= ~ENTRY_LOADS;
		ept = false;
	}
	ept = ept && vmx_config.proc2 & VMX_PROC2_EPT && (cap & EPT_NEEDS) == EPT_NEEDS;
	if (ept)
		return;
	vmx_config.proc |= VMX_PROC_INVLPG;
	vmx_config.proc2 &= ~PROC2_OF_EPT;
	if (!vmx_config.invvpid)
		vmx_config.proc2 &= ~VMX_PROC2_VPID;
}

/*
 * vmx_check - struct vhm_ops->check
 *
 * -ENODEV no VT-x in CPUID; -EACCES the firmware did not enable it; -EOPNOTSUPP
 * controls missing; -EPROTONOSUPPORT a host with FRED. That another hypervisor has VMX on at the
 * moment is no reason: every section looks.
 */
int vmx_check(void)
{
	u64 basic;
	int i, r;

	if (!(cpuid_ecx(1) & CPUID1_ECX_VMX))
		return -ENODEV;
	r = check_firmware();
	if (r)
		return r;
	if (__read_cr4() & CR4_FRED) {
		pr_err("this kernel runs with FRED, under which hv cannot hand on NMIs yet: boot the host with fred=off\n");
		return -EPROTONOSUPPORT;
	}
	basic = vhm_rdmsr(MSR_IA32_VMX_BASIC);
	if (!(basic & BASIC_TRUE_CTLS)) {
		pr_err("VT-x without adjustable default controls: hv needs a CPU of 2010 or later\n");
		return -EOPNOTSUPP;
	}
	vmx_config.revision = basic & 0x7fffffff;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		r = check_row(i);
		if (r)
			return r;
	}
	vmx_config.proc &= ~PROC_AT_TIMES;
	vmx_config.entry &= ~VMX_ENTRY_GUEST64;
	choose_paging();
	if (!unrestricted)
		vmx_config.proc2 &= ~VMX_PROC2_UNRESTRICTED;
	/* what must be 1, but for what unrestricted guest lifts */
	vmx_config.cr0_fixed = vhm_rdmsr(MSR_IA32_VMX_CR0_FIXED0);
	if (vmx_unrestricted())
		vmx_config.cr0_fixed &= ~(u64)(X86_CR0_PE | X86_CR0_PG);
	else	/* with these a walk counts as a write, and the identity map is read-only */
		vmx_config.ept_cap &= ~VMX_EPT_AD;
	vmx_config.cr4_fixed = vhm_rdmsr(MSR_IA32_VMX_CR4_FIXED0);
	vmx_config.cr4_possible = vhm_rdmsr(MSR_IA32_VMX_CR4_FIXED1);
	if (!ept) {	/* shadow tables are PAE's or long mode's */
		vmx_config.cr0_fixed |= X86_CR0_WP;
		vmx_config.cr4_fixed |= X86_CR4_PAE;
	}
	return 0;
}

/* vmx_setup_caps - fill vhm_caps, of which main.c has set the host's part. */
void vmx_setup_caps(void)
{
	vhm_caps.ucode_rev = 1ull << 32;
	vhm_caps.max_page_level = vmx_config.ept_cap & VMX_EPT_1G ? 3 :
				  vmx_config.ept_cap & VMX_EPT_2M ? 2 : 1;
	vhm_caps.shadow = !ept;
	vhm_caps.cr4 &= vmx_config.cr4_possible;
	/* a root is of one address space: no tags */
	if (vhm_caps.shadow)
		vhm_caps.cr4 &= ~(u64)X86_CR4_PCIDE;
	vhm_caps.xsaves &= !!(vmx_config.proc2 & VMX_PROC2_XSAVES);
}
