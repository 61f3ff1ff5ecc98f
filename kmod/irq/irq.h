/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt controllers of a VM: two 8259A, an IOAPIC, local APICs, an
 * 8254, and the routing between interrupt numbers (GSI) and their pins.
 *
 * The room knows neither vendors nor the core's objects. It sees the world
 * through port.h (locks, memory, timers) and struct vhm_irq_ops, and its owner
 * embeds struct vhm_irqchip (one per VM) and struct vhm_lapic (one per vCPU) and
 * finds its own objects by container_of.
 *
 * Who may touch what; the letter stands behind each field:
 *   [c] constant once published
 *   [o] the vCPU's own thread (in a section or not), or an ioctl that holds the
 *       vCPU still; everyone else may only read it with READ_ONCE, as a hint
 *   [a] atomic operations, any context
 *   [p] pic.lock   [i] ioapic.lock   [t] pit.lock
 *   [T] the timer's owner: written with the timer stopped, or by its callback
 *   [r] replaced under the caller's lock, read under RCU
 *
 * Lock order: the three locks are raw, taken with interrupts off and never one
 * inside another. ops->kick and ->message may be called with pic.lock or
 * ioapic.lock held; timers are started and cancelled with pit.lock held (a timer
 * callback never takes it) or none. Nothing here sleeps or allocates but the
 * functions that say so.
 *
 * Sources: Intel SDM volume 3, "Advanced Programmable Interrupt Controller
 * (APIC)"; AMD APM volume 2, "Advanced Programmable Interrupt Controller
 * (APIC)"; the 8259A, 8254 and 82093AA data sheets.
 */
#ifndef VHM_IRQ_H
#define VHM_IRQ_H

#include "port.h"

#define VHM_IRQ_MAX_LAPICS	288
#define VHM_IRQ_MAX_GSI		4096	/* also the most routing entries */
#define VHM_LAPIC_BASE		0xfee00000u	/* at reset; one page */
#define VHM_IOAPIC_BASE		0xfec00000u	/* at reset */
#define VHM_IOAPIC_SIZE		0x100u

/* IA32_APIC_BASE */
#define VHM_APIC_BASE_BSP	0x100
#define VHM_APIC_BASE_X2APIC	0x400
#define VHM_APIC_BASE_ENABLE	0x800

/*
 * Who drives a GSI: KVM_IRQ_LINE and plain irqfds, the PIT, resampling irqfds;
 * lines of several sources are ORed.
 */
enum vhm_irq_source { VHM_IRQ_SRC_USER, VHM_IRQ_SRC_PIT, VHM_IRQ_SRC_RESAMPLE };

/* What vhm_irq_pending() says when the PIC has something; not a vector. */
#define VHM_IRQ_EXTINT	256

/* ---- state ---------------------------------------------------------------- */

struct vhm_lapic {
	/* looked at before every entry: together */
	u8 *regs;		/* [c] register page; in it IRR and TMR [a], the rest [o] */
	struct vhm_irqchip *chip;	/* [c] */
	bool irr_pending;	/* [a] hint: false only when IRR is empty */
	s16 isr_top;		/* [o] highest vector in service, -1 none */
	u16 isr_count;		/* [o] vectors in service */
	u64 base;		/* [o] IA32_APIC_BASE */

	u64 base_reserved;	/* [o] bits of IA32_APIC_BASE that fault, from CPUID */
	bool tsc_deadline_ok;	/* [o] CPUID offers TSC-deadline mode */
	u32 id;			/* [c] initial APIC id, also the x2APIC id */
	u32 index;		/* [c] place in chip->lapics */
	bool bsp;		/* [c] */
	atomic_t esr;		/* [a] errors seen since the last write of ESR */
	u32 arb;		/* [a] lowest-priority arbitration: times chosen */

	struct hrtimer timer;
	u64 timer_expires;	/* [o], the callback clears it; ns, 0: not running */
	u64 tsc_deadline;	/* [o] guest TSC, while the timer runs */
};

struct vhm_pic {
	raw_spinlock_t lock;
	struct kvm_pic_state pics[2];	/* [p] master, slave */
	unsigned long lines[16];	/* [p] bit per enum vhm_irq_source */
	bool output;		/* [p], read by anyone: INT of the master is high */
};

struct vhm_ioapic {
	raw_spinlock_t lock;
	struct kvm_ioapic_state s;	/* [i] */
	u32 irr_delivered;	/* [i] edge pins of s.irr whose message was sent */
	unsigned long lines[KVM_IOAPIC_NUM_PINS];	/* [i] as in the PIC */
	/* [i], split: [r]; read by anyone: vectors some pin uses */
	DECLARE_BITMAP(eoi_vectors, 256);
};

struct vhm_pit_channel {
	struct kvm_pit_channel_state s;	/* [t] count_load_time: of ktime_get_ns() */
	bool loaded;		/* [t] a count was written since the control word */
	u64 stopped;		/* [t] ns at which the gate froze it; 0: counting */
};

struct vhm_pit {
	raw_spinlock_t lock;
	struct vhm_pit_channel ch[3];	/* [t] */
	u32 flags;		/* [t] KVM_PIT_FLAGS_* */
	bool speaker;		/* [c] port 0x61 is ours */
	bool reinject;		/* [a] keep ticks until the guest acknowledges them */
	atomic_t pending;	/* [a] ticks the guest has not ended */
	u64 period;		/* [T] of channel 0, ns; 0: one shot */
	u64 expires;		/* [T] ns of ktime_get_ns() */
	struct hrtimer timer;	/* once created */
};

struct vhm_irqchip {
	const struct vhm_irq_ops *ops;	/* [c] */
	bool split;		/* [c] only the LAPICs and the routing are here */
	u32 n_pins;		/* [c] split: GSIs below it are pins of the VMM's IOAPIC */
	bool ids32;		/* [a] message addresses and LAPIC states carry 32-bit ids */
	bool dest_exact;	/* [a] 0xff in a message is no broadcast to an x2APIC */
	struct vhm_lapic *lapics[VHM_IRQ_MAX_LAPICS];	/* published with release */
	u32 n_lapics;		/* places in use, holes included; release, acquire */
	bool has_pit;		/* set with release by vhm_pit_create() */
	bool watch_acks;	/* [a] the owner wants ->acked */
	struct vhm_routing __rcu *routing;	/* [r] */
	u32 pit_pins[2];	/* [r] pins that GSI 0 drives: of the PICs, of the IOAPIC */
	struct vhm_pic pic;
	struct vhm_ioapic ioapic;
	struct vhm_pit pit;
};

/* ---- what the room needs from its owner ---------------------------------- */

/* Delivery modes of a message: SDM, "Interrupt Command Register (ICR)". */
enum vhm_irq_mode {
	VHM_DM_FIXED, VHM_DM_LOWEST = 0x100, VHM_DM_SMI = 0x200, VHM_DM_NMI = 0x400,
	VHM_DM_INIT = 0x500, VHM_DM_STARTUP = 0x600, VHM_DM_EXTINT = 0x700
};

struct vhm_irq_ops {
	/**
	 * kick: vhm_irq_pending() of this LAPIC may have changed for the better:
	 * wake the vCPU if it is halted, make it leave guest mode if it is in
	 * there. Any context. Not called for a change that the vCPU's own thread
	 * makes by its own register access or ack: it asks before it enters.
	 */
	void (*kick)(struct vhm_lapic *lapic);
	/** message: NMI, INIT or STARTUP (with a vector) arrived at this LAPIC. Any context. */
	void (*message)(struct vhm_lapic *lapic, enum vhm_irq_mode mode, u8 vector);
	/**
	 * acked: the guest ended interrupts of these pins, of the IOAPIC or of both
	 * PICs. The vCPU's thread, no lock held; for a level pin the line may be
	 * lowered or raised again here. Called while chip->watch_acks is set.
	 */
	void (*acked)(struct vhm_irqchip *chip, bool ioapic, u32 pins);
	/**
	 * eoi: the guest ended a level-triggered interrupt that an IOAPIC outside
	 * sent. The vCPU's thread. Of a split chip only.
	 */
	void (*eoi)(struct vhm_lapic *lapic, u8 vector);
	/**
	 * tsc_expiry: when the guest's TSC will be tsc, in ns of ktime_get_ns(),
	 * rounded up and below 2^63; 0: it is there already. The vCPU's thread.
	 */
	u64 (*tsc_expiry)(struct vhm_lapic *lapic, u64 tsc);
};

/** vhm_hrtimer_setup: the owner's: hard-interrupt timer on the monotonic clock. */
void vhm_hrtimer_setup(struct hrtimer *t, enum hrtimer_restart (*fn)(struct hrtimer *));

/* ---- the VM's side ---------------------------------------------------------- */

/**
 * vhm_irqchip_init: PICs and IOAPIC in their reset state, KVM's default
 * routing (GSI n to PIC pin n below 16 and to IOAPIC pin n below 24, GSI 0
 * included). chip is zeroed memory, not yet published. Process. 0, -ENOMEM.
 */
int vhm_irqchip_init(struct vhm_irqchip *chip, const struct vhm_irq_ops *ops);

/**
 * vhm_irqchip_init_split: the same without PICs and IOAPIC: no routes, and routes
 * to messages only. The owner keeps the calls that concern the other devices away.
 * n_pins: the level-triggered ones of the first n_pins GSIs end with ->eoi.
 */
int vhm_irqchip_init_split(struct vhm_irqchip *chip, const struct vhm_irq_ops *ops, u32 n_pins);

/**
 * vhm_irqchip_destroy: free the routing, if it was ever initialised. The PIT's
 * timer is stopped; no LAPIC of the chip and no user of a line is left. Process.
 */
void vhm_irqchip_destroy(struct vhm_irqchip *chip);

/**
 * vhm_pit_create: add the 8254 (flags: KVM_PIT_SPEAKER_DUMMY). Process, under
 * the lock that serialises KVM_CREATE_PIT2. 0; -EEXIST: there is one; -ENOENT:
 * there is no PIC here; -EINVAL: unknown flag.
 */
int vhm_pit_create(struct vhm_irqchip *chip, u32 flags);

/**
 * vhm_irq_line: drive a GSI for one source. Any context. Returns what
 * KVM_IRQ_LINE_STATUS reports: > 0 delivered (to how many), 0 coalesced with
 * one still pending or taken by nobody, < 0 masked or no such GSI.
 */
int vhm_irq_line(struct vhm_irqchip *chip, enum vhm_irq_source source, u32 gsi, bool level);

/** vhm_irq_pins: the pins of the IOAPIC, or of both PICs, that a GSI drives now. Any context. */
u32 vhm_irq_pins(struct vhm_irqchip *chip, u32 gsi, bool ioapic);

/**
 * vhm_irq_msi: deliver a message-signalled interrupt; addr and data as a PCI
 * device would write them, but with chip->ids32 the upper half of addr holds bits
 * 31:8 of the destination. Any context. Returns how many took it, 0 for nobody.
 */
int vhm_irq_msi(struct vhm_irqchip *chip, u64 addr, u32 data);

/** vhm_irq_msi_valid: nothing in an address that KVM_CAP_X2APIC_API reserves. */
static inline bool vhm_irq_msi_valid(struct vhm_irqchip *chip, u32 addr_hi)
{
	return !(READ_ONCE(chip->ids32) && addr_hi & 0xff);
}

/**
 * vhm_irq_set_routing: replace all routes (user-controlled, checked here).
 * Process; calls are serialised by the caller. 0; -EINVAL: flags, type, GSI,
 * pin or combination not allowed; -ENOMEM.
 */
int vhm_irq_set_routing(struct vhm_irqchip *chip, const struct kvm_irq_routing_entry *e, u32 n);

/**
 * vhm_irqchip_pio: guest access to a port of the PICs (0x20, 0x21, 0xa0, 0xa1,
 * 0x4d0, 0x4d1; byte-wide, others read 0 and change nothing) or, once created,
 * the PIT (0x40 to 0x43) and speaker (0x61; wider accesses are the byte,
 * zero-extended). size 1, 2 or 4. False: the port is nobody's here, *val
 * unchanged. Any context.
 */
bool vhm_irqchip_pio(struct vhm_irqchip *chip, u16 port, u32 size, bool in, u32 *val);

/** vhm_ioapic_hit: the address is one of the IOAPIC's. Any context. */
static inline bool vhm_ioapic_hit(struct vhm_irqchip *chip, u64 gpa)
{
	return gpa - READ_ONCE(chip->ioapic.s.base_address) < VHM_IOAPIC_SIZE;
}

/**
 * vhm_ioapic_mmio: guest access; val is as wide as a register, a narrower write
 * is zero-extended. Any context.
 */
void vhm_ioapic_mmio(struct vhm_irqchip *chip, u32 offset, bool write, u64 *val);

/**
 * vhm_irqchip_state: KVM_GET_IRQCHIP, KVM_SET_IRQCHIP. Process. 0, -EINVAL: no
 * such chip_id. Any content is taken: what is not valid is used masked.
 */
int vhm_irqchip_state(struct vhm_irqchip *chip, struct kvm_irqchip *s, bool set);

/*
 * State as KVM_GET_PIT2 and friends carry it. Process; any content is taken.
 * They need a PIT (chip->has_pit). struct kvm_pit_state, a prefix of
 * struct kvm_pit_state2, has no flags: KVM_SET_PIT leaves them as they are.
 */
void vhm_pit_get(struct vhm_irqchip *chip, struct kvm_pit_state2 *s);
void vhm_pit_set(struct vhm_irqchip *chip, const struct kvm_pit_state2 *s, bool with_flags);
/** vhm_pit_set_reinject: KVM_REINJECT_CONTROL; on at creation. Process. */
void vhm_pit_set_reinject(struct vhm_irqchip *chip, bool on);

/* ---- the vCPU's side -------------------------------------------------------- */
/* Unless said otherwise: the vCPU's thread, interrupts on or off, section or not. */

/**
 * vhm_lapic_init: a LAPIC in its power-up state, not yet known to the chip.
 * lapic is zeroed memory; index < VHM_IRQ_MAX_LAPICS is its place, id the
 * initial APIC id. Process. 0, -ENOMEM.
 */
int vhm_lapic_init(struct vhm_lapic *lapic, struct vhm_irqchip *chip, u32 index, u32 id, bool bsp);
/** vhm_lapic_publish: interrupts may find it from now on. Caller serialises. */
void vhm_lapic_publish(struct vhm_lapic *lapic);
/**
 * vhm_lapic_destroy: stop the timer, take it out of the chip, free the page.
 * Nobody delivers to the chip any more, or it was never published. Process.
 */
void vhm_lapic_destroy(struct vhm_lapic *lapic);

/**
 * vhm_lapic_reset: INIT (init true: IA32_APIC_BASE and the APIC id stay) or
 * power-up.
 */
void vhm_lapic_reset(struct vhm_lapic *lapic, bool init);

/** vhm_lapic_set_cpuid: what the guest's CPUID offers. Default: neither, 36 bits. */
void vhm_lapic_set_cpuid(struct vhm_lapic *lapic, bool x2apic, bool tsc_deadline, u8 maxphyaddr);

/**
 * vhm_lapic_set_base: write IA32_APIC_BASE. host: the VMM asks, and any valid
 * mode may follow any other. False: #GP (guest) or -EINVAL (host); unchanged.
 */
bool vhm_lapic_set_base(struct vhm_lapic *lapic, u64 val, bool host);
/** vhm_lapic_hit: the address is in this vCPU's APIC page (in any mode). */
static inline bool vhm_lapic_hit(const struct vhm_lapic *lapic, u64 gpa)
{
	return ((gpa ^ lapic->base) & ~0xfffULL) == 0;
}

/**
 * vhm_lapic_mmio_read, vhm_lapic_mmio_write: in the APIC page, offset 0..0xfff,
 * size 1..8: so many bytes of the value. Reads that cross a 32-bit register and reserved registers give
 * 0, other writes than aligned 32-bit ones are ignored; outside xAPIC mode reads
 * give all ones and writes are ignored, as stock KVM does.
 */
u64 vhm_lapic_mmio_read(struct vhm_lapic *lapic, u32 offset, u32 size);
void vhm_lapic_mmio_write(struct vhm_lapic *lapic, u32 offset, u32 size, u32 val);

/**
 * vhm_lapic_msr_read, vhm_lapic_msr_write: RDMSR and WRMSR of 0x800..0x8ff.
 * False: #GP; nothing changed.
 */
bool vhm_lapic_msr_read(struct vhm_lapic *lapic, u32 msr, u64 *val);
bool vhm_lapic_msr_write(struct vhm_lapic *lapic, u32 msr, u64 val);

/**
 * vhm_lapic_tsc_deadline, vhm_lapic_set_tsc_deadline: IA32_TSC_DEADLINE.
 * Reads 0 and ignores writes outside TSC-deadline mode. A deadline in the past
 * sets the interrupt before returning. When the guest's TSC jumped, write what
 * is read, to arm the timer afresh.
 */
u64 vhm_lapic_tsc_deadline(const struct vhm_lapic *lapic);
void vhm_lapic_set_tsc_deadline(struct vhm_lapic *lapic, u64 tsc);

/** vhm_lapic_cr8, vhm_lapic_set_cr8: task priority as CR8 shows it, 0..15. */
u8 vhm_lapic_cr8(const struct vhm_lapic *lapic);
void vhm_lapic_set_cr8(struct vhm_lapic *lapic, u8 cr8);
/**
 * vhm_lapic_cr8_threshold: 0 when no pending interrupt waits for a lower task
 * priority; else the CR8 value (1..15) that must be undercut for one to be
 * delivered: trap CR8 writes until then.
 */
u8 vhm_lapic_cr8_threshold(struct vhm_lapic *lapic);

/** vhm_lapic_takes_extint: INT of the PIC reaches this CPU. Any context. */
bool vhm_lapic_takes_extint(const struct vhm_lapic *lapic);

/** vhm_lapic_highest_irr: vector, or -1. */
int vhm_lapic_highest_irr(struct vhm_lapic *lapic);

int vhm_irq_find_pending(struct vhm_lapic *lapic);	/* lapic.c; the slow half of: */
/**
 * vhm_irq_pending: what an entry could deliver now, by priority alone (the
 * caller looks at IF and shadows): a vector; VHM_IRQ_EXTINT: the PIC has one
 * and this vCPU takes it; -1: nothing.
 */
static inline int vhm_irq_pending(struct vhm_lapic *lapic)
{
	if (likely(!READ_ONCE(lapic->irr_pending) && !READ_ONCE(lapic->chip->pic.output)))
		return -1;
	return vhm_irq_find_pending(lapic);
}

/**
 * vhm_irq_ack: the CPU takes the interrupt: IRR to ISR, or INTA at the PIC.
 * Returns its vector, -1 when nothing is pending (any more). The result of an
 * earlier vhm_irq_pending() may be outranked by now: use this one.
 */
int vhm_irq_ack(struct vhm_lapic *lapic);

/** vhm_lapic_eoi: as a write of the EOI register. */
void vhm_lapic_eoi(struct vhm_lapic *lapic);

/**
 * vhm_lapic_get, vhm_lapic_set: struct kvm_lapic_state. Set after sregs, since
 * the format follows the mode in IA32_APIC_BASE; in x2APIC mode the id and the
 * logical id are this vCPU's whatever it says. Any register content is
 * accepted and used masked. A timer goes on from its current-count register;
 * a one-shot timer found at 0 there fires, as in stock KVM, which cannot tell
 * whether its interrupt was delivered.
 */
void vhm_lapic_get(struct vhm_lapic *lapic, struct kvm_lapic_state *s);
void vhm_lapic_set(struct vhm_lapic *lapic, const struct kvm_lapic_state *s);

#endif
