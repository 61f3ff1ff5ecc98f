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

/* Pages of one allocation: a bit per port and some above, then two bits per MSR, twice. */
enum { IOPM = 0, MSRPM = 3, MSRPM_SPEC = 5, N_PAGES = 7 };

static u8 *maps;

static const u32 passed[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_CSTAR,
	MSR_SYSCALL_MASK, MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

/* APM vol. 2, "MSR Intercepts": three ranges of 2 KiB, read bit then write bit. */
static void pass(int page, u32 msr)
{
	u32 base = msr >= 0xc0010000 ? 0x1000 : msr >= 0xc0000000 ? 0x800 : 0;
	u32 bit = (msr & 0x1fff) * 2;

	maps[page * PAGE_SIZE + base + bit / 8] &= ~(3 << bit % 8);
}

int svm_maps_alloc(void)
{
	int i;

	maps = alloc_pages_exact(N_PAGES * PAGE_SIZE, GFP_KERNEL);
	if (!maps)
		return -ENOMEM;
	memset(maps, 0xff, N_PAGES * PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(passed); i++) {
		pass(MSRPM, passed[i]);
		pass(MSRPM_SPEC, passed[i]);
	}
	pass(MSRPM_SPEC, MSR_IA32_SPEC_CTRL);
	return 0;
}

void svm_maps_free(void)
{
	if (maps)
		free_pages_exact(maps, N_PAGES * PAGE_SIZE);
	maps = NULL;
}

void svm_maps_use(struct vmcb *vmcb, bool spec_ctrl)
{
	vmcb->iopm_pa = __pa(maps + IOPM * PAGE_SIZE);
	vmcb->msrpm_pa = __pa(maps + (spec_ctrl ? MSRPM_SPEC : MSRPM) * PAGE_SIZE);
	vmcb->clean = 0;
}

static u64 *spec_ctrl(struct svm_vcpu *svm)
{
	return cpu_feature_enabled(X86_FEATURE_V_SPEC_CTRL) ? &svm->vmcb.spec_ctrl :
							     &svm->spec_ctrl;
}

/* The guest's value is swapped by vmenter.S where the VMCB does not do it: then it stays 0. */
void svm_spec_update(struct svm_vcpu *svm)
{
	svm->spec_host = this_cpu_read(x86_spec_ctrl_current);
	svm->spec_guest = svm->spec_ctrl | (svm->spec_host & SPEC_CTRL_SSBD);
	svm->spec_swap = !cpu_feature_enabled(X86_FEATURE_V_SPEC_CTRL) &&
			 svm->spec_guest != svm->spec_host;
}

/* svm_msr_get - struct vhm_ops->msr_get; 1 for an MSR that is not ours */
int svm_msr_get(struct vhm_vcpu *vcpu, u32 index, u64 *val, bool host)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (index == MSR_TSC_AUX && (host || svm->rdtscp))
		*val = svm->tsc_aux;
	else if (index == MSR_IA32_SPEC_CTRL && boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		*val = *spec_ctrl(svm);
	else
		return 1;
	return 0;
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
	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL) || val & ~(u64)(SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD))
		return 1;
	*spec_ctrl(svm) = val;
	svm_spec_update(svm);
	return 0;
}

/* svm_msr_set - struct vhm_ops->msr_set; 1 for #GP. Section or process. */
int svm_msr_set(struct vhm_vcpu *vcpu, u32 index, u64 val, bool host)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (index == MSR_TSC_AUX)
		return set_tsc_aux(svm, val, host);
	if (index == MSR_IA32_SPEC_CTRL)
		return set_spec_ctrl(svm, val);
	if (index != MSR_IA32_PRED_CMD || !boot_cpu_has(X86_FEATURE_IBPB) ||
	    val & ~(u64)PRED_CMD_IBPB)
		return 1;
	/* outside a section it is the VMM that writes: nothing to do */
	if (val && vcpu->in_section >= 0)
		vhm_wrmsr(MSR_IA32_PRED_CMD, val);
	return 0;
}
