// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/mmu/table.c with the NPT format: random installs and range operations
 * against a plain array, and installs from four threads at once.
 *
 * What the tables say is read by a translation of its own. The frames lie in
 * three regions of 4 MiB, one of them across the border of two 1 GiB entries.
 * Frame g is backed by page g + SHIFT, so that large leaves are possible.
 */
#include <pthread.h>

#include "vhm.h"
#include "ktap.h"
#include "mmu/table.h"

#define SHIFT	(1ull << 20)
#define REGION	1024
#define FRAMES	(3 * REGION)

long shim_pages;

static const u64 region[3] = { 0, (1ull << 18) - 512, 7ull << 27 };
static struct vhm_mem mem;
static struct vhm_pt_cache cache;

static u64 frame(int i)
{
	return region[i / REGION] + i % REGION;
}

struct seen { bool there, write, young; int level; u64 pfn; };

/* The long way: figures of the four levels as the manual draws them. */
static struct seen translate(u64 gfn)
{
	u64 gpa = gfn << 12, e = mem.root_pa;
	static const int shifts[] = { 39, 30, 21, 12 };
	struct seen s = { .write = true };

	for (int i = 0; i < 4; i++) {
		const u64 *t = (u64 *)(e & 0x000ffffffffff000);

		e = t[gpa >> shifts[i] & 0x1ff];
		if (!(e & 1))
			return (struct seen) { 0 };
		CHECK(e & 4);		/* user, at every level */
		s.write &= e >> 1 & 1;
		s.level = 4 - i;
		if (i == 3 || (e & 0x80))
			break;
	}
	s.there = true;
	s.young = e & 0x20;
	s.pfn = ((e & 0x000ffffffffff000) + (gpa & ((1ull << shifts[4 - s.level]) - 1))) >> 12;
	return s;
}

static long count_tables(u64 table, int level)
{
	long n = 1;

	for (int i = 0; level > 1 && i < 512; i++) {
		u64 e = ((u64 *)table)[i];

		if ((e & 1) && !(e & 0x80))
			n += count_tables(e & 0x000ffffffffff000, level - 1);
	}
	return n;
}

static struct seen now[FRAMES], before[FRAMES];

static void look(void)
{
	memcpy(before, now, sizeof(now));
	for (int i = 0; i < FRAMES; i++) {
		now[i] = translate(frame(i));
		if (now[i].there)
			CHECK_EQ(now[i].pfn, frame(i) + SHIFT);
	}
	CHECK_EQ(shim_pages, count_tables(mem.root_pa, 4) + cache.n);
}

static void setup(void)
{
	memset(&mem, 0, sizeof(mem));
	memset(now, 0, sizeof(now));
	mem.fmt = &vhm_fmt_npt;
	mem.root_level = 4;
	mem.root_pa = __pa(get_zeroed_page(GFP_KERNEL_ACCOUNT));
}

static void finish(void)
{
	vhm_pt_destroy(&mem);
	vhm_pt_cache_free(&cache);
	CHECK_EQ(shim_pages, 0);
}

static void same_but(u64 from, u64 to)
{
	for (int i = 0; i < FRAMES; i++) {
		u64 g = frame(i);

		/* a large leaf goes whole, also when the range has a part of it */
		if (before[i].there && before[i].level == 2 &&
		    (g | 511) >= from && (g & ~511ull) < to)
			continue;
		if ((g < from || g >= to) && memcmp(&now[i], &before[i], sizeof(now[i])))
			FAIL("frame %#lx changed beside [%#lx, %#lx)", g, from, to);
	}
}

static int refused;

static void do_install(int i)
{
	struct vhm_leaf l = {
		.gfn = frame(i), .pfn = frame(i) + SHIFT, .level = 1 + rand() % 2,
		.write = rand() % 2, .exec = true,
	};
	int r;

	CHECK_EQ(vhm_pt_cache_fill(&cache, 3), 0);
	r = vhm_pt_install(&mem, &cache, &l);
	look();
	if (r == -EEXIST) {
		/* only a larger read-only leaf stands in the way of a write */
		CHECK(l.write && !before[i].write && before[i].level > l.level);
		CHECK(!memcmp(now, before, sizeof(now)));
		refused++;
		return;
	}
	CHECK_EQ(r, 0);
	CHECK(now[i].there && now[i].write >= l.write);
	if (!before[i].there)
		CHECK(now[i].young && now[i].write == l.write);
}

static void do_range(enum vhm_pt_op op)
{
	bool whole = rand() % 2;	/* nearly: only tables that lie whole in it go too */
	int i = rand() % FRAMES & (whole ? ~511 : ~0);
	u64 from = frame(i), to = from + (whole ? 512 - !(rand() % 4) : 1 + rand() % 20);
	bool hit, expect = false;
	LIST_HEAD(freed);

	for (int k = 0; k < FRAMES; k++) {
		u64 mask = now[k].level == 2 ? 511 : 0;

		if (!now[k].there || (frame(k) | mask) < from || (frame(k) & ~mask) >= to)
			continue;
		expect |= op == VHM_PT_ZAP || (op == VHM_PT_PROTECT &&
			  (now[k].write || now[k].level > 1)) ||
			  (op >= VHM_PT_TEST_YOUNG && now[k].young);
	}
	hit = vhm_pt_range(&mem, op, from, to, &freed);
	vhm_pt_free_list(&freed);
	look();
	/* a zap also reports a table that held nothing */
	CHECK(op == VHM_PT_ZAP ? hit || !expect : hit == expect);
	same_but(from, to);
	for (int k = 0; k < FRAMES; k++) {
		if (frame(k) < from || frame(k) >= to)
			continue;
		if (op == VHM_PT_ZAP)
			CHECK(!now[k].there);
		if (op == VHM_PT_PROTECT && now[k].there)
			CHECK(!now[k].write && now[k].level == 1);
		if (op == VHM_PT_CLEAR_YOUNG)
			CHECK(!now[k].young && now[k].there == before[k].there);
		if (op == VHM_PT_TEST_YOUNG)
			CHECK(!memcmp(&now[k], &before[k], sizeof(now[k])));
	}
}

TEST_LIMIT(random_operations, 60)
{
	srand(11);
	setup();
	for (int n = 0; n < 6000; n++) {
		int what = rand() % 16;

		if (what < 12)
			do_install(rand() % FRAMES);
		else
			do_range((enum vhm_pt_op)(what - 12));
	}
	CHECK(refused > 10);
	finish();
}

TEST(other_page_is_refused)
{
	struct vhm_leaf l = { .gfn = 5, .pfn = 100, .level = 1, .write = true };

	setup();
	CHECK_EQ(vhm_pt_install(&mem, &cache, &l), -ENOMEM);
	CHECK_EQ(vhm_pt_cache_fill(&cache, 3), 0);
	CHECK_EQ(vhm_pt_install(&mem, &cache, &l), 0);
	l.pfn = 101;
	CHECK_EQ(vhm_pt_install(&mem, &cache, &l), -EEXIST);
	l = (struct vhm_leaf) { .gfn = 1024, .pfn = 2048, .level = 2 };
	CHECK_EQ(vhm_pt_install(&mem, &cache, &l), 0);
	/* the same large page, but not the same part of it */
	l = (struct vhm_leaf) { .gfn = 1025, .pfn = 2048, .level = 1 };
	CHECK_EQ(vhm_pt_install(&mem, &cache, &l), -EEXIST);
	finish();
}

static pthread_barrier_t barrier;

static void *installer(void *arg)
{
	struct vhm_pt_cache own = { 0 };
	unsigned int s = (unsigned long)arg;

	for (int n = 0; n < 2000; n++) {
		int i = n % 3 ? (int)(rand_r(&s) % FRAMES) : n;
		struct vhm_leaf l = {
			.gfn = frame(i % FRAMES), .pfn = frame(i % FRAMES) + SHIFT,
			.level = 1, .write = true, .exec = true,
		};

		if (n % 500 == 0)
			pthread_barrier_wait(&barrier);
		CHECK_EQ(vhm_pt_cache_fill(&own, 3), 0);
		CHECK_EQ(vhm_pt_install(&mem, &own, &l), 0);
	}
	vhm_pt_cache_free(&own);
	return NULL;
}

TEST(four_installers)
{
	for (unsigned long round = 0; round < 30; round++) {
		pthread_t t[4];

		setup();
		pthread_barrier_init(&barrier, NULL, 4);
		for (unsigned long i = 0; i < 4; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, installer,
						(void *)(round * 4 + i + 1)), 0);
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		look();
		for (int i = 0; i < 2000; i += 3)
			CHECK(now[i].there && now[i].write);
		finish();
	}
}
