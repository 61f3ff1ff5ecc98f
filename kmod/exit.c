// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens at an exit.
 *
 * The back end has decoded the exit into vcpu->exit; here it is decided. Each
 * kind has a fast row, called inside the section with interrupts off, and a
 * slow row, called outside when the fast one answers VHM_SLOW. A handler first
 * learns the instruction's length, then acts, then advances: when the length
 * cannot be had in the section nothing has happened yet and the slow row does
 * the same with faults allowed.
 */
#include <linux/ratelimit.h>

#include "vhm.h"

/* ---- instruction length -------------------------------------------------------- */

/* The usual encodings of what exits: a look at two bytes spares the decoder. */
static const struct { u8 len, bytes[3]; } usual[VHM_X_NR] = {
	[VHM_X_CPUID] = { 2, { 0x0f, 0xa2 } },
	[VHM_X_HLT] = { 1, { 0xf4 } },
	[VHM_X_WBINVD] = { 2, { 0x0f, 0x09 } },
	[VHM_X_PAUSE] = { 2, { 0xf3, 0x90 } },
	[VHM_X_HYPERCALL] = { 3, { 0x0f, 0x01, 0xd9 } },
};

/*
 * Length from memory; 0: the bytes cannot be had now, or are no instruction. No
 * other instruction is under way: its place may be used.
 */
static noinline u8 fetched_len(struct vhm_vcpu *vcpu)
{
	struct vhm_insn *insn = &vcpu->emul.insn;
	u8 buf[16];
	/* the code is most often there, and then this is the quick way outside too */
	int n = vhm_fetch(vcpu, buf, true) ?: vhm_fetch(vcpu, buf, vcpu->in_section >= 0);
	u8 len = usual[vcpu->exit.kind].len;

	if (len && n >= len && !memcmp(buf, usual[vcpu->exit.kind].bytes, len))
		return len;
	if (!n || vhm_insn_decode(insn, buf, n, vhm_insn_mode(vcpu)) != VHM_INSN_OK)
		return 0;
	return insn->len;
}

static u8 insn_len(struct vhm_vcpu *vcpu)
{
	if (!vcpu->exit.insn_len)
		vcpu->exit.insn_len = fetched_len(vcpu);
	return vcpu->exit.insn_len;
}

/*
 * An instruction was performed by hv: the interrupt shadow ends with it, and
 * with TF set (before it) it traps.
 */
void vhm_step_done(struct vhm_vcpu *vcpu, bool tf)
{
	u32 blocked = vhm_ops->blocked(vcpu);

	if (unlikely(blocked & VHM_BLOCK_SHADOW))
		vhm_ops->set_blocked(vcpu, blocked & ~VHM_BLOCK_SHADOW);
	if (unlikely(tf))
		vhm_raise_db(vcpu, DR6_BS);
}

void vhm_advance(struct vhm_vcpu *vcpu, u8 len)
{
	vcpu->rip = vhm_is_64bit(vcpu) ? vcpu->rip + len : (u32)(vcpu->rip + len);
	vhm_step_done(vcpu, vcpu->rflags & X86_EFLAGS_TF);
}

/*
 * Step over the instruction. False: the bytes cannot be had without faulting
 * (only inside a section) or are none; nothing was changed.
 */
static bool skip_insn(struct vhm_vcpu *vcpu)
{
	u8 len = insn_len(vcpu);

	if (!len)
		return false;
	vhm_advance(vcpu, len);
	return true;
}

/* ---- errors to userspace ------------------------------------------------------------ */

int vhm_internal_error(struct vhm_vcpu *vcpu, u32 suberror, int n, const u64 *data)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = n;
	memcpy(run->internal.data, data, n * sizeof(*data));
	return VHM_USER;
}

static void dump(struct vhm_vcpu *vcpu)
{
	static DEFINE_RATELIMIT_STATE(rs, 5 * HZ, 1);

	if (__ratelimit(&rs))
		vhm_ops->dump(vcpu);
}

static int unexpected(struct vhm_vcpu *vcpu)
{
	const u64 data[] = { vcpu->exit.hw_reason, vcpu->last_cpu };

	dump(vcpu);
	return vhm_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, 2, data);
}

static int fail_entry(struct vhm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	dump(vcpu);
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = vcpu->exit.hw_reason;
	run->fail_entry.cpu = vcpu->last_cpu;
	return VHM_USER;
}

/* The vCPU's state is undefined after it: as KVM does, it starts over as by INIT. */
static int shutdown(struct vhm_vcpu *vcpu)
{
	vhm_vcpu_reset(vcpu, true);
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return VHM_USER;
}

/* ---- rows ------------------------------------------------------------------------------ */

static int leave(struct vhm_vcpu *vcpu)
{
	return VHM_SLOW;
}

static int again(struct vhm_vcpu *vcpu)
{
	return VHM_RESUME;
}

/*
 * A length that cannot be had: inside the section the slow row tries again;
 * outside, re-executing raises the fetch fault, or the guest changed its code.
 */
static int no_length(struct vhm_vcpu *vcpu)
{
	return vcpu->in_section >= 0 ? VHM_SLOW : VHM_RESUME;
}

static int do_cpuid(struct vhm_vcpu *vcpu)
{
	u64 *gpr = vcpu->gpr;
	u32 a = gpr[VHM_RAX], b, c = gpr[VHM_RCX], d;

	if (unlikely(!skip_insn(vcpu)))
		return no_length(vcpu);
	vhm_cpuid(vcpu, &a, &b, &c, &d);
	gpr[VHM_RAX] = a;
	gpr[VHM_RBX] = b;
	gpr[VHM_RCX] = c;
	gpr[VHM_RDX] = d;
	return VHM_RESUME;
}

/* INVD, WBINVD, MONITOR and MWAIT do nothing here. */
static int do_nothing(struct vhm_vcpu *vcpu)
{
	return skip_insn(vcpu) ? VHM_RESUME : no_length(vcpu);
}

/* It has spun for long, for another vCPU perhaps. */
static int do_pause(struct vhm_vcpu *vcpu)
{
	int r = do_nothing(vcpu);

	vhm_spin(vcpu);
	return r;
}

static int do_hlt(struct vhm_vcpu *vcpu)
{
	/* done in the section; prepare() puts the thread to sleep */
	if (vcpu->mp_state == KVM_MP_STATE_HALTED)
		return VHM_RESUME;
	if (!skip_insn(vcpu))
		return no_length(vcpu);
	if (!vcpu->lapic) {
		vcpu->run->exit_reason = KVM_EXIT_HLT;
		return VHM_USER;
	}
	/* what ends the HLT is above the priority in CR8, which is written without an exit */
	vhm_lapic_set_cr8(vcpu->lapic, vcpu->cr8);
	if (vhm_has_event(vcpu)) {
		WRITE_ONCE(vcpu->pv.unhalted, false);
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
		return VHM_RESUME;
	}
	vcpu->mp_state = KVM_MP_STATE_HALTED;
	return vcpu->in_section >= 0 ? VHM_SLOW : VHM_RESUME;
}

static int do_gp(struct vhm_vcpu *vcpu)
{
	vhm_raise_error(vcpu, 13, 0);
	return VHM_RESUME;
}

static int do_ud(struct vhm_vcpu *vcpu)
{
	vhm_raise(vcpu, UD_VECTOR);
	return VHM_RESUME;
}

static u64 edx_eax(struct vhm_vcpu *vcpu)
{
	return (u32)vcpu->gpr[VHM_RAX] | vcpu->gpr[VHM_RDX] << 32;
}

static void set_edx_eax(struct vhm_vcpu *vcpu, u64 val)
{
	vcpu->gpr[VHM_RAX] = (u32)val;
	vcpu->gpr[VHM_RDX] = val >> 32;
}

static int do_xsetbv(struct vhm_vcpu *vcpu)
{
	u8 len = insn_len(vcpu);

	if (!len)
		return no_length(vcpu);
	if ((u32)vcpu->gpr[VHM_RCX] || vhm_set_xcr0(vcpu, edx_eax(vcpu), false))
		return do_gp(vcpu);
	vhm_advance(vcpu, len);
	return VHM_RESUME;
}

/* An access that cannot be made, why: KVM_MSR_EXIT_REASON_*: the VMM's, or #GP. */
static noinline int msr_refused(struct vhm_vcpu *vcpu, u32 why)
{
	struct kvm_run *run = vcpu->run;
	bool write = vcpu->exit.msr.write;

	if (!(READ_ONCE(vcpu->vm->msr_exits) & why))
		return do_gp(vcpu);
	vcpu->pending.kind = VHM_PENDING_MSR;
	vcpu->pending.rip = vcpu->rip;
	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	memset(&run->msr, 0, sizeof(run->msr));
	run->msr.reason = why;
	run->msr.index = vcpu->gpr[VHM_RCX];
	run->msr.data = write ? edx_eax(vcpu) : 0;
	return VHM_USER;
}

/* The VMM has answered; vcpu->exit still tells what was asked. */
int vhm_complete_msr(struct vhm_vcpu *vcpu)
{
	u64 val = READ_ONCE(vcpu->run->msr.data);

	if (READ_ONCE(vcpu->run->msr.error))
		return do_gp(vcpu);
	if (!vcpu->exit.msr.write)
		set_edx_eax(vcpu, val);
	vhm_advance(vcpu, vcpu->exit.insn_len);
	return VHM_RESUME;
}

static int do_msr(struct vhm_vcpu *vcpu)
{
	u32 index = vcpu->gpr[VHM_RCX];
	bool write = vcpu->exit.msr.write;
	u8 len = insn_len(vcpu);
	u64 val;
	int r;

	if (unlikely(!len))
		return no_length(vcpu);
	if (unlikely(rcu_access_pointer(vcpu->vm->msr_filter)) &&
	    vhm_msr_denied(vcpu, index, write))
		return msr_refused(vcpu, KVM_MSR_EXIT_REASON_FILTER);
	r = write ? vhm_msr_set(vcpu, index, edx_eax(vcpu), false) :
		    vhm_msr_get(vcpu, index, &val, false);
	if (unlikely(r))
		return msr_refused(vcpu, r);
	if (!write)
		set_edx_eax(vcpu, val);
	vhm_advance(vcpu, len);
	return VHM_RESUME;
}

static int msr_fast(struct vhm_vcpu *vcpu)
{
	return vhm_msr_is_fast(vcpu->gpr[VHM_RCX]) ? do_msr(vcpu) : VHM_SLOW;
}

/*
 * The guest turned to its debug registers. Unless the VMM uses them itself
 * they are given to it for this section and the instruction runs by itself.
 */
static int do_dr(struct vhm_vcpu *vcpu)
{
	if (vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP)
		return vhm_emulate(vcpu);
	vcpu->dr_live = true;
	vhm_ops->update_intercepts(vcpu);
	return VHM_RESUME;
}

/* A VMM with its own interrupt controllers must hear when CR8 goes down. */
static int cr_slow(struct vhm_vcpu *vcpu)
{
	u8 before = vcpu->cr8;
	int r = vhm_emulate(vcpu);

	if (r != VHM_RESUME || vcpu->lapic || vcpu->cr8 >= before)
		return r;
	vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
	return VHM_USER;
}

/* No memory behind an address: the access of an instruction, or of an event on its way. */
static int no_memory(struct vhm_vcpu *vcpu)
{
	const struct vhm_event *e = &vcpu->ev.interrupted;
	const u64 data[] = {
		e->kind << 8 | e->vector, vcpu->exit.hw_reason, vcpu->exit.hw_info1,
		vcpu->exit.hw_info2, vcpu->last_cpu,
	};

	if (likely(!e->kind))
		return vhm_emulate(vcpu);
	return vhm_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV, 5, data);
}

static int fault_slow(struct vhm_vcpu *vcpu)
{
	int r = vhm_mmu_fault(vcpu, &vcpu->exit.fault);

	return r == VHM_FAULT_MMIO ? no_memory(vcpu) : r;
}

/* The shadow's are what others have second-level faults for. */
static int pf_fast(struct vhm_vcpu *vcpu)
{
	int r = vhm_shadow_fault_fast(vcpu);

	vcpu->stats.exits[VHM_X_PF]--;
	vcpu->stats.exits[VHM_X_FAULT]++;
	return r == VHM_FAULT_MMIO ? vhm_mmio_fast(vcpu) : r;
}

static int pf_slow(struct vhm_vcpu *vcpu)
{
	int r = vhm_shadow_fault(vcpu);

	return r == VHM_FAULT_MMIO ? no_memory(vcpu) : r;
}

/* ---- exceptions --------------------------------------------------------------------------- */

int vhm_debug_exit(struct vhm_vcpu *vcpu, u8 vector, u64 dr6)
{
	struct kvm_debug_exit_arch *a = &vcpu->run->debug.arch;
	bool hw = vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP;

	vcpu->run->exit_reason = KVM_EXIT_DEBUG;
	a->exception = vector;
	a->pc = vhm_linear_rip(vcpu);
	a->dr6 = dr6;
	a->dr7 = hw ? vcpu->guest_debug_dr7 : vhm_st(vcpu, VHM_ST_DR)->dr7;
	return VHM_USER;
}

static int do_db(struct vhm_vcpu *vcpu)
{
	u64 bits = vcpu->exit.exc.payload;

	if (vcpu->guest_debug & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP))
		return vhm_debug_exit(vcpu, DB_VECTOR, bits | DR6_FIXED);
	vhm_raise_db(vcpu, bits);
	return VHM_RESUME;
}

static int do_bp(struct vhm_vcpu *vcpu)
{
	if (vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP)
		return vhm_debug_exit(vcpu, BP_VECTOR, 0);
	vhm_raise_bp(vcpu);
	return VHM_RESUME;
}

/* The other vendor's hypercall instruction is #UD here; KVM serves both. */
static int do_ud_exception(struct vhm_vcpu *vcpu)
{
	u8 buf[16];
	int n = vhm_fetch(vcpu, buf, vcpu->in_section >= 0);

	if (!n && vcpu->in_section >= 0)
		return VHM_SLOW;
	if (n < 3 || buf[0] != 0x0f || buf[1] != 0x01 || (buf[2] != 0xc1 && buf[2] != 0xd9))
		return do_ud(vcpu);
	vcpu->exit.insn_len = 3;
	return vhm_hypercall(vcpu);
}

static int do_hypercall(struct vhm_vcpu *vcpu)
{
	return insn_len(vcpu) ? vhm_hypercall(vcpu) : no_length(vcpu);
}

static int do_exception(struct vhm_vcpu *vcpu)
{
	const struct vhm_exc *e = &vcpu->exit.exc;

	if (e->vector == DB_VECTOR)
		return do_db(vcpu);
	if (e->vector == BP_VECTOR)
		return do_bp(vcpu);
	if (e->vector == UD_VECTOR)
		return do_ud_exception(vcpu);
	if (e->has_error)
		vhm_raise_error(vcpu, e->vector, e->error);
	else
		vhm_raise(vcpu, e->vector);
	return VHM_RESUME;
}

static int window(struct vhm_vcpu *vcpu)
{
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	/* a VMM that waits for it is told on the way back in */
	return vhm_user_pic(vcpu) && vcpu->run->request_interrupt_window ? VHM_SLOW : VHM_RESUME;
}

/* ---- the tables --------------------------------------------------------------------------------- */

typedef int (*exit_fn)(struct vhm_vcpu *vcpu);

static const struct { exit_fn fast, slow; } rows[VHM_X_NR] = {
	[VHM_X_NONE] = { again, again },
	[VHM_X_HOST_EVENT] = { leave, again },
	[VHM_X_CPUID] = { do_cpuid, do_cpuid },
	[VHM_X_HLT] = { do_hlt, do_hlt },
	[VHM_X_HYPERCALL] = { do_hypercall, do_hypercall },
	[VHM_X_RDPMC] = { do_gp, do_gp },
	[VHM_X_XSETBV] = { leave, do_xsetbv },
	[VHM_X_PAUSE] = { leave, do_pause },
	[VHM_X_INVD ... VHM_X_MWAIT] = { do_nothing, do_nothing },
	[VHM_X_RSM ... VHM_X_UD] = { do_ud, do_ud },
	[VHM_X_IO] = { vhm_io_fast, vhm_emulate },
	[VHM_X_MSR] = { msr_fast, do_msr },
	[VHM_X_CR] = { leave, cr_slow },
	[VHM_X_DR] = { leave, do_dr },
	[VHM_X_FAULT] = { vhm_mmio_fast, fault_slow },
	[VHM_X_PF] = { pf_fast, pf_slow },
	[VHM_X_EMULATE] = { vhm_stand_in_fast, vhm_stand_in },
	[VHM_X_EXCEPTION] = { do_exception, do_exception },
	[VHM_X_IRQ_WINDOW ... VHM_X_NMI_WINDOW] = { window, again },
	[VHM_X_SHUTDOWN] = { leave, shutdown },
	[VHM_X_FAIL_ENTRY] = { leave, fail_entry },
	[VHM_X_RDTSC ... VHM_X_UNKNOWN] = { leave, unexpected },
};

/*
 * Something more is to be done before it: out of the way of all other exits. What
 * the exit cut short goes in again at the next entry, and the CPU looks for an
 * interrupt of the host's only when it is in: where it never gets in, nothing but
 * the end of the section lets the host have its CPU back.
 */
static noinline int special_fast(struct vhm_vcpu *vcpu)
{
	if (vcpu->ev.interrupted.kind) {
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
		return VHM_SLOW;
	}
	if (vcpu->pv_eoi_armed && !vhm_pv_eoi_exit(vcpu))
		return VHM_SLOW;
	return rows[vcpu->exit.kind].fast(vcpu);
}

int vhm_exit_fast(struct vhm_vcpu *vcpu)
{
	vcpu->stats.exits[vcpu->exit.kind]++;
	if (unlikely(vcpu->ev.interrupted.kind | vcpu->pv_eoi_armed))
		return special_fast(vcpu);
	return rows[vcpu->exit.kind].fast(vcpu);
}

int vhm_exit_slow(struct vhm_vcpu *vcpu)
{
	if (unlikely(vcpu->pv_eoi_armed))
		vhm_pv_eoi_exit(vcpu);
	return rows[vcpu->exit.kind].slow(vcpu);
}
