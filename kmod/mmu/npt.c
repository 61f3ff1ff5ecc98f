// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entry format of AMD nested paging.
 *
 * It is that of the host's own long-mode tables (APM volume 2, "Nested
 * Paging"). The guest's accesses count as user accesses, so the user bit is
 * set at every level. Accessed and dirty bits are always maintained. The
 * nested walk runs in the host's paging mode, five levels included.
 */
#include <linux/bits.h>

#include "vhm.h"

#define NPT_P	BIT_ULL(0)
#define NPT_W	BIT_ULL(1)
#define NPT_U	BIT_ULL(2)
#define NPT_PWT	BIT_ULL(3)
#define NPT_PCD	BIT_ULL(4)
#define NPT_A	BIT_ULL(5)
#define NPT_D	BIT_ULL(6)
#define NPT_PS	BIT_ULL(7)
#define NPT_NX	BIT_ULL(63)

const struct vhm_pte_fmt vhm_fmt_npt = {
	.levels = 4,
	.host_la57 = true,
	.present = NPT_P,
	.table = NPT_P | NPT_W | NPT_U | NPT_A,
	.leaf = NPT_P | NPT_U,
	.large = NPT_PS,
	.write = NPT_W,
	.dirty = NPT_D,
	.accessed = NPT_A,
	.noexec = NPT_NX,
	/* index 3 of the host's PAT is UC */
	.uc = NPT_PWT | NPT_PCD,
	.pa = GENMASK_ULL(51, 12),
};
