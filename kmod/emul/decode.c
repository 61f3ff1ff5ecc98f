// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instruction decoder: prefixes, opcode row, ModRM, immediate.
 *
 * One pass with one cursor. What an opcode means is in decode_tab.c; here is
 * only how instructions are laid out. The common path (one-byte opcode, ModRM,
 * no escape) takes a branch per layout element and makes no call.
 *
 * All input is guest-controlled: bytes past the end read as zero and count, so
 * that what was decoded from them is thrown away at the end, and every table
 * index is masked to the table's size.
 */
#include "alu.h"
#include "decode.h"

struct cursor {
	const u8 *bytes;
	unsigned int pos, n;
};

static inline u8 peek(const struct cursor *c, unsigned int ahead)
{
	return likely(c->pos + ahead < c->n) ? c->bytes[c->pos + ahead] : 0;
}

static inline u8 next(struct cursor *c)
{
	u8 b = peek(c, 0);

	c->pos++;
	return b;
}

/* Take a little-endian, sign-extended integer of 1 to 8 bytes. */
static inline u64 take(struct cursor *c, unsigned int n)
{
	const u8 *p = c->bytes + c->pos;
	unsigned int i;
	u64 v = 0;
	s32 v4;

	c->pos += n;
	if (unlikely(c->pos > c->n))
		return 0;
	if (likely(n == 1))
		return (u64)(s8)*p;
	if (likely(n == 4)) {
		memcpy(&v4, p, 4);
		return (u64)v4;
	}
	for (i = n; i--;)
		v = v << 8 | p[i];
	return vhm_sign_extend(v, n);
}

/*
 * C4, C5 (VEX), 62 (EVEX) and 8F (XOP): the prefix, its payload and the opcode.
 * Each byte is also a legacy opcode; what follows tells which it is. Only the
 * length is known.
 */
static noinline enum vhm_insn_status escape_vex(struct vhm_insn *in, struct cursor *c, u32 *row)
{
	unsigned int payload = 2, maps = 1 << 1 | 1 << 2 | 1 << 3, map;
	u8 esc = in->opcode, p0 = peek(c, 0), p1 = peek(c, 1);
	bool vex;

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
		/* POP r/m, or BOUND, or LES, LDS. */
		*row = esc == 0x8f ? E_MODRM | E_GROUP | GRP_POP :
		       esc == 0x62 ? E_MODRM : VHM_OP_1B | E_MODRM | E_MEM;
		return VHM_INSN_OK;
	}
	in->opcode = peek(c, payload);
	c->pos += payload + 1;
	if (!(maps >> map & 1) || in->rex || (esc == 0x62 && !(p1 & 0x04)) ||
	    in->prefix & (VHM_PFX_LOCK | VHM_PFX_REPE | VHM_PFX_REPNE | VHM_PFX_OPSIZE))
		return VHM_INSN_UNKNOWN;

	/* R, X and B are stored inverted; W is the top bit behind them. */
	if (in->mode == VHM_INSN_64)
		in->rex = VHM_REX | (~p0 >> 5 & (payload > 1 ? 7 : 4)) |
			  (payload > 1 ? p1 >> 4 & VHM_REX_W : 0);
	*row = E_MODRM | I(map == 3 || map == 8 ? 1 : map == 10 ? 4 : 0);
	if (map == 1)
		*row = vhm_insn_tab_0f[in->opcode] & (E_MODRM | E_IMM | E_SSE);
	/* VZEROUPPER is the only one without ModRM. */
	return *row & E_MODRM || in->opcode == 0x77 ? VHM_INSN_OK : VHM_INSN_UNKNOWN;
}

/* The opcode maps behind 0F. */
static noinline enum vhm_insn_status escape_0f(struct vhm_insn *in, struct cursor *c, u32 *row)
{
	u8 map = next(c);

	in->opcode = map;
	*row = vhm_insn_tab_0f[map];
	if (map != 0x38 && map != 0x3a)
		return VHM_INSN_OK;

	in->opcode = next(c);
	*row = map == 0x3a ? E_MODRM | I(1) : E_MODRM;
	if (map == 0x38 && (in->opcode & 0xfe) == 0xf0)
		*row = (in->opcode & 1 ? MR(MOVBE) : RM(MOVBE)) | E_MEM | E_SSE_NP | E_SSE_66;
	return VHM_INSN_OK;
}

/* Prefixes and opcode; sets prefix, rex, seg (if overridden), opcode. */
static inline enum vhm_insn_status take_opcode(struct vhm_insn *in, struct cursor *c, u32 *row)
{
	u8 b, seg;

	for (;;) {
		b = next(c);
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
			seg = *row >> E_FORM_SHIFT & 7;
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
	return b == 0x0f ? escape_0f(in, c, row) : escape_vex(in, c, row);
}

static const u8 base_16[8] = {
	VHM_RBX, VHM_RBX, VHM_RBP, VHM_RBP, VHM_RSI, VHM_RDI, VHM_RBP, VHM_RBX,
};

static const u8 index_16[8] = {
	VHM_RSI, VHM_RDI, VHM_RSI, VHM_RDI, VHM_REG_NONE, VHM_REG_NONE, VHM_REG_NONE, VHM_REG_NONE,
};

/* The memory operand of a ModRM byte @b with mod != 3. */
static inline void take_mem(struct vhm_insn *in, struct cursor *c, u8 b)
{
	unsigned int mod = b >> 6, rm = b & 7, disp = mod;

	in->mem = 1;
	if (unlikely(in->adsize == 2)) {
		in->base = base_16[rm];
		in->index = index_16[rm];
		if (mod == 0 && rm == 6) {
			in->base = VHM_REG_NONE;
			disp = 2;
		}
	} else {
		if (rm == 4) {
			b = next(c);	/* SIB: the base is where ModRM has it */
			in->scale = b >> 6;
			in->index = (b >> 3 & 7) | (in->rex & VHM_REX_X) << 2;
			if (in->index == VHM_RSP)
				in->index = VHM_REG_NONE;
		}
		in->base = (b & 7) | (in->rex & VHM_REX_B) << 3;
		if (mod == 2)
			disp = 4;
		if (unlikely(mod == 0 && (b & 7) == 5)) {
			in->base = rm == 5 && in->mode == VHM_INSN_64 ? VHM_REG_RIP : VHM_REG_NONE;
			disp = 4;
		}
	}
	if (!(in->prefix & VHM_PFX_SEG) && (in->base & ~1) == VHM_RSP)
		in->seg = VHM_SS;
	if (disp)
		in->disp = take(c, disp);
}

/* ModRM and what it names; refines *row by group and ModRM.reg. */
static inline void take_modrm(struct vhm_insn *in, struct cursor *c, u32 *row)
{
	u8 modrm = next(c), reg = modrm >> 3 & 7;

	if (*row & (E_GROUP | E_REG))
		*row = *row & E_REG ? *row + reg : (*row & ~(E_OP | E_GROUP)) |
						   vhm_insn_group[(*row & E_OP) % GRP_NR][reg];
	in->reg = reg | (in->rex & VHM_REX_R) << 1;
	if (modrm < 0xc0 && !(*row & E_REGONLY))
		take_mem(in, c, modrm);
	else
		in->rm = (modrm & 7) | (in->rex & VHM_REX_B) << 3;
}

/* The row without op and immediate if it means them for other operands or prefixes. */
static noinline u32 check_row(const struct vhm_insn *in, u32 row)
{
	unsigned int pfx = in->prefix & VHM_PFX_REPNE ? 3 : in->prefix & VHM_PFX_REPE ? 2 :
			   in->prefix & VHM_PFX_OPSIZE ? 1 : 0;

	if ((row & E_MEM && !in->mem) || (row & E_SSE && !(row >> E_SSE_SHIFT >> pfx & 1)))
		row &= ~(E_OP | E_IMM);
	return row;
}

/* Immediate or address behind opcode and ModRM. */
static noinline void take_imm(struct vhm_insn *in, struct cursor *c, u32 row)
{
	unsigned int n = row >> E_IMM_SHIFT & 7;

	if (row & E_IMM_Z)
		n += in->size < 4 ? in->size : 4;
	if (row & E_IMM_V)
		n += in->size;
	if (row & E_MOFFS)
		n += in->adsize;
	in->imm = take(c, n);
	if (row & E_MOFFS) {
		in->mem = 1;
		in->base = VHM_REG_NONE;
		in->disp = (s64)in->imm;
	}
}

/* What the rest of the opcode says of the less usual instructions. */
static noinline void set_special(struct vhm_insn *in, u32 row)
{
	if (row & E_ROW)
		in->op += in->opcode >> 3 & 7;
	if (row & E_O)
		in->rm = (in->opcode & 7) | (in->rex & VHM_REX_B) << 3;
	if (in->op == VHM_OP_XCHG && in->opcode == 0x90 && !in->rm)
		in->op = VHM_OP_NOP;
	if (in->opcode == 0x63 && in->mode != VHM_INSN_64)
		in->op = VHM_OP_NONE;	/* ARPL, not MOVSXD */
	if (in->op == VHM_OP_MOVZX || in->op == VHM_OP_MOVSX)
		in->ssize = in->opcode != 0x63 ? 1 + (in->opcode & 1) : in->size < 4 ? in->size : 4;
}

/* Sizes in bytes by mode and by whether a 66 or 67 prefix is there. */
static const u8 operand_size[3][2] = { { 2, 4 }, { 4, 2 }, { 4, 2 } };
static const u8 address_size[3][2] = { { 2, 4 }, { 4, 2 }, { 8, 4 } };

static inline enum vhm_insn_status decode(struct vhm_insn *in, struct cursor *c)
{
	u32 row = 0;
	enum vhm_insn_status st = take_opcode(in, c, &row);

	if (unlikely(st))
		return st;
	in->adsize = address_size[in->mode][!!(in->prefix & VHM_PFX_ADSIZE)];
	in->size = operand_size[in->mode][!!(in->prefix & VHM_PFX_OPSIZE)];
	if (in->rex & VHM_REX_W)
		in->size = 8;
	if (row & E_MODRM)
		take_modrm(in, c, &row);
	if (row & E_W && !(in->opcode & 1))
		in->size = 1;
	if (unlikely(row & (E_UD | E_I64 | E_D64 | E_BYTE | E_SSE | E_MEM))) {
		if (row & E_UD || (row & E_I64 && in->mode == VHM_INSN_64))
			return VHM_INSN_UNKNOWN;
		if (row & E_BYTE)
			in->size = 1;
		else if (row & E_D64 && in->mode == VHM_INSN_64 && in->size == 4)
			in->size = 8;
		row = check_row(in, row);
	}
	if (row & E_IMM)
		take_imm(in, c, row);
	in->op = row & E_OP;
	in->form = row >> E_FORM_SHIFT & 7;
	in->ssize = in->size;
	if (unlikely(row & (E_ROW | E_O)))
		set_special(in, row);
	return VHM_INSN_OK;
}

enum vhm_insn_status vhm_insn_decode(struct vhm_insn *insn, const u8 *bytes, unsigned int n,
				     enum vhm_insn_mode mode)
{
	struct cursor c = { bytes, 0, n < VHM_INSN_MAX ? n : VHM_INSN_MAX };
	enum vhm_insn_status st;

	memset(insn, 0, sizeof(*insn));
	insn->mode = mode;
	insn->imm = 1;
	insn->seg = VHM_DS;
	insn->index = VHM_REG_NONE;
	st = decode(insn, &c);
	insn->len = c.pos;
	if (likely(c.pos <= c.n))
		return st;
	return n >= VHM_INSN_MAX ? VHM_INSN_LONG : VHM_INSN_SHORT;
}
