import { seqDiff } from '../buffer/seq.ts';
import type { AckEvent } from './ack-event.ts';
import { ackSample, timerSample } from './ack-event.ts';
import type { CongestionSample } from './congestion/controller.ts';
import type { ControlBlock } from './control-block.ts';
import type { LossCause, RecoveryEvent } from './observer.ts';
import { recoverFlightSize } from './prr.ts';
import type { SackRecovery } from './sack-recovery.ts';
import { sizeProbeFailed } from './segment-size.ts';

/** Told to observers, who get a copy. */
const RECOVERED: RecoveryEvent = { type: 'recovered' };

/** Loss recovery with SACK: what an ACK, its blocks taken in, changes (RFC 6675 §5, 8985 §6.2, 9937). */
export function recoverBySack(tcb: ControlBlock, sack: SackRecovery, ack: AckEvent): void {
  const { snd, rack, scoreboard, congestion } = tcb;
  const { report } = ack;
  if (congestion === undefined) return;
  if (ack.duplicate) tcb.duplicateAcksReceived++;
  rack.onAck(snd.una, snd.nxt, report.dsacked > 0);
  const { tailProbe } = sack;
  const probe = tailProbe?.onAck(snd.una, report.dsacked > 0 && report.dsackEnd === tailProbe.end, ack.bare);
  const ended = endReduction(tcb, sack);
  const lost = sack.detectLoss(ack.now, tcb.minRtt.value, tcb.rto.srtt);
  const spared = scoreboard.hasLost && sizeProbeFailed(tcb, ack.now);
  const sample = ackSample(tcb, ack, spared ? 0 : lost);
  if (ended) {
    const { pipe } = sample;
    sample.pipe = Math.max(pipe, tcb.pipeSent);
    congestion.onRecovered(sample);
    sample.pipe = pipe;
  } else if (sack.phase !== 'recovery' && !tcb.ecn.reducing) {
    if (ack.acked > 0 && !ack.echo) congestion.onAck(sample);
    else if (report.delivered > 0 && !ack.advanced) congestion.onSelectiveAck?.(sample);
  }
  if (spared) tcb.mustRetransmit = true;
  else if (sack.phase === 'open') {
    if (scoreboard.hasLost) enterRecovery(tcb, sack, sample, 'sack');
    else if (probe === 'repaired') repairedByProbe(tcb, sample);
  }
  sack.prr?.onAck(sample);
  if (ack.advanced || report.delivered > 0 || lost > 0) congestion.onDelivery?.(sample);
}

/** Is what was outstanding when congestion control was last told of a loss, a time-out or a mark acknowledged now? */
function endReduction(tcb: ControlBlock, sack: SackRecovery): boolean {
  const { una } = tcb.snd;
  const repaired = sack.ended(una);
  const ended = (repaired && sack.congested) || tcb.ecn.ended(una);
  if (repaired) sack.end(una);
  else if (ended) sack.prr = undefined;
  if (ended) reportEnd(tcb);
  return ended;
}

/** The reordering timer has expired: what is overdue counts as lost (RFC 8985 §6.3). */
export function reorderingTimeout(tcb: ControlBlock, sack: SackRecovery, now: number): void {
  const { snd, congestion } = tcb;
  const lost = sack.detectLoss(now, tcb.minRtt.value, tcb.rto.srtt);
  if (lost === 0 || congestion === undefined) return;
  if (sizeProbeFailed(tcb, now)) {
    tcb.mustRetransmit = true;
    return;
  }
  const sample = timerSample(tcb, now, lost, seqDiff(snd.nxt, snd.una));
  if (sack.phase === 'open') enterRecovery(tcb, sack, sample, 'reordering-timer');
  else if (sack.phase === 'recovery') sack.prr?.onLossTimer(sample.pipe, snd.mss);
  congestion.onDelivery?.(sample);
}

/** Congestion control has answered a loss: whoever observes is told. */
export function reportLoss(tcb: ControlBlock, cause: LossCause, lost: number): void {
  const { host, congestion } = tcb;
  if (!host.observed()) return;
  const { cwnd = 0, ssthresh = 0 } = congestion ?? {};
  host.observe(tcb, { type: 'loss', cause, lost, cwnd, ssthresh });
}

/** What `reportLoss` told of is over. */
export function reportEnd(tcb: ControlBlock): void {
  if (tcb.host.observed()) tcb.host.observe(tcb, RECOVERED);
}

/** RFC 6675 §5 step 4: fast recovery begins. */
function enterRecovery(tcb: ControlBlock, sack: SackRecovery, sample: CongestionSample, cause: LossCause): void {
  const { snd, ecn, congestion } = tcb;
  if (congestion === undefined) return;
  const before = sample.flight;
  // What SACK has let go beyond the window counts no more than RFC 5681's limited transmit does.
  sample.flight = Math.min(Math.max(sample.flight, tcb.flightSent), congestion.cwnd);
  sample.recovering = true;
  // RFC 3168 §6.1.2: one answer in a window of data, be it to marks or to losses.
  if (ecn.onLoss(snd.una, snd.nxt)) {
    congestion.onCongestion('loss', sample);
    tcb.watchSpurious().start(snd.una, snd.nxt);
  }
  reportLoss(tcb, cause, sample.lost);
  // The reduction for a mark goes on as one for this loss (Linux: tcp_enter_recovery).
  if (!ecn.reducing) reduce(tcb, sack, congestion.ssthresh, before, sample.delivered);
  ecn.reducing = false;
  sack.enter(snd.nxt);
  tcb.mustRetransmit = true;
}

/** RFC 9937 §6.1: PRR brings the flight, which was `flight` before the ACK that `delivered` so much, down to `target`. */
export function reduce(tcb: ControlBlock, sack: SackRecovery, target: number, flight: number, delivered: number): void {
  const { snd, scoreboard } = tcb;
  const recoverFlight = recoverFlightSize(seqDiff(snd.nxt, snd.una), scoreboard.sacked, delivered);
  // What ACKs before this one, in the same batch, have acknowledged has not been made up for yet.
  sack.reduce(recoverFlight, target, snd.mss, Math.max(0, tcb.flightSent - flight));
}

/** RFC 8985 §7.4: the probe has taken the place of what was lost, which congestion control has to answer for. */
function repairedByProbe(tcb: ControlBlock, sample: CongestionSample): void {
  const { snd, ecn, congestion } = tcb;
  const told = ecn.onLoss(snd.una, snd.nxt);
  if (told) congestion?.onCongestion('loss', sample);
  reportLoss(tcb, 'tail-loss-probe', snd.mss);
  // Else the answer to a mark stands for it, and comes to an end by itself.
  if (!told) return;
  congestion?.onRecovered(sample);
  reportEnd(tcb);
}
