# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What a host in Bochs starts with: an option ROM, and the image of its memory
# with the kernel and an initramfs that holds all files the host has.  Sourced
# by `intel`; uses its $run, $results, $share, $include, $kver and $mem.

pack_dir=${HV_BUILD:-$top/build}/hosts
# The Debian packages whose programs a host has, where they are installed.
pack_packages="bash coreutils cpio dash diffutils expect findutils grep gzip kmod
	mawk procps sed socat tar util-linux"
pack_modules="kvm-intel kvm-amd msr cpuid"
pack_block=131072	# Bochs's granularity of memory
declare -A packed

# pack_path PATH: print the absolute PATH, relative to /, after the directories
# above it, and what it points to when it is a symbolic link.
pack_path() {
	local path=$1 dir=${1%/*} target
	[ -z "${packed[$path]}" ] || return 0
	packed[$path]=1
	[ -z "$dir" ] || pack_path "$dir"
	echo "${path#/}"
	if [ -L "$path" ]; then
		target=$(readlink "$path")
		[[ $target = /* ]] || target=$(realpath "${dir:-/}")/$target
		pack_path "$(realpath -sm "$target")"
	fi
}

pack_paths() {
	local path
	while read -r path; do
		[ ! -e "$path" ] || pack_path "$path"
	done
}

# libraries: the shared libraries that the programs on standard input need
libraries() {
	local had= new
	new=$(cat)
	while [ -n "$new" ]; do
		# Not all are ELF files, and readelf says so.
		new=$(xargs -d '\n' readelf -dW <<<"$new" 2>/dev/null |
			sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u |
			awk 'NR == FNR { if ($2 ~ /x86-64/ && !($1 in at)) at[$1] = $NF; next }
				$1 in at { print at[$1] }' <(ldconfig -p) - | sort)
		new=$(comm -13 <(sort -u <<<"$had") - <<<"$new")
		had+=$'\n'$new
		[ -z "$new" ] || echo "$new"
	done
}

archive() { # OUTPUT; paths relative to the current directory on standard input
	cpio -o -H newc --quiet -R 0:0 >"$1" || die "cannot write $1"
}

# The part that changes with this machine's packages only, kept between runs.
pack_system() { # OUTPUT
	local out=$1 dir programs name
	if [ "$out" -nt "$here/pack.sh" ] && [ "$out" -nt "$here/init" ] &&
	   [ "$out" -nt "$here/stage2" ] && [ "$out" -nt "$here/bochs-send.c" ] &&
	   [ "$out" -nt "/lib/modules/$kver/modules.dep" ] &&
	   [ "$out" -nt /var/lib/dpkg/status ]; then
		return
	fi
	dir=$(mktemp -d "$pack_dir/tmp.XXXXXX") || die "cannot write to $pack_dir"
	mkdir -p "$dir"/{dev,proc,sys,tmp,root,run,etc}
	cp "$here/init" "$dir/init"
	chmod 755 "$dir/init"
	cp "$here/stage2" "$dir/run/"
	ln -s /bin/busybox "$dir/run/busybox"
	gcc -O2 -Wall -Wextra -o "$dir/run/send" "$here/bochs-send.c" ||
		die "cannot build bochs-send.c"
	for name in $pack_packages; do
		dpkg -L "$name" 2>/dev/null
	done | grep -E '^(/usr)?/s?bin/.' >"$dir.programs"
	printf '%s\n' /bin/busybox /bin/sh /usr/bin/awk >>"$dir.programs"
	{
		printf '%s\n' /bin /sbin /lib /lib64 /etc/passwd /etc/group \
			/lib64/ld-linux-x86-64.so.2 "/boot/vmlinuz-$kver"
		cat "$dir.programs"
		libraries <"$dir.programs"
		# The C library loads it when a thread ends, or aborts.
		ldconfig -p | awk '/libgcc_s.so.1 .*x86-64/ { print $NF }'
		find /usr/share/tcltk /usr/lib/tcltk -type f 2>/dev/null
		find "/lib/modules/$kver" -maxdepth 1 -name 'modules.*'
		for name in $pack_modules; do
			modprobe -S "$kver" --show-depends "$name"
		done | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	} | pack_paths >"$dir.list"
	(cd / && archive "$dir.files" <"$dir.list") || exit
	(cd "$dir" && find . | sort | archive "$dir.own") || exit
	cat "$dir.files" "$dir.own" >"$dir.cpio" && mv "$dir.cpio" "$out" ||
		die "cannot write $out"
	rm -rf "$dir" "$dir".*
}

# The part of this run: this tree, what the caller names, and the command.
pack_run() { # OUTPUT COMMAND [ARG...]
	local out=$1 dir=$run/pack program path
	program=$(type -P "$2")
	{
		cat <<-END
		$PWD
		$top/userspace/hv
		$top/build/bench/bench
		$top/build/hosts/guest.cpio
		$(realpath -s "${program:-/}")
		END
		find "$top/selftests" "$top/tools" "$top/bench" -type f \
			\( -perm /111 -o -name '*.sh' -o -name 'guest-*' -o -name '*.S' \)
		for path in "${share[@]}" "${include[@]}"; do
			find "$(realpath -s "$path")"
		done
	} >"$run/roots"
	{
		cat "$run/roots"
		grep -E '/(hv|bench)$|^'"${program:-/hv}"'$' "$run/roots" | libraries
	} | pack_paths >"$run/list"
	(cd / && archive "$run/files.cpio" <"$run/list") || exit
	mkdir -p "$dir/run/host" "$dir$top"
	cp -r "$results/." "$dir/run/host/"
	# Symbols for a debugger make loading slow.
	[ ! -e "$top/hv.ko" ] || strip -g -o "$dir$top/hv.ko" "$top/hv.ko"
	(cd "$dir" && find . | sort | archive "$run/own.cpio") || exit
	cat "$run/files.cpio" "$run/own.cpio" >"$out"
}

# pack_kernel: the kernel as it is in memory, and where it starts: $flat, $entry
pack_kernel() {
	local vmlinux
	vmlinux=$("$here/vmlinux" "$kver") || exit $ST_START
	flat=$pack_dir/flat-$kver
	[ "$flat" -nt "$vmlinux" ] ||
		{ objcopy -O binary -R .init.scratch "$vmlinux" "$flat.$$" &&
			mv "$flat.$$" "$flat"; } || die "cannot write $flat"
	entry=$(field "$vmlinux" 24 8)
}

field() { # FILE OFFSET SIZE: a number in it
	od -An -tu"$3" -j$(($2)) -N"$3" "$1" | tr -d ' '
}

# pack PARAMETERS COMMAND...: write $run/rom and $run/image
pack() {
	local params=$1 image=/boot/vmlinuz-$kver flat entry sum
	shift
	mkdir -p "$pack_dir" || die "cannot create $pack_dir"
	pack_system "$pack_dir/bochs-$kver.cpio"
	pack_run "$run/run.cpio" "$@"
	pack_kernel
	cat "$pack_dir/bochs-$kver.cpio" "$run/run.cpio" >"$run/initrd"
	local size kernel initrd
	size=$(stat -c %s "$run/initrd")
	kernel=$((($(stat -c %s "$flat") + pack_block - 1) / pack_block))
	initrd=$(((size + pack_block - 1) / pack_block))
	[ $((128 + 2 * size / 1048576 + 128)) -le "$mem" ] ||
		die "--mem $mem is too little for $((size / 1048576)) MiB of files"
	ln -s "$image" "$run/bzimage"
	printf %s "$params" >"$run/cmdline"
	as -I "$run" -o "$run/boot.o" "$here/bochs-boot.S" \
		--defsym BLOCK=$pack_block --defsym KERNEL_BLOCKS=$kernel \
		--defsym INITRD_BLOCKS=$initrd --defsym INITRD_SIZE="$size" \
		--defsym MEMORY=$((mem * 1048576)) --defsym ENTRY="$entry" \
		--defsym HEADER_END=$((0x202 + $(field "$image" 0x201 1))) &&
	objcopy -O binary -j .rom "$run/boot.o" "$run/rom" &&
	objcopy -O binary -j .boot "$run/boot.o" "$run/head" ||
		die "cannot assemble bochs-boot.S"
	# The bytes of an option ROM add up to 0.
	sum=$(od -An -v -tu1 "$run/rom" | awk '{ for (i = 1; i <= NF; i++) s += $i }
		END { print (256 - s % 256) % 256 }')
	printf "\\x$(printf %x "$sum")" |
		dd of="$run/rom" bs=1 seek=$(($(stat -c %s "$run/rom") - 1)) conv=notrunc status=none
	{
		cat "$run/head"
		dd if=/dev/zero bs=$((33 * pack_block - $(stat -c %s "$run/head"))) count=1 status=none
		{ printf hvmk; cat /dev/zero; } | head -c $pack_block
		{ cat "$flat" /dev/zero; } | head -c $((kernel * pack_block))
		cat "$run/initrd"
	} >"$run/image"
}

# unpack_results: what came out, to where `report` and the caller expect it
unpack_results() {
	local at dir
	at=$(LC_ALL=C grep -abom1 '^hv-host results follow$' "$run/stdout") || return
	mkdir "$run/back"
	tail -c +$((${at%%:*} + 1)) "$run/stdout" | sed 1d | tar -xf - -C "$run/back" ||
		{ echo "$me: what came back is not complete"; return; }
	[ ! -e "$run/back/run/host/status" ] || cp "$run/back/run/host/status" "$results/status"
	for dir in "${share[@]}"; do
		[ ! -d "$run/back$dir" ] || cp -r "$run/back$dir/." "$dir/"
	done
}
