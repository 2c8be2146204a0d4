import { usageError } from '../errors.ts';
import type { CongestionController } from './congestion/controller.ts';
import type { ControlBlock } from './control-block.ts';
import { Pacer } from './pacer.ts';

/** What keeps a sender from sending more at the moment. */
export type FlowLimit = 'application' | 'receive-window' | 'congestion-window' | 'pacing';

/** Bytes that congestion control allows to leave now. */
export function quota(tcb: ControlBlock): number {
  const { snd, congestion, recovery } = tcb;
  const { una, nxt } = snd;
  if (congestion === undefined) return snd.mss - recovery.pipe(una, nxt);
  if (!(congestion.cwnd > 0)) throw unusable(congestion, 'cwnd');
  // RFC 5682 §2.1 step 2b: whether the timeout was spurious only new data can tell.
  if (tcb.frtoCredit > 0) return tcb.frtoCredit;
  // A controller with a model of the path says itself what may be in flight during recovery.
  if (congestion.onDelivery !== undefined) return congestion.cwnd - recovery.pipe(una, nxt);
  // A SYN takes nothing of the window (RFC 7413 §4.2.2 step 6).
  return recovery.quota(congestion.cwnd, tcb.dataStart, nxt);
}

/**
 * Bytes that pacing allows to leave now; where it is nothing, `paceAt` says when. Asked only when everything
 * else allows to send: an idle sender has no deadline.
 */
export function paced(tcb: ControlBlock, now: number): number {
  const { congestion } = tcb;
  const rate = congestion?.pacingRate;
  if (congestion === undefined || rate === undefined) return Infinity;
  if (!(rate > 0)) throw unusable(congestion, 'pacingRate');
  const pacer = (tcb.pacer ??= new Pacer(tcb.host.clock.resolution, tcb.snd.mss));
  pacer.setRate(rate, now);
  const bytes = pacer.available(now);
  if (bytes === 0) pacer.wakeAt = pacer.deadline;
  return bytes;
}

/** With such a number nothing would ever be sent, or, NaN, without an end: it costs the connection, as an exception does. */
function unusable(congestion: CongestionController, name: 'cwnd' | 'pacingRate'): Error {
  const { name: controller, [name]: value } = congestion;
  return usageError(
    'ERR_OUT_OF_RANGE',
    `the congestion controller '${controller}' has a ${name} of ${value}: it must be above 0`,
    RangeError,
  );
}

/** Sending has come to an end for now: says why, and whether delivery rates are the application's doing. */
export function noteLimit(tcb: ControlBlock, limit: FlowLimit): void {
  tcb.limit = limit;
  if (limit !== 'application' || tcb.congestion === undefined || tcb.recovery.findLost()) return;
  const pipe = tcb.recovery.pipe(tcb.snd.una, tcb.snd.nxt);
  if (pipe < tcb.congestion.cwnd) tcb.rate.onAppLimited(pipe);
}
