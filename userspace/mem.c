// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest RAM: private memory of this process, in at most two ranges, of zeroes or
 * of a snapshot's pages.
 *
 * The host reserves nothing until the guest touches a page, and may use huge
 * pages: both ends of a range are aligned alike in guest and host addresses.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "layout.h"
#include "vmm.h"

#define HUGE_PAGE	(2 * MIB)

static u8 *mem_reserve(u64 len)
{
	u8 *p = mmap(NULL, len + HUGE_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("memory: %s: the host cannot give %llu MiB (try a smaller --memory)",
		    strerror(errno), (unsigned long long)(len / MIB));
	p = (u8 *)ALIGN_UP((uintptr_t)p, HUGE_PAGE);
	/* A hint only: without huge pages the guest is slower, not different. */
	madvise(p, len, MADV_HUGEPAGE);
	/* A core dump of ours is about us, not about the guest's memory. */
	madvise(p, len, MADV_DONTDUMP);
	return p;
}

static void mem_add(struct memory *mem, u64 gpa, u64 len, int fd, u64 offset)
{
	struct ram *r = &mem->ram[mem->nr++];

	r->gpa = gpa;
	r->len = len;
	r->hva = mem_reserve(len);
	if (fd >= 0 && mmap(r->hva, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
			    offset + mem->size) == MAP_FAILED)
		die("memory: the snapshot cannot be mapped: %s", strerror(errno));
	mem->size += len;
}

void mem_init(struct memory *mem, u64 size, int fd, u64 offset)
{
	mem_add(mem, 0, size < HOLE_START ? size : HOLE_START, fd, offset);
	if (size > HOLE_START)
		mem_add(mem, HOLE_END, size - HOLE_START, fd, offset);
}

void *mem_at(const struct memory *mem, u64 gpa, u64 len)
{
	unsigned int i;

	for (i = 0; i < mem->nr; i++) {
		const struct ram *r = &mem->ram[i];

		if (gpa >= r->gpa && gpa - r->gpa <= r->len &&
		    len <= r->len - (gpa - r->gpa))
			return r->hva + (gpa - r->gpa);
	}
	return NULL;
}
