import type { IcmpError } from '../buffer/icmp-error.ts';
import { seqAdd, seqDiff } from '../buffer/seq.ts';
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
  if (congestion === undefined || !tcb.synAcked) return;
  const mss = effectiveMss(tcb, now);
  if (mss !== snd.mss) {
    snd.mss = mss;
    congestion.onMssChange?.(mss);
    tcb.pacer?.setMss(mss);
  }
  if (!pathMtu.oversized) return;
  pathMtu.oversized = false;
  if (snd.una === snd.nxt) return;
  // [S-052] RFC 1191 §6.4: what was dropped for its size is sent again at once, and the congestion window stands.
  recovery.onPathChanged(snd.una, snd.nxt);
  tcb.mustRetransmit = true;
}

/** Data `[seq, end)` has gone out in packets with at most `segment` bytes of payload. */
export function segmentSent(tcb: ControlBlock, seq: number, end: number, segment: number): void {
  tcb.pathMtu.onSent(seq, end, Math.min(seqDiff(end, seq), segment) + overheadOf(tcb));
}

/**
 * [S-054] RFC 4821 §7.4: the payload of a probe that is to be sent in place of other new data, to find out whether the
 * path carries packets of its size; 0 for none, `HOLD` when new data is to wait for an ACK.
 */
export function sizeProbeDue(tcb: ControlBlock, now: number): number {
  const { snd, recovery, congestion, pathMtu } = tcb;
  // "It has no outstanding probes or losses."
  if (!pathMtu.search.active || recovery.phase !== 'open' || congestion === undefined) return 0;
  // A probe is more than the reduction after a mark lets go.
  if (tcb.ecn.reducing) return 0;
  const flight = seqDiff(snd.nxt, snd.una);
  const overhead = overheadOf(tcb);
  const size = pathMtu.probeSize(now, tcb.unsent, snd.wnd, congestion.cwnd, flight, overhead);
  return size > 0 ? size - overhead : size;
}

/** The probe that was due has gone out. */
export function sizeProbeSent(tcb: ControlBlock, seq: number, length: number): void {
  tcb.pathMtu.onProbeSent(seq, seqAdd(seq, length), length + overheadOf(tcb));
}

/**
 * Of what SACK shows to be lost and waits to be sent again: is it a probe, and nothing else? Then its size is to blame,
 * and congestion control is told nothing ([S-054] RFC 4821 §7.6.2).
 */
export function sizeProbeFailed(tcb: ControlBlock, now: number): boolean {
  const { search } = tcb.pathMtu;
  if (search.probeSize > 0 && onlyLoss(tcb, search.probeSeq, search.probeEnd)) {
    tcb.pathMtu.onProbeLost(now, nextLoss(tcb));
    return true;
  }
  // Further ACKs of the batch come before it is sent again.
  return onlyLoss(tcb, search.failedSeq, search.failedEnd);
}

/** Nothing but `[seq, end)` is lost, and no recovery under way. */
function onlyLoss({ scoreboard, recovery }: ControlBlock, seq: number, end: number): boolean {
  if (recovery.phase !== 'open' || scoreboard.lost !== seqDiff(end, seq) || !scoreboard.findLost()) return false;
  return scoreboard.lostStart === seq && scoreboard.lostEnd === end;
}

/** Without SACK duplicate ACKs ask for the octet at SND.UNA, and no more is known: is it a probe? Linux does so, too. */
export function sizeProbeSuspected(tcb: ControlBlock, now: number): void {
  const { pathMtu, snd } = tcb;
  if (pathMtu.search.probeSeq === snd.una) pathMtu.onProbeLost(now, nextLoss(tcb));
}

/** RFC 4821 §7.6.2: the next loss by congestion is expected after as many round trips as cwnd has segments. */
function nextLoss({ congestion, snd, rto }: ControlBlock): number {
  return ((congestion?.cwnd ?? snd.mss) / snd.mss) * rto.srtt;
}

/** The retransmission timer has expired, for the `timeouts`-th time in a row: its size may be why. */
export function sizeTimeout(tcb: ControlBlock, now: number, timeouts: number): void {
  const { snd, pathMtu, host } = tcb;
  const size = Math.min(seqDiff(snd.nxt, snd.una), snd.mss) + overheadOf(tcb);
  const explained = tcb.softError !== undefined;
  const { told } = pathMtu;
  if (!pathMtu.onTimeout(now, snd.una, timeouts, size, explained, nextLoss(tcb))) return;
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
