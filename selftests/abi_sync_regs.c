// SPDX-License-Identifier: GPL-2.0-only
/* Registers in kvm_run: kvm_valid_regs out, kvm_dirty_regs in. */
#include "guest.h"
#include "vm.h"

static void count(void)
{
	uint64_t n = 1;

	for (;;) {
		asm volatile("out %%al, $0x80" : "+b"(n) : "a"(0) : "memory");
		n++;
	}
}

TEST(out)
{
	struct vcpu *vcpu = guest64(count);
	struct kvm_run *run = vcpu->run;
	struct kvm_sregs s;
	struct kvm_regs r;

	run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	vcpu_expect(vcpu, KVM_EXIT_IO);
	get_regs(vcpu, &r);
	get_sregs(vcpu, &s);
	CHECK(!memcmp(&r, &run->s.regs.regs, sizeof(r)));
	CHECK(!memcmp(&s, &run->s.regs.sregs, sizeof(s)));
	CHECK_EQ(r.rbx, 1);
	run->kvm_valid_regs = 0;
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(run->s.regs.regs.rbx, 1);	/* not touched */
}

TEST(in)
{
	struct vcpu *vcpu = guest64(count);
	struct kvm_run *run = vcpu->run;
	struct kvm_regs r;

	run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	vcpu_expect(vcpu, KVM_EXIT_IO);
	run->s.regs.regs.rbx = 100;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(run->s.regs.regs.rbx, 101);
	CHECK_EQ(run->kvm_dirty_regs, 0);
	run->s.regs.regs.rbx = 200;		/* not marked dirty */
	vcpu_expect(vcpu, KVM_EXIT_IO);
	get_regs(vcpu, &r);
	CHECK_EQ(r.rbx, 102);
}

TEST(events)
{
	struct vcpu *vcpu = guest64(count);
	struct kvm_run *run = vcpu->run;

	run->kvm_valid_regs = KVM_SYNC_X86_EVENTS;
	vcpu_expect(vcpu, KVM_EXIT_IO);
	run->s.regs.events.nmi.masked = 1;
	run->kvm_dirty_regs = KVM_SYNC_X86_EVENTS;
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(run->s.regs.events.nmi.masked, 1);
}

TEST(refusals)
{
	struct vcpu *vcpu = guest64(count);
	struct kvm_run *run = vcpu->run;

	run->kvm_valid_regs = 1u << 20;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINVAL);
	run->kvm_valid_regs = 0;
	run->kvm_dirty_regs = 1u << 20;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINVAL);
	/* Bad contents are refused as by KVM_SET_SREGS. */
	run->kvm_dirty_regs = 0;
	run->kvm_valid_regs = KVM_SYNC_X86_SREGS;
	vcpu_expect(vcpu, KVM_EXIT_IO);
	run->s.regs.sregs.cr4 |= 1ul << 31;
	run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINVAL);
}
