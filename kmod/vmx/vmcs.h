/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMCS: field numbers, control bits, and the instructions that reach it.
 *
 * Intel SDM vol. 3, "Virtual Machine Control Structures" and appendix B "Field
 * Encoding in VMCS". Bits 14:13 of a field's number are its width; an access
 * says which width it means and the two are compared when the kernel module is
 * compiled. Only the enabled control bits have a name here.
 */
#ifndef VMX_VMCS_H
#define VMX_VMCS_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/types.h>
#include <asm/asm.h>

/* ---- fields ------------------------------------------------------------- */

/* 16 bits. Guest selectors are in the order of enum vhm_sreg, then LDTR and TR. */
#define VMCS_VPID		0x0000
#define VMCS_GUEST_SEL		0x0800
#define VMCS_HOST_ES_SEL	0x0c00
#define VMCS_HOST_CS_SEL	0x0c02
#define VMCS_HOST_SS_SEL	0x0c04
#define VMCS_HOST_DS_SEL	0x0c06
#define VMCS_HOST_FS_SEL	0x0c08
#define VMCS_HOST_GS_SEL	0x0c0a
#define VMCS_HOST_TR_SEL	0x0c0c

/* 64 bits */
#define VMCS_MSR_BITMAP		0x2004
#define VMCS_TSC_OFFSET		0x2010
#define VMCS_VIRTUAL_APIC	0x2012
#define VMCS_EPT_POINTER	0x201a
#define VMCS_XSS_EXIT_BITMAP	0x202c
#define VMCS_GUEST_PHYSICAL	0x2400
#define VMCS_LINK_POINTER	0x2800
#define VMCS_GUEST_DEBUGCTL	0x2802
#define VMCS_GUEST_PAT		0x2804
#define VMCS_GUEST_EFER		0x2806
#define VMCS_GUEST_PDPTE	0x280a
#define VMCS_HOST_PAT		0x2c00
#define VMCS_HOST_EFER		0x2c02

/* 32 bits */
#define VMCS_PIN		0x4000
#define VMCS_PROC		0x4002
#define VMCS_EXCEPTIONS		0x4004
#define VMCS_PF_ERROR_MASK	0x4006
#define VMCS_PF_ERROR_MATCH	0x4008
#define VMCS_EXIT_CTLS		0x400c
#define VMCS_ENTRY_CTLS		0x4012
#define VMCS_ENTRY_INTR		0x4016
#define VMCS_ENTRY_ERROR	0x4018
#define VMCS_ENTRY_INSN_LEN	0x401a
#define VMCS_TPR_THRESHOLD	0x401c
#define VMCS_PROC2		0x401e
#define VMCS_PLE_GAP		0x4020
#define VMCS_PLE_WINDOW		0x4022
#define VMCS_INSN_ERROR		0x4400
#define VMCS_EXIT_REASON	0x4402
#define VMCS_EXIT_INTR		0x4404
#define VMCS_EXIT_INTR_ERROR	0x4406
#define VMCS_IDT_VECTORING	0x4408
#define VMCS_IDT_ERROR		0x440a
#define VMCS_EXIT_INSN_LEN	0x440c
#define VMCS_GUEST_LIMIT	0x4800
#define VMCS_GUEST_GDTR_LIMIT	0x4810
#define VMCS_GUEST_IDTR_LIMIT	0x4812
#define VMCS_GUEST_AR		0x4814
#define VMCS_GUEST_INTR_STATE	0x4824
#define VMCS_GUEST_ACTIVITY	0x4826
#define VMCS_GUEST_SYSENTER_CS	0x482a
#define VMCS_HOST_SYSENTER_CS	0x4c00

/* natural width */
#define VMCS_CR0_MASK		0x6000
#define VMCS_CR4_MASK		0x6002
#define VMCS_CR0_SHADOW		0x6004
#define VMCS_CR4_SHADOW		0x6006
#define VMCS_QUALIFICATION	0x6400
#define VMCS_GUEST_LINEAR	0x640a
#define VMCS_GUEST_CR0		0x6800
#define VMCS_GUEST_CR3		0x6802
#define VMCS_GUEST_CR4		0x6804
#define VMCS_GUEST_BASE		0x6806
#define VMCS_GUEST_GDTR_BASE	0x6816
#define VMCS_GUEST_IDTR_BASE	0x6818
#define VMCS_GUEST_DR7		0x681a
#define VMCS_GUEST_RSP		0x681c
#define VMCS_GUEST_RIP		0x681e
#define VMCS_GUEST_RFLAGS	0x6820
#define VMCS_GUEST_PENDING_DBG	0x6822
#define VMCS_GUEST_SYSENTER_ESP	0x6824
#define VMCS_GUEST_SYSENTER_EIP	0x6826
#define VMCS_HOST_CR0		0x6c00
#define VMCS_HOST_CR3		0x6c02
#define VMCS_HOST_CR4		0x6c04
#define VMCS_HOST_FS_BASE	0x6c06
#define VMCS_HOST_GS_BASE	0x6c08
#define VMCS_HOST_TR_BASE	0x6c0a
#define VMCS_HOST_GDTR_BASE	0x6c0c
#define VMCS_HOST_IDTR_BASE	0x6c0e
#define VMCS_HOST_SYSENTER_ESP	0x6c10
#define VMCS_HOST_SYSENTER_EIP	0x6c12
#define VMCS_HOST_RSP		0x6c14
#define VMCS_HOST_RIP		0x6c16

/* ---- control bits --------------------------------------------------------- */

#define VMX_PIN_INTR		0x00000001
#define VMX_PIN_NMI		0x00000008
#define VMX_PIN_VNMI		0x00000020

#define VMX_PROC_IRQ_WINDOW	0x00000004
#define VMX_PROC_TSC_OFFSET	0x00000008
#define VMX_PROC_HLT		0x00000080
#define VMX_PROC_INVLPG		0x00000200
#define VMX_PROC_MWAIT		0x00000400
#define VMX_PROC_RDPMC		0x00000800
#define VMX_PROC_CR3_LOAD	0x00008000
#define VMX_PROC_CR3_STORE	0x00010000
#define VMX_PROC_CR8_LOAD	0x00080000
#define VMX_PROC_CR8_STORE	0x00100000
#define VMX_PROC_TPR_SHADOW	0x00200000
#define VMX_PROC_NMI_WINDOW	0x00400000
#define VMX_PROC_DR		0x00800000
#define VMX_PROC_IO		0x01000000
#define VMX_PROC_MSR_BITMAP	0x10000000
#define VMX_PROC_MONITOR	0x20000000
#define VMX_PROC_SECONDARY	0x80000000

#define VMX_PROC2_EPT		0x00000002
#define VMX_PROC2_RDTSCP	0x00000008
#define VMX_PROC2_VPID		0x00000020
#define VMX_PROC2_WBINVD	0x00000040
#define VMX_PROC2_UNRESTRICTED	0x00000080
#define VMX_PROC2_PLE		0x00000400
#define VMX_PROC2_INVPCID	0x00001000
#define VMX_PROC2_XSAVES	0x00100000

#define VMX_EXIT_SAVE_DEBUG	0x00000004
#define VMX_EXIT_HOST64		0x00000200
#define VMX_EXIT_LOAD_PAT	0x00080000
#define VMX_EXIT_LOAD_EFER	0x00200000

#define VMX_ENTRY_LOAD_DEBUG	0x00000004
#define VMX_ENTRY_GUEST64	0x00000200
#define VMX_ENTRY_LOAD_PAT	0x00004000
#define VMX_ENTRY_LOAD_EFER	0x00008000

/* The ones that older CPUs cannot do without ("default1"), none of which hv minds. */
#define VMX_PIN_DEFAULT1	0x00000016
#define VMX_PROC_DEFAULT1	0x04006172
#define VMX_EXIT_DEFAULT1	0x00036dff
#define VMX_ENTRY_DEFAULT1	0x000011ff

/* Of IA32_VMX_EPT_VPID_CAP. */
#define VMX_EPT_WALK4		BIT_ULL(6)
#define VMX_EPT_WB		BIT_ULL(14)
#define VMX_EPT_2M		BIT_ULL(16)
#define VMX_EPT_1G		BIT_ULL(17)
#define VMX_EPT_INVEPT		BIT_ULL(20)
#define VMX_EPT_AD		BIT_ULL(21)
#define VMX_EPT_INVEPT_ONE	BIT_ULL(25)
#define VMX_EPT_INVEPT_ALL	BIT_ULL(26)
#define VMX_INVVPID_ONE		(BIT_ULL(32) | BIT_ULL(41))	/* INVVPID, of one VPID */

/* The EPT pointer: write-back, four levels, accessed and dirty bits. */
#define VMX_EPTP_WB		0x06
#define VMX_EPTP_LEVELS4	0x18
#define VMX_EPTP_AD		0x40

/* Interruption information, in all three fields. */
#define VMX_INTR_VALID		0x80000000u
#define VMX_INTR_HAS_ERROR	0x00000800
#define VMX_INTR_IRET_UNBLOCK	0x00001000
#define VMX_INTR_TYPE(info)	((info) >> 8 & 7)
enum { VMX_TYPE_INTR = 0, VMX_TYPE_NMI = 2, VMX_TYPE_EXC, VMX_TYPE_SOFT_INTR, VMX_TYPE_INT1,
	VMX_TYPE_SOFT_EXC };

/* Interruptibility state. */
#define VMX_SHADOW_STI		0x1
#define VMX_SHADOW_SS		0x2
#define VMX_SHADOW_NMI		0x8

/* ---- access ----------------------------------------------------------------- */

/*
 * All of it: the VMCS is current on this CPU, so inside a section of its vCPU.
 * A read that fails leaves rubbish; a field that does not exist would be a bug
 * of ours that the first run on such a CPU shows (vmx_bad_field()).
 */
void vmx_bad_field(u32 field);

static __always_inline u64 vmcs_read(u32 field)
{
	u64 val;

	asm volatile("vmread %1, %0" : "=r" (val) : "r" ((u64)field) : "cc");
	return val;
}

static __always_inline void vmcs_write(u32 field, u64 val)
{
	asm goto("vmwrite %1, %0\n\t"
		 "jna %l[failed]"
		 : : "r" ((u64)field), "r" (val) : "cc", "memory" : failed);
	return;
failed:
	vmx_bad_field(field);
}

#define VMCS_ACCESS(name, width, type)					\
static __always_inline type vmcs_read##name(const u32 field)		\
{									\
	BUILD_BUG_ON_MSG((field >> 13 & 3) != (width), "VMCS field of another width"); \
	return vmcs_read(field);					\
}									\
									\
static __always_inline void vmcs_write##name(const u32 field, type val)	\
{									\
	BUILD_BUG_ON_MSG((field >> 13 & 3) != (width), "VMCS field of another width"); \
	vmcs_write(field, val);						\
}
VMCS_ACCESS(16, 0, u16)
VMCS_ACCESS(64, 1, u64)
VMCS_ACCESS(32, 2, u32)
VMCS_ACCESS(_nat, 3, u64)
#undef VMCS_ACCESS

/* ---- taking and giving back ---------------------------------------------------- */

/** vmx_on: VMXON. False: the CPU refused (or faulted: the firmware left it out here). */
static __always_inline bool vmx_on(const u64 *pa)
{
	bool ok = false;

	asm volatile("1: vmxon %1\n\t"
		     "seta %0\n"
		     "2:\n\t"
		     _ASM_EXTABLE(1b, 2b)
		     : "+q" (ok) : "m" (*pa) : "cc", "memory");
	return ok;
}

static __always_inline void vmx_off(void)
{
	asm volatile("vmxoff" : : : "cc", "memory");
}

/* True: the CPU took the pointer. */
static __always_inline bool vmcs_clear(const u64 *pa)
{
	bool ok;

	asm volatile("vmclear %1" : "=@cca" (ok) : "m" (*pa) : "memory");
	return ok;
}

static __always_inline bool vmcs_load(const u64 *pa)
{
	bool ok;

	asm volatile("vmptrld %1" : "=@cca" (ok) : "m" (*pa) : "memory");
	return ok;
}

/** vmx_invept: drop what is cached of one EPT hierarchy (type 1) or of all (2). */
static __always_inline void vmx_invept(u64 type, u64 eptp)
{
	const struct { u64 eptp, zero; } desc = { eptp, 0 };

	asm volatile("invept %0, %1" : : "m" (desc), "r" (type) : "cc", "memory");
}

/** vmx_invvpid: drop what is cached of the guest's tables under one VPID, not 0. */
static __always_inline bool vmx_invvpid(u16 vpid)
{
	const struct { u64 vpid, addr; } desc = { vpid, 0 };
	bool ok;

	asm volatile("invvpid %1, %2" : "=@cca" (ok) : "m" (desc), "r" (1ull) : "memory");
	return ok;
}

#endif
