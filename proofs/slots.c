// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots. For any slots of any size at any frame, sorted and apart:
 *  - a frame is found in the slot that has it, and in no other, whatever the hint;
 *  - the host address of a byte in a slot is in the slot's mapping;
 *  - a change keeps the array sorted and apart, when the overlap check let it pass;
 *  - the dirty bit of a frame that is found lies in the slot's bitmap.
 * Bounds: up to 3 slots, 4 after a change; sizes and places as region_ok() of
 * memslot.c admits them (below 2^31 pages, guest addresses below 2^52, user
 * addresses below 2^47).
 *
 * CBMC: --function of_find --unwind 5
 * CBMC: --function of_change --unwind 6
 * MUTANT: mmu/slots.h s/gfn - m->gfn < m->npages/gfn - m->gfn <= m->npages/
 * MUTANT: mmu/slots.h s/if (i < hi && vhm_slot_has/if (vhm_slot_has/
 * MUTANT: mmu/slots.h s/lo = i + 1/lo = i + 2/
 * MUTANT: mmu/slots.h s/m->gfn < gfn + npages && /m->gfn < gfn \&\& /
 * MUTANT: mmu/slots.h s/slot\[i - 1\].gfn > add->gfn/slot[i - 1].gfn < add->gfn/
 */
#include "shim.h"
#include "vhm.h"
#include "mmu/slots.h"
#include "mmu/table.h"

#define MAX_PAGES	((1ul << 31) - 1)

static struct { struct vhm_slots s; struct vhm_memslot slot[4]; } old, new;

static bool sane(const struct vhm_memslot *m)
{
	return m->npages && m->npages <= MAX_PAGES && m->gfn < 1ull << 40 &&
	       m->gfn + m->npages <= 1ull << 40 && !(m->hva & 0xfff) && m->hva < 1ul << 47 &&
	       m->hva + m->npages * PAGE_SIZE <= 1ul << 47 &&
	       m->bias == m->hva - m->gfn * PAGE_SIZE;
}

static bool sorted(const struct vhm_slots *s)
{
	u32 i;

	for (i = 0; i + 1 < s->n; i++)
		if (s->slot[i].gfn + s->slot[i].npages > s->slot[i + 1].gfn)
			return false;
	return true;
}

static void any_slots(void)
{
	u32 i;

	__CPROVER_havoc_object(&old);
	__CPROVER_assume(old.s.n <= 3);
	for (i = 0; i < old.s.n; i++)
		__CPROVER_assume(sane(&old.s.slot[i]));
	__CPROVER_assume(sorted(&old.s));
}

static bool has(const struct vhm_memslot *m, u64 gfn)
{
	return gfn >= m->gfn && gfn < m->gfn + m->npages;
}

void of_find(void)
{
	u64 gfn = nondet_u64(), gpa;
	struct vhm_memslot *m;
	u32 i;

	any_slots();
	m = vhm_slots_find(&old.s, gfn);
	for (i = 0; i < old.s.n; i++)
		assert(has(&old.s.slot[i], gfn) == (m == &old.s.slot[i]));
	if (!m)
		return;
	gpa = gfn * PAGE_SIZE + nondet_u32() % PAGE_SIZE;
	assert((unsigned long)vhm_slot_hva(m, gpa) - m->hva < m->npages * PAGE_SIZE);
	assert((gfn - m->gfn) / 64 < (m->npages + 63) / 64);
}

void of_change(void)
{
	struct vhm_memslot add;		/* anything */
	u32 id = nondet_u32();

	any_slots();
	__CPROVER_assume(sane(&add));
	add.id = id;
	if (nondet_u8() & 1) {
		vhm_slots_change(&new.s, &old.s, id, NULL);
	} else {
		if (vhm_slots_overlap(&old.s, id, add.gfn, add.npages))
			return;
		vhm_slots_change(&new.s, &old.s, id, &add);
	}
	assert(new.s.n <= old.s.n + 1 && sorted(&new.s));
}
