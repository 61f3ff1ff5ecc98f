// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands that speak to a running VM's control socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm.h"

#define REPLY_MAX	4096

static int dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		die("%s: the path is too long for a socket", path);
	strcpy(addr.sun_path, path);
	if (fd < 0 || connect(fd, (void *)&addr, sizeof(addr)))
		die("%s: %s%s", path, strerror(errno),
		    errno == ECONNREFUSED ? " (the VM is gone)" : "");
	return fd;
}

/* Send a request, with a file if `pass` is not -1. */
static void send_request(int fd, const char *method, int pass)
{
	char text[128];
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr h;
	} aux = { 0 };
	struct iovec io = { text, 0 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };

	io.iov_len = snprintf(text, sizeof(text),
			      "{\"method\":\"org.hv.Machine.%s\"}", method) + 1;
	if (pass >= 0) {
		m.msg_control = &aux;
		m.msg_controllen = sizeof(aux);
		aux.h.cmsg_level = SOL_SOCKET;
		aux.h.cmsg_type = SCM_RIGHTS;
		aux.h.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&aux.h), &pass, sizeof(pass));
	}
	if (sendmsg(fd, &m, MSG_NOSIGNAL) != (ssize_t)io.iov_len)
		die("%s: %s", method, strerror(errno));
}

/* The reply's parameters; dies with the VM's own words if it failed. */
static struct json_object *receive(int fd, const char *method)
{
	static char text[REPLY_MAX];
	struct json_object *o, *params, *error, *message;
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, text + len, sizeof(text) - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("%s: the VM ended before it answered", method);
		len += n;
	} while (text[len - 1] && len < sizeof(text));
	text[sizeof(text) - 1] = 0;
	o = json_tokener_parse(text);
	if (!o || !json_object_object_get_ex(o, "parameters", &params))
		die("%s: the answer makes no sense", method);
	if (json_object_object_get_ex(o, "error", &error))
		die("%s: %s", method,
		    json_object_object_get_ex(params, "message", &message) ?
		    json_object_get_string(message) :
		    json_object_get_string(error));
	return params;
}

static struct json_object *call(const char *socket, const char *method, int pass)
{
	int fd = dial(socket);

	send_request(fd, method, pass);
	return receive(fd, method);
}

static void status(const char *socket)
{
	struct json_object_iterator i, end;
	struct json_object *o = call(socket, "Status", -1);

	end = json_object_iter_end(o);
	for (i = json_object_iter_begin(o); !json_object_iter_equal(&i, &end);
	     json_object_iter_next(&i))
		printf("%-8s%s\n", json_object_iter_peek_name(&i),
		       json_object_get_string(json_object_iter_peek_value(&i)));
}

static char *unfinished;	/* file to remove unless all went well */

static void remove_unfinished(void)
{
	if (unfinished)
		unlink(unfinished);
}

/*
 * Under another name until all of it is on the disk: whatever happens, FILE is
 * the old snapshot or the new one.
 */
static void snapshot(const char *socket, const char *file)
{
	char *dir = strdup(file), *tmp;
	int fd, dir_fd;

	if (!dir || asprintf(&tmp, "%s.%d.tmp", file, getpid()) < 0)
		die("snapshot: out of memory");
	fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		die("%s: %s", tmp, strerror(errno));
	unfinished = tmp;
	atexit(remove_unfinished);
	call(socket, "Snapshot", fd);
	if (fsync(fd) || rename(tmp, file))
		die("%s: %s", file, strerror(errno));
	unfinished = NULL;
	dir_fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || fsync(dir_fd))
		die("%s: %s", file, strerror(errno));
}

int client(int argc, char **argv)
{
	static const struct {
		const char *name, *method;
	} plain[] = {
		{ "pause", "Pause" }, { "resume", "Resume" }, { "stop", "Stop" },
	};
	bool takes_file = !strcmp(argv[0], "snapshot");
	size_t i;

	if (argc != 2 + takes_file || argv[1][0] == '-')
		die("usage: hv %s SOCKET%s", argv[0], takes_file ? " FILE" : "");
	if (takes_file)
		snapshot(argv[1], argv[2]);
	else if (!strcmp(argv[0], "status"))
		status(argv[1]);
	for (i = 0; i < ARRAY_SIZE(plain); i++)
		if (!strcmp(argv[0], plain[i].name))
			call(argv[1], plain[i].method, -1);
	return 0;
}
