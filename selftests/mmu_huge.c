// SPDX-License-Identifier: GPL-2.0-only
/* Huge pages behind guest memory: filled, split and dropped as the host does. */
#include "guest.h"
#include "vm.h"

#define PAGE	4096ul
#define HUGE	(2ul << 20)
#define AREA	0x40000000ul
#define SIZE	(4 * HUGE)

static void guest(void)
{
	volatile uint64_t *area = (void *)AREA;

	for (;;) {
		uint64_t sum = 0;

		for (uint64_t i = 0; i < SIZE / PAGE; i++)
			sum += area[i * PAGE / 8];
		guest_sync(sum);
		for (uint64_t i = 0; i < SIZE / PAGE; i++)
			area[i * PAGE / 8] += 1;
		guest_sync(0);
	}
}

static uint8_t *huge_area(void)
{
	uint8_t *p = pages(SIZE + HUGE);

	p = (uint8_t *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	if (madvise(p, SIZE, MADV_HUGEPAGE))
		SKIP("no transparent huge pages: %s", strerror(errno));
	return p;
}

static void fill(uint8_t *area, uint64_t v)
{
	for (uint64_t i = 0; i < SIZE / PAGE; i++)
		*(uint64_t *)(area + i * PAGE) = v;
}

TEST(split_under_the_guest)
{
	uint8_t *area = huge_area();
	struct vcpu *vcpu = guest64(guest);

	fill(area, 3);
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, area));
	CHECK_EQ(vcpu_until_sync(vcpu), 3 * SIZE / PAGE);
	vcpu_until_sync(vcpu);
	/* One 4 KiB page out of the middle of a huge one. */
	CHECK_OK(madvise(area + HUGE + 5 * PAGE, PAGE, MADV_DONTNEED));
	CHECK_EQ(vcpu_until_sync(vcpu), 4 * (SIZE / PAGE - 1));
	vcpu_until_sync(vcpu);
	for (uint64_t i = 0; i < SIZE / PAGE; i++)
		CHECK_EQ(*(uint64_t *)(area + i * PAGE),
			 i == 512 + 5 ? 1 : 5);
	/* A whole one. */
	CHECK_OK(madvise(area, HUGE, MADV_DONTNEED));
	CHECK_EQ(vcpu_until_sync(vcpu), 5 * (SIZE / PAGE - 512) - 4);
}

/* A slot that is not aligned like its backing must not use 2 MiB pages. */
TEST(misaligned_slot)
{
	uint8_t *area = huge_area();
	struct vcpu *vcpu = guest64(guest);

	for (uint64_t i = 0; i < SIZE / PAGE; i++)
		*(uint64_t *)(area + i * PAGE) = i * i;
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE - 3 * PAGE, area + 3 * PAGE));
	CHECK_OK(vm_slot(vcpu->vm, 2, 0, AREA + SIZE - 3 * PAGE, 3 * PAGE, area));
	/* The same sum in another order, and each page exactly once. */
	CHECK_EQ(vcpu_until_sync(vcpu),
		 (SIZE / PAGE - 1) * (SIZE / PAGE) * (2 * SIZE / PAGE - 1) / 6);
	vcpu_until_sync(vcpu);
	for (uint64_t i = 0; i < SIZE / PAGE; i++)
		CHECK_EQ(*(uint64_t *)(area + i * PAGE), i * i + 1);
}

/* A slot whose end cuts a huge page: the guest must not see what follows. */
static void edge_guest(void)
{
	GUEST_EQ(*(volatile uint64_t *)(AREA + HUGE + PAGE - 8), 7);
	guest_sync(mmio_read(AREA + HUGE + PAGE));
}

TEST(slot_ends_inside)
{
	uint8_t *area = huge_area();
	struct vcpu *vcpu = guest64(edge_guest);

	memset(area, 7, SIZE);
	for (uint64_t i = 0; i < SIZE / 8; i++)
		((uint64_t *)area)[i] = 7;
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, HUGE + PAGE, area));
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.phys_addr, AREA + HUGE + PAGE);
	memset(vcpu->run->mmio.data, 0x11, 8);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x11111111);
}

/* Code in huge pages that were first used as data, and data beside the code. */
static void code_guest(void)
{
	volatile uint64_t *area = (void *)AREA;
	uint64_t v = 0;

	for (uint64_t i = 0; i < SIZE / PAGE; i++)
		v += area[i * PAGE / 8 + 64];
	GUEST_EQ(v, 0);
	for (int round = 0; round < 3; round++) {
		for (uint64_t i = 5; i < SIZE / PAGE; i += 100) {
			v = ((uint64_t (*)(uint64_t))(AREA + i * PAGE))(v);
			area[i * PAGE / 8 + 64] = v;
			area[(i + 1) * PAGE / 8 + 64] = v;
		}
	}
	guest_sync(v);
}

TEST(code_among_data)
{
	static const uint8_t code[] = { 0x48, 0x8d, 0x47, 0x01, 0xc3 };	/* lea 1(%rdi), %rax; ret */
	uint8_t *area = huge_area();
	struct vcpu *vcpu = guest64(code_guest);
	uint64_t n = 0, last = 0;

	memset(area, 0, SIZE);
	for (uint64_t i = 5; i < SIZE / PAGE; i += 100, n++) {
		memcpy(area + i * PAGE, code, sizeof(code));
		last = i;
	}
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, area));
	CHECK_EQ(vcpu_until_sync(vcpu), 3 * n);
	CHECK_EQ(((uint64_t *)(area + last * PAGE))[64], 3 * n);
}
