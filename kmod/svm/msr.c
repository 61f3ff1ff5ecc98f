// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that this back end keeps, and the maps of ports and MSRs that exit.
 *
 * The maps are the same for every guest and shared: every port exits; every
 * MSR does but those which the VMCB holds. A second MSR map lets SPEC_CTRL
 * through, for guests that have it on CPUs that virtualize it.
 */
#include <linux/mm.h>
#include <asm/msr-index.h>

#include "host.h"
#include "svm/svm.h"

#define IOPM_ORDER	2	/* 12 KiB: a bit per port and some above */
#define MSRPM_ORDER	1	/* 8 KiB: two bits per MSR */

static void *iopm;
static u8 *msrpm, *msrpm_spec;

static const u32 passed[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_CSTAR,
	MSR_SYSCALL_MASK, MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

/* APM vol. 2, "MSR Intercepts": three ranges of 2 KiB, read bit then write bit. */
static void pass(u8 *map, u32 msr)
{
	u32 base = msr >= 0xc0010000 ? 0x1000 : msr >= 0xc0000000 ? 0x800 : 0;
	u32 bit = (msr & 0x1fff) * 2;

	map[base + bit / 8] &= ~(3 << bit % 8);
}

static u8 *new_msrpm(void)
{
	u8 *map = (void *)__get_free_pages(GFP_KERNEL, MSRPM_ORDER);
	int i;

	if (!map)
		return NULL;
	memset(map, 0xff, PAGE_SIZE << MSRPM_ORDER);
	for (i = 0; i < ARRAY_SIZE(passed); i++)
		pass(map, passed[i]);
	return map;
}

int svm_maps_alloc(void)
{
	iopm = (void *)__get_free_pages(GFP_KERNEL, IOPM_ORDER);
	msrpm = new_msrpm();
	msrpm_spec = new_msrpm();
	if (!iopm || !msrpm || !msrpm_spec)
		return -ENOMEM;
	memset(iopm, 0xff, PAGE_SIZE << IOPM_ORDER);
	pass(msrpm_spec, MSR_IA32_SPEC_CTRL);
	return 0;
}

void svm_maps_free(void)
{
	free_pages((unsigned long)iopm, IOPM_ORDER);
	free_pages((unsigned long)msrpm, MSRPM_ORDER);
	free_pages((unsigned long)msrpm_spec, MSRPM_ORDER);
	iopm = NULL;
	msrpm = NULL;
	msrpm_spec = NULL;
}

void svm_maps_use(struct svm_vcpu *svm, bool spec_ctrl)
{
	svm->vmcb->iopm_pa = __pa(iopm);
	svm->vmcb->msrpm_pa = __pa(spec_ctrl ? msrpm_spec : msrpm);
	svm->vmcb->clean = 0;
}

static u64 *spec_ctrl(struct svm_vcpu *svm)
{
	return svm_feat.v_spec_ctrl ? &svm->vmcb->spec_ctrl : &svm->spec_ctrl;
}

/* svm_msr_get - struct vhm_ops->msr_get; 1 for an MSR that is not ours */
int svm_msr_get(struct vhm_vcpu *vcpu, u32 index, u64 *val, bool host)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	switch (index) {
	case MSR_TSC_AUX:
		if (!host && !svm->rdtscp)
			return 1;
		*val = svm->tsc_aux;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		if (!svm_feat.spec_ctrl)
			return 1;
		*val = *spec_ctrl(svm);
		return 0;
	}
	return 1;
}

static int set_tsc_aux(struct svm_vcpu *svm, u64 val, bool host)
{
	if ((!host && !svm->rdtscp) || val >> 32)
		return 1;
	svm->tsc_aux = val;
	/* in a section: section_leave puts the host's back */
	if (svm->vcpu.in_section >= 0 && svm->rdtscp) {
		vhm_wrmsr(MSR_TSC_AUX, val);
		svm->host_tsc_aux = true;
	}
	return 0;
}

static int set_spec_ctrl(struct svm_vcpu *svm, u64 val)
{
	if (!svm_feat.spec_ctrl || val & ~(u64)(SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD))
		return 1;
	*spec_ctrl(svm) = val;
	if (!svm_feat.v_spec_ctrl) {
		svm->spec_guest = val | (svm->spec_host & SPEC_CTRL_SSBD);
		svm->spec_swap = svm->spec_guest != svm->spec_host;
	}
	return 0;
}

/* svm_msr_set - struct vhm_ops->msr_set; 1 for #GP. Section or process. */
int svm_msr_set(struct vhm_vcpu *vcpu, u32 index, u64 val, bool host)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	switch (index) {
	case MSR_TSC_AUX:
		return set_tsc_aux(svm, val, host);
	case MSR_IA32_SPEC_CTRL:
		return set_spec_ctrl(svm, val);
	case MSR_IA32_PRED_CMD:
		if (!svm_feat.ibpb || val & ~(u64)PRED_CMD_IBPB)
			return 1;
		/* outside a section it is the VMM that writes: nothing to do */
		if (val && vcpu->in_section >= 0)
			vhm_wrmsr(MSR_IA32_PRED_CMD, val);
		return 0;
	}
	return 1;
}
