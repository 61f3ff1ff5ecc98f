// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest state between struct vhm_state and the VMCS, group by group.
 *
 * The VMCS can be reached only in a section, so at its end section_leave fetches
 * whatever the guest may have changed, as it is; it is taken apart when somebody
 * asks. What the guest cannot change without an exit (most of CR0 and CR4, EFER,
 * SYSENTER, PAT) is never read back: vcpu->st has it at all times.
 */
#include <linux/processor.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>

#include "host.h"
#include "vmx/vmx.h"

#define HIDDEN_CR0	(X86_CR0_CD | X86_CR0_NW)
/* Bits the guest changes without an exit. */
#define FREE_CR0	X86_CR0_TS
#define FREE_CR4	(X86_CR4_TSD | X86_CR4_DE | X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR | \
			 X86_CR4_OSXMMEXCPT)

/* On shadow tables hv must see a flush by CR4.PGE. */
static u64 free_cr4(const struct vmx_vcpu *vmx)
{
	return FREE_CR4 & vmx->vcpu.cr4_allowed & ~(vhm_caps.shadow ? (u64)X86_CR4_PGE : 0);
}

#define AR_UNUSABLE	BIT(16)
#define TYPE_BUSY	0x2
#define TYPE_BUSY_TSS	0xb
#define PDPTE_P		BIT_ULL(0)
#define PDPTE_RESERVED	0x1e6ull

/* Plain copies to the VMCS. */
static const struct { u8 group; u16 st, field; } rows[] = {
#define ROW(g, f, v)	{ VHM_ST_##g, offsetof(struct vhm_state, f), VMCS_##v }
	ROW(DT, gdt.base, GUEST_GDTR_BASE), ROW(DT, idt.base, GUEST_IDTR_BASE),
	ROW(SYS, sysenter_cs, GUEST_SYSENTER_CS), ROW(SYS, sysenter_esp, GUEST_SYSENTER_ESP),
	ROW(SYS, sysenter_eip, GUEST_SYSENTER_EIP), ROW(SYS, debugctl, GUEST_DEBUGCTL),
	ROW(TSC, tsc_offset, TSC_OFFSET),
#undef ROW
};

/* ---- to the VMCS ------------------------------------------------------------ */

/* In the VMCS AVL, L, D/B and G stand four bits higher; "unusable" is above them. */
static u32 ar_of(const struct vhm_seg *s)
{
	u32 attr = s->attr & VHM_SEG_P ? s->attr : s->attr | VHM_SEG_UNUSABLE;

	return (attr & 0xff) | (attr & 0x1f00) << 4;
}

/*
 * What the entry checks demand and no other CPU minds: a used segment has been
 * accessed, G agrees with the limit, and TR is busy.
 */
static void store_seg(struct vmx_vcpu *vmx, int nr)
{
	struct vhm_seg seg = vmx->vcpu.st.seg[nr];
	const struct vhm_seg *s = &seg;
	u32 ar;

	if (unlikely(vmx->real & VMX_V86))
		vmx_real_seg(&seg, nr);
	ar = ar_of(s);
	if (s->attr & VHM_SEG_S)
		ar |= 1;
	if (nr == VHM_TR)
		ar |= TYPE_BUSY;
	if (nr == VHM_TR && vmx->vcpu.st.efer & EFER_LMA)
		ar |= TYPE_BUSY_TSS;
	if (nr == VHM_SS && !(vmx->real & VMX_V86))
		ar = (ar & ~VHM_SEG_DPL) | vmx->vcpu.st.cpl << VHM_SEG_DPL_SHIFT;
	if (s->limit > 0xfffff)
		ar |= VHM_SEG_G << 4;
	else if ((s->limit & 0xfff) != 0xfff)
		ar &= ~(VHM_SEG_G << 4);
	vmcs_write(VMCS_GUEST_SEL + 2 * nr, s->sel);
	vmcs_write(VMCS_GUEST_BASE + 2 * nr, s->base);
	vmcs_write(VMCS_GUEST_LIMIT + 2 * nr, s->limit);
	vmcs_write(VMCS_GUEST_AR + 2 * nr, ar);
}

/*
 * The four top entries of PAE paging are part of the guest's state: the CPU
 * reads them only when the guest itself loads CR3. An entry with reserved bits
 * set, which MOV to CR would have refused, counts as not there. False: the
 * table cannot be read now; vcpu->exit says what to bring in.
 */
static bool store_pdptes(struct vhm_vcpu *vcpu)
{
	u64 gpa = vcpu->st.cr3 & 0xffffffe0, pdpte[4] = {};
	int i;

	if (vhm_slot_find(vcpu->vm, gpa >> PAGE_SHIFT) &&
	    vhm_gpa_read_nofault(vcpu->vm, gpa, pdpte, sizeof(pdpte))) {
		vcpu->exit = (struct vhm_exit){
			.kind = VHM_X_FAULT,
			.fault = { .gpa = gpa, .access = VHM_ACC_READ | VHM_ACC_WALK },
		};
		return false;
	}
	for (i = 0; i < 4; i++) {
		if (pdpte[i] & PDPTE_P && (pdpte[i] & PDPTE_RESERVED ||
					   pdpte[i] >> vcpu->maxphyaddr))
			pdpte[i] = 0;
		vmcs_write(VMCS_GUEST_PDPTE + 2 * i, pdpte[i]);
	}
	return true;
}

/*
 * The guest sees CR0.CD and NW as it wrote them; the CPU leaves them alone at
 * entries. CR2 is not in the VMCS: vmx_run() sees to it.
 */
static bool store_cr(struct vmx_vcpu *vmx)
{
	const struct vhm_state *st = &vmx->vcpu.st;
	struct vmx_crs c = {
		/* a machine check with CR4.MCE clear would stop the host's CPU */
		(st->cr0 & ~HIDDEN_CR0) | vmx_config.cr0_fixed, st->cr3,
		st->cr4 | vmx_config.cr4_fixed | X86_CR4_MCE, st->efer,
	};

	if (vhm_caps.shadow)
		c.efer |= EFER_NX;	/* the shadow's entries have the bit */
	else if ((st->cr0 & X86_CR0_PG) && (st->cr4 & X86_CR4_PAE) && !(st->efer & EFER_LMA) &&
		 !store_pdptes(&vmx->vcpu))
		return false;
	if (unlikely(vmx->real))
		vmx_real_cr(vmx, &c);
	vmcs_write_nat(VMCS_CR0_SHADOW, st->cr0);
	vmcs_write_nat(VMCS_GUEST_CR0, c.cr0);
	if (!vhm_caps.shadow)	/* there it is VC_ROOT */
		vmcs_write_nat(VMCS_GUEST_CR3, c.cr3);
	vmcs_write_nat(VMCS_CR4_SHADOW, st->cr4);
	vmcs_write_nat(VMCS_GUEST_CR4, c.cr4);
	vmcs_write_nat(VMCS_CR4_MASK, ~free_cr4(vmx));
	if (vmx_loads_efer_pat())
		vmcs_write64(VMCS_GUEST_EFER, c.efer);
	vmx_change_ctl(vmx, VC_ENTRY, VMX_ENTRY_GUEST64, st->efer & EFER_LMA);
	return true;
}

static void store_dr(struct vmx_vcpu *vmx)
{
	const struct vhm_vcpu *vcpu = &vmx->vcpu;
	bool vmm = vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP;

	vmcs_write_nat(VMCS_GUEST_DR7, vmm ? vcpu->guest_debug_dr7 : vcpu->st.dr7);
	if (vcpu->cpuregs.dr_in && !vmm)
		set_debugreg(vcpu->st.dr6, 6);
}

bool vmx_state_store(struct vmx_vcpu *vmx)
{
	struct vhm_state *st = &vmx->vcpu.st;
	u32 groups;
	int i;

	if (unlikely(!vmx_unrestricted()) && !vmx_real_store(vmx))
		return false;
	groups = vmx->vcpu.st_dirty;
	/* what is not valid in st is newer in the VMCS */
	WARN_ON_ONCE(groups & ~vmx->vcpu.st_valid);
	if (groups & VHM_ST_CR && !store_cr(vmx))
		return false;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (groups & rows[i].group)
			vmcs_write(rows[i].field, *(u64 *)((void *)st + rows[i].st));
	if (groups & VHM_ST_SYS && vmx_loads_efer_pat())
		vmcs_write64(VMCS_GUEST_PAT, st->pat);
	if (groups & VHM_ST_CODE) {
		store_seg(vmx, VHM_CS);
		store_seg(vmx, VHM_SS);
	}
	if (groups & VHM_ST_SEG)
		for (i = 0; i < VHM_NR_SEGS; i++)
			if (i != VHM_CS && i != VHM_SS)
				store_seg(vmx, i);
	if (groups & VHM_ST_DT) {
		vmcs_write32(VMCS_GUEST_GDTR_LIMIT, st->gdt.limit);
		vmcs_write32(VMCS_GUEST_IDTR_LIMIT, st->idt.limit);
	}
	if (groups & VHM_ST_DR)
		store_dr(vmx);
	vmx->vcpu.st_dirty = 0;
	return true;
}

/* ---- from the VMCS ------------------------------------------------------------ */

/* VMREAD into memory. */
static __always_inline void fetch(u64 *to, u64 field)
{
	asm volatile("vmread %1, %0" : "=m" (*to) : "r" (field) : "cc");
}

static __always_inline void fetch_seg(struct vmx_vcpu *vmx, int nr)
{
	fetch(&vmx->raw.seg[nr].sel, VMCS_GUEST_SEL + 2 * nr);
	fetch(&vmx->raw.seg[nr].ar, VMCS_GUEST_AR + 2 * nr);
	fetch(&vmx->raw.seg[nr].limit, VMCS_GUEST_LIMIT + 2 * nr);
	fetch(&vmx->raw.seg[nr].base, VMCS_GUEST_BASE + 2 * nr);
}

/* vmx_state_fetch - copy fields as they are: nothing but instructions that must be */
void vmx_state_fetch(struct vmx_vcpu *vmx, u32 groups)
{
	if (groups & VHM_ST_CR) {
		fetch(&vmx->raw.cr0, VMCS_GUEST_CR0);
		fetch(&vmx->raw.cr3, VMCS_GUEST_CR3);
		fetch(&vmx->raw.cr4, VMCS_GUEST_CR4);
	}
	if (groups & VHM_ST_CODE) {
		fetch_seg(vmx, VHM_CS);
		fetch_seg(vmx, VHM_SS);
	}
	if (groups & VHM_ST_SEG) {
		fetch_seg(vmx, VHM_ES);
		fetch_seg(vmx, VHM_DS);
		fetch_seg(vmx, VHM_FS);
		fetch_seg(vmx, VHM_GS);
		fetch_seg(vmx, VHM_LDTR);
		fetch_seg(vmx, VHM_TR);
	}
	if (groups & VHM_ST_DT) {
		fetch(&vmx->raw.gdt_base, VMCS_GUEST_GDTR_BASE);
		fetch(&vmx->raw.gdt_limit, VMCS_GUEST_GDTR_LIMIT);
		fetch(&vmx->raw.idt_base, VMCS_GUEST_IDTR_BASE);
		fetch(&vmx->raw.idt_limit, VMCS_GUEST_IDTR_LIMIT);
	}
	vmx->fetched |= groups;
}

static void load_seg(struct vmx_vcpu *vmx, int nr)
{
	u64 ar = vmx->raw.seg[nr].ar;

	if (unlikely(vmx->real & VMX_V86)) {
		/* selectors are all that it can change */
		if (nr < VHM_NR_SREG) {
			vmx->vcpu.st.seg[nr].sel = vmx->raw.seg[nr].sel;
			vmx->vcpu.st.seg[nr].base = vmx->raw.seg[nr].sel << 4;
		}
		return;
	}
	vmx->vcpu.st.seg[nr] = (struct vhm_seg){
		.sel = vmx->raw.seg[nr].sel,
		.attr = (ar & 0xff & ~(ar & AR_UNUSABLE ? VHM_SEG_P : 0)) | (ar >> 4 & 0x1f00),
		.limit = vmx->raw.seg[nr].limit,
		.base = vmx->raw.seg[nr].base,
	};
}

static void load_cr(struct vmx_vcpu *vmx)
{
	struct vhm_state *st = &vmx->vcpu.st;
	u64 cr4 = free_cr4(vmx) & ~(vmx->real & VMX_V86 ? X86_CR4_TSD : 0ull);

	st->cr0 = (st->cr0 & ~FREE_CR0) | (vmx->raw.cr0 & FREE_CR0);
	if (likely(!vmx->real && !vhm_caps.shadow))
		st->cr3 = vmx->raw.cr3;
	st->cr4 = (st->cr4 & ~cr4) | (vmx->raw.cr4 & cr4);
}

static void load_dr(struct vmx_vcpu *vmx)
{
	struct vhm_state *st = &vmx->vcpu.st;

	if (!vmx->vcpu.cpuregs.dr_in || vmx->vcpu.guest_debug & KVM_GUESTDBG_USE_HW_BP)
		return;		/* accesses exit */
	st->dr7 = vmcs_read_nat(VMCS_GUEST_DR7);
	get_debugreg(st->dr6, 6);
}

/*
 * vmx_state_load - struct vhm_ops->state_load
 *
 * Outside a section all of it has been fetched, and SYS and DR are valid.
 */
void vmx_state_load(struct vhm_vcpu *vcpu, u32 groups)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct vhm_state *st = &vcpu->st;
	u32 missing = groups & ~vmx->fetched;
	int i;

	if (WARN_ON_ONCE(missing && !vmx->current_here)) {
		vhm_kill(vcpu->vm);
		return;
	}
	vmx_state_fetch(vmx, missing);
	if (groups & VHM_ST_CR)
		load_cr(vmx);
	if (groups & VHM_ST_CODE) {
		load_seg(vmx, VHM_CS);
		load_seg(vmx, VHM_SS);
	}
	if (groups & VHM_ST_SEG)
		for (i = 0; i < VHM_NR_SEGS; i++)
			if (i != VHM_CS && i != VHM_SS)
				load_seg(vmx, i);
	if (groups & VHM_ST_DT) {
		st->gdt.base = vmx->raw.gdt_base;
		st->gdt.limit = vmx->raw.gdt_limit;
		st->idt.base = vmx->raw.idt_base;
		st->idt.limit = vmx->raw.idt_limit;
	}
	if (groups & VHM_ST_SYS)
		st->kernel_gs_base = vhm_rdmsr(MSR_KERNEL_GS_BASE);
	if (groups & VHM_ST_DR)
		load_dr(vmx);
}
