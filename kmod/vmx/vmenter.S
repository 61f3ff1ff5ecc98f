/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch: bool vmx_vmenter(struct vmx_vcpu *vmx)
 *
 * Interrupts off on entry and on return. RSP, RIP and RFLAGS of the guest are
 * in the VMCS, its other registers in vmx->vcpu.gpr. An exit comes back at
 * vmx_vmexit with the host's RSP, segments, CR3, CR4, EFER and PAT in place; an
 * NMI there finds everything it needs. True: the instruction failed, no exit.
 *
 * Which mitigation stands where: MITIGATIONS.md.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#include "vmx/vmx-offsets.h"

#define GPR(n)	(VMX_GPR + 8 * (n))
#define HOST_RSP	0x6c14

/* every register but RSP and, here, the one that holds the pointer */
.macro EACH_GPR op
	\op %rcx, 1
	\op %rdx, 2
	\op %rbx, 3
	\op %rbp, 5
	\op %rsi, 6
	.irp n, 8, 9, 10, 11, 12, 13, 14, 15
	\op %r\n, \n
	.endr
.endm
.macro LOAD reg nr
	mov GPR(\nr)(%rdi), \reg
.endm
.macro SAVE reg nr
	mov \reg, GPR(\nr)(%rax)
.endm
.macro WRITE_MSR nr
	mov $\nr, %ecx
	xor %edx, %edx
	wrmsr
.endm

	.text
SYM_FUNC_START(vmx_vmenter)
	.irp reg, rbp, r15, r14, r13, r12, rbx, rdi
	push %\reg
	.endr

	cmp %rsp, VMX_HOST_RSP(%rdi)
	je 1f
	mov %rsp, VMX_HOST_RSP(%rdi)
	mov $HOST_RSP, %eax
	vmwrite %rsp, %rax
1:
	cmpb $0, VMX_SPEC_SWAP(%rdi)
	je 2f
	mov VMX_SPEC_GUEST(%rdi), %eax
	WRITE_MSR MSR_IA32_SPEC_CTRL
2:
	/* carry: launched; neither MOV nor VERW touches it */
	btl $0, VMX_LAUNCHED(%rdi)
	EACH_GPR LOAD
	mov GPR(0)(%rdi), %rax
	mov GPR(7)(%rdi), %rdi
	ALTERNATIVE "jmp 3f", "", X86_FEATURE_CLEAR_CPU_BUF_VM
	verw vmx_verw_sel(%rip)
3:
	UNWIND_HINT_SAVE
	jc 4f
	vmlaunch
	jmp 5f
4:
	vmresume
	/* no exit: the registers are as they were, so the same way back */
5:
	pop %rdi
	mov $1, %ebx
	jmp 6f

SYM_INNER_LABEL(vmx_vmexit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	push %rax
	mov 8(%rsp), %rax
	EACH_GPR SAVE
	mov %rdi, GPR(7)(%rax)
	popq GPR(0)(%rax)
	pop %rdi
	xor %ebx, %ebx
6:
	/* no RET and no indirect branch before these are done */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
		X86_FEATURE_RSB_VMEXIT_LITE
	cmpb $0, VMX_SPEC_SWAP(%rdi)
	je 7f
	mov VMX_SPEC_HOST(%rdi), %eax
	WRITE_MSR MSR_IA32_SPEC_CTRL
7:
#ifdef X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	/* 200 taken branches: more than any CPU with the bug remembers */
	ALTERNATIVE "jmp 9f", "", X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	mov $100, %eax
8:
	jmp .Lbhb
	int3
.Lbhb:
	dec %eax
	jnz 8b
	lfence
9:
#endif
	/* nothing of the guest stays in registers that C does not restore */
	mov %ebx, %eax
	.irp reg, ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	xor %\reg, %\reg
	.endr
	.irp reg, rbx, r12, r13, r14, r15, rbp
	pop %\reg
	.endr
	RET
SYM_FUNC_END(vmx_vmenter)

	.section .rodata
SYM_DATA_LOCAL(vmx_verw_sel, .word __KERNEL_DS)
