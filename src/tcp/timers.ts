import { seqDiff } from '../buffer/seq.ts';
import type { ControlBlock } from './control-block.ts';
import { timerSample } from './ack-event.ts';
import { fail, release } from './ending.ts';
import { fastOpenTimeout, noteFastOpenFailure } from './fast-open-client.ts';
import { reorderingTimeout, reportLoss } from './input-sack.ts';
import type { Keepalive } from './keepalive.ts';
import type { Persist } from './persist.ts';
import { sizeTimeout } from './segment-size.ts';
import { sendKeepalive, sendProbe, sendReset } from './transmit.ts';

/**
 * R1 of RFC 9293 §3.8.3 [SHLD-10]: after so many retransmissions, of SYNs too [MUST-22], IP is advised to look for another
 * way, and the owner is told. Linux: net.ipv4.tcp_retries1.
 */
const R1_RETRANSMISSIONS = 3;

/** Does whatever is due at `now`; `output` follows and sends. */
export function timersExpire(tcb: ControlBlock, now: number): void {
  tcb.timestamps.tick(now);
  if (tcb.connectBy !== undefined && tcb.connectBy <= now) {
    noteFastOpenFailure(tcb, now);
    return fail(tcb, tcb.softError ?? 'ETIMEDOUT'); // [MUST-20] [MUST-23] R2 of a SYN
  }
  if (tcb.lingerAt !== undefined && tcb.lingerAt <= now) return lingerOver(tcb);
  if (tcb.releaseAt !== undefined && tcb.releaseAt <= now) {
    tcb.releaseAt = undefined;
    tcb.setReferenced(false);
  }
  if (tcb.acker.deadline <= now) tcb.acker.expire();
  if (tcb.cork !== undefined && tcb.cork.deadline <= now) tcb.cork.expire();
  const { sack } = tcb;
  if (sack !== undefined && sack.reorderAt <= now) reorderingTimeout(tcb, sack, now);
  // [S-080] RFC 8985 §7.2: a probe that is due no earlier than the retransmission timer goes in its place.
  if (!tailProbeTimeout(tcb, now) && tcb.retransmitAt <= now) retransmissionTimeout(tcb, now);
  if (tcb.ecn.resumeAt <= now) tcb.ecn.resumeAt = Infinity;
  if (tcb.persist !== undefined && tcb.persist.deadline <= now) probe(tcb, tcb.persist, now);
  if (tcb.keepalive !== undefined && tcb.keepalive.deadline <= now) keepAlive(tcb, tcb.keepalive, now);
}

/** 2 MSL, the wait of an orphan for the peer's FIN, or the time that `linger` gave it, have passed. */
function lingerOver(tcb: ControlBlock): void {
  if (tcb.state === 'TIME_WAIT') return release(tcb, '2msl');
  // The peer must know that what it misses will not come any more.
  if (!tcb.finAcked) {
    tcb.host.counters.add('tcp-linger-timeout');
    sendReset(tcb, tcb.snd.nxt);
  }
  release(tcb, 'end');
}

/** RFC 8985 §7.3: a tail loss probe is due; false when there is none, or what SACK reports has made it needless. */
function tailProbeTimeout(tcb: ControlBlock, now: number): boolean {
  const { sack, scoreboard } = tcb;
  if (tcb.tailProbeAt > now) return false;
  tcb.tailProbeAt = Infinity;
  if (sack === undefined || sack.phase !== 'open' || scoreboard.sacked > 0) return false;
  tcb.tailProbeDue = true;
  // "Regardless of whether a loss probe was sent, the sender MUST re-arm the RTO timer."
  tcb.retransmitAt = now + tcb.rto.rto;
  return true;
}

/** RFC 6298 §5.4–5.7: nothing was acknowledged in time. */
function retransmissionTimeout(tcb: ControlBlock, now: number): void {
  const { rto, congestion } = tcb;
  // [MUST-20] [MUST-21] RFC 9293 §3.8.3: R2 closes the connection.
  if (congestion !== undefined && now - tcb.stalledSince >= tcb.giveUpAfter) {
    return fail(tcb, tcb.softError ?? 'ETIMEDOUT');
  }
  tcb.timeouts++;
  tcb.expiries = tcb.progressed ? 1 : tcb.expiries + 1;
  fastOpenTimeout(tcb, rto.backoffs + 1, now);
  if (tcb.state === 'SYN_SENT' || tcb.state === 'SYN_RECV') {
    // [MUST-22] RFC 9293 §3.8.3: like data; only R2 is another, `connectBy`.
    tcb.synDue = true;
    tcb.synLost = true;
    tcb.progressed = false;
  } else {
    lossTimeout(tcb, now);
    sizeTimeout(tcb, now, rto.backoffs + 1);
  }
  rto.backOff();
  // R2 is not overshot by a long back-off (Linux: tcp_clamp_rto_to_user_timeout).
  const giveUpAt = congestion === undefined ? Infinity : tcb.stalledSince + tcb.giveUpAfter;
  tcb.retransmitAt = Math.min(now + rto.rto, giveUpAt);
  excessive(tcb, tcb.expiries);
}

/** [MUST-20] RFC 9293 §3.8.3: so many retransmissions, or probes of a closed window, were not answered. */
function excessive(tcb: ControlBlock, unanswered: number): void {
  if (unanswered === R1_RETRANSMISSIONS) {
    tcb.host.counters.add('tcp-r1');
    // [SHLD-9] the application is told before R2.
    tcb.reportSoftError(tcb.softError ?? 'ETIMEDOUT');
  }
  // Above R1 each gateway that there is gets as many tries.
  if (unanswered % R1_RETRANSMISSIONS === 0) tcb.path.adviseNegative();
}

/** Segments on their way are lost: the loss window, and the first of them again (RFC 5681 §3.1). */
function lossTimeout(tcb: ControlBlock, now: number): void {
  const { snd, sack, scoreboard, congestion } = tcb;
  const { phase, congested } = tcb.recovery;
  const flight = seqDiff(snd.nxt, snd.una);
  if (phase === 'open') tcb.watchSpurious().start(snd.una, snd.nxt);
  tcb.beginFrto(phase);
  const before = scoreboard.losses;
  if (sack === undefined) tcb.newReno?.onTimeout(snd.una, snd.nxt);
  else sack.onTimeout(snd.una, snd.nxt, now, tcb.minRtt.value, tcb.rto.srtt);
  // RFC 5681 §3.1: held constant while the same data is lost again and again; unless the last answer was taken back.
  const lost = scoreboard.losses - before;
  if (tcb.progressed || !congested) {
    congestion?.onCongestion('timeout', timerSample(tcb, now, lost, flight));
    // Without SACK everything that is outstanding is deemed lost (RFC 6582 §3.2 step 4), unknown to the scoreboard.
    reportLoss(tcb, 'timeout', sack === undefined ? flight : lost);
  }
  tcb.ecn.onTimeout(snd.nxt);
  tcb.progressed = tcb.tailProbeDue = false;
  tcb.tailProbeAt = Infinity;
  tcb.mustRetransmit = true;
}

/** There is a way again, or a link that was down is up: what was on its way is lost, which says nothing of congestion. */
export function resume(tcb: ControlBlock, now: number): void {
  const { snd, recovery, rto } = tcb;
  tcb.unreachable = false;
  // Data that waits for a closed window is not on its way: only the next probe tells that it is open by now.
  if (tcb.persist !== undefined) return probe(tcb, tcb.persist, now);
  if (snd.una === snd.nxt) return;
  if (!tcb.synAcked) {
    tcb.synDue = true;
  } else {
    recovery.onPathChanged(snd.una, snd.nxt);
    tcb.spurious?.stop();
    tcb.endFrto();
    tcb.mustRetransmit = true;
  }
  rto.resetBackOff();
  tcb.retransmitAt = now + rto.rto;
}

/** RFC 9293 §3.8.6.1: the window is closed, or data waits for one too small to use. */
function probe(tcb: ControlBlock, persist: Persist, now: number): void {
  // [MUST-37] [SHLD-17] [S-101] While probes are acknowledged the connection lives on; unanswered ones count
  // towards R2.
  if (persist.unansweredProbes > 0 && now - persist.unansweredSince >= tcb.giveUpAfter) {
    return fail(tcb, tcb.softError ?? 'ETIMEDOUT');
  }
  // [S-101] RFC 6429 §4: nobody is left to wait for a peer that keeps the window of an orphan closed, once probes can't
  // come any slower (Linux: tcp_probe_timer).
  if (tcb.orphan && tcb.snd.wnd === 0 && persist.slowest) {
    tcb.host.counters.add('tcp-orphan-window-closed');
    sendReset(tcb, tcb.snd.nxt);
    return release(tcb, 'end');
  }
  if (tcb.snd.wnd > 0) tcb.overrideSilly = true;
  else sendProbe(tcb);
  persist.onProbe(now, tcb.rto.rto, tcb.giveUpAfter);
  excessive(tcb, persist.unansweredProbes);
}

/** [MUST-26] [MUST-29] RFC 9293 §3.8.4: only on a connection on which nothing is on its way. */
function keepAlive(tcb: ControlBlock, keepalive: Keepalive, now: number): void {
  if (tcb.snd.una !== tcb.snd.nxt || tcb.unsent > 0) return keepalive.onActivity(now);
  if (keepalive.onDeadline(now) === 'probe') return void sendKeepalive(tcb);
  // A peer that lives after all learns that nobody is here any more (Linux: tcp_keepalive_timer).
  sendReset(tcb, tcb.snd.nxt);
  fail(tcb, 'ETIMEDOUT');
}
