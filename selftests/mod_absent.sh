#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# On a CPU without usable virtualization the module refuses to load, with one
# line that says why. Run it in a host started without it:
#   hosts/amd --cpu EPYC -- selftests/mod_absent.sh

if [ -z "$HV_MODULE" ] && [ -f "$(dirname "$0")/../hv.ko" ]; then
	HV_MODULE=$(dirname "$0")/../hv.ko
	HV_BIN=$(dirname "$0")/out
fi
. "$(dirname "$0")/lib/ktap.sh"

plan 2
if grep -qwE 'svm|vmx' /proc/cpuinfo; then
	skip load_fails "this CPU has virtualization"
	skip says_why "this CPU has virtualization"
	exit 0
fi
if insmod "$HV_MODULE" 2>/dev/null; then
	bad "insmod succeeded"
fi
[ ! -e /dev/hv ] || bad "/dev/hv is there"
result load_fails
lines=$(dmesg | grep -c '] hv: ')
[ "$(dmesg | grep '] hv: ' | grep -vc 'taint\|verification')" = 1 ] ||
	bad "$lines lines of hv in the kernel log"
dmesg | grep '] hv: ' | sed 's/^/# /'
result says_why
