import { seqAdd, seqDiff, seqLe, seqLt } from '../buffer/seq.ts';
import { TcpFlag } from '../wire/tcp.ts';
import { refuse } from './closed.ts';
import type { ControlBlock } from './control-block.ts';
import { TIME_WAIT_US, fail, release } from './ending.ts';
import { established } from './handshake.ts';
import { takePredicted } from './header-prediction.ts';
import { processAck } from './input-ack.ts';
import { synSentArrives } from './input-syn-sent.ts';
import { checkUrgent, noteDuplicate, processFin, processText, takeSynText, trimToWindow } from './input-text.ts';
import type { Segment } from './segment.ts';
import { challenge, sendAck } from './transmit.ts';

/**
 * SEGMENT ARRIVES (RFC 9293 §3.10.7) for a connection. CLOSED and LISTEN are not states of a control block here:
 * see `closed.ts` and `listener.ts`.
 */
export function segmentArrives(tcb: ControlBlock, segment: Segment): void {
  tcb.segmentsReceived++;
  tcb.timestamps.tick(segment.now);
  if (takePredicted(tcb, segment)) return;
  if (tcb.state === 'SYN_SENT') synSentArrives(tcb, segment);
  else if (tcb.state !== 'CLOSED') otherStates(tcb, segment);
}

/** RFC 9293 §3.10.7.4: the steps in the RFC's order; each says whether the next is reached. */
function otherStates(tcb: ControlBlock, segment: Segment): void {
  if (tcb.state === 'SYN_RECV' && !crossedSyn(tcb, segment)) return;
  if (!checkTimestamp(tcb, segment)) return;
  if (!checkSequence(tcb, segment)) return;
  // A sign of life is only what fits (Linux: tcp_ack): others could keep a dead peer's connection alive.
  tcb.keepalive?.onActivity(segment.now);
  noteTimestamp(tcb, segment);
  if (!checkRst(tcb, segment)) return;
  if (!checkSyn(tcb, segment)) return;
  noteDuplicate(tcb, segment);
  trimToWindow(tcb, segment);
  if (!checkAck(tcb, segment)) return;
  // [S-086] RFC 3168 §6.1.5: of segments inside the window only.
  tcb.ecn.onArrival(segment.marked, segment.flags);
  noteUserTimeout(tcb, segment);
  checkUrgent(tcb, segment);
  processText(tcb, segment);
  processFin(tcb, segment);
}

/**
 * SYN_RECV: the SYN that we know already comes again. A bare one asks for our SYN-ACK (it was lost); one with an ACK is
 * the crossing SYN-ACK of a simultaneous open (RFC 9293 §3.5, figure 8) and is taken for its acknowledgment.
 */
function crossedSyn(tcb: ControlBlock, segment: Segment): boolean {
  if (!segment.has(TcpFlag.SYN) || segment.has(TcpFlag.RST) || segment.seq !== tcb.rcv.irs) return true;
  tcb.ecn.onSyn(segment.flags);
  if (!segment.has(TcpFlag.ACK)) {
    // [S-064] RFC 7323 §4.3: or the answer would seem to have taken as long as the peer has tried.
    const { options } = segment;
    if (options.timestamps) tcb.timestamps.onSegment(options.tsValue, segment.seq, tcb.rcv.acked, segment.now);
    tcb.synDue = true;
    return false;
  }
  segment.trimFront(1);
  return true;
}

/**
 * PAWS (RFC 7323 §5.3 R1), which comes before the check of the sequence number: a segment of an earlier turn of the
 * numbers is answered with an ACK and dropped. A RST is not subject to it.
 */
function checkTimestamp(tcb: ControlBlock, segment: Segment): boolean {
  const { timestamps, host } = tcb;
  if (!timestamps.ok || segment.has(TcpFlag.RST)) return true;
  const { options } = segment;
  if (!options.timestamps) {
    // A peer that has lost its state may be another than the one that agreed: its SYN is challenged as ever.
    if (segment.has(TcpFlag.SYN)) return true;
    // [S-064] RFC 7323 §3.2: silently, or an old segment would get past the test of its age.
    host.counters.add('tcp-no-timestamp');
    return false;
  }
  if (timestamps.acceptable(options.tsValue, segment.now, tcb.minRtt.value)) return true;
  if (isOvertakenAck(tcb, segment)) return true;
  // [S-066] RFC 7323 §5.3 R1.
  host.counters.add('tcp-paws');
  answerUnacceptable(tcb, segment);
  return false;
}

/**
 * A bare ACK that the network has held back while later ones went by: it acknowledges nothing new and opens no window, so
 * that one of an earlier turn of the numbers could do no harm, but its SACK blocks may be all that tells of an arrival.
 * PAWS spares it when it is late by less than a retransmission timeout (Linux: tcp_disordered_ack).
 */
function isOvertakenAck(tcb: ControlBlock, segment: Segment): boolean {
  const { snd, rcv, timestamps, rto } = tcb;
  if (!tcb.synAcked || segment.length > 0 || !segment.has(TcpFlag.ACK)) return false;
  if (segment.seq !== rcv.nxt || segment.ack !== snd.una || segment.window(snd.scale) > snd.wnd) return false;
  return timestamps.acceptable(segment.options.tsValue, segment.now, rto.rto);
}

/**
 * What the next segments echo ([S-066] RFC 7323 §5.3 R3). Not of a segment whose ACK will not do: whoever guesses a number
 * of our window could else set TS.Recent so far ahead that PAWS drops all that the peer sends (Linux: tcp_ack, where
 * tcp_replace_ts_recent comes behind the test of RFC 5961 §5).
 */
function noteTimestamp(tcb: ControlBlock, segment: Segment): void {
  const { timestamps } = tcb;
  const { options } = segment;
  if (options.timestamps && !segment.has(TcpFlag.RST) && acknowledges(tcb, segment)) {
    timestamps.onSegment(options.tsValue, segment.seq, tcb.rcv.acked, segment.now);
  }
}

/** RFC 5482 §3.1: the peer tells its user timeout, ours may follow. */
function noteUserTimeout(tcb: ControlBlock, segment: Segment): void {
  const { userTimeout } = segment.options;
  if (userTimeout >= 0 && tcb.userTimeout?.onOption(userTimeout)) tcb.configureKeepalive();
}

/** First, check the sequence number. */
function checkSequence(tcb: ControlBlock, segment: Segment): boolean {
  const { rcv } = tcb;
  if (tcb.receiveWindow.acceptable(rcv.nxt, segment.seq, segment.length)) return true;
  // A segment that ends at RCV.NXT or before is old, but what it acknowledges may be new: "special allowance should be
  // made to accept valid ACKs, URGs, and RSTs" for a zero window [MUST-66]; probes are answered as long as it lasts
  // [MAY-8].
  if (segment.seq === rcv.nxt && !segment.has(TcpFlag.SYN)) {
    segment.trimPayload(0);
    segment.flags &= ~TcpFlag.FIN;
    tcb.acker.ackNow();
    return true;
  }
  tcb.host.counters.add('tcp-out-of-window');
  if (segment.has(TcpFlag.RST)) return false;
  if (tcb.state === 'TIME_WAIT') return timeWaitRetransmission(tcb, segment);
  answerUnacceptable(tcb, segment);
  return false;
}

/**
 * An unacceptable segment is answered with an ACK. Answers to bare ACKs and SYNs are limited to one in half a second,
 * so that two ends that disagree never talk for ever (Linux: net.ipv4.tcp_invalid_ratelimit); text and FIN are
 * retransmissions, which their sender paces itself.
 */
function answerUnacceptable(tcb: ControlBlock, segment: Segment): void {
  noteDuplicate(tcb, segment);
  if (segment.length > 0 && !segment.has(TcpFlag.SYN)) sendAck(tcb);
  else challenge(tcb, segment.now);
}

/**
 * TIME-WAIT: "the only thing that can arrive [...] is a retransmission of the remote FIN. Acknowledge it, and restart the
 * 2 MSL timeout."
 */
function timeWaitRetransmission(tcb: ControlBlock, segment: Segment): false {
  const isFin = segment.has(TcpFlag.FIN) && seqAdd(segment.payloadEnd, 1) === tcb.rcv.nxt;
  if (isFin) tcb.lingerAt = segment.now + TIME_WAIT_US;
  answerUnacceptable(tcb, segment);
  return false;
}

/**
 * Second, check the RST bit. [S-088] RFC 5961 §3.2: only the exact number resets; one inside the window is challenged.
 * [SHLD-2] RFC 9293 §3.5.3: data that it carries changes nothing.
 */
function checkRst(tcb: ControlBlock, segment: Segment): boolean {
  if (!segment.has(TcpFlag.RST)) return true;
  // [S-094] RFC 1337 §3: ignored, or an old RST would end TIME-WAIT early.
  if (tcb.state === 'TIME_WAIT') return false;
  if (segment.seq !== tcb.rcv.nxt) {
    challenge(tcb, segment.now);
    return false;
  }
  switch (tcb.state) {
    case 'SYN_RECV':
      // RFC 9293 §3.10.7.4: a passive open returns to LISTEN (the listener is still there), an active one was refused.
      if (tcb.handedOver) fail(tcb, 'ECONNRESET');
      else if (tcb.passive) release(tcb, 'end');
      else fail(tcb, 'ECONNREFUSED');
      break;
    case 'CLOSING':
    case 'LAST_ACK':
      // Both have closed: nothing to tell, unless bytes were lost.
      if (tcb.sendQueue.length > 0) fail(tcb, 'ECONNRESET');
      else release(tcb, 'end');
      break;
    default:
      // [MUST-12] RFC 9293 §3.6: the application learns that the peer aborted.
      fail(tcb, 'ECONNRESET');
  }
  return false;
}

/**
 * Fourth, check the SYN bit. [S-089] RFC 5961 §4.2: a SYN in a synchronized state is challenged, whatever its number.
 */
function checkSyn(tcb: ControlBlock, segment: Segment): boolean {
  if (!segment.has(TcpFlag.SYN)) return true;
  // One that its owner has already is not given up for it.
  if (tcb.state === 'SYN_RECV' && tcb.passive && !tcb.handedOver) release(tcb, 'end');
  else challenge(tcb, segment.now);
  return false;
}

/** Fifth, check the ACK field. */
function checkAck(tcb: ControlBlock, segment: Segment): boolean {
  if (!segment.has(TcpFlag.ACK)) return false;
  const { snd } = tcb;
  if (tcb.state === 'SYN_RECV') {
    if (!(seqLt(snd.una, segment.ack) && seqLe(segment.ack, snd.nxt))) {
      // RFC 9293 §3.5.2, group 2: <SEQ=SEG.ACK><CTL=RST>
      refuse(tcb.path, segment);
      return false;
    }
    established(tcb, segment.now);
    takeSynText(tcb);
    trimToWindow(tcb, segment);
    snd.wl1 = segment.seq;
    snd.wl2 = segment.ack;
    snd.wnd = segment.window(snd.scale);
  }
  if (tcb.probed && segment.ack === seqAdd(snd.nxt, 1)) acceptProbed(tcb, segment.now);
  if (!acknowledges(tcb, segment)) {
    challenge(tcb, segment.now);
    return false;
  }
  processAck(tcb, segment);
  return tcb.state !== 'CLOSED';
}

/**
 * [S-090] [MAY-12] RFC 5961 §5.2: SND.UNA − MAX.SND.WND ≤ SEG.ACK ≤ SND.NXT, else a challenge ACK and nothing more. A
 * zero-window probe has carried the octet at SND.NXT.
 */
function acknowledges({ snd, probed }: ControlBlock, segment: Segment): boolean {
  const end = probed ? seqAdd(snd.nxt, 1) : snd.nxt;
  return segment.has(TcpFlag.ACK) && seqLe(segment.ack, end) && seqDiff(snd.una, segment.ack) <= snd.maxWnd;
}

/** The octet of a zero-window probe was taken after all: it counts as sent. */
function acceptProbed(tcb: ControlBlock, now: number): void {
  const { snd } = tcb;
  const end = seqAdd(snd.nxt, 1);
  tcb.scoreboard.push(snd.nxt, end, snd.mss, now, tcb.rate);
  tcb.scoreboard.markRetransmitted(snd.nxt, end, now, tcb.rate);
  snd.nxt = end;
  tcb.probed = false;
}
