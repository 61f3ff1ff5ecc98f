// SPDX-License-Identifier: GPL-2.0-only
/* KVM_IOEVENTFD: refusals, and that a matching write signals and is consumed. */
#include <sys/eventfd.h>

#include "guest.h"
#include "vm.h"

static int evfd(struct vm *vm, uint64_t addr, uint32_t len, int fd,
		uint32_t flags, uint64_t data)
{
	struct kvm_ioeventfd e = {
		.addr = addr, .len = len, .fd = fd, .flags = flags,
		.datamatch = data,
	};

	return IOCTL(vm->fd, KVM_IOEVENTFD, &e);
}

static uint64_t signalled(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, 8) == 8 ? n : 0;
}

static int event(void)
{
	return CHECK_OK(eventfd(0, EFD_NONBLOCK));
}

TEST(refusals)
{
	struct vm *vm;
	int fd = event(), file;

	need_cap(KVM_CAP_IOEVENTFD, "IOEVENTFD");
	vm = vm_bare();
	file = dev_open();
	CHECK_ERRNO(evfd(vm, 0x100, 4, fd, 1u << 20, 0), EINVAL);
	CHECK_ERRNO(evfd(vm, 0x100, 3, fd, 0, 0), EINVAL);
	CHECK_ERRNO(evfd(vm, 0x100, 16, fd, 0, 0), EINVAL);
	CHECK_ERRNO(evfd(vm, -2ul, 4, fd, 0, 0), EINVAL);
	CHECK_ERRNO(evfd(vm, 0x100, 0, fd, KVM_IOEVENTFD_FLAG_DATAMATCH, 1),
		    EINVAL);
	CHECK_ERRNO(evfd(vm, 0x100, 4, 999, 0, 0), EBADF);
	CHECK_ERRNO(evfd(vm, 0x100, 4, file, 0, 0), EINVAL);
	CHECK_ERRNO(evfd(vm, 0x100, 4, fd, KVM_IOEVENTFD_FLAG_DEASSIGN, 0),
		    ENOENT);
}

TEST(duplicates)
{
	struct vm *vm;
	int a = event(), b = event();

	need_cap(KVM_CAP_IOEVENTFD, "IOEVENTFD");
	vm = vm_bare();
	CHECK_OK(evfd(vm, 0x100, 4, a, 0, 0));
	CHECK_ERRNO(evfd(vm, 0x100, 4, b, 0, 0), EEXIST);
	CHECK_ERRNO(evfd(vm, 0x100, 4, b, KVM_IOEVENTFD_FLAG_DATAMATCH, 5),
		    EEXIST);
	/* Ports and memory are two spaces. */
	CHECK_OK(evfd(vm, 0x100, 4, b, KVM_IOEVENTFD_FLAG_PIO, 0));
	CHECK_OK(evfd(vm, 0x100, 4, a, KVM_IOEVENTFD_FLAG_DEASSIGN, 0));
	CHECK_OK(evfd(vm, 0x100, 4, a, KVM_IOEVENTFD_FLAG_DATAMATCH, 5));
	CHECK_OK(evfd(vm, 0x100, 4, b, KVM_IOEVENTFD_FLAG_DATAMATCH, 6));
}

static void port_guest(void)
{
	outl(0x100, 5);		/* any value */
	outl(0x200, 1);		/* other value: exit */
	outl(0x200, 7);		/* its value */
	outb(0x100, 7);		/* other length: exit */
}

TEST(ports)
{
	struct vcpu *vcpu;
	int any = event(), seven = event();

	need_cap(KVM_CAP_IOEVENTFD, "IOEVENTFD");
	vcpu = guest64(port_guest);
	CHECK_OK(evfd(vcpu->vm, 0x100, 4, any, KVM_IOEVENTFD_FLAG_PIO, 0));
	CHECK_OK(evfd(vcpu->vm, 0x200, 4, seven, KVM_IOEVENTFD_FLAG_PIO |
		      KVM_IOEVENTFD_FLAG_DATAMATCH, 7));
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.port, 0x200);
	CHECK_EQ(signalled(any), 1);
	CHECK_EQ(signalled(seven), 0);
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.port, 0x100);
	CHECK_EQ(vcpu->run->io.size, 1);
	CHECK_EQ(signalled(seven), 1);
	vcpu_until_done(vcpu);
}

static void memory_guest(void)
{
	mmio_write(MMIO_ADDR, 1);
	mmio_write(MMIO_ADDR, 2);
	asm volatile("movb $1, (%0)" : : "r"(MMIO_ADDR + 8) : "memory");
	asm volatile("movq $1, (%0)" : : "r"(MMIO_ADDR + 8) : "memory");
	mmio_read(MMIO_ADDR);	/* reads are never an event */
}

TEST(memory)
{
	struct vcpu *vcpu;
	int one = event(), any = event();

	need_cap(KVM_CAP_IOEVENTFD, "IOEVENTFD");
	vcpu = guest64(memory_guest);
	CHECK_OK(evfd(vcpu->vm, MMIO_ADDR, 4, one,
		      KVM_IOEVENTFD_FLAG_DATAMATCH, 1));
	CHECK_OK(evfd(vcpu->vm, MMIO_ADDR + 8, 0, any, 0, 0));
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.data[0], 2);
	CHECK_EQ(signalled(one), 1);
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(vcpu->run->mmio.is_write, 0);
	CHECK_EQ(signalled(any), 2);
	vcpu_until_done(vcpu);
}

static void any_length_guest(void)
{
	static const uint8_t bytes[3];
	const uint8_t *p = bytes;
	uint64_t n = 3;

	outb(0x100, 1);
	asm volatile("outw %w0, %w1" : : "a"(2), "Nd"(0x100));
	outl(0x100, 3);
	asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(0x100) : "memory");
	inb(0x100);		/* a read is not an event */
}

/* Without a length every write counts, of a string each. */
TEST(any_length_of_port)
{
	struct vcpu *vcpu = guest64(any_length_guest);
	int any = event(), other = event();

	need_cap(KVM_CAP_IOEVENTFD_ANY_LENGTH, "IOEVENTFD_ANY_LENGTH");
	CHECK_OK(evfd(vcpu->vm, 0x100, 0, any, KVM_IOEVENTFD_FLAG_PIO, 0));
	CHECK_ERRNO(evfd(vcpu->vm, 0x100, 1, other, KVM_IOEVENTFD_FLAG_PIO, 0), EEXIST);
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.direction, KVM_EXIT_IO_IN);
	CHECK_EQ(signalled(any), 6);
	vcpu_until_done(vcpu);
}
