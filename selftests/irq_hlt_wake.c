// SPDX-License-Identifier: GPL-2.0-only
/* With the irqchip HLT waits in the kernel; another thread's event ends it. */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

static volatile uint64_t got;

static void handler(struct guest_frame *f)
{
	(void)f;
	got++;
	apic_eoi();
}

static void guest(void)
{
	guest_handlers[0x51] = handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	for (int i = 1; i <= 20; i++) {
		asm volatile("cli" : : : "memory");
		while (got < (uint64_t)i)
			asm volatile("sti; hlt; cli" : : : "memory");
	}
}

static void *sender(void *arg)
{
	struct kvm_msi m = { .address_lo = APIC_BASE, .data = 0x51 };
	struct vcpu *vcpu = arg;
	volatile uint64_t *seen = &IN_GUEST(vcpu->vm, got);

	for (uint64_t i = 0; i < 20; i++) {
		while (*seen < i)
			nap_ms(1);
		nap_ms(i % 3);
		/* Until its APIC is on, the guest takes none. */
		while (IOCTL(vcpu->vm->fd, KVM_SIGNAL_MSI, &m) != 1)
			nap_ms(1);
	}
	return NULL;
}

TEST(interrupt_from_another_thread)
{
	struct vcpu *vcpu = guest64_irqchip(guest);
	pthread_t t;

	CHECK(!pthread_create(&t, NULL, sender, vcpu));
	vcpu_until_done(vcpu);
	CHECK(!pthread_join(t, NULL));
	CHECK_EQ(IN_GUEST(vcpu->vm, got), 20);
}

static void nmi_handler(struct guest_frame *f)
{
	(void)f;
	got++;
}

static void nmi_guest(void)
{
	guest_handlers[VEC_NMI] = nmi_handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	asm volatile("cli; hlt");
	GUEST_CHECK(got);
}

static volatile bool finished;

/* Again and again: the first may come before the guest has halted. */
static void *nmi_sender(void *arg)
{
	struct vcpu *vcpu = arg;
	struct kvm_msi m = { .address_lo = APIC_BASE, .data = 0x400 };

	while (!finished) {
		nap_ms(50);
		CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SIGNAL_MSI, &m));
	}
	return NULL;
}

/* As an MSI with delivery mode NMI: no vCPU ioctl may run meanwhile. */
TEST(nmi_from_another_thread)
{
	struct vcpu *vcpu = guest64_irqchip(nmi_guest);
	pthread_t t;

	CHECK(!pthread_create(&t, NULL, nmi_sender, vcpu));
	vcpu_until_done(vcpu);
	finished = true;
	CHECK(!pthread_join(t, NULL));
}
