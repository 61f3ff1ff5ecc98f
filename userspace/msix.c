// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI-X: a table of messages, each raised by an eventfd.
 *
 * A vector that may fire is an irqfd: device threads and vhost raise it by a
 * write, without us.  A masked one is unbound, so that its eventfd counts what
 * happens meanwhile; binding it again delivers that.  The counter is at once
 * the pending bit.
 * Source: PCI Local Bus Specification 3.0, "MSI-X Capability and Table
 * Structure".
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "pci.h"

#define ENTRY_SIZE	PCI_MSIX_ENTRY_SIZE

static void vector_bind(struct pci_dev *d, struct msix_vector *v)
{
	u64 addr = (u64)v->entry[1] << 32 | (v->entry[0] & ~3u);

	/* A message that the hypervisor cannot send stays pending. */
	if (!vm_route_msi(d->vm, v->gsi, addr, v->entry[2]))
		return;
	v->live = true;
	vm_irqfd(d->vm, v->fd, v->gsi, true);
}

static void vector_unbind(struct pci_dev *d, struct msix_vector *v)
{
	v->live = false;
	vm_irqfd(d->vm, v->fd, v->gsi, false);
}

/* Bind what may fire, unbind what may not. */
static void vector_update(struct pci_dev *d, struct msix_vector *v)
{
	u16 control = pci_get16(d->config + d->msix_cap + PCI_MSIX_FLAGS);
	bool live = (control & PCI_MSIX_FLAGS_ENABLE) &&
		    !(control & PCI_MSIX_FLAGS_MASKALL) &&
		    !(v->entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT);

	if (live && !v->live)
		vector_bind(d, v);
	else if (!live && v->live)
		vector_unbind(d, v);
}

void msix_control_written(struct pci_dev *d)
{
	unsigned int i;

	for (i = 0; i < d->nr_vectors; i++)
		vector_update(d, &d->vector[i]);
}

void msix_table(struct pci_dev *d, u32 offset, u8 *data, unsigned int len,
		bool is_write)
{
	unsigned int i = offset / ENTRY_SIZE, at = offset % ENTRY_SIZE;
	struct msix_vector *v;
	bool changed;

	/* Whole dwords or qwords only, says the specification. */
	if (i >= d->nr_vectors || (len != 4 && len != 8) || at % len) {
		if (!is_write)
			memset(data, 0, len);
		return;
	}
	v = &d->vector[i];
	if (!is_write) {
		memcpy(data, (u8 *)v->entry + at, len);
		return;
	}
	changed = memcmp((u8 *)v->entry + at, data, len);
	memcpy((u8 *)v->entry + at, data, len);
	v->entry[3] &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	/* A message that changes while it may fire is bound anew. */
	if (changed && v->live)
		vector_unbind(d, v);
	vector_update(d, v);
}

void msix_pba(struct pci_dev *d, u32 offset, u8 *data, unsigned int len,
	      bool is_write)
{
	unsigned int i;

	if (is_write)
		return;
	memset(data, 0, len);
	for (i = 0; i < d->nr_vectors; i++) {
		struct pollfd fd = { .fd = d->vector[i].fd, .events = POLLIN };

		if (!d->vector[i].live && i / 8 >= offset &&
		    i / 8 - offset < len && poll(&fd, 1, 0) > 0)
			data[i / 8 - offset] |= 1 << i % 8;
	}
}

void msix_raise(struct pci_dev *d, unsigned int vector)
{
	u64 one = 1;

	/* Fails only when the counter is full: then it is raised. */
	if (vector < d->nr_vectors &&
	    write(d->vector[vector].fd, &one, sizeof(one)) < 0)
		return;
}

void msix_load(struct pci_dev *d, unsigned int vector, const u32 *entry)
{
	struct msix_vector *v = &d->vector[vector];

	if (v->live)
		vector_unbind(d, v);
	memcpy(v->entry, entry, sizeof(v->entry));
	v->entry[3] &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

void msix_reset(struct pci_dev *d)
{
	unsigned int i;
	u64 count;

	for (i = 0; i < d->nr_vectors; i++)
		if (!d->vector[i].live)
			(void)!read(d->vector[i].fd, &count, sizeof(count));
}

void msix_init(struct pci_dev *d, unsigned int nr, u32 table, u32 pba)
{
	unsigned int cap = pci_add_cap(d, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	u8 *p = d->config + cap;
	unsigned int i;

	if (nr > MSIX_MAX)
		die("msix: too many vectors");
	d->msix_cap = cap;
	d->nr_vectors = nr;
	pci_put16(p + PCI_MSIX_FLAGS, nr - 1);
	pci_put16(d->writable + cap + PCI_MSIX_FLAGS,
		  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_put32(p + PCI_MSIX_TABLE, table);	/* in BAR 0 */
	pci_put32(p + PCI_MSIX_PBA, pba);
	for (i = 0; i < nr; i++) {
		struct msix_vector *v = &d->vector[i];

		v->entry[3] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
		v->gsi = vm_new_gsi(d->vm);
		v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->fd < 0)
			die("msix: %s", strerror(errno));
	}
}
