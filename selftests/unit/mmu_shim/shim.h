/* SPDX-License-Identifier: GPL-2.0-only */
/* What the pure files of the memory room use of the kernel, for userspace. */
#ifndef MMU_SHIM_H
#define MMU_SHIM_H

#include <errno.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define __rcu
#define __user
#define fallthrough	__attribute__((fallthrough))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define noinline	__attribute__((noinline))
#define PAGE_SHIFT	12
#define PAGE_SIZE	4096ul
#define BIT(n)		(1ul << (n))
#define BIT_ULL(n)	(1ull << (n))
#define GENMASK_ULL(h, l) ((~0ull >> (63 - (h))) & (~0ull << (l)))
#define min(a, b)	((a) < (b) ? (a) : (b))
#define READ_ONCE(x)	(*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#define cmpxchg64(p, old, new) __sync_val_compare_and_swap(p, old, new)
typedef struct { u64 v; } atomic64_t;
#define atomic64_or(bits, a)		((void)__sync_fetch_and_or(&(a)->v, bits))
#define atomic64_andnot(bits, a)	((void)__sync_fetch_and_and(&(a)->v, ~(bits)))
static inline bool test_and_set_bit_le(unsigned long nr, unsigned long *map)
{
	return __sync_fetch_and_or(&map[nr / 64], 1ul << nr % 64) >> nr % 64 & 1;
}

/* ---- user memory: all of it is there ---- */
#define rcu_dereference_raw(p)	(p)
#define user_access_begin(p, n)	true
#define user_access_end()	((void)0)
#define pagefault_disable()	((void)0)
#define pagefault_enable()	((void)0)
#define unsafe_get_user(x, p, label) do {				\
	if (!(p))							\
		goto label;						\
	(x) = *(p);							\
} while (0)

typedef struct { long v; } atomic_long_t;
#define atomic_long_set(a, n)	((a)->v = (n))
#define atomic_long_read(a)	((a)->v)
#define atomic_long_inc(a)	((void)__sync_fetch_and_add(&(a)->v, 1))
#define atomic_long_dec(a)	((void)__sync_fetch_and_sub(&(a)->v, 1))

struct mutex { int unused; };
typedef struct { int unused; } rwlock_t, raw_spinlock_t;
struct mmu_notifier { int unused; };
struct mmu_notifier_ops;

/* ---- lists ---- */
struct list_head { struct list_head *next, *prev; };
#define LIST_HEAD(name)	struct list_head name = { &(name), &(name) }
static inline void list_add(struct list_head *n, struct list_head *head)
{
	n->next = head->next;
	n->prev = head;
	head->next->prev = n;
	head->next = n;
}

static inline void list_del(struct list_head *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
}

#define list_of(p, type, m) ((type *)((char *)(p) - offsetof(type, m)))
#define list_for_each_entry_safe(p, n, head, m)				\
	for (p = list_of((head)->next, __typeof__(*p), m),		\
	     n = list_of(p->m.next, __typeof__(*p), m);			\
	     &p->m != (head);						\
	     p = n, n = list_of(n->m.next, __typeof__(*n), m))

/* ---- pages: each has its struct page in the 4 KiB behind it ---- */
struct page { struct list_head lru; };
#define GFP_KERNEL_ACCOUNT 0
extern long shim_pages;			/* allocated and not freed */
#define __pa(p)		((u64)(uintptr_t)(p))
#define __va(pa)	((void *)(uintptr_t)(pa))
#define virt_to_page(p)	((struct page *)((char *)(p) + PAGE_SIZE))

static inline unsigned long get_zeroed_page(int gfp)
{
	void *p = aligned_alloc(PAGE_SIZE, 2 * PAGE_SIZE);

	(void)gfp;
	if (!p)
		return 0;
	__sync_fetch_and_add(&shim_pages, 1);
	return (unsigned long)memset(p, 0, 2 * PAGE_SIZE);
}

static inline void free_page(unsigned long p)
{
	__sync_fetch_and_sub(&shim_pages, 1);
	free((void *)p);
}

static inline void __free_page(struct page *page)
{
	free_page((unsigned long)page - PAGE_SIZE);
}

#endif
