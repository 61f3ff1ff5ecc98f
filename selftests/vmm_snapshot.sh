#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Snapshots of a guest with virtio devices, taken while it works on all of them,
# with the drivers of a stock kernel.  Prints KTAP.  Runs in a host that has the
# device; see lib/vmm.sh for its environment.  LONG=1: more rounds.
. "$(dirname "$0")/lib/vmm.sh"
io=$here/out/vmm_io
limit=400	# seconds for a guest, on a machine that does much else
socket=$tmp/socket snap=$tmp/snap image=$tmp/disk.img

# devices IMAGE: all kinds that the host can serve, as options
devices() {
	printf '%s\n' -d "$dev" --control "$socket" --rng -b "$1" -b "$tmp/shared.img,ro" \
		-n hvsnap0,vhost=off -n hvsnap1
	[ ! -c /dev/vhost-vsock ] || printf '%s\n' --vsock "${cid:-78}"
}

tap() { # NAME ADDRESS
	ip tuntap add "$1" mode tap && ip addr add "$2/24" dev "$1" && ip link set "$1" up
}

# flushed: the last write that the guest says it has flushed, $tmp/out
flushed() {
	tr -d '\r' <"$tmp/out" | sed '$d' | awk '/^flushed [0-9]+$/ { n = $2 } END { print n + 0 }'
}
reached() { # N
	ended || [ "$(flushed)" -ge "$1" ]
}
# goes_on: it flushes on, and the source of random numbers gives more
goes_on() {
	local n
	n=$(grep -c flushed "$tmp/out")
	wait_for $limit flushes $((n + 3)) && wait_for $limit entropy && ! ended
}
flushes() { # N: times
	ended || [ "$(grep -c flushed "$tmp/out")" -ge "$1" ]
}
entropy() {
	ended || tail -c 3000 "$tmp/out" | grep -q '^entropy 100'
}

# restore ARG...: in the background, $pid; what it says goes on in the same file
restore() {
	rm -f "$socket"
	echo >"$tmp/out"
	"$hv" restore "$snap" "$@" >>"$tmp/out" 2>"$tmp/hv" </dev/null &
	pid=$!
	wait_for $limit serves
	st=0
}
serves() {
	ended || [ -S "$socket" ]
}

# answers NAME: both cards answer the host
answers() {
	local address
	st=0
	for address in 10.77.8.2 10.78.8.2; do
		wait_for $limit busybox ping -q -c 1 -W 5 -s 1000 $address >"$tmp/err" 2>&1 ||
			st="no answer of $address"
	done
	check "$1" 0
}

test_refused() {
	local other=$tmp/other.img d=(-d "$dev") rest=(-n hvsnap0,vhost=off -n hvsnap1)

	[ ! -c /dev/vhost-vsock ] || rest+=(--vsock 78)
	error "no devices" "say --rng as well" restore "$snap" "${d[@]}"
	error "a disk too few" "say --disk as well" restore "$snap" "${d[@]}" --rng -b "$image"
	error "a device too many" "has no .* there" restore "$snap" "${d[@]}" --rng \
		-b "$image" -b "$tmp/shared.img,ro" "${rest[@]}" -b "$tmp/third.img"
	error "another order" "guest's device 3" restore "$snap" "${d[@]}" \
		-b "$image" -b "$tmp/shared.img,ro" -b "$tmp/third.img" "${rest[@]}"
	cp "$image" "$other"
	error "a disk of another name" "another id" restore "$snap" "${d[@]}" --rng \
		-b "$other" -b "$tmp/shared.img,ro" "${rest[@]}"
	truncate -s +512 "$other"
	error "a disk of another size" "another size" restore "$snap" "${d[@]}" --rng \
		-b "$other,id=disk.img" -b "$tmp/shared.img,ro" "${rest[@]}"
	error "a disk that was read-only" "was read-only" restore "$snap" "${d[@]}" --rng \
		-b "$image" -b "$tmp/shared.img" "${rest[@]}"
	error "a disk that was writable" "was writable" restore "$snap" "${d[@]}" --rng \
		-b "$image,ro" -b "$tmp/shared.img,ro" "${rest[@]}"
	error "memory said again" "the snapshot says" restore "$snap" -m 64 --rng
}

test_snapshot() {
	local pid round n

	head -c 16M /dev/zero >"$image"
	head -c 1M /dev/zero | tee "$tmp/shared.img" >"$tmp/third.img"
	todo <<-'EOF'
	ip link set eth0 up
	ip addr add 10.77.8.2/24 dev eth0
	ip link set eth1 up
	ip addr add 10.78.8.2/24 dev eth1
	while sleep 1; do
		echo entropy $(head -c 100 /dev/hwrng | wc -c)
		echo hello | vmm_io connect 7004
	done 2>/dev/null &
	vmm_io write /dev/vda 5
	EOF
	"$hv" run $(linux) $(devices "$image") -a quiet >"$tmp/out" 2>"$tmp/hv" </dev/null &
	pid=$!
	wait_for $limit reached 256
	answers "a guest with all devices, at work"
	ask 0 pause "$socket"
	ask 0 snapshot "$socket" "$snap"
	check "it is kept in a file" 0
	# Only now: what is left in the rings is written twice, not never.
	cp "$image" "$tmp/copy.img"
	ask 0 resume "$socket"
	goes_on || st=stands
	check "... and goes on" 0
	answers "... on its networks, too"
	kill -KILL $pid
	wait $pid 2>/dev/null
	test_refused

	# A copy of the disk as it was then, and another number for vsock.
	cid=79
	restore $(devices "$tmp/copy.img,id=disk.img")
	goes_on || st=stands
	check "a clone goes on, on a copy of the disk" 0
	socket=$tmp/second error "its disk has no second guest" "in use" \
		restore "$snap" $(devices "$tmp/copy.img,id=disk.img" | grep -v hvsnap | grep -vx -e -n)
	if [ -c /dev/vhost-vsock ]; then
		timeout $limit "$io" listen 7004 >"$tmp/heard" 2>"$tmp/err"
		grep -q hello "$tmp/heard" && st=0 || st=silence
		check "... it knows its number" 0
	else
		skip "... it knows its number" "no /dev/vhost-vsock"
	fi
	for round in 1 ${LONG:+$(seq 2 25)}; do
		ask 0 snapshot "$socket" "$snap"
		[ "$st" = 0 ] || check "round $round: kept" 0
		kill -KILL $pid
		wait $pid 2>/dev/null
		# The guest had flushed that much at the snapshot, and may repeat the rest.
		restore $(devices "$tmp/copy.img,id=disk.img")
		goes_on || st=stands
		check "round $round: kept while it works, killed, and restored" 0
	done
	answers "... on its networks, too"
	n=$(flushed)
	ask 0 stop "$socket"
	reap
	check "it can be stopped, its devices' threads, too" 123
	"$io" verify "$tmp/copy.img" 5 "$n" >"$tmp/err" 2>&1
	st=$?
	check "all that was flushed is on the disk" 0
	! grep -E 'BUG:|nobody cared|rror|fail' "$tmp/out" "$tmp/hv" >"$tmp/err"
	st=$?
	check "nobody complained" 0
}

echo "TAP version 13"
: >"$tmp/err"
modprobe -q tun
modprobe -q vhost_net
modprobe -q vhost_vsock
if ! build_initrd virtio_pci virtio_blk virtio-rng virtio_net \
	vmw_vsock_virtio_transport || ! tap hvsnap0 10.77.8.1 || ! tap hvsnap1 10.78.8.1; then
	echo "Bail out! no guest: run make in $here"
	exit 1
fi
test_snapshot
ip link del hvsnap0
ip link del hvsnap1
echo "1..$count"
exit $((failed > 0))
