/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel's headers as kmod/vmx/caps.c and exit.c ask for. The
 * CPU is the test's: vmx_refuse.c answers for it.
 */
#ifndef SHIM_H
#define SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define BIT(n)			(1ul << (n))
#define BIT_ULL(n)		(1ull << (n))
#define BUILD_BUG_ON_MSG(cond, msg)	((void)(cond))
#define likely(x)		(x)
#define unlikely(x)		(x)
#define __read_mostly
#undef __always_inline
#define __always_inline		inline __attribute__((always_inline))
#define __aligned(n)		__attribute__((aligned(n)))
#define asmlinkage
#define ARRAY_SIZE(a)		((int)(sizeof(a) / sizeof((a)[0])))
#define PAGE_SIZE		4096
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define _ASM_EXTABLE(from, to)
#define DECLARE_PER_CPU(type, name) extern type name
#define module_param(name, type, perm)
#define module_param_named(name, var, type, perm)
#define MODULE_PARM_DESC(name, text)
#define pr_err(fmt, ...)	shim_print(pr_fmt(fmt), ##__VA_ARGS__)

#define X86_CR0_PE		BIT(0)
#define X86_CR0_WP		BIT(16)
#define X86_CR0_PG		BIT(31)
#define X86_CR4_PAE		BIT(5)
#define X86_CR4_PCIDE		BIT(17)
#define DB_VECTOR		1
#define DF_VECTOR		8
#define SS_VECTOR		12
#define GP_VECTOR		13
#define OF_VECTOR		4
#define PF_VECTOR		14
#define MC_VECTOR		18

/* Intel SDM vol. 4, "IA-32 Architectural MSRs". */
#define MSR_IA32_FEAT_CTL		0x3a
#define MSR_IA32_VMX_BASIC		0x480
#define MSR_IA32_VMX_CR0_FIXED0		0x486
#define MSR_IA32_VMX_CR4_FIXED0		0x488
#define MSR_IA32_VMX_CR4_FIXED1		0x489
#define MSR_IA32_VMX_PROCBASED_CTLS2	0x48b
#define MSR_IA32_VMX_EPT_VPID_CAP	0x48c
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS	0x48d
#define MSR_IA32_VMX_TRUE_PROCBASED_CTLS	0x48e
#define MSR_IA32_VMX_TRUE_EXIT_CTLS	0x48f
#define MSR_IA32_VMX_TRUE_ENTRY_CTLS	0x490

struct desc_ptr { u16 size; u64 address; };

int shim_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
u32 cpuid_ecx(u32 leaf);
u64 __read_cr4(void);

#endif
