// SPDX-License-Identifier: GPL-2.0-only
/*
 * No wake-up is lost: every message to a vCPU that halts is seen by it, at
 * whatever moment it comes. The senders wait for the answer to each message
 * before the next, so that one lost stops the case; the pause before a message
 * changes from round to round, to move it over the way into HLT and back.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "guest.h"
#include "vm.h"

#define ROUNDS		1500
#define MIN_ROUNDS	50	/* of a host so slow that time ends the case */
#define RUN_MS		8000
#define LOST_MS		10000	/* no host is as slow as that */
#define SENDERS		3
#define VEC(i)		(0x51 + 0x10 * (i))
#define VEC_FINISH	0xe1

/* What arrived: per fixed vector, NMIs. */
static volatile uint64_t got[SENDERS], got_nmi, finish;
static volatile uint64_t before_hlt;	/* interrupts between STI and HLT */

static void msi(struct vm *vm, uint32_t data)
{
	struct kvm_msi m = { .address_lo = APIC_BASE, .data = data };

	CHECK_EQ(IOCTL(vm->fd, KVM_SIGNAL_MSI, &m), 1);
}

/* Wait until *count is n, first awake, then not. */
static void await(volatile uint64_t *count, uint64_t n, const char *what)
{
	uint64_t end = now_ms() + LOST_MS;

	for (unsigned int i = 0; *count != n; i++) {
		if (i < 500)
			asm volatile("pause");
		else if (i < 1000)
			sched_yield();
		else
			nap_ms(1);
		if (i >= 1000 && now_ms() > end)
			FAIL("%s %llu was lost (count %llu)", what,
			     (unsigned long long)n, (unsigned long long)*count);
	}
}

static void dawdle(unsigned int round)
{
	for (volatile unsigned int i = 0; i < round % 97 * 8; i++)
		;
}

/* More rounds to do? Long enough is enough. */
static bool more(unsigned int round, uint64_t start)
{
	if (round >= ROUNDS)
		return false;
	return round < MIN_ROUNDS || now_ms() - start < RUN_MS;
}

/*
 * STI lets HLT begin before an interrupt comes. QEMU's TCG forgets that over an
 * exit (its VMRUN does not load the interrupt shadow), so there the HLT that
 * would sleep for ever is stepped over; on a CPU it must not happen.
 */
static void see_shadow(struct guest_frame *f)
{
	if (*(uint8_t *)f->rip != 0xf4)
		return;
	f->rip++;
	before_hlt++;
}

static void check_shadow(struct vm *vm)
{
	CHECK(on_tcg() || !IN_GUEST(vm, before_hlt));
}

/* ---- guests ------------------------------------------------------------------- */

static void count_irq(struct guest_frame *f)
{
	see_shadow(f);
	for (int i = 0; i < SENDERS; i++)
		if (f->vector == (uint64_t)VEC(i))
			got[i]++;
	apic_eoi();
}

static void count_nmi(struct guest_frame *f)
{
	(void)f;
	got_nmi++;
}

/* The senders begin when the host hears of it: all is in place by then. */
static void start(guest_handler irq0, guest_handler nmi)
{
	for (int i = 0; i < SENDERS; i++)
		guest_handlers[VEC(i)] = count_irq;
	guest_handlers[VEC(0)] = irq0;
	guest_handlers[VEC_FINISH] = count_irq;
	guest_handlers[VEC_NMI] = nmi;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	guest_sync(1);
}

static void idle_guest(void)
{
	start(count_irq, count_nmi);
	while (!finish)
		asm volatile("sti; hlt; cli" : : : "memory");
}

/*
 * The first vector is masked by the task priority from its handler on, before
 * the sender learns of it, to the next NMI.
 */
static void mask_irq(struct guest_frame *f)
{
	apic_write(APIC_TPR, 0x60);
	count_irq(f);
}

static void unmask_nmi(struct guest_frame *f)
{
	apic_write(APIC_TPR, 0);
	count_nmi(f);
}

static void priority_guest(void)
{
	apic_write(APIC_TPR, 0x60);
	start(mask_irq, unmask_nmi);
	while (!finish)
		asm volatile("sti; hlt; cli" : : : "memory");
}

/* ---- senders ------------------------------------------------------------------ */

static struct vcpu *target;
static pthread_t threads[SENDERS + 1];
static unsigned int running, n_threads;	/* atomic: senders that go on */

/* The last sender ends the guest. */
static void sender_done(unsigned int rounds)
{
	CHECK(rounds >= MIN_ROUNDS);
	if (__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST))
		return;
	IN_GUEST(target->vm, finish) = 1;
	msi(target->vm, VEC_FINISH);
}

static void *irq_sender(void *arg)
{
	uintptr_t i = (uintptr_t)arg;
	volatile uint64_t *seen = &IN_GUEST(target->vm, got)[i];
	uint64_t t = now_ms();
	unsigned int n;

	for (n = 0; more(n, t); n++) {
		dawdle(n + i * 31);
		msi(target->vm, VEC(i));
		await(seen, n + 1, "interrupt");
	}
	sender_done(n);
	return NULL;
}

static void *nmi_sender(void *arg)
{
	volatile uint64_t *seen = &IN_GUEST(target->vm, got_nmi);
	uint64_t t = now_ms();
	unsigned int n;

	(void)arg;
	for (n = 0; more(n, t); n++) {
		dawdle(n);
		msi(target->vm, 0x400);
		await(seen, n + 1, "NMI");
	}
	sender_done(n);
	return NULL;
}

/* One that must not wake it, then one that must. */
static void *pair_sender(void *arg)
{
	uint64_t t = now_ms();
	unsigned int n;

	(void)arg;
	for (n = 0; more(n, t); n++) {
		dawdle(n);
		msi(target->vm, VEC(0));
		dawdle(n * 3);
		msi(target->vm, 0x400);
		await(&IN_GUEST(target->vm, got_nmi), n + 1, "NMI");
		await(&IN_GUEST(target->vm, got)[0], n + 1, "masked interrupt");
	}
	sender_done(n);
	return NULL;
}

static void begin(void (*guest)(void))
{
	target = guest64_irqchip(guest);
	CHECK_EQ(vcpu_until_sync(target), 1);
}

static void spawn(void *(*fn)(void *), uintptr_t arg)
{
	CHECK(!pthread_create(&threads[n_threads++], NULL, fn, (void *)arg));
}

static void end(void)
{
	vcpu_until_done(target);
	while (n_threads)
		CHECK(!pthread_join(threads[--n_threads], NULL));
	check_shadow(target->vm);
}

TEST_LIMIT(interrupts_of_one, 60)
{
	begin(idle_guest);
	running = 1;
	spawn(irq_sender, 0);
	end();
}

TEST_LIMIT(interrupts_and_nmis_of_many, 60)
{
	begin(idle_guest);
	running = SENDERS + 1;
	for (int i = 0; i < SENDERS; i++)
		spawn(irq_sender, i);
	spawn(nmi_sender, 0);
	end();
}

TEST_LIMIT(nmi_behind_a_masked_interrupt, 60)
{
	begin(priority_guest);
	running = 1;
	spawn(pair_sender, 0);
	end();
}

/* ---- the VMM's own kick ---------------------------------------------------------- */

static volatile uint64_t kicks_seen;
static pthread_t vcpu_thread;

static void ignore(int sig)
{
	(void)sig;
}

static void *kicker(void *arg)
{
	uint64_t t = now_ms();
	unsigned int n;

	(void)arg;
	for (n = 0; more(n, t); n++) {
		dawdle(n);
		__atomic_store_n(&target->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		CHECK(!pthread_kill(vcpu_thread, SIGUSR1));
		await(&kicks_seen, n + 1, "kick");
	}
	sender_done(n);
	return NULL;
}

TEST_LIMIT(signals_with_immediate_exit, 60)
{
	struct sigaction sa = { .sa_handler = ignore };

	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	vcpu_thread = pthread_self();
	begin(idle_guest);
	running = 2;
	spawn(kicker, 0);
	spawn(irq_sender, 0);
	for (;;) {
		if (!vcpu_run_raw(target)) {
			if (vcpu_is_done(target))
				break;
			continue;
		}
		CHECK_EQ(errno, EINTR);
		if (__atomic_exchange_n(&target->run->immediate_exit, 0, __ATOMIC_SEQ_CST))
			kicks_seen++;
	}
	while (n_threads)
		CHECK(!pthread_join(threads[--n_threads], NULL));
	check_shadow(target->vm);
}

/* ---- from vCPU to vCPU ------------------------------------------------------------ */

#define BALL	0x51
static volatile uint64_t balls[2];

static void ball0(struct guest_frame *f)
{
	see_shadow(f);
	balls[0]++;
	apic_eoi();
}

static void ball1(struct guest_frame *f)
{
	see_shadow(f);
	balls[1]++;
	apic_eoi();
}

static volatile uint64_t game_over;

/* Send each ball back that comes, halted in between; vCPU 0 begins and ends. */
static void play(unsigned int me)
{
	for (uint64_t i = me; ; i++) {
		while (balls[me] < i)
			asm volatile("sti; hlt; cli" : : : "memory");
		if (game_over)
			return;
		if (!me && finish)
			game_over = 1;
		for (volatile unsigned int d = 0; d < i % 61; d++)
			;
		apic_write(APIC_ICR2, (uint32_t)!me << 24);
		apic_write(APIC_ICR, (BALL + !me) | 1 << 14);
		if (game_over)
			return;
	}
}

static void first_player(void)
{
	guest_handlers[BALL] = ball0;
	guest_handlers[BALL + 1] = ball1;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	guest_sync(1);
	play(0);
}

static void second_player(void)
{
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	guest_sync(2);
	play(1);
}

static void *play_second(void *arg)
{
	vcpu_until_done(arg);
	return NULL;
}

/* Sees that the ball keeps moving, ends the game when it was long enough. */
static void *referee(void *arg)
{
	uint64_t t = now_ms(), moved = t, last = 0, n;

	(void)arg;
	do {
		nap_ms(20);
		n = IN_GUEST(target->vm, balls)[0];
		if (n != last)
			moved = now_ms();
		else if (now_ms() - moved > LOST_MS)
			FAIL("the ball was lost after %llu rounds",
			     (unsigned long long)n);
		last = n;
	} while (more(n, t) || now_ms() - moved > 1000);
	IN_GUEST(target->vm, finish) = 1;
	return NULL;
}

TEST_LIMIT(interrupts_between_vcpus, 60)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct vcpu *second;
	pthread_t t;

	begin(first_player);
	second = vcpu_new(target->vm, 1);
	vcpu_set_cpuid(second);
	CHECK_OK(IOCTL(second->fd, KVM_SET_MP_STATE, &runnable));
	vcpu_mode64(second, second_player);
	CHECK_EQ(vcpu_until_sync(second), 2);
	CHECK(!pthread_create(&t, NULL, play_second, second));
	spawn(referee, 0);
	end();
	CHECK(!pthread_join(t, NULL));
	CHECK(IN_GUEST(target->vm, balls)[0] >= MIN_ROUNDS);
}
