// SPDX-License-Identifier: GPL-2.0-only
/* MSRs from inside the guest: values kept, unknown ones fault, TSC moves. */
#include "guest.h"
#include "vm.h"

static uint64_t try_wrmsr(uint32_t msr, uint64_t v)
{
	return GUEST_TRY("wrmsr", : : "c"(msr), "a"((uint32_t)v),
			 "d"((uint32_t)(v >> 32)) : "memory");
}

static uint64_t try_rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	return GUEST_TRY("rdmsr", : "=a"(lo), "=d"(hi) : "c"(msr));
}

static void keep_guest(void)
{
	static const struct { uint32_t msr; uint64_t v; } row[] = {
		{ MSR_STAR, 0x0023001000000000 },
		{ MSR_LSTAR, 0xffffffff81000000 },
		{ MSR_CSTAR, 0xffffffff82000000 },
		{ MSR_FMASK, 0x47700 },
		{ MSR_SYSENTER_CS, 0x10 },
		{ MSR_SYSENTER_ESP, 0x1000 },
		{ MSR_SYSENTER_EIP, 0x2000 },
		{ MSR_FS_BASE, 0x7f0000000000 },
		{ MSR_GS_BASE, 0xffff888000000000 },
		{ MSR_KERNEL_GS_BASE, 0xffff888100000000 },
		{ MSR_PAT, 0x0407050600070106 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++)
		GUEST_EQ(try_wrmsr(row[i].msr, row[i].v), NO_FAULT);
	guest_sync(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++)
		GUEST_EQ(rdmsr(row[i].msr), row[i].v);
	asm volatile("swapgs");
	GUEST_EQ(rdmsr(MSR_GS_BASE), 0xffff888100000000);
}

TEST(kept_across_exits)
{
	struct vcpu *vcpu = guest64(keep_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(get_msr(vcpu, MSR_LSTAR), 0xffffffff81000000);
	CHECK_EQ(get_msr(vcpu, MSR_KERNEL_GS_BASE), 0xffff888100000000);
	vcpu_until_done(vcpu);
}

/*
 * Bases that the guest loads without an exit must outlive a register that the
 * hypervisor writes for it (CR4.PVI means nothing to this guest).
 */
static void bases_guest(void)
{
	uint64_t cr4;

	for (unsigned int i = 1; i < 5; i++) {
		wrmsr(MSR_FS_BASE, 0x7f0000000000 + i);
		wrmsr(MSR_GS_BASE, 0xffff888000000000 + i);
		wrmsr(MSR_KERNEL_GS_BASE, 0xffff888100000000 + i);
		asm volatile("mov %%cr4, %0; xor $2, %0; mov %0, %%cr4" : "=&r"(cr4));
		GUEST_EQ(rdmsr(MSR_FS_BASE), 0x7f0000000000 + i);
		GUEST_EQ(rdmsr(MSR_GS_BASE), 0xffff888000000000 + i);
		GUEST_EQ(rdmsr(MSR_KERNEL_GS_BASE), 0xffff888100000000 + i);
	}
}

TEST(bases_outlive_a_cr4_write)
{
	vcpu_until_done(guest64(bases_guest));
}

static void fault_guest(void)
{
	GUEST_EQ(try_rdmsr(MSR_UNKNOWN), VEC_GP);
	GUEST_EQ(guest_fault.error, 0);
	GUEST_EQ(try_wrmsr(MSR_UNKNOWN, 0), VEC_GP);
	GUEST_EQ(try_wrmsr(MSR_PAT, 0x0303030303030303), VEC_GP);
	GUEST_EQ(try_wrmsr(MSR_EFER, 1ul << 40), VEC_GP);
	/* LME cannot change while paging is on. */
	GUEST_EQ(try_wrmsr(MSR_EFER, EFER_SCE), VEC_GP);
	GUEST_EQ(try_wrmsr(MSR_APIC_BASE, 1ul << 60), VEC_GP);
	GUEST_CHECK(rdmsr(MSR_EFER) & EFER_LMA);
}

TEST(bad_ones_fault)
{
	vcpu_until_done(guest64(fault_guest));
}

/* SYSCALL is an instruction only with EFER.SCE, also where the host's has it. */
extern char landing[];
asm("landing:	jmp *%rcx");

static void sce_guest(void)
{
	uint64_t efer = rdmsr(MSR_EFER);

	wrmsr(MSR_STAR, (uint64_t)SEL_CODE64 << 32);
	wrmsr(MSR_LSTAR, (uint64_t)landing);
	for (int i = 0; i < 3; i++) {
		wrmsr(MSR_EFER, efer & ~EFER_SCE);
		GUEST_EQ(GUEST_TRY("syscall", : : : "rcx", "r11", "memory"), VEC_UD);
		guest_sync(i);
		GUEST_EQ(GUEST_TRY("syscall", : : : "rcx", "r11", "memory"), VEC_UD);
		wrmsr(MSR_EFER, efer | EFER_SCE);
		GUEST_EQ(GUEST_TRY("syscall", : : : "rcx", "r11", "memory"), NO_FAULT);
	}
}

TEST(no_syscall_without_sce)
{
	struct vcpu *vcpu = guest64(sce_guest);

	for (uint64_t i = 0; i < 3; i++)
		CHECK_EQ(vcpu_until_sync(vcpu), i);
	vcpu_until_done(vcpu);
}

static void tsc_guest(void)
{
	uint64_t a = rdtsc(), b;

	for (int i = 0; i < 100; i++) {
		b = rdtsc();
		GUEST_CHECK(b >= a);
		a = b;
		if (i % 25 == 0)
			guest_sync(a);
	}
	/* Written, it goes on from there. */
	wrmsr(MSR_TSC, 1ul << 52);
	a = rdtsc();
	GUEST_CHECK(a >= 1ul << 52 && a < (1ul << 52) + (1ul << 40));
	b = rdmsr(MSR_TSC);
	GUEST_CHECK(b >= a);
	guest_sync(b);
	GUEST_CHECK(rdtsc() > b);
}

TEST(tsc_moves_forward)
{
	struct vcpu *vcpu = guest64(tsc_guest);
	uint64_t last = 0, now;

	for (int i = 0; i < 4; i++) {
		now = vcpu_until_sync(vcpu);
		CHECK(now > last);
		last = now;
		nap_ms(2);
	}
	now = vcpu_until_sync(vcpu);
	CHECK(get_msr(vcpu, MSR_TSC) > now);
	vcpu_until_done(vcpu);
}

static void tsd_guest(void)
{
	uint64_t start = rdtsc();

	/* CR4.TSD only concerns ring 3. */
	WRITE_REG(cr4, READ_REG(cr4) | CR4_TSD);
	GUEST_CHECK(rdtsc() >= start);
}

TEST(tsc_disable)
{
	vcpu_until_done(guest64(tsd_guest));
}
