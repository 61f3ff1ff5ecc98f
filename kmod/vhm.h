/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects of hv: a VM, its vCPUs, guest state, exits and events.
 *
 * A vCPU is a file whose owner thread sits in KVM_RUN; nearly all its fields
 * belong to whoever holds vcpu->mutex. What other threads and interrupts may
 * touch is said field by field, with these letters:
 *   [c] constant once published      [m] vcpu->mutex      [v] vm->lock
 *   [a] atomic, any context          [o] owner thread only, also in a section
 * Lock order is in LOCKING.md.
 */
#ifndef VHM_H
#define VHM_H

#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/rcuwait.h>
#include <linux/refcount.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>

#include "emul/emul.h"
#include "irq/irq.h"
#include "mmu/mmu.h"
#include "ops.h"

#define VHM_MAX_VCPUS		64
#define VHM_MAX_CPUID		256	/* entries KVM_SET_CPUID2 takes */
#define VHM_RUN_PAGES		2	/* struct kvm_run and the port data */
/* reasons for which KVM_CAP_X86_USER_SPACE_MSR hands an access to an MSR to the VMM */
#define VHM_MSR_EXITS	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | \
			 KVM_MSR_EXIT_REASON_FILTER)
#define VHM_MMAP_PAGES		3	/* those and the coalesced ring of the VM */

/* ---- guest state ------------------------------------------------------- */

/*
 * Segment numbers: enum vhm_sreg of emul.h (instruction-encoding order), then
 * the system ones. A descriptor cache is emul.h's struct vhm_seg (base, limit
 * in bytes, sel, attr); attr has emul.h's VHM_SEG_* bits and these; UNUSABLE is
 * hv's own mark (SVM: P clear).
 */
enum { VHM_LDTR = VHM_NR_SREG, VHM_TR, VHM_NR_SEGS };
enum { VHM_SEG_DPL = 0x60, VHM_SEG_AVL = 0x100, VHM_SEG_G = 0x800, VHM_SEG_UNUSABLE = 0x1000 };
#define VHM_SEG_DPL_SHIFT	5

/*
 * Groups of struct vhm_state that move between memory and hardware together:
 * CR: cr0 cr2 cr3 cr4 efer. CODE: seg[CS], seg[SS], cpl. SEG: the other segments.
 * DT: gdt, idt. SYS: SYSCALL, SYSENTER, KERNEL_GS_BASE, PAT, DEBUGCTL. DR: dr6,
 * dr7. TSC: tsc_offset (store only).
 */
enum {
	VHM_ST_CR = 1, VHM_ST_CODE = 2, VHM_ST_SEG = 4, VHM_ST_DT = 8, VHM_ST_SYS = 0x10,
	VHM_ST_DR = 0x20, VHM_ST_TSC = 0x40, VHM_ST_ALL = 0x7f,
};

struct vhm_state {
	struct vhm_seg seg[VHM_NR_SEGS];
	u8 cpl;		/* also current, without vhm_st(), after every exit */
	struct vhm_seg gdt, idt;	/* base and limit */
	u64 cr0, cr2, cr3, cr4, efer;	/* as the guest sees them */
	u64 dr6, dr7, debugctl;
	/* INIT resets what is above */
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat;
	u64 tsc_offset;
};

/* ---- exits ------------------------------------------------------------- */

enum vhm_exit_kind {
	VHM_X_NONE,		/* nothing to do: enter again */
	VHM_X_HOST_EVENT,	/* interrupt, NMI, SMI, INIT of the host: leave the section */
	/*
	 * From here to DR: an instruction that the guest was about to execute. What
	 * is to be known of an access to CR or DR the core decodes itself.
	 */
	VHM_X_CPUID, VHM_X_HLT, VHM_X_HYPERCALL, VHM_X_RDPMC, VHM_X_XSETBV,
	VHM_X_PAUSE, VHM_X_INVD, VHM_X_WBINVD, VHM_X_MONITOR, VHM_X_MWAIT,	/* no-ops */
	VHM_X_RSM, VHM_X_UD,	/* inject #UD */
	VHM_X_IO, VHM_X_MSR, VHM_X_CR, VHM_X_DR,
	VHM_X_FAULT,		/* second-level translation fault */
	VHM_X_PF,		/* page fault, with shadow paging: whose is it? */
	VHM_X_EMULATE,		/* the CPU cannot go on from here as the guest's would: hv does */
	VHM_X_EXCEPTION, VHM_X_IRQ_WINDOW, VHM_X_NMI_WINDOW,
	VHM_X_SHUTDOWN,		/* triple fault */
	VHM_X_FAIL_ENTRY,	/* the hardware refused the guest state */
	VHM_X_RDTSC, VHM_X_TASK_SWITCH, VHM_X_UNKNOWN,	/* the VMM is told */
	VHM_X_NR
};

/*
 * Access bits of a second-level fault, also asked of gva translation: emul.h's
 * VHM_ACC_READ, VHM_ACC_WRITE, VHM_ACC_EXEC, and these. WALK: the access was to
 * the guest's own page table. Of a fault the core asks for WRITE and WALK only.
 */
enum { VHM_ACC_USER = 0x10, VHM_ACC_WALK = 0x40 };

struct vhm_fault { u64 gpa; u32 access; };
struct vhm_io {
	u16 port;
	u8 size;		/* 1, 2, 4 */
	bool in, string;
};
struct vhm_pf { u64 gva; u32 error; };	/* as the CPU reports it */
struct vhm_exc { u8 vector; bool has_error; u32 error; u64 payload; /* DR6 bits of #DB */ };

/* Instruction after STI or MOV SS, told apart or not. */
#define VHM_BLOCK_SHADOW	(VHM_BLOCK_SHADOW_STI | VHM_BLOCK_SHADOW_SS)

/* AMD64 APM vol. 2, "Debug-Status Register (DR6)": bits that read as one; BS. */
#define DR6_FIXED	0xffff0ff0ull
#define DR6_BS		BIT(14)

/* One decoded exit. hw_* are the raw words for KVM_EXIT_INTERNAL_ERROR data. */
struct vhm_exit {
	enum vhm_exit_kind kind;
	u8 insn_len;		/* 0: the CPU did not say */
	u64 hw_reason, hw_info1, hw_info2;
	u8 n_bytes, bytes[15];	/* instruction bytes the CPU saved (decode assists) */
	union {
		struct vhm_io io;
		struct { bool write; } msr;
		struct vhm_fault fault;
		struct vhm_pf pf;
		struct vhm_exc exc;
	};
};

/*
 * What a handler wants next. A negative value is an errno that KVM_RUN
 * returns.
 */
enum vhm_next {
	VHM_RESUME,		/* enter the guest again */
	VHM_SLOW,		/* not settled inside the section: leave it, call the slow row */
	VHM_USER,		/* vcpu->run is filled: return 0 from KVM_RUN */
};

/* ---- events ------------------------------------------------------------ */

enum vhm_event_kind {
	VHM_EV_NONE, VHM_EV_EXC, VHM_EV_SOFT_EXC, VHM_EV_NMI, VHM_EV_IRQ, VHM_EV_SOFT_IRQ
};

struct vhm_event {
	u8 kind, vector;	/* enum vhm_event_kind */
	bool has_error, has_payload;	/* payload not yet written to CR2/DR6 */
	u32 error;
	u64 payload;
	u8 insn_len;		/* of the INT n / INT3 / INTO, for soft events */
};

struct vhm_events {
	struct vhm_event exc;		/* [m] raised, not yet injected */
	struct vhm_event interrupted;	/* [m] injected, delivery not finished: goes first */
	u8 nmi_pending;			/* [m] latched NMIs, 0..2 */
	int user_irq;			/* [m] vector of KVM_INTERRUPT, -1 none; needs vhm_user_pic() */
	u8 windows;			/* [m] VHM_WINDOW_* that are open */
	bool triple_fault, debug_exit;	/* [m] to be reported to the VMM; the latter is a step */
	atomic_t nmi_queued;		/* [a] NMIs sent by other contexts, to go into nmi_pending */
	u8 sipi_vector;			/* [a] */
};

/* ---- requests: set by anyone, served by the vCPU before it enters -------- */

/*
 * In the section: TLB_FLUSH, drop all translations; EVENT, look at events again.
 * Outside it: CLOCK, rewrite the paravirtual clock page; PV, look at the other
 * pages shared with the guest (pv.c); ROOT, find the shadow's root anew; RESET, INIT arrived; SIPI, start-up
 * arrived; IOAPIC_EOI, tell the VMM of one; INTERCEPTS, recompute which MSRs exit;
 * RING_FULL, tell the VMM if it is; DEAD, the VM was killed.
 */
enum vhm_request {
	VHM_REQ_TLB_FLUSH, VHM_REQ_EVENT,
	VHM_REQ_CLOCK, VHM_REQ_PV, VHM_REQ_ROOT, VHM_REQ_RESET, VHM_REQ_SIPI, VHM_REQ_IOAPIC_EOI,
	VHM_REQ_INTERCEPTS, VHM_REQ_RING_FULL, VHM_REQ_DEAD,
};

/* Those that need interrupts on; the others are served inside the section. */
#define VHM_SLOW_REQUESTS	(BIT(VHM_REQ_CLOCK) | BIT(VHM_REQ_PV) | BIT(VHM_REQ_ROOT) |	\
				 BIT(VHM_REQ_RESET) | BIT(VHM_REQ_SIPI) | BIT(VHM_REQ_IOAPIC_EOI) |		\
				 BIT(VHM_REQ_INTERCEPTS) | BIT(VHM_REQ_RING_FULL) | BIT(VHM_REQ_DEAD))

/* ---- vCPU -------------------------------------------------------------- */

#define VHM_N_VAR_MTRR	8
#define VHM_MCE_BANKS	32
#define VHM_BANK_REGS	4	/* CTL, STATUS, ADDR, MISC */

/* Values of MSRs that mean something only here (msr.c, clock.c). All [m]. */
struct vhm_msrs {
	u64 var_mtrr[2 * VHM_N_VAR_MTRR];	/* base, mask, base, ... */
	u64 fixed_mtrr[11], def_mtrr;
	u64 misc_enable, ucode_rev, arch_cap, hwcr, de_cfg;
	u64 mcg_cap, mcg_status, mcg_ctl, bank[VHM_MCE_BANKS * VHM_BANK_REGS];
	u64 tsc_adjust;
	u64 system_time, wall_clock;	/* kvmclock: addresses, bit 0 of the first: on */
	u64 steal_time, pv_eoi;	/* the same of pv.c's pages */
	u64 poll_control;	/* 0: the guest polls before it halts, so hv need not */
};

/* The paravirtual interface beyond the clock (pv.c). */
struct vhm_pv {
	bool enforce;		/* [m] only what CPUID offers is there */
	bool unhalted;		/* [a] KVM_HC_KICK_CPU: HLT ends, or does not begin */
	struct task_struct *steal_task;	/* [m] whose waiting steal_seen is; compared only */
	u64 steal_seen;		/* [m] how much of it the guest knows, ns */
};

/*
 * What stats.c reports. Written by the owner thread, in a section or out of it,
 * with plain additions; read anywhere.
 */
struct vhm_stats {
	u64 exits[VHM_X_NR];	/* by kind */
	u64 mmio_exits, signal_exits, request_irq_exits;	/* returns to the VMM */
	u64 irq_injections, nmi_injections, halt_wakeup;
	u64 insn_emulation, pf_fixed, tlb_flush, sections;
};

/* What cpuregs.h swaps at the ends of a section and round an entry. */
struct vhm_cpuregs {
	u32 spec_guest, spec_host;	/* [o] SPEC_CTRL of this section */
	bool spec_swap;		/* [o] the world switch must */
	bool rdtscp;		/* [m] the guest has RDTSCP or RDPID */
	bool tsc_aux_in;	/* [o] guest's TSC_AUX is loaded */
	bool dr_in;		/* [o] guest's (or the VMM's) DR0-3 are loaded */
	u64 tsc_aux, spec_ctrl;	/* [m] the guest's */
	u64 *hw_spec_ctrl;	/* [c] where the CPU has the guest's and swaps it, or NULL */
	u64 host_dr[4];		/* [o] while dr_in */
};

struct vhm_fpu {
	struct xregs_state *area; /* [m] XSAVE image, standard format, 64-byte aligned */
	u64 xcr0;		/* [m] the guest's */
	u64 host_xcr0;		/* [o] while the guest's may be loaded */
};

/* ---- an access that waits for the VMM (pio_mmio.c, emulate.c) -------------- */

enum vhm_pending_kind {
	VHM_PENDING_NONE,
	VHM_PENDING_PIO,	/* the IN or OUT, no string, that vcpu->exit describes */
	VHM_PENDING_MSR,	/* the RDMSR or WRMSR that it describes */
	VHM_PENDING_EMUL_PIO,	/* an emulated instruction stopped at a port, */
	VHM_PENDING_EMUL,	/* at a device's memory */
};

/* A device access of the instruction under emulation that has been made. */
struct vhm_access {
	u64 gpa;
	u8 len;			/* 1..8 */
	bool write;
	u64 data;		/* of a write: zero beyond len */
};

/* No instruction makes more: 16 bytes, misaligned, across a page, read and written. */
#define VHM_MAX_ACCESSES	8

struct vhm_pending {
	enum vhm_pending_kind kind;
	u64 rip;		/* of the instruction: a VMM that moves it drops the rest */
	/* the record that lets an emulated instruction be run again */
	u8 n, pos;		/* accesses recorded; replayed so far in this run */
	bool pio_answered;	/* the port data is there */
	bool nofault;		/* this run is inside a section */
	bool gpa_valid;		/* fault_gpa belongs to the only memory operand */
	u64 fault_gpa;
	struct vhm_access rec[VHM_MAX_ACCESSES];
};

struct vhm_vcpu {
	/* touched on every entry: keep together */
	u64 gpr[16];		/* [o] architectural numbering; rsp included */
	u64 rip, rflags;	/* [o] */
	struct vhm_exit exit;	/* [o] */
	unsigned long requests;	/* [a] bit per enum vhm_request */
	int in_section;		/* [a] CPU number while in a section, else -1; see vhm_request() */
	/* [m] groups of st that are current; that the hardware must be given */
	u32 st_valid, st_dirty;
	bool code64;		/* [o] EFER.LMA and CS.L at the last exit; see vhm_is_64bit() */
	u8 cr8;			/* [m] task priority as the guest sees it */
	bool cr8_intercept;	/* [m] a pending interrupt waits for a lower CR8 */
	bool pv_eoi_armed;	/* [o] the guest may end its interrupt by a flag (pv.c) */
	bool dr_live;		/* [m] guest debug registers are loaded in the section */
	u32 exc_intercepts;	/* [m] bit per vector, beyond what the vendor needs */
	struct vhm_events ev;
	struct vhm_state st;	/* [m] through vhm_st() */
	struct vhm_cpuregs cpuregs;

	struct vhm_vm *vm;	/* [c] */
	struct kvm_run *run;	/* [c] the page shared with the VMM: hostile, read once */
	struct vhm_lapic *lapic;	/* [c] &apic; NULL without in-kernel irqchip */
	struct vhm_lapic apic;	/* without irqchip, IA32_APIC_BASE [m] and its rules only */
	int id, index;		/* [c] APIC id given by the VMM; place in vm->vcpus */
	int last_cpu;		/* [o] where it ran last, -1 never */
	struct mutex mutex;	/* every vCPU ioctl */
	struct rcuwait wait;	/* a halted vCPU sleeps here */
	u32 poll_ns;		/* [o] how long it polls before it sleeps (halt.c) */
	struct task_struct *task;	/* [o], read under RCU: who is in KVM_RUN, or NULL */
	u32 mp_state;		/* [m] KVM_MP_STATE_* */
	u8 eoi_vector;		/* [o] for VHM_REQ_IOAPIC_EOI */
	struct vhm_stats stats;	/* [o] to write */
	bool ran;		/* [m] KVM_RUN entered once: CPUID is frozen */

	struct vhm_fpu fpu;
	u64 dr[4];		/* [m] breakpoint addresses */
	u64 guest_debug_dr[4], guest_debug_dr7;	/* [m] KVM_SET_GUEST_DEBUG */
	u32 guest_debug;	/* [m] KVM_GUESTDBG_* */

	/* CPUID as set by the VMM and what follows from it (cpuid.c) */
	struct kvm_cpuid_entry2 *cpuid;	/* [m] */
	u32 n_cpuid;		/* [m] */
	u16 cpuid_index[2][33];	/* [m] leaf 0x0.., 0x80000000..: first entry + 1, 0 none */
	u32 pv_features;	/* [m] KVM_FEATURE_* bits of the KVM leaf, 0 if not offered */
	u64 cr4_allowed, efer_allowed, xcr0_allowed;	/* [m] */
	u8 maxphyaddr;		/* [m] */
	struct vhm_msrs msrs;
	struct vhm_pv pv;
	bool clock_stopped;	/* [m] tell the guest's clock that the VMM stopped it */
	u32 tsc_khz;		/* [m] to change, read anywhere */

	struct vhm_pending pending;	/* [m] */
	struct vhm_emul emul;	/* [m] */
	u8 emul_run;		/* [o] instructions performed in place of the CPU's, modulo */
	struct vhm_pt_cache pt_cache;	/* [m] spare table pages (mmu/) */
	struct vhm_shadow_vcpu shadow;	/* see there */
	struct vhm_ring ring;	/* mmu/ring.c */

	sigset_t sigset;	/* [m] KVM_SET_SIGNAL_MASK, while sigset_active */
	bool sigset_active;	/* [m] */
};

struct vhm_vm {
	struct mutex lock;	/* VM ioctls that change structure */
	refcount_t users;	/* VM fd and vCPU fds */
	struct mm_struct *mm;	/* [c] address space of the creator, grabbed */
	pid_t pid;		/* [c] of the creator, to name the VM by */
	atomic64_t remote_tlb_flush;	/* [a] times that second-level entries went; stats.c */
	bool dead;		/* [a] our own bug was met: -EIO ever after */
	struct vhm_vcpu *vcpus[VHM_MAX_VCPUS];	/* published with release, [v] to change */
	int n_vcpus;		/* [v] to change, read with acquire */
	struct srcu_struct srcu;	/* readers of slots and buses that may sleep */
	struct vhm_mem mem;	/* mmu/ */
	struct vhm_irqchip *irqchip;	/* [v] to set: NULL or &chip */
	struct vhm_irqchip chip;
	struct hlist_head iobus;	/* eventfd.c: under srcu or a section; [v] to change */
	struct hlist_head irqfds, resamplers;	/* irqfd.c: [v]; the latter to read: srcu */
	struct work_struct irqfd_work;	/* drops the irqfds whose eventfd was closed */
	struct vhm_coalesced *coalesced;	/* [c] coalesced.c */
	u64 bsp_id;		/* [v] */
	u64 identity_gfn;	/* [v] to set, before there are vCPUs; where identity_pa appears */
	bool payloads;		/* [v] to change: KVM_CAP_EXCEPTION_PAYLOAD */
	bool triple_faults;	/* [v] to change: KVM_CAP_X86_TRIPLE_FAULT_EVENT */
	/* what KVM_ENABLE_CAP set: reasons for MSR exits; exits that are off, [c] from the first vCPU */
	u32 msr_exits, exits_off;	/* [v] to change */
	struct vhm_msr_filter __rcu *msr_filter;	/* srcu or a section; [v] to change */
	bool msr_exit_all;	/* the filter denies an MSR that the hardware could serve; [v] to change */
	u32 halt_poll_ns;	/* [v] to change: KVM_CAP_HALT_POLL, */
	bool halt_poll_set;	/* [v] if it was given */
	int last_boosted;	/* a hint: place of the vCPU that was yielded to last */
	/* paravirtual clock (clock.c) */
	raw_spinlock_t clock_lock;	/* leaf lock of what follows */
	s64 clock_offset;	/* guest clock minus host boot clock, ns */
	u64 clock_tsc, clock_ns;	/* a host TSC value and the boot clock at it */
	u64 tsc_offset;		/* what the vCPUs' TSC offsets are kept equal to */
	bool tsc_offset_set;
};

/* Over the vCPUs published so far; any context. */
#define vhm_for_each_vcpu(i, vcpu, vm)					\
	/* the acquire pairs with the release in vhm_create_vcpu() */	\
	for ((i) = 0; (i) < smp_load_acquire(&(vm)->n_vcpus) &&		\
	     ((vcpu) = (vm)->vcpus[i], true); (i)++)

static inline bool vhm_is_bsp(struct vhm_vcpu *vcpu)
{
	return vcpu->id == vcpu->vm->bsp_id;
}

/** vhm_user_pic: the PIC is the VMM's, which hands interrupts in with KVM_INTERRUPT. */
static inline bool vhm_user_pic(struct vhm_vcpu *vcpu)
{
	return !vcpu->lapic || vcpu->lapic->chip->split;
}

/** vhm_takes_extint: what the VMM's PIC has would reach this CPU. */
static inline bool vhm_takes_extint(struct vhm_vcpu *vcpu)
{
	return !vcpu->lapic || vhm_lapic_takes_extint(vcpu->lapic);
}

/* ---- state accessors --------------------------------------------------- */

/** vhm_st: guest state with the groups made current. vCPU not running. */
static inline struct vhm_state *vhm_st(struct vhm_vcpu *vcpu, u32 groups)
{
	u32 miss = groups & ~vcpu->st_valid;

	if (miss) {
		vhm_ops->state_load(vcpu, miss);
		vcpu->st_valid |= miss;
	}
	return &vcpu->st;
}

/** vhm_st_write: the same, for a caller that is about to change the groups. */
static inline struct vhm_state *vhm_st_write(struct vhm_vcpu *vcpu, u32 groups)
{
	struct vhm_state *st = vhm_st(vcpu, groups);

	vcpu->st_dirty |= groups;
	return st;
}

/**
 * vhm_is_64bit: long mode and the code segment is 64-bit. Hot: what the last
 * exit said holds until somebody writes one of the two.
 */
static inline bool vhm_is_64bit(struct vhm_vcpu *vcpu)
{
	struct vhm_state *st;

	if (likely(!(vcpu->st_dirty & (VHM_ST_CR | VHM_ST_CODE))))
		return vcpu->code64;
	st = vhm_st(vcpu, VHM_ST_CR | VHM_ST_CODE);
	return (st->efer & 0x400) && (st->seg[VHM_CS].attr & VHM_SEG_L);
}

/** vhm_linear_rip: where the guest's code is now. */
static inline u64 vhm_linear_rip(struct vhm_vcpu *vcpu)
{
	if (vhm_is_64bit(vcpu))
		return vcpu->rip;
	return (u32)(vcpu->rip + vhm_st(vcpu, VHM_ST_CODE)->seg[VHM_CS].base);
}

/** vhm_pio_data: the page of the mapping that port data goes through; hostile. */
static inline void *vhm_pio_data(struct vhm_vcpu *vcpu)
{
	return (void *)vcpu->run + KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
}

/** vhm_insn_mode: how the decoder must read the guest's code now. */
static inline enum vhm_insn_mode vhm_insn_mode(struct vhm_vcpu *vcpu)
{
	if (vhm_is_64bit(vcpu))
		return VHM_INSN_64;
	/* the D bit means nothing in real mode, but is loaded as zero there */
	return vhm_st(vcpu, VHM_ST_CODE)->seg[VHM_CS].attr & VHM_SEG_DB ? VHM_INSN_32 :
									 VHM_INSN_16;
}

/* ---- run.c: the loop and its wake-ups ----------------------------------- */

/** vhm_vcpu_run: KVM_RUN. Process, vcpu->mutex. 0, -EINTR, -EBUSY, -EIO, -EFAULT... */
int vhm_vcpu_run(struct vhm_vcpu *vcpu);

/**
 * vhm_request: set a request and make the vCPU look: wake it when halted, make
 * it leave guest mode when in there. Any context, hard interrupt included.
 */
void vhm_request(struct vhm_vcpu *vcpu, enum vhm_request req);

/**
 * vhm_request_all_wait: set req in every vCPU and return when none of them is
 * still in guest mode with what it had before. Sleeping not needed; interrupts
 * on, may be called under mmu_lock.
 */
void vhm_request_all_wait(struct vhm_vm *vm, enum vhm_request req);

/** vhm_guest_flush: the guest drops its translations, or has to find others. Not running. */
static inline void vhm_guest_flush(struct vhm_vcpu *vcpu)
{
	set_bit(VHM_REQ_TLB_FLUSH, &vcpu->requests);
	if (vhm_caps.shadow)
		set_bit(VHM_REQ_ROOT, &vcpu->requests);
}

/** vhm_sections_wait: return when every section that was open has ended. */
void vhm_sections_wait(struct vhm_vm *vm);

/** vhm_kill: our own bug: the VM answers -EIO from now on. Any context. */
void vhm_kill(struct vhm_vm *vm);

/* ---- halt.c: waiting, and making way ------------------------------------- */

/**
 * vhm_halt: wait until the vCPU is runnable or a slow request is there. Process.
 * 0, or -EINTR with a signal pending.
 */
int vhm_halt(struct vhm_vcpu *vcpu);
/** vhm_may_yield_to: is its thread in KVM_RUN, awake and not in the guest? A hint. Any. */
bool vhm_may_yield_to(struct vhm_vcpu *to);
/** vhm_yield_to: give this CPU to another vCPU's thread. False: it waits for none. Process. */
bool vhm_yield_to(struct vhm_vcpu *vcpu, struct vhm_vcpu *to);
/** vhm_spin: the guest spins: make way for a vCPU that may end it. Process. */
void vhm_spin(struct vhm_vcpu *vcpu);
int vhm_set_halt_poll(struct vhm_vm *vm, u64 ns);	/* -EINVAL; vm->lock held */

/* ---- exit.c: what happens at an exit ------------------------------------ */

/** vhm_exit_fast: settle vcpu->exit inside the section. enum vhm_next or -errno. */
int vhm_exit_fast(struct vhm_vcpu *vcpu);
/** vhm_exit_slow: settle it with interrupts on; srcu held. Same values but SLOW. */
int vhm_exit_slow(struct vhm_vcpu *vcpu);
/** vhm_complete_msr: fold in what the VMM answered to an MSR exit. VHM_RESUME. */
int vhm_complete_msr(struct vhm_vcpu *vcpu);
/** vhm_step_done: hv performed one instruction; tf: RFLAGS.TF before it. */
void vhm_step_done(struct vhm_vcpu *vcpu, bool tf);
/** vhm_debug_exit: fill KVM_EXIT_DEBUG. Returns VHM_USER. */
int vhm_debug_exit(struct vhm_vcpu *vcpu, u8 vector, u64 dr6);
/** vhm_advance: step over an instruction of len bytes that was performed. */
void vhm_advance(struct vhm_vcpu *vcpu, u8 len);
/** vhm_internal_error: fill KVM_EXIT_INTERNAL_ERROR. Returns VHM_USER. */
int vhm_internal_error(struct vhm_vcpu *vcpu, u32 suberror, int n, const u64 *data);

/* ---- event.c ------------------------------------------------------------ */

/**
 * vhm_raise: queue an exception for the guest, combining with a pending one as
 * the manuals say (#DF, shutdown). vCPU not running.
 */
void vhm_raise(struct vhm_vcpu *vcpu, u8 vector);
void vhm_raise_error(struct vhm_vcpu *vcpu, u8 vector, u32 error);
/** vhm_raise_pf: #PF with its address. */
void vhm_raise_pf(struct vhm_vcpu *vcpu, u64 cr2, u32 error);
/** vhm_raise_db: #DB; dr6 are the condition bits to set. */
void vhm_raise_db(struct vhm_vcpu *vcpu, u64 dr6);
/** vhm_raise_bp: the INT3 that rip stands on is the guest's own. */
void vhm_raise_bp(struct vhm_vcpu *vcpu);
/**
 * vhm_events_prepare: choose what the next entry delivers, or which window to
 * open. Section. VHM_RESUME, or VHM_SLOW (shutdown).
 */
int vhm_events_prepare(struct vhm_vcpu *vcpu);
/** vhm_has_event: is there something that ends HLT? Process or section. */
bool vhm_has_event(struct vhm_vcpu *vcpu);
/** vhm_irq_allowed: IF set, no shadow, nothing being delivered. vCPU not running. */
bool vhm_irq_allowed(struct vhm_vcpu *vcpu);
void vhm_nmi(struct vhm_vcpu *vcpu);	/* any context */
void vhm_get_events(struct vhm_vcpu *vcpu, struct kvm_vcpu_events *e);
int vhm_set_events(struct vhm_vcpu *vcpu, const struct kvm_vcpu_events *e);

/* ---- regs.c -------------------------------------------------------------- */

void vhm_vcpu_reset(struct vhm_vcpu *vcpu, bool init);	/* architectural reset or INIT */
void vhm_get_regs(struct vhm_vcpu *vcpu, struct kvm_regs *r);
void vhm_set_regs(struct vhm_vcpu *vcpu, const struct kvm_regs *r);
void vhm_get_sregs(struct vhm_vcpu *vcpu, struct kvm_sregs *s);
int vhm_set_sregs(struct vhm_vcpu *vcpu, const struct kvm_sregs *s);	/* -EINVAL */
void vhm_get_sregs2(struct vhm_vcpu *vcpu, struct kvm_sregs2 *s);
int vhm_set_sregs2(struct vhm_vcpu *vcpu, const struct kvm_sregs2 *s);	/* -EINVAL */
void vhm_get_debugregs(struct vhm_vcpu *vcpu, struct kvm_debugregs *d);
int vhm_set_debugregs(struct vhm_vcpu *vcpu, const struct kvm_debugregs *d);
/* the control bits that it serves: KVM_CAP_SET_GUEST_DEBUG2 */
#define VHM_GUEST_DEBUG	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP | \
			 KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_INJECT_DB |		\
			 KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_BLOCKIRQ)
int vhm_set_guest_debug(struct vhm_vcpu *vcpu, const struct kvm_guest_debug *d);
/* Guest-side register writes, with the architectural checks: 0, or 1 for #GP. */
int vhm_set_cr0(struct vhm_vcpu *vcpu, u64 val);
int vhm_set_cr3(struct vhm_vcpu *vcpu, u64 val);
int vhm_set_cr4(struct vhm_vcpu *vcpu, u64 val);
int vhm_set_cr8(struct vhm_vcpu *vcpu, u64 val);
int vhm_set_efer(struct vhm_vcpu *vcpu, u64 val, bool host);
int vhm_get_dr(struct vhm_vcpu *vcpu, int nr, u64 *val);	/* 0; 1: #UD raised or #DB */
int vhm_set_dr(struct vhm_vcpu *vcpu, int nr, u64 val);
/** vhm_dr_update: what hardware DR7 and the intercepts must be now. */
void vhm_dr_update(struct vhm_vcpu *vcpu);

/* ---- fpu.c --------------------------------------------------------------- */

int vhm_fpu_alloc(struct vhm_vcpu *vcpu);	/* -ENOMEM */
void vhm_fpu_reset(struct vhm_vcpu *vcpu);	/* as at power-up; INIT leaves it alone */
void vhm_fpu_enter(struct vhm_vcpu *vcpu);	/* interrupts off: guest FPU in */
void vhm_fpu_leave(struct vhm_vcpu *vcpu);	/* guest FPU out, host's as before */
void vhm_get_fpu(struct vhm_vcpu *vcpu, struct kvm_fpu *f);
void vhm_set_fpu(struct vhm_vcpu *vcpu, const struct kvm_fpu *f);
u32 vhm_xsave_size(void);	/* KVM_CAP_XSAVE2: no less than struct kvm_xsave */
int vhm_get_xsave(struct vhm_vcpu *vcpu, void __user *u);	/* -EFAULT */
int vhm_set_xsave(struct vhm_vcpu *vcpu, void __user *u);	/* -EINVAL, -EFAULT, -ENOMEM */
void vhm_get_xcrs(struct vhm_vcpu *vcpu, struct kvm_xcrs *x);
/** vhm_set_xcr0: XSETBV. 0, or 1 for #GP. */
int vhm_set_xcr0(struct vhm_vcpu *vcpu, u64 val, bool host);
int vhm_set_xcrs(struct vhm_vcpu *vcpu, const struct kvm_xcrs *x);
/** 16 bytes of xmm register n, for the emulator. vCPU not in a section. */
void vhm_xmm_read(struct vhm_vcpu *vcpu, int n, void *buf);
void vhm_xmm_write(struct vhm_vcpu *vcpu, int n, const void *buf);

/* ---- cpuid.c ------------------------------------------------------------- */

/** vhm_cpuid: the guest's CPUID; fills the four registers. Section or process. */
void vhm_cpuid(struct vhm_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
/** KVM_GET_SUPPORTED_CPUID / KVM_GET_EMULATED_CPUID into user memory. -E2BIG -EFAULT -ENOMEM */
int vhm_cpuid_supported(struct kvm_cpuid2 __user *u, bool emulated);
int vhm_set_cpuid2(struct vhm_vcpu *vcpu, struct kvm_cpuid2 __user *u);
int vhm_get_cpuid2(struct vhm_vcpu *vcpu, struct kvm_cpuid2 __user *u);
enum { VHM_CPUID_EAX, VHM_CPUID_EBX, VHM_CPUID_ECX, VHM_CPUID_EDX };
/** vhm_guest_has: a feature bit of the guest's CPUID; reg: VHM_CPUID_*. Not in a section. */
bool vhm_guest_has(struct vhm_vcpu *vcpu, u32 leaf, u32 subleaf, int reg, u32 bit);

/* ---- msr.c --------------------------------------------------------------- */

void vhm_msrs_reset(struct vhm_vcpu *vcpu);	/* as at power-up; INIT leaves them alone */
/**
 * 0, or why not: KVM_MSR_EXIT_REASON_UNKNOWN, there is no such MSR, or _INVAL (1),
 * it refuses the value. Unless the VMM wants to know, the guest gets #GP.
 */
int vhm_msr_get(struct vhm_vcpu *vcpu, u32 index, u64 *val, bool host);
int vhm_msr_set(struct vhm_vcpu *vcpu, u32 index, u64 val, bool host);
/** may the row be served inside the section (no sleeping, no user access)? */
bool vhm_msr_is_fast(u32 index);
/**
 * vhm_get_or_set_msrs: KVM_GET_MSRS and KVM_SET_MSRS; without vcpu: the features,
 * on the system fd. How many went well, or -EFAULT, -E2BIG, -ENOMEM. Process.
 */
int vhm_get_or_set_msrs(struct vhm_vcpu *vcpu, struct kvm_msrs __user *u, bool set);
int vhm_msr_list(struct kvm_msr_list __user *u, bool feature);
/* KVM_X86_GET_MCE_CAP_SUPPORTED: MCG_CTL is there, software error recovery */
#define VHM_MCE_CAP	(BIT_ULL(8) | BIT_ULL(24) | VHM_MCE_BANKS)
int vhm_setup_mce(struct vhm_vcpu *vcpu, u64 mcg_cap);	/* -EINVAL */
int vhm_set_mce(struct vhm_vcpu *vcpu, const struct kvm_x86_mce *m);	/* -EINVAL */

/* ---- msr_filter.c --------------------------------------------------------- */

/** vhm_msr_denied: does the VMM's filter keep the MSR from the guest? Section or srcu. */
bool vhm_msr_denied(struct vhm_vcpu *vcpu, u32 index, bool write);
/**
 * vhm_set_msr_filter: KVM_X86_SET_MSR_FILTER. Process. -EINVAL flags, a range too
 * long or for no access, "deny" without a range; -EFAULT, -ENOMEM. When it returns
 * no access that the old filter decided is under way.
 */
int vhm_set_msr_filter(struct vhm_vm *vm, const struct kvm_msr_filter *a);
void vhm_msr_filter_destroy(struct vhm_vm *vm);

/* ---- stats.c --------------------------------------------------------------- */

/**
 * vhm_stats_fd: KVM_GET_STATS_FD of the VM, or of its vCPU. Process, the caller has
 * an fd of it. A readable fd that holds the VM; -EMFILE, -ENFILE, -ENOMEM.
 */
int vhm_stats_fd(struct vhm_vm *vm, struct vhm_vcpu *vcpu);

/* ---- clock.c ------------------------------------------------------------- */

void vhm_vm_clock_init(struct vhm_vm *vm);
u64 vhm_guest_tsc(struct vhm_vcpu *vcpu);		/* any context */
u64 vhm_tsc_to_ns(u64 ticks);				/* of any guest's TSC; any context */
int vhm_set_tsc_khz(struct vhm_vcpu *vcpu, u32 khz);	/* -EINVAL */
/** vhm_clock_update: serve VHM_REQ_CLOCK. Process, srcu held. */
void vhm_clock_update(struct vhm_vcpu *vcpu);
void vhm_get_clock(struct vhm_vm *vm, struct kvm_clock_data *c);
int vhm_set_clock(struct vhm_vm *vm, const struct kvm_clock_data *c);	/* -EINVAL */
int vhm_kvmclock_ctrl(struct vhm_vcpu *vcpu);		/* -EINVAL: no clock page */

/* ---- pv.c ---------------------------------------------------------------- */

/** vhm_pv_has: may the guest use it? feature: KVM_FEATURE_*. Section or process. */
bool vhm_pv_has(struct vhm_vcpu *vcpu, u32 feature);
/** vhm_pv_reset: INIT: nothing is shared any more. vCPU not running. */
void vhm_pv_reset(struct vhm_vcpu *vcpu);
/** vhm_pv_begin: KVM_RUN begins: has this thread waited since? Process. */
void vhm_pv_begin(struct vhm_vcpu *vcpu);
/**
 * vhm_pv_off_cpu: tell the guest that the vCPU is off its CPU; with true returned
 * the caller sets VHM_REQ_PV when it is back. Process, srcu or not.
 */
bool vhm_pv_off_cpu(struct vhm_vcpu *vcpu);
/** vhm_pv_update: serve VHM_REQ_PV. Process, srcu held. */
void vhm_pv_update(struct vhm_vcpu *vcpu);
/** vhm_pv_eoi_arm: let the guest end what is in service by its flag. Section. */
void vhm_pv_eoi_arm(struct vhm_vcpu *vcpu);
/**
 * vhm_pv_eoi_take: make the LAPIC current, with pv_eoi_armed set, which it clears.
 * False: the page cannot be had now; only with nofault. Section, or process with srcu.
 */
bool vhm_pv_eoi_take(struct vhm_vcpu *vcpu, bool nofault);
/** vhm_pv_eoi_exit: the same if vcpu->exit has to do with the LAPIC. */
bool vhm_pv_eoi_exit(struct vhm_vcpu *vcpu);

/* ---- pio_mmio.c, emulate.c ------------------------------------------------ */

/** vhm_io_fast: an IN or OUT exit, or VHM_SLOW: vhm_emulate() it. */
int vhm_io_fast(struct vhm_vcpu *vcpu);
/** vhm_port: a device in the kernel serves the port; false: none. Section or srcu. */
bool vhm_port(struct vhm_vcpu *vcpu, u16 port, int size, bool in, u32 *val);
/** vhm_port_exit: fill KVM_EXIT_IO; the data is in the page already. Returns VHM_USER. */
int vhm_port_exit(struct vhm_vcpu *vcpu, enum vhm_pending_kind kind, u16 port, int size,
		  u32 count, bool in);
/** vhm_emul_resume: run the instruction that was loaded, or stopped. As vhm_emulate. */
int vhm_emul_resume(struct vhm_vcpu *vcpu);
/** vhm_mmio_fast: a fault on a device page inside the section; else VHM_SLOW. */
int vhm_mmio_fast(struct vhm_vcpu *vcpu);
/** vhm_emulate: execute the instruction at rip. Process, srcu. VHM_RESUME/USER/-errno. */
int vhm_emulate(struct vhm_vcpu *vcpu);
/**
 * vhm_stand_in: do what the CPU cannot: the interrupted event in real mode, or the
 * instruction at rip. As vhm_emulate(); _fast in a section.
 */
int vhm_stand_in(struct vhm_vcpu *vcpu);
int vhm_stand_in_fast(struct vhm_vcpu *vcpu);
/** vhm_complete_user: fold in what the VMM answered to the last exit. As vhm_emulate. */
int vhm_complete_user(struct vhm_vcpu *vcpu);
/** vhm_fetch: up to 15 instruction bytes at rip; count, or 0. nofault: in a section. */
int vhm_fetch(struct vhm_vcpu *vcpu, u8 *buf, bool nofault);

/* ---- eventfd.c ------------------------------------------------------------ */

int vhm_ioeventfd(struct vhm_vm *vm, const struct kvm_ioeventfd *a);
void vhm_iobus_destroy(struct vhm_vm *vm);
/** signal the ioeventfd that matches; false: none. Section or srcu. */
bool vhm_iobus_write(struct vhm_vm *vm, bool pio, u64 addr, int size, u64 val);

/* ---- irqfd.c -------------------------------------------------------------- */

int vhm_irqfd(struct vhm_vm *vm, const struct kvm_irqfd *a);
void vhm_irqfds_init(struct vhm_vm *vm);
/** vhm_irqfds_destroy: no descriptor of the VM is left. Process. */
void vhm_irqfds_destroy(struct vhm_vm *vm);
/** vhm_irqfd_acked: ops->acked of the irq room. Any context but NMI. */
void vhm_irqfd_acked(struct vhm_vm *vm, bool ioapic, u32 pins);

/* ---- coalesced.c ----------------------------------------------------------- */

int vhm_coalesced_init(struct vhm_vm *vm);	/* -ENOMEM: vhm_coalesced_destroy() tidies up */
/** KVM_(UN)REGISTER_COALESCED_MMIO. Process. -EINVAL, -ENOSPC. */
int vhm_coalesced_zone(struct vhm_vm *vm, const struct kvm_coalesced_mmio_zone *z, bool add);
/** put a write into the ring; false: no zone or no room. Section or srcu. */
bool vhm_coalesced_write(struct vhm_vm *vm, bool pio, u64 addr, int size, u64 val);
/** the ring's page. */
struct page *vhm_coalesced_page(struct vhm_vm *vm);
void vhm_coalesced_destroy(struct vhm_vm *vm);

/* ---- irqglue.c: the irq room's owner ---------------------------------------- */

/** vhm_irq_ioctl: an ioctl of the VM that is not vm.c's. Process; -ENOTTY: nor ours. */
int vhm_irq_ioctl(struct vhm_vm *vm, unsigned int cmd, unsigned long arg);
/** vhm_split_irqchip: LAPICs only; vm->lock. -EINVAL: pins; -EEXIST: too late; -ENOMEM. */
int vhm_split_irqchip(struct vhm_vm *vm, u64 n_pins);
#define VHM_X2APIC_API	(KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
int vhm_x2apic_api(struct vhm_vm *vm, u64 flags);	/* KVM_CAP_X2APIC_API. -EINVAL */
int vhm_lapic_attach(struct vhm_vcpu *vcpu);	/* 0 too without irqchip; -ENOMEM */
int vhm_lapic_get_state(struct vhm_vcpu *vcpu, struct kvm_lapic_state *s);	/* -EINVAL: none */
int vhm_lapic_set_state(struct vhm_vcpu *vcpu, const struct kvm_lapic_state *s);
/** device models at a port or address; false: not theirs. Section or srcu. */
bool vhm_irq_pio(struct vhm_vcpu *vcpu, u16 port, int size, bool in, u32 *val);
bool vhm_irq_mmio(struct vhm_vcpu *vcpu, u64 gpa, int size, bool write, void *data);
/** vhm_set_apic_base: 0, or 1 for #GP (guest) or -EINVAL (host). vCPU not running. */
int vhm_set_apic_base(struct vhm_vcpu *vcpu, u64 val, bool host);

/* ---- hypercall.c ---------------------------------------------------------- */

int vhm_hypercall(struct vhm_vcpu *vcpu);	/* fast: VHM_RESUME or VHM_SLOW */

/* ---- vm.c, vcpu.c, dev.c --------------------------------------------------- */

int vhm_create_vm(unsigned long type);		/* fd or -errno */
void vhm_vm_put(struct vhm_vm *vm);
int vhm_create_vcpu(struct vhm_vm *vm, unsigned long id);	/* fd or -errno; vm->lock held */
void vhm_vcpu_destroy(struct vhm_vcpu *vcpu);
int vhm_check_extension(long cap);
extern const struct file_operations vhm_dev_fops;

#endif
