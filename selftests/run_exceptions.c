// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions that the guest causes go to the guest, with the right details. */
#include "guest.h"
#include "vm.h"

static void divide(void)
{
	uint64_t a = 1, d = 0;

	GUEST_EQ(GUEST_TRY("divq %2", : "+a"(a), "+d"(d) : "r"(0ul)), VEC_DE);
	GUEST_EQ(GUEST_TRY("ud2", : :), VEC_UD);
	GUEST_EQ(GUEST_TRY("incl (%0)", : : "r"(1ul << 62) : "memory"), VEC_GP);
	GUEST_EQ(GUEST_TRY("movw %w0, %%ds", : : "r"(0x7ff8ul)), VEC_GP);
	GUEST_EQ(guest_fault.error, 0x7ff8);
	/* A good instruction raises nothing. */
	GUEST_EQ(GUEST_TRY("nop", : :), NO_FAULT);
}

TEST(plain_faults)
{
	vcpu_until_done(guest64(divide));
}

static void page_faults(void)
{
	volatile uint64_t *pd = (void *)(PGD_ADDR + 0x2000);
	uint64_t addr = 0xa00000, v;

	pd[5] = 0;
	asm volatile("invlpg (%0)" : : "r"(addr) : "memory");
	GUEST_EQ(GUEST_TRY("movq (%1), %0", : "=r"(v) : "r"(addr)), VEC_PF);
	GUEST_EQ(guest_fault.cr2, addr);
	GUEST_EQ(guest_fault.error, 0);
	GUEST_EQ(GUEST_TRY("movq $0, 8(%0)", : : "r"(addr) : "memory"), VEC_PF);
	GUEST_EQ(guest_fault.cr2, addr + 8);
	GUEST_EQ(guest_fault.error, 2);
	pd[5] = addr | PTE_P | PTE_PS;
	asm volatile("invlpg (%0)" : : "r"(addr) : "memory");
	GUEST_EQ(GUEST_TRY("movq (%1), %0", : "=r"(v) : "r"(addr)), NO_FAULT);
	GUEST_EQ(GUEST_TRY("movq $0, (%0)", : : "r"(addr) : "memory"), VEC_PF);
	GUEST_EQ(guest_fault.error, 3);
	/* No-execute. */
	pd[5] = addr | PTE_P | PTE_W | PTE_PS | 1ul << 63;
	asm volatile("invlpg (%0)" : : "r"(addr) : "memory");
	GUEST_EQ(GUEST_TRY("pushq $.Lback%=\n\tjmp *%0\n.Lback%=:\taddq $8, %%rsp",
			   : : "r"(addr) : "memory"), VEC_PF);
	asm volatile("addq $8, %%rsp" : : : "memory");
	GUEST_EQ(guest_fault.error, 0x11);
}

TEST(page_fault_details)
{
	vcpu_until_done(guest64(page_faults));
}

static void privileged_state(void)
{
	GUEST_EQ(GUEST_TRY("movq %0, %%cr0", : : "r"(CR0_PG | CR0_ET)), VEC_GP);
	GUEST_EQ(GUEST_TRY("movq %0, %%cr0", : : "r"(READ_REG(cr0) & ~CR0_PE)),
		 VEC_GP);
	GUEST_EQ(GUEST_TRY("movq %0, %%cr4", : : "r"(READ_REG(cr4) & ~CR4_PAE)),
		 VEC_GP);
	GUEST_EQ(GUEST_TRY("movq %0, %%cr4", : : "r"(READ_REG(cr4) | 1ul << 31)),
		 VEC_GP);
	GUEST_EQ(GUEST_TRY("movq %0, %%cr8", : : "r"(15ul)), NO_FAULT);
	GUEST_EQ(READ_REG(cr8), 15);
}

TEST(control_registers)
{
	vcpu_until_done(guest64(privileged_state));
}

static void monitor_trap(void)
{
	uint64_t v = GUEST_TRY("vmrun", : : "a"(0x1000ul) : "memory");

	/* No SVM for guests: EFER.SVME cannot be set, VMRUN is undefined. */
	GUEST_EQ(v, VEC_UD);
	GUEST_EQ(GUEST_TRY("vmload", : : "a"(0x1000ul) : "memory"), VEC_UD);
	GUEST_EQ(GUEST_TRY("vmxoff", : :), VEC_UD);
}

TEST(no_virtualization_inside)
{
	vcpu_until_done(guest64(monitor_trap));
}

static void gif_guest(void)
{
	GUEST_EQ(GUEST_TRY("stgi", : :), VEC_UD);
	GUEST_EQ(GUEST_TRY("clgi", : :), VEC_UD);
}

TEST(no_global_interrupt_flag_inside)
{
	if (on_stock_kvm())
		SKIP("KVM with vGIF lets these two through");
	vcpu_until_done(guest64(gif_guest));
}

static volatile uint64_t df_error, df_count;

static void df_handler(struct guest_frame *f)
{
	df_error = f->error;
	df_count++;
	guest_sync(8);
}

static void double_fault(void)
{
	volatile uint8_t *gp_gate = (void *)(IDT_ADDR + VEC_GP * 16);

	guest_handlers[VEC_DF] = df_handler;
	gp_gate[5] = 0;			/* not present: #NP while in #GP */
	asm volatile("movw %w0, %%ds" : : "r"(0x7ff8ul));
}

TEST(double_fault_is_delivered)
{
	struct vcpu *vcpu = guest64(double_fault);

	CHECK_EQ(vcpu_until_sync(vcpu), 8);
	CHECK_EQ(IN_GUEST(vcpu->vm, df_error), 0);
	CHECK_EQ(IN_GUEST(vcpu->vm, df_count), 1);
}
