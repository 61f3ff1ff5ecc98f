#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# An entry that the CPU refused leaves one report in the kernel's log; on VT-x it
# names the field that made it fail. So does an exit that hv does not serve, once
# for many in a row.

. "$(dirname "$0")/lib/ktap.sh"

plan 2
# loaded anew, the limit of the rate starts anew
unload || bad "rmmod: status $?"
load || bad "insmod: status $?"
said=$("$HV_BIN/run_fail_entry" 2>&1)
log=$(dmesg | grep 'hv: ')
case $said in
*SKIP*)
	skip suspicious_field "this CPU enters with the state that should fail" ;;
*)
	case $said in
	*"not ok"*) bad "run_fail_entry failed" ;;
	esac
	echo "$log" | grep -q 'hv: vCPU 0, last on CPU' || bad "no report in the log"
	if grep -q vmx /proc/cpuinfo; then
		echo "$log" | grep -q 'suspicious: CS: L and D both set' ||
			bad "the report does not name CS"
	fi
	unload || bad "rmmod: status $?"
	result suspicious_field ;;
esac

unload || bad "rmmod: status $?"
load || bad "insmod: status $?"
before=$(dmesg | grep -c 'hv: vCPU 0, last on CPU')
said=$("$HV_BIN/run_unexpected" 2>&1)
case $said in
*SKIP*)
	skip unexpected_exit "this CPU has no exit that is not served" ;;
*)
	case $said in
	*"not ok"*) bad "run_unexpected failed" ;;
	esac
	after=$(dmesg | grep -c 'hv: vCPU 0, last on CPU')
	[ $((after - before)) = 1 ] || bad "$((after - before)) reports in the log"
	if grep -q vmx /proc/cpuinfo; then
		dmesg | grep 'hv: vCPU 0, last on CPU' | tail -1 | grep -q ': exit 9 ' ||
			bad "the report does not give the reason"
	fi
	result unexpected_exit ;;
esac
