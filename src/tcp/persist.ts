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
  #interval: number = 0;

  /** The back-off has come to its end. */
  get slowest(): boolean {
    return this.#interval >= MAX_INTERVAL;
  }

  /** The window is closed and nothing outstanding. Does nothing when it runs already. */
  start(now: number, rto: number): void {
    if (this.deadline !== Infinity) return;
    // [SHLD-29] the first probe after one retransmission timeout.
    this.#interval = Math.min(rto, MAX_INTERVAL);
    this.deadline = now + this.#interval;
  }

  /** The window is open, or there is nothing to send. */
  stop(): void {
    this.#interval = 0;
    this.deadline = Infinity;
    this.unansweredProbes = 0;
  }

  /** A probe has been sent; `rto` is the timeout without back-off. */
  onProbe(now: number, rto: number): void {
    this.unansweredProbes++;
    // [SHLD-30] later probes back off exponentially.
    this.#interval = Math.min(Math.max(this.#interval, rto) * 2, MAX_INTERVAL);
    this.deadline = now + this.#interval;
  }

  /** An ACK has come and the window is still closed. The back-off goes on. */
  onAck(): void {
    this.unansweredProbes = 0;
  }
}
