// SPDX-License-Identifier: GPL-2.0-only
/* A triple fault is KVM_EXIT_SHUTDOWN, and the VM can be reused after it. */
#include "guest.h"
#include "vm.h"

static void triple(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	asm volatile("lidt %0; ud2" : : "m"(none));
}

TEST(triple_fault)
{
	struct vcpu *vcpu = guest64(triple);

	vcpu_expect(vcpu, KVM_EXIT_SHUTDOWN);
}

static void hello(void)
{
	guest_sync(4);
}

/* As a VMM resets a machine: new registers, and on it goes. */
TEST(reset_afterwards)
{
	struct vcpu *vcpu = guest64(triple);

	vcpu_expect(vcpu, KVM_EXIT_SHUTDOWN);
	vcpu_mode64(vcpu, hello);
	CHECK_EQ(vcpu_until_sync(vcpu), 4);
	vcpu_until_done(vcpu);
}

/* Another VM is not concerned. */
TEST(other_vm_goes_on)
{
	struct vcpu *bad = guest64(triple), *good = guest64(hello);

	vcpu_expect(bad, KVM_EXIT_SHUTDOWN);
	CHECK_EQ(vcpu_until_sync(good), 4);
	vcpu_until_done(good);
}
