// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real mode as firmware and boot code use it: flags, interrupts and exceptions
 * through the table, far transfers, segments of 4 GiB, and the ways to protected
 * mode and back. Where the CPU cannot run real mode itself, all of this is the
 * hypervisor's work; elsewhere it is the CPU's, and the answers are the same.
 */
#include "guest.h"
#include "vm.h"

#define PORT 0x40

extern const uint8_t rm_code[], rm_code_end[];
extern const uint8_t rm_flags[], rm_vectors[], rm_moved_table[], rm_far[], rm_climb[];
extern const uint8_t rm_big[], rm_big_events[], rm_irq[], rm_nmi[], rm_step[], rm_hidden[];
extern const uint8_t rm_system[], rm_msw[], rm_limit[], rm_odd[];

/* Labels of the snippets, once they are at REAL_ADDR; a word for the host to see. */
#define R(l) "(" #l " - rm_code + 0x8000)"
#define OUT(what) "movl " what ", %eax\n\toutl %eax, $0x40\n\t"
#define OUT16(what) "movw " what ", %ax\n\tmovzwl %ax, %eax\n\toutl %eax, $0x40\n\t"
/* Point a vector of the table at 0 to a handler. */
#define VECTOR(n, l) "movw $" R(l) ", %es:(4 * " #n ")\n\tmovw $0, %es:(4 * " #n " + 2)\n\t"

asm(".pushsection .text\n"
    ".code16\n"
    "rm_code:\n"
    "rm_gdt:\n\t"
    ".quad 0\n\t"
    ".quad 0x00009b000000ffff\n\t"	/* 08: 16-bit code */
    ".quad 0x000093000000ffff\n\t"	/* 10: 16-bit data */
    ".quad 0x008f93000000ffff\n\t"	/* 18: data to 4 GiB */
    ".quad 0x00cf9b000000ffff\n\t"	/* 20: 32-bit code */
    ".quad 0x00cf93000000ffff\n"	/* 28: 32-bit data */
    "rm_gdtr:\n\t"
    ".word 6 * 8 - 1\n\t"
    ".long " R(rm_gdt) "\n"

    "rm_flags:\n\t"
    "sti\n\t"
    "pushfw\n\t"
    "cli\n\t"
    "popw %ax\n\t"
    "andw $0x200, %ax\n\t"
    OUT16("%ax")			/* 0x200 */
    "pushw $0x3202\n\t"			/* IOPL 3 and IF */
    "popfw\n\t"
    "pushfl\n\t"
    "popl %ebx\n\t"
    "andl $0x23200, %ebx\n\t"		/* and no VM */
    OUT("%ebx")				/* 0x3200 */
    "pushl $0x40002\n\t"		/* AC, which nothing here heeds */
    "popfl\n\t"
    "movw 0x7001, %cx\n\t"
    "pushfl\n\t"
    "popl %ebx\n\t"
    "andl $0x43200, %ebx\n\t"
    OUT("%ebx")				/* 0x40000 */
    "pushw $2\n\t"
    "popfw\n\t"
    "hlt\n"

    "rm_vectors:\n\t"
    VECTOR(0, handle_fault) VECTOR(3, handle_trap) VECTOR(4, handle_trap)
    VECTOR(6, handle_fault) VECTOR(0x80, handle_int)
    "int3\n"
    "after_int3:\n\t"
    "movb $0x7f, %al\n\t"
    "addb $1, %al\n\t"
    "into\n"
    "after_into:\n\t"
    "xorw %bx, %bx\n\t"
    "divw %bx\n\t"			/* two bytes, as the others that fault */
    "ud2\n\t"
    "stc\n\t"
    "int $0x80\n\t"
    "pushfw\n\t"
    "popw %bx\n\t"
    "andw $1, %bx\n\t"
    OUT16("%bx")			/* 0: the handler cleared it in the frame */
    "hlt\n"
    "handle_trap:\n\t"
    "pushw %bp\n\t"
    "movw %sp, %bp\n\t"
    OUT16("2(%bp)")			/* where it returns to */
    "popw %bp\n\t"
    "iretw\n"
    "handle_fault:\n\t"
    "pushw %bp\n\t"
    "movw %sp, %bp\n\t"
    "addw $2, 2(%bp)\n\t"
    OUT16("4(%bp)")			/* CS: 0 */
    "popw %bp\n\t"
    "iretw\n"
    "handle_int:\n\t"
    "pushw %bp\n\t"
    "movw %sp, %bp\n\t"
    "andw $~1, 6(%bp)\n\t"
    OUT16("$0x80")
    "popw %bp\n\t"
    "iretw\n"

    "rm_limit:\n\t"
    VECTOR(13, handle_fault)
    "movw $0xffff, %bx\n\t"
    "movw (%bx), %ax\n\t"
    OUT16("$1")
    "hlt\n"

    "rm_moved_table:\n\t"
    VECTOR(0x20, handle_bad)
    "movw $0x900, %ax\n\t"
    "movw %ax, %es\n\t"
    VECTOR(0x20, handle_int)
    "sidtl 0x7000\n\t"
    OUT16("0x7000")			/* the limit at reset: 0xffff */
    "lidtl " R(rm_idtr) "\n\t"
    "sidtl 0x7000\n\t"
    OUT("0x7002")			/* 0x9000 */
    "int $0x20\n\t"			/* 0x80 */
    "hlt\n"
    "rm_idtr:\n\t"
    ".word 0x3ff\n\t"
    ".long 0x9000\n"
    "handle_bad:\n\t"
    OUT16("$0xbad")
    "hlt\n"

    "rm_far:\n\t"
    "lcallw $0x7c0, $" R(far_callee) " - 0x7c00\n\t"
    "movw %cs, %ax\n\t"
    OUT16("%ax")			/* 0 again */
    "movw $" R(far_callee) " - 0x7d00, 0x7000\n\t"
    "movw $0x7d0, 0x7002\n\t"
    "lcallw *0x7000\n\t"
    "lesw 0x7000, %di\n\t"
    "movw %es, %ax\n\t"
    OUT16("%ax")			/* 0x7d0 */
    "pushw $0x1234\n\t"
    "popw %fs\n\t"
    "movw %fs, %ax\n\t"
    OUT16("%ax")
    "pushw %cs\n\t"
    "pushw $" R(far_last) "\n\t"
    "lretw\n\t"
    "hlt\n"
    "far_last:\n\t"
    "movw $0x700, %ax\n\t"
    "movw %ax, %ss\n\t"
    "movw $0x1000, %sp\n\t"
    "pushw $0x5678\n\t"
    OUT16("0x7ffe")			/* 0x5678 */
    "hlt\n"
    "far_callee:\n\t"
    "movw %cs, %ax\n\t"
    OUT16("%ax")			/* 0x7c0, 0x7d0 */
    "lretw\n"

    /* Real, 32-bit protected, 16-bit protected, real; twice. */
    "rm_climb:\n\t"
    VECTOR(0x80, handle_int)
    "movw $2, %cx\n"
    "climb_again:\n\t"
    "lgdtl " R(rm_gdtr) "\n\t"
    "movl %cr0, %eax\n\t"
    "orl $1, %eax\n\t"
    "movl %eax, %cr0\n\t"
    "ljmpl $0x20, $" R(climb_32) "\n\t"
    ".code32\n"
    "climb_32:\n\t"
    "movw $0x28, %ax\n\t"
    "movw %ax, %ds\n\t"
    "movw %ax, %es\n\t"
    "movw %ax, %ss\n\t"
    "movl $0x200000, 0x300000\n\t"
    OUT("0x300000")			/* 0x200000 */
    "movw $0x10, %ax\n\t"
    "movw %ax, %ds\n\t"
    "movw %ax, %es\n\t"
    "movw %ax, %ss\n\t"
    "ljmpw $0x08, $" R(climb_16) "\n\t"
    ".code16\n"
    "climb_16:\n\t"
    "movl %cr0, %eax\n\t"
    "andb $~1, %al\n\t"
    "movl %eax, %cr0\n\t"
    "ljmpw $0, $" R(climb_real) "\n"
    "climb_real:\n\t"
    "xorw %ax, %ax\n\t"
    "movw %ax, %ds\n\t"
    "movw %ax, %es\n\t"
    "movw %ax, %ss\n\t"
    "int $0x80\n\t"			/* 0x80 */
    "loop climb_again\n\t"
    "hlt\n"

    /* Segments of 4 GiB in real mode, made in DS and ES; SS stays small. */
    "make_big:\n\t"
    "lgdtl " R(rm_gdtr) "\n\t"
    "movl %cr0, %eax\n\t"
    "orb $1, %al\n\t"
    "movl %eax, %cr0\n\t"
    "jmp 1f\n"
    "1:\n\t"
    "movw $0x18, %bx\n\t"
    "movw %bx, %ds\n\t"
    "movw %bx, %es\n\t"
    "andb $~1, %al\n\t"
    "movl %eax, %cr0\n\t"
    "xorw %bx, %bx\n\t"
    "movw %bx, %ds\n\t"
    "movw %bx, %es\n\t"
    "retw\n"

    "rm_big:\n\t"
    "call make_big\n\t"
    "movl $0x300000, %ebx\n\t"
    "movl $0xcafe0001, (%ebx)\n\t"
    OUT("(%ebx)")
    /* a block to beyond 1 MiB, and its sum */
    "cld\n\t"
    "movl $" R(rm_code) ", %esi\n\t"
    "movl $0x310000, %edi\n\t"
    "movl $16, %ecx\n\t"
    "rep movsl %ds:(%esi), %es:(%edi)\n\t"
    "movl $0x310000, %esi\n\t"
    "movw $16, %cx\n\t"
    "xorl %edx, %edx\n"
    "1:\n\t"
    "lodsl (%esi), %eax\n\t"
    "addl %eax, %edx\n\t"
    "loop 1b\n\t"
    "movl $" R(rm_code) ", %esi\n\t"
    "movw $16, %cx\n"
    "2:\n\t"
    "subl (%esi), %edx\n\t"
    "leal 4(%esi), %esi\n\t"
    "decw %cx\n\t"
    "jnz 2b\n\t"
    OUT("%edx")				/* 0 */
    /* arithmetic with memory up there */
    "movl $0x320000, %ebx\n\t"
    "movl $1000003, (%ebx)\n\t"
    "movl $70000, %eax\n\t"
    "mull (%ebx)\n\t"
    OUT("%edx")				/* 16 */
    "movl $70000, %eax\n\t"
    "mull (%ebx)\n\t"
    "addl $5, %eax\n\t"
    "adcl $0, %edx\n\t"
    "divl (%ebx)\n\t"
    "movl %edx, %ecx\n\t"
    OUT("%eax")				/* 70000 */
    OUT("%ecx")				/* 5 */
    "movl $-7, %eax\n\t"
    "cltd\n\t"
    "movl $2, 4(%ebx)\n\t"
    "idivl 4(%ebx)\n\t"
    OUT("%edx")				/* -1 */
    "imull $-3, (%ebx), %ecx\n\t"
    OUT("%ecx")				/* -3000009 */
    "movl $0x12345678, %eax\n\t"
    "bswap %eax\n\t"
    "movl %eax, %edx\n\t"
    "shldl $8, %eax, %edx\n\t"
    OUT("%edx")				/* 0x56341278 */
    "cmpl $1000003, (%ebx)\n\t"
    "sete %cl\n\t"
    "movzbl %cl, %ecx\n\t"
    "cmovel (%ebx), %edx\n\t"
    "addl %ecx, %edx\n\t"
    OUT("%edx")				/* 1000004 */
    "pushaw\n\t"
    "movw $0, %bx\n\t"
    "popaw\n\t"
    "pushal\n\t"
    "movl $0, %ebx\n\t"
    "popal\n\t"
    OUT("%ebx")				/* 0x320000 */
    "inb $0x41, %al\n\t"
    "movzbl %al, %ecx\n\t"
    OUT("%ecx")				/* what the host put there */
    "movl $0, %eax\n\t"
    "cpuid\n\t"
    "xorl %edx, %edx\n\t"
    "movl $0x1b, %ecx\n\t"
    "rdmsr\n\t"
    "andl $0xfffff000, %eax\n\t"
    "movl %eax, %ecx\n\t"
    OUT("%ecx")				/* the APIC's base */
    "hlt\n"

    "rm_big_events:\n\t"
    VECTOR(0x50, handle_irq) VECTOR(0, handle_fault)
    "call make_big\n\t"
    "movl $0xd00000, %ebx\n\t"
    "sti\n\t"
    OUT("(%ebx)")			/* the host queues 0x50 here: 0 */
    "nop\n\t"
    "cli\n\t"
    "xorw %cx, %cx\n\t"
    "divw %cx\n\t"			/* CS: 0 */
    "sti\n\t"
    "hlt\n\t"				/* and here */
    OUT("$0x77")
    "hlt\n"

    "rm_irq:\n\t"
    VECTOR(0x50, handle_irq)
    OUT("$1")				/* the host queues 0x50 here: IF is clear */
    "movw $1, %cx\n\t"
    "sti\n\t"
    "incw %cx\n\t"			/* in the shadow */
    "nop\n\t"
    OUT("$2")
    "cli\n\t"
    "hlt\n"
    "handle_irq:\n\t"
    "movzwl %cx, %ecx\n\t"
    "addw $0x500, %cx\n\t"
    OUT("%ecx")
    "iretw\n"

    "rm_nmi:\n\t"
    VECTOR(2, handle_nmi)
    OUT("$1")				/* the host sends an NMI */
    "nop\n\t"
    OUT("$2")
    "hlt\n"
    "handle_nmi:\n\t"
    OUT("$0x200")			/* and another one in the handler */
    "nop\n\t"
    OUT("$0x201")
    "iretw\n"

    "rm_step:\n\t"
    VECTOR(1, handle_step)
    "xorw %dx, %dx\n\t"
    "pushw $0x102\n\t"
    "popfw\n\t"				/* TF: traps from the next one on */
    "nop\n\t"				/* 1 */
    "cli\n\t"				/* 2 */
    "pushw $2\n\t"			/* 3 */
    "popfw\n\t"				/* 4: TF was set before it */
    "nop\n\t"
    "movzwl %dx, %edx\n\t"
    OUT("%edx")				/* 4 */
    "hlt\n"
    "handle_step:\n\t"
    "incw %dx\n\t"
    "iretw\n"

    /* What the guest wrote is what it reads, while paging is off. */
    "rm_hidden:\n\t"
    "movl $0x12345000, %eax\n\t"
    "movl %eax, %cr3\n\t"
    "movl $0x30, %eax\n\t"		/* PAE and PSE */
    "movl %eax, %cr4\n\t"
    "lgdtl " R(rm_gdtr) "\n\t"
    "movl %cr0, %ebx\n\t"
    "smsww %dx\n\t"
    "xorw %bx, %dx\n\t"
    "movzwl %dx, %edx\n\t"
    OUT("%edx")				/* 0: SMSW and MOV agree */
    "orl $1, %ebx\n\t"
    "movl %ebx, %cr0\n\t"
    "ljmpl $0x20, $" R(hidden_32) "\n\t"
    ".code32\n"
    "hidden_32:\n\t"
    "movw $0x28, %ax\n\t"
    "movw %ax, %ds\n\t"
    "movl %cr3, %ebx\n\t"
    OUT("%ebx")				/* 0x12345000 */
    "movl %cr4, %ebx\n\t"
    OUT("%ebx")				/* 0x30 */
    "movl %cr0, %ebx\n\t"
    "andl $0x80000001, %ebx\n\t"
    OUT("%ebx")				/* 1 */
    "movl $0x54321000, %eax\n\t"
    "movl %eax, %cr3\n\t"
    "movl %cr3, %ebx\n\t"
    OUT("%ebx")				/* 0x54321000 */
    "hlt\n\t"
    ".code16\n"

    "rm_system:\n\t"
    "wbinvd\n\t"
    "movl $0xc0000080, %ecx\n\t"
    "movl $0x100, %eax\n\t"
    "xorl %edx, %edx\n\t"
    "wrmsr\n\t"
    "rdmsr\n\t"
    "movl %eax, %ebx\n\t"
    OUT("%ebx")				/* LME */
    "movl $0x1234, %eax\n\t"
    "movl %eax, %dr0\n\t"
    "movl %dr0, %ebx\n\t"
    OUT("%ebx")				/* 0x1234 */
    "movw $0x7000, %di\n\t"
    "movw $0x41, %dx\n\t"
    "movw $4, %cx\n\t"
    "cld\n\t"
    "rep insb\n\t"
    OUT("0x7000")			/* what the host put there */
    "hlt\n"

    "rm_msw:\n\t"
    "movw $8, %ax\n\t"
    "lmsw %ax\n\t"
    "movl %cr0, %ebx\n\t"
    "clts\n\t"
    "movl %cr0, %edx\n\t"
    "xorl %edx, %ebx\n\t"
    OUT("%ebx")				/* 8 */
    "hlt\n"

    /* Protected mode with selectors that real mode left: no CPL fits them. */
    "rm_odd:\n\t"
    "movw $0x703, %ax\n\t"
    "movw %ax, %ss\n\t"
    "movw $0xf01, %ax\n\t"
    "movw %ax, %ds\n\t"
    "movl %cr0, %eax\n\t"
    "lgdtl %cs:" R(rm_gdtr) "\n\t"
    "orb $1, %al\n\t"
    "movl %eax, %cr0\n\t"
    "pushw $0x1234\n\t"			/* to 0x7030 + SP, still */
    "popw %bx\n\t"
    "movzwl %bx, %ebx\n\t"
    OUT("%ebx")				/* 0x1234 */
    "lidtl %cs:" R(rm_idtr) "\n\t"
    "ljmpl $0x20, $" R(odd_32) "\n\t"
    ".code32\n"
    "odd_32:\n\t"
    "movl $0x28, %eax\n\t"
    "movl %eax, %ds\n\t"
    "movl %eax, %es\n\t"
    "lssl %cs:" R(odd_stack) ", %esp\n\t"
    "pushl $0x4321\n\t"
    OUT("0x2ffffc")			/* 0x4321 */
    "hlt\n"
    "odd_stack:\n\t"
    ".long 0x300000, 0x28\n\t"
    ".code16\n"
    "rm_code_end:\n"
    ".code64\n"
    ".popsection");

static struct vcpu *start(const uint8_t *entry)
{
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);
	struct kvm_regs r;

	vcpu_set_cpuid(vcpu);
	vcpu_real(vcpu, rm_code, rm_code_end - rm_code);
	get_regs(vcpu, &r);
	r.rip += entry - rm_code;
	r.rsp = 0x6ff0;
	set_regs(vcpu, &r);
	return vcpu;
}

static uint32_t next_word(struct vcpu *vcpu)
{
	uint32_t v;

	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.port, PORT);
	CHECK_EQ(vcpu->run->io.direction, KVM_EXIT_IO_OUT);
	memcpy(&v, (char *)vcpu->run + vcpu->run->io.data_offset, 4);
	return v;
}

/* The host's answer to an IN of @n bytes at PORT + 1. */
static void answer(struct vcpu *vcpu, unsigned int n, const char *bytes)
{
	unsigned int done = 0;

	while (done < n) {
		vcpu_expect(vcpu, KVM_EXIT_IO);
		CHECK_EQ(vcpu->run->io.port, PORT + 1);
		CHECK_EQ(vcpu->run->io.size, 1);
		memcpy((char *)vcpu->run + vcpu->run->io.data_offset, bytes + done,
		       vcpu->run->io.count);
		done += vcpu->run->io.count;
	}
}

#define EXPECT(vcpu, ...)							\
	do {									\
		const uint32_t want[] = { __VA_ARGS__ };			\
										\
		for (unsigned int i = 0; i < sizeof(want) / 4; i++)		\
			CHECK_EQ(next_word(vcpu), want[i]);			\
	} while (0)

/* Stock KVM, on a CPU that leaves real mode to it? */
static bool kvm_stands_in(void)
{
	FILE *f = fopen("/sys/module/kvm_intel/parameters/unrestricted_guest", "r");
	int answer = f ? fgetc(f) : 'Y';

	if (f)
		fclose(f);
	return on_stock_kvm() && answer == 'N';
}

static uint32_t at(const uint8_t *label)
{
	return REAL_ADDR + (label - rm_code);
}

TEST(flags)
{
	struct vcpu *vcpu;

	if (kvm_stands_in())
		SKIP("POPF does not clear IOPL");
	vcpu = start(rm_flags);
	EXPECT(vcpu, 0x200, 0x3200, 0x40000);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

extern const uint8_t after_int3[], after_into[];

TEST(vectors)
{
	struct vcpu *vcpu = start(rm_vectors);

	EXPECT(vcpu, at(after_int3), at(after_into), 0, 0, 0x80, 0);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(moved_table)
{
	struct vcpu *vcpu = start(rm_moved_table);

	EXPECT(vcpu, 0xffff, 0x9000, 0x80);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(far_transfers)
{
	struct vcpu *vcpu = start(rm_far);

	EXPECT(vcpu, 0x7c0, 0, 0x7d0, 0x7d0, 0x1234, 0x5678);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(to_protected_and_back)
{
	struct vcpu *vcpu = start(rm_climb);
	struct kvm_sregs s;

	EXPECT(vcpu, 0x200000, 0x80, 0x200000, 0x80);
	get_sregs(vcpu, &s);
	CHECK_EQ(s.cr0 & (CR0_PE | CR0_PG), 0);
	CHECK_EQ(s.cs.selector, 0);
	CHECK_EQ(s.ds.limit, 0xffff);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(big_segments)
{
	struct vcpu *vcpu = start(rm_big);
	struct kvm_sregs s;

	EXPECT(vcpu, 0xcafe0001);
	get_sregs(vcpu, &s);
	CHECK_EQ(s.ds.limit, 0xffffffff);
	CHECK_EQ(s.ss.limit, 0xffff);
	EXPECT(vcpu, 0, 16, 70000, 5, -1u, -3000009u, 0x56341278, 1000004, 0x320000);
	answer(vcpu, 1, "\x77");
	EXPECT(vcpu, 0x77, 0xfee00000);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

static void interrupt(struct vcpu *vcpu, unsigned int vector)
{
	struct kvm_interrupt i = { .irq = vector };

	CHECK_OK(IOCTL(vcpu->fd, KVM_INTERRUPT, &i));
}

TEST(events_with_big_segments)
{
	struct vcpu *vcpu = start(rm_big_events);

	EXPECT(vcpu, 0);
	interrupt(vcpu, 0x50);
	CHECK_EQ(next_word(vcpu) & 0xff00, 0x500);
	EXPECT(vcpu, 0);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
	interrupt(vcpu, 0x50);
	CHECK_EQ(next_word(vcpu) & 0xff00, 0x500);
	EXPECT(vcpu, 0x77);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(interrupt_waits_for_sti)
{
	struct vcpu *vcpu = start(rm_irq);

	EXPECT(vcpu, 1);
	vcpu->run->request_interrupt_window = 1;
	vcpu_expect(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	vcpu->run->request_interrupt_window = 0;
	interrupt(vcpu, 0x50);
	EXPECT(vcpu, 0x502, 2);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(nmi_blocked_until_iret)
{
	struct vcpu *vcpu;

	if (kvm_stands_in())
		SKIP("NMIs are not blocked");
	vcpu = start(rm_nmi);
	EXPECT(vcpu, 1);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	EXPECT(vcpu, 0x200);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	EXPECT(vcpu, 0x201, 0x200, 0x201, 2);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(single_step)
{
	struct vcpu *vcpu = start(rm_step);

	EXPECT(vcpu, 4);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(control_registers_without_paging)
{
	struct vcpu *vcpu = start(rm_hidden);

	EXPECT(vcpu, 0, 0x12345000, 0x30, 1, 0x54321000);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(system_instructions)
{
	struct vcpu *vcpu;

	if (on_tcg())
		SKIP("this emulated CPU never comes back");
	vcpu = start(rm_system);
	EXPECT(vcpu, 0x100, 0x1234);
	answer(vcpu, 4, "abcd");
	EXPECT(vcpu, 0x64636261);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(machine_status_word)
{
	struct vcpu *vcpu = start(rm_msw);

	EXPECT(vcpu, 8);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(segment_limit)
{
	struct vcpu *vcpu;

	if (on_tcg())
		SKIP("the emulated CPU does not check segment limits");
	vcpu = start(rm_limit);
	EXPECT(vcpu, 0, 1);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}

TEST(odd_selectors)
{
	struct vcpu *vcpu = start(rm_odd);

	EXPECT(vcpu, 0x1234, 0x4321);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
}
