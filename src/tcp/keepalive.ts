/** One probe without an answer must not end a connection, whatever is configured: [MUST-29] RFC 9293 §3.8.4. */
const LEAST_PROBES = 2;

/**
 * When to ask an idle peer whether it is still there: RFC 9293 §3.8.4. Off unless configured ([MUST-25]). Times are
 * microseconds. Hearing something only stores a number: the owner looks at `deadline` again when the old one has come.
 */
export class Keepalive {
  #enabled: boolean = false;
  #idle: number = 0;
  #interval: number = 0;
  #count: number = 0;
  #giveUp: number = Infinity;
  /** When the peer was last heard, or the connection made. */
  #lastHeard: number = 0;
  #lastProbe: number = 0;
  #probes: number = 0;

  /**
   * [MUST-24] [MUST-27] switches probing on or off and sets its times.
   *
   * @param idleUs from the last thing heard to the first probe.
   * @param intervalUs from probe to probe, and from the last probe to the end.
   * @param count unanswered probes before the peer counts as dead; at least 2.
   * @param giveUpUs unless Infinity, it counts as dead after so long, and `count` is not looked at. Linux:
   * TCP_USER_TIMEOUT in tcp_keepalive_timer.
   */
  configure(enabled: boolean, idleUs: number, intervalUs: number, count: number, giveUpUs: number = Infinity): void {
    this.#giveUp = giveUpUs;
    this.#enabled = enabled;
    this.#idle = idleUs;
    this.#interval = intervalUs;
    this.#count = Math.max(count, LEAST_PROBES);
    this.#probes = 0;
  }

  /** Anything has been received. */
  onActivity(now: number): void {
    this.#lastHeard = now;
    this.#probes = 0;
  }

  /** When `onDeadline` wants to be called; Infinity when switched off. */
  get deadline(): number {
    if (!this.#enabled) return Infinity;
    // [MUST-26] only when nothing was received for the interval.
    return this.#probes === 0 ? this.#lastHeard + this.#idle : this.#lastProbe + this.#interval;
  }

  /** Call when `now` has reached `deadline`: send a probe, or give the peer up. */
  onDeadline(now: number): 'probe' | 'dead' {
    if (this.#isDead(now)) return 'dead';
    this.#probes++;
    this.#lastProbe = now;
    return 'probe';
  }

  #isDead(now: number): boolean {
    if (this.#giveUp === Infinity) return this.#probes >= this.#count;
    return this.#probes >= LEAST_PROBES && now - this.#lastHeard >= this.#giveUp;
  }
}
