// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model-specific registers: one table of rows, in the order of their numbers.
 *
 * A row says where the value lives (guest state, this file's storage, nowhere),
 * which bits may be written, who may do it, and of what kind the register is:
 * most need no more; what the others do stands at their kind in row_get(),
 * acceptable() and vhm_msr_set(). A write that is refused is #GP in the guest
 * and ends KVM_SET_MSRS.
 *
 * Some MSRs of real machines exist here only so that an operating system that
 * looks for them finds nothing special: they read as zero (or as a constant)
 * and ignore writes, as on KVM.
 *
 * Numbers and values are guest- or user-controlled. Those that vhm_msr_is_fast()
 * names may run inside a section; the others sleep or reach user memory.
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
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "cpuregs.h"
#include "msr.h"

#define VAR_MTRR_BASE0	0x200
#define MTRR_CAP	(VHM_N_VAR_MTRR | BIT(8) | BIT(10))	/* fixed ranges, write combining */
#define MTRR_TYPES	0x73	/* bit per memory type: UC WC WT WP WB */
#define PAT_TYPES	0xf3	/* and UC- */
#define MCG_CTL_P_BIT	BIT_ULL(8)
/* by the numbers that they have on the CPUs with these MSRs; their tables name a vendor */
#define MSR_HWCR		0xc0010015
#define MSR_DE_CFG		0xc0011029
#define HWCR_MC_WREN	BIT_ULL(18)
#define HWCR_IGNORED	(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8))	/* cache and IGNNE quirks */
#define HWCR_KEPT	(HWCR_MC_WREN | BIT_ULL(24))
#define MISC_FIXED	(BIT_ULL(7) | BIT_ULL(11) | BIT_ULL(12)) /* no PMU, BTS, PEBS */

/*
 * PLAIN keeps what is written; QUIET is a constant that ignores writes, FIXED
 * one that takes only itself, SAME takes only what is there; CPUREG is
 * cpuregs.c's; CANON holds a linear address. The others are each one of its kind.
 */
enum msr_kind {
	PLAIN, QUIET, FIXED, SAME, CPUREG, CANON, PAT, MTRR_VAR, MTRR_FIX, MTRR_DEF,
	HOST_BITS, UCODE, MISC, HWCR, MCG_CTL, BANK, EFER, TSC, TSC_ADJUST, APICBASE,
	DEADLINE, WALL_CLOCK, SYSTEM_TIME, STEAL_TIME, XSS,
};

/* row flags */
#define LIST	BIT(0)	/* in KVM_GET_MSR_INDEX_LIST */
#define HOSTW	BIT(1)	/* only the VMM may write it */
#define FEATURE	BIT(2)	/* in the feature list, see feature_value() */

struct msr_row {
	u32 first, last;
	u8 kind, flags;	/* enum msr_kind, bits above */
	u8 group;	/* VHM_ST_* when it lives in struct vhm_state, else 0: struct vhm_msrs */
	u8 pv;		/* not 0: only with KVM_FEATURE_* of this number less 1 */
	u16 off;	/* where in it */
	u64 arg;	/* QUIET, FIXED: the value; else bits that must be zero */
};

#define RANGE(from, to, kind, fl, field, ...)	\
	{ from, to, kind, fl, 0, 0, offsetof(struct vhm_msrs, field), ##__VA_ARGS__ }
#define STORE(nr, kind, fl, field, ...)	RANGE(nr, nr, kind, fl, field, ##__VA_ARGS__)
#define STATE(nr, kind, fl, grp, field, ...)	\
	{ nr, nr, kind, fl, grp, 0, offsetof(struct vhm_state, field), ##__VA_ARGS__ }
#define OTHER(nr, kind, fl)	{ nr, nr, kind, fl }
#define CONST(nr, kind, fl, val)	{ nr, nr, kind, fl, 0, 0, 0, val }
#define PV(nr, kind, feature, field, ...)	\
	{ nr, nr, kind, LIST, 0, KVM_FEATURE_##feature + 1, offsetof(struct vhm_msrs, field), \
	  ##__VA_ARGS__ }
#define ZEROS(from, to)		{ from, to, QUIET }
#define ZERO(nr)		ZEROS(nr, nr)

/* Sorted by number: find_row() halves it. The LAPIC's are not in it: is_x2apic(). */
static const struct msr_row table[] = {
	ZEROS(MSR_IA32_P5_MC_ADDR, MSR_IA32_P5_MC_TYPE),
	OTHER(MSR_IA32_TSC, TSC, LIST),
	PV(MSR_KVM_WALL_CLOCK, WALL_CLOCK, CLOCKSOURCE, wall_clock),
	PV(MSR_KVM_SYSTEM_TIME, SYSTEM_TIME, CLOCKSOURCE, system_time),
	ZERO(MSR_IA32_PLATFORM_ID), OTHER(MSR_IA32_APICBASE, APICBASE, 0),
	ZERO(MSR_IA32_EBL_CR_POWERON), STORE(MSR_IA32_TSC_ADJUST, TSC_ADJUST, LIST, tsc_adjust),
	OTHER(MSR_IA32_SPEC_CTRL, CPUREG, LIST), OTHER(MSR_IA32_PRED_CMD, CPUREG, 0),
	ZERO(MSR_IA32_UCODE_WRITE),
	STORE(MSR_IA32_UCODE_REV, UCODE, LIST | FEATURE, ucode_rev),
	CONST(MSR_PLATFORM_INFO, FIXED, LIST | FEATURE, 0),
	CONST(MSR_MTRRcap, FIXED, 0, MTRR_CAP),
	STORE(MSR_IA32_ARCH_CAPABILITIES, HOST_BITS, LIST | FEATURE | HOSTW, arch_cap),
	CONST(MSR_MISC_FEATURES_ENABLES, FIXED, LIST, 0),
	STATE(MSR_IA32_SYSENTER_CS, PLAIN, LIST, VHM_ST_SYS, sysenter_cs),
	STATE(MSR_IA32_SYSENTER_ESP, CANON, LIST, VHM_ST_SYS, sysenter_esp),
	STATE(MSR_IA32_SYSENTER_EIP, CANON, LIST, VHM_ST_SYS, sysenter_eip),
	STORE(MSR_IA32_MCG_CAP, SAME, HOSTW, mcg_cap),
	STORE(MSR_IA32_MCG_STATUS, PLAIN, LIST, mcg_status),
	STORE(MSR_IA32_MCG_CTL, MCG_CTL, LIST, mcg_ctl),
	ZERO(MSR_IA32_PERF_CTL),
	STORE(MSR_IA32_MISC_ENABLE, MISC, LIST, misc_enable),
	STATE(MSR_IA32_DEBUGCTLMSR, PLAIN, LIST, VHM_ST_SYS, debugctl, ~0x3ull),
	ZEROS(MSR_IA32_LASTBRANCHFROMIP, MSR_IA32_LASTINTTOIP),
	RANGE(VAR_MTRR_BASE0, VAR_MTRR_BASE0 + 2 * VHM_N_VAR_MTRR - 1, MTRR_VAR, LIST, var_mtrr),
	STORE(MSR_MTRRfix64K_00000, MTRR_FIX, LIST, fixed_mtrr[0]),
	RANGE(MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000, MTRR_FIX, LIST, fixed_mtrr[1]),
	RANGE(MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_F8000, MTRR_FIX, LIST, fixed_mtrr[3]),
	STATE(MSR_IA32_CR_PAT, PAT, LIST, VHM_ST_SYS, pat),
	STORE(MSR_MTRRdefType, MTRR_DEF, LIST, def_mtrr, ~0xcffull),
	RANGE(MSR_IA32_MC0_CTL, MSR_IA32_MCx_MISC(VHM_MCE_BANKS - 1), BANK, 0, bank),
	OTHER(MSR_IA32_TSC_DEADLINE, DEADLINE, LIST), OTHER(MSR_IA32_XSS, XSS, LIST),
	PV(MSR_KVM_WALL_CLOCK_NEW, WALL_CLOCK, CLOCKSOURCE2, wall_clock),
	PV(MSR_KVM_SYSTEM_TIME_NEW, SYSTEM_TIME, CLOCKSOURCE2, system_time),
	PV(MSR_KVM_STEAL_TIME, STEAL_TIME, STEAL_TIME, steal_time, KVM_STEAL_RESERVED_MASK),
	PV(MSR_KVM_PV_EOI_EN, PLAIN, PV_EOI, pv_eoi, 0x2),
	PV(MSR_KVM_POLL_CONTROL, PLAIN, POLL_CONTROL, poll_control, ~1ull),
	STATE(MSR_EFER, EFER, 0, VHM_ST_CR, efer),
	STATE(MSR_STAR, PLAIN, LIST, VHM_ST_SYS, star),
	STATE(MSR_LSTAR, CANON, LIST, VHM_ST_SYS, lstar),
	STATE(MSR_CSTAR, CANON, LIST, VHM_ST_SYS, cstar),
	STATE(MSR_SYSCALL_MASK, PLAIN, LIST, VHM_ST_SYS, sfmask, ~0xffffffffull),
	STATE(MSR_FS_BASE, CANON, 0, VHM_ST_SEG, seg[VHM_FS].base),
	STATE(MSR_GS_BASE, CANON, 0, VHM_ST_SEG, seg[VHM_GS].base),
	STATE(MSR_KERNEL_GS_BASE, CANON, LIST, VHM_ST_SYS, kernel_gs_base),
	OTHER(MSR_TSC_AUX, CPUREG, LIST),
	/* performance counters, system configuration */
	ZEROS(0xc0010000, 0xc0010007), ZERO(0xc0010010),
	STORE(MSR_HWCR, HWCR, LIST, hwcr, ~HWCR_KEPT),
	/* north bridge configuration, microcode patch, interrupt pending */
	ZERO(0xc001001f), ZERO(0xc0010020), ZERO(0xc0010055),
	/* configuration space, system management, host save area */
	ZERO(0xc0010058), ZEROS(0xc0010112, 0xc0010113), ZERO(0xc0010117),
	/* configuration of the data cache, table walker, decode, bus, execution */
	ZERO(0xc0011022), ZERO(0xc0011023), STORE(MSR_DE_CFG, HOST_BITS, LIST | FEATURE, de_cfg),
	ZERO(0xc001102a), ZERO(0xc001102c),
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

static u64 *place(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, bool write)
{
	if (!row->group)
		return (void *)&vcpu->msrs + row->off + (index - row->first) * sizeof(u64);
	return (void *)(write ? vhm_st_write(vcpu, row->group) : vhm_st(vcpu, row->group)) +
	       row->off;
}

/* ---- features of this host that guests are told by MSR ------------------- */

/* Not every CPU has ARCH_CAPABILITIES: they follow from what the kernel knows. */
static u64 feature_value(u32 index)
{
	switch (index) {
	case MSR_IA32_ARCH_CAPABILITIES:	/* "not vulnerable" to these */
		return (boot_cpu_has_bug(X86_BUG_CPU_MELTDOWN) ? 0 : ARCH_CAP_RDCL_NO) |
		       (boot_cpu_has_bug(X86_BUG_SPEC_STORE_BYPASS) ? 0 : ARCH_CAP_SSB_NO) |
		       (boot_cpu_has_bug(X86_BUG_MDS) ? 0 : ARCH_CAP_MDS_NO) |
		       (boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) ? 0 : ARCH_CAP_PSCHANGE_MC_NO);
	case MSR_IA32_UCODE_REV:
		return vhm_caps.ucode_rev;
	case MSR_DE_CFG:	/* LFENCE serialises */
		return boot_cpu_has(X86_FEATURE_LFENCE_RDTSC) ? BIT(1) : 0;
	default:
		return 0;	/* PLATFORM_INFO: no CPUID faulting */
	}
}

static int feature_get(u32 index, u64 *val)
{
	const struct msr_row *row = find_row(index);

	*val = feature_value(index);
	return !row || !(row->flags & FEATURE);
}

/* ---- the LAPIC's own ----------------------------------------------------- */

static bool is_x2apic(u32 index)
{
	return index >> 8 == 0x8;
}

static int x2apic_get(struct vhm_vcpu *vcpu, u32 index, u64 *val)
{
	if (!vcpu->lapic)
		return 1;
	/* the task priority and CR8 are one register */
	vhm_lapic_set_cr8(vcpu->lapic, vcpu->cr8);
	return !vhm_lapic_msr_read(vcpu->lapic, index, val);
}

static int lapic_set(struct vhm_vcpu *vcpu, u32 index, u64 val)
{
	struct vhm_lapic *lapic = vcpu->lapic;

	if (!lapic)
		return 1;
	if (index == MSR_IA32_TSC_DEADLINE) {
		vhm_lapic_set_tsc_deadline(lapic, val);
	} else {
		vhm_lapic_set_cr8(lapic, vcpu->cr8);
		if (!vhm_lapic_msr_write(lapic, index, val))
			return 1;
		vcpu->cr8 = vhm_lapic_cr8(lapic);
	}
	/* an EOI, a lower priority or a deadline in the past may have let one through */
	if (vhm_irq_pending(lapic) != -1 ||
	    (unlikely(vcpu->pv_eoi_armed) && READ_ONCE(lapic->irr_pending)))
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}

/* ---- reading and writing ------------------------------------------------- */

static int row_get(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 *val,
		   bool host)
{
	switch (row->kind) {
	case DEADLINE:
		*val = vcpu->lapic ? vhm_lapic_tsc_deadline(vcpu->lapic) : 0;
		return !vcpu->lapic && !host;
	case CPUREG:
		return vhm_cpuregs_get(vcpu, index, val, host);
	case TSC:
		*val = vhm_guest_tsc(vcpu);
		return 0;
	case APICBASE:
		*val = vcpu->apic.base;
		return 0;
	case QUIET:
	case FIXED:
		*val = row->arg;
		return 0;
	case XSS:	/* no supervisor state */
		*val = 0;
		return !host && !vhm_guest_has(vcpu, 0xd, 1, VHM_CPUID_EAX, 3);
	}
	*val = *place(vcpu, row, index, false);
	if (row->kind == BANK)
		return index - row->first >= VHM_BANK_REGS * (vcpu->msrs.mcg_cap & 0xff);
	return row->kind == MCG_CTL && !(vcpu->msrs.mcg_cap & MCG_CTL_P_BIT) && !host;
}

/* As many memory types as there are, one in a byte. */
static bool types_valid(u64 types, int n, u8 known)
{
	for (; n--; types >>= 8)
		if ((u8)types > 7 || !(known & BIT(types & 7)))
			return false;
	return true;
}

/*
 * CTL is all or nothing, but for bits 0 and 10, which systems clear for errata
 * of theirs; STATUS takes only zero from a guest, unless HWCR says otherwise.
 */
static bool bank_takes(struct vhm_vcpu *vcpu, u32 reg, u64 val, bool host)
{
	if (reg % VHM_BANK_REGS == 0)
		return !val || !~(val | BIT_ULL(0) | BIT_ULL(10));
	return reg % VHM_BANK_REGS != 1 || !val || host || vcpu->msrs.hwcr & HWCR_MC_WREN;
}

/* Rules beyond bits that must be zero. @old: what a read gives. */
static bool acceptable(struct vhm_vcpu *vcpu, const struct msr_row *row, u32 index, u64 val,
		       u64 old, bool host)
{
	switch (row->kind) {
	case SAME:
		return val == old;
	case CANON:
		return vhm_canonical(vcpu, val);
	case PAT:
		return types_valid(val, 8, PAT_TYPES);
	case MTRR_FIX:
		return types_valid(val, 8, MTRR_TYPES);
	case MTRR_DEF:
		return types_valid(val, 1, MTRR_TYPES);
	case MTRR_VAR:	/* base, mask, base, ... */
		return !(val >> vcpu->maxphyaddr) && !(val & (index & 1 ? 0x7ff : 0xf00)) &&
		       (index & 1 || types_valid(val, 1, MTRR_TYPES));
	case HOST_BITS:	/* the VMM may take some away, the guest rewrite what is there */
		return host ? !(val & ~feature_value(index)) : val == old;
	case MISC:
		return host || !((val ^ old) & MISC_FIXED);
	case MCG_CTL:
		return !val || (!~val && vcpu->msrs.mcg_cap & MCG_CTL_P_BIT);
	case BANK:
		return bank_takes(vcpu, index - row->first, val, host);
	default:
		return true;
	}
}

static bool row_there(struct vhm_vcpu *vcpu, const struct msr_row *row)
{
	return !row->pv || vhm_pv_has(vcpu, row->pv - 1);
}

int vhm_msr_get(struct vhm_vcpu *vcpu, u32 index, u64 *val, bool host)
{
	const struct msr_row *row;

	if (is_x2apic(index))
		return x2apic_get(vcpu, index, val);
	row = find_row(index);
	if (!row)
		return KVM_MSR_EXIT_REASON_UNKNOWN;
	return row_there(vcpu, row) ? row_get(vcpu, row, index, val, host) : 1;
}

/* Kinds of which a write does more than to store, or does it elsewhere, come first. */
int vhm_msr_set(struct vhm_vcpu *vcpu, u32 index, u64 val, bool host)
{
	const struct msr_row *row;
	u64 old;

	if (is_x2apic(index) || (index == MSR_IA32_TSC_DEADLINE && vcpu->lapic))
		return lapic_set(vcpu, index, val);
	row = find_row(index);
	if (!row)
		return KVM_MSR_EXIT_REASON_UNKNOWN;
	if ((row->flags & HOSTW && !host) || !row_there(vcpu, row))
		return 1;
	switch (row->kind) {
	case DEADLINE:	/* no register without LAPIC, but a VMM may restore its zero */
		return !host || val;
	case CPUREG:
		return vhm_cpuregs_set(vcpu, index, val, host);
	case EFER:
		return vhm_set_efer(vcpu, val, host);
	case APICBASE:
		return vhm_set_apic_base(vcpu, val, host);
	case TSC:
		if (host)
			vhm_sync_tsc(vcpu, val);
		else
			vhm_move_tsc(vcpu, val - vhm_guest_tsc(vcpu));
		return 0;
	case QUIET:
		return 0;
	case FIXED:
		return val != row->arg;
	case XSS:
		return val || row_get(vcpu, row, index, &old, host);
	case UCODE:	/* guests write 0 before they read */
		val = host ? val : vcpu->msrs.ucode_rev;
		break;
	case HWCR:
		val &= ~HWCR_IGNORED;
		break;
	case TSC_ADJUST:
		if (!host && !vhm_guest_has(vcpu, 7, 0, VHM_CPUID_EBX, 1))
			return 1;
		if (!host)
			vhm_move_tsc(vcpu, val - vcpu->msrs.tsc_adjust);
		break;
	case SYSTEM_TIME:
		vhm_request(vcpu, VHM_REQ_CLOCK);
		break;
	case STEAL_TIME:
		vhm_request(vcpu, VHM_REQ_PV);
		break;
	case WALL_CLOCK:
		vhm_write_wall_clock(vcpu->vm, val);
		break;
	}
	if (val & row->arg || row_get(vcpu, row, index, &old, host) ||
	    !acceptable(vcpu, row, index, val, old, host))
		return 1;
	*place(vcpu, row, index, true) = val;
	return 0;
}

bool vhm_msr_is_fast(u32 index)
{
	return is_x2apic(index) || index == MSR_IA32_TSC_DEADLINE || index == MSR_TSC_AUX ||
	       index == MSR_IA32_SPEC_CTRL || index == MSR_IA32_PRED_CMD;
}

/* ---- machine check ------------------------------------------------------- */

/* vhm_setup_mce - KVM_X86_SETUP_MCE; -EINVAL for no, too many or unknown things */
int vhm_setup_mce(struct vhm_vcpu *vcpu, u64 mcg_cap)
{
	u32 banks = mcg_cap & 0xff, i;

	/* bits 16..23: extended state registers, a number without effect here */
	if (!banks || banks > VHM_MCE_BANKS || mcg_cap & ~(VHM_MCE_CAP | 0xff00ffull))
		return -EINVAL;
	vcpu->msrs.mcg_cap = mcg_cap;
	if (mcg_cap & MCG_CTL_P_BIT)
		vcpu->msrs.mcg_ctl = ~0ull;
	for (i = 0; i < banks; i++)
		vcpu->msrs.bank[i * VHM_BANK_REGS] = ~0ull;
	return 0;
}

#define MCI_VAL		BIT_ULL(63)
#define MCI_OVER	BIT_ULL(62)
#define MCI_UC		BIT_ULL(61)
#define MCG_MCIP	BIT_ULL(2)

/*
 * vhm_set_mce - KVM_X86_SET_MCE: the VMM reports a machine check in a bank
 *
 * Process context. An error that was corrected, or that no control bit lets
 * through, raises nothing. One that was not overwrites one that was; two of a
 * kind overflow. #MC while another is being handled, or with CR4.MCE clear,
 * shuts down. -EINVAL: no such bank, nothing valid in it. Intel SDM vol. 3,
 * "Machine-Check Architecture", overwrite rules.
 */
int vhm_set_mce(struct vhm_vcpu *vcpu, const struct kvm_x86_mce *m)
{
	struct vhm_msrs *msrs = &vcpu->msrs;
	u64 *bank = msrs->bank + m->bank * VHM_BANK_REGS;
	bool uc = m->status & MCI_UC;

	if (m->bank >= (msrs->mcg_cap & 0xff) || !(m->status & MCI_VAL))
		return -EINVAL;
	if (uc && ((msrs->mcg_cap & MCG_CTL_P_BIT && ~msrs->mcg_ctl) || ~bank[0]))
		return 0;
	if (uc && (msrs->mcg_status & MCG_MCIP ||
		   !(vhm_st(vcpu, VHM_ST_CR)->cr4 & X86_CR4_MCE))) {
		vcpu->ev.triple_fault = true;
		vhm_request(vcpu, VHM_REQ_EVENT);
		return 0;
	}
	if (!uc && bank[1] & MCI_VAL && bank[1] & MCI_UC) {
		bank[1] |= MCI_OVER;
		return 0;
	}
	bank[1] = m->status | (bank[1] & MCI_VAL ? MCI_OVER : 0);
	bank[2] = m->addr;
	bank[3] = m->misc;
	if (uc) {
		msrs->mcg_status = m->mcg_status;
		vhm_raise(vcpu, X86_TRAP_MC);
	}
	return 0;
}

/* ---- life ---------------------------------------------------------------- */

void vhm_msrs_reset(struct vhm_vcpu *vcpu)
{
	vcpu->msrs = (struct vhm_msrs){
		.misc_enable = BIT_ULL(11) | BIT_ULL(12),
		.ucode_rev = feature_value(MSR_IA32_UCODE_REV),
		.arch_cap = feature_value(MSR_IA32_ARCH_CAPABILITIES),
		.de_cfg = feature_value(MSR_DE_CFG),
		.mcg_cap = VHM_MCE_BANKS, .poll_control = 1,
	};
}

/* ---- KVM_GET_MSRS, KVM_SET_MSRS and the lists ---------------------------- */

/* One entry after the other until one is refused. */
int vhm_get_or_set_msrs(struct vhm_vcpu *vcpu, struct kvm_msrs __user *u, bool set)
{
	struct kvm_msr_entry *e;
	u32 n, i;
	int r;

	if (get_user(n, &u->nmsrs))
		return -EFAULT;
	if (n >= 256)	/* as many as KVM takes */
		return -E2BIG;
	e = memdup_user(u->entries, n * sizeof(*e));
	if (IS_ERR(e))
		return PTR_ERR(e);
	for (i = 0; i < n; i++) {
		r = !vcpu ? feature_get(e[i].index, &e[i].data) :
		    set ? vhm_msr_set(vcpu, e[i].index, e[i].data, true) :
			  vhm_msr_get(vcpu, e[i].index, &e[i].data, true);
		if (r)
			break;
	}
	r = !set && copy_to_user(u->entries, e, i * sizeof(*e)) ? -EFAULT : i;
	kfree(e);
	return r;
}

/* Some rows exist only where the CPU has the thing. */
static bool row_listed(const struct msr_row *row, u32 flag)
{
	if (row->first == MSR_IA32_SPEC_CTRL && !boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		return false;
	if (row->first == MSR_TSC_AUX && !boot_cpu_has(X86_FEATURE_RDTSCP) &&
	    !boot_cpu_has(X86_FEATURE_RDPID))
		return false;
	return row->flags & flag;
}

/*
 * vhm_msr_list - KVM_GET_MSR_INDEX_LIST and KVM_GET_MSR_FEATURE_INDEX_LIST
 *
 * Process context. -E2BIG when the list is longer than u has room for (the
 * length is stored all the same), -EFAULT.
 */
int vhm_msr_list(struct kvm_msr_list __user *u, bool feature)
{
	const struct msr_row *row;
	u32 room, n = 0, i;

	if (get_user(room, &u->nmsrs))
		return -EFAULT;
	for (row = table; row < table + ARRAY_SIZE(table); row++) {
		if (!row_listed(row, feature ? FEATURE : LIST))
			continue;
		for (i = row->first; i <= row->last; i++, n++)
			if (n < room && put_user(i, &u->indices[n]))
				return -EFAULT;
	}
	if (put_user(n, &u->nmsrs))
		return -EFAULT;
	return n > room ? -E2BIG : 0;
}
