/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel as the interrupt controllers see it, in userspace: everything
 * runs in one thread, so locks only check themselves and barriers are empty.
 */
#ifndef UNIT_IRQ_PORT_USER_H
#define UNIT_IRQ_PORT_USER_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kvm.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef __u64 u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef __s64 s64;

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define fallthrough	__attribute__((__fallthrough__))
#define __rcu
#define noinline	__attribute__((__noinline__))
#ifndef container_of
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#endif
#define min_t(t, a, b)		((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b)		((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define struct_size(p, member, n) (sizeof(*(p)) + (n) * sizeof((p)->member[0]))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define BIT(n)			(1UL << (n))
#define BITS_PER_LONG		64
#define BITS_TO_LONGS(n)	(((n) + 63) / 64)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]
#define NSEC_PER_SEC		1000000000L
#define NSEC_PER_USEC		1000L
#define PAGE_SIZE		4096UL

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define cmpxchg64(p, old, new)	__sync_val_compare_and_swap(p, old, new)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)	/* as in the kernel */
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)	/* likewise */
#define smp_mb()		__sync_synchronize()	/* likewise */
#define array_index_nospec(i, n) ((i) < (n) ? (i) : 0)

/* A broken invariant is a failed test, whatever the test was looking at. */
#define WARN_ON_ONCE(c) ({					\
	bool __warn = !!(c);					\
	if (__warn) {						\
		fprintf(stderr, "%s:%d: WARN_ON_ONCE(%s)\n",	\
			__FILE__, __LINE__, #c);		\
		abort();					\
	}							\
	__warn; })

typedef struct { int held; } raw_spinlock_t;
#define raw_spin_lock_init(l)	((l)->held = 0)
#define lockdep_assert_held(l)	WARN_ON_ONCE(!(l)->held)

typedef struct { int counter; } atomic_t;
#define atomic_read(a)		((a)->counter)
#define atomic_set(a, v)	((a)->counter = (v))
#define atomic_add(v, a)	((a)->counter += (v))
static inline int atomic_xchg(atomic_t *a, int v)
{
	int old = a->counter;

	a->counter = v;
	return old;
}

static inline int atomic_fetch_or(int v, atomic_t *a)
{
	int old = a->counter;

	a->counter |= v;
	return old;
}

static inline int atomic_dec_if_positive(atomic_t *a)
{
	int v = a->counter - 1;

	if (v >= 0)
		a->counter = v;
	return v;
}

static inline bool test_bit(unsigned int nr, const unsigned long *p)
{
	return p[nr / 64] >> (nr % 64) & 1;
}

static inline void set_bit(unsigned int nr, unsigned long *p)
{
	p[nr / 64] |= BIT(nr % 64);
}

static inline void clear_bit(unsigned int nr, unsigned long *p)
{
	p[nr / 64] &= ~BIT(nr % 64);
}

static inline bool test_and_set_bit(unsigned int nr, unsigned long *p)
{
	bool old = test_bit(nr, p);

	set_bit(nr, p);
	return old;
}

static inline void assign_bit(unsigned int nr, unsigned long *p, bool value)
{
	if (value)
		set_bit(nr, p);
	else
		clear_bit(nr, p);
}

#define __set_bit	set_bit
#define __clear_bit	clear_bit
#define __assign_bit	assign_bit

static inline unsigned int __fls(unsigned long w)
{
	return 63 - __builtin_clzl(w);
}

static inline unsigned int __ffs(unsigned long w)
{
	return __builtin_ctzl(w);
}

static inline unsigned int hweight32(u32 w)
{
	return __builtin_popcount(w);
}

static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 c)
{
	return (__uint128_t)a * b / c;
}

/* The clock and the timers are the board's: irq_board.c. */
enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode { HRTIMER_MODE_ABS_HARD };
struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *t);
	u64 expires;			/* 0: not armed */
};

u64 ktime_get_ns(void);
void hrtimer_start(struct hrtimer *t, u64 expires, enum hrtimer_mode mode);
void hrtimer_cancel(struct hrtimer *t);
#define ns_to_ktime(ns)			(ns)
#define hrtimer_set_expires(t, e)	((t)->expires = (e))

struct rcu_head { int unused; };
#define rcu_read_lock()			do { } while (0)
#define rcu_read_unlock()		do { } while (0)
#define rcu_dereference(p)		(p)
#define rcu_dereference_protected(p, c)	(p)
#define rcu_assign_pointer(p, v)	((p) = (v))
#define RCU_INIT_POINTER(p, v)		((p) = (v))
#define kvfree_rcu(p, member)		free(p)

#define GFP_KERNEL_ACCOUNT	0
#define kvzalloc(n, gfp)	calloc(1, n)
#define kvcalloc(n, size, gfp)	calloc(n, size)
#define kvfree(p)		free(p)

static inline unsigned long get_zeroed_page(int gfp)
{
	u8 *p = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	(void)gfp;
	if (p)
		memset(p, 0, PAGE_SIZE);
	return (unsigned long)p;
}

#define free_page(p)		free((void *)(p))

/* Locks are held by block-scoped guards only. */
typedef struct { raw_spinlock_t *lock; } vhm_raw_guard;

static inline vhm_raw_guard vhm_raw_guard_take(raw_spinlock_t *lock)
{
	WARN_ON_ONCE(lock->held++);
	return (vhm_raw_guard){ lock };
}

static inline void vhm_raw_guard_drop(vhm_raw_guard *g)
{
	WARN_ON_ONCE(--g->lock->held);
}

#define guard(kind) \
	kind##_guard __guard __attribute__((cleanup(kind##_guard_drop), unused)) = kind##_guard_take
#define scoped_guard(kind, l) \
	for (kind##_guard __guard __attribute__((cleanup(kind##_guard_drop))) = \
		     kind##_guard_take(l), *__once = &__guard; __once; __once = NULL)

#endif
