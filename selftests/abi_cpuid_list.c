// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_SUPPORTED_CPUID and KVM_GET_EMULATED_CPUID: limits and contents. */
#include "vm.h"

static struct kvm_cpuid2 *table(unsigned int nent)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) +
					 256 * sizeof(c->entries[0]));

	c->nent = nent;
	return c;
}

TEST(too_small_gives_e2big)
{
	struct kvm_cpuid2 *c = table(1);
	int fd = dev_open();

	CHECK_ERRNO(IOCTL(fd, KVM_GET_SUPPORTED_CPUID, c), E2BIG);
	c->nent = 0;
	CHECK_ERRNO(IOCTL(fd, KVM_GET_SUPPORTED_CPUID, c), E2BIG);
	c->nent = supported_cpuid()->nent - 1;
	CHECK_ERRNO(IOCTL(fd, KVM_GET_SUPPORTED_CPUID, c), E2BIG);
	c->nent++;
	CHECK_OK(IOCTL(fd, KVM_GET_SUPPORTED_CPUID, c));
}

TEST(nent_is_set)
{
	struct kvm_cpuid2 *c = supported_cpuid();

	CHECK(c->nent > 8 && c->nent < 256);
}

TEST(no_entry_twice)
{
	struct kvm_cpuid2 *c = supported_cpuid();

	for (unsigned int i = 0; i < c->nent; i++)
		for (unsigned int j = 0; j < i; j++)
			CHECK(c->entries[i].function != c->entries[j].function ||
			      c->entries[i].index != c->entries[j].index);
}

/* Supported is at most what this CPU has, for leaves that are plain masks. */
TEST(within_the_cpu)
{
	static const struct { uint32_t fn; bool ecx, edx; } masks[] = {
		{ 1, false, true }, { 0x80000001, true, true },
	};
	struct kvm_cpuid2 *c = supported_cpuid();

	for (unsigned int i = 0; i < ARRAY_SIZE(masks); i++) {
		struct kvm_cpuid_entry2 *e = cpuid_find(c, masks[i].fn, 0);
		struct cpuid_regs host = cpuid(masks[i].fn, 0);

		CHECK(e);
		/* KVM has pages of 1 GiB in every shadow */
		if (i && on_stock_kvm() && dev_shadow_paging())
			host.edx |= 1 << 26;
		if (masks[i].edx)
			CHECK_EQ(e->edx & ~host.edx, 0);
		if (masks[i].ecx)
			CHECK_EQ(e->ecx & ~host.ecx, 0);
	}
}

/* What a 64-bit Linux cannot do without. */
TEST(essentials)
{
	struct kvm_cpuid2 *c = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 1, 0);
	struct cpuid_regs host = cpuid(0, 0);

	CHECK(e);
	CHECK_EQ(e->edx & 0x0700a171, 0x0700a171 & cpuid(1, 0).edx);
	CHECK(e->ecx >> 21 & 1);	/* x2APIC: emulated */
	e = cpuid_find(c, 0x80000001, 0);
	CHECK(e);
	CHECK(e->edx >> 29 & 1);	/* long mode */
	e = cpuid_find(c, 0, 0);
	CHECK(e && e->ebx == host.ebx && e->ecx == host.ecx);
	e = cpuid_find(c, 0x80000008, 0);
	CHECK(e && (e->eax & 0xff) >= 36);
	CHECK(cpuid_find(c, 0x40000000, 0));
}

/* What an emulator does beyond the CPU: an empty list is an answer too. */
TEST(emulated)
{
	struct kvm_cpuid2 *c = table(256);
	int fd = dev_open();

	CHECK_OK(IOCTL(fd, KVM_GET_EMULATED_CPUID, c));
	CHECK(c->nent < 256);
	for (unsigned int i = 0; i < c->nent; i++)
		CHECK(c->entries[i].function < 0x80000020);
}

/* Virtualization inside the guest is not offered by hv. */
TEST(no_nested_svm)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(supported_cpuid(), 0x80000001, 0);

	if (on_stock_kvm())
		SKIP("KVM has nested virtualization");
	CHECK(e && !(e->ecx & 4));
}
