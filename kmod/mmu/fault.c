// SPDX-License-Identifier: GPL-2.0-only
/*
 * Second-level faults: from guest frame to slot, to the VMM's address, to the
 * host's page, to an entry.
 *
 * The page is looked up without a lock and held only until the entry is made.
 * What keeps the entry right afterwards is the notifier; what keeps it right
 * in between is the sequence count: taken before the look-up, compared under
 * mem->lock before the entry is made.
 *
 * An entry is writable only when the VMM's own entry was found writable, so
 * copy on write, write-notify and the zero page keep working. A logged slot
 * gets writable entries only on write faults, at 4 KiB.
 *
 * Where vhm_caps.exec_4k_only, a large entry is not executable, and the first fetch
 * through one has it replaced by 4 KiB entries.
 */
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>

#include "host.h"
#include "vhm.h"
#include "table.h"

/*
 * What backs a frame: leaf->pfn, and *page unless the mapping has none. On entry
 * leaf->write says whether write permission is welcome, then whether it was got.
 * 0, -EFAULT, -EINTR, -EHWPOISON, -EAGAIN (look again).
 */
static int find_backing(struct vhm_vm *vm, unsigned long hva, bool write, struct page **page,
			struct vhm_leaf *leaf)
{
	unsigned int flags = FOLL_HWPOISON | VHM_FOLL_INTERRUPTIBLE | (write ? FOLL_WRITE : 0);
	bool welcome = leaf->write, writable;
	struct page *better;
	long r;

	/* most often the page is there and writable; also good for reads */
	if (welcome && get_user_pages_fast_only(hva, 1, FOLL_WRITE, page) == 1)
		goto found;
	r = get_user_pages_unlocked(hva, 1, page, flags);
	if (r == 1) {
		leaf->write = write;
		if (welcome && !write &&
		    get_user_pages_fast_only(hva, 1, FOLL_WRITE, &better) == 1) {
			put_page(*page);
			*page = better;
			leaf->write = true;
		}
		goto found;
	}
	if (r != -EFAULT)
		return r ? r : -EFAULT;
	*page = NULL;
	r = vhm_host_pfnmap(vm->mm, hva, write, &leaf->pfn, &writable);
	leaf->write = welcome && !r && writable;
	leaf->uncached = !r && !pfn_valid(leaf->pfn);
	return r;
found:
	leaf->pfn = page_to_pfn(*page);
	return 0;
}

/* The largest level that slot, host mapping and hardware allow at this frame. */
static int best_level(struct vhm_vm *vm, const struct vhm_memslot *slot, u64 gfn,
		      unsigned long hva, struct page *page)
{
	int level = 1;

	/* logging counts 4 KiB frames; large mappings have compound pages */
	if (!slot->dirty_bitmap && page && PageCompound(page))
		level = min_t(int, vhm_host_level(vm->mm, hva), vhm_caps.max_page_level);
	for (; level > 1; level--) {
		u64 mask = vhm_level_pages(level) - 1;

		if (!((gfn ^ (hva >> PAGE_SHIFT)) & mask) && (gfn & ~mask) >= slot->gfn &&
		    (gfn | mask) < slot->gfn + slot->npages)
			break;
	}
	return max(level, 1);
}

static int map_backing(struct vhm_vcpu *vcpu, const struct vhm_memslot *slot,
		       const struct vhm_leaf *leaf, unsigned long hva, unsigned long seq)
{
	struct vhm_mem *mem = &vcpu->vm->mem;
	int r = 0;

	read_lock(&mem->lock);
	/* else the backing may be another by now: the guest faults again */
	if (mem->invalidate_seq == seq &&
	    !(mem->invalidating && hva >= mem->inv_start && hva < mem->inv_end)) {
		r = vhm_pt_install(mem, &vcpu->pt_cache, leaf);
		if (!r && leaf->write)	/* of a slot, then */
			vhm_slot_mark_dirty(vcpu->vm, slot, leaf->gfn);
		vcpu->stats.pf_fixed += !r && !mem->shadow;
	}
	read_unlock(&mem->lock);
	if (r != -EEXIST)
		return r;
	/* a leaf that can only be replaced: remove it; the guest faults again */
	vhm_flush_range(vcpu->vm, VHM_PT_ZAP, leaf->gfn, leaf->gfn + 1);
	return 0;
}

/* Where no slot is: hv's own page, or no memory. */
static int no_slot(struct vhm_vcpu *vcpu, u64 gfn, bool write)
{
	const struct vhm_leaf leaf = {
		.gfn = gfn, .pfn = vhm_caps.identity_pa >> PAGE_SHIFT, .level = 1, .exec = true,
	};

	if (!vhm_caps.identity_pa || gfn != vcpu->vm->identity_gfn || write)
		return VHM_FAULT_MMIO;
	return vhm_pt_cache_fill(&vcpu->pt_cache, vcpu->vm->mem.root_level - 1) ?:
	       map_backing(vcpu, NULL, &leaf, 0, READ_ONCE(vcpu->vm->mem.invalidate_seq));
}

int vhm_mmu_fault(struct vhm_vcpu *vcpu, const struct vhm_fault *f)
{
	struct vhm_vm *vm = vcpu->vm;
	u64 gfn = f->gpa >> PAGE_SHIFT;
	const struct vhm_memslot *slot = vhm_slot_find(vm, gfn);
	bool write = f->access & VHM_ACC_WRITE;
	struct vhm_leaf leaf = { .gfn = gfn, .exec = true };
	unsigned long hva, seq;
	struct page *page;
	int r;

	if (!slot)
		return no_slot(vcpu, gfn, write);
	if (write && (slot->flags & KVM_MEM_READONLY))
		return VHM_FAULT_MMIO;
	r = vhm_pt_cache_fill(&vcpu->pt_cache, vm->mem.root_level - 1);
	if (r)
		return r;
	hva = slot->hva + ((gfn - slot->gfn) << PAGE_SHIFT);
	seq = READ_ONCE(vm->mem.invalidate_seq);
	smp_rmb();	/* the count before the VMM's tables; pairs with range_end()'s unlock */
	leaf.write = write || !(slot->dirty_bitmap || (slot->flags & KVM_MEM_READONLY));
	r = find_backing(vm, hva, write, &page, &leaf);
	if (r == -EHWPOISON)	/* the VMM learns it as from a load of its own */
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)hva, PAGE_SHIFT, current);
	if (r)
		return r == -EHWPOISON || r == -EAGAIN ? VHM_RESUME : r;
	leaf.level = best_level(vm, slot, gfn, hva, page);
	if (unlikely(vhm_caps.exec_4k_only && leaf.level > 1)) {
		leaf.exec = f->access & VHM_ACC_EXEC;
		if (leaf.exec)
			leaf.level = 1;
	}
	r = map_backing(vcpu, slot, &leaf, hva, seq);
	if (page) {
		/* the guest writes without the host seeing it */
		if (leaf.write && !PageDirty(page) && !PageReserved(page))
			SetPageDirty(page);
		put_page(page);
	}
	return r ? r : VHM_RESUME;
}
