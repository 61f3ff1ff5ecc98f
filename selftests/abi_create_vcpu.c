// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CREATE_VCPU: identifiers, and what lives how long. */
#include <fcntl.h>

#include "guest.h"
#include "vm.h"

TEST(identifiers)
{
	struct vm *vm = vm_bare();
	int max = dev_cap(vm->fd, KVM_CAP_MAX_VCPU_ID);
	int fd;

	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_CREATE_VCPU, max), EINVAL);
	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_CREATE_VCPU, -1ul), EINVAL);
	fd = CHECK_OK(IOCTL_V(vm->fd, KVM_CREATE_VCPU, 0));
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_CREATE_VCPU, 0), EEXIST);
	/* It exists as long as its VM, not as its descriptor. */
	CHECK_OK(close(fd));
	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_CREATE_VCPU, 0), EEXIST);
}

static void hello(void)
{
	guest_sync(7);
}

/* The vCPU holds the VM: closing the other descriptors stops nothing. */
TEST(vcpu_outlives_vm_fd)
{
	struct vcpu *vcpu = guest64(hello);

	CHECK_OK(close(vcpu->vm->fd));
	CHECK_OK(close(vcpu->vm->dev));
	CHECK_EQ(vcpu_until_sync(vcpu), 7);
	vcpu_until_done(vcpu);
	CHECK_OK(close(vcpu->fd));
	/* The mapping holds it still. */
	CHECK_EQ(vcpu->run->exit_reason, KVM_EXIT_IO);
	CHECK_OK(munmap(vcpu->run, vcpu->run_size));
}
