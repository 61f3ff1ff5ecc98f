# SPDX-License-Identifier: GPL-2.0-only
# The VMM: userspace/.  acpica-tools makes vmm_acpi.sh more than a skip.

VMM := ../../userspace
VMM_DEVS := $(addprefix $(VMM)/,bus.c mem.c dev_rtc.c dev_i8042.c dev_pci.c dev_power.c)
VMM_BOOT := $(addprefix $(VMM)/,mem.c bus.c boot.c boot_bzimage.c boot_pvh.c acpi.c aml.c)
VMM_HEADERS := $(wildcard $(VMM)/*.h) vmm_board.c

UNIT_TESTS += vmm_serial vmm_bus vmm_boot vmm_dump_acpi
UNIT_SCRIPTS += vmm_acpi.sh
vmm_serial_SRCS := vmm_serial.c vmm_board.c $(VMM)/dev_serial.c $(VMM)/bus.c $(VMM)/mem.c $(KTAP)
vmm_bus_SRCS := vmm_bus.c vmm_board.c $(VMM_DEVS) $(KTAP)
vmm_boot_SRCS := vmm_boot.c vmm_board.c $(VMM_BOOT) $(KTAP)
vmm_dump_acpi_SRCS := vmm_dump_acpi.c vmm_board.c $(VMM_BOOT)
vmm_dump_acpi_ARGS := $(OUT)

FUZZ_TARGETS += fuzz_vmm
fuzz_vmm_SRCS := fuzz_vmm.c vmm_board.c $(VMM_DEVS) $(VMM)/dev_serial.c \
	$(addprefix $(VMM)/,boot_bzimage.c boot_pvh.c boot.c acpi.c aml.c)
fuzz_vmm_RUN := -max_len=2048

$(foreach t,vmm_serial vmm_bus vmm_boot vmm_dump_acpi fuzz_vmm,\
	$(eval $(t)_CFLAGS := -pthread)$(eval $(t)_DEPS := $(VMM_HEADERS)))
