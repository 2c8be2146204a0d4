import { seqAdd, seqDiff, seqLt, seqMin } from '../buffer/seq.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { ControlBlock } from './control-block.ts';
import { RECEIVE_FLOOR } from './control-block.ts';
import { enterTimeWait, release } from './ending.ts';
import { Notice } from './notice.ts';
import { ReceiveAutotuning, largestReceiveBuffer } from './receive-autotuning.ts';
import { Reassembly } from './reassembly.ts';
import { SackBlocks } from './sack-blocks.ts';
import type { Segment } from './segment.ts';
import { mayReceive } from './states.ts';
import { sendAck, sendReset } from './transmit.ts';

/** Bytes that one ACK may answer while more segments of a batch are at hand. */
const ACK_EVERY = 524_288;

/**
 * "One could tailor actual segments [...] by trimming off any portions that lie outside the window": old octets off the
 * front, later ones off the end. Comes after the checks of RST and SYN: those are judged by the number
 * they came with.
 */
export function trimToWindow(tcb: ControlBlock, segment: Segment): void {
  segment.trimFront(Math.min(seqDiff(tcb.rcv.nxt, segment.seq), segment.length));
  const room = seqDiff(tcb.receiveWindow.rightEdge, segment.payloadEnd);
  if (room < 0) segment.trimPayload(Math.max(0, segment.payloadLength + room));
}

/**
 * [S-077] RFC 2883 §4: what of the text was received before is reported once, of several parts the first. Comes before
 * the segment is trimmed and kept.
 */
export function noteDuplicate(tcb: ControlBlock, segment: Segment): void {
  if (!tcb.sackPermitted || segment.payloadLength === 0 || segment.has(TcpFlag.SYN)) return;
  const { rcv, reassembly } = tcb;
  const { seq, payloadEnd } = segment;
  const old = seqLt(seq, rcv.nxt);
  if (!old && !reassembly?.overlap(seq, payloadEnd)) return;
  // Each is reported: one that waits is told first.
  if (tcb.sackBlocks?.duplicate) sendAck(tcb);
  const sackBlocks = (tcb.sackBlocks ??= new SackBlocks());
  if (old) sackBlocks.onDuplicate(seq, seqMin(payloadEnd, rcv.nxt));
  else if (reassembly !== undefined) sackBlocks.onDuplicate(reassembly.rangeStart, reassembly.rangeEnd);
  tcb.acker.ackNow();
}

/**
 * Sixth, check the URG bit: RCV.UP <- max(RCV.UP, SEG.UP), also when the text is old or out of order. [MUST-32] RFC 9293
 * §3.8.5: the application is told when there was no urgent data before, and when the pointer advances. [MUST-66] §3.10.7.4:
 * also while our window is closed.
 */
export function checkUrgent(tcb: ControlBlock, segment: Segment): void {
  if (!segment.has(TcpFlag.URG) || !mayReceive(tcb.state) || tcb.orphan) return;
  if (tcb.markUrgentIn(segment.up, tcb.unread)) tcb.notify(Notice.urgent);
}

/** Seventh, process the segment text (RFC 9293 §3.10.7.4). */
export function processText(tcb: ControlBlock, segment: Segment): void {
  if (segment.payloadLength === 0 || !mayReceive(tcb.state)) return;
  if (tcb.orphan) return rejectText(tcb);
  if (seqDiff(segment.seq, tcb.rcv.nxt) > 0) keepOutOfOrder(tcb, segment);
  else takeInOrder(tcb, segment);
}

/**
 * Text and FIN that came with a SYN which our SYN-ACK does not acknowledge yet: "any other control or text should be
 * queued for processing later" (RFC 9293 §3.10.7.2, §3.10.7.3). Kept whole or not at all: what is not comes again.
 */
export function keepSynText(tcb: ControlBlock, segment: Segment): void {
  trimToWindow(tcb, segment);
  const { payloadLength } = segment;
  if (segment.has(TcpFlag.URG)) tcb.markUrgentIn(segment.up, tcb.rcv.nxt);
  const { budget } = tcb.host;
  // Nobody has proved yet that the peer is there: such text never takes more than half of the memory.
  if (payloadLength > 0) {
    const reassembly = tcb.reassembly ?? new Reassembly();
    if (budget.used + reassembly.cost(payloadLength) > budget.limit / 2)
      return tcb.host.counters.add('tcp-syn-text-dropped');
    keep(tcb, reassembly, segment);
  }
  if (segment.has(TcpFlag.FIN)) tcb.rcv.fin = segment.payloadEnd;
}

/**
 * [S-097] RFC 7413 §2, §4.2.2 step 4: text of a SYN with a good cookie is delivered before the end of the handshake. A FIN
 * is kept until then.
 */
export function acceptSynText(tcb: ControlBlock, segment: Segment): void {
  trimToWindow(tcb, segment);
  if (segment.has(TcpFlag.URG) && tcb.markUrgentIn(segment.up, tcb.rcv.nxt)) tcb.notify(Notice.urgent);
  if (segment.payloadLength > 0) takeInOrder(tcb, segment);
  if (segment.has(TcpFlag.FIN)) tcb.rcv.fin = segment.payloadEnd;
}

/**
 * ESTABLISHED: what was kept is delivered now and not before (RFC 9293 §3.5: "so long as the receiving TCP endpoint
 * doesn't deliver the data to the user until it is clear the data is valid"). A FIN kept is left to `processFin`.
 */
export function takeSynText(tcb: ControlBlock): void {
  if (tcb.urgentIn !== undefined) tcb.notify(Notice.urgent);
  if (tcb.reassembly === undefined) return;
  if (tcb.orphan) return rejectText(tcb);
  takeKept(tcb, tcb.reassembly);
  tcb.acker.ackNow();
  tcb.account();
  tcb.notify(Notice.readable);
}

/** [SHLD-3] RFC 9293 §3.6.1: nobody will read it; the peer must know of the loss. */
function rejectText(tcb: ControlBlock): void {
  tcb.host.counters.add('tcp-data-after-close');
  sendReset(tcb, tcb.snd.nxt);
  release(tcb, 'end');
}

/**
 * There is no memory for it. A peer that heard nothing would take us for dead, and time out; one that hears of a closed
 * window probes it for ever (Linux: tcp_data_queue, LINUX_MIB_TCPRCVQDROP). The window shrinks, for want of a better way.
 */
function refuseText(tcb: ControlBlock): void {
  tcb.receiveWindow.close(tcb.rcv.nxt);
  tcb.acker.ackNow();
}

/** The next octets expected: to the receive queue, with whatever waited behind them. */
export function takeInOrder(tcb: ControlBlock, segment: Segment): void {
  const { rcv } = tcb;
  if (!admit(tcb, segment.payloadLength)) {
    const floor = RECEIVE_FLOOR - tcb.receiveQueue.length;
    if (floor <= 0) return refuseText(tcb);
    segment.trimPayload(floor);
  }
  const length = segment.payloadLength;
  measureRoundTrip(tcb, segment);
  tcb.receiveQueue.push(segment.memory, segment.payloadOffset, length, segment.datagram.retained);
  rcv.nxt = seqAdd(rcv.nxt, length);
  tcb.bytesReceived += length;
  if (tcb.reassembly === undefined) {
    tcb.acker.onInOrder(length, rcv.mss, segment.now);
    // One ACK for a whole batch is too few for a sender that is paced by ACKs; but all of a batch leave at the same time.
    if (seqDiff(rcv.nxt, rcv.acked) >= ACK_EVERY) sendAck(tcb);
  } else {
    // [S-070] RFC 5681 §4.2: a segment that fills a gap, wholly or partly, is acknowledged at once.
    takeKept(tcb, tcb.reassembly);
    tcb.trimSackBlocks(tcb.reassembly?.endFrom(rcv.nxt) ?? rcv.nxt);
    tcb.acker.ackNow();
  }
  tcb.account();
  tcb.notify(Notice.readable);
}

/** Text that can't be delivered yet, of which there is a queue as long as there is any. */
function keep(tcb: ControlBlock, reassembly: Reassembly, segment: Segment): void {
  reassembly.insert(segment.seq, segment.memory, segment.payloadOffset, segment.payloadLength);
  tcb.reassembly = reassembly.segments > 0 ? reassembly : undefined;
  tcb.account();
}

/** Text that was kept and follows RCV.NXT now. */
function takeKept(tcb: ControlBlock, reassembly: Reassembly): void {
  const { rcv } = tcb;
  const filled = reassembly.deliver(rcv.nxt, tcb.receiveQueue);
  rcv.nxt = seqAdd(rcv.nxt, filled);
  tcb.bytesReceived += filled;
  if (reassembly.segments === 0) tcb.reassembly = undefined;
}

/** Full segments follow our ACKs by a round trip: what sizes the receive buffer. */
function measureRoundTrip(tcb: ControlBlock, segment: Segment): void {
  const { receiveWindow, timestamps, rcv } = tcb;
  const maximum = largestReceiveBuffer(tcb.options);
  if (receiveWindow.bufferSize === maximum) return;
  const receiveTuning = (tcb.receiveTuning ??= new ReceiveAutotuning(receiveWindow.bufferSize, maximum));
  const { options, now, payloadLength } = segment;
  const full = options.timestamps && payloadLength >= rcv.mss;
  const writtenAt = full ? timestamps.writtenAt(options.tsEcho, now) : -1;
  // To the millisecond: what seems to be less than the path's least is that.
  const echoed = writtenAt < 0 ? -1 : Math.max(now - writtenAt, tcb.minRtt.value === Infinity ? 0 : tcb.minRtt.value);
  receiveTuning.onInOrder(tcb.bytesReceived, seqDiff(receiveWindow.rightEdge, rcv.nxt), echoed, now);
}

/** [SHLD-31] RFC 9293 §3.10.7.4: kept; [MAY-13] RFC 5681 §4.2: and answered with a duplicate ACK at once. */
function keepOutOfOrder(tcb: ControlBlock, segment: Segment): void {
  let told = false;
  const reassembly = tcb.reassembly ?? new Reassembly();
  if (admit(tcb, reassembly.cost(segment.payloadLength))) {
    keep(tcb, reassembly, segment);
    told = noteRange(tcb, reassembly, segment.seq);
  }
  if (!tcb.acker.onOutOfOrder(told, segment.now)) return;
  // A peer without SACK counts duplicates: one that carried a new number would not be one.
  if (!tcb.sackPermitted && tcb.rcv.acked !== tcb.rcv.nxt) sendAck(tcb);
  sendAck(tcb);
}

/** [S-076] RFC 2018 §4: the range with the octet at `seq` is the first to be reported. Returns what `onOutOfOrder` does. */
function noteRange(tcb: ControlBlock, reassembly: Reassembly, seq: number): boolean {
  const { rcv } = tcb;
  if (!tcb.sackPermitted) return false;
  const sackBlocks = (tcb.sackBlocks ??= new SackBlocks());
  // A bound of the queue may have dropped what lay farthest ahead.
  sackBlocks.trim(rcv.nxt, reassembly.endFrom(rcv.nxt));
  return reassembly.rangeOf(seq, sackBlocks) && sackBlocks.onOutOfOrder(reassembly.rangeStart, reassembly.rangeEnd);
}

/** Is there memory for so much more? Under pressure this connection's out-of-order data goes first, then the segment is dropped. */
function admit(tcb: ControlBlock, length: number): boolean {
  const { budget, counters } = tcb.host;
  if (budget.fits(length)) return true;
  if (tcb.reassembly !== undefined) {
    tcb.dropOutOfOrder();
    tcb.account();
    counters.add('tcp-out-of-order-pruned');
    if (budget.fits(length)) return true;
  }
  counters.add('tcp-memory-budget');
  return false;
}

/** Eighth, check the FIN bit. */
export function processFin(tcb: ControlBlock, segment: Segment): void {
  const { rcv } = tcb;
  if (segment.has(TcpFlag.FIN)) rcv.fin = segment.payloadEnd;
  if (rcv.fin === undefined || !mayReceive(tcb.state)) {
    if (segment.has(TcpFlag.FIN)) tcb.acker.ackNow();
    return;
  }
  if (rcv.fin !== rcv.nxt) {
    // Octets in front of it are still missing: it is answered like other text out of order ([MAY-13] RFC 5681 §4.2).
    if (segment.has(TcpFlag.FIN) && segment.payloadLength === 0) sendAck(tcb);
    // Or there was text behind it: then it was none.
    if (seqLt(rcv.fin, rcv.nxt)) rcv.fin = undefined;
    return;
  }
  rcv.nxt = seqAdd(rcv.fin, 1);
  tcb.acker.ackNow();
  const wasFinWait2 = tcb.state === 'FIN_WAIT_2';
  tcb.enter('fin');
  if (wasFinWait2) enterTimeWait(tcb, segment.now);
  tcb.endReceived = true;
  tcb.notify(Notice.end);
}
