// SPDX-License-Identifier: GPL-2.0-only
/*
 * String instructions: MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS, and REP.
 *
 * Each iteration is an instruction of its own: it either commits its registers
 * whole or leaves them. With REP, rip moves only when the count is used up or
 * the condition ends the loop, so the owner may take interrupts in between.
 * INS and OUTS hand a batch of items to the owner where the memory is RAM of
 * one page; a batch counts as one iteration.
 */
#include "exec.h"

/* Which memory operands: rSI in the (overridable) segment, rDI in ES. */
#define SI	1
#define DI_RD	2
#define DI_WR	4

static const u8 operands[] = {
	[VHM_OP_MOVS - VHM_OP_MOVS] = SI | DI_WR,
	[VHM_OP_CMPS - VHM_OP_MOVS] = SI | DI_RD,
	[VHM_OP_STOS - VHM_OP_MOVS] = DI_WR,
	[VHM_OP_LODS - VHM_OP_MOVS] = SI,
	[VHM_OP_SCAS - VHM_OP_MOVS] = DI_RD,
};

/* Move a register of address-size width by @bytes; a 4-byte one clears its upper half. */
static void advance(struct vhm_emul *e, unsigned int nr, u64 bytes)
{
	u64 by = e->rflags & X86_EFLAGS_DF ? -bytes : bytes;

	vhm_gpr_write(e, nr, e->insn.adsize, e->gpr[nr] + by);
}

/* One element of anything but INS and OUTS. */
static enum vhm_emul_status string_step(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	unsigned int use = operands[in->op - VHM_OP_MOVS], size = in->size;
	u64 mask = vhm_mask(in->adsize), di = e->gpr[VHM_RDI] & mask, s = 0, d = 0;
	enum vhm_emul_status st = VHM_EMUL_OK;

	if (use & SI)
		st = vhm_mem(e, in->seg, e->gpr[VHM_RSI] & mask, &s, size, VHM_ACC_READ);
	else
		s = vhm_gpr_read(e, VHM_RAX, size);
	if (!st && use & DI_RD)
		st = vhm_mem(e, VHM_ES, di, &d, size, VHM_ACC_READ);
	if (!st && use & DI_WR)
		st = vhm_mem(e, VHM_ES, di, &s, size, VHM_ACC_WRITE);
	if (st)
		return st;

	if (in->op == VHM_OP_LODS)
		vhm_gpr_write(e, VHM_RAX, size, s);
	if (use & DI_RD)
		vhm_alu_sub(s, d, 0, size, &e->rflags);
	if (use & SI)
		advance(e, VHM_RSI, size);
	if (use & (DI_RD | DI_WR))
		advance(e, VHM_RDI, size);
	return VHM_EMUL_OK;
}

/*
 * How many items to move at once, at most @count: within one page of RAM, the
 * segment, upwards only. One item may straddle pages.
 */
static enum vhm_emul_status batch_size(struct vhm_emul *e, enum vhm_sreg seg, u64 off,
				       unsigned int size, unsigned int acc, u64 *count, u64 *la)
{
	enum vhm_emul_status st = vhm_linear(e, seg, off, size, acc, la);
	u64 n = *count, room, unused;

	if (st)
		return st;
	room = 0x1000 - (*la & 0xfff);
	if (n > room / size)
		n = room / size;
	if (!n || e->rflags & (X86_EFLAGS_DF | X86_EFLAGS_TF) ||
	    off + n * size - 1 > vhm_mask(e->insn.adsize) ||
	    vhm_linear(e, seg, off, n * size, acc, &unused))
		n = 1;
	st = e->ops->mem(e, *la, NULL, NULL, n * size, acc | VHM_ACC_PROBE);
	*count = st == VHM_EMUL_USER ? 1 : n;
	return st == VHM_EMUL_USER ? VHM_EMUL_OK : st;
}

/* Move @bytes between pio_buf and memory. */
static enum vhm_emul_status batch_copy(struct vhm_emul *e, u64 la, unsigned int bytes,
				       unsigned int acc)
{
	enum vhm_emul_status st = VHM_EMUL_OK;
	unsigned int i, n;

	for (i = 0; i < bytes && !st; i += n) {
		n = bytes - i < 16 ? bytes - i : 16;
		st = e->ops->mem(e, la + i, e->pio_buf + i, NULL, n, acc);
	}
	return st;
}

/* A batch of INS or OUTS; *count becomes the number of items moved. */
static enum vhm_emul_status pio_step(struct vhm_emul *e, u64 *count)
{
	bool ins = e->insn.op == VHM_OP_INS;
	unsigned int nr = ins ? VHM_RDI : VHM_RSI, size = e->insn.size < 4 ? e->insn.size : 4;
	enum vhm_sreg seg = ins ? VHM_ES : e->insn.seg;
	unsigned int acc = ins ? VHM_ACC_WRITE : VHM_ACC_READ;
	u64 la, off = e->gpr[nr] & vhm_mask(e->insn.adsize);
	u16 port = e->gpr[VHM_RDX];
	enum vhm_emul_status st = batch_size(e, seg, off, size, acc, count, &la);

	if (!st && !ins)
		st = batch_copy(e, la, size * *count, acc);
	if (!st)
		st = e->ops->pio(e, port, size, *count, ins);
	if (!st && ins)
		st = batch_copy(e, la, size * *count, acc);
	if (!st)
		advance(e, nr, size * *count);
	return st;
}

/* Did CMPS or SCAS meet the condition that ends REPE or REPNE? */
static bool rep_ends(const struct vhm_emul *e)
{
	if (e->insn.op != VHM_OP_CMPS && e->insn.op != VHM_OP_SCAS)
		return false;
	return !(e->rflags & X86_EFLAGS_ZF) == !!(e->insn.prefix & VHM_PFX_REPE);
}

enum vhm_emul_status vhm_exec_string(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	bool rep = in->prefix & (VHM_PFX_REPE | VHM_PFX_REPNE);
	unsigned int left = rep && !(e->rflags & X86_EFLAGS_TF) ? e->max_iter : 1;
	enum vhm_emul_status st;
	u64 n;

	for (;;) {
		n = rep ? e->gpr[VHM_RCX] & vhm_mask(in->adsize) : 1;
		if (!n)
			break;
		if (!left)
			return VHM_EMUL_MORE;
		if (in->op == VHM_OP_INS || in->op == VHM_OP_OUTS) {
			st = pio_step(e, &n);
		} else {
			n = 1;
			st = string_step(e);
		}
		if (st)
			return st;
		if (rep)
			vhm_gpr_write(e, VHM_RCX, in->adsize, e->gpr[VHM_RCX] - n);
		if (!rep || rep_ends(e))
			break;
		if (--left)
			e->ops->commit(e);
	}
	return VHM_EMUL_OK;
}
