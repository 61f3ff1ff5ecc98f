// SPDX-License-Identifier: GPL-2.0-only
/*
 * The keyboard controller, for the two things it still does: it answers a
 * driver's probe, and its command 0xfe resets the machine.
 *
 * No keyboard and no mouse hang on it.  Port 0x61, which lies between its two,
 * belongs to the in-kernel PIT.
 * Source: IBM PC AT Technical Reference, "Keyboard Controller".
 */
#include <stdlib.h>

#include "layout.h"
#include "vmm.h"

#define STATUS_OUT_FULL	0x01	/* a byte waits at the data port */
#define STATUS_SYSTEM	0x04	/* self test passed */
#define STATUS_COMMAND	0x08	/* last write went to the command port */
#define STATUS_UNLOCKED	0x10

enum {
	CMD_READ_CONFIG = 0x20, CMD_WRITE_CONFIG = 0x60,
	CMD_TEST_AUX = 0xa9, CMD_SELF_TEST = 0xaa, CMD_TEST_KBD = 0xab,
	CMD_AUX_LOOP = 0xd3, CMD_WRITE_AUX = 0xd4, CMD_RESET = 0xfe,
};

#define CONFIG_DEFAULT	0x30	/* both ports disabled, no interrupts */
#define SELF_TEST_OK	0x55
#define PORT_TEST_OK	0x00
#define NO_RESPONSE	0xfe	/* a device's "resend": nobody there */

struct i8042 {
	struct vm *vm;
	/* From here on: the state that a snapshot keeps. */
	u8 status, out, config, command;
};

static void i8042_answer(struct i8042 *kbc, u8 byte)
{
	kbc->out = byte;
	kbc->status |= STATUS_OUT_FULL;
}

static void i8042_command(struct i8042 *kbc, u8 cmd)
{
	kbc->command = cmd;
	kbc->status |= STATUS_COMMAND;
	switch (cmd) {
	case CMD_READ_CONFIG:
		i8042_answer(kbc, kbc->config);
		break;
	case CMD_SELF_TEST:
		kbc->status |= STATUS_SYSTEM;
		i8042_answer(kbc, SELF_TEST_OK);
		break;
	case CMD_TEST_KBD:
		i8042_answer(kbc, PORT_TEST_OK);
		break;
	case CMD_TEST_AUX:
		i8042_answer(kbc, NO_RESPONSE);
		break;
	case CMD_RESET:
		vm_stop(kbc->vm, HV_EXIT_REBOOT);
		break;
	}
}

static void i8042_data(struct i8042 *kbc, u8 byte)
{
	kbc->status &= ~STATUS_COMMAND;
	switch (kbc->command) {
	case CMD_WRITE_CONFIG:
		kbc->config = byte;
		break;
	case CMD_AUX_LOOP:
		i8042_answer(kbc, byte);
		break;
	default:
		/* For the keyboard or the mouse: there is none. */
		i8042_answer(kbc, NO_RESPONSE);
		break;
	}
	kbc->command = 0;
}

static void i8042_data_access(void *dev, u64 offset __maybe_unused,
			      u8 *data, unsigned int len __maybe_unused,
			      bool is_write)
{
	struct i8042 *kbc = dev;

	if (is_write) {
		i8042_data(kbc, *data);
		return;
	}
	*data = kbc->out;
	kbc->status &= ~STATUS_OUT_FULL;
}

static void i8042_cmd_access(void *dev, u64 offset __maybe_unused,
			     u8 *data, unsigned int len __maybe_unused,
			     bool is_write)
{
	struct i8042 *kbc = dev;

	if (is_write)
		i8042_command(kbc, *data);
	else
		*data = kbc->status;
}

void dev_i8042_add(struct vm *vm)
{
	struct i8042 *kbc = calloc(1, sizeof(*kbc));
	const struct bus_range ranges[] = {
		{ PORT_I8042_DATA, 1, i8042_data_access, kbc, true },
		{ PORT_I8042_CMD, 1, i8042_cmd_access, kbc, true },
	};

	if (!kbc)
		die("i8042: out of memory");
	kbc->vm = vm;
	kbc->status = STATUS_SYSTEM | STATUS_UNLOCKED;
	kbc->config = CONFIG_DEFAULT;
	bus_add_ports(&vm->bus, "i8042", ranges, ARRAY_SIZE(ranges));
	state_add(vm, "i8042", &kbc->status, sizeof(*kbc) - offsetof(struct i8042, status));
}
