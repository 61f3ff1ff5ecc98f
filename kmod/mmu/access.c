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

/* The slot that a write may go to, or a read come from. */
static const struct vhm_memslot *slot_for(struct vhm_vm *vm, u64 gpa, bool write)
{
	const struct vhm_memslot *slot = vhm_slot_find(vm, gpa >> PAGE_SHIFT);

	return slot && write && (slot->flags & KVM_MEM_READONLY) ? NULL : slot;
}

/* Page by page. */
static int access(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len, bool write)
{
	while (len) {
		unsigned int n = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gpa));
		const struct vhm_memslot *slot = slot_for(vm, gpa, write);

		if (!slot || (write ? __copy_to_user_inatomic(vhm_slot_hva(slot, gpa), buf, n) :
				      __copy_from_user_inatomic(buf, vhm_slot_hva(slot, gpa), n)))
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
	might_fault();
	return access(vm, gpa, buf, len, false);
}

int vhm_gpa_write(struct vhm_vm *vm, u64 gpa, const void *buf, unsigned int len)
{
	might_fault();
	return access(vm, gpa, (void *)buf, len, true);
}

static noinline int access_nofault(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len,
				   bool write)
{
	int r;

	pagefault_disable();
	r = access(vm, gpa, buf, len, write);
	pagefault_enable();
	return r;
}

int vhm_gpa_read_nofault(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	const struct vhm_memslot *slot;
	u64 __user *from;
	u64 *to = buf;
	int r = -EFAULT;

	/* 16 bytes of code are read at many exits */
	if (unlikely(len != 16 || offset_in_page(gpa) > PAGE_SIZE - 16))
		return access_nofault(vm, gpa, buf, len, false);
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

int vhm_gpa_write_nofault(struct vhm_vm *vm, u64 gpa, const void *buf, unsigned int len)
{
	return access_nofault(vm, gpa, (void *)buf, len, true);
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
