// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CHECK_EXTENSION: what is promised is there, the unknown is 0. */
#include "../uapi/hv.h"
#include "vm.h"

/* Least value that a client of a one-vCPU machine counts on. */
static const struct {
	const char *name;
	long cap;
	int least;
} promised[] = {
	{ "IRQCHIP", KVM_CAP_IRQCHIP, 1 },
	{ "HLT", KVM_CAP_HLT, 1 },
	{ "USER_MEMORY", KVM_CAP_USER_MEMORY, 1 },
	{ "SET_TSS_ADDR", KVM_CAP_SET_TSS_ADDR, 1 },
	{ "EXT_CPUID", KVM_CAP_EXT_CPUID, 1 },
	{ "NR_VCPUS", KVM_CAP_NR_VCPUS, 1 },
	{ "MAX_VCPUS", KVM_CAP_MAX_VCPUS, 1 },
	{ "NR_MEMSLOTS", KVM_CAP_NR_MEMSLOTS, 32 },
	{ "MP_STATE", KVM_CAP_MP_STATE, 1 },
	{ "SYNC_MMU", KVM_CAP_SYNC_MMU, 1 },
	{ "DESTROY_MEMORY_REGION_WORKS", KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ "JOIN_MEMORY_REGIONS_WORKS", KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ "USER_NMI", KVM_CAP_USER_NMI, 1 },
	{ "SET_GUEST_DEBUG", KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ "IRQ_ROUTING", KVM_CAP_IRQ_ROUTING, 24 },
	{ "IRQ_INJECT_STATUS", KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ "PIT2", KVM_CAP_PIT2, 1 },
	{ "PIT_STATE2", KVM_CAP_PIT_STATE2, 1 },
	{ "SET_IDENTITY_MAP_ADDR", KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ "ADJUST_CLOCK", KVM_CAP_ADJUST_CLOCK, 1 },
	{ "INTERNAL_ERROR_DATA", KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ "VCPU_EVENTS", KVM_CAP_VCPU_EVENTS, 1 },
	{ "DEBUGREGS", KVM_CAP_DEBUGREGS, 1 },
	{ "X86_ROBUST_SINGLESTEP", KVM_CAP_X86_ROBUST_SINGLESTEP, 1 },
	{ "XSAVE", KVM_CAP_XSAVE, 1 },
	{ "XCRS", KVM_CAP_XCRS, 0 },	/* abi_xsave */
	{ "GET_TSC_KHZ", KVM_CAP_GET_TSC_KHZ, 1 },
	{ "TSC_DEADLINE_TIMER", KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ "SIGNAL_MSI", KVM_CAP_SIGNAL_MSI, 1 },
	{ "READONLY_MEM", KVM_CAP_READONLY_MEM, 1 },
	{ "IMMEDIATE_EXIT", KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ "SYNC_REGS", KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
	{ "GET_MSR_FEATURES", KVM_CAP_GET_MSR_FEATURES, 1 },
	{ "SREGS2", KVM_CAP_SREGS2, 1 },
	{ "XSAVE2", KVM_CAP_XSAVE2, 4096 },
	{ "MAX_VCPU_ID", KVM_CAP_MAX_VCPU_ID, 1 },
	{ "SET_BOOT_CPU_ID", KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ "REINJECT_CONTROL", KVM_CAP_REINJECT_CONTROL, 1 },
	{ "COALESCED_MMIO", KVM_CAP_COALESCED_MMIO, 1 },
	{ "NOP_IO_DELAY", KVM_CAP_NOP_IO_DELAY, 1 },
	{ "KVMCLOCK_CTRL", KVM_CAP_KVMCLOCK_CTRL, 1 },
	{ "MCE", KVM_CAP_MCE, 1 },
	{ "IOEVENTFD", KVM_CAP_IOEVENTFD, 1 },
	{ "IOEVENTFD_NO_LENGTH", KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ "COALESCED_PIO", KVM_CAP_COALESCED_PIO, 1 },
	{ "IOEVENTFD_ANY_LENGTH", KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ "SPLIT_IRQCHIP", KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ "X2APIC_API", KVM_CAP_X2APIC_API, 3 },
	{ "IRQFD", KVM_CAP_IRQFD, 1 },
	{ "IRQFD_RESAMPLE", KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ "CHECK_EXTENSION_VM", KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ "HALT_POLL", KVM_CAP_HALT_POLL, 1 },
	{ "ENFORCE_PV_FEATURE_CPUID", KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1 },
	{ "X86_USER_SPACE_MSR", KVM_CAP_X86_USER_SPACE_MSR, 1 },
	{ "X86_MSR_FILTER", KVM_CAP_X86_MSR_FILTER, 1 },
	{ "X86_DISABLE_EXITS", KVM_CAP_X86_DISABLE_EXITS, 6 },
	{ "BINARY_STATS_FD", KVM_CAP_BINARY_STATS_FD, 1 },
	{ "MANUAL_DIRTY_LOG_PROTECT2", KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 3 },
	{ "DIRTY_LOG_RING", KVM_CAP_DIRTY_LOG_RING, 1 << 20 },
	{ "DIRTY_LOG_RING_ACQ_REL", KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 1 << 20 },
	{ "SET_GUEST_DEBUG2", KVM_CAP_SET_GUEST_DEBUG2, 0x1f0003 },
	{ "X86_TRIPLE_FAULT_EVENT", KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ "EXCEPTION_PAYLOAD", KVM_CAP_EXCEPTION_PAYLOAD, 1 },
};

TEST(promised_values)
{
	struct vm *vm = vm_bare();
	unsigned int missing = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(promised); i++) {
		int dev = dev_cap(vm->dev, promised[i].cap);
		int of_vm = dev_cap(vm->fd, promised[i].cap);

		if (dev >= promised[i].least && of_vm >= promised[i].least)
			continue;
		ktap_note("%s: device %d, VM %d, least %d", promised[i].name,
			  dev, of_vm, promised[i].least);
		missing++;
	}
	CHECK_EQ(missing, 0);
}

/* A capability that no test holds is not reported; uapi/README.md lists all. */
TEST(nothing_but_the_promised)
{
	int fd = dev_open();

	if (on_stock_kvm())
		SKIP("KVM has more");
	for (long cap = 0; cap < 400; cap++) {
		bool known = false;

		for (unsigned int i = 0; i < ARRAY_SIZE(promised); i++)
			known |= promised[i].cap == cap;
		if (!known && dev_cap(fd, cap))
			FAIL("capability %ld is %d, and no test holds it", cap,
			     dev_cap(fd, cap));
	}
}

TEST(unknown_is_zero)
{
	int fd = dev_open();

	CHECK_EQ(dev_cap(fd, 9999), 0);
	CHECK_EQ(dev_cap(fd, -1), 0);
	CHECK_EQ(dev_cap(fd, 1l << 32), 0);
}

/* What DESIGN lists under "not in hv" is answered with a clean no. */
TEST(non_goals_are_zero)
{
	static const long absent[] = {
		KVM_CAP_HYPERV, KVM_CAP_HYPERV_SYNIC, KVM_CAP_HYPERV_CPUID,
		KVM_CAP_XEN_HVM, KVM_CAP_X86_SMM, KVM_CAP_NESTED_STATE,
		KVM_CAP_PMU_CAPABILITY, KVM_CAP_SGX_ATTRIBUTE,
	};
	int fd = dev_open();

	if (on_stock_kvm())
		SKIP("KVM has these");
	for (unsigned int i = 0; i < ARRAY_SIZE(absent); i++)
		CHECK_EQ(dev_cap(fd, absent[i]), 0);
}

TEST(limits_agree)
{
	int fd = dev_open();

	CHECK(dev_cap(fd, KVM_CAP_NR_VCPUS) <= dev_cap(fd, KVM_CAP_MAX_VCPUS));
	CHECK(dev_cap(fd, KVM_CAP_MAX_VCPU_ID) >=
	      dev_cap(fd, KVM_CAP_MAX_VCPUS));
}

/* hv's own capability tells the two apart; KVM knows no such number. */
TEST(version_of_hv)
{
	int fd = dev_open();

	CHECK_EQ(dev_cap(fd, HV_CAP_VERSION), on_stock_kvm() ? 0 : HV_API_VERSION);
}
