// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers: reset, the KVM_GET/SET calls, and writes with the CPU's checks.
 *
 * General registers, RIP and RFLAGS live in struct vhm_vcpu; everything else
 * in its struct vhm_state, reached through vhm_st() and vhm_st_write(), which
 * fetch it from the control block and mark it for the way back. A write that
 * the architecture refuses changes nothing and is answered 1: the caller
 * raises #GP(0). Where the VMM asks, validity is as in KVM: what no CPU could
 * be in is -EINVAL, before anything has changed.
 *
 * While the VMM single-steps, RFLAGS.TF is its: forced on in the guest, and
 * not seen by KVM_GET_REGS.
 *
 * Sources: AMD64 APM vol. 2, "System-Control Registers", "Initialization and
 * Processor State", "Enabling Long Mode", "Debug-Control Register (DR7)";
 * Intel SDM vol. 3, "Control Registers", "Processor State After Reset".
 */
#include <linux/bitmap.h>
#include <asm/processor-flags.h>

#include "msr.h"

#define EFER_LME_BIT	BIT_ULL(8)
#define EFER_LMA_BIT	BIT_ULL(10)

#define CR0_KNOWN	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | \
			 X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | \
			 X86_CR0_PG)
#define CR3_NOFLUSH	BIT_ULL(63)
#define CR3_PCID	0xfffull

#define RFLAGS_KNOWN	0x3f7fd5ull
#define DR6_SETTABLE	0xe00full
#define DR6_BD		BIT_ULL(13)
#define DR7_SETTABLE	0xffff23ffull
#define DR7_FIXED	0x400ull
#define DR7_GD		BIT_ULL(13)
#define DR7_ENABLES	0xffull

#define APIC_BASE_BSP	BIT_ULL(8)
#define APIC_BASE_X2	BIT_ULL(10)
#define APIC_BASE_ON	BIT_ULL(11)
#define APIC_BASE_RESET	0xfee00000ull

#define DB_VECTOR	1
#define BP_VECTOR	3
#define UD_VECTOR	6

#define DEBUG_STEPS	(KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP)
#define DEBUG_KNOWN	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP | DEBUG_STEPS)

/* ---- reset --------------------------------------------------------------- */

#define SEG_DATA16	{ .limit = 0xffff, .attr = VHM_SEG_P | VHM_SEG_S | 0x3 }

static const struct vhm_state reset_state = {
	.cr0 = X86_CR0_ET | X86_CR0_NW | X86_CR0_CD,
	.seg = {
		[VHM_CS] = { .sel = 0xf000, .base = 0xffff0000, .limit = 0xffff,
			     .attr = VHM_SEG_P | VHM_SEG_S | 0xb },
		[VHM_DS] = SEG_DATA16, [VHM_ES] = SEG_DATA16, [VHM_FS] = SEG_DATA16,
		[VHM_GS] = SEG_DATA16, [VHM_SS] = SEG_DATA16,
		[VHM_LDTR] = { .limit = 0xffff, .attr = VHM_SEG_P | 0x2 },
		[VHM_TR] = { .limit = 0xffff, .attr = VHM_SEG_P | 0xb },
	},
	.gdt.limit = 0xffff,
	.idt.limit = 0xffff,
	.pat = 0x0007040600070406ull,
	.dr6 = DR6_FIXED,
	.dr7 = DR7_FIXED,
};

/* INIT leaves the MSRs and the caches' mode as they were. */
static void keep_over_init(struct vhm_state *new, const struct vhm_state *old)
{
	new->cr0 = X86_CR0_ET | (old->cr0 & (X86_CR0_NW | X86_CR0_CD));
	new->star = old->star;
	new->lstar = old->lstar;
	new->cstar = old->cstar;
	new->sfmask = old->sfmask;
	new->kernel_gs_base = old->kernel_gs_base;
	new->sysenter_cs = old->sysenter_cs;
	new->sysenter_esp = old->sysenter_esp;
	new->sysenter_eip = old->sysenter_eip;
	new->pat = old->pat;
	new->tsc_offset = old->tsc_offset;
}

static void reset_events(struct vhm_vcpu *vcpu)
{
	struct vhm_events *ev = &vcpu->ev;

	ev->exc.kind = VHM_EV_NONE;
	ev->interrupted.kind = VHM_EV_NONE;
	ev->nmi_pending = 0;
	atomic_set(&ev->nmi_queued, 0);
	ev->user_irq = -1;
	ev->windows = 0;
	ev->triple_fault = false;
	ev->debug_exit = false;
}

/* Family, model and stepping, as BIST-less reset leaves them in EDX. */
static u64 reset_edx(struct vhm_vcpu *vcpu)
{
	u32 a = 1, b, c = 0, d;

	vhm_cpuid(vcpu, &a, &b, &c, &d);
	return a ? a : 0x600;
}

/*
 * vhm_vcpu_reset - put the whole vCPU to its architectural initial state
 * @init: by INIT, else as at power-up (once, when the vCPU is made)
 *
 * Process context, vcpu->mutex held or vCPU not published.
 */
void vhm_vcpu_reset(struct vhm_vcpu *vcpu, bool init)
{
	struct vhm_state new = reset_state;

	if (init) {
		keep_over_init(&new, vhm_st(vcpu, VHM_ST_ALL));
	} else {
		vcpu->apic_base = APIC_BASE_RESET | APIC_BASE_ON |
				  (vhm_is_bsp(vcpu) ? APIC_BASE_BSP : 0);
		vhm_cpuid_defaults(vcpu);
	}
	vcpu->st_valid = vcpu->st_dirty = VHM_ST_ALL;
	vcpu->st = new;
	memset(vcpu->gpr, 0, sizeof(vcpu->gpr));
	vcpu->gpr[VHM_RDX] = reset_edx(vcpu);
	vcpu->rip = 0xfff0;
	vcpu->rflags = X86_EFLAGS_FIXED;
	vcpu->cr8 = 0;
	/* without LAPIC here the VMM hears of a lower task priority */
	vcpu->cr8_intercept = !vcpu->lapic;
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	reset_events(vcpu);
	vhm_ops->vcpu_reset(vcpu);
	vhm_fpu_reset(vcpu, init);
	vhm_msrs_reset(vcpu, init);
	if (!init)
		vhm_clock_reset(vcpu);
	if (vcpu->lapic)
		vhm_lapic_reset(vcpu->lapic, init);
	vhm_dr_update(vcpu);
	set_bit(VHM_REQ_TLB_FLUSH, &vcpu->requests);
}

/* ---- KVM_GET_REGS, KVM_SET_REGS ------------------------------------------ */

/* struct kvm_regs orders rax..rdi otherwise than the encoding does. */
static const u8 regs_order[16] = {
	VHM_RAX, VHM_RBX, VHM_RCX, VHM_RDX, VHM_RSI, VHM_RDI, VHM_RSP, VHM_RBP,
	8, 9, 10, 11, 12, 13, 14, 15,
};

void vhm_get_regs(struct vhm_vcpu *vcpu, struct kvm_regs *r)
{
	u64 *out = &r->rax;
	int i;

	for (i = 0; i < 16; i++)
		out[i] = vcpu->gpr[regs_order[i]];
	r->rip = vcpu->rip;
	r->rflags = vcpu->rflags;
	if (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		r->rflags &= ~(u64)X86_EFLAGS_TF;
}

void vhm_set_regs(struct vhm_vcpu *vcpu, const struct kvm_regs *r)
{
	const u64 *in = &r->rax;
	int i;

	for (i = 0; i < 16; i++)
		vcpu->gpr[regs_order[i]] = READ_ONCE(in[i]);
	vcpu->rip = READ_ONCE(r->rip);
	vcpu->rflags = (READ_ONCE(r->rflags) & RFLAGS_KNOWN) | X86_EFLAGS_FIXED;
	if (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		vcpu->rflags |= X86_EFLAGS_TF;
	/* an exception of the instruction that was there makes no sense any more */
	vcpu->ev.exc.kind = VHM_EV_NONE;
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
}

/* ---- segments ------------------------------------------------------------ */

static void get_seg(const struct vhm_seg *s, struct kvm_segment *k)
{
	*k = (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->sel,
		.type = s->attr & VHM_SEG_TYPE,
		.s = !!(s->attr & VHM_SEG_S),
		.dpl = (s->attr & VHM_SEG_DPL) >> VHM_SEG_DPL_SHIFT,
		.present = !!(s->attr & VHM_SEG_P),
		.avl = !!(s->attr & VHM_SEG_AVL),
		.l = !!(s->attr & VHM_SEG_L),
		.db = !!(s->attr & VHM_SEG_DB),
		.g = !!(s->attr & VHM_SEG_G),
	};
	k->unusable = s->attr & VHM_SEG_UNUSABLE || !k->present;
}

static struct vhm_seg seg_of(const struct kvm_segment *k)
{
	u16 attr = (k->type & VHM_SEG_TYPE) | (k->dpl & 3) << VHM_SEG_DPL_SHIFT;

	attr |= (k->s & 1 ? VHM_SEG_S : 0) | (k->avl & 1 ? VHM_SEG_AVL : 0) |
		(k->l & 1 ? VHM_SEG_L : 0) | (k->db & 1 ? VHM_SEG_DB : 0) |
		(k->g & 1 ? VHM_SEG_G : 0);
	if (k->unusable)
		attr |= VHM_SEG_UNUSABLE;
	else if (k->present & 1)
		attr |= VHM_SEG_P;
	return (struct vhm_seg){ .base = k->base, .limit = k->limit, .sel = k->selector,
				 .attr = attr };
}

/* ---- KVM_GET_SREGS, KVM_SET_SREGS and their successors ------------------- */

/* Members that kvm_sregs and kvm_sregs2 share, in the same place in both. */
static_assert(offsetof(struct kvm_sregs, interrupt_bitmap) ==
	      offsetof(struct kvm_sregs2, flags));

static void get_common(struct vhm_vcpu *vcpu, struct kvm_sregs2 *s)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR | VHM_ST_CODE | VHM_ST_SEG | VHM_ST_DT);

	get_seg(&st->seg[VHM_CS], &s->cs);
	get_seg(&st->seg[VHM_DS], &s->ds);
	get_seg(&st->seg[VHM_ES], &s->es);
	get_seg(&st->seg[VHM_FS], &s->fs);
	get_seg(&st->seg[VHM_GS], &s->gs);
	get_seg(&st->seg[VHM_SS], &s->ss);
	get_seg(&st->seg[VHM_TR], &s->tr);
	get_seg(&st->seg[VHM_LDTR], &s->ldt);
	s->gdt = (struct kvm_dtable){ .base = st->gdt.base, .limit = st->gdt.limit };
	s->idt = (struct kvm_dtable){ .base = st->idt.base, .limit = st->idt.limit };
	s->cr0 = st->cr0;
	s->cr2 = st->cr2;
	s->cr3 = st->cr3;
	s->cr4 = st->cr4;
	s->cr8 = vhm_get_cr8(vcpu);
	s->efer = st->efer;
	s->apic_base = vhm_apic_base(vcpu);
}

bool vhm_apic_base_valid(struct vhm_vcpu *vcpu, u64 val)
{
	u64 mode = val & (APIC_BASE_ON | APIC_BASE_X2);
	u64 reserved = ~(BIT_ULL(vcpu->maxphyaddr) - 1) | 0x2ff;

	if (!vhm_guest_has(vcpu, 1, 0, VHM_CPUID_ECX, 21))
		reserved |= APIC_BASE_X2;
	return !(val & reserved) && mode != APIC_BASE_X2;
}

static bool cr3_valid(struct vhm_vcpu *vcpu, u64 val)
{
	return !(val >> vcpu->maxphyaddr);
}

/* Only these combinations are reachable, so only these are taken. */
static bool sregs_valid(struct vhm_vcpu *vcpu, const struct kvm_sregs2 *s)
{
	if (s->cr0 >> 32 || (s->cr0 & X86_CR0_NW && !(s->cr0 & X86_CR0_CD)) ||
	    (s->cr0 & X86_CR0_PG && !(s->cr0 & X86_CR0_PE)))
		return false;
	if (s->efer & EFER_LME_BIT && s->cr0 & X86_CR0_PG) {
		if (!(s->cr4 & X86_CR4_PAE) || !(s->efer & EFER_LMA_BIT) ||
		    !cr3_valid(vcpu, s->cr3))
			return false;
	} else if (s->efer & EFER_LMA_BIT || s->cs.l) {
		return false;
	}
	if (s->efer & ~(vhm_caps.efer | EFER_LMA_BIT))
		return false;
	return !(s->cr4 & ~vcpu->cr4_allowed) && s->cr8 <= 15 &&
	       vhm_apic_base_valid(vcpu, s->apic_base);
}

static void set_state(struct vhm_vcpu *vcpu, const struct kvm_sregs2 *s)
{
	struct vhm_state *st = vhm_st_write(vcpu, VHM_ST_CR | VHM_ST_CODE | VHM_ST_SEG |
						  VHM_ST_DT);

	st->seg[VHM_CS] = seg_of(&s->cs);
	st->seg[VHM_DS] = seg_of(&s->ds);
	st->seg[VHM_ES] = seg_of(&s->es);
	st->seg[VHM_FS] = seg_of(&s->fs);
	st->seg[VHM_GS] = seg_of(&s->gs);
	st->seg[VHM_SS] = seg_of(&s->ss);
	st->seg[VHM_TR] = seg_of(&s->tr);
	st->seg[VHM_LDTR] = seg_of(&s->ldt);
	/* SS.DPL is the CPL in every mode but real mode, which is privileged */
	st->cpl = s->cr0 & X86_CR0_PE ? s->ss.dpl & 3 : 0;
	st->gdt.base = s->gdt.base;
	st->gdt.limit = s->gdt.limit;
	st->idt.base = s->idt.base;
	st->idt.limit = s->idt.limit;
	st->cr0 = (s->cr0 & CR0_KNOWN) | X86_CR0_ET;
	st->cr2 = s->cr2;
	st->cr3 = s->cr3;
	st->cr4 = s->cr4;
	st->efer = s->efer;
}

/* A VMM that resets a halted boot processor this way expects it to run. */
static bool looks_reset(struct vhm_vcpu *vcpu, const struct kvm_sregs2 *s)
{
	return vhm_is_bsp(vcpu) && vcpu->rip == 0xfff0 && s->cs.selector == 0xf000 &&
	       s->cs.base == 0xffff0000 && !(s->cr0 & X86_CR0_PE);
}

static int set_common(struct vhm_vcpu *vcpu, const struct kvm_sregs2 *s)
{
	/* the APIC base is last to refuse and first to change */
	if (!sregs_valid(vcpu, s) || vhm_set_apic_base(vcpu, s->apic_base, true))
		return -EINVAL;
	set_state(vcpu, s);
	vhm_set_cr8(vcpu, s->cr8);
	if (looks_reset(vcpu, s))
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	set_bit(VHM_REQ_TLB_FLUSH, &vcpu->requests);
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}

void vhm_get_sregs(struct vhm_vcpu *vcpu, struct kvm_sregs *s)
{
	const struct vhm_events *ev = &vcpu->ev;
	struct kvm_sregs2 two;

	get_common(vcpu, &two);
	memcpy(s, &two, offsetof(struct kvm_sregs, interrupt_bitmap));
	memset(s->interrupt_bitmap, 0, sizeof(s->interrupt_bitmap));
	if (ev->interrupted.kind == VHM_EV_IRQ)
		__set_bit(ev->interrupted.vector, (unsigned long *)s->interrupt_bitmap);
	else if (ev->user_irq >= 0)
		__set_bit(ev->user_irq, (unsigned long *)s->interrupt_bitmap);
}

/* The interrupt that KVM_GET_SREGS reported, or a new one; none: no change. */
static void set_interrupt(struct vhm_vcpu *vcpu, const struct kvm_sregs *s)
{
	unsigned int vector = find_first_bit((const unsigned long *)s->interrupt_bitmap,
					     KVM_NR_INTERRUPTS);
	struct vhm_events *ev = &vcpu->ev;

	if (vector >= KVM_NR_INTERRUPTS)
		return;
	if (ev->interrupted.kind != VHM_EV_IRQ && !vcpu->lapic)
		ev->user_irq = vector;
	else
		ev->interrupted = (struct vhm_event){ .kind = VHM_EV_IRQ, .vector = vector };
}

int vhm_set_sregs(struct vhm_vcpu *vcpu, const struct kvm_sregs *s)
{
	struct kvm_sregs2 two = {};
	int r;

	memcpy(&two, s, offsetof(struct kvm_sregs, interrupt_bitmap));
	r = set_common(vcpu, &two);
	if (!r)
		set_interrupt(vcpu, s);
	return r;
}

static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return cr0 & X86_CR0_PG && cr4 & X86_CR4_PAE && !(efer & EFER_LMA_BIT);
}

/*
 * vhm_get_sregs2 - KVM_GET_SREGS2
 *
 * Process context, current->mm is the VM's. With nested paging the CPU reads
 * the four PDPTEs from memory when it needs them, so what is in memory is
 * what is in force; outside RAM they read as 0.
 */
void vhm_get_sregs2(struct vhm_vcpu *vcpu, struct kvm_sregs2 *s)
{
	int idx;

	get_common(vcpu, s);
	s->flags = 0;
	memset(s->pdptrs, 0, sizeof(s->pdptrs));
	if (!pae_paging(s->cr0, s->cr4, s->efer))
		return;
	s->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	if (vhm_gpa_read(vcpu->vm, s->cr3 & 0xffffffe0, s->pdptrs, sizeof(s->pdptrs)))
		memset(s->pdptrs, 0, sizeof(s->pdptrs));
	srcu_read_unlock(&vcpu->vm->srcu, idx);
}

int vhm_set_sregs2(struct vhm_vcpu *vcpu, const struct kvm_sregs2 *s)
{
	if (s->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	if (s->flags && !pae_paging(s->cr0, s->cr4, s->efer))
		return -EINVAL;
	return set_common(vcpu, s);
}

/* ---- control registers, as the guest writes them ------------------------- */

static void flush(struct vhm_vcpu *vcpu)
{
	set_bit(VHM_REQ_TLB_FLUSH, &vcpu->requests);
}

/* Paging goes on or off: may it, and what becomes of EFER.LMA? */
static int switch_paging(struct vhm_state *st, bool on)
{
	if (on) {
		if (!(st->efer & EFER_LME_BIT))
			return 0;
		if (!(st->cr4 & X86_CR4_PAE) || st->seg[VHM_CS].attr & VHM_SEG_L)
			return 1;
		st->efer |= EFER_LMA_BIT;
		return 0;
	}
	if (st->cr4 & X86_CR4_PCIDE ||
	    (st->efer & EFER_LMA_BIT && st->seg[VHM_CS].attr & VHM_SEG_L))
		return 1;
	st->efer &= ~EFER_LMA_BIT;
	return 0;
}

int vhm_set_cr0(struct vhm_vcpu *vcpu, u64 val)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR | VHM_ST_CODE);
	u64 changed;

	if (val >> 32 || (val & X86_CR0_NW && !(val & X86_CR0_CD)) ||
	    (val & X86_CR0_PG && !(val & X86_CR0_PE)))
		return 1;
	val = (val & CR0_KNOWN) | X86_CR0_ET;
	changed = st->cr0 ^ val;
	if (changed & X86_CR0_PG && switch_paging(st, val & X86_CR0_PG))
		return 1;
	st = vhm_st_write(vcpu, VHM_ST_CR);
	st->cr0 = val;
	if (changed & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE))
		flush(vcpu);
	return 0;
}

int vhm_set_cr3(struct vhm_vcpu *vcpu, u64 val)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);
	bool keep = false;

	if (st->cr4 & X86_CR4_PCIDE) {
		keep = val & CR3_NOFLUSH;
		val &= ~CR3_NOFLUSH;
	}
	if (!cr3_valid(vcpu, val))
		return 1;
	vhm_st_write(vcpu, VHM_ST_CR)->cr3 = val;
	if (!keep)
		flush(vcpu);
	return 0;
}

int vhm_set_cr4(struct vhm_vcpu *vcpu, u64 val)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);
	u64 changed = st->cr4 ^ val;
	bool lma = st->efer & EFER_LMA_BIT;

	if (val & ~vcpu->cr4_allowed)
		return 1;
	if (lma && (!(val & X86_CR4_PAE) || changed & X86_CR4_LA57))
		return 1;
	if (changed & val & X86_CR4_PCIDE && (!lma || st->cr3 & CR3_PCID))
		return 1;
	vhm_st_write(vcpu, VHM_ST_CR)->cr4 = val;
	if (changed)
		flush(vcpu);
	return 0;
}

int vhm_set_cr8(struct vhm_vcpu *vcpu, u64 val)
{
	if (val > 15)
		return 1;
	vcpu->cr8 = val;
	if (vcpu->lapic)
		vhm_lapic_set_cr8(vcpu->lapic, val);
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}

u64 vhm_get_cr8(struct vhm_vcpu *vcpu)
{
	return vcpu->cr8;
}

/*
 * vhm_set_efer - EFER by WRMSR (host false) or KVM_SET_MSRS
 *
 * LMA follows from LME and CR0.PG and is never written. The VMM may set what
 * the CPU has, whatever CPUID it gave the guest so far. 0, or 1 for #GP.
 */
int vhm_set_efer(struct vhm_vcpu *vcpu, u64 val, bool host)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);
	u64 allowed = (host ? vhm_caps.efer : vcpu->efer_allowed) | EFER_LMA_BIT;

	if (val & ~allowed)
		return 1;
	if (!host && st->cr0 & X86_CR0_PG && (st->efer ^ val) & EFER_LME_BIT)
		return 1;
	st = vhm_st_write(vcpu, VHM_ST_CR);
	st->efer = (val & ~EFER_LMA_BIT) | (st->efer & EFER_LMA_BIT);
	flush(vcpu);
	return 0;
}

int vhm_set_xcr0(struct vhm_vcpu *vcpu, u64 val)
{
	if (vhm_st(vcpu, VHM_ST_CODE)->cpl)
		return 1;
	return vhm_xcr0_set(vcpu, val);
}

/* ---- debug registers ----------------------------------------------------- */

void vhm_dr_update(struct vhm_vcpu *vcpu)
{
	u32 debug = vcpu->guest_debug;

	vcpu->exc_intercepts &= ~(BIT(DB_VECTOR) | BIT(BP_VECTOR));
	if (debug & DEBUG_STEPS)
		vcpu->exc_intercepts |= BIT(DB_VECTOR);
	if (debug & KVM_GUESTDBG_USE_SW_BP)
		vcpu->exc_intercepts |= BIT(BP_VECTOR);
	/* unarmed breakpoints need no registers until the guest looks at them */
	vcpu->dr_live = debug & KVM_GUESTDBG_USE_HW_BP ||
			vhm_st(vcpu, VHM_ST_DR)->dr7 & DR7_ENABLES;
	/* which DR7 the hardware gets depends on guest_debug */
	vhm_st_write(vcpu, VHM_ST_DR);
	vhm_ops->update_intercepts(vcpu);
}

/* DR4 and DR5 are other names of DR6 and DR7, unless CR4.DE takes them away. */
static int dr_number(struct vhm_vcpu *vcpu, int nr)
{
	if (nr != 4 && nr != 5)
		return nr;
	if (!(vhm_st(vcpu, VHM_ST_CR)->cr4 & X86_CR4_DE))
		return nr + 2;
	vhm_raise(vcpu, UD_VECTOR);
	return -1;
}

/* DR7.GD: any access to a debug register traps before it is made. */
static bool dr_guarded(struct vhm_vcpu *vcpu)
{
	if (!(vhm_st(vcpu, VHM_ST_DR)->dr7 & DR7_GD))
		return false;
	vhm_raise_db(vcpu, DR6_BD);
	return true;
}

/*
 * vhm_get_dr, vhm_set_dr - MOV from and to DR, CPL 0 already checked
 * @nr: 0..7
 *
 * vCPU not running. 0, or 1 when the exception that is due has been raised.
 */
int vhm_get_dr(struct vhm_vcpu *vcpu, int nr, u64 *val)
{
	nr = dr_number(vcpu, nr);
	if (nr < 0 || dr_guarded(vcpu))
		return 1;
	if (nr < 4)
		*val = vcpu->dr[nr];
	else
		*val = nr == 6 ? vhm_st(vcpu, VHM_ST_DR)->dr6 : vhm_st(vcpu, VHM_ST_DR)->dr7;
	return 0;
}

int vhm_set_dr(struct vhm_vcpu *vcpu, int nr, u64 val)
{
	nr = dr_number(vcpu, nr);
	if (nr < 0 || dr_guarded(vcpu))
		return 1;
	if (nr < 4) {
		vcpu->dr[nr] = val;
	} else if (val >> 32) {
		vhm_raise_error(vcpu, 13, 0);
		return 1;
	} else if (nr == 6) {
		vhm_st_write(vcpu, VHM_ST_DR)->dr6 = (val & DR6_SETTABLE) | DR6_FIXED;
	} else {
		vhm_st_write(vcpu, VHM_ST_DR)->dr7 = (val & DR7_SETTABLE) | DR7_FIXED;
	}
	vhm_dr_update(vcpu);
	return 0;
}

void vhm_get_debugregs(struct vhm_vcpu *vcpu, struct kvm_debugregs *d)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_DR);

	*d = (struct kvm_debugregs){ .dr6 = st->dr6, .dr7 = st->dr7 };
	memcpy(d->db, vcpu->dr, sizeof(d->db));
}

/* vhm_set_debugregs - KVM_SET_DEBUGREGS; -EINVAL for flags or upper halves of DR6, DR7 */
int vhm_set_debugregs(struct vhm_vcpu *vcpu, const struct kvm_debugregs *d)
{
	struct vhm_state *st;

	if (d->flags || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	memcpy(vcpu->dr, d->db, sizeof(d->db));
	st = vhm_st_write(vcpu, VHM_ST_DR);
	st->dr6 = (d->dr6 & DR6_SETTABLE) | DR6_FIXED;
	st->dr7 = (d->dr7 & DR7_SETTABLE) | DR7_FIXED;
	vhm_dr_update(vcpu);
	return 0;
}

/*
 * vhm_set_guest_debug - KVM_SET_GUEST_DEBUG
 *
 * Process context. -EINVAL for a control bit that is not served. Without
 * KVM_GUESTDBG_ENABLE all of it is off.
 */
int vhm_set_guest_debug(struct vhm_vcpu *vcpu, const struct kvm_guest_debug *d)
{
	bool stepped = vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP;

	if (d->control & ~DEBUG_KNOWN)
		return -EINVAL;
	/* the guest's own DR7 is in the control block only while the VMM's is not */
	vhm_st(vcpu, VHM_ST_DR);
	vcpu->guest_debug = d->control & KVM_GUESTDBG_ENABLE ? d->control : 0;
	if (vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP) {
		memcpy(vcpu->guest_debug_dr, d->arch.debugreg, sizeof(vcpu->guest_debug_dr));
		vcpu->guest_debug_dr7 = ((u32)d->arch.debugreg[7] & DR7_SETTABLE & ~DR7_GD) |
					DR7_FIXED;
	}
	if (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		vcpu->rflags |= X86_EFLAGS_TF;
	else if (stepped)
		vcpu->rflags &= ~(u64)X86_EFLAGS_TF;
	vhm_dr_update(vcpu);
	return 0;
}
