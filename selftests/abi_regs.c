// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_REGS, KVM_SET_REGS: every field, before and after guest code. */
#include "guest.h"
#include "vm.h"

static struct kvm_regs pattern(void)
{
	return (struct kvm_regs){
		.rax = 0xa0a0a0a0a0a0a0a0, .rbx = 0xb0b0b0b0b0b0b0b1,
		.rcx = 0xc0c0c0c0c0c0c0c2, .rdx = 0xd0d0d0d0d0d0d0d3,
		.rsi = 0xe0e0e0e0e0e0e0e4, .rdi = 0xf0f0f0f0f0f0f0f5,
		.rsp = 0x1111111111111116, .rbp = 0x2222222222222227,
		.r8 = 8, .r9 = 9, .r10 = 10, .r11 = 11, .r12 = 12, .r13 = 13,
		.r14 = 14, .r15 = 0xffffffffffffffff,
		.rip = 0xfff0, .rflags = 0x246,
	};
}

TEST(reset_state)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_regs r;

	get_regs(vcpu, &r);
	CHECK_EQ(r.rip, 0xfff0);
	CHECK_EQ(r.rflags, 2);
	CHECK_EQ(r.rax | r.rbx | r.rcx | r.rsi | r.rdi | r.rsp | r.rbp, 0);
	CHECK_EQ(r.r8 | r.r9 | r.r10 | r.r11 | r.r12 | r.r13 | r.r14 | r.r15, 0);
}

TEST(set_then_get)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_regs in = pattern(), out;

	set_regs(vcpu, &in);
	get_regs(vcpu, &out);
	CHECK(!memcmp(&in, &out, sizeof(in)));
}

/* RFLAGS bit 1 reads as one whatever was written. */
TEST(fixed_flag)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_regs r = { 0 };

	set_regs(vcpu, &r);
	get_regs(vcpu, &r);
	CHECK_EQ(r.rflags, 2);
}

asm(".pushsection .text\n"
    "see_all:\n\t"
    "not %rax; not %rbx; not %rcx; not %rdx; not %rsi; not %rdi\n\t"
    "not %rbp; not %r8; not %r9; not %r10; not %r11; not %r12\n\t"
    "not %r13; not %r14; not %r15; not %rsp\n\t"
    "out %al, $0x80\n\t"
    ".popsection");
void see_all(void);

TEST(guest_sees_and_changes_them)
{
	struct vcpu *vcpu = guest64(see_all);
	struct kvm_regs in = pattern(), out;

	in.rip = (uintptr_t)see_all;
	set_regs(vcpu, &in);
	vcpu_expect(vcpu, KVM_EXIT_IO);
	get_regs(vcpu, &out);
	CHECK_EQ(out.rax, ~in.rax);
	CHECK_EQ(out.rbx, ~in.rbx);
	CHECK_EQ(out.rcx, ~in.rcx);
	CHECK_EQ(out.rdx, ~in.rdx);
	CHECK_EQ(out.rsi, ~in.rsi);
	CHECK_EQ(out.rdi, ~in.rdi);
	CHECK_EQ(out.rbp, ~in.rbp);
	CHECK_EQ(out.rsp, ~in.rsp);
	for (int i = 0; i < 8; i++)
		CHECK_EQ((&out.r8)[i], ~(&in.r8)[i]);
}
