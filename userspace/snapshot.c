// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file of a snapshot: a header, the state's records, and guest memory.
 *
 * Memory lies at a multiple of 2 MiB, as it lies in the guest, pages of zeroes
 * left out as holes.  So a new VM maps it privately: nothing is read before the
 * guest touches it, and any number of VMs share what none of them has changed.
 * The header is written last and carries a checksum of itself and the state;
 * the caller makes the file durable and gives it its name only then.
 *
 * Numbers are the machine's own, which both vendors' CPUs agree on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "snapshot.h"
#include "vmm.h"

#define MAGIC		"hv-snap"
#define VERSION		2
#define ALIGNMENT	(2 * MIB)
#define PAGE		4096

struct header {
	char magic[8];
	u32 version;
	u32 cpus;
	u64 memory;		/* bytes of guest RAM */
	u64 offset;		/* of them in the file */
	u64 state_len;		/* the state follows the header */
	u32 state_crc;
	u32 crc;		/* of all before this field */
};

static int write_all(int fd, const void *buf, size_t len, u64 at)
{
	const u8 *p = buf;
	ssize_t n;

	while (len) {
		n = pwrite(fd, p, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		p += n;
		at += n;
		len -= n;
	}
	return 0;
}

static bool is_zero(const u8 *page)
{
	return !*(const u64 *)page && !memcmp(page, page + 8, PAGE - 8);
}

/* Write the pages of a range that are not zero, as few calls as there are runs. */
static int write_ram(int fd, const struct ram *r, u64 at)
{
	u64 start = 0, i;
	int err;

	for (i = 0; i <= r->len; i += PAGE) {
		if (i < r->len && !is_zero(r->hva + i))
			continue;
		if (i > start) {
			err = write_all(fd, r->hva + start, i - start, at + start);
			if (err)
				return err;
		}
		start = i + PAGE;
	}
	return 0;
}

int snapshot_write(struct vm *vm, int fd)
{
	struct header h = {
		.magic = MAGIC,
		.version = VERSION,
		.cpus = vm->nr_vcpus,
		.memory = vm->mem.size,
	};
	struct blob b = { .cap = STATE_MAX };
	unsigned int i;
	u64 at;
	int err;

	b.p = malloc(b.cap);
	if (!b.p)
		return -ENOMEM;
	err = state_save(vm, &b);
	if (err)
		goto out;
	h.state_len = b.len;
	h.state_crc = crc32(0, b.p, b.len);
	h.offset = ALIGN_UP(sizeof(h) + b.len, ALIGNMENT);
	h.crc = crc32(0, (void *)&h, offsetof(struct header, crc));
	/* The last page may be a hole: the length says that it is there. */
	if (ftruncate(fd, h.offset + h.memory))
		err = -errno;
	at = h.offset;
	for (i = 0; i < vm->mem.nr && !err; i++) {
		err = write_ram(fd, &vm->mem.ram[i], at);
		at += vm->mem.ram[i].len;
	}
	if (!err)
		err = write_all(fd, b.p, b.len, sizeof(h));
	if (!err)
		err = write_all(fd, &h, sizeof(h), 0);
out:
	free(b.p);
	return err;
}

static bool read_all(int fd, void *buf, size_t len, u64 at)
{
	u8 *p = buf;
	ssize_t n;

	while (len) {
		n = pread(fd, p, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		at += n;
		len -= n;
	}
	return true;
}

/* The gate: after it the header's numbers fit each other and the file. */
static const char *check_header(const struct header *h, u64 file_len)
{
	if (memcmp(h->magic, MAGIC, sizeof(h->magic)))
		return "not a snapshot";
	if (h->version != VERSION)
		return "made by another version of hv";
	if (h->crc != crc32(0, (const void *)h, offsetof(struct header, crc)))
		return "damaged (header)";
	if (!h->cpus || h->cpus > CPUS_MAX || !h->memory ||
	    h->memory % PAGE || h->memory > MEMORY_MAX ||
	    !h->state_len || h->state_len > STATE_MAX ||
	    h->offset % ALIGNMENT || h->offset < sizeof(*h) + h->state_len)
		return "damaged (sizes)";
	if (h->offset > file_len || h->memory > file_len - h->offset)
		return "cut short";
	return NULL;
}

void snapshot_open(struct snapshot *s, const char *path)
{
	const char *wrong;
	struct header h;
	struct stat st;

	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st))
		die("%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die("%s: not a regular file", path);
	if (!read_all(s->fd, &h, sizeof(h), 0))
		die("%s: not a snapshot", path);
	wrong = check_header(&h, st.st_size);
	if (wrong)
		die("%s: %s", path, wrong);
	s->state.len = s->state.cap = h.state_len;
	s->state.p = malloc(h.state_len);
	if (!s->state.p)
		die("%s: out of memory", path);
	if (!read_all(s->fd, s->state.p, h.state_len, sizeof(h)))
		die("%s: cut short", path);
	if (h.state_crc != crc32(0, s->state.p, h.state_len))
		die("%s: damaged (state)", path);
	wrong = state_check(&s->state);
	if (wrong)
		die("%s: %s", path, wrong);
	s->memory = h.memory;
	s->offset = h.offset;
	s->cpus = h.cpus;
	s->state.found = 0;
}
