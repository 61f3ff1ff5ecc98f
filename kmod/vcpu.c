// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU: its life, its fd and its ioctls.
 *
 * Every ioctl holds vcpu->mutex for its whole time, KVM_RUN included.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "ioctl.h"
#include "vhm.h"

/* ---- life ---------------------------------------------------------------- */

/*
 * vhm_vcpu_destroy - free a vCPU that no fd and no table refers to any more;
 * also one that vcpu_make() left half-made. Process context.
 */
void vhm_vcpu_destroy(struct vhm_vcpu *vcpu)
{
	if (vcpu->lapic)
		vhm_lapic_destroy(vcpu->lapic);
	vhm_pt_cache_free(&vcpu->pt_cache);
	vhm_shadow_vcpu_free(vcpu);
	vfree(vcpu->ring.gfns);
	kvfree(vcpu->cpuid);
	kfree(vcpu->fpu.area);
	free_pages((unsigned long)vcpu->run, get_order(VHM_RUN_PAGES * PAGE_SIZE));
	vhm_ops->vcpu_free(vcpu);
}

static struct vhm_vcpu *vcpu_make(struct vhm_vm *vm, u32 id)
{
	struct vhm_vcpu *vcpu = vhm_ops->vcpu_alloc(vm);
	int r;

	if (IS_ERR(vcpu))
		return vcpu;
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->index = vm->n_vcpus;
	vcpu->last_cpu = -1;
	vcpu->in_section = -1;
	vcpu->ev.user_irq = -1;
	vcpu->exc_intercepts = BIT(6);	/* #UD: the other vendor's hypercall (exit.c) */
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);
	/* all that can fail; each step's undoing copes with the step not taken */
	vcpu->run = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_COMP,
					     get_order(VHM_RUN_PAGES * PAGE_SIZE));
	r = vcpu->run ? vhm_fpu_alloc(vcpu) ?: vhm_ring_alloc(vcpu) ?: vhm_lapic_attach(vcpu) :
			-ENOMEM;
	if (r) {
		vhm_vcpu_destroy(vcpu);
		return ERR_PTR(r);
	}
	if (!vhm_caps.shadow)
		vhm_ops->set_root(vcpu, vm->mem.root_pa);
	vhm_vcpu_reset(vcpu, false);
	vcpu->mp_state = vm->irqchip && !vhm_is_bsp(vcpu) ?
		KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE;
	return vcpu;
}

static const struct file_operations vcpu_fops;

/*
 * vhm_create_vcpu - KVM_CREATE_VCPU
 * @id: user-controlled; below VHM_MAX_VCPUS, so there cannot be more vCPUs
 *
 * vm->lock held. Returns the fd; -EINVAL for an id beyond that, -EEXIST for one
 * in use, -ENOMEM, -EMFILE.
 */
int vhm_create_vcpu(struct vhm_vm *vm, unsigned long id)
{
	struct vhm_vcpu *vcpu;
	int i, fd;

	lockdep_assert_held(&vm->lock);
	if (id >= VHM_MAX_VCPUS)
		return -EINVAL;
	vhm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->id == id)
			return -EEXIST;
	vcpu = vcpu_make(vm, id);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);
	/* nobody may run it before remote flushes find it, not even by guessing the fd */
	mutex_lock_nested(&vcpu->mutex, SINGLE_DEPTH_NESTING);
	refcount_inc(&vm->users);
	fd = anon_inode_getfd("hv-vcpu", &vcpu_fops, vcpu, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		refcount_dec(&vm->users);	/* the caller's fd holds the VM */
		mutex_unlock(&vcpu->mutex);
		vhm_vcpu_destroy(vcpu);
		return fd;
	}
	vm->vcpus[vm->n_vcpus] = vcpu;
	/* pairs with the acquire in vhm_for_each_vcpu() */
	smp_store_release(&vm->n_vcpus, vm->n_vcpus + 1);
	if (vcpu->lapic)
		vhm_lapic_publish(vcpu->lapic);
	mutex_unlock(&vcpu->mutex);
	return fd;
}

/* ---- ioctls ---------------------------------------------------------------- */

/* States beyond RUNNABLE are the LAPIC's doing, so they need one. */
static int set_mp_state(struct vhm_vcpu *vcpu, u32 state)
{
	bool sipi = state == KVM_MP_STATE_SIPI_RECEIVED;

	if (state > KVM_MP_STATE_SIPI_RECEIVED || (state && !vcpu->lapic))
		return -EINVAL;
	vcpu->mp_state = sipi ? KVM_MP_STATE_INIT_RECEIVED : state;
	vhm_request(vcpu, sipi ? VHM_REQ_SIPI : VHM_REQ_EVENT);
	return 0;
}

/* The VMM owns the interrupt controllers: one vector waits for its window. */
static int interrupt(struct vhm_vcpu *vcpu, u32 irq)
{
	if (irq > 255)
		return -EINVAL;
	if (!vhm_user_pic(vcpu))
		return -ENXIO;
	if (vcpu->ev.user_irq >= 0)
		return -EEXIST;
	vcpu->ev.user_irq = irq;
	vhm_request(vcpu, VHM_REQ_EVENT);
	return 0;
}

static void translate(struct vhm_vcpu *vcpu, struct kvm_translation *t)
{
	int idx = srcu_read_lock(&vcpu->vm->srcu);
	struct vhm_walk w = {};

	t->valid = !vhm_gva_to_gpa(vcpu, t->linear_address, VHM_ACC_READ, true, &w);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	t->physical_address = t->valid ? w.gpa : ~0ull;
	t->writeable = 1;
	t->usermode = 0;
}

static int set_signal_mask(struct vhm_vcpu *vcpu, struct kvm_signal_mask __user *u)
{
	struct kvm_signal_mask mask;
	sigset_t set;

	if (!u) {
		vcpu->sigset_active = false;
		return 0;
	}
	if (copy_from_user(&mask, u, sizeof(mask)))
		return -EFAULT;
	if (mask.len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, u->sigset, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->sigset_active = true;
	return 0;
}

static int enable_cap(struct vhm_vcpu *vcpu, const struct kvm_enable_cap *c)
{
	if (c->flags || c->cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	vcpu->pv.enforce = c->args[0];
	return 0;
}

static int locked_ioctl(struct vhm_vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *u = (void __user *)arg;
	int r = -ENOTTY;

	VHM_ROW(KVM_GET_REGS, struct kvm_regs, vhm_get_regs(vcpu, a));
	VHM_ROW(KVM_SET_REGS, struct kvm_regs, vhm_set_regs(vcpu, a));
	VHM_ROW(KVM_GET_SREGS, struct kvm_sregs, vhm_get_sregs(vcpu, a));
	VHM_ROW(KVM_SET_SREGS, struct kvm_sregs, r = vhm_set_sregs(vcpu, a));
	VHM_ROW(KVM_GET_SREGS2, struct kvm_sregs2, vhm_get_sregs2(vcpu, a));
	VHM_ROW(KVM_SET_SREGS2, struct kvm_sregs2, r = vhm_set_sregs2(vcpu, a));
	VHM_ROW(KVM_GET_FPU, struct kvm_fpu, vhm_get_fpu(vcpu, a));
	VHM_ROW(KVM_SET_FPU, struct kvm_fpu, vhm_set_fpu(vcpu, a));
	/* the old ioctl carries 4 KiB */
	VHM_ROW_RAW(KVM_GET_XSAVE, r = vhm_xsave_size() > sizeof(struct kvm_xsave) ? -EINVAL :
			       vhm_get_xsave(vcpu, u));
	VHM_ROW_RAW(KVM_GET_XSAVE2, r = vhm_get_xsave(vcpu, u));
	/* the image may be larger than the number says */
	VHM_ROW_RAW(KVM_SET_XSAVE, r = vhm_set_xsave(vcpu, u));
	VHM_ROW(KVM_GET_XCRS, struct kvm_xcrs, vhm_get_xcrs(vcpu, a));
	VHM_ROW(KVM_SET_XCRS, struct kvm_xcrs, r = vhm_set_xcrs(vcpu, a));
	VHM_ROW(KVM_GET_DEBUGREGS, struct kvm_debugregs, vhm_get_debugregs(vcpu, a));
	VHM_ROW(KVM_SET_DEBUGREGS, struct kvm_debugregs, r = vhm_set_debugregs(vcpu, a));
	VHM_ROW(KVM_SET_GUEST_DEBUG, struct kvm_guest_debug, r = vhm_set_guest_debug(vcpu, a));
	VHM_ROW(KVM_GET_VCPU_EVENTS, struct kvm_vcpu_events, vhm_get_events(vcpu, a));
	VHM_ROW(KVM_SET_VCPU_EVENTS, struct kvm_vcpu_events, r = vhm_set_events(vcpu, a));
	/* what ends the HLT and is kept nowhere else */
	VHM_ROW(KVM_GET_MP_STATE, struct kvm_mp_state,
		a->mp_state = vcpu->mp_state == KVM_MP_STATE_HALTED && vcpu->pv.unhalted ?
			      KVM_MP_STATE_RUNNABLE : vcpu->mp_state);
	VHM_ROW(KVM_SET_MP_STATE, struct kvm_mp_state, r = set_mp_state(vcpu, a->mp_state));
	VHM_ROW(KVM_GET_LAPIC, struct kvm_lapic_state, r = vhm_lapic_get_state(vcpu, a));
	VHM_ROW(KVM_SET_LAPIC, struct kvm_lapic_state, r = vhm_lapic_set_state(vcpu, a));
	/* the page would need KVM_CAP_VAPIC, which is not offered: it can only be turned off */
	VHM_ROW(KVM_SET_VAPIC_ADDR, struct kvm_vapic_addr,
		r = !vcpu->lapic || a->vapic_addr ? -EINVAL : 0);
	VHM_ROW(KVM_INTERRUPT, struct kvm_interrupt, r = interrupt(vcpu, a->irq));
	VHM_ROW(KVM_TRANSLATE, struct kvm_translation, translate(vcpu, a));
	VHM_ROW(KVM_ENABLE_CAP, struct kvm_enable_cap, r = enable_cap(vcpu, a));
	VHM_ROW(KVM_X86_SETUP_MCE, u64, r = vhm_setup_mce(vcpu, *a));
	VHM_ROW(KVM_X86_SET_MCE, struct kvm_x86_mce, r = vhm_set_mce(vcpu, a));
	VHM_ROW_RAW(KVM_SET_CPUID2, r = vhm_set_cpuid2(vcpu, u));
	VHM_ROW_RAW(KVM_GET_CPUID2, r = vhm_get_cpuid2(vcpu, u));
	VHM_ROW_RAW(KVM_GET_MSRS, r = vhm_get_or_set_msrs(vcpu, u, false));
	VHM_ROW_RAW(KVM_SET_MSRS, r = vhm_get_or_set_msrs(vcpu, u, true));
	VHM_ROW_RAW(KVM_NMI, vhm_nmi(vcpu));
	VHM_ROW_RAW(KVM_SET_TSC_KHZ, r = vhm_set_tsc_khz(vcpu, arg));
	VHM_ROW_RAW(KVM_GET_TSC_KHZ, r = vcpu->tsc_khz);
	VHM_ROW_RAW(KVM_KVMCLOCK_CTRL, r = vhm_kvmclock_ctrl(vcpu));
	VHM_ROW_RAW(KVM_SET_SIGNAL_MASK, r = set_signal_mask(vcpu, u));
	return r;
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vhm_vcpu *vcpu = file->private_data;
	long r;

	if (vcpu->vm->mm != current->mm || READ_ONCE(vcpu->vm->dead))
		return -EIO;
	if (cmd == KVM_GET_STATS_FD)	/* also while the vCPU runs */
		return vhm_stats_fd(vcpu->vm, vcpu);
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	if (cmd == KVM_RUN)
		r = arg ? -EINVAL : vhm_vcpu_run(vcpu);
	else
		r = locked_ioctl(vcpu, cmd, arg);
	mutex_unlock(&vcpu->mutex);
	return r;
}

/* ---- the shared pages -------------------------------------------------------- */

/* A page of the mapping, or NULL. */
static struct page *shared_page(struct vhm_vcpu *vcpu, unsigned long n)
{
	if (n < VHM_RUN_PAGES)
		return virt_to_page((void *)vcpu->run + n * PAGE_SIZE);
	if (n == KVM_COALESCED_MMIO_PAGE_OFFSET)
		return vhm_coalesced_page(vcpu->vm);
	return n < KVM_DIRTY_LOG_PAGE_OFFSET ? NULL :
	       vhm_ring_page(vcpu, n - KVM_DIRTY_LOG_PAGE_OFFSET);
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	vmf->page = shared_page(vmf->vma->vm_file->private_data, vmf->pgoff);
	if (!vmf->page)
		return VM_FAULT_SIGBUS;
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = { .fault = vcpu_fault };

/* The dirty ring must be shared, and is no code: -EINVAL. */
static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vhm_vcpu *vcpu = file->private_data;

	if (vcpu->ring.gfns && vma->vm_pgoff + vma_pages(vma) > KVM_DIRTY_LOG_PAGE_OFFSET &&
	    (vma->vm_flags & (VM_SHARED | VM_EXEC)) != VM_SHARED)
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	vhm_vm_put(((struct vhm_vcpu *)file->private_data)->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.llseek = noop_llseek,
};
