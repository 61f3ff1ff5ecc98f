// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS. */
#include "vm.h"

TEST(reset_state)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_debugregs d = { 0 };

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_DEBUGREGS, &d));
	CHECK_EQ(d.db[0] | d.db[1] | d.db[2] | d.db[3], 0);
	CHECK_EQ(d.dr6, 0xffff0ff0);
	CHECK_EQ(d.dr7, 0x400);
	CHECK_EQ(d.flags, 0);
}

TEST(round_trip)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_debugregs in = {
		.db = { 0x1000, 0x2000, 0x3000, 0xffff800000000000 },
		.dr6 = 0xffff0ff1, .dr7 = 0x402,
	}, out = { 0 };

	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_DEBUGREGS, &in));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_DEBUGREGS, &out));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(out.db[i], in.db[i]);
	CHECK_EQ(out.dr6, in.dr6);
	CHECK_EQ(out.dr7, in.dr7);
}

TEST(refusals)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_debugregs d = { .dr6 = 0xffff0ff0, .dr7 = 0x400 };

	d.flags = 1;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_DEBUGREGS, &d), EINVAL);
	d.flags = 0;
	d.dr6 = 1ull << 32;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_DEBUGREGS, &d), EINVAL);
	d.dr6 = 0xffff0ff0;
	d.dr7 = 1ull << 32;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_DEBUGREGS, &d), EINVAL);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_DEBUGREGS, &d));
	CHECK_EQ(d.dr7, 0x400);
}
