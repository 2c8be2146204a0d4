import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import type { LinkOffload } from '../../../src/link/link.ts';
import { checksumFold, pseudoHeaderSum } from '../../../src/wire/checksum.ts';
import { formatIpv4 } from '../../../src/wire/ipv4.ts';
import { formatPacket, parsePacket, parsePacket6 } from '../../../src/wire/packet.ts';
import { TcpFlag } from '../../../src/wire/tcp.ts';
import { address, icmpPacket, ipv4, LOCAL, NOTHING, pattern, PEER, udpPacket } from './fixture.ts';
import { icmp6Packet, ipv6, LOCAL6, PEER6, PEER_LINK, udp6Packet } from './fixture6.ts';
import { BEYOND, BEYOND6, FARTHER, FARTHER6, RouterBench } from './router-bench.ts';

const OFFLOAD: LinkOffload = { checksum: true, tso: 65_535, uso: 65_535 };
const HEADERS = 40;
const SEGMENT = 1000;

/** A TCP segment for the host beyond, with the pseudo header's sum where the checksum goes if `partial`. */
function tcpPacket(family: 4 | 6, payload: Uint8Array, partial: boolean): Uint8Array {
  const tcp = {
    sourcePort: 1,
    destinationPort: 2,
    sequence: 0xffff_ff00,
    acknowledgment: 4,
    flags: TcpFlag.ACK | TcpFlag.PSH | TcpFlag.FIN | TcpFlag.CWR,
    reserved: 0,
    window: 5,
    urgentPointer: 0,
    options: NOTHING,
    payload,
  };
  const ends = family === 4 ? { source: PEER, destination: BEYOND } : { source: PEER6, destination: BEYOND6 };
  const ip = family === 4 ? ipv4({ protocol: 6, dontFragment: true, ...ends }) : ipv6({ protocol: 6, ...ends });
  const bytes = formatPacket({ ip, tcp } as Parameters<typeof formatPacket>[0]);
  if (!partial) return bytes;
  const length = 20 + payload.length;
  const sum = checksumFold(pseudoHeaderSum(address(ends.source), address(ends.destination), 6, length));
  new DataView(bytes.buffer).setUint16(bytes.length - length + 16, sum);
  return bytes;
}

/** What was put into a queue: bytes and marks. */
function queued({ eth1 }: RouterBench): { bytes: Uint8Array; checksum: number; segmentSize: number }[] {
  const { batch } = eth1.queue;
  const found = [...batch].map((bytes, row) => ({
    bytes: bytes.slice(),
    checksum: batch.checksum[row]!,
    segmentSize: batch.segmentSize[row]!,
  }));
  eth1.queue.taken(found.length);
  return found;
}

describe('Forwarder', () => {
  it('is off by default, by version', () => {
    const bench = new RouterBench();
    bench.ip.forward({ ipv4: false });
    bench.arrive(udpPacket({}, { destination: BEYOND }));
    bench.arrive(udp6Packet({}, { destination: BEYOND6 }));
    expect(bench.sent(bench.eth1).at(-1)).toHaveLength(48);
    bench.ip.forward({ ipv4: true, ipv6: false });
    bench.hush();
    bench.arrive(udpPacket({}, { destination: BEYOND }));
    bench.arrive(udp6Packet({}, { destination: BEYOND6 }));
    expect(bench.counters.snapshot()).toEqual({ 'ipv4-not-for-us': 1, 'ipv6-not-for-us': 1 });
    expect(bench.sent(bench.eth1)).toHaveLength(1);
    expect(bench.ip.forwarded).toEqual({ packets: 2, bytes: 28 + 48 });
  });

  it.each([BEYOND, FARTHER])('passes on what is for %s, with one less to live and a right checksum', (destination) => {
    const bench = new RouterBench();
    bench.arrive(udpPacket({ payload: pattern(100) }, { destination, ttl: 2, identification: 77, trafficClass: 0xb9 }));
    expect(bench.sent(bench.eth1)).toEqual([
      udpPacket({ payload: pattern(100) }, { destination, ttl: 1, identification: 77, trafficClass: 0xb9 }),
    ]);
    expect(bench.transmittedOn).toEqual(['eth1']);
    expect([bench.delivered, bench.reasons]).toEqual([[], []]);
  });

  it('[S-056] updates the header checksum for every time to live, and leaves a wrong one wrong', () => {
    const bench = new RouterBench();
    for (let ttl = 2; ttl < 256; ttl++) {
      const packet = (left: number) => udpPacket({}, { destination: BEYOND, ttl: left, identification: ttl * 257 });
      bench.arrive(packet(ttl));
      expect(bench.sent(bench.eth1)).toEqual([packet(ttl - 1)]);
    }
    const wrong = udpPacket({}, { destination: BEYOND, ttl: 9 });
    wrong[10]! ^= 1;
    // The link vouches for it, whatever that is worth.
    bench.arrive(wrong, bench.eth0, Checksum.valid);
    const [passed] = bench.sent(bench.eth1);
    expect(parsePacket(passed!)).toBe('ipv4-bad-checksum');
  });

  it.each([BEYOND6, FARTHER6])(
    'passes on what is for %s, extension headers and flow label untouched',
    (destination) => {
      const bench = new RouterBench();
      const options = Uint8Array.of(17, 0, 0xc5, 2, 0, 0, 1, 0);
      const packet = (hopLimit: number) => {
        const changes = { destination, hopLimit, flowLabel: 0x12345, nextHeader: 0, extensions: options };
        return udp6Packet({ payload: pattern(33) }, changes);
      };
      bench.arrive(packet(2));
      expect(bench.sent(bench.eth1)).toEqual([packet(1)]);
      expect(bench.reasons).toEqual([]);
    },
  );

  it('passes fragments on as they are', () => {
    const bench = new RouterBench();
    const fragment = (ttl: number) =>
      formatIpv4(ipv4({ destination: BEYOND, fragmentOffset: 1480, moreFragments: true, ttl, payload: pattern(80) }));
    bench.arrive(fragment(64));
    expect(bench.sent(bench.eth1)).toEqual([fragment(63)]);
  });

  it.each([
    ['a checksum that nobody has verified', Checksum.none],
    ['one that was vouched for', Checksum.valid],
  ])('leaves %s so', (_what, mark) => {
    const bench = new RouterBench();
    bench.arrive(tcpPacket(4, pattern(50), false), bench.eth0, mark);
    expect(queued(bench)).toMatchObject([{ checksum: mark, segmentSize: 0 }]);
  });

  it.each([4, 6] as const)('IPv%i: completes a partial checksum for a link that does not', (family) => {
    const bench = new RouterBench();
    const whole = parse(tcpPacket(family, pattern(51), false));
    bench.arrive(tcpPacket(family, pattern(51), true), bench.eth0, Checksum.partial);
    const [passed] = queued(bench);
    expect(passed!.checksum).toBe(Checksum.valid);
    expect(parse(passed!.bytes).tcp).toEqual(whole.tcp);
  });

  it('[S-034] completes a partial checksum of UDP that comes to 0 as 0xffff', () => {
    const bench = new RouterBench();
    const bytes = udpPacket({ payload: new Uint8Array(2) }, { destination: BEYOND });
    const view = new DataView(bytes.buffer);
    // The payload makes the sum 0xffff.
    view.setUint16(26, checksumFold(pseudoHeaderSum(address(PEER), address(BEYOND), 17, 10)));
    view.setUint16(28, 0xffff - checksumFold(4000 + 7 + 10 + view.getUint16(26)));
    bench.arrive(bytes, bench.eth0, Checksum.partial);
    const [passed] = queued(bench);
    expect(new DataView(passed!.bytes.buffer).getUint16(26)).toBe(0xffff);
    expect(parse(passed!.bytes)).not.toHaveProperty('flaw');
  });

  it('leaves a partial checksum to a link that completes it', () => {
    const bench = new RouterBench({ offload: OFFLOAD });
    const packet = tcpPacket(4, pattern(51), true);
    bench.arrive(packet, bench.eth0, Checksum.partial);
    const [passed] = queued(bench);
    expect(passed!.checksum).toBe(Checksum.partial);
    expect(passed!.bytes.subarray(12)).toEqual(packet.subarray(12));
  });

  it.each([
    [4, Checksum.partial],
    [4, Checksum.valid],
    [6, Checksum.partial],
    [6, Checksum.valid],
  ] as const)('IPv%i: passes a super-segment whole to a link that takes it (checksum mark %i)', (family, mark) => {
    const bench = new RouterBench({ offload: OFFLOAD });
    const payload = pattern(3 * SEGMENT + 1);
    bench.arrive(tcpPacket(family, payload, mark === Checksum.partial), bench.eth0, mark, SEGMENT);
    const [passed, ...more] = queued(bench);
    expect(more).toEqual([]);
    expect(passed).toMatchObject({ checksum: Checksum.partial, segmentSize: SEGMENT });
    const expected = tcpPacket(family, payload, true);
    expected[family === 4 ? 8 : 7]!--;
    const skipped = family === 4 ? 12 : 0;
    expect(passed!.bytes.subarray(skipped)).toEqual(expected.subarray(skipped));
  });

  it.each([4, 6] as const)('IPv%i: cuts a super-segment for a link that takes single ones', (family) => {
    const bench = new RouterBench();
    const payload = pattern(3 * SEGMENT + 1);
    bench.arrive(tcpPacket(family, payload, true), bench.eth0, Checksum.partial, SEGMENT);
    const passed = queued(bench);
    expect(passed.map(({ checksum, segmentSize }) => [checksum, segmentSize])).toEqual(
      Array.from({ length: 4 }, () => [Checksum.valid, 0]),
    );
    const packets = passed.map(({ bytes }) => parse(bytes));
    for (const packet of packets) {
      expect(packet).not.toHaveProperty('flaw');
      expect('hopLimit' in packet.ip ? packet.ip.hopLimit : packet.ip.ttl).toBe(63);
    }
    expect(packets.map(({ tcp }) => [tcp!.sequence, tcp!.flags, tcp!.payload.length])).toEqual([
      [0xffff_ff00, TcpFlag.ACK | TcpFlag.CWR, SEGMENT],
      [0xffff_ff00 + SEGMENT - 2 ** 32, TcpFlag.ACK, SEGMENT],
      [0xffff_ff00 + 2 * SEGMENT - 2 ** 32, TcpFlag.ACK, SEGMENT],
      [0xffff_ff00 + 3 * SEGMENT - 2 ** 32, TcpFlag.ACK | TcpFlag.FIN | TcpFlag.PSH, 1],
    ]);
    expect(packets.flatMap(({ tcp }) => [...tcp!.payload])).toEqual([...payload]);
    expect(bench.ip.forwarded.packets).toBe(4);
  });

  it('cuts where a super-segment is longer than the link takes, or of UDP and the link takes those of TCP only', () => {
    const bench = new RouterBench({ offload: { checksum: true, tso: 2 * SEGMENT, uso: 0 } });
    bench.arrive(tcpPacket(4, pattern(2 * SEGMENT), true), bench.eth0, Checksum.partial, SEGMENT);
    expect(queued(bench)).toHaveLength(2);
    const udp = udpPacket({ payload: pattern(900) }, { destination: BEYOND });
    bench.arrive(udp, bench.eth0, Checksum.valid, 300);
    const pieces = queued(bench).map(({ bytes }) => parse(bytes));
    expect(pieces.map(({ udp: piece }) => piece!.payload.length)).toEqual([300, 300, 300]);
    for (const piece of pieces) expect(piece).not.toHaveProperty('flaw');
  });

  it('holds the segments against the MTU, not the packet that stands for them', () => {
    const bench = new RouterBench();
    bench.eth1.update({ mtu: SEGMENT + HEADERS });
    bench.arrive(tcpPacket(4, pattern(5 * SEGMENT), true), bench.eth0, Checksum.partial, SEGMENT);
    expect(queued(bench)).toHaveLength(5);
    bench.arrive(tcpPacket(4, pattern(5 * SEGMENT), true), bench.eth0, Checksum.partial, SEGMENT + 1);
    // What is not larger than one segment is none.
    bench.arrive(tcpPacket(4, pattern(SEGMENT), true), bench.eth0, Checksum.partial, SEGMENT + 1);
    expect(queued(bench)).toHaveLength(1);
    expect(bench.sentPackets()[0]!.icmp).toMatchObject({ type: 3, code: 4, rest: SEGMENT + HEADERS });
    expect(bench.reasons).toContain('forward-too-big');
  });

  it('drops what claims to be a super-segment and is none', () => {
    const bench = new RouterBench();
    bench.arrive(tcpPacket(4, pattern(3000), false), bench.eth0, Checksum.none, SEGMENT);
    bench.arrive(icmpPacket({ payload: pattern(2000) }, { destination: BEYOND }), bench.eth0, Checksum.valid, SEGMENT);
    const short = formatIpv4(ipv4({ protocol: 6, destination: BEYOND, payload: pattern(19) }));
    bench.arrive(short, bench.eth0, Checksum.partial, 5);
    const beyond = tcpPacket(4, pattern(10), true);
    beyond[32] = 0xf0;
    bench.arrive(beyond, bench.eth0, Checksum.partial, 5);
    expect(queued(bench)).toEqual([]);
    expect(bench.counters.snapshot()).toEqual({ 'forward-bad-super-segment': 4 });
  });

  it('offers a full queue to the link within a batch, and drops what then has no room', () => {
    const bench = new RouterBench({ queue: new TransmitQueue({ limit: 4000 }) });
    const packet = udpPacket({ payload: pattern(1000) }, { destination: BEYOND });
    for (let i = 0; i < 10; i++) bench.arrive(packet);
    expect(bench.drained.length + bench.sent(bench.eth1).length).toBe(10);
    expect(bench.reasons).toEqual([]);
    bench.drain = () => {};
    for (let i = 0; i < 10; i++) bench.arrive(packet);
    expect(bench.sent(bench.eth1).length + bench.counters.snapshot()['forward-queue-full']!).toBe(10);
  });

  it('does not send by a link that is down: that is no route', () => {
    const bench = new RouterBench();
    bench.eth1.update({ up: false });
    bench.arrive(udpPacket({}, { destination: BEYOND }));
    expect(bench.sentPackets()[0]!.icmp).toMatchObject({ type: 3, code: 0 });
    expect(bench.sent(bench.eth1)).toEqual([]);
  });

  it.each([
    ['a link-local destination', udp6Packet({}, { destination: 'fe80::77' })],
    ['a mapped destination', udp6Packet({}, { destination: '::ffff:10.1.0.7' })],
    ['the unspecified destination', udp6Packet({}, { destination: '::' })],
    [
      'from a link-local source to a link-local destination',
      udp6Packet({}, { source: PEER_LINK, destination: 'fe80::77' }),
    ],
  ])('IPv6: drops %s in silence', (_what, packet) => {
    const bench = new RouterBench();
    bench.arrive(packet);
    expect([bench.sent(), bench.sent(bench.eth1)]).toEqual([[], []]);
    expect(bench.counters.snapshot()).toEqual({ 'forward-martian': 1 });
  });

  it('forwards no groups, and nothing from inside', () => {
    const bench = new RouterBench();
    bench.arrive(udpPacket({}, { destination: '224.5.6.7' }));
    bench.arrive(udp6Packet({}, { destination: 'ff0e::7' }));
    expect(bench.delivered).toHaveLength(2);
    bench.arrive(udpPacket({}, { destination: BEYOND }), bench.lo);
    bench.arrive(udp6Packet({}, { destination: BEYOND6 }), bench.lo);
    expect(bench.counters.snapshot()).toEqual({ 'forward-martian': 2 });
    expect([bench.sent(), bench.sent(bench.eth1)]).toEqual([[], []]);
  });

  it('answers what is for the router itself, by whichever interface it comes', () => {
    const bench = new RouterBench();
    bench.arrive(icmpPacket({ payload: pattern(9) }, { destination: '10.1.0.2' }));
    bench.arrive(icmp6Packet({ payload: pattern(9) }, { destination: 'fd01::2' }));
    const [reply, reply6] = bench.sent();
    expect(parsePacket(reply!)).toMatchObject({ icmp: { type: 0, payload: pattern(9) } });
    expect(parsePacket6(reply6!)).toMatchObject({ icmp: { type: 129, payload: pattern(9) } });
  });

  it('borrows the source of an error where the way back has none', () => {
    const bench = new RouterBench();
    bench.eth0.removeAddress(LOCAL);
    bench.eth0.removeAddress(LOCAL6);
    bench.ip.routes.add('10.0.0.0/24', { interface: 'eth0' });
    bench.ip.routes.add('fd00::/64', { interface: 'eth0' });
    bench.hush();
    bench.arrive(udpPacket({}, { destination: BEYOND, ttl: 1 }));
    expect(bench.sentPackets()[0]!.ip.source.toString()).toBe('10.1.0.2');
    bench.arrive(udp6Packet({}, { destination: BEYOND6, hopLimit: 1 }));
    expect(bench.sent6()[0]!.ip.source.toString()).toBe('fd01::2');
  });
});

function parse(bytes: Uint8Array): Exclude<ReturnType<typeof parsePacket | typeof parsePacket6>, string> {
  const packet = bytes[0]! >>> 4 === 6 ? parsePacket6(bytes) : parsePacket(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
}
