import type { ChecksumMark } from './batch.ts';
import { Checksum } from './batch.ts';
import type { Memory } from './memory.ts';

/**
 * Room kept free in front of a payload for the headers of all layers below: TCP with options 60, IPv6 40,
 * Ethernet with a VLAN tag 18, rounded up.
 */
export const HEADROOM = 128;

/**
 * An outgoing packet under construction: a window `[start, end)` on memory that belongs to a transmit queue.
 *
 * ```
 *  memory   …| headroom       | payload            |…
 *            ↑ prepend(n) ← start               end
 * ```
 *
 * Each layer below writes its header into the headroom with `prepend`. One object is reused for packet after packet:
 * it is valid from `reserve` to `commit`.
 */
export class Packet {
  memory: Memory;
  /** Offset of the first byte of what has been built so far. */
  start: number = 0;
  /** Offset behind the last byte. */
  end: number = 0;
  checksum: ChecksumMark = Checksum.none;
  /** Payload bytes of each segment when this is a super-segment, else 0. */
  segmentSize: number = 0;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Opens `n` bytes in front and returns their offset. The bytes hold whatever was there: write all of them. */
  prepend(n: number): number {
    this.start -= n;
    return this.start;
  }
}
