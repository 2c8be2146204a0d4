import type { IcmpError } from '../buffer/icmp-error.ts';
import { seqGe, seqLe } from '../buffer/seq.ts';
import { tcpSequence } from '../wire/tcp.ts';
import type { ControlBlock } from './control-block.ts';

/**
 * An ICMP error that quotes a segment of this connection [MUST-54] (addresses and ports were matched by the table).
 */
export function icmpErrorArrives(tcb: ControlBlock, error: IcmpError): void {
  const { snd } = tcb;
  const seq = tcpSequence(error.memory.view, error.start);
  // [S-092] RFC 5927 §4.1: the quoted number must be one that is on its way, or anybody could have written it.
  if (!(seqLe(snd.una, seq) && seqGe(snd.nxt, seq))) {
    tcb.host.counters.add('tcp-icmp-stale');
    return;
  }
  // [SHLD-26] RFC 5461 §4.1, RFC 5927 §5.2: hard errors end a connection only before it is synchronized;
  // [MUST-56] soft ones never do.
  if (error.hard && tcb.state === 'SYN_SENT') tcb.fail(error.code);
  else tcb.softError = error.code; // [MUST-47] reported in place of ETIMEDOUT
}
