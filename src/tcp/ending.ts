import type { ErrorCode } from '../errors.ts';
import type { ControlBlock } from './control-block.ts';
import { awaitsReader } from './deliver.ts';
import { Notice } from './notice.ts';
import type { StateEvent } from './states.ts';

/* How a connection ends: with an error, without an owner, in TIME-WAIT, in CLOSED. */

/** MSL of 30 s, as Linux: TIME-WAIT lasts 60 s (TCP_TIMEWAIT_LEN). RFC 9293 §3.4.2 suggests two minutes and leaves it free. */
export const TIME_WAIT_US = 60_000_000;
/** An orphan waits so long in FIN-WAIT-2 for the peer's FIN. Linux: net.ipv4.tcp_fin_timeout. */
const FIN_TIMEOUT_US = 60_000_000;

/** An orphan keeps the process alive for so long at the most. */
const ORPHAN_HOLD_US = 60_000_000;

/** Ends the connection with an error for its owner. */
export function fail(tcb: ControlBlock, code: ErrorCode, cause?: unknown): void {
  if (tcb.state === 'CLOSED') return;
  tcb.error ??= tcb.errorOf(code, cause);
  tcb.notices |= Notice.error;
  release(tcb, 'end');
}

/** The owner has gone: bytes and FIN that are not acknowledged yet keep the process alive for a while. */
export function becomeOrphan(tcb: ControlBlock, now: number): void {
  tcb.orphan = true;
  tcb.notices = Notice.close;
  tcb.setReferenced(true);
  tcb.releaseAt = now + ORPHAN_HOLD_US;
  const { linger } = tcb.options;
  if (linger !== undefined) tcb.lingerAt = now + linger * 1000;
  tcb.host.lingers(tcb);
}

/** Our FIN is acknowledged: an orphan has nothing more to deliver, and waits for the peer's FIN only so long. */
export function settleOrphan(tcb: ControlBlock, now: number): void {
  tcb.releaseAt = undefined;
  tcb.setReferenced(false);
  tcb.lingerAt = now + FIN_TIMEOUT_US;
}

/** CLOSED: forgets everything but what the owner has not read yet. */
export function release(tcb: ControlBlock, event: StateEvent): void {
  tcb.enter(event);
  tcb.wakeAt(Infinity);
  tcb.lingerAt = tcb.connectBy = undefined;
  endSending(tcb);
  tcb.acker.sent();
  tcb.dropOutOfOrder();
  tcb.synDue = false;
  tcb.notify(Notice.close);
  tcb.account();
  tcb.setReferenced(false);
  tcb.listener?.forget(tcb);
  tcb.host.released(tcb);
  if (awaitsReader(tcb)) tcb.host.keepsUnread(tcb, true);
}

/** TIME-WAIT: the owner is done, the ports stay taken for 2 MSL. [MUST-13] RFC 9293 §3.6.1 */
export function enterTimeWait(tcb: ControlBlock, now: number): void {
  // Whoever was told of the new state may have aborted.
  if (tcb.state !== 'TIME_WAIT') return;
  endSending(tcb);
  tcb.lingerAt = now + TIME_WAIT_US;
  tcb.notify(Notice.close);
  tcb.account();
  tcb.setReferenced(false);
  tcb.host.lingers(tcb);
}

/** Nothing is sent (again) any more, and no timer waits for an acknowledgment. */
function endSending(tcb: ControlBlock): void {
  tcb.retransmitAt = tcb.tailProbeAt = tcb.ecn.resumeAt = Infinity;
  tcb.releaseAt = tcb.pacer = undefined;
  if (tcb.sack !== undefined) tcb.sack.reorderAt = Infinity;
  tcb.mustRetransmit = tcb.tailProbeDue = false;
  tcb.persist = tcb.keepalive = tcb.cork = undefined;
  tcb.sendQueue.clear();
  tcb.scoreboard.clear();
}
