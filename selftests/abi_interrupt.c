// SPDX-License-Identifier: GPL-2.0-only
/* KVM_INTERRUPT, KVM_NMI: who may use them, and what they refuse. */
#include "guest.h"
#include "vm.h"

static int inject(struct vcpu *vcpu, uint32_t vector)
{
	struct kvm_interrupt i = { .irq = vector };

	return IOCTL(vcpu->fd, KVM_INTERRUPT, &i);
}

TEST(refusals)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	CHECK_ERRNO(inject(vcpu, 256), EINVAL);
	CHECK_ERRNO(inject(vcpu, -1), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_INTERRUPT, BAD_PTR), EFAULT);
	CHECK_OK(inject(vcpu, 0x30));
}

/* With the PIC in the kernel, userspace has no business here. */
TEST(not_with_irqchip)
{
	CHECK_ERRNO(inject(vcpu_new(vm_new_irqchip(), 0), 0x30), ENXIO);
}

TEST(nmi_is_pending)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_vcpu_events e;

	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	CHECK_EQ(e.nmi.pending, 1);
}
