// SPDX-License-Identifier: GPL-2.0-only
/* Loaders with good and hostile kernels, and the ACPI tables they leave. */
#include <elf.h>
#include <asm/bootparam.h>

#include "ktap.h"

#include "../../userspace/layout.h"
#include "vmm_board.h"

#define SETUP_SECTS	2
#define BODY		((SETUP_SECTS + 1) * 512)
#define FILE_LEN	(BODY + 8192)

static u8 file[FILE_LEN];

static struct setup_header *header(void)
{
	return (struct setup_header *)(file + 0x1f1);
}

/* The smallest kernel that hv accepts. */
static void good_bzimage(void)
{
	struct setup_header *h = header();

	memset(file, 0, sizeof(file));
	h->setup_sects = SETUP_SECTS;
	h->boot_flag = 0xaa55;
	h->jump = 0x6aeb;
	h->header = 0x53726448;
	h->version = 0x020f;
	h->xloadflags = XLF_KERNEL_64;
	h->relocatable_kernel = 1;
	h->kernel_alignment = 0x200000;
	h->pref_address = 0x1000000;
	h->init_size = 0x100000;
	h->initrd_addr_max = 0x7fffffff;
	h->cmdline_size = 2047;
	memset(file + BODY, 0x90, sizeof(file) - BODY);
}

static const char *parse(u64 len)
{
	struct bzimage b;
	u8 *copy = malloc(len ? len : 1);	/* exact, for the sanitizer */
	const char *why;

	memcpy(copy, file, len);
	why = bzimage_parse(copy, len, &b);
	free(copy);
	return why;
}

TEST(bzimage_good)
{
	struct bzimage b;

	good_bzimage();
	CHECK(!bzimage_parse(file, sizeof(file), &b));
	CHECK_EQ(b.setup_len, BODY);
	CHECK_EQ(b.load, 0x1000000);
	CHECK_EQ(b.init_size, 0x100000);
	CHECK_EQ(b.cmdline_max, 2047);
}

#define REFUSED(change)				\
	do {					\
		good_bzimage();			\
		change;				\
		CHECK(parse(sizeof(file)));	\
	} while (0)

TEST(bzimage_hostile)
{
	u64 len;

	REFUSED(header()->boot_flag = 0);
	REFUSED(header()->header++);
	REFUSED(header()->version = 0x020b);
	REFUSED(header()->xloadflags = 0);
	REFUSED(header()->setup_sects = 255);
	REFUSED(header()->init_size = 100);
	REFUSED(header()->init_size = 0xffffffff);
	REFUSED(header()->kernel_alignment = 0);
	REFUSED(header()->kernel_alignment = 3);
	REFUSED(header()->pref_address = 0);
	REFUSED(header()->pref_address = 0x8000);
	REFUSED(header()->pref_address = ~0ULL);
	REFUSED(header()->pref_address = HOLE_START + 1);
	good_bzimage();
	for (len = 0; len < BODY + 0x200; len++)
		CHECK(parse(len));
	CHECK(!parse(sizeof(file)));
}

static struct elf {
	Elf64_Ehdr e;
	Elf64_Phdr p[2];
	struct {
		Elf64_Nhdr n;
		char name[4];
		u32 entry;
	} note;
	u8 text[256];
} elf;

static void good_elf(void)
{
	memset(&elf, 0, sizeof(elf));
	memcpy(elf.e.e_ident, ELFMAG, SELFMAG);
	elf.e.e_ident[EI_CLASS] = ELFCLASS64;
	elf.e.e_ident[EI_DATA] = ELFDATA2LSB;
	elf.e.e_machine = EM_X86_64;
	elf.e.e_phoff = offsetof(struct elf, p);
	elf.e.e_phnum = 2;
	elf.e.e_phentsize = sizeof(Elf64_Phdr);
	elf.p[0] = (Elf64_Phdr) { .p_type = PT_LOAD, .p_paddr = 0x1000000,
		.p_offset = offsetof(struct elf, text),
		.p_filesz = sizeof(elf.text), .p_memsz = 0x3000 };
	elf.p[1] = (Elf64_Phdr) { .p_type = PT_NOTE,
		.p_offset = offsetof(struct elf, note),
		.p_filesz = sizeof(elf.note), .p_memsz = sizeof(elf.note) };
	elf.note.n = (Elf64_Nhdr){ 4, 4, 18 };
	memcpy(elf.note.name, "Xen", 4);
	elf.note.entry = 0x1000010;
	memset(elf.text, 0xf4, sizeof(elf.text));
}

static const char *parse_elf(u64 len)
{
	struct pvh_image img;
	u8 *copy = malloc(len ? len : 1);
	const char *why;

	memcpy(copy, &elf, len);
	why = pvh_parse(copy, len, &img);
	free(copy);
	return why;
}

#define ELF_REFUSED(change)			\
	do {					\
		good_elf();			\
		change;				\
		CHECK(parse_elf(sizeof(elf)));	\
	} while (0)

TEST(pvh_hostile)
{
	u64 len;

	good_elf();
	CHECK(!parse_elf(sizeof(elf)));
	ELF_REFUSED(elf.e.e_machine = EM_386);
	ELF_REFUSED(elf.e.e_ident[EI_CLASS] = ELFCLASS32);
	ELF_REFUSED(elf.e.e_phentsize = 1);
	ELF_REFUSED(elf.e.e_phoff = ~0ULL);
	ELF_REFUSED(elf.e.e_phnum = 0xffff);
	ELF_REFUSED(elf.p[0].p_offset = ~0ULL);
	ELF_REFUSED(elf.p[0].p_filesz = ~0ULL);
	ELF_REFUSED(elf.p[0].p_filesz = 0x3001);
	ELF_REFUSED(elf.p[0].p_memsz = 1);
	ELF_REFUSED(elf.p[0].p_memsz = ~0ULL);
	ELF_REFUSED(elf.p[0].p_paddr = 0);
	ELF_REFUSED(elf.p[0].p_paddr = ~0ULL);
	ELF_REFUSED(elf.p[0].p_paddr = HOLE_START - 0x1000);
	ELF_REFUSED(elf.p[0].p_type = PT_NULL);
	ELF_REFUSED(elf.p[1].p_type = PT_NULL);
	ELF_REFUSED(elf.p[1].p_filesz = 11);
	ELF_REFUSED(elf.note.n.n_namesz = 0xffffffff);
	ELF_REFUSED(elf.note.n.n_descsz = 0xffffffff);
	ELF_REFUSED(elf.note.n.n_type = 17);
	ELF_REFUSED(elf.note.name[0] = 'Y');
	ELF_REFUSED(elf.note.entry = 0x2000000);
	good_elf();
	for (len = 0; len < offsetof(struct elf, text) + sizeof(elf.text); len++)
		CHECK(parse_elf(len));
}

static struct boot_entry entry;

static const char *boot(u64 memory, const char *append, size_t initrd_len)
{
	struct run_options opt = { .append = append };
	static u8 initrd[1 << 20];
	const char *why;
	struct vm *vm = board_new(memory);

	memset(initrd, 0x77, sizeof(initrd));
	if (initrd_len)
		opt.initrd = strdup(board_file(initrd, initrd_len));
	opt.kernel = strdup(board_file(file, sizeof(file)));
	why = DIES(boot_load(vm, &opt, &entry));
	unlink(opt.kernel);
	if (opt.initrd)
		unlink(opt.initrd);
	if (!why) {
		struct boot_params *bp = mem_at(&vm->mem, ZERO_PAGE_ADDR, 4096);
		u8 *k = mem_at(&vm->mem, 0x1000000, FILE_LEN - BODY);

		CHECK_EQ(k[0], 0x90);
		CHECK_EQ(k[FILE_LEN - BODY - 1], 0x90);
		CHECK_EQ(bp->hdr.ramdisk_size, initrd_len);
		if (initrd_len) {
			k = mem_at(&vm->mem, bp->hdr.ramdisk_image, initrd_len);
			CHECK(k);
			CHECK_EQ(k[initrd_len - 1], 0x77);
		}
	}
	return why;
}

TEST(boots)
{
	good_bzimage();
	CHECK(!boot(128 * MIB, NULL, 0));
	CHECK_EQ(entry.rip, 0x1000200);
	CHECK_EQ(entry.info, ZERO_PAGE_ADDR);
	CHECK(entry.long_mode);
	CHECK(!boot(128 * MIB, "quiet", 12345));
	CHECK(!boot(5 * GIB, "quiet", 12345));
}

TEST(too_little_memory_says_how_much)
{
	unsigned int need;
	const char *why;

	good_bzimage();
	why = boot(MIB, NULL, 1 << 20);
	CHECK(why);
	why = strstr(why, "at least --memory ");
	CHECK(why);
	need = strtoul(why + strlen("at least --memory "), NULL, 10);
	CHECK(boot((need - 1) * MIB, NULL, 1 << 20));
	CHECK(!boot(need * MIB, NULL, 1 << 20));
	header()->initrd_addr_max = 0x1100000 + 100;	/* just above the kernel */
	CHECK(strstr(boot(256 * MIB, NULL, 1 << 20), "does not fit"));
}

TEST(command_line_limit)
{
	char line[4096];

	good_bzimage();
	memset(line, 'x', sizeof(line));
	line[2047 - strlen("console=ttyS0 panic=-1 ")] = 0;
	CHECK(!boot(128 * MIB, line, 0));
	line[2047 - strlen("console=ttyS0 panic=-1 ")] = 'x';
	line[sizeof(line) - 1] = 0;
	CHECK(strstr(boot(128 * MIB, line, 0), "too many"));
}

static u8 sum(const u8 *p, u32 len)
{
	u8 s = 0;

	while (len--)
		s += *p++;
	return s;
}

/* A table in the guest, its signature, length and checksum right. */
static const u8 *table(struct vm *vm, u64 gpa, const char *signature)
{
	const u8 *p = mem_at(&vm->mem, gpa, 36);
	u32 len;

	CHECK(p && gpa >= ACPI_ADDR);
	CHECK(!memcmp(p, signature, 4));
	memcpy(&len, p + 4, 4);
	CHECK(gpa + len <= ACPI_ADDR + ACPI_SIZE);
	if (memcmp(signature, "FACS", 4))
		CHECK_EQ(sum(p, len), 0);
	return p;
}

static u64 le64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, 8);
	return v;
}

static void check_acpi(unsigned int cpus)
{
	struct vm *vm = board_new(64 * MIB);
	const u8 *rsdp, *xsdt, *fadt, *madt, *e;
	unsigned int found = 0;
	u32 len;

	acpi_build(&vm->mem, cpus);
	rsdp = mem_at(&vm->mem, ACPI_ADDR, 36);
	CHECK(!memcmp(rsdp, "RSD PTR ", 8));
	CHECK_EQ(sum(rsdp, 20), 0);
	CHECK_EQ(sum(rsdp, 36), 0);
	xsdt = table(vm, le64(rsdp + 24), "XSDT");
	fadt = table(vm, le64(xsdt + 36), "FACP");
	madt = table(vm, le64(xsdt + 44), "APIC");
	table(vm, le64(fadt + 140), "DSDT");
	memcpy(&len, fadt + 36, 4);
	CHECK_EQ(len % 64, 0);
	table(vm, len, "FACS");
	memcpy(&len, madt + 4, 4);
	for (e = madt + 44; e < madt + len; e += e[1]) {
		CHECK(e[1] >= 6);
		found += e[0] == 0 || e[0] == 9;
	}
	CHECK(e == madt + len);
	CHECK_EQ(found, cpus);
}

TEST(acpi_tables)
{
	check_acpi(1);
	check_acpi(2);
	check_acpi(255);
	check_acpi(300);
}

TEST(acpi_limit)
{
	struct vm *vm = board_new(64 * MIB);

	CHECK(DIES(acpi_build(&vm->mem, 100000)));
}

TEST(dsdt_never_overflows)
{
	u8 buf[2048];
	size_t full = acpi_dsdt_body(buf, sizeof(buf)), cap;

	CHECK(full);
	for (cap = 0; cap < full; cap++) {
		u8 *small = malloc(cap ? cap : 1);

		CHECK_EQ(acpi_dsdt_body(small, cap), 0);
		free(small);
	}
}
