// SPDX-License-Identifier: GPL-2.0-only
/* The 8259 pair and the 8254: a timer interrupt the old way, through LINT0. */
#include "guest.h"
#include "vm.h"

static volatile uint64_t ticks;

static void tick(struct guest_frame *f)
{
	(void)f;
	ticks++;
	outb(0x20, 0x20);		/* non-specific EOI */
}

static void pic_on(uint8_t mask)
{
	outb(0x20, 0x11);
	outb(0x21, 0x20);		/* vectors 0x20.. */
	outb(0x21, 0x04);
	outb(0x21, 0x01);
	outb(0xa0, 0x11);
	outb(0xa1, 0x28);
	outb(0xa1, 0x02);
	outb(0xa1, 0x01);
	outb(0x21, mask);
	outb(0xa1, 0xff);
	guest_handlers[0x20] = tick;
}

static void wait_ticks(uint64_t n)
{
	for (;;) {
		asm volatile("cli" : : : "memory");
		if (ticks >= n)
			break;
		asm volatile("sti; hlt" : : : "memory");
	}
}

static void periodic_guest(void)
{
	pic_on(0xfe);
	outb(0x43, 0x34);		/* channel 0, mode 2 */
	outb(0x40, 0x00);
	outb(0x40, 0x10);		/* 4096 / 1.193182 MHz = 3.4 ms */
	wait_ticks(5);
	GUEST_EQ(inb(0x21), 0xfe);
}

static struct vcpu *with_pit(void (*fn)(void))
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_pit_config c = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct vcpu *vcpu;

	CHECK_OK(IOCTL(vm->fd, KVM_CREATE_PIT2, &c));
	vcpu = vcpu_new(vm, 0);
	vcpu_set_cpuid(vcpu);
	vcpu_mode64(vcpu, fn);
	return vcpu;
}

TEST(periodic)
{
	uint64_t start = now_ms();

	vcpu_until_done(with_pit(periodic_guest));
	CHECK(now_ms() - start >= 4 * 3);
}

/* Channel 2 through port 0x61, as kernels calibrate their TSC with it. */
static void gate_guest(void)
{
	uint64_t loops = 0;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);		/* channel 2, mode 0 */
	outb(0x42, 0x00);
	outb(0x42, 0x20);		/* 6.9 ms */
	GUEST_EQ(inb(0x61) & 0x20, 0);
	while (!(inb(0x61) & 0x20))
		loops++;
	GUEST_CHECK(loops > 0);
}

TEST(channel_2)
{
	uint64_t start = now_ms();

	vcpu_until_done(with_pit(gate_guest));
	CHECK(now_ms() - start >= 6);
}

static void latch_guest(void)
{
	uint16_t a, b;

	outb(0x43, 0x34);
	outb(0x40, 0xff);
	outb(0x40, 0xff);
	outb(0x43, 0x00);		/* latch */
	a = inb(0x40);
	a |= inb(0x40) << 8;
	for (int i = 0; i < 20; i++)
		inb(0x61);
	outb(0x43, 0x00);
	b = inb(0x40);
	b |= inb(0x40) << 8;
	GUEST_CHECK(a != b);
	/* Read-back: status of channel 0 tells mode 2, low and high byte. */
	outb(0x43, 0xe2);
	GUEST_EQ(inb(0x40) & 0x3f, 0x34);
}

TEST(counter_latch)
{
	vcpu_until_done(with_pit(latch_guest));
}

static void line_guest(void)
{
	guest_handlers[0x23] = tick;
	pic_on(0xf7);			/* only IRQ 3 */
	guest_sync(1);
	asm volatile("sti; nop; cli");
	GUEST_EQ(ticks, 1);
	guest_sync(2);
	asm volatile("sti; nop; cli");
	GUEST_EQ(ticks, 1);		/* still high: no second edge */
	guest_sync(3);
	asm volatile("sti; nop; cli");
	GUEST_EQ(ticks, 2);
}

TEST(irq_line_through_the_pic)
{
	struct vcpu *vcpu = guest64_irqchip(line_guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	irq_line(vcpu->vm, 3, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	irq_line(vcpu->vm, 3, 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
	irq_line(vcpu->vm, 3, 0);
	irq_line(vcpu->vm, 3, 1);
	vcpu_until_done(vcpu);
}
