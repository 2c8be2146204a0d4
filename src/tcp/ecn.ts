import { seqGt, seqLt } from '../buffer/seq.ts';
import { TcpFlag } from '../wire/tcp.ts';

/** Whether a connection uses ECN: see `ConnectionOptions.ecn`. */
export type EcnMode = 'off' | 'accept' | 'request';

export const ECN_MODES: readonly EcnMode[] = ['off', 'accept', 'request'];

/** ECT(0), the codepoint of whoever needs only one: RFC 3168 §6.1.2. */
const ECT0 = 2;
/** What a SYN that asks has set. [S-087] RFC 8311 §3: the bit that was NS, now AE, is left alone. */
const SETUP_SYN = TcpFlag.ECE | TcpFlag.CWR;

/**
 * Explicit congestion notification of one connection ([S-086] [SHLD-8] RFC 3168 §6.1):
 * what the SYNs agree on, what a receiver echoes, and when a sender answers.
 *
 * Routers mark a packet CE that they would else have dropped. The receiver says so with ECE in every ACK, until CWR tells
 * it that the sender has slowed down, which that does once for each window of data.
 */
export class Ecn {
  /** Agreed on by both SYNs: new data goes out with ECT. Set by `agree`. */
  active: boolean = false;
  /** Data has come with CE, and no CWR since: all that is sent says ECE. */
  echoing: boolean = false;
  /** The next new data is to say CWR. */
  cwrDue: boolean = false;
  /** New data waits until then: see `pause`. Microseconds, Infinity when it does not wait. */
  resumeAt: number = Infinity;
  /** An ACK has told of a mark since the last reduction for a loss: that can't be taken back any more (RFC 4015 §3.1). */
  marked: boolean = false;
  /** A mark is being answered: congestion control is owed the end of the window of data. */
  reducing: boolean = false;
  /** Segments, or super-segments, that came with CE, and ACKs with ECE. */
  marks: number = 0;
  echoes: number = 0;
  readonly #mode: EcnMode;
  #sentSetup: boolean = false;
  #sentPlain: boolean = false;
  #heardPlain: boolean = false;
  /** Why the window was last reduced; `none` again as soon as data behind `#recover` is acknowledged. */
  #reduced: 'none' | 'mark' | 'loss' = 'none';
  /** SND.NXT at the last reduction. */
  #recover: number = 0;

  constructor(mode: EcnMode) {
    this.#mode = mode;
  }

  /**
   * A SYN leaves: returns ECE and CWR as it must have them.
   *
   * @param answer it is a SYN-ACK.
   * @param again it is sent once more.
   */
  onSynSent(answer: boolean, again: boolean): number {
    // [S-086] RFC 3168 §6.1.1.1: whatever drops such SYNs lets the second one pass (Linux: net.ipv4.tcp_ecn_fallback).
    const setup = answer ? this.#accepts : this.#mode === 'request' && !again;
    if (setup) this.#sentSetup = true;
    else this.#sentPlain = true;
    if (!setup) return 0;
    return answer ? TcpFlag.ECE : SETUP_SYN;
  }

  /** RFC 3168 §6.1.1: a SYN-ACK agrees only to what a SYN has asked for; one that was sent without ECN is the last word. */
  get #accepts(): boolean {
    return this.#mode !== 'off' && !this.#heardPlain && !this.#sentPlain;
  }

  /** The peer's SYN has come, or its SYN-ACK, or either of them again. */
  onSyn(flags: number): void {
    const bits = flags & SETUP_SYN;
    // [S-086] RFC 3168 §6.1.1.2: a SYN-ACK with both bits comes from one who reflects what he does not know.
    if (bits !== (flags & TcpFlag.ACK ? TcpFlag.ECE : SETUP_SYN)) this.#heardPlain = true;
  }

  /** Our SYN was refused: whether that may be because of ECN, and another without it is worth a try (RFC 3168 §6.1.1.1). */
  get mayRetry(): boolean {
    return !this.#sentPlain;
  }

  /**
   * The handshake is over.
   *
   * @param reacts congestion control answers to marks: without that nothing is sent that may be marked.
   */
  agree(reacts: boolean): void {
    // RFC 3168 §6.1.1: at least one SYN with, none without, of either side. Each has sent one.
    this.active = reacts && !this.#sentPlain && !this.#heardPlain;
  }

  /** Neither end will ever say anything of it: after `agree`. */
  get unused(): boolean {
    return !this.active && (!this.#sentSetup || this.#heardPlain);
  }

  /** Acceptable data, or a window probe, has come with CE, or any acceptable segment with CWR. */
  onArrival(marked: boolean, flags: number): void {
    // RFC 3168 §6.1.3: "acknowledgments for subsequent non-CE data packets" say no more of it.
    if (flags & TcpFlag.CWR) this.echoing = false;
    // §6.1.1: whoever has sent ECN in a SYN, and heard none without it, must echo, whether or not it sends ECT itself.
    if (!marked || !this.#sentSetup || this.#heardPlain) return;
    this.marks++;
    this.echoing = true;
  }

  /** An ACK of a connection that uses ECN says ECE. */
  onEchoArrived(): void {
    this.echoes++;
    this.marked = true;
  }

  /** An ACK has moved SND.UNA to `una`. */
  onAck(una: number): void {
    // An ACK of `#recover` itself may have left before CWR, which stands right behind, got there.
    if (seqGt(una, this.#recover)) this.#reduced = 'none';
  }

  /** True once, when the window of data in which a mark was answered is acknowledged up to `una`. */
  ended(una: number): boolean {
    if (!this.reducing || seqLt(una, this.#recover)) return false;
    this.reducing = false;
    return true;
  }

  /**
   * An ACK says ECE: whether to reduce the window for it. [S-086] RFC 3168 §6.1.2: once for all marks and losses of a
   * window of data.
   */
  onEcho(nxt: number): boolean {
    if (!this.active || this.#reduced !== 'none') return false;
    this.#reduce('mark', nxt);
    this.reducing = true;
    return true;
  }

  /** A loss was found: whether to reduce the window for it. */
  onLoss(una: number, nxt: number): boolean {
    if (!this.active) return true;
    const answered = this.#reduced === 'mark' && seqLt(una, this.#recover);
    if (answered) return false;
    this.#reduce('loss', nxt);
    return true;
  }

  /** The retransmission timer has expired, for which the window is always reduced. */
  onTimeout(nxt: number): void {
    this.reducing = false;
    if (this.active) this.#reduce('loss', nxt);
  }

  /** The last loss was none: a mark of the same window counts again. */
  onSpurious(): void {
    if (this.#reduced === 'loss') this.#reduced = 'none';
  }

  /** ECT(0) for new data, 0 for anything else: RFC 3168 §6.1.4, §6.1.5, §6.1.6. */
  codepoint(fresh: boolean): number {
    return fresh && this.active ? ECT0 : 0;
  }

  /** ECE and CWR of a segment. `fresh`: with new data. */
  flags(fresh: boolean): number {
    return (this.echoing ? TcpFlag.ECE : 0) | (fresh && this.cwrDue ? TcpFlag.CWR : 0);
  }

  #reduce(why: 'mark' | 'loss', nxt: number): void {
    if (this.#reduced === 'none') this.marked = why === 'mark';
    this.#reduced = why;
    this.#recover = nxt;
    // RFC 3168 §6.1.2: CWR after a reduction "for any reason".
    this.cwrDue = true;
  }
}

/**
 * That of all connections whose handshake has agreed on nothing: their number is large, and nothing in it changes any
 * more, whatever is called.
 */
export const NO_ECN: Ecn = new Ecn('off');
