// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU that has nothing to do: halted, or waiting for another one.
 *
 * A halted vCPU's thread sleeps until vhm_request() wakes it; run.c says why no
 * wake-up is lost. One that is known to wait for another vCPU (the guest says so,
 * or has spun for long) gives its CPU to that one's thread, if the host took
 * that off its CPU: the scheduler's yield_to() looks and does it.
 */
#include <linux/rcuwait.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "vhm.h"

/* ---- halted ---------------------------------------------------------------- */

static bool runnable(struct vhm_vcpu *vcpu)
{
	if (vcpu->mp_state == KVM_MP_STATE_HALTED && vhm_has_event(vcpu)) {
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
		WRITE_ONCE(vcpu->pv.unhalted, false);
	}
	return vcpu->mp_state == KVM_MP_STATE_RUNNABLE;
}

int vhm_halt(struct vhm_vcpu *vcpu)
{
	int r = 0;

	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (READ_ONCE(vcpu->requests) & VHM_SLOW_REQUESTS || runnable(vcpu))
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

/* ---- making way ------------------------------------------------------------ */

bool vhm_may_yield_to(struct vhm_vcpu *to)
{
	struct task_struct *task;

	guard(rcu)();
	task = READ_ONCE(to->task);
	return task && task_is_running(task) && READ_ONCE(to->in_section) < 0;
}

void vhm_yield_to(struct vhm_vcpu *vcpu, struct vhm_vcpu *to)
{
	struct task_struct *task;
	bool told;

	rcu_read_lock();
	/* in KVM_RUN a thread has not exited, so its task is there for this long */
	task = READ_ONCE(to->task);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (!task)
		return;
	told = vhm_pv_off_cpu(vcpu);
	yield_to(task, true);
	if (told)
		set_bit(VHM_REQ_PV, &vcpu->requests);
	put_task_struct(task);
}
