// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots and the dirty log.
 *
 * The slots are one sorted array that is replaced whole. Readers find it under
 * vm->srcu or with interrupts off inside a section. To add a slot is only to
 * publish: a reader that still has the old array sees the memory a moment
 * later. Whatever takes something away waits until no reader has the old array
 * (grace()), and only then drops the second-level entries: nobody can install
 * one from the old slot any more. Arrays that a mere addition replaced wait on
 * a short list for the next grace period, or for the end of the VM.
 */
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vhm.h"
#include "slots.h"
#include "table.h"

#define MAX_RETIRED	8
#define MAX_SLOT_PAGES	((1ul << 31) - 1)	/* KVM's limit of one slot */
#define ZAP_CHUNK	(1ull << 18)		/* frames (1 GiB) per hold of the lock */

static struct vhm_slots no_slots;

static struct vhm_slots *slots_of(struct vhm_vm *vm)
{
	return srcu_dereference_check(vm->mem.slots, &vm->srcu, irqs_disabled() ||
				      lockdep_is_held(&vm->mem.slots_lock));
}

const struct vhm_memslot *vhm_slot_find(struct vhm_vm *vm, u64 gfn)
{
	return vhm_slots_find(slots_of(vm), gfn);
}

void vhm_mark_dirty(struct vhm_vm *vm, u64 gfn)
{
	const struct vhm_memslot *slot = vhm_slot_find(vm, gfn);

	if (slot)
		vhm_slot_mark_dirty(slot, gfn);
}

/* ---- life of the room -------------------------------------------------------- */

int vhm_mem_init(struct vhm_vm *vm)
{
	struct vhm_mem *mem = &vm->mem;
	int r;

	mutex_init(&mem->slots_lock);
	rwlock_init(&mem->lock);
	RCU_INIT_POINTER(mem->slots, &no_slots);
	mem->fmt = vhm_ops->pte_fmt;
	mem->root_level = mem->fmt->levels;
	if (mem->fmt->host_la57 && pgtable_l5_enabled())
		mem->root_level++;
	r = vhm_pt_init(mem);
	if (r)
		return r;
	r = vhm_notifier_start(vm);
	if (r)
		vhm_pt_destroy(mem);
	return r;
}

static void free_slots(struct vhm_slots *s)
{
	if (s != &no_slots)
		kvfree(s);
}

static void free_retired(struct vhm_mem *mem)
{
	while (mem->retired) {
		struct vhm_slots *s = mem->retired;

		mem->retired = s->next;
		free_slots(s);
	}
	mem->n_retired = 0;
}

void vhm_mem_destroy(struct vhm_vm *vm)
{
	struct vhm_mem *mem = &vm->mem;
	struct vhm_slots *s = rcu_dereference_protected(mem->slots, true);
	u32 i;

	vhm_mem_stop(vm);
	for (i = 0; i < s->n; i++)
		kvfree(s->slot[i].dirty_bitmap);
	free_slots(s);
	free_retired(mem);
	vhm_pt_destroy(mem);
	WARN_ON_ONCE(atomic_long_read(&mem->n_tables));
}

/* ---- changing slots ---------------------------------------------------------- */

/* No reader has any array but the present one when this returns. */
static void grace(struct vhm_vm *vm)
{
	synchronize_srcu_expedited(&vm->srcu);
	vhm_sections_wait(vm);
	free_retired(&vm->mem);
}

static void range_flush(struct vhm_vm *vm, enum vhm_pt_op op, u64 gfn, u64 npages)
{
	struct vhm_mem *mem = &vm->mem;
	u64 end = gfn + npages;

	while (gfn < end) {
		u64 next = min(end, (gfn | (ZAP_CHUNK - 1)) + 1);
		LIST_HEAD(freed);

		write_lock(&mem->lock);
		if (vhm_pt_range(mem, op, gfn, next, &freed))
			vhm_request_all_wait(vm, VHM_REQ_TLB_FLUSH);
		write_unlock(&mem->lock);
		vhm_pt_free_list(mem, &freed);
		cond_resched();
		gfn = next;
	}
}

/* Publish the array without slot id, with add. */
static int replace(struct vhm_vm *vm, u32 id, const struct vhm_memslot *add)
{
	struct vhm_mem *mem = &vm->mem;
	struct vhm_slots *old = slots_of(vm);
	struct vhm_slots *new;

	new = kvzalloc(struct_size(new, slot, old->n + 1), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	vhm_slots_change(new, old, id, add);
	if (old != &no_slots) {
		old->next = mem->retired;
		mem->retired = old;
		mem->n_retired++;
	}
	rcu_assign_pointer(mem->slots, new);
	return 0;
}

static int add_slot(struct vhm_vm *vm, struct vhm_memslot *new)
{
	int r = replace(vm, new->id, new);

	if (!r && vm->mem.n_retired > MAX_RETIRED)
		grace(vm);
	return r;
}

static int delete_slot(struct vhm_vm *vm, const struct vhm_memslot *slot)
{
	struct vhm_memslot old = *slot;
	int r = replace(vm, old.id, NULL);

	if (r)
		return r;
	grace(vm);
	range_flush(vm, VHM_PT_ZAP, old.gfn, old.npages);
	kvfree(old.dirty_bitmap);
	return 0;
}

/* The slot moves, or its logging begins or ends. */
static int change_slot(struct vhm_vm *vm, const struct vhm_memslot *slot,
		       struct vhm_memslot *new)
{
	struct vhm_memslot old = *slot;
	int r = replace(vm, old.id, new);

	if (r)
		return r;
	grace(vm);
	if (old.gfn != new->gfn || !new->dirty_bitmap)
		/* moved; or unlogged, and large leaves may come back */
		range_flush(vm, VHM_PT_ZAP, old.gfn, old.npages);
	else
		range_flush(vm, VHM_PT_PROTECT, old.gfn, old.npages);
	if (!new->dirty_bitmap)
		kvfree(old.dirty_bitmap);
	return 0;
}

/* What can be told from the request alone. */
static int check_region(const struct kvm_userspace_memory_region *r)
{
	u64 all = r->guest_phys_addr | r->memory_size | r->userspace_addr;
	u64 last = r->guest_phys_addr + r->memory_size - 1;

	/* slot has the address space in its upper half; there is only one */
	if (r->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY) ||
	    r->slot >= VHM_MAX_SLOTS || (all & ~PAGE_MASK) ||
	    !access_ok((void __user *)r->userspace_addr, r->memory_size))
		return -EINVAL;
	if (!r->memory_size)
		return 0;
	if (r->memory_size >> PAGE_SHIFT > MAX_SLOT_PAGES ||
	    last < r->guest_phys_addr || last >> vhm_caps.maxphyaddr)
		return -EINVAL;
	return 0;
}

static const struct vhm_memslot *slot_by_id(const struct vhm_slots *s, u32 id)
{
	u32 i;

	for (i = 0; i < s->n; i++)
		if (s->slot[i].id == id)
			return &s->slot[i];
	return NULL;
}

static int set_region(struct vhm_vm *vm, const struct kvm_userspace_memory_region *r)
{
	struct vhm_slots *slots = slots_of(vm);
	const struct vhm_memslot *old = slot_by_id(slots, r->slot);
	struct vhm_memslot new = {
		.gfn = r->guest_phys_addr >> PAGE_SHIFT,
		.npages = r->memory_size >> PAGE_SHIFT,
		.hva = r->userspace_addr,
		.flags = r->flags,
		.id = r->slot,
	};
	unsigned long *fresh = NULL;
	int ret;

	if (!new.npages)
		return old ? delete_slot(vm, old) : -EINVAL;
	if (old) {
		if (new.hva != old->hva || new.npages != old->npages ||
		    ((new.flags ^ old->flags) & KVM_MEM_READONLY))
			return -EINVAL;
		if (new.gfn == old->gfn && new.flags == old->flags)
			return 0;
	}
	if (vhm_slots_overlap(slots, new.id, new.gfn, new.npages))
		return -EEXIST;
	if (new.flags & KVM_MEM_LOG_DIRTY_PAGES) {
		new.dirty_bitmap = old ? old->dirty_bitmap : NULL;
		if (!new.dirty_bitmap)
			new.dirty_bitmap = fresh = kvcalloc(BITS_TO_LONGS(new.npages),
							    sizeof(long), GFP_KERNEL_ACCOUNT);
		if (!new.dirty_bitmap)
			return -ENOMEM;
	}
	ret = old ? change_slot(vm, old, &new) : add_slot(vm, &new);
	if (ret)
		kvfree(fresh);
	return ret;
}

int vhm_mem_set_region(struct vhm_vm *vm, const struct kvm_userspace_memory_region *r)
{
	int ret = check_region(r);

	if (ret)
		return ret;
	mutex_lock(&vm->mem.slots_lock);
	ret = set_region(vm, r);
	mutex_unlock(&vm->mem.slots_lock);
	return ret;
}

/* ---- dirty log ----------------------------------------------------------------- */

/* Take n words of the bitmap from word w on; write-protect what they name. */
static bool take_words(struct vhm_mem *mem, const struct vhm_memslot *slot,
		       unsigned long *buf, unsigned long w, unsigned long n)
{
	u64 base = slot->gfn + w * BITS_PER_LONG;
	unsigned long i, b, e;
	bool hit = false;

	for (i = 0; i < n; i++)
		buf[i] = READ_ONCE(slot->dirty_bitmap[w + i]) ?
			xchg(&slot->dirty_bitmap[w + i], 0) : 0;
	write_lock(&mem->lock);
	for_each_set_bitrange(b, e, buf, n * BITS_PER_LONG)
		hit |= vhm_pt_range(mem, VHM_PT_PROTECT, base + b, base + e, NULL);
	write_unlock(&mem->lock);
	return hit;
}

/*
 * A frame is logged after the entry that lets the guest write to it was made,
 * and the bits are taken before entries are protected: a write is in this log
 * or in the next. One flush at the end, before userspace looks at the memory.
 */
static int dirty_log(struct vhm_vm *vm, const struct vhm_memslot *slot, void __user *to)
{
	unsigned long words = BITS_TO_LONGS(slot->npages), w, n;
	unsigned long *buf = (void *)__get_free_page(GFP_KERNEL);
	bool hit = false;
	int r = 0;

	if (!buf)
		return -ENOMEM;
	for (w = 0; w < words && !r; w += n) {
		n = min(words - w, PAGE_SIZE / sizeof(long));
		hit |= take_words(&vm->mem, slot, buf, w, n);
		if (copy_to_user(to + w * sizeof(long), buf, n * sizeof(long)))
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
	int r = -ENOENT;

	if (log->slot >= VHM_MAX_SLOTS)
		return -EINVAL;
	mutex_lock(&vm->mem.slots_lock);
	slot = slot_by_id(slots_of(vm), log->slot);
	if (slot && slot->dirty_bitmap)
		r = dirty_log(vm, slot, log->dirty_bitmap);
	mutex_unlock(&vm->mem.slots_lock);
	return r;
}
