/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch: bool vmx_vmenter(struct vmx_vcpu *vmx)
 *
 * Interrupts off on entry and on return. RSP, RIP and RFLAGS of the guest are
 * in the VMCS, its other registers in vmx->vcpu.gpr. An exit comes back at
 * vmx_vmexit with the host's RSP, segments, CR3, CR4, EFER and PAT in place; an
 * NMI there finds everything it needs. True: the instruction failed, no exit.
 *
 * Which mitigation stands where: MITIGATIONS.md.
 */
#include <linux/objtool.h>
#include <asm/unwind_hints.h>

#include "vmx/vmx-offsets.h"
#include "worldswitch.S"

#define HOST_RSP	0x6c14

	.text
SYM_FUNC_START(vmx_vmenter)
	PUSH_HOST
	cmp %rsp, VMX_HOST_RSP(%rdi)
	je 1f
	mov %rsp, VMX_HOST_RSP(%rdi)
	mov $HOST_RSP, %eax
	vmwrite %rsp, %rax
1:
	SWAP_SPEC_CTRL VCPU_SPEC_GUEST
	/* carry: launched; neither MOV nor VERW touches it */
	btl $0, VMX_LAUNCHED(%rdi)
	EACH_GPR LOAD_GPR
	mov GPR(0)(%rdi), %rax
	mov GPR(7)(%rdi), %rdi
	CLEAR_BUFFERS
	UNWIND_HINT_SAVE
	jc 2f
	vmlaunch
	jmp 3f
2:
	vmresume
	/* no exit: the registers are as they were, so the same way back */
3:
	pop %rdi
	mov $1, %ebx
	jmp 4f

SYM_INNER_LABEL(vmx_vmexit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	push %rax
	mov 8(%rsp), %rax
	EACH_GPR SAVE_GPR
	mov %rdi, GPR(7)(%rax)
	popq GPR(0)(%rax)
	pop %rdi
	xor %ebx, %ebx
4:
	/* no RET and no indirect branch before these are done */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
		X86_FEATURE_RSB_VMEXIT_LITE
	SWAP_SPEC_CTRL VCPU_SPEC_HOST
#ifdef X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	/* 200 taken branches: more than any CPU with the bug remembers */
	ALTERNATIVE "jmp 6f", "", X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT
	mov $100, %eax
5:
	jmp .Lbhb
	int3
.Lbhb:
	dec %eax
	jnz 5b
	lfence
6:
#endif
	mov %ebx, %eax
	POP_HOST
	RET
SYM_FUNC_END(vmx_vmenter)
