// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host side of a test: the device, VMs, vCPUs and their memory.
 *
 * Everything here uses the least the API offers for its purpose, so that a
 * test of one ioctl does not depend on the rest of them.
 */
#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "guest.h"
#include "vm.h"

static const char *chosen;

static const char *dev_path(void)
{
	const char *path = chosen ? chosen : getenv("HV_DEV");

	return path ? path : "/dev/hv";
}

/*
 * From now on use the other device, where HV_OTHER names one: a test that moves
 * a guest to a new VM then moves it to the other hypervisor and back.
 */
void dev_change(void)
{
	static bool there;

	if (!getenv("HV_OTHER"))
		return;
	there = !there;
	chosen = there ? getenv("HV_OTHER") : NULL;
}

bool dev_shadow_paging(void)
{
	static const char *const files[] = {
		"hv/parameters/npt", "hv/parameters/ept",
		"kvm_amd/parameters/npt", "kvm_intel/parameters/ept",
	};
	bool hv = !strstr(dev_path(), "kvm");
	char path[64], on = 'Y';
	size_t i;
	FILE *f;

	/* of two parameters the other vendor's says Y, or is not there */
	for (i = hv ? 0 : 2; i < (hv ? 2 : 4) && on == 'Y'; i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", files[i]);
		f = fopen(path, "r");
		if (f) {
			on = fgetc(f);
			fclose(f);
		}
	}
	return on == 'N' || on == '0';
}

int dev_open(void)
{
	int fd = open(dev_path(), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		FAIL("%s: %s", dev_path(), strerror(errno));
	return fd;
}

/* For what the two are documented to answer differently; nothing else. */
bool on_stock_kvm(void)
{
	return !strcmp(dev_path(), "/dev/kvm");
}

/*
 * QEMU's TCG: its SVM leaves out DR7 on VMRUN, intercepts of INT3 and some
 * consistency checks. A test skips such a case only after it saw the lack.
 */
bool on_tcg(void)
{
	struct cpuid_regs r = cpuid(0x40000000, 0);

	return r.ebx == 0x54474354 && r.ecx == 0x43544743;
}

/* Value of a capability; @fd is the device or a VM. */
int dev_cap(int fd, long cap)
{
	return CHECK_OK(IOCTL_V(fd, KVM_CHECK_EXTENSION, cap));
}

/* Skip the case where the device says that it lacks an optional part. */
void need_cap(long cap, const char *name)
{
	int fd = dev_open();

	if (!dev_cap(fd, cap))
		SKIP("capability %s is 0", name);
	close(fd);
}

/* Zeroed, page-aligned, private anonymous memory. */
void *pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		FAIL("mmap of %zu bytes: %s", size, strerror(errno));
	return p;
}

/* A VM without memory. */
struct vm *vm_bare(void)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	CHECK(vm);
	vm->dev = dev_open();
	vm->fd = CHECK_OK(IOCTL_V(vm->dev, KVM_CREATE_VM, 0));
	return vm;
}

/* Set memory slot @slot; as ioctl, so that tests of refusals can use it. */
int vm_slot(struct vm *vm, unsigned int slot, unsigned int flags,
	    uint64_t gpa, uint64_t size, void *hva)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = size, .userspace_addr = (uintptr_t)hva,
	};

	return IOCTL(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

/* Host address of guest-physical (or identity-mapped) @addr in slot 0. */
void *gpa(struct vm *vm, const volatile void *addr)
{
	uintptr_t a = (uintptr_t)addr;

	if (a >= vm->ram_size)
		FAIL("guest address %#lx is not RAM", a);
	return vm->ram + a;
}

/* Copy this executable's loaded segments to the same guest addresses. */
static void load_image(struct vm *vm)
{
	extern const Elf64_Ehdr ehdr asm("__ehdr_start");
	const Elf64_Phdr *ph = (const void *)((const char *)&ehdr + ehdr.e_phoff);

	for (int i = 0; i < ehdr.e_phnum; i++) {
		uintptr_t start = ph[i].p_vaddr;

		if (ph[i].p_type != PT_LOAD)
			continue;
		CHECK(start >= IMAGE_BASE && start + ph[i].p_memsz <= FREE_ADDR);
		memcpy(vm->ram + start, (void *)start, ph[i].p_memsz);
	}
}

static void build_page_tables(struct vm *vm)
{
	uint64_t *pml4 = gpa(vm, (void *)PGD_ADDR);
	uint64_t *pdpt = pml4 + 512, *pd = pdpt + 512;

	pml4[0] = (PGD_ADDR + 0x1000) | PTE_P | PTE_W | PTE_U;
	for (unsigned int i = 0; i < 4; i++)
		pdpt[i] = (PGD_ADDR + 0x2000 + 0x1000ul * i) |
			  PTE_P | PTE_W | PTE_U;
	for (uint64_t i = 0; i < 2048; i++)
		pd[i] = i << 21 | PTE_P | PTE_W | PTE_U | PTE_PS;
}

static void build_descriptors(struct vm *vm)
{
	uint64_t *gdt = gpa(vm, (void *)GDT_ADDR);
	uint64_t *idt = gpa(vm, (void *)IDT_ADDR);

	gdt[SEL_CODE64 / 8] = 0x00af9b000000ffff;
	gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	gdt[SEL_TSS / 8] = 0x00008b0000000067 | TSS_ADDR << 16;
	gdt[SEL_CODE32 / 8] = 0x00cf9b000000ffff;
	for (unsigned int i = 0; i < 256; i++) {
		uint64_t a = (uintptr_t)guest_stubs + 16 * i;

		idt[2 * i] = (a & 0xffff) | (uint64_t)SEL_CODE64 << 16 |
			     0x8e00ull << 32 | (a >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = a >> 32;
	}
}

/* A VM with RAM at 0 that holds this executable, tables and descriptors. */
struct vm *vm_new(void)
{
	struct vm *vm = vm_bare();

	vm->ram_size = RAM_SIZE;
	vm->ram = pages(RAM_SIZE);
	load_image(vm);
	build_page_tables(vm);
	build_descriptors(vm);
	CHECK_OK(vm_slot(vm, 0, 0, 0, RAM_SIZE, vm->ram));
	/* Where VT-x without unrestricted guest keeps what real mode needs. */
	CHECK_OK(IOCTL_V(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000));
	return vm;
}

struct vm *vm_new_irqchip(void)
{
	struct vm *vm = vm_new();

	CHECK_OK(IOCTL_V(vm->fd, KVM_CREATE_IRQCHIP, 0));
	return vm;
}

uint8_t *vm_take_ram(struct vm *vm)
{
	uint8_t *ram = vm->ram;

	vm->ram = NULL;
	return ram;
}

void vm_give_ram(struct vm *vm, uint8_t *ram)
{
	CHECK_OK(vm_slot(vm, 0, 0, 0, 0, vm->ram));
	munmap(vm->ram, vm->ram_size);
	vm->ram = ram;
	CHECK_OK(vm_slot(vm, 0, 0, 0, vm->ram_size, ram));
}

void vm_close(struct vm *vm)
{
	if (vm->ram)
		munmap(vm->ram, vm->ram_size);
	CHECK_OK(close(vm->fd));
	CHECK_OK(close(vm->dev));
	free(vm);
}

struct vcpu *vcpu_new(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));

	CHECK(vcpu);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = CHECK_OK(IOCTL_V(vm->fd, KVM_CREATE_VCPU, id));
	vcpu->run_size = CHECK_OK(IOCTL_V(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0));
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		FAIL("mmap of a vCPU: %s", strerror(errno));
	return vcpu;
}

void vcpu_close(struct vcpu *vcpu)
{
	CHECK_OK(munmap(vcpu->run, vcpu->run_size));
	CHECK_OK(close(vcpu->fd));
	free(vcpu);
}

/* The table of KVM_GET_SUPPORTED_CPUID. */
struct kvm_cpuid2 *supported_cpuid(void)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));
	int fd = dev_open();

	CHECK(c);
	c->nent = 256;
	CHECK_OK(IOCTL(fd, KVM_GET_SUPPORTED_CPUID, c));
	close(fd);
	return c;
}

/* The entry of leaf @fn (and @index where it has sub-leaves), or NULL. */
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *c, uint32_t fn,
				    uint32_t index)
{
	for (unsigned int i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == fn &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		     e->index == index))
			return e;
	}
	return NULL;
}

/* Give the vCPU every feature that the device supports. */
void vcpu_set_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *c = supported_cpuid();

	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, c));
	free(c);
}

void get_regs(struct vcpu *vcpu, struct kvm_regs *regs)
{
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_REGS, regs));
}

void set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_REGS, regs));
}

void get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_SREGS, sregs));
}

void set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_SREGS, sregs));
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.selector = selector, .limit = 0xffffffff, .type = type,
		.present = 1, .s = 1, .g = 1, .db = 1,
	};
}

static void protected_mode(struct kvm_sregs *s)
{
	s->ds = flat_segment(SEL_DATA, 3);
	s->es = s->fs = s->gs = s->ss = s->ds;
	s->tr = (struct kvm_segment){
		.selector = SEL_TSS, .base = TSS_ADDR, .limit = 0x67,
		.type = 11, .present = 1,
	};
	s->ldt = (struct kvm_segment){ .unusable = 1 };
	s->gdt.base = GDT_ADDR;
	s->gdt.limit = 6 * 8 - 1;
	s->idt.base = IDT_ADDR;
	s->idt.limit = 256 * 16 - 1;
	s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP;
	s->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
}

/* 64-bit mode, paging on, interrupts off, about to call @fn. */
void vcpu_mode64(struct vcpu *vcpu, void (*fn)(void))
{
	struct kvm_regs r = {
		.rip = (uintptr_t)guest_start, .rflags = RFLAGS_FIXED,
		.rsp = STACK_TOP - 0x10000 * vcpu->id,
		.rdi = (uintptr_t)fn,
	};
	struct kvm_sregs s;

	get_sregs(vcpu, &s);
	protected_mode(&s);
	s.cs = flat_segment(SEL_CODE64, 11);
	s.cs.db = 0;
	s.cs.l = 1;
	s.cr0 |= CR0_PG;
	s.cr3 = PGD_ADDR;
	s.cr4 |= CR4_PAE;
	s.efer = EFER_LME | EFER_LMA | EFER_NX | EFER_SCE;
	set_sregs(vcpu, &s);
	set_regs(vcpu, &r);
}

/* Flat 32-bit protected mode without paging, at @code in this executable. */
void vcpu_mode32(struct vcpu *vcpu, const void *code)
{
	struct kvm_regs r = {
		.rip = (uintptr_t)code, .rflags = RFLAGS_FIXED,
		.rsp = STACK_TOP,
	};
	struct kvm_sregs s;

	get_sregs(vcpu, &s);
	protected_mode(&s);
	s.cs = flat_segment(SEL_CODE32, 11);
	s.cr4 = 0;
	s.efer = 0;
	set_sregs(vcpu, &s);
	set_regs(vcpu, &r);
}

/* Real mode, at a copy of @code at 0:REAL_ADDR; the reset state otherwise. */
void vcpu_real(struct vcpu *vcpu, const void *code, size_t len)
{
	struct kvm_regs r = {
		.rip = REAL_ADDR, .rflags = RFLAGS_FIXED, .rsp = REAL_ADDR,
	};
	struct kvm_sregs s;

	memcpy(gpa(vcpu->vm, (void *)REAL_ADDR), code, len);
	get_sregs(vcpu, &s);
	s.cs.base = 0;
	s.cs.selector = 0;
	set_sregs(vcpu, &s);
	set_regs(vcpu, &r);
}

static struct vcpu *guest_in(struct vm *vm, void (*fn)(void))
{
	struct vcpu *vcpu = vcpu_new(vm, 0);

	vcpu_set_cpuid(vcpu);
	vcpu_mode64(vcpu, fn);
	return vcpu;
}

struct vcpu *guest64(void (*fn)(void))
{
	return guest_in(vm_new(), fn);
}

struct vcpu *guest64_irqchip(void (*fn)(void))
{
	return guest_in(vm_new_irqchip(), fn);
}

int vcpu_run_raw(struct vcpu *vcpu)
{
	return IOCTL_V(vcpu->fd, KVM_RUN, 0);
}

/* Run to the next exit; its reason. */
unsigned int vcpu_run(struct vcpu *vcpu)
{
	vcpu->run->exit_reason = ~0u;
	if (vcpu_run_raw(vcpu))
		FAIL("KVM_RUN: %s", strerror(errno));
	return vcpu->run->exit_reason;
}

static void describe_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs r;

	if (!IOCTL(vcpu->fd, KVM_GET_REGS, &r))
		ktap_note("rip %#llx rax %#llx rflags %#llx",
			  r.rip, r.rax, r.rflags);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		ktap_note("internal error %u, data %u: %#llx %#llx %#llx",
			  run->internal.suberror, run->internal.ndata,
			  run->internal.data[0], run->internal.data[1],
			  run->internal.data[2]);
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		ktap_note("entry failed: %#llx",
			  run->fail_entry.hardware_entry_failure_reason);
	if (run->exit_reason == KVM_EXIT_IO)
		ktap_note("io: port %#x dir %u size %u count %u",
			  run->io.port, run->io.direction, run->io.size,
			  run->io.count);
	if (run->exit_reason == KVM_EXIT_MMIO)
		ktap_note("mmio: %#llx write %u len %u",
			  run->mmio.phys_addr, run->mmio.is_write,
			  run->mmio.len);
}

/* Run, and fail unless the next exit has this reason. */
void vcpu_expect(struct vcpu *vcpu, unsigned int reason)
{
	unsigned int got = vcpu_run(vcpu);

	if (got != reason) {
		describe_exit(vcpu);
		FAIL("exit reason %u, not %u", got, reason);
	}
}

/* The call that the last exit carries; fails on any other exit. */
static struct guest_call *call_of(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct guest_call *call;
	uint32_t addr;

	if (run->exit_reason != KVM_EXIT_IO || run->io.port != CALL_PORT ||
	    run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4) {
		describe_exit(vcpu);
		FAIL("exit reason %u, not a call of the guest",
		     run->exit_reason);
	}
	memcpy(&addr, (char *)run + run->io.data_offset, 4);
	call = gpa(vcpu->vm, (void *)(uintptr_t)addr);
	if (call->kind == CALL_FAIL)
		ktap_fail((char *)gpa(vcpu->vm, call->file), (int)call->line,
			  "guest: %s (%#lx, %#lx)",
			  (char *)gpa(vcpu->vm, call->text),
			  call->arg[0], call->arg[1]);
	if (call->kind == CALL_FAULT)
		FAIL("guest: exception %lu at %#lx, error %#lx, cr2 %#lx",
		     call->arg[0], call->arg[1], call->arg[2], call->arg[3]);
	return call;
}

/* The last exit is the guest's end (true) or another of its calls (false). */
bool vcpu_is_done(struct vcpu *vcpu)
{
	return call_of(vcpu)->kind == CALL_DONE;
}

void vcpu_until_done(struct vcpu *vcpu)
{
	vcpu_run(vcpu);
	if (!vcpu_is_done(vcpu))
		FAIL("guest: sync %lu instead of the end",
		     call_of(vcpu)->arg[0]);
}

/* Run to the guest's next guest_sync(); its stage. */
uint64_t vcpu_until_sync(struct vcpu *vcpu)
{
	struct guest_call *call;

	vcpu_run(vcpu);
	call = call_of(vcpu);
	if (call->kind != CALL_SYNC)
		FAIL("guest ended early");
	return call->arg[0];
}

uint64_t get_msr(struct vcpu *vcpu, uint32_t index)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e.index = index };

	if (IOCTL(vcpu->fd, KVM_GET_MSRS, &m.h) != 1)
		FAIL("KVM_GET_MSRS refuses %#x", index);
	return m.e.data;
}

/* 1 when the MSR took the value, 0 when it was refused. */
int try_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e = { .index = index, .data = value } };

	return CHECK_OK(IOCTL(vcpu->fd, KVM_SET_MSRS, &m.h));
}

void irq_line(struct vm *vm, uint32_t irq, int level)
{
	struct kvm_irq_level l = { .irq = irq, .level = level };

	CHECK_OK(IOCTL(vm->fd, KVM_IRQ_LINE, &l));
}

/* Give another thread time to be inside the guest. */
void nap_ms(unsigned int ms)
{
	poll(NULL, 0, ms);
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}
