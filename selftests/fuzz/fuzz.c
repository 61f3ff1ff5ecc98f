// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz a device that speaks the KVM API: makes cases, keeps those that reach
 * new code (KCOV, where the kernel has it), and stops at the first case after
 * which the kernel complains, hangs, or keeps a reference.
 *
 * The case about to run is always in the file --save, so that it survives a
 * panic; --replay runs such files again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define CASE_SECONDS	4	/* then it is killed, wherever it is */
#define HANG_SECONDS	90	/* then it cannot be killed */
#define KEEP		1024
#define TRACE_SIZE	(16 << 10)
#define KCOV_INIT_TRACE	_IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)

static const char *dev = "/dev/hv", *save;
static unsigned int max_threads = 3;
static bool faults;
bool no_breakpoints;
static uint8_t *cover;			/* shared with the cases */
static struct fuzz_case corpus[KEEP];
static unsigned int n_corpus;
static int kmsg = -1;

/* ---- one case, in its process ------------------------------------------------ */

static void on_kick(int sig)
{
	(void)sig;
}

/* Ends a KVM_RUN of this thread now and then. */
static void kick_me(void)
{
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec t = { { 0, 4000000 }, { 0, 4000000 } };
	timer_t timer;

	e._sigev_un._tid = gettid();
	if (!timer_create(CLOCK_MONOTONIC, &e, &timer))
		timer_settime(timer, 0, &t, NULL);
}

static unsigned long *trace_open(void)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	void *p;

	if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, TRACE_SIZE))
		return NULL;
	p = mmap(NULL, TRACE_SIZE * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || ioctl(fd, KCOV_ENABLE, 0))
		return NULL;
	return p;
}

static void trace_take(unsigned long *trace)
{
	unsigned long n = __atomic_load_n(&trace[0], __ATOMIC_RELAXED);

	for (unsigned long i = 1; i <= n && i < TRACE_SIZE; i++)
		cover[(trace[i] * 0x9e3779b97f4a7c15ul) >> 48] |= 1;
	__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
}

struct worker {
	const struct fuzz_case *fc;
	unsigned int index;
};

static void *work(void *arg)
{
	const struct worker *w = arg;
	unsigned long *trace = trace_open();
	int fail = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char nth[16];

	kick_me();
	for (unsigned int i = 0; i < w->fc->n; i++) {
		const struct op *op = &w->fc->op[i];

		if (op->thread % w->fc->threads != w->index)
			continue;
		if (op->fail && fail >= 0)
			(void)!pwrite(fail, nth, snprintf(nth, sizeof(nth), "%u", op->fail), 0);
		op_run(op);
		while (op->fail && fail >= 0 && pwrite(fail, "0", 1, 0) < 0)
			;
		if (trace)
			trace_take(trace);
	}
	return NULL;
}

static void run_here(const struct fuzz_case *fc)
{
	struct sigaction sa = { .sa_handler = on_kick };
	struct worker w[MAX_THREADS];
	pthread_t t[MAX_THREADS];
	struct rng r = { fc->seed };

	setpgid(0, 0);
	sigaction(SIGUSR1, &sa, NULL);
	alarm(CASE_SECONDS);
	world_make(&r, dev);
	for (unsigned int i = 0; i < fc->threads; i++) {
		w[i] = (struct worker){ fc, i };
		if (i && pthread_create(&t[i], NULL, work, &w[i]))
			_exit(3);
	}
	work(&w[0]);
	/* Half of the cases end with the others still at work. */
	for (unsigned int i = 1; i < fc->threads && fc->seed & 1; i++)
		pthread_join(t[i], NULL);
	_exit(0);
}

/* ---- cases --------------------------------------------------------------------- */

static void new_op(struct rng *r, struct op *op)
{
	*op = (struct op){
		.seed = rnd(r), .kind = below(r, n_ops()), .thread = below(r, MAX_THREADS),
		.object = below(r, 256), .fail = faults && one_in(r, 4) ? 1 + below(r, 24) : 0,
	};
}

static void new_case(struct rng *r, struct fuzz_case *fc)
{
	fc->seed = rnd(r);
	fc->threads = 1 + below(r, max_threads);
	fc->n = 4 + below(r, MAX_OPS - 4);
	for (unsigned int i = 0; i < fc->n; i++)
		new_op(r, &fc->op[i]);
}

static void mutate(struct rng *r, struct fuzz_case *fc)
{
	const struct fuzz_case *other = &corpus[below(r, n_corpus)];

	*fc = corpus[below(r, n_corpus)];
	for (unsigned int times = 1 + below(r, 5); times--;) {
		unsigned int at = below(r, fc->n), n;

		switch (below(r, 6)) {
		case 0:
			new_op(r, &fc->op[at]);
			break;
		case 1:
			fc->op[at].seed = rnd(r);
			break;
		case 2:
			if (fc->n == MAX_OPS)
				break;
			memmove(&fc->op[at + 1], &fc->op[at], (fc->n++ - at) * sizeof(fc->op[0]));
			new_op(r, &fc->op[at]);
			break;
		case 3:
			if (fc->n > 2)
				memmove(&fc->op[at], &fc->op[at + 1],
					(--fc->n - at) * sizeof(fc->op[0]));
			break;
		case 4:
			n = fc->n < other->n ? fc->n : other->n;
			at %= n;
			memcpy(&fc->op[at], &other->op[at], (n - at) * sizeof(fc->op[0]));
			break;
		case 5:
			fc->op[at].thread = below(r, MAX_THREADS);
			fc->threads = 1 + below(r, max_threads);
		}
	}
}

static void write_case(const char *path, const struct fuzz_case *fc)
{
	char text[MAX_OPS * 80];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	int n = snprintf(text, sizeof(text), "case %u %u\n", fc->seed, fc->threads);

	for (unsigned int i = 0; i < fc->n; i++)
		n += snprintf(text + n, sizeof(text) - n, "%s %u %u %u %u\n",
			      op_name(fc->op[i].kind), fc->op[i].thread, fc->op[i].object,
			      fc->op[i].fail, fc->op[i].seed);
	if (fd < 0 || write(fd, text, n) != n) {
		perror(path);
		exit(2);
	}
	close(fd);
}

static bool read_case(const char *path, struct fuzz_case *fc)
{
	FILE *f = fopen(path, "r");
	unsigned int thread, object, fail;
	char name[64];
	int kind;

	memset(fc, 0, sizeof(*fc));
	if (!f || fscanf(f, "case %u %u\n", &fc->seed, &fc->threads) != 2 ||
	    !fc->threads || fc->threads > MAX_THREADS)
		goto out;
	while (fc->n < MAX_OPS && fscanf(f, "%63s %u %u %u %u\n", name, &thread, &object, &fail,
					 &fc->op[fc->n].seed) == 5) {
		kind = op_kind(name);
		if (kind < 0) {
			fprintf(stderr, "%s: no operation %s\n", path, name);
			continue;
		}
		fc->op[fc->n].kind = kind;
		fc->op[fc->n].thread = thread;
		fc->op[fc->n].object = object;
		fc->op[fc->n++].fail = fail;
	}
out:
	if (f)
		fclose(f);
	return fc->n;
}

static void read_corpus(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[512];

	while (d && n_corpus < KEEP && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.' && read_case(path, &corpus[n_corpus]))
			n_corpus++;
	}
	if (d)
		closedir(d);
}

/* ---- watching ------------------------------------------------------------------- */

/* The kernel has complained since the last call; its first line is printed. */
static bool splat(void)
{
	static const char *const signs[] = {
		"WARNING: ", "BUG: ", "kernel BUG", "Oops", "general protection", "KASAN: ",
		"UBSAN: ", "INFO: ", "unchecked MSR", "possible circular", "possible recursive",
		"suspicious RCU", "inconsistent lock", "refcount_t: ", "scheduling while atomic",
		"Bad page", "corruption", "ODEBUG: ", "double fault", "stack-protector",
	};
	char line[8192];
	bool bad = false;
	ssize_t n;

	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		line[n] = 0;
		for (unsigned int i = 0; i < sizeof(signs) / sizeof(*signs); i++)
			if (!bad && strstr(line, signs[i])) {
				printf("# kernel: %s", line);
				bad = true;
			}
	}
	return bad;
}

static int module_users(void)
{
	const char *name = strrchr(dev, '/') + 1;
	char path[128];
	int users = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	f = strcmp(name, "hv") ? NULL : fopen(path, "r");
	if (f) {
		if (fscanf(f, "%d", &users) != 1)
			users = 0;
		fclose(f);
	}
	return users;
}

/* The last descriptor of a killed process is put a moment after its end. */
static bool unused(void)
{
	for (int i = 0; i < 2000; i++) {
		if (!module_users())
			return true;
		poll(NULL, 0, 5);
	}
	return false;
}

/* Run a case; NULL, or what went wrong. */
static const char *run_case(const struct fuzz_case *fc)
{
	struct pollfd p = { .events = POLLIN };
	pid_t pid;
	int status, ready;

	if (save)
		write_case(save, fc);
	pid = fork();
	if (pid < 0)
		return "fork failed";
	if (!pid)
		run_here(fc);
	p.fd = syscall(SYS_pidfd_open, pid, 0);
	ready = poll(&p, 1, CASE_SECONDS * 10000);
	kill(pid, SIGKILL);
	if (ready != 1)
		ready = poll(&p, 1, HANG_SECONDS * 1000);
	close(p.fd);
	if (ready != 1)
		return "the case cannot be killed";
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (splat())
		return "the kernel complained";
	if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
		return "no VM or thread could be made";
	return unused() ? NULL : "the module has users left";
}

static unsigned int covered(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < COVER_SIZE; i++)
		n += cover[i];
	return n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void usage(void)
{
	fputs("usage: fuzz [OPTIONS] [CASE...]\n"
	      "Runs the cases in the files named, or new ones.\n"
	      "  --dev PATH      device (default /dev/hv)\n"
	      "  --seconds N     how long (default 30)\n"
	      "  --cases N       how many at most\n"
	      "  --seed N        of the first case (default 1)\n"
	      "  --threads N     of a case, at most 4 (default 3)\n"
	      "  --faults        allocations fail, where the kernel can (fail-nth)\n"
	      "  --no-breakpoints  hardly any hardware breakpoints (QEMU's TCG dies of them)\n"
	      "  --corpus DIR    begin with these cases, and save there what reaches new code\n"
	      "  --save FILE     the case that runs\n"
	      "Status 1: the kernel complained, a case hung or left something behind.\n", stderr);
	exit(2);
}

static void failed(const char *what, const struct fuzz_case *fc)
{
	const char *path = save ? save : "/tmp/fuzz.case";

	write_case(path, fc);
	printf("not ok - fuzz of %s: %s; the case is %s\n", dev, what, path);
	exit(1);
}

static void replay(char **files)
{
	static struct fuzz_case fc;
	const char *what;

	for (; *files; files++) {
		if (!read_case(*files, &fc))
			usage();
		what = run_case(&fc);
		if (what)
			failed(what, &fc);
	}
	puts("ok - replayed");
}

static void keep(const struct fuzz_case *fc, const char *dir, unsigned int reached)
{
	char path[512];

	if (n_corpus < KEEP)
		corpus[n_corpus++] = *fc;
	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%08x-%u", dir, fc->seed, reached);
	write_case(path, fc);
}

static void fuzz(struct rng *r, double seconds, unsigned long cases, const char *dir)
{
	static struct fuzz_case fc;
	unsigned int reached = 0, now_reached;
	unsigned long done = 0, minute = 0;
	double start = now();
	const char *what;

	/* What is known first: it says what is new. */
	for (unsigned int i = 0; i < n_corpus && now() - start < seconds; i++, done++) {
		what = run_case(&corpus[i]);
		if (what)
			failed(what, &corpus[i]);
	}
	reached = covered();
	while (now() - start < seconds && done < cases) {
		if (n_corpus && !one_in(r, 4))
			mutate(r, &fc);
		else
			new_case(r, &fc);
		what = run_case(&fc);
		if (what)
			failed(what, &fc);
		done++;
		now_reached = covered();
		if (now_reached > reached)
			keep(&fc, dir, now_reached);
		reached = now_reached;
		if (now() - start > 60 * (minute + 1)) {
			minute++;
			printf("# %lu min: %lu cases, %u places of the kernel reached\n",
			       minute, done, reached);
			fflush(stdout);
		}
	}
	printf("ok - fuzz of %s: %lu cases in %.0f s, %u places of the kernel reached\n", dev,
	       done, now() - start, reached);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dev", 1, 0, 'd' }, { "seconds", 1, 0, 's' }, { "cases", 1, 0, 'n' },
		{ "seed", 1, 0, 'r' }, { "threads", 1, 0, 't' }, { "faults", 0, 0, 'f' },
		{ "corpus", 1, 0, 'c' }, { "save", 1, 0, 'w' },
		{ "no-breakpoints", 0, 0, 'b' }, { }
	};
	double seconds = 30;
	unsigned long cases = -1ul;
	struct rng r = { 1 };
	const char *dir = NULL;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
		case 'd':
			dev = optarg;
			break;
		case 's':
			seconds = atof(optarg);
			break;
		case 'n':
			cases = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			r.s = strtoull(optarg, NULL, 0);
			break;
		case 't':
			max_threads = atoi(optarg);
			break;
		case 'f':
			faults = true;
			break;
		case 'b':
			no_breakpoints = true;
			break;
		case 'c':
			dir = optarg;
			break;
		case 'w':
			save = optarg;
			break;
		default:
			usage();
		}
	if (max_threads < 1 || max_threads > MAX_THREADS || !strrchr(dev, '/'))
		usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0) {
		perror("/dev/kmsg");
		return 2;
	}
	lseek(kmsg, 0, SEEK_END);
	cover = mmap(NULL, COVER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (argv[optind]) {
		replay(argv + optind);
		return 0;
	}
	if (dir)
		read_corpus(dir);
	fuzz(&r, seconds, cases, dir);
	return 0;
}
