// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets between guest and host (AF_VSOCK), served by vhost-vsock.
 *
 * The third queue, of events, is the device's own; all that happens there is
 * that a guest which goes on from a snapshot is told: its connections ended with
 * the machine that was kept, and its number may be another.
 * Source: Virtual I/O Device (VIRTIO) 1.2, "Socket Device".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/vhost.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_vsock.h>

#include "vhost.h"

#define QUEUES		3
#define VHOST_QUEUES	2
#define EVENTS		2	/* the queue */

struct vsock {
	struct virtio v;
	int vhost;
};

static bool vsock_run(struct vsock *s, int on)
{
	return !ioctl(s->vhost, VHOST_VSOCK_SET_RUNNING, &on);
}

static bool vsock_start(struct virtio *v)
{
	struct vsock *s = (struct vsock *)v;

	return vhost_start(v, s->vhost, VHOST_QUEUES) && vsock_run(s, 1);
}

static void vsock_stop(struct virtio *v)
{
	vsock_run((struct vsock *)v, 0);
}

static bool vsock_freeze(struct virtio *v)
{
	struct vsock *s = (struct vsock *)v;

	return vsock_run(s, 0) && vhost_freeze(v, s->vhost, VHOST_QUEUES);
}

static void vsock_restored(struct virtio *v)
{
	struct virtio_vsock_event e = { .id = VIRTIO_VSOCK_EVENT_TRANSPORT_RESET };
	struct virtq *q = &v->queue[EVENTS];
	struct virtq_chain *c = &v->chain;

	if (!virtq_pop(q, c))
		return;
	virtq_push(q, c, iov_write(c->iov + c->nr_out, c->nr_in, 0, &e, sizeof(e)));
	virtio_interrupt(v, EVENTS);
}

static const struct virtio_ops vsock_ops = {
	.name = "vsock",
	.start = vsock_start,
	.stop = vsock_stop,
	.freeze = vsock_freeze,
	.restored = vsock_restored,
};

void virtio_vsock_add(struct vm *vm, u32 cid)
{
	struct vsock *s = calloc(1, sizeof(*s));
	u64 guest_cid = cid;

	if (!s)
		die("vsock: out of memory");
	s->vhost = vhost_open(vm, "/dev/vhost-vsock");
	if (s->vhost < 0)
		die("--vsock: /dev/vhost-vsock: %s (modprobe vhost_vsock, or see ls -l)",
		    strerror(errno));
	if (ioctl(s->vhost, VHOST_VSOCK_SET_GUEST_CID, &guest_cid))
		die("--vsock %u: %s", cid, errno == EADDRINUSE ?
		    "another VM has this number" : strerror(errno));
	memcpy(s->v.config, &guest_cid, sizeof(guest_cid));
	s->v.config_len = sizeof(guest_cid);
	s->v.delegated = true;
	s->v.ops = &vsock_ops;
	virtio_add(vm, &s->v, VIRTIO_ID_VSOCK, QUEUES);
}
