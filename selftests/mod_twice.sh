#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Loading: a second time, with a wrong parameter, with the alias.

. "$(dirname "$0")/lib/ktap.sh"

plan 4
load || bad "insmod: status $?"
if insmod "$HV_MODULE" 2>/dev/null; then
	bad "a second insmod succeeded"
fi
[ "$("$hold" /dev/hv once)" = ok ] || bad "no guest runs after it"
result second_insmod_fails

if [ -e /dev/kvm ]; then
	skip alias_kvm "/dev/kvm is taken"
else
	unload
	load alias_kvm=1 || bad "insmod alias_kvm=1: status $?"
	[ "$("$hold" /dev/kvm once)" = ok ] || bad "no guest runs on /dev/kvm"
	[ "$("$hold" /dev/hv once)" = ok ] || bad "no guest runs on /dev/hv"
	unload || bad "rmmod: status $?"
	[ ! -e /dev/kvm ] || bad "/dev/kvm is still there"
	result alias_kvm
fi

unload
load
[ ! -e /dev/kvm ] || [ -d /sys/module/kvm ] || bad "/dev/kvm without being asked"
result no_alias_by_default

[ "$(stat -c %t,%T /dev/hv)" != 0,0 ] && [ -c /dev/hv ] || bad "no character device"
mode=$(stat -c %a /dev/hv)
case $mode in
600|660|666) ;;
*) bad "mode of /dev/hv is $mode" ;;
esac
result device_node
