import { seqDiff, seqGe, seqLe, seqLt, seqMax, seqMin } from '../buffer/seq.ts';
import type { Rows } from './scoreboard-rows.ts';
import { NO_ROWS, copyRow, giveRows, growRows, moveRows, sizeOfRows, takeRows } from './scoreboard-rows.ts';

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
 * board holds no rows, with all that is known only while something is outstanding: most connections are idle.
 */
export class Scoreboard {
  /** Octets ever deemed lost: each time counts. */
  losses: number = 0;
  /** Octets ever sent more than once: each octet counts once. */
  repeated: number = 0;
  #rows: Rows = NO_ROWS;

  /** Number of records. */
  get length(): number {
    return this.#rows.length;
  }

  /** Octets that the peer has reported by SACK. */
  get sacked(): number {
    return this.#rows.sacked;
  }

  /** The same in segments. */
  get sackedSegments(): number {
    return this.#rows.sackedSegments;
  }

  /** Octets deemed lost, whether sent again or not. */
  get lost(): number {
    return this.#rows.lost;
  }

  /** Octets sent again and deemed on their way. */
  get retransmitted(): number {
    return this.#rows.retransmitted;
  }

  /** After `findLost`: the first range that is lost and was not sent again. */
  get lostStart(): number {
    return this.#rows.lostStart;
  }

  get lostEnd(): number {
    return this.#rows.lostEnd;
  }

  /** What the board occupies, in bytes: SACK blocks that cut records make it grow. */
  get allocated(): number {
    return this.#rows === NO_ROWS ? 0 : sizeOfRows(this.#rows);
  }

  /** When the oldest record was last sent; −1 when nothing is outstanding. */
  get oldestSentAt(): number {
    return this.#rows === NO_ROWS ? -1 : this.#rows.sentAt[this.#rows.first]!;
  }

  /** The peer has reported the very octet that it still waits for: it has thrown away what it reported (RFC 2018 §8). */
  get reneged(): boolean {
    return this.#rows !== NO_ROWS && (this.#rows.marks[this.#rows.first]! & Mark.sacked) !== 0;
  }

  /** Octets outstanding of which the network is thought to hold a copy: RFC 6675 §4's pipe. `nxt` is SND.NXT. */
  pipe(una: number, nxt: number): number {
    return seqDiff(nxt, una) - this.#rows.sacked - this.#rows.lost + this.#rows.retransmitted;
  }

  /**
   * Nothing that is outstanding is known to have arrived, to be lost or to have been sent twice, and none of it was sent before
   * the record that ended at `end` and was sent at `sentAt`: `markOlder` would find nothing.
   */
  isInOrder(sentAt: number, end: number): boolean {
    const rows = this.#rows;
    if (rows === NO_ROWS) return true;
    const { first } = rows;
    if (rows.sacked !== 0 || rows.lost !== 0 || rows.retransmitted !== 0) return false;
    if ((rows.marks[first]! & Mark.repeated) !== 0) return false;
    return rows.sentAt[first]! > sentAt || (rows.sentAt[first] === sentAt && seqGe(rows.end[first]!, end));
  }

  /** Something is deemed lost and was not sent again. */
  get hasLost(): boolean {
    return this.#rows.waiting > 0;
  }

  /** Where the last record begins that is not known to have arrived: the tail that a probe repeats; undefined for none. */
  get tailStart(): number | undefined {
    for (let i = this.#rows.length - 1; i >= 0; i--) if (!(this.#marks(i) & Mark.sacked)) return this.#begin(i);
    return undefined;
  }

  /** `[seq, end)` has been sent for the first time, in segments of `mss`; it follows the range sent last. */
  push(seq: number, end: number, mss: number, now: number, stamp: SendStamp): void {
    if (this.#rows === NO_ROWS) this.#open(seq);
    this.#rows.mss = mss;
    const rows = this.#rows;
    const last = this.#rows.first + this.#rows.length - 1;
    const segments = Math.max(1, Math.ceil(seqDiff(end, seq) / mss));
    const marks = stamp.isAppLimited ? Mark.appLimited : 0;
    const full = this.#rows.length >= MAX_RECORDS;
    // The time of the newest byte: a sample from the whole record is then right.
    const settled = Mark.sacked | Mark.lost | Mark.retransmitted;
    if (
      this.#rows.length > 0 &&
      ((full && !(rows.marks[last]! & settled)) ||
        (rows.marks[last] === marks && rows.sentAt[last] === now && rows.delivered[last] === stamp.delivered))
    ) {
      rows.end[last] = end;
      rows.sentAt[last] = now;
      rows.segments[last] = Math.min(rows.segments[last]! + segments, 0xffff);
      return;
    }
    this.#insert(this.#rows.length);
    const row = this.#rows.first + this.#rows.length - 1;
    this.#rows.end[row] = end;
    this.#rows.marks[row] = marks;
    this.#rows.segments[row] = Math.min(segments, 0xffff);
    this.#stamp(row, now, stamp);
  }

  /** `[seq, end)`, or what is outstanding of it, has been sent again. */
  markRetransmitted(seq: number, end: number, now: number, stamp: SendStamp): void {
    const from = this.#cut(seq, false);
    const to = this.#cut(end, true);
    for (let i = from; i < to; i++) {
      const row = this.#rows.first + i;
      const marks = this.#marks(i);
      if (marks & Mark.sacked) continue;
      const bytes = this.#bytes(i);
      if (!(marks & Mark.repeated)) this.repeated += bytes;
      if (!(marks & Mark.retransmitted)) {
        this.#rows.retransmitted += bytes;
        if (marks & Mark.lost) this.#rows.waiting -= bytes;
      }
      this.#rows.marks[row] =
        (marks & Mark.lost) | Mark.retransmitted | Mark.repeated | (stamp.isAppLimited ? Mark.appLimited : 0);
      this.#stamp(row, now, stamp);
    }
    this.#join(from, to);
  }

  /** Everything below `una` is acknowledged. Each record is told to `sink` unless it was when it was SACKed. */
  acknowledge(una: number, sink: DeliverySink): void {
    if (this.#rows === NO_ROWS || seqLe(una, this.#rows.una)) return;
    while (this.#rows.length > 0 && seqLt(this.#rows.una, una)) {
      const end = seqMin(this.#rows.end[this.#rows.first]!, una);
      const whole = this.#bytes(0);
      this.#deliver(0, this.#rows.una, end, sink);
      this.#rows.una = end;
      if (end !== this.#rows.end[this.#rows.first]!) {
        this.#countSegments(
          this.#rows.first,
          this.#share(this.#rows.segments[this.#rows.first]!, this.#bytes(0), whole),
        );
        break;
      }
      this.#rows.first++;
      this.#rows.length--;
    }
    this.#rows.una = una;
    this.#rows.lostFrom = seqMax(this.#rows.lostFrom, una);
    if (this.#rows.length === 0) this.#close();
  }

  /** `[left, right)` is reported as received by SACK; what lies outside of what is outstanding is left alone. */
  sack(left: number, right: number, sink: DeliverySink): void {
    // Mostly a block repeats what is known.
    const known = this.#find(left);
    if (known < this.#rows.length && this.#marks(known) & Mark.sacked) {
      if (seqLe(right, this.#end(known)) || this.#growSacked(known, right, sink)) return;
    }
    const from = this.#cut(left, true);
    const to = this.#cut(right, false);
    for (let i = from; i < to; i++) {
      // Of what was SACKed before, this takes out what is put back right below.
      this.#deliver(i, this.#begin(i), this.#end(i), sink);
      const row = this.#rows.first + i;
      this.#rows.sacked += this.#bytes(i);
      this.#rows.sackedSegments += this.#rows.segments[row]!;
      this.#rows.marks[row] = Mark.sacked;
    }
    this.#join(from, to);
  }

  /**
   * Mostly else a block reaches a little further into what was sent at once: the edge between the two records moves, which
   * costs less than a record that is made and joined. False for any other block.
   */
  #growSacked(index: number, right: number, sink: DeliverySink): boolean {
    const rows = this.#rows;
    const next = index + 1;
    if (next >= rows.length || (this.#marks(next) & Mark.sacked) !== 0 || !seqLt(right, this.#end(next))) return false;
    if (rows.length >= this.#recordsAllowed) return false;
    const begin = this.#begin(next);
    const row = rows.first + next;
    const bytes = seqDiff(right, begin);
    const segments = Math.max(1, Math.round((rows.segments[row]! * bytes) / this.#bytes(next)));
    if (rows.segments[row - 1]! + segments > 0xffff) return false;
    this.#deliver(next, begin, right, sink);
    rows.end[row - 1] = right;
    rows.segments[row - 1]! += segments;
    rows.segments[row] = Math.max(1, rows.segments[row]! - segments);
    rows.sacked += bytes;
    rows.sackedSegments += segments;
    return true;
  }

  /**
   * RFC 8985 §6.2 step 5: what was sent before the record that ends at `end` and was sent at `sentAt`, more than `age`
   * ago, is lost. Returns for how long the youngest of the rest is still waited for; 0 when nothing is.
   */
  markOlder(sentAt: number, end: number, age: number, now: number): number {
    let wait = 0;
    for (let i = 0; i < this.#rows.length; i++) {
      const marks = this.#marks(i);
      if (marks & Mark.sacked || (marks & (Mark.lost | Mark.retransmitted)) === Mark.lost) continue;
      const sent = this.#rows.sentAt[this.#rows.first + i]!;
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
    if (this.#rows.length > 0) this.#lose(0);
  }

  /** Forgets what SACK has reported: the peer may have thrown it away (RFC 2018 §8). */
  forgetSacked(): void {
    for (let i = 0; i < this.#rows.length; i++) {
      // It was delivered once: when it is again, that gives no round-trip time.
      if (this.#marks(i) & Mark.sacked) this.#rows.marks[this.#rows.first + i] = Mark.repeated;
    }
    this.#rows.sacked = 0;
    this.#rows.sackedSegments = 0;
  }

  /** What counted as lost no longer does: the recovery was spurious. */
  forgetLost(): void {
    for (let i = 0; i < this.#rows.length; i++) this.#rows.marks[this.#rows.first + i]! &= ~Mark.lost;
    this.#rows.lost = 0;
    this.#rows.waiting = 0;
  }

  /** Finds the first range that is lost and was not sent again: true with `lostStart` and `lostEnd` set. */
  findLost(): boolean {
    if (this.#rows.waiting === 0) return false;
    const mask = Mark.sacked | Mark.lost | Mark.retransmitted;
    let i = this.#find(this.#rows.lostFrom);
    while (i < this.#rows.length && (this.#marks(i) & mask) !== Mark.lost) i++;
    if (i === this.#rows.length) return false;
    this.#rows.lostStart = this.#rows.lostFrom = this.#begin(i);
    while (i + 1 < this.#rows.length && (this.#marks(i + 1) & mask) === Mark.lost) i++;
    this.#rows.lostEnd = this.#end(i);
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    if (this.#rows !== NO_ROWS) this.#close();
  }

  #marks(index: number): number {
    return this.#rows.marks[this.#rows.first + index]!;
  }

  #begin(index: number): number {
    return index === 0 ? this.#rows.una : this.#rows.end[this.#rows.first + index - 1]!;
  }

  #end(index: number): number {
    return this.#rows.end[this.#rows.first + index]!;
  }

  #bytes(index: number): number {
    return seqDiff(this.#end(index), this.#begin(index));
  }

  #stamp(row: number, now: number, stamp: SendStamp): void {
    const rows = this.#rows;
    rows.sentAt[row] = now;
    rows.delivered[row] = stamp.delivered;
    rows.deliveredAt[row] = stamp.deliveredAt;
    rows.firstSentAt[row] = stamp.firstSentAt;
  }

  /** `[begin, end)` of record `index` has arrived: takes it out of the counts. */
  #deliver(index: number, begin: number, end: number, sink: DeliverySink): void {
    const rows = this.#rows;
    const row = this.#rows.first + index;
    const marks = rows.marks[row]!;
    const bytes = seqDiff(end, begin);
    if (marks & Mark.sacked) {
      this.#rows.sacked -= bytes;
      // Of a record that is acknowledged in part `acknowledge` counts the segments off.
      if (end === rows.end[row]) this.#rows.sackedSegments -= rows.segments[row]!;
      return;
    }
    if (marks & Mark.lost) {
      this.#rows.lost -= bytes;
      if (!(marks & Mark.retransmitted)) this.#rows.waiting -= bytes;
    }
    if (marks & Mark.retransmitted) this.#rows.retransmitted -= bytes;
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
    const row = this.#rows.first + index;
    const marks = this.#marks(index);
    const bytes = this.#bytes(index);
    if ((marks & (Mark.lost | Mark.retransmitted)) === Mark.lost) return;
    this.losses += bytes;
    if (!(marks & Mark.lost)) this.#rows.lost += bytes;
    if (marks & Mark.retransmitted) this.#rows.retransmitted -= bytes;
    this.#rows.marks[row] = (marks | Mark.lost) & ~Mark.retransmitted;
    const begin = this.#begin(index);
    this.#rows.lostFrom = this.#rows.waiting === 0 ? begin : seqMin(this.#rows.lostFrom, begin);
    this.#rows.waiting += bytes;
  }

  /** The index of the first record that ends behind `seq`. */
  #find(seq: number): number {
    let low = 0;
    let high = this.#rows.length;
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
    if (seqLe(seq, this.#rows.una)) return 0;
    const index = this.#find(seq);
    if (index === this.#rows.length || this.#begin(index) === seq) return index;
    if (this.#rows.length >= this.#recordsAllowed) return up ? index + 1 : index;
    const whole = this.#bytes(index);
    const front = seqDiff(seq, this.#begin(index));
    this.#insert(index);
    const rows = this.#rows;
    const row = this.#rows.first + index;
    // The front part stands before the record, which thereby begins at `seq`.
    copyRow(rows, row + 1, row);
    rows.end[row] = seq;
    const segments = rows.segments[row + 1]!;
    rows.segments[row] = Math.max(1, Math.round((segments * front) / whole));
    rows.segments[row + 1] = Math.max(1, segments - rows.segments[row]);
    if (rows.marks[row]! & Mark.sacked)
      this.#rows.sackedSegments += rows.segments[row] + rows.segments[row + 1]! - segments;
    return index + 1;
  }

  get #recordsAllowed(): number {
    const outstanding = seqDiff(this.#end(this.#rows.length - 1), this.#rows.una);
    return Math.min(MAX_RECORDS, FREE_RECORDS + (2 * outstanding) / this.#rows.mss);
  }

  /** How many of the segments of a record of `whole` octets a part of it is: full ones, but perhaps the last. */
  #share(segments: number, part: number, whole: number): number {
    const full = whole > (segments - 1) * this.#rows.mss;
    return Math.max(1, full ? Math.ceil(part / this.#rows.mss) : Math.round((segments * part) / whole));
  }

  #countSegments(row: number, segments: number): void {
    const rows = this.#rows;
    if (rows.marks[row]! & Mark.sacked) this.#rows.sackedSegments += segments - rows.segments[row]!;
    rows.segments[row] = segments;
  }

  /** Makes one of neighbours of which the same is known, from the one before `from` to the one at `to`. */
  #join(from: number, to: number): void {
    let kept = Math.max(from - 1, 0);
    const last = Math.min(to, this.#rows.length - 1);
    const rows = this.#rows;
    for (let i = kept + 1; i <= last; i++) {
      const a = this.#rows.first + kept;
      const b = this.#rows.first + i;
      if (alike(rows, a, b) && rows.segments[a]! + rows.segments[b]! <= 0xffff) {
        rows.end[a] = rows.end[b]!;
        rows.segments[a]! += rows.segments[b]!;
      } else if (++kept !== i) {
        copyRow(rows, b, this.#rows.first + kept);
      }
    }
    const removed = last - kept;
    if (removed <= 0) return;
    const { first, length } = rows;
    // The shorter side moves: holes are mostly near the front, behind them is a window of data.
    if (kept + 1 < length - (last + 1)) {
      moveRows(rows, first, first + kept + 1, first + removed);
      rows.first += removed;
    } else {
      moveRows(rows, first + last + 1, first + length, first + kept + 1);
    }
    rows.length -= removed;
  }

  /** Makes room for a record at `index`. */
  #insert(index: number): void {
    const rows = this.#rows;
    if (rows.first > 0 && index < rows.length - index) {
      moveRows(rows, rows.first, rows.first + index, rows.first - 1);
      rows.first--;
      rows.length++;
      return;
    }
    const capacity = this.#rows.end.length;
    if (this.#rows.first + this.#rows.length === capacity) this.#makeRoom();
    const at = this.#rows.first + index;
    moveRows(this.#rows, at, this.#rows.first + this.#rows.length, at + 1);
    this.#rows.length++;
  }

  /** Moves the records to the front of the arrays, or to larger ones. */
  #makeRoom(): void {
    const rows = this.#rows;
    const end = this.#rows.first + this.#rows.length;
    if (this.#rows.first >= rows.end.length / 2) moveRows(rows, this.#rows.first, end, 0);
    else growRows(rows, this.#rows.first, end);
    this.#rows.first = 0;
  }

  #open(seq: number): void {
    this.#rows = takeRows();
    this.#rows.una = seq;
    this.#rows.lostFrom = seq;
  }

  #close(): void {
    giveRows(this.#rows);
    this.#rows = NO_ROWS;
  }
}

/** Of these two neighbours the same is known: SACKed ones need no time any more. */
function alike(rows: Rows, a: number, b: number): boolean {
  if (rows.marks[a] !== rows.marks[b]) return false;
  return (
    rows.marks[a] === Mark.sacked || (rows.sentAt[a] === rows.sentAt[b] && rows.delivered[a] === rows.delivered[b])
  );
}
