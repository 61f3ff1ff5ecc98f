#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The virtio devices of the hv command, with the drivers of a stock kernel: its
# modules are loaded from the initrd.  Prints KTAP.  Runs in a host that has the
# device; see lib/vmm.sh for its environment.  LONG=1: more rounds.
. "$(dirname "$0")/lib/vmm.sh"
io=$here/out/vmm_io
limit=400	# seconds for a guest, on a machine that does much else

# work: todo(), and what the guest's kernel says of it
work() {
	{
		cat
		echo "dmesg | grep -E 'BUG:|nobody cared|virtio.*(error|fail|not)|I/O error'"
		echo "echo guest ends"
	} | todo
}

# says NAME PATTERN: the guest wrote such a line
says() {
	st=0
	tr -d '\r' <"$tmp/out" | grep -qE "$2" || st="no line $2"
	[ "$st" = 0 ] || tail -30 "$tmp/out" >"$tmp/err"
	check "$1" 0
}

sum() {
	md5sum <"$1" | cut -d' ' -f1
}

test_usage() {
	error "disk missing" "No such file" run -d "$dev" -k "$kernel" -b /nonexistent
	error "disk is a directory" "directory|neither a file" run -d "$dev" -k "$kernel" -b /tmp
	error "disk is a terminal" "neither a file" run -d "$dev" -k "$kernel" -b /dev/null
	head -c 700 /dev/zero >"$tmp/odd"
	error "disk of half a sector" "sectors" run -d "$dev" -k "$kernel" -b "$tmp/odd"
	: >"$tmp/none"
	error "disk is empty" "sectors" run -d "$dev" -k "$kernel" -b "$tmp/none"
	head -c 1M /dev/zero >"$tmp/image"
	error "one disk twice" "in use" run -d "$dev" -k "$kernel" \
		-b "$tmp/image" -b "$tmp/image"
	error "too many disks" "at most" run -d "$dev" -k "$kernel" \
		$(for _ in {1..20}; do echo -b "$tmp/image,ro"; done)
}

test_disk() {
	local first second

	head -c 4M /dev/urandom >"$tmp/first.img"
	head -c 1M /dev/urandom >"$tmp/second.img"
	chmod 444 "$tmp/second.img"
	first=$(sum "$tmp/first.img") second=$(sum "$tmp/second.img")
	cp "$tmp/first.img" "$tmp/want"
	dd if=/dev/zero of="$tmp/want" bs=1M seek=1 count=2 conv=notrunc status=none
	printf 'written by the guest' |
		dd of="$tmp/want" bs=1 seek=3500000 conv=notrunc status=none
	work <<-'EOF'
	echo rng is $(cat /sys/class/misc/hw_random/rng_available)
	echo entropy $(head -c 3000 /dev/hwrng | wc -c)
	for d in /sys/bus/virtio/devices/*; do
		echo device $(cat $d/device) $(cat $d/features)
	done
	echo first $(cat /sys/block/vda/serial) $(md5sum </dev/vda)
	echo second $(cat /sys/block/vdb/ro) $(md5sum </dev/vdb)
	dd if=/dev/zero of=/dev/vdb bs=512 count=1 2>/dev/null || echo refused
	vmm_io zero /dev/vda && echo zeroed
	blkdiscard -o 2097152 -l 1048576 /dev/vda && echo discarded
	printf 'written by the guest' |
		dd of=/dev/vda bs=1 seek=3500000 conv=notrunc,fsync 2>/dev/null
	grep virtio /proc/interrupts
	EOF
	run "a guest with two disks" 0 $(linux) -a quiet \
		--rng -b "$tmp/first.img" -b "$tmp/second.img,ro"
	says "random numbers" '^rng is .*virtio_rng.0'
	says "... as many as asked for" '^entropy 3000$'
	says "split ring, event index, indirect descriptors" \
		'^device 0x0004 0{28}110010'
	says "packed ring with both" '^device 0x0002 [01]{28}1100101'
	says "a disk's contents and name" "^first first.img $first"
	says "a read-only disk's contents" "^second 1 $second"
	says "... which takes no writes" '^refused'
	says "write-zeroes" '^zeroed'
	says "discard" '^discarded'
	says "MSI-X" 'PCI-MSI.*virtio1-req'
	says "the guest got to its end" '^guest ends'
	! grep -E 'error|BUG:|nobody cared' "$tmp/out" >"$tmp/err"
	st=$?
	check "... and its kernel did not complain" 0
	st=0
	cmp "$tmp/want" "$tmp/first.img" >"$tmp/err" 2>&1 || st=contents
	check "the image is what the guest made of it" 0
	st=0
	[ "$(sum "$tmp/second.img")" = "$second" ] || st=contents
	check "the other is as it was" 0
}

# net NAME HOST-ADDRESS OPTIONS: packets of all sizes, both ways, on a tap
net() {
	local name=$1 tap=hvtest0 up=$tmp/up pid

	ip tuntap add $tap mode tap && ip addr add 10.77.0.1/24 dev $tap &&
		ip link set $tap up || { st=tap; check "$name" 0; return; }
	head -c 3M /dev/urandom >"$tmp/down"
	busybox nc -l -p 7001 <"$tmp/down" >/dev/null 2>&1 &
	busybox nc -l -p 7002 >"$up" 2>/dev/null <>"$tmp/open" &
	pid=$!
	run "$name" 0 $(linux) -a quiet -n "$tap$2"
	says "... it is the card asked for" '^mac 02:00:00:00:00:07'
	says "... $4" "^device 0x0001 $3"
	says "... ping" '^3 packets transmitted, 3 packets received'
	says "... from the host" "^got $(sum "$tmp/down")"
	wait_for $limit ended
	says "... to the host" "^sent $(sum "$up")"
	kill $(jobs -p) 2>/dev/null
	wait 2>/dev/null
	ip link del $tap
}
test_net() {
	modprobe -q tun
	modprobe -q vhost_net
	# Busybox's nc ends at the end of either input: one that never ends.
	mkfifo "$tmp/open"
	work <<-'EOF'
	mkfifo /open
	ip link set eth0 up
	ip addr add 10.77.0.2/24 dev eth0
	echo mac $(cat /sys/class/net/eth0/address)
	for d in /sys/bus/virtio/devices/*; do
		echo device $(cat $d/device) $(cat $d/features)
	done
	ping -c 3 -s 1400 10.77.0.1
	echo got $(nc 10.77.0.1 7001 <>/open | md5sum)
	head -c 3000000 /dev/urandom >/mnt/data
	nc 10.77.0.1 7002 </mnt/data >/dev/null
	echo sent $(md5sum </mnt/data)
	EOF
	error "no such interface" "ip tuntap" run -d "$dev" -k "$kernel" -n hvnone0
	error "not a tap" "must be a tap" run -d "$dev" -k "$kernel" -n lo
	net "a network card by this process" ,mac=02:00:00:00:00:07,vhost=off \
		'[01]{34}1' "packed ring"
	if [ -c /dev/vhost-net ]; then
		net "a network card by vhost-net" ,mac=02:00:00:00:00:07 \
			'[01]{15}1[01]{18}0' "buffers that can be put together"
	else
		skip "a network card by vhost-net" "no /dev/vhost-net"
	fi
}

test_vsock() {
	local pid

	modprobe -q vhost_vsock
	if [ ! -c /dev/vhost-vsock ]; then
		skip "vsock" "no /dev/vhost-vsock"
		return
	fi
	error "a number of the host's" "out of range" run -d "$dev" -k "$kernel" --vsock 2
	work <<-'EOF'
	head -c 500000 /dev/urandom >/mnt/data
	echo sent $(md5sum </mnt/data)
	vmm_io connect 7003 </mnt/data
	EOF
	timeout $limit "$io" listen 7003 >"$tmp/heard" 2>"$tmp/listen" &
	pid=$!
	run "a guest with vsock" 0 $(linux) -a quiet --vsock 77
	kill $pid 2>/dev/null
	wait $pid
	says "... what it sends arrives" "^sent $(sum "$tmp/heard")"
	says "... and is answered" '^the host heard 77$'
}

# What the guest heard flushed is there when the VMM has died at any time.
flushes() {
	ended || [ "$(grep -c flushed "$tmp/out")" -ge "$1" ]
}
test_crash() {
	local pid round flushed

	work <<<'vmm_io write /dev/vda $(sed "s/.*t.seed=//" /proc/cmdline)'
	for round in 1 ${LONG:+2 3 4 5 6 7 8 9}; do
		truncate -s 0 "$tmp/crash.img"
		truncate -s 16M "$tmp/crash.img"
		"$hv" run $(linux) -b "$tmp/crash.img" -c 1 \
			-a "quiet t.seed=$round" >"$tmp/out" 2>"$tmp/err" </dev/null &
		pid=$!
		wait_for $limit flushes $((20 * round + 1))
		kill -KILL $pid
		wait $pid 2>/dev/null
		# The last line may be cut short.
		flushed=$(tr -d '\r' <"$tmp/out" | sed '$d' |
			awk '/^flushed [0-9]+$/ { n = $2 } END { print n + 0 }')
		"$io" verify "$tmp/crash.img" $round "$flushed" >>"$tmp/err" 2>&1
		st=$?
		[ "$flushed" -ge $((640 * round)) ] || st="flushed only $flushed"
		check "killed after $((20 * round)) flushes: all that was flushed is there" 0
	done
}

test_sandbox() {
	local pid task bad=

	head -c 1M /dev/zero >"$tmp/image"
	work <<<'echo ready; sleep 100000'
	"$hv" run $(linux) --rng -b "$tmp/image" -a quiet >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	wait_for $limit ready
	for task in /proc/$pid/task/*; do
		grep -q '^Seccomp:.2' $task/status || bad=seccomp
		grep -q '^CapEff:.0*$' $task/status || bad=caps
		! grep -q '^Uid:.0' $task/status || bad=root
	done
	[ "$(ls /proc/$pid/task | wc -l)" -ge 4 ] || bad=threads
	kill $pid
	reap
	st=${bad:-$st}
	check "the devices' threads are in the sandbox, too, and end" 143
}
ready() {
	ended || grep -q '^ready' "$tmp/out"
}

echo "TAP version 13"
: >"$tmp/err"
if ! build_initrd virtio_pci virtio_blk virtio-rng virtio_net \
	vmw_vsock_virtio_transport; then
	echo "Bail out! no guest: run make in $here"
	exit 1
fi
for t in ${*:-usage disk net vsock crash sandbox}; do
	test_$t
done
echo "1..$count"
exit $((failed > 0))
