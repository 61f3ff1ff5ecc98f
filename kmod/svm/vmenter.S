/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch: void svm_vmenter(struct svm_vcpu *svm)
 *
 * Interrupts off on entry and on return. RAX, RSP, RIP and RFLAGS of the
 * guest are in the VMCB, its other registers in svm->vcpu.gpr.
 *
 * The physical interrupt flag of the guest's time is RFLAGS.IF at VMRUN, as
 * V_INTR_MASKING is on, so it is set, under cover of GIF = 0. GIF also covers
 * the stretch in which FS, GS, TR and LDTR are the guest's: an NMI there would
 * use the guest's TSS. It is pending until STGI and then taken by the CPU
 * itself, with everything of the host in place.
 * (AMD64 APM vol. 2, "Global Interrupt Flag, STGI and CLGI Instructions".)
 *
 * Which mitigation stands where: MITIGATIONS.md.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

#include "svm/svm-offsets.h"

#define GPR(n)	(SVM_GPR + 8 * (n))

/* every register but RAX, RSP and, here, the one that holds the pointer */
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
SYM_FUNC_START(svm_vmenter)
	.irp reg, rbp, r15, r14, r13, r12, rbx, rdi
	push %\reg
	.endr

	cmpb $0, SVM_SPEC_SWAP(%rdi)
	je 1f
	mov SVM_SPEC_GUEST(%rdi), %eax
	WRITE_MSR MSR_IA32_SPEC_CTRL
1:
	mov SVM_VMCB_PA(%rdi), %rax
	EACH_GPR LOAD
	mov GPR(7)(%rdi), %rdi

	ALTERNATIVE "jmp 2f", "", X86_FEATURE_CLEAR_CPU_BUF_VM
	verw svm_verw_sel(%rip)
2:
	clgi
	vmload %rax
	sti
	vmrun %rax
	cli
	vmsave %rax

	pop %rax
	EACH_GPR SAVE
	mov %rdi, GPR(7)(%rax)
	mov %rax, %rdi
	mov SVM_HOST_PA(%rdi), %rax
	vmload %rax

	/* no RET and no indirect branch before these are done */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	cmpb $0, SVM_SPEC_SWAP(%rdi)
	je 3f
	mov SVM_SPEC_HOST(%rdi), %eax
	WRITE_MSR MSR_IA32_SPEC_CTRL
3:
	ALTERNATIVE_2 "jmp 4f", "", X86_FEATURE_ENTRY_IBPB, "", X86_FEATURE_IBPB_ON_VMEXIT
	mov $PRED_CMD_IBPB, %eax
	WRITE_MSR MSR_IA32_PRED_CMD
4:
	ALTERNATIVE_2 "", "call entry_untrain_ret", X86_FEATURE_UNRET, \
		"call srso_alias_untrain_ret", X86_FEATURE_SRSO_ALIAS

	/* nothing of the guest stays in registers that C does not restore */
	.irp reg, ecx, edx, esi, r8d, r9d, r10d, r11d
	xor %\reg, %\reg
	.endr
	.irp reg, rbx, r12, r13, r14, r15, rbp
	pop %\reg
	.endr
	stgi
	RET
SYM_FUNC_END(svm_vmenter)

	.section .rodata
SYM_DATA_LOCAL(svm_verw_sel, .word __KERNEL_DS)
