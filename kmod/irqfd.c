// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: an eventfd whose signal is an interrupt of the guest.
 *
 * Whoever signals the eventfd runs wake() under the lock of its wait queue, in
 * any context, and wake() drives the GSI's line or sends its message there and
 * then: nothing in the interrupt controllers sleeps. An irqfd ends when it is
 * deassigned, when the VM goes, or when the last descriptor of its eventfd is
 * closed. The last of these is told under the same lock, so a work item of the
 * VM does the rest. It finds the ended ones by their mark: none of them can
 * have been freed and be awaited by it.
 *
 * A resampling irqfd holds its line high. When the guest ends the interrupt at
 * the PIC or the IOAPIC the line goes low and a second eventfd is signalled: its
 * reader looks at the device and signals the first one again if it must. Several
 * of them may share a GSI, and then they share the line.
 *
 * Lists and their entries are changed under vm->lock; the resampling ones are
 * also read under vm->srcu.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "host.h"
#include "ioctl.h"
#include "vhm.h"

struct irqfd {
	struct hlist_node node;		/* of vm->irqfds */
	struct hlist_node resampler;	/* of vm->resamplers, if it resamples */
	struct vhm_vm *vm;
	struct eventfd_ctx *ctx;
	struct eventfd_ctx *resample;	/* NULL: pulses its line */
	u32 gsi;
	bool closed;			/* its eventfd is gone; set by wake(), read by the work */
	wait_queue_entry_t wait;
	poll_table poll;
};

/* ---- the interrupt --------------------------------------------------------- */

/* Any context. */
static void inject(const struct irqfd *f)
{
	struct vhm_irqchip *chip = f->vm->irqchip;

	if (f->resample) {
		vhm_irq_line(chip, VHM_IRQ_SRC_RESAMPLE, f->gsi, true);
		return;
	}
	vhm_irq_line(chip, VHM_IRQ_SRC_USER, f->gsi, true);
	vhm_irq_line(chip, VHM_IRQ_SRC_USER, f->gsi, false);
}

/* Under the wait queue's lock, which removal takes too: f is there. */
static int wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *f = container_of(wait, struct irqfd, wait);
	u64 count;

	if (key_to_poll(key) & EPOLLIN) {
		eventfd_ctx_do_read(f->ctx, &count);
		inject(f);
	}
	if (key_to_poll(key) & EPOLLHUP) {
		WRITE_ONCE(f->closed, true);
		schedule_work(&f->vm->irqfd_work);
	}
	return 0;
}

static void enqueue(struct file *file, wait_queue_head_t *head, poll_table *poll)
{
	add_wait_queue(head, &container_of(poll, struct irqfd, poll)->wait);
}

/*
 * Two passes: a reader that hears of it before the line has gone low for all
 * who share it would have its answer taken away again.
 */
void vhm_irqfd_acked(struct vhm_vm *vm, bool ioapic, u32 pins)
{
	int idx = srcu_read_lock(&vm->srcu);
	struct irqfd *f;

	hlist_for_each_entry_srcu(f, &vm->resamplers, resampler, srcu_read_lock_held(&vm->srcu))
		if (vhm_irq_pins(vm->irqchip, f->gsi, ioapic) & pins)
			vhm_irq_line(vm->irqchip, VHM_IRQ_SRC_RESAMPLE, f->gsi, false);
	hlist_for_each_entry_srcu(f, &vm->resamplers, resampler, srcu_read_lock_held(&vm->srcu))
		if (vhm_irq_pins(vm->irqchip, f->gsi, ioapic) & pins)
			vhm_eventfd_signal(f->resample);
	srcu_read_unlock(&vm->srcu, idx);
}

/* ---- life -------------------------------------------------------------------- */

static void free_irqfd(struct irqfd *f)
{
	if (!IS_ERR_OR_NULL(f->resample))
		eventfd_ctx_put(f->resample);
	if (!IS_ERR_OR_NULL(f->ctx))
		eventfd_ctx_put(f->ctx);
	kfree(f);
}

/* The last user of a line leaves it low. */
static void drop_resampler(struct irqfd *f)
{
	struct irqfd *other;

	hlist_del_rcu(&f->resampler);
	synchronize_srcu_expedited(&f->vm->srcu);
	hlist_for_each_entry(other, &f->vm->resamplers, resampler)
		if (other->gsi == f->gsi)
			return;
	vhm_irq_line(f->vm->irqchip, VHM_IRQ_SRC_RESAMPLE, f->gsi, false);
}

/* vm->lock. No interrupt of it comes after this. */
static void drop(struct irqfd *f)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(f->ctx, &f->wait, &count);
	hlist_del(&f->node);
	if (f->resample)
		drop_resampler(f);
	free_irqfd(f);
}

static void drop_closed(struct work_struct *work)
{
	struct vhm_vm *vm = container_of(work, struct vhm_vm, irqfd_work);
	struct hlist_node *next;
	struct irqfd *f;

	guard(mutex)(&vm->lock);
	hlist_for_each_entry_safe(f, next, &vm->irqfds, node)
		if (READ_ONCE(f->closed))
			drop(f);
}

void vhm_irqfds_init(struct vhm_vm *vm)
{
	INIT_WORK(&vm->irqfd_work, drop_closed);
}

void vhm_irqfds_destroy(struct vhm_vm *vm)
{
	struct hlist_node *next;
	struct irqfd *f;

	scoped_guard(mutex, &vm->lock)
		hlist_for_each_entry_safe(f, next, &vm->irqfds, node)
			drop(f);
	/* nobody is left to schedule it */
	cancel_work_sync(&vm->irqfd_work);
}

/* ---- KVM_IRQFD ----------------------------------------------------------------- */

/* vm->lock. From here on f is the VM's. 0, -EBUSY: its eventfd drives a GSI already. */
static int publish(struct irqfd *f, struct file *file)
{
	struct vhm_vm *vm = f->vm;
	struct irqfd *other;

	hlist_for_each_entry(other, &vm->irqfds, node)
		if (other->ctx == f->ctx)
			return -EBUSY;
	hlist_add_head(&f->node, &vm->irqfds);
	if (f->resample) {
		hlist_add_head_rcu(&f->resampler, &vm->resamplers);
		WRITE_ONCE(vm->irqchip->watch_acks, true);
	}
	/* what was signalled before anybody listened counts */
	if (vfs_poll(file, &f->poll) & EPOLLIN)
		inject(f);
	return 0;
}

static int assign(struct vhm_vm *vm, const struct kvm_irqfd *a)
{
	struct file *file = fget(a->fd);
	struct irqfd *f;
	int r;

	if (!file)
		return -EBADF;
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f) {
		fput(file);
		return -ENOMEM;
	}
	f->vm = vm;
	f->gsi = a->gsi;
	init_waitqueue_func_entry(&f->wait, wake);
	init_poll_funcptr(&f->poll, enqueue);
	f->ctx = eventfd_ctx_fileget(file);
	if (a->flags & KVM_IRQFD_FLAG_RESAMPLE)
		f->resample = eventfd_ctx_fdget(a->resamplefd);
	r = PTR_ERR_OR_ZERO(f->ctx) ?: PTR_ERR_OR_ZERO(f->resample);
	if (!r)
		VHM_LOCKED(vm, r = publish(f, file));
	if (r)
		free_irqfd(f);
	/* its release, which would mark the irqfd closed, cannot have come before */
	fput(file);
	return r;
}

static int deassign(struct vhm_vm *vm, const struct kvm_irqfd *a)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(a->fd);
	struct hlist_node *next;
	struct irqfd *f;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	scoped_guard(mutex, &vm->lock)
		hlist_for_each_entry_safe(f, next, &vm->irqfds, node)
			if (f->ctx == ctx && f->gsi == a->gsi)
				drop(f);
	eventfd_ctx_put(ctx);
	return 0;
}

/*
 * vhm_irqfd - KVM_IRQFD
 *
 * Process context. -EINVAL: unknown flag, no irqchip in the kernel (to resample, a
 * whole one), or not an eventfd; -EBADF: no such descriptor; -EBUSY: the eventfd is assigned in this
 * VM; -ENOMEM. As in KVM any GSI is taken, since its route may come later, and
 * deassigning what is not assigned succeeds.
 */
int vhm_irqfd(struct vhm_vm *vm, const struct kvm_irqfd *a)
{
	struct vhm_irqchip *chip;

	if (a->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (a->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return deassign(vm, a);
	/* pairs with the release in publish_irqchip() */
	chip = smp_load_acquire(&vm->irqchip);
	/* a split one does not see the ends of its interrupts at the VMM's devices */
	if (!chip || (a->flags & KVM_IRQFD_FLAG_RESAMPLE && chip->split))
		return -EINVAL;
	return assign(vm, a);
}
