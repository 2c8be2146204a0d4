import { seqGe, seqLe } from '../buffer/seq.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { ControlBlock } from './control-block.ts';
import { processAck, updateWindow } from './input-ack.ts';
import { takeInOrder } from './input-text.ts';
import type { Segment } from './segment.ts';

/** Control bits with which a segment takes the long way: all but ACK and PSH. */
const UNUSUAL = 0x1ff & ~(TcpFlag.ACK | TcpFlag.PSH);

/** For the test that holds the short way against the long one. */
export const headerPrediction: { on: boolean } = { on: true };

/**
 * Header prediction (Van Jacobson; RFC 7323 §5.6, Linux: tcp_rcv_established): the segment that is expected
 * next on an established connection in which nothing is amiss. It does what the steps of RFC 9293 §3.10.7.4 would do, in
 * their order, without asking what is known already. Returns false, with nothing done, for any other segment.
 */
export function takePredicted(tcb: ControlBlock, segment: Segment): boolean {
  const { snd, rcv } = tcb;
  if (!headerPrediction.on || tcb.state !== 'ESTABLISHED') return false;
  if ((segment.flags & UNUSUAL) !== 0 || segment.seq !== rcv.nxt) return false;
  if ((segment.flags & TcpFlag.ACK) === 0 || segment.marked) return false;
  const { ack, options, payloadLength, now } = segment;
  // Fifth, the ACK field, as far as it decides whether the segment counts at all (RFC 5961 §5.2).
  if (!seqGe(ack, snd.una) || !seqLe(ack, snd.nxt)) return false;
  if (!isQuiet(tcb) || options.userTimeout >= 0) return false;
  // First, the sequence number: all of the text lies in the window.
  if (payloadLength > ((tcb.receiveWindow.rightEdge - rcv.nxt) | 0)) return false;
  const { timestamps } = tcb;
  if (timestamps.ok) {
    // PAWS: not older than what was heard last.
    if (!options.timestamps || !seqGe(options.tsValue, timestamps.recent)) return false;
  }
  tcb.keepalive?.onActivity(now);
  if (options.timestamps) timestamps.onSegment(options.tsValue, segment.seq, rcv.acked, now);
  if (payloadLength > 0 && ack === snd.una && saysNothingNew(tcb, segment)) {
    // What is on its way is as it was, and no timer knows more than before: only the window may be another.
    if (tcb.sack !== undefined) tcb.sack.reorderAt = Infinity;
    updateWindow(tcb, segment, false);
  } else {
    processAck(tcb, segment);
    if (tcb.closed) return true;
  }
  // Seventh, the text.
  if (payloadLength > 0) takeInOrder(tcb, segment);
  return true;
}

/** On the way in nothing waits and nobody is gone. */
function isQuiet(tcb: ControlBlock): boolean {
  return tcb.reassembly === undefined && !tcb.orphan && !tcb.probed && tcb.synAcked && tcb.rcv.fin === undefined;
}

/**
 * The ACK of a segment with text that repeats SND.UNA: it is no duplicate (RFC 5681 §2), and where loss recovery is at
 * rest nothing follows from it.
 */
function saysNothingNew(tcb: ControlBlock, { options }: Segment): boolean {
  const { sack, scoreboard, rack } = tcb;
  if (sack === undefined || options.sackCount > 0 || sack.phase !== 'open') return false;
  if (sack.prr !== undefined || sack.tailProbe !== undefined || tcb.ecn.active) return false;
  if (tcb.spurious !== undefined || tcb.frto !== undefined) return false;
  return scoreboard.isInOrder(rack.xmitTs, rack.endSeq);
}
