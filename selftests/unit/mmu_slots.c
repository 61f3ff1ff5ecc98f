// SPDX-License-Identifier: GPL-2.0-only
/* kmod/mmu/slots.h against a plain list: look-up, overlap, and change. */
#include "vhm.h"
#include "ktap.h"
#include "mmu/slots.h"

#define SPACE	256		/* frames */
#define IDS	40

static struct vhm_memslot list[IDS];	/* by id; npages 0: absent */
static struct vhm_slots *cur;

static struct vhm_memslot *list_find(u64 gfn)
{
	for (int i = 0; i < IDS; i++)
		if (gfn >= list[i].gfn && gfn < list[i].gfn + list[i].npages)
			return &list[i];
	return NULL;
}

static bool list_overlap(u32 id, u64 gfn, u64 npages)
{
	for (u64 g = gfn; g < gfn + npages; g++) {
		struct vhm_memslot *m = list_find(g);

		if (m && m->id != id)
			return true;
		/* what lies under the slot itself does not count */
		for (u32 i = 0; m && i < IDS; i++)
			if (i != id && g >= list[i].gfn && g < list[i].gfn + list[i].npages)
				return true;
	}
	return false;
}

static void compare(void)
{
	u32 n = 0;

	for (int i = 0; i < IDS; i++)
		n += !!list[i].npages;
	CHECK_EQ(cur->n, n);
	for (u32 i = 1; i < cur->n; i++)
		CHECK(cur->slot[i - 1].gfn + cur->slot[i - 1].npages <= cur->slot[i].gfn);
	for (u64 g = 0; g < SPACE + 8; g++) {
		struct vhm_memslot *want = list_find(g), *got;

		got = vhm_slots_find(cur, g);
		CHECK(!want == !got);
		if (want)
			CHECK_EQ(want->id, got->id);
	}
	/* in no order either, for the hint */
	for (int i = 0; i < 50; i++) {
		u64 g = rand() % SPACE;
		struct vhm_memslot *want = list_find(g), *got = vhm_slots_find(cur, g);

		CHECK(!want == !got && (!want || want->id == got->id));
	}
	CHECK(!vhm_slots_find(cur, ~0ull));
}

static void change(u32 id, const struct vhm_memslot *add)
{
	struct vhm_slots *new = calloc(1, sizeof(*new) + (cur->n + 1) * sizeof(*add));

	vhm_slots_change(new, cur, id, add);
	free(cur);
	cur = new;
	list[id].npages = 0;
	if (add)
		list[id] = *add;
}

TEST(random_changes)
{
	int added = 0, refused = 0;

	srand(7);
	cur = calloc(1, sizeof(*cur));
	for (int n = 0; n < 20000; n++) {
		struct vhm_memslot m = {
			.id = rand() % IDS,
			.gfn = rand() % SPACE, .npages = 1 + rand() % 12,
		};
		bool overlap = list_overlap(m.id, m.gfn, m.npages);

		CHECK_EQ(vhm_slots_overlap(cur, m.id, m.gfn, m.npages), overlap);
		if (rand() % 4 == 0) {
			change(m.id, NULL);
		} else if (!overlap) {
			change(m.id, &m);
			added++;
		} else {
			refused++;
		}
		compare();
	}
	free(cur);
	CHECK(added > 1000 && refused > 1000);
}

TEST(empty)
{
	struct vhm_slots none = { 0 };

	CHECK(!vhm_slots_find(&none, 0));
	CHECK(!vhm_slots_overlap(&none, 0, 0, 1ull << 40));
}
