// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioeventfd: a guest's write to a port or address that only adds to an eventfd.
 *
 * The registrations of a VM are a list, changed under vm->lock and read under
 * srcu or inside a section. Who takes one out waits for both kinds of reader
 * before it frees it, so a match may be used without a reference.
 */
#include <linux/eventfd.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "host.h"
#include "vhm.h"

struct ioeventfd {
	struct hlist_node node;
	bool pio, match;
	u32 len;		/* 0: any size */
	u64 addr, data;
	struct eventfd_ctx *ctx;
};

#define MAX_IOEVENTFDS	1000	/* as many as KVM takes on one bus */

bool vhm_iobus_write(struct vhm_vm *vm, bool pio, u64 addr, int size, u64 val)
{
	const struct ioeventfd *e;

	hlist_for_each_entry_rcu(e, &vm->iobus, node, true) {
		if (e->addr == addr && e->pio == pio && (!e->len || e->len == size) &&
		    (!e->match || e->data == val)) {
			vhm_eventfd_signal(e->ctx);
			return true;
		}
	}
	return false;
}

/* Two registrations clash when one write could mean both. */
static bool clash(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->pio == b->pio && a->addr == b->addr &&
	       (!a->len || !b->len || (a->len == b->len &&
		(!a->match || !b->match || a->data == b->data)));
}

static int assign(struct vhm_vm *vm, const struct ioeventfd *e)
{
	struct ioeventfd *p;
	int n = 0;

	hlist_for_each_entry(p, &vm->iobus, node) {
		if (clash(p, e))
			return -EEXIST;
		n++;
	}
	if (n == MAX_IOEVENTFDS)
		return -ENOSPC;
	p = kmemdup(e, sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	hlist_add_head_rcu(&p->node, &vm->iobus);
	return 0;
}

static int deassign(struct vhm_vm *vm, const struct ioeventfd *e)
{
	struct ioeventfd *p;

	hlist_for_each_entry(p, &vm->iobus, node) {
		if (!clash(p, e) || p->len != e->len || p->match != e->match || p->ctx != e->ctx)
			continue;
		hlist_del_rcu(&p->node);
		synchronize_srcu_expedited(&vm->srcu);
		vhm_sections_wait(vm);
		eventfd_ctx_put(p->ctx);
		kfree(p);
		return 0;
	}
	return -ENOENT;
}

/*
 * vhm_ioeventfd - KVM_IOEVENTFD
 *
 * Process context. -EINVAL: flag, length or range; -EBADF, -EINVAL: not an
 * eventfd; -EEXIST: one that the same write could mean is there; -ENOENT: none
 * to deassign; -ENOSPC, -ENOMEM.
 */
int vhm_ioeventfd(struct vhm_vm *vm, const struct kvm_ioeventfd *a)
{
	const u32 known = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
			  KVM_IOEVENTFD_FLAG_DEASSIGN;
	struct ioeventfd e = {
		.pio = a->flags & KVM_IOEVENTFD_FLAG_PIO,
		.match = a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH,
		.len = a->len, .addr = a->addr, .data = a->datamatch,
	};
	bool off = a->flags & KVM_IOEVENTFD_FLAG_DEASSIGN;
	int r;

	if (a->flags & ~known || a->addr + a->len < a->addr || a->len > 8 ||
	    a->len & (a->len - 1) || (!a->len && e.match))
		return -EINVAL;
	e.ctx = eventfd_ctx_fdget(a->fd);
	if (IS_ERR(e.ctx))
		return PTR_ERR(e.ctx);
	scoped_guard(mutex, &vm->lock)
		r = off ? deassign(vm, &e) : assign(vm, &e);
	/* a registration keeps the reference just taken */
	if (off || r)
		eventfd_ctx_put(e.ctx);
	return r;
}

/* vhm_iobus_destroy - drop all registrations; nobody uses the VM. Process. */
void vhm_iobus_destroy(struct vhm_vm *vm)
{
	struct hlist_node *next;
	struct ioeventfd *p;

	hlist_for_each_entry_safe(p, next, &vm->iobus, node) {
		eventfd_ctx_put(p->ctx);
		kfree(p);
	}
}
