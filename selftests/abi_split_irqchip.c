// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CAP_SPLIT_IRQCHIP and KVM_CAP_X2APIC_API: what is refused, what remains. */
#include <sys/eventfd.h>

#include "vm.h"

static int enable(struct vm *vm, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	need_cap(cap, cap == KVM_CAP_SPLIT_IRQCHIP ? "SPLIT_IRQCHIP" : "X2APIC_API");
	return IOCTL(vm->fd, KVM_ENABLE_CAP, &c);
}

static struct vm *vm_split(void)
{
	struct vm *vm = vm_bare();

	CHECK_OK(enable(vm, KVM_CAP_SPLIT_IRQCHIP, 24));
	return vm;
}

TEST(refusals)
{
	struct vm *vm = vm_bare();

	CHECK_ERRNO(enable(vm, KVM_CAP_SPLIT_IRQCHIP, 4097), EINVAL);
	CHECK_ERRNO(enable(vm, KVM_CAP_SPLIT_IRQCHIP, 1ul << 32), EINVAL);
	CHECK_OK(enable(vm, KVM_CAP_SPLIT_IRQCHIP, 0));
	CHECK_ERRNO(enable(vm, KVM_CAP_SPLIT_IRQCHIP, 24), EEXIST);
	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_CREATE_IRQCHIP, 0), EEXIST);
	CHECK_ERRNO(enable(vm_new_irqchip(), KVM_CAP_SPLIT_IRQCHIP, 24), EEXIST);
	vm = vm_bare();
	vcpu_new(vm, 0);
	CHECK_ERRNO(enable(vm, KVM_CAP_SPLIT_IRQCHIP, 24), EEXIST);
}

TEST(flags)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_SPLIT_IRQCHIP, .flags = 1, .args = { 24 } };

	need_cap(KVM_CAP_SPLIT_IRQCHIP, "SPLIT_IRQCHIP");
	CHECK_ERRNO(IOCTL(vm_bare()->fd, KVM_ENABLE_CAP, &c), EINVAL);
}

TEST(no_pic_no_ioapic)
{
	struct vm *vm = vm_split();
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	CHECK_ERRNO(IOCTL(vm->fd, KVM_GET_IRQCHIP, &c), ENXIO);
	CHECK_ERRNO(ioctl(vm->fd, KVM_SET_IRQCHIP, &c), ENXIO);
}

TEST(no_pit)
{
	struct kvm_pit_config p = { };

	if (on_stock_kvm())
		SKIP("6.1 takes a PIT without a PIC");
	CHECK_ERRNO(IOCTL(vm_split()->fd, KVM_CREATE_PIT2, &p), ENOENT);
}

/* Messages are routed, pins are not. */
TEST(routes)
{
	struct vm *vm = vm_split();
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e;
	} t = {
		.h.nr = 1,
		.e = { .gsi = 3, .type = KVM_IRQ_ROUTING_IRQCHIP,
		       .u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = 3 } },
	};
	struct kvm_irq_level l = { .irq = 3, .level = 1 };

	CHECK_ERRNO(IOCTL(vm->fd, KVM_SET_GSI_ROUTING, &t.h), EINVAL);
	t.e.type = KVM_IRQ_ROUTING_MSI;
	t.e.u.msi.address_lo = APIC_BASE;
	t.e.u.msi.data = 0x8051;
	CHECK_OK(IOCTL(vm->fd, KVM_SET_GSI_ROUTING, &t.h));
	CHECK_OK(IOCTL(vm->fd, KVM_IRQ_LINE, &l));
}

TEST(irqfds)
{
	struct vm *vm = vm_split();
	struct kvm_irqfd f = {
		.fd = CHECK_OK(eventfd(0, 0)), .gsi = 3, .flags = KVM_IRQFD_FLAG_RESAMPLE,
		.resamplefd = CHECK_OK(eventfd(0, 0)),
	};

	/* Who sees no end of an interrupt cannot ask the device again. */
	CHECK_ERRNO(IOCTL(vm->fd, KVM_IRQFD, &f), EINVAL);
	f.flags = 0;
	CHECK_OK(IOCTL(vm->fd, KVM_IRQFD, &f));
}

TEST(vcpu)
{
	struct vcpu *vcpu = vcpu_new(vm_split(), 0);
	struct kvm_interrupt i = { .irq = 256 };
	struct kvm_mp_state mp;
	struct kvm_lapic_state l;

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_LAPIC, &l));
	CHECK_OK(IOCTL(vcpu_new(vcpu->vm, 1)->fd, KVM_GET_MP_STATE, &mp));
	CHECK_EQ(mp.mp_state, KVM_MP_STATE_UNINITIALIZED);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_INTERRUPT, &i), EINVAL);
	i.irq = 0x50;
	CHECK_OK(IOCTL(vcpu->fd, KVM_INTERRUPT, &i));
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_INTERRUPT, &i), EEXIST);
}

TEST(x2apic_api_refusals)
{
	struct vm *vm = vm_bare();

	CHECK_ERRNO(enable(vm, KVM_CAP_X2APIC_API, 4), EINVAL);
	CHECK_ERRNO(enable(vm, KVM_CAP_X2APIC_API, 1ul << 32), EINVAL);
	CHECK_OK(enable(vm, KVM_CAP_X2APIC_API, 0));
	CHECK_OK(enable(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS |
			KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK));
}

static struct vcpu *x2apic_vcpu(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = vcpu_new(vm, id);
	struct kvm_sregs s;

	vcpu_set_cpuid(vcpu);
	get_sregs(vcpu, &s);
	s.apic_base |= 0xc00;
	set_sregs(vcpu, &s);
	return vcpu;
}

static uint32_t id_of(struct vcpu *vcpu, struct kvm_lapic_state *l)
{
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_LAPIC, l));
	return *(uint32_t *)(l->regs + APIC_ID);
}

TEST(ids_of_32_bits)
{
	struct vm *vm = vm_split();
	struct kvm_lapic_state l;
	struct vcpu *vcpu;

	CHECK_EQ(id_of(x2apic_vcpu(vm, 5), &l), 5u << 24);
	CHECK_OK(enable(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS));
	vcpu = x2apic_vcpu(vm, 6);
	CHECK_EQ(id_of(vcpu, &l), 6);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_LAPIC, &l));
	*(uint32_t *)(l.regs + APIC_ID) = 7;
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_LAPIC, &l), EINVAL);
}

static int send_msi(struct vm *vm, uint32_t dest)
{
	struct kvm_msi m = {
		.address_lo = APIC_BASE | (dest & 0xff) << 12, .address_hi = dest & ~0xffu,
		.data = 0x50,
	};

	return IOCTL(vm->fd, KVM_SIGNAL_MSI, &m);
}

/* Destinations of messages: 32 bits, and 0xff an id like any other. */
TEST(destinations)
{
	struct vm *vm = vm_split();
	struct kvm_msi m = { .address_lo = APIC_BASE, .address_hi = 1, .data = 0x50 };
	struct kvm_lapic_state l;
	struct vcpu *vcpu = x2apic_vcpu(vm, 1);

	id_of(vcpu, &l);
	*(uint32_t *)(l.regs + APIC_SVR) = APIC_SVR_ENABLE | 0xff;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_LAPIC, &l));
	CHECK_EQ(CHECK_OK(send_msi(vm, 1)), 1);
	CHECK_EQ(CHECK_OK(send_msi(vm, 0xff)), 1);
	CHECK_OK(IOCTL(vm->fd, KVM_SIGNAL_MSI, &m));
	CHECK_OK(enable(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS |
			KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK));
	CHECK_EQ(CHECK_OK(send_msi(vm, 1)), 1);
	CHECK(send_msi(vm, 0x101) <= 0);
	CHECK(send_msi(vm, 0xff) <= 0);
	CHECK_EQ(CHECK_OK(send_msi(vm, 0xffffffff)), 1);
	CHECK_ERRNO(IOCTL(vm->fd, KVM_SIGNAL_MSI, &m), EINVAL);
}
