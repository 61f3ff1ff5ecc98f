// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real mode and unpaged protected mode on CPUs without unrestricted guest.
 *
 * There CR0.PE and CR0.PG must be set in the VMCS. Without paging the guest runs
 * on a table of hv's that maps 4 GiB to themselves, or on shadow tables as ever; its
 * own CR3, CR4 and EFER are kept from the CPU. Real mode is run in virtual-8086 mode
 * with IOPL 0 and neither CR4.VME nor a usable TSS: whatever is privileged, touches a
 * port or the interrupt flag, or is an INT faults, and the core performs it as if at
 * CPL 0. No page of the guest is needed for that. Every exception exits, and no event
 * is injected: the core pushes the frame.
 *
 * What fits neither (real mode with segments that are not 64 KiB at 16 times the
 * selector; protected mode between the write to CR0 and the segment loads) is not
 * entered at all: the core performs instructions until it fits. Intel SDM vol. 3,
 * "Checks on the Guest State Area", "Checks on Guest Segment Registers"; 8086
 * emulation, "Virtual-8086 Mode".
 */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/gfp.h>
#include <asm/pgtable_types.h>
#include <asm/processor-flags.h>

#include "vmx/vmx.h"

/* The groups on which it depends what must be done. */
#define GROUPS		(VHM_ST_CR | VHM_ST_CODE | VHM_ST_SEG)
/* What would forbid the identity map's pages, or make it another format. */
#define CR4_PAGED	(X86_CR4_PAE | X86_CR4_PCIDE | X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE)
#define AR_V86		0xf3	/* data, writable, accessed, DPL 3 */

/* vmx_identity_alloc - the table of 4 MiB pages, the same for all guests. -ENOMEM. */
int vmx_identity_alloc(void)
{
	u32 *table, i;

	if (vmx_unrestricted() || vhm_caps.shadow)
		return 0;
	table = (u32 *)__get_free_page(GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < PAGE_SIZE / 4; i++)
		table[i] = i << 22 | _PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED |
			   _PAGE_DIRTY | _PAGE_PSE;
	vhm_caps.identity_pa = __pa(table);
	return 0;
}

void vmx_identity_free(void)
{
	if (vhm_caps.identity_pa)
		free_page((unsigned long)__va(vhm_caps.identity_pa));
	vhm_caps.identity_pa = 0;
}

/* Real mode as virtual-8086 mode has it: the attributes mean nothing, but for D and B. */
static bool real_fits(const struct vhm_state *st)
{
	int i;

	for (i = 0; i < VHM_NR_SREG; i++)
		if (st->seg[i].base != st->seg[i].sel << 4 || st->seg[i].limit != 0xffff ||
		    st->seg[i].attr & VHM_SEG_DB)
			return false;
	return true;
}

/*
 * Protected mode: what the checks ask for beyond what unrestricted guest lifts. RPL
 * of CS and SS is the CPL, code is code, and no data segment is out of reach.
 */
static bool protected_fits(const struct vhm_state *st)
{
	const struct vhm_seg *cs = &st->seg[VHM_CS], *s;
	int i, dpl = (cs->attr & VHM_SEG_DPL) >> VHM_SEG_DPL_SHIFT;

	if (!(cs->attr & VHM_SEG_CODE) || (cs->sel & 3) != st->cpl ||
	    (st->seg[VHM_SS].sel & 3) != st->cpl ||
	    (cs->attr & 0x4 ? dpl > st->cpl : dpl != st->cpl))
		return false;
	for (i = 0; i < VHM_NR_SREG; i++) {
		s = &st->seg[i];
		if (i == VHM_CS || !(s->attr & VHM_SEG_P) || s->attr & VHM_SEG_UNUSABLE)
			continue;
		if (i == VHM_SS ? (s->attr & (VHM_SEG_CODE | VHM_SEG_RW)) != VHM_SEG_RW :
				  (s->attr & VHM_SEG_CODE && !(s->attr & VHM_SEG_RW)) ||
				  ((s->attr & VHM_SEG_TYPE) < 12 && (s->sel & 3) >
				   (s->attr & VHM_SEG_DPL) >> VHM_SEG_DPL_SHIFT))
			return false;
	}
	return true;
}

/*
 * vmx_real_store - decide how the state that is about to be stored can be run
 *
 * True: vmx->real says how. False: vcpu->exit asks the core to stand in.
 */
bool vmx_real_store(struct vmx_vcpu *vmx)
{
	struct vhm_vcpu *vcpu = &vmx->vcpu;
	const struct vhm_state *st;
	u8 real;

	if (!(vcpu->st_dirty & GROUPS))
		return true;
	st = vhm_st(vcpu, GROUPS);
	real = (st->cr0 & X86_CR0_PG ? 0 : VMX_UNPAGED) | (st->cr0 & X86_CR0_PE ? 0 : VMX_V86);
	if (real & VMX_V86 ? vmx->ctl[VC_EVENT] & VMX_INTR_VALID || !real_fits(st) :
			     !(vcpu->rflags & X86_EFLAGS_VM) && !protected_fits(st)) {
		vcpu->exit = (struct vhm_exit){ .kind = VHM_X_EMULATE };
		return false;
	}
	if (real != vmx->real) {
		vmx->real = real;
		vcpu->st_dirty |= GROUPS;
		vmx_update_intercepts(vcpu);
	}
	return true;
}

/* vmx_real_cr - what the CPU gets in place of the guest's registers */
void vmx_real_cr(struct vmx_vcpu *vmx, struct vmx_crs *c)
{
	c->cr3 = vmx->vcpu.vm->identity_gfn << PAGE_SHIFT;
	c->cr4 = (c->cr4 & ~(u64)CR4_PAGED) | X86_CR4_PSE | vmx_config.cr4_fixed;
	c->efer &= ~(u64)EFER_LME;
	if (vmx->real & VMX_V86) {
		c->cr0 &= ~(u64)X86_CR0_AM;	/* no #AC at CPL 0 */
		c->cr4 &= ~(u64)(X86_CR4_VME | X86_CR4_TSD);
	}
}

/* vmx_real_seg - the same for a segment in real mode; TR has room for nothing */
void vmx_real_seg(struct vhm_seg *s, int nr)
{
	if (nr < VHM_NR_SREG)
		s->attr = AR_V86;
	else if (nr == VHM_TR)
		*s = (struct vhm_seg){ .attr = VHM_SEG_P | 0xb };
}

/* vmx_real_rflags - RFLAGS for the VMCS in real mode */
u64 vmx_real_rflags(struct vmx_vcpu *vmx)
{
	vmx->real_iopl = vmx->vcpu.rflags & X86_EFLAGS_IOPL;
	return (vmx->vcpu.rflags & ~(u64)X86_EFLAGS_IOPL) | X86_EFLAGS_VM;
}

/* vmx_real_exit - after an exit from real mode: to the core it is privileged */
void vmx_real_exit(struct vmx_vcpu *vmx)
{
	vmx->vcpu.rflags = (vmx->hw_rflags & ~(u64)(X86_EFLAGS_VM | X86_EFLAGS_IOPL)) |
			   vmx->real_iopl;
	vmx->vcpu.st.cpl = 0;
}
