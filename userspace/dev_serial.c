// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 16550A serial port, register by register.
 *
 * The transmitter hands each byte on at once, so it is always empty; the
 * receiver is a 16-byte FIFO (one byte when FIFOs are off) filled from the far
 * end on demand.  The far end honours flow control: it sends only while the
 * guest raises RTS or can get receive interrupts, and clearing the FIFO keeps
 * what it sent.  A driver that sets the port up while input is coming in
 * therefore loses nothing.
 *
 * Knows neither KVM nor the terminal; both are behind struct serial_ops.
 * Source: National Semiconductor PC16550D data sheet, "Registers".
 */
#include <stdlib.h>
#include <linux/serial_reg.h>

#include "layout.h"
#include "vmm.h"

#define FIFO_SIZE	16
#define MSR_LINES	(UART_MSR_DCD | UART_MSR_RI | UART_MSR_DSR | UART_MSR_CTS)
#define IIR_FIFO_ON	0xc0
#define IIR_TIMEOUT	(UART_IIR_RDI | 0x08)	/* data below the trigger */

struct serial {
	const struct serial_ops *ops;
	void *opaque;
	/* From here on: the state that a snapshot keeps. */
	u8 ier, fcr, lcr, mcr, lsr, msr, scr;
	u8 dll, dlm;
	bool thr_pending;	/* transmitter empty, guest not yet told */
	bool line;		/* last level of the interrupt line */
	u8 fifo[FIFO_SIZE];
	unsigned int head, count;
};

struct serial *serial_new(const struct serial_ops *ops, void *opaque)
{
	struct serial *s = calloc(1, sizeof(*s));

	if (!s)
		die("serial: out of memory");
	s->ops = ops;
	s->opaque = opaque;
	s->lsr = UART_LSR_THRE | UART_LSR_TEMT;
	s->msr = UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	s->dll = 12;		/* 9600 baud, the data sheet's example */
	return s;
}

static unsigned int rx_trigger(const struct serial *s)
{
	static const u8 level[] = { 1, 4, 8, 14 };

	return level[s->fcr >> 6];
}

/* The reason the port interrupts for, in the order of the data sheet. */
static u8 serial_iir(const struct serial *s)
{
	if ((s->ier & UART_IER_RLSI) && (s->lsr & UART_LSR_OE))
		return UART_IIR_RLSI;
	if ((s->ier & UART_IER_RDI) && s->count)
		return s->count >= rx_trigger(s) ? UART_IIR_RDI : IIR_TIMEOUT;
	if ((s->ier & UART_IER_THRI) && s->thr_pending)
		return UART_IIR_THRI;
	if ((s->ier & UART_IER_MSI) && (s->msr & UART_MSR_ANY_DELTA))
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

/* On a PC the interrupt line passes through a gate that OUT2 opens. */
static void serial_update_irq(struct serial *s)
{
	bool level = serial_iir(s) != UART_IIR_NO_INT &&
		     (s->mcr & UART_MCR_OUT2) && !(s->mcr & UART_MCR_LOOP);

	if (level == s->line)
		return;
	s->line = level;
	s->ops->irq(s->opaque, level);
}

static void rx_push(struct serial *s, u8 byte)
{
	unsigned int size = s->fcr & UART_FCR_ENABLE_FIFO ? FIFO_SIZE : 1;

	if (s->count >= size) {
		s->lsr |= UART_LSR_OE;
		return;
	}
	s->fifo[(s->head + s->count++) % FIFO_SIZE] = byte;
	s->lsr |= UART_LSR_DR;
}

static void rx_clear(struct serial *s)
{
	s->head = 0;
	s->count = 0;
	s->lsr &= ~UART_LSR_DR;
}

static void rx_fill(struct serial *s)
{
	unsigned int size = s->fcr & UART_FCR_ENABLE_FIFO ? FIFO_SIZE : 1;
	u8 byte;

	if (s->mcr & UART_MCR_LOOP)
		return;
	/* Linux's probe sets every bit of IER for a moment: that is no reader. */
	if (!(s->mcr & UART_MCR_RTS) &&
	    !((s->ier & UART_IER_RDI) && (s->mcr & UART_MCR_OUT2)))
		return;
	while (s->count < size && s->ops->receive(s->opaque, &byte))
		rx_push(s, byte);
}

static u8 rx_pop(struct serial *s)
{
	u8 byte = s->fifo[s->head];

	if (!s->count)
		return 0;
	s->head = (s->head + 1) % FIFO_SIZE;
	if (!--s->count)
		s->lsr &= ~UART_LSR_DR;
	return byte;
}

/* Modem inputs: a present and willing peer, or our own outputs in loopback. */
static void serial_update_msr(struct serial *s)
{
	u8 lines = UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	u8 changed;

	if (s->mcr & UART_MCR_LOOP)
		lines = (s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
			(s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
			(s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
			(s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
	changed = (s->msr ^ lines) & MSR_LINES;
	/* The ring indicator's delta marks its trailing edge only. */
	if (lines & UART_MSR_RI)
		changed &= ~UART_MSR_RI;
	s->msr = lines | (s->msr & UART_MSR_ANY_DELTA) | changed >> 4;
}

static void serial_write_fcr(struct serial *s, u8 value)
{
	if ((value ^ s->fcr) & UART_FCR_ENABLE_FIFO)
		value |= UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT;
	/* What the far end sent it would send again: see the file's head. */
	if ((value & UART_FCR_CLEAR_RCVR) && (s->mcr & UART_MCR_LOOP))
		rx_clear(s);
	if (!(value & UART_FCR_ENABLE_FIFO))
		value = 0;
	s->fcr = value & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK);
}

static void serial_write(struct serial *s, unsigned int reg, u8 value)
{
	bool dlab = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (dlab) {
			s->dll = value;
			break;
		}
		if (s->mcr & UART_MCR_LOOP)
			rx_push(s, value);
		else
			s->ops->send(s->opaque, value);
		s->thr_pending = true;
		break;
	case UART_IER:
		if (dlab) {
			s->dlm = value;
			break;
		}
		if (value & ~s->ier & UART_IER_THRI)
			s->thr_pending = true;
		s->ier = value & (UART_IER_RDI | UART_IER_THRI |
				  UART_IER_RLSI | UART_IER_MSI);
		break;
	case UART_FCR:
		serial_write_fcr(s, value);
		break;
	case UART_LCR:
		s->lcr = value;
		break;
	case UART_MCR:
		s->mcr = value & (UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_OUT1 |
				  UART_MCR_RTS | UART_MCR_DTR);
		serial_update_msr(s);
		break;
	case UART_SCR:
		s->scr = value;
		break;
	}
}

static u8 serial_read(struct serial *s, unsigned int reg)
{
	bool dlab = s->lcr & UART_LCR_DLAB;
	u8 value = 0;

	switch (reg) {
	case UART_RX:
		return dlab ? s->dll : rx_pop(s);
	case UART_IER:
		return dlab ? s->dlm : s->ier;
	case UART_IIR:
		value = serial_iir(s);
		if (value == UART_IIR_THRI)
			s->thr_pending = false;
		return value | (s->fcr & UART_FCR_ENABLE_FIFO ? IIR_FIFO_ON : 0);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		value = s->lsr;
		s->lsr &= ~UART_LSR_OE;
		return value;
	case UART_MSR:
		value = s->msr;
		s->msr &= ~UART_MSR_ANY_DELTA;
		return value;
	case UART_SCR:
		return s->scr;
	}
	return value;
}

void serial_access(void *dev, u64 offset, u8 *data,
		   unsigned int len __maybe_unused, bool is_write)
{
	struct serial *s = dev;

	if (is_write)
		serial_write(s, offset, *data);
	else
		*data = serial_read(s, offset);
	rx_fill(s);
	serial_update_irq(s);
}

void serial_poll(struct serial *s)
{
	rx_fill(s);
	serial_update_irq(s);
}

void serial_state(struct vm *vm, struct serial *s, const char *name)
{
	state_add(vm, name, &s->ier, sizeof(*s) - offsetof(struct serial, ier));
}
