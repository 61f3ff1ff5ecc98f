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

/* One message per GSI, or one pin of each controller. */
TEST(clashes)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_irq_routing_entry e[2] = { msi(40), msi(40) };

	CHECK_ERRNO(route(vm, e, 2, 0), EINVAL);
	e[0] = pin(40, KVM_IRQCHIP_IOAPIC, 4);
	CHECK_ERRNO(route(vm, e, 2, 0), EINVAL);
	e[1] = pin(40, KVM_IRQCHIP_IOAPIC, 5);
	CHECK_ERRNO(route(vm, e, 2, 0), EINVAL);
	e[1] = pin(40, KVM_IRQCHIP_PIC_SLAVE, 5);
	CHECK_OK(route(vm, e, 2, 0));
	/* Two GSIs may have the same pin. */
	e[1] = pin(41, KVM_IRQCHIP_IOAPIC, 4);
	CHECK_OK(route(vm, e, 2, 0));
}

/* All GSIs there are, with a message each; not one more. */
TEST(limits)
{
	struct kvm_irq_routing_entry *e = calloc(4097, sizeof(*e));
	struct vm *vm = vm_new_irqchip();
	unsigned int n = dev_cap(vm->dev, KVM_CAP_IRQ_ROUTING);

	CHECK_EQ(n, 4096);
	for (unsigned int i = 0; i <= n; i++)
		e[i] = msi(i);
	CHECK_ERRNO(route(vm, e, n + 1, 0), EINVAL);
	CHECK_ERRNO(route(vm, e + n, 1, 0), EINVAL);
	CHECK_OK(route(vm, e, n, 0));
}

/* A table that is refused leaves the one before in place. */
TEST(refused_changes_nothing)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_irq_routing_entry e[2] = { pin(40, KVM_IRQCHIP_IOAPIC, 7), msi(5000) };
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	vcpu_new(vm, 0);
	CHECK_OK(route(vm, e, 1, 0));
	e[0].gsi = 41;
	CHECK_ERRNO(route(vm, e, 2, 0), EINVAL);
	irq_line(vm, 41, 1);
	CHECK_OK(IOCTL(vm->fd, KVM_GET_IRQCHIP, &c));
	CHECK_EQ(c.chip.ioapic.irr >> 7 & 1, 0);
	irq_line(vm, 40, 1);
	CHECK_OK(IOCTL(vm->fd, KVM_GET_IRQCHIP, &c));
	CHECK_EQ(c.chip.ioapic.irr >> 7 & 1, 1);
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
