// SPDX-License-Identifier: GPL-2.0-only
/* What vhost devices share; see vhost.h and <linux/vhost.h>. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "vhost.h"

static int set_memory(int fd, const struct memory *mem)
{
	size_t len = sizeof(struct vhost_memory) +
		     mem->nr * sizeof(struct vhost_memory_region);
	struct vhost_memory *m = calloc(1, len);
	unsigned int i;
	int err;

	if (!m)
		die("vhost: out of memory");
	m->nregions = mem->nr;
	for (i = 0; i < mem->nr; i++)
		m->regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = mem->ram[i].gpa,
			.memory_size = mem->ram[i].len,
			.userspace_addr = (uintptr_t)mem->ram[i].hva,
		};
	err = ioctl(fd, VHOST_SET_MEM_TABLE, m);
	free(m);
	return err;
}

int vhost_open(struct vm *vm, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), err;

	if (fd < 0)
		return -1;
	if (!ioctl(fd, VHOST_SET_OWNER, 0) && !set_memory(fd, &vm->mem))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

u64 vhost_features(int fd, u64 features)
{
	u64 has = 0;

	if (ioctl(fd, VHOST_GET_FEATURES, &has))
		return 0;
	return features & has & ~(1ULL << VIRTIO_F_RING_PACKED);
}

static bool start_queue(struct virtio *v, int fd, unsigned int i)
{
	struct virtq *q = &v->queue[i];
	struct msix_vector *vector = v->vector[i] < v->pci.nr_vectors ?
				     &v->pci.vector[v->vector[i]] : NULL;
	struct vhost_vring_state size = { .index = i, .num = q->size };
	struct vhost_vring_state base = { .index = i, .num = q->next_avail };
	struct vhost_vring_addr addr = {
		.index = i,
		.desc_user_addr = (uintptr_t)q->d,
		.avail_user_addr = (uintptr_t)q->drv,
		.used_user_addr = (uintptr_t)q->dev,
	};
	struct vhost_vring_file kick = { .index = i, .fd = v->kick_fd[i] };
	struct vhost_vring_file call = { .index = i, .fd = vector ? vector->fd : -1 };

	return q->ready && !ioctl(fd, VHOST_SET_VRING_NUM, &size) &&
	       !ioctl(fd, VHOST_SET_VRING_BASE, &base) &&
	       !ioctl(fd, VHOST_SET_VRING_ADDR, &addr) &&
	       !ioctl(fd, VHOST_SET_VRING_KICK, &kick) &&
	       !ioctl(fd, VHOST_SET_VRING_CALL, &call);
}

bool vhost_start(struct virtio *v, int fd, unsigned int nr)
{
	u64 features = vhost_features(fd, v->features);
	unsigned int i;

	if (ioctl(fd, VHOST_SET_FEATURES, &features))
		return false;
	for (i = 0; i < nr; i++)
		if (!start_queue(v, fd, i))
			return false;
	return true;
}

bool vhost_freeze(struct virtio *v, int fd, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct vhost_vring_state base = { .index = i };

		if (ioctl(fd, VHOST_GET_VRING_BASE, &base))
			return false;
		/* The other index is in the used ring: the kernel looks there. */
		v->queue[i].next_avail = base.num;
	}
	return true;
}
