/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tiny PVH guest for vmm_cli.sh: the last character of its command line
 * says what it does.  32-bit flat code, no interrupts.
 *
 * Build: cc -m32 -nostdlib -static -no-pie -Wl,-Ttext=0x100000 -Wl,--build-id=none
 * then objcopy to elf64-x86-64.
 */
	.code32
	.section .note.pvh, "a", @note
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.text
	.globl	_start
_start:
	cld
	mov	24(%ebx), %esi		/* hvm_start_info.cmdline_paddr */
1:	mov	%al, %cl		/* find the last character */
	lodsb
	test	%al, %al
	jnz	1b

	cmp	$'p', %cl
	je	power_off
	cmp	$'e', %cl
	je	exit_port
	cmp	$'k', %cl
	je	keyboard_reset
	cmp	$'r', %cl
	je	reset_register
	cmp	$'t', %cl
	je	triple_fault
	cmp	$'g', %cl
	je	garbage
	cmp	$'j', %cl
	je	unmapped
	cmp	$'m', %cl
	je	mmio_storm
	cmp	$'o', %cl
	je	output
	cmp	$'i', %cl
	je	echo
	cmp	$'c', %cl
	je	count
	cmp	$'h', %cl
	je	halt
	mov	$99, %al		/* not one of ours */
	out	%al, $0xf4

power_off:				/* S5 through PM1_CNT */
	mov	$0x604, %dx
	mov	$(5 << 10 | 1 << 13), %ax
	out	%ax, %dx
	jmp	halt

exit_port:
	mov	$42, %al
	out	%al, $0xf4
	jmp	halt

keyboard_reset:
	mov	$0xfe, %al
	out	%al, $0x64
	jmp	halt

reset_register:
	mov	$0xcf9, %dx
	mov	$6, %al
	out	%al, %dx
	jmp	halt

triple_fault:
	lidt	empty
	int3

garbage:				/* no IDT here either */
	lidt	empty
	.byte	0x0f, 0xff, 0xff, 0xff

unmapped:				/* nothing answers instruction fetches */
	mov	$0xd0000000, %eax
	jmp	*%eax

mmio_storm:
	mov	%eax, 0xd0000000
	mov	0xd0000000, %eax
	jmp	mmio_storm

/* 100,000 letters, then off: a slow reader must get them all. */
output:
	mov	$100000, %ecx
	mov	$0x3f8, %dx
	mov	$'x', %al
1:	out	%al, %dx
	loop	1b
	jmp	power_off

/* Polled console with flow control: send back all bytes up to a 0x04. */
echo:
	mov	$0x3fc, %dx		/* MCR: RTS */
	mov	$2, %al
	out	%al, %dx
1:	mov	$0x3fd, %dx		/* LSR: data ready? */
	in	%dx, %al
	test	$1, %al
	jz	1b
	mov	$0x3f8, %dx
	in	%dx, %al
	cmp	$4, %al
	je	power_off
	out	%al, %dx
	jmp	1b

/*
 * For ever: a line with a counter, a sum over memory, and a number that only an
 * SSE register holds.  The last two never change.
 */
count:
	mov	$0x300000, %esp
	mov	%cr4, %eax
	or	$0x200, %eax		/* OSFXSR */
	mov	%eax, %cr4
	rdtsc
	movd	%eax, %xmm7
	mov	$0x200000, %edi
	mov	$0x4000, %ecx
1:	imul	$1664525, %eax
	add	$1013904223, %eax
	stosl
	loop	1b
	xor	%ebp, %ebp
2:	inc	%ebp
	mov	$0x200000, %esi
	mov	$0x4000, %ecx
	xor	%edi, %edi
3:	lodsl
	add	%eax, %edi
	rol	$1, %edi
	loop	3b
	mov	%ebp, %eax
	mov	$' ', %bl
	call	hex
	mov	%edi, %eax
	call	hex
	movd	%xmm7, %eax
	mov	$'\n', %bl
	call	hex
	jmp	2b

/* %eax in hexadecimal, then the character %bl */
hex:
	mov	$8, %ecx
	mov	$0x3f8, %dx
1:	rol	$4, %eax
	push	%eax
	and	$15, %al
	add	$'0', %al
	cmp	$'9', %al
	jbe	2f
	add	$'a' - '0' - 10, %al
2:	out	%al, %dx
	pop	%eax
	loop	1b
	mov	%bl, %al
	out	%al, %dx
	ret

halt:
	cli
	hlt
	jmp	halt

	.balign	4
empty:	.word	0
	.long	0
