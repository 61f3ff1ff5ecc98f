/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the SVM back end share.
 */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include <linux/percpu.h>
#include <asm/cpufeature.h>

#include "vhm.h"
#include "svm/vmcb.h"

struct svm_vcpu {
	struct vhm_vcpu vcpu;
	u64 vmcb_pa;		/* [c] */
	u64 host_pa;		/* [o] this CPU's page for VMSAVE of host state */
	u64 n_cr3;		/* [m] */
	u64 asid_gen;		/* [m] generation of vmcb.asid; 0: wants a new one */
	u64 cr0_hidden;		/* [m] CR0 bits the guest set and hardware must not see */
	u64 cr0_forced;		/* [m] and those that hardware has and the guest has not */
	/* events (intr.c); the first three are looked at together after an exit */
	u8 injected;		/* [o] enum vhm_event_kind of this entry */
	bool iret_seen;		/* [m] at iret_rip; it may have been executed since */
	bool step;		/* [m] TF is ours, to get past what blocks the NMI */
	bool step_tf;		/* [o] the guest's own TF meanwhile */
	bool nmi_masked;	/* [m] IRET is intercepted */
	bool want_nmi;		/* [m] NMI window asked for */
	u64 soft_rip;		/* [o] rip before it was moved over a soft event */
	u64 iret_rip;		/* [m] */
	struct vmcb vmcb;	/* [o] */
};

static inline struct svm_vcpu *to_svm(struct vhm_vcpu *vcpu)
{
	return container_of(vcpu, struct svm_vcpu, vcpu);
}

/* A CPU's part; touched only in a section on that CPU, but for set-up. */
struct svm_cpu {
	u64 hsave_pa, host_pa;	/* two pages in a row */
	u64 efer;		/* the host's, while in a section */
	u64 tsc_aux;		/* the host's */
	u64 asid_gen;		/* the CPU's number, plus SVM_ASID_GEN per generation */
	u32 next_asid;
	const struct svm_vcpu *last;	/* ran here last: IBPB when it changes */
};
DECLARE_PER_CPU(struct svm_cpu, svm_cpus);

#define SVM_ASID_GEN	(1ull << 32)

extern u32 svm_n_asids;		/* constant after svm_setup_caps() */

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
/** svm_cr4: what the hardware has for the guest's CR4. */
u64 svm_cr4(const struct vhm_state *st);

/* exit.c */
/** svm_decode: vmcb to vcpu->exit. Section. */
void svm_decode(struct svm_vcpu *svm);

/* intr.c */
void svm_inject(struct vhm_vcpu *vcpu, const struct vhm_event *ev);
u32 svm_blocked(struct vhm_vcpu *vcpu);
void svm_set_blocked(struct vhm_vcpu *vcpu, u32 block);
void svm_open_window(struct vhm_vcpu *vcpu, u32 windows);
/** svm_iret_exit: what the exit at an IRET leaves to be done. */
void svm_iret_exit(struct svm_vcpu *svm);
/** svm_events_after_exit: the rare part: an event, a step or an IRET was under way. */
void svm_events_after_exit(struct svm_vcpu *svm);

/* svm.c */
void svm_update_intercepts(struct vhm_vcpu *vcpu);
void svm_set_icpt(struct svm_vcpu *svm, int nr, bool on);

/* msr.c */
int svm_maps_alloc(void);	/* -ENOMEM */
void svm_maps_free(void);
/** svm_maps_use: point the VMCB at the maps for this guest. vCPU not running. */
void svm_maps_use(struct svm_vcpu *svm, bool spec_ctrl);
extern const u32 svm_passed_msrs[];

/* dump.c */
void svm_dump(struct vhm_vcpu *vcpu);

/* vmenter.S */
asmlinkage void svm_vmenter(struct svm_vcpu *svm);

#endif
