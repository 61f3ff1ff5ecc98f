// SPDX-License-Identifier: GPL-2.0-only
/* Machine-check banks: KVM_X86_GET_MCE_CAP_SUPPORTED, KVM_X86_SETUP_MCE. */
#include "guest.h"
#include "vm.h"

#define MCG_CTL_P	(1ull << 8)
#define MC0_CTL		0x400

static uint64_t supported(void)
{
	uint64_t cap = 0;

	need_cap(KVM_CAP_MCE, "MCE");
	CHECK_OK(IOCTL(dev_open(), KVM_X86_GET_MCE_CAP_SUPPORTED, &cap));
	return cap;
}

TEST(banks)
{
	uint64_t cap = supported(), want = 10 | (cap & MCG_CTL_P);
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	CHECK_EQ(dev_cap(vcpu->vm->dev, KVM_CAP_MCE), 32);
	CHECK_OK(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &want));
	CHECK_EQ(get_msr(vcpu, MSR_MCG_CAP), want);
	CHECK_EQ(get_msr(vcpu, MC0_CTL), ~0ull);
	CHECK_EQ(try_set_msr(vcpu, MC0_CTL + 4 * 9, 0), 1);
	CHECK_EQ(try_set_msr(vcpu, MC0_CTL + 4 * 10, 0), 0);
}

TEST(refusals)
{
	uint64_t cap = supported(), v;
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	v = 0;			/* no bank */
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &v), EINVAL);
	v = 33;			/* too many */
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &v), EINVAL);
	v = 10 | (~cap & 1ull << 40);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &v), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_X86_SETUP_MCE, BAD_PTR), EFAULT);
}

static void guest(void)
{
	GUEST_EQ(rdmsr(MSR_MCG_CAP) & 0xff, 4);
	wrmsr(MC0_CTL, ~0ull);
	/* A status can only be cleared. */
	wrmsr(MC0_CTL + 1, 0);
	GUEST_EQ(rdmsr(MC0_CTL + 1), 0);
	GUEST_EQ(GUEST_TRY("rdmsr", : : "c"(MC0_CTL + 4 * 4) : "rax", "rdx"),
		 VEC_GP);
	GUEST_EQ(GUEST_TRY("wrmsr", : : "c"(MSR_MCG_CAP), "a"(5), "d"(0)),
		 VEC_GP);
}

TEST(from_inside)
{
	uint64_t cap = 4;
	struct vcpu *vcpu;

	supported();
	vcpu = guest64(guest);
	CHECK_OK(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &cap));
	vcpu_until_done(vcpu);
}
