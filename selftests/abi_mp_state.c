// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_MP_STATE, KVM_SET_MP_STATE. */
#include "guest.h"
#include "vm.h"

static unsigned int state(struct vcpu *vcpu)
{
	struct kvm_mp_state s = { .mp_state = 99 };

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_MP_STATE, &s));
	return s.mp_state;
}

static int set(struct vcpu *vcpu, unsigned int mp_state)
{
	struct kvm_mp_state s = { .mp_state = mp_state };

	return IOCTL(vcpu->fd, KVM_SET_MP_STATE, &s);
}

TEST(without_irqchip)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	CHECK_EQ(state(vcpu), KVM_MP_STATE_RUNNABLE);
	CHECK_OK(set(vcpu, KVM_MP_STATE_RUNNABLE));
	CHECK_ERRNO(set(vcpu, KVM_MP_STATE_HALTED), EINVAL);
	CHECK_ERRNO(set(vcpu, KVM_MP_STATE_INIT_RECEIVED), EINVAL);
}

TEST(with_irqchip)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);

	CHECK_EQ(state(vcpu), KVM_MP_STATE_RUNNABLE);
	CHECK_OK(set(vcpu, KVM_MP_STATE_HALTED));
	CHECK_EQ(state(vcpu), KVM_MP_STATE_HALTED);
	CHECK_ERRNO(set(vcpu, 77), EINVAL);
	CHECK_EQ(state(vcpu), KVM_MP_STATE_HALTED);
}

/* Only vCPU 0 starts running where the kernel has the APICs. */
TEST(others_wait)
{
	struct vm *vm = vm_new_irqchip();

	if (dev_cap(vm->fd, KVM_CAP_MAX_VCPUS) < 2)
		SKIP("one vCPU only");
	vcpu_new(vm, 0);
	CHECK_EQ(state(vcpu_new(vm, 1)), KVM_MP_STATE_UNINITIALIZED);
}
