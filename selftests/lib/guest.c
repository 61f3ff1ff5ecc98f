// SPDX-License-Identifier: GPL-2.0-only
/* Guest runtime: runs inside the guest, touches nothing of the host's libc. */
#include <stddef.h>

#include "guest.h"

guest_handler guest_handlers[256];
volatile uint64_t guest_fixup;
volatile struct guest_fault guest_fault;

/* The compiler may call these for structures; libc's are not in the guest. */
void *memcpy(void *dst, const void *src, size_t n)
{
	void *ret = dst;

	asm volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
	return ret;
}

void *memset(void *dst, int c, size_t n)
{
	void *ret = dst;

	asm volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(c) : "memory");
	return ret;
}

static void make_call(struct guest_call *call)
{
	barrier();
	outl(CALL_PORT, (uint32_t)(uintptr_t)call);
	barrier();
}

void guest_call(uint64_t kind, uint64_t a0, uint64_t a1)
{
	struct guest_call call = { .kind = kind, .arg = { a0, a1 } };

	make_call(&call);
}

void guest_fail(const char *file, int line, const char *text,
		uint64_t a, uint64_t b)
{
	struct guest_call call = {
		.kind = CALL_FAIL, .arg = { a, b },
		.text = text, .file = file, .line = line,
	};

	for (;;)
		make_call(&call);
}

/* Called by every stub. */
void guest_dispatch(struct guest_frame *frame);

void guest_dispatch(struct guest_frame *frame)
{
	if (guest_fixup && frame->vector < 32 && frame->vector != VEC_NMI) {
		guest_fault.vector = frame->vector;
		guest_fault.error = frame->error;
		guest_fault.rip = frame->rip;
		guest_fault.cr2 = READ_REG(cr2);
		frame->rip = guest_fixup;
		guest_fixup = 0;
	} else if (guest_handlers[frame->vector]) {
		guest_handlers[frame->vector](frame);
	} else {
		struct guest_call call = {
			.kind = CALL_FAULT,
			.arg = { frame->vector, frame->rip, frame->error,
				 READ_REG(cr2) },
		};

		for (;;)
			make_call(&call);
	}
}
