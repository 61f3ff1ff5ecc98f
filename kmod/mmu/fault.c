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
 */
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>

#include "host.h"
#include "vhm.h"
#include "table.h"

/* What backs a frame. page is NULL for mappings without struct page. */
struct backing {
	struct page *page;
	u64 pfn;
	bool writable;
};

static void take_page(struct backing *b, struct page *page, bool writable)
{
	b->page = page;
	b->pfn = page_to_pfn(page);
	b->writable = writable;
}

/* 0, -EFAULT, -EINTR, -EHWPOISON, -EAGAIN (look again). */
static int find_backing(struct vhm_vm *vm, unsigned long hva, bool write,
			bool want_write, struct backing *b)
{
	unsigned int flags = FOLL_HWPOISON | VHM_FOLL_INTERRUPTIBLE;
	struct page *page, *better;
	long r;

	/* most often the page is there and writable; also good for reads */
	if (want_write && get_user_pages_fast_only(hva, 1, FOLL_WRITE, &page) == 1) {
		take_page(b, page, true);
		return 0;
	}
	if (write)
		flags |= FOLL_WRITE;
	r = get_user_pages_unlocked(hva, 1, &page, flags);
	if (r == 1) {
		take_page(b, page, write);
		if (want_write && !write &&
		    get_user_pages_fast_only(hva, 1, FOLL_WRITE, &better) == 1) {
			put_page(page);
			take_page(b, better, true);
		}
		return 0;
	}
	if (r != -EFAULT)
		return r ? r : -EFAULT;
	b->page = NULL;
	return vhm_host_pfnmap(vm->mm, hva, write, &b->pfn, &b->writable);
}

/* The largest level that slot, host mapping and hardware allow at this frame. */
static int best_level(struct vhm_vm *vm, const struct vhm_memslot *slot, u64 gfn,
		      unsigned long hva, const struct backing *b)
{
	int level, host;

	/* logging counts 4 KiB frames; large mappings have compound pages */
	if (slot->dirty_bitmap || !b->page || !PageCompound(b->page))
		return 1;
	host = min_t(int, vhm_host_level(vm->mm, hva), vhm_caps.max_page_level);
	for (level = host; level > 1; level--) {
		u64 mask = vhm_level_pages(level) - 1;

		if (!((gfn ^ (hva >> PAGE_SHIFT)) & mask) &&
		    (gfn & ~mask) >= slot->gfn &&
		    (gfn | mask) < slot->gfn + slot->npages)
			return level;
	}
	return 1;
}

static bool must_retry(const struct vhm_mem *mem, unsigned long seq, unsigned long hva)
{
	return mem->invalidate_seq != seq ||
		(mem->invalidating && hva >= mem->inv_start && hva < mem->inv_end);
}

/* A leaf that can only be replaced: remove it; the guest faults again. */
static void clear_way(struct vhm_vm *vm, u64 gfn)
{
	struct vhm_mem *mem = &vm->mem;
	LIST_HEAD(freed);

	write_lock(&mem->lock);
	if (vhm_pt_range(mem, VHM_PT_ZAP, gfn, gfn + 1, &freed))
		vhm_request_all_wait(vm, VHM_REQ_TLB_FLUSH);
	write_unlock(&mem->lock);
	vhm_pt_free_list(mem, &freed);
}

static int map_backing(struct vhm_vcpu *vcpu, const struct vhm_memslot *slot,
		       const struct vhm_leaf *leaf, unsigned long hva, unsigned long seq)
{
	struct vhm_vm *vm = vcpu->vm;
	struct vhm_mem *mem = &vm->mem;
	int r = 0;

	read_lock(&mem->lock);
	if (!must_retry(mem, seq, hva)) {
		r = vhm_pt_install(mem, &vcpu->pt_cache, leaf);
		if (!r && leaf->write)
			vhm_slot_mark_dirty(slot, leaf->gfn);
	}
	read_unlock(&mem->lock);
	if (r == -EEXIST) {
		clear_way(vm, leaf->gfn);
		r = 0;
	}
	return r;
}

static int backing_error(int err, unsigned long hva)
{
	if (err == -EHWPOISON) {
		/* the VMM learns it as from a load of its own */
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)hva, PAGE_SHIFT, current);
		return VHM_RESUME;
	}
	return err == -EAGAIN ? VHM_RESUME : err;
}

int vhm_mmu_fault(struct vhm_vcpu *vcpu, const struct vhm_fault *f)
{
	struct vhm_vm *vm = vcpu->vm;
	struct vhm_mem *mem = &vm->mem;
	u64 gfn = f->gpa >> PAGE_SHIFT;
	const struct vhm_memslot *slot = vhm_slot_find(vm, gfn);
	bool write = f->access & VHM_ACC_WRITE;
	struct vhm_leaf leaf = { .gfn = gfn, .exec = true };
	unsigned long hva, seq;
	struct backing b;
	int r;

	if (!slot || (write && (slot->flags & KVM_MEM_READONLY)))
		return VHM_FAULT_MMIO;
	r = vhm_pt_cache_fill(&vcpu->pt_cache, mem->root_level - 1);
	if (r)
		return r;
	hva = slot->hva + ((gfn - slot->gfn) << PAGE_SHIFT);
	seq = READ_ONCE(mem->invalidate_seq);
	smp_rmb();	/* the count before the VMM's tables; pairs with range_end()'s unlock */
	leaf.write = write || !(slot->dirty_bitmap || (slot->flags & KVM_MEM_READONLY));
	r = find_backing(vm, hva, write, leaf.write, &b);
	if (r)
		return backing_error(r, hva);
	leaf.pfn = b.pfn;
	leaf.write &= b.writable;
	leaf.uncached = !b.page && !pfn_valid(b.pfn);
	leaf.level = best_level(vm, slot, gfn, hva, &b);
	r = map_backing(vcpu, slot, &leaf, hva, seq);
	if (b.page) {
		/* the guest writes without the host seeing it */
		if (leaf.write && !PageDirty(b.page) && !PageReserved(b.page))
			SetPageDirty(b.page);
		put_page(b.page);
	}
	return r ? r : VHM_RESUME;
}
