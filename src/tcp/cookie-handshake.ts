import type { Path, SendOptions } from '../buffer/path.ts';
import { seqAdd } from '../buffer/seq.ts';
import { Protocol } from '../wire/protocol.ts';
import { TCP_HEADER_LENGTH, TcpFlag, writeTcpHeader } from '../wire/tcp.ts';
import { MAX_TCP_OPTIONS_LENGTH, TcpOptions, writeTcpOptions } from '../wire/tcp-options.ts';
import { RECEIVE_FLOOR } from './control-block.ts';
import { Ecn } from './ecn.ts';
import { announcedMss } from './segment-size.ts';
import type { TcpHost } from './host.ts';
import type { ResolvedConnectionOptions } from './options.ts';
import { firstReceiveBuffer, largestReceiveBuffer } from './receive-autotuning.ts';
import { ReceiveWindow } from './receive-window.ts';
import { Segment } from './segment.ts';
import { recallOffer, rememberOffer } from './syn-cookies.ts';
import { Timestamps } from './timestamps.ts';
import { finishSegment } from './transmit.ts';

/** The options of the SYN-ACK, and how it goes out: one object for all. */
const answer = new TcpOptions();
const sending: SendOptions = { ttl: 64, trafficClass: 0 };

/** What the ACK recalls, as the SYN that it was; one object for all. */
const recalled = new Segment();

/**
 * Answers a SYN with a SYN-ACK whose number is a cookie, and keeps nothing. The MSS is in the cookie, what else the SYN
 * offers in our timestamp; without one it is declined.
 */
export function sendCookie(
  host: TcpHost,
  path: Path,
  syn: Segment,
  cookie: number,
  options: ResolvedConnectionOptions,
  timestampOffset: number,
): void {
  const packet = path.reserve(MAX_TCP_OPTIONS_LENGTH);
  // The interface's queue is full: the peer's SYN comes again.
  if (packet === undefined) return host.counters.add('tcp-syn-cookies-queue-full');
  const { view } = packet.memory;
  const ecn = new Ecn(options.ecn);
  ecn.onSyn(options.timestamps && syn.options.timestamps ? syn.flags : TcpFlag.SYN);
  const ecnFlags = ecn.onSynSent(true, false);
  answer.clear();
  answer.mss = announcedMss({ path, options });
  if (options.timestamps && syn.options.timestamps) offer(syn, options, timestampOffset, ecnFlags !== 0);
  const optionsLength = writeTcpOptions(view, packet.start, answer);
  packet.end = packet.start + optionsLength;
  const start = packet.prepend(TCP_HEADER_LENGTH);
  const window = new ReceiveWindow(firstReceiveBuffer(options), 0).start(0, Math.max(host.budget.room, RECEIVE_FLOOR));
  const { destinationPort, sourcePort } = syn;
  const ack = seqAdd(syn.seq, 1);
  const flags = TcpFlag.SYN | TcpFlag.ACK | ecnFlags;
  const headerLength = TCP_HEADER_LENGTH + optionsLength;
  writeTcpHeader(view, start, destinationPort, sourcePort, cookie, ack, flags, window, 0, headerLength);
  finishSegment(path, packet, start);
  sending.ttl = options.ttl;
  sending.trafficClass = options.dscp << 2;
  path.send(packet, Protocol.TCP, sending);
  host.counters.add('tcp-syn-cookies-sent');
}

/** Answers to window scaling, SACK and timestamps, and puts into TSval what the ACK is to bring back. */
function offer(syn: Segment, options: ResolvedConnectionOptions, timestampOffset: number, ecn: boolean): void {
  const { windowScale, sackPermitted, tsValue } = syn.options;
  const timestamps = new Timestamps(true, timestampOffset);
  timestamps.tick(syn.now);
  answer.sackPermitted = options.sack && sackPermitted;
  if (windowScale >= 0) answer.windowScale = ReceiveWindow.scaleFor(largestReceiveBuffer(options));
  answer.timestamps = true;
  answer.tsValue = rememberOffer(timestamps.value, { windowScale, sackPermitted: answer.sackPermitted, ecn });
  answer.tsEcho = tsValue;
}

/** The SYN that an ACK with a good cookie is about, as far as it can be known. Valid until the next call. */
export function recallSyn(ack: Segment, mss: number): Segment {
  const { options } = recalled;
  options.clear();
  recalled.datagram = ack.datagram;
  recalled.sourcePort = ack.sourcePort;
  recalled.destinationPort = ack.destinationPort;
  recalled.seq = seqAdd(ack.seq, -1);
  recalled.ack = 0;
  recalled.flags = TcpFlag.SYN;
  recalled.synchronizes = true;
  recalled.wnd = ack.wnd;
  recalled.payloadLength = 0;
  options.mss = mss;
  if (ack.options.timestamps) {
    const { windowScale, sackPermitted, ecn } = recallOffer(ack.options.tsEcho);
    if (ecn) recalled.flags |= TcpFlag.ECE | TcpFlag.CWR;
    options.timestamps = true;
    options.tsValue = ack.options.tsValue;
    options.windowScale = windowScale;
    options.sackPermitted = sackPermitted;
  }
  return recalled;
}
