// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_CLOCK, KVM_SET_CLOCK: the VM's kvmclock in nanoseconds. */
#include "vm.h"

static uint64_t clock_of(struct vm *vm)
{
	struct kvm_clock_data c = { 0 };

	CHECK_OK(IOCTL(vm->fd, KVM_GET_CLOCK, &c));
	return c.clock;
}

TEST(it_runs)
{
	struct vm *vm = vm_bare();
	uint64_t a = clock_of(vm), b;

	nap_ms(50);
	b = clock_of(vm);
	CHECK(b - a >= 50000000);
	CHECK(b - a < 5000000000);
}

TEST(it_can_be_set)
{
	struct vm *vm = vm_bare();
	struct kvm_clock_data c = { .clock = 1000000000000000 };
	uint64_t now;

	CHECK_OK(IOCTL(vm->fd, KVM_SET_CLOCK, &c));
	now = clock_of(vm);
	CHECK(now >= c.clock);
	CHECK(now - c.clock < 5000000000);
	c.clock = 1000;
	CHECK_OK(IOCTL(vm->fd, KVM_SET_CLOCK, &c));
	CHECK(clock_of(vm) < 5000000000);
}

TEST(flags)
{
	struct vm *vm = vm_bare();
	struct kvm_clock_data c = { .clock = 1, .flags = 1u << 31 };

	CHECK_ERRNO(IOCTL(vm->fd, KVM_SET_CLOCK, &c), EINVAL);
	CHECK(clock_of(vm) > 1);
}

TEST(bad_pointer)
{
	struct vm *vm = vm_bare();

	CHECK_ERRNO(ioctl(vm->fd, KVM_GET_CLOCK, BAD_PTR), EFAULT);
	CHECK_ERRNO(ioctl(vm->fd, KVM_SET_CLOCK, BAD_PTR), EFAULT);
}
