// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS. */
#include "guest.h"
#include "vm.h"

static struct kvm_vcpu_events events(struct vcpu *vcpu)
{
	struct kvm_vcpu_events e = { 0 };

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	return e;
}

TEST(reset_state)
{
	struct kvm_vcpu_events e = events(vcpu_new(vm_bare(), 0));

	CHECK_EQ(e.exception.injected, 0);
	CHECK_EQ(e.exception.pending, 0);
	CHECK_EQ(e.interrupt.injected, 0);
	CHECK_EQ(e.nmi.injected, 0);
	CHECK_EQ(e.nmi.pending, 0);
	CHECK_EQ(e.nmi.masked, 0);
	CHECK_EQ(e.flags & ~(KVM_VCPUEVENT_VALID_NMI_PENDING |
			     KVM_VCPUEVENT_VALID_SHADOW |
			     KVM_VCPUEVENT_VALID_SMM |
			     KVM_VCPUEVENT_VALID_SIPI_VECTOR), 0);
}

TEST(round_trip)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_vcpu_events e = events(vcpu);

	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	e.interrupt.injected = 1;
	e.interrupt.nr = 0x45;
	e.nmi.pending = 1;
	e.nmi.masked = 1;
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	e = events(vcpu);
	CHECK_EQ(e.interrupt.injected, 1);
	CHECK_EQ(e.interrupt.nr, 0x45);
	CHECK_EQ(e.nmi.pending, 1);
	CHECK_EQ(e.nmi.masked, 1);
	CHECK(e.interrupt.shadow);
}

TEST(refusals)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_vcpu_events e = events(vcpu);

	e.flags = 1u << 30;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
	/* Payloads need the capability enabled. */
	e.flags = KVM_VCPUEVENT_VALID_PAYLOAD;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
	e.flags = 0;
	e.exception.injected = 1;
	e.exception.nr = 32;		/* no exception */
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
	e.exception.nr = 2;		/* NMI is not one either */
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
}

static volatile uint64_t seen_error;

static void gp_handler(struct guest_frame *f)
{
	seen_error = f->error;
	guest_sync(2);
}

static void spin(void)
{
	guest_handlers[VEC_GP] = gp_handler;
	guest_sync(1);
	guest_sync(3);
}

/* An exception given here is the next thing the guest sees. */
TEST(exception_is_delivered)
{
	struct vcpu *vcpu = guest64(spin);
	struct kvm_vcpu_events e;

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	e = events(vcpu);
	e.exception.injected = 1;
	e.exception.nr = VEC_GP;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0x18;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_EQ(IN_GUEST(vcpu->vm, seen_error), 0x18);
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
}
