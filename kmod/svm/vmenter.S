/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch: void svm_vmenter(struct svm_vcpu *svm)
 *
 * Interrupts off on entry and on return. RAX, RSP, RIP and RFLAGS of the
 * guest are in the VMCB, its other registers in svm->vcpu.gpr.
 *
 * The physical interrupt flag of the guest's time is RFLAGS.IF at VMRUN, as
 * V_INTR_MASKING is on, so it is set, under cover of GIF = 0. GIF also covers
 * the stretch in which FS, GS, TR and LDTR are the guest's: an NMI there would
 * use the guest's TSS. It is pending until STGI and then taken by the CPU
 * itself, with everything of the host in place.
 * (AMD64 APM vol. 2, "Global Interrupt Flag, STGI and CLGI Instructions".)
 *
 * Which mitigation stands where: MITIGATIONS.md.
 */
#include "svm/svm-offsets.h"
#include "worldswitch.S"

/* A kernel built without a mitigation has neither its code nor its feature bit. */
.macro UNTRAIN_HOST_RET
#if defined(CONFIG_CPU_SRSO) || defined(CONFIG_MITIGATION_SRSO)
	ALTERNATIVE_2 "", "call entry_untrain_ret", X86_FEATURE_UNRET, \
		"call srso_alias_untrain_ret", X86_FEATURE_SRSO_ALIAS
#elif defined(CONFIG_CPU_UNRET_ENTRY) || defined(CONFIG_MITIGATION_UNRET_ENTRY)
	ALTERNATIVE "", "call entry_untrain_ret", X86_FEATURE_UNRET
#endif
.endm

	.text
SYM_FUNC_START(svm_vmenter)
	PUSH_HOST
	SWAP_SPEC_CTRL VCPU_SPEC_GUEST
	mov SVM_VMCB_PA(%rdi), %rax
	EACH_GPR LOAD_GPR
	mov GPR(7)(%rdi), %rdi
	CLEAR_BUFFERS
	clgi
	vmload %rax
	sti
	vmrun %rax
	cli
	vmsave %rax

	pop %rax
	EACH_GPR SAVE_GPR
	mov %rdi, GPR(7)(%rax)
	mov %rax, %rdi
	mov SVM_HOST_PA(%rdi), %rax
	vmload %rax

	/* no RET and no indirect branch before these are done */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	SWAP_SPEC_CTRL VCPU_SPEC_HOST
	ALTERNATIVE_2 "jmp 1f", "", X86_FEATURE_ENTRY_IBPB, "", X86_FEATURE_IBPB_ON_VMEXIT
	mov $PRED_CMD_IBPB, %eax
	WRITE_MSR MSR_IA32_PRED_CMD
1:
	UNTRAIN_HOST_RET
	POP_HOST
	stgi
	RET
SYM_FUNC_END(svm_vmenter)
