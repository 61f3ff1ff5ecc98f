/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What regs.c, fpu.c, cpuid.c, msr.c and clock.c know of each other beyond
 * vhm.h. Nobody else includes it.
 */
#ifndef VHM_MSR_H
#define VHM_MSR_H

#include "vhm.h"

/* ---- regs.c -------------------------------------------------------------- */

/** vhm_canonical: all bits above the linear address width equal the top one. */
static inline bool vhm_canonical(struct vhm_vcpu *vcpu, u64 la)
{
	/* the width that CPUID promises, not the mode in use: values survive a switch */
	int shift = vcpu->cr4_allowed & BIT_ULL(12) ? 7 : 16;	/* CR4.LA57 */

	return (s64)(la << shift) >> shift == (s64)la;
}

/* ---- fpu.c --------------------------------------------------------------- */

#define VHM_XCR0_MAX	64

/** vhm_guest_xcr0: the guest's XCR0. Section or process. */
u64 vhm_guest_xcr0(struct vhm_vcpu *vcpu);
/** vhm_xstate_bytes: XSAVE area for these components, as CPUID.0xD counts. Any context. */
u32 vhm_xstate_bytes(u64 xcr0, bool compacted);

/* ---- cpuid.c ------------------------------------------------------------- */

/** vhm_cpuid_defaults: what holds until the VMM sets a table. vCPU not running. */
void vhm_cpuid_defaults(struct vhm_vcpu *vcpu);

/* ---- clock.c ------------------------------------------------------------- */

/** vhm_move_tsc: the guest moves its TSC, and IA32_TSC_ADJUST with it. */
void vhm_move_tsc(struct vhm_vcpu *vcpu, u64 by);
/** vhm_sync_tsc: the VMM writes IA32_TSC: see the head of clock.c. */
void vhm_sync_tsc(struct vhm_vcpu *vcpu, u64 tsc);
/** vhm_write_wall_clock: at gpa, unless that is 0. Process context, current->mm is the VM's. */
void vhm_write_wall_clock(struct vhm_vm *vm, u64 gpa);

#endif
