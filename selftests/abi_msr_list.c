// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_MSR_INDEX_LIST and its feature sibling: limits, contents, use. */
#include "vm.h"

static struct kvm_msr_list *list(unsigned int n)
{
	struct kvm_msr_list *l = calloc(1, sizeof(*l) + 1024 * 4);

	l->nmsrs = n;
	return l;
}

TEST(too_small_tells_the_size)
{
	struct kvm_msr_list *l = list(0);
	int fd = dev_open();
	unsigned int n;

	CHECK_ERRNO(IOCTL(fd, KVM_GET_MSR_INDEX_LIST, l), E2BIG);
	n = l->nmsrs;
	CHECK(n > 8 && n < 1024);
	l->nmsrs = n - 1;
	CHECK_ERRNO(IOCTL(fd, KVM_GET_MSR_INDEX_LIST, l), E2BIG);
	CHECK_EQ(l->nmsrs, n);
	CHECK_OK(IOCTL(fd, KVM_GET_MSR_INDEX_LIST, l));
	CHECK_EQ(l->nmsrs, n);
}

static bool has(struct kvm_msr_list *l, uint32_t index)
{
	for (unsigned int i = 0; i < l->nmsrs; i++)
		if (l->indices[i] == index)
			return true;
	return false;
}

TEST(holds_the_state_of_a_guest)
{
	static const uint32_t needed[] = {
		MSR_TSC, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE,
		MSR_PAT,
	};
	struct kvm_msr_list *l = list(1024);
	int fd = dev_open();

	CHECK_OK(IOCTL(fd, KVM_GET_MSR_INDEX_LIST, l));
	for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++)
		if (!has(l, needed[i]))
			FAIL("MSR %#x is not in the list", needed[i]);
}

/* Every listed MSR can be read, and its reset value written back. */
TEST(every_one_round_trips)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);
	struct kvm_msr_list *l = list(1024);

	vcpu_set_cpuid(vcpu);
	CHECK_OK(IOCTL(vcpu->vm->dev, KVM_GET_MSR_INDEX_LIST, l));
	for (unsigned int i = 0; i < l->nmsrs; i++) {
		struct {
			struct kvm_msrs h;
			struct kvm_msr_entry e;
		} m = { .h.nmsrs = 1, .e.index = l->indices[i] };

		/* KVM lists some that only a Hyper-V or nested guest has. */
		if (IOCTL(vcpu->fd, KVM_GET_MSRS, &m.h) != 1) {
			if (!on_stock_kvm())
				FAIL("listed MSR %#x is not readable",
				     l->indices[i]);
			continue;
		}
		if (try_set_msr(vcpu, l->indices[i], m.e.data) != 1 &&
		    !on_stock_kvm())
			FAIL("MSR %#x does not take its own value %#llx",
			     l->indices[i], m.e.data);
	}
}

TEST(feature_msrs)
{
	struct kvm_msr_list *l = list(0);
	int fd = dev_open();
	unsigned int n;

	if (IOCTL(fd, KVM_GET_MSR_FEATURE_INDEX_LIST, l) && errno != E2BIG)
		FAIL("KVM_GET_MSR_FEATURE_INDEX_LIST: %s", strerror(errno));
	n = l->nmsrs;
	CHECK(n < 1024);
	CHECK_OK(IOCTL(fd, KVM_GET_MSR_FEATURE_INDEX_LIST, l));
	for (unsigned int i = 0; i < n; i++) {
		struct {
			struct kvm_msrs h;
			struct kvm_msr_entry e;
		} m = { .h.nmsrs = 1, .e.index = l->indices[i] };

		CHECK_EQ(CHECK_OK(IOCTL(fd, KVM_GET_MSRS, &m.h)), 1);
	}
}

/* On the device KVM_GET_MSRS stops at what is no feature MSR. */
TEST(feature_msr_unknown)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e.index = MSR_UNKNOWN };

	CHECK_EQ(CHECK_OK(IOCTL(dev_open(), KVM_GET_MSRS, &m.h)), 0);
}
