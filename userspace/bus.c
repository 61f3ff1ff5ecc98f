// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port and memory-mapped I/O: which device answers an address.
 *
 * Both spaces are small tables searched in order.  An access that no device
 * claims behaves as on a PC's bus: reads give all ones, writes vanish.  Of an
 * access that runs over the end of a range only the part inside reaches the
 * device.
 */
#include <errno.h>
#include <string.h>

#include "vmm.h"

void bus_init(struct bus *bus)
{
	memset(bus, 0, sizeof(*bus));
	pthread_mutex_init(&bus->lock, NULL);
}

int bus_add(struct bus *bus, enum bus_space space, const struct bus_range *r)
{
	unsigned int i;

	if (!r->len || r->base + r->len < r->base)
		return -EINVAL;
	for (i = 0; i < bus->nr[space]; i++) {
		const struct bus_range *o = &bus->range[space][i];

		if (r->base < o->base + o->len && o->base < r->base + r->len)
			return -EEXIST;
	}
	if (bus->nr[space] == BUS_MAX_RANGES)
		return -ENOSPC;
	bus->range[space][bus->nr[space]++] = *r;
	return 0;
}

void bus_add_ports(struct bus *bus, const char *who, const struct bus_range *r,
		   unsigned int n)
{
	while (n--)
		if (bus_add(bus, BUS_PIO, &r[n]))
			die("%s: port %#llx is taken", who,
			    (unsigned long long)r[n].base);
}

static const struct bus_range *bus_find(const struct bus *bus,
					enum bus_space space, u64 addr)
{
	unsigned int i;

	for (i = 0; i < bus->nr[space]; i++) {
		const struct bus_range *r = &bus->range[space][i];

		if (addr - r->base < r->len)
			return r;
	}
	return NULL;
}

void bus_access(struct bus *bus, enum bus_space space, u64 addr, u8 *data,
		unsigned int len, bool is_write)
{
	const struct bus_range *r = bus_find(bus, space, addr);
	unsigned int i;
	u64 offset;

	if (!is_write)
		memset(data, 0xff, len);
	if (!r)
		return;
	offset = addr - r->base;
	if (len > r->len - offset)
		len = r->len - offset;
	pthread_mutex_lock(&bus->lock);
	if (r->bytes) {
		for (i = 0; i < len; i++)
			r->fn(r->dev, offset + i, data + i, 1, is_write);
	} else {
		r->fn(r->dev, offset, data, len, is_write);
	}
	pthread_mutex_unlock(&bus->lock);
}
