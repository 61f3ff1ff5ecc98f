// SPDX-License-Identifier: GPL-2.0-only
/*
 * An event whose delivery meets no memory ends the run with an error, of this VM
 * alone: the host keeps its CPU although the event never gets in.
 */
#include <unistd.h>

#include "guest.h"
#include "vm.h"

#define NOWHERE	0xd0000ff8ul	/* no slot is there */
#define VEC	0x50

/* Interrupts itself with each turn, and each turn is a device's access that hv settles. */
static void interrupted(void)
{
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	guest_sync(1);
	asm volatile("movq %0, %%rsp; sti; 1: movl %%eax, (%%rdi); jmp 1b"
		     : : "r"(NOWHERE), "a"(0x44000 | VEC), "D"(APIC_BASE + APIC_ICR)
		     : "memory");
}

static void at_fault(void)
{
	guest_sync(1);
	asm volatile("movq %0, %%rsp; ud2" : : "r"(NOWHERE) : "memory");
}

static void expect_error(struct vcpu *vcpu)
{
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	for (int i = 0; i < 2; i++) {	/* nothing has changed when it is run again */
		vcpu_expect(vcpu, KVM_EXIT_INTERNAL_ERROR);
		CHECK_EQ(vcpu->run->internal.suberror, KVM_INTERNAL_ERROR_DELIVERY_EV);
		CHECK(vcpu->run->internal.ndata >= 3);
	}
}

TEST(interrupt)
{
	if (on_stock_kvm() && !access("/sys/module/kvm_amd", F_OK))
		SKIP("KVM 6.1 emulates the instruction at rip there");
	expect_error(guest64_irqchip(interrupted));
}

TEST(exception)
{
	if (on_stock_kvm())
		SKIP("KVM 6.1 emulates the instruction at rip at a page's first access");
	expect_error(guest64(at_fault));
}
