// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty ring: every page that a vCPU dirties is told once, in a ring that
 * the VMM maps (page KVM_DIRTY_LOG_PAGE_OFFSET of the vCPU's mapping).
 *
 * The bitmap of a logged slot stays behind it and says which pages are in some
 * ring: a page enters when its bit goes from 0 to 1. KVM_RESET_DIRTY_RINGS takes
 * the entries that the VMM has marked, clears their bits and protects the pages;
 * the VMM looks at what is in them after that. Both happen under mem->lock held
 * for writing, and a fault makes its entry and sets the bit under it held for
 * reading, so a page that is writable has its bit set.
 *
 * The VMM writes what it likes into the ring at any time. hv keeps both indices
 * to itself, reads each field of an entry once, never looks at more entries than
 * it has put there, and checks slot and page like those of any request.
 *
 * A ring has room for RESERVED entries after the VMM is told that it is full: for
 * what an instruction under way and the pages shared with the guest may add before
 * the vCPU stops. A VMM that makes hv write elsewhere all the same (MSRs that name
 * a page) loses those entries, never others.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "vhm.h"
#include "slots.h"
#include "table.h"

#define RESERVED	64

int vhm_ring_enable(struct vhm_vm *vm, u64 size)
{
	lockdep_assert_held(&vm->lock);
	if (size > VHM_RING_MAX_BYTES)
		return -E2BIG;
	if (size < PAGE_SIZE || !is_power_of_2(size) || vm->mem.ring_entries || vm->n_vcpus)
		return -EINVAL;
	vm->mem.ring_entries = size / sizeof(struct kvm_dirty_gfn);
	return 0;
}

int vhm_ring_alloc(struct vhm_vcpu *vcpu)
{
	u32 n = vcpu->vm->mem.ring_entries;

	raw_spin_lock_init(&vcpu->ring.lock);
	if (!n)
		return 0;
	vcpu->ring.gfns = __vmalloc(n * sizeof(struct kvm_dirty_gfn),
				    GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return vcpu->ring.gfns ? 0 : -ENOMEM;
}

struct page *vhm_ring_page(struct vhm_vcpu *vcpu, unsigned long n)
{
	if (n >= vcpu->vm->mem.ring_entries * sizeof(struct kvm_dirty_gfn) >> PAGE_SHIFT)
		return NULL;
	return vmalloc_to_page((void *)vcpu->ring.gfns + n * PAGE_SIZE);
}

static u32 used(const struct vhm_ring *ring)
{
	return READ_ONCE(ring->next) - READ_ONCE(ring->reset);
}

bool vhm_ring_full(struct vhm_vcpu *vcpu)
{
	return used(&vcpu->ring) >= vcpu->vm->mem.ring_entries - RESERVED;
}

/* Who is writing: the vCPU that this thread runs, else (an ioctl writes) the first. */
static struct vhm_vcpu *writer(struct vhm_vm *vm)
{
	struct vhm_vcpu *vcpu;
	int i;

	vhm_for_each_vcpu(i, vcpu, vm)
		if (READ_ONCE(vcpu->task) == current)
			return vcpu;
	return vm->vcpus[0];
}

void vhm_ring_push(struct vhm_vm *vm, const struct vhm_memslot *slot, u64 page)
{
	struct vhm_vcpu *vcpu = writer(vm);
	struct vhm_ring *ring = &vcpu->ring;
	struct kvm_dirty_gfn *g;
	unsigned long flags;

	raw_spin_lock_irqsave(&ring->lock, flags);
	if (likely(used(ring) < vm->mem.ring_entries)) {
		g = &ring->gfns[ring->next & (vm->mem.ring_entries - 1)];
		g->slot = slot->id;
		g->offset = page;
		/* the entry before the flag that makes it one; pairs with the VMM's acquire */
		smp_store_release(&g->flags, KVM_DIRTY_GFN_F_DIRTY);
		WRITE_ONCE(ring->next, ring->next + 1);
	}
	raw_spin_unlock_irqrestore(&ring->lock, flags);
	if (vhm_ring_full(vcpu))
		vhm_request(vcpu, VHM_REQ_RING_FULL);
}

/* ---- KVM_RESET_DIRTY_RINGS ------------------------------------------------- */

/* Neighbours in a ring that are neighbours in memory. */
struct run {
	u32 slot;
	u64 first, n;
};

/* Pages that the VMM has seen: true when a TLB may still let the guest write there. */
static bool protect(struct vhm_vm *vm, const struct run *run)
{
	const struct vhm_memslot *slot = vhm_slot_by_id(vm, run->slot);
	bool hit;
	u64 i;

	cond_resched();
	/* what the VMM says may never have been true, or not be any more */
	if (!run->n || !slot || !slot->dirty_bitmap || run->first >= slot->npages ||
	    run->n > slot->npages - run->first)
		return false;
	write_lock(&vm->mem.lock);
	for (i = run->first; i < run->first + run->n; i++)
		clear_bit_le(i, slot->dirty_bitmap);
	i = slot->gfn + run->first;
	hit = vhm_mem_range(&vm->mem, VHM_PT_PROTECT, i, i + run->n, NULL);
	write_unlock(&vm->mem.lock);
	return hit;
}

/* How many entries were taken back. */
static u32 reset(struct vhm_vm *vm, struct vhm_ring *ring, bool *hit)
{
	u32 i, n = used(ring);
	struct run run = {};

	for (i = 0; i < n; i++) {
		struct kvm_dirty_gfn *g = &ring->gfns[ring->reset & (vm->mem.ring_entries - 1)];
		u32 slot;
		u64 page;

		/* pairs with the VMM's release: it has read the entry */
		if (!(smp_load_acquire(&g->flags) & KVM_DIRTY_GFN_F_RESET))
			break;
		slot = READ_ONCE(g->slot);
		page = READ_ONCE(g->offset);
		WRITE_ONCE(g->flags, 0);
		/* from here on it may be filled again; pairs with the look at used() before that */
		smp_store_release(&ring->reset, ring->reset + 1);
		if (slot != run.slot || page != run.first + run.n || run.n == BITS_PER_LONG) {
			*hit |= protect(vm, &run);
			run = (struct run){ .slot = slot, .first = page };
		}
		run.n++;
	}
	*hit |= protect(vm, &run);
	return i;
}

int vhm_ring_reset_all(struct vhm_vm *vm)
{
	struct vhm_vcpu *vcpu;
	bool hit = false;
	int i, n = 0;

	if (!READ_ONCE(vm->mem.ring_entries))
		return -EINVAL;
	guard(mutex)(&vm->mem.slots_lock);
	vhm_for_each_vcpu(i, vcpu, vm)
		n += reset(vm, &vcpu->ring, &hit);
	if (hit)
		vhm_request_all_wait(vm, VHM_REQ_TLB_FLUSH);
	return n;
}
