/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer of the device: a case is a list of operations, run by several
 * threads in a process of its own on a few VMs and vCPUs that it makes.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_OPS		48
#define MAX_THREADS	4
#define N_VMS		2
#define N_VCPUS		3
#define N_EVENTFDS	4
#define RAM_SIZE	(4ul << 20)
#define COVER_SIZE	(1u << 16)	/* hashed addresses that were reached */

/* One operation; what it does beyond its kind follows from the seed. */
struct op {
	uint32_t seed;
	uint16_t kind;
	uint16_t fail;		/* if not 0: the n-th allocation fails, where that exists */
	uint8_t thread;
	uint8_t object;		/* which VM, vCPU */
};

struct fuzz_case {
	uint32_t seed;		/* of the world that it begins with */
	uint32_t n, threads;
	struct op op[MAX_OPS];
};

struct rng {
	uint64_t s;
};

/* What a case works on; threads change it under each other as a VMM's would. */
struct vcpu {
	int fd;
	uint8_t *run;
};

struct vm {
	int fd;
	struct vcpu vcpu[N_VCPUS];
};

struct world {
	int dev;
	int eventfd[N_EVENTFDS];
	struct vm vm[N_VMS];
	uint8_t *ram;		/* guests' memory */
	uint8_t *edge;		/* a page before one that is not mapped */
	size_t run_size;
};

extern struct world world;
extern bool no_breakpoints;	/* debug registers never enable one */

uint64_t rnd(struct rng *r);
uint32_t below(struct rng *r, uint32_t n);
bool one_in(struct rng *r, uint32_t n);
uint64_t odd_number(struct rng *r);
void scribble(struct rng *r, void *p, size_t size, unsigned int times);

unsigned int n_ops(void);
const char *op_name(unsigned int kind);
int op_kind(const char *name);
void op_run(const struct op *op);
void world_make(struct rng *r, const char *path);

void guest_code(struct rng *r, uint8_t *ram, bool real);
void guest_setup(struct rng *r, struct vcpu *vcpu, uint8_t *ram);

#endif
