import { WIDE } from '../buffer/wide.ts';

/** Of the ACK at hand; one object for all connections: it is used from `begin` to the end of the same ACK only. */
const atHand = {
  rate: WIDE,
  interval: WIDE,
  priorDelivered: WIDE,
  appLimited: false,
  newestSentAt: WIDE,
  priorDeliveredAt: WIDE,
  priorFirstSentAt: WIDE,
};

/**
 * How fast the network delivers what is sent, one sample for each ACK: draft-cheng-iccrg-delivery-rate-estimation, in
 * Linux tcp_rate.c. All that was delivered since the newest acknowledged segment was sent is divided by the longer of
 * the time it took to send it and the time it took to be acknowledged: ACKs that come in a bunch don't look fast.
 *
 * The numbers a record of sent data must remember are its owner's: at each transmission, the first and later ones, it
 * calls `onSend` and copies `delivered`, `deliveredAt`, `firstSentAt` and `isAppLimited`. Times are microseconds.
 *
 * @example
 * rate.begin();
 * for (const record of newlyDelivered) {
 *   const { bytes, sentAt, delivered, deliveredAt, firstSentAt, appLimited } = record;
 *   rate.onDelivered(bytes, sentAt, delivered, deliveredAt, firstSentAt, appLimited);
 * }
 * rate.finish(now, minRtt);
 * rate.rate; // bytes a second, or -1
 */
export class DeliveryRate {
  /** All bytes delivered so far, `C.delivered`. */
  delivered: number = WIDE;
  /** When `delivered` last grew, or sending began anew, `C.delivered_time`. */
  deliveredAt: number = 0;
  /** When the newest segment that has been delivered was sent, or sending began anew, `C.first_sent_time`. */
  firstSentAt: number = 0;
  /** Samples are limited by the application until `delivered` exceeds this; −1: they are not. `C.app_limited`. */
  appLimitedUntil: number = WIDE - 1;

  /** The sample of the ACK at hand, in bytes a second; −1 when it gives none. */
  get rate(): number {
    return atHand.rate;
  }

  /** The time that the sample covers; −1 when the ACK at hand delivers nothing. */
  get interval(): number {
    return atHand.interval;
  }

  /** `delivered` as it was when the newest segment of the ACK at hand was sent; −1 when it delivers nothing. */
  get priorDelivered(): number {
    return atHand.priorDelivered;
  }

  /** The sample is a lower bound. */
  get appLimited(): boolean {
    return atHand.appLimited;
  }

  /** What is sent now belongs to a time in which the application gave less than the network could take. */
  get isAppLimited(): boolean {
    return this.appLimitedUntil >= 0;
  }

  /** Before a segment leaves: `nothingInFlight` when all that was sent before is acknowledged (draft §3.2). */
  onSend(now: number, nothingInFlight: boolean): void {
    if (!nothingInFlight) return;
    this.firstSentAt = now;
    this.deliveredAt = now;
  }

  /**
   * The sender has less than a segment to send, nothing of it waits below TCP, the congestion window has room and all
   * that was lost has been sent again (draft §3.4): a bubble follows the `pipe` bytes that are in the network.
   */
  onAppLimited(pipe: number): void {
    this.appLimitedUntil = this.delivered + pipe;
  }

  /** An ACK begins. */
  begin(): void {
    atHand.rate = -1;
    atHand.interval = -1;
    atHand.priorDelivered = -1;
    atHand.appLimited = false;
    atHand.newestSentAt = -1;
  }

  /**
   * `bytes` of a record are delivered, cumulatively or by SACK, for the first time. The rest is what the record noted
   * when it was last sent; of records sent at the same time the one with the highest sequence number comes last.
   */
  onDelivered(
    bytes: number,
    sentAt: number,
    delivered: number,
    deliveredAt: number,
    firstSentAt: number,
    appLimited: boolean,
  ): void {
    this.delivered += bytes;
    // Draft §3.3, UpdateRateSample: the segment sent last tells of the newest flight.
    if (sentAt < atHand.newestSentAt) return;
    atHand.newestSentAt = sentAt;
    atHand.priorDelivered = delivered;
    atHand.priorDeliveredAt = deliveredAt;
    atHand.priorFirstSentAt = firstSentAt;
    atHand.appLimited = appLimited;
  }

  /** All of the ACK has been told. @param minRtt the least round-trip time seen; 0 when there is none yet */
  finish(now: number, minRtt: number): void {
    // Draft §3.3, GenerateRateSample: the bubble is acknowledged and gone.
    if (this.delivered > this.appLimitedUntil) this.appLimitedUntil = -1;
    if (atHand.newestSentAt < 0) return;
    this.deliveredAt = now;
    this.firstSentAt = atHand.newestSentAt;
    const interval = Math.max(atHand.newestSentAt - atHand.priorFirstSentAt, now - atHand.priorDeliveredAt);
    atHand.interval = interval;
    // Draft §3.3: shorter than a round trip can be only when what was sent again had arrived before.
    if (interval <= 0 || interval < minRtt) return;
    atHand.rate = ((this.delivered - atHand.priorDelivered) * 1e6) / interval;
  }
}
