/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * void native_run(struct native_cpu *cpu, const void *code)
 *
 * Load all general registers (RSP too), XMM registers and flags from *cpu, jump
 * to code, which ends with a jump to native_exit, and store them all back.
 * Layout of struct native_cpu: gpr[16] in the order of the encoding, rflags at
 * 128, xmm[16] at 144. Not reentrant; one thread.
 */
	.text
	.globl	native_run, native_exit
	.type	native_run, @function
native_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, saved_rsp(%rip)
	mov	%rdi, cpu_ptr(%rip)
	mov	%rsi, code_ptr(%rip)
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqu	144+16*\n(%rdi), %xmm\n
	.endr
	pushq	128(%rdi)
	mov	0(%rdi), %rax
	mov	8(%rdi), %rcx
	mov	16(%rdi), %rdx
	mov	24(%rdi), %rbx
	mov	40(%rdi), %rbp
	mov	48(%rdi), %rsi
	mov	64(%rdi), %r8
	mov	72(%rdi), %r9
	mov	80(%rdi), %r10
	mov	88(%rdi), %r11
	mov	96(%rdi), %r12
	mov	104(%rdi), %r13
	mov	112(%rdi), %r14
	mov	120(%rdi), %r15
	popfq
	mov	32(%rdi), %rsp
	mov	56(%rdi), %rdi
	jmp	*code_ptr(%rip)

native_exit:
	mov	%rsp, guest_rsp(%rip)
	mov	saved_rsp(%rip), %rsp
	pushfq
	cld
	push	%rdi
	mov	cpu_ptr(%rip), %rdi
	mov	%rax, 0(%rdi)
	mov	%rcx, 8(%rdi)
	mov	%rdx, 16(%rdi)
	mov	%rbx, 24(%rdi)
	mov	guest_rsp(%rip), %rax
	mov	%rax, 32(%rdi)
	mov	%rbp, 40(%rdi)
	mov	%rsi, 48(%rdi)
	popq	56(%rdi)
	mov	%r8, 64(%rdi)
	mov	%r9, 72(%rdi)
	mov	%r10, 80(%rdi)
	mov	%r11, 88(%rdi)
	mov	%r12, 96(%rdi)
	mov	%r13, 104(%rdi)
	mov	%r14, 112(%rdi)
	mov	%r15, 120(%rdi)
	popq	128(%rdi)
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqu	%xmm\n, 144+16*\n(%rdi)
	.endr
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	native_run, . - native_run

	.local	saved_rsp, guest_rsp, cpu_ptr, code_ptr
	.comm	saved_rsp, 8, 8
	.comm	guest_rsp, 8, 8
	.comm	cpu_ptr, 8, 8
	.comm	code_ptr, 8, 8
	.section .note.GNU-stack, "", @progbits
