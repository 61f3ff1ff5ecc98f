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
 * The slots are read after mem->invalidating was raised: an entry that was
 * installed earlier came from an array at least as old.
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

bool vhm_flush_range(struct vhm_vm *vm, enum vhm_pt_op op, u64 start, u64 end)
{
	LIST_HEAD(freed);
	bool hit;

	if (op == VHM_PT_TEST_YOUNG || op == VHM_PT_CLEAR_YOUNG) {
		read_lock(&vm->mem.lock);
		hit = vhm_mem_range(&vm->mem, op, start, end, NULL);
		read_unlock(&vm->mem.lock);
		return hit;
	}
	write_lock(&vm->mem.lock);
	hit = vhm_mem_range(&vm->mem, op, start, end, &freed);
	if (hit)
		vhm_request_all_wait(vm, VHM_REQ_TLB_FLUSH);
	write_unlock(&vm->mem.lock);
	vhm_pt_free_list(&freed);
	return hit;
}

/* Apply op to what the slots map from hvas [start, end). */
static bool hva_range(struct mmu_notifier *mn, enum vhm_pt_op op, unsigned long start,
		      unsigned long end)
{
	struct vhm_vm *vm = vm_of(mn);
	int idx = srcu_read_lock(&vm->srcu);
	struct vhm_slots *s = srcu_dereference(vm->mem.slots, &vm->srcu);
	bool hit = false;
	u32 i;

	for (i = 0; i < s->n; i++) {
		struct vhm_memslot *m = &s->slot[i];
		unsigned long from = max(start, m->hva);
		unsigned long to = min_t(unsigned long, end, m->hva + (m->npages << PAGE_SHIFT));

		if (from < to)
			hit |= vhm_flush_range(vm, op, PHYS_PFN(from - m->bias),
					       PHYS_PFN(to - m->bias + PAGE_SIZE - 1));
	}
	srcu_read_unlock(&vm->srcu, idx);
	return hit;
}

static int range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vhm_mem *mem = &vm_of(mn)->mem;
	bool first;

	write_lock(&mem->lock);
	first = !mem->invalidating++;
	mem->inv_start = first ? range->start : min(mem->inv_start, range->start);
	mem->inv_end = first ? range->end : max(mem->inv_end, range->end);
	write_unlock(&mem->lock);
	hva_range(mn, VHM_PT_ZAP, range->start, range->end);
	return 0;
}

static void range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct vhm_mem *mem = &vm_of(mn)->mem;

	write_lock(&mem->lock);
	mem->invalidate_seq++;
	mem->invalidating--;
	if (WARN_ON_ONCE(mem->invalidating < 0))
		vhm_kill(vm_of(mn));
	write_unlock(&mem->lock);
}

/*
 * No TLB flush, as the host does none for its own tables on x86: a cached
 * translation can at worst make a page look older than it is.
 */
static vhm_young_t clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
			       unsigned long start, unsigned long end)
{
	return hva_range(mn, VHM_PT_CLEAR_YOUNG, start, end);
}

static vhm_young_t test_young(struct mmu_notifier *mn, struct mm_struct *mm,
			      unsigned long addr)
{
	return hva_range(mn, VHM_PT_TEST_YOUNG, addr, addr + PAGE_SIZE);
}

/* The address space ends, or we leave it: nothing may stay mapped. */
static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	vhm_flush_range(vm_of(mn), VHM_PT_ZAP, 0, ~0ull);
}

const struct mmu_notifier_ops vhm_notifier_ops = {
	.release = release,
	.clear_flush_young = clear_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.invalidate_range_start = range_start,
	.invalidate_range_end = range_end,
};
