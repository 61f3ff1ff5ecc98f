# SPDX-License-Identifier: GPL-2.0-only
# The VMM: userspace/.  acpica-tools makes vmm_acpi.sh more than a skip.

VMM := ../../userspace
VMM_DEVS := $(addprefix $(VMM)/,bus.c mem.c dev_rtc.c dev_i8042.c dev_pci.c msix.c dev_power.c)
VMM_BOOT := $(addprefix $(VMM)/,mem.c bus.c boot.c boot_bzimage.c boot_pvh.c acpi.c aml.c)
VMM_VIRTIO := $(addprefix $(VMM)/,virtq.c virtq_split.c virtq_packed.c virtio.c \
	virtio_pci.c virtio_blk.c virtio_rng.c virtio_state.c)
VMM_HEADERS := $(wildcard $(VMM)/*.h) vmm_board.c

UNIT_TESTS += vmm_serial vmm_bus vmm_boot vmm_dump_acpi
UNIT_SCRIPTS += vmm_acpi.sh
vmm_serial_SRCS := vmm_serial.c vmm_board.c $(VMM)/dev_serial.c $(VMM)/bus.c $(VMM)/mem.c $(KTAP)
vmm_bus_SRCS := vmm_bus.c vmm_board.c $(VMM_DEVS) $(KTAP)
vmm_boot_SRCS := vmm_boot.c vmm_board.c $(VMM_BOOT) $(KTAP)
vmm_dump_acpi_SRCS := vmm_dump_acpi.c vmm_board.c $(VMM_BOOT)
vmm_dump_acpi_ARGS := $(OUT)

UNIT_TESTS += vmm_virtq
vmm_virtq_SRCS := vmm_virtq.c vmm_board.c $(VMM)/mem.c $(VMM)/bus.c \
	$(addprefix $(VMM)/,virtq.c virtq_split.c virtq_packed.c) $(KTAP)

FUZZ_TARGETS += fuzz_virtio
fuzz_virtio_SRCS := fuzz_virtio.c vmm_board.c $(VMM_DEVS) $(VMM_VIRTIO)
fuzz_virtio_RUN := -max_len=4096

FUZZ_TARGETS += fuzz_vmm
fuzz_vmm_SRCS := fuzz_vmm.c vmm_board.c $(VMM_DEVS) $(VMM)/dev_serial.c \
	$(addprefix $(VMM)/,boot_bzimage.c boot_pvh.c boot.c acpi.c aml.c)
fuzz_vmm_RUN := -max_len=2048

$(foreach t,vmm_serial vmm_bus vmm_boot vmm_dump_acpi vmm_virtq fuzz_vmm fuzz_virtio,\
	$(eval $(t)_CFLAGS := -pthread)$(eval $(t)_DEPS := $(VMM_HEADERS)))
