/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of the CPU that no control block switches: breakpoint addresses,
 * DR6 and DR7 after an exit, TSC_AUX, and SPEC_CTRL round an entry. Both back
 * ends call these from their section; nobody else includes it but msr.c.
 */
#ifndef VHM_CPUREGS_H
#define VHM_CPUREGS_H

#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

#include "host.h"
#include "vhm.h"

/** vhm_dr_enter: breakpoint addresses: the guest's, or the VMM's. Section. */
void vhm_dr_enter(struct vhm_vcpu *vcpu);
/** vhm_dr_leave: the host's again; may end vcpu->dr_live. Section, the last ->run over. */
void vhm_dr_leave(struct vhm_vcpu *vcpu);

/** vhm_spec_update: what the world switch must swap. Section. */
static __always_inline void vhm_spec_update(struct vhm_vcpu *vcpu)
{
	struct vhm_cpuregs *r = &vcpu->cpuregs;

	r->spec_host = this_cpu_read(x86_spec_ctrl_current);
	r->spec_guest = r->spec_ctrl | (r->spec_host & SPEC_CTRL_SSBD);
	r->spec_swap = r->spec_guest != r->spec_host && !r->hw_spec_ctrl;
}

/** vhm_cpuregs_enter: a section begins. @host_tsc_aux: this CPU's, which never changes. */
static __always_inline void vhm_cpuregs_enter(struct vhm_vcpu *vcpu, const u64 *host_tsc_aux)
{
	struct vhm_cpuregs *r = &vcpu->cpuregs;

	if (cpu_feature_enabled(X86_FEATURE_MSR_SPEC_CTRL))
		vhm_spec_update(vcpu);
	r->tsc_aux_in = r->rdtscp && r->tsc_aux != *host_tsc_aux;
	if (unlikely(r->tsc_aux_in))
		vhm_wrmsr(MSR_TSC_AUX, r->tsc_aux);
	if (unlikely(vcpu->dr_live))
		vhm_dr_enter(vcpu);
}

/** vhm_cpuregs_leave: it ends, after vhm_dr_leave(); the host's DR7 takes effect. */
static __always_inline void vhm_cpuregs_leave(struct vhm_vcpu *vcpu, const u64 *host_tsc_aux)
{
	/* an exit clears DR7 */
	if (unlikely(this_cpu_read(cpu_dr7)))
		set_debugreg(this_cpu_read(cpu_dr7), 7);
	if (unlikely(vcpu->cpuregs.tsc_aux_in))
		vhm_wrmsr(MSR_TSC_AUX, *host_tsc_aux);
}

/** vhm_ibpb: forget branch predictions: another vCPU comes to this CPU. Section. */
void vhm_ibpb(void);

/** vhm_machine_check: hand one that an exit took to the host's handler. Interrupts off. */
void vhm_machine_check(void);

/** vhm_cpuregs_get, _set: TSC_AUX, SPEC_CTRL, PRED_CMD, as vhm_msr_get, _set. */
int vhm_cpuregs_get(struct vhm_vcpu *vcpu, u32 index, u64 *val, bool host);
int vhm_cpuregs_set(struct vhm_vcpu *vcpu, u32 index, u64 val, bool host);

#endif
