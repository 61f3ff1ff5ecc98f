// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hold a part of the device open, or run one guest instruction; for scripts.
 *
 *   hold PATH dev|vm|vcpu|map  open that much, print "ready", wait for the end
 *                              of standard input
 *   hold PATH loop             print "ready" and run a guest that never exits
 *   hold PATH once             run HLT once; prints "ok", or the errno of
 *                              KVM_RUN by name
 *   hold PATH turns            print "ready" and run a guest that counts in its
 *                              memory and halts, again and again, until standard
 *                              input ends; then print how many turns that were,
 *                              and how often KVM_RUN gave EBUSY instead. A turn
 *                              that was lost or done twice is a failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int fail(const char *what)
{
	printf("%s %s\n", what, strerrorname_np(errno));
	return 1;
}

static int wait_for_the_end(void)
{
	char byte;

	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

/* The guest's memory, of which the first half is its code. */
static unsigned char *page;
#define COUNTER	0x800

static int set_up_guest(int vm, int vcpu, const char *code, size_t len)
{
	struct kvm_userspace_memory_region region = { .memory_size = 4096 };
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -1;
	memcpy(page, code, len);
	region.userspace_addr = (unsigned long)page;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ||
	    ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs.base = sregs.cs.selector = 0;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) ||
	       ioctl(vcpu, KVM_SET_REGS, &regs);
}

/* Descriptors other than the one under test are closed first. */
static int hold(const char *mode, int dev, int vm, int vcpu)
{
	long size = ioctl(dev, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (!strcmp(mode, "map") &&
	    mmap(NULL, size, PROT_READ, MAP_SHARED, vcpu, 0) == MAP_FAILED)
		return fail("mmap");
	close(dev);
	close(vm);
	if (!strcmp(mode, "map"))
		close(vcpu);
	return wait_for_the_end();
}

static int run(const char *mode, int vm, int vcpu)
{
	bool once = !strcmp(mode, "once");

	/* hlt, or jmp to itself */
	if (set_up_guest(vm, vcpu, once ? "\xf4" : "\xeb\xfe", once ? 1 : 2))
		return fail("setup");
	if (!once) {
		puts("ready");
		fflush(stdout);
	}
	if (ioctl(vcpu, KVM_RUN, 0))
		return fail("run");
	puts("ok");
	return 0;
}

static int take_turns(int vm, int vcpu)
{
	/* inc dword ptr [COUNTER]; hlt; jmp to the inc */
	static const char code[] = "\x66\xff\x06\x00\x08\xf4\xeb\xf8";
	struct pollfd input = { .fd = STDIN_FILENO };
	unsigned int turns = 0, refused = 0, count;
	bool busy = false;

	if (set_up_guest(vm, vcpu, code, sizeof(code) - 1))
		return fail("setup");
	puts("ready");
	fflush(stdout);
	/* a refused one gives way for a moment */
	while (!poll(&input, 1, busy)) {
		busy = ioctl(vcpu, KVM_RUN, 0) < 0;
		if (busy && errno != EBUSY)
			return fail("run");
		if (busy)
			refused++;
		else
			turns++;
		memcpy(&count, page + COUNTER, sizeof(count));
		if (count != turns) {
			printf("%u turns, counted as %u\n", turns, count);
			return 1;
		}
	}
	printf("%u %u\n", turns, refused);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc == 3 ? argv[2] : "";
	int dev, vm, vcpu;

	if (argc != 3)
		return 2;
	dev = open(argv[1], O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return fail("open");
	if (!strcmp(mode, "dev"))
		return wait_for_the_end();
	vm = ioctl(dev, KVM_CREATE_VM, 0);
	if (vm < 0)
		return fail("vm");
	if (!strcmp(mode, "vm")) {
		close(dev);
		return wait_for_the_end();
	}
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		return fail("vcpu");
	if (!strcmp(mode, "vcpu") || !strcmp(mode, "map"))
		return hold(mode, dev, vm, vcpu);
	if (!strcmp(mode, "once") || !strcmp(mode, "loop"))
		return run(mode, vm, vcpu);
	if (!strcmp(mode, "turns"))
		return take_turns(vm, vcpu);
	return 2;
}
