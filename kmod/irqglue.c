// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of the irq room: its wake-ups, its registers, its ioctls.
 *
 * The device models in irq/ know neither VM nor vCPU. Here each LAPIC is tied to
 * its vCPU, the guest's accesses find their device, and the VM's interrupt
 * ioctls are checked and handed on.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>

#include "host.h"
#include "ioctl.h"
#include "vhm.h"

static struct vhm_vcpu *vcpu_of(struct vhm_lapic *lapic)
{
	return container_of(lapic, struct vhm_vcpu, apic);
}

/* ---- what the room asks for ---------------------------------------------------- */

static void op_kick(struct vhm_lapic *lapic)
{
	vhm_request(vcpu_of(lapic), VHM_REQ_EVENT);
}

static void op_message(struct vhm_lapic *lapic, enum vhm_irq_mode mode, u8 vector)
{
	struct vhm_vcpu *vcpu = vcpu_of(lapic);

	if (mode == VHM_DM_NMI) {
		vhm_nmi(vcpu);
	} else if (mode == VHM_DM_INIT) {
		vhm_request(vcpu, VHM_REQ_RESET);
	} else {
		WRITE_ONCE(vcpu->ev.sipi_vector, vector);
		vhm_request(vcpu, VHM_REQ_SIPI);
	}
}

static void op_acked(struct vhm_irqchip *chip, bool ioapic, u32 pins)
{
	vhm_irqfd_acked(container_of(chip, struct vhm_vm, chip), ioapic, pins);
}

static void op_eoi(struct vhm_lapic *lapic, u8 vector)
{
	struct vhm_vcpu *vcpu = vcpu_of(lapic);

	vcpu->eoi_vector = vector;
	set_bit(VHM_REQ_IOAPIC_EOI, &vcpu->requests);
}

static u64 op_tsc_expiry(struct vhm_lapic *lapic, u64 tsc)
{
	u64 now = vhm_guest_tsc(vcpu_of(lapic));

	return tsc > now ? ktime_get_ns() + vhm_tsc_to_ns(tsc - now) + 1 : 0;
}

static const struct vhm_irq_ops irq_ops = {
	.kick = op_kick,
	.message = op_message,
	.acked = op_acked,
	.eoi = op_eoi,
	.tsc_expiry = op_tsc_expiry,
};

/* ---- LAPIC of a vCPU --------------------------------------------------------------- */

int vhm_lapic_attach(struct vhm_vcpu *vcpu)
{
	struct vhm_irqchip *chip = vcpu->vm->irqchip;
	int r = chip ? vhm_lapic_init(&vcpu->apic, chip, vcpu->index, vcpu->id,
				      vhm_is_bsp(vcpu)) : 0;

	if (chip && !r)
		vcpu->lapic = &vcpu->apic;
	return r;
}

int vhm_lapic_get_state(struct vhm_vcpu *vcpu, struct kvm_lapic_state *s)
{
	if (!vcpu->lapic)
		return -EINVAL;
	vhm_lapic_set_cr8(vcpu->lapic, vcpu->cr8);
	vhm_lapic_get(vcpu->lapic, s);
	return 0;
}

/* -EINVAL: no LAPIC, or, where the format has the whole id, that of another one. */
int vhm_lapic_set_state(struct vhm_vcpu *vcpu, const struct kvm_lapic_state *s)
{
	if (!vcpu->lapic || (vcpu->lapic->chip->ids32 &&
			     vcpu->lapic->base & VHM_APIC_BASE_X2APIC &&
			     *(u32 *)(s->regs + APIC_ID) != vcpu->id))
		return -EINVAL;
	vhm_lapic_set(vcpu->lapic, s);
	vcpu->cr8 = vhm_lapic_cr8(vcpu->lapic);
	vhm_request(vcpu, VHM_REQ_EVENT);
	return 0;
}

int vhm_set_apic_base(struct vhm_vcpu *vcpu, u64 val, bool host)
{
	set_bit(VHM_REQ_EVENT, &vcpu->requests);
	return !vhm_lapic_set_base(&vcpu->apic, val, host);
}

/* ---- the guest's accesses -------------------------------------------------------------- */

bool vhm_irq_pio(struct vhm_vcpu *vcpu, u16 port, int size, bool in, u32 *val)
{
	struct vhm_irqchip *chip = vcpu->vm->irqchip;

	/* the PICs, the PIT and the speaker are below 0x100, ELCR at 0x4d0 */
	if (!chip || chip->split || (port >= 0x100 && (port & ~1) != 0x4d0))
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
			vhm_lapic_mmio_write(vcpu->lapic, gpa & 0xfff, size, val);
		else
			val = vhm_lapic_mmio_read(vcpu->lapic, gpa & 0xfff, size);
		vcpu->cr8 = vhm_lapic_cr8(vcpu->lapic);
	} else if (!chip->split && vhm_ioapic_hit(chip, gpa)) {
		vhm_ioapic_mmio(chip, gpa & 0xff, write, &val);
	} else {
		return false;
	}
	if (write)
		set_bit(VHM_REQ_EVENT, &vcpu->requests);
	else
		memcpy(data, &val, size);
	return true;
}

/* ---- VM ioctls ----------------------------------------------------------------------------- */

static int publish_irqchip(struct vhm_vm *vm, int r)
{
	if (!r)
		/* pairs with the acquires in vhm_irq_ioctl() and vhm_irqfd() */
		smp_store_release(&vm->irqchip, &vm->chip);
	return r;
}

static int create_irqchip(struct vhm_vm *vm)
{
	lockdep_assert_held(&vm->lock);
	if (vm->irqchip)
		return -EEXIST;
	if (vm->n_vcpus)
		return -EINVAL;
	return publish_irqchip(vm, vhm_irqchip_init(&vm->chip, &irq_ops));
}

int vhm_split_irqchip(struct vhm_vm *vm, u64 n_pins)
{
	lockdep_assert_held(&vm->lock);
	if (n_pins > VHM_IRQ_MAX_GSI)
		return -EINVAL;
	if (vm->irqchip || vm->n_vcpus)
		return -EEXIST;
	return publish_irqchip(vm, vhm_irqchip_init_split(&vm->chip, &irq_ops, n_pins));
}

int vhm_x2apic_api(struct vhm_vm *vm, u64 flags)
{
	if (flags & ~(u64)VHM_X2APIC_API)
		return -EINVAL;
	if (flags & KVM_X2APIC_API_USE_32BIT_IDS)
		WRITE_ONCE(vm->chip.ids32, true);
	if (flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		WRITE_ONCE(vm->chip.dest_exact, true);
	return 0;
}

/* KVM_IRQ_LINE and, by the direction in its number, KVM_IRQ_LINE_STATUS. */
static void irq_line(struct vhm_irqchip *chip, struct kvm_irq_level *l)
{
	l->status = vhm_irq_line(chip, VHM_IRQ_SRC_USER, l->irq, l->level);
}

static int set_routing(struct vhm_vm *vm, struct kvm_irq_routing __user *u)
{
	struct kvm_irq_routing_entry *e;
	struct kvm_irq_routing head;
	int r;

	lockdep_assert_held(&vm->lock);
	if (copy_from_user(&head, u, sizeof(head)))
		return -EFAULT;
	if (!vm->irqchip || head.nr > VHM_IRQ_MAX_GSI || head.flags)
		return -EINVAL;
	e = vmemdup_user(u->entries, array_size(sizeof(*e), head.nr));
	if (IS_ERR(e))
		return PTR_ERR(e);
	r = vhm_irq_set_routing(vm->irqchip, e, head.nr);
	kvfree(e);
	return r;
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

/* A call for VMs that have the chips, or the PIT. */
#define NEED(what, call)						\
	do {								\
		if (what)						\
			call;						\
		else							\
			r = -ENXIO;					\
	} while (0)

int vhm_irq_ioctl(struct vhm_vm *vm, unsigned int cmd, unsigned long arg)
{
	/* pairs with the release in publish_irqchip() */
	struct vhm_irqchip *chip = smp_load_acquire(&vm->irqchip);
	/* pairs with the release in vhm_pit_create() */
	bool pit = smp_load_acquire(&vm->chip.has_pit);
	void __user *u = (void __user *)arg;
	int r = -ENOTTY;

	VHM_ROW_RAW(KVM_CREATE_IRQCHIP, VHM_LOCKED(vm, r = create_irqchip(vm)));
	VHM_ROW(KVM_GET_IRQCHIP, struct kvm_irqchip,
		NEED(chip && !chip->split, r = vhm_irqchip_state(chip, a, false)));
	VHM_ROW_IN(KVM_SET_IRQCHIP, struct kvm_irqchip,
		   NEED(chip && !chip->split, r = vhm_irqchip_state(chip, a, true)));
	VHM_ROW(KVM_IRQ_LINE, struct kvm_irq_level, NEED(chip, irq_line(chip, a)));
	VHM_ROW(KVM_IRQ_LINE_STATUS, struct kvm_irq_level, NEED(chip, irq_line(chip, a)));
	VHM_ROW_RAW(KVM_SET_GSI_ROUTING, VHM_LOCKED(vm, r = set_routing(vm, u)));
	VHM_ROW(KVM_IRQFD, struct kvm_irqfd, r = vhm_irqfd(vm, a));
	VHM_ROW(KVM_SIGNAL_MSI, struct kvm_msi,
		r = chip && !a->flags && vhm_irq_msi_valid(chip, a->address_hi) ?
		    vhm_irq_msi(chip, a->address_lo | (u64)a->address_hi << 32, a->data) :
		    -EINVAL);
	VHM_ROW_RAW(KVM_CREATE_PIT,
		    VHM_LOCKED(vm, r = vhm_pit_create(&vm->chip, KVM_PIT_SPEAKER_DUMMY)));
	VHM_ROW(KVM_CREATE_PIT2, struct kvm_pit_config,
		VHM_LOCKED(vm, r = vhm_pit_create(&vm->chip, a->flags)));
	/* the old calls carry the beginning of the state */
	VHM_ROW(KVM_GET_PIT, struct kvm_pit_state2, NEED(pit, vhm_pit_get(chip, a)));
	VHM_ROW_IN(KVM_SET_PIT, struct kvm_pit_state2, NEED(pit, vhm_pit_set(chip, a, false)));
	VHM_ROW(KVM_GET_PIT2, struct kvm_pit_state2, NEED(pit, vhm_pit_get(chip, a)));
	VHM_ROW(KVM_SET_PIT2, struct kvm_pit_state2, NEED(pit, vhm_pit_set(chip, a, true)));
	VHM_ROW_RAW(KVM_REINJECT_CONTROL, NEED(pit, r = reinject(chip, u)));
	return r;
}
