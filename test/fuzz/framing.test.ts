import { describe, expect, it } from 'vitest';
import { FrameReader } from '../../src/link/framing.ts';
import type { LengthFraming } from '../../src/link/framing.ts';
import { messagePortLink } from '../../src/link/message-port-link.ts';
import type { MessagePortLike } from '../../src/link/message-port-link.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { VirtualClock } from '../../src/time/virtual-clock.ts';
import { RecordingHost } from '../unit/link/pairs.ts';
import { Draw } from './draw.ts';

const RUNS = Number(process.env['USERNET_FUZZ_PACKETS'] ?? 100_000) / 50;
const SEED = Number(process.env['USERNET_FUZZ_SEED'] ?? 1);
const MAXIMUM = 300;

/** A stream of packets, of which some have a length that can't be; and the packets in front of the first of these. */
function draw(from: Draw, framing: LengthFraming): { stream: Uint8Array; packets: string[]; fails: boolean } {
  const bytes: number[] = [];
  const packets: string[] = [];
  let fails = false;
  for (let n = from.below(12); n > 0; n--) {
    const wrong = from.chance(0.05);
    const packet = from.bytes(1 + from.below(from.chance(0.5) ? 20 : MAXIMUM));
    const most = framing.lengthBytes === 2 ? 0xffff : 0xffff_ffff;
    const announced = wrong ? from.pick([0, MAXIMUM + 1, most]) : packet.length;
    const length = Array.from({ length: framing.lengthBytes }, (_, i) => Math.floor(announced / 256 ** i) % 256);
    bytes.push(...(framing.littleEndian === true ? length : length.reverse()), ...packet);
    fails ||= wrong;
    if (!fails) packets.push(packet.join());
  }
  return { stream: Uint8Array.from(bytes), packets, fails };
}

describe('a stream of length-framed packets, cut at random', () => {
  it.each([
    { lengthBytes: 2 },
    { lengthBytes: 4 },
    { lengthBytes: 2, littleEndian: true },
    { lengthBytes: 4, littleEndian: true },
  ] as const)('gives all packets in front of the first wrong length: %j', (framing) => {
    for (let run = 0; run < RUNS; run++) {
      const from = new Draw(seededRandom(SEED * 1_000_000 + run));
      const { stream, packets, fails } = draw(from, framing);
      const reader = new FrameReader(framing, MAXIMUM);
      const found: string[] = [];
      const longest = from.pick([1, 3, 50, 1000]);
      for (let at = 0; at < stream.length;) {
        const end = Math.min(stream.length, at + 1 + from.below(longest));
        reader.give(stream.subarray(at, end));
        at = end;
        while (reader.next()) {
          const { memory, offset, length } = reader;
          found.push(memory.bytes.subarray(offset, offset + length).join());
        }
        if (reader.held > MAXIMUM) throw new Error(`run ${run}: ${reader.held} bytes are held`);
      }
      if (found.join(' ') !== packets.join(' ') || (reader.failure !== undefined) !== fails) {
        throw new Error(`run ${run}: ${found.length} packets of ${packets.length}, ${reader.failure}`);
      }
    }
    expect(RUNS).toBeGreaterThan(0);
  });

  it('of random bytes ends in a failure or waits for more, and holds little', () => {
    for (let run = 0; run < RUNS; run++) {
      const from = new Draw(seededRandom(SEED * 1_000_000 + run));
      const reader = new FrameReader({ lengthBytes: from.pick([2, 4]), littleEndian: from.chance(0.5) }, 65_535);
      for (let chunk = 0; chunk < 20; chunk++) {
        reader.give(from.bytes(from.below(200)));
        while (reader.next()) expect(reader.length).toBeGreaterThan(0);
        expect(reader.held).toBeLessThan(2 * 20 * 200 + 2048);
      }
    }
  });
});

/** A message as the link at the other end posts it, perhaps damaged or cut off. */
function message(from: Draw): Uint8Array<ArrayBuffer> {
  const lengths = Array.from({ length: from.below(4) }, () => 1 + from.below(30));
  const words = Uint32Array.from([lengths.length, ...lengths]);
  const total = lengths.reduce((sum, length) => sum + length, words.byteLength);
  const bytes = new Uint8Array(total);
  bytes.set(new Uint8Array(words.buffer));
  if (from.chance(0.5)) bytes[from.below(total)] = from.below(256);
  return from.chance(0.1) ? bytes.slice(0, from.below(total)) : bytes;
}

describe('messages of random bytes at a message port', () => {
  it('are packets or are counted', () => {
    const clock = new VirtualClock();
    const host = new RecordingHost(clock);
    let onMessage: (message: unknown) => void = () => {};
    const port: MessagePortLike = {
      postMessage: () => {},
      on: (type, listener) => (type === 'message' ? (onMessage = listener) : undefined),
    };
    const link = messagePortLink(port);
    void link.open(host);
    for (let run = 0; run < RUNS * 5; run++) {
      const from = new Draw(seededRandom(SEED * 1_000_000 + run));
      const bytes = message(from);
      const { batches } = host;
      const [before, wrong] = [batches.length, link.dropped.get('received-malformed')];
      onMessage(
        from.pick<unknown>([bytes.buffer, bytes.buffer, bytes.buffer, bytes, bytes.length - 20, 'x', undefined]),
      );
      expect(batches.length - before + link.dropped.get('received-malformed') - wrong).toBeLessThan(2);
      host.packets.length = 0;
    }
    expect(host.batches.length).toBeGreaterThan(RUNS / 2);
    expect(link.dropped.get('received-malformed')).toBeGreaterThan(RUNS / 2);
  });
});
