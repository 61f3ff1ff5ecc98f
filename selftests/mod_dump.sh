#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# An entry that the CPU refused leaves one report in the kernel's log; on VT-x it
# names the field that made it fail.

. "$(dirname "$0")/lib/ktap.sh"

plan 1
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
