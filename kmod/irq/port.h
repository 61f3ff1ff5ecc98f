/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the interrupt controllers need from their surroundings.
 *
 * The same sources are compiled into hv.ko and into the host-built unit tests
 * and fuzzers (-DVHM_USERSPACE), which bring a stand-in for the kernel. This
 * file is the only one that knows which.
 */
#ifndef VHM_IRQ_PORT_H
#define VHM_IRQ_PORT_H

#ifdef VHM_USERSPACE
#include <irq_port_user.h>
#else
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/hrtimer.h>
#include <linux/kvm.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

/* guard(vhm_raw)(&lock): held to the end of the block. For sparse nothing happened. */
DEFINE_LOCK_GUARD_1(vhm_raw, raw_spinlock_t,
		    ({ raw_spin_lock_irqsave(_T->lock, _T->flags); __release(_T->lock); }),
		    ({ __acquire(_T->lock); raw_spin_unlock_irqrestore(_T->lock, _T->flags); }),
		    unsigned long flags)
#endif

#endif
