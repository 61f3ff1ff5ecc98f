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
#include <linux/uaccess.h>

#include "vhm.h"

static struct vhm_vm *vm_alloc(void)
{
	struct vhm_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int r = -ENOMEM;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	mutex_init(&vm->lock);
	refcount_set(&vm->users, 1);
	r = init_srcu_struct(&vm->srcu);
	if (r)
		goto err_free;
	mmgrab(current->mm);
	vm->mm = current->mm;
	r = vhm_mem_init(vm);
	if (r)
		goto err_mm;
	vhm_vm_clock_init(vm);
	return vm;

err_mm:
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
	vhm_iobus_destroy(vm);
	vhm_irq_stop(vm);
	/* and the notifier: it flushes the vCPUs' TLBs */
	vhm_mem_stop(vm);
	for (i = 0; i < vm->n_vcpus; i++)
		vhm_vcpu_destroy(vm->vcpus[i]);
	vhm_irq_destroy(vm);
	vhm_mem_destroy(vm);
	vhm_coalesced_destroy(vm);
	mmdrop(vm->mm);
	cleanup_srcu_struct(&vm->srcu);
	kfree(vm);
}

void vhm_vm_get(struct vhm_vm *vm)
{
	refcount_inc(&vm->users);
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

static int set_memory_region(struct vhm_vm *vm, void __user *u)
{
	struct kvm_userspace_memory_region r;

	if (copy_from_user(&r, u, sizeof(r)))
		return -EFAULT;
	return vhm_mem_set_region(vm, &r);
}

static int get_dirty_log(struct vhm_vm *vm, void __user *u)
{
	struct kvm_dirty_log log;

	if (copy_from_user(&log, u, sizeof(log)))
		return -EFAULT;
	return vhm_mem_dirty_log(vm, &log);
}

static int create_vcpu(struct vhm_vm *vm, unsigned long id)
{
	int r;

	if (id >= VHM_MAX_VCPUS)
		return -EINVAL;
	mutex_lock(&vm->lock);
	r = vhm_create_vcpu(vm, id);
	mutex_unlock(&vm->lock);
	return r;
}

/*
 * Only VT-x without unrestricted guest needs pages of its own in the guest;
 * the address is checked as KVM does and kept for that.
 */
static int set_tss_addr(struct vhm_vm *vm, unsigned long addr)
{
	if (addr > (unsigned int)(-3 * PAGE_SIZE))
		return -EINVAL;
	mutex_lock(&vm->lock);
	vm->tss_addr = addr;
	mutex_unlock(&vm->lock);
	return 0;
}

static int set_identity_map_addr(struct vhm_vm *vm, void __user *u)
{
	u64 addr;
	int r = -EINVAL;

	if (copy_from_user(&addr, u, sizeof(addr)))
		return -EFAULT;
	mutex_lock(&vm->lock);
	if (!vm->n_vcpus) {
		vm->identity_map_addr = addr;
		r = 0;
	}
	mutex_unlock(&vm->lock);
	return r;
}

static int set_boot_cpu_id(struct vhm_vm *vm, unsigned long id)
{
	int r = -EBUSY;

	mutex_lock(&vm->lock);
	if (!vm->n_vcpus) {
		vm->bsp_id = id;
		r = 0;
	}
	mutex_unlock(&vm->lock);
	return r;
}

static int get_clock(struct vhm_vm *vm, void __user *u)
{
	struct kvm_clock_data c;

	vhm_get_clock(vm, &c);
	return copy_to_user(u, &c, sizeof(c)) ? -EFAULT : 0;
}

static int set_clock(struct vhm_vm *vm, void __user *u)
{
	struct kvm_clock_data c;

	if (copy_from_user(&c, u, sizeof(c)))
		return -EFAULT;
	return vhm_set_clock(vm, &c);
}

static int ioeventfd(struct vhm_vm *vm, void __user *u)
{
	struct kvm_ioeventfd a;

	if (copy_from_user(&a, u, sizeof(a)))
		return -EFAULT;
	return vhm_ioeventfd(vm, &a);
}

static int coalesced(struct vhm_vm *vm, void __user *u, bool add)
{
	struct kvm_coalesced_mmio_zone z;

	if (copy_from_user(&z, u, sizeof(z)))
		return -EFAULT;
	return vhm_coalesced_zone(vm, &z, add);
}

/* No capability of the VM can be enabled yet. */
static int enable_cap(void __user *u)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, u, sizeof(cap)))
		return -EFAULT;
	return -EINVAL;
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vhm_vm *vm = file->private_data;
	void __user *u = (void __user *)arg;

	if (vm->mm != current->mm || READ_ONCE(vm->dead))
		return -EIO;
	switch (cmd) {
	case KVM_CHECK_EXTENSION:
		return vhm_check_extension(arg);
	case KVM_CREATE_VCPU:
		return create_vcpu(vm, arg);
	case KVM_SET_USER_MEMORY_REGION:
		return set_memory_region(vm, u);
	case KVM_GET_DIRTY_LOG:
		return get_dirty_log(vm, u);
	case KVM_SET_TSS_ADDR:
		return set_tss_addr(vm, arg);
	case KVM_SET_IDENTITY_MAP_ADDR:
		return set_identity_map_addr(vm, u);
	case KVM_SET_BOOT_CPU_ID:
		return set_boot_cpu_id(vm, arg);
	case KVM_GET_CLOCK:
		return get_clock(vm, u);
	case KVM_SET_CLOCK:
		return set_clock(vm, u);
	case KVM_IOEVENTFD:
		return ioeventfd(vm, u);
	case KVM_REGISTER_COALESCED_MMIO:
		return coalesced(vm, u, true);
	case KVM_UNREGISTER_COALESCED_MMIO:
		return coalesced(vm, u, false);
	case KVM_ENABLE_CAP:
		return enable_cap(u);
	default:
		return vhm_irq_vm_ioctl(vm, cmd, u);
	}
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
