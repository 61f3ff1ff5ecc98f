// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_GUEST_DEBUG: single step, breakpoints in code and in hardware. */
#include "guest.h"
#include "vm.h"

void debug_steps(void), debug_after_nop(void), debug_after_inc(void);
void debug_int3(void), debug_store(void), debug_after_store(void);
uint64_t debug_word;

asm(".pushsection .text\n"
    "debug_steps:\n\t"
    "nop\n"
    "debug_after_nop:\n\t"
    "incq %rax\n"
    "debug_after_inc:\n\t"
    "incq %rax\n"
    "debug_store:\n\t"
    "movq %rax, debug_word\n"
    "debug_after_store:\n\t"
    "cpuid\n\t"
    "nop\n"
    "debug_int3:\n\t"
    "int3\n\t"
    "ret\n\t"
    ".popsection");

static void set_debug(struct vcpu *vcpu, uint32_t control, uint64_t dr0,
		      uint64_t dr7)
{
	struct kvm_guest_debug d = { .control = control };

	d.arch.debugreg[0] = dr0;
	d.arch.debugreg[7] = dr7;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_GUEST_DEBUG, &d));
}

static struct vcpu *at_steps(void)
{
	struct vcpu *vcpu = guest64(debug_steps);
	struct kvm_regs r;

	get_regs(vcpu, &r);
	r.rip = (uintptr_t)debug_steps;
	set_regs(vcpu, &r);
	return vcpu;
}

/* The guest ran into its own INT3 handler, or into none: nobody stopped it. */
static void skip_if_emulator_lacks(struct vcpu *vcpu, const char *what)
{
	if (vcpu_run(vcpu) == KVM_EXIT_IO && on_tcg())
		SKIP("TCG's SVM does not implement %s", what);
}

static void expect_stopped(struct vcpu *vcpu, void (*at)(void),
			   uint32_t exception)
{
	CHECK_EQ(vcpu->run->exit_reason, KVM_EXIT_DEBUG);
	CHECK_EQ(vcpu->run->debug.arch.pc, (uintptr_t)at);
	CHECK_EQ(vcpu->run->debug.arch.exception, exception);
}

static void expect_debug(struct vcpu *vcpu, void (*at)(void), uint32_t exception)
{
	vcpu_expect(vcpu, KVM_EXIT_DEBUG);
	expect_stopped(vcpu, at, exception);
}

TEST(single_step)
{
	struct vcpu *vcpu = at_steps();
	struct kvm_regs r;

	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0);
	expect_debug(vcpu, debug_after_nop, VEC_DB);
	CHECK(vcpu->run->debug.arch.dr6 & 1 << 14);
	expect_debug(vcpu, debug_after_inc, VEC_DB);
	expect_debug(vcpu, debug_store, VEC_DB);
	expect_debug(vcpu, debug_after_store, VEC_DB);
	/* The guest does not see that it is being stepped. */
	get_regs(vcpu, &r);
	CHECK_EQ(r.rflags & RFLAGS_TF, 0);
	/* An instruction that the hypervisor executes is one step too. */
	vcpu_expect(vcpu, KVM_EXIT_DEBUG);
	CHECK_EQ(vcpu->run->debug.arch.pc, (uintptr_t)debug_after_store + 2);
}

TEST(hardware_breakpoint)
{
	struct vcpu *vcpu = at_steps();

	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		  (uintptr_t)debug_after_inc, 0x402);
	skip_if_emulator_lacks(vcpu, "breakpoint registers");
	expect_stopped(vcpu, debug_after_inc, VEC_DB);
	CHECK(vcpu->run->debug.arch.dr6 & 1);
}

TEST(watchpoint)
{
	struct vcpu *vcpu = at_steps();

	/* DR0: write, 8 bytes. */
	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		  (uintptr_t)&debug_word, 0x90402);
	skip_if_emulator_lacks(vcpu, "breakpoint registers");
	expect_stopped(vcpu, debug_after_store, VEC_DB);
	CHECK(vcpu->run->debug.arch.dr6 & 1);
}

TEST(software_breakpoint)
{
	struct vcpu *vcpu = at_steps();

	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, 0, 0);
	skip_if_emulator_lacks(vcpu, "the intercept of INT3");
	expect_stopped(vcpu, debug_int3, VEC_BP);
}

static volatile uint64_t hits;

static void bp_handler(struct guest_frame *f)
{
	(void)f;
	hits++;
}

static void own_int3(void)
{
	guest_handlers[VEC_BP] = bp_handler;
	asm volatile("int3");
	GUEST_EQ(hits, 1);
}

/* Not asked for: a breakpoint is the guest's own business. */
TEST(guest_keeps_its_own)
{
	vcpu_until_done(guest64(own_int3));
}

TEST(off_again)
{
	struct vcpu *vcpu = guest64(own_int3);

	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0);
	vcpu_expect(vcpu, KVM_EXIT_DEBUG);
	set_debug(vcpu, 0, 0, 0);
	vcpu_until_done(vcpu);
}

/* ---- injected by the debugger, or held back by it ------------------------------ */

static void tell_rip(struct guest_frame *f)
{
	guest_sync(f->rip);
}

static struct vcpu *at_steps_with(uint8_t vector)
{
	struct vcpu *vcpu = at_steps();

	IN_GUEST(vcpu->vm, guest_handlers[vector]) = tell_rip;
	return vcpu;
}

/* The INT3 that the debugger stopped at was the guest's own. */
TEST(inject_breakpoint)
{
	struct vcpu *vcpu = at_steps_with(VEC_BP);

	if (on_stock_kvm() && !access("/sys/module/kvm_intel", F_OK))
		SKIP("KVM forgets the length of INT3, and the CPU refuses the entry");
	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0);
	do
		vcpu_expect(vcpu, KVM_EXIT_DEBUG);
	while (vcpu->run->debug.arch.pc != (uintptr_t)debug_int3);
	set_debug(vcpu, KVM_GUESTDBG_INJECT_BP, 0, 0);
	CHECK_EQ(vcpu_until_sync(vcpu), (uintptr_t)debug_int3 + 1);
}

TEST(inject_debug)
{
	struct vcpu *vcpu = at_steps_with(VEC_DB);
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_INJECT_BP };

	set_debug(vcpu, KVM_GUESTDBG_INJECT_DB, 0, 0);
	/* One at a time. */
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_GUEST_DEBUG, &d), EBUSY);
	CHECK_EQ(vcpu_until_sync(vcpu), (uintptr_t)debug_steps);
}

/* A step does not end in a handler, and nothing is lost. */
TEST(block_interrupts)
{
	struct vcpu *vcpu;

	need_cap(KVM_CAP_SET_GUEST_DEBUG2, "SET_GUEST_DEBUG2");
	vcpu = at_steps_with(VEC_NMI);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	set_debug(vcpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
		  KVM_GUESTDBG_BLOCKIRQ, 0, 0);
	expect_debug(vcpu, debug_after_nop, VEC_DB);
	expect_debug(vcpu, debug_after_inc, VEC_DB);
	set_debug(vcpu, 0, 0, 0);
	CHECK_EQ(vcpu_until_sync(vcpu), (uintptr_t)debug_after_inc);
}

TEST(unknown_control)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_guest_debug d = { .control = 1u << 30 };

	if (on_stock_kvm())
		SKIP("KVM 6.1 ignores bits that it does not know");
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_GUEST_DEBUG, &d), EINVAL);
}
