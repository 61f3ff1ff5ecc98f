/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands for kmod/vhm.h: as much of a vCPU as the guest walker looks at. */
#ifndef VHM_H
#define VHM_H

#include "shim.h"
#include "mmu/mmu.h"

#define VHM_ACC_READ	0x1
#define VHM_ACC_WRITE	0x2
#define VHM_ACC_EXEC	0x4
#define VHM_ACC_USER	0x10
#define VHM_ST_CR	BIT(0)
#define VHM_ST_CODE	BIT(1)

struct vhm_state {
	u64 cr0, cr3, cr4, efer;
	u8 cpl;
};

struct vhm_vm {
	struct vhm_mem mem;
};

struct vhm_vcpu {
	u64 rflags;
	struct vhm_state st;
	struct vhm_vm *vm;
	u8 maxphyaddr;
};

static inline struct vhm_state *vhm_st(struct vhm_vcpu *vcpu, u32 groups)
{
	(void)groups;
	return &vcpu->st;
}

#endif
