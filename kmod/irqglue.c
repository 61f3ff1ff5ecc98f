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
#include "ioctl.h"
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
	hrtimer_start(&container_of(t, struct irq_timer, t)->hr, ns_to_ktime(expires),
		      HRTIMER_MODE_ABS_HARD);
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

static u64 op_guest_tsc(struct vhm_lapic *lapic)
{
	return vhm_guest_tsc(vcpu_of(lapic));
}

static u64 op_tsc_to_ns(struct vhm_lapic *lapic, u64 ticks)
{
	return vhm_tsc_to_ns(ticks);
}

static const struct vhm_irq_ops irq_ops = {
	.now = op_now,
	.timer_start = op_timer_start,
	.timer_cancel = op_timer_cancel,
	.kick = op_kick,
	.nmi = op_nmi,
	.init_vcpu = op_init,
	.sipi = op_sipi,
	.guest_tsc = op_guest_tsc,
	.tsc_to_ns = op_tsc_to_ns,
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

	/* the PICs, the PIT and the speaker are below 0x100, ELCR at 0x4d0 */
	if (!chip || (port >= 0x100 && (port & ~1) != 0x4d0))
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

static int create_irqchip(struct vhm_vm *vm, union vhm_vm_arg *a)
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

static int create_pit2(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	struct vm_irq *vi;

	if (!vm->irqchip)
		return -ENOENT;
	vi = container_of(vm->irqchip, struct vm_irq, chip);
	return vhm_pit_create(vm->irqchip, &vi->pit_timer.t, a->pit_config.flags);
}

static int create_pit(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	a->pit_config.flags = KVM_PIT_SPEAKER_DUMMY;
	return create_pit2(vm, a);
}

static int get_irqchip(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	struct kvm_irqchip *s = &a->irqchip;

	if (s->chip_id > KVM_IRQCHIP_IOAPIC)
		return -EINVAL;
	if (s->chip_id == KVM_IRQCHIP_IOAPIC)
		vhm_ioapic_get(vm->irqchip, &s->chip.ioapic);
	else
		vhm_pic_get(vm->irqchip, s->chip_id, &s->chip.pic);
	return 0;
}

static int set_irqchip(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	const struct kvm_irqchip *s = &a->irqchip;

	if (s->chip_id > KVM_IRQCHIP_IOAPIC)
		return -EINVAL;
	if (s->chip_id == KVM_IRQCHIP_IOAPIC)
		vhm_ioapic_set(vm->irqchip, &s->chip.ioapic);
	else
		vhm_pic_set(vm->irqchip, s->chip_id, &s->chip.pic);
	return 0;
}

/* KVM_IRQ_LINE and, by the direction in its number, KVM_IRQ_LINE_STATUS. */
static int irq_line(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	struct kvm_irq_level *l = &a->irq_level;

	l->status = vhm_irq_line(vm->irqchip, VHM_IRQ_SRC_USER, l->irq, l->level);
	return 0;
}

static int set_routing(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	struct kvm_irq_routing_entry *e = NULL;
	struct kvm_irq_routing head;
	struct kvm_irq_routing __user *u = (void __user *)a->value;
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

static int signal_msi(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	const struct kvm_msi *m = &a->msi;

	if (!vm->irqchip || m->flags)
		return -EINVAL;
	return vhm_irq_msi(vm->irqchip, m->address_lo | (u64)m->address_hi << 32, m->data);
}

static int get_pit2(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	vhm_pit_get(vm->irqchip, &a->pit);
	return 0;
}

static int set_pit2(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	vhm_pit_set(vm->irqchip, &a->pit);
	return 0;
}

/* The old state is the new one's beginning; its rest stays as it is. */
static int get_pit(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	struct kvm_pit_state2 s;

	vhm_pit_get(vm->irqchip, &s);
	memcpy(&a->pit, &s, sizeof(struct kvm_pit_state));
	return 0;
}

static int set_pit(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	struct kvm_pit_state2 s;

	vhm_pit_get(vm->irqchip, &s);
	memcpy(&s, &a->pit, sizeof(struct kvm_pit_state));
	vhm_pit_set(vm->irqchip, &s);
	return 0;
}

/* Its number has no size, so the argument is fetched here. */
static int reinject(struct vhm_vm *vm, union vhm_vm_arg *a)
{
	struct kvm_reinject_control c;

	if (copy_from_user(&c, (void __user *)a->value, sizeof(c)))
		return -EFAULT;
	vhm_pit_set_reinject(vm->irqchip, c.pit_reinject);
	return 0;
}

const struct vhm_vm_row vhm_irq_rows[] = {
	{ KVM_CREATE_IRQCHIP, create_irqchip, VHM_ROW_LOCKED },
	{ KVM_GET_IRQCHIP, get_irqchip, VHM_ROW_CHIP },
	{ KVM_SET_IRQCHIP, set_irqchip, VHM_ROW_CHIP | VHM_ROW_IN },
	{ KVM_IRQ_LINE, irq_line, VHM_ROW_CHIP },
	{ KVM_IRQ_LINE_STATUS, irq_line, VHM_ROW_CHIP },
	{ KVM_SET_GSI_ROUTING, set_routing, VHM_ROW_LOCKED | VHM_ROW_RAW },
	{ KVM_SIGNAL_MSI, signal_msi },
	{ KVM_CREATE_PIT, create_pit, VHM_ROW_LOCKED },
	{ KVM_CREATE_PIT2, create_pit2, VHM_ROW_LOCKED },
	{ KVM_GET_PIT, get_pit, VHM_ROW_PIT }, { KVM_SET_PIT, set_pit, VHM_ROW_PIT | VHM_ROW_IN },
	{ KVM_GET_PIT2, get_pit2, VHM_ROW_PIT }, { KVM_SET_PIT2, set_pit2, VHM_ROW_PIT },
	{ KVM_REINJECT_CONTROL, reinject, VHM_ROW_PIT },
};

const int vhm_n_irq_rows = ARRAY_SIZE(vhm_irq_rows);
