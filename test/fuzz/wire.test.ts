import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { Address } from '../../src/wire/address.ts';
import { checksumAdd, checksumFinish } from '../../src/wire/checksum.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { fitsGroupRecords } from '../../src/wire/group-records.ts';
import { checkIcmp, checkIcmpQuote, parseIcmp } from '../../src/wire/icmp.ts';
import { checkIcmpv6, checkIcmpv6Quote, writeIcmpv6Checksum } from '../../src/wire/icmpv6.ts';
import { checkIgmp, formatIgmp, parseIgmp } from '../../src/wire/igmp.ts';
import { checkIpv4Options } from '../../src/wire/ipv4-options.ts';
import { checkIpv4, ipv4HeaderLength, parseIpv4, writeIpv4Checksum } from '../../src/wire/ipv4.ts';
import { checkExtensions, ExtensionChain, skipExtensions } from '../../src/wire/ipv6-extensions.ts';
import { checkIpv6, ipv6TotalLength, parseIpv6 } from '../../src/wire/ipv6.ts';
import { checkMld, formatMld, parseMld } from '../../src/wire/mld.ts';
import { formatPacket, isIpv6Packet, parseAnyPacket, parsePacket6 } from '../../src/wire/packet.ts';
import { hasIpv4RouterAlert, hasIpv6RouterAlert } from '../../src/wire/router-alert.ts';
import { checkTcp, parseTcp, tcpHeaderLength } from '../../src/wire/tcp.ts';
import { formatTcpOptions, parseTcpOptions } from '../../src/wire/tcp-option-list.ts';
import { readTcpOptions, TcpOptions } from '../../src/wire/tcp-options.ts';
import { checkUdp, checkUdpChecksum, parseUdp } from '../../src/wire/udp.ts';
import { readPcap } from '../support/pcap.ts';
import { viewOf } from '../support/wire.ts';

const ROUNDS = 20_000;
const random = seededRandom(20_000);
const below = (n: number): number => random.uint32() % n;

const folder = new URL('../golden/', import.meta.url);
const seeds = readdirSync(folder)
  .filter((name) => name.endsWith('.pcap'))
  .flatMap((name) => readPcap(readFileSync(new URL(name, folder))));

/** Bytes at the very end of their memory, so that reading one too many throws. */
function garbage(): Uint8Array {
  const bytes = new Uint8Array(below(80));
  random.fill(bytes);
  return bytes;
}

/** Types of extension headers, and what may follow them. */
const NEXT_HEADERS = [0, 43, 44, 60, 6, 17, 58, 59];

/** An IPv6 packet whose extension headers are drawn by lot, mostly well-formed outside and garbage inside. */
function extended(): Uint8Array {
  const bytes = garbage();
  if (bytes.length < 40) return bytes;
  bytes[0] = 0x60 | (bytes[0]! & 15);
  viewOf(bytes).setUint16(4, bytes.length - 40);
  bytes[6] = NEXT_HEADERS[below(8)]!;
  for (let at = 40; at < bytes.length; at += 8) {
    bytes[at] = NEXT_HEADERS[below(8)]!;
    if (below(4) > 0 && at + 1 < bytes.length) bytes[at + 1] = 0;
    if (below(2) > 0) bytes.fill(0, at + 2, at + 8);
  }
  return bytes;
}

/** The types of IGMP and MLD, and others. */
const GROUP_TYPES = [0x11, 0x12, 0x16, 0x17, 0x22, 130, 131, 132, 143, 0];

/** A message of IGMP or MLD, of a drawn type, few sources and records, and garbage else. */
function groupMessage(): Uint8Array {
  const bytes = garbage();
  if (bytes.length > 0) bytes[0] = GROUP_TYPES[below(10)]!;
  // Counts of two bytes, mostly small.
  for (const at of [6, 10, 26]) {
    if (below(4) > 0 && at + 1 < bytes.length) viewOf(bytes).setUint16(at, below(3));
  }
  for (let at = 8; at + 3 < bytes.length; at += 8) {
    if (below(2) === 0) viewOf(bytes).setUint32(at, ((1 + below(7)) << 24) | below(2));
  }
  return bytes;
}

/** A captured packet cut off, with some bytes changed; its header checksum often made right again. */
function damaged(): Uint8Array {
  if (below(4) === 0) return extended();
  const seed = seeds[below(seeds.length)]!;
  const bytes = seed.slice(0, below(3) === 0 ? below(seed.length + 1) : seed.length);
  for (let n = below(4); n > 0 && bytes.length > 0; n--) bytes[below(Math.min(bytes.length, 64))] = random.uint32();
  if (bytes.length >= 20 && seed[0]! >>> 4 === 4 && below(4) > 0) {
    viewOf(bytes).setUint16(2, bytes.length);
    const headerLength = ipv4HeaderLength(viewOf(bytes), 0);
    if (headerLength >= 20 && headerLength <= bytes.length) writeIpv4Checksum(viewOf(bytes), 0, headerLength);
  }
  return bytes;
}

/** A value or a reason, counted. */
function count(tally: Map<string, number>, outcome: object | string | undefined): void {
  const key = typeof outcome === 'string' ? outcome : 'accepted';
  tally.set(key, (tally.get(key) ?? 0) + 1);
}

describe('bytes of any kind', () => {
  it('[S-001] [S-002] every view function answers with nothing or a reason, and throws nothing', () => {
    const tally = new Map<string, number>();
    const address = Address.parse('10.0.0.1');
    const options = new TcpOptions();
    const chain = new ExtensionChain();
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = round % 2 === 0 ? garbage() : damaged();
      const view = viewOf(bytes);
      const { length } = bytes;
      const ipv4Flaw = checkIpv4(view, 0, length, round % 4 < 2);
      count(tally, ipv4Flaw);
      if (ipv4Flaw === undefined) count(tally, checkIpv4Options(view, 20, ipv4HeaderLength(view, 0)));
      count(tally, checkIpv4Options(view, 0, length));
      const tcpFlaw = checkTcp(view, 0, length);
      count(tally, tcpFlaw);
      if (tcpFlaw === undefined) count(tally, readTcpOptions(view, 20, tcpHeaderLength(view, 0), options));
      count(tally, readTcpOptions(view, 0, Math.min(40, length), options));
      expect(options.sackCount).toBeLessThanOrEqual(4);
      const udpFlaw = checkUdp(view, 0, length);
      count(tally, udpFlaw);
      if (udpFlaw === undefined) count(tally, checkUdpChecksum(view, 0, address, address));
      count(tally, checkIcmp(view, 0, length, round % 3 === 0));
      count(tally, checkIcmpQuote(view, 0, length));
      const ipv6Flaw = checkIpv6(view, 0, length);
      count(tally, ipv6Flaw);
      if (ipv6Flaw === undefined) {
        const end = ipv6TotalLength(view, 0);
        count(tally, checkExtensions(view, 0, end, chain));
        if (chain.code === undefined) expect(chain.start).toBeLessThanOrEqual(length);
        else expect(chain.pointer).toBeLessThan(end);
        skipExtensions(view, 0, end, chain);
      }
      count(tally, checkIcmpv6(view, 0, length, address, address, round % 3 === 0));
      count(tally, checkIcmpv6Quote(view, 0, length));
      if (ipv4Flaw === undefined && checkIpv4Options(view, 20, ipv4HeaderLength(view, 0)) === undefined) {
        hasIpv4RouterAlert(view, 20, ipv4HeaderLength(view, 0));
      }
      if (ipv6Flaw === undefined && checkExtensions(view, 0, ipv6TotalLength(view, 0), chain) === undefined) {
        hasIpv6RouterAlert(view, 0);
      }
      const message = groupMessage();
      const about = viewOf(message);
      count(tally, checkIgmp(about, 0, message.length, round % 3 === 0));
      if (message.length >= 8) count(tally, checkMld(about, 0, message.length));
      fitsGroupRecords(about, 0, message.length, below(4), round % 2 === 0 ? 4 : 16);
    }
    // Every reason there is was met, so the bytes reach every check.
    expect([...tally.keys()].toSorted()).toEqual([
      'accepted',
      'icmp-bad-checksum',
      'icmp-bad-quote',
      'icmp-truncated',
      'icmpv6-bad-checksum',
      'icmpv6-bad-quote',
      'icmpv6-truncated',
      'igmp-bad-checksum',
      'igmp-bad-length',
      'igmp-truncated',
      'ipv4-bad-checksum',
      'ipv4-bad-header-length',
      'ipv4-bad-option-length',
      'ipv4-bad-total-length',
      'ipv4-bad-version',
      'ipv4-source-route',
      'ipv4-truncated',
      'ipv6-bad-option-length',
      'ipv6-bad-payload-length',
      'ipv6-bad-version',
      'ipv6-extension-truncated',
      'ipv6-hop-by-hop-misplaced',
      'ipv6-routing-header',
      'ipv6-truncated',
      'ipv6-unknown-option',
      'mld-bad-length',
      'mld-truncated',
      'tcp-bad-header-length',
      'tcp-option-bad-length',
      'tcp-option-truncated',
      'tcp-truncated',
      'udp-bad-checksum',
      'udp-bad-length',
      'udp-truncated',
    ]);
  });

  it('every parser gives a value or a reason', () => {
    const tally = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = round % 2 === 0 ? garbage() : damaged();
      for (const parse of [parseIpv4, parseIpv6, parseTcp, parseUdp, parseIcmp, parseAnyPacket, parsePacket6])
        count(tally, parse(bytes));
      const area = bytes.subarray(0, Math.min(40, bytes.length & ~3));
      expect(formatTcpOptions(parseTcpOptions(area))).toEqual(area);
      expect(describePacket(bytes)).toMatch(/^(ipv[46]-[a-z-]+ \(\d+ bytes\)|[[\]\da-f.:]+ → [[\]\da-f.:]+ .+)$/);
    }
    expect(tally.get('accepted')).toBeGreaterThan(ROUNDS / 10);
  });

  it('what is accepted is written back as it came', () => {
    let accepted = 0;
    for (let round = 0; round < ROUNDS / 4; round++) {
      const bytes = damaged();
      const packet = parseAnyPacket(bytes);
      if (typeof packet === 'string') continue;
      accepted++;
      // A UDP length below the datagram's leaves bytes behind that belong to nobody.
      if (packet.udp !== undefined && packet.udp.payload.byteLength + 8 < packet.ip.payload.byteLength) continue;
      const headers = isIpv6Packet(packet) ? 40 + packet.ip.extensions.byteLength : 20 + packet.ip.options.byteLength;
      const total = headers + packet.ip.payload.byteLength;
      expect(formatPacket(packet)).toEqual(bytes.subarray(0, total));
    }
    expect(accepted).toBeGreaterThan(ROUNDS / 16);
  });

  it('messages about groups that are accepted are written back as they came', () => {
    const source = Address.parse('fe80::1');
    const accepted = { igmp: 0, mld: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = groupMessage();
      if (bytes.length < 8) continue;
      viewOf(bytes).setUint16(2, 0);
      viewOf(bytes).setUint16(2, checksumFinish(checksumAdd(0, viewOf(bytes), 0, bytes.length)));
      const igmp = parseIgmp(bytes);
      if (typeof igmp !== 'string') {
        accepted.igmp++;
        const again = parseIgmp(formatIgmp(igmp));
        expect(again).toEqual(igmp);
      }
      writeIcmpv6Checksum(viewOf(bytes), 0, bytes.length, source, source);
      const mld = GROUP_TYPES.slice(5, 9).includes(bytes[0]!) ? parseMld(bytes, source, source) : 'none';
      if (typeof mld !== 'string') {
        accepted.mld++;
        expect(parseMld(formatMld(mld, source, source), source, source)).toEqual(mld);
      }
    }
    expect(accepted.igmp).toBeGreaterThan(ROUNDS / 5);
    expect(accepted.mld).toBeGreaterThan(ROUNDS / 20);
  });
});
