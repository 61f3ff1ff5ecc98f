// SPDX-License-Identifier: GPL-2.0-only
/* A split irqchip: LAPICs in the kernel, PIC and IOAPIC in the VMM. */
#include "guest.h"
#include "vm.h"

#define LEVEL	(1u << 15)
#define EXTINT	0x700
#define PINS	24

static struct vcpu *split_guest(void (*fn)(void))
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { PINS } };
	struct vm *vm = vm_new();
	struct vcpu *vcpu;

	need_cap(KVM_CAP_SPLIT_IRQCHIP, "SPLIT_IRQCHIP");
	CHECK_OK(IOCTL(vm->fd, KVM_ENABLE_CAP, &c));
	vcpu = vcpu_new(vm, 0);
	vcpu_set_cpuid(vcpu);
	vcpu_mode64(vcpu, fn);
	return vcpu;
}

static struct kvm_irq_routing_entry msi(uint32_t gsi, uint32_t data)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = APIC_BASE, .data = data },
	};
}

static volatile uint64_t got;

static void handler(struct guest_frame *f)
{
	got++;
	guest_sync(f->vector);
	apic_eoi();
}

static void on(void)
{
	for (unsigned int vector = 0x51; vector <= 0x53; vector++)
		guest_handlers[vector] = handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	guest_sync(1);
}

static void three_guest(void)
{
	on();
	asm volatile("sti; nop; nop" : : : "memory");
	while (got < 3)
		asm volatile("pause");
	asm volatile("cli");
	GUEST_EQ(got, 3);
}

/* The VMM hears of the end of a level-triggered interrupt of its IOAPIC, of no other. */
TEST(eoi_exit)
{
	struct vcpu *vcpu = split_guest(three_guest);
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e[3];
	} t = {
		.h.nr = 3,
		.e = { msi(5, 0x51 | LEVEL), msi(6, 0x52), msi(PINS, 0x53 | LEVEL) },
	};

	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SET_GSI_ROUTING, &t.h));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	irq_line(vcpu->vm, 5, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	vcpu_expect(vcpu, KVM_EXIT_IOAPIC_EOI);
	CHECK_EQ(vcpu->run->eoi.vector, 0x51);
	irq_line(vcpu->vm, 6, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x52);
	irq_line(vcpu->vm, PINS, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x53);
	vcpu_until_done(vcpu);
}

static void x2apic_handler(struct guest_frame *f)
{
	guest_sync(f->vector);
	got++;
	wrmsr(0x80b, 0);
}

static void x2apic_guest(void)
{
	guest_handlers[0x51] = x2apic_handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	guest_sync(1);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 1);
}

TEST(eoi_exit_by_msr)
{
	struct vcpu *vcpu = split_guest(x2apic_guest);
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e;
	} t = { .h.nr = 1, .e = msi(5, 0x51 | LEVEL) };

	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SET_GSI_ROUTING, &t.h));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	irq_line(vcpu->vm, 5, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	vcpu_expect(vcpu, KVM_EXIT_IOAPIC_EOI);
	CHECK_EQ(vcpu->run->eoi.vector, 0x51);
	vcpu_until_done(vcpu);
}

static void inject(struct vcpu *vcpu, uint32_t vector)
{
	struct kvm_interrupt i = { .irq = vector };

	CHECK_OK(IOCTL(vcpu->fd, KVM_INTERRUPT, &i));
}

/* From the PIC: it has its own EOI, the LAPIC's is not touched. */
static void pic_handler(struct guest_frame *f)
{
	got++;
	guest_sync(f->vector);
}

static void extint_guest(void)
{
	guest_handlers[0x51] = handler;
	guest_handlers[0x30] = pic_handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	apic_write(APIC_LVT0, EXTINT);
	guest_sync(1);
	asm volatile("sti; nop; nop");
	guest_sync(2);
	asm volatile("cli");
	GUEST_EQ(got, 1);
	apic_write(APIC_LVT0, EXTINT | APIC_LVT_MASKED);
	asm volatile("sti; nop; nop");
	guest_sync(3);
	asm volatile("cli");
	GUEST_EQ(got, 1);
}

/* The window's protocol; LINT0 masked keeps the PIC's interrupt, and the window, shut. */
TEST(extint)
{
	struct vcpu *vcpu = split_guest(extint_guest);
	struct kvm_run *run = vcpu->run;

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(run->ready_for_interrupt_injection, 0);
	run->request_interrupt_window = 1;
	vcpu_expect(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	CHECK_EQ(run->ready_for_interrupt_injection, 1);
	run->request_interrupt_window = 0;
	inject(vcpu, 0x30);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x30);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	run->request_interrupt_window = 1;
	vcpu_expect(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	run->request_interrupt_window = 0;
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
	CHECK_EQ(run->ready_for_interrupt_injection, 0);
	run->request_interrupt_window = 1;
	vcpu_until_done(vcpu);
}

static void masked_guest(void)
{
	guest_handlers[0x30] = pic_handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	apic_write(APIC_LVT0, EXTINT | APIC_LVT_MASKED);
	guest_sync(1);
	asm volatile("sti; nop; nop");
	GUEST_EQ(got, 0);
	asm volatile("cli");
	apic_write(APIC_LVT0, EXTINT);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 1);
}

/* A vector that LINT0 keeps out goes in when it is unmasked. */
TEST(held_by_lint0)
{
	struct vcpu *vcpu = split_guest(masked_guest);

	if (on_stock_kvm())
		SKIP("KVM looks again at some later event only");
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	inject(vcpu, 0x30);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x30);
	vcpu_until_done(vcpu);
}

static void halt_guest(void)
{
	guest_handlers[0x30] = pic_handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	apic_write(APIC_LVT0, EXTINT);
	guest_sync(1);
	asm volatile("sti; hlt; cli");
	GUEST_EQ(got, 1);
}

/* A window that was asked for before the HLT opens at it, and what goes in ends it. */
TEST(window_at_hlt)
{
	struct vcpu *vcpu = split_guest(halt_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	vcpu->run->request_interrupt_window = 1;
	vcpu_expect(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	vcpu->run->request_interrupt_window = 0;
	inject(vcpu, 0x30);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x30);
	vcpu_until_done(vcpu);
}

static void device_guest(void)
{
	outb(0x20, 0x11);
	inb(0x40);
	outb(0x4d0, 0);
	mmio_read(IOAPIC_BASE + 0x10);
	GUEST_EQ(apic_read(APIC_ID), 0);
}

TEST(other_devices_exit)
{
	struct vcpu *vcpu = split_guest(device_guest);
	static const uint16_t ports[] = { 0x20, 0x40, 0x4d0 };

	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) {
		vcpu_expect(vcpu, KVM_EXIT_IO);
		CHECK_EQ(vcpu->run->io.port, ports[i]);
	}
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.phys_addr, IOAPIC_BASE + 0x10);
	vcpu_until_done(vcpu);
}
