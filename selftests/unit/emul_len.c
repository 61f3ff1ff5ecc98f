// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instruction lengths, checked against objdump over whole programs.
 *
 * Usage: emul_len [-b MODE] FILE...
 *
 * Each FILE is disassembled by "objdump -d" (64-bit code). For each line the
 * decoder gets exactly the bytes that objdump says the instruction has: it must
 * answer with that length, and with "more" when given one byte less. What
 * objdump marks (bad) is counted and skipped; at least 100,000 instructions
 * must be left, so that an empty disassembly does not pass.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emul.h"

#define MIN_INSNS	100000
#define MAX_SHOWN	20

struct tally {
	unsigned long insns;
	unsigned long bad;
	unsigned long wrong;
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
 * glues FWAIT to the x87 instruction behind it. Neither is one instruction.
 */
static bool is_prefix_line(const char *text)
{
	static const char *const names[] = {
		"rex", "data16", "addr32", "repz", "repnz", "lock", "cs", "ds",
		"es", "ss", "fs", "gs", "notrack", "bnd",
	};
	size_t i, len = strcspn(text, ".\n");

	/* A prefix alone: nothing but its name, or "rex.WRXB". */
	if (strncmp(text, "rex.", 4) && strchr(text, ' '))
		return false;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && !strncmp(text, names[i], len))
			return true;
	return false;
}

static void check(struct tally *t, const char *line)
{
	struct vhm_insn insn;
	u8 bytes[32];
	const char *text;
	unsigned int n = parse_line(line, bytes, sizeof(bytes), &text);
	enum vhm_insn_status st;

	if (!n)
		return;
	if (strstr(text, "(bad)")) {
		t->bad++;
		return;
	}
	t->insns++;
	st = vhm_insn_decode(&insn, bytes, n, VHM_INSN_64);
	if (st == VHM_INSN_OK && insn.len == n) {
		st = vhm_insn_decode(&insn, bytes, n - 1, VHM_INSN_64);
		if (st == VHM_INSN_SHORT)
			return;
	}
	if (is_prefix_line(text) || (bytes[0] == 0x9b && n > 1)) {
		t->insns--;
		t->bad++;
		return;
	}
	if (t->wrong++ < MAX_SHOWN)
		printf("# status %d length %u: %s", st, insn.len, line);
}

static bool run(const char *file, struct tally *t)
{
	char cmd[512], line[512];
	FILE *f;

	if (snprintf(cmd, sizeof(cmd), "objdump -d -w -z '%s'", file) >=
	    (int)sizeof(cmd))
		return false;
	f = popen(cmd, "r");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		check(t, line);
	return pclose(f) == 0;
}

int main(int argc, char **argv)
{
	int i, failed = 0;

	printf("TAP version 13\n1..%d\n", argc - 1);
	for (i = 1; i < argc; i++) {
		struct tally t = { 0 };
		bool ok = run(argv[i], &t);

		ok = ok && !t.wrong && t.insns >= MIN_INSNS;
		printf("# %s: %lu instructions, %lu mismatches, %lu skipped\n",
		       argv[i], t.insns, t.wrong, t.bad);
		printf("%sok %d lengths of %s\n", ok ? "" : "not ", i, argv[i]);
		failed += !ok;
	}
	return failed != 0;
}
