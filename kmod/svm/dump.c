// SPDX-License-Identifier: GPL-2.0-only
/* One report of a VMCB, for entries that failed and exits nobody knows. */
#define pr_fmt(fmt) "hv: " fmt

#include <linux/printk.h>

#include "svm/svm.h"

/* svm_dump - struct vhm_ops->dump. The caller limits the rate. */
void svm_dump(struct vhm_vcpu *vcpu)
{
	const struct vmcb *v = &to_svm(vcpu)->vmcb;

	pr_err("vCPU %d, last on CPU %d: exit %llx info %llx %llx int_info %llx event_inj %llx\n",
	       vcpu->id, vcpu->last_cpu, v->exit_code, v->exit_info1, v->exit_info2,
	       v->exit_int_info, v->event_inj);
	pr_err("rip %llx rflags %llx cr0 %llx cr3 %llx cr4 %llx efer %llx; the VMCB follows\n",
	       v->rip, v->rflags, v->cr0, v->cr3, v->cr4, v->efer);
	print_hex_dump(KERN_ERR, "hv: control ", DUMP_PREFIX_OFFSET, 32, 8, v,
		       offsetof(struct vmcb, pad3), false);
	print_hex_dump(KERN_ERR, "hv: state ", DUMP_PREFIX_OFFSET, 32, 8, v->seg,
		       offsetof(struct vmcb, pad10) - offsetof(struct vmcb, seg), false);
}
