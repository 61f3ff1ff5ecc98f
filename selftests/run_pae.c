// SPDX-License-Identifier: GPL-2.0-only
/*
 * PAE paging, whose four top entries (PDPTEs) the CPU holds: loaded by MOV to a
 * control register, part of the state that is saved, and checked when loaded.
 * Intel SDM volume 3, "PDPTE Registers".
 */
#include "guest.h"
#include "vm.h"

#define PDPT	0x20000ul
#define PD_LOW	0x21000ul
#define PD_A	0x22000ul	/* of the second GiB */
#define PD_B	0x23000ul
#define IDT32	0x24000ul
#define PAGE_A	0xc00000ul
#define PAGE_B	0xe00000ul

void pae_code(void), pae_cr3(void), pae_cr4(void), pae_gp(void);

asm(".pushsection .text\n"
    ".code32\n"
    "pae_code:\n\t"
    "movl 0x40000000, %eax\n\t"
    "outl %eax, $0x40\n"
    "pae_cr3:\n\t"
    "movl %cr3, %eax\n\t"
    "movl %eax, %cr3\n\t"
    "movl 0x40000000, %eax\n\t"
    "outl %eax, $0x41\n\t"
    "hlt\n"
    "pae_cr4:\n\t"
    "movl %cr4, %eax\n\t"
    "xorl $0x80, %eax\n\t"		/* PGE */
    "movl %eax, %cr4\n\t"
    "movl 0x40000000, %eax\n\t"
    "outl %eax, $0x42\n\t"
    "hlt\n"
    "pae_gp:\n\t"
    "movl (%esp), %eax\n\t"
    "outl %eax, $0x50\n\t"
    "hlt\n"
    ".code64\n"
    ".popsection");

static uint64_t *entries(struct vm *vm, uint64_t addr)
{
	return gpa(vm, (void *)addr);
}

static struct vcpu *pae_guest(void)
{
	struct vm *vm = vm_new();
	struct vcpu *vcpu = vcpu_new(vm, 0);
	uint64_t handler = (uintptr_t)pae_gp;
	struct kvm_sregs s;

	vcpu_set_cpuid(vcpu);
	vcpu_mode32(vcpu, pae_code);
	entries(vm, PDPT)[0] = PD_LOW | PTE_P;
	entries(vm, PDPT)[1] = PD_A | PTE_P;
	entries(vm, PDPT)[2] = entries(vm, PDPT)[3] = 0;
	for (uint64_t i = 0; i < 8; i++)
		entries(vm, PD_LOW)[i] = i << 21 | PTE_PS | PTE_W | PTE_P;
	entries(vm, PD_A)[0] = PAGE_A | PTE_PS | PTE_W | PTE_P;
	entries(vm, PD_B)[0] = PAGE_B | PTE_PS | PTE_W | PTE_P;
	*entries(vm, PAGE_A) = 0xaaaa;
	*entries(vm, PAGE_B) = 0xbbbb;
	entries(vm, IDT32)[VEC_GP] = (handler & 0xffff) | SEL_CODE32 << 16 |
				     0x8eull << 40 | (handler >> 16) << 48;
	get_sregs(vcpu, &s);
	s.idt.base = IDT32;
	s.idt.limit = 0x7ff;
	s.cr3 = PDPT;
	s.cr4 = CR4_PAE;
	s.cr0 |= CR0_PG;
	set_sregs(vcpu, &s);
	return vcpu;
}

static uint32_t out_of(struct vcpu *vcpu, uint16_t port)
{
	uint32_t v;

	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.port, port);
	memcpy(&v, (char *)vcpu->run + vcpu->run->io.data_offset, sizeof(v));
	return v;
}

static void go_to(struct vcpu *vcpu, void (*code)(void))
{
	struct kvm_regs r;

	get_regs(vcpu, &r);
	r.rip = (uintptr_t)code;
	set_regs(vcpu, &r);
}

TEST(cr3_loads_them)
{
	struct vcpu *vcpu = pae_guest();

	CHECK_EQ(out_of(vcpu, 0x40), 0xaaaa);
	entries(vcpu->vm, PDPT)[1] = PD_B | PTE_P;
	CHECK_EQ(out_of(vcpu, 0x41), 0xbbbb);
}

TEST(cr4_loads_them)
{
	struct vcpu *vcpu;

	if (on_tcg())
		SKIP("TCG sets the accessed bit, which is reserved there");
	vcpu = pae_guest();
	CHECK_EQ(out_of(vcpu, 0x40), 0xaaaa);
	go_to(vcpu, pae_cr4);
	entries(vcpu->vm, PDPT)[1] = PD_B | PTE_P;
	CHECK_EQ(out_of(vcpu, 0x42), 0xbbbb);
}

/* Another VM goes on with registers and memory of this one. */
static struct vcpu *moved(struct vcpu *old, bool two)
{
	struct kvm_sregs2 s2 = { 0 };
	struct kvm_sregs s;
	struct kvm_regs r;
	struct vcpu *vcpu;
	uint8_t *ram;

	get_regs(old, &r);
	get_sregs(old, &s);
	CHECK_OK(IOCTL(old->fd, KVM_GET_SREGS2, &s2));
	CHECK_EQ(s2.flags, KVM_SREGS2_FLAGS_PDPTRS_VALID);
	/* TCG sets a bit that is reserved there */
	CHECK_EQ(s2.pdptrs[0] & ~PTE_A, PD_LOW | PTE_P);
	CHECK_EQ(s2.pdptrs[1] & ~PTE_A, PD_A | PTE_P);
	CHECK_EQ(s2.pdptrs[2] | s2.pdptrs[3], 0);
	ram = vm_take_ram(old->vm);
	vcpu = vcpu_new(vm_new(), 0);
	vm_give_ram(vcpu->vm, ram);
	vcpu_set_cpuid(vcpu);
	if (two)
		CHECK_OK(IOCTL(vcpu->fd, KVM_SET_SREGS2, &s2));
	else
		set_sregs(vcpu, &s);
	set_regs(vcpu, &r);
	return vcpu;
}

static void round_trip(bool two)
{
	struct vcpu *vcpu = pae_guest();

	/* The OUT is done when the state is taken. */
	CHECK_EQ(out_of(vcpu, 0x40), 0xaaaa);
	vcpu->run->immediate_exit = 1;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	vcpu = moved(vcpu, two);
	/* Back to the load: no MOV to CR3 comes before it. */
	go_to(vcpu, pae_code);
	CHECK_EQ(out_of(vcpu, 0x40), 0xaaaa);
	CHECK_EQ(out_of(vcpu, 0x41), 0xaaaa);
}

TEST(round_trip_sregs)
{
	round_trip(false);
}

TEST(round_trip_sregs2)
{
	round_trip(true);
}

/* Bits 1, 2, 5-8 of a present entry must be 0; of one that is not, none is looked at. */
static void reserved(void (*code)(void), uint16_t port)
{
	struct vcpu *vcpu = pae_guest();
	struct kvm_sregs s;

	out_of(vcpu, 0x40);
	entries(vcpu->vm, PDPT)[3] = PD_B | PTE_W;
	go_to(vcpu, code);
	CHECK_EQ(out_of(vcpu, port), 0xaaaa);
	entries(vcpu->vm, PDPT)[2] = PD_B | PTE_W | PTE_P;
	go_to(vcpu, code);
	CHECK_EQ(out_of(vcpu, 0x50), 0);
	get_sregs(vcpu, &s);
	CHECK_EQ(s.cr3, PDPT);
	/* from the write before; the refused one has changed nothing */
	CHECK_EQ(s.cr4 & CR4_PGE, code == pae_cr4 ? CR4_PGE : 0);
}

TEST(cr4_refuses_reserved_bits)
{
	if (on_tcg())
		SKIP("TCG sets the accessed bit, which is reserved there");
	reserved(pae_cr4, 0x42);
}

/* AMD64 APM volume 2, "Nested Paging": there MOV to CR3 loads nothing. */
TEST(cr3_refuses_reserved_bits)
{
	struct cpuid_regs r = cpuid(0, 0);

	if (r.ebx != 0x756e6547)
		SKIP("with nested paging this make of CPU reads them when it walks");
	reserved(pae_cr3, 0x41);
}
