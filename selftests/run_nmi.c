// SPDX-License-Identifier: GPL-2.0-only
/* KVM_NMI: delivered with interrupts off, blocked until IRET, one kept. */
#include "guest.h"
#include "vm.h"

static volatile int nmis, depth, deepest, hold;

static void nmi_handler(struct guest_frame *f)
{
	(void)f;
	nmis++;
	depth++;
	if (depth > deepest)
		deepest = depth;
	guest_sync(100 + nmis);
	while (hold)
		asm volatile("pause");
	guest_sync(200 + nmis);
	depth--;
}

static void guest(void)
{
	guest_handlers[VEC_NMI] = nmi_handler;
	guest_sync(1);
	guest_sync(2);
	guest_sync(3);
}

TEST(delivered)
{
	struct vcpu *vcpu = guest64(guest);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 101);
	CHECK_EQ(vcpu_until_sync(vcpu), 201);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
}

TEST(blocked_until_iret)
{
	struct vcpu *vcpu = guest64(guest);
	struct kvm_vcpu_events e;

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 101);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	CHECK_EQ(e.nmi.masked, 1);
	/* Two more while it is blocked: one of them is kept. */
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 201);
	CHECK_EQ(vcpu_until_sync(vcpu), 102);
	CHECK_EQ(vcpu_until_sync(vcpu), 202);
	CHECK_EQ(vcpu_until_sync(vcpu), 2);
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	CHECK_EQ(e.nmi.masked, 0);
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
	CHECK_EQ(IN_GUEST(vcpu->vm, deepest), 1);
}

static void halt_guest(void)
{
	guest_handlers[VEC_NMI] = nmi_handler;
	asm volatile("cli; hlt");
	GUEST_EQ(nmis, 1);
}

TEST(wakes_from_hlt)
{
	struct vcpu *vcpu = guest64(halt_guest);

	vcpu_expect(vcpu, KVM_EXIT_HLT);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 101);
	CHECK_EQ(vcpu_until_sync(vcpu), 201);
	vcpu_until_done(vcpu);
}

/* Before an interrupt when both wait. */
static volatile int irqs;

static void irq_handler(struct guest_frame *f)
{
	(void)f;
	irqs++;
	GUEST_EQ(nmis, 1);
	guest_sync(50);
}

static void both_guest(void)
{
	guest_handlers[VEC_NMI] = nmi_handler;
	guest_handlers[0x50] = irq_handler;
	asm volatile("sti");
	guest_sync(1);
	asm volatile("nop; nop");
	GUEST_EQ(irqs, 1);
}

TEST(before_interrupts)
{
	struct vcpu *vcpu = guest64(both_guest);
	struct kvm_interrupt i = { .irq = 0x50 };

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	CHECK_OK(IOCTL(vcpu->fd, KVM_INTERRUPT, &i));
	vcpu_until_sync(vcpu);
	vcpu_until_sync(vcpu);
	vcpu_until_sync(vcpu);
	vcpu_until_done(vcpu);
	CHECK_EQ(IN_GUEST(vcpu->vm, nmis), 1);
	CHECK_EQ(IN_GUEST(vcpu->vm, irqs), 1);
}

/*
 * IRET unmasks NMIs and then reads its frame. Where that read finds no backing
 * the instruction is started again, and until it is done no NMI may come.
 */
#define FRAME	0xd00000ul	/* the last words of a page that nobody else touches */
#define FRAME_TOP (FRAME + 4096 - 5 * 8)

static volatile uint64_t second_rip;

static void behind_iret(void)
{
	GUEST_EQ(nmis, 2);
	GUEST_EQ(second_rip, (uintptr_t)behind_iret);
	guest_sync(3);
}

static void bare_nmi_handler(struct guest_frame *f)
{
	volatile uint64_t *frame = (void *)FRAME_TOP;

	if (++nmis == 2) {
		second_rip = f->rip;
		return;
	}
	frame[0] = (uintptr_t)behind_iret;
	frame[1] = f->cs;
	frame[2] = f->rflags;
	frame[3] = STACK_TOP - 0x8008;	/* as after a CALL */
	frame[4] = f->ss;
	guest_sync(101);
	asm volatile("movq %0, %%rsp; iretq" : : "r"(FRAME_TOP) : "memory");
}

static void iret_guest(void)
{
	guest_handlers[VEC_NMI] = bare_nmi_handler;
	guest_sync(1);
	GUEST_CHECK(false);
}

TEST(masked_until_iret_is_done)
{
	struct vcpu *vcpu = guest64(iret_guest);
	uint8_t *page = vcpu->vm->ram + FRAME;

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 101);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	/* The second-level entry goes, the content stays. */
	CHECK_OK(mprotect(page, 4096, PROT_NONE));
	CHECK_OK(mprotect(page, 4096, PROT_READ | PROT_WRITE));
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
}

/*
 * A handler that steps itself: the trap after its IRET is the guest's own, whatever
 * the hypervisor does to learn that the IRET is done, for which the next NMI waits.
 */
static volatile uint64_t traps, trap_rip, trap_flags;

static void behind_stepped_iret(void)
{
	GUEST_EQ(traps, 1);
	GUEST_EQ(trap_rip, (uintptr_t)behind_stepped_iret);
	GUEST_EQ(trap_flags & 0x100, 0);
	GUEST_EQ(nmis, 2);
	guest_sync(3);
}

static void trap_handler(struct guest_frame *f)
{
	trap_rip = f->rip;
	trap_flags = f->rflags;
	traps++;
	WRITE_REG(dr6, 0xffff0ff0ul);
}

static void stepping_nmi_handler(struct guest_frame *f)
{
	volatile uint64_t *frame = (void *)(FRAME_TOP - 8);

	if (++nmis == 2)
		return;
	frame[0] = f->rflags | 0x100;	/* TF, for POPF */
	frame[1] = (uintptr_t)behind_stepped_iret;
	frame[2] = f->cs;
	frame[3] = f->rflags;
	frame[4] = STACK_TOP - 0x8008;
	frame[5] = f->ss;
	guest_sync(101);
	asm volatile("movq %0, %%rsp; popfq; iretq" : : "r"(frame) : "memory");
}

static void stepped_iret_guest(void)
{
	guest_handlers[VEC_NMI] = stepping_nmi_handler;
	guest_handlers[VEC_DB] = trap_handler;
	guest_sync(1);
	GUEST_CHECK(false);
}

TEST(iret_that_traps)
{
	struct vcpu *vcpu = guest64(stepped_iret_guest);

	if (on_stock_kvm() && !access("/sys/module/kvm_amd", F_OK))
		SKIP("KVM takes the trap for that of its own step");
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 101);
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	CHECK_EQ(vcpu_until_sync(vcpu), 3);
}
