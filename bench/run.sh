#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Instructions per exit: hv and stock KVM in one run of an emulated host whose
# clock counts instructions. Writes bench/out/exits.tsv and exits.svg and prints
# the table. Fails when hv takes more instructions than KVM in any row, or more
# than half of them in the rows that the project promises to halve.
# usage: bench/run.sh            (everything is built already)
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
out=$top/bench/out
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out"
make -s -C "$top/bench" || exit 1

"$top/selftests/hosts/amd" --icount --timeout 900 --share "$scratch" -- \
	bash "$top/bench/in-host.sh" "$scratch"
status=$?
[ $status = 0 ] || { echo "bench: the host ended with status $status" >&2; exit 1; }

{
	printf 'row\tunit\thv\tkvm\tratio\n'
	awk -F'\t' 'NR == FNR { hv[$1] = $3; next }
		($1 in hv) { printf "%s\t%s\t%d\t%d\t%.2f\n", $1, $2, hv[$1], $3, hv[$1] / $3 }' \
		"$scratch/hv" "$scratch/kvm"
} >"$out/exits.tsv"
rows=$(($(wc -l <"$out/exits.tsv") - 1))
want=$(wc -l <"$scratch/kvm")
[ "$rows" -gt 0 ] && [ "$rows" = "$want" ] || {
	echo "bench: $rows rows of $want" >&2
	exit 1
}
column -t -s "$(printf '\t')" "$out/exits.tsv"
if command -v gnuplot >/dev/null; then
	gnuplot -e "tsv='$out/exits.tsv'; svg='$out/exits.svg'" "$top/bench/exits.gp"
fi
awk -F'\t' 'NR > 1 && $1 !~ /measurement/ {
		limit = $1 ~ /^(CPUID|hypercall|PIO .* through userspace)/ ? 0.5 : 1.0
		if ($5 > limit) { printf "bench: %s: ratio %s is above %.1f\n", $1, $5, limit; bad = 1 }
	}
	END { exit bad }' "$out/exits.tsv"
