// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC from inside: IPIs to itself, priorities, EOI, x2APIC. */
#include "guest.h"
#include "vm.h"

static volatile uint64_t order[16], n;

static void note(struct guest_frame *f)
{
	order[n++ & 15] = f->vector;
	apic_eoi();
}

static void apic_on(void)
{
	guest_handlers[0x40] = guest_handlers[0x60] = guest_handlers[0x80] = note;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
}

static void self_ipi(uint32_t vector)
{
	apic_write(APIC_ICR, 0x40000 | vector);
}

static uint32_t bit_of(uint32_t reg, uint32_t vector)
{
	return apic_read(reg + (vector / 32) * 0x10) >> (vector % 32) & 1;
}

static void self_guest(void)
{
	apic_on();
	self_ipi(0x60);
	GUEST_EQ(n, 0);				/* interrupts are off */
	GUEST_EQ(bit_of(APIC_IRR, 0x60), 1);
	asm volatile("sti; nop; cli");
	GUEST_EQ(n, 1);
	GUEST_EQ(order[0], 0x60);
	GUEST_EQ(bit_of(APIC_IRR, 0x60), 0);
	GUEST_EQ(bit_of(APIC_ISR, 0x60), 0);
	GUEST_EQ(apic_read(APIC_ICR) & 0xfff, 0x60);
}

TEST(self_ipi_is_delivered)
{
	vcpu_until_done(guest64_irqchip(self_guest));
}

static void priority_guest(void)
{
	apic_on();
	self_ipi(0x40);
	self_ipi(0x80);
	self_ipi(0x60);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(n, 3);
	GUEST_EQ(order[0], 0x80);
	GUEST_EQ(order[1], 0x60);
	GUEST_EQ(order[2], 0x40);
}

TEST(highest_first)
{
	vcpu_until_done(guest64_irqchip(priority_guest));
}

static void tpr_guest(void)
{
	apic_on();
	apic_write(APIC_TPR, 0x60);
	GUEST_EQ(READ_REG(cr8), 6);
	self_ipi(0x60);
	self_ipi(0x80);
	asm volatile("sti; nop; nop");
	GUEST_EQ(n, 1);
	GUEST_EQ(order[0], 0x80);
	/* Lowering the TPR releases the one held back. */
	WRITE_REG(cr8, 5);
	asm volatile("nop; nop; cli");
	GUEST_EQ(n, 2);
	GUEST_EQ(order[1], 0x60);
	GUEST_EQ(apic_read(APIC_TPR), 0x50);
	GUEST_EQ(apic_read(APIC_PPR), 0x50);
}

TEST(task_priority)
{
	vcpu_until_done(guest64_irqchip(tpr_guest));
}

static void no_eoi(struct guest_frame *f)
{
	order[n++ & 15] = f->vector;
	GUEST_EQ(bit_of(APIC_ISR, 0x80), 1);
	GUEST_EQ(apic_read(APIC_PPR) & 0xf0, 0x80);
}

static void eoi_guest(void)
{
	apic_on();
	guest_handlers[0x80] = no_eoi;
	self_ipi(0x80);
	asm volatile("sti; nop; nop");
	GUEST_EQ(n, 1);
	self_ipi(0x60);			/* not above what is in service */
	asm volatile("nop; nop");
	GUEST_EQ(n, 1);
	apic_eoi();
	asm volatile("nop; nop; cli");
	GUEST_EQ(n, 2);
	GUEST_EQ(order[1], 0x60);
}

TEST(in_service_blocks_lower)
{
	vcpu_until_done(guest64_irqchip(eoi_guest));
}

static void x2_note(struct guest_frame *f)
{
	order[n++ & 15] = f->vector;
	wrmsr(0x80b, 0);
}

static void x2apic_guest(void)
{
	guest_handlers[0x60] = x2_note;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1 << 10);
	GUEST_EQ(rdmsr(0x802), 0);			/* id */
	GUEST_EQ(rdmsr(0x803) & 0xff, 0x14);		/* version */
	GUEST_EQ(rdmsr(0x80d), 1);			/* logical id */
	wrmsr(0x80f, APIC_SVR_ENABLE | 0xff);
	wrmsr(0x83f, 0x60);				/* self IPI */
	asm volatile("sti; nop; nop");
	GUEST_EQ(n, 1);
	wrmsr(0x830, 0x40060);				/* ICR, self */
	asm volatile("nop; nop");
	GUEST_EQ(n, 2);
	wrmsr(0x830, 0x60);				/* to id 0 */
	asm volatile("nop; nop; cli");
	GUEST_EQ(n, 3);
	wrmsr(0x808, 0x30);
	GUEST_EQ(READ_REG(cr8), 3);
	/* Reserved registers fault. */
	GUEST_EQ(GUEST_TRY("rdmsr", : : "c"(0x831) : "rax", "rdx"), VEC_GP);
	GUEST_EQ(GUEST_TRY("wrmsr", : : "c"(0x802), "a"(0), "d"(0)), VEC_GP);
	/* No way straight back to xAPIC. */
	GUEST_EQ(GUEST_TRY("wrmsr", : : "c"(MSR_APIC_BASE), "a"(0xfee00900),
			   "d"(0)), VEC_GP);
}

TEST(x2apic)
{
	vcpu_until_done(guest64_irqchip(x2apic_guest));
}

static void spurious_guest(void)
{
	/* Off: nothing is accepted, and it shows in no register. */
	guest_handlers[0x60] = note;
	self_ipi(0x60);
	asm volatile("sti; nop; cli");
	GUEST_EQ(n, 0);
	apic_on();
	asm volatile("sti; nop; cli");
	GUEST_EQ(n, 0);
	/* Vectors below 16 are an error, not an interrupt. */
	apic_write(APIC_ESR, 0);
	self_ipi(0x05);
	asm volatile("sti; nop; cli");
	GUEST_EQ(n, 0);
}

TEST(software_disabled)
{
	vcpu_until_done(guest64_irqchip(spurious_guest));
}
