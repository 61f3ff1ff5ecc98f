// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket: what other programs may ask of a running VM.
 *
 * It speaks varlink (varlink.org): requests and replies are JSON objects that
 * end with a zero byte.  The main thread serves one connection at a time, the
 * rest wait.  A snapshot's file is opened by the client and handed over with
 * the request, so the sandbox stays closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "snapshot.h"
#include "virtio.h"

#define REQUEST_MAX	4096

#define MACHINE		"org.hv.Machine"
#define SERVICE		"org.varlink.service"
#define DESCRIPTION \
	"# One virtual machine\n" \
	"interface " MACHINE "\n\n" \
	"# State is \"running\" or \"paused\"; memory is in bytes.\n" \
	"method Status() -> (state: string, cpus: int, memory: int)\n\n" \
	"# Returns when every CPU stands still.\n" \
	"method Pause() -> ()\n\n" \
	"method Resume() -> ()\n\n" \
	"# Ends the VM at once, without telling the guest.\n" \
	"method Stop() -> ()\n\n" \
	"# Writes the VM to the file whose descriptor comes with the request,\n" \
	"# empty and open for writing.  The VM is paused meanwhile.\n" \
	"method Snapshot() -> ()\n\n" \
	"error Failed (message: string)\n"

struct control {
	int listen_fd;
	int fd;			/* the connection; -1: none */
	int passed;		/* file that came with the request; -1: none */
	char request[REQUEST_MAX];
	size_t len;
	/* A call that waits until every vCPU has parked; NULL: none. */
	void (*when_parked)(struct vm *vm);
	bool keep_paused;	/* the user's own pause */
};

static void hang_up(struct control *c)
{
	close(c->fd);
	c->fd = -1;
	c->len = 0;
	if (c->passed >= 0)
		close(c->passed);
	c->passed = -1;
}

/* Takes over `params`.  A client that does not read its reply is hung up on. */
static void reply(struct control *c, const char *error,
		  struct json_object *params)
{
	struct json_object *o = json_object_new_object();
	const char *text;
	size_t len;

	if (c->fd < 0) {
		json_object_put(params);
		json_object_put(o);
		return;
	}
	if (error)
		json_object_object_add(o, "error", json_object_new_string(error));
	json_object_object_add(o, "parameters",
			       params ? params : json_object_new_object());
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	len = strlen(text) + 1;
	if (write(c->fd, text, len) != (ssize_t)len)
		hang_up(c);
	json_object_put(o);
}

static struct json_object *one(const char *key, const char *value)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, key, json_object_new_string(value));
	return o;
}

static void fail(struct control *c, const char *message)
{
	reply(c, MACHINE ".Failed", one("message", message));
}

static void do_status(struct vm *vm)
{
	struct json_object *o = one("state", atomic_load(&vm->pause) ?
				    "paused" : "running");

	json_object_object_add(o, "cpus", json_object_new_int(vm->nr_vcpus));
	json_object_object_add(o, "memory", json_object_new_int64(vm->mem.size));
	reply(vm->control, NULL, o);
}

static void when_parked(struct vm *vm, void (*what)(struct vm *vm))
{
	vm->control->when_parked = what;
	vcpus_pause(vm);
}

static void paused(struct vm *vm)
{
	reply(vm->control, NULL, NULL);
}

static void do_pause(struct vm *vm)
{
	vm->control->keep_paused = true;
	when_parked(vm, paused);
}

static void do_resume(struct vm *vm)
{
	vm->control->keep_paused = false;
	if (atomic_load(&vm->pause))
		vcpus_resume(vm);
	reply(vm->control, NULL, NULL);
}

static void do_stop(struct vm *vm)
{
	vm_stop(vm, HV_EXIT_LEFT);
	reply(vm->control, NULL, NULL);
}

static void write_snapshot(struct vm *vm)
{
	struct control *c = vm->control;
	int err;

	pthread_mutex_lock(&vm->bus.lock);
	err = virtio_freeze(vm);
	if (!err)
		err = snapshot_write(vm, c->passed);
	virtio_thaw(vm);
	pthread_mutex_unlock(&vm->bus.lock);
	close(c->passed);
	c->passed = -1;
	if (!c->keep_paused)
		vcpus_resume(vm);
	if (err)
		fail(c, strerror(-err));
	else
		reply(c, NULL, NULL);
}

static void do_snapshot(struct vm *vm)
{
	if (vm->control->passed < 0)
		fail(vm->control, "no file came with the request");
	else
		when_parked(vm, write_snapshot);
}

static void do_info(struct vm *vm)
{
	struct json_object *o = one("vendor", "hv"), *list = json_object_new_array();

	json_object_object_add(o, "product", json_object_new_string("hv"));
	json_object_object_add(o, "version", json_object_new_string(HV_VERSION));
	json_object_object_add(o, "url", json_object_new_string(""));
	json_object_array_add(list, json_object_new_string(SERVICE));
	json_object_array_add(list, json_object_new_string(MACHINE));
	json_object_object_add(o, "interfaces", list);
	reply(vm->control, NULL, o);
}

static void do_describe(struct vm *vm)
{
	reply(vm->control, NULL, one("description", DESCRIPTION));
}

static const struct {
	const char *name;
	void (*call)(struct vm *vm);
} methods[] = {
	{ MACHINE ".Status", do_status },
	{ MACHINE ".Pause", do_pause },
	{ MACHINE ".Resume", do_resume },
	{ MACHINE ".Stop", do_stop },
	{ MACHINE ".Snapshot", do_snapshot },
	{ SERVICE ".GetInfo", do_info },
	{ SERVICE ".GetInterfaceDescription", do_describe },
};

/* One request, which ends with a zero byte. */
static void take_request(struct vm *vm, const char *text)
{
	struct control *c = vm->control;
	struct json_object *o = json_tokener_parse(text), *method;
	const char *name;
	size_t i;

	if (!o || !json_object_object_get_ex(o, "method", &method) ||
	    !json_object_is_type(method, json_type_string)) {
		json_object_put(o);
		hang_up(c);	/* not varlink at all */
		return;
	}
	name = json_object_get_string(method);
	for (i = 0; i < ARRAY_SIZE(methods); i++)
		if (!strcmp(name, methods[i].name)) {
			methods[i].call(vm);
			json_object_put(o);
			return;
		}
	reply(c, SERVICE ".MethodNotFound", one("method", name));
	json_object_put(o);
}

/* What recvmsg() brought besides bytes: at most one file is kept. */
static void take_file(struct control *c, struct msghdr *m)
{
	struct cmsghdr *cm;
	int fd, i, n;

	for (cm = CMSG_FIRSTHDR(m); cm; cm = CMSG_NXTHDR(m, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
			if (c->passed >= 0)
				close(fd);
			else
				c->passed = fd;
		}
	}
}

static void take_bytes(struct vm *vm)
{
	struct control *c = vm->control;
	union {
		char buf[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} aux;
	struct iovec io = { c->request + c->len, sizeof(c->request) - c->len };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1,
			    .msg_control = &aux, .msg_controllen = sizeof(aux) };
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	take_file(c, &m);
	c->len += n;
	/* One at a time: the next is read when this one has its reply. */
	end = memchr(c->request, 0, c->len);
	if (end && end == c->request + c->len - 1) {
		c->len = 0;
		take_request(vm, c->request);
	} else if (end || c->len == sizeof(c->request)) {
		hang_up(c);
	}
}

void control_poll(struct vm *vm, struct pollfd *fd)
{
	struct control *c = vm->control;

	fd->fd = !c || c->when_parked ? -1 : c->fd >= 0 ? c->fd : c->listen_fd;
	fd->events = POLLIN;
}

void control_ready(struct vm *vm, const struct pollfd *fd)
{
	struct control *c = vm->control;
	void (*what)(struct vm *vm);

	if (!c)
		return;
	if (fd->fd >= 0 && fd->revents) {
		if (fd->fd == c->listen_fd)
			c->fd = accept4(c->listen_fd, NULL, NULL,
					SOCK_CLOEXEC | SOCK_NONBLOCK);
		else
			take_bytes(vm);
	}
	if (c->when_parked && vcpus_parked(vm)) {
		what = c->when_parked;
		c->when_parked = NULL;
		what(vm);
	}
}

void control_init(struct vm *vm, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct control *c = calloc(1, sizeof(*c));
	mode_t mask;

	if (!c)
		die("control: out of memory");
	if (strlen(path) >= sizeof(addr.sun_path))
		die("--control %s: the path is too long for a socket", path);
	strcpy(addr.sun_path, path);
	c->fd = -1;
	c->passed = -1;
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);	/* only for the user who runs the VM */
	if (c->listen_fd < 0 ||
	    bind(c->listen_fd, (void *)&addr, sizeof(addr)) ||
	    listen(c->listen_fd, 8))
		die("--control %s: %s%s", path, strerror(errno),
		    errno == EADDRINUSE ? " (remove it if no VM uses it)" : "");
	umask(mask);
	vm->control = c;
	state_prepare(vm);
	/* The library's first object asks the system for random bytes. */
	json_object_put(one("seed", ""));
}

void control_close(struct vm *vm)
{
	struct control *c = vm->control;

	if (!c)
		return;
	/* Who waits for a pause learns that the VM ended instead. */
	if (c->fd >= 0)
		hang_up(c);
	close(c->listen_fd);
}
