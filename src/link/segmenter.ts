import { Batch, Checksum } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import { SlabAllocator } from '../buffer/slab.ts';
import { finishPiece, superSegmentHeaders } from '../wire/segmentation.ts';

/** Makes packets as a wire has them of what a link with offload brings: cuts super-segments, completes checksums. */
export class Segmenter {
  /** What the last `cut` made, in memory that is never rewritten. */
  readonly pieces: Batch = new Batch();
  readonly #slabs: SlabAllocator = new SlabAllocator();

  constructor() {
    this.pieces.retained = true;
  }

  /**
   * Makes `pieces` of packet `row`; false when it is neither TCP nor UDP.
   *
   * @param front bytes in front of the IP header
   */
  cut(batch: Batch, row: number, front: number): boolean {
    const { pieces } = this;
    pieces.clear();
    const memory = batch.memory[row]!;
    const offset = batch.offset[row]!;
    const length = batch.length[row]!;
    const transport = superSegmentHeaders(memory.view, offset + front, length - front);
    const headers = front + transport;
    if (transport === 0 || headers > length) return false;
    const payload = length - headers;
    // An ordinary packet with a partial checksum is one piece.
    const size = batch.segmentSize[row]! || payload;
    let done = 0;
    do {
      const n = Math.min(size, payload - done);
      this.#slabs.allocate(headers + n);
      const piece = this.#slabs.memory;
      const at = this.#slabs.offset;
      copyBytes(piece.bytes, at, memory.bytes, offset, headers);
      copyBytes(piece.bytes, at + headers, memory.bytes, offset + headers + done, n);
      // The payload was vouched for, and the checksum is made here.
      finishPiece(piece.view, at + front, transport + n, done, pieces.count, done + n === payload);
      pieces.push(piece, at, headers + n, Checksum.valid);
      done += n;
    } while (done < payload);
    return true;
  }
}
