#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What ACPICA's disassembler makes of the VMM's tables: it must take each
# without a complaint, and compile its own DSDT output back to the same bytes.
command -v iasl >/dev/null || { echo "iasl is missing: apt-get install acpica-tools"; exit 4; }
out=${OUT:-out}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
"$out/vmm_dump_acpi" "$dir" || exit 1
cd "$dir" || exit 1
for t in xsdt facp apic dsdt; do
	iasl -d $t.dat >$t.log 2>&1 || { cat $t.log; exit 1; }
	if grep -iE 'warning|error|invalid|incorrect' $t.log $t.dsl |
	   grep -vE 'Error Interrupt|Compilation'; then
		echo "iasl complains about $t"
		exit 1
	fi
done
grep -q '_S5' dsdt.dsl && grep -q 'PNP0A03' dsdt.dsl && grep -q 'PNP0501' dsdt.dsl ||
	{ echo "the DSDT lacks a device"; cat dsdt.dsl; exit 1; }
iasl -p again dsdt.dsl >again.log 2>&1 || { cat again.log; exit 1; }
grep -q '0 Errors, 0 Warnings' again.log || { cat again.log; exit 1; }
exit 0
