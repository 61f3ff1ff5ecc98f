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

/* What happens to the destination; also which instructions take LOCK. */
#define RD	1
#define WR	2
#define LK	4

static const u8 op_attr[VHM_NR_OP] = {
	[VHM_OP_ADD] = RD | WR | LK,
	[VHM_OP_OR] = RD | WR | LK,
	[VHM_OP_ADC] = RD | WR | LK,
	[VHM_OP_SBB] = RD | WR | LK,
	[VHM_OP_AND] = RD | WR | LK,
	[VHM_OP_SUB] = RD | WR | LK,
	[VHM_OP_XOR] = RD | WR | LK,
	[VHM_OP_CMP] = RD,
	[VHM_OP_TEST] = RD,
	[VHM_OP_ROL ... VHM_OP_SAR] = RD | WR,
	[VHM_OP_BT] = RD,
	[VHM_OP_BTS ... VHM_OP_BTC] = RD | WR | LK,
	[VHM_OP_NOT ... VHM_OP_DEC] = RD | WR | LK,
	[VHM_OP_XCHG ... VHM_OP_CMPXCHG] = RD | WR | LK,
	[VHM_OP_CMPXCHG8B] = RD | WR | LK,
	[VHM_OP_MOV_FROM_SREG] = WR,
};

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

static noinline enum vhm_emul_status seg_fault(struct vhm_emul *e, enum vhm_sreg nr)
{
	return vhm_emul_raise(e, nr == VHM_SS ? VHM_VEC_SS : VHM_VEC_GP, 0);
}

/* Does the descriptor allow this kind of access at these offsets? */
static bool seg_allows(const struct vhm_emul *e, const struct vhm_seg *s,
		       u64 off, u64 last, unsigned int acc)
{
	bool code = s->attr & VHM_SEG_CODE;

	if (e->prot) {
		if (!(s->attr & VHM_SEG_P) || !(s->attr & VHM_SEG_S))
			return false;
		if ((acc & VHM_ACC_WRITE) && (code || !(s->attr & VHM_SEG_RW)))
			return false;
		if ((acc & VHM_ACC_READ) && code && !(s->attr & VHM_SEG_RW))
			return false;
	}
	if (!code && s->attr & VHM_SEG_DOWN)
		return off > s->limit &&
		       last <= (s->attr & VHM_SEG_DB ? 0xffffffff : 0xffff);
	return last <= s->limit;
}

static bool canonical(const struct vhm_emul *e, u64 la)
{
	unsigned int shift = 64 - e->la_bits;

	return (s64)(la << shift) >> shift == (s64)la;
}

/* Segments that count: any outside 64-bit mode, FS and GS in it. */
static noinline enum vhm_emul_status
segmented(struct vhm_emul *e, enum vhm_sreg seg, u64 off, u64 last,
	  unsigned int acc, u64 *la)
{
	struct vhm_seg s;
	bool ok;

	e->ops->segment(e, seg, &s);
	*la = s.base + off;
	if (e->insn.mode == VHM_INSN_64) {
		ok = canonical(e, *la) && canonical(e, s.base + last);
	} else {
		*la = (u32)*la;
		ok = seg_allows(e, &s, off, last, acc);
	}
	return ok ? VHM_EMUL_OK : seg_fault(e, seg);
}

enum vhm_emul_status vhm_emul_linear(struct vhm_emul *e, enum vhm_sreg seg,
				     u64 off, unsigned int size,
				     unsigned int acc, u64 *la)
{
	u64 last = off + size - 1;

	if (e->insn.mode != VHM_INSN_64 || seg >= VHM_FS)
		return segmented(e, seg, off, last, acc, la);
	*la = off;
	if (likely(canonical(e, off) && canonical(e, last)))
		return VHM_EMUL_OK;
	return seg_fault(e, seg);
}

static inline u64 effective_address(const struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	u64 ea = in->moffs ? in->imm : (u64)(s64)in->disp;

	if (!in->moffs) {
		if (likely(in->base < VHM_NR_GPR))
			ea += e->gpr[in->base];
		else if (in->base == VHM_REG_RIP)
			ea += e->rip + in->len;
		if (in->index < VHM_NR_GPR)
			ea += e->gpr[in->index] << in->scale;
	}
	return ea;
}

/* Linear address of the memory operand. */
static inline enum vhm_emul_status rm_linear(struct vhm_emul *e, s64 delta,
					     unsigned int size,
					     unsigned int acc, u64 *la)
{
	u64 ea = (effective_address(e) + (u64)delta) & vhm_mask(e->insn.adsize);

	return vhm_emul_linear(e, e->insn.seg, ea, size, acc, la);
}

enum vhm_emul_status vhm_rm_read(struct vhm_emul *e, s64 delta,
				 unsigned int size, unsigned int acc, u64 *la,
				 u64 *val)
{
	enum vhm_emul_status st;

	if (!e->insn.mem) {
		*val = vhm_gpr_read(e, e->insn.rm, size);
		return VHM_EMUL_OK;
	}
	st = rm_linear(e, delta, size, acc, la);
	if (st || !(acc & VHM_ACC_READ))
		return st;
	*val = 0;
	return e->ops->read(e, *la, val, size, acc);
}

enum vhm_emul_status vhm_rm_write(struct vhm_emul *e, u64 la, unsigned int size,
				  u64 val)
{
	if (e->insn.mem)
		return e->ops->write(e, la, &val, size);
	vhm_gpr_write(e, e->insn.rm, size, val);
	return VHM_EMUL_OK;
}

/* Values of one instruction with two operands, on their way. */
struct operands {
	u64 d;		/* destination, then result */
	u64 s;		/* source */
	u64 old;	/* destination as it was read */
	u64 flags;
	u64 la;		/* of the memory operand */
};

/* Bit strings: a register offset reaches beyond the operand; bytes to move. */
static s64 bit_delta(const struct vhm_emul *e, u64 bit)
{
	unsigned int size = e->insn.size;

	if (e->insn.op < VHM_OP_BT || e->insn.op > VHM_OP_BTC ||
	    e->insn.form != VHM_FORM_MR)
		return 0;
	return (s64)(vhm_sign_extend(bit, size) & -(u64)(8 * size)) >> 3;
}

static u64 bit_op(enum vhm_insn_op op, u64 d, u64 s, unsigned int size,
		  u64 *flags)
{
	u64 bit = 1ull << (s & (8 * size - 1));

	*flags = vhm_flag(*flags, VHM_FL_CF, d & bit);
	switch (op) {
	case VHM_OP_BTS:
		return d | bit;
	case VHM_OP_BTR:
		return d & ~bit;
	case VHM_OP_BTC:
		return d ^ bit;
	default:
		return d;
	}
}

static u64 swap_bytes(u64 v, unsigned int size)
{
	u64 r = 0;

	while (size--) {
		r = r << 8 | (v & 0xff);
		v >>= 8;
	}
	return r;
}

/* Register number of the destination, when it is a register. */
static unsigned int dest_reg(const struct vhm_insn *in)
{
	if (in->form == VHM_FORM_RM)
		return in->reg;
	return in->form == VHM_FORM_AI ? VHM_RAX : in->rm;
}

/* Is the memory operand the destination? */
static inline bool dest_mem(const struct vhm_insn *in)
{
	return in->mem && in->form != VHM_FORM_RM;
}

/* Source operand; sets o->s, and o->la if it is in memory. */
static enum vhm_emul_status fetch_source(struct vhm_emul *e,
					 struct operands *o)
{
	const struct vhm_insn *in = &e->insn;
	struct vhm_seg seg;

	switch ((enum vhm_insn_form)in->form) {
	case VHM_FORM_MR:
		o->s = vhm_gpr_read(e, in->reg, in->size);
		break;
	case VHM_FORM_RM:
		return vhm_rm_read(e, 0, in->ssize, VHM_ACC_READ, &o->la,
				   &o->s);
	case VHM_FORM_MI:
	case VHM_FORM_AI:
	case VHM_FORM_OI:
		o->s = in->imm;
		break;
	case VHM_FORM_MC:
		o->s = e->gpr[VHM_RCX];
		break;
	case VHM_FORM_OA:
		o->s = vhm_gpr_read(e, VHM_RAX, in->size);
		break;
	default:
		o->s = 1;
		break;
	}
	if (unlikely(in->op == VHM_OP_MOV_FROM_SREG)) {
		/* REX.R means nothing here. */
		if ((in->reg & 7) >= VHM_NR_SREG)
			return vhm_emul_raise(e, VHM_VEC_UD, 0);
		e->ops->segment(e, in->reg & 7, &seg);
		o->s = seg.sel;
	}
	return VHM_EMUL_OK;
}

/*
 * MOV, MOVZX, MOVSX, MOVBE in all forms. Most device accesses are these, so
 * they do without the machinery for instructions that compute.
 */
static noinline enum vhm_emul_status exec_mov(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	enum vhm_emul_status st;
	u64 la, val;

	if (in->form == VHM_FORM_RM) {
		st = vhm_rm_read(e, 0, in->ssize, VHM_ACC_READ, &la, &val);
		if (unlikely(st))
			return st;
		if (in->op == VHM_OP_MOVSX)
			val = vhm_sign_extend(val, in->ssize);
		else if (in->op == VHM_OP_MOVBE)
			val = swap_bytes(val, in->size);
		vhm_gpr_write(e, in->reg, in->size, val);
		return vhm_emul_done(e, e->rflags);
	}
	val = in->imm;
	if (in->form == VHM_FORM_MR)
		val = vhm_gpr_read(e, in->reg, in->size);
	if (in->op == VHM_OP_MOVBE)
		val = swap_bytes(val, in->size);
	if (likely(in->mem)) {
		st = rm_linear(e, 0, in->size, VHM_ACC_WRITE, &la);
		if (!st)
			st = e->ops->write(e, la, &val, in->size);
		if (unlikely(st))
			return st;
	} else {
		vhm_gpr_write(e, in->rm, in->size, val);
	}
	return vhm_emul_done(e, e->rflags);
}

/* From o->d, o->s and o->flags to the result in o->d and the flags. */
static void compute(struct vhm_emul *e, struct operands *o)
{
	const struct vhm_insn *in = &e->insn;
	enum vhm_insn_op op = in->op;
	u64 cf = o->flags & VHM_FL_CF;

	switch (op) {
	case VHM_OP_MOV_FROM_SREG:
	case VHM_OP_XCHG:
		o->d = o->s;
		break;
	case VHM_OP_INC:
	case VHM_OP_DEC:
		o->d = op == VHM_OP_INC ?
		       vhm_alu_add(o->d, 1, 0, in->size, &o->flags) :
		       vhm_alu_sub(o->d, 1, 0, in->size, &o->flags);
		o->flags = vhm_flag(o->flags, VHM_FL_CF, cf);
		break;
	case VHM_OP_NOT:
		o->d = ~o->d;
		break;
	case VHM_OP_NEG:
		o->d = vhm_alu_sub(0, o->d, 0, in->size, &o->flags);
		break;
	case VHM_OP_XADD:
		o->d = vhm_alu_add(o->d, o->s, 0, in->size, &o->flags);
		break;
	case VHM_OP_CMPXCHG:
		vhm_alu_sub(e->gpr[VHM_RAX], o->d, 0, in->size, &o->flags);
		if (o->flags & VHM_FL_ZF)
			o->d = o->s;
		break;
	case VHM_OP_BT:
	case VHM_OP_BTS:
	case VHM_OP_BTR:
	case VHM_OP_BTC:
		o->d = bit_op(op, o->d, o->s, in->size, &o->flags);
		break;
	default:
		if (op >= VHM_OP_ROL && op <= VHM_OP_SAR)
			o->d = vhm_alu_group2(op, o->d, o->s, in->size,
					      &o->flags);
		else
			o->d = vhm_alu(op, o->d, o->s, in->size, &o->flags);
		break;
	}
}

/* A memory destination: plainly, or as one transaction with its read. */
static enum vhm_emul_status store_mem(struct vhm_emul *e, struct operands *o,
				      unsigned int size)
{
	if ((e->insn.prefix & VHM_PFX_LOCK) || e->insn.op == VHM_OP_XCHG)
		return e->ops->cmpxchg(e, o->la, &o->old, &o->d, size);
	return e->ops->write(e, o->la, &o->d, size);
}

/* Every instruction with a row in op_attr, but CMPXCHG8B. */
static noinline enum vhm_emul_status exec_operands(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	struct operands o = { .flags = e->rflags };
	unsigned int attr = op_attr[in->op], acc = 0, size = in->size;
	enum vhm_emul_status st;

	if (in->op == VHM_OP_MOV_FROM_SREG && in->mem)
		size = 2;
	st = fetch_source(e, &o);
	if (st)
		return st;
	if (attr & RD)
		acc |= VHM_ACC_READ;
	if (attr & WR)
		acc |= VHM_ACC_WRITE;
	if (dest_mem(in)) {
		st = vhm_rm_read(e, bit_delta(e, o.s), size, acc, &o.la, &o.d);
		if (st)
			return st;
	} else {
		o.d = vhm_gpr_read(e, dest_reg(in), size);
	}
	o.old = o.d;
	compute(e, &o);
	if (attr & WR && dest_mem(in)) {
		st = store_mem(e, &o, size);
		if (st)
			return st;
	}

	/* Nothing fails from here on. */
	if (in->op == VHM_OP_XADD || in->op == VHM_OP_XCHG)
		vhm_gpr_write(e, in->form == VHM_FORM_OA ? VHM_RAX : in->reg,
			      size, o.old);
	if (in->op == VHM_OP_CMPXCHG && !(o.flags & VHM_FL_ZF))
		/* A register destination keeps its upper half too. */
		vhm_gpr_write(e, VHM_RAX, size, o.old);
	else if (attr & WR && !dest_mem(in))
		vhm_gpr_write(e, dest_reg(in), size, o.d);
	return vhm_emul_done(e, o.flags);
}

/* CMPXCHG8B and CMPXCHG16B: RDX:RAX against memory, RCX:RBX into it. */
static enum vhm_emul_status exec_cmpxchg8b(struct vhm_emul *e)
{
	unsigned int half = e->insn.size == 8 ? 8 : 4;
	u64 la, old[2] = { 0, 0 }, new[2], flags = e->rflags;
	enum vhm_emul_status st;
	u8 a[16], b[16];
	bool equal;

	st = rm_linear(e, 0, 2 * half, VHM_ACC_READ | VHM_ACC_WRITE, &la);
	if (st)
		return st;
	if (half == 8 && la & 15)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	st = e->ops->read(e, la, a, 2 * half, VHM_ACC_READ | VHM_ACC_WRITE);
	if (st)
		return st;
	memcpy(&old[0], a, half);
	memcpy(&old[1], a + half, half);
	equal = old[0] == (e->gpr[VHM_RAX] & vhm_mask(half)) &&
		old[1] == (e->gpr[VHM_RDX] & vhm_mask(half));
	new[0] = equal ? e->gpr[VHM_RBX] : old[0];
	new[1] = equal ? e->gpr[VHM_RCX] : old[1];
	memcpy(b, &new[0], half);
	memcpy(b + half, &new[1], half);
	if (e->insn.prefix & VHM_PFX_LOCK)
		st = e->ops->cmpxchg(e, la, a, b, 2 * half);
	else
		st = e->ops->write(e, la, b, 2 * half);
	if (st)
		return st;
	if (!equal) {
		vhm_gpr_write(e, VHM_RAX, half, old[0]);
		vhm_gpr_write(e, VHM_RDX, half, old[1]);
	}
	return vhm_emul_done(e, vhm_flag(flags, VHM_FL_ZF, equal));
}

/* MOVAPS, MOVUPS, MOVDQA and their kin, between memory and a register. */
static enum vhm_emul_status exec_mov_xmm(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	bool load = in->form == VHM_FORM_RM;
	bool unaligned = in->opcode == 0x10 || in->opcode == 0x11 ||
			 in->prefix & VHM_PFX_REPE;
	enum vhm_emul_status st;
	u8 val[16];
	u64 la;

	st = e->ops->read_xmm(e, in->reg, val);
	if (!st)
		st = rm_linear(e, 0, 16, load ? VHM_ACC_READ : VHM_ACC_WRITE,
			       &la);
	if (st)
		return st;
	if (!unaligned && la & 15)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	if (load) {
		st = e->ops->read(e, la, val, 16, VHM_ACC_READ);
		if (!st)
			st = e->ops->write_xmm(e, in->reg, val);
	} else {
		st = e->ops->write(e, la, val, 16);
	}
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
	u64 la, val = in->imm, sp;
	enum vhm_emul_status st;

	if (in->form != VHM_FORM_AI) {
		st = vhm_rm_read(e, 0, in->size, VHM_ACC_READ, &la, &val);
		if (st)
			return st;
	}
	sp = (e->gpr[VHM_RSP] - in->size) & vhm_mask(width);
	st = vhm_emul_linear(e, VHM_SS, sp, in->size, VHM_ACC_WRITE, &la);
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
	const struct vhm_insn *in = &e->insn;
	unsigned int width = stack_width(e);
	u64 la, dst = 0, val = 0, rsp = e->gpr[VHM_RSP];
	enum vhm_emul_status st;

	st = vhm_emul_linear(e, VHM_SS, rsp & vhm_mask(width), in->size,
			     VHM_ACC_READ, &la);
	if (!st)
		st = e->ops->read(e, la, &val, in->size, VHM_ACC_READ);
	if (st)
		return st;
	vhm_gpr_write(e, VHM_RSP, width, rsp + in->size);
	if (in->mem) {
		st = rm_linear(e, 0, in->size, VHM_ACC_WRITE, &dst);
		if (!st)
			st = e->ops->write(e, dst, &val, in->size);
		if (st) {
			e->gpr[VHM_RSP] = rsp;
			return st;
		}
	} else {
		vhm_gpr_write(e, in->rm, in->size, val);
	}
	return vhm_emul_done(e, e->rflags);
}

enum vhm_emul_status vhm_emul_exec(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;

	if (in->op == VHM_OP_NONE || in->op >= VHM_NR_OP)
		return VHM_EMUL_FAIL;
	if (unlikely(in->prefix & VHM_PFX_LOCK) &&
	    !(op_attr[in->op] & LK && dest_mem(in)))
		return vhm_emul_raise(e, VHM_VEC_UD, 0);

	if (likely(in->op >= VHM_OP_MOV && in->op <= VHM_OP_MOVBE))
		return exec_mov(e);
	switch ((enum vhm_insn_op)in->op) {
	case VHM_OP_NOP:
		return vhm_emul_done(e, e->rflags);
	case VHM_OP_CMPXCHG8B:
		return exec_cmpxchg8b(e);
	case VHM_OP_MOV_XMM:
		return exec_mov_xmm(e);
	case VHM_OP_PUSH:
		return exec_push(e);
	case VHM_OP_POP:
		return exec_pop(e);
	case VHM_OP_MOVS:
	case VHM_OP_CMPS:
	case VHM_OP_STOS:
	case VHM_OP_LODS:
	case VHM_OP_SCAS:
	case VHM_OP_INS:
	case VHM_OP_OUTS:
		return vhm_exec_string(e);
	case VHM_OP_IN:
	case VHM_OP_OUT:
	case VHM_OP_MOV_FROM_CR:
	case VHM_OP_MOV_TO_CR:
	case VHM_OP_MOV_FROM_DR:
	case VHM_OP_MOV_TO_DR:
	case VHM_OP_CLTS:
	case VHM_OP_LMSW:
	case VHM_OP_SMSW:
	case VHM_OP_INVLPG:
		return vhm_exec_system(e);
	default:
		return exec_operands(e);
	}
}
