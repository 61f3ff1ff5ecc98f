// SPDX-License-Identifier: GPL-2.0-only
/* Resampling irqfds: high until the guest's EOI, which asks the device again. */
#include <sys/eventfd.h>

#include "guest.h"
#include "vm.h"

#define LEVEL	(1u << 15)
#define MASKED	(1u << 16)

struct device {
	int fd, resample;
};

static struct device device(struct vm *vm, uint32_t gsi)
{
	struct device d = { CHECK_OK(eventfd(0, EFD_NONBLOCK)), CHECK_OK(eventfd(0, EFD_NONBLOCK)) };
	struct kvm_irqfd f = {
		.fd = d.fd, .gsi = gsi, .flags = KVM_IRQFD_FLAG_RESAMPLE, .resamplefd = d.resample,
	};

	need_cap(KVM_CAP_IRQFD_RESAMPLE, "IRQFD_RESAMPLE");
	CHECK_OK(IOCTL(vm->fd, KVM_IRQFD, &f));
	return d;
}

static void assert_irq(struct device d)
{
	uint64_t one = 1;

	CHECK_EQ(write(d.fd, &one, 8), 8);
}

/* How often the guest ended the interrupt since the last look. */
static uint64_t asked(struct device d)
{
	uint64_t n = 0;

	return read(d.resample, &n, 8) == 8 ? n : 0;
}

/* The state of the IOAPIC's line, as userspace sees it. */
static bool is_high(struct vm *vm, unsigned int pin)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	CHECK_OK(IOCTL(vm->fd, KVM_GET_IRQCHIP, &c));
	return c.chip.ioapic.irr >> pin & 1;
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
	guest_handlers[0x51] = handler;
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	ioapic_redirect(10, 0x51 | LEVEL);
	guest_sync(1);
}

static void once_guest(void)
{
	on();
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 1);
	guest_sync(2);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 2);
}

TEST(ioapic)
{
	struct vcpu *vcpu = guest64_irqchip(once_guest);
	struct device d = device(vcpu->vm, 10);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK(!is_high(vcpu->vm, 10));
	assert_irq(d);
	CHECK(is_high(vcpu->vm, 10));
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	CHECK_EQ(asked(d), 0);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_EQ(asked(d), 1);
	CHECK(!is_high(vcpu->vm, 10));
	assert_irq(d);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	vcpu_until_done(vcpu);
	CHECK_EQ(asked(d), 1);
}

/* Two devices of one GSI: either raises it, both are asked. */
TEST(shared_line)
{
	struct vcpu *vcpu = guest64_irqchip(once_guest);
	struct device a = device(vcpu->vm, 10), b = device(vcpu->vm, 10);
	struct device other = device(vcpu->vm, 11);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	assert_irq(a);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_EQ(asked(a), 1);
	CHECK_EQ(asked(b), 1);
	assert_irq(b);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	vcpu_until_done(vcpu);
	CHECK_EQ(asked(a), 1);
	CHECK_EQ(asked(b), 1);
	CHECK_EQ(asked(other), 0);
}

/* The line that KVM_IRQ_LINE holds is another source: the EOI leaves it high. */
TEST(other_sources_stay)
{
	struct vcpu *vcpu = guest64_irqchip(once_guest);
	struct device d = device(vcpu->vm, 10);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	irq_line(vcpu->vm, 10, 1);
	assert_irq(d);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	assert_irq(d);
	irq_line(vcpu->vm, 10, 0);
	CHECK(is_high(vcpu->vm, 10));
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_EQ(asked(d), 1);
	CHECK(!is_high(vcpu->vm, 10));
}

static void pic_handler(struct guest_frame *f)
{
	got++;
	guest_sync(f->vector);
	outb(0x20, 0x20);
}

static void pic_guest(void)
{
	static const uint8_t init[] = { 0x20, 0x04, 0x01, 0xdf };	/* only IRQ 5 */

	outb(0x20, 0x11);
	for (unsigned int i = 0; i < sizeof(init); i++)
		outb(0x21, init[i]);
	outb(0x4d0, 1 << 5);		/* level */
	guest_handlers[0x25] = pic_handler;
	guest_sync(1);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 1);
	guest_sync(2);
}

TEST(pic)
{
	struct vcpu *vcpu = guest64_irqchip(pic_guest);
	struct device d = device(vcpu->vm, 5);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	assert_irq(d);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x25);
	CHECK_EQ(asked(d), 0);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_EQ(asked(d), 1);
}

/* The last one that goes leaves the line low: by deassigning, by closing. */
TEST(ends_low)
{
	struct vm *vm = vm_new_irqchip();
	struct device a = device(vm, 10), b = device(vm, 10);
	struct kvm_irqfd f = { .fd = a.fd, .gsi = 10, .flags = KVM_IRQFD_FLAG_DEASSIGN };

	assert_irq(a);
	CHECK_OK(IOCTL(vm->fd, KVM_IRQFD, &f));
	CHECK(is_high(vm, 10));
	close(b.fd);
	/* Done behind the back of close(); the limit of the case ends a vain wait. */
	while (is_high(vm, 10))
		nap_ms(1);
}

/* The third one masks the pin: its end raises the line in vain. */
static void loop_handler(struct guest_frame *f)
{
	if (++got == 3)
		ioapic_redirect(10, 0x51 | LEVEL | MASKED);
	guest_sync(f->vector);
	apic_eoi();
}

static void loop_guest(void)
{
	on();
	guest_handlers[0x51] = loop_handler;
	asm volatile("sti" : : : "memory");
	while (got < 3)
		asm volatile("pause");
	asm volatile("cli" : : : "memory");
}

/* The EOI may signal the very eventfd that raised the line. */
TEST(loop_back)
{
	struct vcpu *vcpu = guest64_irqchip(loop_guest);
	int fd = CHECK_OK(eventfd(0, EFD_NONBLOCK));
	struct kvm_irqfd f = {
		.fd = fd, .gsi = 10, .flags = KVM_IRQFD_FLAG_RESAMPLE, .resamplefd = fd,
	};
	uint64_t one = 1;

	need_cap(KVM_CAP_IRQFD_RESAMPLE, "IRQFD_RESAMPLE");
	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_IRQFD, &f));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(write(fd, &one, 8), 8);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(vcpu_until_sync(vcpu), 0x51);
	vcpu_until_done(vcpu);
}
