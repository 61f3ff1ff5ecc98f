/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the files of the executor: registers and memory.
 *
 * Everything here and in exec*.c keeps the rule that makes instructions
 * restartable: ops first, then registers and flags; vhm_emul_exec() moves rip.
 */
#ifndef VHM_EMUL_EXEC_H
#define VHM_EMUL_EXEC_H

#include "alu.h"

/* General register @nr as an operand of the instruction: knows AH..BH. */
static inline u64 vhm_gpr_read(const struct vhm_emul *e, unsigned int nr, unsigned int size)
{
	if (size == 1 && nr >= VHM_RSP && nr <= VHM_RDI && !e->insn.rex)
		return e->gpr[nr - 4] >> 8 & 0xff;
	return e->gpr[nr] & vhm_mask(size);
}

/* As above; a 4-byte write clears the upper half. */
static inline void vhm_gpr_write(struct vhm_emul *e, unsigned int nr, unsigned int size, u64 val)
{
	u64 mask = vhm_mask(size == 4 ? 8 : size);

	val &= vhm_mask(size);
	if (size == 1 && nr >= VHM_RSP && nr <= VHM_RDI && !e->insn.rex) {
		nr -= 4;
		mask <<= 8;
		val <<= 8;
	}
	e->gpr[nr] = (e->gpr[nr] & ~mask) | val;
}

/*
 * Architectural segmentation of an access of @size bytes at the effective address
 * @off, truncated to the address size: present, type and limit checks outside
 * 64-bit mode (no type checks in real and virtual-8086 mode), canonical check of
 * both ends inside it. *la is the linear address on OK; else #SS(0) for the stack
 * segment and #GP(0) otherwise is raised, and the answer FAULT.
 *
 * Source: AMD64 APM vol. 2, "Segmented Virtual Memory", "Segment-limit
 * checks", "Canonical Address Form".
 */
enum vhm_emul_status vhm_linear(struct vhm_emul *e, enum vhm_sreg seg, u64 off, unsigned int size,
				unsigned int acc, u64 *la);

/* That, then the access: vhm_emul_ops.mem without @old. */
enum vhm_emul_status vhm_mem(struct vhm_emul *e, enum vhm_sreg seg, u64 off, void *buf,
			     unsigned int size, unsigned int acc);

/* The effective address of the memory operand, @delta bytes further. */
static inline u64 vhm_rm_offset(const struct vhm_emul *e, s64 delta)
{
	const struct vhm_insn *in = &e->insn;
	u64 ea = (u64)in->disp + (u64)delta;

	if (likely(in->base < VHM_NR_GPR))
		ea += e->gpr[in->base];
	else if (in->base == VHM_REG_RIP)
		ea += e->rip + in->len;
	if (in->index < VHM_NR_GPR)
		ea += e->gpr[in->index] << in->scale;
	return ea & vhm_mask(in->adsize);
}

/* Read (zero-extended) or write the r/m operand, register or memory. */
static inline enum vhm_emul_status vhm_rm_read(struct vhm_emul *e, u64 *val, unsigned int size)
{
	*val = 0;
	if (e->insn.mem)
		return vhm_mem(e, e->insn.seg, vhm_rm_offset(e, 0), val, size, VHM_ACC_READ);
	*val = vhm_gpr_read(e, e->insn.rm, size);
	return VHM_EMUL_OK;
}

static inline enum vhm_emul_status vhm_rm_write(struct vhm_emul *e, u64 val, unsigned int size)
{
	if (likely(e->insn.mem))
		return vhm_mem(e, e->insn.seg, vhm_rm_offset(e, 0), &val, size, VHM_ACC_WRITE);
	vhm_gpr_write(e, e->insn.rm, size, val);
	return VHM_EMUL_OK;
}

/* Width of the stack pointer in bytes. */
unsigned int vhm_stack_width(struct vhm_emul *e);

/* The string instructions of vhm_emul_exec(); LOCK and port permission have been checked. */
enum vhm_emul_status vhm_exec_string(struct vhm_emul *e);

/* VHM_OP_1B and VHM_OP_0F. */
enum vhm_emul_status vhm_exec_by_opcode(struct vhm_emul *e);

#endif
