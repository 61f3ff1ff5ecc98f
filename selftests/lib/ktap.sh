# SPDX-License-Identifier: GPL-2.0-only
# KTAP for the mod_*.sh tests; to be sourced. run.sh sets HV_MODULE (the file)
# and HV_BIN (the built tests), and leaves hv loaded when a test starts.

: "${HV_MODULE:?run this through run.sh}" "${HV_BIN:?run this through run.sh}"
hold=$HV_BIN/hold
case_number=0
case_failed=

plan() {
	echo "KTAP version 1"
	echo "1..$1"
}

note() {
	echo "# $*"
}

# Mark the current case as failed, and say why.
bad() {
	note "$*"
	case_failed=1
}

# End the current case, named $1.
result() {
	case_number=$((case_number + 1))
	if [ -n "$case_failed" ]; then
		echo "not ok $case_number $1"
	else
		echo "ok $case_number $1"
	fi
	case_failed=
}

skip() {
	case_number=$((case_number + 1))
	note "skipped: $2"
	echo "ok $case_number $1 # SKIP"
}

loaded() {
	[ -d /sys/module/hv ]
}

load() {
	loaded || insmod "$HV_MODULE" "$@"
}

unload() {
	! loaded || rmmod hv
}

# Start "hold $*" in the background and wait until it holds. Sets holder, and
# says, the file with its output.
start_holder() {
	fifo=$(mktemp -u) && mkfifo "$fifo" || exit 1
	says=$(mktemp) || exit 1
	"$hold" "$@" <"$fifo" >"$says" &
	holder=$!
	exec 9>"$fifo"
	tries=0
	while ! grep -q . "$says"; do
		tries=$((tries + 1))
		if [ "$tries" -gt 100 ]; then
			bad "hold $*: no answer"
			break
		fi
		sleep 0.1
	done
	grep -q ready "$says" || bad "hold $*: $(cat "$says")"
	rm -f "$fifo"
}

stop_holder() {
	exec 9>&-
	kill -KILL "$holder" 2>/dev/null
	wait "$holder" 2>/dev/null
	rm -f "$says"
}

# Let "hold" end by itself. Sets said to what it printed after "ready".
finish_holder() {
	exec 9>&-
	wait "$holder"
	said=$(sed 1d "$says")
	rm -f "$says"
}

# Names of slab caches of the module, if any.
own_caches() {
	grep -o '^vhm_[^ ]*' /proc/slabinfo
}
