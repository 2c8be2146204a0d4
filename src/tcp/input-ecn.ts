import { seqLt } from '../buffer/seq.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { AckEvent } from './ack-event.ts';
import { ackSample } from './ack-event.ts';
import type { ControlBlock } from './control-block.ts';
import { reduce, reportEnd, reportLoss } from './input-sack.ts';
import type { Segment } from './segment.ts';

/** The ACK says ECE and is not old; the bit of a SYN-ACK means something else (RFC 3168 §6.1.1). */
export function isEcho(tcb: ControlBlock, segment: Segment): boolean {
  const { ecn, snd } = tcb;
  const echo = ecn.active && segment.has(TcpFlag.ECE) && !segment.synchronizes && !seqLt(segment.ack, snd.una);
  if (echo) ecn.onEchoArrived();
  return echo;
}

/** [S-086] RFC 3168 §6.1.2: a mark is answered as a loss is, but that nothing has to be sent again. */
export function answerEcho(tcb: ControlBlock, ack: AckEvent): void {
  const { ecn, recovery, congestion, snd, sack } = tcb;
  ecn.onAck(snd.una);
  // Fast recovery, or a timeout, has reduced the window for the same data.
  if (!ack.echo || congestion === undefined || recovery.phase !== 'open' || !ecn.onEcho(snd.nxt)) return;
  // RFC 3168 §6.1.2: a window of one segment can't be halved; the next one waits for as long as a retransmission would.
  if (congestion.cwnd <= snd.mss) ecn.resumeAt = ack.now + tcb.rto.rto;
  const sample = ackSample(tcb, ack, 0);
  sample.flight = Math.min(Math.max(sample.flight, tcb.flightSent), congestion.cwnd);
  congestion.onCongestion('ecn', sample);
  reportLoss(tcb, 'ecn', 0);
  if (snd.una === snd.nxt) {
    // Nothing is in flight that could be brought down: what is sent next belongs to the new window.
    ecn.reducing = false;
    congestion.onRecovered(sample);
    reportEnd(tcb);
  } else if (sack !== undefined) {
    // RFC 9937 §4: for one round trip, to the window that the mark has left; it may be smaller than ssthresh.
    reduce(tcb, sack, congestion.cwnd, ack.flight, sample.delivered);
    sack.prr?.onAck(sample);
  }
}
