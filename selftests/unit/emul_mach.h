/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine small enough to own a struct vhm_emul in the unit tests: a window
 * of memory, segments, control registers, ports, and a userspace that keeps
 * the executor waiting.
 *
 * Accesses that "userspace" must complete are answered VHM_EMUL_USER once and
 * from the record afterwards, as the contract in emul.h demands of an owner.
 * The machine checks the executor's side of that contract on every run: the
 * same accesses in the same order, and no state changed by VHM_EMUL_USER.
 */
#ifndef EMUL_MACH_H
#define EMUL_MACH_H

#include "emul/emul.h"

#define MACH_RECORDS	1100	/* accesses of one iteration: 4 KiB of INS */

struct mach_record {
	u64 addr;
	u8 data[16];
	u8 size;
	u8 kind;
	u8 completed;		/* by userspace: answer from here */
};

struct mach {
	struct vhm_emul e;
	u64 gpr[16];
	struct vhm_seg seg[VHM_EMUL_IDTR + 1];
	u64 cr[16];
	u64 dr[8];
	u8 xmm[16][16];

	u8 *mem;		/* the window of memory */
	u64 mem_base;		/* its linear address */
	u64 mem_size;
	u64 ro_from;		/* linear; the window is read-only from here */
	u64 dev_from, dev_to;	/* linear range of a userspace device */
	/* All memory is a device, 1 access in so many is userspace's; 0: RAM. */
	unsigned int lazy;

	u8 pio_buf[4096];
	u8 port_data;		/* IN reads this, then one more, ... */
	u32 port_sum;		/* what OUT wrote, hashed */
	unsigned int pio_calls;
	unsigned int locked;	/* calls of cmpxchg */
	u64 invlpg;		/* last address */

	u64 rng;
	unsigned int pos, used;	/* next record, records in use */
	unsigned int users, mores;	/* how often exec answered so */
	const char *broken;		/* contract violation, or NULL */
	struct mach_record rec[MACH_RECORDS];	/* zero behind used */
};

/*
 * A machine in 64-bit (VHM_INSN_64), flat 32-bit protected or real mode, with
 * @mem mapped at linear address @base. *m is a static variable or was a machine
 * before.
 */
void mach_init(struct mach *m, enum vhm_insn_mode mode, u8 *mem, u64 base,
	       u64 size);

u64 mach_random(u64 *state);

/* Decode @n bytes into m->e.insn; the emulator's status. */
enum vhm_insn_status mach_decode(struct mach *m, const u8 *bytes,
				 unsigned int n);

/* Execute m->e.insn until it ends with anything but USER or MORE. */
enum vhm_emul_status mach_run(struct mach *m);

#endif
