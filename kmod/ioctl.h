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

/**
 * vhm_arg_in: the argument of cmd, fetched; one without a pointer is stored as a
 * u64. ERR_PTR(-EFAULT, -ENOMEM); else vhm_arg_done() must follow.
 */
static inline void *vhm_arg_in(unsigned int cmd, unsigned long arg)
{
	unsigned int size = _IOC_SIZE(cmd);
	/* no less than any VM ioctl needs: an old number may go to a newer one's handler */
	u64 *p = kzalloc(max(size, 128u), GFP_KERNEL);

	if (!p)
		return ERR_PTR(-ENOMEM);
	if (!size)
		*p = arg;
	if (!(_IOC_DIR(cmd) & _IOC_WRITE) || !copy_from_user(p, (void __user *)arg, size))
		return p;
	kfree(p);
	return ERR_PTR(-EFAULT);
}

/** vhm_arg_done: hand the result back when the call succeeded. Returns r or -EFAULT. */
static inline int vhm_arg_done(void *p, unsigned int cmd, unsigned long arg, int r)
{
	if (r >= 0 && _IOC_DIR(cmd) & _IOC_READ &&
	    copy_to_user((void __user *)arg, p, _IOC_SIZE(cmd)))
		r = -EFAULT;
	kfree(p);
	return r;
}

/* A row's function, from a call that gets its part of the argument; it may set *r. */
#define VHM_ROW_FN(name, who, args, call) \
	static void name(struct vhm_##who *who, union args *a, int *r) { call; }

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
	void (*fn)(struct vhm_vm *vm, union vhm_vm_arg *a, int *r);
	u32 flags;		/* VHM_ROW_* */
};

extern const struct vhm_vm_row vhm_irq_rows[];
extern const int vhm_n_irq_rows;

#endif
