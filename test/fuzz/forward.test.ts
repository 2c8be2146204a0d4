import { describe, expect, it } from 'vitest';
import { Checksum } from '../../src/buffer/batch.ts';
import type { ChecksumMark } from '../../src/buffer/batch.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { formatIpv4 } from '../../src/wire/ipv4.ts';
import { formatIpv6 } from '../../src/wire/ipv6.ts';
import { parsePacket, parsePacket6 } from '../../src/wire/packet.ts';
import { ipv4, NOTHING, PEER } from '../unit/ip/fixture.ts';
import { ipv6, PEER6 } from '../unit/ip/fixture6.ts';
import { BEYOND, BEYOND6, FARTHER, FARTHER6, RouterBench } from '../unit/ip/router-bench.ts';
import { Draw } from './draw.ts';

const PACKETS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 30_000);
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);
const MTU = 1300;

const FROM = [
  PEER,
  PEER,
  PEER,
  '192.0.2.1',
  '0.0.0.0',
  '127.0.0.1',
  '169.254.1.1',
  '224.0.0.1',
  '240.0.0.1',
  '10.1.0.9',
];
const TO = [BEYOND, BEYOND, BEYOND, FARTHER, '203.0.113.1', '10.0.0.77', '255.255.255.255', '240.0.0.1', '127.0.0.1'];
const FROM6 = [PEER6, PEER6, PEER6, '2001:db8::1', '::', 'fe80::1', 'ff02::1', '::1'];
const TO6 = [
  BEYOND6,
  BEYOND6,
  BEYOND6,
  FARTHER6,
  '2600::1',
  'fd00::77',
  'ff02::1',
  'fe80::7',
  '::1',
  '::ffff:10.0.0.1',
];
const OWN = ['10.1.0.2', 'fd01::2', '::', '0.0.0.0'];
const OPTIONS = [
  NOTHING,
  NOTHING,
  Uint8Array.of(148, 4, 0, 0),
  Uint8Array.of(131, 7, 4, 1, 2, 3, 4, 0),
  Uint8Array.of(7, 3, 4, 0),
  Uint8Array.of(1, 30, 3, 9, 148, 4, 0, 0, 158, 3, 5, 0),
  Uint8Array.of(1, 1, 30, 99),
];

/** A packet that is nearly one, or is one. */
function make(draw: Draw): Uint8Array {
  const payload = draw.bytes(draw.chance(0.5) ? draw.below(100) : draw.below(4000));
  const ttl = draw.chance(0.8) ? 64 : draw.below(4);
  const protocol = draw.pick([6, 17, 1, 58, 200, 44, 0]);
  const bytes = draw.chance(0.6)
    ? formatIpv4(
        ipv4({
          source: draw.pick(FROM),
          destination: draw.pick(TO),
          protocol,
          ttl,
          payload,
          options: draw.pick(OPTIONS),
          dontFragment: draw.chance(0.5),
          moreFragments: draw.chance(0.2),
          fragmentOffset: draw.chance(0.2) ? 8 * draw.below(8192) : 0,
        }),
      )
    : formatIpv6(ipv6({ source: draw.pick(FROM6), destination: draw.pick(TO6), protocol, hopLimit: ttl, payload }));
  if (!draw.chance(0.2)) return bytes;
  for (let i = draw.below(3); i >= 0; i--) bytes[draw.below(Math.min(bytes.length, 60))] = draw.below(256);
  return bytes.subarray(0, draw.chance(0.3) ? draw.below(bytes.length) : bytes.length);
}

/** What was passed on must be a packet, with one less to live, that fits. */
function checkPassed(given: Uint8Array, bytes: Uint8Array, mark: ChecksumMark): void {
  const is6 = given[0]! >>> 4 === 6;
  const packet = is6 ? parsePacket6(bytes) : parsePacket(bytes);
  if (typeof packet === 'string') {
    // A header that its link has vouched for may be wrong, and stays so. Extension headers are nobody's business here.
    if (!is6 && packet === 'ipv4-bad-checksum' && mark !== Checksum.none) return;
    if (is6 && packet !== 'ipv6-truncated' && packet !== 'ipv6-bad-version') return;
    throw new Error(`${packet} was sent`);
  }
  const at = is6 ? 7 : 8;
  expect(bytes[at]).toBe(given[at]! - 1);
  expect(bytes.length).toBeLessThanOrEqual(MTU);
}

describe('a router under fire', () => {
  it(`survives ${PACKETS} malicious packets, and passes on only what is one`, () => {
    const draw = new Draw(seededRandom(SEED));
    const reasons: Record<string, number> = {};
    let passed = 0;
    for (let n = 0; n < PACKETS;) {
      const bench = new RouterBench();
      bench.eth1.update({ mtu: MTU });
      for (let i = 0; i < 500; i++, n++) {
        const bytes = make(draw);
        const mark = draw.chance(0.8) ? Checksum.none : draw.pick([Checksum.valid, Checksum.partial]);
        const segment = draw.chance(0.1) ? 1 + draw.below(3000) : 0;
        bench.arrive(bytes, bench.eth0, mark, segment);
        const sent = bench.sent(bench.eth1).filter((out) => !isOwn(out));
        passed += sent.length;
        for (const out of sent) checkPassed(bytes, out, mark);
        bench.sent();
        bench.clock.advance(100_000);
      }
      bench.delivered.length = bench.reported.length = bench.transmittedOn.length = 0;
      for (const [reason, count] of Object.entries(bench.counters.snapshot()))
        reasons[reason] = (reasons[reason] ?? 0) + count;
    }
    if (process.env['USERNET_FUZZ_VERBOSE'] !== undefined) console.log(passed, reasons);
    expect(passed).toBeGreaterThan(PACKETS / 20);
    for (const reason of EXPECTED) expect(reasons[reason] ?? 0, reason).toBeGreaterThan(0);
  });
});

const EXPECTED = [
  'forward-martian',
  'forward-beyond-scope',
  'forward-ipv4-option',
  'forward-no-route',
  'forward-same-link',
  'forward-time-exceeded',
  'forward-too-big',
  'forward-bad-super-segment',
  'forward-bad-fragment',
  'icmp-error-sent',
  'icmp-error-suppressed',
  'icmpv6-error-sent',
  'icmpv6-error-suppressed',
];

/** The router's own: errors about what claims to come from the other side, and its memberships of groups. */
function isOwn(bytes: Uint8Array): boolean {
  const packet = bytes[0]! >>> 4 === 6 ? parsePacket6(bytes) : parsePacket(bytes);
  return typeof packet !== 'string' && OWN.includes(packet.ip.source.toString());
}
