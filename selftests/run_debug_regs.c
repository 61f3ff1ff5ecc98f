// SPDX-License-Identifier: GPL-2.0-only
/* The guest's debug registers are its own, and the host's stay the host's. */
#include "guest.h"
#include "vm.h"

static void write_guest(void)
{
	WRITE_REG(dr0, 0x1111000);
	WRITE_REG(dr1, 0x2222000);
	WRITE_REG(dr2, 0x3333000);
	WRITE_REG(dr3, 0x4444000);
	guest_sync(1);
	GUEST_EQ(READ_REG(dr0), 0x1111000);
	GUEST_EQ(READ_REG(dr1), 0x2222000);
	GUEST_EQ(READ_REG(dr2), 0x3333000);
	GUEST_EQ(READ_REG(dr3), 0x4444000);
	GUEST_EQ(READ_REG(dr6), 0xffff0ff0);
	GUEST_EQ(READ_REG(dr7), 0x400);
	WRITE_REG(dr3, 0x5555000);
	guest_sync(2);
}

static void clean_guest(void)
{
	GUEST_EQ(READ_REG(dr0) | READ_REG(dr1) | READ_REG(dr2) | READ_REG(dr3),
		 0);
	guest_sync(3);
}

TEST(two_guests)
{
	struct vcpu *a = guest64(write_guest), *b = guest64(clean_guest);
	struct kvm_debugregs d;

	CHECK_EQ(vcpu_until_sync(a), 1);
	CHECK_EQ(vcpu_until_sync(b), 3);
	CHECK_EQ(vcpu_until_sync(a), 2);
	CHECK_OK(IOCTL(a->fd, KVM_GET_DEBUGREGS, &d));
	CHECK_EQ(d.db[0], 0x1111000);
	CHECK_EQ(d.db[3], 0x5555000);
	vcpu_until_done(a);
	vcpu_until_done(b);
}

static void bits_guest(void)
{
	/* Reserved upper halves fault; DR4 and DR5 are DR6 and DR7, unless DE. */
	GUEST_EQ(GUEST_TRY("movq %0, %%dr7", : : "r"(1ul << 32)), VEC_GP);
	GUEST_EQ(GUEST_TRY("movq %0, %%dr6", : : "r"(1ul << 32)), VEC_GP);
	WRITE_REG(dr7, 0);
	GUEST_EQ(READ_REG(dr7), 0x400);
	WRITE_REG(cr4, READ_REG(cr4) | CR4_DE);
	GUEST_EQ(GUEST_TRY("movq %%dr4, %%rax", : : : "rax"), VEC_UD);
}

TEST(reserved_bits)
{
	vcpu_until_done(guest64(bits_guest));
}

static volatile uint64_t db_count, db_rip, db_dr6;

static void db_handler(struct guest_frame *f)
{
	db_count++;
	db_rip = f->rip;
	db_dr6 = READ_REG(dr6);
	f->rflags &= ~RFLAGS_TF;
}

/* A guest that steps itself gets #DB after each instruction. */
static void step_guest(void)
{
	uint64_t after;

	guest_handlers[VEC_DB] = db_handler;
	asm volatile("pushfq; orq $0x100, (%%rsp); popfq\n\t"
		     "nop\n"
		     "1:\tleaq 1b(%%rip), %0" : "=r"(after) : : "memory", "cc");
	GUEST_EQ(db_count, 1);
	GUEST_EQ(db_rip, after);
	GUEST_CHECK(db_dr6 & 1 << 14);
	/* Also over an instruction that exits. */
	db_count = 0;
	asm volatile("pushfq; orq $0x100, (%%rsp); popfq\n\t"
		     "cpuid\n"
		     "1:\tleaq 1b(%%rip), %0"
		     : "=r"(after) : "a"(0)
		     : "ebx", "ecx", "edx", "memory", "cc");
	GUEST_EQ(db_count, 1);
	GUEST_EQ(db_rip, after);
}

TEST(guest_steps_itself)
{
	vcpu_until_done(guest64(step_guest));
}
