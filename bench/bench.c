// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exit costs, in executed instructions.
 *
 * Runs on one device (HV_DEV) inside a host whose time counts instructions
 * (QEMU -icount: one virtual nanosecond and one TSC tick each). Guest rows are
 * timed in the guest, one operation at a time, from RDTSC to RDTSC; host rows
 * around the ioctls. What is printed is the median of single operations, with
 * the two RDTSCs and the call of the operation in it, as
 *	row <TAB> unit <TAB> median
 *
 * Waiting counts too: the clock of an idle host runs on, so the rows of VMs and
 * slots hold the grace periods that the caller has to sit through.
 */
#include <sys/eventfd.h>
#include <time.h>

#include "guest.h"
#include "vm.h"

#define SAMPLES		101
#define USER_PORT	0x510	/* nobody's: goes to userspace */
#define EVENT_PORT	0x520	/* an ioeventfd */
#define USER_MMIO	0xd0000000ul
#define VECTOR		0x40
#define FAULT_BASE	0x40000000ul	/* slot 1 */
#define HUGE		0x200000ul

static volatile uint64_t sample[SAMPLES];
static volatile unsigned int fired;

/* ---- in the guest ------------------------------------------------------------- */

static void measure(void (*op)(unsigned int i))
{
	for (unsigned int i = 0; i < SAMPLES; i++) {
		uint64_t t = rdtsc();

		op(i);
		sample[i] = rdtsc() - t;
	}
}

static void op_nothing(unsigned int i)
{
	(void)i;
}

static void op_cpuid(unsigned int i)
{
	(void)i;
	cpuid(0, 0);
}

static void op_vmmcall(unsigned int i)
{
	(void)i;
	asm volatile("vmmcall" : : "a"(1000) : "memory");
}

static void op_vmcall(unsigned int i)
{
	(void)i;
	asm volatile("vmcall" : : "a"(1000) : "memory");
}

static void op_wbinvd(unsigned int i)
{
	(void)i;
	asm volatile("wbinvd" : : : "memory");
}

static void op_pio_kernel(unsigned int i)
{
	(void)i;
	inb(0x21);
}

static void op_pio_event(unsigned int i)
{
	(void)i;
	outb(EVENT_PORT, 1);
}

static void op_pio_in(unsigned int i)
{
	(void)i;
	inb(USER_PORT);
}

static void op_pio_out(unsigned int i)
{
	(void)i;
	outb(USER_PORT, 1);
}

static void op_mmio_read(unsigned int i)
{
	(void)i;
	(void)*(volatile uint32_t *)USER_MMIO;
}

static void op_mmio_write(unsigned int i)
{
	(void)i;
	*(volatile uint32_t *)USER_MMIO = 1;
}

static void op_mmio_apic(unsigned int i)
{
	(void)i;
	(void)apic_read(APIC_TPR);
}

static void op_eoi(unsigned int i)
{
	(void)i;
	apic_write(APIC_EOI, 0);
}

static void op_arm_deadline(unsigned int i)
{
	(void)i;
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + (1ul << 36));
}

static void op_arm_count(unsigned int i)
{
	(void)i;
	apic_write(APIC_TMICT, 0x40000000);
}

static void wait_for(unsigned int n)
{
	while (fired < n)
		asm volatile("pause");
}

static void op_deadline_now(unsigned int i)
{
	wrmsr(MSR_TSC_DEADLINE, 1);
	wait_for(i + 1);
}

static void op_self_ipi(unsigned int i)
{
	apic_write(APIC_ICR, 0x40000 | VECTOR);
	wait_for(i + 1);
}

#define X2APIC(reg) (0x800 + ((reg) >> 4))

static void op_x2_self_ipi(unsigned int i)
{
	wrmsr(0x83f, VECTOR);
	wait_for(i + 1);
}

static void op_x2_eoi(unsigned int i)
{
	(void)i;
	wrmsr(X2APIC(APIC_EOI), 0);
}

static void op_fault_4k(unsigned int i)
{
	*(volatile uint64_t *)(FAULT_BASE + i * 4096ul) = 1;
}

static void op_fault_2m(unsigned int i)
{
	*(volatile uint64_t *)(FAULT_BASE + i * HUGE) = 1;
}

static void op_slow_msr(unsigned int i)
{
	(void)i;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE));
}

static void on_vector(struct guest_frame *frame)
{
	(void)frame;
	fired++;
	apic_eoi();
}

static void on_x2_vector(struct guest_frame *frame)
{
	(void)frame;
	fired++;
	wrmsr(X2APIC(APIC_EOI), 0);
}

static void enable_apic(void)
{
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	guest_handlers[VECTOR] = on_vector;
	asm volatile("sti");
}

static void enable_x2apic(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
	wrmsr(X2APIC(APIC_SVR), APIC_SVR_ENABLE | 0xff);
	guest_handlers[VECTOR] = on_x2_vector;
	asm volatile("sti");
}

static void set_deadline_mode(void)
{
	enable_apic();
	apic_write(APIC_LVTT, VECTOR | 2 << 17);
}

static void set_oneshot_mode(void)
{
	enable_apic();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VECTOR);
}

static void nothing(void)
{
}

/* ---- the guest rows -------------------------------------------------------------- */

struct row {
	const char *name;
	void (*setup)(void);
	void (*op)(unsigned int i);
	unsigned int backing;	/* page size of slot 1, 0: no slot */
};

static const struct row rows[] = {
	{ "measurement itself", nothing, op_nothing, 0 },
	{ "CPUID", nothing, op_cpuid, 0 },
	{ "hypercall (VMMCALL)", nothing, op_vmmcall, 0 },
	{ "hypercall (VMCALL)", nothing, op_vmcall, 0 },
	{ "WBINVD", nothing, op_wbinvd, 0 },
	{ "PIO read, device in the kernel (PIC)", nothing, op_pio_kernel, 0 },
	{ "PIO write, ioeventfd", nothing, op_pio_event, 0 },
	{ "PIO read through userspace", nothing, op_pio_in, 0 },
	{ "PIO write through userspace", nothing, op_pio_out, 0 },
	{ "MMIO read through userspace", nothing, op_mmio_read, 0 },
	{ "MMIO write through userspace", nothing, op_mmio_write, 0 },
	{ "xAPIC register read", enable_apic, op_mmio_apic, 0 },
	{ "xAPIC EOI", enable_apic, op_eoi, 0 },
	{ "x2APIC EOI", enable_x2apic, op_x2_eoi, 0 },
	{ "LAPIC timer arm, TSC deadline", set_deadline_mode, op_arm_deadline, 0 },
	{ "LAPIC timer arm, one shot", set_oneshot_mode, op_arm_count, 0 },
	{ "TSC deadline in the past: arm, interrupt, EOI", set_deadline_mode, op_deadline_now, 0 },
	{ "self-IPI, xAPIC: send, interrupt, EOI", enable_apic, op_self_ipi, 0 },
	{ "self-IPI, x2APIC: send, interrupt, EOI", enable_x2apic, op_x2_self_ipi, 0 },
	{ "nested page fault, 4 KiB", nothing, op_fault_4k, 4096 },
	{ "nested page fault, 2 MiB", nothing, op_fault_2m, HUGE },
	{ "two exits settled outside the section (APIC base)", nothing, op_slow_msr, 0 },
};

static volatile unsigned int row_index;

static void run_row(void)
{
	rows[row_index].setup();
	measure(rows[row_index].op);
}

/* ---- on the host -------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void report(const char *name, const uint64_t *v, unsigned int n)
{
	uint64_t sorted[SAMPLES];

	memcpy(sorted, v, n * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), by_value);
	printf("%s\tinstructions\t%lu\n", name, sorted[n / 2]);
	fflush(stdout);
}

/* Slot 1, its host pages there already, so that only the nested fault is seen. */
static void back_slot(struct vm *vm, unsigned int size)
{
	size_t len = (size_t)size * (SAMPLES + 1);
	char *p = pages(len + HUGE);

	p = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	CHECK_OK(madvise(p, len, size == HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
	memset(p, 1, len);
	CHECK_OK(vm_slot(vm, 1, 0, FAULT_BASE, len, p));
}

static void set_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *c = supported_cpuid();

	cpuid_find(c, 1, 0)->ecx |= 1u << 24 | 1u << 21;	/* TSC deadline, x2APIC */
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	free(c);
}

static void add_event(struct vm *vm)
{
	struct kvm_ioeventfd io = {
		.addr = EVENT_PORT, .len = 1, .flags = KVM_IOEVENTFD_FLAG_PIO,
		.fd = CHECK_OK(eventfd(0, EFD_CLOEXEC)),
	};

	CHECK_OK(IOCTL(vm->fd, KVM_IOEVENTFD, &io));
}

static void bench_row(unsigned int i)
{
	struct vcpu *vcpu;
	struct kvm_run *run;
	uint64_t v[SAMPLES];

	row_index = i;		/* before the guest's copy is made */
	vcpu = guest64_irqchip(run_row);
	run = vcpu->run;
	set_cpuid(vcpu);
	add_event(vcpu->vm);
	if (rows[i].backing)
		back_slot(vcpu->vm, rows[i].backing);
	for (;;) {
		if (IOCTL_V(vcpu->fd, KVM_RUN, 0))
			FAIL("%s: KVM_RUN: %s", rows[i].name, strerror(errno));
		if (run->exit_reason == KVM_EXIT_MMIO)
			continue;
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == USER_PORT)
			continue;
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == CALL_PORT)
			break;
		FAIL("%s: exit %u", rows[i].name, run->exit_reason);
	}
	CHECK(vcpu_is_done(vcpu));
	memcpy(v, gpa(vcpu->vm, sample), sizeof(v));
	report(rows[i].name, v, SAMPLES);
}

static void bench_vm(void)
{
	uint64_t v[SAMPLES], w[SAMPLES];
	int dev = dev_open();

	for (unsigned int i = 0; i < SAMPLES; i++) {
		uint64_t t = rdtsc();
		int vm = CHECK_OK(IOCTL_V(dev, KVM_CREATE_VM, 0)), vcpu;

		close(vm);
		v[i] = rdtsc() - t;
		t = rdtsc();
		vm = CHECK_OK(IOCTL_V(dev, KVM_CREATE_VM, 0));
		CHECK_OK(IOCTL_V(vm, KVM_CREATE_IRQCHIP, 0));
		vcpu = CHECK_OK(IOCTL_V(vm, KVM_CREATE_VCPU, 0));
		close(vcpu);
		close(vm);
		w[i] = rdtsc() - t;
	}
	report("VM create and destroy", v, SAMPLES);
	report("VM with irqchip and vCPU create and destroy", w, SAMPLES);
}

static void bench_slots(void)
{
	struct vm *vm = vm_new();
	char *mem = pages(HUGE);
	uint64_t add[SAMPLES], del[SAMPLES];

	for (unsigned int i = 0; i < SAMPLES; i++) {
		uint64_t t = rdtsc();

		CHECK_OK(vm_slot(vm, 1, 0, FAULT_BASE, HUGE, mem));
		add[i] = rdtsc() - t;
		t = rdtsc();
		CHECK_OK(vm_slot(vm, 1, 0, FAULT_BASE, 0, mem));
		del[i] = rdtsc() - t;
	}
	report("memory slot add", add, SAMPLES);
	report("memory slot remove", del, SAMPLES);
}

TEST_LIMIT(bench, 600)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		bench_row(i);
	bench_vm();
	bench_slots();
}
