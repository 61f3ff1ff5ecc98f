// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_TSS_ADDR, KVM_SET_IDENTITY_MAP_ADDR and the order around them. */
#include "vm.h"

TEST(tss_addr)
{
	struct vm *vm = vm_bare();

	CHECK_OK(IOCTL_V(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000));
	/* Three pages below 4 GiB must fit. */
	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_SET_TSS_ADDR, 0xffffe000), EINVAL);
	/* A VM of its own: KVM on VT-x may have put a slot there already. */
	vm = vm_bare();
	CHECK_OK(IOCTL_V(vm->fd, KVM_SET_TSS_ADDR, 0xffffd000));
}

TEST(identity_map_addr)
{
	struct vm *vm = vm_bare();
	uint64_t addr = 0xfffbc000, zero = 0;

	CHECK_OK(IOCTL(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	CHECK_OK(IOCTL(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &zero));
	CHECK_ERRNO(ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, BAD_PTR), EFAULT);
	vcpu_new(vm, 0);
	CHECK_ERRNO(IOCTL(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr), EINVAL);
}
