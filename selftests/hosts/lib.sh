# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the emulated hosts share: options, the initramfs, the supervision of the
# emulator and the reading of the host's kernel log.  Sourced by bash.  A host
# calls options, begin, emulate and report, in this order.
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
ST_ASLEEP=123	# wall-clock limit, with every CPU halted and interrupts on
ST_TIMEOUT=124	# wall-clock limit
ST_START=125	# could not start: usage, or something is missing

die() {
	echo "$me: $*" >&2
	exit $ST_START
}

# What the usage of both emulated hosts ends with.
usage_end() {
	cat <<END
  --mitigations   keep the kernel's CPU mitigations on (default: off)
  --interactive   this terminal becomes COMMAND's terminal
  --log FILE      keep the host's kernel log
  --allow-splats  a kernel warning does not change the status
  -h, --help      this text

Exit status: COMMAND's, or
  $ST_SPLAT  COMMAND succeeded but the host kernel logged a warning, BUG or oops
  $ST_PANIC  the host panicked or stopped before COMMAND ended
  $ST_EMULATOR  the emulator itself failed
  $ST_ASLEEP  the wall-clock limit was reached while every CPU slept
  $ST_TIMEOUT  the wall-clock limit was reached
  $ST_START  nothing was started: wrong usage or something is missing
END
}

# options ARG...: the options of an emulated host.  Those that only one of them
# has go to its own_option(), each with a value.  What is left is $command.
timeout= smp= icount= kver= root= append= share=() log= interactive= splats_ok=
mitigations=mitigations=off
options() {
	while [ $# -gt 0 ]; do
		case $1 in
		--icount)	icount=1; shift; continue ;;
		--mitigations)	mitigations=; shift; continue ;;
		--interactive)	interactive=on; shift; continue ;;
		--allow-splats)	splats_ok=1; shift; continue ;;
		-h|--help)	usage; exit 0 ;;
		--)		shift; break ;;
		--timeout|--smp|--mem)
			need_value "$@"
			[[ $2 =~ ^[0-9]+$ ]] || die "$1: '$2' is not a number"
			declare -g "${1#--}=$2" ;;
		--kernel)	need_value "$@"; kver=$2 ;;
		--append)	need_value "$@"; append+=" $2" ;;
		--share)	need_value "$@"; share+=("$2") ;;
		--log)		need_value "$@"; log=$2 ;;
		-*)		own_option "$@" || die "unknown option $1 (see $me --help)" ;;
		*)		break ;;
		esac
		shift 2
	done
	[ $# -gt 0 ] || die "no command given (see $me --help)"
	command=("$@")
	if [ -n "$icount" ]; then
		[ "${smp:-1}" = 1 ] || die "--icount runs one CPU only"
		smp=1
	fi
	[ -n "$kver" ] || kver=$("$top/tools/kver") || exit $ST_START
	[ -r "$root/boot/vmlinuz-$kver" ] || die "cannot read $root/boot/vmlinuz-$kver"
	[ -z "$interactive" ] || [ -t 0 ] || die "--interactive needs a terminal"
	[ -n "$timeout" ] || timeout=$([ -n "$interactive" ] && echo 0 || echo 300)
}
need_value() {
	[ $# -ge 2 ] || die "$1 needs a value (see $me --help)"
}

# The directory of this run, and what the host is to find in /run/host.
run= results= tty_state= emulator= watcher= copier=
begin() {
	local i dir
	run=$(mktemp -d "${TMPDIR:-/tmp}/hv-host.XXXXXX") || die "cannot create a directory"
	results=$run/results
	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mkdir "$results"
	# The command, quoted, in the directory it was called from.
	{
		printf 'cd %q || exit\n' "$PWD"
		[ -z "$root" ] || printf '[ -e /lib/modules/%s ] || ln -s %q /lib/modules/\n' \
			"$kver" "$root/lib/modules/$kver"
		printf 'export HOME=/root LANG=C.UTF-8 TERM=%q\n' "${TERM:-dumb}"
		printf 'exec'
		printf ' %q' "${command[@]}"
		echo
	} >"$results/command"
	: >"$results/shares"
	for i in "${!share[@]}"; do
		dir=$(cd "${share[i]}" 2>/dev/null && pwd) ||
			die "--share: no directory ${share[i]}"
		echo "share$i $dir" >>"$results/shares"
		share[i]=$dir
	done
	[ -z "$interactive" ] ||
		stty size | { read -r rows cols; echo "rows $rows cols $cols"; } >"$results/interactive"
	params="console=ttyS1,115200 quiet panic=-1 oops=panic unknown_nmi_panic"
	params+=" watchdog_thresh=30 rcupdate.rcu_cpu_stall_timeout=60 no_timer_check"
	params+=" $mitigations$append"
	mkfifo "$run/never" "$run/tty"
	exec 7<>"$run/never" 8<>"$run/tty"
}
cleanup() {
	trap '' INT TERM HUP
	[ -z "$watcher$emulator" ] || kill -KILL $watcher $emulator 2>/dev/null
	[ -z "$tty_state" ] || stty "$tty_state"
	[ -z "$log" ] || cp "$run/console" "$log" 2>/dev/null
	rm -rf "$run"
}

# What an emulated host needs every other second, if anything.
beat() {
	:
}

# Ends an emulator that outlives its limit, after the host's last_words().
# Reading a pipe that nobody writes to is a sleep without a process to clean up.
watch() {
	local never end=$((SECONDS + timeout)) done=
	while [ $SECONDS -lt $end ]; do
		read -r -t 2 never <>"$run/never" && return
		beat
		# The last thing the host does is to say so and switch off.
		[ -n "$done" ] || [ ! -s "$results/status" ] || done=$((SECONDS + 60))
		if [ -n "$done" ] && [ $SECONDS -ge "$done" ]; then
			echo "$me: the command ended, the emulator did not: stopped" >&2
			threads >&2
			kill -KILL "$emulator" 2>/dev/null
			return
		fi
	done
	: >"$run/timeout"
	last_words
	[ -s "$run/cpus" ] || threads >"$run/cpus"
	kill -KILL "$emulator" 2>/dev/null
}
# Where the emulator's threads wait, when it cannot say where the CPUs are.
threads() {
	local t
	for t in /proc/"$emulator"/task/*; do
		echo "  $(cat "$t/comm" "$t/wchan" 2>/dev/null | tr '\n' ' ')"
	done
}

# emulate OUTPUT PROGRAM ARG...: run the emulator to its end, or to that of its
# time; leaves its status in $rc.  It dies with us, however we die.  Our own
# standard output it gets only as somebody's terminal: it would make it
# non-blocking for everyone who shares it.
emulate() {
	local output=$1 start
	shift
	start=(setpriv --pdeathsig KILL -- "$@")
	if [ -n "$interactive" ]; then
		tty_state=$(stty -g)
	else
		cat <"$run/tty" 7>&- 8>&- &
		copier=$!
	fi
	if [ -n "$interactive" ] && [ "$output" = "$run/tty" ]; then
		"${start[@]}" <&0 2>"$run/stderr" 7>&- 8>&- &
	else
		"${start[@]}" </dev/null >"$output" 2>"$run/stderr" 7>&- 8>&- &
	fi
	emulator=$!
	if [ "$timeout" -gt 0 ]; then
		watch 8>&- &
		watcher=$!
	fi
	wait $emulator 2>/dev/null
	rc=$?
	emulator=
	exec 8>&-	# now the copier sees the end
	if [ -n "$watcher" ]; then
		echo >"$run/never"
		wait $watcher
		watcher=
	fi
	[ -z "$copier" ] || wait $copier
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

# The registers of a CPU that is halted with interrupts on.
asleep_re='RFL=.{5}[2367abef].. .*HLT=1'

# report: what became of a run, from $rc and the files in $run: exits with its
# status.
report() {
	local status= line
	[ -s "$results/status" ] && read -r status <"$results/status"
	splats "$run/console" >"$run/splats" 2>/dev/null
	if [ -s "$run/splats" ]; then
		echo "$me: the host's kernel says:"
		sed 's/\r*$//; s/^/  | /' "$run/splats"
	fi
	if [ -e "$run/timeout" ]; then
		echo "$me: no end within $timeout s, stopped"
		if [ -s "$run/cpus" ]; then
			sed '1i\  the CPUs were at:' "$run/cpus"
			! grep -q RIP= "$run/cpus" ||
				grep RIP= "$run/cpus" | grep -qvE "$asleep_re" || exit $ST_ASLEEP
		fi
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
