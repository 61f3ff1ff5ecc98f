// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of cpuregs.h that is not hot, and the MSRs whose guest value lives
 * in vcpu->cpuregs.
 *
 * The guest has its debug registers while it uses them (vcpu->dr_live); until
 * it touches one, accesses exit and nothing is loaded.
 */
#include <linux/moduleparam.h>
#include <asm/mce.h>
#include <asm/ptrace.h>

#include "cpuregs.h"

static bool ibpb = true;
module_param(ibpb, bool, 0444);
MODULE_PARM_DESC(ibpb, "clear branch predictions when a CPU turns to another vCPU (default on)");

void vhm_ibpb(void)
{
	if (ibpb && boot_cpu_has(X86_FEATURE_IBPB))
		vhm_wrmsr(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

/*
 * An intercepted machine check was taken off the CPU's hands: call the host's
 * handler as if it had interrupted user code of this task, which is what it
 * may kill.
 */
void vhm_machine_check(void)
{
	struct pt_regs regs = { .cs = 3, .flags = X86_EFLAGS_IF };

	/* Debian's 6.1 for clouds is without a handler */
	if (IS_ENABLED(CONFIG_X86_MCE))
		do_machine_check(&regs);
	else
		pr_emerg_ratelimited("hv: machine check in a guest, and this kernel has no handler\n");
}

/* ---- debug registers ------------------------------------------------------- */

void vhm_dr_enter(struct vhm_vcpu *vcpu)
{
	const u64 *dr = vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP ?
			vcpu->guest_debug_dr : vcpu->dr;
	int i;

	/* no host breakpoint may fire on a guest's address; an exit keeps DR7 clear */
	set_debugreg(0ul, 7);
	for (i = 0; i < 4; i++) {
		get_debugreg(vcpu->cpuregs.host_dr[i], i);
		set_debugreg(dr[i], i);
	}
	vcpu->cpuregs.dr_in = true;
}

void vhm_dr_leave(struct vhm_vcpu *vcpu)
{
	bool own = !(vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP);
	/* where DR6 is the CPU's own it is read by this */
	u64 dr7 = vhm_st(vcpu, VHM_ST_DR)->dr7;
	int i;

	for (i = 0; i < 4; i++) {
		if (own)
			get_debugreg(vcpu->dr[i], i);
		set_debugreg(vcpu->cpuregs.host_dr[i], i);
	}
	set_debugreg((unsigned long)DR6_FIXED, 6);
	vcpu->cpuregs.dr_in = false;
	/* not in use any more: back to intercepting */
	if (own && !(dr7 & 0xff)) {
		vcpu->dr_live = false;
		vhm_ops->update_intercepts(vcpu);
	}
}

/* ---- MSRs ------------------------------------------------------------------ */

static u64 *spec_ctrl(struct vhm_cpuregs *r)
{
	return r->hw_spec_ctrl ?: &r->spec_ctrl;
}

int vhm_cpuregs_get(struct vhm_vcpu *vcpu, u32 index, u64 *val, bool host)
{
	struct vhm_cpuregs *r = &vcpu->cpuregs;

	if (index == MSR_TSC_AUX && (host || r->rdtscp))
		*val = r->tsc_aux;
	else if (index == MSR_IA32_SPEC_CTRL && boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		*val = *spec_ctrl(r);
	else
		return 1;
	return 0;
}

static int set_tsc_aux(struct vhm_vcpu *vcpu, u64 val, bool host)
{
	struct vhm_cpuregs *r = &vcpu->cpuregs;

	if ((!host && !r->rdtscp) || val >> 32)
		return 1;
	r->tsc_aux = val;
	/* in a section: its end puts the host's back */
	if (vcpu->in_section >= 0 && r->rdtscp) {
		vhm_wrmsr(MSR_TSC_AUX, val);
		r->tsc_aux_in = true;
	}
	return 0;
}

static int set_spec_ctrl(struct vhm_vcpu *vcpu, u64 val)
{
	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) ||
	    val & ~(u64)(SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD))
		return 1;
	*spec_ctrl(&vcpu->cpuregs) = val;
	if (vcpu->in_section >= 0)
		vhm_spec_update(vcpu);
	return 0;
}

int vhm_cpuregs_set(struct vhm_vcpu *vcpu, u32 index, u64 val, bool host)
{
	if (index == MSR_TSC_AUX)
		return set_tsc_aux(vcpu, val, host);
	if (index == MSR_IA32_SPEC_CTRL)
		return set_spec_ctrl(vcpu, val);
	if (!boot_cpu_has(X86_FEATURE_IBPB) || val & ~(u64)PRED_CMD_IBPB)
		return 1;
	/* outside a section it is the VMM that writes: nothing to do */
	if (val && vcpu->in_section >= 0)
		vhm_wrmsr(MSR_IA32_PRED_CMD, val);
	return 0;
}
