// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading.
 *
 * The module owns one misc device, one back end and a few caches. Nothing of
 * a CPU is taken here: VMX or SVM belong to hv only inside a section (run.c),
 * so there is no hotplug, suspend or reboot code to register.
 */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/processor.h>

#include "host.h"
#include "vhm.h"

static bool alias_kvm;
module_param(alias_kvm, bool, 0444);
MODULE_PARM_DESC(alias_kvm, "also register /dev/kvm when that name is free (default off)");

const struct vhm_ops *vhm_ops;
struct vhm_caps vhm_caps;

static const struct vhm_ops *const backends[] = { &svm_ops, &vmx_ops };

static struct miscdevice dev_hv = {
	.minor = MISC_DYNAMIC_MINOR, .name = "hv", .fops = &vhm_dev_fops, .mode = 0660,
};

/* The fixed minor makes the clash with kvm.ko an -EBUSY on whoever is second. */
static struct miscdevice dev_kvm = {
	.minor = KVM_MINOR, .name = "kvm", .fops = &vhm_dev_fops, .mode = 0660,
};

/*
 * Pick the first back end for a CPU of this make; only that one's reasons not
 * to work are of interest to the user.
 */
static int choose_backend(void)
{
	int i, r = -ENODEV;

	for (i = 0; r == -ENODEV && i < ARRAY_SIZE(backends); i++) {
		vhm_ops = backends[i];
		r = vhm_ops->check();
	}
	if (r == -ENODEV)
		pr_err("neither AMD-V (SVM) nor VT-x (VMX) in CPUID: this CPU has none, or this is a virtual machine without nested virtualization\n");
	return r;
}

/* CR4 bits a guest may set: those of every CPU that can be used, and with a feature of the host. */
#define CR4_ALWAYS	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | \
			 X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | \
			 X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)
static const struct { u32 bit; int feature; } cr4_rows[] = {
	{ X86_CR4_UMIP, X86_FEATURE_UMIP }, { X86_CR4_FSGSBASE, X86_FEATURE_FSGSBASE },
	{ X86_CR4_PCIDE, X86_FEATURE_PCID }, { X86_CR4_OSXSAVE, X86_FEATURE_OSXSAVE },
	{ X86_CR4_SMEP, X86_FEATURE_SMEP }, { X86_CR4_SMAP, X86_FEATURE_SMAP },
};

/* Of the host's state components; protection keys and AMX are not for guests yet. */
#define GUEST_XCR0	(XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512)

/* What follows from the host's features, for either vendor. */
static void host_caps(void)
{
	int i;

	vhm_caps = (struct vhm_caps){
		/* second-level tables have four levels */
		.maxphyaddr = min_t(u8, cpuid_eax(0x80000008), 48),
		.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX,
		.cr4 = CR4_ALWAYS,
	};
	for (i = 0; i < ARRAY_SIZE(cr4_rows); i++)
		if (boot_cpu_has(cr4_rows[i].feature))
			vhm_caps.cr4 |= cr4_rows[i].bit;
	if (boot_cpu_has(X86_FEATURE_OSXSAVE))
		vhm_caps.xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK) & GUEST_XCR0;
	vhm_caps.xsaves = vhm_caps.xcr0 && boot_cpu_has(X86_FEATURE_XSAVES);
	if (vhm_caps.xsaves)
		vhm_caps.host_xss = vhm_rdmsr(MSR_IA32_XSS);
}

static int register_devices(void)
{
	int r = misc_register(&dev_hv);

	if (r)
		pr_err("cannot register /dev/hv (%d)\n", r);
	if (r || !alias_kvm)
		return r;
	r = misc_register(&dev_kvm);
	if (r) {
		pr_err("alias_kvm=1: /dev/kvm is taken; unload kvm_intel or kvm_amd and kvm first\n");
		misc_deregister(&dev_hv);
	}
	return r;
}

static int __init vhm_init(void)
{
	int r = choose_backend();

	if (r)
		return r;
	host_caps();
	r = vhm_ops->setup();
	if (r)
		return r;
	r = register_devices();
	if (r)
		vhm_ops->teardown();
	else
		pr_info("ready: %s with %s paging, guest physical width %u\n", vhm_ops->name,
			vhm_caps.shadow ? "shadow" : "nested", vhm_caps.maxphyaddr);
	return r;
}

static void __exit vhm_exit(void)
{
	if (alias_kvm)
		misc_deregister(&dev_kvm);
	misc_deregister(&dev_hv);
	/* memory freed by call_srcu or call_rcu must not outlive our code */
	rcu_barrier();
	vhm_ops->teardown();
}

module_init(vhm_init);
module_exit(vhm_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual hardware manager with the KVM ioctl API");
