/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86 instruction decoder and executor, independent of vendor and kernel.
 *
 * Two halves with one value between them. The decoder is a pure function from
 * at most 15 bytes and a mode to a struct vhm_insn; it knows the *length* of
 * every instruction (x87, SSE, VEX, EVEX, XOP and 3DNow! included) and the
 * *operands* of those that the executor performs. The executor performs one
 * decoded instruction on an explicit CPU state (struct vhm_emul) and reaches
 * everything outside registers through an ops struct that the owner supplies.
 *
 * Neither half allocates, sleeps, takes locks, uses floating point, recurses
 * or keeps state outside its arguments, so both may run with interrupts off;
 * what the ops do is the owner's affair.
 *
 * Restarting. An op that needs userspace answers VHM_EMUL_USER; the executor
 * then stops with no register, flag or rip changed and returns that. The owner
 * later calls vhm_emul_exec() again with the *same* state, and the executor
 * performs the same accesses in the same order with the same arguments. The
 * owner keeps a small record of the accesses that it has completed for this
 * instruction (all device accesses, those it settled in the kernel too) and
 * answers them from the record. The record is dropped on any return other than
 * VHM_EMUL_USER and on each call of the commit op. An instruction (an iteration
 * of a REP string instruction) makes at most one read, one write or cmpxchg of
 * up to 16 bytes each, and one port access; PUSHAD and POPAD make two, and what
 * loads a segment in protected mode also reads a descriptor.
 */
#ifndef VHM_EMUL_H
#define VHM_EMUL_H

#include "port.h"

/* ------------------------------------------------------------- registers */

/* Indices into vhm_emul.gpr: the order of the encoding, which is KVM's too. */
enum vhm_gpr {
	VHM_RAX, VHM_RCX, VHM_RDX, VHM_RBX, VHM_RSP, VHM_RBP, VHM_RSI, VHM_RDI,
	VHM_R8, VHM_R9, VHM_R10, VHM_R11, VHM_R12, VHM_R13, VHM_R14, VHM_R15,
	VHM_NR_GPR,
	VHM_REG_NONE = VHM_NR_GPR,	/* no base, no index */
	VHM_REG_RIP,			/* base of a RIP-relative operand */
};

/* Segment registers in the order of their encoding. */
enum vhm_sreg {
	VHM_ES, VHM_CS, VHM_SS, VHM_DS, VHM_FS, VHM_GS, VHM_NR_SREG,
	/* what else vhm_emul_ops.segment and set_segment know; of the last two base and limit */
	VHM_EMUL_LDTR = VHM_NR_SREG, VHM_EMUL_GDTR = VHM_NR_SREG + 2, VHM_EMUL_IDTR,
};

/* --------------------------------------------------------------- decoder */

#define VHM_INSN_MAX	15	/* architectural limit in bytes */

/* Default operand and address size of the code segment. */
enum vhm_insn_mode {
	VHM_INSN_16,	/* real mode, virtual-8086, 16-bit code segment */
	VHM_INSN_32,	/* 32-bit code segment (legacy or compatibility) */
	VHM_INSN_64,	/* EFER.LMA and CS.L */
};

enum vhm_insn_status {
	VHM_INSN_OK = 0,
	VHM_INSN_SHORT,		/* the instruction goes on past the n bytes */
	VHM_INSN_LONG,		/* over 15 bytes: the CPU raises #GP(0) */
	VHM_INSN_UNKNOWN,	/* no such opcode in this mode: #UD */
};

/* vhm_insn.prefix */
#define VHM_PFX_LOCK	0x01
#define VHM_PFX_REPE	0x02	/* F3; of F2 and F3 the last one counts */
#define VHM_PFX_REPNE	0x04	/* F2 */
#define VHM_PFX_OPSIZE	0x08	/* 66 */
#define VHM_PFX_ADSIZE	0x10	/* 67 */
#define VHM_PFX_SEG	0x20	/* a segment override is in force */

/* vhm_insn.rex, also set from VEX/EVEX/XOP */
#define VHM_REX		0x40	/* a REX prefix is there: SPL, not AH */
#define VHM_REX_W	0x08
#define VHM_REX_R	0x04
#define VHM_REX_X	0x02
#define VHM_REX_B	0x01

/*
 * What the executor does. VHM_OP_NONE: length only. The first eight are in the
 * order of the group-1 encoding, ROL..SAR in that of group 2, BT..BTC in that
 * of group 8: the decoder adds the /reg field to the first of each. The executor
 * takes the lines as ranges.
 */
enum vhm_insn_op {
	VHM_OP_NONE,
	VHM_OP_ADD, VHM_OP_OR, VHM_OP_ADC, VHM_OP_SBB, VHM_OP_AND, VHM_OP_SUB, VHM_OP_XOR,
	VHM_OP_CMP, VHM_OP_TEST, VHM_OP_BSF, VHM_OP_BSR,
	VHM_OP_ROL, VHM_OP_ROR, VHM_OP_RCL, VHM_OP_RCR, VHM_OP_SHL, VHM_OP_SHR, VHM_OP_SAL,
	VHM_OP_SAR, VHM_OP_BT,
	VHM_OP_BTS, VHM_OP_BTR, VHM_OP_BTC, VHM_OP_NOT, VHM_OP_NEG, VHM_OP_INC, VHM_OP_DEC,
	VHM_OP_XCHG, VHM_OP_XADD, VHM_OP_CMPXCHG, VHM_OP_CMPXCHG8B,
	VHM_OP_MOV, VHM_OP_MOVZX, VHM_OP_MOVSX, VHM_OP_MOVBE,
	VHM_OP_MOV_XMM,		/* 16-byte loads and stores of XMM registers */
	VHM_OP_PUSH, VHM_OP_POP, VHM_OP_NOP,
	VHM_OP_1B, VHM_OP_0F,	/* told apart by opcode, of the one-byte map and that behind 0F */
	VHM_OP_MOVS, VHM_OP_CMPS, VHM_OP_STOS, VHM_OP_LODS, VHM_OP_SCAS, VHM_OP_INS, VHM_OP_OUTS,
	VHM_OP_IN, VHM_OP_OUT, VHM_OP_CLTS, VHM_OP_LMSW, VHM_OP_SMSW, VHM_OP_MOV_FROM_SREG,
	VHM_OP_INVLPG, VHM_OP_MOV_CR, VHM_OP_MOV_DR,
	VHM_NR_OP,
};

/*
 * Where the operands are. d: destination, s: source. r/m may also be a register
 * named by the opcode, or the accumulator where no ModRM byte says otherwise;
 * so may reg.
 */
enum vhm_insn_form {
	VHM_FORM_NONE,	/* r/m, or implied by op */
	VHM_FORM_MR,	/* d r/m, s reg */
	VHM_FORM_RM,	/* d reg, s r/m */
	VHM_FORM_MI,	/* d r/m, s imm */
	VHM_FORM_MC,	/* d r/m, s CL */
};

/*
 * One decoded instruction. len, opcode, prefix and rex are right for every
 * instruction, the rest whenever op is not VHM_OP_NONE.
 */
struct vhm_insn {
	u64 imm;	/* immediate, sign-extended to 64 bits; 1 without one, for shifts */
	s64 disp;	/* displacement, sign-extended, or the whole address */
	u8 len;		/* bytes, 1..15 */
	u8 op;		/* enum vhm_insn_op */
	u8 form;	/* enum vhm_insn_form */
	u8 size;	/* operand size in bytes: 1, 2, 4, 8 */
	u8 ssize;	/* size of the source of MOVZX and MOVSX, else = size */
	u8 adsize;	/* address size in bytes: 2, 4, 8 */
	u8 mem;		/* 1: the r/m operand is memory */
	u8 seg;		/* enum vhm_sreg of the memory operand, overrides applied */
	u8 reg;		/* ModRM.reg with REX.R */
	u8 rm;		/* ModRM.rm or opcode register with REX.B, if !mem */
	u8 base;	/* enum vhm_gpr */
	u8 index;	/* enum vhm_gpr, never VHM_REG_RIP */
	u8 scale;	/* index is shifted left by this */
	u8 mode;	/* enum vhm_insn_mode it was decoded in */
	u8 opcode;	/* last opcode byte */
	u8 prefix;	/* VHM_PFX_* */
	u8 rex;		/* VHM_REX_*, 0 without REX */
};

/*
 * vhm_insn_decode - decode the instruction at @bytes
 * @insn: written whole on VHM_INSN_OK; unspecified otherwise
 * @bytes: instruction bytes, guest-controlled
 * @n: how many of them are valid; never reads past n or VHM_INSN_MAX
 * @mode: mode of the code segment
 *
 * Pure; any context. VHM_INSN_SHORT means that the owner should fetch more
 * (on the next page, say) and call again with all of them. Branches with an
 * operand-size prefix in 64-bit mode take a 16-bit displacement, as AMD does.
 *
 * Source: AMD64 APM vol. 3, "Instruction Encoding", "Opcode and Operand
 * Encodings"; Intel SDM vol. 2, "Instruction Format", "Opcode Map".
 */
enum vhm_insn_status vhm_insn_decode(struct vhm_insn *insn, const u8 *bytes, unsigned int n,
				     enum vhm_insn_mode mode);

/* -------------------------------------------------------------- executor */

/* How an op, or a whole execution, ended. */
enum vhm_emul_status {
	VHM_EMUL_OK = 0,	/* done; from vhm_emul_exec(): committed */
	VHM_EMUL_MORE,		/* exec only: REP made progress, rip unmoved */
	VHM_EMUL_FAULT,		/* an exception is recorded in vhm_emul.exc */
	VHM_EMUL_USER,		/* userspace must complete the access first */
	VHM_EMUL_RETRY,		/* state moved underneath: re-enter the guest */
	VHM_EMUL_EXIT,		/* exec only: one that every hypervisor performs itself */
	VHM_EMUL_FAIL,		/* cannot be emulated */
};

/* Accesses, for the ops below. READ|WRITE: a read that will be written back. */
#define VHM_ACC_READ	0x1
#define VHM_ACC_WRITE	0x2
#define VHM_ACC_EXEC	0x4
#define VHM_ACC_PROBE	0x8

/* Exception to inject. */
struct vhm_emul_exc {
	u64 addr;	/* CR2, of #PF only; written by the owner's op */
	u32 error;
	u8 vector;
	u8 has_error;
};

/* vhm_seg.attr: the VMCB's packing of a descriptor cache. */
#define VHM_SEG_TYPE	0x00f	/* accessed, writable/readable, down, code */
#define VHM_SEG_RW	0x002	/* data: writable, code: readable */
#define VHM_SEG_DOWN	0x004	/* data: expands down */
#define VHM_SEG_CODE	0x008
#define VHM_SEG_S	0x010	/* code or data */
#define VHM_SEG_P	0x080
#define VHM_SEG_L	0x200
#define VHM_SEG_DB	0x400	/* 32-bit stack or code, 4 GiB expand-down */

/* A segment register with its hidden part; in the order of SVM's VMCB. */
struct vhm_seg {
	u16 sel;
	u16 attr;	/* VHM_SEG_* */
	u32 limit;	/* last valid offset in bytes, granularity applied */
	u64 base;
};

struct vhm_emul;

/*
 * What the owner supplies. Every entry is there. All are called from
 * vhm_emul_exec() in its caller's context. An op that returns VHM_EMUL_FAULT
 * has called vhm_emul_raise() first. No op touches vhm_emul's registers.
 *
 * Linear addresses are canonical (64-bit) or below 4 GiB (else) for each byte
 * of the access, with one exception that the owner's page walk handles by
 * wrapping: an access that ends past 4 GiB outside 64-bit mode. Accesses may
 * cross pages and be misaligned; the owner splits them.
 */
struct vhm_emul_ops {
	/*
	 * Fill @seg from the descriptor cache. Outside 64-bit mode for every
	 * memory operand; in it for FS and GS, and for MOV r/m, Sreg. GDTR, LDTR
	 * and IDTR are asked for when a segment is loaded or an interrupt taken.
	 */
	void (*segment)(struct vhm_emul *e, enum vhm_sreg nr, struct vhm_seg *seg);

	/* Load it, checks done; the last that an instruction does before its registers. */
	void (*set_segment)(struct vhm_emul *e, enum vhm_sreg nr, const struct vhm_seg *seg);

	/*
	 * Move @size (1..16) bytes between linear memory and @buf: to memory if
	 * @acc is VHM_ACC_WRITE alone. READ|WRITE is a read whose bytes are
	 * written next, so that the page walk must check that permission
	 * already. RAM is copied (a naturally aligned access of 1, 2, 4, 8
	 * bytes in one piece), a device is asked, USER is returned when only
	 * userspace has it. Page faults are raised as the guest's (#PF with
	 * exc.addr set), user mode when cpl is 3.
	 *
	 * A write with @old is an atomic compare-and-exchange, for LOCKed
	 * instructions and XCHG: a READ|WRITE before gave @old. RAM: OK when
	 * @old was there and @buf now is, RETRY when it was not. Device memory
	 * has no such transaction: the owner writes @buf.
	 *
	 * With VHM_ACC_PROBE nothing is moved: would the access fault? FAULT if
	 * so, OK when all of it is RAM, USER when some is device memory. @size
	 * is up to a page then, and crosses a page boundary only if it is 4 or
	 * less. INS and OUTS ask before they move a batch, and INS before it
	 * takes data from a port that it could not put back.
	 */
	enum vhm_emul_status (*mem)(struct vhm_emul *e, u64 la, void *buf, const void *old,
				    u32 size, u32 acc);

	/*
	 * One iteration of a REP string instruction took effect and another
	 * follows in this call: forget the record of completed accesses.
	 */
	void (*commit)(struct vhm_emul *e);

	/*
	 * @count items of @size (1, 2, 4) bytes from or to one port, in
	 * vhm_emul.pio_buf. count is 1 for IN and OUT, else as many as the page
	 * and RCX allow. All or nothing; after USER the same call comes again
	 * and is answered OK, for IN with the data in pio_buf.
	 */
	enum vhm_emul_status (*pio)(struct vhm_emul *e, u16 port, u32 size, u32 count, bool in);

	/*
	 * Read or write a control or debug register, or INVLPG of the address
	 * *val. The executor has checked cpl, that CR is 0, 2, 3, 4 or 8, that
	 * DR is 0..7. The owner checks values (#GP(0)), CR4.DE and DR7.GD, and
	 * raises what is due. CLTS, LMSW and SMSW arrive as CR0; CR4 is also
	 * read for UMIP.
	 */
	enum vhm_emul_status (*control)(struct vhm_emul *e, u32 nr, u64 *val, bool write);

	/*
	 * XMM register @nr (0..15), low 16 bytes. The owner raises #UD or #NM
	 * when CR0.EM, CR0.TS or CR4.OSFXSR forbid SSE; FAIL where it has no
	 * access to the guest's FPU state. A load reads the register too, before
	 * it touches memory, so the write finds that all is well.
	 */
	enum vhm_emul_status (*xmm)(struct vhm_emul *e, u32 nr, void *val, bool write);
};

/* vhm_emul_ops.control: CR n is n. */
#define VHM_CTL_DR	16
#define VHM_CTL_INVLPG	24

/*
 * The CPU state and the instruction. Lives in the owner's vCPU (container_of
 * finds it back); only the vCPU's thread touches it, so nothing is locked.
 */
struct vhm_emul {
	/* The owner sets these before each vhm_emul_exec(). */
	const struct vhm_emul_ops *ops;
	u64 *gpr;		/* 16, indexed by enum vhm_gpr */
	u64 rip;		/* of the instruction; advanced on OK */
	u64 rflags;
	struct vhm_insn insn;	/* from vhm_insn_decode() */
	u8 cpl;
	u8 prot;		/* 1: CR0.PE and not virtual-8086 mode */
	u8 la_bits;		/* canonical width: 48, or 57 with CR4.LA57 */
	/* 1: the CPU has checked IOPL and bitmap; else RETRY when they would matter */
	u8 pio_checked;
	u16 max_iter;		/* REP iterations per call, at least 1 */
	u8 *pio_buf;		/* a page to stage port I/O in; may be shared memory */

	/* The executor sets this, valid after VHM_EMUL_FAULT. */
	struct vhm_emul_exc exc;
	/* It sets this too, on OK: VHM_EMUL_*; the owner acts on it and clears it. */
	u8 after;
};

/* vhm_emul.after */
#define VHM_EMUL_SHADOW_STI	0x1	/* no interrupts for one more instruction */
#define VHM_EMUL_SHADOW_SS	0x2	/* the same, and no #DB */
#define VHM_EMUL_IRET		0x4	/* NMIs are unmasked */

/*
 * vhm_emul_exec - perform e->insn
 *
 * Context: the owner's, as its ops demand. Returns
 *   OK     committed; rip is behind the instruction, RFLAGS.RF is clear. The
 *          owner drops the interrupt shadow and, with TF set, injects #DB.
 *   MORE   a REP string instruction made progress (registers committed) and is
 *          not finished: rip is unmoved; take interrupts, then call again or
 *          let the guest run into it. With TF set each iteration ends here.
 *   FAULT  inject e->exc. Nothing of this instruction (of this iteration, for
 *          REP) is committed; as on hardware, a write that was performed
 *          before the fault stays.
 *   USER   as above; nothing of this instruction or iteration is committed.
 *   RETRY  nothing is committed; re-enter the guest at the same rip.
 *   EXIT   HLT, CPUID, RDMSR, WRMSR, INVD or WBINVD, and the guest may: nothing is
 *          done, the owner treats it as an exit of that kind.
 *   FAIL   the instruction is not one the executor performs (op is
 *          VHM_OP_NONE, or an op said so); nothing is committed.
 */
enum vhm_emul_status vhm_emul_exec(struct vhm_emul *e);

/*
 * vhm_emul_interrupt - deliver an interrupt or exception in real mode
 *
 * Pushes FLAGS, CS and e->rip (the one to return to) and goes where the table at
 * IDTR says; e->insn is not looked at but for its mode, which is not 64-bit. As
 * vhm_emul_exec(): OK, FAULT, USER, RETRY or FAIL.
 *
 * Source: Intel SDM vol. 3, "Interrupt and Exception Handling" of 8086 emulation.
 */
enum vhm_emul_status vhm_emul_interrupt(struct vhm_emul *e, u8 vector);

/*
 * vhm_emul_raise - record an exception, for the owner's ops
 * @error: pushed when the vector has an error code (decided here)
 *
 * Returns VHM_EMUL_FAULT, so that an op can return its result.
 */
enum vhm_emul_status vhm_emul_raise(struct vhm_emul *e, u8 vector, u32 error);

#endif
