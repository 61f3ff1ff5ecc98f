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
	r = vhm_coalesced_init(vm) ?: vhm_mem_init(vm);
	if (r)
		goto err_mm;
	vhm_vm_clock_init(vm);
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

static int create_vcpu(struct vhm_vm *vm, u64 id)
{
	return id < VHM_MAX_VCPUS ? vhm_create_vcpu(vm, id) : -EINVAL;
}

static int set_boot_cpu(struct vhm_vm *vm, u64 id)
{
	if (vm->n_vcpus)
		return -EBUSY;
	vm->bsp_id = id;
	return 0;
}

#define HAND_ON(name, call) VHM_ROW_FN(name, vm, vhm_vm_arg, call)

HAND_ON(do_check_extension, *r = vhm_check_extension(a->value))
HAND_ON(do_create_vcpu, *r = create_vcpu(vm, a->value))
HAND_ON(do_set_region, *r = vhm_mem_set_region(vm, &a->region))
HAND_ON(do_dirty_log, *r = vhm_mem_dirty_log(vm, &a->dirty_log))
/*
 * Only VT-x without unrestricted guest needs pages of its own in the guest; here
 * the addresses are checked as KVM does, and that is all.
 */
HAND_ON(do_tss_addr, *r = a->value > (unsigned int)(-3 * PAGE_SIZE) ? -EINVAL : 0)
HAND_ON(do_identity_map, *r = vm->n_vcpus ? -EINVAL : 0)
HAND_ON(do_boot_cpu, *r = set_boot_cpu(vm, a->value))
HAND_ON(do_get_clock, vhm_get_clock(vm, &a->clock))
HAND_ON(do_set_clock, *r = vhm_set_clock(vm, &a->clock))
HAND_ON(do_ioeventfd, *r = vhm_ioeventfd(vm, &a->ioeventfd))
HAND_ON(do_add_zone, *r = vhm_coalesced_zone(vm, &a->zone, true))
HAND_ON(do_remove_zone, *r = vhm_coalesced_zone(vm, &a->zone, false))
HAND_ON(do_enable_cap, *r = -EINVAL)	/* none of the VM can be enabled yet */

static const struct vhm_vm_row rows[] = {
	{ KVM_CHECK_EXTENSION, do_check_extension }, { KVM_ENABLE_CAP, do_enable_cap },
	{ KVM_CREATE_VCPU, do_create_vcpu, VHM_ROW_LOCKED },
	{ KVM_SET_USER_MEMORY_REGION, do_set_region }, { KVM_GET_DIRTY_LOG, do_dirty_log },
	{ KVM_SET_TSS_ADDR, do_tss_addr },
	{ KVM_SET_IDENTITY_MAP_ADDR, do_identity_map, VHM_ROW_LOCKED },
	{ KVM_SET_BOOT_CPU_ID, do_boot_cpu, VHM_ROW_LOCKED },
	{ KVM_GET_CLOCK, do_get_clock }, { KVM_SET_CLOCK, do_set_clock },
	{ KVM_IOEVENTFD, do_ioeventfd },
	{ KVM_REGISTER_COALESCED_MMIO, do_add_zone },
	{ KVM_UNREGISTER_COALESCED_MMIO, do_remove_zone },
};

static const struct vhm_vm_row *find_row(unsigned int cmd)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].cmd == cmd)
			return &rows[i];
	for (i = 0; i < vhm_n_irq_rows; i++)
		if (vhm_irq_rows[i].cmd == cmd)
			return &vhm_irq_rows[i];
	return NULL;
}

static int check_row(struct vhm_vm *vm, const struct vhm_vm_row *row)
{
	/* pairs with the release in create_irqchip() */
	struct vhm_irqchip *chip = smp_load_acquire(&vm->irqchip);

	if (row->flags & (VHM_ROW_CHIP | VHM_ROW_PIT) && !chip)
		return -ENXIO;
	/* pairs with the release in vhm_pit_create() */
	return row->flags & VHM_ROW_PIT && !smp_load_acquire(&chip->has_pit) ? -ENXIO : 0;
}

/* The command as the argument's copying must understand it. */
static unsigned int arg_cmd(const struct vhm_vm_row *row)
{
	if (row->flags & VHM_ROW_RAW)
		return _IO(KVMIO, _IOC_NR(row->cmd));
	if (row->flags & VHM_ROW_IN)
		return _IOC(_IOC_WRITE, KVMIO, _IOC_NR(row->cmd), _IOC_SIZE(row->cmd));
	return row->cmd;
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct vhm_vm_row *row = find_row(cmd);
	struct vhm_vm *vm = file->private_data;
	void *a;
	int r;

	if (vm->mm != current->mm || READ_ONCE(vm->dead))
		return -EIO;
	if (!row)
		return -ENOTTY;
	r = check_row(vm, row);
	if (r)
		return r;
	a = vhm_arg_in(arg_cmd(row), arg);
	if (IS_ERR(a))
		return PTR_ERR(a);
	if (row->flags & VHM_ROW_LOCKED)
		mutex_lock(&vm->lock);
	row->fn(vm, a, &r);
	if (row->flags & VHM_ROW_LOCKED)
		mutex_unlock(&vm->lock);
	return vhm_arg_done(a, arg_cmd(row), arg, r);
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
