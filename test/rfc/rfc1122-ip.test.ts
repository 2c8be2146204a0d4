import { describe, expect, it } from 'vitest';
import { Checksum } from '../../src/buffer/batch.ts';
import { TransmitQueue } from '../../src/buffer/transmit-queue.ts';
import { formatIpv4 } from '../../src/wire/ipv4.ts';
import { Address } from '../../src/wire/address.ts';
import { FAR, icmpPacket, ipv4, IpBench, LOCAL, pattern, PEER, udpPacket } from '../unit/ip/fixture.ts';

/** What became of one packet. */
function fate(bytes: Uint8Array, by: 'eth0' | 'lo' = 'eth0'): string {
  const bench = new IpBench();
  bench.arrive(bytes, bench[by]);
  expect(bench.sent()).toEqual([]);
  return bench.delivered.length > 0 ? 'delivered' : Object.keys(bench.counters.snapshot()).join();
}

describe('RFC 1122 §3.2.1: the header', () => {
  it('[S-004] discards other versions in silence', () => {
    // Version 6 has a way of its own: rfc8200.test.ts.
    for (const version of [0, 1, 2, 3, 5, 7, 15]) {
      const bytes = udpPacket();
      bytes[0] = (version << 4) | 5;
      expect(fate(bytes)).toBe('ipv4-bad-version');
    }
  });

  it.each([
    '255.255.255.255',
    '10.0.0.255',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '127.0.0.1',
    '127.255.0.1',
    '0.0.0.0',
    '0.1.2.3',
    LOCAL,
  ])('[S-006] [S-036] discards what claims to come from %s', (source) => {
    expect(fate(udpPacket({}, { source }))).toBe('ipv4-martian-source');
  });

  it('[S-006] takes 0.0.0.0 as a source only for 255.255.255.255, where hosts ask for an address', () => {
    expect(fate(udpPacket({}, { source: '0.0.0.0', destination: '255.255.255.255' }))).toBe('delivered');
    expect(fate(udpPacket({}, { source: '0.0.0.0', destination: '10.0.0.255' }))).toBe('ipv4-martian-source');
  });

  it('[S-006] discards what is not for this host, and 127/8 from outside', () => {
    expect(fate(udpPacket({}, { destination: '10.0.0.3' }))).toBe('ipv4-not-for-us');
    expect(fate(udpPacket({}, { destination: '10.0.0.0' }))).toBe('ipv4-not-for-us');
    expect(fate(udpPacket({}, { destination: '127.0.0.1' }))).toBe('ipv4-martian-destination');
    expect(fate(udpPacket({}, { source: '127.0.0.1', destination: '127.0.0.1' }), 'lo')).toBe('delivered');
  });

  it('[S-010] takes datagrams with TTL 0 and 1', () => {
    expect(fate(udpPacket({}, { ttl: 0 }))).toBe('delivered');
    expect(fate(udpPacket({}, { ttl: 1 }))).toBe('delivered');
  });

  it('[S-009] [S-010] [S-030] lets the transport choose traffic class and TTL, and tells it those that came', () => {
    const bench = new IpBench();
    bench.arrive(udpPacket({}, { ttl: 17, trafficClass: 0xb9 }));
    expect(bench.delivered[0]).toMatchObject({ ttl: 17, trafficClass: 0xb9 });
    const path = bench.ip.path(undefined, Address.parse(FAR));
    if (typeof path === 'string') throw new Error(path);
    path.send(path.reserve(8)!, 253, { ttl: 255, trafficClass: 0x03 });
    expect(bench.sentPackets()[0]!.ip).toMatchObject({ ttl: 255, trafficClass: 0x03 });
  });

  it('[S-008] [S-043] sends atomic datagrams (DF, no fragment), whose identification means nothing', () => {
    const bench = new IpBench();
    const path = bench.ip.path(undefined, Address.parse(FAR));
    if (typeof path === 'string') throw new Error(path);
    path.send(path.reserve(1480)!, 253, { ttl: 64, trafficClass: 0 });
    expect(bench.sentPackets()[0]!.ip).toMatchObject({ dontFragment: true, moreFragments: false, fragmentOffset: 0 });
  });
});

describe('RFC 1122 §3.2.2: ICMP errors are not sent about', () => {
  const unanswerable: [string, Uint8Array][] = [
    ['an ICMP error', icmpPacket({ type: 3, code: 3, payload: udpPacket({}, { source: LOCAL, destination: PEER }) })],
    ['an unknown ICMP type', icmpPacket({ type: 77, payload: pattern(20) })],
    ['a limited broadcast', formatIpv4(ipv4({ protocol: 200, destination: '255.255.255.255' }))],
    ['a directed broadcast', formatIpv4(ipv4({ protocol: 200, destination: '10.0.0.255' }))],
    ['a multicast', formatIpv4(ipv4({ protocol: 200, destination: '224.0.0.1' }))],
    ['a fragment', formatIpv4(ipv4({ protocol: 200, fragmentOffset: 1480, payload: pattern(8) }))],
    ['a reserved source', formatIpv4(ipv4({ protocol: 200, source: '250.1.2.3' }))],
    ['an unspecified source', formatIpv4(ipv4({ protocol: 200, source: '0.0.0.0', destination: '255.255.255.255' }))],
  ];

  it.each(unanswerable)('[S-012] %s', (_, bytes) => {
    const bench = new IpBench();
    bench.arrive(bytes);
    expect(bench.sent()).toEqual([]);
  });

  it('[S-012] but are about a datagram for this host alone', () => {
    const bench = new IpBench();
    bench.arrive(formatIpv4(ipv4({ protocol: 200 })));
    expect(bench.sent()).toHaveLength(1);
  });

  it('[S-029] and every silent discard is counted', () => {
    const bench = new IpBench();
    for (const [, bytes] of unanswerable) bench.arrive(bytes);
    // The fragment waits for others.
    expect(bench.counters.snapshot()).toEqual({
      'icmp-error-suppressed': 4,
      'icmp-unknown-type': 1,
      'ip-unknown-protocol': 4,
      'ipv4-martian-source': 1,
    });
    expect(bench.reported).toHaveLength(1);
  });
});

describe('RFC 1122 §3.3: addresses and routes', () => {
  it('[S-023] sends to hosts of its own network directly and to others by the gateway', () => {
    const { ip } = new IpBench();
    expect(ip.routes.lookup(Address.parse('10.0.0.200'))!.via).toBeUndefined();
    expect(String(ip.routes.lookup(Address.parse(FAR))!.via)).toBe(PEER);
  });

  it('[S-026] takes datagrams for any of its addresses from any interface (weak host model)', () => {
    const bench = new IpBench();
    const eth1 = bench.ip.addInterface({ name: 'eth1', queue: new TransmitQueue(), addresses: ['10.1.0.2/24'] });
    bench.arrive(udpPacket({}, { destination: '10.1.0.2' }), bench.eth0);
    bench.arrive(udpPacket({}, { source: '10.1.0.1', destination: LOCAL }), eth1);
    expect(bench.delivered.map(({ interfaceIndex }) => interfaceIndex)).toEqual([bench.eth0.index, eth1.index]);
  });

  it('[S-028] recognises the limited broadcast and the directed ones of its networks', () => {
    const bench = new IpBench({ addresses: ['10.0.0.2/24', '172.16.5.1/20'] });
    for (const destination of ['255.255.255.255', '10.0.0.255', '172.16.15.255'])
      bench.arrive(udpPacket({}, { destination }));
    expect(bench.delivered.map(({ group }) => group)).toEqual([true, true, true]);
    bench.arrive(udpPacket({}, { destination: '172.16.31.255' }));
    expect(bench.counters.snapshot()).toEqual({ 'ipv4-not-for-us': 1 });
  });

  it('[S-013] answers an unknown protocol with protocol unreachable', () => {
    const bench = new IpBench();
    bench.arrive(formatIpv4(ipv4({ protocol: 200, payload: pattern(64) })));
    expect(bench.sentPackets()[0]!.icmp).toMatchObject({ type: 3, code: 2 });
  });

  it('[S-025] tells the transport the largest datagram it may send', () => {
    const bench = new IpBench({ mtu: 1280 });
    const path = bench.ip.path(undefined, Address.parse(PEER));
    expect(path).toMatchObject({ mtu: 1280, headerLength: 20 });
  });

  it('[S-005] verifies the header checksum of what nobody vouches for, also on lo', () => {
    const bench = new IpBench();
    const bytes = udpPacket({}, { source: LOCAL, destination: LOCAL });
    bytes[8] = 3;
    bench.arrive(bytes, bench.lo, Checksum.none);
    bench.arrive(bytes, bench.lo, Checksum.partial);
    expect(bench.delivered).toHaveLength(1);
    expect(bench.counters.snapshot()).toEqual({ 'ipv4-bad-checksum': 1 });
  });
});
