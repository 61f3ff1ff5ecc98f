// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CAP_HALT_POLL: with any limit, and with polling off by the guest
 * (MSR_KVM_POLL_CONTROL), short and long waits in HLT end with their interrupt.
 */
#include "guest.h"
#include "vm.h"

#define MSR_POLL	0x4b564d05
#define VEC		0x51
#define ROUNDS		60

static volatile uint64_t got, poll_off;

static void irq(struct guest_frame *f)
{
	/* TCG may lose the shadow of STI: the HLT is over then */
	if (*(uint8_t *)f->rip == 0xf4)
		f->rip++;
	got++;
	apic_eoi();
}

static void guest(void)
{
	guest_handlers[VEC] = irq;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VEC);
	if (poll_off)
		wrmsr(MSR_POLL, 0);
	/* bus clocks, 1 ns each on KVM: from 1 us to 3 ms */
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		apic_write(APIC_TMICT, 1000u << i % 12);
		while (got < i)
			asm volatile("sti; hlt; cli" : : : "memory");
	}
}

static int set_limit(struct vm *vm, uint64_t ns)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_HALT_POLL, .args = { ns } };

	return IOCTL(vm->fd, KVM_ENABLE_CAP, &c);
}

static void with_limit(uint64_t ns)
{
	struct vcpu *vcpu = guest64_irqchip(guest);

	CHECK_OK(set_limit(vcpu->vm, ns));
	vcpu_until_done(vcpu);
	CHECK_EQ(IN_GUEST(vcpu->vm, got), ROUNDS);
}

TEST(no_polling)
{
	with_limit(0);
}

TEST(short_polls)
{
	with_limit(20000);
}

TEST(longer_than_any_wait)
{
	with_limit(1000000000);
}

TEST(off_by_the_guest)
{
	poll_off = 1;
	with_limit(1000000000);
}

TEST(refused)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_enable_cap c = { .cap = KVM_CAP_HALT_POLL, .flags = 1 };

	CHECK_ERRNO(set_limit(vm, 1ull << 32), EINVAL);
	CHECK_ERRNO(IOCTL(vm->fd, KVM_ENABLE_CAP, &c), EINVAL);
}
