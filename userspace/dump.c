// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vCPU looked like when the hypervisor gave up on it, on stderr.
 */
#include <stdio.h>
#include <sys/ioctl.h>

#include "vmm.h"

#define CODE_BYTES	15	/* the longest instruction */

static void dump_segment(const char *name, const struct kvm_segment *s)
{
	fprintf(stderr,
		"%-4s %04x base %016llx limit %08x type %x s%u dpl%u p%u l%u db%u g%u%s\n",
		name, s->selector, (unsigned long long)s->base, s->limit,
		s->type, s->s, s->dpl, s->present, s->l, s->db, s->g,
		s->unusable ? " unusable" : "");
}

static void dump_sregs(const struct kvm_sregs *s)
{
	dump_segment("cs", &s->cs);
	dump_segment("ds", &s->ds);
	dump_segment("es", &s->es);
	dump_segment("fs", &s->fs);
	dump_segment("gs", &s->gs);
	dump_segment("ss", &s->ss);
	dump_segment("tr", &s->tr);
	dump_segment("ldt", &s->ldt);
	fprintf(stderr, "gdt %016llx/%04x idt %016llx/%04x\n",
		(unsigned long long)s->gdt.base, s->gdt.limit,
		(unsigned long long)s->idt.base, s->idt.limit);
	fprintf(stderr,
		"cr0 %llx cr2 %llx cr3 %llx cr4 %llx cr8 %llx efer %llx apic %llx\n",
		(unsigned long long)s->cr0, (unsigned long long)s->cr2,
		(unsigned long long)s->cr3, (unsigned long long)s->cr4,
		(unsigned long long)s->cr8, (unsigned long long)s->efer,
		(unsigned long long)s->apic_base);
}

static void dump_regs(const struct kvm_regs *r)
{
	const struct {
		const char *name;
		u64 value;
	} row[] = {
		{ "rax", r->rax }, { "rbx", r->rbx }, { "rcx", r->rcx },
		{ "rdx", r->rdx }, { "rsi", r->rsi }, { "rdi", r->rdi },
		{ "rsp", r->rsp }, { "rbp", r->rbp }, { "r8", r->r8 },
		{ "r9", r->r9 }, { "r10", r->r10 }, { "r11", r->r11 },
		{ "r12", r->r12 }, { "r13", r->r13 }, { "r14", r->r14 },
		{ "r15", r->r15 }, { "rip", r->rip }, { "flags", r->rflags },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(row); i++)
		fprintf(stderr, "%-5s %016llx%s", row[i].name,
			(unsigned long long)row[i].value,
			i % 3 == 2 ? "\n" : "  ");
}

static void dump_code(struct vcpu *vcpu, u64 linear)
{
	struct kvm_translation tr = { .linear_address = linear };
	unsigned int i;
	u8 *code;

	fprintf(stderr, "code ");
	if (ioctl(vcpu->fd, KVM_TRANSLATE, &tr) || !tr.valid) {
		fprintf(stderr, "not mapped\n");
		return;
	}
	for (i = 0; i < CODE_BYTES; i++) {
		/* The next page may lie elsewhere; one page is enough to see. */
		if (i && !((linear + i) & 0xfff))
			break;
		code = mem_at(&vcpu->vm->mem, tr.physical_address + i, 1);
		if (!code)
			break;
		fprintf(stderr, " %02x", *code);
	}
	fprintf(stderr, "\n");
}

static void dump_internal(const struct kvm_run *run)
{
	u32 i, n = run->internal.ndata;

	if (n > ARRAY_SIZE(run->internal.data))
		n = ARRAY_SIZE(run->internal.data);
	fprintf(stderr, "data");
	for (i = 0; i < n; i++)
		fprintf(stderr, " %llx",
			(unsigned long long)run->internal.data[i]);
	fprintf(stderr, "\n");
}

void vcpu_dump(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	fprintf(stderr, "vCPU %u, exit reason %u\n", vcpu->id,
		vcpu->run->exit_reason);
	if (vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		dump_internal(vcpu->run);
	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &sregs)) {
		fprintf(stderr, "registers cannot be read\n");
		return;
	}
	dump_regs(&regs);
	dump_sregs(&sregs);
	dump_code(vcpu, sregs.cs.base + regs.rip);
}
