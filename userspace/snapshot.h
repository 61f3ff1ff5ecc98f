/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Snapshots: the state of a stopped VM as records, and the file they and the
 * memory are kept in.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "vmm.h"

#define STATE_MAX	(8 * MIB)	/* 64 vCPUs take less than one */

struct blob {
	u8 *p;
	size_t len, cap;
	unsigned int found;	/* records that state_load() has used */
	bool overflow;
};

/* Learn what state_save() will need; dies on failure. Before the sandbox. */
void state_prepare(struct vm *vm);

/*
 * Append the state of the VM to `b`.  Every vCPU is parked, the devices are
 * frozen, and the bus lock is held.  0, or a negative errno of the call that failed; -ENOSPC if it
 * does not fit.
 */
int state_save(struct vm *vm, struct blob *b);

/* Are the records of an untrusted blob whole?  NULL, or what is wrong. */
const char *state_check(const struct blob *b);

/* Give a new VM, whose threads do not run yet, a checked state; or die. */
void state_load(struct vm *vm, struct blob *b);

/* What restoring a snapshot starts from. */
struct snapshot {
	int fd;
	u64 memory;		/* bytes of guest RAM */
	u64 offset;		/* of them in the file, a multiple of 2 MiB */
	unsigned int cpus;
	struct blob state;
};

/* Open and check a snapshot; dies with one line when it cannot be used. */
void snapshot_open(struct snapshot *s, const char *path);

/*
 * Write the VM to `fd`, an empty file.  Every vCPU is parked, the devices are
 * frozen, and the bus lock is held.  0, or a negative errno.
 */
int snapshot_write(struct vm *vm, int fd);

#endif
