// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the VMCB's exit code to struct vhm_exit.
 *
 * One table row per code: what it means to the core, and which extra words
 * have to be taken apart. AMD64 APM vol. 2, appendix C "SVM Intercept Exit
 * Codes".
 */
#include "svm/svm.h"

/* D_UNKNOWN, zero: the rows of codes that nothing here asks for */
enum decoder { D_UNKNOWN, D_NONE, D_INSN, D_IO, D_MSR, D_CR, D_DR, D_EXC, D_IRET };

struct row {
	u8 kind;	/* enum vhm_exit_kind */
	u8 decoder;
};

static const struct row rows[SVM_EXIT_TABLE_SIZE] = {
	[SVM_EXIT_READ_CR0 ... SVM_EXIT_WRITE_CR0 + 15] = { VHM_X_CR, D_CR },
	[SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR0 + 15] = { VHM_X_DR, D_DR },
	[SVM_EXIT_EXC ... SVM_EXIT_EXC_MC - 1] = { VHM_X_EXCEPTION, D_EXC },
	/* svm_run() calls the host's handler */
	[SVM_EXIT_EXC_MC] = { VHM_X_HOST_EVENT, D_NONE },
	[SVM_EXIT_EXC_MC + 1 ... SVM_EXIT_EXC + 31] = { VHM_X_EXCEPTION, D_EXC },
	/* these stay pending and the CPU takes them at STGI or when IF is set */
	[SVM_EXIT_INTR ... SVM_EXIT_INIT] = { VHM_X_HOST_EVENT, D_NONE },
	[SVM_EXIT_VINTR] = { VHM_X_IRQ_WINDOW, D_NONE },
	[SVM_EXIT_CR0_SEL_WRITE] = { VHM_X_CR, D_CR },
	[SVM_EXIT_RDTSC] = { VHM_X_RDTSC, D_INSN },
	[SVM_EXIT_RDPMC] = { VHM_X_RDPMC, D_INSN },
	[SVM_EXIT_CPUID] = { VHM_X_CPUID, D_INSN },
	[SVM_EXIT_RSM] = { VHM_X_RSM, D_INSN },
	[SVM_EXIT_IRET] = { VHM_X_NONE, D_IRET },
	[SVM_EXIT_INVD] = { VHM_X_INVD, D_INSN },
	[SVM_EXIT_PAUSE] = { VHM_X_PAUSE, D_INSN },
	[SVM_EXIT_HLT] = { VHM_X_HLT, D_INSN },
	[SVM_EXIT_INVLPGA] = { VHM_X_UD, D_NONE },
	[SVM_EXIT_IO] = { VHM_X_IO, D_IO },
	[SVM_EXIT_MSR] = { VHM_X_MSR, D_MSR },
	[SVM_EXIT_TASK_SWITCH] = { VHM_X_TASK_SWITCH, D_NONE },
	[SVM_EXIT_SHUTDOWN] = { VHM_X_SHUTDOWN, D_NONE },
	[SVM_EXIT_VMRUN] = { VHM_X_UD, D_NONE },
	[SVM_EXIT_VMMCALL] = { VHM_X_HYPERCALL, D_INSN },
	[SVM_EXIT_VMLOAD ... SVM_EXIT_SKINIT] = { VHM_X_UD, D_NONE },
	/* intercepted only when the guest's CPUID does not have it */
	[SVM_EXIT_RDTSCP] = { VHM_X_UD, D_NONE },
	[SVM_EXIT_WBINVD] = { VHM_X_WBINVD, D_INSN },
	[SVM_EXIT_MONITOR] = { VHM_X_MONITOR, D_INSN },
	[SVM_EXIT_MWAIT ... SVM_EXIT_MWAIT_ARMED] = { VHM_X_MWAIT, D_INSN },
	[SVM_EXIT_XSETBV] = { VHM_X_XSETBV, D_INSN },
};

/* Exceptions that push an error code: #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX. */
#define ERROR_CODE_VECTORS	0x60227d00u

/* Without next-RIP save the field is 0 and so is the answer: "not known". */
static u8 insn_len(const struct vhm_vcpu *vcpu, u64 next)
{
	u64 len = next - vcpu->rip;

	return len <= VHM_INSN_MAX ? len : 0;
}

static void decode_io(struct vhm_exit *x, const struct vhm_vcpu *vcpu)
{
	u32 info = x->hw_info1;

	x->io = (struct vhm_io){
		.port = SVM_IO_PORT(info),
		.size = SVM_IO_SIZE(info),
		.in = info & SVM_IO_IN,
		.string = info & SVM_IO_STRING,
		.rep = info & SVM_IO_REP,
	};
	x->insn_len = insn_len(vcpu, x->hw_info2);
}

static void decode_creg(struct vhm_exit *x, u32 code, bool debug)
{
	u8 gpr = VHM_GPR_UNKNOWN;

	if (svm_feat.decode && (debug || x->hw_info1 & SVM_CR_MOV))
		gpr = x->hw_info1 & 15;
	if (code == SVM_EXIT_CR0_SEL_WRITE)
		x->cr = (struct vhm_creg){ .nr = 0, .write = true, .gpr = VHM_GPR_UNKNOWN };
	else
		x->cr = (struct vhm_creg){ .nr = code & 15, .write = code & 16, .gpr = gpr };
}

static void decode_exception(struct vhm_exit *x, struct vmcb *vmcb, u8 vector)
{
	bool has_error = ERROR_CODE_VECTORS & BIT(vector);

	x->exc = (struct vhm_exc){ .vector = vector, .has_error = has_error };
	if (has_error)
		x->exc.error = x->hw_info1;
	if (vector == SVM_EXIT_EXC_PF - SVM_EXIT_EXC)
		x->exc.payload = x->hw_info2;
	else if (vector == DB_VECTOR)
		x->exc.payload = vmcb->dr6 & 0xe00f;	/* BT BS BD B3-B0 */
}

static void decode_npf(struct vhm_exit *x, const struct vmcb *vmcb)
{
	u64 info = x->hw_info1;
	u32 access = VHM_ACC_READ;

	if (info & SVM_NPF_WRITE)
		access = VHM_ACC_WRITE;
	else if (info & SVM_NPF_FETCH)
		access = VHM_ACC_EXEC;
	if (info & SVM_NPF_PRESENT)
		access |= VHM_ACC_PRESENT;
	if (info & SVM_NPF_USER)
		access |= VHM_ACC_USER;
	if (info & SVM_NPF_WALK)
		access |= VHM_ACC_WALK;
	x->kind = VHM_X_FAULT;
	x->fault = (struct vhm_fault){ .gpa = x->hw_info2, .access = access };
	if (svm_feat.decode) {
		x->n_bytes = vmcb->n_bytes & 15;
		memcpy(x->bytes, vmcb->bytes, sizeof(x->bytes));
	}
}

static void decode_outside(struct svm_vcpu *svm, u32 code)
{
	struct vhm_exit *x = &svm->vcpu.exit;

	if (likely(code == SVM_EXIT_NPF))
		decode_npf(x, svm->vmcb);
	else
		x->kind = code == SVM_EXIT_INVALID ? VHM_X_FAIL_ENTRY : VHM_X_UNKNOWN;
}

static void decode_more(struct svm_vcpu *svm, u8 decoder, u32 code)
{
	struct vhm_exit *x = &svm->vcpu.exit;

	switch (decoder) {
	case D_MSR:
		x->msr.write = x->hw_info1;
		x->insn_len = insn_len(&svm->vcpu, svm->vmcb->nrip);
		break;
	case D_CR:
	case D_DR:
		decode_creg(x, code, decoder == D_DR);
		x->insn_len = insn_len(&svm->vcpu, svm->vmcb->nrip);
		break;
	case D_EXC:
		decode_exception(x, svm->vmcb, code & 31);
		break;
	case D_IRET:
		x->kind = svm_iret_exit(svm);
		break;
	default:
		x->kind = VHM_X_UNKNOWN;
	}
}

void svm_decode(struct svm_vcpu *svm)
{
	struct vhm_exit *x = &svm->vcpu.exit;
	const struct vmcb *vmcb = svm->vmcb;
	u32 code = vmcb->exit_code;	/* the upper half says nothing more */
	struct row row;

	x->hw_reason = code;
	x->hw_info1 = vmcb->exit_info1;
	x->hw_info2 = vmcb->exit_info2;
	x->insn_len = 0;
	x->n_bytes = 0;
	if (unlikely(code >= ARRAY_SIZE(rows))) {
		decode_outside(svm, code);
		return;
	}
	row = rows[code];
	x->kind = row.kind;
	if (row.decoder == D_INSN)
		x->insn_len = insn_len(&svm->vcpu, vmcb->nrip);
	else if (row.decoder == D_IO)
		decode_io(x, &svm->vcpu);
	else if (row.decoder != D_NONE)
		decode_more(svm, row.decoder, code);
}
