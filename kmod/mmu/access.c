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
#include "shadow.h"

/* The slot that a write may go to, or a read come from. */
static const struct vhm_memslot *slot_for(struct vhm_vm *vm, u64 gpa, bool write)
{
	const struct vhm_memslot *slot = vhm_slot_find(vm, gpa >> PAGE_SHIFT);

	return slot && write && (slot->flags & KVM_MEM_READONLY) ? NULL : slot;
}

int vhm_gpa_access(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len, bool write,
		   bool nofault)
{
	unsigned long n, left;

	for (; len; gpa += n, buf += n, len -= n) {
		const struct vhm_memslot *slot = slot_for(vm, gpa, write);
		void __user *hva;

		if (!slot)
			return -EFAULT;
		/* a shadowed table: not without mem->lock */
		if (unlikely(vm->mem.shadow) && write && nofault &&
		    vhm_shadow_maybe(vm->mem.shadow, gpa >> PAGE_SHIFT))
			return -EFAULT;
		n = min_t(unsigned long, len, PAGE_SIZE - offset_in_page(gpa));
		hva = vhm_slot_hva(slot, gpa);
		if (nofault)
			pagefault_disable();
		else
			might_fault();
		left = write ? __copy_to_user_inatomic(hva, buf, n) :
			       __copy_from_user_inatomic(buf, hva, n);
		if (nofault)
			pagefault_enable();
		if (left)
			return -EFAULT;
		if (write) {
			vhm_slot_mark_dirty(vm, slot, gpa >> PAGE_SHIFT);
			if (unlikely(vm->mem.shadow) && !nofault)
				vhm_shadow_wrote(vm, gpa, n);
		}
	}
	return 0;
}

int vhm_gpa_read_nofault(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	const struct vhm_memslot *slot;
	u64 __user *from;
	u64 *to = buf;
	int r = -EFAULT;

	/* 16 bytes of code are read at many exits */
	if (unlikely(len != 16 || offset_in_page(gpa) > PAGE_SIZE - 16))
		return vhm_gpa_access(vm, gpa, buf, len, false, true);
	slot = vhm_slots_find(rcu_dereference_raw(vm->mem.slots), gpa >> PAGE_SHIFT);
	if (!slot)
		return r;
	from = vhm_slot_hva(slot, gpa);
	if (!user_access_begin(from, 16))
		return r;
	pagefault_disable();
	unsafe_get_user(to[0], from, out);
	unsafe_get_user(to[1], from + 1, out);
	r = 0;
out:
	pagefault_enable();
	user_access_end();
	return r;
}

/* 0 exchanged, 1 differed, -EFAULT; the low n bits of *old are what was found. */
#define CMPXCHG_USER(n) __try_cmpxchg_user((u##n __user *)hva, (u##n *)old, (u##n)new, fault##n)

int vhm_gpa_cmpxchg(struct vhm_vm *vm, u64 gpa, u64 *old, u64 new, unsigned int size)
{
	const struct vhm_memslot *slot = slot_for(vm, gpa, true);
	void __user *hva;
	int r;

	if (!slot || (gpa & (size - 1)))
		return -EFAULT;
	hva = vhm_slot_hva(slot, gpa);
	r = size == 8 ? CMPXCHG_USER(64) : size == 4 ? CMPXCHG_USER(32) :
	    size == 2 ? CMPXCHG_USER(16) : CMPXCHG_USER(8);
	if (!r)
		vhm_slot_mark_dirty(vm, slot, gpa >> PAGE_SHIFT);
	return r;
}
