/* SPDX-License-Identifier: GPL-2.0-only */
# Starts a 64-bit Linux kernel in Bochs without its BIOS having to load it:
# section .rom is an option ROM, section .boot the head of the image that Bochs
# puts into its memory ("optramimage1").  Assembled for each run, with
#   BLOCK                 granularity of the emulator's memory
#   KERNEL_BLOCKS         blocks that the kernel and the initramfs fill
#   INITRD_BLOCKS
#   INITRD_SIZE MEMORY    in bytes
#   ENTRY                 physical address of startup_64
#   HEADER_END            end of the setup header in the bzImage
# and, on the include path, the files "bzimage" and "cmdline".
#
# Bochs hands out its memory in blocks, in the order in which the guest first
# touches them, but copies an image to consecutive blocks without handing out
# any but the first.  So what follows the head turns up, block by block, where
# memory is touched next.  The BIOS has touched some by the time the ROM runs;
# the image has as many blocks to spare as it may have used up, then one with
# a mark.  The ROM touches blocks until it sees the mark, and after it those
# where the kernel and the initramfs are to be.

	.set	MARK, 0x6b6d7668	# not 0: untouched memory is
	.set	HEAD, 0x200000		# the image's first block
	.set	PARAMS, HEAD
	.set	COMMAND, HEAD + 0x1000
	.set	STARTED, HEAD + 0x2000
	.set	PML4, HEAD + 0x3000
	.set	PDPT, HEAD + 0x4000
	.set	PD, HEAD + 0x5000	# four pages: 4 GiB in pages of 2 MiB
	.set	HEAD_END, HEAD + 0x10000
	.set	KERNEL, 0x1000000
	.set	INITRD, 0x8000000
	.set	ACPI_SIZE, 0x10000	# the BIOS's tables, at the end of memory

	.set	ROM, 0xd0000
	.set	ROM_SIZE, 1024

	.section .rom, "ax"
rom:
	.byte	0x55, 0xaa, ROM_SIZE / 512
	.code16
	cli
	cld
	inb	$0x92, %al		# address line 20 on
	andb	$0xfe, %al
	orb	$0x02, %al
	outb	%al, $0x92
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	gdt_pointer - rom
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x08, $ROM + (protected - rom)

	.code32
protected:
	movl	$0x18, %eax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$HEAD_END, %esp

	# The kernel went away and the machine was reset: that is the end.
	movl	$MARK, %ebx
	cmpl	%ebx, STARTED
	je	leave
	movl	%ebx, STARTED

	movl	$HEAD + BLOCK, %esi
1:	cmpl	%ebx, (%esi)
	je	2f
	addl	$BLOCK, %esi
	cmpl	$KERNEL, %esi
	jb	1b
	jmp	leave
2:	movl	$KERNEL, %esi
	movl	$KERNEL_BLOCKS, %ecx
	call	touch
	movl	$INITRD, %esi
	movl	$INITRD_BLOCKS, %ecx
	call	touch

	# Page tables, from the top: memory is zero where nothing was put.
	movl	$PDPT + 3, PML4
	movl	$PD + 3, %eax
	movl	$PDPT, %edi
	movl	$4, %ecx
3:	movl	%eax, (%edi)
	addl	$0x1000, %eax
	addl	$8, %edi
	loop	3b
	movl	$0x83, %eax		# a present, writable page of 2 MiB
	movl	$PD, %edi
	movl	$2048, %ecx
4:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	4b

	movl	$PML4, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x20, %eax		# PAE
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx	# EFER.LME
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmpl	$0x10, $ROM + (long_mode - rom)

touch:	# ECX blocks from ESI on
	movl	(%esi), %eax
	addl	$BLOCK, %esi
	loop	touch
	ret

leave:	# Bochs stops when it reads this at this port
	movl	$ROM + (word - rom), %esi
	movl	$0x8900, %edx
	movl	$8, %ecx
	rep	outsb
	hlt
	jmp	leave
word:	.ascii	"Shutdown"

	.code64
long_mode:
	movl	$PARAMS, %esi
	movl	$ENTRY, %eax
	jmp	*%rax

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	# 08 code, 32 bits
	.quad	0x00af9b000000ffff	# 10 code, 64 bits
	.quad	0x00cf93000000ffff	# 18 data
gdt_pointer:
	.word	. - gdt - 1
	.long	ROM + (gdt - rom)
	.org	rom + ROM_SIZE

# struct boot_params, as Documentation/x86/zero-page.rst lays it out: the setup
# header comes from the kernel's file, a boot loader fills in the rest.
	.set	range_count, 0
	.macro	range from, to, type
	.set	range_count, range_count + 1
	.quad	\from, (\to) - (\from)
	.long	\type
	.endm
	.set	RANGES, 8

	.section .boot, "aw"
boot:
	.org	boot + 0x1e8
	.byte	RANGES
	.org	boot + 0x1f1
	.incbin	"bzimage", 0x1f1, 0x210 - 0x1f1
	.byte	0xff, 0x01		# type_of_loader: other; loadflags: high
	.incbin	"bzimage", 0x212, 0x218 - 0x212
	.long	INITRD, INITRD_SIZE	# ramdisk_image, ramdisk_size
	.incbin	"bzimage", 0x220, 0x228 - 0x220
	.long	COMMAND			# cmd_line_ptr
	.incbin	"bzimage", 0x22c, HEADER_END - 0x22c
	.org	boot + 0x2d0		# the map of the memory
	range	0, 0x9f000, 1
	range	0x9f000, 0xa0000, 2
	range	0xe0000, 0x100000, 2
	range	0x100000, HEAD, 1
	range	HEAD, HEAD_END, 2	# STARTED has to outlive a reset
	range	HEAD_END, MEMORY-ACPI_SIZE, 1
	range	MEMORY-ACPI_SIZE, MEMORY, 3
	range	0xfffc0000, 0x100000000, 2
	.if	range_count - RANGES
	.error	"RANGES is not the number of ranges"
	.endif
	.org	boot + 0x1000
	.incbin	"cmdline"
	.byte	0
	.org	boot + (HEAD_END - HEAD)
