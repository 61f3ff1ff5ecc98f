// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_USER_MEMORY_REGION: every refusal, and that refusals change nothing. */
#include "vm.h"

#define PAGE 0x1000ul
#define BASE 0x100000ul

TEST(alignment)
{
	struct vm *vm = vm_bare();
	uint8_t *m = pages(4 * PAGE);

	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE + 1, PAGE, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE + 0x800, PAGE, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, PAGE + 1, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, 1, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, PAGE, m + 1), EINVAL);
	CHECK_OK(vm_slot(vm, 0, 0, BASE, PAGE, m));
}

TEST(ranges)
{
	struct vm *vm = vm_bare();
	uint8_t *m = pages(4 * PAGE);

	CHECK_ERRNO(vm_slot(vm, 0, 0, -PAGE, 2 * PAGE, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, -PAGE, PAGE, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, 1ul << 52, PAGE, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, 1ul << 62, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, 1ul << 43, (void *)PAGE), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, PAGE, (void *)(1ul << 62)), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, PAGE,
			    (void *)0xffffffff81000000), EINVAL);
}

TEST(slot_number)
{
	struct vm *vm = vm_bare();
	uint8_t *m = pages(PAGE);
	int max = dev_cap(vm->fd, KVM_CAP_NR_MEMSLOTS);

	CHECK_ERRNO(vm_slot(vm, 0xffff, 0, BASE, PAGE, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 7u << 16, 0, BASE, PAGE, m), EINVAL);
	CHECK_OK(vm_slot(vm, max - 1, 0, BASE, PAGE, m));
}

TEST(flags)
{
	struct vm *vm = vm_bare();
	uint8_t *m = pages(PAGE);

	CHECK_ERRNO(vm_slot(vm, 0, 1u << 31, BASE, PAGE, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 1u << 5, BASE, PAGE, m), EINVAL);
	CHECK_OK(vm_slot(vm, 0, KVM_MEM_READONLY, BASE, PAGE, m));
}

TEST(overlap)
{
	struct vm *vm = vm_bare();
	uint8_t *m = pages(16 * PAGE);

	CHECK_OK(vm_slot(vm, 0, 0, BASE, 4 * PAGE, m));
	CHECK_ERRNO(vm_slot(vm, 1, 0, BASE, PAGE, m), EEXIST);
	CHECK_ERRNO(vm_slot(vm, 1, 0, BASE + 3 * PAGE, 4 * PAGE, m), EEXIST);
	CHECK_ERRNO(vm_slot(vm, 1, 0, BASE - PAGE, 2 * PAGE, m), EEXIST);
	CHECK_ERRNO(vm_slot(vm, 1, 0, BASE - PAGE, 8 * PAGE, m), EEXIST);
	/* Neighbours do not overlap. */
	CHECK_OK(vm_slot(vm, 1, 0, BASE - PAGE, PAGE, m));
	CHECK_OK(vm_slot(vm, 2, 0, BASE + 4 * PAGE, PAGE, m));
	/* A deleted slot overlaps with nothing. */
	CHECK_OK(vm_slot(vm, 0, 0, BASE, 0, m));
	CHECK_OK(vm_slot(vm, 3, 0, BASE, 4 * PAGE, m));
}

TEST(delete)
{
	struct vm *vm = vm_bare();
	uint8_t *m = pages(PAGE);

	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, 0, m), EINVAL);
	CHECK_OK(vm_slot(vm, 0, 0, BASE, PAGE, m));
	CHECK_OK(vm_slot(vm, 0, 0, 0, 0, NULL));
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, 0, m), EINVAL);
	CHECK_OK(vm_slot(vm, 0, 0, BASE, PAGE, m));
}

TEST(change)
{
	struct vm *vm = vm_bare();
	uint8_t *m = pages(16 * PAGE);

	CHECK_OK(vm_slot(vm, 0, 0, BASE, 4 * PAGE, m));
	CHECK_OK(vm_slot(vm, 1, 0, 2 * BASE, 4 * PAGE, m + 8 * PAGE));
	CHECK_OK(vm_slot(vm, 0, 0, BASE, 4 * PAGE, m));
	/* Size, backing and read-only are fixed; the place is not. */
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, 8 * PAGE, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, 2 * PAGE, m), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, 0, BASE, 4 * PAGE, m + PAGE), EINVAL);
	CHECK_ERRNO(vm_slot(vm, 0, KVM_MEM_READONLY, BASE, 4 * PAGE, m), EINVAL);
	CHECK_OK(vm_slot(vm, 0, 0, 3 * BASE, 4 * PAGE, m));
	CHECK_ERRNO(vm_slot(vm, 0, 0, 2 * BASE, 4 * PAGE, m), EEXIST);
	/* Moved away: its old place is free, its new one is not. */
	CHECK_OK(vm_slot(vm, 2, 0, BASE, PAGE, m));
	CHECK_ERRNO(vm_slot(vm, 3, 0, 3 * BASE, PAGE, m), EEXIST);
	/* It may overlap its own old place. */
	CHECK_OK(vm_slot(vm, 0, 0, 3 * BASE + PAGE, 4 * PAGE, m));
}

/* Backing is looked up when it is used: no mapping is needed here. */
TEST(unmapped_backing_is_accepted)
{
	CHECK_OK(vm_slot(vm_bare(), 0, 0, BASE, PAGE, (void *)0x10000));
}

TEST(many_slots)
{
	struct vm *vm = vm_bare();
	uint8_t *m = pages(PAGE);
	int max = dev_cap(vm->fd, KVM_CAP_NR_MEMSLOTS);
	int n = max < 200 ? max : 200;

	for (int i = 0; i < n; i++)
		CHECK_OK(vm_slot(vm, i, 0, BASE + 2 * i * PAGE, PAGE, m));
	for (int i = n - 1; i >= 0; i -= 2)
		CHECK_OK(vm_slot(vm, i, 0, 0, 0, NULL));
	for (int i = 0; i < n; i++)
		if ((n - 1 - i) % 2)
			CHECK_ERRNO(vm_slot(vm, n + 1, 0, BASE + 2 * i * PAGE,
					    PAGE, m), EEXIST);
}
