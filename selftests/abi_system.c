// SPDX-License-Identifier: GPL-2.0-only
/* System ioctls that take no structure, and what they refuse. */
#include <fcntl.h>

#include "vm.h"

TEST(api_version)
{
	int fd = dev_open();

	CHECK_EQ(CHECK_OK(IOCTL_V(fd, KVM_GET_API_VERSION, 0)), 12);
	CHECK_ERRNO(IOCTL_V(fd, KVM_GET_API_VERSION, 1), EINVAL);
}

TEST(vcpu_mmap_size)
{
	int fd = dev_open();
	long size = CHECK_OK(IOCTL_V(fd, KVM_GET_VCPU_MMAP_SIZE, 0));

	CHECK(size >= (long)sizeof(struct kvm_run));
	CHECK_EQ(size % 4096, 0);
	CHECK_ERRNO(IOCTL_V(fd, KVM_GET_VCPU_MMAP_SIZE, 1), EINVAL);
}

TEST(create_vm)
{
	int fd = dev_open();
	int a = CHECK_OK(IOCTL_V(fd, KVM_CREATE_VM, 0));
	int b = CHECK_OK(IOCTL_V(fd, KVM_CREATE_VM, 0));

	CHECK(fcntl(a, F_GETFD) & FD_CLOEXEC);
	CHECK(a != b);
	CHECK_OK(close(a));
	CHECK_OK(close(fd));
	/* A VM outlives the descriptor it was made from. */
	CHECK(dev_cap(b, KVM_CAP_USER_MEMORY) > 0);
}

TEST(create_vm_bad_type)
{
	int fd = dev_open();

	CHECK_ERRNO(IOCTL_V(fd, KVM_CREATE_VM, 1), EINVAL);
	CHECK_ERRNO(IOCTL_V(fd, KVM_CREATE_VM, 1ul << 40), EINVAL);
	CHECK_ERRNO(IOCTL_V(fd, KVM_CREATE_VM, -1ul), EINVAL);
}

/* The device takes no read, write or mmap. */
TEST(no_other_operations)
{
	int fd = dev_open();
	char byte = 0;

	CHECK_ERRNO(read(fd, &byte, 1), EINVAL);
	CHECK_ERRNO(write(fd, &byte, 1), EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, ENODEV);
}
