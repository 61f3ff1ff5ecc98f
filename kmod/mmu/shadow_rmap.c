// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries of shadow pages, and where they are found from what they point to.
 *
 * Each entry has a number, page and index. Those that map one frame at one level
 * form a chain through the link words of their pages, beginning in a hash table;
 * so do those that point to one table, beginning in its page. All under
 * mem->lock: for writing, but for the accessed bits.
 */
#include <linux/atomic.h>
#include <linux/mm.h>

#include "vhm.h"
#include "shadow.h"

#define ID_MASK	(BIT_ULL(VHM_ID_BITS) - 1)

static u64 *link_of(struct vhm_shadow *sh, u32 id)
{
	return &sh->sp[id >> 9]->link[id & 511];
}

static u32 id_of(const struct vhm_sp *sp, u32 idx)
{
	return sp->id << 9 | idx;
}

static u32 *rmap_head(struct vhm_shadow *sh, u64 gfn, int level)
{
	return &sh->rmap[hash_64(gfn << 1 | (level > 1), VHM_RMAP_BITS)];
}

static void chain_add(struct vhm_shadow *sh, u32 *head, u32 id, u64 gfn)
{
	*link_of(sh, id) = gfn << VHM_ID_BITS | *head;
	*head = id;
}

static void chain_del(struct vhm_shadow *sh, u32 *head, u32 id)
{
	u64 after = *link_of(sh, id) & ID_MASK, *l;
	u32 at = *head;

	if (at == id) {
		*head = after;
		return;
	}
	while (at) {
		l = link_of(sh, at);
		at = *l & ID_MASK;
		if (at == id) {
			*l = (*l & ~ID_MASK) | after;
			return;
		}
	}
	WARN_ON_ONCE(1);
}

static bool is_leaf(const struct vhm_sp *sp, u64 spte)
{
	return sp->role.level == 1 || (spte & SPTE_PS);
}

struct vhm_sp *vhm_spte_child(const struct vhm_sp *sp, u32 idx)
{
	u64 spte = sp->pt[idx];

	if (!spte || is_leaf(sp, spte))
		return NULL;
	return (struct vhm_sp *)page_private(virt_to_page(__va(spte & SPTE_ADDR)));
}

void vhm_spte_drop(struct vhm_shadow *sh, struct vhm_sp *sp, u32 idx)
{
	u64 spte = sp->pt[idx];
	u32 *head;

	if (!spte)
		return;
	head = is_leaf(sp, spte) ?
	       rmap_head(sh, vhm_sp_gfn(sp, idx), sp->role.level) :
	       &vhm_spte_child(sp, idx)->parents;
	WRITE_ONCE(sp->pt[idx], 0);
	chain_del(sh, head, id_of(sp, idx));
	sh->stale = true;
}

void vhm_spte_link(struct vhm_shadow *sh, struct vhm_sp *sp, u32 idx, struct vhm_sp *below)
{
	if (vhm_spte_child(sp, idx) == below)
		return;
	vhm_spte_drop(sh, sp, idx);
	chain_add(sh, &below->parents, id_of(sp, idx), 0);
	/* the four upper entries of PAE tables have no rights */
	WRITE_ONCE(sp->pt[idx], __pa(below->pt) | SPTE_P |
		   (sp->role.pdpt ? 0 : SPTE_W | SPTE_U | SPTE_A));
}

void vhm_spte_set(struct vhm_shadow *sh, struct vhm_sp *sp, u32 idx, u64 gfn, u64 spte)
{
	u64 old = sp->pt[idx];

	if (old && is_leaf(sp, old) && !((old ^ spte) & SPTE_ADDR) &&
	    vhm_sp_gfn(sp, idx) == gfn) {
		sh->stale |= (old & ~spte & (SPTE_W | SPTE_U)) || (~old & spte & SPTE_NX);
		WRITE_ONCE(sp->pt[idx], spte);
		return;
	}
	vhm_spte_drop(sh, sp, idx);
	chain_add(sh, rmap_head(sh, gfn, sp->role.level), id_of(sp, idx), gfn);
	WRITE_ONCE(sp->pt[idx], spte);
}

/* ---- by frame --------------------------------------------------------------------- */

static bool leaf_op(struct vhm_shadow *sh, enum vhm_pt_op op, struct vhm_sp *sp, u32 idx)
{
	u64 bits = sp->pt[idx] & (op == VHM_PT_PROTECT ? SPTE_W : SPTE_A);

	if (op == VHM_PT_ZAP || (op == VHM_PT_PROTECT && bits && sp->role.level > 1)) {
		vhm_spte_drop(sh, sp, idx);
		return true;
	}
	if (bits && op != VHM_PT_TEST_YOUNG)
		atomic64_andnot(bits, (atomic64_t *)&sp->pt[idx]);
	return bits;
}

/* Leaves of this level that map gfn. */
static bool chain_op(struct vhm_shadow *sh, enum vhm_pt_op op, u64 gfn, int level)
{
	u32 id = *rmap_head(sh, gfn, level), next;
	bool hit = false;

	for (; id; id = next) {
		struct vhm_sp *sp = sh->sp[id >> 9];
		u64 link = *link_of(sh, id);

		next = link & ID_MASK;
		if (link >> VHM_ID_BITS == gfn && sp->role.level == level)
			hit |= leaf_op(sh, op, sp, id & 511);
	}
	return hit;
}

bool vhm_rmap_op(struct vhm_shadow *sh, enum vhm_pt_op op, u64 gfn)
{
	bool hit = chain_op(sh, op, gfn, 1);

	return chain_op(sh, op, gfn & ~511ull, 2) || hit;
}

/* More frames than entries: look at each entry. */
static bool all_op(struct vhm_shadow *sh, enum vhm_pt_op op, u64 start, u64 end)
{
	struct vhm_sp *sp;
	bool hit = false;
	u32 i;

	list_for_each_entry(sp, &sh->lru, lru)
		for (i = 0; i < 512; i++) {
			u64 gfn = vhm_sp_gfn(sp, i);

			if (sp->pt[i] && is_leaf(sp, sp->pt[i]) && gfn < end &&
			    gfn + vhm_level_pages(sp->role.level) > start)
				hit |= leaf_op(sh, op, sp, i);
		}
	return hit;
}

bool vhm_shadow_range(struct vhm_mem *mem, enum vhm_pt_op op, u64 start, u64 end)
{
	struct vhm_shadow *sh = mem->shadow;
	bool hit = false;
	u64 gfn;

	if (end - start > (u64)sh->n * 512) {
		hit = all_op(sh, op, start, end);
	} else {
		for (gfn = start; gfn < end; gfn++)
			hit |= chain_op(sh, op, gfn, 1);
		for (gfn = start & ~511ull; gfn < end; gfn += 512)
			hit |= chain_op(sh, op, gfn, 2);
	}
	if (op == VHM_PT_TEST_YOUNG || op == VHM_PT_CLEAR_YOUNG)
		return hit;
	/* the caller flushes, which covers what was dropped earlier too */
	hit |= sh->stale;
	sh->stale = false;
	return hit;
}
