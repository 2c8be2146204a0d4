import fc from 'fast-check';
import { sameBytes } from '../../src/link/suite-station.ts';
import { Address } from '../../src/wire/address.ts';
import type { AddressWords } from '../../src/wire/address.ts';
import { ARP_LENGTH, formatArp, parseArp } from '../../src/wire/arp.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { EtherType, formatEthernet, parseEthernet } from '../../src/wire/ethernet.ts';
import { checkIcmpQuote, formatIcmp, isIcmpError, parseIcmp } from '../../src/wire/icmp.ts';
import { checkIcmpv6Quote, formatIcmpv6, isIcmpv6Error, parseIcmpv6 } from '../../src/wire/icmpv6.ts';
import { formatIgmp, parseIgmp } from '../../src/wire/igmp.ts';
import { checkIpv4Options } from '../../src/wire/ipv4-options.ts';
import { formatIpv4, ipv4HeaderLength, parseIpv4 } from '../../src/wire/ipv4.ts';
import { checkExtensions, ExtensionChain, skipExtensions } from '../../src/wire/ipv6-extensions.ts';
import { checkIpv6, formatIpv6, ipv6TotalLength, parseIpv6 } from '../../src/wire/ipv6.ts';
import { formatMld, parseMld } from '../../src/wire/mld.ts';
import { formatNdp, parseNdp } from '../../src/wire/ndp.ts';
import { formatPacket, parseAnyPacket } from '../../src/wire/packet.ts';
import { hasIpv4RouterAlert, hasIpv6RouterAlert } from '../../src/wire/router-alert.ts';
import { formatTcp, parseTcp } from '../../src/wire/tcp.ts';
import { formatTcpOptions, parseTcpOptions } from '../../src/wire/tcp-option-list.ts';
import { readTcpOptions, TcpOptions } from '../../src/wire/tcp-options.ts';
import { formatUdp, parseUdp } from '../../src/wire/udp.ts';
import { ndpMessage, viewOf } from '../support/wire.ts';
import { transportChecksum } from '../../src/wire/checksum.ts';
import { repairFrame, repairIcmp, repairPacket } from './mutate.ts';
import { EXTENDED, FRAMES, PACKETS, PACKETS4, PACKETS6, payloads } from './seeds.ts';
import { outcomeOf } from './way.ts';
import type { Way } from './way.ts';

const [SOURCE, DESTINATION] = [Address.parse('fe80::1'), Address.parse('fe80::2')];

/** A parser that keeps nothing: a value or a reason comes out. */
function codec(
  name: string,
  seeds: readonly Uint8Array[],
  take: (bytes: Uint8Array) => object | string | undefined,
  repair?: (bytes: Uint8Array) => void,
): Way {
  return { name, seeds, open: () => ({ take: (bytes) => outcomeOf(take(bytes)) }), ...(repair && { repair }) };
}

function expectSame(written: Uint8Array, bytes: Uint8Array): void {
  if (!sameBytes(written, bytes.subarray(0, written.length))) throw new Error('it is written otherwise than it came');
}

/** Sets the checksum of ICMPv6 between the two addresses of this file. */
function repairIcmpv6(bytes: Uint8Array): void {
  if (bytes.length < 4) return;
  viewOf(bytes).setUint16(2, 0);
  viewOf(bytes).setUint16(2, transportChecksum(viewOf(bytes), 0, bytes.length, SOURCE, DESTINATION, 58));
}

function takeFrame(bytes: Uint8Array): object | string {
  const frame = parseEthernet(bytes);
  if (typeof frame !== 'string') expectSame(formatEthernet(frame), bytes);
  return frame;
}

function takeArp(bytes: Uint8Array): object | string {
  const message = parseArp(bytes);
  // The hardware type of IEEE 802 is read as Ethernet's.
  if (typeof message !== 'string') expectSame(formatArp(message).subarray(2), bytes.subarray(2, ARP_LENGTH));
  return message;
}

function takeIpv4(bytes: Uint8Array): object | string | undefined {
  const packet = parseIpv4(bytes);
  if (typeof packet === 'string') return packet;
  expectSame(formatIpv4(packet), bytes);
  const view = viewOf(bytes);
  const end = ipv4HeaderLength(view, 0);
  const flaw = checkIpv4Options(view, 20, end);
  if (flaw === undefined) hasIpv4RouterAlert(view, 20, end);
  return flaw;
}

function takeIpv6(bytes: Uint8Array): object | string {
  const packet = parseIpv6(bytes);
  if (typeof packet !== 'string') expectSame(formatIpv6(packet), bytes);
  return packet;
}

function takeExtensions(bytes: Uint8Array): string | undefined {
  const view = viewOf(bytes);
  const flaw = checkIpv6(view, 0, bytes.length);
  if (flaw !== undefined) return flaw;
  const chain = new ExtensionChain();
  const end = ipv6TotalLength(view, 0);
  const wrong = checkExtensions(view, 0, end, chain);
  if (wrong === undefined ? chain.start > end : chain.code !== undefined && chain.pointer >= end) {
    throw new Error('it points to where nothing is');
  }
  if (wrong === undefined) hasIpv6RouterAlert(view, 0);
  skipExtensions(view, 0, end, chain);
  return wrong;
}

function takeIcmp(bytes: Uint8Array): object | string | undefined {
  const message = parseIcmp(bytes);
  if (typeof message === 'string') return message;
  expectSame(formatIcmp({ ...message, checksum: viewOf(bytes).getUint16(2) }), bytes);
  const { type, payload } = message;
  return isIcmpError(type) ? checkIcmpQuote(viewOf(payload), 0, payload.length) : message;
}

function takeIcmpv6(bytes: Uint8Array): object | string | undefined {
  const message = parseIcmpv6(bytes, SOURCE, DESTINATION);
  if (typeof message === 'string') return message;
  expectSame(formatIcmpv6({ ...message, checksum: viewOf(bytes).getUint16(2) }, SOURCE, DESTINATION), bytes);
  const { type, payload } = message;
  return isIcmpv6Error(type) ? checkIcmpv6Quote(viewOf(payload), 0, payload.length) : message;
}

/** What is understood can be written, and is the same when read again. */
function takeAgain<T extends object>(
  parse: (bytes: Uint8Array) => T | string | undefined,
  format: (value: T) => Uint8Array,
): (bytes: Uint8Array) => object | string | undefined {
  return (bytes) => {
    const value = parse(bytes);
    if (typeof value !== 'object') return value;
    const written = format(value);
    const again = parse(written);
    if (typeof again !== 'object' || !sameBytes(format(again), written)) throw new Error('it is read otherwise again');
    return value;
  };
}

function takeUdp(bytes: Uint8Array): object | string {
  const datagram = parseUdp(bytes);
  if (typeof datagram !== 'string') expectSame(formatUdp(datagram, SOURCE, DESTINATION), bytes);
  return datagram;
}

function takeTcp(bytes: Uint8Array): object | string | undefined {
  const segment = parseTcp(bytes);
  if (typeof segment === 'string') return segment;
  expectSame(formatTcp({ ...segment, checksum: viewOf(bytes).getUint16(16) }, SOURCE, DESTINATION), bytes);
  return takeOptions(segment.options);
}

function takeOptions(bytes: Uint8Array): string | undefined {
  const area = bytes.subarray(0, Math.min(40, bytes.length & ~3));
  const options = new TcpOptions();
  const flaw = readTcpOptions(viewOf(area), 0, area.length, options);
  if (options.sackCount > 4) throw new Error(`${options.sackCount} blocks`);
  expectSame(formatTcpOptions(parseTcpOptions(area)), area);
  return flaw;
}

function takeAny(bytes: Uint8Array): object | string {
  const packet = parseAnyPacket(bytes);
  if (!/^(ipv[46]-[a-z0-9-]+ \(\d+ bytes\)|[[\]\da-f.:]+ → [[\]\da-f.:]+ .+)$/.test(describePacket(bytes))) {
    throw new Error(describePacket(bytes));
  }
  if (typeof packet === 'string') return packet;
  // A UDP length may leave bytes behind; in TCP's checksum ones are as good as zeros.
  const otherwise =
    packet.udp !== undefined || (packet.tcp !== undefined && viewOf(packet.ip.payload).getUint16(16) === 0xffff);
  if (!otherwise) expectSame(formatPacket(packet), bytes);
  return packet;
}

const ends: readonly [AddressWords, AddressWords] = [SOURCE, DESTINATION];
const arpMessages = FRAMES.flatMap((frame) => {
  const value = parseEthernet(frame);
  return typeof value !== 'string' && value.type === EtherType.ARP ? [value.payload] : [];
});
const ndpMessages = fc.sample(ndpMessage, { numRuns: 300, seed: 1 }).map((value) => formatNdp(value, ...ends));
const optionAreas = payloads(6).flatMap((bytes) => {
  const segment = parseTcp(bytes);
  return typeof segment !== 'string' && segment.options.length > 0 ? [segment.options] : [];
});

/** Every parser that gives a value or a reason. */
export const CODEC_WAYS: readonly Way[] = [
  codec('ethernet', FRAMES, takeFrame, repairFrame),
  codec('arp', arpMessages, takeArp),
  codec('ipv4', PACKETS4, takeIpv4, repairPacket),
  codec('ipv6', PACKETS6, takeIpv6, repairPacket),
  codec('ipv6-extensions', EXTENDED, takeExtensions, repairPacket),
  codec('icmp', payloads(1), takeIcmp, repairIcmp),
  codec('icmpv6', payloads(58), takeIcmpv6, repairIcmpv6),
  codec(
    'ndp',
    ndpMessages,
    takeAgain(
      (bytes) => parseNdp(bytes, SOURCE, DESTINATION, 255),
      (message) => formatNdp(message, SOURCE, DESTINATION),
    ),
    repairIcmpv6,
  ),
  codec('igmp', payloads(2), takeAgain(parseIgmp, formatIgmp), repairIcmp),
  codec(
    'mld',
    payloads(58).filter(([type]) => [130, 131, 132, 143].includes(type!)),
    takeAgain(
      (bytes) => ([130, 131, 132, 143].includes(bytes[0]!) ? parseMld(bytes, SOURCE, DESTINATION) : undefined),
      (message) => formatMld(message, SOURCE, DESTINATION),
    ),
    repairIcmpv6,
  ),
  codec('udp', payloads(17), takeUdp),
  codec('tcp', payloads(6), takeTcp),
  codec('tcp-options', optionAreas, takeOptions),
  codec('any-packet', PACKETS, takeAny, repairPacket),
];
