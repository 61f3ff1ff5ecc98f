/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the SVM back end share.
 */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include <linux/percpu.h>

#include "vhm.h"
#include "svm/vmcb.h"

#define DB_VECTOR	1
#define NMI_VECTOR_NR	2
#define BP_VECTOR	3
#define OF_VECTOR	4
#define AC_VECTOR	17
#define MC_VECTOR	18

struct svm_vcpu {
	struct vhm_vcpu vcpu;
	struct vmcb *vmcb;	/* [c] */
	u64 vmcb_pa;		/* [c] */
	u64 host_pa;		/* [o] this CPU's page for VMSAVE of host state */
	u64 n_cr3;		/* [m] */
	u64 asid_gen;		/* [m] generation of vmcb->asid; 0: wants a new one */
	int asid_cpu;		/* [m] CPU that gave it out */
	u64 cr0_hidden;		/* [m] CR0 bits the guest set and hardware must not see */
	/* SPEC_CTRL without V_SPEC_CTRL: swapped round VMRUN when spec_swap */
	u64 spec_ctrl;		/* [m] the guest's */
	u32 spec_guest, spec_host;	/* [o] of this section */
	bool spec_swap;		/* [o] */
	bool rdtscp;		/* [m] the guest has RDTSCP or RDPID */
	bool host_tsc_aux;	/* [o] guest's TSC_AUX is loaded in this section */
	u64 tsc_aux;		/* [m] */
	u64 host_dr[4];		/* [o] while dr_loaded */
	bool dr_loaded;		/* [o] this section has DR0-3 of the guest in place */
	/* events (intr.c) */
	u8 injected;		/* [o] enum vhm_event_kind of this entry */
	u64 soft_rip;		/* [o] rip before it was moved over a soft event */
	bool nmi_masked;	/* [m] IRET is intercepted */
	bool iret_seen;		/* [m] at iret_rip; it may have been executed since */
	bool want_nmi;		/* [m] NMI window asked for */
	bool step;		/* [m] TF is ours, to get past what blocks the NMI */
	bool step_tf;		/* [o] the guest's own TF meanwhile */
	u64 iret_rip;		/* [m] */
};

static inline struct svm_vcpu *to_svm(struct vhm_vcpu *vcpu)
{
	return container_of(vcpu, struct svm_vcpu, vcpu);
}

/* A CPU's part; touched only in a section on that CPU, but for set-up. */
struct svm_cpu {
	u64 hsave_pa, host_pa;
	u64 efer;		/* the host's, while in a section */
	u64 tsc_aux;		/* the host's */
	u64 asid_gen;		/* 0: never used */
	u32 next_asid;
	const struct svm_vcpu *last;	/* ran here last: IBPB when it changes */
	struct page *hsave, *host;
};
DECLARE_PER_CPU(struct svm_cpu, svm_cpus);

/* CPUID Fn8000_000A and what follows; constant after svm_setup_caps(). */
struct svm_features {
	u32 n_asids;
	bool nrips, decode, flush_by_asid, pause_filter, pause_thresh;
	bool v_spec_ctrl, spec_ctrl, ibpb, tsc_aux;
};
extern struct svm_features svm_feat;

/* caps.c */
int svm_check(void);
void svm_setup_caps(void);

/* asid.c */
/** svm_asid_new: give the vCPU an address space number of this CPU. Section. */
void svm_asid_new(struct svm_vcpu *svm, struct svm_cpu *c);
/** svm_asid_restart: all translations here are void. Section. */
void svm_asid_restart(struct svm_cpu *c);
void svm_flush_tlb(struct vhm_vcpu *vcpu);

/* state.c */
void svm_state_load(struct vhm_vcpu *vcpu, u32 groups);
void svm_state_store(struct vhm_vcpu *vcpu, u32 groups);

/* exit.c */
/** svm_decode: vmcb to vcpu->exit. Section. */
void svm_decode(struct svm_vcpu *svm);

/* intr.c */
void svm_inject(struct vhm_vcpu *vcpu, const struct vhm_event *ev);
u32 svm_blocked(struct vhm_vcpu *vcpu);
void svm_set_blocked(struct vhm_vcpu *vcpu, u32 block);
void svm_open_window(struct vhm_vcpu *vcpu, u32 windows);
/** svm_events_after_exit: the rare part: something was injected or cut short. */
void svm_events_after_exit(struct svm_vcpu *svm);
void svm_step_begin(struct svm_vcpu *svm);	/* before an entry with ->step */
void svm_step_end(struct svm_vcpu *svm);	/* after it */
enum vhm_exit_kind svm_iret_exit(struct svm_vcpu *svm);
/** svm_nmi_unmask_check: has the IRET at iret_rip been executed? */
void svm_nmi_unmask_check(struct svm_vcpu *svm);

/* svm.c */
void svm_reset_control(struct svm_vcpu *svm);
void svm_update_intercepts(struct vhm_vcpu *vcpu);
void svm_set_icpt(struct svm_vcpu *svm, int nr, bool on);

/* msr.c */
int svm_msr_get(struct vhm_vcpu *vcpu, u32 index, u64 *val, bool host);
int svm_msr_set(struct vhm_vcpu *vcpu, u32 index, u64 val, bool host);
int svm_maps_alloc(void);	/* -ENOMEM */
void svm_maps_free(void);
/** svm_maps_use: point the VMCB at the maps for this guest. vCPU not running. */
void svm_maps_use(struct svm_vcpu *svm, bool spec_ctrl);

/* dump.c */
void svm_dump(struct vhm_vcpu *vcpu);

/* vmenter.S */
asmlinkage void svm_vmenter(struct svm_vcpu *svm);

#endif
