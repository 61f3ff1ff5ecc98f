// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_CLEAR_DIRTY_LOG: look first, clear later. */
#include "guest.h"
#include "vm.h"

#define PAGE	4096ul
#define AREA	0x40000000ul
#define NPAGES	600ul		/* more than a 2 MiB page, not a multiple */
#define WORDS	((NPAGES + 63) / 64)

static volatile uint64_t which;

static void guest(void)
{
	for (;;) {
		*(volatile uint64_t *)(AREA + which * PAGE + 8) = which;
		guest_sync(which);
	}
}

static uint64_t map[WORDS];

static unsigned int dirty_pages(struct vm *vm)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = map };
	unsigned int n = 0;

	CHECK_OK(IOCTL(vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (unsigned int i = 0; i < WORDS; i++)
		n += __builtin_popcountll(map[i]);
	return n;
}

static bool is_dirty(unsigned int page)
{
	return map[page / 64] >> page % 64 & 1;
}

static int clear(struct vm *vm, uint64_t first, uint32_t n, void *bits)
{
	struct kvm_clear_dirty_log log = {
		.slot = 1, .first_page = first, .num_pages = n, .dirty_bitmap = bits,
	};

	return IOCTL(vm->fd, KVM_CLEAR_DIRTY_LOG, &log);
}

static void write_page(struct vcpu *vcpu, uint64_t page)
{
	IN_GUEST(vcpu->vm, which) = page;
	CHECK_EQ(vcpu_until_sync(vcpu), page);
}

static int manual(struct vm *vm, uint64_t how)
{
	struct kvm_enable_cap c = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { how },
	};

	return IOCTL(vm->fd, KVM_ENABLE_CAP, &c);
}

static struct vcpu *with(uint64_t how, uint32_t flags)
{
	struct vcpu *vcpu;

	need_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, "MANUAL_DIRTY_LOG_PROTECT2");
	vcpu = guest64(guest);
	CHECK_OK(manual(vcpu->vm, how));
	CHECK_OK(vm_slot(vcpu->vm, 1, flags, AREA, NPAGES * PAGE, pages(NPAGES * PAGE)));
	return vcpu;
}

TEST(looking_clears_nothing)
{
	struct vcpu *vcpu = with(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, KVM_MEM_LOG_DIRTY_PAGES);
	uint64_t bits[WORDS] = {};

	CHECK_EQ(dirty_pages(vcpu->vm), 0);
	write_page(vcpu, 3);
	write_page(vcpu, 77);
	write_page(vcpu, NPAGES - 1);
	CHECK_EQ(dirty_pages(vcpu->vm), 3);
	CHECK_EQ(dirty_pages(vcpu->vm), 3);
	/* One of them, from the second word on; 77 again counts again. */
	bits[0] = 1ull << (77 - 64);
	CHECK_OK(clear(vcpu->vm, 64, 64, bits));
	CHECK_EQ(dirty_pages(vcpu->vm), 2);
	CHECK(is_dirty(3) && is_dirty(NPAGES - 1));
	write_page(vcpu, 77);
	CHECK_EQ(dirty_pages(vcpu->vm), 3);
	/* The whole slot, whose last word is not full; bits of clean pages do nothing. */
	memset(bits, 0xff, sizeof(bits));
	CHECK_OK(clear(vcpu->vm, 0, NPAGES, bits));
	CHECK_EQ(dirty_pages(vcpu->vm), 0);
	write_page(vcpu, 3);
	write_page(vcpu, NPAGES - 1);
	CHECK_EQ(dirty_pages(vcpu->vm), 2);
	/* Up to the end, not from the start. */
	CHECK_OK(clear(vcpu->vm, 576, NPAGES - 576, bits));
	CHECK_EQ(dirty_pages(vcpu->vm), 1);
	CHECK(is_dirty(3));
}

/* Every page begins as dirty, over memory that the guest has mapped, huge or not. */
TEST(initially_set)
{
	struct vcpu *vcpu = with(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
				 KVM_DIRTY_LOG_INITIALLY_SET, 0);
	struct kvm_userspace_memory_region r = {
		.slot = 1, .flags = KVM_MEM_LOG_DIRTY_PAGES, .guest_phys_addr = AREA,
		.memory_size = NPAGES * PAGE,
	};
	uint64_t bits[WORDS];
	uint8_t *area = pages(4ul << 20);

	area = (void *)(((uintptr_t)area + (2ul << 20) - 1) & -(2ul << 20));
	madvise(area, NPAGES * PAGE, MADV_HUGEPAGE);
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, 0, NULL));
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, NPAGES * PAGE, area));
	for (uint64_t i = 0; i < NPAGES; i += 50)
		write_page(vcpu, i);
	r.userspace_addr = (uintptr_t)area;
	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_SET_USER_MEMORY_REGION, &r));
	CHECK_EQ(dirty_pages(vcpu->vm), NPAGES);
	memcpy(bits, map, sizeof(bits));
	/* Part by part, as a migration does. */
	CHECK_OK(clear(vcpu->vm, 0, 256, bits));
	CHECK_EQ(dirty_pages(vcpu->vm), NPAGES - 256);
	write_page(vcpu, 100);
	CHECK_EQ(dirty_pages(vcpu->vm), NPAGES - 255);
	CHECK(is_dirty(100));
	CHECK_OK(clear(vcpu->vm, 256, NPAGES - 256, bits + 256 / 64));
	CHECK_EQ(dirty_pages(vcpu->vm), 1);
	write_page(vcpu, 550);
	write_page(vcpu, 256);
	CHECK_EQ(dirty_pages(vcpu->vm), 3);
	CHECK(is_dirty(550) && is_dirty(256));
}

/* Without the capability the call is there too, and looking clears. */
TEST(not_enabled)
{
	struct vcpu *vcpu = with(0, KVM_MEM_LOG_DIRTY_PAGES);
	uint64_t bits[WORDS];

	memset(bits, 0xff, sizeof(bits));
	write_page(vcpu, 3);
	CHECK_OK(clear(vcpu->vm, 0, NPAGES, bits));
	CHECK_EQ(dirty_pages(vcpu->vm), 0);
	write_page(vcpu, 3);
	CHECK_EQ(dirty_pages(vcpu->vm), 1);
	CHECK_EQ(dirty_pages(vcpu->vm), 0);
}

TEST(refusals)
{
	struct vm *vm = with(1, KVM_MEM_LOG_DIRTY_PAGES)->vm;
	uint64_t bits[WORDS] = {};
	struct kvm_clear_dirty_log log = { .slot = 9, .dirty_bitmap = bits };

	CHECK_ERRNO(manual(vm, KVM_DIRTY_LOG_INITIALLY_SET), EINVAL);
	CHECK_ERRNO(manual(vm, 4), EINVAL);
	CHECK_ERRNO(clear(vm, 1, 64, bits), EINVAL);		/* first page */
	CHECK_ERRNO(clear(vm, 0, 63, bits), EINVAL);		/* number */
	CHECK_ERRNO(clear(vm, 0, NPAGES + 1, bits), EINVAL);
	CHECK_ERRNO(clear(vm, 64, NPAGES, bits), EINVAL);
	CHECK_ERRNO(clear(vm, 1024, 0, bits), EINVAL);
	CHECK_ERRNO(clear(vm, 1ull << 63, 64, bits), EINVAL);
	CHECK_ERRNO(clear(vm, 0, NPAGES, BAD_PTR), EFAULT);
	CHECK_ERRNO(IOCTL(vm->fd, KVM_CLEAR_DIRTY_LOG, &log), ENOENT);
	log.slot = 0xffff;
	CHECK_ERRNO(IOCTL(vm->fd, KVM_CLEAR_DIRTY_LOG, &log), EINVAL);
}
