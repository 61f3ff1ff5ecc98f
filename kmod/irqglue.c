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

static struct vm_irq *vm_irq_of(struct vhm_vm *vm)
{
	return container_of(vm->irqchip, struct vm_irq, chip);
}

static struct vhm_vcpu *vcpu_of(struct vhm_lapic *lapic)
{
	return container_of(lapic, struct vcpu_irq, lapic)->vcpu;
}

/* ---- what the room asks for ---------------------------------------------------- */

static enum hrtimer_restart timer_fn(struct hrtimer *hr)
{
	struct irq_timer *it = container_of(hr, struct irq_timer, hr);
	u64 next = it->t.fn(&it->t);

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
	if (r)
		kfree(vi);
	else
		vcpu->lapic = &vi->lapic;
	return r;
}

void vhm_lapic_detach(struct vhm_vcpu *vcpu)
{
	if (!vcpu->lapic)
		return;
	vhm_lapic_destroy(vcpu->lapic);
	kfree(container_of(vcpu->lapic, struct vcpu_irq, lapic));
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
	return vcpu->lapic ? vcpu->lapic->base : vcpu->apic_base;
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
	if (!vhm_irqchip_pio(chip, port, size, in, val))
		return false;
	if (!in)
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return true;
}

bool vhm_irq_mmio(struct vhm_vcpu *vcpu, u64 gpa, int size, bool write, void *data)
{
	struct vhm_irqchip *chip = vcpu->vm->irqchip;
	u64 val = 0;

	if (!chip)
		return false;
	if (write)
		memcpy(&val, data, size);
	if (vhm_lapic_hit(vcpu->lapic, gpa)) {
		vhm_lapic_set_cr8(vcpu->lapic, vcpu->cr8);
		if (write)
			vhm_lapic_write(vcpu->lapic, gpa & 0xfff, size, val);
		else
			val = vhm_lapic_read(vcpu->lapic, gpa & 0xfff, size);
		vcpu->cr8 = vhm_lapic_cr8(vcpu->lapic);
	} else if (!vhm_ioapic_hit(chip, gpa)) {
		return false;
	} else if (write) {
		vhm_ioapic_write(chip, gpa & 0xff, size, val);
	} else {
		val = vhm_ioapic_read(chip, gpa & 0xff, size);
	}
	if (write)
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
	else
		memcpy(data, &val, size);
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
	/* pairs with the acquire in check_row() */
	smp_store_release(&vm->irqchip, &vi->chip);
	return 0;
}

void vhm_irq_stop(struct vhm_vm *vm)
{
	if (vm->irqchip)
		hrtimer_cancel(&vm_irq_of(vm)->pit_timer.hr);
}

void vhm_irq_destroy(struct vhm_vm *vm)
{
	if (!vm->irqchip)
		return;
	vhm_irqchip_destroy(vm->irqchip);
	kvfree(vm_irq_of(vm));
}

static int create_pit(struct vhm_vm *vm, u32 flags)
{
	if (!vm->irqchip)
		return -ENOENT;
	return vhm_pit_create(vm->irqchip, &vm_irq_of(vm)->pit_timer.t, flags);
}

static int get_irqchip(struct vhm_irqchip *chip, struct kvm_irqchip *s)
{
	if (s->chip_id < KVM_IRQCHIP_IOAPIC)
		vhm_pic_get(chip, s->chip_id, &s->chip.pic);
	else if (s->chip_id == KVM_IRQCHIP_IOAPIC)
		vhm_ioapic_get(chip, &s->chip.ioapic);
	return s->chip_id > KVM_IRQCHIP_IOAPIC ? -EINVAL : 0;
}

static int set_irqchip(struct vhm_irqchip *chip, const struct kvm_irqchip *s)
{
	if (s->chip_id < KVM_IRQCHIP_IOAPIC)
		vhm_pic_set(chip, s->chip_id, &s->chip.pic);
	else if (s->chip_id == KVM_IRQCHIP_IOAPIC)
		vhm_ioapic_set(chip, &s->chip.ioapic);
	return s->chip_id > KVM_IRQCHIP_IOAPIC ? -EINVAL : 0;
}

/* KVM_IRQ_LINE and, by the direction in its number, KVM_IRQ_LINE_STATUS. */
static void irq_line(struct vhm_irqchip *chip, struct kvm_irq_level *l)
{
	l->status = vhm_irq_line(chip, VHM_IRQ_SRC_USER, l->irq, l->level);
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

static int signal_msi(struct vhm_vm *vm, const struct kvm_msi *m)
{
	if (!vm->irqchip || m->flags)
		return -EINVAL;
	return vhm_irq_msi(vm->irqchip, m->address_lo | (u64)m->address_hi << 32, m->data);
}

/* The old state is the new one's beginning; its rest stays as it is. */
static void set_pit(struct vhm_irqchip *chip, struct kvm_pit_state2 *s)
{
	struct kvm_pit_state2 now;

	vhm_pit_get(chip, &now);
	s->flags = now.flags;
	vhm_pit_set(chip, s);
}

/* Its number has no size, so the argument is fetched here. */
static int reinject(struct vhm_irqchip *chip, struct kvm_reinject_control __user *u)
{
	struct kvm_reinject_control c;

	if (copy_from_user(&c, u, sizeof(c)))
		return -EFAULT;
	vhm_pit_set_reinject(chip, c.pit_reinject);
	return 0;
}

#define HAND_ON(name, call) VHM_ROW_FN(name, vm, vhm_vm_arg, call)

HAND_ON(do_create_irqchip, *r = create_irqchip(vm))
HAND_ON(do_get_irqchip, *r = get_irqchip(vm->irqchip, &a->irqchip))
HAND_ON(do_set_irqchip, *r = set_irqchip(vm->irqchip, &a->irqchip))
HAND_ON(do_irq_line, irq_line(vm->irqchip, &a->irq_level))
HAND_ON(do_set_routing, *r = set_routing(vm, (void __user *)a->value))
HAND_ON(do_signal_msi, *r = signal_msi(vm, &a->msi))
HAND_ON(do_create_pit, *r = create_pit(vm, KVM_PIT_SPEAKER_DUMMY))
HAND_ON(do_create_pit2, *r = create_pit(vm, a->pit_config.flags))
HAND_ON(do_get_pit, vhm_pit_get(vm->irqchip, &a->pit))
HAND_ON(do_set_pit, set_pit(vm->irqchip, &a->pit))
HAND_ON(do_set_pit2, vhm_pit_set(vm->irqchip, &a->pit))
HAND_ON(do_reinject, *r = reinject(vm->irqchip, (void __user *)a->value))

const struct vhm_vm_row vhm_irq_rows[] = {
	{ KVM_CREATE_IRQCHIP, do_create_irqchip, VHM_ROW_LOCKED },
	{ KVM_GET_IRQCHIP, do_get_irqchip, VHM_ROW_CHIP },
	{ KVM_SET_IRQCHIP, do_set_irqchip, VHM_ROW_CHIP | VHM_ROW_IN },
	{ KVM_IRQ_LINE, do_irq_line, VHM_ROW_CHIP },
	{ KVM_IRQ_LINE_STATUS, do_irq_line, VHM_ROW_CHIP },
	{ KVM_SET_GSI_ROUTING, do_set_routing, VHM_ROW_LOCKED | VHM_ROW_RAW },
	{ KVM_SIGNAL_MSI, do_signal_msi },
	{ KVM_CREATE_PIT, do_create_pit, VHM_ROW_LOCKED },
	{ KVM_CREATE_PIT2, do_create_pit2, VHM_ROW_LOCKED },
	{ KVM_GET_PIT, do_get_pit, VHM_ROW_PIT },
	{ KVM_SET_PIT, do_set_pit, VHM_ROW_PIT | VHM_ROW_IN },
	{ KVM_GET_PIT2, do_get_pit, VHM_ROW_PIT }, { KVM_SET_PIT2, do_set_pit2, VHM_ROW_PIT },
	{ KVM_REINJECT_CONTROL, do_reinject, VHM_ROW_PIT },
};

const int vhm_n_irq_rows = ARRAY_SIZE(vhm_irq_rows);
