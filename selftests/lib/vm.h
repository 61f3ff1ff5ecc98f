/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host side of a test: the device, VMs, vCPUs, memory and guest modes.
 *
 * The environment variable HV_DEV names the device node (default /dev/hv);
 * nothing here knows which hypervisor answers. Every helper ends the case on
 * an unexpected failure; tests of failures call ioctl themselves, through
 * IOCTL(), which compares the argument's size with the one in the number.
 *
 * Guest memory: slot 0 is RAM at 0, all of it identity-mapped (the first
 * 4 GiB are, so device addresses too). The test's own executable is linked at
 * IMAGE_BASE, not position-independent, and is copied to that guest address:
 * a guest function is a plain C function of the test, and a global variable
 * has one instance in the host and one, at IN_GUEST(), in the guest.
 */
#ifndef SELFTESTS_VM_H
#define SELFTESTS_VM_H

#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "ktap.h"
#include "x86.h"

#define RAM_SIZE	(16ul << 20)
#define GDT_ADDR	0x1000ul
#define IDT_ADDR	0x2000ul
#define TSS_ADDR	0x3000ul
#define REAL_ADDR	0x8000ul	/* real-mode snippets go here */
#define PGD_ADDR	0x10000ul	/* PML4, PDPT, 4 page directories */
#define STACK_TOP	0x200000ul	/* less 64 KiB per vCPU id */
#define IMAGE_BASE	0x400000ul	/* the linker is told so */
#define FREE_ADDR	0xc00000ul	/* nothing of ours from here on */
#define MMIO_ADDR	0xd0000000ul	/* no slot here */

#define SEL_CODE64	0x08
#define SEL_DATA	0x10
#define SEL_TSS		0x18		/* two entries */
#define SEL_CODE32	0x28

struct vm {
	int dev;
	int fd;
	uint8_t *ram;
	size_t ram_size;
};

struct vcpu {
	struct vm *vm;
	int fd;
	unsigned int id;
	struct kvm_run *run;
	size_t run_size;
};

#define IOCTL(fd, cmd, arg)						\
	({								\
		_Static_assert(_IOC_SIZE(cmd) == sizeof(*(arg)),	\
			       "argument size does not match " #cmd);	\
		ioctl(fd, cmd, arg);					\
	})
/* An ioctl whose argument is a value, or absent. */
#define IOCTL_V(fd, cmd, value)						\
	({								\
		_Static_assert(_IOC_SIZE(cmd) == 0,			\
			       #cmd " takes a pointer");		\
		ioctl(fd, cmd, (unsigned long)(value));			\
	})
#define BAD_PTR ((void *)0xdead000ul)	/* user range, never mapped */

/* The guest's instance of a global variable of the test. */
#define IN_GUEST(vm, var) (*(volatile __typeof__(var) *)gpa((vm), &(var)))

int dev_open(void);
/* Does the device's module run guests on shadow tables (npt=0, ept=0)? */
bool dev_shadow_paging(void);
void dev_change(void);
bool on_stock_kvm(void);
bool on_tcg(void);
int dev_cap(int fd, long cap);
void need_cap(long cap, const char *name);

struct vm *vm_bare(void);
struct vm *vm_new(void);
struct vm *vm_new_irqchip(void);
/* The RAM of a VM that is done with, and its way into another one. */
uint8_t *vm_take_ram(struct vm *vm);
void vm_give_ram(struct vm *vm, uint8_t *ram);
void vm_close(struct vm *vm);
int vm_slot(struct vm *vm, unsigned int slot, unsigned int flags,
	    uint64_t gpa, uint64_t size, void *hva);
void *gpa(struct vm *vm, const volatile void *addr);
void *pages(size_t size);

struct vcpu *vcpu_new(struct vm *vm, unsigned int id);
void vcpu_close(struct vcpu *vcpu);
void vcpu_set_cpuid(struct vcpu *vcpu);
void vcpu_mode64(struct vcpu *vcpu, void (*fn)(void));
void vcpu_mode32(struct vcpu *vcpu, const void *code);
void vcpu_real(struct vcpu *vcpu, const void *code, size_t len);
struct kvm_cpuid2 *supported_cpuid(void);
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *c, uint32_t fn,
				    uint32_t index);

/* A VM with RAM and one vCPU about to run @fn in 64-bit mode. */
struct vcpu *guest64(void (*fn)(void));
struct vcpu *guest64_irqchip(void (*fn)(void));

int vcpu_run_raw(struct vcpu *vcpu);
unsigned int vcpu_run(struct vcpu *vcpu);
void vcpu_expect(struct vcpu *vcpu, unsigned int reason);
void vcpu_until_done(struct vcpu *vcpu);
uint64_t vcpu_until_sync(struct vcpu *vcpu);
bool vcpu_is_done(struct vcpu *vcpu);

void get_regs(struct vcpu *vcpu, struct kvm_regs *regs);
void set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
void get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs);
void set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);
uint64_t get_msr(struct vcpu *vcpu, uint32_t index);
int try_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
void irq_line(struct vm *vm, uint32_t irq, int level);
void nap_ms(unsigned int ms);
uint64_t now_ms(void);

#endif
