import { seqAdd, seqDiff } from '../buffer/seq.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { AckEvent } from './ack-event.ts';
import type { ControlBlock } from './control-block.ts';
import type { FrtoAck } from './frto.ts';
import type { Segment } from './segment.ts';
import type { SpuriousCause } from './spurious.ts';

/** How it was found out that nothing had been lost. */
export type UndoCause = SpuriousCause | 'frto';

/** One object for all connections: it is read during the call only. */
const frtoAck: FrtoAck = {
  una: 0,
  nxt: 0,
  advanced: false,
  duplicate: false,
  sackedOriginal: 0,
  sackedEnd: 0,
  canSendNew: false,
};

/**
 * Does this ACK show that the recovery at hand, or the one just over, was entered for nothing? Then what it did is taken
 * back (RFC 4015 §3). Comes before loss recovery looks at the ACK.
 */
export function undoSpurious(tcb: ControlBlock, segment: Segment, ack: AckEvent): void {
  const cause = findSpurious(tcb, segment, ack);
  tcb.settleSpurious();
  if (cause === undefined) return;
  // RFC 4015 §3.1 step 9: congestion was reported by other means.
  if (segment.has(TcpFlag.ECE) || tcb.ecn.marked) return;
  const { snd, congestion } = tcb;
  const byTimer = tcb.recovery.phase === 'loss';
  // RFC 8985 §6.2 step 3 sees nothing in what was sent again: that the original came is reordering all the same (Linux:
  // tcp_try_undo_partial). From now on loss detection waits.
  if (tcb.recovery.phase === 'recovery') tcb.rack.reorderingSeen = true;
  tcb.endFrto();
  tcb.spurious?.stop();
  tcb.scoreboard.forgetLost();
  tcb.recovery.undo(snd.una);
  congestion?.onSpurious?.(ack.now);
  tcb.ecn.onSpurious();
  tcb.mustRetransmit = false;
  // RFC 4015 §3.3: the next round-trip time of data sent from here on corrects the timer that was too quick.
  if (byTimer) tcb.timerUndoneAt = ack.now;
  tcb.undos++;
  if (tcb.host.observed()) tcb.host.observe(tcb, { type: 'undo', cause });
}

function findSpurious(tcb: ControlBlock, segment: Segment, ack: AckEvent): UndoCause | undefined {
  const { snd, frto, timestamps } = tcb;
  const { report } = ack;
  const { options } = segment;
  let cause: UndoCause | undefined;
  if (report.dsacked > 0) cause = tcb.watchSpurious().onDuplicateReported(report.dsackStart, report.dsackEnd);
  if (ack.advanced && cause === undefined) {
    const tsecr = timestamps.ok && options.timestamps ? options.tsEcho : -1;
    cause = tcb.spurious?.onAck(snd.una, snd.nxt, tsecr, report.dsacked > 0);
  }
  if (frto === undefined) return cause;
  frtoAck.una = snd.una;
  frtoAck.nxt = snd.nxt;
  frtoAck.advanced = ack.advanced;
  frtoAck.duplicate = ack.duplicate;
  frtoAck.sackedOriginal = report.sackedOriginals;
  frtoAck.sackedEnd = report.sackedEnd;
  // The window as this ACK has it, which is taken in later; one too small to use (silly-window avoidance) is none.
  const usable = seqDiff(seqAdd(segment.ack, segment.window(snd.scale)), snd.nxt);
  frtoAck.canSendNew = tcb.unsent > 0 && usable >= Math.min(tcb.unsent, snd.mss);
  const action = frto.onAck(frtoAck);
  // RFC 5682 §2.1 step 2b: two new segments, whatever the window says.
  tcb.frtoCredit = action === 'send-new' ? 2 * snd.mss : 0;
  if (!frto.active) tcb.frto = undefined;
  // Step 2a, 3a: it was a loss; the first hole is sent again, and slow start goes on from there.
  if (action === 'conventional') tcb.mustRetransmit = true;
  return cause ?? (action === 'spurious' ? 'frto' : undefined);
}
