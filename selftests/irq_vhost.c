// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that neither the VMM nor hv plays: vhost-vsock takes the guest's kick
 * from an ioeventfd, reads its memory by itself, and interrupts through irqfds.
 *
 * The packet asks for a connection to a port of the host on which nobody listens;
 * the answer is a reset. Source: virtio 1.1, "Split Virtqueues", "Socket Device".
 */
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <sys/eventfd.h>

#include "guest.h"
#include "vm.h"

#define QUEUE_PORT	0x200
#define QUEUE_SIZE	8
#define GUEST_CID	77
#define HOST_CID	2
#define HOST_PORT	48321
#define GUEST_PORT	1024

enum { RX, TX, N_QUEUES };

/* A queue and its one buffer, in guest memory. */
struct queue {
	struct vring_desc desc[QUEUE_SIZE];
	struct { uint16_t flags, idx, ring[QUEUE_SIZE], event; } avail;
	struct {
		uint16_t flags, idx;
		struct vring_used_elem ring[QUEUE_SIZE];
		uint16_t event;
	} used __attribute__((aligned(4)));
	uint8_t buf[2048];
} __attribute__((aligned(16)));

static struct queue queues[N_QUEUES];
static volatile uint64_t got[N_QUEUES];

static void handler(struct guest_frame *f)
{
	got[f->vector - 0x51]++;
	apic_eoi();
}

static void guest(void)
{
	guest_handlers[0x51] = handler;
	guest_handlers[0x52] = handler;
	apic_write(APIC_SVR, APIC_SVR_ENABLE | 0xff);
	asm volatile("outw %w0, %w1" : : "a"(TX), "Nd"(QUEUE_PORT) : "memory");
	for (;;) {
		asm volatile("cli" : : : "memory");
		if (got[RX] && got[TX])
			break;
		asm volatile("sti; hlt" : : : "memory");
	}
	GUEST_EQ(*(volatile uint16_t *)&queues[RX].used.idx, 1);
	GUEST_EQ(*(volatile uint16_t *)&queues[TX].used.idx, 1);
}

static int vhost_open(void)
{
	int fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);

	if (fd < 0 && system("modprobe -q vhost_vsock 2>/dev/null") == 0)
		fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		SKIP("no /dev/vhost-vsock");
	return fd;
}

/* One buffer, offered. */
static void fill(struct vm *vm, unsigned int i, uint32_t len)
{
	struct queue *q = gpa(vm, &queues[i]);

	q->desc[0] = (struct vring_desc){
		.addr = (uintptr_t)queues[i].buf, .len = len,
		.flags = i == RX ? VRING_DESC_F_WRITE : 0,
	};
	q->avail.idx = 1;
}

static void hand_over(struct vm *vm, int vhost, unsigned int i, int kick, int call)
{
	struct queue *q = gpa(vm, &queues[i]);
	struct vhost_vring_state num = { i, QUEUE_SIZE }, base = { i, 0 };
	struct vhost_vring_file k = { i, kick }, c = { i, call };
	struct vhost_vring_addr a = {
		.index = i, .desc_user_addr = (uintptr_t)q->desc,
		.used_user_addr = (uintptr_t)&q->used, .avail_user_addr = (uintptr_t)&q->avail,
	};

	CHECK_OK(IOCTL(vhost, VHOST_SET_VRING_NUM, &num));
	CHECK_OK(IOCTL(vhost, VHOST_SET_VRING_BASE, &base));
	CHECK_OK(IOCTL(vhost, VHOST_SET_VRING_ADDR, &a));
	CHECK_OK(IOCTL(vhost, VHOST_SET_VRING_KICK, &k));
	CHECK_OK(IOCTL(vhost, VHOST_SET_VRING_CALL, &c));
}

static void start(struct vm *vm, int vhost)
{
	uint64_t features, cid = GUEST_CID;
	struct {
		struct vhost_memory h;
		struct vhost_memory_region r;
	} m = {
		.h.nregions = 1,
		.r = { .memory_size = vm->ram_size, .userspace_addr = (uintptr_t)vm->ram },
	};
	int run = 1;

	CHECK_OK(IOCTL_V(vhost, VHOST_SET_OWNER, 0));
	CHECK_OK(IOCTL(vhost, VHOST_GET_FEATURES, &features));
	features &= 1ul << 32;		/* VERSION_1 */
	CHECK_OK(IOCTL(vhost, VHOST_SET_FEATURES, &features));
	CHECK_OK(IOCTL(vhost, VHOST_SET_MEM_TABLE, &m.h));
	for (unsigned int i = 0; i < N_QUEUES; i++) {
		int kick = CHECK_OK(eventfd(0, 0)), call = CHECK_OK(eventfd(0, 0));
		struct kvm_ioeventfd io = {
			.addr = QUEUE_PORT, .len = 2, .fd = kick, .datamatch = i,
			.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH,
		};
		struct kvm_irqfd irq = { .fd = call, .gsi = 30 + i };

		CHECK_OK(IOCTL(vm->fd, KVM_IOEVENTFD, &io));
		CHECK_OK(IOCTL(vm->fd, KVM_IRQFD, &irq));
		hand_over(vm, vhost, i, kick, call);
	}
	CHECK_OK(IOCTL(vhost, VHOST_VSOCK_SET_GUEST_CID, &cid));
	CHECK_OK(IOCTL(vhost, VHOST_VSOCK_SET_RUNNING, &run));
}

TEST_LIMIT(vsock, 60)
{
	int vhost = vhost_open();
	struct vcpu *vcpu = guest64_irqchip(guest);
	struct vm *vm = vcpu->vm;
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e[N_QUEUES];
	} t = { .h.nr = N_QUEUES };
	struct virtio_vsock_hdr ask = {
		.src_cid = GUEST_CID, .dst_cid = HOST_CID, .src_port = GUEST_PORT,
		.dst_port = HOST_PORT, .type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = VIRTIO_VSOCK_OP_REQUEST, .buf_alloc = 65536,
	}, answer;

	need_cap(KVM_CAP_IRQFD, "IRQFD");
	for (unsigned int i = 0; i < N_QUEUES; i++)
		t.e[i] = (struct kvm_irq_routing_entry){
			.gsi = 30 + i, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = APIC_BASE, .data = 0x51 + i },
		};
	CHECK_OK(IOCTL(vm->fd, KVM_SET_GSI_ROUTING, &t.h));
	memcpy(gpa(vm, queues[TX].buf), &ask, sizeof(ask));
	fill(vm, TX, sizeof(ask));
	fill(vm, RX, sizeof(queues[RX].buf));
	start(vm, vhost);
	vcpu_until_done(vcpu);
	memcpy(&answer, gpa(vm, queues[RX].buf), sizeof(answer));
	CHECK_EQ(answer.src_cid, HOST_CID);
	CHECK_EQ(answer.dst_cid, GUEST_CID);
	CHECK_EQ(answer.src_port, HOST_PORT);
	CHECK_EQ(answer.dst_port, GUEST_PORT);
	CHECK_EQ(answer.op, VIRTIO_VSOCK_OP_RST);
}
