// SPDX-License-Identifier: GPL-2.0-only
/* CPUs go offline and come back under a running guest. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "guest.h"
#include "vm.h"

#define ONLINE "/sys/devices/system/cpu/cpu1/online"
#define ROUNDS 8

static volatile uint64_t count;

static void guest(void)
{
	wrmsr(MSR_LSTAR, 0xffffffff12345678);
	for (;;) {
		GUEST_EQ(rdmsr(MSR_LSTAR), 0xffffffff12345678);
		cpuid(0, 0);
		count++;
	}
}

static volatile bool stop;

static void *runner(void *arg)
{
	while (!stop) {
		struct vcpu *vcpu = arg;

		vcpu->run->immediate_exit = 0;
		if (vcpu_run_raw(vcpu))
			CHECK_EQ(errno, EINTR);
		else
			vcpu_is_done(vcpu);
	}
	return NULL;
}

static void kick(int sig)
{
	(void)sig;
}

static void set_online(int fd, const char *v)
{
	CHECK_EQ(CHECK_OK(pwrite(fd, v, 1, 0)), 1);
}

TEST_LIMIT(offline_and_online, 80)
{
	struct vcpu *vcpu[2];
	pthread_t t[2];
	int fd = open(ONLINE, O_RDWR);

	if (fd < 0)
		SKIP("no second CPU that can be taken offline");
	signal(SIGUSR1, kick);
	for (int i = 0; i < 2; i++) {
		vcpu[i] = guest64(guest);
		CHECK(!pthread_create(&t[i], NULL, runner, vcpu[i]));
	}
	for (int i = 0; i < ROUNDS; i++) {
		for (int down = 0; down < 2; down++) {
			uint64_t before[2];

			set_online(fd, down ? "1" : "0");
			for (int j = 0; j < 2; j++)
				before[j] = IN_GUEST(vcpu[j]->vm, count);
			/* Both still make progress. */
			for (int j = 0; j < 2; j++)
				while (IN_GUEST(vcpu[j]->vm, count) == before[j])
					nap_ms(1);
		}
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		while (pthread_tryjoin_np(t[i], NULL)) {
			pthread_kill(t[i], SIGUSR1);
			nap_ms(1);
		}
}
