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

static void free_pages_of(struct vhm_vcpu *vcpu)
{
	if (vcpu->run)
		free_pages((unsigned long)vcpu->run, get_order(VHM_RUN_PAGES * PAGE_SIZE));
}

/*
 * vhm_vcpu_destroy - free a vCPU that no fd and no table refers to any more;
 * also one that vcpu_build() left half-made. Process context.
 */
void vhm_vcpu_destroy(struct vhm_vcpu *vcpu)
{
	vhm_lapic_detach(vcpu);
	vhm_pt_cache_free(&vcpu->pt_cache);
	vhm_pending_free(vcpu);
	kvfree(vcpu->cpuid);
	kfree(vcpu->fpu.area);
	vhm_xfer_free(vcpu->xfer);
	put_pid(vcpu->pid);
	free_pages_of(vcpu);
	vhm_ops->vcpu_free(vcpu);
}

/* All that can fail; each step's undoing copes with the step not taken. */
static int vcpu_build(struct vhm_vcpu *vcpu)
{
	int r;

	vcpu->run = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_COMP,
					     get_order(VHM_RUN_PAGES * PAGE_SIZE));
	vcpu->xfer = vhm_xfer_alloc();
	if (!vcpu->run || !vcpu->xfer)
		return -ENOMEM;
	r = vhm_fpu_alloc(vcpu);
	if (!r)
		r = vhm_pending_alloc(vcpu);
	if (!r)
		r = vhm_lapic_attach(vcpu);
	return r;
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

static int id_taken(struct vhm_vm *vm, u32 id)
{
	int i;

	for (i = 0; i < vm->n_vcpus; i++)
		if (vm->vcpus[i]->id == id)
			return 1;
	return 0;
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
	struct file *file;
	int fd, r;

	lockdep_assert_held(&vm->lock);
	if (id_taken(vm, id))
		return -EEXIST;
	if (vm->n_vcpus == VHM_MAX_VCPUS)
		return -EINVAL;
	vcpu = vcpu_make(vm, id);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);
	r = fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	if (r < 0)
		goto err_vcpu;
	file = anon_inode_getfile("hv-vcpu", &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		r = PTR_ERR(file);
		goto err_fd;
	}
	vhm_vm_get(vm);
	vm->vcpus[vm->n_vcpus] = vcpu;
	/* pairs with the acquire in vhm_for_each_vcpu() */
	smp_store_release(&vm->n_vcpus, vm->n_vcpus + 1);
	if (vcpu->lapic)
		vhm_lapic_publish(vcpu->lapic);
	/* only now may anyone run it: remote flushes must find it */
	fd_install(fd, file);
	return fd;

err_fd:
	put_unused_fd(fd);
err_vcpu:
	vhm_vcpu_destroy(vcpu);
	return r;
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

/* A row that only hands its part of the union on. */
#define HAND_ON(name, call) \
	static int name(struct vhm_vcpu *vcpu, union vcpu_arg *a) { return call; }
#define HAND_ON_VOID(name, call) \
	static int name(struct vhm_vcpu *vcpu, union vcpu_arg *a) { call; return 0; }

HAND_ON_VOID(get_regs, vhm_get_regs(vcpu, &a->regs))
HAND_ON_VOID(set_regs, vhm_set_regs(vcpu, &a->regs))
HAND_ON_VOID(get_sregs, vhm_get_sregs(vcpu, &a->sregs))
HAND_ON(set_sregs, vhm_set_sregs(vcpu, &a->sregs))
HAND_ON_VOID(get_sregs2, vhm_get_sregs2(vcpu, &a->sregs2))
HAND_ON(set_sregs2, vhm_set_sregs2(vcpu, &a->sregs2))
HAND_ON_VOID(get_fpu, vhm_get_fpu(vcpu, &a->fpu))
HAND_ON_VOID(set_fpu, vhm_set_fpu(vcpu, &a->fpu))
HAND_ON_VOID(get_xcrs, vhm_get_xcrs(vcpu, &a->xcrs))
HAND_ON(set_xcrs, vhm_set_xcrs(vcpu, &a->xcrs))
HAND_ON_VOID(get_debugregs, vhm_get_debugregs(vcpu, &a->debugregs))
HAND_ON(set_debugregs, vhm_set_debugregs(vcpu, &a->debugregs))
HAND_ON(set_guest_debug, vhm_set_guest_debug(vcpu, &a->guest_debug))
HAND_ON(get_events, vhm_get_events(vcpu, &a->events))
HAND_ON(set_events, vhm_set_events(vcpu, &a->events))
HAND_ON(get_lapic, vhm_lapic_get_state(vcpu, &a->lapic))
HAND_ON(set_lapic, vhm_lapic_set_state(vcpu, &a->lapic))
HAND_ON(setup_mce, vhm_setup_mce(vcpu, a->mce_cap))
HAND_ON_VOID(get_mp_state, a->mp_state.mp_state = vcpu->mp_state)

/* The old ioctl carries 4 KiB; a larger image needs KVM_GET_XSAVE2. */
static int get_xsave(struct vhm_vcpu *vcpu, union vcpu_arg *a)
{
	if (vhm_xsave_size() > sizeof(a->xsave))
		return -EINVAL;
	vhm_get_xsave(vcpu, &a->xsave, sizeof(a->xsave));
	return 0;
}

/* States beyond RUNNABLE are the LAPIC's doing, so they need one. */
static int set_mp_state(struct vhm_vcpu *vcpu, union vcpu_arg *a)
{
	switch (a->mp_state.mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
		if (!vcpu->lapic)
			return -EINVAL;
		break;
	case KVM_MP_STATE_SIPI_RECEIVED:
		if (!vcpu->lapic)
			return -EINVAL;
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		vhm_request(vcpu, VHM_REQ_SIPI);
		return 0;
	default:
		return -EINVAL;
	}
	vcpu->mp_state = a->mp_state.mp_state;
	vhm_request(vcpu, VHM_REQ_EVENT);
	return 0;
}

/* The VMM owns the interrupt controllers: one vector waits for its window. */
static int interrupt(struct vhm_vcpu *vcpu, union vcpu_arg *a)
{
	if (a->interrupt.irq > 255)
		return -EINVAL;
	if (vcpu->vm->irqchip)
		return -ENXIO;
	if (vcpu->ev.user_irq >= 0)
		return -EEXIST;
	vcpu->ev.user_irq = a->interrupt.irq;
	vhm_request(vcpu, VHM_REQ_EVENT);
	return 0;
}

static int translate(struct vhm_vcpu *vcpu, union vcpu_arg *a)
{
	struct kvm_translation *t = &a->translation;
	struct vhm_walk w = {};
	int idx = srcu_read_lock(&vcpu->vm->srcu);

	t->valid = !vhm_gva_to_gpa(vcpu, t->linear_address, VHM_ACC_READ, true, &w);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	t->physical_address = t->valid ? w.gpa : ~0ull;
	t->writeable = 1;
	t->usermode = 0;
	return 0;
}

struct vcpu_row {
	unsigned int cmd;
	int (*fn)(struct vhm_vcpu *vcpu, union vcpu_arg *a);
};

static const struct vcpu_row rows[] = {
	{ KVM_GET_REGS, get_regs }, { KVM_SET_REGS, set_regs },
	{ KVM_GET_SREGS, get_sregs }, { KVM_SET_SREGS, set_sregs },
	{ KVM_GET_SREGS2, get_sregs2 }, { KVM_SET_SREGS2, set_sregs2 },
	{ KVM_GET_FPU, get_fpu }, { KVM_SET_FPU, set_fpu },
	{ KVM_GET_XSAVE, get_xsave },
	{ KVM_GET_XCRS, get_xcrs }, { KVM_SET_XCRS, set_xcrs },
	{ KVM_GET_DEBUGREGS, get_debugregs }, { KVM_SET_DEBUGREGS, set_debugregs },
	{ KVM_SET_GUEST_DEBUG, set_guest_debug },
	{ KVM_GET_VCPU_EVENTS, get_events }, { KVM_SET_VCPU_EVENTS, set_events },
	{ KVM_GET_MP_STATE, get_mp_state }, { KVM_SET_MP_STATE, set_mp_state },
	{ KVM_INTERRUPT, interrupt }, { KVM_TRANSLATE, translate },
	{ KVM_GET_LAPIC, get_lapic }, { KVM_SET_LAPIC, set_lapic },
	{ KVM_X86_SETUP_MCE, setup_mce },
};

static long row_ioctl(struct vhm_vcpu *vcpu, const struct vcpu_row *row, unsigned long arg)
{
	struct vhm_arg_buf b;
	int r;

	r = vhm_arg_in(&b, row->cmd, arg);
	return r ? r : vhm_arg_done(&b, row->cmd, arg, row->fn(vcpu, b.p));
}

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
	int r;

	if (!buf)
		return -ENOMEM;
	vhm_get_xsave(vcpu, buf, size);
	r = copy_to_user(u, buf, size) ? -EFAULT : 0;
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
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].cmd == cmd)
			return row_ioctl(vcpu, &rows[i], arg);
	return other_ioctl(vcpu, cmd, arg);
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
	struct page *page;

	if (vmf->pgoff == KVM_COALESCED_MMIO_PAGE_OFFSET)
		page = vhm_coalesced_page(vcpu->vm);
	else if (vmf->pgoff < VHM_RUN_PAGES)
		page = virt_to_page((void *)vcpu->run + vmf->pgoff * PAGE_SIZE);
	else
		return VM_FAULT_SIGBUS;
	if (!page)
		return VM_FAULT_OOM;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct vhm_vcpu *vcpu = file->private_data;

	vhm_vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.llseek = noop_llseek,
};
