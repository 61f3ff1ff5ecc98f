# SPDX-License-Identifier: GPL-2.0-only
# Guest memory: the pure files of kmod/mmu, over a thin stand-in for the kernel.

MMU_STUBS := atomic bitops bits gfp list mm mmu_notifier spinlock uaccess
$(OUT)/mmu_shim/linux/.made: mmu.mk
	@mkdir -p $(@D)
	for h in $(MMU_STUBS); do echo '#include "shim.h"' >$(@D)/$$h.h || exit 1; done
	touch $@

MMU_DEPS := $(OUT)/mmu_shim/linux/.made $(wildcard mmu_shim/*.h ../../kmod/mmu/*.h)
MMU_CFLAGS := -iquote mmu_shim -I$(OUT)/mmu_shim -pthread

UNIT_TESTS += mmu_walk mmu_table mmu_slots
mmu_walk_SRCS := mmu_walk.c ../../kmod/mmu/walk.c $(KTAP)
mmu_table_SRCS := mmu_table.c ../../kmod/mmu/table.c ../../kmod/mmu/npt.c $(KTAP)
mmu_slots_SRCS := mmu_slots.c $(KTAP)
$(foreach t,mmu_walk mmu_table mmu_slots,$(eval $(t)_CFLAGS := $$(MMU_CFLAGS))\
	$(eval $(t)_DEPS := $$(MMU_DEPS)))
