// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that can be checked after a crash: a guest of vmm_virtio.sh writes,
 * the host verifies.  A seed decides which block each write goes to; a block
 * holds its number, the write's number and a checksum over contents that follow
 * from both.
 *   vmm_io write DEV SEED     for ever; says "flushed N" after each fdatasync()
 *   vmm_io verify FILE SEED N every block is that of its last write up to N, or
 *                             of a later one
 *   vmm_io zero DEV           BLKZEROOUT of the device's second MiB
 * And sockets between guest and host:
 *   vmm_io connect PORT       standard input to the host, its answer to the output
 *   vmm_io listen PORT        the other end: one connection to the output
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/vm_sockets.h>

#define BLOCK	4096
#define BATCH	32
#define AHEAD	4096	/* writes after the last flush that was heard of */

struct block {
	uint64_t number, write;
	uint64_t word[BLOCK / 8 - 3];
	uint64_t sum;
};

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29;
}

static uint64_t target(uint64_t seed, uint64_t write, uint64_t blocks)
{
	return mix(mix(seed) + write * 0x632be59bd9b4e019ull) % blocks;
}

static void fill(struct block *b, uint64_t number, uint64_t write)
{
	uint64_t x = mix(number * 31 + write), sum = number + write;
	size_t i;

	b->number = number;
	b->write = write;
	for (i = 0; i < sizeof(b->word) / 8; i++) {
		b->word[i] = x = mix(x + i);
		sum = mix(sum ^ x);
	}
	b->sum = sum;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int do_write(int fd, uint64_t seed, uint64_t blocks)
{
	struct block b;
	uint64_t n, number;

	for (n = 1;; n++) {
		number = target(seed, n, blocks);
		fill(&b, number, n);
		if (pwrite(fd, &b, sizeof(b), number * BLOCK) != sizeof(b))
			return fail("write");
		if (n % BATCH)
			continue;
		if (fdatasync(fd))
			return fail("fdatasync");
		printf("flushed %llu\n", (unsigned long long)n);
		fflush(stdout);
	}
}

static int do_verify(int fd, uint64_t seed, uint64_t blocks, uint64_t flushed)
{
	uint64_t *last = calloc(blocks, sizeof(*last)), n, written = 0;
	struct block b, want;

	for (n = 1; n <= flushed; n++)
		last[target(seed, n, blocks)] = n;
	for (n = 0; n < blocks; n++) {
		if (pread(fd, &b, sizeof(b), n * BLOCK) != sizeof(b))
			return fail("read");
		if (!b.write && !last[n])
			continue;
		fill(&want, n, b.write);
		if (memcmp(&b, &want, sizeof(b)) || b.write < last[n] ||
		    b.write > flushed + AHEAD ||
		    target(seed, b.write, blocks) != n) {
			fprintf(stderr, "block %llu: write %llu, want %llu or later\n",
				(unsigned long long)n, (unsigned long long)b.write,
				(unsigned long long)last[n]);
			return 1;
		}
		written++;
	}
	printf("%llu blocks\n", (unsigned long long)written);
	return 0;
}

static int copy(int from, int to)
{
	char buf[8192];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			return fail("write");
	return n ? fail("read") : 0;
}

static int do_connect(unsigned int port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_port = port,
				 .svm_cid = VMADDR_CID_HOST };
	int s = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof(a)))
		return fail("connect");
	return copy(0, s) || shutdown(s, SHUT_WR) || copy(s, 1);
}

static int do_listen(unsigned int port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_port = port,
				 .svm_cid = VMADDR_CID_ANY };
	int s = socket(AF_VSOCK, SOCK_STREAM, 0), c;
	socklen_t len = sizeof(a);

	if (s < 0 || bind(s, (struct sockaddr *)&a, len) || listen(s, 1))
		return fail("listen");
	c = accept(s, (struct sockaddr *)&a, &len);
	if (c < 0)
		return fail("accept");
	return copy(c, 1) || dprintf(c, "the host heard %u\n", a.svm_cid) < 0;
}

int main(int argc, char **argv)
{
	uint64_t range[2] = { 1 << 20, 1 << 20 }, seed, blocks;
	int fd;

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "connect"))
		return do_connect(atoi(argv[2]));
	if (!strcmp(argv[1], "listen"))
		return do_listen(atoi(argv[2]));
	fd = open(argv[2], argv[1][0] == 'v' ? O_RDONLY : O_RDWR);
	if (fd < 0)
		return fail(argv[2]);
	blocks = lseek(fd, 0, SEEK_END) / BLOCK;
	seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
	if (!strcmp(argv[1], "write"))
		return do_write(fd, seed, blocks);
	if (!strcmp(argv[1], "verify") && argc > 4)
		return do_verify(fd, seed, blocks, strtoull(argv[4], NULL, 0));
	if (!strcmp(argv[1], "zero"))
		return ioctl(fd, BLKZEROOUT, range) ? fail("BLKZEROOUT") : 0;
	return 2;
}
