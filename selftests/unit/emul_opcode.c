// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fixed cases of what the executor tells apart by opcode: jumps, the stack,
 * segment loads, interrupts in real mode, multiplication and division.
 */
#include "emul_case.h"

/* Real mode at 0x1000:0x200 with a stack at 0x800:0x1000. */
static void start_real(void)
{
	start(VHM_INSN_16);
	m.seg[VHM_CS].sel = 0x1000;
	m.seg[VHM_CS].base = 0x10000;
	m.seg[VHM_SS].sel = 0x800;
	m.seg[VHM_SS].base = 0x8000;
	m.seg[VHM_EMUL_IDTR].limit = 0x3ff;
	m.gpr[VHM_RSP] = 0x1000;
	m.e.rip = 0x200;
}

TEST(jumps)
{
	start_real();
	OK("\xeb\x10");				/* jmp */
	CHECK_EQ(m.e.rip, 0x212);
	m.e.rflags |= 1;
	OK("\x72\xec");				/* jc -20 */
	CHECK_EQ(m.e.rip, 0x200);
	OK("\x0f\x83\x00\x01");			/* jnc */
	CHECK_EQ(m.e.rip, 0x204);
	m.gpr[VHM_RCX] = 0x10001;
	OK("\xe2\x10");				/* loop: CX is used up */
	CHECK_EQ(m.e.rip, 0x206);
	CHECK_EQ(m.gpr[VHM_RCX], 0x10000);
	OK("\xe3\x02");				/* jcxz */
	CHECK_EQ(m.e.rip, 0x20a);
	OK("\xe9\xf6\xfd");			/* wraps at 64 KiB */
	CHECK_EQ(m.e.rip, 3);
	OK("\xe9\xf0\xff");
	CHECK_EQ(m.e.rip, 0xfff6);
	OK("\xe8\x00\x01");			/* call */
	CHECK_EQ(m.e.rip, 0xf9);
	CHECK_EQ(peek(0x8ffe, 2), 0xfff9);
	OK("\xc2\x04\x00");			/* ret 4 */
	CHECK_EQ(m.e.rip, 0xfff9);
	CHECK_EQ(m.gpr[VHM_RSP], 0x1004);
}

TEST(far_transfers)
{
	start_real();
	OK("\x9a\x00\x03\x00\x01");		/* lcall 0x100:0x300 */
	CHECK_EQ(m.e.rip, 0x300);
	CHECK_EQ(m.seg[VHM_CS].sel, 0x100);
	CHECK_EQ(m.seg[VHM_CS].base, 0x1000);
	CHECK_EQ(peek(0x8ffc, 4), 0x10000205);
	OK("\xcb");				/* lret */
	CHECK_EQ(m.e.rip, 0x205);
	CHECK_EQ(m.seg[VHM_CS].base, 0x10000);
	CHECK_EQ(m.gpr[VHM_RSP], 0x1000);
	m.seg[VHM_CS].limit = 0x2ff;
	FAULTS("\xea\x00\x03\x00\x01", GP, 0, 0);
	CHECK_EQ(m.seg[VHM_CS].sel, 0x1000);
}

TEST(real_interrupts)
{
	start_real();
	m.e.rflags = 0x10346;
	memcpy(mem + 4 * 0x21, "\x34\x12\x00\x20", 4);
	OK("\xcd\x21");
	CHECK_EQ(m.e.rip, 0x1234);
	CHECK_EQ(m.seg[VHM_CS].sel, 0x2000);
	CHECK_EQ(m.e.rflags, 0x46);
	CHECK_EQ(peek(0x8ffa, 2), 0x202);
	CHECK_EQ(peek(0x8ffc, 4), 0x03461000);
	OK("\xcf");				/* iret */
	CHECK_EQ(m.e.rip, 0x202);
	CHECK_EQ(m.seg[VHM_CS].sel, 0x1000);
	CHECK_EQ(m.e.rflags, 0x346);
	CHECK_EQ(m.e.after, VHM_EMUL_IRET);
	m.seg[VHM_EMUL_IDTR].limit = 0x83;
	FAULTS("\xcd\x21", GP, 0, 0);
	m.gpr[VHM_RSP] = 4;			/* in one piece, and so not at all */
	FAULTS("\xcd\x20", SS, 0, 0);
}

TEST(flags_and_shadows)
{
	start_real();
	m.e.after = 0;
	OK("\xfb");				/* sti */
	CHECK_EQ(m.e.after, VHM_EMUL_SHADOW_STI);
	m.e.after = 0;
	OK("\xfb");
	CHECK_EQ(m.e.after, 0);
	OK("\x9c");				/* pushf */
	CHECK_EQ(peek(0x8ffe, 2), 0x202);
	memcpy(mem + 0x8ffe, "\xff\xff", 2);
	OK("\x9d");				/* popf */
	CHECK_EQ(m.e.rflags, 0x7fd7);
	OK("\x8e\xd0");				/* mov %ax,%ss */
	CHECK_EQ(m.e.after, VHM_EMUL_SHADOW_SS);
	start(VHM_INSN_32);
	m.e.cpl = 3;
	FAULTS("\xfa", GP, 1, 0);		/* cli */
	FAULTS("\xf4", GP, 1, 0);		/* hlt */
}

/* A table with one descriptor for each thing to get wrong. */
static const u64 gdt[] = {
	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cf13000000ffff, 0x00cf91000000ffff,
	0x00cff3000000ffff, 0x00008b0000000067,
};

static void start_protected(void)
{
	start(VHM_INSN_32);
	memcpy(mem + 0x1000, gdt, sizeof(gdt));
	m.seg[VHM_EMUL_GDTR] = (struct vhm_seg){ .base = 0x1000, .limit = sizeof(gdt) - 1 };
	m.gpr[VHM_RSP] = 0x9000;
}

TEST(segment_loads)
{
	start_protected();
	m.gpr[VHM_RAX] = 0x10;
	OK("\x8e\xd8");				/* mov %eax,%ds */
	CHECK_EQ(m.seg[VHM_DS].limit, 0xffffffff);
	CHECK_EQ(m.seg[VHM_DS].attr, 0xc93);
	m.gpr[VHM_RAX] = 0;
	OK("\x8e\xd8");
	CHECK_EQ(m.seg[VHM_DS].attr, 0);
	FAULTS("\x8e\xd0", GP, 1, 0);		/* a stack is not null */
	m.gpr[VHM_RAX] = 0x18;
	FAULTS("\x8e\xd8", 11, 1, 0x18);	/* not present */
	FAULTS("\x8e\xd0", SS, 1, 0x18);
	m.gpr[VHM_RAX] = 0x20;
	OK("\x8e\xd8");				/* read-only */
	FAULTS("\x8e\xd0", GP, 1, 0x20);
	m.gpr[VHM_RAX] = 0x13;
	FAULTS("\x8e\xd8", GP, 1, 0x10);	/* RPL above DPL */
	m.gpr[VHM_RAX] = 0x30;
	FAULTS("\x8e\xd8", GP, 1, 0x30);	/* a TSS */
	m.gpr[VHM_RAX] = 0x38;
	FAULTS("\x8e\xd8", GP, 1, 0x38);	/* beyond the table */
	m.gpr[VHM_RAX] = 0x14;
	FAULTS("\x8e\xd8", GP, 1, 0x14);	/* no LDT */
	OK("\xea\x00\x20\x00\x00\x08\x00");	/* ljmp */
	CHECK_EQ(m.seg[VHM_CS].attr, 0xc9b);
	CHECK_EQ(m.e.rip, 0x2000);
	FAULTS("\xea\x00\x20\x00\x00\x10\x00", GP, 1, 0x10);
	CHECK_EQ(STEP("\xea\x00\x20\x00\x00\x30\x00"), VHM_EMUL_FAIL);
	CHECK_EQ(STEP("\xcf"), VHM_EMUL_FAIL);
	CHECK_EQ(vhm_emul_interrupt(&m.e, 3), VHM_EMUL_FAIL);
}

TEST(all_registers)
{
	unsigned int i;

	start_protected();
	for (i = 0; i < 8; i++)
		m.gpr[i] = i == VHM_RSP ? 0x9000 : 0x1111 * i;
	OK("\x60");				/* pusha */
	CHECK_EQ(m.gpr[VHM_RSP], 0x8fe0);
	CHECK_EQ(peek(0x8fe0, 4), 0x7777);
	CHECK_EQ(peek(0x8fec, 4), 0x9000);
	CHECK_EQ(peek(0x8ffc, 4), 0);
	for (i = 0; i < 8; i++)
		if (i != VHM_RSP)
			m.gpr[i] = 0;
	OK("\x61");
	for (i = 0; i < 8; i++)
		CHECK_EQ(m.gpr[i], i == VHM_RSP ? 0x9000 : 0x1111 * i);
	m.gpr[VHM_RBP] = 0x8fe0;
	OK("\xc9");				/* leave */
	CHECK_EQ(m.gpr[VHM_RBP], 0x7777);
	CHECK_EQ(m.gpr[VHM_RSP], 0x8fe4);
}

TEST(division)
{
	start(VHM_INSN_32);
	m.gpr[VHM_RAX] = 0x1234;
	m.gpr[VHM_RBX] = 0x100;
	FAULTS("\xf6\xf3", 0, 0, 0);		/* div %bl: by 0 */
	m.gpr[VHM_RBX] = 0x10;
	FAULTS("\xf6\xf3", 0, 0, 0);		/* too large */
	m.gpr[VHM_RBX] = 0x40;
	OK("\xf6\xf3");
	CHECK_EQ(m.gpr[VHM_RAX], 0x3448);
	m.gpr[VHM_RAX] = 0;
	m.gpr[VHM_RDX] = 0x80000000;
	m.gpr[VHM_RBX] = 0xffffffff;
	FAULTS("\xf7\xfb", 0, 0, 0);		/* idiv: the one that overflows 64 bits */
	m.gpr[VHM_RAX] = 0xfffffff9;
	m.gpr[VHM_RDX] = 0xffffffff;
	m.gpr[VHM_RBX] = 2;
	OK("\xf7\xfb");				/* -7 / 2 */
	CHECK_EQ(m.gpr[VHM_RAX], 0xfffffffd);
	CHECK_EQ(m.gpr[VHM_RDX], 0xffffffff);
	m.gpr[VHM_RAX] = 0xff;
	m.gpr[VHM_RBX] = 0xff;
	OK("\xf6\xeb");				/* imul: -1 * -1 */
	CHECK_EQ(m.gpr[VHM_RAX], 1);
	CHECK_EQ(m.e.rflags & 0x801, 0);
	m.gpr[VHM_RAX] = 0xff;
	OK("\xf6\xe3");				/* mul */
	CHECK_EQ(m.gpr[VHM_RAX], 0xfe01);
	CHECK_EQ(m.e.rflags & 0x801, 0x801);
}

/* What may have a device's memory as its operand: in 64-bit mode too. */
TEST(division_64)
{
	start(VHM_INSN_64);
	m.gpr[VHM_RDX] = 0x10;
	m.gpr[VHM_RBX] = 0x10;
	FAULTS("\x48\xf7\xf3", 0, 0, 0);	/* div %rbx: too large */
	m.gpr[VHM_RBX] = 0;
	FAULTS("\x48\xf7\xfb", 0, 0, 0);	/* idiv: by 0 */
	m.gpr[VHM_RAX] = 5;
	m.gpr[VHM_RBX] = 0x100;
	OK("\x48\xf7\xf3");
	CHECK_EQ(m.gpr[VHM_RAX], 0x1000000000000000);
	CHECK_EQ(m.gpr[VHM_RDX], 5);
	m.gpr[VHM_RAX] = -7;
	m.gpr[VHM_RDX] = -1;
	m.gpr[VHM_RBX] = 2;
	OK("\x48\xf7\xfb");			/* -7 / 2 */
	CHECK_EQ(m.gpr[VHM_RAX], -3ull);
	CHECK_EQ(m.gpr[VHM_RDX], -1ull);
	m.gpr[VHM_RAX] = 1ull << 63;
	OK("\x48\xf7\xfb");
	CHECK_EQ(m.gpr[VHM_RAX], 3ull << 62);
	m.gpr[VHM_RAX] = 1ull << 63;
	m.gpr[VHM_RDX] = -1;
	m.gpr[VHM_RBX] = -1;
	FAULTS("\x48\xf7\xfb", 0, 0, 0);	/* -2^63 / -1 */
	m.gpr[VHM_RBX] = 1;
	OK("\x48\xf7\xfb");
	CHECK_EQ(m.gpr[VHM_RAX], 1ull << 63);
}

TEST(table_registers)
{
	start_real();
	m.seg[VHM_EMUL_GDTR] = (struct vhm_seg){ .base = 0x12345678, .limit = 0x9abc };
	m.gpr[VHM_RBX] = 0x300;
	OK("\x0f\x01\x07");			/* sgdt (%bx) */
	CHECK_EQ(peek(0x300, 6), 0x123456789abc);
	OK("\x0f\x01\x1f");			/* lidt (%bx): 24 bits of base */
	CHECK_EQ(m.seg[VHM_EMUL_IDTR].base, 0x345678);
	CHECK_EQ(m.seg[VHM_EMUL_IDTR].limit, 0x9abc);
	OK("\x66\x0f\x01\x17");			/* lgdtl */
	CHECK_EQ(m.seg[VHM_EMUL_GDTR].base, 0x12345678);
	CHECK_EQ(STEP("\x0f\xa2"), VHM_EMUL_EXIT);	/* cpuid */
	CHECK_EQ(STEP("\x0f\x30"), VHM_EMUL_EXIT);	/* wrmsr */
}
