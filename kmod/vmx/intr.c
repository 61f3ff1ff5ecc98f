// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: injection, what an exit cut short, shadows, windows.
 *
 * Soft events (INT n, INT3, INTO) are instructions, and an exit during their
 * delivery leaves rip on them: they are simply executed again and never handed
 * back to the core. NMIs are masked by the CPU itself ("virtual NMIs"), from
 * injection to IRET; where an IRET unmasks and then faults, it says so and the
 * mask is put back. (Intel SDM vol. 3, "VM Entries", "Event Injection";
 * "VM Exits", "Information for VM Exits That Occur During Event Delivery".)
 */
#include <asm/processor-flags.h>

#include "vmx/vmx.h"

#define DEBUGCTL_BTF	BIT(1)
#define PENDING_BS	BIT(14)
/* Exceptions that push an error code: #DF #TS #NP #SS #GP #PF #AC. */
#define ERROR_CODE_VECTORS	0x00027d00u

static const u8 type_of[] = {
	[VHM_EV_EXC] = VMX_TYPE_EXC, [VHM_EV_SOFT_EXC] = VMX_TYPE_SOFT_EXC,
	[VHM_EV_NMI] = VMX_TYPE_NMI, [VHM_EV_IRQ] = VMX_TYPE_INTR,
	[VHM_EV_SOFT_IRQ] = VMX_TYPE_SOFT_INTR,
};

/* vmx_inject - struct vhm_ops->inject */
void vmx_inject(struct vhm_vcpu *vcpu, const struct vhm_event *ev)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 info = ev->vector | type_of[ev->kind] << 8 | VMX_INTR_VALID;

	if (ev->kind == VHM_EV_SOFT_EXC || ev->kind == VHM_EV_SOFT_IRQ) {
		if (!ev->insn_len)
			return;		/* rip stands on it: it is executed */
		vmx_set_ctl(vmx, VC_EVENT_LEN, ev->insn_len);
	}
	/* the entry checks know which exceptions have one; none has in real mode */
	if (ev->kind == VHM_EV_EXC && vcpu->st.cr0 & X86_CR0_PE &&
	    BIT(ev->vector) & ERROR_CODE_VECTORS) {
		info |= VMX_INTR_HAS_ERROR;
		vmx_set_ctl(vmx, VC_EVENT_ERROR, ev->has_error ? ev->error & 0xffff : 0);
	}
	vmx->event = *ev;
	vmx_set_ctl(vmx, VC_EVENT, info);
	/* no entry delivers it in real mode: vmx_real_store() is to see it */
	if (unlikely(vmx->real & VMX_V86))
		vhm_st_write(vcpu, VHM_ST_CODE);
}

void vmx_cut_short(struct vmx_vcpu *vmx, u32 info)
{
	static const u8 kind_of[8] = {
		[VMX_TYPE_INTR] = VHM_EV_IRQ, [VMX_TYPE_NMI] = VHM_EV_NMI,
		[VMX_TYPE_EXC] = VHM_EV_EXC,
	};
	bool error = info & VMX_INTR_HAS_ERROR;

	vmx->vcpu.ev.interrupted = (struct vhm_event){
		.kind = kind_of[VMX_INTR_TYPE(info)], .vector = info, .has_error = error,
		.error = error ? vmcs_read32(VMCS_IDT_ERROR) : 0,
	};
	/* it was masked for this NMI, which has not been delivered */
	if (VMX_INTR_TYPE(info) == VMX_TYPE_NMI)
		vmx_set_ctl(vmx, VC_INTR_STATE, vmx_intr_state(vmx) & ~VMX_SHADOW_NMI);
}

u32 vmx_intr_state(struct vmx_vcpu *vmx)
{
	if (!vmx->intr_state_valid) {
		vmx->ctl[VC_INTR_STATE] = vmcs_read32(VMCS_GUEST_INTR_STATE);
		vmx->intr_state_valid = true;
	}
	return vmx->ctl[VC_INTR_STATE];
}

/* vmx_blocked - struct vhm_ops->blocked */
u32 vmx_blocked(struct vhm_vcpu *vcpu)
{
	u32 s = vmx_intr_state(to_vmx(vcpu));

	return (s & VMX_SHADOW_STI ? VHM_BLOCK_SHADOW_STI : 0) |
	       (s & VMX_SHADOW_SS ? VHM_BLOCK_SHADOW_SS : 0) |
	       (s & VMX_SHADOW_NMI ? VHM_BLOCK_NMI : 0);
}

/* vmx_set_blocked - struct vhm_ops->set_blocked. The CPU knows one shadow at a time. */
void vmx_set_blocked(struct vhm_vcpu *vcpu, u32 block)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx_intr_state(vmx);
	vmx_set_ctl(vmx, VC_INTR_STATE,
		    (block & VHM_BLOCK_SHADOW_SS ? VMX_SHADOW_SS :
		     block & VHM_BLOCK_SHADOW_STI ? VMX_SHADOW_STI : 0) |
		    (block & VHM_BLOCK_NMI ? VMX_SHADOW_NMI : 0));
}

/*
 * vmx_open_window - struct vhm_ops->open_window
 *
 * Some CPUs let the NMI window open in the shadow of STI, where the core would
 * not inject and wait again, for ever. The interrupt window opens behind it.
 */
void vmx_open_window(struct vhm_vcpu *vcpu, u32 windows)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	bool nmi = windows & VHM_WINDOW_NMI, irq = windows & VHM_WINDOW_IRQ;

	if (nmi && vmx_intr_state(vmx) & VMX_SHADOW_STI) {
		nmi = false;
		irq = true;
	}
	vmx_change_ctl(vmx, VC_PROC, VMX_PROC_IRQ_WINDOW, irq);
	vmx_change_ctl(vmx, VC_PROC, VMX_PROC_NMI_WINDOW, nmi);
}

/*
 * In a shadow a single-step trap is pending exactly when TF is set, and there
 * is no shadow of STI with interrupts off: entries that say otherwise fail, and
 * the core may have changed either.
 */
void vmx_events_before_entry(struct vmx_vcpu *vmx)
{
	const struct vhm_vcpu *vcpu = &vmx->vcpu;
	bool step = vcpu->rflags & X86_EFLAGS_TF && !(vcpu->st.debugctl & DEBUGCTL_BTF);
	u32 state = vmx_intr_state(vmx);

	if (state & VMX_SHADOW_STI && !(vcpu->rflags & X86_EFLAGS_IF))
		vmx_set_ctl(vmx, VC_INTR_STATE, state & ~VMX_SHADOW_STI);
	if (vmx->ctl[VC_INTR_STATE] & (VMX_SHADOW_STI | VMX_SHADOW_SS))
		vmcs_write_nat(VMCS_GUEST_PENDING_DBG,
			       (vmcs_read_nat(VMCS_GUEST_PENDING_DBG) & ~(u64)PENDING_BS) |
			       (step ? PENDING_BS : 0));
}
