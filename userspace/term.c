// SPDX-License-Identifier: GPL-2.0-only
/*
 * Terminal modes and the escape key.
 *
 * Input is raw, so Ctrl-C and the like reach the guest; output processing
 * stays as it was, so hv's own lines look right between the guest's.
 */
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "term.h"

#define CTRL_A	1

static struct termios saved;
static volatile sig_atomic_t have_saved;

void term_restore(void)
{
	if (have_saved)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

/* Put the terminal right, then die of the signal as if never caught. */
static void crash_handler(int sig)
{
	static const char blocked[] =
		"hv: a system call outside the sandbox (please report it; --no-sandbox avoids it)\n";

	term_restore();
	if (sig == SIGSYS)
		(void)!write(STDERR_FILENO, blocked, sizeof(blocked) - 1);
	raise(sig);
}

void term_init(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE,
				       SIGILL, SIGSYS };
	struct sigaction sa = { .sa_handler = crash_handler,
				.sa_flags = SA_RESETHAND };
	unsigned int i;

	for (i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &sa, NULL);
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved))
		return;
	have_saved = 1;
	atexit(term_restore);
}

void term_raw(void)
{
	struct termios raw = saved;

	if (!have_saved)
		return;
	cfmakeraw(&raw);
	raw.c_oflag = saved.c_oflag;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

enum term_key term_escape(struct term_escape *e, unsigned char byte)
{
	static const char help[] =
		"\nCtrl-A h  this help\nCtrl-A x  end the guest and leave\n"
		"Ctrl-A Ctrl-A  send Ctrl-A to the guest\n";

	if (!e->pending) {
		e->pending = byte == CTRL_A;
		return e->pending ? TERM_KEY_NONE : TERM_KEY_BYTE;
	}
	e->pending = false;
	switch (byte) {
	case CTRL_A:
		return TERM_KEY_BYTE;
	case 'x':
	case 'X':
		return TERM_KEY_LEAVE;
	case 'h':
	case '?':
		(void)!write(STDERR_FILENO, help, sizeof(help) - 1);
		break;
	}
	return TERM_KEY_NONE;
}
