// SPDX-License-Identifier: GPL-2.0-only
/*
 * The executor against this CPU: the same random instruction, on the same
 * random registers, flags and memory, emulated and really executed.
 *
 * Usage: emul_native [CASES [SEED]]
 *
 * Instructions come from a table of templates; prefixes, ModRM, SIB,
 * displacement and immediate are random. A memory operand is brought into the
 * scratch window by choosing its base register (or displacement) last.
 * Registers, flags (but those that the manual leaves undefined), XMM registers
 * and the whole window must agree. Emulation is interrupted by VHM_EMUL_USER at
 * random, so restarting is tested by the same comparison.
 */
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emul/alu.h"
#include "emul_mach.h"

#define WINDOW		0x10000000ull	/* scratch memory, below 2 GiB */
#define WINDOW_SIZE	0x4000ull
#define TARGET		(WINDOW + 0x2000)	/* operands are near here */
#define CODE		0x20000000ull
#define GS_BASE		0x1230ull

struct native_cpu {
	u64 gpr[16];
	u64 rflags;
	u64 pad;
	u8 xmm[16][16];
};

void native_run(struct native_cpu *cpu, const void *code);
extern const u8 native_exit[];

/* Template flags. */
#define MODRM		0x001
#define MEM		0x002	/* ModRM operand must be memory */
#define REG		0x004	/* ModRM.reg is fixed, in .reg */
#define LOCKS		0x008	/* takes LOCK with a memory destination */
#define STR		0x010
#define MOFFS		0x020
#define NO66		0x040
#define STACK		0x080
#define BITS		0x100	/* register bit offset, may point afar */
#define ALIGN		0x200	/* 16-byte aligned operand */
#define NEEDW		0x400	/* REX.W decides the size: 8 or 16 bytes */

enum imm { I_NONE, I_8, I_Z, I_V };

struct template {
	const char *bytes;	/* mandatory prefixes and opcode, ended by n */
	u8 n;
	u8 imm;
	u16 flags;
	u8 reg;			/* with REG: lowest value ... */
	u8 regs;		/* ... and how many */
	u8 vary;		/* random value below this is added to opcode */
	u8 rows;		/* and 8 times a random value below this */
};

#define T(b, ...) { .bytes = b, .n = sizeof(b) - 1, __VA_ARGS__ }

static const struct template templates[] = {
	/* ADD OR ADC SBB AND SUB XOR; CMP apart, as it takes no LOCK. */
	T("\x00", .rows = 7, .vary = 2, .flags = MODRM | LOCKS),
	T("\x38", .vary = 2, .flags = MODRM),
	T("\x02", .rows = 8, .vary = 2, .flags = MODRM),
	T("\x04", .rows = 8, .imm = I_8),
	T("\x05", .rows = 8, .imm = I_Z),
	T("\x80", .imm = I_8, .flags = MODRM | REG | LOCKS, .regs = 7),
	T("\x81", .imm = I_Z, .flags = MODRM | REG | LOCKS, .regs = 7),
	T("\x83", .imm = I_8, .flags = MODRM | REG | LOCKS, .regs = 7),
	T("\x80", .imm = I_8, .flags = MODRM | REG, .reg = 7, .regs = 1),
	T("\x81", .imm = I_Z, .flags = MODRM | REG, .reg = 7, .regs = 1),
	T("\x83", .imm = I_8, .flags = MODRM | REG, .reg = 7, .regs = 1),
	T("\x84", .vary = 2, .flags = MODRM),
	T("\xa8", .imm = I_8),
	T("\xa9", .imm = I_Z),
	T("\xf6", .imm = I_8, .flags = MODRM | REG, .regs = 1),
	T("\xf7", .imm = I_Z, .flags = MODRM | REG, .regs = 1),
	T("\xf6", .vary = 2, .flags = MODRM | REG | LOCKS, .reg = 2, .regs = 2),
	T("\xfe", .vary = 2, .flags = MODRM | REG | LOCKS, .reg = 0, .regs = 2),
	T("\x86", .vary = 2, .flags = MODRM | LOCKS),
	T("\x88", .vary = 4, .flags = MODRM),
	T("\x8c", .flags = MODRM | REG, .regs = 6),
	T("\xc6", .imm = I_8, .flags = MODRM | REG, .regs = 1),
	T("\xc7", .imm = I_Z, .flags = MODRM | REG, .regs = 1),
	T("\xb0", .vary = 8, .imm = I_8),
	T("\xb8", .vary = 8, .imm = I_V),
	T("\xa0", .vary = 4, .flags = MOFFS),
	T("\x90", .vary = 8),
	T("\x63", .flags = MODRM),
	T("\xc0", .vary = 2, .imm = I_8, .flags = MODRM | REG, .regs = 8),
	T("\xd0", .vary = 4, .flags = MODRM | REG, .regs = 8),
	T("\x0f\xb6", .vary = 2, .flags = MODRM),
	T("\x0f\xbe", .vary = 2, .flags = MODRM),
	T("\x0f\xa3", .flags = MODRM | BITS),
	T("\x0f\xab", .flags = MODRM | BITS | LOCKS),
	T("\x0f\xb3", .flags = MODRM | BITS | LOCKS),
	T("\x0f\xbb", .flags = MODRM | BITS | LOCKS),
	T("\x0f\xba", .imm = I_8, .flags = MODRM | REG, .reg = 4, .regs = 1),
	T("\x0f\xba", .imm = I_8, .flags = MODRM | REG | LOCKS, .reg = 5,
	  .regs = 3),
	T("\x0f\xbc", .vary = 2, .flags = MODRM),
	T("\x0f\x40", .vary = 16, .flags = MODRM),
	T("\x0f\x90", .vary = 16, .flags = MODRM),
	T("\x0f\xa4", .imm = I_8, .flags = MODRM | NO66),
	T("\x0f\xa5", .flags = MODRM | NO66),
	T("\x0f\xac", .imm = I_8, .flags = MODRM | NO66),
	T("\x0f\xad", .flags = MODRM | NO66),
	T("\x0f\xaf", .flags = MODRM),
	T("\x69", .imm = I_Z, .flags = MODRM),
	T("\x6b", .imm = I_8, .flags = MODRM),
	T("\xf6", .vary = 2, .flags = MODRM | REG, .reg = 4, .regs = 2),
	T("\x0f\xb0", .vary = 2, .flags = MODRM | LOCKS),
	T("\x0f\xc0", .vary = 2, .flags = MODRM | LOCKS),
	T("\x0f\xc7", .flags = MODRM | MEM | REG | LOCKS | ALIGN | NEEDW | NO66,
	  .reg = 1, .regs = 1),
	T("\x0f\xc3", .flags = MODRM | MEM | NO66),
	T("\x0f\x38\xf0", .vary = 2, .flags = MODRM | MEM),
	T("\x0f\x1f", .flags = MODRM),
	T("\x0f\x10", .vary = 2, .flags = MODRM | MEM),
	T("\x0f\x28", .vary = 2, .flags = MODRM | MEM | ALIGN),
	T("\x0f\x2b", .flags = MODRM | MEM | ALIGN),
	T("\x66\x0f\x6f", .flags = MODRM | MEM | ALIGN | NO66),
	T("\x66\x0f\x7f", .flags = MODRM | MEM | ALIGN | NO66),
	T("\x66\x0f\xe7", .flags = MODRM | MEM | ALIGN | NO66),
	T("\xf3\x0f\x6f", .flags = MODRM | MEM | NO66),
	T("\xf3\x0f\x7f", .flags = MODRM | MEM | NO66),
	T("\x50", .vary = 16, .flags = STACK),
	T("\x68", .imm = I_Z, .flags = STACK),
	T("\x6a", .imm = I_8, .flags = STACK),
	T("\xff", .flags = MODRM | REG | STACK, .reg = 6, .regs = 1),
	T("\x8f", .flags = MODRM | REG | STACK, .reg = 0, .regs = 1),
	T("\xa4", .vary = 4, .flags = STR),
	T("\xaa", .vary = 6, .flags = STR),
};

#define NR_TEMPLATES (sizeof(templates) / sizeof(templates[0]))

static u64 rng;
static u8 scratch[WINDOW_SIZE];		/* the emulator's copy of the window */
static u8 *const window = (u8 *)WINDOW;
static u8 *const code = (u8 *)CODE;
static struct mach mach;
static struct native_cpu cpu;
static u16 selector[VHM_NR_SREG];
static bool has_movbe, has_cx16, is_amd;

static u64 rnd(void)
{
	return mach_random(&rng);
}

static bool one_in(unsigned int n)
{
	return rnd() % n == 0;
}

/* Values near the edges of all sizes as often as arbitrary ones. */
static u64 random_value(void)
{
	u64 v;

	if (one_in(3))
		return rnd();
	v = one_in(2) ? 1ull << (rnd() & 63) : (1ull << (rnd() & 63)) - 1;
	if (one_in(2))
		v = ~v;
	return v + rnd() % 3 - 1;
}

/* One test case under construction. */
struct test {
	const struct template *t;
	u8 bytes[32];
	unsigned int n;
	unsigned int disp_at;	/* of a 32-bit displacement, else 0 */
	u8 rex;
	bool adsize, opsize, gs, rep;
};

static void put(struct test *c, u64 v, unsigned int n)
{
	while (n--) {
		c->bytes[c->n++] = (u8)v;
		v >>= 8;
	}
}

static void put_prefixes(struct test *c)
{
	const struct template *t = c->t;
	unsigned int i, skip = 0;

	/* Mandatory prefixes first, then our own in any order. */
	if ((u8)t->bytes[0] == 0x66 || (u8)t->bytes[0] == 0xf3)
		put(c, (u8)t->bytes[skip++], 1);
	if (c->opsize)
		put(c, 0x66, 1);
	if (c->adsize)
		put(c, 0x67, 1);
	if (c->gs)
		put(c, 0x65, 1);
	if (one_in(16))
		put(c, 0x2e, 1);	/* ignored in 64-bit mode */
	if (c->rep)
		put(c, 0xf2 + (rnd() & 1), 1);
	if (c->rex)
		put(c, c->rex, 1);
	for (i = skip; i < t->n; i++)
		put(c, (u8)t->bytes[i], 1);
	if (t->vary)
		c->bytes[c->n - 1] += rnd() % t->vary;
	if (t->rows)
		c->bytes[c->n - 1] += rnd() % t->rows * 8;
}

/* ModRM, SIB and displacement; the address is settled by aim(). */
static void put_modrm(struct test *c)
{
	const struct template *t = c->t;
	unsigned int reg = t->flags & REG ? t->reg + rnd() % t->regs : rnd() & 7;
	unsigned int mod = rnd() & 3, rm = rnd() & 7, sib = rnd() & 0xff;

	if (mod == 3 && t->flags & MEM)
		mod = rnd() % 3;
	put(c, mod << 6 | reg << 3 | rm, 1);
	if (mod == 3)
		return;
	if (rm == 4)
		put(c, sib, 1);
	if (mod == 1) {
		put(c, rnd(), 1);
	} else if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5)) {
		c->disp_at = c->n;
		put(c, one_in(2) ? rnd() : rnd() % 0x1000, 4);
	}
}

/* Address of the memory operand as the registers stand. */
static u64 address(const struct vhm_insn *in)
{
	u64 ea = (u64)(s64)in->disp;

	if (in->base < 16)
		ea += cpu.gpr[in->base];
	else if (in->base == VHM_REG_RIP)
		ea += CODE + in->len;
	if (in->index < 16)
		ea += cpu.gpr[in->index] << in->scale;
	return ea;
}

/*
 * Bring the memory operand to TARGET (about): correct the base register, else
 * the displacement. False if that cannot be: the case is thrown again.
 */
static bool aim(struct test *c)
{
	struct vhm_insn *in = &mach.e.insn;
	u64 mask = c->adsize ? 0xffffffff : ~0ull;
	u64 want = TARGET - (c->gs ? GS_BASE : 0) +
		   (c->t->flags & ALIGN ? rnd() % 16 * 16 : rnd() % 256);
	u64 diff;

	if (c->gs && c->t->flags & ALIGN)
		want &= ~15ull;
	if (c->t->flags & BITS) {
		if (in->reg == in->base || in->reg == in->index)
			return false;
		/* Up to 2 KiB either way; bits above the size are noise. */
		cpu.gpr[in->reg] = vhm_sign_extend(rnd() & 0x7fff, 2) - 0x4000;
		if (in->size < 8)
			cpu.gpr[in->reg] ^= rnd() << (8 * in->size);
	}
	if (in->index < 16 && one_in(2))
		cpu.gpr[in->index] = rnd() & 0xffff;
	diff = want - address(in);
	if (in->base < 16) {
		cpu.gpr[in->base] += diff;
		if (c->adsize)
			cpu.gpr[in->base] ^= rnd() << 32;
	} else {
		s64 disp = (s64)(in->disp + diff);

		if (c->adsize)
			disp = (s32)disp;
		if (disp != (s32)disp || !c->disp_at)
			return false;
		memcpy(c->bytes + c->disp_at, &disp, 4);
		if (mach_decode(&mach, c->bytes, c->n))
			return false;
	}
	return ((address(in) ^ want) & mask) == 0;
}

static void aim_string(const struct test *c)
{
	const u64 noise = c->adsize ? rnd() << 32 : 0;

	cpu.gpr[VHM_RSI] = (TARGET + rnd() % 256 - (c->gs ? GS_BASE : 0)) ^
			   noise;
	cpu.gpr[VHM_RDI] = (TARGET + rnd() % 256) ^ noise;
	cpu.gpr[VHM_RCX] = rnd() % 24 ^ noise;
	if (one_in(2))
		cpu.rflags |= X86_EFLAGS_DF;
}

static bool build(struct test *c)
{
	const struct template *t;
	unsigned int z;

	memset(c, 0, sizeof(*c));
	c->t = t = &templates[rnd() % NR_TEMPLATES];
	if (t->n == 3 && (u8)t->bytes[1] == 0x38 && !has_movbe)
		return false;
	c->rex = one_in(2) ? 0x40 | (rnd() & 15) : 0;
	if (t->flags & NEEDW && !has_cx16)
		c->rex &= ~VHM_REX_W;
	c->opsize = !(t->flags & NO66) && one_in(4);
	c->adsize = one_in(8);
	c->gs = one_in(8) && t->flags & (MODRM | MOFFS | STR);
	c->rep = t->flags & STR && one_in(2);
	put_prefixes(c);
	if (t->flags & MODRM)
		put_modrm(c);
	z = c->rex & VHM_REX_W ? 4 : c->opsize ? 2 : 4;
	if (t->imm)
		put(c, random_value(), t->imm == I_8 ? 1 :
		    t->imm == I_V && c->rex & VHM_REX_W ? 8 : z);
	if (t->flags & MOFFS)
		put(c, TARGET + rnd() % 256 - (c->gs ? GS_BASE : 0),
		    c->adsize ? 4 : 8);
	if (mach_decode(&mach, c->bytes, c->n) || mach.e.insn.len != c->n) {
		printf("# not decoded whole:");
		return true;
	}
	/* Vendors differ in the upper half when these leave a register as it is. */
	if (mach.e.insn.size == 4 && !is_amd &&
	    ((mach.e.insn.op == VHM_OP_CMPXCHG && !mach.e.insn.mem) ||
	     mach.e.insn.op == VHM_OP_BSF || mach.e.insn.op == VHM_OP_BSR))
		return false;
	if (t->flags & STR)
		aim_string(c);
	/* The same of a string with 32-bit addresses and none to go. */
	if (c->rep && c->adsize && !is_amd && !(u32)cpu.gpr[VHM_RCX])
		return false;
	if (t->flags & STACK)
		cpu.gpr[VHM_RSP] = TARGET + rnd() % 256;
	if (mach.e.insn.mem && !(t->flags & MOFFS) && !aim(c))
		return false;
	/* LOCK goes in front, and moves a RIP-relative operand by a byte. */
	if (t->flags & LOCKS && mach.e.insn.mem && one_in(3) &&
	    mach.e.insn.base != VHM_REG_RIP) {
		memmove(c->bytes + 1, c->bytes, c->n++);
		c->bytes[0] = 0xf0;
		if (mach_decode(&mach, c->bytes, c->n))
			return false;
	}
	return !(t->flags & STACK) ||
	       cpu.gpr[VHM_RSP] - WINDOW - 64 < WINDOW_SIZE - 128;
}

static void random_state(void)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		cpu.gpr[i] = random_value();
	for (i = 0; i < sizeof(cpu.xmm); i++)
		(&cpu.xmm[0][0])[i] = (u8)rnd();
	cpu.rflags = 0x202 | (rnd() & VHM_FL_ARITH);
	/* Few different bytes, so that comparisons are sometimes equal. */
	for (i = 0; i < WINDOW_SIZE; i += 8) {
		u64 v = one_in(2) ? rnd() : 0;

		memcpy(scratch + i, &v, 8);
	}
	memcpy(window, scratch, WINDOW_SIZE);
}

/* The same of what is told apart by opcode: multiplications, SHLD and SHRD. */
static u64 undefined_by_opcode(const struct vhm_insn *in)
{
	unsigned int count = in->opcode & 1 ? cpu.gpr[VHM_RCX] : in->imm;

	if (in->op == VHM_OP_1B || in->opcode == 0xaf)
		return VHM_FL_ARITH & ~(X86_EFLAGS_CF | X86_EFLAGS_OF);
	if ((in->opcode & 0xf0) != 0xa0 || !(count & (in->size == 8 ? 63 : 31)))
		return 0;
	return (count & (in->size == 8 ? 63 : 31)) > 1 ? X86_EFLAGS_AF | X86_EFLAGS_OF :
							 X86_EFLAGS_AF;
}

/* Flags that the manual leaves undefined for this case. */
static u64 undefined_flags(void)
{
	const struct vhm_insn *in = &mach.e.insn;
	unsigned int count;
	u64 undef = 0;

	if (in->op == VHM_OP_1B || in->op == VHM_OP_0F)
		return undefined_by_opcode(in);
	if (in->op == VHM_OP_OR || in->op == VHM_OP_AND ||
	    in->op == VHM_OP_XOR || in->op == VHM_OP_TEST)
		return X86_EFLAGS_AF;
	if (in->op == VHM_OP_BSF || in->op == VHM_OP_BSR)
		return VHM_FL_ARITH & ~X86_EFLAGS_ZF;
	if (in->op >= VHM_OP_BT && in->op <= VHM_OP_BTC)
		return X86_EFLAGS_OF | X86_EFLAGS_SF | X86_EFLAGS_AF | X86_EFLAGS_PF;
	if (in->op < VHM_OP_ROL || in->op > VHM_OP_SAR)
		return 0;
	count = in->form == VHM_FORM_MC ? cpu.gpr[VHM_RCX] : in->imm;
	count &= in->size == 8 ? 63 : 31;
	if (!count)
		return 0;
	if (in->op >= VHM_OP_SHL)
		undef |= X86_EFLAGS_AF;
	if (count > 1)
		undef |= X86_EFLAGS_OF;
	if (in->op >= VHM_OP_SHL && in->op != VHM_OP_SAR &&
	    count >= 8u * in->size)
		undef |= X86_EFLAGS_CF;
	return undef;
}

static void show(const char *what, const struct test *c)
{
	unsigned int i;

	printf("# %s:", what);
	for (i = 0; i < c->n; i++)
		printf(" %02x", c->bytes[i]);
	printf("\n");
}

static struct test current;

static void on_signal(int sig)
{
	show("the CPU raised a signal", &current);
	printf("# signal %d\nnot ok 1 executor against this CPU\n", sig);
	fflush(stdout);
	_exit(1);
}

static void run_native(const struct test *c)
{
	static const u8 jump[6] = { 0xff, 0x25, 0, 0, 0, 0 };
	u64 target = (u64)(uintptr_t)native_exit;

	memcpy(code, c->bytes, c->n);
	memcpy(code + c->n, jump, sizeof(jump));
	memcpy(code + c->n + sizeof(jump), &target, sizeof(target));
	native_run(&cpu, code);
}

/* Does the machine's state equal the CPU's? Says what differs. */
static bool compare(const struct test *c, u64 undef)
{
	bool same = true;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if (mach.gpr[i] == cpu.gpr[i])
			continue;
		printf("# gpr %u: emulated %llx, CPU %llx\n", i,
		       (unsigned long long)mach.gpr[i],
		       (unsigned long long)cpu.gpr[i]);
		same = false;
	}
	if ((mach.e.rflags ^ cpu.rflags) & ~undef) {
		printf("# rflags: emulated %llx, CPU %llx\n",
		       (unsigned long long)mach.e.rflags,
		       (unsigned long long)cpu.rflags);
		same = false;
	}
	if (memcmp(mach.xmm, cpu.xmm, sizeof(cpu.xmm)) ||
	    memcmp(scratch, window, WINDOW_SIZE) ||
	    mach.e.rip != CODE + c->n) {
		printf("# XMM, memory or rip differs\n");
		same = false;
	}
	return same;
}

static bool run_case(struct test *c)
{
	enum vhm_emul_status st;
	u64 undef;
	unsigned int i;

	do {
		random_state();
	} while (!build(c));

	memcpy(mach.gpr, cpu.gpr, sizeof(mach.gpr));
	memcpy(mach.xmm, cpu.xmm, sizeof(mach.xmm));
	for (i = 0; i < VHM_NR_SREG; i++)
		mach.seg[i].sel = selector[i];
	mach.seg[VHM_GS].base = GS_BASE;
	mach.e.rip = CODE;
	mach.e.rflags = cpu.rflags;
	mach.e.max_iter = 1 + rnd() % 8;
	undef = undefined_flags();

	st = mach_run(&mach);
	if (st || mach.broken) {
		printf("# status %d %s\n", st, mach.broken ? mach.broken : "");
		return false;
	}
	run_native(c);
	return compare(c, undef);
}

static void setup(void)
{
	static u8 stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	static const int sigs[] = { SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGTRAP };
	unsigned int a, b = 0, c = 0, d, i;
	const int prot = PROT_READ | PROT_WRITE;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	if (mmap(window, WINDOW_SIZE, prot, flags, -1, 0) != window ||
	    mmap(code, 4096, prot | PROT_EXEC, flags, -1, 0) != code ||
	    syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE) ||
	    sigaltstack(&ss, NULL)) {
		printf("Bail out! no scratch memory or GS base\n");
		exit(1);
	}
	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaction(sigs[i], &sa, NULL);
	__get_cpuid(0, &a, &b, &c, &d);
	is_amd = b == signature_AMD_ebx;
	__get_cpuid(1, &a, &b, &c, &d);
	has_movbe = c & bit_MOVBE;
	has_cx16 = c & bit_CMPXCHG16B;
	__asm__("mov %%es, %0" : "=r"(selector[VHM_ES]));
	__asm__("mov %%cs, %0" : "=r"(selector[VHM_CS]));
	__asm__("mov %%ss, %0" : "=r"(selector[VHM_SS]));
	__asm__("mov %%ds, %0" : "=r"(selector[VHM_DS]));
	__asm__("mov %%fs, %0" : "=r"(selector[VHM_FS]));
	__asm__("mov %%gs, %0" : "=r"(selector[VHM_GS]));
	mach_init(&mach, VHM_INSN_64, scratch, WINDOW, WINDOW_SIZE);
	mach.e.cpl = 3;
	mach.lazy = 4;
}

int main(int argc, char **argv)
{
	unsigned long i, cases = 200000, failed = 0;

	rng = 20240229;
	if (argc > 1)
		cases = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		rng = strtoull(argv[2], NULL, 0);
	printf("KTAP version 1\n1..1\n# seed %llu\n", (unsigned long long)rng);
	setup();
	for (i = 0; i < cases && failed < 10; i++) {
		if (run_case(&current))
			continue;
		show("instruction", &current);
		failed++;
		mach.broken = NULL;
	}
	printf("# %lu cases, %u restarts for userspace, %u for REP, movbe %d\n",
	       i, mach.users, mach.mores, has_movbe);
	printf("%sok 1 executor against this CPU\n", failed ? "not " : "");
	return failed != 0;
}
