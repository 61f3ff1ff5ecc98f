// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events between guest and device threads that no vCPU thread carries: eventfds
 * that a guest's write signals, eventfds that interrupt the guest, and the
 * messages that those interrupts are.
 *
 * Locking: the routing table belongs to the bus lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm.h"

#define PIC_LINES	16
#define IOAPIC_LINES	24

struct routing {
	unsigned int next_gsi, max;
	struct kvm_irq_routing *table;
};

static void add_pin(struct kvm_irq_routing *t, u32 gsi, u32 chip, u32 pin)
{
	t->entries[t->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/* The lines as the irqchip comes with them; messages follow. */
static struct routing *routing_new(struct vm *vm)
{
	int max = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQ_ROUTING);
	struct routing *r = calloc(1, sizeof(*r));
	unsigned int i;

	if (max < PIC_LINES + IOAPIC_LINES ||
	    ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQFD) <= 0 ||
	    ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD) <= 0)
		die("%s: irqfd, ioeventfd or routing is missing (use a newer hv.ko or kernel)",
		    vm->device);
	if (r)
		r->table = calloc(1, sizeof(*r->table) +
				  max * sizeof(r->table->entries[0]));
	if (!r || !r->table)
		die("routing: out of memory");
	r->max = max;
	r->next_gsi = IOAPIC_LINES;
	for (i = 0; i < PIC_LINES; i++)
		add_pin(r->table, i, i < 8 ? KVM_IRQCHIP_PIC_MASTER :
			KVM_IRQCHIP_PIC_SLAVE, i % 8);
	for (i = 0; i < IOAPIC_LINES; i++)
		add_pin(r->table, i, KVM_IRQCHIP_IOAPIC, i);
	return r;
}

u32 vm_new_gsi(struct vm *vm)
{
	struct routing *r;

	if (!vm->routing)
		vm->routing = routing_new(vm);
	r = vm->routing;
	if (r->table->nr == r->max)
		die("%s: too few interrupt routes for so many devices",
		    vm->device);
	r->table->entries[r->table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = r->next_gsi, .type = KVM_IRQ_ROUTING_MSI,
	};
	return r->next_gsi++;
}

bool vm_route_msi(struct vm *vm, u32 gsi, u64 addr, u32 data)
{
	struct kvm_irq_routing *t = vm->routing->table;
	struct kvm_irq_routing_entry *e = t->entries;
	struct kvm_irq_routing_msi msi = {
		.address_lo = addr, .address_hi = addr >> 32, .data = data,
	}, old;

	while (e->gsi != gsi)
		e++;
	old = e->u.msi;
	if (!memcmp(&old, &msi, sizeof(msi)))
		return true;
	e->u.msi = msi;
	if (!ioctl(vm->fd, KVM_SET_GSI_ROUTING, t))
		return true;
	e->u.msi = old;
	return false;
}

static void vm_failed(struct vm *vm, const char *call)
{
	if (vm_stopped(vm))
		return;
	complain("%s on %s: %s", call, vm->device, strerror(errno));
	vm_stop(vm, HV_EXIT_ERROR);
}

void vm_irqfd(struct vm *vm, int fd, u32 gsi, bool bind)
{
	struct kvm_irqfd irqfd = {
		.fd = fd, .gsi = gsi, .flags = bind ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	if (ioctl(vm->fd, KVM_IRQFD, &irqfd))
		vm_failed(vm, "KVM_IRQFD");
}

void vm_ioeventfd(struct vm *vm, int fd, u64 addr, unsigned int len, bool bind)
{
	struct kvm_ioeventfd e = {
		.addr = addr, .len = len, .fd = fd,
		.flags = bind ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN,
	};

	if (ioctl(vm->fd, KVM_IOEVENTFD, &e))
		vm_failed(vm, "KVM_IOEVENTFD");
}
