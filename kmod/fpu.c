// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's x87, SSE and extended state.
 *
 * Each vCPU owns an XSAVE image in standard format. It is in the registers
 * only between vhm_fpu_enter() and vhm_fpu_leave(), inside a section:
 * kernel_fpu_begin_mask() has put the thread's own state away by then and the
 * kernel brings it back when the thread returns to user mode, so nothing of
 * either side is ever left for the other. Every component a guest may have
 * (vhm_caps.xcr0) is loaded and saved, whatever the guest's XCR0 enables at
 * the moment: a component turned off keeps its content, as on hardware.
 * Components only the host has (PKRU, AMX) are out of the guest's reach: its
 * XCR0 and CR4 cannot enable them, so they stay in place.
 *
 * Outside a section the image holds good values for every component,
 * including those whose bit in XSTATE_BV is clear.
 *
 * Sources: Intel SDM vol. 1, "Managing State Using the XSAVE Feature Set";
 * AMD64 APM vol. 2, "XSAVE/XRSTOR Instructions".
 */
#include <linux/bitops.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/processor.h>

#include "host.h"
#include "msr.h"

#define FCW_INIT	0x37f

/* The x87 words lie in struct kvm_fpu as they do in the image. */
#define X87_WORDS	offsetof(struct fxregs_state, mxcsr)
static_assert(offsetof(struct kvm_fpu, xmm) - offsetof(struct kvm_fpu, fcw) == X87_WORDS);

u32 vhm_xstate_bytes(u64 xcr0, bool compacted)
{
	u32 end = sizeof(struct xregs_state), off, size, ecx, edx;
	unsigned long set = xcr0, i = FIRST_EXTENDED_XFEATURE;

	for_each_set_bit_from(i, &set, VHM_XCR0_MAX - 1) {
		cpuid_count(0xd, i, &size, &off, &ecx, &edx);
		if (compacted)	/* ECX bit 1: begins at a multiple of 64 */
			end = (ecx & 2 ? ALIGN(end, 64) : end) + size;
		else
			end = max(end, off + size);
	}
	return end;
}

u32 vhm_xsave_size(void)
{
	return max_t(u32, vhm_xstate_bytes(vhm_caps.xcr0, false), sizeof(struct kvm_xsave));
}

/* ---- life ---------------------------------------------------------------- */

int vhm_fpu_alloc(struct vhm_vcpu *vcpu)
{
	/* kmalloc aligns sizes that are a power of two to themselves */
	vcpu->fpu.area = kzalloc(roundup_pow_of_two(vhm_xsave_size()), GFP_KERNEL_ACCOUNT);
	return vcpu->fpu.area ? 0 : -ENOMEM;
}

/* Everything to its initial state, but for MXCSR. */
static void clear_image(struct vhm_vcpu *vcpu)
{
	struct fxregs_state *fx = &vcpu->fpu.area->i387;
	u32 mxcsr = fx->mxcsr, mask = fx->mxcsr_mask;

	memset(vcpu->fpu.area, 0, vhm_xsave_size());
	fx->cwd = FCW_INIT;
	fx->mxcsr = mxcsr;
	fx->mxcsr_mask = mask;
}

void vhm_fpu_reset(struct vhm_vcpu *vcpu)
{
	struct fxregs_state *fx = &vcpu->fpu.area->i387;

	/* for one thing in it: the MXCSR bits that may be set on this CPU */
	asm volatile("fxsave64 (%0)" : : "r" (fx) : "memory");
	fx->mxcsr = MXCSR_DEFAULT;
	clear_image(vcpu);
	vcpu->fpu.area->header.xfeatures = XFEATURE_MASK_FPSSE;
	vcpu->fpu.xcr0 = XFEATURE_MASK_FP;
}

/* ---- in and out ---------------------------------------------------------- */

/*
 * The images are valid (image_valid() sees to it), so XRSTOR cannot fault. Both
 * run under the host's XCR0, which has every bit of vhm_caps.xcr0.
 */
void vhm_fpu_enter(struct vhm_vcpu *vcpu)
{
	u64 mask = vhm_caps.xcr0;
	struct xregs_state *area = vcpu->fpu.area;

	kernel_fpu_begin_mask(0);
	if (likely(mask)) {
		asm volatile("xrstor64 (%0)" : : "r" (area), "a" ((u32)mask),
			     "d" ((u32)(mask >> 32)) : "memory");
		vcpu->fpu.host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		if (vcpu->fpu.xcr0 != vcpu->fpu.host_xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->fpu.xcr0);
		/* supervisor state is the host's alone, also from a guest's XSAVES */
		if (unlikely(vhm_caps.host_xss))
			vhm_wrmsr(MSR_IA32_XSS, 0);
	} else {
		asm volatile("fxrstor64 (%0)" : : "r" (area) : "memory");
	}
}

u64 vhm_guest_xcr0(struct vhm_vcpu *vcpu)
{
	if (vcpu->in_section >= 0 && vhm_caps.xcr0)
		return xgetbv(XCR_XFEATURE_ENABLED_MASK) & vhm_caps.xcr0;
	return vcpu->fpu.xcr0;
}

/*
 * Not every CPU that is emulated has the XSETBV intercept (QEMU's TCG lacks
 * it), and a host that goes on with a guest's XCR0 dies of it: so it is the
 * register that says what the guest has.
 */
void vhm_fpu_leave(struct vhm_vcpu *vcpu)
{
	u64 mask = vhm_caps.xcr0, now;
	struct xregs_state *area = vcpu->fpu.area;

	if (likely(mask)) {
		if (unlikely(vhm_caps.host_xss))
			vhm_wrmsr(MSR_IA32_XSS, vhm_caps.host_xss);
		now = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		if (now != vcpu->fpu.host_xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->fpu.host_xcr0);
		vcpu->fpu.xcr0 = now & mask;
		asm volatile("xsave64 (%0)" : : "r" (area), "a" ((u32)mask),
			     "d" ((u32)(mask >> 32)) : "memory");
	} else {
		asm volatile("fxsave64 (%0)" : : "r" (area) : "memory");
	}
	kernel_fpu_end();
}

/* ---- KVM_GET_FPU, KVM_SET_FPU -------------------------------------------- */

void vhm_get_fpu(struct vhm_vcpu *vcpu, struct kvm_fpu *f)
{
	const struct fxregs_state *fx = &vcpu->fpu.area->i387;

	*f = (struct kvm_fpu){ .mxcsr = fx->mxcsr };
	memcpy((void *)f + offsetof(struct kvm_fpu, fcw), fx, X87_WORDS);
	memcpy(f->fpr, fx->st_space, sizeof(f->fpr));
	memcpy(f->xmm, fx->xmm_space, sizeof(f->xmm));
}

/* MXCSR is not taken: KVM never did, so clients leave rubbish in the field. */
void vhm_set_fpu(struct vhm_vcpu *vcpu, const struct kvm_fpu *f)
{
	struct fxregs_state *fx = &vcpu->fpu.area->i387;

	memcpy((void *)fx, (void *)f + offsetof(struct kvm_fpu, fcw), X87_WORDS);
	memcpy(fx->st_space, f->fpr, sizeof(f->fpr));
	memcpy(fx->xmm_space, f->xmm, sizeof(f->xmm));
	fx->twd = f->ftwx;
	vcpu->fpu.area->header.xfeatures |= XFEATURE_MASK_FPSSE;
}

/* ---- KVM_GET_XSAVE, KVM_SET_XSAVE ---------------------------------------- */

int vhm_get_xsave(struct vhm_vcpu *vcpu, void __user *u)
{
	return copy_to_user(u, vcpu->fpu.area, vhm_xsave_size()) ? -EFAULT : 0;
}

/* Whatever passes here can be given to XRSTOR. in is ours, no longer the VMM's. */
static bool image_valid(struct vhm_vcpu *vcpu, const struct xregs_state *in)
{
	const struct xstate_header *h = &in->header;

	if (h->xfeatures & ~(vhm_caps.xcr0 | XFEATURE_MASK_FPSSE) || h->xcomp_bv ||
	    memchr_inv(h->reserved, 0, sizeof(h->reserved)))
		return false;
	return !(h->xfeatures & (XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM)) ||
	       !(in->i387.mxcsr & ~vcpu->fpu.area->i387.mxcsr_mask);
}

/* Components absent from the image go to their initial state, but for MXCSR: see below. */
static void set_image(struct vhm_vcpu *vcpu, const struct xregs_state *in)
{
	unsigned long set = in->header.xfeatures & vhm_caps.xcr0, i = FIRST_EXTENDED_XFEATURE;
	struct fxregs_state *fx = &vcpu->fpu.area->i387;
	u64 features = in->header.xfeatures;
	u32 len, off, ecx, edx;

	clear_image(vcpu);
	vcpu->fpu.area->header.xfeatures = vhm_caps.xcr0 ? features : XFEATURE_MASK_FPSSE;
	if (features & XFEATURE_MASK_FP) {
		memcpy((void *)fx, in, X87_WORDS);
		memcpy(fx->st_space, in->i387.st_space, sizeof(fx->st_space));
	}
	if (features & XFEATURE_MASK_SSE)
		memcpy(fx->xmm_space, in->i387.xmm_space, sizeof(fx->xmm_space));
	/* it belongs to SSE and AVX together and stays when neither is there */
	if (features & (XFEATURE_MASK_SSE | XFEATURE_MASK_YMM))
		fx->mxcsr = in->i387.mxcsr;
	for_each_set_bit_from(i, &set, VHM_XCR0_MAX - 1) {
		cpuid_count(0xd, i, &len, &off, &ecx, &edx);
		memcpy((void *)vcpu->fpu.area + off, (void *)in + off, len);
	}
}

/*
 * vhm_set_xsave - KVM_SET_XSAVE with all of vhm_xsave_size() bytes at u
 *
 * Process context. -EFAULT, -ENOMEM; -EINVAL for an image with components or
 * MXCSR bits that the CPU lacks, or a header that is not all standard format.
 */
int vhm_set_xsave(struct vhm_vcpu *vcpu, void __user *u)
{
	struct xregs_state *in = memdup_user(u, vhm_xsave_size());
	bool valid;

	if (IS_ERR(in))
		return PTR_ERR(in);
	valid = image_valid(vcpu, in);
	if (valid)
		set_image(vcpu, in);
	kfree(in);
	return valid ? 0 : -EINVAL;
}

/* ---- XCR0 ---------------------------------------------------------------- */

int vhm_set_xcr0(struct vhm_vcpu *vcpu, u64 val, bool host)
{
	u64 avx512 = val & XFEATURE_MASK_AVX512;

	if ((!host && vhm_st(vcpu, VHM_ST_CODE)->cpl) ||
	    !(val & XFEATURE_MASK_FP) || val & ~(vcpu->xcr0_allowed | XFEATURE_MASK_FP) ||
	    (val & XFEATURE_MASK_YMM && !(val & XFEATURE_MASK_SSE)) ||
	    (avx512 && (avx512 != XFEATURE_MASK_AVX512 || !(val & XFEATURE_MASK_YMM))))
		return 1;
	vcpu->fpu.xcr0 = val;
	return 0;
}

void vhm_get_xcrs(struct vhm_vcpu *vcpu, struct kvm_xcrs *x)
{
	*x = (struct kvm_xcrs){ .nr_xcrs = !!vhm_caps.xcr0 };
	x->xcrs[0].value = vhm_caps.xcr0 ? vcpu->fpu.xcr0 : 0;
}

int vhm_set_xcrs(struct vhm_vcpu *vcpu, const struct kvm_xcrs *x)
{
	int i;

	if (!vhm_caps.xcr0 || x->nr_xcrs > KVM_MAX_XCRS || x->flags)
		return -EINVAL;
	/* XCR0 is the only one; others are passed over as on KVM */
	for (i = 0; i < x->nr_xcrs; i++)
		if (!x->xcrs[i].xcr)
			return vhm_set_xcr0(vcpu, x->xcrs[i].value, true) ? -EINVAL : 0;
	return 0;
}

/* ---- for the emulator ---------------------------------------------------- */

void vhm_xmm_read(struct vhm_vcpu *vcpu, int n, void *buf)
{
	memcpy(buf, &vcpu->fpu.area->i387.xmm_space[4 * n], 16);
}

void vhm_xmm_write(struct vhm_vcpu *vcpu, int n, const void *buf)
{
	memcpy(&vcpu->fpu.area->i387.xmm_space[4 * n], buf, 16);
	vcpu->fpu.area->header.xfeatures |= XFEATURE_MASK_SSE;
}
