/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arguments of ioctls with a fixed size: copied in and out in one place, as
 * the ioctl number says, so that a handler sees kernel memory only.
 */
#ifndef VHM_IOCTL_H
#define VHM_IOCTL_H

#include <linux/kvm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define VHM_ARG_SMALL	64	/* bytes that need no allocation */

struct vhm_arg_buf {
	u64 small[VHM_ARG_SMALL / 8];
	void *p;		/* the argument */
};

/**
 * vhm_arg_in: fetch the argument of cmd. One without a pointer is stored as a
 * u64. 0, -EFAULT, -ENOMEM; vhm_arg_done() must follow only on 0.
 */
static inline int vhm_arg_in(struct vhm_arg_buf *b, unsigned int cmd, unsigned long arg)
{
	unsigned int size = _IOC_SIZE(cmd);

	b->p = b->small;
	b->small[0] = arg;
	if (!size)
		return 0;
	if (size > VHM_ARG_SMALL)
		b->p = kzalloc(size, GFP_KERNEL_ACCOUNT);
	else
		memset(b->small, 0, sizeof(b->small));
	if (!b->p)
		return -ENOMEM;
	if (!(_IOC_DIR(cmd) & _IOC_WRITE) || !copy_from_user(b->p, (void __user *)arg, size))
		return 0;
	if (size > VHM_ARG_SMALL)
		kfree(b->p);
	return -EFAULT;
}

/** vhm_arg_done: hand the result back when the call succeeded. Returns r or -EFAULT. */
static inline long vhm_arg_done(struct vhm_arg_buf *b, unsigned int cmd, unsigned long arg, long r)
{
	if (r >= 0 && (_IOC_DIR(cmd) & _IOC_READ) &&
	    copy_to_user((void __user *)arg, b->p, _IOC_SIZE(cmd)))
		r = -EFAULT;
	if (b->p != b->small)
		kfree(b->p);
	return r;
}

/* ---- VM ioctls: a table in vm.c and one in irqglue.c ------------------------ */

struct vhm_vm;

union vhm_vm_arg {
	u64 value;		/* an argument that is no pointer, or a raw one */
	struct kvm_userspace_memory_region region;
	struct kvm_dirty_log dirty_log;
	struct kvm_clock_data clock;
	struct kvm_ioeventfd ioeventfd;
	struct kvm_coalesced_mmio_zone zone;
	struct kvm_irqchip irqchip;
	struct kvm_irq_level irq_level;
	struct kvm_msi msi;
	struct kvm_pit_config pit_config;
	struct kvm_pit_state2 pit;
};

#define VHM_ROW_LOCKED	0x1	/* under vm->lock */
#define VHM_ROW_CHIP	0x2	/* -ENXIO without irqchip */
#define VHM_ROW_PIT	0x4	/* -ENXIO without PIT */
#define VHM_ROW_RAW	0x8	/* variable size: value is the user pointer */
#define VHM_ROW_IN	0x10	/* the number says "out", but the argument goes in */

struct vhm_vm_row {
	unsigned int cmd;
	int (*fn)(struct vhm_vm *vm, union vhm_vm_arg *a);
	u32 flags;		/* VHM_ROW_* */
};

extern const struct vhm_vm_row vhm_irq_rows[];
extern const int vhm_n_irq_rows;

#endif
