/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands for kmod/host.h: MSRs of a CPU that the test makes up. */
#ifndef VHM_HOST_H
#define VHM_HOST_H

#include "shim.h"

u64 vhm_rdmsr(u32 msr);
int vhm_rdmsr_safe(u32 msr, u64 *val);

#endif
