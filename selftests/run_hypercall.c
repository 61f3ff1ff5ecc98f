// SPDX-License-Identifier: GPL-2.0-only
/* VMCALL and VMMCALL are hypercalls on every CPU; unknown ones fail softly. */
#include "guest.h"
#include "vm.h"

#define HYPERCALL(insn, nr)						\
	({								\
		int64_t _r = (nr);					\
									\
		asm volatile(insn : "+a"(_r) : "b"(0ul), "c"(0ul),	\
			     "d"(0ul), "S"(0ul) : "memory");		\
		_r;							\
	})

static void call_guest(void)
{
	/* 1 is KVM_HC_VAPIC_POLL_IRQ: does nothing, gives 0. */
	GUEST_EQ(HYPERCALL("vmmcall", 1), 0);
	GUEST_EQ(HYPERCALL("vmcall", 1), 0);
	/* -1000 is KVM_ENOSYS. */
	GUEST_EQ(HYPERCALL("vmmcall", 0x7777), -1000);
	GUEST_EQ(HYPERCALL("vmcall", 0x7777), -1000);
	/* Still there after one of them may have been rewritten. */
	for (int i = 0; i < 3; i++)
		GUEST_EQ(HYPERCALL("vmcall", 1), 0);
}

TEST(both_instructions)
{
	vcpu_until_done(guest64(call_guest));
}

static void user_code(void)
{
	uint64_t sel_ss = 0x33, sel_cs = 0x3b;
	int64_t r = 1;

	/* Drop to ring 3 in place; the answer arrives there. */
	asm volatile("movq %%rsp, %%rcx\n\t"
		     "pushq %1; pushq %%rcx; pushfq; pushq %2\n\t"
		     "pushq $1f; iretq\n"
		     "1:\tvmmcall\n"
		     : "+a"(r) : "r"(sel_ss), "r"(sel_cs)
		     : "rcx", "memory");
	/* KVM_EPERM */
	asm volatile("int $0x80" : : "a"(r) : "memory");
}

static volatile int64_t from_user;

static void int80(struct guest_frame *f)
{
	from_user = f->rax;
	GUEST_EQ(f->cs & 3, 3);
	guest_sync(from_user);
}

static void privilege_guest(void)
{
	guest_handlers[0x80] = int80;
	user_code();
}

TEST(not_from_ring_3)
{
	struct vcpu *vcpu = guest64(privilege_guest);
	uint64_t *gdt = gpa(vcpu->vm, (void *)GDT_ADDR);
	uint64_t *tss = gpa(vcpu->vm, (void *)(TSS_ADDR + 4));
	uint8_t *gate = gpa(vcpu->vm, (void *)(IDT_ADDR + 0x80 * 16));
	struct kvm_sregs s;

	gdt[6] = 0x00cff3000000ffff;
	gdt[7] = 0x00affb000000ffff;
	*tss = 0x180000;		/* RSP0 */
	gate[5] |= 0x60;
	get_sregs(vcpu, &s);
	s.gdt.limit = 8 * 8 - 1;
	set_sregs(vcpu, &s);
	CHECK_EQ((int64_t)vcpu_until_sync(vcpu), -1);
}
