/** The longest time for which a cork holds anything back. Linux: tcp(7), TCP_CORK. */
const CEILING = 200_000;

/**
 * A cork in the stream (Linux: TCP_CORK): while it is in only full segments leave, so that what is written piece by
 * piece is sent as one; bytes that do not fill a segment wait for more, but for 200 ms at the most. Times are
 * microseconds.
 */
export class Cork {
  /** When what is held back must go; Infinity when nothing is. */
  deadline: number = Infinity;
  /** The ceiling was reached: what is written may go. */
  #expired: boolean = false;

  /** After sending: the cork is in or not, and so many bytes are still unsent. */
  update(corked: boolean, unsent: number, now: number): void {
    if (!corked || unsent === 0) {
      this.deadline = Infinity;
      this.#expired = false;
    } else if (this.deadline === Infinity && !this.#expired) {
      this.deadline = now + CEILING;
    }
  }

  /** The deadline has come. */
  expire(): void {
    this.deadline = Infinity;
    this.#expired = true;
  }

  /** A segment that is not full must wait, if the cork is in. */
  get holds(): boolean {
    return !this.#expired;
  }
}
