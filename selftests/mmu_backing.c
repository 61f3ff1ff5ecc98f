// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory is the VMM's mapping: what mm calls do to it, the guest sees. */
#include <sys/wait.h>

#include "guest.h"
#include "vm.h"

#define PAGE	4096ul
#define AREA	0x40000000ul	/* a second slot, 1 GiB up */
#define SIZE	(4ul << 20)

static void touch_guest(void)
{
	volatile uint64_t *area = (void *)AREA;

	/* Every page once: read as zero, then marked. */
	for (uint64_t i = 0; i < SIZE / PAGE; i++) {
		GUEST_EQ(area[i * PAGE / 8], 0);
		area[i * PAGE / 8] = i + 1;
	}
	guest_sync(1);
	guest_sync(area[5 * PAGE / 8]);
	area[5 * PAGE / 8] = 0x99;
	guest_sync(area[6 * PAGE / 8]);
}

static struct vcpu *with_area(void (*fn)(void), uint8_t *area, unsigned int flags)
{
	struct vcpu *vcpu = guest64(fn);

	CHECK_OK(vm_slot(vcpu->vm, 1, flags, AREA, SIZE, area));
	return vcpu;
}

TEST(filled_on_demand)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = with_area(touch_guest, area, 0);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	for (uint64_t i = 0; i < SIZE / PAGE; i++)
		CHECK_EQ(*(uint64_t *)(area + i * PAGE), i + 1);
	/* Both see each other's writes. */
	*(uint64_t *)(area + 5 * PAGE) = 0x77;
	CHECK_EQ(vcpu_until_sync(vcpu), 0x77);
	CHECK_EQ(vcpu_until_sync(vcpu), 7);
	CHECK_EQ(*(uint64_t *)(area + 5 * PAGE), 0x99);
}

TEST(madvise_dontneed_gives_zeros)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = with_area(touch_guest, area, 0);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(madvise(area, SIZE, MADV_DONTNEED));
	CHECK_EQ(vcpu_until_sync(vcpu), 0);
	CHECK_EQ(vcpu_until_sync(vcpu), 0);
	CHECK_EQ(*(uint64_t *)(area + 5 * PAGE), 0x99);
}

/* A new mapping at the same address replaces the memory. */
TEST(remapped)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = with_area(touch_guest, area, 0);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK(mmap(area, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area);
	*(uint64_t *)(area + 5 * PAGE) = 0x1234;
	CHECK_EQ(vcpu_until_sync(vcpu), 0x1234);
}

TEST(unmapped_gives_efault)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = with_area(touch_guest, area, 0);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(munmap(area, SIZE));
	CHECK_ERRNO(vcpu_run_raw(vcpu), EFAULT);
	/* Mapped again, the guest goes on where it was. */
	CHECK(mmap(area, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area);
	CHECK_EQ(vcpu_until_sync(vcpu), 0);
}

/* Read-only for the VMM is read-only for the guest. */
TEST(mprotect)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = with_area(touch_guest, area, 0);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(mprotect(area, SIZE, PROT_READ));
	CHECK_EQ(vcpu_until_sync(vcpu), 6);
	CHECK_ERRNO(vcpu_run_raw(vcpu), EFAULT);
	CHECK_EQ(*(uint64_t *)(area + 5 * PAGE), 6);
	CHECK_OK(mprotect(area, SIZE, PROT_READ | PROT_WRITE));
	CHECK_EQ(vcpu_until_sync(vcpu), 7);
	CHECK_EQ(*(uint64_t *)(area + 5 * PAGE), 0x99);
}

/* After fork the guest's writes go to the owner, not to the child. */
TEST(fork_copies_on_write)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = with_area(touch_guest, area, 0);
	int go[2], status;
	char byte = 0;
	pid_t pid;

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(pipe(go));
	pid = CHECK_OK(fork());
	if (!pid) {
		CHECK_OK(read(go[0], &byte, 1));
		CHECK_EQ(*(uint64_t *)(area + 5 * PAGE), 6);
		_exit(0);
	}
	CHECK_EQ(vcpu_until_sync(vcpu), 6);
	CHECK_EQ(vcpu_until_sync(vcpu), 7);	/* has written 0x99 */
	CHECK_EQ(*(uint64_t *)(area + 5 * PAGE), 0x99);
	CHECK_OK(write(go[1], &byte, 1));
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
}

/* The same after the parent's child wrote first: guest keeps the owner's. */
TEST(fork_child_writes)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = with_area(touch_guest, area, 0);
	int status;
	pid_t pid;

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	pid = CHECK_OK(fork());
	if (!pid) {
		*(uint64_t *)(area + 5 * PAGE) = 0xbad;
		*(uint64_t *)(area + 6 * PAGE) = 0xbad;
		_exit(0);
	}
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 6);
	CHECK_EQ(vcpu_until_sync(vcpu), 7);
}

static void zero_read_guest(void)
{
	volatile uint64_t *area = (void *)AREA;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < SIZE / PAGE; i++)
		sum += area[i * PAGE / 8];
	guest_sync(sum);
	area[0] = 5;
	guest_sync(area[PAGE / 8]);
}

/* Reading fresh memory maps the shared zero page; a write must not reach it. */
TEST(zero_page_is_not_written)
{
	uint8_t *area = pages(SIZE), *other = pages(PAGE);
	struct vcpu *vcpu = with_area(zero_read_guest, area, 0);

	CHECK_OK(madvise(area, SIZE, MADV_NOHUGEPAGE));
	CHECK_EQ(vcpu_until_sync(vcpu), 0);
	CHECK_EQ(vcpu_until_sync(vcpu), 0);
	CHECK_EQ(*(uint64_t *)area, 5);
	CHECK_EQ(*(volatile uint64_t *)other, 0);
}
