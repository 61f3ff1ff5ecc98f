# SPDX-License-Identifier: GPL-2.0-only
# The interrupt controllers: kmod/irq.

IRQ_SRCS := $(addprefix ../../kmod/irq/,lapic.c ioapic.c pic.c pit.c route.c)
IRQ_TESTS := irq_lapic irq_timer irq_ipi irq_ioapic irq_pic irq_pit irq_route

UNIT_TESTS += $(IRQ_TESTS)
$(foreach t,$(IRQ_TESTS),$(eval $(t)_SRCS := $(t).c irq_board.c $(IRQ_SRCS) $(KTAP)) \
	$(eval $(t)_CFLAGS := -I.))

FUZZ_TARGETS += fuzz_irq fuzz_split
fuzz_irq_SRCS := fuzz_irq.c irq_board.c $(IRQ_SRCS)
fuzz_irq_CFLAGS := -I.
fuzz_irq_RUN := -max_len=512

# the same steps on a split chip
fuzz_split_SRCS := $(fuzz_irq_SRCS)
fuzz_split_CFLAGS := -I. -DSPLIT=1
fuzz_split_RUN := -max_len=512
