// SPDX-License-Identifier: GPL-2.0-only
/* KVM_IRQFD: refusals, and an eventfd that interrupts the guest. */
#include <sys/eventfd.h>

#include "guest.h"
#include "vm.h"

static int irqfd(struct vm *vm, int fd, uint32_t gsi, uint32_t flags)
{
	struct kvm_irqfd f = { .fd = fd, .gsi = gsi, .flags = flags };

	return IOCTL(vm->fd, KVM_IRQFD, &f);
}

TEST(refusals)
{
	struct vm *vm;
	int fd = CHECK_OK(eventfd(0, 0));

	need_cap(KVM_CAP_IRQFD, "IRQFD");
	CHECK_ERRNO(irqfd(vm_bare(), fd, 1, 0), EINVAL);
	vm = vm_new_irqchip();
	CHECK_ERRNO(irqfd(vm, fd, 1, 1u << 20), EINVAL);
	CHECK_ERRNO(irqfd(vm, 999, 1, 0), EBADF);
	CHECK_ERRNO(irqfd(vm, vm->dev, 1, 0), EINVAL);
	CHECK_OK(irqfd(vm, fd, 1, 0));
	CHECK_ERRNO(irqfd(vm, fd, 2, 0), EBUSY);
	CHECK_OK(irqfd(vm, fd, 1, KVM_IRQFD_FLAG_DEASSIGN));
	CHECK_OK(irqfd(vm, fd, 2, 0));
}

static volatile int got;

static void handler(struct guest_frame *f)
{
	(void)f;
	got++;
	apic_eoi();
}

static void wait_guest(void)
{
	guest_handlers[0x50] = handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	guest_sync(1);
	asm volatile("sti; hlt; cli");
	GUEST_EQ(got, 1);
}

TEST(interrupts)
{
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e;
	} t = {
		.h.nr = 1,
		.e = { .gsi = 30, .type = KVM_IRQ_ROUTING_MSI,
		       .u.msi = { .address_lo = APIC_BASE, .data = 0x50 } },
	};
	int fd = CHECK_OK(eventfd(0, 0));
	uint64_t one = 1;
	struct vcpu *vcpu;

	need_cap(KVM_CAP_IRQFD, "IRQFD");
	vcpu = guest64_irqchip(wait_guest);
	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SET_GSI_ROUTING, &t.h));
	CHECK_OK(irqfd(vcpu->vm, fd, 30, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(write(fd, &one, 8));
	vcpu_until_done(vcpu);
}
