// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that this back end keeps, those that a section switches, and the map of
 * those that exit.
 *
 * The map is the same for every guest and shared: every MSR exits but three that
 * guests write often and the VMCS or the section switches. Whatever else is
 * written goes through vcpu->st, which is therefore current for all but
 * KERNEL_GS_BASE.
 */
#include <linux/mm.h>
#include <asm/msr-index.h>

#include "host.h"
#include "vmx/vmx.h"

static u8 *bitmap;

static const u32 passed[] = { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };

/* Intel SDM vol. 3, "MSR-Bitmap Address": reads low, reads high, writes low, writes high. */
int vmx_bitmap_alloc(void)
{
	int i;

	bitmap = (u8 *)__get_free_page(GFP_KERNEL);
	if (!bitmap)
		return -ENOMEM;
	memset(bitmap, 0xff, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(passed); i++) {
		u32 bit = passed[i] & 0x1fff;

		bitmap[0x400 + bit / 8] &= ~BIT(bit % 8);
		bitmap[0xc00 + bit / 8] &= ~BIT(bit % 8);
	}
	return 0;
}

void vmx_bitmap_free(void)
{
	free_page((unsigned long)bitmap);
	bitmap = NULL;
}

u64 vmx_bitmap_pa(void)
{
	return __pa(bitmap);
}

/* ---- switched by the section ------------------------------------------------ */

static void syscall_msrs(const struct vmx_cpu *c, u64 star, u64 lstar, u64 sfmask)
{
	if (star != c->star)
		vhm_wrmsr(MSR_STAR, star);
	if (lstar != c->lstar)
		vhm_wrmsr(MSR_LSTAR, lstar);
	if (sfmask != c->sfmask)
		vhm_wrmsr(MSR_SYSCALL_MASK, sfmask);
}

/* The guest's value is swapped by vmenter.S, when it differs. */
static void spec_update(struct vmx_vcpu *vmx)
{
	vmx->spec_host = this_cpu_read(x86_spec_ctrl_current);
	vmx->spec_guest = vmx->spec_ctrl | (vmx->spec_host & SPEC_CTRL_SSBD);
	vmx->spec_swap = vmx->spec_guest != vmx->spec_host;
}

void vmx_msrs_enter(struct vmx_vcpu *vmx, const struct vmx_cpu *c)
{
	const struct vhm_state *st = &vmx->vcpu.st;

	vmx->host_kernel_gs = vhm_rdmsr(MSR_KERNEL_GS_BASE);
	vhm_wrmsr(MSR_KERNEL_GS_BASE, st->kernel_gs_base);
	/* a guest without SYSCALL cannot use them */
	vmx->syscall_msrs = st->efer & EFER_SCE;
	if (likely(vmx->syscall_msrs))
		syscall_msrs(c, st->star, st->lstar, st->sfmask);
	vmx->host_tsc_aux = vmx->rdtscp && vmx->tsc_aux != c->tsc_aux;
	if (unlikely(vmx->host_tsc_aux))
		vhm_wrmsr(MSR_TSC_AUX, vmx->tsc_aux);
	if (cpu_feature_enabled(X86_FEATURE_MSR_SPEC_CTRL))
		spec_update(vmx);
}

/* The order is that of a restore: what was written over comes from what holds the host's. */
void vmx_msrs_leave(struct vmx_vcpu *vmx, const struct vmx_cpu *c)
{
	const struct vhm_state *st = &vmx->vcpu.st;

	vhm_wrmsr(MSR_KERNEL_GS_BASE, vmx->host_kernel_gs);
	if (likely(vmx->syscall_msrs)) {
		if (st->star != c->star)
			vhm_wrmsr(MSR_STAR, c->star);
		if (st->lstar != c->lstar)
			vhm_wrmsr(MSR_LSTAR, c->lstar);
		if (st->sfmask != c->sfmask)
			vhm_wrmsr(MSR_SYSCALL_MASK, c->sfmask);
	}
	if (unlikely(vmx->host_tsc_aux))
		vhm_wrmsr(MSR_TSC_AUX, c->tsc_aux);
}

/* ---- kept here ----------------------------------------------------------------- */

/* vmx_msr_get - struct vhm_ops->msr_get; 1 for an MSR that is not ours */
int vmx_msr_get(struct vhm_vcpu *vcpu, u32 index, u64 *val, bool host)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	switch (index) {
	case MSR_TSC_AUX:
		if (!host && !vmx->rdtscp)
			return 1;
		*val = vmx->tsc_aux;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
			return 1;
		*val = vmx->spec_ctrl;
		return 0;
	}
	return 1;
}

static int set_tsc_aux(struct vmx_vcpu *vmx, u64 val, bool host)
{
	if ((!host && !vmx->rdtscp) || val >> 32)
		return 1;
	vmx->tsc_aux = val;
	/* in a section: section_leave puts the host's back */
	if (vmx->current_here && vmx->rdtscp) {
		vhm_wrmsr(MSR_TSC_AUX, val);
		vmx->host_tsc_aux = true;
	}
	return 0;
}

static int set_spec_ctrl(struct vmx_vcpu *vmx, u64 val)
{
	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) ||
	    val & ~(u64)(SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD))
		return 1;
	vmx->spec_ctrl = val;
	if (vmx->current_here)
		spec_update(vmx);
	return 0;
}

/* vmx_msr_set - struct vhm_ops->msr_set; 1 for #GP. Section or process. */
int vmx_msr_set(struct vhm_vcpu *vcpu, u32 index, u64 val, bool host)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	switch (index) {
	case MSR_TSC_AUX:
		return set_tsc_aux(vmx, val, host);
	case MSR_IA32_SPEC_CTRL:
		return set_spec_ctrl(vmx, val);
	case MSR_IA32_PRED_CMD:
		if (!boot_cpu_has(X86_FEATURE_IBPB) || val & ~(u64)PRED_CMD_IBPB)
			return 1;
		/* outside a section it is the VMM that writes: nothing to do */
		if (val && vmx->current_here)
			vhm_wrmsr(MSR_IA32_PRED_CMD, val);
		return 0;
	}
	return 1;
}
