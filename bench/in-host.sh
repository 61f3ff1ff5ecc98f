#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The part of run.sh that runs inside the emulated host.
# usage: in-host.sh DIR DEVICE...      writes DIR/hv and DIR/kvm
top=$(cd "$(dirname "$0")/.." && pwd)
out=$1
shift
for device; do
	HV_DEV=/dev/$device "$top/tools/in-host" /dev/$device "$top/build/bench/bench" >"$out/raw" || {
		cat "$out/raw"
		exit 1
	}
	grep -P '\tinstructions\t' "$out/raw" >"$out/$device" || exit 1
	grep -q '^not ok' "$out/raw" && { cat "$out/raw"; exit 1; }
done
exit 0
