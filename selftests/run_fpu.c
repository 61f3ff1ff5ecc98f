// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vector registers belong to their owner: guest A, guest B and the host thread
 * each keep theirs, through many exits, and none sees another's.
 */
#include <sys/syscall.h>

#include "guest.h"
#include "vm.h"

#define ROUNDS 100

struct vectors {
	uint64_t ymm[16][4];
};

#define EACH(op) \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) \
	op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define LOAD_YMM(n) "vmovdqu 32*" #n "(%[in]), %%ymm" #n "\n\t"
#define SAVE_YMM(n) "vmovdqu %%ymm" #n ", 32*" #n "(%[out])\n\t"
#define LOAD_XMM(n) "movups 32*" #n "(%[in]), %%xmm" #n "\n\t"
#define SAVE_XMM(n) "movups %%xmm" #n ", 32*" #n "(%[out])\n\t"
#define ALL_XMM "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", \
	"xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", \
	"xmm15"

static uint64_t use_avx, seed;
static struct vectors mine, seen;

static void fill(struct vectors *v, uint64_t s)
{
	for (unsigned int r = 0; r < 16; r++)
		for (unsigned int p = 0; p < 4; p++)
			v->ymm[r][p] = s * 0x9e3779b97f4a7c15 +
				       r * 0x0101010101010101 + p;
}

/* Number of 8-byte parts that differ. */
static unsigned int differences(struct vectors *a, struct vectors *b, bool avx)
{
	unsigned int n = 0;

	for (unsigned int r = 0; r < 16; r++)
		for (unsigned int p = 0; p < (avx ? 4 : 2); p++)
			n += a->ymm[r][p] != b->ymm[r][p];
	return n;
}

#define NO_AVX 0xa7

static void no_avx(struct guest_frame *f)
{
	(void)f;
	for (;;)
		guest_sync(NO_AVX);
}

static void guest(void)
{
	if (use_avx) {
		WRITE_REG(cr4, READ_REG(cr4) | CR4_OSXSAVE);
		asm volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
		guest_handlers[VEC_UD] = no_avx;
	}
	fill(&mine, seed);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		/* Exits of two kinds between loading and storing. */
		if (use_avx)
			asm volatile(EACH(LOAD_YMM)
				     "cpuid\n\tout %%al, $0x80\n\t"
				     EACH(SAVE_YMM)
				     : : [in] "S"(&mine), [out] "D"(&seen),
				     "a"(0)
				     : "ebx", "ecx", "edx", "memory", ALL_XMM);
		else
			asm volatile(EACH(LOAD_XMM)
				     "cpuid\n\tout %%al, $0x80\n\t"
				     EACH(SAVE_XMM)
				     : : [in] "S"(&mine), [out] "D"(&seen),
				     "a"(0)
				     : "ebx", "ecx", "edx", "memory", ALL_XMM);
		GUEST_EQ(differences(&mine, &seen, use_avx), 0);
	}
}

/* KVM_RUN by hand, so that nothing else touches the registers around it. */
static long run_keeping(struct vcpu *vcpu, struct vectors *in,
			struct vectors *out, bool avx)
{
	long ret = SYS_ioctl;

	if (avx)
		asm volatile(EACH(LOAD_YMM) "xorl %%edx, %%edx\n\tsyscall\n\t"
			     EACH(SAVE_YMM) "vzeroupper\n\t"
			     : "+a"(ret)
			     : "D"((long)vcpu->fd), "S"((long)KVM_RUN),
			     [in] "b"(in), [out] "r"(out)
			     : "rcx", "rdx", "r11", "memory", ALL_XMM);
	else
		asm volatile(EACH(LOAD_XMM) "xorl %%edx, %%edx\n\tsyscall\n\t"
			     EACH(SAVE_XMM)
			     : "+a"(ret)
			     : "D"((long)vcpu->fd), "S"((long)KVM_RUN),
			     [in] "b"(in), [out] "r"(out)
			     : "rcx", "rdx", "r11", "memory", ALL_XMM);
	return ret;
}

static bool have_avx(void)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(supported_cpuid(), 1, 0);

	return e && (e->ecx >> 26 & 5) == 5;	/* XSAVE, AVX */
}

static struct vcpu *guest_with(uint64_t s, bool avx)
{
	struct vcpu *vcpu = guest64(guest);

	IN_GUEST(vcpu->vm, seed) = s;
	IN_GUEST(vcpu->vm, use_avx) = avx;
	return vcpu;
}

static void expect_port(struct vcpu *vcpu)
{
	CHECK_EQ(vcpu->run->exit_reason, KVM_EXIT_IO);
	if (vcpu->run->io.port == 0x80)
		return;
	if (!vcpu_is_done(vcpu) && on_tcg())
		SKIP("TCG forgets to allow AVX when it enters a guest");
	FAIL("the guest ended early, or has no AVX");
}

static void take_turns(struct vcpu *a, struct vcpu *b, bool host_avx)
{
	struct vectors in, out;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		fill(&in, i + 1000);
		CHECK_EQ(run_keeping(a, &in, &out, host_avx), 0);
		expect_port(a);
		CHECK_EQ(differences(&in, &out, host_avx), 0);
		CHECK_EQ(run_keeping(b, &in, &out, host_avx), 0);
		expect_port(b);
		CHECK_EQ(differences(&in, &out, host_avx), 0);
	}
	vcpu_until_done(a);
	vcpu_until_done(b);
}

TEST(sse_of_three_owners)
{
	take_turns(guest_with(1, false), guest_with(2, false), false);
}

/* The host's upper halves outlive a guest that knows nothing of them. */
TEST(avx_of_the_host)
{
	if (!have_avx())
		SKIP("no AVX here");
	take_turns(guest_with(1, false), guest_with(2, false), true);
}

TEST(avx_of_three_owners)
{
	if (!have_avx())
		SKIP("no AVX here");
	take_turns(guest_with(1, true), guest_with(2, true), true);
}

/* One guest has AVX on, the other not: XCR0 changes with the guest. */
TEST(different_xcr0)
{
	if (!have_avx())
		SKIP("no AVX here");
	take_turns(guest_with(1, true), guest_with(2, false), true);
}

static void x87_guest(void)
{
	double v = 0;
	uint16_t cw = 0x027f, got = 0;

	asm volatile("fninit; fldcw %0; fldpi" : : "m"(cw));
	for (int i = 0; i < 50; i++)
		asm volatile("out %%al, $0x80" : : "a"(0) : "memory");
	asm volatile("fnstcw %0; fstpl %1" : "=m"(got), "=m"(v));
	GUEST_EQ(got, cw);
	GUEST_EQ(*(uint64_t *)&v, 0x400921fb54442d18);
}

TEST(x87)
{
	struct vcpu *vcpu = guest64(x87_guest);
	uint16_t before = 0x0a7f, after = 0;

	asm volatile("fldcw %0" : : "m"(before));
	for (int i = 0; i < 50; i++)
		vcpu_expect(vcpu, KVM_EXIT_IO);
	asm volatile("fnstcw %0; fninit" : "=m"(after));
	CHECK_EQ(after, before);
	vcpu_until_done(vcpu);
}

/* CR0.TS is the guest's: #NM comes, and no exit is seen. */
static void ts_guest(void)
{
	WRITE_REG(cr0, READ_REG(cr0) | CR0_TS);
	GUEST_EQ(GUEST_TRY("fnop", : :), VEC_NM);
	asm volatile("clts");
	GUEST_EQ(GUEST_TRY("fnop", : :), NO_FAULT);
}

TEST(task_switched)
{
	vcpu_until_done(guest64(ts_guest));
}
