import { seqDiff, seqGe, seqLe } from '../buffer/seq.ts';
import { ALIGNED_TIMESTAMPS_LENGTH } from '../wire/tcp-options.ts';

/** Microseconds a tick of the timestamp clock: between 1 ms and 1 s (RFC 7323 §5.4). Linux: 1 ms. */
const TICK = 1000;
/** RFC 7323 §5.5: a timestamp kept for 24 days may be half a turn of the peer's clock away, and says nothing any more. */
const OUTDATED = 24 * 24 * 3600 * 1_000_000;

/**
 * The timestamps of one connection (RFC 7323 §3 to §5): what to send, what to echo, and which segments are too old to
 * be of this turn of the sequence numbers. Times are microseconds, timestamps unsigned 32-bit numbers.
 */
export class Timestamps {
  /** Snd.TS.OK: offered in our SYN, and after the peer's SYN: agreed upon. */
  ok: boolean;
  // As signed numbers: see `sequence-variables`.
  #value: number;
  #recent: number = 0;
  /** When `recent` was set. */
  #recentAt: number = 0;
  /** The peer's first timestamp, and when it came: how fast its clock ticks. */
  #first: number = 0;
  #firstAt: number = 0;
  readonly #offset: number;

  /**
   * @param offered whether our SYN offers the option.
   * @param offset what nobody else can know ([S-064] RFC 7323 §5.4, §7.1): TSval tells neither how long the host is up
   * nor which connections are of the same host. The same for each incarnation of a connection, so that its timestamps
   * go on where those before have ended.
   */
  constructor(offered: boolean, offset: number) {
    this.ok = offered;
    this.#value = this.#offset = offset | 0;
  }

  /** TSval of whatever is sent now: milliseconds, from an offset of this connection's own on. */
  get value(): number {
    return this.#value >>> 0;
  }

  /** TS.Recent: TSecr of whatever is sent now. */
  get recent(): number {
    return this.#recent >>> 0;
  }

  /** Bytes that the option takes in each segment: 12 once agreed upon. */
  get length(): number {
    return this.ok ? ALIGNED_TIMESTAMPS_LENGTH : 0;
  }

  /** It is `now`: what is sent from here on says so. */
  tick(now: number): void {
    this.#value = (Math.floor(now / TICK) + this.#offset) | 0;
  }

  /**
   * The beginning of the millisecond in which `tsEcho` was written, as microseconds of the clock whose time is `now`;
   * −1 for one that this connection can't have written.
   */
  writtenAt(tsEcho: number, now: number): number {
    const ticks = seqDiff(this.value, tsEcho);
    const at = (Math.floor(now / TICK) - ticks) * TICK;
    return this.ok && ticks >= 0 ? at : -1;
  }

  /** The peer's SYN says whether the option is used (RFC 7323 §3.2), and what to echo first. */
  agree(offered: boolean, tsValue: number, now: number): void {
    this.ok = this.ok && offered;
    this.#recent = this.#first = this.ok ? tsValue | 0 : 0;
    this.#recentAt = this.#firstAt = now;
  }

  /**
   * PAWS, the test of RFC 7323 §5.3 R1: false when the segment is older than what was heard last. A timestamp that was
   * kept for too long rejects nothing ([S-066] §5.5).
   *
   * By less than a round trip it may be older: in that time no more than a window was sent, so it is of this turn of the
   * sequence numbers. R1 to the letter drops whatever the network holds back while a retransmission overtakes it, which
   * is then sent again and overtakes others: where packets are reordered such losses never end.
   *
   * @param late by less than how many microseconds it may be older: the least round-trip time. Infinity while that is
   * unknown: then by nothing.
   */
  acceptable(tsValue: number, now: number, late: number = Infinity): boolean {
    if (seqGe(tsValue, this.recent) || now - this.#recentAt > OUTDATED) return true;
    const older = seqDiff(this.recent, tsValue);
    return older > 0 && older < this.#ticksIn(late);
  }

  /** How far the peer's clock, which may have any pace, goes in so many microseconds; 0 as long as that can't be told. */
  #ticksIn(us: number): number {
    const elapsed = this.#recentAt - this.#firstAt;
    if (us === Infinity || elapsed <= us) return 0;
    return (us * Math.max(0, seqDiff(this.recent, this.#first))) / elapsed;
  }

  /**
   * RFC 7323 §5.3 R3: an acceptable segment that begins at `seq`. Last.ACK.sent decides whether it is echoed: with
   * delayed ACKs the earliest segment not yet acknowledged ([S-064] §4.3), never one behind a gap.
   */
  onSegment(tsValue: number, seq: number, lastAckSent: number, now: number): void {
    if (!seqLe(seq, lastAckSent)) return;
    // Also a segment that is accepted although it is older doesn't turn it back.
    if (!this.acceptable(tsValue, now)) return;
    this.#recent = tsValue | 0;
    this.#recentAt = now;
  }
}
