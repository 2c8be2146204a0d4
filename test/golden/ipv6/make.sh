#!/bin/sh
# The same as ../make.sh for IPv6: run by hand, as root, when a capture is added. Needs tcpdump, iproute2, ethtool,
# iputils-ping, netcat-openbsd, python3. The captures are read by test/unit/wire/golden6.test.ts.
set -eu
cd "$(dirname "$0")"

# a (fd01::2) -- r (fd01::1, fd02::1) -- b (fd02::2); the second link has an MTU of 1400.
A=golden6-a-$$ R=golden6-r-$$ B=golden6-b-$$
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
ip -n "$A" address add fd01::2/64 dev eth0 nodad
ip -n "$R" address add fd01::1/64 dev eth0 nodad
ip -n "$R" address add fd02::1/64 dev eth1 nodad
ip -n "$B" address add fd02::2/64 dev eth0 nodad
# Offload would leave super-segments and unfinished checksums in the captures.
for place in "$A eth0" "$R eth0" "$R eth1" "$B eth0"; do
  set -- $place
  ip netns exec "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null
  ip -n "$1" link set "$2" up
done
ip -n "$A" route add default via fd01::1
ip -n "$B" route add default via fd02::1
ip netns exec "$R" sysctl -qw net.ipv6.conf.all.forwarding=1
sleep 3

# capture NAME FILTER COMMAND…: what passes a's interface while the command runs, neighbour discovery left out
capture() {
  name=$1 filter=$2
  shift 2
  ip netns exec "$A" tcpdump -Z root -q -i eth0 -s 0 -U -w "$name.pcap" \
    "ip6 and ($filter) and not (icmp6 and ip6[40] >= 130 and ip6[40] <= 143) and not ip6[6] == 0" 2>"$WORK/$name.tcpdump" &
  sniffer=$!
  while ! grep -qs "listening on" "$WORK/$name.tcpdump"; do sleep 0.1; done
  "$@" >"$WORK/$name.log" 2>&1 || true
  sleep 1
  kill "$sniffer"
  wait $sniffer || true
  # Without a time stamp, names and relative numbers; what ICMPv6 quotes and application data is left out.
  tcpdump -Z root -t -n -S -v -r "$name.pcap" 2>/dev/null | grep '^IP6 ' >"$name.txt"
}

(ip netns exec "$B" python3 -c '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("fd02::2", 7))
while True:
    data, peer = s.recvfrom(65535)
    s.sendto(data, peer)
') &
SERVERS="$SERVERS $!"
(ip netns exec "$B" python3 -c '
import socket
s = socket.create_server(("fd02::2", 9), family=socket.AF_INET6)
while True:
    c, _ = s.accept()
    try:
        while c.recv(65536): pass
    except ConnectionResetError:
        pass
    c.close()
') &
SERVERS="$SERVERS $!"
sleep 2

pings() {
  in_a ping -6 -n -c 2 -i 0.2 -s 56 fd02::2
  in_a ping -6 -n -c 1 -s 0 -Q 0xb8 fd02::2
  in_a ping -6 -n -c 1 -F 0x12345 fd02::2
  in_a ping -6 -n -c 1 -s 3001 fd02::2
}
errors() {
  in_a ping -6 -n -c 1 -W 1 -t 1 fd02::2
  in_a ping -6 -n -c 1 -W 1 -M do -s 1452 fd02::2
  in_a ping -6 -n -c 1 -W 1 fd99::1
  echo closed | in_a nc -6 -u -w 1 fd02::2 4
  # An option that b does not know (discard and report), and one that it skips.
  in_a python3 -c '
import socket
for option in (0xc5, 0x05):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.settimeout(1)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, option, 2, 0, 0, 1, 0]))
    s.connect(("fd02::2", 7))
    s.send(b"hello")
    try:
        s.recv(100)
    except OSError:
        pass
'
}
datagrams() {
  in_a python3 -c '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(2)
s.connect(("fd02::2", 7))
for payload in (b"", b"odd", b"even", bytes(range(256)) * 4):
    s.send(payload)
    s.recv(65535)
'
}
stream() {
  in_a python3 -c '
import socket
s = socket.create_connection(("fd02::2", 9))
s.send(b"x" * 5000)
s.shutdown(socket.SHUT_WR)
s.recv(1)
'
  in_a nc -6 -w 1 fd02::2 81
}

capture ping icmp6 pings
capture errors 'icmp6 or udp or ip6 proto 60' errors
capture udp udp datagrams
capture tcp tcp stream
ls -l ./*.pcap
