// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model-specific registers: one table of rows, in the order of their numbers.
 *
 * A row says where the value lives (guest state, this file's storage, nowhere,
 * or behind a pair of functions), which bits may be written, and who may do it.
 * A write that the row refuses is #GP in the guest and ends KVM_SET_MSRS.
 *
 * Some MSRs of real machines exist here only so that an operating system that
 * looks for them finds nothing special: they read as zero (or as a constant)
 * and ignore writes, as on KVM.
 *
 * Numbers and values are guest- or user-controlled. Rows marked FAST may run
 * inside a section; the others sleep or reach user memory.
 *
 * Sources: Intel SDM vol. 4, "Model-Specific Registers"; AMD64 APM vol. 2,
 * "MSR Cross-Reference", "Memory-Type Range Registers"; AMD's processor
 * programming references for the 0xc001_xxxx ones.
 */
#include <linux/kvm_para.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>

#include "host.h"
#include "msr.h"

#define MAX_MSRS	256	/* entries in one KVM_GET_MSRS or KVM_SET_MSRS */
#define N_VAR_MTRR	8
#define VAR_MTRR_BASE0	0x200
#define N_FIXED_MTRR	11
#define MTRR_CAP	(N_VAR_MTRR | BIT(8) | BIT(10))	/* fixed ranges, write combining */
#define BANK_REGS	4	/* CTL, STATUS, ADDR, MISC */
#define MCE_CAP		(MCG_CTL_P_BIT | MCG_SER_P_BIT)
#define MCG_CTL_P_BIT	BIT_ULL(8)
#define MCG_SER_P_BIT	BIT_ULL(24)
#define HWCR_MC_WREN	BIT_ULL(18)
#define HWCR_IGNORED	(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8))	/* cache and IGNNE quirks */
#define HWCR_KEPT	(HWCR_MC_WREN | BIT_ULL(24))
#define MISC_FIXED	(BIT_ULL(7) | BIT_ULL(11) | BIT_ULL(12)) /* no PMU, BTS, PEBS */
#define UCODE_INTEL	0x100000000ull
#define UCODE_AMD	0x01000065ull

struct vhm_msrs {
	u64 var_mtrr[2 * N_VAR_MTRR];	/* base, mask, base, ... */
	u64 fixed_mtrr[N_FIXED_MTRR];
	u64 def_mtrr;
	u64 misc_enable, ucode_rev, arch_cap, hwcr, de_cfg;
	u64 mcg_cap, mcg_status, mcg_ctl;
	u64 bank[VHM_MCE_BANKS * BANK_REGS];
};

struct msr_row;
typedef int (*get_fn)(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		      bool host);
typedef int (*set_fn)(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		      bool host);

/* row flags */
#define FAST	BIT(0)	/* may be served inside a section */
#define LIST	BIT(1)	/* in KVM_GET_MSR_INDEX_LIST */
#define CANON	BIT(2)	/* holds a linear address */
#define HOSTW	BIT(3)	/* only the VMM may write it */
#define FEATURE	BIT(4)	/* in the feature list, see feature_value() */

struct msr_row {
	u32 first, last;
	get_fn get;
	set_fn set;
	u32 flags;
	u16 off;	/* in struct vhm_state or struct vhm_msrs */
	u16 group;	/* VHM_ST_* */
	u64 arg;	/* writable bits, or the constant */
};

/* ---- values in memory ---------------------------------------------------- */

static u64 *state_at(struct vhm_state *st, const struct msr_row *row)
{
	return (u64 *)((u8 *)st + row->off);
}

static int state_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		     bool host)
{
	*val = *state_at(vhm_st(vcpu, row->group), row);
	return 0;
}

static int state_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		     bool host)
{
	if (row->flags & CANON ? !vhm_canonical(vcpu, val) : !!(val & ~row->arg))
		return 1;
	*state_at(vhm_st_write(vcpu, row->group), row) = val;
	return 0;
}

static u64 *stored(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index)
{
	return (u64 *)((u8 *)vcpu->msrs + row->off) + (index - row->first);
}

static int stored_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		      bool host)
{
	*val = *stored(vcpu, row, index);
	return 0;
}

static int stored_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		      bool host)
{
	if (val & ~row->arg)
		return 1;
	*stored(vcpu, row, index) = val;
	return 0;
}

static int const_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		     bool host)
{
	*val = row->arg;
	return 0;
}

/* Constants take only themselves. */
static int const_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		     bool host)
{
	return val != row->arg;
}

static int same_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		    bool host)
{
	return val != *stored(vcpu, row, index);
}

static int ignore_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		      bool host)
{
	return 0;
}

static int vendor_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		      bool host)
{
	return vhm_ops->msr_get(vcpu, index, val, host);
}

static int vendor_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		      bool host)
{
	return vhm_ops->msr_set(vcpu, index, val, host);
}

/* ---- features of this host that guests are told by MSR ------------------- */

static u64 arch_cap(void)
{
	/* what says "not vulnerable" of the CPU, and holds in a guest as well */
	u64 cap = ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA | ARCH_CAP_SSB_NO |
		  ARCH_CAP_MDS_NO | ARCH_CAP_TAA_NO | ARCH_CAP_SBDR_SSDP_NO |
		  ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO | ARCH_CAP_FB_CLEAR |
		  ARCH_CAP_RRSBA | ARCH_CAP_BHI_NO | ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO;
	u64 host = 0;

	if (!boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES) ||
	    vhm_rdmsr_safe(MSR_IA32_ARCH_CAPABILITIES, &host))
		host = 0;
	cap &= host;
	if (!boot_cpu_has_bug(X86_BUG_CPU_MELTDOWN))
		cap |= ARCH_CAP_RDCL_NO;
	if (!boot_cpu_has_bug(X86_BUG_SPEC_STORE_BYPASS))
		cap |= ARCH_CAP_SSB_NO;
	if (!boot_cpu_has_bug(X86_BUG_MDS))
		cap |= ARCH_CAP_MDS_NO;
	if (!boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT))
		cap |= ARCH_CAP_PSCHANGE_MC_NO;
	return cap;
}

static u64 feature_value(u32 index)
{
	bool amd = boot_cpu_data.x86_vendor == X86_VENDOR_AMD ||
		   boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;

	switch (index) {
	case MSR_IA32_ARCH_CAPABILITIES:
		return arch_cap();
	case MSR_IA32_UCODE_REV:
		return amd ? UCODE_AMD : UCODE_INTEL;
	case MSR_AMD64_DE_CFG:
		return boot_cpu_has(X86_FEATURE_LFENCE_RDTSC) ?
			MSR_AMD64_DE_CFG_LFENCE_SERIALIZE : 0;
	default:
		return 0;	/* PLATFORM_INFO: no CPUID faulting */
	}
}

/* The VMM may take features away; the guest may rewrite what is there. */
static int feature_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		       bool host)
{
	u64 *p = stored(vcpu, row, index);

	if (host ? val & ~feature_value(index) : val != *p)
		return 1;
	*p = val;
	return 0;
}

/* Microcode: any revision the VMM wants to show; guests write 0 before they read. */
static int ucode_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		     bool host)
{
	if (host)
		vcpu->msrs->ucode_rev = val;
	return 0;
}

static int misc_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		    bool host)
{
	u64 *p = &vcpu->msrs->misc_enable;

	if (!host && (val ^ *p) & MISC_FIXED)
		return 1;
	*p = val;
	return 0;
}

static int hwcr_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		    bool host)
{
	val &= ~HWCR_IGNORED;
	if (val & ~HWCR_KEPT)
		return 1;
	vcpu->msrs->hwcr = val;
	return 0;
}

/* ---- memory types -------------------------------------------------------- */

static bool memtype_valid(u8 type, bool pat)
{
	return type < 8 && ((pat ? 0xf3 : 0x73) & BIT(type));	/* UC WC WT WP WB UC- */
}

static bool all_valid(u64 types, bool pat)
{
	int i;

	for (i = 0; i < 8; i++, types >>= 8)
		if (!memtype_valid(types, pat))
			return false;
	return true;
}

static int pat_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		   bool host)
{
	return all_valid(val, true) ? state_set(vcpu, row, index, val, host) : 1;
}

static int var_mtrr_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
			bool host)
{
	u64 beyond = ~(BIT_ULL(vcpu->maxphyaddr) - 1);
	bool mask = index & 1;

	if (val & (beyond | (mask ? 0x7ff : 0xf00)) || (!mask && !memtype_valid(val, false)))
		return 1;
	return stored_set(vcpu, row, index, val, host);
}

static int fixed_mtrr_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
			  bool host)
{
	return all_valid(val, false) ? stored_set(vcpu, row, index, val, host) : 1;
}

static int def_mtrr_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
			bool host)
{
	return memtype_valid(val, false) ? stored_set(vcpu, row, index, val, host) : 1;
}

/* ---- registers with a meaning elsewhere ---------------------------------- */

static int efer_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		    bool host)
{
	return vhm_set_efer(vcpu, val, host);
}

static int apic_base_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
			 bool host)
{
	*val = vhm_apic_base(vcpu);
	return 0;
}

static int apic_base_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
			 bool host)
{
	return !vhm_apic_base_valid(vcpu, val) || vhm_set_apic_base(vcpu, val, host);
}

static int tsc_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		   bool host)
{
	*val = vhm_guest_tsc(vcpu);
	return 0;
}

static int tsc_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		   bool host)
{
	if (host)
		vhm_sync_tsc(vcpu, val);
	else
		vhm_set_guest_tsc(vcpu, val);
	return 0;
}

static int adjust_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		      bool host)
{
	*val = vhm_tsc_adjust(vcpu);
	return 0;
}

static int adjust_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		      bool host)
{
	if (!host && !vhm_guest_has(vcpu, 7, 0, VHM_CPUID_EBX, 1))
		return 1;
	vhm_set_tsc_adjust(vcpu, val, host);
	return 0;
}

/* Without LAPIC or CPUID bit it is no register, but a VMM may save and restore it. */
static int deadline_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
			bool host)
{
	if (!vcpu->lapic && !host)
		return 1;
	*val = vcpu->lapic ? vhm_lapic_tsc_deadline(vcpu->lapic) : 0;
	return 0;
}

static int deadline_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
			bool host)
{
	if (!vcpu->lapic)
		return !host || val;
	vhm_lapic_set_tsc_deadline(vcpu->lapic, val);
	/* a deadline in the past has set its interrupt already */
	if (vhm_irq_pending(vcpu->lapic) != -1)
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}

static int x2apic_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		      bool host)
{
	if (!vcpu->lapic)
		return 1;
	vhm_lapic_set_cr8(vcpu->lapic, vcpu->cr8);
	return !vhm_lapic_msr_read(vcpu->lapic, index, val);
}

static int x2apic_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		      bool host)
{
	struct vhm_lapic *lapic = vcpu->lapic;

	if (!lapic)
		return 1;
	/* the task priority and CR8 are one register */
	vhm_lapic_set_cr8(lapic, vcpu->cr8);
	if (!vhm_lapic_msr_write(lapic, index, val))
		return 1;
	vcpu->cr8 = vhm_lapic_cr8(lapic);
	/* an EOI or a lower priority may have let one through */
	if (vhm_irq_pending(lapic) != -1)
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}

static int pv_clock_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
			bool host)
{
	return vhm_clock_msr_get(vcpu, index, val);
}

static int pv_clock_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
			bool host)
{
	return vhm_clock_msr_set(vcpu, index, val);
}

/* ---- machine check ------------------------------------------------------- */

u64 vhm_mce_cap(void)
{
	return MCE_CAP | VHM_MCE_BANKS;
}

/* vhm_setup_mce - KVM_X86_SETUP_MCE; -EINVAL for no, too many or unknown things */
int vhm_setup_mce(struct vhm_vcpu *vcpu, u64 mcg_cap)
{
	u32 banks = mcg_cap & 0xff, i;

	/* bits 16..23: extended state registers, a number without effect here */
	if (!banks || banks > VHM_MCE_BANKS || mcg_cap & ~(MCE_CAP | 0xff00ffull))
		return -EINVAL;
	vcpu->msrs->mcg_cap = mcg_cap;
	if (mcg_cap & MCG_CTL_P_BIT)
		vcpu->msrs->mcg_ctl = ~0ull;
	for (i = 0; i < banks; i++)
		vcpu->msrs->bank[i * BANK_REGS] = ~0ull;
	return 0;
}

static int mcg_ctl_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		       bool host)
{
	if (!(vcpu->msrs->mcg_cap & MCG_CTL_P_BIT) && !host)
		return 1;
	*val = vcpu->msrs->mcg_ctl;
	return 0;
}

static int mcg_ctl_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		       bool host)
{
	if ((!(vcpu->msrs->mcg_cap & MCG_CTL_P_BIT) && (val || !host)) || (val && ~val))
		return 1;
	vcpu->msrs->mcg_ctl = val;
	return 0;
}

static bool bank_there(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index)
{
	return index - row->first < BANK_REGS * (vcpu->msrs->mcg_cap & 0xff);
}

static int bank_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		    bool host)
{
	return bank_there(vcpu, row, index) ? stored_get(vcpu, row, index, val, host) : 1;
}

/*
 * CTL is all or nothing, but for bits 0 and 10, which systems clear for errata
 * of theirs; STATUS takes only zero from a guest, unless HWCR says otherwise.
 */
static int bank_set(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		    bool host)
{
	u32 reg = (index - row->first) % BANK_REGS;

	if (!bank_there(vcpu, row, index))
		return 1;
	if (reg == 0 && val && ~(val | BIT_ULL(0) | BIT_ULL(10)))
		return 1;
	if (reg == 1 && val && !host && !(vcpu->msrs->hwcr & HWCR_MC_WREN))
		return 1;
	return stored_set(vcpu, row, index, val, host);
}

/* ---- the table ----------------------------------------------------------- */

#define ANY		(~0ull)
#define STATE(nr, field, grp, fl, ok)	\
	{ nr, nr, state_get, state_set, fl, offsetof(struct vhm_state, field), grp, ok }
#define STORE(from, to, field, setter, fl)	\
	{ from, to, stored_get, setter, fl, offsetof(struct vhm_msrs, field), 0, ANY }
#define QUIET(from, to)		{ from, to, const_get, ignore_set }
#define FIXED(nr, val, fl)	{ nr, nr, const_get, const_set, fl, 0, 0, val }
#define VENDOR(nr, fl)		{ nr, nr, vendor_get, vendor_set, fl }

/* Sorted by number: find_row() halves it. */
static const struct msr_row table[] = {
	QUIET(MSR_IA32_P5_MC_ADDR, MSR_IA32_P5_MC_TYPE),
	{ MSR_IA32_TSC, MSR_IA32_TSC, tsc_get, tsc_set, LIST },
	{ MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, pv_clock_get, pv_clock_set, LIST },
	QUIET(MSR_IA32_PLATFORM_ID, MSR_IA32_PLATFORM_ID),
	{ MSR_IA32_APICBASE, MSR_IA32_APICBASE, apic_base_get, apic_base_set },
	QUIET(MSR_IA32_EBL_CR_POWERON, MSR_IA32_EBL_CR_POWERON),
	{ MSR_IA32_TSC_ADJUST, MSR_IA32_TSC_ADJUST, adjust_get, adjust_set, LIST },
	VENDOR(MSR_IA32_SPEC_CTRL, LIST | FAST),
	VENDOR(MSR_IA32_PRED_CMD, FAST),
	QUIET(MSR_IA32_UCODE_WRITE, MSR_IA32_UCODE_WRITE),
	STORE(MSR_IA32_UCODE_REV, MSR_IA32_UCODE_REV, ucode_rev, ucode_set, LIST | FEATURE),
	FIXED(MSR_PLATFORM_INFO, 0, LIST | FEATURE),
	{ MSR_MTRRcap, MSR_MTRRcap, const_get, const_set, 0, 0, 0, MTRR_CAP },
	STORE(MSR_IA32_ARCH_CAPABILITIES, MSR_IA32_ARCH_CAPABILITIES, arch_cap, feature_set,
	      LIST | FEATURE | HOSTW),
	FIXED(MSR_MISC_FEATURES_ENABLES, 0, LIST),
	STATE(MSR_IA32_SYSENTER_CS, sysenter_cs, VHM_ST_SYS, LIST, ANY),
	STATE(MSR_IA32_SYSENTER_ESP, sysenter_esp, VHM_ST_SYS, LIST | CANON, 0),
	STATE(MSR_IA32_SYSENTER_EIP, sysenter_eip, VHM_ST_SYS, LIST | CANON, 0),
	STORE(MSR_IA32_MCG_CAP, MSR_IA32_MCG_CAP, mcg_cap, same_set, HOSTW),
	STORE(MSR_IA32_MCG_STATUS, MSR_IA32_MCG_STATUS, mcg_status, stored_set, LIST),
	{ MSR_IA32_MCG_CTL, MSR_IA32_MCG_CTL, mcg_ctl_get, mcg_ctl_set, LIST },
	QUIET(MSR_IA32_PERF_CTL, MSR_IA32_PERF_CTL),
	STORE(MSR_IA32_MISC_ENABLE, MSR_IA32_MISC_ENABLE, misc_enable, misc_set, LIST),
	STATE(MSR_IA32_DEBUGCTLMSR, debugctl, VHM_ST_SYS, LIST, 0x3),
	QUIET(MSR_IA32_LASTBRANCHFROMIP, MSR_IA32_LASTINTTOIP),
	STORE(VAR_MTRR_BASE0, VAR_MTRR_BASE0 + 2 * N_VAR_MTRR - 1, var_mtrr, var_mtrr_set, LIST),
	STORE(MSR_MTRRfix64K_00000, MSR_MTRRfix64K_00000, fixed_mtrr[0], fixed_mtrr_set, LIST),
	STORE(MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000, fixed_mtrr[1], fixed_mtrr_set, LIST),
	STORE(MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_F8000, fixed_mtrr[3], fixed_mtrr_set, LIST),
	{ MSR_IA32_CR_PAT, MSR_IA32_CR_PAT, state_get, pat_set, LIST,
	  offsetof(struct vhm_state, pat), VHM_ST_SYS, ANY },
	{ MSR_MTRRdefType, MSR_MTRRdefType, stored_get, def_mtrr_set, LIST,
	  offsetof(struct vhm_msrs, def_mtrr), 0, 0xcff },
	{ MSR_IA32_MC0_CTL, MSR_IA32_MCx_MISC(VHM_MCE_BANKS - 1), bank_get, bank_set, 0,
	  offsetof(struct vhm_msrs, bank), 0, ANY },
	{ MSR_IA32_TSC_DEADLINE, MSR_IA32_TSC_DEADLINE, deadline_get, deadline_set, LIST | FAST },
	{ 0x800, 0x8ff, x2apic_get, x2apic_set, FAST },
	{ MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW, pv_clock_get, pv_clock_set, LIST },
	{ MSR_EFER, MSR_EFER, state_get, efer_set, 0, offsetof(struct vhm_state, efer), VHM_ST_CR },
	STATE(MSR_STAR, star, VHM_ST_SYS, LIST, ANY),
	STATE(MSR_LSTAR, lstar, VHM_ST_SYS, LIST | CANON, 0),
	STATE(MSR_CSTAR, cstar, VHM_ST_SYS, LIST | CANON, 0),
	STATE(MSR_SYSCALL_MASK, sfmask, VHM_ST_SYS, LIST, 0xffffffff),
	STATE(MSR_FS_BASE, seg[VHM_FS].base, VHM_ST_SEG, CANON, 0),
	STATE(MSR_GS_BASE, seg[VHM_GS].base, VHM_ST_SEG, CANON, 0),
	STATE(MSR_KERNEL_GS_BASE, kernel_gs_base, VHM_ST_SYS, LIST | CANON, 0),
	VENDOR(MSR_TSC_AUX, LIST | FAST),
	QUIET(MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3),
	QUIET(MSR_AMD64_SYSCFG, MSR_AMD64_SYSCFG),
	STORE(MSR_K7_HWCR, MSR_K7_HWCR, hwcr, hwcr_set, LIST),
	QUIET(MSR_AMD64_NB_CFG, MSR_AMD64_NB_CFG),
	QUIET(MSR_AMD64_PATCH_LOADER, MSR_AMD64_PATCH_LOADER),
	QUIET(MSR_K8_INT_PENDING_MSG, MSR_K8_INT_PENDING_MSG),
	QUIET(MSR_FAM10H_MMIO_CONF_BASE, MSR_FAM10H_MMIO_CONF_BASE),
	QUIET(MSR_K8_TSEG_ADDR, MSR_K8_TSEG_MASK),
	QUIET(MSR_VM_HSAVE_PA, MSR_VM_HSAVE_PA),
	QUIET(MSR_AMD64_DC_CFG, MSR_AMD64_DC_CFG),
	QUIET(MSR_AMD64_TW_CFG, MSR_AMD64_TW_CFG),
	STORE(MSR_AMD64_DE_CFG, MSR_AMD64_DE_CFG, de_cfg, feature_set, LIST | FEATURE),
	QUIET(MSR_AMD64_BU_CFG2, MSR_AMD64_BU_CFG2),
	QUIET(MSR_F15H_EX_CFG, MSR_F15H_EX_CFG),
};

static const struct msr_row *find_row(u32 index)
{
	const struct msr_row *lo = table, *hi = table + ARRAY_SIZE(table), *mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (index < mid->first)
			hi = mid;
		else if (index > mid->last)
			lo = mid + 1;
		else
			return mid;
	}
	return NULL;
}

int vhm_msr_get(struct vhm_vcpu *vcpu, u32 index, u64 *val, bool host)
{
	const struct msr_row *row = find_row(index);

	return row ? row->get(vcpu, row, index, val, host) : 1;
}

int vhm_msr_set(struct vhm_vcpu *vcpu, u32 index, u64 val, bool host)
{
	const struct msr_row *row = find_row(index);

	if (!row || (row->flags & HOSTW && !host))
		return 1;
	return row->set(vcpu, row, index, val, host);
}

bool vhm_msr_is_fast(u32 index)
{
	const struct msr_row *row = find_row(index);

	return row && row->flags & FAST;
}

/* ---- life ---------------------------------------------------------------- */

int vhm_msrs_alloc(struct vhm_vcpu *vcpu)
{
	vcpu->msrs = kzalloc(sizeof(*vcpu->msrs), GFP_KERNEL_ACCOUNT);
	return vcpu->msrs ? 0 : -ENOMEM;
}

void vhm_msrs_free(struct vhm_vcpu *vcpu)
{
	kfree(vcpu->msrs);
	vcpu->msrs = NULL;
}

/* INIT leaves them alone, all of them. */
void vhm_msrs_reset(struct vhm_vcpu *vcpu, bool init)
{
	if (init)
		return;
	*vcpu->msrs = (struct vhm_msrs){
		.misc_enable = BIT_ULL(11) | BIT_ULL(12),
		.ucode_rev = feature_value(MSR_IA32_UCODE_REV),
		.arch_cap = feature_value(MSR_IA32_ARCH_CAPABILITIES),
		.de_cfg = feature_value(MSR_AMD64_DE_CFG),
		.mcg_cap = VHM_MCE_BANKS,
	};
}

/* ---- KVM_GET_MSRS, KVM_SET_MSRS and the lists ---------------------------- */

/* The caller kfree()s what comes back. -EFAULT, -E2BIG, -ENOMEM. */
static struct kvm_msr_entry *copy_entries(struct kvm_msrs __user *u, u32 *n)
{
	if (get_user(*n, &u->nmsrs))
		return ERR_PTR(-EFAULT);
	if (*n >= MAX_MSRS)
		return ERR_PTR(-E2BIG);
	return *n ? memdup_user(u->entries, *n * sizeof(struct kvm_msr_entry)) : NULL;
}

/* Give back as many values as were read; their count, or -EFAULT. */
static int return_entries(struct kvm_msrs __user *u, const struct kvm_msr_entry *e, u32 n)
{
	return n && copy_to_user(u->entries, e, n * sizeof(*e)) ? -EFAULT : n;
}

int vhm_get_msrs(struct vhm_vcpu *vcpu, struct kvm_msrs __user *u)
{
	u32 n, i;
	u64 val;
	struct kvm_msr_entry *e = copy_entries(u, &n);
	int r;

	if (IS_ERR(e))
		return PTR_ERR(e);
	for (i = 0; i < n && !vhm_msr_get(vcpu, e[i].index, &val, true); i++)
		e[i].data = val;
	r = return_entries(u, e, i);
	kfree(e);
	return r;
}

int vhm_set_msrs(struct vhm_vcpu *vcpu, struct kvm_msrs __user *u)
{
	u32 n, i;
	struct kvm_msr_entry *e = copy_entries(u, &n);

	if (IS_ERR(e))
		return PTR_ERR(e);
	for (i = 0; i < n; i++)
		if (vhm_msr_set(vcpu, e[i].index, e[i].data, true))
			break;
	kfree(e);
	return i;
}

int vhm_get_feature_msrs(struct kvm_msrs __user *u)
{
	u32 n, i;
	struct kvm_msr_entry *e = copy_entries(u, &n);
	const struct msr_row *row;
	int r;

	if (IS_ERR(e))
		return PTR_ERR(e);
	for (i = 0; i < n; i++) {
		row = find_row(e[i].index);
		if (!row || !(row->flags & FEATURE))
			break;
		e[i].data = feature_value(e[i].index);
	}
	r = return_entries(u, e, i);
	kfree(e);
	return r;
}

/* Some rows exist only where the CPU has the thing. */
static bool row_listed(const struct msr_row *row, u32 flag)
{
	if (!(row->flags & flag))
		return false;
	switch (row->first) {
	case MSR_IA32_SPEC_CTRL:
		return boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL);
	case MSR_TSC_AUX:
		return boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID);
	}
	return true;
}

/*
 * vhm_msr_list - KVM_GET_MSR_INDEX_LIST and KVM_GET_MSR_FEATURE_INDEX_LIST
 *
 * Process context. -E2BIG when the list is longer than u has room for (the
 * length is stored all the same), -EFAULT.
 */
int vhm_msr_list(struct kvm_msr_list __user *u, bool feature)
{
	const u32 flag = feature ? FEATURE : LIST;
	const struct msr_row *row;
	u32 room, n = 0, i;

	if (get_user(room, &u->nmsrs))
		return -EFAULT;
	for (row = table; row < table + ARRAY_SIZE(table); row++) {
		if (!row_listed(row, flag))
			continue;
		for (i = row->first; i <= row->last; i++, n++)
			if (n < room && put_user(i, &u->indices[n]))
				return -EFAULT;
	}
	if (put_user(n, &u->nmsrs))
		return -EFAULT;
	return n > room ? -E2BIG : 0;
}
