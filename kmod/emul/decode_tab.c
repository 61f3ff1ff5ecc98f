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
#define B1		OP(1B)		/* told apart by opcode */
#define B0F		OP(0F)
#define SEG_I64		(B1 | E_I64)	/* PUSH, POP Sreg */

const u32 vhm_insn_tab_1b[256] = {
	/* 00 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG_I64, SEG_I64,
	/* 08 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG_I64, E_ESC,
	/* 10 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG_I64, SEG_I64,
	/* 18 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG_I64, SEG_I64,
	/* 20 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG(ES), E_I64,
	/* 28 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG(CS), E_I64,
	/* 30 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG(SS), E_I64,
	/* 38 */ A_MR, A_MR, A_RM, A_RM, A_AI, A_AI, SEG(DS), E_I64,
	/* REX in 64-bit mode, taken before this table is read */
	[0x40 ... 0x4f] = OP(INC) | E_ROW | E_O,	/* and DEC */
	[0x50 ... 0x57] = OP(PUSH) | E_O | E_D64,
	[0x58 ... 0x5f] = OP(POP) | E_O | E_D64,
	/* PUSHA, POPA, 62, ARPL or MOVSXD; prefixes */
	[0x60] = B1 | E_I64, B1 | E_I64, E_ESC, MOVSXD, SEG(FS), SEG(GS), PFX(OPSIZE),
	[0x67] = PFX(ADSIZE),
	[0x68] = OP(PUSH) | F(MI) | IZ | E_D64, B1 | M | IZ,	/* and IMUL */
	[0x6a] = OP(PUSH) | F(MI) | I(1) | E_D64, B1 | M | I(1),
	[0x6c ... 0x6d] = OP(INS) | E_W,
	[0x6e ... 0x6f] = OP(OUTS) | E_W,
	[0x70 ... 0x7f] = B1 | I(1),			/* Jcc */
	[0x80] = G1 | I(1) | E_BYTE, G1 | IZ, G1 | I(1) | E_BYTE | E_I64, G1 | I(1),
	[0x84 ... 0x85] = MR(TEST) | E_W,
	[0x86 ... 0x87] = MR(XCHG) | E_W,
	[0x88 ... 0x89] = MR(MOV) | E_W,
	[0x8a ... 0x8b] = RM(MOV) | E_W,
	[0x8c] = OP(MOV_FROM_SREG) | M, B1 | M | E_MEM, B1 | M, E_ESC,	/* LEA, MOV Sreg */
	[0x90 ... 0x97] = OP(XCHG) | F(MR) | E_O,	/* 90 without REX.B is NOP */
	[0x98] = B1, B1, B1 | I(2) | IZ | E_I64, N, B1, B1, B1, B1,	/* CBW .. LAHF */
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
	[0xc2] = B1 | I(2), B1, E_ESC, E_ESC,		/* RET */
	[0xc6 ... 0xc7] = GRP(MOV) | IZ | E_W,
	[0xc8] = I(3), B1, B1 | I(2), B1,		/* ENTER, LEAVE, RETF */
	[0xcc] = B1, B1 | I(1), B1 | E_I64, B1,		/* INT, INTO, IRET */
	[0xd0 ... 0xd1] = G2 | F(MI),			/* by 1 */
	[0xd2 ... 0xd3] = G2 | F(MC),
	[0xd4] = I(1) | E_I64, I(1) | E_I64, UD, B1,	/* AAM, AAD, XLAT */
	[0xd8 ... 0xdf] = M,				/* x87 */
	[0xe0 ... 0xe3] = B1 | I(1),			/* LOOP, JCXZ */
	[0xe4 ... 0xe5] = OP(IN) | F(MI) | I(1) | E_W,
	[0xe6 ... 0xe7] = OP(OUT) | F(MI) | I(1) | E_W,
	[0xe8] = B1 | IZ | E_D64, B1 | IZ | E_D64, B1 | I(2) | IZ | E_I64, B1 | I(1),	/* CALL, JMP */
	[0xec ... 0xed] = OP(IN) | E_W,
	[0xee ... 0xef] = OP(OUT) | E_W,
	[0xf0] = PFX(LOCK), N, PFX(REPNE), PFX(REPE), B1, B1,	/* HLT, CMC */
	[0xf6 ... 0xf7] = GRP(3) | E_W,
	[0xf8 ... 0xfd] = B1,				/* CLC .. STD */
	[0xfe] = GRP(4) | E_BYTE, GRP(5),
};

/* XMM moves of 16 bytes, load and store, with or without 66. */
#define X_LD		(RM(MOV_XMM) | E_MEM | E_SSE_NP | E_SSE_66)
#define X_ST		(MR(MOV_XMM) | E_MEM | E_SSE_NP | E_SSE_66)
#define BTX		(MR(BT) - 4 + E_ROW)	/* BT, BTS, BTR, BTC: rows 4 to 7 */
/* F3 makes TZCNT and LZCNT of BSF and BSR on CPUs that have them: length only. */
#define NO_F3		(E_SSE_NP | E_SSE_66 | E_SSE_F2)
#define LXS		(B0F | M | E_MEM)
#define MOVX		(RM(MOVZX) - 6 + E_ROW)	/* MOVZX, MOVSX: rows 6 and 7 */

/*
 * Also the map of VEX and EVEX map 1, of which only ModRM and immediate are
 * used. 38 and 3A are handled by the decoder; 0F ends in a suffix byte.
 */
const u32 vhm_insn_tab_0f[256] = {
	[0x00] = M, GRP(7), M, M, UD, N, OP(CLTS), N,
	[0x08] = B0F, B0F, UD, N, UD, OP(NOP) | M, N, M | I(1),	/* WBINVD; 3DNow! */
	[0x10] = X_LD, X_ST, M, M, M, M, M, M,		/* MOVUPS, MOVUPD */
	[0x18] = M, M, M, M, M, M, M, OP(NOP) | M,	/* prefetch, hints, MPX, ENDBR */
	[0x20] = MR(MOV_CR) | E_REGONLY, MR(MOV_DR) | E_REGONLY,
	[0x22] = RM(MOV_CR) | E_REGONLY, RM(MOV_DR) | E_REGONLY, UD, UD, UD, UD,
	[0x28] = X_LD, X_ST, M, X_ST, M, M, M, M,	/* MOVAPS, MOVAPD, MOVNTPS, MOVNTPD */
	[0x30] = B0F, N, B0F, N, N, N, UD, N,		/* WRMSR, RDMSR; GETSEC */
	[0x38 ... 0x3f] = UD,
	[0x40 ... 0x4f] = B0F | M,			/* CMOVcc */
	[0x50 ... 0x6e] = M,				/* SSE */
	[0x6f] = RM(MOV_XMM) | E_MEM | E_SSE_66 | E_SSE_F3,	/* MOVDQA, MOVDQU */
	[0x70 ... 0x73] = M | I(1),
	[0x74] = M, M, M, N,				/* EMMS, VZEROUPPER */
	[0x78] = M | I(2) | E_SSE_66 | E_SSE_F2,	/* EXTRQ, INSERTQ; else VMREAD */
	[0x79] = M, M | UD, M | UD, M, M, M,
	[0x7f] = MR(MOV_XMM) | E_MEM | E_SSE_66 | E_SSE_F3,
	[0x80 ... 0x8f] = B0F | IZ | E_D64,		/* Jcc */
	[0x90 ... 0x9f] = B0F | M | E_BYTE,		/* SETcc */
	[0xa0] = B0F, B0F, B0F, BTX, B0F | M | I(1), B0F | M, M, M,	/* FS, CPUID, SHLD */
	[0xa8] = B0F, B0F, N, BTX, B0F | M | I(1), B0F | M, M, B0F | M,	/* GS, SHRD, IMUL */
	[0xb0 ... 0xb1] = MR(CMPXCHG) | E_W,
	[0xb2] = LXS, BTX, LXS, LXS, MOVX, MOVX,	/* LSS, LFS, LGS */
	[0xb8] = M, M, GRP(8) | I(1), BTX, RM(BSF) | NO_F3, RM(BSR) | NO_F3, MOVX, MOVX,
	[0xc0 ... 0xc1] = MR(XADD) | E_W,
	[0xc2] = M | I(1), MR(MOV) | E_MEM | E_SSE_NP,	/* MOVNTI */
	[0xc4] = M | I(1), M | I(1), M | I(1), GRP(9),
	[0xc8 ... 0xcf] = B0F | E_O,			/* BSWAP */
	[0xd0 ... 0xe6] = M,
	[0xe7] = MR(MOV_XMM) | E_MEM | E_SSE_66,	/* MOVNTDQ */
	[0xe8 ... 0xff] = M,
};

/* Added to the row that names the group; indexed by ModRM.reg. */
const u32 vhm_insn_group[GRP_NR][8] = {
	[GRP_POP] = { OP(POP) | E_D64, UD, UD, UD, UD, UD, UD, UD },
	/* MUL, IMUL, DIV and IDIV */
	[GRP_3] = {
		OP(TEST) | F(MI) | IZ, OP(TEST) | F(MI) | IZ, OP(NOT), OP(NEG), B1, B1, B1, B1,
	},
	[GRP_4] = { OP(INC), OP(DEC), UD, UD, UD, UD, UD, UD },
	/* CALL, CALLF, JMP, JMPF */
	[GRP_5] = {
		OP(INC), OP(DEC), B1 | E_D64, B1, B1 | E_D64, B1, OP(PUSH) | E_D64, UD,
	},
	/* SGDT, SIDT, LGDT, LIDT; with a register others: length */
	[GRP_7] = { LXS, LXS, LXS, LXS, OP(SMSW), N, OP(LMSW), OP(INVLPG) | E_MEM },
	[GRP_8] = {
		UD, UD, UD, UD, OP(BT) | F(MI), OP(BTS) | F(MI), OP(BTR) | F(MI), OP(BTC) | F(MI),
	},
	[GRP_9] = { N, OP(CMPXCHG8B) | E_MEM },
	[GRP_MOV] = { OP(MOV) | F(MI), UD, UD, UD, UD, UD, UD, N },	/* XABORT, XBEGIN */
};
