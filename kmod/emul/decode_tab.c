// SPDX-License-Identifier: GPL-2.0-only
/*
 * The opcode tables, as data.
 *
 * Every defined opcode has its length here (ModRM, immediate); those that the
 * executor performs have an op and a form too. To teach the executor a new
 * instruction, give its row an op.
 *
 * Source: AMD64 APM vol. 3, "Opcode Maps"; Intel SDM vol. 2, "Opcode Map".
 */
#include "decode.h"

#define OP(op)		((u32)VHM_OP_##op)
#define GRP(g)		(E_GROUP | E_MODRM | (u32)GRP_##g)
#define PFX(name)	(E_PFX | VHM_PFX_##name)
#define SEG(s)		(E_PFX | VHM_PFX_SEG | ((u32)VHM_##s << E_FORM_SHIFT))

#define M		E_MODRM
#define N		0u
#define UD		E_UD
#define IZ		E_IMM_Z

/* The encodings of an arithmetic operation: op + row; groups 1 and 2: op + ModRM.reg. */
#define A_MR		(MR(ADD) | E_ROW | E_W)
#define A_RM		(RM(ADD) | E_ROW | E_W)
#define A_AI		(OP(ADD) | E_ROW | E_W | F(MI) | IZ)
#define G1		(OP(ADD) | E_REG | F(MI) | M)
#define G2		(OP(ROL) | E_REG | E_W | M)
#define MOVSXD		(RM(MOVSX) - 4 + E_ROW)

const u32 vhm_insn_tab_1b[256] = {
	/* 00 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, E_I64, E_I64,
	/* 08 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, E_I64, E_ESC,
	/* 10 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, E_I64, E_I64,
	/* 18 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, E_I64, E_I64,
	/* 20 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG(ES), E_I64,
	/* 28 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG(CS), E_I64,
	/* 30 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG(SS), E_I64,
	/* 38 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG(DS), E_I64,
	/* REX in 64-bit mode, taken before this table is read */
	[0x40 ... 0x4f] = OP(INC) | E_ROW | E_O,	/* and DEC */
	[0x50 ... 0x57] = OP(PUSH) | E_O | E_D64,
	[0x58 ... 0x5f] = OP(POP) | E_O | E_D64,
	/* PUSHA, POPA, 62, ARPL or MOVSXD; prefixes */
	[0x60] = E_I64, E_I64, E_ESC, MOVSXD, SEG(FS), SEG(GS), PFX(OPSIZE), PFX(ADSIZE),
	[0x68] = OP(PUSH) | F(MI) | IZ | E_D64, M | IZ,		/* and IMUL */
	[0x6a] = OP(PUSH) | F(MI) | I(1) | E_D64, M | I(1),
	[0x6c ... 0x6d] = OP(INS) | E_W,
	[0x6e ... 0x6f] = OP(OUTS) | E_W,
	[0x70 ... 0x7f] = I(1),				/* Jcc */
	[0x80] = G1 | I(1) | E_BYTE, G1 | IZ, G1 | I(1) | E_BYTE | E_I64, G1 | I(1),
	[0x84 ... 0x85] = MR(TEST) | E_W,
	[0x86 ... 0x87] = MR(XCHG) | E_W,
	[0x88 ... 0x89] = MR(MOV) | E_W,
	[0x8a ... 0x8b] = RM(MOV) | E_W,
	[0x8c] = OP(MOV_FROM_SREG) | M, M, M, E_ESC,	/* LEA, MOV Sreg */
	[0x90 ... 0x97] = OP(XCHG) | F(MR) | E_O,	/* 90 without REX.B is NOP */
	[0x9a] = I(2) | IZ | E_I64,
	[0xa0 ... 0xa1] = OP(MOV) | F(RM) | E_MOFFS | E_W,
	[0xa2 ... 0xa3] = OP(MOV) | F(MR) | E_MOFFS | E_W,
	[0xa4 ... 0xa5] = OP(MOVS) | E_W,
	[0xa6 ... 0xa7] = OP(CMPS) | E_W,
	[0xa8 ... 0xa9] = OP(TEST) | F(MI) | IZ | E_W,
	[0xaa ... 0xab] = OP(STOS) | E_W,
	[0xac ... 0xad] = OP(LODS) | E_W,
	[0xae ... 0xaf] = OP(SCAS) | E_W,
	[0xb0 ... 0xb7] = OP(MOV) | F(MI) | E_O | I(1) | E_BYTE,
	[0xb8 ... 0xbf] = OP(MOV) | F(MI) | E_O | E_IMM_V,
	[0xc0 ... 0xc1] = G2 | F(MI) | I(1),
	[0xc2] = I(2), N, E_ESC, E_ESC,			/* RET */
	[0xc6 ... 0xc7] = GRP(MOV) | IZ | E_W,
	[0xc8] = I(3), N, I(2), N,			/* ENTER, RETF */
	[0xcc] = N, I(1), E_I64, N,			/* INT, INTO */
	[0xd0 ... 0xd1] = G2 | F(MI),			/* by 1 */
	[0xd2 ... 0xd3] = G2 | F(MC),
	[0xd4] = I(1) | E_I64, I(1) | E_I64, UD, N,	/* AAM, AAD */
	[0xd8 ... 0xdf] = M,				/* x87 */
	[0xe0 ... 0xe3] = I(1),				/* LOOP, JCXZ */
	[0xe4 ... 0xe5] = OP(IN) | F(MI) | I(1) | E_W,
	[0xe6 ... 0xe7] = OP(OUT) | F(MI) | I(1) | E_W,
	[0xe8] = IZ | E_D64, IZ | E_D64, I(2) | IZ | E_I64, I(1),	/* CALL, JMP */
	[0xec ... 0xed] = OP(IN) | E_W,
	[0xee ... 0xef] = OP(OUT) | E_W,
	[0xf0] = PFX(LOCK), N, PFX(REPNE), PFX(REPE),
	[0xf6 ... 0xf7] = GRP(3) | E_W,
	[0xfe] = GRP(4) | E_BYTE, GRP(5),
};

/* XMM moves of 16 bytes, load and store, with or without 66. */
#define X_LD		(RM(MOV_XMM) | E_MEM | E_SSE_NP | E_SSE_66)
#define X_ST		(MR(MOV_XMM) | E_MEM | E_SSE_NP | E_SSE_66)
#define BTX		(MR(BT) - 4 + E_ROW)	/* BT, BTS, BTR, BTC: rows 4 to 7 */
/* F3 makes TZCNT and LZCNT of BSF and BSR on CPUs that have them: length only. */
#define NO_F3		(E_SSE_NP | E_SSE_66 | E_SSE_F2)
#define MOVX		(RM(MOVZX) - 6 + E_ROW)	/* MOVZX, MOVSX: rows 6 and 7 */

/*
 * Also the map of VEX and EVEX map 1, of which only ModRM and immediate are
 * used. 38 and 3A are handled by the decoder; 0F ends in a suffix byte.
 */
const u32 vhm_insn_tab_0f[256] = {
	[0x00] = M, GRP(7), M, M, UD, N, OP(CLTS), N,
	[0x08] = N, N, UD, N, UD, OP(NOP) | M, N, M | I(1),	/* PREFETCHW, 3DNow! */
	[0x10] = X_LD, X_ST, M, M, M, M, M, M,		/* MOVUPS, MOVUPD */
	[0x18] = M, M, M, M, M, M, M, OP(NOP) | M,	/* prefetch, hints, MPX, ENDBR */
	[0x20] = MR(MOV_CR) | E_REGONLY, MR(MOV_DR) | E_REGONLY,
	[0x22] = RM(MOV_CR) | E_REGONLY, RM(MOV_DR) | E_REGONLY, UD, UD, UD, UD,
	[0x28] = X_LD, X_ST, M, X_ST, M, M, M, M,	/* MOVAPS, MOVAPD, MOVNTPS, MOVNTPD */
	[0x30] = N, N, N, N, N, N, UD, N,		/* GETSEC */
	[0x38 ... 0x3f] = UD,
	[0x40 ... 0x6e] = M,				/* CMOVcc, SSE */
	[0x6f] = RM(MOV_XMM) | E_MEM | E_SSE_66 | E_SSE_F3,	/* MOVDQA, MOVDQU */
	[0x70 ... 0x73] = M | I(1),
	[0x74] = M, M, M, N,				/* EMMS, VZEROUPPER */
	[0x78] = M | I(2) | E_SSE_66 | E_SSE_F2,	/* EXTRQ, INSERTQ; else VMREAD */
	[0x79] = M, M | UD, M | UD, M, M, M,
	[0x7f] = MR(MOV_XMM) | E_MEM | E_SSE_66 | E_SSE_F3,
	[0x80 ... 0x8f] = IZ | E_D64,			/* Jcc */
	[0x90 ... 0x9f] = M,				/* SETcc */
	[0xa0] = N, N, N, BTX, M | I(1), M, M, M,	/* SHLD */
	[0xa8] = N, N, N, BTX, M | I(1), M, M, M,	/* SHRD */
	[0xb0 ... 0xb1] = MR(CMPXCHG) | E_W,
	[0xb2] = M, BTX, M, M, MOVX, MOVX,	/* LSS */
	[0xb8] = M, M, GRP(8) | I(1), BTX, RM(BSF) | NO_F3, RM(BSR) | NO_F3, MOVX, MOVX,
	[0xc0 ... 0xc1] = MR(XADD) | E_W,
	[0xc2] = M | I(1), MR(MOV) | E_MEM | E_SSE_NP,	/* MOVNTI */
	[0xc4] = M | I(1), M | I(1), M | I(1), GRP(9),
	[0xc8 ... 0xcf] = N,				/* BSWAP */
	[0xd0 ... 0xe6] = M,
	[0xe7] = MR(MOV_XMM) | E_MEM | E_SSE_66,	/* MOVNTDQ */
	[0xe8 ... 0xff] = M,
};

/* Added to the row that names the group; indexed by ModRM.reg. */
const u32 vhm_insn_group[GRP_NR][8] = {
	[GRP_POP] = { OP(POP) | E_D64, UD, UD, UD, UD, UD, UD, UD },
	/* MUL, IMUL, DIV and IDIV: length */
	[GRP_3] = { OP(TEST) | F(MI) | IZ, OP(TEST) | F(MI) | IZ, OP(NOT), OP(NEG) },
	[GRP_4] = { OP(INC), OP(DEC), UD, UD, UD, UD, UD, UD },
	/* CALL, CALLF, JMP, JMPF */
	[GRP_5] = { OP(INC), OP(DEC), E_D64, N, E_D64, N, OP(PUSH) | E_D64, UD },
	/* SGDT and others: length */
	[GRP_7] = { N, N, N, N, OP(SMSW), N, OP(LMSW), OP(INVLPG) | E_MEM },
	[GRP_8] = {
		UD, UD, UD, UD, OP(BT) | F(MI), OP(BTS) | F(MI), OP(BTR) | F(MI), OP(BTC) | F(MI),
	},
	[GRP_9] = { N, OP(CMPXCHG8B) | E_MEM },
	[GRP_MOV] = { OP(MOV) | F(MI), UD, UD, UD, UD, UD, UD, N },	/* XABORT, XBEGIN */
};
