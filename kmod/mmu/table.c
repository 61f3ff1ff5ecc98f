// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table engine: one walker for every second-level format.
 *
 * Any number of vCPUs install at once, under mem->lock held for reading: an
 * entry goes from empty to used by compare-and-exchange, so the first wins and
 * the others continue with what it put there. Nothing goes from used to empty,
 * or from table to leaf, but under the lock held for writing; a table that an
 * installer has reached therefore stays. Hardware sets accessed and dirty bits
 * at any time, so every change to a live entry is one atomic instruction.
 *
 * A table page taken out may still be walked by a CPU until its TLB is flushed:
 * it is freed only after that. Until then it is empty and leads nowhere.
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>

#include "vhm.h"
#include "table.h"

static unsigned int pt_index(u64 gfn, int level)
{
	return (gfn >> (9 * (level - 1))) & 511;
}

static bool is_leaf(const struct vhm_pte_fmt *fmt, u64 pte, int level)
{
	return level == 1 || (pte & fmt->large);
}

static u64 *table_of(const struct vhm_pte_fmt *fmt, u64 pte)
{
	return __va(pte & fmt->pa);
}

static u64 make_leaf(const struct vhm_pte_fmt *fmt, const struct vhm_leaf *l, int level)
{
	u64 pte = (l->pfn & ~(vhm_level_pages(level) - 1)) << PAGE_SHIFT;

	/* accessed and dirty are set ahead: the CPU need not write them */
	pte |= fmt->leaf | fmt->accessed;
	pte |= l->exec ? fmt->exec : fmt->noexec;
	pte |= l->uncached ? fmt->uc : fmt->wb;
	if (level > 1)
		pte |= fmt->large;
	if (l->write)
		pte |= fmt->write | fmt->dirty;
	return pte;
}

void vhm_pt_destroy(struct vhm_mem *mem)
{
	LIST_HEAD(freed);

	vhm_pt_range(mem, VHM_PT_ZAP, 0, vhm_level_pages(mem->root_level + 1), &freed);
	list_add(&virt_to_page(__va(mem->root_pa))->lru, &freed);
	vhm_pt_free_list(&freed);
}

int vhm_pt_cache_fill(struct vhm_pt_cache *cache, int n)
{
	while (cache->n < n) {
		void *page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

		if (!page)
			return -ENOMEM;
		cache->page[cache->n++] = page;
	}
	return 0;
}

void vhm_pt_cache_free(struct vhm_pt_cache *cache)
{
	while (cache->n)
		free_page((unsigned long)cache->page[--cache->n]);
}

/*
 * A leaf is there already. It serves when it maps the same frame and permits
 * what is asked; a permission is added when the level is the one asked for.
 */
static int meet_leaf(const struct vhm_pte_fmt *fmt, u64 *e, u64 old, int level,
		     const struct vhm_leaf *l)
{
	u64 mask = vhm_level_pages(level) - 1;

	if ((old & fmt->pa) >> PAGE_SHIFT != (l->pfn & ~mask) ||
	    ((l->gfn ^ l->pfn) & mask))
		return -EEXIST;
	if (l->exec && (old & (fmt->exec | fmt->noexec)) != fmt->exec)
		return -EEXIST;
	if (l->write && !(old & fmt->write)) {
		if (level > l->level)
			return -EEXIST;
		atomic64_or(fmt->write | fmt->dirty, (atomic64_t *)e);
	}
	return 0;
}

int vhm_pt_install(struct vhm_mem *mem, struct vhm_pt_cache *cache,
		   const struct vhm_leaf *l)
{
	const struct vhm_pte_fmt *fmt = mem->fmt;
	u64 *e, *table = __va(mem->root_pa);
	int level = mem->root_level;
	u64 old, new;

	for (;;) {
		e = &table[pt_index(l->gfn, level)];
		old = READ_ONCE(*e);
		if (!(old & fmt->present)) {
			if (level <= l->level) {
				old = cmpxchg64(e, 0, make_leaf(fmt, l, level));
				if (!old)
					return 0;
				continue;
			}
			if (!cache->n)
				return -ENOMEM;
			new = fmt->table | __pa(cache->page[cache->n - 1]);
			old = cmpxchg64(e, 0, new);
			if (!old) {
				cache->n--;
				old = new;
			}
		}
		if (is_leaf(fmt, old, level))
			return meet_leaf(fmt, e, old, level, l);
		/* a table where a large leaf would do: use it */
		table = table_of(fmt, old);
		level--;
	}
}

bool vhm_pt_lookup(struct vhm_mem *mem, u64 gfn, struct vhm_leaf *leaf)
{
	const struct vhm_pte_fmt *fmt = mem->fmt;
	u64 pte, *table = __va(mem->root_pa);
	int level = mem->root_level;

	for (;; level--, table = table_of(fmt, pte)) {
		pte = READ_ONCE(table[pt_index(gfn, level)]);
		if (!(pte & fmt->present))
			return false;
		if (is_leaf(fmt, pte, level))
			break;
	}
	*leaf = (struct vhm_leaf){
		.gfn = gfn, .level = level, .write = pte & fmt->write,
		.pfn = (pte & fmt->pa) >> PAGE_SHIFT | (gfn & (vhm_level_pages(level) - 1)),
	};
	return true;
}

/* ---- ranges ---------------------------------------------------------------- */

static bool leaf_op(const struct vhm_pte_fmt *fmt, enum vhm_pt_op op, u64 *e, int level)
{
	u64 bits = *e & (op == VHM_PT_PROTECT ? fmt->write : fmt->accessed);

	if (op == VHM_PT_ZAP || (op == VHM_PT_PROTECT && level > 1)) {
		WRITE_ONCE(*e, 0);
		return true;
	}
	if (bits && op != VHM_PT_TEST_YOUNG)
		atomic64_andnot(bits, (atomic64_t *)e);
	return bits;
}

/* Depth is bounded by the five levels. */
static bool range_level(const struct vhm_pte_fmt *fmt, enum vhm_pt_op op, u64 *table, int level,
			u64 start, u64 end, struct list_head *freed)
{
	u64 span = vhm_level_pages(level), gfn, next;
	bool hit = false;

	for (gfn = start; gfn < end; gfn = next) {
		u64 *e = &table[pt_index(gfn, level)];
		u64 old = READ_ONCE(*e);

		next = min(end, (gfn | (span - 1)) + 1);
		if (!(old & fmt->present))
			continue;
		if (is_leaf(fmt, old, level)) {
			hit |= leaf_op(fmt, op, e, level);
			continue;
		}
		hit |= range_level(fmt, op, table_of(fmt, old), level - 1, gfn, next, freed);
		if (op == VHM_PT_ZAP && next - gfn == span) {
			WRITE_ONCE(*e, 0);
			list_add(&virt_to_page(table_of(fmt, old))->lru, freed);
			hit = true;
		}
	}
	return hit;
}

bool vhm_pt_range(struct vhm_mem *mem, enum vhm_pt_op op, u64 start, u64 end,
		  struct list_head *freed)
{
	/* slots lie below this, see vhm_mem_set_region() */
	end = min(end, vhm_level_pages(mem->root_level + 1));
	return range_level(mem->fmt, op, __va(mem->root_pa), mem->root_level, start, end, freed);
}

void vhm_pt_free_list(struct list_head *freed)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, freed, lru) {
		__free_page(page);
		}
}
