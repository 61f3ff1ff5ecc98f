// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU: its life, its fd and its ioctls.
 *
 * Every ioctl holds vcpu->mutex for its whole time, KVM_RUN included. Those of
 * fixed size go through one table: the argument is copied in and out here, as
 * the ioctl number says, and the handler sees kernel memory only.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "host.h"
#include "ioctl.h"
#include "vhm.h"

/* ---- life ---------------------------------------------------------------- */

/*
 * vhm_vcpu_destroy - free a vCPU that no fd and no table refers to any more;
 * also one that vcpu_build() left half-made. Process context.
 */
void vhm_vcpu_destroy(struct vhm_vcpu *vcpu)
{
	vhm_lapic_detach(vcpu);
	vhm_pt_cache_free(&vcpu->pt_cache);
	kvfree(vcpu->cpuid);
	kfree(vcpu->fpu.area);
	vhm_xfer_free(vcpu->xfer);
	free_pages((unsigned long)vcpu->run, get_order(VHM_RUN_PAGES * PAGE_SIZE));
	vhm_ops->vcpu_free(vcpu);
}

/* All that can fail; each step's undoing copes with the step not taken. */
static int vcpu_build(struct vhm_vcpu *vcpu)
{
	vcpu->run = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_COMP,
					     get_order(VHM_RUN_PAGES * PAGE_SIZE));
	vcpu->xfer = vhm_xfer_alloc();
	if (!vcpu->run || !vcpu->xfer)
		return -ENOMEM;
	return vhm_fpu_alloc(vcpu) ?: vhm_lapic_attach(vcpu);
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
	r = vcpu_build(vcpu);
	if (r) {
		vhm_vcpu_destroy(vcpu);
		return ERR_PTR(r);
	}
	vhm_ops->set_root(vcpu, vm->mem.root_pa);
	vhm_vcpu_reset(vcpu, false);
	vcpu->mp_state = vm->irqchip && !vhm_is_bsp(vcpu) ?
		KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE;
	return vcpu;
}

static const struct file_operations vcpu_fops;

/*
 * vhm_create_vcpu - KVM_CREATE_VCPU
 * @id: user-controlled, below VHM_MAX_VCPUS
 *
 * vm->lock held. Returns the fd; -EEXIST for an id in use, -EINVAL with
 * VHM_MAX_VCPUS vCPUs there, -ENOMEM, -EMFILE.
 */
int vhm_create_vcpu(struct vhm_vm *vm, u32 id)
{
	struct vhm_vcpu *vcpu;
	int i, fd;

	lockdep_assert_held(&vm->lock);
	vhm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->id == id)
			return -EEXIST;
	if (vm->n_vcpus == VHM_MAX_VCPUS)
		return -EINVAL;
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

/* ---- ioctls of fixed size ------------------------------------------------- */

union vcpu_arg {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_sregs2 sregs2;
	struct kvm_fpu fpu;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_guest_debug guest_debug;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct kvm_interrupt interrupt;
	struct kvm_translation translation;
	struct kvm_lapic_state lapic;
	u64 mce_cap;
};

/* The old ioctl carries 4 KiB; a larger image needs KVM_GET_XSAVE2. */
static int get_xsave(struct vhm_vcpu *vcpu, struct kvm_xsave *x)
{
	if (vhm_xsave_size() > sizeof(*x))
		return -EINVAL;
	vhm_get_xsave(vcpu, x, sizeof(*x));
	return 0;
}

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
	if (vcpu->vm->irqchip)
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

#define HAND_ON(name, call) VHM_ROW_FN(name, vcpu, vcpu_arg, call)

HAND_ON(do_get_regs, vhm_get_regs(vcpu, &a->regs))
HAND_ON(do_set_regs, vhm_set_regs(vcpu, &a->regs))
HAND_ON(do_get_sregs, vhm_get_sregs(vcpu, &a->sregs))
HAND_ON(do_set_sregs, *r = vhm_set_sregs(vcpu, &a->sregs))
HAND_ON(do_get_sregs2, vhm_get_sregs2(vcpu, &a->sregs2))
HAND_ON(do_set_sregs2, *r = vhm_set_sregs2(vcpu, &a->sregs2))
HAND_ON(do_get_fpu, vhm_get_fpu(vcpu, &a->fpu))
HAND_ON(do_set_fpu, vhm_set_fpu(vcpu, &a->fpu))
HAND_ON(do_get_xsave, *r = get_xsave(vcpu, &a->xsave))
HAND_ON(do_get_xcrs, vhm_get_xcrs(vcpu, &a->xcrs))
HAND_ON(do_set_xcrs, *r = vhm_set_xcrs(vcpu, &a->xcrs))
HAND_ON(do_get_debugregs, vhm_get_debugregs(vcpu, &a->debugregs))
HAND_ON(do_set_debugregs, *r = vhm_set_debugregs(vcpu, &a->debugregs))
HAND_ON(do_guest_debug, *r = vhm_set_guest_debug(vcpu, &a->guest_debug))
HAND_ON(do_get_events, vhm_get_events(vcpu, &a->events))
HAND_ON(do_set_events, *r = vhm_set_events(vcpu, &a->events))
HAND_ON(do_get_mp_state, a->mp_state.mp_state = vcpu->mp_state)
HAND_ON(do_set_mp_state, *r = set_mp_state(vcpu, a->mp_state.mp_state))
HAND_ON(do_get_lapic, *r = vhm_lapic_get_state(vcpu, &a->lapic))
HAND_ON(do_set_lapic, *r = vhm_lapic_set_state(vcpu, &a->lapic))
HAND_ON(do_interrupt, *r = interrupt(vcpu, a->interrupt.irq))
HAND_ON(do_translate, translate(vcpu, &a->translation))
HAND_ON(do_setup_mce, *r = vhm_setup_mce(vcpu, a->mce_cap))

static const struct {
	unsigned int cmd;
	void (*fn)(struct vhm_vcpu *vcpu, union vcpu_arg *a, int *r);
} rows[] = {
	{ KVM_GET_REGS, do_get_regs }, { KVM_SET_REGS, do_set_regs },
	{ KVM_GET_SREGS, do_get_sregs }, { KVM_SET_SREGS, do_set_sregs },
	{ KVM_GET_SREGS2, do_get_sregs2 }, { KVM_SET_SREGS2, do_set_sregs2 },
	{ KVM_GET_FPU, do_get_fpu }, { KVM_SET_FPU, do_set_fpu },
	{ KVM_GET_XCRS, do_get_xcrs }, { KVM_SET_XCRS, do_set_xcrs },
	{ KVM_GET_DEBUGREGS, do_get_debugregs }, { KVM_SET_DEBUGREGS, do_set_debugregs },
	{ KVM_SET_GUEST_DEBUG, do_guest_debug }, { KVM_X86_SETUP_MCE, do_setup_mce },
	{ KVM_GET_VCPU_EVENTS, do_get_events }, { KVM_SET_VCPU_EVENTS, do_set_events },
	{ KVM_GET_MP_STATE, do_get_mp_state }, { KVM_SET_MP_STATE, do_set_mp_state },
	{ KVM_INTERRUPT, do_interrupt }, { KVM_TRANSLATE, do_translate },
	{ KVM_GET_LAPIC, do_get_lapic }, { KVM_SET_LAPIC, do_set_lapic },
	{ KVM_GET_XSAVE, do_get_xsave },
};

/* ---- the others ------------------------------------------------------------ */

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

static int get_xsave2(struct vhm_vcpu *vcpu, void __user *u)
{
	u32 size = max_t(u32, vhm_xsave_size(), sizeof(struct kvm_xsave));
	void *buf = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	int r = -ENOMEM;

	if (buf) {
		vhm_get_xsave(vcpu, buf, size);
		r = copy_to_user(u, buf, size) ? -EFAULT : 0;
	}
	kvfree(buf);
	return r;
}

static long other_ioctl(struct vhm_vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *u = (void __user *)arg;

	switch (cmd) {
	case KVM_SET_CPUID2:
		return vhm_set_cpuid2(vcpu, u);
	case KVM_GET_CPUID2:
		return vhm_get_cpuid2(vcpu, u);
	case KVM_GET_MSRS:
		return vhm_get_or_set_msrs(vcpu, u, false);
	case KVM_SET_MSRS:
		return vhm_get_or_set_msrs(vcpu, u, true);
	case KVM_SET_XSAVE:	/* the image may be larger than the number says */
		return vhm_set_xsave(vcpu, u);
	case KVM_GET_XSAVE2:
		return get_xsave2(vcpu, u);
	case KVM_NMI:
		vhm_nmi(vcpu);
		return 0;
	case KVM_SET_TSC_KHZ:
		return vhm_set_tsc_khz(vcpu, arg);
	case KVM_GET_TSC_KHZ:
		return vcpu->tsc_khz;
	case KVM_KVMCLOCK_CTRL:
		return vhm_kvmclock_ctrl(vcpu);
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(vcpu, u);
	default:
		return -ENOTTY;
	}
}

static long locked_ioctl(struct vhm_vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	int i, r = 0;
	void *a;

	for (i = 0; i < ARRAY_SIZE(rows) && rows[i].cmd != cmd; i++)
		;
	if (i == ARRAY_SIZE(rows))
		return other_ioctl(vcpu, cmd, arg);
	a = vhm_arg_in(cmd, arg);
	if (IS_ERR(a))
		return PTR_ERR(a);
	rows[i].fn(vcpu, a, &r);
	return vhm_arg_done(a, cmd, arg, r);
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vhm_vcpu *vcpu = file->private_data;
	long r;

	if (vcpu->vm->mm != current->mm || READ_ONCE(vcpu->vm->dead))
		return -EIO;
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

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	struct vhm_vcpu *vcpu = vmf->vma->vm_file->private_data;

	if (vmf->pgoff >= VHM_RUN_PAGES && vmf->pgoff != KVM_COALESCED_MMIO_PAGE_OFFSET)
		return VM_FAULT_SIGBUS;
	vmf->page = vmf->pgoff < VHM_RUN_PAGES ?
		    virt_to_page((void *)vcpu->run + vmf->pgoff * PAGE_SIZE) :
		    vhm_coalesced_page(vcpu->vm);
	get_page(vmf->page);
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = { .fault = vcpu_fault };

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
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
