// SPDX-License-Identifier: GPL-2.0-only
/* Write the VMM's ACPI tables to DIR/NAME.dat; for vmm_acpi.sh. */
#include <stdio.h>
#include <string.h>

#include "../../userspace/layout.h"
#include "vmm_board.h"

static u64 le64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, 8);
	return v;
}

static void dump(const char *dir, struct vm *vm, u64 gpa, const char *name)
{
	const u8 *p = mem_at(&vm->mem, gpa, 8);
	char path[4096];
	FILE *f;
	u32 len;

	if (!p)
		die("%s: no table", name);
	memcpy(&len, p + 4, 4);
	snprintf(path, sizeof(path), "%s/%s.dat", dir, name);
	f = fopen(path, "w");
	if (!f || fwrite(p, len, 1, f) != 1 || fclose(f))
		die("%s: cannot write", path);
}

int main(int argc, char **argv)
{
	static struct vm *vm;
	const u8 *xsdt, *fadt;
	u64 at;

	if (argc != 2)
		return 2;
	vm = board_new(64 * MIB);
	acpi_build(&vm->mem, 2);
	at = le64(mem_at(&vm->mem, ACPI_ADDR + 24, 8));
	xsdt = mem_at(&vm->mem, at, 64);
	dump(argv[1], vm, at, "xsdt");
	dump(argv[1], vm, le64(xsdt + 36), "facp");
	dump(argv[1], vm, le64(xsdt + 44), "apic");
	fadt = mem_at(&vm->mem, le64(xsdt + 36), 276);
	dump(argv[1], vm, le64(fadt + 140), "dsdt");
	return 0;
}
