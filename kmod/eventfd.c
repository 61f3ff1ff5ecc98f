// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioeventfd: a guest's write to a port or address that only adds to an eventfd.
 *
 * The registrations of a VM are one array, replaced whole under vm->lock and
 * read under srcu or inside a section. A writer waits for both kinds of reader
 * before it frees the old array, so a match may be used without a reference.
 */
#include <linux/eventfd.h>
#include <linux/slab.h>

#include "host.h"
#include "vhm.h"

struct ioeventfd {
	bool pio, match;
	u32 len;		/* 0: any size */
	u64 addr, data;
	struct eventfd_ctx *ctx;
};

struct vhm_iobus {
	int n;
	struct ioeventfd e[];
};

#define MAX_IOEVENTFDS	1000	/* as many as KVM takes on one bus */

static bool hits(const struct ioeventfd *e, bool pio, u64 addr, int size, u64 val)
{
	return e->addr == addr && e->pio == pio && (!e->len || e->len == size) &&
	       (!e->match || e->data == val);
}

bool vhm_iobus_write(struct vhm_vm *vm, bool pio, u64 addr, int size, u64 val)
{
	const struct vhm_iobus *bus = rcu_dereference_check(vm->iobus, true);
	int i;

	if (likely(!bus))
		return false;
	for (i = 0; i < bus->n; i++) {
		if (hits(&bus->e[i], pio, addr, size, val)) {
			vhm_eventfd_signal(bus->e[i].ctx);
			return true;
		}
	}
	return false;
}

static struct vhm_iobus *bus_of(struct vhm_vm *vm)
{
	return rcu_dereference_protected(vm->iobus, lockdep_is_held(&vm->lock));
}

/* Replace the array by one with @add (or NULL) and without entry @drop (or -1). */
static int replace(struct vhm_vm *vm, const struct ioeventfd *add, int drop)
{
	struct vhm_iobus *old = bus_of(vm), *new;
	int n = old ? old->n : 0, i;

	new = kzalloc(struct_size(new, e, n + 1), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		if (i != drop)
			new->e[new->n++] = old->e[i];
	if (add)
		new->e[new->n++] = *add;
	rcu_assign_pointer(vm->iobus, new);
	synchronize_srcu_expedited(&vm->srcu);
	vhm_sections_wait(vm);
	kfree(old);
	return 0;
}

/* Two registrations clash when one write could mean both. */
static bool clash(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->pio == b->pio && a->addr == b->addr &&
	       (!a->len || !b->len || (a->len == b->len &&
		(!a->match || !b->match || a->data == b->data)));
}

static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->pio == b->pio && a->addr == b->addr && a->len == b->len &&
	       a->match == b->match && (!a->match || a->data == b->data) && a->ctx == b->ctx;
}

static int find(struct vhm_vm *vm, const struct ioeventfd *e,
		bool (*is)(const struct ioeventfd *a, const struct ioeventfd *b))
{
	struct vhm_iobus *bus = bus_of(vm);
	int i;

	for (i = 0; bus && i < bus->n; i++)
		if (is(&bus->e[i], e))
			return i;
	return -ENOENT;
}

static int assign(struct vhm_vm *vm, const struct ioeventfd *e)
{
	if (find(vm, e, clash) >= 0)
		return -EEXIST;
	return bus_of(vm) && bus_of(vm)->n == MAX_IOEVENTFDS ? -ENOSPC : replace(vm, e, -1);
}

static int deassign(struct vhm_vm *vm, const struct ioeventfd *e)
{
	int i = find(vm, e, same);
	int r = i < 0 ? i : replace(vm, NULL, i);

	if (!r)
		eventfd_ctx_put(e->ctx);	/* the registration's */
	return r;
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
	mutex_lock(&vm->lock);
	r = off ? deassign(vm, &e) : assign(vm, &e);
	mutex_unlock(&vm->lock);
	/* a registration keeps the reference just taken */
	if (off || r)
		eventfd_ctx_put(e.ctx);
	return r;
}

/* vhm_iobus_destroy - drop all registrations; nobody uses the VM. Process. */
void vhm_iobus_destroy(struct vhm_vm *vm)
{
	struct vhm_iobus *bus = rcu_dereference_protected(vm->iobus, true);
	int i;

	for (i = 0; bus && i < bus->n; i++)
		eventfd_ctx_put(bus->e[i].ctx);
	kfree(bus);
}
