// SPDX-License-Identifier: GPL-2.0-only
/* KVM_IRQFD: refusals, life and end of an irqfd, routes that come and go. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "guest.h"
#include "vm.h"

static int irqfd(struct vm *vm, int fd, uint32_t gsi, uint32_t flags)
{
	struct kvm_irqfd f = { .fd = fd, .gsi = gsi, .flags = flags };

	need_cap(KVM_CAP_IRQFD, "IRQFD");
	return IOCTL(vm->fd, KVM_IRQFD, &f);
}

static int event(void)
{
	return CHECK_OK(eventfd(0, EFD_NONBLOCK));
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	CHECK_EQ(write(fd, &one, 8), 8);
}

static bool is_signalled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return CHECK_OK(poll(&p, 1, 0)) == 1;
}

TEST(refusals)
{
	struct vm *vm;
	int fd = event();

	CHECK_ERRNO(irqfd(vm_bare(), fd, 1, 0), EINVAL);
	vm = vm_new_irqchip();
	CHECK_ERRNO(irqfd(vm, fd, 1, 1u << 20), EINVAL);
	CHECK_ERRNO(irqfd(vm, 999, 1, 0), EBADF);
	CHECK_ERRNO(irqfd(vm, vm->dev, 1, 0), EINVAL);
	CHECK_ERRNO(ioctl(vm->fd, KVM_IRQFD, BAD_PTR), EFAULT);
	CHECK_OK(irqfd(vm, fd, 1, 0));
	CHECK_ERRNO(irqfd(vm, fd, 2, 0), EBUSY);
	CHECK_ERRNO(irqfd(vm, fd, 1, 0), EBUSY);
	CHECK_OK(irqfd(vm, fd, 1, KVM_IRQFD_FLAG_DEASSIGN));
	CHECK_OK(irqfd(vm, fd, 2, 0));
}

TEST(deassign_refusals)
{
	struct vm *vm = vm_new_irqchip();
	int fd = event();

	CHECK_ERRNO(irqfd(vm, 999, 1, KVM_IRQFD_FLAG_DEASSIGN), EBADF);
	CHECK_ERRNO(irqfd(vm, vm->dev, 1, KVM_IRQFD_FLAG_DEASSIGN), EINVAL);
	/* What is not assigned, or to another GSI, is left alone. */
	CHECK_OK(irqfd(vm, fd, 1, KVM_IRQFD_FLAG_DEASSIGN));
	CHECK_OK(irqfd(vm, fd, 1, 0));
	CHECK_OK(irqfd(vm, fd, 2, KVM_IRQFD_FLAG_DEASSIGN));
	CHECK_ERRNO(irqfd(vm, fd, 2, 0), EBUSY);
}

TEST(resample_refusals)
{
	struct vm *vm = vm_new_irqchip();
	struct kvm_irqfd f = {
		.fd = event(), .gsi = 1, .flags = KVM_IRQFD_FLAG_RESAMPLE, .resamplefd = 999,
	};

	need_cap(KVM_CAP_IRQFD_RESAMPLE, "IRQFD_RESAMPLE");
	CHECK_ERRNO(IOCTL(vm->fd, KVM_IRQFD, &f), EBADF);
	f.resamplefd = vm->dev;
	CHECK_ERRNO(IOCTL(vm->fd, KVM_IRQFD, &f), EINVAL);
	f.resamplefd = event();
	CHECK_OK(IOCTL(vm->fd, KVM_IRQFD, &f));
	CHECK_ERRNO(IOCTL(vm->fd, KVM_IRQFD, &f), EBUSY);
}

/* The signal is taken: a reader of the eventfd finds nothing, until it is let go. */
TEST(signals_are_consumed)
{
	struct vm *vm = vm_new_irqchip();
	int fd = event();

	CHECK_OK(irqfd(vm, fd, 4, 0));
	signal_fd(fd);
	CHECK(!is_signalled(fd));
	CHECK_OK(irqfd(vm, fd, 4, KVM_IRQFD_FLAG_DEASSIGN));
	signal_fd(fd);
	CHECK(is_signalled(fd));
}

TEST(routes_to_nowhere)
{
	struct vm *vm = vm_new_irqchip();
	static const uint32_t gsis[] = { 23, 24, 4095, 4096, 0x7fffffff, 0xffffffff };

	vcpu_new(vm, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(gsis); i++) {
		int fd = event();

		CHECK_OK(irqfd(vm, fd, gsis[i], 0));
		signal_fd(fd);
		CHECK(!is_signalled(fd));
	}
}

static volatile int got;

static void handler(struct guest_frame *f)
{
	(void)f;
	got++;
	apic_eoi();
}

static void on(void)
{
	guest_handlers[0x50] = handler;
	guest_handlers[0x52] = handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	guest_sync(1);
}

static void wait_guest(void)
{
	on();
	asm volatile("sti; hlt; cli");
	GUEST_EQ(got, 1);
}

static void route(struct vm *vm, uint32_t gsi, uint32_t data)
{
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e;
	} t = {
		.h.nr = 1,
		.e = { .gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		       .u.msi = { .address_lo = APIC_BASE, .data = data } },
	};

	CHECK_OK(IOCTL(vm->fd, KVM_SET_GSI_ROUTING, &t.h));
}

TEST(interrupts)
{
	struct vcpu *vcpu = guest64_irqchip(wait_guest);
	int fd = event();

	route(vcpu->vm, 30, 0x50);
	CHECK_OK(irqfd(vcpu->vm, fd, 30, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	signal_fd(fd);
	vcpu_until_done(vcpu);
}

/* What was signalled before the irqfd was there is not lost. */
TEST(signalled_before)
{
	struct vcpu *vcpu = guest64_irqchip(wait_guest);
	int fd = event();

	route(vcpu->vm, 30, 0x50);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	signal_fd(fd);
	CHECK_OK(irqfd(vcpu->vm, fd, 30, 0));
	vcpu_until_done(vcpu);
}

static void *signal_soon(void *fd)
{
	nap_ms(30);
	signal_fd(*(int *)fd);
	return NULL;
}

/* From another thread, while the vCPU halts. */
TEST(wakes_a_halted_vcpu)
{
	struct vcpu *vcpu = guest64_irqchip(wait_guest);
	int fd = event();
	pthread_t t;

	route(vcpu->vm, 30, 0x50);
	CHECK_OK(irqfd(vcpu->vm, fd, 30, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(pthread_create(&t, NULL, signal_soon, &fd), 0);
	vcpu_until_done(vcpu);
	pthread_join(t, NULL);
}

static void three_guest(void)
{
	on();
	asm volatile("sti; hlt; cli");
	GUEST_EQ(got, 1);
	guest_sync(2);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 1);
	guest_sync(3);
	asm volatile("sti; nop; nop; cli");
	GUEST_EQ(got, 2);
}

/* An irqfd follows its GSI to another message, to none, and to a new one. */
TEST(rerouting)
{
	struct vcpu *vcpu = guest64_irqchip(three_guest);
	struct vm *vm = vcpu->vm;
	int fd = event();

	route(vm, 31, 0x50);
	CHECK_OK(irqfd(vm, fd, 30, 0));		/* no route yet */
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	signal_fd(fd);
	route(vm, 30, 0x50);
	signal_fd(fd);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	route(vm, 31, 0x50);
	signal_fd(fd);
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
	route(vm, 30, 0x52);
	signal_fd(fd);
	vcpu_until_done(vcpu);
}

static volatile bool stop;

static void *signaller(void *fd)
{
	while (!stop)
		signal_fd(*(int *)fd);
	return NULL;
}

/* Signals race with all that an irqfd can meet; after its end none gets through. */
TEST_LIMIT(races, 60)
{
	struct vm *vm = vm_new_irqchip();
	int fd = event();
	pthread_t t;

	vcpu_new(vm, 0);
	route(vm, 30, 0x50);
	CHECK_EQ(pthread_create(&t, NULL, signaller, &fd), 0);
	for (int i = 0; i < 50; i++) {
		CHECK_OK(irqfd(vm, fd, 30, 0));
		route(vm, 30 + (i & 1), 0x50);
		CHECK_OK(irqfd(vm, fd, 30, KVM_IRQFD_FLAG_DEASSIGN));
	}
	stop = true;
	pthread_join(t, NULL);
	signal_fd(fd);
	CHECK(is_signalled(fd));
}

/* Two threads deassign the same ones, some of which end by a close meanwhile. */
static struct { struct vm *vm; int fd[64]; } shared;

static void *deassigner(void *unused)
{
	(void)unused;
	for (unsigned int i = 0; i < ARRAY_SIZE(shared.fd); i++) {
		struct kvm_irqfd f = {
			.fd = shared.fd[i], .gsi = 4, .flags = KVM_IRQFD_FLAG_DEASSIGN,
		};

		/* EBADF when the other one closed it */
		(void)IOCTL(shared.vm->fd, KVM_IRQFD, &f);
	}
	return NULL;
}

TEST(two_deassigners)
{
	pthread_t t;

	shared.vm = vm_new_irqchip();
	for (unsigned int i = 0; i < ARRAY_SIZE(shared.fd); i++) {
		shared.fd[i] = event();
		CHECK_OK(irqfd(shared.vm, shared.fd[i], 4, 0));
	}
	CHECK_EQ(pthread_create(&t, NULL, deassigner, NULL), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(shared.fd); i += 2)
		close(shared.fd[i]);
	deassigner(NULL);
	pthread_join(t, NULL);
	for (unsigned int i = 1; i < ARRAY_SIZE(shared.fd); i += 2)
		CHECK_OK(irqfd(shared.vm, shared.fd[i], 4, 0));
}

/* A VM that goes takes its irqfds along; the eventfd lives on. */
TEST(the_vm_goes_first)
{
	struct vm *vm = vm_new_irqchip();
	int fd = event(), other = event();

	CHECK_OK(irqfd(vm, fd, 4, 0));
	CHECK_OK(irqfd(vm, other, 5, 0));
	close(other);
	close(vm->fd);
	signal_fd(fd);
	CHECK(is_signalled(fd));
}
