#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Many rounds of load, run a guest, unload: nothing adds up.
# Limit: 300 s

. "$(dirname "$0")/lib/ktap.sh"

rounds=${HV_ROUNDS:-200}	# a slow host may ask for fewer

# Kernel memory in KiB that is not a cache of something.
kernel_memory() {
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^(SUnreclaim|VmallocUsed|Percpu|PageTables|KernelStack):/ {
		sum += $2 } END { print sum }' /proc/meminfo
}

round() {
	insmod "$1" || return
	[ "$("$hold" /dev/hv once)" = ok ] || return
	rmmod hv
}

plan 2
# Debug information only makes insmod slow.
module=$(mktemp)
strip -g -o "$module" "$HV_MODULE" 2>/dev/null || cp "$HV_MODULE" "$module"
unload || bad "rmmod: status $?"
for i in 1 2 3 4 5 6 7 8 9 10; do
	round "$module" || bad "warm-up round $i"
done
before=$(kernel_memory)
i=0
while [ $i -lt $rounds ]; do
	i=$((i + 1))
	round "$module" || {
		bad "round $i"
		break
	}
done
after=$(kernel_memory)
rm -f "$module"
result rounds

# A page per round would be 800 KiB.
note "kernel memory: $before KiB before, $after KiB after $rounds rounds"
[ $((after - before)) -lt 400 ] || bad "memory is lost"
[ -z "$(own_caches)" ] || bad "slab caches are left: $(own_caches)"
result no_growth
load
