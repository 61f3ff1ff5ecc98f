/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: slots, second-level tables, translation and access.
 *
 * This room knows table formats, not vendors. Guest RAM is the VMM's own
 * mapping; entries are filled on fault from the VMM's page tables without
 * pins and dropped by MMU notifiers.
 */
#ifndef VHM_MMU_H
#define VHM_MMU_H

#include <linux/mmu_notifier.h>
#include <linux/kvm.h>

struct vhm_vm;
struct vhm_vcpu;
struct vhm_fault;
struct vhm_shadow;
struct vhm_sp;

#define VHM_MAX_SLOTS	509

/*
 * A slot: guest frames [gfn, gfn + npages) are the VMM's memory from hva on.
 * Immutable once published, but for the bitmap's bits.
 */
struct vhm_memslot {
	u64 gfn;
	u64 npages;
	unsigned long hva, bias;	/* bias: hva minus guest-physical address */
	u32 flags;			/* KVM_MEM_* */
	u32 id;
	unsigned long *dirty_bitmap;	/* bits set atomically, NULL when not logging */
};

/*
 * All slots, sorted by gfn, replaced whole. Readers: srcu (may sleep), or
 * inside a section (interrupts off; the writer calls vhm_sections_wait()).
 */
struct vhm_slots {
	u32 n;
	u32 hint;			/* any reader, a guess: where the last look-up ended */
	struct vhm_memslot slot[];
};

struct vhm_mem {
	struct mutex slots_lock;	/* serialises slot changes and dirty log */
	struct vhm_slots __rcu *slots;
	u32 manual_log;			/* under slots_lock: KVM_DIRTY_LOG_* that the VMM chose */
	u32 ring_entries;		/* vm->lock to set, before there are vCPUs: 0, no dirty rings */
	rwlock_t lock;			/* tables: read to install a leaf, write to remove */
	u64 root_pa;			/* constant: one root per VM with nested paging */
	const struct vhm_pte_fmt *fmt;	/* constant */
	int root_level;			/* constant: 4, or 5 */
	struct vhm_shadow *shadow;	/* constant: shadow paging, NULL without */
	unsigned long invalidate_seq;	/* under lock for writing */
	int invalidating;		/* ranges being dropped, under lock for writing */
	unsigned long inv_start, inv_end;	/* their hull (hva), under lock for writing */
	struct mmu_notifier notifier;
};

/* Spare table pages, filled with sleeping allowed, used under mem->lock. */
#define VHM_PT_CACHE	5
struct vhm_pt_cache {
	int n;
	void *page[VHM_PT_CACHE];
};

/* A vCPU's part of shadow paging. */
#define VHM_SP_SPARE	4
struct vhm_shadow_vcpu {
	struct vhm_sp *root;	/* under mem->lock for writing; NULL: VHM_REQ_ROOT is set */
	int n;			/* these are for the owner: spare pages */
	struct vhm_sp *spare[VHM_SP_SPARE], *low;
};

/* A vCPU's dirty ring (ring.c). The indices run freely; either is read anywhere. */
struct vhm_ring {
	raw_spinlock_t lock;		/* next */
	u32 next;			/* where the next entry goes */
	u32 reset;			/* under slots_lock: the oldest that was not taken back */
	struct kvm_dirty_gfn *gfns;	/* constant, vmalloc: shared with the VMM, hostile */
};
/* the API's bound on entries, 65536, in bytes */
#define VHM_RING_MAX_BYTES	(65536 * sizeof(struct kvm_dirty_gfn))

/*
 * A second-level entry format: 64-bit entries, 512 to a table, told apart by
 * masks. Levels: 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB.
 */
struct vhm_pte_fmt {
	int levels;
	bool host_la57;		/* one level more when the host runs with five */
	u64 present;		/* any of these bits: the entry is in use */
	u64 table;		/* what an entry that points to a table has beside its address */
	u64 leaf;		/* what every leaf has */
	u64 large;		/* what tells a leaf above level 1 from a table */
	u64 write, dirty;	/* in a writable leaf; set by hardware on a write */
	u64 accessed;
	u64 exec, noexec;	/* in an executable leaf; in one that is not */
	u64 wb, uc;		/* memory types: RAM, device */
	u64 pa;			/* the address bits */
};
extern const struct vhm_pte_fmt vhm_fmt_npt, vhm_fmt_ept;

/* vhm_mmu_fault() beyond enum vhm_next and -errno: no memory there. */
#define VHM_FAULT_MMIO	16

/** vhm_mem_init: empty slots, root table, notifier on current->mm. -ENOMEM, -EINTR. */
int vhm_mem_init(struct vhm_vm *vm);
/**
 * vhm_mem_stop: no notifier runs from now on. Process, no vCPU runs or will.
 * Before the vCPUs are freed: notifiers flush their TLBs.
 */
void vhm_mem_stop(struct vhm_vm *vm);
/** vhm_mem_destroy: frees all, after vhm_mem_stop(). Process. */
void vhm_mem_destroy(struct vhm_vm *vm);

/**
 * vhm_mem_set_region: KVM_SET_USER_MEMORY_REGION. Process. -EINVAL alignment,
 * range, flags, slot number, resize; -EEXIST overlap; -ENOMEM.
 */
int vhm_mem_set_region(struct vhm_vm *vm, const struct kvm_userspace_memory_region *r);

/**
 * vhm_mem_dirty_log: KVM_GET_DIRTY_LOG: hand out and clear. Process. -EINVAL
 * slot number, -ENOENT no such slot or not logging, -EFAULT, -ENOMEM; -ENXIO:
 * there are dirty rings instead.
 */
int vhm_mem_dirty_log(struct vhm_vm *vm, struct kvm_dirty_log *log);

/** vhm_mem_manual_log: KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2. Process. -EINVAL. */
#define VHM_MANUAL_LOG	(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)
int vhm_mem_manual_log(struct vhm_vm *vm, u64 how);

/**
 * vhm_mem_clear_dirty_log: KVM_CLEAR_DIRTY_LOG: protect and take the bits that the
 * VMM names. Process. -EINVAL slot number, pages beyond the slot or no whole words;
 * -ENOENT no such slot or not logging; -ENOMEM; -EFAULT: some may have been cleared;
 * -ENXIO: there are dirty rings instead.
 */
int vhm_mem_clear_dirty_log(struct vhm_vm *vm, struct kvm_clear_dirty_log *log);

/**
 * vhm_ring_enable: KVM_CAP_DIRTY_LOG_RING: each vCPU gets a ring of so many bytes.
 * vm->lock. -E2BIG; -EINVAL: no power of two, less than a page, a vCPU exists, done
 * before.
 */
int vhm_ring_enable(struct vhm_vm *vm, u64 size);
/** vhm_ring_alloc: the ring of a new vCPU, if there are any. vcpu->vm is set. -ENOMEM. */
int vhm_ring_alloc(struct vhm_vcpu *vcpu);
/** vhm_ring_page: page n of the ring, or NULL. */
struct page *vhm_ring_page(struct vhm_vcpu *vcpu, unsigned long n);
/** vhm_ring_full: must the VMM take entries before the vCPU goes on? Any context. */
bool vhm_ring_full(struct vhm_vcpu *vcpu);
/**
 * vhm_ring_reset_all: KVM_RESET_DIRTY_RINGS: take back and protect what the VMM has
 * marked. Process. The number of entries; -EINVAL: no rings.
 */
int vhm_ring_reset_all(struct vhm_vm *vm);

/**
 * vhm_mmu_fault: second-level fault with interrupts on, srcu held. VHM_RESUME
 * when mapped or to be tried again, VHM_FAULT_MMIO when no slot backs the
 * frame (or a write hit a read-only slot), -EFAULT when the VMM's mapping is
 * not there or forbids it, -EINTR, -ENOMEM. A poisoned host page: SIGBUS with
 * BUS_MCEERR_AR is sent to the caller, VHM_RESUME.
 */
int vhm_mmu_fault(struct vhm_vcpu *vcpu, const struct vhm_fault *f);

/** vhm_pt_cache_free: at vCPU destruction. */
void vhm_pt_cache_free(struct vhm_pt_cache *cache);

/** vhm_slot_by_id: the slot of this number or NULL; srcu or slots_lock. */
const struct vhm_memslot *vhm_slot_by_id(struct vhm_vm *vm, u32 id);

/** vhm_slot_find: the slot of a frame or NULL; srcu or section. */
const struct vhm_memslot *vhm_slot_find(struct vhm_vm *vm, u64 gfn);

/* ---- access.c: guest-physical access --------------------------------------
 * len bytes, crossing pages and slots allowed. The non-nofault forms may
 * sleep and need srcu and current->mm == vm->mm; the nofault ones are for the
 * section. 0, or -EFAULT (no slot, read-only slot, VMM mapping absent).
 * Writes mark the dirty log.
 */
int vhm_gpa_access(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len, bool write,
		   bool nofault);
/** vhm_gpa_read_nofault: the same; fast for 16 bytes. */
int vhm_gpa_read_nofault(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len);

static inline int vhm_gpa_read(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	return vhm_gpa_access(vm, gpa, buf, len, false, false);
}

static inline int vhm_gpa_write(struct vhm_vm *vm, u64 gpa, const void *buf, unsigned int len)
{
	return vhm_gpa_access(vm, gpa, (void *)buf, len, true, false);
}

/**
 * vhm_gpa_cmpxchg: atomic compare and exchange of 1,2,4,8 bytes, naturally
 * aligned, on RAM. 0 exchanged, 1 differed (*old updated), -EFAULT.
 */
int vhm_gpa_cmpxchg(struct vhm_vm *vm, u64 gpa, u64 *old, u64 new, unsigned int size);

/* ---- walk.c: the guest's own tables ---------------------------------------
 * Every paging mode (none, 2-level, PAE, 4- and 5-level), permission checks as
 * the access asks (SMEP, SMAP with rflags.AC, WP, NXE, U/S), accessed and
 * dirty bits set when the access is real (not nofault).
 */
struct vhm_walk {
	u64 gpa;		/* out */
	u32 error;		/* out: page-fault error code when the walk fails */
	bool writable, user;	/* out: permissions of the translation */
};
/**
 * vhm_gva_to_gpa: translate a linear address. access: VHM_ACC_*. 0; 1: guest
 * page fault, w->error holds the code; -EFAULT: a table lies outside RAM
 * (or, nofault, cannot be read now).
 */
int vhm_gva_to_gpa(struct vhm_vcpu *vcpu, u64 gva, u32 access, bool nofault,
		   struct vhm_walk *w);

/* The entries that a walk has met, by level: 1 maps 4 KiB, 2 has 2 or 4 MiB. */
struct vhm_trace {
	u64 at[6], pte[6];	/* guest-physical address, 0: no such level; the entry */
	int leaf;		/* the level that maps; 0: without paging */
	u8 size;		/* of an entry */
};
/** vhm_gva_trace: vhm_gva_to_gpa() that may fault and tells its way. */
int vhm_gva_trace(struct vhm_vcpu *vcpu, u64 gva, u32 access, struct vhm_walk *w,
		  struct vhm_trace *t);

/* ---- shadow.c: guests on tables of hv's own, where vhm_caps.shadow ------------ */

int vhm_shadow_init(struct vhm_mem *mem);	/* -ENOMEM */
void vhm_shadow_destroy(struct vhm_mem *mem);	/* also of a half-made one */
void vhm_shadow_vcpu_free(struct vhm_vcpu *vcpu);
/**
 * vhm_shadow_load: serve VHM_REQ_ROOT: a root for the registers as they are.
 * Process, srcu held. 0, -ENOMEM.
 */
int vhm_shadow_load(struct vhm_vcpu *vcpu);
/**
 * vhm_shadow_fault: the page fault of vcpu->exit. Process, srcu held. As
 * vhm_mmu_fault(); with VHM_FAULT_MMIO vcpu->exit is VHM_X_FAULT.
 */
int vhm_shadow_fault(struct vhm_vcpu *vcpu);
/** vhm_shadow_fault_fast: the same in a section; VHM_SLOW: not to be had there. */
int vhm_shadow_fault_fast(struct vhm_vcpu *vcpu);
/** vhm_shadow_invlpg: the guest invalidates an address. Process, srcu, shadow paging. */
void vhm_shadow_invlpg(struct vhm_vcpu *vcpu, u64 gva);
/** vhm_shadow_wrote: guest memory was written, within a page. Process, shadow paging. */
void vhm_shadow_wrote(struct vhm_vm *vm, u64 gpa, u32 len);

#endif
