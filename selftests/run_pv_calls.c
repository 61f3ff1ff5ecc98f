// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypercalls of a Linux guest with several CPUs: KVM_HC_SEND_IPI,
 * KVM_HC_KICK_CPU, KVM_HC_SCHED_YIELD; gone with their bits in CPUID.
 */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define HC_KICK		5
#define HC_SEND_IPI	10
#define HC_YIELD	11
#define ENOSYS_KVM	-1000
#define VEC		0x51
#define CPUS		3
#define PV_LEAF		0x40000001
#define NO_CALLS	(1u << 7 | 1u << 11 | 1u << 13)

static int64_t call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	int64_t r = nr;

	asm volatile("vmmcall" : "+a"(r) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return r;
}

static volatile uint64_t got[CPUS], nmis[CPUS], up, finish, halted, awake;

static unsigned int me(void)
{
	return apic_read(APIC_ID) >> 24;
}

static void irq(struct guest_frame *f)
{
	(void)f;
	got[me()]++;
	apic_eoi();
}

static void nmi(struct guest_frame *f)
{
	(void)f;
	nmis[me()]++;
}

static void start(void)
{
	guest_handlers[VEC] = irq;
	guest_handlers[VEC_NMI] = nmi;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	__atomic_add_fetch(&up, 1, __ATOMIC_SEQ_CST);
}

static void other(void)
{
	start();
	while (!finish)
		asm volatile("sti; nop; pause; cli" : : : "memory");
}

static void await(volatile uint64_t *p, uint64_t want)
{
	while (*p != want)
		asm volatile("pause");
}

static void ipi_guest(void)
{
	start();
	await(&up, CPUS);
	/* ids 1 and 2, by the low word, from 0 and from 1, by the high word */
	GUEST_EQ(call(HC_SEND_IPI, 6, 0, 0, VEC), 2);
	await(&got[1], 1);
	await(&got[2], 1);
	GUEST_EQ(call(HC_SEND_IPI, 2, 0, 1, VEC), 1);
	await(&got[2], 2);
	GUEST_EQ(call(HC_SEND_IPI, 0, 1, CPUS, VEC), 0);
	GUEST_EQ(call(HC_SEND_IPI, 0, 0, 0, VEC), 0);
	/* nobody there, as far as the words reach and beyond */
	GUEST_EQ(call(HC_SEND_IPI, ~7ul, ~0ul, 0, VEC), 0);
	GUEST_EQ(call(HC_SEND_IPI, ~0ul, ~0ul, CPUS, VEC), 0);
	GUEST_EQ(call(HC_SEND_IPI, ~0ul, ~0ul, 0x7fffff00, VEC), 0);
	GUEST_EQ(call(HC_SEND_IPI, 6, 0, 0, 0x400), 2);
	await(&nmis[1], 1);
	await(&nmis[2], 1);
	/* to itself */
	GUEST_EQ(call(HC_SEND_IPI, 1, 0, 0, VEC), 1);
	GUEST_EQ(got[0], 0);
	asm volatile("sti; nop; nop; cli" : : : "memory");
	GUEST_EQ(got[0], 1);
	/* a shorthand, a logical destination: EINVAL */
	GUEST_EQ(call(HC_SEND_IPI, 6, 0, 0, 0x40000 | VEC), -22);
	GUEST_EQ(call(HC_SEND_IPI, 6, 0, 0, 0x800 | VEC), -22);
	GUEST_EQ(got[1], 1);
	GUEST_EQ(got[2], 2);
	finish = 1;
}

/* ---- kick ------------------------------------------------------------------------- */

static void sleeper(void)
{
	start();
	/* interrupts off: nothing but a kick ends it */
	for (unsigned int i = 1; i <= 50; i++) {
		halted = i;
		asm volatile("hlt" : : : "memory");
		awake = i;
		while (halted == i && !finish)
			asm volatile("pause");
		if (finish)
			break;
	}
}

static void kick_guest(void)
{
	start();
	await(&up, 2);
	/* at any time before or in its HLT: one that comes too early is kept */
	for (unsigned int i = 1; i <= 50; i++) {
		await(&halted, i);
		for (volatile unsigned int d = 0; d < i * 200; d++)
			;
		GUEST_EQ(call(HC_KICK, 0, 1, 0, 0), 0);
		await(&awake, i);
		if (i == 50)
			finish = 1;
		halted = 0;
	}
	/* nobody */
	GUEST_EQ(call(HC_KICK, 0, 77, 0, 0), 0);
}

/* ---- yield ------------------------------------------------------------------------ */

static void yield_guest(void)
{
	start();
	await(&up, 2);
	for (unsigned int i = 0; i < 200; i++)
		GUEST_EQ(call(HC_YIELD, 1, 0, 0, 0), 0);
	GUEST_EQ(call(HC_YIELD, 0, 0, 0, 0), 0);
	GUEST_EQ(call(HC_YIELD, 1000, 0, 0, 0), 0);
	finish = 1;
}

/* ---- the host --------------------------------------------------------------------- */

static void *run_vcpu(void *arg)
{
	vcpu_until_done(arg);
	return NULL;
}

static void run_all(unsigned int n, void (*first)(void), void (*others)(void))
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct vcpu *vcpu = guest64_irqchip(first), *more[CPUS];
	pthread_t t[CPUS];

	for (unsigned int i = 1; i < n; i++) {
		more[i] = vcpu_new(vcpu->vm, i);
		vcpu_set_cpuid(more[i]);
		CHECK_OK(IOCTL(more[i]->fd, KVM_SET_MP_STATE, &runnable));
		vcpu_mode64(more[i], others);
		CHECK(!pthread_create(&t[i], NULL, run_vcpu, more[i]));
	}
	vcpu_until_done(vcpu);
	for (unsigned int i = 1; i < n; i++)
		CHECK(!pthread_join(t[i], NULL));
}

TEST_LIMIT(send_ipi, 60)
{
	run_all(CPUS, ipi_guest, other);
}

TEST_LIMIT(kick_cpu, 60)
{
	run_all(2, kick_guest, sleeper);
}

TEST_LIMIT(sched_yield, 60)
{
	run_all(2, yield_guest, other);
}

static void none_guest(void)
{
	GUEST_EQ(call(HC_SEND_IPI, 1, 0, 0, VEC), ENOSYS_KVM);
	GUEST_EQ(call(HC_KICK, 0, 0, 0, 0), ENOSYS_KVM);
	GUEST_EQ(call(HC_YIELD, 0, 0, 0, 0), ENOSYS_KVM);
	GUEST_EQ(call(1, 0, 0, 0, 0), 0);
}

TEST(gone_with_their_bits)
{
	struct kvm_enable_cap e = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 },
	};
	struct vcpu *vcpu = guest64_irqchip(none_guest);
	struct kvm_cpuid2 *c = supported_cpuid();

	cpuid_find(c, PV_LEAF, 0)->eax &= ~NO_CALLS;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	CHECK_OK(IOCTL(vcpu->fd, KVM_ENABLE_CAP, &e));
	vcpu_until_done(vcpu);
}
