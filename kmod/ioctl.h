/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows of a function that serves ioctls. A row's argument is copied in and out
 * here, as the number says, so that what it calls sees kernel memory only.
 */
#ifndef VHM_IOCTL_H
#define VHM_IOCTL_H

#include <linux/kvm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/** vhm_arg_in: the argument of cmd. ERR_PTR(-EFAULT, -ENOMEM); else vhm_arg_done() must follow. */
static inline void *vhm_arg_in(unsigned int cmd, unsigned long arg, size_t size)
{
	void *p = kzalloc(size, GFP_KERNEL);

	if (!p)
		return ERR_PTR(-ENOMEM);
	if (!(_IOC_DIR(cmd) & _IOC_WRITE) ||
	    !copy_from_user(p, (void __user *)arg, _IOC_SIZE(cmd)))
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

/*
 * VHM_ROW: of ioctl @nr the argument is at a, a pointer to @type (which may be
 * longer: an old number can go to a newer one's handler), where @call finds it.
 * VHM_ROW_IN: the number says "out", but the argument goes in. VHM_ROW_RAW:
 * @call makes what it wants of arg. r, which begins as -ENOTTY, is 0 before
 * @call and may be set there.
 */
#define VHM_ROW_AS(nr, as, type, call)					\
	do {								\
		static_assert(sizeof(type) >= _IOC_SIZE(nr));		\
		if (cmd == (nr)) {					\
			type *a = vhm_arg_in(as, arg, sizeof(type));	\
									\
			r = PTR_ERR_OR_ZERO(a);				\
			if (!r) {					\
				call;					\
				r = vhm_arg_done(a, as, arg, r);	\
			}						\
		}							\
	} while (0)
#define VHM_ROW(nr, type, call) VHM_ROW_AS(nr, nr, type, call)
#define VHM_ROW_IN(nr, type, call)					\
	VHM_ROW_AS(nr, _IOC(_IOC_WRITE, KVMIO, _IOC_NR(nr), _IOC_SIZE(nr)), type, call)
#define VHM_ROW_RAW(nr, call)						\
	do {								\
		if (cmd == (nr)) {					\
			r = 0;						\
			call;						\
		}							\
	} while (0)

/* A call of a row of the VM, under its lock. */
#define VHM_LOCKED(vm, call)						\
	do {								\
		mutex_lock(&(vm)->lock);				\
		call;							\
		mutex_unlock(&(vm)->lock);				\
	} while (0)

#endif
