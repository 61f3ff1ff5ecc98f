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
#include <linux/bitops.h>
#include <linux/kvm_para.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/fpu/types.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/processor-flags.h>

#include "host.h"
#include "msr.h"

#define KVM_LEAF	0x40000000u
#define EXT_LEAF	0x80000000u
#define INDEXED		KVM_CPUID_FLAG_SIGNIFCANT_INDEX


/* "KVMKVMKVM" in three registers: what guests look for */
#define PV_EBX		0x4b4d564b
#define PV_ECX		0x564b4d56
#define PV_EDX		0x4d

/* The paravirtual features that are there. */
#define PV_FEATURES (BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_NOP_IO_DELAY) |	\
		     BIT(KVM_FEATURE_CLOCKSOURCE2) | BIT(KVM_FEATURE_STEAL_TIME) |		\
		     BIT(KVM_FEATURE_PV_EOI) | BIT(KVM_FEATURE_PV_UNHALT) |		\
		     BIT(KVM_FEATURE_PV_TLB_FLUSH) | BIT(KVM_FEATURE_PV_SEND_IPI) |	\
		     BIT(KVM_FEATURE_POLL_CONTROL) | BIT(KVM_FEATURE_PV_SCHED_YIELD) |	\
		     BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT))

/* ---- what is offered ----------------------------------------------------- */

/*
 * One row per leaf (and sub-leaf): of the host's register the bits in mask are
 * passed on, those in force are set whether the host has them or not.
 */
struct leaf_row {
	u32 fn, index, flags;
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
		 F(CLFLUSHOPT) | F(CLWB) | F(SHA_NI) | F_512B)
#define F_512B (F(AVX512F) | F(AVX512DQ) | F(AVX512IFMA) | F(AVX512CD) | F(AVX512BW) | F(AVX512VL))
#define F_7C	(F(UMIP) | F(GFNI) | F(VAES) | F(VPCLMULQDQ) | F(LA57) | F(RDPID) |		\
		 F(CLDEMOTE) | F(MOVDIRI) | F(MOVDIR64B) | F_512C)
#define F_512C (F(AVX512VBMI) | F(AVX512_VBMI2) | F(AVX512_VNNI) | F(AVX512_BITALG) |		\
		  F(AVX512_VPOPCNTDQ))
#define F_7D	(F(FSRM) | F(MD_CLEAR) | F(SERIALIZE) | F(SPEC_CTRL) | BIT(27) | /* STIBP */		\
		 F(SPEC_CTRL_SSBD) | F_512D)
#define F_512D (F(AVX512_VP2INTERSECT) | F(AVX512_FP16))
#define F_X1C	(F(LAHF_LM) | F(CMP_LEGACY) | F(CR8_LEGACY) | F(ABM) | F(SSE4A) |		\
		 F(MISALIGNSSE) | F(3DNOWPREFETCH) | F(XOP) | F(FMA4) | F(TBM) | F(TOPOEXT))
#define F_X1D	(F_1D_BOTH | F(SYSCALL) | F(NX) | F(MMXEXT) | F(FXSR_OPT) | F(GBPAGES) |	\
		 F(RDTSCP) | F(LM) | F(3DNOWEXT) | F(3DNOW))
#define F_X8B	(F(CLZERO) | F(XSAVEERPTR) | F(WBNOINVD) | BIT(12) | BIT(14) | BIT(15) |		\
		 BIT(17) | BIT(24) | BIT(26) | BIT(28))
/* the numbers: IBPB, IBRS, STIBP, STIBP always on, SSBD, SSB_NO, PSFD */

static const struct leaf_row leaves[] = {
	{ 0x0, 0, 0, RAW },
	/* ebx: the CLFLUSH size; ids are the VMM's to fill in. x2APIC is ours. */
	{ 0x1, 0, 0, { { ALL }, { 0xff00 }, { F_1C, F(X2APIC) | F(HYPERVISOR) }, { F_1D } } },
	/* ARAT: our timer does not stop */
	{ 0x2, 0, 0, RAW }, { 0x6, 0, 0, { { 0, F(ARAT) } } },
	/* eax: the last sub-leaf */
	{ 0x7, 0, INDEXED, { { 0, 1 }, { F_7B, F(TSC_ADJUST) }, { F_7C },
			     { F_7D, F(ARCH_CAPABILITIES) } } },
	{ 0x7, 1, INDEXED, { { F(AVX_VNNI) | F(AVX512_BF16) } } },
	/* topology is the VMM's to fill in */
	{ 0xb, 0, INDEXED }, { EXT_LEAF, 0, 0, RAW },
	{ 0x80000001, 0, 0, { { ALL }, { 0 }, { F_X1C }, { F_X1D } } },
	{ 0x80000002, 0, 0, RAW }, { 0x80000003, 0, 0, RAW }, { 0x80000004, 0, 0, RAW },
	{ 0x80000005, 0, 0, RAW }, { 0x80000006, 0, 0, RAW },
	/* invariant TSC */
	{ 0x80000007, 0, 0, { { 0 }, { 0 }, { 0 }, { BIT(8) } } },
	{ 0x80000008, 0, 0, { { ALL }, { F_X8B } } },
	/* 1a: FP128, MOVU, FP256 */
	{ 0x80000019, 0, 0, RAW }, { 0x8000001a, 0, 0, { { 0x7 } } }, { 0x8000001e, 0, 0 },
	/* no nested data breakpoints, LFENCE serialises, a null selector clears the base */
	{ 0x80000021, 0, 0, { { BIT(0) | BIT(2) | BIT(6) } } },
};

/*
 * Features to take away when a guest cannot have the CR4 and XCR0 bits they
 * live by; and CR4 and EFER bits that a guest may set only if its CPUID has the
 * feature (only: of several bits in a row, the one that counts).
 */
struct dep_row {
	u32 fn;
	u8 reg;
	bool gates;
	u32 bits;
	u64 cr4, xcr0, efer;
};

#define GATE(fn, reg, feature, ...) { fn, VHM_CPUID_##reg, true, F(feature), __VA_ARGS__ }
#define NEEDS(fn, reg, ...) { fn, VHM_CPUID_##reg, false, __VA_ARGS__ }
#define NEEDS_YMM(fn, reg, bits) NEEDS(fn, reg, bits, 0, XFEATURE_MASK_YMM)
#define NEEDS_512(fn, reg, bits) NEEDS(fn, reg, bits, 0, XFEATURE_MASK_AVX512)

static const struct dep_row deps[] = {
	GATE(0x1, ECX, PCID, X86_CR4_PCIDE), GATE(0x1, ECX, XSAVE, X86_CR4_OSXSAVE, XFEATURE_MASK_FP),
	GATE(0x7, EBX, FSGSBASE, X86_CR4_FSGSBASE),
	GATE(0x7, EBX, SMEP, X86_CR4_SMEP), GATE(0x7, EBX, SMAP, X86_CR4_SMAP),
	GATE(0x7, ECX, UMIP, X86_CR4_UMIP), GATE(0x7, ECX, LA57, X86_CR4_LA57),
	GATE(0x80000001, EDX, LM, 0, 0, EFER_LME | EFER_LMA),
	GATE(0x80000001, EDX, NX, 0, 0, EFER_NX), GATE(0x80000001, EDX, FXSR_OPT, 0, 0, EFER_FFXSR),
	NEEDS(0x7, EBX, F(INVPCID), X86_CR4_PCIDE),
	NEEDS_YMM(0x1, ECX, F(AVX) | F(FMA) | F(F16C)), NEEDS_YMM(0x7, EBX, F(AVX2)),
	NEEDS_YMM(0x7, ECX, F(VAES) | F(VPCLMULQDQ)), NEEDS_YMM(0x80000001, ECX, F(XOP) | F(FMA4)),
	NEEDS_512(0x7, EBX, F_512B), NEEDS_512(0x7, ECX, F_512C), NEEDS_512(0x7, EDX, F_512D),
};

/* The host's leaf, at @at, which moves on. */
static struct kvm_cpuid_entry2 *add(struct kvm_cpuid_entry2 **at, u32 fn, u32 index, u32 flags)
{
	struct kvm_cpuid_entry2 *e = (*at)++;

	*e = (struct kvm_cpuid_entry2){ .function = fn, .index = index, .flags = flags };
	cpuid_count(fn, index, &e->eax, &e->ebx, &e->ecx, &e->edx);
	return e;
}

/* Beyond its last leaf the host answers with something else. */
static bool host_lacks(u32 fn)
{
	return fn > cpuid_eax(fn & EXT_LEAF);
}

static void add_row(struct kvm_cpuid_entry2 **at, const struct leaf_row *row)
{
	struct kvm_cpuid_entry2 *e;
	const struct dep_row *d;
	u32 *reg, r;

	if (host_lacks(row->fn))
		return;
	e = add(at, row->fn, row->index, row->flags);
	reg = &e->eax;
	for (r = 0; r < 4; r++)
		reg[r] = (reg[r] & row->reg[r].mask) | row->reg[r].force;
	for (d = deps; d < deps + ARRAY_SIZE(deps); d++)
		if (d->fn == row->fn && !row->index &&
		    (d->cr4 & ~vhm_caps.cr4 || d->xcr0 & ~vhm_caps.xcr0))
			reg[d->reg] &= ~d->bits;
	/* numbers, not masks: maximum leaves and address widths */
	if (row->fn == 0x0)
		e->eax = min(e->eax, 0xdu);
	else if (row->fn == EXT_LEAF)
		e->eax = min(e->eax, 0x80000021u);
	else if (row->fn == 0x80000008)
		e->eax = vhm_caps.maxphyaddr | (vhm_caps.cr4 & X86_CR4_LA57 ? 57 : 48) << 8;
}

/* Cache parameters: a list that ends with type 0. */
static void add_caches(struct kvm_cpuid_entry2 **at, u32 fn)
{
	u32 i = 0;

	if (host_lacks(fn))
		return;
	while (add(at, fn, i++, INDEXED)->eax & 0x1f && i < 16)
		;
}

static void add_xsave(struct kvm_cpuid_entry2 **at)
{
	unsigned long xcr0 = vhm_caps.xcr0, i = FIRST_EXTENDED_XFEATURE;
	struct kvm_cpuid_entry2 *e;

	if (!xcr0)
		return;
	e = add(at, 0xd, 0, INDEXED);
	e->eax = xcr0;
	e->edx = xcr0 >> 32;
	e->ebx = e->ecx = vhm_xstate_bytes(xcr0, false);
	e = add(at, 0xd, 1, INDEXED);
	e->eax &= F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1) | (vhm_caps.xsaves ? F(XSAVES) : 0);
	e->ebx = e->eax & F(XSAVEC) ? vhm_xstate_bytes(xcr0, true) : 0;
	e->ecx = e->edx = 0;
	for_each_set_bit_from(i, &xcr0, VHM_XCR0_MAX - 1) {
		e = add(at, 0xd, i, INDEXED);
		e->ecx &= BIT(1);	/* aligned in compacted format */
		e->edx = 0;
	}
}

/* All that is offered; their number, well below VHM_MAX_CPUID. */
static u32 build(struct kvm_cpuid_entry2 *e)
{
	struct kvm_cpuid_entry2 *at = e;
	int i;

	for (i = 0; i < ARRAY_SIZE(leaves); i++)
		add_row(&at, &leaves[i]);
	add_caches(&at, 0x4);
	/* only with TOPOEXT does the leaf exist */
	if (cpuid_ecx(0x80000001) & F(TOPOEXT))
		add_caches(&at, 0x8000001d);
	add_xsave(&at);
	*at++ = (struct kvm_cpuid_entry2){ .function = KVM_LEAF, .eax = KVM_LEAF + 1,
					   .ebx = PV_EBX, .ecx = PV_ECX, .edx = PV_EDX };
	*at++ = (struct kvm_cpuid_entry2){ .function = KVM_LEAF + 1, .eax = PV_FEATURES };
	return at - e;
}

/* Hand a table out; the VMM must have room for it, and for @least entries. */
static int give(struct kvm_cpuid2 __user *u, const struct kvm_cpuid_entry2 *e, u32 n, u32 least)
{
	u32 room;

	if (get_user(room, &u->nent))
		return -EFAULT;
	if (room < max(n, least))
		return -E2BIG;
	return copy_to_user(u->entries, e, n * sizeof(*e)) || put_user(n, &u->nent) ? -EFAULT : 0;
}

int vhm_cpuid_supported(struct kvm_cpuid2 __user *u, bool emulated)
{
	struct kvm_cpuid_entry2 *e = kvcalloc(VHM_MAX_CPUID, sizeof(*e), GFP_KERNEL);
	int r;

	if (!e)
		return -ENOMEM;
	/* no instruction is emulated that the CPU lacks: that list is empty */
	r = give(u, e, emulated ? 0 : build(e), 1);
	kvfree(e);
	return r;
}

/* ---- look-up ------------------------------------------------------------- */

/* Two halves have an index: low basic and low extended leaves. */
static u16 *index_slot(struct vhm_vcpu *vcpu, u32 fn)
{
	u32 low = fn & ~EXT_LEAF;

	return likely(low < ARRAY_SIZE(vcpu->cpuid_index[0])) ? &vcpu->cpuid_index[fn >> 31][low] : NULL;
}

static struct kvm_cpuid_entry2 *find(struct vhm_vcpu *vcpu, u32 fn, u32 index)
{
	u16 *slot = index_slot(vcpu, fn);
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

/*
 * A leaf beyond the last of its range: most CPUs answer with the last basic leaf,
 * some makes with zeros. Which one this is to be, leaf 0 says by its name.
 */
static struct kvm_cpuid_entry2 *beyond(struct vhm_vcpu *vcpu, u32 fn, u32 index)
{
	static const u32 zeros[][3] = {	/* ebx ecx edx */
		{ 0x68747541, 0x444d4163, 0x69746e65 }, { 0x6f677948, 0x656e6975, 0x6e65476e },
	};
	const struct kvm_cpuid_entry2 *basic = find(vcpu, 0, 0), *range;
	int i;

	if (!basic)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(zeros); i++)
		if (basic->ebx == zeros[i][0] && basic->ecx == zeros[i][1] &&
		    basic->edx == zeros[i][2])
			return NULL;
	range = find(vcpu, fn >> 28 == KVM_LEAF >> 28 ? fn & ~0xffu :
			   fn >= 0xc0000000 ? 0xc0000000 : fn & EXT_LEAF, 0);
	return range && fn <= range->eax ? NULL : find(vcpu, basic->eax, index);
}

void vhm_cpuid(struct vhm_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	u32 fn = *eax, index = *ecx;
	const struct kvm_cpuid_entry2 *e = find(vcpu, fn, index);

	if (unlikely(!e))
		e = beyond(vcpu, fn, index);
	if (unlikely(!e)) {
		*eax = *ebx = *ecx = *edx = 0;
		/* a missing sub-leaf of the topology still names itself and the CPU */
		e = fn == 0xb || fn == 0x1f ? find(vcpu, fn, 1) : NULL;
		if (e) {
			*ecx = index & 0xff;
			*edx = e->edx;
		}
		return;
	}
	*eax = e->eax;
	*ebx = e->ebx;
	*ecx = e->ecx;
	*edx = e->edx;
	/* and the bits that mirror the CPU's state */
	if (fn == 0x1) {
		*ecx &= ~F(OSXSAVE);
		if (vhm_st(vcpu, VHM_ST_CR)->cr4 & X86_CR4_OSXSAVE)
			*ecx |= F(OSXSAVE);
		if (!(vcpu->apic.base & VHM_APIC_BASE_ENABLE))
			*edx &= ~F(APIC);
	} else if (fn == 0xd && (!index || (index == 1 && *eax & F(XSAVEC)))) {
		*ebx = vhm_xstate_bytes(vhm_guest_xcr0(vcpu), index);
	}
}

/* A register of a leaf, as the VMM set it; 0 without that leaf. */
static u32 leaf_reg(struct vhm_vcpu *vcpu, u32 leaf, u32 subleaf, int reg)
{
	struct kvm_cpuid_entry2 *e = find(vcpu, leaf, subleaf);

	return e ? (&e->eax)[reg] : 0;
}

bool vhm_guest_has(struct vhm_vcpu *vcpu, u32 leaf, u32 subleaf, int reg, u32 bit)
{
	return leaf_reg(vcpu, leaf, subleaf, reg) & BIT(bit);
}

/* ---- what follows from the guest's table --------------------------------- */

void vhm_cpuid_defaults(struct vhm_vcpu *vcpu)
{
	vcpu->cr4_allowed = vhm_caps.cr4;
	vcpu->efer_allowed = vhm_caps.efer;
	vcpu->xcr0_allowed = 0;
	vcpu->maxphyaddr = 36;	/* without leaf 0x80000008 */
}

/* The leaf of paravirtual features, or NULL: these may be moved up in steps of 0x100. */
static struct kvm_cpuid_entry2 *find_pv(struct kvm_cpuid_entry2 *table, u32 n)
{
	struct kvm_cpuid_entry2 *e, *end = table + n;
	u32 fn = 0;

	for (e = table; e < end && !fn; e++)
		if ((e->function & 0xffff00ff) == KVM_LEAF && e->ebx == PV_EBX &&
		    e->ecx == PV_ECX && e->edx == PV_EDX)
			fn = e->function + 1;
	for (e = table; fn && e < end; e++)
		if (e->function == fn)
			return e;
	return NULL;
}

static void derive(struct vhm_vcpu *vcpu)
{
	u8 bits = leaf_reg(vcpu, 0x80000008, 0, VHM_CPUID_EAX);
	const struct kvm_cpuid_entry2 *pv = find_pv(vcpu->cpuid, vcpu->n_cpuid);
	const struct dep_row *d;

	vhm_cpuid_defaults(vcpu);
	for (d = deps; d < deps + ARRAY_SIZE(deps); d++) {
		if (!d->gates || leaf_reg(vcpu, d->fn, 0, d->reg) & d->bits)
			continue;
		vcpu->cr4_allowed &= ~d->cr4;
		vcpu->efer_allowed &= ~d->efer;
	}
	vcpu->xcr0_allowed = vhm_caps.xcr0 & (leaf_reg(vcpu, 0xd, 0, VHM_CPUID_EAX) |
					      (u64)leaf_reg(vcpu, 0xd, 0, VHM_CPUID_EDX) << 32);
	/* more than 52 no page table can hold */
	if (leaf_reg(vcpu, EXT_LEAF, 0, VHM_CPUID_EAX) >= 0x80000008 && bits)
		vcpu->maxphyaddr = clamp_t(u8, bits, 32, 52);
	vcpu->pv_features = pv ? pv->eax & PV_FEATURES : 0;
	vhm_lapic_set_cpuid(&vcpu->apic, vhm_guest_has(vcpu, 1, 0, VHM_CPUID_ECX, 21),
			    vhm_guest_has(vcpu, 1, 0, VHM_CPUID_ECX, 24), vcpu->maxphyaddr);
}

/* ---- KVM_SET_CPUID2, KVM_GET_CPUID2 -------------------------------------- */

static void build_index(struct vhm_vcpu *vcpu)
{
	u16 *slot;
	u32 i;

	memset(vcpu->cpuid_index, 0, sizeof(vcpu->cpuid_index));
	for (i = 0; i < vcpu->n_cpuid; i++) {
		slot = index_slot(vcpu, vcpu->cpuid[i].function);
		if (slot && !*slot)
			*slot = i + 1;
	}
}

/* Widths of linear addresses that exist; 0 stands for "not said". Padding does not count. */
static bool check_table(struct vhm_vcpu *vcpu, struct kvm_cpuid_entry2 *e, u32 n)
{
	struct kvm_cpuid_entry2 *pv = find_pv(e, n);

	/* a guest that halts without an exit cannot be kicked out of it */
	if (pv && vcpu->vm->exits_off & KVM_X86_DISABLE_EXITS_HLT)
		pv->eax &= ~BIT(KVM_FEATURE_PV_UNHALT);
	for (; n--; e++) {
		u8 width = e->eax >> 8;

		memset(e->padding, 0, sizeof(e->padding));
		if (e->function == 0x80000008 && width && width != 48 && width != 57)
			return false;
	}
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
	struct kvm_cpuid_entry2 *e;
	int r = 0;
	u32 n;

	if (get_user(n, &u->nent))
		return -EFAULT;
	if (n > VHM_MAX_CPUID)
		return -E2BIG;
	e = vmemdup_user(u->entries, n * sizeof(*e));
	if (IS_ERR(e))
		return PTR_ERR(e);
	if (!check_table(vcpu, e, n)) {
		r = -EINVAL;
	} else if (vcpu->ran) {
		r = n != vcpu->n_cpuid || memcmp(e, vcpu->cpuid, n * sizeof(*e)) ? -EINVAL : 0;
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
	return give(u, vcpu->cpuid, vcpu->n_cpuid, 0);
}
