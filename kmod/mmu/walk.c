// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's own page tables, walked in software.
 *
 * Theory: APM volume 2, "Page Translation and Protection"; SDM volume 3A,
 * "Paging". A mode is a list of levels, top first; a level says where its index
 * is, which bit makes an entry the last, and what is reserved. Rights are the
 * AND of all levels, execute disable being kept inverted. Accessed and dirty
 * bits are seldom missing: when one is, the walk is made a second time and sets
 * them by compare-and-exchange, the leaf's after the access was permitted.
 */
#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <asm/processor-flags.h>

#include "vhm.h"
#include "slots.h"

enum { LMA = BIT(10), NXE = BIT(11) };	/* of EFER */

enum { PT_P = 1, PT_W = 2, PT_U = 4, PT_A = 0x20, PT_D = 0x40, PT_PS = 0x80 };
#define PT_XD		BIT_ULL(63)
#define PT_ADDR		GENMASK_ULL(51, 12)

/* bits of a page fault's error code */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

#define MAX_TRIES	64	/* other vCPUs changing the same entries under us */
#define AGAIN		2

struct level {
	u8 shift;		/* of the index in the linear address */
	u64 leaf;		/* a present entry with this bit maps memory */
	u64 reserved[2];	/* in an entry that points to a table; in one that maps */
	u64 lacks;		/* bits of other levels' entries that this level has not */
};

struct mode {
	u64 root;		/* address bits of CR3 */
	u64 reserved;		/* at all levels */
	u32 size;		/* of an entry in bytes */
	struct level level[5];	/* top first */
};

#define LEVEL_4K	{ 12, PT_P }
#define LEVEL_2M	{ 21, PT_PS, { 0, GENMASK_ULL(20, 13) } }	/* bit 12 is PAT */
#define LEVEL_1G	{ 30, PT_PS, { 0, GENMASK_ULL(29, 13) } }
#define LEVEL_4		{ 39, 0, { PT_PS } }
#define LEVEL_PDPTE	{ 30, 0, { PT_XD | GENMASK_ULL(8, 5) | PT_W | PT_U }, PT_A | PT_W | PT_U }
#define SHIFT_4M	22	/* in the two-level modes only */

enum { M_2LEVEL, M_PSE, M_PAE, M_4LEVEL, M_5LEVEL };
static const struct mode modes[] = {
	[M_2LEVEL] = { GENMASK_ULL(31, 12), 0, 4, { { SHIFT_4M }, LEVEL_4K } },
	[M_PSE] = { GENMASK_ULL(31, 12), 0, 4,
		    { { SHIFT_4M, PT_PS, { 0, BIT_ULL(21) } }, LEVEL_4K } },
	[M_PAE] = { GENMASK_ULL(31, 5), GENMASK_ULL(62, 52), 8,
		    { LEVEL_PDPTE, LEVEL_2M, LEVEL_4K } },
	[M_4LEVEL] = { PT_ADDR, 0, 8, { LEVEL_4, LEVEL_1G, LEVEL_2M, LEVEL_4K } },
	[M_5LEVEL] = { PT_ADDR, 0, 8, { { 48, 0, { PT_PS } }, LEVEL_4, LEVEL_1G, LEVEL_2M, LEVEL_4K } },
};

struct walk {
	struct vhm_vcpu *vcpu;
	const struct mode *mode;
	u64 gva;
	u32 access;
	u64 reserved;		/* at all levels */
	u64 need, deny;		/* rights that the access needs, and that forbid it */
	u64 ad;			/* accessed and dirty bits that it sets */
};

static const struct mode *long_mode(const struct vhm_state *st)
{
	return &modes[st->cr4 & X86_CR4_LA57 ? M_5LEVEL : M_4LEVEL];
}

static const struct mode *mode_of(const struct vhm_state *st)
{
	if (st->efer & LMA)
		return long_mode(st);
	if (st->cr4 & X86_CR4_PAE)
		return &modes[M_PAE];
	return &modes[st->cr4 & X86_CR4_PSE ? M_PSE : M_2LEVEL];
}

/* 1 and the error code of a guest page fault; bits of the access, then why. */
static noinline int page_fault(struct vhm_walk *w, const struct vhm_state *st, u32 access, u32 why)
{
	bool nx = mode_of(st)->size == 8 && (st->efer & NXE);

	w->error = why | (access & VHM_ACC_WRITE ? PF_W : 0) | (access & VHM_ACC_USER ? PF_U : 0) |
		((access & VHM_ACC_EXEC) && (nx || (st->cr4 & X86_CR4_SMEP)) ? PF_I : 0);
	return 1;
}

/* Add bits to the entry *pte. 0; AGAIN: it is another by now; -EFAULT. */
static noinline int mark(struct vhm_vm *vm, u64 at, u64 *pte, u64 bits, u32 size, bool nofault)
{
	u64 old = *pte;
	const struct vhm_memslot *slot = vhm_slot_find(vm, at >> PAGE_SHIFT);
	int r;

	/* tables in a read-only slot keep their bits as they are */
	if (!(bits & ~old) || (slot && (slot->flags & KVM_MEM_READONLY)))
		return 0;
	r = nofault ? -EFAULT : vhm_gpa_cmpxchg(vm, at, &old, old | bits, size);
	*pte |= bits;
	return r > 0 ? AGAIN : r;
}

static noinline int read_entry(struct vhm_vm *vm, u64 at, u64 *pte, u32 size)
{
	*pte = 0;
	return vhm_gpa_read(vm, at, pte, size);
}

/*
 * Down to the leaf; marks: set bits on the way; t: leave a trace, or NULL. Page
 * faults are disabled when nofault. 0, 1, AGAIN (with marks), -EFAULT.
 */
static __always_inline int descend(const struct walk *k, struct vhm_walk *w, u32 size,
				   bool nofault, bool marks, struct vhm_trace *t)
{
	const struct vhm_state *st = &k->vcpu->st;
	struct vhm_vm *vm = k->vcpu->vm;
	struct vhm_slots *slots = rcu_dereference_raw(vm->mem.slots);
	const struct vhm_memslot *slot = NULL;
	const struct mode *m = k->mode;
	const struct level *l = m->level;
	u64 table = st->cr3 & m->root, rights = ~0ull, at, leaf, pte, bits, off;
	int r;

	for (;; l++, table = pte & PT_ADDR) {
		at = table + (k->gva >> l->shift & (PAGE_SIZE / size - 1)) * size;
		r = nofault ? vhm_peek(slots, &slot, at, &pte, size) :
			      read_entry(vm, at, &pte, size);
		if (unlikely(r))
			return -EFAULT;
		if (unlikely(!(pte & PT_P)))
			return page_fault(w, st, k->access, 0);
		leaf = pte & l->leaf;
		if (unlikely(pte & (k->reserved | l->reserved[!!leaf])))
			return page_fault(w, st, k->access, PF_P | PF_RSVD);
		rights &= (pte ^ PT_XD) | l->lacks;
		if (leaf && unlikely((rights & (k->need | k->deny)) != k->need))
			return page_fault(w, st, k->access, PF_P);
		bits = k->ad & ~(leaf ? 0 : PT_D | l->lacks);
		r = marks ? mark(vm, at, &pte, bits, size, nofault) : 0;
		if (r)
			return r;
		if (t) {
			t->leaf = (l->shift - 3) / 9;
			t->at[t->leaf] = at;
			t->pte[t->leaf] = pte;
		}
		if (leaf)
			break;
	}
	if (!marks && unlikely(k->ad & ~(pte & (rights | PT_D))))
		return AGAIN;
	off = BIT_ULL(l->shift) - 1;
	w->gpa = (pte & PT_ADDR & ~off) | (k->gva & off);
	if (size == 4 && l->shift == SHIFT_4M)	/* address bits 39:32 */
		w->gpa |= (pte & GENMASK_ULL(20, 13)) << 19;
	w->user = rights & PT_U;
	w->writable = (rights & PT_W) || !((k->access & VHM_ACC_USER) || (st->cr0 & X86_CR0_WP));
	return 0;
}

/*
 * SMAP spares explicit accesses with EFLAGS.AC set. A supervisor access while
 * CPL is 3 (a descriptor table, a TSS) is an implicit one.
 */
static bool smap_blocks(struct vhm_vcpu *vcpu)
{
	return !(vcpu->rflags & X86_EFLAGS_AC) || vhm_st(vcpu, VHM_ST_CODE)->cpl == 3;
}

/* look: long mode and nofault; may answer AGAIN. t: not with nofault. */
static __always_inline int walk(struct vhm_vcpu *vcpu, u64 gva, u32 access, bool nofault,
				bool look, struct vhm_walk *w, struct vhm_trace *t)
{
	const struct vhm_state *st = &vcpu->st;
	const struct mode *m = look ? long_mode(st) : mode_of(st);
	bool user = access & VHM_ACC_USER, nx = (look || m->size == 8) && (st->efer & NXE);
	struct walk k = {
		.vcpu = vcpu, .mode = m, .access = access, .gva = gva,
		.reserved = (PT_ADDR & ~(BIT_ULL(vcpu->maxphyaddr) - 1)) | m->reserved |
			(nx ? 0 : PT_XD),
		.need = user ? PT_U : 0,
		/* a look sets no bits, and the CPU's own walk has set the rest */
		.ad = access & VHM_ACC_WRITE ? PT_A | PT_D : nofault ? 0 : PT_A,
	};
	int r = AGAIN, tries;

	if (access & VHM_ACC_EXEC) {
		k.need |= PT_XD;	/* inverted */
		k.deny = !user && (st->cr4 & X86_CR4_SMEP) ? PT_U : 0;
	} else if (!user && (st->cr4 & X86_CR4_SMAP) && smap_blocks(vcpu)) {
		k.deny = PT_U;
	}
	if ((access & VHM_ACC_WRITE) && (user || (st->cr0 & X86_CR0_WP)))
		k.need |= PT_W;
	if (look)
		return descend(&k, w, 8, true, false, NULL);
	for (tries = 0; r == AGAIN && tries < MAX_TRIES; tries++)
		r = nofault ? descend(&k, w, m->size, true, tries, NULL) :
			      descend(&k, w, m->size, false, tries, t);
	return r == AGAIN ? -EFAULT : r;
}

static noinline int any_walk(struct vhm_vcpu *vcpu, u64 gva, u32 access, bool nofault,
			     struct vhm_walk *w)
{
	return walk(vcpu, gva, access, nofault, false, w, NULL);
}

int vhm_gva_to_gpa(struct vhm_vcpu *vcpu, u64 gva, u32 access, bool nofault,
		   struct vhm_walk *w)
{
	const struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);
	bool is_long = st->efer & LMA;
	int r = AGAIN;

	if (!is_long)
		gva = (u32)gva;
	if (!(st->cr0 & X86_CR0_PG)) {
		*w = (struct vhm_walk){ .gpa = gva, .writable = true, .user = true };
		return 0;
	}
	if (!nofault)
		return any_walk(vcpu, gva, access, false, w);
	pagefault_disable();
	if (is_long)
		r = walk(vcpu, gva, access, true, true, w, NULL);
	if (unlikely(r == AGAIN))
		r = any_walk(vcpu, gva, access, true, w);
	pagefault_enable();
	return r;
}

int vhm_gva_trace(struct vhm_vcpu *vcpu, u64 gva, u32 access, struct vhm_walk *w,
		  struct vhm_trace *t)
{
	const struct vhm_state *st = vhm_st(vcpu, VHM_ST_CR);

	if (!(st->cr0 & X86_CR0_PG)) {
		w->gpa = gva;
		return 0;
	}
	t->size = mode_of(st)->size;
	return walk(vcpu, gva, access, false, false, w, t);
}
