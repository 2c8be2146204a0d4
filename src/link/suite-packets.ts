/** Packets for the link suite: real IPv4, so that any medium carries them. Built by hand, independent of `wire`. */

const IPV4_HEADER = 20;
const ETHERNET_HEADER = 14;
const EXPERIMENTAL = 253;
const TCP = 6;
const UDP = 17;
const EVERYBODY = [255, 255, 255, 255, 255, 255];

type Medium = 'ip' | 'ethernet';

/** The Internet checksum's sum (RFC 1071), folded, not complemented. */
function sum16(bytes: Uint8Array, from: number, to: number, start: number = 0): number {
  let sum = start;
  for (let i = from; i < to; i++) sum += (i - from) % 2 === 0 ? bytes[i]! * 256 : bytes[i]!;
  while (sum > 0xffff) sum = (sum % 0x1_0000) + Math.floor(sum / 0x1_0000);
  return sum;
}

function set16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function ipv4(bytes: Uint8Array, protocol: number, id: number): void {
  bytes.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
  set16(bytes, 2, bytes.length);
  set16(bytes, 4, id);
  set16(bytes, 10, 0xffff - sum16(bytes, 0, IPV4_HEADER));
}

/** The sum of the pseudo-header: what a partial checksum consists of. */
function pseudoHeader(bytes: Uint8Array): number {
  return sum16(bytes, 12, IPV4_HEADER, bytes[9]! + bytes.length - IPV4_HEADER);
}

/**
 * An IPv4 packet of the experimental protocol 253 (RFC 3692), `length` bytes long (at least 20), whose bytes follow from
 * `id`; behind a broadcast Ethernet header when the medium is Ethernet.
 */
export function testPacket(medium: Medium, length: number, id: number): Uint8Array {
  const packet = new Uint8Array(length);
  for (let i = IPV4_HEADER; i < length; i++) packet[i] = id * 31 + i * 7 + (i >>> 8);
  // Never 0: a kernel that is handed a packet without identification gives it one.
  ipv4(packet, EXPERIMENTAL, 1 + (id % 0xffff));
  return framed(medium, packet);
}

/** Bytes in front of the IP packets of the suite. */
export function frontOf(medium: Medium): number {
  return medium === 'ethernet' ? ETHERNET_HEADER : 0;
}

/** An IP packet as the medium carries it: on Ethernet from one station to all, or to the one that is named. */
export function framed(medium: Medium, packet: Uint8Array, destination: Iterable<number> = EVERYBODY): Uint8Array {
  if (medium === 'ip') return packet;
  const frame = new Uint8Array(ETHERNET_HEADER + packet.length);
  frame.set([...destination, 2, 0, 0, 0, 0, 1, 8, 0]);
  frame.set(packet, ETHERNET_HEADER);
  return frame;
}

/** A TCP or UDP packet of which only the pseudo-header is summed, as offload leaves it. */
export function partialPacket(kind: 'tcp' | 'udp', payload: number): Uint8Array {
  const header = kind === 'tcp' ? 20 : 8;
  const bytes = new Uint8Array(IPV4_HEADER + header + payload);
  for (let i = IPV4_HEADER + header; i < bytes.length; i++) bytes[i] = i * 11 + (i >>> 8);
  set16(bytes, 20, 4000);
  set16(bytes, 22, 5000);
  if (kind === 'tcp') bytes.set([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff], 24);
  else set16(bytes, 24, header + payload);
  ipv4(bytes, kind === 'tcp' ? TCP : UDP, 7);
  set16(bytes, IPV4_HEADER + (kind === 'tcp' ? 16 : 6), pseudoHeader(bytes));
  return bytes;
}

/** The transport checksum of a TCP or UDP packet is complete and right. */
export function checksumIsRight(bytes: Uint8Array): boolean {
  return sum16(bytes, IPV4_HEADER, bytes.length, pseudoHeader(bytes)) === 0xffff;
}

/** What a TCP or UDP packet carries. */
export function transportPayload(bytes: Uint8Array): Uint8Array {
  const header = bytes[9] === TCP ? (bytes[IPV4_HEADER + 12]! >>> 4) * 4 : 8;
  return bytes.subarray(IPV4_HEADER + header);
}
