/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal: raw while the guest runs, restored on every way out.
 */
#ifndef TERM_H
#define TERM_H

#include <stdbool.h>

enum term_key {
	TERM_KEY_BYTE,		/* goes to the guest */
	TERM_KEY_NONE,		/* part of an escape, or one that was served */
	TERM_KEY_LEAVE,		/* Ctrl-A x */
};

struct term_escape {
	bool pending;		/* Ctrl-A came, its second key did not */
};

/* Remember the terminal's state and restore it at exit and on crashes. */
void term_init(void);

/* Raw input; nothing when standard input is no terminal.  Main thread. */
void term_raw(void);

/* Back to what term_init() found.  Async-signal-safe. */
void term_restore(void);

/* Look at one typed byte.  Prints the help for Ctrl-A h. */
enum term_key term_escape(struct term_escape *e, unsigned char byte);

#endif
