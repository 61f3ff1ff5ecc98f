// SPDX-License-Identifier: GPL-2.0-only
/* IN and OUT of every size reach userspace with port, size and data. */
#include "guest.h"
#include "vm.h"

static uint64_t take(struct vcpu *vcpu, unsigned int dir, unsigned int size,
		     uint16_t port)
{
	struct kvm_run *run = vcpu->run;
	uint64_t v = 0;

	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(run->io.direction, dir);
	CHECK_EQ(run->io.size, size);
	CHECK_EQ(run->io.port, port);
	CHECK_EQ(run->io.count, 1);
	memcpy(&v, (char *)run + run->io.data_offset, size);
	return v;
}

static void answer(struct vcpu *vcpu, uint32_t v)
{
	memcpy((char *)vcpu->run + vcpu->run->io.data_offset, &v, 4);
}

static void out_guest(void)
{
	asm volatile("outb %%al, $0x40" : : "a"(0x11223344));
	asm volatile("outw %%ax, $0x41" : : "a"(0x11223344));
	asm volatile("outl %%eax, $0x42" : : "a"(0x11223344));
	asm volatile("outb %%al, %%dx" : : "a"(0x55667788), "d"(0xfff0));
	asm volatile("outw %%ax, %%dx" : : "a"(0x55667788), "d"(0xfff2));
	asm volatile("outl %%eax, %%dx" : : "a"(0x55667788), "d"(0xfff4));
}

TEST(out_sizes)
{
	struct vcpu *vcpu = guest64(out_guest);

	CHECK_EQ(take(vcpu, KVM_EXIT_IO_OUT, 1, 0x40), 0x44);
	CHECK_EQ(take(vcpu, KVM_EXIT_IO_OUT, 2, 0x41), 0x3344);
	CHECK_EQ(take(vcpu, KVM_EXIT_IO_OUT, 4, 0x42), 0x11223344);
	CHECK_EQ(take(vcpu, KVM_EXIT_IO_OUT, 1, 0xfff0), 0x88);
	CHECK_EQ(take(vcpu, KVM_EXIT_IO_OUT, 2, 0xfff2), 0x7788);
	CHECK_EQ(take(vcpu, KVM_EXIT_IO_OUT, 4, 0xfff4), 0x55667788);
	vcpu_until_done(vcpu);
}

static void in_guest(void)
{
	uint64_t v = 0x1111111111111111;

	asm volatile("inb $0x40, %%al" : "+a"(v));
	GUEST_EQ(v, 0x11111111111111d4);
	asm volatile("inw $0x41, %%ax" : "+a"(v));
	GUEST_EQ(v, 0x111111111111c3d4);
	asm volatile("inl $0x42, %%eax" : "+a"(v));
	GUEST_EQ(v, 0xa1b2c3d4);	/* 32-bit writes clear the top */
	v = ~0ull;
	asm volatile("inb %%dx, %%al" : "+a"(v) : "d"(0x1234));
	GUEST_EQ(v, 0xffffffffffffffd4);
	asm volatile("inl %%dx, %%eax" : "+a"(v) : "d"(0x1234));
	GUEST_EQ(v, 0xa1b2c3d4);
}

TEST(in_sizes)
{
	static const struct { uint16_t port; uint8_t size; } want[] = {
		{ 0x40, 1 }, { 0x41, 2 }, { 0x42, 4 },
		{ 0x1234, 1 }, { 0x1234, 4 },
	};
	struct vcpu *vcpu = guest64(in_guest);

	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++) {
		take(vcpu, KVM_EXIT_IO_IN, want[i].size, want[i].port);
		answer(vcpu, 0xa1b2c3d4);
	}
	vcpu_until_done(vcpu);
}

/* An IN is complete only after the next KVM_RUN; RIP moves then. */
TEST(in_completes_on_next_run)
{
	struct vcpu *vcpu = guest64(in_guest);
	struct kvm_regs r;

	take(vcpu, KVM_EXIT_IO_IN, 1, 0x40);
	answer(vcpu, 0xa1b2c3d4);
	vcpu->run->immediate_exit = 1;
	CHECK_ERRNO(vcpu_run_raw(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
	get_regs(vcpu, &r);
	CHECK_EQ(r.rax, 0x11111111111111d4);
	take(vcpu, KVM_EXIT_IO_IN, 2, 0x41);
}
