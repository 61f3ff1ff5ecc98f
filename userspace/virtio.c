// SPDX-License-Identifier: GPL-2.0-only
/*
 * What virtio devices share: life from reset to the driver's OK, the thread
 * that serves the queues, interrupts.
 * Source: Virtual I/O Device (VIRTIO) 1.2, "Basic Facilities of a Virtio
 * Device".
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "virtio.h"

#define ISR_QUEUE	1
#define ISR_CONFIG	2

static void drain(int fd)
{
	u64 count;

	(void)!read(fd, &count, sizeof(count));
}

static void kick(int fd)
{
	u64 one = 1;

	(void)!write(fd, &one, sizeof(one));
}

void virtio_interrupt(struct virtio *v, unsigned int queue)
{
	if (!virtq_wants_interrupt(&v->queue[queue]))
		return;
	atomic_fetch_or(&v->isr, ISR_QUEUE);
	msix_raise(&v->pci, v->vector[queue]);
}

void virtio_config_changed(struct virtio *v)
{
	v->generation++;
	if (!(v->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	atomic_fetch_or(&v->isr, ISR_CONFIG);
	msix_raise(&v->pci, v->config_vector);
}

void virtio_needs_reset(struct virtio *v)
{
	if (v->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	virtio_config_changed(v);
}

void virtio_watch(struct virtio *v, int fd, short events)
{
	if (v->watch_fd == fd && v->watch_events == events)
		return;
	v->watch_fd = fd;
	v->watch_events = events;
	/* The thread may be asleep over the old choice. */
	if (!pthread_equal(pthread_self(), v->thread))
		kick(v->kick_fd[0]);
}

void virtio_serve(struct virtio *v, unsigned int queue)
{
	struct virtq *q = &v->queue[queue];

	do {
		virtq_notify_off(q);
		while (!vm_stopped(v->pci.vm) && virtq_pop(q, &v->chain)) {
			u32 n = v->ops->request(v, queue, &v->chain);

			virtq_push(q, &v->chain, n);
			virtio_interrupt(v, queue);
		}
	} while (!vm_stopped(v->pci.vm) && virtq_notify_on(q));
}

/* The guest notified, or the driver became ready. */
static void serve(struct virtio *v, unsigned int queue)
{
	struct virtq *q = &v->queue[queue];

	if (!v->started || !q->ready ||
	    v->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	if (v->ops->serve)
		v->ops->serve(v, queue);
	else
		virtio_serve(v, queue);
}

bool virtio_turn(struct virtio *v, int timeout)
{
	enum { STOP, WATCH, KICK, FDS = KICK + VIRTIO_QUEUES };
	struct pollfd fd[FDS] = {
		[STOP] = { .fd = v->pci.vm->stop_fd, .events = POLLIN },
	};
	unsigned int i;

	for (i = 0; i < v->nr_queues; i++)
		fd[KICK + i] = (struct pollfd){ .fd = v->kick_fd[i],
						.events = POLLIN };
	pthread_mutex_lock(&v->lock);
	fd[WATCH] = (struct pollfd){ .fd = v->watch_fd,
				     .events = v->watch_events };
	pthread_mutex_unlock(&v->lock);
	if (poll(fd, KICK + v->nr_queues, timeout) < 0)
		return true;
	if (vm_stopped(v->pci.vm))
		return false;
	pthread_mutex_lock(&v->lock);
	if (fd[WATCH].revents && v->watch_fd == fd[WATCH].fd)
		v->ops->event(v, fd[WATCH].revents);
	for (i = 0; i < v->nr_queues; i++) {
		if (!fd[KICK + i].revents)
			continue;
		drain(v->kick_fd[i]);
		serve(v, i);
	}
	for (i = 0; i < v->nr_queues; i++)
		if (v->queue[i].broken)
			virtio_needs_reset(v);
	pthread_mutex_unlock(&v->lock);
	return true;
}

static void *virtio_thread(void *arg)
{
	struct virtio *v = arg;

	sem_post(&v->running);
	while (virtio_turn(v, -1))
		;
	return NULL;
}

static void reset(struct virtio *v)
{
	unsigned int i;

	if (v->started && v->ops->stop)
		v->ops->stop(v);
	v->started = false;
	v->status = 0;
	v->features = 0;
	memset(v->feature_select, 0, sizeof(v->feature_select));
	v->queue_select = 0;
	v->config_vector = MSIX_NONE;
	atomic_store(&v->isr, 0);
	for (i = 0; i < v->nr_queues; i++) {
		virtq_reset(&v->queue[i]);
		v->vector[i] = MSIX_NONE;
		drain(v->kick_fd[i]);
	}
	msix_reset(&v->pci);
}

bool virtio_features_ok(const struct virtio *v)
{
	return !(v->features & ~v->offered) && virtio_has(v, VIRTIO_F_VERSION_1);
}

void virtio_queue_features(const struct virtio *v, struct virtq *q)
{
	q->packed = virtio_has(v, VIRTIO_F_RING_PACKED);
	q->event_idx = virtio_has(v, VIRTIO_RING_F_EVENT_IDX);
	q->indirect = virtio_has(v, VIRTIO_RING_F_INDIRECT_DESC);
}

/* What was offered before this counts as notified. */
static void kick_all(struct virtio *v)
{
	unsigned int i;

	for (i = 0; i < v->nr_queues; i++)
		kick(v->kick_fd[i]);
}

void virtio_set_status(struct virtio *v, u8 status)
{
	if (!status) {
		reset(v);
		return;
	}
	/* Bits are only ever added, and NEEDS_RESET is ours. */
	status &= ~VIRTIO_CONFIG_S_NEEDS_RESET;
	if (!(v->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    (status & VIRTIO_CONFIG_S_FEATURES_OK) && !virtio_features_ok(v))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	v->status |= status;
	if (v->started || !(v->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	if (!(v->status & VIRTIO_CONFIG_S_FEATURES_OK) ||
	    (v->ops->start && !v->ops->start(v))) {
		virtio_needs_reset(v);
		return;
	}
	v->started = true;
	kick_all(v);
}

int virtio_freeze(struct vm *vm)
{
	struct virtio *v;
	int err = 0;

	for (v = vm->virtio; v; v = v->next) {
		pthread_mutex_lock(&v->lock);
		if (v->started && v->ops->freeze && !v->ops->freeze(v))
			err = -EIO;
	}
	return err;
}

void virtio_thaw(struct vm *vm)
{
	struct virtio *v;

	for (v = vm->virtio; v; v = v->next) {
		if (v->started && v->ops->start && !v->ops->start(v))
			virtio_needs_reset(v);
		kick_all(v);
		pthread_mutex_unlock(&v->lock);
	}
}

/*
 * A device that a snapshot says was at work.  An interrupt may have been on its
 * way then: the driver looks once more, which costs nothing.
 */
static void go_on(struct virtio *v)
{
	unsigned int i;

	if (v->ops->start && !v->ops->start(v))
		die("snapshot: the %s cannot go on: %s", v->ops->name,
		    strerror(errno));
	if (v->ops->restored)
		v->ops->restored(v);
	kick_all(v);
	for (i = 0; i < v->nr_queues; i++)
		msix_raise(&v->pci, v->vector[i]);
	if (atomic_load(&v->isr) & ISR_CONFIG)
		msix_raise(&v->pci, v->config_vector);
}

void virtio_add(struct vm *vm, struct virtio *v, u16 id, unsigned int queues)
{
	unsigned int i;

	v->nr_queues = queues;
	v->id = id;
	v->nr = vm->virtio ? vm->virtio->nr + 1 : 0;
	v->watch_fd = -1;
	v->offered |= 1ULL << VIRTIO_F_VERSION_1 |
		      1ULL << VIRTIO_RING_F_EVENT_IDX |
		      1ULL << VIRTIO_RING_F_INDIRECT_DESC;
	pthread_mutex_init(&v->lock, NULL);
	for (i = 0; i < queues; i++) {
		v->queue[i].mem = &vm->mem;
		v->kick_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->kick_fd[i] < 0)
			die("%s: %s", v->ops->name, strerror(errno));
	}
	virtio_pci_init(vm, v, id);
	reset(v);
	v->next = vm->virtio;
	vm->virtio = v;
}

void virtio_start(struct vm *vm)
{
	struct virtio *v;
	int err;

	for (v = vm->virtio; v; v = v->next) {
		if (v->started)
			go_on(v);
		if (v->delegated)
			continue;
		sem_init(&v->running, 0, 0);
		err = pthread_create(&v->thread, NULL, virtio_thread, v);
		if (err)
			die("%s: thread: %s", v->ops->name, strerror(err));
		/* The sandbox is for threads that have made their first calls. */
		while (sem_wait(&v->running))
			;
	}
}

void virtio_join(struct vm *vm)
{
	struct virtio *v;

	for (v = vm->virtio; v; v = v->next)
		if (!v->delegated)
			pthread_join(v->thread, NULL);
}
