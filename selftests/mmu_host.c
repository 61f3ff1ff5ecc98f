// SPDX-License-Identifier: GPL-2.0-only
/* What the host's memory manager does behind the VMM's back, the guest must not see, but for time. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "guest.h"
#include "vm.h"

#define PAGE	4096ul
#define HUGE	(2ul << 20)
#define AREA	0x40000000ul
#define NPAGES	512ul
#define SIZE	(NPAGES * PAGE)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Each page has one word: reads the sum, then adds one to each. */
static void guest(void)
{
	volatile uint64_t *area = (void *)AREA;

	for (;;) {
		uint64_t sum = 0;

		for (uint64_t i = 0; i < NPAGES; i++)
			sum += area[i * PAGE / 8];
		guest_sync(sum);
		for (uint64_t i = 0; i < NPAGES; i++)
			area[i * PAGE / 8] += 1;
		guest_sync(0);
	}
}

static struct vcpu *guest_over(void *area)
{
	struct vcpu *vcpu = guest64(guest);

	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, area));
	return vcpu;
}

static void fill(uint8_t *area, uint64_t v)
{
	for (uint64_t i = 0; i < NPAGES; i++)
		*(uint64_t *)(area + i * PAGE) = v;
}

/* Read, count up, and see that the VMM's view is the same. */
static void round_trip(struct vcpu *vcpu, uint8_t *area, uint64_t v)
{
	CHECK_EQ(vcpu_until_sync(vcpu), NPAGES * v);
	CHECK_EQ(vcpu_until_sync(vcpu), 0);
	for (uint64_t i = 0; i < NPAGES; i++)
		CHECK_EQ(*(volatile uint64_t *)(area + i * PAGE), v + 1);
}

/* What a file of one number in /sys holds; or write it. */
static bool knob(const char *path, const char *to)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, to, strlen(to)) > 0;

	if (fd >= 0)
		close(fd);
	return done;
}

static uint64_t number(const char *path)
{
	char buf[32] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0)
		SKIP("no %s", path);
	close(fd);
	return strtoull(buf, NULL, 0);
}

/* A counter of a vCPU: how many faults were answered by an entry. */
static uint64_t pf_fixed(struct vcpu *vcpu)
{
	static char buf[65536] __attribute__((aligned(8)));
	struct kvm_stats_header *h = (void *)buf;
	int fd = CHECK_OK(ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL));
	long n = CHECK_OK(read(fd, buf, sizeof(buf)));

	close(fd);
	for (unsigned int i = 0; i < h->num_desc; i++) {
		struct kvm_stats_desc *d = (void *)(buf + h->desc_offset +
						    i * (sizeof(*d) + h->name_size));

		CHECK(h->data_offset + d->offset + 8 <= (unsigned long)n);
		if (!strcmp(d->name, "pf_fixed"))
			return *(uint64_t *)(buf + h->data_offset + d->offset);
	}
	FAIL("no counter pf_fixed");
}

/* ---- pages that move ---------------------------------------------------------- */

TEST(paged_out)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = guest_over(area);

	fill(area, 5);
	round_trip(vcpu, area, 5);
	/* Without swap they stay, but lose their entries here and there. */
	CHECK_OK(madvise(area, SIZE, MADV_COLD));
	CHECK_OK(madvise(area, SIZE, MADV_PAGEOUT));
	round_trip(vcpu, area, 6);
}

TEST_LIMIT(compacted, 60)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = guest_over(area);

	fill(area, 1);
	round_trip(vcpu, area, 1);
	if (!knob("/proc/sys/vm/compact_memory", "1"))
		SKIP("no compaction");
	round_trip(vcpu, area, 2);
}

/* Small pages become a huge one; the guest's entries follow. */
TEST_LIMIT(collapsed, 60)
{
	uint8_t *p = pages(2 * HUGE);
	uint8_t *area = (uint8_t *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	struct vcpu *vcpu;
	uint64_t faults;

	CHECK_OK(madvise(area, HUGE, MADV_NOHUGEPAGE));
	vcpu = guest_over(area);
	fill(area, 1);
	round_trip(vcpu, area, 1);
	CHECK_OK(madvise(area, HUGE, MADV_HUGEPAGE));
	if (madvise(area, HUGE, MADV_COLLAPSE))
		SKIP("MADV_COLLAPSE: %s", strerror(errno));
	faults = pf_fixed(vcpu);
	round_trip(vcpu, area, 2);
	CHECK(pf_fixed(vcpu) - faults < NPAGES / 8);
	CHECK_OK(madvise(area + 7 * PAGE, PAGE, MADV_DONTNEED));
	CHECK_EQ(vcpu_until_sync(vcpu), (NPAGES - 1) * 3);
}

/* Logged in small pages, and in a huge one again afterwards. */
TEST_LIMIT(logged_for_a_while, 60)
{
	uint8_t *p = pages(2 * HUGE);
	uint8_t *area = (uint8_t *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	struct vcpu *vcpu;
	uint64_t faults;

	if (madvise(area, HUGE, MADV_HUGEPAGE))
		SKIP("no transparent huge pages: %s", strerror(errno));
	fill(area, 1);
	vcpu = guest_over(area);
	faults = pf_fixed(vcpu);
	round_trip(vcpu, area, 1);
	if (pf_fixed(vcpu) - faults > NPAGES / 8)
		SKIP("the host gave no huge page");
	CHECK_OK(vm_slot(vcpu->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, AREA, SIZE, area));
	faults = pf_fixed(vcpu);
	round_trip(vcpu, area, 2);
	CHECK(pf_fixed(vcpu) - faults >= NPAGES);
	CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, SIZE, area));
	faults = pf_fixed(vcpu);
	round_trip(vcpu, area, 3);
	CHECK(pf_fixed(vcpu) - faults < NPAGES / 8);
}

#define KSM "/sys/kernel/mm/ksm/"

/* Equal pages become one, and a write by the guest makes them two again. */
TEST_LIMIT(merged_by_ksm, 80)
{
	uint8_t *area = pages(SIZE);
	struct vcpu *vcpu = guest_over(area);
	uint64_t start = now_ms();

	fill(area, 9);
	CHECK_EQ(vcpu_until_sync(vcpu), NPAGES * 9);
	if (madvise(area, SIZE, MADV_MERGEABLE))
		SKIP("no KSM: %s", strerror(errno));
	if (!knob(KSM "sleep_millisecs", "1") || !knob(KSM "pages_to_scan", "5000") ||
	    !knob(KSM "run", "1"))
		SKIP("KSM cannot be started");
	while (number(KSM "pages_sharing") < NPAGES / 2 && now_ms() - start < 60000)
		nap_ms(10);
	if (number(KSM "pages_sharing") < NPAGES / 2)
		SKIP("KSM has merged %lu pages in a minute", number(KSM "pages_sharing"));
	CHECK_EQ(vcpu_until_sync(vcpu), 0);	/* adds one to each */
	for (uint64_t i = 0; i < NPAGES; i++)
		CHECK_EQ(*(volatile uint64_t *)(area + i * PAGE), 10);
	CHECK(knob(KSM "run", "2"));
	round_trip(vcpu, area, 10);
}

/* ---- files ---------------------------------------------------------------------- */

static uint8_t *memfd_area(int *fd, int flags)
{
	uint8_t *area;

	*fd = CHECK_OK(memfd_create("guest", MFD_CLOEXEC));
	CHECK_OK(ftruncate(*fd, SIZE));
	area = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, flags, *fd, 0);
	CHECK(area != MAP_FAILED);
	return area;
}

static uint64_t in_file(int fd, uint64_t page)
{
	uint64_t v;

	CHECK_EQ(pread(fd, &v, sizeof(v), page * PAGE), sizeof(v));
	return v;
}

TEST(shared_memfd)
{
	int fd;
	uint8_t *area = memfd_area(&fd, MAP_SHARED);
	struct vcpu *vcpu = guest_over(area);
	uint64_t v = 1000;

	round_trip(vcpu, area, 0);
	CHECK_EQ(in_file(fd, 3), 1);
	CHECK_EQ(pwrite(fd, &v, sizeof(v), 3 * PAGE), sizeof(v));
	CHECK_EQ(vcpu_until_sync(vcpu), NPAGES - 1 + 1000);
	/* A hole in the file is a hole in the guest's memory. */
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE / 2));
	vcpu_until_sync(vcpu);
	CHECK_EQ(vcpu_until_sync(vcpu), NPAGES / 2 * 1 + NPAGES / 2 * 2);
}

TEST(private_memfd)
{
	int fd;
	uint8_t *area = memfd_area(&fd, MAP_PRIVATE);
	struct vcpu *vcpu = guest_over(area);

	round_trip(vcpu, area, 0);
	CHECK_EQ(in_file(fd, 3), 0);
	round_trip(vcpu, area, 1);
}

TEST(truncated_file)
{
	int fd;
	uint8_t *area = memfd_area(&fd, MAP_SHARED);
	struct vcpu *vcpu = guest_over(area);

	round_trip(vcpu, area, 0);
	CHECK_OK(ftruncate(fd, SIZE - PAGE));
	CHECK_ERRNO(vcpu_run_raw(vcpu), EFAULT);
	CHECK_OK(ftruncate(fd, SIZE));
	CHECK_EQ(vcpu_until_sync(vcpu), NPAGES - 1);
}

/* ---- userfaultfd ------------------------------------------------------------------ */

struct pager {
	int fd;
	uint8_t *area;
	bool wp;
	volatile unsigned int served;
};

static void *serve(void *arg)
{
	static uint8_t page[PAGE] __attribute__((aligned(4096)));
	struct pager *p = arg;
	struct uffd_msg msg;

	*(uint64_t *)page = 7;
	while (read(p->fd, &msg, sizeof(msg)) == sizeof(msg)) {
		uint64_t at = msg.arg.pagefault.address & ~(PAGE - 1);
		struct uffdio_copy copy = { .dst = at, .src = (uintptr_t)page, .len = PAGE };
		struct uffdio_writeprotect wp = { .range = { at, PAGE } };

		CHECK_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
		if (p->wp)
			CHECK(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
		p->served++;
		if (p->wp)
			CHECK_OK(ioctl(p->fd, UFFDIO_WRITEPROTECT, &wp));
		else
			CHECK_OK(ioctl(p->fd, UFFDIO_COPY, &copy));
	}
	return NULL;
}

static void start_pager(struct pager *p, int mode)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)p->area, SIZE }, .mode = mode };
	pthread_t thread;

	p->fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (p->fd < 0 || ioctl(p->fd, UFFDIO_API, &api) || ioctl(p->fd, UFFDIO_REGISTER, &reg))
		SKIP("no userfaultfd: %s", strerror(errno));
	CHECK_EQ(pthread_create(&thread, NULL, serve, p), 0);
}

TEST(userfaultfd_missing)
{
	struct pager p = { .area = pages(SIZE) };
	struct vcpu *vcpu;

	start_pager(&p, UFFDIO_REGISTER_MODE_MISSING);
	vcpu = guest_over(p.area);
	round_trip(vcpu, p.area, 7);
	CHECK_EQ(p.served, NPAGES);
	/* Taken away, it is asked for again. */
	CHECK_OK(madvise(p.area, SIZE / 2, MADV_DONTNEED));
	CHECK_EQ(vcpu_until_sync(vcpu), NPAGES / 2 * (7 + 8));
	CHECK_EQ(p.served, NPAGES + NPAGES / 2);
}

TEST(userfaultfd_write_protect)
{
	struct pager p = { .area = pages(SIZE), .wp = true };
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)p.area, SIZE }, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	struct vcpu *vcpu = guest_over(p.area);

	CHECK_OK(madvise(p.area, SIZE, MADV_NOHUGEPAGE));
	fill(p.area, 1);
	round_trip(vcpu, p.area, 1);
	start_pager(&p, UFFDIO_REGISTER_MODE_WP);
	CHECK_OK(ioctl(p.fd, UFFDIO_WRITEPROTECT, &wp));
	/* Every write is seen by the VMM, no read is. */
	CHECK_EQ(vcpu_until_sync(vcpu), NPAGES * 2);
	CHECK_EQ(p.served, 0);
	CHECK_EQ(vcpu_until_sync(vcpu), 0);
	CHECK_EQ(p.served, NPAGES);
	CHECK_EQ(vcpu_until_sync(vcpu), NPAGES * 3);
}

/* ---- who pays ------------------------------------------------------------------------ */

#define BIG	(64ul << 30)	/* a slot whose bitmap takes 2 MiB */
#define N_VCPUS	8		/* with a ring of 1 MiB each */
#define TABLES	1024ul		/* table pages of a guest that reads one page in each 2 MiB */

static void sparse_guest(void)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < TABLES; i++)
		sum += *(volatile uint64_t *)(AREA + i * HUGE);
	guest_sync(sum);
}

static char group[32];

static void leave_group(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	knob(path, "0");
	snprintf(path, sizeof(path), "%s/guest", group);
	rmdir(path);
	umount2(group, MNT_DETACH);
	rmdir(group);
}

static uint64_t charged(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/guest/memory.current", group);
	return number(path);
}

/* What a VMM makes hv allocate is charged to the VMM's control group. */
TEST_LIMIT(charged_to_the_vmm, 60)
{
	struct kvm_enable_cap ring = {
		.cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL, .args = { 1 << 20 },
	};
	struct vcpu *vcpu;
	struct vm *vm;
	char path[64];
	uint64_t before;

	need_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL, "DIRTY_LOG_RING_ACQ_REL");
	strcpy(group, "/tmp/mmu_host.XXXXXX");
	CHECK(mkdtemp(group));
	if (mount("none", group, "cgroup2", 0, NULL)) {
		rmdir(group);
		SKIP("no cgroup2: %s", strerror(errno));
	}
	atexit(leave_group);
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", group);
	knob(path, "+memory");
	snprintf(path, sizeof(path), "%s/guest", group);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/guest/cgroup.procs", group);
	if (!knob(path, "0"))
		SKIP("no control group for memory");
	charged();

	vm = vm_bare();
	CHECK_OK(IOCTL(vm->fd, KVM_ENABLE_CAP, &ring));
	before = charged();
	for (unsigned int i = 0; i < N_VCPUS; i++)
		CHECK_OK(IOCTL_V(vm->fd, KVM_CREATE_VCPU, i));
	if (!on_stock_kvm())	/* there the rings are nobody's */
		CHECK(charged() - before >= N_VCPUS << 20);

	vcpu = guest64(sparse_guest);
	before = charged();
	CHECK_OK(vm_slot(vcpu->vm, 9, KVM_MEM_LOG_DIRTY_PAGES, 1ul << 32, BIG, pages(BIG)));
	CHECK(charged() - before >= (BIG / PAGE / 8) * 3 / 4);

	/* Reads of fresh memory: the zero page, so that tables are all that is taken. */
	CHECK_OK(vm_slot(vcpu->vm, 1, KVM_MEM_READONLY, AREA, TABLES * HUGE,
			 pages(TABLES * HUGE)));
	before = charged();
	CHECK_EQ(vcpu_until_sync(vcpu), 0);
	/* half of it are the VMM's own tables, which the host charges */
	CHECK(charged() - before >= 2 * TABLES * PAGE * 3 / 4);
}
