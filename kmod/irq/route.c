// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways an interrupt takes: GSI to pin or message, message to LAPIC, port
 * to device.
 *
 * The routing table is immutable: KVM_SET_GSI_ROUTING builds a new one and
 * swaps it in under RCU. Routes of one GSI lie together; first[gsi] says where
 * they begin. A GSI has either one message or at most one pin per controller.
 */
#include "internal.h"

#define CHIP_MSI	KVM_NR_IRQCHIPS	/* in route.chip: not a controller */

struct route {
	u8 chip;		/* KVM_IRQCHIP_* or CHIP_MSI */
	u8 pin;			/* PIC: 0..15, both chips */
	u32 addr, data;		/* of a message */
};

struct vhm_routing {
	struct rcu_head rcu;
	u32 n_gsi;
	s16 pic_gsi[16], ioapic_gsi[KVM_IOAPIC_NUM_PINS];	/* -1 none */
	u16 *first;		/* n_gsi + 1 of them, behind the routes */
	struct route routes[];
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

static bool match(const struct vhm_lapic *l, const struct vhm_lapic *src,
		  const struct vhm_irq_msg *m)
{
	switch (m->shorthand) {
	case VHM_SH_SELF:
		return l == src;
	case VHM_SH_ALL:
		return true;
	case VHM_SH_OTHERS:
		return l != src;
	}
	if (m->dest == VHM_DEST_ALL)
		return true;
	return m->logical ? match_logical(l, m->dest) : match_physical(l, m->dest);
}

/* Lowest priority goes to the least urgent CPU; among equals, to the least used. */
static bool better(const struct vhm_lapic *a, const struct vhm_lapic *b)
{
	u32 pa = lapic_reg(a, LAPIC_PPR) >> 4, pb = lapic_reg(b, LAPIC_PPR) >> 4;

	return pa != pb ? pa < pb : (s32)(READ_ONCE(a->arb) - READ_ONCE(b->arb)) < 0;
}

int vhm_irq_send(struct vhm_irqchip *chip, struct vhm_lapic *src,
		 const struct vhm_irq_msg *m)
{
	u32 i = 0, n = vhm_n_lapics(chip);
	struct vhm_lapic *l, *best = NULL;
	int ret = 0;

	if (m->shorthand == VHM_SH_SELF && src)
		return vhm_lapic_accept(src, src, m);
	/* Nearly always the id is the place: try that one first and alone. */
	if (!m->shorthand && !m->logical && m->dest < n) {
		l = READ_ONCE(chip->lapics[array_index_nospec(m->dest, n)]);
		if (l && lapic_hw_enabled(l) && match_physical(l, m->dest))
			return vhm_lapic_accept(l, src, m);
	}
	for (; i < n; i++) {
		l = READ_ONCE(chip->lapics[i]);
		if (!l || !lapic_hw_enabled(l) || !match(l, src, m))
			continue;
		if (m->mode != VHM_DM_LOWEST)
			ret += vhm_lapic_accept(l, src, m);
		else if (lapic_sw_enabled(l) && (!best || better(l, best)))
			best = l;
	}
	if (best) {
		WRITE_ONCE(best->arb, best->arb + 1);
		ret = vhm_lapic_accept(best, src, m);
	}
	return ret;
}

/* SDM, "Message Signalled Interrupts": address and data register formats. */
int vhm_irq_msi(struct vhm_irqchip *chip, u64 addr, u32 data)
{
	struct vhm_irq_msg m = {
		.dest = vhm_dest8(addr >> 12),
		.vector = data & 0xff,
		.mode = data >> 8 & 7,
		.logical = addr & 4,
		.level = data & 0x8000,
		.assert = true,
	};

	if (addr & 8 && m.mode == VHM_DM_FIXED)	/* redirection hint */
		m.mode = VHM_DM_LOWEST;
	return vhm_irq_send(chip, NULL, &m);
}

/* ---- GSI to pin or message ------------------------------------------------------------------- */

static int set_route(struct vhm_irqchip *chip, const struct route *r,
		     enum vhm_irq_source source, bool level)
{
	switch (r->chip) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		return vhm_pic_line(chip, r->pin, source, level);
	case KVM_IRQCHIP_IOAPIC:
		return vhm_ioapic_line(chip, r->pin, source, level);
	default:
		return level ? vhm_irq_msi(chip, r->addr, r->data) : -1;
	}
}

int vhm_irq_line(struct vhm_irqchip *chip, enum vhm_irq_source source, u32 gsi, bool level)
{
	const struct vhm_routing *rt;
	int ret = -1, r;
	u32 i;

	rcu_read_lock();
	rt = rcu_dereference(chip->routing);
	if (gsi < rt->n_gsi) {
		gsi = array_index_nospec(gsi, rt->n_gsi);
		for (i = rt->first[gsi]; i < rt->first[gsi + 1]; i++) {
			r = set_route(chip, &rt->routes[i], source, level);
			if (r >= 0)
				ret = ret < 0 ? r : ret + r;
		}
	}
	rcu_read_unlock();
	return ret;
}

static int pin_gsi(struct vhm_irqchip *chip, u32 irqchip, u32 pin)
{
	const struct vhm_routing *rt;
	int gsi;

	rcu_read_lock();
	rt = rcu_dereference(chip->routing);
	gsi = irqchip == KVM_IRQCHIP_IOAPIC ? rt->ioapic_gsi[pin] : rt->pic_gsi[pin];
	rcu_read_unlock();
	return gsi;
}

void vhm_irq_pin_acked(struct vhm_irqchip *chip, u32 irqchip, u32 pin)
{
	int gsi = pin_gsi(chip, irqchip, pin);

	if (gsi < 0)
		return;
	if (gsi == 0 && vhm_has_pit(chip))
		vhm_pit_acked(chip);
	if (test_bit(gsi, chip->watched))
		chip->ops->irq_ack(chip, gsi);
}

void vhm_irq_pin_unmasked(struct vhm_irqchip *chip, u32 irqchip, u32 pin)
{
	if (pin_gsi(chip, irqchip, pin) == 0 && vhm_has_pit(chip))
		vhm_pit_rearm(chip);
}

void vhm_irq_watch_ack(struct vhm_irqchip *chip, u32 gsi, bool on)
{
	if (WARN_ON_ONCE(gsi >= VHM_IRQ_MAX_GSI))
		return;
	if (on)
		set_bit(gsi, chip->watched);
	else
		clear_bit(gsi, chip->watched);
}

/* ---- building a table -------------------------------------------------------------------------- */

/* One entry of the user's, checked. 0, -EINVAL. */
static int parse_entry(struct route *r, const struct kvm_irq_routing_entry *e)
{
	static const u8 pins[KVM_NR_IRQCHIPS] = { 8, 8, KVM_IOAPIC_NUM_PINS };
	u32 chip = e->u.irqchip.irqchip;

	if (e->gsi >= VHM_IRQ_MAX_GSI)
		return -EINVAL;
	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (e->flags || chip >= KVM_NR_IRQCHIPS)
			return -EINVAL;
		chip = array_index_nospec(chip, KVM_NR_IRQCHIPS);
		if (e->u.irqchip.pin >= pins[chip])
			return -EINVAL;
		r->chip = chip;
		r->pin = e->u.irqchip.pin + (chip == KVM_IRQCHIP_PIC_SLAVE ? 8 : 0);
		return 0;
	case KVM_IRQ_ROUTING_MSI:
		if (e->flags & ~KVM_MSI_VALID_DEVID)
			return -EINVAL;
		r->chip = CHIP_MSI;
		r->addr = e->u.msi.address_lo;
		r->data = e->u.msi.data;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Routes of one GSI: a message alone, or pins of different controllers. */
static bool routes_agree(const struct route *r, u32 n)
{
	u32 seen = 0, i;

	for (i = 0; i < n; i++) {
		if (seen & BIT(r[i].chip) || (n > 1 && r[i].chip == CHIP_MSI))
			return false;
		seen |= BIT(r[i].chip);
	}
	return true;
}

static struct vhm_routing *alloc_table(const struct kvm_irq_routing_entry *e, u32 n)
{
	struct vhm_routing *rt;
	u32 n_gsi = 0, i;

	for (i = 0; i < n; i++)
		if (e[i].gsi < VHM_IRQ_MAX_GSI && e[i].gsi >= n_gsi)
			n_gsi = e[i].gsi + 1;
	rt = kvzalloc(sizeof(*rt) + n * sizeof(rt->routes[0]) + (n_gsi + 1) * sizeof(u16),
		      GFP_KERNEL_ACCOUNT);
	if (!rt)
		return NULL;
	rt->n_gsi = n_gsi;
	rt->first = (u16 *)&rt->routes[n];
	memset(rt->pic_gsi, 0xff, sizeof(rt->pic_gsi));
	memset(rt->ioapic_gsi, 0xff, sizeof(rt->ioapic_gsi));
	return rt;
}

/* Sort the entries by GSI into the table: count, add up, place. 0, -EINVAL. */
static int fill_table(struct vhm_routing *rt, const struct kvm_irq_routing_entry *e, u32 n)
{
	struct route r = { 0 };
	u32 i;

	for (i = 0; i < n; i++) {
		if (parse_entry(&r, &e[i]))
			return -EINVAL;
		rt->first[e[i].gsi]++;
		if (r.chip == KVM_IRQCHIP_IOAPIC)
			rt->ioapic_gsi[r.pin] = e[i].gsi;
		else if (r.chip != CHIP_MSI)
			rt->pic_gsi[r.pin] = e[i].gsi;
	}
	for (i = 1; i <= rt->n_gsi; i++)
		rt->first[i] += rt->first[i - 1];
	/* first[g] is where g ends; each entry placed moves it to where g begins. */
	for (i = n; i-- > 0;)
		parse_entry(&rt->routes[--rt->first[e[i].gsi]], &e[i]);
	for (i = 0; i < rt->n_gsi; i++)
		if (!routes_agree(&rt->routes[rt->first[i]], rt->first[i + 1] - rt->first[i]))
			return -EINVAL;
	return 0;
}

int vhm_irq_set_routing(struct vhm_irqchip *chip,
			const struct kvm_irq_routing_entry *e, u32 n)
{
	struct vhm_routing *rt, *old;
	int ret;

	if (n > VHM_IRQ_MAX_GSI)
		return -EINVAL;
	rt = alloc_table(e, n);
	if (!rt)
		return -ENOMEM;
	ret = fill_table(rt, e, n);
	if (ret) {
		kvfree(rt);
		return ret;
	}
	old = rcu_dereference_protected(chip->routing, true);
	rcu_assign_pointer(chip->routing, rt);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

/* ---- the chip as a whole --------------------------------------------------------------------------- */

int vhm_irqchip_init(struct vhm_irqchip *chip, const struct vhm_irq_ops *ops)
{
	const u32 n = 16 + KVM_IOAPIC_NUM_PINS;
	struct kvm_irq_routing_entry *e;
	u32 i;
	int ret;

	chip->ops = ops;
	vhm_pic_init(chip);
	vhm_ioapic_init(chip);
	e = kvcalloc(n, sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		u32 gsi = i < 16 ? i : i - 16;

		e[i].gsi = gsi;
		e[i].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[i].u.irqchip.irqchip = i < 8 ? KVM_IRQCHIP_PIC_MASTER :
					 i < 16 ? KVM_IRQCHIP_PIC_SLAVE : KVM_IRQCHIP_IOAPIC;
		e[i].u.irqchip.pin = i < 16 ? gsi % 8 : gsi;
	}
	ret = vhm_irq_set_routing(chip, e, n);
	kvfree(e);
	return ret;
}

void vhm_irqchip_destroy(struct vhm_irqchip *chip)
{
	vhm_pit_destroy(chip);
	kvfree(rcu_dereference_protected(chip->routing, true));
	RCU_INIT_POINTER(chip->routing, NULL);
}

enum port_owner { PORT_NONE, PORT_PIC, PORT_PIT };

static enum port_owner port_owner(struct vhm_irqchip *chip, u16 port)
{
	switch (port) {
	case 0x20: case 0x21: case 0xa0: case 0xa1: case 0x4d0: case 0x4d1:
		return PORT_PIC;
	case 0x40: case 0x41: case 0x42: case 0x43:
		return vhm_has_pit(chip) ? PORT_PIT : PORT_NONE;
	case 0x61:
		return vhm_has_pit(chip) && chip->pit.speaker ? PORT_PIT : PORT_NONE;
	}
	return PORT_NONE;
}

bool vhm_irq_pio_read(struct vhm_irqchip *chip, u16 port, u32 size, u32 *val)
{
	switch (port_owner(chip, port)) {
	case PORT_PIC:		/* byte-wide: others read 0 and change nothing */
		*val = size == 1 ? vhm_pic_read(chip, port) : 0;
		return true;
	case PORT_PIT:		/* wider accesses are its byte, zero-extended */
		*val = vhm_pit_read(chip, port);
		return true;
	default:
		return false;
	}
}

bool vhm_irq_pio_write(struct vhm_irqchip *chip, u16 port, u32 size, u32 val)
{
	switch (port_owner(chip, port)) {
	case PORT_PIC:
		if (size == 1)
			vhm_pic_write(chip, port, val);
		return true;
	case PORT_PIT:
		vhm_pit_write(chip, port, val);
		return true;
	default:
		return false;
	}
}
