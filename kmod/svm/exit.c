// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the VMCB's exit code to struct vhm_exit.
 *
 * One table row per code says what it means to the core, and that says which
 * extra words have to be taken apart. AMD64 APM vol. 2, appendix C "SVM
 * Intercept Exit Codes".
 */
#include "cpuregs.h"
#include "svm/svm.h"

/* Rows of codes that nothing here asks for are zero, VHM_X_NONE; IRET's is too. */
static const u8 kinds[SVM_EXIT_TABLE_SIZE] = {
	[SVM_EXIT_READ_CR0 ... SVM_EXIT_WRITE_CR0 + 15] = VHM_X_CR,
	[SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR0 + 15] = VHM_X_DR,
	[SVM_EXIT_EXC ... SVM_EXIT_EXC + 31] = VHM_X_EXCEPTION,
	/* these stay pending and the CPU takes them at STGI or when IF is set */
	[SVM_EXIT_INTR ... SVM_EXIT_INIT] = VHM_X_HOST_EVENT,
	[SVM_EXIT_VINTR] = VHM_X_IRQ_WINDOW, [SVM_EXIT_CR0_SEL_WRITE] = VHM_X_CR,
	[SVM_EXIT_RDTSC] = VHM_X_RDTSC, [SVM_EXIT_RDPMC] = VHM_X_RDPMC,
	[SVM_EXIT_CPUID] = VHM_X_CPUID, [SVM_EXIT_RSM] = VHM_X_RSM,
	[SVM_EXIT_INVD] = VHM_X_INVD, [SVM_EXIT_PAUSE] = VHM_X_PAUSE, [SVM_EXIT_HLT] = VHM_X_HLT,
	[SVM_EXIT_INVLPG] = VHM_X_CR, [SVM_EXIT_INVLPGA] = VHM_X_UD, [SVM_EXIT_IO] = VHM_X_IO, [SVM_EXIT_MSR] = VHM_X_MSR,
	[SVM_EXIT_TASK_SWITCH] = VHM_X_TASK_SWITCH, [SVM_EXIT_SHUTDOWN] = VHM_X_SHUTDOWN,
	[SVM_EXIT_VMRUN] = VHM_X_UD, [SVM_EXIT_VMMCALL] = VHM_X_HYPERCALL,
	/* RDTSCP: intercepted only when the guest's CPUID does not have it */
	[SVM_EXIT_VMLOAD ... SVM_EXIT_RDTSCP] = VHM_X_UD,
	[SVM_EXIT_WBINVD] = VHM_X_WBINVD, [SVM_EXIT_MONITOR] = VHM_X_MONITOR,
	[SVM_EXIT_MWAIT ... SVM_EXIT_MWAIT_ARMED] = VHM_X_MWAIT, [SVM_EXIT_XSETBV] = VHM_X_XSETBV,
};

/* Exceptions that push an error code: #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX. */
#define ERROR_CODE_VECTORS	0x60227d00u

static void decode_exception(struct vhm_exit *x, const struct vmcb *vmcb, u8 vector)
{
	bool has_error = ERROR_CODE_VECTORS & BIT(vector);

	x->exc = (struct vhm_exc){
		.vector = vector,
		.has_error = has_error,
		.error = has_error ? x->hw_info1 : 0,
		.payload = vmcb->dr6 & 0xe00f,	/* BT BS BD B3-B0 */
	};
}

static void decode_npf(struct vhm_exit *x, const struct vmcb *vmcb)
{
	x->fault.gpa = x->hw_info2;
	x->fault.access = (x->hw_info1 & SVM_NPF_WRITE ? VHM_ACC_WRITE : 0) |
			  (x->hw_info1 & SVM_NPF_WALK ? VHM_ACC_WALK : 0);
	if (cpu_feature_enabled(X86_FEATURE_DECODEASSISTS)) {
		x->n_bytes = vmcb->n_bytes & 15;
		memcpy(x->bytes, vmcb->bytes, sizeof(x->bytes));
	}
}

/* Exits with no instruction, or none of a known length, behind them. */
static void decode_more(struct svm_vcpu *svm, u32 code)
{
	struct vhm_exit *x = &svm->vcpu.exit;

	switch (x->kind) {
	case VHM_X_FAULT:
		decode_npf(x, &svm->vmcb);
		break;
	case VHM_X_EXCEPTION:
		if (code == SVM_EXIT_EXC + MC_VECTOR) {
			x->kind = VHM_X_HOST_EVENT;
			vhm_machine_check();
		} else if (code == SVM_EXIT_EXC + PF_VECTOR && vhm_caps.shadow) {
			x->kind = VHM_X_PF;
			x->pf = (struct vhm_pf){ .gva = x->hw_info2, .error = x->hw_info1 };
		} else {
			decode_exception(x, &svm->vmcb, code - SVM_EXIT_EXC);
		}
		break;
	case VHM_X_SHUTDOWN:
		/* the VMCB is undefined now (APM vol. 2, "Shutdown Intercept") */
		svm->vcpu.st_valid = VHM_ST_ALL;
		break;
	case VHM_X_NONE:
		if (code == SVM_EXIT_IRET)
			svm_iret_exit(svm);
		else
			x->kind = code == SVM_EXIT_INVALID ? VHM_X_FAIL_ENTRY : VHM_X_UNKNOWN;
		break;
	default:
		break;
	}
}

void svm_decode(struct svm_vcpu *svm)
{
	struct vhm_exit *x = &svm->vcpu.exit;
	const struct vmcb *vmcb = &svm->vmcb;
	u32 code = vmcb->exit_code;	/* the upper half says nothing more */
	u64 next = vmcb->nrip, info = vmcb->exit_info1;

	x->kind = code < ARRAY_SIZE(kinds) ? kinds[code] :
		  code == SVM_EXIT_NPF ? VHM_X_FAULT : VHM_X_NONE;
	x->n_bytes = 0;
	x->hw_reason = code;
	x->hw_info1 = info;
	x->hw_info2 = vmcb->exit_info2;
	if (x->kind < VHM_X_CPUID || x->kind > VHM_X_DR) {
		x->insn_len = 0;
		decode_more(svm, code);
		return;
	}
	if (x->kind == VHM_X_IO) {
		/* APM vol. 2, "EXITINFO1 for IOIO Intercept" */
		x->io = (struct vhm_io){
			.port = info >> 16, .size = info >> 4 & 7,
			.in = info & BIT(0), .string = info & BIT(2),
		};
		next = x->hw_info2;
	} else if (x->kind == VHM_X_MSR) {
		x->msr.write = info;
	}
	/* without next-RIP save the field is 0 and so is the answer: "not known" */
	next -= svm->vcpu.rip;
	x->insn_len = next <= VHM_INSN_MAX ? next : 0;
}
