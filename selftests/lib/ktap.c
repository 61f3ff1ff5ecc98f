// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the cases of one test program, one child process each, and prints KTAP.
 *
 * The parent holds no descriptor of the device, so whatever a case leaves open
 * is closed by the kernel when its process ends; a time limit kills the whole
 * process group of the case.
 */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ktap.h"

enum { CASE_PASS = 0, CASE_FAIL = 1, CASE_SKIP = 4 };

static struct ktap_case *first, **tail = &first;
static unsigned int count;
static const char *current;

void ktap_register(struct ktap_case *tc)
{
	*tail = tc;
	tail = &tc->next;
	count++;
}

static void note_v(const char *head, const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	dprintf(STDOUT_FILENO, "# %s%s\n", head, line);
}

void ktap_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note_v("", fmt, ap);
	va_end(ap);
}

void ktap_fail(const char *file, int line, const char *fmt, ...)
{
	char head[160];
	va_list ap;

	snprintf(head, sizeof(head), "%s: %s:%d: ", current, file, line);
	va_start(ap, fmt);
	note_v(head, fmt, ap);
	va_end(ap);
	_exit(CASE_FAIL);
}

void ktap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note_v("skipped: ", fmt, ap);
	va_end(ap);
	_exit(CASE_SKIP);
}

/* Wait for @pid at most @seconds; true when it ended by itself. */
static bool wait_limited(pid_t pid, unsigned int seconds, int *status)
{
	struct pollfd pfd = { .events = POLLIN };
	bool in_time;

	pfd.fd = syscall(SYS_pidfd_open, pid, 0);
	in_time = poll(&pfd, 1, seconds * 1000) == 1;
	kill(-pid, SIGKILL);
	waitpid(pid, status, 0);
	close(pfd.fd);
	return in_time;
}

static int run_case(struct ktap_case *tc)
{
	int status = 0;
	pid_t pid;

	current = tc->name;
	pid = fork();
	if (pid < 0) {
		ktap_note("fork: %s", strerror(errno));
		return CASE_FAIL;
	}
	if (!pid) {
		setpgid(0, 0);
		tc->fn();
		_exit(CASE_PASS);
	}
	setpgid(pid, pid);
	if (!wait_limited(pid, tc->seconds, &status)) {
		ktap_note("%s: no end after %u s", tc->name, tc->seconds);
		return CASE_FAIL;
	}
	if (WIFSIGNALED(status)) {
		ktap_note("%s: ended by signal %d", tc->name, WTERMSIG(status));
		return CASE_FAIL;
	}
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	unsigned int failed = 0, skipped = 0, n = 0;
	struct ktap_case *tc;

	setvbuf(stdout, NULL, _IONBF, 0);
	printf("KTAP version 1\n1..%u\n", count);
	for (tc = first; tc; tc = tc->next) {
		int result;

		n++;
		if (argc > 1 && strcmp(argv[1], tc->name)) {
			printf("ok %u %s # SKIP not asked for\n", n, tc->name);
			skipped++;
			continue;
		}
		result = run_case(tc);
		if (result == CASE_SKIP) {
			printf("ok %u %s # SKIP\n", n, tc->name);
			skipped++;
		} else if (result == CASE_PASS) {
			printf("ok %u %s\n", n, tc->name);
		} else {
			printf("not ok %u %s\n", n, tc->name);
			failed++;
		}
	}
	if (failed)
		return CASE_FAIL;
	return skipped == count ? CASE_SKIP : CASE_PASS;
}
