// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instruction decoder: prefixes, opcode row, ModRM, immediate.
 *
 * One pass with one cursor. What an opcode means is in decode_tab.c; here is
 * only how instructions are laid out. The common path (one-byte opcode, ModRM,
 * no escape) takes a branch per layout element and makes no call.
 *
 * All input is guest-controlled: more() is asked before bytes are taken, and
 * every table index is masked to the table's size.
 */
#include "decode.h"

struct cursor {
	const u8 *p;
	const u8 *end;
};

static inline bool more(const struct cursor *c, unsigned int n)
{
	return likely((size_t)(c->end - c->p) >= n);
}

/* Take a little-endian, sign-extended integer of 1 to 8 bytes. */
static inline u64 take(struct cursor *c, unsigned int n)
{
	const u8 *p = c->p;
	unsigned int i, shift = 64 - 8 * n;
	u64 v = 0;
	s32 v4;

	c->p += n;
	if (likely(n == 1))
		return (u64)(s8)*p;
	if (likely(n == 4)) {
		memcpy(&v4, p, 4);
		return (u64)v4;
	}
	for (i = 0; i < n; i++)
		v |= (u64)p[i] << (8 * i);
	return (u64)((s64)(v << shift) >> shift);
}

/* The row of opcode @op in VEX, EVEX or XOP map @map: only its length. */
static u32 vex_row(struct vhm_insn *in, unsigned int map, u8 op)
{
	const u32 imm_8 = (u32)IMM_8 << E_IMM_SHIFT;
	u32 row;

	in->opcode = op;
	in->map = VHM_MAP_OTHER;
	switch (map) {
	case 1:
		in->map = VHM_MAP_0F;
		row = vhm_insn_tab_0f[op];
		/* VZEROUPPER is the only one without ModRM. */
		if (!(row & E_MODRM) && op != 0x77)
			return E_UD;
		return row & (E_MODRM | E_IMM_MASK);
	case 2:
		in->map = VHM_MAP_0F38;
		return E_MODRM;
	case 3:
		in->map = VHM_MAP_0F3A;
		return E_MODRM | imm_8;
	case 8:
		return E_MODRM | imm_8;
	case 10:
		return E_MODRM | ((u32)IMM_32 << E_IMM_SHIFT);
	default:		/* 5, 6, 9 */
		return E_MODRM;
	}
}

/*
 * C4, C5 (VEX), 62 (EVEX) and 8F (XOP): the prefix, its payload and the opcode.
 * Each byte is also a legacy opcode; what follows tells which it is.
 */
static noinline enum vhm_insn_status escape_vex(struct vhm_insn *in,
						struct cursor *c, u8 esc,
						u32 *row)
{
	unsigned int payload = 2, maps = 1 << 1 | 1 << 2 | 1 << 3, map;
	bool vex;
	u8 p0;

	if (!more(c, 1))
		return VHM_INSN_SHORT;
	p0 = c->p[0];
	vex = in->mode == VHM_INSN_64 || (p0 & 0xc0) == 0xc0;
	map = p0 & 0x1f;
	if (esc == 0xc5) {
		payload = 1;
		map = 1;
	} else if (esc == 0x62) {
		payload = 3;
		map = p0 & 0xf;
		maps |= 1 << 5 | 1 << 6;
	} else if (esc == 0x8f) {
		vex = map >= 8;
		maps = 1 << 8 | 1 << 9 | 1 << 10;
	}
	if (!vex) {
		/* POP r/m, or LES, LDS, BOUND. */
		*row = E_MODRM;
		if (esc == 0x8f)
			*row |= E_GROUP | GRP_POP;
		return VHM_INSN_OK;
	}
	if (!more(c, payload + 1))
		return VHM_INSN_SHORT;
	if (!(maps >> map & 1) || in->rex ||
	    (in->prefix & (VHM_PFX_LOCK | VHM_PFX_REPE | VHM_PFX_REPNE |
			   VHM_PFX_OPSIZE)) ||
	    (esc == 0x62 && !(c->p[1] & 0x04)))
		return VHM_INSN_UNKNOWN;

	/* R, X and B are stored inverted; W is the top bit behind them. */
	in->prefix |= VHM_PFX_VEX;
	if (in->mode == VHM_INSN_64)
		in->rex = VHM_REX | (~p0 >> 5 & (payload > 1 ? 7 : 4)) |
			  (payload > 1 ? c->p[1] >> 4 & VHM_REX_W : 0);
	*row = vex_row(in, map, c->p[payload]);
	c->p += payload + 1;
	return VHM_INSN_OK;
}

/* The opcode maps behind 0F. */
static noinline enum vhm_insn_status escape_0f(struct vhm_insn *in,
					       struct cursor *c, u32 *row)
{
	if (!more(c, 1))
		return VHM_INSN_SHORT;
	in->opcode = *c->p++;
	in->map = VHM_MAP_0F;
	*row = vhm_insn_tab_0f[in->opcode];
	if (in->opcode == 0x0f)
		in->map = VHM_MAP_3DNOW;
	if (in->opcode != 0x38 && in->opcode != 0x3a)
		return VHM_INSN_OK;

	in->map = in->opcode == 0x38 ? VHM_MAP_0F38 : VHM_MAP_0F3A;
	if (!more(c, 1))
		return VHM_INSN_SHORT;
	in->opcode = *c->p++;
	*row = E_MODRM;
	if (in->map == VHM_MAP_0F3A)
		*row |= (u32)IMM_8 << E_IMM_SHIFT;
	else if (in->opcode == 0xf0)
		*row = E_ROW_MOVBE_RM;
	else if (in->opcode == 0xf1)
		*row = E_ROW_MOVBE_MR;
	return VHM_INSN_OK;
}

/* Prefixes and opcode; sets prefix, rex, seg (if overridden), map, opcode. */
static inline enum vhm_insn_status
take_opcode(struct vhm_insn *in, struct cursor *c, u32 *row)
{
	u8 b;

	for (;;) {
		if (!more(c, 1))
			return VHM_INSN_SHORT;
		b = *c->p++;
		if ((b & 0xf0) == 0x40 && in->mode == VHM_INSN_64) {
			in->rex = b;
			continue;
		}
		*row = vhm_insn_tab_1b[b];
		if (likely(!(*row & E_PFX)) || *row == E_ESC)
			break;
		/* A REX prefix counts only right before the opcode. */
		in->rex = 0;
		if (*row & (VHM_PFX_REPE | VHM_PFX_REPNE))
			in->prefix &= ~(VHM_PFX_REPE | VHM_PFX_REPNE);
		if (*row & VHM_PFX_SEG) {
			u8 seg = *row >> E_FORM_SHIFT & 0xf;

			/* 64-bit mode ignores ES, CS, SS and DS. */
			if (in->mode == VHM_INSN_64 && seg < VHM_FS)
				continue;
			in->seg = seg;
		}
		in->prefix |= *row & E_OP;
	}
	in->opcode = b;
	if (likely(*row != E_ESC))
		return VHM_INSN_OK;
	if (b == 0x0f)
		return escape_0f(in, c, row);
	if (b != 0x63)
		return escape_vex(in, c, b, row);
	*row = in->mode == VHM_INSN_64 ? E_ROW_MOVSXD : E_MODRM;
	return VHM_INSN_OK;
}

static const u8 base_16[8] = {
	VHM_RBX, VHM_RBX, VHM_RBP, VHM_RBP, VHM_RSI, VHM_RDI, VHM_RBP, VHM_RBX,
};

static const u8 index_16[8] = {
	VHM_RSI, VHM_RDI, VHM_RSI, VHM_RDI,
	VHM_REG_NONE, VHM_REG_NONE, VHM_REG_NONE, VHM_REG_NONE,
};

/* base and index of 16-bit addressing; the bytes of displacement that follow. */
static noinline unsigned int take_mem_16(struct vhm_insn *in)
{
	unsigned int mod = in->modrm >> 6, rm = in->modrm & 7;

	in->base = base_16[rm];
	in->index = index_16[rm];
	if (mod == 0 && rm == 6) {
		in->base = VHM_REG_NONE;
		return 2;
	}
	return mod;
}

/* Without SIB byte: the same. */
static inline unsigned int take_mem_base(struct vhm_insn *in)
{
	in->base = (in->modrm & 7) | (in->rex & VHM_REX_B) << 3;
	if (unlikely((in->modrm & 0xc7) == 0x05)) {
		in->base = in->mode == VHM_INSN_64 ? VHM_REG_RIP : VHM_REG_NONE;
		return 4;
	}
	return in->modrm < 0x40 ? 0 : in->modrm < 0x80 ? 1 : 4;
}

/* With SIB byte: the same. */
static inline unsigned int take_mem_sib(struct vhm_insn *in, u8 sib)
{
	in->scale = sib >> 6;
	in->index = (sib >> 3 & 7) | (in->rex & VHM_REX_X) << 2;
	if (in->index == VHM_RSP)
		in->index = VHM_REG_NONE;
	in->base = (sib & 7) | (in->rex & VHM_REX_B) << 3;
	if (in->modrm < 0x40 && (sib & 7) == 5) {
		in->base = VHM_REG_NONE;
		return 4;
	}
	return in->modrm < 0x40 ? 0 : in->modrm < 0x80 ? 1 : 4;
}

/* The memory operand of a ModRM byte with mod != 3. */
static inline enum vhm_insn_status take_mem(struct vhm_insn *in,
					    struct cursor *c)
{
	unsigned int disp;

	in->mem = 1;
	in->index = VHM_REG_NONE;
	if (unlikely(in->adsize == 2)) {
		disp = take_mem_16(in);
	} else if ((in->modrm & 7) == 4) {
		if (!more(c, 1))
			return VHM_INSN_SHORT;
		disp = take_mem_sib(in, *c->p++);
	} else {
		disp = take_mem_base(in);
	}
	if (!(in->prefix & VHM_PFX_SEG))
		in->seg = (in->base & ~1) == VHM_RSP ? VHM_SS : VHM_DS;
	if (disp) {
		if (!more(c, disp))
			return VHM_INSN_SHORT;
		in->disp = (s32)take(c, disp);
	}
	return VHM_INSN_OK;
}

/* ModRM and what it names; refines *row by group and ModRM.reg. */
static inline enum vhm_insn_status take_modrm(struct vhm_insn *in,
					      struct cursor *c, u32 *row)
{
	unsigned int reg;

	if (!more(c, 1))
		return VHM_INSN_SHORT;
	in->modrm = *c->p++;
	reg = in->modrm >> 3 & 7;
	if (*row & (E_GROUP | E_REG)) {
		if (*row & E_GROUP)
			*row = (*row & ~(E_OP | E_GROUP)) |
			       vhm_insn_group[(*row & E_OP) % GRP_NR][reg];
		else
			*row += reg;
	}
	in->reg = reg | (in->rex & VHM_REX_R) << 1;
	if (in->modrm >= 0xc0 || (*row & E_REGONLY)) {
		in->rm = (in->modrm & 7) | (in->rex & VHM_REX_B) << 3;
		return VHM_INSN_OK;
	}
	return take_mem(in, c);
}

static noinline enum vhm_insn_status take_imm(struct vhm_insn *in,
					      struct cursor *c, u32 row)
{
	unsigned int z = in->size < 4 ? in->size : 4, n = 0;

	switch ((enum vhm_imm)((row & E_IMM_MASK) >> E_IMM_SHIFT)) {
	case IMM_NONE:
		return VHM_INSN_OK;
	case IMM_8:
		n = 1;
		break;
	case IMM_Z:
		n = z;
		break;
	case IMM_V:
		n = in->size;
		break;
	case IMM_16:
		n = 2;
		break;
	case IMM_32:
		n = 4;
		break;
	case IMM_16_8:
		n = 3;
		break;
	case IMM_FAR:
		n = z + 2;
		break;
	case IMM_ADDR:
		n = in->adsize;
		in->mem = in->moffs = 1;
		in->reg = VHM_RAX;
		if (!(in->prefix & VHM_PFX_SEG))
			in->seg = VHM_DS;
		break;
	case IMM_8_8:
		if ((in->prefix & VHM_PFX_VEX) ||
		    !(in->prefix & (VHM_PFX_OPSIZE | VHM_PFX_REPNE)))
			return VHM_INSN_OK;
		n = 2;
		break;
	}
	if (!more(c, n))
		return VHM_INSN_SHORT;
	in->imm = take(c, n);
	return VHM_INSN_OK;
}

/* Is the row's op meant with these prefixes? */
static bool sse_prefix_ok(u32 row, u8 prefix)
{
	bool opsize = prefix & VHM_PFX_OPSIZE, repe = prefix & VHM_PFX_REPE;

	switch ((enum vhm_sse)(row >> E_SSE_SHIFT & 7)) {
	case SSE_ANY:
		return true;
	case SSE_NP:
		return !opsize && !repe && !(prefix & VHM_PFX_REPNE);
	case SSE_66:
		return opsize && !repe && !(prefix & VHM_PFX_REPNE);
	case SSE_NP_66:
		return !repe && !(prefix & VHM_PFX_REPNE);
	case SSE_66_F3:
		return (opsize || repe) && !(prefix & VHM_PFX_REPNE);
	}
	return false;
}

/* Operands of an instruction without ModRM. */
static noinline void set_opcode_operands(struct vhm_insn *in)
{
	if (!(in->prefix & VHM_PFX_SEG))
		in->seg = VHM_DS;
	in->rm = (in->opcode & 7) | (in->rex & VHM_REX_B) << 3;
	if (in->opcode == 0x90 && in->op == VHM_OP_XCHG && !in->rm)
		in->op = VHM_OP_NOP;
}

/* What E_SPECIAL asks for. */
static noinline void set_special(struct vhm_insn *in, u32 row)
{
	unsigned int ssize = row >> E_SSIZE_SHIFT & 3;

	if (row & E_ROW)
		in->op += in->opcode >> 3 & 7;
	if (ssize && (1 << (ssize - 1)) < in->size)
		in->ssize = 1 << (ssize - 1);
	if ((row & E_MEM && !in->mem) || !sse_prefix_ok(row, in->prefix))
		in->op = VHM_OP_NONE;
	if (in->op == VHM_OP_MOV_XMM)
		in->size = in->ssize = 16;
}

/* Sizes in bytes by mode and by whether a 66 or 67 prefix is there. */
static const u8 operand_size[3][2] = { { 2, 4 }, { 4, 2 }, { 4, 2 } };
static const u8 address_size[3][2] = { { 2, 4 }, { 4, 2 }, { 8, 4 } };

static inline void set_sizes(struct vhm_insn *in)
{
	in->adsize = address_size[in->mode][!!(in->prefix & VHM_PFX_ADSIZE)];
	in->size = operand_size[in->mode][!!(in->prefix & VHM_PFX_OPSIZE)];
	if (in->rex & VHM_REX_W)
		in->size = 8;
}

enum vhm_insn_status vhm_insn_decode(struct vhm_insn *insn, const u8 *bytes,
				     unsigned int n, enum vhm_insn_mode mode)
{
	struct cursor c = {
		bytes, bytes + (n < VHM_INSN_MAX ? n : VHM_INSN_MAX)
	};
	enum vhm_insn_status st;
	u32 row = 0;

	memset(insn, 0, sizeof(*insn));
	insn->mode = mode;
	st = take_opcode(insn, &c, &row);
	if (unlikely(st))
		return st == VHM_INSN_SHORT && n >= VHM_INSN_MAX ?
		       VHM_INSN_LONG : st;
	set_sizes(insn);
	if (row & E_MODRM && take_modrm(insn, &c, &row))
		return n < VHM_INSN_MAX ? VHM_INSN_SHORT : VHM_INSN_LONG;
	if (unlikely(row & (E_UD | E_I64 | E_D64 | E_BYTE))) {
		if (row & E_UD || (row & E_I64 && mode == VHM_INSN_64))
			return VHM_INSN_UNKNOWN;
		if (row & E_BYTE)
			insn->size = 1;
		else if (mode == VHM_INSN_64 && row & E_D64 && insn->size == 4)
			insn->size = 8;
	}
	if (row & E_IMM_MASK && take_imm(insn, &c, row))
		return n < VHM_INSN_MAX ? VHM_INSN_SHORT : VHM_INSN_LONG;
	insn->op = row & E_OP;
	insn->form = row >> E_FORM_SHIFT & 0xf;
	insn->ssize = insn->size;
	if (!(row & E_MODRM))
		set_opcode_operands(insn);
	if (row & E_SPECIAL)
		set_special(insn, row);
	insn->len = c.p - bytes;
	return VHM_INSN_OK;
}
