#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Beside stock KVM: hv refuses to run while KVM holds the CPU's virtualization,
# says so, and works again afterwards; KVM is not disturbed by hv.

. "$(dirname "$0")/lib/ktap.sh"

vendor=kvm-intel
! grep -qw svm /proc/cpuinfo || vendor=kvm-amd

plan 5
load || bad "insmod: status $?"
if [ ! -e /dev/kvm ] && ! modprobe "$vendor" 2>/dev/null; then
	for name in both_loaded refused_while_kvm_runs said_so works_afterwards \
		    kvm_beside_idle_hv; do
		skip $name "stock KVM cannot be loaded here"
	done
	exit 0
fi

# KVM 6.12 and later may take the CPU as soon as it is loaded.
answer=$("$hold" /dev/hv once)
takes_at_load=
[ "$answer" = "run EBUSY" ] && takes_at_load=1
[ "$answer" = ok ] || [ -n "$takes_at_load" ] || bad "hv gives: $answer"
result both_loaded

echo "mod_kvm_beside: here" >/dev/kmsg
start_holder /dev/kvm vm
answer=$("$hold" /dev/hv once)
[ "$answer" = "run EBUSY" ] || bad "hv gives: $answer"
result refused_while_kvm_runs

dmesg | sed -n '/mod_kvm_beside: here/,$p' | grep -q 'hv:.*kvm' ||
	bad "no line in the kernel log names kvm"
result said_so

stop_holder
# KVM gives the CPU back when its last VM is gone, a moment later.
tries=0
while answer=$("$hold" /dev/hv once); [ "$answer" != ok ] && [ $tries -lt 50 ]; do
	[ -z "$takes_at_load" ] || break
	tries=$((tries + 1))
	sleep 0.1
done
[ "$answer" = ok ] || [ -n "$takes_at_load" ] || bad "hv gives: $answer"
result works_afterwards

# An hv guest that exists, but is not in its section, does not hold the CPU.
start_holder /dev/hv vcpu
answer=$("$hold" /dev/kvm once)
[ "$answer" = ok ] || bad "KVM gives: $answer"
stop_holder
result kvm_beside_idle_hv

rmmod "$vendor" kvm 2>/dev/null
:
