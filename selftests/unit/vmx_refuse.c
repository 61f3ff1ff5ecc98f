// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod/vmx/caps.c: for which CPUs hv refuses to load, each with its own errno
 * and one line that names the cause. The CPU is made up here, most of it of
 * what a Haswell says; a case takes one thing away.
 */
#include <stdarg.h>
#include <sys/types.h>

#include "host.h"
#include "vhm.h"
#include "vmx/vmx.h"
#undef ARRAY_SIZE
#include "ktap.h"

struct vhm_caps vhm_caps;

static char said[1024];
static int lines;

int shim_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	return ++lines;
}

static u32 leaf1_ecx;
static u64 cr4;

u32 cpuid_ecx(u32 leaf)
{
	return leaf == 1 ? leaf1_ecx : 0;
}

u64 __read_cr4(void)
{
	return cr4;
}

static struct msr {
	u32 index;
	bool absent;
	u64 val;
} msrs[] = {
	{ MSR_IA32_FEAT_CTL, .val = 5 },
	{ MSR_IA32_VMX_BASIC, .val = 1ull << 55 | 1024ull << 32 | 0x2b },
	{ MSR_IA32_VMX_TRUE_PINBASED_CTLS, .val = 0x7f00000016 },
	{ MSR_IA32_VMX_TRUE_PROCBASED_CTLS, .val = 0xfff9fffe04006172 },
	{ MSR_IA32_VMX_PROCBASED_CTLS2, .val = 0x7fffull << 32 },
	{ MSR_IA32_VMX_EPT_VPID_CAP, .val = 0xf0106734141 },
	{ MSR_IA32_VMX_TRUE_EXIT_CTLS, .val = 0x7fffff00036dfb },
	{ MSR_IA32_VMX_TRUE_ENTRY_CTLS, .val = 0xffff000011fb },
	{ MSR_IA32_VMX_CR0_FIXED0, .val = 0x80000021 },
	{ MSR_IA32_VMX_CR4_FIXED0, .val = 0x2000 },
	{ MSR_IA32_VMX_CR4_FIXED1, .val = 0x1767ff },
};

static struct msr *msr(u32 index)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].index == index)
			return &msrs[i];
	FAIL("no MSR %#x", index);
}

int vhm_rdmsr_safe(u32 index, u64 *val)
{
	struct msr *m = msr(index);

	*val = m->absent ? 0 : m->val;
	return m->absent ? -EIO : 0;
}

u64 vhm_rdmsr(u32 index)
{
	struct msr *m = msr(index);

	if (m->absent)
		FAIL("MSR %#x is not there: on a CPU this is a #GP", index);
	return m->val;
}

/* Each case is a process: it changes the CPU as it likes. */
static void cpu(void)
{
	leaf1_ecx = 1 << 5;
	cr4 = 0x1726e0;
}

static void refused(int err, const char *cause)
{
	CHECK_EQ(vmx_check(), (u64)-err);
	CHECK_EQ(lines, 1);
	ktap_note("%.*s", (int)strcspn(said, "\n"), said);
	if (!strstr(said, cause))
		FAIL("it does not say \"%s\"", cause);
}

TEST(takes_this_cpu)
{
	cpu();
	CHECK_EQ(vmx_check(), 0);
	CHECK_EQ(lines, 0);
	CHECK_EQ(vmx_config.revision, 0x2b);
	CHECK(vmx_config.proc2 & VMX_PROC2_UNRESTRICTED);
	/* what the CPU insists on is on, what nobody asked for is not */
	CHECK_EQ(vmx_config.entry & 0x11fb, 0x11fb);
	CHECK_EQ(vmx_config.proc2 & 0x4000, 0);
}

/* Another vendor's CPU: not a word. */
TEST(no_vmx)
{
	cpu();
	leaf1_ecx = 0;
	CHECK_EQ(vmx_check(), (u64)-ENODEV);
	CHECK_EQ(lines, 0);
}

TEST(feature_control_absent)
{
	cpu();
	msr(MSR_IA32_FEAT_CTL)->absent = true;
	refused(EACCES, "no IA32_FEATURE_CONTROL");
}

TEST(feature_control_unlocked)
{
	cpu();
	msr(MSR_IA32_FEAT_CTL)->val = 4;
	refused(EACCES, "not locked");
}

TEST(locked_off)
{
	cpu();
	msr(MSR_IA32_FEAT_CTL)->val = 1;
	refused(EACCES, "disabled and locked");
}

TEST(inside_smx_only)
{
	cpu();
	msr(MSR_IA32_FEAT_CTL)->val = 3;
	refused(EACCES, "inside SMX");
}

TEST(fred)
{
	cpu();
	cr4 |= 1ull << 32;
	refused(EPROTONOSUPPORT, "fred=off");
}

TEST(no_true_controls)
{
	cpu();
	msr(MSR_IA32_VMX_BASIC)->val = 0x2b;
	refused(EOPNOTSUPP, "default controls");
}

TEST(no_secondary_controls)
{
	cpu();
	msr(MSR_IA32_VMX_TRUE_PROCBASED_CTLS)->val &= ~(1ull << 63);
	refused(EOPNOTSUPP, "processor-based controls: 0x80000000 missing");
}

/* Taken, but for shadow tables, with what these ask for. */
static void shadow(void)
{
	CHECK_EQ(vmx_check(), 0);
	CHECK_EQ(lines, 0);
	CHECK_EQ(vmx_config.proc2 & (VMX_PROC2_EPT | VMX_PROC2_UNRESTRICTED | VMX_PROC2_INVPCID), 0);
	CHECK(vmx_config.proc & VMX_PROC_INVLPG);
	CHECK(vmx_config.cr0_fixed & X86_CR0_WP);
	CHECK(vmx_config.cr4_fixed & X86_CR4_PAE);
	vmx_setup_caps();
	CHECK(vhm_caps.shadow);
	CHECK_EQ(vhm_caps.cr4 & X86_CR4_PCIDE, 0);
}

TEST(no_ept)
{
	cpu();
	msr(MSR_IA32_VMX_PROCBASED_CTLS2)->val &= ~(2ull << 32);
	msr(MSR_IA32_VMX_EPT_VPID_CAP)->absent = true;
	shadow();
	/* nothing to flush by */
	CHECK_EQ(vmx_config.proc2 & VMX_PROC2_VPID, 0);
}

/* EPT in name: no four levels, no write-back, no INVEPT. */
TEST(ept_too_little)
{
	static const u64 needed[] = { VMX_EPT_WALK4, VMX_EPT_WB, VMX_EPT_INVEPT };
	u64 *cap = &msr(MSR_IA32_VMX_EPT_VPID_CAP)->val, all = *cap;

	cpu();
	for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++) {
		*cap = all & ~needed[i];
		shadow();
		CHECK(vmx_config.proc2 & VMX_PROC2_VPID);
	}
}

/* Any of the four that load EFER and PAT: then none is used. */
TEST(no_loads)
{
	static const struct { u32 msr, bit; } loads[] = {
		{ MSR_IA32_VMX_TRUE_EXIT_CTLS, VMX_EXIT_LOAD_EFER },
		{ MSR_IA32_VMX_TRUE_EXIT_CTLS, VMX_EXIT_LOAD_PAT },
		{ MSR_IA32_VMX_TRUE_ENTRY_CTLS, VMX_ENTRY_LOAD_EFER },
		{ MSR_IA32_VMX_TRUE_ENTRY_CTLS, VMX_ENTRY_LOAD_PAT },
	};

	cpu();
	for (unsigned int i = 0; i < ARRAY_SIZE(loads); i++) {
		u64 *cap = &msr(loads[i].msr)->val, all = *cap;

		*cap = all & ~((u64)loads[i].bit << 32);
		shadow();
		CHECK_EQ(vmx_config.exit & (VMX_EXIT_LOAD_PAT | VMX_EXIT_LOAD_EFER), 0);
		CHECK_EQ(vmx_config.entry & (VMX_ENTRY_LOAD_PAT | VMX_ENTRY_LOAD_EFER), 0);
		*cap = all;
	}
}

/* Each bit that hv cannot do without, by the bit in the line. */
TEST(missing_controls)
{
	static const struct {
		u32 msr, bit;
		const char *name;
	} rows[] = {
		{ MSR_IA32_VMX_TRUE_PINBASED_CTLS, VMX_PIN_NMI, "pin-based controls: 0x8 missing" },
		{ MSR_IA32_VMX_TRUE_PINBASED_CTLS, VMX_PIN_VNMI, "pin-based controls: 0x20 missing" },
		{ MSR_IA32_VMX_TRUE_PROCBASED_CTLS, VMX_PROC_MSR_BITMAP,
		  "processor-based controls: 0x10000000 missing" },
		{ MSR_IA32_VMX_TRUE_EXIT_CTLS, VMX_EXIT_HOST64, "exit controls: 0x200 missing" },
		{ MSR_IA32_VMX_TRUE_ENTRY_CTLS, VMX_ENTRY_LOAD_DEBUG, "entry controls: 0x4 missing" },
	};

	cpu();
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 *cap = &msr(rows[i].msr)->val, all = *cap;

		*cap = all & ~((u64)rows[i].bit << 32);
		lines = 0;
		refused(EOPNOTSUPP, rows[i].name);
		*cap = all;
	}
}

/* A control that cannot be off and that nobody here serves. */
TEST(forced_control)
{
	cpu();
	msr(MSR_IA32_VMX_TRUE_PROCBASED_CTLS)->val |= 1 << 12;	/* RDTSC exits */
	refused(EOPNOTSUPP, "0 missing, 0x1000 always on");
}
