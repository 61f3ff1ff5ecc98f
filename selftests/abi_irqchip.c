// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CREATE_IRQCHIP and KVM_CREATE_PIT2: order, and use without them. */
#include "vm.h"

TEST(create_once)
{
	struct vm *vm = vm_new_irqchip();

	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_CREATE_IRQCHIP, 0), EEXIST);
}

TEST(not_after_a_vcpu)
{
	struct vm *vm = vm_bare();

	vcpu_new(vm, 0);
	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_CREATE_IRQCHIP, 0), EINVAL);
}

TEST(pit_needs_irqchip)
{
	struct kvm_pit_config c = { 0 };

	if (on_stock_kvm())
		SKIP("KVM 6.1 takes a PIT that has nothing to interrupt");
	CHECK_ERRNO(IOCTL(vm_bare()->fd, KVM_CREATE_PIT2, &c), ENOENT);
}

TEST(pit_once)
{
	struct kvm_pit_config c = { 0 };
	struct vm *vm = vm_bare();

	CHECK_OK(IOCTL_V(vm->fd, KVM_CREATE_IRQCHIP, 0));
	CHECK_OK(IOCTL(vm->fd, KVM_CREATE_PIT2, &c));
	CHECK_ERRNO(IOCTL(vm->fd, KVM_CREATE_PIT2, &c), EEXIST);
}

TEST(use_without_irqchip)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_irq_level l = { .irq = 1, .level = 1 };
	struct kvm_irqchip chip = { .chip_id = 0 };
	struct kvm_pit_state2 pit = { 0 };
	struct kvm_lapic_state apic = { { 0 } };
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x30 };
	struct kvm_irq_routing routing = { .nr = 0 };
	int fd = vcpu->vm->fd;

	CHECK_ERRNO(IOCTL(fd, KVM_IRQ_LINE, &l), ENXIO);
	CHECK_ERRNO(IOCTL(fd, KVM_IRQ_LINE_STATUS, &l), ENXIO);
	CHECK_ERRNO(IOCTL(fd, KVM_GET_IRQCHIP, &chip), ENXIO);
	CHECK_ERRNO(IOCTL(fd, KVM_SET_IRQCHIP, &chip), ENXIO);
	CHECK_ERRNO(IOCTL(fd, KVM_GET_PIT2, &pit), ENXIO);
	CHECK_ERRNO(IOCTL(fd, KVM_SET_PIT2, &pit), ENXIO);
	CHECK_ERRNO(IOCTL(fd, KVM_SIGNAL_MSI, &msi), EINVAL);
	CHECK_ERRNO(IOCTL(fd, KVM_SET_GSI_ROUTING, &routing), EINVAL);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_GET_LAPIC, &apic), EINVAL);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_LAPIC, &apic), EINVAL);
}

TEST(chip_state)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_irqchip chip = { 0 }, back = { 0 };

	/* Master PIC: some state goes in and comes back. */
	chip.chip_id = KVM_IRQCHIP_PIC_MASTER;
	CHECK_OK(IOCTL(vm->fd, KVM_GET_IRQCHIP, &chip));
	chip.chip.pic.imr = 0xa5;
	chip.chip.pic.irq_base = 0x20;
	CHECK_OK(IOCTL(vm->fd, KVM_SET_IRQCHIP, &chip));
	back.chip_id = KVM_IRQCHIP_PIC_MASTER;
	CHECK_OK(IOCTL(vm->fd, KVM_GET_IRQCHIP, &back));
	CHECK(!memcmp(&chip.chip.pic, &back.chip.pic, sizeof(chip.chip.pic)));
	/* The slave is another one. */
	back.chip_id = KVM_IRQCHIP_PIC_SLAVE;
	CHECK_OK(IOCTL(vm->fd, KVM_GET_IRQCHIP, &back));
	CHECK(back.chip.pic.irq_base != 0x20);

	chip.chip_id = KVM_IRQCHIP_IOAPIC;
	CHECK_OK(IOCTL(vm->fd, KVM_GET_IRQCHIP, &chip));
	CHECK_EQ(chip.chip.ioapic.base_address, IOAPIC_BASE);
	for (int i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		CHECK_EQ(chip.chip.ioapic.redirtbl[i].fields.mask, 1);
	chip.chip.ioapic.redirtbl[4].bits = 0x10031;	/* masked */
	CHECK_OK(IOCTL(vm->fd, KVM_SET_IRQCHIP, &chip));
	memset(&back, 0, sizeof(back));
	back.chip_id = KVM_IRQCHIP_IOAPIC;
	CHECK_OK(IOCTL(vm->fd, KVM_GET_IRQCHIP, &back));
	CHECK_EQ(back.chip.ioapic.redirtbl[4].bits, 0x10031);

	chip.chip_id = 3;
	CHECK_ERRNO(IOCTL(vm->fd, KVM_GET_IRQCHIP, &chip), EINVAL);
	CHECK_ERRNO(IOCTL(vm->fd, KVM_SET_IRQCHIP, &chip), EINVAL);
}

TEST(pit_state)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_pit_config c = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_pit_state2 s = { 0 }, back;

	CHECK_ERRNO(IOCTL(vm->fd, KVM_GET_PIT2, &s), ENXIO);
	CHECK_OK(IOCTL(vm->fd, KVM_CREATE_PIT2, &c));
	CHECK_OK(IOCTL(vm->fd, KVM_GET_PIT2, &s));
	s.channels[2].count = 0x1234;
	s.channels[2].mode = 3;
	s.channels[2].gate = 1;
	CHECK_OK(IOCTL(vm->fd, KVM_SET_PIT2, &s));
	CHECK_OK(IOCTL(vm->fd, KVM_GET_PIT2, &back));
	CHECK_EQ(back.channels[2].count, 0x1234);
	CHECK_EQ(back.channels[2].mode, 3);
	CHECK_EQ(back.channels[2].gate, 1);
}

/* A line without a route leads nowhere: -1, as KVM counts deliveries. */
TEST(irq_line_beyond_the_last)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_irq_level l = { .irq = 5000, .level = 1 };

	CHECK_OK(IOCTL(vm->fd, KVM_IRQ_LINE, &l));
	CHECK_OK(IOCTL(vm->fd, KVM_IRQ_LINE_STATUS, &l));
	CHECK_EQ((int)l.status, -1);
}

/* KVM_IRQ_LINE_STATUS tells whether the edge was taken. */
TEST(irq_line_status)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_irq_level l = { .irq = 3, .level = 1 };

	vcpu_new(vm, 0);
	CHECK_OK(IOCTL(vm->fd, KVM_IRQ_LINE_STATUS, &l));
	l.level = 0;
	CHECK_OK(IOCTL(vm->fd, KVM_IRQ_LINE_STATUS, &l));
}
