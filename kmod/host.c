// SPDX-License-Identifier: GPL-2.0-only
/*
 * All differences between host kernels, and ways round symbols a module may
 * not use. The one thing that needs KVM's own header lives in host_xfer.c.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "host.h"
#include "irq/irq.h"

void vhm_hrtimer_setup(struct hrtimer *t, enum hrtimer_restart (*fn)(struct hrtimer *))
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(t, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	t->function = fn;
#else
	hrtimer_setup(t, fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
#endif
}

void vhm_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

/*
 * The kernel's own look-ups are not exported. Interrupts off keep the tables
 * from being freed under the walk: x86 waits for an IPI before it does that
 * (or for RCU, which the same covers).
 */
int vhm_host_level(struct mm_struct *mm, unsigned long hva)
{
	unsigned long flags;
	int level = 0;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	local_irq_save(flags);
	pgd = READ_ONCE(*pgd_offset(mm, hva));
	if (!pgd_present(pgd))
		goto out;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (!p4d_present(p4d))
		goto out;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (!pud_present(pud) || pud_leaf(pud)) {
		level = pud_present(pud) ? 3 : 0;
		goto out;
	}
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (pmd_present(pmd))
		level = pmd_leaf(pmd) ? 2 : 1;
out:
	local_irq_restore(flags);
	return level;
}

/* mmap_lock held, vma covers hva. 0 or an error when no entry is there. */
static int read_pfnmap(struct vm_area_struct *vma, unsigned long hva, u64 *pfn, bool *writable)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	spinlock_t *ptl;
	pte_t *pte;
	int r = follow_pte(vma->vm_mm, hva, &pte, &ptl);

	if (r)
		return r;
	__acquire(ptl);		/* follow_pte() took it */
	*pfn = pte_pfn(*pte);
	*writable = pte_write(*pte);
	pte_unmap_unlock(pte, ptl);
	return 0;
#else
	struct follow_pfnmap_args args = { .vma = vma, .address = hva };
	int r = follow_pfnmap_start(&args);

	if (r)
		return r;
	*pfn = args.pfn;
	*writable = args.writable;
	follow_pfnmap_end(&args);
	return 0;
#endif
}

static int locked_pfnmap(struct mm_struct *mm, unsigned long hva, bool write,
			 u64 *pfn, bool *writable)
{
	struct vm_area_struct *vma = vma_lookup(mm, hva);
	bool unlocked = false;
	int r;

	if (!vma || !(vma->vm_flags & (VM_PFNMAP | VM_IO)) ||
	    !(vma->vm_flags & (write ? VM_WRITE : VM_READ)))
		return -EFAULT;
	r = read_pfnmap(vma, hva, pfn, writable);
	if (!r && (!write || *writable))
		return 0;
	r = fixup_user_fault(mm, hva, write ? FAULT_FLAG_WRITE : 0, &unlocked);
	if (r)
		return r == -EINTR || r == -EHWPOISON ? r : -EFAULT;
	if (unlocked)
		/* the lock was dropped: the vma may be another one */
		return -EAGAIN;
	r = read_pfnmap(vma, hva, pfn, writable);
	return r || (write && !*writable) ? -EFAULT : 0;
}

int vhm_host_pfnmap(struct mm_struct *mm, unsigned long hva, bool write,
		    u64 *pfn, bool *writable)
{
	int r;

	mmap_read_lock(mm);
	r = locked_pfnmap(mm, hva, write, pfn, writable);
	mmap_read_unlock(mm);
	return r;
}
