// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory in one 1 GiB page: mapped, executed from, logged in 4 KiB pages,
 * taken away. Needs a page of hugetlbfs that the host had to reserve at boot.
 */
#include <linux/mman.h>

#include "guest.h"
#include "vm.h"

#define PAGE	4096ul
#define GIANT	(1ul << 30)
#define AREA	GIANT			/* identity-mapped, aligned like its backing */
#define CODE	(AREA + 700 * PAGE)

static uint8_t *giant(void)
{
	void *p = mmap(NULL, GIANT, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);

	if (p == MAP_FAILED)
		SKIP("no free 1 GiB page (%s): boot the host with hugepagesz=1G hugepages=1",
		     strerror(errno));
	return p;
}

/* Called in the page: RDI plus what lies at its end. */
static const uint8_t code[] = {
	0x48, 0x8b, 0x04, 0x25, 0xf8, 0xff, 0xff, 0x7f,	/* mov AREA + GIANT - 8, %rax */
	0x48, 0x01, 0xf8,				/* add %rdi, %rax */
	0xc3,
};

static void guest(void)
{
	uint64_t (*fn)(uint64_t) = (void *)CODE;

	for (uint64_t n = 1;; n++) {
		guest_sync(fn(n));
		/* in the first, the last, and one page between */
		*(volatile uint64_t *)AREA = n;
		*(volatile uint64_t *)(AREA + GIANT / 2 + 8) = n;
		*(volatile uint64_t *)(AREA + GIANT - 16) = n;
		guest_sync(0);
	}
}

static struct vcpu *guest_in_giant(uint8_t **area)
{
	struct vcpu *vcpu;

	*area = giant();
	vcpu = guest64(guest);
	memcpy(*area + (CODE - AREA), code, sizeof(code));
	*(uint64_t *)(*area + GIANT - 8) = 1000;
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, GIANT, *area));
	return vcpu;
}

static void round_trip(struct vcpu *vcpu, uint8_t *area, uint64_t n)
{
	CHECK_EQ(vcpu_until_sync(vcpu), 1000 + n);
	CHECK_EQ(vcpu_until_sync(vcpu), 0);
	CHECK_EQ(*(uint64_t *)area, n);
	CHECK_EQ(*(uint64_t *)(area + GIANT / 2 + 8), n);
	CHECK_EQ(*(uint64_t *)(area + GIANT - 16), n);
}

TEST_LIMIT(mapped_and_run, 60)
{
	uint8_t *area;
	struct vcpu *vcpu = guest_in_giant(&area);

	round_trip(vcpu, area, 1);
	round_trip(vcpu, area, 2);
	/* What the VMM writes is there for the guest at once. */
	*(uint64_t *)(area + GIANT - 8) = 1500;
	CHECK_EQ(vcpu_until_sync(vcpu), 1503);
}

/* Logging counts small pages and must see each, though all was mapped in one. */
TEST_LIMIT(logged_in_small_pages, 60)
{
	static uint64_t map[GIANT / PAGE / 64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = map };
	uint8_t *area;
	struct vcpu *vcpu = guest_in_giant(&area);
	unsigned int n = 0;

	round_trip(vcpu, area, 1);
	CHECK_OK(vm_slot(vcpu->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, AREA, GIANT, area));
	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log));
	round_trip(vcpu, area, 2);
	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++)
		n += __builtin_popcountll(map[i]);
	CHECK_EQ(n, 3);
	CHECK(map[0] & 1);
	CHECK(map[GIANT / 2 / PAGE / 64] & 1);
	CHECK(map[ARRAY_SIZE(map) - 1] >> 63);
	/* And back: what was logged in small pages may be one again. */
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, GIANT, area));
	round_trip(vcpu, area, 3);
}

/* The VMM takes it away under the guest: it must find nothing of it. */
TEST_LIMIT(taken_away, 60)
{
	uint8_t *area;
	struct vcpu *vcpu = guest_in_giant(&area);

	round_trip(vcpu, area, 1);
	CHECK_OK(munmap(area, GIANT));
	CHECK_EQ(vcpu_run_raw(vcpu), -1);
	CHECK_EQ(errno, EFAULT);
}
