#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Beside stock KVM, in every order of loading and use: hv refuses to run while
# KVM holds the CPU's virtualization, says so, and works again afterwards;
# neither disturbs the other's guests, nor does unloading one.
# Limit: 900 s

. "$(dirname "$0")/lib/ktap.sh"

vendor=kvm-intel
! grep -qw svm /proc/cpuinfo || vendor=kvm-amd

# Load stock KVM. From 6.12 it takes the CPUs at once, if $1 is 1; kernels
# without that choice ignore the parameter, and KVM waits for its first VM.
load_kvm() {
	modprobe kvm enable_virt_at_load="$1" 2>/dev/null && modprobe "$vendor" 2>/dev/null
}

unload_kvm() {
	rmmod "$vendor" 2>/dev/null
	rmmod kvm
}

# One guest on $1 answers $2. KVM gives the CPU back when its last VM is gone,
# a moment later: so `ok` may take a while.
expect() {
	tries=0
	while answer=$("$hold" "$1" once); [ "$answer" != "$2" ]; do
		tries=$((tries + 1))
		if [ "$2" != ok ] || [ $tries -gt 50 ]; then
			bad "$1 gives: $answer, not: $2"
			return
		fi
		sleep 0.1
	done
}

# The guest of start_holder PATH turns: $1 is the number of its refusals, a pattern.
expect_turns() {
	finish_holder
	set -- "$1" $said
	case "$2" in
	''|0|*[!0-9]*)	bad "the guest that takes turns: $2 $3 $4"; return ;;
	esac
	case "$3" in
	$1)	;;
	*)	bad "$2 turns and $3 refusals" ;;
	esac
}

cases="hv_then_kvm refused_while_kvm_has_vm said_so kvm_guest_undisturbed works_afterwards
	hv_guest_undisturbed unload_hv_beside_kvm_guest kvm_then_hv
	unload_kvm_beside_hv_guest"
at_load="refused_at_load works_when_kvm_is_gone kvm_taken_from_hv_guest"

plan 12
load || bad "insmod: status $?"
if [ -e /dev/kvm ] || ! load_kvm 0; then
	for name in $cases $at_load; do
		skip $name "stock KVM cannot be loaded here"
	done
	exit 0
fi

expect /dev/hv ok
expect /dev/kvm ok
expect /dev/hv ok
result hv_then_kvm

echo "mod_kvm_beside: here" >/dev/kmsg
start_holder /dev/kvm vm
expect /dev/hv "run EBUSY"
result refused_while_kvm_has_vm

dmesg | sed -n '/mod_kvm_beside: here/,$p' | grep -q 'hv:.*kvm' ||
	bad "no line in the kernel log names kvm"
result said_so
stop_holder

# A guest of KVM runs, while hv is refused again and again.
start_holder /dev/kvm turns
for i in 1 2 3 4 5; do
	expect /dev/hv "run EBUSY"
done
expect_turns 0
result kvm_guest_undisturbed

expect /dev/hv ok
result works_afterwards

# A guest of hv runs, while KVM's come and go: refused at times, it loses
# nothing by that, and goes on.
start_holder /dev/hv turns
for i in 1 2 3 4 5; do
	expect /dev/kvm ok
done
expect /dev/hv ok
expect_turns '*'
result hv_guest_undisturbed

start_holder /dev/kvm turns
unload || bad "rmmod hv beside a guest of KVM: status $?"
expect /dev/kvm ok
load || bad "insmod beside a guest of KVM: status $?"
expect /dev/hv "run EBUSY"
expect_turns 0
unload || bad "rmmod hv: status $?"
unload_kvm || bad "rmmod kvm: status $?"
result unload_hv_beside_kvm_guest

load_kvm 0 || bad "KVM does not load alone"
load || bad "insmod after KVM: status $?"
expect /dev/hv ok
expect /dev/kvm ok
expect /dev/hv ok
result kvm_then_hv

start_holder /dev/hv turns
unload_kvm || bad "rmmod kvm beside a guest of hv: status $?"
load_kvm 0 || bad "KVM does not load beside a guest of hv"
expect /dev/kvm ok
unload_kvm || bad "rmmod kvm beside a guest of hv: status $?"
expect /dev/hv ok
expect_turns '*'
result unload_kvm_beside_hv_guest

load_kvm 1 || bad "KVM does not load with enable_virt_at_load=1"
if [ ! -e /sys/module/kvm/parameters/enable_virt_at_load ]; then
	for name in $at_load; do
		skip $name "this kernel's KVM takes the CPUs for its VMs only"
	done
	unload_kvm
	exit 0
fi
expect /dev/hv "run EBUSY"
unload || bad "rmmod hv: status $?"
load || bad "insmod beside KVM that holds the CPUs: status $?"
expect /dev/hv "run EBUSY"
expect /dev/kvm ok
result refused_at_load

unload_kvm || bad "rmmod kvm: status $?"
expect /dev/hv ok
result works_when_kvm_is_gone

start_holder /dev/hv turns
load_kvm 1 || bad "KVM does not load beside a guest of hv"
expect /dev/hv "run EBUSY"
expect /dev/kvm ok
unload_kvm || bad "rmmod kvm beside a guest of hv: status $?"
expect /dev/hv ok
expect_turns '[1-9]*'
result kvm_taken_from_hv_guest
