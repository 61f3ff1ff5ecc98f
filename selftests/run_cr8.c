// SPDX-License-Identifier: GPL-2.0-only
/* CR8 without an in-kernel APIC: shared with userspace through kvm_run. */
#include "guest.h"
#include "vm.h"

static void guest(void)
{
	WRITE_REG(cr8, 7);
	guest_sync(1);
	guest_sync(READ_REG(cr8));
	WRITE_REG(cr8, 0);
	guest_sync(3);
}

/*
 * A lowered TPR may exit with KVM_EXIT_SET_TPR, so that userspace can look for
 * interrupts that it held back.
 */
static uint64_t next_sync(struct vcpu *vcpu, unsigned int *tpr_exits)
{
	struct kvm_run *run = vcpu->run;
	struct guest_call *call;
	uint32_t addr;

	while (vcpu_run(vcpu) == KVM_EXIT_SET_TPR)
		++*tpr_exits;
	CHECK_EQ(run->exit_reason, KVM_EXIT_IO);
	CHECK(!vcpu_is_done(vcpu));
	memcpy(&addr, (char *)run + run->io.data_offset, 4);
	call = gpa(vcpu->vm, (void *)(uintptr_t)addr);
	return call->arg[0];
}

TEST(shared)
{
	struct vcpu *vcpu = guest64(guest);
	unsigned int tpr_exits = 0;
	struct kvm_sregs s;

	CHECK_EQ(next_sync(vcpu, &tpr_exits), 1);
	CHECK_EQ(tpr_exits, 0);
	CHECK_EQ(vcpu->run->cr8, 7);
	get_sregs(vcpu, &s);
	CHECK_EQ(s.cr8, 7);
	vcpu->run->cr8 = 5;
	CHECK_EQ(next_sync(vcpu, &tpr_exits), 5);
	CHECK_EQ(next_sync(vcpu, &tpr_exits), 3);
	CHECK_EQ(tpr_exits, 1);
	CHECK_EQ(vcpu->run->cr8, 0);
}

static void reserved_guest(void)
{
	guest_sync(GUEST_TRY("movq %0, %%cr8", : : "r"(16ul)));
}

TEST(reserved_bits_fault)
{
	uint64_t vector = vcpu_until_sync(guest64(reserved_guest));

	if (vector == NO_FAULT && on_tcg())
		SKIP("TCG does not check CR8 where it is not intercepted");
	CHECK_EQ(vector, VEC_GP);
}

TEST(bad_value)
{
	struct vcpu *vcpu = guest64(guest);

	vcpu->run->cr8 = 16;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINVAL);
}

/* Where the VMM has the LAPIC it finds IA32_APIC_BASE here too. */
TEST(apic_base_is_shown)
{
	struct vcpu *vcpu = guest64(guest);
	struct kvm_sregs s;

	get_sregs(vcpu, &s);
	s.apic_base = 0xfed00900;
	set_sregs(vcpu, &s);
	vcpu_run(vcpu);
	CHECK_EQ(vcpu->run->apic_base, 0xfed00900);
}
