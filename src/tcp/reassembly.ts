import type { Memory } from '../buffer/memory.ts';
import { seqAdd, seqDiff, seqLe, seqLt, seqMax, seqMin } from '../buffer/seq.ts';
import type { Slab } from './piece-storage.ts';
import { PieceStorage } from './piece-storage.ts';

/** Bounds of a reassembly queue. */
export interface ReassemblyOptions {
  /** Bytes kept at most; beyond, what lies farthest ahead is dropped and comes again. Default 1 GiB. */
  maxBytes?: number;
  /**
   * Pieces kept at most, beside one for each 512 bytes kept: bounds what one-byte segments cost. Default 1024. Ordinary
   * segments are bounded by the window alone: what SACK has reported must not be dropped without need (RFC 2018 §8).
   */
  maxPieces?: number;
}

/** Gapless ranges found before, all of which are still kept: `SackBlocks`. */
export interface KnownRanges {
  /** Is `seq` in one of them? Then it is `[left, right)`. */
  holds(seq: number): boolean;
  readonly left: number;
  readonly right: number;
}

/** Where delivered bytes go: a `ReceiveQueue`. The bytes are never rewritten. */
export interface ReassemblyTarget {
  /** Takes them where they lie. */
  adopt(memory: Memory, offset: number, length: number): void;
  /** Copies them. */
  push(memory: Memory, offset: number, length: number, retained: boolean): void;
}

/** A piece for each so many bytes doesn't count for `maxPieces`: less than the payload of a default MSS, 536. */
const ORDINARY_PIECE = 512;
/** What a piece costs beside its bytes, for the memory budget: the object and its place in the list, measured with V8. */
const PIECE_OVERHEAD = 112;
/** A piece that is a smaller part of its slab than one in so many is copied when it is delivered: it must not hold it. */
const ADOPT_FROM = 4;

/** Bytes `[seq, end)` of the stream. */
interface Piece {
  seq: number;
  end: number;
  slab: Slab;
  /** Where byte `seq` lies. */
  offset: number;
}

/**
 * Data that has arrived ahead of a gap ([SHLD-31] RFC 9293 §3.10.7.4). Sorted pieces that don't overlap: where a
 * segment overlaps what is kept, the bytes kept first stay. Bytes are copied: what a peer makes us hold can be counted
 * then. An empty queue holds nothing.
 *
 * The caller has trimmed segments to the receive window; all sequence numbers here lie within 2³⁰ of each other.
 */
export class Reassembly {
  /** Bytes kept. */
  bytes: number = 0;
  /** Pieces, kept or just arrived, that a bound has dropped. */
  dropped: number = 0;
  /** After `rangeOf` and `overlap`: the range found. */
  rangeStart: number = 0;
  rangeEnd: number = 0;
  readonly #storage: PieceStorage = new PieceStorage();
  readonly #maxBytes: number;
  readonly #maxPieces: number;
  #pieces: Piece[] = [];

  constructor(options: ReassemblyOptions = {}) {
    this.#maxBytes = options.maxBytes ?? 0x4000_0000;
    this.#maxPieces = options.maxPieces ?? 1024;
  }

  /** Pieces kept. */
  get segments(): number {
    return this.#pieces.length;
  }

  /** The sequence number behind the last byte kept; `nxt` when there is none. */
  endFrom(nxt: number): number {
    const last = this.#pieces.at(-1);
    return last === undefined ? nxt : last.end;
  }

  /** What the queue holds, in bytes: not only those that wait, but all that can't be freed for them, and bookkeeping. */
  get allocated(): number {
    return this.#storage.allocated + this.#pieces.length * PIECE_OVERHEAD;
  }

  /** What one more piece of so many bytes adds to `allocated`. */
  cost(length: number): number {
    return this.#storage.cost(length) + PIECE_OVERHEAD;
  }

  /**
   * Keeps the bytes of a segment that aren't there yet.
   *
   * @returns bytes newly kept
   */
  insert(seq: number, memory: Memory, offset: number, length: number): number {
    const end = seqAdd(seq, length);
    let kept = 0;
    let next = seq;
    let index = this.#find(seq);
    while (seqLt(next, end)) {
      const piece = this.#pieces[index];
      if (piece !== undefined && seqLe(piece.seq, next)) {
        next = seqMax(next, piece.end);
        index++;
        continue;
      }
      const gapEnd = piece === undefined ? end : seqMin(end, piece.seq);
      const n = seqDiff(gapEnd, next);
      if (!this.#makeRoom(index, n)) break;
      this.#keep(index, next, n, memory, offset + seqDiff(next, seq));
      kept += n;
      next = gapEnd;
    }
    return kept;
  }

  /**
   * Hands the bytes that follow `nxt` without a gap to `into` and forgets them and all below.
   *
   * @returns bytes handed over: `nxt` moves by so many
   */
  deliver(nxt: number, into: ReassemblyTarget): number {
    let next = nxt;
    let done = 0;
    for (const piece of this.#pieces) {
      if (seqLt(next, piece.seq)) break;
      done++;
      this.bytes -= seqDiff(piece.end, piece.seq);
      if (seqLt(next, piece.end)) {
        handOver(piece, next, into);
        next = piece.end;
      }
      this.#storage.release(piece.slab);
    }
    if (done === this.#pieces.length) this.clear();
    else if (done > 0) this.#pieces.splice(0, done);
    return seqDiff(next, nxt);
  }

  /**
   * Finds the gapless range that holds byte `seq`, for a SACK block: true with `rangeStart` and `rangeEnd` set. With
   * what is `known` beside the piece it need not go from piece to piece, of which a range may have thousands.
   */
  rangeOf(seq: number, known?: KnownRanges): boolean {
    const index = this.#find(seq);
    const piece = this.#pieces[index];
    if (piece === undefined || seqLt(seq, piece.seq)) return false;
    let first = index;
    if (known?.holds(seqAdd(piece.seq, -1)) === true) first = this.#find(known.left);
    while (first > 0 && this.#pieces[first - 1]!.end === this.#pieces[first]!.seq) first--;
    let last = index;
    if (known?.holds(piece.end) === true) last = this.#find(seqAdd(known.right, -1));
    while (last + 1 < this.#pieces.length && this.#pieces[last]!.end === this.#pieces[last + 1]!.seq) last++;
    this.rangeStart = this.#pieces[first]!.seq;
    this.rangeEnd = this.#pieces[last]!.end;
    return true;
  }

  /** Finds the first gapless part of `[seq, end)` that is kept already: true with `rangeStart` and `rangeEnd` set. */
  overlap(seq: number, end: number): boolean {
    let index = this.#find(seq);
    const first = this.#pieces[index];
    if (first === undefined || seqLe(end, first.seq)) return false;
    while (
      seqLt(this.#pieces[index]!.end, end) &&
      index + 1 < this.#pieces.length &&
      this.#pieces[index]!.end === this.#pieces[index + 1]!.seq
    ) {
      index++;
    }
    const to = this.#pieces[index]!.end;
    this.rangeStart = seqMax(seq, first.seq);
    this.rangeEnd = seqMin(end, to);
    return true;
  }

  /** Forgets all bytes, as under memory pressure; they come again. */
  clear(): void {
    this.#pieces = [];
    this.bytes = 0;
    this.#storage.clear();
  }

  /** The index of the first piece that ends behind `seq`. */
  #find(seq: number): number {
    let low = 0;
    let high = this.#pieces.length;
    // Segments behind one gap mostly come in order.
    if (high > 0 && seqLe(this.#pieces[high - 1]!.end, seq)) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (seqLt(seq, this.#pieces[middle]!.end)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Keeps `length` bytes from `seq` on, which overlap nothing, before piece `index`. */
  #keep(index: number, seq: number, length: number, memory: Memory, offset: number): void {
    const slab = this.#storage.keep(memory, offset, length);
    const at = this.#storage.offset;
    const end = seqAdd(seq, length);
    const previous = this.#pieces[index - 1];
    const adjacent = previous?.slab === slab && previous.offset + seqDiff(previous.end, previous.seq) === at;
    if (adjacent && previous.end === seq) {
      previous.end = end;
      this.#storage.release(slab);
    } else {
      this.#pieces.splice(index, 0, { seq, end, slab, offset: at });
    }
    this.bytes += length;
  }

  get #piecesAllowed(): number {
    return this.#maxPieces + Math.floor(this.bytes / ORDINARY_PIECE);
  }

  /** Drops what lies farthest ahead until `length` bytes fit at `index`: what is nearest to the gap is needed first. */
  #makeRoom(index: number, length: number): boolean {
    while (this.bytes + length > this.#maxBytes || this.#pieces.length >= this.#piecesAllowed) {
      this.dropped++;
      if (this.#pieces.length <= index) return false;
      const farthest = this.#pieces.pop()!;
      this.bytes -= seqDiff(farthest.end, farthest.seq);
      this.#storage.release(farthest.slab);
    }
    return true;
  }
}

/** The piece's bytes from `next` on are the receive queue's now. */
function handOver({ seq, end, slab, offset }: Piece, next: number, into: ReassemblyTarget): void {
  const { memory } = slab;
  const length = seqDiff(end, next);
  const at = offset + seqDiff(next, seq);
  if (length * ADOPT_FROM < memory.bytes.length) into.push(memory, at, length, false);
  else into.adopt(memory, at, length);
}
