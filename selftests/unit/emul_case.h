/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One machine and one instruction at a time: for the programs of fixed cases.
 */
#ifndef EMUL_CASE_H
#define EMUL_CASE_H

#include "ktap.h"

#include "emul/alu.h"
#include "emul_mach.h"

#define UD 6
#define SS 12
#define GP 13
#define PF 14

static struct mach m;
static u8 mem[0x20000];

/* A fresh machine with memory at linear 0..128 KiB. */
static void start(enum vhm_insn_mode mode)
{
	unsigned int i;

	for (i = 0; i < sizeof(mem); i++)
		mem[i] = (u8)(i * 7 + (i >> 8));
	mach_init(&m, mode, mem, 0, sizeof(mem));
}

static enum vhm_emul_status step_n(const char *bytes, unsigned int n)
{
	enum vhm_emul_status st;

	CHECK_EQ(mach_decode(&m, (const u8 *)bytes, n), VHM_INSN_OK);
	CHECK_EQ(m.e.insn.len, n);
	st = mach_run(&m);
	if (m.broken)
		FAIL("%s", m.broken);
	return st;
}

#define STEP(bytes) step_n(bytes, sizeof(bytes) - 1)
#define OK(bytes) CHECK_EQ(STEP(bytes), VHM_EMUL_OK)
/* The instruction faults so, and moves neither rip nor memory nor registers. */
#define FAULTS(bytes, vec, has, err)					\
	do {								\
		static u8 before[sizeof(mem)];				\
		u64 gpr[16], rip = m.e.rip;				\
									\
		memcpy(before, mem, sizeof(mem));			\
		memcpy(gpr, m.gpr, sizeof(gpr));			\
		CHECK_EQ(STEP(bytes), VHM_EMUL_FAULT);			\
		CHECK_EQ(m.e.exc.vector, vec);				\
		CHECK_EQ(m.e.exc.has_error, has);			\
		CHECK_EQ(m.e.exc.error, err);				\
		CHECK_EQ(m.e.rip, rip);					\
		CHECK(!memcmp(before, mem, sizeof(mem)));		\
		CHECK(!memcmp(gpr, m.gpr, sizeof(gpr)));		\
	} while (0)

static u64 peek(u64 la, unsigned int size)
{
	u64 v = 0;

	memcpy(&v, mem + la, size);
	return v;
}

#endif
