import { describe, expect, it } from 'vitest';
import { IcmpUnreachable } from '../../src/wire/icmp.ts';
import { formatIpv4 } from '../../src/wire/ipv4.ts';
import { FAR, icmpPacket, ipv4, IpBench, LOCAL, pattern, PEER, udpPacket } from '../unit/ip/fixture.ts';

const sentByUs = udpPacket(
  { sourcePort: 5000, destinationPort: 53, payload: pattern(200) },
  { source: LOCAL, destination: FAR },
);

describe('RFC 792: echo', () => {
  it('[S-018] [S-039] returns identifier, sequence number and all data from the address that was asked', () => {
    const bench = new IpBench({ addresses: ['10.0.0.2/24', '10.0.0.3/24'] });
    bench.arrive(icmpPacket({ rest: 0xbeef_0007, payload: pattern(1400) }, { source: FAR, destination: '10.0.0.3' }));
    const { ip, icmp } = bench.sentPackets()[0]!;
    expect([String(ip.source), String(ip.destination)]).toEqual(['10.0.0.3', FAR]);
    expect(icmp).toEqual({ type: 0, code: 0, rest: 0xbeef_0007, payload: pattern(1400) });
  });

  it.each(['255.255.255.255', '10.0.0.255', '224.0.0.1'])('[S-018] ignores a request to %s', (destination) => {
    const bench = new IpBench();
    bench.arrive(icmpPacket({}, { destination }));
    expect(bench.sent()).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'icmp-group-ignored': 1 });
  });

  it('[S-039] takes a reply that nobody waits for in silence', () => {
    const bench = new IpBench();
    bench.arrive(icmpPacket({ type: 0 }));
    expect(bench.sent()).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'icmp-echo-reply-unexpected': 1 });
  });
});

describe('RFC 792: errors that arrive', () => {
  const meanings: [type: number, code: number, error: string, hard: boolean][] = [
    [3, 0, 'ENETUNREACH', false],
    [3, 1, 'EHOSTUNREACH', false],
    [3, 2, 'EPROTONOSUPPORT', true],
    [3, 3, 'ECONNREFUSED', true],
    [3, 4, 'EMSGSIZE', true],
    [3, 5, 'EHOSTUNREACH', false],
    [3, 6, 'ENETUNREACH', true],
    [3, 7, 'EHOSTUNREACH', true],
    [3, 9, 'ENETUNREACH', true],
    [3, 10, 'EHOSTUNREACH', true],
    [3, 11, 'ENETUNREACH', false],
    [3, 12, 'EHOSTUNREACH', false],
    [3, 13, 'EHOSTUNREACH', true],
    [11, 0, 'EHOSTUNREACH', false],
    [11, 1, 'EHOSTUNREACH', false],
    [12, 0, 'EINVAL', true],
  ];

  it.each(meanings)(
    '[S-016] [S-017] [S-039] [S-040] type %i code %i is told as %s (hard: %s)',
    (type, code, error, hard) => {
      const bench = new IpBench();
      bench.arrive(icmpPacket({ type, code, payload: sentByUs }));
      expect(bench.reported).toEqual([
        expect.objectContaining({
          type,
          icmpCode: code,
          code: error,
          hard,
          protocol: 17,
          source: LOCAL,
          destination: FAR,
        }),
      ]);
    },
  );

  it('[S-012] takes a quotation of the header and 8 bytes', () => {
    const bench = new IpBench();
    bench.arrive(icmpPacket({ type: 3, code: 3, payload: sentByUs.subarray(0, 28) }));
    expect(bench.reported[0]!.quote).toEqual(sentByUs.slice(20, 28));
  });

  it('[S-012] ignores an error about a packet that this host did not send', () => {
    const bench = new IpBench();
    bench.arrive(icmpPacket({ type: 3, code: 3, payload: udpPacket({}, { source: '10.0.0.9', destination: FAR }) }));
    expect(bench.reported).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'icmp-error-not-ours': 1 });
  });

  it('[S-041] is not confused by a longer quotation with extensions behind it (RFC 4884)', () => {
    const bench = new IpBench();
    const payload = new Uint8Array(128 + 12);
    payload.set(sentByUs.subarray(0, 128));
    payload.set([0x20, 0, 0, 0, 0, 8, 1, 1, 0, 0, 0, 0], 128);
    bench.arrive(icmpPacket({ type: 3, code: 3, rest: (128 / 4) << 16, payload }));
    expect(bench.reported[0]!.quote).toEqual(sentByUs.slice(20, 128));
    // A length that leaves no ports, or is longer than the message, is none.
    for (const words of [1, 6, 255])
      bench.arrive(icmpPacket({ type: 11, rest: words << 16, payload: sentByUs.subarray(0, 60) }));
    expect(bench.reported.slice(1).map(({ quote }) => quote.length)).toEqual([40, 40, 40]);
  });

  it('[S-012] discards unknown types in silence', () => {
    const bench = new IpBench();
    for (const type of [1, 2, 7, 44, 255]) bench.arrive(icmpPacket({ type, payload: sentByUs }));
    expect(bench.sent()).toEqual([]);
    expect(bench.reported).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'icmp-unknown-type': 5 });
  });

  it('[S-019] [S-020] [S-021] answers no information, timestamp or address mask request', () => {
    const bench = new IpBench();
    for (const type of [13, 15, 17]) bench.arrive(icmpPacket({ type, payload: pattern(12) }));
    expect(bench.sent()).toEqual([]);
  });

  it('[S-014] ignores redirects by policy', () => {
    const bench = new IpBench();
    const before = bench.ip.routes.list();
    bench.arrive(icmpPacket({ type: 5, code: 1, rest: 0x0a00_0009, payload: sentByUs }));
    expect(bench.ip.routes.list()).toEqual(before);
    expect(bench.reported).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'icmp-redirect-ignored': 1 });
  });

  it('[S-015] [S-042] ignores source quench', () => {
    const bench = new IpBench();
    bench.arrive(icmpPacket({ type: 4, payload: sentByUs }));
    expect(bench.reported).toEqual([]);
    expect(bench.sent()).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'icmp-source-quench-ignored': 1 });
  });
});

describe('RFC 792: errors that are sent', () => {
  it('[S-012] [S-013] quote the header and as much as fits 576 bytes (RFC 1812 §4.3.2.3)', () => {
    const bench = new IpBench();
    const arrived = formatIpv4(ipv4({ protocol: 200, payload: pattern(1400) }));
    bench.arrive(arrived);
    const [error] = bench.sent();
    expect(error).toHaveLength(576);
    expect(error!.subarray(28)).toEqual(arrived.subarray(0, 548));
  });

  it('[S-031] say port unreachable when the stack asks for it, from the address that was asked', () => {
    const bench = new IpBench();
    bench.onDatagram = (datagram) => bench.ip.sendUnreachable(datagram, IcmpUnreachable.PORT);
    const arrived = udpPacket({ payload: pattern(3) });
    bench.arrive(arrived);
    const { ip, icmp } = bench.sentPackets()[0]!;
    expect([String(ip.source), String(ip.destination)]).toEqual([LOCAL, PEER]);
    expect(icmp).toEqual({ type: 3, code: 3, rest: 0, payload: arrived });
  });

  it('[S-040] are limited: a burst of 6 to one host, then one a second; what is held back is counted', () => {
    const bench = new IpBench();
    const flood = (): number => {
      for (let i = 0; i < 100; i++) bench.arrive(formatIpv4(ipv4({ protocol: 200 })));
      return bench.sent().length;
    };
    expect(flood()).toBe(6);
    expect(bench.counters.get('icmp-error-rate-limited')).toBe(94);
    bench.clock.advance(1_000_000);
    expect(flood()).toBe(1);
  });
});
