/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel as the proofs see it: that of the unit tests, with what the model
 * checker does not know replaced, and values that may be anything.
 */
#ifndef PROOFS_SHIM_H
#define PROOFS_SHIM_H

#include <assert.h>

#include "irq_port_user.h"

/* one thread: plain accesses */
#undef READ_ONCE
#undef WRITE_ONCE
#undef smp_load_acquire
#undef smp_store_release
#undef smp_mb
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, v)	((x) = (v))
#define smp_load_acquire(p)	(*(p))
#define smp_store_release(p, v)	(*(p) = (v))
#define smp_mb()		((void)0)

/* locks: the unit tests look after them */
#undef guard
#undef scoped_guard
#undef lockdep_assert_held
#define guard(kind)		(void)
#define scoped_guard(kind, l)	for (int __once = 1; __once; __once = 0)
#define lockdep_assert_held(l)	((void)0)

u8 nondet_u8(void);
u32 nondet_u32(void);
u64 nondet_u64(void);

/* the surroundings of a device: time and timers */
u64 ktime_get_ns(void)
{
	return nondet_u64();
}

void hrtimer_start(struct hrtimer *t, u64 expires, enum hrtimer_mode mode)
{
}

void hrtimer_cancel(struct hrtimer *t)
{
}

/* ---- what the headers of the memory room name ---- */
#define __user
#define __always_inline		inline
#define PAGE_SHIFT		12
struct mutex { int unused; };
typedef struct { int unused; } rwlock_t;
struct mmu_notifier { int unused; };
struct mmu_notifier_ops;
struct list_head { struct list_head *next, *prev; };
void set_bit_le(unsigned long nr, void *map);
#define user_access_begin(p, n)	true
#define user_access_end()	((void)0)
#define unsafe_get_user(x, p, label) do {	\
	if (nondet_u8())			\
		goto label;			\
	(x) = nondet_u64();			\
} while (0)

#endif
