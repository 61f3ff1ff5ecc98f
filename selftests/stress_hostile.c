// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that means harm: descriptors by the thousand, calls from a child,
 * mappings that are too long or outlive everything, fields that change under
 * the kernel's hands. What it gets is an error or nonsense of its own making;
 * the kernel log, which the runner watches, stays empty.
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "guest.h"
#include "vm.h"

#define PER_VM	50

static void hello(void)
{
	guest_sync(1);
}

/* More than one VM may have, in more VMs than anyone uses. */
TEST_LIMIT(thousand_vcpus, 120)
{
	struct rlimit rl = { .rlim_cur = 4096, .rlim_max = 4096 };
	struct vm *vm[1000 / PER_VM];
	int fd[ARRAY_SIZE(vm)][PER_VM];
	struct kvm_regs r;
	struct vcpu *vcpu;

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &rl));
	for (unsigned int i = 0; i < ARRAY_SIZE(vm); i++) {
		vm[i] = vm_bare();
		for (int j = 0; j < PER_VM; j++)
			fd[i][j] = CHECK_OK(IOCTL_V(vm[i]->fd, KVM_CREATE_VCPU, j));
	}
	for (int j = 0; j < PER_VM; j++)
		for (unsigned int i = 0; i < ARRAY_SIZE(vm); i++)
			CHECK_OK(IOCTL(fd[i][j], KVM_GET_REGS, &r));
	/* There is still room for somebody who works. */
	vcpu = guest64(hello);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	vcpu_until_done(vcpu);
	/* Closed across the VMs, every other VM before its vCPUs. */
	for (unsigned int i = 0; i < ARRAY_SIZE(vm); i += 2)
		vm_close(vm[i]);
	for (int j = PER_VM; j--;)
		for (unsigned int i = 0; i < ARRAY_SIZE(vm); i++)
			CHECK_OK(close(fd[i][j]));
}

/* Out of descriptors in the middle: nothing is half-made. */
TEST(no_descriptor_left)
{
	struct rlimit rl = { .rlim_cur = 40, .rlim_max = 40 };
	struct vm *vm = vm_bare();
	int id = 0, fd, n;

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &rl));
	while ((fd = IOCTL_V(vm->fd, KVM_CREATE_VCPU, id)) >= 0)
		id++;
	CHECK_EQ(errno, EMFILE);
	CHECK_ERRNO(IOCTL_V(vm->fd, KVM_CREATE_VCPU, id), EMFILE);
	CHECK_ERRNO(ioctl(vm->fd, KVM_GET_STATS_FD, NULL), EMFILE);
	n = CHECK_OK(IOCTL_V(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS));
	CHECK(n > 0);
	/* The number that failed is free. */
	CHECK_OK(close(vm->dev));
	CHECK_OK(IOCTL_V(vm->fd, KVM_CREATE_VCPU, id));
}

static void in_child(struct vcpu *vcpu)
{
	struct kvm_msr_filter filter = { 0 };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR };
	struct kvm_clear_dirty_log log = { 0 };
	struct kvm_x86_mce mce = { 0 };
	int vm = vcpu->vm->fd;

	CHECK_ERRNO(IOCTL(vm, KVM_X86_SET_MSR_FILTER, &filter), EIO);
	CHECK_ERRNO(IOCTL(vm, KVM_ENABLE_CAP, &cap), EIO);
	CHECK_ERRNO(IOCTL(vm, KVM_CLEAR_DIRTY_LOG, &log), EIO);
	CHECK_ERRNO(ioctl(vm, KVM_GET_STATS_FD, NULL), EIO);
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL), EIO);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_X86_SET_MCE, &mce), EIO);
	CHECK_ERRNO(vcpu_run_raw(vcpu), EIO);
	/* The shared page is shared with it all the same. */
	memset((void *)vcpu->run, 0xff, 256);
	vcpu->run->immediate_exit = 0;
	vcpu->run->request_interrupt_window = 0;
	_exit(0);
}

TEST(calls_from_a_child)
{
	struct vcpu *vcpu = guest64(hello);
	pid_t pid = CHECK_OK(fork());
	int status;

	if (!pid)
		in_child(vcpu);
	CHECK_OK(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
	memset((void *)vcpu->run, 0, 256);
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
}

/* The pages live as long as their last mapping, whatever was closed before. */
TEST(mapping_outlives_all)
{
	struct vcpu *vcpu = guest64(hello);
	struct vm *vm = vcpu->vm;
	volatile char *p = (void *)vcpu->run;

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(close(vcpu->fd));
	vm_close(vm);
	for (size_t i = 0; i < vcpu->run_size; i += 512)
		p[i]++;
	CHECK_OK(munmap((void *)p, vcpu->run_size));
}

static int touch(volatile char *p)
{
	int status;

	if (!fork()) {
		(void)*p;
		_exit(0);
	}
	CHECK_OK(wait(&status));
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(mapping_too_long)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	size_t size = 1ul << 30;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);

	if (p == MAP_FAILED)
		return;
	CHECK_EQ(touch(p), 0);
	CHECK_EQ(touch(p + vcpu->run_size), SIGBUS);
	CHECK_EQ(touch(p + size - 1), SIGBUS);
	CHECK_OK(madvise(p, vcpu->run_size, MADV_DONTNEED));
	CHECK_EQ(touch(p), 0);
	CHECK_OK(munmap(p, size));
}

static void msr_guest(void)
{
	for (uint64_t i = 0;; i++) {
		(void)GUEST_TRY("rdmsr", : : "c"(MSR_UNKNOWN) : "rax", "rdx");
		mmio_write(MMIO_ADDR, mmio_read(MMIO_ADDR));
		outl(0x80, i);
		inb(0x80);
	}
}

static volatile bool stop;

/* All but what makes the owner's calls fail at once. */
static void *scribble(void *arg)
{
	unsigned char *p = arg, v = 0;

	while (!stop) {
		v += 37;
		memset(p + offsetof(struct kvm_run, exit_reason), v,
		       offsetof(struct kvm_run, kvm_valid_regs) -
		       offsetof(struct kvm_run, exit_reason));
		memset(p + 4096, v, 4096);
	}
	return NULL;
}

TEST_LIMIT(fields_change_under_way, 60)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { 7 } };
	struct vcpu *vcpu = guest64(msr_guest);
	pthread_t thread;

	CHECK_OK(IOCTL(vcpu->vm->fd, KVM_ENABLE_CAP, &c));
	CHECK_EQ(pthread_create(&thread, NULL, scribble, vcpu->run), 0);
	for (int i = 0; i < 2000; i++)
		if (vcpu_run_raw(vcpu))
			CHECK(errno == EINTR || errno == EINVAL);
	stop = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* Somebody reads the statistics of a VM while it goes away. */
static void *reader(void *arg)
{
	char buf[4096];

	while (!stop)
		CHECK(pread(*(int *)arg, buf, sizeof(buf), 0) > 0);
	return NULL;
}

TEST_LIMIT(statistics_of_the_dying, 60)
{
	pthread_t thread;
	struct vcpu *vcpu;
	struct vm *vm;
	int fd;

	if (on_stock_kvm())
		SKIP("KVM 6.1 reads freed memory here (fixed in 6.5)");
	for (int i = 0; i < 20; i++) {
		vcpu = guest64(hello);
		vm = vcpu->vm;
		stop = false;
		fd = CHECK_OK(ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL));
		CHECK_EQ(pthread_create(&thread, NULL, reader, &fd), 0);
		CHECK_EQ(vcpu_until_sync(vcpu), 1);
		vcpu_close(vcpu);
		vm_close(vm);
		stop = true;
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK_OK(close(fd));
	}
}
