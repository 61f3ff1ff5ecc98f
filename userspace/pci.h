/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI devices on bus 0, behind configuration mechanism #1.
 *
 * A device has one memory BAR and, for interrupts, MSI-X and nothing else: no
 * INTx, so that no interrupt line is ever shared or level-triggered.
 *
 * Locking: everything here belongs to the bus lock, except that any thread may
 * call msix_raise().
 */
#ifndef PCI_H
#define PCI_H

#include "vmm.h"

#define PCI_SLOTS	32
#define PCI_BAR_SIZE	0x8000u	/* of every device's BAR 0 */
#define MSIX_MAX	16	/* vectors of a device */
#define MSIX_NONE	0xffff	/* virtio's "no vector" */

struct pci_dev;

struct pci_ops {
	/* An access to BAR 0, inside it; as bus_fn. */
	void (*bar)(struct pci_dev *d, u32 offset, u8 *data, unsigned int len,
		    bool is_write);
	/* The BAR is about to answer at `base` instead of d->base; 0: nowhere. */
	void (*move)(struct pci_dev *d, u64 base);
	/* Configuration space is about to be read or was written there. */
	void (*config)(struct pci_dev *d, unsigned int reg, unsigned int len,
		       bool is_write);
};

struct msix_vector {
	u32 entry[4];		/* address, high half, data, control */
	u32 gsi;
	int fd;			/* raises it; counts while it is masked */
	bool live;		/* fd is bound to gsi */
};

struct pci_dev {
	struct vm *vm;
	const struct pci_ops *ops;
	u8 config[256];
	u8 writable[256];	/* bits of config that the guest may change */
	unsigned int next_cap;	/* where the next capability goes */
	unsigned int msix_cap;	/* 0: none */
	u64 base;		/* where BAR 0 answers; 0: nowhere */
	unsigned int nr_vectors;
	struct msix_vector vector[MSIX_MAX];
};

static inline void pci_put16(u8 *p, u16 v)
{
	p[0] = v;
	p[1] = v >> 8;
}

static inline void pci_put32(u8 *p, u32 v)
{
	pci_put16(p, v);
	pci_put16(p + 2, v >> 16);
}

static inline u16 pci_get16(const u8 *p)
{
	return p[0] | p[1] << 8;
}

static inline u32 pci_get32(const u8 *p)
{
	return pci_get16(p) | (u32)pci_get16(p + 2) << 16;
}

/* dev_pci.c */

/* Fill in identity and BAR 0 of a zeroed device, which must stay where it is. */
void pci_init(struct pci_dev *d, struct vm *vm, const struct pci_ops *ops,
	      u16 vendor, u16 device, u32 class);

/* Room for a capability of `len` bytes with its head; its place in config. */
unsigned int pci_add_cap(struct pci_dev *d, u8 id, unsigned int len);

/* Give it the next slot; dies when there is none left. */
void pci_add(struct pci_dev *d);

/*
 * Take what the guest had written from another device's configuration space;
 * false, with nothing changed, if what it cannot write differs.
 */
bool pci_load(struct pci_dev *d, const u8 *config);

/* msix.c */

/* `nr` vectors with table and PBA at these places of the BAR; dies. */
void msix_init(struct pci_dev *d, unsigned int nr, u32 table, u32 pba);
void msix_table(struct pci_dev *d, u32 offset, u8 *data, unsigned int len,
		bool is_write);
void msix_pba(struct pci_dev *d, u32 offset, u8 *data, unsigned int len,
	      bool is_write);
void msix_control_written(struct pci_dev *d);
/* Interrupt the guest, now or when it unmasks; no vector is fine. */
void msix_raise(struct pci_dev *d, unsigned int vector);
/* A vector's entry from a snapshot; pci_load() then binds it. */
void msix_load(struct pci_dev *d, unsigned int vector, const u32 *entry);
/* Forget interrupts that wait for unmasking. */
void msix_reset(struct pci_dev *d);

#endif
