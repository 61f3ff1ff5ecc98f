// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time: the guest's TSC and the paravirtual clock.
 *
 * The guest's TSC is the host's plus an offset; its rate is the host's (no
 * scaling yet). A VM's vCPUs keep one offset between them: a vCPU starts with
 * that of its VM, and a VMM that writes IA32_TSC
 *   - with 0 asks for just that (it resets, or adds a CPU), and
 *   - with what the VM's TSC was or will be within a second wants the same TSC
 *     as the other CPUs, and its own way here took time;
 * in both cases the VM's offset is kept. Any other value becomes the VM's
 * offset from then on. A guest's own write is taken as it is.
 *
 * The paravirtual clock (MSRs 0x12, 0x4b564d01) tells the guest how to make
 * nanoseconds from its TSC. With a stable host TSC its relation to the boot
 * clock is read once per VM, so all vCPUs compute the same time and the page
 * says so; with an unstable one it is read at each update. A change of any
 * offset makes every vCPU rewrite its page.
 *
 * Locks: vm->clock_lock, a leaf, for the VM's fields. A vCPU's tsc_offset is
 * written by its thread and read by anyone: one aligned word.
 *
 * Sources: the kernel's "KVM-specific MSRs", "Timekeeping Virtualization for
 * X86-Based Architectures"; Intel SDM vol. 3, "Time-Stamp Counter".
 */
#include <linux/kvm_para.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <asm/pvclock-abi.h>
#include <asm/tsc.h>

#include "msr.h"

#define TOLERANCE_PPM	250	/* rates closer than this are the same */
#define SYSTEM_TIME_ON	1ull

struct vhm_clock {
	u64 system_time;	/* [m] the MSR: address and enable bit */
	u64 wall_clock;		/* [m] the MSR: address */
	u64 tsc_adjust;		/* [m] IA32_TSC_ADJUST */
	u32 version;		/* [m] of the page, even between updates */
	bool stopped;		/* [m] tell the guest that the VMM stopped it */
	u32 mul;		/* [m] ns = (ticks << shift) * mul >> 32 */
	s8 shift;
};

/* ---- ticks and nanoseconds ----------------------------------------------- */

/* The pvclock form of a rate: a shift, and a multiplier of 2^31 or more. */
static void rate_to_scale(u32 khz, u32 *mul, s8 *shift)
{
	u64 hz = (u64)khz * 1000;

	*shift = 0;
	for (; hz > 2 * NSEC_PER_SEC; hz >>= 1)
		(*shift)--;
	for (; hz <= NSEC_PER_SEC; hz <<= 1)
		(*shift)++;
	*mul = div64_u64((u64)NSEC_PER_SEC << 32, hz);
}

static u64 scale(u64 ticks, u32 mul, s8 shift)
{
	if (shift < 0)
		ticks >>= -shift;
	else
		ticks = ticks >> (63 - shift) ? U64_MAX >> 1 : ticks << shift;
	return mul_u64_u32_shr(ticks, mul, 32);
}

u64 vhm_tsc_to_ns(struct vhm_vcpu *vcpu, u64 delta)
{
	return scale(delta, vcpu->clock->mul, vcpu->clock->shift);
}

/* One moment as TSC and as boot clock. The reads must not be torn apart. */
static void now_pair(u64 *tsc, u64 *ns)
{
	unsigned long flags;

	local_irq_save(flags);
	*tsc = rdtsc_ordered();
	*ns = ktime_get_boottime_ns();
	local_irq_restore(flags);
}

static bool tsc_is_stable(void)
{
	return !check_tsc_unstable();
}

/* vm->clock_lock held: the VM's clock at host time tsc/ns, in ns. */
static u64 vm_clock(struct vhm_vm *vm, u64 tsc, u64 ns)
{
	u32 mul;
	s8 shift;

	lockdep_assert_held(&vm->clock_lock);
	if (tsc_is_stable()) {
		rate_to_scale(tsc_khz, &mul, &shift);
		/* another CPU's TSC may be a few ticks behind the base */
		ns = vm->clock_ns + ((s64)(tsc - vm->clock_tsc) > 0 ?
				     scale(tsc - vm->clock_tsc, mul, shift) : 0);
	}
	return ns + vm->clock_offset;
}

static u64 vm_clock_now(struct vhm_vm *vm, u64 *tsc)
{
	unsigned long flags;
	u64 ns;

	raw_spin_lock_irqsave(&vm->clock_lock, flags);
	now_pair(tsc, &ns);
	ns = vm_clock(vm, *tsc, ns);
	raw_spin_unlock_irqrestore(&vm->clock_lock, flags);
	return ns;
}

/* ---- the TSC ------------------------------------------------------------- */

u64 vhm_guest_tsc(struct vhm_vcpu *vcpu)
{
	return rdtsc_ordered() + READ_ONCE(vcpu->st.tsc_offset);
}

static void update_all_clocks(struct vhm_vm *vm)
{
	struct vhm_vcpu *vcpu;
	int i;

	vhm_for_each_vcpu(i, vcpu, vm)
		vhm_request(vcpu, VHM_REQ_CLOCK);
}

static void set_offset(struct vhm_vcpu *vcpu, u64 offset)
{
	struct vhm_state *st = vhm_st_write(vcpu, VHM_ST_TSC);

	if (offset == st->tsc_offset)
		return;
	WRITE_ONCE(st->tsc_offset, offset);
	if (vcpu->lapic)
		vhm_lapic_tsc_changed(vcpu->lapic);
	update_all_clocks(vcpu->vm);
}

/* The guest's WRMSR of IA32_TSC: IA32_TSC_ADJUST moves by the same amount. */
void vhm_set_guest_tsc(struct vhm_vcpu *vcpu, u64 tsc)
{
	u64 by = tsc - vhm_guest_tsc(vcpu);

	vcpu->clock->tsc_adjust += by;
	set_offset(vcpu, vcpu->st.tsc_offset + by);
}

u64 vhm_tsc_adjust(struct vhm_vcpu *vcpu)
{
	return vcpu->clock->tsc_adjust;
}

void vhm_set_tsc_adjust(struct vhm_vcpu *vcpu, u64 val, bool host)
{
	u64 by = val - vcpu->clock->tsc_adjust;

	vcpu->clock->tsc_adjust = val;
	if (!host)
		set_offset(vcpu, vcpu->st.tsc_offset + by);
}

void vhm_sync_tsc(struct vhm_vcpu *vcpu, u64 tsc)
{
	struct vhm_vm *vm = vcpu->vm;
	unsigned long flags;
	u64 offset, apart;

	raw_spin_lock_irqsave(&vm->clock_lock, flags);
	offset = tsc - rdtsc_ordered();
	apart = abs((s64)(offset - vm->tsc_offset));
	if (!vm->tsc_offset_set || (tsc && apart > (u64)tsc_khz * 1000))
		vm->tsc_offset = offset;
	vm->tsc_offset_set = true;
	offset = vm->tsc_offset;
	raw_spin_unlock_irqrestore(&vm->clock_lock, flags);
	set_offset(vcpu, offset);
}

/*
 * vhm_set_tsc_khz - KVM_SET_TSC_KHZ
 * @khz: 0 for the host's own
 *
 * Process context, vcpu->mutex held. -EINVAL for a rate that the host's TSC
 * does not have: hv does not scale.
 */
int vhm_set_tsc_khz(struct vhm_vcpu *vcpu, u32 khz)
{
	u64 tolerance = div_u64((u64)tsc_khz * TOLERANCE_PPM, 1000000);

	if (!khz)
		khz = tsc_khz;
	if (abs((s64)khz - (s64)tsc_khz) > tolerance)
		return -EINVAL;
	vcpu->tsc_khz = khz;
	return 0;
}

/* ---- the clock page ------------------------------------------------------ */

/* Only vCPUs with equal TSCs may share one page, as a guest's vDSO does. */
static bool tscs_match(struct vhm_vcpu *vcpu)
{
	struct vhm_vcpu *other;
	int i;

	vhm_for_each_vcpu(i, other, vcpu->vm)
		if (READ_ONCE(other->st.tsc_offset) != vcpu->st.tsc_offset)
			return false;
	return true;
}

static void fill_page(struct vhm_vcpu *vcpu, struct pvclock_vcpu_time_info *p)
{
	struct vhm_clock *c = vcpu->clock;
	u64 tsc;

	p->system_time = vm_clock_now(vcpu->vm, &tsc);
	p->tsc_timestamp = tsc + vcpu->st.tsc_offset;
	p->tsc_to_system_mul = c->mul;
	p->tsc_shift = c->shift;
	if (tsc_is_stable() && tscs_match(vcpu))
		p->flags |= PVCLOCK_TSC_STABLE_BIT;
	if (c->stopped)
		p->flags |= PVCLOCK_GUEST_STOPPED;
	c->stopped = false;
}

/*
 * Odd version, contents, even version: the guest reads again while they
 * differ. A page outside RAM is the guest's mistake and goes unwritten. The
 * stopped flag is the guest's to clear, so one that is set stays.
 */
static void write_page(struct vhm_vm *vm, u64 gpa, struct pvclock_vcpu_time_info *p)
{
	const u32 head = sizeof(p->version);
	u32 odd = p->version - 1;
	u8 flags;

	if (vhm_gpa_read(vm, gpa + offsetof(typeof(*p), flags), &flags, 1))
		return;
	p->flags |= flags & PVCLOCK_GUEST_STOPPED;
	if (vhm_gpa_write(vm, gpa, &odd, head))
		return;
	smp_wmb();	/* pairs with the guest's read barriers between version and data */
	if (vhm_gpa_write(vm, gpa + head, (u8 *)p + head, sizeof(*p) - head))
		return;
	smp_wmb();	/* as above */
	vhm_gpa_write(vm, gpa, &p->version, head);
}

void vhm_clock_update(struct vhm_vcpu *vcpu)
{
	struct vhm_clock *c = vcpu->clock;
	struct pvclock_vcpu_time_info p = {};

	if (!(c->system_time & SYSTEM_TIME_ON))
		return;
	c->version += 2;
	p.version = c->version;
	fill_page(vcpu, &p);
	write_page(vcpu->vm, c->system_time & ~SYSTEM_TIME_ON, &p);
}

/* The wall clock when the VM's clock read 0; written once, at the guest's wish. */
static void write_wall_clock(struct vhm_vm *vm, u64 gpa)
{
	struct pvclock_wall_clock w;
	u32 version, nsec;
	u64 tsc, ns;
	int idx;

	idx = srcu_read_lock(&vm->srcu);
	if (vhm_gpa_read(vm, gpa, &version, sizeof(version)))
		goto out;
	version = (version | 1) + 2;	/* odd, and new to the guest */
	if (vhm_gpa_write(vm, gpa, &version, sizeof(version)))
		goto out;
	ns = ktime_get_real_ns() - vm_clock_now(vm, &tsc);
	w.version = version;
	w.sec = div_u64_rem(ns, NSEC_PER_SEC, &nsec);
	w.nsec = nsec;
	smp_wmb();	/* as in write_page() */
	if (vhm_gpa_write(vm, gpa, &w, sizeof(w)))
		goto out;
	version++;
	smp_wmb();	/* as above */
	vhm_gpa_write(vm, gpa, &version, sizeof(version));
out:
	srcu_read_unlock(&vm->srcu, idx);
}

/* vhm_clock_msr_set - process context, current->mm is the VM's. 0, or 1 for #GP. */
int vhm_clock_msr_set(struct vhm_vcpu *vcpu, u32 index, u64 val)
{
	struct vhm_clock *c = vcpu->clock;

	switch (index) {
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		c->system_time = val;
		vhm_request(vcpu, VHM_REQ_CLOCK);
		return 0;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		c->wall_clock = val;
		if (val)
			write_wall_clock(vcpu->vm, val);
		return 0;
	default:
		return 1;
	}
}

int vhm_clock_msr_get(struct vhm_vcpu *vcpu, u32 index, u64 *val)
{
	bool wall = index == MSR_KVM_WALL_CLOCK || index == MSR_KVM_WALL_CLOCK_NEW;

	*val = wall ? vcpu->clock->wall_clock : vcpu->clock->system_time;
	return 0;
}

/* ---- KVM_GET_CLOCK, KVM_SET_CLOCK, KVM_KVMCLOCK_CTRL --------------------- */

void vhm_get_clock(struct vhm_vm *vm, struct kvm_clock_data *c)
{
	u64 tsc;

	*c = (struct kvm_clock_data){ .clock = vm_clock_now(vm, &tsc) };
	if (!tsc_is_stable())
		return;
	c->flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_HOST_TSC | KVM_CLOCK_REALTIME;
	c->host_tsc = tsc;
	c->realtime = ktime_get_real_ns();
}

int vhm_set_clock(struct vhm_vm *vm, const struct kvm_clock_data *c)
{
	u64 clock = c->clock, real = ktime_get_real_ns();
	unsigned long flags;

	if (c->flags & ~(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC))
		return -EINVAL;
	/* time went on while the VM was on its way */
	if (c->flags & KVM_CLOCK_REALTIME && real > c->realtime)
		clock += real - c->realtime;
	raw_spin_lock_irqsave(&vm->clock_lock, flags);
	now_pair(&vm->clock_tsc, &vm->clock_ns);
	vm->clock_offset = clock - vm->clock_ns;
	raw_spin_unlock_irqrestore(&vm->clock_lock, flags);
	update_all_clocks(vm);
	return 0;
}

int vhm_kvmclock_ctrl(struct vhm_vcpu *vcpu)
{
	if (!(vcpu->clock->system_time & SYSTEM_TIME_ON))
		return -EINVAL;
	vcpu->clock->stopped = true;
	vhm_request(vcpu, VHM_REQ_CLOCK);
	return 0;
}

/* ---- life ---------------------------------------------------------------- */

int vhm_clock_alloc(struct vhm_vcpu *vcpu)
{
	vcpu->clock = kzalloc(sizeof(*vcpu->clock), GFP_KERNEL_ACCOUNT);
	if (!vcpu->clock)
		return -ENOMEM;
	vcpu->tsc_khz = tsc_khz;
	rate_to_scale(tsc_khz, &vcpu->clock->mul, &vcpu->clock->shift);
	return 0;
}

void vhm_clock_free(struct vhm_vcpu *vcpu)
{
	kfree(vcpu->clock);
	vcpu->clock = NULL;
}

/* Power-up. The TSC starts with the VM's first vCPU. */
void vhm_clock_reset(struct vhm_vcpu *vcpu)
{
	vcpu->clock->tsc_adjust = 0;
	vcpu->clock->system_time = vcpu->clock->wall_clock = 0;
	vhm_sync_tsc(vcpu, 0);
}

void vhm_vm_clock_init(struct vhm_vm *vm)
{
	raw_spin_lock_init(&vm->clock_lock);
	now_pair(&vm->clock_tsc, &vm->clock_ns);
	vm->clock_offset = -vm->clock_ns;
}
