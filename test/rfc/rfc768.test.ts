import { describe, expect, it } from 'vitest';
import { formatIpv4 } from '../../src/wire/ipv4.ts';
import { icmpPacket, ipv4, LOCAL, pattern, PEER, udpPacket } from '../unit/ip/fixture.ts';
import { bytesOf, texts, UdpBench } from '../unit/udp/fixture.ts';

/** A datagram to port 7 with this length field and so many bytes behind the header; no checksum. */
function datagram(lengthField: number, behind: number): Uint8Array {
  const payload = new Uint8Array(8 + behind);
  const view = new DataView(payload.buffer);
  view.setUint16(0, 4000);
  view.setUint16(2, 7);
  view.setUint16(4, lengthField);
  payload.set(pattern(behind), 8);
  return formatIpv4(ipv4({ payload }));
}

function received(...packets: Uint8Array[]): { lengths: number[]; counts: Record<string, number> } {
  const bench = new UdpBench();
  const listened = bench.bind(7);
  for (const packet of packets) bench.arrive(packet);
  bench.turn();
  expect(bench.sent()).toEqual([]);
  return { lengths: listened.messages.map(({ bytes }) => bytes.length), counts: bench.counters.snapshot() };
}

describe('RFC 768: length', () => {
  it('[S-038] may be 8: an empty message', () => {
    expect(received(datagram(8, 0))).toEqual({ lengths: [0], counts: {} });
  });

  it('[S-038] bounds the message when IP carries more', () => {
    expect(received(datagram(18, 30))).toEqual({ lengths: [10], counts: {} });
  });

  it('[S-038] must not be less than 8 or more than IP carries', () => {
    const packets = [datagram(0, 10), datagram(7, 10), datagram(19, 10), datagram(65_535, 10)];
    expect(received(...packets)).toEqual({ lengths: [], counts: { 'udp-bad-length': 4 } });
    expect(received(formatIpv4(ipv4({ payload: pattern(7) })))).toEqual({
      lengths: [],
      counts: { 'udp-truncated': 1 },
    });
  });
});

describe('RFC 768 and 1122 §4.1.3.4: checksum', () => {
  it('[S-034] is verified, and a bad one discarded in silence', () => {
    const good = udpPacket({ payload: pattern(21) });
    const bad = good.slice();
    bad[40] = bad[40]! ^ 0x10;
    expect(received(good, bad)).toEqual({ lengths: [21], counts: { 'udp-bad-checksum': 1 } });
  });

  it('[S-034] includes the addresses', () => {
    const bench = new UdpBench({ addresses: ['10.0.0.2/24', '10.0.0.3/24'] });
    const listened = bench.bind(7);
    const packet = udpPacket({ payload: pattern(4) });
    const { payload } = ipv4({ payload: packet.slice(20) });
    bench.arrive(formatIpv4(ipv4({ payload, destination: '10.0.0.3' })));
    bench.turn();
    expect(listened.messages).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'udp-bad-checksum': 1 });
  });

  it('[S-034] zero means none and is accepted', () => {
    expect(received(udpPacket({ payload: pattern(9), checksum: 0 }))).toEqual({ lengths: [9], counts: {} });
  });

  it('[S-034] is generated, and a computed zero is sent as all ones', () => {
    const bench = new UdpBench();
    const { socket } = bench.bind(7000);
    // Two bytes run through all words: for one of them the sum comes to all ones.
    let allOnes = 0;
    for (let word = 0; word < 0x1_0000; word++) {
      socket.send(Uint8Array.of(word >>> 8, word & 255), 53, PEER);
      const packet = bench.sent()[0]!;
      const checksum = (packet[26]! << 8) | packet[27]!;
      if (checksum === 0) throw new Error(`no checksum for ${word}`);
      if (checksum === 0xffff) allOnes++;
    }
    expect(allOnes).toBe(1);
  });
});

describe('RFC 1122 §4.1.3: the interface to the application', () => {
  it('[S-013] [S-031] an unbound port is answered with port unreachable that quotes the datagram', () => {
    const bench = new UdpBench();
    const packet = udpPacket({ payload: pattern(50) });
    bench.arrive(packet);
    expect(bench.sentPackets()[0]!.icmp).toEqual({ type: 3, code: 3, rest: 0, payload: packet });
  });

  it.each(['255.255.255.255', '10.0.0.255', '224.0.0.1'])('[S-012] [S-031] but not when sent to %s', (destination) => {
    const bench = new UdpBench();
    bench.arrive(udpPacket({}, { destination }));
    expect(bench.sent()).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'udp-no-listener': 1 });
  });

  it('[S-033] ICMP errors reach a connected socket and never crash an unconnected one', () => {
    const bench = new UdpBench();
    const [connected, unconnected] = [bench.bind(7000), bench.bind(7001)];
    connected.socket.connect(PEER, 53);
    for (const sourcePort of [7000, 7001]) {
      const quoted = udpPacket({ sourcePort, destinationPort: 53 }, { source: LOCAL, destination: PEER });
      bench.arrive(icmpPacket({ type: 3, code: 3, payload: quoted }));
    }
    bench.turn();
    expect(connected.errors.map(({ code }) => code)).toEqual(['ECONNREFUSED']);
    expect(unconnected.errors).toEqual([]);
    expect(bench.counters.get('udp-error-unconnected')).toBe(1);
  });

  it('[S-035] the application sees the destination address and chooses the source address', () => {
    const bench = new UdpBench({ addresses: ['10.0.0.2/24', '10.0.0.3/24'] });
    const any = bench.bind(7);
    bench.arrive(udpPacket({ payload: bytesOf('x') }, { destination: '10.0.0.3' }));
    bench.turn();
    expect(String(any.messages[0]!.info.localAddress)).toBe('10.0.0.3');
    bench.bind(8, { address: '10.0.0.3' }).socket.send(bytesOf('y'), 53, PEER);
    expect(String(bench.sentPackets()[0]!.ip.source)).toBe('10.0.0.3');
  });

  it('[S-036] a datagram with an invalid source is discarded', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7);
    for (const source of ['224.0.0.5', '10.0.0.255', '127.0.0.1', LOCAL]) bench.arrive(udpPacket({}, { source }));
    bench.turn();
    expect(listened.messages).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'ipv4-martian-source': 4 });
  });

  it('[S-037] sends and receives from empty to maximal datagrams, with TTL and traffic class', () => {
    const bench = new UdpBench();
    const listened = bench.bind(7, { ttl: 5, dscp: 10 });
    for (const size of [0, 1, 1472, 65_507]) {
      expect(listened.socket.send(pattern(size), 7, LOCAL)).toBe(true);
      bench.arrive(bench.sent(bench.lo)[0]!, bench.lo, 2);
    }
    bench.turn();
    expect(listened.messages.map(({ bytes }) => bytes.length)).toEqual([0, 1, 1472, 65_507]);
    expect(listened.messages[3]!.bytes).toEqual(pattern(65_507));
    expect(listened.messages[0]!.info).toMatchObject({ remotePort: 7, ttl: 5, trafficClass: 40 });
    expect(texts(listened)[0]).toBe('');
  });
});
