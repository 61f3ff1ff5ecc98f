// SPDX-License-Identifier: GPL-2.0-only
/* Machine checks: KVM_X86_GET_MCE_CAP_SUPPORTED, KVM_X86_SETUP_MCE, SET_MCE. */
#include "guest.h"
#include "vm.h"

#define MCG_CTL_P	(1ull << 8)
#define MC0_CTL		0x400

static uint64_t supported(void)
{
	uint64_t cap = 0;

	need_cap(KVM_CAP_MCE, "MCE");
	CHECK_OK(IOCTL(dev_open(), KVM_X86_GET_MCE_CAP_SUPPORTED, &cap));
	return cap;
}

TEST(banks)
{
	uint64_t cap = supported(), want = 10 | (cap & MCG_CTL_P);
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	CHECK_EQ(dev_cap(vcpu->vm->dev, KVM_CAP_MCE), 32);
	CHECK_OK(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &want));
	CHECK_EQ(get_msr(vcpu, MSR_MCG_CAP), want);
	CHECK_EQ(get_msr(vcpu, MC0_CTL), ~0ull);
	CHECK_EQ(try_set_msr(vcpu, MC0_CTL + 4 * 9, 0), 1);
	CHECK_EQ(try_set_msr(vcpu, MC0_CTL + 4 * 10, 0), 0);
}

TEST(refusals)
{
	uint64_t cap = supported(), v;
	struct vcpu *vcpu = vcpu_new(vm_bare(), 0);

	v = 0;			/* no bank */
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &v), EINVAL);
	v = 33;			/* too many */
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &v), EINVAL);
	v = 10 | (~cap & 1ull << 40);
	CHECK_ERRNO(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &v), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_X86_SETUP_MCE, BAD_PTR), EFAULT);
}

static void guest(void)
{
	GUEST_EQ(rdmsr(MSR_MCG_CAP) & 0xff, 4);
	wrmsr(MC0_CTL, ~0ull);
	/* A status can only be cleared. */
	wrmsr(MC0_CTL + 1, 0);
	GUEST_EQ(rdmsr(MC0_CTL + 1), 0);
	GUEST_EQ(GUEST_TRY("rdmsr", : : "c"(MC0_CTL + 4 * 4) : "rax", "rdx"),
		 VEC_GP);
	GUEST_EQ(GUEST_TRY("wrmsr", : : "c"(MSR_MCG_CAP), "a"(5), "d"(0)),
		 VEC_GP);
}

TEST(from_inside)
{
	uint64_t cap = 4;
	struct vcpu *vcpu;

	supported();
	vcpu = guest64(guest);
	CHECK_OK(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &cap));
	vcpu_until_done(vcpu);
}

/* ---- KVM_X86_SET_MCE ---------------------------------------------------------- */

#define MCG_STATUS	0x17a
#define CR4_MCE		(1ul << 6)
#define MCI_VAL		(1ull << 63)
#define MCI_OVER	(1ull << 62)
#define MCI_UC		(1ull << 61)
#define MCG_MCIP	(1ull << 2)

static int set_mce(struct vcpu *vcpu, uint8_t bank, uint64_t status)
{
	struct kvm_x86_mce m = {
		.status = status, .addr = 0x1234000, .misc = 0x8c, .bank = bank,
		.mcg_status = status & MCI_UC ? MCG_MCIP | 1 : 0,
	};

	return IOCTL(vcpu->fd, KVM_X86_SET_MCE, &m);
}

static volatile uint64_t checks;

static void on_mc(struct guest_frame *f)
{
	(void)f;
	checks++;
	GUEST_EQ(rdmsr(MCG_STATUS), MCG_MCIP | 1);
	GUEST_EQ(rdmsr(MC0_CTL + 4 * 2 + 1), MCI_VAL | MCI_UC | 7);
	GUEST_EQ(rdmsr(MC0_CTL + 4 * 2 + 2), 0x1234000);
	GUEST_EQ(rdmsr(MC0_CTL + 4 * 2 + 3), 0x8c);
	wrmsr(MC0_CTL + 4 * 2 + 1, 0);
	wrmsr(MCG_STATUS, 0);
}

static void mce_guest(void)
{
	guest_handlers[18] = on_mc;
	WRITE_REG(cr4, READ_REG(cr4) | CR4_MCE);
	guest_sync(1);
	guest_sync(checks);
	/* A corrected one is in its bank and disturbs nobody. */
	GUEST_EQ(rdmsr(MC0_CTL + 4 + 1), MCI_VAL | 5);
	guest_sync(checks);
}

static struct vcpu *with_banks(void (*fn)(void), uint64_t cap)
{
	struct vcpu *vcpu;

	supported();
	vcpu = guest64(fn);
	CHECK_OK(IOCTL(vcpu->fd, KVM_X86_SETUP_MCE, &cap));
	return vcpu;
}

TEST(injected)
{
	struct vcpu *vcpu = with_banks(mce_guest, 4);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(set_mce(vcpu, 2, MCI_VAL | MCI_UC | 7));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_OK(set_mce(vcpu, 1, MCI_VAL | 5));
	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	vcpu_until_done(vcpu);
}

/* While one is being handled, or with CR4.MCE clear, the machine goes down. */
TEST(second_one_shuts_down)
{
	struct vcpu *vcpu = with_banks(mce_guest, 4);

	CHECK_EQ(vcpu_until_sync(vcpu), 1);
	CHECK_EQ(try_set_msr(vcpu, MCG_STATUS, MCG_MCIP), 1);
	CHECK_OK(set_mce(vcpu, 2, MCI_VAL | MCI_UC | 7));
	vcpu_expect(vcpu, KVM_EXIT_SHUTDOWN);
}

TEST(unready_guest_shuts_down)
{
	struct vcpu *vcpu = with_banks(guest, 4);

	CHECK_OK(set_mce(vcpu, 2, MCI_VAL | MCI_UC | 7));
	vcpu_expect(vcpu, KVM_EXIT_SHUTDOWN);
}

TEST(overwriting)
{
	struct vcpu *vcpu = with_banks(guest, 4);
	uint32_t status = MC0_CTL + 4 + 1;

	CHECK_OK(set_mce(vcpu, 1, MCI_VAL | 5));
	CHECK_OK(set_mce(vcpu, 1, MCI_VAL | 6));
	CHECK_EQ(get_msr(vcpu, status), MCI_VAL | MCI_OVER | 6);
	/* A corrected error does not overwrite one that was not. */
	CHECK_EQ(try_set_msr(vcpu, status, MCI_VAL | MCI_UC | 7), 1);
	CHECK_OK(set_mce(vcpu, 1, MCI_VAL | 5));
	CHECK_EQ(get_msr(vcpu, status), MCI_VAL | MCI_UC | MCI_OVER | 7);
	/* A bank that is switched off reports nothing that was not corrected. */
	CHECK_EQ(try_set_msr(vcpu, MC0_CTL, 0), 1);
	CHECK_OK(set_mce(vcpu, 0, MCI_VAL | MCI_UC | 7));
	CHECK_EQ(get_msr(vcpu, MC0_CTL + 1), 0);
}

TEST(set_mce_refusals)
{
	struct vcpu *vcpu = with_banks(guest, 4);

	CHECK_ERRNO(set_mce(vcpu, 4, MCI_VAL), EINVAL);
	CHECK_ERRNO(set_mce(vcpu, 255, MCI_VAL), EINVAL);
	CHECK_ERRNO(set_mce(vcpu, 1, 5), EINVAL);
	CHECK_ERRNO(ioctl(vcpu->fd, KVM_X86_SET_MCE, BAD_PTR), EFAULT);
}
