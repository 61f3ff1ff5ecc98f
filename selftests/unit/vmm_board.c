// SPDX-License-Identifier: GPL-2.0-only
/* Stand-ins for what the VMM's parts call; see vmm_board.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm_board.h"

jmp_buf board_die;
volatile bool board_dying;
char board_message[512];
int board_status = -1;

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(board_message, sizeof(board_message), fmt, ap);
	va_end(ap);
	if (board_dying)
		longjmp(board_die, 1);
	fprintf(stderr, "die: %s\n", board_message);
	abort();
}

void vm_stop(struct vm *vm, int status)
{
	if (vm_stopped(vm))
		return;
	atomic_store(&vm->status, status);
	board_status = status;
}

/* Nobody takes snapshots here. */
void state_add(struct vm *vm, const char *name, void *data, u32 len)
{
	(void)vm;
	(void)name;
	(void)data;
	(void)len;
}

/* No interrupts and no ioeventfds: tests look at registers and rings. */
u32 vm_new_gsi(struct vm *vm)
{
	static u32 next = 24;

	(void)vm;
	return next++;
}

bool vm_route_msi(struct vm *vm, u32 gsi, u64 addr, u32 data)
{
	(void)vm, (void)gsi, (void)addr, (void)data;
	return true;
}

void vm_irqfd(struct vm *vm, int fd, u32 gsi, bool bind)
{
	(void)vm, (void)fd, (void)gsi, (void)bind;
}

void vm_ioeventfd(struct vm *vm, int fd, u64 addr, unsigned int len, bool bind)
{
	(void)vm, (void)fd, (void)addr, (void)len, (void)bind;
}

struct vm *board_new(u64 memory)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		abort();
	atomic_store(&vm->status, -1);
	board_status = -1;
	vm->nr_vcpus = 1;
	bus_init(&vm->bus);
	if (memory)
		mem_init(&vm->mem, memory, -1, 0);
	return vm;
}

u32 board_in(struct vm *vm, u16 port, unsigned int len)
{
	u32 value = 0;

	bus_access(&vm->bus, BUS_PIO, port, (u8 *)&value, len, false);
	return value;
}

void board_out(struct vm *vm, u16 port, u32 value, unsigned int len)
{
	bus_access(&vm->bus, BUS_PIO, port, (u8 *)&value, len, true);
}

const char *board_file(const void *data, size_t len)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/vmm_unit.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
	return path;
}
