// SPDX-License-Identifier: GPL-2.0-only
/*
 * The serial port's far end (standard input and output), and signals.
 *
 * The main thread lives here while the guest runs.  It moves bytes between the
 * terminal and two buffers; the vCPU threads move them between the buffers and
 * the port.  Output waits for a slow reader, input waits for a slow guest:
 * nothing is lost, except that a terminal's typing past a full buffer is
 * dropped, so that the escape key always works.
 *
 * Locking: both buffers belong to the bus lock; the rest to the main thread.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "layout.h"
#include "term.h"
#include "vmm.h"

#define OUT_SIZE	16384
#define OUT_CHUNK	4096	/* a pipe with room takes this much at once */
#define IN_SIZE		4096
#define FLUSH_MS	1000	/* at the end, wait this long for a reader */

struct console {
	struct serial *serial;
	int wake_fd, signal_fd;
	bool eof;		/* standard input has ended */
	bool tty;		/* standard input is a terminal */
	struct term_escape escape;
	pthread_cond_t room;	/* in the output buffer */
	u8 out[OUT_SIZE], in[IN_SIZE];
	size_t out_head, out_len;
	size_t in_head, in_len;
};

static void com1_irq(void *opaque, bool level)
{
	vm_irq_line(opaque, IRQ_COM1, level);
}

static void com1_send(void *opaque, u8 byte)
{
	console_send(opaque, byte);
}

static bool com1_receive(void *opaque, u8 *byte)
{
	return console_receive(opaque, byte);
}

static const struct serial_ops com1_ops = {
	.irq = com1_irq,
	.send = com1_send,
	.receive = com1_receive,
};

void console_wake(struct vm *vm)
{
	u64 one = 1;

	/* Fails only when the counter is full: then the thread is awake. */
	if (write(vm->console->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void console_send(struct vm *vm, u8 byte)
{
	struct console *c = vm->console;

	while (c->out_len == OUT_SIZE && !vm_stopped(vm))
		pthread_cond_wait(&c->room, &vm->bus.lock);
	if (c->out_len == OUT_SIZE)
		return;
	c->out[(c->out_head + c->out_len) % OUT_SIZE] = byte;
	if (!c->out_len++)
		console_wake(vm);
}

bool console_receive(struct vm *vm, u8 *byte)
{
	struct console *c = vm->console;

	if (!c->in_len)
		return false;
	*byte = c->in[c->in_head];
	c->in_head = (c->in_head + 1) % IN_SIZE;
	if (c->in_len-- == IN_SIZE)
		console_wake(vm);
	return true;
}

/* Write what there is, at most a chunk; the caller knows there is room. */
static void write_out(struct vm *vm)
{
	struct console *c = vm->console;
	u8 chunk[OUT_CHUNK];
	size_t n, i;
	ssize_t done;

	pthread_mutex_lock(&vm->bus.lock);
	n = c->out_len < OUT_CHUNK ? c->out_len : OUT_CHUNK;
	for (i = 0; i < n; i++)
		chunk[i] = c->out[(c->out_head + i) % OUT_SIZE];
	pthread_mutex_unlock(&vm->bus.lock);
	if (!n)
		return;
	done = write(STDOUT_FILENO, chunk, n);
	if (done < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return;
		/* Nobody reads any more: the guest goes on unheard. */
		done = n;
	}
	pthread_mutex_lock(&vm->bus.lock);
	c->out_head = (c->out_head + done) % OUT_SIZE;
	c->out_len -= done;
	pthread_cond_broadcast(&c->room);
	pthread_mutex_unlock(&vm->bus.lock);
}

/* Feed what was read; escapes are taken out of a terminal's input only. */
static void take_in(struct vm *vm, const u8 *buf, size_t n)
{
	struct console *c = vm->console;
	size_t i;
	u8 byte;

	pthread_mutex_lock(&vm->bus.lock);
	for (i = 0; i < n; i++) {
		byte = buf[i];
		if (c->tty) {
			enum term_key key = term_escape(&c->escape, byte);

			if (key == TERM_KEY_LEAVE)
				vm_stop(vm, HV_EXIT_LEFT);
			if (key != TERM_KEY_BYTE)
				continue;
		}
		if (c->in_len < IN_SIZE)
			c->in[(c->in_head + c->in_len++) % IN_SIZE] = byte;
	}
	serial_poll(c->serial);
	pthread_mutex_unlock(&vm->bus.lock);
}

static void read_in(struct vm *vm, size_t room)
{
	u8 buf[256];
	ssize_t n;

	/* A terminal is always read, for the escape; see the file's head. */
	if (room > sizeof(buf) || vm->console->tty)
		room = sizeof(buf);
	n = read(STDIN_FILENO, buf, room);
	if (n > 0)
		take_in(vm, buf, n);
	else if (!n || (errno != EINTR && errno != EAGAIN))
		vm->console->eof = true;
}

static void take_signal(struct vm *vm)
{
	struct signalfd_siginfo info;

	if (read(vm->console->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGTSTP:
		/* Stopped from outside: leave a usable terminal behind. */
		term_restore();
		raise(SIGSTOP);
		break;
	case SIGCONT:
		term_raw();
		break;
	default:
		vm_stop(vm, HV_EXIT_SIGNAL + info.ssi_signo);
	}
}

void console_init(struct vm *vm)
{
	struct console *c = calloc(1, sizeof(*c));
	struct bus_range com1;
	sigset_t set;

	if (!c)
		die("console: out of memory");
	vm->console = c;
	pthread_cond_init(&c->room, NULL);
	c->tty = isatty(STDIN_FILENO);
	c->serial = serial_new(&com1_ops, vm);
	com1 = (struct bus_range){ PORT_COM1, 8, serial_access, c->serial, true };
	bus_add_ports(&vm->bus, "serial", &com1, 1);
	serial_state(vm, c->serial, "com1");

	/* Blocked in every thread; vCPU threads inherit the mask. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (c->wake_fd < 0 || c->signal_fd < 0)
		die("console: %s", strerror(errno));
	term_init();
}

void console_run(struct vm *vm)
{
	enum { WAKE, SIGNAL, OUT, IN, CONTROL, FDS };
	struct console *c = vm->console;
	struct pollfd fd[FDS] = {
		[WAKE] = { .fd = c->wake_fd, .events = POLLIN },
		[SIGNAL] = { .fd = c->signal_fd, .events = POLLIN },
		[OUT] = { .events = POLLOUT },
		[IN] = { .events = POLLIN },
	};
	size_t room;
	u64 count;

	term_raw();
	while (!vm_stopped(vm)) {
		pthread_mutex_lock(&vm->bus.lock);
		room = IN_SIZE - c->in_len;
		fd[OUT].fd = c->out_len ? STDOUT_FILENO : -1;
		pthread_mutex_unlock(&vm->bus.lock);
		fd[IN].fd = !c->eof && (room || c->tty) ? STDIN_FILENO : -1;
		control_poll(vm, &fd[CONTROL]);
		if (poll(fd, FDS, -1) < 0)
			continue;
		if (fd[WAKE].revents)
			(void)!read(c->wake_fd, &count, sizeof(count));
		if (fd[SIGNAL].revents)
			take_signal(vm);
		if (fd[OUT].revents)
			write_out(vm);
		if (fd[IN].revents)
			read_in(vm, room);
		control_ready(vm, &fd[CONTROL]);
	}
	/* A vCPU may wait for room that nobody makes any more. */
	pthread_mutex_lock(&vm->bus.lock);
	pthread_cond_broadcast(&c->room);
	pthread_mutex_unlock(&vm->bus.lock);
}

void console_close(struct vm *vm)
{
	struct console *c = vm->console;
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	/* The vCPU threads are gone: no lock is needed to look. */
	while (c->out_len && poll(&out, 1, FLUSH_MS) > 0)
		write_out(vm);
	term_restore();
}
