// SPDX-License-Identifier: GPL-2.0-only
/* What cannot be emulated ends in KVM_EXIT_INTERNAL_ERROR, for this VM only. */
#include <signal.h>

#include "guest.h"
#include "vm.h"

static void jump_to_device(void)
{
	((void (*)(void))MMIO_ADDR)();
}

TEST(execute_device_memory)
{
	struct vcpu *vcpu = guest64(jump_to_device);
	struct kvm_regs r;

	vcpu_expect(vcpu, KVM_EXIT_INTERNAL_ERROR);
	CHECK_EQ(vcpu->run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
	get_regs(vcpu, &r);
	CHECK_EQ(r.rip, MMIO_ADDR);
}

static void float_to_device(void)
{
	asm volatile("fstpl (%0)" : : "r"(MMIO_ADDR) : "memory");
}

/* An instruction that no driver uses on device memory. */
TEST(unknown_instruction_on_device_memory)
{
	struct vcpu *vcpu = guest64(float_to_device);

	vcpu_expect(vcpu, KVM_EXIT_INTERNAL_ERROR);
	CHECK_EQ(vcpu->run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
	/* The bytes of the instruction, where the data says so. */
	if (vcpu->run->internal.ndata >= 4 &&
	    vcpu->run->emulation_failure.flags & 1)
		CHECK_EQ(vcpu->run->emulation_failure.insn_bytes[0], 0xdd);
}

static void wild_cr3(void)
{
	WRITE_REG(cr3, MMIO_ADDR);
	guest_sync(9);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/*
 * Page tables in device memory cannot be walked. Hypervisors may give up or
 * try for ever; either way a signal gets the thread out.
 */
TEST(page_tables_nowhere)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct vcpu *vcpu = guest64(wild_cr3);

	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	alarm(1);
	if (vcpu_run_raw(vcpu))
		CHECK_EQ(errno, EINTR);
	else
		CHECK(vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR ||
		      vcpu->run->exit_reason == KVM_EXIT_SHUTDOWN ||
		      vcpu->run->exit_reason == KVM_EXIT_MMIO);
}
