// SPDX-License-Identifier: GPL-2.0-only
/* Guest state that the CPU refuses: KVM_EXIT_FAIL_ENTRY, not a crash. */
#include "guest.h"
#include "vm.h"

static void hello(void)
{
	guest_sync(1);
}

/*
 * AMD64 APM volume 2, "Canonicalization and Consistency Checks": CS.L and CS.D
 * both set in long mode is an illegal state. KVM_SET_SREGS lets it through.
 */
TEST(long_mode_with_l_and_d)
{
	struct vcpu *vcpu = guest64(hello);
	struct kvm_sregs s;
	unsigned int reason;

	get_sregs(vcpu, &s);
	s.cs.db = 1;
	if (IOCTL(vcpu->fd, KVM_SET_SREGS, &s)) {
		CHECK_EQ(errno, EINVAL);
		SKIP("refused already by KVM_SET_SREGS");
	}
	reason = vcpu_run(vcpu);
	if (reason == KVM_EXIT_IO)
		SKIP("this (emulated) CPU accepts the state");
	CHECK_EQ(reason, KVM_EXIT_FAIL_ENTRY);
	/*
	 * Repaired, it runs. Registers are set again, because TCG stores the
	 * host's over the guest's when it refuses an entry.
	 */
	vcpu_mode64(vcpu, hello);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
}
