// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_SREGS, KVM_SET_SREGS: reset values, round trip, refusals. */
#include "guest.h"
#include "vm.h"

TEST(reset_state)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_sregs s;

	get_sregs(vcpu, &s);
	CHECK_EQ(s.cs.selector, 0xf000);
	CHECK_EQ(s.cs.base, 0xffff0000);
	CHECK_EQ(s.cs.limit, 0xffff);
	CHECK(s.cs.present && s.cs.s);
	CHECK_EQ(s.ds.selector | s.ds.base | s.ss.selector | s.ss.base, 0);
	CHECK_EQ(s.ds.limit, 0xffff);
	CHECK_EQ(s.cr0, CR0_ET | CR0_NW | CR0_CD);
	CHECK_EQ(s.cr2 | s.cr3 | s.cr4 | s.efer, 0);
	CHECK_EQ(s.gdt.base | s.idt.base, 0);
	CHECK_EQ(s.gdt.limit, 0xffff);
	CHECK_EQ(s.idt.limit, 0xffff);
	CHECK_EQ(s.apic_base, 0xfee00900);
}

/* Compare field by field: padding is nobody's. */
static void same_segment(const struct kvm_segment *a,
			 const struct kvm_segment *b, const char *name)
{
	if (a->base == b->base && a->limit == b->limit &&
	    a->selector == b->selector && a->type == b->type &&
	    a->present == b->present && a->dpl == b->dpl && a->db == b->db &&
	    a->s == b->s && a->l == b->l && a->g == b->g && a->avl == b->avl)
		return;
	FAIL("%s differs: base %#llx limit %#x selector %#x type %u", name,
	     b->base, b->limit, b->selector, b->type);
}

static void nothing(void)
{
	guest_sync(0);
}

TEST(round_trip)
{
	struct vcpu *vcpu = guest64(nothing);
	struct kvm_sregs a, b;

	get_sregs(vcpu, &a);
	a.fs.base = 0x123456789abc;
	a.gs.base = 0xffff888000000000;
	a.ds.avl = 1;
	a.cr2 = 0xdeadbeef000;
	a.cr8 = 5;
	a.idt.limit = 0x7ff;
	set_sregs(vcpu, &a);
	get_sregs(vcpu, &b);
	same_segment(&a.cs, &b.cs, "cs");
	same_segment(&a.ds, &b.ds, "ds");
	same_segment(&a.es, &b.es, "es");
	same_segment(&a.fs, &b.fs, "fs");
	same_segment(&a.gs, &b.gs, "gs");
	same_segment(&a.ss, &b.ss, "ss");
	same_segment(&a.tr, &b.tr, "tr");
	CHECK(b.ldt.unusable);
	CHECK_EQ(a.cr0, b.cr0);
	CHECK_EQ(a.cr2, b.cr2);
	CHECK_EQ(a.cr3, b.cr3);
	CHECK_EQ(a.cr4, b.cr4);
	CHECK_EQ(a.cr8, b.cr8);
	CHECK_EQ(a.efer, b.efer);
	CHECK_EQ(a.idt.base, b.idt.base);
	CHECK_EQ(a.idt.limit, b.idt.limit);
	CHECK_EQ(a.gdt.base, b.gdt.base);
	CHECK_EQ(a.gdt.limit, b.gdt.limit);
	CHECK_EQ(a.apic_base, b.apic_base);
}

static void refuse(struct vcpu *vcpu, struct kvm_sregs *s, const char *why)
{
	struct kvm_sregs before, after;

	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	get_sregs(vcpu, &before);
	if (!IOCTL(vcpu->fd, KVM_SET_SREGS, s))
		FAIL("accepted: %s", why);
	CHECK_EQ(errno, EINVAL);
	get_sregs(vcpu, &after);
	if (memcmp(&before, &after, sizeof(before)))
		FAIL("refused, but changed something: %s", why);
}

TEST(refusals)
{
	struct vcpu *vcpu = guest64(nothing);
	struct kvm_sregs good, s;

	get_sregs(vcpu, &good);
	s = good;
	s.cr4 &= ~CR4_PAE;
	refuse(vcpu, &s, "long mode without PAE");
	s = good;
	s.efer &= ~EFER_LMA;
	refuse(vcpu, &s, "paging and LME without LMA");
	s = good;
	s.cr0 &= ~CR0_PG;
	refuse(vcpu, &s, "LMA without paging");
	s = good;
	s.efer = 0;
	refuse(vcpu, &s, "64-bit code segment outside long mode");
	s = good;
	s.cr4 |= 1ul << 31;
	refuse(vcpu, &s, "reserved bit of CR4");
	s = good;
	s.cr4 |= 1ul << 40;
	refuse(vcpu, &s, "reserved upper bit of CR4");
	s = good;
	s.cr3 |= 1ul << 60;
	refuse(vcpu, &s, "CR3 beyond the physical address width");
	s = good;
	s.apic_base |= 1ul << 55;
	refuse(vcpu, &s, "reserved bit of the APIC base");
	set_sregs(vcpu, &good);
	vcpu_until_sync(vcpu);
}

TEST(refuses_bad_cr0)
{
	struct vcpu *vcpu = guest64(nothing);
	struct kvm_sregs good, s;

	get_sregs(vcpu, &good);
	s = good;
	s.cr0 |= 1ul << 40;
	refuse(vcpu, &s, "upper bit of CR0");
	s = good;
	s.cr0 &= ~CR0_PE;
	refuse(vcpu, &s, "paging without protection");
	s = good;
	s.cr0 |= CR0_NW;
	refuse(vcpu, &s, "NW without CD");
}

/* An interrupt given by the bitmap is pending, and read back. */
TEST(interrupt_bitmap)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_sregs s;

	get_sregs(vcpu, &s);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(s.interrupt_bitmap[i], 0);
	s.interrupt_bitmap[1] = 1ul << 5;	/* vector 69 */
	set_sregs(vcpu, &s);
	get_sregs(vcpu, &s);
	CHECK_EQ(s.interrupt_bitmap[1], 1ul << 5);
}
