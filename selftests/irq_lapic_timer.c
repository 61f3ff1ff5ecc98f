// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC's timer: one-shot, periodic, TSC-deadline, masked, stopped. */
#include "guest.h"
#include "vm.h"

#define VEC 0xec
#define PERIODIC (1u << 17)
#define DEADLINE (2u << 17)

static volatile uint64_t ticks;

static void tick(struct guest_frame *f)
{
	(void)f;
	ticks++;
	apic_eoi();
}

static void apic_on(void)
{
	guest_handlers[VEC] = tick;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	apic_write(APIC_TDCR, 0xb);	/* divide by 1 */
}

/* Halt until @n ticks were seen. A missing tick is the case's time limit. */
static void wait_ticks(uint64_t n)
{
	for (;;) {
		asm volatile("cli" : : : "memory");
		if (ticks >= n)
			break;
		asm volatile("sti; hlt" : : : "memory");
	}
	asm volatile("sti");
}

static void one_shot(void)
{
	apic_on();
	apic_write(APIC_LVTT, VEC);
	apic_write(APIC_TMICT, 1000000);
	GUEST_CHECK(apic_read(APIC_TMCCT) <= 1000000);
	wait_ticks(1);
	GUEST_EQ(apic_read(APIC_TMCCT), 0);
	guest_sync(1);			/* the host waits a while */
	GUEST_EQ(ticks, 1);
}

TEST(one_shot_fires_once)
{
	struct vcpu *vcpu = guest64_irqchip(one_shot);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	nap_ms(50);
	vcpu_until_done(vcpu);
}

static void periodic(void)
{
	apic_on();
	apic_write(APIC_LVTT, VEC | PERIODIC);
	apic_write(APIC_TMICT, 2000000);	/* 2 ms at KVM's 1 GHz */
	wait_ticks(10);
	apic_write(APIC_TMICT, 0);		/* stops it */
	asm volatile("cli" : : : "memory");
	asm volatile("sti; nop" : : : "memory");
	ticks = 0;
	guest_sync(1);
	GUEST_EQ(ticks, 0);
}

TEST(periodic_goes_on)
{
	struct vcpu *vcpu = guest64_irqchip(periodic);
	uint64_t start = now_ms();

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	/* Ten periods of 2 ms take no less than that. */
	CHECK(now_ms() - start >= 18);
	nap_ms(20);
	vcpu_until_done(vcpu);
}

static void deadline(void)
{
	uint64_t when;

	apic_on();
	apic_write(APIC_LVTT, VEC | DEADLINE);
	asm volatile("mfence");
	when = rdtsc() + 3000000;
	wrmsr(MSR_TSC_DEADLINE, when);
	wait_ticks(1);
	GUEST_CHECK(rdtsc() >= when);
	GUEST_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	/* One that has passed fires at once; 0 disarms. */
	wrmsr(MSR_TSC_DEADLINE, 1);
	wait_ticks(2);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 50000000);
	wrmsr(MSR_TSC_DEADLINE, 0);
	guest_sync(1);
	GUEST_EQ(ticks, 2);
}

TEST(tsc_deadline)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);
	struct kvm_cpuid2 *c = supported_cpuid();

	/* The bit follows the capability, not KVM_GET_SUPPORTED_CPUID. */
	CHECK(dev_cap(vcpu->vm->fd, KVM_CAP_TSC_DEADLINE_TIMER));
	cpuid_find(c, 1, 0)->ecx |= 1u << 24;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	vcpu_mode64(vcpu, deadline);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	nap_ms(60);
	vcpu_until_done(vcpu);
}

static void masked(void)
{
	apic_on();
	apic_write(APIC_LVTT, VEC | APIC_LVT_MASKED);
	apic_write(APIC_TMICT, 1000);
	asm volatile("sti");
	guest_sync(1);
	asm volatile("nop");
	GUEST_EQ(ticks, 0);
	/* Unmasked later, the past does not come back. */
	apic_write(APIC_LVTT, VEC);
	guest_sync(2);
	GUEST_EQ(ticks, 0);
}

TEST(masked_is_silent)
{
	struct vcpu *vcpu = guest64_irqchip(masked);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	nap_ms(10);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	nap_ms(10);
	if (on_stock_kvm())
		SKIP("KVM keeps a masked tick and delivers it when unmasked");
	vcpu_until_done(vcpu);
}

static void counting(void)
{
	uint32_t a, b;

	apic_on();
	apic_write(APIC_LVTT, VEC | APIC_LVT_MASKED);
	apic_write(APIC_TMICT, 0xffffffff);
	a = apic_read(APIC_TMCCT);
	guest_sync(1);
	b = apic_read(APIC_TMCCT);
	/* 20 ms passed outside: at 1 GHz undivided that is 20 million. */
	GUEST_CHECK(a - b >= 19000000);
	apic_write(APIC_TDCR, 0xa);	/* by 128 */
	apic_write(APIC_TMICT, 0xffffffff);
	guest_sync(2);
	a = 0xffffffff;
	a -= apic_read(APIC_TMCCT);
	GUEST_CHECK(a >= 19000000 / 128);
	GUEST_CHECK(a < 10000000000ul / 128);
}

TEST(counter)
{
	struct vcpu *vcpu = guest64_irqchip(counting);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	nap_ms(20);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	nap_ms(20);
	vcpu_until_done(vcpu);
}

/* A guest that loops, and never exits by itself, is interrupted all the same. */
static void busy(void)
{
	apic_on();
	apic_write(APIC_LVTT, VEC | PERIODIC);
	apic_write(APIC_TMICT, 2000000);
	asm volatile("sti");
	while (ticks < 5)
		asm volatile("pause");
	asm volatile("cli");
}

TEST(reaches_a_busy_guest)
{
	vcpu_until_done(guest64_irqchip(busy));
}
