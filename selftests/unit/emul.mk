# SPDX-License-Identifier: GPL-2.0-only
# The instruction decoder and executor: kmod/emul.

OUT ?= out
EMUL_SRCS := $(addprefix ../../kmod/emul/,decode.c decode_tab.c exec.c exec_string.c \
	exec_opcode.c)

UNIT_TESTS += emul_exec emul_opcode emul_native emul_len
EMUL_CFLAGS := -I.
emul_exec_SRCS := emul_exec.c emul_mach.c $(EMUL_SRCS) $(KTAP)
emul_opcode_SRCS := emul_opcode.c emul_mach.c $(EMUL_SRCS) $(KTAP)
emul_native_SRCS := emul_native.c emul_native.S emul_mach.c $(EMUL_SRCS)
emul_len_SRCS := emul_len.c $(EMUL_SRCS)
emul_exec_CFLAGS := $(EMUL_CFLAGS)
emul_opcode_CFLAGS := $(EMUL_CFLAGS)
emul_native_CFLAGS := $(EMUL_CFLAGS)
emul_len_CFLAGS := $(EMUL_CFLAGS)

# Programs for emul_len: a kernel, and what has vector instructions.
EMUL_VMLINUZ ?= $(lastword $(sort $(wildcard /boot/vmlinuz-*)))
EMUL_VMLINUX := $(if $(EMUL_VMLINUZ),$(OUT)/emul_vmlinux)
emul_len_DEPS := $(EMUL_VMLINUX)
emul_len_ARGS := $(EMUL_VMLINUX) $(wildcard /usr/bin/qemu-system-x86_64 \
	/usr/lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/libcrypto.so.3)

$(OUT)/emul_vmlinux: emul_vmlinux.sh $(EMUL_VMLINUZ)
	@mkdir -p $(@D)
	./emul_vmlinux.sh $(EMUL_VMLINUZ) $@

FUZZ_TARGETS += fuzz_emul
fuzz_emul_SRCS := fuzz_emul.c emul_mach.c $(EMUL_SRCS)
fuzz_emul_CFLAGS := $(EMUL_CFLAGS)
fuzz_emul_RUN := -max_len=56
