import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { formatIpv4 } from '../../../src/wire/ipv4.ts';
import { icmpPacket, ipv4, IpBench, LOCAL, pattern, PEER, udpPacket } from './fixture.ts';

describe('Ip.input', () => {
  it('describes a datagram to the host', () => {
    const bench = new IpBench();
    bench.clock.advance(1234);
    bench.arrive(formatIpv4(ipv4({ protocol: 6, ttl: 1, trafficClass: 0x2e, payload: pattern(30) })));
    expect(bench.delivered).toEqual([
      {
        source: PEER,
        destination: LOCAL,
        protocol: 6,
        ttl: 1,
        trafficClass: 0x2e,
        group: false,
        interfaceIndex: bench.eth0.index,
        now: 1234,
        options: new Uint8Array(0),
        payload: pattern(30),
      },
    ]);
    expect(bench.counters.snapshot()).toEqual({});
  });

  it("passes the link's marks on", () => {
    const bench = new IpBench();
    const seen: unknown[] = [];
    bench.onDatagram = ({ checksum, segmentSize, retained, version }) =>
      seen.push([checksum, segmentSize, retained, version]);
    bench.arrive(udpPacket(), bench.eth0, Checksum.partial, 1200);
    bench.arrive(udpPacket());
    expect(seen).toEqual([
      [Checksum.partial, 1200, false, 4],
      [Checksum.none, 0, false, 4],
    ]);
  });

  it('cuts off what the link padded', () => {
    const bench = new IpBench();
    const padded = new Uint8Array(60);
    padded.set(formatIpv4(ipv4({ protocol: 6, payload: pattern(5) })));
    bench.arrive(padded);
    expect(bench.delivered[0]!.payload).toEqual(pattern(5));
  });

  it('takes a datagram for another of its interfaces: the weak host model', () => {
    const bench = new IpBench();
    bench.lo.addAddress('10.77.0.1/32');
    bench.arrive(udpPacket({}, { destination: '10.77.0.1' }));
    expect(bench.delivered).toHaveLength(1);
  });

  it('takes its own addresses as sources on lo', () => {
    const bench = new IpBench();
    bench.arrive(udpPacket({}, { source: LOCAL, destination: LOCAL }), bench.lo);
    bench.arrive(udpPacket({}, { source: '127.0.0.1', destination: '127.0.0.9' }), bench.lo);
    expect(bench.delivered).toHaveLength(2);
  });

  it('reuses one datagram: nothing of the last one is left', () => {
    const bench = new IpBench();
    bench.arrive(
      formatIpv4(ipv4({ destination: '224.0.0.1', options: new Uint8Array([1, 1, 1, 0]), payload: pattern(9) })),
    );
    bench.arrive(formatIpv4(ipv4({ payload: pattern(3) })));
    expect(bench.delivered.map(({ group, options, payload }) => [group, options.length, payload.length])).toEqual([
      [true, 4, 9],
      [false, 0, 3],
    ]);
  });

  it('never throws and answers nothing that is not a packet, whatever bytes come', () => {
    const bench = new IpBench();
    let arrived = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        bench.arrive(bytes);
        arrived++;
      }),
      { numRuns: 2000 },
    );
    const counted = Object.values(bench.counters.snapshot()).reduce((sum, n) => sum + n, 0);
    expect(counted).toBe(arrived);
    expect(bench.sent()).toEqual([]);
  });

  it('never throws on damaged packets, and counts or delivers each', () => {
    const bench = new IpBench();
    const packets = [
      udpPacket({ payload: pattern(40) }, { options: new Uint8Array([7, 7, 4, 0, 0, 0, 0, 0]) }),
      icmpPacket({ payload: pattern(56) }),
      icmpPacket({
        type: 3,
        code: 3,
        payload: udpPacket({ payload: pattern(20) }, { source: LOCAL, destination: PEER }),
      }),
    ];
    let sent = 0;
    let accounted = 0;
    let waiting = 0;
    const damage = fc.record({
      which: fc.nat(packets.length - 1),
      at: fc.nat(100),
      value: fc.nat(255),
      length: fc.nat(100),
      vouched: fc.boolean(),
    });
    fc.assert(
      fc.property(damage, ({ which, at, value, length, vouched }) => {
        const bytes = packets[which]!.slice();
        bytes[at % bytes.length] = value;
        bench.arrive(
          bytes.subarray(0, Math.max(0, bytes.length - length)),
          bench.eth0,
          vouched ? Checksum.valid : Checksum.none,
        );
        sent += bench.sent().length;
        const now = bench.delivered.length + bench.reported.length + total(bench) + sent;
        // A fragment waits for others, at once or in the place of an older one.
        expect(now > accounted || bench.budget.used > waiting).toBe(true);
        accounted = now;
        waiting = bench.budget.used;
      }),
      { numRuns: 2000 },
    );
  });
});

function total(bench: IpBench): number {
  return Object.values(bench.counters.snapshot()).reduce((sum, n) => sum + n, 0);
}
