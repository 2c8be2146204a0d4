import { seqLe, seqLt } from '../buffer/seq.ts';

/** One ring of records; the arrays have the same length, a power of two. */
interface Ring {
  /** The sequence number behind the record's last byte; the record begins where the one before it ends. */
  end: Uint32Array;
  /** When the record was last sent. */
  sentAt: Float64Array;
  /** 1: sent more than once. */
  retransmitted: Uint8Array;
}

const FIRST_CAPACITY = 16;
/** Further pushes are merged into the last record: bounds what tiny segments can cost. */
const MAX_RECORDS = 4096;
/** Rings of queues that ran empty wait here for the next that fills: a connection that pings allocates nothing. */
const spareRings: Ring[] = [];
const MAX_SPARE_RINGS = 64;

function makeRing(capacity: number): Ring {
  return {
    end: new Uint32Array(capacity),
    sentAt: new Float64Array(capacity),
    retransmitted: new Uint8Array(capacity),
  };
}

/**
 * What has been sent and not yet acknowledged, as contiguous ranges of sequence numbers with the time they were last
 * sent. It knows no bytes: those stay in the send queue.
 *
 * Times are microseconds. An empty queue holds no arrays.
 */
export class RetransmissionQueue {
  /** Number of records. */
  length: number = 0;
  #ring: Ring | undefined;
  /** Row of the oldest record. */
  #head: number = 0;
  /** Where the oldest record begins. */
  #una: number = 0;

  /** When the oldest record was last sent; −1 when nothing is outstanding. */
  get oldestSentAt(): number {
    return this.#ring === undefined ? -1 : this.#ring.sentAt[this.#head]!;
  }

  /** `[seq, end)` has been sent for the first time; it follows the range sent last. */
  push(seq: number, end: number, now: number): void {
    if (this.#ring === undefined) this.#open(seq);
    const last = this.#row(this.length - 1);
    const ring = this.#ring!;
    if (this.length > 0 && ring.retransmitted[last] === 0 && ring.sentAt[last] === now) {
      ring.end[last] = end;
    } else if (this.length >= MAX_RECORDS) {
      // The time of the newest byte: a sample from the whole record is then right.
      ring.end[last] = end;
      ring.sentAt[last] = now;
    } else {
      this.#insert(this.length, end, now, 0);
    }
  }

  /** `[seq, end)`, or what is outstanding of it, has been sent again. */
  markRetransmitted(seq: number, end: number, now: number): void {
    if (this.#ring === undefined) return;
    const from = this.#split(seq);
    const to = this.#split(end);
    if (from >= to) return;
    const ring = this.#ring;
    const behind = ring.end[this.#row(to - 1)]!;
    const before = this.#row(from - 1);
    // Neighbours sent again at the same time share a record.
    const merge = from > 0 && ring.retransmitted[before] === 1 && ring.sentAt[before] === now;
    const kept = merge ? from - 1 : from;
    this.#remove(kept + 1, to - kept - 1);
    const row = this.#row(kept);
    ring.end[row] = behind;
    ring.sentAt[row] = now;
    ring.retransmitted[row] = 1;
  }

  /**
   * Everything below `una` is acknowledged. Returns the round-trip time in microseconds of the newest record that is
   * now wholly acknowledged; −1 when there is none or the acknowledgement may be the answer to a retransmission.
   */
  acknowledge(una: number, now: number): number {
    const ring = this.#ring;
    if (ring === undefined || seqLe(una, this.#una)) return -1;
    let newest = -1;
    let ambiguous = false;
    let begin = this.#una;
    while (this.length > 0 && seqLt(begin, una)) {
      const row = this.#head;
      // [MUST-18] RFC 9293 §3.8.1, RFC 6298 §3 (Karn): an ACK that covers anything sent twice gives no sample, not even
      // for what was sent once behind it: that has waited for the retransmission.
      if (ring.retransmitted[row] === 1) ambiguous = true;
      begin = ring.end[row]!;
      if (seqLt(una, begin)) break;
      newest = ring.sentAt[row]!;
      this.#head = (row + 1) & (ring.end.length - 1);
      this.length--;
    }
    this.#una = una;
    if (this.length === 0) this.#close();
    return ambiguous || newest < 0 ? -1 : now - newest;
  }

  /** Forgets everything. */
  clear(): void {
    this.length = 0;
    if (this.#ring !== undefined) this.#close();
  }

  /** The row of record `index`. */
  #row(index: number): number {
    return (this.#head + index) & (this.#ring!.end.length - 1);
  }

  #open(seq: number): void {
    this.#ring = spareRings.pop() ?? makeRing(FIRST_CAPACITY);
    this.#head = 0;
    this.#una = seq;
  }

  #close(): void {
    const ring = this.#ring!;
    if (ring.end.length === FIRST_CAPACITY && spareRings.length < MAX_SPARE_RINGS) spareRings.push(ring);
    this.#ring = undefined;
  }

  /** The index of the record that begins at `seq`, or above when `seq` is below all; makes one by cutting. */
  #split(seq: number): number {
    if (seqLe(seq, this.#una)) return 0;
    let index = 0;
    while (index < this.length && seqLe(this.#ring!.end[this.#row(index)]!, seq)) index++;
    if (index === this.length) return index;
    const begin = index === 0 ? this.#una : this.#ring!.end[this.#row(index - 1)]!;
    if (begin === seq) return index;
    const row = this.#row(index);
    // The front part is put before the record, which thereby begins at `seq`.
    this.#insert(index, seq, this.#ring!.sentAt[row]!, this.#ring!.retransmitted[row]!);
    return index + 1;
  }

  /** Puts a record at `index`, moving the shorter side. */
  #insert(index: number, end: number, sentAt: number, retransmitted: number): void {
    if (this.length === this.#ring!.end.length) this.#grow();
    if (index < this.length / 2) {
      this.#head = this.#row(-1);
      this.length++;
      for (let i = 0; i < index; i++) this.#move(i + 1, i);
    } else {
      this.length++;
      for (let i = this.length - 1; i > index; i--) this.#move(i - 1, i);
    }
    const row = this.#row(index);
    this.#ring!.end[row] = end;
    this.#ring!.sentAt[row] = sentAt;
    this.#ring!.retransmitted[row] = retransmitted;
  }

  /** Takes out `count` records from `index` on. */
  #remove(index: number, count: number): void {
    if (count <= 0) return;
    for (let i = index; i + count < this.length; i++) this.#move(i + count, i);
    this.length -= count;
  }

  #move(from: number, to: number): void {
    const ring = this.#ring!;
    const source = this.#row(from);
    const target = this.#row(to);
    ring.end[target] = ring.end[source]!;
    ring.sentAt[target] = ring.sentAt[source]!;
    ring.retransmitted[target] = ring.retransmitted[source]!;
  }

  #grow(): void {
    const old = this.#ring!;
    const grown = makeRing(old.end.length * 2);
    for (let i = 0; i < this.length; i++) {
      const row = this.#row(i);
      grown.end[i] = old.end[row]!;
      grown.sentAt[i] = old.sentAt[row]!;
      grown.retransmitted[i] = old.retransmitted[row]!;
    }
    this.#ring = grown;
    this.#head = 0;
  }
}
