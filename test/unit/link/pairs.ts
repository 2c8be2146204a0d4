import type { LinkHost } from '../../../src/link/link.ts';
import type { Link } from '../../../src/link/link.ts';
import type { LinkPair } from '../../../src/link/suite.ts';
import type { Batch } from '../../../src/buffer/batch.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';

/** Two ends, or one that is both, in virtual time. */
export function pairOf(ends: readonly [Link, Link], clock: VirtualClock = new VirtualClock()): LinkPair {
  const [a, b] = ends;
  return { a, b, clock, random: seededRandom(1), settle: () => clock.advance(1000) };
}

/** A host that writes down what its link tells it. */
export class RecordingHost implements LinkHost {
  readonly clock: VirtualClock;
  readonly random = seededRandom(1);
  readonly packets: Uint8Array[] = [];
  /** `[checksum mark, segment size]` of each packet. */
  readonly marks: [number, number][] = [];
  readonly batches: { count: number; retained: boolean }[] = [];
  readonly events: string[] = [];

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  receive(batch: Batch): void {
    this.batches.push({ count: batch.count, retained: batch.retained });
    for (let i = 0; i < batch.count; i++) {
      this.packets.push(batch.packet(i).slice());
      this.marks.push([batch.checksum[i]!, batch.segmentSize[i]!]);
    }
  }

  writable(): void {
    this.events.push('writable');
  }

  changed(): void {
    this.events.push('changed');
  }

  closed(error?: Error): void {
    this.events.push(error === undefined ? 'closed' : `closed: ${error.message}`);
  }
}
