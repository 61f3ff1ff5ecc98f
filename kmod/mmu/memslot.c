// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots and the dirty log.
 *
 * The slots are one sorted array that is replaced whole. Readers find it under
 * vm->srcu or with interrupts off inside a section. A change waits until no
 * reader has the old array, and only then drops the second-level entries: nobody
 * can install one from the old slot any more.
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vhm.h"
#include "slots.h"
#include "table.h"

#define MAX_SLOT_PAGES	((1ul << 31) - 1)	/* KVM's limit of one slot */
#define ZAP_CHUNK	(1ull << 18)		/* frames (1 GiB) per hold of the lock */

static struct vhm_slots *slots_of(struct vhm_vm *vm)
{
	return srcu_dereference_check(vm->mem.slots, &vm->srcu, irqs_disabled() ||
				      lockdep_is_held(&vm->mem.slots_lock));
}

const struct vhm_memslot *vhm_slot_find(struct vhm_vm *vm, u64 gfn)
{
	return vhm_slots_find(slots_of(vm), gfn);
}

const struct vhm_memslot *vhm_slot_by_id(struct vhm_vm *vm, u32 id)
{
	const struct vhm_slots *s = slots_of(vm);
	u32 i;

	for (i = 0; i < s->n; i++)
		if (s->slot[i].id == id)
			return &s->slot[i];
	return NULL;
}

/* ---- life of the room -------------------------------------------------------- */

int vhm_mem_init(struct vhm_vm *vm)
{
	struct vhm_slots *none = kvzalloc(sizeof(*none), GFP_KERNEL_ACCOUNT);
	void *root = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	struct vhm_mem *mem = &vm->mem;
	int r = -ENOMEM;

	mutex_init(&mem->slots_lock);
	rwlock_init(&mem->lock);
	RCU_INIT_POINTER(mem->slots, none);
	mem->fmt = vhm_ops->pte_fmt;
	mem->root_level = mem->fmt->levels + (mem->fmt->host_la57 && pgtable_l5_enabled());
	mem->root_pa = __pa(root);
	mem->notifier.ops = &vhm_notifier_ops;
	if (none && root)
		r = vhm_shadow_init(mem) ?: mmu_notifier_register(&mem->notifier, vm->mm);
	if (r) {
		vhm_shadow_destroy(mem);
		free_page((unsigned long)root);
		kvfree(none);
	}
	return r;
}

void vhm_mem_stop(struct vhm_vm *vm)
{
	mmu_notifier_unregister(&vm->mem.notifier, vm->mm);
}

void vhm_mem_destroy(struct vhm_vm *vm)
{
	struct vhm_slots *s = rcu_dereference_protected(vm->mem.slots, true);
	u32 i;

	for (i = 0; i < s->n; i++)
		kvfree(s->slot[i].dirty_bitmap);
	kvfree(s);
	vhm_shadow_destroy(&vm->mem);
	vhm_pt_destroy(&vm->mem);
}

/* ---- changing slots ---------------------------------------------------------- */

/* Publish the array without slot id, with add; nobody has the old one when this returns. */
static int replace(struct vhm_vm *vm, u32 id, const struct vhm_memslot *add)
{
	struct vhm_slots *old = slots_of(vm);
	struct vhm_slots *new = kvzalloc(struct_size(new, slot, old->n + 1), GFP_KERNEL_ACCOUNT);

	if (!new)
		return -ENOMEM;
	vhm_slots_change(new, old, id, add);
	rcu_assign_pointer(vm->mem.slots, new);
	synchronize_srcu_expedited(&vm->srcu);
	vhm_sections_wait(vm);
	kvfree(old);
	return 0;
}

/* A page whose bit is set would never enter a ring. */
static bool initially_set(struct vhm_vm *vm)
{
	return vm->mem.manual_log & KVM_DIRTY_LOG_INITIALLY_SET && !vm->mem.ring_entries;
}

/* A slot comes (old is empty), goes (no new), moves, or its logging begins or ends. */
static int change_slot(struct vhm_vm *vm, u32 id, const struct vhm_memslot *old,
		       const struct vhm_memslot *new)
{
	u64 gfn, next, end = old->gfn + old->npages;
	enum vhm_pt_op op = VHM_PT_ZAP;
	int r = replace(vm, id, new);

	if (r)
		return r;
	/* when logging ends, large leaves may come back */
	if (new && old->gfn == new->gfn && new->dirty_bitmap)
		op = VHM_PT_PROTECT;
	/* every page is logged as dirty: it is protected when its bit is cleared */
	if (op == VHM_PT_PROTECT && initially_set(vm))
		end = old->gfn;
	for (gfn = old->gfn; gfn < end; gfn = next) {
		next = min(end, (gfn | (ZAP_CHUNK - 1)) + 1);
		vhm_flush_range(vm, op, gfn, next);
		cond_resched();
	}
	if (!new || !new->dirty_bitmap)
		kvfree(old->dirty_bitmap);
	return 0;
}

/* What can be told from the request alone. */
static bool region_ok(const struct kvm_userspace_memory_region *r)
{
	u64 all = r->guest_phys_addr | r->memory_size | r->userspace_addr;
	u64 last = r->guest_phys_addr + r->memory_size - 1;

	/* slot has the address space in its upper half; there is only one */
	return !(r->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)) &&
	       r->slot < VHM_MAX_SLOTS && !(all & ~PAGE_MASK) &&
	       access_ok((void __user *)r->userspace_addr, r->memory_size) &&
	       (!r->memory_size ||
		(r->memory_size >> PAGE_SHIFT <= MAX_SLOT_PAGES && last >= r->guest_phys_addr &&
		 !(last >> vhm_caps.maxphyaddr)));
}

static int set_region(struct vhm_vm *vm, const struct kvm_userspace_memory_region *r)
{
	const struct vhm_memslot *found = vhm_slot_by_id(vm, r->slot);
	struct vhm_memslot old = found ? *found : (struct vhm_memslot){};
	struct vhm_memslot new = {
		.gfn = r->guest_phys_addr >> PAGE_SHIFT, .npages = r->memory_size >> PAGE_SHIFT,
		.hva = r->userspace_addr, .bias = r->userspace_addr - r->guest_phys_addr,
		.flags = r->flags, .id = r->slot,
	};
	int ret;

	if (!new.npages)
		return found ? change_slot(vm, r->slot, &old, NULL) : -EINVAL;
	if (found && (new.hva != old.hva || new.npages != old.npages ||
		      ((new.flags ^ old.flags) & KVM_MEM_READONLY)))
		return -EINVAL;
	if (found && new.gfn == old.gfn && new.flags == old.flags)
		return 0;
	if (vhm_slots_overlap(slots_of(vm), new.id, new.gfn, new.npages))
		return -EEXIST;
	if (new.flags & KVM_MEM_LOG_DIRTY_PAGES) {
		new.dirty_bitmap = old.dirty_bitmap ?:
			kvcalloc(BITS_TO_LONGS(new.npages), sizeof(long), GFP_KERNEL_ACCOUNT);
		if (!new.dirty_bitmap)
			return -ENOMEM;
		if (!old.dirty_bitmap && initially_set(vm))
			bitmap_set(new.dirty_bitmap, 0, new.npages);
	}
	ret = change_slot(vm, r->slot, &old, &new);
	if (ret && new.dirty_bitmap != old.dirty_bitmap)
		kvfree(new.dirty_bitmap);
	return ret;
}

int vhm_mem_set_region(struct vhm_vm *vm, const struct kvm_userspace_memory_region *r)
{
	guard(mutex)(&vm->mem.slots_lock);
	return region_ok(r) ? set_region(vm, r) : -EINVAL;
}

int vhm_mem_manual_log(struct vhm_vm *vm, u64 how)
{
	if (how & ~(u64)VHM_MANUAL_LOG || how == KVM_DIRTY_LOG_INITIALLY_SET)
		return -EINVAL;
	guard(mutex)(&vm->mem.slots_lock);
	vm->mem.manual_log = how;
	return 0;
}

/* ---- dirty log ----------------------------------------------------------------- */

/*
 * KVM_GET_DIRTY_LOG takes the bits and protects what they name; with manual
 * protection it only shows them, and KVM_CLEAR_DIRTY_LOG takes those it is given.
 */
enum log_op { LOG_TAKE, LOG_SHOW, LOG_CLEAR };

/* What is to be protected, or shown, of a word of the bitmap. */
static unsigned long log_word(enum log_op op, unsigned long *word, unsigned long asked)
{
	if (op == LOG_CLEAR)
		return asked ? atomic_long_fetch_andnot(asked, (atomic_long_t *)word) & asked : 0;
	return op == LOG_SHOW || !READ_ONCE(*word) ? READ_ONCE(*word) : xchg(word, 0);
}

/*
 * The bitmap from page first on, page by page. A frame is logged after the entry
 * that lets the guest write to it was made, and the bits are taken before entries
 * are protected: a write is in this log or in the next. One flush at the end,
 * before userspace looks at the memory.
 */
static int dirty_log(struct vhm_vm *vm, const struct vhm_memslot *slot, enum log_op op, u64 first,
		     u64 npages, void __user *user)
{
	unsigned long words = BITS_TO_LONGS(npages), w, n, i, b, e;
	unsigned long *buf = (void *)__get_free_page(GFP_KERNEL);
	unsigned long *map = slot->dirty_bitmap + first / BITS_PER_LONG;
	bool hit = false;
	int r = 0;

	if (!buf)
		return -ENOMEM;
	for (w = 0; w < words && !r; w += n) {
		u64 base = slot->gfn + first + w * BITS_PER_LONG;
		void __user *u = user + w * sizeof(long);

		n = min(words - w, PAGE_SIZE / sizeof(long));
		if (op == LOG_CLEAR && copy_from_user(buf, u, n * sizeof(long))) {
			r = -EFAULT;
			break;
		}
		for (i = 0; i < n; i++)
			buf[i] = log_word(op, &map[w + i], buf[i]);
		if (op != LOG_SHOW) {
			write_lock(&vm->mem.lock);
			for_each_set_bitrange(b, e, buf, n * BITS_PER_LONG)
				hit |= vhm_mem_range(&vm->mem, VHM_PT_PROTECT, base + b, base + e,
						     NULL);
			write_unlock(&vm->mem.lock);
		}
		if (op != LOG_CLEAR && copy_to_user(u, buf, n * sizeof(long)))
			r = -EFAULT;
		cond_resched();
	}
	if (hit)
		vhm_request_all_wait(vm, VHM_REQ_TLB_FLUSH);
	free_page((unsigned long)buf);
	return r;
}

int vhm_mem_dirty_log(struct vhm_vm *vm, struct kvm_dirty_log *log)
{
	const struct vhm_memslot *slot;

	if (vm->mem.ring_entries)
		return -ENXIO;
	if (log->slot >= VHM_MAX_SLOTS)
		return -EINVAL;
	guard(mutex)(&vm->mem.slots_lock);
	slot = vhm_slot_by_id(vm, log->slot);
	if (!slot || !slot->dirty_bitmap)
		return -ENOENT;
	return dirty_log(vm, slot, vm->mem.manual_log ? LOG_SHOW : LOG_TAKE, 0,
			 slot->npages, log->dirty_bitmap);
}

int vhm_mem_clear_dirty_log(struct vhm_vm *vm, struct kvm_clear_dirty_log *log)
{
	const struct vhm_memslot *slot;
	u64 left;

	if (vm->mem.ring_entries)
		return -ENXIO;
	if (log->slot >= VHM_MAX_SLOTS || log->first_page % 64)
		return -EINVAL;
	guard(mutex)(&vm->mem.slots_lock);
	slot = vhm_slot_by_id(vm, log->slot);
	if (!slot || !slot->dirty_bitmap)
		return -ENOENT;
	left = slot->npages - log->first_page;
	/* whole words, but at the end of the slot */
	if (log->first_page > slot->npages || log->num_pages > left ||
	    (log->num_pages < left && log->num_pages % 64))
		return -EINVAL;
	return dirty_log(vm, slot, LOG_CLEAR, log->first_page, log->num_pages, log->dirty_bitmap);
}
