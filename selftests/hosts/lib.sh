# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the emulated hosts share: options, the initramfs, the supervision of the
# emulator and the reading of the host's kernel log.  Sourced by bash.
#
# A host run has two serial lines.  The first is the command's terminal, the
# second the kernel's console; keeping them apart means that no kernel message
# falls into the middle of a test's output.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
me=${0##*/}

# Statuses of our own.  A command's own status is passed on as it is.
ST_SPLAT=120	# command succeeded, host kernel logged a warning or worse
ST_PANIC=121	# host kernel panicked or stopped before the command ended
ST_EMULATOR=122	# emulator died
ST_TIMEOUT=124	# wall-clock limit
ST_START=125	# could not start: usage, or something is missing

die() {
	echo "$me: $*" >&2
	exit $ST_START
}

# Kernel messages that mean that the host's kernel is not well.
splat_re='WARNING: |BUG: |kernel BUG at|Oops|general protection fault|Kernel panic|rcu: INFO|INFO: rcu|INFO: task |possible circular locking|possible recursive locking|inconsistent lock state|suspicious RCU usage|unchecked MSR access|UBSAN: |KASAN: |soft lockup|hard LOCKUP|stack-protector|scheduling while atomic|Bad page|refcount_t: |list_(add|del) corruption|kmem_cache_destroy'

# Print each splat of a kernel log with its trace, at most 60 lines each.
splats() {
	awk -v re="$splat_re" '
		$0 ~ re && left <= 0 { left = 60; found = 1 }
		left > 0 && !/sysrq: Power Off/ { print; left-- }
		/end trace|end Kernel panic|sysrq: Power Off/ { left = 0 }
	' "$1"
}

# build_initramfs KVER [ROOT]: print the path of the host initramfs for that
# kernel, whose modules are below ROOT, building it when something in it is
# newer.  Concurrent runs may both build: the finished file is renamed into place.
build_initramfs() {
	local kver=$1 root=$2 out dir deps mod f
	out=${HV_BUILD:-$top/build}/hosts/host-$kver.cpio
	if [ "$out" -nt "$here/init" ] && [ "$out" -nt "$here/stage2" ] &&
	   [ "$out" -nt "$here/lib.sh" ] &&
	   [ "$out" -nt "$root/lib/modules/$kver/modules.dep" ]; then
		echo "$out"
		return 0
	fi
	command -v cpio >/dev/null || die "cpio is missing: apt-get install cpio"
	[ -x /bin/busybox ] || die "busybox is missing: apt-get install busybox-static"
	mkdir -p "${out%/*}" || die "cannot create ${out%/*}"
	dir=$(mktemp -d "${out%/*}/tmp.XXXXXX") || die "cannot write to ${out%/*}"
	mkdir -p "$dir/bin" "$dir/dev" "$dir/proc" "$dir/modules"
	cp /bin/busybox "$dir/bin/"
	for f in sh mount umount mkdir insmod cat cp switch_root poweroff; do
		ln -s busybox "$dir/bin/$f"
	done
	cp "$here/init" "$here/stage2" "$dir/"
	chmod 755 "$dir/init"
	for mod in virtio_pci 9pnet_virtio 9p overlay; do
		deps=$(modprobe -d "${root:-/}" -S "$kver" --show-depends $mod) ||
			die "kernel $kver has no module $mod"
		while read -r _ f _; do
			mod=${f##*/} mod=${mod%.xz}
			[ -e "$dir/modules/$mod" ] && continue
			case $f in
			*.xz)	xz -dc "$f" >"$dir/modules/$mod" ;;
			*)	cp "$f" "$dir/modules/" ;;
			esac || die "cannot unpack $f"
			echo "$mod" >>"$dir/modules/order"
		done < <(grep '^insmod' <<<"$deps")
	done
	(cd "$dir" && find . | sort | cpio -o -H newc --quiet -R 0:0) >"$dir.cpio" ||
		die "cannot write $dir.cpio"
	rm -rf "$dir"
	mv "$dir.cpio" "$out"
	echo "$out"
}

# report RC: what became of a run, from the files in $run: exits with its
# status.  Uses $run, $results, $timeout, $splats_ok of the caller.
report() {
	local rc=$1 status= line
	[ -s "$results/status" ] && read -r status <"$results/status"
	splats "$run/console" >"$run/splats" 2>/dev/null
	if [ -s "$run/splats" ]; then
		echo "$me: the host's kernel says:"
		sed 's/\r*$//; s/^/  | /' "$run/splats"
	fi
	if [ -e "$run/timeout" ]; then
		echo "$me: no end within $timeout s, stopped${cpus_at:+; the CPUs were at:}"
		[ -z "$cpus_at" ] || timeout 1 cat <"$run/monitor.out" | tr '\r' '\n' |
			grep -oE '^(CPU#[0-9]+|RIP=.*)' | sed 's/^/  /'
		exit $ST_TIMEOUT
	fi
	if [ -z "$status" ]; then
		if [ "$rc" != 0 ]; then
			echo "$me: the emulator failed (status $rc):"
			grep -v "TCG doesn't support requested feature" "$run/stderr" | tail -20
			exit $ST_EMULATOR
		fi
		if [ -n "$interactive" ]; then
			echo "$me: left"
			exit 0
		fi
		line=$(grep -aoE 'Kernel panic.*' "$run/console" | head -1 | tr -d '\r')
		echo "$me: the host stopped before the command ended: ${line:-no panic; end of its log:}"
		[ -n "$line" ] || tail -5 "$run/console" | sed 's/\r*$//; s/^/  | /'
		exit $ST_PANIC
	fi
	if [ "$status" = 0 ] && [ -s "$run/splats" ] && [ -z "$splats_ok" ]; then
		exit $ST_SPLAT
	fi
	exit "$status"
}
