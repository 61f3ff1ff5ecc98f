// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSRs of the paravirtual interface: listed, kept, refused where bits are
 * reserved, restorable in any order, and gone with their bit in CPUID when
 * KVM_CAP_ENFORCE_PV_FEATURE_CPUID is on.
 */
#include "guest.h"
#include "vm.h"

#define PV_LEAF	0x40000001

static const struct {
	uint32_t msr, feature;
	uint64_t value, reserved;	/* one it keeps, one it refuses */
} pv[] = {
	{ 0x11, 0, 0, 0 },				/* KVM_WALL_CLOCK */
	{ 0x12, 0, 0x6001, 0 },				/* KVM_SYSTEM_TIME */
	{ 0x4b564d00, 3, 0, 0 },			/* the same, new */
	{ 0x4b564d01, 3, 0x6001, 0 },
	{ 0x4b564d03, 5, 0x7041, 0x7002 },		/* KVM_STEAL_TIME */
	{ 0x4b564d04, 6, 0x7081, 0x7083 },		/* KVM_PV_EOI_EN */
	{ 0x4b564d05, 12, 0, 2 },			/* KVM_POLL_CONTROL */
};

static void nothing(void)
{
}

static bool listed(uint32_t msr)
{
	static struct { struct kvm_msr_list l; uint32_t more[1000]; } u = {
		.l.nmsrs = 1000,
	};
	int fd = dev_open();

	CHECK_OK(IOCTL(fd, KVM_GET_MSR_INDEX_LIST, &u.l));
	close(fd);
	for (unsigned int i = 0; i < u.l.nmsrs; i++)
		if (u.l.indices[i] == msr)
			return true;
	return false;
}

static int try_get_msr(struct vcpu *vcpu, uint32_t msr)
{
	struct { struct kvm_msrs h; struct kvm_msr_entry e; } m = {
		.h.nmsrs = 1, .e.index = msr,
	};

	return IOCTL(vcpu->fd, KVM_GET_MSRS, &m.h);
}

TEST(kept_or_refused)
{
	struct vcpu *vcpu = guest64_irqchip(nothing);

	CHECK_EQ(get_msr(vcpu, 0x4b564d05), 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(pv); i++) {
		uint32_t msr = pv[i].msr;

		if (!listed(msr))
			FAIL("%#x is not listed", msr);
		CHECK_EQ(try_set_msr(vcpu, msr, pv[i].value), 1);
		CHECK_EQ(get_msr(vcpu, msr), pv[i].value);
		if (!pv[i].reserved)
			continue;
		CHECK_EQ(try_set_msr(vcpu, msr, pv[i].reserved), 0);
		CHECK_EQ(get_msr(vcpu, msr), pv[i].value);
	}
}

/* Restored before CPUID and the APIC's state, in reverse order. */
TEST(any_order)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);

	for (unsigned int i = ARRAY_SIZE(pv); i--;)
		CHECK_EQ(try_set_msr(vcpu, pv[i].msr, pv[i].value), 1);
	vcpu_set_cpuid(vcpu);
	vcpu_mode64(vcpu, nothing);
	vcpu_until_done(vcpu);
	for (unsigned int i = 4; i < ARRAY_SIZE(pv); i++)
		CHECK_EQ(get_msr(vcpu, pv[i].msr), pv[i].value);
}

TEST(supported_cpuid_has_the_bits)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(supported_cpuid(), PV_LEAF, 0);

	CHECK(e);
	for (unsigned int i = 0; i < ARRAY_SIZE(pv); i++)
		CHECK(e->eax >> pv[i].feature & 1);
	/* PV_UNHALT, PV_TLB_FLUSH, PV_SEND_IPI, PV_SCHED_YIELD */
	CHECK_EQ(e->eax & 0x2a80, 0x2a80);
}

static void without(struct vcpu *vcpu, uint32_t feature)
{
	struct kvm_cpuid2 *c = supported_cpuid();

	cpuid_find(c, PV_LEAF, 0)->eax &= ~(1u << feature);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	free(c);
}

static void enforce(struct vcpu *vcpu)
{
	struct kvm_enable_cap c = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 },
	};

	CHECK_OK(IOCTL(vcpu->fd, KVM_ENABLE_CAP, &c));
}

TEST(enable_cap)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);
	struct kvm_enable_cap c = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 }, .flags = 1,
	};

	CHECK_EQ(dev_cap(vcpu->vm->dev, KVM_CAP_ENFORCE_PV_FEATURE_CPUID), 1);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_ENABLE_CAP, &c), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_ENABLE_CAP, BAD_PTR), EFAULT);
}

static volatile uint32_t msr_under_test;
static volatile uint64_t msr_value;
static volatile bool want_fault;

static void touch(void)
{
	uint64_t want = want_fault ? VEC_GP : NO_FAULT;

	GUEST_EQ(GUEST_TRY("rdmsr", : : "c"(msr_under_test) : "rax", "rdx"), want);
	GUEST_EQ(GUEST_TRY("wrmsr", : : "c"(msr_under_test), "a"(msr_value), "d"(0)), want);
}

static void touch_without(unsigned int i, bool enforced)
{
	struct vcpu *vcpu;

	/* before the guest's copy is made */
	msr_under_test = pv[i].msr;
	msr_value = pv[i].value;
	want_fault = enforced;
	vcpu = guest64_irqchip(touch);
	without(vcpu, pv[i].feature);
	if (enforced)
		enforce(vcpu);
	vcpu_until_done(vcpu);
	CHECK_EQ(try_set_msr(vcpu, pv[i].msr, pv[i].value), !enforced);
	CHECK_EQ(try_get_msr(vcpu, pv[i].msr), !enforced);
	vcpu_close(vcpu);
}

TEST_LIMIT(gone_with_their_bits, 60)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pv); i++)
		touch_without(i, true);
}

/* Without the capability the bits only tell. */
TEST_LIMIT(there_without_their_bits, 60)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pv); i++)
		touch_without(i, false);
}
