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
