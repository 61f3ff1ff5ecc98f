// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/vmx/exit.c: every exit reason that the manual knows has a row, and the
 * row is what the controls that hv sets let it be: a reason that they rule out
 * is unknown, and dumped, and told to the VMM. (Intel SDM vol. 3, appendix C
 * "VMX Basic Exit Reasons".)
 */
#include "vhm.h"
#include "../../kmod/vmx/exit.c"
#undef ARRAY_SIZE
#include "ktap.h"

struct vhm_caps vhm_caps;

u32 vmx_intr_state(struct vmx_vcpu *vmx)
{
	return vmx->ctl_dirty;
}

void vmx_cut_short(struct vmx_vcpu *vmx, u32 info)
{
	vmx->real = info;
}

void vmx_dump_note(struct vmx_vcpu *vmx)
{
	vmx->real = 0;
}

#define INSN_UD	VHM_X_UD

/* In the order of their numbers. UNKNOWN: hv asks for none, so it is a surprise. */
static const struct { const char *name; u8 kind; } manual[] = {
	{ "exception or NMI", VHM_X_EXCEPTION }, { "external interrupt", VHM_X_HOST_EVENT },
	{ "triple fault", VHM_X_SHUTDOWN }, { "INIT", VHM_X_HOST_EVENT },
	{ "SIPI", VHM_X_UNKNOWN }, { "I/O SMI", VHM_X_UNKNOWN }, { "other SMI", VHM_X_UNKNOWN },
	{ "interrupt window", VHM_X_IRQ_WINDOW }, { "NMI window", VHM_X_NMI_WINDOW },
	{ "task switch", VHM_X_TASK_SWITCH }, { "CPUID", VHM_X_CPUID }, { "GETSEC", INSN_UD },
	{ "HLT", VHM_X_HLT }, { "INVD", VHM_X_INVD }, { "INVLPG", VHM_X_CR },
	{ "RDPMC", VHM_X_RDPMC }, { "RDTSC", VHM_X_RDTSC }, { "RSM", VHM_X_RSM },
	{ "VMCALL", VHM_X_HYPERCALL }, { "VMCLEAR", INSN_UD }, { "VMLAUNCH", INSN_UD },
	{ "VMPTRLD", INSN_UD }, { "VMPTRST", INSN_UD }, { "VMREAD", INSN_UD },
	{ "VMRESUME", INSN_UD }, { "VMWRITE", INSN_UD }, { "VMXOFF", INSN_UD },
	{ "VMXON", INSN_UD }, { "control register", VHM_X_CR }, { "debug register", VHM_X_DR },
	{ "I/O", VHM_X_IO }, { "RDMSR", VHM_X_MSR }, { "WRMSR", VHM_X_MSR },
	{ "failed entry, guest state", VHM_X_UNKNOWN }, { "failed entry, MSRs", VHM_X_UNKNOWN },
	{ "(35)", VHM_X_UNKNOWN }, { "MWAIT", VHM_X_MWAIT },
	{ "monitor trap flag", VHM_X_UNKNOWN }, { "(38)", VHM_X_UNKNOWN },
	{ "MONITOR", VHM_X_MONITOR }, { "PAUSE", VHM_X_PAUSE },
	{ "failed entry, machine check", VHM_X_UNKNOWN }, { "(42)", VHM_X_UNKNOWN },
	{ "TPR below threshold", VHM_X_UNKNOWN }, { "APIC access", VHM_X_UNKNOWN },
	{ "virtualized EOI", VHM_X_UNKNOWN }, { "GDTR or IDTR", VHM_X_UNKNOWN },
	{ "LDTR or TR", VHM_X_UNKNOWN }, { "EPT violation", VHM_X_FAULT },
	{ "EPT misconfiguration", VHM_X_UNKNOWN }, { "INVEPT", INSN_UD },
	{ "RDTSCP", VHM_X_UNKNOWN }, { "preemption timer", VHM_X_UNKNOWN },
	{ "INVVPID", INSN_UD }, { "WBINVD", VHM_X_WBINVD }, { "XSETBV", VHM_X_XSETBV },
	{ "APIC write", VHM_X_UNKNOWN }, { "RDRAND", VHM_X_UNKNOWN },
	{ "INVPCID", VHM_X_UNKNOWN }, { "VMFUNC", INSN_UD }, { "ENCLS", INSN_UD },
	{ "RDSEED", VHM_X_UNKNOWN }, { "page-modification log full", VHM_X_UNKNOWN },
	{ "XSAVES", VHM_X_UNKNOWN }, { "XRSTORS", VHM_X_UNKNOWN }, { "PCONFIG", VHM_X_UNKNOWN },
	{ "SPP", VHM_X_UNKNOWN }, { "UMWAIT", VHM_X_UNKNOWN }, { "TPAUSE", VHM_X_UNKNOWN },
	{ "LOADIWKEY", VHM_X_UNKNOWN }, { "ENCLV", VHM_X_UNKNOWN }, { "(71)", VHM_X_UNKNOWN },
	{ "ENQCMD PASID", VHM_X_UNKNOWN }, { "ENQCMDS PASID", VHM_X_UNKNOWN },
	{ "bus lock", VHM_X_UNKNOWN }, { "notify", VHM_X_UNKNOWN }, { "SEAMCALL", INSN_UD },
	{ "TDCALL", INSN_UD }, { "RDMSRLIST", VHM_X_UNKNOWN },
	{ "WRMSRLIST", VHM_X_UNKNOWN },
};

TEST(every_reason_has_a_row)
{
	CHECK_EQ(ARRAY_SIZE(rows), ARRAY_SIZE(manual));
	for (unsigned int i = 0; i < ARRAY_SIZE(manual); i++)
		if (rows[i].kind != manual[i].kind)
			FAIL("%u, %s: kind %u, not %u", i, manual[i].name, rows[i].kind,
			     manual[i].kind);
}

/* What nobody serves has no decoder: that is what makes vmx_decode() note the VMCS. */
TEST(unknown_ones_are_dumped)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		if ((rows[i].decoder == D_UNKNOWN) !=
		    (rows[i].kind == VHM_X_UNKNOWN || rows[i].kind == VHM_X_TASK_SWITCH ||
		     rows[i].kind == VHM_X_RDTSC))
			FAIL("%u, %s", i, manual[i].name);
}

/* An instruction that faults is not stepped over. */
TEST(no_length_for_what_faults)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == VHM_X_UD && rows[i].decoder != D_NONE)
			FAIL("%u, %s", i, manual[i].name);
}
