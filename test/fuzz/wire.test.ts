import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { Address } from '../../src/wire/address.ts';
import { describePacket } from '../../src/wire/describe.ts';
import { checkIcmp, checkIcmpQuote, parseIcmp } from '../../src/wire/icmp.ts';
import { checkIpv4Options } from '../../src/wire/ipv4-options.ts';
import { checkIpv4, ipv4HeaderLength, parseIpv4, writeIpv4Checksum } from '../../src/wire/ipv4.ts';
import { formatPacket, parsePacket } from '../../src/wire/packet.ts';
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

/** A captured packet cut off, with some bytes changed; its header checksum often made right again. */
function damaged(): Uint8Array {
  const seed = seeds[below(seeds.length)]!;
  const bytes = seed.slice(0, below(3) === 0 ? below(seed.length + 1) : seed.length);
  for (let n = below(4); n > 0 && bytes.length > 0; n--) bytes[below(Math.min(bytes.length, 64))] = random.uint32();
  if (bytes.length >= 20 && below(4) > 0) {
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
    }
    // Every reason there is was met, so the bytes reach every check.
    expect([...tally.keys()].toSorted()).toEqual([
      'accepted',
      'icmp-bad-checksum',
      'icmp-bad-quote',
      'icmp-truncated',
      'ipv4-bad-checksum',
      'ipv4-bad-header-length',
      'ipv4-bad-option-length',
      'ipv4-bad-total-length',
      'ipv4-bad-version',
      'ipv4-source-route',
      'ipv4-truncated',
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
      for (const parse of [parseIpv4, parseTcp, parseUdp, parseIcmp, parsePacket]) count(tally, parse(bytes));
      const area = bytes.subarray(0, Math.min(40, bytes.length & ~3));
      expect(formatTcpOptions(parseTcpOptions(area))).toEqual(area);
      expect(describePacket(bytes)).toMatch(/^(ipv4-[a-z-]+ \(\d+ bytes\)|[\d.:]+ → [\d.:]+ .+)$/);
    }
    expect(tally.get('accepted')).toBeGreaterThan(ROUNDS / 10);
  });

  it('what is accepted is written back as it came', () => {
    let accepted = 0;
    for (let round = 0; round < ROUNDS / 4; round++) {
      const bytes = damaged();
      const packet = parsePacket(bytes);
      if (typeof packet === 'string') continue;
      accepted++;
      // A UDP length below the datagram's leaves bytes behind that belong to nobody.
      if (packet.udp !== undefined && packet.udp.payload.byteLength + 8 < packet.ip.payload.byteLength) continue;
      const total = 20 + packet.ip.options.byteLength + packet.ip.payload.byteLength;
      expect(formatPacket(packet)).toEqual(bytes.subarray(0, total));
    }
    expect(accepted).toBeGreaterThan(ROUNDS / 16);
  });
});
