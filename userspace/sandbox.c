// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hv gives up before the guest's first instruction.
 *
 * A guest that breaks a device model finds a process that is nobody, cannot
 * open a file or a socket, start a program or map code, and whose ioctls are
 * the handful below.  A system call outside the list raises SIGSYS, so the
 * terminal is restored before the process dies.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define NOBODY	65534	/* the kernel's overflow id, owner of nothing */

/* Allowed with any arguments. */
static const int plain_calls[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(poll), SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(restart_syscall), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(tgkill), SCMP_SYS(munmap), SCMP_SYS(madvise), SCMP_SYS(brk),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
};

static const u32 plain_ioctls[] = {
	KVM_RUN, KVM_IRQ_LINE,
	KVM_GET_REGS, KVM_GET_SREGS, KVM_TRANSLATE,	/* the dump */
	TCGETS, TCSETS,					/* the terminal */
};

/* Only with a control socket: serve it, and read the VM's state. */
static const int control_calls[] = {
	SCMP_SYS(accept4), SCMP_SYS(recvmsg), SCMP_SYS(close),
	SCMP_SYS(pwrite64), SCMP_SYS(ftruncate),
};

static const u32 control_ioctls[] = {
	KVM_GET_IRQCHIP, KVM_GET_PIT2, KVM_GET_CLOCK, KVM_CHECK_EXTENSION,
	KVM_GET_CPUID2, KVM_GET_TSC_KHZ, KVM_GET_XSAVE, KVM_GET_XCRS,
	KVM_GET_DEBUGREGS, KVM_GET_LAPIC, KVM_GET_MSRS, KVM_GET_VCPU_EVENTS,
	KVM_GET_MP_STATE, KVM_KVMCLOCK_CTRL,
};

/* Only with virtio devices: any, or those of a kind. */
static const u32 virtio_ioctls[] = {
	KVM_IRQFD, KVM_IOEVENTFD, KVM_SET_GSI_ROUTING,
};

static const int disk_calls[] = {
	SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(pwrite64),
	SCMP_SYS(fdatasync), SCMP_SYS(fallocate),
};

static const int net_calls[] = {
	SCMP_SYS(writev),
};

static const u32 net_ioctls[] = {
	TUNSETOFFLOAD, VHOST_NET_SET_BACKEND,
};

static const u32 vsock_ioctls[] = {
	VHOST_VSOCK_SET_RUNNING,
};

static const u32 vhost_ioctls[] = {
	VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_SET_VRING_NUM,
	VHOST_SET_VRING_BASE, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_KICK,
	VHOST_SET_VRING_CALL, VHOST_GET_VRING_BASE,
};

static const int rng_calls[] = {
	SCMP_SYS(getrandom),
};

void sandbox_drop_privileges(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (!geteuid() && (setgroups(0, NULL) ||
			   setresgid(NOBODY, NOBODY, NOBODY) ||
			   setresuid(NOBODY, NOBODY, NOBODY)))
		die("sandbox: cannot stop being root: %s (try --no-sandbox)",
		    strerror(errno));
	if (syscall(SYS_capset, &head, none) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("sandbox: cannot drop capabilities: %s (try --no-sandbox)",
		    strerror(errno));
}

static int allow_calls(scmp_filter_ctx ctx, const int *call, size_t n)
{
	int err = 0;

	while (n-- && !err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, *call++, 0);
	return err;
}

static int allow_ioctls(scmp_filter_ctx ctx, const u32 *call, size_t n)
{
	int err = 0;

	while (n-- && !err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff,
					       *call++));
	return err;
}

#define LIST(list)	list, ARRAY_SIZE(list)

static int add_lists(scmp_filter_ctx ctx, const struct run_options *opt)
{
	const struct {
		bool wanted;
		const int *call;
		size_t n;
	} calls[] = {
		{ true, LIST(plain_calls) },
		{ opt->control, LIST(control_calls) },
		{ opt->nr_disks, LIST(disk_calls) },
		{ opt->nr_nets, LIST(net_calls) },
		{ opt->rng, LIST(rng_calls) },
	};
	const struct {
		bool wanted;
		const u32 *call;
		size_t n;
	} ioctls[] = {
		{ true, LIST(plain_ioctls) },
		{ opt->control, LIST(control_ioctls) },
		{ opt->nr_disks || opt->nr_nets || opt->vsock || opt->rng,
		  LIST(virtio_ioctls) },
		{ opt->nr_nets, LIST(net_ioctls) },
		{ opt->vsock, LIST(vsock_ioctls) },
		{ opt->nr_nets || opt->vsock, LIST(vhost_ioctls) },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(calls) && !err; i++)
		if (calls[i].wanted)
			err = allow_calls(ctx, calls[i].call, calls[i].n);
	for (i = 0; i < ARRAY_SIZE(ioctls) && !err; i++)
		if (ioctls[i].wanted)
			err = allow_ioctls(ctx, ioctls[i].call, ioctls[i].n);
	return err;
}

static int add_rules(scmp_filter_ctx ctx, const struct run_options *opt)
{
	int err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);

	if (!err)
		err = add_lists(ctx, opt);
	/* malloc() may still grow its heaps, but never with code in them. */
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect),
				       1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC,
						  0));
	return err;
}

void sandbox_enter(const struct run_options *opt)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int err;

	/* The first gmtime_r() would look for /etc/localtime. */
	tzset();
	if (!ctx)
		die("sandbox: out of memory");
	err = add_rules(ctx, opt);
	if (!err)
		err = seccomp_load(ctx);
	if (err)
		die("sandbox: seccomp: %s (try --no-sandbox)", strerror(-err));
	seccomp_release(ctx);
}
