// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET_FPU, KVM_SET_FPU. */
#include "guest.h"
#include "vm.h"

TEST(reset_state)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_fpu f;

	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_FPU, &f));
	CHECK_EQ(f.fcw, 0x37f);
	CHECK_EQ(f.fsw, 0);
}

static struct kvm_fpu pattern(void)
{
	struct kvm_fpu f = { .fcw = 0x27f, .ftwx = 0xff, .mxcsr = 0x1fa0 };

	for (int i = 0; i < 8; i++)
		memset(f.fpr[i], 0x10 + i, 10);
	for (int i = 0; i < 16; i++)
		memset(f.xmm[i], 0x80 + i, 16);
	return f;
}

TEST(round_trip)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_fpu in = pattern(), out;

	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_FPU, &in));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_FPU, &out));
	CHECK_EQ(out.fcw, in.fcw);
	CHECK_EQ(out.ftwx, in.ftwx);
	CHECK(!memcmp(out.xmm, in.xmm, sizeof(in.xmm)));
	for (int i = 0; i < 8; i++)
		CHECK(!memcmp(out.fpr[i], in.fpr[i], 10));
}

/* The MXCSR of struct kvm_fpu has never been read: clients leave it 0. */
TEST(mxcsr_is_left_alone)
{
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);
	struct kvm_fpu in = pattern();
	struct kvm_xsave *x = calloc(1, sizeof(*x));

	in.mxcsr = 0;
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_FPU, &in));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_XSAVE, x));
	CHECK_EQ(x->region[6], 0x1f80);
}

static uint8_t seen[16];

static void store_xmm3(void)
{
	asm volatile("pcmpeqd %%xmm3, %%xmm3; fld1" : : : "xmm3");
	guest_sync(1);
	asm volatile("movups %%xmm3, %0" : "=m"(seen));
	asm volatile("pcmpeqd %%xmm5, %%xmm5" : : : "xmm5");
	asm volatile("out %%al, $0x80" : : "a"(0));
}

TEST(guest_sees_it_and_back)
{
	struct vcpu *vcpu = guest64(store_xmm3);
	struct kvm_fpu f = pattern();

	/* Once it is in use; before the first run see below. */
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_FPU, &f));
	vcpu_expect(vcpu, KVM_EXIT_IO);
	CHECK(!memcmp((void *)IN_GUEST(vcpu->vm, seen), f.xmm[3], 16));
	CHECK_OK(IOCTL(vcpu->fd, KVM_GET_FPU, &f));
	for (int i = 0; i < 16; i++)
		CHECK_EQ(f.xmm[5][i], 0xff);
}

static void first_guest(void)
{
	asm volatile("movups %%xmm3, %0" : "=m"(seen));
}

TEST(set_before_the_first_run)
{
	struct vcpu *vcpu = guest64(first_guest);
	struct kvm_fpu f = pattern();

	if (on_stock_kvm())
		SKIP("KVM 6.1 loses registers that are set so early");
	CHECK_OK(IOCTL(vcpu->fd, KVM_SET_FPU, &f));
	vcpu_until_done(vcpu);
	CHECK(!memcmp((void *)IN_GUEST(vcpu->vm, seen), f.xmm[3], 16));
}
