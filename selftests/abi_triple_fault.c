// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CAP_X86_TRIPLE_FAULT_EVENT: a shutdown that is due travels with the events. */
#include "guest.h"
#include "vm.h"

static void enable(struct vm *vm, uint64_t on)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .args = { on } };

	need_cap(KVM_CAP_X86_TRIPLE_FAULT_EVENT, "X86_TRIPLE_FAULT_EVENT");
	CHECK_OK(IOCTL(vm->fd, KVM_ENABLE_CAP, &c));
}

static struct kvm_vcpu_events events(struct vcpu *vcpu)
{
	struct kvm_vcpu_events e = { 0 };

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	return e;
}

static int set_pending(struct vcpu *vcpu, bool pending)
{
	struct kvm_vcpu_events e = events(vcpu);

	e.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	e.triple_fault.pending = pending;
	return IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
}

static void guest(void)
{
	guest_sync(1);
	guest_sync(2);
}

TEST(taken_at_the_next_run)
{
	struct vcpu *vcpu = guest64(guest);

	enable(vcpu->vm, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK(events(vcpu).flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	CHECK_EQ(events(vcpu).triple_fault.pending, 0);
	CHECK_OK(set_pending(vcpu, true));
	CHECK_EQ(events(vcpu).triple_fault.pending, 1);
	vcpu_expect(vcpu, KVM_EXIT_SHUTDOWN);
	CHECK_EQ(events(vcpu).triple_fault.pending, 0);
}

TEST(taken_back)
{
	struct vcpu *vcpu = guest64(guest);

	enable(vcpu->vm, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(set_pending(vcpu, true));
	CHECK_OK(set_pending(vcpu, false));
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
}

TEST(not_enabled)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	need_cap(KVM_CAP_X86_TRIPLE_FAULT_EVENT, "X86_TRIPLE_FAULT_EVENT");
	CHECK_EQ(events(vcpu).flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT, 0);
	CHECK_ERRNO(set_pending(vcpu, true), EINVAL);
	enable(vcpu->vm, 1);
	enable(vcpu->vm, 0);
	CHECK_ERRNO(set_pending(vcpu, true), EINVAL);
}
