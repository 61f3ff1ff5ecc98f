#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A running guest moves from hv to stock KVM and back, several times: the state
# that the ioctls save is complete, and means the same on both.

. "$(dirname "$0")/lib/ktap.sh"

vendor=kvm-intel
! grep -qw svm /proc/cpuinfo || vendor=kvm-amd

plan 2
load || bad "insmod: status $?"
# Taking turns needs a KVM that holds the CPU for its VMs only.
[ -e /dev/kvm ] || { modprobe kvm enable_virt_at_load=0 && modprobe "$vendor"; } 2>/dev/null
for test in run_round_trip irq_round_trip; do
	if [ ! -e /dev/kvm ]; then
		skip $test "stock KVM cannot be loaded here"
		continue
	fi
	HV_DEV=/dev/hv HV_OTHER=/dev/kvm "$HV_BIN/$test" >/tmp/mod_cross.$$ 2>&1 ||
		bad "status $?"
	grep '^# ' /tmp/mod_cross.$$
	rm -f /tmp/mod_cross.$$
	result $test
done
rmmod "$vendor" kvm 2>/dev/null
:
