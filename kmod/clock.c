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
#include <linux/clocksource.h>
#include <linux/kvm_para.h>
#include <linux/math64.h>
#include <linux/timekeeping.h>
#include <asm/pvclock-abi.h>
#include <asm/tsc.h>

#include "msr.h"

#define TOLERANCE	4000	/* rates closer than this part of them are the same */
#define SYSTEM_TIME_ON	1ull

/* The TSC's rate: ns = ticks * mul >> shift. Written with one value only. */
static u32 rate_mul, rate_shift;

/* ---- ticks and nanoseconds ----------------------------------------------- */

u64 vhm_tsc_to_ns(u64 ticks)
{
	/* an age ahead is never; the product stays below 2^63 down to 250 MHz */
	return mul_u64_u32_shr(min(ticks, 1ull << 61), rate_mul, rate_shift);
}

/* The VM's clock in ns, and the host's TSC of the same moment. Any context. */
static u64 vm_clock(struct vhm_vm *vm, u64 *tsc)
{
	u64 ns;

	guard(vhm_raw)(&vm->clock_lock);
	*tsc = rdtsc_ordered();
	if (check_tsc_unstable())
		ns = ktime_get_boottime_ns();
	else	/* another CPU's TSC may be a few ticks behind the base */
		ns = vm->clock_ns + vhm_tsc_to_ns(max_t(s64, *tsc - vm->clock_tsc, 0));
	return ns + vm->clock_offset;
}

static void set_vm_clock(struct vhm_vm *vm, u64 clock)
{
	guard(vhm_raw)(&vm->clock_lock);
	vm->clock_tsc = rdtsc_ordered();
	vm->clock_ns = ktime_get_boottime_ns();
	vm->clock_offset = clock - vm->clock_ns;
}

void vhm_vm_clock_init(struct vhm_vm *vm)
{
	raw_spin_lock_init(&vm->clock_lock);
	clocks_calc_mult_shift(&rate_mul, &rate_shift, tsc_khz, NSEC_PER_MSEC, 0);
	set_vm_clock(vm, 0);
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
	if (vcpu->lapic)	/* at another time now */
		vhm_lapic_set_tsc_deadline(vcpu->lapic, vhm_lapic_tsc_deadline(vcpu->lapic));
	update_all_clocks(vcpu->vm);
}

void vhm_move_tsc(struct vhm_vcpu *vcpu, u64 by)
{
	vcpu->msrs.tsc_adjust += by;
	set_offset(vcpu, vcpu->st.tsc_offset + by);
}

void vhm_sync_tsc(struct vhm_vcpu *vcpu, u64 tsc)
{
	struct vhm_vm *vm = vcpu->vm;
	u64 offset, apart;

	scoped_guard(vhm_raw, &vm->clock_lock) {
		offset = tsc - rdtsc_ordered();
		apart = abs((s64)(offset - vm->tsc_offset));
		if (!vm->tsc_offset_set || (tsc && apart > (u64)tsc_khz * 1000))
			vm->tsc_offset = offset;
		vm->tsc_offset_set = true;
		offset = vm->tsc_offset;
	}
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
	if (!khz)
		khz = tsc_khz;
	if (abs((s64)khz - (s64)tsc_khz) > tsc_khz / TOLERANCE)
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

/*
 * Odd version, contents, even version: the guest reads again while they
 * differ. Both structures begin with the version. A page outside RAM is the
 * guest's mistake and goes unwritten.
 */
static void write_versioned(struct vhm_vm *vm, u64 gpa, void *data, u32 size)
{
	u32 *version = data;

	if (vhm_gpa_read(vm, gpa, version, sizeof(*version)))
		return;
	*version = (*version | 1) + 2;	/* odd, and new to the guest */
	if (vhm_gpa_write(vm, gpa, version, sizeof(*version)))
		return;
	smp_wmb();	/* pairs with the guest's read barriers between version and data */
	if (vhm_gpa_write(vm, gpa, data, size))
		return;
	smp_wmb();	/* as above */
	(*version)++;
	vhm_gpa_write(vm, gpa, version, sizeof(*version));
}

/* The stopped flag is the guest's to clear, so one that is set stays. */
void vhm_clock_update(struct vhm_vcpu *vcpu)
{
	u64 gpa = vcpu->msrs.system_time & ~SYSTEM_TIME_ON, tsc;
	struct pvclock_vcpu_time_info p = {
		.tsc_to_system_mul = rate_mul,
		.tsc_shift = 32 - rate_shift,	/* to the left, before a shift by 32 */
	};

	if (!(vcpu->msrs.system_time & SYSTEM_TIME_ON) ||
	    vhm_gpa_read(vcpu->vm, gpa + offsetof(typeof(p), flags), &p.flags, 1))
		return;
	p.flags &= PVCLOCK_GUEST_STOPPED;
	p.system_time = vm_clock(vcpu->vm, &tsc);
	p.tsc_timestamp = tsc + vcpu->st.tsc_offset;
	if (!check_tsc_unstable() && tscs_match(vcpu))
		p.flags |= PVCLOCK_TSC_STABLE_BIT;
	if (vcpu->clock_stopped)
		p.flags |= PVCLOCK_GUEST_STOPPED;
	vcpu->clock_stopped = false;
	write_versioned(vcpu->vm, gpa, &p, sizeof(p));
}

/* The wall clock when the VM's clock read 0; written once, at the guest's wish. */
void vhm_write_wall_clock(struct vhm_vm *vm, u64 gpa)
{
	struct pvclock_wall_clock w;
	int idx = srcu_read_lock(&vm->srcu);
	u64 tsc, ns = ktime_get_real_ns() - vm_clock(vm, &tsc);

	w.sec = div_u64_rem(ns, NSEC_PER_SEC, &w.nsec);
	if (gpa)
		write_versioned(vm, gpa, &w, sizeof(w));
	srcu_read_unlock(&vm->srcu, idx);
}

/* ---- KVM_GET_CLOCK, KVM_SET_CLOCK, KVM_KVMCLOCK_CTRL --------------------- */

void vhm_get_clock(struct vhm_vm *vm, struct kvm_clock_data *c)
{
	u64 tsc;

	*c = (struct kvm_clock_data){ .clock = vm_clock(vm, &tsc) };
	if (check_tsc_unstable())
		return;
	c->flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_HOST_TSC | KVM_CLOCK_REALTIME;
	c->host_tsc = tsc;
	c->realtime = ktime_get_real_ns();
}

int vhm_set_clock(struct vhm_vm *vm, const struct kvm_clock_data *c)
{
	u64 clock = c->clock, real = ktime_get_real_ns();

	if (c->flags & ~(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC))
		return -EINVAL;
	/* time went on while the VM was on its way */
	if (c->flags & KVM_CLOCK_REALTIME && real > c->realtime)
		clock += real - c->realtime;
	set_vm_clock(vm, clock);
	update_all_clocks(vm);
	return 0;
}

int vhm_kvmclock_ctrl(struct vhm_vcpu *vcpu)
{
	if (!(vcpu->msrs.system_time & SYSTEM_TIME_ON))
		return -EINVAL;
	vcpu->clock_stopped = true;
	vhm_request(vcpu, VHM_REQ_CLOCK);
	return 0;
}
