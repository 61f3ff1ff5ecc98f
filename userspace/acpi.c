// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ACPI tables, in the BIOS area where operating systems look for them.
 *
 * RSDP -> XSDT -> FADT (-> FACS, DSDT) and MADT.  The machine they describe is
 * a PC with fixed power-management registers and neither keyboard controller
 * nor VGA, which spares the guest some probing.  There is no override for IRQ
 * 0: the in-kernel irqchip's default routing takes it to I/O APIC pin 0.
 * Source: ACPI Specification 6.4, "ACPI System Description Tables".
 */
#include <string.h>

#include "layout.h"
#include "vmm.h"

struct acpi_head {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem_id[6], oem_table[8];
	u32 oem_revision;
	char creator[4];
	u32 creator_revision;
} __packed;

struct acpi_rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum, reserved[3];
} __packed;

/* Generic address structure. */
struct acpi_gas {
	u8 space, bits, offset, access;
	u64 address;
} __packed;

struct acpi_facs {
	char signature[4];
	u32 length, hardware, waking, lock, flags;
	u64 x_waking;
	u8 version, reserved[31];
} __packed;

/* Fixed ACPI description table, revision 6; zero where the PC has nothing. */
struct acpi_fadt {
	struct acpi_head head;
	u32 facs, dsdt;
	u8 reserved0, profile;
	u16 sci_irq;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_timer;
	u32 gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_timer_len;
	u8 gpe0_len, gpe1_len, gpe1_base, cst;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_flags;
	u8 reserved1;
	u32 flags;
	struct acpi_gas reset;
	u8 reset_value;
	u16 arm_flags;
	u8 minor_revision;
	u64 x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt;
	struct acpi_gas x_pm2_cnt, x_pm_timer, x_gpe0, x_gpe1;
	struct acpi_gas sleep_control, sleep_status;
	u64 hypervisor;
} __packed;

_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT revision 6");
_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP revision 2");
_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");

#define GAS_IO			1
#define CENTURY_INDEX		0x32	/* as dev_rtc.c has it */
#define BOOT_NO_VGA		(1 << 2)
#define BOOT_NO_ASPM		(1 << 4)
#define BOOT_LEGACY_DEVICES	(1 << 0)
#define FADT_WBINVD		(1 << 0)
#define FADT_PROC_C1		(1 << 2)
#define FADT_NO_POWER_BUTTON	(1 << 4)
#define FADT_NO_SLEEP_BUTTON	(1 << 5)
#define FADT_NO_RTC_WAKE	(1 << 6)
#define FADT_RESET_REG		(1 << 10)
#define RESET_VALUE		0x06	/* system reset, now; see dev_pci.c */

struct madt_lapic {
	u8 type, length, processor, apic_id;
	u32 flags;
} __packed;

struct madt_x2apic {
	u8 type, length;
	u16 reserved;
	u32 apic_id, flags, processor;
} __packed;

struct madt_ioapic {
	u8 type, length, id, reserved;
	u32 address, gsi_base;
} __packed;

struct madt_override {
	u8 type, length, bus, irq;
	u32 gsi;
	u16 flags;
} __packed;

struct madt_nmi {
	u8 type, length, processor;
	u16 flags;
	u8 lint;
} __packed;

#define MADT_PCAT_COMPAT	1	/* there is a pair of 8259s */
#define MADT_ENABLED		1
#define MADT_LEVEL_HIGH		0x0d
#define ALL_PROCESSORS		0xff
#define XAPIC_IDS		255	/* above this only x2APIC can name a CPU */

/* Where the next table goes. */
struct cursor {
	struct memory *mem;
	u64 gpa;
};

static u8 checksum(const void *p, size_t len)
{
	const u8 *b = p;
	u8 sum = 0;

	while (len--)
		sum += *b++;
	return -sum;
}

static void fill_head(struct acpi_head *h, const char *signature, u8 revision)
{
	memcpy(h->signature, signature, 4);
	h->revision = revision;
	memcpy(h->oem_id, "HV    ", 6);
	memcpy(h->oem_table, "HVTABLES", 8);
	h->oem_revision = 1;
	memcpy(h->creator, "HV  ", 4);
	h->creator_revision = 1;
}

/* Copy a table to the guest on a 16-byte boundary; returns its address. */
static u64 place(struct cursor *c, const void *table, size_t len)
{
	u64 gpa = c->gpa;
	void *dst = gpa + len <= ACPI_ADDR + ACPI_SIZE ?
		    mem_at(c->mem, gpa, len) : NULL;

	if (!dst)
		die("acpi: too many CPUs for the tables (use fewer --cpus)");
	memcpy(dst, table, len);
	c->gpa = ALIGN_UP(gpa + len, 16);
	return gpa;
}

/* The same with length and checksum filled in. */
static u64 place_table(struct cursor *c, void *table, size_t len)
{
	struct acpi_head *h = table;

	h->length = len;
	h->checksum = 0;
	h->checksum = checksum(table, len);
	return place(c, table, len);
}

static u64 place_dsdt(struct cursor *c)
{
	u8 buf[2 * KIB] = { 0 };
	struct acpi_head *h = (struct acpi_head *)buf;
	size_t len = acpi_dsdt_body(buf + sizeof(*h), sizeof(buf) - sizeof(*h));

	if (!len)
		die("acpi: the DSDT does not fit");
	fill_head(h, "DSDT", 2);
	return place_table(c, buf, sizeof(*h) + len);
}

static struct acpi_gas io_register(u16 port, u8 bits)
{
	/* Access size: 1 byte, 2 word, 3 dword. */
	return (struct acpi_gas){ .space = GAS_IO, .bits = bits,
				  .access = bits == 8 ? 1 : 2, .address = port };
}

static u64 place_fadt(struct cursor *c)
{
	struct acpi_facs facs = { .signature = "FACS", .version = 2,
				  .length = sizeof(facs) };
	struct acpi_fadt f = {
		.sci_irq = IRQ_SCI,
		.pm1a_evt = PORT_PM1_EVT,
		.pm1a_cnt = PORT_PM1_CNT,
		.pm1_evt_len = 4,
		.pm1_cnt_len = 2,
		.c2_latency = 0xffff,	/* no such states */
		.c3_latency = 0xffff,
		.century = CENTURY_INDEX,
		.boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_ASPM,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_POWER_BUTTON |
			 FADT_NO_SLEEP_BUTTON | FADT_NO_RTC_WAKE |
			 FADT_RESET_REG,
		.reset = io_register(PORT_RESET, 8),
		.reset_value = RESET_VALUE,
		.minor_revision = 4,
		.x_pm1a_evt = io_register(PORT_PM1_EVT, 32),
		.x_pm1a_cnt = io_register(PORT_PM1_CNT, 16),
	};

	facs.length = sizeof(facs);
	/* The FACS must lie on a 64-byte boundary. */
	c->gpa = ALIGN_UP(c->gpa, 64);
	f.facs = place(c, &facs, sizeof(facs));
	f.x_dsdt = place_dsdt(c);
	f.dsdt = f.x_dsdt;
	fill_head(&f.head, "FACP", 6);
	return place_table(c, &f, sizeof(f));
}

static size_t madt_add(u8 *buf, size_t len, size_t cap, const void *entry)
{
	size_t n = ((const u8 *)entry)[1];

	if (n > cap - len)
		die("acpi: too many CPUs for the tables (use fewer --cpus)");
	memcpy(buf + len, entry, n);
	return len + n;
}

static u64 place_madt(struct cursor *c, unsigned int nr_cpus)
{
	struct madt_ioapic ioapic = { 1, sizeof(ioapic), 0, 0, IOAPIC_ADDR, 0 };
	struct madt_override sci = { 2, sizeof(sci), 0, IRQ_SCI, IRQ_SCI,
				     MADT_LEVEL_HIGH };
	struct madt_nmi nmi = { 4, sizeof(nmi), ALL_PROCESSORS, 0, 1 };
	u8 buf[16 * KIB] = { 0 };
	struct acpi_head *h = (struct acpi_head *)buf;
	u32 head[2] = { LAPIC_ADDR, MADT_PCAT_COMPAT };
	size_t len = sizeof(*h) + sizeof(head);
	unsigned int i;

	fill_head(h, "APIC", 5);
	memcpy(buf + sizeof(*h), head, sizeof(head));
	for (i = 0; i < nr_cpus; i++) {
		struct madt_lapic lapic = { 0, sizeof(lapic), i, i,
					    MADT_ENABLED };
		struct madt_x2apic x2apic = { 9, sizeof(x2apic), 0, i,
					      MADT_ENABLED, i };

		len = madt_add(buf, len, sizeof(buf), i < XAPIC_IDS ?
			       (const void *)&lapic : (const void *)&x2apic);
	}
	len = madt_add(buf, len, sizeof(buf), &ioapic);
	len = madt_add(buf, len, sizeof(buf), &sci);
	len = madt_add(buf, len, sizeof(buf), &nmi);
	return place_table(c, buf, len);
}

void acpi_build(struct memory *mem, unsigned int nr_cpus)
{
	struct acpi_rsdp rsdp = { .signature = "RSD PTR ", .revision = 2,
				  .length = sizeof(rsdp) };
	struct {
		struct acpi_head head;
		u64 table[2];
	} __packed xsdt = { 0 };
	/* The RSDP comes first, at the address the kernel is told. */
	struct cursor c = { mem, ALIGN_UP(ACPI_ADDR + sizeof(rsdp), 16) };

	xsdt.table[0] = place_fadt(&c);
	xsdt.table[1] = place_madt(&c, nr_cpus);
	fill_head(&xsdt.head, "XSDT", 1);
	rsdp.xsdt = place_table(&c, &xsdt, sizeof(xsdt));
	memcpy(rsdp.oem_id, "HV    ", sizeof(rsdp.oem_id));
	rsdp.checksum = checksum(&rsdp, 20);	/* the revision 1 part */
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	c.gpa = ACPI_ADDR;
	place(&c, &rsdp, sizeof(rsdp));
}
