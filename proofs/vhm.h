/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands for kmod/vhm.h where only the memory room is looked at. */
#ifndef PROOFS_VHM_H
#define PROOFS_VHM_H

#include "shim.h"
#include "mmu/mmu.h"

struct vhm_vm {
	struct vhm_mem mem;
};

#endif
