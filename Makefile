# SPDX-License-Identifier: GPL-2.0-only
# The entry point for people; Kbuild is the kernel's.  Each target first
# installs what it lacks (Debian packages, as root or through sudo).

# The machine that hv runs on: an emulated one of each vendor, or HOST=local.
VENDOR ?= $(if $(wildcard kmod/vmx),both,amd)
HOSTS := $(or $(HOST),$(patsubst both,amd intel,$(VENDOR)))
DEVICE ?= /dev/hv
DESTDIR ?=
PREFIX ?= /usr

ifeq ($(HOSTS),local)
KVER ?= $(shell tools/kver --running)
else
KVER ?= $(shell tools/kver)
endif
export DEVICE

comma := ,

# A person who types `make demo` wants all processors at work.
J := $(if $(filter 0,$(MAKELEVEL)),-j$(shell nproc))

BUILD_NEEDS := gcc make libc6-dev libseccomp-dev libjson-c-dev zlib1g-dev
ifneq ($(HOSTS),local)
BUILD_NEEDS += kernel
endif
HOST_NEEDS := busybox-static cpio kmod
HOST_NEEDS_amd := qemu-system-x86
HOST_NEEDS_intel := g++ binutils xz-utils debian-archive-keyring
CHECK_NEEDS := acpica-tools sparse perl clang expect socat binutils xz-utils libclang-rt-14-dev
CLIENTS_NEEDS := qemu-system-x86 qemu-utils perl libvirt-daemon-system libvirt-clients
CLIENTS_NEEDS += grub-common grub-pc-bin grub-efi-amd64-bin dosfstools mtools
BENCH_NEEDS := gnuplot-nox
KERNELS_NEEDS := qemu-system-x86 busybox-static cpio kmod xz-utils binutils debian-archive-keyring

all: modules userspace

help:
	@echo 'make demo       boot a Debian guest on hv in an emulated host'
	@echo '                (VENDOR=intel: an Intel machine instead of an AMD one)'
	@echo '                (HOST=local: on this machine, with its VT-x or AMD-V)'
	@echo '                (DEVICE=/dev/kvm: the same on stock KVM)'
	@echo 'make            build the module hv.ko and the VMM userspace/hv'
	@echo 'make check      build, lint, unit tests, and all tests on hv and on KVM'
	@echo '                (VENDOR=amd, intel or both; default here: $(VENDOR))'
	@echo 'make check-long the same with the long stress tests'
	@echo 'make check-kernels  build for the kernels of Debian 12, 13 and sid, each with'
	@echo '                its compiler, and run the selftests on each (2 GB in ~/.cache/hv)'
	@echo 'make check-models  the selftests of the API on other CPU models of Bochs'
	@echo '                (MODELS=PATTERN: those whose names match, as lynnfield)'
	@echo 'make check-clients   boot Debian in QEMU on hv, all machines and irqchips,'
	@echo '                savevm, migration, single steps, GRUB, and in libvirt'
	@echo '                (BOOTS=PATTERN: those whose names match, as microvm or migrate)'
	@echo 'make lint       static checks alone'
	@echo 'make proofs     what the bounded model checker shows, and that it can fail'
	@echo '                (cbmc is fetched from Debian 13 where there is none)'
	@echo 'make bench      instructions per exit, hv beside KVM'
	@echo 'make install    install the VMM, the DKMS source, udev and modprobe rules'
	@echo 'make clean      remove what was built'

needs-build:
	@tools/need $(BUILD_NEEDS)

needs-host: needs-build
	@tools/need $(HOST_NEEDS) $(foreach h,$(HOSTS),$(HOST_NEEDS_$h))
	@$(if $(filter intel,$(HOSTS)),tools/bochs >/dev/null)

needs-check: needs-host
	@tools/need $(CHECK_NEEDS)

needs-bench: needs-host
	@tools/need $(BENCH_NEEDS)

modules: needs-build
	@$(MAKE) $(J) --no-print-directory -C /lib/modules/$(KVER)/build M=$(CURDIR) modules

userspace: needs-build
	@$(MAKE) --no-print-directory -C userspace

demo: can-run-host needs-host $(if $(filter /dev/hv,$(DEVICE)),modules) userspace
	@KVER=$(KVER) tools/demo $(firstword $(HOSTS)) $(DEVICE)

# Says why not before anything is installed or built.
can-run-host:
	@case '$(HOSTS)' in \
	amd|intel|'amd intel') ;; \
	local) selftests/hosts/local --can-run ;; \
	*) echo "no $(if $(HOST),HOST=$(HOST): amd$(comma) intel or local,VENDOR=$(VENDOR): amd$(comma) intel or both)"; exit 1 ;; \
	esac

check check-long: can-run-host needs-check
	@KVER=$(KVER) tools/check $(if $(filter check-long,$@),--long) $(HOSTS)

check-kernels: needs-build
	@tools/need $(KERNELS_NEEDS)
	@$(MAKE) --no-print-directory $(J) -C selftests >/dev/null
	@tools/check-kernels

check-models: needs-host modules
	@tools/need $(HOST_NEEDS_intel) && tools/bochs >/dev/null
	@$(MAKE) --no-print-directory $(J) -C selftests >/dev/null
	@KVER=$(KVER) tools/check-models '$(MODELS)'

check-clients: needs-host modules
	@tools/need $(CLIENTS_NEEDS)
	@KVER=$(KVER) tools/check-clients '$(BOOTS)'

lint: needs-check
	@KVER=$(KVER) tools/lint/run

proofs: needs-build
	@tools/need debian-archive-keyring
	@proofs/run

bench: can-run-host needs-bench modules userspace
	@KVER=$(KVER) bench/run.sh $(HOSTS)

install: modules userspace
	@tools/install '$(DESTDIR)' '$(PREFIX)'

clean:
	rm -rf build
	@$(MAKE) -C userspace clean
	@$(MAKE) -C selftests clean
	@! kver=$$(tools/kver 2>/dev/null) || $(MAKE) --no-print-directory -C /lib/modules/$$kver/build M=$(CURDIR) clean

.PHONY: all help needs-build needs-host needs-check needs-bench modules userspace
.PHONY: demo can-run-host check check-long check-kernels check-models check-clients lint proofs bench install clean
