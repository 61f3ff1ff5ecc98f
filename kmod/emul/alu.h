/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic with exact flags, on values of 1, 2, 4 or 8 bytes.
 *
 * Operands and results are in the low bytes of a u64; bits above the size are
 * ignored on input and unspecified in a result, as every store truncates.
 * Flags that the architecture leaves undefined keep their value, unless that
 * would cost code.
 *
 * Source: AMD64 APM vol. 3, "General-Purpose Instruction Reference".
 */
#ifndef VHM_EMUL_ALU_H
#define VHM_EMUL_ALU_H

#include "emul.h"

#define VHM_FL_SZP	(X86_EFLAGS_SF | X86_EFLAGS_ZF | X86_EFLAGS_PF)
#define VHM_FL_ARITH	(VHM_FL_SZP | X86_EFLAGS_CF | X86_EFLAGS_AF | X86_EFLAGS_OF)

static inline u64 vhm_mask(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1;
}

/* Bit 0 is the most significant bit of @v. */
static inline u64 vhm_msb(u64 v, unsigned int size)
{
	return v >> (8 * size - 1) & 1;
}

static inline u64 vhm_sign_extend(u64 v, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (u64)((s64)(v << shift) >> shift);
}

static inline u64 vhm_flag(u64 flags, u64 bit, bool set)
{
	return set ? flags | bit : flags & ~bit;
}

/* SF, ZF and PF of a result; the other flags of @flags are kept. */
static inline u64 vhm_flags_szp(u64 flags, u64 r, unsigned int size)
{
	/* Bit n of 0x9669: n has an even number of ones. */
	bool even = 0x9669 >> ((r ^ r >> 4) & 0xf) & 1;

	return (flags & ~VHM_FL_SZP) | (even ? X86_EFLAGS_PF : 0) |
	       (r & vhm_mask(size) ? 0 : X86_EFLAGS_ZF) | (vhm_msb(r, size) ? X86_EFLAGS_SF : 0);
}

/* @d + @s + @carry, and all six flags. */
static inline u64 vhm_alu_add(u64 d, u64 s, u64 carry, unsigned int size, u64 *flags)
{
	u64 r = d + s + carry, carries = (d & s) | ((d | s) & ~r);	/* out of each bit */

	*flags = vhm_flags_szp(*flags, r, size);
	*flags = vhm_flag(*flags, X86_EFLAGS_CF, vhm_msb(carries, size));
	*flags = vhm_flag(*flags, X86_EFLAGS_AF, carries & 8);
	*flags = vhm_flag(*flags, X86_EFLAGS_OF, vhm_msb((d ^ r) & (s ^ r), size));
	return r;
}

/* @d - @s - @borrow: the sum with the complement, whose carries are no borrows. */
static inline u64 vhm_alu_sub(u64 d, u64 s, u64 borrow, unsigned int size, u64 *flags)
{
	u64 r = vhm_alu_add(d, ~s, !borrow, size, flags);

	*flags ^= X86_EFLAGS_CF | X86_EFLAGS_AF;
	return r;
}

static inline u64 vhm_alu_logic(u64 r, unsigned int size, u64 *flags)
{
	*flags = vhm_flags_szp(*flags & ~VHM_FL_ARITH, r, size);
	return r;
}

/* BT, BTS, BTR, BTC of bit @s, taken modulo the operand's width. */
static inline u64 vhm_alu_bit(enum vhm_insn_op op, u64 d, u64 s, unsigned int size, u64 *flags)
{
	u64 bit = 1ull << (s & (8 * size - 1));

	*flags = vhm_flag(*flags, X86_EFLAGS_CF, d & bit);
	return op == VHM_OP_BTS ? d | bit : op == VHM_OP_BTR ? d & ~bit :
	       op == VHM_OP_BTC ? d ^ bit : d;
}

/* ROL, ROR, RCL, RCR, SHL, SHR, SAL, SAR by @n (masked here), bit by bit. */
static inline u64 vhm_alu_shift(enum vhm_insn_op op, u64 d, u64 n, unsigned int size, u64 *flags)
{
	bool right = (op - VHM_OP_ROL) & 1, through = op == VHM_OP_RCL || op == VHM_OP_RCR;
	unsigned int top = 8 * size - 1;
	u64 cf = *flags & X86_EFLAGS_CF, out, in;

	n &= size == 8 ? 63 : 31;
	if (!n)
		return d;
	d &= vhm_mask(size);
	while (n--) {
		out = right ? d & 1 : d >> top;
		in = through ? cf : op == VHM_OP_SAR ? d >> top : op >= VHM_OP_SHL ? 0 : out;
		d = right ? d >> 1 | in << top : (d << 1 | in) & vhm_mask(size);
		cf = out;
	}
	if (op >= VHM_OP_SHL)
		*flags = vhm_flags_szp(*flags, d, size);
	*flags = vhm_flag(*flags, X86_EFLAGS_OF, d >> top ^ (right ? d >> (top - 1) & 1 : cf));
	*flags = vhm_flag(*flags, X86_EFLAGS_CF, cf);
	return d;
}

/* What becomes of destination @d with source @s, and of *flags. CMPXCHG compares with @acc. */
static inline u64 vhm_alu(enum vhm_insn_op op, u64 d, u64 s, u64 acc, unsigned int size, u64 *flags)
{
	u64 cf = *flags & X86_EFLAGS_CF;

	switch (op) {
	case VHM_OP_ADD:
	case VHM_OP_XADD:
		return vhm_alu_add(d, s, 0, size, flags);
	case VHM_OP_ADC:
		return vhm_alu_add(d, s, cf, size, flags);
	case VHM_OP_SUB:
	case VHM_OP_CMP:
		return vhm_alu_sub(d, s, 0, size, flags);
	case VHM_OP_SBB:
		return vhm_alu_sub(d, s, cf, size, flags);
	case VHM_OP_OR:
		return vhm_alu_logic(d | s, size, flags);
	case VHM_OP_XOR:
		return vhm_alu_logic(d ^ s, size, flags);
	case VHM_OP_AND:
	case VHM_OP_TEST:
		return vhm_alu_logic(d & s, size, flags);
	case VHM_OP_INC:
	case VHM_OP_DEC:
		d = op == VHM_OP_INC ? vhm_alu_add(d, 1, 0, size, flags) :
				       vhm_alu_sub(d, 1, 0, size, flags);
		*flags = vhm_flag(*flags, X86_EFLAGS_CF, cf);
		return d;
	case VHM_OP_NOT:
		return ~d;
	case VHM_OP_NEG:
		return vhm_alu_sub(0, d, 0, size, flags);
	case VHM_OP_BSF:
	case VHM_OP_BSR:
		*flags = vhm_flag(*flags, X86_EFLAGS_ZF, !s);
		if (s)
			d = op == VHM_OP_BSF ? __builtin_ctzll(s) : 63 - __builtin_clzll(s);
		return d;
	case VHM_OP_CMPXCHG:
		vhm_alu_sub(acc, d, 0, size, flags);
		return *flags & X86_EFLAGS_ZF ? s : d;
	case VHM_OP_BT ... VHM_OP_BTC:
		return vhm_alu_bit(op, d, s, size, flags);
	case VHM_OP_ROL ... VHM_OP_SAR:
		return vhm_alu_shift(op, d, s, size, flags);
	default:		/* XCHG */
		return s;
	}
}

#endif
