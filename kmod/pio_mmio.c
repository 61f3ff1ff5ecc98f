// SPDX-License-Identifier: GPL-2.0-only
/*
 * IN and OUT, and what the VMM answers to an access.
 *
 * A port is tried at the devices in the kernel, then as an ioeventfd or a
 * coalesced zone, then it is the VMM's. All of it happens inside the section.
 * As with KVM, rip stays on the instruction until the VMM has answered and
 * comes back with KVM_RUN.
 */
#include "vhm.h"

/* IN writes the low bytes of RAX; a 32-bit one clears the rest. */
static void set_rax(struct vhm_vcpu *vcpu, int size, u32 val)
{
	u64 keep = size == 1 ? ~0xffull : size == 2 ? ~0xffffull : 0;

	vcpu->gpr[VHM_RAX] = (vcpu->gpr[VHM_RAX] & keep) | (val & ~(u32)keep);
}

bool vhm_port(struct vhm_vcpu *vcpu, u16 port, int size, bool in, u32 *val)
{
	struct vhm_vm *vm = vcpu->vm;

	return vhm_irq_pio(vcpu, port, size, in, val) ||
	       (!in && (vhm_iobus_write(vm, true, port, size, *val) ||
			vhm_coalesced_write(vm, true, port, size, *val)));
}

int vhm_port_exit(struct vhm_vcpu *vcpu, enum vhm_pending_kind kind, u16 port, int size,
		  u32 count, bool in)
{
	struct kvm_run *run = vcpu->run;

	vcpu->pending.kind = kind;
	vcpu->pending.rip = vcpu->rip;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	return VHM_USER;
}

int vhm_io_fast(struct vhm_vcpu *vcpu)
{
	const struct vhm_io *io = &vcpu->exit.io;
	u32 val = io->in ? 0 : (u32)vcpu->gpr[VHM_RAX] & ~0u >> (32 - 8 * io->size);

	/* both vendors give the length of IN and OUT; strings go to the emulator */
	if (io->string || !vcpu->exit.insn_len)
		return VHM_SLOW;
	if (!vhm_port(vcpu, io->port, io->size, io->in, &val)) {
		if (!io->in)
			*(u32 *)vhm_pio_data(vcpu) = val;
		return vhm_port_exit(vcpu, VHM_PENDING_PIO, io->port, io->size, 1, io->in);
	}
	if (io->in)
		set_rax(vcpu, io->size, val);
	vhm_advance(vcpu, vcpu->exit.insn_len);
	return VHM_RESUME;
}

/* The vCPU has not run since, so vcpu->exit still tells what was asked. */
static int complete_pio(struct vhm_vcpu *vcpu)
{
	if (vcpu->exit.io.in)
		set_rax(vcpu, vcpu->exit.io.size, READ_ONCE(*(u32 *)vhm_pio_data(vcpu)));
	vhm_advance(vcpu, vcpu->exit.insn_len);
	return VHM_RESUME;
}

int vhm_complete_user(struct vhm_vcpu *vcpu)
{
	struct vhm_pending *p = &vcpu->pending;
	enum vhm_pending_kind kind = p->kind;
	int idx, r, last = p->n - 1;

	p->kind = VHM_PENDING_NONE;
	/* a VMM that put the vCPU elsewhere wants no more of it */
	if (kind == VHM_PENDING_NONE || vcpu->rip != p->rip)
		return VHM_RESUME;
	if (kind == VHM_PENDING_PIO)
		return complete_pio(vcpu);
	if (kind == VHM_PENDING_MSR)
		return vhm_complete_msr(vcpu);
	if (kind == VHM_PENDING_EMUL_PIO)
		p->pio_answered = true;
	else if (!p->rec[last].write)
		memcpy(&p->rec[last].data, vcpu->run->mmio.data, sizeof(u64));
	p->nofault = false;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	r = vhm_emul_resume(vcpu);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return r;
}
