// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MC146818 real-time clock and its CMOS memory.
 *
 * The time is the host's, UTC; what the guest writes to the time registers is
 * kept as an offset, so `hwclock --systohc` works inside the guest and
 * changes nothing outside.  The alarm registers hold what is written but
 * nothing goes off: the interrupt flags stay clear.
 * Source: Motorola MC146818A data sheet, "Address Map" and "Registers".
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "layout.h"
#include "vmm.h"

enum {
	RTC_SECONDS = 0, RTC_MINUTES = 2, RTC_HOURS = 4, RTC_WEEKDAY = 6,
	RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9,
	RTC_A = 10, RTC_B = 11, RTC_C = 12, RTC_D = 13,
	RTC_CENTURY = 0x32,	/* where the FADT says it is */
};

#define A_UIP		0x80	/* update in progress */
#define A_DEFAULT	0x26	/* 32.768 kHz, 1024 Hz rate: as firmware leaves it */
#define B_SET		0x80	/* guest is setting the time: clock stands */
#define B_BINARY	0x04
#define B_24H		0x02
#define D_VALID		0x80	/* battery good */
#define HOUR_PM		0x80

/* The update flag shows for the last 244 us of each second (data sheet). */
#define UIP_NS		244000

struct rtc {
	u8 index;
	u8 reg[128];
	time_t offset;		/* guest time - host time */
};

static u8 to_reg(const struct rtc *rtc, unsigned int v)
{
	return rtc->reg[RTC_B] & B_BINARY ? v : (v / 10) << 4 | v % 10;
}

static unsigned int from_reg(const struct rtc *rtc, u8 v)
{
	return rtc->reg[RTC_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static u8 hour_to_reg(const struct rtc *rtc, int hour)
{
	if (rtc->reg[RTC_B] & B_24H)
		return to_reg(rtc, hour);
	return to_reg(rtc, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0);
}

static int hour_from_reg(const struct rtc *rtc, u8 v)
{
	if (rtc->reg[RTC_B] & B_24H)
		return from_reg(rtc, v);
	return from_reg(rtc, v & ~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

/* Bring the time registers up to date, unless the guest holds them. */
static void rtc_load(struct rtc *rtc)
{
	struct timespec now;
	struct tm tm;
	time_t t;

	if (rtc->reg[RTC_B] & B_SET)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	t = now.tv_sec + rtc->offset;
	if (!gmtime_r(&t, &tm))
		return;
	rtc->reg[RTC_SECONDS] = to_reg(rtc, tm.tm_sec);
	rtc->reg[RTC_MINUTES] = to_reg(rtc, tm.tm_min);
	rtc->reg[RTC_HOURS] = hour_to_reg(rtc, tm.tm_hour);
	rtc->reg[RTC_WEEKDAY] = to_reg(rtc, tm.tm_wday + 1);
	rtc->reg[RTC_DAY] = to_reg(rtc, tm.tm_mday);
	rtc->reg[RTC_MONTH] = to_reg(rtc, tm.tm_mon + 1);
	rtc->reg[RTC_YEAR] = to_reg(rtc, tm.tm_year % 100);
	rtc->reg[RTC_CENTURY] = to_reg(rtc, (tm.tm_year + 1900) / 100);
	rtc->reg[RTC_A] &= ~A_UIP;
	if (now.tv_nsec > 1000000000 - UIP_NS)
		rtc->reg[RTC_A] |= A_UIP;
}

/* The guest changed the registers: its clock goes on from there. */
static void rtc_store(struct rtc *rtc)
{
	struct tm tm = {
		.tm_sec = from_reg(rtc, rtc->reg[RTC_SECONDS]),
		.tm_min = from_reg(rtc, rtc->reg[RTC_MINUTES]),
		.tm_hour = hour_from_reg(rtc, rtc->reg[RTC_HOURS]),
		.tm_mday = from_reg(rtc, rtc->reg[RTC_DAY]),
		.tm_mon = (int)from_reg(rtc, rtc->reg[RTC_MONTH]) - 1,
		.tm_year = (int)(from_reg(rtc, rtc->reg[RTC_CENTURY]) * 100 +
				 from_reg(rtc, rtc->reg[RTC_YEAR])) - 1900,
	};
	time_t t = timegm(&tm);

	if (t != (time_t)-1)
		rtc->offset = t - time(NULL);
}

static bool is_time(u8 index)
{
	return index == RTC_SECONDS || index == RTC_MINUTES ||
	       index == RTC_HOURS || index == RTC_CENTURY ||
	       (index >= RTC_WEEKDAY && index <= RTC_YEAR);
}

static void rtc_write(struct rtc *rtc, u8 value)
{
	u8 index = rtc->index;

	if (is_time(index)) {
		rtc_load(rtc);
		rtc->reg[index] = value;
		if (!(rtc->reg[RTC_B] & B_SET))
			rtc_store(rtc);
	} else if (index == RTC_A) {
		rtc->reg[RTC_A] = value & ~A_UIP;
	} else if (index == RTC_B) {
		bool was_set = rtc->reg[RTC_B] & B_SET;

		rtc_load(rtc);
		rtc->reg[RTC_B] = value;
		if (was_set && !(value & B_SET))
			rtc_store(rtc);
	} else if (index != RTC_C && index != RTC_D) {
		rtc->reg[index] = value;
	}
}

static void rtc_access(void *dev, u64 offset, u8 *data,
		       unsigned int len __maybe_unused, bool is_write)
{
	struct rtc *rtc = dev;

	if (!offset) {
		/* Bit 7 of the index port masks NMI on a PC; we raise none. */
		if (is_write)
			rtc->index = *data & 0x7f;
		return;		/* the index cannot be read back */
	}
	if (is_write) {
		rtc_write(rtc, *data);
		return;
	}
	if (is_time(rtc->index) || rtc->index == RTC_A)
		rtc_load(rtc);
	*data = rtc->reg[rtc->index];
}

/* How much memory there is, where PC firmware has always kept it. */
static void cmos_memory(struct rtc *rtc, u64 size)
{
	u64 low = size < HOLE_START ? size : HOLE_START;
	u64 ext = low > MIB ? (low - MIB) / KIB : 0;
	u64 above16 = low > 16 * MIB ? (low - 16 * MIB) / (64 * KIB) : 0;
	u64 high = size > HOLE_START ? (size - HOLE_START) / (64 * KIB) : 0;

	if (ext > 0xffff)
		ext = 0xffff;
	rtc->reg[0x15] = 640 & 0xff;
	rtc->reg[0x16] = 640 >> 8;
	rtc->reg[0x17] = ext;
	rtc->reg[0x18] = ext >> 8;
	rtc->reg[0x30] = ext;
	rtc->reg[0x31] = ext >> 8;
	rtc->reg[0x34] = above16;
	rtc->reg[0x35] = above16 >> 8;
	rtc->reg[0x5b] = high;
	rtc->reg[0x5c] = high >> 8;
	rtc->reg[0x5d] = high >> 16;
}

void dev_rtc_add(struct vm *vm)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	const struct bus_range range = { PORT_RTC, 2, rtc_access, rtc, true };

	if (!rtc)
		die("rtc: out of memory");
	rtc->reg[RTC_A] = A_DEFAULT;
	rtc->reg[RTC_B] = B_24H;
	rtc->reg[RTC_D] = D_VALID;
	cmos_memory(rtc, vm->mem.size);
	bus_add_ports(&vm->bus, "rtc", &range, 1);
	state_add(vm, "rtc", rtc, sizeof(*rtc));
}
