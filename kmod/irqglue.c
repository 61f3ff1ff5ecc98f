// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of the irq room: its timers, its wake-ups, its ioctls.
 *
 * The device models in irq/ know no kernel object. Here each LAPIC is tied to
 * its vCPU, each of their timers to an hrtimer, and the VM's interrupt ioctls
 * are checked and handed on.
 */
#include <linux/hrtimer.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "host.h"
#include "vhm.h"

struct irq_timer {
	struct vhm_irq_timer t;
	struct hrtimer hr;
};

struct vcpu_irq {
	struct vhm_lapic lapic;
	struct irq_timer timer;
	struct vhm_vcpu *vcpu;
};

struct vm_irq {
	struct vhm_irqchip chip;
	struct irq_timer pit_timer;
};

static struct vhm_vcpu *vcpu_of(struct vhm_lapic *lapic)
{
	return container_of(lapic, struct vcpu_irq, lapic)->vcpu;
}

/* ---- what the room asks for ---------------------------------------------------- */

static enum hrtimer_restart timer_fn(struct hrtimer *hr)
{
	struct irq_timer *it = container_of(hr, struct irq_timer, hr);
	u64 next = vhm_irq_timer_expired(&it->t);

	if (!next)
		return HRTIMER_NORESTART;
	hrtimer_set_expires(hr, ns_to_ktime(next));
	return HRTIMER_RESTART;
}

static u64 op_now(void)
{
	return ktime_get_ns();
}

static void op_timer_cancel(struct vhm_irq_timer *t)
{
	hrtimer_cancel(&container_of(t, struct irq_timer, t)->hr);
}

static void op_timer_start(struct vhm_irq_timer *t, u64 expires)
{
	struct irq_timer *it = container_of(t, struct irq_timer, t);

	hrtimer_cancel(&it->hr);
	hrtimer_start(&it->hr, ns_to_ktime(expires), HRTIMER_MODE_ABS_HARD);
}

static void op_kick(struct vhm_lapic *lapic)
{
	vhm_request(vcpu_of(lapic), VHM_REQ_EVENT);
}

static void op_nmi(struct vhm_lapic *lapic)
{
	vhm_nmi(vcpu_of(lapic));
}

static void op_init(struct vhm_lapic *lapic)
{
	vhm_request(vcpu_of(lapic), VHM_REQ_RESET);
}

static void op_sipi(struct vhm_lapic *lapic, u8 vector)
{
	struct vhm_vcpu *vcpu = vcpu_of(lapic);

	WRITE_ONCE(vcpu->ev.sipi_vector, vector);
	vhm_request(vcpu, VHM_REQ_SIPI);
}

/* SMM is not offered: the message ends here, as on a CPU that has it off. */
static void op_smi(struct vhm_lapic *lapic)
{
}

static u64 op_guest_tsc(struct vhm_lapic *lapic)
{
	return vhm_guest_tsc(vcpu_of(lapic));
}

static u64 op_tsc_to_ns(struct vhm_lapic *lapic, u64 ticks)
{
	return vhm_tsc_to_ns(vcpu_of(lapic), ticks);
}

/* Nobody watches an acknowledgement yet but the PIT, which the room serves itself. */
static void op_irq_ack(struct vhm_irqchip *chip, u32 gsi)
{
}

static const struct vhm_irq_ops irq_ops = {
	.now = op_now,
	.timer_start = op_timer_start,
	.timer_cancel = op_timer_cancel,
	.kick = op_kick,
	.nmi = op_nmi,
	.init_vcpu = op_init,
	.sipi = op_sipi,
	.smi = op_smi,
	.guest_tsc = op_guest_tsc,
	.tsc_to_ns = op_tsc_to_ns,
	.irq_ack = op_irq_ack,
};

/* ---- LAPIC of a vCPU --------------------------------------------------------------- */

int vhm_lapic_attach(struct vhm_vcpu *vcpu)
{
	struct vhm_irqchip *chip = vcpu->vm->irqchip;
	struct vcpu_irq *vi;
	int r;

	if (!chip)
		return 0;
	vi = kzalloc(sizeof(*vi), GFP_KERNEL_ACCOUNT);
	if (!vi)
		return -ENOMEM;
	vi->vcpu = vcpu;
	vhm_hrtimer_setup(&vi->timer.hr, timer_fn);
	r = vhm_lapic_init(&vi->lapic, chip, &vi->timer.t, vcpu->index, vcpu->id,
			   vhm_is_bsp(vcpu));
	if (r) {
		kfree(vi);
		return r;
	}
	vcpu->lapic = &vi->lapic;
	return 0;
}

void vhm_lapic_detach(struct vhm_vcpu *vcpu)
{
	if (!vcpu->lapic)
		return;
	vhm_lapic_destroy(vcpu->lapic);
	kfree(container_of(vcpu->lapic, struct vcpu_irq, lapic));
	vcpu->lapic = NULL;
}

int vhm_lapic_get_state(struct vhm_vcpu *vcpu, struct kvm_lapic_state *s)
{
	if (!vcpu->lapic)
		return -EINVAL;
	vhm_lapic_set_cr8(vcpu->lapic, vcpu->cr8);
	vhm_lapic_get(vcpu->lapic, s);
	return 0;
}

int vhm_lapic_set_state(struct vhm_vcpu *vcpu, const struct kvm_lapic_state *s)
{
	if (!vcpu->lapic)
		return -EINVAL;
	vhm_lapic_set(vcpu->lapic, s);
	vcpu->cr8 = vhm_lapic_cr8(vcpu->lapic);
	vhm_request(vcpu, VHM_REQ_EVENT);
	return 0;
}

u64 vhm_apic_base(struct vhm_vcpu *vcpu)
{
	return vcpu->lapic ? vhm_lapic_base(vcpu->lapic) : vcpu->apic_base;
}

int vhm_set_apic_base(struct vhm_vcpu *vcpu, u64 val, bool host)
{
	if (!vcpu->lapic)
		vcpu->apic_base = val;
	else if (!vhm_lapic_set_base(vcpu->lapic, val, host))
		return 1;
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return 0;
}

/* ---- the guest's accesses -------------------------------------------------------------- */

bool vhm_irq_pio(struct vhm_vcpu *vcpu, u16 port, int size, bool in, u32 *val)
{
	struct vhm_irqchip *chip = vcpu->vm->irqchip;

	if (!chip)
		return false;
	if (in)
		return vhm_irq_pio_read(chip, port, size, val);
	if (!vhm_irq_pio_write(chip, port, size, *val))
		return false;
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return true;
}

bool vhm_irq_mmio_read(struct vhm_vcpu *vcpu, u64 gpa, int size, void *data)
{
	struct vhm_irqchip *chip = vcpu->vm->irqchip;
	u64 val;

	if (!chip || size > 8)
		return false;
	if (vhm_lapic_hit(vcpu->lapic, gpa)) {
		vhm_lapic_set_cr8(vcpu->lapic, vcpu->cr8);
		val = vhm_lapic_read(vcpu->lapic, gpa & 0xfff, size);
	} else if (vhm_ioapic_hit(chip, gpa)) {
		val = vhm_ioapic_read(chip, gpa & 0xff, size);
	} else {
		return false;
	}
	memcpy(data, &val, size);
	return true;
}

bool vhm_irq_mmio_write(struct vhm_vcpu *vcpu, u64 gpa, int size, const void *data)
{
	struct vhm_irqchip *chip = vcpu->vm->irqchip;
	u64 val = 0;

	if (!chip || size > 8)
		return false;
	memcpy(&val, data, size);
	if (vhm_lapic_hit(vcpu->lapic, gpa)) {
		vhm_lapic_set_cr8(vcpu->lapic, vcpu->cr8);
		vhm_lapic_write(vcpu->lapic, gpa & 0xfff, size, val);
		vcpu->cr8 = vhm_lapic_cr8(vcpu->lapic);
	} else if (vhm_ioapic_hit(chip, gpa)) {
		vhm_ioapic_write(chip, gpa & 0xff, size, val);
	} else {
		return false;
	}
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return true;
}

/* ---- VM ioctls ----------------------------------------------------------------------------- */

static int create_irqchip(struct vhm_vm *vm)
{
	struct vm_irq *vi;
	int r;

	lockdep_assert_held(&vm->lock);
	if (vm->irqchip)
		return -EEXIST;
	if (vm->n_vcpus)
		return -EINVAL;
	vi = kvzalloc(sizeof(*vi), GFP_KERNEL_ACCOUNT);
	if (!vi)
		return -ENOMEM;
	r = vhm_irqchip_init(&vi->chip, &irq_ops);
	if (r) {
		kvfree(vi);
		return r;
	}
	vhm_hrtimer_setup(&vi->pit_timer.hr, timer_fn);
	smp_store_release(&vm->irqchip, &vi->chip);
	return 0;
}

void vhm_irq_stop(struct vhm_vm *vm)
{
	if (vm->irqchip)
		hrtimer_cancel(&container_of(vm->irqchip, struct vm_irq, chip)->pit_timer.hr);
}

void vhm_irq_destroy(struct vhm_vm *vm)
{
	if (!vm->irqchip)
		return;
	vhm_irqchip_destroy(vm->irqchip);
	kvfree(container_of(vm->irqchip, struct vm_irq, chip));
}

static int create_pit(struct vhm_vm *vm, void __user *u)
{
	struct kvm_pit_config cfg = { .flags = KVM_PIT_SPEAKER_DUMMY };

	lockdep_assert_held(&vm->lock);
	if (u && copy_from_user(&cfg, u, sizeof(cfg)))
		return -EFAULT;
	if (!vm->irqchip)
		return -ENOENT;
	return vhm_pit_create(vm->irqchip,
			      &container_of(vm->irqchip, struct vm_irq, chip)->pit_timer.t,
			      cfg.flags);
}

static int get_irqchip(struct vhm_irqchip *chip, struct kvm_irqchip __user *u)
{
	struct kvm_irqchip s = {};

	if (get_user(s.chip_id, &u->chip_id))
		return -EFAULT;
	switch (s.chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		vhm_pic_get(chip, s.chip_id, &s.chip.pic);
		break;
	case KVM_IRQCHIP_IOAPIC:
		vhm_ioapic_get(chip, &s.chip.ioapic);
		break;
	default:
		return -EINVAL;
	}
	return copy_to_user(u, &s, sizeof(s)) ? -EFAULT : 0;
}

static int set_irqchip(struct vhm_irqchip *chip, void __user *u)
{
	struct kvm_irqchip s;

	if (copy_from_user(&s, u, sizeof(s)))
		return -EFAULT;
	switch (s.chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		vhm_pic_set(chip, s.chip_id, &s.chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		vhm_ioapic_set(chip, &s.chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

static int irq_line(struct vhm_irqchip *chip, struct kvm_irq_level __user *u, bool status)
{
	struct kvm_irq_level l;

	if (copy_from_user(&l, u, sizeof(l)))
		return -EFAULT;
	l.status = vhm_irq_line(chip, VHM_IRQ_SRC_USER, l.irq, l.level);
	if (!status)
		return 0;
	return put_user(l.status, &u->status);
}

static int set_routing(struct vhm_vm *vm, struct kvm_irq_routing __user *u)
{
	struct kvm_irq_routing_entry *e = NULL;
	struct kvm_irq_routing head;
	int r;

	lockdep_assert_held(&vm->lock);
	if (copy_from_user(&head, u, sizeof(head)))
		return -EFAULT;
	if (!vm->irqchip || head.nr > VHM_IRQ_MAX_GSI || head.flags)
		return -EINVAL;
	if (head.nr) {
		e = vmemdup_user(u->entries, array_size(sizeof(*e), head.nr));
		if (IS_ERR(e))
			return PTR_ERR(e);
	}
	r = vhm_irq_set_routing(vm->irqchip, e, head.nr);
	kvfree(e);
	return r;
}

static int signal_msi(struct vhm_vm *vm, void __user *u)
{
	struct kvm_msi msi;

	if (copy_from_user(&msi, u, sizeof(msi)))
		return -EFAULT;
	if (!vm->irqchip || msi.flags)
		return -EINVAL;
	return vhm_irq_msi(vm->irqchip, msi.address_lo | (u64)msi.address_hi << 32, msi.data);
}

static int get_pit(struct vhm_irqchip *chip, void __user *u, size_t size)
{
	struct kvm_pit_state2 s = {};

	vhm_pit_get(chip, &s);
	return copy_to_user(u, &s, size) ? -EFAULT : 0;
}

static int set_pit(struct vhm_irqchip *chip, void __user *u, size_t size)
{
	struct kvm_pit_state2 s = {};

	if (copy_from_user(&s, u, size))
		return -EFAULT;
	vhm_pit_set(chip, &s);
	return 0;
}

static int reinject(struct vhm_irqchip *chip, void __user *u)
{
	struct kvm_reinject_control c;

	if (copy_from_user(&c, u, sizeof(c)))
		return -EFAULT;
	vhm_pit_set_reinject(chip, c.pit_reinject);
	return 0;
}

/* Commands of a PIT that is there. */
static long pit_ioctl(struct vhm_irqchip *chip, unsigned int cmd, void __user *u)
{
	if (!chip || !smp_load_acquire(&chip->has_pit))
		return -ENXIO;
	switch (cmd) {
	case KVM_GET_PIT:
		return get_pit(chip, u, sizeof(struct kvm_pit_state));
	case KVM_SET_PIT:
		return set_pit(chip, u, sizeof(struct kvm_pit_state));
	case KVM_GET_PIT2:
		return get_pit(chip, u, sizeof(struct kvm_pit_state2));
	case KVM_SET_PIT2:
		return set_pit(chip, u, sizeof(struct kvm_pit_state2));
	default:
		return reinject(chip, u);
	}
}

/* Commands that build or replace: one at a time. */
static long locked_ioctl(struct vhm_vm *vm, unsigned int cmd, void __user *u)
{
	long r;

	mutex_lock(&vm->lock);
	switch (cmd) {
	case KVM_CREATE_IRQCHIP:
		r = create_irqchip(vm);
		break;
	case KVM_CREATE_PIT:
		r = create_pit(vm, NULL);
		break;
	case KVM_CREATE_PIT2:
		r = create_pit(vm, u);
		break;
	default:
		r = set_routing(vm, u);
		break;
	}
	mutex_unlock(&vm->lock);
	return r;
}

long vhm_irq_vm_ioctl(struct vhm_vm *vm, unsigned int cmd, void __user *u)
{
	struct vhm_irqchip *chip = smp_load_acquire(&vm->irqchip);

	switch (cmd) {
	case KVM_CREATE_IRQCHIP:
	case KVM_CREATE_PIT:
	case KVM_CREATE_PIT2:
	case KVM_SET_GSI_ROUTING:
		return locked_ioctl(vm, cmd, u);
	case KVM_GET_IRQCHIP:
		return chip ? get_irqchip(chip, u) : -ENXIO;
	case KVM_SET_IRQCHIP:
		return chip ? set_irqchip(chip, u) : -ENXIO;
	case KVM_IRQ_LINE:
	case KVM_IRQ_LINE_STATUS:
		return chip ? irq_line(chip, u, cmd == KVM_IRQ_LINE_STATUS) : -ENXIO;
	case KVM_SIGNAL_MSI:
		return signal_msi(vm, u);
	case KVM_GET_PIT:
	case KVM_SET_PIT:
	case KVM_GET_PIT2:
	case KVM_SET_PIT2:
	case KVM_REINJECT_CONTROL:
		return pit_ioctl(chip, cmd, u);
	default:
		return -ENOTTY;
	}
}
