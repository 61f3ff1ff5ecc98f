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

#define F(form)		((u32)VHM_FORM_##form << E_FORM_SHIFT)
#define I(imm)		((u32)IMM_##imm << E_IMM_SHIFT)
#define SSE(pfx)	((u32)SSE_##pfx << E_SSE_SHIFT)
#define SS(n)		((u32)(n) << E_SSIZE_SHIFT)
#define OP(op)		((u32)VHM_OP_##op)
#define GRP(g)		(E_GROUP | E_MODRM | (u32)GRP_##g)
#define PFX(bits)	(E_PFX | (bits))
#define SEG(s)		(E_PFX | VHM_PFX_SEG | ((u32)VHM_##s << E_FORM_SHIFT))

#define M		E_MODRM
#define B		E_BYTE
#define N		0u

/* The six encodings of an arithmetic operation: op + row. */
#define A_MRB		(OP(ADD) | E_ROW | F(MR) | M | B)
#define A_MR		(OP(ADD) | E_ROW | F(MR) | M)
#define A_RMB		(OP(ADD) | E_ROW | F(RM) | M | B)
#define A_RM		(OP(ADD) | E_ROW | F(RM) | M)
#define A_AIB		(OP(ADD) | E_ROW | F(AI) | I(8) | B)
#define A_AI		(OP(ADD) | E_ROW | F(AI) | I(Z))
/* Groups 1 and 2: op + ModRM.reg. */
#define G1		(OP(ADD) | E_REG | F(MI) | M)
#define G2		(OP(ROL) | E_REG | M)

const u32 vhm_insn_tab_1b[256] = {
	/* 00 */ A_MRB, A_MR, A_RMB, A_RM, A_AIB, A_AI, E_I64, E_I64,
	/* 08 */ A_MRB, A_MR, A_RMB, A_RM, A_AIB, A_AI, E_I64, E_ESC,
	/* 10 */ A_MRB, A_MR, A_RMB, A_RM, A_AIB, A_AI, E_I64, E_I64,
	/* 18 */ A_MRB, A_MR, A_RMB, A_RM, A_AIB, A_AI, E_I64, E_I64,
	/* 20 */ A_MRB, A_MR, A_RMB, A_RM, A_AIB, A_AI, SEG(ES), E_I64,
	/* 28 */ A_MRB, A_MR, A_RMB, A_RM, A_AIB, A_AI, SEG(CS), E_I64,
	/* 30 */ A_MRB, A_MR, A_RMB, A_RM, A_AIB, A_AI, SEG(SS), E_I64,
	/* 38 */ A_MRB, A_MR, A_RMB, A_RM, A_AIB, A_AI, SEG(DS), E_I64,
	/* REX in 64-bit mode, taken before this table is read */
	[0x40 ... 0x47] = OP(INC) | F(O),
	[0x48 ... 0x4f] = OP(DEC) | F(O),
	[0x50 ... 0x57] = OP(PUSH) | F(O) | E_D64,
	[0x58 ... 0x5f] = OP(POP) | F(O) | E_D64,
	/* PUSHA, POPA */
	[0x60 ... 0x61] = E_I64,
	[0x62] = E_ESC,
	[0x63] = E_ESC,				/* ARPL or MOVSXD */
	[0x64] = SEG(FS),
	[0x65] = SEG(GS),
	[0x66] = PFX(VHM_PFX_OPSIZE),
	[0x67] = PFX(VHM_PFX_ADSIZE),
	[0x68] = OP(PUSH) | F(AI) | I(Z) | E_D64,
	[0x69] = M | I(Z),			/* IMUL */
	[0x6a] = OP(PUSH) | F(AI) | I(8) | E_D64,
	[0x6b] = M | I(8),
	[0x6c] = OP(INS) | B,
	[0x6d] = OP(INS),
	[0x6e] = OP(OUTS) | B,
	[0x6f] = OP(OUTS),
	[0x70 ... 0x7f] = I(8),			/* Jcc */
	[0x80] = G1 | I(8) | B,
	[0x81] = G1 | I(Z),
	[0x82] = G1 | I(8) | B | E_I64,
	[0x83] = G1 | I(8),
	[0x84] = OP(TEST) | F(MR) | M | B,
	[0x85] = OP(TEST) | F(MR) | M,
	[0x86] = OP(XCHG) | F(MR) | M | B,
	[0x87] = OP(XCHG) | F(MR) | M,
	[0x88] = OP(MOV) | F(MR) | M | B,
	[0x89] = OP(MOV) | F(MR) | M,
	[0x8a] = OP(MOV) | F(RM) | M | B,
	[0x8b] = OP(MOV) | F(RM) | M,
	[0x8c] = OP(MOV_FROM_SREG) | F(M) | M,
	[0x8d] = M,				/* LEA */
	[0x8e] = M,				/* MOV Sreg */
	[0x8f] = E_ESC,
	[0x90 ... 0x97] = OP(XCHG) | F(OA),	/* 90 without REX.B is NOP */
	[0x98 ... 0x99] = N,
	[0x9a] = I(FAR) | E_I64,
	[0x9b ... 0x9f] = N,
	[0xa0] = OP(MOV) | F(RM) | I(ADDR) | B,
	[0xa1] = OP(MOV) | F(RM) | I(ADDR),
	[0xa2] = OP(MOV) | F(MR) | I(ADDR) | B,
	[0xa3] = OP(MOV) | F(MR) | I(ADDR),
	[0xa4] = OP(MOVS) | B,
	[0xa5] = OP(MOVS),
	[0xa6] = OP(CMPS) | B,
	[0xa7] = OP(CMPS),
	[0xa8] = OP(TEST) | F(AI) | I(8) | B,
	[0xa9] = OP(TEST) | F(AI) | I(Z),
	[0xaa] = OP(STOS) | B,
	[0xab] = OP(STOS),
	[0xac] = OP(LODS) | B,
	[0xad] = OP(LODS),
	[0xae] = OP(SCAS) | B,
	[0xaf] = OP(SCAS),
	[0xb0 ... 0xb7] = OP(MOV) | F(OI) | I(8) | B,
	[0xb8 ... 0xbf] = OP(MOV) | F(OI) | I(V),
	[0xc0] = G2 | F(MI) | I(8) | B,
	[0xc1] = G2 | F(MI) | I(8),
	[0xc2] = I(16),				/* RET */
	[0xc3] = N,
	[0xc4] = E_ESC,
	[0xc5] = E_ESC,
	[0xc6] = GRP(MOV) | I(8) | B,
	[0xc7] = GRP(MOV) | I(Z),
	[0xc8] = I(16_8),			/* ENTER */
	[0xc9] = N,
	[0xca] = I(16),				/* RETF */
	[0xcb ... 0xcc] = N,
	[0xcd] = I(8),				/* INT */
	[0xce] = E_I64,
	[0xcf] = N,
	[0xd0] = G2 | F(M1) | B,
	[0xd1] = G2 | F(M1),
	[0xd2] = G2 | F(MC) | B,
	[0xd3] = G2 | F(MC),
	[0xd4 ... 0xd5] = I(8) | E_I64,		/* AAM, AAD */
	[0xd6] = E_UD,
	[0xd7] = N,
	[0xd8 ... 0xdf] = M,			/* x87 */
	[0xe0 ... 0xe3] = I(8),			/* LOOP, JCXZ */
	[0xe4] = OP(IN) | F(AI) | I(8) | B,
	[0xe5] = OP(IN) | F(AI) | I(8),
	[0xe6] = OP(OUT) | F(AI) | I(8) | B,
	[0xe7] = OP(OUT) | F(AI) | I(8),
	[0xe8 ... 0xe9] = I(Z) | E_D64,		/* CALL, JMP */
	[0xea] = I(FAR) | E_I64,
	[0xeb] = I(8),
	[0xec] = OP(IN) | F(AD) | B,
	[0xed] = OP(IN) | F(AD),
	[0xee] = OP(OUT) | F(AD) | B,
	[0xef] = OP(OUT) | F(AD),
	[0xf0] = PFX(VHM_PFX_LOCK),
	[0xf1] = N,
	[0xf2] = PFX(VHM_PFX_REPNE),
	[0xf3] = PFX(VHM_PFX_REPE),
	[0xf4 ... 0xf5] = N,
	[0xf6] = GRP(3) | B,
	[0xf7] = GRP(3),
	[0xf8 ... 0xfd] = N,
	[0xfe] = GRP(4) | B,
	[0xff] = GRP(5),
};

/* XMM moves of 16 bytes, load and store. */
#define X_LD(pfx)	(OP(MOV_XMM) | F(RM) | M | E_MEM | SSE(pfx))
#define X_ST(pfx)	(OP(MOV_XMM) | F(MR) | M | E_MEM | SSE(pfx))

/*
 * Also the map of VEX and EVEX map 1, of which only ModRM and immediate are
 * used. 38 and 3A are handled by the decoder; 0F ends in a suffix byte.
 */
const u32 vhm_insn_tab_0f[256] = {
	[0x00] = M,
	[0x01] = GRP(7),
	[0x02 ... 0x03] = M,			/* LAR, LSL */
	[0x04] = E_UD,
	[0x05] = N,
	[0x06] = OP(CLTS),
	[0x07 ... 0x09] = N,
	[0x0a] = E_UD,
	[0x0b] = N,				/* UD2 */
	[0x0c] = E_UD,
	[0x0d] = OP(NOP) | F(NONE) | M,		/* PREFETCHW */
	[0x0e] = N,
	[0x0f] = M | I(8),			/* 3DNow! */
	[0x10] = X_LD(NP_66),			/* MOVUPS, MOVUPD */
	[0x11] = X_ST(NP_66),
	[0x12 ... 0x17] = M,
	[0x18 ... 0x1e] = M,			/* prefetch, hints, MPX, ENDBR */
	[0x1f] = OP(NOP) | F(NONE) | M,
	[0x20] = OP(MOV_FROM_CR) | F(MR) | M | E_REGONLY,
	[0x21] = OP(MOV_FROM_DR) | F(MR) | M | E_REGONLY,
	[0x22] = OP(MOV_TO_CR) | F(RM) | M | E_REGONLY,
	[0x23] = OP(MOV_TO_DR) | F(RM) | M | E_REGONLY,
	[0x24 ... 0x27] = E_UD,
	[0x28] = X_LD(NP_66),			/* MOVAPS, MOVAPD */
	[0x29] = X_ST(NP_66),
	[0x2a] = M,
	[0x2b] = X_ST(NP_66),			/* MOVNTPS, MOVNTPD */
	[0x2c ... 0x2f] = M,
	[0x30 ... 0x35] = N,
	[0x36] = E_UD,
	[0x37] = N,				/* GETSEC */
	[0x38 ... 0x3f] = E_UD,
	[0x40 ... 0x6e] = M,			/* CMOVcc, SSE */
	[0x6f] = X_LD(66_F3),			/* MOVDQA, MOVDQU */
	[0x70 ... 0x73] = M | I(8),
	[0x74 ... 0x76] = M,
	[0x77] = N,				/* EMMS, VZEROUPPER */
	[0x78] = M | I(8_8),			/* VMREAD, EXTRQ, INSERTQ */
	[0x79] = M,
	[0x7a ... 0x7b] = M | E_UD,
	[0x7c ... 0x7e] = M,
	[0x7f] = X_ST(66_F3),
	[0x80 ... 0x8f] = I(Z) | E_D64,		/* Jcc */
	[0x90 ... 0x9f] = M,			/* SETcc */
	[0xa0 ... 0xa2] = N,
	[0xa3] = OP(BT) | F(MR) | M,
	[0xa4] = M | I(8),			/* SHLD */
	[0xa5 ... 0xa7] = M,
	[0xa8 ... 0xaa] = N,
	[0xab] = OP(BTS) | F(MR) | M,
	[0xac] = M | I(8),			/* SHRD */
	[0xad ... 0xaf] = M,
	[0xb0] = OP(CMPXCHG) | F(MR) | M | B,
	[0xb1] = OP(CMPXCHG) | F(MR) | M,
	[0xb2] = M,				/* LSS */
	[0xb3] = OP(BTR) | F(MR) | M,
	[0xb4 ... 0xb5] = M,
	[0xb6] = OP(MOVZX) | F(RM) | M | SS(1),
	[0xb7] = OP(MOVZX) | F(RM) | M | SS(2),
	[0xb8 ... 0xb9] = M,			/* POPCNT, UD1 */
	[0xba] = GRP(8) | I(8),
	[0xbb] = OP(BTC) | F(MR) | M,
	[0xbc ... 0xbd] = M,
	[0xbe] = OP(MOVSX) | F(RM) | M | SS(1),
	[0xbf] = OP(MOVSX) | F(RM) | M | SS(2),
	[0xc0] = OP(XADD) | F(MR) | M | B,
	[0xc1] = OP(XADD) | F(MR) | M,
	[0xc2] = M | I(8),
	[0xc3] = OP(MOV) | F(MR) | M | E_MEM | SSE(NP),	/* MOVNTI */
	[0xc4 ... 0xc6] = M | I(8),
	[0xc7] = GRP(9),
	[0xc8 ... 0xcf] = N,			/* BSWAP */
	[0xd0 ... 0xe6] = M,
	[0xe7] = X_ST(66),			/* MOVNTDQ */
	[0xe8 ... 0xff] = M,
};

/* Added to the row that names the group; indexed by ModRM.reg. */
const u32 vhm_insn_group[GRP_NR][8] = {
	[GRP_POP] = {
		OP(POP) | F(M) | E_D64,
		E_UD, E_UD, E_UD, E_UD, E_UD, E_UD, E_UD,
	},
	[GRP_3] = {
		OP(TEST) | F(MI) | I(Z), OP(TEST) | F(MI) | I(Z),
		OP(NOT) | F(M), OP(NEG) | F(M),
		N, N, N, N,			/* MUL, IMUL, DIV, IDIV */
	},
	[GRP_4] = {
		OP(INC) | F(M), OP(DEC) | F(M),
		E_UD, E_UD, E_UD, E_UD, E_UD, E_UD,
	},
	[GRP_5] = {
		OP(INC) | F(M), OP(DEC) | F(M),
		E_D64, N, E_D64, N,		/* CALL, CALLF, JMP, JMPF */
		OP(PUSH) | F(M) | E_D64, E_UD,
	},
	[GRP_7] = {
		N, N, N, N,			/* SGDT and others: length */
		OP(SMSW) | F(M), N, OP(LMSW) | F(M),
		OP(INVLPG) | F(M) | E_MEM,
	},
	[GRP_8] = {
		E_UD, E_UD, E_UD, E_UD,
		OP(BT) | F(MI), OP(BTS) | F(MI),
		OP(BTR) | F(MI), OP(BTC) | F(MI),
	},
	[GRP_9] = {
		N, OP(CMPXCHG8B) | F(M) | E_MEM, N, N, N, N, N, N,
	},
	[GRP_MOV] = {
		OP(MOV) | F(MI), E_UD, E_UD, E_UD, E_UD, E_UD, E_UD,
		N,				/* XABORT, XBEGIN */
	},
};
