// SPDX-License-Identifier: GPL-2.0-only
/* KVM_ENABLE_CAP on a VM and on a vCPU refuses what it does not know. */
#include "vm.h"

TEST(vm)
{
	struct vm *vm = vm_bare();
	struct kvm_enable_cap c = { .cap = 9999 };

	CHECK_ERRNO(IOCTL(vm->fd, KVM_ENABLE_CAP, &c), EINVAL);
	c.cap = KVM_CAP_USER_MEMORY;	/* there, but nothing to enable */
	CHECK_ERRNO(IOCTL(vm->fd, KVM_ENABLE_CAP, &c), EINVAL);
	CHECK_ERRNO(ioctl(vm->fd, KVM_ENABLE_CAP, BAD_PTR), EFAULT);
}

TEST(vm_flags)
{
	struct vm *vm = vm_bare();
	struct kvm_enable_cap c = {
		.cap = KVM_CAP_X86_DISABLE_EXITS, .flags = 1,
	};

	CHECK_ERRNO(IOCTL(vm->fd, KVM_ENABLE_CAP, &c), EINVAL);
}

TEST(vcpu)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_enable_cap c = { .cap = 9999 };

	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_ENABLE_CAP, &c), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_ENABLE_CAP, BAD_PTR), EFAULT);
}
