// SPDX-License-Identifier: GPL-2.0-only
/*
 * One report of a VMCS, for entries that failed and exits nobody knows.
 *
 * The VMCS can be read only in the section and the report is wanted outside,
 * so the fields are noted in between. What the CPU's checks of guest state
 * (Intel SDM vol. 3, "Checks on the Guest State Area") would have found is
 * looked for and named.
 */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/printk.h>
#include <asm/processor-flags.h>

#include "vmx/vmx.h"

enum note {
	N_REASON, N_QUAL, N_INSN_ERROR, N_EXIT_INTR, N_IDT_VEC, N_ENTRY_INTR, N_PHYS,
	N_PIN, N_PROC, N_PROC2, N_EXIT, N_ENTRY, N_EXC,
	N_CR0, N_CR3, N_CR4, N_EFER, N_RIP, N_RSP, N_RFLAGS, N_DR7, N_DEBUGCTL, N_PAT,
	N_INTR_STATE, N_PENDING, N_ACTIVITY, N_LINK, N_GDT, N_GDT_LIMIT, N_IDT, N_IDT_LIMIT,
	N_SEL, N_AR = N_SEL + 8, N_LIMIT = N_AR + 8, N_BASE = N_LIMIT + 8,
	N_EPTP = N_BASE + 8, N_HOST_CR3, N_HOST_RSP, N_HOST_RIP, N_NR
};
static_assert(N_NR <= VMX_NOTES);

static const u16 fields[N_NR] = {
	[N_REASON] = VMCS_EXIT_REASON, VMCS_QUALIFICATION, VMCS_INSN_ERROR, VMCS_EXIT_INTR,
	VMCS_IDT_VECTORING, VMCS_ENTRY_INTR, VMCS_GUEST_PHYSICAL,
	[N_PIN] = VMCS_PIN, VMCS_PROC, VMCS_PROC2, VMCS_EXIT_CTLS, VMCS_ENTRY_CTLS,
	VMCS_EXCEPTIONS,
	[N_CR0] = VMCS_GUEST_CR0, VMCS_GUEST_CR3, VMCS_GUEST_CR4, VMCS_GUEST_EFER,
	VMCS_GUEST_RIP, VMCS_GUEST_RSP, VMCS_GUEST_RFLAGS, VMCS_GUEST_DR7, VMCS_GUEST_DEBUGCTL,
	VMCS_GUEST_PAT,
	[N_INTR_STATE] = VMCS_GUEST_INTR_STATE, VMCS_GUEST_PENDING_DBG, VMCS_GUEST_ACTIVITY,
	VMCS_LINK_POINTER, VMCS_GUEST_GDTR_BASE, VMCS_GUEST_GDTR_LIMIT, VMCS_GUEST_IDTR_BASE,
	VMCS_GUEST_IDTR_LIMIT,
	/* the first of eight each, two apart */
	[N_SEL] = VMCS_GUEST_SEL, [N_AR] = VMCS_GUEST_AR,
	[N_LIMIT] = VMCS_GUEST_LIMIT, [N_BASE] = VMCS_GUEST_BASE,
	[N_EPTP] = VMCS_EPT_POINTER, VMCS_HOST_CR3, VMCS_HOST_RSP, VMCS_HOST_RIP,
};

static const char seg_names[8][5] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR" };

#define SEG_UNUSABLE	BIT(16)
#define SEG_L		BIT(13)
#define SEG_DB		BIT(14)
#define SEG_G		BIT(15)

void vmx_dump_note(struct vmx_vcpu *vmx)
{
	int i;

	for (i = 0; i < N_NR; i++)
		vmx->note[i] = vmcs_read(i < N_SEL || i >= N_EPTP ? fields[i] :
					 fields[round_down(i - N_SEL, 8) + N_SEL] + 2 * ((i - N_SEL) % 8));
}

static bool odd_address(u64 a)
{
	return (s64)(a << 16) >> 16 != (s64)a;
}

static void suspect_segment(const u64 *n, int s, bool v86)
{
	u64 ar = n[N_AR + s], limit = n[N_LIMIT + s], base = n[N_BASE + s];
	const char *what = NULL;

	if (ar & SEG_UNUSABLE)
		what = s == VHM_TR || s == VHM_CS ? "not usable" : NULL;
	else if (v86 && s < VHM_LDTR)
		what = base != n[N_SEL + s] << 4 || limit != 0xffff || ar != 0xf3 ?
		       "not as in virtual-8086 mode" : NULL;
	else if (!(ar & VHM_SEG_P) || (s < VHM_LDTR) != !!(ar & VHM_SEG_S))
		what = "not present, or of the wrong kind";
	else if (ar & SEG_G ? (limit & 0xfff) != 0xfff : limit >> 20)
		what = "limit and granularity disagree";
	else if (s == VHM_CS && ar & SEG_L && ar & SEG_DB && n[N_ENTRY] & VMX_ENTRY_GUEST64)
		what = "L and D both set";
	else if (s == VHM_TR && (ar & 15) != 11 &&
		 ((ar & 15) != 3 || n[N_ENTRY] & VMX_ENTRY_GUEST64))
		what = "not a busy TSS";
	else if (s == VHM_LDTR && (ar & 15) != 2)
		what = "not an LDT";
	else if (s >= VHM_FS ? odd_address(base) : base >> 32)
		what = "base";
	if (what)
		pr_err("suspicious: %s: %s\n", seg_names[s], what);
}

static void suspect(const u64 *n)
{
	bool lma = n[N_ENTRY] & VMX_ENTRY_GUEST64, v86 = n[N_RFLAGS] & X86_EFLAGS_VM;
	u64 state = n[N_INTR_STATE], fl = n[N_RFLAGS];
	const struct { bool bad; const char *what; } checks[] = {
		{ n[N_CR0] & X86_CR0_PG && !(n[N_CR0] & X86_CR0_PE), "CR0: PG without PE" },
		{ vmx_config.cr0_fixed & ~n[N_CR0], "CR0: a bit that VMX wants" },
		{ (vmx_config.cr4_fixed & ~n[N_CR4]) | (n[N_CR4] & ~vmx_config.cr4_possible), "CR4" },
		{ n[N_CR3] >> 52, "CR3" },
		{ lma != !!(n[N_EFER] & EFER_LMA), "EFER.LMA" },
		{ lma && !(n[N_CR4] & X86_CR4_PAE), "CR4: long mode without PAE" },
		{ n[N_CR0] & X86_CR0_PG && lma != !!(n[N_EFER] & EFER_LME), "EFER.LME" },
		{ n[N_DR7] >> 32, "DR7" },
		{ v86 && (lma || !(n[N_CR0] & X86_CR0_PE)), "RFLAGS.VM" },
		{ !(fl & X86_EFLAGS_FIXED) || fl & ~0x3f7fd7ull, "RFLAGS: reserved bits" },
		{ n[N_ENTRY_INTR] & VMX_INTR_VALID && !VMX_INTR_TYPE(n[N_ENTRY_INTR]) &&
		  !(fl & X86_EFLAGS_IF), "RFLAGS.IF with an interrupt to deliver" },
		{ lma && n[N_AR + VHM_CS] & SEG_L ? odd_address(n[N_RIP]) : n[N_RIP] >> 32, "RIP" },
		{ state & VMX_SHADOW_STI && (state & VMX_SHADOW_SS || !(fl & X86_EFLAGS_IF)),
		  "interruptibility" },
		{ n[N_ACTIVITY], "activity" },
		{ odd_address(n[N_GDT]) || n[N_GDT_LIMIT] >> 16, "GDTR" },
		{ odd_address(n[N_IDT]) || n[N_IDT_LIMIT] >> 16, "IDTR" },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i].bad)
			pr_err("suspicious: %s\n", checks[i].what);
	for (i = 0; i < 8; i++)
		suspect_segment(n, i, v86);
}

/* vmx_dump - struct vhm_ops->dump. The caller limits the rate. */
void vmx_dump(struct vhm_vcpu *vcpu)
{
	const u64 *n = to_vmx(vcpu)->note;
	int i;

	pr_err("vCPU %d, last on CPU %d: exit %llx qualification %llx intr %llx idt %llx entry_intr %llx gpa %llx insn_error %llx\n",
	       vcpu->id, vcpu->last_cpu, n[N_REASON], n[N_QUAL], n[N_EXIT_INTR], n[N_IDT_VEC],
	       n[N_ENTRY_INTR], n[N_PHYS], n[N_INSN_ERROR]);
	pr_err("rip %llx rsp %llx rflags %llx cr0 %llx cr3 %llx cr4 %llx efer %llx\n", n[N_RIP],
	       n[N_RSP], n[N_RFLAGS], n[N_CR0], n[N_CR3], n[N_CR4], n[N_EFER]);
	pr_err("dr7 %llx debugctl %llx pat %llx intr_state %llx pending %llx activity %llx link %llx\n",
	       n[N_DR7], n[N_DEBUGCTL], n[N_PAT], n[N_INTR_STATE], n[N_PENDING], n[N_ACTIVITY],
	       n[N_LINK]);
	for (i = 0; i < 8; i++)
		pr_err("%-4s %04llx ar %05llx limit %08llx base %llx\n", seg_names[i], n[N_SEL + i],
		       n[N_AR + i], n[N_LIMIT + i], n[N_BASE + i]);
	pr_err("gdt %llx/%llx idt %llx/%llx; controls: pin %llx proc %llx %llx exit %llx entry %llx exc %llx eptp %llx\n",
	       n[N_GDT], n[N_GDT_LIMIT], n[N_IDT], n[N_IDT_LIMIT], n[N_PIN], n[N_PROC], n[N_PROC2],
	       n[N_EXIT], n[N_ENTRY], n[N_EXC], n[N_EPTP]);
	if (vcpu->exit.kind == VHM_X_FAIL_ENTRY)
		suspect(n);
}
