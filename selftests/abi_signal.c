// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_SIGNAL_MASK, immediate_exit, and signals in general: EINTR. */
#include <pthread.h>
#include <signal.h>

#include "guest.h"
#include "vm.h"

static void loop(void)
{
	for (;;)
		asm volatile("pause");
}

static void on_signal(int sig)
{
	(void)sig;
}

static void catch_usr1(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
}

static pthread_t target;

static void *kick_later(void *arg)
{
	(void)arg;
	nap_ms(100);
	pthread_kill(target, SIGUSR1);
	return NULL;
}

static void kick_me_later(void)
{
	pthread_t t;

	target = pthread_self();
	CHECK(!pthread_create(&t, NULL, kick_later, NULL));
}

TEST(signal_ends_run)
{
	struct vcpu *vcpu = guest64(loop);

	catch_usr1();
	kick_me_later();
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	CHECK_EQ(vcpu->run->exit_reason, KVM_EXIT_INTR);
}

TEST(pending_signal_ends_run_at_once)
{
	struct vcpu *vcpu = guest64(loop);
	struct {
		struct kvm_signal_mask h;
		uint8_t bits[8];
	} m = { .h.len = 8 };
	sigset_t block;

	/* Blocked outside KVM_RUN, open inside: the classic way to kick. */
	catch_usr1();
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &block, NULL));
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_SIGNAL_MASK, &m.h));
	CHECK_OK(raise(SIGUSR1));
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	/* The signal stays pending, the mask outside is as it was. */
	CHECK_OK(sigpending(&block));
	CHECK(sigismember(&block, SIGUSR1));
	CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &block));
	CHECK(sigismember(&block, SIGUSR1));
}

TEST(mask_length)
{
	struct vcpu *vcpu = guest64(loop);
	struct {
		struct kvm_signal_mask h;
		uint8_t bits[16];
	} m = { .h.len = 16 };

	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_SET_SIGNAL_MASK, &m.h), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, BAD_PTR), EFAULT);
	CHECK_OK(ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, NULL));
}

TEST(immediate_exit)
{
	struct vcpu *vcpu = guest64(loop);
	struct kvm_regs a, b;

	get_regs(vcpu, &a);
	vcpu->run->immediate_exit = 1;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	get_regs(vcpu, &b);
	CHECK_EQ(a.rip, b.rip);
}

TEST(run_takes_no_argument)
{
	CHECK_ERRNO(IOCTL_V(guest64(loop)->fd, KVM_RUN, 1), EINVAL);
}

/* A signal also wakes a vCPU that is halted inside the kernel. */
static void halt(void)
{
	asm volatile("sti; hlt");
}

TEST(signal_wakes_a_halted_vcpu)
{
	struct vcpu *vcpu = guest64_irqchip(halt);

	catch_usr1();
	kick_me_later();
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	CHECK_EQ(vcpu->run->exit_reason, KVM_EXIT_INTR);
}
