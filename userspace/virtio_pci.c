// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio over PCI, the modern interface only: where the registers are in BAR 0,
 * and what they do.
 * Source: Virtual I/O Device (VIRTIO) 1.2, "Virtio Over PCI Bus".
 */
#include <string.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "virtio.h"

#define VENDOR		0x1af4
#define DEVICE_BASE	0x1040	/* plus virtio's device type */
#define REVISION	1

/* The BAR; a page for each part. */
#define BAR_COMMON	0x0000
#define BAR_ISR		0x1000
#define BAR_CONFIG	0x2000
#define BAR_NOTIFY	0x3000
#define BAR_TABLE	0x4000
#define BAR_PBA		0x5000
#define BAR_PART	0x1000u
#define NOTIFY_STEP	4	/* bytes from queue to queue */

/* The common registers, with those of 1.2 that older headers lack. */
struct common {
	struct virtio_pci_common_cfg v1;
	u16 notify_data, queue_reset;
};

#define REG(field)	offsetof(struct virtio_pci_common_cfg, field)

static void put_half(u64 *v, unsigned int half, u32 value)
{
	*v = half ? (*v & 0xffffffff) | (u64)value << 32 :
		    (*v & ~0xffffffffULL) | value;
}

static void image_of_queue(const struct virtio *v, struct virtio_pci_common_cfg *c)
{
	const struct virtq *q;

	if (v->queue_select >= v->nr_queues) {
		c->queue_msix_vector = MSIX_NONE;
		return;
	}
	q = &v->queue[v->queue_select];
	c->queue_size = q->size;
	c->queue_msix_vector = v->vector[v->queue_select];
	c->queue_enable = q->ready;
	c->queue_notify_off = v->queue_select;
	c->queue_desc_lo = q->desc;
	c->queue_desc_hi = q->desc >> 32;
	c->queue_avail_lo = q->driver;
	c->queue_avail_hi = q->driver >> 32;
	c->queue_used_lo = q->device;
	c->queue_used_hi = q->device >> 32;
}

/* All registers as a read would find them. */
static struct common image(const struct virtio *v)
{
	struct common r = { .v1 = {
		.device_feature_select = v->feature_select[0],
		.guest_feature_select = v->feature_select[1],
		.msix_config = v->config_vector,
		.num_queues = v->nr_queues,
		.device_status = v->status,
		.config_generation = v->generation,
		.queue_select = v->queue_select,
	} };

	if (v->feature_select[0] < 2)
		r.v1.device_feature = v->offered >> 32 * v->feature_select[0];
	if (v->feature_select[1] < 2)
		r.v1.guest_feature = v->features >> 32 * v->feature_select[1];
	image_of_queue(v, &r.v1);
	return r;
}

static void enable_queue(struct virtio *v, struct virtq *q)
{
	if (q->ready)
		return;
	virtio_queue_features(v, q);
	if (!(v->status & VIRTIO_CONFIG_S_FEATURES_OK) || !virtq_enable(q))
		virtio_needs_reset(v);
}

/* A register of the selected queue was written; addresses while it is off. */
static void queue_written(struct virtio *v, u32 reg,
			  const struct virtio_pci_common_cfg *c)
{
	struct virtq *q;

	if (v->queue_select >= v->nr_queues)
		return;
	q = &v->queue[v->queue_select];
	if (reg == REG(queue_msix_vector)) {
		v->vector[v->queue_select] = virtio_vector(v, c->queue_msix_vector);
		return;
	}
	if (q->ready)
		return;
	switch (reg) {
	case REG(queue_size):
		q->size = c->queue_size;
		break;
	case REG(queue_enable):
		if (c->queue_enable == 1)
			enable_queue(v, q);
		break;
	case REG(queue_desc_lo):
		put_half(&q->desc, 0, c->queue_desc_lo);
		break;
	case REG(queue_desc_hi):
		put_half(&q->desc, 1, c->queue_desc_hi);
		break;
	case REG(queue_avail_lo):
		put_half(&q->driver, 0, c->queue_avail_lo);
		break;
	case REG(queue_avail_hi):
		put_half(&q->driver, 1, c->queue_avail_hi);
		break;
	case REG(queue_used_lo):
		put_half(&q->device, 0, c->queue_used_lo);
		break;
	case REG(queue_used_hi):
		put_half(&q->device, 1, c->queue_used_hi);
		break;
	}
}

static void features_written(struct virtio *v, u32 value)
{
	/* They are settled once the device has agreed. */
	if (v->feature_select[1] < 2 &&
	    !(v->status & VIRTIO_CONFIG_S_FEATURES_OK))
		put_half(&v->features, v->feature_select[1], value);
}

/* One register, which the image has as it was written. */
static void common_written(struct virtio *v, u32 reg,
			   const struct virtio_pci_common_cfg *c)
{
	switch (reg) {
	case REG(device_feature_select):
		v->feature_select[0] = c->device_feature_select;
		break;
	case REG(guest_feature_select):
		v->feature_select[1] = c->guest_feature_select;
		break;
	case REG(guest_feature):
		features_written(v, c->guest_feature);
		break;
	case REG(msix_config):
		v->config_vector = virtio_vector(v, c->msix_config);
		break;
	case REG(device_status):
		virtio_set_status(v, c->device_status);
		break;
	case REG(queue_select):
		v->queue_select = c->queue_select;
		break;
	default:
		queue_written(v, reg, c);
	}
}

/* How wide a register is; 0 if none begins there. */
static unsigned int width(u32 reg)
{
	if (reg < REG(msix_config) || (reg >= REG(queue_desc_lo) &&
				       reg < sizeof(struct virtio_pci_common_cfg)))
		return reg % 4 ? 0 : 4;
	if (reg == REG(device_status) || reg == REG(config_generation))
		return 1;
	return reg % 2 ? 0 : 2;
}

static void common_access(struct virtio *v, u32 offset, u8 *data,
			  unsigned int len, bool is_write)
{
	struct common r = image(v);

	if (offset + len > sizeof(r)) {
		if (!is_write)
			memset(data, 0, len);
	} else if (!is_write) {
		memcpy(data, (u8 *)&r + offset, len);
	} else if (len == width(offset)) {
		memcpy((u8 *)&r + offset, data, len);
		common_written(v, offset, &r.v1);
	} else if (len == 8 && width(offset) == 4) {
		/* An address at once. */
		memcpy((u8 *)&r + offset, data, len);
		common_written(v, offset, &r.v1);
		common_written(v, offset + 4, &r.v1);
	}
}

static void config_access(struct virtio *v, u32 offset, u8 *data,
			  unsigned int len, bool is_write)
{
	unsigned int i;

	for (i = 0; i < len; i++) {
		u32 at = offset + i;
		u8 mask;

		if (!is_write) {
			data[i] = at < v->config_len ? v->config[at] : 0;
		} else if (at < v->config_len) {
			mask = v->config_writable[at];
			v->config[at] = (v->config[at] & ~mask) | (data[i] & mask);
		}
	}
	if (is_write && v->ops->configured)
		v->ops->configured(v);
}

static void isr_access(struct virtio *v, u32 offset, u8 *data, unsigned int len,
		       bool is_write)
{
	if (is_write)
		return;
	memset(data, 0, len);
	if (!offset)
		*data = atomic_exchange(&v->isr, 0);
}

/* A notification that no ioeventfd took, such as one of another width. */
static void notify_access(struct virtio *v, u32 offset, u8 *data,
			  unsigned int len, bool is_write)
{
	u64 one = 1;

	if (!is_write)
		memset(data, 0, len);
	else if (offset / NOTIFY_STEP < v->nr_queues)
		(void)!write(v->kick_fd[offset / NOTIFY_STEP], &one, sizeof(one));
}

static void bar_access(struct pci_dev *d, u32 offset, u8 *data,
		       unsigned int len, bool is_write)
{
	struct virtio *v = (struct virtio *)d;
	u32 at = offset % BAR_PART;

	switch (offset - at) {
	case BAR_ISR:
		isr_access(v, at, data, len, is_write);
		return;
	case BAR_NOTIFY:
		notify_access(v, at, data, len, is_write);
		return;
	case BAR_TABLE:
		msix_table(d, at, data, len, is_write);
		return;
	case BAR_PBA:
		msix_pba(d, at, data, len, is_write);
		return;
	}
	pthread_mutex_lock(&v->lock);
	if (offset - at == BAR_COMMON)
		common_access(v, at, data, len, is_write);
	else if (offset - at == BAR_CONFIG)
		config_access(v, at, data, len, is_write);
	else if (!is_write)
		memset(data, 0xff, len);
	pthread_mutex_unlock(&v->lock);
}

/* Notifications are where the BAR is. */
static void bar_move(struct pci_dev *d, u64 base)
{
	struct virtio *v = (struct virtio *)d;
	unsigned int i;

	for (i = 0; i < v->nr_queues; i++) {
		u64 at = BAR_NOTIFY + i * NOTIFY_STEP;

		if (d->base)
			vm_ioeventfd(d->vm, v->kick_fd[i], d->base + at, 2, false);
		if (base)
			vm_ioeventfd(d->vm, v->kick_fd[i], base + at, 2, true);
	}
}

/* The window in configuration space, for those who cannot reach the BAR. */
static void window_access(struct pci_dev *d, unsigned int reg, unsigned int len,
			  bool is_write)
{
	unsigned int cap = ((struct virtio *)d)->cap;
	u8 *window = d->config + cap + sizeof(struct virtio_pci_cap);
	u32 offset = pci_get32(d->config + cap +
			       offsetof(struct virtio_pci_cap, offset));
	u32 n = pci_get32(d->config + cap +
			  offsetof(struct virtio_pci_cap, length));

	if (reg != window - d->config || (n != 1 && n != 2 && n != 4) ||
	    len != n || offset % n || offset > PCI_BAR_SIZE - n ||
	    d->config[cap + offsetof(struct virtio_pci_cap, bar)])
		return;
	bar_access(d, offset, window, n, is_write);
}

static const struct pci_ops virtio_pci_ops = {
	.bar = bar_access,
	.move = bar_move,
	.config = window_access,
};

static unsigned int add_cap(struct pci_dev *d, u8 type, u32 offset, u32 length,
			    unsigned int extra)
{
	struct virtio_pci_cap cap = {
		.cap_len = sizeof(cap) + extra, .cfg_type = type,
		.offset = offset, .length = length,
	};
	unsigned int at = pci_add_cap(d, PCI_CAP_ID_VNDR, cap.cap_len);

	/* The head is there already. */
	memcpy(d->config + at + 2, (u8 *)&cap + 2, sizeof(cap) - 2);
	return at;
}

void virtio_pci_init(struct vm *vm, struct virtio *v, u16 id)
{
	struct pci_dev *d = &v->pci;
	unsigned int at;

	pci_init(d, vm, &virtio_pci_ops, VENDOR, DEVICE_BASE + id,
		 id == 1 ? 0x020000 : id == 2 ? 0x010000 : 0xff0000);
	d->config[PCI_REVISION_ID] = REVISION;
	pci_put16(d->config + PCI_SUBSYSTEM_VENDOR_ID, VENDOR);
	pci_put16(d->config + PCI_SUBSYSTEM_ID, DEVICE_BASE + id);
	add_cap(d, VIRTIO_PCI_CAP_COMMON_CFG, BAR_COMMON, sizeof(struct common), 0);
	add_cap(d, VIRTIO_PCI_CAP_ISR_CFG, BAR_ISR, 1, 0);
	add_cap(d, VIRTIO_PCI_CAP_DEVICE_CFG, BAR_CONFIG, BAR_PART, 0);
	at = add_cap(d, VIRTIO_PCI_CAP_NOTIFY_CFG, BAR_NOTIFY,
		     v->nr_queues * NOTIFY_STEP, 4);
	pci_put32(d->config + at + sizeof(struct virtio_pci_cap), NOTIFY_STEP);
	v->cap = add_cap(d, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 4);
	memset(d->writable + v->cap + offsetof(struct virtio_pci_cap, bar), 0xff, 1);
	memset(d->writable + v->cap + offsetof(struct virtio_pci_cap, offset),
	       0xff, 12);	/* offset, length, data */
	msix_init(d, v->nr_queues + 1, BAR_TABLE, BAR_PBA);
	pci_add(d);
}
