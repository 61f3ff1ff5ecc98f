// SPDX-License-Identifier: GPL-2.0-only
/*
 * Four vCPUs under a mix of what a guest's fork, exec and wake-ups are made of:
 * address spaces of their own that change under them, page faults that copy,
 * flushes asked of the others by IPI and waited for, HLT in between. A flush that
 * did not happen shows as an old value, a lost wake-up as a vCPU that waits for
 * ever. Meanwhile the VMM changes the protection of pages that are in use.
 */
#include <pthread.h>

#include "guest.h"
#include "vm.h"

#define CPUS		4
#define VEC_FLUSH	0x61
#define VEC_WAKE	0x62
#define SHARED		0x40000000ul	/* one page, its entry changed by all in turn */
#define FRAMES		0xc00000ul	/* two frames for it, of values 1 and 2 */
#define SPACES		0xd00000ul	/* per vCPU: PML4, PDPT, PD, PT, a page to copy */
#define SPACE(i)	(SPACES + 0x10000ul * (i))
#define MIN_ROUNDS	30	/* turns of any vCPU */
#define MIN_MS		4000
#define LOST_MS		60000

static volatile uint64_t turn, expected, shared_pt[512] __attribute__((aligned(4096)));
static volatile uint64_t pd_shared[512] __attribute__((aligned(4096)));
static volatile uint64_t acks, faults[CPUS], up, finish;

static unsigned int me(void)
{
	return apic_read(APIC_ID) >> 24;
}

/* ---- guest ------------------------------------------------------------------------ */

/* TCG may lose the shadow of STI: the HLT is over then. */
static void on_wake(struct guest_frame *f)
{
	if (*(uint8_t *)f->rip == 0xf4)
		f->rip++;
	apic_eoi();
}

static void on_flush(struct guest_frame *f)
{
	asm volatile("invlpg (%0)" : : "r"(SHARED) : "memory");
	GUEST_EQ(*(volatile uint64_t *)SHARED, expected);
	__atomic_add_fetch(&acks, 1, __ATOMIC_SEQ_CST);
	on_wake(f);
}

/* The write that copies: a private frame, as after fork. */
static void on_fault(struct guest_frame *f)
{
	unsigned int i = me();
	volatile uint64_t *pt = (void *)(SPACE(i) + 0x3000);
	uint64_t addr = READ_REG(cr2);

	(void)f;
	GUEST_EQ(addr & ~0xffful, SHARED + 0x1000);
	memcpy((void *)(SPACE(i) + 0x4000), (void *)FRAMES, 4096);
	pt[1] = (SPACE(i) + 0x4000) | PTE_P | PTE_W;
	asm volatile("invlpg (%0)" : : "r"(addr) : "memory");
	faults[i]++;
}

/* Two address spaces of one vCPU: the copy is written in the second alone. */
static void make_space(unsigned int i)
{
	volatile uint64_t *pml4 = (void *)SPACE(i), *pdpt = pml4 + 512, *pd = pdpt + 512;
	volatile uint64_t *pt = pd + 512, *old = (void *)PGD_ADDR;

	for (int k = 0; k < 512; k++)
		pml4[k] = pdpt[k] = pd[k] = pt[k] = 0;
	for (int k = 0; k < 4; k++)
		pdpt[k] = old[512 + k];
	pml4[0] = (uintptr_t)pdpt | PTE_P | PTE_W;
	pdpt[1] = (uintptr_t)pd | PTE_P | PTE_W;
	pd[0] = (uintptr_t)pt | PTE_P | PTE_W;
	pt[0] = FRAMES | PTE_P | PTE_W;
	pt[1] = FRAMES | PTE_P;
}

/* Fork, write, exit: CR3 to and fro, a fault that copies, the copy seen, and gone. */
static void fork_once(unsigned int i, uint64_t n)
{
	volatile uint64_t *page = (void *)(SHARED + 0x1000);
	volatile uint64_t *pt = (void *)(SPACE(i) + 0x3000);

	pt[1] = FRAMES | PTE_P;
	WRITE_REG(cr3, SPACE(i));
	GUEST_EQ(page[0], 1);
	page[1] = n;				/* copies */
	GUEST_EQ(page[0], 1);
	GUEST_EQ(page[1], n);
	WRITE_REG(cr3, PGD_ADDR);
	GUEST_EQ(((volatile uint64_t *)FRAMES)[1], 0);
}

/* Change the shared entry and have all flush it. */
static void shoot_down(uint64_t n)
{
	uint64_t all = acks + CPUS - 1;

	expected = 1 + (n & 1);
	shared_pt[0] = (FRAMES + 0x1000 * (n & 1)) | PTE_P | PTE_W;
	asm volatile("invlpg (%0)" : : "r"(SHARED) : "memory");
	apic_write(APIC_ICR, 0xc4000 | VEC_FLUSH);
	while (acks < all)
		asm volatile("sti; nop; pause; cli" : : : "memory");
}

static void work(void)
{
	unsigned int i = me();

	guest_handlers[VEC_FLUSH] = on_flush;
	guest_handlers[VEC_WAKE] = on_wake;
	guest_handlers[VEC_PF] = on_fault;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	make_space(i);
	__atomic_add_fetch(&up, 1, __ATOMIC_SEQ_CST);
	while (up < CPUS)
		asm volatile("sti; nop; pause; cli" : : : "memory");
	for (uint64_t n = 1; !finish; n++) {
		fork_once(i, n);
		while (turn % CPUS != i && !finish)
			asm volatile("sti; hlt; cli" : : : "memory");
		if (finish)
			break;
		shoot_down(turn);
		turn++;
		apic_write(APIC_ICR, 0xc4000 | VEC_WAKE);
	}
	/* who ends it wakes the others, and hears of those that began to flush */
	apic_write(APIC_ICR, 0xc4000 | VEC_WAKE);
	__atomic_sub_fetch(&up, 1, __ATOMIC_SEQ_CST);
	while (up)
		asm volatile("sti; nop; pause; cli" : : : "memory");
}

/* ---- host -------------------------------------------------------------------------- */

static void *run_vcpu(void *arg)
{
	vcpu_until_done(arg);
	return NULL;
}

static void build(struct vm *vm)
{
	uint64_t *pdpt = gpa(vm, (void *)(PGD_ADDR + 0x1000));

	pdpt[1] = (uintptr_t)pd_shared | PTE_P | PTE_W;
	IN_GUEST(vm, pd_shared)[0] = (uintptr_t)shared_pt | PTE_P | PTE_W;
	IN_GUEST(vm, shared_pt)[0] = FRAMES | PTE_P | PTE_W;
	*(uint64_t *)gpa(vm, (void *)FRAMES) = 1;
	*(uint64_t *)gpa(vm, (void *)(FRAMES + 0x1000)) = 2;
}

/* The guest only reads the frames, so nothing it does is refused meanwhile. */
static void disturb(struct vm *vm)
{
	void *frames = gpa(vm, (void *)FRAMES);

	CHECK_OK(mprotect(frames, 0x2000, PROT_READ));
	nap_ms(2);
	CHECK_OK(mprotect(frames, 0x2000, PROT_READ | PROT_WRITE));
	nap_ms(2);
}

TEST_LIMIT(mix, 180)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct vcpu *vcpu[CPUS];
	uint64_t began, moved, last = 0, now;
	struct vm *vm;
	pthread_t t[CPUS];

	vcpu[0] = guest64_irqchip(work);
	vm = vcpu[0]->vm;
	build(vm);
	for (unsigned int i = 0; i < CPUS; i++) {
		if (i) {
			vcpu[i] = vcpu_new(vm, i);
			vcpu_set_cpuid(vcpu[i]);
			CHECK_OK(IOCTL(vcpu[i]->fd, KVM_SET_MP_STATE, &runnable));
			vcpu_mode64(vcpu[i], work);
		}
		CHECK(!pthread_create(&t[i], NULL, run_vcpu, vcpu[i]));
	}
	began = moved = now_ms();
	do {
		disturb(vm);
		now = IN_GUEST(vm, turn);
		if (now != last)
			moved = now_ms();
		else if (now_ms() - moved > LOST_MS)
			FAIL("nobody goes on after %llu turns", (unsigned long long)now);
		last = now;
	} while (last < MIN_ROUNDS || now_ms() - began < MIN_MS);
	IN_GUEST(vm, finish) = 1;
	for (unsigned int i = 0; i < CPUS; i++)
		CHECK(!pthread_join(t[i], NULL));
	for (unsigned int i = 0; i < CPUS; i++)
		CHECK(IN_GUEST(vm, faults)[i]);
	ktap_note("%llu turns", (unsigned long long)last);
}
