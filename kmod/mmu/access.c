// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading and writing guest memory from the kernel.
 *
 * Guest RAM is the VMM's own memory, so an access is a user copy at the
 * slot's address: it swaps in, copies on write, and reaches device mappings
 * like the VMM would. Inside a section the same copy is made with page faults
 * disabled and fails when the page is not there at this moment.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "vhm.h"
#include "table.h"

/* How one piece within a page is moved; returns the bytes not moved. */
typedef unsigned long (*copy_fn)(void __user *hva, void *buf, unsigned int n);

static unsigned long copy_in(void __user *hva, void *buf, unsigned int n)
{
	return __copy_from_user(buf, hva, n);
}

static unsigned long copy_out(void __user *hva, void *buf, unsigned int n)
{
	return __copy_to_user(hva, buf, n);
}

/*
 * Table entries and instruction bytes are read on hot paths: for their sizes
 * the copy is one or two loads in line.
 */
static __always_inline unsigned long copy_in_nofault(void __user *hva, void *buf, unsigned int n)
{
	unsigned long left = n;

	pagefault_disable();
	if (n != 4 && n != 8 && n != 16) {
		left = __copy_from_user_inatomic(buf, hva, n);
	} else if (likely(user_access_begin(hva, n))) {
		if (n == 4) {
			unsafe_get_user(*(u32 *)buf, (u32 __user *)hva, out);
		} else {
			unsafe_get_user(*(u64 *)buf, (u64 __user *)hva, out);
			if (n == 16)
				unsafe_get_user(((u64 *)buf)[1], (u64 __user *)hva + 1, out);
		}
		left = 0;
out:
		user_access_end();
	}
	pagefault_enable();
	return left;
}

static unsigned long copy_out_nofault(void __user *hva, void *buf, unsigned int n)
{
	unsigned long left;

	pagefault_disable();
	left = __copy_to_user_inatomic(hva, buf, n);
	pagefault_enable();
	return left;
}

static void __user *slot_hva(const struct vhm_memslot *slot, u64 gpa)
{
	return (void __user *)(slot->hva + (gpa - (slot->gfn << PAGE_SHIFT)));
}

/* The slot that a write may go to, or a read come from. */
static const struct vhm_memslot *slot_for(struct vhm_vm *vm, u64 gpa, bool write)
{
	const struct vhm_memslot *slot = vhm_slot_find(vm, gpa >> PAGE_SHIFT);

	return slot && write && (slot->flags & KVM_MEM_READONLY) ? NULL : slot;
}

static __always_inline int access(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len,
				  bool write, copy_fn copy)
{
	while (len) {
		unsigned int n = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gpa));
		const struct vhm_memslot *slot = slot_for(vm, gpa, write);

		if (!slot || copy(slot_hva(slot, gpa), buf, n))
			return -EFAULT;
		if (write)
			vhm_slot_mark_dirty(slot, gpa >> PAGE_SHIFT);
		gpa += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int vhm_gpa_read(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	return access(vm, gpa, buf, len, false, copy_in);
}

int vhm_gpa_write(struct vhm_vm *vm, u64 gpa, const void *buf, unsigned int len)
{
	return access(vm, gpa, (void *)buf, len, true, copy_out);
}

int vhm_gpa_read_nofault(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	const struct vhm_memslot *slot;

	if (likely(offset_in_page(gpa) + len <= PAGE_SIZE)) {
		slot = vhm_slot_find(vm, gpa >> PAGE_SHIFT);
		return slot && !copy_in_nofault(slot_hva(slot, gpa), buf, len) ? 0 : -EFAULT;
	}
	return access(vm, gpa, buf, len, false, copy_in_nofault);
}

int vhm_gpa_write_nofault(struct vhm_vm *vm, u64 gpa, const void *buf, unsigned int len)
{
	return access(vm, gpa, (void *)buf, len, true, copy_out_nofault);
}

/* 0 exchanged, 1 differed, -EFAULT; *old is what was found. */
#define CMPXCHG_USER(type, hva, old, new, label) ({			\
	type __found = *(old);						\
	int __r = __try_cmpxchg_user((type __user *)(hva), &__found,	\
				     (type)(new), label);		\
	*(old) = __found;						\
	__r; })

static int cmpxchg_hva(void __user *hva, u64 *old, u64 new, unsigned int size)
{
	switch (size) {
	case 1:
		return CMPXCHG_USER(u8, hva, old, new, fault1);
	case 2:
		return CMPXCHG_USER(u16, hva, old, new, fault2);
	case 4:
		return CMPXCHG_USER(u32, hva, old, new, fault4);
	case 8:
		return CMPXCHG_USER(u64, hva, old, new, fault8);
	default:
		return -EFAULT;
	}
}

int vhm_gpa_cmpxchg(struct vhm_vm *vm, u64 gpa, u64 *old, u64 new, unsigned int size)
{
	const struct vhm_memslot *slot = slot_for(vm, gpa, true);
	int r;

	if (!slot || (gpa & (size - 1)))
		return -EFAULT;
	r = cmpxchg_hva(slot_hva(slot, gpa), old, new, size);
	if (!r)
		vhm_slot_mark_dirty(slot, gpa >> PAGE_SHIFT);
	return r;
}
