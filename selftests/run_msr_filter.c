// SPDX-License-Identifier: GPL-2.0-only
/* KVM_X86_SET_MSR_FILTER: ranges, bitmaps, the default, and changes under way. */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define SYSENTER_BIT(n)	(1u << ((n) - MSR_SYSENTER_CS))

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

static int set_filter(struct vm *vm, const struct kvm_msr_filter *f)
{
	return IOCTL(vm->fd, KVM_X86_SET_MSR_FILTER, f);
}

static void reasons(struct vm *vm, uint64_t mask)
{
	struct kvm_enable_cap c = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { mask },
	};

	CHECK_OK(IOCTL(vm->fd, KVM_ENABLE_CAP, &c));
}

static struct vcpu *guest(void (*fn)(void))
{
	need_cap(KVM_CAP_X86_MSR_FILTER, "X86_MSR_FILTER");
	return guest64(fn);
}

/* One range: @n MSRs from @base on, of which those in @allowed pass. */
static struct kvm_msr_filter one(uint32_t flags, uint32_t access, uint32_t base,
				 uint32_t n, uint64_t *allowed)
{
	struct kvm_msr_filter f = { .flags = flags };

	f.ranges[0] = (struct kvm_msr_filter_range){
		.flags = access, .base = base, .nmsrs = n, .bitmap = (uint8_t *)allowed,
	};
	return f;
}

#define BOTH	(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

static void some_guest(void)
{
	GUEST_EQ(try_wrmsr(MSR_SYSENTER_CS, 0x10), NO_FAULT);
	GUEST_EQ(try_wrmsr(MSR_SYSENTER_ESP, 0x1000), VEC_GP);
	GUEST_EQ(try_rdmsr(MSR_SYSENTER_ESP), VEC_GP);
	GUEST_EQ(try_rdmsr(MSR_SYSENTER_EIP), NO_FAULT);
	/* Outside the range: the default. */
	GUEST_EQ(try_rdmsr(MSR_PAT), NO_FAULT);
	GUEST_EQ(try_rdmsr(MSR_FS_BASE), NO_FAULT);
}

TEST(denied_by_bitmap)
{
	struct vcpu *vcpu = guest(some_guest);
	uint64_t map = SYSENTER_BIT(MSR_SYSENTER_CS) | SYSENTER_BIT(MSR_SYSENTER_EIP);
	struct kvm_msr_filter f = one(0, BOTH, MSR_SYSENTER_CS, 3, &map);

	CHECK_OK(set_filter(vcpu->vm, &f));
	/* The VMM's own accesses are not filtered. */
	CHECK_EQ(try_set_msr(vcpu, MSR_SYSENTER_ESP, 0x77), 1);
	CHECK_EQ(get_msr(vcpu, MSR_SYSENTER_ESP), 0x77);
	vcpu_until_done(vcpu);
	CHECK_EQ(get_msr(vcpu, MSR_SYSENTER_ESP), 0x77);
}

/* MSRs that the hardware would serve by itself. */
static void passed_guest(void)
{
	GUEST_EQ(try_wrmsr(MSR_GS_BASE, 0x1000), VEC_GP);
	GUEST_EQ(try_rdmsr(MSR_GS_BASE), NO_FAULT);
	GUEST_EQ(try_wrmsr(MSR_FS_BASE, 0x2000), NO_FAULT);
	GUEST_EQ(rdmsr(MSR_FS_BASE), 0x2000);
	GUEST_EQ(try_wrmsr(MSR_KERNEL_GS_BASE, 0x3000), VEC_GP);
	guest_sync(1);
	/* The filter is gone. */
	GUEST_EQ(try_wrmsr(MSR_GS_BASE, 0x1000), NO_FAULT);
	GUEST_EQ(rdmsr(MSR_GS_BASE), 0x1000);
	guest_sync(2);
	GUEST_EQ(try_wrmsr(MSR_GS_BASE, 0x4000), VEC_GP);
	GUEST_EQ(rdmsr(MSR_GS_BASE), 0x1000);
	GUEST_EQ(rdmsr(MSR_FS_BASE), 0x2000);
}

TEST(pass_through_follows)
{
	struct vcpu *vcpu = guest(passed_guest);
	uint64_t map = 1;	/* of FS, GS, KERNEL_GS only the first */
	struct kvm_msr_filter f = one(0, KVM_MSR_FILTER_WRITE, MSR_FS_BASE, 3, &map);
	struct kvm_msr_filter none = {};

	CHECK_OK(set_filter(vcpu->vm, &f));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(set_filter(vcpu->vm, &none));
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_OK(set_filter(vcpu->vm, &f));
	vcpu_until_done(vcpu);
}

static void exit_guest(void)
{
	GUEST_EQ(rdmsr(MSR_GS_BASE), 0x77);
	GUEST_EQ(try_wrmsr(MSR_PAT, 5), VEC_GP);
	GUEST_EQ(rdmsr(MSR_UNKNOWN), 0x99);
}

TEST(denied_ones_exit)
{
	struct vcpu *vcpu = guest(exit_guest);
	struct kvm_run *run = vcpu->run;
	uint64_t map = ~0ull;
	/* All but FMASK..FMASK+63 is denied. */
	struct kvm_msr_filter f = one(KVM_MSR_FILTER_DEFAULT_DENY, BOTH, MSR_FMASK, 64, &map);

	reasons(vcpu->vm, KVM_MSR_EXIT_REASON_FILTER);
	CHECK_OK(set_filter(vcpu->vm, &f));
	vcpu_expect(vcpu, KVM_EXIT_X86_RDMSR);
	CHECK_EQ(run->msr.reason, KVM_MSR_EXIT_REASON_FILTER);
	CHECK_EQ(run->msr.index, MSR_GS_BASE);
	run->msr.data = 0x77;
	vcpu_expect(vcpu, KVM_EXIT_X86_WRMSR);
	CHECK_EQ(run->msr.index, MSR_PAT);
	CHECK_EQ(run->msr.data, 5);
	run->msr.error = 1;
	vcpu_expect(vcpu, KVM_EXIT_X86_RDMSR);
	CHECK_EQ(run->msr.index, MSR_UNKNOWN);
	CHECK_EQ(run->msr.reason, KVM_MSR_EXIT_REASON_FILTER);
	run->msr.data = 0x99;
	vcpu_until_done(vcpu);
}

/* The first range that names the MSR for the access decides. */
static void order_guest(void)
{
	GUEST_EQ(try_rdmsr(MSR_SYSENTER_CS), NO_FAULT);
	GUEST_EQ(try_wrmsr(MSR_SYSENTER_CS, 1), VEC_GP);
	GUEST_EQ(try_rdmsr(MSR_SYSENTER_ESP), VEC_GP);
}

TEST(first_range_decides)
{
	struct vcpu *vcpu = guest(order_guest);
	uint64_t yes = 1, no = 0;
	struct kvm_msr_filter f = one(KVM_MSR_FILTER_DEFAULT_DENY, KVM_MSR_FILTER_READ,
				      MSR_SYSENTER_CS, 1, &yes);

	f.ranges[5] = (struct kvm_msr_filter_range){
		.flags = BOTH, .base = MSR_SYSENTER_CS, .nmsrs = 1, .bitmap = (uint8_t *)&no,
	};
	CHECK_OK(set_filter(vcpu->vm, &f));
	vcpu_until_done(vcpu);
}

/* The APIC's registers are never filtered. */
static void x2apic_guest(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1 << 10);
	GUEST_EQ(try_rdmsr(0x802), NO_FAULT);
	GUEST_EQ(try_wrmsr(0x80b, 0), NO_FAULT);
	GUEST_EQ(try_rdmsr(MSR_PAT), VEC_GP);
}

TEST(x2apic_is_exempt)
{
	struct vcpu *vcpu;
	uint64_t map = 1;
	struct kvm_msr_filter f = one(KVM_MSR_FILTER_DEFAULT_DENY, BOTH, MSR_APIC_BASE, 1, &map);

	need_cap(KVM_CAP_X86_MSR_FILTER, "X86_MSR_FILTER");
	vcpu = guest64_irqchip(x2apic_guest);
	CHECK_OK(set_filter(vcpu->vm, &f));
	vcpu_until_done(vcpu);
}

TEST(refusals)
{
	struct vm *vm = vm_bare();
	uint64_t map[200] = {};
	struct kvm_msr_filter f = one(2, BOTH, 0, 1, map);

	need_cap(KVM_CAP_X86_MSR_FILTER, "X86_MSR_FILTER");
	CHECK_ERRNO(set_filter(vm, &f), EINVAL);
	f = one(0, 0, 0, 1, map);
	CHECK_ERRNO(set_filter(vm, &f), EINVAL);
	f = one(0, BOTH | 4, 0, 1, map);
	CHECK_ERRNO(set_filter(vm, &f), EINVAL);
	f = one(0, BOTH, 0, 0x600 * 8 + 1, map);
	CHECK_ERRNO(set_filter(vm, &f), EINVAL);
	f = one(0, BOTH, 0, ~0u, map);
	CHECK_ERRNO(set_filter(vm, &f), EINVAL);
	f = one(0, BOTH, 0, 64, BAD_PTR);
	CHECK_ERRNO(set_filter(vm, &f), EFAULT);
	/* Everything denied, and no range that says otherwise. */
	f = (struct kvm_msr_filter){ .flags = KVM_MSR_FILTER_DEFAULT_DENY };
	CHECK_ERRNO(set_filter(vm, &f), EINVAL);
	CHECK_ERRNO(ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, BAD_PTR), EFAULT);
	f = (struct kvm_msr_filter){};
	CHECK_OK(set_filter(vm, &f));
}

/* Filters come and go while the guest uses what they are about. */
static void busy_guest(void)
{
	for (uint64_t i = 0;; i++) {
		if (try_wrmsr(MSR_FS_BASE, i) == NO_FAULT)
			GUEST_EQ(rdmsr(MSR_FS_BASE), i);
		if (try_wrmsr(MSR_SYSENTER_EIP, i) == NO_FAULT)
			GUEST_EQ(rdmsr(MSR_SYSENTER_EIP), i);
		if (i % 64 == 0)
			guest_sync(i);
	}
}

static volatile bool stop;

static void *changes(void *arg)
{
	uint64_t map[64] = {};
	struct kvm_msr_filter f = one(0, KVM_MSR_FILTER_WRITE, MSR_FS_BASE, 1, map);
	struct kvm_msr_filter g = one(0, KVM_MSR_FILTER_WRITE, MSR_SYSENTER_EIP, 1, map);
	struct kvm_msr_filter none = {};

	while (!stop) {
		CHECK_OK(set_filter(arg, &f));
		CHECK_OK(set_filter(arg, &g));
		CHECK_OK(set_filter(arg, &none));
	}
	return NULL;
}

TEST_LIMIT(changed_while_running, 60)
{
	struct vcpu *vcpu = guest(busy_guest);
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, changes, vcpu->vm), 0);
	for (int i = 0; i < 50; i++)
		vcpu_until_sync(vcpu);
	stop = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
}
