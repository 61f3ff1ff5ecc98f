/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices whose queues the host kernel serves: it takes notifications from
 * kick_fd and interrupts through the vectors' eventfds, without us.
 */
#ifndef VHOST_H
#define VHOST_H

#include "virtio.h"

/* Open a vhost device for this VM; -1 with errno if there is none. */
int vhost_open(struct vm *vm, const char *path);

/* What the host kernel offers of `features`, none of packed rings. */
u64 vhost_features(int fd, u64 features);

/*
 * Hand over the first `nr` queues as the driver set them up; false if one is
 * not set up or the kernel refuses.  Device's lock held.
 */
bool vhost_start(struct virtio *v, int fd, unsigned int nr);

/*
 * Have queues that no longer run say how far they are, for virtq's state and
 * the next vhost_start(); false if the kernel does not.  Device's lock held.
 */
bool vhost_freeze(struct virtio *v, int fd, unsigned int nr);

#endif
