/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that differs between host kernels, or works round a symbol that
 * a module may not use. Nothing else in kmod/ tests kernel versions.
 */
#ifndef VHM_HOST_H
#define VHM_HOST_H

#include <linux/eventfd.h>
#include <linux/kvm.h>
#include <linux/mm_types.h>
#include <linux/types.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#include <asm/cpuid/api.h>	/* cpuid_eax() and the like */
#else
#include <asm/processor.h>
#endif
#include <asm/msr.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
typedef int vhm_young_t;	/* what the notifier's young callbacks return */
#else
typedef bool vhm_young_t;
#endif

/*
 * vhm_rdmsr, vhm_wrmsr: for MSRs that are known to be there. In line, since the
 * kernel's go through a call each and a section begins and ends with a few.
 */
static __always_inline u64 vhm_rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a" (lo), "=d" (hi) : "c" (msr));
	return lo | (u64)hi << 32;
}

static __always_inline void vhm_wrmsr(u32 msr, u64 val)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((u32)val), "d" ((u32)(val >> 32)) : "memory");
}

/** vhm_rdmsr_safe: 0, or -EIO when the MSR does not exist. */
static inline int vhm_rdmsr_safe(u32 msr, u64 *val)
{
	u32 lo, hi;
	int r = rdmsr_safe(msr, &lo, &hi);

	*val = lo | (u64)hi << 32;
	return r;
}

/** vhm_immediate_exit: the flag that userspace may set at any time; newer headers say so. */
static inline bool vhm_immediate_exit(const struct kvm_run *run)
{
#ifdef HINT_UNSAFE_IN_KVM
	return READ_ONCE(run->immediate_exit__unsafe);
#else
	return READ_ONCE(run->immediate_exit);
#endif
}

/** vhm_eventfd_signal: add one to the counter. Any context. */
void vhm_eventfd_signal(struct eventfd_ctx *ctx);

/* ---- work a task must do before it may enter a guest ---------------------- */
/** vhm_xfer_pending: interrupts off. */
bool vhm_xfer_pending(void);
/** vhm_xfer_work: interrupts on. 0, or -EINTR with a signal pending. */
int vhm_xfer_work(void);

/* ---- guest memory ---------------------------------------------------------- */
/* get_user_pages*() gives up with -EINTR for any signal, not only fatal ones */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define VHM_FOLL_INTERRUPTIBLE	0
#else
#define VHM_FOLL_INTERRUPTIBLE	FOLL_INTERRUPTIBLE
#endif
/** vhm_host_level: level of the VMM's own mapping of hva: 0 none, 1 4K, 2 2M, 3 1G. */
int vhm_host_level(struct mm_struct *mm, unsigned long hva);
/**
 * vhm_host_pfnmap: frame behind a mapping without struct page (VM_PFNMAP).
 * Faults it in for writing when asked. *writable tells what the mapping
 * allows. 0, -EFAULT, -EAGAIN (try again), -EINTR, -EHWPOISON.
 */
int vhm_host_pfnmap(struct mm_struct *mm, unsigned long hva, bool write,
		    u64 *pfn, bool *writable);

#endif
