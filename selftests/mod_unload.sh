#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The module cannot go while any descriptor or mapping of it exists, and goes
# without a trace when none does.

. "$(dirname "$0")/lib/ktap.sh"

plan 7
for what in dev vm vcpu map; do
	load || bad "insmod: status $?"
	start_holder /dev/hv "$what"
	if rmmod hv 2>/dev/null; then
		bad "rmmod succeeded"
	fi
	stop_holder
	unload || bad "rmmod fails afterwards"
	result "busy_while_$what"
done

load || bad "insmod: status $?"
start_holder /dev/hv loop
if rmmod hv 2>/dev/null; then
	bad "rmmod succeeded"
fi
stop_holder
unload || bad "rmmod fails after kill -9"
result busy_while_running

[ ! -e /dev/hv ] || bad "/dev/hv is still there"
[ -z "$(own_caches)" ] || bad "slab caches are still there: $(own_caches)"
grep -q '\[hv\]' /proc/kallsyms && bad "symbols are still there"
result no_trace

load || bad "insmod: status $?"
[ "$("$hold" /dev/hv once)" = ok ] || bad "no guest runs"
result works_after_reload
