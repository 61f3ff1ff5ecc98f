// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways an interrupt takes: GSI to pin or message, message to LAPIC, port
 * to device.
 *
 * The routing table is immutable: KVM_SET_GSI_ROUTING builds a new one and
 * swaps it in under RCU. A GSI has either one message or at most one pin per
 * controller.
 */
#include "internal.h"

#define ROUTE_MSI	BIT(KVM_NR_IRQCHIPS)	/* in route.ways: not a controller */

struct route {
	u8 ways;		/* bit per KVM_IRQCHIP_*, or ROUTE_MSI alone */
	u8 pin[KVM_NR_IRQCHIPS];	/* PIC: 0..15, both chips */
	u32 addr, addr_hi, data;	/* of a message */
};

struct vhm_routing {
	struct rcu_head rcu;
	u32 n_gsi;
	u32 pit_pins[2];	/* as in struct vhm_irqchip */
	struct route gsi[];
};

/* ---- message to LAPIC ----------------------------------------------------------- */

static bool match_physical(const struct vhm_lapic *l, u32 dest)
{
	u32 id = lapic_reg(l, LAPIC_ID);

	return (lapic_x2apic(l) ? id : id >> 24) == dest;
}

/* SDM, "Logical Destination Mode", "Logical Destination Mode in x2APIC Mode". */
static bool match_logical(const struct vhm_lapic *l, u32 dest)
{
	u32 ldr = lapic_reg(l, LAPIC_LDR);

	if (lapic_x2apic(l))
		return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
	ldr >>= 24;
	if (lapic_reg(l, LAPIC_DFR) >> 28 == 0xf)
		return ldr & dest;		/* flat */
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);	/* cluster */
}

static bool match(const struct vhm_lapic *l, const struct vhm_lapic *src, u32 icr, u32 dest)
{
	if (icr & ICR_SHORTHAND)
		return (icr & ICR_SHORTHAND) == SH_ALL || l != src;
	/* that 8 bits all set are everyone is the xAPIC's rule */
	if (dest == VHM_DEST_ALL || (dest == 0xff && !lapic_x2apic(l)))
		return true;
	return icr & ICR_LOGICAL ? match_logical(l, dest) : match_physical(l, dest);
}

/* Lowest priority goes to the least urgent CPU; among equals, to the least used. */
static bool better(const struct vhm_lapic *a, const struct vhm_lapic *b)
{
	u32 pa = lapic_reg(a, LAPIC_PPR) >> 4, pb = lapic_reg(b, LAPIC_PPR) >> 4;

	return pa != pb ? pa < pb : (s32)(READ_ONCE(a->arb) - READ_ONCE(b->arb)) < 0;
}

int vhm_irq_send(struct vhm_irqchip *chip, struct vhm_lapic *src, u32 icr, u32 dest)
{
	u32 i, n = smp_load_acquire(&chip->n_lapics);	/* places below are published */
	struct vhm_lapic *l, *best = NULL;
	int ret = 0;

	if ((icr & ICR_SHORTHAND) == SH_SELF)
		return vhm_lapic_accept(src, src, icr);
	/* Nearly always the id is the place: try that one first and alone. */
	if (!(icr & (ICR_SHORTHAND | ICR_LOGICAL)) && dest < n) {
		l = READ_ONCE(chip->lapics[array_index_nospec(dest, n)]);
		if (l && lapic_hw_enabled(l) && match_physical(l, dest))
			return vhm_lapic_accept(l, src, icr);
	}
	for (i = 0; i < n; i++) {
		l = READ_ONCE(chip->lapics[i]);
		if (!l || !lapic_hw_enabled(l) || !match(l, src, icr, dest))
			continue;
		if ((icr & ICR_MODE) != VHM_DM_LOWEST)
			ret += vhm_lapic_accept(l, src, icr);
		else if (lapic_sw_enabled(l) && (!best || better(l, best)))
			best = l;
	}
	if (!best)
		return ret;
	WRITE_ONCE(best->arb, best->arb + 1);
	return vhm_lapic_accept(best, src, icr);
}

/* SDM, "Message Signalled Interrupts": address and data register formats. */
int vhm_irq_msi(struct vhm_irqchip *chip, u64 addr, u32 data)
{
	u32 icr = (data & 0x87ff) | (addr & 4 ? ICR_LOGICAL : 0) | ICR_ASSERT;
	u32 dest = addr >> 12 & 0xff;

	if (READ_ONCE(chip->ids32))
		dest |= addr >> 32 & 0xffffff00;
	if (!READ_ONCE(chip->dest_exact) && dest == 0xff)
		dest = VHM_DEST_ALL;
	if (addr & 8 && (icr & ICR_MODE) == VHM_DM_FIXED)	/* redirection hint */
		icr |= VHM_DM_LOWEST;
	return vhm_irq_send(chip, NULL, icr, dest);
}

/* ---- GSI to pin or message ------------------------------------------------------ */

int vhm_irq_line(struct vhm_irqchip *chip, enum vhm_irq_source source, u32 gsi, bool level)
{
	const struct vhm_routing *rt;
	const struct route *route;
	int ret = -1, r;
	u32 ways, way;

	rcu_read_lock();
	rt = rcu_dereference(chip->routing);
	route = gsi < rt->n_gsi ? &rt->gsi[array_index_nospec(gsi, rt->n_gsi)] : NULL;
	for (ways = route ? route->ways : 0; ways; ways &= ways - 1) {
		way = __ffs(ways);
		if (way == KVM_NR_IRQCHIPS)
			r = level ? vhm_irq_msi(chip, route->addr | (u64)route->addr_hi << 32,
						route->data) : -1;
		else if (way == KVM_IRQCHIP_IOAPIC)
			r = vhm_ioapic_line(chip, route->pin[way], source, level);
		else
			r = vhm_pic_line(chip, route->pin[way], source, level);
		if (r >= 0)
			ret = ret < 0 ? r : ret + r;
	}
	rcu_read_unlock();
	return ret;
}

u32 vhm_irq_pins(struct vhm_irqchip *chip, u32 gsi, bool ioapic)
{
	const struct vhm_routing *rt;
	const struct route *route;
	u32 pins = 0, way;

	rcu_read_lock();
	rt = rcu_dereference(chip->routing);
	route = gsi < rt->n_gsi ? &rt->gsi[array_index_nospec(gsi, rt->n_gsi)] : NULL;
	for (way = 0; route && way < KVM_NR_IRQCHIPS; way++)
		if (route->ways & BIT(way) && (way == KVM_IRQCHIP_IOAPIC) == ioapic)
			pins |= BIT(route->pin[way]);
	rcu_read_unlock();
	return pins;
}

/* ---- building a table ----------------------------------------------------------- */

/* One entry of the user's, its GSI checked. 0, -EINVAL. */
static int add_entry(struct vhm_irqchip *vm_chip, struct vhm_routing *rt,
		     const struct kvm_irq_routing_entry *e)
{
	static const u8 n_pins[KVM_NR_IRQCHIPS] = { 8, 8, KVM_IOAPIC_NUM_PINS };
	u32 chip = e->u.irqchip.irqchip;
	struct route *r = &rt->gsi[e->gsi];

	if (e->type == KVM_IRQ_ROUTING_MSI && !(e->flags & ~KVM_MSI_VALID_DEVID) && !r->ways &&
	    vhm_irq_msi_valid(vm_chip, e->u.msi.address_hi)) {
		*r = (struct route) { ROUTE_MSI, {}, e->u.msi.address_lo, e->u.msi.address_hi,
				      e->u.msi.data };
		return 0;
	}
	if (e->type != KVM_IRQ_ROUTING_IRQCHIP || e->flags || chip >= KVM_NR_IRQCHIPS ||
	    vm_chip->split)
		return -EINVAL;
	chip = array_index_nospec(chip, KVM_NR_IRQCHIPS);
	if (e->u.irqchip.pin >= n_pins[chip] || r->ways & (BIT(chip) | ROUTE_MSI))
		return -EINVAL;
	r->ways |= BIT(chip);
	r->pin[chip] = e->u.irqchip.pin + (chip == KVM_IRQCHIP_PIC_SLAVE ? 8 : 0);
	if (!e->gsi)
		rt->pit_pins[chip == KVM_IRQCHIP_IOAPIC] |= BIT(r->pin[chip]);
	return 0;
}

/* Of a split chip: the vectors that level-triggered pins of the IOAPIC outside send. */
static void update_split_vectors(struct vhm_irqchip *chip, const struct vhm_routing *rt)
{
	u32 i, n = min_t(u32, chip->n_pins, rt->n_gsi);
	DECLARE_BITMAP(map, 256) = { 0 };

	for (i = 0; i < n; i++)
		if (rt->gsi[i].data & ICR_LEVEL)
			__set_bit(rt->gsi[i].data & 0xff, map);
	for (i = 0; i < ARRAY_SIZE(map); i++)
		WRITE_ONCE(chip->ioapic.eoi_vectors[i], map[i]);
}

int vhm_irq_set_routing(struct vhm_irqchip *chip, const struct kvm_irq_routing_entry *e, u32 n)
{
	struct vhm_routing *rt, *old = rcu_dereference_protected(chip->routing, true);
	u32 i, n_gsi = 0;

	for (i = 0; i < n; i++) {
		if (e[i].gsi >= VHM_IRQ_MAX_GSI)
			return -EINVAL;
		n_gsi = max_t(u32, n_gsi, e[i].gsi + 1);
	}
	rt = kvzalloc(struct_size(rt, gsi, n_gsi), GFP_KERNEL_ACCOUNT);
	if (!rt)
		return -ENOMEM;
	rt->n_gsi = n_gsi;
	for (i = 0; i < n; i++) {
		if (add_entry(chip, rt, &e[i])) {
			kvfree(rt);
			return -EINVAL;
		}
	}
	if (chip->split)
		update_split_vectors(chip, rt);
	rcu_assign_pointer(chip->routing, rt);
	WRITE_ONCE(chip->pit_pins[0], rt->pit_pins[0]);
	WRITE_ONCE(chip->pit_pins[1], rt->pit_pins[1]);
	kvfree_rcu(old, rcu);
	return 0;
}

/* ---- the chip as a whole -------------------------------------------------------- */

int vhm_irqchip_init_split(struct vhm_irqchip *chip, const struct vhm_irq_ops *ops, u32 n_pins)
{
	int r = vhm_irq_set_routing(chip, NULL, 0);

	if (r)
		return r;
	chip->ops = ops;
	chip->split = true;
	chip->n_pins = n_pins;
	return 0;
}

int vhm_irqchip_init(struct vhm_irqchip *chip, const struct vhm_irq_ops *ops)
{
	struct vhm_routing *rt;
	u8 i;

	rt = kvzalloc(struct_size(rt, gsi, KVM_IOAPIC_NUM_PINS), GFP_KERNEL_ACCOUNT);
	if (!rt)
		return -ENOMEM;
	rt->n_gsi = KVM_IOAPIC_NUM_PINS;
	for (i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
		/* Eight to the master, eight to the slave; the IOAPIC has them all. */
		rt->gsi[i].ways = BIT(i / 8) | BIT(KVM_IRQCHIP_IOAPIC);
		memset(rt->gsi[i].pin, i, sizeof(rt->gsi[i].pin));
		chip->ioapic.s.redirtbl[i].fields.mask = 1;
	}
	chip->pit_pins[0] = chip->pit_pins[1] = BIT(0);
	RCU_INIT_POINTER(chip->routing, rt);
	chip->ops = ops;
	raw_spin_lock_init(&chip->pic.lock);
	raw_spin_lock_init(&chip->ioapic.lock);
	chip->pic.pics[0].elcr_mask = 0xf8;
	chip->pic.pics[1].elcr_mask = 0xde;
	chip->ioapic.s.base_address = VHM_IOAPIC_BASE;
	return 0;
}

void vhm_irqchip_destroy(struct vhm_irqchip *chip)
{
	kvfree(rcu_dereference_protected(chip->routing, true));
}

bool vhm_irqchip_pio(struct vhm_irqchip *chip, u16 port, u32 size, bool in, u32 *val)
{
	if ((port & ~0x81) == 0x20 || (port & ~1) == 0x4d0) {
		if (size == 1)
			vhm_pic_pio(chip, port, in, val);
		else if (in)
			*val = 0;
		return true;
	}
	/* What creation published is seen: pairs with vhm_pit_create(). */
	if (((port & ~3) != 0x40 && port != 0x61) || !smp_load_acquire(&chip->has_pit) ||
	    (port == 0x61 && !chip->pit.speaker))
		return false;
	vhm_pit_pio(chip, port, in, val);
	return true;
}

int vhm_irqchip_state(struct vhm_irqchip *chip, struct kvm_irqchip *s, bool set)
{
	if (s->chip_id > KVM_IRQCHIP_IOAPIC)
		return -EINVAL;
	if (s->chip_id == KVM_IRQCHIP_IOAPIC)
		vhm_ioapic_state(chip, &s->chip.ioapic, set);
	else
		vhm_pic_state(chip, s->chip_id, &s->chip.pic, set);
	return 0;
}
