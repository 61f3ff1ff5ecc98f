// SPDX-License-Identifier: GPL-2.0-only
/*
 * State saved from one vCPU and restored into another: the guest goes on. With
 * HV_OTHER set the other one is the other hypervisor's (mod_cross.sh).
 *
 * The guest computes through an interrupt-free loop with exits; in its middle
 * everything is moved to a new VM, which must finish with the same result.
 */
#include "guest.h"
#include "vm.h"

struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs dr;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;
};

static const uint32_t msrs[] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE,
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_PAT, MSR_TSC,
};
static uint64_t msr_value[ARRAY_SIZE(msrs)];

static void guest(void)
{
	uint64_t start = rdtsc(), sum = 0;

	wrmsr(MSR_LSTAR, 0xffffffff81000000);
	wrmsr(MSR_KERNEL_GS_BASE, 0xffff888000000000);
	WRITE_REG(dr0, 0x1234);
	WRITE_REG(cr8, 3);
	asm volatile("movq %0, %%xmm7" : : "r"(0x1122334455667788ul) : "xmm7");
	for (uint64_t i = 1; i <= 100; i++) {
		sum += i * i;
		asm volatile("out %%al, $0x80" : : "a"(i) : "memory");
	}
	GUEST_EQ(sum, 338350);
	GUEST_EQ(rdmsr(MSR_LSTAR), 0xffffffff81000000);
	GUEST_EQ(rdmsr(MSR_KERNEL_GS_BASE), 0xffff888000000000);
	GUEST_EQ(READ_REG(dr0), 0x1234);
	GUEST_EQ(READ_REG(cr8), 3);
	asm volatile("movq %%xmm7, %0" : "=r"(sum));
	GUEST_EQ(sum, 0x1122334455667788ul);
	GUEST_CHECK(rdtsc() > start);
}

static void save(struct vcpu *vcpu, struct state *s)
{
	get_regs(vcpu, &s->regs);
	get_sregs(vcpu, &s->sregs);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XSAVE, &s->xsave));
	if (dev_cap(vcpu->vm->dev, KVM_CAP_XCRS))
		CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XCRS, &s->xcrs));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_DEBUGREGS, &s->dr));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_VCPU_EVENTS, &s->events));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_MP_STATE, &s->mp));
	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
		msr_value[i] = get_msr(vcpu, msrs[i]);
}

static void restore(struct vcpu *vcpu, struct state *s)
{
	vcpu_set_cpuid(vcpu);
	set_sregs(vcpu, &s->sregs);
	set_regs(vcpu, &s->regs);
	/* Without an irqchip KVM_RUN takes the TPR from here. */
	vcpu->run->cr8 = s->sregs.cr8;
	if (dev_cap(vcpu->vm->dev, KVM_CAP_XCRS))
		CHECK_OK(IOCTL(vcpu->fd, KVM_SET_XCRS, &s->xcrs));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_XSAVE, &s->xsave));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_DEBUGREGS, &s->dr));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_VCPU_EVENTS, &s->events));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_MP_STATE, &s->mp));
	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
		CHECK_EQ(try_set_msr(vcpu, msrs[i], msr_value[i]), 1);
}

static struct vcpu *move(struct vcpu *from)
{
	static struct state s, again;
	uint8_t *ram;
	struct vm *old = from->vm;
	struct vcpu *to;

	/* A pending OUT completes first, as the API asks. */
	from->run->immediate_exit = 1;
	CHECK_ERRNO(vcpu_run_raw(from), EINTR);
	memset(&s, 0, sizeof(s));
	memset(&again, 0, sizeof(again));
	save(from, &s);
	ram = vm_take_ram(old);
	vcpu_close(from);
	vm_close(old);
	dev_change();
	to = vcpu_new(vm_new(), 0);
	vm_give_ram(to->vm, ram);
	restore(to, &s);
	save(to, &again);
	CHECK(!memcmp(&s.regs, &again.regs, sizeof(s.regs)));
	CHECK(!memcmp(&s.dr, &again.dr, sizeof(s.dr)));
	CHECK_EQ(s.sregs.cr0, again.sregs.cr0);
	CHECK_EQ(s.sregs.cr8, again.sregs.cr8);
	return to;
}

TEST(another_vm_goes_on)
{
	struct vcpu *vcpu = guest64(guest);

	/*
	 * Older than any new VM: a TSC within a second of the VM's own is taken
	 * as a wish to have the same as its other CPUs, and would go back.
	 */
	CHECK_EQ(try_set_msr(vcpu, MSR_TSC, 1ull << 40), 1);
	for (int i = 1; i <= 100; i++) {
		vcpu_expect(vcpu, KVM_EXIT_IO);
		CHECK_EQ(vcpu->run->io.port, 0x80);
		CHECK_EQ(((uint8_t *)vcpu->run)[vcpu->run->io.data_offset], i);
		if (i % 30 == 0)
			vcpu = move(vcpu);
	}
	vcpu_until_done(vcpu);
}
