/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest side of a test: calls to the host, checks, exception handlers.
 *
 * A call is an OUT to CALL_PORT with the guest address of a struct
 * guest_call; the host reads it from guest memory, so it needs neither the
 * register ioctls nor an interrupt controller to work.
 */
#ifndef SELFTESTS_GUEST_H
#define SELFTESTS_GUEST_H

#include "x86.h"

#define CALL_PORT 0x3f0

enum guest_call_kind { CALL_DONE = 1, CALL_SYNC, CALL_FAIL, CALL_FAULT };

struct guest_call {
	uint64_t kind;
	uint64_t arg[4];
	const char *text;
	const char *file;
	uint64_t line;
};

/* What the stubs of guest_entry.S push, lowest address first. */
struct guest_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

typedef void (*guest_handler)(struct guest_frame *frame);

/* Index: vector. A vector without a handler ends the test as failed. */
extern guest_handler guest_handlers[256];

/* The last fault that GUEST_TRY caught; vector is NO_FAULT if none did. */
struct guest_fault {
	uint64_t vector, error, cr2, rip;
};
#define NO_FAULT 0x100

extern volatile uint64_t guest_fixup;
extern volatile struct guest_fault guest_fault;

void guest_start(void);		/* guest_entry.S: RDI holds the function */
extern char guest_stubs[];	/* 256 entries of 16 bytes */

void guest_call(uint64_t kind, uint64_t a0, uint64_t a1);
void guest_fail(const char *file, int line, const char *text,
		uint64_t a, uint64_t b);

/* Tell the host where we are; it returns @stage from vcpu_until_sync(). */
static inline void guest_sync(uint64_t stage)
{
	guest_call(CALL_SYNC, stage, 0);
}

#define GUEST_CHECK(cond)						\
	do {								\
		if (!(cond))						\
			guest_fail(__FILE__, __LINE__, #cond, 0, 0);	\
	} while (0)

#define GUEST_EQ(a, b)							\
	do {								\
		uint64_t _ga = (uint64_t)(a), _gb = (uint64_t)(b);	\
									\
		if (_ga != _gb)						\
			guest_fail(__FILE__, __LINE__, #a " == " #b,	\
				   _ga, _gb);				\
	} while (0)

/*
 * Execute @insn with the operands that follow it (": outputs : inputs");
 * evaluates to the vector it raised, or NO_FAULT.
 */
#define GUEST_TRY(insn, ...)						\
	({								\
		guest_fault.vector = NO_FAULT;				\
		asm volatile("movq $.Lfixup%=, guest_fixup\n\t"		\
			     insn "\n"					\
			     ".Lfixup%=:\tmovq $0, guest_fixup\n"	\
			     __VA_ARGS__);				\
		barrier();						\
		guest_fault.vector;					\
	})

/* EOI to the local APIC, from a handler. */
static inline void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* What the IOAPIC sends for a pin: @low of the entry, to the CPU of APIC id 0. */
static inline void ioapic_redirect(unsigned int pin, uint32_t low)
{
	mmio_write(IOAPIC_BASE, 0x10 + 2 * pin + 1);
	mmio_write(IOAPIC_BASE + 0x10, 0);
	mmio_write(IOAPIC_BASE, 0x10 + 2 * pin);
	mmio_write(IOAPIC_BASE + 0x10, low);
}

#endif
