// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port I/O of single items, control and debug registers, INVLPG, MOV from Sreg.
 *
 * Privilege and encoding are checked here; what a register accepts is for the
 * owner, who knows the CPU model.
 */
#include "exec.h"

#define CR0_MSW_MASK	0xfull
#define CR0_PE		0x1ull
#define CR0_TS		0x8ull
#define CR4_UMIP	0x800ull

enum vhm_emul_status vhm_pio_check(struct vhm_emul *e, u16 port, unsigned int size)
{
	if (e->rflags & VHM_FL_VM || (e->prot && e->cpl > (e->rflags & VHM_FL_IOPL) >> 12))
		return e->ops->pio_allowed(e, port, size);
	return VHM_EMUL_OK;
}

static enum vhm_emul_status exec_pio(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	unsigned int size = in->size < 4 ? in->size : 4;
	u16 port = in->form == VHM_FORM_MI ? in->imm & 0xff : e->gpr[VHM_RDX];
	enum vhm_emul_status st = vhm_pio_check(e, port, size);
	u64 val = 0;

	if (!st && in->op == VHM_OP_OUT) {
		memcpy(e->pio_buf, &e->gpr[VHM_RAX], 4);
		st = e->ops->pio_out(e, port, size, 1);
	} else if (!st) {
		st = e->ops->pio_in(e, port, size, 1);
	}
	if (st)
		return st;
	if (in->op == VHM_OP_IN) {
		memcpy(&val, e->pio_buf, 4);
		vhm_gpr_write(e, VHM_RAX, size, val);
	}
	return vhm_emul_done(e, e->rflags);
}

/* MOV to and from CR and DR: always a whole register, ModRM.mod ignored. */
static enum vhm_emul_status exec_mov_cr_dr(struct vhm_emul *e)
{
	const struct vhm_emul_ops *ops = e->ops;
	const struct vhm_insn *in = &e->insn;
	unsigned int size = in->mode == VHM_INSN_64 ? 8 : 4;
	bool cr = in->op == VHM_OP_MOV_FROM_CR || in->op == VHM_OP_MOV_TO_CR;
	u64 val = e->gpr[in->rm] & vhm_mask(size);
	enum vhm_emul_status st;

	if (cr ? !(0x11d >> in->reg & 1) : in->reg > 7)
		return vhm_emul_raise(e, VHM_VEC_UD, 0);
	if (e->cpl)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	if (in->form == VHM_FORM_RM) {
		st = cr ? ops->write_cr(e, in->reg, val) : ops->write_dr(e, in->reg, val);
		return st ? st : vhm_emul_done(e, e->rflags);
	}
	st = cr ? ops->read_cr(e, in->reg, &val) : ops->read_dr(e, in->reg, &val);
	return st ? st : vhm_rm_store(e, size, val);
}

/* CLTS and LMSW: a few low bits of CR0. LMSW sets PE but never clears it. */
static enum vhm_emul_status exec_cr0_low(struct vhm_emul *e)
{
	enum vhm_emul_status st = VHM_EMUL_OK;
	u64 cr0, msw = 0, clear = CR0_TS;

	if (e->cpl)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	if (e->insn.op == VHM_OP_LMSW) {
		clear = CR0_MSW_MASK & ~CR0_PE;
		st = vhm_rm_read(e, 2, &msw);
	}
	if (!st)
		st = e->ops->read_cr(e, 0, &cr0);
	if (!st)
		st = e->ops->write_cr(e, 0, (cr0 & ~clear) | (msw & CR0_MSW_MASK));
	return st ? st : vhm_emul_done(e, e->rflags);
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
			return vhm_emul_raise(e, VHM_VEC_UD, 0);
		e->ops->segment(e, sreg, &seg);
		return vhm_rm_store(e, size, seg.sel);
	}
	if (e->cpl)
		st = e->ops->read_cr(e, 4, &cr);
	if (cr & CR4_UMIP)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	if (!st)
		st = e->ops->read_cr(e, 0, &cr);
	return st ? st : vhm_rm_store(e, size, cr);
}

/* In 64-bit mode a non-canonical address is no fault: nothing to drop. */
static enum vhm_emul_status exec_invlpg(struct vhm_emul *e)
{
	enum vhm_emul_status st;
	u64 la;

	if (e->cpl)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	st = vhm_rm_linear(e, 0, 1, 0, &la);
	if (!st)
		st = e->ops->invlpg(e, la);
	else if (e->insn.mode == VHM_INSN_64)
		st = VHM_EMUL_OK;
	return st ? st : vhm_emul_done(e, e->rflags);
}

enum vhm_emul_status vhm_exec_system(struct vhm_emul *e)
{
	switch (e->insn.op) {
	case VHM_OP_IN:
	case VHM_OP_OUT:
		return exec_pio(e);
	case VHM_OP_CLTS:
	case VHM_OP_LMSW:
		return exec_cr0_low(e);
	case VHM_OP_SMSW:
	case VHM_OP_MOV_FROM_SREG:
		return exec_store_word(e);
	case VHM_OP_INVLPG:
		return exec_invlpg(e);
	default:
		return exec_mov_cr_dr(e);
	}
}
