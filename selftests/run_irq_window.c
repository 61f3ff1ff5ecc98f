// SPDX-License-Identifier: GPL-2.0-only
/* The userspace interrupt controller's protocol: ready, window, KVM_INTERRUPT. */
#include "guest.h"
#include "vm.h"

static volatile uint64_t got, shadow_ok;

static void handler(struct guest_frame *f)
{
	(void)f;
	got++;
	guest_sync(0x50);
}

static void guest(void)
{
	guest_handlers[0x50] = handler;
	guest_sync(1);		/* interrupts are off here */
	guest_sync(2);
	asm volatile("sti; nop; nop");
	guest_sync(3);
	asm volatile("cli");
	GUEST_EQ(got, 1);
}

static void inject(struct vcpu *vcpu, uint32_t vector)
{
	struct kvm_interrupt i = { .irq = vector };

	CHECK_OK(IOCTL(vcpu->fd, KVM_INTERRUPT, &i));
}

TEST(window_opens)
{
	struct vcpu *vcpu = guest64(guest);
	struct kvm_run *run = vcpu->run;

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(run->ready_for_interrupt_injection, 0);
	CHECK_EQ(run->if_flag, 0);
	run->request_interrupt_window = 1;
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	vcpu_expect(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	CHECK_EQ(run->ready_for_interrupt_injection, 1);
	CHECK_EQ(run->if_flag, 1);
	run->request_interrupt_window = 0;
	inject(vcpu, 0x50);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x50);
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
	vcpu_until_done(vcpu);
}

static void two_guest(void)
{
	guest_handlers[0x50] = handler;
	guest_sync(1);
	asm volatile("sti; nop; nop; nop; cli");
	GUEST_EQ(got, 2);
}

/* The window for a second interrupt opens after the first one's handler. */
TEST(window_after_an_injection)
{
	struct vcpu *vcpu = guest64(two_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	vcpu->run->request_interrupt_window = 1;
	vcpu_expect(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	inject(vcpu, 0x50);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x50);
	vcpu_expect(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	vcpu->run->request_interrupt_window = 0;
	inject(vcpu, 0x50);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x50);
	vcpu_until_done(vcpu);
}

/* An injected interrupt is not lost when its delivery faults on the way. */
static void demand_guest(void)
{
	guest_handlers[0x50] = handler;
	asm volatile("sti");
	guest_sync(1);
	for (unsigned int i = 0; !got && i < 1000000; i++)
		asm volatile("pause");
	GUEST_EQ(got, 1);
}

TEST(injection_through_a_page_fault)
{
	struct vcpu *vcpu = guest64(demand_guest);
	uint8_t *idt = gpa(vcpu->vm, (void *)IDT_ADDR);
	uint8_t copy[4096];

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	/* The IDT's page is unmapped and comes back at another frame. */
	memcpy(copy, idt, 4096);
	CHECK_OK(madvise(idt, 4096, MADV_DONTNEED));
	memcpy(idt, copy, 4096);
	inject(vcpu, 0x50);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x50);
	vcpu_until_done(vcpu);
}

/* HLT is left by an injected interrupt. */
static void halt_guest(void)
{
	guest_handlers[0x50] = handler;
	asm volatile("sti; hlt");
	GUEST_EQ(got, 1);
}

TEST(out_of_hlt)
{
	struct vcpu *vcpu = guest64(halt_guest);

	vcpu_expect(vcpu, KVM_EXIT_HLT);
	CHECK_EQ(vcpu->run->ready_for_interrupt_injection, 1);
	inject(vcpu, 0x50);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x50);
	vcpu_until_done(vcpu);
}
