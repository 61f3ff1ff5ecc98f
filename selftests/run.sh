#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Run the selftests on this machine's hypervisor(s); see usage below.
#
# Runs inside the (emulated) host, as root. Needs no more than a POSIX shell,
# the usual small tools and util-linux or busybox.

here=$(cd "$(dirname "$0")" && pwd)
bin=$here/out
out=
devices=hv
module=
limit=90

usage() {
	cat <<END
usage: run.sh [--dev hv|kvm|both] [--module FILE] [--bin DIR] [--out DIR]
              [--timeout S] [TEST...]

Loads the hypervisor, runs every test on it (or those named), watches the
kernel log after each, unloads it.

  --dev D       hv (default), kvm (stock KVM: the oracle), or both, one after
                the other, with a list of the tests whose results differ
  --module F    the hv.ko to load (default: hv.ko beside selftests/); no
                module is loaded where the device node exists already
  --bin DIR     where the built tests are (default: out/ beside this script)
  --out DIR     keep results here: DEV.tap (everything), DEV.tsv (test, case,
                result)
  --timeout S   limit for one test program (default $limit)

Exit status: 0 when nothing failed, 1 otherwise, 2 for wrong usage.
END
}

die() {
	echo "run.sh: $*" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--dev) devices=$2; shift 2 || die "--dev needs a value" ;;
	--module) module=$2; shift 2 || die "--module needs a value" ;;
	--bin) bin=$2; shift 2 || die "--bin needs a value" ;;
	--out) out=$2; shift 2 || die "--out needs a value" ;;
	--timeout) limit=$2; shift 2 || die "--timeout needs a value" ;;
	-h|--help) usage; exit 0 ;;
	-*) usage >&2; exit 2 ;;
	*) break ;;
	esac
done
case $devices in
hv|kvm) ;;
both) devices="hv kvm" ;;
*) usage >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || die "needs root, to load modules"
[ -d "$bin" ] || die "$bin: no tests here; run make first"
if [ -z "$module" ]; then
	module=$here/../hv.ko
	[ ! -f "$here/../build/hv.ko" ] || module=$here/../build/hv.ko
fi
if [ -z "$out" ]; then
	out=$(mktemp -d) || exit 2
	trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out" || exit 2

tests=$*
if [ -z "$tests" ]; then
	for t in "$bin"/abi_* "$bin"/run_* "$bin"/irq_* "$bin"/mmu_* \
		 "$bin"/stress_* "$here"/mod_*.sh; do
		[ ! -x "$t" ] || tests="$tests $(basename "$t")"
	done
fi

vendor_module() {
	if grep -qw svm /proc/cpuinfo; then
		echo kvm-amd
	else
		echo kvm-intel
	fi
}

unload_kvm() {
	rmmod "$(vendor_module)" 2>/dev/null
	rmmod kvm 2>/dev/null
	return 0
}

# Load what serves device $1, unless it is there.
load() {
	[ ! -e "/dev/$1" ] || return 0
	case $1 in
	hv) insmod "$module" || die "cannot load $module" ;;
	kvm) modprobe "$(vendor_module)" || die "cannot load stock KVM" ;;
	esac
	[ -e "/dev/$1" ] || die "/dev/$1 did not appear"
}

unload() {
	case $1 in
	hv) [ ! -d /sys/module/hv ] || rmmod hv ;;
	kvm) unload_kvm ;;
	esac
}

splat='WARNING:|BUG:|Oops|general protection|unchecked MSR|UBSAN|KASAN|rcu.*stall|soft lockup|hung task|Call Trace|sleeping function|refcount_t|Bad page'

# Lines of the kernel log since the marker of run number $1.
log_since() {
	dmesg | sed -n "/selftest-run $1:/,\$p" | sed 1d
}

# Run test $2 on device $1 as run number $3; appends to the result files.
run_one() {
	program=$bin/$2
	own=
	case $2 in
	*.sh)
		program=$here/$2
		# A script may ask for more time than others get.
		own=$(sed -n 's/^# Limit: \([0-9]*\) s$/\1/p' "$program")
		;;
	esac
	echo "selftest-run $3: $2 on $1" >/dev/kmsg
	HV_DEV=/dev/$1 HV_MODULE=$module HV_BIN=$bin \
		timeout -s KILL "${own:-$limit}" "$program" >"$out/one" 2>&1 </dev/null
	status=$?
	{
		echo "# $2 on /dev/$1: status $status"
		cat "$out/one"
	} >>"$out/$1.tap"
	sed -n -e "s/^ok [0-9]* \([^ ]*\) # SKIP.*/$2	\1	skip/p;t" \
	       -e "s/^ok [0-9]* \([^ ]*\).*/$2	\1	pass/p" \
	       -e "s/^not ok [0-9]* \([^ ]*\).*/$2	\1	fail/p" \
		"$out/one" >"$out/rows"
	if log_since "$3" | grep -E "$splat" >"$out/splats"; then
		printf '%s\t%s\tfail\n' "$2" kernel_log >>"$out/rows"
		log_since "$3" | sed 's/^/# log: /' >>"$out/$1.tap"
	fi
	# A program that did not get through its plan has failed.
	plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$out/one" | head -n 1)
	seen=$(grep -c -E '^(not )?ok ' "$out/one")
	if [ "$plan" != "$seen" ]; then
		printf '%s\t%s\tfail\n' "$2" incomplete >>"$out/rows"
	fi
	cat "$out/rows" >>"$out/$1.tsv"
	if grep -q '	fail$' "$out/rows"; then
		echo "not ok $2"
		grep -E '^(not ok|# )' "$out/one" | sed 's/^/    /'
		log_since "$3" | head -n 40 | sed 's/^/    log: /'
	elif grep -q '	pass$' "$out/rows"; then
		echo "ok $2"
	else
		echo "ok $2 # SKIP $(sed -n 's/^# skipped: //p' "$out/one" | head -n 1)"
	fi
}

count() {
	grep -c "	$2\$" "$out/$1.tsv"
}

number=0
failed=0
for dev in $devices; do
	: >"$out/$dev.tap"
	: >"$out/$dev.tsv"
	[ "$dev" = hv ] && unload_kvm
	load "$dev"
	echo "# on /dev/$dev"
	for t in $tests; do
		number=$((number + 1))
		case $dev-$t in
		kvm-mod_*) continue ;;	# these are about hv.ko
		esac
		load "$dev"
		run_one "$dev" "$t" "$number"
	done
	unload "$dev" || {
		echo "not ok unload of $dev"
		failed=1
	}
	echo "# /dev/$dev: $(count "$dev" pass) passed," \
	     "$(count "$dev" fail) failed, $(count "$dev" skip) skipped"
	[ "$(count "$dev" fail)" = 0 ] || failed=1
done

if [ "$devices" = "hv kvm" ]; then
	echo "# tests that differ (test, case, hv, kvm):"
	awk -F '\t' 'NR == FNR { hv[$1 FS $2] = $3; next }
		($1 FS $2) in hv && hv[$1 FS $2] != $3 {
			print "#   " $1 " " $2 " " hv[$1 FS $2] " " $3
			n++
		}
		END { if (!n) print "#   none" }' "$out/hv.tsv" "$out/kvm.tsv"
fi
exit $failed
