#!/bin/sh
# Captures packets of real programs in namespaces of its own: run by hand, as root, when a capture is added.
# Needs tcpdump, iproute2, ethtool, iputils-ping, netcat-openbsd, curl, python3. The captures are read by
# test/unit/wire/golden.test.ts, beside each stands what tcpdump makes of it.
set -eu
cd "$(dirname "$0")"

# a (10.9.1.2) -- r (10.9.1.1, 10.9.2.1) -- b (10.9.2.2); the second link has an MTU of 1400.
A=golden-a-$$ R=golden-r-$$ B=golden-b-$$
WORK=$(mktemp -d)
SERVERS=
finish() {
  for pid in $SERVERS; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  for ns in $A $R $B; do ip netns delete "$ns" 2>/dev/null || true; done
  rm -rf "$WORK"
}
trap finish EXIT
trap "exit 1" INT TERM

in_a() { ip netns exec "$A" "$@"; }

for ns in $A $R $B; do ip netns add "$ns"; ip -n "$ns" link set lo up; done
ip -n "$A" link add eth0 type veth peer name eth0 netns "$R"
ip -n "$B" link add eth0 mtu 1400 type veth peer name eth1 mtu 1400 netns "$R"
ip -n "$A" address add 10.9.1.2/24 dev eth0
ip -n "$R" address add 10.9.1.1/24 dev eth0
ip -n "$R" address add 10.9.2.1/24 dev eth1
ip -n "$B" address add 10.9.2.2/24 dev eth0
# Offload would leave super-segments and unfinished checksums in the captures.
for place in "$A eth0" "$R eth0" "$R eth1" "$B eth0"; do
  set -- $place
  ip netns exec "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null
  ip -n "$1" link set "$2" up
done
ip -n "$A" route add default via 10.9.1.1
ip -n "$B" route add default via 10.9.2.1
ip netns exec "$R" sysctl -qw net.ipv4.ip_forward=1
sleep 1

# What runs in the background is started without a function: $! is then the program itself.

# capture NAME FILTER COMMAND…: what passes a's interface while the command runs
capture() {
  name=$1 filter=$2
  shift 2
  ip netns exec "$A" tcpdump -Z root -q -i eth0 -s 0 -U -w "$name.pcap" "ip and ($filter)" 2>"$WORK/tcpdump.log" &
  sniffer=$!
  while ! grep -q 'listening on' "$WORK/tcpdump.log"; do sleep 0.1; done
  "$@" >"$WORK/$name.log" 2>&1 || true
  sleep 1
  kill "$sniffer"
  wait $sniffer || true
  # Without a time stamp, names and relative numbers; application data is left out.
  tcpdump -Z root -t -n -S -v -r "$name.pcap" 2>/dev/null | grep -v "^$(printf '\t')" >"$name.txt"
}

head -c 3000 /dev/zero | tr '\0' 'x' >"$WORK/page"
(cd "$WORK" && exec ip netns exec "$B" python3 -m http.server 80 >/dev/null 2>&1) &
SERVERS="$SERVERS $!"
ip netns exec "$B" python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.9.2.2", 7))
while True:
    data, peer = s.recvfrom(65535)
    s.sendto(data, peer)
' &
SERVERS="$SERVERS $!"
ip netns exec "$B" python3 -c '
import socket
s = socket.create_server(("10.9.2.2", 9))
while True:
    c, _ = s.accept()
    try:
        while c.recv(65536): pass
    except ConnectionResetError:
        pass
    c.close()
' &
SERVERS="$SERVERS $!"
sleep 1

pings() {
  in_a ping -n -c 2 -i 0.2 -s 56 10.9.2.2
  in_a ping -n -c 1 -s 0 -Q 0xb8 10.9.2.2
  in_a ping -n -c 1 -R 10.9.2.2
  in_a ping -n -c 1 -T tsandaddr 10.9.2.2
  in_a ping -n -c 1 -s 3001 10.9.2.2
}
errors() {
  in_a ping -n -c 1 -W 1 -t 1 10.9.2.2
  in_a ping -n -c 1 -W 1 -M do -s 1472 10.9.2.2
  in_a ping -n -c 1 -W 1 10.99.0.1
  echo closed | in_a nc -u -w 1 10.9.2.2 4
}
datagrams() {
  in_a python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect(("10.9.2.2", 7))
for payload in (b"", b"odd", b"even", bytes(range(256)) * 4):
    s.send(payload)
    s.recv(65535)
s.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
s.send(b"no checksum")
s.recv(65535)
'
}
refused() { in_a nc -w 1 10.9.2.2 81; }
fetch() { in_a curl -s http://10.9.2.2/page; }
urgent() {
  in_a sysctl -qw net.ipv4.tcp_ecn=1
  in_a python3 -c '
import socket, struct
s = socket.create_connection(("10.9.2.2", 9))
s.send(b"plain")
s.send(b"!", socket.MSG_OOB)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
'
  in_a sysctl -qw net.ipv4.tcp_ecn=2
}
# The router loses a segment, and then another: the answers to what follows carry SACK blocks.
lossy() {
  ROUTER=$R in_a python3 -c '
import os, socket, subprocess, time
def blackhole(verb):
    subprocess.run(["ip", "-n", os.environ["ROUTER"], "route", verb, "blackhole", "10.9.2.2/32"], check=True)
s = socket.create_connection(("10.9.2.2", 9))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for i in range(6):
    if i % 2: blackhole("add")
    s.send(b"z" * 100)
    if i % 2: blackhole("del")
    time.sleep(0.02)
s.shutdown(socket.SHUT_WR)
s.recv(1)
'
}

capture ping 'icmp' pings
capture icmp-errors 'icmp or udp' errors
capture udp 'udp' datagrams
capture tcp-refused 'tcp' refused
capture tcp-http 'tcp' fetch
capture tcp-urgent 'tcp' urgent
capture tcp-loss 'tcp' lossy
ls -l ./*.pcap
