// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_MSRS, KVM_SET_MSRS: the count they return, and values kept. */
#include "vm.h"

struct three {
	struct kvm_msrs h;
	struct kvm_msr_entry e[3];
};

static struct vcpu *vcpu_with_cpuid(void)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	vcpu_set_cpuid(vcpu);
	return vcpu;
}

TEST(values_are_kept)
{
	static const struct { uint32_t index; uint64_t value; } row[] = {
		{ MSR_STAR, 0x0023001000000000 },
		{ MSR_LSTAR, 0xffffffff81000000 },
		{ MSR_CSTAR, 0xffffffff82000000 },
		{ MSR_FMASK, 0x47700 },
		{ MSR_SYSENTER_CS, 0x10 },
		{ MSR_SYSENTER_ESP, 0x88001000 },
		{ MSR_SYSENTER_EIP, 0x83000000 },
		{ MSR_FS_BASE, 0x7f0000000000 },
		{ MSR_GS_BASE, 0xffff888000000000 },
		{ MSR_KERNEL_GS_BASE, 0xffff888100000000 },
		{ MSR_PAT, 0x0407050600070106 },
		{ MSR_EFER, EFER_SCE | EFER_NX },
	};
	struct vcpu *vcpu = vcpu_with_cpuid();

	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++)
		if (try_set_msr(vcpu, row[i].index, row[i].value) != 1)
			FAIL("MSR %#x refuses %#lx", row[i].index, row[i].value);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++)
		if (get_msr(vcpu, row[i].index) != row[i].value)
			FAIL("MSR %#x is %#lx", row[i].index,
			     get_msr(vcpu, row[i].index));
}

/* The count tells how far it got; what comes before is done. */
TEST(stops_at_the_first_bad_one)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	struct three m = {
		.h.nmsrs = 3,
		.e = { { .index = MSR_CSTAR, .data = 0x1000 },
		       { .index = MSR_UNKNOWN, .data = 1 },
		       { .index = MSR_LSTAR, .data = 0x2000 } },
	};

	CHECK_EQ(CHECK_OK(IOCTL(vcpu->fd, KVM_SET_MSRS, &m.h)), 1);
	CHECK_EQ(get_msr(vcpu, MSR_CSTAR), 0x1000);
	CHECK_EQ(get_msr(vcpu, MSR_LSTAR), 0);
	m.e[0].data = m.e[2].data = 0xeeee;
	CHECK_EQ(CHECK_OK(IOCTL(vcpu->fd, KVM_GET_MSRS, &m.h)), 1);
	CHECK_EQ(m.e[0].data, 0x1000);
	CHECK_EQ(m.e[2].data, 0xeeee);
}

TEST(bad_values)
{
	struct vcpu *vcpu = vcpu_with_cpuid();

	CHECK_EQ(try_set_msr(vcpu, MSR_LSTAR, 1ull << 55), 0);
	CHECK_EQ(try_set_msr(vcpu, MSR_KERNEL_GS_BASE, 1ull << 60), 0);
	CHECK_EQ(try_set_msr(vcpu, MSR_PAT, 0x0303030303030303), 0);
	CHECK_EQ(try_set_msr(vcpu, MSR_EFER, 1ull << 40), 0);
	CHECK_EQ(try_set_msr(vcpu, MSR_APIC_BASE, 1ull << 60), 0);
	CHECK_EQ(get_msr(vcpu, MSR_LSTAR), 0);
}

TEST(limits)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	struct kvm_msrs none = { 0 }, many = { .nmsrs = 100000 };

	CHECK_EQ(CHECK_OK(IOCTL(vcpu->fd, KVM_GET_MSRS, &none)), 0);
	CHECK_EQ(CHECK_OK(IOCTL(vcpu->fd, KVM_SET_MSRS, &none)), 0);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_GET_MSRS, &many), E2BIG);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_MSRS, &many), E2BIG);
}

/* The TSC can be set, and then runs from there. */
TEST(tsc)
{
	struct vcpu *vcpu = vcpu_with_cpuid();
	uint64_t start = 1ull << 50, now;

	CHECK_EQ(try_set_msr(vcpu, MSR_TSC, start), 1);
	now = get_msr(vcpu, MSR_TSC);
	CHECK(now >= start);
	CHECK(now - start < 1ull << 40);
}
