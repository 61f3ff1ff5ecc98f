// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile kernels and hostile guests: the first byte chooses between the two
 * file parsers and a run of port accesses to every device of the VMM.
 */
#include <stdlib.h>
#include <string.h>

#include "../../userspace/layout.h"
#include "vmm_board.h"

static unsigned int input_left;

static void far_irq(void *opaque, bool level)
{
	static bool line;

	(void)opaque;
	if (level == line)
		abort();	/* must only tell changes */
	line = level;
}

static void far_send(void *opaque, u8 byte)
{
	(void)opaque;
	(void)byte;
}

static bool far_receive(void *opaque, u8 *byte)
{
	(void)opaque;
	*byte = input_left;
	return input_left && input_left--;
}

static const struct serial_ops far_ops = {
	.irq = far_irq, .send = far_send, .receive = far_receive,
};

static struct serial *uart;

static struct vm *machine(void)
{
	struct vm *vm = board_new(16 * MIB);

	uart = serial_new(&far_ops, NULL);
	if (bus_add(&vm->bus, BUS_PIO, &(struct bus_range){
			PORT_COM1, 8, serial_access, uart, true }))
		abort();
	dev_rtc_add(vm);
	dev_i8042_add(vm);
	dev_pci_add(vm);
	dev_power_add(vm);
	return vm;
}

/* Three bytes an access: device and offset, size and direction, value. */
static void ports(const u8 *data, size_t len)
{
	static const u16 base[] = { PORT_COM1, PORT_RTC, PORT_I8042_DATA,
				    PORT_PCI_ADDR, PORT_PM1_EVT, PORT_EXIT };
	static struct vm *vm;
	u32 value;

	if (!vm)
		vm = machine();
	atomic_store(&vm->status, -1);
	for (; len >= 3; data += 3, len -= 3) {
		u16 port = base[(data[0] >> 4) % ARRAY_SIZE(base)] + (data[0] & 15);
		unsigned int size = 1 << (data[1] & 3) % 3;

		value = data[2] * 0x01010101u;
		if (data[1] & 0x40) {
			input_left = data[2];
			serial_poll(uart);
		}
		bus_access(&vm->bus, data[1] & 0x20 ? BUS_MMIO : BUS_PIO, port,
			   (u8 *)&value, size, data[1] & 0x80);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct pvh_image img;
	struct bzimage b;

	if (!len)
		return 0;
	switch (data[0] % 3) {
	case 0:
		if (!bzimage_parse(data + 1, len - 1, &b) &&
		    (b.setup_len > len - 1 || b.init_size < len - 1 - b.setup_len))
			abort();
		break;
	case 1:
		if (!pvh_parse(data + 1, len - 1, &img) &&
		    (!img.nr || img.end > HOLE_START))
			abort();
		break;
	case 2:
		ports(data + 1, len - 1);
		break;
	}
	return 0;
}
