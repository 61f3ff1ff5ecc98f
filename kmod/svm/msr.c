// SPDX-License-Identifier: GPL-2.0-only
/*
 * The maps of ports and MSRs that exit.
 *
 * The maps are the same for every guest and shared: every port exits; every
 * MSR does but those which the VMCB holds. A second MSR map lets SPEC_CTRL
 * through, for guests that have it on CPUs that virtualize it.
 */
#include <linux/mm.h>
#include <asm/msr-index.h>

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
