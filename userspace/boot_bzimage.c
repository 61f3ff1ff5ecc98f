// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux's bzImage, entered at its 64-bit entry point.
 *
 * We do what a boot loader and the real-mode set-up code would: fill the "zero
 * page" (struct boot_params) with memory map, command line and initrd, map the
 * first 4 GiB one to one, and jump to 0x200 past the load address.
 * Source: Linux documentation, "The Linux/x86 Boot Protocol", sections "The
 * Real-Mode Kernel Header" and "64-bit Boot Protocol".
 */
#include <string.h>
#include <sys/random.h>
#include <asm/bootparam.h>

#include "layout.h"
#include "vmm.h"

#define HEADER_OFFSET	0x1f1		/* where struct setup_header lies */
#define HEADER_MAGIC	0x53726448	/* "HdrS" */
#define BOOT_FLAG	0xaa55
#define MIN_VERSION	0x020c		/* first with xloadflags: Linux 3.8 */
#define RSDP_VERSION	0x020e		/* first with acpi_rsdp_addr */
#define SECTOR		512
#define ENTRY_64	0x200
#define LOADER_UNDEFINED 0xff
#define INIT_SIZE_MAX	GIB		/* no kernel comes near; a sane bound */

#define SEED_BYTES	32

const char *bzimage_parse(const u8 *file, u64 len, struct bzimage *b)
{
	struct setup_header h;

	if (len < HEADER_OFFSET + sizeof(h))
		return "not a Linux kernel";
	memcpy(&h, file + HEADER_OFFSET, sizeof(h));
	if (h.boot_flag != BOOT_FLAG || h.header != HEADER_MAGIC)
		return "not a Linux kernel";
	if (h.version < MIN_VERSION || !(h.xloadflags & XLF_KERNEL_64))
		return "has no 64-bit entry point";
	/* Zero means four: from the days before the field. */
	b->setup_len = ((h.setup_sects ? h.setup_sects : 4) + 1) * SECTOR;
	if (len < b->setup_len + ENTRY_64 + 1)
		return "the file is cut short";
	b->load = h.pref_address;
	b->align = h.relocatable_kernel ? h.kernel_alignment : 0;
	b->init_size = h.init_size;
	b->initrd_max = h.initrd_addr_max;
	b->cmdline_max = h.cmdline_size;
	if (h.relocatable_kernel &&
	    (!b->align || (b->align & (b->align - 1)) || b->align > GIB))
		return "its header is damaged (alignment)";
	if (b->init_size > INIT_SIZE_MAX ||
	    b->init_size < len - b->setup_len)
		return "its header is damaged (init_size)";
	if (b->load < HIGH_RAM_ADDR || b->load > HOLE_START)
		return "its header is damaged (load address)";
	return NULL;
}

/* One to one for the first 4 GiB, in 2 MiB pages, at PAGE_TABLE_ADDR. */
static void map_4g(struct vm *vm)
{
	enum { PRESENT_WRITE = 3, LARGE = 0x80, TABLES = 6 };
	u64 (*table)[512] = mem_at(&vm->mem, PAGE_TABLE_ADDR, TABLES * 4 * KIB);
	unsigned int i;

	memset(table, 0, TABLES * 4 * KIB);
	table[0][0] = (PAGE_TABLE_ADDR + 4 * KIB) | PRESENT_WRITE;
	for (i = 0; i < 4; i++)
		table[1][i] = (PAGE_TABLE_ADDR + (2 + i) * 4 * KIB) |
			      PRESENT_WRITE;
	for (i = 0; i < 4 * 512; i++)
		table[2 + i / 512][i % 512] = i * 2 * MIB | PRESENT_WRITE | LARGE;
}

/*
 * A seed for the guest's random numbers, so that it need not wait for entropy.
 * Returns its address, for the head of the setup_data list.
 */
static u64 rng_seed(struct vm *vm)
{
	struct setup_data *d = mem_at(&vm->mem, RNG_SEED_ADDR,
				      sizeof(*d) + SEED_BYTES);

	d->next = 0;
	d->type = SETUP_RNG_SEED;
	d->len = SEED_BYTES;
	if (getrandom(d->data, SEED_BYTES, 0) != SEED_BYTES)
		return 0;
	return RNG_SEED_ADDR;
}

static void fill_zero_page(struct vm *vm, const struct boot_files *f,
			   const struct bzimage *b, u64 initrd)
{
	struct boot_params *bp = mem_at(&vm->mem, ZERO_PAGE_ADDR, sizeof(*bp));
	struct e820 map[E820_MAX];
	unsigned int i, hdr_end;

	memset(bp, 0, sizeof(*bp));
	/* The header's length is the jump offset at 0x201 plus 0x202. */
	hdr_end = 0x202 + f->kernel[0x201];
	if (hdr_end > HEADER_OFFSET + sizeof(bp->hdr))
		hdr_end = HEADER_OFFSET + sizeof(bp->hdr);
	memcpy(&bp->hdr, f->kernel + HEADER_OFFSET, hdr_end - HEADER_OFFSET);
	bp->hdr.type_of_loader = LOADER_UNDEFINED;
	bp->hdr.code32_start = b->load;
	bp->hdr.cmd_line_ptr = CMDLINE_ADDR;
	bp->hdr.ramdisk_image = initrd;
	bp->hdr.ramdisk_size = f->initrd_len;
	bp->hdr.setup_data = rng_seed(vm);
	if (bp->hdr.version >= RSDP_VERSION)
		bp->acpi_rsdp_addr = ACPI_ADDR;
	bp->e820_entries = boot_e820(&vm->mem, map);
	for (i = 0; i < bp->e820_entries; i++) {
		bp->e820_table[i].addr = map[i].addr;
		bp->e820_table[i].size = map[i].size;
		bp->e820_table[i].type = map[i].type;
	}
}

void bzimage_load(struct vm *vm, const struct boot_files *f,
		  struct boot_entry *entry)
{
	struct bzimage b;
	const char *why = bzimage_parse(f->kernel, f->kernel_len, &b);
	u64 len, initrd;
	void *dst;

	if (why)
		die("kernel: %s: %s (hv starts 64-bit bzImage and PVH ELF files)",
		    f->kernel_path, why);
	len = f->kernel_len - b.setup_len;
	initrd = boot_initrd(vm, f, b.load + b.init_size, b.initrd_max);
	dst = mem_at(&vm->mem, b.load, b.init_size);
	if (!dst)
		die("kernel: %s: does not fit its address %#llx (use more --memory)",
		    f->kernel_path, (unsigned long long)b.load);
	memcpy(dst, f->kernel + b.setup_len, len);
	boot_cmdline(vm, f, b.cmdline_max);
	fill_zero_page(vm, f, &b, initrd);
	map_4g(vm);
	entry->long_mode = true;
	entry->rip = b.load + ENTRY_64;
	entry->info = ZERO_PAGE_ADDR;
}
