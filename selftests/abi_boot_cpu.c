// SPDX-License-Identifier: GPL-2.0-only
/* Small VM ioctls: boot CPU, the old PIT calls, reinjection. */
#include "vm.h"

TEST(boot_cpu_id)
{
	struct vm *vm = vm_bare();

	CHECK_OK(IOCTL_V(vm->fd, KVM_SET_BOOT_CPU_ID, 0));
	vcpu_new(vm, 0);
	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_SET_BOOT_CPU_ID, 0), EBUSY);
}

TEST(reinject_control)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_reinject_control c = { .pit_reinject = 1 };
	struct kvm_pit_config pit = { 0 };

	CHECK_ERRNO(ioctl(vm->fd, KVM_REINJECT_CONTROL, &c), ENXIO);
	CHECK_OK(IOCTL(vm->fd, KVM_CREATE_PIT2, &pit));
	CHECK_OK(ioctl(vm->fd, KVM_REINJECT_CONTROL, &c));
	c.pit_reinject = 0;
	CHECK_OK(ioctl(vm->fd, KVM_REINJECT_CONTROL, &c));
	CHECK_ERRNO(ioctl(vm->fd, KVM_REINJECT_CONTROL, BAD_PTR), EFAULT);
}

/* KVM_CREATE_PIT, GET_PIT and SET_PIT: the first form of the PIT2 calls. */
TEST(old_pit)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_pit_state s = { 0 };

	CHECK_ERRNO(IOCTL(vm->fd, KVM_GET_PIT, &s), ENXIO);
	CHECK_OK(IOCTL_V(vm->fd, KVM_CREATE_PIT, 0));
	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_CREATE_PIT, 0), EEXIST);
	CHECK_OK(IOCTL(vm->fd, KVM_GET_PIT, &s));
	s.channels[2].count = 0x4321;
	s.channels[2].mode = 2;
	CHECK_OK(IOCTL(vm->fd, KVM_SET_PIT, &s));
	memset(&s, 0, sizeof(s));
	CHECK_OK(IOCTL(vm->fd, KVM_GET_PIT, &s));
	CHECK_EQ(s.channels[2].count, 0x4321);
}
