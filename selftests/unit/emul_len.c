// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instruction lengths, checked against objdump.
 *
 * Usage: emul_len [FILE...]
 *
 * Whole programs: each FILE is disassembled by "objdump -d" (64-bit code). For
 * each line the decoder gets exactly the bytes that objdump says the
 * instruction has: it must answer with that length, and with "more" when given
 * one byte less. What objdump marks (bad) is counted and skipped; enough must
 * be left, so that an empty disassembly does not pass.
 *
 * Random instructions: in each of the three modes, random bytes behind random
 * prefixes and opcodes of every map, each in a slot padded with NOPs so that
 * objdump is in step again at the next. Where both know the instruction, the
 * lengths must agree; what only objdump knows must be one of the encodings
 * that CPUs refuse and objdump does not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emul/emul.h"

#define MIN_INSNS	100000
#define MAX_SHOWN	20
#define SLOT		32	/* bytes, more than any instruction twice */
#define SLOTS		60000ul
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct tally {
	unsigned long insns;
	unsigned long wrong;
	unsigned long skipped;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of "  addr:\t48 89 e5 \tmov ..."; 0 if it is no such line. */
static unsigned int parse_line(const char *line, u8 *bytes, unsigned int max,
			       const char **text)
{
	const char *p = strchr(line, ':');
	unsigned int n = 0;

	if (!p || p[1] != '\t')
		return 0;
	for (p += 2; n < max; p += 3) {
		int hi = hex_digit(p[0]), lo = hi < 0 ? -1 : hex_digit(p[1]);

		if (lo < 0 || p[2] != ' ')
			break;
		bytes[n++] = (u8)(hi << 4 | lo);
	}
	p = strchr(p, '\t');
	*text = p ? p + 1 : "";
	return n;
}

/*
 * objdump splits off prefixes it finds meaningless, as lines of their own, and
 * glues FWAIT to the x87 instruction behind it; data may be shown as such.
 * None of these is one instruction.
 */
static bool is_instruction(const char *text, const u8 *bytes, unsigned int n)
{
	static const char *const names[] = {
		"rex", "data16", "data32", "addr16", "addr32", "repz", "repnz",
		"lock", "cs", "ds", "es", "ss", "fs", "gs", ".byte",
	};
	static const char blank[] = "\n ";
	const char *word = text + strspn(text, blank);
	size_t i, len;

	if (n > 1 && memchr(bytes, 0x9b, n) && strchr(text, 'f'))
		return false;
	for (; *word; word += strspn(word, blank)) {
		len = *word == '.' ? 5 : strcspn(word, ".\n ");
		for (i = 0; i < ARRAY_SIZE(names); i++)
			if (strlen(names[i]) == len &&
			    !strncmp(word, names[i], len))
				break;
		if (i == ARRAY_SIZE(names))
			return true;
		if (*word == '.')
			return false;
		word += strcspn(word, blank);
	}
	return false;
}

/* Encodings that raise #UD and that objdump shows all the same. */
static bool refused_by_cpu(const char *text, const u8 *bytes,
			   unsigned int n)
{
	unsigned int i;

	if (strstr(text, "%tr"))
		return true;
	/* VEX, EVEX or XOP behind a prefix that they rule out. */
	for (i = 1; i < n; i++)
		if (bytes[i] == 0xc4 || bytes[i] == 0xc5 || bytes[i] == 0x62 ||
		    bytes[i] == 0x8f)
			return true;
	return false;
}

static void mismatch(struct tally *t, const char *what, unsigned int len,
		     const char *line)
{
	if (t->wrong++ < MAX_SHOWN)
		printf("# %s, length %u: %s", what, len, line);
}

static void check_program(struct tally *t, const char *line)
{
	struct vhm_insn insn;
	u8 bytes[32];
	const char *text;
	unsigned int n = parse_line(line, bytes, sizeof(bytes), &text);

	if (!n)
		return;
	if (strstr(text, "(bad)")) {
		t->skipped++;
		return;
	}
	t->insns++;
	if (vhm_insn_decode(&insn, bytes, n, VHM_INSN_64) == VHM_INSN_OK &&
	    insn.len == n &&
	    vhm_insn_decode(&insn, bytes, n - 1, VHM_INSN_64) == VHM_INSN_SHORT)
		return;
	if (!is_instruction(text, bytes, n) || refused_by_cpu(text, bytes, n)) {
		t->insns--;
		t->skipped++;
		return;
	}
	mismatch(t, "program", insn.len, line);
}

static const struct {
	const char *name;
	enum vhm_insn_mode mode;
} modes[] = {
	{ "i386:x86-64", VHM_INSN_64 },
	{ "i386", VHM_INSN_32 },
	{ "i8086", VHM_INSN_16 },
};

static u64 rng = 0x2545f4914f6cdd1d;

static unsigned int rnd(unsigned int below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned int)(rng >> 33) % below;
}

/* A random beginning of an instruction: the rest of the slot is random too. */
static void random_slot(u8 *slot)
{
	static const u8 prefixes[] = {
		0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0xf0,
	};
	static const u8 vex_maps[] = { 1, 2, 3 };
	static const u8 evex_maps[] = { 1, 2, 3, 5, 6 };
	unsigned int i, n = 0, kind = rnd(20);

	for (i = 0; i < VHM_INSN_MAX; i++)
		slot[i] = (u8)rnd(256);
	for (i = 3; i < 6 && rnd(2); i++)
		slot[n++] = prefixes[rnd(sizeof(prefixes))];
	if (!rnd(5))
		slot[n++] = 0x40 | rnd(16);
	if (kind < 6)
		return;
	if (kind < 11) {
		slot[n] = 0x0f;
	} else if (kind < 14) {
		slot[n] = 0x0f;
		slot[n + 1] = rnd(2) ? 0x38 : 0x3a;
	} else if (kind < 15) {
		slot[n] = 0xc5;
	} else if (kind < 17) {
		slot[n] = 0xc4;
		slot[n + 1] = (slot[n + 1] & 0xe0) | vex_maps[rnd(3)];
	} else if (kind < 19) {
		slot[n] = 0x62;
		slot[n + 1] = (slot[n + 1] & 0xf0) | evex_maps[rnd(5)];
		slot[n + 2] |= 4;
	} else {
		slot[n] = 0x8f;
		slot[n + 1] = (slot[n + 1] & 0xe0) | (8 + rnd(3));
	}
}

static void check_slot(struct tally *t, const char *line, const u8 *slots,
		       enum vhm_insn_mode mode)
{
	unsigned long at = strtoul(line, NULL, 16);
	struct vhm_insn insn;
	enum vhm_insn_status st;
	u8 bytes[32];
	const char *text;
	unsigned int n = parse_line(line, bytes, sizeof(bytes), &text);

	if (!n || at % SLOT || at >= SLOTS * SLOT)
		return;
	st = vhm_insn_decode(&insn, slots + at, VHM_INSN_MAX, mode);
	if (strstr(text, "(bad)") || st == VHM_INSN_LONG ||
	    !is_instruction(text, bytes, n)) {
		t->skipped++;
		return;
	}
	t->insns++;
	if (st == VHM_INSN_OK && insn.len != n)
		mismatch(t, "random", insn.len, line);
	else if (st != VHM_INSN_OK && !refused_by_cpu(text, bytes, n))
		mismatch(t, "unknown", 0, line);
}

/* Disassemble random slots in one mode. */
static bool run_random(unsigned int which, struct tally *t)
{
	static u8 slots[SLOTS * SLOT];
	char name[] = "/tmp/emul_len.XXXXXX", cmd[128], line[512];
	int fd = mkstemp(name);
	bool ok = fd >= 0;
	unsigned long i;
	FILE *f;

	memset(slots, 0x90, sizeof(slots));
	for (i = 0; i < SLOTS; i++)
		random_slot(slots + i * SLOT);
	ok = ok && write(fd, slots, sizeof(slots)) == sizeof(slots);
	snprintf(cmd, sizeof(cmd), "objdump -D -w -z -b binary -m %s %s",
		 modes[which].name, name);
	f = ok ? popen(cmd, "r") : NULL;
	while (f && fgets(line, sizeof(line), f))
		check_slot(t, line, slots, modes[which].mode);
	if (fd >= 0) {
		close(fd);
		unlink(name);
	}
	return f && pclose(f) == 0;
}

static bool run_program(const char *file, struct tally *t)
{
	char cmd[512], line[512];
	FILE *f;

	if (snprintf(cmd, sizeof(cmd), "objdump -d -w -z '%s'", file) >=
	    (int)sizeof(cmd))
		return false;
	f = popen(cmd, "r");
	while (f && fgets(line, sizeof(line), f))
		check_program(t, line);
	return f && pclose(f) == 0;
}

static bool report(unsigned int nr, const char *name, bool ran,
		   const struct tally *t, unsigned long least)
{
	bool ok = ran && !t->wrong && t->insns >= least;

	printf("# %lu instructions, %lu mismatches, %lu skipped\n",
	       t->insns, t->wrong, t->skipped);
	printf("%sok %u lengths: %s\n", ok ? "" : "not ", nr, name);
	fflush(stdout);
	return ok;
}

int main(int argc, char **argv)
{
	unsigned int i, nr = 0;
	bool ok = true;

	printf("KTAP version 1\n1..%d\n", (int)ARRAY_SIZE(modes) + argc - 1);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		struct tally t = { 0 };
		bool ran = run_random(i, &t);

		ok &= report(++nr, modes[i].name, ran, &t, SLOTS / 3);
	}
	for (i = 1; i < (unsigned int)argc; i++) {
		struct tally t = { 0 };
		bool ran = run_program(argv[i], &t);

		ok &= report(++nr, argv[i], ran, &t, MIN_INSNS);
	}
	return !ok;
}
