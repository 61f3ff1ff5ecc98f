// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID: what hv offers, what the VMM set, and what the guest reads.
 *
 * hv offers the host's features less everything it does not carry for a guest;
 * which bits those are stands in one table of masks. The VMM's own table is
 * kept as it came. The guest's look-up runs inside the section and is short:
 * an index leads from a low leaf number to its first entry, and only bits that
 * follow the CPU's state are computed.
 *
 * Leaf numbers, entries and limits are user-controlled, the look-up's leaf and
 * sub-leaf guest-controlled.
 *
 * Sources: AMD64 APM vol. 3, "Obtaining Processor Information Via the CPUID
 * Instruction"; Intel SDM vol. 2, "CPUID--CPU Identification"; the kernel's
 * "KVM CPUID bits" and "The Definitive KVM API Documentation".
 */
#include <linux/kvm_para.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>

#include "msr.h"

#define KVM_LEAF	0x40000000u
#define EXT_LEAF	0x80000000u
#define EXT_MAX		0x80000021u
#define BASIC_MAX	0xdu
#define INDEXED		KVM_CPUID_FLAG_SIGNIFCANT_INDEX
#define N_INDEX		33	/* leaves with a place in vcpu->cpuid_index */
#define PHYS_BITS	36	/* without leaf 0x80000008 */

#define APIC_ON		BIT_ULL(11)	/* IA32_APIC_BASE */

/* "KVMKVMKVM" in three registers: what guests look for */
#define PV_EBX		0x4b4d564b
#define PV_ECX		0x564b4d56
#define PV_EDX		0x4d

/* The paravirtual features that are there. */
#define PV_FEATURES (BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_NOP_IO_DELAY) |	\
		     BIT(KVM_FEATURE_CLOCKSOURCE2) | BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT))

/* ---- what is offered ----------------------------------------------------- */

/*
 * One row per leaf (and sub-leaf): of the host's register the bits in mask are
 * passed on, those in force are set whether the host has them or not.
 */
struct leaf_row {
	u32 fn;
	u32 index;
	u32 flags;
	struct { u32 mask, force; } reg[4];	/* eax ebx ecx edx */
};

#define ALL	0xffffffffu
#define RAW	{ { ALL }, { ALL }, { ALL }, { ALL } }
#define F(name)	BIT(X86_FEATURE_##name & 31)

/* Leaf 1 edx; leaf 0x80000001 edx repeats most of it. */
#define F_1D_BOTH (F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) | F(MCE) |	\
		   F(CX8) | F(APIC) | F(MTRR) | F(PGE) | F(MCA) | F(CMOV) | F(PAT) |		\
		   F(PSE36) | F(MMX) | F(FXSR))
#define F_1D	(F_1D_BOTH | F(SEP) | F(CLFLUSH) | F(XMM) | F(XMM2) | F(SELFSNOOP))
#define F_1C	(F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) | F(XMM4_1) |	\
		 F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) | F(AVX) | F(F16C) |	\
		 F(RDRAND))
#define F_7B	(F(FSGSBASE) | F(BMI1) | F(AVX2) | F(FDP_EXCPTN_ONLY) | F(SMEP) | F(BMI2) |	\
		 F(ERMS) | F(INVPCID) | F(ZERO_FCS_FDS) | F(RDSEED) | F(ADX) | F(SMAP) |	\
		 F(CLFLUSHOPT) | F(CLWB) | F(SHA_NI) | F_7B_512)
#define F_7B_512 (F(AVX512F) | F(AVX512DQ) | F(AVX512IFMA) | F(AVX512PF) | F(AVX512ER) |	\
		  F(AVX512CD) | F(AVX512BW) | F(AVX512VL))
#define F_7C	(F(UMIP) | F(GFNI) | F(VAES) | F(VPCLMULQDQ) | F(LA57) | F(RDPID) |		\
		 F(CLDEMOTE) | F(MOVDIRI) | F(MOVDIR64B) | F_7C_512)
#define F_7C_512 (F(AVX512VBMI) | F(AVX512_VBMI2) | F(AVX512_VNNI) | F(AVX512_BITALG) |		\
		  F(AVX512_VPOPCNTDQ))
#define F_7D	(F(FSRM) | F(MD_CLEAR) | F(SERIALIZE) | F(SPEC_CTRL) | F(INTEL_STIBP) |		\
		 F(SPEC_CTRL_SSBD) | F_7D_512)
#define F_7D_512 (F(AVX512_4VNNIW) | F(AVX512_4FMAPS) | F(AVX512_VP2INTERSECT) | F(AVX512_FP16))
#define F_X1C	(F(LAHF_LM) | F(CMP_LEGACY) | F(CR8_LEGACY) | F(ABM) | F(SSE4A) |		\
		 F(MISALIGNSSE) | F(3DNOWPREFETCH) | F(XOP) | F(FMA4) | F(TBM) | F(TOPOEXT))
#define F_X1D	(F_1D_BOTH | F(SYSCALL) | F(NX) | F(MMXEXT) | F(FXSR_OPT) | F(GBPAGES) |	\
		 F(RDTSCP) | F(LM) | F(3DNOWEXT) | F(3DNOW))
#define F_X8B	(F(CLZERO) | F(XSAVEERPTR) | F(WBNOINVD) | F(AMD_IBPB) | F(AMD_IBRS) |		\
		 F(AMD_STIBP) | F(AMD_STIBP_ALWAYS_ON) | F(AMD_SSBD) | F(AMD_SSB_NO) |		\
		 BIT(28))	/* and PSFD, which older kernels do not name */

static const struct leaf_row leaves[] = {
	{ 0x0, 0, 0, RAW },
	/* ebx: the CLFLUSH size; ids are the VMM's to fill in. x2APIC is ours. */
	{ 0x1, 0, 0, { { ALL }, { 0xff00 }, { F_1C, F(X2APIC) | F(HYPERVISOR) }, { F_1D } } },
	{ 0x2, 0, 0, RAW },
	/* ARAT: our timer does not stop */
	{ 0x6, 0, 0, { { 0, F(ARAT) } } },
	/* eax: the last sub-leaf */
	{ 0x7, 0, INDEXED, { { 0, 1 }, { F_7B, F(TSC_ADJUST) }, { F_7C },
			     { F_7D, F(ARCH_CAPABILITIES) } } },
	{ 0x7, 1, INDEXED, { { F(AVX_VNNI) | F(AVX512_BF16) } } },
	/* topology is the VMM's to fill in */
	{ 0xb, 0, INDEXED },
	{ EXT_LEAF, 0, 0, RAW },
	{ 0x80000001, 0, 0, { { ALL }, { 0 }, { F_X1C }, { F_X1D } } },
	{ 0x80000002, 0, 0, RAW }, { 0x80000003, 0, 0, RAW }, { 0x80000004, 0, 0, RAW },
	{ 0x80000005, 0, 0, RAW }, { 0x80000006, 0, 0, RAW },
	/* invariant TSC */
	{ 0x80000007, 0, 0, { { 0 }, { 0 }, { 0 }, { BIT(8) } } },
	{ 0x80000008, 0, 0, { { ALL }, { F_X8B } } },
	{ 0x80000019, 0, 0, RAW },
	/* FP128, MOVU, FP256 */
	{ 0x8000001a, 0, 0, { { 0x7 } } },
	{ 0x8000001e, 0, 0 },
	/* no nested data breakpoints, LFENCE serialises, a null selector clears the base */
	{ 0x80000021, 0, 0, { { BIT(0) | BIT(2) | BIT(6) } } },
};

/*
 * Features to take away when a guest cannot have the CR4 and XCR0 bits they
 * live by; and CR4 bits that a guest may set only if its CPUID has the feature
 * (only: of several bits in a row, the one that counts).
 */
struct dep_row {
	u32 fn;
	u8 reg;
	u32 bits;
	u64 cr4, xcr0;
	bool gates;
};

static const struct dep_row deps[] = {
	{ 0x1, VHM_CPUID_ECX, F(PCID), X86_CR4_PCIDE, 0, true },
	{ 0x1, VHM_CPUID_ECX, F(XSAVE), X86_CR4_OSXSAVE, VHM_XCR0_FP, true },
	{ 0x1, VHM_CPUID_ECX, F(AVX) | F(FMA) | F(F16C), 0, VHM_XCR0_YMM },
	{ 0x7, VHM_CPUID_EBX, F(FSGSBASE), X86_CR4_FSGSBASE, 0, true },
	{ 0x7, VHM_CPUID_EBX, F(SMEP), X86_CR4_SMEP, 0, true },
	{ 0x7, VHM_CPUID_EBX, F(SMAP), X86_CR4_SMAP, 0, true },
	{ 0x7, VHM_CPUID_EBX, F(INVPCID), X86_CR4_PCIDE },
	{ 0x7, VHM_CPUID_EBX, F(AVX2), 0, VHM_XCR0_YMM },
	{ 0x7, VHM_CPUID_EBX, F_7B_512, 0, VHM_XCR0_AVX512 },
	{ 0x7, VHM_CPUID_ECX, F(UMIP), X86_CR4_UMIP, 0, true },
	{ 0x7, VHM_CPUID_ECX, F(LA57), X86_CR4_LA57, 0, true },
	{ 0x7, VHM_CPUID_ECX, F(VAES) | F(VPCLMULQDQ), 0, VHM_XCR0_YMM },
	{ 0x7, VHM_CPUID_ECX, F_7C_512, 0, VHM_XCR0_AVX512 },
	{ 0x7, VHM_CPUID_EDX, F_7D_512, 0, VHM_XCR0_AVX512 },
	{ 0x80000001, VHM_CPUID_ECX, F(XOP) | F(FMA4), 0, VHM_XCR0_YMM },
};

static u32 *reg_of(struct kvm_cpuid_entry2 *e, int reg)
{
	return &e->eax + reg;
}

static struct kvm_cpuid_entry2 host_leaf(u32 fn, u32 index, u32 flags)
{
	struct kvm_cpuid_entry2 e = { .function = fn, .index = index, .flags = flags };

	cpuid_count(fn, index, &e.eax, &e.ebx, &e.ecx, &e.edx);
	return e;
}

/* Numbers, not masks: maximum leaves and address widths. */
static void set_limits(struct kvm_cpuid_entry2 *e)
{
	switch (e->function) {
	case 0x0:
		e->eax = min(e->eax, BASIC_MAX);
		break;
	case EXT_LEAF:
		e->eax = min(e->eax, EXT_MAX);
		break;
	case 0x80000008:
		e->eax = vhm_caps.maxphyaddr |
			 (vhm_caps.cr4 & X86_CR4_LA57 ? 57 : 48) << 8;
		break;
	}
}

static void apply_deps(struct kvm_cpuid_entry2 *e)
{
	const struct dep_row *d;

	if (e->index)
		return;
	for (d = deps; d < deps + ARRAY_SIZE(deps); d++)
		if (d->fn == e->function &&
		    ((d->cr4 & ~vhm_caps.cr4) || (d->xcr0 & ~vhm_caps.xcr0)))
			*reg_of(e, d->reg) &= ~d->bits;
}

struct builder {
	struct kvm_cpuid_entry2 *e;
	u32 n;			/* entries made; beyond VHM_MAX_CPUID none is stored */
};

static void add(struct builder *b, struct kvm_cpuid_entry2 e)
{
	if (!WARN_ON_ONCE(b->n == VHM_MAX_CPUID))
		b->e[b->n++] = e;
}

static void add_row(struct builder *b, const struct leaf_row *row)
{
	struct kvm_cpuid_entry2 e = host_leaf(row->fn, row->index, row->flags);
	u32 max = cpuid_eax(row->fn & EXT_LEAF);
	int r;

	/* beyond its last leaf the host answers with something else */
	if (row->fn > max)
		return;
	for (r = 0; r < 4; r++)
		*reg_of(&e, r) = (*reg_of(&e, r) & row->reg[r].mask) | row->reg[r].force;
	set_limits(&e);
	apply_deps(&e);
	add(b, e);
}

/* Cache parameters: a list that ends with type 0. */
static void add_caches(struct builder *b, u32 fn)
{
	struct kvm_cpuid_entry2 e;
	u32 i = 0;

	if (fn > cpuid_eax(fn & EXT_LEAF))
		return;
	do {
		e = host_leaf(fn, i++, INDEXED);
		add(b, e);
	} while (e.eax & 0x1f && i < 16);
}

static void add_xsave(struct builder *b)
{
	u64 xcr0 = vhm_caps.xcr0;
	struct kvm_cpuid_entry2 e;
	int i;

	if (!xcr0)
		return;
	add(b, (struct kvm_cpuid_entry2){
		.function = 0xd, .flags = INDEXED, .eax = xcr0, .edx = xcr0 >> 32,
		.ebx = vhm_xsave_size(), .ecx = vhm_xsave_size() });
	e = host_leaf(0xd, 1, INDEXED);
	e.eax &= F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1);
	e.ebx = e.eax & F(XSAVEC) ? vhm_xstate_bytes(xcr0, true) : 0;
	e.ecx = e.edx = 0;
	add(b, e);
	for (i = 2; i < VHM_XCR0_MAX - 1; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		e = host_leaf(0xd, i, INDEXED);
		e.ecx &= BIT(1);	/* aligned in compacted format */
		e.edx = 0;
		add(b, e);
	}
}

static void add_pv(struct builder *b)
{
	add(b, (struct kvm_cpuid_entry2){ .function = KVM_LEAF, .eax = KVM_LEAF + 1,
					  .ebx = PV_EBX, .ecx = PV_ECX, .edx = PV_EDX });
	add(b, (struct kvm_cpuid_entry2){ .function = KVM_LEAF + 1, .eax = PV_FEATURES });
}

static void build(struct builder *b)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++)
		add_row(b, &leaves[i]);
	add_caches(b, 0x4);
	/* only with TOPOEXT does the leaf exist */
	if (cpuid_ecx(0x80000001) & F(TOPOEXT))
		add_caches(b, 0x8000001d);
	add_xsave(b);
	add_pv(b);
}

int vhm_cpuid_supported(struct kvm_cpuid2 __user *u, bool emulated)
{
	struct builder b = {};
	u32 room;
	int r = 0;

	if (get_user(room, &u->nent))
		return -EFAULT;
	if (!room)
		return -E2BIG;
	b.e = kvcalloc(VHM_MAX_CPUID, sizeof(*b.e), GFP_KERNEL);
	if (!b.e)
		return -ENOMEM;
	/* no instruction is emulated that the CPU lacks: that list is empty */
	if (!emulated)
		build(&b);
	if (room < b.n)
		r = -E2BIG;
	else if (copy_to_user(u->entries, b.e, b.n * sizeof(*b.e)) || put_user(b.n, &u->nent))
		r = -EFAULT;
	kvfree(b.e);
	return r;
}

/* ---- look-up ------------------------------------------------------------- */

/* Two halves have an index: low basic and low extended leaves. */
static const u16 *index_slot(const struct vhm_vcpu *vcpu, u32 fn)
{
	u32 low = fn & ~EXT_LEAF;

	return likely(low < N_INDEX) ? &vcpu->cpuid_index[fn >> 31][low] : NULL;
}

static struct kvm_cpuid_entry2 *find(const struct vhm_vcpu *vcpu, u32 fn, u32 index)
{
	const u16 *slot = index_slot(vcpu, fn);
	struct kvm_cpuid_entry2 *e = vcpu->cpuid, *end = e + vcpu->n_cpuid;

	if (slot) {
		if (!*slot)
			return NULL;
		e += *slot - 1;
	}
	for (; e < end; e++)
		if (e->function == fn && (!(e->flags & INDEXED) || e->index == index))
			return e;
	return NULL;
}

static bool is_amd(const struct vhm_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e = find(vcpu, 0, 0);

	return e && (e->ebx == 0x68747541 ||	/* AuthenticAMD */
		     e->ebx == 0x6f677948);	/* HygonGenuine */
}

/*
 * A leaf without entry: zeros, but on Intel a leaf beyond the end of its range
 * reads as the highest basic one.
 */
static noinline struct kvm_cpuid_entry2 *find_other(const struct vhm_vcpu *vcpu, u32 fn,
						    u32 index)
{
	const struct kvm_cpuid_entry2 *basic = find(vcpu, 0, 0), *range;

	if (!basic || is_amd(vcpu))
		return NULL;
	range = find(vcpu, fn & 0xff000000, 0);
	if (range && fn <= range->eax)
		return NULL;
	return find(vcpu, basic->eax, index);
}

/* A missing sub-leaf of the topology leaves still names itself and the CPU. */
static bool topology_tail(const struct vhm_vcpu *vcpu, u32 fn, u32 index, u32 *ecx, u32 *edx)
{
	const struct kvm_cpuid_entry2 *e;

	if (fn != 0xb && fn != 0x1f)
		return false;
	e = find(vcpu, fn, 1);
	if (!e)
		return false;
	*ecx = index & 0xff;
	*edx = e->edx;
	return true;
}

static void set_bit_if(u32 *reg, u32 bit, bool on)
{
	*reg = on ? *reg | bit : *reg & ~bit;
}

/* Bits that mirror the CPU's state. */
static void live_bits(struct vhm_vcpu *vcpu, u32 fn, u32 index, u32 r[4])
{
	u64 cr4;

	switch (fn) {
	case 0x1:
		cr4 = vhm_st(vcpu, VHM_ST_CR)->cr4;
		set_bit_if(&r[VHM_CPUID_ECX], F(OSXSAVE), cr4 & X86_CR4_OSXSAVE);
		if (!(vhm_apic_base(vcpu) & APIC_ON))
			r[VHM_CPUID_EDX] &= ~F(APIC);
		break;
	case 0xd:
		if (!index)
			r[VHM_CPUID_EBX] = vhm_xstate_bytes(vhm_guest_xcr0(vcpu), false);
		else if (index == 1 && r[VHM_CPUID_EAX] & F(XSAVEC))
			r[VHM_CPUID_EBX] = vhm_xstate_bytes(vhm_guest_xcr0(vcpu), true);
		break;
	}
}

void vhm_cpuid(struct vhm_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	u32 fn = *eax, index = *ecx, r[4] = {};
	const struct kvm_cpuid_entry2 *e = find(vcpu, fn, index);

	if (unlikely(!e) && !topology_tail(vcpu, fn, index, &r[VHM_CPUID_ECX], &r[VHM_CPUID_EDX]))
		e = find_other(vcpu, fn, index);
	if (likely(e)) {
		r[VHM_CPUID_EAX] = e->eax;
		r[VHM_CPUID_EBX] = e->ebx;
		r[VHM_CPUID_ECX] = e->ecx;
		r[VHM_CPUID_EDX] = e->edx;
		if (e->function == 0x1 || e->function == 0xd)
			live_bits(vcpu, e->function, index, r);
	}
	*eax = r[VHM_CPUID_EAX];
	*ebx = r[VHM_CPUID_EBX];
	*ecx = r[VHM_CPUID_ECX];
	*edx = r[VHM_CPUID_EDX];
}

bool vhm_guest_has(struct vhm_vcpu *vcpu, u32 leaf, u32 subleaf, int reg, u32 bit)
{
	struct kvm_cpuid_entry2 *e = find(vcpu, leaf, subleaf);

	return e && *reg_of(e, reg) & BIT(bit);
}

/* ---- what follows from the guest's table --------------------------------- */

/* The paravirtual leaves may be moved up in steps of 0x100. */
static u32 find_pv(const struct vhm_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e, *f;

	for (e = vcpu->cpuid; e < vcpu->cpuid + vcpu->n_cpuid; e++) {
		if ((e->function & 0xffff00ff) != KVM_LEAF || e->ebx != PV_EBX ||
		    e->ecx != PV_ECX || e->edx != PV_EDX)
			continue;
		f = find(vcpu, e->function + 1, 0);
		return f ? f->eax & PV_FEATURES : 0;
	}
	return 0;
}

static u64 allowed_cr4(const struct vhm_vcpu *vcpu)
{
	u64 cr4 = vhm_caps.cr4;
	const struct dep_row *d;
	struct kvm_cpuid_entry2 *e;

	for (d = deps; d < deps + ARRAY_SIZE(deps); d++) {
		if (!d->gates)
			continue;
		e = find(vcpu, d->fn, 0);
		if (!e || !(*reg_of(e, d->reg) & d->bits))
			cr4 &= ~d->cr4;
	}
	return cr4;
}

static u64 allowed_efer(const struct vhm_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e = find(vcpu, 0x80000001, 0);
	u64 efer = vhm_caps.efer;
	u32 edx = e ? e->edx : 0;

	if (!(edx & F(LM)))
		efer &= ~(BIT_ULL(8) | BIT_ULL(10));	/* LME, LMA */
	if (!(edx & F(NX)))
		efer &= ~BIT_ULL(11);
	if (!(edx & F(FXSR_OPT)))
		efer &= ~BIT_ULL(14);
	return efer;
}

static u8 phys_bits(const struct vhm_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *max = find(vcpu, EXT_LEAF, 0);
	const struct kvm_cpuid_entry2 *e = find(vcpu, 0x80000008, 0);
	u8 bits = max && max->eax >= 0x80000008 && e ? e->eax : 0;

	/* more than 52 no page table can hold */
	return bits ? clamp_t(u8, bits, 32, 52) : PHYS_BITS;
}

static void derive(struct vhm_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e = find(vcpu, 0xd, 0);

	vcpu->cr4_allowed = allowed_cr4(vcpu);
	vcpu->efer_allowed = allowed_efer(vcpu);
	vcpu->xcr0_allowed = vhm_caps.xcr0 & (e ? e->eax | (u64)e->edx << 32 : 0);
	vcpu->maxphyaddr = phys_bits(vcpu);
	vcpu->pv_features = find_pv(vcpu);
	if (vcpu->lapic)
		vhm_lapic_set_cpuid(vcpu->lapic, vhm_guest_has(vcpu, 1, 0, VHM_CPUID_ECX, 21),
				    vhm_guest_has(vcpu, 1, 0, VHM_CPUID_ECX, 24),
				    vcpu->maxphyaddr);
}

void vhm_cpuid_defaults(struct vhm_vcpu *vcpu)
{
	vcpu->cr4_allowed = vhm_caps.cr4;
	vcpu->efer_allowed = vhm_caps.efer;
	vcpu->xcr0_allowed = 0;
	vcpu->maxphyaddr = PHYS_BITS;
}

/* ---- KVM_SET_CPUID2, KVM_GET_CPUID2 -------------------------------------- */

static void build_index(struct vhm_vcpu *vcpu)
{
	u32 i;
	u16 *slot;

	memset(vcpu->cpuid_index, 0, sizeof(vcpu->cpuid_index));
	for (i = 0; i < vcpu->n_cpuid; i++) {
		slot = (u16 *)index_slot(vcpu, vcpu->cpuid[i].function);
		if (slot && !*slot)
			*slot = i + 1;
	}
}

/* Widths of linear addresses that exist; 0 stands for "not said". */
static bool table_valid(const struct kvm_cpuid_entry2 *e, u32 n)
{
	u32 i, width;

	for (i = 0; i < n; i++) {
		width = e[i].eax >> 8 & 0xff;
		if (e[i].function == 0x80000008 && width != 0 && width != 48 && width != 57)
			return false;
	}
	return true;
}

static bool same_table(const struct vhm_vcpu *vcpu, const struct kvm_cpuid_entry2 *e, u32 n)
{
	u32 i;

	if (n != vcpu->n_cpuid)
		return false;
	for (i = 0; i < n; i++)
		if (memcmp(&e[i], &vcpu->cpuid[i], offsetof(struct kvm_cpuid_entry2, padding)))
			return false;
	return true;
}

/*
 * vhm_set_cpuid2 - KVM_SET_CPUID2
 *
 * Process context, vcpu->mutex held. -E2BIG more than VHM_MAX_CPUID entries;
 * -EINVAL an impossible address width, or another table after the vCPU ran;
 * -EFAULT, -ENOMEM.
 */
int vhm_set_cpuid2(struct vhm_vcpu *vcpu, struct kvm_cpuid2 __user *u)
{
	struct kvm_cpuid_entry2 *e = NULL;
	u32 n;
	int r = 0;

	if (get_user(n, &u->nent))
		return -EFAULT;
	if (n > VHM_MAX_CPUID)
		return -E2BIG;
	if (n) {
		e = vmemdup_user(u->entries, n * sizeof(*e));
		if (IS_ERR(e))
			return PTR_ERR(e);
	}
	if (!table_valid(e, n)) {
		r = -EINVAL;
	} else if (vcpu->ran) {
		r = same_table(vcpu, e, n) ? 0 : -EINVAL;
	} else {
		swap(vcpu->cpuid, e);
		vcpu->n_cpuid = n;
		build_index(vcpu);
		derive(vcpu);
		vhm_ops->cpuid_changed(vcpu);
	}
	kvfree(e);
	return r;
}

int vhm_get_cpuid2(struct vhm_vcpu *vcpu, struct kvm_cpuid2 __user *u)
{
	u32 room;

	if (get_user(room, &u->nent))
		return -EFAULT;
	if (room < vcpu->n_cpuid)
		return -E2BIG;
	if (copy_to_user(u->entries, vcpu->cpuid, vcpu->n_cpuid * sizeof(*vcpu->cpuid)) ||
	    put_user(vcpu->n_cpuid, &u->nent))
		return -EFAULT;
	return 0;
}

void vhm_cpuid_free(struct vhm_vcpu *vcpu)
{
	kvfree(vcpu->cpuid);
	vcpu->cpuid = NULL;
	vcpu->n_cpuid = 0;
}
