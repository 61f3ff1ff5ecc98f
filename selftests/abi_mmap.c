// SPDX-License-Identifier: GPL-2.0-only
/* The mapping of a vCPU: its size, its limits, who may have it. */
#include <sys/wait.h>

#include "vm.h"

TEST(beyond_the_end)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	volatile char *p;
	int status;

	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, vcpu->fd,
		 vcpu->run_size + (1 << 20));
	if (p == MAP_FAILED)
		return;
	/* Accepted lazily: then the access is a bus error. */
	if (!fork()) {
		(void)*p;
		_exit(0);
	}
	CHECK_OK(wait(&status));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

TEST(one_page_for_all_mappings)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_run *again = mmap(NULL, vcpu->run_size,
				     PROT_READ | PROT_WRITE, MAP_SHARED,
				     vcpu->fd, 0);

	CHECK(again != MAP_FAILED);
	again->immediate_exit = 1;
	CHECK_EQ(vcpu->run->immediate_exit, 1);
}

TEST(vm_has_no_mapping)
{
	struct vm *vm = vm_bare();

	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, vm->fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, ENODEV);
}

TEST(fresh_page_is_zero)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	unsigned char *p = (void *)vcpu->run;

	for (unsigned int i = 0; i < sizeof(struct kvm_run); i++)
		CHECK_EQ(p[i], 0);
}
