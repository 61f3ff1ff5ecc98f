// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks: a raw image or a block device of the host.
 *
 * Writes go to the host's page cache; a flush is fdatasync(), so what the guest
 * has flushed survives this process and, as far as the host's disk keeps its
 * word, the host.  The device's thread carries out one request after the other.
 * Source: Virtual I/O Device (VIRTIO) 1.2, "Block Device".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "virtio.h"

#define SECTOR		512u
#define RANGES_MAX	16u	/* of one discard or write-zeroes */
#define RANGE_SECTORS	(1u << 22)	/* 2 GiB */
#define ZEROES		(64 * KIB)

struct blk {
	struct virtio v;
	int fd;
	bool read_only;
	u64 sectors;
	char id[VIRTIO_BLK_ID_BYTES];
};

static const u8 zeroes[ZEROES];

/* All of a request's data, or an error: short transfers go on. */
static bool transfer(struct blk *b, struct iovec *iov, unsigned int nr, u64 pos,
		     u64 left, bool is_write)
{
	while (left) {
		ssize_t n = is_write ? pwritev(b->fd, iov, nr, pos) :
				       preadv(b->fd, iov, nr, pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)	/* an image that was cut short ends too early */
			return false;
		pos += n;
		left -= n;
		nr = iov_cut(iov, nr, n, left);
	}
	return true;
}

static u8 read_write(struct blk *b, struct virtq_chain *c, u64 sector,
		     bool is_write)
{
	struct iovec *iov = is_write ? c->iov : c->iov + c->nr_out;
	unsigned int nr = is_write ? c->nr_out : c->nr_in;
	u64 len = is_write ? c->out_len - sizeof(struct virtio_blk_outhdr) :
			     c->in_len - 1;

	if (len % SECTOR || sector > b->sectors ||
	    len / SECTOR > b->sectors - sector || (is_write && b->read_only))
		return VIRTIO_BLK_S_IOERR;
	nr = iov_cut(iov, nr, is_write ? sizeof(struct virtio_blk_outhdr) : 0, len);
	return transfer(b, iov, nr, sector * SECTOR, len, is_write) ?
	       VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static bool write_zeroes(struct blk *b, u64 pos, u64 len)
{
	while (len) {
		ssize_t n = pwrite(b->fd, zeroes,
				   len < ZEROES ? len : ZEROES, pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		pos += n;
		len -= n;
	}
	return true;
}

/* A file system that cannot: a discard may do nothing, zeroes are written. */
static bool clear(struct blk *b, u64 pos, u64 len, bool unmap, bool zero)
{
	int mode = FALLOC_FL_KEEP_SIZE |
		   (unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);

	if (!len || !fallocate(b->fd, mode, pos, len))
		return true;
	if (errno != EOPNOTSUPP)
		return false;
	return !zero || write_zeroes(b, pos, len);
}

static u8 discard(struct blk *b, struct virtq_chain *c, bool zero)
{
	struct virtio_blk_discard_write_zeroes r[RANGES_MAX];
	u64 len = c->out_len - sizeof(struct virtio_blk_outhdr);
	unsigned int i, nr = len / sizeof(r[0]);

	if (b->read_only || !len || len % sizeof(r[0]) || len > sizeof(r))
		return VIRTIO_BLK_S_IOERR;
	iov_read(c->iov, c->nr_out, sizeof(struct virtio_blk_outhdr), r, len);
	for (i = 0; i < nr; i++) {
		bool unmap = r[i].flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

		if (r[i].flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP ||
		    (!zero && unmap))
			return VIRTIO_BLK_S_UNSUPP;
		if (r[i].sector > b->sectors || r[i].num_sectors > RANGE_SECTORS ||
		    r[i].num_sectors > b->sectors - r[i].sector)
			return VIRTIO_BLK_S_IOERR;
		if (!clear(b, r[i].sector * SECTOR, (u64)r[i].num_sectors * SECTOR,
			   unmap || !zero, zero))
			return VIRTIO_BLK_S_IOERR;
	}
	return VIRTIO_BLK_S_OK;
}

static u8 carry_out(struct blk *b, struct virtq_chain *c,
		    const struct virtio_blk_outhdr *h)
{
	switch (h->type) {
	case VIRTIO_BLK_T_IN:
		return read_write(b, c, h->sector, false);
	case VIRTIO_BLK_T_OUT:
		return read_write(b, c, h->sector, true);
	case VIRTIO_BLK_T_FLUSH:
		return b->read_only || !fdatasync(b->fd) ? VIRTIO_BLK_S_OK :
							   VIRTIO_BLK_S_IOERR;
	case VIRTIO_BLK_T_GET_ID:
		iov_write(c->iov + c->nr_out, c->nr_in, 0, b->id,
			  c->in_len - 1 < sizeof(b->id) ? c->in_len - 1 :
							  sizeof(b->id));
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_DISCARD:
		return discard(b, c, false);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return discard(b, c, true);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* A header to read, data either way, and a last byte for the status. */
static u32 blk_request(struct virtio *v, unsigned int queue,
		       struct virtq_chain *c)
{
	struct blk *b = (struct blk *)v;
	struct virtio_blk_outhdr h;
	u64 in_len = c->in_len;
	u8 status, *last = NULL;
	unsigned int i;

	/* Where the status goes, before the buffers are cut to the data. */
	for (i = c->nr_out; i < c->nr_out + c->nr_in; i++)
		if (c->iov[i].iov_len)
			last = (u8 *)c->iov[i].iov_base + c->iov[i].iov_len - 1;
	if (!last || iov_read(c->iov, c->nr_out, 0, &h, sizeof(h)) != sizeof(h)) {
		v->queue[queue].broken = true;
		return 0;
	}
	status = carry_out(b, c, &h);
	*last = status;
	/* All of it counts as written, also what an error left alone. */
	return in_len > UINT32_MAX ? UINT32_MAX : in_len;
}

/* Requests are carried out at once: only the host's cache has anything left. */
static bool blk_freeze(struct virtio *v)
{
	struct blk *b = (struct blk *)v;

	return b->read_only || !fdatasync(b->fd);
}

struct blk_own {
	char id[VIRTIO_BLK_ID_BYTES];
	u8 read_only;
};

static void blk_save(const struct virtio *v, u8 *own)
{
	const struct blk *b = (const struct blk *)v;
	struct blk_own o = { .read_only = b->read_only };

	_Static_assert(sizeof(o) <= VIRTIO_OWN, "room for it");
	memcpy(o.id, b->id, sizeof(o.id));
	memcpy(own, &o, sizeof(o));
}

/* Another disk in its place would be destroyed by what the guest believes. */
static const char *blk_load(struct virtio *v, const u8 *config, const u8 *own)
{
	const struct virtio_blk_config *was = (const void *)config;
	struct blk *b = (struct blk *)v;
	struct blk_own o;

	memcpy(&o, own, sizeof(o));
	if (was->capacity != b->sectors)
		return "its disk was of another size";
	if (o.read_only != b->read_only)
		return o.read_only ? "its disk was read-only (add \",ro\")" :
				     "its disk was writable";
	if (memcmp(o.id, b->id, sizeof(o.id)))
		return "its disk had another id (add \",id=NAME\" if this is a copy)";
	return NULL;
}

static const struct virtio_ops blk_ops = {
	.name = "disk",
	.request = blk_request,
	.freeze = blk_freeze,
	.save = blk_save,
	.load = blk_load,
};

static void blk_configure(struct blk *b)
{
	struct virtio_blk_config *c = (struct virtio_blk_config *)b->v.config;

	_Static_assert(sizeof(*c) <= sizeof(b->v.config), "config space");
	c->capacity = b->sectors;
	c->seg_max = VIRTQ_MAX - 2;
	c->blk_size = SECTOR;
	c->max_discard_sectors = RANGE_SECTORS;
	c->max_discard_seg = RANGES_MAX;
	c->discard_sector_alignment = 1;
	c->max_write_zeroes_sectors = RANGE_SECTORS;
	c->max_write_zeroes_seg = RANGES_MAX;
	c->write_zeroes_may_unmap = 1;
	b->v.config_len = sizeof(*c);
	b->v.offered = 1ULL << VIRTIO_F_RING_PACKED |
		       1ULL << VIRTIO_BLK_F_SEG_MAX |
		       1ULL << VIRTIO_BLK_F_BLK_SIZE | 1ULL << VIRTIO_BLK_F_FLUSH;
	if (b->read_only)
		b->v.offered |= 1ULL << VIRTIO_BLK_F_RO;
	else
		b->v.offered |= 1ULL << VIRTIO_BLK_F_DISCARD |
				1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
}

/* Two VMs that write to one image destroy it; readers may share. */
static void blk_lock(const struct blk *b, const char *path)
{
	struct flock lock = {
		.l_type = b->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET,
	};

	if (!fcntl(b->fd, F_OFD_SETLK, &lock))
		return;
	if (errno == EAGAIN || errno == EACCES)
		die("--disk %s: in use by another VM (stop it, or give both \",ro\")",
		    path);
	/* A file system without locks cannot tell. */
}

static void blk_open(struct blk *b, const char *path)
{
	struct stat st;
	u64 bytes;

	b->fd = open(path, (b->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (b->fd < 0)
		die("--disk %s: %s%s", path, strerror(errno), errno == EROFS ||
		    errno == EACCES ? " (try \",ro\" after the name)" : "");
	if (fstat(b->fd, &st))
		die("--disk %s: %s", path, strerror(errno));
	bytes = st.st_size;
	if (S_ISBLK(st.st_mode) ? ioctl(b->fd, BLKGETSIZE64, &bytes) != 0 :
				  !S_ISREG(st.st_mode))
		die("--disk %s: neither a file nor a block device", path);
	if (!bytes || bytes % SECTOR)
		die("--disk %s: %llu bytes are no whole number of 512-byte sectors (a raw image is)",
		    path, (unsigned long long)bytes);
	b->sectors = bytes / SECTOR;
	blk_lock(b, path);
}

/* "FILE[,ro][,id=NAME]"; a file's own name may have commas, too. */
static void blk_parse(struct blk *b, char *path)
{
	char *option, *name = NULL;

	while ((option = strrchr(path, ','))) {
		if (!strcmp(option, ",ro"))
			b->read_only = true;
		else if (!strncmp(option, ",id=", 4))
			name = option + 4;
		else
			break;
		*option = 0;
	}
	if (!name)
		name = basename(path);
	memcpy(b->id, name, strnlen(name, sizeof(b->id)));
}

void virtio_blk_add(struct vm *vm, const char *arg)
{
	struct blk *b = calloc(1, sizeof(*b));
	char *path = strdup(arg);

	if (!b || !path)
		die("disk: out of memory");
	blk_parse(b, path);
	blk_open(b, path);
	blk_configure(b);
	b->v.ops = &blk_ops;
	virtio_add(vm, &b->v, VIRTIO_ID_BLOCK, 1);
	free(path);
}
