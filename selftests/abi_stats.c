// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_STATS_FD: a file that describes itself, and whose counters count. */
#include <sys/wait.h>

#include "guest.h"
#include "vm.h"

struct stats {
	int fd;
	struct kvm_stats_header h;
	char *id, *desc;
	size_t desc_size;
};

static struct kvm_stats_desc *desc_of(struct stats *s, unsigned int i)
{
	return (struct kvm_stats_desc *)(s->desc + i * s->desc_size);
}

static void get(struct stats *s, void *to, size_t len, off_t from)
{
	CHECK_EQ(CHECK_OK(pread(s->fd, to, len, from)), len);
}

/* What a client does: header, identifier, descriptors; each at its place. */
static struct stats open_stats(int fd)
{
	struct stats s;

	need_cap(KVM_CAP_BINARY_STATS_FD, "BINARY_STATS_FD");
	s.fd = CHECK_OK(ioctl(fd, KVM_GET_STATS_FD, NULL));
	get(&s, &s.h, sizeof(s.h), 0);
	CHECK_EQ(s.h.flags, 0);
	CHECK(s.h.name_size >= 16 && s.h.name_size < 4096);
	CHECK(s.h.num_desc > 0 && s.h.num_desc < 1000);
	s.id = calloc(1, s.h.name_size + 1);
	get(&s, s.id, s.h.name_size, s.h.id_offset);
	s.desc_size = sizeof(struct kvm_stats_desc) + s.h.name_size;
	s.desc = calloc(s.h.num_desc, s.desc_size);
	get(&s, s.desc, s.h.num_desc * s.desc_size, s.h.desc_offset);
	return s;
}

static bool has(struct stats *s, const char *name)
{
	for (unsigned int i = 0; i < s->h.num_desc; i++)
		if (!strcmp(desc_of(s, i)->name, name))
			return true;
	return false;
}

static uint64_t value(struct stats *s, const char *name)
{
	uint64_t v;

	for (unsigned int i = 0; i < s->h.num_desc; i++) {
		if (strcmp(desc_of(s, i)->name, name))
			continue;
		get(s, &v, sizeof(v), s->h.data_offset + desc_of(s, i)->offset);
		return v;
	}
	FAIL("no counter %s", name);
}

static void check_format(struct stats *s)
{
	struct kvm_stats_desc *d;
	uint64_t v;

	CHECK(strlen(s->id) < s->h.name_size && !strncmp(s->id, "kvm-", 4));
	for (unsigned int i = 0; i < s->h.num_desc; i++) {
		d = desc_of(s, i);
		CHECK((d->flags & KVM_STATS_TYPE_MASK) <= KVM_STATS_TYPE_MAX);
		CHECK((d->flags & KVM_STATS_BASE_MASK) <= KVM_STATS_BASE_MAX);
		CHECK(d->size >= 1);
		CHECK(d->name[0] && strnlen(d->name, s->h.name_size) < s->h.name_size);
		get(s, &v, sizeof(v), s->h.data_offset + d->offset +
				      8 * (d->size - 1));
		for (unsigned int j = 0; j < i; j++)
			CHECK(strcmp(desc_of(s, j)->name, d->name));
	}
}

TEST(describes_itself)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct stats of_vm = open_stats(vcpu->vm->fd), of_vcpu = open_stats(vcpu->fd);

	check_format(&of_vm);
	check_format(&of_vcpu);
	CHECK(strstr(of_vcpu.id, "/vcpu-0"));
	CHECK(has(&of_vm, "remote_tlb_flush"));
	/* The end is an end. */
	CHECK_EQ(CHECK_OK(pread(of_vm.fd, of_vm.id, 1, 1 << 20)), 0);
}

static volatile uint64_t nmis;

static void on_nmi(struct guest_frame *f)
{
	(void)f;
	nmis++;
}

static void on_irq(struct guest_frame *f)
{
	(void)f;
	apic_eoi();
}

static void guest(void)
{
	guest_handlers[VEC_NMI] = on_nmi;
	guest_handlers[0x50] = on_irq;
	for (;;) {
		guest_sync(1);
		for (int i = 0; i < 10; i++)
			cpuid(0, 0);
		mmio_read(MMIO_ADDR);
		/* One interrupt to itself, taken. */
		apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
		apic_write(APIC_ICR2, 0);
		apic_write(APIC_ICR, 0x40050);
		asm volatile("sti; nop; nop; cli");
	}
}

TEST(counts)
{
	struct vcpu *vcpu;
	struct stats s;
	uint64_t exits, io, mmio, irq, nmi, sig;

	need_cap(KVM_CAP_BINARY_STATS_FD, "BINARY_STATS_FD");
	vcpu = guest64_irqchip(guest);
	s = open_stats(vcpu->fd);
	vcpu_until_sync(vcpu);
	CHECK(value(&s, "exits") > 0);
	exits = value(&s, "exits");
	io = value(&s, "io_exits");
	mmio = value(&s, "mmio_exits");
	irq = value(&s, "irq_injections");
	nmi = value(&s, "nmi_injections");
	sig = value(&s, "signal_exits");
	CHECK_OK(IOCTL_V(vcpu->fd, KVM_NMI, 0));
	vcpu_expect(vcpu, KVM_EXIT_MMIO);
	vcpu_until_sync(vcpu);
	CHECK(value(&s, "exits") >= exits + 10 + 1 + 1);
	CHECK_EQ(value(&s, "io_exits"), io + 1);
	CHECK_EQ(value(&s, "mmio_exits"), mmio + 1);
	CHECK(value(&s, "irq_injections") >= irq + 1);
	/* KVM counts one that it has to give again twice. */
	CHECK(value(&s, "nmi_injections") >= nmi + 1);
	CHECK_EQ(value(&s, "signal_exits"), sig);
	CHECK_EQ(IN_GUEST(vcpu->vm, nmis), 1);
	CHECK(value(&s, "insn_emulation") > 0);
	CHECK(value(&s, "host_state_reload") > 0);
	/* What does not happen is not counted. */
	CHECK_EQ(value(&s, "hypercalls"), 0);
	CHECK_EQ(value(&s, "halt_exits"), 0);
}

/* Faults of the second level: at least one for each page that is new. */
static void toucher(void)
{
	for (uint64_t a = FREE_ADDR; a < FREE_ADDR + (1 << 20); a += 4096)
		*(volatile uint64_t *)a = a;
	guest_sync(1);
}

TEST(faults)
{
	struct vcpu *vcpu;
	struct stats s;

	need_cap(KVM_CAP_BINARY_STATS_FD, "BINARY_STATS_FD");
	vcpu = guest64(toucher);
	s = open_stats(vcpu->fd);
	CHECK_EQ(madvise(vcpu->vm->ram, vcpu->vm->ram_size, MADV_NOHUGEPAGE), 0);
	vcpu_until_sync(vcpu);
	CHECK(value(&s, "pf_taken") >= value(&s, "pf_fixed"));
	CHECK(value(&s, "pf_fixed") >= 256);
}

/* Only what was counted before is seen by all later readers. */
TEST(every_fd_reads_the_same)
{
	struct vcpu *vcpu = guest64(toucher);
	struct stats a, b;
	pid_t pid;
	int status;

	need_cap(KVM_CAP_BINARY_STATS_FD, "BINARY_STATS_FD");
	a = open_stats(vcpu->fd);
	vcpu_until_sync(vcpu);
	b = open_stats(vcpu->fd);
	CHECK(!strcmp(a.id, b.id));
	CHECK_EQ(value(&a, "exits"), value(&b, "exits"));
	/* Reading is for everyone who has the fd. */
	pid = CHECK_OK(fork());
	if (!pid) {
		CHECK(value(&a, "exits") > 0);
		_exit(0);
	}
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
}

TEST(outlives_the_vm)
{
	struct vcpu *vcpu = guest64(toucher);
	struct stats a, b;
	struct vm *vm = vcpu->vm;
	uint64_t exits;

	need_cap(KVM_CAP_BINARY_STATS_FD, "BINARY_STATS_FD");
	if (on_stock_kvm())
		SKIP("KVM 6.1 reads freed memory here (fixed in 6.5)");
	a = open_stats(vcpu->fd);
	b = open_stats(vm->fd);
	vcpu_until_sync(vcpu);
	exits = value(&a, "exits");
	vcpu_close(vcpu);
	vm_close(vm);
	CHECK_EQ(value(&a, "exits"), exits);
	CHECK_EQ(value(&b, "remote_tlb_flush"), value(&b, "remote_tlb_flush"));
}

TEST(refusals)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct stats s = open_stats(vcpu->fd);

	CHECK_ERRNO(write(s.fd, "x", 1), EBADF);
	CHECK_ERRNO(pread(s.fd, BAD_PTR, 8, 0), EFAULT);
	CHECK_ERRNO(pread(s.fd, s.id, 8, -1), EINVAL);
	CHECK_ERRNO(ioctl(s.fd, KVM_GET_REGS, s.id), ENOTTY);
	CHECK_EQ(mmap(NULL, 4096, PROT_READ, MAP_SHARED, s.fd, 0), MAP_FAILED);
}
