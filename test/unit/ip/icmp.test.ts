import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { Datagram } from '../../../src/buffer/datagram.ts';
import { memoryOf } from '../../../src/buffer/memory.ts';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import { IcmpUnreachable } from '../../../src/wire/icmp.ts';
import { formatIpv4 } from '../../../src/wire/ipv4.ts';
import { formatPacket, parsePacket } from '../../../src/wire/packet.ts';
import { address, FAR, icmpPacket, ipv4, IpBench, LOCAL, NOTHING, pattern, PEER, udpPacket } from './fixture.ts';

/** What this stack had sent to the peer, as an error quotes it. */
const sentByUs = udpPacket(
  { sourcePort: 5000, destinationPort: 53, payload: pattern(40) },
  { source: LOCAL, destination: FAR },
);

describe('ICMP echo', () => {
  it.each([0, 1, 56, 1400, 1472])('answers %i bytes of data with the same', (size) => {
    const bench = new IpBench();
    bench.arrive(icmpPacket({ rest: 0x0102_0003, payload: pattern(size) }, { trafficClass: 0xb9, ttl: 3 }));
    const [reply] = bench.sentPackets();
    expect(reply!.ip).toMatchObject({ ttl: 64, trafficClass: 0xb8, dontFragment: false });
    expect(reply!.icmp).toEqual({ type: 0, code: 0, rest: 0x0102_0003, payload: pattern(size) });
  });

  it.each([Checksum.none, Checksum.valid, Checksum.partial])(
    'answers the largest datagram over lo (mark %i)',
    (mark) => {
      const bench = new IpBench();
      const request = icmpPacket({ payload: pattern(65_507) }, { source: '127.0.0.1', destination: '127.0.0.1' });
      // What the link vouches for need not carry a right checksum.
      if (mark !== Checksum.none) request.fill(0, 22, 24);
      bench.arrive(request, bench.lo, mark);
      const [reply] = bench.sentPackets(bench.lo);
      expect(reply!.icmp).toEqual({ type: 0, code: 0, rest: 0, payload: pattern(65_507) });
    },
  );

  it('has the right checksum also when all is zero (an incremental update would not)', () => {
    const bench = new IpBench();
    for (let rest = 0; rest < 0x1_0000; rest += 251) {
      bench.arrive(icmpPacket({ rest, payload: new Uint8Array(0) }));
      expect(bench.sentPackets()[0]!.icmp).toEqual({ type: 0, code: 0, rest, payload: new Uint8Array(0) });
    }
    expect(bench.counters.snapshot()).toEqual({});
  });

  it('counts what it cannot answer', () => {
    const bench = new IpBench({ queue: new TransmitQueue({ limit: 2000 }) });
    bench.ip.routes.remove('0.0.0.0/0');
    bench.arrive(icmpPacket({}, { source: FAR }));
    bench.arrive(icmpPacket({ payload: pattern(1400) }));
    bench.arrive(icmpPacket({ payload: pattern(1400) }));
    bench.arrive(icmpPacket({ payload: pattern(1473) }));
    bench.eth0.update({ up: false });
    bench.arrive(icmpPacket({}));
    expect(bench.counters.snapshot()).toEqual({
      'icmp-reply-no-route': 2,
      'icmp-reply-queue-full': 2,
    });
    expect(bench.sent()).toHaveLength(1);
  });

  it('drops damaged messages', () => {
    const bench = new IpBench();
    const damaged = icmpPacket({ payload: pattern(56) });
    damaged[40] = damaged[40]! ^ 1;
    bench.arrive(damaged);
    bench.arrive(formatIpv4(ipv4({ protocol: 1, payload: new Uint8Array(7) })));
    expect(bench.counters.snapshot()).toEqual({ 'icmp-bad-checksum': 1, 'icmp-truncated': 1 });
    expect(bench.sent()).toEqual([]);
  });
});

describe('ICMP errors that arrive', () => {
  it('are handed to the host with what they quote', () => {
    const bench = new IpBench();
    bench.arrive(icmpPacket({ type: 3, code: 4, rest: 1280, payload: sentByUs.subarray(0, 48) }));
    expect(bench.reported).toEqual([
      {
        code: 'EMSGSIZE',
        hard: true,
        type: 3,
        icmpCode: 4,
        mtu: 1280,
        protocol: 17,
        source: LOCAL,
        destination: FAR,
        reporter: PEER,
        quotedLength: 68,
        quote: sentByUs.slice(20, 48),
      },
    ]);
  });

  it('find the transport header behind options', () => {
    const bench = new IpBench();
    const quoted = udpPacket(
      { sourcePort: 5000, destinationPort: 53 },
      { source: LOCAL, destination: FAR, options: new Uint8Array([1, 1, 1, 0]) },
    );
    bench.arrive(icmpPacket({ type: 11, code: 0, payload: quoted }));
    expect(bench.reported[0]!.quote).toEqual(quoted.slice(24));
  });

  it('are dropped and counted when the quotation is not about a packet of ours', () => {
    const bench = new IpBench();
    const error = (payload: Uint8Array): void => bench.arrive(icmpPacket({ type: 3, code: 3, payload }));
    error(udpPacket({}, { source: PEER, destination: LOCAL }));
    error(sentByUs.subarray(0, 27));
    error(new Uint8Array(0));
    error(sentByUs.map((byte, i) => (i === 0 ? 0x65 : byte)));
    error(sentByUs.map((byte, i) => (i === 0 ? 0x44 : byte)));
    error(sentByUs.subarray(0, 40).map((byte, i) => (i === 0 ? 0x4f : byte)));
    error(sentByUs.map((byte, i) => (i === 7 ? 1 : byte)));
    bench.arrive(icmpPacket({ type: 3, code: 16, payload: sentByUs }));
    bench.arrive(icmpPacket({ type: 11, code: 2, payload: sentByUs }));
    expect(bench.reported).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({
      'icmp-bad-quote': 5,
      'icmp-error-not-ours': 1,
      'icmp-quoted-fragment': 1,
      'icmp-unknown-code': 2,
    });
  });
});

describe('Ip.sendUnreachable', () => {
  it('quotes a small datagram whole', () => {
    const bench = new IpBench();
    const arrived = formatIpv4(ipv4({ protocol: 200, payload: pattern(30) }));
    bench.arrive(arrived);
    const { ip, icmp } = bench.sentPackets()[0]!;
    expect([ip.source, ip.destination, ip.ttl].map(String)).toEqual([LOCAL, PEER, '64']);
    expect(icmp).toMatchObject({ type: 3, code: 2, rest: 0, payload: arrived });
  });

  it('completes a partial checksum in the quotation', () => {
    const bench = new IpBench({ mtu: 9000 });
    bench.protocols = [];
    const whole = udpPacket({ payload: pattern(300) });
    const udpAt = 20;
    const partial = whole.slice();
    // The pseudo header's sum alone, as offload leaves it: 10.0.0.1 + 10.0.0.2 + 17 + 308.
    new DataView(partial.buffer).setUint16(udpAt + 6, 0x0a00 + 1 + 0x0a00 + 2 + 17 + 308);
    bench.arrive(partial, bench.eth0, Checksum.partial);
    const [error] = bench.sentPackets();
    const quoted = parsePacket(error!.icmp!.payload);
    // Read back without a checksum of its own: it was right.
    expect(quoted).toMatchObject({ udp: { sourcePort: 4000, payload: pattern(300) } });
    expect(quoted).not.toHaveProperty('udp.checksum');
  });

  it('completes a partial TCP checksum too', () => {
    const bench = new IpBench({ mtu: 9000 });
    bench.protocols = [];
    const tcp = {
      sourcePort: 1,
      destinationPort: 2,
      sequence: 3,
      acknowledgment: 4,
      flags: 16,
      window: 5,
      urgentPointer: 0,
    };
    const ip = ipv4({ protocol: 6 });
    const whole = formatPacket({ ip, tcp: { ...tcp, reserved: 0, options: NOTHING, payload: pattern(301) } });
    const partial = whole.slice();
    new DataView(partial.buffer).setUint16(36, 0x0a00 + 1 + 0x0a00 + 2 + 6 + 321);
    bench.arrive(partial, bench.eth0, Checksum.partial);
    expect(bench.sentPackets()[0]!.icmp!.payload).toEqual(whole);
  });

  it('[S-012] is never about a fragment or an ICMP error, whoever asks for it', () => {
    const bench = new IpBench();
    const ask = (bytes: Uint8Array, start: number): number => {
      const datagram = new Datagram(memoryOf(bytes));
      datagram.packetEnd = bytes.length;
      datagram.start = start;
      datagram.protocol = bytes[9]!;
      datagram.source.set(address(PEER));
      datagram.destination.set(address(LOCAL));
      bench.ip.sendUnreachable(datagram, IcmpUnreachable.HOST);
      return bench.sent().length;
    };
    expect(ask(icmpPacket({ type: 3, code: 3, payload: sentByUs }), 20)).toBe(0);
    for (const type of [4, 5, 11, 12, 40]) expect(ask(icmpPacket({ type }), 20)).toBe(0);
    // RFC 1122 §3.2.2 forbids errors about errors: a reply on its way through may have one.
    expect(ask(icmpPacket({ type: 0 }), 20)).toBe(1);
    expect(ask(icmpPacket({ type: 8 }).subarray(0, 27), 20)).toBe(0);
    expect(ask(icmpPacket({ type: 8 }), 20)).toBe(1);
    expect(ask(formatIpv4(ipv4({ protocol: 200, fragmentOffset: 8, payload: pattern(8) })), 20)).toBe(0);
    expect(ask(formatIpv4(ipv4({ protocol: 200, moreFragments: true, payload: pattern(8) })), 20)).toBe(1);
  });

  it('keeps to the MTU of a narrow link', () => {
    const bench = new IpBench({ mtu: 300 });
    bench.arrive(formatIpv4(ipv4({ protocol: 200, payload: pattern(2000) })));
    expect(bench.sent()[0]).toHaveLength(300);
  });

  it('is not limited inside the host', () => {
    const bench = new IpBench();
    const arrived = formatIpv4(ipv4({ protocol: 200, source: LOCAL, destination: LOCAL }));
    for (let i = 0; i < 100; i++) bench.arrive(arrived, bench.lo);
    expect(bench.sent(bench.lo)).toHaveLength(100);
  });

  it('counts what it could not send', () => {
    const bench = new IpBench({ queue: new TransmitQueue({ limit: 400 }) });
    bench.ip.routes.remove('0.0.0.0/0');
    bench.arrive(formatIpv4(ipv4({ protocol: 200, source: FAR })));
    for (let i = 0; i < 3; i++) bench.arrive(formatIpv4(ipv4({ protocol: 200, payload: pattern(100) })));
    expect(bench.counters.snapshot()).toEqual({
      'icmp-error-no-route': 1,
      'icmp-error-queue-full': 2,
      'icmp-error-sent': 1,
      'ip-unknown-protocol': 4,
    });
  });
});
