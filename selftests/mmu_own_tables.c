// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that changes its own page tables at random, and looks after each
 * change whether its accesses do what a walk of these tables says; alone, and
 * with another vCPU on the same tables.
 */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define WINDOW	0x80000000ul		/* four stretches of 2 MiB, a PT each */
#define PD	((volatile uint64_t *)(PGD_ADDR + 0x4000))
#define PTS	0x600000ul		/* four page tables that any stretch may use */
#define FRAMES	0x700000ul
#define N_PT	4
#define N_PTE	8			/* entries used; the upper half is always present */
#define N_FRAME	16
#define ID(f)	(0x1d00 + (f))		/* what the frame's first word holds */
#define ROUNDS	3000

static volatile uint64_t stop;
static uint64_t seed = 0x2545f491;

static uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

static volatile uint64_t *pt(uint64_t i)
{
	return (volatile uint64_t *)(PTS + i * 4096);
}

static uint64_t address(uint64_t stretch, uint64_t i)
{
	return WINDOW + (stretch << 21) + (i << 12);
}

static void flush_all(void)
{
	uint64_t cr3;

	asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
}

/* INVLPG wherever the entry may be used, or CR3 for all of them. */
static void flush_entry(uint64_t i)
{
	if (!rnd(4)) {
		flush_all();
		return;
	}
	for (uint64_t s = 0; s < N_PT; s++)
		asm volatile("invlpg (%0)" : : "r"(address(s, i)) : "memory");
}

static void change_pte(void)
{
	volatile uint64_t *table = pt(rnd(N_PT));
	uint64_t i = rnd(N_PTE), pte = FRAMES + (rnd(N_FRAME) << 12) + rnd(2) * PTE_W;

	pte |= i >= N_PTE / 2 || rnd(4) ? PTE_P : 0;
	/* by the instructions that kernels use */
	switch (i < N_PTE / 2 ? rnd(3) : 1 + rnd(2)) {
	case 0:	/* nothing is there for a moment */
		asm volatile("lock andq $0, %0; orq %1, %0" : "+m"(table[i]) : "r"(pte));
		break;
	case 1:
		asm volatile("xchg %0, %1" : "+r"(pte), "+m"(table[i]));
		break;
	default:
		table[i] = pte;
	}
	flush_entry(i);
}

static void change_pde(void)
{
	/* a stretch is never without a table: the other vCPU is in there */
	PD[rnd(N_PT)] = (PTS + rnd(N_PT) * 4096) | PTE_P | PTE_W | PTE_U;
	flush_all();
}

static void clear_marks(void)
{
	uint64_t t = rnd(N_PT), i = rnd(N_PTE);

	asm volatile("lock andq %1, %0" : "+m"(pt(t)[i]) : "r"(~(PTE_A | PTE_D)));
	flush_entry(i);
}

/* The reference: two levels, what they say about this address. */
static volatile uint64_t *entry(uint64_t stretch, uint64_t i)
{
	return (volatile uint64_t *)(PD[stretch] & ~0xffful) + i;
}

static void check_access(bool write, bool wp)
{
	uint64_t s = rnd(N_PT), i = rnd(N_PTE), at = address(s, i), pte = *entry(s, i), val = 0;
	uint64_t frame = pte & ~0xffful, mark = rnd(1u << 30), vector;

	if (write)
		vector = GUEST_TRY("movq %0, 8(%1)", : : "r"(mark), "r"(at) : "memory");
	else
		vector = GUEST_TRY("movq (%1), %0", : "+r"(val) : "r"(at) : "memory");
	if (!(pte & PTE_P) || (write && wp && !(pte & PTE_W))) {
		GUEST_EQ(vector, 14);
		GUEST_EQ(guest_fault.cr2, at + (write ? 8 : 0));
		GUEST_EQ(guest_fault.error, (pte & PTE_P) | (write ? 2 : 0));
		return;
	}
	GUEST_EQ(vector, NO_FAULT);
	GUEST_CHECK(*entry(s, i) & PTE_A);
	if (write) {
		GUEST_CHECK(*entry(s, i) & PTE_D);
		GUEST_EQ(((volatile uint64_t *)frame)[1], mark);
	} else {
		GUEST_EQ(val, ID((frame - FRAMES) >> 12));
	}
}

static void set_wp(bool on)
{
	uint64_t cr0;

	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	cr0 = on ? cr0 | 1ul << 16 : cr0 & ~(1ul << 16);
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
}

static void make_tables(void)
{
	for (uint64_t f = 0; f < N_FRAME; f++)
		*(volatile uint64_t *)(FRAMES + f * 4096) = ID(f);
	for (uint64_t t = 0; t < N_PT; t++) {
		for (uint64_t i = 0; i < N_PTE; i++)
			pt(t)[i] = (FRAMES + (rnd(N_FRAME) << 12)) | PTE_P | PTE_W;
		PD[t] = (PTS + t * 4096) | PTE_P | PTE_W | PTE_U;
	}
	flush_all();
}

static volatile uint64_t made;

static void changing_guest(void)
{
	bool wp = true;

	make_tables();
	made = 1;
	set_wp(wp);
	for (int n = 0; n < ROUNDS; n++) {
		uint64_t what = rnd(64);

		if (what < 16)
			change_pte();
		else if (what < 20)
			change_pde();
		else if (what < 24)
			clear_marks();
		else if (what == 24)
			set_wp(wp = !wp);
		else
			check_access(what & 1, wp);
	}
	stop = 1;
}

TEST_LIMIT(alone, 90)
{
	vcpu_until_done(guest64(changing_guest));
}

/* What it reads may be stale, but it is a frame of the window. */
static void reading_guest(void)
{
	uint64_t n = 0, val;

	while (!made)
		asm volatile("pause");
	flush_all();
	while (!stop) {
		val = *(volatile uint64_t *)address(n % N_PT, N_PTE / 2 + n / N_PT % (N_PTE / 2));
		GUEST_CHECK(val >= ID(0) && val < ID(N_FRAME));
		if (!(++n % 64))
			flush_all();
	}
}

static void *run_other(void *arg)
{
	vcpu_until_done(arg);
	return NULL;
}

TEST_LIMIT(with_another_vcpu, 90)
{
	struct vcpu *vcpu = guest64(changing_guest), *other = vcpu_new(vcpu->vm, 1);
	pthread_t t;

	vcpu_set_cpuid(other);
	vcpu_mode64(other, reading_guest);
	CHECK(!pthread_create(&t, NULL, run_other, other));
	vcpu_until_done(vcpu);
	CHECK(!pthread_join(t, NULL));
}
