// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_GSI_ROUTING, KVM_SIGNAL_MSI: what is refused, what is taken. */
#include "vm.h"

static int route(struct vm *vm, struct kvm_irq_routing_entry *e,
		 unsigned int nr, unsigned int flags)
{
	struct kvm_irq_routing *t = calloc(1, sizeof(*t) + (nr + 1) * sizeof(*e));
	int r;

	t->nr = nr;
	t->flags = flags;
	if (e)
		memcpy(t->entries, e, nr * sizeof(*e));
	r = IOCTL(vm->fd, KVM_SET_GSI_ROUTING, t);
	free(t);
	return r;
}

static struct kvm_irq_routing_entry pin(uint32_t gsi, uint32_t chip,
					uint32_t pin)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

static struct kvm_irq_routing_entry msi(uint32_t gsi)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = APIC_BASE, .data = 0x30 },
	};
}

TEST(accepted)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_irq_routing_entry e[4] = {
		pin(0, KVM_IRQCHIP_IOAPIC, 2), pin(1, KVM_IRQCHIP_PIC_MASTER, 1),
		pin(1, KVM_IRQCHIP_IOAPIC, 1), msi(40),
	};

	CHECK_OK(route(vm, e, 4, 0));
	CHECK_OK(route(vm, e, 1, 0));
	CHECK_OK(route(vm, NULL, 0, 0));
}

TEST(refused)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_irq_routing_entry e;

	e = msi(40);
	CHECK_ERRNO(route(vm, &e, 1, 1), EINVAL);
	e = pin(1, 77, 1);
	CHECK_ERRNO(route(vm, &e, 1, 0), EINVAL);
	e = pin(1, KVM_IRQCHIP_IOAPIC, 24);
	CHECK_ERRNO(route(vm, &e, 1, 0), EINVAL);
	e = pin(1, KVM_IRQCHIP_PIC_MASTER, 8);
	CHECK_ERRNO(route(vm, &e, 1, 0), EINVAL);
	e = msi(40);
	e.type = 99;
	CHECK_ERRNO(route(vm, &e, 1, 0), EINVAL);
	e = msi(40);
	e.flags = 0x80;
	CHECK_ERRNO(route(vm, &e, 1, 0), EINVAL);
	e = msi(100000);
	CHECK_ERRNO(route(vm, &e, 1, 0), EINVAL);
}

TEST(too_many)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_irq_routing t = { .nr = 1u << 20 };

	CHECK_ERRNO(IOCTL(vm->fd, KVM_SET_GSI_ROUTING, &t), EINVAL);
	CHECK_ERRNO(ioctl(vm->fd, KVM_SET_GSI_ROUTING, BAD_PTR), EFAULT);
}

TEST(signal_msi)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_msi m = { .address_lo = APIC_BASE, .data = 0x30 };

	m.flags = 1u << 31;
	CHECK_ERRNO(IOCTL(vm->fd, KVM_SIGNAL_MSI, &m), EINVAL);
	m.flags = 0;
	/* Nobody there, or an APIC that is off: not delivered is 0 or less. */
	vcpu_new(vm, 0);
	CHECK(IOCTL(vm->fd, KVM_SIGNAL_MSI, &m) <= 0);
}
