// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD-V: the back end's table, its vCPUs and its section.
 *
 * A section holds SVM from its first line to its last: EFER.SVME is set, the
 * host's VMLOAD state is put aside once, and everything that an entry does not
 * switch by itself is loaded. VM_HSAVE_PA is left pointing at our page: when
 * the next section here finds another value, some other hypervisor (or a
 * suspend) has been here, and no ASID of ours means anything any more.
 */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/io.h>
#include <linux/mm.h>

#include "cpuregs.h"
#include "svm/svm.h"

DEFINE_PER_CPU(struct svm_cpu, svm_cpus);

#define PAUSE_COUNT	3000	/* spins before an exit, with the PAUSE filter */
#define PAUSE_THRESH	128	/* cycles between two that count as one loop */

/* ---- intercepts ------------------------------------------------------------- */

/* Instructions and events that always exit. */
static const u8 always[] = {
	SVM_EXIT_INTR, SVM_EXIT_NMI, SVM_EXIT_SMI, SVM_EXIT_INIT, SVM_EXIT_CR0_SEL_WRITE,
	SVM_EXIT_RDPMC, SVM_EXIT_CPUID, SVM_EXIT_RSM, SVM_EXIT_INVD, SVM_EXIT_HLT,
	SVM_EXIT_INVLPGA, SVM_EXIT_IO, SVM_EXIT_MSR, SVM_EXIT_TASK_SWITCH, SVM_EXIT_SHUTDOWN,
	SVM_EXIT_VMRUN, SVM_EXIT_VMMCALL, SVM_EXIT_VMLOAD, SVM_EXIT_VMSAVE, SVM_EXIT_STGI,
	SVM_EXIT_CLGI, SVM_EXIT_SKINIT, SVM_EXIT_WBINVD, SVM_EXIT_MONITOR, SVM_EXIT_MWAIT,
	SVM_EXIT_XSETBV,
};

/*
 * Exceptions that always exit: #MC is the host's; a guest can make the CPU
 * deliver #DB or #AC without end, and no interrupt would come through.
 */
#define ALWAYS_EXC	(BIT(MC_VECTOR) | BIT(DB_VECTOR) | BIT(AC_VECTOR))

void svm_set_icpt(struct svm_vcpu *svm, int nr, bool on)
{
	__assign_bit(nr, svm->vmcb.icpt, on);
	svm->vmcb.clean &= ~SVM_CLEAN_ICPT;
}

/* svm_update_intercepts - struct vhm_ops->update_intercepts */
void svm_update_intercepts(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	const struct vhm_state *st = &vcpu->st;
	bool own_dr = vcpu->dr_live && !(vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP);

	svm->vmcb.icpt_cr = BIT(SVM_EXIT_WRITE_CR0 + 4) |
		(vcpu->cr8_intercept ? BIT(SVM_EXIT_WRITE_CR0 + 8) : 0) |
		/* store_cr() sets MCE, which this guest has not */
		(svm_cr4(st) == st->cr4 ? 0 : BIT(SVM_EXIT_READ_CR0 + 4)) |
		(vhm_caps.shadow ? BIT(SVM_EXIT_READ_CR0 + 3) | BIT(SVM_EXIT_WRITE_CR0 + 3) : 0) |
		(svm->cr0_hidden | svm->cr0_forced ?
		 BIT(SVM_EXIT_READ_CR0) | BIT(SVM_EXIT_WRITE_CR0) : 0);
	svm->vmcb.icpt_dr = own_dr ? 0 : ~0u;
	svm->vmcb.icpt_exc = vcpu->exc_intercepts | ALWAYS_EXC |
			     (vhm_caps.shadow ? BIT(PF_VECTOR) : 0);
	svm->vmcb.clean &= ~SVM_CLEAN_ICPT;
}

/* ---- vCPUs -------------------------------------------------------------------- */

static struct vhm_vcpu *svm_vcpu_alloc(struct vhm_vm *vm)
{
	struct svm_vcpu *svm = alloc_pages_exact(sizeof(*svm), GFP_KERNEL_ACCOUNT | __GFP_ZERO);

	if (!svm)
		return ERR_PTR(-ENOMEM);
	svm->vmcb_pa = __pa(&svm->vmcb);
	if (cpu_feature_enabled(X86_FEATURE_V_SPEC_CTRL))
		svm->vcpu.cpuregs.hw_spec_ctrl = &svm->vmcb.spec_ctrl;
	return &svm->vcpu;
}

static void svm_vcpu_free(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	int cpu;

	/* the next vCPU may get this very address and must not pass for this one */
	for_each_possible_cpu(cpu)
		cmpxchg(&per_cpu(svm_cpus, cpu).last, svm, NULL);
	free_pages_exact(svm, sizeof(*svm));
}

static void svm_cpuid_changed(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	bool rdtscp = vhm_guest_has(vcpu, 0x80000001, 0, VHM_CPUID_EDX, 27);
	bool spec = vhm_guest_has(vcpu, 7, 0, VHM_CPUID_EDX, 26) ||	/* IBRS and IBPB */
		    vhm_guest_has(vcpu, 0x80000008, 0, VHM_CPUID_EBX, 14) ||	/* IBRS */
		    vhm_guest_has(vcpu, 0x80000008, 0, VHM_CPUID_EBX, 15) ||	/* STIBP */
		    vhm_guest_has(vcpu, 0x80000008, 0, VHM_CPUID_EBX, 24);	/* SSBD */

	vcpu->cpuregs.rdtscp = boot_cpu_has(X86_FEATURE_RDTSCP) &&
		(rdtscp || vhm_guest_has(vcpu, 7, 0, VHM_CPUID_ECX, 22));	/* RDPID */
	svm_set_icpt(svm, SVM_EXIT_RDTSCP, !rdtscp);
	svm_maps_use(svm, spec && cpu_feature_enabled(X86_FEATURE_V_SPEC_CTRL));
}

static void svm_set_root(struct vhm_vcpu *vcpu, u64 root_pa)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->vmcb.n_cr3 = svm->n_cr3 = root_pa;
	if (vhm_caps.shadow)
		svm->vmcb.cr3 = root_pa;
	svm->vmcb.clean &= ~(SVM_CLEAN_NP | SVM_CLEAN_CR);
}

/* The VMCB may hold anything: it is new, or undefined after a shutdown. */
static void svm_vcpu_reset(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb *vmcb = &svm->vmcb;
	u32 off = vcpu->vm->exits_off;
	int i;

	memset(vmcb, 0, sizeof(*vmcb));
	for (i = 0; i < ARRAY_SIZE(always); i++)
		__set_bit(always[i], vmcb->icpt);
	if (off & KVM_X86_DISABLE_EXITS_HLT)
		__clear_bit(SVM_EXIT_HLT, vmcb->icpt);
	if (off & KVM_X86_DISABLE_EXITS_MWAIT) {
		__clear_bit(SVM_EXIT_MONITOR, vmcb->icpt);
		__clear_bit(SVM_EXIT_MWAIT, vmcb->icpt);
	}
	if (boot_cpu_has(X86_FEATURE_PAUSEFILTER) && !(off & KVM_X86_DISABLE_EXITS_PAUSE)) {
		__set_bit(SVM_EXIT_PAUSE, vmcb->icpt);
		vmcb->pause_count = PAUSE_COUNT;
		vmcb->pause_thresh = boot_cpu_has(X86_FEATURE_PFTHRESHOLD) ? PAUSE_THRESH : 0;
	}
	vmcb->int_ctl = SVM_V_INTR_MASKING | vcpu->cr8;
	__assign_bit(SVM_EXIT_INVLPG, vmcb->icpt, vhm_caps.shadow);
	vmcb->np_ctl = vhm_caps.shadow ? 0 : SVM_NP_ENABLE;
	svm_set_root(vcpu, svm->n_cr3);
	svm_update_intercepts(vcpu);
	svm_cpuid_changed(vcpu);
	svm->asid_gen = 0;
	svm->injected = VHM_EV_NONE;
	svm->nmi_masked = svm->iret_seen = svm->want_nmi = svm->step = false;
}

/* ---- the section ------------------------------------------------------------------ */

static noinline int busy(void)
{
	pr_err_ratelimited("another hypervisor holds SVM on CPU %d: if it is kvm_amd, stop its VMs or unload it (rmmod kvm_amd), or load kvm with enable_virt_at_load=0\n",
			   smp_processor_id());
	return -EBUSY;
}

/* First section here since load, or somebody else had SVM meanwhile. */
static noinline void claim(struct svm_cpu *c)
{
	vhm_wrmsr(MSR_VM_HSAVE_PA, c->hsave_pa);
	vhm_rdmsr_safe(MSR_TSC_AUX, &c->tsc_aux);
	svm_asid_restart(c);
}

/* Another vCPU, or another hypervisor, was here since; or this one was elsewhere. */
static noinline void arrive(struct svm_vcpu *svm, struct svm_cpu *c)
{
	svm->host_pa = c->host_pa;
	if (svm->asid_gen != c->asid_gen)
		svm_asid_new(svm, c);
	/* what the CPU cached of this VMCB may be older */
	svm->vmcb.clean = 0;
	if (c->last != svm)
		vhm_ibpb();
	c->last = svm;
}

static int svm_section_enter(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);
	u64 efer = vhm_rdmsr(MSR_EFER);

	if (unlikely(efer & EFER_SVME))
		return busy();
	c->efer = efer;
	vhm_wrmsr(MSR_EFER, efer | EFER_SVME);
	if (unlikely(vhm_rdmsr(MSR_VM_HSAVE_PA) != c->hsave_pa))
		claim(c);
	asm volatile("vmsave %%rax" : : "a"(c->host_pa) : "memory");
	if (unlikely(c->last != svm || svm->asid_gen != c->asid_gen))
		arrive(svm, c);
	vhm_cpuregs_enter(vcpu, &c->tsc_aux);
	return 0;
}

/* A flush that was ordered and not done, because no entry followed. */
static noinline void flush_not_done(struct svm_vcpu *svm, struct svm_cpu *c)
{
	if (svm->vmcb.tlb_ctl == SVM_TLB_FLUSH_ALL)
		svm_asid_restart(c);
	svm->vmcb.tlb_ctl = SVM_TLB_KEEP;
	svm->asid_gen = 0;
}

static void svm_section_leave(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);

	if (unlikely(svm->vmcb.tlb_ctl))
		flush_not_done(svm, c);
	if (unlikely(vcpu->cpuregs.dr_in))
		vhm_dr_leave(vcpu);
	/* an exit leaves DR6 as the guest had it */
	if (unlikely(svm->vmcb.dr6 != DR6_FIXED))
		set_debugreg((unsigned long)DR6_FIXED, 6);
	vhm_cpuregs_leave(vcpu, &c->tsc_aux);
	vhm_wrmsr(MSR_EFER, c->efer);
}

/* ---- one entry -------------------------------------------------------------------- */

static void svm_run(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb *vmcb = &svm->vmcb;

	if (unlikely(vcpu->st_dirty)) {
		svm_state_store(vcpu, vcpu->st_dirty);
		vcpu->st_dirty = 0;
	}
	vmcb->rax = vcpu->gpr[VHM_RAX];
	vmcb->rsp = vcpu->gpr[VHM_RSP];
	vmcb->rip = vcpu->rip;
	vmcb->rflags = vcpu->rflags;
	if (unlikely(vmcb->v_tpr != vcpu->cr8)) {
		vmcb->v_tpr = vcpu->cr8;
		vmcb->clean &= ~SVM_CLEAN_INT;
	}
	if (unlikely(svm->step)) {
		svm->step_tf = vcpu->rflags & X86_EFLAGS_TF;
		vmcb->rflags |= X86_EFLAGS_TF;
	}

	svm_vmenter(svm);

	vmcb->tlb_ctl = SVM_TLB_KEEP;
	vmcb->clean = SVM_CLEAN_ALL;
	vcpu->gpr[VHM_RAX] = vmcb->rax;
	vcpu->gpr[VHM_RSP] = vmcb->rsp;
	vcpu->rip = vmcb->rip;
	vcpu->rflags = vmcb->rflags;
	vcpu->cr8 = vmcb->v_tpr & 15;
	vcpu->st_valid = VHM_ST_TSC;
	vcpu->st.cpl = vmcb->cpl;
	/* EFER.LMA is one place above the L bit of CS */
	vcpu->code64 = vmcb->efer >> 1 & vmcb->seg[VHM_CS].attr & VHM_SEG_L;
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
	svm_decode(svm);
	if (unlikely(svm->injected || svm->iret_seen || svm->step ||
		     vmcb->exit_int_info & SVM_EVENT_VALID))
		svm_events_after_exit(svm);
}

/* ---- load and unload ----------------------------------------------------------------- */

static void give_back(void *unused)
{
	u64 hsave;

	/* the page is about to be freed; whoever set another one keeps it */
	if (!vhm_rdmsr_safe(MSR_VM_HSAVE_PA, &hsave) && hsave &&
	    hsave == this_cpu_read(svm_cpus.hsave_pa))
		vhm_wrmsr(MSR_VM_HSAVE_PA, 0);
}

static void svm_teardown(void)
{
	int cpu;

	on_each_cpu(give_back, NULL, 1);
	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = &per_cpu(svm_cpus, cpu);

		if (c->hsave_pa)
			free_pages((unsigned long)__va(c->hsave_pa), 1);
		c->hsave_pa = 0;
	}
	svm_maps_free();
}

static int svm_setup(void)
{
	int cpu, r;

	svm_setup_caps();
	r = svm_maps_alloc();
	for_each_possible_cpu(cpu) {
		struct page *pages = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 1);
		u64 pa = pages ? page_to_phys(pages) : 0;

		per_cpu(svm_cpus, cpu) = (struct svm_cpu){
			.hsave_pa = pa, .host_pa = pa + PAGE_SIZE, .asid_gen = cpu,
		};
		if (!pa)
			r = -ENOMEM;
	}
	if (r)
		svm_teardown();
	return r;
}

const struct vhm_ops svm_ops = {
	.name = "AMD-V",
	.check = svm_check,
	.setup = svm_setup,
	.teardown = svm_teardown,
	.vcpu_alloc = svm_vcpu_alloc,
	.vcpu_free = svm_vcpu_free,
	.vcpu_reset = svm_vcpu_reset,
	.cpuid_changed = svm_cpuid_changed,
	.section_enter = svm_section_enter,
	.section_leave = svm_section_leave,
	.run = svm_run,
	.state_load = svm_state_load,
	.inject = svm_inject,
	.blocked = svm_blocked,
	.set_blocked = svm_set_blocked,
	.open_window = svm_open_window,
	.update_intercepts = svm_update_intercepts,
	.set_root = svm_set_root,
	.flush_tlb = svm_flush_tlb,
	.passed_msrs = svm_passed_msrs,
	.dump = svm_dump,
	.pte_fmt = &vhm_fmt_npt,
};
