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
#include "slots.h"
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

/* Table entries and code are read on hot paths: short pieces are moved in line. */
static __always_inline unsigned long copy_in_nofault(void __user *hva, void *buf, unsigned int n)
{
	if (!user_access_begin(hva, n))
		return n;
	pagefault_disable();
	for (; n >= 8; n -= 8, buf += 8, hva += 8)
		unsafe_get_user(*(u64 *)buf, (u64 __user *)hva, out);
	for (; n >= 4; n -= 4, buf += 4, hva += 4)
		unsafe_get_user(*(u32 *)buf, (u32 __user *)hva, out);
	for (; n; n--, buf++, hva++)
		unsafe_get_user(*(u8 *)buf, (u8 __user *)hva, out);
out:
	pagefault_enable();
	user_access_end();
	return n;
}

static unsigned long copy_out_nofault(void __user *hva, void *buf, unsigned int n)
{
	unsigned long left;

	pagefault_disable();
	left = __copy_to_user_inatomic(hva, buf, n);
	pagefault_enable();
	return left;
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

		if (!slot || copy(vhm_slot_hva(slot, gpa), buf, n))
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

static noinline int read_nofault(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	return access(vm, gpa, buf, len, false, copy_in_nofault);
}

int vhm_gpa_read_nofault(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	const struct vhm_memslot *slot = vhm_slots_hinted(rcu_dereference_raw(vm->mem.slots),
							  gpa >> PAGE_SHIFT);

	/* the usual case is a leaf function */
	if (likely(slot && offset_in_page(gpa) + len <= PAGE_SIZE))
		return copy_in_nofault(vhm_slot_hva(slot, gpa), buf, len) ? -EFAULT : 0;
	return read_nofault(vm, gpa, buf, len);
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
	r = cmpxchg_hva(vhm_slot_hva(slot, gpa), old, new, size);
	if (!r)
		vhm_slot_mark_dirty(slot, gpa >> PAGE_SHIFT);
	return r;
}
