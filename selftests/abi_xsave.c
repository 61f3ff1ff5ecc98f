// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_XSAVE, XSAVE2, SET_XSAVE, GET_XCRS, SET_XCRS. */
#include "guest.h"
#include "vm.h"

/* Offsets in the standard XSAVE format. */
#define XSTATE_BV	512
#define XSAVE_HDR_END	576

static struct vcpu *vcpu_with_cpuid(void)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	vcpu_set_cpuid(vcpu);
	return vcpu;
}

TEST(xsave_round_trip)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	struct kvm_xsave *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	uint8_t *x = (uint8_t *)a->region;

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XSAVE, a));
	memset(x + 160, 0x5a, 256);			/* XMM0..15 */
	*(uint64_t *)(x + XSTATE_BV) |= 3;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_XSAVE, a));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XSAVE, b));
	CHECK(!memcmp(x + 160, (uint8_t *)b->region + 160, 256));
	CHECK((*(uint64_t *)((uint8_t *)b->region + XSTATE_BV) & 2) == 2);
}

TEST(xsave2_is_the_same)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	int size = dev_cap(vcpu->vm->fd, KVM_CAP_XSAVE2);
	struct kvm_xsave *a = calloc(1, 4096), *b;

	CHECK(size >= 4096);
	b = calloc(1, size);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XSAVE, a));
	CHECK_OK(ioctl(vcpu->fd, KVM_GET_XSAVE2, b));
	CHECK(!memcmp(a, b, 4096));
}

TEST(refuses_what_the_cpu_lacks)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	struct kvm_xsave *a = calloc(1, sizeof(*a));
	uint8_t *x = (uint8_t *)a->region;

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XSAVE, a));
	*(uint64_t *)(x + XSTATE_BV) |= 1ull << 62;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_XSAVE, a), EINVAL);
}

TEST(refuses_bad_mxcsr)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	struct kvm_xsave *a = calloc(1, sizeof(*a));
	uint8_t *x = (uint8_t *)a->region;

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XSAVE, a));
	*(uint32_t *)(x + 24) = 0xffffffff;
	*(uint64_t *)(x + XSTATE_BV) |= 3;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_XSAVE, a), EINVAL);
}

TEST(xcrs_where_there_is_xsave)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	bool xsave = cpuid_find(supported_cpuid(), 0xd, 0);

	CHECK_EQ(dev_cap(vcpu->vm->dev, KVM_CAP_XCRS), xsave);
	CHECK_EQ(dev_cap(vcpu->vm->fd, KVM_CAP_XCRS), xsave);
}

TEST(xcr0)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(supported_cpuid(), 0xd, 0);
	struct kvm_xcrs x = { 0 };

	if (!e)
		SKIP("no XSAVE here");
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XCRS, &x));
	CHECK_EQ(x.nr_xcrs, 1);
	CHECK_EQ(x.xcrs[0].xcr, 0);
	CHECK_EQ(x.xcrs[0].value, 1);
	x.xcrs[0].value = e->eax & 7;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_XCRS, &x));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XCRS, &x));
	CHECK_EQ(x.xcrs[0].value, e->eax & 7);
}

static void refuse_xcr0(struct vcpu *vcpu, uint64_t value)
{
	struct kvm_xcrs x = { .nr_xcrs = 1 };

	x.xcrs[0].value = value;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_XCRS, &x), EINVAL);
}

TEST(xcr0_refusals)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	struct kvm_xcrs x = { .nr_xcrs = 99 };

	if (!cpuid_find(supported_cpuid(), 0xd, 0))
		SKIP("no XSAVE here");
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_XCRS, &x), EINVAL);
	x = (struct kvm_xcrs){ .nr_xcrs = 1, .flags = 1 };
	x.xcrs[0].value = 1;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_XCRS, &x), EINVAL);
	refuse_xcr0(vcpu, 0);		/* x87 is not optional */
	refuse_xcr0(vcpu, 2);
	refuse_xcr0(vcpu, 5);		/* AVX without SSE */
	refuse_xcr0(vcpu, 1ull << 62 | 1);
}
