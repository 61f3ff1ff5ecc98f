// SPDX-License-Identifier: GPL-2.0-only
/* Memory slots under a running guest: moved, deleted, aliased, read-only. */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define PAGE	4096ul
#define AREA	0x40000000ul
#define SIZE	(1ul << 20)

static void peek_guest(void)
{
	for (;;)
		guest_sync(*(volatile uint64_t *)AREA);
}

TEST(deleted_becomes_mmio)
{
	struct vcpu *vcpu = guest64(peek_guest);
	uint64_t *area = pages(SIZE);

	area[0] = 0x11;
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, area));
	CHECK_EQ(vcpu_until_sync(vcpu), 0x11);
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, 0, area));
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.phys_addr, AREA);
	memset(vcpu->run->mmio.data, 0x22, 8);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x2222222222222222);
	/* And memory again, although the guest met it as a device. */
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, area));
	CHECK_EQ(vcpu_until_sync(vcpu), 0x11);
}

TEST(moved)
{
	struct vcpu *vcpu = guest64(peek_guest);
	uint64_t *one = pages(SIZE), *two = pages(SIZE);

	one[0] = 1;
	two[0] = 2;
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, one));
	CHECK_OK(vm_slot(vcpu->vm, 2, 0, AREA + SIZE, SIZE, two));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA + 4 * SIZE, SIZE, one));
	CHECK_OK(vm_slot(vcpu->vm, 2, 0, AREA, SIZE, two));
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
}

static void alias_guest(void)
{
	volatile uint64_t *a = (void *)AREA, *b = (void *)(AREA + SIZE);

	a[1] = 0x33;
	GUEST_EQ(b[1], 0x33);
	b[1] = 0x44;
	GUEST_EQ(a[1], 0x44);
	guest_sync(1);
	GUEST_EQ(a[1], 0);
	GUEST_EQ(b[1], 0);
}

/* Two slots over one mapping; both lose it together. */
TEST(aliased)
{
	struct vcpu *vcpu = guest64(alias_guest);
	uint64_t *area = pages(SIZE);

	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, area));
	CHECK_OK(vm_slot(vcpu->vm, 2, 0, AREA + SIZE, SIZE, area));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(area[1], 0x44);
	CHECK_OK(madvise(area, SIZE, MADV_DONTNEED));
	vcpu_until_done(vcpu);
}

static void readonly_guest(void)
{
	volatile uint64_t *area = (void *)AREA;

	GUEST_EQ(area[0], 0x55);
	area[0] = 0x66;			/* an exit, and nothing else */
	GUEST_EQ(area[0], 0x55);
	guest_sync(1);
	GUEST_EQ(area[0], 0x77);	/* the VMM may write it */
}

TEST(read_only)
{
	struct vcpu *vcpu = guest64(readonly_guest);
	uint64_t *area = pages(SIZE), v;

	area[0] = 0x55;
	CHECK_OK(vm_slot(vcpu->vm, 1, KVM_MEM_READONLY, AREA, SIZE, area));
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.is_write, 1);
	CHECK_EQ(vcpu->run->mmio.phys_addr, AREA);
	CHECK_EQ(vcpu->run->mmio.len, 8);
	memcpy(&v, vcpu->run->mmio.data, 8);
	CHECK_EQ(v, 0x66);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(area[0], 0x55);
	area[0] = 0x77;
	vcpu_until_done(vcpu);
}

/* Backing that the VMM itself cannot write is fine for a read-only slot. */
TEST(read_only_of_a_read_only_mapping)
{
	struct vcpu *vcpu = guest64(peek_guest);
	uint64_t *area = pages(SIZE);

	area[0] = 0x88;
	CHECK_OK(mprotect(area, SIZE, PROT_READ));
	CHECK_OK(vm_slot(vcpu->vm, 1, KVM_MEM_READONLY, AREA, SIZE, area));
	CHECK_EQ(vcpu_until_sync(vcpu), 0x88);
}

static volatile bool stop;

static void spin_guest(void)
{
	volatile uint64_t *area = (void *)AREA;

	for (;;) {
		uint64_t v = area[0];

		GUEST_CHECK(v == 1 || v == 2 || v == 0xeeeeeeeeeeeeeeee);
	}
}

static void *spinner(void *arg)
{
	struct vcpu *vcpu = arg;

	while (!stop) {
		vcpu_run(vcpu);
		if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
			memset(vcpu->run->mmio.data, 0xee, 8);
		else if (!vcpu_is_done(vcpu))
			FAIL("unexpected call");
	}
	return NULL;
}

/* Deleting, adding and moving under a guest that reads all the time. */
TEST_LIMIT(changed_while_running, 60)
{
	struct vcpu *vcpu = guest64(spin_guest);
	uint64_t *one = pages(SIZE), *two = pages(SIZE);
	pthread_t t;

	one[0] = 1;
	two[0] = 2;
	CHECK(!pthread_create(&t, NULL, spinner, vcpu));
	for (int i = 0; i < 200; i++) {
		CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, i & 1 ? one : two));
		if (i % 20 == 0)
			nap_ms(1);
		CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA + SIZE, SIZE,
				 i & 1 ? one : two));
		CHECK_OK(vm_slot(vcpu->vm, 1, 0, 0, 0, NULL));
	}
	/* No slot now: the guest's next read exits and ends the thread. */
	stop = true;
	CHECK(!pthread_join(t, NULL));
}
