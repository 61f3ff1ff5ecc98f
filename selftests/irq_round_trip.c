// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine with its interrupt controllers moves to another VM and ticks on;
 * with HV_OTHER set, to the other hypervisor (mod_cross.sh).
 */
#include "guest.h"
#include "vm.h"

#define VEC 0xec

static volatile uint64_t ticks, lines;

static void tick(struct guest_frame *f)
{
	(void)f;
	ticks++;
	apic_eoi();
}

static void line(struct guest_frame *f)
{
	(void)f;
	lines++;
	apic_eoi();
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

static void guest(void)
{
	guest_handlers[VEC] = tick;
	guest_handlers[0x51] = line;
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	mmio_write(IOAPIC_BASE, 0x10 + 2 * 9);
	mmio_write(IOAPIC_BASE + 0x10, 0x51);
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VEC | 1u << 17);
	apic_write(APIC_TMICT, 3000000);
	for (int i = 1; i <= 6; i++) {
		wait_ticks(3 * i);
		guest_sync(i);
	}
	apic_write(APIC_TMICT, 0);
	guest_sync(7);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(lines, 1);
}

static const uint32_t chips[] = {
	KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_IRQCHIP_IOAPIC,
};

struct state {
	struct kvm_irqchip chip[ARRAY_SIZE(chips)];
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
};

static void save(struct vcpu *vcpu, struct state *s)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(chips); i++) {
		s->chip[i].chip_id = chips[i];
		CHECK_OK(IOCTL(vcpu->vm->fd, KVM_GET_IRQCHIP, &s->chip[i]));
	}
	get_regs(vcpu, &s->regs);
	get_sregs(vcpu, &s->sregs);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_LAPIC, &s->lapic));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_VCPU_EVENTS, &s->events));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_MP_STATE, &s->mp));
}

static void restore(struct vcpu *vcpu, struct state *s)
{
	vcpu_set_cpuid(vcpu);
	for (unsigned int i = 0; i < ARRAY_SIZE(chips); i++)
		CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SET_IRQCHIP, &s->chip[i]));
	set_sregs(vcpu, &s->sregs);
	set_regs(vcpu, &s->regs);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_LAPIC, &s->lapic));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &s->events));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_MP_STATE, &s->mp));
}

static struct vcpu *move(struct vcpu *from)
{
	uint8_t *ram;
	struct vm *old = from->vm;
	struct state s = { 0 };
	struct vcpu *to;

	from->run->immediate_exit = 1;
	CHECK_ERRNO(vcpu_run_raw(from), EINTR);
	save(from, &s);
	ram = vm_take_ram(old);
	vcpu_close(from);
	vm_close(old);
	dev_change();
	to = vcpu_new(vm_new_irqchip(), 0);
	vm_give_ram(to->vm, ram);
	restore(to, &s);
	return to;
}

TEST(timer_and_lines_go_on)
{
	struct vcpu *vcpu = guest64_irqchip(guest);

	for (uint64_t i = 1; i <= 6; i++) {
		CHECK_EQ(vcpu_until_sync(vcpu), i);
		vcpu = move(vcpu);
	}
	CHECK_EQ(vcpu_until_sync(vcpu), 7);
	irq_line(vcpu->vm, 9, 1);
	vcpu_until_done(vcpu);
}
