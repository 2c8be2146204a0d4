import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { formatPacket } from '../../../src/wire/packet.ts';
import { hex } from '../../support/wire.ts';
import { pattern } from './fixture.ts';
import { icmp6Packet, Ip6Bench, ipv6, LOCAL6, LOCAL_LINK, PEER6, PEER_LINK, udp6Packet } from './fixture6.ts';

describe('IPv6 input', () => {
  it('hands up what is for the stack, padding cut off', () => {
    const bench = new Ip6Bench();
    const whole = udp6Packet({ payload: pattern(30) }, { hopLimit: 3, trafficClass: 0xb9, flowLabel: 0x54321 });
    bench.arrive(Uint8Array.from([...whole, 1, 2, 3]));
    expect(bench.delivered).toMatchObject([
      { source: PEER6, destination: LOCAL6, protocol: 17, ttl: 3, trafficClass: 0xb9, group: false },
    ]);
    expect(bench.delivered[0]!.payload).toEqual(whole.subarray(40));
    expect(bench.counters.snapshot()).toEqual({});
  });

  it('[S-045] hands up what stands behind extension headers', () => {
    const bench = new Ip6Bench();
    const extensions = hex('3c00 0104 00000000 2c00 0104 00000000 1100 0000 12345678');
    bench.arrive(udp6Packet({ payload: pattern(5) }, { nextHeader: 0, extensions }));
    expect(bench.delivered.map(({ protocol, payload }) => [protocol, payload.length])).toEqual([[17, 13]]);
  });

  it.each([
    ['ipv6-martian-source', { source: 'ff02::1' }],
    ['ipv6-martian-source', { source: '::' }],
    ['ipv6-martian-source', { source: '::1' }],
    ['ipv6-martian-source', { source: '::ffff:10.0.0.1' }],
    ['ipv6-martian-source', { source: LOCAL6 }],
    ['ipv6-martian-destination', { destination: '::1' }],
    ['ipv6-martian-destination', { destination: 'ff01::1' }],
    ['ipv6-martian-destination', { destination: 'ff00::1' }],
    ['ipv6-not-for-us', { destination: 'fd00::77' }],
    ['ipv6-not-for-us', { destination: '::' }],
    ['ipv6-no-next-header', { nextHeader: 59 }],
  ])('drops %s: %o', (reason, changes) => {
    const bench = new Ip6Bench();
    bench.arrive(udp6Packet({}, changes));
    expect(bench.delivered).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ [reason]: 1 });
    expect(bench.sent()).toEqual([]);
  });

  it('[S-046] drops whatever comes by a link whose MTU is below 1280', () => {
    const bench = new Ip6Bench();
    bench.eth0.update({ mtu: 1279 });
    bench.arrive(udp6Packet());
    bench.eth0.update({ mtu: 1280 });
    bench.arrive(udp6Packet());
    expect(bench.counters.snapshot()).toEqual({ 'ipv6-link-mtu': 1 });
    expect(bench.delivered).toHaveLength(1);
  });

  it('takes a link-local address only on its own link, others on any (weak host model)', () => {
    const bench = new Ip6Bench();
    bench.lo.addAddress('fd77::1/128');
    bench.arrive(udp6Packet({}, { destination: 'fd77::1' }));
    bench.arrive(udp6Packet({}, { source: PEER_LINK, destination: LOCAL_LINK }));
    expect(bench.delivered).toHaveLength(2);
    bench.lo.addAddress('fe80::77/128');
    bench.arrive(udp6Packet({}, { source: PEER_LINK, destination: 'fe80::77' }));
    expect(bench.counters.snapshot()).toEqual({ 'ipv6-not-for-us': 1 });
    // Inside the host every one of its addresses is reached.
    bench.arrive(udp6Packet({}, { source: LOCAL_LINK, destination: LOCAL_LINK }), bench.lo);
    expect(bench.delivered).toHaveLength(3);
  });

  it('marks what is for a group, of any scope over lo', () => {
    const bench = new Ip6Bench();
    bench.arrive(udp6Packet({}, { destination: 'ff02::fb' }));
    bench.arrive(udp6Packet({}, { source: '::1', destination: 'ff01::fb' }), bench.lo);
    expect(bench.delivered.map(({ group, destination }) => [group, destination])).toEqual([
      [true, 'ff02::fb'],
      [true, 'ff01::fb'],
    ]);
  });

  it('[S-045] tells the sender of a next header that nobody knows, and where it stands', () => {
    const bench = new Ip6Bench();
    bench.arrive(formatPacket({ ip: ipv6({ protocol: 253, payload: pattern(20) }) }));
    bench.arrive(
      formatPacket({ ip: ipv6({ nextHeader: 60, extensions: hex('fd00 0104 00000000'), payload: pattern(20) }) }),
    );
    expect(bench.problems()).toEqual([
      [1, 6],
      [1, 40],
    ]);
    expect(bench.counters.snapshot()).toEqual({ 'icmpv6-error-sent': 2, 'ip-unknown-protocol': 2 });
  });

  it('ICMP is not ICMPv6: each belongs to its own version', () => {
    const bench = new Ip6Bench();
    bench.arrive(formatPacket({ ip: ipv6({ protocol: 1, payload: hex('0800 f7ff 0000 0000') }) }));
    expect(bench.problems()).toEqual([[1, 6]]);
  });

  it.each([
    ['an option', 0, '1100 000085020000', [2, 44]],
    ['hop-by-hop options in the wrong place', 60, '0000 0104 00000000 1100 0104 00000000', [1, 40]],
    ['[S-050] a routing header of type 0', 43, '1102 0001 00000000 20010db8000000000000000000000009', [0, 42]],
  ])('[S-045] tells the sender of %s', (_name, nextHeader, extensions, problem) => {
    const bench = new Ip6Bench();
    bench.arrive(udp6Packet({}, { nextHeader, extensions: hex(extensions) }));
    expect(bench.problems()).toEqual([problem]);
    expect(bench.delivered).toEqual([]);
  });

  it('reuses one datagram: nothing of the last one is left', () => {
    const bench = new Ip6Bench();
    bench.arrive(udp6Packet({ payload: pattern(9) }, { destination: 'ff02::1' }));
    bench.arrive(udp6Packet({ payload: pattern(3) }));
    expect(bench.delivered.map(({ group, payload }) => [group, payload.length])).toEqual([
      [true, 17],
      [false, 11],
    ]);
  });

  it('never throws on damaged packets, and counts, delivers or answers each', () => {
    const bench = new Ip6Bench();
    const extensions = hex('2b00 0104 00000000 2c00 0000 00000000 1100 0000 12345678');
    const packets = [
      udp6Packet({ payload: pattern(40) }, { nextHeader: 0, extensions }),
      icmp6Packet({ payload: pattern(56) }),
      icmp6Packet({
        type: 1,
        code: 4,
        payload: udp6Packet({ payload: pattern(20) }, { source: LOCAL6, destination: PEER6 }),
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
        // The version nibble stays: else it is a packet for IPv4.
        bytes[0] = 0x60 | (bytes[0]! & 15);
        bench.arrive(
          bytes.subarray(0, Math.max(1, bytes.length - length)),
          bench.eth0,
          vouched ? Checksum.valid : Checksum.none,
        );
        sent += bench.sent().length;
        const counted = Object.values(bench.counters.snapshot()).reduce((sum, n) => sum + n, 0);
        const now = bench.delivered.length + bench.reported.length + counted + sent;
        // A fragment waits for others.
        expect(now > accounted || bench.budget.used > waiting).toBe(true);
        accounted = now;
        waiting = bench.budget.used;
      }),
      { numRuns: 2000 },
    );
  });
});
