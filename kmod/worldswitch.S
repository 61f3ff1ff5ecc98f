/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the world switches of both vendors are made of: included by theirs, after
 * the offsets, and not built alone. A macro that takes a pointer to the vCPU
 * wants it in RDI.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

#define GPR(n)	(VCPU_GPR + 8 * (n))

/* every register but RAX, RSP and RDI */
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
.macro LOAD_GPR reg nr
	mov GPR(\nr)(%rdi), \reg
.endm
/* here the pointer is in RAX */
.macro SAVE_GPR reg nr
	mov \reg, GPR(\nr)(%rax)
.endm

/* The registers that C expects back, and the pointer on top. */
.macro PUSH_HOST
	.irp reg, rbp, r15, r14, r13, r12, rbx, rdi
	push %\reg
	.endr
.endm
/* After the pointer was taken. Of the guest nothing stays in what C does not restore. */
.macro POP_HOST
	.irp reg, ecx, edx, esi, r8d, r9d, r10d, r11d
	xor %\reg, %\reg
	.endr
	.irp reg, rbx, r12, r13, r14, r15, rbp
	pop %\reg
	.endr
.endm

.macro WRITE_MSR nr
	mov $\nr, %ecx
	xor %edx, %edx
	wrmsr
.endm
/* from: the offset of the value */
.macro SWAP_SPEC_CTRL from
	cmpb $0, VCPU_SPEC_SWAP(%rdi)
	je .Lspec\@
	mov \from(%rdi), %eax
	WRITE_MSR MSR_IA32_SPEC_CTRL
.Lspec\@:
.endm
/* VERW, for its effect on buffers; changes ZF alone */
.macro CLEAR_BUFFERS
	ALTERNATIVE "jmp .Lclear\@", "", X86_FEATURE_CLEAR_CPU_BUF_VM
	verw .Lverw_sel(%rip)
.Lclear\@:
.endm
	.pushsection .rodata
.Lverw_sel:
	.word __KERNEL_DS
	.popsection
