/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vendor seam: everything the core asks of VMX or SVM.
 *
 * One const table, chosen at load, every entry present. The back end decodes
 * an exit into struct vhm_exit and the core decides what happens; the core
 * keeps guest state in struct vhm_state and the back end moves it to and from
 * the hardware when asked. No void pointers: the vendor's vCPU embeds struct
 * vhm_vcpu and finds itself by container_of.
 *
 * Contexts used below:
 *   process  sleeping allowed, vcpu->mutex held where a vCPU is passed
 *   section  interrupts off, between section_enter and section_leave on one CPU
 */
#ifndef VHM_OPS_H
#define VHM_OPS_H

#include <linux/types.h>

struct vhm_vm;
struct vhm_vcpu;
struct vhm_event;
struct vhm_pte_fmt;

/*
 * What the CPU and this back end can do: main.c fills in what the host's
 * features say, ->setup changes what the back end knows better. Constant after.
 */
struct vhm_caps {
	u8 maxphyaddr;		/* host physical address width */
	u8 max_page_level;	/* largest second-level leaf: 1 4K, 2 2M, 3 1G */
	bool shadow;		/* no nested paging: the CPU walks tables that hv makes */
	bool exec_4k_only;	/* executable second-level leaves must be of 4 KiB */
	u64 efer;		/* EFER bits a guest may set */
	u64 cr4;		/* CR4 bits a guest may set */
	u64 xcr0;		/* XCR0 bits a guest may set (0: no XSAVE) */
	u64 host_xss;		/* the host's IA32_XSS; in a section it is 0, as the guest's */
	bool xsaves;		/* guests may have XSAVES and XRSTORS */
	u64 ucode_rev;		/* the microcode revision a guest reads, as KVM gives it */
	/*
	 * A page that every guest has at its vm->identity_gfn, read-only, where no slot
	 * covers it; 0: none. It maps 4 GiB to themselves, for guests without paging.
	 */
	u64 identity_pa;
};

/* Why an event cannot be taken now; bits, as ->blocked returns them. */
#define VHM_BLOCK_SHADOW_STI	0x1	/* instruction after STI */
#define VHM_BLOCK_SHADOW_SS	0x2	/* instruction after MOV SS / POP SS */
#define VHM_BLOCK_NMI		0x4	/* inside an NMI handler, before IRET */

/* What ->open_window is asked to watch for. */
#define VHM_WINDOW_IRQ		0x1	/* exit as soon as interrupts may be taken */
#define VHM_WINDOW_NMI		0x2	/* exit as soon as an NMI may be taken */

struct vhm_ops {
	const char *name;

	/**
	 * check: can this CPU be used? Process context, at load. Prints one
	 * line with cause and remedy when not, unless it is another vendor's.
	 * -ENODEV no such extension, -EACCES disabled by firmware, -EOPNOTSUPP
	 * or another one of the back end's: a feature hv needs is missing.
	 */
	int (*check)(void);

	/** setup: allocate per-CPU areas and maps, finish vhm_caps. Process. -ENOMEM. */
	int (*setup)(void);
	/** teardown: undo setup; no VM exists. Process. */
	void (*teardown)(void);

	/**
	 * vcpu_alloc: allocate a zeroed vendor vCPU with its control block.
	 * Returns the embedded vhm_vcpu or ERR_PTR(-ENOMEM). Process.
	 */
	struct vhm_vcpu *(*vcpu_alloc)(struct vhm_vm *vm);
	/** vcpu_free: undo vcpu_alloc; the vCPU never runs again. Process. */
	void (*vcpu_free)(struct vhm_vcpu *vcpu);
	/**
	 * vcpu_reset: put the control block to its initial setting (intercepts,
	 * no event, no shadow). The core has set vcpu->st and marks all groups
	 * dirty. Process.
	 */
	void (*vcpu_reset)(struct vhm_vcpu *vcpu);
	/**
	 * cpuid_changed: the guest's CPUID was set, or vm->msr_exit_all changed; adapt
	 * intercepts and MSR pass-through to it. Process.
	 */
	void (*cpuid_changed)(struct vhm_vcpu *vcpu);

	/**
	 * section_enter: take the CPU's virtualization extension and load what
	 * belongs to this vCPU. Interrupts off. -EBUSY: another owner has it on
	 * this CPU; nothing was changed.
	 */
	int (*section_enter)(struct vhm_vcpu *vcpu);
	/**
	 * section_leave: give the extension back, host state as before. What a
	 * later ->state_load or ->blocked cannot get at any more is put aside
	 * first. Section.
	 */
	void (*section_leave)(struct vhm_vcpu *vcpu);

	/**
	 * run: store the groups in st_dirty, enter the guest once, come back with
	 * vcpu->exit filled, vcpu->gpr/rip/rflags/cr8 current, vcpu->st_valid
	 * cleared of what the guest may have changed, vcpu->ev.interrupted
	 * holding an event whose delivery the exit cut short. Section.
	 */
	void (*run)(struct vhm_vcpu *vcpu);

	/**
	 * state_load: bring the groups (VHM_ST_*) from the control block to
	 * vcpu->st. Any context in which the vCPU does not run and they are not
	 * in st_valid. Cannot fail. The way back is st_dirty and ->run.
	 */
	void (*state_load)(struct vhm_vcpu *vcpu, u32 groups);

	/**
	 * inject: arrange for the event to be delivered at the next entry.
	 * Section, or process before it. At most one event per entry.
	 */
	void (*inject)(struct vhm_vcpu *vcpu, const struct vhm_event *ev);
	/** blocked: VHM_BLOCK_* bits that hold now. vCPU not running. */
	u32 (*blocked)(struct vhm_vcpu *vcpu);
	/** set_blocked: make exactly these VHM_BLOCK_* bits hold. vCPU not running. */
	void (*set_blocked)(struct vhm_vcpu *vcpu, u32 block);
	/**
	 * open_window: exit (VHM_X_IRQ_WINDOW, VHM_X_NMI_WINDOW) as soon as the
	 * asked-for VHM_WINDOW_* opens; 0 closes both. vCPU not running.
	 */
	void (*open_window)(struct vhm_vcpu *vcpu, u32 windows);
	/**
	 * update_intercepts: recompute what depends on vcpu->exc_intercepts,
	 * vcpu->cr8_intercept, vcpu->dr_live. vCPU not running.
	 */
	void (*update_intercepts)(struct vhm_vcpu *vcpu);

	/** set_root: root table, second-level or the shadow's, host physical address. Not running. */
	void (*set_root)(struct vhm_vcpu *vcpu, u64 root_pa);
	/** flush_tlb: drop all of this vCPU's translations before the next entry. */
	void (*flush_tlb)(struct vhm_vcpu *vcpu);

	/** passed_msrs: those a guest may reach without an exit; 0 ends them. */
	const u32 *passed_msrs;

	/** dump: one report of the control block to the log; caller rate-limits. */
	void (*dump)(struct vhm_vcpu *vcpu);

	/** pte_fmt: format of second-level entries (mmu/mmu.h). */
	const struct vhm_pte_fmt *pte_fmt;
};

/* The chosen back end and its capabilities; set once at load (main.c). */
extern const struct vhm_ops *vhm_ops;
extern struct vhm_caps vhm_caps;

/* The back ends main.c tries in turn. */
extern const struct vhm_ops svm_ops, vmx_ops;

#endif
