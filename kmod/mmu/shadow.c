// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shadow paging: tables that map the guest's linear addresses, for CPUs
 * without nested paging and for npt=0.
 *
 * A shadow page stands for one page of the guest's tables (or half or a quarter
 * of one, where the guest's entries have 4 bytes), or for a stretch of frames
 * that one large entry of the guest maps, or none does since paging is off
 * ("direct"). It is found by its frame and its role: all that its content
 * depends on beside the guest's entries. Two uses share a page only when both
 * agree. Rights are gathered from the root down, are part of the role, and
 * stand in the leaves; entries that point to tables permit everything.
 *
 * A frame that is shadowed as a table is tracked: no shadow leaf permits writes
 * to it, and who writes on the guest's behalf tells vhm_shadow_wrote(). A table of
 * the lowest level may go out of sync: the guest writes to it itself, and what the
 * shadow has is as a TLB may have it, until the guest loads CR3 (the table is
 * compared and tracked again), invalidates an address (its entry is compared), or
 * a table points to it that did not before.
 *
 * What backs a frame is asked of the second-level table, which no CPU walks in
 * this mode: it is filled by vhm_mmu_fault() and followed by notifiers and dirty
 * log as ever. A shadow leaf is derived from its leaf, under mem->lock, and goes
 * with it: shadow_rmap.c finds it by the frame.
 *
 * Everything is done under mem->lock held for writing. A fault first walks the
 * guest's tables without a lock; under the lock all its tables are tracked, no
 * CPU can write to them any more, and then their entries are compared with what
 * the walk has seen. If one differs the guest faults again.
 *
 * The CPU runs with CR0.WP set. Where the guest has it clear, what its
 * supervisor writes to is mapped writable and for the supervisor only.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/slab.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/trap_pf.h>

#include "vhm.h"
#include "slots.h"
#include "shadow.h"

enum { ACC_W = 1, ACC_U = 2, ACC_X = 4, ACC_ALL = 7 };

/* Beyond enum vhm_next: the frame has no suitable backing yet; it is a table. */
enum { NO_BACKING = 32, IS_TABLE };

#define FLOOD		16	/* writes to a table that nobody walked meanwhile */
#define RECLAIM		256	/* pages given back at once when all are in use */

/* One fault on its way. */
struct fault {
	struct vhm_vcpu *vcpu;
	struct vhm_shadow *sh;
	u64 gva, gpa;
	u32 access;		/* VHM_ACC_* */
	struct vhm_trace t;
	struct vhm_leaf leaf;	/* what backs the frame */
	bool flush;		/* a right was taken from an entry */
};

/* ---- pages of the shadow ----------------------------------------------------- */

static struct vhm_sp *sp_alloc(gfp_t where)
{
	struct vhm_sp *sp = kzalloc(sizeof(*sp), GFP_KERNEL_ACCOUNT);

	if (!sp)
		return NULL;
	sp->pt = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT | where);
	sp->link = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (sp->pt && sp->link) {
		set_page_private(virt_to_page(sp->pt), (unsigned long)sp);
		return sp;
	}
	free_page((unsigned long)sp->pt);
	free_page((unsigned long)sp->link);
	kfree(sp);
	return NULL;
}

static void sp_free(struct vhm_sp *sp)
{
	if (!sp)
		return;
	set_page_private(virt_to_page(sp->pt), 0);
	free_page((unsigned long)sp->pt);
	free_page((unsigned long)sp->link);
	kfree(sp);
}

static void free_list(struct list_head *freed)
{
	struct vhm_sp *sp, *next;

	list_for_each_entry_safe(sp, next, freed, lru)
		sp_free(sp);
}

/* Spare pages for one fault. A root of four entries lies below 4 GiB: @low. */
static int spare_fill(struct vhm_vcpu *vcpu, bool low)
{
	struct vhm_shadow_vcpu *v = &vcpu->shadow;

	if (low && !v->low)
		v->low = sp_alloc(GFP_DMA32);
	while (v->n < VHM_SP_SPARE && (v->spare[v->n] = sp_alloc(0)))
		v->n++;
	return v->n < VHM_SP_SPARE || (low && !v->low) ? -ENOMEM : 0;
}

void vhm_shadow_vcpu_free(struct vhm_vcpu *vcpu)
{
	struct vhm_shadow_vcpu *v = &vcpu->shadow;

	sp_free(v->low);
	while (v->n)
		sp_free(v->spare[--v->n]);
}

int vhm_shadow_init(struct vhm_mem *mem)
{
	if (!vhm_caps.shadow)
		return 0;
	mem->shadow = kvzalloc(sizeof(*mem->shadow), GFP_KERNEL_ACCOUNT);
	if (!mem->shadow)
		return -ENOMEM;
	INIT_LIST_HEAD(&mem->shadow->lru);
	INIT_LIST_HEAD(&mem->shadow->out);
	__set_bit(0, mem->shadow->used);
	return 0;
}

void vhm_shadow_destroy(struct vhm_mem *mem)
{
	if (mem->shadow)
		free_list(&mem->shadow->lru);
	kvfree(mem->shadow);
}

/* Do its guest entries lie in guest memory, and are they watched? */
static bool is_tracked_kind(union vhm_role role)
{
	return !role.direct && !role.pdpt;
}

/* The page goes; its users find another. It may be walked until the TLBs are flushed. */
static void zap_sp(struct vhm_vm *vm, struct vhm_sp *sp, struct list_head *freed)
{
	struct vhm_shadow *sh = vm->mem.shadow;
	struct vhm_vcpu *vcpu;
	int i;

	for (i = 0; i < 512; i++)
		vhm_spte_drop(sh, sp, i);
	while (sp->parents) {
		u32 id = sp->parents;

		vhm_spte_drop(sh, sh->sp[id >> 9], id & 511);
	}
	vhm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->shadow.root == sp) {
			vcpu->shadow.root = NULL;
			set_bit(VHM_REQ_ROOT, &vcpu->requests);
		}
	if (is_tracked_kind(sp->role))
		vhm_shadow_track(sh, sp->gfn, -1);
	if (sp->unsync)
		list_del(&sp->out);
	hlist_del(&sp->hash);
	sh->sp[sp->id] = NULL;
	__clear_bit(sp->id, sh->used);
	sh->n--;
	list_move(&sp->lru, freed);
}

static bool is_root(struct vhm_vm *vm, const struct vhm_sp *sp)
{
	struct vhm_vcpu *vcpu;
	int i;

	vhm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->shadow.root == sp)
			return true;
	return false;
}

/* What was taken out is freed when no CPU walks it any more. */
static void flush_and_free(struct vhm_vm *vm, struct list_head *freed)
{
	vhm_request_all_wait(vm, VHM_REQ_TLB_FLUSH);
	vm->mem.shadow->stale = false;
	free_list(freed);
	INIT_LIST_HEAD(freed);
}

/* Give back what was longest not linked anew, up to n pages, but for the roots in use. */
static void reclaim(struct vhm_vm *vm, u32 n)
{
	struct vhm_sp *sp, *next;
	LIST_HEAD(freed);

	list_for_each_entry_safe_reverse(sp, next, &vm->mem.shadow->lru, lru) {
		if (!n)
			break;
		if (is_root(vm, sp))
			continue;
		zap_sp(vm, sp, &freed);
		n--;
	}
	if (!list_empty(&freed))
		flush_and_free(vm, &freed);
}

static struct vhm_sp *find(struct vhm_shadow *sh, union vhm_role role, u64 gfn)
{
	struct vhm_sp *sp;

	hlist_for_each_entry(sp, vhm_sp_bucket(sh, gfn), hash)
		if (sp->gfn == gfn && sp->role.word == role.word)
			return sp;
	return NULL;
}

/* Take the right to write to a table; those of its pages that were out are not. */
static bool protect(struct vhm_shadow *sh, u64 gfn)
{
	return vhm_rmap_op(sh, VHM_PT_PROTECT, gfn) || sh->stale;
}

/* The page of this role, made from a spare one when there is none; *flush: do so. */
static struct vhm_sp *get(struct vhm_vcpu *vcpu, union vhm_role role, u64 gfn, bool *flush)
{
	struct vhm_shadow *sh = vcpu->vm->mem.shadow;
	struct vhm_shadow_vcpu *v = &vcpu->shadow;
	struct vhm_sp *sp = find(sh, role, gfn);

	if (sp) {
		sp->writes = 0;
		list_move(&sp->lru, &sh->lru);
		return sp;
	}
	if (role.pdpt) {
		sp = v->low;
		v->low = NULL;
	} else {
		sp = v->spare[--v->n];
	}
	sp->id = find_next_zero_bit(sh->used, VHM_MAX_SP, sh->hint);
	if (sp->id >= VHM_MAX_SP)
		sp->id = find_first_zero_bit(sh->used, VHM_MAX_SP);
	sh->hint = sp->id;
	__set_bit(sp->id, sh->used);
	sh->sp[sp->id] = sp;
	sh->n++;
	sp->role = role;
	sp->gfn = gfn;
	list_add(&sp->lru, &sh->lru);
	hlist_add_head(&sp->hash, vhm_sp_bucket(sh, gfn));
	if (is_tracked_kind(role)) {
		vhm_shadow_track(sh, gfn, 1);
		smp_mb();	/* pairs with vhm_shadow_wrote(), where nothing is flushed */
		*flush |= protect(sh, gfn);
	}
	return sp;
}

static bool tracked(struct vhm_shadow *sh, u64 gfn)
{
	struct vhm_sp *sp;

	if (!vhm_shadow_maybe(sh, gfn))
		return false;
	hlist_for_each_entry(sp, vhm_sp_bucket(sh, gfn), hash)
		if (sp->gfn == gfn && is_tracked_kind(sp->role) && !sp->unsync)
			return true;
	return false;
}

/* ---- out of sync -------------------------------------------------------------------- */

/* Let the guest write to a table, if it is one of the lowest level only. */
static bool go_out(struct vhm_shadow *sh, u64 gfn)
{
	struct vhm_sp *sp;

	hlist_for_each_entry(sp, vhm_sp_bucket(sh, gfn), hash)
		if (sp->gfn == gfn && is_tracked_kind(sp->role) && sp->role.level > 1)
			return false;
	hlist_for_each_entry(sp, vhm_sp_bucket(sh, gfn), hash)
		if (sp->gfn == gfn && is_tracked_kind(sp->role) && !sp->unsync) {
			sp->unsync = true;
			list_add(&sp->out, &sh->out);
		}
	return true;
}

/* May the leaf stay when the guest's entry is this? It permits no more, and no less is marked. */
static bool agrees(const struct vhm_sp *sp, u32 idx, u64 pte)
{
	u64 spte = sp->pt[idx], need = SPTE_P | SPTE_A | (spte & SPTE_U);

	if (spte & SPTE_W)
		need |= SPTE_W | SPTE_D;
	return (pte & need) == need && (spte & SPTE_NX || !(pte & SPTE_NX)) &&
	       (pte & SPTE_ADDR) >> PAGE_SHIFT == vhm_sp_gfn(sp, idx);
}

/* Drop what the guest's entry does not say any more; how many stay. srcu held. */
static u32 compare(struct vhm_vm *vm, struct vhm_sp *sp, u32 from, u32 n)
{
	struct vhm_slots *slots = rcu_dereference_raw(vm->mem.slots);
	u32 size = sp->role.mode <= VHM_MODE_PSE ? 4 : 8, i, kept = 0;
	u64 at = (sp->gfn << PAGE_SHIFT) + sp->role.quadrant * 512 * size, pte;
	const struct vhm_memslot *slot = NULL;

	pagefault_disable();
	for (i = from; i < from + n; i++) {
		if (!sp->pt[i])
			continue;
		pte = 0;
		if (vhm_peek(slots, &slot, at + i * size, &pte, size) || !agrees(sp, i, pte))
			vhm_spte_drop(vm->mem.shadow, sp, i);
		else
			kept++;
	}
	pagefault_enable();
	return kept;
}

/* All tables are as they were found: compared, and tracked from here on. True: flush. */
static bool come_back(struct vhm_vm *vm)
{
	struct vhm_shadow *sh = vm->mem.shadow;
	struct vhm_sp *sp, *next;
	bool flush = false;
	LIST_HEAD(freed);

	list_for_each_entry(sp, &sh->out, out)
		flush |= protect(sh, sp->gfn);
	if (flush) {	/* who still writes does so before the comparison */
		vhm_request_all_wait(vm, VHM_REQ_TLB_FLUSH);
		sh->stale = false;
	}
	list_for_each_entry_safe(sp, next, &sh->out, out) {
		/* nothing left of it: no table any more, perhaps */
		if (!compare(vm, sp, 0, 512)) {
			zap_sp(vm, sp, &freed);
			continue;
		}
		sp->unsync = false;
		list_del(&sp->out);
	}
	if (!list_empty(&freed))
		flush_and_free(vm, &freed);
	return sh->stale;
}

void vhm_shadow_invlpg(struct vhm_vcpu *vcpu, u64 gva)
{
	struct vhm_vm *vm = vcpu->vm;
	struct vhm_sp *sp;
	int level;

	set_bit(VHM_REQ_TLB_FLUSH, &vcpu->requests);
	write_lock(&vm->mem.lock);
	sp = vcpu->shadow.root;
	for (level = sp ? sp->role.level : 0; sp && level > 1; level--)
		sp = vhm_spte_child(sp, vhm_sp_index(gva, level));
	if (sp && sp->unsync)
		compare(vm, sp, vhm_sp_index(gva, 1), 1);
	write_unlock(&vm->mem.lock);
}

/* ---- from the root to the leaf ---------------------------------------------------- */

/* What the guest's entry at this level leaves of the rights. */
static u32 rights(const struct fault *f, int level, u32 acc)
{
	u64 pte = f->t.pte[level];
	u32 a;

	/* within a large page; the upper entries of PAE and 2-level tables have none */
	if (level < f->t.leaf || !f->t.leaf ||
	    (level == 3 && f->vcpu->shadow.root->role.pdpt))
		return acc;
	a = (pte & SPTE_W ? ACC_W : 0) | (pte & SPTE_U ? ACC_U : 0) | (pte & SPTE_NX ? 0 : ACC_X);
	/* the first write has to set the guest's dirty bit */
	if (level == f->t.leaf && !(pte & SPTE_D) && !(f->access & VHM_ACC_WRITE))
		a &= ~ACC_W;
	return acc & a;
}

/* The table below sp on the way down; nothing points to it yet. */
static struct vhm_sp *child(struct fault *f, const struct vhm_sp *sp, int level, u32 acc)
{
	bool halves = f->t.size == 4, none = !f->t.leaf;
	union vhm_role role = sp->role;
	u64 gfn;

	role.level = level - 1;
	role.acc = acc;
	role.pdpt = role.off = role.quadrant = 0;
	role.direct = none || level <= f->t.leaf;
	if (role.direct) {
		gfn = (f->gpa >> PAGE_SHIFT) & ~(vhm_level_pages(level) - 1);
	} else if (halves && level == 3) {
		gfn = sp->gfn;
		role.quadrant = f->gva >> 30 & 3;
	} else {
		gfn = (f->t.pte[level] & SPTE_ADDR) >> PAGE_SHIFT;
		role.quadrant = halves ? f->gva >> 21 & 1 : 0;
	}
	return get(f->vcpu, role, gfn, &f->flush);
}

static void link_child(struct fault *f, struct vhm_sp *sp, int level, struct vhm_sp *below)
{
	u32 idx = vhm_sp_index(f->gva, level);

	if (below->unsync && vhm_spte_child(sp, idx) != below)
		compare(f->vcpu->vm, below, 0, 512);
	vhm_spte_link(f->sh, sp, idx, below);
}

/* Are the guest's entries still those that the walk has seen? */
static bool changed(const struct fault *f)
{
	struct vhm_slots *slots = rcu_dereference_raw(f->vcpu->vm->mem.slots);
	const struct vhm_memslot *slot = NULL;
	bool differs = false;
	u64 pte;
	int i;

	pagefault_disable();
	for (i = f->t.leaf; i && i < ARRAY_SIZE(f->t.at) && f->t.at[i]; i++) {
		pte = 0;
		differs |= vhm_peek(slots, &slot, f->t.at[i], &pte, f->t.size) ||
			   pte != f->t.pte[i];
	}
	pagefault_enable();
	return differs;
}

static u64 make_leaf(const struct fault *f, const struct vhm_sp *sp, u32 acc)
{
	u64 pages = vhm_level_pages(sp->role.level), pfn = f->leaf.pfn & ~(pages - 1);
	u64 spte = pfn << PAGE_SHIFT | SPTE_P | SPTE_A | (sp->role.level > 1 ? SPTE_PS : 0);

	/* permitted to a supervisor for whom CR0.WP is clear */
	if (f->access & VHM_ACC_WRITE && !(acc & ACC_W))
		acc = (acc & (sp->role.smep ? 0 : ACC_X)) | ACC_W;
	if (acc & ACC_W && f->leaf.write && !tracked(f->sh, f->gpa >> PAGE_SHIFT))
		spte |= SPTE_W | SPTE_D;
	if (acc & ACC_U)
		spte |= SPTE_U;
	if (!(acc & ACC_X))
		spte |= SPTE_NX;
	if (!pfn_valid(f->leaf.pfn))
		spte |= SPTE_UC;
	return spte;
}

/* The level of the leaf: large where guest and backing are and no table is near. */
static int leaf_level(const struct fault *f)
{
	return f->leaf.level >= 2 && (!f->t.leaf || f->t.leaf >= 2) &&
	       !vhm_shadow_near(f->sh, f->gpa >> PAGE_SHIFT) ? 2 : 1;
}

/*
 * First all tables, then the comparison, and only then the entries: one that does
 * not point where the guest's does now would stay, and others' TLBs be filled by it.
 */
static void map(struct fault *f)
{
	struct vhm_sp *sp[5];
	int level, leaf = leaf_level(f), top = f->vcpu->shadow.root->role.level;
	u32 acc = ACC_ALL;

	sp[top] = f->vcpu->shadow.root;
	for (level = top; level > leaf; level--) {
		acc = rights(f, level, acc);
		sp[level - 1] = child(f, sp[level], level, acc);
	}
	acc = rights(f, leaf, acc);
	if (f->flush) {
		vhm_request_all_wait(f->vcpu->vm, VHM_REQ_TLB_FLUSH);
		f->sh->stale = false;
	}
	/* a table of this very walk may lie in what is mapped */
	if (changed(f) || (leaf > 1 && vhm_shadow_near(f->sh, f->gpa >> PAGE_SHIFT)))
		return;
	for (level = top; level > leaf; level--)
		link_child(f, sp[level], level, sp[level - 1]);
	vhm_spte_set(f->sh, sp[leaf], vhm_sp_index(f->gva, leaf),
		     (f->gpa >> PAGE_SHIFT) & ~(vhm_level_pages(leaf) - 1),
		     make_leaf(f, sp[leaf], acc));
	f->vcpu->stats.pf_fixed++;
}

/* Under the lock. VHM_RESUME, NO_BACKING, IS_TABLE. */
static int locked_fault(struct fault *f)
{
	struct vhm_vm *vm = f->vcpu->vm;
	bool write = f->access & VHM_ACC_WRITE;
	u64 gfn = f->gpa >> PAGE_SHIFT;

	if (!vhm_pt_lookup(&vm->mem, gfn, &f->leaf) || (write && !f->leaf.write))
		return NO_BACKING;
	if (write && tracked(f->sh, gfn) && !go_out(f->sh, gfn))
		return IS_TABLE;
	if (f->sh->n + VHM_SP_SPARE >= VHM_MAX_SP - 1)
		reclaim(vm, RECLAIM);
	/* else VHM_REQ_ROOT is set */
	if (f->vcpu->shadow.root)
		map(f);
	return VHM_RESUME;
}

/* ---- writes to tracked frames -------------------------------------------------------- */

static void unshadow(struct vhm_vm *vm, u64 gfn)
{
	struct vhm_sp *sp;
	struct hlist_node *next;
	LIST_HEAD(freed);

	write_lock(&vm->mem.lock);
	hlist_for_each_entry_safe(sp, next, vhm_sp_bucket(vm->mem.shadow, gfn), hash)
		if (sp->gfn == gfn && is_tracked_kind(sp->role))
			zap_sp(vm, sp, &freed);
	if (!list_empty(&freed))
		flush_and_free(vm, &freed);
	write_unlock(&vm->mem.lock);
}

/*
 * The guest writes to a tracked frame: hv does it in its place. User code and
 * the delivery of an event do not write to tables: this is none any more. Nor
 * is what an instruction writes that hv does not know.
 */
static int table_write(struct fault *f)
{
	struct vhm_vcpu *vcpu = f->vcpu;
	int r;

	if (!(f->access & VHM_ACC_USER) && !vcpu->ev.interrupted.kind) {
		vcpu->exit.kind = VHM_X_FAULT;
		vcpu->exit.fault = (struct vhm_fault){ .gpa = f->gpa, .access = VHM_ACC_WRITE };
		vcpu->pending.nofault = false;
		r = vhm_emulate(vcpu);
		if (r != VHM_USER || vcpu->run->exit_reason != KVM_EXIT_INTERNAL_ERROR)
			return r;
	}
	unshadow(vcpu->vm, f->gpa >> PAGE_SHIFT);
	return VHM_RESUME;
}

/* The entries of sp that stand for len bytes from offset on. */
static void forget(struct vhm_shadow *sh, struct vhm_sp *sp, u32 offset, u32 len)
{
	u32 first = offset / 8, last = (offset + len - 1) / 8, quadrant = 0;

	if (sp->role.mode <= VHM_MODE_PSE) {
		/* 1024 entries: two pages of 512, or, one level up, four of 256 pairs */
		first = offset / 4;
		last = (offset + len - 1) / 4;
		if (sp->role.level == 2) {
			first *= 2;
			last = last * 2 + 1;
		}
		quadrant = sp->role.quadrant * 512;
	}
	for (; first <= last; first++)
		if (first >= quadrant && first - quadrant < 512)
			vhm_spte_drop(sh, sp, first - quadrant);
}

void vhm_shadow_wrote(struct vhm_vm *vm, u64 gpa, u32 len)
{
	struct vhm_shadow *sh = vm->mem.shadow;
	u64 gfn = gpa >> PAGE_SHIFT;
	struct hlist_node *next;
	struct vhm_sp *sp;
	LIST_HEAD(freed);

	smp_mb();	/* the write, then the look; pairs with get() */
	if (!vhm_shadow_maybe(sh, gfn))
		return;
	write_lock(&vm->mem.lock);
	hlist_for_each_entry_safe(sp, next, vhm_sp_bucket(sh, gfn), hash) {
		if (sp->gfn != gfn || !is_tracked_kind(sp->role))
			continue;
		/* no entry is written in such parts: the page is another thing now */
		if ((len < 4 || ++sp->writes > FLOOD) && !is_root(vm, sp))
			zap_sp(vm, sp, &freed);
		else
			forget(sh, sp, offset_in_page(gpa), len);
	}
	if (!list_empty(&freed))
		flush_and_free(vm, &freed);
	write_unlock(&vm->mem.lock);
}

/* ---- faults and roots ------------------------------------------------------------------- */

/* Outside long mode addresses have 32 bits. */
static u64 fault_address(const struct vhm_vcpu *vcpu)
{
	return vcpu->st.efer & EFER_LMA ? vcpu->exit.pf.gva : (u32)vcpu->exit.pf.gva;
}

static u32 access_of(u32 error)
{
	return (error & X86_PF_WRITE ? VHM_ACC_WRITE : VHM_ACC_READ) |
	       (error & X86_PF_USER ? VHM_ACC_USER : 0) |
	       (error & X86_PF_INSTR ? VHM_ACC_EXEC : 0);
}

/* 0; 1: the guest's own fault, which is raised. */
static int walk(struct fault *f)
{
	struct vhm_vcpu *vcpu = f->vcpu;
	struct vhm_walk w = {};
	int r;

	r = vhm_gva_trace(vcpu, f->gva, f->access, &w, &f->t);
	if (r < 0)	/* its tables are not in memory: nothing is mapped */
		w.error = vcpu->exit.pf.error & (X86_PF_WRITE | X86_PF_USER | X86_PF_INSTR);
	f->gpa = w.gpa;
	if (r)
		vhm_raise_pf(vcpu, f->gva, w.error);
	return !!r;
}

/* What the core takes for a second-level fault is one on a device. */
static int as_device(struct vhm_vcpu *vcpu, u64 gpa, u32 access)
{
	vcpu->exit.kind = VHM_X_FAULT;
	vcpu->exit.fault = (struct vhm_fault){ .gpa = gpa, .access = access & VHM_ACC_WRITE };
	return VHM_FAULT_MMIO;
}

static bool is_device(struct vhm_vm *vm, u64 gpa, u32 access)
{
	const struct vhm_memslot *slot = vhm_slot_find(vm, gpa >> PAGE_SHIFT);

	return !slot || (access & VHM_ACC_WRITE && slot->flags & KVM_MEM_READONLY);
}

int vhm_shadow_fault_fast(struct vhm_vcpu *vcpu)
{
	u32 access = access_of(vcpu->exit.pf.error);
	u64 gva = fault_address(vcpu);
	struct vhm_walk w;
	int r = vhm_gva_to_gpa(vcpu, gva, access, true, &w);

	if (r > 0) {
		vhm_raise_pf(vcpu, gva, w.error);
		return VHM_RESUME;
	}
	if (r || !is_device(vcpu->vm, w.gpa, access) || access & VHM_ACC_EXEC)
		return VHM_SLOW;
	return as_device(vcpu, w.gpa, access);
}

int vhm_shadow_fault(struct vhm_vcpu *vcpu)
{
	struct fault f = {
		.vcpu = vcpu, .sh = vcpu->vm->mem.shadow, .gva = fault_address(vcpu),
		.access = access_of(vcpu->exit.pf.error),
	};
	struct vhm_fault backing;
	int r = VHM_RESUME, tries;

	if (walk(&f))
		return VHM_RESUME;
	if (is_device(vcpu->vm, f.gpa, f.access))
		return as_device(vcpu, f.gpa, f.access);
	backing = (struct vhm_fault){ .gpa = f.gpa, .access = f.access };
	for (tries = 0; tries < 3 && r == VHM_RESUME; tries++) {
		r = spare_fill(vcpu, false);
		if (r)
			return r;
		write_lock(&vcpu->vm->mem.lock);
		r = locked_fault(&f);
		write_unlock(&vcpu->vm->mem.lock);
		if (r != NO_BACKING)
			break;
		r = vhm_mmu_fault(vcpu, &backing);
	}
	return r == IS_TABLE ? table_write(&f) : r;
}

/* The role of the root for the guest's registers, and its frame. */
static union vhm_role root_role(struct vhm_vcpu *vcpu, u64 *gfn)
{
	const struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);
	bool on = st->cr0 & X86_CR0_PG, wp = st->cr0 & X86_CR0_WP;
	union vhm_role role = { .wp = wp || !on, .nxe = !!(st->efer & EFER_NX), .acc = ACC_ALL };

	role.smep = on && !wp && st->cr4 & X86_CR4_SMEP;
	role.mode = !on ? VHM_MODE_NONE : st->efer & EFER_LMA ? VHM_MODE_LONG :
		    st->cr4 & X86_CR4_PAE ? VHM_MODE_PAE :
		    st->cr4 & X86_CR4_PSE ? VHM_MODE_PSE : VHM_MODE_2LEVEL;
	role.pdpt = role.mode != VHM_MODE_LONG;
	role.level = role.pdpt ? 3 : 4;
	*gfn = on ? (st->cr3 & SPTE_ADDR) >> PAGE_SHIFT : 0;
	if (role.mode == VHM_MODE_PAE)
		role.off = st->cr3 >> 5;
	return role;
}

/* With PAE the load of CR3 loads the four entries: those that are others by now go. */
static void refresh_pdptes(struct vhm_vcpu *vcpu, struct vhm_sp *root, const u64 *pdpte)
{
	struct vhm_shadow *sh = vcpu->vm->mem.shadow;
	struct vhm_sp *below;
	int i;

	for (i = 0; i < 4; i++) {
		below = vhm_spte_child(root, i);
		if (below && below->gfn != (pdpte[i] & SPTE_ADDR) >> PAGE_SHIFT)
			vhm_spte_drop(sh, root, i);
	}
}

int vhm_shadow_load(struct vhm_vcpu *vcpu)
{
	struct vhm_mem *mem = &vcpu->vm->mem;
	u64 gfn, pdpte[4] = {};
	union vhm_role role = root_role(vcpu, &gfn);
	int r = spare_fill(vcpu, role.pdpt);
	struct vhm_sp *root;
	bool flush = false;

	if (r)
		return r;
	if (role.mode == VHM_MODE_PAE)	/* none there: none present */
		vhm_gpa_read(vcpu->vm, vcpu->st.cr3 & 0xffffffe0, pdpte, sizeof(pdpte));
	write_lock(&mem->lock);
	clear_bit(VHM_REQ_ROOT, &vcpu->requests);
	if (mem->shadow->n + VHM_SP_SPARE >= VHM_MAX_SP - 1)
		reclaim(vcpu->vm, RECLAIM);
	flush = come_back(vcpu->vm);
	root = get(vcpu, role, gfn, &flush);
	if (role.mode == VHM_MODE_PAE)
		refresh_pdptes(vcpu, root, pdpte);
	vcpu->shadow.root = root;
	if (flush) {
		vhm_request_all_wait(vcpu->vm, VHM_REQ_TLB_FLUSH);
		mem->shadow->stale = false;
	}
	write_unlock(&mem->lock);
	vhm_ops->set_root(vcpu, __pa(root->pt));
	set_bit(VHM_REQ_TLB_FLUSH, &vcpu->requests);
	return 0;
}
