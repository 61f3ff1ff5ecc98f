// SPDX-License-Identifier: GPL-2.0-only
/*
 * MMU notifiers: the VMM's page tables change, ours follow.
 *
 * While a range is being invalidated nothing may be installed for it; a fault
 * that looked at the VMM's tables before the end of an invalidation must look
 * again. Both are told by mem->invalidating with its hull and by
 * mem->invalidate_seq (fault.c). Callbacks take mem->lock only, which never
 * sleeps, so a caller that must not block needs no special case. (On a
 * PREEMPT_RT kernel the lock sleeps, as the callers' own spinlocks do there.)
 *
 * The slots are read after mem->invalidating was raised, under the same lock:
 * an entry that was installed earlier came from an array at least as old.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "host.h"
#include "vhm.h"
#include "table.h"

static struct vhm_vm *vm_of(struct mmu_notifier *mn)
{
	return container_of(mn, struct vhm_vm, mem.notifier);
}

/*
 * Apply op to what the slots map from hvas [start, end). vm->srcu and
 * mem->lock held.
 */
static bool hva_range(struct vhm_vm *vm, enum vhm_pt_op op, unsigned long start,
		      unsigned long end, struct list_head *freed)
{
	struct vhm_slots *s = srcu_dereference(vm->mem.slots, &vm->srcu);
	bool hit = false;
	u32 i;

	for (i = 0; i < s->n; i++) {
		struct vhm_memslot *m = &s->slot[i];
		unsigned long from = max(start, m->hva);
		unsigned long to = min_t(unsigned long, end, m->hva + (m->npages << PAGE_SHIFT));

		if (from < to)
			hit |= vhm_pt_range(&vm->mem, op,
					    m->gfn + PHYS_PFN(from - m->hva),
					    m->gfn + PHYS_PFN(to - m->hva + PAGE_SIZE - 1), freed);
	}
	return hit;
}

static int range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vhm_vm *vm = vm_of(mn);
	struct vhm_mem *mem = &vm->mem;
	bool first;
	LIST_HEAD(freed);
	int idx = srcu_read_lock(&vm->srcu);

	write_lock(&mem->lock);
	first = !mem->invalidating++;
	mem->inv_start = first ? range->start : min(mem->inv_start, range->start);
	mem->inv_end = first ? range->end : max(mem->inv_end, range->end);
	if (hva_range(vm, VHM_PT_ZAP, range->start, range->end, &freed))
		vhm_request_all_wait(vm, VHM_REQ_TLB_FLUSH);
	write_unlock(&mem->lock);
	srcu_read_unlock(&vm->srcu, idx);
	vhm_pt_free_list(&freed);
	return 0;
}

static void range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vhm_mem *mem = &vm_of(mn)->mem;

	write_lock(&mem->lock);
	mem->invalidate_seq++;
	mem->invalidating--;
	VHM_BUG_ON(mem->invalidating < 0, vm_of(mn));
	write_unlock(&mem->lock);
}

static vhm_young_t young(struct mmu_notifier *mn, enum vhm_pt_op op,
			 unsigned long start, unsigned long end)
{
	struct vhm_vm *vm = vm_of(mn);
	int idx = srcu_read_lock(&vm->srcu);
	bool hit;

	read_lock(&vm->mem.lock);
	hit = hva_range(vm, op, start, end, NULL);
	read_unlock(&vm->mem.lock);
	srcu_read_unlock(&vm->srcu, idx);
	return hit;
}

/*
 * No TLB flush, as the host does none for its own tables on x86: a cached
 * translation can at worst make a page look older than it is.
 */
static vhm_young_t clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
			       unsigned long start, unsigned long end)
{
	return young(mn, VHM_PT_CLEAR_YOUNG, start, end);
}

static vhm_young_t test_young(struct mmu_notifier *mn, struct mm_struct *mm,
			      unsigned long addr)
{
	return young(mn, VHM_PT_TEST_YOUNG, addr, addr + PAGE_SIZE);
}

void vhm_flush_range(struct vhm_vm *vm, enum vhm_pt_op op, u64 start, u64 end)
{
	LIST_HEAD(freed);

	write_lock(&vm->mem.lock);
	if (vhm_pt_range(&vm->mem, op, start, end, &freed))
		vhm_request_all_wait(vm, VHM_REQ_TLB_FLUSH);
	write_unlock(&vm->mem.lock);
	vhm_pt_free_list(&freed);
}

/* The address space ends, or we leave it: nothing may stay mapped. */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	vhm_flush_range(vm_of(mn), VHM_PT_ZAP, 0, ~0ull);
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = release,
	.clear_flush_young = clear_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.invalidate_range_start = range_start,
	.invalidate_range_end = range_end,
};

int vhm_notifier_start(struct vhm_vm *vm)
{
	int r;

	vm->mem.notifier.ops = &notifier_ops;
	r = mmu_notifier_register(&vm->mem.notifier, vm->mm);
	vm->mem.notifier_on = !r;
	return r;
}

void vhm_mem_stop(struct vhm_vm *vm)
{
	if (!vm->mem.notifier_on)
		return;
	vm->mem.notifier_on = false;
	mmu_notifier_unregister(&vm->mem.notifier, vm->mm);
}
