import type { ResolvedConnectionOptions } from './options.ts';
import { WIDE } from '../buffer/wide.ts';

/** Where the buffer begins: room for a slow start. Linux: net.ipv4.tcp_rmem, the second value. */
const FIRST_RECEIVE_BUFFER = 131_072;
/** A path with a shorter round trip than this has no delay worth a buffer. Linux: net.ipv4.tcp_rcvbuf_low_rtt, 1000 µs. */
const LOW_RTT = 1000;
/** What is enough for such a path, a device's largest batch: more would leave the processor's caches without being any faster. */
const LOW_RTT_BUFFER = 1_048_576;
/** Growth takes at most this part of the memory that is left, so that one connection leaves room for others. */
const SHARE = 1 / 8;
/** Segments' worth of slack in each step. Linux: tcp_rcv_space_adjust. */
const SLACK = 16;

/** The size that the options begin with, in bytes. */
export function firstReceiveBuffer({ receiveBuffer, maxReceiveBuffer }: Readonly<ResolvedConnectionOptions>): number {
  return receiveBuffer === 'auto' ? Math.min(FIRST_RECEIVE_BUFFER, maxReceiveBuffer) : receiveBuffer;
}

/** The largest size that the options allow for: a size that the user has chosen stays. */
export function largestReceiveBuffer({ receiveBuffer, maxReceiveBuffer }: Readonly<ResolvedConnectionOptions>): number {
  return receiveBuffer === 'auto' ? maxReceiveBuffer : receiveBuffer;
}

/**
 * How far a buffer of `size` bytes may grow now.
 *
 * @param maximum of the connection's options.
 * @param minRtt the path's least round-trip time in microseconds; Infinity while unknown.
 * @param room bytes that the memory budget has left.
 */
export function growthLimit(size: number, maximum: number, minRtt: number, room: number): number {
  const limit = minRtt < LOW_RTT ? Math.min(maximum, LOW_RTT_BUFFER) : maximum;
  return Math.min(limit, size + Math.floor(room * SHARE));
}

/**
 * Sizes the receive buffer by what the application reads (dynamic right-sizing, as Linux does): the window must hold
 * what a sender in slow start will have sent by the time that the next window update reaches it. Times are microseconds.
 */
export class ReceiveAutotuning {
  /** Bytes; never becomes less, or what was advertised would be taken back. */
  size: number;
  /** The size does not change beyond this: equal to the first size where the user has chosen it. */
  readonly maximum: number;
  /** The round-trip time as the receiver sees it; −1 before the first sample. */
  rtt: number = -1;
  /** Bytes read in the best period so far. */
  #space: number = 0;
  #readBefore: number = WIDE;
  #period: number = 0;
  /** A window's worth of data that is being timed ends here; −1 before the first. */
  #windowEnd: number = WIDE - 1;
  #windowBegan: number = 0;

  constructor(size: number, maximum: number) {
    this.size = size;
    this.maximum = maximum;
  }

  /**
   * Data has arrived in order.
   *
   * @param received bytes so far, these included.
   * @param window bytes offered beyond them.
   * @param echoed the round-trip time by the timestamp that a full segment echoes; −1 for none.
   */
  onInOrder(received: number, window: number, echoed: number, now: number): void {
    if (this.size === this.maximum) return;
    // By timestamps: smoothed, as in Linux (tcp_rcv_rtt_update).
    if (echoed >= 0) this.rtt = this.rtt < 0 ? echoed : this.rtt + (echoed - this.rtt) / 8;
    if (received < this.#windowEnd) return;
    // Without: a sender takes at least one round trip for what was offered when the last window was through.
    if (echoed < 0 && this.#windowEnd >= 0) {
      const took = now - this.#windowBegan;
      this.rtt = this.rtt < 0 ? took : Math.min(this.rtt, took);
    }
    this.#windowEnd = received + window;
    this.#windowBegan = now;
  }

  /**
   * The application has read. Returns whether the buffer has grown.
   *
   * @param read bytes so far.
   * @param limit what `growthLimit` says.
   */
  onRead(read: number, mss: number, limit: number, now: number): boolean {
    if (this.size === this.maximum || this.rtt < 0 || now - this.#period < this.rtt) return false;
    const copied = read - this.#readBefore;
    this.#readBefore = read;
    this.#period = now;
    const space = this.#space > 0 ? this.#space : Math.min(this.size, 10 * mss);
    if (copied <= space) return false;
    // Twice what was read in a round trip, and the same again as far as the sender speeds up.
    const twice = 2 * copied + SLACK * mss;
    const wanted = twice + 2 * twice * Math.min((copied - space) / space, 1);
    this.#space = copied;
    const size = Math.floor(Math.min(wanted, limit));
    if (size <= this.size) return false;
    this.size = size;
    return true;
  }
}
