/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An access that waits for the VMM; shared by pio_mmio.c and emulate.c alone.
 */
#ifndef VHM_IO_H
#define VHM_IO_H

#include "vhm.h"

enum vhm_pending_kind {
	VHM_PENDING_NONE,
	VHM_PENDING_PIO,	/* one IN or OUT without a string */
	VHM_PENDING_EMUL,	/* an emulated instruction stopped in an op */
};

/* A device access of the instruction under emulation that has been made. */
struct vhm_access {
	u64 gpa;
	u8 len;			/* 1..8 */
	bool write;
	u8 data[8];
};

/* No instruction makes more: 16 bytes, misaligned, across a page, read and written. */
#define VHM_MAX_ACCESSES	8

enum vhm_pio_state { VHM_PIO_IDLE, VHM_PIO_ASKED, VHM_PIO_ANSWERED };

struct vhm_pending {
	enum vhm_pending_kind kind;
	u64 rip;		/* of the instruction: a VMM that moves it drops the rest */
	struct vhm_io io;	/* PIO */
	u8 insn_len;		/* PIO */
	/* EMUL: the record that lets the instruction be run again */
	u8 n, pos;		/* accesses recorded; replayed so far in this run */
	bool keep;		/* the slow path goes on with the fast path's record */
	enum vhm_pio_state pio;
	bool nofault;		/* this run is inside a section */
	bool gpa_valid;		/* fault_gpa belongs to the only memory operand */
	u64 fault_gpa;
	struct vhm_access rec[VHM_MAX_ACCESSES];
};

/** vhm_emul_resume: run the stopped instruction on. Process, srcu held. */
int vhm_emul_resume(struct vhm_vcpu *vcpu);

/** vhm_port_out: a device in the kernel takes the write. Section or srcu. */
bool vhm_port_out(struct vhm_vcpu *vcpu, u16 port, int size, u32 val);

#endif
