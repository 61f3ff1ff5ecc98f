// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the VMCB's exit code to struct vhm_exit.
 *
 * One table row per code: what it means to the core, and which extra words
 * have to be taken apart. AMD64 APM vol. 2, appendix C "SVM Intercept Exit
 * Codes".
 */
#include <asm/mce.h>
#include <asm/ptrace.h>

#include "svm/svm.h"

/*
 * D_UNKNOWN, zero: the rows of codes that nothing here asks for. From D_INSN
 * on there is an instruction, whose length the CPU may tell.
 */
enum decoder {
	D_UNKNOWN, D_NONE, D_NPF, D_EXC, D_MC, D_IRET, D_SHUTDOWN,
	D_INSN, D_IO, D_MSR, D_CR, D_DR
};

struct row {
	u8 kind;	/* enum vhm_exit_kind */
	u8 decoder;
};

static const struct row rows[SVM_EXIT_TABLE_SIZE] = {
	[SVM_EXIT_READ_CR0 ... SVM_EXIT_WRITE_CR0 + 15] = { VHM_X_CR, D_CR },
	[SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR0 + 15] = { VHM_X_DR, D_DR },
	[SVM_EXIT_EXC ... SVM_EXIT_EXC_MC - 1] = { VHM_X_EXCEPTION, D_EXC },
	[SVM_EXIT_EXC_MC] = { VHM_X_HOST_EVENT, D_MC },
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
	[SVM_EXIT_SHUTDOWN] = { VHM_X_SHUTDOWN, D_SHUTDOWN },
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

static void decode_creg(struct vhm_exit *x, u32 code, bool mov)
{
	bool sel = code == SVM_EXIT_CR0_SEL_WRITE;
	bool known = !sel && mov && cpu_feature_enabled(X86_FEATURE_DECODEASSISTS);

	x->cr = (struct vhm_creg){
		.nr = sel ? 0 : code & 15,
		.write = sel || code & 16,
		.gpr = known ? x->hw_info1 & 15 : VHM_GPR_UNKNOWN,
	};
}

static void decode_exception(struct vhm_exit *x, const struct vmcb *vmcb, u8 vector)
{
	bool has_error = ERROR_CODE_VECTORS & BIT(vector);

	x->exc = (struct vhm_exc){
		.vector = vector,
		.has_error = has_error,
		.error = has_error ? x->hw_info1 : 0,
		.payload = vector == PF_VECTOR ? x->hw_info2 :
			   vector == DB_VECTOR ? vmcb->dr6 & 0xe00f : 0,	/* BT BS BD B3-B0 */
	};
}

static void decode_npf(struct vhm_exit *x, const struct vmcb *vmcb)
{
	u64 info = x->hw_info1;

	x->fault.gpa = x->hw_info2;
	x->fault.access = (info & SVM_NPF_WRITE ? VHM_ACC_WRITE :
			   info & SVM_NPF_FETCH ? VHM_ACC_EXEC : VHM_ACC_READ) |
			  (info & SVM_NPF_PRESENT ? VHM_ACC_PRESENT : 0) |
			  (info & SVM_NPF_USER ? VHM_ACC_USER : 0) |
			  (info & SVM_NPF_WALK ? VHM_ACC_WALK : 0);
	if (cpu_feature_enabled(X86_FEATURE_DECODEASSISTS)) {
		x->n_bytes = vmcb->n_bytes & 15;
		memcpy(x->bytes, vmcb->bytes, sizeof(x->bytes));
	}
}

/*
 * An intercepted machine check was taken off the CPU's hands: call the host's
 * handler as if it had interrupted user code of this task, which is what it
 * may kill.
 */
static noinline void machine_check(void)
{
	struct pt_regs regs = { .cs = 3, .flags = X86_EFLAGS_IF };

	do_machine_check(&regs);
}

/* Exits with no instruction, or none of a known length, behind them. */
static void decode_more(struct svm_vcpu *svm, u8 decoder, u32 code)
{
	struct vhm_exit *x = &svm->vcpu.exit;

	switch (decoder) {
	case D_NONE:
		break;
	case D_NPF:
		decode_npf(x, &svm->vmcb);
		break;
	case D_EXC:
		decode_exception(x, &svm->vmcb, code & 31);
		break;
	case D_MC:
		machine_check();
		break;
	case D_IRET:
		svm_iret_exit(svm);
		break;
	case D_SHUTDOWN:
		/* the VMCB is undefined now (APM vol. 2, "Shutdown Intercept") */
		svm->vcpu.st_valid = VHM_ST_ALL;
		break;
	default:
		x->kind = code == SVM_EXIT_INVALID ? VHM_X_FAIL_ENTRY : VHM_X_UNKNOWN;
	}
}

void svm_decode(struct svm_vcpu *svm)
{
	struct vhm_exit *x = &svm->vcpu.exit;
	const struct vmcb *vmcb = &svm->vmcb;
	u32 code = vmcb->exit_code;	/* the upper half says nothing more */
	u64 next = vmcb->nrip, info = vmcb->exit_info1;
	struct row row = { VHM_X_FAULT, D_NPF };

	if (code != SVM_EXIT_NPF)
		row = code < ARRAY_SIZE(rows) ? rows[code] : (struct row){};
	x->kind = row.kind;
	x->n_bytes = 0;
	x->hw_reason = code;
	x->hw_info1 = info;
	x->hw_info2 = vmcb->exit_info2;
	if (row.decoder < D_INSN) {
		x->insn_len = 0;
		decode_more(svm, row.decoder, code);
		return;
	}
	if (row.decoder == D_IO) {
		x->io = (struct vhm_io){
			.port = SVM_IO_PORT(info), .size = SVM_IO_SIZE(info),
			.in = info & SVM_IO_IN, .string = info & SVM_IO_STRING,
			.rep = info & SVM_IO_REP,
		};
		next = x->hw_info2;
	} else if (row.decoder == D_MSR) {
		x->msr.write = info;
	} else if (row.decoder != D_INSN) {
		decode_creg(x, code, row.decoder == D_DR || info & SVM_CR_MOV);
	}
	/* without next-RIP save the field is 0 and so is the answer: "not known" */
	next -= svm->vcpu.rip;
	x->insn_len = next <= VHM_INSN_MAX ? next : 0;
}
