// SPDX-License-Identifier: GPL-2.0-only
/*
 * The maps of ports and MSRs that exit.
 *
 * The maps are the same for every guest and shared: every port exits; every
 * MSR does but those which the VMCB holds. A second MSR map lets SPEC_CTRL
 * through, for guests that have it on CPUs that virtualize it. The map of the
 * ports is all ones and serves a guest of which every MSR has to exit.
 */
#include <linux/mm.h>
#include <asm/msr-index.h>

#include "svm/svm.h"

/* Pages of one allocation: a bit per port and some above, then two bits per MSR, twice. */
enum { IOPM = 0, MSRPM_ALL = 0, MSRPM = 3, MSRPM_SPEC = 5, N_PAGES = 7 };

static u8 *maps;

const u32 svm_passed_msrs[] = {
	MSR_IA32_SPEC_CTRL,
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_CSTAR,
	MSR_SYSCALL_MASK, MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP, 0
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
	const u32 *msr;

	maps = alloc_pages_exact(N_PAGES * PAGE_SIZE, GFP_KERNEL);
	if (!maps)
		return -ENOMEM;
	memset(maps, 0xff, N_PAGES * PAGE_SIZE);
	for (msr = svm_passed_msrs; *msr; msr++) {
		pass(MSRPM_SPEC, *msr);
		if (*msr != MSR_IA32_SPEC_CTRL)
			pass(MSRPM, *msr);
	}
	return 0;
}

void svm_maps_free(void)
{
	if (maps)
		free_pages_exact(maps, N_PAGES * PAGE_SIZE);
	maps = NULL;
}

void svm_maps_use(struct svm_vcpu *svm, bool spec_ctrl)
{
	int page = READ_ONCE(svm->vcpu.vm->msr_exit_all) ? MSRPM_ALL :
		   spec_ctrl ? MSRPM_SPEC : MSRPM;

	svm->vmcb.iopm_pa = __pa(maps + IOPM * PAGE_SIZE);
	svm->vmcb.msrpm_pa = __pa(maps + page * PAGE_SIZE);
	svm->vmcb.clean = 0;
}
