import { ipv4HeaderLength, ipv4IsFragment, writeIpv4Checksum } from '../../src/wire/ipv4.ts';
import { Address } from '../../src/wire/address.ts';
import { checksumAdd, checksumFinish, transportChecksum } from '../../src/wire/checksum.ts';
import { ethernetHeaderLength } from '../../src/wire/ethernet.ts';
import { viewOf } from '../support/wire.ts';
import type { Draw } from './draw.ts';

/** Bytes that lengths, counts and types go wrong with. */
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 0x0f, 0x3f, 0x40, 0x7f, 0x80, 0xfe, 0xff];
const LONGEST = 4096;
/** Most damage is done where headers are. */
const FRONT = 64;

/** A copy of one of the seeds, damaged; now and then nothing but noise. Its memory ends where it does. */
export function mutate(draw: Draw, seeds: readonly Uint8Array[]): Uint8Array {
  const kind = draw.below(100);
  if (kind < 3 || seeds.length === 0) return draw.bytes(draw.below(120));
  let bytes: Uint8Array = draw.pick(seeds).slice();
  if (kind < 10) return bytes;
  if (kind < 22) bytes = bytes.slice(0, draw.below(bytes.length + 1));
  else if (kind < 26) bytes = spliced(draw, bytes, draw.pick(seeds));
  else if (kind < 30) bytes = repeated(draw, bytes);
  else if (kind < 33) bytes = joined(bytes, draw.bytes(draw.below(64)));
  for (let n = draw.below(kind < 33 ? 2 : 5); n > 0 && bytes.length > 0; n--) damage(draw, bytes);
  return bytes;
}

function damage(draw: Draw, bytes: Uint8Array): void {
  const at = draw.below(draw.chance(0.8) ? Math.min(bytes.length, FRONT) : bytes.length);
  switch (draw.below(4)) {
    case 0:
      bytes[at]! ^= 1 << draw.below(8);
      return;
    case 1:
      bytes[at] = draw.pick(EDGES);
      return;
    case 2:
      if (at + 1 < bytes.length) viewOf(bytes).setUint16(at, draw.chance(0.5) ? draw.pick(EDGES) : 0xffff);
      return;
    default:
      bytes[at] = draw.uint32();
  }
}

/** The front of one, the rest of another. */
function spliced(draw: Draw, front: Uint8Array, rest: Uint8Array): Uint8Array {
  const at = draw.below(Math.min(front.length, rest.length) + 1);
  return joined(front.subarray(0, at), rest.subarray(at));
}

/** A part of it stands there twice. */
function repeated(draw: Draw, bytes: Uint8Array): Uint8Array {
  const from = draw.below(bytes.length + 1);
  return joined(bytes.subarray(0, from + draw.below(bytes.length - from + 1)), bytes.subarray(from));
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.min(a.length + b.length, LONGEST));
  bytes.set(a.subarray(0, LONGEST));
  bytes.set(b.subarray(0, bytes.length - Math.min(a.length, LONGEST)), a.length);
  return bytes;
}

/** Makes a checksum of the Internet's kind right, whose two bytes are behind the first two. */
export function repairIcmp(bytes: Uint8Array): void {
  if (bytes.length < 4) return;
  const view = viewOf(bytes);
  view.setUint16(2, 0);
  view.setUint16(2, checksumFinish(checksumAdd(0, view, 0, bytes.length)));
}

/** Makes lengths and checksums of an IP packet right again, as far as it can be told where they are. */
export function repairPacket(bytes: Uint8Array): void {
  if (bytes.length >= 20 && bytes[0]! >>> 4 === 4) repairIpv4(bytes);
  else if (bytes.length >= 40 && bytes[0]! >>> 4 === 6) repairIpv6(bytes);
}

function repairIpv4(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  const headerLength = ipv4HeaderLength(view, 0);
  if (headerLength < 20 || headerLength > bytes.length) return;
  view.setUint16(2, bytes.length);
  writeIpv4Checksum(view, 0, headerLength);
  if (ipv4IsFragment(view, 0)) return;
  const ends = [Address.fromBytes(bytes.subarray(12, 16)), Address.fromBytes(bytes.subarray(16, 20))] as const;
  if (bytes[9] === 2) repairIcmp(bytes.subarray(headerLength));
  else repairTransport(bytes.subarray(headerLength), bytes[9]!, ...ends);
}

function repairIpv6(bytes: Uint8Array): void {
  viewOf(bytes).setUint16(4, bytes.length - 40);
  let protocol = bytes[6]!;
  let at = 40;
  // Hop-by-hop options, routing headers, destination options.
  for (let headers = 0; headers < 8 && [0, 43, 60].includes(protocol) && at + 8 <= bytes.length; headers++) {
    protocol = bytes[at]!;
    at += 8 * (bytes[at + 1]! + 1);
  }
  const ends = [Address.fromBytes(bytes.subarray(8, 24)), Address.fromBytes(bytes.subarray(24, 40))] as const;
  if (at < bytes.length) repairTransport(bytes.subarray(at), protocol, ...ends);
}

/** Where the checksum of a protocol is. */
const CHECKSUM_AT: Readonly<Record<number, number>> = { 6: 16, 17: 6, 58: 2 };

function repairTransport(bytes: Uint8Array, protocol: number, source: Address, destination: Address): void {
  if (protocol === 1) return repairIcmp(bytes);
  const at = CHECKSUM_AT[protocol];
  if (at === undefined || at + 2 > bytes.length) return;
  const view = viewOf(bytes);
  if (protocol === 17) view.setUint16(4, bytes.length);
  view.setUint16(at, 0);
  view.setUint16(at, transportChecksum(view, 0, bytes.length, source, destination, protocol));
}

/** The same for the packet in a frame. */
export function repairFrame(bytes: Uint8Array): void {
  repairPacket(bytes.subarray(ethernetHeaderLength(viewOf(bytes), 0, bytes.length)));
}

/**
 * What could be the answer to a packet: addresses and ports the other way round, and in TCP what it acknowledges.
 * Undefined for what has no such answer.
 */
export function turnedAround(packet: Uint8Array): Uint8Array | undefined {
  const is4 = packet[0] === 0x45;
  if (!is4 && packet[0]! >>> 4 !== 6) return undefined;
  const header = is4 ? 20 : 40;
  const protocol = packet[is4 ? 9 : 6]!;
  if (protocol !== 6 && protocol !== 17) return undefined;
  const bytes = packet.slice();
  const [source, width] = is4 ? [12, 4] : [8, 16];
  bytes.set(packet.subarray(source, source + width), source + width);
  bytes.set(packet.subarray(source + width, source + 2 * width), source);
  bytes.set(packet.subarray(header, header + 2), header + 2);
  bytes.set(packet.subarray(header + 2, header + 4), header);
  if (protocol === 6) {
    const view = viewOf(bytes);
    const flags = bytes[header + 13]!;
    const length = bytes.length - header - 4 * (bytes[header + 12]! >>> 4);
    const [sequence, acknowledgment] = [view.getUint32(header + 4), view.getUint32(header + 8)];
    view.setUint32(header + 4, acknowledgment);
    // SYN and FIN are counted.
    view.setUint32(header + 8, sequence + length + ((flags & 3) > 0 ? 1 : 0));
    bytes[header + 13] = 0x10;
  }
  return bytes;
}
