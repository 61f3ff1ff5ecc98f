// SPDX-License-Identifier: GPL-2.0-only
/*
 * PVH: an uncompressed ELF kernel that names a 32-bit entry point in a note.
 *
 * No decompression and no real mode; the kernel gets one structure with its
 * command line, memory map, modules and the ACPI tables.
 * Sources: Xen documentation, "x86/HVM direct boot ABI"; xen/include/public,
 * the interfaces "elfnote" and "hvm/start_info".
 */
#include <elf.h>
#include <string.h>

#include "layout.h"
#include "vmm.h"

#define NOTE_PHYS32_ENTRY	18	/* XEN_ELFNOTE_PHYS32_ENTRY */
#define START_MAGIC		0x336ec578	/* "xEn3" with the 0x80 bit */
#define PVH_CMDLINE_MAX		2047	/* Linux's COMMAND_LINE_SIZE less one */

struct hvm_module {
	u64 addr, size, cmdline, reserved;
};

struct hvm_memmap {
	u64 addr, size;
	u32 type, reserved;
};

struct hvm_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline, rsdp, memmap;
	u32 memmap_entries, reserved;
};

/* All the start info in one piece, at PVH_INFO_ADDR. */
struct pvh_info {
	struct hvm_start_info start;
	struct hvm_module initrd;
	struct hvm_memmap map[E820_MAX];
};

static bool inside(u64 offset, u64 size, u64 len)
{
	return offset <= len && size <= len - offset;
}

/* Look through one note segment; true when it names the entry point. */
static bool find_entry(const u8 *note, u64 len, u64 *entry)
{
	Elf64_Nhdr n;
	u64 name, desc, next;

	while (len >= sizeof(n)) {
		memcpy(&n, note, sizeof(n));
		name = sizeof(n);
		desc = name + ALIGN_UP((u64)n.n_namesz, 4);
		next = desc + ALIGN_UP((u64)n.n_descsz, 4);
		if (!inside(desc, n.n_descsz, len))
			return false;
		if (n.n_type == NOTE_PHYS32_ENTRY && n.n_namesz == 4 &&
		    !memcmp(note + name, "Xen", 4) &&
		    (n.n_descsz == 4 || n.n_descsz == 8)) {
			*entry = 0;
			memcpy(entry, note + desc, n.n_descsz);
			return true;
		}
		if (next >= len)
			return false;
		note += next;
		len -= next;
	}
	return false;
}

static const char *add_segment(struct pvh_image *img, const Elf64_Phdr *p)
{
	if (!p->p_memsz)
		return NULL;
	if (img->nr == PVH_MAX_SEGMENTS)
		return "has too many segments";
	if (p->p_filesz > p->p_memsz || p->p_paddr < HIGH_RAM_ADDR ||
	    p->p_memsz > HOLE_START || p->p_paddr > HOLE_START - p->p_memsz)
		return "a segment lies where no memory is";
	img->seg[img->nr++] = (struct pvh_segment){
		.gpa = p->p_paddr,
		.offset = p->p_offset,
		.filesz = p->p_filesz,
		.memsz = p->p_memsz,
	};
	if (img->end < p->p_paddr + p->p_memsz)
		img->end = p->p_paddr + p->p_memsz;
	return NULL;
}

const char *pvh_parse(const u8 *file, u64 len, struct pvh_image *img)
{
	const char *why = NULL;
	bool found = false;
	Elf64_Ehdr e;
	Elf64_Phdr p;
	unsigned int i;

	memset(img, 0, sizeof(*img));
	if (len < sizeof(e))
		return "the file is cut short";
	memcpy(&e, file, sizeof(e));
	if (e.e_ident[EI_CLASS] != ELFCLASS64 ||
	    e.e_ident[EI_DATA] != ELFDATA2LSB || e.e_machine != EM_X86_64)
		return "not an x86-64 ELF file";
	if (e.e_phentsize != sizeof(p) ||
	    !inside(e.e_phoff, (u64)e.e_phnum * sizeof(p), len))
		return "its program headers are damaged";
	for (i = 0; i < e.e_phnum && !why; i++) {
		memcpy(&p, file + e.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type != PT_LOAD && p.p_type != PT_NOTE)
			continue;
		if (!inside(p.p_offset, p.p_filesz, len))
			return "a segment is cut short";
		if (p.p_type == PT_LOAD)
			why = add_segment(img, &p);
		else if (!found)
			found = find_entry(file + p.p_offset, p.p_filesz,
					   &img->entry);
	}
	if (why)
		return why;
	if (!found)
		return "has no PVH entry point";
	for (i = 0; i < img->nr; i++)
		if (img->entry - img->seg[i].gpa < img->seg[i].memsz)
			return NULL;
	return "its entry point lies outside the kernel";
}

static void fill_info(struct vm *vm, const struct boot_files *f, u64 initrd)
{
	struct pvh_info *info = mem_at(&vm->mem, PVH_INFO_ADDR, sizeof(*info));
	struct e820 map[E820_MAX];
	unsigned int i, n = boot_e820(&vm->mem, map);

	memset(info, 0, sizeof(*info));
	info->start.magic = START_MAGIC;
	info->start.version = 1;
	info->start.cmdline = CMDLINE_ADDR;
	info->start.rsdp = ACPI_ADDR;
	info->start.memmap = PVH_INFO_ADDR + offsetof(struct pvh_info, map);
	info->start.memmap_entries = n;
	for (i = 0; i < n; i++) {
		info->map[i].addr = map[i].addr;
		info->map[i].size = map[i].size;
		info->map[i].type = map[i].type;
	}
	if (!initrd)
		return;
	info->start.nr_modules = 1;
	info->start.modlist = PVH_INFO_ADDR + offsetof(struct pvh_info, initrd);
	info->initrd.addr = initrd;
	info->initrd.size = f->initrd_len;
}

void pvh_load(struct vm *vm, const struct boot_files *f,
	      struct boot_entry *entry)
{
	struct pvh_image img;
	const char *why = pvh_parse(f->kernel, f->kernel_len, &img);
	u64 initrd;
	unsigned int i;

	if (why)
		die("kernel: %s: %s (hv starts 64-bit bzImage and PVH ELF files)",
		    f->kernel_path, why);
	/* Dies unless memory reaches past the kernel's end. */
	initrd = boot_initrd(vm, f, img.end, HOLE_START - 1);
	for (i = 0; i < img.nr; i++) {
		const struct pvh_segment *s = &img.seg[i];
		u8 *dst = mem_at(&vm->mem, s->gpa, s->memsz);

		memcpy(dst, f->kernel + s->offset, s->filesz);
		memset(dst + s->filesz, 0, s->memsz - s->filesz);
	}
	boot_cmdline(vm, f, PVH_CMDLINE_MAX);
	fill_info(vm, f, initrd);
	entry->long_mode = false;
	entry->rip = img.entry;
	entry->info = PVH_INFO_ADDR;
}
