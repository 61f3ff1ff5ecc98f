// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_SUPPORTED_CPUID promises nothing that the guest then cannot have:
 * instructions run, bits of CR4 can be set, MSRs are there. Spot checks, by
 * bit; a bit that is not reported is not asked for.
 */
#include "guest.h"
#include "vm.h"

enum { EAX, EBX, ECX, EDX };
#define AVX	0x80	/* on a bit: TCG does not let a nested guest use it */

static uint8_t area[4096] __attribute__((aligned(64)));

#define INSN(name, insn, ...)						\
	static uint64_t do_##name(void)					\
	{								\
		return GUEST_TRY(insn, : : "a"(area), "c"(0), "d"(0)	\
				 : "rbx", "rsi", "memory", "cc", ##__VA_ARGS__);\
	}

INSN(sse3, "haddps %%xmm0, %%xmm0", "xmm0")
INSN(pclmul, "pclmulqdq $0, %%xmm0, %%xmm0", "xmm0")
INSN(ssse3, "pabsb %%xmm0, %%xmm0", "xmm0")
INSN(fma, "vfmadd132ps %%xmm0, %%xmm0, %%xmm0", "xmm0")
INSN(cx16, "push %%rax; mov %%rax, %%rsi; xor %%eax, %%eax; xor %%ebx, %%ebx\n\t"
	   "cmpxchg16b (%%rsi); pop %%rax")
INSN(sse41, "ptest %%xmm0, %%xmm0")
INSN(sse42, "crc32b %%bl, %%ebx")
INSN(movbe, "movbe (%%rax), %%ebx")
INSN(popcnt, "popcnt %%ebx, %%ebx")
INSN(aes, "aesenc %%xmm0, %%xmm0", "xmm0")
INSN(xsave, "push %%rax; push %%rdx; xgetbv; pop %%rdx; pop %%rax")
INSN(avx, "vpxor %%xmm0, %%xmm0, %%xmm0", "xmm0")
INSN(f16c, "vcvtph2ps %%xmm0, %%xmm0", "xmm0")
INSN(rdrand, "rdrand %%ebx")
INSN(clflush, "clflush (%%rax)")
INSN(fxsr, "fxsave64 (%%rax)")
INSN(mmx, "emms")
INSN(sse2, "pxor %%xmm0, %%xmm0", "xmm0")
INSN(fsgsbase, "rdfsbase %%rbx; wrfsbase %%rbx")
INSN(bmi1, "andn %%ebx, %%ebx, %%ebx")
INSN(avx2, "vpxor %%ymm0, %%ymm0, %%ymm0", "xmm0")
INSN(bmi2, "pdep %%ebx, %%ebx, %%ebx")
INSN(invpcid, "mov $2, %%ebx; invpcid (%%rax), %%rbx")
INSN(rdseed, "rdseed %%ebx")
INSN(adx, "adcx %%ebx, %%ebx")
INSN(smap, "stac; clac")
INSN(clflushopt, "clflushopt (%%rax)")
INSN(clwb, "clwb (%%rax)")
INSN(sha, "sha1msg1 %%xmm0, %%xmm0", "xmm0")
INSN(rdpid, "rdpid %%rbx")
INSN(rdtscp, "push %%rax; push %%rdx; push %%rcx; rdtscp; pop %%rcx; pop %%rdx; pop %%rax")
INSN(lahf, "push %%rax; lahf; pop %%rax")
INSN(abm, "lzcnt %%ebx, %%ebx")
INSN(sse4a, "extrq $0, $0, %%xmm0", "xmm0")
INSN(prefetchw, "prefetchw (%%rax)")
INSN(clzero, "clzero")

static const struct {
	const char *name;
	uint32_t leaf;
	uint8_t reg, bit;
	uint64_t (*try)(void);
} insns[] = {
	{ "SSE3", 1, ECX, 0, do_sse3 }, { "PCLMULQDQ", 1, ECX, 1, do_pclmul },
	{ "SSSE3", 1, ECX, 9, do_ssse3 }, { "FMA", 1, ECX, 12 | AVX, do_fma },
	{ "CX16", 1, ECX, 13, do_cx16 }, { "SSE4.1", 1, ECX, 19, do_sse41 },
	{ "SSE4.2", 1, ECX, 20, do_sse42 }, { "MOVBE", 1, ECX, 22, do_movbe },
	{ "POPCNT", 1, ECX, 23, do_popcnt }, { "AES", 1, ECX, 25, do_aes },
	{ "XSAVE", 1, ECX, 26, do_xsave }, { "AVX", 1, ECX, 28 | AVX, do_avx },
	{ "F16C", 1, ECX, 29 | AVX, do_f16c }, { "RDRAND", 1, ECX, 30, do_rdrand },
	{ "CLFSH", 1, EDX, 19, do_clflush }, { "MMX", 1, EDX, 23, do_mmx },
	{ "FXSR", 1, EDX, 24, do_fxsr }, { "SSE2", 1, EDX, 26, do_sse2 },
	{ "FSGSBASE", 7, EBX, 0, do_fsgsbase }, { "BMI1", 7, EBX, 3, do_bmi1 },
	{ "AVX2", 7, EBX, 5 | AVX, do_avx2 }, { "BMI2", 7, EBX, 8, do_bmi2 },
	{ "INVPCID", 7, EBX, 10, do_invpcid }, { "RDSEED", 7, EBX, 18, do_rdseed },
	{ "ADX", 7, EBX, 19, do_adx }, { "SMAP", 7, EBX, 20, do_smap },
	{ "CLFLUSHOPT", 7, EBX, 23, do_clflushopt }, { "CLWB", 7, EBX, 24, do_clwb },
	{ "SHA", 7, EBX, 29, do_sha }, { "RDPID", 7, ECX, 22, do_rdpid },
	{ "RDTSCP", 0x80000001, EDX, 27, do_rdtscp },
	{ "LAHF", 0x80000001, ECX, 0, do_lahf }, { "ABM", 0x80000001, ECX, 5, do_abm },
	{ "SSE4A", 0x80000001, ECX, 6, do_sse4a },
	{ "PREFETCHW", 0x80000001, ECX, 8, do_prefetchw },
	{ "CLZERO", 0x80000008, EBX, 0, do_clzero },
};

static bool has(uint32_t leaf, int reg, int bit)
{
	struct cpuid_regs r = cpuid(leaf & 0x80000000, 0);
	const uint32_t *v = &r.eax;

	if (r.eax < leaf)
		return false;
	r = cpuid(leaf, 0);
	return v[reg] >> bit & 1;
}

static volatile uint64_t tcg, failed;

static void insn_guest(void)
{
	if (has(7, EBX, 0))
		WRITE_REG(cr4, READ_REG(cr4) | 1 << 16);
	if (has(1, ECX, 26)) {
		WRITE_REG(cr4, READ_REG(cr4) | CR4_OSXSAVE);
		asm volatile("xsetbv" : : "c"(0), "d"(0),
			     "a"(has(1, ECX, 28) && !tcg ? 7 : 3));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(insns); i++) {
		failed = i;
		if (has(insns[i].leaf, insns[i].reg, insns[i].bit & 31) &&
		    !(insns[i].bit & AVX && tcg) &&
		    insns[i].try() != NO_FAULT)
			guest_sync(i);
	}
}

/* Run to the end; what the guest names on the way has failed. */
static void run(struct vcpu *vcpu, const char *(*name)(unsigned int i))
{
	unsigned int bad = 0;

	IN_GUEST(vcpu->vm, tcg) = on_tcg();
	for (;;) {
		vcpu_run(vcpu);
		if (vcpu_is_done(vcpu))
			break;
		ktap_note("reported, and not there: %s", name(IN_GUEST(vcpu->vm, failed)));
		bad++;
	}
	CHECK_EQ(bad, 0);
}

static const char *insn_name(unsigned int i)
{
	return insns[i].name;
}

TEST(instructions)
{
	run(guest64(insn_guest), insn_name);
}

/* Not SMEP and SMAP: this guest runs from pages that user code may reach. */
static const struct {
	const char *name;
	uint32_t leaf;
	uint8_t reg, bit, cr4;
} bits[] = {
	{ "DE", 1, EDX, 2, 3 }, { "MCE", 1, EDX, 7, 6 }, { "PGE", 1, EDX, 13, 7 },
	{ "PCID", 1, ECX, 17, 17 }, { "XSAVE", 1, ECX, 26, 18 }, { "FSGSBASE", 7, EBX, 0, 16 },
	{ "UMIP", 7, ECX, 2, 11 }, { "PKU", 7, ECX, 3, 22 },
};

static void cr4_guest(void)
{
	uint64_t cr4 = READ_REG(cr4);

	for (unsigned int i = 0; i < ARRAY_SIZE(bits); i++) {
		failed = i;
		if (has(bits[i].leaf, bits[i].reg, bits[i].bit) !=
		    (GUEST_TRY("mov %0, %%cr4", : : "r"(cr4 | 1ul << bits[i].cr4)) == NO_FAULT))
			guest_sync(i);
		WRITE_REG(cr4, cr4);
	}
}

static const char *bit_name(unsigned int i)
{
	return bits[i].name;
}

/* Also the other way round: what is not reported cannot be set. */
TEST(control_register)
{
	run(guest64(cr4_guest), bit_name);
}

static const struct {
	const char *name;
	uint32_t leaf;
	uint8_t reg, bit;
	uint32_t msr;
} msrs[] = {
	{ "MSR", 1, EDX, 5, MSR_TSC }, { "APIC", 1, EDX, 9, MSR_APIC_BASE },
	{ "MTRR", 1, EDX, 12, 0xfe }, { "MCA", 1, EDX, 14, MSR_MCG_CAP },
	{ "PAT", 1, EDX, 16, MSR_PAT }, { "TSC deadline", 1, ECX, 24, MSR_TSC_DEADLINE },
	{ "TSC_ADJUST", 7, EBX, 1, 0x3b }, { "SPEC_CTRL", 7, EDX, 26, 0x48 },
	{ "ARCH_CAPABILITIES", 7, EDX, 29, 0x10a }, { "SYSCALL", 0x80000001, EDX, 11, MSR_STAR },
	{ "RDTSCP", 0x80000001, EDX, 27, MSR_TSC_AUX }, { "IBRS", 0x80000008, EBX, 14, 0x48 },
};

static void msr_guest(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
		failed = i;
		if (has(msrs[i].leaf, msrs[i].reg, msrs[i].bit) &&
		    GUEST_TRY("rdmsr", : : "c"(msrs[i].msr) : "rax", "rdx") != NO_FAULT)
			guest_sync(i);
	}
	/* The APIC's other mode. */
	if (has(1, ECX, 21)) {
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1 << 10);
		GUEST_EQ(GUEST_TRY("rdmsr", : : "c"(0x802) : "rax", "rdx"), NO_FAULT);
	}
}

static const char *msr_name(unsigned int i)
{
	return msrs[i].name;
}

TEST(registers)
{
	run(guest64_irqchip(msr_guest), msr_name);
}
