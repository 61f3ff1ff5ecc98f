// SPDX-License-Identifier: GPL-2.0-only
/*
 * From files to a guest ready to start: what both boot protocols share.
 *
 * The kernel file is read whole and is hostile; its parsers (bzimage_parse,
 * pvh_parse) look at nothing but that buffer.  The initrd goes straight from
 * the file into guest memory.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"
#include "vmm.h"

/*
 * A Linux kernel needs memory beyond its image: page structures, the unpacked
 * initrd, the first processes.  Below this much it dies without a word that
 * helps, so hv asks for it up front.
 */
#define KERNEL_WORKING_SET	(32 * MIB)

/* Given before what --append says; the last of a kind wins in Linux. */
#define CMDLINE_DEFAULT		"console=ttyS0 panic=-1"

static int open_file(const char *what, const char *path, u64 *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		die("%s: %s: %s (check the path and its permissions)",
		    what, path, strerror(errno));
	if (fstat(fd, &st))
		die("%s: %s: %s", what, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die("%s: %s: not a regular file (name a file)", what, path);
	if (!st.st_size)
		die("%s: %s: the file is empty", what, path);
	*len = st.st_size;
	return fd;
}

static void read_all(const char *what, const char *path, int fd, void *buf,
		     u64 len)
{
	u64 done = 0;

	while (done < len) {
		ssize_t n = read(fd, (u8 *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("%s: %s: %s", what, path,
			    n ? strerror(errno) : "the file shrank while it was read");
		done += n;
	}
	close(fd);
}

unsigned int boot_e820(const struct memory *mem, struct e820 *map)
{
	const struct ram *low = &mem->ram[0];
	unsigned int n = 0, i;

	map[n++] = (struct e820){ 0, EBDA_START, E820_RAM };
	map[n++] = (struct e820){ EBDA_START, 0xa0000 - EBDA_START,
				  E820_RESERVED };
	map[n++] = (struct e820){ ACPI_ADDR, ACPI_SIZE, E820_ACPI };
	map[n++] = (struct e820){ BIOS_START, HIGH_RAM_ADDR - BIOS_START,
				  E820_RESERVED };
	map[n++] = (struct e820){ HIGH_RAM_ADDR, low->len - HIGH_RAM_ADDR,
				  E820_RAM };
	for (i = 1; i < mem->nr; i++)
		map[n++] = (struct e820){ mem->ram[i].gpa, mem->ram[i].len,
					  E820_RAM };
	return n;
}

u64 boot_initrd(struct vm *vm, const struct boot_files *f, u64 kernel_end,
		u64 max)
{
	u64 need = kernel_end + KERNEL_WORKING_SET, top = vm->mem.ram[0].len;
	u64 addr = 0;

	/* Once in the file's form, once unpacked at about twice its size. */
	need += 3 * ALIGN_UP(f->initrd_len, 4 * KIB);
	if (top < need)
		die("memory: %llu MiB is too little (this kernel%s needs at least --memory %llu)",
		    (unsigned long long)(vm->mem.size / MIB),
		    f->initrd_path ? " with its initrd" : "",
		    (unsigned long long)(ALIGN_UP(need, MIB) / MIB));
	if (!f->initrd_path)
		return 0;
	if (top > max + 1)
		top = max + 1;
	if (top >= f->initrd_len)
		addr = (top - f->initrd_len) & ~(4 * KIB - 1);
	if (addr < kernel_end)
		die("initrd: %s: does not fit below %#llx, this kernel's limit (use a smaller initrd)",
		    f->initrd_path, (unsigned long long)max);
	read_all("initrd", f->initrd_path, f->initrd_fd,
		 mem_at(&vm->mem, addr, f->initrd_len), f->initrd_len);
	return addr;
}

void boot_cmdline(struct vm *vm, const struct boot_files *f, u32 max)
{
	size_t len = strlen(f->cmdline);

	if (max > CMDLINE_MAX)
		max = CMDLINE_MAX;
	if (len > max)
		die("--append: %zu characters with hv's own are too many (this kernel takes %u)",
		    len, max);
	memcpy(mem_at(&vm->mem, CMDLINE_ADDR, len + 1), f->cmdline, len + 1);
}

static char *make_cmdline(const char *append)
{
	char *s;

	if (asprintf(&s, "%s%s%s", CMDLINE_DEFAULT, append ? " " : "",
		     append ? append : "") < 0)
		die("out of memory");
	return s;
}

void boot_load(struct vm *vm, const struct run_options *opt,
	       struct boot_entry *entry)
{
	struct boot_files f = {
		.kernel_path = opt->kernel,
		.initrd_path = opt->initrd,
		.initrd_fd = -1,
	};
	char *cmdline = make_cmdline(opt->append);
	u8 *kernel;
	int fd;

	fd = open_file("kernel", opt->kernel, &f.kernel_len);
	kernel = malloc(f.kernel_len);
	if (!kernel)
		die("kernel: %s: too large", opt->kernel);
	read_all("kernel", opt->kernel, fd, kernel, f.kernel_len);
	f.kernel = kernel;
	f.cmdline = cmdline;
	if (opt->initrd)
		f.initrd_fd = open_file("initrd", opt->initrd, &f.initrd_len);

	if (f.kernel_len > SELFMAG && !memcmp(kernel, ELFMAG, SELFMAG))
		pvh_load(vm, &f, entry);
	else
		bzimage_load(vm, &f, entry);
	acpi_build(&vm->mem, vm->nr_vcpus);
	free(kernel);
	free(cmdline);
}
