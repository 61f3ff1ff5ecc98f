// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that a section switches, and the map of those that exit.
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

const u32 vmx_passed_msrs[] = { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, 0 };

/* Intel SDM vol. 3, "MSR-Bitmap Address": reads low, reads high, writes low, writes high. */
int vmx_bitmap_alloc(void)
{
	const u32 *msr;

	bitmap = (u8 *)__get_free_page(GFP_KERNEL);
	if (!bitmap)
		return -ENOMEM;
	memset(bitmap, 0xff, PAGE_SIZE);
	for (msr = vmx_passed_msrs; *msr; msr++) {
		u32 bit = *msr & 0x1fff;

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

void vmx_msrs_enter(struct vmx_vcpu *vmx, const struct vmx_cpu *c)
{
	const struct vhm_state *st = &vmx->vcpu.st;

	vmx->host_kernel_gs = vhm_rdmsr(MSR_KERNEL_GS_BASE);
	vhm_wrmsr(MSR_KERNEL_GS_BASE, st->kernel_gs_base);
	/* a guest without SYSCALL cannot use them */
	vmx->syscall_msrs = st->efer & EFER_SCE;
	if (likely(vmx->syscall_msrs))
		syscall_msrs(c, st->star, st->lstar, st->sfmask);
	else if (!vmx_loads_efer_pat())
		vhm_wrmsr(MSR_EFER, c->efer & ~(u64)EFER_SCE);
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
	} else if (!vmx_loads_efer_pat()) {
		vhm_wrmsr(MSR_EFER, c->efer);
	}
}
