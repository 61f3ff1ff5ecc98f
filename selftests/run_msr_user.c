// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CAP_X86_USER_SPACE_MSR: accesses that the kernel refuses go to the VMM. */
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

static int enable(struct vm *vm, uint64_t reasons)
{
	struct kvm_enable_cap c = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { reasons },
	};

	return IOCTL(vm->fd, KVM_ENABLE_CAP, &c);
}

static struct vcpu *with(void (*fn)(void), uint64_t reasons)
{
	struct vcpu *vcpu;

	need_cap(KVM_CAP_X86_USER_SPACE_MSR, "X86_USER_SPACE_MSR");
	vcpu = guest64(fn);
	CHECK_OK(enable(vcpu->vm, reasons));
	return vcpu;
}

static void expect_msr(struct vcpu *vcpu, unsigned int exit, uint32_t index,
		       uint32_t reason)
{
	vcpu_expect(vcpu, exit);
	CHECK_EQ(vcpu->run->msr.index, index);
	CHECK_EQ(vcpu->run->msr.reason, reason);
	CHECK_EQ(vcpu->run->msr.error, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(vcpu->run->msr.pad); i++)
		CHECK_EQ(vcpu->run->msr.pad[i], 0);
}

static void unknown_guest(void)
{
	GUEST_EQ(rdmsr(MSR_UNKNOWN), 0x123456789abcdef0);
	GUEST_EQ(try_rdmsr(MSR_UNKNOWN), VEC_GP);
	GUEST_EQ(guest_fault.error, 0);
	GUEST_EQ(try_wrmsr(MSR_UNKNOWN, 0xfedcba9876543210), NO_FAULT);
	GUEST_EQ(try_wrmsr(MSR_UNKNOWN, 1), VEC_GP);
	/* Not asked for: a value that a known one refuses. */
	GUEST_EQ(try_wrmsr(MSR_PAT, 0x0303030303030303), VEC_GP);
}

TEST(unknown)
{
	struct vcpu *vcpu = with(unknown_guest, KVM_MSR_EXIT_REASON_UNKNOWN);
	struct kvm_run *run = vcpu->run;

	expect_msr(vcpu, KVM_EXIT_X86_RDMSR, MSR_UNKNOWN, KVM_MSR_EXIT_REASON_UNKNOWN);
	run->msr.data = 0x123456789abcdef0;
	expect_msr(vcpu, KVM_EXIT_X86_RDMSR, MSR_UNKNOWN, KVM_MSR_EXIT_REASON_UNKNOWN);
	run->msr.error = 1;
	expect_msr(vcpu, KVM_EXIT_X86_WRMSR, MSR_UNKNOWN, KVM_MSR_EXIT_REASON_UNKNOWN);
	CHECK_EQ(run->msr.data, 0xfedcba9876543210);
	expect_msr(vcpu, KVM_EXIT_X86_WRMSR, MSR_UNKNOWN, KVM_MSR_EXIT_REASON_UNKNOWN);
	run->msr.error = 1;
	vcpu_until_done(vcpu);
}

static void invalid_guest(void)
{
	uint64_t pat = rdmsr(MSR_PAT);

	GUEST_EQ(try_wrmsr(MSR_PAT, 0x0303030303030303), NO_FAULT);
	GUEST_EQ(rdmsr(MSR_PAT), pat);
	GUEST_EQ(try_rdmsr(MSR_UNKNOWN), VEC_GP);
}

TEST(invalid)
{
	struct vcpu *vcpu = with(invalid_guest, KVM_MSR_EXIT_REASON_INVAL);

	expect_msr(vcpu, KVM_EXIT_X86_WRMSR, MSR_PAT, KVM_MSR_EXIT_REASON_INVAL);
	CHECK_EQ(vcpu->run->msr.data, 0x0303030303030303);
	vcpu_until_done(vcpu);
}

/* The VMM's own calls are refused as before. */
TEST(not_the_vmms_own)
{
	struct vcpu *vcpu = with(unknown_guest, KVM_MSR_EXIT_REASON_UNKNOWN);

	CHECK_EQ(try_set_msr(vcpu, MSR_UNKNOWN, 1), 0);
}

static void off_guest(void)
{
	GUEST_EQ(rdmsr(MSR_UNKNOWN), 7);
	GUEST_EQ(try_rdmsr(MSR_UNKNOWN), VEC_GP);
}

TEST(switched_off_again)
{
	struct vcpu *vcpu = with(off_guest, KVM_MSR_EXIT_REASON_UNKNOWN);

	expect_msr(vcpu, KVM_EXIT_X86_RDMSR, MSR_UNKNOWN, KVM_MSR_EXIT_REASON_UNKNOWN);
	vcpu->run->msr.data = 7;
	CHECK_OK(enable(vcpu->vm, 0));
	vcpu_until_done(vcpu);
}

/* A VMM that puts the vCPU elsewhere wants nothing completed there. */
static void moved_guest(void)
{
	rdmsr(MSR_UNKNOWN);
	GUEST_CHECK(!"not reached");
}

static void elsewhere(void)
{
	guest_sync(READ_REG(rax));
}

TEST(registers_set_meanwhile)
{
	struct vcpu *vcpu = with(moved_guest, KVM_MSR_EXIT_REASON_UNKNOWN);
	struct kvm_regs r;

	if (on_stock_kvm())
		SKIP("KVM completes the access wherever the vCPU is");
	expect_msr(vcpu, KVM_EXIT_X86_RDMSR, MSR_UNKNOWN, KVM_MSR_EXIT_REASON_UNKNOWN);
	vcpu->run->msr.data = 7;
	get_regs(vcpu, &r);
	r.rip = (uintptr_t)elsewhere;
	r.rax = 9;
	set_regs(vcpu, &r);
	CHECK_EQ(vcpu_until_sync(vcpu), 9);
}

TEST(refusals)
{
	struct vm *vm = vm_bare();

	need_cap(KVM_CAP_X86_USER_SPACE_MSR, "X86_USER_SPACE_MSR");
	CHECK_ERRNO(enable(vm, 1u << 20), EINVAL);
	CHECK_ERRNO(enable(vm, 1ull << 40), EINVAL);
	CHECK_OK(enable(vm, 7));
}
