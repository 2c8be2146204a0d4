import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { Address, solicitedNode } from '../../src/wire/address.ts';
import type { NdpMessage, RouterAdvertisement } from '../../src/wire/ndp.ts';
import type { NdpOption } from '../../src/wire/ndp-options.ts';
import { EthernetHost, PEER_MAC, ROUTER } from '../support/ethernet-host.ts';
import { hex } from '../support/wire.ts';
import { address, pattern } from '../unit/ip/fixture.ts';
import { Ip6Bench, ipv6, PEER6, udp6Packet } from '../unit/ip/fixture6.ts';
import { RouterBench } from '../unit/ip/router-bench.ts';
import { prefix } from '../unit/ip/ndp/fixture.ts';

/*
 * RFC 8504, "IPv6 Node Requirements", is a list of other documents. By section: the tests that show what it asks for, and what
 * is not there. What no other file shows is tested below.
 *
 * Not there, in all of these: SEND (§5.5), first-hop selection by prefix and rule 5.5 (§5.10, §6.6), load sharing among equal
 * routers (RFC 4311, §5.4), DHCPv6 (§6.5, §8.1), a stub resolver (§7: the program has its own, `iface.dns` tells it the servers),
 * mDNS (§9), tunnels (§10.1), Mobile IPv6 (§12), IPsec (§13). A stack that forwards sends neither redirects nor router
 * advertisements (§5.4, §14.2): it routes between networks whose hosts are told otherwise. Destinations are in the resolver's
 * order (§6.6).
 */
const SHOWN: Readonly<Record<string, readonly string[]>> = {
  '4 sub-IP layer: Ethernet, PPP-like links of IP packets': ['unit/stack/ethernet', 'unit/stack/ipv6'],
  '5.1 IPv6, fragments, flow labels': ['rfc/rfc8200', 'rfc/rfc5722', 'rfc/rfc6946', 'rfc/rfc7739', 'rfc/rfc6437'],
  '5.2 extension headers': ['rfc/rfc8200', 'fuzz/stack6'],
  '5.4 neighbour discovery': ['rfc/rfc4861', 'unit/ip/neighbour-cache', 'rfc/rfc6980', 'interop/kernel-ndp'],
  '5.7 path MTU': ['rfc/rfc8201', 'rfc/rfc4821', 'interop/kernel-fragments'],
  '5.8 ICMPv6, multi-part messages': ['rfc/rfc4443', 'unit/ip/rate-limit'],
  '5.9 router preferences, a host of type C': ['rfc/rfc4191', 'unit/ip/ndp/known-routers'],
  '5.11 MLDv2': ['rfc/rfc3810', 'interop/kernel-groups'],
  '5.12 ECN': ['rfc/rfc3168', 'interop/kernel-ecn'],
  '6.1 addresses': ['rfc/rfc4291', 'unit/wire/address', 'unit/ip/path6'],
  '6.3 autoconfiguration, duplicates': [
    'rfc/rfc4862',
    'rfc/rfc4862-host',
    'rfc/rfc7217',
    'unit/ip/ndp/duplicate-detection',
  ],
  '6.4 temporary addresses': ['rfc/rfc8981'],
  '6.6 source addresses': ['rfc/rfc6724'],
  '8.3 name servers': ['rfc/rfc8106'],
  '10 IPv4, dual stack': ['unit/stack/ipv6', 'node-api/net-ipv6'],
  '11.1 text': ['unit/wire/address'],
  '11.2 sockets': ['node-api/net-ipv6', 'node-api/dgram-ipv6', 'node-api/dgram-ipv6-multicast', 'unit/stack/multicast'],
  '14.1 router alert': ['unit/wire/router-alert', 'rfc/rfc3810'],
  '14.4 forwarding': ['unit/ip/forward', 'unit/stack/forwarding'],
};

let host: EthernetHost | undefined;
afterEach(async () => {
  await host?.stack.destroy();
  host = undefined;
});

function settled(...parts: ConstructorParameters<typeof EthernetHost>): EthernetHost {
  host = new EthernetHost(...parts);
  host.pass(5);
  host.sent();
  return host;
}

describe('RFC 8504: IPv6 node requirements', () => {
  it.each(Object.entries(SHOWN))('§%s: is shown elsewhere', (_, files) => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    expect(files.filter((file) => !existsSync(`${root}${file}.test.ts`))).toEqual([]);
  });

  it('[S-107] §5.3: options of any number and size are taken, also padding that some would refuse', () => {
    const bench = new Ip6Bench();
    // Nine Pad1, a PadN of 200 bytes, forty options that nobody knows and that may be skipped.
    const options = `${'00'.repeat(9)}01c8${'00'.repeat(200)}${'1e021234'.repeat(40)}`;
    const length = Math.ceil((2 + options.length / 2) / 8) * 8;
    const header = `11${(length / 8 - 1).toString(16).padStart(2, '0')}${options}`.padEnd(2 * length, '0');
    for (const nextHeader of [0, 60])
      bench.arrive(udp6Packet({ payload: pattern(10) }, { nextHeader, extensions: hex(header) }));
    expect(bench.delivered.map(({ payload }) => payload.subarray(8))).toEqual([pattern(10), pattern(10)]);
    expect(bench.counters.snapshot()).toEqual({});
  });

  it('[S-107] §5.4: nodes respond to unicast solicitations, RFC 4861 §7.2.3, §7.2.4', () => {
    const { eth } = settled({ addresses: ['2001:db8::1/64'] });
    const question: NdpMessage = { name: 'neighbourSolicitation', target: address('2001:db8::1'), options: [] };
    host!.hear(question, { source: '2001:db8::bb', destination: '2001:db8::1', mac: PEER_MAC });
    // Without the option: who asks so knows us already, and is asked for before the answer goes.
    expect(host!.said('neighbourSolicitation')).toMatchObject([{ ndp: { target: address('2001:db8::bb') } }]);
    const told: NdpMessage = {
      name: 'neighbourAdvertisement',
      router: false,
      solicited: true,
      override: true,
      target: address('2001:db8::bb'),
      options: [{ name: 'targetLinkAddress', bytes: hex(PEER_MAC) }],
    };
    host!.hear(told, { source: '2001:db8::bb', destination: '2001:db8::1', mac: PEER_MAC });
    expect(host!.said('neighbourAdvertisement')).toMatchObject([
      {
        destination: '2001:db8::bb',
        destinationMac: PEER_MAC,
        ndp: { solicited: true, target: address('2001:db8::1') },
      },
    ]);
    expect(eth.neighbours.get('2001:db8::bb')?.state).toBe('REACHABLE');
  });

  it('[S-107] §5.6: flags and options of an advertisement that are not known yet do not hinder those that are', () => {
    settled();
    // RFC 5175's option, and one that nobody has defined.
    const unknown: NdpOption[] = [26, 200].map((type) => ({ name: 'other', type, bytes: hex('ffffffffffff') }));
    const flags: Partial<RouterAdvertisement> = { managed: true, otherConfiguration: true };
    host!.advertise([...unknown, prefix('2001:db8:7::/64'), ...unknown], flags);
    host!.pass(3);
    expect(host!.addresses.filter((text) => text.startsWith('2001:db8:7:'))).toHaveLength(1);
    expect(host!.routes).toContain(`::/0 ${ROUTER} advertised`);
  });

  it('[S-107] §5.4, §5.11: each address has its solicited-node group, which is told by MLDv2 and left with it', () => {
    const { stack, eth, link } = settled({ addresses: ['2001:db8::1:2/64'] });
    const groups = (): string[] => stack.ip.memberships.groups(eth.network.index).map(String);
    expect(groups().sort()).toEqual(eth.addresses.map(({ address: own }) => String(solicitedNode(own))).sort());
    link.take();
    eth.removeAddress('2001:db8::1:2');
    expect(groups()).toHaveLength(1);
    host!.pass(0.1);
    // CHANGE_TO_INCLUDE_MODE of nobody (RFC 3810 §5.2.12).
    const reports = link.take().map((frame) => Buffer.from(frame).toString('hex'));
    expect(reports.some((text) => text.includes('03000000ff0200000000000000000001ff010002'))).toBe(true);
  });

  it('[S-107] §6.1: the flags of a group (RFC 7371) are bits of its address like others', () => {
    const bench = new Ip6Bench();
    // Transient, of a prefix, with an embedded rendezvous point, and with a flag that has no meaning yet.
    const groups = ['ff15::1', 'ff35:40:2001:db8::1', 'ff75:240:2001:db8::1', 'fff5::1'];
    for (const group of groups) {
      bench.ip.memberships.join(bench.eth0.index, Address.parse(group));
      bench.arrive(udp6Packet({ payload: pattern(4) }, { destination: group }));
    }
    expect(bench.delivered.map(({ destination }) => destination)).toEqual(groups);
  });

  it('[S-107] §6.2: a host may have many addresses, and a prefix of its own that is not on the link (RFC 7934, RFC 8273)', () => {
    settled({ autoconfiguration: { temporary: true }, addresses: ['2001:db8:9::1/64', '2001:db8:9::2/64'] });
    const options = [1, 2, 3].map((i) => prefix(`2001:db8:${i}::/64`, { onLink: false }));
    host!.advertise(options);
    host!.pass(3);
    const kinds = host!.eth.ipv6Addresses.map(({ origin }) => origin).sort();
    expect(kinds).toEqual([
      'link-local',
      'manual',
      'manual',
      'stable',
      'stable',
      'stable',
      'temporary',
      'temporary',
      'temporary',
    ]);
    expect(host!.routes.filter((text) => /2001:db8:[123]:/.test(text))).toEqual([]);
  });

  it('[S-107] §6.3: a router makes itself a link-local address, too, and asks whether it is free', () => {
    host = new EthernetHost({}, { forwarding: true });
    host.pass(3);
    const probes = host.said('neighbourSolicitation').filter(({ source }) => source === '::');
    const [own] = host.eth.ipv6Addresses;
    expect(own).toMatchObject({ origin: 'link-local', state: 'preferred' });
    expect(probes.map(({ ndp }) => String((ndp as { target: Address }).target))).toEqual([own!.address.split('/')[0]]);
  });

  it('[S-107] §13: what is protected by IPsec is refused, and its sender told', () => {
    const bench = new Ip6Bench();
    for (const protocol of [50, 51])
      bench.arrive(udp6Packet({}, { nextHeader: protocol, extensions: hex('1100 0000 00000000') }));
    expect(bench.problems().map(([code]) => code)).toEqual([1, 1]);
    expect(bench.delivered).toEqual([]);
  });

  it('[S-107] §14.4: forwarding follows the longest prefix, whatever its length (RFC 7608)', () => {
    const bench = new RouterBench();
    const lengths = [3, 33, 63, 64, 65, 96, 97, 126, 127, 128];
    const target = Address.parse('2001:db8:ffff:ffff:ffff:ffff:ffff:ffff');
    for (const length of lengths) {
      const network = networkOf(target, length);
      bench.ip.routes.add(`${network}/${length}`, { via: `fd01::${length}` });
    }
    for (const length of lengths.toReversed()) {
      expect(String(bench.ip.routes.lookup(target)?.via)).toBe(String(Address.parse(`fd01::${length}`)));
      bench.arrive(udp6Packet({}, { source: PEER6, destination: String(target) }));
      bench.ip.routes.remove(`${networkOf(target, length)}/${length}`);
    }
    expect(bench.sent6(bench.eth1)).toHaveLength(lengths.length);
  });

  it('[S-107] §5.2: packets are passed on regardless of their extension headers (RFC 7045 §2.1)', () => {
    const bench = new RouterBench();
    // A routing header of an unknown type, options with the action "discard", a header that nobody knows.
    for (const [nextHeader, extensions] of [
      [43, '11 00 fd 01 00000000'],
      [60, '11 00 5e 02 0000 0100'],
      [0, '11 00 5e 02 0000 0100'],
      [253, '11 00 00 00 00000000'],
    ] as const) {
      const packet = ipv6({ source: PEER6, destination: 'fd01::7', nextHeader, extensions: hex(extensions) });
      bench.arrive(udp6Packet({}, { ...packet, source: PEER6, destination: 'fd01::7' }));
    }
    expect(bench.sent6(bench.eth1)).toHaveLength(4);
    expect(bench.reasons).toEqual([]);
  });
});

function networkOf(target: Address, length: number): Address {
  const bytes = target.bytes().map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))) & 0xff);
  return Address.fromBytes(bytes);
}
