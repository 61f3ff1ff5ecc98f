// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many vCPUs: started by INIT and SIPI, as many as the ABI promises; their TSCs
 * are one.
 */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define START_ADDR	0x9000ul
#define COUNT		(*(volatile uint32_t *)(START_ADDR + 0x800))
#define OTHERS		0xc4000u
#define INIT		0x500u
#define SIPI		(0x600u | START_ADDR >> 12)

static volatile uint32_t n_cpus;

/* lock incw %cs:0x800; cli; hlt, for ever */
static const uint8_t start_code[] = {
	0xf0, 0x2e, 0xff, 0x06, 0x00, 0x08, 0xfa, 0xf4, 0xeb, 0xfd,
};

static void await(uint32_t n)
{
	while (COUNT < n)
		asm volatile("pause");
	/* nobody runs it twice */
	for (volatile unsigned int i = 0; i < 100000; i++)
		;
	GUEST_EQ(COUNT, n);
}

static void boot_guest(void)
{
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	/* without INIT a SIPI starts nobody */
	apic_write(APIC_ICR, OTHERS | INIT);
	apic_write(APIC_ICR, OTHERS | SIPI);
	await(n_cpus - 1);
	apic_write(APIC_ICR, OTHERS | SIPI);
	await(n_cpus - 1);
	/* once more, one by one, out of their HLT */
	for (uint32_t i = 1; i < n_cpus; i++) {
		apic_write(APIC_ICR2, i << 24);
		apic_write(APIC_ICR, 0x4000 | INIT);
		apic_write(APIC_ICR2, i << 24);
		apic_write(APIC_ICR, 0x4000 | SIPI);
	}
	await(2 * (n_cpus - 1));
}

/* Ends with the process. KVM returns EAGAIN once, when it has seen the INIT. */
static void *run_for_ever(void *arg)
{
	while (vcpu_run_raw(arg) < 0 && errno == EAGAIN)
		;
	FAIL("a started vCPU left KVM_RUN");
	return NULL;
}

static void boot(unsigned int n)
{
	struct vcpu *vcpu, *more;
	pthread_t t;

	n_cpus = n;	/* before the guest's copy is made */
	vcpu = guest64_irqchip(boot_guest);
	memcpy(gpa(vcpu->vm, (void *)START_ADDR), start_code, sizeof(start_code));
	for (unsigned int i = 1; i < n; i++) {
		more = vcpu_new(vcpu->vm, i);
		vcpu_set_cpuid(more);
		CHECK(!pthread_create(&t, NULL, run_for_ever, more));
	}
	vcpu_until_done(vcpu);
}

TEST_LIMIT(four_by_init_and_sipi, 60)
{
	boot(4);
}

TEST_LIMIT(sixty_four_by_init_and_sipi, 120)
{
	CHECK(dev_cap(dev_open(), KVM_CAP_MAX_VCPUS) >= 64);
	boot(64);
}

/* ---- one TSC ------------------------------------------------------------------------ */

#define READS	4000

static volatile uint64_t last_tsc, ready;

/* Who read earlier read less: the order is that of the exchanges. */
static void tsc_guest(void)
{
	uint64_t seen, now;

	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (ready < n_cpus)
		asm volatile("pause");
	for (unsigned int i = 0; i < READS; i++) {
		seen = last_tsc;
		asm volatile("lfence" : : : "memory");
		now = rdtsc();
		if (now < seen)
			guest_fail(__FILE__, __LINE__, "backward", seen, now);
		__atomic_compare_exchange_n(&last_tsc, &seen, now, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
}

static void *run_vcpu(void *arg)
{
	vcpu_until_done(arg);
	return NULL;
}

static void no_step_back(bool written)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct vcpu *vcpu[4];
	pthread_t t[4];

	n_cpus = 4;
	vcpu[0] = guest64_irqchip(tsc_guest);
	for (unsigned int i = 1; i < 4; i++) {
		vcpu[i] = vcpu_new(vcpu[0]->vm, i);
		vcpu_set_cpuid(vcpu[i]);
		CHECK_OK(IOCTL(vcpu[i]->fd, KVM_SET_MP_STATE, &runnable));
		vcpu_mode64(vcpu[i], tsc_guest);
	}
	/* as a VMM restores it, the same value one vCPU after the other */
	for (unsigned int i = 0; written && i < 4; i++) {
		CHECK_EQ(try_set_msr(vcpu[i], MSR_TSC, 5000000000000ull), 1);
		nap_ms(5);
	}
	for (unsigned int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, run_vcpu, vcpu[i]));
	for (unsigned int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], NULL));
	CHECK(!written || IN_GUEST(vcpu[0]->vm, last_tsc) > 5000000000000ull);
}

TEST_LIMIT(tsc_as_made, 60)
{
	no_step_back(false);
}

TEST_LIMIT(tsc_as_restored, 60)
{
	no_step_back(true);
}
