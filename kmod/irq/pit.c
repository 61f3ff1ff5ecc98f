// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8254 interval timer and the PC's speaker port.
 *
 * Counters are never stepped: a channel is the count it was given and when,
 * and what it shows is computed from the 1.193182 MHz clocks since. Channels 1
 * and 2 are only ever looked at. Channel 0 also owns a host timer that pulses
 * GSI 0 when OUT would rise.
 *
 * Ticks can come faster than a guest that was not scheduled takes them, and
 * the interrupt controllers keep one at most. With reinject on, ticks are
 * counted until the guest ends one; while some are left, each end sends the
 * next. A guest that unmasks the pin starts with no debt.
 *
 * The host timer's callback takes no lock of the PIT, so that it can be
 * stopped under pit.lock; period and expires change only while it is stopped.
 *
 * Source: 8254 data sheet, "Mode Definitions", "Read Operations".
 */
#include "internal.h"

#define PIT_HZ		1193182
#define PIT_MAX_DEBT	100000	/* ticks; beyond it time is lost anyway */

/* Access modes and, in this encoding, which byte comes next (in the ABI, too). */
enum { RW_LATCH, RW_LSB, RW_MSB, RW_WORD, RW_WORD_MSB };

#define MODE_UNSET	0xff	/* before the first control word */

/* Mode 6 is 2 and 7 is 3. What userspace restores is masked here, too. */
static u8 known_mode(u8 mode)
{
	return (mode & 7) > 5 ? mode & 3 : mode & 7;
}

/* What its gate does: "Gate Pin Operations Summary". Modes 2, 3: both. */
enum { GATE_PAUSES, GATE_STARTS };	/* 0, 4: counts while high; 1, 5: starts on the edge */

static u32 ch_gate(const struct vhm_pit_channel *ch)
{
	return known_mode(ch->s.mode) & 3;
}

/* Clocks counted since the count was loaded, gaps excluded. */
static u64 ch_ticks(const struct vhm_pit_channel *ch)
{
	u64 end = ch->stopped ? ch->stopped : ktime_get_ns();
	u64 start = ch->s.count_load_time;

	return end > start ? mul_u64_u64_div_u64(end - start, PIT_HZ, NSEC_PER_SEC) : 0;
}

static u16 ch_value(const struct vhm_pit_channel *ch)
{
	u32 n = ch->s.count, half = (n + 1) / 2;
	u64 d = ch_ticks(ch);

	switch (known_mode(ch->s.mode)) {
	case 2:
		return n - d % n;
	case 3:		/* counts by two from the even value, once per half */
		return (n & ~1u) - 2 * (d % n < half ? d % n : d % n - half);
	default:
		return n - d;	/* goes on below zero */
	}
}

static bool ch_out(const struct vhm_pit_channel *ch)
{
	u32 n = ch->s.count, mode = known_mode(ch->s.mode);
	u64 d = ch_ticks(ch);

	if (!ch->loaded || (mode && ch->stopped))
		return mode != 0;
	switch (mode) {
	case 0:
	case 1:		/* low until the count ends */
		return d >= n;
	case 2:		/* low for the last clock of each period */
		return d % n != n - 1;
	case 3:
		return d % n < (n + 1) / 2;
	default:	/* low for one clock */
		return d != n;
	}
}

/* ---- channel 0 and its interrupt --------------------------------------------------------- */

static void pulse(struct vhm_irqchip *chip)
{
	vhm_irq_line(chip, VHM_IRQ_SRC_PIT, 0, true);
	vhm_irq_line(chip, VHM_IRQ_SRC_PIT, 0, false);
}

/* Before creation, reinject is off. */
void vhm_pit_acked(struct vhm_irqchip *chip, bool ioapic, u32 pins)
{
	if (READ_ONCE(chip->pit_pins[ioapic]) & pins && READ_ONCE(chip->pit.reinject) &&
	    atomic_dec_if_positive(&chip->pit.pending) > 0)
		pulse(chip);
}

void vhm_pit_opened(struct vhm_irqchip *chip, bool ioapic, u32 pins)
{
	if (READ_ONCE(chip->pit_pins[ioapic]) & pins)
		atomic_set(&chip->pit.pending, 0);
}

static enum hrtimer_restart pit_timer_fn(struct hrtimer *t)
{
	struct vhm_irqchip *chip = container_of(t, struct vhm_irqchip, pit.timer);
	struct vhm_pit *pit = &chip->pit;
	u64 n = 1;

	if (pit->period) {
		n += (ktime_get_ns() - pit->expires) / pit->period;
		pit->expires += n * pit->period;
		hrtimer_set_expires(t, ns_to_ktime(pit->expires));
	}
	if (READ_ONCE(pit->reinject) && atomic_read(&pit->pending) < PIT_MAX_DEBT)
		atomic_add(min_t(u64, n, PIT_MAX_DEBT), &pit->pending);
	pulse(chip);
	return pit->period ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

/* Channel 0 got a count or a new flag: start what its mode says. pit->lock. */
static void timer_restart(struct vhm_irqchip *chip)
{
	struct vhm_pit *pit = &chip->pit;
	struct vhm_pit_channel *ch = &pit->ch[0];
	u64 ns = mul_u64_u64_div_u64(ch->s.count, NSEC_PER_SEC, PIT_HZ);
	u32 gate = ch_gate(ch);

	lockdep_assert_held(&pit->lock);
	hrtimer_cancel(&pit->timer);
	atomic_set(&pit->pending, 0);
	/* This gate is tied high: no edge of it ever comes. */
	if (ch->s.mode == MODE_UNSET || gate == GATE_STARTS ||
	    pit->flags & KVM_PIT_FLAGS_HPET_LEGACY)
		return;
	if (gate != GATE_PAUSES)
		ns = max_t(u64, ns, VHM_TIMER_MIN_PERIOD);
	pit->period = gate == GATE_PAUSES ? 0 : ns;
	pit->expires = ch->s.count_load_time + ns;
	hrtimer_start(&pit->timer, ns_to_ktime(pit->expires), HRTIMER_MODE_ABS_HARD);
}

/* ---- registers --------------------------------------------------------------------------- */

/* A whole count was written: 0 stands for 65536. pit->lock. */
static void load(struct vhm_irqchip *chip, struct vhm_pit_channel *ch, u32 count)
{
	u64 now = ktime_get_ns();

	ch->s.count = count && count <= 0x10000 ? count : 0x10000;
	ch->s.count_load_time = now;
	ch->loaded = ch->s.mode != MODE_UNSET;
	ch->stopped = !ch->s.gate || ch_gate(ch) == GATE_STARTS ? now : 0;
	if (ch == &chip->pit.ch[0])
		timer_restart(chip);
}

/* The gate of a channel moved. pit->lock. */
static void set_gate(struct vhm_pit_channel *ch, bool gate)
{
	u64 now = ktime_get_ns();

	if (!!ch->s.gate == gate)
		return;
	ch->s.gate = gate;
	if (gate) {
		ch->s.count_load_time = now - (ch_gate(ch) == GATE_PAUSES ?
					       ch->stopped - ch->s.count_load_time : 0);
		ch->stopped = 0;
	} else if (ch_gate(ch) != GATE_STARTS) {
		ch->stopped = now;
	}
}

static void latch(struct vhm_pit_channel *ch, bool count, bool status)
{
	if (count && !ch->s.count_latched) {
		ch->s.latched_count = ch_value(ch);
		ch->s.count_latched = ch->s.rw_mode & 3;
	}
	if (status && !ch->s.status_latched) {
		ch->s.status = ch_out(ch) << 7 | (ch->loaded ? 0 : 0x40) |
			       (ch->s.rw_mode & 3) << 4 | (ch->s.mode & 7) << 1 | (ch->s.bcd & 1);
		ch->s.status_latched = 1;
	}
}

static void write_control(struct vhm_irqchip *chip, u8 val)
{
	struct vhm_pit_channel *ch = chip->pit.ch;
	u32 i;

	if (val < 0xc0 && !(val & 0x30))	/* latching is reading back one count */
		val = 0xd0 | 2 << (val >> 6);
	if (val >= 0xc0) {			/* "Read-Back Command" */
		for (i = 0; i < 3; i++)
			if (val & 2 << i)
				latch(&ch[i], !(val & 0x20), !(val & 0x10));
		return;
	}
	ch += val >> 6;
	ch->s.rw_mode = ch->s.read_state = ch->s.write_state = val >> 4 & 3;
	ch->s.mode = known_mode(val >> 1);
	ch->s.bcd = val & 1;
	ch->s.count_latched = ch->s.status_latched = 0;
	ch->loaded = false;
	ch->stopped = ch->s.count_load_time = ktime_get_ns();
	if (ch == chip->pit.ch)
		hrtimer_cancel(&chip->pit.timer);
}

static void write_count(struct vhm_irqchip *chip, struct vhm_pit_channel *ch, u8 val)
{
	switch (ch->s.write_state) {
	case RW_WORD:
		ch->s.write_latch = val;
		ch->s.write_state = RW_WORD_MSB;
		return;
	case RW_WORD_MSB:
		ch->s.write_state = RW_WORD;
		load(chip, ch, ch->s.write_latch | val << 8);
		return;
	}
	load(chip, ch, ch->s.write_state == RW_MSB ? val << 8 : val);
}

static u8 read_count(struct vhm_pit_channel *ch)
{
	u8 latched = ch->s.count_latched, state = latched ? latched : ch->s.read_state;
	u16 val;

	if (ch->s.status_latched) {
		ch->s.status_latched = 0;
		return ch->s.status;
	}
	val = latched ? ch->s.latched_count : ch_value(ch);
	if (latched)
		ch->s.count_latched = state == RW_WORD ? RW_MSB : 0;
	else if (state >= RW_WORD)
		ch->s.read_state = state == RW_WORD ? RW_WORD_MSB : RW_WORD;
	return state == RW_MSB || state == RW_WORD_MSB ? val >> 8 : val;
}

void vhm_pit_pio(struct vhm_irqchip *chip, u16 port, bool in, u32 *val)
{
	struct vhm_pit *pit = &chip->pit;
	struct vhm_pit_channel *ch = &pit->ch[port == 0x61 ? 2 : port & 3];

	guard(vhm_raw)(&pit->lock);
	if (port == 0x61 && in) {
		/* Bit 4, DRAM refresh request, toggles about every 15 us. */
		*val = (ch->s.gate ? 1 : 0) | (pit->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON ? 2 : 0) |
		       (ktime_get_ns() >> 14 & 1) << 4 | ch_out(ch) << 5;
	} else if (port == 0x61) {
		pit->flags = (pit->flags & ~KVM_PIT_FLAGS_SPEAKER_DATA_ON) |
			     (*val & 2 ? KVM_PIT_FLAGS_SPEAKER_DATA_ON : 0);
		set_gate(ch, *val & 1);
	} else if ((port & 3) < 3 && in) {
		*val = read_count(ch);
	} else if ((port & 3) < 3) {
		write_count(chip, ch, *val);
	} else if (in) {
		*val = 0;
	} else {
		write_control(chip, *val);
	}
}

/* ---- life and state -------------------------------------------------------------------------- */

int vhm_pit_create(struct vhm_irqchip *chip, u32 flags)
{
	struct vhm_pit *pit = &chip->pit;
	int i;

	if (!chip->ops || chip->split)
		return -ENOENT;
	if (chip->has_pit)
		return -EEXIST;
	if (flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	raw_spin_lock_init(&pit->lock);
	vhm_hrtimer_setup(&pit->timer, pit_timer_fn);
	pit->speaker = flags & KVM_PIT_SPEAKER_DUMMY;
	pit->reinject = true;
	for (i = 0; i < 3; i++)
		pit->ch[i].s = (struct kvm_pit_channel_state) {
			.mode = MODE_UNSET, .gate = i != 2, .count = 0x10000,
			.count_load_time = ktime_get_ns(),
		};
	/* All of the above first: pairs with is_pit(). */
	smp_store_release(&chip->has_pit, true);
	return 0;
}

void vhm_pit_get(struct vhm_irqchip *chip, struct kvm_pit_state2 *s)
{
	int i;

	guard(vhm_raw)(&chip->pit.lock);
	*s = (struct kvm_pit_state2) { .flags = chip->pit.flags };
	for (i = 0; i < 3; i++)
		s->channels[i] = chip->pit.ch[i].s;
}

void vhm_pit_set(struct vhm_irqchip *chip, const struct kvm_pit_state2 *s, bool with_flags)
{
	int i;

	guard(vhm_raw)(&chip->pit.lock);
	if (with_flags)
		chip->pit.flags = s->flags &
				  (KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	/* Counting starts over: the times in the state are another host's. */
	for (i = 0; i < 3; i++) {
		chip->pit.ch[i].s = s->channels[i];
		load(chip, &chip->pit.ch[i], s->channels[i].count);
	}
}

void vhm_pit_set_reinject(struct vhm_irqchip *chip, bool on)
{
	if (READ_ONCE(chip->pit.reinject) != on)
		atomic_set(&chip->pit.pending, 0);
	WRITE_ONCE(chip->pit.reinject, on);
}
