# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the tests of the hv command share: TAP, waiting, runs of guests; to be
# sourced by a script of selftests/.
#   HV_DEV   device (default /dev/hv)
#   HV       the hv program (default ../userspace/hv)
#   KERNEL   guest kernel (default: the newest /boot/vmlinuz-*)
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
dev=${HV_DEV:-/dev/hv}
hv=${HV:-$here/../userspace/hv}
kernel=${KERNEL:-$(ls -t /boot/vmlinuz-*-amd64 | head -1)}
tmp=$(mktemp -d) || exit 1
chmod 755 "$tmp"
trap 'rm -rf "$tmp"' EXIT
count=0 failed=0

ok() {
	count=$((count + 1))
	echo "ok $count - $1"
}
not_ok() {
	count=$((count + 1))
	failed=$((failed + 1))
	echo "not ok $count - $1"
	head -c 2000 "$tmp/err" | sed 's/^/# /'
}
skip() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# check NAME WANT: the status of the last run, in $st
check() {
	if [ "$st" = "$2" ]; then
		ok "$1"
	else
		echo "# status $st, want $2"
		not_ok "$1"
	fi
}

# wait_for SECONDS COMMAND...: until it succeeds; fails when it has not by then
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# reap: the status of the guest $pid, in $st; one that does not end is killed
ended() {
	[ ! -e /proc/$pid ] || grep -qs '^State:.Z' /proc/$pid/status
}
reap() {
	wait_for "${limit:-100}" ended || kill -KILL $pid
	wait $pid 2>/dev/null
	st=$?
}

# run NAME STATUS ARG...: hv run ARG...; output and messages in files; it gets
# $limit seconds
run() {
	local name=$1 want=$2
	shift 2
	timeout -k 5 "${limit:-120}" "$hv" run "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	st=$?
	check "$name" "$want"
}

# error NAME PATTERN ARG...: one line "hv: ...", status 1
error() {
	local name=$1 pattern=$2
	shift 2
	timeout -k 5 "${limit:-60}" "$hv" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	st=$?
	if [ "$(wc -l <"$tmp/err")" != 1 ] ||
	   ! grep -Eq "^hv: .*($pattern)" "$tmp/err"; then
		st=message
	fi
	check "error: $name" 1
}

# build_initrd [MODULE...]: busybox, vmm_io and modules in the order of loading;
# one init for all tests, as an emulated host is slow at starting programs
build_initrd() {
	local module file root=$tmp/root kver=${kernel##*/vmlinuz-}

	mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/mnt" "$root/lib" &&
	cp /bin/busybox "$here/out/vmm_io" "$root/bin/" || return
	for module in "$@"; do
		modprobe -S "$kver" --show-depends "$module" || return
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$tmp/modules"
	while read -r file; do
		cp "$file" "$root/lib/" || return
		echo "insmod /lib/${file##*/} || echo no module $file"
	done <"$tmp/modules" >"$root/lib/load"
	cat >"$root/init" <<-'EOF' && chmod 755 "$root/init" || return
	#!/bin/busybox sh
	export PATH=/bin
	/bin/busybox --install -s /bin
	mount -t devtmpfs dev /dev
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	. /lib/load
	. /todo
	poweroff -f
	EOF
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$tmp/base"
}

# todo: the commands on standard input become the guest's; $tmp/initrd has them
todo() {
	cat >"$tmp/todo"
	(cd "$tmp" && echo todo | cpio -o -H newc --quiet) >"$tmp/todo.cpio"
	cat "$tmp/base" "$tmp/todo.cpio" >"$tmp/initrd"
}

linux() {
	printf '%s\n' -d "$dev" -k "$kernel" -i "$tmp/initrd" -m 128
}

# ask WANT COMMAND...: a command to a control socket; its status in $st
ask() {
	timeout -k 5 "${limit:-120}" "$hv" "${@:2}" >"$tmp/said" 2>"$tmp/err" </dev/null
	st=$?
	[ $st = "$1" ] || st="status $st"
}
