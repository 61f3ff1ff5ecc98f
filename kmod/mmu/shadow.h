/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shadow pages: what shadow.c and shadow_rmap.c share. The theory is in shadow.c.
 */
#ifndef VHM_MMU_SHADOW_H
#define VHM_MMU_SHADOW_H

#include <linux/bits.h>
#include <linux/hash.h>
#include <linux/list.h>

#include "vhm.h"
#include "table.h"

/* Entries, as the CPU has them with PAE and in long mode; guests' are alike. */
enum {
	SPTE_P = 1, SPTE_W = 2, SPTE_U = 4, SPTE_UC = 0x18, SPTE_A = 0x20, SPTE_D = 0x40,
	SPTE_PS = 0x80,
};
#define SPTE_NX		BIT_ULL(63)
#define SPTE_ADDR	GENMASK_ULL(51, 12)

#define VHM_SP_BITS	14
#define VHM_ID_BITS	(VHM_SP_BITS + 9)	/* of an entry's number: page, index */
#define VHM_MAX_SP	(1u << VHM_SP_BITS)	/* shadow pages of a VM; number 0 is none */
#define VHM_RMAP_BITS	16
#define VHM_SP_HASH_BITS 12
#define VHM_TRACK_BITS	15

/* The guest's way of paging; those with entries of 4 bytes first. */
enum { VHM_MODE_2LEVEL, VHM_MODE_PSE, VHM_MODE_PAE, VHM_MODE_LONG, VHM_MODE_NONE };

/* What the content of a shadow page depends on beside the guest's entries. */
union vhm_role {
	struct {
		u32 level:3, mode:3, acc:3;	/* acc: rights from above */
		u32 quadrant:2;		/* which part of a table of 1024 entries */
		u32 direct:1;		/* gfn is the first of the frames, not a table's */
		u32 wp:1, smep:1, nxe:1;
		u32 pdpt:1;		/* a root of four entries, */
		u32 off:7;		/* and with PAE its place in the page */
	};
	u32 word;
};

/* One shadow page. All under mem->lock for writing, but what a CPU sets in pt. */
struct vhm_sp {
	struct hlist_node hash;	/* by gfn */
	struct list_head lru;	/* last used first */
	union vhm_role role;
	u64 gfn;
	u32 id;			/* place in vhm_shadow.sp */
	u32 parents;		/* first of the chain of entries that point here */
	u32 writes;		/* to a tracked frame since it was walked last */
	bool unsync;		/* the guest may write to its table */
	struct list_head out;	/* in vhm_shadow.out while unsync */
	u64 *pt, *link;		/* 512 entries; of each, gfn if a leaf and next in its chain */
};

/* A VM's shadow. Under mem->lock for writing, but for what says otherwise. */
struct vhm_shadow {
	struct vhm_sp *sp[VHM_MAX_SP];	/* by number */
	unsigned long used[BITS_TO_LONGS(VHM_MAX_SP)];
	u32 n, hint;
	bool stale;		/* entries were dropped that a TLB may still have */
	struct list_head lru, out;
	struct hlist_head hash[1 << VHM_SP_HASH_BITS];
	u32 rmap[1 << VHM_RMAP_BITS];
	/* how many tracked frames fall here, and of 2 MiB stretches; read anywhere */
	u16 tracked[1 << VHM_TRACK_BITS], near[1 << VHM_SP_HASH_BITS];
};

static inline struct hlist_head *vhm_sp_bucket(struct vhm_shadow *sh, u64 gfn)
{
	return &sh->hash[hash_64(gfn, VHM_SP_HASH_BITS)];
}

/** vhm_sp_gfn: the frame that a leaf maps. */
static inline u64 vhm_sp_gfn(const struct vhm_sp *sp, u32 idx)
{
	return sp->link[idx] >> VHM_ID_BITS;
}

/** vhm_sp_index: the entry of a linear address in a table of this level. */
static inline u32 vhm_sp_index(u64 gva, int level)
{
	return gva >> (3 + 9 * level) & 511;
}

/** vhm_shadow_maybe: may gfn be tracked? False is certain. Any context. */
static inline bool vhm_shadow_maybe(const struct vhm_shadow *sh, u64 gfn)
{
	return READ_ONCE(sh->tracked[hash_64(gfn, VHM_TRACK_BITS)]);
}

/** vhm_shadow_near: may a frame of the same 2 MiB be? */
static inline bool vhm_shadow_near(const struct vhm_shadow *sh, u64 gfn)
{
	return sh->near[hash_64(gfn >> 9, VHM_SP_HASH_BITS)];
}

static inline void vhm_shadow_track(struct vhm_shadow *sh, u64 gfn, int by)
{
	u16 *t = &sh->tracked[hash_64(gfn, VHM_TRACK_BITS)];

	WRITE_ONCE(*t, *t + by);
	sh->near[hash_64(gfn >> 9, VHM_SP_HASH_BITS)] += by;
}

/* shadow_rmap.c: mem->lock for writing */
/** vhm_spte_child: the page that an entry points to, or NULL. */
struct vhm_sp *vhm_spte_child(const struct vhm_sp *sp, u32 idx);
/** vhm_spte_drop: make the entry empty. No TLB is flushed. */
void vhm_spte_drop(struct vhm_shadow *sh, struct vhm_sp *sp, u32 idx);
void vhm_spte_link(struct vhm_shadow *sh, struct vhm_sp *sp, u32 idx, struct vhm_sp *below);
/** vhm_spte_set: make it a leaf for gfn. */
void vhm_spte_set(struct vhm_shadow *sh, struct vhm_sp *sp, u32 idx, u64 gfn, u64 spte);
/** vhm_rmap_op: ZAP or PROTECT all leaves that map gfn; true: there was one to change. */
bool vhm_rmap_op(struct vhm_shadow *sh, enum vhm_pt_op op, u64 gfn);

#endif
