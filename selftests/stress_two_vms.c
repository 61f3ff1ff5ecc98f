// SPDX-License-Identifier: GPL-2.0-only
/* Several VMs at once, each in a thread: nobody sees anybody else. */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define VMS	4
#define ROUNDS	300

static volatile uint64_t seed, table[4096];

static void guest(void)
{
	uint64_t x = seed;

	wrmsr(MSR_LSTAR, 0xffffffff00000000 | seed);
	WRITE_REG(dr1, seed << 12);
	asm volatile("movq %0, %%xmm9" : : "r"(seed) : "xmm9");
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t v;

		for (unsigned int j = 0; j < 64; j++) {
			x = x * 6364136223846793005 + seed;
			table[x >> 52] = x;
		}
		switch (i % 4) {
		case 0:
			guest_sync(x);
			break;
		case 1:
			GUEST_EQ(mmio_read(MMIO_ADDR + 8 * i), (uint32_t)seed);
			break;
		case 2:
			cpuid(0, 0);
			break;
		case 3:
			GUEST_EQ(inb(0x70), (uint8_t)seed);
			break;
		}
		GUEST_EQ(rdmsr(MSR_LSTAR), 0xffffffff00000000 | seed);
		GUEST_EQ(READ_REG(dr1), seed << 12);
		asm volatile("movq %%xmm9, %0" : "=r"(v));
		GUEST_EQ(v, seed);
	}
}

static void *runner(void *arg)
{
	uint64_t s = (uintptr_t)arg + 17;
	struct vcpu *vcpu = guest64(guest);
	struct kvm_run *run = vcpu->run;

	IN_GUEST(vcpu->vm, seed) = s;
	for (;;) {
		vcpu_run(vcpu);
		if (run->exit_reason == KVM_EXIT_MMIO) {
			memcpy(run->mmio.data, &s, 4);
		} else if (run->exit_reason == KVM_EXIT_IO &&
			   run->io.port == 0x70) {
			((uint8_t *)run)[run->io.data_offset] = s;
		} else if (vcpu_is_done(vcpu)) {
			break;
		}
	}
	return NULL;
}

TEST_LIMIT(at_once, 60)
{
	pthread_t t[VMS];

	for (uintptr_t i = 0; i < VMS; i++)
		CHECK(!pthread_create(&t[i], NULL, runner, (void *)i));
	for (int i = 0; i < VMS; i++)
		CHECK(!pthread_join(t[i], NULL));
}

/* Thread of one vCPU may change between runs. */
static void *one_round(void *arg)
{
	vcpu_until_sync(arg);
	return NULL;
}

static void count_guest(void)
{
	for (uint64_t i = 1; i <= 10; i++)
		guest_sync(i);
}

TEST(one_vcpu_many_threads)
{
	struct vcpu *vcpu = guest64(count_guest);
	pthread_t t;

	for (int i = 0; i < 10; i++) {
		CHECK(!pthread_create(&t, NULL, one_round, vcpu));
		CHECK(!pthread_join(t, NULL));
	}
	vcpu_until_done(vcpu);
}

/* Created and destroyed while others run. */
TEST_LIMIT(create_destroy, 60)
{
	pthread_t t;

	CHECK(!pthread_create(&t, NULL, runner, (void *)5));
	for (int i = 0; i < 40; i++) {
		struct vcpu *vcpu = guest64_irqchip(count_guest);
		struct vm *vm = vcpu->vm;

		CHECK_EQ(vcpu_until_sync(vcpu), 1);
		vcpu_close(vcpu);
		vm_close(vm);
	}
	CHECK(!pthread_join(t, NULL));
}
