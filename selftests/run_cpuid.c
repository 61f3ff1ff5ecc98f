// SPDX-License-Identifier: GPL-2.0-only
/* The guest's CPUID instruction answers from the table of KVM_SET_CPUID2. */
#include "guest.h"
#include "vm.h"

static struct cpuid_regs want[8], got[8];
static const struct { uint32_t fn, index; } asked[8] = {
	{ 0, 0 }, { 1, 0 }, { 7, 0 }, { 0xd, 0 }, { 0x40000000, 0 },
	{ 0x80000000, 0 }, { 0x80000001, 0 }, { 0x80000008, 0 },
};

static void cpuid_guest(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(asked); i++)
		got[i] = cpuid(asked[i].fn, asked[i].index);
}

/* Bits that the CPU derives from its own state instead of from the table. */
static uint32_t live_bits(uint32_t fn, int reg)
{
	if (fn == 1 && reg == 1)
		return 0xffff0000;	/* APIC id, logical processors */
	if (fn == 1 && reg == 2)
		return 1u << 27;	/* OSXSAVE follows CR4 */
	if (fn == 1 && reg == 3)
		return 1u << 9;		/* APIC follows the base MSR */
	if (fn == 7 && reg == 2)
		return 1u << 4;		/* OSPKE follows CR4 */
	if (fn == 0xd && reg == 1)
		return ~0u;		/* size follows XCR0 */
	return 0;
}

TEST(table_is_answered)
{
	struct vcpu *vcpu = guest64(cpuid_guest);
	struct kvm_cpuid2 *c = supported_cpuid();
	volatile struct cpuid_regs *g;

	for (unsigned int i = 0; i < ARRAY_SIZE(asked); i++) {
		struct kvm_cpuid_entry2 *e =
			cpuid_find(c, asked[i].fn, asked[i].index);

		if (e)
			want[i] = (struct cpuid_regs){ e->eax, e->ebx,
						       e->ecx, e->edx };
	}
	vcpu_until_done(vcpu);
	g = IN_GUEST(vcpu->vm, got);
	for (unsigned int i = 0; i < ARRAY_SIZE(asked); i++) {
		uint32_t fn = asked[i].fn;

		if (!cpuid_find(c, fn, asked[i].index))
			continue;
		CHECK_EQ(g[i].eax, want[i].eax);
		CHECK_EQ(g[i].ebx & ~live_bits(fn, 1),
			 want[i].ebx & ~live_bits(fn, 1));
		CHECK_EQ(g[i].ecx & ~live_bits(fn, 2),
			 want[i].ecx & ~live_bits(fn, 2));
		CHECK_EQ(g[i].edx & ~live_bits(fn, 3),
			 want[i].edx & ~live_bits(fn, 3));
	}
}

static void own_guest(void)
{
	struct cpuid_regs r = cpuid(0x40000000, 0);

	GUEST_EQ(r.eax, 0x40000001);
	GUEST_EQ(r.ebx, 0x11111111);
	GUEST_EQ(r.ecx, 0x22222222);
	GUEST_EQ(r.edx, 0x33333333);
	/* Sub-leaves are told apart; one that is missing reads as zero. */
	GUEST_EQ(cpuid(4, 0).eax, 0xa0);
	GUEST_EQ(cpuid(4, 1).eax, 0xa1);
	r = cpuid(4, 2);
	GUEST_EQ(r.eax | r.ebx | r.ecx | r.edx, 0);
	/* RAX..RDX are written whole. */
	GUEST_CHECK(cpuid(0, 0).eax == 0xd);
}

TEST(own_values)
{
	struct {
		struct kvm_cpuid2 h;
		struct kvm_cpuid_entry2 e[4];
	} c = {
		.h.nent = 4,
		.e = {
			{ .function = 0, .eax = 0xd, .ebx = 0x68747541,
			  .ecx = 0x444d4163, .edx = 0x69746e65 },
			{ .function = 4, .index = 0, .eax = 0xa0,
			  .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
			{ .function = 4, .index = 1, .eax = 0xa1,
			  .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
			{ .function = 0x40000000, .eax = 0x40000001,
			  .ebx = 0x11111111, .ecx = 0x22222222,
			  .edx = 0x33333333 },
		},
	};
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);

	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, &c.h));
	vcpu_mode64(vcpu, own_guest);
	vcpu_until_done(vcpu);
}

/* Intel SDM volume 2, "CPUID": beyond the last leaf of its range. */
static uint32_t beyond[4];

static void beyond_guest(void)
{
	static const uint32_t leaf[] = { 0x14, 0x8000ffff, 0x40000005, 0xc0000000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(leaf); i++)
		beyond[i] = cpuid(leaf[i], 0).ebx;
	/* In range, but not there. */
	GUEST_EQ(cpuid(5, 0).ebx, 0);
	/* The sub-leaf counts there too. */
	GUEST_EQ(cpuid(0x14, 1).ebx, beyond[0] ? 0xd1 : 0);
}

static volatile uint32_t *ask_beyond(uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	struct {
		struct kvm_cpuid2 h;
		struct kvm_cpuid_entry2 e[5];
	} c = {
		.h.nent = 5,
		.e = {
			{ .function = 0, .eax = 0xd, .ebx = ebx, .ecx = ecx,
			  .edx = edx },
			{ .function = 0xd, .ebx = 0xd0, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
			{ .function = 0xd, .index = 1, .ebx = 0xd1,
			  .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
			{ .function = 0x80000000, .eax = 0x80000008 },
			{ .function = 0x40000000, .eax = 0x40000001 },
		},
	};
	struct vcpu *vcpu = vcpu_new(vm_new(), 0);

	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_CPUID2, &c.h));
	vcpu_mode64(vcpu, beyond_guest);
	vcpu_until_done(vcpu);
	return IN_GUEST(vcpu->vm, beyond);
}

TEST(beyond_intel_repeats_last_basic_leaf)
{
	volatile uint32_t *got = ask_beyond(0x756e6547, 0x6c65746e, 0x49656e69);

	/* CPUID.0xD.0:EBX follows XCR0, so it is not what was set: compare among them. */
	CHECK(got[0]);
	for (int i = 1; i < 4; i++)
		CHECK_EQ(got[i], got[0]);
}

TEST(beyond_amd_is_zero)
{
	volatile uint32_t *got = ask_beyond(0x68747541, 0x444d4163, 0x69746e65);

	for (int i = 0; i < 4; i++)
		CHECK_EQ(got[i], 0);
}

static void osxsave_guest(void)
{
	GUEST_EQ(cpuid(1, 0).ecx >> 27 & 1, 0);
	WRITE_REG(cr4, READ_REG(cr4) | CR4_OSXSAVE);
	GUEST_EQ(cpuid(1, 0).ecx >> 27 & 1, 1);
}

TEST(osxsave_follows_cr4)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(supported_cpuid(), 1, 0);

	CHECK(e);
	if (!(e->ecx >> 26 & 1))
		SKIP("no XSAVE here");
	vcpu_until_done(guest64(osxsave_guest));
}
