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
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/processor.h>

#include "msr.h"

#define LEGACY_SIZE	512
#define HEADER_END	576
#define XMM_OFFSET	160
#define SW_OFFSET	464	/* not the CPU's: left to software */
#define SW_SIZE		48
#define FCW_INIT	0x37f
#define MXCSR_INIT	0x1f80
#define MXCSR_MASK_INIT	0xffbf	/* AMD64 APM vol. 2: where FXSAVE stores 0 */

/* The legacy region and header of an image. */
struct image {
	u16 fcw, fsw;
	u8 ftw, pad;
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr, mxcsr_mask;
	u8 st[8][16];
	u8 xmm[16][16];
	u8 rest[96];
	u64 xstate_bv, xcomp_bv;
	u64 reserved[6];
};

static_assert(offsetof(struct image, xmm) == XMM_OFFSET);
static_assert(offsetof(struct image, xstate_bv) == LEGACY_SIZE);
static_assert(sizeof(struct image) == HEADER_END);

static struct image *image(struct vhm_vcpu *vcpu)
{
	return (struct image *)vcpu->fpu.area;
}

/* ---- where the components are -------------------------------------------- */

/* Component i >= 2 in the standard format; facts of the CPU, the same on all. */
static void component(int i, u32 *off, u32 *size, bool *aligned)
{
	u32 ecx, edx;

	cpuid_count(0xd, i, size, off, &ecx, &edx);
	*aligned = ecx & 2;
}

u32 vhm_xstate_bytes(u64 xcr0, bool compacted)
{
	u32 end = HEADER_END, off, size;
	bool aligned;
	int i;

	for (i = 2; i < VHM_XCR0_MAX - 1; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		component(i, &off, &size, &aligned);
		if (compacted)
			end = (aligned ? ALIGN(end, 64) : end) + size;
		else
			end = max(end, off + size);
	}
	return end;
}

u32 vhm_xsave_size(void)
{
	static u32 size;	/* written with one value only */

	if (!size)
		size = vhm_xstate_bytes(vhm_caps.xcr0, false);
	return size;
}

/* MXCSR bits that may be set on this CPU. */
static u32 mxcsr_mask(void)
{
	static u32 mask;	/* written with one value only */
	struct image *im;

	if (mask)
		return mask;
	im = kzalloc(roundup_pow_of_two(sizeof(*im)), GFP_KERNEL);
	if (im) {
		asm volatile("fxsave64 %0" : "=m" (*im));
		mask = im->mxcsr_mask;
		kfree(im);
	}
	if (!mask)
		mask = MXCSR_MASK_INIT;
	return mask;
}

/* ---- life ---------------------------------------------------------------- */

int vhm_fpu_alloc(struct vhm_vcpu *vcpu)
{
	/* kmalloc aligns sizes that are a power of two to themselves */
	vcpu->fpu.size = roundup_pow_of_two(max_t(u32, vhm_xsave_size(),
						  sizeof(struct kvm_xsave)));
	vcpu->fpu.area = kzalloc(vcpu->fpu.size, GFP_KERNEL_ACCOUNT);
	return vcpu->fpu.area ? 0 : -ENOMEM;
}

void vhm_fpu_free(struct vhm_vcpu *vcpu)
{
	kfree(vcpu->fpu.area);
	vcpu->fpu.area = NULL;
}

/* INIT leaves all of it alone. */
void vhm_fpu_reset(struct vhm_vcpu *vcpu, bool init)
{
	if (init)
		return;
	memset(vcpu->fpu.area, 0, vcpu->fpu.size);
	image(vcpu)->fcw = FCW_INIT;
	image(vcpu)->mxcsr = MXCSR_INIT;
	image(vcpu)->mxcsr_mask = mxcsr_mask();
	image(vcpu)->xstate_bv = VHM_XCR0_FP | VHM_XCR0_SSE;
	vcpu->fpu.xcr0 = VHM_XCR0_FP;
}

/* ---- in and out ---------------------------------------------------------- */

/*
 * The images are valid (set_image() sees to it), so XRSTOR cannot fault. Both
 * run under the host's XCR0, which has every bit of vhm_caps.xcr0.
 */
void vhm_fpu_enter(struct vhm_vcpu *vcpu)
{
	u64 mask = vhm_caps.xcr0;
	u8 *area = vcpu->fpu.area;

	kernel_fpu_begin_mask(0);
	if (likely(mask)) {
		asm volatile("xrstor64 (%0)" : : "r" (area), "a" ((u32)mask),
			     "d" ((u32)(mask >> 32)) : "memory");
		vcpu->fpu.host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		if (vcpu->fpu.xcr0 != vcpu->fpu.host_xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->fpu.xcr0);
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
static void take_xcr0(struct vhm_vcpu *vcpu)
{
	u64 now = xgetbv(XCR_XFEATURE_ENABLED_MASK);

	if (now != vcpu->fpu.host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->fpu.host_xcr0);
	vcpu->fpu.xcr0 = now & vhm_caps.xcr0;
}

void vhm_fpu_leave(struct vhm_vcpu *vcpu)
{
	u64 mask = vhm_caps.xcr0;
	u8 *area = vcpu->fpu.area;

	if (likely(mask)) {
		take_xcr0(vcpu);
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
	const struct image *im = image(vcpu);

	*f = (struct kvm_fpu){
		.fcw = im->fcw, .fsw = im->fsw, .ftwx = im->ftw, .last_opcode = im->fop,
		.last_ip = im->fip, .last_dp = im->fdp, .mxcsr = im->mxcsr,
	};
	memcpy(f->fpr, im->st, sizeof(f->fpr));
	memcpy(f->xmm, im->xmm, sizeof(f->xmm));
}

/* MXCSR is not taken: KVM never did, so clients leave rubbish in the field. */
void vhm_set_fpu(struct vhm_vcpu *vcpu, const struct kvm_fpu *f)
{
	struct image *im = image(vcpu);

	im->fcw = f->fcw;
	im->fsw = f->fsw;
	im->ftw = f->ftwx;
	im->fop = f->last_opcode;
	im->fip = f->last_ip;
	im->fdp = f->last_dp;
	memcpy(im->st, f->fpr, sizeof(f->fpr));
	memcpy(im->xmm, f->xmm, sizeof(f->xmm));
	im->xstate_bv |= VHM_XCR0_FP | VHM_XCR0_SSE;
}

/* ---- KVM_GET_XSAVE, KVM_SET_XSAVE ---------------------------------------- */

void vhm_get_xsave(struct vhm_vcpu *vcpu, void *buf, u32 size)
{
	memset(buf, 0, size);
	memcpy(buf, vcpu->fpu.area, min(size, vhm_xsave_size()));
	memset(buf + SW_OFFSET, 0, SW_SIZE);
	if (!vhm_caps.xcr0)
		((struct image *)buf)->xstate_bv = VHM_XCR0_FP | VHM_XCR0_SSE;
}

/* Whatever passes here can be given to XRSTOR. buf is ours, no longer the VMM's. */
static bool image_valid(const struct image *im)
{
	u64 known = vhm_caps.xcr0 | VHM_XCR0_FP | VHM_XCR0_SSE;

	if (im->xstate_bv & ~known || im->xcomp_bv ||
	    memchr_inv(im->reserved, 0, sizeof(im->reserved)))
		return false;
	return !(im->xstate_bv & (VHM_XCR0_FP | VHM_XCR0_SSE | VHM_XCR0_YMM)) ||
	       !(im->mxcsr & ~mxcsr_mask());
}

/*
 * Components absent from the image go to their initial state; MXCSR belongs to
 * SSE and AVX together and stays when neither is there.
 */
static void set_image(struct vhm_vcpu *vcpu, const u8 *buf)
{
	const struct image *in = (const struct image *)buf;
	struct image *im = image(vcpu);
	u32 mxcsr = im->mxcsr, off, size;
	bool aligned;
	int i;

	memset(im, 0, vcpu->fpu.size);
	im->fcw = FCW_INIT;
	im->mxcsr = mxcsr;
	im->mxcsr_mask = mxcsr_mask();
	im->xstate_bv = in->xstate_bv;
	if (in->xstate_bv & VHM_XCR0_FP) {
		im->fcw = in->fcw;
		im->fsw = in->fsw;
		im->ftw = in->ftw;
		im->fop = in->fop;
		im->fip = in->fip;
		im->fdp = in->fdp;
		memcpy(im->st, in->st, sizeof(im->st));
	}
	if (in->xstate_bv & VHM_XCR0_SSE)
		memcpy(im->xmm, in->xmm, sizeof(im->xmm));
	if (in->xstate_bv & (VHM_XCR0_SSE | VHM_XCR0_YMM))
		im->mxcsr = in->mxcsr;
	for (i = 2; i < VHM_XCR0_MAX - 1; i++) {
		if (!(in->xstate_bv & vhm_caps.xcr0 & BIT_ULL(i)))
			continue;
		component(i, &off, &size, &aligned);
		memcpy((u8 *)im + off, buf + off, size);
	}
}

int vhm_set_xsave(struct vhm_vcpu *vcpu, const void *buf, u32 size)
{
	if (size < vhm_xsave_size() || !image_valid(buf))
		return -EINVAL;
	set_image(vcpu, buf);
	return 0;
}

/*
 * vhm_set_xsave2 - KVM_SET_XSAVE with all of vhm_xsave_size() bytes at u
 *
 * Process context. -EFAULT, -ENOMEM; -EINVAL for an image with components or
 * MXCSR bits that the CPU lacks, or a header that is not all standard format.
 */
int vhm_set_xsave2(struct vhm_vcpu *vcpu, void __user *u)
{
	u32 size = vhm_xsave_size();
	void *buf = memdup_user(u, size);
	int r;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	r = vhm_set_xsave(vcpu, buf, size);
	kfree(buf);
	return r;
}

/* ---- XCR0 ---------------------------------------------------------------- */

int vhm_xcr0_set(struct vhm_vcpu *vcpu, u64 val)
{
	u64 avx512 = val & VHM_XCR0_AVX512;

	if (!(val & VHM_XCR0_FP) || val & ~(vcpu->xcr0_allowed | VHM_XCR0_FP))
		return 1;
	if (val & VHM_XCR0_YMM && !(val & VHM_XCR0_SSE))
		return 1;
	if (avx512 && (avx512 != VHM_XCR0_AVX512 || !(val & VHM_XCR0_YMM)))
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
			return vhm_xcr0_set(vcpu, x->xcrs[i].value) ? -EINVAL : 0;
	return 0;
}

/* ---- for the emulator ---------------------------------------------------- */

void vhm_xmm_read(struct vhm_vcpu *vcpu, int n, void *buf)
{
	memcpy(buf, image(vcpu)->xmm[n], 16);
}

void vhm_xmm_write(struct vhm_vcpu *vcpu, int n, const void *buf)
{
	memcpy(image(vcpu)->xmm[n], buf, 16);
	image(vcpu)->xstate_bv |= VHM_XCR0_SSE;
}
