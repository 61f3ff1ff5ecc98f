// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: arbitrary register and port accesses, lines, messages,
 * time and restored state, on a board of four CPUs.
 *
 * Besides what the sanitizers and WARN_ON_ONCE() find, these must hold after
 * every step:
 *  - what is announced as pending is what the acknowledge delivers, and an
 *    APIC's interrupt outranks its processor priority;
 *  - a vector in IRR implies the hint that makes the fast path look;
 *  - the highest vector in service is the cached one;
 *  - saved state that is restored and saved again is the same.
 */
#include <stdlib.h>

#include "irq_board.h"

#define CPUS	4

/* fuzz_split: the same with the LAPICs alone; the owner keeps the rest away. */
#ifndef SPLIT
#define SPLIT	0
#endif

struct input {
	const u8 *p;
	size_t left;
};

static u64 take_bytes(struct input *in, unsigned int n)
{
	u64 val = 0;

	while (n-- && in->left) {
		val = val << 8 | *in->p++;
		in->left--;
	}
	return val;
}

static void need(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_irq: not so: %s\n", what);
	abort();
}

static int top(const struct vhm_lapic *l, u32 off)
{
	int vec;

	for (vec = 255; vec >= 0; vec--)
		if (l->regs[off + (vec >> 5) * 16 + (vec >> 3 & 3)] >> (vec & 7) & 1)
			return vec;
	return -1;
}

static void check_cpu(struct vhm_lapic *l)
{
	int pending = vhm_irq_pending(l), irr = top(l, 0x200);
	u32 ppr = l->regs[0xa0];

	need(irr < 0 || l->irr_pending, "IRR implies irr_pending");
	need(vhm_lapic_highest_irr(l) == irr, "highest IRR");
	need(l->isr_top == top(l, 0x100), "isr_top is the highest in ISR");
	need(pending != VHM_IRQ_EXTINT || board.chip.pic.output, "ExtINT implies INTR");
	need(pending < 0 || pending == VHM_IRQ_EXTINT ||
	     (pending == irr && (u32)pending >> 4 > ppr >> 4), "pending outranks PPR");
	need(vhm_lapic_cr8_threshold(l) < 16, "threshold is a priority class");
}

static void check_ack(struct vhm_lapic *l)
{
	int pending = vhm_irq_pending(l), vec = vhm_irq_ack(l);

	if (pending == VHM_IRQ_EXTINT)
		need(vec >= 0 && vec < 256, "INTA gives a vector");
	else
		need(vec == pending, "ack delivers what was pending");
}

/* Save, restore, save: the same but for what a restore starts over. */
static void round_trip_lapic(struct vhm_lapic *l)
{
	struct kvm_lapic_state s[2];

	vhm_lapic_get(l, &s[0]);
	vhm_lapic_set(l, &s[0]);
	vhm_lapic_get(l, &s[1]);
	/* A one-shot timer that ran out fires again, so IRR may gain a vector. */
	memset(s[0].regs + 0x180, 0, 0x100);
	memset(s[1].regs + 0x180, 0, 0x100);
	/* A periodic count below the least period is stretched. */
	memset(s[0].regs + 0x390, 0, 4);
	memset(s[1].regs + 0x390, 0, 4);
	/* The processor priority is computed, whatever was restored before. */
	need(!memcmp(&s[0], &s[1], sizeof(s[0])), "LAPIC round trip");
}

static void round_trip(struct vhm_lapic *l)
{
	struct kvm_ioapic_state io[2];
	struct kvm_pic_state pic[2];
	int i;

	for (i = 0; i < 2 && !SPLIT; i++) {
		vhm_pic_get(&board.chip, i, &pic[0]);
		vhm_pic_set(&board.chip, i, &pic[0]);
		vhm_pic_get(&board.chip, i, &pic[1]);
		need(!memcmp(&pic[0], &pic[1], sizeof(pic[0])), "PIC round trip");
	}
	round_trip_lapic(l);
	if (SPLIT)
		return;
	vhm_ioapic_get(&board.chip, &io[0]);
	vhm_ioapic_set(&board.chip, &io[0]);
	vhm_ioapic_get(&board.chip, &io[1]);
	need(io[0].ioregsel == io[1].ioregsel && io[0].id == io[1].id, "IOAPIC round trip");
}

static void load_state(struct input *in, struct vhm_lapic *l)
{
	union {
		struct kvm_lapic_state lapic;
		struct kvm_ioapic_state ioapic;
		struct kvm_pic_state pic;
		struct kvm_pit_state2 pit;
	} s = { 0 };
	u8 which = SPLIT ? 0 : take_bytes(in, 1) % 5;
	u8 *p = (u8 *)&s;
	unsigned int i, n = take_bytes(in, 1);

	/* Sparse: pairs of place and value, on top of what is there. */
	switch (which) {
	case 0:
		vhm_lapic_get(l, &s.lapic);
		break;
	case 1:
		vhm_ioapic_get(&board.chip, &s.ioapic);
		break;
	case 2:
	case 3:
		vhm_pic_get(&board.chip, which, &s.pic);
		break;
	default:
		vhm_pit_get(&board.chip, &s.pit);
	}
	for (i = 0; i < n % 32; i++) {
		size_t at = take_bytes(in, 2) % sizeof(s);

		p[at] = take_bytes(in, 1);
	}
	switch (which) {
	case 0:
		vhm_lapic_set(l, &s.lapic);
		break;
	case 1:
		vhm_ioapic_set(&board.chip, &s.ioapic);
		break;
	case 2:
	case 3:
		vhm_pic_set(&board.chip, which, &s.pic);
		break;
	default:
		vhm_pit_set(&board.chip, &s.pit, true);
	}
}

static void set_routing(struct input *in)
{
	struct kvm_irq_routing_entry e[8];
	u32 i, n = take_bytes(in, 1) % 9;

	memset(e, 0, sizeof(e));
	for (i = 0; i < n; i++) {
		e[i].gsi = take_bytes(in, 1);
		e[i].type = 1 + take_bytes(in, 1) % 3;
		e[i].u.irqchip.irqchip = take_bytes(in, 1) % 4;
		e[i].u.irqchip.pin = take_bytes(in, 1) % 26;
		e[i].u.msi.data = take_bytes(in, 2);
	}
	vhm_irq_set_routing(&board.chip, e, n);
}

static void step(struct input *in)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1,
				     0x40, 0x41, 0x42, 0x43, 0x61, 0x60 };
	u8 op = take_bytes(in, 1);
	struct vhm_lapic *l = cpu(op >> 6);
	u32 off, val32;
	u64 val;

	if (SPLIT && (op & 15) >= 6 && (op & 15) <= 8)
		return;			/* ports, and the IOAPIC's page */
	switch (op & 15) {
	case 0:
		off = take_bytes(in, 1) << 4;
		vhm_lapic_write(l, off, 4, take_bytes(in, 4));
		break;
	case 1:
		off = take_bytes(in, 2) & 0xfff;
		vhm_lapic_read(l, off, 1u << (op >> 4 & 3));
		vhm_lapic_write(l, off, 1u << (op >> 4 & 3), take_bytes(in, 4));
		break;
	case 2:
		vhm_lapic_msr_write(l, 0x800 + take_bytes(in, 1), take_bytes(in, 8));
		break;
	case 3:
		vhm_lapic_msr_read(l, 0x800 + take_bytes(in, 1), &val);
		break;
	case 4:
		vhm_lapic_set_base(l, 0xfee00000 | (take_bytes(in, 2) & 0xdff), op & 0x10);
		break;
	case 5:
		vhm_lapic_set_tsc_deadline(l, board.now * 2 + take_bytes(in, 4) - 1000);
		break;
	case 6:
		off = take_bytes(in, 1) % ARRAY_SIZE(ports);
		vhm_irq_pio_write(&board.chip, ports[off], 1 + (op >> 4 & 1), take_bytes(in, 1));
		break;
	case 7:
		off = take_bytes(in, 1) % ARRAY_SIZE(ports);
		vhm_irq_pio_read(&board.chip, ports[off], 1, &val32);
		break;
	case 8:
		off = take_bytes(in, 1);
		vhm_ioapic_write(&board.chip, 0, 4, off);
		if (op & 0x10)
			vhm_ioapic_write(&board.chip, 0x10, 4, take_bytes(in, 4));
		else
			vhm_ioapic_read(&board.chip, 0x10, 4);
		break;
	case 9:
		off = take_bytes(in, 1);
		vhm_irq_line(&board.chip, off >> 5 & 1, off & 31, op & 0x10);
		break;
	case 10:
		vhm_irq_msi(&board.chip, take_bytes(in, 4), take_bytes(in, 2));
		break;
	case 11:
		board_run(board.now + (take_bytes(in, 3) & 0x3fffff));
		break;
	case 12:
		check_ack(l);
		break;
	case 13:
		vhm_lapic_eoi(l);
		break;
	case 14:
		if (op & 0x10)
			round_trip(l);
		else
			load_state(in, l);
		break;
	default:
		if (op & 0x10)
			set_routing(in);
		else if (op & 0x20)
			vhm_lapic_reset(l, true);
		else
			vhm_lapic_set_cr8(l, take_bytes(in, 1) & 15);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	unsigned int i;

	if (SPLIT)
		board_init_split(CPUS, 24);
	else
		board_init(CPUS, KVM_PIT_SPEAKER_DUMMY);
	while (in.left) {
		step(&in);
		for (i = 0; i < CPUS; i++)
			check_cpu(cpu(i));
	}
	board_exit();
	return 0;
}
