// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests of the fuzzer: random bytes, and instructions that make exits with
 * random operands; in real, protected, PAE and long mode with page tables that
 * are sometimes damaged.
 */
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "fuzz.h"

#define CODE		0x1000u
#define CODE_SIZE	0x1000u
#define GDT		0x3000u
#define IDT		0x4000u
#define TABLES		0x10000u
#define STACK		0x9000u

static const uint32_t msrs[] = {
	0x10, 0x1b, 0x3a, 0x3b, 0x48, 0x49, 0x8b, 0xe7, 0xe8, 0xfe, 0x10a, 0x122, 0x140,
	0x174, 0x175, 0x176, 0x179, 0x17a, 0x17b, 0x17f, 0x186, 0x198, 0x199, 0x1a0, 0x1c9,
	0x1d9, 0x1db, 0x200, 0x201, 0x20f, 0x250, 0x277, 0x2ff, 0x345, 0x38d, 0x38f, 0x390,
	0x400, 0x401, 0x402, 0x403, 0x47f, 0x480, 0x48b, 0x606, 0x6e0, 0x800, 0x802, 0x808,
	0x80b, 0x80d, 0x80f, 0x828, 0x82f, 0x830, 0x832, 0x838, 0x839, 0x83e, 0x83f, 0xda0,
	0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101,
	0xc0000102, 0xc0000103, 0xc0010000, 0xc0010004, 0xc0010010, 0xc0010015, 0xc001001f,
	0xc0010055, 0xc0010112, 0xc0010114, 0xc0010117, 0xc001011f, 0xc0011020, 0xc0011029,
	0x11, 0x12, 0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04, 0x4b564d05,
	0x4b564d06, 0x4b564d07, 0x4b564d08, 0x40000000, 0x40000001, 0x40000020, 0x40000073,
};

static const uint16_t ports[] = {
	0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x4d0, 0x4d1, 0x60, 0x64, 0x70,
	0x71, 0x80, 0x92, 0xcf8, 0xcfc, 0x3f8, 0x3fd, 0x500, 0xffff,
};

static uint32_t address(struct rng *r)
{
	switch (below(r, 6)) {
	case 0:
		return 0xfee00000u + (below(r, 256) << 4) + (one_in(r, 8) ? below(r, 16) : 0);
	case 1:
		return 0xfec00000u + (one_in(r, 2) ? below(r, 2) * 0x10 : below(r, 256));
	case 2:
		return 0xd0000000u + below(r, 8192);
	case 3:
		return below(r, RAM_SIZE + 8192);
	case 4:
		return below(r, 0x20000);
	}
	return rnd(r);
}

struct out {
	uint8_t *p, *end;
	bool real;		/* 16-bit code: operands of 32 bits need a prefix */
};

static void put(struct out *o, uint64_t bytes, int n)
{
	for (; n-- && o->p < o->end; bytes >>= 8)
		*o->p++ = bytes;
}

static void load(struct out *o, int reg, uint32_t value)
{
	if (o->real)
		put(o, 0x66, 1);
	put(o, 0xb8 + reg, 1);
	put(o, value, 4);
}

enum { AX, CX, DX, BX, SI = 6, DI };

/* Instructions by themselves. */
static const struct {
	uint8_t n, b[3];
} plain[] = {
	/* hlt, cli, sti, nop, pause, pushf, popf, iret, int3, int1 */
	{ 1, { 0xf4 } }, { 1, { 0xfa } }, { 1, { 0xfb } }, { 1, { 0x90 } }, { 2, { 0xf3, 0x90 } },
	{ 1, { 0x9c } }, { 1, { 0x9d } }, { 1, { 0xcf } }, { 1, { 0xcc } }, { 1, { 0xf1 } },
	/* cpuid, rdtsc, ud2, clts, wbinvd, invd, rdpmc, sysenter, sysexit, syscall, sysret */
	{ 2, { 0x0f, 0xa2 } }, { 2, { 0x0f, 0x31 } }, { 2, { 0x0f, 0x0b } },
	{ 2, { 0x0f, 0x06 } }, { 2, { 0x0f, 0x09 } }, { 2, { 0x0f, 0x08 } },
	{ 2, { 0x0f, 0x33 } }, { 2, { 0x0f, 0x34 } }, { 2, { 0x0f, 0x35 } },
	{ 2, { 0x0f, 0x05 } }, { 2, { 0x0f, 0x07 } },
	/* vmmcall, vmcall, monitor, mwait, xgetbv, xsetbv, rdtscp, vmrun, stgi, clgi, invlpga */
	{ 3, { 0x0f, 0x01, 0xd9 } }, { 3, { 0x0f, 0x01, 0xc1 } }, { 3, { 0x0f, 0x01, 0xc8 } },
	{ 3, { 0x0f, 0x01, 0xc9 } }, { 3, { 0x0f, 0x01, 0xd0 } }, { 3, { 0x0f, 0x01, 0xd1 } },
	{ 3, { 0x0f, 0x01, 0xf9 } }, { 3, { 0x0f, 0x01, 0xd8 } }, { 3, { 0x0f, 0x01, 0xdc } },
	{ 3, { 0x0f, 0x01, 0xdd } }, { 3, { 0x0f, 0x01, 0xdf } },
	/* mov to and from CR0, 2, 3, 4, 8, DR0, 6, 7 */
	{ 3, { 0x0f, 0x20, 0xc0 } }, { 3, { 0x0f, 0x22, 0xc0 } }, { 3, { 0x0f, 0x22, 0xd0 } },
	{ 3, { 0x0f, 0x20, 0xd8 } }, { 3, { 0x0f, 0x22, 0xd8 } }, { 3, { 0x0f, 0x20, 0xe0 } },
	{ 3, { 0x0f, 0x22, 0xe0 } }, { 3, { 0x0f, 0x21, 0xc0 } }, { 3, { 0x0f, 0x23, 0xc0 } },
	{ 3, { 0x0f, 0x21, 0xf0 } }, { 3, { 0x0f, 0x23, 0xf0 } }, { 3, { 0x0f, 0x23, 0xf8 } },
	/* invlpg, lgdt, lidt, sgdt, lmsw, ltr, lldt, str with [BX] or BX, AX */
	{ 3, { 0x0f, 0x01, 0x3f } }, { 3, { 0x0f, 0x01, 0x17 } }, { 3, { 0x0f, 0x01, 0x1f } },
	{ 3, { 0x0f, 0x01, 0x07 } }, { 3, { 0x0f, 0x01, 0xf0 } }, { 3, { 0x0f, 0x00, 0xd8 } },
	{ 3, { 0x0f, 0x00, 0xd0 } }, { 3, { 0x0f, 0x00, 0xc8 } },
	/* mov ds, ss; push and pop ss; far return; leave; ret */
	{ 2, { 0x8e, 0xd8 } }, { 2, { 0x8e, 0xd0 } }, { 1, { 0x16 } }, { 1, { 0x17 } },
	{ 1, { 0xcb } }, { 1, { 0xc9 } }, { 1, { 0xc3 } },
	/* string instructions */
	{ 1, { 0x6c } }, { 1, { 0x6d } }, { 1, { 0x6e } }, { 1, { 0x6f } }, { 1, { 0xa4 } },
	{ 1, { 0xa5 } }, { 1, { 0xaa } }, { 1, { 0xab } }, { 1, { 0xa6 } }, { 1, { 0xae } },
	{ 2, { 0xf3, 0x6c } }, { 2, { 0xf3, 0x6d } }, { 2, { 0xf3, 0x6e } }, { 2, { 0xf3, 0x6f } },
	{ 2, { 0xf3, 0xa4 } }, { 2, { 0xf3, 0xa5 } }, { 2, { 0xf3, 0xaa } }, { 2, { 0xf3, 0xab } },
	/* in, out; fwait; emms; fninit; lfence, mfence; swapgs; int 0x80 */
	{ 1, { 0xec } }, { 1, { 0xed } }, { 1, { 0xee } }, { 1, { 0xef } }, { 1, { 0x9b } },
	{ 2, { 0x0f, 0x77 } }, { 2, { 0xdb, 0xe3 } }, { 3, { 0x0f, 0xae, 0xe8 } },
	{ 3, { 0x0f, 0xae, 0xf0 } }, { 3, { 0x0f, 0x01, 0xf8 } }, { 2, { 0xcd, 0x80 } },
};

static void plain_insn(struct rng *r, struct out *o)
{
	unsigned int i = below(r, sizeof(plain) / sizeof(*plain));

	if (no_breakpoints && !memcmp(plain[i].b, "\x0f\x23\xf8", 3))
		return;
	for (int k = 0; k < plain[i].n; k++)
		put(o, plain[i].b[k], 1);
}

/* mov, or, xchg, inc, movzx, cmpxchg and more, on memory at [BX]. */
static void memory_insn(struct rng *r, struct out *o)
{
	static const uint8_t op[] = { 0x88, 0x89, 0x8a, 0x8b, 0x08, 0x09, 0x31, 0x29, 0x01, 0x39,
				      0x86, 0x87, 0xfe, 0xff, 0xf6, 0xf7, 0x84, 0x85, 0xd1, 0x8f };
	static const uint8_t op2[] = { 0xb6, 0xb7, 0xbe, 0xbf, 0xb0, 0xb1, 0xc0, 0xc1, 0xab, 0xbb,
				       0xa3, 0xb3, 0xc7, 0xba, 0x28, 0x29, 0x6f, 0x7f, 0x10, 0x11 };

	load(o, BX, address(r));
	if (o->real)
		put(o, 0x67, 1);
	if (one_in(r, 6))
		put(o, 0xf0, 1);
	if (one_in(r, 6))
		put(o, 0x66, 1);
	if (one_in(r, 4))
		put(o, 0x0f | op2[below(r, sizeof(op2))] << 8, 2);
	else
		put(o, op[below(r, sizeof(op))], 1);
	put(o, 3 + 8 * below(r, 8), 1);
}

static void insn(struct rng *r, struct out *o)
{
	uint32_t msr = one_in(r, 12) ? rnd(r) : msrs[below(r, sizeof(msrs) / sizeof(*msrs))];

	switch (below(r, 10)) {
	case 0:
		load(o, CX, msr);
		put(o, 0x320f, 2);
		break;
	case 1:
		load(o, CX, msr);
		load(o, AX, odd_number(r));
		load(o, DX, odd_number(r));
		put(o, 0x300f, 2);
		break;
	case 2:
		load(o, DX, one_in(r, 8) ? rnd(r) : ports[below(r, sizeof(ports) / 2)]);
		load(o, AX, rnd(r));
		put(o, 0xec + below(r, 4), 1);
		break;
	case 3:
		load(o, AX, one_in(r, 2) ? below(r, 32) : 0x80000000u + below(r, 32));
		load(o, CX, below(r, 4));
		put(o, 0xa20f, 2);
		break;
	case 4:
	case 5:
	case 6:
		memory_insn(r, o);
		break;
	case 7:
		load(o, AX, odd_number(r));
		load(o, CX, below(r, 64));
		load(o, one_in(r, 2) ? SI : DI, address(r));
		plain_insn(r, o);
		break;
	case 8:
		plain_insn(r, o);
		break;
	case 9:
		put(o, rnd(r), 1 + below(r, 8));
	}
}

/* Fill the page of code, with a jump back at its end. */
void guest_code(struct rng *r, uint8_t *ram, bool real)
{
	struct out o = { ram + CODE, ram + CODE + CODE_SIZE - 8, real };

	if (one_in(r, 8)) {
		scribble(r, ram + CODE, CODE_SIZE, CODE_SIZE);
		return;
	}
	o.p += below(r, 4) ? 0 : below(r, 256);
	o.end = o.p + 16 + below(r, 1024);
	while (o.p < o.end)
		insn(r, &o);
	o.end += 8;
	put(&o, 0xe9, 1);
	put(&o, (ram + CODE) - (o.p + (real ? 2 : 4)), real ? 2 : 4);
}

static void tables(struct rng *r, uint8_t *ram)
{
	uint64_t *t = (uint64_t *)(ram + TABLES);

	memset(t, 0, 6 * 4096);
	for (int i = 0; i < 4; i++) {
		t[512 + i] = (TABLES + 4096 * (2 + i)) | (one_in(r, 2) ? 7 : 1);
		t[i] = i ? 0 : (TABLES + 4096) | 7;
		for (uint64_t j = 0; j < 512; j++)
			t[512 * (2 + i) + j] = (i << 30 | j << 21) | 0xe7;
	}
	if (one_in(r, 4))
		scribble(r, t, 6 * 4096, 1 + below(r, 32));
	else if (one_in(r, 4))
		t[1024 + below(r, 4)] = odd_number(r);
}

static void segments(struct rng *r, struct kvm_sregs *s, uint8_t *ram, bool wide)
{
	struct kvm_segment code = { .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1,
				    .s = 1, .g = 1, .l = wide, .db = !wide };
	struct kvm_segment data = { .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1,
				    .s = 1, .g = 1, .db = 1 };
	uint64_t *gdt = (uint64_t *)(ram + GDT);

	gdt[1] = wide ? 0x00af9b000000ffff : 0x00cf9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	for (int i = 0; i < 256; i++) {
		uint32_t to = CODE + below(r, 64);
		uint64_t *gate = (uint64_t *)(ram + IDT) + i * (wide ? 2 : 1);

		gate[0] = (to & 0xffff) | 8 << 16 | 0x8e00ull << 32 | (uint64_t)(to >> 16) << 48;
		if (wide)
			gate[1] = 0;
	}
	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->gdt.base = GDT;
	s->gdt.limit = 31;
	s->idt.base = IDT;
	s->idt.limit = one_in(r, 8) ? 0 : 4095;
}

/* Put a vCPU at the code, in a mode. */
void guest_setup(struct rng *r, struct vcpu *vcpu, uint8_t *ram)
{
	unsigned int mode = below(r, 5);
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK, .rflags = 2 };
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return;
	guest_code(r, ram, mode < 1);
	if (mode) {
		tables(r, ram);
		segments(r, &s, ram, mode >= 3);
		s.cr3 = TABLES + (mode == 2 ? 4096 : 0);
		s.cr0 = 0x11 | (mode > 1 ? 0x80010000u : 0);
		s.cr4 = mode > 1 ? 0x620 : 0x600;
		s.efer = mode >= 3 ? 0x500 : 0;
	} else {
		s.cr0 = 0x10;
		s.cr4 = 0;
		s.efer = 0;
		s.cs.base = 0;
		s.cs.selector = 0;
		s.cs.db = s.cs.l = 0;
		s.idt.limit = 1023;
	}
	if (one_in(r, 6))
		scribble(r, &s, sizeof(s), 1 + below(r, 4));
	regs.rflags |= one_in(r, 2) ? 0x200 : 0;
	if (one_in(r, 8))
		scribble(r, &regs, sizeof(regs), 1 + below(r, 8));
	ioctl(vcpu->fd, KVM_SET_SREGS, &s);
	ioctl(vcpu->fd, KVM_SET_REGS, &regs);
}
