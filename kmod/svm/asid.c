// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address space numbers.
 *
 * The TLB tags guest translations with an ASID and nothing else. Each CPU
 * hands its numbers out in order; when they run out, one flush of everything
 * begins a new generation and each vCPU gets a new number when it comes by.
 * Generations of different CPUs never have the same number. A vCPU's flush is
 * thus a fresh number, or a flush of its own where the CPU can
 * (flush-by-ASID). AMD64 APM vol. 2, "TLB Control".
 */
#include "svm/svm.h"

void svm_asid_restart(struct svm_cpu *c)
{
	c->asid_gen += SVM_ASID_GEN;
	c->next_asid = svm_n_asids;	/* none left: the first one flushes */
	c->last = NULL;
}

void svm_asid_new(struct svm_vcpu *svm, struct svm_cpu *c)
{
	/* ->tlb_ctl stays as it is: a flush of all may not have been done yet */
	if (c->next_asid >= svm_n_asids) {
		c->asid_gen += SVM_ASID_GEN;
		c->next_asid = 1;
		svm->vmcb.tlb_ctl = SVM_TLB_FLUSH_ALL;
	}
	svm->vmcb.asid = c->next_asid++;
	svm->vmcb.clean &= ~SVM_CLEAN_ASID;
	svm->asid_gen = c->asid_gen;
}

/*
 * svm_flush_tlb - the vCPU's translations are gone before its next entry.
 * In its own section, or any context in which it does not run.
 */
void svm_flush_tlb(struct vhm_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (vcpu->in_section < 0)
		svm->asid_gen = 0;	/* section_enter gives a new one */
	else if (!cpu_feature_enabled(X86_FEATURE_FLUSHBYASID))
		svm_asid_new(svm, this_cpu_ptr(&svm_cpus));
	else if (svm->vmcb.tlb_ctl == SVM_TLB_KEEP)
		svm->vmcb.tlb_ctl = SVM_TLB_FLUSH_ASID;
}
