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
		[ ! -x "$t" ] || tests="$tests ${t##*/}"
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
	hv) insmod "$module" $HV_PARAMS || die "cannot load $module" ;;
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

# What one test said, then the kernel log: results go to the .tap and .tsv
# files, a summary to standard output. One process per test, because processes
# are what costs time in an emulated host.
evaluate='
function row(name, result) {
	print test "\t" name "\t" result >>tsv
	n[result]++
}
FNR == 1 && NR > 1 { in_log = 1 }
!in_log {
	print >>tap
	if (/^1\.\.[0-9]+$/)
		plan = substr($0, 4)
	if (/^(not )?ok [0-9]+ /) {
		seen++
		name = $1 == "not" ? $4 : $3
		row(name, $1 == "not" ? "fail" : / # SKIP/ ? "skip" : "pass")
	}
	if (/^(not ok|# )/)
		detail = detail "    " $0 "\n"
	if (!why && sub(/^# skipped: /, ""))
		why = $0
	next
}
index($0, mark) { ours = 1; next }
ours && lines++ < 60 { log_text = log_text "    log: " $0 "\n" }
ours && /WARNING:|BUG:|Oops|general protection|unchecked MSR|UBSAN|KASAN|rcu.*stall|soft lockup|hung task|Call Trace|sleeping function|refcount_t|Bad page/ {
	splat = 1
}
END {
	if (splat) {
		row("kernel_log", "fail")
		printf "%s", log_text >>tap
	}
	if (plan == "" || plan != seen)
		row("incomplete", "fail")
	if (n["fail"])
		printf "not ok %s\n%s%s", test, detail, log_text
	else if (n["pass"])
		print "ok " test
	else
		print "ok " test " # SKIP " why
}'

# Run test $2 on device $1 as run number $3.
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
	echo "# $2 on /dev/$1: status $?" >>"$out/one"
	dmesg | awk -v test="$2" -v mark="selftest-run $3:" \
		-v tsv="$out/$1.tsv" -v tap="$out/$1.tap" "$evaluate" "$out/one" -
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
