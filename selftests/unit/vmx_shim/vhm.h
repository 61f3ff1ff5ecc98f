/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands for kmod/vhm.h: as much of a vCPU as a decoded exit and vmx.h look at. */
#ifndef VHM_H
#define VHM_H

#include "shim.h"

struct vhm_caps {
	u8 max_page_level;
	u64 cr4, ucode_rev;
	bool xsaves, shadow;
};
extern struct vhm_caps vhm_caps;

enum { VHM_NR_SEGS = 8 };
enum { VHM_ACC_READ = 1, VHM_ACC_WRITE = 2, VHM_ACC_EXEC = 4, VHM_ACC_WALK = 0x40 };

enum vhm_exit_kind {
	VHM_X_NONE,
	VHM_X_HOST_EVENT, VHM_X_CPUID, VHM_X_HLT, VHM_X_HYPERCALL, VHM_X_RDPMC, VHM_X_XSETBV,
	VHM_X_PAUSE, VHM_X_INVD, VHM_X_WBINVD, VHM_X_MONITOR, VHM_X_MWAIT, VHM_X_RSM, VHM_X_UD,
	VHM_X_IO, VHM_X_MSR, VHM_X_CR, VHM_X_DR, VHM_X_FAULT, VHM_X_PF, VHM_X_EMULATE, VHM_X_EXCEPTION,
	VHM_X_IRQ_WINDOW, VHM_X_NMI_WINDOW, VHM_X_SHUTDOWN, VHM_X_FAIL_ENTRY, VHM_X_RDTSC,
	VHM_X_TASK_SWITCH, VHM_X_UNKNOWN,
};

struct vhm_seg { u64 base; };
struct vhm_fault { u64 gpa; u32 access; };
struct vhm_pf { u64 gva; u32 error; };
struct vhm_io { u16 port; u8 size; bool in, string; };
struct vhm_exc { u8 vector; bool has_error; u32 error; u64 payload; };
struct vhm_event { u8 kind; };
struct vhm_exit {
	enum vhm_exit_kind kind;
	u8 insn_len, n_bytes;
	u64 hw_reason, hw_info1, hw_info2;
	struct vhm_io io;
	struct { bool write; } msr;
	struct vhm_fault fault;
	struct vhm_exc exc;
	struct vhm_pf pf;
};

struct vhm_vcpu {
	u64 rip;
	struct vhm_exit exit;
	struct { struct vhm_event interrupted; } ev;
};

#endif
