// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI's fixed power-management registers, and the exit port.
 *
 * The event registers exist because ACPI wants them; no event is ever raised,
 * so the SCI stays silent.  The control register reports ACPI mode as always
 * on; writing sleep type S5 with the enable bit powers off.
 * Source: ACPI Specification 6.4, "PM1 Event Registers" and
 * "PM1 Control Registers".
 */
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "vmm.h"

#define CNT_SCI_EN	0x0001
#define CNT_SLP_TYP	0x1c00
#define CNT_SLP_EN	0x2000

struct power {
	struct vm *vm;
	/* From here on: the state that a snapshot keeps. */
	u8 enable[2];
	u8 cnt[2];
};

/* Bytes 0-1 are the status (always clear), 2-3 the enable register. */
static void pm1_evt_access(void *dev, u64 offset, u8 *data,
			   unsigned int len __maybe_unused,
			   bool is_write)
{
	struct power *pm = dev;

	if (offset < 2) {
		if (!is_write)
			*data = 0;
	} else if (is_write) {
		pm->enable[offset - 2] = *data;
	} else {
		*data = pm->enable[offset - 2];
	}
}

static void pm1_cnt_access(void *dev, u64 offset, u8 *data,
			   unsigned int len __maybe_unused,
			   bool is_write)
{
	struct power *pm = dev;
	u16 cnt;

	if (!is_write) {
		*data = pm->cnt[offset] | (offset ? 0 : CNT_SCI_EN);
		return;
	}
	pm->cnt[offset] = *data;
	cnt = pm->cnt[0] | pm->cnt[1] << 8;
	if ((cnt & CNT_SLP_EN) && (cnt & CNT_SLP_TYP) >> 10 == SLP_TYP_S5)
		vm_stop(pm->vm, HV_EXIT_POWEROFF);
	pm->cnt[1] &= ~(CNT_SLP_EN >> 8);	/* write-only bit */
}

static void exit_access(void *dev, u64 offset __maybe_unused,
			u8 *data, unsigned int len __maybe_unused,
			bool is_write)
{
	struct power *pm = dev;

	if (is_write)
		vm_stop(pm->vm, *data);
	else
		*data = 0;
}

void dev_power_add(struct vm *vm)
{
	struct power *pm = calloc(1, sizeof(*pm));
	const struct bus_range ranges[] = {
		{ PORT_PM1_EVT, 4, pm1_evt_access, pm, true },
		{ PORT_PM1_CNT, 2, pm1_cnt_access, pm, true },
		{ PORT_EXIT, 1, exit_access, pm, true },
	};

	if (!pm)
		die("power: out of memory");
	pm->vm = vm;
	bus_add_ports(&vm->bus, "power", ranges, ARRAY_SIZE(ranges));
	state_add(vm, "power", &pm->enable, sizeof(*pm) - offsetof(struct power, enable));
}
