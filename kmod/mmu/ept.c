// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entry format of extended page tables (EPT).
 *
 * An entry is in use when it permits anything (Intel SDM vol. 3, "EPT
 * Translation Mechanism"). Its memory type is combined with the guest's PAT as
 * an MTRR would be: write-back for RAM, so that a guest may choose a weaker
 * type, uncached for device frames, so that it cannot.
 *
 * Where the CPU keeps no accessed and dirty bits it ignores those two: a page
 * then looks used once after each time its entry is made, and no more.
 */
#include <linux/bits.h>

#include "vhm.h"

#define EPT_R	BIT_ULL(0)
#define EPT_W	BIT_ULL(1)
#define EPT_X	BIT_ULL(2)
#define EPT_WB	(6ull << 3)
#define EPT_PS	BIT_ULL(7)
#define EPT_A	BIT_ULL(8)
#define EPT_D	BIT_ULL(9)

const struct vhm_pte_fmt vhm_fmt_ept = {
	.levels = 4,
	.present = EPT_R | EPT_W | EPT_X,
	.table = EPT_R | EPT_W | EPT_X,
	.leaf = EPT_R,
	.large = EPT_PS,
	.write = EPT_W,
	.dirty = EPT_D,
	.accessed = EPT_A,
	.exec = EPT_X,
	.wb = EPT_WB,
	.pa = GENMASK_ULL(51, 12),
};
