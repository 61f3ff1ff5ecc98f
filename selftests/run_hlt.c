// SPDX-License-Identifier: GPL-2.0-only
/* HLT exits to userspace when no in-kernel interrupt controller exists. */
#include "guest.h"
#include "vm.h"

static void hlt_guest(void)
{
	asm volatile("hlt");
	guest_sync(1);
	asm volatile("hlt");
}

TEST(hlt_exits_and_goes_on)
{
	struct vcpu *vcpu = guest64(hlt_guest);
	struct kvm_regs before, after;

	get_regs(vcpu, &before);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
	get_regs(vcpu, &after);
	CHECK(after.rip != before.rip);
	/* RIP is past the instruction. */
	CHECK_EQ(*(uint8_t *)gpa(vcpu->vm, (void *)(after.rip - 1)), 0xf4);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
	vcpu_until_done(vcpu);
}

TEST(hlt_reports_if_flag)
{
	struct vcpu *vcpu = guest64(hlt_guest);
	struct kvm_regs r;

	get_regs(vcpu, &r);
	r.rflags |= RFLAGS_IF;
	set_regs(vcpu, &r);
	vcpu_expect(vcpu, KVM_EXIT_HLT);
	CHECK_EQ(vcpu->run->if_flag, 1);
}
