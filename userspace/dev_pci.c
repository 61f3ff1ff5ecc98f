// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI configuration mechanism #1, with a host bridge as the only function.
 *
 * Port 0xcf8 takes an address, 0xcfc gives a window to that register.  Bytes
 * written inside the address port reach other functions of the chip set:
 * 0xcf9 is the reset control register, kept here because it shares the range.
 * Source: PCI Local Bus Specification 3.0, "Software Generation of
 * Configuration Transactions".
 */
#include <stdlib.h>
#include <string.h>
#include <linux/pci_regs.h>

#include "layout.h"
#include "vmm.h"

#define ADDR_ENABLE	0x80000000
#define RESET_SYSTEM	0x02	/* kind: also the CPUs */
#define RESET_GO	0x04	/* rising: do it */

/* Red Hat's vendor number and its ID for a host bridge without quirks. */
#define BRIDGE_VENDOR	0x1b36
#define BRIDGE_DEVICE	0x0008

struct pci {
	struct vm *vm;
	/* From here on: the state that a snapshot keeps. */
	u32 addr;
	u8 reset;
	u8 bridge[256];		/* configuration space; read-only but COMMAND */
};

static u8 *pci_config(struct pci *pci, u64 offset, unsigned int len)
{
	u32 reg = (pci->addr & 0xfc) + offset;

	/* Bus 0, device 0, function 0 is all there is. */
	if (!(pci->addr & ADDR_ENABLE) || (pci->addr & 0x00ffff00))
		return NULL;
	return reg + len <= sizeof(pci->bridge) ? pci->bridge + reg : NULL;
}

static void pci_data_access(void *dev, u64 offset, u8 *data, unsigned int len,
			    bool is_write)
{
	u8 *config = pci_config(dev, offset, len);

	/* Nothing in the bridge can be changed; its decoding is fixed. */
	if (is_write)
		return;
	if (config)
		memcpy(data, config, len);
	else
		memset(data, 0xff, len);
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

static void put16(u8 *p, u16 v)
{
	p[0] = v;
	p[1] = v >> 8;
}

void dev_pci_add(struct vm *vm)
{
	struct pci *pci = calloc(1, sizeof(*pci));
	const struct bus_range ranges[] = {
		{ PORT_PCI_ADDR, 4, pci_addr_access, pci, false },
		{ PORT_PCI_DATA, 4, pci_data_access, pci, false },
	};

	if (!pci)
		die("pci: out of memory");
	pci->vm = vm;
	put16(pci->bridge + PCI_VENDOR_ID, BRIDGE_VENDOR);
	put16(pci->bridge + PCI_DEVICE_ID, BRIDGE_DEVICE);
	put16(pci->bridge + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
	      PCI_COMMAND_MASTER);
	put16(pci->bridge + PCI_CLASS_DEVICE, 0x0600);	/* host bridge */
	bus_add_ports(&vm->bus, "pci", ranges, ARRAY_SIZE(ranges));
	state_add(vm, "pci", &pci->addr, sizeof(*pci) - offsetof(struct pci, addr));
}
