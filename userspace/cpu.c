// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vCPU is before its first instruction: CPUID, registers, a few MSRs
 * and the local APIC's pins, as firmware would have left them.
 *
 * Only the first vCPU gets registers of ours.  The others keep their reset
 * state; the guest starts them through the in-kernel local APIC.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "layout.h"
#include "vmm.h"

#define CR0_PE		(1u << 0)
#define CR0_MP		(1u << 1)
#define CR0_ET		(1u << 4)
#define CR0_NE		(1u << 5)
#define CR0_PG		(1u << 31)
#define CR4_PAE		(1u << 5)
#define EFER_LME	(1u << 8)
#define EFER_LMA	(1u << 10)

/* Selectors and types of the GDT that the 64-bit boot protocol asks for. */
#define BOOT_CS		0x10
#define BOOT_DS		0x18
#define TYPE_CODE	0xb	/* execute, read, accessed */
#define TYPE_DATA	0x3	/* read, write, accessed */
#define TYPE_TSS_BUSY	0xb

#define MSR_MISC_ENABLE		0x1a0
#define MISC_FAST_STRING	(1u << 0)
#define MISC_NO_BTS_PEBS	(3u << 11)
#define MSR_MTRR_BASE0		0x200
#define MSR_MTRR_MASK0		0x201
#define MSR_MTRR_DEFAULT	0x2ff
#define MTRR_WRITE_BACK		6
#define MTRR_UNCACHED		0
#define MTRR_ENABLE		(1u << 11)
#define MTRR_MASK_VALID		(1u << 11)

#define LAPIC_LVT0		0x350
#define LAPIC_LVT1		0x360
#define DELIVERY_NMI		(4u << 8)
#define DELIVERY_EXTINT		(7u << 8)

#define CPUID_ENTRIES_MAX	1024	/* far beyond what any CPU reports */

/* Bits of an APIC ID that `n` CPUs need. */
static unsigned int id_bits(unsigned int n)
{
	unsigned int bits = 0;

	while ((1u << bits) < n)
		bits++;
	return bits;
}

struct kvm_cpuid2 *cpu_supported(const struct vm *vm)
{
	struct kvm_cpuid2 *c;
	unsigned int n;

	for (n = 64; n <= CPUID_ENTRIES_MAX; n *= 2) {
		c = calloc(1, sizeof(*c) + n * sizeof(c->entries[0]));
		if (!c)
			die("cpuid: out of memory");
		c->nent = n;
		if (!ioctl(vm->dev_fd, KVM_GET_SUPPORTED_CPUID, c))
			return c;
		if (errno != E2BIG)
			break;
		free(c);
	}
	die("KVM_GET_SUPPORTED_CPUID on %s: %s", vm->device, strerror(errno));
}

static void set_bits(u32 *reg, unsigned int shift, unsigned int width, u32 v)
{
	u32 mask = (width < 32 ? (1u << width) - 1 : ~0u) << shift;

	*reg = (*reg & ~mask) | (v << shift & mask);
}

/* One package, `n` cores, one thread each: replace the host's own topology. */
static void cpuid_topology(struct kvm_cpuid_entry2 *e, u32 id, u32 n)
{
	bool shared = ((e->eax >> 5) & 7) >= 3;	/* of a cache leaf: its level */

	switch (e->function) {
	case 0x1:
		set_bits(&e->ebx, 24, 8, id);
		set_bits(&e->ebx, 16, 8, n > 1 ? 1u << id_bits(n) : 0);
		set_bits(&e->edx, 28, 1, n > 1);	/* HTT */
		break;
	case 0x4:
		if (!(e->eax & 0x1f))
			break;
		set_bits(&e->eax, 14, 12, shared ? n - 1 : 0);
		set_bits(&e->eax, 26, 6, (1u << id_bits(n)) - 1);
		break;
	case 0xb:
	case 0x1f:
		/* Level 0: threads of a core; level 1: cores of the package. */
		e->eax = e->index == 1 ? id_bits(n) : 0;
		e->ebx = e->index > 1 ? 0 : e->index ? n : 1;
		e->ecx = e->index | (e->index > 1 ? 0 : (e->index + 1) << 8);
		e->edx = id;
		break;
	case 0x80000001:
		set_bits(&e->ecx, 1, 1, n > 1);		/* CmpLegacy */
		break;
	case 0x80000008:
		set_bits(&e->ecx, 0, 8, n - 1);
		set_bits(&e->ecx, 12, 4, id_bits(n));
		break;
	case 0x8000001d:
		if (e->eax & 0x1f)
			set_bits(&e->eax, 14, 12, shared ? n - 1 : 0);
		break;
	case 0x8000001e:
		e->eax = id;
		e->ebx = id & 0xff;
		e->ecx = 0;
		break;
	}
}

/* What the MSR set-up must know of the CPUID that the guest sees. */
struct cpu_traits {
	bool intel, mtrr;
	unsigned int phys_bits;
};

static void cpu_set_cpuid(struct vcpu *vcpu, struct cpu_traits *traits)
{
	struct vm *vm = vcpu->vm;
	struct kvm_cpuid2 *c = cpu_supported(vm);
	bool deadline = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION,
			      KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	unsigned int i;

	*traits = (struct cpu_traits){ .phys_bits = 36 };
	for (i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		cpuid_topology(e, vcpu->id, vm->nr_vcpus);
		if (e->function == 0) {
			traits->intel = e->ebx == 0x756e6547;	/* "Genu" */
		} else if (e->function == 1) {
			set_bits(&e->ecx, 24, 1, deadline);
			set_bits(&e->ecx, 31, 1, 1);	/* a hypervisor */
			traits->mtrr = e->edx & (1u << 12);
		} else if (e->function == 0x80000008) {
			traits->phys_bits = e->eax & 0xff;
		}
	}
	vm_ioctl(vm, vcpu->fd, KVM_SET_CPUID2, c);
	free(c);
}

/*
 * Memory types: write-back, but uncached in the hole; and fast strings on,
 * which Linux takes as a property of Intel's CPUs.
 */
static void cpu_set_msrs(struct vcpu *vcpu, const struct cpu_traits *t)
{
	u64 hole = HOLE_END - HOLE_START;
	u64 mask = ((1ULL << t->phys_bits) - 1) & ~(hole - 1);
	struct kvm_msr_entry *e;
	struct kvm_msrs *m = calloc(1, sizeof(*m) + 4 * sizeof(*e));
	int n = 0, done;

	if (!m)
		die("msr: out of memory");
	e = m->entries;
	if (t->intel)
		e[n++] = (struct kvm_msr_entry){ MSR_MISC_ENABLE, 0,
				MISC_FAST_STRING | MISC_NO_BTS_PEBS };
	if (t->mtrr) {
		e[n++] = (struct kvm_msr_entry){ MSR_MTRR_BASE0, 0,
				HOLE_START | MTRR_UNCACHED };
		e[n++] = (struct kvm_msr_entry){ MSR_MTRR_MASK0, 0,
				mask | MTRR_MASK_VALID };
		e[n++] = (struct kvm_msr_entry){ MSR_MTRR_DEFAULT, 0,
				MTRR_ENABLE | MTRR_WRITE_BACK };
	}
	m->nmsrs = n;
	done = vm_ioctl(vcpu->vm, vcpu->fd, KVM_SET_MSRS, m);
	if (done < n)
		die("%s refuses MSR %#x = %#llx", vcpu->vm->device,
		    e[done].index, (unsigned long long)e[done].data);
	free(m);
}

/* As firmware leaves it: the PIC on pin 0, NMI on pin 1. */
static void cpu_set_lapic(struct vcpu *vcpu)
{
	struct kvm_lapic_state s;
	u32 lvt0 = DELIVERY_EXTINT, lvt1 = DELIVERY_NMI;

	vm_ioctl(vcpu->vm, vcpu->fd, KVM_GET_LAPIC, &s);
	memcpy(s.regs + LAPIC_LVT0, &lvt0, sizeof(lvt0));
	memcpy(s.regs + LAPIC_LVT1, &lvt1, sizeof(lvt1));
	vm_ioctl(vcpu->vm, vcpu->fd, KVM_SET_LAPIC, &s);
}

static struct kvm_segment flat(u16 selector, u8 type, bool long_mode)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = long_mode,
		.db = !long_mode,
	};
}

/* A descriptor as it stands in memory, from the same facts. */
static u64 descriptor(const struct kvm_segment *s)
{
	u64 access = s->type | s->s << 4 | s->dpl << 5 | s->present << 7 |
		     s->l << 13 | s->db << 14 | s->g << 15;

	return 0x000f00000000ffffULL | access << 40;
}

static void cpu_set_sregs(struct vcpu *vcpu, bool long_mode)
{
	struct kvm_segment code = flat(BOOT_CS, TYPE_CODE, long_mode);
	struct kvm_segment data = flat(BOOT_DS, TYPE_DATA, false);
	struct vm *vm = vcpu->vm;
	struct kvm_sregs s;
	u64 *gdt = mem_at(&vm->mem, GDT_ADDR, 4 * sizeof(*gdt));

	memset(gdt, 0, 2 * sizeof(*gdt));
	gdt[BOOT_CS / 8] = descriptor(&code);
	gdt[BOOT_DS / 8] = descriptor(&data);

	vm_ioctl(vm, vcpu->fd, KVM_GET_SREGS, &s);
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.tr = (struct kvm_segment){ .limit = 0x67, .type = TYPE_TSS_BUSY,
				     .present = 1 };
	s.ldt = (struct kvm_segment){ .type = 2, .unusable = 1 };
	s.gdt = (struct kvm_dtable){ .base = GDT_ADDR,
				     .limit = 4 * sizeof(*gdt) - 1 };
	s.idt = (struct kvm_dtable){ 0 };
	s.cr0 = CR0_PE | CR0_ET;
	s.cr4 = 0;
	if (long_mode) {
		s.cr0 |= CR0_PG | CR0_MP | CR0_NE;
		s.cr3 = PAGE_TABLE_ADDR;
		s.cr4 = CR4_PAE;
		s.efer |= EFER_LME | EFER_LMA;
	}
	vm_ioctl(vm, vcpu->fd, KVM_SET_SREGS, &s);
}

void cpu_setup(struct vcpu *vcpu, const struct boot_entry *entry)
{
	struct kvm_regs regs = { .rflags = 2 };	/* bit 1 is always set */
	struct cpu_traits traits;

	cpu_set_cpuid(vcpu, &traits);
	cpu_set_msrs(vcpu, &traits);
	cpu_set_lapic(vcpu);
	if (vcpu->id)
		return;
	cpu_set_sregs(vcpu, entry->long_mode);
	regs.rip = entry->rip;
	if (entry->long_mode)
		regs.rsi = entry->info;
	else
		regs.rbx = entry->info;
	vm_ioctl(vcpu->vm, vcpu->fd, KVM_SET_REGS, &regs);
}
