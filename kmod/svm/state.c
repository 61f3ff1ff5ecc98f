// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest state between struct vhm_state and the VMCB, group by group.
 *
 * What the guest cannot change without an exit (CR4, EFER, DR7 while it is
 * intercepted) is never read back: vcpu->st has it. Segments have one layout
 * on both sides; "unusable" is hv's mark for P clear.
 */
#include <linux/processor.h>
#include <asm/processor-flags.h>

#include "svm/svm.h"

#define HIDDEN_CR0	(X86_CR0_CD | X86_CR0_NW)

/* Plain copies; the groups that hot paths ask for have code of their own. */
static const struct { u8 group; u16 st, vmcb; } rows[] = {
#define ROW(g, f, v)	{ VHM_ST_##g, offsetof(struct vhm_state, f), offsetof(struct vmcb, v) }
	ROW(SYS, star, star), ROW(SYS, lstar, lstar), ROW(SYS, cstar, cstar),
	ROW(SYS, sfmask, sfmask), ROW(SYS, kernel_gs_base, kernel_gs_base),
	ROW(SYS, sysenter_cs, sysenter_cs), ROW(SYS, sysenter_esp, sysenter_esp),
	ROW(SYS, sysenter_eip, sysenter_eip), ROW(SYS, debugctl, debugctl),
	ROW(SYS, pat, g_pat), ROW(DR, dr6, dr6), ROW(TSC, tsc_offset, tsc_offset),
#undef ROW
};

static const struct { u8 nr, vmcb; } other_segs[] = {
	{ VHM_ES, VHM_ES }, { VHM_DS, VHM_DS }, { VHM_FS, VHM_FS }, { VHM_GS, VHM_GS },
	{ VHM_LDTR, VMCB_LDTR }, { VHM_TR, VMCB_TR },
};

static u64 *at(void *base, u16 offset)
{
	return base + offset;
}

static void load_seg(struct vhm_seg *s, const struct vhm_seg *hw)
{
	*s = *hw;
	if (!(s->attr & VHM_SEG_P))
		s->attr |= VHM_SEG_UNUSABLE;
}

static void store_seg(struct vhm_seg *hw, const struct vhm_seg *s)
{
	*hw = *s;
	hw->attr &= s->attr & VHM_SEG_UNUSABLE ? 0xfff & ~VHM_SEG_P : 0xfff;
}

/* CS, SS: the CPU need not keep G, nor SS's D and DPL, as they were loaded. */
static void load_code(struct vhm_state *st, const struct vmcb *vmcb)
{
	struct vhm_seg *cs = &st->seg[VHM_CS], *ss = &st->seg[VHM_SS];

	load_seg(cs, &vmcb->seg[VHM_CS]);
	load_seg(ss, &vmcb->seg[VHM_SS]);
	st->cpl = vmcb->cpl;
	cs->attr = (cs->attr & ~VHM_SEG_G) | (cs->limit > 0xfffff ? VHM_SEG_G : 0);
	if (ss->attr & VHM_SEG_UNUSABLE)
		ss->attr &= ~VHM_SEG_DB;
	ss->attr = (ss->attr & ~VHM_SEG_DPL) | st->cpl << VHM_SEG_DPL_SHIFT;
}

static void load_rest(struct vhm_vcpu *vcpu, struct vmcb *vmcb, u32 groups)
{
	struct vhm_state *st = &vcpu->st;
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (groups & rows[i].group)
			*at(st, rows[i].st) = *at(vmcb, rows[i].vmcb);
	if (groups & VHM_ST_DT) {
		st->gdt = vmcb->seg[VMCB_GDTR];
		st->idt = vmcb->seg[VMCB_IDTR];
	}
	if (groups & VHM_ST_DR && !(vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP))
		st->dr7 = vmcb->dr7;
}

/* svm_state_load - struct vhm_ops->state_load */
void svm_state_load(struct vhm_vcpu *vcpu, u32 groups)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vhm_state *st = &vcpu->st;
	int i;

	if (groups & VHM_ST_CR) {
		st->cr0 = (svm->vmcb.cr0 & ~svm->cr0_forced) | svm->cr0_hidden;
		st->cr2 = svm->vmcb.cr2;
		if (!vhm_caps.shadow)
			st->cr3 = svm->vmcb.cr3;
	}
	if (groups & VHM_ST_CODE)
		load_code(st, &svm->vmcb);
	if (groups & VHM_ST_SEG) {
		for (i = 0; i < ARRAY_SIZE(other_segs); i++)
			load_seg(&st->seg[other_segs[i].nr], &svm->vmcb.seg[other_segs[i].vmcb]);
		st->seg[VHM_TR].attr |= 2;	/* busy, also when the CPU does not say so */
	}
	if (groups & ~(VHM_ST_CR | VHM_ST_CODE | VHM_ST_SEG))
		load_rest(vcpu, &svm->vmcb, groups);
}

/*
 * A machine check with CR4.MCE clear would stop the host's CPU. On shadow tables
 * the guest always runs with PAE, and while it has no paging of its own it must
 * not meet what depends on the user bit.
 */
u64 svm_cr4(const struct vhm_state *st)
{
	u64 cr4 = st->cr4 | X86_CR4_MCE;

	if (vhm_caps.shadow) {
		cr4 |= X86_CR4_PAE;
		if (!(st->cr0 & X86_CR0_PG))
			cr4 &= ~(u64)(X86_CR4_SMEP | X86_CR4_SMAP);
	}
	return cr4;
}

/*
 * The guest sees CR0.CD and NW as it wrote them, the hardware never: host
 * memory stays cached. While they differ CR0 reads and all its writes exit.
 */
static void store_cr(struct svm_vcpu *svm, const struct vhm_state *st)
{
	struct vmcb *vmcb = &svm->vmcb;

	svm->cr0_hidden = st->cr0 & HIDDEN_CR0;
	svm->cr0_forced = vhm_caps.shadow ? (X86_CR0_PG | X86_CR0_WP) & ~st->cr0 : 0;
	svm_update_intercepts(&svm->vcpu);
	vmcb->cr0 = (st->cr0 & ~HIDDEN_CR0) | svm->cr0_forced;
	vmcb->cr2 = st->cr2;
	vmcb->cr4 = svm_cr4(st);
	/*
	 * VMRUN demands SVME; the guest is not shown it. LME does nothing until paging is
	 * on, which exits: until then the hardware has none. (QEMU's TCG, at the exit of
	 * a guest with LME and without PAE, does not load the host's CR0.)
	 */
	vmcb->efer = st->efer | EFER_SVME;
	if (!(st->efer & EFER_LMA))
		vmcb->efer &= ~EFER_LME;
	if (!vhm_caps.shadow) {
		vmcb->cr3 = st->cr3;
		return;
	}
	vmcb->efer |= EFER_NX;	/* the shadow's entries have the bit */
}

/* svm_state_store - struct vhm_ops->state_store */
void svm_state_store(struct vhm_vcpu *vcpu, u32 groups)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vhm_state *st = &vcpu->st;
	struct vmcb *vmcb = &svm->vmcb;
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (groups & rows[i].group)
			*at(vmcb, rows[i].vmcb) = *at(st, rows[i].st);
	if (groups & VHM_ST_CR)
		store_cr(svm, st);
	if (groups & VHM_ST_CODE) {
		store_seg(&vmcb->seg[VHM_CS], &st->seg[VHM_CS]);
		store_seg(&vmcb->seg[VHM_SS], &st->seg[VHM_SS]);
		vmcb->cpl = st->cpl;
	}
	if (groups & VHM_ST_SEG)
		for (i = 0; i < ARRAY_SIZE(other_segs); i++)
			store_seg(&vmcb->seg[other_segs[i].vmcb], &st->seg[other_segs[i].nr]);
	if (groups & VHM_ST_DT) {
		vmcb->seg[VMCB_GDTR] = st->gdt;
		vmcb->seg[VMCB_IDTR] = st->idt;
	}
	if (groups & VHM_ST_DR)
		vmcb->dr7 = vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP ?
			    vcpu->guest_debug_dr7 : st->dr7;
	vmcb->clean = 0;
}
