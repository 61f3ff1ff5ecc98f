// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CAP_EXCEPTION_PAYLOAD: a pending exception and what it will do to CR2, DR6. */
#include "guest.h"
#include "vm.h"

static void enable(struct vm *vm)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .args = { 1 } };

	need_cap(KVM_CAP_EXCEPTION_PAYLOAD, "EXCEPTION_PAYLOAD");
	CHECK_OK(IOCTL(vm->fd, KVM_ENABLE_CAP, &c));
}

static struct kvm_vcpu_events events(struct vcpu *vcpu)
{
	struct kvm_vcpu_events e = { 0 };

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	return e;
}

static struct kvm_vcpu_events pending(struct vcpu *vcpu, uint8_t nr, uint64_t payload)
{
	struct kvm_vcpu_events e = events(vcpu);

	CHECK(e.flags & KVM_VCPUEVENT_VALID_PAYLOAD);
	CHECK_EQ(e.exception.pending, 0);
	e.flags = KVM_VCPUEVENT_VALID_PAYLOAD;
	e.exception.pending = 1;
	e.exception.nr = nr;
	e.exception_has_payload = 1;
	e.exception_payload = payload;
	return e;
}

static volatile uint64_t vector, error, cr2, dr6;

static void on_fault(struct guest_frame *f)
{
	vector = f->vector;
	error = f->error;
	cr2 = READ_REG(cr2);
	dr6 = READ_REG(dr6);
}

static void guest(void)
{
	guest_handlers[VEC_PF] = on_fault;
	guest_handlers[VEC_DB] = on_fault;
	guest_sync(1);
	guest_sync(2);
}

TEST(page_fault)
{
	struct vcpu *vcpu = guest64(guest);
	struct kvm_vcpu_events e;
	struct kvm_sregs s;

	enable(vcpu->vm);
	vcpu_until_sync(vcpu);
	/* The port access ends first. */
	vcpu->run->immediate_exit = 1;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
	e = pending(vcpu, VEC_PF, 0x7000123);
	e.exception.has_error_code = 1;
	e.exception.error_code = 2;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	e = events(vcpu);
	CHECK_EQ(e.exception.pending, 1);
	CHECK_EQ(e.exception.injected, 0);
	CHECK_EQ(e.exception.nr, VEC_PF);
	CHECK_EQ(e.exception.error_code, 2);
	CHECK_EQ(e.exception_has_payload, 1);
	CHECK_EQ(e.exception_payload, 0x7000123);
	/* Nothing has been delivered. */
	get_sregs(vcpu, &s);
	CHECK(s.cr2 != 0x7000123);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_EQ(IN_GUEST(vcpu->vm, vector), VEC_PF);
	CHECK_EQ(IN_GUEST(vcpu->vm, error), 2);
	CHECK_EQ(IN_GUEST(vcpu->vm, cr2), 0x7000123);
	CHECK_EQ(events(vcpu).exception.pending, 0);
}

TEST(debug)
{
	struct vcpu *vcpu = guest64(guest);
	struct kvm_vcpu_events e;

	enable(vcpu->vm);
	vcpu_until_sync(vcpu);
	vcpu->run->immediate_exit = 1;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
	e = pending(vcpu, VEC_DB, 1 << 14);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_EQ(IN_GUEST(vcpu->vm, vector), VEC_DB);
	CHECK_EQ(IN_GUEST(vcpu->vm, dr6) & 0xe00f, 1 << 14);
}

/* Bits that DR6 does not have, and payloads where there are none, do no harm. */
TEST(hostile)
{
	struct vcpu *vcpu = guest64(guest);
	struct kvm_vcpu_events e;

	enable(vcpu->vm);
	if (on_stock_kvm())
		SKIP("KVM hands all of the bits to the CPU");
	vcpu_until_sync(vcpu);
	e = pending(vcpu, VEC_DB, ~0ull);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_EQ(IN_GUEST(vcpu->vm, dr6), 0xffffefff);
	e = pending(vcpu, VEC_GP, ~0ull);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	CHECK_EQ(events(vcpu).exception_has_payload, 0);
}

TEST(refusals)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_PAYLOAD };

	need_cap(KVM_CAP_EXCEPTION_PAYLOAD, "EXCEPTION_PAYLOAD");
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
	CHECK_EQ(events(vcpu).flags & KVM_VCPUEVENT_VALID_PAYLOAD, 0);
	enable(vcpu->vm);
	e = pending(vcpu, 32, 0);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
	e = pending(vcpu, VEC_NMI, 0);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
}
