// SPDX-License-Identifier: GPL-2.0-only
/*
 * IN and OUT, and what the VMM answers to an access.
 *
 * A port is tried at the devices in the kernel, then as an ioeventfd or a
 * coalesced zone, then it is the VMM's. All of it happens inside the section.
 * As with KVM, rip stays on the instruction until the VMM has answered and
 * comes back with KVM_RUN.
 */
#include <linux/slab.h>

#include "io.h"
#include "vhm.h"

int vhm_pending_alloc(struct vhm_vcpu *vcpu)
{
	vcpu->pending = kzalloc(sizeof(*vcpu->pending), GFP_KERNEL_ACCOUNT);
	return vcpu->pending ? 0 : -ENOMEM;
}

void vhm_pending_free(struct vhm_vcpu *vcpu)
{
	kfree(vcpu->pending);
}

static void *pio_data(struct vhm_vcpu *vcpu)
{
	return (void *)vcpu->run + KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
}

/* IN writes the low bytes of RAX; a 32-bit one clears the rest. */
static void set_rax(struct vhm_vcpu *vcpu, int size, u32 val)
{
	u64 keep = size == 1 ? ~0xffull : size == 2 ? ~0xffffull : 0;

	vcpu->gpr[VHM_RAX] = (vcpu->gpr[VHM_RAX] & keep) | (val & ~(u32)keep);
}

static u32 out_value(struct vhm_vcpu *vcpu, int size)
{
	u32 val = vcpu->gpr[VHM_RAX];

	return size == 4 ? val : val & (BIT(8 * size) - 1);
}

bool vhm_port_out(struct vhm_vcpu *vcpu, u16 port, int size, u32 val)
{
	struct vhm_vm *vm = vcpu->vm;

	return vhm_irq_pio(vcpu, port, size, false, &val) ||
	       vhm_iobus_write(vm, true, port, size, val) ||
	       (READ_ONCE(vm->coalesced) && vhm_coalesced_write(vm, true, port, size, val));
}

static int to_user(struct vhm_vcpu *vcpu, const struct vhm_io *io, u8 len)
{
	struct vhm_pending *p = vcpu->pending;
	struct kvm_run *run = vcpu->run;

	p->kind = VHM_PENDING_PIO;
	p->rip = vcpu->rip;
	p->io = *io;
	p->insn_len = len;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = io->in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = io->size;
	run->io.port = io->port;
	run->io.count = 1;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	if (!io->in)
		*(u32 *)pio_data(vcpu) = out_value(vcpu, io->size);
	return VHM_USER;
}

static int do_io(struct vhm_vcpu *vcpu, u8 len)
{
	const struct vhm_io *io = &vcpu->exit.io;
	u32 val = 0;

	if (io->in) {
		if (!vhm_irq_pio(vcpu, io->port, io->size, true, &val))
			return to_user(vcpu, io, len);
		set_rax(vcpu, io->size, val);
	} else if (!vhm_port_out(vcpu, io->port, io->size, out_value(vcpu, io->size))) {
		return to_user(vcpu, io, len);
	}
	vhm_advance(vcpu, len);
	return VHM_RESUME;
}

int vhm_io_fast(struct vhm_vcpu *vcpu)
{
	/* both vendors give the length of IN and OUT; strings go to the emulator */
	if (vcpu->exit.io.string || !vcpu->exit.insn_len)
		return VHM_SLOW;
	return do_io(vcpu, vcpu->exit.insn_len);
}

int vhm_io_slow(struct vhm_vcpu *vcpu)
{
	return vhm_emulate(vcpu);
}

static int complete_pio(struct vhm_vcpu *vcpu)
{
	struct vhm_pending *p = vcpu->pending;

	if (p->io.in)
		set_rax(vcpu, p->io.size, READ_ONCE(*(u32 *)pio_data(vcpu)));
	vhm_advance(vcpu, p->insn_len);
	return VHM_RESUME;
}

static int complete_emul(struct vhm_vcpu *vcpu)
{
	struct vhm_pending *p = vcpu->pending;
	int idx, r;

	if (p->pio == VHM_PIO_ASKED)
		p->pio = VHM_PIO_ANSWERED;
	else if (!p->rec[p->n - 1].write)
		memcpy(p->rec[p->n - 1].data, vcpu->run->mmio.data, p->rec[p->n - 1].len);
	idx = srcu_read_lock(&vcpu->vm->srcu);
	r = vhm_emul_resume(vcpu);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return r;
}

int vhm_complete_user(struct vhm_vcpu *vcpu)
{
	struct vhm_pending *p = vcpu->pending;
	enum vhm_pending_kind kind = p->kind;

	if (kind == VHM_PENDING_NONE)
		return VHM_RESUME;
	p->kind = VHM_PENDING_NONE;
	if (vcpu->rip != p->rip)	/* the VMM put the vCPU elsewhere */
		return VHM_RESUME;
	return kind == VHM_PENDING_PIO ? complete_pio(vcpu) : complete_emul(vcpu);
}
