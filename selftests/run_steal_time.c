// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steal time: the page tells how long the vCPU waited for a CPU, and with its
 * preempted byte that it is off it; another vCPU's wish to flush its TLB, left in
 * that byte, is done before it runs again.
 */
#include <pthread.h>
#include <sched.h>

#include "guest.h"
#include "vm.h"

#define MSR_STEAL	0x4b564d03
#define PAGE		0x7000ul
#define PREEMPTED	1
#define FLUSH		2

/* KVM's document "KVM-specific MSRs": struct kvm_steal_time. */
struct steal {
	uint64_t steal;
	uint32_t version, flags;
	uint8_t preempted;
};

#define STEAL ((volatile struct steal *)PAGE)

/* ---- the time ------------------------------------------------------------------ */

static void *burn(void *arg)
{
	while (!*(volatile bool *)arg)
		;
	return NULL;
}

static void spin_guest(void)
{
	wrmsr(MSR_STEAL, PAGE | 1);
	for (;;) {
		for (volatile unsigned int i = 0; i < 200000; i++)
			;
		GUEST_EQ(STEAL->version & 1, 0);
		GUEST_EQ(STEAL->preempted, 0);
		guest_sync(STEAL->steal);
	}
}

/* Two threads on one CPU: what one has, the other waits for. */
TEST_LIMIT(grows_with_waiting, 60)
{
	struct vcpu *vcpu = guest64(spin_guest);
	bool stop = false;
	uint64_t first, last, now, end;
	cpu_set_t one;
	pthread_t t;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
	first = last = vcpu_until_sync(vcpu);
	CHECK(!pthread_create(&t, NULL, burn, &stop));
	end = now_ms() + 20000;
	do {
		now = vcpu_until_sync(vcpu);
		CHECK(now >= last);
		last = now;
	} while (last - first < 50000000 && now_ms() < end);
	stop = true;
	CHECK(!pthread_join(t, NULL));
	CHECK(last - first >= 50000000);
}

static void off_guest(void)
{
	uint32_t version;

	wrmsr(MSR_STEAL, PAGE | 1);
	guest_sync(1);
	GUEST_CHECK(STEAL->version);
	wrmsr(MSR_STEAL, 0);
	version = STEAL->version;
	guest_sync(2);
	GUEST_EQ(STEAL->version, version);
}

TEST(switched_off)
{
	struct vcpu *vcpu = guest64(off_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	vcpu_until_done(vcpu);
}

/* Nothing is there: the guest's loss, nobody else's. */
static void nowhere_guest(void)
{
	wrmsr(MSR_STEAL, MMIO_ADDR | 1);
	guest_sync(1);
	wrmsr(MSR_STEAL, ~0x3ful | 1);
	guest_sync(2);
}

TEST(page_that_is_none)
{
	struct vcpu *vcpu = guest64(nowhere_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	vcpu_until_done(vcpu);
}

/* ---- preempted ------------------------------------------------------------------- */

#define WINDOW	0xe00000ul	/* 2 MiB page that changes its frame */
#define OTHER	0xa00000ul

static volatile uint64_t go;	/* what the window holds then */

static void spinning_guest(void)
{
	volatile uint64_t *window = (void *)WINDOW;

	wrmsr(MSR_STEAL, PAGE | 1);
	GUEST_EQ(*window, 1);
	guest_sync(1);
	while (!go)
		GUEST_EQ(STEAL->preempted, 0);
	GUEST_EQ(*window, go);
}

static void *run_vcpu(void *arg)
{
	vcpu_until_done(arg);
	return NULL;
}

/* On the vCPU's CPU, so that it runs when the vCPU does not. */
static void preempt(bool flush)
{
	struct vcpu *vcpu = guest64(spinning_guest);
	volatile uint8_t *preempted = gpa(vcpu->vm, &STEAL->preempted);
	volatile uint64_t *pd = gpa(vcpu->vm, (void *)(PGD_ADDR + 0x2000));
	uint64_t end = now_ms() + 30000;
	cpu_set_t one;
	uint8_t seen;
	pthread_t t;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
	*(uint64_t *)gpa(vcpu->vm, (void *)WINDOW) = 1;
	*(uint64_t *)gpa(vcpu->vm, (void *)OTHER) = 2;
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK(!pthread_create(&t, NULL, run_vcpu, vcpu));
	do {
		while (*preempted != PREEMPTED)
			if (now_ms() > end)
				FAIL("off its CPU, and not said to be");
		/* as another vCPU does that changed the tables */
		if (flush)
			pd[WINDOW >> 21] = OTHER | PTE_P | PTE_W | PTE_U | PTE_PS;
		seen = PREEMPTED;
	} while (!__atomic_compare_exchange_n(preempted, &seen, PREEMPTED | (flush ? FLUSH : 0),
					      false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	IN_GUEST(vcpu->vm, go) = flush ? 2 : 1;
	CHECK(!pthread_join(t, NULL));
}

TEST_LIMIT(preempted, 60)
{
	preempt(false);
}

TEST_LIMIT(flush_left_behind, 60)
{
	/* only a guest's own writes to its tables show in the shadow */
	if (dev_shadow_paging())
		SKIP("shadow paging: the VMM changes a table here");
	preempt(true);
}
