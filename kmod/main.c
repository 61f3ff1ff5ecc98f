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

#include "vhm.h"

#if !IS_ENABLED(CONFIG_MMU_NOTIFIER) || !IS_ENABLED(CONFIG_X86_64)
#error "hv runs on x86-64 kernels with CONFIG_MMU_NOTIFIER only"
#endif

static bool alias_kvm;
module_param(alias_kvm, bool, 0444);
MODULE_PARM_DESC(alias_kvm, "also register /dev/kvm when that name is free (default off)");

const struct vhm_ops *vhm_ops;
struct vhm_caps vhm_caps;

static const struct vhm_ops *const backends[] = { &svm_ops };

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
	return r;
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
	int r = choose_backend() ?: vhm_ops->setup();

	if (r)
		return r;
	r = register_devices();
	if (r)
		vhm_ops->teardown();
	else
		pr_info("ready: %s with nested paging, guest physical width %u\n",
			vhm_ops->name, vhm_caps.maxphyaddr);
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
