// SPDX-License-Identifier: GPL-2.0-only
/* Every ioctl that takes a pointer: EFAULT for one that leads nowhere. */
#include "vm.h"

struct row {
	const char *name;
	unsigned long cmd;
};

#define ROW(x) { #x, x }

static void try_all(int fd, const struct row *rows, unsigned int n)
{
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < n; i++) {
		int r = ioctl(fd, rows[i].cmd, BAD_PTR);

		if (r < 0 && errno == EFAULT)
			continue;
		ktap_note("%s: %s", rows[i].name,
			  r < 0 ? strerrorname_np(errno) : "success");
		wrong++;
	}
	CHECK_EQ(wrong, 0);
}

TEST(system)
{
	static const struct row rows[] = {
		ROW(KVM_GET_SUPPORTED_CPUID), ROW(KVM_GET_MSR_INDEX_LIST),
		ROW(KVM_GET_MSR_FEATURE_INDEX_LIST), ROW(KVM_GET_MSRS),
	};

	try_all(dev_open(), rows, ARRAY_SIZE(rows));
}

TEST(vm)
{
	static const struct row rows[] = {
		ROW(KVM_SET_USER_MEMORY_REGION), ROW(KVM_SET_IDENTITY_MAP_ADDR),
		ROW(KVM_CREATE_PIT2), ROW(KVM_GET_IRQCHIP),
		ROW(KVM_SET_IRQCHIP), ROW(KVM_IRQ_LINE),
		ROW(KVM_IRQ_LINE_STATUS), ROW(KVM_SET_GSI_ROUTING),
		ROW(KVM_SIGNAL_MSI), ROW(KVM_ENABLE_CAP), ROW(KVM_GET_CLOCK),
		ROW(KVM_SET_CLOCK), ROW(KVM_GET_DIRTY_LOG), ROW(KVM_IOEVENTFD),
	};
	static const struct row irqfd = ROW(KVM_IRQFD);
	struct vm *vm = vm_new_irqchip();

	if (dev_cap(vm->fd, KVM_CAP_IRQFD))
		try_all(vm->fd, &irqfd, 1);

	try_all(vm->fd, rows, ARRAY_SIZE(rows));
}

TEST(pit)
{
	static const struct row rows[] = {
		ROW(KVM_GET_PIT2), ROW(KVM_SET_PIT2),
	};
	struct vm *vm = vm_new_irqchip();
	struct kvm_pit_config c = { 0 };

	CHECK_OK(IOCTL(vm->fd, KVM_CREATE_PIT2, &c));
	try_all(vm->fd, rows, ARRAY_SIZE(rows));
}

TEST(vcpu)
{
	static const struct row rows[] = {
		ROW(KVM_GET_REGS), ROW(KVM_SET_REGS), ROW(KVM_GET_SREGS),
		ROW(KVM_SET_SREGS), ROW(KVM_GET_SREGS2), ROW(KVM_SET_SREGS2),
		ROW(KVM_GET_FPU), ROW(KVM_SET_FPU), ROW(KVM_GET_XSAVE),
		ROW(KVM_SET_XSAVE), ROW(KVM_GET_XSAVE2), ROW(KVM_GET_XCRS),
		ROW(KVM_SET_XCRS), ROW(KVM_GET_DEBUGREGS),
		ROW(KVM_SET_DEBUGREGS), ROW(KVM_GET_MSRS), ROW(KVM_SET_MSRS),
		ROW(KVM_SET_CPUID2), ROW(KVM_GET_CPUID2),
		ROW(KVM_GET_VCPU_EVENTS), ROW(KVM_SET_VCPU_EVENTS),
		ROW(KVM_GET_MP_STATE), ROW(KVM_SET_MP_STATE),
		ROW(KVM_SET_SIGNAL_MASK), ROW(KVM_INTERRUPT),
		ROW(KVM_TRANSLATE), ROW(KVM_SET_GUEST_DEBUG),
		ROW(KVM_GET_LAPIC), ROW(KVM_SET_LAPIC),
	};
	struct vcpu *vcpu = vcpu_new(vm_new_irqchip(), 0);

	vcpu_set_cpuid(vcpu);
	try_all(vcpu->fd, rows, ARRAY_SIZE(rows));
}
