/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the VMM's parts know of each other.
 *
 * One process is one VM.  The main thread sets everything up, then serves the
 * terminal and signals; each vCPU has a thread that does nothing but KVM_RUN
 * and the device accesses it leads to.  Set-up failures end the process with
 * one line (`die`); once the guest runs, whatever ends it goes through
 * vm_stop(), so that the terminal is restored at one place.
 *
 * Locking: struct bus's `lock` covers the state of every emulated device and
 * the console's buffers.  Everything else is written before the vCPU threads
 * start and only read after, or is atomic.
 */
#ifndef VMM_H
#define VMM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/kvm.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#ifndef __maybe_unused
#define __maybe_unused	__attribute__((__unused__))
#endif
#ifndef __packed
#define __packed	__attribute__((__packed__))
#endif
#define __printf(f, a)	__attribute__((__format__(printf, f, a)))
#ifndef __noreturn
#define __noreturn	__attribute__((__noreturn__))
#endif

#define ALIGN_UP(x, a)	(((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define KIB		1024ULL
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)

/*
 * Exit status of `hv run`, as hv.1 documents it.  A guest that writes a byte
 * to the exit port (layout.h) chooses its own.
 */
enum hv_status {
	HV_EXIT_POWEROFF = 0,
	HV_EXIT_SETUP	 = 1,	/* nothing ran; one line said why */
	HV_EXIT_REBOOT	 = 120,	/* the guest asked for a reset */
	HV_EXIT_SHUTDOWN = 121,	/* triple fault */
	HV_EXIT_ERROR	 = 122,	/* the hypervisor could not go on */
	HV_EXIT_LEFT	 = 123,	/* Ctrl-A x */
	HV_EXIT_SIGNAL	 = 128,	/* + number of the signal that ended hv */
};

/* What EBUSY from the device means, and what to do. */
#define MSG_BUSY \
	"another hypervisor holds the CPU " \
	"(stop its guests, or unload it: modprobe -r kvm_amd kvm_intel kvm)"

/* main.c */

#define DISKS_MAX	16
#define NETS_MAX	8

/* What the command line asks for. */
struct run_options {
	const char *kernel;
	const char *initrd;	/* NULL: none */
	const char *append;	/* NULL: none */
	const char *device;
	u64 memory;		/* bytes, a multiple of the page size */
	const char *control;	/* path of the control socket; NULL: none */
	unsigned int cpus;
	const char *disk[DISKS_MAX];
	unsigned int nr_disks;
	const char *net[NETS_MAX];
	unsigned int nr_nets;
	u32 vsock;		/* the guest's CID; 0: none */
	bool rng;
	bool sandbox;
};

#define HV_VERSION	"0.1"
#define MEMORY_MAX	(1024 * GIB)
#define CPUS_MAX	1024

/* Print "hv: " and the message as one line on stderr; from any thread. */
__printf(1, 2)
void complain(const char *fmt, ...);

/* complain(), then exit with HV_EXIT_SETUP.  Only before the guest runs. */
__printf(1, 2) __noreturn
void die(const char *fmt, ...);

/* bus.c */

enum bus_space { BUS_PIO, BUS_MMIO, BUS_SPACES };

/*
 * A device's view of one access: `offset` from the start of its range, `len`
 * 1 to 8 bytes that lie inside the range.  A read must fill `data`.  Called
 * with the bus lock held.
 */
typedef void bus_fn(void *dev, u64 offset, u8 *data, unsigned int len,
		    bool is_write);

struct bus_range {
	u64 base, len;
	bus_fn *fn;
	void *dev;
	bool bytes;		/* an 8-bit device: wider accesses are split */
};

#define BUS_MAX_RANGES	32

struct bus {
	pthread_mutex_t lock;
	struct bus_range range[BUS_SPACES][BUS_MAX_RANGES];
	unsigned int nr[BUS_SPACES];
};

void bus_init(struct bus *bus);

/*
 * Claim a range.  0, -EEXIST if it overlaps another, -EINVAL if it is empty or
 * wraps, -ENOSPC if the table is full.  Set-up only.
 */
int bus_add(struct bus *bus, enum bus_space space, const struct bus_range *r);

/* Claim `n` ranges of ports for the device `who`; dies when one is taken. */
void bus_add_ports(struct bus *bus, const char *who, const struct bus_range *r,
		   unsigned int n);

/* Carry out a guest's access; guest-controlled address, len 1 to 8. */
void bus_access(struct bus *bus, enum bus_space space, u64 addr, u8 *data,
		unsigned int len, bool is_write);

/* mem.c */

struct ram {
	u64 gpa, len;
	u8 *hva;
};

struct memory {
	struct ram ram[2];	/* below and above the PCI hole */
	unsigned int nr;
	u64 size;		/* bytes in all */
};

/*
 * Reserve guest RAM; dies when the host has no address space for it.  Its
 * contents are those of a file from `offset`, kept private, or zeroes if `fd`
 * is -1.
 */
void mem_init(struct memory *mem, u64 size, int fd, u64 offset);

/*
 * The one gate from guest-physical addresses to ours: a pointer to `len` bytes
 * of RAM at `gpa`, or NULL unless all of them are RAM of one range.
 */
void *mem_at(const struct memory *mem, u64 gpa, u64 len);

/* vm.c */

struct vm;
struct serial;
struct console;
struct control;
struct snapshot;

/* Registers of a device, as the bytes that a snapshot keeps. */
struct state {
	const char *name;
	void *data;
	u32 len;
};

#define STATES_MAX	32
struct pci;
struct routing;
struct virtio;

struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
};

struct vm {
	const char *device;	/* path, for messages */
	int dev_fd, fd;
	int stop_fd;		/* readable once it is stopped */
	size_t run_size;
	struct memory mem;
	struct bus bus;
	struct console *console;
	struct pci *pci;
	struct routing *routing; /* of messages; NULL without devices */
	struct virtio *virtio;	/* all of them */
	struct vcpu *vcpus;
	unsigned int nr_vcpus;
	pthread_barrier_t start; /* vCPU threads wait until all is in place */
	atomic_int status;	/* -1 while running, then the exit status */

	atomic_bool pause;	/* vCPU threads are to park */
	pthread_mutex_t park_lock;
	pthread_cond_t unpark;
	unsigned int parked;	/* threads that have; under park_lock */

	struct control *control; /* NULL: no control socket */
	struct state states[STATES_MAX];
	unsigned int nr_states;
	struct kvm_msrs *msrs;	/* what state_save() reads, and room for it */
	struct kvm_cpuid2 *cpuid;
};

/*
 * Open the device, make the VM with its irqchip and RAM; dies on failure.
 * `from` is the snapshot that memory comes from, or NULL.
 */
void vm_create(struct vm *vm, const struct run_options *opt,
	       const struct snapshot *from);

/*
 * End the VM with `status`; the first caller's wins.  From any thread, and
 * with the bus lock held or not.
 */
void vm_stop(struct vm *vm, int status);

static inline bool vm_stopped(const struct vm *vm)
{
	return atomic_load(&vm->status) >= 0;
}

/* Drive an ISA interrupt line. */
void vm_irq_line(struct vm *vm, u32 gsi, bool level);

/* vm_event.c: bus lock held, or during set-up */

/* An interrupt number for vm_route_msi(); dies when there is none left. */
u32 vm_new_gsi(struct vm *vm);
/* Make `gsi` this message; false if the hypervisor refuses such a message. */
bool vm_route_msi(struct vm *vm, u32 gsi, u64 addr, u32 data);
/* Let writes to an eventfd raise `gsi`, or stop that. */
void vm_irqfd(struct vm *vm, int fd, u32 gsi, bool bind);
/* Let a guest's MMIO write of `len` bytes signal an eventfd, or stop that. */
void vm_ioeventfd(struct vm *vm, int fd, u64 addr, unsigned int len, bool bind);

/* ioctl that dies with the call's name; for set-up only. */
#define vm_ioctl(vm, fd, call, arg) \
	vm_ioctl_named(vm, fd, call, #call, (unsigned long)(arg))
int vm_ioctl_named(const struct vm *vm, int fd, unsigned long call,
		   const char *name, unsigned long arg);

/* boot.c, boot_bzimage.c, boot_pvh.c */

/* How a guest's first CPU starts. */
struct boot_entry {
	bool long_mode;		/* 64-bit with our page tables, else flat 32-bit */
	u64 rip;
	u64 info;		/* rsi in 64-bit mode, ebx in 32-bit mode */
};

/* A kernel in memory, as its loader wants to see it. */
struct boot_files {
	const char *kernel_path;
	const u8 *kernel;	/* the whole file; hostile */
	u64 kernel_len;
	const char *initrd_path; /* NULL: none */
	int initrd_fd;
	u64 initrd_len;
	const char *cmdline;
};

struct bzimage {
	u64 setup_len;		/* bytes before the kernel proper */
	u64 load;		/* preferred physical address */
	u64 align;		/* of any other address; 0 if not relocatable */
	u64 init_size;		/* bytes of RAM the kernel needs from `load` */
	u64 initrd_max;		/* last address an initrd may use */
	u32 cmdline_max;	/* without the final 0 */
};

struct e820 {
	u64 addr, size;
	u32 type;
};

#define E820_RAM	1
#define E820_RESERVED	2
#define E820_ACPI	3
#define E820_MAX	8

/* Read kernel and initrd into guest memory; dies with one line on bad input. */
void boot_load(struct vm *vm, const struct run_options *opt,
	       struct boot_entry *entry);

/* The guest's memory map; returns the number of entries, at most E820_MAX. */
unsigned int boot_e820(const struct memory *mem, struct e820 *map);

/*
 * Place and read the initrd above `kernel_end` and at or below `max`; returns
 * its address, 0 if there is none.  Dies when memory is too small.
 */
u64 boot_initrd(struct vm *vm, const struct boot_files *f, u64 kernel_end,
		u64 max);

/* Copy the command line in; dies when it is longer than `max`. */
void boot_cmdline(struct vm *vm, const struct boot_files *f, u32 max);

/* Check a bzImage's header; NULL, or why it cannot be started. */
const char *bzimage_parse(const u8 *file, u64 len, struct bzimage *b);
void bzimage_load(struct vm *vm, const struct boot_files *f,
		  struct boot_entry *entry);

/* One piece of an ELF file that goes to memory. */
struct pvh_segment {
	u64 gpa, offset, filesz, memsz;
};

#define PVH_MAX_SEGMENTS 16

struct pvh_image {
	struct pvh_segment seg[PVH_MAX_SEGMENTS];
	unsigned int nr;
	u64 entry, end;
};

/* Check an ELF file for a PVH entry; NULL, or why it cannot be started. */
const char *pvh_parse(const u8 *file, u64 len, struct pvh_image *img);
void pvh_load(struct vm *vm, const struct boot_files *f,
	      struct boot_entry *entry);

/* cpu.c: what the first instruction finds in the CPU */
void cpu_setup(struct vcpu *vcpu, const struct boot_entry *entry);

/* The CPUID that the device supports; dies without, the caller frees it. */
struct kvm_cpuid2 *cpu_supported(const struct vm *vm);

/*
 * vcpu.c
 *
 * A paused VM's vCPU threads are parked: outside KVM_RUN, with nothing of an
 * exit left to complete.  vcpus_pause() and vcpus_resume() are the main
 * thread's; pausing takes until vcpus_parked(), which the console's loop is
 * woken for.
 */
void vcpus_create(struct vm *vm, const struct boot_entry *entry);
void vcpus_pause(struct vm *vm);
void vcpus_resume(struct vm *vm);
bool vcpus_parked(struct vm *vm);
void vcpus_start(struct vm *vm);	/* threads exist and wait */
void vcpus_go(struct vm *vm);		/* let them run the guest */
void vcpus_join(struct vm *vm);

/* dump.c: registers and code bytes to stderr, when the hypervisor gave up */
void vcpu_dump(struct vcpu *vcpu);

/* acpi.c, aml.c */
struct aml {
	u8 *buf;
	size_t len, cap;
	bool overflow;		/* something did not fit; len stays inside cap */
};

size_t acpi_dsdt_body(u8 *buf, size_t cap);	/* 0 if it does not fit */
void acpi_build(struct memory *mem, unsigned int nr_cpus);

/* state.c: a device's registers, without pointers, for snapshots; set-up only */
void state_add(struct vm *vm, const char *name, void *data, u32 len);

/* dev_*.c: each claims its ranges on the bus and dies when it cannot */
struct serial_ops {
	void (*irq)(void *opaque, bool level);
	void (*send)(void *opaque, u8 byte);
	/* Next byte from the far end; false if there is none now. */
	bool (*receive)(void *opaque, u8 *byte);
};

struct serial *serial_new(const struct serial_ops *ops, void *opaque);
bus_fn serial_access;
void serial_poll(struct serial *s);	/* the far end has bytes; bus lock held */
void serial_state(struct vm *vm, struct serial *s, const char *name);

void dev_serial_add(struct vm *vm);
void dev_rtc_add(struct vm *vm);
void dev_i8042_add(struct vm *vm);
void dev_pci_add(struct vm *vm);
void dev_power_add(struct vm *vm);

/* console.c: terminal and signals */
void console_init(struct vm *vm);
void console_run(struct vm *vm);	/* until vm_stop() */
void console_close(struct vm *vm);	/* flush, restore the terminal */
void console_wake(struct vm *vm);	/* from any thread */
void console_send(struct vm *vm, u8 byte);	/* bus lock held; may wait */
bool console_receive(struct vm *vm, u8 *byte);	/* bus lock held */

/*
 * control.c: the control socket, served by the main thread in its loop.
 * control_poll() says what to wait for, control_ready() does what there is.
 */
struct pollfd;

void control_init(struct vm *vm, const char *path);
void control_poll(struct vm *vm, struct pollfd *fd);
void control_ready(struct vm *vm, const struct pollfd *fd);
void control_close(struct vm *vm);

/* client.c: the commands that speak to a control socket */
int client(int argc, char **argv);

/* sandbox.c */
void sandbox_drop_privileges(void);	/* before threads exist */
void sandbox_enter(const struct run_options *opt);	/* all threads, for good */

#endif
