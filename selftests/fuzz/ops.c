// SPDX-License-Identifier: GPL-2.0-only
/*
 * The operations: every ioctl of the device with arguments that are nearly
 * right, and what a VMM does besides.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

struct world world;

/* splitmix64 */
uint64_t rnd(struct rng *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t below(struct rng *r, uint32_t n)
{
	return rnd(r) % n;
}

bool one_in(struct rng *r, uint32_t n)
{
	return !below(r, n);
}

/* Small numbers, powers of two and what is next to them, and any. */
uint64_t odd_number(struct rng *r)
{
	switch (below(r, 6)) {
	case 0:
		return below(r, 16);
	case 1:
		return (1ull << below(r, 64)) - below(r, 3) + 1;
	case 2:
		return -(uint64_t)below(r, 16);
	case 3:
		return below(r, 256);
	case 4:
		return (uint64_t)below(r, 1024) << 12;
	}
	return rnd(r);
}

void scribble(struct rng *r, void *p, size_t size, unsigned int times)
{
	uint8_t *b = p;

	while (times--) {
		size_t at = below(r, size);

		if (one_in(r, 2))
			b[at] ^= 1u << below(r, 8);
		else
			b[at] = one_in(r, 2) ? rnd(r) : one_in(r, 2) ? 0 : 0xff;
	}
}

enum { DEV, VM, VCPU };

/* Where an argument is, and the world's object that it goes to. */
struct call {
	struct rng *r;
	struct vm *vm;
	struct vcpu *vcpu;
	int fd;
	unsigned long cmd;
	void *arg;
};

typedef void (*maker)(struct call *c);

/* What an ioctl returned becomes part of the world. */
static void adopt(int *slot, int fd)
{
	int old = __atomic_exchange_n(slot, fd, __ATOMIC_ACQ_REL);

	if (old >= 0)
		close(old);
}

/* ---- arguments ------------------------------------------------------------- */

static void a_random(struct call *c)
{
	memset(c->arg, 0, 4096);
	scribble(c->r, c->arg, _IOC_SIZE(c->cmd) ?: 64, 1 + below(c->r, 8));
}

static void a_number(struct call *c)
{
	c->arg = (void *)(one_in(c->r, 2) ? below(c->r, 8) : odd_number(c->r));
}

static void a_none(struct call *c)
{
	c->arg = one_in(c->r, 32) ? (void *)1 : NULL;
}

/* Take the state there is, change a little of it. */
static void changed(struct call *c, unsigned long get, size_t size)
{
	memset(c->arg, 0, 64);
	ioctl(c->fd, get, c->arg);
	if (!one_in(c->r, 4))
		scribble(c->r, c->arg, size, 1 + below(c->r, 6));
}

#define CHANGED(name, get, size)					\
	static void a_##name(struct call *c)				\
	{								\
		changed(c, get, size);					\
	}
CHANGED(regs, KVM_GET_REGS, sizeof(struct kvm_regs))
CHANGED(sregs, KVM_GET_SREGS, sizeof(struct kvm_sregs))
CHANGED(sregs2, KVM_GET_SREGS2, sizeof(struct kvm_sregs2))
CHANGED(fpu, KVM_GET_FPU, sizeof(struct kvm_fpu))
CHANGED(xsave, KVM_GET_XSAVE2, 1024)
CHANGED(xcrs, KVM_GET_XCRS, 64)
CHANGED(events, KVM_GET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events))
CHANGED(mp_state, KVM_GET_MP_STATE, 1)
CHANGED(lapic, KVM_GET_LAPIC, sizeof(struct kvm_lapic_state))
CHANGED(clock, KVM_GET_CLOCK, sizeof(struct kvm_clock_data))
CHANGED(pit, KVM_GET_PIT2, sizeof(struct kvm_pit_state2))

static void a_debugregs(struct call *c)
{
	changed(c, KVM_GET_DEBUGREGS, sizeof(struct kvm_debugregs));
	if (no_breakpoints)
		((struct kvm_debugregs *)c->arg)->dr7 &= ~0xffULL;
}

static void a_get_irqchip(struct call *c)
{
	((struct kvm_irqchip *)c->arg)->chip_id = below(c->r, 4);
}

static void a_irqchip(struct call *c)
{
	struct kvm_irqchip *chip = c->arg;

	chip->chip_id = below(c->r, 4);
	ioctl(c->fd, KVM_GET_IRQCHIP, chip);
	scribble(c->r, chip->chip.dummy, 256, below(c->r, 8));
}

static void a_list(struct call *c)
{
	((uint32_t *)c->arg)[0] = one_in(c->r, 4) ? odd_number(c->r) : 256;
}

static void a_cpuid(struct call *c)
{
	struct kvm_cpuid2 *list = c->arg;

	list->nent = 128;
	if (ioctl(world.dev, KVM_GET_SUPPORTED_CPUID, list))
		list->nent = 0;
	else if (one_in(c->r, 2))
		scribble(c->r, list->entries, list->nent * sizeof(list->entries[0]),
			 1 + below(c->r, 8));
	if (one_in(c->r, 8))
		list->nent = odd_number(c->r);
}

static void a_msrs(struct call *c)
{
	static const uint32_t some[] = { 0x10, 0x1b, 0x3a, 0x174, 0x277, 0x2ff, 0x6e0,
					 0xc0000080, 0xc0000082, 0xc0010015, 0x4b564d00,
					 0x4b564d01, 0x4b564d03, 0x4b564d04, 0x11, 0x12 };
	struct kvm_msrs *m = c->arg;
	unsigned int n = 1 + below(c->r, 8);
	uint32_t index[512];

	index[0] = 500;
	if (ioctl(world.dev, KVM_GET_MSR_INDEX_LIST, index) || index[0] > 500)
		index[0] = 0;
	m->nmsrs = one_in(c->r, 16) ? odd_number(c->r) : n;
	m->pad = 0;
	for (unsigned int i = 0; i < n; i++) {
		m->entries[i].index = one_in(c->r, 16) ? rnd(c->r) :
			index[0] && one_in(c->r, 2) ? index[1 + below(c->r, index[0])] :
			some[below(c->r, sizeof(some) / sizeof(*some))];
		m->entries[i].reserved = 0;
		m->entries[i].data = odd_number(c->r);
	}
}

static void a_region(struct call *c)
{
	struct kvm_userspace_memory_region *m = c->arg;
	uint32_t at = below(c->r, 64) << 12;

	m->slot = below(c->r, 4);
	m->flags = below(c->r, 4);
	m->guest_phys_addr = one_in(c->r, 4) ? (uint64_t)below(c->r, 1024) << 12 : 0;
	m->memory_size = one_in(c->r, 4) ? 0 : RAM_SIZE - at;
	m->userspace_addr = (uintptr_t)world.ram + at;
	if (one_in(c->r, 8))
		scribble(c->r, m, sizeof(*m), 1 + below(c->r, 4));
	if (one_in(c->r, 16))
		m->userspace_addr = (uintptr_t)c->arg & ~4095ul;
}

static void a_dirty(struct call *c)
{
	struct kvm_dirty_log *d = c->arg;

	d->slot = below(c->r, 4);
	d->padding1 = 0;
	d->dirty_bitmap = world.edge + 2048;
}

static void a_clear(struct call *c)
{
	struct kvm_clear_dirty_log *d = c->arg;

	d->slot = below(c->r, 4);
	d->first_page = one_in(c->r, 4) ? odd_number(c->r) : 64 * below(c->r, 16);
	d->num_pages = one_in(c->r, 4) ? odd_number(c->r) : 64 * below(c->r, 16);
	d->dirty_bitmap = world.edge + 2048;
}

static void a_ioeventfd(struct call *c)
{
	struct kvm_ioeventfd *e = c->arg;

	memset(e, 0, sizeof(*e));
	e->datamatch = below(c->r, 4);
	e->addr = one_in(c->r, 2) ? 0xd0000000 + below(c->r, 4) * 4 : 0x500 + below(c->r, 4);
	e->len = below(c->r, 9);
	e->fd = world.eventfd[below(c->r, N_EVENTFDS)];
	e->flags = below(c->r, 16);
	if (one_in(c->r, 8))
		scribble(c->r, e, sizeof(*e), 1 + below(c->r, 4));
}

static void a_irqfd(struct call *c)
{
	struct kvm_irqfd *f = c->arg;

	memset(f, 0, sizeof(*f));
	f->fd = world.eventfd[below(c->r, N_EVENTFDS)];
	f->gsi = below(c->r, 26);
	f->flags = below(c->r, 4);
	f->resamplefd = world.eventfd[below(c->r, N_EVENTFDS)];
	if (one_in(c->r, 8))
		scribble(c->r, f, sizeof(*f), 1 + below(c->r, 4));
}

static void a_line(struct call *c)
{
	struct kvm_irq_level *l = c->arg;

	l->irq = one_in(c->r, 16) ? odd_number(c->r) : below(c->r, 25);
	l->level = below(c->r, 2);
}

static void an_msi(struct call *c, uint32_t *lo, uint32_t *hi, uint32_t *data)
{
	*lo = 0xfee00000 | below(c->r, 4) << 12 | below(c->r, 4) << 2;
	*hi = one_in(c->r, 8) ? odd_number(c->r) : 0;
	*data = below(c->r, 256) | below(c->r, 8) << 8 | below(c->r, 4) << 14;
	if (one_in(c->r, 8))
		*lo = rnd(c->r);
}

static void a_msi(struct call *c)
{
	struct kvm_msi *m = c->arg;

	memset(m, 0, sizeof(*m));
	an_msi(c, &m->address_lo, &m->address_hi, &m->data);
	if (one_in(c->r, 16))
		scribble(c->r, m, sizeof(*m), 1);
}

static void a_routing(struct call *c)
{
	struct kvm_irq_routing *t = c->arg;
	unsigned int n = below(c->r, 32);

	memset(t, 0, sizeof(*t) + n * sizeof(t->entries[0]));
	t->nr = one_in(c->r, 16) ? odd_number(c->r) : n;
	for (unsigned int i = 0; i < n; i++) {
		struct kvm_irq_routing_entry *e = &t->entries[i];

		e->gsi = one_in(c->r, 16) ? odd_number(c->r) : below(c->r, 26);
		e->type = one_in(c->r, 16) ? below(c->r, 6) : 1 + below(c->r, 2);
		if (e->type == KVM_IRQ_ROUTING_MSI) {
			an_msi(c, &e->u.msi.address_lo, &e->u.msi.address_hi, &e->u.msi.data);
		} else {
			e->u.irqchip.irqchip = below(c->r, 3);
			e->u.irqchip.pin = below(c->r, one_in(c->r, 8) ? 256 : 24);
		}
	}
}

static void a_cap(struct call *c)
{
	static const uint16_t caps[] = {
		KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_X2APIC_API, KVM_CAP_X86_USER_SPACE_MSR,
		KVM_CAP_X86_DISABLE_EXITS, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		KVM_CAP_EXCEPTION_PAYLOAD, KVM_CAP_X86_TRIPLE_FAULT_EVENT, KVM_CAP_HALT_POLL,
		KVM_CAP_ENFORCE_PV_FEATURE_CPUID, KVM_CAP_DIRTY_LOG_RING,
		KVM_CAP_X86_BUS_LOCK_EXIT, KVM_CAP_MAX_VCPU_ID, KVM_CAP_SYNC_REGS,
	};
	struct kvm_enable_cap *e = c->arg;

	memset(e, 0, sizeof(*e));
	e->cap = caps[below(c->r, sizeof(caps) / sizeof(*caps))];
	if (one_in(c->r, 16))
		e->cap = below(c->r, 256);
	e->args[0] = odd_number(c->r);
	if (one_in(c->r, 16))
		scribble(c->r, e, sizeof(*e), 1 + below(c->r, 2));
}

static void a_msr_filter(struct call *c)
{
	struct kvm_msr_filter *f = c->arg;

	memset(f, 0, sizeof(*f));
	f->flags = below(c->r, 2);
	for (uint32_t i = below(c->r, 5); i--;) {
		f->ranges[i].flags = 1 + below(c->r, 3);
		f->ranges[i].nmsrs = one_in(c->r, 8) ? odd_number(c->r) : 1 + below(c->r, 4096);
		f->ranges[i].base = (below(c->r, 3) << 30) + below(c->r, 0x1000);
		f->ranges[i].bitmap = one_in(c->r, 16) ? world.edge + 4000 : world.edge;
	}
	if (one_in(c->r, 16))
		scribble(c->r, f, sizeof(*f), 1 + below(c->r, 2));
}

static void a_zone(struct call *c)
{
	struct kvm_coalesced_mmio_zone *z = c->arg;

	z->addr = one_in(c->r, 4) ? odd_number(c->r) : 0xd0000000 + below(c->r, 4) * 4096;
	z->size = one_in(c->r, 4) ? odd_number(c->r) : 4096;
	z->pio = one_in(c->r, 4);
}

static void a_debug(struct call *c)
{
	struct kvm_guest_debug *d = c->arg;

	memset(d, 0, sizeof(*d));
	d->control = below(c->r, 4) | below(c->r, 64) << 16;
	for (int i = 0; i < 8; i++)
		d->arch.debugreg[i] = one_in(c->r, 2) ? 0x1000 + below(c->r, 256) :
			odd_number(c->r);
	if (one_in(c->r, 16))
		scribble(c->r, d, sizeof(*d), 1 + below(c->r, 2));
	if (no_breakpoints)
		d->arch.debugreg[7] &= ~0xffULL;
}

static void a_mask(struct call *c)
{
	struct kvm_signal_mask *m = c->arg;

	if (one_in(c->r, 2)) {
		c->arg = NULL;
		return;
	}
	m->len = one_in(c->r, 8) ? odd_number(c->r) : 8;
	memset(m->sigset, 0, 8);	/* the kick has to come through */
}

/* ---- the ioctls ------------------------------------------------------------ */

static const struct ioctl_row {
	const char *name;
	unsigned long cmd;
	uint8_t to, weight;
	maker make;
} rows[] = {
#define ROW(cmd, to, weight, make) { #cmd, cmd, to, weight, make }
	ROW(KVM_GET_API_VERSION, DEV, 1, a_none),
	ROW(KVM_GET_VCPU_MMAP_SIZE, DEV, 1, a_none),
	ROW(KVM_CHECK_EXTENSION, DEV, 1, a_number),
	ROW(KVM_GET_SUPPORTED_CPUID, DEV, 1, a_list),
	ROW(KVM_GET_EMULATED_CPUID, DEV, 1, a_list),
	ROW(KVM_GET_MSR_INDEX_LIST, DEV, 1, a_list),
	ROW(KVM_GET_MSR_FEATURE_INDEX_LIST, DEV, 1, a_list),
	ROW(KVM_GET_MSRS, DEV, 1, a_msrs),
	ROW(KVM_X86_GET_MCE_CAP_SUPPORTED, DEV, 1, a_random),
	ROW(KVM_CHECK_EXTENSION, VM, 1, a_number),
	ROW(KVM_ENABLE_CAP, VM, 6, a_cap),
	ROW(KVM_X86_SET_MSR_FILTER, VM, 4, a_msr_filter),
	ROW(KVM_SET_BOOT_CPU_ID, VM, 1, a_number),
	ROW(KVM_SET_USER_MEMORY_REGION, VM, 10, a_region),
	ROW(KVM_GET_DIRTY_LOG, VM, 3, a_dirty),
	ROW(KVM_CLEAR_DIRTY_LOG, VM, 3, a_clear),
	ROW(KVM_SET_TSS_ADDR, VM, 1, a_number),
	ROW(KVM_SET_IDENTITY_MAP_ADDR, VM, 1, a_random),
	ROW(KVM_GET_CLOCK, VM, 1, a_random),
	ROW(KVM_SET_CLOCK, VM, 2, a_clock),
	ROW(KVM_IOEVENTFD, VM, 5, a_ioeventfd),
	ROW(KVM_IRQFD, VM, 5, a_irqfd),
	ROW(KVM_REGISTER_COALESCED_MMIO, VM, 2, a_zone),
	ROW(KVM_UNREGISTER_COALESCED_MMIO, VM, 2, a_zone),
	ROW(KVM_CREATE_IRQCHIP, VM, 3, a_none),
	ROW(KVM_GET_IRQCHIP, VM, 2, a_get_irqchip),
	ROW(KVM_SET_IRQCHIP, VM, 4, a_irqchip),
	ROW(KVM_CREATE_PIT2, VM, 3, a_random),
	ROW(KVM_GET_PIT2, VM, 1, a_random),
	ROW(KVM_SET_PIT2, VM, 3, a_pit),
	ROW(KVM_CREATE_PIT, VM, 1, a_none),
	ROW(KVM_GET_PIT, VM, 1, a_random),
	ROW(KVM_SET_PIT, VM, 2, a_pit),
	ROW(KVM_REINJECT_CONTROL, VM, 1, a_random),
	ROW(KVM_IRQ_LINE, VM, 6, a_line),
	ROW(KVM_IRQ_LINE_STATUS, VM, 2, a_line),
	ROW(KVM_SET_GSI_ROUTING, VM, 4, a_routing),
	ROW(KVM_SIGNAL_MSI, VM, 6, a_msi),
	ROW(KVM_GET_REGS, VCPU, 1, a_random),
	ROW(KVM_SET_REGS, VCPU, 3, a_regs),
	ROW(KVM_GET_SREGS, VCPU, 1, a_random),
	ROW(KVM_SET_SREGS, VCPU, 4, a_sregs),
	ROW(KVM_GET_SREGS2, VCPU, 1, a_random),
	ROW(KVM_SET_SREGS2, VCPU, 4, a_sregs2),
	ROW(KVM_GET_FPU, VCPU, 1, a_random),
	ROW(KVM_SET_FPU, VCPU, 2, a_fpu),
	ROW(KVM_GET_XSAVE, VCPU, 1, a_random),
	ROW(KVM_GET_XSAVE2, VCPU, 1, a_random),
	ROW(KVM_SET_XSAVE, VCPU, 3, a_xsave),
	ROW(KVM_GET_XCRS, VCPU, 1, a_random),
	ROW(KVM_SET_XCRS, VCPU, 2, a_xcrs),
	ROW(KVM_GET_DEBUGREGS, VCPU, 1, a_random),
	ROW(KVM_SET_DEBUGREGS, VCPU, 2, a_debugregs),
	ROW(KVM_SET_GUEST_DEBUG, VCPU, 4, a_debug),
	ROW(KVM_GET_VCPU_EVENTS, VCPU, 1, a_random),
	ROW(KVM_SET_VCPU_EVENTS, VCPU, 4, a_events),
	ROW(KVM_GET_MP_STATE, VCPU, 1, a_random),
	ROW(KVM_SET_MP_STATE, VCPU, 3, a_mp_state),
	ROW(KVM_GET_LAPIC, VCPU, 1, a_random),
	ROW(KVM_SET_LAPIC, VCPU, 5, a_lapic),
	ROW(KVM_SET_VAPIC_ADDR, VCPU, 1, a_random),
	ROW(KVM_INTERRUPT, VCPU, 2, a_random),
	ROW(KVM_TRANSLATE, VCPU, 2, a_random),
	ROW(KVM_ENABLE_CAP, VCPU, 1, a_cap),
	ROW(KVM_X86_SETUP_MCE, VCPU, 1, a_random),
	ROW(KVM_X86_SET_MCE, VCPU, 2, a_random),
	ROW(KVM_SET_CPUID2, VCPU, 6, a_cpuid),
	ROW(KVM_GET_CPUID2, VCPU, 1, a_list),
	ROW(KVM_GET_MSRS, VCPU, 2, a_msrs),
	ROW(KVM_SET_MSRS, VCPU, 6, a_msrs),
	ROW(KVM_NMI, VCPU, 3, a_none),
	ROW(KVM_SMI, VCPU, 1, a_none),
	ROW(KVM_SET_TSC_KHZ, VCPU, 1, a_number),
	ROW(KVM_GET_TSC_KHZ, VCPU, 1, a_none),
	ROW(KVM_KVMCLOCK_CTRL, VCPU, 1, a_none),
	ROW(KVM_SET_SIGNAL_MASK, VCPU, 1, a_mask),
};

#define N_ROWS (sizeof(rows) / sizeof(*rows))

static void do_ioctl(struct call *c, const struct ioctl_row *row)
{
	uint8_t room[40960] __attribute__((aligned(8)));

	c->cmd = row->cmd;
	c->fd = row->to == DEV ? world.dev : row->to == VM ? c->vm->fd : c->vcpu->fd;
	c->arg = room;
	memset(room, 0, 256);
	row->make(c);
	if (c->arg == room && one_in(c->r, 32))
		c->arg = one_in(c->r, 2) ? (void *)0xdead000ul :
			world.edge + 4096 - below(c->r, _IOC_SIZE(c->cmd) + 1);
	if (one_in(c->r, 128))
		c->cmd ^= 1ul << below(c->r, 32);
	ioctl(c->fd, c->cmd, c->arg);
}

/* ---- what a VMM does besides ----------------------------------------------- */

static void do_create_vm(struct call *c)
{
	adopt(&c->vm->fd, ioctl(world.dev, KVM_CREATE_VM, one_in(c->r, 16) ? rnd(c->r) : 0));
}

static void do_create_vcpu(struct call *c)
{
	int fd = ioctl(c->vm->fd, KVM_CREATE_VCPU,
		       one_in(c->r, 8) ? odd_number(c->r) : (unsigned long)(c->vcpu - c->vm->vcpu));
	void *p;

	if (fd < 0)
		return;
	adopt(&c->vcpu->fd, fd);
	p = mmap(NULL, world.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		__atomic_store_n(&c->vcpu->run, p, __ATOMIC_RELEASE);
}

static void do_run(struct call *c)
{
	for (int i = 1 + below(c->r, 6); i--;)
		ioctl(c->vcpu->fd, KVM_RUN, 0);
}

static void do_guest(struct call *c)
{
	guest_setup(c->r, c->vcpu, world.ram);
}

static void do_code(struct call *c)
{
	guest_code(c->r, world.ram, one_in(c->r, 4));
}

static void do_ram(struct call *c)
{
	scribble(c->r, world.ram, one_in(c->r, 2) ? RAM_SIZE : 0x20000, 64);
}

/* The page that is shared; nothing that would let KVM_RUN return at once for ever. */
static void do_shared(struct call *c)
{
	struct kvm_run *run = (void *)__atomic_load_n(&c->vcpu->run, __ATOMIC_ACQUIRE);

	if (!run)
		return;
	switch (below(c->r, 5)) {
	case 0:
		run->request_interrupt_window = below(c->r, 2);
		break;
	case 1:
		run->kvm_valid_regs = below(c->r, 8);
		run->kvm_dirty_regs = below(c->r, 8);
		break;
	case 2:
		scribble(c->r, &run->s.regs, sizeof(run->s.regs), 4);
		break;
	case 3:
		scribble(c->r, run, world.run_size, 16);
		break;
	case 4:
		run->immediate_exit = below(c->r, 4) == 0;
		run->cr8 = odd_number(c->r);
	}
}

static void do_close(struct call *c)
{
	adopt(one_in(c->r, 3) ? &c->vm->fd : &c->vcpu->fd, -1);
}

static void do_dup(struct call *c)
{
	adopt(&c->vcpu->fd, dup(c->vm->vcpu[below(c->r, N_VCPUS)].fd));
}

static void do_memory(struct call *c)
{
	uint8_t *p = world.ram + (below(c->r, 1024) << 12);
	size_t len = (1 + below(c->r, 64)) << 12;

	if (p + len > world.ram + RAM_SIZE)
		len = 4096;
	switch (below(c->r, 5)) {
	case 0:
		madvise(p, len, MADV_DONTNEED);
		break;
	case 1:
		mprotect(p, len, below(c->r, 4));
		break;
	case 2:
		mmap(p, len, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		break;
	case 3:
		mprotect(world.ram, RAM_SIZE, PROT_READ | PROT_WRITE);
		break;
	case 4:
		if (!fork())
			_exit(0);
	}
}

static void do_eventfd(struct call *c)
{
	int *fd = &world.eventfd[below(c->r, N_EVENTFDS)];
	uint64_t one = 1;

	if (one_in(c->r, 8)) {
		adopt(fd, eventfd(0, EFD_NONBLOCK));
		return;
	}
	if (one_in(c->r, 2))
		(void)!write(*fd, &one, 8);
	else
		(void)!read(*fd, &one, 8);
}

static void do_stats(struct call *c)
{
	char buf[2048];
	int fd = ioctl(one_in(c->r, 2) ? c->vm->fd : c->vcpu->fd, KVM_GET_STATS_FD, 0);

	if (fd < 0)
		return;
	(void)!pread(fd, buf, below(c->r, sizeof(buf)), one_in(c->r, 4) ? odd_number(c->r) : 0);
	close(fd);
}

static void do_map(struct call *c)
{
	void *p = mmap(NULL, 4096 << below(c->r, 4), below(c->r, 4),
		       one_in(c->r, 4) ? MAP_PRIVATE : MAP_SHARED,
		       one_in(c->r, 4) ? c->vm->fd : c->vcpu->fd, 4096 * below(c->r, 5));

	if (p == MAP_FAILED)
		return;
	mprotect(p, 4096, below(c->r, 4));
	munmap(p, 4096 << below(c->r, 3));
}

static const struct {
	const char *name;
	void (*fn)(struct call *c);
	uint8_t weight;
} acts[] = {
	{ "create-vm", do_create_vm, 2 }, { "create-vcpu", do_create_vcpu, 6 },
	{ "run", do_run, 40 }, { "guest", do_guest, 24 }, { "code", do_code, 6 },
	{ "guest-memory", do_ram, 3 }, { "shared-page", do_shared, 8 }, { "close", do_close, 3 },
	{ "dup", do_dup, 1 }, { "memory", do_memory, 8 }, { "eventfd", do_eventfd, 8 },
	{ "statistics", do_stats, 2 }, { "map", do_map, 3 },
};

#define N_ACTS (sizeof(acts) / sizeof(*acts))

/* Kinds are weighted: an operation's is an index into the sum of the weights. */
static unsigned int sum;

unsigned int n_ops(void)
{
	if (!sum) {
		for (unsigned int i = 0; i < N_ROWS; i++)
			sum += rows[i].weight;
		for (unsigned int i = 0; i < N_ACTS; i++)
			sum += acts[i].weight;
	}
	return sum;
}

/* The row or, from N_ROWS on, the act of a kind. */
static unsigned int pick(unsigned int kind)
{
	unsigned int i, left = kind % n_ops();

	for (i = 0; i < N_ROWS + N_ACTS; i++) {
		unsigned int w = i < N_ROWS ? rows[i].weight : acts[i - N_ROWS].weight;

		if (left < w)
			break;
		left -= w;
	}
	return i;
}

const char *op_name(unsigned int kind)
{
	unsigned int i = pick(kind);

	return i < N_ROWS ? rows[i].name : acts[i - N_ROWS].name;
}

/* The first kind of that name, or -1. */
int op_kind(const char *name)
{
	for (unsigned int i = 0; i < n_ops(); i++)
		if (!strcmp(op_name(i), name))
			return i;
	return -1;
}

void op_run(const struct op *op)
{
	struct rng r = { op->seed };
	struct vm *vm = &world.vm[op->object % 4 / 3];
	struct call c = { .r = &r, .vm = vm, .vcpu = &vm->vcpu[op->object / 4 % N_VCPUS] };
	unsigned int i = pick(op->kind);

	if (i < N_ROWS)
		do_ioctl(&c, &rows[i]);
	else
		acts[i - N_ROWS].fn(&c);
}

/* Two VMs that could run a guest; the second one without what takes long. */
void world_make(struct rng *r, const char *path)
{
	world.dev = open(path, O_RDWR | O_CLOEXEC);
	if (world.dev < 0)
		_exit(3);
	world.run_size = ioctl(world.dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	world.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	world.edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(world.edge + 4096, 4096);
	for (int i = 0; i < N_EVENTFDS; i++)
		world.eventfd[i] = eventfd(0, EFD_NONBLOCK);
	for (int v = 0; v < N_VMS; v++) {
		struct kvm_userspace_memory_region m = {
			.flags = below(r, 2), .memory_size = RAM_SIZE,
			.userspace_addr = (uintptr_t)world.ram,
		};
		struct call c = { .r = r, .vm = &world.vm[v] };
		int chips = below(r, 4);

		for (int i = 0; i < N_VCPUS; i++)
			c.vm->vcpu[i].fd = -1;
		c.vm->fd = ioctl(world.dev, KVM_CREATE_VM, 0);
		if (c.vm->fd < 0)
			_exit(3);
		if (chips == 1 || chips == 2)
			ioctl(c.vm->fd, KVM_CREATE_IRQCHIP, 0);
		if (chips == 3)
			do_ioctl(&c, &(struct ioctl_row)ROW(KVM_ENABLE_CAP, VM, 1, a_cap));
		ioctl(c.vm->fd, KVM_SET_USER_MEMORY_REGION, &m);
		for (unsigned int i = 0; i < (v ? 1 : 1 + below(r, N_VCPUS)); i++) {
			c.vcpu = &c.vm->vcpu[i];
			do_create_vcpu(&c);
			if (c.vcpu->fd < 0)
				continue;
			if (!one_in(r, 4))
				do_ioctl(&c, &(struct ioctl_row)ROW(KVM_SET_CPUID2, VCPU, 1, a_cpuid));
			if (!one_in(r, 8))
				guest_setup(r, c.vcpu, world.ram);
		}
	}
}
