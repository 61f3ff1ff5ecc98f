// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a snapshot keeps of a virtio device, and a new device from that.
 *
 * The file may be anybody's.  So nothing is taken from it that a guest could
 * not have made of the device through its registers: identity and offered
 * features are this process's own, addresses go through the same gate, and a
 * queue's place lies inside its ring.
 */
#include <string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "virtio.h"

#define ISR_BITS	3

static void save_queue(const struct virtio *v, unsigned int i,
		       struct virtio_saved_queue *s)
{
	const struct virtq *q = &v->queue[i];

	*s = (struct virtio_saved_queue){
		.desc = q->desc, .driver = q->driver, .device = q->device,
		.size = q->size, .vector = v->vector[i],
		.next_avail = q->next_avail, .next_used = q->next_used,
		.ready = q->ready, .broken = q->broken,
		.avail_wrap = q->avail_wrap, .used_wrap = q->used_wrap,
	};
}

void virtio_save(const struct virtio *v, struct virtio_saved *s)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	s->id = v->id;
	s->nr_queues = v->nr_queues;
	s->config_len = v->config_len;
	s->features = v->features;
	memcpy(s->feature_select, v->feature_select, sizeof(s->feature_select));
	s->queue_select = v->queue_select;
	s->config_vector = v->config_vector;
	s->status = v->status;
	s->generation = v->generation;
	s->started = v->started;
	s->isr = atomic_load(&v->isr);
	for (i = 0; i < v->nr_queues; i++)
		save_queue(v, i, &s->queue[i]);
	memcpy(s->config, v->config, sizeof(s->config));
	if (v->ops->save)
		v->ops->save(v, s->own);
	memcpy(s->pci, v->pci.config, sizeof(s->pci));
	for (i = 0; i < v->pci.nr_vectors; i++)
		memcpy(s->msix[i], v->pci.vector[i].entry, sizeof(s->msix[i]));
}

static bool load_queue(struct virtio *v, unsigned int i,
		       const struct virtio_saved_queue *s)
{
	struct virtq *q = &v->queue[i];

	q->size = s->size;
	q->desc = s->desc;
	q->driver = s->driver;
	q->device = s->device;
	v->vector[i] = virtio_vector(v, s->vector);
	if (!s->ready)
		return true;
	virtio_queue_features(v, q);
	if (!(v->status & VIRTIO_CONFIG_S_FEATURES_OK) || !virtq_enable(q))
		return false;
	if (q->packed && (s->next_avail >= q->size || s->next_used >= q->size))
		return false;
	q->next_avail = s->next_avail;
	q->next_used = s->next_used;
	q->avail_wrap = s->avail_wrap & 1;
	q->used_wrap = s->used_wrap & 1;
	q->broken = s->broken & 1;
	return true;
}

static const char *load_driver(struct virtio *v, const struct virtio_saved *s)
{
	const u8 at_work = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK;

	v->features = s->features;
	memcpy(v->feature_select, s->feature_select, sizeof(v->feature_select));
	v->queue_select = s->queue_select;
	v->config_vector = virtio_vector(v, s->config_vector);
	v->status = s->status;
	v->generation = s->generation;
	atomic_store(&v->isr, s->isr & ISR_BITS);
	if ((v->status & VIRTIO_CONFIG_S_FEATURES_OK) && !virtio_features_ok(v))
		return "it used features that this one lacks";
	if (s->started > 1 || (s->started && (v->status & at_work) != at_work))
		return "its state makes no sense";
	v->started = s->started;
	return NULL;
}

const char *virtio_load(struct virtio *v, const struct virtio_saved *s)
{
	const char *wrong;
	unsigned int i;

	if (s->id != v->id)
		return "it was a device of another kind";
	if (s->nr_queues != v->nr_queues || s->config_len != v->config_len)
		return "it had other queues or registers";
	wrong = v->ops->load ? v->ops->load(v, s->config, s->own) : NULL;
	if (!wrong)
		wrong = load_driver(v, s);
	if (wrong)
		return wrong;
	for (i = 0; i < v->nr_queues; i++)
		if (!load_queue(v, i, &s->queue[i]))
			return "its queues make no sense";
	for (i = 0; i < v->pci.nr_vectors; i++)
		msix_load(&v->pci, i, s->msix[i]);
	return pci_load(&v->pci, s->pci) ? NULL : "it was laid out in another way";
}

const char *virtio_option(u16 id)
{
	switch (id) {
	case VIRTIO_ID_NET:
		return "--net";
	case VIRTIO_ID_BLOCK:
		return "--disk";
	case VIRTIO_ID_RNG:
		return "--rng";
	case VIRTIO_ID_VSOCK:
		return "--vsock";
	default:
		return "an option of a newer hv";
	}
}
