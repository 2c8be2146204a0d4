import { seqAdd, seqDiff, seqGt, seqLt } from '../buffer/seq.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { CongestionSample } from './congestion/controller.ts';
import type { ControlBlock } from './control-block.ts';
import { Notice } from './control-block.ts';
import type { Segment } from './segment.ts';

/** One sample object for all connections: it is read during the call only. */
const sample: CongestionSample = {
  now: 0,
  acked: 0,
  delivered: 0,
  lost: 0,
  flight: 0,
  pipe: 0,
  mss: 0,
  rtt: -1,
  srtt: 0,
  limited: false,
  totalDelivered: 0,
  priorDelivered: -1,
  deliveryRate: -1,
  appLimited: false,
  recovering: false,
};

/** Fills in the shared sample for the congestion controller. */
export function congestionSample(
  tcb: ControlBlock,
  now: number,
  acked: number,
  flight: number,
  rtt: number,
): CongestionSample {
  const { snd, congestion, recovery } = tcb;
  sample.now = now;
  sample.acked = acked;
  sample.delivered = acked;
  sample.flight = flight;
  sample.pipe = recovery.pipe(snd.una, snd.nxt);
  sample.mss = snd.mss;
  sample.rtt = rtt;
  sample.srtt = tcb.rto.srtt;
  sample.limited = congestion !== undefined && flight + snd.mss > congestion.cwnd;
  sample.totalDelivered = tcb.bytesAcked;
  sample.recovering = recovery.phase !== 'open';
  return sample;
}

/** The acceptable ACK of a segment in a synchronized state (RFC 9293 §3.10.7.4, fifth step, from ESTABLISHED on). */
export function processAck(tcb: ControlBlock, segment: Segment): void {
  const { snd } = tcb;
  if (seqGt(segment.ack, snd.una)) {
    newAck(tcb, segment);
  } else if (isDuplicateAck(tcb, segment)) {
    duplicateAck(tcb, segment.now);
  }
  updateWindow(tcb, segment);
  closeByAck(tcb, segment.now);
}

/** The part of a SYN-ACK that acknowledges our SYN. */
export function acknowledgeSyn(tcb: ControlBlock, segment: Segment): void {
  newAck(tcb, segment);
}

/** SND.UNA < SEG.ACK =< SND.NXT: something new is acknowledged. */
function newAck(tcb: ControlBlock, segment: Segment): void {
  const { snd } = tcb;
  const { now } = segment;
  const flight = seqDiff(snd.nxt, snd.una);
  const bytes = Math.min(seqDiff(segment.ack, tcb.dataStart), tcb.sendQueue.length);
  snd.una = segment.ack;
  tcb.pathMtu.onAcked(snd.una);
  tcb.synAcked = true;
  if (bytes > 0) {
    tcb.sendQueue.drop(bytes);
    tcb.account();
  }
  tcb.bytesAcked += Math.max(0, bytes);
  // [MUST-18] RFC 6298 §3 (Karn): the queue gives no sample for what was sent twice.
  const rtt = tcb.retransmissions.acknowledge(snd.una, now);
  if (rtt >= 0) tcb.rto.sample(rtt);
  recover(tcb, now, Math.max(0, bytes), flight, rtt);
  restartTimer(tcb, now);
  tcb.softError = undefined;
  tcb.stalledSince = now;
  tcb.persist.onAck();
  if (tcb.wantsWritable) tellRoom(tcb);
  if (tcb.sendQueue.length === 0 && tcb.finAt !== undefined && tcb.finAcked) tcb.notices |= Notice.finished;
  tcb.touch();
}

/** `onWritable` comes when a third of the send buffer is free, not for every ACK; and when there is memory for it. */
function tellRoom(tcb: ControlBlock): void {
  const { sendBuffer } = tcb.options;
  if ((sendBuffer - tcb.sendQueue.length) * 3 < sendBuffer || tcb.connection.writableLength === 0) return;
  tcb.wantsWritable = false;
  tcb.notices |= Notice.writable;
}

/** RFC 6298 §5.2, §5.3: all acknowledged turns the timer off, new data acknowledged starts it again. */
function restartTimer(tcb: ControlBlock, now: number): void {
  const { snd, recovery } = tcb;
  if (snd.una === snd.nxt) tcb.retransmitAt = Infinity;
  // [S-075] RFC 6582 §3.2 step 3: of the partial ACKs in a recovery only the first restarts it.
  else if (recovery.partialAcks <= 1 || tcb.retransmitAt === Infinity) tcb.retransmitAt = now + tcb.rto.rto;
}

/** Loss recovery and congestion control learn of new data acknowledged. */
function recover(tcb: ControlBlock, now: number, acked: number, flight: number, rtt: number): void {
  const { snd, recovery, congestion } = tcb;
  const { phase } = recovery;
  const outcome = recovery.onNewAck(snd.una, acked, snd.nxt, snd.mss);
  if (congestion === undefined) return;
  const what = congestionSample(tcb, now, acked, flight, rtt);
  // In fast recovery the window stands still; after a time-out it grows by slow start (RFC 5681 §3.1).
  if (outcome === 'recovered') congestion.onRecovered(what);
  else if (phase !== 'recovery' && acked > 0) congestion.onAck(what);
  // RFC 6582 §3.2 step 3: a partial acknowledgment retransmits the next hole at once.
  if (outcome === 'partial' && phase === 'recovery') tcb.mustRetransmit = true;
}

/** RFC 5681 §2: outstanding data, no payload, no SYN or FIN, the same number and the same window. */
function isDuplicateAck(tcb: ControlBlock, segment: Segment): boolean {
  const { snd } = tcb;
  return (
    segment.ack === snd.una &&
    snd.una !== snd.nxt &&
    segment.payloadLength === 0 &&
    !segment.has(TcpFlag.SYN | TcpFlag.FIN) &&
    segment.window(snd.scale) === snd.wnd
  );
}

function duplicateAck(tcb: ControlBlock, now: number): void {
  const { snd, recovery, congestion } = tcb;
  if (congestion === undefined) return;
  tcb.duplicateAcksReceived++;
  if (recovery.onDuplicateAck(snd.una, snd.nxt, snd.mss) === 'enter') {
    // [S-068] RFC 5681 §3.2: the third duplicate starts fast retransmit.
    const flight = recovery.flightAtLoss(snd.una, snd.nxt);
    congestion.onCongestion('loss', congestionSample(tcb, now, 0, flight, -1));
    tcb.mustRetransmit = true;
  }
  tcb.touch();
}

/** "The send window should be updated": SND.WL1 and SND.WL2 keep old segments from doing it. */
function updateWindow(tcb: ControlBlock, segment: Segment): void {
  const { snd } = tcb;
  if (seqLt(segment.ack, snd.una)) return;
  const newer = seqLt(snd.wl1, segment.seq) || (snd.wl1 === segment.seq && !seqLt(segment.ack, snd.wl2));
  if (!newer) return;
  // [MUST-1] RFC 9293 §3.1: unsigned; [REC-1] and wider than 16 bits; [MUST-34] §3.8.6: it may also have shrunk.
  const wnd = segment.window(snd.scale);
  const opened = seqGt(seqAdd(segment.ack, wnd), seqAdd(snd.wl2, snd.wnd));
  snd.wnd = wnd;
  snd.maxWnd = Math.max(snd.maxWnd, wnd);
  snd.wl1 = segment.seq;
  snd.wl2 = segment.ack;
  if (wnd > 0) tcb.persist.stop();
  else tcb.persist.onAck();
  if (opened) tcb.touch();
}

/** Our FIN is acknowledged: the closing states move on. */
function closeByAck(tcb: ControlBlock, now: number): void {
  if (!tcb.finAcked) return;
  switch (tcb.state) {
    case 'FIN_WAIT_1':
      tcb.enter('ack-of-fin');
      if (tcb.orphan) tcb.settleOrphan(now);
      break;
    case 'CLOSING':
      tcb.enter('ack-of-fin');
      tcb.enterTimeWait(now);
      break;
    case 'LAST_ACK':
      tcb.release('ack-of-fin');
      break;
    default:
  }
}
