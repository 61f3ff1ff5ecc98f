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

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

/* intercepts: bit numbers over the words at 0x00 to 0x17 of the VMCB */
enum {
	SVM_ICPT_CR0_READ	= 0,
	SVM_ICPT_CR0_WRITE	= 16,
	SVM_ICPT_CR4_WRITE	= 20,
	SVM_ICPT_CR8_WRITE	= 24,
	SVM_ICPT_INTR		= 96,
	SVM_ICPT_NMI, SVM_ICPT_SMI, SVM_ICPT_INIT, SVM_ICPT_VINTR,
	SVM_ICPT_CR0_SEL_WRITE, SVM_ICPT_IDTR_READ, SVM_ICPT_GDTR_READ,
	SVM_ICPT_LDTR_READ, SVM_ICPT_TR_READ, SVM_ICPT_IDTR_WRITE,
	SVM_ICPT_GDTR_WRITE, SVM_ICPT_LDTR_WRITE, SVM_ICPT_TR_WRITE,
	SVM_ICPT_RDTSC, SVM_ICPT_RDPMC, SVM_ICPT_PUSHF, SVM_ICPT_POPF,
	SVM_ICPT_CPUID, SVM_ICPT_RSM, SVM_ICPT_IRET, SVM_ICPT_SWINT,
	SVM_ICPT_INVD, SVM_ICPT_PAUSE, SVM_ICPT_HLT, SVM_ICPT_INVLPG,
	SVM_ICPT_INVLPGA, SVM_ICPT_IO, SVM_ICPT_MSR, SVM_ICPT_TASK_SWITCH,
	SVM_ICPT_FERR, SVM_ICPT_SHUTDOWN,
	SVM_ICPT_VMRUN		= 128,
	SVM_ICPT_VMMCALL, SVM_ICPT_VMLOAD, SVM_ICPT_VMSAVE, SVM_ICPT_STGI,
	SVM_ICPT_CLGI, SVM_ICPT_SKINIT, SVM_ICPT_RDTSCP, SVM_ICPT_ICEBP,
	SVM_ICPT_WBINVD, SVM_ICPT_MONITOR, SVM_ICPT_MWAIT, SVM_ICPT_MWAIT_ARMED,
	SVM_ICPT_XSETBV, SVM_ICPT_RDPRU,
	SVM_ICPT_WORDS		= 6,
};

/* which word of struct vmcb.icpt, for those written as whole words */
enum { SVM_WORD_CR, SVM_WORD_DR, SVM_WORD_EXC };

#define SVM_TLB_KEEP		0
#define SVM_TLB_FLUSH_ALL	1	/* every ASID */
#define SVM_TLB_FLUSH_ASID	3	/* needs flush-by-ASID */

/* int_ctl above the byte of V_TPR */
#define SVM_V_IRQ		BIT(8)
#define SVM_V_PRIO_MAX		(0xf << 16)
#define SVM_V_IGN_TPR		BIT(20)
#define SVM_V_INTR_MASKING	BIT(24)

#define SVM_SHADOW		BIT(0)	/* int_state */
#define SVM_NP_ENABLE		BIT(0)	/* np_ctl */

/* event_inj and exit_int_info */
#define SVM_EVENT_VECTOR	0xff
#define SVM_EVENT_TYPE		(7 << 8)
#define SVM_EVENT_INTR		(0 << 8)
#define SVM_EVENT_NMI		(2 << 8)
#define SVM_EVENT_EXC		(3 << 8)
#define SVM_EVENT_SOFT		(4 << 8)
#define SVM_EVENT_HAS_ERROR	BIT(11)
#define SVM_EVENT_VALID		BIT(31)

/* clean: a set bit allows the CPU to use what it cached of the group */
#define SVM_CLEAN_ICPT		BIT(0)	/* intercepts, TSC offset, PAUSE filter */
#define SVM_CLEAN_ASID		BIT(2)
#define SVM_CLEAN_INT		BIT(3)
#define SVM_CLEAN_NP		BIT(4)	/* n_cr3, g_pat */
#define SVM_CLEAN_CR		BIT(5)
#define SVM_CLEAN_DR		BIT(6)
#define SVM_CLEAN_DT		BIT(7)
#define SVM_CLEAN_SEG		BIT(8)	/* CS DS SS ES CPL */
#define SVM_CLEAN_CR2		BIT(9)
#define SVM_CLEAN_LBR		BIT(10)	/* DEBUGCTL */

enum svm_exit_code {
	SVM_EXIT_READ_CR0	= 0x00,
	SVM_EXIT_WRITE_CR0	= 0x10,
	SVM_EXIT_READ_DR0	= 0x20,
	SVM_EXIT_WRITE_DR0	= 0x30,
	SVM_EXIT_EXC		= 0x40,
	SVM_EXIT_EXC_DB		= 0x41,
	SVM_EXIT_EXC_PF		= 0x4e,
	SVM_EXIT_EXC_MC		= 0x52,
	SVM_EXIT_INTR		= 0x60,
	SVM_EXIT_NMI, SVM_EXIT_SMI, SVM_EXIT_INIT, SVM_EXIT_VINTR,
	SVM_EXIT_CR0_SEL_WRITE,
	SVM_EXIT_RDTSC		= 0x6e,
	SVM_EXIT_RDPMC,
	SVM_EXIT_CPUID		= 0x72,
	SVM_EXIT_RSM, SVM_EXIT_IRET, SVM_EXIT_SWINT, SVM_EXIT_INVD,
	SVM_EXIT_PAUSE, SVM_EXIT_HLT, SVM_EXIT_INVLPG, SVM_EXIT_INVLPGA,
	SVM_EXIT_IO, SVM_EXIT_MSR, SVM_EXIT_TASK_SWITCH, SVM_EXIT_FERR,
	SVM_EXIT_SHUTDOWN, SVM_EXIT_VMRUN, SVM_EXIT_VMMCALL, SVM_EXIT_VMLOAD,
	SVM_EXIT_VMSAVE, SVM_EXIT_STGI, SVM_EXIT_CLGI, SVM_EXIT_SKINIT,
	SVM_EXIT_RDTSCP, SVM_EXIT_ICEBP, SVM_EXIT_WBINVD, SVM_EXIT_MONITOR,
	SVM_EXIT_MWAIT, SVM_EXIT_MWAIT_ARMED, SVM_EXIT_XSETBV,
	SVM_EXIT_TABLE_SIZE,
	SVM_EXIT_NPF		= 0x400,
};
#define SVM_EXIT_INVALID	(~0u)

/* exit_info1 of an IO exit */
#define SVM_IO_IN		BIT(0)
#define SVM_IO_STRING		BIT(2)
#define SVM_IO_REP		BIT(3)
#define SVM_IO_SIZE(info)	((info) >> 4 & 7)
#define SVM_IO_PORT(info)	((u16)((info) >> 16))

/* exit_info1 of a MOV CR exit with decode assists */
#define SVM_CR_MOV		BIT_ULL(63)

/* exit_info1 of a nested page fault */
#define SVM_NPF_PRESENT		BIT_ULL(0)
#define SVM_NPF_WRITE		BIT_ULL(1)
#define SVM_NPF_USER		BIT_ULL(2)
#define SVM_NPF_FETCH		BIT_ULL(4)
#define SVM_NPF_WALK		BIT_ULL(33)

/* order of struct vmcb.seg */
enum {
	VMCB_ES, VMCB_CS, VMCB_SS, VMCB_DS, VMCB_FS, VMCB_GS,
	VMCB_GDTR, VMCB_LDTR, VMCB_IDTR, VMCB_TR, VMCB_NR_SEGS
};

struct vmcb_seg {
	u16 sel;
	u16 attr;	/* descriptor bits 40-47 and 52-55: vhm_seg.attr's low 12 */
	u32 limit;
	u64 base;
};

struct vmcb {
	u32 icpt[SVM_ICPT_WORDS];
	u8 pad0[0x3c - 0x18];
	u16 pause_thresh;
	u16 pause_count;
	u64 iopm_pa;
	u64 msrpm_pa;
	u64 tsc_offset;
	u32 asid;
	u32 tlb_ctl;
	union {
		u64 int_ctl;
		u8 v_tpr;
	};
	u64 int_state;
	u64 exit_code;
	u64 exit_info1;
	u64 exit_info2;
	u64 exit_int_info;
	u64 np_ctl;
	u8 pad1[0xa8 - 0x98];
	u64 event_inj;
	u64 n_cr3;
	u64 lbr_ctl;
	u32 clean;
	u32 pad2;
	u64 nrip;
	u8 n_bytes;
	u8 bytes[15];
	u8 pad3[0x400 - 0xe0];
	/* state save area */
	struct vmcb_seg seg[VMCB_NR_SEGS];
	u8 pad4[0x4cb - 0x4a0];
	u8 cpl;
	u8 pad5[0x4d0 - 0x4cc];
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

static_assert(offsetof(struct vmcb, pause_count) == 0x3e);
static_assert(offsetof(struct vmcb, asid) == 0x58);
static_assert(offsetof(struct vmcb, int_ctl) == 0x60);
static_assert(offsetof(struct vmcb, exit_code) == 0x70);
static_assert(offsetof(struct vmcb, np_ctl) == 0x90);
static_assert(offsetof(struct vmcb, event_inj) == 0xa8);
static_assert(offsetof(struct vmcb, clean) == 0xc0);
static_assert(offsetof(struct vmcb, nrip) == 0xc8);
static_assert(offsetof(struct vmcb, bytes) == 0xd1);
static_assert(offsetof(struct vmcb, seg) == 0x400);
static_assert(offsetof(struct vmcb, cpl) == 0x4cb);
static_assert(offsetof(struct vmcb, efer) == 0x4d0);
static_assert(offsetof(struct vmcb, cr4) == 0x548);
static_assert(offsetof(struct vmcb, rip) == 0x578);
static_assert(offsetof(struct vmcb, rsp) == 0x5d8);
static_assert(offsetof(struct vmcb, rax) == 0x5f8);
static_assert(offsetof(struct vmcb, cr2) == 0x640);
static_assert(offsetof(struct vmcb, g_pat) == 0x668);
static_assert(offsetof(struct vmcb, spec_ctrl) == 0x6e0);
static_assert(sizeof(struct vmcb) == 4096);

#endif
