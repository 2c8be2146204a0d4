import type { AckReport } from './ack-report.ts';
import type { CongestionSample } from './congestion/controller.ts';
import type { ControlBlock } from './control-block.ts';
import { WIDE } from '../buffer/wide.ts';

/** An ACK as loss recovery and congestion control see it. */
export interface AckEvent {
  /** Microseconds. */
  now: number;
  /** Bytes of payload that it acknowledges for the first time. */
  acked: number;
  /** SND.NXT − SND.UNA before it. */
  flight: number;
  /** SND.UNA has moved. */
  advanced: boolean;
  /** Round-trip time in microseconds; −1 for none. */
  rtt: number;
  /** RFC 5681 §2: a duplicate ACK. */
  duplicate: boolean;
  /** It says ECE (RFC 3168 §6.1.2): the window does not grow for it. */
  echo: boolean;
  /** The same number and window again, without SACK blocks, whether something is outstanding or not. */
  bare: boolean;
  /** What it delivers. */
  readonly report: AckReport;
}

/** One sample object for all connections: it is read during the call only. */
const sample: CongestionSample = {
  now: WIDE,
  acked: 0,
  delivered: 0,
  lost: 0,
  flight: 0,
  pipe: 0,
  mss: 0,
  rtt: WIDE,
  srtt: WIDE,
  limited: false,
  totalDelivered: WIDE,
  priorDelivered: WIDE,
  resent: 0,
  deliveryRate: WIDE,
  appLimited: false,
  recovering: false,
};

/** Fills in the shared sample for the congestion controller. `lost`: octets newly deemed lost. */
export function ackSample(tcb: ControlBlock, ack: AckEvent, lost: number): CongestionSample {
  const { snd, congestion, recovery, rate } = tcb;
  sample.now = ack.now;
  sample.acked = ack.acked;
  sample.delivered = ack.report.delivered;
  sample.lost = lost;
  sample.flight = ack.flight;
  sample.pipe = recovery.pipe(snd.una, snd.nxt);
  sample.mss = snd.mss;
  sample.rtt = ack.rtt;
  sample.srtt = tcb.rto.srtt;
  sample.limited = congestion !== undefined && ack.flight + snd.mss > congestion.cwnd;
  sample.totalDelivered = rate.delivered;
  sample.priorDelivered = rate.priorDelivered;
  sample.resent = tcb.scoreboard.repeated;
  sample.deliveryRate = rate.rate;
  sample.appLimited = rate.appLimited;
  sample.recovering = recovery.phase !== 'open';
  return sample;
}

/** The same where a timer, not an ACK, has something to tell. */
export function timerSample(tcb: ControlBlock, now: number, lost: number, flight: number): CongestionSample {
  const { snd, recovery } = tcb;
  sample.now = now;
  sample.acked = sample.delivered = 0;
  sample.lost = lost;
  sample.flight = flight;
  sample.pipe = recovery.pipe(snd.una, snd.nxt);
  sample.mss = snd.mss;
  sample.rtt = sample.priorDelivered = sample.deliveryRate = -1;
  sample.srtt = tcb.rto.srtt;
  sample.limited = true;
  sample.totalDelivered = tcb.rate.delivered;
  sample.resent = tcb.scoreboard.repeated;
  sample.appLimited = false;
  // What it has to tell of is a loss.
  sample.recovering = true;
  return sample;
}
