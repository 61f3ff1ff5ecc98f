// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coalesced writes: the VMM reads them later from a ring it shares.
 *
 * The ring is page KVM_COALESCED_MMIO_PAGE_OFFSET of every vCPU's mapping. Its
 * `first` belongs to the VMM and is read once and bounded; `last` is kept here
 * and only published there.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "vhm.h"

#define MAX_ZONES	100
#define RING_SLOTS	((u32)KVM_COALESCED_MMIO_MAX)

struct vhm_coalesced {
	raw_spinlock_t lock;		/* all below and the ring's writer side */
	int n;
	u32 last;
	struct kvm_coalesced_mmio_ring *ring;	/* constant */
	struct kvm_coalesced_mmio_zone zone[MAX_ZONES];
};

int vhm_coalesced_init(struct vhm_vm *vm)
{
	struct vhm_coalesced *c = vm->coalesced = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return -ENOMEM;
	raw_spin_lock_init(&c->lock);
	c->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return c->ring ? 0 : -ENOMEM;
}

struct page *vhm_coalesced_page(struct vhm_vm *vm)
{
	return virt_to_page(vm->coalesced->ring);
}

static bool inside(const struct kvm_coalesced_mmio_zone *z, bool pio, u64 addr, u32 len)
{
	return z->pio == pio && addr >= z->addr && addr + len >= addr &&
	       addr + len <= z->addr + z->size;
}

static bool put(struct vhm_coalesced *c, bool pio, u64 addr, int size, u64 val)
{
	u32 first = READ_ONCE(c->ring->first) % RING_SLOTS;	/* user-controlled */
	u32 next = (c->last + 1) % RING_SLOTS;
	struct kvm_coalesced_mmio *m = &c->ring->coalesced_mmio[c->last];

	if (next == first)
		return false;
	m->phys_addr = addr;
	m->len = size;
	m->pio = pio;
	memcpy(m->data, &val, sizeof(val));
	/* the VMM must see the entry before the index; it reads with its own barrier */
	smp_wmb();
	c->last = next;
	WRITE_ONCE(c->ring->last, next);
	return true;
}

bool vhm_coalesced_write(struct vhm_vm *vm, bool pio, u64 addr, int size, u64 val)
{
	struct vhm_coalesced *c = vm->coalesced;
	unsigned long flags;
	bool done = false;
	int i;

	if (!READ_ONCE(c->n))
		return false;
	raw_spin_lock_irqsave(&c->lock, flags);
	for (i = 0; i < c->n && !done; i++)
		if (inside(&c->zone[i], pio, addr, size))
			done = put(c, pio, addr, size, val);
	raw_spin_unlock_irqrestore(&c->lock, flags);
	return done;
}

/*
 * vhm_coalesced_zone - KVM_REGISTER_COALESCED_MMIO and its opposite
 *
 * As in KVM, every zone that holds the given range is removed. Process context.
 * -EINVAL: the pio field is neither 0 nor 1; -ENOSPC: no room for another zone.
 */
int vhm_coalesced_zone(struct vhm_vm *vm, const struct kvm_coalesced_mmio_zone *z, bool add)
{
	struct vhm_coalesced *c = vm->coalesced;
	int i, kept = 0, r = 0;

	if (z->pio > 1)
		return -EINVAL;
	raw_spin_lock_irq(&c->lock);
	if (!add) {
		for (i = 0; i < c->n; i++)
			if (!inside(&c->zone[i], z->pio, z->addr, z->size))
				c->zone[kept++] = c->zone[i];
		c->n = kept;
	} else if (c->n < MAX_ZONES) {
		c->zone[c->n++] = *z;
	} else {
		r = -ENOSPC;
	}
	raw_spin_unlock_irq(&c->lock);
	return r;
}

/* vhm_coalesced_destroy - free the ring; no vCPU is left, pages may be mapped still. */
void vhm_coalesced_destroy(struct vhm_vm *vm)
{
	if (vm->coalesced)
		free_page((unsigned long)vm->coalesced->ring);
	kfree(vm->coalesced);
}
