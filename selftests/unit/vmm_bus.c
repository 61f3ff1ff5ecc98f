// SPDX-License-Identifier: GPL-2.0-only
/* The bus, the memory gate, and the small devices behind the bus. */
#include "ktap.h"

#include "../../userspace/layout.h"
#include "vmm_board.h"

static struct {
	u64 offset;
	unsigned int len, calls;
} last;

static void probe(void *dev, u64 offset, u8 *data, unsigned int len,
		  bool is_write)
{
	last.offset = offset;
	last.len = len;
	last.calls++;
	if (!is_write)
		memset(data, (int)(uintptr_t)dev, len);
}

static int add(struct vm *vm, u64 base, u64 len, u8 id, bool bytes)
{
	return bus_add(&vm->bus, BUS_PIO, &(struct bus_range){
			base, len, probe, (void *)(uintptr_t)id, bytes });
}

TEST(overlaps_are_refused)
{
	struct vm *vm = board_new(0);

	CHECK_EQ(add(vm, 0x100, 0x10, 1, false), 0);
	CHECK_EQ(add(vm, 0x110, 0x10, 2, false), 0);
	CHECK_EQ(add(vm, 0xf0, 0x10, 3, false), 0);
	CHECK_EQ(add(vm, 0x10f, 1, 4, false), -EEXIST);
	CHECK_EQ(add(vm, 0, 0x1000, 4, false), -EEXIST);
	CHECK_EQ(add(vm, 0x11f, 2, 4, false), -EEXIST);
	CHECK_EQ(add(vm, 0x200, 0, 4, false), -EINVAL);
	CHECK_EQ(add(vm, ~0ULL, 2, 4, false), -EINVAL);
}

TEST(table_has_an_end)
{
	struct vm *vm = board_new(0);
	unsigned int i;

	for (i = 0; i < BUS_MAX_RANGES; i++)
		CHECK_EQ(add(vm, i, 1, 1, false), 0);
	CHECK_EQ(add(vm, i, 1, 1, false), -ENOSPC);
}

TEST(accesses_stay_inside)
{
	struct vm *vm = board_new(0);

	CHECK_EQ(add(vm, 0x100, 4, 0x11, false), 0);
	CHECK_EQ(add(vm, 0x104, 2, 0x22, true), 0);
	CHECK_EQ(board_in(vm, 0xff, 4), 0xffffffff);
	CHECK_EQ(last.calls, 0);
	CHECK_EQ(board_in(vm, 0x100, 4), 0x11111111);
	CHECK_EQ(board_in(vm, 0x102, 4), 0xffff1111);
	CHECK_EQ(last.len, 2);
	last.calls = 0;
	CHECK_EQ(board_in(vm, 0x104, 4), 0xffff2222);
	CHECK_EQ(last.calls, 2);
	CHECK_EQ(last.len, 1);
}

TEST(memory_gate)
{
	struct vm *vm = board_new(4 * GIB);
	u8 *low = mem_at(&vm->mem, 0, 1), *high;

	CHECK(low);
	CHECK_EQ(vm->mem.nr, 2);
	CHECK(mem_at(&vm->mem, HOLE_START - 1, 1) == low + HOLE_START - 1);
	CHECK(!mem_at(&vm->mem, HOLE_START - 1, 2));
	CHECK(!mem_at(&vm->mem, HOLE_START, 1));
	CHECK(!mem_at(&vm->mem, HOLE_END - 1, 1));
	high = mem_at(&vm->mem, HOLE_END, GIB);
	CHECK(high);
	CHECK(!mem_at(&vm->mem, HOLE_END, GIB + 1));
	CHECK(!mem_at(&vm->mem, 1, ~0ULL));
	CHECK(!mem_at(&vm->mem, ~0ULL, 1));
	CHECK(!mem_at(&vm->mem, HOLE_END + 1, ~0ULL - HOLE_END));
	CHECK(mem_at(&vm->mem, 0, 0));
}

static u8 cmos(struct vm *vm, u8 reg)
{
	board_out(vm, 0x70, reg, 1);
	return board_in(vm, 0x71, 1);
}

static void set_cmos(struct vm *vm, u8 reg, u8 value)
{
	board_out(vm, 0x70, reg, 1);
	board_out(vm, 0x71, value, 1);
}

TEST(rtc_sets_and_keeps_time)
{
	struct vm *vm = board_new(5 * GIB);

	dev_rtc_add(vm);
	CHECK_EQ(cmos(vm, 13), 0x80);
	CHECK(cmos(vm, 0x32) >= 0x20);		/* BCD: this century or later */
	set_cmos(vm, 11, 0x82);			/* SET, 24 hours, BCD */
	set_cmos(vm, 0, 0x30);
	set_cmos(vm, 2, 0x59);
	set_cmos(vm, 4, 0x23);
	set_cmos(vm, 7, 0x31);
	set_cmos(vm, 8, 0x12);
	set_cmos(vm, 9, 0x99);
	set_cmos(vm, 0x32, 0x20);
	CHECK_EQ(cmos(vm, 0), 0x30);		/* the clock stands */
	set_cmos(vm, 11, 0x02);
	CHECK_EQ(cmos(vm, 9), 0x99);
	CHECK_EQ(cmos(vm, 8), 0x12);
	CHECK_EQ(cmos(vm, 4), 0x23);
	CHECK_EQ(cmos(vm, 2), 0x59);
	set_cmos(vm, 11, 0x04);			/* binary, 12 hours */
	CHECK_EQ(cmos(vm, 2), 59);
	CHECK_EQ(cmos(vm, 4), 0x80 | 11);
	CHECK_EQ(cmos(vm, 12), 0);
}

TEST(cmos_tells_memory)
{
	struct vm *vm = board_new(5 * GIB);

	dev_rtc_add(vm);
	CHECK_EQ(cmos(vm, 0x15) | cmos(vm, 0x16) << 8, 640);
	CHECK_EQ(cmos(vm, 0x34) | cmos(vm, 0x35) << 8,
		 (3 * GIB - 16 * MIB) / (64 * KIB));
	CHECK_EQ(cmos(vm, 0x5b) | cmos(vm, 0x5c) << 8 | cmos(vm, 0x5d) << 16,
		 2 * GIB / (64 * KIB));
}

TEST(i8042_probe_and_reset)
{
	struct vm *vm = board_new(0);

	dev_i8042_add(vm);
	CHECK_EQ(board_in(vm, 0x64, 1) & 1, 0);
	board_out(vm, 0x64, 0xaa, 1);
	CHECK_EQ(board_in(vm, 0x64, 1) & 1, 1);
	CHECK_EQ(board_in(vm, 0x60, 1), 0x55);
	CHECK_EQ(board_in(vm, 0x64, 1) & 1, 0);
	board_out(vm, 0x64, 0x60, 1);
	board_out(vm, 0x60, 0x74, 1);
	board_out(vm, 0x64, 0x20, 1);
	CHECK_EQ(board_in(vm, 0x60, 1), 0x74);
	CHECK_EQ(board_status, -1);
	board_out(vm, 0x64, 0xfe, 1);
	CHECK_EQ(board_status, HV_EXIT_REBOOT);
}

TEST(pci_finds_one_bridge)
{
	struct vm *vm = board_new(0);
	u32 dev;

	dev_pci_add(vm);
	board_out(vm, 0xcf8, 0x80000000, 4);
	CHECK_EQ(board_in(vm, 0xcf8, 4), 0x80000000);
	CHECK_EQ(board_in(vm, 0xcfc, 4), 0x00081b36);
	CHECK_EQ(board_in(vm, 0xcfe, 2), 0x0008);
	board_out(vm, 0xcf8, 0x80000008, 4);
	CHECK_EQ(board_in(vm, 0xcfc, 4) >> 16, 0x0600);
	board_out(vm, 0xcf8, 0x8000000c, 4);
	CHECK_EQ(board_in(vm, 0xcfe, 1), 0);	/* one function */
	for (dev = 0x100; dev < 0x1000000; dev += 0x100) {
		board_out(vm, 0xcf8, 0x80000000 | dev, 4);
		CHECK_EQ(board_in(vm, 0xcfc, 4), 0xffffffff);
	}
	board_out(vm, 0xcf8, 0, 4);
	CHECK_EQ(board_in(vm, 0xcfc, 4), 0xffffffff);
	/* Every byte of the window at the last register, and past it. */
	board_out(vm, 0xcf8, 0x800000fc, 4);
	CHECK_EQ(board_in(vm, 0xcff, 1), 0);
	CHECK_EQ(board_in(vm, 0xcfe, 4) & 0xffff, 0);
}

TEST(pci_reset_register)
{
	struct vm *vm = board_new(0);

	dev_pci_add(vm);
	board_out(vm, 0xcf8, 0x80000000, 4);
	board_out(vm, 0xcf9, 0x02, 1);
	CHECK_EQ(board_status, -1);
	CHECK_EQ(board_in(vm, 0xcf8, 4), 0x80000000);	/* not disturbed */
	board_out(vm, 0xcf9, 0x06, 1);
	CHECK_EQ(board_status, HV_EXIT_REBOOT);
}

TEST(power_off_and_exit_port)
{
	struct vm *vm = board_new(0);

	dev_power_add(vm);
	CHECK_EQ(board_in(vm, PORT_PM1_CNT, 2), 1);	/* SCI_EN */
	CHECK_EQ(board_in(vm, PORT_PM1_EVT, 2), 0);
	board_out(vm, PORT_PM1_EVT + 2, 0x0120, 2);
	CHECK_EQ(board_in(vm, PORT_PM1_EVT + 2, 2), 0x0120);
	board_out(vm, PORT_PM1_CNT, 5 << 10, 2);
	CHECK_EQ(board_status, -1);
	board_out(vm, PORT_PM1_CNT, 1 << 13, 2);	/* S0: stays on */
	CHECK_EQ(board_status, -1);
	board_out(vm, PORT_PM1_CNT, 5 << 10 | 1 << 13, 2);
	CHECK_EQ(board_status, HV_EXIT_POWEROFF);

	vm = board_new(0);
	dev_power_add(vm);
	board_out(vm, PORT_EXIT, 0x17, 1);
	CHECK_EQ(board_status, 0x17);
}
