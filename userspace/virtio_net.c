// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network card on a tap interface of the host, served by vhost-net where the
 * host has it, else by this device's thread.
 * Source: Virtual I/O Device (VIRTIO) 1.2, "Network Device".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "vhost.h"

enum { RX, TX, QUEUES };

#define HEADER		sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define PACKET_MAX	(64 * KIB + HEADER)
#define BIT(n)		(1ULL << (n))

struct net {
	struct virtio v;
	int tap, vhost;		/* vhost: -1 without it */
	struct virtq_chain room;	/* buffers for the next packet ... */
	bool have_room;			/* ... are there */
	size_t waiting;		/* bytes of a packet that found no buffers */
	u8 packet[PACKET_MAX];
};

static u32 net_send(struct virtio *v, unsigned int queue __maybe_unused,
		    struct virtq_chain *c)
{
	struct net *n = (struct net *)v;

	/* What the host does not take is lost, as on any network. */
	(void)!writev(n->tap, c->iov, c->nr_out);
	return 0;
}

/* Hand the waiting packet to the guest; false if that has no buffers. */
static bool deliver(struct net *n)
{
	struct virtio_net_hdr_mrg_rxbuf *h = (void *)n->packet;
	struct virtq *q = &n->v.queue[RX];

	if (!n->have_room)
		n->have_room = virtq_pop(q, &n->room);
	if (!n->have_room)
		return false;
	h->num_buffers = 1;
	/* One that is too long for the driver's buffers is dropped. */
	if (n->waiting <= n->room.in_len) {
		iov_write(n->room.iov + n->room.nr_out, n->room.nr_in, 0,
			  n->packet, n->waiting);
		virtq_push(q, &n->room, n->waiting);
		virtio_interrupt(&n->v, RX);
		n->have_room = false;
	}
	n->waiting = 0;
	return true;
}

/* Packets wait in the tap while the guest has no buffers. */
static void net_receive(struct virtio *v)
{
	struct net *n = (struct net *)v;
	struct virtq *q = &v->queue[RX];
	ssize_t len;

	virtq_notify_off(q);
	while (!vm_stopped(v->pci.vm)) {
		if (n->waiting && !deliver(n)) {
			if (virtq_notify_on(q))
				continue;
			virtio_watch(v, -1, 0);
			return;
		}
		len = read(n->tap, n->packet, sizeof(n->packet));
		if (len < (ssize_t)HEADER)
			break;
		n->waiting = len;
	}
	virtio_watch(v, n->tap, POLLIN);
}

static void net_event(struct virtio *v, unsigned int revents)
{
	if (revents & POLLIN)
		net_receive(v);
	else
		virtio_watch(v, -1, 0);	/* the tap is gone */
}

static void net_serve(struct virtio *v, unsigned int queue)
{
	if (queue == TX)
		virtio_serve(v, TX);
	else
		net_receive(v);
}

static bool set_backend(struct net *n, int tap)
{
	unsigned int i;

	for (i = 0; i < QUEUES; i++) {
		struct vhost_vring_file f = { .index = i, .fd = tap };

		if (ioctl(n->vhost, VHOST_NET_SET_BACKEND, &f))
			return false;
	}
	return true;
}

static bool net_start(struct virtio *v)
{
	struct net *n = (struct net *)v;
	unsigned int offload = 0;

	if (virtio_has(v, VIRTIO_NET_F_GUEST_CSUM))
		offload |= TUN_F_CSUM;
	if (virtio_has(v, VIRTIO_NET_F_GUEST_TSO4))
		offload |= TUN_F_TSO4;
	if (virtio_has(v, VIRTIO_NET_F_GUEST_TSO6))
		offload |= TUN_F_TSO6;
	if (ioctl(n->tap, TUNSETOFFLOAD, offload))
		return false;
	return n->vhost < 0 || (vhost_start(v, n->vhost, QUEUES) &&
				set_backend(n, n->tap));
}

static bool net_freeze(struct virtio *v)
{
	struct net *n = (struct net *)v;

	if (n->vhost >= 0)
		return set_backend(n, -1) && vhost_freeze(v, n->vhost, QUEUES);
	if (n->have_room)
		virtq_unpop(&v->queue[RX], &n->room);
	n->have_room = false;
	return true;
}

/* The address is the guest's, whichever was asked for here. */
static const char *net_load(struct virtio *v, const u8 *config,
			    const u8 *own __maybe_unused)
{
	if (config[0] & 1)
		return "its address is no station's";
	memcpy(v->config, config, v->config_len);
	return NULL;
}

static void net_stop(struct virtio *v)
{
	struct net *n = (struct net *)v;

	if (n->vhost >= 0)
		set_backend(n, -1);
	n->have_room = false;
	n->waiting = 0;
	v->watch_fd = -1;
}

static const struct virtio_ops net_ops = {
	.name = "net",
	.request = net_send,
	.serve = net_serve,
	.event = net_event,
	.start = net_start,
	.stop = net_stop,
	.freeze = net_freeze,
	.load = net_load,
};

static void open_tap(struct net *n, const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = HEADER;

	if (!*name || strlen(name) >= sizeof(ifr.ifr_name))
		die("--net %s: not the name of an interface", name);
	/* TUNSETIFF would make an interface that goes away with us. */
	if (!if_nametoindex(name))
		die("--net %s: no such interface (ip tuntap add %s mode tap user %u)",
		    name, name, geteuid());
	strcpy(ifr.ifr_name, name);
	n->tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (n->tap < 0)
		die("--net %s: /dev/net/tun: %s", name, strerror(errno));
	if (ioctl(n->tap, TUNSETIFF, &ifr))
		die("--net %s: %s (it must be a tap interface, yours and not in use)",
		    name, strerror(errno));
	if (ioctl(n->tap, TUNSETVNETHDRSZ, &header))
		die("--net %s: %s", name, strerror(errno));
}

/*
 * "TAP[,mac=..][,vhost=off]"; the address is a random one by default.  Returns
 * the tap's name.
 */
static const char *parse(struct net *n, char *arg, bool *vhost)
{
	struct virtio_net_config *c = (struct virtio_net_config *)n->v.config;
	char *name = strsep(&arg, ","), *option, end;

	if (getrandom(c->mac, sizeof(c->mac), 0) != sizeof(c->mac))
		die("--net: no random numbers");
	c->mac[0] = (c->mac[0] & ~1) | 2;	/* one station, local */
	while ((option = strsep(&arg, ","))) {
		if (!strcmp(option, "vhost=off"))
			*vhost = false;
		else if (sscanf(option, "mac=%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%c",
				&c->mac[0], &c->mac[1], &c->mac[2], &c->mac[3],
				&c->mac[4], &c->mac[5], &end) != 6 ||
			 c->mac[0] & 1)
			die("--net: %s: neither mac=02:00:00:00:00:01 nor vhost=off",
			    option);
	}
	return name;
}

void virtio_net_add(struct vm *vm, const char *arg)
{
	struct net *n = calloc(1, sizeof(*n));
	char *copy = strdup(arg);
	bool vhost = true;
	u64 features = BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_F_VERSION_1) |
		       BIT(VIRTIO_RING_F_EVENT_IDX) |
		       BIT(VIRTIO_RING_F_INDIRECT_DESC);

	if (!n || !copy)
		die("net: out of memory");
	open_tap(n, parse(n, copy, &vhost));
	n->vhost = vhost ? vhost_open(vm, "/dev/vhost-net") : -1;
	n->v.offered = BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_CSUM) |
		       BIT(VIRTIO_NET_F_GUEST_CSUM) |
		       BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6);
	if (n->vhost >= 0 && vhost_features(n->vhost, features) != features) {
		close(n->vhost);
		n->vhost = -1;
	}
	/* Packets of 64 KiB want buffers that can be put together. */
	if (n->vhost >= 0)
		n->v.offered |= BIT(VIRTIO_NET_F_MRG_RXBUF) |
				BIT(VIRTIO_NET_F_GUEST_TSO4) |
				BIT(VIRTIO_NET_F_GUEST_TSO6);
	else
		n->v.offered |= BIT(VIRTIO_F_RING_PACKED);
	n->v.delegated = n->vhost >= 0;
	n->v.config_len = 6;	/* the address */
	n->v.ops = &net_ops;
	virtio_add(vm, &n->v, VIRTIO_ID_NET, QUEUES);
	free(copy);
}
