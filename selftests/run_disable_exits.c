// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CAP_X86_DISABLE_EXITS: HLT, PAUSE and MWAIT that stay in the guest. */
#include <asm/kvm_para.h>
#include <pthread.h>
#include <signal.h>

#include "guest.h"
#include "vm.h"

static int disable(struct vm *vm, uint64_t what)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_X86_DISABLE_EXITS, .args = { what } };

	return IOCTL(vm->fd, KVM_ENABLE_CAP, &c);
}

static struct vcpu *with(void (*fn)(void), uint64_t what)
{
	struct vm *vm = vm_new();
	struct vcpu *vcpu;

	need_cap(KVM_CAP_X86_DISABLE_EXITS, "X86_DISABLE_EXITS");
	if (~dev_cap(vm->dev, KVM_CAP_X86_DISABLE_EXITS) & what)
		SKIP("this CPU does not have it");
	CHECK_OK(disable(vm, what));
	vcpu = vcpu_new(vm, 0);
	vcpu_set_cpuid(vcpu);
	vcpu_mode64(vcpu, fn);
	return vcpu;
}

static volatile uint64_t nmis;

static void nmi(struct guest_frame *f)
{
	(void)f;
	nmis++;
}

static void hlt_guest(void)
{
	guest_handlers[VEC_NMI] = nmi;
	guest_sync(1);
	asm volatile("sti; hlt; cli");
	guest_sync(2);
}

static void ignore(int sig)
{
	(void)sig;
}

static volatile bool stop;

static void *kicker(void *arg)
{
	while (!stop) {
		nap_ms(20);
		pthread_kill(*(pthread_t *)arg, SIGUSR1);
	}
	return NULL;
}

/*
 * Without a controller in the kernel HLT would be an exit to here; now the
 * thread stays in the guest until a signal, and an NMI ends the halt. (The
 * end of the halt for no reason is allowed: AMD's does at every exit.)
 * Interrupts are on: Bochs hears none of its host while a guest halts with
 * them off.
 */
TEST(hlt)
{
	struct vcpu *vcpu = with(hlt_guest, KVM_X86_DISABLE_EXITS_HLT);
	struct sigaction sa = { .sa_handler = ignore };
	pthread_t me = pthread_self(), thread;
	int r;

	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(pthread_create(&thread, NULL, kicker, &me), 0);
	for (;;) {
		r = vcpu_run_raw(vcpu);
		if (r >= 0)
			break;
		CHECK_EQ(errno, EINTR);
		CHECK_EQ(vcpu->run->exit_reason, KVM_EXIT_INTR);
		CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	}
	CHECK_EQ(vcpu->run->exit_reason, KVM_EXIT_IO);
	CHECK(!vcpu_is_done(vcpu));
	stop = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	vcpu_until_done(vcpu);
}

/* Registers that are set while it is halted end the halt. */
static void forever(void)
{
	guest_sync(1);
	for (;;)
		asm volatile("sti; hlt");
}

static void elsewhere(void)
{
	guest_sync(3);
}

TEST(hlt_left_by_registers)
{
	struct vcpu *vcpu = with(forever, KVM_X86_DISABLE_EXITS_HLT);
	struct sigaction sa = { .sa_handler = ignore };
	pthread_t me = pthread_self(), thread;
	struct kvm_regs r;

	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(pthread_create(&thread, NULL, kicker, &me), 0);
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	stop = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	get_regs(vcpu, &r);
	r.rip = (uintptr_t)elsewhere;
	set_regs(vcpu, &r);
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
}

static void pause_guest(void)
{
	for (int i = 0; i < 100000; i++)
		asm volatile("pause");
}

TEST(pause)
{
	vcpu_until_done(with(pause_guest, KVM_X86_DISABLE_EXITS_PAUSE));
}

static volatile uint64_t line;

static void mwait_guest(void)
{
	asm volatile("monitor" : : "a"(&line), "c"(0), "d"(0));
	line = 1;	/* so that it does not wait */
	asm volatile("mwait" : : "a"(0), "c"(0));
}

TEST(mwait)
{
	vcpu_until_done(with(mwait_guest, KVM_X86_DISABLE_EXITS_MWAIT));
}

/*
 * A vCPU that halts without an exit cannot be kicked: the feature is not there,
 * and the table as it was and as it became are the same one later.
 */
TEST(hlt_takes_unhalt_away)
{
	static const uint64_t exits[] = { 0, KVM_X86_DISABLE_EXITS_HLT };
	const uint32_t unhalt = 1u << KVM_FEATURE_PV_UNHALT;
	struct kvm_cpuid2 *want = supported_cpuid(), *got = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(want, KVM_CPUID_FEATURES, 0);

	CHECK(e && e->eax & unhalt);
	for (unsigned int i = 0; i < 2; i++) {
		struct vcpu *vcpu = with(pause_guest, exits[i]);

		CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, want));
		got->nent = want->nent;
		CHECK_OK(IOCTL(vcpu->fd, KVM_GET_CPUID2, got));
		e = cpuid_find(got, KVM_CPUID_FEATURES, 0);
		CHECK_EQ(e->eax & unhalt, exits[i] ? 0 : unhalt);
		vcpu_until_done(vcpu);
		CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, want));
		CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, got));
	}
}

TEST(refusals)
{
	struct vm *vm = vm_bare();

	need_cap(KVM_CAP_X86_DISABLE_EXITS, "X86_DISABLE_EXITS");
	CHECK_ERRNO(disable(vm, 1u << 20), EINVAL);
	CHECK_ERRNO(disable(vm, 1ull << 40), EINVAL);
	CHECK_OK(disable(vm, KVM_X86_DISABLE_EXITS_HLT));
	vcpu_new(vm, 0);
	if (on_stock_kvm())
		return;	/* 6.1 still takes it, later KVM does not */
	CHECK_ERRNO(disable(vm, KVM_X86_DISABLE_EXITS_PAUSE), EINVAL);
}
