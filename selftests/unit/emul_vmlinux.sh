#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# emul_vmlinux.sh BZIMAGE OUT - unpack the kernel proper from a bzImage.
#
# The boot protocol's header says where the payload is ("The Linux/x86 Boot
# Protocol", payload_offset and payload_length); its magic says how it is
# packed. The last four bytes are the unpacked length, not compressed data.
set -eu

[ $# -eq 2 ] || { echo "usage: $0 BZIMAGE OUT" >&2; exit 2; }
image=$1
out=$2

# number OFFSET BYTES: a little-endian number from the image
number()
{
	od -An -v -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '
}

[ "$(number $((0x202)) 2)" -ge $((0x208)) ] ||
	{ echo "$image: not a bzImage of boot protocol 2.08 or newer" >&2; exit 1; }
sects=$(number $((0x1f1)) 1)
[ "$sects" -ne 0 ] || sects=4
start=$(( (sects + 1) * 512 + $(number $((0x248)) 4) ))
length=$(( $(number $((0x24c)) 4) - 4 ))

case $(od -An -v -t x1 -j "$start" -N 4 "$image" | tr -d ' ') in
fd377a58) unpack="xz -dc" ;;
28b52ffd) unpack="zstd -dcq" ;;
1f8b08*)  unpack="gzip -dc" ;;
425a68*)  unpack="bzip2 -dc" ;;
02214c18) unpack="lz4 -dc" ;;
7f454c46) unpack=cat ;;
*) echo "$image: payload packed in an unknown way" >&2; exit 1 ;;
esac

tail -c +$((start + 1)) "$image" | head -c "$length" | $unpack >"$out.tmp"
mv "$out.tmp" "$out"
