// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entry format of nested page tables (NPT).
 *
 * It is that of the host's own long-mode tables (APM volume 2, "Nested
 * Paging"). The guest's accesses count as user accesses, so the user bit is
 * set at every level. Accessed and dirty bits are always maintained. The
 * nested walk runs in the host's paging mode, five levels included.
 *
 * Entries say write-back for everything: the guest's PAT and the host's MTRRs
 * are combined with it, so device frames stay what the MTRRs make them and a
 * guest may still choose write-combining ("Combining Memory Types").
 */
#include <linux/bits.h>

#include "vhm.h"

enum { NPT_P = 1, NPT_W = 2, NPT_U = 4, NPT_A = 0x20, NPT_D = 0x40, NPT_PS = 0x80 };

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
	.noexec = BIT_ULL(63),
	.pa = GENMASK_ULL(51, 12),
};
