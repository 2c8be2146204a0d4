import { seqGt } from '../buffer/seq.ts';
import type { ControlBlock } from './control-block.ts';
import type { Segment } from './segment.ts';

/**
 * May this SYN begin a new incarnation of a connection in TIME-WAIT? [SHLD-4] [S-095] RFC 6191 §2; [MAY-2] RFC 9293
 * §3.6.1.
 *
 * @param timestamps the new incarnation would use timestamps.
 */
export function mayReopen(tcb: ControlBlock, syn: Segment, timestamps: boolean): boolean {
  // Above everything received: no segment of the old incarnation fits the new one's window.
  const above = seqGt(syn.seq, tcb.rcv.nxt);
  if (!timestamps) return above;
  // Old segments have none: PAWS drops them.
  if (!tcb.timestamps.ok) return true;
  const { recent } = tcb.timestamps;
  const { tsValue } = syn.options;
  return seqGt(tsValue, recent) || (tsValue === recent && above);
}
