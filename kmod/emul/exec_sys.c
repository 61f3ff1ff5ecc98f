// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port I/O of single items, control and debug registers, INVLPG.
 *
 * Privilege and encoding are checked here; what a register accepts is for the
 * owner, who knows the CPU model.
 */
#include "exec.h"

#define CR0_MSW_MASK	0xfull
#define CR0_PE		0x1ull
#define CR0_TS		0x8ull
#define CR4_UMIP	0x800ull

enum vhm_emul_status vhm_pio_check(struct vhm_emul *e, u16 port,
				   unsigned int size)
{
	u64 iopl = (e->rflags & VHM_FL_IOPL) >> 12;

	if (e->rflags & VHM_FL_VM || (e->prot && e->cpl > iopl))
		return e->ops->pio_allowed(e, port, size);
	return VHM_EMUL_OK;
}

static enum vhm_emul_status exec_pio(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	unsigned int size = in->size < 4 ? in->size : 4;
	u16 port = in->form == VHM_FORM_AD ? e->gpr[VHM_RDX] : in->imm & 0xff;
	u64 val = e->gpr[VHM_RAX];
	enum vhm_emul_status st;

	st = vhm_pio_check(e, port, size);
	if (st)
		return st;
	if (in->op == VHM_OP_OUT) {
		memcpy(e->pio_buf, &val, 4);
		st = e->ops->pio_out(e, port, size, 1);
	} else {
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
	bool to = in->op == VHM_OP_MOV_TO_CR || in->op == VHM_OP_MOV_TO_DR;
	enum vhm_emul_status st;
	u64 val = 0;

	if (cr ? !(0x11d >> in->reg & 1) : in->reg > 7)
		return vhm_emul_raise(e, VHM_VEC_UD, 0);
	if (e->cpl)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	if (to) {
		val = e->gpr[in->rm] & vhm_mask(size);
		st = cr ? ops->write_cr(e, in->reg, val) :
			  ops->write_dr(e, in->reg, val);
	} else {
		st = cr ? ops->read_cr(e, in->reg, &val) :
			  ops->read_dr(e, in->reg, &val);
	}
	if (st)
		return st;
	if (!to)
		vhm_gpr_write(e, in->rm, size, val);
	return vhm_emul_done(e, e->rflags);
}

/* CLTS and LMSW: a few low bits of CR0. LMSW sets PE but never clears it. */
static enum vhm_emul_status exec_cr0_low(struct vhm_emul *e)
{
	enum vhm_emul_status st;
	u64 cr0, msw = 0, la;

	if (e->cpl)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	if (e->insn.op == VHM_OP_LMSW) {
		st = vhm_rm_read(e, 0, 2, VHM_ACC_READ, &la, &msw);
		if (st)
			return st;
	}
	st = e->ops->read_cr(e, 0, &cr0);
	if (st)
		return st;
	if (e->insn.op == VHM_OP_LMSW)
		cr0 = (cr0 & ~(CR0_MSW_MASK & ~CR0_PE)) | (msw & CR0_MSW_MASK);
	else
		cr0 &= ~CR0_TS;
	st = e->ops->write_cr(e, 0, cr0);
	return st ? st : vhm_emul_done(e, e->rflags);
}

static enum vhm_emul_status exec_smsw(struct vhm_emul *e)
{
	unsigned int size = e->insn.mem ? 2 : e->insn.size;
	enum vhm_emul_status st;
	u64 cr4 = 0, cr0, la = 0, unused;

	if (e->cpl) {
		st = e->ops->read_cr(e, 4, &cr4);
		if (st)
			return st;
		if (cr4 & CR4_UMIP)
			return vhm_emul_raise(e, VHM_VEC_GP, 0);
	}
	st = e->ops->read_cr(e, 0, &cr0);
	if (!st)
		st = vhm_rm_read(e, 0, size, VHM_ACC_WRITE, &la, &unused);
	if (!st)
		st = vhm_rm_write(e, la, size, cr0);
	return st ? st : vhm_emul_done(e, e->rflags);
}

/* In 64-bit mode a non-canonical address is no fault: nothing to drop. */
static enum vhm_emul_status exec_invlpg(struct vhm_emul *e)
{
	enum vhm_emul_status st;
	u64 la, unused;

	if (e->cpl)
		return vhm_emul_raise(e, VHM_VEC_GP, 0);
	st = vhm_rm_read(e, 0, 1, 0, &la, &unused);
	if (!st)
		st = e->ops->invlpg(e, la);
	else if (e->insn.mode == VHM_INSN_64)
		st = VHM_EMUL_OK;
	return st ? st : vhm_emul_done(e, e->rflags);
}

enum vhm_emul_status vhm_exec_system(struct vhm_emul *e)
{
	switch ((enum vhm_insn_op)e->insn.op) {
	case VHM_OP_IN:
	case VHM_OP_OUT:
		return exec_pio(e);
	case VHM_OP_CLTS:
	case VHM_OP_LMSW:
		return exec_cr0_low(e);
	case VHM_OP_SMSW:
		return exec_smsw(e);
	case VHM_OP_INVLPG:
		return exec_invlpg(e);
	default:
		return exec_mov_cr_dr(e);
	}
}
