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
 * While the VMM single-steps, RFLAGS.TF is its: forced on by KVM_RUN, and not
 * seen by KVM_GET_REGS.
 *
 * Sources: AMD64 APM vol. 2, "System-Control Registers", "Initialization and
 * Processor State", "Enabling Long Mode", "Debug-Control Register (DR7)";
 * Intel SDM vol. 3, "Control Registers", "Processor State After Reset".
 */
#include <linux/bitmap.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/tsc.h>

#include "msr.h"

#define CR0_KNOWN	0xe005003full	/* PE MP EM TS ET NE, WP, AM, NW CD PG */
#define CR3_NOFLUSH	BIT_ULL(63)
#define CR3_PCID	0xfffull

#define RFLAGS_KNOWN	0x3f7fd5ull
#define DR6_SETTABLE	0xe00full
#define DR6_BD		BIT_ULL(13)
#define DR7_SETTABLE	0xffff23ffull
#define DR7_FIXED	0x400ull
#define DR7_GD		BIT_ULL(13)
#define DR7_ENABLES	0xffull

#define DEBUG_STEPS	(KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP)
#define DEBUG_INJECTS	(KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)

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
static void init_state(struct vhm_state *st)
{
	u64 cache_mode = st->cr0 & (X86_CR0_NW | X86_CR0_CD);

	memcpy(st, &reset_state, offsetof(struct vhm_state, star));
	st->cr0 = X86_CR0_ET | cache_mode;
}

/* All but the SIPI's vector: that one may have come after the INIT. */
static void reset_events(struct vhm_events *ev)
{
	memset(ev, 0, offsetof(struct vhm_events, nmi_queued));
	atomic_set(&ev->nmi_queued, 0);
	ev->user_irq = -1;
}

/*
 * vhm_vcpu_reset - put the whole vCPU to its architectural initial state
 * @init: by INIT, else as at power-up (once, when the vCPU is made)
 *
 * Process context, vcpu->mutex held or vCPU not published.
 */
void vhm_vcpu_reset(struct vhm_vcpu *vcpu, bool init)
{
	u32 eax = 1, ebx, ecx = 0, edx;

	if (init) {
		init_state(vhm_st(vcpu, VHM_ST_ALL));
		vhm_pv_reset(vcpu);
	} else {
		vcpu->st = reset_state;
		vcpu->apic.base = VHM_LAPIC_BASE | VHM_APIC_BASE_ENABLE |
				  (vhm_is_bsp(vcpu) ? VHM_APIC_BASE_BSP : 0);
		vcpu->tsc_khz = tsc_khz;
		vhm_cpuid_defaults(vcpu);
	}
	vcpu->st_valid = vcpu->st_dirty = VHM_ST_ALL;
	/* family, model and stepping, as BIST-less reset leaves them in EDX */
	vhm_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	memset(vcpu->gpr, 0, sizeof(vcpu->gpr));
	vcpu->gpr[VHM_RDX] = eax ? eax : 0x600;
	vcpu->rip = 0xfff0;
	vcpu->rflags = X86_EFLAGS_FIXED;
	vcpu->cr8 = 0;
	/* without LAPIC here the VMM hears of a lower task priority */
	vcpu->cr8_intercept = !vcpu->lapic;
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	reset_events(&vcpu->ev);
	vcpu->cpuregs.spec_ctrl = 0;
	vhm_ops->vcpu_reset(vcpu);
	if (!init) {
		vhm_fpu_reset(vcpu);
		vhm_msrs_reset(vcpu);
		vhm_sync_tsc(vcpu, 0);
	}
	if (vcpu->lapic)
		vhm_lapic_reset(vcpu->lapic, init);
	vhm_dr_update(vcpu);
	vhm_guest_flush(vcpu);
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
	/* an exception of the instruction that was there makes no sense any more */
	vcpu->ev.exc.kind = VHM_EV_NONE;
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
}

/* ---- segments ------------------------------------------------------------ */

/* Their order in struct kvm_sregs. */
static const u8 seg_order[VHM_NR_SEGS] = {
	VHM_CS, VHM_DS, VHM_ES, VHM_FS, VHM_GS, VHM_SS, VHM_TR, VHM_LDTR,
};

static struct kvm_segment get_seg(const struct vhm_seg *s)
{
	return (struct kvm_segment){
		.base = s->base, .limit = s->limit, .selector = s->sel,
		.type = s->attr & VHM_SEG_TYPE, .s = !!(s->attr & VHM_SEG_S),
		.dpl = (s->attr & VHM_SEG_DPL) >> VHM_SEG_DPL_SHIFT,
		.present = !!(s->attr & VHM_SEG_P), .avl = !!(s->attr & VHM_SEG_AVL),
		.l = !!(s->attr & VHM_SEG_L), .db = !!(s->attr & VHM_SEG_DB),
		.g = !!(s->attr & VHM_SEG_G),
		.unusable = s->attr & VHM_SEG_UNUSABLE || !(s->attr & VHM_SEG_P),
	};
}

static struct vhm_seg seg_of(const struct kvm_segment *k)
{
	return (struct vhm_seg){
		.base = k->base, .limit = k->limit, .sel = k->selector,
		.attr = (k->type & VHM_SEG_TYPE) | (k->dpl & 3) << VHM_SEG_DPL_SHIFT |
			(k->s & 1) * VHM_SEG_S | (k->avl & 1) * VHM_SEG_AVL |
			(k->l & 1) * VHM_SEG_L | (k->db & 1) * VHM_SEG_DB |
			(k->g & 1) * VHM_SEG_G |
			(k->unusable ? VHM_SEG_UNUSABLE : (k->present & 1) * VHM_SEG_P),
	};
}

/* ---- KVM_GET_SREGS, KVM_SET_SREGS and their successors ------------------- */

#define ST_SREGS	(VHM_ST_CR | VHM_ST_CODE | VHM_ST_SEG | VHM_ST_DT)

/* Up to here both have the same members: what follows takes either for the other. */
static_assert(offsetof(struct kvm_sregs, interrupt_bitmap) == offsetof(struct kvm_sregs2, flags));

static void get_common(struct vhm_vcpu *vcpu, struct kvm_sregs *s)
{
	struct vhm_state *st = vhm_st(vcpu, ST_SREGS);
	struct kvm_segment *k = &s->cs;
	int i;

	for (i = 0; i < VHM_NR_SEGS; i++)
		k[i] = get_seg(&st->seg[seg_order[i]]);
	s->gdt = (struct kvm_dtable){ .base = st->gdt.base, .limit = st->gdt.limit };
	s->idt = (struct kvm_dtable){ .base = st->idt.base, .limit = st->idt.limit };
	s->cr0 = st->cr0;
	s->cr2 = st->cr2;
	s->cr3 = st->cr3;
	s->cr4 = st->cr4;
	s->cr8 = vcpu->cr8;
	s->efer = st->efer;
	s->apic_base = vcpu->apic.base;
}

static bool cr0_valid(u64 val)
{
	return !(val >> 32) && (!(val & X86_CR0_NW) || val & X86_CR0_CD) &&
	       (!(val & X86_CR0_PG) || val & X86_CR0_PE);
}

/* Only these combinations are reachable, so only these are taken. */
static bool sregs_valid(struct vhm_vcpu *vcpu, const struct kvm_sregs *s)
{
	bool lma = s->efer & EFER_LMA;

	if (lma != (s->efer & EFER_LME && s->cr0 & X86_CR0_PG))
		return false;
	if (lma ? !(s->cr4 & X86_CR4_PAE) || s->cr3 >> vcpu->maxphyaddr : s->cs.l)
		return false;
	return cr0_valid(s->cr0) && !(s->efer & ~(vhm_caps.efer | EFER_LMA)) &&
	       !(s->cr4 & ~vcpu->cr4_allowed) && s->cr8 <= 15;
}

static int set_common(struct vhm_vcpu *vcpu, const struct kvm_sregs *s)
{
	const struct kvm_segment *k = &s->cs;
	struct vhm_state *st;
	int i;

	/* the APIC base is last to refuse and first to change */
	if (!sregs_valid(vcpu, s) || vhm_set_apic_base(vcpu, s->apic_base, true))
		return -EINVAL;
	st = vhm_st_write(vcpu, ST_SREGS);
	for (i = 0; i < VHM_NR_SEGS; i++)
		st->seg[seg_order[i]] = seg_of(&k[i]);
	/* SS.DPL is the CPL in every mode but real mode, which is privileged */
	st->cpl = s->cr0 & X86_CR0_PE ? s->ss.dpl & 3 : 0;
	st->gdt = (struct vhm_seg){ .base = s->gdt.base, .limit = s->gdt.limit };
	st->idt = (struct vhm_seg){ .base = s->idt.base, .limit = s->idt.limit };
	st->cr0 = (s->cr0 & CR0_KNOWN) | X86_CR0_ET;
	st->cr2 = s->cr2;
	st->cr3 = s->cr3;
	st->cr4 = s->cr4;
	st->efer = s->efer;
	vhm_set_cr8(vcpu, s->cr8);
	/* a VMM that resets a halted boot processor this way expects it to run */
	if (vhm_is_bsp(vcpu) && vcpu->rip == 0xfff0 && s->cs.selector == 0xf000 &&
	    s->cs.base == 0xffff0000 && !(s->cr0 & X86_CR0_PE))
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	vhm_guest_flush(vcpu);
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}

void vhm_get_sregs(struct vhm_vcpu *vcpu, struct kvm_sregs *s)
{
	const struct vhm_events *ev = &vcpu->ev;
	int vector = ev->interrupted.kind == VHM_EV_IRQ ? ev->interrupted.vector : ev->user_irq;

	get_common(vcpu, s);
	memset(s->interrupt_bitmap, 0, sizeof(s->interrupt_bitmap));
	if (vector >= 0)
		__set_bit(vector, (unsigned long *)s->interrupt_bitmap);
}

/* The bitmap has the interrupt that KVM_GET_SREGS reported, or a new one; none: no change. */
int vhm_set_sregs(struct vhm_vcpu *vcpu, const struct kvm_sregs *s)
{
	unsigned int vector = find_first_bit((const unsigned long *)s->interrupt_bitmap,
					     KVM_NR_INTERRUPTS);
	struct vhm_events *ev = &vcpu->ev;

	if (set_common(vcpu, s))
		return -EINVAL;
	if (vector >= KVM_NR_INTERRUPTS)
		return 0;
	if (ev->interrupted.kind != VHM_EV_IRQ && vhm_user_pic(vcpu))
		ev->user_irq = vector;
	else
		ev->interrupted = (struct vhm_event){ .kind = VHM_EV_IRQ, .vector = vector };
	return 0;
}

static bool pae_paging(const struct kvm_sregs2 *s)
{
	return s->cr0 & X86_CR0_PG && s->cr4 & X86_CR4_PAE && !(s->efer & EFER_LMA);
}

/*
 * vhm_get_sregs2 - KVM_GET_SREGS2
 * @s: zeroed
 *
 * Process context, current->mm is the VM's. With nested paging the CPU reads
 * the four PDPTEs from memory when it needs them, so what is in memory is
 * what is in force; outside RAM they read as 0.
 */
void vhm_get_sregs2(struct vhm_vcpu *vcpu, struct kvm_sregs2 *s)
{
	int idx;

	get_common(vcpu, (struct kvm_sregs *)s);
	s->flags = pae_paging(s) ? KVM_SREGS2_FLAGS_PDPTRS_VALID : 0;
	if (!s->flags)
		return;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	if (vhm_gpa_read(vcpu->vm, s->cr3 & 0xffffffe0, s->pdptrs, sizeof(s->pdptrs)))
		memset(s->pdptrs, 0, sizeof(s->pdptrs));
	srcu_read_unlock(&vcpu->vm->srcu, idx);
}

int vhm_set_sregs2(struct vhm_vcpu *vcpu, const struct kvm_sregs2 *s)
{
	if (s->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID || (s->flags && !pae_paging(s)))
		return -EINVAL;
	return set_common(vcpu, (const struct kvm_sregs *)s);
}

/* ---- control registers, as the guest writes them ------------------------- */

/*
 * With PAE paging the CPU holds the four top entries, and the write to a control
 * register that loads them finds reserved bits. Where it is executed by the CPU
 * itself, with nested paging, not all do; those written here are as on KVM.
 */
#define CR0_LOADS_PDPTES	(X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)
#define CR4_LOADS_PDPTES	(X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_SMEP)
#define PDPTE_RESERVED		0x1e6ull

static bool pdptes_bad(struct vhm_vcpu *vcpu, u64 cr0, u64 cr3, u64 cr4)
{
	u64 e[4];
	int i;

	if (!(cr0 & X86_CR0_PG) || !(cr4 & X86_CR4_PAE) || vcpu->st.efer & EFER_LME)
		return false;
	if (vhm_gpa_read(vcpu->vm, cr3 & 0xffffffe0, e, sizeof(e)))
		return true;
	for (i = 0; i < 4; i++)
		if (e[i] & 1 && (e[i] & PDPTE_RESERVED || e[i] >> vcpu->maxphyaddr))
			return true;
	return false;
}

/* Paging goes on or off: may it, and what becomes of EFER.LMA? */
static int switch_paging(struct vhm_state *st, bool on)
{
	bool code64 = st->seg[VHM_CS].attr & VHM_SEG_L;
	bool to_long = on && st->efer & EFER_LME;

	if ((to_long && (!(st->cr4 & X86_CR4_PAE) || code64)) ||
	    (!on && (st->cr4 & X86_CR4_PCIDE || (st->efer & EFER_LMA && code64))))
		return 1;
	st->efer = (st->efer & ~EFER_LMA) | (to_long ? EFER_LMA : 0);
	return 0;
}

int vhm_set_cr0(struct vhm_vcpu *vcpu, u64 val)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR | VHM_ST_CODE);
	u64 changed;

	if (!cr0_valid(val))
		return 1;
	val = (val & CR0_KNOWN) | X86_CR0_ET;
	changed = st->cr0 ^ val;
	if (changed & CR0_LOADS_PDPTES && pdptes_bad(vcpu, val, st->cr3, st->cr4))
		return 1;
	if (changed & X86_CR0_PG && switch_paging(st, val & X86_CR0_PG))
		return 1;
	vhm_st_write(vcpu, VHM_ST_CR)->cr0 = val;
	if (changed & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE))
		vhm_guest_flush(vcpu);
	return 0;
}

int vhm_set_cr3(struct vhm_vcpu *vcpu, u64 val)
{
	bool keep = vhm_st(vcpu, VHM_ST_CR)->cr4 & X86_CR4_PCIDE && val & CR3_NOFLUSH;

	if (keep)
		val &= ~CR3_NOFLUSH;
	if (val >> vcpu->maxphyaddr || pdptes_bad(vcpu, vcpu->st.cr0, val, vcpu->st.cr4))
		return 1;
	vhm_st_write(vcpu, VHM_ST_CR)->cr3 = val;
	if (!keep)
		vhm_guest_flush(vcpu);
	return 0;
}

int vhm_set_cr4(struct vhm_vcpu *vcpu, u64 val)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);
	u64 changed = st->cr4 ^ val;
	bool lma = st->efer & EFER_LMA;

	if (val & ~vcpu->cr4_allowed ||
	    (lma && (!(val & X86_CR4_PAE) || changed & X86_CR4_LA57)) ||
	    (changed & val & X86_CR4_PCIDE && (!lma || st->cr3 & CR3_PCID)) ||
	    (changed & CR4_LOADS_PDPTES && pdptes_bad(vcpu, st->cr0, st->cr3, val)))
		return 1;
	vhm_st_write(vcpu, VHM_ST_CR)->cr4 = val;
	if (changed)
		vhm_guest_flush(vcpu);
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

/*
 * vhm_set_efer - EFER by WRMSR (host false) or KVM_SET_MSRS
 *
 * LMA follows from LME and CR0.PG and is never written. The VMM may set what
 * the CPU has, whatever CPUID it gave the guest so far. 0, or 1 for #GP.
 */
int vhm_set_efer(struct vhm_vcpu *vcpu, u64 val, bool host)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);
	u64 allowed = (host ? vhm_caps.efer : vcpu->efer_allowed) | EFER_LMA;

	if (val & ~allowed ||
	    (!host && st->cr0 & X86_CR0_PG && (st->efer ^ val) & EFER_LME))
		return 1;
	vhm_st_write(vcpu, VHM_ST_CR)->efer = (val & ~EFER_LMA) | (st->efer & EFER_LMA);
	vhm_guest_flush(vcpu);
	return 0;
}

/* ---- debug registers ----------------------------------------------------- */

void vhm_dr_update(struct vhm_vcpu *vcpu)
{
	u32 debug = vcpu->guest_debug;

	vcpu->exc_intercepts &= ~(BIT(DB_VECTOR) | BIT(BP_VECTOR));
	vcpu->exc_intercepts |= (debug & DEBUG_STEPS ? BIT(DB_VECTOR) : 0) |
				(debug & KVM_GUESTDBG_USE_SW_BP ? BIT(BP_VECTOR) : 0);
	/* unarmed breakpoints need no registers until the guest looks at them */
	vcpu->dr_live = debug & KVM_GUESTDBG_USE_HW_BP ||
			vhm_st(vcpu, VHM_ST_DR)->dr7 & DR7_ENABLES;
	/* which DR7 the hardware gets depends on guest_debug */
	vhm_st_write(vcpu, VHM_ST_DR);
	vhm_ops->update_intercepts(vcpu);
}

/*
 * Which register an access reaches: DR4 and DR5 are other names of DR6 and DR7,
 * unless CR4.DE takes them away; DR7.GD traps any access before it is made.
 * -1: what is due has been raised.
 */
static int dr_number(struct vhm_vcpu *vcpu, int nr)
{
	bool alias = nr == 4 || nr == 5;

	if (alias && vhm_st(vcpu, VHM_ST_CR)->cr4 & X86_CR4_DE)
		vhm_raise(vcpu, UD_VECTOR);
	else if (vhm_st(vcpu, VHM_ST_DR)->dr7 & DR7_GD)
		vhm_raise_db(vcpu, DR6_BD);
	else
		return alias ? nr + 2 : nr;
	return -1;
}

static void set_dr67(struct vhm_vcpu *vcpu, u64 dr6, u64 dr7)
{
	struct vhm_state *st = vhm_st_write(vcpu, VHM_ST_DR);

	st->dr6 = (dr6 & DR6_SETTABLE) | DR6_FIXED;
	st->dr7 = (dr7 & DR7_SETTABLE) | DR7_FIXED;
	vhm_dr_update(vcpu);
}

/*
 * vhm_get_dr, vhm_set_dr - MOV from and to DR, CPL 0 already checked
 * @nr: 0..7
 *
 * vCPU not running. 0, or 1 when the exception that is due has been raised.
 */
int vhm_get_dr(struct vhm_vcpu *vcpu, int nr, u64 *val)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_DR);

	nr = dr_number(vcpu, nr);
	if (nr < 0)
		return 1;
	*val = nr < 4 ? vcpu->dr[nr] : nr == 6 ? st->dr6 : st->dr7;
	return 0;
}

int vhm_set_dr(struct vhm_vcpu *vcpu, int nr, u64 val)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_DR);

	nr = dr_number(vcpu, nr);
	if (nr < 0)
		return 1;
	if (nr >= 4 && val >> 32) {
		vhm_raise_error(vcpu, 13, 0);
		return 1;
	}
	if (nr < 4)
		vcpu->dr[nr] = val;
	set_dr67(vcpu, nr == 6 ? val : st->dr6, nr == 7 ? val : st->dr7);
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
	if (d->flags || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	memcpy(vcpu->dr, d->db, sizeof(d->db));
	set_dr67(vcpu, d->dr6, d->dr7);
	return 0;
}

/*
 * vhm_set_guest_debug - KVM_SET_GUEST_DEBUG
 *
 * Process context. -EINVAL for a control bit that is not served; -EBUSY when an
 * exception is to be injected and one waits already. Without KVM_GUESTDBG_ENABLE
 * all of it is off, but an exception is injected all the same: a breakpoint that
 * was the guest's own and not the debugger's.
 */
int vhm_set_guest_debug(struct vhm_vcpu *vcpu, const struct kvm_guest_debug *d)
{
	if (d->control & ~VHM_GUEST_DEBUG)
		return -EINVAL;
	if (d->control & DEBUG_INJECTS && vcpu->ev.exc.kind)
		return -EBUSY;
	if (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		vcpu->rflags &= ~(u64)X86_EFLAGS_TF;
	/* the guest's own DR7 is in the control block only while the VMM's is not */
	vhm_st(vcpu, VHM_ST_DR);
	vcpu->guest_debug = d->control & KVM_GUESTDBG_ENABLE ? d->control & ~DEBUG_INJECTS : 0;
	if (vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP) {
		memcpy(vcpu->guest_debug_dr, d->arch.debugreg, sizeof(vcpu->guest_debug_dr));
		vcpu->guest_debug_dr7 = ((u32)d->arch.debugreg[7] & DR7_SETTABLE & ~DR7_GD) |
					DR7_FIXED;
	}
	vhm_dr_update(vcpu);
	if (d->control & KVM_GUESTDBG_INJECT_DB)
		vhm_raise(vcpu, DB_VECTOR);
	else if (d->control & KVM_GUESTDBG_INJECT_BP)
		vhm_raise_bp(vcpu);
	/* what KVM_GUESTDBG_BLOCKIRQ held back may go in, or not any more */
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}
