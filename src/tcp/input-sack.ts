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
export const RECOVERED: RecoveryEvent = { type: 'recovered' };

/** Loss recovery with SACK: what an ACK, its blocks taken in, changes (RFC 6675 §5, 8985 §6.2, 9937). */
export function recoverBySack(tcb: ControlBlock, sack: SackRecovery, ack: AckEvent): void {
  const { snd, rack, report, scoreboard, congestion } = tcb;
  if (congestion === undefined) return;
  if (ack.duplicate) tcb.duplicateAcksReceived++;
  rack.onAck(snd.una, snd.nxt, report.dsacked > 0);
  const { endSeq } = sack.tailProbe;
  const probe = sack.tailProbe.onAck(snd.una, report.dsacked > 0 && report.dsackEnd === endSeq, ack.bare);
  const ended = sack.ended(snd.una);
  if (ended) {
    sack.end(snd.una);
    if (tcb.host.observed()) tcb.host.observe(tcb, RECOVERED);
  }
  const lost = sack.detectLoss(ack.now, tcb.minRtt.value, tcb.rto.srtt);
  const spared = scoreboard.hasLost && sizeProbeFailed(tcb, ack.now);
  const sample = ackSample(tcb, ack, spared ? 0 : lost);
  if (ended && sack.congested) {
    sample.pipe = Math.max(sample.pipe, tcb.pipeSent);
    congestion.onRecovered(sample);
  } else if (sack.phase !== 'recovery' && ack.acked > 0 && !ack.echo) congestion.onAck(sample);
  else if (sack.phase !== 'recovery' && report.delivered > 0 && !ack.advanced) congestion.onSelectiveAck?.(sample);
  if (spared) tcb.mustRetransmit = true;
  else if (sack.phase === 'open') {
    if (scoreboard.hasLost) enterRecovery(tcb, sack, sample, 'sack');
    else if (probe === 'repaired') repairedByProbe(tcb, sample);
  }
  if (sack.phase === 'recovery') sack.prr.onAck(sample);
  if (report.delivered > 0 || lost > 0) congestion.onDelivery?.(sample);
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
  else if (sack.phase === 'recovery') sack.prr.onLossTimer(sample.pipe, snd.mss);
  congestion.onDelivery?.(sample);
}

/** Congestion control has answered a loss: whoever observes is told. */
export function reportLoss(tcb: ControlBlock, cause: LossCause, lost: number): void {
  const { host, congestion } = tcb;
  if (!host.observed()) return;
  const { cwnd = 0, ssthresh = 0 } = congestion ?? {};
  host.observe(tcb, { type: 'loss', cause, lost, cwnd, ssthresh });
}

/** RFC 6675 §5 step 4: fast recovery begins. */
function enterRecovery(tcb: ControlBlock, sack: SackRecovery, sample: CongestionSample, cause: LossCause): void {
  const { snd, scoreboard, congestion } = tcb;
  if (congestion === undefined) return;
  // What ACKs before this one, in the same batch, have acknowledged has not been made up for yet.
  const earlier = Math.max(0, tcb.flightSent - sample.flight);
  // What SACK has let go beyond the window counts no more than RFC 5681's limited transmit does.
  sample.flight = Math.min(Math.max(sample.flight, tcb.flightSent), congestion.cwnd);
  sample.recovering = true;
  // RFC 3168 §6.1.2: one answer in a window of data, be it to marks or to losses.
  if (tcb.ecn.onLoss(snd.una, snd.nxt)) {
    congestion.onCongestion('loss', sample);
    tcb.spurious.start(snd.una, snd.nxt);
  }
  reportLoss(tcb, cause, sample.lost);
  const recoverFlight = recoverFlightSize(seqDiff(snd.nxt, snd.una), scoreboard.sacked, sample.delivered);
  sack.enter(snd.nxt, recoverFlight, congestion.ssthresh, snd.mss, earlier);
  tcb.mustRetransmit = true;
}

/** RFC 8985 §7.4: the probe has taken the place of what was lost, which congestion control has to answer for. */
function repairedByProbe(tcb: ControlBlock, sample: CongestionSample): void {
  if (tcb.ecn.onLoss(tcb.snd.una, tcb.snd.nxt)) tcb.congestion?.onCongestion('loss', sample);
  reportLoss(tcb, 'tail-loss-probe', tcb.snd.mss);
  tcb.congestion?.onRecovered(sample);
}
