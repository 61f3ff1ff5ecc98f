// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM: device node, capabilities, RAM, in-kernel interrupt controllers.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../uapi/hv.h"
#include "../uapi/hv_abi_check.h"
#include "layout.h"
#include "snapshot.h"
#include "vmm.h"

/* Without these nothing boots, so ask before anything is built. */
static const struct {
	unsigned long cap;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_PIT2, "KVM_CAP_PIT2" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
};

static void die_busy(const struct vm *vm, const char *name)
{
	die("%s on %s: " MSG_BUSY, name, vm->device);
}

int vm_ioctl_named(const struct vm *vm, int fd, unsigned long call,
		   const char *name, unsigned long arg)
{
	int ret = ioctl(fd, call, arg);

	if (ret >= 0)
		return ret;
	if (errno == EBUSY)
		die_busy(vm, name);
	die("%s on %s: %s", name, vm->device, strerror(errno));
}

static void open_device(struct vm *vm)
{
	const char *hint = "check the path";
	int version;

	vm->dev_fd = open(vm->device, O_RDWR | O_CLOEXEC);
	if (vm->dev_fd < 0) {
		if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
			hint = strcmp(vm->device, HV_DEV_PATH) ?
			       "load the module that provides it" :
			       "load the module: modprobe hv, or insmod hv.ko";
		else if (errno == EACCES || errno == EPERM)
			hint = "join the group that owns it, see ls -l; usually kvm";
		else if (errno == EBUSY)
			die_busy(vm, "open");
		die("%s: %s (%s)", vm->device, strerror(errno), hint);
	}
	version = ioctl(vm->dev_fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		die("%s: not a KVM device (name one with --device)", vm->device);
	if (version != KVM_API_VERSION)
		die("%s: speaks KVM API %d, hv speaks %d", vm->device, version,
		    KVM_API_VERSION);
}

static void check_capabilities(struct vm *vm, unsigned int cpus)
{
	size_t i;
	int max;

	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			die("%s: %s is missing (use a newer hv.ko or kernel)",
			    vm->device, needed[i].name);
	max = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (max <= 0)	/* the API's rule: then NR_VCPUS counts, then 4 */
		max = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
	if (max <= 0)
		max = 4;
	if (cpus > (unsigned int)max)
		die("--cpus %u: %s takes at most %d", cpus, vm->device, max);
}

static void set_memory(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->mem.nr; i++) {
		struct kvm_userspace_memory_region r = {
			.slot = i,
			.guest_phys_addr = vm->mem.ram[i].gpa,
			.memory_size = vm->mem.ram[i].len,
			.userspace_addr = (uintptr_t)vm->mem.ram[i].hva,
		};

		vm_ioctl(vm, vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
	}
}

void vm_create(struct vm *vm, const struct run_options *opt,
	       const struct snapshot *from)
{
	/* The speaker port 0x61 comes with the PIT: Linux times itself by it. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	u64 identity = IDENTITY_ADDR;

	memset(vm, 0, sizeof(*vm));
	atomic_store(&vm->status, -1);
	vm->device = opt->device;
	vm->nr_vcpus = opt->cpus;
	pthread_mutex_init(&vm->park_lock, NULL);
	pthread_cond_init(&vm->unpark, NULL);
	bus_init(&vm->bus);
	vm->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->stop_fd < 0)
		die("eventfd: %s", strerror(errno));
	open_device(vm);
	check_capabilities(vm, opt->cpus);
	vm->run_size = vm_ioctl(vm, vm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm->run_size < sizeof(struct kvm_run))
		die("%s: its vCPU area is too small", vm->device);

	vm->fd = vm_ioctl(vm, vm->dev_fd, KVM_CREATE_VM, 0);
	vm_ioctl(vm, vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR);
	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_IDENTITY_MAP_ADDR) > 0)
		vm_ioctl(vm, vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	vm_ioctl(vm, vm->fd, KVM_CREATE_IRQCHIP, 0);
	vm_ioctl(vm, vm->fd, KVM_CREATE_PIT2, &pit);

	mem_init(&vm->mem, opt->memory, from ? from->fd : -1,
		 from ? from->offset : 0);
	set_memory(vm);
}

void vm_stop(struct vm *vm, int status)
{
	int running = -1;
	u64 one = 1;

	if (!atomic_compare_exchange_strong(&vm->status, &running, status))
		return;
	(void)!write(vm->stop_fd, &one, sizeof(one));
	console_wake(vm);
}

void vm_irq_line(struct vm *vm, u32 gsi, bool level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	if (ioctl(vm->fd, KVM_IRQ_LINE, &irq) && !vm_stopped(vm)) {
		complain("KVM_IRQ_LINE on %s: %s", vm->device, strerror(errno));
		vm_stop(vm, HV_EXIT_ERROR);
	}
}
