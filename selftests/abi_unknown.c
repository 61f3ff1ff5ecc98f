// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ioctl that a descriptor does not know gives ENOTTY.
 *
 * KVM answers EINVAL instead on the device and on a vCPU; uapi/README.md
 * lists that as a difference.
 */
#include "vm.h"

static int dev_vcpu_errno(void)
{
	return on_stock_kvm() ? EINVAL : ENOTTY;
}

TEST(unknown_number)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	CHECK_ERRNO(ioctl(vcpu->vm->dev, _IO(KVMIO, 0xff), 0), dev_vcpu_errno());
	CHECK_ERRNO(ioctl(vcpu->vm->fd, _IO(KVMIO, 0xff), 0), ENOTTY);
	CHECK_ERRNO(ioctl(vcpu->fd, _IO(KVMIO, 0xff), 0), dev_vcpu_errno());
}

TEST(foreign_magic)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	CHECK_ERRNO(ioctl(vcpu->vm->dev, _IO('T', 0), 0), dev_vcpu_errno());
	CHECK_ERRNO(ioctl(vcpu->vm->fd, _IO('T', 0), 0), ENOTTY);
	CHECK_ERRNO(ioctl(vcpu->fd, _IO('T', 0), 0), dev_vcpu_errno());
}

/* A number with another size is another ioctl. */
TEST(wrong_size)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	char buf[8192] = { 0 };

	CHECK_ERRNO(ioctl(vcpu->vm->dev, _IOWR(KVMIO, 0x05, char), buf),
		    dev_vcpu_errno());
	CHECK_ERRNO(ioctl(vcpu->vm->fd, _IOW(KVMIO, 0x46, char), buf), ENOTTY);
	CHECK_ERRNO(ioctl(vcpu->fd, _IOR(KVMIO, 0x81, char), buf),
		    dev_vcpu_errno());
	CHECK_ERRNO(ioctl(vcpu->fd, _IOR(KVMIO, 0x81, char[4096]), buf),
		    dev_vcpu_errno());
}

TEST(wrong_descriptor)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_regs r;

	CHECK_ERRNO(IOCTL_V(vcpu->vm->dev, KVM_RUN, 0), dev_vcpu_errno());
	CHECK_ERRNO(IOCTL_V(vcpu->vm->dev, KVM_CREATE_VCPU, 0),
		    dev_vcpu_errno());
	CHECK_ERRNO(IOCTL_V(vcpu->vm->fd, KVM_RUN, 0), ENOTTY);
	CHECK_ERRNO(IOCTL(vcpu->vm->fd, KVM_GET_REGS, &r), ENOTTY);
	CHECK_ERRNO(IOCTL_V(vcpu->vm->fd, KVM_CREATE_VM, 0), ENOTTY);
	CHECK_ERRNO(IOCTL_V(vcpu->fd, KVM_CREATE_VM, 0), dev_vcpu_errno());
	CHECK_ERRNO(IOCTL_V(vcpu->fd, KVM_CREATE_IRQCHIP, 0), dev_vcpu_errno());
}
