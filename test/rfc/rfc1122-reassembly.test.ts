import { describe, expect, it } from 'vitest';
import { TransmitQueue } from '../../src/buffer/transmit-queue.ts';
import { parseIpv4 } from '../../src/wire/ipv4.ts';
import { cutAt, IPV4_FRAGMENTS } from '../support/fragments.ts';
import { address, FAR, icmpPacket, IpBench, LOCAL, pattern, PEER } from '../unit/ip/fixture.ts';

/** RFC 1122 §3.3.2 and §3.3.3: reassembly and fragmentation in a host. */

const SECOND = 1_000_000;
const { fragment } = IPV4_FRAGMENTS;

describe('RFC 1122 §3.3.2: reassembly', () => {
  it('[S-024] "MUST be able to reassemble datagrams of 576 bytes", and as many as IP can say', () => {
    const bench = new IpBench();
    for (const total of [576, 1500, 20_000, 65_535]) {
      const payload = pattern(total - 20);
      const cuts = Array.from({ length: Math.ceil(payload.length / 552) - 1 }, (_, i) => 552 * (i + 1));
      for (const bytes of cutAt(IPV4_FRAGMENTS, payload, cuts)) bench.arrive(bytes);
      expect(bench.delivered.at(-1)!.payload.length).toBe(total - 20);
    }
  });

  it.each([1, 64, 255])('[S-024] the time is fixed, 60 to 120 s, whatever the TTL says: %i', (ttl) => {
    const bench = new IpBench();
    bench.arrive(fragment(pattern(100), 0, 48, true, { ttl }));
    bench.clock.advance(60 * SECOND - 1);
    expect(bench.sent()).toEqual([]);
    bench.clock.advance(60 * SECOND);
    expect(bench.sentPackets()[0]!.icmp).toMatchObject({ type: 11, code: 1 });
  });

  it('[S-024] a fragment that comes later does not prolong it', () => {
    const bench = new IpBench();
    for (let i = 0; i < 6; i++) {
      bench.arrive(fragment(pattern(100), 8 * i, 8 * i + 8, true));
      bench.clock.advance(10 * SECOND);
    }
    expect(bench.sent()).toHaveLength(1);
    expect(bench.budget.used).toBe(0);
  });

  it('[S-024] [S-012] the error quotes header and 8 bytes at least, of the fragment with offset 0, 576 bytes in all', () => {
    const bench = new IpBench();
    const first = fragment(pattern(3000), 0, 1480, true);
    bench.arrive(first);
    bench.clock.advance(60 * SECOND);
    const [error] = bench.sentPackets();
    expect(error!.icmp!.payload).toEqual(first.subarray(0, 576 - 28));
    expect([String(error!.ip.source), String(error!.ip.destination)]).toEqual([LOCAL, PEER]);
  });

  it('[S-024] no error about what was for all, an ICMP error or a fragment that is not the first', () => {
    const bench = new IpBench();
    bench.arrive(fragment(pattern(100), 0, 48, true, { destination: '10.0.0.255' }));
    bench.arrive(
      fragment(icmpPacket({ type: 3, code: 3, payload: pattern(80) }).subarray(20), 0, 48, true, { protocol: 1 }),
    );
    bench.arrive(fragment(pattern(100), 48, 96, true));
    bench.clock.advance(60 * SECOND);
    expect(bench.sent()).toEqual([]);
  });

  it('[S-016] a host that hears such an error tells its transport', () => {
    const bench = new IpBench();
    const ours = fragment(pattern(100), 0, 48, true, { source: LOCAL, destination: PEER });
    bench.arrive(icmpPacket({ type: 11, code: 1, payload: ours }));
    expect(bench.reported).toMatchObject([{ type: 11, icmpCode: 1, protocol: 17 }]);
  });
});

describe('RFC 1122 §3.3.3: fragmentation', () => {
  it('[S-025] [S-007] no packet is longer than the MTU, whatever a transport sends', () => {
    const bench = new IpBench({ mtu: 777, queue: new TransmitQueue() });
    const path = bench.ip.path(undefined, address(FAR));
    if (typeof path === 'string') throw new Error(path);
    for (const length of [749, 750, 2000, 65_507]) {
      const packet = path.reserveMessage(length, 8)!;
      packet.prepend(8);
      path.send(packet, 17, { ttl: 64, trafficClass: 0 });
      const sizes = bench.sent().map((bytes) => bytes.length);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(777);
      expect(sizes).toHaveLength(length <= 749 ? 1 : Math.ceil((length + 8) / 752));
    }
  });

  it('[S-007] RFC 791 §3.2: all but the last are a multiple of 8 bytes long, as long as fits', () => {
    const bench = new IpBench({ mtu: 777 });
    bench.arrive(icmpPacket({ payload: pattern(2000) }));
    const pieces = bench.sent().map((bytes) => {
      const ip = parseIpv4(bytes);
      if (typeof ip === 'string') throw new Error(ip);
      return [ip.fragmentOffset, ip.payload.length, ip.moreFragments, ip.dontFragment];
    });
    expect(pieces).toEqual([
      [0, 752, true, false],
      [752, 752, true, false],
      [1504, 504, false, false],
    ]);
  });
});
