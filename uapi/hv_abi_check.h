/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layouts of the KVM API that hv relies on, as compile-time checks.
 *
 * The numbers are the x86-64 ABI, which never changes: a header that disagrees
 * was built for another architecture or is damaged.  Included by the kernel
 * module, by the VMM and by the selftests; makes no code.
 */
#ifndef _HV_ABI_CHECK_H
#define _HV_ABI_CHECK_H

#include <linux/kvm.h>

#define HV_ABI_SIZE(type, size) \
	_Static_assert(sizeof(type) == (size), "KVM ABI: size of " #type)
#define HV_ABI_OFF(type, member, offset) \
	_Static_assert(__builtin_offsetof(type, member) == (offset), \
		       "KVM ABI: offset of " #member " in " #type)

HV_ABI_SIZE(struct kvm_run, 2352);
/* The byte before, immediate_exit, has another name in the headers of some kernels. */
HV_ABI_OFF(struct kvm_run, padding1, 2);
HV_ABI_OFF(struct kvm_run, exit_reason, 8);
HV_ABI_OFF(struct kvm_run, ready_for_interrupt_injection, 12);
HV_ABI_OFF(struct kvm_run, if_flag, 13);
HV_ABI_OFF(struct kvm_run, flags, 14);
HV_ABI_OFF(struct kvm_run, cr8, 16);
HV_ABI_OFF(struct kvm_run, apic_base, 24);
HV_ABI_OFF(struct kvm_run, hw, 32);
HV_ABI_OFF(struct kvm_run, fail_entry.cpu, 40);
HV_ABI_OFF(struct kvm_run, io.data_offset, 40);
HV_ABI_OFF(struct kvm_run, mmio.data, 40);
HV_ABI_OFF(struct kvm_run, mmio.len, 48);
HV_ABI_OFF(struct kvm_run, mmio.is_write, 52);
HV_ABI_OFF(struct kvm_run, internal.ndata, 36);
HV_ABI_OFF(struct kvm_run, internal.data, 40);
HV_ABI_OFF(struct kvm_run, kvm_valid_regs, 288);
HV_ABI_OFF(struct kvm_run, kvm_dirty_regs, 296);
HV_ABI_OFF(struct kvm_run, s, 304);

HV_ABI_SIZE(struct kvm_regs, 144);
HV_ABI_OFF(struct kvm_regs, rip, 128);
HV_ABI_OFF(struct kvm_regs, rflags, 136);
HV_ABI_SIZE(struct kvm_segment, 24);
HV_ABI_SIZE(struct kvm_dtable, 16);
HV_ABI_SIZE(struct kvm_sregs, 312);
HV_ABI_OFF(struct kvm_sregs, cr0, 224);
HV_ABI_OFF(struct kvm_sregs, efer, 264);
HV_ABI_OFF(struct kvm_sregs, apic_base, 272);
HV_ABI_OFF(struct kvm_sregs, interrupt_bitmap, 280);
HV_ABI_SIZE(struct kvm_sregs2, 320);
HV_ABI_OFF(struct kvm_sregs2, flags, 280);
HV_ABI_OFF(struct kvm_sregs2, pdptrs, 288);
HV_ABI_SIZE(struct kvm_fpu, 416);
HV_ABI_OFF(struct kvm_fpu, mxcsr, 408);
HV_ABI_SIZE(struct kvm_xsave, 4096);
HV_ABI_SIZE(struct kvm_xcr, 16);
HV_ABI_SIZE(struct kvm_xcrs, 392);
HV_ABI_OFF(struct kvm_xcrs, xcrs, 8);
HV_ABI_SIZE(struct kvm_debugregs, 128);
HV_ABI_OFF(struct kvm_debugregs, flags, 48);
HV_ABI_SIZE(struct kvm_vcpu_events, 64);
HV_ABI_OFF(struct kvm_vcpu_events, interrupt, 8);
HV_ABI_OFF(struct kvm_vcpu_events, nmi, 12);
HV_ABI_OFF(struct kvm_vcpu_events, flags, 20);
HV_ABI_OFF(struct kvm_vcpu_events, smi, 24);
HV_ABI_OFF(struct kvm_vcpu_events, triple_fault, 28);
HV_ABI_OFF(struct kvm_vcpu_events, exception_payload, 56);
HV_ABI_SIZE(struct kvm_mp_state, 4);
HV_ABI_SIZE(struct kvm_msr_entry, 16);
HV_ABI_SIZE(struct kvm_msrs, 8);
HV_ABI_OFF(struct kvm_msrs, entries, 8);
HV_ABI_SIZE(struct kvm_msr_list, 4);

HV_ABI_SIZE(struct kvm_cpuid_entry2, 40);
HV_ABI_SIZE(struct kvm_cpuid2, 8);
HV_ABI_OFF(struct kvm_cpuid2, entries, 8);

HV_ABI_SIZE(struct kvm_userspace_memory_region, 32);
HV_ABI_SIZE(struct kvm_lapic_state, 1024);
HV_ABI_SIZE(struct kvm_irqchip, 520);
HV_ABI_OFF(struct kvm_irqchip, chip, 8);
HV_ABI_SIZE(struct kvm_pic_state, 16);
HV_ABI_SIZE(struct kvm_ioapic_state, 216);
HV_ABI_OFF(struct kvm_ioapic_state, redirtbl, 24);
HV_ABI_SIZE(struct kvm_pit_config, 64);
HV_ABI_SIZE(struct kvm_pit_state2, 112);
HV_ABI_SIZE(struct kvm_irq_level, 8);
HV_ABI_SIZE(struct kvm_msi, 32);
HV_ABI_SIZE(struct kvm_irq_routing, 8);
HV_ABI_SIZE(struct kvm_irq_routing_entry, 48);
HV_ABI_SIZE(struct kvm_irqfd, 32);
HV_ABI_SIZE(struct kvm_ioeventfd, 64);

HV_ABI_SIZE(struct kvm_interrupt, 4);
HV_ABI_SIZE(struct kvm_signal_mask, 4);
HV_ABI_SIZE(struct kvm_guest_debug, 72);
HV_ABI_SIZE(struct kvm_debug_exit_arch, 32);
HV_ABI_SIZE(struct kvm_translation, 24);
HV_ABI_SIZE(struct kvm_clock_data, 48);
HV_ABI_SIZE(struct kvm_enable_cap, 104);
HV_ABI_SIZE(struct kvm_dirty_log, 16);
HV_ABI_SIZE(struct kvm_sync_regs, 520);
HV_ABI_SIZE(struct kvm_coalesced_mmio, 24);

#undef HV_ABI_SIZE
#undef HV_ABI_OFF

#endif
