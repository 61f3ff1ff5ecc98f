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
static u32 ch_mode(const struct vhm_pit_channel *ch)
{
	u32 mode = ch->s.mode & 7;

	return mode > 5 ? mode - 4 : mode;
}

static u32 ch_count(const struct vhm_pit_channel *ch)
{
	return ch->s.count && ch->s.count <= 0x10000 ? ch->s.count : 0x10000;
}

static u64 ticks_to_ns(u64 ticks)
{
	return mul_u64_u64_div_u64(ticks, NSEC_PER_SEC, PIT_HZ);
}

/* Clocks counted since the count was loaded, gaps excluded. */
static u64 ch_ticks(struct vhm_irqchip *chip, const struct vhm_pit_channel *ch)
{
	u64 end = ch->stopped ? ch->stopped : chip->ops->now();
	u64 start = ch->s.count_load_time;

	return end > start ? mul_u64_u64_div_u64(end - start, PIT_HZ, NSEC_PER_SEC) : 0;
}

static u16 ch_value(struct vhm_irqchip *chip, const struct vhm_pit_channel *ch)
{
	u32 n = ch_count(ch), pos, half;
	u64 d = ch_ticks(chip, ch);

	switch (ch_mode(ch)) {
	case 2:
		return n - d % n;
	case 3:
		/* Counts by two from the even value, once per half. */
		pos = d % n;
		half = (n + 1) / 2;
		return (n & ~1u) - 2 * (pos < half ? pos : pos - half);
	default:
		return n - d;	/* goes on below zero */
	}
}

static bool ch_out(struct vhm_irqchip *chip, const struct vhm_pit_channel *ch)
{
	u32 n = ch_count(ch);
	u64 d;

	if (!ch->loaded)
		return ch_mode(ch) != 0;
	d = ch_ticks(chip, ch);
	switch (ch_mode(ch)) {
	case 0:
		return d >= n;
	case 1:		/* low from the trigger until the count ends */
		return ch->stopped || d >= n;
	case 2:		/* low for the last clock of each period */
		return ch->stopped || d % n != n - 1;
	case 3:
		return ch->stopped || d % n < (n + 1) / 2;
	default:	/* low for one clock */
		return ch->stopped || d != n;
	}
}

/* ---- channel 0 and its interrupt --------------------------------------------------------- */

static void pulse(struct vhm_irqchip *chip)
{
	vhm_irq_line(chip, VHM_IRQ_SRC_PIT, 0, true);
	vhm_irq_line(chip, VHM_IRQ_SRC_PIT, 0, false);
}

static void tick(struct vhm_irqchip *chip, u32 n)
{
	struct vhm_pit *pit = &chip->pit;

	if (READ_ONCE(pit->reinject) && atomic_read(&pit->pending) < PIT_MAX_DEBT)
		atomic_add(n, &pit->pending);
	pulse(chip);
}

void vhm_pit_acked(struct vhm_irqchip *chip)
{
	struct vhm_pit *pit = &chip->pit;

	if (READ_ONCE(pit->reinject) && atomic_dec_if_positive(&pit->pending) > 0)
		pulse(chip);
}

void vhm_pit_rearm(struct vhm_irqchip *chip)
{
	atomic_set(&chip->pit.pending, 0);
}

static u64 pit_timer_fn(struct vhm_irq_timer *t)
{
	struct vhm_pit *pit = &t->chip->pit;
	u64 now = t->chip->ops->now(), late;

	if (!pit->period) {
		tick(t->chip, 1);
		return 0;
	}
	late = now > pit->expires ? (now - pit->expires) / pit->period : 0;
	pit->expires += (late + 1) * pit->period;
	tick(t->chip, late < PIT_MAX_DEBT ? late + 1 : PIT_MAX_DEBT);
	return pit->expires;
}

/* Channel 0 got a count or a new flag: start what its mode says. pit->lock. */
static void timer_restart(struct vhm_irqchip *chip)
{
	struct vhm_pit *pit = &chip->pit;
	struct vhm_pit_channel *ch = &pit->ch[0];
	u64 ns = ticks_to_ns(ch_count(ch));
	u32 mode = ch_mode(ch);

	lockdep_assert_held(&pit->lock);
	chip->ops->timer_cancel(pit->timer);
	vhm_pit_rearm(chip);
	/* Modes 1 and 5 wait for an edge of the gate, and this one is tied high. */
	if (ch->s.mode == MODE_UNSET || mode == 1 || mode == 5 ||
	    pit->flags & KVM_PIT_FLAGS_HPET_LEGACY)
		return;
	pit->period = 0;
	if (mode == 2 || mode == 3) {
		if (ns < VHM_TIMER_MIN_PERIOD)
			ns = VHM_TIMER_MIN_PERIOD;
		pit->period = ns;
	}
	pit->expires = ch->s.count_load_time + ns;
	chip->ops->timer_start(pit->timer, pit->expires);
}

/* ---- registers --------------------------------------------------------------------------- */

/* A whole count was written: 0 stands for 65536. pit->lock. */
static void load(struct vhm_irqchip *chip, struct vhm_pit_channel *ch, u32 count)
{
	u32 mode = ch_mode(ch);

	ch->s.count = count ? count : 0x10000;
	ch->s.count_load_time = chip->ops->now();
	ch->loaded = ch->s.mode != MODE_UNSET;
	ch->stopped = !ch->s.gate || mode == 1 || mode == 5 ? ch->s.count_load_time : 0;
	if (ch == &chip->pit.ch[0])
		timer_restart(chip);
}

/* The gate of a channel moved: "Gate Pin Operations Summary". pit->lock. */
static void set_gate(struct vhm_irqchip *chip, struct vhm_pit_channel *ch, bool gate)
{
	u64 now = chip->ops->now();

	if (!!ch->s.gate == gate)
		return;
	ch->s.gate = gate;
	switch (ch_mode(ch)) {
	case 0:
	case 4:		/* level: counts while high */
		if (gate && ch->stopped)
			ch->s.count_load_time += now - ch->stopped;
		ch->stopped = gate ? 0 : now;
		break;
	case 1:
	case 5:		/* rising edge: (re)starts the count */
		if (!gate)
			return;
		ch->s.count_load_time = now;
		ch->stopped = 0;
		break;
	default:	/* both */
		ch->stopped = gate ? 0 : now;
		if (gate)
			ch->s.count_load_time = now;
	}
}

static void latch_count(struct vhm_irqchip *chip, struct vhm_pit_channel *ch)
{
	if (ch->s.count_latched)
		return;
	ch->s.latched_count = ch_value(chip, ch);
	ch->s.count_latched = ch->s.rw_mode & 3;
}

static void latch_status(struct vhm_irqchip *chip, struct vhm_pit_channel *ch)
{
	if (ch->s.status_latched)
		return;
	ch->s.status = ch_out(chip, ch) << 7 | (ch->loaded ? 0 : 0x40) |
		       (ch->s.rw_mode & 3) << 4 | (ch->s.mode & 7) << 1 | (ch->s.bcd & 1);
	ch->s.status_latched = 1;
}

static void write_control(struct vhm_irqchip *chip, u8 val)
{
	struct vhm_pit_channel *ch = chip->pit.ch;
	u32 sel = val >> 6, access = val >> 4 & 3, i;

	if (sel == 3) {		/* "Read-Back Command" */
		for (i = 0; i < 3; i++) {
			if (!(val & 2 << i))
				continue;
			if (!(val & 0x20))
				latch_count(chip, &ch[i]);
			if (!(val & 0x10))
				latch_status(chip, &ch[i]);
		}
		return;
	}
	ch += sel;
	if (access == RW_LATCH) {
		latch_count(chip, ch);
		return;
	}
	ch->s.rw_mode = access;
	ch->s.read_state = access;
	ch->s.write_state = access;
	ch->s.mode = (val >> 1 & 7) > 5 ? (val >> 1 & 3) : (val >> 1 & 7);
	ch->s.bcd = val & 1;
	ch->s.count_latched = 0;
	ch->s.status_latched = 0;
	ch->loaded = false;
	ch->stopped = ch->s.count_load_time = chip->ops->now();
	if (sel == 0)
		chip->ops->timer_cancel(chip->pit.timer);
}

static void write_count(struct vhm_irqchip *chip, struct vhm_pit_channel *ch, u8 val)
{
	switch (ch->s.write_state) {
	case RW_LSB:
		load(chip, ch, val);
		break;
	case RW_MSB:
		load(chip, ch, val << 8);
		break;
	case RW_WORD:
		ch->s.write_latch = val;
		ch->s.write_state = RW_WORD_MSB;
		break;
	case RW_WORD_MSB:
		ch->s.write_state = RW_WORD;
		load(chip, ch, ch->s.write_latch | val << 8);
		break;
	}
}

static u8 read_count(struct vhm_irqchip *chip, struct vhm_pit_channel *ch)
{
	u16 val;

	if (ch->s.status_latched) {
		ch->s.status_latched = 0;
		return ch->s.status;
	}
	switch (ch->s.count_latched) {
	case RW_WORD:
		ch->s.count_latched = RW_MSB;
		return ch->s.latched_count;
	case RW_LSB:
		ch->s.count_latched = 0;
		return ch->s.latched_count;
	case RW_MSB:
		ch->s.count_latched = 0;
		return ch->s.latched_count >> 8;
	}
	val = ch_value(chip, ch);
	switch (ch->s.read_state) {
	case RW_WORD:
		ch->s.read_state = RW_WORD_MSB;
		return val;
	case RW_WORD_MSB:
		ch->s.read_state = RW_WORD;
		return val >> 8;
	case RW_MSB:
		return val >> 8;
	default:
		return val;
	}
}

static u8 read_speaker(struct vhm_irqchip *chip)
{
	struct vhm_pit *pit = &chip->pit;
	bool data = pit->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	/* DRAM refresh request: toggles about every 15 us. */
	bool refresh = chip->ops->now() >> 14 & 1;

	return (pit->ch[2].s.gate ? 1 : 0) | data << 1 | refresh << 4 |
	       ch_out(chip, &pit->ch[2]) << 5;
}

static void write_speaker(struct vhm_irqchip *chip, u8 val)
{
	if (val & 2)
		chip->pit.flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	else
		chip->pit.flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	set_gate(chip, &chip->pit.ch[2], val & 1);
}

u8 vhm_pit_read(struct vhm_irqchip *chip, u16 port)
{
	unsigned long flags;
	u8 val = 0;

	raw_spin_lock_irqsave(&chip->pit.lock, flags);
	if (port == 0x61)
		val = read_speaker(chip);
	else if ((port & 3) != 3)
		val = read_count(chip, &chip->pit.ch[port & 3]);
	raw_spin_unlock_irqrestore(&chip->pit.lock, flags);
	return val;
}

void vhm_pit_write(struct vhm_irqchip *chip, u16 port, u8 val)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&chip->pit.lock, flags);
	if (port == 0x61)
		write_speaker(chip, val);
	else if ((port & 3) == 3)
		write_control(chip, val);
	else
		write_count(chip, &chip->pit.ch[port & 3], val);
	raw_spin_unlock_irqrestore(&chip->pit.lock, flags);
}

/* ---- life and state -------------------------------------------------------------------------- */

int vhm_pit_create(struct vhm_irqchip *chip, struct vhm_irq_timer *timer, u32 flags)
{
	struct vhm_pit *pit = &chip->pit;
	u64 now = chip->ops->now();
	int i;

	if (chip->has_pit)
		return -EEXIST;
	if (flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	raw_spin_lock_init(&pit->lock);
	pit->timer = timer;
	timer->fn = pit_timer_fn;
	timer->chip = chip;
	pit->speaker = flags & KVM_PIT_SPEAKER_DUMMY;
	pit->reinject = true;
	vhm_pit_rearm(chip);
	for (i = 0; i < 3; i++) {
		pit->ch[i].s.mode = MODE_UNSET;
		pit->ch[i].s.gate = i != 2;
		pit->ch[i].s.count = 0x10000;
		pit->ch[i].s.count_load_time = now;
	}
	/* All of the above first: pairs with vhm_has_pit(). */
	smp_store_release(&chip->has_pit, true);
	return 0;
}

void vhm_pit_destroy(struct vhm_irqchip *chip)
{
	if (chip->has_pit)
		chip->ops->timer_cancel(chip->pit.timer);
}

void vhm_pit_get(struct vhm_irqchip *chip, struct kvm_pit_state2 *s)
{
	unsigned long flags;
	int i;

	memset(s, 0, sizeof(*s));
	raw_spin_lock_irqsave(&chip->pit.lock, flags);
	for (i = 0; i < 3; i++)
		s->channels[i] = chip->pit.ch[i].s;
	s->flags = chip->pit.flags;
	raw_spin_unlock_irqrestore(&chip->pit.lock, flags);
}

void vhm_pit_set(struct vhm_irqchip *chip, const struct kvm_pit_state2 *s)
{
	unsigned long flags;
	int i;

	raw_spin_lock_irqsave(&chip->pit.lock, flags);
	chip->pit.flags = s->flags & (KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	/* Counting starts over: the times in the state are another host's. */
	for (i = 0; i < 3; i++) {
		chip->pit.ch[i].s = s->channels[i];
		load(chip, &chip->pit.ch[i], s->channels[i].count);
	}
	raw_spin_unlock_irqrestore(&chip->pit.lock, flags);
}

void vhm_pit_set_reinject(struct vhm_irqchip *chip, bool on)
{
	if (READ_ONCE(chip->pit.reinject) == on)
		return;
	vhm_pit_rearm(chip);
	WRITE_ONCE(chip->pit.reinject, on);
}
