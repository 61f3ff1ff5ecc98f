#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The hv command: errors, exit statuses, terminal and pipes, and a Linux guest.
# Prints KTAP.  Runs in a host that has the device.
#   HV_DEV   device (default /dev/hv)
#   HV       the hv program (default ../userspace/hv)
#   KERNEL   guest kernel (default: the newest /boot/vmlinuz-*)
. "$(dirname "$0")/lib/vmm.sh"

tiny() {
	printf '%s\n' -d "$dev" -k "$tmp/tiny" -m 64
}

# What a guest does is said by its kernel's parameters.
guest_todo() {
	todo <<-'END'
	do=
	for word in $(cat /proc/cmdline); do
		case $word in t.do=*) do=${word#*=} ;; esac
	done
	case $do in
	uname)	uname -a; cat /proc/interrupts ;;
	dmesg)	dmesg -r ;;
	status)	printf '\007' | dd of=/dev/port bs=1 seek=244 ;;
	reboot)	reboot -f ;;
	panic)	echo c >/proc/sysrq-trigger ;;
	sum)	stty -echo
		head -c 20000 | md5sum ;;
	idle)	echo ready; sleep 5 ;;
	shell)	setsid cttyhack sh ;;
	esac
	END
}

test_usage() {
	error "no command" "no command" ""
	error "unknown command" "unknown command" fly
	error "no kernel" "--kernel" run
	error "unknown option" "unknown option" run --fly
	error "option without value" "needs a value" run --kernel
	error "stray argument" "not an option" run -k x y
	error "memory: no number" "not a number" run -k x -m lots
	error "memory: negative" "not a number" run -k x -m -5
	error "memory: unit" "256M or 1G" run -k x -m 5X
	error "memory: zero" "out of range" run -k x -m 0
	error "memory: huge" "out of range" run -k x -m 99999999999G
	error "cpus: zero" "out of range" run -k x -c 0
	timeout -k 5 60 "$hv" run --help >"$tmp/out" 2>"$tmp/err"
	st=$?
	[ "$(wc -l <"$tmp/out")" -le 30 ] || st=long
	check "run --help fits a screen" 0
	timeout -k 5 60 "$hv" version >"$tmp/out" 2>"$tmp/err"
	st=$?
	grep -Eq '^hv [0-9]' "$tmp/out" || st=output
	check "version" 0
}

test_files() {
	local d=(-d "$dev")

	error "device absent" "load the module" run -d /nonexistent -k "$kernel"
	error "device is no KVM" "not a KVM device" run -d /dev/null -k "$kernel"
	error "kernel missing" "No such file" run "${d[@]}" -k /nonexistent
	error "kernel is a directory" "not a regular file" run "${d[@]}" -k /boot
	error "kernel is a script" "not a Linux kernel" run "${d[@]}" -k "$0"
	: >"$tmp/empty"
	error "kernel is empty" "empty" run "${d[@]}" -k "$tmp/empty"
	head -c 5000 "$kernel" >"$tmp/short"
	error "kernel cut short" "cut short" run "${d[@]}" -k "$tmp/short"
	error "ELF without entry" "no PVH entry" run "${d[@]}" -k /bin/busybox
	error "initrd missing" "No such file" run "${d[@]}" -k "$kernel" -i /nonexistent
	error "too little memory" "at least --memory [0-9]+" \
		run "${d[@]}" -k "$kernel" -m 16
	error "command line too long" "too many" run "${d[@]}" -k "$kernel" \
		-a "$(head -c 3000 /dev/zero | tr '\0' x)"
	error "too many CPUs" "takes at most|out of range" \
		run "${d[@]}" -k "$kernel" -c 100000
	if [ "$(id -u)" = 0 ]; then
		chmod 600 "$dev"
		timeout -k 5 60 setpriv --reuid 65534 --clear-groups "$hv" run \
			"${d[@]}" -k "$kernel" >"$tmp/out" 2>"$tmp/err"
		st=$?
		grep -q 'Permission denied (join the group' "$tmp/err" || st=message
		check "error: device not permitted" 1
	else
		skip "error: device not permitted" "not root"
	fi
}

test_status() {
	run "power-off is 0" 0 $(tiny) -a p
	run "exit port gives the status" 42 $(tiny) -a e
	run "keyboard controller's reset is 120" 120 $(tiny) -a k
	run "reset register is 120" 120 $(tiny) -a r
	run "triple fault is 121" 121 $(tiny) -a t
	run "garbage is 121" 121 $(tiny) -a g
	run "a jump to nowhere is 122" 122 $(tiny) -a j
	if grep -q '^hv: internal error' "$tmp/err" &&
	   grep -q '^rax ' "$tmp/err" && grep -q '^cr0 ' "$tmp/err"; then
		ok "... with a register dump"
	else
		not_ok "... with a register dump"
	fi
	run "without the sandbox" 42 $(tiny) -a e --no-sandbox
}

# start ARG...: a tiny guest in the background, $pid; returns once it is past
# set-up, which ends with seccomp
start() {
	"$hv" run $(tiny) "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	wait_for 60 sandboxed
}
sandboxed() {
	ended || grep -qs '^Seccomp:.2' /proc/$pid/status
}

# dies NAME SIGNAL WHAT: a guest that never ends by itself dies of a signal
dies() {
	local pid

	start -a "$3"
	kill -"$2" $pid
	reap
	check "$1" $((128 + $(kill -l "$2")))
}

test_signals() {
	dies "SIGTERM ends a halted guest" TERM h
	dies "SIGINT ends it without a terminal" INT h
	dies "SIGHUP ends it" HUP h
	dies "SIGTERM ends an MMIO storm" TERM m
	dies "kill -9 works" KILL m
}

test_pipes() {
	timeout -k 5 120 "$hv" run $(tiny) -a o 2>"$tmp/err" </dev/null |
		{ sleep 2; tr -dc x | wc -c >"$tmp/out"; }
	st=${PIPESTATUS[0]}
	[ "$(cat "$tmp/out")" = 100000 ] || st="$(cat "$tmp/out") bytes"
	check "a slow reader gets every byte" 0

	head -c 30000 /dev/urandom | base64 -w0 >"$tmp/in"
	{ cat "$tmp/in"; printf '\004'; } |
		timeout -k 5 120 "$hv" run $(tiny) -a i >"$tmp/out" 2>"$tmp/err"
	st=$?
	cmp -s "$tmp/in" "$tmp/out" || st="$(wc -c <"$tmp/out") of $(wc -c <"$tmp/in") bytes"
	check "input comes back byte for byte" 0

	timeout -k 5 120 "$hv" run $(tiny) -a o 2>"$tmp/err" </dev/null | true
	st=${PIPESTATUS[0]}
	check "a reader that went away does not stop the guest" 0

	timeout -k 5 120 "$hv" run $(tiny) -a p <&- >"$tmp/out" 2>"$tmp/err"
	st=$?
	check "standard input closed" 0
}

test_linux() {
	local pid before after

	run "Linux boots and powers off" 0 $(linux) -a "quiet t.do=uname"
	if grep -q '^Linux ' "$tmp/out" && grep -q ttyS0 "$tmp/out"; then
		ok "... its console is interrupt-driven"
	else
		not_ok "... its console is interrupt-driven"
	fi
	run "Linux reboots: 120" 120 $(linux) -a "quiet t.do=reboot"
	run "Linux panics: 120" 120 $(linux) -a "quiet t.do=panic"
	run "status through /dev/port" 7 $(linux) -a "quiet t.do=status"

	run "kernel log" 0 $(linux) -a "quiet t.do=dmesg"
	# TCG does not let the host see XSETBV, so every guest there complains
	# about the size of its XSAVE area; and the emulated CPU is one with
	# known speculation bugs.  Both are the host's.
	awk '/cut here/ { block = ""; open = 1 }
	     open { block = block $0 "\n" }
	     /end trace/ { if (block !~ /fpu\/xstate.c/) printf "%s", block
			   open = 0; next }
	     !open' "$tmp/out" | grep -vE 'Speculative Return Stack' |
		grep -E '^<[0-4]>.*(WARN|BUG|Call Trace|[Ff]irmware|ACPI)|^<[0-3]>' >"$tmp/err"
	st=0
	[ ! -s "$tmp/err" ] || st=warnings
	check "... has no warning" 0

	# Typed before the guest even runs; the driver's set-up must lose none.
	head -c 15000 /dev/urandom | base64 -w 99 |
		head -c 20000 >"$tmp/in"
	timeout -k 5 120 "$hv" run $(linux) -a "quiet t.do=sum" \
		<"$tmp/in" >"$tmp/out" 2>"$tmp/err"
	st=$?
	grep -q "$(md5sum <"$tmp/in" | cut -d' ' -f1)" "$tmp/out" || st=sum
	check "20,000 bytes of input reach a program in the guest" 0

	"$hv" run $(linux) -a "quiet t.do=idle" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	wait_for 100 idle
	before=$(awk '{ print $14 + $15 }' /proc/$pid/stat)
	sleep 3
	after=$(awk '{ print $14 + $15 }' /proc/$pid/stat)
	reap
	[ $((after - before)) -lt 60 ] || st="busy: $((after - before)) ticks in 3 s"
	check "an idle guest with no input costs little" 0
}
idle() {
	ended || grep -q ready "$tmp/out"
}

test_sandbox() {
	local pid

	start -a h
	st=0
	[ "$(awk '/^Seccomp:/ { print $2 }' /proc/$pid/status)" = 2 ] || st=seccomp
	[ "$(awk '/^NoNewPrivs:/ { print $2 }' /proc/$pid/status)" = 1 ] || st=privs
	[ "$(awk '/^CapEff:/ { print $2 }' /proc/$pid/status)" = 0000000000000000 ] || st=caps
	[ "$(awk '/^Uid:/ { print $2 }' /proc/$pid/status)" != 0 ] || st=root
	kill $pid
	wait_for 100 ended || { st=alive; kill -KILL $pid; }
	wait $pid 2>/dev/null
	check "the guest runs without root, capabilities, and under seccomp" 0
}

# typed NAME TEXT: the user at the terminal has seen the text
typed() {
	st=0
	grep -q "^seen: $2" "$tmp/err" || st="not seen"
	check "$1" 0
}

test_terminal() {
	if ! command -v expect >/dev/null; then
		skip "terminal" "expect is missing"
		return
	fi
	# One boot for all that a user does at a shell's prompt.
	HVCMD="$hv run $(linux | tr '\n' ' ') -a {quiet t.do=shell}" \
		timeout -k 5 300 expect -c '
		set timeout 200
		proc seen {text} { expect $text { puts "\nseen: $text" } timeout { exit 77 } }
		eval spawn -noecho $env(HVCMD)
		seen {# }
		send "trap \"echo got-int\" INT; echo sleeping; sleep 50\r"
		expect -re {\nsleeping} { send "\003" }
		seen got-int
		seen {# }
		send "echo reading; od -c -N 1; echo next\r"
		expect -re {\nreading} { send "\001\001\r" }
		seen 001
		expect -re {\nnext} { send "\001h" }
		seen {this help}
		send "\r"
		seen {# }
		send "exit\r"
		expect eof
		exit [lindex [wait] 3]' >"$tmp/err" 2>&1 </dev/null
	st=$?
	check "exit at the prompt powers off" 0
	typed "Ctrl-C reaches the guest" got-int
	typed "Ctrl-A Ctrl-A sends one" 001
	typed "Ctrl-A h helps" "this help"

	HVCMD="stty -a >$tmp/before; $hv run $(tiny | tr '\n' ' ') -a h; echo left \$?; stty -a >$tmp/after" \
		timeout -k 5 60 expect -c '
		set timeout 30
		spawn -noecho sh -c $env(HVCMD)
		sleep 2; send "\001x"
		expect {left 123} {} timeout { exit 77 }
		expect eof' >"$tmp/err" 2>&1 </dev/null
	st=$?
	check "Ctrl-A x leaves" 0
	cmp -s "$tmp/before" "$tmp/after" || st=modes
	check "the terminal's modes are restored" 0

	HVCMD="stty -a >$tmp/before; $hv run $(tiny | tr '\n' ' ') -a h & sleep 2; kill -SEGV \$!; wait \$!; stty -a >$tmp/after; echo left" \
		timeout -k 5 60 expect -c '
		set timeout 30
		spawn -noecho bash -c $env(HVCMD)
		expect left {} timeout { exit 77 }
		expect eof' >"$tmp/err" 2>&1 </dev/null
	st=$?
	cmp -s "$tmp/before" "$tmp/after" || st=modes
	check "... after a crash as well" 0
}

# counted FILE: how far the guest has counted, by its last whole line
counted() {
	local n
	n=$(tail -c 100 "$1" | sed -n 's/^\([0-9a-f]\{8\}\) [0-9a-f]\{8\} [0-9a-f]\{8\}$/\1/p' |
		tail -1)
	echo $((16#0$n))
}
reached() { # FILE N
	ended || [ "$(counted "$1")" -ge "$2" ]
}
# counts_on FILE: the guest counts further than it has now
counts_on() {
	wait_for 100 reached "$1" $(($(counted "$1") + 2)) && ! ended
}
# same FILE...: the files' last lines end in the same two numbers
same() {
	[ "$(tail -q -c 300 "$@" | sed -n 's/^[0-9a-f]\{8\} \([0-9a-f]\{8\} [0-9a-f]\{8\}\)$/\1/p' |
		sort -u | wc -l)" = 1 ]
}
test_control() {
	local pid n socket=$tmp/socket

	start -a c --control "$socket"
	wait_for 100 reached "$tmp/out" 1
	ask 0 status "$socket"
	grep -q '^state *running$' "$tmp/said" && grep -q '^cpus *1$' "$tmp/said" &&
		grep -q "^memory *$((64 << 20))$" "$tmp/said" || st=answer
	check "status of a running guest" 0
	ask 0 pause "$socket"
	check "pause" 0
	ask 0 status "$socket"
	grep -q '^state *paused$' "$tmp/said" || st=answer
	# What was on its way to the terminal has come: the answer followed it.
	n=$(wc -c <"$tmp/out")
	ask 0 status "$socket"
	sleep 1
	[ "$(wc -c <"$tmp/out")" = "$n" ] || st="goes on"
	check "a paused guest stands still" 0
	ask 0 pause "$socket"
	check "pause of a paused guest" 0
	ask 0 resume "$socket"
	counts_on "$tmp/out" || st=stands
	check "a resumed guest goes on" 0
	printf 'GET / HTTP/1.0\r\n\0' | timeout 20 socat -t 5 - "UNIX-CONNECT:$socket" >"$tmp/said"
	[ ! -s "$tmp/said" ] || st=answer
	head -c 10000 /dev/zero | tr '\0' x | timeout 20 socat -t 5 - "UNIX-CONNECT:$socket" >"$tmp/said" 2>&1
	printf '{"method":"org.hv.Machine.Fly"}\0' | timeout 20 socat -t 5 - "UNIX-CONNECT:$socket" >"$tmp/said"
	grep -q MethodNotFound "$tmp/said" || st=answer
	printf '{"method":"org.hv.Machine.Snapshot"}\0' | timeout 20 socat -t 5 - "UNIX-CONNECT:$socket" >"$tmp/said"
	grep -q 'no file came' "$tmp/said" || st=answer
	counts_on "$tmp/out" || st=stands
	check "what is not a request changes nothing" 0
	ask 0 stop "$socket"
	check "stop" 0
	reap
	check "... ends the VM" 123
	ask 1 status "$socket"
	grep -q 'the VM is gone' "$tmp/err" || st=message
	check "a socket without a VM" 1
	rm -f "$socket"
}

test_snapshot() {
	local pid n i socket=$tmp/socket snap=$tmp/snap pids=()

	start -a c --control "$socket"
	wait_for 100 reached "$tmp/out" 2
	ask 0 snapshot "$socket" "$snap"
	check "snapshot of a running guest" 0
	n=$(counted "$tmp/out")
	counts_on "$tmp/out" || st=stands
	check "... which goes on" 0
	mkdir "$tmp/small"
	if mount -t tmpfs -o size=8k small "$tmp/small" 2>"$tmp/err"; then
		ask 1 snapshot "$socket" "$tmp/small/snap"
		grep -q 'No space left' "$tmp/err" && [ -z "$(ls "$tmp/small")" ] || st=message
		counts_on "$tmp/out" || st=stands
		check "a full disk: an error, no file, the guest goes on" 1
		umount "$tmp/small"
	else
		skip "a full disk" "no tmpfs"
	fi
	ask 0 pause "$socket"
	ask 0 snapshot "$socket" "$snap.2"
	ask 0 status "$socket"
	grep -q '^state *paused$' "$tmp/said" || st=answer
	check "a paused guest is still paused after a snapshot" 0
	ask 0 stop "$socket"
	reap
	cp "$tmp/out" "$tmp/first"
	rm -f "$socket"

	for i in 1 2 3; do
		"$hv" restore "$snap" -d "$dev" --control "$socket.$i" \
			>"$tmp/out.$i" 2>"$tmp/err" </dev/null &
		pids+=($!)
	done
	for i in 1 2 3; do
		pid=${pids[i - 1]}
		wait_for 100 reached "$tmp/out.$i" $((n + 1))
		ask 0 stop "$socket.$i"
		reap
		[ "$(counted "$tmp/out.$i")" -gt "$n" ] || st=stands
		! grep -q '^00000001 ' "$tmp/out.$i" || st="from the start"
		same "$tmp/first" "$tmp/out.$i" || st="other numbers"
		check "clone $i goes on where the guest was" 123
	done

	cp "$snap" "$tmp/bad"
	printf 'X' | dd of="$tmp/bad" bs=1 seek=100 conv=notrunc 2>"$tmp/err"
	error "snapshot: state damaged" "damaged" restore "$tmp/bad" -d "$dev"
	printf 'XYZ' | dd of="$tmp/bad" bs=1 seek=13 conv=notrunc 2>"$tmp/err"
	error "snapshot: header damaged" "damaged" restore "$tmp/bad" -d "$dev"
	cp "$snap" "$tmp/bad"
	truncate -s -1 "$tmp/bad"
	error "snapshot: cut short" "cut short" restore "$tmp/bad" -d "$dev"
	error "snapshot: not one" "not a snapshot" restore "$kernel" -d "$dev"
	error "snapshot: memory said again" "the snapshot says" restore "$snap" -d "$dev" -m 64
	error "snapshot: no socket" "No such file" snapshot "$tmp/none" "$tmp/bad"
	rm -f "$tmp/bad" "$snap" "$snap.2"
}

# KVM holds SVM or VMX while it has a VM; hv must say so and leave.
test_owner() {
	local pid loaded=

	if [ "$dev" != /dev/kvm ] && [ ! -c /dev/kvm ]; then
		modprobe -q kvm_amd || modprobe -q kvm_intel
		loaded=1
	fi
	if [ "$dev" = /dev/kvm ] || [ ! -c /dev/kvm ]; then
		skip "another hypervisor holds the CPU" "needs /dev/kvm beside $dev"
		return
	fi
	"$hv" run -d /dev/kvm -k "$tmp/tiny" -m 64 -a h \
		>"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	sleep 2
	error "another hypervisor holds the CPU" "another hypervisor" \
		run $(tiny) -a p
	kill -KILL $pid
	wait $pid 2>/dev/null
	run "... and takes turns" 0 $(tiny) -a p
	[ -z "$loaded" ] || modprobe -r kvm_amd kvm_intel kvm 2>/dev/null
}

echo "TAP version 13"
: >"$tmp/err"
if ! cp "$here/out/vmm_guest" "$tmp/tiny" || ! build_initrd || ! guest_todo; then
	echo "Bail out! no guests: run make in $here"
	exit 1
fi
for t in ${*:-usage files status signals sandbox pipes control snapshot linux terminal owner}; do
	test_$t
done
echo "1..$count"
exit $((failed > 0))
