import { seqGt, seqLe } from '../buffer/seq.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { refuse } from './closed.ts';
import type { ControlBlock } from './control-block.ts';
import { fail } from './ending.ts';
import { learnCookie } from './fast-open-client.ts';
import { acceptSyn, established } from './handshake.ts';
import { takeAck } from './input-ack.ts';
import { checkUrgent, keepSynText, processFin, processText, trimToWindow } from './input-text.ts';
import type { Segment } from './segment.ts';

/** SEGMENT ARRIVES in SYN-SENT (RFC 9293 §3.10.7.3), in the RFC's order. */
export function synSentArrives(tcb: ControlBlock, segment: Segment): void {
  const { snd } = tcb;
  const hasAck = segment.has(TcpFlag.ACK);
  // First, the ACK bit: ISS < SEG.ACK =< SND.NXT, or it is not for this incarnation.
  if (hasAck && !(seqGt(segment.ack, snd.iss) && seqLe(segment.ack, snd.nxt))) {
    refuse(tcb.path, segment);
    return;
  }
  // Second, the RST bit: believed only with an acceptable ACK (RFC 5961 §3.2 leaves this state as it is).
  if (segment.has(TcpFlag.RST)) {
    if (!hasAck) return;
    if (tcb.ecn.mayRetry) tcb.synDue = true;
    else fail(tcb, 'ECONNREFUSED');
    return;
  }
  // Fourth, the SYN bit.
  if (!segment.has(TcpFlag.SYN)) return;
  acceptSyn(tcb, segment);
  if (hasAck) {
    learnCookie(tcb, segment);
    established(tcb, segment.now);
    takeAck(tcb, segment);
    tcb.acker.ackNow();
    // "If there are other controls or text in the segment, then continue processing at the sixth step."
    trimToWindow(tcb, segment);
    checkUrgent(tcb, segment);
    processText(tcb, segment);
    processFin(tcb, segment);
  } else {
    // [MUST-10] RFC 9293 §3.5: simultaneous open. Our SYN goes out again, now with an ACK.
    tcb.enter('syn');
    // Whoever was told of the new state may have aborted.
    if (tcb.closed) return;
    keepSynText(tcb, segment);
    tcb.synDue = true;
  }
}
