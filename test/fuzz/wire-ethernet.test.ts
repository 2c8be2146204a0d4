import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { sameBytes } from '../../src/link/suite-station.ts';
import { formatArp, parseArp } from '../../src/wire/arp.ts';
import { ethernetHeaderLength, formatEthernet, parseEthernet } from '../../src/wire/ethernet.ts';
import { viewOf } from '../support/wire.ts';
import { Draw } from './draw.ts';

const ROUNDS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 20_000);
const TYPES = [0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x0026];

/** Bytes at the very end of their memory; half of them look like a frame with an ARP message. */
function drawFrame(draw: Draw): Uint8Array {
  const bytes = draw.bytes(draw.below(70));
  if (bytes.length < 14 || draw.chance(0.3)) return bytes;
  const view = viewOf(bytes);
  let at = 12;
  for (let tags = draw.below(4); tags > 0 && at + 6 <= bytes.length; tags--, at += 4) {
    view.setUint16(at, draw.pick([0x8100, 0x88a8]));
  }
  view.setUint16(at, draw.pick(TYPES));
  const message = [0, 1, 8, 0, 6, 4, 0, draw.pick([1, 2])];
  if (at + 2 + message.length > bytes.length || draw.chance(0.3)) return bytes;
  bytes.set(message, at + 2);
  if (draw.chance(0.5)) bytes[at + 2 + draw.below(8)] = draw.below(10);
  return bytes;
}

describe('Ethernet bytes of any kind', () => {
  it(
    'are a value that is written back as it came, or a named flaw; nothing throws',
    () => {
      const draw = new Draw(seededRandom(Number(process.env['USERNET_FUZZ_SEED'] ?? 51)));
      const tally = new Map<string, number>();
      const count = (outcome: string): void => void tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
      for (let round = 0; round < ROUNDS; round++) {
        const bytes = drawFrame(draw);
        if (ethernetHeaderLength(viewOf(bytes), 0, bytes.length) > bytes.length)
          throw new Error(`round ${round}: outside`);
        const frame = parseEthernet(bytes);
        if (typeof frame === 'string') {
          count(frame);
          continue;
        }
        count('frame');
        if (!sameBytes(formatEthernet(frame), bytes)) throw new Error(`round ${round}: the frame changed`);
        const message = parseArp(frame.payload);
        count(typeof message === 'string' ? message : 'message');
        if (typeof message === 'string') continue;
        // The hardware type of IEEE 802 is read as Ethernet's.
        const written = formatArp(message);
        written[1] = frame.payload[1]!;
        if (!sameBytes(written, frame.payload.subarray(0, 28))) throw new Error(`round ${round}: the message changed`);
      }
      // Every reason there is was met.
      expect([...tally.keys()].toSorted()).toEqual([
        'arp-bad-address-length',
        'arp-bad-hardware-type',
        'arp-bad-operation',
        'arp-bad-protocol-type',
        'arp-truncated',
        'ethernet-too-many-tags',
        'ethernet-truncated',
        'frame',
        'message',
      ]);
      expect(tally.get('message')).toBeGreaterThan(ROUNDS / 30);
    },
    60_000 + ROUNDS,
  );
});
