// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's own page tables, walked in software.
 *
 * Theory: APM volume 2, "Page Translation and Protection"; SDM volume 3A,
 * "Paging". A mode is a row of numbers (entry size, index width, levels); what
 * differs beyond that (PDPTEs of PAE paging, 4 MiB pages) is told by the
 * reserved-bit mask of the entry. Rights are the AND of all levels, execute
 * disable the OR. Accessed and dirty bits are set by compare-and-exchange
 * after the access was found permitted; when an entry changed meanwhile the
 * walk begins anew.
 */
#include <linux/bits.h>
#include <linux/mm.h>

#include "vhm.h"

#define CR0_WP		BIT_ULL(16)
#define CR0_PG		BIT_ULL(31)
#define CR4_PSE		BIT_ULL(4)
#define CR4_PAE		BIT_ULL(5)
#define CR4_LA57	BIT_ULL(12)
#define CR4_SMEP	BIT_ULL(20)
#define CR4_SMAP	BIT_ULL(21)
#define EFER_LONG	BIT_ULL(10)	/* LMA */
#define EFER_NXE	BIT_ULL(11)
#define RFLAGS_AC	BIT_ULL(18)

#define PT_P		BIT_ULL(0)
#define PT_W		BIT_ULL(1)
#define PT_U		BIT_ULL(2)
#define PT_A		BIT_ULL(5)
#define PT_D		BIT_ULL(6)
#define PT_PS		BIT_ULL(7)
#define PT_XD		BIT_ULL(63)
#define PT_ADDR		GENMASK_ULL(51, 12)

#define PF_P		BIT(0)
#define PF_W		BIT(1)
#define PF_U		BIT(2)
#define PF_RSVD		BIT(3)
#define PF_I		BIT(4)

#define MAX_LEVELS	5
#define MAX_TRIES	64	/* other vCPUs changing the same entries under us */

struct mode {
	u8 levels, bits, size;
	u64 root_mask;		/* of CR3 */
};

enum { M_2LEVEL, M_PAE, M_4LEVEL, M_5LEVEL };
static const struct mode modes[] = {
	[M_2LEVEL] = { 2, 10, 4, GENMASK_ULL(31, 12) },
	[M_PAE] = { 3, 9, 8, GENMASK_ULL(31, 5) },
	[M_4LEVEL] = { 4, 9, 8, PT_ADDR },
	[M_5LEVEL] = { 5, 9, 8, PT_ADDR },
};

struct walk {
	struct vhm_vcpu *vcpu;
	const struct vhm_state *st;
	const struct mode *mode;
	u64 gva;
	u32 access;
	bool nofault, nx;
	u64 reserved;			/* bits that no entry of this mode may have */
	/* out */
	int leaf;			/* level at which it ended */
	u64 pte[MAX_LEVELS + 1], at[MAX_LEVELS + 1];	/* by level: entry, its gpa */
	u64 rights;			/* PT_W, PT_U: in all levels; PT_XD: in any */
};

static const struct mode *mode_of(const struct vhm_state *st)
{
	if (st->efer & EFER_LONG)
		return &modes[st->cr4 & CR4_LA57 ? M_5LEVEL : M_4LEVEL];
	return &modes[st->cr4 & CR4_PAE ? M_PAE : M_2LEVEL];
}

static bool is_pdpte(const struct walk *k, int level)
{
	return k->mode == &modes[M_PAE] && level == 3;
}

static bool is_large(const struct walk *k, u64 pte, int level)
{
	if (level == 1 || !(pte & PT_PS))
		return false;
	if (k->mode == &modes[M_2LEVEL])
		return k->st->cr4 & CR4_PSE;
	return level == 2 || (level == 3 && k->mode != &modes[M_PAE]);
}

/* Reserved in every entry of the mode, whatever its level. */
static u64 common_reserved(const struct walk *k)
{
	u64 m;

	if (k->mode == &modes[M_2LEVEL])
		return 0;
	m = PT_ADDR & ~(BIT_ULL(k->vcpu->maxphyaddr) - 1);
	if (k->mode == &modes[M_PAE])
		m |= GENMASK_ULL(62, 52);
	return k->nx ? m : m | PT_XD;
}

/* Reserved at this level besides. */
static u64 level_reserved(const struct walk *k, int level, bool large)
{
	if (k->mode == &modes[M_2LEVEL])
		/* bits 20:13 of a 4 MiB entry are address bits 39:32 */
		return large ? BIT_ULL(21) : 0;
	if (is_pdpte(k, level))
		return PT_XD | GENMASK_ULL(8, 5) | PT_W | PT_U;
	if (large)
		/* bit 12 is PAT */
		return GENMASK_ULL(12 + 9 * (level - 1) - 1, 13);
	return level >= 4 ? PT_PS : 0;
}

static int read_entry(struct walk *k, u64 gpa, u64 *pte)
{
	struct vhm_vm *vm = k->vcpu->vm;

	*pte = 0;
	return k->nofault ? vhm_gpa_read_nofault(vm, gpa, pte, k->mode->size) :
			    vhm_gpa_read(vm, gpa, pte, k->mode->size);
}

/* 1 and the error code of a guest page fault; bits of the access, then why. */
static int page_fault(const struct walk *k, struct vhm_walk *w, u32 why)
{
	w->error = why;
	if (k->access & VHM_ACC_WRITE)
		w->error |= PF_W;
	if (k->access & VHM_ACC_USER)
		w->error |= PF_U;
	if ((k->access & VHM_ACC_EXEC) && (k->nx || (k->st->cr4 & CR4_SMEP)))
		w->error |= PF_I;
	return 1;
}

/* Down to the leaf. 0, 1, -EFAULT. */
static int descend(struct walk *k, struct vhm_walk *w)
{
	const struct mode *m = k->mode;
	u64 table = k->st->cr3 & m->root_mask;
	int level;

	k->rights = PT_W | PT_U;
	for (level = m->levels; ; level--) {
		u64 index = k->gva >> (12 + m->bits * (level - 1)) & ((1u << m->bits) - 1);
		bool large;
		u64 pte;

		k->at[level] = table + index * m->size;
		if (read_entry(k, k->at[level], &pte))
			return -EFAULT;
		if (!(pte & PT_P))
			return page_fault(k, w, 0);
		large = is_large(k, pte, level);
		if (unlikely(pte & (k->reserved | level_reserved(k, level, large))))
			return page_fault(k, w, PF_P | PF_RSVD);
		k->pte[level] = pte;
		if (!is_pdpte(k, level)) {
			k->rights &= pte | PT_XD;
			k->rights |= k->nx ? pte & PT_XD : 0;
		}
		if (level == 1 || large)
			break;
		table = pte & PT_ADDR;
	}
	k->leaf = level;
	return 0;
}

static u64 leaf_gpa(const struct walk *k)
{
	u64 pte = k->pte[k->leaf];
	u64 off = BIT_ULL(12 + k->mode->bits * (k->leaf - 1)) - 1;

	if (k->mode == &modes[M_2LEVEL] && k->leaf == 2)
		return (pte & GENMASK_ULL(31, 22)) |
			(pte & GENMASK_ULL(20, 13)) << 19 | (k->gva & off);
	return (pte & PT_ADDR & ~off) | (k->gva & off);
}

/*
 * SMAP spares explicit accesses with EFLAGS.AC set. A supervisor access while
 * CPL is 3 (a descriptor table, a TSS) is an implicit one.
 */
static bool smap_blocks(const struct walk *k)
{
	if (!(k->st->cr4 & CR4_SMAP))
		return false;
	return !(k->vcpu->rflags & RFLAGS_AC) || vhm_st(k->vcpu, VHM_ST_CODE)->cpl == 3;
}

static bool permitted(const struct walk *k)
{
	bool user_page = k->rights & PT_U, user = k->access & VHM_ACC_USER;

	if (user && !user_page)
		return false;
	if (k->access & VHM_ACC_EXEC)
		return !(k->rights & PT_XD) &&
			(user || !user_page || !(k->st->cr4 & CR4_SMEP));
	if (!user && user_page && smap_blocks(k))
		return false;
	if (!(k->access & VHM_ACC_WRITE) || (k->rights & PT_W))
		return true;
	return !user && !(k->st->cr0 & CR0_WP);
}

/* Tables in a read-only slot keep their bits as they are. */
static bool in_rom(struct walk *k, u64 gpa)
{
	const struct vhm_memslot *slot = vhm_slot_find(k->vcpu->vm, gpa >> PAGE_SHIFT);

	return slot && (slot->flags & KVM_MEM_READONLY);
}

/* Accessed and dirty bits. 0; 1: an entry changed, walk again; -EFAULT. */
static int set_ad(struct walk *k)
{
	int level, r;

	for (level = k->mode->levels; level >= k->leaf; level--) {
		u64 old = k->pte[level], new = old | PT_A;

		if (level == k->leaf && (k->access & VHM_ACC_WRITE))
			new |= PT_D;
		if (new == old || is_pdpte(k, level) || in_rom(k, k->at[level]))
			continue;
		if (k->nofault)		/* a write that needs its dirty bit set */
			return -EFAULT;
		r = vhm_gpa_cmpxchg(k->vcpu->vm, k->at[level], &old, new, k->mode->size);
		if (r)
			return r;
	}
	return 0;
}

static int no_paging(u64 gva, struct vhm_walk *w)
{
	w->gpa = gva;
	w->writable = w->user = true;
	return 0;
}

int vhm_gva_to_gpa(struct vhm_vcpu *vcpu, u64 gva, u32 access, bool nofault,
		   struct vhm_walk *w)
{
	const struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);
	struct walk k;		/* filled by hand: zeroing its arrays costs on hot paths */
	int r, tries;

	k.vcpu = vcpu;
	k.st = st;
	k.mode = mode_of(st);
	k.gva = st->efer & EFER_LONG ? gva : (u32)gva;
	k.access = access;
	k.nofault = nofault;
	k.nx = k.mode != &modes[M_2LEVEL] && (st->efer & EFER_NXE);
	if (!(st->cr0 & CR0_PG))
		return no_paging(k.gva, w);
	k.reserved = common_reserved(&k);
	for (tries = 0; tries < MAX_TRIES; tries++) {
		r = descend(&k, w);
		if (r)
			return r;
		if (!permitted(&k))
			return page_fault(&k, w, PF_P);
		/* a look sets no bits, and the CPU's own walk has set the rest */
		r = nofault && !(access & VHM_ACC_WRITE) ? 0 : set_ad(&k);
		if (r < 0)
			return r;
		if (r)
			continue;
		w->gpa = leaf_gpa(&k);
		w->user = k.rights & PT_U;
		w->writable = (k.rights & PT_W) ||
			(!(access & VHM_ACC_USER) && !(st->cr0 & CR0_WP));
		return 0;
	}
	return -EFAULT;
}
