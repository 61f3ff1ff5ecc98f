// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work a task must do before it may enter a guest: the only file that may see
 * linux/kvm_host.h.
 *
 * Up to 6.12 the kernel's function takes KVM's vCPU and, with a signal
 * pending, writes an exit reason and a counter into it. It gets an object that
 * nobody reads; one serves all, concurrent writes to it do no harm. Later
 * kernels ask for nothing.
 */
#ifdef CONFIG_VIRT_XFER_TO_GUEST_WORK
#include <linux/entry-virt.h>

#define handle_work()	xfer_to_guest_mode_handle_work()
#else
#include <linux/kvm_host.h>
#include <linux/entry-kvm.h>

static struct kvm_run sink_run;
static struct kvm_vcpu sink = { .run = &sink_run };
#define handle_work()	xfer_to_guest_mode_handle_work(&sink)
#endif

#include "host.h"

int vhm_xfer_work(void)
{
	return handle_work();
}

bool vhm_xfer_pending(void)
{
	return xfer_to_guest_mode_work_pending();
}
