/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Searching the sorted array of slots, and a quick look at what is in one.
 * Also built by the unit tests.
 */
#ifndef VHM_MMU_SLOTS_H
#define VHM_MMU_SLOTS_H

#include <linux/uaccess.h>

#include "vhm.h"

static inline bool vhm_slot_has(const struct vhm_memslot *m, u64 gfn)
{
	return gfn - m->gfn < m->npages;
}

/** vhm_slots_find: the slot that holds gfn, or NULL. */
static inline struct vhm_memslot *vhm_slots_find(struct vhm_slots *s, u64 gfn)
{
	u32 lo = 0, hi = s->n, i = READ_ONCE(s->hint);

	if (i < hi && vhm_slot_has(&s->slot[i], gfn))
		return &s->slot[i];
	while (lo < hi) {
		i = (lo + hi) / 2;
		if (vhm_slot_has(&s->slot[i], gfn)) {
			WRITE_ONCE(s->hint, i);
			return &s->slot[i];
		}
		if (s->slot[i].gfn < gfn)
			lo = i + 1;
		else
			hi = i;
	}
	return NULL;
}

static inline void __user *vhm_slot_hva(const struct vhm_memslot *m, u64 gpa)
{
	return (void __user *)(m->bias + gpa);
}

/**
 * vhm_peek: read size bytes (4, 8) within a page of guest memory; hot. *m: the
 * slot of the last read, or NULL. Page faults are disabled. 0, -EFAULT.
 */
static __always_inline int vhm_peek(struct vhm_slots *s, const struct vhm_memslot **m, u64 gpa,
				    u64 *val, u32 size)
{
	int r = -EFAULT;

	if (!*m || unlikely(!vhm_slot_has(*m, gpa >> PAGE_SHIFT)))
		*m = vhm_slots_find(s, gpa >> PAGE_SHIFT);
	if (unlikely(!*m || !user_access_begin(vhm_slot_hva(*m, gpa), size)))
		return r;
	if (likely(size == 8))
		unsafe_get_user(*val, (u64 __user *)vhm_slot_hva(*m, gpa), fault);
	else
		unsafe_get_user(*val, (u32 __user *)vhm_slot_hva(*m, gpa), fault);
	r = 0;
fault:
	user_access_end();
	return r;
}

/** vhm_slots_overlap: does a slot other than id lie in [gfn, gfn + npages)? */
static inline bool vhm_slots_overlap(const struct vhm_slots *s, u32 id, u64 gfn, u64 npages)
{
	const struct vhm_memslot *m;

	for (m = s->slot; m < s->slot + s->n; m++)
		if (m->id != id && m->gfn < gfn + npages && gfn < m->gfn + m->npages)
			return true;
	return false;
}

/**
 * vhm_slots_change: dst, all zero, becomes src without slot id, with add put in
 * order when given. dst has room for src->n + 1.
 */
static inline void vhm_slots_change(struct vhm_slots *dst, const struct vhm_slots *src,
				    u32 id, const struct vhm_memslot *add)
{
	u32 i;

	for (i = 0; i < src->n; i++)
		if (src->slot[i].id != id)
			dst->slot[dst->n++] = src->slot[i];
	if (add) {
		for (i = dst->n++; i && dst->slot[i - 1].gfn > add->gfn; i--)
			dst->slot[i] = dst->slot[i - 1];
		dst->slot[i] = *add;
	}
}

#endif
