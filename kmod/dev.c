// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/hv: the system ioctls and the table of capabilities.
 *
 * A capability is non-zero only for what a selftest holds (uapi/README.md says
 * which); everything else is answered 0 and refused when asked for.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <asm/cpufeature.h>

#include "hv.h"
#include "hv_abi_check.h"
#include "ioctl.h"
#include "vhm.h"

/* Present or not. */
static const u16 flags[] = {
	KVM_CAP_IRQCHIP, KVM_CAP_HLT, KVM_CAP_HALT_POLL, KVM_CAP_USER_MEMORY, KVM_CAP_SET_TSS_ADDR,
	KVM_CAP_EXT_CPUID, KVM_CAP_PIT2, KVM_CAP_PIT_STATE2, KVM_CAP_REINJECT_CONTROL,
	KVM_CAP_NOP_IO_DELAY, KVM_CAP_MP_STATE, KVM_CAP_SYNC_MMU, KVM_CAP_USER_NMI,
	KVM_CAP_SET_GUEST_DEBUG, KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
	KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, KVM_CAP_IRQ_INJECT_STATUS, KVM_CAP_SIGNAL_MSI,
	KVM_CAP_SET_IDENTITY_MAP_ADDR, KVM_CAP_KVMCLOCK_CTRL, KVM_CAP_VCPU_EVENTS,
	KVM_CAP_DEBUGREGS, KVM_CAP_X86_ROBUST_SINGLESTEP, KVM_CAP_XSAVE,
	KVM_CAP_SREGS2, KVM_CAP_TSC_DEADLINE_TIMER, KVM_CAP_GET_TSC_KHZ,
	KVM_CAP_INTERNAL_ERROR_DATA, KVM_CAP_READONLY_MEM, KVM_CAP_IOEVENTFD,
	KVM_CAP_IOEVENTFD_ANY_LENGTH, KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_GET_MSR_FEATURES,
	KVM_CAP_SET_BOOT_CPU_ID, KVM_CAP_CHECK_EXTENSION_VM, KVM_CAP_IRQFD,
	KVM_CAP_IRQFD_RESAMPLE, KVM_CAP_SPLIT_IRQCHIP,
	KVM_CAP_IOEVENTFD_NO_LENGTH, KVM_CAP_COALESCED_PIO,
	KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
	KVM_CAP_X86_USER_SPACE_MSR, KVM_CAP_X86_MSR_FILTER, KVM_CAP_BINARY_STATS_FD,
	KVM_CAP_EXCEPTION_PAYLOAD, KVM_CAP_X86_TRIPLE_FAULT_EVENT,
};

static const struct { u16 cap; int value; } caps[] = {
	{ KVM_CAP_NR_MEMSLOTS, VHM_MAX_SLOTS }, { KVM_CAP_MAX_VCPU_ID, VHM_MAX_VCPUS },
	{ KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET },
	{ KVM_CAP_IRQ_ROUTING, VHM_IRQ_MAX_GSI },
	{ KVM_CAP_ADJUST_CLOCK, KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC },
	{ KVM_CAP_X2APIC_API, VHM_X2APIC_API },
	{ KVM_CAP_SET_GUEST_DEBUG2, VHM_GUEST_DEBUG },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, VHM_MANUAL_LOG },
	{ KVM_CAP_DIRTY_LOG_RING, VHM_RING_MAX_BYTES },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, VHM_RING_MAX_BYTES },
	{ KVM_CAP_MCE, VHM_MCE_BANKS }, { KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
};

/* MWAIT only where the host may let a guest sleep in it: the timer must go on. */
static int disable_exits(void)
{
	bool mwait = boot_cpu_has(X86_FEATURE_MWAIT) && boot_cpu_has(X86_FEATURE_ARAT) &&
		     !boot_cpu_has_bug(X86_BUG_MONITOR);

	return KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE |
	       (mwait ? KVM_X86_DISABLE_EXITS_MWAIT : 0);
}

/*
 * vhm_check_extension - KVM_CHECK_EXTENSION
 * @cap: user-controlled number
 *
 * Any context. Returns the capability's value, 0 for what hv does not serve.
 */
int vhm_check_extension(long cap)
{
	int i;

	switch (cap) {
	case HV_CAP_VERSION:
		return HV_API_VERSION;
	case KVM_CAP_NR_VCPUS:
		return min_t(int, num_online_cpus(), VHM_MAX_VCPUS);
	case KVM_CAP_MAX_VCPUS:
		return VHM_MAX_VCPUS;
	case KVM_CAP_X86_DISABLE_EXITS:
		return disable_exits();
	case KVM_CAP_XCRS:	/* there is one where there is XSAVE */
		return !!vhm_caps.xcr0;
	case KVM_CAP_XSAVE2:
		return vhm_xsave_size();
	}
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i] == cap)
			return 1;
	for (i = 0; i < ARRAY_SIZE(caps); i++)
		if (caps[i].cap == cap)
			return caps[i].value;
	return 0;
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *u = (void __user *)arg;
	int r = -ENOTTY;

	VHM_ROW_RAW(KVM_GET_API_VERSION, r = arg ? -EINVAL : KVM_API_VERSION);
	VHM_ROW_RAW(KVM_CREATE_VM, r = vhm_create_vm(arg));
	VHM_ROW_RAW(KVM_CHECK_EXTENSION, r = vhm_check_extension(arg));
	VHM_ROW_RAW(KVM_GET_VCPU_MMAP_SIZE, r = arg ? -EINVAL : VHM_MMAP_PAGES * PAGE_SIZE);
	VHM_ROW_RAW(KVM_GET_SUPPORTED_CPUID, r = vhm_cpuid_supported(u, false));
	VHM_ROW_RAW(KVM_GET_EMULATED_CPUID, r = vhm_cpuid_supported(u, true));
	VHM_ROW_RAW(KVM_GET_MSR_INDEX_LIST, r = vhm_msr_list(u, false));
	VHM_ROW_RAW(KVM_GET_MSR_FEATURE_INDEX_LIST, r = vhm_msr_list(u, true));
	VHM_ROW_RAW(KVM_GET_MSRS, r = vhm_get_or_set_msrs(NULL, u, false));
	VHM_ROW_RAW(KVM_X86_GET_MCE_CAP_SUPPORTED, r = put_user(VHM_MCE_CAP, (u64 __user *)u));
	return r;
}

const struct file_operations vhm_dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.llseek = noop_llseek,
};
