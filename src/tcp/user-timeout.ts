/** R2 where nothing else is asked for, in microseconds. Linux: what net.ipv4.tcp_retries2 = 15 comes to. */
const DEFAULT = 924_600_000;
/**
 * L_LIMIT: no peer can bring a connection to give up sooner. RFC 5482 §3.1: at least 100 s, and larger than the RTO, which
 * is never above 120 s here.
 */
export const LEAST_ADAPTED: number = 150_000_000;

/** The option's bits (RFC 5482 §3.3): 15 of time, and whether they are minutes. */
const MOST_FIELD = 0x7fff;
const MINUTES = 0x8000;
const SECOND_US = 1_000_000;
const MINUTE_US = 60_000_000;

/** What a connection without the option gives up after; `requested` by its application, 0 for the default. */
export function giveUpAfter(requested: number): number {
  return requested > 0 ? requested : DEFAULT;
}

/**
 * When a connection gives up: RFC 9293's USER TIMEOUT, which is R2 for data, and what the ends tell each other of it
 * (RFC 5482). Times are microseconds; the option's value is the 16 bits that stand on the wire.
 */
export class UserTimeout {
  /** USER_TIMEOUT: sent data may stay unacknowledged for so long. */
  value: number = DEFAULT;
  /** REMOTE_UTO: what the peer last told; 0 for nothing. */
  remote: number = 0;
  /** The peer is to be told, by the next segment that has room. */
  due: boolean = false;
  /** ENABLED: the option is sent and listened to. */
  #enabled: boolean = false;
  /** What the application asked for; 0 for nothing. */
  #requested: number = 0;
  /** U_LIMIT */
  #most: number = DEFAULT;

  /**
   * @param requested by the application; 0 for the default, which the peer's option may change.
   * @param enabled use RFC 5482's option.
   * @param most no peer can hold a connection for longer.
   */
  configure(requested: number, enabled: boolean, most: number): void {
    this.#requested = requested;
    this.#enabled = enabled;
    this.#most = most;
    this.#adopt();
    // [S-098] RFC 5482 §3: in the first segment without SYN, and whenever another value is used.
    this.due = enabled;
  }

  /** The application has set a time itself. */
  get requested(): boolean {
    return this.#requested > 0;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** ADV_UTO as it stands on the wire; −1 when the option is not used. Rounded up. */
  get option(): number {
    if (!this.#enabled) return -1;
    const seconds = Math.ceil(this.#advertised / SECOND_US);
    if (seconds <= MOST_FIELD) return seconds;
    return MINUTES | Math.min(Math.ceil(this.#advertised / MINUTE_US), MOST_FIELD);
  }

  /** The peer's option has come. Returns whether the connection's own time is another now. */
  onOption(bits: number): boolean {
    const field = bits & MOST_FIELD;
    // [S-098] RFC 5482 §3.4: zero is reserved, and ignored.
    if (!this.#enabled || field === 0) return false;
    this.remote = field * (bits & MINUTES ? MINUTE_US : SECOND_US);
    const before = this.value;
    this.#adopt();
    if (this.value === before) return false;
    this.due = true;
    return true;
  }

  get #advertised(): number {
    return giveUpAfter(this.#requested);
  }

  #adopt(): void {
    // [S-098] RFC 5482 §3: CHANGEABLE is false once the application has set the time: then that is it [MUST-21].
    const changeable = this.#enabled && !this.requested && this.remote > 0;
    this.value = changeable
      ? Math.min(this.#most, Math.max(this.#advertised, this.remote, LEAST_ADAPTED))
      : this.#advertised;
  }
}
