import { seqAdd, seqDiff, seqLt, seqMax, seqMin } from '../buffer/seq.ts';
import type { ErrorCode } from '../errors.ts';
import type { FlowLimit } from './allowance.ts';
import { noteLimit, paced, quota } from './allowance.ts';
import type { ControlBlock } from './control-block.ts';
import { Cork } from './cork.ts';
import { HOLD } from './mtu-search.ts';
import { Persist } from './persist.ts';
import { followPathMtu, sizeProbeDue, sizeProbeSent } from './segment-size.ts';
import { isSynchronized, maySend } from './states.ts';
import { TailLossProbe } from './tail-loss-probe.ts';
import { resume } from './timers.ts';
import { largestPayload, sendAck, sendData, sendSyn, wholeSegments } from './transmit.ts';

/**
 * Sends what may be sent: SYN, lost segments, new data, FIN, and last an ACK if none of them carried it. Called once
 * for a connection at the end of a batch or a turn, when its owner has had its say: one ACK for all that came
 * ([MUST-58] [MUST-59] RFC 9293 §3.10.7.4).
 */
export function output(tcb: ControlBlock, now: number): void {
  if (tcb.state === 'CLOSED') return;
  tcb.timestamps.tick(now);
  // A peer that can't be reached now stays queued for: the timers try again, and so does a link that comes up, or a route.
  const unreachable = tcb.path.refresh();
  if (unreachable !== undefined) noteUnreachable(tcb, unreachable);
  else {
    if (tcb.unreachable) resume(tcb, now);
    followPathMtu(tcb, now);
    send(tcb, now);
  }
  noteSent(tcb);
  // The scoreboard follows what was sent, and what SACK has told of it.
  tcb.account();
  setTimers(tcb, now);
}

/** What is on its way when the next batch comes. */
function noteSent(tcb: ControlBlock): void {
  const { snd, recovery } = tcb;
  tcb.flightSent = seqDiff(snd.nxt, snd.una);
  tcb.pipeSent = recovery.pipe(snd.una, snd.nxt);
}

function noteUnreachable(tcb: ControlBlock, code: ErrorCode): void {
  if (tcb.softError !== code) tcb.reportSoftError(code);
  tcb.softError = code;
  tcb.unreachable = true;
}

function send(tcb: ControlBlock, now: number): void {
  if (tcb.pacer !== undefined) tcb.pacer.wakeAt = Infinity;
  if (tcb.synDue && !sendSyn(tcb, now)) return;
  if (maySend(tcb.state) || maySendEarly(tcb)) {
    restartAfterIdle(tcb, now);
    if (!sendLost(tcb, now)) return;
    if (tcb.tailProbeDue && !sendTailProbe(tcb, now)) return;
    while (sendNew(tcb, now));
    // The application is not to blame while what was lost waits to go again.
    if (tcb.limit === 'application' && tcb.recovery.findLost()) noteLimit(tcb, lossLimit(tcb));
  }
  if (isSynchronized(tcb.state) && tcb.acker.due(now)) sendAck(tcb);
}

/** RFC 7413 §4.2.2: before the end of the handshake, but not once a SYN-ACK was lost. */
function maySendEarly(tcb: ControlBlock): boolean {
  return tcb.state === 'SYN_RECV' && tcb.handedOver && !tcb.synLost;
}

/** [S-069] RFC 5681 §4.1: after an idle retransmission time-out the window starts over. */
function restartAfterIdle(tcb: ControlBlock, now: number): void {
  const { snd, congestion, lastSentAt } = tcb;
  if (congestion === undefined || snd.una !== snd.nxt || lastSentAt < 0) return;
  if (tcb.unsent > 0 && now - lastSentAt > tcb.rto.rto) congestion.onIdle(now - lastSentAt, tcb.rto.rto);
}

/** Retransmits what is deemed lost, as far as the windows allow; false when the interface's queue is full. */
function sendLost(tcb: ControlBlock, now: number): boolean {
  const { snd, recovery } = tcb;
  while (recovery.findLost()) {
    const seq = recovery.lostNext;
    const octets = seqDiff(recovery.lostEnd, seq);
    // [SHLD-16] RFC 9293 §3.8.6: retransmitted as usual while inside SND.UNA + SND.WND; beyond it is the prober's.
    const window = seqDiff(seqAdd(snd.una, snd.wnd), seq);
    if (window <= 0) break;
    const length = Math.min(snd.mss, octets, tcb.sendQueue.length - seqDiff(seq, tcb.dataStart), window);
    if (!tcb.mustRetransmit && (tcb.frto !== undefined || length > quota(tcb) || paced(tcb, now) === 0)) break;
    const fin = seqAdd(seq, length) === tcb.finAt && length < octets;
    if (!sendData(tcb, seq, length, fin, now)) return false;
    // Whoever observes retransmissions may have aborted: nothing is left to be sent.
    if (tcb.closed) return false;
    recovery.onRetransmitted(seqAdd(seq, length + (fin ? 1 : 0)));
    // RFC 6675 §6, as Linux: the timer that ran for the segment that was lost is too short for its repetition.
    if (tcb.sack?.phase === 'recovery' && seq === snd.una) tcb.retransmitAt = now + tcb.rto.rto;
    tcb.mustRetransmit = false;
  }
  tcb.mustRetransmit = false;
  return true;
}

/** What keeps a retransmission back: `paceAt` is set when only pacing does. */
function lossLimit(tcb: ControlBlock): FlowLimit {
  const { snd, recovery } = tcb;
  if (seqDiff(seqAdd(snd.una, snd.wnd), recovery.lostNext) <= 0) return 'receive-window';
  return tcb.paceAt === Infinity ? 'congestion-window' : 'pacing';
}

/** RFC 8985 §7.3: a new segment if the window allows one, else the last again, [SHLD-16] of what is inside the window. */
function sendTailProbe(tcb: ControlBlock, now: number): boolean {
  const { snd, sack, scoreboard } = tcb;
  const tail = scoreboard.tailStart;
  const needless = sack === undefined || sack.phase !== 'open' || scoreboard.sacked > 0 || tail === undefined;
  // RFC 8985 §8: a closed window is the prober's; it may have closed while the interface's queue was full.
  if (needless || snd.wnd === 0) {
    tcb.tailProbeDue = false;
    return true;
  }
  const { usable } = tcb;
  const fresh = Math.min(tcb.unsent, snd.mss);
  if (fresh > 0 && fresh <= usable) {
    if (!sendData(tcb, snd.nxt, fresh, false, now)) return false;
    sack.onProbeSent(snd.nxt, snd.nxt, false);
  } else {
    const fin = tcb.finSent && usable >= 0;
    const sentEnd = tcb.finSent ? seqAdd(snd.nxt, -1) : snd.nxt;
    const dataEnd = seqMin(sentEnd, seqAdd(snd.una, snd.wnd));
    const seq = seqMax(fin || seqLt(tail, dataEnd) ? tail : tcb.dataStart, seqAdd(dataEnd, -snd.mss));
    const length = seqDiff(dataEnd, seq);
    if (!sendData(tcb, seq, length, fin, now)) return false;
    sack.onProbeSent(snd.nxt, seqAdd(seq, length + (fin ? 1 : 0)), true);
  }
  tcb.tailProbeDue = false;
  // RFC 8985 §7.3: from here on the retransmission timer watches.
  tcb.tailProbeStale = false;
  return !tcb.closed;
}

/** Sends one segment, or one super-segment, of new data; false when there is nothing (more) to send now. */
function sendNew(tcb: ControlBlock, now: number): boolean {
  const { snd, usable } = tcb;
  const available = tcb.unsent;
  const finDue = tcb.finAt !== undefined && !tcb.finSent;
  if (available === 0 && !finDue) return stop(tcb, 'application');
  if (tcb.ecn.resumeAt !== Infinity) return stop(tcb, 'congestion-window');
  const probe = sizeProbeDue(tcb, now);
  if (probe === HOLD) return stop(tcb, 'application');
  if (probe > 0) return sendSizeProbe(tcb, probe, now);
  const congested = quota(tcb);
  if (available === 0) {
    // A FIN alone takes one octet of the window; like the last data it does not wait for Nagle.
    if (usable > 0 && congested > 0) sendData(tcb, snd.nxt, 0, true, now);
    return stop(tcb, 'application');
  }
  let length = Math.min(available, usable, congested, largestPayload(tcb));
  // [SHLD-28] RFC 9293 §3.9.1.2: segments of the full size wherever possible.
  if (length > snd.mss && length < available) length -= length % snd.mss;
  if (length <= 0) return stop(tcb, usable <= 0 ? 'receive-window' : 'congestion-window');
  if (length > snd.mss) length = tailMayGo(tcb) ? wholeSegments(tcb, length) : length - (length % snd.mss);
  if (length < snd.mss && !smallMayGo(tcb, length, available, usable, congested)) {
    if (length === available) return stop(tcb, 'application');
    return stop(tcb, usable < congested ? 'receive-window' : 'congestion-window');
  }
  const pace = paced(tcb, now);
  if (pace === 0) return stop(tcb, 'pacing');
  if (pace < length && length > snd.mss) length = Math.max(snd.mss, pace - (pace % snd.mss));
  const fin = finDue && length === available && usable > length;
  const from = snd.nxt;
  const sent = sendData(tcb, from, length, fin, now);
  if (tcb.frtoCredit > 0) tcb.frtoCredit = Math.max(0, tcb.frtoCredit - seqDiff(snd.nxt, from));
  return sent;
}

function stop(tcb: ControlBlock, limit: FlowLimit): false {
  noteLimit(tcb, limit);
  return false;
}

/** [S-054] RFC 4821 §7.5: new data in one packet larger than the others, to see whether it gets through. */
function sendSizeProbe(tcb: ControlBlock, length: number, now: number): boolean {
  const seq = tcb.snd.nxt;
  if (!sendData(tcb, seq, length, false, now, length)) return false;
  sizeProbeSent(tcb, seq, length);
  return true;
}

/** May a segment that is not full go behind full ones that are still on their way? */
function tailMayGo(tcb: ControlBlock): boolean {
  // RFC 5682 §2.1 step 2b: F-RTO's new data is all that can be answered now (Linux: tcp_process_loss turns Nagle off).
  if (tcb.frtoCredit > 0) return true;
  // The end and urgent data wait for nothing (as Linux, tcp_nagle_test).
  if (tcb.finAt !== undefined || (tcb.urgentOut !== undefined && tcb.urgentOut.ahead(tcb.snd.nxt) > 0)) return true;
  return tcb.options.cork ? tcb.cork?.holds === false : tcb.options.noDelay;
}

/**
 * [MUST-38] RFC 9293 §3.8.6.2.1, sender silly-window avoidance with Nagle's algorithm [SHLD-7]: a segment that is not
 * full goes when it is all there is and nothing is on its way (or Nagle is off [MUST-17]), or when it fills half of the
 * largest window the peer ever offered. What waits otherwise is sent by an ACK or by the persist timer [MUST-60].
 */
function smallMayGo(tcb: ControlBlock, length: number, available: number, usable: number, congested: number): boolean {
  const { snd } = tcb;
  // A SYN on its way is no data.
  const idle = tcb.dataStart === snd.nxt;
  if (tcb.overrideSilly) {
    tcb.overrideSilly = false;
    return true;
  }
  if (length === available) return (idle && !tcb.options.cork) || tailMayGo(tcb);
  if (congested < Math.min(available, usable)) return idle; // the congestion window opens by itself, at whole segments
  return idle && length * 2 >= snd.maxWnd;
}

/** Sets the timers to what is now on its way or waiting. */
function setTimers(tcb: ControlBlock, now: number): void {
  const { snd } = tcb;
  if (tcb.options.cork && tcb.unsent > 0) (tcb.cork ??= new Cork()).update(true, tcb.unsent, now);
  else tcb.cork = undefined;
  const outstanding = snd.una !== snd.nxt;
  // What waits for pacing, or after an ECN mark, has a timer of its own.
  const held = tcb.paceAt !== Infinity || tcb.ecn.resumeAt !== Infinity;
  const waiting = !held && (tcb.unsent > 0 || (tcb.finAt !== undefined && !tcb.finSent));
  // [MUST-36] [MUST-35] RFC 9293 §3.8.6.1: a window of zero is probed, also one that shrank under data on its way.
  const probing = maySend(tcb.state) && (snd.wnd === 0 ? outstanding || waiting : !outstanding && waiting);
  if (probing) (tcb.persist ??= new Persist()).start(now, tcb.rto.rto);
  else tcb.persist = undefined;
  if (!outstanding || probing) {
    // RFC 8985 §8: exclusive of the zero-window probe.
    tcb.retransmitAt = tcb.tailProbeAt = Infinity;
    tcb.tailProbeStale = true;
    return;
  }
  if (tcb.retransmitAt === Infinity) {
    // RFC 6298 §5.1: started when a packet with data is sent and the timer is not running.
    tcb.retransmitAt = now + tcb.rto.rto;
    tcb.stalledSince = now;
  }
  if (tcb.tailProbeStale) armTailProbe(tcb, now);
}

/** RFC 8985 §7.2: a probe waits for the end of a flight of which nothing is known to be lost or out of order. */
function armTailProbe(tcb: ControlBlock, now: number): void {
  const { snd, sack, rto, scoreboard, host } = tcb;
  tcb.tailProbeStale = false;
  tcb.tailProbeAt = Infinity;
  const quiet = sack !== undefined && sack.phase === 'open' && scoreboard.sacked === 0 && !scoreboard.hasLost;
  if (!quiet || !sack.probeReady) return;
  const lone = seqDiff(snd.nxt, snd.una) <= snd.mss;
  const due = now + TailLossProbe.timeout(rto.srtt, lone, host.clock.resolution);
  tcb.tailProbeAt = Math.min(due, tcb.retransmitAt);
}
