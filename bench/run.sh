#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Instructions per exit: hv and stock KVM in one run of an emulated host whose
# clock counts instructions. Writes bench/out/exits.tsv and exits.svg and prints
# the table. Fails when hv takes more instructions than KVM in any row, or more
# than half of them in the rows that the project promises to halve (on AMD-V).
# usage: bench/run.sh [HOST...]  (everything is built already)
# A HOST is amd (the default) or intel, whose files are exits-intel.*.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
out=$top/bench/out
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out"
make -s -C "$top/bench" || exit 1

if [ $# -gt 1 ]; then
	failed=0
	for host; do
		"$0" "$host" || failed=1
	done
	exit $failed
fi
host=${1:-amd}
name=exits
[ "$host" = amd ] || name=exits-$host
devices="hv kvm"
if [ "$host" = intel ] && [ ! -d "$top/kmod/vmx" ]; then
	devices=kvm
fi
echo "== $host"
"$top/selftests/hosts/$host" --icount --timeout 900 --share "$scratch" -- \
	bash "$top/bench/in-host.sh" "$scratch" $devices
status=$?
[ $status = 0 ] || { echo "bench: the host ended with status $status" >&2; exit 1; }

if [ "$devices" = kvm ]; then
	echo "bench: stock KVM alone, since hv.ko has no VT-x part yet"
	column -t -s "$(printf '\t')" "$scratch/kvm"
	exit 0
fi
{
	printf 'row\tunit\thv\tkvm\tratio\n'
	awk -F'\t' 'NR == FNR { hv[$1] = $3; next }
		($1 in hv) { printf "%s\t%s\t%d\t%d\t%.2f\n", $1, $2, hv[$1], $3, hv[$1] / $3 }' \
		"$scratch/hv" "$scratch/kvm"
} >"$out/$name.tsv"
rows=$(($(wc -l <"$out/$name.tsv") - 1))
want=$(wc -l <"$scratch/kvm")
[ "$rows" -gt 0 ] && [ "$rows" = "$want" ] || {
	echo "bench: $rows rows of $want" >&2
	exit 1
}
column -t -s "$(printf '\t')" "$out/$name.tsv"
if command -v gnuplot >/dev/null; then
	gnuplot -e "tsv='$out/$name.tsv'; svg='$out/$name.svg'" "$top/bench/exits.gp"
fi
awk -F'\t' -v half="$([ "$host" = amd ] && echo 0.5 || echo 1.0)" 'NR > 1 && $1 !~ /measurement/ {
		limit = $1 ~ /^(CPUID|hypercall|PIO .* through userspace)/ ? half : 1.0
		if ($5 > limit) { printf "bench: %s: ratio %s is above %.1f\n", $1, $5, limit; bad = 1 }
	}
	END { exit bad }' "$out/$name.tsv"
