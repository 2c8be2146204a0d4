import { describe, expect, it } from 'vitest';
import { Checksum } from '../../src/buffer/batch.ts';
import { Address } from '../../src/wire/address.ts';
import { checksumFold, pseudoHeaderSum } from '../../src/wire/checksum.ts';
import { formatIpv4 } from '../../src/wire/ipv4.ts';
import { icmpPacket, ipv4, LOCAL, pattern, PEER, udpPacket } from '../unit/ip/fixture.ts';
import { icmp6Packet, LOCAL6, LOCAL_LINK, PEER6, PEER_LINK, udp6Packet } from '../unit/ip/fixture6.ts';
import { BEYOND, BEYOND6, FARTHER, FARTHER6, RouterBench } from '../unit/ip/router-bench.ts';

/** What becomes of one packet by a router: its reason, and the ICMP error by type, code and rest, if any. */
function fate(packet: Uint8Array, bench: RouterBench = new RouterBench()): unknown[] {
  bench.arrive(packet);
  if (bench.eth1.queue.batch.count > 0) return ['passed'];
  const reasons = bench.reasons.filter((reason) => reason.startsWith('forward') || reason.includes('martian'));
  const errors = packet[0]! >>> 4 === 6 ? bench.sent6() : bench.sentPackets();
  return [reasons.join(), ...errors.map(({ icmp }) => icmp && [icmp.type, icmp.code, icmp.rest])];
}

const toBeyond = (ip: Parameters<typeof udpPacket>[1] = {}, size = 10): Uint8Array =>
  udpPacket({ payload: pattern(size) }, { destination: BEYOND, ...ip });
const to6 = (ip: Parameters<typeof udp6Packet>[1] = {}, size = 10): Uint8Array =>
  udp6Packet({ payload: pattern(size) }, { destination: BEYOND6, ...ip });

describe('RFC 1812 §5.2, §5.3, RFC 8200 §3: forwarding', () => {
  it('§5.3.1: a packet whose time to live is over goes no further, and its sender is told so', () => {
    for (const ttl of [0, 1]) {
      expect(fate(toBeyond({ ttl }))).toEqual(['forward-time-exceeded', [11, 0, 0]]);
      expect(fate(to6({ hopLimit: ttl }))).toEqual(['forward-time-exceeded', [3, 0, 0]]);
    }
    expect(fate(toBeyond({ ttl: 2 }))).toEqual(['passed']);
    expect(fate(to6({ hopLimit: 2 }))).toEqual(['passed']);
  });

  it('[S-012] [S-047] §4.3.2: an error quotes what came, comes from the interface that it leaves by, to whom sent it', () => {
    const bench = new RouterBench();
    bench.arrive(toBeyond({ ttl: 1, trafficClass: 0x10 }));
    const [error] = bench.sentPackets();
    expect(error!.ip).toMatchObject({ ttl: 64, trafficClass: 0xc0 });
    expect([error!.ip.source, error!.ip.destination].map(String)).toEqual([LOCAL, PEER]);
    expect(error!.icmp!.payload).toEqual(toBeyond({ ttl: 1, trafficClass: 0x10 }));
    bench.arrive(to6({ hopLimit: 1 }, 2000));
    const [error6] = bench.sent6();
    expect([error6!.ip.source, error6!.ip.destination].map(String)).toEqual([LOCAL6, PEER6]);
    expect(error6!.icmp!.payload).toEqual(to6({ hopLimit: 1 }, 2000).subarray(0, 1280 - 48));
  });

  it('§5.2.7.1: without a route the network is unreachable', () => {
    expect(fate(toBeyond({ destination: '203.0.113.1' }))).toEqual(['forward-no-route', [3, 0, 0]]);
    expect(fate(to6({ destination: '2001:db8:77::1' }))).toEqual(['forward-no-route', [1, 0, 0]]);
  });

  it('[S-052] §5.2.7.1, RFC 1191 §4: what may not be fragmented and does not fit is told the MTU', () => {
    const bench = new RouterBench();
    bench.eth1.update({ mtu: 1300 });
    expect(fate(toBeyond({ dontFragment: true }, 1272), bench)).toEqual(['passed']);
    bench.sent(bench.eth1);
    expect(fate(toBeyond({ dontFragment: true }, 1273), bench)).toEqual(['forward-too-big', [3, 4, 1300]]);
  });

  it('[S-053] RFC 4443 §3.2: packet too big, with the MTU', () => {
    const bench = new RouterBench();
    bench.eth1.update({ mtu: 1300 });
    expect(fate(to6({}, 1252), bench)).toEqual(['passed']);
    bench.sent(bench.eth1);
    expect(fate(to6({}, 1253), bench)).toEqual(['forward-too-big', [2, 0, 1300]]);
  });

  it('RFC 4443 §3.1: what came over a link with one other end does not go back there', () => {
    expect(fate(toBeyond({ destination: '10.0.0.77' }))).toEqual(['forward-same-link', [3, 1, 0]]);
    expect(fate(to6({ destination: 'fd00::77' }))).toEqual(['forward-same-link', [1, 3, 0]]);
    // By a gateway it may, and on Ethernet: there are others on that link.
    const bench = new RouterBench();
    bench.ip.routes.add('192.0.2.0/24', { via: '10.0.0.9' });
    bench.arrive(toBeyond({ destination: '192.0.2.1' }));
    expect(bench.sentPackets()[0]).toMatchObject({ ip: { ttl: 63 }, udp: {} });
  });

  it.each([
    ['a group', '224.0.0.9'],
    ['a broadcast', '10.0.0.255'],
    ['the broadcast of the network behind', '10.1.0.255'],
    ['all', '255.255.255.255'],
  ])('§5.3.5, RFC 2644: %s is not forwarded', (_what, destination) => {
    const bench = new RouterBench();
    bench.arrive(toBeyond({ destination }));
    expect(bench.sent(bench.eth1)).toEqual([]);
    expect(bench.sent()).toEqual([]);
    expect(bench.delivered).toHaveLength(1);
  });

  it.each([
    ['from', '0.1.2.3', BEYOND, 'ipv4-martian-source'],
    ['from', '127.0.0.1', BEYOND, 'ipv4-martian-source'],
    ['from', '127.9.9.9', BEYOND, 'ipv4-martian-source'],
    ['from', '224.0.0.1', BEYOND, 'ipv4-martian-source'],
    ['from', '240.0.0.1', BEYOND, 'ipv4-martian-source'],
    ['from', '255.255.255.255', BEYOND, 'ipv4-martian-source'],
    ['from', '10.1.0.255', BEYOND, 'ipv4-martian-source'],
    ['from', '10.1.0.2', BEYOND, 'ipv4-martian-source'],
    ['from', '169.254.1.1', BEYOND, 'forward-martian'],
    ['to', PEER, '0.0.0.0', 'forward-martian'],
    ['to', PEER, '0.1.2.3', 'forward-martian'],
    ['to', PEER, '127.0.0.1', 'ipv4-martian-destination'],
    ['to', PEER, '169.254.1.1', 'forward-martian'],
    ['to', PEER, '240.0.0.1', 'forward-martian'],
  ])('[S-006] §5.3.7, RFC 3927 §2.7, RFC 6890: nothing %s there: %s → %s', (_which, source, destination, reason) => {
    const bench = new RouterBench();
    bench.ip.routes.add('0.0.0.0/0', { via: '10.1.0.1' });
    expect(fate(toBeyond({ source, destination }), bench)).toEqual([reason]);
  });

  it('RFC 4291 §2.5.6, RFC 4443 §3.1: a link-local source reaches no other link, and is told so', () => {
    const bench = new RouterBench();
    bench.arrive(to6({ source: PEER_LINK }));
    const [error] = bench.sent6();
    expect(error).toMatchObject({ icmp: { type: 1, code: 2 } });
    expect([error!.ip.source, error!.ip.destination].map(String)).toEqual([LOCAL_LINK, PEER_LINK]);
    expect(bench.sent(bench.eth1)).toEqual([]);
  });

  it.each(['::', '::1', 'ff02::1', '::ffff:10.0.0.1'])('RFC 4291 §2.5: nothing from %s is forwarded', (source) => {
    expect(fate(to6({ source }))).toEqual(['ipv6-martian-source']);
  });

  it('[S-027] [S-108] §5.2.4.1, RFC 7126: what has a source route, or an option to be dropped, goes no further', () => {
    const option = (...bytes: number[]) => toBeyond({ options: Uint8Array.from(bytes) });
    expect(fate(option(131, 7, 4, 10, 1, 0, 9, 0))).toEqual(['forward-ipv4-option']);
    expect(fate(option(137, 7, 4, 10, 1, 0, 9, 0))).toEqual(['forward-ipv4-option']);
    expect(fate(option(1, 7, 3, 4))).toEqual(['forward-ipv4-option']);
    expect(fate(option(68, 4, 5, 0))).toEqual(['forward-ipv4-option']);
    expect(fate(option(1, 1, 7, 99))).toEqual(['forward-ipv4-option']);
    // §4.2.2.6: others are ignored. Behind the end of the list nothing is read.
    expect(fate(option(148, 4, 0, 0))).toEqual(['passed']);
    expect(fate(option(1, 0, 131, 99))).toEqual(['passed']);
    const bench = new RouterBench();
    bench.arrive(option(148, 4, 0, 0));
    expect(bench.sentPackets(bench.eth1)[0]).toMatchObject({ ip: { ttl: 63, options: Uint8Array.of(148, 4, 0, 0) } });
  });

  it('[S-012] [S-047] §4.3.2.7: no error about an error, a fragment that is not the first, or to a group', () => {
    const error = icmpPacket({ type: 3, payload: toBeyond() }, { destination: BEYOND, ttl: 1 });
    expect(fate(error)).toEqual(['forward-time-exceeded']);
    expect(fate(icmpPacket({ type: 0 }, { destination: BEYOND, ttl: 1 }))).toEqual([
      'forward-time-exceeded',
      [11, 0, 0],
    ]);
    const fragment = { destination: BEYOND, ttl: 1, payload: pattern(16) };
    expect(fate(formatIpv4(ipv4({ ...fragment, fragmentOffset: 8 })))).toEqual(['forward-time-exceeded']);
    expect(fate(formatIpv4(ipv4({ ...fragment, moreFragments: true })))).toEqual(['forward-time-exceeded', [11, 0, 0]]);
    const error6 = icmp6Packet({ type: 1, payload: to6() }, { destination: BEYOND6, hopLimit: 1 });
    expect(fate(error6)).toEqual(['forward-time-exceeded']);
  });

  it('[S-040] §4.3.2.8: errors are limited in rate', () => {
    const bench = new RouterBench();
    for (let i = 0; i < 100; i++) bench.arrive(toBeyond({ ttl: 1 }));
    expect(bench.sent()).toHaveLength(6);
    expect(bench.counters.snapshot()).toMatchObject({ 'forward-time-exceeded': 100, 'icmp-error-rate-limited': 94 });
  });

  it('§5.2.7.2: redirects are not sent', () => {
    const bench = new RouterBench();
    bench.ip.routes.add('192.0.2.0/24', { via: '10.0.0.9' });
    bench.arrive(toBeyond({ destination: '192.0.2.1' }));
    expect(bench.sentPackets().map(({ icmp }) => icmp)).toEqual([undefined]);
  });

  it.each([FARTHER, BEYOND])('§5.2.4: %s is reached by the next hop', (destination) => {
    const bench = new RouterBench();
    const hops: string[] = [];
    const transmit = bench.eth1.transmit.bind(bench.eth1);
    bench.eth1.transmit = (packet, nextHop) => {
      hops.push(Address.fromWords(nextHop).toString());
      return transmit(packet, nextHop);
    };
    bench.arrive(toBeyond({ destination }));
    bench.arrive(to6({ destination: destination === FARTHER ? FARTHER6 : BEYOND6 }));
    expect(hops).toEqual(destination === FARTHER ? ['10.1.0.1', 'fd01::1'] : [BEYOND, BEYOND6]);
  });
});

describe('RFC 1812 §4.2.2.7, RFC 791 §3.2: fragments on the way', () => {
  const narrow = (mtu: number): RouterBench => {
    const bench = new RouterBench();
    bench.eth1.update({ mtu });
    return bench;
  };

  it('[S-007] what does not fit is cut into as few pieces as can be', () => {
    const bench = narrow(600);
    const payload = pattern(1400);
    bench.arrive(formatIpv4(ipv4({ destination: BEYOND, identification: 77, protocol: 200, payload })));
    const packets = bench.sentPackets(bench.eth1).map(({ ip }) => ip);
    expect(packets.map((ip) => [ip.fragmentOffset, ip.moreFragments, ip.payload.length])).toEqual([
      [0, true, 576],
      [576, true, 576],
      [1152, false, 248],
    ]);
    for (const ip of packets)
      expect(ip).toMatchObject({ identification: 77, ttl: 63, protocol: 200, dontFragment: false });
    expect(packets.flatMap((ip) => [...ip.payload])).toEqual([...payload]);
    expect([bench.reasons, bench.ip.forwarded.packets]).toEqual([[], 3]);
  });

  it('[S-007] so are fragments: the last of those of one that was not the last is not the last', () => {
    const bench = narrow(100);
    const part = { destination: BEYOND, protocol: 200, fragmentOffset: 800, payload: pattern(160) };
    bench.arrive(formatIpv4(ipv4({ ...part, moreFragments: true })));
    const pieces = (): unknown[] =>
      bench.sentPackets(bench.eth1).map(({ ip }) => [ip.fragmentOffset, ip.moreFragments, ip.payload.length]);
    expect(pieces()).toEqual([
      [800, true, 80],
      [880, true, 80],
    ]);
    bench.arrive(formatIpv4(ipv4(part)));
    expect(pieces()).toEqual([
      [800, true, 80],
      [880, false, 80],
    ]);
  });

  it('a piece that would end behind the longest datagram is dropped, not cut up', () => {
    const bench = narrow(600);
    const part = { destination: BEYOND, protocol: 200, payload: pattern(1000) };
    bench.arrive(formatIpv4(ipv4({ ...part, fragmentOffset: 65_528 })));
    expect([bench.sent(bench.eth1), bench.reasons]).toEqual([[], ['forward-bad-fragment']]);
    bench.arrive(formatIpv4(ipv4({ ...part, fragmentOffset: 64_528 })));
    expect(bench.sent(bench.eth1)).toHaveLength(2);
  });

  it('[S-002] options are in the first piece, those that are to be copied in all', () => {
    const bench = narrow(100);
    const options = Uint8Array.of(1, 30, 3, 9, 148, 4, 0, 0, 1, 158, 3, 5);
    bench.arrive(formatIpv4(ipv4({ destination: BEYOND, protocol: 200, options, payload: pattern(200) })));
    const packets = bench.sentPackets(bench.eth1).map(({ ip }) => ip);
    expect(packets.map((ip) => [...ip.options])).toEqual([
      [...options],
      [148, 4, 0, 0, 158, 3, 5, 0],
      [148, 4, 0, 0, 158, 3, 5, 0],
    ]);
    expect(packets.map((ip) => ip.payload.length)).toEqual([64, 72, 64]);
  });

  it('a checksum that the link was to complete is complete in the first piece', () => {
    const bench = narrow(100);
    const whole = udpPacket({ payload: pattern(300) }, { destination: BEYOND });
    const partial = whole.slice();
    const sum = pseudoHeaderSum(Address.parse(PEER), Address.parse(BEYOND), 17, 308);
    new DataView(partial.buffer).setUint16(26, checksumFold(sum));
    bench.arrive(partial, bench.eth0, Checksum.partial);
    const packets = bench.sentPackets(bench.eth1).map(({ ip }) => ip);
    expect(packets.flatMap((ip) => [...ip.payload])).toEqual([...whole.subarray(20)]);
  });

  it('segments that do not fit are dropped where they may be cut up, too', () => {
    const bench = narrow(600);
    const packet = udpPacket({ payload: pattern(2000) }, { destination: BEYOND });
    bench.arrive(packet, bench.eth0, Checksum.valid, 1000);
    expect(bench.sent(bench.eth1)).toEqual([]);
    expect(bench.reasons).toEqual(['forward-too-big']);
  });
});
