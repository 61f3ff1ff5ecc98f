/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the files of the executor: registers and the r/m operand.
 *
 * Everything here and in exec*.c keeps the rule that makes instructions
 * restartable: ops first, then registers, flags and rip in one go.
 */
#ifndef VHM_EMUL_EXEC_H
#define VHM_EMUL_EXEC_H

#include "alu.h"

#define VHM_VEC_UD	6
#define VHM_VEC_SS	12
#define VHM_VEC_GP	13

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
 * The instruction is done: flags and rip. EIP of 16- and 32-bit code wraps at
 * 4 GiB; whether it left its code segment is found by the next fetch.
 */
static inline enum vhm_emul_status vhm_emul_done(struct vhm_emul *e, u64 flags)
{
	e->rflags = flags & ~VHM_FL_RF;
	e->rip += e->insn.len;
	if (e->insn.mode != VHM_INSN_64)
		e->rip = (u32)e->rip;
	return VHM_EMUL_OK;
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

/* The same for the memory operand of the instruction, @delta bytes further. */
enum vhm_emul_status vhm_rm_linear(struct vhm_emul *e, s64 delta, unsigned int size,
				   unsigned int acc, u64 *la);

/* Read the r/m operand. */
enum vhm_emul_status vhm_rm_read(struct vhm_emul *e, unsigned int size, u64 *val);

/* Write the r/m operand; with that the instruction is done. */
enum vhm_emul_status vhm_rm_store(struct vhm_emul *e, unsigned int size, u64 val);

/* The other files' parts of vhm_emul_exec(); LOCK has been checked. */
enum vhm_emul_status vhm_exec_string(struct vhm_emul *e);
enum vhm_emul_status vhm_exec_system(struct vhm_emul *e);

/* OK if this code may use the port; else #GP(0) is recorded. */
enum vhm_emul_status vhm_pio_check(struct vhm_emul *e, u16 port, unsigned int size);

#endif
