import { describe, expect, it } from 'vitest';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import type { IpPath } from '../../../src/ip/path.ts';
import type { InterfaceOptions } from '../../../src/ip/interface.ts';
import { parseIcmp } from '../../../src/wire/icmp.ts';
import { parseIcmpv6 } from '../../../src/wire/icmpv6.ts';
import { fragmentIdentification, fragmentMore, fragmentOffset } from '../../../src/wire/ipv6-fragment.ts';
import { parsePacket, parsePacket6 } from '../../../src/wire/packet.ts';
import { viewOf } from '../../support/wire.ts';
import { address, icmpPacket, IpBench, LOCAL, pattern, PEER } from './fixture.ts';
import { icmp6Packet, Ip6Bench, LOCAL6, PEER6 } from './fixture6.ts';

/** A fragment, or a whole packet, that was sent. */
interface Sent {
  offset: number;
  more: boolean;
  identification: number;
  /** Of the packet. */
  length: number;
  payload: Uint8Array;
}

function read4(bytes: Uint8Array): Sent {
  const packet = parsePacket(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  const { fragmentOffset: offset, moreFragments: more, identification, payload, dontFragment } = packet.ip;
  // What is cut up may be cut up again; what is not is for path MTU discovery.
  if (dontFragment === (more || offset > 0)) throw new Error('DF is wrong');
  return { offset, more, identification, length: bytes.length, payload };
}

function read6(bytes: Uint8Array): Sent {
  const packet = parsePacket6(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  const { protocol, payload } = packet.ip;
  if (protocol !== 44) return { offset: 0, more: false, identification: 0, length: bytes.length, payload };
  const view = viewOf(payload);
  return {
    offset: fragmentOffset(view, 0),
    more: fragmentMore(view, 0),
    identification: fragmentIdentification(view, 0),
    length: bytes.length,
    payload: payload.subarray(8),
  };
}

const VERSIONS = [
  {
    version: 4,
    bench: (eth0?: Partial<InterfaceOptions>) => new IpBench(eth0),
    peer: PEER,
    local: LOCAL,
    read: read4,
    header: 20,
    headers: 20,
    longest: 65_515,
    smallest: 552,
    request: (payload: Uint8Array) => icmpPacket({ rest: 0x0102_0003, payload }, { trafficClass: 0xb9 }),
    reply: 0,
    parse: parseIcmp,
  },
  {
    version: 6,
    bench: (eth0?: Partial<InterfaceOptions>) => new Ip6Bench(eth0),
    peer: PEER6,
    local: LOCAL6,
    read: read6,
    header: 40,
    headers: 48,
    longest: 65_535,
    smallest: 1280,
    request: (payload: Uint8Array) => icmp6Packet({ rest: 0x0102_0003, payload }, { trafficClass: 0xb9 }),
    reply: 129,
    parse: (message: Uint8Array) => parseIcmpv6(message, address(LOCAL6), address(PEER6)),
  },
];

describe.each(VERSIONS)('messages of IPv$version', (version) => {
  const { read, header, headers } = version;
  const most = (mtu: number): number => (mtu - headers) & ~7;

  function pathOf(bench: IpBench): IpPath {
    const path = bench.ip.path(undefined, address(version.peer));
    if (typeof path === 'string') throw new Error(path);
    return path;
  }

  /** Sends a message behind a header of 8 bytes. */
  function send(path: IpPath, message: Uint8Array, protocol = 17): boolean {
    const packet = path.reserveMessage(message.length - 8, 8);
    if (packet === undefined) return false;
    expect(packet.length).toBe(message.length - 8);
    packet.memory.bytes.set(message.subarray(8), packet.start);
    packet.memory.bytes.set(message.subarray(0, 8), packet.prepend(8));
    path.send(packet, protocol, { ttl: 9, trafficClass: 0xb8 });
    return true;
  }

  it.each([8, 100, 1500 - header])('of %i bytes are one packet', (length) => {
    const bench = version.bench();
    send(pathOf(bench), pattern(length));
    expect(bench.sent().map(read)).toMatchObject([{ offset: 0, more: false, payload: pattern(length) }]);
  });

  it.each([1500 - header + 1, 3000, 10_000, version.longest])('[S-007] of %i bytes go in fragments', (length) => {
    const bench = version.bench();
    const message = pattern(length);
    expect(send(pathOf(bench), message)).toBe(true);
    const sent = bench.sent();
    const pieces = sent.map(read);
    expect(pieces).toHaveLength(Math.ceil(length / most(1500)));
    expect(new Set(pieces.map(({ identification }) => identification)).size).toBe(1);
    pieces.forEach(({ offset, more, length: whole, payload }, i) => {
      const isLast = i === pieces.length - 1;
      expect([offset, more]).toEqual([i * most(1500), !isLast]);
      expect(payload).toEqual(message.subarray(offset, offset + most(1500)));
      expect(whole).toBe(isLast ? headers + payload.length : headers + most(1500));
    });
    // The other side makes one of them.
    const other = version.bench();
    for (const bytes of sent) other.arrive(swapped(bytes, version.version));
    expect(other.delivered.map(({ payload, ttl, trafficClass }) => [payload, ttl, trafficClass])).toEqual([
      [message, 9, 0xb8],
    ]);
    expect(other.budget.used).toBe(0);
  });

  it('follow the path MTU, at the next message', () => {
    const bench = version.bench();
    const path = pathOf(bench);
    path.limitMtu(1300);
    send(path, pattern(4000));
    expect(Math.max(...bench.sent().map((bytes) => bytes.length))).toBe(headers + most(1300));
    send(path, pattern(1300 - header));
    expect(bench.sent()).toHaveLength(1);
    // [S-046] [S-053] RFC 8201 §4
    path.limitMtu(100);
    send(path, pattern(4000));
    expect(Math.max(...bench.sent().map((bytes) => bytes.length))).toBe(headers + most(version.smallest));
    bench.clock.advance(600_000_000);
    send(path, pattern(1400));
    expect(bench.sent()).toHaveLength(1);
  });

  it('go over the smallest links', () => {
    const mtu = version.version === 4 ? 68 : 1280;
    const bench = version.bench({ mtu });
    send(pathOf(bench), pattern(65_000));
    const sent = bench.sent();
    expect(Math.max(...sent.map((bytes) => bytes.length))).toBe(headers + most(mtu));
    const other = version.bench({ mtu });
    for (const bytes of sent) other.arrive(swapped(bytes, version.version));
    expect(other.delivered[0]!.payload).toEqual(pattern(65_000));
  });

  it('are queued whole or not at all', () => {
    const bench = version.bench({ queue: new TransmitQueue({ limit: 12_000 }) });
    const path = pathOf(bench);
    // An empty queue takes anything.
    expect(send(path, pattern(20_000))).toBe(true);
    const first = bench.eth0.queue.batch.count;
    expect(send(path, pattern(3000))).toBe(false);
    expect(bench.eth0.queue.batch.count).toBe(first);
    bench.sent();
    expect(send(path, pattern(1000))).toBe(true);
    expect(send(path, pattern(9600))).toBe(true);
    expect(send(path, pattern(3000))).toBe(false);
    expect(bench.eth0.queue.refused).toBe(2);
    expect(bench.eth0.queue.bytes).toBeLessThanOrEqual(12_000);
  });

  it('have different identifications', () => {
    const bench = version.bench();
    const path = pathOf(bench);
    const seen = new Set<number>();
    for (let i = 0; i < 300; i++) {
      send(path, pattern(3000));
      for (const bytes of bench.sent()) seen.add(read(bytes).identification);
    }
    expect(seen.size).toBe(300);
  });

  it('are not reserved where there is no way', () => {
    const bench = version.bench();
    const path = pathOf(bench);
    bench.eth0.removeAddress(version.local);
    path.refresh();
    expect(path.reserveMessage(3000, 8)).toBeUndefined();
    expect(path.reserveMessage(30, 8)).toBeUndefined();
  });

  it.each([1493 - header, 4000, 65_507])(
    '[S-018] [S-047] an echo of %i bytes is answered with all its data',
    (size) => {
      const bench = version.bench();
      const request = version.request(pattern(size));
      // It is longer than the link would carry it: as if it had come in fragments.
      bench.arrive(request);
      const sent = bench.sent();
      const pieces = sent.map(version.version === 4 ? readReply4 : read6);
      expect(pieces.map(({ more }) => more)).toEqual(pieces.map((_, i) => i < pieces.length - 1));
      expect(pieces.length).toBeGreaterThan(1);
      const message = Uint8Array.from(pieces.flatMap(({ payload }) => [...payload]));
      expect(message.subarray(8)).toEqual(pattern(size));
      expect([message[0], viewOf(message).getUint32(4)]).toEqual([version.reply, 0x0102_0003]);
      // Their checksums are looked at.
      expect(version.parse(message)).toMatchObject({ type: version.reply, code: 0 });
      expect(bench.counters.snapshot()).toEqual({});
    },
  );
});

/** Echo replies have no DF in any case. */
function readReply4(bytes: Uint8Array): Sent {
  const packet = parsePacket(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  const { fragmentOffset: offset, moreFragments: more, identification, payload, dontFragment } = packet.ip;
  expect(dontFragment).toBe(false);
  return { offset, more, identification, length: bytes.length, payload };
}

/** A packet from the other side: source and destination exchanged, which leaves all checksums right. */
function swapped(bytes: Uint8Array, version: number): Uint8Array {
  const [at, length] = version === 4 ? [12, 4] : [8, 16];
  const result = bytes.slice();
  result.set(bytes.subarray(at + length, at + 2 * length), at);
  result.set(bytes.subarray(at, at + length), at + length);
  return result;
}
