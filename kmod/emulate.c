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

#define UD_VECTOR	6
#define NM_VECTOR	7
#define GP_VECTOR	13
#define PF_VECTOR	14
#define RAISED		0xff	/* vhm_emul.exc.vector: the event is queued already */
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

/*
 * RAM that the VMM took away is its mistake (-EFAULT); in a section, try
 * outside. When it is the slot that went meanwhile, the guest tries again and
 * meets what is there now.
 */
static enum vhm_emul_status ram_status(struct vhm_vcpu *vcpu, u64 gpa, bool write, int r)
{
	if (!r)
		return VHM_EMUL_OK;
	return vcpu->pending.nofault || is_device(vcpu, gpa, write) ? VHM_EMUL_RETRY : VHM_EMUL_FAIL;
}

static bool kernel_device(struct vhm_vcpu *vcpu, struct vhm_access *a)
{
	u64 val = 0;

	if (vhm_irq_mmio(vcpu, a->gpa, a->len, a->write, a->data))
		return true;
	if (!a->write)
		return false;
	memcpy(&val, a->data, a->len);
	return vhm_iobus_write(vcpu->vm, false, a->gpa, a->len, val) ||
	       vhm_coalesced_write(vcpu->vm, false, a->gpa, a->len, val);
}

static enum vhm_emul_status ask_user(struct vhm_vcpu *vcpu, const struct vhm_access *a)
{
	struct kvm_run *run = vcpu->run;

	vcpu->pending.kind = VHM_PENDING_EMUL;
	vcpu->pending.rip = vcpu->rip;
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = a->gpa;
	run->mmio.len = a->len;
	run->mmio.is_write = a->write;
	memcpy(run->mmio.data, a->data, sizeof(a->data));
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
			memcpy(a->data, buf, len);
		p->n++;
		if (!kernel_device(vcpu, a))
			s = ask_user(vcpu, a);
	}
	if (!s && !write)
		memcpy(buf, a->data, len);
	return s;
}

static int ram(struct vhm_vcpu *vcpu, u64 gpa, void *buf, u32 n, bool write)
{
	if (vcpu->pending.nofault)
		return write ? vhm_gpa_write_nofault(vcpu->vm, gpa, buf, n) :
			       vhm_gpa_read_nofault(vcpu->vm, gpa, buf, n);
	return write ? vhm_gpa_write(vcpu->vm, gpa, buf, n) : vhm_gpa_read(vcpu->vm, gpa, buf, n);
}

/* Part of an access that lies in one page. */
static enum vhm_emul_status page_access(struct vhm_emul *e, u64 la, void *buf, u32 n, u32 acc,
					bool write)
{
	struct vhm_vcpu *vcpu = vcpu_of(e);
	u64 gpa;
	enum vhm_emul_status s = translate(e, la, acc, &gpa);
	u32 i, part;

	if (s)
		return s;
	if (!is_device(vcpu, gpa, write))
		return ram_status(vcpu, gpa, write, ram(vcpu, gpa, buf, n, write));
	for (i = 0; i < n && !s; i += part) {
		part = min(n - i, 8u);
		s = device(vcpu, gpa + i, buf + i, part, write);
	}
	return s;
}

static enum vhm_emul_status mem_access(struct vhm_emul *e, u64 la, void *buf, u32 size, u32 acc,
				       bool write)
{
	u32 n = min_t(u32, size, PAGE_SIZE - offset_in_page(la));
	enum vhm_emul_status s = page_access(e, la, buf, n, acc, write);

	if (likely(n == size) || s)
		return s;
	la += n;
	return page_access(e, e->insn.mode == VHM_INSN_64 ? la : (u32)la, buf + n, size - n, acc,
			   write);
}

static enum vhm_emul_status op_read(struct vhm_emul *e, u64 la, void *buf, u32 size, u32 acc)
{
	return mem_access(e, la, buf, size, acc, false);
}

static enum vhm_emul_status op_write(struct vhm_emul *e, u64 la, const void *buf, u32 size)
{
	return mem_access(e, la, (void *)buf, size, VHM_ACC_WRITE, true);
}

static enum vhm_emul_status op_cmpxchg(struct vhm_emul *e, u64 la, const void *old,
				       const void *new, u32 size)
{
	struct vhm_vcpu *vcpu = vcpu_of(e);
	u64 gpa, o = 0, n = 0;
	enum vhm_emul_status s = translate(e, la, VHM_ACC_READ | VHM_ACC_WRITE, &gpa);
	int r;

	if (s)
		return s;
	if (is_device(vcpu, gpa, true))
		return mem_access(e, la, (void *)new, size, VHM_ACC_WRITE, true);
	if (vcpu->pending.nofault)
		return VHM_EMUL_RETRY;
	if (size > 8 || la & (size - 1))	/* no locked access to RAM needs us there */
		return VHM_EMUL_FAIL;
	memcpy(&o, old, size);
	memcpy(&n, new, size);
	r = vhm_gpa_cmpxchg(vcpu->vm, gpa, &o, n, size);
	return r > 0 ? VHM_EMUL_RETRY : ram_status(vcpu, gpa, true, r);
}

/* One page of op_probe(): a device is not batched, so that each item is recorded. */
static enum vhm_emul_status probe_page(struct vhm_emul *e, u64 la, u32 acc)
{
	u64 gpa;
	enum vhm_emul_status s = translate(e, la, acc, &gpa);

	return !s && is_device(vcpu_of(e), gpa, acc & VHM_ACC_WRITE) ? VHM_EMUL_USER : s;
}

static enum vhm_emul_status op_probe(struct vhm_emul *e, u64 la, u32 size, u32 acc)
{
	enum vhm_emul_status s = probe_page(e, la, acc);

	return s || offset_in_page(la) + size <= PAGE_SIZE ? s : probe_page(e, la + size - 1, acc);
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
static enum vhm_emul_status pio(struct vhm_emul *e, u16 port, u32 size, u32 count, bool in)
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

static enum vhm_emul_status op_pio_in(struct vhm_emul *e, u16 port, u32 size, u32 count)
{
	return pio(e, port, size, count, true);
}

static enum vhm_emul_status op_pio_out(struct vhm_emul *e, u16 port, u32 size, u32 count)
{
	return pio(e, port, size, count, false);
}

/*
 * Both CPUs look at IOPL and the bitmap of the TSS before they exit for a port.
 * After another exit the instruction was replaced under us: the guest runs it.
 */
static enum vhm_emul_status op_pio_allowed(struct vhm_emul *e, u16 port, unsigned int size)
{
	return vcpu_of(e)->exit.kind == VHM_X_IO ? VHM_EMUL_OK : VHM_EMUL_RETRY;
}

/* ---- registers --------------------------------------------------------------------------- */

static void op_segment(struct vhm_emul *e, enum vhm_sreg nr, struct vhm_seg *seg)
{
	u32 group = nr == VHM_CS || nr == VHM_SS ? VHM_ST_CODE : VHM_ST_SEG;

	*seg = vhm_st(vcpu_of(e), group)->seg[nr];
}

static enum vhm_emul_status op_read_cr(struct vhm_emul *e, unsigned int nr, u64 *val)
{
	const struct vhm_state *st = vhm_st(vcpu_of(e), VHM_ST_CR);
	const u64 cr[] = { st->cr0, 0, st->cr2, st->cr3, st->cr4 };

	*val = nr == 8 ? vcpu_of(e)->cr8 : cr[nr];
	return VHM_EMUL_OK;
}

static int set_cr2(struct vhm_vcpu *vcpu, u64 val)
{
	vhm_st_write(vcpu, VHM_ST_CR)->cr2 = val;
	return 0;
}

static enum vhm_emul_status op_write_cr(struct vhm_emul *e, unsigned int nr, u64 val)
{
	static int (*const set[])(struct vhm_vcpu *vcpu, u64 val) = {
		[0] = vhm_set_cr0, [2] = set_cr2, [3] = vhm_set_cr3, [4] = vhm_set_cr4,
		[8] = vhm_set_cr8,
	};

	return set[nr](vcpu_of(e), val) ? vhm_emul_raise(e, GP_VECTOR, 0) : VHM_EMUL_OK;
}

/* vhm_get_dr() and vhm_set_dr() queue what is due themselves. */
static enum vhm_emul_status dr_status(struct vhm_emul *e, int r)
{
	if (r)
		e->exc.vector = RAISED;
	return r ? VHM_EMUL_FAULT : VHM_EMUL_OK;
}

static enum vhm_emul_status op_read_dr(struct vhm_emul *e, unsigned int nr, u64 *val)
{
	return dr_status(e, vhm_get_dr(vcpu_of(e), nr, val));
}

static enum vhm_emul_status op_write_dr(struct vhm_emul *e, unsigned int nr, u64 val)
{
	return dr_status(e, vhm_set_dr(vcpu_of(e), nr, val));
}

static enum vhm_emul_status op_invlpg(struct vhm_emul *e, u64 la)
{
	set_bit(VHM_REQ_TLB_FLUSH, &vcpu_of(e)->requests);
	return VHM_EMUL_OK;
}

/* AMD64 APM vol. 4, "128-Bit Media and 64-Bit Media Instruction Exceptions". */
static enum vhm_emul_status sse_usable(struct vhm_emul *e)
{
	const struct vhm_state *st = vhm_st(vcpu_of(e), VHM_ST_CR);

	if (st->cr0 & X86_CR0_EM || !(st->cr4 & X86_CR4_OSFXSR))
		return vhm_emul_raise(e, UD_VECTOR, 0);
	if (st->cr0 & X86_CR0_TS)
		return vhm_emul_raise(e, NM_VECTOR, 0);
	return vcpu_of(e)->pending.nofault ? VHM_EMUL_RETRY : VHM_EMUL_OK;
}

static enum vhm_emul_status op_read_xmm(struct vhm_emul *e, unsigned int nr, void *val)
{
	enum vhm_emul_status s = sse_usable(e);

	if (!s)
		vhm_xmm_read(vcpu_of(e), nr, val);
	return s;
}

static enum vhm_emul_status op_write_xmm(struct vhm_emul *e, unsigned int nr, const void *val)
{
	enum vhm_emul_status s = sse_usable(e);

	if (!s)
		vhm_xmm_write(vcpu_of(e), nr, val);
	return s;
}

static const struct vhm_emul_ops emul_ops = {
	.segment = op_segment,
	.read = op_read,
	.write = op_write,
	.cmpxchg = op_cmpxchg,
	.probe = op_probe,
	.commit = op_commit,
	.pio_in = op_pio_in,
	.pio_out = op_pio_out,
	.pio_allowed = op_pio_allowed,
	.read_cr = op_read_cr,
	.write_cr = op_write_cr,
	.read_dr = op_read_dr,
	.write_dr = op_write_dr,
	.invlpg = op_invlpg,
	.read_xmm = op_read_xmm,
	.write_xmm = op_write_xmm,
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
	if (x->vector == RAISED)
		return VHM_RESUME;
	if (x->vector == PF_VECTOR)
		vhm_raise_pf(vcpu, x->addr, x->error);
	else if (x->has_error)
		vhm_raise_error(vcpu, x->vector, x->error);
	else
		vhm_raise(vcpu, x->vector);
	return VHM_RESUME;
}

static int exec(struct vhm_vcpu *vcpu)
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
		return VHM_RESUME;
	}
	if (s == VHM_EMUL_FAULT)
		return raise(vcpu);
	if (s == VHM_EMUL_USER)
		return VHM_USER;
	if (p->nofault) {
		p->keep = true;
		p->rip = vcpu->rip;
		return VHM_SLOW;
	}
	op_commit(e);
	return s == VHM_EMUL_RETRY ? VHM_RESUME : failure(vcpu);
}

/* One memory operand, so that the faulting address can only be its own. */
static bool single_operand(const struct vhm_insn *i)
{
	static const u64 others =
		BIT_ULL(VHM_OP_MOVS) | BIT_ULL(VHM_OP_CMPS) | BIT_ULL(VHM_OP_INS) |
		BIT_ULL(VHM_OP_OUTS) | BIT_ULL(VHM_OP_STOS) | BIT_ULL(VHM_OP_LODS) |
		BIT_ULL(VHM_OP_SCAS) | BIT_ULL(VHM_OP_PUSH) | BIT_ULL(VHM_OP_POP) |
		BIT_ULL(VHM_OP_NONE);

	static_assert(VHM_NR_OP <= 64);
	return !(others >> i->op & 1);
}

/* Fetch, decode and describe the vCPU to the emulator. enum vhm_insn_status or -EFAULT. */
static int load(struct vhm_vcpu *vcpu, bool nofault)
{
	struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR | VHM_ST_CODE);
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
	e->ops = &emul_ops;
	e->gpr = vcpu->gpr;
	e->cpl = st->cpl;
	e->prot = (st->cr0 & X86_CR0_PE) && !(vcpu->rflags & X86_EFLAGS_VM);
	e->la_bits = st->cr4 & X86_CR4_LA57 ? 57 : 48;
	e->max_iter = MAX_ITER;
	e->pio_buf = vhm_pio_data(vcpu);
	e->pio_size = PAGE_SIZE;
	p->nofault = nofault;
	p->gpa_valid = vcpu->exit.kind == VHM_X_FAULT && single_operand(&e->insn) &&
		       !(vcpu->exit.fault.access & VHM_ACC_WALK);
	p->fault_gpa = vcpu->exit.fault.gpa;
	if (!p->keep || p->rip != vcpu->rip)
		op_commit(e);
	p->keep = false;
	return VHM_INSN_OK;
}

int vhm_mmio_fast(struct vhm_vcpu *vcpu)
{
	const struct vhm_fault *f = &vcpu->exit.fault;

	if (!is_device(vcpu, f->gpa, f->access & VHM_ACC_WRITE) ||
	    load(vcpu, true) != VHM_INSN_OK || !single_operand(&vcpu->emul.insn))
		return VHM_SLOW;
	return exec(vcpu);
}

/*
 * A fetch that fails is left to the guest, which will fault on it, unless the
 * code lies where no memory is: the CPU cannot run from there either.
 */
static int fetch_failed(struct vhm_vcpu *vcpu)
{
	struct vhm_walk w;
	int r = vhm_gva_to_gpa(vcpu, vhm_linear_rip(vcpu), VHM_ACC_EXEC, false, &w);

	return r > 0 ? VHM_RESUME : failure(vcpu);
}

int vhm_emulate(struct vhm_vcpu *vcpu)
{
	switch (load(vcpu, false)) {
	case -EFAULT:
		return fetch_failed(vcpu);
	case VHM_INSN_OK:
		return exec(vcpu);
	case VHM_INSN_SHORT:	/* its second page went away: the guest finds out */
		return VHM_RESUME;
	case VHM_INSN_LONG:
		vhm_raise_error(vcpu, GP_VECTOR, 0);
		return VHM_RESUME;
	default:
		return failure(vcpu);
	}
}

int vhm_emul_resume(struct vhm_vcpu *vcpu)
{
	vcpu->pending.nofault = false;
	return exec(vcpu);
}
