// SPDX-License-Identifier: GPL-2.0-only
/* The paravirtual clock: a page in guest memory that turns TSC into time. */
#include <time.h>

#include "guest.h"
#include "vm.h"

#define MSR_WALL	0x4b564d00
#define MSR_SYSTEM	0x4b564d01
#define CLOCK_PAGE	0x6000ul
#define WALL_PAGE	0x7000ul
#define STOPPED		2

/* KVM's document "KVM-specific MSRs": struct pvclock_vcpu_time_info. */
struct clock_page {
	uint32_t version, pad;
	uint64_t tsc, time;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, pad2[2];
};

static uint64_t guest_time(void)
{
	volatile struct clock_page *c = (void *)CLOCK_PAGE;
	uint64_t delta, time;
	uint32_t version;

	do {
		version = c->version;
		barrier();
		delta = rdtsc() - c->tsc;
		if (c->shift < 0)
			delta >>= -c->shift;
		else
			delta <<= c->shift;
		time = c->time + (uint64_t)((__uint128_t)delta * c->mul >> 32);
		barrier();
	} while (version & 1 || version != c->version);
	return time;
}

static void guest(void)
{
	uint64_t last, now;

	wrmsr(MSR_WALL, WALL_PAGE);
	wrmsr(MSR_SYSTEM, CLOCK_PAGE | 1);
	last = guest_time();
	for (int i = 0; i < 50; i++) {
		now = guest_time();
		GUEST_CHECK(now >= last);
		last = now;
	}
	for (;;)
		guest_sync(guest_time());
}

TEST(agrees_with_get_clock)
{
	struct vcpu *vcpu = guest64(guest);
	uint64_t t, last = 0;

	for (int i = 0; i < 5; i++) {
		struct kvm_clock_data before = { 0 }, after = { 0 };

		CHECK_OK(IOCTL(vcpu->vm->fd, KVM_GET_CLOCK, &before));
		t = vcpu_until_sync(vcpu);
		CHECK_OK(IOCTL(vcpu->vm->fd, KVM_GET_CLOCK, &after));
		/* Both come from the TSC, but may round apart. */
		CHECK(t + 1000000 >= before.clock);
		CHECK(t <= after.clock + 1000000);
		CHECK(t > last);
		last = t;
		nap_ms(5);
	}
}

/* Set, the guest's clock follows. */
TEST(follows_set_clock)
{
	struct vcpu *vcpu = guest64(guest);
	struct kvm_clock_data c = { .clock = 1000000000000ull };
	uint64_t t;

	CHECK(vcpu_until_sync(vcpu) < c.clock);
	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SET_CLOCK, &c));
	t = vcpu_until_sync(vcpu);
	CHECK(t >= c.clock && t < c.clock + 5000000000ull);
}

/* KVM_KVMCLOCK_CTRL leaves a note that the VM was stopped. */
TEST(stopped_flag)
{
	struct vcpu *vcpu = guest64(guest);
	struct clock_page *c = gpa(vcpu->vm, (void *)CLOCK_PAGE);

	vcpu_until_sync(vcpu);
	CHECK_EQ(c->flags & STOPPED, 0);
	CHECK_EQ(c->version & 1, 0);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_KVMCLOCK_CTRL, 0));
	vcpu_until_sync(vcpu);
	CHECK_EQ(c->flags & STOPPED, STOPPED);
}

TEST(wall_clock)
{
	struct vcpu *vcpu = guest64(guest);
	uint32_t *wall = gpa(vcpu->vm, (void *)WALL_PAGE);
	uint64_t boot;

	/* The time of day at which the guest's clock was 0. */
	vcpu_until_sync(vcpu);
	boot = wall[1];
	CHECK_EQ(wall[0] & 1, 0);
	CHECK(boot <= (uint64_t)time(NULL) + 1);
	CHECK(boot + 120 >= (uint64_t)time(NULL));
}

static void off_guest(void)
{
	volatile struct clock_page *c = (void *)CLOCK_PAGE;
	uint32_t version;

	wrmsr(MSR_SYSTEM, CLOCK_PAGE | 1);
	guest_sync(1);
	wrmsr(MSR_SYSTEM, 0);
	guest_sync(2);
	version = c->version;
	guest_sync(3);
	GUEST_EQ(c->version, version);
}

TEST(switched_off)
{
	struct vcpu *vcpu = guest64(off_guest);
	struct kvm_clock_data c = { .clock = 1 };

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SET_CLOCK, &c));
	vcpu_until_done(vcpu);
}
