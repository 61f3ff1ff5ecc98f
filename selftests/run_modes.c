// SPDX-License-Identifier: GPL-2.0-only
/* Real mode, 16- and 32-bit protected mode: entry, exits, the way to 64-bit. */
#include "guest.h"
#include "vm.h"

extern const uint8_t real_code[], real_code_end[];
extern const uint8_t real_far[], real_far_end[];
extern const uint8_t climb[], climb_end[];
void flat32(void);

asm(".pushsection .text\n"
    ".code16\n"
    "real_code:\n\t"
    "movw $0x1234, %ax\n\t"
    "outw %ax, $0x40\n\t"
    "movw $0x2000, %bx\n\t"
    "movw %bx, %ds\n\t"
    "movw $0xbeef, (0x10)\n\t"		/* to 0x20010 */
    "inb $0x41, %al\n\t"
    "outb %al, $0x42\n\t"
    "int $0x21\n\t"			/* through the table at 0 */
    "outb %al, $0x43\n\t"
    "hlt\n"
    "real_code_end:\n"
    /* A 16-bit MMIO access at the VGA window, with 32-bit addressing too. */
    "real_far:\n\t"
    "movw $0xa000, %ax\n\t"
    "movw %ax, %es\n\t"
    "movb $0x5a, %es:(0x20)\n\t"
    "movw %es:(0x30), %cx\n\t"
    "movl $0xa0040, %esi\n\t"
    "xorw %ax, %ax\n\t"
    "movw %ax, %ds\n\t"
    "movw $0x8, %di\n\t"
    "movb %cl, %es:2(%di)\n\t"
    "hlt\n"
    "real_far_end:\n"
    ".code32\n"
    "flat32:\n\t"
    "movl $0x89abcdef, %eax\n\t"
    "outl %eax, $0x40\n\t"
    "movl $0xd0000000, %ebx\n\t"
    "movl %eax, 4(%ebx)\n\t"
    "pushl $0x11\n\t"
    "popl %ecx\n\t"
    "incl %ecx\n\t"			/* 0x41: REX in 64-bit mode */
    "movl %ecx, (%ebx)\n\t"
    "hlt\n"
    ".code64\n"
    ".popsection");

static void expect_out(struct vcpu *vcpu, uint16_t port, uint32_t value)
{
	uint32_t v = 0;

	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.port, port);
	CHECK_EQ(vcpu->run->io.direction, KVM_EXIT_IO_OUT);
	memcpy(&v, (char *)vcpu->run + vcpu->run->io.data_offset,
	       vcpu->run->io.size);
	CHECK_EQ(v, value);
}

TEST(real_mode)
{
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);
	uint16_t *vectors = gpa(vcpu->vm, (void *)0);
	uint8_t *handler = gpa(vcpu->vm, (void *)0x7000);

	vcpu_real(vcpu, real_code, real_code_end - real_code);
	vectors[2 * 0x21] = 0x7000;
	vectors[2 * 0x21 + 1] = 0;
	memcpy(handler, "\xe6\x50\xcf", 3);	/* out %al, $0x50; iret */
	expect_out(vcpu, 0x40, 0x1234);
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.port, 0x41);
	((uint8_t *)vcpu->run)[vcpu->run->io.data_offset] = 0x77;
	expect_out(vcpu, 0x42, 0x77);
	expect_out(vcpu, 0x50, 0x77);
	expect_out(vcpu, 0x43, 0x77);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
	CHECK_EQ(*(uint16_t *)gpa(vcpu->vm, (void *)0x20010), 0xbeef);
}

static void split_ram_at_vga(struct vm *vm)
{
	CHECK_OK(vm_slot(vm, 0, 0, 0, 0, NULL));
	CHECK_OK(vm_slot(vm, 0, 0, 0, 0xa0000, vm->ram));
}

TEST(real_mode_mmio)
{
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);
	struct kvm_run *run = vcpu->run;

	split_ram_at_vga(vcpu->vm);
	vcpu_real(vcpu, real_far, real_far_end - real_far);
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(run->mmio.phys_addr, 0xa0020);
	CHECK_EQ(run->mmio.len, 1);
	CHECK_EQ(run->mmio.data[0], 0x5a);
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(run->mmio.phys_addr, 0xa0030);
	CHECK_EQ(run->mmio.len, 2);
	CHECK_EQ(run->mmio.is_write, 0);
	run->mmio.data[0] = 0x34;
	run->mmio.data[1] = 0x12;
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(run->mmio.phys_addr, 0xa000a);
	CHECK_EQ(run->mmio.data[0], 0x34);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(flat_32_bit)
{
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);
	uint32_t v;

	vcpu_mode32(vcpu, flat32);
	expect_out(vcpu, 0x40, 0x89abcdef);
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.phys_addr, 0xd0000004);
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.phys_addr, 0xd0000000);
	memcpy(&v, vcpu->run->mmio.data, 4);
	CHECK_EQ(v, 0x12);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

/* Real mode -> protected -> long mode by the guest's own hand. */

asm(".pushsection .text\n"
    ".code16\n"
    "climb:\n\t"
    "cli\n\t"
    "lgdtl (climb_gdtr - climb + 0x8000)\n\t"
    "movl %cr0, %eax\n\t"
    "orl $1, %eax\n\t"
    "movl %eax, %cr0\n\t"
    "ljmpl $0x28, $(climb_32 - climb + 0x8000)\n"
    "climb_gdtr:\n\t"
    ".word 6 * 8 - 1\n\t"
    ".long 0x1000\n\t"
    ".code32\n"
    "climb_32:\n\t"
    "movw $0x10, %ax\n\t"
    "movw %ax, %ds\n\t"
    "movw %ax, %ss\n\t"
    "movl $0x200000, %esp\n\t"
    "movl %cr4, %eax\n\t"
    "orl $0x620, %eax\n\t"		/* PAE, OSFXSR, OSXMMEXCPT */
    "movl %eax, %cr4\n\t"
    "movl $0x10000, %eax\n\t"
    "movl %eax, %cr3\n\t"
    "movl $0xc0000080, %ecx\n\t"
    "rdmsr\n\t"
    "orl $0x100, %eax\n\t"
    "wrmsr\n\t"
    "movl %cr0, %eax\n\t"
    "orl $0x80000000, %eax\n\t"
    "movl %eax, %cr0\n\t"
    "ljmpl $0x08, $(climb_64 - climb + 0x8000)\n\t"
    ".code64\n"
    "climb_64:\n\t"
    "movl $long_mode_reached, %edi\n\t"
    "movl $guest_start, %eax\n\t"
    "jmp *%rax\n"
    "climb_end:\n"
    ".popsection");

void long_mode_reached(void);
void long_mode_reached(void)
{
	GUEST_EQ(rdmsr(MSR_EFER) & (EFER_LMA | EFER_LME), EFER_LMA | EFER_LME);
	guest_sync(64);
}

TEST(climb_to_long_mode)
{
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);
	struct kvm_sregs s;

	vcpu_set_cpuid(vcpu);
	vcpu_real(vcpu, climb, climb_end - climb);
	CHECK_EQ(vcpu_until_sync(vcpu), 64);
	get_sregs(vcpu, &s);
	CHECK_EQ(s.cs.l, 1);
	CHECK_EQ(s.cs.selector, SEL_CODE64);
	CHECK_EQ(s.efer & EFER_LMA, EFER_LMA);
	CHECK(s.cr0 & CR0_PG);
	vcpu_until_done(vcpu);
}

/* The reset vector itself: 16 bytes below 4 GiB. */
TEST(reset_vector)
{
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);
	uint8_t *rom = pages(4096);

	/* mov $0x5a, %al; out %al, $0x80; hlt */
	memcpy(rom + 0xff0, "\xb0\x5a\xe6\x80\xf4", 5);
	CHECK_OK(vm_slot(vcpu->vm, 1, KVM_MEM_READONLY, 0xfffff000, 4096, rom));
	expect_out(vcpu, 0x80, 0x5a);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

/* Long mode may be enabled long before it is active, and long before PAE is. */
TEST(enabled_before_pae)
{
	static const uint8_t code[] = { 0xe6, 0x40, 0xf4 };	/* outb %al, $0x40; hlt */
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);
	struct kvm_sregs s;

	if (on_stock_kvm() && on_tcg())
		SKIP("QEMU's TCG leaves the host without its CR0 at the exit");
	vcpu_real(vcpu, code, sizeof(code));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_SREGS, &s));
	s.efer |= EFER_LME;
	CHECK_EQ(s.cr4 & CR4_PAE, 0);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_SREGS, &s));
	vcpu_expect(vcpu, KVM_EXIT_IO);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_SREGS, &s));
	CHECK_EQ(s.efer, EFER_LME);
}
