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

#define E_OP		0x000000ffu	/* enum vhm_insn_op, or group number */
#define E_FORM_SHIFT	8		/* enum vhm_insn_form, 4 bits */
#define E_IMM_SHIFT	12		/* enum vhm_imm, 4 bits */
#define E_IMM_MASK	(0xfu << E_IMM_SHIFT)
#define E_MODRM		0x00010000u
#define E_BYTE		0x00020000u	/* operand size 1 */
#define E_D64		0x00040000u	/* operand size 8 by default in 64-bit */
#define E_I64		0x00080000u	/* undefined in 64-bit mode */
#define E_GROUP		0x00100000u	/* E_OP: row of vhm_insn_group */
#define E_ROW		0x00200000u	/* op += bits 5:3 of the opcode */
#define E_REG		0x00400000u	/* op += bits 5:3 of ModRM */
#define E_UD		0x00800000u	/* undefined, but for VEX and EVEX */
#define E_PFX		0x01000000u	/* prefix: E_OP VHM_PFX_*, FORM segment */
#define E_REGONLY	0x02000000u	/* ModRM.mod is taken as 3 */
#define E_SSIZE_SHIFT	26		/* 0 as size, 1 byte, 2 word, 3 dword */
#define E_SSE_SHIFT	28		/* enum vhm_sse, 3 bits */
#define E_MEM		0x80000000u	/* op only with a memory operand */

#define E_ESC		E_PFX		/* 0F, 63, or what may begin VEX etc. */

/* Bits that ask for work beyond op, form and operand size. */
#define E_SPECIAL	(E_ROW | (3u << E_SSIZE_SHIFT) | \
			 (7u << E_SSE_SHIFT) | E_MEM)

/* Immediates and what else follows the displacement. */
enum vhm_imm {
	IMM_NONE,
	IMM_8,		/* one byte */
	IMM_Z,		/* operand size, at most 4 */
	IMM_V,		/* operand size */
	IMM_16,		/* two bytes */
	IMM_32,		/* four bytes */
	IMM_16_8,	/* ENTER */
	IMM_FAR,	/* selector and offset */
	IMM_ADDR,	/* moffs: address size */
	IMM_8_8,	/* EXTRQ, INSERTQ: two bytes after 66 or F2, else none */
};

/* Mandatory prefixes with which the op of the row is meant; else none. */
enum vhm_sse {
	SSE_ANY,
	SSE_NP,		/* no prefix */
	SSE_66,
	SSE_NP_66,
	SSE_66_F3,
};

/* Rows of vhm_insn_group. */
enum vhm_group {
	GRP_POP, GRP_3, GRP_4, GRP_5, GRP_7, GRP_8, GRP_9, GRP_MOV, GRP_NR,
};

extern const u32 vhm_insn_tab_1b[256];
extern const u32 vhm_insn_tab_0f[256];
extern const u32 vhm_insn_group[GRP_NR][8];

/* Rows of opcodes that mean two things. */
#define E_ROW_MOVSXD	(E_MODRM | VHM_OP_MOVSX | \
			 (VHM_FORM_RM << E_FORM_SHIFT) | (3u << E_SSIZE_SHIFT))
#define E_ROW_MOVBE_RM	(E_MODRM | E_MEM | VHM_OP_MOVBE | \
			 (VHM_FORM_RM << E_FORM_SHIFT) | \
			 ((u32)SSE_NP_66 << E_SSE_SHIFT))
#define E_ROW_MOVBE_MR	(E_MODRM | E_MEM | VHM_OP_MOVBE | \
			 (VHM_FORM_MR << E_FORM_SHIFT) | \
			 ((u32)SSE_NP_66 << E_SSE_SHIFT))

#endif
