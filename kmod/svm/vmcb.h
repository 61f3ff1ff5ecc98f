/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine control block and its codes.
 *
 * AMD64 APM vol. 2, appendix B "Layout of VMCB" and appendix C "SVM Intercept
 * Exit Codes". The names are ours; the kernel's asm/svm.h changes from
 * release to release and is not used.
 */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include "vhm.h"

/* tlb_ctl: nothing; every ASID; this one, with flush-by-ASID */
enum { SVM_TLB_KEEP, SVM_TLB_FLUSH_ALL, SVM_TLB_FLUSH_ASID = 3 };

/* int_ctl above the byte of V_TPR */
#define SVM_V_WINDOW		(BIT(8) | 0xf << 16 | BIT(20))	/* V_IRQ, V_INTR_PRIO, V_IGN_TPR */
#define SVM_V_INTR_MASKING	BIT(24)

#define SVM_SHADOW		BIT(0)	/* int_state */
#define SVM_NP_ENABLE		BIT(0)	/* np_ctl */

/* event_inj and exit_int_info: the type, then bits */
enum { SVM_EVENT_INTR = 0, SVM_EVENT_NMI = 0x200, SVM_EVENT_EXC = 0x300, SVM_EVENT_SOFT = 0x400 };
#define SVM_EVENT_HAS_ERROR	BIT(11)
#define SVM_EVENT_VALID		BIT(31)

/*
 * clean: a set bit allows the CPU to use what it cached of the group. ICPT also
 * has the TSC offset and the PAUSE filter, NP n_cr3 and g_pat.
 */
enum {
	SVM_CLEAN_ICPT = 1, SVM_CLEAN_ASID = 4, SVM_CLEAN_INT = 8, SVM_CLEAN_NP = 0x10,
	SVM_CLEAN_CR = 0x20, SVM_CLEAN_ALL = 0x7ff,
};

/* Exit codes; below SVM_ICPT_BITS they are numbers of intercept bits as well. */
enum svm_exit_code {
	SVM_EXIT_READ_CR0	= 0x00,
	SVM_EXIT_WRITE_CR0	= 0x10,
	SVM_EXIT_READ_DR0	= 0x20,
	SVM_EXIT_WRITE_DR0	= 0x30,
	SVM_EXIT_EXC		= 0x40,
	SVM_EXIT_INTR		= 0x60,
	SVM_EXIT_NMI, SVM_EXIT_SMI, SVM_EXIT_INIT, SVM_EXIT_VINTR, SVM_EXIT_CR0_SEL_WRITE,
	SVM_EXIT_RDTSC		= 0x6e,
	SVM_EXIT_RDPMC,
	SVM_EXIT_CPUID		= 0x72,
	SVM_EXIT_RSM, SVM_EXIT_IRET, SVM_EXIT_SWINT, SVM_EXIT_INVD, SVM_EXIT_PAUSE,
	SVM_EXIT_HLT, SVM_EXIT_INVLPG, SVM_EXIT_INVLPGA, SVM_EXIT_IO, SVM_EXIT_MSR,
	SVM_EXIT_TASK_SWITCH, SVM_EXIT_FERR, SVM_EXIT_SHUTDOWN, SVM_EXIT_VMRUN,
	SVM_EXIT_VMMCALL, SVM_EXIT_VMLOAD, SVM_EXIT_VMSAVE, SVM_EXIT_STGI, SVM_EXIT_CLGI,
	SVM_EXIT_SKINIT, SVM_EXIT_RDTSCP, SVM_EXIT_ICEBP, SVM_EXIT_WBINVD, SVM_EXIT_MONITOR,
	SVM_EXIT_MWAIT, SVM_EXIT_MWAIT_ARMED, SVM_EXIT_XSETBV,
	SVM_EXIT_TABLE_SIZE,
	SVM_ICPT_BITS		= 0xc0,
	SVM_EXIT_NPF		= 0x400,
};
#define SVM_EXIT_INVALID	(~0u)

/* exit_info1 of a nested page fault */
#define SVM_NPF_WRITE		BIT_ULL(1)
#define SVM_NPF_WALK		BIT_ULL(33)

/* order of struct vmcb.seg: ES to GS as in enum vhm_sreg, then */
enum { VMCB_GDTR = VHM_NR_SREG, VMCB_LDTR, VMCB_IDTR, VMCB_TR, VMCB_NR_SEGS };

struct vmcb {
	union {
		unsigned long icpt[SVM_ICPT_BITS / 64];
		struct { u32 icpt_cr, icpt_dr, icpt_exc; };
	};
	u8 pad0[0x3c - 0x18];
	u16 pause_thresh, pause_count;
	u64 iopm_pa, msrpm_pa, tsc_offset;
	u32 asid, tlb_ctl;
	union {
		u64 int_ctl;
		u8 v_tpr;
	};
	u64 int_state, exit_code, exit_info1, exit_info2, exit_int_info, np_ctl;
	u8 pad1[0xa8 - 0x98];
	u64 event_inj, n_cr3, pad2;
	u64 clean;
	u64 nrip;
	u8 n_bytes, bytes[15], pad3[0x400 - 0xe0];
	/* state save area */
	struct vhm_seg seg[VMCB_NR_SEGS];
	u8 pad4[0x4cb - 0x4a0], cpl, pad5[0x4d0 - 0x4cc];
	u64 efer;
	u8 pad6[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 pad7[0x5d8 - 0x580];
	u64 rsp;
	u8 pad8[0x5f8 - 0x5e0];
	u64 rax, star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	u8 pad9[0x668 - 0x648];
	u64 g_pat, debugctl;
	u8 pad10[0x6e0 - 0x678];
	u64 spec_ctrl;
	u8 pad11[0x1000 - 0x6e8];
} __packed __aligned(4096);

/* each stands for the fields before it, from pad to pad */
static_assert(offsetof(struct vmcb, bytes) == 0xd1);
static_assert(offsetof(struct vmcb, rax) == 0x5f8);
static_assert(offsetof(struct vmcb, spec_ctrl) == 0x6e0);
static_assert(sizeof(struct vmcb) == 4096);

#endif
