// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPU threads: KVM_RUN, and what each exit leads to.
 *
 * A thread leaves its loop when the VM is stopped.  To get it out of KVM_RUN
 * the main thread sets `immediate_exit`, then sends a signal: whichever comes
 * first, before or inside the call, ends it.  A pause works the same way, but the
 * thread then waits instead of ending.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm.h"

#define KICK_SIGNAL	SIGUSR1

/* The hypervisor cannot go on: say why, show the CPU, end the VM. */
static void vcpu_give_up(struct vcpu *vcpu)
{
	vcpu_dump(vcpu);
	vm_stop(vcpu->vm, HV_EXIT_ERROR);
}

static void exit_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u8 *data = (u8 *)run + run->io.data_offset;
	u32 i;

	for (i = 0; i < run->io.count && !vm_stopped(vcpu->vm); i++) {
		bus_access(&vcpu->vm->bus, BUS_PIO, run->io.port, data,
			   run->io.size, run->io.direction == KVM_EXIT_IO_OUT);
		data += run->io.size;
	}
}

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	bus_access(&vcpu->vm->bus, BUS_MMIO, run->mmio.phys_addr,
		   run->mmio.data, run->mmio.len, run->mmio.is_write);
}

/* Nothing to do but look whether the VM was stopped. */
static void exit_nothing(struct vcpu *vcpu __maybe_unused)
{
}

static void exit_shutdown(struct vcpu *vcpu)
{
	complain("the guest shut down with a triple fault (vCPU %u)", vcpu->id);
	vm_stop(vcpu->vm, HV_EXIT_SHUTDOWN);
}

static void exit_system_event(struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_stop(vcpu->vm, HV_EXIT_POWEROFF);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vm_stop(vcpu->vm, HV_EXIT_REBOOT);
		break;
	default:
		complain("the guest crashed (system event %u)",
			 vcpu->run->system_event.type);
		vm_stop(vcpu->vm, HV_EXIT_SHUTDOWN);
	}
}

static void exit_fail_entry(struct vcpu *vcpu)
{
	complain("the CPU refused to enter the guest (hardware reason %#llx)",
		 (unsigned long long)
		 vcpu->run->fail_entry.hardware_entry_failure_reason);
	vcpu_give_up(vcpu);
}

static void exit_internal(struct vcpu *vcpu)
{
	static const char * const name[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = "an instruction cannot be emulated",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "exceptions collided",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = "exit while an event was delivered",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "unexpected exit",
	};
	u32 sub = vcpu->run->internal.suberror;

	complain("internal error %u of %s: %s", sub, vcpu->vm->device,
		 sub < ARRAY_SIZE(name) && name[sub] ? name[sub] : "unknown");
	vcpu_give_up(vcpu);
}

/* Exits that hv never asks for (userspace MSRs, debugging, ...) have no row. */
static void (* const exit_handler[])(struct vcpu *vcpu) = {
	[KVM_EXIT_IO] = exit_io,
	[KVM_EXIT_MMIO] = exit_mmio,
	[KVM_EXIT_INTR] = exit_nothing,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = exit_nothing,
	/* With the in-kernel irqchip HLT waits inside; a wake-up may show. */
	[KVM_EXIT_HLT] = exit_nothing,
	[KVM_EXIT_SHUTDOWN] = exit_shutdown,
	[KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
	[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
	[KVM_EXIT_INTERNAL_ERROR] = exit_internal,
};

static void vcpu_exit(struct vcpu *vcpu)
{
	u32 reason = vcpu->run->exit_reason;

	if (reason < ARRAY_SIZE(exit_handler) && exit_handler[reason]) {
		exit_handler[reason](vcpu);
		return;
	}
	complain("exit reason %u, which hv does not ask for", reason);
	vcpu_give_up(vcpu);
}

static void vcpu_run_failed(struct vcpu *vcpu, int err)
{
	if (err == EBUSY)
		complain("KVM_RUN on %s: " MSG_BUSY, vcpu->vm->device);
	else
		complain("KVM_RUN on %s: %s", vcpu->vm->device, strerror(err));
	vm_stop(vcpu->vm, err == EBUSY ? HV_EXIT_SETUP : HV_EXIT_ERROR);
}

/*
 * Complete what the last exit has left open, then wait until vcpus_resume() or
 * the VM's end.  `immediate_exit` is cleared before `pause` is looked at again,
 * and vcpus_pause() sets them in the other order: no request is lost.
 */
static void vcpu_park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	vcpu->run->immediate_exit = 1;
	while (!ioctl(vcpu->fd, KVM_RUN, 0))
		vcpu_exit(vcpu);
	if (errno != EINTR && errno != EAGAIN)
		vcpu_run_failed(vcpu, errno);
	pthread_mutex_lock(&vm->park_lock);
	if (++vm->parked == vm->nr_vcpus)
		console_wake(vm);
	while (atomic_load(&vm->pause) && !vm_stopped(vm))
		pthread_cond_wait(&vm->unpark, &vm->park_lock);
	vm->parked--;
	vcpu->run->immediate_exit = 0;
	atomic_thread_fence(memory_order_seq_cst);
	pthread_mutex_unlock(&vm->park_lock);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;

	/*
	 * Twice: once so that the thread library's own system calls are over
	 * before the sandbox closes, once to wait for the sandbox.
	 */
	pthread_barrier_wait(&vm->start);
	pthread_barrier_wait(&vm->start);
	while (!vm_stopped(vm)) {
		if (atomic_load(&vm->pause))
			vcpu_park(vcpu);
		else if (!ioctl(vcpu->fd, KVM_RUN, 0))
			vcpu_exit(vcpu);
		else if (errno != EINTR && errno != EAGAIN)
			vcpu_run_failed(vcpu, errno);
	}
	return NULL;
}

void vcpus_create(struct vm *vm, const struct boot_entry *entry)
{
	unsigned int i;

	vm->vcpus = calloc(vm->nr_vcpus, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		die("vcpu: out of memory");
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		vcpu->vm = vm;
		vcpu->id = i;
		vcpu->fd = vm_ioctl(vm, vm->fd, KVM_CREATE_VCPU, i);
		vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE,
				 MAP_SHARED, vcpu->fd, 0);
		if (vcpu->run == MAP_FAILED)
			die("mmap of vCPU %u: %s", i, strerror(errno));
		if (entry)
			cpu_setup(vcpu, entry);
	}
}

static void kick_handler(int sig __maybe_unused)
{
}

void vcpus_start(struct vm *vm)
{
	struct sigaction sa = { .sa_handler = kick_handler };
	unsigned int i;
	int err;

	sigaction(KICK_SIGNAL, &sa, NULL);
	pthread_barrier_init(&vm->start, NULL, vm->nr_vcpus + 1);
	for (i = 0; i < vm->nr_vcpus; i++) {
		err = pthread_create(&vm->vcpus[i].thread, NULL, vcpu_thread,
				     &vm->vcpus[i]);
		if (err)
			die("thread of vCPU %u: %s", i, strerror(err));
	}
	pthread_barrier_wait(&vm->start);
}

void vcpus_go(struct vm *vm)
{
	pthread_barrier_wait(&vm->start);
}

static void vcpus_kick(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		vm->vcpus[i].run->immediate_exit = 1;
		pthread_kill(vm->vcpus[i].thread, KICK_SIGNAL);
	}
}

void vcpus_pause(struct vm *vm)
{
	atomic_store(&vm->pause, true);
	vcpus_kick(vm);
}

void vcpus_resume(struct vm *vm)
{
	unsigned int i;

	/* So that a guest with a watchdog knows why its time jumped. */
	for (i = 0; i < vm->nr_vcpus; i++)
		if (ioctl(vm->vcpus[i].fd, KVM_KVMCLOCK_CTRL, 0) && errno != EINVAL)
			complain("KVM_KVMCLOCK_CTRL on %s: %s", vm->device,
				 strerror(errno));
	pthread_mutex_lock(&vm->park_lock);
	atomic_store(&vm->pause, false);
	pthread_cond_broadcast(&vm->unpark);
	pthread_mutex_unlock(&vm->park_lock);
}

bool vcpus_parked(struct vm *vm)
{
	bool all;

	pthread_mutex_lock(&vm->park_lock);
	all = atomic_load(&vm->pause) && vm->parked == vm->nr_vcpus;
	pthread_mutex_unlock(&vm->park_lock);
	return all;
}

void vcpus_join(struct vm *vm)
{
	unsigned int i;

	vcpus_kick(vm);
	pthread_mutex_lock(&vm->park_lock);
	pthread_cond_broadcast(&vm->unpark);
	pthread_mutex_unlock(&vm->park_lock);
	for (i = 0; i < vm->nr_vcpus; i++)
		pthread_join(vm->vcpus[i].thread, NULL);
}
