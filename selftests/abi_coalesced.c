// SPDX-License-Identifier: GPL-2.0-only
/* Coalesced MMIO: writes gather in a ring that the VMM reads when it likes. */
#include "guest.h"
#include "vm.h"

static int zone(struct vm *vm, unsigned long cmd, uint64_t addr, uint32_t size)
{
	struct kvm_coalesced_mmio_zone z = { .addr = addr, .size = size };

	return ioctl(vm->fd, cmd, &z);
}

static struct kvm_coalesced_mmio_ring *ring_of(struct vcpu *vcpu)
{
	int page = dev_cap(vcpu->vm->dev, KVM_CAP_COALESCED_MMIO);

	if (!page)
		SKIP("capability COALESCED_MMIO is 0");
	CHECK(vcpu->run_size >= (page + 1) * 4096ul);
	return (void *)((char *)vcpu->run + page * 4096);
}

static void guest(void)
{
	for (uint32_t i = 0; i < 5; i++)
		mmio_write(MMIO_ADDR + 4 * i, 0x100 + i);
	mmio_read(MMIO_ADDR);		/* reads exit */
	mmio_write(MMIO_ADDR + 0xffe, 0);	/* half of it leaves the zone */
	guest_sync(1);
	mmio_write(MMIO_ADDR, 7);	/* the zone is gone: exits */
}

TEST(writes_gather)
{
	struct vcpu *vcpu = guest64(guest);
	struct kvm_coalesced_mmio_ring *ring = ring_of(vcpu);

	CHECK_OK(zone(vcpu->vm, KVM_REGISTER_COALESCED_MMIO, MMIO_ADDR, 0x1000));
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.is_write, 0);
	CHECK_EQ(ring->first, 0);
	CHECK_EQ(ring->last, 5);
	for (uint32_t i = 0; i < 5; i++) {
		uint32_t v;

		memcpy(&v, ring->coalesced_mmio[i].data, 4);
		CHECK_EQ(v, 0x100 + i);
		CHECK_EQ(ring->coalesced_mmio[i].phys_addr, MMIO_ADDR + 4 * i);
		CHECK_EQ(ring->coalesced_mmio[i].len, 4);
	}
	ring->first = ring->last;
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.phys_addr, MMIO_ADDR + 0x1000);
	CHECK_EQ(vcpu->run->mmio.len, 2);
	CHECK_EQ(ring->last, 6);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(zone(vcpu->vm, KVM_UNREGISTER_COALESCED_MMIO, MMIO_ADDR, 0x1000));
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.data[0], 7);
	vcpu_until_done(vcpu);
}

static void flood_guest(void)
{
	for (uint32_t i = 0; i < 1000; i++)
		mmio_write(MMIO_ADDR, i);
}

/* A ring that nobody empties never overflows: the write exits instead. */
TEST(full_ring_exits)
{
	struct vcpu *vcpu = guest64(flood_guest);
	struct kvm_coalesced_mmio_ring *ring = ring_of(vcpu);
	uint32_t v, n;

	CHECK_OK(zone(vcpu->vm, KVM_REGISTER_COALESCED_MMIO, MMIO_ADDR, 0x1000));
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	memcpy(&v, vcpu->run->mmio.data, 4);
	n = ring->last;
	CHECK(n > 50 && n < 4096 / sizeof(struct kvm_coalesced_mmio));
	CHECK_EQ(v, n);
}

/* The ring is the VMM's to spoil: what it writes there is never trusted. */
TEST(spoiled_ring)
{
	struct vcpu *vcpu = guest64(flood_guest);
	struct kvm_coalesced_mmio_ring *ring = ring_of(vcpu);

	CHECK_OK(zone(vcpu->vm, KVM_REGISTER_COALESCED_MMIO, MMIO_ADDR, 0x1000));
	ring->first = 0xffffffff;
	ring->last = 0xfffffff0;
	/* Any outcome but a crash of the host; the flood ends some time. */
	for (int i = 0; i < 1001 && vcpu_run(vcpu) == KVM_EXIT_MMIO; i++)
		ring->last = 0x7fffffff;
	CHECK(vcpu_is_done(vcpu));
}

TEST(refusals)
{
	struct vcpu *vcpu = guest64(guest);
	struct kvm_coalesced_mmio_zone z = { .addr = 0x100, .size = 4, .pio = 2 };

	ring_of(vcpu);
	CHECK_ERRNO(IOCTL(vcpu->vm->fd, KVM_REGISTER_COALESCED_MMIO, &z), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->vm->fd, KVM_REGISTER_COALESCED_MMIO, BAD_PTR),
		    EFAULT);
	CHECK_ERRNO(ioctl(vcpu->vm->fd, KVM_UNREGISTER_COALESCED_MMIO, BAD_PTR),
		    EFAULT);
}

static void port_guest(void)
{
	outb(0x100, 7);
	outl(0x101, 0x12345678);
	outb(0x105, 1);		/* beyond the zone: exits */
	inb(0x100);		/* reads exit */
}

/* Ports have zones of their own: the same numbers are another place. */
TEST(ports_gather)
{
	struct vcpu *vcpu = guest64(port_guest);
	struct kvm_coalesced_mmio_ring *ring = ring_of(vcpu);
	struct kvm_coalesced_mmio_zone z = { .addr = 0x100, .size = 5, .pio = 1 };
	uint32_t v;

	need_cap(KVM_CAP_COALESCED_PIO, "COALESCED_PIO");
	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_REGISTER_COALESCED_MMIO, &z));
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.port, 0x105);
	CHECK_EQ(ring->last, 2);
	CHECK_EQ(ring->coalesced_mmio[0].pio, 1);
	CHECK_EQ(ring->coalesced_mmio[0].phys_addr, 0x100);
	CHECK_EQ(ring->coalesced_mmio[0].len, 1);
	CHECK_EQ(ring->coalesced_mmio[0].data[0], 7);
	CHECK_EQ(ring->coalesced_mmio[1].phys_addr, 0x101);
	CHECK_EQ(ring->coalesced_mmio[1].len, 4);
	memcpy(&v, ring->coalesced_mmio[1].data, 4);
	CHECK_EQ(v, 0x12345678);
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.direction, KVM_EXIT_IO_IN);
	vcpu_until_done(vcpu);
}
