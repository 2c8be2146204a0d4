import type { IcmpError } from '../buffer/icmp-error.ts';
import { seqAdd, seqLe, seqLt } from '../buffer/seq.ts';
import { tcpSequence } from '../wire/tcp.ts';
import type { ControlBlock } from './control-block.ts';
import { fail } from './ending.ts';
import { noteFastOpenFailure } from './fast-open-client.ts';
import { tooBig } from './segment-size.ts';

/**
 * An ICMP error that quotes a segment of this connection [MUST-54] (addresses and ports were matched by the table).
 */
export function icmpErrorArrives(tcb: ControlBlock, error: IcmpError): void {
  const { snd } = tcb;
  const seq = tcpSequence(error.memory.view, error.start);
  // [S-092] RFC 5927 §4.1: SND.UNA =< SEG.SEQ < SND.NXT: on its way, or anybody could have written it.
  // A zero-window probe has carried the octet at SND.NXT.
  const end = tcb.probed ? seqAdd(snd.nxt, 1) : snd.nxt;
  if (!(seqLe(snd.una, seq) && seqLt(seq, end))) {
    tcb.host.counters.add('tcp-icmp-stale');
    return;
  }
  // [S-052] RFC 1191: no error but news of the path.
  if (error.code === 'EMSGSIZE') return tooBig(tcb, error, seq);
  // RFC 7413 §4.1.3.1
  if (tcb.state === 'SYN_SENT') noteFastOpenFailure(tcb, error.now);
  // [SHLD-26] RFC 5461 §4.1, RFC 5927 §5.2: hard errors end a connection only before it is synchronized;
  // [MUST-56] soft ones never do, and to TCP a parameter problem, EINVAL in both ICMPs, is one (RFC 9293 §3.9.2.2).
  // That there is no such neighbour the host has found out itself: as Linux, a connect ends with EHOSTUNREACH.
  const hard = error.byHost || (error.hard && error.code !== 'EINVAL');
  if (hard && tcb.state === 'SYN_SENT') fail(tcb, error.code);
  else {
    tcb.softError = error.code; // [SHLD-25] reported in place of ETIMEDOUT
    tcb.reportSoftError(error.code);
  }
}
