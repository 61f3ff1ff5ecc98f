// SPDX-License-Identifier: GPL-2.0-only
/* INS, OUTS and REP: one exit may carry many items; RCX, RSI, RDI end right. */
#include "guest.h"
#include "vm.h"

#define ITEMS 3000	/* times 4 bytes: more than one page */

static uint32_t source[ITEMS], target[ITEMS];

static void outs_guest(void)
{
	uint64_t count = ITEMS, from = (uintptr_t)source;

	asm volatile("rep outsl" : "+c"(count), "+S"(from) : "d"(0x300)
		     : "memory");
	GUEST_EQ(count, 0);
	GUEST_EQ(from, (uintptr_t)(source + ITEMS));
	asm volatile("outsb" : "+S"(from) : "d"(0x301) : "memory");
	GUEST_EQ(from, (uintptr_t)(source + ITEMS) + 1);
	count = 0;
	asm volatile("rep outsb" : "+c"(count), "+S"(from) : "d"(0x302));
}

TEST(rep_outs)
{
	struct vcpu *vcpu = guest64(outs_guest);
	struct kvm_run *run = vcpu->run;
	volatile uint32_t *src = IN_GUEST(vcpu->vm, source);
	unsigned int n = 0;

	for (unsigned int i = 0; i < ITEMS; i++)
		src[i] = 0x10000 + i;
	while (n < ITEMS) {
		uint32_t *data;

		vcpu_expect(vcpu, KVM_EXIT_IO);
		CHECK_EQ(run->io.port, 0x300);
		CHECK_EQ(run->io.size, 4);
		CHECK_EQ(run->io.direction, KVM_EXIT_IO_OUT);
		CHECK(run->io.count >= 1 && run->io.count <= ITEMS - n);
		CHECK(run->io.data_offset + 4 * run->io.count <= vcpu->run_size);
		data = (void *)((char *)run + run->io.data_offset);
		for (unsigned int i = 0; i < run->io.count; i++)
			CHECK_EQ(data[i], 0x10000 + n + i);
		n += run->io.count;
	}
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(run->io.port, 0x301);
	CHECK_EQ(run->io.size, 1);
	CHECK_EQ(run->io.count, 1);
	vcpu_until_done(vcpu);
}

static void ins_guest(void)
{
	uint64_t count = ITEMS, to = (uintptr_t)target;

	asm volatile("rep insl" : "+c"(count), "+D"(to) : "d"(0x300)
		     : "memory");
	GUEST_EQ(count, 0);
	GUEST_EQ(to, (uintptr_t)(target + ITEMS));
	for (unsigned int i = 0; i < ITEMS; i++)
		GUEST_EQ(target[i], 0x20000 + i);
}

TEST(rep_ins)
{
	struct vcpu *vcpu = guest64(ins_guest);
	struct kvm_run *run = vcpu->run;
	unsigned int n = 0;

	while (n < ITEMS) {
		uint32_t *data;

		vcpu_expect(vcpu, KVM_EXIT_IO);
		CHECK_EQ(run->io.port, 0x300);
		CHECK_EQ(run->io.direction, KVM_EXIT_IO_IN);
		CHECK_EQ(run->io.size, 4);
		CHECK(run->io.count >= 1 && run->io.count <= ITEMS - n);
		data = (void *)((char *)run + run->io.data_offset);
		for (unsigned int i = 0; i < run->io.count; i++)
			data[i] = 0x20000 + n + i;
		n += run->io.count;
	}
	vcpu_until_done(vcpu);
}

static void down_guest(void)
{
	uint64_t count = 4, from = (uintptr_t)(source + 3);

	for (unsigned int i = 0; i < 4; i++)
		source[i] = i;
	asm volatile("std; rep outsl; cld" : "+c"(count), "+S"(from)
		     : "d"(0x300) : "memory");
	GUEST_EQ(count, 0);
	GUEST_EQ(from, (uintptr_t)source - 4);
}

TEST(downwards)
{
	struct vcpu *vcpu = guest64(down_guest);
	struct kvm_run *run = vcpu->run;
	unsigned int left = 4;

	while (left) {
		uint32_t *data;

		vcpu_expect(vcpu, KVM_EXIT_IO);
		CHECK_EQ(run->io.port, 0x300);
		data = (void *)((char *)run + run->io.data_offset);
		for (unsigned int i = 0; i < run->io.count; i++)
			CHECK_EQ(data[i], --left);
	}
	vcpu_until_done(vcpu);
}

/* The memory operand is checked as for any other access. */
static void fault_guest(void)
{
	uint64_t count = 1, from = 1ul << 45;
	uint64_t vec = GUEST_TRY("rep outsl", : "+c"(count), "+S"(from)
				 : "d"(0x300));

	GUEST_EQ(vec, VEC_PF);
	GUEST_EQ(guest_fault.cr2, 1ul << 45);
	GUEST_EQ(count, 1);
	from = 1ul << 63;
	GUEST_EQ(GUEST_TRY("outsl", : "+S"(from) : "d"(0x300)), VEC_GP);
}

TEST(bad_operand_faults)
{
	vcpu_until_done(guest64(fault_guest));
}
