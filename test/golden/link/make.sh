#!/bin/sh
# Captures whole Ethernet frames of the kernel in namespaces of its own: run by hand, as root, when a capture is added
# (./make.sh NAME… makes only these).
# Needs tcpdump, iproute2, ethtool, iputils (ping, arping), radvd, python3. The captures are read by
# test/unit/wire/golden-link.test.ts and test/unit/stack/golden-link.test.ts; beside each stands what tcpdump makes of it.
set -eu
cd "$(dirname "$0")"
WANTED=${*:-arp igmp mld fragments errors ndp}

# a (10.9.1.2, fd01::2) -- r (10.9.1.1, fd01::1; 10.9.2.1, fd02::1) -- b (10.9.2.2, fd02::2); the second link has an MTU
# of 1400. The router's end of the first is a bridge, which can ask for groups.
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
in_r() { ip netns exec "$R" "$@"; }

for ns in $A $R $B; do
  ip netns add "$ns"
  # Addresses by hardware address, as a stack of ours on Ethernet is told them here.
  ip netns exec "$ns" sysctl -qw net.ipv6.conf.default.addr_gen_mode=0 net.ipv6.conf.default.accept_dad=1
  ip -n "$ns" link set lo up
done
ip -n "$A" link add eth0 address 02:00:00:00:01:02 type veth peer name port0 netns "$R"
ip -n "$B" link add eth0 mtu 1400 address 02:00:00:00:02:02 type veth peer name eth1 mtu 1400 netns "$R"
ip -n "$R" link add br0 address 02:00:00:00:01:01 type bridge mcast_snooping 1 mcast_query_use_ifaddr 1
ip -n "$R" link set port0 master br0
ip -n "$R" link set eth1 address 02:00:00:00:02:01
# Offload would leave super-segments and unfinished checksums in the captures.
for place in "$A eth0" "$R port0" "$R br0" "$R eth1" "$B eth0"; do
  set -- $place
  ip netns exec "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null 2>&1 || true
  ip -n "$1" link set "$2" up
done
ip -n "$A" address add 10.9.1.2/24 dev eth0
ip -n "$R" address add 10.9.1.1/24 dev br0
ip -n "$R" address add 10.9.2.1/24 dev eth1
ip -n "$B" address add 10.9.2.2/24 dev eth0
ip -n "$A" address add fd01::2/64 dev eth0 nodad
ip -n "$R" address add fd01::1/64 dev br0 nodad
ip -n "$R" address add fd02::1/64 dev eth1 nodad
ip -n "$B" address add fd02::2/64 dev eth0 nodad
in_r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip -n "$A" route add default via 10.9.1.1
ip -n "$B" route add default via 10.9.2.1
ip -n "$A" route add default via fd01::1
ip -n "$B" route add default via fd02::1
# Who has groups of the beginning still speaks of them for a while.
sleep 4

# capture NAME FILTER COMMAND…: what passes a's interface while the command runs
capture() {
  name=$1 filter=$2
  shift 2
  case " $WANTED " in *" $name "*) ;; *) return 0 ;; esac
  # Without a function: $! is then the program itself.
  ip netns exec "$A" tcpdump -Z root -q -i eth0 -s 0 -U -w "$name.pcap" "$filter" 2>"$WORK/$name.tcpdump" &
  sniffer=$!
  while ! grep -qs 'listening on' "$WORK/$name.tcpdump"; do sleep 0.1; done
  "$@" >"$WORK/$name.log" 2>&1 || true
  sleep 1
  kill "$sniffer"
  wait $sniffer || true
  # One line of each frame: without a time stamp and names, with the Ethernet header.
  tcpdump -Z root -t -n -e -r "$name.pcap" 2>/dev/null >"$name.txt"
}

flush() { ip -n "$A" neighbour flush dev eth0; ip -n "$R" neighbour flush dev br0; }

arp() {
  flush
  in_a ping -n -c 1 10.9.1.1
  in_a arping -c 1 -I eth0 10.9.1.1
  in_a arping -D -c 1 -w 1 -I eth0 10.9.1.77
  in_a arping -D -c 1 -w 1 -I eth0 10.9.1.1
  in_a arping -U -c 1 -w 1 -I eth0 10.9.1.2
  in_a arping -A -c 1 -w 1 -I eth0 10.9.1.2
  # The announcement of the kernel itself.
  in_a sysctl -qw net.ipv4.conf.eth0.arp_notify=1
  ip -n "$A" link set eth0 address 02:00:00:00:01:03
  sleep 1
  ip -n "$A" link set eth0 address 02:00:00:00:01:02
  sleep 1
}
ndp() {
  flush
  in_a ping -6 -n -c 1 fd01::1
  # Duplicate address detection, and what ends it.
  ip -n "$A" address add fd01::3/64 dev eth0
  ip -n "$A" address add fd01::1/64 dev eth0
  sleep 2
  ip -n "$A" address del fd01::3/64 dev eth0
  ip -n "$A" address del fd01::1/64 dev eth0
  # Is it still there? Asked at the address that is known.
  ip -n "$A" neighbour replace fd01::1 lladdr 02:00:00:00:01:01 dev eth0 nud delay
  sleep 7
  # Unasked.
  in_a sysctl -qw net.ipv6.conf.eth0.ndisc_notify=1
  ip -n "$A" link set eth0 address 02:00:00:00:01:03
  sleep 1
  ip -n "$A" link set eth0 address 02:00:00:00:01:02
  # A better router on the same link.
  ip -n "$R" neighbour replace fe80::9 lladdr 02:00:00:00:01:09 dev br0
  ip -n "$R" route add fd03::/64 via fe80::9 dev br0
  in_a ping -6 -n -c 1 -W 1 fd03::1
  # Routers: asked for, and heard.
  cat >"$WORK/radvd.conf" <<'CONF'
interface br0 {
  AdvSendAdvert on;
  MinRtrAdvInterval 3;
  MaxRtrAdvInterval 4;
  AdvLinkMTU 1480;
  AdvCurHopLimit 60;
  AdvReachableTime 20000;
  AdvRetransTimer 2000;
  AdvOtherConfigFlag on;
  AdvDefaultPreference high;
  prefix fd04::/64 { AdvOnLink on; AdvAutonomous on; AdvValidLifetime 3600; AdvPreferredLifetime 1800; };
  route fd05::/48 { AdvRoutePreference low; AdvRouteLifetime 1000; };
  RDNSS fd01::53 fd01::54 { AdvRDNSSLifetime 900; };
  DNSSL example.net sub.example.org { AdvDNSSLLifetime 900; };
};
CONF
  ip -n "$A" link set eth0 down
  ip netns exec "$R" radvd -n -C "$WORK/radvd.conf" -p "$WORK/radvd.pid" -m stderr &
  radvd=$!
  ip -n "$A" link set eth0 up
  sleep 8
  kill "$radvd"
  wait "$radvd" || true
}
# join FAMILY: two groups, one of them from one sender only, for as long as reports are repeated; and out again.
join() {
  in_a python3 -c '
import socket, struct, sys, time
index = socket.if_nametoindex("eth0")
if sys.argv[1] == "4":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    group = socket.inet_aton("239.1.2.3") + socket.inet_aton("10.9.1.2")
    ways = [(0, 35, 36, group)]
    # IP_ADD_SOURCE_MEMBERSHIP and IP_DROP_SOURCE_MEMBERSHIP
    if sys.argv[2] == "sources":
        addresses = ("239.1.2.4", "10.9.1.2", "10.9.2.2")
        ways.append((0, 39, 40, b"".join(map(socket.inet_aton, addresses))))
else:
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    ways = [(41, 20, 21, socket.inet_pton(socket.AF_INET6, "ff05::1:3") + struct.pack("i", index))]
    # MCAST_JOIN_SOURCE_GROUP and MCAST_LEAVE_SOURCE_GROUP
    if sys.argv[2] == "sources":
        one = lambda text: struct.pack("=HHI16sI100x", 10, 0, 0, socket.inet_pton(socket.AF_INET6, text), 0)
        ways.append((41, 46, 47, struct.pack("=I4x", index) + one("ff05::1:4") + one("fd02::2")))
for level, on, _, value in ways:
    s.setsockopt(level, on, value)
    time.sleep(0.1)
time.sleep(3)
for level, _, off, value in ways:
    s.setsockopt(level, off, value)
    time.sleep(0.1)
time.sleep(3)
' "$@"
}
querier() { ip -n "$R" link set br0 type bridge mcast_querier "$1"; }
igmp() {
  in_a sysctl -qw net.ipv4.conf.eth0.force_igmp_version=3
  join 4 sources
  ip -n "$R" link set br0 type bridge mcast_igmp_version 3 mcast_mld_version 2
  querier 1
  sleep 3
  querier 0
  in_a sysctl -qw net.ipv4.conf.eth0.force_igmp_version=2
  join 4 none
  ip -n "$R" link set br0 type bridge mcast_igmp_version 2 mcast_mld_version 1
  querier 1
  sleep 3
  querier 0
  in_a sysctl -qw net.ipv4.conf.eth0.force_igmp_version=1
  join 4 none
}
mld() {
  in_a sysctl -qw net.ipv6.conf.eth0.force_mld_version=2
  join 6 sources
  ip -n "$R" link set br0 type bridge mcast_igmp_version 3 mcast_mld_version 2
  querier 1
  sleep 3
  querier 0
  in_a sysctl -qw net.ipv6.conf.eth0.force_mld_version=1
  join 6 none
  ip -n "$R" link set br0 type bridge mcast_igmp_version 2 mcast_mld_version 1
  querier 1
  sleep 3
  querier 0
}
fragments() {
  in_a ping -n -c 1 -s 4000 10.9.1.1
  in_a ping -6 -n -c 1 -s 4000 fd01::1
}
errors() {
  in_a ping -n -c 1 -W 1 -t 1 10.9.2.2
  in_a ping -n -c 1 -W 1 -M do -s 1472 10.9.2.2
  in_a ping -n -c 1 -W 1 10.99.0.1
  in_a ping -6 -n -c 1 -W 1 -t 1 fd02::2
  in_a ping -6 -n -c 1 -W 1 -M do -s 1452 fd02::2
  in_a ping -6 -n -c 1 -W 1 fd99::1
  # The first fragment of a datagram that never is whole.
  in_r sysctl -qw net.ipv4.ipfrag_time=1 net.ipv6.ip6frag_time=1
  in_a python3 -c '
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
udp = struct.pack("!HHHH", 9, 9, 100, 0) + bytes(16)
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 44, 77, 0x2000, 64, 17, 0, socket.inet_aton("10.9.1.2"), socket.inet_aton("10.9.1.1"))
s.sendto(head + udp, ("10.9.1.1", 0))
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 44)
s.sendto(struct.pack("!BBHI", 17, 0, 1, 78) + udp, ("fd01::1", 0))
'
  sleep 3
}
MLD='ip6[6] == 0 and ip6[40] == 58'
NDP='icmp6 and ip6[40] >= 133 and ip6[40] <= 137'
capture arp arp arp
capture igmp 'ip proto 2' igmp
capture mld "$MLD" mld
capture fragments 'icmp or ip6[6] == 44' fragments
capture errors "icmp or ip6[6] == 44 or (icmp6 and (ip6[40] < 130 or ip6[40] == 1))" errors
capture ndp "$NDP" ndp
ls -l ./*.pcap
