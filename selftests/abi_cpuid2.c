// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_CPUID2, KVM_GET_CPUID2: limits, and frozen once the vCPU ran. */
#include "guest.h"
#include "vm.h"

TEST(get_returns_what_was_set)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_cpuid2 *c = supported_cpuid(), *d = supported_cpuid();

	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	memset(d->entries, 0, d->nent * sizeof(d->entries[0]));
	d->nent = 256;
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_CPUID2, d));
	/* KVM before 6.9 leaves the count alone. */
	if (!on_stock_kvm())
		CHECK_EQ(c->nent, d->nent);
	for (unsigned int i = 0; i < c->nent; i++) {
		CHECK_EQ(c->entries[i].function, d->entries[i].function);
		CHECK_EQ(c->entries[i].eax, d->entries[i].eax);
		/* Leaf 0xd EBX is recomputed from XCR0 */
		if (c->entries[i].function != 0xd)
			CHECK_EQ(c->entries[i].ebx, d->entries[i].ebx);
	}
}

TEST(get_too_small)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_cpuid2 *c = supported_cpuid();
	unsigned int n = c->nent;

	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	c->nent = n - 1;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_GET_CPUID2, c), E2BIG);
}

TEST(set_too_many)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_cpuid2 c = { .nent = 100000 };

	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_CPUID2, &c), E2BIG);
}

TEST(set_none)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_cpuid2 c = { .nent = 0 };

	vcpu_set_cpuid(vcpu);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, &c));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_CPUID2, &c));
	CHECK_EQ(c.nent, 0);
}

/* Only widths the CPU can mean are taken. */
TEST(virtual_width)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_cpuid2 *c = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x80000008, 0);

	CHECK(e);
	e->eax = (e->eax & ~0xff00u) | 33 << 8;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_CPUID2, c), EINVAL);
}

static void nothing(void)
{
	guest_sync(0);
}

/* After KVM_RUN the same table is accepted, another is not. */
TEST(frozen_after_run)
{
	struct vcpu *vcpu = guest64(nothing);
	struct kvm_cpuid2 *c = supported_cpuid();
	unsigned int n = c->nent;

	vcpu_until_sync(vcpu);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_CPUID2, c));
	c->nent = n;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	cpuid_find(c, 0, 0)->ebx ^= 1;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_CPUID2, c), EINVAL);
	vcpu_until_done(vcpu);
}
