// SPDX-License-Identifier: GPL-2.0-only
/*
 * A halted vCPU that slept through one event must not miss the next: the first
 * leaves it asleep, because it is masked, the second has to wake it.
 */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define VEC_LOW		0x51
#define VEC_HIGH	0x71

static volatile uint64_t got, got_low;
static struct vcpu *target;

static void send_msi(uint32_t data)
{
	struct kvm_msi m = { .address_lo = APIC_BASE, .data = data };

	CHECK_EQ(IOCTL(target->vm->fd, KVM_SIGNAL_MSI, &m), 1);
}

/* What the sender sends, one by one, when the vCPU sleeps. */
static uint32_t messages[2];

static void *sender(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		/* Longer than any way to HLT: there is no state to wait for. */
		nap_ms(300);
		if (messages[i])
			send_msi(messages[i]);
	}
	return NULL;
}

static void run_with(struct vcpu *vcpu, uint32_t first, uint32_t second)
{
	pthread_t t;

	target = vcpu;
	messages[0] = first;
	messages[1] = second;
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK(!pthread_create(&t, NULL, sender, NULL));
	vcpu_until_done(vcpu);
	CHECK(!pthread_join(t, NULL));
}

static void handler(struct guest_frame *f)
{
	got++;
	if (f->vector != VEC_NMI)
		apic_eoi();
}

static void low_handler(struct guest_frame *f)
{
	(void)f;
	got_low++;
	apic_eoi();
}

static void start(void)
{
	guest_handlers[VEC_NMI] = handler;
	guest_handlers[VEC_HIGH] = handler;
	guest_handlers[VEC_LOW] = low_handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
}

/* IF is clear: the interrupt waits, the NMI does not. */
static void closed_guest(void)
{
	start();
	guest_sync(1);
	asm volatile("cli; hlt" : : : "memory");
	GUEST_EQ(got, 1);
	GUEST_EQ(got_low, 0);
	asm volatile("sti; nop; cli" : : : "memory");
	GUEST_EQ(got_low, 1);
}

TEST(nmi_after_masked_interrupt)
{
	run_with(guest64_irqchip(closed_guest), VEC_LOW, 0x400);
}

/* The task priority keeps the first out, not the second. */
static void priority_guest(void)
{
	start();
	apic_write(APIC_TPR, 0x60);
	guest_sync(1);
	asm volatile("sti; hlt; cli" : : : "memory");
	GUEST_EQ(got, 1);
	GUEST_EQ(got_low, 0);
	apic_write(APIC_TPR, 0);
	asm volatile("sti; nop; cli" : : : "memory");
	GUEST_EQ(got_low, 1);
}

TEST(interrupt_after_one_below_priority)
{
	run_with(guest64_irqchip(priority_guest), VEC_LOW, VEC_HIGH);
}

/* CR8 and the APIC's task priority are one register, also while halted. */
static void lowered_guest(void)
{
	start();
	apic_write(APIC_TPR, 0x60);
	WRITE_REG(cr8, 0);
	guest_sync(1);
	asm volatile("sti; hlt; cli" : : : "memory");
	GUEST_EQ(got_low, 1);
}

TEST(interrupt_after_cr8_was_lowered)
{
	run_with(guest64_irqchip(lowered_guest), 0, VEC_LOW);
}

static void raised_guest(void)
{
	start();
	WRITE_REG(cr8, 6);
	guest_sync(1);
	asm volatile("sti; hlt; cli" : : : "memory");
	GUEST_EQ(got, 1);
	GUEST_EQ(got_low, 0);
}

TEST(interrupt_below_cr8_wakes_nobody)
{
	run_with(guest64_irqchip(raised_guest), VEC_LOW, VEC_HIGH);
}

static void open_guest(void)
{
	start();
	asm volatile("sti");
	guest_sync(1);
	while (!got)
		asm volatile("pause");
}

/* As after a restore: the VMM writes the state and says that it is halted. */
TEST(interrupt_after_restore_as_halted)
{
	struct kvm_mp_state halted = { .mp_state = KVM_MP_STATE_HALTED };
	struct vcpu *vcpu = guest64_irqchip(open_guest);
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	pthread_t t;

	target = vcpu;
	messages[1] = VEC_HIGH;
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	/* Finishes the OUT that told us. */
	vcpu->run->immediate_exit = 1;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_LAPIC, &lapic));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_LAPIC, &lapic));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_VCPU_EVENTS, &events));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &events));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_MP_STATE, &halted));
	CHECK(!pthread_create(&t, NULL, sender, NULL));
	vcpu_until_done(vcpu);
	CHECK(!pthread_join(t, NULL));
}
