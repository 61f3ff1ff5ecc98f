// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_X86_SET_MSR_FILTER: which MSRs the VMM keeps from its guest.
 *
 * A filter is built aside, checked, and put in place whole; who reads it does so
 * under srcu or inside a section, and whoever replaces it waits for both. It is
 * asked only for RDMSR and WRMSR of the guest. MSRs that the hardware serves
 * without an exit have to exit once it denies one of them: then all of them do.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vhm.h"

struct vhm_msr_filter {
	bool deny;		/* what no range names */
	u32 n;
	struct { u32 flags, base, count, word; } range[KVM_MSR_FILTER_MAX_RANGES];
	unsigned long bits[];	/* the ranges' bitmaps, each from its word on */
};

static bool denies(const struct vhm_msr_filter *f, u32 index, u32 access)
{
	u32 i;

	if (index >> 8 == 0x8)	/* the x2APIC's are not the filter's */
		return false;
	for (i = 0; i < f->n; i++)
		if (index - f->range[i].base < f->range[i].count && f->range[i].flags & access)
			return !test_bit(index - f->range[i].base, f->bits + f->range[i].word);
	return f->deny;
}

bool vhm_msr_denied(struct vhm_vcpu *vcpu, u32 index, bool write)
{
	const struct vhm_msr_filter *f =
		srcu_dereference_check(vcpu->vm->msr_filter, &vcpu->vm->srcu, irqs_disabled());

	return f && denies(f, index, write ? KVM_MSR_FILTER_WRITE : KVM_MSR_FILTER_READ);
}

/* ---- from the VMM --------------------------------------------------------------- */

/* Words of the range's bitmap, 0 when it is not used; -EINVAL. */
static int range_words(const struct kvm_msr_filter_range *r)
{
	if (!r->nmsrs)
		return 0;
	if (!r->flags || r->flags & ~(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE) ||
	    r->nmsrs > 8 * KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	return BITS_TO_LONGS(r->nmsrs);
}

/* The filter that a is, NULL when it allows everything; -EINVAL, -EFAULT, -ENOMEM. */
static struct vhm_msr_filter *build(const struct kvm_msr_filter *a)
{
	struct vhm_msr_filter *f;
	u32 words = 0;
	int i, n;

	if (a->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return ERR_PTR(-EINVAL);
	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		n = range_words(&a->ranges[i]);
		if (n < 0)
			return ERR_PTR(n);
		words += n;
	}
	if (!words)	/* denying all of them by no range at all is taken for a mistake */
		return a->flags ? ERR_PTR(-EINVAL) : NULL;
	f = kvzalloc(struct_size(f, bits, words), GFP_KERNEL_ACCOUNT);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->deny = a->flags;
	for (i = 0, words = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++, words += n) {
		const struct kvm_msr_filter_range *r = &a->ranges[i];

		n = range_words(r);
		if (!n)
			continue;
		if (copy_from_user(f->bits + words, (void __user *)r->bitmap, n * sizeof(long))) {
			kvfree(f);
			return ERR_PTR(-EFAULT);
		}
		f->range[f->n].flags = r->flags;
		f->range[f->n].base = r->base;
		f->range[f->n].count = r->nmsrs;
		f->range[f->n++].word = words;
	}
	return f;
}

static bool denies_passed(const struct vhm_msr_filter *f)
{
	const u32 *msr;

	for (msr = vhm_ops->passed_msrs; f && *msr; msr++)
		if (denies(f, *msr, KVM_MSR_FILTER_READ) || denies(f, *msr, KVM_MSR_FILTER_WRITE))
			return true;
	return false;
}

int vhm_set_msr_filter(struct vhm_vm *vm, const struct kvm_msr_filter *a)
{
	struct vhm_msr_filter *f = build(a), *old;
	bool exit_all;

	if (IS_ERR(f))
		return PTR_ERR(f);
	mutex_lock(&vm->lock);
	exit_all = denies_passed(f);
	old = rcu_replace_pointer(vm->msr_filter, f, lockdep_is_held(&vm->lock));
	if (exit_all != vm->msr_exit_all) {
		WRITE_ONCE(vm->msr_exit_all, exit_all);
		vhm_request_all_wait(vm, VHM_REQ_INTERCEPTS);
	}
	synchronize_srcu_expedited(&vm->srcu);
	vhm_sections_wait(vm);
	mutex_unlock(&vm->lock);
	kvfree(old);
	return 0;
}

void vhm_msr_filter_destroy(struct vhm_vm *vm)
{
	kvfree(rcu_dereference_protected(vm->msr_filter, true));
}
