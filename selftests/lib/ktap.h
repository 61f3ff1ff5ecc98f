/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test cases and their report, in the kernel's TAP dialect (KTAP).
 *
 * A program lists its cases with TEST(); main() lives in ktap.c. Every case
 * runs in a child process of its own, so that a crash, a hang or a leaked
 * descriptor of one case is reported as that case's failure and the next one
 * starts clean. The first failed check ends the case.
 */
#ifndef SELFTESTS_KTAP_H
#define SELFTESTS_KTAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ktap_case {
	const char *name;
	void (*fn)(void);
	unsigned int seconds;
	struct ktap_case *next;
};

void ktap_register(struct ktap_case *tc);

/* Print a diagnostic line. */
void ktap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* End the case: as failed, as skipped. Callable from any thread. */
void ktap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void ktap_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* A case that may take up to @limit seconds in an emulated host. */
#define TEST_LIMIT(id, limit)						\
	static void test_##id(void);					\
	__attribute__((constructor)) static void register_##id(void)	\
	{								\
		static struct ktap_case tc = { #id, test_##id, limit, NULL }; \
									\
		ktap_register(&tc);					\
	}								\
	static void test_##id(void)

#define TEST(id) TEST_LIMIT(id, 20)

#define FAIL(...) ktap_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) ktap_skip(__VA_ARGS__)

#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			FAIL("not true: %s", #cond);			\
	} while (0)

/* Two integers are equal; both are shown when they are not. */
#define CHECK_EQ(a, b)							\
	do {								\
		unsigned long long _a = (unsigned long long)(a);	\
		unsigned long long _b = (unsigned long long)(b);	\
									\
		if (_a != _b)						\
			FAIL("%s is %#llx, %s is %#llx",		\
			     #a, _a, #b, _b);				\
	} while (0)

/* A system call succeeded (result not negative); its value is returned. */
#define CHECK_OK(call)							\
	({								\
		long _r = (long)(call);					\
									\
		if (_r < 0)						\
			FAIL("%s: %s", #call, strerror(errno));		\
		_r;							\
	})

/* A system call failed with exactly this errno. */
#define CHECK_ERRNO(call, err)						\
	do {								\
		long _r = (long)(call);					\
		int _e = errno;						\
									\
		if (_r >= 0)						\
			FAIL("%s: gave %ld, not %s", #call, _r,		\
			     strerrorname_np(err));			\
		if (_e != (err))					\
			FAIL("%s: gave %s, not %s", #call,		\
			     strerrorname_np(_e), strerrorname_np(err));\
	} while (0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
