#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs what it is given, one NAME|SECONDS|COMMAND per argument, and reports in
# KTAP: the output of a command that speaks KTAP is nested, any other becomes
# comments. Status 1 when one failed.

tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT
n=0
failed=0

echo 'KTAP version 1'
echo "1..$#"
for line; do
	n=$((n + 1))
	name=${line%%|*}
	rest=${line#*|}
	timeout -k 5 "${rest%%|*}" sh -c "${rest#*|}" >"$tmp" 2>&1 </dev/null
	status=$?
	if [ "$(head -n 1 "$tmp")" = 'KTAP version 1' ]; then
		sed 's/^/  /' "$tmp"
	else
		sed 's/^/# /' "$tmp"
	fi
	case $status in
	0)	echo "ok $n $name" ;;
	4)	echo "ok $n $name # SKIP" ;;
	124)	echo "# $name: no end after ${rest%%|*} s"
		echo "not ok $n $name"; failed=1 ;;
	*)	echo "# $name: status $status"
		echo "not ok $n $name"; failed=1 ;;
	esac
done
exit $failed
