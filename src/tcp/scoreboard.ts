import { seqDiff, seqGe, seqLe, seqLt, seqMax, seqMin } from '../buffer/seq.ts';
import type { Rows } from './scoreboard-rows.ts';
import { copyRow, giveRows, growRows, moveRows, sizeOfRows, takeRows } from './scoreboard-rows.ts';

/** What is known of a record. */
export const Mark = {
  /** The peer has it, out of order (RFC 2018). */
  sacked: 1,
  /** Deemed lost. */
  lost: 2,
  /** Sent again, and that retransmission is deemed to be on its way. */
  retransmitted: 4,
  /** Sent more than once, ever: gives no round-trip time (Karn). */
  repeated: 8,
  /** Sent while the application, not the network, was the limit. */
  appLimited: 16,
} as const;

/** What the delivery rate wants to know of each record when it is delivered: see `DeliveryRate`. */
export interface SendStamp {
  /** Bytes delivered on the connection when the record was sent, and when the last of them was. */
  readonly delivered: number;
  readonly deliveredAt: number;
  /** When the first record of the flight that it belongs to was sent. */
  readonly firstSentAt: number;
  readonly isAppLimited: boolean;
}

/** Is told of each record that is delivered, cumulatively or selectively, for the first time. */
export interface DeliverySink {
  /**
   * @param bytes octets of sequence space; `end` is the number behind them.
   * @param sentAt when they were last sent, in microseconds.
   * @param marks what was known of the record, bits of `Mark`.
   */
  onDelivered(
    bytes: number,
    end: number,
    sentAt: number,
    marks: number,
    delivered: number,
    deliveredAt: number,
    firstSentAt: number,
  ): void;
}

/**
 * Records at most: bounds what tiny segments and SACK blocks that cut them can cost (CVE-2019-11478). Beyond, pushes
 * are merged into the last record, and a block that would cut one is taken without its edges.
 */
const MAX_RECORDS = 16_384;
/** Of these so many, and two for each full segment outstanding, may be made by cutting: honest edges are those of segments. */
const FREE_RECORDS = 1024;

/**
 * What has been sent and not yet acknowledged, as contiguous ranges of sequence numbers with the time they were last
 * sent and what is known of them: RFC 6675's scoreboard. It knows no bytes: those stay in the send queue.
 *
 * Neighbours of which the same is known share a record. Times are microseconds, sizes octets of sequence space. An empty
 * board holds no arrays.
 */
export class Scoreboard {
  /** Number of records. */
  length: number = 0;
  /** Octets that the peer has reported by SACK. */
  sacked: number = 0;
  /** The same in segments. */
  sackedSegments: number = 0;
  /** Octets deemed lost, whether sent again or not. */
  lost: number = 0;
  /** Octets sent again and deemed on their way. */
  retransmitted: number = 0;
  /** Octets ever deemed lost: each time counts. */
  losses: number = 0;
  /** Octets ever sent more than once: each octet counts once. */
  repeated: number = 0;
  /** After `findLost`: the first range that is lost and was not sent again. */
  lostStart: number = 0;
  lostEnd: number = 0;
  #rows: Rows | undefined;
  /** Row of the oldest record. */
  #first: number = 0;
  /** Where the oldest record begins. */
  #una: number = 0;
  /** Payload of a full segment when something was last sent for the first time. */
  #mss: number = 1;
  /** Octets that are lost and not sent again; none of them lies below `#lostFrom`. */
  #waiting: number = 0;
  #lostFrom: number = 0;

  /** What the board occupies, in bytes: SACK blocks that cut records make it grow. */
  get allocated(): number {
    return this.#rows === undefined ? 0 : sizeOfRows(this.#rows);
  }

  /** When the oldest record was last sent; −1 when nothing is outstanding. */
  get oldestSentAt(): number {
    return this.#rows === undefined ? -1 : this.#rows.sentAt[this.#first]!;
  }

  /** The peer has reported the very octet that it still waits for: it has thrown away what it reported (RFC 2018 §8). */
  get reneged(): boolean {
    return this.#rows !== undefined && (this.#rows.marks[this.#first]! & Mark.sacked) !== 0;
  }

  /** Octets outstanding of which the network is thought to hold a copy: RFC 6675 §4's pipe. `nxt` is SND.NXT. */
  pipe(una: number, nxt: number): number {
    return seqDiff(nxt, una) - this.sacked - this.lost + this.retransmitted;
  }

  /** Something is deemed lost and was not sent again. */
  get hasLost(): boolean {
    return this.#waiting > 0;
  }

  /** Where the last record begins that is not known to have arrived: the tail that a probe repeats; undefined for none. */
  get tailStart(): number | undefined {
    for (let i = this.length - 1; i >= 0; i--) if (!(this.#marks(i) & Mark.sacked)) return this.#begin(i);
    return undefined;
  }

  /** `[seq, end)` has been sent for the first time, in segments of `mss`; it follows the range sent last. */
  push(seq: number, end: number, mss: number, now: number, stamp: SendStamp): void {
    if (this.#rows === undefined) this.#open(seq);
    this.#mss = mss;
    const rows = this.#rows!;
    const last = this.#first + this.length - 1;
    const segments = Math.max(1, Math.ceil(seqDiff(end, seq) / mss));
    const marks = stamp.isAppLimited ? Mark.appLimited : 0;
    const full = this.length >= MAX_RECORDS;
    // The time of the newest byte: a sample from the whole record is then right.
    const settled = Mark.sacked | Mark.lost | Mark.retransmitted;
    if (
      this.length > 0 &&
      ((full && !(rows.marks[last]! & settled)) ||
        (rows.marks[last] === marks && rows.sentAt[last] === now && rows.delivered[last] === stamp.delivered))
    ) {
      rows.end[last] = end;
      rows.sentAt[last] = now;
      rows.segments[last] = Math.min(rows.segments[last]! + segments, 0xffff);
      return;
    }
    this.#insert(this.length);
    const row = this.#first + this.length - 1;
    this.#rows!.end[row] = end;
    this.#rows!.marks[row] = marks;
    this.#rows!.segments[row] = Math.min(segments, 0xffff);
    this.#stamp(row, now, stamp);
  }

  /** `[seq, end)`, or what is outstanding of it, has been sent again. */
  markRetransmitted(seq: number, end: number, now: number, stamp: SendStamp): void {
    const from = this.#cut(seq, false);
    const to = this.#cut(end, true);
    for (let i = from; i < to; i++) {
      const row = this.#first + i;
      const marks = this.#marks(i);
      if (marks & Mark.sacked) continue;
      const bytes = this.#bytes(i);
      if (!(marks & Mark.repeated)) this.repeated += bytes;
      if (!(marks & Mark.retransmitted)) {
        this.retransmitted += bytes;
        if (marks & Mark.lost) this.#waiting -= bytes;
      }
      this.#rows!.marks[row] =
        (marks & Mark.lost) | Mark.retransmitted | Mark.repeated | (stamp.isAppLimited ? Mark.appLimited : 0);
      this.#stamp(row, now, stamp);
    }
    this.#join(from, to);
  }

  /** Everything below `una` is acknowledged. Each record is told to `sink` unless it was when it was SACKed. */
  acknowledge(una: number, sink: DeliverySink): void {
    if (this.#rows === undefined || seqLe(una, this.#una)) return;
    while (this.length > 0 && seqLt(this.#una, una)) {
      const end = seqMin(this.#rows.end[this.#first]!, una);
      const whole = this.#bytes(0);
      this.#deliver(0, this.#una, end, sink);
      this.#una = end;
      if (end !== this.#rows.end[this.#first]!) {
        this.#countSegments(this.#first, this.#share(this.#rows.segments[this.#first]!, this.#bytes(0), whole));
        break;
      }
      this.#first++;
      this.length--;
    }
    this.#una = una;
    this.#lostFrom = seqMax(this.#lostFrom, una);
    if (this.length === 0) this.#close();
  }

  /** `[left, right)` is reported as received by SACK; what lies outside of what is outstanding is left alone. */
  sack(left: number, right: number, sink: DeliverySink): void {
    // Mostly a block repeats what is known.
    const known = this.#find(left);
    if (known < this.length && this.#marks(known) & Mark.sacked && seqLe(right, this.#end(known))) return;
    const from = this.#cut(left, true);
    const to = this.#cut(right, false);
    for (let i = from; i < to; i++) {
      // Of what was SACKed before, this takes out what is put back right below.
      this.#deliver(i, this.#begin(i), this.#end(i), sink);
      const row = this.#first + i;
      this.sacked += this.#bytes(i);
      this.sackedSegments += this.#rows!.segments[row]!;
      this.#rows!.marks[row] = Mark.sacked;
    }
    this.#join(from, to);
  }

  /**
   * RFC 8985 §6.2 step 5: what was sent before the record that ends at `end` and was sent at `sentAt`, more than `age`
   * ago, is lost. Returns for how long the youngest of the rest is still waited for; 0 when nothing is.
   */
  markOlder(sentAt: number, end: number, age: number, now: number): number {
    let wait = 0;
    for (let i = 0; i < this.length; i++) {
      const marks = this.#marks(i);
      if (marks & Mark.sacked || (marks & (Mark.lost | Mark.retransmitted)) === Mark.lost) continue;
      const sent = this.#rows!.sentAt[this.#first + i]!;
      if (sent > sentAt || (sent === sentAt && seqGe(this.#end(i), end))) {
        // What was sent only once was sent in the order of its numbers: all behind it is later still.
        if (!(marks & Mark.repeated)) break;
        continue;
      }
      const remaining = sent + age - now;
      if (remaining <= 0) this.#lose(i);
      else wait = Math.max(wait, remaining);
    }
    return wait;
  }

  /** `[left, right)`, or what is not SACKed of it, is lost; also what was sent again of it. */
  markLost(left: number, right: number): void {
    const from = this.#cut(left, true);
    const to = this.#cut(right, false);
    for (let i = from; i < to; i++) if (!(this.#marks(i) & Mark.sacked)) this.#lose(i);
  }

  /** The oldest record is lost; it must not be one that SACK has reported. */
  markFirstLost(): void {
    if (this.length > 0) this.#lose(0);
  }

  /** Forgets what SACK has reported: the peer may have thrown it away (RFC 2018 §8). */
  forgetSacked(): void {
    for (let i = 0; i < this.length; i++) {
      // It was delivered once: when it is again, that gives no round-trip time.
      if (this.#marks(i) & Mark.sacked) this.#rows!.marks[this.#first + i] = Mark.repeated;
    }
    this.sacked = 0;
    this.sackedSegments = 0;
  }

  /** What counted as lost no longer does: the recovery was spurious. */
  forgetLost(): void {
    for (let i = 0; i < this.length; i++) this.#rows!.marks[this.#first + i]! &= ~Mark.lost;
    this.lost = 0;
    this.#waiting = 0;
  }

  /** Finds the first range that is lost and was not sent again: true with `lostStart` and `lostEnd` set. */
  findLost(): boolean {
    if (this.#waiting === 0) return false;
    const mask = Mark.sacked | Mark.lost | Mark.retransmitted;
    let i = this.#find(this.#lostFrom);
    while (i < this.length && (this.#marks(i) & mask) !== Mark.lost) i++;
    if (i === this.length) return false;
    this.lostStart = this.#lostFrom = this.#begin(i);
    while (i + 1 < this.length && (this.#marks(i + 1) & mask) === Mark.lost) i++;
    this.lostEnd = this.#end(i);
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    this.length = 0;
    this.#reset();
    if (this.#rows !== undefined) this.#close();
  }

  #reset(): void {
    this.sacked = this.sackedSegments = this.lost = this.retransmitted = this.#waiting = 0;
  }

  #marks(index: number): number {
    return this.#rows!.marks[this.#first + index]!;
  }

  #begin(index: number): number {
    return index === 0 ? this.#una : this.#rows!.end[this.#first + index - 1]!;
  }

  #end(index: number): number {
    return this.#rows!.end[this.#first + index]!;
  }

  #bytes(index: number): number {
    return seqDiff(this.#end(index), this.#begin(index));
  }

  #stamp(row: number, now: number, stamp: SendStamp): void {
    const rows = this.#rows!;
    rows.sentAt[row] = now;
    rows.delivered[row] = stamp.delivered;
    rows.deliveredAt[row] = stamp.deliveredAt;
    rows.firstSentAt[row] = stamp.firstSentAt;
  }

  /** `[begin, end)` of record `index` has arrived: takes it out of the counts. */
  #deliver(index: number, begin: number, end: number, sink: DeliverySink): void {
    const rows = this.#rows!;
    const row = this.#first + index;
    const marks = rows.marks[row]!;
    const bytes = seqDiff(end, begin);
    if (marks & Mark.sacked) {
      this.sacked -= bytes;
      // Of a record that is acknowledged in part `acknowledge` counts the segments off.
      if (end === rows.end[row]) this.sackedSegments -= rows.segments[row]!;
      return;
    }
    if (marks & Mark.lost) {
      this.lost -= bytes;
      if (!(marks & Mark.retransmitted)) this.#waiting -= bytes;
    }
    if (marks & Mark.retransmitted) this.retransmitted -= bytes;
    sink.onDelivered(
      bytes,
      end,
      rows.sentAt[row]!,
      marks,
      rows.delivered[row]!,
      rows.deliveredAt[row]!,
      rows.firstSentAt[row]!,
    );
  }

  #lose(index: number): void {
    const row = this.#first + index;
    const marks = this.#marks(index);
    const bytes = this.#bytes(index);
    if ((marks & (Mark.lost | Mark.retransmitted)) === Mark.lost) return;
    this.losses += bytes;
    if (!(marks & Mark.lost)) this.lost += bytes;
    if (marks & Mark.retransmitted) this.retransmitted -= bytes;
    this.#rows!.marks[row] = (marks | Mark.lost) & ~Mark.retransmitted;
    const begin = this.#begin(index);
    this.#lostFrom = this.#waiting === 0 ? begin : seqMin(this.#lostFrom, begin);
    this.#waiting += bytes;
  }

  /** The index of the first record that ends behind `seq`. */
  #find(seq: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (seqLt(seq, this.#end(middle))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /**
   * The index of the record that begins at `seq`; makes one by cutting. Where no record may be made any more: the one
   * that holds `seq`, or with `up` the next.
   */
  #cut(seq: number, up: boolean): number {
    if (seqLe(seq, this.#una)) return 0;
    const index = this.#find(seq);
    if (index === this.length || this.#begin(index) === seq) return index;
    if (this.length >= this.#recordsAllowed) return up ? index + 1 : index;
    const whole = this.#bytes(index);
    const front = seqDiff(seq, this.#begin(index));
    this.#insert(index);
    const rows = this.#rows!;
    const row = this.#first + index;
    // The front part stands before the record, which thereby begins at `seq`.
    copyRow(rows, row + 1, row);
    rows.end[row] = seq;
    const segments = rows.segments[row + 1]!;
    rows.segments[row] = Math.max(1, Math.round((segments * front) / whole));
    rows.segments[row + 1] = Math.max(1, segments - rows.segments[row]);
    if (rows.marks[row]! & Mark.sacked) this.sackedSegments += rows.segments[row] + rows.segments[row + 1]! - segments;
    return index + 1;
  }

  get #recordsAllowed(): number {
    const outstanding = seqDiff(this.#end(this.length - 1), this.#una);
    return Math.min(MAX_RECORDS, FREE_RECORDS + (2 * outstanding) / this.#mss);
  }

  /** How many of the segments of a record of `whole` octets a part of it is: full ones, but perhaps the last. */
  #share(segments: number, part: number, whole: number): number {
    const full = whole > (segments - 1) * this.#mss;
    return Math.max(1, full ? Math.ceil(part / this.#mss) : Math.round((segments * part) / whole));
  }

  #countSegments(row: number, segments: number): void {
    const rows = this.#rows!;
    if (rows.marks[row]! & Mark.sacked) this.sackedSegments += segments - rows.segments[row]!;
    rows.segments[row] = segments;
  }

  /** Makes one of neighbours of which the same is known, from the one before `from` to the one at `to`. */
  #join(from: number, to: number): void {
    let kept = Math.max(from - 1, 0);
    const last = Math.min(to, this.length - 1);
    const rows = this.#rows!;
    for (let i = kept + 1; i <= last; i++) {
      const a = this.#first + kept;
      const b = this.#first + i;
      if (alike(rows, a, b) && rows.segments[a]! + rows.segments[b]! <= 0xffff) {
        rows.end[a] = rows.end[b]!;
        rows.segments[a]! += rows.segments[b]!;
      } else if (++kept !== i) {
        copyRow(rows, b, this.#first + kept);
      }
    }
    const removed = last - kept;
    if (removed <= 0) return;
    moveRows(rows, this.#first + last + 1, this.#first + this.length, this.#first + kept + 1);
    this.length -= removed;
  }

  /** Makes room for a record at `index`. */
  #insert(index: number): void {
    const capacity = this.#rows!.end.length;
    if (this.#first + this.length === capacity) this.#makeRoom();
    const at = this.#first + index;
    moveRows(this.#rows!, at, this.#first + this.length, at + 1);
    this.length++;
  }

  /** Moves the records to the front of the arrays, or to larger ones. */
  #makeRoom(): void {
    const rows = this.#rows!;
    const end = this.#first + this.length;
    if (this.#first >= rows.end.length / 2) moveRows(rows, this.#first, end, 0);
    else this.#rows = growRows(rows, this.#first, end);
    this.#first = 0;
  }

  #open(seq: number): void {
    this.#rows = takeRows();
    this.#first = 0;
    this.#una = seq;
    this.#lostFrom = seq;
  }

  #close(): void {
    giveRows(this.#rows!);
    this.#rows = undefined;
    this.#reset();
  }
}

/** Of these two neighbours the same is known: SACKed ones need no time any more. */
function alike(rows: Rows, a: number, b: number): boolean {
  if (rows.marks[a] !== rows.marks[b]) return false;
  return (
    rows.marks[a] === Mark.sacked || (rows.sentAt[a] === rows.sentAt[b] && rows.delivered[a] === rows.delivered[b])
  );
}
