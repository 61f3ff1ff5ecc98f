// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: decode and execute arbitrary bytes on arbitrary state.
 *
 * Besides what the sanitizers find, these must hold for every input:
 *  - the decoder never reads past the bytes it was given (they are the tail of
 *    libFuzzer's own allocation), and a length of n means that n - 1 bytes are
 *    too few and n are enough, with the same result;
 *  - the machine's owner contract (emul_mach.c);
 *  - an execution that userspace interrupts at every turn ends in the same
 *    state as one that nothing interrupts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "emul_mach.h"

#define MEM_SIZE	0x3000u
#define MEM_BASE	0x1000u
#define CONTROL		(8 + 32)	/* bytes of input in front of the code */

static struct mach plain, lazy;
static u8 plain_mem[MEM_SIZE], lazy_mem[MEM_SIZE];

static void die(const char *why, const char *detail)
{
	fprintf(stderr, "fuzz_emul: %s: %s\n", why, detail);
	abort();
}

/* Two bytes of input to a register value: mostly where things happen. */
static u64 value(const u8 *in)
{
	u64 v = in[0] | (in[1] & 0x1fu) << 8;

	switch (in[1] >> 5) {
	case 0:
	case 1:
	case 2:
		return MEM_BASE + v;
	case 3:
		return -v;
	case 4:
		return 0x7ffffffff000 + v;
	case 5:
		return 0xfffff000 + v;
	case 6:
		return v * 0x0001000100010001ull;
	default:
		return v & 0x1f;
	}
}

static void setup(struct mach *m, u8 *mem, const u8 *in)
{
	unsigned int i;

	/* Equal bytes and unequal ones, for the comparing instructions. */
	memset(mem, in[7], MEM_SIZE / 2);
	memset(mem + MEM_SIZE / 2, 0, MEM_SIZE / 2);
	memcpy(mem + 0x100, in, CONTROL);
	mach_init(m, in[0] % 3, mem, MEM_BASE, MEM_SIZE);
	m->e.cpl = in[1] & 3;
	m->e.la_bits = in[1] & 4 ? 57 : 48;
	if (in[1] & 8)
		m->e.prot = 0;
	if (in[1] & 16)
		m->ro_from = MEM_BASE + 0x1800;
	if (in[1] & 32) {
		m->dev_from = MEM_BASE + 0x800;
		m->dev_to = MEM_BASE + 0x810;
	}
	m->e.pio_checked = !(in[1] & 64);
	m->e.max_iter = 1 + (in[2] & 0xf);
	m->e.rflags = 2 | (in[3] | (u64)in[4] << 8 | (u64)(in[5] & 3) << 16);
	m->e.rip = in[5] & 0x80 ? 0xfffffff8 : 0x400000;
	m->seg[in[6] & 3].limit = MEM_BASE + in[6] * 16u;
	m->seg[in[6] >> 2 & 3].attr ^= in[6] >> 4 << 1;
	m->seg[VHM_FS].base = 0x80;
	m->rng = in[7];
	for (i = 0; i < 16; i++)
		m->gpr[i] = value(in + 8 + 2 * i);
	/* REP over all of 64 KiB finds nothing more, slowly. */
	m->gpr[VHM_RCX] &= in[5] & 0x40 ? ~0xff00ull : 0xff;
	m->cr[4] = in[7] & 1 ? 0x800 : 0;
}

static void check_insn(const struct vhm_insn *in, const u8 *bytes)
{
	struct vhm_insn again;

	if (in->len < 1 || in->len > VHM_INSN_MAX)
		die("decoder", "length");
	if (in->op >= VHM_NR_OP || in->reg > 15 || in->rm > 15 ||
	    in->base > VHM_REG_RIP || in->index > VHM_REG_NONE ||
	    in->scale > 3 || in->seg >= VHM_NR_SREG)
		die("decoder", "a field is out of range");
	if (vhm_insn_decode(&again, bytes, in->len, in->mode) ||
	    memcmp(&again, in, sizeof(again)))
		die("decoder", "looks beyond the instruction");
	if (vhm_insn_decode(&again, bytes, in->len - 1u, in->mode) !=
	    VHM_INSN_SHORT)
		die("decoder", "takes less than the instruction");
}

static enum vhm_emul_status run(struct mach *m)
{
	enum vhm_emul_status st = mach_run(m);

	if (m->broken)
		die("executor", m->broken);
	if (st == VHM_EMUL_USER ||
	    (st == VHM_EMUL_RETRY && (m->e.pio_checked ||
	     m->e.insn.op < VHM_OP_INS || m->e.insn.op > VHM_OP_OUT)))
		die("executor", "a status that no op gave");
	return st;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	enum vhm_emul_status st;

	if (size < CONTROL)
		return -1;
	setup(&plain, plain_mem, data);
	if (mach_decode(&plain, data + CONTROL, size - CONTROL))
		return 0;
	check_insn(&plain.e.insn, data + CONTROL);
	setup(&lazy, lazy_mem, data);
	lazy.e.insn = plain.e.insn;
	lazy.lazy = 1 + data[7] % 3;

	st = run(&plain);
	if (run(&lazy) != st)
		die("restarting", "status differs");
	if (memcmp(plain.gpr, lazy.gpr, sizeof(plain.gpr)) ||
	    memcmp(plain.xmm, lazy.xmm, sizeof(plain.xmm)) ||
	    memcmp(plain.cr, lazy.cr, sizeof(plain.cr)) ||
	    memcmp(plain.dr, lazy.dr, sizeof(plain.dr)) ||
	    plain.e.rip != lazy.e.rip || plain.e.rflags != lazy.e.rflags ||
	    plain.port_data != lazy.port_data ||
	    plain.port_sum != lazy.port_sum ||
	    plain.pio_calls != lazy.pio_calls)
		die("restarting", "registers or ports differ");
	if (memcmp(plain_mem, lazy_mem, MEM_SIZE))
		die("restarting", "memory differs");
	return 0;
}
