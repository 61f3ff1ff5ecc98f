// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest state between struct vhm_state and the VMCB, group by group.
 *
 * What the guest cannot change without an exit (CR4, EFER, DR7 while it is
 * intercepted) is never read back: vcpu->st has it. Segment attributes have
 * one layout on both sides; "unusable" is hv's mark for P clear.
 */
#include <linux/processor.h>
#include <asm/processor-flags.h>

#include "svm/svm.h"

#define HIDDEN_CR0	(X86_CR0_CD | X86_CR0_NW)

/* which vmcb segment holds the vhm one */
static const u8 seg_of[VHM_NR_SEGS] = {
	[VHM_ES] = VMCB_ES, [VHM_CS] = VMCB_CS, [VHM_SS] = VMCB_SS,
	[VHM_DS] = VMCB_DS, [VHM_FS] = VMCB_FS, [VHM_GS] = VMCB_GS,
	[VHM_LDTR] = VMCB_LDTR, [VHM_TR] = VMCB_TR,
};
static const u8 data_segs[] = { VHM_ES, VHM_DS, VHM_FS, VHM_GS, VHM_LDTR, VHM_TR };

/* VHM_ST_SYS: plain copies */
static const struct { u16 st, vmcb; } sys[] = {
#define ROW(f)	{ offsetof(struct vhm_state, f), offsetof(struct vmcb, f) }
	ROW(star), ROW(lstar), ROW(cstar), ROW(sfmask), ROW(kernel_gs_base),
	ROW(sysenter_cs), ROW(sysenter_esp), ROW(sysenter_eip), ROW(debugctl),
#undef ROW
	{ offsetof(struct vhm_state, pat), offsetof(struct vmcb, g_pat) },
};

static u64 *at(void *base, u16 offset)
{
	return base + offset;
}

static void load_seg(struct vhm_state *st, const struct vmcb *vmcb, int nr)
{
	const struct vmcb_seg *s = &vmcb->seg[seg_of[nr]];
	u16 attr = s->attr & 0xfff;

	if (!(attr & VHM_SEG_P))
		attr |= VHM_SEG_UNUSABLE;
	st->seg[nr] = (struct vhm_seg){
		.base = s->base, .limit = s->limit, .sel = s->sel, .attr = attr,
	};
}

static void store_seg(const struct vhm_state *st, struct vmcb *vmcb, int nr)
{
	const struct vhm_seg *s = &st->seg[nr];
	u16 attr = s->attr & 0xfff;

	if (s->attr & VHM_SEG_UNUSABLE)
		attr &= ~VHM_SEG_P;
	vmcb->seg[seg_of[nr]] = (struct vmcb_seg){
		.base = s->base, .limit = s->limit, .sel = s->sel, .attr = attr,
	};
}

/* CS, SS: the CPU need not keep G, nor SS's D and DPL, as they were loaded. */
static void load_code(struct vhm_state *st, const struct vmcb *vmcb)
{
	struct vhm_seg *cs = &st->seg[VHM_CS], *ss = &st->seg[VHM_SS];

	load_seg(st, vmcb, VHM_CS);
	load_seg(st, vmcb, VHM_SS);
	st->cpl = vmcb->cpl;
	cs->attr &= ~VHM_SEG_G;
	if (cs->limit > 0xfffff)
		cs->attr |= VHM_SEG_G;
	if (ss->attr & VHM_SEG_UNUSABLE)
		ss->attr &= ~VHM_SEG_DB;
	ss->attr = (ss->attr & ~VHM_SEG_DPL) | st->cpl << VHM_SEG_DPL_SHIFT;
}

static bool vmm_breakpoints(const struct vhm_vcpu *vcpu)
{
	return vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP;
}

/* svm_state_load - struct vhm_ops->state_load */
void svm_state_load(struct vhm_vcpu *vcpu, u32 groups)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vhm_state *st = &vcpu->st;
	struct vmcb *vmcb = svm->vmcb;
	int i;

	if (groups & VHM_ST_CR) {
		st->cr0 = vmcb->cr0 | svm->cr0_hidden;
		st->cr2 = vmcb->cr2;
		st->cr3 = vmcb->cr3;
	}
	if (groups & VHM_ST_CODE)
		load_code(st, vmcb);
	if (groups & VHM_ST_SEG) {
		for (i = 0; i < ARRAY_SIZE(data_segs); i++)
			load_seg(st, vmcb, data_segs[i]);
		st->seg[VHM_TR].attr |= 2;	/* busy, also when the CPU does not say so */
	}
	if (groups & VHM_ST_DT) {
		st->gdt.base = vmcb->seg[VMCB_GDTR].base;
		st->gdt.limit = vmcb->seg[VMCB_GDTR].limit;
		st->idt.base = vmcb->seg[VMCB_IDTR].base;
		st->idt.limit = vmcb->seg[VMCB_IDTR].limit;
	}
	if (groups & VHM_ST_SYS)
		for (i = 0; i < ARRAY_SIZE(sys); i++)
			*at(st, sys[i].st) = *at(vmcb, sys[i].vmcb);
	if (groups & VHM_ST_DR) {
		st->dr6 = vmcb->dr6;
		if (!vmm_breakpoints(vcpu))
			st->dr7 = vmcb->dr7;
	}
}

/*
 * The guest sees CR0.CD and NW as it wrote them, the hardware never: host
 * memory stays cached. While they differ CR0 reads and all its writes exit.
 */
static void store_cr(struct svm_vcpu *svm, const struct vhm_state *st)
{
	struct vmcb *vmcb = svm->vmcb;

	svm->cr0_hidden = st->cr0 & HIDDEN_CR0;
	svm_set_icpt(svm, SVM_ICPT_CR0_READ, svm->cr0_hidden);
	svm_set_icpt(svm, SVM_ICPT_CR0_WRITE, svm->cr0_hidden);
	vmcb->cr0 = st->cr0 & ~HIDDEN_CR0;
	vmcb->cr2 = st->cr2;
	vmcb->cr3 = st->cr3;
	/* a machine check with CR4.MCE clear would stop the host's CPU */
	vmcb->cr4 = st->cr4 | X86_CR4_MCE;
	/* VMRUN demands SVME; the guest is not shown it */
	vmcb->efer = st->efer | EFER_SVME;
	vmcb->clean &= ~(SVM_CLEAN_CR | SVM_CLEAN_CR2);
}

static void store_dt(struct vmcb *vmcb, const struct vhm_state *st)
{
	vmcb->seg[VMCB_GDTR].base = st->gdt.base;
	vmcb->seg[VMCB_GDTR].limit = st->gdt.limit;
	vmcb->seg[VMCB_IDTR].base = st->idt.base;
	vmcb->seg[VMCB_IDTR].limit = st->idt.limit;
	vmcb->clean &= ~SVM_CLEAN_DT;
}

static void store_segs(struct vmcb *vmcb, const struct vhm_state *st)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(data_segs); i++)
		store_seg(st, vmcb, data_segs[i]);
	vmcb->clean &= ~SVM_CLEAN_SEG;
}

static void store_code(struct vmcb *vmcb, const struct vhm_state *st)
{
	store_seg(st, vmcb, VHM_CS);
	store_seg(st, vmcb, VHM_SS);
	vmcb->cpl = st->cpl;
	vmcb->clean &= ~SVM_CLEAN_SEG;
}

static void store_sys(struct vmcb *vmcb, struct vhm_state *st)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(sys); i++)
		*at(vmcb, sys[i].vmcb) = *at(st, sys[i].st);
	vmcb->clean &= ~(SVM_CLEAN_NP | SVM_CLEAN_LBR);
}

/* svm_state_store - struct vhm_ops->state_store */
void svm_state_store(struct vhm_vcpu *vcpu, u32 groups)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vhm_state *st = &vcpu->st;
	struct vmcb *vmcb = svm->vmcb;

	if (groups & VHM_ST_CR)
		store_cr(svm, st);
	if (groups & VHM_ST_CODE)
		store_code(vmcb, st);
	if (groups & VHM_ST_SEG)
		store_segs(vmcb, st);
	if (groups & VHM_ST_DT)
		store_dt(vmcb, st);
	if (groups & VHM_ST_SYS)
		store_sys(vmcb, st);
	if (groups & VHM_ST_DR) {
		vmcb->dr6 = st->dr6;
		vmcb->dr7 = vmm_breakpoints(vcpu) ? vcpu->guest_debug_dr7 : st->dr7;
		vmcb->clean &= ~SVM_CLEAN_DR;
	}
	if (groups & VHM_ST_TSC) {
		vmcb->tsc_offset = st->tsc_offset;
		vmcb->clean &= ~SVM_CLEAN_ICPT;
	}
}
