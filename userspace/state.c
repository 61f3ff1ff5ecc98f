// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of a stopped VM, apart from its memory, as a list of records, and
 * a new VM from such a list.
 *
 * A record is a header, then its bytes, then zeroes up to a multiple of eight.
 * Records are found by name and number: their order is free, and a reader
 * refuses what it does not know, because a state that it drops would be lost.
 * Devices register their registers as plain bytes, virtio_state.c has those of
 * virtio devices, numbered as they were added; what the kernel keeps is read
 * and written by the calls of the table below.
 *
 * Source: the KVM API document, for what each call carries and in which order
 * the calls make a vCPU whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "snapshot.h"
#include "virtio.h"

#define CPUID_MAX	256	/* entries of a vCPU's CPUID */
#define MSRS_MAX	1024
#define VIRTIO		"virtio"	/* name of its records */

struct record {
	char name[16];		/* ends with a 0 */
	u32 nr;			/* of the vCPU or chip */
	u32 len;
};

static void blob_put(struct blob *b, const char *name, u32 nr,
		     const void *data, u32 len)
{
	struct record r = { .nr = nr, .len = len };
	size_t need = sizeof(r) + ALIGN_UP((size_t)len, 8);

	strncpy(r.name, name, sizeof(r.name) - 1);
	if (b->overflow || b->cap - b->len < need) {
		b->overflow = true;
		return;
	}
	memcpy(b->p + b->len, &r, sizeof(r));
	memset(b->p + b->len + need - 8, 0, 8);
	memcpy(b->p + b->len + sizeof(r), data, len);
	b->len += need;
}

/* The bytes of a record; their number in *len. NULL if there is none. */
static const void *blob_find(struct blob *b, const char *name, u32 nr, u32 *len)
{
	const struct record *r;
	size_t at;

	/* state_check() has seen that every record lies inside. */
	for (at = 0; at < b->len; at += sizeof(*r) + ALIGN_UP((size_t)r->len, 8)) {
		r = (const void *)(b->p + at);
		if (r->nr == nr && !strcmp(r->name, name)) {
			*len = r->len;
			b->found++;
			return r + 1;
		}
	}
	return NULL;
}

void state_add(struct vm *vm, const char *name, void *data, u32 len)
{
	if (vm->nr_states == ARRAY_SIZE(vm->states))
		die("%s: too many devices", name);
	vm->states[vm->nr_states++] = (struct state){ name, data, len };
}

/* What one call gets and its twin sets, of a fixed size. */
struct kernel_row {
	const char *name;
	unsigned long get, set;
	u32 len;
};

#define ROW(name, type) { #name, KVM_GET_##name, KVM_SET_##name, sizeof(type) }

static const struct kernel_row vm_rows[] = {
	ROW(PIT2, struct kvm_pit_state2),
	ROW(CLOCK, struct kvm_clock_data),
};

/* In the order in which they are set: each may depend on those before. */
static const struct kernel_row early_rows[] = {
	ROW(SREGS, struct kvm_sregs),
	ROW(REGS, struct kvm_regs),
	ROW(XSAVE, struct kvm_xsave),
	ROW(XCRS, struct kvm_xcrs),
	ROW(DEBUGREGS, struct kvm_debugregs),
	ROW(LAPIC, struct kvm_lapic_state),
};

/* After the MSRs: the timers' deadlines, and events that they have raised. */
static const struct kernel_row late_rows[] = {
	ROW(VCPU_EVENTS, struct kvm_vcpu_events),
	ROW(MP_STATE, struct kvm_mp_state),
};

/* The largest of a row's structures. */
union row_data {
	struct kvm_xsave xsave;
	struct kvm_lapic_state lapic;
	u8 bytes[4096];
};

/* XCRS is there only with XSAVE; everything else is needed. */
static bool row_absent(const struct vm *vm, const struct kernel_row *row)
{
	return row->get == KVM_GET_XCRS &&
	       ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) <= 0;
}

static int get_rows(const struct vm *vm, int fd, u32 nr, struct blob *b,
		    const struct kernel_row *row, size_t n)
{
	union row_data data;

	for (; n--; row++) {
		if (row_absent(vm, row))
			continue;
		memset(&data, 0, sizeof(data));
		if (ioctl(fd, row->get, &data))
			return -errno;
		blob_put(b, row->name, nr, &data, row->len);
	}
	return 0;
}

static void set_rows(const struct vm *vm, int fd, u32 nr, struct blob *b,
		     const struct kernel_row *row, size_t n)
{
	const void *data;
	u32 len;

	for (; n--; row++) {
		data = blob_find(b, row->name, nr, &len);
		if (!data && row_absent(vm, row))
			continue;
		if (!data || len != row->len)
			die("snapshot: no %s of %u", row->name, nr);
		vm_ioctl_named(vm, fd, row->set, row->name, (uintptr_t)data);
	}
}

void state_prepare(struct vm *vm)
{
	struct kvm_msr_list probe = { 0 }, *list;

	if (!ioctl(vm->dev_fd, KVM_GET_MSR_INDEX_LIST, &probe) || errno != E2BIG ||
	    probe.nmsrs > MSRS_MAX)
		die("KVM_GET_MSR_INDEX_LIST on %s: %s", vm->device, strerror(errno));
	list = calloc(1, sizeof(*list) + probe.nmsrs * sizeof(u32));
	vm->msrs = calloc(1, sizeof(*vm->msrs) +
			  probe.nmsrs * sizeof(vm->msrs->entries[0]));
	vm->cpuid = calloc(1, sizeof(*vm->cpuid) +
			   CPUID_MAX * sizeof(vm->cpuid->entries[0]));
	if (!list || !vm->msrs || !vm->cpuid)
		die("state: out of memory");
	list->nmsrs = probe.nmsrs;
	vm_ioctl(vm, vm->dev_fd, KVM_GET_MSR_INDEX_LIST, list);
	for (u32 i = 0; i < list->nmsrs; i++)
		vm->msrs->entries[i].index = list->indices[i];
	vm->msrs->nmsrs = list->nmsrs;
	free(list);
}

/* The CPU has fewer MSRs than the list names: those that cannot be read go. */
static int get_msrs(struct vcpu *vcpu, struct blob *b)
{
	struct kvm_msrs *m = vcpu->vm->msrs;
	int done;

	for (;;) {
		done = ioctl(vcpu->fd, KVM_GET_MSRS, m);
		if (done < 0)
			return -errno;
		if ((u32)done == m->nmsrs)
			break;
		m->nmsrs--;
		memmove(&m->entries[done], &m->entries[done + 1],
			(m->nmsrs - done) * sizeof(m->entries[0]));
	}
	blob_put(b, "MSRS", vcpu->id, m,
		 sizeof(*m) + m->nmsrs * sizeof(m->entries[0]));
	return 0;
}

static void set_msrs(struct vcpu *vcpu, struct blob *b)
{
	const struct kvm_msrs *m;
	u32 len, done;

	m = blob_find(b, "MSRS", vcpu->id, &len);
	if (!m || len < sizeof(*m) ||
	    (len - sizeof(*m)) / sizeof(m->entries[0]) != m->nmsrs)
		die("snapshot: no MSRs of vCPU %u", vcpu->id);
	done = vm_ioctl_named(vcpu->vm, vcpu->fd, KVM_SET_MSRS, "KVM_SET_MSRS",
			      (uintptr_t)m);
	if (done < m->nmsrs)
		die("snapshot: %s refuses MSR %#x = %#llx", vcpu->vm->device,
		    m->entries[done].index,
		    (unsigned long long)m->entries[done].data);
}

/* KVM up to 6.1 does not say how many entries it gave: the rest is zeroes. */
static int get_cpuid(struct vcpu *vcpu, struct kvm_cpuid2 *c)
{
	static const struct kvm_cpuid_entry2 none;

	c->nent = CPUID_MAX;
	memset(c->entries, 0, CPUID_MAX * sizeof(none));
	if (ioctl(vcpu->fd, KVM_GET_CPUID2, c))
		return -errno;
	while (c->nent && !memcmp(&c->entries[c->nent - 1], &none, sizeof(none)))
		c->nent--;
	return 0;
}

static int get_vcpu(struct vcpu *vcpu, struct blob *b)
{
	struct kvm_cpuid2 *c = vcpu->vm->cpuid;
	int err, khz;

	err = get_cpuid(vcpu, c);
	if (err)
		return err;
	blob_put(b, "CPUID", vcpu->id, c,
		 sizeof(*c) + c->nent * sizeof(c->entries[0]));
	khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
	if (khz < 0)
		return -errno;
	blob_put(b, "TSC_KHZ", vcpu->id, &khz, sizeof(khz));
	err = get_rows(vcpu->vm, vcpu->fd, vcpu->id, b, early_rows,
		       ARRAY_SIZE(early_rows));
	if (!err)
		err = get_msrs(vcpu, b);
	if (!err)
		err = get_rows(vcpu->vm, vcpu->fd, vcpu->id, b, late_rows,
			       ARRAY_SIZE(late_rows));
	return err;
}

/* Does a CPUID entry name a feature that the same entry here does not? */
static bool lacks(const struct kvm_cpuid_entry2 *saved,
		  const struct kvm_cpuid_entry2 *now)
{
	u32 ecx = saved->ecx & ~now->ecx, edx = saved->edx & ~now->edx;

	/* Some bits say how the guest is set up, not what the CPU can do. */
	switch (saved->function) {
	case 1:			/* TSC deadline, OSXSAVE, hypervisor; HTT */
		return (ecx & ~(1u << 24 | 1u << 27 | 1u << 31)) ||
		       (edx & ~(1u << 28));
	case 7:
		return (saved->ebx & ~now->ebx) || ecx || edx;
	case 0x80000001:	/* CmpLegacy */
		return (ecx & ~(1u << 1)) || edx;
	default:
		return false;
	}
}

/* A guest must not lose a feature that it has seen. */
static void check_features(const struct vm *vm, const struct kvm_cpuid2 *saved)
{
	struct kvm_cpuid2 *now = cpu_supported(vm);
	u32 i, j;

	for (i = 0; i < saved->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &saved->entries[i];

		for (j = 0; j < now->nent; j++) {
			const struct kvm_cpuid_entry2 *n = &now->entries[j];

			if (n->function != e->function || n->index != e->index)
				continue;
			if (!e->function && e->ebx != n->ebx)
				die("snapshot: made on another vendor's CPU");
			if (lacks(e, n))
				die("snapshot: the CPU here lacks features that the guest uses (CPUID leaf %#x)",
				    e->function);
		}
	}
	free(now);
}

static void set_vcpu(struct vcpu *vcpu, struct blob *b)
{
	struct vm *vm = vcpu->vm;
	const struct kvm_cpuid2 *c;
	const int *khz;
	u32 len;

	c = blob_find(b, "CPUID", vcpu->id, &len);
	if (!c || len < sizeof(*c) ||
	    (len - sizeof(*c)) / sizeof(c->entries[0]) != c->nent)
		die("snapshot: no CPUID of vCPU %u", vcpu->id);
	if (!vcpu->id)
		check_features(vm, c);
	vm_ioctl(vm, vcpu->fd, KVM_SET_CPUID2, c);
	khz = blob_find(b, "TSC_KHZ", vcpu->id, &len);
	if (!khz || len != sizeof(*khz))
		die("snapshot: no TSC frequency of vCPU %u", vcpu->id);
	if (ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0) != *khz)
		vm_ioctl(vm, vcpu->fd, KVM_SET_TSC_KHZ, (long)*khz);
	set_rows(vm, vcpu->fd, vcpu->id, b, early_rows, ARRAY_SIZE(early_rows));
	set_msrs(vcpu, b);
	set_rows(vm, vcpu->fd, vcpu->id, b, late_rows, ARRAY_SIZE(late_rows));
}

int state_save(struct vm *vm, struct blob *b)
{
	const struct virtio *v;
	unsigned int i;
	int err = 0;

	for (i = 0; i < 3 && !err; i++) {	/* two PICs and the I/O APIC */
		struct kvm_irqchip chip = { .chip_id = i };

		if (ioctl(vm->fd, KVM_GET_IRQCHIP, &chip))
			err = -errno;
		blob_put(b, "IRQCHIP", i, &chip, sizeof(chip));
	}
	for (i = 0; i < vm->nr_vcpus && !err; i++)
		err = get_vcpu(&vm->vcpus[i], b);
	if (!err)
		err = get_rows(vm, vm->fd, 0, b, vm_rows, ARRAY_SIZE(vm_rows));
	for (i = 0; i < vm->nr_states; i++)
		blob_put(b, vm->states[i].name, 0, vm->states[i].data,
			 vm->states[i].len);
	for (v = vm->virtio; v; v = v->next) {
		struct virtio_saved s;

		virtio_save(v, &s);
		blob_put(b, VIRTIO, v->nr, &s, sizeof(s));
	}
	return err ? err : b->overflow ? -ENOSPC : 0;
}

const char *state_check(const struct blob *b)
{
	const struct record *r;
	size_t at = 0;

	while (at < b->len) {
		r = (const void *)(b->p + at);
		if (b->len - at < sizeof(*r) || memchr(r->name, 0, sizeof(r->name)) == NULL ||
		    b->len - at - sizeof(*r) < ALIGN_UP((size_t)r->len, 8))
			return "its records do not fit";
		at += sizeof(*r) + ALIGN_UP((size_t)r->len, 8);
	}
	return NULL;
}

static void load_devices(struct vm *vm, struct blob *b)
{
	const void *data;
	unsigned int i;
	u32 len;

	for (i = 0; i < vm->nr_states; i++) {
		const struct state *s = &vm->states[i];

		data = blob_find(b, s->name, 0, &len);
		if (!data || len != s->len)
			die("snapshot: no state of the device %s", s->name);
		memcpy(s->data, data, len);
	}
}

static void load_virtio(struct vm *vm, struct blob *b)
{
	const struct virtio_saved *s;
	const char *wrong;
	struct virtio *v;
	u32 len;

	s = blob_find(b, VIRTIO, vm->virtio ? vm->virtio->nr + 1 : 0, &len);
	if (s && len == sizeof(*s))
		die("snapshot: the guest has more devices (say %s as well)",
		    virtio_option(s->id));
	for (v = vm->virtio; v; v = v->next) {
		s = blob_find(b, VIRTIO, v->nr, &len);
		if (!s)
			die("snapshot: the guest has no %s there, as device %u",
			    v->ops->name, v->nr + 1);
		wrong = len == sizeof(*s) ? virtio_load(v, s) : "damaged";
		if (wrong)
			die("snapshot: %s for the guest's device %u: %s",
			    virtio_option(v->id), v->nr + 1, wrong);
	}
}

/* A record that nobody asked for would be lost. */
static void check_all_used(const struct blob *b)
{
	const struct record *r;
	unsigned int n = 0;
	size_t at;

	for (at = 0; at < b->len; at += sizeof(*r) + ALIGN_UP((size_t)r->len, 8)) {
		r = (const void *)(b->p + at);
		n++;
	}
	if (n != b->found)
		die("snapshot: it has state that this hv does not know");
}

void state_load(struct vm *vm, struct blob *b)
{
	struct kvm_clock_data clock;
	const void *data;
	unsigned int i;
	u32 len;

	load_devices(vm, b);
	load_virtio(vm, b);
	for (i = 0; i < 3; i++) {
		data = blob_find(b, "IRQCHIP", i, &len);
		if (!data || len != sizeof(struct kvm_irqchip))
			die("snapshot: no interrupt controller %u", i);
		vm_ioctl(vm, vm->fd, KVM_SET_IRQCHIP, data);
	}
	for (i = 0; i < vm->nr_vcpus; i++)
		set_vcpu(&vm->vcpus[i], b);
	data = blob_find(b, "PIT2", 0, &len);
	if (!data || len != sizeof(struct kvm_pit_state2))
		die("snapshot: no PIT");
	vm_ioctl(vm, vm->fd, KVM_SET_PIT2, data);
	data = blob_find(b, "CLOCK", 0, &len);
	if (!data || len != sizeof(clock))
		die("snapshot: no clock");
	/* The guest's time stood still; what the flags say was true there. */
	memcpy(&clock, data, len);
	clock = (struct kvm_clock_data){ .clock = clock.clock };
	vm_ioctl(vm, vm->fd, KVM_SET_CLOCK, &clock);
	check_all_used(b);
}
