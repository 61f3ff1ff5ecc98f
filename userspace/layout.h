/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every address and port of the machine that hv presents, with its reason.
 *
 * Guest memory below 1 MiB is ours to fill before the guest starts; Linux
 * reads what we put there and then treats all of it as reserved.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

/*
 * Low memory, filled by the loaders.  Real-mode vectors and BIOS data end at
 * 0x500; nothing of ours overlaps them, so that a guest that looks there sees
 * zeroes.
 */
#define GDT_ADDR	0x500		/* the GDT of the 64-bit entry */
#define PVH_INFO_ADDR	0x6000		/* hvm_start_info, modules, memory map */
#define ZERO_PAGE_ADDR	0x7000		/* struct boot_params, one page */
#define RNG_SEED_ADDR	0x8000		/* setup_data with a random seed */
#define PAGE_TABLE_ADDR	0x9000		/* PML4, PDPT, four page directories */
#define CMDLINE_ADDR	0x20000		/* up to 64 KiB, see CMDLINE_MAX */
#define CMDLINE_MAX	0xffff

/* Conventional memory ends where a PC's extended BIOS data area would start. */
#define EBDA_START	0x9fc00

/*
 * The BIOS area: firmware tables.  Operating systems search 0xe0000-0xfffff
 * on 16-byte boundaries for the RSDP.
 */
#define ACPI_ADDR	0xe0000
#define ACPI_SIZE	0x10000
#define BIOS_START	0xf0000
#define HIGH_RAM_ADDR	0x100000	/* kernels load from here up */

/*
 * RAM stops at 3 GiB, as on a PC: the fourth GiB holds the I/O APIC
 * (0xfec00000), the local APIC (0xfee00000), PCI's memory window and the pages
 * below.  What does not fit goes above 4 GiB.
 */
#define HOLE_START	0xc0000000ULL
#define HOLE_END	0x100000000ULL
#define PCI_MEM_START	0xc0000000
#define PCI_MEM_END	0xfebfffff	/* just below the I/O APIC */
#define IOAPIC_ADDR	0xfec00000
#define LAPIC_ADDR	0xfee00000

/*
 * KVM on Intel CPUs without unrestricted guest needs one page of identity map
 * and three of TSS somewhere no guest looks: under the 4 GiB line, where a PC
 * has its flash.
 */
#define IDENTITY_ADDR	0xfffbc000ULL
#define TSS_ADDR	0xfffbd000ULL

/* Ports.  The first five groups are where every PC has them. */
#define PORT_RTC	0x70		/* 2: index, data */
#define PORT_I8042_DATA	0x60
#define PORT_I8042_CMD	0x64
#define PORT_COM1	0x3f8		/* 8 */
#define PORT_PCI_ADDR	0xcf8		/* 4; 0xcf9 is the reset control */
#define PORT_RESET	0xcf9
#define PORT_PCI_DATA	0xcfc		/* 4 */

/* Guest writes a byte: hv exits with it.  QEMU's isa-debug-exit is often here. */
#define PORT_EXIT	0xf4

/* ACPI's power management block: a free spot that PCI's windows spare. */
#define PORT_PM1_EVT	0x600		/* 4: status, enable */
#define PORT_PM1_CNT	0x604		/* 2 */

/* Sleep type of the soft-off state: what \_S5 says and PM1_CNT understands. */
#define SLP_TYP_S5	5

/* Interrupt lines. */
#define IRQ_COM1	4
#define IRQ_RTC		8
#define IRQ_SCI		9

#endif
