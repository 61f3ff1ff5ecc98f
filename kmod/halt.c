// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that has nothing to do: halted, or waiting for another one.
 *
 * A halted vCPU's thread sleeps until vhm_request() wakes it; run.c says why no
 * wake-up is lost. A short wait is cheaper polled than slept, as long as nobody
 * else wants the CPU: for how long it polls first a vCPU learns from its waits.
 * One that the poll would not have covered, but a longer one could, doubles it;
 * one beyond the limit ends the polling. The limit is the module's, or the VM's
 * (KVM_CAP_HALT_POLL), and the guest can say that it polls itself.
 *
 * One that is known to wait for another vCPU (the guest says so,
 * or has spun for long) gives its CPU to that one's thread, if the host took
 * that off its CPU: the scheduler's yield_to() looks and does it.
 */
#include <linux/moduleparam.h>
#include <linux/rcuwait.h>
#include <linux/sched/stat.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "vhm.h"

static uint halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "longest poll of a halted vCPU before it sleeps, ns (default 200000; 0: none)");

#define POLL_START	10000u	/* ns: less than it takes to sleep and wake up */

/* ---- halted ---------------------------------------------------------------- */

static bool runnable(struct vhm_vcpu *vcpu)
{
	if (vcpu->mp_state == KVM_MP_STATE_HALTED && vhm_has_event(vcpu)) {
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
		WRITE_ONCE(vcpu->pv.unhalted, false);
	}
	return vcpu->mp_state == KVM_MP_STATE_RUNNABLE;
}

static bool over(struct vhm_vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) & VHM_SLOW_REQUESTS || runnable(vcpu);
}

static bool poll(struct vhm_vcpu *vcpu, u64 until)
{
	while (ktime_get_ns() < until) {
		if (over(vcpu))
			return true;
		if (need_resched() || signal_pending(current) || !single_task_running())
			return false;
		cpu_relax();
	}
	return false;
}

/* What is waited for is an event, and neither VMM nor guest turned polling off. */
static u32 poll_limit(struct vhm_vcpu *vcpu)
{
	struct vhm_vm *vm = vcpu->vm;

	if (vcpu->mp_state != KVM_MP_STATE_HALTED || !(vcpu->msrs.poll_control & 1))
		return 0;
	return READ_ONCE(vm->halt_poll_set) ? READ_ONCE(vm->halt_poll_ns) : READ_ONCE(halt_poll_ns);
}

static int sleep(struct vhm_vcpu *vcpu)
{
	int r = 0;

	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (over(vcpu))
			break;
		r = signal_pending(current) ? -EINTR : 0;
		if (r)
			break;
		schedule();
	}
	finish_rcuwait(&vcpu->wait);
	if (!r)
		vcpu->stats.halt_wakeup++;
	return r;
}

int vhm_halt(struct vhm_vcpu *vcpu)
{
	u64 start, waited;
	u32 limit = poll_limit(vcpu);
	int r;

	if (!limit)
		return sleep(vcpu);
	start = ktime_get_ns();
	vcpu->poll_ns = min(vcpu->poll_ns, limit);
	if (vcpu->poll_ns && poll(vcpu, start + vcpu->poll_ns))
		return 0;
	r = sleep(vcpu);
	waited = ktime_get_ns() - start;
	if (waited > limit)
		vcpu->poll_ns = 0;
	else if (waited > vcpu->poll_ns)
		vcpu->poll_ns = clamp(2 * vcpu->poll_ns, min(POLL_START, limit), limit);
	return r;
}

/* vhm_set_halt_poll - KVM_CAP_HALT_POLL; -EINVAL for what 32 bits do not hold. vm->lock held. */
int vhm_set_halt_poll(struct vhm_vm *vm, u64 ns)
{
	if (ns > U32_MAX)
		return -EINVAL;
	WRITE_ONCE(vm->halt_poll_ns, ns);
	WRITE_ONCE(vm->halt_poll_set, true);
	return 0;
}

/* ---- making way ------------------------------------------------------------ */

bool vhm_may_yield_to(struct vhm_vcpu *to)
{
	struct task_struct *task;
	bool may;

	rcu_read_lock();
	task = READ_ONCE(to->task);
	may = task && task_is_running(task) && READ_ONCE(to->in_section) < 0;
	rcu_read_unlock();
	return may;
}

bool vhm_yield_to(struct vhm_vcpu *vcpu, struct vhm_vcpu *to)
{
	struct task_struct *task;
	bool told, done;

	rcu_read_lock();
	/* in KVM_RUN a thread has not exited, so its task is there for this long */
	task = READ_ONCE(to->task);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (!task)
		return false;
	told = vhm_pv_off_cpu(vcpu);
	done = yield_to(task, true) > 0;
	if (told)
		set_bit(VHM_REQ_PV, &vcpu->requests);
	put_task_struct(task);
	return done;
}

void vhm_spin(struct vhm_vcpu *vcpu)
{
	struct vhm_vm *vm = vcpu->vm;
	int n = smp_load_acquire(&vm->n_vcpus);	/* pairs with vhm_create_vcpu() */
	int last = READ_ONCE(vm->last_boosted), i, k;
	struct vhm_vcpu *to;

	for (k = 1; k <= n; k++) {
		i = (last + k) % n;
		to = vm->vcpus[i];
		/* a kernel's lock is held by a kernel */
		if (to == vcpu || (!vcpu->st.cpl && READ_ONCE(to->st.cpl)) || !vhm_may_yield_to(to))
			continue;
		if (vhm_yield_to(vcpu, to)) {
			WRITE_ONCE(vm->last_boosted, i);
			return;
		}
	}
}
