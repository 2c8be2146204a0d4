import { describe, expect, it } from 'vitest';
import { Address } from '../../src/wire/address.ts';
import type { NdpMessage } from '../../src/wire/ndp.ts';
import { EthernetHost, PEER_MAC } from '../support/ethernet-host.ts';
import { tcpFields } from '../support/raw-peer.ts';
import { hex } from '../support/wire.ts';
import { formatPacket } from '../../src/wire/packet.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { icmp6Packet, Ip6Bench, ipv6, LOCAL6, PEER6, udp6Packet } from '../unit/ip/fixture6.ts';
import { BEYOND6, RouterBench } from '../unit/ip/router-bench.ts';

const OWN = '2001:db8:1::1';
const ANYCAST = '2001:db8:1::';
const PEER = '2001:db8:1::bb';
const OTHER = '2001:db8:1::cc';

const solicitation = (target: string): NdpMessage => ({
  name: 'neighbourSolicitation',
  target: Address.parse(target),
  options: [{ name: 'sourceLinkAddress', bytes: hex(PEER_MAC) }],
});

function router(addresses: string[] = [`${OWN}/64`]): EthernetHost {
  const host = new EthernetHost({ addresses }, { forwarding: true });
  host.pass(5);
  host.sent();
  return host;
}

const groupsOf = ({ stack, eth }: EthernetHost): string[] => stack.ip.memberships.groups(eth.network.index).map(String);
const ALL_ROUTERS = ['224.0.0.2', 'ff01::2', 'ff02::2', 'ff05::2'];
const joinedOf = (host: EthernetHost): string[] => groupsOf(host).filter((group) => ALL_ROUTERS.includes(group));

describe("RFC 4291 §2.8: a router's required addresses", () => {
  it('[S-107] a stack that forwards is in the groups of all routers on each interface, as long as it does', () => {
    const host = new EthernetHost({ addresses: [`${OWN}/64`, '10.0.0.1/24'] });
    host.pass(5);
    expect(joinedOf(host)).toEqual([]);
    host.stack.forwarding = { ipv6: true };
    expect(joinedOf(host)).toEqual(['ff01::2', 'ff02::2', 'ff05::2']);
    // RFC 1256 §4.3
    host.stack.forwarding = true;
    expect(joinedOf(host)).toEqual(ALL_ROUTERS);
    // Others are told, except of what never leaves the interface.
    host.pass(5);
    const reports = host.link.take().map((frame) => Buffer.from(frame).toString('hex'));
    const told = (group: string): boolean =>
      reports.some((text) => text.includes(Buffer.from(Address.parse(group).bytes()).toString('hex')));
    expect(['ff02::2', 'ff05::2', 'ff01::2'].map(told)).toEqual([true, true, false]);
    host.stack.forwarding = false;
    expect(joinedOf(host)).toEqual([]);
    expect(groupsOf(host)).not.toContain('ff02::1:ff00:0');
  });

  it('[S-107] … where it has an address of that family, also one that comes later, and on interfaces that come later', async () => {
    const host = router(['10.0.0.1/24']);
    expect(joinedOf(host)).toEqual(ALL_ROUTERS);
    const alone = new EthernetHost(
      { addresses: ['10.0.0.1/24'], autoconfiguration: { linkLocal: false } },
      { forwarding: true },
    );
    expect(joinedOf(alone)).toEqual(['224.0.0.2']);
    alone.eth.addAddress(`${OWN}/64`);
    expect(joinedOf(alone)).toEqual(ALL_ROUTERS);
    alone.eth.removeAddress(`${OWN}/64`);
    expect(joinedOf(alone)).toEqual(['224.0.0.2']);
    await alone.stack.destroy();
    await host.stack.destroy();
  });

  it('[S-107] a ping to all routers of the link is answered by a router alone', () => {
    const bench = new Ip6Bench();
    const ping = (): string[] => {
      bench.arrive(icmp6Packet({}, { destination: 'ff02::2' }));
      return bench.sent6().flatMap(({ ip, icmp }) => (icmp?.type === 129 ? String(ip.source) : []));
    };
    expect(ping()).toEqual([]);
    bench.ip.forward({ ipv6: true });
    expect(ping()).toEqual([LOCAL6]);
  });
});

describe('RFC 4291 §2.6.1: the subnet-router anycast address', () => {
  it('[S-107] is answered for by a router, of the networks of all its interfaces, and by no host', () => {
    const bench = new RouterBench();
    const ping = (destination: string): string[] => {
      bench.arrive(icmp6Packet({}, { destination }));
      return bench.sent6().flatMap(({ ip, icmp }) => (icmp?.type === 129 ? String(ip.source) : []));
    };
    // RFC 4443 §2.2 (b): from an address of one host alone.
    expect(['fd00::', 'fd01::', 'fd00::4'].flatMap(ping)).toEqual([LOCAL6, LOCAL6]);
    bench.ip.forward({ ipv6: false });
    expect(ping('fd00::')).toEqual([]);
  });

  it('[S-107] RFC 4007 §9: of a link-local network by the link itself', () => {
    const bench = new RouterBench();
    bench.eth1.addAddress('fe80::9/80');
    for (const iface of [bench.eth0, bench.eth1]) bench.sent(iface);
    const asked = (iface: typeof bench.eth0): number => {
      bench.arrive(icmp6Packet({}, { source: 'fe80::1', destination: 'fe80::' }), iface);
      return bench.sent6(iface).filter(({ icmp }) => icmp?.type === 129).length;
    };
    expect([asked(bench.eth0), asked(bench.eth1)]).toEqual([1, 1]);
    bench.eth1.removeAddress('fe80::9');
    expect(asked(bench.eth1)).toBe(0);
  });

  it('[S-107] RFC 6164 §4: there is none where a network has two addresses, or one', () => {
    const bench = new RouterBench();
    for (const text of ['fd05::3/127', 'fd02::2/128', 'fd03::6/126']) bench.eth1.addAddress(text);
    const forUs = (destination: string): boolean => {
      bench.arrive(icmp6Packet({}, { destination }));
      return bench.sent6().some(({ icmp }) => icmp?.type === 129);
    };
    expect(['fd05::2', 'fd02::2', 'fd02::', 'fd03::4', 'fd03::5'].map(forUs)).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
  });

  it.each([0, 1, 2])(
    '[S-107] RFC 4291 §2.5.2: the address :: is nobody’s, also not of a network of %i bits',
    (length) => {
      const host = router([`${OWN}/${length}`]);
      host.eth.neighbours.set(PEER, '02:00:00:00:00:bb');
      host.frame(icmp6Packet({}, { source: PEER, destination: '::' }), PEER_MAC);
      expect(host.sent().filter(({ destination }) => destination === PEER)).toEqual([]);
    },
  );

  it('[S-107] is nothing to connect to, to bind, or to send from; datagrams for it are heard', async () => {
    const host = router();
    const { stack } = host;
    const heard: number[] = [];
    const socket = stack.udp.bind({ address: '::', port: 7 }, { onMessage: ([byte]) => void heard.push(byte!) });
    stack.tcp.listen({ address: '::', port: 7 }, () => {});
    host.frame(udp6Packet({ payload: Uint8Array.of(42) }, { source: PEER, destination: ANYCAST }), PEER_MAC);
    expect(heard).toEqual([42]);
    const ip = ipv6({ source: PEER, destination: ANYCAST, protocol: 6 });
    const syn = formatPacket({ ip, tcp: tcpFields({ sourcePort: 9, destinationPort: 7, flags: TcpFlag.SYN }) });
    host.frame(syn, PEER_MAC);
    // Linux: ipv6_unicast_destination
    expect(host.drops).toMatchObject({ 'tcp-to-group': 1 });
    expect(() => stack.udp.bind({ address: ANYCAST }, { onMessage: () => {} })).toThrow('EADDRNOTAVAIL');
    expect(stack.ip.path(Address.parse(ANYCAST), Address.parse(PEER))).toBe('EADDRNOTAVAIL');
    expect(stack.ip.isLocal(Address.parse(ANYCAST))).toBe(false);
    socket.close();
    await stack.destroy();
  });

  it('[S-107] … and packets for hosts of that network are passed on as ever', () => {
    const bench = new RouterBench();
    bench.arrive(udp6Packet({}, { source: PEER6, destination: BEYOND6 }));
    expect(bench.sent6(bench.eth1).map(({ ip }) => String(ip.destination))).toEqual([BEYOND6]);
  });
});

describe('RFC 4861 §7.2.7: neighbour advertisements for anycast addresses', () => {
  const envelope = { source: PEER, destination: 'ff02::1:ff00:0', mac: PEER_MAC };

  it('[S-107] come within a second, from an address of the router, and override nothing', () => {
    const host = router();
    expect(groupsOf(host)).toContain('ff02::1:ff00:0');
    host.hear(solicitation(ANYCAST), envelope);
    expect(host.said('neighbourAdvertisement')).toEqual([]);
    host.pass(1);
    expect(host.said('neighbourAdvertisement')).toMatchObject([
      {
        source: OWN,
        destination: PEER,
        destinationMac: PEER_MAC,
        ip: { hopLimit: 255 },
        ndp: {
          router: true,
          solicited: true,
          override: false,
          target: Address.parse(ANYCAST),
          options: [{ name: 'targetLinkAddress', bytes: hex('020000000001') }],
        },
      },
    ]);
    host.pass(10);
    expect(host.said('neighbourAdvertisement')).toEqual([]);
    // RFC 4862 §5.4: nobody was asked whether it is free, and that another router has it is no conflict.
    const other: NdpMessage = {
      name: 'neighbourAdvertisement',
      router: true,
      solicited: false,
      override: false,
      target: Address.parse(ANYCAST),
      options: [{ name: 'targetLinkAddress', bytes: hex(PEER_MAC) }],
    };
    host.hear(other, { source: OTHER, destination: 'ff02::1', mac: PEER_MAC });
    expect(host.events.filter((text) => text.startsWith('conflict'))).toEqual([]);
  });

  it('[S-107] at moments that nobody knows before; asked again meanwhile it answers once; 64 wait at most', () => {
    const host = router();
    const moments = new Set<number>();
    for (let i = 1; i <= 20; i++) {
      host.hear(solicitation(ANYCAST), { ...envelope, source: `2001:db8:1::${i + 100}` });
      host.hear(solicitation(ANYCAST), { ...envelope, source: `2001:db8:1::${i + 100}` });
    }
    let answers = 0;
    for (let i = 0; i < 100; i++) {
      host.pass(0.01);
      const said = host.said('neighbourAdvertisement').length;
      answers += said;
      if (said > 0) moments.add(i);
    }
    expect(answers).toBe(20);
    expect(moments.size).toBeGreaterThan(10);
    for (let i = 1; i <= 100; i++) host.hear(solicitation(ANYCAST), { ...envelope, source: `2001:db8:1::${i + 100}` });
    expect(host.drops).toMatchObject({ 'ndp-anycast-queue-full': 36 });
  });

  it('[S-107] no host sends any', () => {
    const host = router();
    host.hear(solicitation(ANYCAST), envelope);
    host.stack.forwarding = false;
    host.hear(solicitation(ANYCAST), envelope);
    host.pass(2);
    expect(host.said('neighbourAdvertisement')).toEqual([]);
    expect(host.drops).toMatchObject({ 'ndp-not-our-target': 1 });
  });
});
