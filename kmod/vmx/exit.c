// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the VMCS's exit reason to struct vhm_exit.
 *
 * One table row per reason: what it means to the core, and what has to be taken
 * apart. Intel SDM vol. 3, appendix C "VMX Basic Exit Reasons", and "Exit
 * Qualification for VM Exits".
 */

#include "vmx/vmx.h"

#define REASON_FAILED	0x80000000u
#define FAILED_MC	41

/*
 * D_UNKNOWN, zero: reasons that nothing here asks for or serves, and those not in
 * the table: they are noted for the dump. From D_INSN on there is an instruction,
 * whose length the CPU tells.
 */
enum decoder {
	D_UNKNOWN, D_NONE, D_EPT, D_EXC, D_INSN, D_IO, D_WRMSR
};

struct row {
	u8 kind;	/* enum vhm_exit_kind */
	u8 decoder;
};

static const struct row rows[] = {
	[0] = { VHM_X_EXCEPTION, D_EXC },		/* exception or NMI */
	/* they stay pending and the CPU takes them after VMXOFF or when IF is set */
	[1] = { VHM_X_HOST_EVENT, D_NONE },		/* external interrupt */
	[2] = { VHM_X_SHUTDOWN, D_NONE },		/* triple fault */
	[3] = { VHM_X_HOST_EVENT, D_NONE },		/* INIT */
	[4 ... 6] = { VHM_X_UNKNOWN },			/* SIPI, SMI */
	[7] = { VHM_X_IRQ_WINDOW, D_NONE },
	[8] = { VHM_X_NMI_WINDOW, D_NONE },
	[9] = { VHM_X_TASK_SWITCH },
	[10] = { VHM_X_CPUID, D_INSN },
	[11] = { VHM_X_UD, D_NONE },			/* GETSEC */
	[12] = { VHM_X_HLT, D_INSN },
	[13] = { VHM_X_INVD, D_INSN },
	[14] = { VHM_X_CR, D_INSN },			/* INVLPG */
	[15] = { VHM_X_RDPMC, D_INSN },
	[16] = { VHM_X_RDTSC },
	[17] = { VHM_X_RSM, D_INSN },
	[18] = { VHM_X_HYPERCALL, D_INSN },
	[19 ... 27] = { VHM_X_UD, D_NONE },		/* VMX instructions */
	[28] = { VHM_X_CR, D_INSN },
	[29] = { VHM_X_DR, D_INSN },
	[30] = { VHM_X_IO, D_IO },
	[31] = { VHM_X_MSR, D_INSN },			/* RDMSR */
	[32] = { VHM_X_MSR, D_WRMSR },
	[33 ... 35] = { VHM_X_UNKNOWN },		/* failed entries have a bit of their own */
	[36] = { VHM_X_MWAIT, D_INSN },
	[37 ... 38] = { VHM_X_UNKNOWN },		/* monitor trap flag */
	[39] = { VHM_X_MONITOR, D_INSN },
	[40] = { VHM_X_PAUSE, D_INSN },
	[41 ... 45] = { VHM_X_UNKNOWN },		/* TPR threshold, APIC access, EOI */
	[46 ... 47] = { VHM_X_UNKNOWN },		/* descriptor tables */
	[48] = { VHM_X_FAULT, D_EPT },
	[49] = { VHM_X_UNKNOWN },			/* EPT misconfiguration */
	[50] = { VHM_X_UD, D_NONE },			/* INVEPT */
	[51 ... 52] = { VHM_X_UNKNOWN },		/* RDTSCP, preemption timer */
	[53] = { VHM_X_UD, D_NONE },			/* INVVPID */
	[54] = { VHM_X_WBINVD, D_INSN },
	[55] = { VHM_X_XSETBV, D_INSN },
	[56 ... 58] = { VHM_X_UNKNOWN },		/* APIC write, RDRAND, INVPCID */
	[59 ... 60] = { VHM_X_UD, D_NONE },		/* VMFUNC, ENCLS */
	[61 ... 75] = { VHM_X_UNKNOWN },		/* RDSEED, PML, XSAVES ... notify */
	[76 ... 77] = { VHM_X_UD, D_NONE },		/* SEAMCALL, TDCALL */
	[78 ... 79] = { VHM_X_UNKNOWN },		/* RDMSRLIST, WRMSRLIST */
};

/* An IRET has unmasked NMIs and then faulted: not so, unless an event was under way. */
static void iret_unblock(struct vmx_vcpu *vmx, u32 info)
{
	if (info & VMX_INTR_IRET_UNBLOCK && !vmx->vcpu.ev.interrupted.kind)
		vmx_set_ctl(vmx, VC_INTR_STATE, vmx_intr_state(vmx) | VMX_SHADOW_NMI);
}

static void decode_exception(struct vmx_vcpu *vmx)
{
	struct vhm_exit *x = &vmx->vcpu.exit;
	u32 info = vmcs_read32(VMCS_EXIT_INTR);
	u8 vector = info;

	x->hw_info2 = info;
	if (VMX_INTR_TYPE(info) == VMX_TYPE_NMI || vector == MC_VECTOR) {
		/* handed on when VMX is off */
		vmx->host_mc |= vector == MC_VECTOR;
		vmx->host_nmi |= vector != MC_VECTOR;
		x->kind = VHM_X_HOST_EVENT;
		return;
	}
	if (vector == PF_VECTOR && vhm_caps.shadow) {
		x->kind = VHM_X_PF;
		x->pf = (struct vhm_pf){
			.gva = x->hw_info1, .error = vmcs_read32(VMCS_EXIT_INTR_ERROR),
		};
		iret_unblock(vmx, info);
		return;
	}
	x->exc = (struct vhm_exc){
		.vector = vector,
		.has_error = info & VMX_INTR_HAS_ERROR,
		.error = info & VMX_INTR_HAS_ERROR ? vmcs_read32(VMCS_EXIT_INTR_ERROR) : 0,
		.payload = vector == PF_VECTOR || vector == DB_VECTOR ? x->hw_info1 : 0,
	};
	/* in real mode these are what virtual-8086 mode makes of privileged instructions */
	if (unlikely(vmx->real & VMX_V86) &&
	    BIT(vector) & (BIT(GP_VECTOR) | BIT(SS_VECTOR) | BIT(OF_VECTOR)))
		x->kind = VHM_X_EMULATE;
	/* INT1 is an instruction, but what it raises is a trap */
	if (VMX_INTR_TYPE(info) == VMX_TYPE_INT1)
		vmx->vcpu.rip += vmcs_read32(VMCS_EXIT_INSN_LEN);
	if (vector != DF_VECTOR)
		iret_unblock(vmx, info);
}

/* Bits of the qualification: 0 read, 1 write, 2 fetch. */
static void decode_ept(struct vmx_vcpu *vmx)
{
	struct vhm_exit *x = &vmx->vcpu.exit;
	u64 q = x->hw_info1;

	x->fault.gpa = x->hw_info2 = vmcs_read64(VMCS_GUEST_PHYSICAL);
	x->fault.access = (q & 2 ? VHM_ACC_WRITE : q & 4 ? VHM_ACC_EXEC : VHM_ACC_READ) |
			  /* there is a linear address, and this is not what it leads to */
			  ((q & 0x180) == 0x80 ? VHM_ACC_WALK : 0);
	iret_unblock(vmx, q);
}

static void decode_insn(struct vhm_exit *x, u8 decoder)
{
	u64 q = x->hw_info1;

	switch (decoder) {
	case D_INSN:
		x->msr.write = false;
		break;
	case D_WRMSR:
		x->msr.write = true;
		break;
	case D_IO:
		x->io = (struct vhm_io){
			.port = q >> 16, .size = (q & 7) + 1, .in = q & 8, .string = q & 16,
		};
		break;
	}
}

static void failed_entry(struct vmx_vcpu *vmx, u32 reason)
{
	vmx->vcpu.exit.kind = VHM_X_FAIL_ENTRY;
	vmx->host_mc |= (u16)reason == FAILED_MC;
	vmx_dump_note(vmx);
}

void vmx_decode(struct vmx_vcpu *vmx)
{
	struct vhm_exit *x = &vmx->vcpu.exit;
	u32 reason = vmcs_read32(VMCS_EXIT_REASON), info;
	struct row row = {};

	x->n_bytes = 0;
	x->hw_reason = reason;
	x->hw_info1 = vmcs_read_nat(VMCS_QUALIFICATION);
	x->hw_info2 = 0;
	x->insn_len = 0;
	if (unlikely(reason & REASON_FAILED)) {
		failed_entry(vmx, reason);
		return;
	}
	if (likely((u16)reason < ARRAY_SIZE(rows)))
		row = rows[(u16)reason];
	info = vmcs_read32(VMCS_IDT_VECTORING);
	if (unlikely(info & VMX_INTR_VALID))
		vmx_cut_short(vmx, info);
	x->kind = row.kind;
	if (row.decoder >= D_INSN) {
		x->insn_len = vmcs_read32(VMCS_EXIT_INSN_LEN);
		decode_insn(x, row.decoder);
	} else if (row.decoder == D_EPT) {
		decode_ept(vmx);
	} else if (row.decoder == D_EXC) {
		decode_exception(vmx);
	} else if (row.decoder == D_UNKNOWN) {
		x->kind = row.kind ? row.kind : VHM_X_UNKNOWN;
		vmx_dump_note(vmx);
	}
}
