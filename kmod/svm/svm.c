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
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <asm/debugreg.h>
#include <asm/mce.h>
#include <asm/nospec-branch.h>
#include <asm/ptrace.h>

#include "host.h"
#include "svm/svm.h"

static bool svm_ibpb = true;
module_param(svm_ibpb, bool, 0444);
MODULE_PARM_DESC(svm_ibpb, "clear branch predictions when a CPU turns to another vCPU (default on)");

DEFINE_PER_CPU(struct svm_cpu, svm_cpus);

#define PAUSE_COUNT	3000	/* spins before an exit, with the PAUSE filter */
#define PAUSE_THRESH	128	/* cycles between two that count as one loop */

/* ---- intercepts ------------------------------------------------------------- */

/* Instructions and events that always exit. */
static const u8 always[] = {
	SVM_ICPT_CR4_WRITE, SVM_ICPT_INTR, SVM_ICPT_NMI, SVM_ICPT_SMI, SVM_ICPT_INIT,
	SVM_ICPT_CR0_SEL_WRITE, SVM_ICPT_RDPMC, SVM_ICPT_CPUID, SVM_ICPT_RSM,
	SVM_ICPT_INVD, SVM_ICPT_HLT, SVM_ICPT_INVLPGA, SVM_ICPT_IO, SVM_ICPT_MSR,
	SVM_ICPT_TASK_SWITCH, SVM_ICPT_SHUTDOWN, SVM_ICPT_VMRUN, SVM_ICPT_VMMCALL,
	SVM_ICPT_VMLOAD, SVM_ICPT_VMSAVE, SVM_ICPT_STGI, SVM_ICPT_CLGI,
	SVM_ICPT_SKINIT, SVM_ICPT_WBINVD, SVM_ICPT_MONITOR, SVM_ICPT_MWAIT,
	SVM_ICPT_XSETBV,
};

/*
 * Exceptions that always exit: #MC is the host's; a guest can make the CPU
 * deliver #DB or #AC without end, and no interrupt would come through.
 */
#define ALWAYS_EXC	(BIT(MC_VECTOR) | BIT(DB_VECTOR) | BIT(AC_VECTOR))

void svm_set_icpt(struct svm_vcpu *svm, int nr, bool on)
{
	u32 *word = &svm->vmcb->icpt[nr / 32];

	*word = on ? *word | BIT(nr % 32) : *word & ~BIT(nr % 32);
	svm->vmcb->clean &= ~SVM_CLEAN_ICPT;
}

/* svm_update_intercepts - struct vhm_ops->update_intercepts */
void svm_update_intercepts(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	bool own_dr = vcpu->dr_live && !(vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP);

	svm->vmcb->icpt[SVM_WORD_EXC] = vcpu->exc_intercepts | ALWAYS_EXC;
	svm->vmcb->icpt[SVM_WORD_DR] = own_dr ? 0 : ~0u;
	svm_set_icpt(svm, SVM_ICPT_CR8_WRITE, vcpu->cr8_intercept);
}

/* The control area as at reset, but for what outlives a reset: ASID, root. */
void svm_reset_control(struct svm_vcpu *svm)
{
	struct vmcb *vmcb = svm->vmcb;
	int i;

	memset(vmcb->icpt, 0, sizeof(vmcb->icpt));
	for (i = 0; i < ARRAY_SIZE(always); i++)
		svm_set_icpt(svm, always[i], true);
	if (svm_feat.pause_filter) {
		svm_set_icpt(svm, SVM_ICPT_PAUSE, true);
		vmcb->pause_count = PAUSE_COUNT;
		vmcb->pause_thresh = svm_feat.pause_thresh ? PAUSE_THRESH : 0;
	}
	svm_set_icpt(svm, SVM_ICPT_RDTSCP, !svm->rdtscp);
	svm_update_intercepts(&svm->vcpu);
	svm_set_icpt(svm, SVM_ICPT_CR0_READ, svm->cr0_hidden);
	svm_set_icpt(svm, SVM_ICPT_CR0_WRITE, svm->cr0_hidden);
	vmcb->int_ctl = SVM_V_INTR_MASKING | svm->vcpu.cr8;
	vmcb->int_state = 0;
	vmcb->event_inj = 0;
	vmcb->np_ctl = SVM_NP_ENABLE;
	vmcb->n_cr3 = svm->n_cr3;
	vmcb->lbr_ctl = 0;
	vmcb->clean = 0;
	svm->injected = VHM_EV_NONE;
	svm->nmi_masked = false;
	svm->iret_seen = false;
	svm->want_nmi = false;
	svm->step = false;
}

/* ---- vCPUs -------------------------------------------------------------------- */

static void free_vcpu(struct svm_vcpu *svm)
{
	free_page((unsigned long)svm->vmcb);
	kvfree(svm);
}

static struct vhm_vcpu *svm_vcpu_alloc(struct vhm_vm *vm)
{
	struct svm_vcpu *svm = kvzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);

	if (!svm)
		return ERR_PTR(-ENOMEM);
	svm->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb) {
		free_vcpu(svm);
		return ERR_PTR(-ENOMEM);
	}
	svm->vmcb_pa = __pa(svm->vmcb);
	svm_maps_use(svm, false);
	return &svm->vcpu;
}

static void svm_vcpu_free(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	int cpu;

	/* the next vCPU may get this very address and must not pass for this one */
	for_each_possible_cpu(cpu)
		cmpxchg(&per_cpu(svm_cpus, cpu).last, svm, NULL);
	free_vcpu(svm);
}

static void svm_vcpu_reset(struct vhm_vcpu *vcpu)
{
	svm_reset_control(to_svm(vcpu));
}

static void svm_cpuid_changed(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	bool spec = vhm_guest_has(vcpu, 7, 0, 3, 26) ||		/* IBRS and IBPB */
		    vhm_guest_has(vcpu, 0x80000008, 0, 1, 14) ||	/* IBRS */
		    vhm_guest_has(vcpu, 0x80000008, 0, 1, 15) ||	/* STIBP */
		    vhm_guest_has(vcpu, 0x80000008, 0, 1, 24);	/* SSBD */

	svm->rdtscp = svm_feat.tsc_aux && (vhm_guest_has(vcpu, 0x80000001, 0, 3, 27) ||
					   vhm_guest_has(vcpu, 7, 0, 2, 22));
	svm_set_icpt(svm, SVM_ICPT_RDTSCP, !vhm_guest_has(vcpu, 0x80000001, 0, 3, 27));
	svm_maps_use(svm, spec && svm_feat.v_spec_ctrl);
}

static void svm_set_root(struct vhm_vcpu *vcpu, u64 root_pa)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->n_cr3 = root_pa;
	svm->vmcb->n_cr3 = root_pa;
	svm->vmcb->clean &= ~SVM_CLEAN_NP;
}

/* ---- the section ------------------------------------------------------------------ */

/* First section here since load, or somebody else had SVM meanwhile. */
static noinline void claim(struct svm_cpu *c)
{
	vhm_wrmsr(MSR_VM_HSAVE_PA, c->hsave_pa);
	if (svm_feat.tsc_aux)
		c->tsc_aux = vhm_rdmsr(MSR_TSC_AUX);
	svm_asid_restart(c);
}

static noinline int busy(void)
{
	pr_err_ratelimited("another hypervisor holds SVM on CPU %d: if it is kvm_amd, stop its VMs or unload it (rmmod kvm_amd), or load kvm with enable_virt_at_load=0\n",
			   smp_processor_id());
	return -EBUSY;
}

/* Breakpoint addresses: the guest's, or the VMM's for its own debugging. */
static void dr_enter(struct svm_vcpu *svm)
{
	struct vhm_vcpu *vcpu = &svm->vcpu;
	const u64 *dr = vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP ?
			vcpu->guest_debug_dr : vcpu->dr;

	get_debugreg(svm->host_dr[0], 0);
	get_debugreg(svm->host_dr[1], 1);
	get_debugreg(svm->host_dr[2], 2);
	get_debugreg(svm->host_dr[3], 3);
	/* no host breakpoint may fire on a guest's address; VMEXIT keeps DR7 clear */
	set_debugreg(0ul, 7);
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
	svm->dr_loaded = true;
}

static void dr_leave(struct svm_vcpu *svm)
{
	struct vhm_vcpu *vcpu = &svm->vcpu;

	if (!(vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP)) {
		get_debugreg(vcpu->dr[0], 0);
		get_debugreg(vcpu->dr[1], 1);
		get_debugreg(vcpu->dr[2], 2);
		get_debugreg(vcpu->dr[3], 3);
		/* not in use any more: back to intercepting */
		if (!(vhm_st(vcpu, VHM_ST_DR)->dr7 & 0xff)) {
			vcpu->dr_live = false;
			svm_update_intercepts(vcpu);
		}
	}
	set_debugreg(svm->host_dr[0], 0);
	set_debugreg(svm->host_dr[1], 1);
	set_debugreg(svm->host_dr[2], 2);
	set_debugreg(svm->host_dr[3], 3);
	svm->dr_loaded = false;
}

/* The guest's SPEC_CTRL is swapped by vmenter.S where the VMCB does not do it. */
static void spec_enter(struct svm_vcpu *svm)
{
	if (svm_feat.v_spec_ctrl) {
		svm->spec_swap = false;
		return;
	}
	svm->spec_host = this_cpu_read(x86_spec_ctrl_current);
	svm->spec_guest = svm->spec_ctrl | (svm->spec_host & SPEC_CTRL_SSBD);
	svm->spec_swap = svm->spec_guest != svm->spec_host;
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
	svm->host_pa = c->host_pa;
	if (svm->asid_gen != c->asid_gen || svm->asid_cpu != smp_processor_id())
		svm_asid_new(svm, c);
	/* what the CPU cached of this VMCB may be from before the last section */
	svm->vmcb->clean = 0;
	if (c->last != svm) {
		c->last = svm;
		if (svm_feat.ibpb && svm_ibpb)
			vhm_wrmsr(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	}
	if (svm_feat.spec_ctrl)
		spec_enter(svm);
	svm->host_tsc_aux = svm->rdtscp && svm->tsc_aux != c->tsc_aux;
	if (svm->host_tsc_aux)
		vhm_wrmsr(MSR_TSC_AUX, svm->tsc_aux);
	if (unlikely(vcpu->dr_live))
		dr_enter(svm);
	return 0;
}

/* A flush that was ordered and not done, because no entry followed. */
static noinline void flush_not_done(struct svm_vcpu *svm, struct svm_cpu *c)
{
	if (svm->vmcb->tlb_ctl == SVM_TLB_FLUSH_ALL)
		svm_asid_restart(c);
	svm->vmcb->tlb_ctl = SVM_TLB_KEEP;
	svm->asid_gen = 0;
}

static void svm_section_leave(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);

	if (unlikely(svm->vmcb->tlb_ctl))
		flush_not_done(svm, c);
	if (unlikely(svm->dr_loaded))
		dr_leave(svm);
	/* an exit leaves DR6 as the guest had it and DR7 clear */
	if (unlikely(svm->vmcb->dr6 != DR6_FIXED))
		set_debugreg((unsigned long)DR6_FIXED, 6);
	if (unlikely(this_cpu_read(cpu_dr7)))
		set_debugreg(this_cpu_read(cpu_dr7), 7);
	if (svm->host_tsc_aux)
		vhm_wrmsr(MSR_TSC_AUX, c->tsc_aux);
	vhm_wrmsr(MSR_EFER, c->efer);
}

/* ---- one entry -------------------------------------------------------------------- */

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

/* Exits after which something besides the registers has to be looked at. */
static noinline void rare_exit(struct svm_vcpu *svm)
{
	struct vhm_vcpu *vcpu = &svm->vcpu;

	if (svm->injected || svm->vmcb->exit_int_info & SVM_EVENT_VALID)
		svm_events_after_exit(svm);
	if (svm->step)
		svm_step_end(svm);
	if (svm->iret_seen)
		svm_nmi_unmask_check(svm);
	if (vcpu->exit.hw_reason == SVM_EXIT_EXC_MC)
		machine_check();
	if (vcpu->exit.kind == VHM_X_SHUTDOWN) {
		/* the VMCB is undefined now (APM vol. 2, "Shutdown Intercept") */
		svm_reset_control(svm);
		vcpu->ev.interrupted.kind = VHM_EV_NONE;
		vcpu->st_valid = VHM_ST_ALL;
		vcpu->st_dirty = VHM_ST_ALL;
	}
}

static void svm_run(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb *vmcb = svm->vmcb;

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
	if (unlikely(svm->step))
		svm_step_begin(svm);

	svm_vmenter(svm);

	vmcb->tlb_ctl = SVM_TLB_KEEP;
	vmcb->clean = ~0u;
	vcpu->gpr[VHM_RAX] = vmcb->rax;
	vcpu->gpr[VHM_RSP] = vmcb->rsp;
	vcpu->rip = vmcb->rip;
	vcpu->rflags = vmcb->rflags;
	vcpu->cr8 = vmcb->v_tpr & 15;
	vcpu->st_valid = VHM_ST_TSC;
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
	svm_decode(svm);
	if (unlikely(svm->injected || svm->step || svm->iret_seen ||
		     vmcb->exit_int_info & SVM_EVENT_VALID ||
		     vmcb->exit_code == SVM_EXIT_EXC_MC ||
		     vcpu->exit.kind == VHM_X_SHUTDOWN))
		rare_exit(svm);
}

/* ---- load and unload ----------------------------------------------------------------- */

static void give_back(void *unused)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);
	u64 hsave;

	/* the page is about to be freed; whoever set another one keeps it */
	if (!vhm_rdmsr_safe(MSR_VM_HSAVE_PA, &hsave) && hsave == c->hsave_pa)
		vhm_wrmsr(MSR_VM_HSAVE_PA, 0);
}

static void svm_teardown(void)
{
	int cpu;

	on_each_cpu(give_back, NULL, 1);
	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = &per_cpu(svm_cpus, cpu);

		if (c->hsave)
			__free_page(c->hsave);
		if (c->host)
			__free_page(c->host);
		*c = (struct svm_cpu){};
	}
	svm_maps_free();
}

static int setup_cpu(struct svm_cpu *c, int node)
{
	c->hsave = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO, 0);
	c->host = alloc_pages_node(node, GFP_KERNEL | __GFP_ZERO, 0);
	if (!c->hsave || !c->host)
		return -ENOMEM;
	c->hsave_pa = page_to_phys(c->hsave);
	c->host_pa = page_to_phys(c->host);
	return 0;
}

static int svm_setup(void)
{
	int cpu, r;

	svm_setup_caps();
	r = svm_maps_alloc();
	for_each_possible_cpu(cpu)
		if (!r)
			r = setup_cpu(&per_cpu(svm_cpus, cpu), cpu_to_node(cpu));
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
	.state_store = svm_state_store,
	.inject = svm_inject,
	.blocked = svm_blocked,
	.set_blocked = svm_set_blocked,
	.open_window = svm_open_window,
	.update_intercepts = svm_update_intercepts,
	.set_root = svm_set_root,
	.flush_tlb = svm_flush_tlb,
	.msr_get = svm_msr_get,
	.msr_set = svm_msr_set,
	.dump = svm_dump,
	.pte_fmt = &vhm_fmt_npt,
};
