// SPDX-License-Identifier: GPL-2.0-only
/* One report of a VMCB, for entries that failed and exits nobody knows. */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/printk.h>

#include "svm/svm.h"

static void dump_seg(const char *name, const struct vmcb_seg *s)
{
	pr_err("%-4s %04x attr %03x limit %08x base %016llx\n",
	       name, s->sel, s->attr, s->limit, s->base);
}

/* svm_dump - struct vhm_ops->dump. The caller limits the rate. */
void svm_dump(struct vhm_vcpu *vcpu)
{
	static const char *const names[VMCB_NR_SEGS] = {
		"es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
	};
	const struct vmcb *v = to_svm(vcpu)->vmcb;
	int i;

	pr_err("vCPU %d, last on CPU %d: exit %llx info %llx %llx int_info %llx nrip %llx\n",
	       vcpu->id, vcpu->last_cpu, v->exit_code, v->exit_info1, v->exit_info2,
	       v->exit_int_info, v->nrip);
	pr_err("intercepts %08x %08x %08x %08x %08x %08x event_inj %llx\n", v->icpt[0], v->icpt[1],
	       v->icpt[2], v->icpt[3], v->icpt[4], v->icpt[5], v->event_inj);
	pr_err("asid %u tlb %u int_ctl %llx int_state %llx np %llx n_cr3 %llx clean %x\n", v->asid,
	       v->tlb_ctl, v->int_ctl, v->int_state, v->np_ctl, v->n_cr3, v->clean);
	pr_err("cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx cpl %u\n",
	       v->cr0, v->cr2, v->cr3, v->cr4, v->efer, v->cpl);
	pr_err("rip %llx rsp %llx rflags %llx rax %llx dr6 %llx dr7 %llx pat %llx\n",
	       v->rip, v->rsp, v->rflags, v->rax, v->dr6, v->dr7, v->g_pat);
	for (i = 0; i < VMCB_NR_SEGS; i++)
		dump_seg(names[i], &v->seg[i]);
}
