// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy from and to the VMM that a call makes fails
 * once, the first, the second and so on until the call makes no more of them.
 * A call that failed has changed nothing, and succeeds when it is repeated.
 *
 * Needs a kernel with fault injection of slabs, pages and user copies, and debugfs:
 * skips elsewhere, so on Debian's.
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "guest.h"
#include "vm.h"

#define AREA		0x40000000ul
#define AREA_SIZE	(4ul << 20)
#define MOST		300	/* more than any call makes */

static int nth;

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	CHECK_OK(write(fd, value, strlen(value)));
	CHECK_OK(close(fd));
}

static void need_injection(void)
{
	nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth < 0 || access("/sys/kernel/debug/failslab", F_OK))
		SKIP("the kernel cannot let an allocation fail");
	put("/sys/kernel/debug/failslab/verbose", "0");
	put("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	put("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	put("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	put("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	put("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	put("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

static void arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	CHECK_EQ(pwrite(nth, text, len, 0), len);
}

/* Whether it came to the failure. What is read and written here can fail too. */
static bool disarm(void)
{
	int error = errno;
	char text[16] = "";
	bool hit = pread(nth, text, sizeof(text) - 1, 0) > 0 && !atoi(text);

	while (pwrite(nth, "0", 1, 0) != 1)
		;
	errno = error;
	return hit;
}

/* Calls that use only what is here. */
struct scene {
	struct vm *vm;
	void *arg;
	int event;
	unsigned int id;
};

typedef long (*call_fn)(struct scene *s);
typedef void (*then_fn)(struct scene *s);

/*
 * @unchanged after each failure, @undo after each success in spite of one. Ends
 * with a success to which no failure came.
 */
static void each(struct scene *s, call_fn call, then_fn unchanged, then_fn undo)
{
	for (unsigned int n = 1; n < MOST; n++) {
		bool hit;
		long r;

		arm(n);
		r = call(s);
		hit = disarm();
		if (r < 0) {
			if (!hit || (errno != ENOMEM && errno != EFAULT && errno != ENFILE))
				FAIL("at failure %u: %s%s", n, strerror(errno),
				     hit ? "" : ", though nothing failed");
			if (unchanged)
				unchanged(s);
			continue;
		}
		if (!hit) {
			ktap_note("%u failures survived", n - 1);
			return;
		}
		if (undo)
			undo(s);
	}
	FAIL("it never succeeds");
}

static struct scene *scene(struct vm *vm)
{
	struct scene *s = calloc(1, sizeof(*s));

	s->vm = vm;
	s->event = eventfd(0, 0);
	return s;
}

static int made;

static long create_vm(struct scene *s)
{
	return made = IOCTL_V(s->arg ? s->vm->fd : dev_open(), KVM_CREATE_VM, 0);
}

static void close_made(struct scene *s)
{
	(void)s;
	CHECK_OK(close(made));
}

TEST_LIMIT(create_vm, 60)
{
	struct vm dev = { .fd = dev_open() };
	struct scene s = { .vm = &dev, .arg = &dev };

	need_injection();
	each(&s, create_vm, NULL, close_made);
}

static long create_vcpu(struct scene *s)
{
	return IOCTL_V(s->vm->fd, KVM_CREATE_VCPU, s->id);
}

static void next_id(struct scene *s)
{
	s->id++;
}

TEST_LIMIT(create_vcpu, 60)
{
	need_injection();
	each(scene(vm_bare()), create_vcpu, NULL, next_id);
	each(scene(vm_new_irqchip()), create_vcpu, NULL, next_id);
}

static long create_irqchip(struct scene *s)
{
	return IOCTL_V(s->vm->fd, KVM_CREATE_IRQCHIP, 0);
}

static void no_irqchip(struct scene *s)
{
	struct kvm_irqchip chip = { .chip_id = 0 };

	CHECK_ERRNO(IOCTL(s->vm->fd, KVM_GET_IRQCHIP, &chip), ENXIO);
}

static void new_vm(struct scene *s)
{
	vm_close(s->vm);
	s->vm = vm_bare();
}

static long create_pit(struct scene *s)
{
	struct kvm_pit_config c = { 0 };

	return IOCTL(s->vm->fd, KVM_CREATE_PIT2, &c);
}

static void new_vm_irqchip(struct scene *s)
{
	vm_close(s->vm);
	s->vm = vm_new_irqchip();
}

static long split_irqchip(struct scene *s)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };

	return IOCTL(s->vm->fd, KVM_ENABLE_CAP, &c);
}

TEST_LIMIT(irqchips, 60)
{
	need_injection();
	each(scene(vm_bare()), create_irqchip, no_irqchip, new_vm);
	each(scene(vm_new_irqchip()), create_pit, NULL, new_vm_irqchip);
	each(scene(vm_bare()), split_irqchip, NULL, new_vm);
}

static long routing(struct scene *s)
{
	return ioctl(s->vm->fd, KVM_SET_GSI_ROUTING, s->arg);
}

static long irqfd(struct scene *s)
{
	struct kvm_irqfd f = { .fd = s->event, .gsi = 5 };

	return IOCTL(s->vm->fd, KVM_IRQFD, &f);
}

static void irqfd_off(struct scene *s)
{
	struct kvm_irqfd f = { .fd = s->event, .gsi = 5, .flags = KVM_IRQFD_FLAG_DEASSIGN };

	CHECK_OK(IOCTL(s->vm->fd, KVM_IRQFD, &f));
}

static long ioeventfd(struct scene *s)
{
	struct kvm_ioeventfd e = { .fd = s->event, .addr = AREA, .len = 4 };

	return IOCTL(s->vm->fd, KVM_IOEVENTFD, &e);
}

static void ioeventfd_off(struct scene *s)
{
	struct kvm_ioeventfd e = { .fd = s->event, .addr = AREA, .len = 4,
				   .flags = KVM_IOEVENTFD_FLAG_DEASSIGN };

	CHECK_OK(IOCTL(s->vm->fd, KVM_IOEVENTFD, &e));
}

static void no_ioeventfd(struct scene *s)
{
	struct kvm_ioeventfd e = { .fd = s->event, .addr = AREA, .len = 4,
				   .flags = KVM_IOEVENTFD_FLAG_DEASSIGN };

	CHECK_ERRNO(IOCTL(s->vm->fd, KVM_IOEVENTFD, &e), ENOENT);
}

TEST_LIMIT(routes_and_eventfds, 60)
{
	struct scene *s = scene(vm_new_irqchip());
	struct kvm_irq_routing *t = calloc(1, sizeof(*t) + 8 * sizeof(t->entries[0]));

	need_injection();
	t->nr = 8;
	for (int i = 0; i < 8; i++)
		t->entries[i] = (struct kvm_irq_routing_entry){
			.gsi = i, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { 2, i },
		};
	s->arg = t;
	each(s, routing, NULL, NULL);
	each(s, irqfd, NULL, irqfd_off);
	each(s, ioeventfd, no_ioeventfd, ioeventfd_off);
}

static long slot(struct scene *s)
{
	return vm_slot(s->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, AREA, AREA_SIZE, s->arg);
}

static long move_slot(struct scene *s)
{
	return vm_slot(s->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, 2 * AREA, AREA_SIZE, s->arg);
}

static long no_slot(struct scene *s)
{
	return vm_slot(s->vm, 1, 0, 0, 0, NULL);
}

static void slot_off(struct scene *s)
{
	CHECK_OK(no_slot(s));
}

static void slot_on(struct scene *s)
{
	CHECK_OK(slot(s));
}

static void slot_back(struct scene *s)
{
	slot_off(s);
	slot_on(s);
}

static long dirty_log(struct scene *s)
{
	static uint64_t bits[AREA_SIZE / 4096 / 64];
	struct kvm_dirty_log d = { .slot = 1, .dirty_bitmap = bits };

	(void)s;
	return IOCTL(s->vm->fd, KVM_GET_DIRTY_LOG, &d);
}

/* There is no slot: its number and its place are free. */
static void is_off(struct scene *s)
{
	CHECK_ERRNO(dirty_log(s), ENOENT);
}

static void is_on(struct scene *s)
{
	CHECK_ERRNO(vm_slot(s->vm, 2, 0, AREA, 4096, s->arg), EEXIST);
	CHECK_OK(dirty_log(s));
}

TEST_LIMIT(slots, 60)
{
	struct scene *s = scene(vm_new());

	need_injection();
	s->arg = pages(AREA_SIZE);
	each(s, slot, is_off, slot_off);
	each(s, dirty_log, is_on, NULL);
	each(s, move_slot, is_on, slot_back);
	slot_back(s);
	each(s, no_slot, is_on, slot_on);
}

static long msr_filter(struct scene *s)
{
	static uint8_t bits[4096];
	struct kvm_msr_filter f = { 0 };

	for (int i = 0; i < 4; i++)
		f.ranges[i] = (struct kvm_msr_filter_range){
			.flags = 3, .base = 0x1000 * (i + 1), .nmsrs = 4096, .bitmap = bits,
		};
	return IOCTL(s->vm->fd, KVM_X86_SET_MSR_FILTER, &f);
}

static long coalesced(struct scene *s)
{
	struct kvm_coalesced_mmio_zone z = { .addr = MMIO_ADDR, .size = 4096 };

	return IOCTL(s->vm->fd, KVM_REGISTER_COALESCED_MMIO, &z);
}

static void coalesced_off(struct scene *s)
{
	struct kvm_coalesced_mmio_zone z = { .addr = MMIO_ADDR, .size = 4096 };

	CHECK_OK(IOCTL(s->vm->fd, KVM_UNREGISTER_COALESCED_MMIO, &z));
}

static long stats_fd(struct scene *s)
{
	return made = ioctl(s->vm->fd, KVM_GET_STATS_FD, NULL);
}

static long read_stats(struct scene *s)
{
	char buf[512];

	(void)s;
	return pread(made, buf, sizeof(buf), 0);
}

TEST_LIMIT(other_calls_of_a_vm, 60)
{
	struct scene *s = scene(vm_new());

	need_injection();
	each(s, msr_filter, NULL, NULL);
	each(s, coalesced, NULL, coalesced_off);
	each(s, stats_fd, NULL, close_made);
	each(s, read_stats, NULL, NULL);
}

/* ---- KVM_RUN -------------------------------------------------------------------- */

static volatile uint64_t rounds;

static void guest(void)
{
	for (;;) {
		volatile uint64_t *p = (void *)(AREA + rounds % 1024 * 4096);

		GUEST_EQ(*p, 0);
		*p = ++rounds;
		GUEST_EQ(*p, rounds);
		guest_sync(rounds);
	}
}

/* Each call of KVM_RUN faults on a page that is neither mapped nor there. */
TEST_LIMIT(run, 120)
{
	struct vcpu *vcpu = guest64(guest);
	uint8_t *area = pages(AREA_SIZE);
	uint64_t at, done = 0, failures = 0;
	bool hit = true;

	need_injection();
	for (unsigned int n = 1; hit; n++) {
		int r;

		CHECK(n < MOST);
		/* the slot goes and comes, so that tables are needed again */
		CHECK_OK(vm_slot(vcpu->vm, 1, 0, AREA, AREA_SIZE, area));
		CHECK_OK(madvise(area, AREA_SIZE, MADV_DONTNEED));
		arm(n);
		r = vcpu_run_raw(vcpu);
		hit = disarm();
		if (r) {
			CHECK(hit);
			if (errno != ENOMEM && errno != EFAULT)
				FAIL("at failure %u: %s", n, strerror(errno));
			failures++;
			CHECK_EQ(vcpu_until_sync(vcpu), ++done);
		} else {
			/* reads the call that the guest made */
			at = IN_GUEST(vcpu->vm, rounds);
			CHECK_EQ(at, ++done);
		}
		CHECK_EQ(*(uint64_t *)(area + (done - 1) % 1024 * 4096), done);
		CHECK_OK(vm_slot(vcpu->vm, 1, 0, 0, 0, NULL));
	}
	ktap_note("%u failures survived", (unsigned int)failures);
}
