/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest entry and the 256 exception stubs. A stub brings the stack to the
 * shape of struct guest_frame, whether the CPU pushed an error code or not,
 * and keeps the SSE registers, which compiled handlers may use.
 */
	.text
	.globl	guest_start
guest_start:
	call	*%rdi
	movl	$1, %edi		/* CALL_DONE */
	xorl	%esi, %esi
	xorl	%edx, %edx
	call	guest_call
	ud2

	.balign	16
	.globl	guest_stubs
guest_stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || \
		  vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq	$0
	.endif
	pushq	$vector
	jmp	common
	.set	vector, vector + 1
	.endr

common:
	pushq	%rax
	pushq	%rbx
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, %rdi
	movq	%rsp, %rbx
	subq	$512, %rsp
	andq	$-16, %rsp
	movq	%cr0, %r12
	clts
	fxsave64 (%rsp)
	cld
	call	guest_dispatch
	fxrstor64 (%rsp)
	testb	$8, %r12b		/* CR0.TS */
	jz	1f
	movq	%r12, %cr0
1:
	movq	%rbx, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rbx
	popq	%rax
	addq	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
