#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# On a CPU without usable virtualization the module refuses to load, with one
# line that says why and an errno of its own. Run it in a host started without it:
#   hosts/amd --cpu EPYC -- selftests/mod_absent.sh
#   hosts/intel --feature-control 1 -- selftests/mod_absent.sh	(or 3)

if [ -z "$HV_MODULE" ] && [ -f "$(dirname "$0")/../hv.ko" ]; then
	HV_MODULE=$(dirname "$0")/../hv.ko
	HV_BIN=$(dirname "$0")/out
fi
. "$(dirname "$0")/lib/ktap.sh"

plan 2
# The kernel hides a VMX that is off: ask the CPU itself. Leaf 1, ECX bit 5.
modprobe -qa cpuid msr
byte() { # FILE NUMBER OFFSET: one byte of what is there
	dd if="$1" bs=16 count=1 skip="$2" iflag=skip_bytes 2>/dev/null |
		od -An -tu1 -j"$3" -N1 | tr -d ' '
}
feature=
ecx=$(byte /dev/cpu/0/cpuid 1 8)
[ $((${ecx:-0} & 32)) = 0 ] || feature=$(byte /dev/cpu/0/msr 58 0)

# insmod names the errno; the line names the cause
errno="No such device" cause="neither|no "
if [ "$feature" = 1 ]; then
	errno="Permission denied" cause="disabled and locked"
elif [ "$feature" = 3 ]; then
	errno="Permission denied" cause="inside SMX"
elif grep -qwE 'svm|vmx' /proc/cpuinfo; then
	skip load_fails "this CPU has virtualization"
	skip says_why "this CPU has virtualization"
	exit 0
fi
if answer=$(insmod "$HV_MODULE" 2>&1); then
	bad "insmod succeeded"
fi
case $answer in
*": $errno") ;;
*) bad "insmod says: $answer" ;;
esac
[ ! -e /dev/hv ] || bad "/dev/hv is there"
result load_fails
lines=$(dmesg | grep -c '] hv: ')
[ "$(dmesg | grep '] hv: ' | grep -vc 'taint\|verification')" = 1 ] ||
	bad "$lines lines of hv in the kernel log"
dmesg | grep '] hv: ' | grep -qE "$cause" || bad "the cause is not named"
dmesg | grep '] hv: ' | sed 's/^/# /'
result says_why
