// SPDX-License-Identifier: GPL-2.0-only
/* KVM_TRANSLATE walks the guest's own page tables. */
#include "guest.h"
#include "vm.h"

static void nothing(void)
{
	guest_sync(0);
}

static struct kvm_translation walk(struct vcpu *vcpu, uint64_t linear)
{
	struct kvm_translation t = { .linear_address = linear };

	CHECK_OK(IOCTL(vcpu->fd, KVM_TRANSLATE, &t));
	return t;
}

TEST(long_mode)
{
	struct vcpu *vcpu = guest64(nothing);
	uint64_t *pd = gpa(vcpu->vm, (void *)(PGD_ADDR + 0x2000));

	CHECK(walk(vcpu, 0x401234).valid);
	CHECK_EQ(walk(vcpu, 0x401234).physical_address, 0x401234);
	pd[5] = 0x800000 | PTE_P | PTE_PS;	/* 10 MiB -> 8 MiB */
	CHECK_EQ(walk(vcpu, 0xa12345).physical_address, 0x812345);
	pd[5] = 0;
	CHECK_EQ(walk(vcpu, 0xa12345).valid, 0);
	CHECK_EQ(walk(vcpu, 1ull << 45).valid, 0);
}

TEST(no_paging)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	CHECK(walk(vcpu, 0x123456).valid);
	CHECK_EQ(walk(vcpu, 0x123456).physical_address, 0x123456);
}
