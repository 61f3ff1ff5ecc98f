// SPDX-License-Identifier: GPL-2.0-only
/* The I/O APIC: edge and level, masks, the resample at EOI; and MSIs. */
#include "guest.h"
#include "vm.h"

#define LEVEL	(1u << 15)
#define MASKED	(1u << 16)

static volatile uint64_t got;

static void handler(struct guest_frame *f)
{
	got++;
	guest_sync(f->vector);		/* the device may be served now */
	apic_eoi();
}

static uint32_t redirection(unsigned int pin)
{
	mmio_write(IOAPIC_BASE, 0x10 + 2 * pin);
	return mmio_read(IOAPIC_BASE + 0x10);
}

static void on(void)
{
	guest_handlers[0x51] = handler;
	/* The same lines also reach the PIC, which reset leaves unmasked. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	mmio_write(IOAPIC_BASE, 1);
	GUEST_EQ(mmio_read(IOAPIC_BASE + 0x10) >> 16 & 0xff, 23);
}

static void edge_guest(void)
{
	on();
	ioapic_redirect(5, 0x51);
	guest_sync(1);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 1);
	guest_sync(2);			/* down and up again */
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 2);
}

TEST(edge)
{
	struct vcpu *vcpu = guest64_irqchip(edge_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	irq_line(vcpu->vm, 5, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	irq_line(vcpu->vm, 5, 0);
	irq_line(vcpu->vm, 5, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	vcpu_until_done(vcpu);
}

static void level_guest(void)
{
	on();
	ioapic_redirect(10, 0x51 | LEVEL);
	guest_sync(1);
	asm volatile("sti; nop; nop");
	while (got < 2)
		asm volatile("pause");
	asm volatile("cli");
	GUEST_EQ(got, 2);
	GUEST_EQ(redirection(10) >> 14 & 1, 0);	/* remote IRR */
}

/* Still high at EOI: comes again. Low at EOI: does not. */
TEST(level)
{
	struct vcpu *vcpu = guest64_irqchip(level_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	irq_line(vcpu->vm, 10, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	irq_line(vcpu->vm, 10, 0);
	vcpu_until_done(vcpu);
}

static void mask_guest(void)
{
	on();
	ioapic_redirect(10, 0x51 | LEVEL | MASKED);
	guest_sync(1);
	asm volatile("sti; nop; nop");
	GUEST_EQ(got, 0);
	ioapic_redirect(10, 0x51 | LEVEL);
	asm volatile("nop; nop; cli");
	GUEST_EQ(got, 1);
}

TEST(unmasking_a_high_level)
{
	struct vcpu *vcpu = guest64_irqchip(mask_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	irq_line(vcpu->vm, 10, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	irq_line(vcpu->vm, 10, 0);
	vcpu_until_done(vcpu);
}

static void msi_guest(void)
{
	on();
	guest_sync(1);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 1);
	guest_sync(2);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 2);
}

TEST(msi)
{
	struct vcpu *vcpu = guest64_irqchip(msi_guest);
	struct kvm_msi m = { .address_lo = APIC_BASE, .data = 0x51 };
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e;
	} t = {
		.h.nr = 1,
		.e = { .gsi = 33, .type = KVM_IRQ_ROUTING_MSI,
		       .u.msi = { .address_lo = APIC_BASE, .data = 0x51 } },
	};

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SIGNAL_MSI, &m)), 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SET_GSI_ROUTING, &t.h));
	irq_line(vcpu->vm, 33, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	vcpu_until_done(vcpu);
}
