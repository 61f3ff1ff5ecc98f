// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_LAPIC, KVM_SET_LAPIC: the 1 KiB register page. */
#include "vm.h"

static uint32_t reg(struct kvm_lapic_state *s, unsigned int off)
{
	uint32_t v;

	memcpy(&v, s->regs + off, 4);
	return v;
}

static void put(struct kvm_lapic_state *s, unsigned int off, uint32_t v)
{
	memcpy(s->regs + off, &v, 4);
}

TEST(reset_state)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);
	struct kvm_lapic_state s;

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_LAPIC, &s));
	CHECK_EQ(reg(&s, APIC_ID), 0);
	CHECK_EQ(reg(&s, APIC_VERSION) & 0xff, 0x14);
	CHECK_EQ(reg(&s, APIC_SVR), 0xff);
	CHECK_EQ(reg(&s, APIC_DFR), 0xffffffff);
	CHECK_EQ(reg(&s, APIC_LVTT), APIC_LVT_MASKED);
	CHECK_EQ(reg(&s, APIC_LVT1), APIC_LVT_MASKED);
	CHECK_EQ(reg(&s, APIC_TPR), 0);
}

TEST(round_trip)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);
	struct kvm_lapic_state s, back;

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_LAPIC, &s));
	put(&s, APIC_SVR, 0x1ff);
	put(&s, APIC_TPR, 0x20);
	put(&s, APIC_LDR, 0x02000000);
	put(&s, APIC_LVTT, 0x20000 | 0xec);
	put(&s, APIC_TDCR, 0xb);
	put(&s, APIC_IRR + 0x20, 0x10);		/* vector 0x44 pending */
	put(&s, APIC_ISR + 0x30, 0x8);		/* vector 0x63 in service */
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_LAPIC, &s));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_LAPIC, &back));
	CHECK_EQ(reg(&back, APIC_SVR), 0x1ff);
	CHECK_EQ(reg(&back, APIC_TPR), 0x20);
	CHECK_EQ(reg(&back, APIC_LDR), 0x02000000);
	CHECK_EQ(reg(&back, APIC_LVTT), 0x20000 | 0xec);
	CHECK_EQ(reg(&back, APIC_TDCR), 0xb);
	CHECK_EQ(reg(&back, APIC_IRR + 0x20), 0x10);
	CHECK_EQ(reg(&back, APIC_ISR + 0x30), 0x8);
}

TEST(bad_pointer)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);

	CHECK_ERRNO(ioctl(vcpu->fd, KVM_GET_LAPIC, BAD_PTR), EFAULT);
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_SET_LAPIC, BAD_PTR), EFAULT);
}

static int set_vapic(struct vcpu *vcpu, uint64_t addr)
{
	struct kvm_vapic_addr a = { .vapic_addr = addr };

	return IOCTL(vcpu->fd, KVM_SET_VAPIC_ADDR, &a);
}

/* QEMU turns the task priority page off at every reset, whether there is one or not. */
TEST(vapic_off)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);

	CHECK_OK(set_vapic(vcpu, 0));
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_SET_VAPIC_ADDR, BAD_PTR), EFAULT);
}

TEST(vapic_without_irqchip)
{
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);

	CHECK_ERRNO(set_vapic(vcpu, 0), EINVAL);
}

TEST(vapic_not_offered)
{
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);

	if (dev_cap(vcpu->vm->dev, KVM_CAP_VAPIC) > 0)
		SKIP("KVM_CAP_VAPIC is there");
	CHECK_ERRNO(set_vapic(vcpu, FREE_ADDR), EINVAL);
	CHECK_OK(set_vapic(vcpu, 0));
}
