// SPDX-License-Identifier: GPL-2.0-only
/* Entropy: the host's getrandom(), as much as a request has room for. */
#include <stdlib.h>
#include <sys/random.h>
#include <linux/virtio_ids.h>

#include "virtio.h"

#define ENOUGH	4096	/* bytes for one request */

static u32 rng_request(struct virtio *v __maybe_unused,
		       unsigned int queue __maybe_unused, struct virtq_chain *c)
{
	u8 buf[ENOUGH];
	size_t len = c->in_len < sizeof(buf) ? c->in_len : sizeof(buf);
	ssize_t n = getrandom(buf, len, 0);

	return n <= 0 ? 0 : iov_write(c->iov + c->nr_out, c->nr_in, 0, buf, n);
}

static const struct virtio_ops rng_ops = {
	.name = "rng",
	.request = rng_request,
};

void virtio_rng_add(struct vm *vm)
{
	struct virtio *v = calloc(1, sizeof(*v));

	if (!v)
		die("rng: out of memory");
	v->ops = &rng_ops;
	virtio_add(vm, v, VIRTIO_ID_RNG, 1);
}
