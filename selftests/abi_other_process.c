// SPDX-License-Identifier: GPL-2.0-only
/* A VM belongs to the address space that made it: EIO from any other. */
#include <sys/wait.h>

#include "guest.h"
#include "vm.h"

static void hello(void)
{
	guest_sync(1);
}

static void in_child(struct vcpu *vcpu)
{
	struct kvm_regs r;

	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_GET_REGS, &r), EIO);
	CHECK_ERRNO(vcpu_run_raw(vcpu), EIO);
	CHECK_ERRNO(IOCTL_V(vcpu->vm->fd, KVM_CREATE_VCPU, 1), EIO);
	CHECK_ERRNO(vm_slot(vcpu->vm, 5, 0, 1ul << 30, 4096, pages(4096)), EIO);
	/* The device itself is for everyone. */
	CHECK_OK(IOCTL_V(vcpu->vm->dev, KVM_GET_API_VERSION, 0));
	_exit(0);
}

TEST(refused_after_fork)
{
	struct vcpu *vcpu = guest64(hello);
	int status;
	pid_t pid = CHECK_OK(fork());

	if (!pid)
		in_child(vcpu);
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* The owner is not disturbed. */
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	vcpu_until_done(vcpu);
}

/* The owner is gone, a child still holds the descriptors: no crash, EIO. */
TEST(owner_is_gone)
{
	int ready[2], done[2], status;
	char byte;
	pid_t pid;

	CHECK_OK(pipe(ready));
	CHECK_OK(pipe(done));
	pid = CHECK_OK(fork());
	if (!pid) {
		struct vcpu *vcpu = guest64(hello);

		vcpu_until_sync(vcpu);
		if (!fork()) {
			CHECK_OK(read(ready[0], &byte, 1));
			CHECK_ERRNO(vcpu_run_raw(vcpu), EIO);
			CHECK_OK(write(done[1], "k", 1));
			_exit(0);
		}
		_exit(0);
	}
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
	CHECK_OK(close(done[1]));
	CHECK_OK(write(ready[1], "g", 1));
	CHECK_EQ(CHECK_OK(read(done[0], &byte, 1)), 1);
}
