/** Linux: TCP_RTO_MAX. */
const MAX_INTERVAL = 120_000_000;

/**
 * When to probe a closed window: [MUST-36] RFC 9293 §3.8.6.1. Times are microseconds. A probe that is answered, even
 * with a window of zero, proves that the peer lives: the connection stays however long that lasts ([MUST-37]).
 */
export class Persist {
  /** When the next probe is due; Infinity when the window is open or there is nothing to send. */
  deadline: number = Infinity;
  /** Probes since the peer was last heard. */
  unansweredProbes: number = 0;
  /** When the first of them was sent. */
  unansweredSince: number = 0;
  #interval: number = 0;
  /** When the next probe is due by the back-off alone. */
  #due: number = Infinity;

  /** The back-off has come to its end. */
  get slowest(): boolean {
    return this.#interval >= MAX_INTERVAL;
  }

  /** The window is closed and nothing outstanding. Does nothing when it runs already. */
  start(now: number, rto: number): void {
    if (this.deadline !== Infinity) return;
    // [SHLD-29] the first probe after one retransmission timeout.
    this.#interval = Math.min(rto, MAX_INTERVAL);
    this.deadline = this.#due = now + this.#interval;
  }

  /** The window is open, or there is nothing to send. */
  stop(): void {
    this.#interval = 0;
    this.deadline = this.#due = Infinity;
    this.unansweredProbes = 0;
  }

  /**
   * A probe has been sent; `rto` is the timeout without back-off. R2 is `giveUpAfter` from the first probe that nobody
   * answers on, however long it was quiet before, and is not overshot by a long back-off (Linux: icsk_probes_tstamp,
   * tcp_clamp_probe0_to_user_timeout).
   */
  onProbe(now: number, rto: number, giveUpAfter: number): void {
    if (this.unansweredProbes++ === 0) this.unansweredSince = now;
    // [SHLD-30] later probes back off exponentially.
    this.#interval = Math.min(Math.max(this.#interval, rto) * 2, MAX_INTERVAL);
    this.#due = now + this.#interval;
    this.deadline = Math.min(this.#due, this.unansweredSince + giveUpAfter);
  }

  /** An ACK has come and the window is still closed. The back-off goes on. */
  onAck(): void {
    this.unansweredProbes = 0;
    this.deadline = this.#due;
  }
}
