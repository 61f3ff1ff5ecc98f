// SPDX-License-Identifier: GPL-2.0-only
/* An exit that hv serves nobody: told to the VMM with its number, the VM stays. */
#include "guest.h"
#include "vm.h"

#define SEL_OTHER_TSS	0x30

/* ljmp $SEL_OTHER_TSS, $0: a task switch, which a CPU leaves to the hypervisor. */
static const uint8_t task_switch[] = { 0xea, 0, 0, 0, 0, SEL_OTHER_TSS, 0 };

static void done(void)
{
	guest_sync(1);
}

TEST(task_switch)
{
	struct kvm_sregs s;
	struct vcpu *vcpu;
	uint64_t *gdt;

	if (on_stock_kvm())
		SKIP("KVM performs the task switch");
	if (on_tcg())
		SKIP("TCG performs it without an exit");
	vcpu = vcpu_new(vm_new(), 0);
	vcpu_set_cpuid(vcpu);
	gdt = gpa(vcpu->vm, (void *)GDT_ADDR);
	gdt[SEL_OTHER_TSS / 8] = 0x0000890000000067 | (TSS_ADDR + 0x100) << 16;
	vcpu_mode32(vcpu, task_switch);
	get_sregs(vcpu, &s);
	s.gdt.limit = SEL_OTHER_TSS + 7;
	set_sregs(vcpu, &s);
	for (int i = 0; i < 2; i++) {
		struct kvm_regs r;

		vcpu_expect(vcpu, KVM_EXIT_INTERNAL_ERROR);
		CHECK_EQ(vcpu->run->internal.suberror, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
		CHECK_EQ(vcpu->run->internal.ndata, 2);
		/* Intel SDM vol. 3, appendix C; AMD64 APM vol. 2, appendix C */
		CHECK(vcpu->run->internal.data[0] == 9 || vcpu->run->internal.data[0] == 0x7d);
		get_regs(vcpu, &r);
		CHECK_EQ(r.rip, (uintptr_t)task_switch);
	}
	vcpu_mode64(vcpu, done);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
}
