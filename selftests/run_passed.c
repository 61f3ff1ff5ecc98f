// SPDX-License-Identifier: GPL-2.0-only
/*
 * Features that a guest uses without the hypervisor: what they do, and that
 * those whose CPUID bit the VMM takes away are gone. Each case where the CPU
 * has the feature.
 */
#include <fcntl.h>

#include "guest.h"
#include "vm.h"

enum { EAX, EBX, ECX, EDX };

#define CR4_UMIP	(1ul << 11)
#define CR4_PCIDE	(1ul << 17)
#define CR4_SMEP	(1ul << 20)
#define CR4_SMAP	(1ul << 21)
#define MSR_XSS		0xda0
#define SEL_USER_CODE	0x30
#define SEL_USER_DATA	0x38
#define PAGE_A		FREE_ADDR		/* a large page each; user code may reach them */
#define PAGE_B		(FREE_ADDR + (2ul << 20))

static void need(uint32_t leaf, uint32_t sub, int reg, int bit)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(supported_cpuid(), leaf, sub);

	if (!e || !((&e->eax)[reg] >> bit & 1))
		SKIP("this CPU has no such feature");
}

static struct vcpu *without(void (*fn)(void), uint32_t leaf, uint32_t sub, int reg, int bit)
{
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);
	struct kvm_cpuid2 *c = supported_cpuid();

	need(leaf, sub, reg, bit);
	(&cpuid_find(c, leaf, sub)->eax)[reg] &= ~(1u << bit);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	vcpu_mode64(vcpu, fn);
	return vcpu;
}

/* SVM has no way to make these #UD. */
static void need_vmx(void)
{
	struct cpuid_regs r = cpuid(0, 0);

	if (r.ebx != 0x756e6547)
		SKIP("only VT-x can take it away");
}

static uint64_t *pd_entry(uint64_t addr)
{
	return (uint64_t *)(PGD_ADDR + 0x2000) + (addr >> 21);
}

/* All memory but the large page of PAGE_A is the supervisor's. */
static void supervisor_only(void)
{
	for (uint64_t a = 0; a < 4ul << 30; a += 2ul << 20)
		if (a != PAGE_A)
			*pd_entry(a) &= ~4ul;
	WRITE_REG(cr3, PGD_ADDR);
}

/* ---- RDTSCP ------------------------------------------------------------------ */

static void rdtscp_guest(void)
{
	uint32_t lo, hi, aux;
	uint64_t before = rdtsc();

	wrmsr(MSR_TSC_AUX, 0x1234);
	asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
	GUEST_EQ(aux, 0x1234);
	GUEST_CHECK((lo | (uint64_t)hi << 32) > before);
	wrmsr(MSR_TSC_AUX, 0x77);
	guest_sync(1);	/* to the VMM and back */
	asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
	GUEST_EQ(aux, 0x77);
}

TEST(rdtscp)
{
	struct vcpu *vcpu;

	need(0x80000001, 0, EDX, 27);
	vcpu = guest64(rdtscp_guest);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	vcpu_until_done(vcpu);
}

static void no_rdtscp_guest(void)
{
	GUEST_EQ(GUEST_TRY("rdtscp", : : : "rax", "rcx", "rdx"), VEC_UD);
}

TEST(rdtscp_taken_away)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(supported_cpuid(), 7, 0);

	need_vmx();
	if (e && e->ecx >> 22 & 1)
		SKIP("RDPID stays, and lives by the same control");
	vcpu_until_done(without(no_rdtscp_guest, 0x80000001, 0, EDX, 27));
}

/* ---- PCID, INVPCID ------------------------------------------------------------- */

static void pcid_guest(void)
{
	uint64_t cr4 = READ_REG(cr4) | CR4_PCIDE;

	/* not while CR3 has bits there */
	WRITE_REG(cr3, PGD_ADDR | 0x18);
	GUEST_EQ(GUEST_TRY("mov %0, %%cr4", : : "r"(cr4)), VEC_GP);
	WRITE_REG(cr3, PGD_ADDR);
	WRITE_REG(cr4, cr4);
	WRITE_REG(cr3, PGD_ADDR | 1);
	GUEST_EQ(READ_REG(cr3), PGD_ADDR | 1);
	/* "keep what is cached" is not stored */
	WRITE_REG(cr3, PGD_ADDR | 2 | 1ul << 63);
	GUEST_EQ(READ_REG(cr3), PGD_ADDR | 2);

	/* what is cached for an id goes with a load of it that does not keep it */
	*(volatile uint64_t *)PAGE_A = 0xa;
	*(volatile uint64_t *)PAGE_B = 0xb;
	*pd_entry(PAGE_A) += PAGE_B - PAGE_A;
	WRITE_REG(cr3, PGD_ADDR | 1);
	WRITE_REG(cr3, PGD_ADDR | 2);
	GUEST_EQ(*(volatile uint64_t *)PAGE_A, 0xb);
	guest_sync(1);
	GUEST_EQ(READ_REG(cr3), PGD_ADDR | 2);
	GUEST_EQ(READ_REG(cr4) & CR4_PCIDE, CR4_PCIDE);
}

TEST(pcid)
{
	struct vcpu *vcpu;

	need(1, 0, ECX, 17);
	vcpu = guest64(pcid_guest);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	vcpu_until_done(vcpu);
}

static uint64_t invpcid(uint64_t type, uint64_t pcid, uint64_t addr)
{
	const struct { uint64_t pcid, addr; } desc = { pcid, addr };

	return GUEST_TRY("invpcid %0, %1", : : "m"(desc), "r"(type) : "memory");
}

static void invpcid_guest(void)
{
	uint64_t a = *pd_entry(PAGE_A);

	WRITE_REG(cr4, READ_REG(cr4) | CR4_PCIDE);
	WRITE_REG(cr3, PGD_ADDR | 1);
	*(volatile uint64_t *)PAGE_A = 0xa;
	*(volatile uint64_t *)PAGE_B = 0xb;
	for (uint64_t type = 0; type < 4; type++) {
		GUEST_EQ(*(volatile uint64_t *)PAGE_A, 0xa);
		*pd_entry(PAGE_A) = a + PAGE_B - PAGE_A;
		GUEST_EQ(invpcid(type, type < 2 ? 1 : 0, type ? 0 : PAGE_A), NO_FAULT);
		GUEST_EQ(*(volatile uint64_t *)PAGE_A, 0xb);
		*pd_entry(PAGE_A) = a;
		GUEST_EQ(invpcid(2, 0, 0), NO_FAULT);
	}
	GUEST_EQ(invpcid(4, 0, 0), VEC_GP);
	GUEST_EQ(invpcid(1, 0x1000, 0), VEC_GP);
}

TEST(invpcid)
{
	need(7, 0, EBX, 10);
	need(1, 0, ECX, 17);
	vcpu_until_done(guest64(invpcid_guest));
}

static void no_invpcid_guest(void)
{
	GUEST_EQ(invpcid(2, 0, 0), VEC_UD);
}

TEST(invpcid_taken_away)
{
	need_vmx();
	vcpu_until_done(without(no_invpcid_guest, 7, 0, EBX, 10));
}

/* ---- SMEP, SMAP, UMIP ------------------------------------------------------------ */

static uint64_t run_user_page(void)
{
	/* what is there jumps back */
	return GUEST_TRY("lea 1f(%%rip), %%rdx\n\tjmp *%0\n1:", : : "r"(PAGE_A) : "rdx");
}

static void smep_guest(void)
{
	supervisor_only();
	*(volatile uint16_t *)PAGE_A = 0xe2ff;	/* jmp *%rdx */
	GUEST_EQ(run_user_page(), NO_FAULT);
	WRITE_REG(cr4, READ_REG(cr4) | CR4_SMEP);
	GUEST_EQ(run_user_page(), VEC_PF);
	GUEST_EQ(guest_fault.error, 0x11);	/* present, a fetch */
	GUEST_EQ(guest_fault.cr2, PAGE_A);
	WRITE_REG(cr4, READ_REG(cr4) & ~CR4_SMEP);
	GUEST_EQ(run_user_page(), NO_FAULT);
}

TEST(smep)
{
	need(7, 0, EBX, 7);
	vcpu_until_done(guest64(smep_guest));
}

static void smap_guest(void)
{
	supervisor_only();
	WRITE_REG(cr4, READ_REG(cr4) | CR4_SMAP);
	GUEST_EQ(GUEST_TRY("mov (%0), %%rax", : : "r"(PAGE_A) : "rax"), VEC_PF);
	GUEST_EQ(guest_fault.error, 1);
	GUEST_EQ(GUEST_TRY("mov %%rax, (%0)", : : "r"(PAGE_A) : "memory"), VEC_PF);
	GUEST_EQ(guest_fault.error, 3);
	GUEST_EQ(GUEST_TRY("stac; mov %%rax, (%0); clac", : : "r"(PAGE_A) : "memory"), NO_FAULT);
	WRITE_REG(cr4, READ_REG(cr4) & ~CR4_SMAP);
	GUEST_EQ(GUEST_TRY("mov (%0), %%rax", : : "r"(PAGE_A) : "rax"), NO_FAULT);
}

TEST(smap)
{
	need(7, 0, EBX, 20);
	vcpu_until_done(guest64(smap_guest));
}

static volatile uint64_t user_vector, kernel_rsp, kernel_rip;

/* User code got as far as its UD2, or an instruction of it faulted: back. */
static void from_user(struct guest_frame *f)
{
	user_vector = f->vector;
	f->cs = SEL_CODE64;
	f->ss = SEL_DATA;
	f->rsp = kernel_rsp;
	f->rip = kernel_rip;
}

static uint8_t table_register[10];
static volatile uint64_t native_umip;	/* KVM offers one of its own, without SMSW */

#define IN_USER_MODE(insn)						\
	({								\
		asm volatile("movq %%rsp, kernel_rsp\n\t"		\
			     "movq $2f, kernel_rip\n\t"			\
			     "movq %%rsp, %%rax\n\t"			\
			     "pushq %1\n\tpushq %%rax\n\tpushq $2\n\t"	\
			     "pushq %2\n\tpushq $1f\n\tiretq\n"		\
			     "1:\t" insn "\n\tud2\n2:"			\
			     : : "b"(table_register), "i"(SEL_USER_DATA | 3), \
			       "i"(SEL_USER_CODE | 3) : "rax", "memory", "cc"); \
		user_vector;						\
	})

static void umip_guest(void)
{
	guest_handlers[VEC_GP] = guest_handlers[VEC_UD] = from_user;
	GUEST_EQ(IN_USER_MODE("sgdt (%%rbx)"), VEC_UD);
	WRITE_REG(cr4, READ_REG(cr4) | CR4_UMIP);
	GUEST_EQ(IN_USER_MODE("sgdt (%%rbx)"), VEC_GP);
	GUEST_EQ(IN_USER_MODE("sidt (%%rbx)"), VEC_GP);
	GUEST_EQ(IN_USER_MODE("sldt %%eax"), VEC_GP);
	GUEST_EQ(IN_USER_MODE("str %%eax"), VEC_GP);
	if (native_umip)
		GUEST_EQ(IN_USER_MODE("smsw %%eax"), VEC_GP);
	/* the supervisor may */
	GUEST_EQ(GUEST_TRY("sgdt (%0)", : : "r"(table_register) : "memory"), NO_FAULT);
	WRITE_REG(cr4, READ_REG(cr4) & ~CR4_UMIP);
	GUEST_EQ(IN_USER_MODE("smsw %%eax"), VEC_UD);
}

TEST(umip)
{
	struct kvm_sregs s;
	struct vcpu *vcpu;
	uint64_t *gdt;

	need(7, 0, ECX, 2);
	vcpu = guest64(umip_guest);
	gdt = gpa(vcpu->vm, (void *)GDT_ADDR);
	gdt[SEL_USER_CODE / 8] = 0x00affb000000ffff;
	gdt[SEL_USER_DATA / 8] = 0x00cff3000000ffff;
	IN_GUEST(vcpu->vm, native_umip) = cpuid(7, 0).ecx >> 2 & 1;
	/* the stack of what comes from user mode */
	*(uint64_t *)gpa(vcpu->vm, (void *)(TSS_ADDR + 4)) = STACK_TOP - 0x8000;
	get_sregs(vcpu, &s);
	s.gdt.limit = SEL_USER_DATA + 7;
	set_sregs(vcpu, &s);
	vcpu_until_done(vcpu);
}

/* ---- XSAVES ------------------------------------------------------------------------ */

static uint64_t area[512] __attribute__((aligned(64)));

static void xsaves_guest(void)
{
	uint64_t x = 0;

	WRITE_REG(cr4, READ_REG(cr4) | CR4_OSXSAVE);
	asm volatile("xsetbv" : : "c"(0), "d"(0), "a"(3));
	GUEST_EQ(rdmsr(MSR_XSS), 0);
	wrmsr(MSR_XSS, 0);
	/* no supervisor state is offered, so none can be turned on */
	GUEST_EQ(cpuid(0xd, 1).ecx, 0);
	GUEST_EQ(GUEST_TRY("wrmsr", : : "c"(MSR_XSS), "a"(0x100), "d"(0)), VEC_GP);
	asm volatile("movq %1, %%xmm5\n\t"
		     "xsaves64 %0\n\t"
		     "pxor %%xmm5, %%xmm5\n\t"
		     : "+m"(area) : "r"(0x5566778899aabbccul), "a"(-1), "d"(-1) : "xmm5");
	GUEST_EQ(area[65] >> 63, 1);		/* compacted */
	GUEST_EQ(area[65] << 1 >> 1, 3);	/* all that is on, and nothing of the host's */
	GUEST_EQ(area[64] & ~3ul, 0);
	guest_sync(1);
	asm volatile("xrstors64 %1\n\t"
		     "movq %%xmm5, %0" : "=r"(x) : "m"(area), "a"(-1), "d"(-1) : "xmm5");
	GUEST_EQ(x, 0x5566778899aabbccul);
}

TEST(xsaves)
{
	struct vcpu *vcpu;

	need(0xd, 1, EAX, 3);
	vcpu = guest64(xsaves_guest);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(get_msr(vcpu, MSR_XSS), 0);
	CHECK_EQ(try_set_msr(vcpu, MSR_XSS, 0), 1);
	CHECK_EQ(try_set_msr(vcpu, MSR_XSS, 0x100), 0);
	vcpu_until_done(vcpu);
}

static void no_xsaves_guest(void)
{
	WRITE_REG(cr4, READ_REG(cr4) | CR4_OSXSAVE);
	GUEST_EQ(GUEST_TRY("xsaves64 %0", : "+m"(area) : "a"(3), "d"(0)), VEC_UD);
	GUEST_EQ(GUEST_TRY("xrstors64 %0", : : "m"(area), "a"(3), "d"(0)), VEC_UD);
	GUEST_EQ(GUEST_TRY("rdmsr", : : "c"(MSR_XSS) : "rax", "rdx"), VEC_GP);
}

TEST(xsaves_taken_away)
{
	need_vmx();
	vcpu_until_done(without(no_xsaves_guest, 0xd, 1, EAX, 3));
}

/* ---- PAUSE in a loop -------------------------------------------------------------------- */

static bool sees_pause_loops(void)
{
	uint64_t v = 0;
	int fd;

	if (cpuid(0, 0).ebx != 0x756e6547)	/* PAUSE filter */
		return cpuid(0x80000000, 0).eax >= 0x8000000a && cpuid(0x8000000a, 0).edx >> 10 & 1;
	/* IA32_VMX_PROCBASED_CTLS2: may be 1 */
	if (system("modprobe -q msr"))
		SKIP("no msr module");
	fd = open("/dev/cpu/0/msr", O_RDONLY);
	if (fd < 0 || pread(fd, &v, sizeof(v), 0x48b) != sizeof(v))
		v = 0;
	return v >> (32 + 10) & 1;
}

static uint64_t exits(struct vcpu *vcpu)
{
	int fd = CHECK_OK(ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL));
	struct kvm_stats_header h;
	struct {
		struct kvm_stats_desc d;
		char name[48];
	} desc;
	uint64_t v;

	CHECK_EQ(pread(fd, &h, sizeof(h), 0), sizeof(h));
	CHECK_EQ(h.name_size, sizeof(desc.name));
	for (unsigned int i = 0; i < h.num_desc; i++) {
		CHECK_EQ(pread(fd, &desc, sizeof(desc), h.desc_offset + i * sizeof(desc)),
			 sizeof(desc));
		if (strcmp(desc.name, "exits"))
			continue;
		CHECK_EQ(pread(fd, &v, sizeof(v), h.data_offset + desc.d.offset), sizeof(v));
		return v;
	}
	FAIL("no counter of exits");
}

static void pause_guest(void)
{
	for (int i = 0; i < 1000000; i++)
		asm volatile("pause");
}

static uint64_t pause_exits(uint64_t disabled)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS, .args = { disabled } };
	struct vm *vm = vm_new();
	struct vcpu *vcpu;

	if (disabled)
		CHECK_OK(IOCTL(vm->fd, KVM_ENABLE_CAP, &cap));
	vcpu = vcpu_new(vm, 0);
	vcpu_set_cpuid(vcpu);
	vcpu_mode64(vcpu, pause_guest);
	vcpu_until_done(vcpu);
	return exits(vcpu);
}

/* Who spins for long makes way for others, unless the VMM says that there are none. */
TEST(pause_loop)
{
	uint64_t with, without;

	if (on_stock_kvm())
		SKIP("KVM widens its window at each of them");
	if (!sees_pause_loops())
		SKIP("this CPU does not count PAUSEs");
	need_cap(KVM_CAP_BINARY_STATS_FD, "BINARY_STATS_FD");
	without = pause_exits(KVM_X86_DISABLE_EXITS_PAUSE);
	with = pause_exits(0);
	ktap_note("%llu exits, %llu with PAUSE left to the guest", (unsigned long long)with,
		  (unsigned long long)without);
	CHECK(with > without + 100);
}
