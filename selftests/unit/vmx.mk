# SPDX-License-Identifier: GPL-2.0-only
# VT-x: what decides from a few numbers, over a thin stand-in for the kernel.

VMX_STUBS := linux/bits linux/build_bug linux/moduleparam linux/percpu asm/asm \
	asm/cpufeature asm/desc asm/msr-index asm/processor
$(OUT)/vmx_shim/.made: vmx.mk
	@mkdir -p $(@D)/linux $(@D)/asm
	for h in $(VMX_STUBS); do echo '#include "shim.h"' >$(@D)/$$h.h || exit 1; done
	touch $@

VMX_DEPS := $(OUT)/vmx_shim/.made $(wildcard vmx_shim/*.h ../../kmod/vmx/*.h)
VMX_CFLAGS := -iquote vmx_shim -I$(OUT)/vmx_shim

UNIT_TESTS += vmx_refuse vmx_exits
vmx_refuse_SRCS := vmx_refuse.c ../../kmod/vmx/caps.c $(KTAP)
vmx_exits_SRCS := vmx_exits.c $(KTAP)
vmx_exits_DEPS := $(VMX_DEPS) ../../kmod/vmx/exit.c
vmx_refuse_DEPS := $(VMX_DEPS)
vmx_refuse_CFLAGS := $(VMX_CFLAGS)
vmx_exits_CFLAGS := $(VMX_CFLAGS)
