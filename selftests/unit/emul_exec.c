// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fixed cases of the decoder and the executor: what cannot be compared with
 * this CPU from a 64-bit process. 16- and 32-bit modes, segmentation, faults,
 * privileged instructions, port I/O, and how REP stops and goes on.
 */
#include "emul_case.h"

static enum vhm_insn_status decode(const char *bytes, unsigned int n,
				   enum vhm_insn_mode mode)
{
	struct vhm_insn insn;

	return vhm_insn_decode(&insn, (const u8 *)bytes, n, mode);
}

TEST(decode_status)
{
	char pfx[16];

	memset(pfx, 0x66, sizeof(pfx));
	CHECK_EQ(decode(pfx, 0, VHM_INSN_64), VHM_INSN_SHORT);
	CHECK_EQ(decode(pfx, 14, VHM_INSN_64), VHM_INSN_SHORT);
	CHECK_EQ(decode(pfx, 15, VHM_INSN_64), VHM_INSN_LONG);
	CHECK_EQ(decode(pfx, 16, VHM_INSN_64), VHM_INSN_LONG);
	pfx[14] = (char)0x90;
	CHECK_EQ(decode(pfx, 15, VHM_INSN_64), VHM_INSN_OK);
	pfx[14] = (char)0xb8;
	CHECK_EQ(decode(pfx, 16, VHM_INSN_64), VHM_INSN_LONG);
	/* PUSH ES, and the alias of group 1, went away in 64-bit mode. */
	CHECK_EQ(decode("\x06", 1, VHM_INSN_32), VHM_INSN_OK);
	CHECK_EQ(decode("\x06", 1, VHM_INSN_64), VHM_INSN_UNKNOWN);
	CHECK_EQ(decode("\x82\xc0\x01", 3, VHM_INSN_32), VHM_INSN_OK);
	CHECK_EQ(decode("\x82\xc0\x01", 3, VHM_INSN_64), VHM_INSN_UNKNOWN);
	CHECK_EQ(decode("\xff\xff", 2, VHM_INSN_64), VHM_INSN_UNKNOWN);
	CHECK_EQ(decode("\x0f\x04", 2, VHM_INSN_64), VHM_INSN_UNKNOWN);
	/* VEX after REX. */
	CHECK_EQ(decode("\x48\xc5\xf8\x77", 4, VHM_INSN_64), VHM_INSN_UNKNOWN);
}

static const struct {
	const char *bytes;
	u8 n, mode, len;
} lengths[] = {
	{ "\x66\xe8\x01\x02", 4, VHM_INSN_64, 4 },	/* as AMD has it */
	{ "\xe8\x01\x02\x03\x04", 5, VHM_INSN_64, 5 },
	{ "\xe8\x01\x02", 3, VHM_INSN_16, 3 },
	{ "\x66\xe8\x01\x02\x03\x04", 6, VHM_INSN_16, 6 },
	{ "\xea\x01\x02\x03\x04", 5, VHM_INSN_16, 5 },
	{ "\xea\x01\x02\x03\x04\x05\x06", 7, VHM_INSN_32, 7 },
	{ "\xc8\x01\x02\x03", 4, VHM_INSN_32, 4 },
	{ "\xc5\xf8\x77", 3, VHM_INSN_32, 3 },		/* VZEROUPPER */
	{ "\xc5\x08", 2, VHM_INSN_32, 2 },		/* LDS */
	{ "\xc4\xe3\x79\x0f\xc0\x01", 6, VHM_INSN_64, 6 },
	{ "\x62\xf1\x7c\x48\x28\xc0", 6, VHM_INSN_64, 6 },
	{ "\x62\x08", 2, VHM_INSN_32, 2 },		/* BOUND */
	{ "\x62\xf3\x75\x48\x25\xc0\x01", 7, VHM_INSN_64, 7 },
	{ "\x8f\xe8\x78\xc0\xc0\x01", 6, VHM_INSN_64, 6 },	/* VPROTB */
	{ "\x8f\xea\x78\x10\xc0\1\2\3\4", 9, VHM_INSN_64, 9 },	/* BEXTR */
	{ "\x8f\xea\x78\x10\xc0\1\2\3\4", 9, VHM_INSN_16, 9 },
	{ "\x8f\x00", 2, VHM_INSN_64, 2 },		/* POP */
	{ "\x0f\x0f\xc1\x9e", 4, VHM_INSN_64, 4 },	/* PFADD */
	{ "\x66\x0f\x78\xc0\x01\x02", 6, VHM_INSN_64, 6 },	/* EXTRQ */
	{ "\x0f\x78\xc0", 3, VHM_INSN_64, 3 },		/* VMREAD */
	{ "\xf6\x00\x01", 3, VHM_INSN_64, 3 },		/* TEST */
	{ "\xf6\x10", 2, VHM_INSN_64, 2 },		/* NOT */
	{ "\x48\xb8\1\2\3\4\5\6\7\x08", 10, VHM_INSN_64, 10 },
	{ "\xa1\1\2\3\4\5\6\7\x08", 9, VHM_INSN_64, 9 },
	{ "\x67\xa1\1\2\3\4", 6, VHM_INSN_64, 6 },
	{ "\xa1\1\2", 3, VHM_INSN_16, 3 },
	{ "\x8b\x06\1\2", 4, VHM_INSN_16, 4 },		/* disp16 */
	{ "\x67\x8b\x04\x25\1\2\3\4", 8, VHM_INSN_16, 8 },
	{ "\x0f\x20\x04", 3, VHM_INSN_64, 3 },		/* mod ignored */
};

TEST(decode_lengths)
{
	struct vhm_insn insn;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		const u8 *b = (const u8 *)lengths[i].bytes;

		if (vhm_insn_decode(&insn, b, lengths[i].n, lengths[i].mode) ||
		    insn.len != lengths[i].len)
			FAIL("row %u: length %u, not %u", i, insn.len,
			     lengths[i].len);
		CHECK_EQ(vhm_insn_decode(&insn, b, lengths[i].n - 1,
					 lengths[i].mode), VHM_INSN_SHORT);
	}
}

TEST(real_mode_addressing)
{
	start(VHM_INSN_16);
	m.seg[VHM_DS].base = 0x1000;
	m.seg[VHM_SS].base = 0x2000;
	m.seg[VHM_ES].base = 0x3000;
	m.gpr[VHM_RBX] = 0xfff0;
	m.gpr[VHM_RSI] = 0x20;
	m.gpr[VHM_RBP] = 0x100;
	m.gpr[VHM_RDI] = 0x8;
	m.gpr[VHM_RAX] = 0x11223344;
	OK("\x89\x40\x05");			/* mov %ax,5(%bx,%si) wraps */
	CHECK_EQ(peek(0x1015, 2), 0x3344);
	OK("\x88\x03");				/* mov %al,(%bp,%di): SS */
	CHECK_EQ(peek(0x2108, 1), 0x44);
	OK("\x26\x66\x89\x04");			/* mov %eax,%es:(%si) */
	CHECK_EQ(peek(0x3020, 4), 0x11223344);
	m.gpr[VHM_RCX] = 0x40;
	m.gpr[VHM_RDX] = 0x10;
	OK("\x67\x89\x04\x8a");			/* mov %ax,(%edx,%ecx,4) */
	CHECK_EQ(peek(0x1110, 2), 0x3344);
	OK("\xa3\x34\x12");			/* mov %ax,0x1234 */
	CHECK_EQ(peek(0x2234, 2), 0x3344);
	OK("\x8b\x0e\x20\x01");			/* mov 0x120,%cx */
	CHECK_EQ(m.gpr[VHM_RCX], peek(0x1120, 2));
	/* The type of a cached descriptor means nothing in real mode. */
	m.seg[VHM_CS].attr &= ~VHM_SEG_RW;
	OK("\x2e\x88\x04");			/* mov %al,%cs:(%si) */
	CHECK_EQ(peek(0x20, 1), 0x44);
	CHECK_EQ(m.e.rip, 3 + 2 + 4 + 4 + 3 + 4 + 3);
}

TEST(real_mode_limit)
{
	start(VHM_INSN_16);
	m.gpr[VHM_RSI] = 0xffff;
	m.gpr[VHM_RBP] = 0xffff;
	OK("\x88\x04");				/* the last byte is inside */
	FAULTS("\x89\x04", GP, 0, 0);		/* a word there is not */
	FAULTS("\x89\x46\x00", SS, 0, 0);
	m.gpr[VHM_RSI] = 0x10000;
	FAULTS("\x67\x88\x06", GP, 0, 0);	/* %esi beyond 64 KiB */
	/* Virtual-8086 mode: as real mode, but faults have error codes. */
	m.e.rflags |= X86_EFLAGS_VM;
	m.e.cpl = 3;
	FAULTS("\x67\x88\x06", GP, 1, 0);
}

TEST(real_mode_strings)
{
	start(VHM_INSN_16);
	m.seg[VHM_ES].base = 0x1000;
	m.gpr[VHM_RDI] = 0xabcdfffc;
	m.gpr[VHM_RCX] = 0x12340002;
	m.gpr[VHM_RAX] = 0xbeef;
	OK("\xf3\xab");				/* rep stos %ax */
	CHECK_EQ(peek(0x10ffc, 4), 0xbeefbeef);
	CHECK_EQ(m.gpr[VHM_RDI], 0xabcd0000);	/* wraps in 16 bits */
	CHECK_EQ(m.gpr[VHM_RCX], 0x12340000);
	m.gpr[VHM_RDI] = 0xffff;
	m.gpr[VHM_RCX] = 1;
	FAULTS("\xf3\xab", GP, 0, 0);
}

TEST(real_mode_stack)
{
	start(VHM_INSN_16);
	m.gpr[VHM_RSP] = 0x55550000;
	OK("\x6a\xfe");				/* push $-2: sp wraps */
	CHECK_EQ(m.gpr[VHM_RSP], 0x5555fffe);
	CHECK_EQ(peek(0xfffe, 2), 0xfffe);
	m.gpr[VHM_RSP] = 0x55550002;
	FAULTS("\x66\x6a\xfe", SS, 0, 0);	/* a dword across the end */
	m.gpr[VHM_RSP] = 0x55550100;
	OK("\x66\x58");				/* pop %eax */
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x100, 4));
	CHECK_EQ(m.gpr[VHM_RSP], 0x55550104);
}

TEST(descriptors)
{
	start(VHM_INSN_32);
	m.gpr[VHM_RBX] = 0x100;
	m.seg[VHM_DS].attr &= ~VHM_SEG_RW;
	OK("\x8b\x03");				/* mov (%ebx),%eax */
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x100, 4));
	FAULTS("\x89\x03", GP, 1, 0);		/* read-only data */
	FAULTS("\x01\x03", GP, 1, 0);
	FAULTS("\x2e\x89\x03", GP, 1, 0);	/* code is never writable */
	OK("\x2e\x8b\x03");
	m.seg[VHM_CS].attr &= ~VHM_SEG_RW;
	FAULTS("\x2e\x8b\x03", GP, 1, 0);	/* execute-only code */
	m.seg[VHM_ES].attr = 0;			/* null selector */
	FAULTS("\x26\x8b\x03", GP, 1, 0);
	m.seg[VHM_FS].attr &= ~VHM_SEG_P;
	FAULTS("\x64\x8b\x03", GP, 1, 0);
	m.seg[VHM_SS].attr &= ~VHM_SEG_P;
	FAULTS("\x36\x8b\x03", SS, 1, 0);
	m.seg[VHM_GS].attr &= ~VHM_SEG_S;	/* a system segment */
	FAULTS("\x65\x8b\x03", GP, 1, 0);
}

TEST(protected_limits)
{
	start(VHM_INSN_32);
	m.seg[VHM_DS].limit = 0x102;
	m.gpr[VHM_RBX] = 0x100;
	FAULTS("\x8b\x03", GP, 1, 0);
	m.seg[VHM_DS].limit = 0x103;
	OK("\x8b\x03");
	/* Expand-down: valid above the limit, to 64 KiB or 4 GiB. */
	m.seg[VHM_DS].attr |= VHM_SEG_DOWN;
	FAULTS("\x8b\x03", GP, 1, 0);
	m.gpr[VHM_RBX] = 0x103;
	FAULTS("\x8b\x03", GP, 1, 0);
	m.gpr[VHM_RBX] = 0x104;
	OK("\x8b\x03");
	m.gpr[VHM_RBX] = 0xfffe;
	OK("\x8b\x03");
	m.seg[VHM_DS].attr &= ~VHM_SEG_DB;
	FAULTS("\x8b\x03", GP, 1, 0);
	/* base + offset wraps at 4 GiB. */
	m.seg[VHM_FS].base = 0xfffff000;
	m.gpr[VHM_RBX] = 0x2000;
	OK("\x64\x8b\x03");
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x1000, 4));
}

TEST(protected_forms)
{
	start(VHM_INSN_32);
	m.gpr[VHM_RAX] = 0xffffffff;
	OK("\x40");				/* inc %eax, not REX */
	CHECK_EQ(m.gpr[VHM_RAX], 0);
	CHECK(m.e.rflags & X86_EFLAGS_ZF);
	m.gpr[VHM_RBX] = 0x12340100;
	OK("\x67\x8b\x07");			/* mov (%bx),%eax */
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x100, 4));
	OK("\x8b\x0d\x80\x00\x00\x00");		/* mov 0x80,%ecx: absolute */
	CHECK_EQ(m.gpr[VHM_RCX], peek(0x80, 4));
	OK("\xa1\x40\x00\x00\x00");		/* mov 0x40,%eax */
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x40, 4));
	m.seg[VHM_FS].sel = 0x3b;
	OK("\x8c\xe0");				/* mov %fs,%eax */
	CHECK_EQ(m.gpr[VHM_RAX], 0x3b);
	FAULTS("\x8c\xf0", UD, 0, 0);		/* no such segment register */
	m.e.rip = 0xfffffffe;
	OK("\x88\x00");
	CHECK_EQ(m.e.rip, 0);
	m.gpr[VHM_RSP] = 0x10100;
	m.seg[VHM_SS].attr &= ~VHM_SEG_DB;	/* a 16-bit stack */
	OK("\x50");
	CHECK_EQ(m.gpr[VHM_RSP], 0x100fc);
	CHECK_EQ(peek(0xfc, 4), m.gpr[VHM_RAX]);
}

TEST(long_mode_addressing)
{
	start(VHM_INSN_64);
	m.gpr[VHM_RBX] = 0x100;
	m.seg[VHM_DS].attr = 0;			/* not looked at */
	m.seg[VHM_DS].base = 0x5000;
	m.seg[VHM_GS].base = 0x3000;
	OK("\x8b\x03");
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x100, 4));
	OK("\x26\x8b\x03");
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x100, 4));
	OK("\x65\x8b\x03");
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x3100, 4));
	m.gpr[VHM_RBX] = 0xffffffff00000100;
	OK("\x67\x8b\x03");
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x100, 4));
	m.e.rip = 0x200;
	OK("\xc7\x05\x10\x00\x00\x00\x44\x33\x22\x11");
	CHECK_EQ(peek(0x21a, 4), 0x11223344);	/* behind the immediate */
}

TEST(canonical)
{
	start(VHM_INSN_64);
	m.gpr[VHM_RBX] = 0x800000000000;
	m.gpr[VHM_RBP] = 0x7ffffffffffd;
	FAULTS("\x8b\x03", GP, 1, 0);
	FAULTS("\x8b\x45\x00", SS, 1, 0);	/* its last byte is not */
	FAULTS("\x64\x8b\x45\x00", GP, 1, 0);
	FAULTS("\x3e\x8b\x45\x00", SS, 1, 0);	/* DS is no override */
	FAULTS("\x64\x3e\x8b\x45\x00", GP, 1, 0);
	m.e.la_bits = 57;
	FAULTS("\x8b\x03", PF, 1, 0);
	CHECK_EQ(m.e.exc.addr, 0x800000000000);
	m.gpr[VHM_RBX] = 1ull << 56;
	FAULTS("\x8b\x03", GP, 1, 0);
}

TEST(lock_misuse)
{
	start(VHM_INSN_64);
	m.gpr[VHM_RBX] = 0x100;
	OK("\xf0\x01\x03");
	FAULTS("\xf0\x01\xc3", UD, 0, 0);	/* register destination */
	FAULTS("\xf0\x03\x03", UD, 0, 0);	/* memory is the source */
	FAULTS("\xf0\x89\x03", UD, 0, 0);	/* MOV */
	FAULTS("\xf0\x39\x03", UD, 0, 0);	/* CMP */
	FAULTS("\xf0\x0f\xa3\x03", UD, 0, 0);	/* BT */
	FAULTS("\xf0\xc1\x23\x01", UD, 0, 0);	/* SHL */
	FAULTS("\xf0\xa4", UD, 0, 0);		/* MOVS */
	FAULTS("\xf0\x90", UD, 0, 0);
	OK("\xf0\xff\x03");			/* INC */
	OK("\xf0\x0f\xba\x2b\x01");		/* BTS */
	OK("\xf0\x87\x03");			/* XCHG */
}

TEST(locked_accesses)
{
	start(VHM_INSN_64);
	m.gpr[VHM_RBX] = 0x100;
	OK("\x09\x03");				/* or %eax,(%rbx) */
	CHECK_EQ(m.locked, 0);
	OK("\xf0\x09\x03");
	CHECK_EQ(m.locked, 1);
	OK("\x87\x03");				/* XCHG needs no prefix */
	CHECK_EQ(m.locked, 2);
	OK("\xf0\x0f\xc7\x0b");
	CHECK_EQ(m.locked, 3);
}

TEST(page_faults)
{
	start(VHM_INSN_64);
	m.ro_from = 0x1000;
	m.gpr[VHM_RBX] = 0x1000;
	OK("\x8b\x03");
	FAULTS("\x89\x03", PF, 1, 3);
	FAULTS("\x01\x03", PF, 1, 3);		/* asks for write at once */
	CHECK_EQ(m.e.exc.addr, 0x1000);
	FAULTS("\x0f\xb1\x03", PF, 1, 3);
	FAULTS("\xf0\x48\x0f\xc7\x0b", PF, 1, 3);
	m.e.cpl = 3;
	m.gpr[VHM_RBX] = sizeof(mem) - 2;
	FAULTS("\x8b\x03", PF, 1, 4);
	CHECK_EQ(m.e.exc.addr, sizeof(mem));
	m.gpr[VHM_RSP] = 0x2004;
	m.gpr[VHM_RBX] = 0x40;
	FAULTS("\x50", PF, 1, 7);		/* push */
	FAULTS("\x8f\x04\x24", PF, 1, 7);	/* pop (%rsp) */
}

TEST(rep_stops_at_fault)
{
	start(VHM_INSN_64);
	m.ro_from = 0x1000;
	m.gpr[VHM_RSI] = 0x4000;
	m.gpr[VHM_RDI] = 0xffc;
	m.gpr[VHM_RCX] = 10;
	CHECK_EQ(STEP("\xf3\xa4"), VHM_EMUL_FAULT);
	CHECK_EQ(m.e.exc.vector, PF);
	CHECK_EQ(m.e.exc.addr, 0x1000);
	CHECK_EQ(m.gpr[VHM_RCX], 6);
	CHECK_EQ(m.gpr[VHM_RSI], 0x4004);
	CHECK_EQ(m.gpr[VHM_RDI], 0x1000);
	CHECK_EQ(peek(0xffc, 4), peek(0x4000, 4));
	CHECK_EQ(m.e.rip, 0);
}

TEST(rep_bounded)
{
	start(VHM_INSN_64);
	m.gpr[VHM_RDI] = 0x100;
	m.gpr[VHM_RCX] = 10;
	m.e.max_iter = 4;
	CHECK_EQ(mach_decode(&m, (const u8 *)"\xf3\xaa", 2), VHM_INSN_OK);
	CHECK_EQ(vhm_emul_exec(&m.e), VHM_EMUL_MORE);
	CHECK_EQ(m.gpr[VHM_RCX], 6);
	CHECK_EQ(m.e.rip, 0);
	CHECK_EQ(vhm_emul_exec(&m.e), VHM_EMUL_MORE);
	CHECK_EQ(vhm_emul_exec(&m.e), VHM_EMUL_OK);
	CHECK_EQ(m.gpr[VHM_RCX], 0);
	CHECK_EQ(m.gpr[VHM_RDI], 0x10a);
	CHECK_EQ(m.e.rip, 2);
	/* Single-stepped: a trap is due after each iteration. */
	m.e.rflags |= X86_EFLAGS_TF;
	m.gpr[VHM_RCX] = 2;
	CHECK_EQ(vhm_emul_exec(&m.e), VHM_EMUL_MORE);
	CHECK_EQ(m.gpr[VHM_RCX], 1);
	CHECK_EQ(vhm_emul_exec(&m.e), VHM_EMUL_OK);
	/* No iterations: nothing moves but rip. */
	m.gpr[VHM_RDI] = 0;
	OK("\xf3\xaa");
	CHECK_EQ(m.gpr[VHM_RDI], 0);
	/* RF ends with the instruction. */
	m.e.rflags |= X86_EFLAGS_RF;
	OK("\xaa");
	CHECK(!(m.e.rflags & X86_EFLAGS_RF));
}

TEST(port_single)
{
	start(VHM_INSN_64);
	m.port_data = 0x10;
	m.gpr[VHM_RAX] = ~0ull;
	OK("\xe4\x60");				/* in $0x60,%al */
	CHECK_EQ(m.gpr[VHM_RAX], 0xffffffffffffff10);
	m.gpr[VHM_RDX] = 0xffff0cf8;
	OK("\x66\xed");				/* in %dx,%ax */
	CHECK_EQ(m.gpr[VHM_RAX], 0xffffffffffff1211);
	OK("\x48\xed");				/* REX.W: still 32 bits */
	CHECK_EQ(m.gpr[VHM_RAX], 0x16151413);
	m.lazy = 1;
	OK("\xef");				/* out %eax,%dx */
	CHECK_EQ(m.users, 1);
	CHECK_EQ(m.port_sum, ((0x13u * 31 + 0x14) * 31 + 0x15) * 31 + 0x16);
}

/* The CPU runs again what it has not checked itself. */
TEST(port_permission)
{
	start(VHM_INSN_64);
	OK("\xec");				/* cpl 0: nobody is asked */
	m.e.cpl = 3;
	CHECK_EQ(STEP("\xec"), VHM_EMUL_RETRY);
	CHECK_EQ(STEP("\x6c"), VHM_EMUL_RETRY);
	CHECK_EQ(m.pio_calls, 1);
	m.e.pio_checked = 1;
	OK("\xec");
	m.e.pio_checked = 0;
	m.e.rflags |= X86_EFLAGS_IOPL;
	OK("\xec");
	CHECK_EQ(m.pio_calls, 3);
	start(VHM_INSN_16);
	m.e.rflags |= X86_EFLAGS_VM | X86_EFLAGS_IOPL;
	m.e.cpl = 3;
	/* VM86: the bitmap decides */
	CHECK_EQ(STEP("\xec"), VHM_EMUL_RETRY);
	CHECK_EQ(m.pio_calls, 0);
}

TEST(port_batches)
{
	unsigned int i;

	start(VHM_INSN_64);
	m.gpr[VHM_RDI] = 0xff0;
	m.gpr[VHM_RCX] = 300;
	OK("\xf3\x6c");				/* rep insb, two pages */
	CHECK_EQ(m.pio_calls, 2);
	CHECK_EQ(m.gpr[VHM_RDI], 0xff0 + 300);
	CHECK_EQ(m.gpr[VHM_RCX], 0);
	for (i = 0; i < 300; i++)
		CHECK_EQ(mem[0xff0 + i], (u8)i);
	/* One dword straddles the page boundary. */
	m.gpr[VHM_RDI] = 0xff6;
	m.gpr[VHM_RCX] = 4;
	m.pio_calls = 0;
	OK("\xf3\x6d");
	CHECK_EQ(m.pio_calls, 3);
	CHECK_EQ(m.gpr[VHM_RDI], 0x1006);
	/* Downwards, item by item. */
	m.gpr[VHM_RSI] = 0x2000;
	m.gpr[VHM_RCX] = 3;
	m.e.rflags |= X86_EFLAGS_DF;
	m.pio_calls = m.port_sum = 0;
	OK("\xf3\x6e");				/* rep outsb */
	CHECK_EQ(m.pio_calls, 3);
	CHECK_EQ(m.gpr[VHM_RSI], 0x1ffd);
	CHECK_EQ(m.port_sum, (mem[0x2000] * 31u + mem[0x1fff]) * 31 +
		 mem[0x1ffe]);
}

TEST(port_to_device_memory)
{
	start(VHM_INSN_64);
	m.dev_from = 0x800;
	m.dev_to = 0x900;
	m.gpr[VHM_RDI] = 0x7f0;
	m.gpr[VHM_RCX] = 18;
	OK("\xf3\x6c");
	/* The page is not all RAM, so item by item; two go to userspace. */
	CHECK_EQ(m.pio_calls, 18);
	CHECK_EQ(m.users, 2);
	CHECK_EQ(mem[0x801], 17);
}

TEST(ins_checks_before_it_reads)
{
	start(VHM_INSN_64);
	m.ro_from = 0x1000;
	m.gpr[VHM_RDI] = 0x1000;
	m.gpr[VHM_RCX] = 4;
	FAULTS("\xf3\x6c", PF, 1, 3);
	CHECK_EQ(m.pio_calls, 0);
	start(VHM_INSN_16);
	m.gpr[VHM_RDI] = 0xfffe;
	m.gpr[VHM_RCX] = 4;
	OK("\xf3\x6c");				/* di wraps between batches */
	CHECK_EQ(m.gpr[VHM_RDI], 2);
}

TEST(control_registers)
{
	start(VHM_INSN_64);
	m.cr[0] = 0x80000011;
	m.cr[8] = 5;
	OK("\x0f\x20\xc0");			/* mov %cr0,%rax */
	CHECK_EQ(m.gpr[VHM_RAX], 0x80000011);
	OK("\x44\x0f\x20\x01");			/* mov %cr8,%rcx; mod ignored */
	CHECK_EQ(m.gpr[VHM_RCX], 5);
	m.gpr[VHM_RBX] = 0x123456789000;
	OK("\x0f\x22\xdb");			/* mov %rbx,%cr3 */
	CHECK_EQ(m.cr[3], 0x123456789000);
	OK("\x0f\x23\xfb");			/* mov %rbx,%dr7 */
	CHECK_EQ(m.dr[7], 0x123456789000);
	FAULTS("\x0f\x20\xc8", UD, 0, 0);	/* CR1 */
	FAULTS("\x44\x0f\x20\xc8", UD, 0, 0);	/* CR9 */
	FAULTS("\x44\x0f\x21\xc0", UD, 0, 0);	/* DR8 */
	m.e.cpl = 3;
	FAULTS("\x0f\x20\xc0", GP, 1, 0);
	FAULTS("\x0f\x23\xfb", GP, 1, 0);
	start(VHM_INSN_32);
	m.cr[3] = 0xffff00001000;
	m.gpr[VHM_RAX] = ~0ull;
	OK("\x0f\x20\xd8");
	CHECK_EQ(m.gpr[VHM_RAX], 0x1000);
}

TEST(machine_status_word)
{
	start(VHM_INSN_64);
	m.cr[0] = 0x8005003b;
	m.gpr[VHM_RBX] = 0x100;
	OK("\x0f\x06");				/* clts */
	CHECK_EQ(m.cr[0], 0x80050033);
	m.gpr[VHM_RAX] = 0xfff8;
	OK("\x0f\x01\xf0");			/* lmsw: PE stays set */
	CHECK_EQ(m.cr[0], 0x80050039);
	OK("\x0f\x01\x23");			/* smsw (%rbx): 16 bits */
	CHECK_EQ(peek(0x100, 2), 0x0039);
	CHECK_EQ(mem[0x102], (u8)(0x102 * 7 + 1));
	OK("\x0f\x01\xe0");			/* smsw %eax */
	CHECK_EQ(m.gpr[VHM_RAX], 0x80050039);
	m.e.cpl = 3;
	OK("\x0f\x01\xe0");
	m.cr[4] = 0x800;			/* UMIP */
	FAULTS("\x0f\x01\xe0", GP, 1, 0);
	FAULTS("\x0f\x06", GP, 1, 0);
	FAULTS("\x0f\x01\xf0", GP, 1, 0);
}

TEST(invalidate_page)
{
	start(VHM_INSN_64);
	m.gpr[VHM_RAX] = 0x123456000;
	OK("\x0f\x01\x38");
	CHECK_EQ(m.invlpg, 0x123456000);
	m.gpr[VHM_RAX] = 1ull << 60;
	OK("\x0f\x01\x38");			/* not canonical: nothing */
	CHECK_EQ(m.invlpg, 0x123456000);
	CHECK_EQ(STEP("\x0f\x01\xf8"), VHM_EMUL_FAIL);	/* SWAPGS */
	m.e.cpl = 3;
	FAULTS("\x0f\x01\x38", GP, 1, 0);
}

TEST(bit_scan)
{
	start(VHM_INSN_64);
	m.gpr[VHM_RBX] = 0x100;
	memcpy(mem + 0x100, "\0\0\x30\0\0\0\0\x40", 8);
	m.gpr[VHM_RAX] = ~0ull;
	m.e.rflags |= X86_EFLAGS_ZF;
	OK("\x0f\xbc\x03");			/* bsf (%rbx),%eax */
	CHECK_EQ(m.gpr[VHM_RAX], 20);
	CHECK(!(m.e.rflags & X86_EFLAGS_ZF));
	OK("\x48\x0f\xbd\x03");		/* bsr (%rbx),%rax */
	CHECK_EQ(m.gpr[VHM_RAX], 62);
	OK("\xf2\x0f\xbd\x03");		/* F2 means nothing */
	CHECK_EQ(m.gpr[VHM_RAX], 21);
	m.gpr[VHM_RAX] = 0x123456789abcdef0;
	OK("\x66\x0f\xbc\x03");		/* 16 bits, all zero */
	CHECK_EQ(m.gpr[VHM_RAX], 0x123456789abcdef0);
	CHECK(m.e.rflags & X86_EFLAGS_ZF);
	m.gpr[VHM_RBX] = 0x102;
	OK("\x66\x0f\xbc\x03");
	CHECK_EQ(m.gpr[VHM_RAX], 0x123456789abc0004);
	/* A source of zero leaves the whole register, 32-bit ones too. */
	memset(mem + 0x102, 0, 4);
	OK("\x0f\xbd\x03");
	CHECK_EQ(m.gpr[VHM_RAX], 0x123456789abc0004);
	CHECK(m.e.rflags & X86_EFLAGS_ZF);
	/* With F3 the CPU's features decide what it is: TZCNT, LZCNT. */
	CHECK_EQ(STEP("\xf3\x0f\xbc\x03"), VHM_EMUL_FAIL);
	CHECK_EQ(STEP("\xf3\x0f\xbd\x03"), VHM_EMUL_FAIL);
	FAULTS("\xf0\x0f\xbc\x03", UD, 0, 0);
}

TEST(alignment)
{
	start(VHM_INSN_64);
	m.gpr[VHM_RBX] = 0x101;
	FAULTS("\x0f\x28\x03", GP, 1, 0);	/* movaps */
	FAULTS("\x66\x0f\x7f\x03", GP, 1, 0);	/* movdqa */
	OK("\xf3\x0f\x6f\x0b");			/* movdqu (%rbx),%xmm1 */
	CHECK(!memcmp(m.xmm[1], mem + 0x101, 16));
	OK("\x0f\x11\x4b\x40");			/* movups %xmm1,0x40(%rbx) */
	CHECK(!memcmp(m.xmm[1], mem + 0x141, 16));
	FAULTS("\x48\x0f\xc7\x0b", GP, 1, 0);	/* cmpxchg16b */
	OK("\x0f\xc7\x0b");			/* cmpxchg8b */
	CHECK_EQ(m.gpr[VHM_RAX], peek(0x101, 4));
	CHECK_EQ(m.gpr[VHM_RDX], peek(0x105, 4));
}

TEST(length_only)
{
	start(VHM_INSN_64);
	CHECK_EQ(STEP("\x0f\xa2"), VHM_EMUL_FAIL);		/* cpuid */
	CHECK_EQ(STEP("\x8d\x03"), VHM_EMUL_FAIL);		/* lea */
	CHECK_EQ(STEP("\xf2\x0f\x38\xf1\xc3"), VHM_EMUL_FAIL);	/* crc32 */
	CHECK_EQ(STEP("\xc5\xfc\x10\x03"), VHM_EMUL_FAIL);	/* vmovups */
	CHECK_EQ(STEP("\x0f\x6f\x03"), VHM_EMUL_FAIL);		/* movq, MMX */
	CHECK_EQ(m.e.rip, 0);
}

TEST(every_access_by_userspace)
{
	start(VHM_INSN_64);
	m.lazy = 1;
	m.gpr[VHM_RBX] = 0x100;
	mem[0x100] = 41;
	OK("\xfe\x03");				/* incb (%rbx) */
	CHECK_EQ(mem[0x100], 42);
	CHECK_EQ(m.users, 2);
	m.users = 0;
	m.gpr[VHM_RSI] = 0x100;
	m.gpr[VHM_RDI] = 0x200;
	m.gpr[VHM_RCX] = 3;
	OK("\xf3\xa5");				/* rep movsl */
	CHECK_EQ(m.users, 6);
	CHECK(!memcmp(mem + 0x100, mem + 0x200, 12));
}
