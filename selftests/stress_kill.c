// SPDX-License-Identifier: GPL-2.0-only
/* kill -9 of a VMM at any place, and descriptors closed in any order. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "guest.h"
#include "vm.h"

#define ROUNDS 15

static void loop_guest(void)
{
	for (;;)
		asm volatile("pause");
}

static void exit_guest(void)
{
	for (;;)
		outb(0x80, 0);
}

static void halt_guest(void)
{
	asm volatile("sti; hlt");
}

/* Touches 64 MiB again and again; the host takes it away meanwhile. */
#define AREA	0x40000000ul
#define SIZE	(64ul << 20)

static void fault_guest(void)
{
	for (;;)
		for (uint64_t a = AREA; a < AREA + SIZE; a += 4096)
			*(volatile uint64_t *)a += 1;
}

static void *take_away(void *arg)
{
	for (;;)
		madvise(arg, SIZE, MADV_DONTNEED);
	return NULL;
}

static void vmm(void (*fn)(void), bool irqchip, bool storm)
{
	struct vcpu *vcpu = irqchip ? guest64_irqchip(fn) : guest64(fn);
	pthread_t t;

	if (storm) {
		uint8_t *area = pages(SIZE);

		CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, area));
		pthread_create(&t, NULL, take_away, area);
	}
	for (;;)
		vcpu_run_raw(vcpu);
}

static void kill_rounds(void (*fn)(void), bool irqchip, bool storm)
{
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = CHECK_OK(fork());
		int status;

		if (!pid)
			vmm(fn, irqchip, storm);
		nap_ms(10 + 7 * i);
		CHECK_OK(kill(pid, SIGKILL));
		CHECK_OK(waitpid(pid, &status, 0));
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	/* The hypervisor still works. */
	vcpu_expect(guest64(exit_guest), KVM_EXIT_IO);
}

TEST_LIMIT(in_guest_loop, 60)
{
	kill_rounds(loop_guest, false, false);
}

TEST_LIMIT(in_exits, 60)
{
	kill_rounds(exit_guest, false, false);
}

TEST_LIMIT(in_halt, 60)
{
	kill_rounds(halt_guest, true, false);
}

TEST_LIMIT(in_a_storm_of_faults, 60)
{
	kill_rounds(fault_guest, false, true);
}

static void hello(void)
{
	guest_sync(1);
	guest_sync(2);
}

/* Every order of closing device, VM, vCPU and the mapping. */
TEST_LIMIT(close_in_any_order, 60)
{
	for (unsigned int order = 0; order < 24; order++) {
		struct vcpu *vcpu = guest64_irqchip(hello);
		unsigned int left = 0xf, o = order;

		CHECK_EQ(vcpu_until_sync(vcpu), 1);
		for (unsigned int n = 4; n; n--) {
			unsigned int pick = o % n, what = 0;

			for (o /= n;; what++)
				if (left >> what & 1 && !pick--)
					break;
			left &= ~(1u << what);
			if (what == 0)
				CHECK_OK(close(vcpu->vm->dev));
			else if (what == 1)
				CHECK_OK(close(vcpu->vm->fd));
			else if (what == 2)
				CHECK_OK(close(vcpu->fd));
			else
				CHECK_OK(munmap(vcpu->run, vcpu->run_size));
		}
	}
}

static void *close_it(void *arg)
{
	struct vcpu *vcpu = arg;

	nap_ms(30);
	close(vcpu->vm->fd);
	close(vcpu->vm->dev);
	close(vcpu->fd);
	return NULL;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Closed by another thread while in KVM_RUN: the run goes on to its end. */
TEST(close_under_run)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct vcpu *vcpu = guest64(loop_guest);
	pthread_t t;

	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	CHECK(!pthread_create(&t, NULL, close_it, vcpu));
	alarm(1);
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	CHECK(!pthread_join(t, NULL));
	CHECK_ERRNO(vcpu_run_raw(vcpu), EBADF);
}

static void *run_until_signal(void *arg)
{
	CHECK_ERRNO(vcpu_run_raw(arg), EINTR);
	return NULL;
}

static void *read_registers(void *arg)
{
	struct kvm_regs r;

	get_regs(arg, &r);
	return NULL;
}

/* A vCPU ioctl waits for the KVM_RUN of another thread. */
TEST(ioctl_waits_for_run)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct vcpu *vcpu = guest64(loop_guest);
	pthread_t runner, reader;

	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	CHECK(!pthread_create(&runner, NULL, run_until_signal, vcpu));
	nap_ms(50);
	CHECK(!pthread_create(&reader, NULL, read_registers, vcpu));
	nap_ms(100);
	CHECK_EQ(pthread_tryjoin_np(reader, NULL), EBUSY);
	pthread_kill(runner, SIGUSR1);
	CHECK(!pthread_join(runner, NULL));
	CHECK(!pthread_join(reader, NULL));
}
