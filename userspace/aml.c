// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DSDT, written as AML bytes by a few small encoders.
 *
 * It says what Linux cannot find out by probing: the PCI host bridge and its
 * windows, the serial port, the clock, and how to power off.
 * Source: ACPI Specification 6.4, "ACPI Machine Language (AML) Specification"
 * and "Resource Data Types for ACPI".
 */
#include <string.h>

#include "layout.h"
#include "vmm.h"

enum {
	AML_ZERO = 0x00, AML_ONE = 0x01, AML_NAME = 0x08, AML_BYTE = 0x0a,
	AML_WORD = 0x0b, AML_DWORD = 0x0c, AML_SCOPE = 0x10, AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12, AML_EXT = 0x5b, AML_EXT_DEVICE = 0x82,
};

static void put(struct aml *a, const void *p, size_t len)
{
	if (len > a->cap - a->len) {
		a->overflow = true;
		return;
	}
	memcpy(a->buf + a->len, p, len);
	a->len += len;
}

static void put_le(struct aml *a, u64 v, unsigned int bytes)
{
	while (bytes--) {
		u8 b = v;

		put(a, &b, 1);
		v >>= 8;
	}
}

/* A package length takes two bytes here: contents of up to 4093 bytes. */
static size_t open_length(struct aml *a)
{
	size_t at = a->len;

	put_le(a, 0, 2);
	return at;
}

static void close_length(struct aml *a, size_t at)
{
	size_t len = a->len - at;

	if (a->overflow || len >= 1 << 12) {
		a->overflow = true;
		return;
	}
	/* Top two bits: one byte follows; low nibble, then the next 8 bits. */
	a->buf[at] = 0x40 | (len & 15);
	a->buf[at + 1] = len >> 4;
}

static size_t open_scope(struct aml *a, const char *name)
{
	size_t at;

	put_le(a, AML_SCOPE, 1);
	at = open_length(a);
	put(a, name, strlen(name));
	return at;
}

static size_t open_device(struct aml *a, const char *name)
{
	size_t at;

	put_le(a, AML_EXT, 1);
	put_le(a, AML_EXT_DEVICE, 1);
	at = open_length(a);
	put(a, name, 4);
	return at;
}

static void name_op(struct aml *a, const char *name)
{
	put_le(a, AML_NAME, 1);
	put(a, name, 4);
}

static void name_byte(struct aml *a, const char *name, u8 v)
{
	name_op(a, name);
	put_le(a, AML_BYTE, 1);
	put_le(a, v, 1);
}

/* "PNP0A03": three letters of five bits and four hex digits, big-endian. */
static void name_hid(struct aml *a, const char *id)
{
	u32 v = (id[0] & 31u) << 26 | (id[1] & 31u) << 21 | (id[2] & 31u) << 16;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		char c = id[3 + i];

		v |= (u32)(c <= '9' ? c - '0' : c - 'A' + 10) << (12 - 4 * i);
	}
	name_op(a, "_HID");
	put_le(a, AML_DWORD, 1);
	put_le(a, __builtin_bswap32(v), 4);
}

/* Name (_CRS, ResourceTemplate () {...}); the parts go between. */
static size_t open_crs(struct aml *a)
{
	size_t at;

	name_op(a, "_CRS");
	put_le(a, AML_BUFFER, 1);
	at = open_length(a);
	put_le(a, AML_WORD, 1);
	put_le(a, 0, 2);		/* size, see close_crs() */
	return at;
}

static void close_crs(struct aml *a, size_t at)
{
	size_t data = at + 5;		/* package length, word prefix, size */

	put_le(a, 0x79, 1);		/* end tag ... */
	put_le(a, 0, 1);		/* ... whose zero checksum means: valid */
	close_length(a, at);
	if (a->overflow)
		return;
	a->buf[data - 2] = a->len - data;
	a->buf[data - 1] = (a->len - data) >> 8;
}

static void crs_io(struct aml *a, u16 port, u8 len)
{
	put_le(a, 0x47, 1);
	put_le(a, 1, 1);		/* decodes 16 bits */
	put_le(a, port, 2);
	put_le(a, port, 2);
	put_le(a, 1, 1);
	put_le(a, len, 1);
}

static void crs_irq(struct aml *a, unsigned int irq)
{
	put_le(a, 0x22, 1);		/* edge, active high, exclusive */
	put_le(a, 1u << irq, 2);
}

/*
 * An address space descriptor: kind 0 memory, 1 I/O, 2 bus numbers; `width` in
 * bytes of its five numbers.  Fixed ends, and we pass it on ("producer").
 */
static void crs_window(struct aml *a, u8 kind, u8 flags, unsigned int width,
		       u32 min, u32 max)
{
	put_le(a, width == 2 ? 0x88 : 0x87, 1);
	put_le(a, 3 + 5 * width, 2);
	put_le(a, kind, 1);
	put_le(a, 0x0c, 1);		/* min and max fixed */
	put_le(a, flags, 1);
	put_le(a, 0, width);		/* granularity */
	put_le(a, min, width);
	put_le(a, max, width);
	put_le(a, 0, width);		/* translation */
	put_le(a, max - min + 1, width);
}

static void put_pci(struct aml *a)
{
	size_t dev = open_device(a, "PCI0"), crs;

	name_hid(a, "PNP0A03");
	name_byte(a, "_UID", 0);
	crs = open_crs(a);
	crs_window(a, 2, 0, 2, 0, 0);
	crs_io(a, PORT_PCI_ADDR, 8);
	crs_window(a, 1, 3, 2, 0, PORT_PCI_ADDR - 1);	/* 3: whole range */
	crs_window(a, 1, 3, 2, PORT_PCI_DATA + 4, 0xffff);
	crs_window(a, 0, 1, 4, PCI_MEM_START, PCI_MEM_END); /* 1: writable */
	close_crs(a, crs);
	close_length(a, dev);
}

static void put_legacy(struct aml *a, const char *name, const char *hid,
		       u16 port, u8 len, unsigned int irq)
{
	size_t dev = open_device(a, name), crs;

	name_hid(a, hid);
	name_byte(a, "_UID", 0);
	crs = open_crs(a);
	crs_io(a, port, len);
	crs_irq(a, irq);
	close_crs(a, crs);
	close_length(a, dev);
}

size_t acpi_dsdt_body(u8 *buf, size_t cap)
{
	struct aml a = { .buf = buf, .cap = cap };
	size_t at;

	/* Name (\_S5, Package () {SLP_TYP for PM1a, for PM1b, 0, 0}) */
	put_le(&a, AML_NAME, 1);
	put(&a, "\\_S5_", 5);
	put_le(&a, AML_PACKAGE, 1);
	at = open_length(&a);
	put_le(&a, 4, 1);
	put_le(&a, AML_BYTE, 1);
	put_le(&a, SLP_TYP_S5, 1);
	put_le(&a, AML_ZERO, 1);
	put_le(&a, AML_ZERO, 1);
	put_le(&a, AML_ZERO, 1);
	close_length(&a, at);

	at = open_scope(&a, "\\_SB_");
	put_pci(&a);
	put_legacy(&a, "COM1", "PNP0501", PORT_COM1, 8, IRQ_COM1);
	put_legacy(&a, "RTC0", "PNP0B00", PORT_RTC, 2, IRQ_RTC);
	close_length(&a, at);
	return a.overflow ? 0 : a.len;
}
