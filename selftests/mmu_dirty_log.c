// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_DIRTY_LOG: every page written since the last call, and no other. */
#include "guest.h"
#include "vm.h"

#define PAGE	4096ul
#define AREA	0x40000000ul
#define NPAGES	600ul		/* more than a 2 MiB page, not a multiple */

static volatile uint64_t which;

static void guest(void)
{
	for (;;) {
		*(volatile uint64_t *)(AREA + which * PAGE + 8) = which;
		guest_sync(*(volatile uint64_t *)(AREA + 3 * PAGE));
	}
}

static uint64_t map[(NPAGES + 63) / 64];

static unsigned int dirty_pages(struct vm *vm)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = map };
	unsigned int n = 0;

	CHECK_OK(IOCTL(vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++)
		n += __builtin_popcountll(map[i]);
	return n;
}

static bool is_dirty(unsigned int page)
{
	return map[page / 64] >> page % 64 & 1;
}

static void write_page(struct vcpu *vcpu, uint64_t page)
{
	IN_GUEST(vcpu->vm, which) = page;
	vcpu_until_sync(vcpu);
}

TEST(exactly_what_was_written)
{
	struct vcpu *vcpu = guest64(guest);
	uint8_t *area = pages(NPAGES * PAGE);

	CHECK_OK(vm_slot(vcpu->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, AREA,
			 NPAGES * PAGE, area));
	CHECK_EQ(dirty_pages(vcpu->vm), 0);
	write_page(vcpu, 0);
	write_page(vcpu, 77);
	write_page(vcpu, NPAGES - 1);
	CHECK_EQ(dirty_pages(vcpu->vm), 3);
	CHECK(is_dirty(0) && is_dirty(77) && is_dirty(NPAGES - 1));
	CHECK_EQ(dirty_pages(vcpu->vm), 0);
	/* The same page again counts again. */
	write_page(vcpu, 77);
	CHECK_EQ(dirty_pages(vcpu->vm), 1);
	CHECK(is_dirty(77));
}

/* Switched on over memory that the guest has long mapped, huge or not. */
TEST(switched_on_later)
{
	struct vcpu *vcpu = guest64(guest);
	uint8_t *area = pages(NPAGES * PAGE);
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = map };

	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, NPAGES * PAGE, area));
	CHECK_ERRNO(IOCTL(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log), ENOENT);
	for (uint64_t i = 0; i < NPAGES; i += 50)
		write_page(vcpu, i);
	CHECK_OK(vm_slot(vcpu->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, AREA,
			 NPAGES * PAGE, area));
	dirty_pages(vcpu->vm);
	write_page(vcpu, 100);
	CHECK_EQ(dirty_pages(vcpu->vm), 1);
	CHECK(is_dirty(100));
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, NPAGES * PAGE, area));
	CHECK_ERRNO(IOCTL(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log), ENOENT);
}

TEST(refusals)
{
	struct vm *vm = vm_bare();
	struct kvm_dirty_log log = { .slot = 9, .dirty_bitmap = map };

	CHECK_ERRNO(IOCTL(vm->fd, KVM_GET_DIRTY_LOG, &log), ENOENT);
	log.slot = 0xffff;
	CHECK_ERRNO(IOCTL(vm->fd, KVM_GET_DIRTY_LOG, &log), EINVAL);
	CHECK_OK(vm_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, AREA, NPAGES * PAGE,
			 pages(NPAGES * PAGE)));
	log.slot = 1;
	log.dirty_bitmap = BAD_PTR;
	CHECK_ERRNO(IOCTL(vm->fd, KVM_GET_DIRTY_LOG, &log), EFAULT);
}
