#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The part of run.sh that runs inside the emulated host.
# usage: in-host.sh DIR      writes DIR/hv and DIR/kvm
top=$(cd "$(dirname "$0")/.." && pwd)
for device in hv kvm; do
	HV_DEV=/dev/$device "$top/tools/in-host" /dev/$device "$top/build/bench/bench" >"$1/raw" || {
		cat "$1/raw"
		exit 1
	}
	grep -P '\tinstructions\t' "$1/raw" >"$1/$device" || exit 1
	grep -q '^not ok' "$1/raw" && { cat "$1/raw"; exit 1; }
done
exit 0
