// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single-stepping over instructions that store and load the flags. The step is
 * made with the guest's own TF: PUSHF shows it, POPF takes it away.
 */
#include "guest.h"
#include "vm.h"

void flags_push(void), flags_pushed(void), flags_popped(void), flags_load(void);
void flags_loaded(void), flags_nop(void), flags_end(void);

asm(".pushsection .text\n"
    "flags_push:\n\t"
    "pushfq\n"
    "flags_pushed:\n\t"
    "popq %rbx\n"
    "flags_popped:\n\t"
    "pushq %rcx\n"
    "flags_load:\n\t"
    "popfq\n"
    "flags_loaded:\n\t"
    "nop\n"
    "flags_nop:\n\t"
    "nop\n"
    "flags_end:\n\t"
    "ret\n\t"
    ".popsection");

static volatile uint64_t traps, trap_rip;

static void count_trap(struct guest_frame *f)
{
	traps++;
	if (traps == 1)
		trap_rip = f->rip;
	f->rflags &= ~RFLAGS_TF;
}

static void with_handler(void)
{
	guest_handlers[VEC_DB] = count_trap;
	barrier();
	((void (*)(void))flags_push)();
}

static void step_mode(struct vcpu *vcpu, bool on)
{
	struct kvm_guest_debug d = {
		.control = on ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP : 0,
	};

	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_GUEST_DEBUG, &d));
}

/* At an instruction, with the image that POPF is to load. */
static struct vcpu *at(void (*rip)(void), uint64_t image)
{
	struct vcpu *vcpu = guest64(flags_push);
	struct kvm_regs r;

	get_regs(vcpu, &r);
	r.rip = (uintptr_t)rip;
	r.rcx = image;
	set_regs(vcpu, &r);
	return vcpu;
}

/* One step ends before @at; the VMM is not shown the TF that is its own. */
static struct kvm_regs step(struct vcpu *vcpu, void (*at)(void))
{
	struct kvm_regs r;

	vcpu_expect(vcpu, KVM_EXIT_DEBUG);
	CHECK_EQ(vcpu->run->debug.arch.exception, VEC_DB);
	CHECK(vcpu->run->debug.arch.dr6 & 1 << 14);
	CHECK_EQ(vcpu->run->debug.arch.pc, (uintptr_t)at);
	get_regs(vcpu, &r);
	CHECK_EQ(r.rip, (uintptr_t)at);
	CHECK_EQ(r.rflags & RFLAGS_TF, 0);
	return r;
}

TEST(pushf_stores_tf)
{
	struct vcpu *vcpu = at(flags_push, RFLAGS_FIXED);

	step_mode(vcpu, true);
	step(vcpu, flags_pushed);
	CHECK_EQ(step(vcpu, flags_popped).rbx & RFLAGS_TF, RFLAGS_TF);
}

/* POPF itself is a step; the next one is ordered anew. */
TEST(popf_clears_tf)
{
	struct vcpu *vcpu = at(flags_popped, RFLAGS_FIXED | 1);

	step_mode(vcpu, true);
	step(vcpu, flags_load);
	CHECK_EQ(step(vcpu, flags_loaded).rflags & 1, 1);
	step_mode(vcpu, true);
	step(vcpu, flags_nop);
	step(vcpu, flags_end);
}

TEST(popf_loads_tf)
{
	struct vcpu *vcpu = at(flags_popped, RFLAGS_FIXED | RFLAGS_TF);

	step_mode(vcpu, true);
	step(vcpu, flags_load);
	step(vcpu, flags_loaded);
	step(vcpu, flags_nop);
	step(vcpu, flags_end);
}

/* Not ordered anew the step goes on all the same; KVM loses it with the TF. */
TEST(stepping_outlives_popf)
{
	struct vcpu *vcpu = at(flags_popped, RFLAGS_FIXED);

	if (on_stock_kvm())
		SKIP("stock KVM sets TF only when the step is ordered");
	step_mode(vcpu, true);
	step(vcpu, flags_load);
	step(vcpu, flags_loaded);
	step(vcpu, flags_nop);
}

/* The TF that POPF loaded went with the debugger's: it traps nowhere after. */
TEST(own_tf_after_step)
{
	struct vcpu *vcpu = guest64(with_handler);
	struct kvm_regs r;

	step_mode(vcpu, true);
	do {
		vcpu_expect(vcpu, KVM_EXIT_DEBUG);
	} while (vcpu->run->debug.arch.pc != (uintptr_t)flags_popped);
	get_regs(vcpu, &r);
	r.rcx = RFLAGS_FIXED | RFLAGS_TF;
	set_regs(vcpu, &r);
	step_mode(vcpu, true);
	step(vcpu, flags_load);
	step(vcpu, flags_loaded);
	step_mode(vcpu, false);
	vcpu_until_done(vcpu);
	CHECK_EQ(IN_GUEST(vcpu->vm, traps), 0);
}

/* Without a debugger all of it is the guest's. */
TEST(own_tf)
{
	struct vcpu *vcpu = guest64(with_handler);
	struct kvm_regs r;

	step_mode(vcpu, true);
	do {
		vcpu_expect(vcpu, KVM_EXIT_DEBUG);
	} while (vcpu->run->debug.arch.pc != (uintptr_t)flags_load);
	step_mode(vcpu, false);
	get_regs(vcpu, &r);
	*(uint64_t *)gpa(vcpu->vm, (void *)r.rsp) = RFLAGS_FIXED | RFLAGS_TF;
	vcpu_until_done(vcpu);
	CHECK_EQ(IN_GUEST(vcpu->vm, traps), 1);
	CHECK_EQ(IN_GUEST(vcpu->vm, trap_rip), (uintptr_t)flags_nop);
}

/*
 * MOV SS holds traps back until the instruction behind it is done, also when
 * that one exits: it is emulated, goes to the VMM, or faults and starts again.
 */
void ss_cpuid(void), ss_cpuid_end(void), ss_out(void), ss_out_end(void);
void ss_load(void), ss_load_end(void);

asm(".pushsection .text\n"
    ".macro with_tf\n\t"
    "movl %ss, %edx\n\t"
    "pushfq\n\t"
    "orl $0x100, (%rsp)\n\t"
    "popfq\n\t"
    "movl %edx, %ss\n\t"
    ".endm\n"
    "ss_cpuid:\n\t"
    "pushq %rbx\n\t"
    "xorl %eax, %eax\n\t"
    "with_tf\n\t"
    "cpuid\n"
    "ss_cpuid_end:\n\t"
    "popq %rbx\n\t"
    "ret\n"
    "ss_out:\n\t"
    "with_tf\n\t"
    "outb %al, $0x44\n"
    "ss_out_end:\n\t"
    "ret\n"
    "ss_load:\n\t"
    "with_tf\n\t"
    "movq (%rdi), %rax\n"
    "ss_load_end:\n\t"
    "ret\n\t"
    ".popsection");

static void after_ss(void (*code)(void), void (*end)(void))
{
	traps = 0;
	((void (*)(uint64_t))code)(FREE_ADDR);
	GUEST_EQ(traps, 1);
	GUEST_EQ(trap_rip, (uintptr_t)end);
}

static void ss_guest(void)
{
	guest_handlers[VEC_DB] = count_trap;
	after_ss(ss_cpuid, ss_cpuid_end);
	after_ss(ss_out, ss_out_end);
	after_ss(ss_load, ss_load_end);
}

TEST(mov_ss_delays_trap)
{
	struct vcpu *vcpu = guest64(ss_guest);

	if (on_tcg())
		SKIP("TCG traps right behind MOV SS");
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK_EQ(vcpu->run->io.port, 0x44);
	vcpu_until_done(vcpu);
}
