/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rows of the opcode tables: shared by decode.c and decode_tab.c only.
 *
 * A row is one 32-bit word. A row of zero is an instruction without ModRM and
 * immediate of which only the length is known.
 */
#ifndef VHM_EMUL_DECODE_H
#define VHM_EMUL_DECODE_H

#include "emul.h"

#define E_OP		0x0000003fu	/* enum vhm_insn_op, or group number */
#define E_FORM_SHIFT	6		/* enum vhm_insn_form, 3 bits */
#define E_O		0x00000200u	/* r/m is the register in the opcode's low bits */
#define E_MODRM		0x00000400u
#define E_REGONLY	0x00000800u	/* ModRM.mod is taken as 3 */
#define E_IMM_SHIFT	12		/* bytes of immediate, and what adds to them: */
#define E_IMM_Z		0x00008000u	/* operand size, at most 4 */
#define E_IMM_V		0x00010000u	/* operand size */
#define E_MOFFS		0x00020000u	/* no immediate: a displacement of address size */
#define E_IMM		(E_IMM_Z | E_IMM_V | E_MOFFS | 7u << E_IMM_SHIFT)
#define E_W		0x00040000u	/* operand size 1 if the opcode is even */
#define E_BYTE		0x00080000u	/* operand size 1 */
#define E_D64		0x00100000u	/* operand size 8 by default in 64-bit mode */
#define E_I64		0x00200000u	/* undefined in 64-bit mode */
#define E_UD		0x00400000u	/* undefined, but for VEX and EVEX */
#define E_GROUP		0x00800000u	/* E_OP: row of vhm_insn_group */
#define E_ROW		0x01000000u	/* op += bits 5:3 of the opcode */
#define E_REG		0x02000000u	/* op += bits 5:3 of ModRM */
#define E_PFX		0x04000000u	/* prefix: E_OP VHM_PFX_*, FORM segment */
#define E_MEM		0x08000000u	/* op only with a memory operand */
#define E_SSE_SHIFT	28		/* op and immediate only with these prefixes: */
#define E_SSE_NP	0x10000000u	/* none of the others */
#define E_SSE_66	0x20000000u
#define E_SSE_F3	0x40000000u
#define E_SSE_F2	0x80000000u
#define E_SSE		0xf0000000u

#define E_ESC		E_PFX		/* 0F, or what may begin VEX etc. */

#define F(form)		((u32)VHM_FORM_##form << E_FORM_SHIFT)
#define I(bytes)	((u32)(bytes) << E_IMM_SHIFT)
#define MR(op)		(VHM_OP_##op | F(MR) | E_MODRM)
#define RM(op)		(VHM_OP_##op | F(RM) | E_MODRM)

/* Rows of vhm_insn_group. */
enum vhm_group { GRP_POP, GRP_3, GRP_4, GRP_5, GRP_7, GRP_8, GRP_9, GRP_MOV, GRP_NR };

extern const u32 vhm_insn_tab_1b[256];
extern const u32 vhm_insn_tab_0f[256];
extern const u32 vhm_insn_group[GRP_NR][8];

#endif
