import type { ControlBlock } from './control-block.ts';
import { Notice } from './notice.ts';
import type { FastOpenCookies } from './fast-open.ts';
import { FastOpen } from './fast-open-state.ts';
import { startCongestion } from './handshake.ts';
import { acceptSynText } from './input-text.ts';
import type { Segment } from './segment.ts';

/** A request that was reset still counts for so long. Linux: TCP_FASTOPEN reset list, 60 s. */
const RESET_HOLD_US = 60_000_000;

/**
 * How many connections a listener may have handed over whose handshake is not over ([S-097] RFC 7413 §4.2,
 * PendingFastOpenRequests). §5.1: one that ends with a reset still counts for a minute, or a flood whose sender's victims
 * answer with RST would never meet the limit.
 */
export class FastOpenQueue {
  readonly limit: number;
  #pending: number = 0;
  /** When those that failed stop counting, in microseconds, oldest first; never more than `limit`. */
  readonly #failed: number[] = [];

  /** @param limit 0 turns Fast Open off. */
  constructor(limit: number) {
    this.limit = limit;
  }

  full(now: number): boolean {
    while (this.#failed.length > 0 && this.#failed[0]! <= now) this.#failed.shift();
    return this.#pending + this.#failed.length >= this.limit;
  }

  enter(): void {
    this.#pending++;
  }

  leave(failed: boolean, now: number): void {
    this.#pending--;
    if (failed) this.#failed.push(now + RESET_HOLD_US);
  }
}

/**
 * RFC 7413 §4.2.2, "Server: Receiving SYN", steps 1 to 5: judges the cookie of a SYN, and chooses that of the SYN-ACK.
 * Returns whether the connection may open at once.
 */
export function judgeSyn(tcb: ControlBlock, syn: Segment, cookies: FastOpenCookies): boolean {
  const { fastOpen: length, fastOpenCookie } = syn.options;
  const client = tcb.path.remote;
  const verdict = length === 0 ? 'asked' : cookies.check(client, fastOpenCookie.subarray(0, length), syn.now);
  const good = verdict === 'valid' || verdict === 'old';
  const answer = verdict === 'valid' ? undefined : cookies.cookieFor(client, syn.now).slice();
  tcb.fastOpen = new FastOpen(good ? 'accepted' : verdict === 'asked' ? 'requested' : 'rejected', answer);
  if (verdict === 'invalid') tcb.host.counters.add('tcp-fast-open-cookie-invalid');
  return good;
}

/** The owner gets the connection before its handshake is over, with the data of the SYN. */
export function openEarly(tcb: ControlBlock, syn: Segment): void {
  // RFC 7413 §4.2.2 step 6: what is sent before the handshake is over is bounded by the initial window.
  startCongestion(tcb, syn.now);
  tcb.notify(Notice.accept);
  acceptSynText(tcb, syn);
}
