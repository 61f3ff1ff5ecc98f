// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports to devices, and what KVM_SET_GSI_ROUTING may put into the table:
 *  - for all 65536 ports and sizes 1, 2, 4: the PICs and the PIT get exactly their
 *    own, the PICs bytes only; of any other port the value is left alone;
 *  - an entry that is accepted names pins that its controller has, for any content
 *    of the entry and of the routes so far;
 *  - a line number is looked up in the table only below its length.
 * Bounds: one access, one entry; tables of up to 3 lines.
 *
 * CBMC: --function of_port --unwind 4
 * CBMC: --function of_entry --unwind 4
 * CBMC: --function of_line --unwind 5
 * MUTANT: irq/route.c s/(port & ~1) == 0x4d0/(port \& ~3) == 0x4d0/
 * MUTANT: irq/route.c s/(port & ~3) != 0x40/(port \& ~7) != 0x40/
 * MUTANT: irq/route.c s/if (size == 1)/if (size)/
 * MUTANT: irq/route.c s/e->u.irqchip.pin >= n_pins\[chip\] || //
 * MUTANT: irq/route.c s/ || chip >= KVM_NR_IRQCHIPS//
 * MUTANT: irq/route.c s/gsi < rt->n_gsi ?/gsi <= rt->n_gsi ?/
 */
#include "shim.h"
/* what Spectre is denied must not be what keeps an index in bounds */
#undef array_index_nospec
#define array_index_nospec(i, n) (assert((i) < (n)), (i))
#include "kmod/irq/route.c"

static struct vhm_irqchip chip;
static int pic_calls, pit_calls;
static u32 asked_size;

void vhm_pic_pio(struct vhm_irqchip *c, u16 port, bool in, u32 *val)
{
	pic_calls++;
	assert(asked_size == 1);
	assert(port == 0x20 || port == 0x21 || port == 0xa0 || port == 0xa1 ||
	       port == 0x4d0 || port == 0x4d1);
}

void vhm_pit_pio(struct vhm_irqchip *c, u16 port, bool in, u32 *val)
{
	pit_calls++;
	assert((port >= 0x40 && port <= 0x43) || port == 0x61);
}

bool vhm_lapic_accept(struct vhm_lapic *l, const struct vhm_lapic *src, u32 icr)
{
	return nondet_u8() & 1;
}

int vhm_ioapic_line(struct vhm_irqchip *c, u32 pin, enum vhm_irq_source source, bool level)
{
	assert(pin < KVM_IOAPIC_NUM_PINS);
	return (int)(nondet_u32() % 300) - 1;
}

int vhm_pic_line(struct vhm_irqchip *c, u32 pin, enum vhm_irq_source source, bool level)
{
	assert(pin < 16);
	return (int)(nondet_u32() % 300) - 1;
}

void vhm_ioapic_state(struct vhm_irqchip *c, struct kvm_ioapic_state *s, bool set)
{
}

void vhm_pic_state(struct vhm_irqchip *c, u32 which, struct kvm_pic_state *s, bool set)
{
}

void of_port(void)
{
	u32 val = nondet_u32(), before = val;
	u16 port = nondet_u32();
	bool pic, pit;

	asked_size = 1 << nondet_u32() % 3;
	chip.has_pit = nondet_u8() & 1;
	chip.pit.speaker = nondet_u8() & 1;
	pic = port == 0x20 || port == 0x21 || port == 0xa0 || port == 0xa1 ||
	      port == 0x4d0 || port == 0x4d1;
	pit = chip.has_pit && ((port >= 0x40 && port <= 0x43) ||
			       (port == 0x61 && chip.pit.speaker));
	if (vhm_irqchip_pio(&chip, port, asked_size, nondet_u8() & 1, &val))
		assert(pic || pit);
	else
		assert(!pic && !pit && val == before);
	assert(pic_calls == (pic && asked_size == 1) && pit_calls == pit);
}

static struct { struct vhm_routing head; struct route gsi[3]; } table;

static bool pins_exist(const struct route *r)
{
	return (!(r->ways & 1) || r->pin[0] < 16) && (!(r->ways & 2) || r->pin[1] < 16) &&
	       (!(r->ways & 4) || r->pin[2] < KVM_IOAPIC_NUM_PINS) &&
	       r->ways <= ROUTE_MSI && !((r->ways & ROUTE_MSI) && r->ways != ROUTE_MSI);
}

void of_entry(void)
{
	struct kvm_irq_routing_entry e;		/* anything */
	struct route *r;

	__CPROVER_havoc_object(&table);
	chip.split = nondet_u8() & 1;
	chip.ids32 = nondet_u8() & 1;
	__CPROVER_assume(e.gsi < 3);		/* vhm_irq_set_routing() sized the table by it */
	r = &table.head.gsi[e.gsi];
	__CPROVER_assume(pins_exist(r));
	if (!add_entry(&chip, &table.head, &e))
		assert(pins_exist(r));
}

void of_line(void)
{
	u32 gsi = nondet_u32(), i;

	__CPROVER_havoc_object(&table);
	__CPROVER_assume(table.head.n_gsi <= 3);
	for (i = 0; i < 3; i++)
		__CPROVER_assume(pins_exist(&table.gsi[i]));
	chip.routing = &table.head;
	vhm_irq_line(&chip, nondet_u32() % 3, gsi, nondet_u8() & 1);
	vhm_irq_pins(&chip, gsi, nondet_u8() & 1);
}
