import type { AckEvent } from './ack-event.ts';
import { ackSample } from './ack-event.ts';
import type { ControlBlock } from './control-block.ts';
import { reportEnd, reportLoss } from './input-sack.ts';
import type { NewRenoRecovery } from './recovery.ts';
import { sizeProbeSuspected } from './segment-size.ts';

/** Loss recovery without SACK: RFC 5681 §3.2, 6582. */
export function recoverByDuplicates(tcb: ControlBlock, ack: AckEvent): void {
  if (tcb.congestion === undefined) return;
  const { newReno } = tcb;
  if (newReno === undefined) return;
  if (ack.advanced) onNewAck(tcb, newReno, ack);
  else if (ack.duplicate) onDuplicateAck(tcb, newReno, ack);
  // Without SACK nothing else tells of a delivery.
  if (ack.advanced) tcb.congestion.onDelivery?.(ackSample(tcb, ack, 0));
}

function onNewAck(tcb: ControlBlock, newReno: NewRenoRecovery, ack: AckEvent): void {
  const { snd, congestion } = tcb;
  const { phase, congested } = newReno;
  const outcome = newReno.onNewAck(snd.una, ack.acked, snd.nxt, snd.mss);
  const sample = ackSample(tcb, ack, 0);
  const ended = (outcome === 'recovered' && congested) || tcb.ecn.ended(snd.una);
  // In fast recovery the window stands still; after a time-out it grows by slow start (RFC 5681 §3.1).
  if (ended) congestion?.onRecovered(sample);
  else if (phase !== 'recovery' && !tcb.ecn.reducing && ack.acked > 0 && !ack.echo) congestion?.onAck(sample);
  if (ended) reportEnd(tcb);
  // RFC 6582 §3.2 step 3: a partial acknowledgment retransmits the next hole at once.
  if (outcome === 'partial') tcb.mustRetransmit = true;
}

function onDuplicateAck(tcb: ControlBlock, newReno: NewRenoRecovery, ack: AckEvent): void {
  const { snd, congestion } = tcb;
  tcb.duplicateAcksReceived++;
  const flightSent = Math.min(tcb.flightSent, congestion?.cwnd ?? 0);
  if (newReno.onDuplicateAck(snd.una, snd.nxt, snd.mss, flightSent) === 'enter') {
    // Without SACK nobody knows whether more is lost (RFC 4821 §7.6.4): it counts as congestion all the same.
    sizeProbeSuspected(tcb, ack.now);
    // [S-068] RFC 5681 §3.2: the third duplicate starts fast retransmit.
    ack.flight = newReno.flightAtLoss(snd.una, snd.nxt);
    if (tcb.ecn.onLoss(snd.una, snd.nxt)) {
      congestion?.onCongestion('loss', ackSample(tcb, ack, snd.mss));
      tcb.watchSpurious().start(snd.una, snd.nxt);
    }
    tcb.ecn.reducing = false;
    reportLoss(tcb, 'duplicate-acks', snd.mss);
    tcb.mustRetransmit = true;
  }
}
