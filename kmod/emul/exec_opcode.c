// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions told apart by their opcode: jumps, calls, the stack, segment
 * loads, flags, multiplication, and interrupts in real mode.
 *
 * They are here for CPUs that cannot enter a guest in every mode (VT-x without
 * unrestricted guest): what firmware and boot code execute between real and
 * protected mode, and with real-mode segments beyond 64 KiB. So 16- and 32-bit
 * code only, and of protected mode no gates, no change of privilege and no
 * task switches: those answer FAIL. Neither are decimal arithmetic, ENTER, BOUND
 * and x87 performed. A stack access is made in one piece: where the stack pointer
 * wraps in the middle of it, it faults.
 *
 * Sources: AMD64 APM vol. 3, "General-Purpose Instruction Reference", "System
 * Instruction Reference"; vol. 2, "Segment Descriptors"; Intel SDM vol. 3, "8086
 * Emulation".
 */
#include "exec.h"

/* What POPF and IRET may change in full; a 16-bit one leaves the upper half. */
#define POPF_FLAGS	(VHM_FL_ARITH | X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | \
			 X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_AC | X86_EFLAGS_ID)

/* ---- stack and jumps -------------------------------------------------------- */

/* The last op of its instruction. */
static enum vhm_emul_status push(struct vhm_emul *e, void *buf, unsigned int n)
{
	unsigned int width = vhm_stack_width(e);
	u64 sp = (e->gpr[VHM_RSP] - n) & vhm_mask(width);
	enum vhm_emul_status st = vhm_mem(e, VHM_SS, sp, buf, n, VHM_ACC_WRITE);

	if (!st)
		vhm_gpr_write(e, VHM_RSP, width, sp);
	return st;
}

/* @n bytes at the top of the stack; they stay there until drop(). */
static enum vhm_emul_status top(struct vhm_emul *e, void *buf, unsigned int n)
{
	u64 sp = e->gpr[VHM_RSP] & vhm_mask(vhm_stack_width(e));

	return vhm_mem(e, VHM_SS, sp, buf, n, VHM_ACC_READ);
}

static void drop(struct vhm_emul *e, unsigned int n)
{
	vhm_gpr_write(e, VHM_RSP, vhm_stack_width(e), e->gpr[VHM_RSP] + n);
}

/* vhm_emul_exec() adds the instruction's length. */
static void jump(struct vhm_emul *e, u64 to)
{
	e->rip = (to & vhm_mask(e->insn.size)) - e->insn.len;
}

static u64 next_ip(const struct vhm_emul *e)
{
	return e->rip + e->insn.len;
}

/* The condition in the low four bits of Jcc, SETcc and CMOVcc. */
static bool condition(u64 flags, u8 code)
{
	bool less = !(flags & X86_EFLAGS_SF) != !(flags & X86_EFLAGS_OF);
	const bool is[] = {
		flags & X86_EFLAGS_OF, flags & X86_EFLAGS_CF, flags & X86_EFLAGS_ZF,
		flags & (X86_EFLAGS_CF | X86_EFLAGS_ZF), flags & X86_EFLAGS_SF,
		flags & X86_EFLAGS_PF, less, less || flags & X86_EFLAGS_ZF,
	};

	return is[code >> 1 & 7] != (code & 1);
}

static enum vhm_emul_status jump_if(struct vhm_emul *e, bool taken)
{
	if (taken)
		jump(e, next_ip(e) + e->insn.imm);
	return VHM_EMUL_OK;
}

/* LOOPNE, LOOPE, LOOP, JCXZ */
static enum vhm_emul_status loop(struct vhm_emul *e)
{
	u64 count = e->gpr[VHM_RCX] & vhm_mask(e->insn.adsize);
	u8 which = e->insn.opcode & 3;

	if (which == 3)
		return jump_if(e, !count);
	vhm_gpr_write(e, VHM_RCX, e->insn.adsize, count - 1);
	return jump_if(e, count != 1 && (which == 2 || !(e->rflags & X86_EFLAGS_ZF) == !which));
}

static enum vhm_emul_status call(struct vhm_emul *e, u64 to)
{
	u64 ret = next_ip(e);
	enum vhm_emul_status st = push(e, &ret, e->insn.size);

	if (!st)
		jump(e, to);
	return st;
}

static enum vhm_emul_status ret(struct vhm_emul *e)
{
	u64 to = 0;
	enum vhm_emul_status st = top(e, &to, e->insn.size);

	if (st)
		return st;
	drop(e, e->insn.size + (e->insn.opcode & 1 ? 0 : e->insn.imm & 0xffff));
	jump(e, to);
	return VHM_EMUL_OK;
}

/* ---- segments ------------------------------------------------------------------- */

static enum vhm_emul_status read_descriptor(struct vhm_emul *e, u16 sel, u64 *desc)
{
	struct vhm_seg table;

	e->ops->segment(e, sel & 4 ? VHM_EMUL_LDTR : VHM_EMUL_GDTR, &table);
	if ((sel & 4 && !(table.attr & VHM_SEG_P)) || (sel | 7u) > table.limit)
		return vhm_emul_raise(e, GP_VECTOR, sel & ~3);
	return e->ops->mem(e, (u32)(table.base + (sel & ~7)), desc, NULL, 8, VHM_ACC_READ);
}

/* Does the kind of segment fit the register, and are both privileged enough? */
static bool segment_fits(const struct vhm_emul *e, enum vhm_sreg nr, u16 sel, u16 attr)
{
	unsigned int dpl = attr >> 5 & 3, rpl = sel & 3;
	bool code = attr & VHM_SEG_CODE, conforming = code && attr & 0x4;

	if (nr == VHM_CS)	/* same privilege: a return's RPL is the CPL it returns to */
		return code && (conforming ? dpl <= e->cpl : dpl == e->cpl && rpl <= e->cpl);
	if (nr == VHM_SS)
		return !code && attr & VHM_SEG_RW && rpl == e->cpl && dpl == e->cpl;
	return (!code || attr & VHM_SEG_RW) && (conforming || (dpl >= rpl && dpl >= e->cpl));
}

/*
 * What register @nr holds after @sel was loaded. In real mode limit and type stay.
 * The accessed bit is set in the register, not in the table.
 */
static enum vhm_emul_status find_segment(struct vhm_emul *e, enum vhm_sreg nr, u16 sel,
					 struct vhm_seg *seg)
{
	enum vhm_emul_status st;
	u64 desc = 0;
	u16 attr;

	e->ops->segment(e, nr, seg);
	if (!e->prot) {
		seg->sel = sel;
		seg->base = sel << 4;
		return VHM_EMUL_OK;
	}
	*seg = (struct vhm_seg){ .sel = sel };
	if (!(sel & ~3) && nr != VHM_CS && nr != VHM_SS)
		return VHM_EMUL_OK;
	st = sel & ~3 ? read_descriptor(e, sel, &desc) : vhm_emul_raise(e, GP_VECTOR, 0);
	if (st)
		return st;
	attr = (desc >> 40 & 0xff) | (desc >> 44 & 0xf00);
	if (nr == VHM_CS && (!(attr & VHM_SEG_S) || attr & VHM_SEG_L || (sel & 3) > e->cpl))
		return VHM_EMUL_FAIL;
	if (!(attr & VHM_SEG_S) || !segment_fits(e, nr, sel, attr))
		return vhm_emul_raise(e, GP_VECTOR, sel & ~3);
	if (!(attr & VHM_SEG_P))
		return vhm_emul_raise(e, nr == VHM_SS ? SS_VECTOR : NP_VECTOR, sel & ~3);
	if (nr == VHM_CS)
		seg->sel = (sel & ~3) | e->cpl;
	seg->attr = attr | 1;
	seg->base = (desc >> 16 & 0xffffff) | (desc >> 56) << 24;
	seg->limit = (desc & 0xffff) | (desc >> 32 & 0xf0000);
	if (attr & 0x800)	/* granularity */
		seg->limit = seg->limit << 12 | 0xfff;
	return VHM_EMUL_OK;
}

/* Load a data segment; the shadow of SS begins with MOV and POP. */
static enum vhm_emul_status load_segment(struct vhm_emul *e, enum vhm_sreg nr, u16 sel)
{
	struct vhm_seg seg;
	enum vhm_emul_status st = find_segment(e, nr, sel, &seg);

	if (!st)
		e->ops->set_segment(e, nr, &seg);
	return st;
}

static enum vhm_emul_status mov_to_sreg(struct vhm_emul *e)
{
	unsigned int nr = e->insn.reg & 7;
	enum vhm_emul_status st;
	u64 sel;

	if (nr == VHM_CS || nr >= VHM_NR_SREG)
		return vhm_emul_raise(e, UD_VECTOR, 0);
	st = vhm_rm_read(e, &sel, 2);
	if (!st)
		st = load_segment(e, nr, sel);
	if (!st && nr == VHM_SS)
		e->after = VHM_EMUL_SHADOW_SS;
	return st;
}

static enum vhm_emul_status push_sreg(struct vhm_emul *e, enum vhm_sreg nr)
{
	struct vhm_seg seg;
	u64 val;

	e->ops->segment(e, nr, &seg);
	val = seg.sel;
	return push(e, &val, e->insn.size);
}

static enum vhm_emul_status pop_sreg(struct vhm_emul *e, enum vhm_sreg nr)
{
	unsigned int width = vhm_stack_width(e);
	u64 sel = 0;
	enum vhm_emul_status st = top(e, &sel, e->insn.size);

	if (!st)
		st = load_segment(e, nr, sel);
	if (st)
		return st;
	/* as wide as the stack was */
	vhm_gpr_write(e, VHM_RSP, width, e->gpr[VHM_RSP] + e->insn.size);
	if (nr == VHM_SS)
		e->after = VHM_EMUL_SHADOW_SS;
	return VHM_EMUL_OK;
}

/* A far pointer in memory: offset, then selector. */
static enum vhm_emul_status far_operand(struct vhm_emul *e, u64 *off, u16 *sel)
{
	unsigned int size = e->insn.size;
	u64 val = 0;
	enum vhm_emul_status st = vhm_mem(e, e->insn.seg, vhm_rm_offset(e, 0), &val, size + 2,
					  VHM_ACC_READ);

	*off = val & vhm_mask(size);
	*sel = val >> 8 * size;
	return st;
}

/* LES, LDS, LSS, LFS, LGS */
static enum vhm_emul_status load_far_pointer(struct vhm_emul *e, enum vhm_sreg nr)
{
	u64 off;
	u16 sel;
	enum vhm_emul_status st = far_operand(e, &off, &sel);

	if (!st)
		st = load_segment(e, nr, sel);
	if (!st)
		vhm_gpr_write(e, e->insn.reg, e->insn.size, off);
	return st;
}

/* Far JMP, or CALL: both halves of the return address are pushed at once. */
static enum vhm_emul_status far_to(struct vhm_emul *e, u16 sel, u64 off, bool is_call)
{
	unsigned int size = e->insn.size;
	struct vhm_seg cs, old;
	enum vhm_emul_status st = find_segment(e, VHM_CS, sel, &cs);
	u64 frame;

	if (!st && off > cs.limit)
		st = vhm_emul_raise(e, GP_VECTOR, 0);
	if (!st && is_call) {
		e->ops->segment(e, VHM_CS, &old);
		frame = (next_ip(e) & vhm_mask(size)) | (u64)old.sel << 8 * size;
		st = push(e, &frame, 2 * size);
	}
	if (st)
		return st;
	e->ops->set_segment(e, VHM_CS, &cs);
	jump(e, off);
	return VHM_EMUL_OK;
}

static enum vhm_emul_status far_indirect(struct vhm_emul *e)
{
	enum vhm_emul_status st;
	u64 off;
	u16 sel;

	if (!e->insn.mem)
		return vhm_emul_raise(e, UD_VECTOR, 0);
	st = far_operand(e, &off, &sel);
	return st ? st : far_to(e, sel, off, (e->insn.reg & 7) == 3);
}

static enum vhm_emul_status far_return(struct vhm_emul *e)
{
	unsigned int size = e->insn.size, n = e->insn.opcode & 1 ? 0 : e->insn.imm & 0xffff;
	u64 frame = 0;
	enum vhm_emul_status st = top(e, &frame, 2 * size);

	if (!st)
		st = far_to(e, frame >> 8 * size, frame & vhm_mask(size), false);
	if (!st)
		drop(e, 2 * size + n);
	return st;
}

/* SGDT, SIDT, LGDT, LIDT */
static enum vhm_emul_status table_register(struct vhm_emul *e)
{
	unsigned int nr = e->insn.reg & 1 ? VHM_EMUL_IDTR : VHM_EMUL_GDTR;
	bool load = e->insn.reg & 2;
	enum vhm_emul_status st;
	struct vhm_seg seg;
	u64 val;

	if (e->cpl)
		return load ? vhm_emul_raise(e, GP_VECTOR, 0) : VHM_EMUL_FAIL;
	e->ops->segment(e, nr, &seg);
	val = (seg.limit & 0xffff) | seg.base << 16;
	st = vhm_mem(e, e->insn.seg, vhm_rm_offset(e, 0), &val, 6,
		     load ? VHM_ACC_READ : VHM_ACC_WRITE);
	if (st || !load)
		return st;
	seg.limit = val & 0xffff;
	seg.base = val >> 16 & vhm_mask(e->insn.size == 2 ? 3 : 4);
	e->ops->set_segment(e, nr, &seg);
	return VHM_EMUL_OK;
}

/* ---- flags and interrupts ---------------------------------------------------------- */

static bool iopl_allows(const struct vhm_emul *e)
{
	return !e->prot || e->cpl <= (e->rflags & X86_EFLAGS_IOPL) >> X86_EFLAGS_IOPL_BIT;
}

static void set_flags(struct vhm_emul *e, u64 val)
{
	u64 may = POPF_FLAGS & vhm_mask(e->insn.size);

	if (e->prot && e->cpl)
		may &= ~(u64)X86_EFLAGS_IOPL;
	if (!iopl_allows(e))
		may &= ~(u64)X86_EFLAGS_IF;
	e->rflags = (e->rflags & ~may) | (val & may);
}

static enum vhm_emul_status pop_flags(struct vhm_emul *e)
{
	u64 val = 0;
	enum vhm_emul_status st = top(e, &val, e->insn.size);

	if (st)
		return st;
	drop(e, e->insn.size);
	set_flags(e, val);
	return VHM_EMUL_OK;
}

static enum vhm_emul_status push_flags(struct vhm_emul *e)
{
	u64 val = e->rflags & ~(u64)(X86_EFLAGS_VM | X86_EFLAGS_RF);

	return push(e, &val, e->insn.size);
}

enum vhm_emul_status vhm_emul_interrupt(struct vhm_emul *e, u8 vector)
{
	struct vhm_seg table, cs;
	enum vhm_emul_status st;
	u16 frame[3], to[2];

	if (e->prot || e->rflags & X86_EFLAGS_VM)
		return VHM_EMUL_FAIL;
	e->ops->segment(e, VHM_EMUL_IDTR, &table);
	if (4u * vector + 3 > table.limit)
		return vhm_emul_raise(e, GP_VECTOR, 0);
	st = e->ops->mem(e, (u32)(table.base + 4 * vector), to, NULL, 4, VHM_ACC_READ);
	if (st)
		return st;
	e->ops->segment(e, VHM_CS, &cs);
	frame[0] = e->rip;
	frame[1] = cs.sel;
	frame[2] = e->rflags;
	st = push(e, frame, sizeof(frame));
	if (st)
		return st;
	cs.sel = to[1];
	cs.base = to[1] << 4;
	e->ops->set_segment(e, VHM_CS, &cs);
	e->rip = to[0];
	e->rflags &= ~(u64)(X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_AC | X86_EFLAGS_RF);
	return VHM_EMUL_OK;
}

/* INT n, INT3, INTO */
static enum vhm_emul_status software_interrupt(struct vhm_emul *e, u8 vector)
{
	u64 rip = e->rip;
	enum vhm_emul_status st;

	e->rip = (u32)next_ip(e);
	st = vhm_emul_interrupt(e, vector);
	e->rip = st ? rip : e->rip - e->insn.len;
	return st;
}

static enum vhm_emul_status iret(struct vhm_emul *e)
{
	unsigned int size = e->insn.size;
	u8 frame[12];
	enum vhm_emul_status st;
	u64 off = 0, flags = 0;
	u16 sel;

	if (e->prot)
		return VHM_EMUL_FAIL;
	st = top(e, frame, 3 * size);
	if (st)
		return st;
	memcpy(&off, frame, size);
	memcpy(&sel, frame + size, 2);
	memcpy(&flags, frame + 2 * size, size);
	st = far_to(e, sel, off, false);
	if (st)
		return st;
	drop(e, 3 * size);
	set_flags(e, flags);
	e->after = VHM_EMUL_IRET;
	return VHM_EMUL_OK;
}

static enum vhm_emul_status set_if(struct vhm_emul *e, bool on)
{
	if (!iopl_allows(e))
		return vhm_emul_raise(e, GP_VECTOR, 0);
	if (on && !(e->rflags & X86_EFLAGS_IF))
		e->after = VHM_EMUL_SHADOW_STI;
	e->rflags = vhm_flag(e->rflags, X86_EFLAGS_IF, on);
	return VHM_EMUL_OK;
}

/* ---- registers ------------------------------------------------------------------------ */

/* PUSHA and POPA: eight registers, the last one lowest; 16 bytes at a time. */
static enum vhm_emul_status all_registers(struct vhm_emul *e, bool store)
{
	unsigned int width = vhm_stack_width(e), size = e->insn.size, i;
	u64 sp = (e->gpr[VHM_RSP] - (store ? 8 * size : 0)) & vhm_mask(width);
	enum vhm_emul_status st = VHM_EMUL_OK;
	u8 buf[32];

	for (i = 0; i < 8; i++)
		memcpy(buf + size * (7 - i), &e->gpr[i], size);
	for (i = 0; i < 8 * size && !st; i += 16)
		st = vhm_mem(e, VHM_SS, sp + i, buf + i, 16, store ? VHM_ACC_WRITE : VHM_ACC_READ);
	if (st)
		return st;
	for (i = 0; !store && i < 8; i++) {
		u64 val = 0;

		memcpy(&val, buf + size * (7 - i), size);
		if (i != VHM_RSP)
			vhm_gpr_write(e, i, size, val);
	}
	vhm_gpr_write(e, VHM_RSP, width, store ? sp : sp + 8 * size);
	return VHM_EMUL_OK;
}

static enum vhm_emul_status leave(struct vhm_emul *e)
{
	unsigned int width = vhm_stack_width(e);
	u64 val = 0, bp = e->gpr[VHM_RBP] & vhm_mask(width);
	enum vhm_emul_status st = vhm_mem(e, VHM_SS, bp, &val, e->insn.size, VHM_ACC_READ);

	if (st)
		return st;
	vhm_gpr_write(e, VHM_RBP, e->insn.size, val);
	vhm_gpr_write(e, VHM_RSP, width, bp + e->insn.size);
	return VHM_EMUL_OK;
}

/* Product or quotient and remainder, in AX, or in rDX and rAX. */
static void write_pair(struct vhm_emul *e, u64 low, u64 high)
{
	unsigned int size = e->insn.size;

	if (size == 1) {
		vhm_gpr_write(e, VHM_RAX, 2, (low & 0xff) | (high & 0xff) << 8);
	} else {
		vhm_gpr_write(e, VHM_RAX, size, low);
		vhm_gpr_write(e, VHM_RDX, size, high);
	}
}

static void set_cf_of(struct vhm_emul *e, bool on)
{
	e->rflags = vhm_flag(e->rflags, X86_EFLAGS_CF | X86_EFLAGS_OF, on);
}

/* MUL and IMUL of the accumulator. */
static void multiply(struct vhm_emul *e, u64 a, u64 s, bool is_signed)
{
	unsigned __int128 p = (unsigned __int128)a * s;
	unsigned int size = e->insn.size;
	u64 q = p, high = size == 8 ? p >> 64 : q >> 8 * size;

	if (is_signed && size == 8)
		high -= (vhm_msb(a, 8) ? s : 0) + (vhm_msb(s, 8) ? a : 0);
	write_pair(e, q, high);
	if (is_signed)
		set_cf_of(e, vhm_sign_extend(q, size) != q || (size == 8 && high != -vhm_msb(q, 8)));
	else
		set_cf_of(e, high);
}

/* DIV and IDIV of 128 bits: false, it does not fit. What is signed is divided by magnitude. */
static bool divide_128(u64 *low, u64 *high, u64 s, bool is_signed)
{
	unsigned __int128 d = (unsigned __int128)*high << 64 | *low;
	bool neg = is_signed && vhm_msb(*high, 8), flip = is_signed && vhm_msb(s, 8);
	u64 q, r;

	if (neg)
		d = -d;
	if (flip)
		s = -s;
	flip ^= neg;
	if (d >> 64 >= s)
		return false;
	asm("div %[s]" : "=a"(q), "=d"(r) : "0"((u64)d), "1"((u64)(d >> 64)), [s]"r"(s) : "cc");
	if (is_signed && q > (1ull << 63) - !flip)
		return false;
	*low = flip ? -q : q;
	*high = neg ? -r : r;
	return true;
}

static enum vhm_emul_status mul_div(struct vhm_emul *e)
{
	unsigned int size = e->insn.size, bits = 8 * size, op = e->insn.reg & 3;
	u64 a = vhm_gpr_read(e, VHM_RAX, size), high, s;
	enum vhm_emul_status st = vhm_rm_read(e, &s, size);
	bool is_signed = op & 1, fits;

	if (st)
		return st;
	if (is_signed)
		s = vhm_sign_extend(s, size);
	if (op < 2) {
		multiply(e, is_signed ? vhm_sign_extend(a, size) : a, s, is_signed);
		return VHM_EMUL_OK;
	}
	high = e->gpr[VHM_RDX];
	if (size < 8) {
		a = size == 1 ? vhm_gpr_read(e, VHM_RAX, 2) :
				a | vhm_gpr_read(e, VHM_RDX, size) << bits;
		if (is_signed)
			a = vhm_sign_extend(a, 2 * size);
		high = is_signed ? -vhm_msb(a, 8) : 0;
	}
	fits = divide_128(&a, &high, s, is_signed) &&
	       (size == 8 || (is_signed ? vhm_sign_extend(a, size) == a : !(a >> bits)));
	if (!fits)
		return vhm_emul_raise(e, DE_VECTOR, 0);
	write_pair(e, a, high);
	return VHM_EMUL_OK;
}

/* IMUL with two operands, or three. */
static enum vhm_emul_status imul(struct vhm_emul *e, bool immediate)
{
	unsigned int size = e->insn.size;
	u64 s, t;
	s64 r;
	bool over;
	enum vhm_emul_status st = vhm_rm_read(e, &s, size);

	if (st)
		return st;
	t = immediate ? e->insn.imm : vhm_sign_extend(vhm_gpr_read(e, e->insn.reg, size), size);
	over = __builtin_mul_overflow((s64)vhm_sign_extend(s, size), (s64)t, &r);
	vhm_gpr_write(e, e->insn.reg, size, r);
	set_cf_of(e, over || (s64)vhm_sign_extend(r, size) != r);
	return VHM_EMUL_OK;
}

/* SHLD and SHRD, by an immediate or CL; by more than the width the result is undefined. */
static enum vhm_emul_status shift_double(struct vhm_emul *e)
{
	unsigned int size = e->insn.size, bits = 8 * size;
	unsigned int n = (e->insn.opcode & 1 ? e->gpr[VHM_RCX] : e->insn.imm) &
			 (size == 8 ? 63 : 31);
	u64 s = vhm_gpr_read(e, e->insn.reg, size), d, r, flags = e->rflags;
	enum vhm_emul_status st = vhm_rm_read(e, &d, size);
	bool right = e->insn.opcode & 8;

	if (st || n > bits || (!n && e->insn.mem))
		return st;
	if (!n)		/* the upper half of a register goes */
		return vhm_rm_write(e, d, size);
	r = right ? d >> n | s << (bits - n) : d << n | s >> (bits - n);
	st = vhm_rm_write(e, r, size);
	if (st)
		return st;
	flags = vhm_flags_szp(flags, r, size);
	flags = vhm_flag(flags, X86_EFLAGS_CF, (right ? d >> (n - 1) : d >> (bits - n)) & 1);
	e->rflags = vhm_flag(flags, X86_EFLAGS_OF, vhm_msb(r ^ d, size));
	return VHM_EMUL_OK;
}

/* CBW, CWDE: AL to AX, AX to EAX; CWD, CDQ: the sign of rAX to rDX. */
static enum vhm_emul_status extend_acc(struct vhm_emul *e)
{
	unsigned int size = e->insn.size;

	if (e->insn.opcode == 0x98)
		vhm_gpr_write(e, VHM_RAX, size, vhm_sign_extend(e->gpr[VHM_RAX], size / 2));
	else
		vhm_gpr_write(e, VHM_RDX, size, -vhm_msb(e->gpr[VHM_RAX], size));
	return VHM_EMUL_OK;
}

static enum vhm_emul_status xlat(struct vhm_emul *e)
{
	u64 at = (e->gpr[VHM_RBX] + (e->gpr[VHM_RAX] & 0xff)) & vhm_mask(e->insn.adsize), val = 0;
	enum vhm_emul_status st = vhm_mem(e, e->insn.seg, at, &val, 1, VHM_ACC_READ);

	if (!st)
		vhm_gpr_write(e, VHM_RAX, 1, val);
	return st;
}

/* SAHF and LAHF, CMC, CLC, STC, CLD, STD */
static enum vhm_emul_status flag_insn(struct vhm_emul *e)
{
	const u64 low = VHM_FL_ARITH & 0xff;
	u8 op = e->insn.opcode;

	if (op == 0x9e)
		e->rflags = (e->rflags & ~low) | (e->gpr[VHM_RAX] >> 8 & low);
	else if (op == 0x9f)
		e->gpr[VHM_RAX] = (e->gpr[VHM_RAX] & ~0xff00ull) | (e->rflags & (low | 2)) << 8;
	else if (op == 0xf5)
		e->rflags ^= X86_EFLAGS_CF;
	else
		e->rflags = vhm_flag(e->rflags, op < 0xfc ? X86_EFLAGS_CF : X86_EFLAGS_DF, op & 1);
	return VHM_EMUL_OK;
}

/* ---- the two maps ---------------------------------------------------------------------- */

static enum vhm_emul_status privileged_exit(struct vhm_emul *e)
{
	return e->cpl ? vhm_emul_raise(e, GP_VECTOR, 0) : VHM_EMUL_EXIT;
}

/* FF /2../5 */
static enum vhm_emul_status group_5(struct vhm_emul *e)
{
	enum vhm_emul_status st;
	u64 to;

	if (e->insn.reg & 1)
		return far_indirect(e);
	st = vhm_rm_read(e, &to, e->insn.size);
	if (!st && (e->insn.reg & 7) == 2)
		return call(e, to);
	if (!st)
		jump(e, to);
	return st;
}

static enum vhm_emul_status one_byte(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	u8 sreg = in->opcode >> 3 & 7;

	switch (in->opcode) {
	case 0x06: case 0x0e: case 0x16: case 0x1e:
		return push_sreg(e, sreg);
	case 0x07: case 0x17: case 0x1f:
		return pop_sreg(e, sreg);
	case 0x60: case 0x61:
		return all_registers(e, in->opcode == 0x60);
	case 0x69: case 0x6b:
		return imul(e, true);
	case 0x70 ... 0x7f:
		return jump_if(e, condition(e->rflags, in->opcode));
	case 0x8d:
		vhm_gpr_write(e, in->reg, in->size, vhm_rm_offset(e, 0));
		return VHM_EMUL_OK;
	case 0x8e:
		return mov_to_sreg(e);
	case 0x98: case 0x99:
		return extend_acc(e);
	case 0x9a: case 0xea:
		return far_to(e, in->imm >> 8 * in->size, in->imm & vhm_mask(in->size),
			      in->opcode == 0x9a);
	case 0x9c:
		return push_flags(e);
	case 0x9d:
		return pop_flags(e);
	case 0x9e: case 0x9f: case 0xf5: case 0xf8: case 0xf9: case 0xfc: case 0xfd:
		return flag_insn(e);
	case 0xc2: case 0xc3:
		return ret(e);
	case 0xc4: case 0xc5:
		return load_far_pointer(e, in->opcode == 0xc4 ? VHM_ES : VHM_DS);
	case 0xc9:
		return leave(e);
	case 0xca: case 0xcb:
		return far_return(e);
	case 0xcc:
		return software_interrupt(e, BP_VECTOR);
	case 0xcd:
		return software_interrupt(e, in->imm);
	case 0xce:
		return e->rflags & X86_EFLAGS_OF ? software_interrupt(e, OF_VECTOR) : VHM_EMUL_OK;
	case 0xcf:
		return iret(e);
	case 0xd7:
		return xlat(e);
	case 0xe0 ... 0xe3:
		return loop(e);
	case 0xe8:
		return call(e, next_ip(e) + in->imm);
	case 0xe9: case 0xeb:
		return jump_if(e, true);
	case 0xf4:
		return privileged_exit(e);
	case 0xf6: case 0xf7:
		return mul_div(e);
	case 0xfa: case 0xfb:
		return set_if(e, in->opcode & 1);
	default:
		return group_5(e);
	}
}

static enum vhm_emul_status two_byte(struct vhm_emul *e)
{
	const struct vhm_insn *in = &e->insn;
	u64 val;
	enum vhm_emul_status st;

	switch (in->opcode) {
	case 0x01:
		return table_register(e);
	case 0x08: case 0x09: case 0x30: case 0x32:
		return privileged_exit(e);
	case 0xa2:
		return VHM_EMUL_EXIT;
	case 0x40 ... 0x4f:
		st = vhm_rm_read(e, &val, in->size);
		if (st)
			return st;
		/* 32 bits that stay clear the upper half all the same */
		if (!condition(e->rflags, in->opcode))
			val = vhm_gpr_read(e, in->reg, in->size);
		vhm_gpr_write(e, in->reg, in->size, val);
		return VHM_EMUL_OK;
	case 0x80 ... 0x8f:
		return jump_if(e, condition(e->rflags, in->opcode));
	case 0x90 ... 0x9f:
		return vhm_rm_write(e, condition(e->rflags, in->opcode), 1);
	case 0xa0: case 0xa8:
		return push_sreg(e, in->opcode & 8 ? VHM_GS : VHM_FS);
	case 0xa1: case 0xa9:
		return pop_sreg(e, in->opcode & 8 ? VHM_GS : VHM_FS);
	case 0xa4: case 0xa5: case 0xac: case 0xad:
		return shift_double(e);
	case 0xaf:
		return imul(e, false);
	case 0xb2:
		return load_far_pointer(e, VHM_SS);
	case 0xb4: case 0xb5:
		return load_far_pointer(e, in->opcode & 1 ? VHM_GS : VHM_FS);
	default:	/* BSWAP */
		vhm_gpr_write(e, in->rm, in->size, __builtin_bswap32(e->gpr[in->rm]));
		return VHM_EMUL_OK;
	}
}

/* IMUL, MUL to IDIV; CMOVcc, SETcc, SHLD, SHRD: plain arithmetic, the same in all modes. */
static bool plain(const struct vhm_insn *in)
{
	u8 op = in->opcode;

	if (in->op == VHM_OP_1B)
		return op == 0x69 || op == 0x6b || (op & 0xfe) == 0xf6;
	return (op & 0xf0) == 0x40 || (op & 0xf0) == 0x90 || (op & 0xf6) == 0xa4 || op == 0xaf;
}

enum vhm_emul_status vhm_exec_by_opcode(struct vhm_emul *e)
{
	/* virtual-8086 mode has rules of its own for half of the others, and so has 64-bit mode */
	if ((e->insn.mode == VHM_INSN_64 || e->rflags & X86_EFLAGS_VM) && !plain(&e->insn))
		return VHM_EMUL_FAIL;
	return e->insn.op == VHM_OP_1B ? one_byte(e) : two_byte(e);
}
