// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/mmu/walk.c against a reference walker, over random tables in every mode.
 *
 * The reference is written the long way, mode by mode, from the manuals' figures
 * of the entries, and shares nothing with the walker under test. Guest memory
 * is 64 pages of random entries, biased so that most walks get deep.
 */
#include "vhm.h"
#include "ktap.h"

#define RAM_PAGES	64
#define ROM_PAGE	63
#define N_WALKS		400000

long shim_pages;
static u8 ram[RAM_PAGES * 4096], start[sizeof(ram)];
static struct vhm_slots slots = { .n = 2, .slot = {
	{ .gfn = 0, .npages = ROM_PAGE },
	{ .gfn = ROM_PAGE, .npages = 1, .flags = KVM_MEM_READONLY },
} };
static struct vhm_vm vm = { .mem.slots = &slots };

static u64 seed = 88172645463325252ull;
static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool chance(int percent)
{
	return rnd() % 100 < (u64)percent;
}

/* ---- what walk.c calls ---- */

int vhm_gpa_access(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len, bool write,
		   bool nofault)
{
	(void)vm;
	(void)nofault;
	CHECK(!write);
	if (gpa > sizeof(ram) - len)
		return -EFAULT;
	memcpy(buf, ram + gpa, len);
	return 0;
}

int vhm_gpa_read_nofault(struct vhm_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	return vhm_gpa_read(vm, gpa, buf, len);
}

static int racing;	/* how many compare-and-exchanges are still to fail */

int vhm_gpa_cmpxchg(struct vhm_vm *vm, u64 gpa, u64 *old, u64 new, unsigned int size)
{
	u64 now = 0;

	(void)vm;
	if (gpa > ROM_PAGE * 4096ul - size)
		return -EFAULT;
	memcpy(&now, ram + gpa, size);
	if (racing > 0) {
		racing--;
		return 1;
	}
	if (now != *old) {
		*old = now;
		return 1;
	}
	memcpy(ram + gpa, &new, size);
	return 0;
}

const struct vhm_memslot *vhm_slot_find(struct vhm_vm *vm, u64 gfn)
{
	(void)vm;
	return gfn >= RAM_PAGES ? NULL : &slots.slot[gfn == ROM_PAGE];
}

/* ---- the reference ---- */

struct ref {
	struct vhm_vcpu *v;
	u32 acc;
	bool nofault;
	u64 gpa;
	u32 error;
	bool w, u, nx;
	int n;
	struct { u64 at; bool no_ad; } seen[5];
	int size;
};

enum { OK = 0, PF = 1, BAD = -EFAULT };

static int ref_get(struct ref *r, u64 at, u64 *e, bool no_ad)
{
	*e = 0;
	if (at > sizeof(start) - r->size)
		return BAD;
	memcpy(e, start + at, r->size);
	r->seen[r->n].at = at;
	r->seen[r->n++].no_ad = no_ad;
	return OK;
}

static bool ref_nxe(struct ref *r)
{
	bool pae = (r->v->st.efer & 0x400) || (r->v->st.cr4 & 0x20);

	return pae && (r->v->st.efer & 0x800);
}

static int ref_pf(struct ref *r, u32 bits)
{
	r->error = bits | (r->acc & VHM_ACC_WRITE ? 2 : 0) | (r->acc & VHM_ACC_USER ? 4 : 0);
	if ((r->acc & VHM_ACC_EXEC) && (ref_nxe(r) || (r->v->st.cr4 & 0x100000)))
		r->error |= 16;
	return PF;
}

/* Figures of 64-bit entries: are all must-be-zero bits zero? */
static bool ref_rsvd64(struct ref *r, u64 e, u64 extra)
{
	for (int bit = r->v->maxphyaddr; bit < 52; bit++)
		if (e >> bit & 1)
			return true;
	if ((e >> 63) && !ref_nxe(r))
		return true;
	return e & extra;
}

static void ref_and(struct ref *r, u64 e)
{
	r->w &= e >> 1 & 1;
	r->u &= e >> 2 & 1;
	r->nx |= ref_nxe(r) && (e >> 63);
}

static const u64 addr64 = 0x000ffffffffff000;
static const u64 pae_high = 0x7ff0000000000000;

/* The last two levels of PAE and long mode. */
static int ref_low64(struct ref *r, u64 gva, u64 table, u64 extra)
{
	u64 e;

	if (ref_get(r, table + (gva >> 21 & 511) * 8, &e, false))
		return BAD;
	if (!(e & 1))
		return ref_pf(r, 0);
	if (ref_rsvd64(r, e, extra | (e & 0x80 ? 0x1fe000 : 0)))
		return ref_pf(r, 9);
	ref_and(r, e);
	if (e & 0x80) {
		r->gpa = (e & 0x000fffffffe00000) + (gva & 0x1fffff);
		return OK;
	}
	if (ref_get(r, (e & addr64) + (gva >> 12 & 511) * 8, &e, false))
		return BAD;
	if (!(e & 1))
		return ref_pf(r, 0);
	if (ref_rsvd64(r, e, extra))
		return ref_pf(r, 9);
	ref_and(r, e);
	r->gpa = (e & addr64) + (gva & 0xfff);
	return OK;
}

static int ref_long(struct ref *r, u64 gva)
{
	u64 table = r->v->st.cr3 & addr64, e;
	int shift = r->v->st.cr4 & 0x1000 ? 48 : 39;

	for (; shift >= 30; shift -= 9) {
		bool giant;

		if (ref_get(r, table + (gva >> shift & 511) * 8, &e, false))
			return BAD;
		if (!(e & 1))
			return ref_pf(r, 0);
		giant = shift == 30 && (e & 0x80);
		if (ref_rsvd64(r, e, giant ? 0x3fffe000 : shift > 30 ? 0x80 : 0))
			return ref_pf(r, 9);
		ref_and(r, e);
		if (giant) {
			r->gpa = (e & 0x000fffffc0000000) + (gva & 0x3fffffff);
			return OK;
		}
		table = e & addr64;
	}
	return ref_low64(r, gva, table, 0);
}

static int ref_pae(struct ref *r, u32 gva)
{
	u64 e;

	if (ref_get(r, (r->v->st.cr3 & 0xffffffe0) + (gva >> 30) * 8, &e, true))
		return BAD;
	if (!(e & 1))
		return ref_pf(r, 0);
	if (ref_rsvd64(r, e, pae_high | 1ull << 63 | 0x1e6))
		return ref_pf(r, 9);
	return ref_low64(r, gva, e & addr64, pae_high);
}

static int ref_32(struct ref *r, u32 gva)
{
	u64 e;

	r->size = 4;
	if (ref_get(r, (r->v->st.cr3 & 0xfffff000) + (gva >> 22) * 4, &e, false))
		return BAD;
	if (!(e & 1))
		return ref_pf(r, 0);
	if ((e & 0x80) && (r->v->st.cr4 & 0x10)) {
		if (e & 0x200000)
			return ref_pf(r, 9);
		ref_and(r, e);
		r->gpa = (e & 0xffc00000) + ((e >> 13 & 0xff) << 32) + (gva & 0x3fffff);
		return OK;
	}
	ref_and(r, e);
	if (ref_get(r, (e & 0xfffff000) + (gva >> 12 & 1023) * 4, &e, false))
		return BAD;
	if (!(e & 1))
		return ref_pf(r, 0);
	ref_and(r, e);
	r->gpa = (e & 0xfffff000) + (gva & 0xfff);
	return OK;
}

static bool ref_allowed(struct ref *r)
{
	u64 cr4 = r->v->st.cr4;

	if (r->acc & VHM_ACC_USER) {
		if (!r->u)
			return false;
		if (r->acc & VHM_ACC_EXEC)
			return !r->nx;
		return r->w || !(r->acc & VHM_ACC_WRITE);
	}
	if (r->acc & VHM_ACC_EXEC)
		return !r->nx && !(r->u && (cr4 & 0x100000));
	if (r->u && (cr4 & 0x200000) && (r->v->st.cpl == 3 || !(r->v->rflags & 0x40000)))
		return false;
	return r->w || !(r->acc & VHM_ACC_WRITE) || !(r->v->st.cr0 & 0x10000);
}

/* Expected accessed and dirty bits go straight into start[]. */
static int ref_ad(struct ref *r)
{
	bool write = r->acc & VHM_ACC_WRITE;

	for (int i = 0; i < r->n; i++) {
		u8 bits = 0x20 | (i == r->n - 1 && write ? 0x40 : 0);
		u8 *e = &start[r->seen[i].at];

		if (r->seen[i].no_ad || r->seen[i].at >= ROM_PAGE * 4096)
			continue;
		if (r->nofault && write && (*e & bits) != bits)
			return BAD;
		if (!r->nofault)
			*e |= bits;
	}
	return OK;
}

static int ref_walk(struct ref *r, u64 gva)
{
	u64 efer = r->v->st.efer;
	int ret;

	r->w = r->u = true;
	r->size = 8;
	if (!(r->v->st.cr0 & 0x80000000)) {
		r->gpa = efer & 0x400 ? gva : (u32)gva;
		return OK;
	}
	if (efer & 0x400)
		ret = ref_long(r, gva);
	else
		ret = r->v->st.cr4 & 0x20 ? ref_pae(r, gva) : ref_32(r, gva);
	if (ret)
		return ret;
	if (!ref_allowed(r))
		return ref_pf(r, 1);
	return ref_ad(r);
}

/* ---- random machines ---- */

static u64 random_entry(bool wide)
{
	u64 e = (rnd() % (RAM_PAGES + 1)) << 12;

	e |= rnd() & 0x7f & ~(chance(80) ? 0x18 : 0);
	if (chance(85))
		e |= 7;
	if (chance(90))
		e |= 1;
	if (chance(12))
		e |= 0x80;
	if (chance(50))
		e &= ~0x1e000ull;	/* keeps large pages free of reserved bits */
	if (!wide)
		return (u32)e | (chance(10) ? 0x200000 : 0);
	if (chance(4))
		e |= 1ull << (rnd() % 64);
	if (chance(10))
		e |= 1ull << 63;
	return e;
}

static void random_ram(bool wide, bool pdpt)
{
	unsigned int i;

	for (i = 0; wide && i < sizeof(ram) / 8; i++) {
		u64 e = random_entry(true);

		/* the first page serves as PDPT: these must be mostly clean */
		if (pdpt && i < 512 && chance(90))
			e &= ~(1ull << 63 | 0x1e6);
		memcpy(ram + i * 8, &e, 8);
	}
	for (i = 0; !wide && i < sizeof(ram) / 4; i++) {
		u32 e = random_entry(false);

		memcpy(ram + i * 4, &e, 4);
	}
	memcpy(start, ram, sizeof(ram));
}

static void random_cpu(struct vhm_vcpu *v, int mode)
{
	static const u64 cr4_of[] = { 0, 0x20, 0x20, 0x1020 };

	memset(v, 0, sizeof(*v));
	v->vm = &vm;
	v->st.cr0 = 0x80000001 | (chance(50) ? 0x10000 : 0);
	v->st.cr4 = cr4_of[mode] | (rnd() & 0x300010);
	v->st.efer = (mode >= 2 ? 0x500 : 0) | (chance(70) ? 0x800 : 0);
	v->st.cr3 = (mode == 1 ? rnd() % 128 * 32 : rnd() % RAM_PAGES << 12) | (rnd() & 0x18);
	v->st.cpl = chance(50) ? 3 : 0;
	v->rflags = 2 | (chance(50) ? 0x40000 : 0);
	v->maxphyaddr = 36 + rnd() % 17;
}

static u32 random_access(void)
{
	static const u32 kinds[] = { VHM_ACC_READ, VHM_ACC_WRITE, VHM_ACC_EXEC,
				     VHM_ACC_READ | VHM_ACC_WRITE };

	return kinds[rnd() % 4] | (chance(50) ? VHM_ACC_USER : 0);
}

static long n_result[3];	/* by outcome */

static void one_walk(struct vhm_vcpu *v, int n)
{
	u64 gva = rnd();
	bool nofault = chance(30);
	u32 acc = random_access();
	struct ref r = { .v = v, .acc = acc, .nofault = nofault };
	struct vhm_walk w = {};
	int want = ref_walk(&r, gva), got;

	racing = chance(20) ? rnd() % 4 : 0;
	got = vhm_gva_to_gpa(v, gva, acc, nofault, &w);
	if (got != want)
		FAIL("walk %d: gva %#lx acc %#x: %d, not %d", n, gva, acc, got, want);
	if (want == OK) {
		CHECK_EQ(w.gpa, r.gpa);
		CHECK_EQ(w.user, r.u);
		CHECK_EQ(w.writable, r.w || (!(acc & VHM_ACC_USER) &&
					     !(v->st.cr0 & 0x10000)));
	} else if (want == PF) {
		CHECK_EQ(w.error, r.error);
	}
	n_result[want == OK ? 0 : want == PF ? 1 : 2]++;
	for (int i = 0; i < r.n && want != BAD; i++)
		if (memcmp(ram + r.seen[i].at, start + r.seen[i].at, r.size))
			FAIL("walk %d: entry %d has other bits", n, i);
}

static void walk_mode(int mode)
{
	struct vhm_vcpu v;

	slots.slot[0].bias = (unsigned long)ram;
	slots.slot[1].bias = (unsigned long)ram;
	memset(n_result, 0, sizeof(n_result));
	for (int n = 0; n < N_WALKS; n++) {
		if (n % 200 == 0)
			random_ram(mode != 0, mode == 1);
		random_cpu(&v, mode);
		one_walk(&v, n);
	}
	if (memcmp(ram, start, sizeof(ram)))
		FAIL("memory beyond the entries changed");
	ktap_note("%ld translated, %ld page faults, %ld outside memory",
		  n_result[0], n_result[1], n_result[2]);
	/* the test is worth something only when each outcome is frequent */
	CHECK(n_result[0] > N_WALKS / 50);
	CHECK(n_result[1] > N_WALKS / 50);
	CHECK(n_result[2] > N_WALKS / 1000);
}

TEST_LIMIT(two_levels, 60) { walk_mode(0); }
TEST_LIMIT(pae, 60) { walk_mode(1); }
TEST_LIMIT(four_levels, 60) { walk_mode(2); }
TEST_LIMIT(five_levels, 60) { walk_mode(3); }

TEST(no_paging)
{
	struct vhm_vcpu v = { .vm = &vm, .maxphyaddr = 40 };
	struct vhm_walk w = {};

	v.st.cr0 = 1;
	CHECK_EQ(vhm_gva_to_gpa(&v, 0x123456789ull, VHM_ACC_WRITE, false, &w), 0);
	CHECK_EQ(w.gpa, 0x23456789);
	CHECK(w.writable && w.user);
}

/* Another vCPU that changes the entry all the time cannot hold us for ever. */
TEST(endless_race)
{
	struct vhm_vcpu v = { .vm = &vm, .maxphyaddr = 40 };
	struct vhm_walk w = {};
	u32 e = 7;

	memset(ram, 0, sizeof(ram));
	memcpy(ram, &e, 4);
	v.st.cr0 = 0x80000001;
	racing = 1 << 30;
	CHECK_EQ(vhm_gva_to_gpa(&v, 0, VHM_ACC_READ, false, &w), -EFAULT);
	racing = 3;
	CHECK_EQ(vhm_gva_to_gpa(&v, 0, VHM_ACC_READ, false, &w), 0);
	CHECK_EQ(w.gpa, 0);
	CHECK_EQ(ram[0], 0x27);
}
