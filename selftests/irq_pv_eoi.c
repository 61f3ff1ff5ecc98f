// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV EOI: where the host sets the flag, the guest ends its interrupt by clearing
 * it, and everything that looks at the APIC afterwards finds it ended. A host may
 * take the flag back at any moment (at an exit), so what needs it is tried often.
 */
#include "guest.h"
#include "vm.h"

#define MSR_PV_EOI	0x4b564d04
#define FLAG_ADDR	0x7000ul
#define FLAG		(*(volatile uint32_t *)FLAG_ADDR)
#define X2(reg)		(0x800 + ((reg) >> 4))

static volatile uint64_t n, ended, order[16];

static uint32_t bit_of(uint32_t reg, uint32_t vector)
{
	return apic_read(reg + (vector / 32) * 0x10) >> (vector % 32) & 1;
}

/* What Linux does: by the flag if it is set, else by the APIC. */
static bool pv_eoi(void)
{
	bool was;

	asm volatile("lock btrl $0, %0" : "+m"(FLAG), "=@ccc"(was) : : "memory");
	if (!was)
		apic_eoi();
	return was;
}

static void by_flag(struct guest_frame *f)
{
	order[n++ & 15] = f->vector;
	ended += pv_eoi();
}

static void self_ipi(uint32_t vector)
{
	apic_write(APIC_ICR, 0x40000 | vector);
}

static void start(void)
{
	for (int v = 0x30; v < 0x100; v++)
		guest_handlers[v] = by_flag;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	FLAG = 0;	/* the page is there */
	wrmsr(MSR_PV_EOI, FLAG_ADDR | 1);
}

#define OPEN() asm volatile("sti; nop; nop; cli" : : : "memory")

static void simple_guest(void)
{
	start();
	for (unsigned int i = 1; i < 20; i++) {
		self_ipi(0x60);
		OPEN();
		GUEST_EQ(n, i);
	}
	GUEST_CHECK(ended > 10);
	GUEST_EQ(bit_of(APIC_ISR, 0x60), 0);
	GUEST_EQ(apic_read(APIC_PPR), 0);
	/* an end too many ends nothing */
	apic_eoi();
	/* off: by the APIC again */
	wrmsr(MSR_PV_EOI, 0);
	ended = 0;
	self_ipi(0x60);
	OPEN();
	GUEST_EQ(n, 20);
	GUEST_EQ(ended, 0);
	GUEST_EQ(bit_of(APIC_ISR, 0x60), 0);
}

TEST(ends_by_flag)
{
	vcpu_until_done(guest64_irqchip(simple_guest));
}

/* Several wait: only the end of the last may go unseen. */
static void queue_guest(void)
{
	start();
	self_ipi(0x40);
	self_ipi(0x80);
	self_ipi(0x60);
	asm volatile("sti; nop; nop; nop; cli" : : : "memory");
	GUEST_EQ(n, 3);
	GUEST_EQ(order[0], 0x80);
	GUEST_EQ(order[1], 0x60);
	GUEST_EQ(order[2], 0x40);
	GUEST_CHECK(ended <= 1);
	GUEST_EQ(FLAG & 1, 0);
}

TEST(not_with_others_waiting)
{
	vcpu_until_done(guest64_irqchip(queue_guest));
}

/* One of the same class comes while the flag is set: it must wait for the end. */
static void nested(struct guest_frame *f)
{
	order[n++ & 15] = f->vector;
	self_ipi(0x62);
	OPEN();
	GUEST_EQ(n, 1);
	GUEST_EQ(bit_of(APIC_ISR, 0x60), 1);
	GUEST_EQ(FLAG & 1, 0);		/* taken back: the end must be seen */
	GUEST_CHECK(!pv_eoi());
}

static void nested_guest(void)
{
	start();
	guest_handlers[0x60] = nested;
	self_ipi(0x60);
	asm volatile("sti; nop; nop; nop; cli" : : : "memory");
	GUEST_EQ(n, 2);
	GUEST_EQ(order[1], 0x62);
}

TEST(taken_back_for_the_next)
{
	vcpu_until_done(guest64_irqchip(nested_guest));
}

/* A higher one interrupts the handler; each ends its own. */
static void outer(struct guest_frame *f)
{
	order[n++ & 15] = f->vector;
	self_ipi(0x90);
	OPEN();
	GUEST_EQ(n, 2);
	GUEST_EQ(bit_of(APIC_ISR, 0x90), 0);
	GUEST_EQ(bit_of(APIC_ISR, 0x60), 1);
	ended += pv_eoi();
	GUEST_EQ(bit_of(APIC_ISR, 0x60), 0);
}

static void outer_guest(void)
{
	start();
	guest_handlers[0x60] = outer;
	for (unsigned int i = 0; i < 5; i++) {
		n = 0;
		self_ipi(0x60);
		OPEN();
		GUEST_EQ(n, 2);
		GUEST_EQ(apic_read(APIC_PPR), 0);
	}
}

TEST(higher_one_within)
{
	vcpu_until_done(guest64_irqchip(outer_guest));
}

/* Who ends by the APIC all the same ends it once. */
static void by_apic(struct guest_frame *f)
{
	order[n++ & 15] = f->vector;
	ended += FLAG & 1;
	apic_eoi();
	GUEST_EQ(bit_of(APIC_ISR, 0x60), 0);
	GUEST_EQ(FLAG & 1, 0);
}

static void by_apic_guest(void)
{
	start();
	guest_handlers[0x60] = by_apic;
	for (unsigned int i = 1; i < 20; i++) {
		self_ipi(0x60);
		OPEN();
		GUEST_EQ(n, i);
	}
	GUEST_CHECK(ended);
}

TEST(by_apic_all_the_same)
{
	vcpu_until_done(guest64_irqchip(by_apic_guest));
}

/* x2APIC, the timer armed in the handler: what comes next is not missed in HLT. */
static void x2_handler(struct guest_frame *f)
{
	bool was;

	(void)f;
	if (++n < 30)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + (n & 1 ? 1 : 100000));
	asm volatile("lock btrl $0, %0" : "+m"(FLAG), "=@ccc"(was) : : "memory");
	if (!was)
		wrmsr(X2(APIC_EOI), 0);
	ended += was;
}

static void timer_guest(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2(APIC_SVR), APIC_SVR_ENABLE | 0xff);
	guest_handlers[0x60] = x2_handler;
	wrmsr(MSR_PV_EOI, FLAG_ADDR | 1);
	wrmsr(X2(APIC_LVTT), 0x60 | 2 << 17);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 1000);
	while (n < 30)
		asm volatile("sti; hlt; cli" : : : "memory");
	GUEST_EQ(rdmsr(X2(APIC_ISR) + 3), 0);
	GUEST_CHECK(ended);
}

TEST(timer_and_halt)
{
	struct kvm_cpuid2 *c = supported_cpuid();
	struct vcpu *vcpu = guest64_irqchip(timer_guest);

	cpuid_find(c, 1, 0)->ecx |= 1u << 24 | 1u << 21;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	vcpu_until_done(vcpu);
}

/* The VMM sees it ended as well, and a flag that waits is not left to it. */
static volatile uint64_t flagged;

static void stop_in_handler(struct guest_frame *f)
{
	(void)f;
	flagged = FLAG & 1;
	guest_sync(1);
	GUEST_EQ(FLAG & 1, 0);
	GUEST_EQ(bit_of(APIC_ISR, 0x60), 1);
	pv_eoi();
}

static void vmm_guest(void)
{
	start();
	while (!ended && n < 50) {
		self_ipi(0x61);
		OPEN();
	}
	guest_sync(0);
	guest_handlers[0x60] = stop_in_handler;
	for (unsigned int i = 0; i < 50 && !flagged; i++) {
		self_ipi(0x60);
		OPEN();
	}
	GUEST_CHECK(ended && flagged);
	guest_sync(2);
}

TEST(seen_by_the_vmm)
{
	struct vcpu *vcpu = guest64_irqchip(vmm_guest);
	struct kvm_lapic_state s;

	CHECK_EQ(vcpu_until_sync(vcpu), 0);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_LAPIC, &s));
	CHECK_EQ(*(uint32_t *)(s.regs + APIC_ISR + 0x30), 0);
	while (vcpu_until_sync(vcpu) == 1) {
		CHECK_EQ(*(uint32_t *)gpa(vcpu->vm, (void *)FLAG_ADDR) & 1, 0);
		CHECK_OK(IOCTL(vcpu->fd, KVM_GET_LAPIC, &s));
		CHECK_EQ(*(uint32_t *)(s.regs + APIC_ISR + 0x30), 1);
	}
	vcpu_until_done(vcpu);
}

/* The IOAPIC must hear of the end. */
static volatile uint64_t flag_at_irq;

static void level(struct guest_frame *f)
{
	(void)f;
	n++;
	flag_at_irq |= FLAG & 1;
	if (n == 2)
		guest_sync(2);		/* the host lowers the line */
	ended += pv_eoi();
}

static void level_guest(void)
{
	start();
	guest_handlers[0x71] = level;
	mmio_write(IOAPIC_BASE, 0x10 + 2 * 20);
	mmio_write(IOAPIC_BASE + 0x10, 0x71 | 1 << 15);
	guest_sync(1);
	asm volatile("sti; nop; nop; nop; cli" : : : "memory");
	GUEST_EQ(n, 2);
	GUEST_EQ(flag_at_irq, 0);
	GUEST_EQ(ended, 0);
}

TEST(never_of_a_level_interrupt)
{
	struct vcpu *vcpu = guest64_irqchip(level_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	irq_line(vcpu->vm, 20, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	irq_line(vcpu->vm, 20, 0);
	vcpu_until_done(vcpu);
}
