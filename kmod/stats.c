// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_STATS_FD: counters of a VM or vCPU as a file that describes itself.
 *
 * The file is a header, an identifier, descriptors and values (KVM API document,
 * "KVM_GET_STATS_FD"); it is made anew at every read. Names are those of KVM
 * where the meaning is the same. A vCPU's counters are plain words that its
 * owner thread alone writes: a reader may see some of them a moment older.
 *
 * Anyone who holds the fd may read, in any address space: it tells no more than
 * how busy a VM is. It keeps the VM's memory, so it may outlive all other fds.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "vhm.h"

#define NAME_SIZE	48

struct row {
	char name[NAME_SIZE - 4];
	u32 off;
};

#define AT(field)	offsetof(struct vhm_vcpu, stats.field)

static const struct row vcpu_rows[] = {
	{ "exits", 0 },		/* the sum of all kinds */
	{ "io_exits", AT(exits[VHM_X_IO]) },
	{ "mmio_exits", AT(mmio_exits) },
	{ "signal_exits", AT(signal_exits) },
	{ "irq_exits", AT(exits[VHM_X_HOST_EVENT]) },
	{ "irq_window_exits", AT(exits[VHM_X_IRQ_WINDOW]) },
	{ "nmi_window_exits", AT(exits[VHM_X_NMI_WINDOW]) },
	{ "halt_exits", AT(exits[VHM_X_HLT]) },
	{ "halt_wakeup", AT(halt_wakeup) },
	{ "request_irq_exits", AT(request_irq_exits) },
	{ "irq_injections", AT(irq_injections) },
	{ "nmi_injections", AT(nmi_injections) },
	{ "insn_emulation", AT(insn_emulation) },
	{ "hypercalls", AT(exits[VHM_X_HYPERCALL]) },
	{ "pf_taken", AT(exits[VHM_X_FAULT]) },
	{ "pf_fixed", AT(pf_fixed) },
	{ "tlb_flush", AT(tlb_flush) },
	{ "host_state_reload", AT(sections) },
};

static const struct row vm_rows[] = {
	{ "remote_tlb_flush", offsetof(struct vhm_vm, remote_tlb_flush) },
};

/* A row as the file has it: kvm_stats_desc, whose name newer kernels give a size of their own. */
struct desc {
	u32 flags;
	s16 exponent;
	u16 size;
	u32 offset;
	u32 bucket_size;
	char name[NAME_SIZE];
};
static_assert(offsetof(struct desc, name) == offsetof(struct kvm_stats_desc, name));

static u64 all_exits(const struct vhm_vcpu *vcpu)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < VHM_X_NR; i++)
		sum += READ_ONCE(vcpu->stats.exits[i]);
	return sum;
}

/* vcpu: whose rows they are, NULL for the VM's. */
static ssize_t stats_read(struct vhm_vm *vm, const struct vhm_vcpu *vcpu, char __user *u,
			  size_t len, loff_t *pos)
{
	const struct row *rows = vcpu ? vcpu_rows : vm_rows;
	u32 i, n = vcpu ? ARRAY_SIZE(vcpu_rows) : ARRAY_SIZE(vm_rows);
	const void *base = vcpu ? (const void *)vcpu : vm;
	struct kvm_stats_header *h;
	struct desc *desc;
	size_t size = sizeof(*h) + NAME_SIZE + n * (sizeof(*desc) + sizeof(u64));
	char *id;
	u64 *data;
	ssize_t r;

	h = kzalloc(size, GFP_KERNEL);
	if (!h)
		return -ENOMEM;
	id = (void *)(h + 1);
	desc = (void *)id + NAME_SIZE;
	data = (void *)(desc + n);
	*h = (struct kvm_stats_header){
		.name_size = NAME_SIZE, .num_desc = n, .id_offset = (void *)id - (void *)h,
		.desc_offset = (void *)desc - (void *)h, .data_offset = (void *)data - (void *)h,
	};
	r = scnprintf(id, NAME_SIZE, "kvm-%d", vm->pid);
	if (vcpu)
		scnprintf(id + r, NAME_SIZE - r, "/vcpu-%d", vcpu->id);
	for (i = 0; i < n; i++) {
		desc[i] = (struct desc){
			.flags = KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE |
				 KVM_STATS_BASE_POW10,
			.size = 1, .offset = i * sizeof(u64),
		};
		strscpy(desc[i].name, rows[i].name, NAME_SIZE);
		data[i] = rows[i].off ? READ_ONCE(*(const u64 *)(base + rows[i].off)) :
					all_exits(vcpu);
	}
	r = simple_read_from_buffer(u, len, pos, h, size);
	kfree(h);
	return r;
}

static ssize_t vm_read(struct file *file, char __user *u, size_t len, loff_t *pos)
{
	return stats_read(file->private_data, NULL, u, len, pos);
}

static ssize_t vcpu_read(struct file *file, char __user *u, size_t len, loff_t *pos)
{
	struct vhm_vcpu *vcpu = file->private_data;

	return stats_read(vcpu->vm, vcpu, u, len, pos);
}

static int vm_release(struct inode *inode, struct file *file)
{
	vhm_vm_put(file->private_data);
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	vhm_vm_put(((struct vhm_vcpu *)file->private_data)->vm);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.read = vm_read,
	.release = vm_release,
	.llseek = noop_llseek,
};

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.read = vcpu_read,
	.release = vcpu_release,
	.llseek = noop_llseek,
};

int vhm_stats_fd(struct vhm_vm *vm, struct vhm_vcpu *vcpu)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = anon_inode_getfile(vcpu ? "hv-vcpu-stats" : "hv-vm-stats",
				  vcpu ? &vcpu_fops : &vm_fops, vcpu ? (void *)vcpu : vm, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	refcount_inc(&vm->users);	/* the caller's fd holds the VM meanwhile */
	file->f_mode |= FMODE_PREAD;
	fd_install(fd, file);
	return fd;
}
