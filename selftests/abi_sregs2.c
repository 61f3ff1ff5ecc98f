// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_SREGS2, KVM_SET_SREGS2: as SREGS, with PDPTRs and without events. */
#include "guest.h"
#include "vm.h"

static void nothing(void)
{
	guest_sync(0);
}

TEST(agrees_with_sregs)
{
	struct vcpu *vcpu = guest64(nothing);
	struct kvm_sregs2 two = { 0 };
	struct kvm_sregs one;

	get_sregs(vcpu, &one);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_SREGS2, &two));
	CHECK_EQ(one.cr0, two.cr0);
	CHECK_EQ(one.cr3, two.cr3);
	CHECK_EQ(one.cr4, two.cr4);
	CHECK_EQ(one.efer, two.efer);
	CHECK_EQ(one.apic_base, two.apic_base);
	CHECK(!memcmp(&one.cs, &two.cs, sizeof(one.cs)));
	CHECK_EQ(two.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID, 0);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_SREGS2, &two));
	vcpu_until_sync(vcpu);
}

TEST(bad_flags)
{
	struct vcpu *vcpu = guest64(nothing);
	struct kvm_sregs2 s = { 0 };

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_SREGS2, &s));
	s.flags = 1ull << 40;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_SREGS2, &s), EINVAL);
	/* PDPTRs make no sense in long mode. */
	s.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_SREGS2, &s), EINVAL);
	s.flags = 0;
	s.cr4 |= 1ul << 31;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_SREGS2, &s), EINVAL);
	vcpu_until_sync(vcpu);
}
