// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI configuration mechanism #1, the host bridge, and the memory window.
 *
 * Port 0xcf8 takes an address, 0xcfc gives a window to that register.  Bytes
 * written inside the address port reach other functions of the chip set:
 * 0xcf9 is the reset control register, kept here because it shares the range.
 * There is no firmware, so hv itself gives each BAR its first address; the
 * guest may move it.
 * Source: PCI Local Bus Specification 3.0, "Software Generation of
 * Configuration Transactions" and "Configuration Space Decoding".
 */
#include <stdlib.h>
#include <string.h>
#include <linux/pci_regs.h>

#include "layout.h"
#include "pci.h"

#define ADDR_ENABLE	0x80000000
#define RESET_SYSTEM	0x02	/* kind: also the CPUs */
#define RESET_GO	0x04	/* rising: do it */

/* Red Hat's vendor number and its ID for a host bridge without quirks. */
#define BRIDGE_VENDOR	0x1b36
#define BRIDGE_DEVICE	0x0008

struct pci {
	struct vm *vm;
	struct pci_dev bridge;
	struct pci_dev *slot[PCI_SLOTS];
	unsigned int nr;
	/* From here on: the state that a snapshot keeps. */
	u32 addr;
	u8 reset;
};

/* The device and register that an access means; NULL if there is none. */
static struct pci_dev *pci_target(struct pci *pci, u64 offset,
				  unsigned int *reg)
{
	unsigned int slot = (pci->addr >> 11) & 31;

	/* Bus 0, function 0 is all there is. */
	if (!(pci->addr & ADDR_ENABLE) || (pci->addr & 0x00ff0700))
		return NULL;
	*reg = (pci->addr & 0xfc) + offset;
	return pci->slot[slot];
}

/* The command register or the BAR changed: answer somewhere else. */
static void pci_decode(struct pci_dev *d)
{
	u64 base = pci_get32(d->config + PCI_BASE_ADDRESS_0) &
		   PCI_BASE_ADDRESS_MEM_MASK;

	if (!(pci_get16(d->config + PCI_COMMAND) & PCI_COMMAND_MEMORY) ||
	    base < PCI_MEM_START || base > PCI_MEM_END - PCI_BAR_SIZE + 1)
		base = 0;
	if (base == d->base)
		return;
	d->ops->move(d, base);
	d->base = base;
}

static void pci_config_write(struct pci_dev *d, unsigned int reg,
			     const u8 *data, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++) {
		u8 mask = d->writable[reg + i], *p = &d->config[reg + i];

		*p = (*p & ~mask) | (data[i] & mask);
	}
	if (!d->ops)
		return;
	pci_decode(d);
	if (d->msix_cap)
		msix_control_written(d);
	d->ops->config(d, reg, len, true);
}

static void pci_data_access(void *dev, u64 offset, u8 *data, unsigned int len,
			    bool is_write)
{
	unsigned int reg = 0;
	struct pci_dev *d = pci_target(dev, offset, &reg);

	if (!d || reg + len > sizeof(d->config)) {
		if (!is_write)
			memset(data, 0xff, len);
		return;
	}
	if (is_write) {
		pci_config_write(d, reg, data, len);
		return;
	}
	if (d->ops)
		d->ops->config(d, reg, len, false);
	memcpy(data, d->config + reg, len);
}

static void pci_addr_access(void *dev, u64 offset, u8 *data, unsigned int len,
			    bool is_write)
{
	struct pci *pci = dev;

	if (offset == PORT_RESET - PORT_PCI_ADDR && len == 1) {
		if (!is_write) {
			*data = pci->reset;
			return;
		}
		if (*data & ~pci->reset & RESET_GO)
			vm_stop(pci->vm, HV_EXIT_REBOOT);
		pci->reset = *data & RESET_SYSTEM;
		return;
	}
	/* The address register answers to whole 32-bit accesses only. */
	if (offset || len != 4) {
		if (!is_write)
			memset(data, 0xff, len);
		return;
	}
	if (is_write)
		memcpy(&pci->addr, data, 4);
	else
		memcpy(data, &pci->addr, 4);
}

/* The window of all BARs; what no BAR claims floats. */
static void pci_memory_access(void *dev, u64 offset, u8 *data, unsigned int len,
			      bool is_write)
{
	u64 addr = PCI_MEM_START + offset;
	struct pci *pci = dev;
	unsigned int i;

	for (i = 0; i < pci->nr; i++) {
		struct pci_dev *d = pci->slot[i];

		if (!d->base || addr - d->base >= PCI_BAR_SIZE)
			continue;
		if (len <= PCI_BAR_SIZE - (addr - d->base)) {
			d->ops->bar(d, addr - d->base, data, len, is_write);
			return;
		}
	}
	if (!is_write)
		memset(data, 0xff, len);
}

void pci_init(struct pci_dev *d, struct vm *vm, const struct pci_ops *ops,
	      u16 vendor, u16 device, u32 class)
{
	d->vm = vm;
	d->ops = ops;
	d->next_cap = 0x40;	/* where the standard header ends */
	pci_put16(d->config + PCI_VENDOR_ID, vendor);
	pci_put16(d->config + PCI_DEVICE_ID, device);
	d->config[PCI_CLASS_PROG] = class;
	pci_put16(d->config + PCI_CLASS_DEVICE, class >> 8);
	if (!ops)
		return;
	pci_put16(d->writable + PCI_COMMAND, PCI_COMMAND_MEMORY |
		  PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	pci_put32(d->writable + PCI_BASE_ADDRESS_0, ~(PCI_BAR_SIZE - 1));
	d->writable[PCI_INTERRUPT_LINE] = 0xff;
}

unsigned int pci_add_cap(struct pci_dev *d, u8 id, unsigned int len)
{
	unsigned int at = d->next_cap;

	if (at + len > sizeof(d->config))
		die("pci: too many capabilities");
	d->config[at] = id;
	d->config[at + 1] = d->config[PCI_CAPABILITY_LIST];
	d->config[PCI_CAPABILITY_LIST] = at;
	d->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	d->next_cap = ALIGN_UP(at + len, 4);
	return at;
}

bool pci_load(struct pci_dev *d, const u8 *config)
{
	unsigned int i;

	for (i = 0; i < sizeof(d->config); i++)
		if ((config[i] ^ d->config[i]) & ~d->writable[i])
			return false;
	memcpy(d->config, config, sizeof(d->config));
	pci_decode(d);
	msix_control_written(d);
	return true;
}

void pci_add(struct pci_dev *d)
{
	struct pci *pci = d->vm->pci;

	if (pci->nr == PCI_SLOTS)
		die("pci: too many devices (at most %d)", PCI_SLOTS - 1);
	pci_put32(d->config + PCI_BASE_ADDRESS_0,
		  PCI_MEM_START + pci->nr * PCI_BAR_SIZE);
	pci->slot[pci->nr++] = d;
}

void dev_pci_add(struct vm *vm)
{
	struct pci *pci = calloc(1, sizeof(*pci));
	const struct bus_range ranges[] = {
		{ PORT_PCI_ADDR, 4, pci_addr_access, pci, false },
		{ PORT_PCI_DATA, 4, pci_data_access, pci, false },
	};
	const struct bus_range memory = {
		PCI_MEM_START, PCI_MEM_END - PCI_MEM_START + 1,
		pci_memory_access, pci, false,
	};

	if (!pci)
		die("pci: out of memory");
	pci->vm = vm;
	vm->pci = pci;
	/* Nothing in the bridge can be changed; its decoding is fixed. */
	pci_init(&pci->bridge, vm, NULL, BRIDGE_VENDOR, BRIDGE_DEVICE,
		 0x060000);
	pci_put16(pci->bridge.config + PCI_COMMAND, PCI_COMMAND_IO |
		  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci->slot[pci->nr++] = &pci->bridge;
	bus_add_ports(&vm->bus, "pci", ranges, ARRAY_SIZE(ranges));
	state_add(vm, "pci", &pci->addr, sizeof(*pci) - offsetof(struct pci, addr));
	if (bus_add(&vm->bus, BUS_MMIO, &memory))
		die("pci: the memory window is taken");
}
