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

#define VHM_FL_CF	(1ull << 0)
#define VHM_FL_PF	(1ull << 2)
#define VHM_FL_AF	(1ull << 4)
#define VHM_FL_ZF	(1ull << 6)
#define VHM_FL_SF	(1ull << 7)
#define VHM_FL_TF	(1ull << 8)
#define VHM_FL_DF	(1ull << 10)
#define VHM_FL_IOPL	(3ull << 12)
#define VHM_FL_OF	(1ull << 11)
#define VHM_FL_RF	(1ull << 16)
#define VHM_FL_VM	(1ull << 17)
#define VHM_FL_ARITH	(VHM_FL_CF | VHM_FL_PF | VHM_FL_AF | VHM_FL_ZF | \
			 VHM_FL_SF | VHM_FL_OF)

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
	u8 p = r;

	flags &= ~(VHM_FL_SF | VHM_FL_ZF | VHM_FL_PF);
	if (!(r & vhm_mask(size)))
		flags |= VHM_FL_ZF;
	if (vhm_msb(r, size))
		flags |= VHM_FL_SF;
	p ^= p >> 4;
	/* Bit n of 0x9669: n has an even number of ones. */
	if (0x9669 >> (p & 0xf) & 1)
		flags |= VHM_FL_PF;
	return flags;
}

/* All six flags, from a result and its carries out of each bit. */
static inline u64 vhm_flags_carry(u64 flags, u64 r, u64 carries, u64 overflow,
				  unsigned int size)
{
	flags &= ~VHM_FL_ARITH;
	flags |= vhm_msb(carries, size) ? VHM_FL_CF : 0;
	flags |= carries & 8 ? VHM_FL_AF : 0;
	flags |= vhm_msb(overflow, size) ? VHM_FL_OF : 0;
	return vhm_flags_szp(flags, r, size);
}

static inline u64 vhm_alu_add(u64 d, u64 s, u64 carry, unsigned int size,
			      u64 *flags)
{
	u64 r = d + s + carry;

	*flags = vhm_flags_carry(*flags, r, (d & s) | ((d | s) & ~r),
				 (d ^ r) & (s ^ r), size);
	return r;
}

static inline u64 vhm_alu_sub(u64 d, u64 s, u64 borrow, unsigned int size,
			      u64 *flags)
{
	u64 r = d - s - borrow;

	*flags = vhm_flags_carry(*flags, r, (~d & s) | ((~d | s) & r),
				 (d ^ s) & (d ^ r), size);
	return r;
}

static inline u64 vhm_alu_logic(u64 r, unsigned int size, u64 *flags)
{
	*flags = vhm_flags_carry(*flags, r, 0, 0, size);
	return r;
}

/* ADD..CMP and TEST: the result, and the flags in *flags. */
static inline u64 vhm_alu(enum vhm_insn_op op, u64 d, u64 s, unsigned int size,
			  u64 *flags)
{
	u64 carry = *flags & VHM_FL_CF;

	switch (op) {
	case VHM_OP_ADD:
		return vhm_alu_add(d, s, 0, size, flags);
	case VHM_OP_ADC:
		return vhm_alu_add(d, s, carry, size, flags);
	case VHM_OP_SUB:
	case VHM_OP_CMP:
		return vhm_alu_sub(d, s, 0, size, flags);
	case VHM_OP_SBB:
		return vhm_alu_sub(d, s, carry, size, flags);
	case VHM_OP_OR:
		return vhm_alu_logic(d | s, size, flags);
	case VHM_OP_XOR:
		return vhm_alu_logic(d ^ s, size, flags);
	default:		/* AND, TEST */
		return vhm_alu_logic(d & s, size, flags);
	}
}

/* SHL, SAL, SHR, SAR by @n, which is 1 to 63. */
static inline u64 vhm_alu_shift(enum vhm_insn_op op, u64 d, unsigned int n,
				unsigned int size, u64 *flags)
{
	unsigned int bits = 8 * size;
	u64 r, cf, of;

	d &= vhm_mask(size);
	if (op == VHM_OP_SHR) {
		r = d >> n;
		cf = d >> (n - 1) & 1;
		of = vhm_msb(d, size);
	} else if (op == VHM_OP_SAR) {
		s64 v = (s64)vhm_sign_extend(d, size);

		r = (u64)(v >> n);
		cf = (u64)(v >> (n - 1)) & 1;
		of = 0;
	} else {
		r = d << n;
		cf = n <= bits ? d >> (bits - n) & 1 : 0;
		of = vhm_msb(r, size) ^ cf;
	}
	*flags = vhm_flag(*flags, VHM_FL_CF, cf);
	*flags = vhm_flag(*flags, VHM_FL_OF, of);
	*flags = vhm_flags_szp(*flags, r, size);
	return r;
}

/* ROL, ROR, RCL, RCR by @n, which is 1 to 63. */
static inline u64 vhm_alu_rotate(enum vhm_insn_op op, u64 d, unsigned int n,
				 unsigned int size, u64 *flags)
{
	bool right = op == VHM_OP_ROR || op == VHM_OP_RCR;
	bool through = op == VHM_OP_RCL || op == VHM_OP_RCR;
	unsigned int top = 8 * size - 1;
	u64 cf = *flags & VHM_FL_CF, out, of;

	if (through)
		n %= 8 * size + 1;
	d &= vhm_mask(size);
	while (n--) {
		out = right ? d & 1 : d >> top;
		if (right)
			d = d >> 1 | (through ? cf : out) << top;
		else
			d = (d << 1 | (through ? cf : out)) & vhm_mask(size);
		cf = out;
	}
	of = right ? d >> top ^ d >> (top - 1) : d >> top ^ cf;
	*flags = vhm_flag(*flags, VHM_FL_CF, cf);
	*flags = vhm_flag(*flags, VHM_FL_OF, of & 1);
	return d;
}

/* The eight operations of group 2; @n is the count before masking. */
static inline u64 vhm_alu_group2(enum vhm_insn_op op, u64 d, u64 n,
				 unsigned int size, u64 *flags)
{
	n &= size == 8 ? 63 : 31;
	if (!n)
		return d;
	if (op >= VHM_OP_SHL)
		return vhm_alu_shift(op, d, n, size, flags);
	return vhm_alu_rotate(op, d, n, size, flags);
}

#endif
