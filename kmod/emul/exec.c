// SPDX-License-Identifier: GPL-2.0-only
/*
 * The executor: addresses, segments and the instructions with an r/m operand.
 *
 * Each instruction has the same three steps: fetch operands, compute on local
 * values, store the result; a memory operand is checked before anything moves.
 * Registers change only after the last op answered OK, so an instruction that
 * stops half-way can be run again from the start.
 */
#include "exec.h"

enum vhm_emul_status vhm_emul_raise(struct vhm_emul *e, u8 vector, u32 error)
{
	/* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX */
	const u32 with_error = 0x60227d00;
	bool real = !e->prot && !(e->rflags & VHM_FL_VM);

	e->exc.vector = vector;
	e->exc.has_error = !real && vector < 32 && (with_error >> vector & 1);
	e->exc.error = e->exc.has_error ? error : 0;
	return VHM_EMUL_FAULT;
}

/* Does the descriptor allow this kind of access at these offsets? */
static bool seg_allows(const struct vhm_emul *e, const struct vhm_seg *s, u64 off, u64 last,
		       unsigned int acc)
{
	bool code = s->attr & VHM_SEG_CODE, rw = s->attr & VHM_SEG_RW;

	if (e->prot && (!(s->attr & VHM_SEG_P) || !(s->attr & VHM_SEG_S) ||
			(acc & VHM_ACC_WRITE && (code || !rw)) ||
			(acc & VHM_ACC_READ && code && !rw)))
		return false;
	if (!code && s->attr & VHM_SEG_DOWN)
		return off > s->limit && last <= (s->attr & VHM_SEG_DB ? 0xffffffff : 0xffff);
	return last <= s->limit;
}

static bool canonical(const struct vhm_emul *e, u64 la)
{
	unsigned int shift = 64 - e->la_bits;

	return (s64)(la << shift) >> shift == (s64)la;
}

/* Segments that count: any outside 64-bit mode, FS and GS in it. */
static noinline bool segmented(struct vhm_emul *e, enum vhm_sreg seg, u64 off, u64 last,
			       unsigned int acc, u64 *la)
{
	struct vhm_seg s;

	e->ops->segment(e, seg, &s);
	*la = s.base + off;
	if (e->insn.mode == VHM_INSN_64)
		return canonical(e, *la) && canonical(e, s.base + last);
	*la = (u32)*la;
	return seg_allows(e, &s, off, last, acc);
}

enum vhm_emul_status vhm_linear(struct vhm_emul *e, enum vhm_sreg seg, u64 off, unsigned int size,
				unsigned int acc, u64 *la)
{
	u64 last = off + size - 1;
	bool ok;

	*la = off;
	if (e->insn.mode != VHM_INSN_64 || seg >= VHM_FS)
		ok = segmented(e, seg, off, last, acc, la);
	else
		ok = canonical(e, off) && canonical(e, last);
	if (likely(ok))
		return VHM_EMUL_OK;
	return vhm_emul_raise(e, seg == VHM_SS ? VHM_VEC_SS : VHM_VEC_GP, 0);
}

static inline enum vhm_emul_status rm_linear(struct vhm_emul *e, s64 delta, unsigned int size,
					     unsigned int acc, u64 *la)
{
	const struct vhm_insn *in = &e->insn;
	u64 ea = (u64)in->disp + (u64)delta;

	if (likely(in->base < VHM_NR_GPR))
		ea += e->gpr[in->base];
	else if (in->base == VHM_REG_RIP)
		ea += e->rip + in->len;
	if (in->index < VHM_NR_GPR)
		ea += e->gpr[in->index] << in->scale;
	return vhm_linear(e, in->seg, ea & vhm_mask(in->adsize), size, acc, la);
}

enum vhm_emul_status vhm_rm_linear(struct vhm_emul *e, s64 delta, unsigned int size,
				   unsigned int acc, u64 *la)
{
	return rm_linear(e, delta, size, acc, la);
}

enum vhm_emul_status vhm_rm_read(struct vhm_emul *e, unsigned int size, u64 *val)
{
	enum vhm_emul_status st;
	u64 la;

	*val = 0;
	if (e->insn.mem) {
		st = rm_linear(e, 0, size, VHM_ACC_READ, &la);
		return st ? st : e->ops->read(e, la, val, size, VHM_ACC_READ);
	}
	*val = vhm_gpr_read(e, e->insn.rm, size);
	return VHM_EMUL_OK;
}

static inline enum vhm_emul_status rm_store(struct vhm_emul *e, unsigned int size, u64 val)
{
	enum vhm_emul_status st;
	u64 la;

	if (likely(e->insn.mem)) {
		st = rm_linear(e, 0, size, VHM_ACC_WRITE, &la);
		if (!st)
			st = e->ops->write(e, la, &val, size);
		if (unlikely(st))
			return st;
	} else {
		vhm_gpr_write(e, e->insn.rm, size, val);
	}
	return vhm_emul_done(e, e->rflags);
}

enum vhm_emul_status vhm_rm_store(struct vhm_emul *e, unsigned int size, u64 val)
{
	return rm_store(e, size, val);
}

/*
 * MOV, MOVZX, MOVSX, MOVBE in all forms. Most device accesses are these, so
 * they do without the machinery for instructions that compute.
 */
static noinline enum vhm_emul_status exec_mov(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	bool load = in->form == VHM_FORM_RM;
	enum vhm_emul_status st;
	u64 val = in->imm;

	if (load) {
		st = vhm_rm_read(e, in->ssize, &val);
		if (unlikely(st))
			return st;
		if (in->op == VHM_OP_MOVSX)
			val = vhm_sign_extend(val, in->ssize);
	} else if (in->form == VHM_FORM_MR) {
		val = vhm_gpr_read(e, in->reg, in->size);
	}
	if (in->op == VHM_OP_MOVBE)
		val = __builtin_bswap64(val) >> (64 - 8 * in->size);
	if (!load)
		return rm_store(e, in->size, val);
	vhm_gpr_write(e, in->reg, in->size, val);
	return vhm_emul_done(e, e->rflags);
}

/* Is the memory operand the destination? */
static inline bool dest_mem(const struct vhm_insn *in)
{
	return in->mem && in->form != VHM_FORM_RM;
}

/* Bit strings: a register offset reaches beyond the operand; bytes to move. */
static s64 bit_delta(const struct vhm_insn *in, u64 bit)
{
	if (in->op < VHM_OP_BT || in->op > VHM_OP_BTC || in->form != VHM_FORM_MR)
		return 0;
	return (s64)(vhm_sign_extend(bit, in->size) & -(u64)(8 * in->size)) >> 3;
}

/* Up to VHM_OP_CMPXCHG: from source and destination to the destination and flags. */
static noinline enum vhm_emul_status exec_operands(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	unsigned int dest = in->form == VHM_FORM_RM ? in->reg : in->rm, size = in->size;
	bool store = in->op != VHM_OP_CMP && in->op != VHM_OP_TEST && in->op != VHM_OP_BT;
	unsigned int acc = store ? VHM_ACC_READ | VHM_ACC_WRITE : VHM_ACC_READ;
	u64 d, old = 0, s = in->imm, flags = e->rflags, la = 0;
	enum vhm_emul_status st = VHM_EMUL_OK;

	if (in->form == VHM_FORM_MR)
		s = vhm_gpr_read(e, in->reg, size);
	else if (in->form == VHM_FORM_MC)
		s = e->gpr[VHM_RCX];
	else if (in->form == VHM_FORM_RM)
		st = vhm_rm_read(e, size, &s);
	if (!dest_mem(in))
		old = vhm_gpr_read(e, dest, size);
	else
		st = rm_linear(e, bit_delta(in, s), size, acc, &la);
	if (!st && dest_mem(in))
		st = e->ops->read(e, la, &old, size, acc);
	if (st)
		return st;
	d = vhm_alu(in->op, old, s, e->gpr[VHM_RAX], size, &flags);
	if (store && dest_mem(in)) {
		if (in->prefix & VHM_PFX_LOCK || in->op == VHM_OP_XCHG)
			st = e->ops->cmpxchg(e, la, &old, &d, size);
		else
			st = e->ops->write(e, la, &d, size);
		if (st)
			return st;
	}

	/* Nothing fails from here on. */
	if (in->op == VHM_OP_XADD || in->op == VHM_OP_XCHG)
		vhm_gpr_write(e, in->reg, size, old);
	if (in->op == VHM_OP_CMPXCHG && !(flags & VHM_FL_ZF))
		/* A register destination keeps its upper half too. */
		vhm_gpr_write(e, VHM_RAX, size, old);
	else if (store && !dest_mem(in))
		vhm_gpr_write(e, dest, size, d);
	return vhm_emul_done(e, flags);
}

/* Two halves of @half bytes each, to memory's order. */
static void join(u8 *to, u64 low, u64 high, unsigned int half)
{
	memcpy(to, &low, half);
	memcpy(to + half, &high, half);
}

/* CMPXCHG8B and CMPXCHG16B: RDX:RAX against memory, RCX:RBX into it. */
static enum vhm_emul_status exec_cmpxchg8b(struct vhm_emul *e)
{
	unsigned int half = e->insn.size == 8 ? 8 : 4, acc = VHM_ACC_READ | VHM_ACC_WRITE;
	u64 la, low = 0, high = 0;
	enum vhm_emul_status st;
	u8 old[16], new[16];
	bool equal;

	st = rm_linear(e, 0, 2 * half, acc, &la);
	if (!st && half == 8 && la & 15)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	if (!st)
		st = e->ops->read(e, la, old, 2 * half, acc);
	if (st)
		return st;
	join(new, e->gpr[VHM_RAX], e->gpr[VHM_RDX], half);
	equal = !memcmp(old, new, 2 * half);
	if (equal)
		join(new, e->gpr[VHM_RBX], e->gpr[VHM_RCX], half);
	else
		memcpy(new, old, sizeof(new));
	if (e->insn.prefix & VHM_PFX_LOCK)
		st = e->ops->cmpxchg(e, la, old, new, 2 * half);
	else
		st = e->ops->write(e, la, new, 2 * half);
	if (st)
		return st;
	if (!equal) {
		memcpy(&low, old, half);
		memcpy(&high, old + half, half);
		vhm_gpr_write(e, VHM_RAX, half, low);
		vhm_gpr_write(e, VHM_RDX, half, high);
	}
	return vhm_emul_done(e, vhm_flag(e->rflags, VHM_FL_ZF, equal));
}

/* MOVAPS, MOVUPS, MOVDQA and their kin, between memory and a register. */
static enum vhm_emul_status exec_mov_xmm(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	bool load = in->form == VHM_FORM_RM, unaligned = in->opcode == 0x10 || in->opcode == 0x11 ||
						       in->prefix & VHM_PFX_REPE;
	enum vhm_emul_status st;
	u8 val[16];
	u64 la;

	st = e->ops->read_xmm(e, in->reg, val);
	if (!st)
		st = rm_linear(e, 0, 16, load ? VHM_ACC_READ : VHM_ACC_WRITE, &la);
	if (!st && !unaligned && la & 15)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	if (!st)
		st = load ? e->ops->read(e, la, val, 16, VHM_ACC_READ) :
			    e->ops->write(e, la, val, 16);
	if (!st && load)
		st = e->ops->write_xmm(e, in->reg, val);
	return st ? st : vhm_emul_done(e, e->rflags);
}

/* Width of the stack pointer in bytes. */
static unsigned int stack_width(struct vhm_emul *e)
{
	struct vhm_seg ss;

	if (e->insn.mode == VHM_INSN_64)
		return 8;
	e->ops->segment(e, VHM_SS, &ss);
	return ss.attr & VHM_SEG_DB ? 4 : 2;
}

static enum vhm_emul_status exec_push(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	unsigned int width = stack_width(e);
	u64 la, val = in->imm, sp = (e->gpr[VHM_RSP] - in->size) & vhm_mask(width);
	enum vhm_emul_status st = VHM_EMUL_OK;

	if (in->form != VHM_FORM_MI)
		st = vhm_rm_read(e, in->size, &val);
	if (!st)
		st = vhm_linear(e, VHM_SS, sp, in->size, VHM_ACC_WRITE, &la);
	if (!st)
		st = e->ops->write(e, la, &val, in->size);
	if (st)
		return st;
	vhm_gpr_write(e, VHM_RSP, width, sp);
	return vhm_emul_done(e, e->rflags);
}

/* The destination's address is computed with RSP after the increment. */
static enum vhm_emul_status exec_pop(struct vhm_emul *e)
{
	unsigned int width = stack_width(e), size = e->insn.size;
	u64 la, val = 0, rsp = e->gpr[VHM_RSP];
	enum vhm_emul_status st;

	st = vhm_linear(e, VHM_SS, rsp & vhm_mask(width), size, VHM_ACC_READ, &la);
	if (!st)
		st = e->ops->read(e, la, &val, size, VHM_ACC_READ);
	if (st)
		return st;
	vhm_gpr_write(e, VHM_RSP, width, rsp + size);
	st = vhm_rm_store(e, size, val);
	if (st)
		e->gpr[VHM_RSP] = rsp;
	return st;
}

/* Does the instruction take LOCK, if its destination is memory? */
static bool lockable(enum vhm_insn_op op)
{
	return op <= VHM_OP_XOR || (op >= VHM_OP_BTS && op <= VHM_OP_CMPXCHG8B);
}

enum vhm_emul_status vhm_emul_exec(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;

	if (unlikely(in->prefix & VHM_PFX_LOCK) && in->op != VHM_OP_NONE &&
	    !(lockable(in->op) && dest_mem(in)))
		return vhm_emul_raise(e, VHM_VEC_UD, 0);
	if (likely(in->op >= VHM_OP_MOV && in->op <= VHM_OP_MOVBE))
		return exec_mov(e);
	switch (in->op) {
	case VHM_OP_ADD ... VHM_OP_CMPXCHG:
		return exec_operands(e);
	case VHM_OP_CMPXCHG8B:
		return exec_cmpxchg8b(e);
	case VHM_OP_MOV_XMM:
		return exec_mov_xmm(e);
	case VHM_OP_PUSH:
		return exec_push(e);
	case VHM_OP_POP:
		return exec_pop(e);
	case VHM_OP_NOP:
		return vhm_emul_done(e, e->rflags);
	case VHM_OP_MOVS ... VHM_OP_OUTS:
		return vhm_exec_string(e);
	case VHM_OP_IN ... VHM_OP_MOV_FROM_SREG:
		return vhm_exec_system(e);
	default:
		return VHM_EMUL_FAIL;
	}
}
