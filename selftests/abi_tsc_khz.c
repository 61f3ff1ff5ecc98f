// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_TSC_KHZ, KVM_SET_TSC_KHZ, KVM_KVMCLOCK_CTRL. */
#include "vm.h"

TEST(frequency)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	long khz = CHECK_OK(IOCTL_V(vcpu->fd, KVM_GET_TSC_KHZ, 0));

	CHECK(khz > 10000 && khz < 20000000);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_SET_TSC_KHZ, khz));
	CHECK_EQ(CHECK_OK(IOCTL_V(vcpu->fd, KVM_GET_TSC_KHZ, 0)), khz);
	/* 0 stands for the CPU's own. */
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_SET_TSC_KHZ, 0));
	CHECK_EQ(CHECK_OK(IOCTL_V(vcpu->fd, KVM_GET_TSC_KHZ, 0)), khz);
}

TEST(slower_needs_scaling)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	long khz = CHECK_OK(IOCTL_V(vcpu->fd, KVM_GET_TSC_KHZ, 0));

	if (dev_cap(vcpu->vm->dev, KVM_CAP_TSC_CONTROL))
		SKIP("this CPU scales");
	CHECK_ERRNO(IOCTL_V(vcpu->fd, KVM_SET_TSC_KHZ, khz / 2), EINVAL);
	if (on_stock_kvm())
		SKIP("KVM 6.1 refuses, and reports the refused value after it");
	CHECK_EQ(CHECK_OK(IOCTL_V(vcpu->fd, KVM_GET_TSC_KHZ, 0)), khz);
}

/* "The VM was paused" makes sense only to a guest that has a kvmclock. */
TEST(kvmclock_ctrl)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	CHECK_ERRNO(IOCTL_V(vcpu->fd, KVM_KVMCLOCK_CTRL, 0), EINVAL);
}
