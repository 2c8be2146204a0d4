import { seqAdd, seqGt, seqLt } from '../buffer/seq.ts';
import { TCP_HEADER_LENGTH } from '../wire/tcp.ts';
import type { ControlBlock } from './control-block.ts';
import { FastOpen } from './fast-open-state.ts';
import { fitsSyn } from './handshake.ts';
import type { Segment } from './segment.ts';

/** Asks for a cookie. */
const NO_COOKIE = new Uint8Array(0);
/** Time-outs in a row that mean a black hole. Linux: tcp_fastopen_active_detect_blackhole, the third. */
const BLACK_HOLE_TIMEOUTS = 3;

/** Our first SYN is about to leave: what it is to say (RFC 7413 §4.2.1, §4.2.2 "Client: Sending SYN"). */
export function offerFastOpen(tcb: ControlBlock, now: number): void {
  const { host, path, remotePort, sendQueue } = tcb;
  const { local, remote } = path;
  const server = host.fastOpenCache.find(local, remote, remotePort, now);
  if (server !== undefined) {
    // With nothing to send a handshake as ever loses no time. §4.2.2 step 1a: nor without room for the option.
    if (sendQueue.length === 0 || !fitsSyn(tcb, server.cookie)) return;
    tcb.fastOpen = new FastOpen('sent', server.cookie);
    // RFC 7413 §4.1.3: the MSS that the server announced, of which TCP options take their part (RFC 6691 §2).
    tcb.fastOpen.room = Math.min(server.mss, path.mtu - path.headerLength - TCP_HEADER_LENGTH);
  } else if (host.fastOpenCache.mayAsk(local, remote, remotePort, now)) {
    tcb.fastOpen = new FastOpen('requested', NO_COOKIE);
  }
}

/** [S-097] RFC 7413 §4.2.2: data in a SYN only with a cookie, as much as one segment holds. */
export function synDataLength(tcb: ControlBlock, optionsLength: number): number {
  const room = (tcb.fastOpen?.room ?? 0) - optionsLength;
  return Math.max(0, Math.min(tcb.sendQueue.length, room));
}

/** RFC 7413 §4.2.2, "Client: Receiving SYN-ACK", step 1: the cache learns the cookie and the MSS. Before the ACK is taken. */
export function learnCookie(tcb: ControlBlock, synAck: Segment): void {
  const { fastOpen, host, path, remotePort, snd } = tcb;
  if (fastOpen === undefined) return;
  const { fastOpen: length, fastOpenCookie } = synAck.options;
  const accepted = fastOpen.synData > 0 && seqGt(synAck.ack, seqAdd(snd.iss, 1));
  if (length > 0) {
    const cookie = fastOpenCookie.subarray(0, length);
    host.fastOpenCache.learn(path.local, path.remote, remotePort, cookie, snd.peerMss);
  } else if (accepted && fastOpen.cookie !== undefined) {
    host.fastOpenCache.learn(path.local, path.remote, remotePort, fastOpen.cookie, snd.peerMss);
  } else if (fastOpen.status === 'sent' || tcb.synLost) {
    // RFC 7413 §4.1.3.1: data that was not acknowledged, though the cookie was not refused for a newer one; §4.2.1: or a
    // request that was answered only when it was repeated without the option.
    // A lost SYN proves little of either.
    noteFastOpenFailure(tcb, synAck.now, tcb.synLost);
  }
  if (accepted) host.fastOpenCache.succeeded(path.local, path.remote, remotePort);
}

/**
 * Our SYN is acknowledged, with everything below `ack`. What a SYN has carried and the peer has not taken goes out again
 * with the ACK, which says nothing of congestion (RFC 7413 §4.2.2); so does what a server has sent behind a SYN-ACK that
 * was lost: the client could not take it.
 */
export function synAcknowledged(tcb: ControlBlock, ack: number): void {
  const { fastOpen, snd, synLost } = tcb;
  if (fastOpen === undefined) return;
  fastOpen.cookie = undefined;
  if (fastOpen.status === 'sent') {
    fastOpen.status = seqGt(ack, seqAdd(snd.iss, 1)) ? 'accepted' : 'rejected';
  }
  if (!seqLt(ack, snd.nxt) || (fastOpen.synData === 0 && !synLost)) return;
  tcb.recovery.onPathChanged(ack, snd.nxt);
  tcb.mustRetransmit = true;
}

/**
 * RFC 7413 §4.1.3.1: the cache remembers that the server, or the path to it, does not take it; once a connection.
 *
 * @param lost see `FastOpenCache.failed`
 */
export function noteFastOpenFailure(tcb: ControlBlock, now: number, lost: boolean = false): void {
  const { fastOpen, host, path, remotePort } = tcb;
  if (fastOpen === undefined || tcb.passive || fastOpen.failed) return;
  // What comes after a lost SYN may still tell more.
  fastOpen.failed = !lost;
  host.fastOpenCache.failed(path.local, path.remote, remotePort, now, lost);
}

/** The retransmission timer has expired for the `timeouts`-th time in a row: something on the way may drop it all. */
export function fastOpenTimeout(tcb: ControlBlock, timeouts: number, now: number): void {
  // Also after the handshake, where nothing came through since.
  if (timeouts === BLACK_HOLE_TIMEOUTS && tcb.bytesReceived === 0) noteFastOpenFailure(tcb, now);
}
