/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio device: what it has in common with the others.
 *
 * Each has a thread that waits for the guest's notifications and serves its
 * queues; a vCPU thread comes here for set-up and configuration only.
 *
 * Locking: `lock` covers the queues and the driver's choices; it is taken
 * inside the bus lock, and nothing is taken inside it.  `isr` is atomic.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include <semaphore.h>

#include "pci.h"
#include "virtq.h"

#define VIRTIO_QUEUES	4	/* of a device, at most */

struct virtio;

struct virtio_ops {
	const char *name;
	/* Carry out a request; bytes written to its buffers.  Lock held. */
	u32 (*request)(struct virtio *v, unsigned int queue,
		       struct virtq_chain *c);
	/* Serve queues in another way: `queue` has something.  Lock held. */
	void (*serve)(struct virtio *v, unsigned int queue);
	/* The fd of virtio_watch() has something.  Lock held. */
	void (*event)(struct virtio *v, unsigned int revents);
	/* The driver wrote to v->config.  Lock held. */
	void (*configured)(struct virtio *v);
	/* The driver is ready; false if the device cannot go on.  Lock held. */
	bool (*start)(struct virtio *v);
	/* The driver resets a started device.  Lock held. */
	void (*stop)(struct virtio *v);
	/*
	 * Leave guest memory alone, with all in the rings that a snapshot needs,
	 * until start() is called again; false if that failed.  Lock held.
	 */
	bool (*freeze)(struct virtio *v);
	/* What a snapshot keeps besides: into, or from, `own`.  Lock held. */
	void (*save)(const struct virtio *v, u8 *own);
	/* NULL, or why this device is not the one that was kept. */
	const char *(*load)(struct virtio *v, const u8 *config, const u8 *own);
	/* The guest goes on from a snapshot; after start().  Lock held. */
	void (*restored)(struct virtio *v);
};

struct virtio {
	struct pci_dev pci;
	const struct virtio_ops *ops;
	struct virtio *next;
	unsigned int nr;	/* counts the VM's devices from 0 */
	u16 id;			/* virtio's device type */
	pthread_mutex_t lock;
	pthread_t thread;
	sem_t running;

	unsigned int nr_queues;
	u64 offered;		/* feature bits */
	u8 config[128] __attribute__((__aligned__(8)));	/* the device's own */
	u8 config_writable[128];
	unsigned int config_len;

	/* The driver's choices. */
	u64 features;
	u8 status, generation;
	bool started;
	bool delegated;		/* vhost serves the queues: no thread */
	u32 feature_select[2];	/* of the device's, of the driver's */
	u16 queue_select;
	u16 config_vector, vector[VIRTIO_QUEUES];
	struct virtq queue[VIRTIO_QUEUES];
	int kick_fd[VIRTIO_QUEUES];	/* the guest notified; see notify.c */
	unsigned int cap;	/* PCI's window to the BAR, in config space */
	atomic_uint isr;

	int watch_fd;		/* what else the thread waits for; -1 nothing */
	short watch_events;
	struct virtq_chain chain;	/* the thread's */
};

/*
 * Make it known to the guest: its place on PCI is taken.
 * `id` is virtio's device type; ops, offered and config are filled in.
 */
void virtio_add(struct vm *vm, struct virtio *v, u16 id, unsigned int queues);
void virtio_start(struct vm *vm);	/* threads exist, once privileges are gone */
void virtio_join(struct vm *vm);	/* after vm_stop(): threads end */

/*
 * From freeze to thaw no device touches guest memory or its own state: all
 * their locks are held.  Bus lock held, every vCPU parked.  0, or -EIO if a
 * device's data could not be made durable; thaw either way.
 */
int virtio_freeze(struct vm *vm);
void virtio_thaw(struct vm *vm);

/*
 * Wait up to `timeout` ms for something to do, and do it; false once the VM is
 * stopped.  What the thread does all the time.
 */
bool virtio_turn(struct virtio *v, int timeout);

/* Have the thread wait for `events` of an fd as well; -1: no more. Lock held. */
void virtio_watch(struct virtio *v, int fd, short events);

/* Serve a queue to its end with ops->request; lock held. */
void virtio_serve(struct virtio *v, unsigned int queue);
/* Interrupt for a queue if its driver wants that; lock held. */
void virtio_interrupt(struct virtio *v, unsigned int queue);
/* The configuration changed; lock held. */
void virtio_config_changed(struct virtio *v);
/* The driver broke the rules: nothing works until it resets.  Lock held. */
void virtio_needs_reset(struct virtio *v);

/* virtio_state.c: what a snapshot keeps of a device, of a fixed layout */

#define VIRTIO_OWN	32

struct virtio_saved_queue {
	u64 desc, driver, device;
	u16 size, next_avail, next_used, vector;
	u8 ready, broken, avail_wrap, used_wrap;
	u8 zero[4];
};

struct virtio_saved {
	u16 id, nr_queues;
	u32 config_len;
	u64 features;
	u32 feature_select[2];
	u16 queue_select, config_vector;
	u8 status, generation, started, isr;
	struct virtio_saved_queue queue[VIRTIO_QUEUES];
	u8 config[128];
	u8 own[VIRTIO_OWN];	/* ops->save()'s */
	u8 pci[256];
	u32 msix[MSIX_MAX][4];
};

/* Fill in all of `s` from a frozen device. */
void virtio_save(const struct virtio *v, struct virtio_saved *s);

/*
 * Make a new device, whose thread does not run yet, what an untrusted `s` says,
 * as far as a guest could have made it that; virtio_start() sets it going.
 * NULL, or why it cannot be; then only a reset helps.
 */
const char *virtio_load(struct virtio *v, const struct virtio_saved *s);

/* The option of hv that makes a device of this type. */
const char *virtio_option(u16 id);

/* virtio_pci.c */
void virtio_pci_init(struct vm *vm, struct virtio *v, u16 id);
/* Bind notifications to kick_fd, or unbind.  Bus lock held. */
void virtio_set_status(struct virtio *v, u8 status);	/* both locks held */

/* A vector that the device has, or MSIX_NONE. */
static inline u16 virtio_vector(const struct virtio *v, u16 vector)
{
	return vector < v->pci.nr_vectors ? vector : MSIX_NONE;
}

/* Take the features that the driver has chosen into a queue; bus lock held. */
void virtio_queue_features(const struct virtio *v, struct virtq *q);
/* The device takes the driver's choice of features. */
bool virtio_features_ok(const struct virtio *v);

static inline bool virtio_has(const struct virtio *v, unsigned int bit)
{
	return v->features >> bit & 1;
}

/* virtio_*.c: each dies with one line when it cannot be had */
void virtio_rng_add(struct vm *vm);
void virtio_blk_add(struct vm *vm, const char *arg);
void virtio_net_add(struct vm *vm, const char *arg);
void virtio_vsock_add(struct vm *vm, u32 cid);

#endif
