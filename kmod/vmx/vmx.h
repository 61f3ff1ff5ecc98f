/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the VT-x back end share.
 */
#ifndef VMX_VMX_H
#define VMX_VMX_H

#include <linux/percpu.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/desc.h>

#include "vhm.h"
#include "vmx/vmcs.h"

/*
 * VMCS fields that may change at any time, but can be written only in a section:
 * the value that holds, and a bit each for "not yet in the VMCS".
 */
enum vmx_ctl {
	VC_PROC, VC_PROC2, VC_ENTRY, VC_EXCEPTIONS, VC_INTR_STATE, VC_ROOT, VC_EVENT,
	VC_EVENT_ERROR, VC_EVENT_LEN, VC_NR
};
#define VC_ALL		(BIT(VC_NR) - 1)

#define VMX_NOTES	72

/* A page that the CPU alone reads and writes, but for its first word. */
struct vmx_region {
	u32 revision;
	u8 opaque[PAGE_SIZE - 4];
};

/* Guest state as the VMCS has it. */
struct vmx_raw {
	struct { u64 sel, ar, limit, base; } seg[VHM_NR_SEGS];
	u64 cr0, cr3, cr4, gdt_base, gdt_limit, idt_base, idt_limit;
};

/* How the VMCS differs from the guest's own state (real.c): bits of vmx_vcpu.real. */
enum { VMX_UNPAGED = 1, VMX_V86 = 2 };

struct vmx_crs { u64 cr0, cr3, cr4, efer; };

struct vmx_vcpu {
	struct vhm_vcpu vcpu;
	u64 vmcs_pa;		/* [c] */
	u64 ctl[VC_NR];	/* [m] */
	u32 ctl_dirty;		/* [m] bit per enum vmx_ctl */
	bool fresh;		/* [m] the VMCS is to be built anew */
	bool launched;		/* [o] VMRESUME from now on, in this section */
	bool intr_state_valid;	/* [o] ctl[VC_INTR_STATE] is what the last exit left */
	bool flush;		/* [m] all translations go when the next section begins */
	bool current_here;	/* [o] the VMCS may be accessed */
	u8 real;		/* [m] VMX_UNPAGED, VMX_V86: as the VMCS stands */
	u16 real_iopl;		/* [o] the guest's RFLAGS.IOPL while VMX_V86 */
	u64 root;		/* [m] EPT pointer, or CR3 on shadow tables */
	u64 flushes;		/* [o] vm->remote_tlb_flush when all went last */
	u16 vpid;		/* [c] 0: none */
	u64 host_rsp;		/* [o] as it stands in the VMCS */
	u64 hw_rip, hw_rsp, hw_rflags;	/* [o] as they stand in the VMCS */
	bool syscall_msrs;	/* [o] guest's STAR, LSTAR, SFMASK are loaded in this section */
	int host_cpu;		/* [o] whose per-CPU host state the VMCS holds, -1 none */
	struct vhm_event event;	/* [o] of VC_EVENT, until it is in */
	/* the host's, of this section */
	u64 host_cr3, host_cr4, host_fs_base, host_kernel_gs, host_debugctl;
	u16 host_fs, host_gs, host_ds, host_es, host_ldt;
	/* raised by an exit, to be handed on when VMX is off */
	bool host_nmi, host_mc;	/* [o] */
	u32 fetched;		/* [m] groups of st that raw has */
	struct vmx_raw raw;	/* [m] */
	u64 note[VMX_NOTES];	/* [o] for the next vmx_dump() */
	struct vmx_region vmcs __aligned(PAGE_SIZE);
	u8 vapic[PAGE_SIZE];	/* [o] only the task priority is used */
};

static inline struct vmx_vcpu *to_vmx(struct vhm_vcpu *vcpu)
{
	return container_of(vcpu, struct vmx_vcpu, vcpu);
}

/* A CPU's part; touched only in a section on that CPU, but for set-up. */
struct vmx_cpu {
	u64 vmxon_pa;
	bool known;		/* what follows was read: constant while the CPU is up */
	struct desc_ptr gdt, idt;
	u64 tr_base, gs_base, sysenter_cs, sysenter_esp, sysenter_eip, efer, pat;
	u64 star, lstar, sfmask, tsc_aux;
	const struct vmx_vcpu *last;	/* ran here last: flush and IBPB when it changes */
};
DECLARE_PER_CPU(struct vmx_cpu, vmx_cpus);

/* What the capability MSRs and our wishes came to; constant after vmx_check(). */
struct vmx_config {
	u32 revision, pin, proc, proc2, exit, entry;
	u64 ept_cap, cr0_fixed, cr4_fixed, cr4_possible;
	bool invvpid;
};
extern struct vmx_config vmx_config;

/* Without it guests have protection and paging on at all times, as the CPU sees it. */
static inline bool vmx_unrestricted(void)
{
	return vmx_config.proc2 & VMX_PROC2_UNRESTRICTED;
}

/*
 * Without it, which only is so on shadow tables, guests have the host's PAT, whose
 * entries for RAM and for devices are those that the shadow's leaves use, and of
 * the host's EFER what entries and sections do not change.
 */
static inline bool vmx_loads_efer_pat(void)
{
	return vmx_config.entry & VMX_ENTRY_LOAD_EFER;
}

/* caps.c */
int vmx_check(void);
void vmx_setup_caps(void);

/* state.c */
void vmx_state_load(struct vhm_vcpu *vcpu, u32 groups);
/** vmx_state_fetch: copy groups from the VMCS to vmx->raw. Section. */
void vmx_state_fetch(struct vmx_vcpu *vmx, u32 groups);
/** vmx_state_store: write vcpu->st_dirty to the VMCS. Section. False: see state.c. */
bool vmx_state_store(struct vmx_vcpu *vmx);

/* real.c: only where the CPU lacks unrestricted guest */
int vmx_identity_alloc(void);
void vmx_identity_free(void);
bool vmx_real_store(struct vmx_vcpu *vmx);
void vmx_real_cr(struct vmx_vcpu *vmx, struct vmx_crs *c);
void vmx_real_seg(struct vhm_seg *s, int nr);
u64 vmx_real_rflags(struct vmx_vcpu *vmx);
void vmx_real_exit(struct vmx_vcpu *vmx);

/* exit.c */
/** vmx_decode: VMCS to vcpu->exit. Section, after an exit. */
void vmx_decode(struct vmx_vcpu *vmx);

/* intr.c */
void vmx_inject(struct vhm_vcpu *vcpu, const struct vhm_event *ev);
u32 vmx_blocked(struct vhm_vcpu *vcpu);
void vmx_set_blocked(struct vhm_vcpu *vcpu, u32 block);
void vmx_open_window(struct vhm_vcpu *vcpu, u32 windows);
/** vmx_intr_state: the interruptibility state; read from the VMCS once per exit. */
u32 vmx_intr_state(struct vmx_vcpu *vmx);
/** vmx_cut_short: hand back the event that the exit interrupted. */
void vmx_cut_short(struct vmx_vcpu *vmx, u32 info);
/** vmx_events_before_entry: what the entry checks want of TF and the shadows. */
void vmx_events_before_entry(struct vmx_vcpu *vmx);

/* vmx.c */
void vmx_update_intercepts(struct vhm_vcpu *vcpu);
void vmx_flush_tlb(struct vhm_vcpu *vcpu);

static inline void vmx_set_ctl(struct vmx_vcpu *vmx, enum vmx_ctl ctl, u64 val)
{
	if (vmx->ctl[ctl] != val) {
		vmx->ctl[ctl] = val;
		vmx->ctl_dirty |= BIT(ctl);
	}
}

static inline void vmx_change_ctl(struct vmx_vcpu *vmx, enum vmx_ctl ctl, u32 bits, bool on)
{
	vmx_set_ctl(vmx, ctl, on ? vmx->ctl[ctl] | bits : vmx->ctl[ctl] & ~(u64)bits);
}

/* msr.c */
int vmx_bitmap_alloc(void);	/* -ENOMEM */
void vmx_bitmap_free(void);
extern const u32 vmx_passed_msrs[];
u64 vmx_bitmap_pa(void);
/** vmx_msrs_enter, vmx_msrs_leave: those that neither entry nor exit switch. Section. */
void vmx_msrs_enter(struct vmx_vcpu *vmx, const struct vmx_cpu *c);
void vmx_msrs_leave(struct vmx_vcpu *vmx, const struct vmx_cpu *c);

/* dump.c */
void vmx_dump(struct vhm_vcpu *vcpu);
/** vmx_dump_note: keep what a later vmx_dump() is to print. Section. */
void vmx_dump_note(struct vmx_vcpu *vmx);

/* vmenter.S */
/** vmx_vmenter: true when the instruction itself failed and there was no exit. */
asmlinkage bool vmx_vmenter(struct vmx_vcpu *vmx);
extern const char vmx_vmexit[];

#endif
