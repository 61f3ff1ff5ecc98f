// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of the emulator: fetches the instruction, gives it the guest's
 * registers and memory, and turns its outcome into what the run loop wants.
 *
 * Inside a section the same code runs with accesses that do not fault; what
 * cannot be had that way is left to the slow path. A device access is recorded
 * when it is made, so that an instruction that has to stop (for the VMM, or to
 * leave the section) runs again from its start without repeating it.
 */
#include "vhm.h"

#define MAX_ITER	1024	/* of REP before interrupts get their turn */

static struct vhm_vcpu *vcpu_of(struct vhm_emul *e)
{
	return container_of(e, struct vhm_vcpu, emul);
}

/* ---- fetching --------------------------------------------------------------------- */

static int fetch_page(struct vhm_vcpu *vcpu, u64 la, u8 *buf, int n, bool nofault)
{
	u32 acc = VHM_ACC_EXEC | (vcpu->st.cpl == 3 ? VHM_ACC_USER : 0);
	struct vhm_walk w;

	if (vhm_gva_to_gpa(vcpu, la, acc, nofault, &w))
		return -EFAULT;
	return nofault ? vhm_gpa_read_nofault(vcpu->vm, w.gpa, buf, n) :
			 vhm_gpa_read(vcpu->vm, w.gpa, buf, n);
}

/*
 * buf holds 16 bytes, so that the usual read is of constant size; an
 * instruction has at most 15.
 */
int vhm_fetch(struct vhm_vcpu *vcpu, u8 *buf, bool nofault)
{
	u64 la;
	int n;

	if (vcpu->exit.n_bytes) {
		memcpy(buf, vcpu->exit.bytes, sizeof(vcpu->exit.bytes));
		return vcpu->exit.n_bytes;
	}
	la = vhm_linear_rip(vcpu);
	n = min_t(int, 16, PAGE_SIZE - offset_in_page(la));
	if (fetch_page(vcpu, la, buf, n, nofault))
		return 0;
	if (n < VHM_INSN_MAX && !fetch_page(vcpu, la + n, buf + n, 16 - n, nofault))
		n = 16;
	return min(n, VHM_INSN_MAX);
}

/* ---- memory -------------------------------------------------------------------------- */

static enum vhm_emul_status translate(struct vhm_emul *e, u64 la, u32 acc, u64 *gpa)
{
	struct vhm_vcpu *vcpu = vcpu_of(e);
	struct vhm_pending *p = &vcpu->pending;
	struct vhm_walk w;
	int r;

	/* the CPU has just walked for this operand and reported where it led */
	if (p->gpa_valid && !((la ^ p->fault_gpa) & ~PAGE_MASK)) {
		*gpa = p->fault_gpa;
		return VHM_EMUL_OK;
	}
	if (e->cpl == 3)
		acc |= VHM_ACC_USER;
	r = vhm_gva_to_gpa(vcpu, la, acc, p->nofault, &w);
	if (r > 0) {
		e->exc.addr = la;
		return vhm_emul_raise(e, PF_VECTOR, w.error);
	}
	*gpa = w.gpa;
	return !r ? VHM_EMUL_OK : p->nofault ? VHM_EMUL_RETRY : VHM_EMUL_FAIL;
}

static bool is_device(struct vhm_vcpu *vcpu, u64 gpa, bool write)
{
	const struct vhm_memslot *slot = vhm_slot_find(vcpu->vm, gpa >> PAGE_SHIFT);

	return !slot || (write && slot->flags & KVM_MEM_READONLY);
}

static bool kernel_device(struct vhm_vcpu *vcpu, struct vhm_access *a)
{
	return vhm_irq_mmio(vcpu, a->gpa, a->len, a->write, &a->data) ||
	       (a->write && (vhm_iobus_write(vcpu->vm, false, a->gpa, a->len, a->data) ||
			     vhm_coalesced_write(vcpu->vm, false, a->gpa, a->len, a->data)));
}

static enum vhm_emul_status ask_user(struct vhm_vcpu *vcpu, const struct vhm_access *a)
{
	struct kvm_run *run = vcpu->run;

	vcpu->pending.kind = VHM_PENDING_EMUL;
	vcpu->pending.rip = vcpu->rip;
	vcpu->stats.mmio_exits++;
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = a->gpa;
	run->mmio.len = a->len;
	run->mmio.is_write = a->write;
	memcpy(run->mmio.data, &a->data, sizeof(a->data));
	return VHM_EMUL_USER;
}

/* One device access of at most 8 bytes: from the record, or made and recorded. */
static enum vhm_emul_status device(struct vhm_vcpu *vcpu, u64 gpa, void *buf, u8 len, bool write)
{
	struct vhm_pending *p = &vcpu->pending;
	struct vhm_access *a = &p->rec[p->pos];
	enum vhm_emul_status s = VHM_EMUL_OK;

	if (p->pos == VHM_MAX_ACCESSES)
		return VHM_EMUL_FAIL;
	if (p->pos++ < p->n) {
		if (a->gpa != gpa || a->len != len || a->write != write)
			return VHM_EMUL_FAIL;
	} else {
		*a = (struct vhm_access){ .gpa = gpa, .len = len, .write = write };
		if (write)
			memcpy(&a->data, buf, len);
		p->n++;
		if (!kernel_device(vcpu, a))
			s = ask_user(vcpu, a);
	}
	if (!s && !write)
		memcpy(buf, &a->data, len);
	return s;
}

/*
 * RAM that the VMM took away is its mistake; in a section, try outside. When it
 * is the slot that went meanwhile, or a locked access lost a race, the guest
 * tries again and meets what is there now.
 */
static enum vhm_emul_status ram(struct vhm_vcpu *vcpu, u64 gpa, void *buf, const void *old, u32 n,
				bool write)
{
	bool nofault = vcpu->pending.nofault;
	u64 from = 0, to = 0;
	int r;

	if (!old) {
		r = vhm_gpa_access(vcpu->vm, gpa, buf, n, write, nofault);
	} else {
		if (nofault)
			return VHM_EMUL_RETRY;
		if (n > 8 || gpa & (n - 1))	/* no locked access to RAM needs us there */
			return VHM_EMUL_FAIL;
		memcpy(&from, old, n);
		memcpy(&to, buf, n);
		r = vhm_gpa_cmpxchg(vcpu->vm, gpa, &from, to, n);
		if (!r && unlikely(vcpu->vm->mem.shadow))
			vhm_shadow_wrote(vcpu->vm, gpa, n);
	}
	if (likely(!r))
		return VHM_EMUL_OK;
	return r > 0 || nofault || is_device(vcpu, gpa, write) ? VHM_EMUL_RETRY : VHM_EMUL_FAIL;
}

/* Part of an access that lies in one page. */
static enum vhm_emul_status page_access(struct vhm_emul *e, u64 la, void *buf, const void *old,
					u32 n, u32 acc)
{
	bool write = !(acc & VHM_ACC_READ), dev;
	struct vhm_vcpu *vcpu = vcpu_of(e);
	u64 gpa;
	enum vhm_emul_status s = translate(e, la, acc & ~VHM_ACC_PROBE, &gpa);
	u32 i, part;

	if (s)
		return s;
	dev = is_device(vcpu, gpa, write);
	if (acc & VHM_ACC_PROBE)
		return dev ? VHM_EMUL_USER : VHM_EMUL_OK;
	if (!dev)
		return ram(vcpu, gpa, buf, old, n, write);
	for (i = 0; i < n && !s; i += part) {
		part = min(n - i, 8u);
		s = device(vcpu, gpa + i, buf + i, part, write);
	}
	return s;
}

static enum vhm_emul_status op_mem(struct vhm_emul *e, u64 la, void *buf, const void *old,
				   u32 size, u32 acc)
{
	u32 n = min_t(u32, size, PAGE_SIZE - offset_in_page(la));
	enum vhm_emul_status s;

	if (old && n != size)
		return VHM_EMUL_FAIL;
	s = page_access(e, la, buf, old, n, acc);
	if (likely(n == size) || s)
		return s;
	la += n;
	return page_access(e, e->insn.mode == VHM_INSN_64 ? la : (u32)la, buf + n, NULL, size - n,
			   acc);
}

static void op_commit(struct vhm_emul *e)
{
	struct vhm_pending *p = &vcpu_of(e)->pending;

	p->n = 0;
	p->pos = 0;
	p->pio_answered = false;
}

/* ---- ports ------------------------------------------------------------------------------ */

/*
 * All items or none: whether the port is the kernel's shows at the first one,
 * but for a datamatch, which may take some items and not others.
 */
static enum vhm_emul_status op_pio(struct vhm_emul *e, u16 port, u32 size, u32 count, bool in)
{
	struct vhm_vcpu *vcpu = vcpu_of(e);
	u8 *buf = e->pio_buf;
	u32 i, val;

	if (vcpu->pending.pio_answered)
		return VHM_EMUL_OK;
	for (i = 0; i < count; i++, buf += size) {
		val = 0;
		if (!in)
			memcpy(&val, buf, size);
		if (!vhm_port(vcpu, port, size, in, &val)) {
			memmove(e->pio_buf, buf, (count - i) * size);
			vhm_port_exit(vcpu, VHM_PENDING_EMUL_PIO, port, size, count - i, in);
			return VHM_EMUL_USER;
		}
		if (in)
			memcpy(buf, &val, size);
	}
	return VHM_EMUL_OK;
}

/* ---- registers --------------------------------------------------------------------------- */

static u32 segment_group(enum vhm_sreg nr)
{
	return nr == VHM_CS || nr == VHM_SS ? VHM_ST_CODE :
	       nr < VHM_EMUL_GDTR ? VHM_ST_SEG : VHM_ST_DT;
}

static struct vhm_seg *segment(struct vhm_state *st, enum vhm_sreg nr)
{
	return nr == VHM_EMUL_GDTR ? &st->gdt : nr == VHM_EMUL_IDTR ? &st->idt : &st->seg[nr];
}

static void op_segment(struct vhm_emul *e, enum vhm_sreg nr, struct vhm_seg *seg)
{
	*seg = *segment(vhm_st(vcpu_of(e), segment_group(nr)), nr);
}

static void op_set_segment(struct vhm_emul *e, enum vhm_sreg nr, const struct vhm_seg *seg)
{
	*segment(vhm_st_write(vcpu_of(e), segment_group(nr)), nr) = *seg;
}

/* vhm_get_dr() and vhm_set_dr() queue what is due themselves. */
static enum vhm_emul_status op_control(struct vhm_emul *e, u32 nr, u64 *val, bool write)
{
	static int (*const set[])(struct vhm_vcpu *vcpu, u64 val) = {
		[0] = vhm_set_cr0, [3] = vhm_set_cr3, [4] = vhm_set_cr4, [8] = vhm_set_cr8,
	};
	struct vhm_vcpu *vcpu = vcpu_of(e);
	const struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);
	const u64 cr[] = { st->cr0, 0, st->cr2, st->cr3, st->cr4, 0, 0, 0, vcpu->cr8 };
	int dr = nr - VHM_CTL_DR;

	if (vcpu->pending.nofault)
		return VHM_EMUL_RETRY;
	if (nr == VHM_CTL_INVLPG && vhm_caps.shadow)
		vhm_shadow_invlpg(vcpu, *val);
	else if (nr == VHM_CTL_INVLPG)
		set_bit(VHM_REQ_TLB_FLUSH, &vcpu->requests);
	else if (dr >= 0)
		return (write ? vhm_set_dr(vcpu, dr, *val) : vhm_get_dr(vcpu, dr, val)) ?
		       VHM_EMUL_RETRY : VHM_EMUL_OK;
	else if (!write)
		*val = cr[nr];
	else if (nr == 2)
		vhm_st_write(vcpu, VHM_ST_CR)->cr2 = *val;
	else if (set[nr](vcpu, *val))
		return vhm_emul_raise(e, GP_VECTOR, 0);
	return VHM_EMUL_OK;
}

/* AMD64 APM vol. 4, "128-Bit Media and 64-Bit Media Instruction Exceptions". */
static enum vhm_emul_status op_xmm(struct vhm_emul *e, u32 nr, void *val, bool write)
{
	struct vhm_vcpu *vcpu = vcpu_of(e);
	const struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);

	if (st->cr0 & X86_CR0_EM || !(st->cr4 & X86_CR4_OSFXSR))
		return vhm_emul_raise(e, UD_VECTOR, 0);
	if (st->cr0 & X86_CR0_TS)
		return vhm_emul_raise(e, NM_VECTOR, 0);
	if (vcpu->pending.nofault)
		return VHM_EMUL_RETRY;
	if (write)
		vhm_xmm_write(vcpu, nr, val);
	else
		vhm_xmm_read(vcpu, nr, val);
	return VHM_EMUL_OK;
}

static const struct vhm_emul_ops emul_ops = {
	.segment = op_segment,
	.set_segment = op_set_segment,
	.mem = op_mem,
	.commit = op_commit,
	.pio = op_pio,
	.control = op_control,
	.xmm = op_xmm,
};

/* ---- running one instruction ---------------------------------------------------------------- */

/*
 * Not an instruction that can be performed here. User code gets #UD, as from a
 * CPU without it; for the kernel's own the VMM is told, with the bytes.
 */
static int failure(struct vhm_vcpu *vcpu)
{
	const struct vhm_exit *x = &vcpu->exit;
	const u64 data[] = { 0, 0, 0, x->hw_reason, x->hw_info1, x->hw_info2 };
	struct kvm_run *run = vcpu->run;
	u8 buf[16] = {};
	int n;

	if (vhm_st(vcpu, VHM_ST_CODE)->cpl == 3) {
		vhm_raise(vcpu, UD_VECTOR);
		return VHM_RESUME;
	}
	n = vhm_fetch(vcpu, buf, false);
	vhm_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION, 6, data);
	if (n) {
		run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		run->emulation_failure.insn_size = n;
		memcpy(run->emulation_failure.insn_bytes, buf, n);
	}
	return VHM_USER;
}

static int raise(struct vhm_vcpu *vcpu)
{
	const struct vhm_emul_exc *x = &vcpu->emul.exc;

	op_commit(&vcpu->emul);
	if (x->vector == PF_VECTOR)
		vhm_raise_pf(vcpu, x->addr, x->error);
	else if (x->has_error)
		vhm_raise_error(vcpu, x->vector, x->error);
	else
		vhm_raise(vcpu, x->vector);
	return VHM_RESUME;
}

/* What an exit would have brought here had the CPU executed it. */
static int as_exit(struct vhm_vcpu *vcpu)
{
	const struct vhm_insn *in = &vcpu->emul.insn;
	struct vhm_exit *x = &vcpu->exit;

	x->kind = in->opcode == 0xf4 ? VHM_X_HLT : in->opcode == 0xa2 ? VHM_X_CPUID :
		  in->opcode == 0x08 ? VHM_X_INVD : in->opcode == 0x09 ? VHM_X_WBINVD : VHM_X_MSR;
	x->msr.write = in->opcode == 0x30;
	x->insn_len = in->len;
	return vhm_exit_slow(vcpu);
}

/* What the instruction did to the shadows of STI and MOV SS, and to that of NMIs. */
static noinline void after(struct vhm_vcpu *vcpu)
{
	u32 blocked = vhm_ops->blocked(vcpu), what = vcpu->emul.after;

	static_assert(VHM_EMUL_SHADOW_STI == VHM_BLOCK_SHADOW_STI &&
		      VHM_EMUL_SHADOW_SS == VHM_BLOCK_SHADOW_SS);
	vcpu->emul.after = 0;
	vhm_ops->set_blocked(vcpu, what == VHM_EMUL_IRET ? blocked & ~VHM_BLOCK_NMI :
							   blocked | what);
}

int vhm_emul_resume(struct vhm_vcpu *vcpu)
{
	struct vhm_pending *p = &vcpu->pending;
	struct vhm_emul *e = &vcpu->emul;
	bool tf = vcpu->rflags & X86_EFLAGS_TF;
	enum vhm_emul_status s;

	e->rip = vcpu->rip;
	e->rflags = vcpu->rflags;
	p->pos = 0;
	s = vhm_emul_exec(e);
	if (s == VHM_EMUL_OK || s == VHM_EMUL_MORE) {
		op_commit(e);
		vcpu->rip = e->rip;
		vcpu->rflags = e->rflags;
		if (s == VHM_EMUL_OK || tf)
			vhm_step_done(vcpu, tf);
		if (unlikely(e->after))
			after(vcpu);
		return VHM_RESUME;
	}
	if (s == VHM_EMUL_FAULT)
		return raise(vcpu);
	if (s == VHM_EMUL_USER)
		return VHM_USER;
	if (p->nofault)
		return VHM_SLOW;
	op_commit(e);
	return s == VHM_EMUL_RETRY ? VHM_RESUME :
	       s == VHM_EMUL_EXIT ? as_exit(vcpu) : failure(vcpu);
}

/* One memory operand, so that the faulting address can only be its own. */
static bool single_operand(const struct vhm_insn *i)
{
	return i->op < VHM_OP_PUSH || i->op > VHM_OP_OUTS;
}

/* The vCPU as the emulator wants it, but for the instruction. Inline: MMIO comes by. */
static __always_inline void describe(struct vhm_vcpu *vcpu, bool nofault)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR | VHM_ST_CODE);
	struct vhm_emul *e = &vcpu->emul;

	e->ops = &emul_ops;
	e->gpr = vcpu->gpr;
	e->cpl = st->cpl;
	e->prot = (st->cr0 & X86_CR0_PE) && !(vcpu->rflags & X86_EFLAGS_VM);
	e->la_bits = st->cr4 & X86_CR4_LA57 ? 57 : 48;
	e->max_iter = MAX_ITER;
	e->pio_buf = vhm_pio_data(vcpu);
	/* both CPUs look at IOPL and the bitmap of the TSS before they exit for a port */
	e->pio_checked = vcpu->exit.kind == VHM_X_IO;
	vcpu->pending.nofault = nofault;
	vcpu->pending.gpa_valid = false;
}

/* Fetch, decode and describe the vCPU to the emulator. enum vhm_insn_status or -EFAULT. */
static int load(struct vhm_vcpu *vcpu, bool nofault)
{
	struct vhm_pending *p = &vcpu->pending;
	struct vhm_emul *e = &vcpu->emul;
	u8 buf[16];
	int n = vhm_fetch(vcpu, buf, nofault);
	enum vhm_insn_status status;

	if (!n)
		return -EFAULT;
	status = vhm_insn_decode(&e->insn, buf, n, vhm_insn_mode(vcpu));
	if (status != VHM_INSN_OK)
		return status;
	vcpu->stats.insn_emulation++;
	describe(vcpu, nofault);
	p->gpa_valid = vcpu->exit.kind == VHM_X_FAULT && single_operand(&e->insn) &&
		       !(vcpu->exit.fault.access & VHM_ACC_WALK);
	p->fault_gpa = vcpu->exit.fault.gpa;
	return VHM_INSN_OK;
}

int vhm_mmio_fast(struct vhm_vcpu *vcpu)
{
	const struct vhm_fault *f = &vcpu->exit.fault;

	if (!is_device(vcpu, f->gpa, f->access & VHM_ACC_WRITE))
		return VHM_SLOW;
	op_commit(&vcpu->emul);
	if (load(vcpu, true) != VHM_INSN_OK || !single_operand(&vcpu->emul.insn))
		return VHM_SLOW;
	return vhm_emul_resume(vcpu);
}

/*
 * A fetch that fails is left to the guest, which will fault on it, unless the
 * code lies where no memory is: the CPU cannot run from there either. After a
 * fault on a device, or when hv stands in for the CPU, the fast path's record is
 * gone on with.
 */
int vhm_emulate(struct vhm_vcpu *vcpu)
{
	struct vhm_walk w;

	if ((vcpu->exit.kind != VHM_X_FAULT && vcpu->exit.kind != VHM_X_EMULATE) ||
	    !vcpu->pending.nofault)
		op_commit(&vcpu->emul);
	switch (load(vcpu, false)) {
	case -EFAULT:
		return vhm_gva_to_gpa(vcpu, vhm_linear_rip(vcpu), VHM_ACC_EXEC, false, &w) > 0 ?
		       VHM_RESUME : failure(vcpu);
	case VHM_INSN_OK:
		return vhm_emul_resume(vcpu);
	case VHM_INSN_SHORT:	/* its second page went away: the guest finds out */
		return VHM_RESUME;
	case VHM_INSN_LONG:
		vhm_raise_error(vcpu, GP_VECTOR, 0);
		return VHM_RESUME;
	default:
		return failure(vcpu);
	}
}

/* ---- in place of the CPU ------------------------------------------------------------------------ */

/*
 * An event that the CPU cannot deliver, since it cannot enter the guest as it is.
 * A fault on the way comes in its place, as if the event had been delivered and
 * its handler's first instruction were at fault: the table of real mode is bad.
 */
static int deliver(struct vhm_vcpu *vcpu)
{
	struct vhm_event ev = vcpu->ev.interrupted;
	struct vhm_emul *e = &vcpu->emul;
	enum vhm_emul_status s;

	op_commit(e);
	describe(vcpu, false);
	e->insn = (struct vhm_insn){ .mode = vhm_insn_mode(vcpu) };
	e->rip = vcpu->rip + ev.insn_len;
	e->rflags = vcpu->rflags;
	s = vhm_emul_interrupt(e, ev.vector);
	if (s == VHM_EMUL_RETRY)
		return VHM_RESUME;
	if (s == VHM_EMUL_OK) {
		vcpu->rip = e->rip;
		vcpu->rflags = e->rflags;
		if (ev.kind == VHM_EV_NMI)
			vhm_ops->set_blocked(vcpu, vhm_ops->blocked(vcpu) | VHM_BLOCK_NMI);
	} else if (s == VHM_EMUL_FAULT) {
		raise(vcpu);
	} else {
		return failure(vcpu);
	}
	vcpu->ev.interrupted.kind = VHM_EV_NONE;
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return VHM_RESUME;
}

/* Windows do not open by themselves where no guest runs. */
static void look_again(struct vhm_vcpu *vcpu)
{
	if (vcpu->ev.windows)
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
}

int vhm_stand_in_fast(struct vhm_vcpu *vcpu)
{
	op_commit(&vcpu->emul);
	/* no entry notices the host's interrupts: let them in from time to time */
	if (vcpu->ev.interrupted.kind || !(++vcpu->emul_run % 32) ||
	    load(vcpu, true) != VHM_INSN_OK)
		return VHM_SLOW;
	look_again(vcpu);
	return vhm_emul_resume(vcpu);
}

int vhm_stand_in(struct vhm_vcpu *vcpu)
{
	if (vcpu->ev.interrupted.kind)
		return deliver(vcpu);
	look_again(vcpu);
	return vhm_emulate(vcpu);
}
