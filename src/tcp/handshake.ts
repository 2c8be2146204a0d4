import { seqAdd } from '../buffer/seq.ts';
import { TcpOptions, tcpOptionsLength, writeTcpOptions } from '../wire/tcp-options.ts';
import { initialWindow } from './congestion/initial-window.ts';
import { makeCongestion } from './congestion/registry.ts';
import type { ControlBlock } from './control-block.ts';
import { NO_ECN } from './ecn.ts';
import { Notice } from './notice.ts';
import { largestReceiveBuffer } from './receive-autotuning.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SackRecovery } from './sack-recovery.ts';
import { announcedMss, effectiveMss } from './segment-size.ts';
import type { Segment } from './segment.ts';

/** [MUST-15] RFC 9293 §3.7.1: what the peer takes when it sends no MSS option. */
const DEFAULT_MSS = { 4: 536, 6: 1220 } as const;

/** Nothing smaller is believed: a tiny MSS turns every byte into a packet. Linux: net.ipv4.tcp_min_snd_mss. */
const MINIMUM_SEND_MSS = 48;

/** The options of our SYN; one object, filled anew for each. */
const synOptions = new TcpOptions();

/**
 * Writes the options of a SYN or SYN-ACK at `offset`; returns their length in bytes.
 *
 * A SYN offers window scaling, SACK and timestamps; a SYN-ACK answers only with what the SYN had (RFC 7323 §2.2, §3.2,
 * RFC 2018 §2).
 *
 * @param fastOpen a cookie of Fast Open that fits beside the others, empty to ask for one.
 */
export function writeSynOptions(tcb: ControlBlock, view: DataView, offset: number, fastOpen?: Uint8Array): number {
  fillSynOptions(tcb);
  if (fastOpen !== undefined) synOptions.setFastOpen(fastOpen);
  return writeTcpOptions(view, offset, synOptions);
}

/** Whether a cookie of Fast Open fits into our SYN beside the other options. */
export function fitsSyn(tcb: ControlBlock, cookie: Uint8Array): boolean {
  fillSynOptions(tcb);
  const others = tcpOptionsLength(synOptions);
  synOptions.setFastOpen(cookie);
  return tcpOptionsLength(synOptions) > others;
}

function fillSynOptions(tcb: ControlBlock): void {
  synOptions.clear();
  // [MUST-14] [SHLD-5] [MAY-3] RFC 9293 §3.7.1: always announced, and in SYN segments only [MUST-65].
  synOptions.mss = announcedMss(tcb);
  if (tcb.windowScaling) synOptions.windowScale = ReceiveWindow.scaleFor(largestReceiveBuffer(tcb.options));
  synOptions.sackPermitted = tcb.sackPermitted;
  const { timestamps } = tcb;
  synOptions.userTimeout = tcb.userTimeout?.option ?? -1;
  synOptions.timestamps = timestamps.ok;
  synOptions.tsValue = timestamps.value;
  // RFC 7323 §3.2: 0 in a SYN without ACK.
  synOptions.tsEcho = timestamps.recent;
}

/** What the peer's SYN says, or leaves unsaid, of the segments that it takes. */
export function peerMss(syn: Segment): number {
  const { mss } = syn.options;
  return mss > 0 ? Math.max(mss, MINIMUM_SEND_MSS) : DEFAULT_MSS[syn.datagram.version];
}

/** Takes from the peer's SYN what it says of sequence numbers and options. */
export function acceptSyn(tcb: ControlBlock, segment: Segment): void {
  const { snd, rcv } = tcb;
  const { options } = segment;
  tcb.ecn.onSyn(segment.flags);
  rcv.irs = segment.seq;
  rcv.nxt = seqAdd(segment.seq, 1);
  rcv.acked = rcv.irs;
  // [S-064] [S-076] RFC 7323 §3.2, RFC 2018 §2: both sides or none.
  tcb.timestamps.agree(options.timestamps, options.tsValue, segment.now);
  tcb.sackPermitted = tcb.sackPermitted && options.sackPermitted;
  if (options.userTimeout >= 0) tcb.userTimeout?.onOption(options.userTimeout);
  snd.peerMss = peerMss(segment);
  snd.mss = effectiveMss(tcb, segment.now);
  // [S-063] RFC 7323 §2.2, §2.3: both sides or none; a shift above 14 counts as 14.
  tcb.windowScaling = options.windowScale >= 0;
  if (!tcb.windowScaling) {
    snd.scale = 0;
    rcv.scale = 0;
  } else {
    snd.scale = Math.min(options.windowScale, 14);
    rcv.scale = ReceiveWindow.scaleFor(largestReceiveBuffer(tcb.options));
  }
  rcv.mss = announcedMss(tcb) - tcb.timestamps.length;
  tcb.receiveWindow.scale = rcv.scale;
  tcb.receiveWindow.start(rcv.nxt, tcb.receiveWindow.bufferSize - tcb.receiveOccupied);
  // RFC 7323 §2.2: the window of a segment with SYN is never scaled.
  snd.wnd = segment.wnd;
  snd.maxWnd = Math.max(snd.maxWnd, snd.wnd);
  snd.wl1 = segment.seq;
  snd.wl2 = segment.ack;
}

/** Congestion control starts: when the handshake is complete, or before where Fast Open lets data go. */
export function startCongestion(tcb: ControlBlock, now: number): void {
  const { snd, options, synLost } = tcb;
  tcb.congestion = makeCongestion(options.congestion, {
    mss: snd.mss,
    initialWindow: initialWindow(snd.mss, synLost),
    now,
    srtt: tcb.rto.srtt,
    random: tcb.host.random,
  });
}

/** The handshake is complete: congestion control starts, the owner is told. */
export function established(tcb: ControlBlock, now: number): void {
  const { handedOver } = tcb;
  tcb.connectBy = undefined;
  tcb.enter(tcb.state === 'SYN_SENT' ? 'syn-ack' : 'ack-of-syn');
  // Whoever was told of the new state may have aborted.
  if (tcb.state !== 'ESTABLISHED') return;
  if (tcb.synLost) tcb.rto.synLost();
  startCongestion(tcb, now);
  // RFC 2018 §2: agreed upon by both SYNs.
  if (tcb.sackPermitted) tcb.recoverBySack(new SackRecovery(tcb.scoreboard, tcb.rack, tcb.snd.iss));
  tcb.ecn.agree(tcb.congestion?.ignoresEcn !== true);
  if (tcb.ecn.unused) tcb.ecn = NO_ECN;
  tcb.stalledSince = now;
  tcb.configureKeepalive();
  tcb.listener?.forget(tcb);
  if (!handedOver) tcb.notify(tcb.passive ? Notice.accept : Notice.connect);
  // RFC 9293 §3.10.4: a CLOSE before the handshake ended is queued until now.
  if (tcb.finAt !== undefined) tcb.enter('send-fin');
}
