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

static const u32 ioctls[] = {
	KVM_RUN, KVM_IRQ_LINE,
	KVM_GET_REGS, KVM_GET_SREGS, KVM_TRANSLATE,	/* the dump */
	TCGETS, TCSETS,					/* the terminal */
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

static int add_rules(scmp_filter_ctx ctx)
{
	int err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	size_t i;

	for (i = 0; !err && i < ARRAY_SIZE(plain_calls); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, plain_calls[i], 0);
	for (i = 0; !err && i < ARRAY_SIZE(ioctls); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff,
					       ioctls[i]));
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

void sandbox_enter(const struct vm *vm __maybe_unused)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int err;

	/* The first gmtime_r() would look for /etc/localtime. */
	tzset();
	if (!ctx)
		die("sandbox: out of memory");
	err = add_rules(ctx);
	if (!err)
		err = seccomp_load(ctx);
	if (err)
		die("sandbox: seccomp: %s (try --no-sandbox)", strerror(-err));
	seccomp_release(ctx);
}
