// SPDX-License-Identifier: GPL-2.0-only
/* Plain reads and writes of every size outside RAM become MMIO exits. */
#include "guest.h"
#include "vm.h"

static uint64_t take(struct vcpu *vcpu, bool write, unsigned int len,
		     uint64_t addr)
{
	struct kvm_run *run = vcpu->run;
	uint64_t v = 0;

	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	CHECK_EQ(run->mmio.phys_addr, addr);
	CHECK_EQ(run->mmio.is_write, write);
	CHECK_EQ(run->mmio.len, len);
	memcpy(&v, run->mmio.data, len);
	return v;
}

static void answer(struct vcpu *vcpu, uint64_t v)
{
	memcpy(vcpu->run->mmio.data, &v, 8);
}

static void write_guest(void)
{
	uint64_t v = 0x1122334455667788;

	asm volatile("movb %b0, (%1)" : : "r"(v), "r"(MMIO_ADDR) : "memory");
	asm volatile("movw %w0, 2(%1)" : : "r"(v), "r"(MMIO_ADDR) : "memory");
	asm volatile("movl %k0, 4(%1)" : : "r"(v), "r"(MMIO_ADDR) : "memory");
	asm volatile("movq %0, 8(%1)" : : "r"(v), "r"(MMIO_ADDR) : "memory");
	asm volatile("movl $0xcafe, (%0,%1,8)"
		     : : "r"(MMIO_ADDR), "r"(2ul) : "memory");
	asm volatile("movabs %%eax, 0xd0000020" : : "a"(v) : "memory");
}

TEST(write_sizes)
{
	struct vcpu *vcpu = guest64(write_guest);

	CHECK_EQ(take(vcpu, 1, 1, MMIO_ADDR), 0x88);
	CHECK_EQ(take(vcpu, 1, 2, MMIO_ADDR + 2), 0x7788);
	CHECK_EQ(take(vcpu, 1, 4, MMIO_ADDR + 4), 0x55667788);
	CHECK_EQ(take(vcpu, 1, 8, MMIO_ADDR + 8), 0x1122334455667788);
	CHECK_EQ(take(vcpu, 1, 4, MMIO_ADDR + 16), 0xcafe);
	CHECK_EQ(take(vcpu, 1, 4, MMIO_ADDR + 32), 0x55667788);
	vcpu_until_done(vcpu);
}

static void read_guest(void)
{
	uint64_t v = ~0ull;

	asm volatile("movb (%1), %b0" : "+r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0xffffffffffffff88);
	asm volatile("movw 2(%1), %w0" : "+r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0xffffffffffff9988);
	asm volatile("movl 4(%1), %k0" : "+r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0xbbaa9988);
	asm volatile("movq 8(%1), %0" : "+r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0xffeeddccbbaa9988);
	asm volatile("movzbl (%1), %k0" : "+r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0x88);
	asm volatile("movsbq (%1), %0" : "+r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0xffffffffffffff88);
	asm volatile("movzwl (%1), %k0" : "+r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0x9988);
	asm volatile("movswq (%1), %0" : "+r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0xffffffffffff9988);
	asm volatile("movslq (%1), %0" : "+r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0xffffffffbbaa9988);
}

TEST(read_sizes)
{
	static const struct { uint8_t off, len; } want[] = {
		{ 0, 1 }, { 2, 2 }, { 4, 4 }, { 8, 8 }, { 0, 1 }, { 0, 1 },
		{ 0, 2 }, { 0, 2 }, { 0, 4 },
	};
	struct vcpu *vcpu = guest64(read_guest);

	for (unsigned int i = 0; i < ARRAY_SIZE(want); i++) {
		take(vcpu, 0, want[i].len, MMIO_ADDR + want[i].off);
		answer(vcpu, 0xffeeddccbbaa9988);
	}
	vcpu_until_done(vcpu);
}

/* Across the page boundary at the end of the hole's first page: two exits. */
static void crossing_guest(void)
{
	uint64_t v;

	asm volatile("movl %k0, 0xffe(%1)"
		     : : "r"(0x44332211), "r"(MMIO_ADDR) : "memory");
	asm volatile("movq 0xffd(%1), %0" : "=r"(v) : "r"(MMIO_ADDR));
	GUEST_EQ(v, 0x5544332211332211);
}

TEST(page_crossing)
{
	struct vcpu *vcpu = guest64(crossing_guest);

	CHECK_EQ(take(vcpu, 1, 2, MMIO_ADDR + 0xffe), 0x2211);
	CHECK_EQ(take(vcpu, 1, 2, MMIO_ADDR + 0x1000), 0x4433);
	take(vcpu, 0, 3, MMIO_ADDR + 0xffd);
	answer(vcpu, 0x332211);
	take(vcpu, 0, 5, MMIO_ADDR + 0x1000);
	answer(vcpu, 0x5544332211);
	vcpu_until_done(vcpu);
}
