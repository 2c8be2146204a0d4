import type { IcmpError } from '../buffer/icmp-error.ts';
import { seqDiff } from '../buffer/seq.ts';
import { TCP_HEADER_LENGTH } from '../wire/tcp.ts';
import type { ControlBlock } from './control-block.ts';

/** Bytes of IP and TCP header, TCP options not counted, as the MSS means it (RFC 6691 §2). */
function headersOf(tcb: Pick<ControlBlock, 'path'>): number {
  return tcb.path.headerLength + TCP_HEADER_LENGTH;
}

/** Bytes in front of the payload of a segment with data. */
function overheadOf(tcb: ControlBlock): number {
  return headersOf(tcb) + tcb.timestamps.length;
}

/**
 * The MSS that we announce: MMS_R − 20 [MUST-67], from the interface alone. What is known of the path says nothing of
 * the other direction (RFC 1191 §6.4). TCP options are not counted ([S-100] RFC 6691 §2).
 */
export function announcedMss(tcb: Pick<ControlBlock, 'path' | 'options'>): number {
  return Math.min(tcb.path.linkMtu - headersOf(tcb), tcb.options.mss);
}

/**
 * The payload of a full segment as it is now. [MUST-16] RFC 9293 §3.7.1: Eff.snd.MSS =
 * min(SendMSS + 20, MMS_S) − TCPhdrsize − IPoptionsize, where MMS_S follows the path [SHLD-6].
 */
export function effectiveMss(tcb: ControlBlock, now: number): number {
  const { path, snd, options, pathMtu } = tcb;
  const headers = headersOf(tcb);
  const allowed = Math.min(path.mtu, Math.min(snd.peerMss, options.mss) + headers);
  return pathMtu.follow(now, path.linkMtu, allowed) - overheadOf(tcb);
}

/** [SHLD-6] RFC 9293 §3.7.3: new segments have the size that the path takes now. Before anything is sent. */
export function followPathMtu(tcb: ControlBlock, now: number): void {
  const { snd, recovery, congestion, pathMtu } = tcb;
  if (congestion === undefined) return;
  const mss = effectiveMss(tcb, now);
  if (mss !== snd.mss) {
    snd.mss = mss;
    congestion.onMssChange?.(mss);
  }
  if (!pathMtu.oversized) return;
  pathMtu.oversized = false;
  if (snd.una === snd.nxt) return;
  // [S-052] RFC 1191 §6.4: what was dropped for its size is sent again at once, and the congestion window stands.
  recovery.onPathChanged(snd.una, snd.nxt);
  tcb.mustRetransmit = true;
}

/** Data `[seq, end)` has gone out. */
export function segmentSent(tcb: ControlBlock, seq: number, end: number): void {
  tcb.pathMtu.onSent(seq, end, Math.min(seqDiff(end, seq), tcb.snd.mss) + overheadOf(tcb));
}

/** The retransmission timer has expired, for the `timeouts`-th time in a row: its size may be why. */
export function sizeTimeout(tcb: ControlBlock, now: number, timeouts: number): void {
  const { snd, rto, congestion, pathMtu, host } = tcb;
  const size = Math.min(seqDiff(snd.nxt, snd.una), snd.mss) + overheadOf(tcb);
  const explained = tcb.softError !== undefined;
  const pause = ((congestion?.cwnd ?? snd.mss) / snd.mss) * rto.srtt;
  const { told } = pathMtu;
  if (!pathMtu.onTimeout(now, snd.una, timeouts, size, explained, pause)) return;
  if (pathMtu.told === told) return host.counters.add('tcp-mtu-black-hole');
  host.counters.add('tcp-mtu-lowered');
  tcb.path.limitMtu(pathMtu.told);
}

/** A router could not forward the segment at `seq`, which is on its way: it was too big. */
export function tooBig(tcb: ControlBlock, error: IcmpError, seq: number): void {
  const { pathMtu, path, host } = tcb;
  const verdict = pathMtu.onTooBig(error.now, error.mtu, error.quotedLength, seq);
  host.counters.add(`tcp-mtu-${verdict}`);
  if (verdict !== 'lowered') return;
  path.limitMtu(pathMtu.told);
  tcb.touch();
}
