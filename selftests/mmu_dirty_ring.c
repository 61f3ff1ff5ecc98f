// SPDX-License-Identifier: GPL-2.0-only
/* The dirty ring: every page written, once until it is taken back, and a full ring stops the vCPU. */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define PAGE	4096ul
#define AREA	0x40000000ul
#define NPAGES	600ul
#define ENTRIES	(PAGE / sizeof(struct kvm_dirty_gfn))	/* of the smallest ring */
#define SLOT	1

static volatile uint64_t which;

static void guest(void)
{
	for (;;) {
		*(volatile uint64_t *)(AREA + which * PAGE + 8) = which + 1;
		guest_sync(0);
	}
}

static void guest_all(void)
{
	for (;;) {
		for (uint64_t i = 0; i < NPAGES; i++)
			*(volatile uint64_t *)(AREA + i * PAGE) += 1;
		guest_sync(0);
	}
}

static int enable(struct vm *vm, uint64_t size)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL, .args = { size } };

	return IOCTL(vm->fd, KVM_ENABLE_CAP, &c);
}

static int reset(struct vm *vm)
{
	return IOCTL_V(vm->fd, KVM_RESET_DIRTY_RINGS, 0);
}

static struct vm *ring_vm(void)
{
	struct vm *vm;

	need_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL, "DIRTY_LOG_RING_ACQ_REL");
	vm = vm_new();
	CHECK_OK(enable(vm, PAGE));
	CHECK_OK(vm_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, AREA, NPAGES * PAGE,
			 pages(NPAGES * PAGE)));
	return vm;
}

struct ring {
	struct kvm_dirty_gfn *gfns;
	unsigned int next;
	unsigned int seen[NPAGES];	/* how often each page was there */
};

static struct ring *map_ring(struct vcpu *vcpu)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	CHECK(ring);
	ring->gfns = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd,
			  KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	CHECK(ring->gfns != MAP_FAILED);
	return ring;
}

static struct vcpu *in_ring_vm(struct vm *vm, unsigned int id, void (*fn)(void))
{
	struct vcpu *vcpu = vcpu_new(vm, id);

	vcpu_set_cpuid(vcpu);
	vcpu_mode64(vcpu, fn);
	return vcpu;
}

/* Read what is there and mark it; the number of entries. */
static unsigned int harvest(struct ring *ring)
{
	unsigned int n = 0;

	for (;; ring->next++, n++) {
		struct kvm_dirty_gfn *g = &ring->gfns[ring->next % ENTRIES];

		if (__atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY)
			return n;
		CHECK_EQ(g->slot, SLOT);
		CHECK(g->offset < NPAGES);
		ring->seen[g->offset]++;
		__atomic_store_n(&g->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	}
}

static void write_page(struct vcpu *vcpu, uint64_t page)
{
	IN_GUEST(vcpu->vm, which) = page;
	vcpu_until_sync(vcpu);
}

TEST(refusals)
{
	struct kvm_dirty_log log = { .slot = SLOT };
	struct kvm_clear_dirty_log clear = { .slot = SLOT };
	struct vm *vm;
	int max;

	need_cap(KVM_CAP_DIRTY_LOG_RING, "DIRTY_LOG_RING");
	vm = vm_bare();
	max = dev_cap(vm->dev, KVM_CAP_DIRTY_LOG_RING);
	CHECK_EQ(max, dev_cap(vm->dev, KVM_CAP_DIRTY_LOG_RING_ACQ_REL));
	CHECK_EQ(max, 65536 * sizeof(struct kvm_dirty_gfn));
	CHECK_ERRNO(reset(vm), EINVAL);
	CHECK_ERRNO(enable(vm, 0), EINVAL);
	CHECK_ERRNO(enable(vm, PAGE / 2), EINVAL);
	CHECK_ERRNO(enable(vm, 3 * PAGE), EINVAL);
	CHECK_ERRNO(enable(vm, 2ul * max), E2BIG);
	CHECK_OK(enable(vm, max));
	CHECK_ERRNO(enable(vm, PAGE), EINVAL);
	CHECK_EQ(reset(vm), 0);
	/* The rings are instead of the bitmap. */
	CHECK_ERRNO(IOCTL(vm->fd, KVM_GET_DIRTY_LOG, &log), ENXIO);
	CHECK_ERRNO(IOCTL(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear), ENXIO);
	vm = vm_bare();
	vcpu_new(vm, 0);
	CHECK_ERRNO(enable(vm, PAGE), EINVAL);
}

TEST(mapping)
{
	struct vcpu *vcpu = in_ring_vm(ring_vm(), 0, guest);
	const off_t at = KVM_DIRTY_LOG_PAGE_OFFSET * PAGE;

	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, vcpu->fd, at) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, vcpu->fd, at) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(harvest(map_ring(vcpu)), 0);
}

TEST(once_until_taken_back)
{
	struct vcpu *vcpu = in_ring_vm(ring_vm(), 0, guest);
	struct ring *ring = map_ring(vcpu);

	write_page(vcpu, 5);
	write_page(vcpu, 77);
	write_page(vcpu, 5);
	write_page(vcpu, NPAGES - 1);
	CHECK_EQ(harvest(ring), 3);
	CHECK(ring->seen[5] == 1 && ring->seen[77] == 1 && ring->seen[NPAGES - 1] == 1);
	CHECK_EQ(reset(vcpu->vm), 3);
	CHECK_EQ(reset(vcpu->vm), 0);
	CHECK_EQ(harvest(ring), 0);
	write_page(vcpu, 77);
	CHECK_EQ(harvest(ring), 1);
	CHECK_EQ(ring->seen[77], 2);
	/* Read, but not taken back: still open to the guest. */
	write_page(vcpu, 77);
	CHECK_EQ(harvest(ring), 0);
	CHECK_EQ(reset(vcpu->vm), 1);
	write_page(vcpu, 77);
	CHECK_EQ(harvest(ring), 1);
}

/* What was there before logging began does not count; what is written after it does. */
TEST(switched_on_later)
{
	struct vm *vm = ring_vm();
	struct vcpu *vcpu = in_ring_vm(vm, 0, guest);
	struct ring *ring = map_ring(vcpu);
	uint8_t *area = pages(NPAGES * PAGE);

	CHECK_OK(vm_slot(vm, SLOT, 0, AREA, 0, NULL));
	CHECK_OK(vm_slot(vm, SLOT, 0, AREA, NPAGES * PAGE, area));
	for (uint64_t i = 0; i < NPAGES; i += 40)
		write_page(vcpu, i);
	CHECK_EQ(harvest(ring), 0);
	CHECK_OK(vm_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, AREA, NPAGES * PAGE, area));
	write_page(vcpu, 80);
	CHECK_EQ(harvest(ring), 1);
	CHECK_EQ(ring->seen[80], 1);
	/* Switched off with an entry not taken back: it goes all the same. */
	CHECK_OK(vm_slot(vm, SLOT, 0, AREA, NPAGES * PAGE, area));
	CHECK_EQ(reset(vm), 1);
	write_page(vcpu, 80);
	CHECK_EQ(harvest(ring), 0);
}

TEST(full_ring_stops_the_vcpu)
{
	struct vcpu *vcpu = in_ring_vm(ring_vm(), 0, guest_all);
	struct ring *ring = map_ring(vcpu);
	unsigned int n, fulls = 0;

	for (unsigned int round = 1; round < 3; round++) {
		while (vcpu_run(vcpu) == KVM_EXIT_DIRTY_RING_FULL) {
			fulls++;
			/* As long as nobody takes anything it stays there. */
			vcpu_expect(vcpu, KVM_EXIT_DIRTY_RING_FULL);
			n = harvest(ring);
			CHECK(n > 0 && n <= ENTRIES);
			CHECK_EQ(reset(vcpu->vm), n);
		}
		CHECK(!vcpu_is_done(vcpu));
		n = harvest(ring);
		CHECK_EQ(reset(vcpu->vm), n);
		for (unsigned int i = 0; i < NPAGES; i++)
			/* the write that a full ring held up is told again */
			CHECK(ring->seen[i] >= round && ring->seen[i] <= 2 * round);
	}
	CHECK(fulls >= 2 * (NPAGES / ENTRIES));
}

/* A page that hv writes, not the CPU: an instruction that it emulates. */
static void emulated(void)
{
	const void *from = (void *)MMIO_ADDR;
	void *to = (void *)(AREA + 9 * PAGE);

	asm volatile("movsl" : "+S" (from), "+D" (to) : : "memory");
	guest_sync(*(volatile uint32_t *)(AREA + 9 * PAGE));
}

TEST(emulated_write)
{
	struct vcpu *vcpu = in_ring_vm(ring_vm(), 0, emulated);
	struct ring *ring = map_ring(vcpu);

	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(harvest(ring), 0);
	memset(vcpu->run->mmio.data, 0x42, 8);
	CHECK_EQ(vcpu_until_sync(vcpu), 0x42424242);
	CHECK(harvest(ring));
	CHECK(ring->seen[9]);
}

TEST(each_vcpu_its_own)
{
	struct vm *vm = ring_vm();
	struct vcpu *one = in_ring_vm(vm, 0, guest), *two = in_ring_vm(vm, 1, guest);
	struct ring *first = map_ring(one), *second = map_ring(two);

	write_page(one, 3);
	write_page(two, 4);
	CHECK_EQ(harvest(first), 1);
	CHECK_EQ(first->seen[3], 1);
	CHECK_EQ(harvest(second), 1);
	CHECK_EQ(second->seen[4], 1);
	CHECK_EQ(reset(vm), 2);
}

/* ---- a VMM that lies ---------------------------------------------------------- */

static volatile bool stop;

static void *scribble(void *arg)
{
	struct ring *ring = arg;
	uint64_t x = 88172645463325252ull;

	while (!stop) {
		struct kvm_dirty_gfn *g;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		g = &ring->gfns[x % ENTRIES];
		*(volatile uint32_t *)&g->slot = x >> 8 & 1 ? SLOT : x >> 16;
		*(volatile uint64_t *)&g->offset = x >> 9 & 1 ? x >> 20 & 1023 : x * x;
		*(volatile uint32_t *)&g->flags = x >> 10 & 1 ? KVM_DIRTY_GFN_F_RESET : x >> 32;
	}
	return NULL;
}

TEST_LIMIT(hostile_ring, 60)
{
	struct vcpu *vcpu;
	struct ring *ring;
	pthread_t thread;
	unsigned int taken = 0;
	uint64_t start = now_ms();

	if (on_stock_kvm())
		SKIP("nothing bounds KVM_RESET_DIRTY_RINGS there");
	vcpu = in_ring_vm(ring_vm(), 0, guest_all);
	ring = map_ring(vcpu);
	CHECK_EQ(pthread_create(&thread, NULL, scribble, ring), 0);
	while (taken < 4 * ENTRIES && now_ms() - start < 20000) {
		unsigned int n;

		if (vcpu_run(vcpu) != KVM_EXIT_DIRTY_RING_FULL)
			CHECK(!vcpu_is_done(vcpu));
		n = CHECK_OK(reset(vcpu->vm));
		/* Never more than hv put there. */
		CHECK(n <= ENTRIES);
		taken += n;
	}
	stop = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(taken);
	/* Honest again, the guest goes on: one round of 600 pages at the most. */
	for (unsigned int i = 0; i <= NPAGES; i++) {
		for (unsigned int j = 0; j < ENTRIES; j++)
			ring->gfns[j].flags = KVM_DIRTY_GFN_F_RESET;
		CHECK_OK(reset(vcpu->vm));
		CHECK_EQ(reset(vcpu->vm), 0);
		if (vcpu_run(vcpu) != KVM_EXIT_DIRTY_RING_FULL)
			return;
	}
	FAIL("the guest makes no way");
}
