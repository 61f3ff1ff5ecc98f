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

static void replace(struct vhm_vm *vm, struct vhm_iobus *new)
{
	struct vhm_iobus *old = bus_of(vm);

	rcu_assign_pointer(vm->iobus, new);
	if (!old)
		return;
	synchronize_srcu_expedited(&vm->srcu);
	vhm_sections_wait(vm);
	kfree(old);
}

static struct vhm_iobus *bus_alloc(int n)
{
	struct vhm_iobus *bus;

	bus = kzalloc(struct_size(bus, e, n), GFP_KERNEL_ACCOUNT);
	if (bus)
		bus->n = n;
	return bus;
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
	struct vhm_iobus *old = bus_of(vm), *new;
	int n = old ? old->n : 0, i;

	for (i = 0; i < n; i++)
		if (clash(&old->e[i], e))
			return -EEXIST;
	if (n == MAX_IOEVENTFDS)
		return -ENOSPC;
	new = bus_alloc(n + 1);
	if (!new)
		return -ENOMEM;
	if (n)
		memcpy(new->e, old->e, n * sizeof(*e));
	new->e[n] = *e;
	replace(vm, new);
	return 0;
}

static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->pio == b->pio && a->addr == b->addr && a->len == b->len &&
	       a->match == b->match && (!a->match || a->data == b->data) && a->ctx == b->ctx;
}

static int deassign(struct vhm_vm *vm, const struct ioeventfd *e)
{
	struct vhm_iobus *old = bus_of(vm), *new = NULL;
	int n = old ? old->n : 0, i;

	for (i = 0; i < n; i++)
		if (same(&old->e[i], e))
			break;
	if (i == n)
		return -ENOENT;
	if (n > 1) {
		new = bus_alloc(n - 1);
		if (!new)
			return -ENOMEM;
		memcpy(new->e, old->e, i * sizeof(*e));
		memcpy(new->e + i, old->e + i + 1, (n - 1 - i) * sizeof(*e));
	}
	replace(vm, new);
	eventfd_ctx_put(e->ctx);	/* the registration's */
	return 0;
}

static int check(const struct kvm_ioeventfd *a)
{
	const u32 known = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
			  KVM_IOEVENTFD_FLAG_DEASSIGN;

	if (a->flags & ~known || a->addr + a->len < a->addr)
		return -EINVAL;
	switch (a->len) {
	case 0:
		return a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH ? -EINVAL : 0;
	case 1:
	case 2:
	case 4:
	case 8:
		return 0;
	default:
		return -EINVAL;
	}
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
	struct ioeventfd e = {
		.pio = a->flags & KVM_IOEVENTFD_FLAG_PIO,
		.match = a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH,
		.len = a->len, .addr = a->addr, .data = a->datamatch,
	};
	bool off = a->flags & KVM_IOEVENTFD_FLAG_DEASSIGN;
	int r = check(a);

	if (r)
		return r;
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
