// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile virtio driver: rings whose bytes are the input, and accesses to all
 * registers, against a disk and the entropy device; and a hostile snapshot.
 *
 * Input: a byte of feature bits and one for the queue's size, then 8-byte
 * orders (see order()), then, past the orders' end, what guest memory holds
 * from RINGS on.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../userspace/layout.h"
#include "../../userspace/virtio.h"
#include "vmm_board.h"

#define MEMORY		(64 * KIB)
#define RINGS		0x1000
#define ORDERS		8	/* of an input */
#define DISK		"/tmp/fuzz_virtio.XXXXXX"
#define COMMON(field)	offsetof(struct virtio_pci_common_cfg, field)

/* No threads are started: the fuzzer takes the devices' turns itself. */
static struct vm *vm;
static struct virtio *device[2];

static void bar(struct virtio *v, u32 offset, u64 value, unsigned int len)
{
	v->pci.ops->bar(&v->pci, offset, (u8 *)&value, len, true);
}

static void make_machine(void)
{
	char path[] = DISK;
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, 64 * KIB))
		abort();
	vm = board_new(0);
	/* Exactly as large as it says, so that ASan sees what lies outside. */
	vm->mem.ram[0] = (struct ram){ 0, MEMORY, aligned_alloc(4096, MEMORY) };
	vm->mem.nr = 1;
	vm->mem.size = MEMORY;
	dev_pci_add(vm);
	virtio_rng_add(vm);
	device[0] = vm->virtio;
	virtio_blk_add(vm, path);
	device[1] = vm->virtio;
	close(fd);
	unlink(path);
}

/* A driver that does everything right up to here. */
static void set_up(struct virtio *v, u8 flags, u8 size)
{
	u64 features = v->offered & ~((u64)(flags & 3) << 28 | (u64)(flags & 4) << 32);
	bool packed = features >> VIRTIO_F_RING_PACKED & 1;
	u32 n = packed ? size % 64 + 1 : 1u << size % 7;

	bar(v, COMMON(device_status), 0, 1);
	bar(v, COMMON(device_status), 3, 1);
	bar(v, COMMON(guest_feature), features, 4);
	bar(v, COMMON(guest_feature_select), 1, 4);
	bar(v, COMMON(guest_feature), features >> 32, 4);
	bar(v, COMMON(device_status), 11, 1);
	bar(v, COMMON(queue_size), n, 2);
	bar(v, COMMON(queue_desc_lo), RINGS, 8);
	bar(v, COMMON(queue_avail_lo), RINGS + 16 * n, 8);
	bar(v, COMMON(queue_used_lo), RINGS + 16 * n + (2 * n + 6 + 3) / 4 * 4, 8);
	bar(v, COMMON(queue_enable), 1, 2);
	bar(v, COMMON(device_status), 15, 1);
}

/*
 * The device is kept, up to seven bytes of that change, and it goes on from there;
 * what was wrong is told or is something that a guest could have done.
 */
static void keep_and_load(struct virtio *v, const u8 *o)
{
	struct virtio_saved s;
	unsigned int i;

	virtio_save(v, &s);
	for (i = 0; i < o[1] % 8u; i++)
		((u8 *)&s)[((o[2] | o[3] << 8) + i) % sizeof(s)] ^= o[4 + i % 4];
	bar(v, COMMON(device_status), 0, 1);	/* as new */
	if (virtio_load(v, &s) || !v->started)
		return;
	bar(v, 0x3000, 0, 2);
	virtio_turn(v, 0);
}

/* An access of the guest, to BAR, configuration space or its own memory. */
static void order(struct virtio *v, const u8 *o)
{
	u32 at = o[2] | o[3] << 8, value = pci_get32(o + 4);
	unsigned int len = 1 << o[1] % 3;
	bool is_write = o[1] & 4;

	switch (o[0] % 6) {
	case 0:
		bus_access(&vm->bus, BUS_MMIO, PCI_MEM_START + at % 0x20000,
			   (u8 *)&value, len, is_write);
		break;
	case 1:	/* the registers, more often than by chance */
		at %= 0x40;
		v->pci.ops->bar(&v->pci, at, (u8 *)&value, len, is_write);
		break;
	case 2:
		board_out(vm, PORT_PCI_ADDR, 0x80000000 | at % 0x2000, 4);
		bus_access(&vm->bus, BUS_PIO, PORT_PCI_DATA + o[1] / 8 % 4,
			   (u8 *)&value, len, is_write);
		break;
	case 3:
		memcpy(vm->mem.ram[0].hva + RINGS + at % 0x1000, &value, len);
		break;
	case 4:
		bar(v, 0x3000, 0, 2);
		virtio_turn(v, 0);
		break;
	case 5:
		keep_and_load(v, o);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const u8 *orders = data + 2;
	struct virtio *v;
	size_t n;

	if (!vm)
		make_machine();
	if (len < 2 + 8 * ORDERS)
		return 0;
	v = device[data[0] >> 7];
	n = len - 2 - 8 * ORDERS;
	memset(vm->mem.ram[0].hva, 0, MEMORY);
	memcpy(vm->mem.ram[0].hva + RINGS, orders + 8 * ORDERS, n);
	set_up(v, data[0], data[1]);
	virtio_turn(v, 0);
	for (n = 0; n < ORDERS; n++)
		order(v, orders + 8 * n);
	virtio_turn(v, 0);
	/* Whatever happened, a reset makes it well again. */
	set_up(v, 0, 3);
	if (v->status != 15 || !v->queue[0].ready)
		abort();
	if (vm_stopped(vm))
		abort();
	return 0;
}
