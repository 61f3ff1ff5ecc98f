// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts between four vCPUs: every way to name the receivers, NMIs, lowest
 * priority. Each must come to exactly those that it names.
 */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define CPUS		4
#define VEC		0x51
#define VEC_END		0xe1
#define LOGICAL		0x800u
#define LOWEST		0x100u
#define NMI		0x400u
#define SELF		0x40000u
#define ALL		0x80000u
#define OTHERS		0xc0000u

static volatile uint64_t got[CPUS], nmis[CPUS], want[CPUS], up, finish;
static volatile bool x2, cluster;

static uint64_t reg_read(uint32_t reg)
{
	return x2 ? rdmsr(0x800 + (reg >> 4)) : apic_read(reg);
}

static void reg_write(uint32_t reg, uint32_t v)
{
	if (x2)
		wrmsr(0x800 + (reg >> 4), v);
	else
		apic_write(reg, v);
}

static unsigned int me(void)
{
	return x2 ? reg_read(APIC_ID) : reg_read(APIC_ID) >> 24;
}

/* TCG may lose the shadow of STI: the HLT is over then. */
static void woken(struct guest_frame *f)
{
	if (*(uint8_t *)f->rip == 0xf4)
		f->rip++;
}

static void irq(struct guest_frame *f)
{
	woken(f);
	if (f->vector == VEC)
		__atomic_add_fetch(&got[me()], 1, __ATOMIC_SEQ_CST);
	reg_write(APIC_EOI, 0);
}

static void nmi(struct guest_frame *f)
{
	woken(f);
	__atomic_add_fetch(&nmis[me()], 1, __ATOMIC_SEQ_CST);
}

static void start(void)
{
	unsigned int id;

	guest_handlers[VEC] = irq;
	guest_handlers[VEC_END] = irq;
	guest_handlers[VEC_NMI] = nmi;
	if (x2)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	reg_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	id = me();
	if (!x2 && cluster) {
		/* two to a cluster: ids 0 and 1, 2 and 3 */
		reg_write(APIC_DFR, 0x0fffffff);
		reg_write(APIC_LDR, (id / 2 << 4 | 1u << id % 2) << 24);
	} else if (!x2) {
		reg_write(APIC_LDR, 1u << (24 + id));
	}
	__atomic_add_fetch(&up, 1, __ATOMIC_SEQ_CST);
}

static void other(void)
{
	start();
	while (!finish)
		asm volatile("sti; hlt; cli" : : : "memory");
}

static void send(uint32_t icr, uint32_t dest)
{
	if (x2) {
		wrmsr(0x830, (uint64_t)dest << 32 | icr | 0x4000);
		return;
	}
	apic_write(APIC_ICR2, dest << 24);
	apic_write(APIC_ICR, icr | 0x4000);
}

static void settle(volatile uint64_t *count)
{
	for (unsigned int i = 0; i < CPUS; i++)
		while (count[i] < want[i])
			asm volatile("sti; nop; pause; cli" : : : "memory");
	for (unsigned int i = 0; i < CPUS; i++)
		GUEST_EQ(count[i], want[i]);
}

/* Comes to those in @mask. */
static void expect(uint32_t icr, uint32_t dest, unsigned int mask)
{
	for (unsigned int i = 0; i < CPUS; i++)
		want[i] += mask >> i & 1;
	send(icr | VEC, dest);
	settle(got);
}

static void expect_nmi(uint32_t icr, uint32_t dest, unsigned int mask)
{
	for (unsigned int i = 0; i < CPUS; i++)
		want[i] = nmis[i] + (mask >> i & 1);
	send(icr | NMI, dest);
	settle(nmis);
}

/* Comes to one of those in @mask, whichever. */
static void expect_one(uint32_t icr, uint32_t dest, unsigned int mask)
{
	uint64_t before = 0, now, outside = 0;

	for (unsigned int i = 0; i < CPUS; i++)
		before += got[i];
	send(icr | VEC, dest);
	do {
		asm volatile("sti; nop; pause; cli" : : : "memory");
		now = 0;
		for (unsigned int i = 0; i < CPUS; i++)
			now += got[i];
	} while (now == before);
	GUEST_EQ(now, before + 1);
	for (unsigned int i = 0; i < CPUS; i++) {
		if (!(mask >> i & 1))
			outside += got[i] - want[i];
		want[i] = got[i];
	}
	GUEST_EQ(outside, 0);
}

static void begin(void)
{
	start();
	while (up < CPUS)
		asm volatile("pause");
}

static void end(void)
{
	/* nothing came late */
	for (unsigned int i = 0; i < CPUS; i++)
		want[i] = got[i];
	expect(ALL, 0, 15);
	finish = 1;
	send(OTHERS | VEC_END, 0);
}

static void common(void)
{
	for (unsigned int i = 0; i < CPUS; i++)
		expect(0, i, 1u << i);
	expect(SELF, 0, 1);
	expect(ALL, 0, 15);
	expect(OTHERS, 0, 14);
	expect_nmi(0, 2, 4);
	expect_nmi(OTHERS, 0, 14);
	for (unsigned int i = 0; i < CPUS; i++)
		want[i] = got[i];
}

static void flat_guest(void)
{
	begin();
	common();
	expect(0, 0xff, 15);
	expect(LOGICAL, 0xff, 15);
	expect(LOGICAL, 0x0a, 10);
	expect(LOGICAL, 0x05, 5);
	expect(LOGICAL, 0xf4, 4);
	for (int i = 0; i < 5; i++)
		expect_one(LOGICAL | LOWEST, 0x0e, 14);
	end();
}

static void cluster_guest(void)
{
	begin();
	common();
	expect(LOGICAL, 0x01, 1);
	expect(LOGICAL, 0x03, 3);
	expect(LOGICAL, 0x12, 8);
	expect(LOGICAL, 0x13, 12);
	expect(LOGICAL, 0xff, 15);
	for (int i = 0; i < 5; i++)
		expect_one(LOGICAL | LOWEST, 0x13, 12);
	end();
}

static void x2_guest(void)
{
	begin();
	common();
	expect(0, 0xffffffff, 15);
	expect(LOGICAL, 0xffffffff, 15);
	expect(LOGICAL, 0x0000000a, 10);
	expect(LOGICAL, 0x0000fff1, 1);
	for (int i = 0; i < 5; i++)
		expect_one(LOGICAL | LOWEST, 0x0000000e, 14);
	end();
}

static void *run_vcpu(void *arg)
{
	vcpu_until_done(arg);
	return NULL;
}

static void run(void (*guest)(void))
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct vcpu *vcpu = guest64_irqchip(guest), *more;
	pthread_t t[CPUS];

	for (unsigned int i = 1; i < CPUS; i++) {
		more = vcpu_new(vcpu->vm, i);
		vcpu_set_cpuid(more);
		CHECK_OK(IOCTL(more->fd, KVM_SET_MP_STATE, &runnable));
		vcpu_mode64(more, other);
		CHECK(!pthread_create(&t[i], NULL, run_vcpu, more));
	}
	vcpu_until_done(vcpu);
	for (unsigned int i = 1; i < CPUS; i++)
		CHECK(!pthread_join(t[i], NULL));
}

TEST_LIMIT(flat, 60)
{
	run(flat_guest);
}

TEST_LIMIT(clusters, 60)
{
	cluster = true;
	run(cluster_guest);
}

TEST_LIMIT(x2apic, 60)
{
	x2 = true;
	run(x2_guest);
}
