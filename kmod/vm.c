// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM: its life, its fd and its ioctls.
 *
 * Built unpublished, published last by fd_install(); torn down in reverse when
 * the VM fd and every vCPU fd are gone. A VM is bound to the address space
 * that made it: any other caller gets -EIO.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ioctl.h"
#include "vhm.h"

#define DEFAULT_IDENTITY_MAP	0xfffbc000u

/* 0: the address that KVM takes without being told. */
static int set_identity_map(struct vhm_vm *vm, u64 addr)
{
	if (vm->n_vcpus)
		return -EINVAL;
	vm->identity_gfn = (addr ?: DEFAULT_IDENTITY_MAP) >> PAGE_SHIFT;
	return 0;
}

static struct vhm_vm *vm_alloc(void)
{
	struct vhm_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int r = vm ? init_srcu_struct(&vm->srcu) : -ENOMEM;

	if (r)
		goto err_free;
	mutex_init(&vm->lock);
	refcount_set(&vm->users, 1);
	mmgrab(current->mm);
	vm->mm = current->mm;
	vm->pid = task_tgid_nr(current);
	r = vhm_coalesced_init(vm) ?: vhm_mem_init(vm);
	if (r)
		goto err_mm;
	vhm_irqfds_init(vm);
	vhm_vm_clock_init(vm);
	set_identity_map(vm, 0);
	return vm;

err_mm:
	vhm_coalesced_destroy(vm);
	mmdrop(vm->mm);
	cleanup_srcu_struct(&vm->srcu);
err_free:
	kfree(vm);
	return ERR_PTR(r);
}

static void vm_destroy(struct vhm_vm *vm)
{
	int i;

	/* timers and event sources first: they reach into vCPUs */
	vhm_irqfds_destroy(vm);
	vhm_iobus_destroy(vm);
	if (vm->chip.has_pit)
		hrtimer_cancel(&vm->chip.pit.timer);
	/* and the notifier: it flushes the vCPUs' TLBs */
	vhm_mem_stop(vm);
	for (i = 0; i < vm->n_vcpus; i++)
		vhm_vcpu_destroy(vm->vcpus[i]);
	vhm_irqchip_destroy(&vm->chip);
	vhm_mem_destroy(vm);
	vhm_coalesced_destroy(vm);
	vhm_msr_filter_destroy(vm);
	mmdrop(vm->mm);
	cleanup_srcu_struct(&vm->srcu);
	kfree(vm);
}

void vhm_vm_put(struct vhm_vm *vm)
{
	if (refcount_dec_and_test(&vm->users))
		vm_destroy(vm);
}

void vhm_kill(struct vhm_vm *vm)
{
	struct vhm_vcpu *vcpu;
	int i;

	WRITE_ONCE(vm->dead, true);
	vhm_for_each_vcpu(i, vcpu, vm)
		vhm_request(vcpu, VHM_REQ_DEAD);
}

/* ---- ioctls ------------------------------------------------------------- */

static int set_boot_cpu(struct vhm_vm *vm, unsigned long id)
{
	if (vm->n_vcpus)
		return -EBUSY;
	vm->bsp_id = id;
	return 0;
}

/* KVM_ENABLE_CAP; -EINVAL: cannot be enabled, not so, not any more; and as the calls say. */
static int enable_cap(struct vhm_vm *vm, const struct kvm_enable_cap *c)
{
	u64 val = c->args[0];

	if (c->flags)
		return -EINVAL;
	switch (c->cap) {
	case KVM_CAP_SPLIT_IRQCHIP:
		return vhm_split_irqchip(vm, val);
	case KVM_CAP_HALT_POLL:
		return vhm_set_halt_poll(vm, val);
	case KVM_CAP_X2APIC_API:
		return vhm_x2apic_api(vm, val);
	case KVM_CAP_X86_USER_SPACE_MSR:
		if (val & ~(u64)VHM_MSR_EXITS)
			return -EINVAL;
		WRITE_ONCE(vm->msr_exits, val);
		return 0;
	case KVM_CAP_X86_DISABLE_EXITS:
		if (vm->n_vcpus || val & ~(u64)vhm_check_extension(c->cap))
			return -EINVAL;
		vm->exits_off |= val;
		return 0;
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		WRITE_ONCE(vm->triple_faults, val);
		return 0;
	case KVM_CAP_EXCEPTION_PAYLOAD:
		WRITE_ONCE(vm->payloads, val);
		return 0;
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return vhm_mem_manual_log(vm, val);
	case KVM_CAP_DIRTY_LOG_RING:
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		return vhm_ring_enable(vm, val);
	}
	return -EINVAL;
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vhm_vm *vm = file->private_data;
	int r = -ENOTTY;

	if (vm->mm != current->mm || READ_ONCE(vm->dead))
		return -EIO;
	VHM_ROW_RAW(KVM_CHECK_EXTENSION, r = vhm_check_extension(arg));
	VHM_ROW(KVM_ENABLE_CAP, struct kvm_enable_cap, VHM_LOCKED(vm, r = enable_cap(vm, a)));
	VHM_ROW_RAW(KVM_GET_STATS_FD, r = vhm_stats_fd(vm, NULL));
	VHM_ROW(KVM_X86_SET_MSR_FILTER, struct kvm_msr_filter, r = vhm_set_msr_filter(vm, a));
	VHM_ROW_RAW(KVM_CREATE_VCPU, VHM_LOCKED(vm, r = vhm_create_vcpu(vm, arg)));
	VHM_ROW_RAW(KVM_SET_BOOT_CPU_ID, VHM_LOCKED(vm, r = set_boot_cpu(vm, arg)));
	VHM_ROW(KVM_SET_USER_MEMORY_REGION, struct kvm_userspace_memory_region,
		r = vhm_mem_set_region(vm, a));
	VHM_ROW(KVM_GET_DIRTY_LOG, struct kvm_dirty_log, r = vhm_mem_dirty_log(vm, a));
	VHM_ROW(KVM_CLEAR_DIRTY_LOG, struct kvm_clear_dirty_log,
		r = vhm_mem_clear_dirty_log(vm, a));
	VHM_ROW_RAW(KVM_RESET_DIRTY_RINGS, r = vhm_ring_reset_all(vm));
	/* no CPU needs the pages of the former: its address is checked as KVM does */
	VHM_ROW_RAW(KVM_SET_TSS_ADDR, r = arg > (unsigned int)(-3 * PAGE_SIZE) ? -EINVAL : 0);
	VHM_ROW(KVM_SET_IDENTITY_MAP_ADDR, u64, VHM_LOCKED(vm, r = set_identity_map(vm, *a)));
	VHM_ROW(KVM_GET_CLOCK, struct kvm_clock_data, vhm_get_clock(vm, a));
	VHM_ROW(KVM_SET_CLOCK, struct kvm_clock_data, r = vhm_set_clock(vm, a));
	VHM_ROW(KVM_IOEVENTFD, struct kvm_ioeventfd, r = vhm_ioeventfd(vm, a));
	VHM_ROW(KVM_REGISTER_COALESCED_MMIO, struct kvm_coalesced_mmio_zone,
		r = vhm_coalesced_zone(vm, a, true));
	VHM_ROW(KVM_UNREGISTER_COALESCED_MMIO, struct kvm_coalesced_mmio_zone,
		r = vhm_coalesced_zone(vm, a, false));
	return r == -ENOTTY ? vhm_irq_ioctl(vm, cmd, arg) : r;
}

static int vm_release(struct inode *inode, struct file *file)
{
	vhm_vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
	.llseek = noop_llseek,
};

/*
 * vhm_create_vm - KVM_CREATE_VM
 * @type: user-controlled; 0 is the only machine type
 *
 * Process context. Returns the VM's fd, -EINVAL for another type, -ENOMEM,
 * -EMFILE, -EINTR when killed while the notifier was registered.
 */
int vhm_create_vm(unsigned long type)
{
	struct vhm_vm *vm;
	int fd;

	if (type)
		return -EINVAL;
	vm = vm_alloc();
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = anon_inode_getfd("hv-vm", &vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vhm_vm_put(vm);
	return fd;
}
