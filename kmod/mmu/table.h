/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table engine and what else the files of this room call of each other.
 */
#ifndef VHM_MMU_TABLE_H
#define VHM_MMU_TABLE_H

#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/types.h>

#include "vhm.h"

/** vhm_level_pages: 4 KiB frames that an entry of this level covers. */
static inline u64 vhm_level_pages(int level)
{
	return 1ull << (9 * (level - 1));
}

/* What a leaf is to say. */
struct vhm_leaf {
	u64 gfn, pfn;		/* pfn backs exactly gfn, also when level > 1 */
	int level;		/* the largest level that may be used */
	bool write, exec, uncached;
};

/** vhm_pt_destroy: free what is left, the root too; nobody else knows the tables. */
void vhm_pt_destroy(struct vhm_mem *mem);

/**
 * vhm_pt_install: make gfn's translation at least as permissive as asked.
 * mem->lock held for reading or writing. 0 when it is there now; -EEXIST when
 * a leaf stands in the way that only removal cures; -ENOMEM when the cache has
 * run out of pages.
 */
int vhm_pt_install(struct vhm_mem *mem, struct vhm_pt_cache *cache,
		   const struct vhm_leaf *leaf);

enum vhm_pt_op {
	VHM_PT_ZAP,		/* remove leaves; also tables that the range covers whole */
	VHM_PT_PROTECT,		/* make 4 KiB leaves read-only, remove larger ones */
	VHM_PT_TEST_YOUNG,	/* has any been accessed? */
	VHM_PT_CLEAR_YOUNG,	/* the same, and forget it */
};

/**
 * vhm_pt_range: apply op to every leaf that overlaps gfns [start, end). A zap
 * puts the table pages it took out on *freed; the caller frees them after the
 * TLB flush. mem->lock held for writing; reading suffices for the YOUNG ones.
 * True when something was removed, protected, or found accessed.
 */
bool vhm_pt_range(struct vhm_mem *mem, enum vhm_pt_op op, u64 start, u64 end,
		  struct list_head *freed);

/** vhm_pt_lookup: what backs gfn; false: no leaf does yet. mem->lock. */
bool vhm_pt_lookup(struct vhm_mem *mem, u64 gfn, struct vhm_leaf *leaf);

/** vhm_shadow_range: vhm_pt_range() for the shadow (shadow.c). The same locks. */
bool vhm_shadow_range(struct vhm_mem *mem, enum vhm_pt_op op, u64 start, u64 end);

/** vhm_mem_range: both. */
static inline bool vhm_mem_range(struct vhm_mem *mem, enum vhm_pt_op op, u64 start, u64 end,
				 struct list_head *freed)
{
	bool hit = vhm_pt_range(mem, op, start, end, freed);

	return (mem->shadow && vhm_shadow_range(mem, op, start, end)) || hit;
}

/** vhm_pt_free_list: give back the pages that vhm_pt_range() took out. */
void vhm_pt_free_list(struct list_head *freed);

/** vhm_pt_cache_fill: at least n spare pages. Process. -ENOMEM. */
int vhm_pt_cache_fill(struct vhm_pt_cache *cache, int n);

/** vhm_ring_push: tell the VMM of a page of a slot that was clean. Any context, a vCPU's thread. */
void vhm_ring_push(struct vhm_vm *vm, const struct vhm_memslot *slot, u64 page);

/**
 * vhm_slot_mark_dirty: log a frame of the slot, after the write or after the
 * entry that permits it was made. Any context, a vCPU's thread.
 */
static inline void vhm_slot_mark_dirty(struct vhm_vm *vm, const struct vhm_memslot *slot, u64 gfn)
{
	if (slot->dirty_bitmap && !test_and_set_bit_le(gfn - slot->gfn, slot->dirty_bitmap) &&
	    vm->mem.ring_entries)
		vhm_ring_push(vm, slot, gfn - slot->gfn);
}

/**
 * vhm_flush_range: vhm_mem_range() with all that belongs to it: lock, TLB flush
 * (not for the YOUNG ones), freeing. No spinlock held.
 */
bool vhm_flush_range(struct vhm_vm *vm, enum vhm_pt_op op, u64 start, u64 end);

/* notifier.c: what follows vm->mm */
extern const struct mmu_notifier_ops vhm_notifier_ops;

#endif
