// SPDX-License-Identifier: GPL-2.0-only
/* Instructions beyond plain MOV on device memory: read-modify-write, strings. */
#include "guest.h"
#include "vm.h"

/* Device memory of the host side: the first 64 bytes at MMIO_ADDR. */
static uint8_t device[64];
static unsigned int reads, writes;

static void run_device(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	while (vcpu_run(vcpu) == KVM_EXIT_MMIO) {
		uint64_t off = run->mmio.phys_addr - MMIO_ADDR;

		CHECK(off + run->mmio.len <= sizeof(device));
		if (run->mmio.is_write) {
			memcpy(device + off, run->mmio.data, run->mmio.len);
			writes++;
		} else {
			memcpy(run->mmio.data, device + off, run->mmio.len);
			reads++;
		}
	}
	CHECK(vcpu_is_done(vcpu));
}

#define OP(insn, value) \
	asm volatile(insn : : "r"((uint64_t)(value)), "r"(MMIO_ADDR) \
		     : "memory", "cc")

static void rmw_guest(void)
{
	OP("movq %0, (%1)", 0x0f0f0f0f00ff00ff);
	OP("orb %b0, (%1)", 0x01);
	OP("andl %k0, 4(%1)", 0xff00ff00);
	OP("xorw %w0, 2(%1)", 0xffff);
	OP("addl %k0, 8(%1)", 5);
	OP("addl %k0, 8(%1)", 7);
	OP("subb %b0, 8(%1)", 2);
	OP("incl 12(%1)", 0);
	OP("notb 13(%1)", 0);
	OP("btsl %k0, 16(%1)", 9);
	OP("lock orl %k0, 20(%1)", 0x80000000);
}

TEST(read_modify_write)
{
	uint64_t v;

	run_device(guest64(rmw_guest));
	memcpy(&v, device, 8);
	CHECK_EQ(v, 0x0f000f00ff0000ff);
	CHECK_EQ(device[8], 10);
	CHECK_EQ(device[12], 1);
	CHECK_EQ(device[13], 0xff);
	CHECK_EQ(device[17], 2);
	CHECK_EQ(device[23], 0x80);
}

static void flags_guest(void)
{
	uint8_t below, equal, carry;
	uint64_t old = 0x77;

	mmio_write(MMIO_ADDR, 10);
	asm volatile("cmpl $11, (%2); setb %0; sete %1"
		     : "=r"(below), "=r"(equal) : "r"(MMIO_ADDR) : "cc");
	GUEST_EQ(below, 1);
	GUEST_EQ(equal, 0);
	asm volatile("testb $5, (%1); setz %0"
		     : "=r"(equal) : "r"(MMIO_ADDR) : "cc");
	GUEST_EQ(equal, 1);
	asm volatile("btl $3, (%1); setc %0"
		     : "=r"(carry) : "r"(MMIO_ADDR) : "cc");
	GUEST_EQ(carry, 1);
	asm volatile("cmpl %k1, (%2); sete %0"
		     : "=r"(equal) : "r"(10ul), "r"(MMIO_ADDR) : "cc");
	GUEST_EQ(equal, 1);
	asm volatile("xchgl %k0, (%1)" : "+r"(old) : "r"(MMIO_ADDR) : "memory");
	GUEST_EQ(old, 10);
	GUEST_EQ(mmio_read(MMIO_ADDR), 0x77);
	asm volatile("orl (%1), %k0" : "+r"(old) : "r"(MMIO_ADDR) : "cc");
	GUEST_EQ(old, 0x7f);
}

TEST(flags_and_exchange)
{
	run_device(guest64(flags_guest));
}

static uint32_t buffer[8];

static void string_guest(void)
{
	uint64_t to = MMIO_ADDR, from, count = 8;

	asm volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(0x01020304)
		     : "memory");
	GUEST_EQ(to, MMIO_ADDR + 32);
	GUEST_EQ(count, 0);
	to = (uintptr_t)buffer;
	from = MMIO_ADDR;
	count = 8;
	asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count)
		     : : "memory");
	GUEST_EQ(count, 0);
	for (int i = 0; i < 8; i++) {
		GUEST_EQ(buffer[i], 0x01020304);
		buffer[i] = i;
	}
	to = MMIO_ADDR;
	from = (uintptr_t)buffer;
	asm volatile("movsq" : "+D"(to), "+S"(from) : : "memory");
	GUEST_EQ(mmio_read(MMIO_ADDR + 4), 1);
}

TEST(strings)
{
	run_device(guest64(string_guest));
	CHECK_EQ(device[28], 4);
}

static void paths_guest(void)
{
	uint64_t v;

	/* Addressing: RIP-relative is not possible here, SIB and FS are. */
	wrmsr(MSR_FS_BASE, MMIO_ADDR);
	asm volatile("movl $1, %%fs:0" : : : "memory");
	asm volatile("movl $2, %%fs:(,%0,4)" : : "r"(1ul) : "memory");
	asm volatile("movl $3, (%k0)" : : "r"(MMIO_ADDR + 8) : "memory");
	asm volatile("movb %%ah, (%0)" : : "r"(MMIO_ADDR + 12), "a"(0x400)
		     : "memory");
	asm volatile("movq %%r13, (%%r12)" : : : "memory");
	v = mmio_read(MMIO_ADDR);
	GUEST_EQ(v, 1);
}

TEST(addressing)
{
	struct vcpu *vcpu = guest64(paths_guest);
	struct kvm_regs r;

	get_regs(vcpu, &r);
	r.r12 = MMIO_ADDR + 16;
	r.r13 = 0x1122334455667788;
	set_regs(vcpu, &r);
	run_device(vcpu);
	CHECK_EQ(device[4], 2);
	CHECK_EQ(device[8], 3);
	CHECK_EQ(device[12], 4);
	CHECK_EQ(device[16], 0x88);
	CHECK_EQ(device[23], 0x11);
}

static void fetch_loop_guest(void)
{
	for (int i = 0; i < 300; i++)
		mmio_write(MMIO_ADDR + 4 * (i % 16), i);
	for (int i = 0; i < 300; i++)
		GUEST_CHECK(mmio_read(MMIO_ADDR + 60) == 287);
}

/* The same instruction again and again: nothing stale is replayed. */
TEST(repeated)
{
	run_device(guest64(fetch_loop_guest));
	CHECK_EQ(writes, 300);
	CHECK_EQ(reads, 300);
}
