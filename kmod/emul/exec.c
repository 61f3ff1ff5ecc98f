// SPDX-License-Identifier: GPL-2.0-only
/*
 * The executor: addresses, segments and what has an op of its own, but the strings.
 *
 * Each instruction has the same three steps: fetch operands, compute on local
 * values, store the result; a memory operand is checked before anything moves.
 * Registers change only after the last op answered OK, so an instruction that
 * stops half-way can be run again from the start. Privilege and encoding are
 * checked here; what a control register accepts is for the owner, who knows the
 * CPU model.
 */
#include "exec.h"

#define MSW_MASK	0xfull	/* of CR0 */

enum vhm_emul_status vhm_emul_raise(struct vhm_emul *e, u8 vector, u32 error)
{
	/* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX */
	const u32 with_error = 0x60227d00;
	bool real = !e->prot && !(e->rflags & X86_EFLAGS_VM);

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
	return vhm_emul_raise(e, seg == VHM_SS ? SS_VECTOR : GP_VECTOR, 0);
}

enum vhm_emul_status vhm_mem(struct vhm_emul *e, enum vhm_sreg seg, u64 off, void *buf,
			     unsigned int size, unsigned int acc)
{
	u64 la;
	enum vhm_emul_status st = vhm_linear(e, seg, off, size, acc, &la);

	return st ? st : e->ops->mem(e, la, buf, NULL, size, acc);
}

/* Its linear address. */
static enum vhm_emul_status rm_linear(struct vhm_emul *e, s64 delta, unsigned int size,
				      unsigned int acc, u64 *la)
{
	return vhm_linear(e, e->insn.seg, vhm_rm_offset(e, delta), size, acc, la);
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
		st = vhm_rm_read(e, &val, in->ssize);
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
		return vhm_rm_write(e, val, in->size);
	vhm_gpr_write(e, in->reg, in->size, val);
	return VHM_EMUL_OK;
}

/* Is the memory operand the destination? */
static inline bool dest_mem(const struct vhm_insn *in)
{
	return in->mem && in->form != VHM_FORM_RM;
}

static inline bool locked(const struct vhm_insn *in)
{
	return in->prefix & VHM_PFX_LOCK || in->op == VHM_OP_XCHG;
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
	bool scan = in->op == VHM_OP_BSF || in->op == VHM_OP_BSR;
	unsigned int acc = store ? VHM_ACC_READ | VHM_ACC_WRITE : VHM_ACC_READ;
	u64 d, old = 0, s = in->imm, flags = e->rflags, la = 0;
	enum vhm_emul_status st = VHM_EMUL_OK;

	if (in->form == VHM_FORM_MR)
		s = vhm_gpr_read(e, in->reg, size);
	else if (in->form == VHM_FORM_MC)
		s = e->gpr[VHM_RCX];
	else if (in->form == VHM_FORM_RM)
		st = vhm_rm_read(e, &s, size);
	if (!dest_mem(in))
		old = vhm_gpr_read(e, dest, size);
	else
		st = rm_linear(e, bit_delta(in, s), size, acc, &la);
	if (!st && dest_mem(in))
		st = e->ops->mem(e, la, &old, NULL, size, acc);
	if (st)
		return st;
	d = vhm_alu(in->op, old, s, e->gpr[VHM_RAX], size, &flags);
	if (store && dest_mem(in))
		st = e->ops->mem(e, la, &d, locked(in) ? &old : NULL, size, VHM_ACC_WRITE);
	if (st)
		return st;

	/* Nothing fails from here on. */
	if (in->op == VHM_OP_XADD || in->op == VHM_OP_XCHG)
		vhm_gpr_write(e, in->reg, size, old);
	if (in->op == VHM_OP_CMPXCHG && !(flags & X86_EFLAGS_ZF))
		/* A register destination keeps its upper half too. */
		vhm_gpr_write(e, VHM_RAX, size, old);
	else if (store && !dest_mem(in) && !(scan && flags & X86_EFLAGS_ZF))
		vhm_gpr_write(e, dest, size, d);
	e->rflags = flags;
	return VHM_EMUL_OK;
}

/* Two registers, half an operand each, in memory's order. */
static void join(const struct vhm_emul *e, u8 *to, enum vhm_gpr low, enum vhm_gpr high,
		 unsigned int half)
{
	memcpy(to, &e->gpr[low], half);
	memcpy(to + half, &e->gpr[high], half);
}

/* CMPXCHG8B and CMPXCHG16B: RDX:RAX against memory, RCX:RBX into it. */
static enum vhm_emul_status exec_cmpxchg8b(struct vhm_emul *e)
{
	unsigned int half = e->insn.size == 8 ? 8 : 4, acc = VHM_ACC_READ | VHM_ACC_WRITE;
	union { u8 bytes[16]; u32 d[4]; u64 q[2]; } old;
	enum vhm_emul_status st;
	bool equal;
	u8 new[16];
	u64 la;

	st = rm_linear(e, 0, 2 * half, acc, &la);
	if (!st && half == 8 && la & 15)
		return vhm_emul_raise(e, GP_VECTOR, 0);
	if (!st)
		st = e->ops->mem(e, la, &old, NULL, 2 * half, acc);
	if (st)
		return st;
	join(e, new, VHM_RAX, VHM_RDX, half);
	equal = !memcmp(&old, new, 2 * half);
	if (equal)
		join(e, new, VHM_RBX, VHM_RCX, half);
	st = e->ops->mem(e, la, equal ? new : old.bytes, locked(&e->insn) ? &old : NULL, 2 * half,
			 VHM_ACC_WRITE);
	if (st)
		return st;
	e->rflags = vhm_flag(e->rflags, X86_EFLAGS_ZF, equal);
	if (!equal) {
		vhm_gpr_write(e, VHM_RAX, half, half == 8 ? old.q[0] : old.d[0]);
		vhm_gpr_write(e, VHM_RDX, half, half == 8 ? old.q[1] : old.d[1]);
	}
	return VHM_EMUL_OK;
}

/* MOVAPS, MOVUPS, MOVDQA and their kin, between memory and a register. */
static enum vhm_emul_status exec_mov_xmm(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	bool load = in->form == VHM_FORM_RM, unaligned = in->opcode == 0x10 || in->opcode == 0x11 ||
						       in->prefix & VHM_PFX_REPE;
	unsigned int acc = load ? VHM_ACC_READ : VHM_ACC_WRITE;
	enum vhm_emul_status st;
	u8 val[16];
	u64 la;

	st = e->ops->xmm(e, in->reg, val, false);
	if (!st)
		st = rm_linear(e, 0, 16, acc, &la);
	if (!st && !unaligned && la & 15)
		return vhm_emul_raise(e, GP_VECTOR, 0);
	if (!st)
		st = e->ops->mem(e, la, val, NULL, 16, acc);
	return st || !load ? st : e->ops->xmm(e, in->reg, val, true);
}

unsigned int vhm_stack_width(struct vhm_emul *e)
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
	unsigned int width = vhm_stack_width(e);
	u64 val = in->imm, sp = (e->gpr[VHM_RSP] - in->size) & vhm_mask(width);
	enum vhm_emul_status st = VHM_EMUL_OK;

	if (in->form != VHM_FORM_MI)
		st = vhm_rm_read(e, &val, in->size);
	if (!st)
		st = vhm_mem(e, VHM_SS, sp, &val, in->size, VHM_ACC_WRITE);
	if (!st)
		vhm_gpr_write(e, VHM_RSP, width, sp);
	return st;
}

/* The destination's address is computed with RSP after the increment. */
static enum vhm_emul_status exec_pop(struct vhm_emul *e)
{
	unsigned int width = vhm_stack_width(e), size = e->insn.size;
	u64 val = 0, rsp = e->gpr[VHM_RSP];
	enum vhm_emul_status st;

	st = vhm_mem(e, VHM_SS, rsp & vhm_mask(width), &val, size, VHM_ACC_READ);
	if (st)
		return st;
	vhm_gpr_write(e, VHM_RSP, width, rsp + size);
	st = vhm_rm_write(e, val, size);
	if (st)
		e->gpr[VHM_RSP] = rsp;
	return st;
}

static enum vhm_emul_status exec_pio(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	unsigned int size = in->size < 4 ? in->size : 4;
	u16 port = in->form == VHM_FORM_MI ? in->imm & 0xff : e->gpr[VHM_RDX];
	bool input = in->op == VHM_OP_IN;
	enum vhm_emul_status st;
	u64 val = 0;

	if (!input)
		memcpy(e->pio_buf, &e->gpr[VHM_RAX], 4);
	st = e->ops->pio(e, port, size, 1, input);
	if (!st && input) {
		memcpy(&val, e->pio_buf, 4);
		vhm_gpr_write(e, VHM_RAX, size, val);
	}
	return st;
}

/* MOV to and from CR and DR: always a whole register, ModRM.mod ignored. */
static enum vhm_emul_status exec_mov_cr_dr(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	unsigned int size = in->mode == VHM_INSN_64 ? 8 : 4;
	bool cr = in->op == VHM_OP_MOV_CR, write = in->form == VHM_FORM_RM;
	u64 val = e->gpr[in->rm] & vhm_mask(size);
	enum vhm_emul_status st;

	if (cr ? !(0x11d >> in->reg & 1) : in->reg > 7)
		return vhm_emul_raise(e, UD_VECTOR, 0);
	if (e->cpl)
		return vhm_emul_raise(e, GP_VECTOR, 0);
	st = e->ops->control(e, in->reg + (cr ? 0 : VHM_CTL_DR), &val, write);
	if (!st && !write)
		vhm_gpr_write(e, in->rm, size, val);
	return st;
}

/* CLTS and LMSW: a few low bits of CR0. LMSW sets PE but never clears it. */
static enum vhm_emul_status exec_cr0_low(struct vhm_emul *e)
{
	enum vhm_emul_status st = VHM_EMUL_OK;
	u64 cr0 = 0, msw = 0, clear = X86_CR0_TS;

	if (e->cpl)
		return vhm_emul_raise(e, GP_VECTOR, 0);
	if (e->insn.op == VHM_OP_LMSW) {
		clear = MSW_MASK & ~X86_CR0_PE;
		st = vhm_rm_read(e, &msw, 2);
	}
	if (!st)
		st = e->ops->control(e, 0, &cr0, false);
	cr0 = (cr0 & ~clear) | (msw & MSW_MASK);
	return st ? st : e->ops->control(e, 0, &cr0, true);
}

/* SMSW and MOV from Sreg: 16 bits to memory, the operand size to a register. */
static enum vhm_emul_status exec_store_word(struct vhm_emul *e)
{
	unsigned int size = e->insn.mem ? 2 : e->insn.size, sreg = e->insn.reg & 7;
	enum vhm_emul_status st = VHM_EMUL_OK;
	struct vhm_seg seg;
	u64 cr = 0;

	if (e->insn.op == VHM_OP_MOV_FROM_SREG) {
		/* REX.R means nothing here. */
		if (sreg >= VHM_NR_SREG)
			return vhm_emul_raise(e, UD_VECTOR, 0);
		e->ops->segment(e, sreg, &seg);
		return vhm_rm_write(e, seg.sel, size);
	}
	if (e->cpl)
		st = e->ops->control(e, 4, &cr, false);
	if (cr & X86_CR4_UMIP)
		return vhm_emul_raise(e, GP_VECTOR, 0);
	if (!st)
		st = e->ops->control(e, 0, &cr, false);
	return st ? st : vhm_rm_write(e, cr, size);
}

/* In 64-bit mode a non-canonical address is no fault: nothing to drop. */
static enum vhm_emul_status exec_invlpg(struct vhm_emul *e)
{
	enum vhm_emul_status st;
	u64 la;

	if (e->cpl)
		return vhm_emul_raise(e, GP_VECTOR, 0);
	st = rm_linear(e, 0, 1, 0, &la);
	if (!st)
		return e->ops->control(e, VHM_CTL_INVLPG, &la, true);
	return e->insn.mode == VHM_INSN_64 ? VHM_EMUL_OK : st;
}

/* NOP, or what only has a length. */
static enum vhm_emul_status exec_nothing(struct vhm_emul *e)
{
	return e->insn.op == VHM_OP_NOP ? VHM_EMUL_OK : VHM_EMUL_FAIL;
}

/* May this code use a port, as far as can be told here? */
static bool pio_allowed(const struct vhm_emul *e)
{
	return e->pio_checked || (!(e->rflags & X86_EFLAGS_VM) &&
	       (!e->prot || e->cpl <= (e->rflags & X86_EFLAGS_IOPL) >> X86_EFLAGS_IOPL_BIT));
}

/* Does the instruction take LOCK, if its destination is memory? */
static bool lockable(enum vhm_insn_op op)
{
	return op <= VHM_OP_XOR || (op >= VHM_OP_BTS && op <= VHM_OP_CMPXCHG8B);
}

static enum vhm_emul_status (*const exec[VHM_NR_OP])(struct vhm_emul *e) = {
	[VHM_OP_NONE] = exec_nothing,
	[VHM_OP_ADD ... VHM_OP_CMPXCHG] = exec_operands,
	[VHM_OP_CMPXCHG8B] = exec_cmpxchg8b,
	[VHM_OP_MOV ... VHM_OP_MOVBE] = exec_mov,
	[VHM_OP_MOV_XMM] = exec_mov_xmm,
	[VHM_OP_PUSH] = exec_push,
	[VHM_OP_POP] = exec_pop,
	[VHM_OP_1B ... VHM_OP_0F] = vhm_exec_by_opcode,
	[VHM_OP_NOP] = exec_nothing,
	[VHM_OP_MOVS ... VHM_OP_OUTS] = vhm_exec_string,
	[VHM_OP_IN ... VHM_OP_OUT] = exec_pio,
	[VHM_OP_CLTS ... VHM_OP_LMSW] = exec_cr0_low,
	[VHM_OP_SMSW ... VHM_OP_MOV_FROM_SREG] = exec_store_word,
	[VHM_OP_INVLPG] = exec_invlpg,
	[VHM_OP_MOV_CR ... VHM_OP_MOV_DR] = exec_mov_cr_dr,
};

enum vhm_emul_status vhm_emul_exec(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	enum vhm_emul_status st;

	if (unlikely(in->prefix & VHM_PFX_LOCK) && in->op != VHM_OP_NONE &&
	    !(lockable(in->op) && dest_mem(in)))
		return vhm_emul_raise(e, UD_VECTOR, 0);
	if (in->op >= VHM_OP_INS && in->op <= VHM_OP_OUT && !pio_allowed(e))
		return VHM_EMUL_RETRY;
	/* most are of the MOV family */
	st = likely(exec[in->op] == exec_mov) ? exec_mov(e) : exec[in->op](e);
	if (st)
		return st;
	/* EIP wraps; whether it left its code segment is found by the next fetch. */
	e->rip += in->len;
	if (in->mode != VHM_INSN_64)
		e->rip = (u32)e->rip;
	e->rflags &= ~X86_EFLAGS_RF;
	return VHM_EMUL_OK;
}
