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
	u32 addr, data;		/* of a message */
};

struct vhm_routing {
	struct rcu_head rcu;
	u32 n_gsi;
	u32 pit_pins[2];	/* that GSI 0 drives: of the PICs, of the IOAPIC */
	struct route gsi[];
};

/* ---- message to LAPIC --------------------------------------------------------------------- */

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
	if (dest == VHM_DEST_ALL)
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
	u32 i, n = vhm_n_lapics(chip);
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
		if ((icr & ICR_MODE) != DM_LOWEST)
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
	u32 icr = (data & (ICR_LEVEL | ICR_MODE | 0xff)) | (addr & 4 ? ICR_LOGICAL : 0) | ICR_ASSERT;

	if (addr & 8 && (icr & ICR_MODE) == DM_FIXED)	/* redirection hint */
		icr |= DM_LOWEST;
	return vhm_irq_send(chip, NULL, icr, vhm_dest8(addr >> 12));
}

/* ---- GSI to pin or message ------------------------------------------------------------------- */

static int set_route(struct vhm_irqchip *chip, const struct route *r, u32 way,
		     enum vhm_irq_source source, bool level)
{
	if (way == KVM_NR_IRQCHIPS)
		return level ? vhm_irq_msi(chip, r->addr, r->data) : -1;
	if (way == KVM_IRQCHIP_IOAPIC)
		return vhm_ioapic_line(chip, r->pin[way], source, level);
	return vhm_pic_line(chip, r->pin[way], source, level);
}

int vhm_irq_line(struct vhm_irqchip *chip, enum vhm_irq_source source, u32 gsi, bool level)
{
	const struct vhm_routing *rt;
	int ret = -1, r;
	u32 ways;

	rcu_read_lock();
	rt = rcu_dereference(chip->routing);
	if (gsi < rt->n_gsi) {
		const struct route *route = &rt->gsi[array_index_nospec(gsi, rt->n_gsi)];

		for (ways = route->ways; ways; ways &= ways - 1) {
			r = set_route(chip, route, __ffs(ways), source, level);
			if (r >= 0)
				ret = ret < 0 ? r : ret + r;
		}
	}
	rcu_read_unlock();
	return ret;
}

bool vhm_irq_of_pit(struct vhm_irqchip *chip, bool ioapic, u32 pins)
{
	bool yes;

	rcu_read_lock();
	yes = rcu_dereference(chip->routing)->pit_pins[ioapic] & pins;
	rcu_read_unlock();
	return yes;
}

/* ---- building a table -------------------------------------------------------------------------- */

static struct vhm_routing *alloc_table(u32 n_gsi)
{
	struct vhm_routing *rt;

	rt = kvzalloc(struct_size(rt, gsi, n_gsi), GFP_KERNEL_ACCOUNT);
	if (rt)
		rt->n_gsi = n_gsi;
	return rt;
}

/* One entry of the user's, its GSI checked. 0, -EINVAL. */
static int add_entry(struct vhm_routing *rt, const struct kvm_irq_routing_entry *e)
{
	static const u8 n_pins[KVM_NR_IRQCHIPS] = { 8, 8, KVM_IOAPIC_NUM_PINS };
	u32 chip = e->u.irqchip.irqchip;
	struct route *r = &rt->gsi[e->gsi];

	if (e->type == KVM_IRQ_ROUTING_MSI && !(e->flags & ~KVM_MSI_VALID_DEVID) && !r->ways) {
		*r = (struct route) { ROUTE_MSI, {}, e->u.msi.address_lo, e->u.msi.data };
		return 0;
	}
	if (e->type != KVM_IRQ_ROUTING_IRQCHIP || e->flags || chip >= KVM_NR_IRQCHIPS)
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

int vhm_irq_set_routing(struct vhm_irqchip *chip, const struct kvm_irq_routing_entry *e, u32 n)
{
	struct vhm_routing *rt, *old = rcu_dereference_protected(chip->routing, true);
	u32 i, n_gsi = 0;

	if (n > VHM_IRQ_MAX_GSI)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		if (e[i].gsi >= VHM_IRQ_MAX_GSI)
			return -EINVAL;
		n_gsi = max_t(u32, n_gsi, e[i].gsi + 1);
	}
	rt = alloc_table(n_gsi);
	if (!rt)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (add_entry(rt, &e[i])) {
			kvfree(rt);
			return -EINVAL;
		}
	}
	rcu_assign_pointer(chip->routing, rt);
	kvfree_rcu(old, rcu);
	return 0;
}

/* ---- the chip as a whole --------------------------------------------------------------------------- */

int vhm_irqchip_init(struct vhm_irqchip *chip, const struct vhm_irq_ops *ops)
{
	struct vhm_routing *rt = alloc_table(KVM_IOAPIC_NUM_PINS);
	u8 i;

	if (!rt)
		return -ENOMEM;
	for (i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
		u8 pic = i < 16 ? BIT(i < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE) : 0;

		rt->gsi[i] = (struct route) { BIT(KVM_IRQCHIP_IOAPIC) | pic, { i, i, i }, 0, 0 };
	}
	rt->pit_pins[0] = rt->pit_pins[1] = BIT(0);
	RCU_INIT_POINTER(chip->routing, rt);
	chip->ops = ops;
	vhm_pic_init(chip);
	vhm_ioapic_init(chip);
	return 0;
}

void vhm_irqchip_destroy(struct vhm_irqchip *chip)
{
	if (chip->has_pit)
		chip->ops->timer_cancel(chip->pit.timer);
	kvfree(rcu_dereference_protected(chip->routing, true));
}

static bool is_pic(u16 port)
{
	return (port & ~0x81) == 0x20 || (port & ~1) == 0x4d0;
}

static bool is_pit(struct vhm_irqchip *chip, u16 port)
{
	/* What creation published is seen: pairs with vhm_pit_create(). */
	return ((port & ~3) == 0x40 || port == 0x61) && smp_load_acquire(&chip->has_pit) &&
	       (port != 0x61 || chip->pit.speaker);
}

bool vhm_irq_pio_read(struct vhm_irqchip *chip, u16 port, u32 size, u32 *val)
{
	if (is_pic(port))	/* byte-wide: others read 0 and change nothing */
		*val = size == 1 ? vhm_pic_read(chip, port) : 0;
	else if (is_pit(chip, port))	/* wider accesses are its byte, zero-extended */
		*val = vhm_pit_read(chip, port);
	else
		return false;
	return true;
}

bool vhm_irq_pio_write(struct vhm_irqchip *chip, u16 port, u32 size, u32 val)
{
	if (is_pit(chip, port))
		vhm_pit_write(chip, port, val);
	else if (!is_pic(port))
		return false;
	else if (size == 1)
		vhm_pic_write(chip, port, val);
	return true;
}
