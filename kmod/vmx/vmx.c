// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel VT-x: the back end's table, its vCPUs and its section.
 *
 * A section is one stay in VMX operation: CR4.VMXE and VMXON at its start, the
 * vCPU's VMCS current in between, VMCLEAR, VMXOFF and CR4 as it was at its end.
 * Nothing of VMX outlives it, so the VMCS lies in memory and cannot be accessed
 * outside; what the core changes there is kept in the vCPU and written before
 * the next entry, what it may want to read is fetched when the section ends.
 *
 * An exit sets the limits of GDTR and IDTR to 64 KiB, that of TR to the least
 * there can be, empties LDTR and clears DR7 and IA32_DEBUGCTL: once per section
 * the host's are put back. (Intel SDM vol. 3, "Loading Host State".)
 */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/cpu.h>
#include <linux/idr.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <asm/segment.h>

#include "cpuregs.h"
#include "vmx/vmx.h"

static bool vmx_l1d_flush = true;
module_param(vmx_l1d_flush, bool, 0444);
MODULE_PARM_DESC(vmx_l1d_flush, "on CPUs with L1TF, flush the L1 data cache before guests run (default on)");

static bool flush_l1d __read_mostly;	/* constant after set-up */

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpus);

static DEFINE_IDA(vpids);

#define PLE_GAP		128	/* cycles between two PAUSEs that count as one loop */
#define PLE_WINDOW	4096	/* cycles in such a loop before an exit */
#define VAPIC_TPR	0x80

/*
 * Exceptions that always exit: #MC is the host's; a guest can make the CPU
 * deliver #DB or #AC without end, and no interrupt would come through.
 */
#define ALWAYS_EXC	(BIT(MC_VECTOR) | BIT(DB_VECTOR) | BIT(AC_VECTOR))

static struct { u16 field; } ctl_fields[VC_NR] __ro_after_init = {
	[VC_PROC] = { VMCS_PROC }, [VC_PROC2] = { VMCS_PROC2 }, [VC_ENTRY] = { VMCS_ENTRY_CTLS },
	[VC_EXCEPTIONS] = { VMCS_EXCEPTIONS }, [VC_INTR_STATE] = { VMCS_GUEST_INTR_STATE },
	[VC_ROOT] = { VMCS_EPT_POINTER }, [VC_EVENT] = { VMCS_ENTRY_INTR },
	[VC_EVENT_ERROR] = { VMCS_ENTRY_ERROR }, [VC_EVENT_LEN] = { VMCS_ENTRY_INSN_LEN },
};

void vmx_bad_field(u32 field)
{
	WARN_ONCE(1, "hv: VMWRITE of field %x failed\n", field);
}

/* ---- vCPUs -------------------------------------------------------------------- */

/* vmx_update_intercepts - struct vhm_ops->update_intercepts */
void vmx_update_intercepts(struct vhm_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	bool own_dr = vcpu->dr_live && !(vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP);
	bool no_shadow = !(vmx_config.proc & VMX_PROC_TPR_SHADOW);

	vmx_change_ctl(vmx, VC_PROC, VMX_PROC_DR, !own_dr);
	vmx_change_ctl(vmx, VC_PROC, VMX_PROC_CR8_LOAD, vcpu->cr8_intercept || no_shadow);
	vmx_change_ctl(vmx, VC_PROC, VMX_PROC_CR8_STORE, no_shadow);
	vmx_change_ctl(vmx, VC_PROC, VMX_PROC_CR3_LOAD | VMX_PROC_CR3_STORE,
		       vmx->real || vhm_caps.shadow);
	vmx_set_ctl(vmx, VC_EXCEPTIONS, vmx->real & VMX_V86 ? ~0u :
		    vcpu->exc_intercepts | ALWAYS_EXC | (vhm_caps.shadow ? BIT(PF_VECTOR) : 0));
}

static struct vhm_vcpu *vmx_vcpu_alloc(struct vhm_vm *vm)
{
	struct vmx_vcpu *vmx = alloc_pages_exact(sizeof(*vmx), GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	int vpid = -ENOSPC;

	if (!vmx)
		return ERR_PTR(-ENOMEM);
	if (vmx_config.proc2 & VMX_PROC2_VPID)
		vpid = ida_alloc_range(&vpids, 1, U16_MAX, GFP_KERNEL);
	vmx->vpid = vpid > 0 ? vpid : 0;	/* without one the CPU flushes at each entry */
	vmx->vmcs.revision = vmx_config.revision;
	vmx->vmcs_pa = __pa(&vmx->vmcs);
	return &vmx->vcpu;
}

static void vmx_vcpu_free(struct vhm_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int cpu;

	/* the next vCPU may get this very address and must not pass for this one */
	for_each_possible_cpu(cpu)
		cmpxchg(&per_cpu(vmx_cpus, cpu).last, vmx, NULL);
	if (vmx->vpid)
		ida_free(&vpids, vmx->vpid);
	free_pages_exact(vmx, sizeof(*vmx));
}

static void vmx_cpuid_changed(struct vhm_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	bool invpcid = vhm_guest_has(vcpu, 7, 0, VHM_CPUID_EBX, 10);
	bool xsaves = vhm_guest_has(vcpu, 0xd, 1, VHM_CPUID_EAX, 3);
	bool rdtscp = vmx_config.proc2 & VMX_PROC2_RDTSCP &&
		      (vhm_guest_has(vcpu, 0x80000001, 0, VHM_CPUID_EDX, 27) ||
		       vhm_guest_has(vcpu, 7, 0, VHM_CPUID_ECX, 22));	/* RDPID */

	vcpu->cpuregs.rdtscp = rdtscp;
	/* without these the instructions are #UD */
	vmx_change_ctl(vmx, VC_PROC2, VMX_PROC2_RDTSCP, rdtscp);
	vmx_change_ctl(vmx, VC_PROC2, VMX_PROC2_INVPCID,
		       invpcid && vmx_config.proc2 & VMX_PROC2_INVPCID);
	vmx_change_ctl(vmx, VC_PROC2, VMX_PROC2_XSAVES, xsaves && vhm_caps.xsaves);
	/* without the bitmap every MSR exits */
	vmx_change_ctl(vmx, VC_PROC, VMX_PROC_MSR_BITMAP, !READ_ONCE(vcpu->vm->msr_exit_all));
	/* which bits of CR4 are the guest's own */
	vhm_st_write(vcpu, VHM_ST_CR);
}

static void vmx_vcpu_reset(struct vhm_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 off = vcpu->vm->exits_off;

	memset(vmx->ctl, 0, sizeof(vmx->ctl));
	vmx->ctl[VC_PROC] = vmx_config.proc;
	if (off & KVM_X86_DISABLE_EXITS_HLT)
		vmx->ctl[VC_PROC] &= ~(u64)VMX_PROC_HLT;
	if (off & KVM_X86_DISABLE_EXITS_MWAIT)
		vmx->ctl[VC_PROC] &= ~(u64)(VMX_PROC_MONITOR | VMX_PROC_MWAIT);
	vmx->ctl[VC_PROC2] = vmx->vpid ? vmx_config.proc2 : vmx_config.proc2 & ~VMX_PROC2_VPID;
	if (off & KVM_X86_DISABLE_EXITS_PAUSE)
		vmx->ctl[VC_PROC2] &= ~(u64)VMX_PROC2_PLE;
	vmx->ctl[VC_ENTRY] = vmx_config.entry;
	vmx->ctl[VC_ROOT] = vmx->root;
	vmx->ctl_dirty = VC_ALL;
	vmx->intr_state_valid = true;
	vmx->fresh = true;
	vmx_update_intercepts(vcpu);
	vmx_cpuid_changed(vcpu);
}

static void vmx_set_root(struct vhm_vcpu *vcpu, u64 root_pa)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->root = root_pa;
	if (!vhm_caps.shadow)
		vmx->root |= VMX_EPTP_WB | VMX_EPTP_LEVELS4 |
			     (vmx_config.ept_cap & VMX_EPT_AD ? VMX_EPTP_AD : 0);
	vmx_set_ctl(vmx, VC_ROOT, vmx->root);
	vmx->flush = true;
}

/* ---- TLB ---------------------------------------------------------------------------- */

/* All of the vCPU's. On shadow tables without a VPID each entry does so by itself. */
static noinline void flush_all(struct vmx_vcpu *vmx)
{
	vmx->flush = false;
	/* before it: what goes from the EPT meanwhile is for the next one */
	vmx->flushes = atomic64_read(&vmx->vcpu.vm->remote_tlb_flush);
	if (!vhm_caps.shadow)
		vmx_invept(vmx_config.ept_cap & VMX_EPT_INVEPT_ONE ? 1 : 2, vmx->root);
	else if (vmx->vpid)
		WARN_ON_ONCE(!vmx_invvpid(vmx->vpid));
}

/*
 * vmx_flush_tlb - the vCPU's translations are gone before its next entry
 *
 * INVEPT drops both what came from the EPT alone and what came from the guest's
 * tables through it. Where nothing went from the EPT since the last one it is the
 * guest's tables that changed, and INVVPID leaves alone what is of the EPT, and of
 * other vCPUs. On shadow tables INVVPID does for both. In its own section, or any
 * context in which it does not run.
 */
void vmx_flush_tlb(struct vhm_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (!vmx->current_here)
		vmx->flush = true;
	else if (vmx->flushes != atomic64_read(&vcpu->vm->remote_tlb_flush) || !vmx->vpid ||
		 !vmx_config.invvpid || WARN_ON_ONCE(!vmx_invvpid(vmx->vpid)))
		flush_all(vmx);
}

/* ---- the VMCS -------------------------------------------------------------------------- */

/* What is the same for all vCPUs and CPUs, or constant for this vCPU. */
static noinline void build(struct vmx_vcpu *vmx)
{
	vmcs_write32(VMCS_PIN, vmx_config.pin);
	vmcs_write32(VMCS_EXIT_CTLS, vmx_config.exit);
	vmcs_write64(VMCS_LINK_POINTER, ~0ull);
	vmcs_write64(VMCS_MSR_BITMAP, vmx_bitmap_pa());
	if (vmx_config.proc & VMX_PROC_TPR_SHADOW) {
		vmcs_write64(VMCS_VIRTUAL_APIC, __pa(vmx->vapic));
		vmcs_write32(VMCS_TPR_THRESHOLD, 0);
	}
	if (vmx->vpid)
		vmcs_write16(VMCS_VPID, vmx->vpid);
	if (vmx_config.proc2 & VMX_PROC2_PLE) {
		vmcs_write32(VMCS_PLE_GAP, PLE_GAP);
		vmcs_write32(VMCS_PLE_WINDOW, PLE_WINDOW);
	}
	if (vmx_config.proc2 & VMX_PROC2_XSAVES)
		vmcs_write64(VMCS_XSS_EXIT_BITMAP, 0);
	vmcs_write_nat(VMCS_CR0_MASK, ~(u64)X86_CR0_TS);
	/* every #PF, where they exit at all */
	vmcs_write32(VMCS_PF_ERROR_MASK, 0);
	vmcs_write32(VMCS_PF_ERROR_MATCH, 0);
	vmcs_write32(VMCS_GUEST_ACTIVITY, 0);
	vmcs_write_nat(VMCS_GUEST_PENDING_DBG, 0);
	vmcs_write16(VMCS_HOST_CS_SEL, __KERNEL_CS);
	vmcs_write16(VMCS_HOST_SS_SEL, __KERNEL_DS);
	vmcs_write16(VMCS_HOST_TR_SEL, GDT_ENTRY_TSS * 8);
	vmcs_write16(VMCS_HOST_DS_SEL, 0);
	vmcs_write16(VMCS_HOST_ES_SEL, 0);
	vmcs_write16(VMCS_HOST_FS_SEL, 0);
	vmcs_write16(VMCS_HOST_GS_SEL, 0);
	vmcs_write_nat(VMCS_HOST_RIP, (u64)vmx_vmexit);
	vmx->vcpu.st_dirty = VHM_ST_ALL;
	vmx->ctl_dirty = VC_ALL;
	vmx->fresh = false;
	/* what is remembered of the VMCS's content does not hold for this one */
	vmx->hw_rip = vmx->hw_rsp = vmx->hw_rflags = ~0ull;
	vmx->host_rsp = vmx->host_cr3 = vmx->host_cr4 = vmx->host_fs_base = 0;
	vmx->host_cpu = -1;
}

/* Host state that differs from CPU to CPU and changes at no other time. */
static noinline void write_host(struct vmx_vcpu *vmx, const struct vmx_cpu *c)
{
	vmcs_write_nat(VMCS_HOST_CR0, read_cr0());
	vmcs_write_nat(VMCS_HOST_GS_BASE, c->gs_base);
	vmcs_write_nat(VMCS_HOST_TR_BASE, c->tr_base);
	vmcs_write_nat(VMCS_HOST_GDTR_BASE, c->gdt.address);
	vmcs_write_nat(VMCS_HOST_IDTR_BASE, c->idt.address);
	vmcs_write32(VMCS_HOST_SYSENTER_CS, c->sysenter_cs);
	vmcs_write_nat(VMCS_HOST_SYSENTER_ESP, c->sysenter_esp);
	vmcs_write_nat(VMCS_HOST_SYSENTER_EIP, c->sysenter_eip);
	if (vmx_loads_efer_pat()) {
		vmcs_write64(VMCS_HOST_EFER, c->efer);
		vmcs_write64(VMCS_HOST_PAT, c->pat);
	}
	vmx->host_cpu = smp_processor_id();
}

/* ---- the section ------------------------------------------------------------------------ */

static noinline int busy(void)
{
	pr_err_ratelimited("another hypervisor holds VMX on CPU %d: if it is kvm_intel, stop its VMs or unload it (rmmod kvm_intel), or load kvm with enable_virt_at_load=0\n",
			   smp_processor_id());
	return -EBUSY;
}

/* The kernel's own accounts for the value, which this one is not part of. */
static __always_inline void write_cr4(u64 val)
{
	asm volatile("mov %0, %%cr4" : : "r" (val) : "memory");
}

static noinline int refused(u64 cr4)
{
	write_cr4(cr4);
	pr_err_ratelimited("CPU %d refuses VMXON: VT-x is not enabled on it, unlike on the first\n",
			   smp_processor_id());
	return -EBUSY;
}

/* First section here: what the kernel sets up when the CPU comes up, and leaves so. */
static noinline void meet(struct vmx_cpu *c)
{
	native_store_gdt(&c->gdt);
	store_idt(&c->idt);
	c->tr_base = (u64)&get_cpu_entry_area(smp_processor_id())->tss.x86_tss;
	c->gs_base = vhm_rdmsr(MSR_GS_BASE);
	c->sysenter_cs = vhm_rdmsr(MSR_IA32_SYSENTER_CS);
	c->sysenter_esp = vhm_rdmsr(MSR_IA32_SYSENTER_ESP);
	c->sysenter_eip = vhm_rdmsr(MSR_IA32_SYSENTER_EIP);
	c->efer = vhm_rdmsr(MSR_EFER);
	c->pat = vhm_rdmsr(MSR_IA32_CR_PAT);
	c->star = vhm_rdmsr(MSR_STAR);
	c->lstar = vhm_rdmsr(MSR_LSTAR);
	c->sfmask = vhm_rdmsr(MSR_SYSCALL_MASK);
	vhm_rdmsr_safe(MSR_TSC_AUX, &c->tsc_aux);
	c->known = true;
}

/* Another vCPU was here since, or this one was elsewhere. */
static noinline void arrive(struct vmx_vcpu *vmx, struct vmx_cpu *c)
{
	if (vmx->host_cpu != smp_processor_id()) {
		write_host(vmx, c);
		vmx->flush = true;
	}
	if (c->last != vmx)
		vhm_ibpb();
	c->last = vmx;
}

/* Host state that the scheduler changes: what differs from the last section is written. */
static void host_enter(struct vmx_vcpu *vmx)
{
	u64 cr3 = __native_read_cr3(), fs = vhm_rdmsr(MSR_FS_BASE);

	if (cr3 != vmx->host_cr3)
		vmcs_write_nat(VMCS_HOST_CR3, cr3);
	vmx->host_cr3 = cr3;
	if (fs != vmx->host_fs_base)
		vmcs_write_nat(VMCS_HOST_FS_BASE, fs);
	vmx->host_fs_base = fs;
	/* tasks of 64 bits have null selectors, and exits load these */
	savesegment(fs, vmx->host_fs);
	savesegment(gs, vmx->host_gs);
	savesegment(ds, vmx->host_ds);
	savesegment(es, vmx->host_es);
	store_ldt(vmx->host_ldt);
	vmx->host_debugctl = vhm_rdmsr(MSR_IA32_DEBUGCTLMSR);
}

static noinline void selectors_leave(struct vmx_vcpu *vmx)
{
	if (vmx->host_ldt)
		asm volatile("lldt %0" : : "rm" (vmx->host_ldt));
	loadsegment(ds, vmx->host_ds);
	loadsegment(es, vmx->host_es);
	if (vmx->host_fs) {
		loadsegment(fs, vmx->host_fs);
		vhm_wrmsr(MSR_FS_BASE, vmx->host_fs_base);
	}
	/* changes the base that is swapped out, which vmx_msrs_leave() writes after this */
	if (vmx->host_gs)
		load_gs_index(vmx->host_gs);
}

static void host_leave(struct vmx_vcpu *vmx, const struct vmx_cpu *c)
{
	native_load_gdt(&c->gdt);
	native_load_idt(&c->idt);
	invalidate_tss_limit();
	if (unlikely(vmx->host_fs | vmx->host_gs | vmx->host_ds | vmx->host_es | vmx->host_ldt))
		selectors_leave(vmx);
	if (unlikely(vmx->host_debugctl))
		vhm_wrmsr(MSR_IA32_DEBUGCTLMSR, vmx->host_debugctl);
	vhm_cpuregs_leave(&vmx->vcpu, &c->tsc_aux);
}

static int vmx_section_enter(struct vhm_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);
	u64 cr4 = __read_cr4();

	if (unlikely(cr4 & X86_CR4_VMXE))
		return busy();
	write_cr4(cr4 | X86_CR4_VMXE);
	if (unlikely(!vmx_on(&c->vmxon_pa)))
		return refused(cr4);
	if (unlikely(!c->known))
		meet(c);
	if (unlikely(vmx->fresh))
		vmcs_clear(&vmx->vmcs_pa);
	vmcs_load(&vmx->vmcs_pa);
	vmx->current_here = true;
	vmx->launched = false;
	if (unlikely(vmx->fresh))
		build(vmx);
	if (unlikely(c->last != vmx || vmx->host_cpu != smp_processor_id()))
		arrive(vmx, c);
	if (unlikely(vmx->flush))
		flush_all(vmx);
	if (unlikely(cr4 != vmx->host_cr4))
		vmcs_write_nat(VMCS_HOST_CR4, cr4 | X86_CR4_VMXE);
	vmx->host_cr4 = cr4;
	host_enter(vmx);
	vmx_msrs_enter(vmx, c);
	vhm_cpuregs_enter(vcpu, &c->tsc_aux);
	/* DR6 is not in the VMCS: it goes into the CPU with the group */
	if (unlikely(vcpu->dr_live))
		vcpu->st_dirty |= VHM_ST_DR;
	/* what the guest must not find in the cache is what the host did until now */
	if (unlikely(flush_l1d))
		vhm_wrmsr(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
	return 0;
}

/* An NMI that ended the guest's time, or a machine check: the host's handlers, VMX off. */
static noinline void hand_on(struct vmx_vcpu *vmx)
{
	if (vmx->host_mc)
		vhm_machine_check();
	/* its IRET also unmasks NMIs, which the exit has masked */
	if (vmx->host_nmi)
		asm volatile("int $2");
	vmx->host_mc = vmx->host_nmi = false;
}

static void vmx_section_leave(struct vhm_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpus);

	vmx_state_fetch(vmx, VHM_ST_ALL & ~(vcpu->st_valid | vmx->fetched));
	/* these are in the CPU, which is about to lose them */
	if (!(vcpu->st_valid & VHM_ST_SYS))
		vcpu->st.kernel_gs_base = vhm_rdmsr(MSR_KERNEL_GS_BASE);
	if (unlikely(vcpu->cpuregs.dr_in))
		vhm_dr_leave(vcpu);
	vcpu->st_valid |= VHM_ST_SYS | VHM_ST_DR;
	vmx_intr_state(vmx);
	vmx->current_here = false;
	if (WARN_ON_ONCE(!vmcs_clear(&vmx->vmcs_pa)))
		vhm_kill(vcpu->vm);
	vmx_off();
	write_cr4(vmx->host_cr4);
	host_leave(vmx, c);
	vmx_msrs_leave(vmx, c);
	if (unlikely(vmx->host_nmi | vmx->host_mc))
		hand_on(vmx);
}

/* ---- one entry -------------------------------------------------------------------- */

/* An event that was to go in at this entry, of which nothing came. */
static void take_back(struct vmx_vcpu *vmx)
{
	if (!(vmx->ctl[VC_EVENT] & VMX_INTR_VALID))
		return;
	vmx->vcpu.ev.interrupted = vmx->event;
	vmx_set_ctl(vmx, VC_EVENT, 0);
}

static noinline void write_ctls(struct vmx_vcpu *vmx)
{
	unsigned long dirty = vmx->ctl_dirty;
	int i;

	for_each_set_bit(i, &dirty, VC_NR)
		vmcs_write(ctl_fields[i].field, vmx->ctl[i]);
	vmx->ctl_dirty = 0;
}

static void before_entry(struct vmx_vcpu *vmx)
{
	struct vhm_vcpu *vcpu = &vmx->vcpu;

	if (unlikely((vcpu->rflags & X86_EFLAGS_TF) || vmx->hw_rflags & X86_EFLAGS_TF ||
		     vmx->ctl_dirty & BIT(VC_INTR_STATE)))
		vmx_events_before_entry(vmx);
	if (unlikely(vmx->ctl_dirty))
		write_ctls(vmx);
	if (vcpu->rip != vmx->hw_rip)
		vmcs_write_nat(VMCS_GUEST_RIP, vcpu->rip);
	if (vcpu->gpr[VHM_RSP] != vmx->hw_rsp)
		vmcs_write_nat(VMCS_GUEST_RSP, vcpu->gpr[VHM_RSP]);
	if (vcpu->rflags != vmx->hw_rflags)
		vmcs_write_nat(VMCS_GUEST_RFLAGS, unlikely(vmx->real & VMX_V86) ?
						  vmx_real_rflags(vmx) : vcpu->rflags);
	if (vcpu->st.cr2 != native_read_cr2())
		native_write_cr2(vcpu->st.cr2);
	vmx->vapic[VAPIC_TPR] = vcpu->cr8 << 4;
}

static void after_exit(struct vmx_vcpu *vmx)
{
	struct vhm_vcpu *vcpu = &vmx->vcpu;

	vcpu->st.cr2 = native_read_cr2();
	vcpu->rip = vmx->hw_rip = vmcs_read_nat(VMCS_GUEST_RIP);
	vcpu->gpr[VHM_RSP] = vmx->hw_rsp = vmcs_read_nat(VMCS_GUEST_RSP);
	vcpu->rflags = vmx->hw_rflags = vmcs_read_nat(VMCS_GUEST_RFLAGS);
	vcpu->cr8 = vmx->vapic[VAPIC_TPR] >> 4;
	vcpu->st_valid = VHM_ST_TSC;
	vmx->fetched = 0;
	vcpu->st.cpl = vmcs_read32(VMCS_GUEST_AR + 2 * VHM_SS) >> VHM_SEG_DPL_SHIFT & 3;
	vcpu->code64 = vmx->ctl[VC_ENTRY] & VMX_ENTRY_GUEST64 &&
		       vmcs_read32(VMCS_GUEST_AR + 2 * VHM_CS) & VHM_SEG_L << 4;
	vmx->intr_state_valid = false;
	if (unlikely(vmx->real & VMX_V86))
		vmx_real_exit(vmx);
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
}

/* VMLAUNCH or VMRESUME itself failed: a bug of ours or a control the CPU lacks. */
static noinline void not_entered(struct vmx_vcpu *vmx)
{
	vmx->vcpu.exit = (struct vhm_exit){
		.kind = VHM_X_FAIL_ENTRY, .hw_reason = vmcs_read32(VMCS_INSN_ERROR),
	};
	vmx_dump_note(vmx);
	take_back(vmx);
}

static void vmx_run(struct vhm_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	/*
	 * A HLT that does not exit leaves the CPU's halt in the VMCS; what is changed
	 * or injected from here ends it.
	 */
	if (unlikely(!(vmx->ctl[VC_PROC] & VMX_PROC_HLT)) &&
	    (vcpu->st_dirty | vmx->ctl_dirty || vcpu->rip != vmx->hw_rip))
		vmcs_write32(VMCS_GUEST_ACTIVITY, 0);
	if (unlikely(vcpu->st_dirty) && !vmx_state_store(vmx)) {
		take_back(vmx);
		return;
	}
	before_entry(vmx);
	if (unlikely(vmx_vmenter(vmx))) {
		not_entered(vmx);
		return;
	}
	after_exit(vmx);
	vmx_decode(vmx);
	if (unlikely(vcpu->exit.kind == VHM_X_FAIL_ENTRY)) {
		take_back(vmx);
		return;
	}
	/* the CPU has cleared it */
	vmx->ctl[VC_EVENT] = 0;
	vmx->launched = true;
}

/* ---- load and unload ----------------------------------------------------------------- */

static void vmx_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *c = &per_cpu(vmx_cpus, cpu);

		if (c->vmxon_pa)
			free_page((unsigned long)__va(c->vmxon_pa));
		*c = (struct vmx_cpu){};
	}
	vmx_bitmap_free();
	vmx_identity_free();
	ida_destroy(&vpids);
}

static void setup_l1d_flush(void)
{
	if (!vmx_l1d_flush || !boot_cpu_has_bug(X86_BUG_L1TF) || cpu_mitigations_off())
		return;
	flush_l1d = boot_cpu_has(X86_FEATURE_FLUSH_L1D);
	if (!flush_l1d)
		pr_warn("this CPU leaks its L1 data cache to guests (L1TF) and its microcode cannot flush it: update the microcode, or run no guest you do not trust\n");
}

static int vmx_setup(void)
{
	int cpu, r;

	vmx_setup_caps();
	setup_l1d_flush();
	/* a guest could stop the host's CPU by changing the size of a page it executes */
	vhm_caps.exec_4k_only = boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off();
	if (vhm_caps.shadow) {
		ctl_fields[VC_ROOT].field = VMCS_GUEST_CR3;
		vhm_caps.max_page_level = vhm_caps.exec_4k_only ? 1 : 2;
	}
	r = vmx_bitmap_alloc() ?: vmx_identity_alloc();
	for_each_possible_cpu(cpu) {
		struct page *page = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 0);

		if (!page) {
			r = -ENOMEM;
			continue;
		}
		*(u32 *)page_address(page) = vmx_config.revision;
		per_cpu(vmx_cpus, cpu).vmxon_pa = page_to_phys(page);
	}
	if (r)
		vmx_teardown();
	return r;
}

const struct vhm_ops vmx_ops = {
	.name = "VT-x",
	.check = vmx_check,
	.setup = vmx_setup,
	.teardown = vmx_teardown,
	.vcpu_alloc = vmx_vcpu_alloc,
	.vcpu_free = vmx_vcpu_free,
	.vcpu_reset = vmx_vcpu_reset,
	.cpuid_changed = vmx_cpuid_changed,
	.section_enter = vmx_section_enter,
	.section_leave = vmx_section_leave,
	.run = vmx_run,
	.state_load = vmx_state_load,
	.inject = vmx_inject,
	.blocked = vmx_blocked,
	.set_blocked = vmx_set_blocked,
	.open_window = vmx_open_window,
	.update_intercepts = vmx_update_intercepts,
	.set_root = vmx_set_root,
	.flush_tlb = vmx_flush_tlb,
	.passed_msrs = vmx_passed_msrs,
	.dump = vmx_dump,
	.pte_fmt = &vhm_fmt_ept,
};
