import { Checksum } from '../buffer/batch.ts';
import type { Packet } from '../buffer/packet.ts';
import type { Path, SendOptions } from '../buffer/path.ts';
import { seqAdd, seqDiff, seqGt } from '../buffer/seq.ts';
import { checksumAdd, checksumFinish, checksumFold, pseudoHeaderSum } from '../wire/checksum.ts';
import { Protocol } from '../wire/protocol.ts';
import { TCP_HEADER_LENGTH, TcpFlag, changeTcpHeader, setTcpChecksum, writeTcpHeader } from '../wire/tcp.ts';
import { MAX_TCP_OPTIONS_LENGTH, writeAlignedTimestamps } from '../wire/tcp-options.ts';
import type { ControlBlock } from './control-block.ts';
import { offerFastOpen, synDataLength } from './fast-open-client.ts';
import { writeSynOptions } from './handshake.ts';
import type { SackBlocks } from './sack-blocks.ts';
import { chooseSegmentOptions, writeSegmentOptions } from './segment-options.ts';
import { segmentSent } from './segment-size.ts';

/** One challenge ACK, or answer to an unacceptable segment, in so many microseconds. Linux: tcp_invalid_ratelimit. */
const CHALLENGE_INTERVAL_US = 500_000;

/** The largest IP packet, and so the largest super-segment with its headers. */
const MAX_PACKET = 65_535;

/**
 * How the segments of a connection go out; one object, filled in for each. [MUST-48] [SHLD-21] [SHLD-22] [MUST-49]
 * RFC 9293 §3.9.1.9, §3.9.2: Diffserv and TTL as the application has set them by now.
 */
const sending: SendOptions = { ttl: 64, trafficClass: 0 };

/**
 * Completes a TCP segment: the header goes in front of the payload, the checksum in or, where the link completes it,
 * the pseudo-header's sum. [MUST-2] RFC 9293 §3.1
 */
export function finishSegment(path: Path, packet: Packet, tcpStart: number): void {
  const { view } = packet.memory;
  const length = packet.end - tcpStart;
  const sum = pseudoHeaderSum(path.local, path.remote, Protocol.TCP, length);
  if (path.checksumOffload) {
    setTcpChecksum(view, tcpStart, checksumFold(sum));
    packet.checksum = Checksum.partial;
  } else {
    setTcpChecksum(view, tcpStart, checksumFinish(checksumAdd(sum, view, tcpStart, length)));
  }
}

/**
 * Sends one segment: octets from `seq` on, `length` of them from the send queue. Returns false when the interface's
 * queue is full (the connection is touched again when there is room). The link cuts what is longer than `segment`.
 *
 * @param fresh all of them for the first time, and not as a probe: what ECN is for.
 */
function transmit(
  tcb: ControlBlock,
  seq: number,
  length: number,
  control: number,
  segment: number,
  fresh: boolean = false,
): boolean {
  const { path, rcv, options, ecn } = tcb;
  const packet = path.reserve(length);
  if (packet === undefined) {
    tcb.host.blocked(tcb);
    return false;
  }
  const { memory } = packet;
  if (length > 0) tcb.sendQueue.copyTo(seqDiff(seq, tcb.dataStart), length, memory.bytes, packet.start);
  if (length > segment) packet.segmentSize = segment;
  const headerLength = TCP_HEADER_LENGTH + chooseSegmentOptions(tcb, length);
  const start = packet.prepend(headerLength);
  // [MUST-1] RFC 9293 §3.1, RFC 7323 §2.3: the window right-shifted by what was agreed.
  const window = Math.min(advertisedWindow(tcb) >>> rcv.scale, 0xffff);
  // [MUST-62] RFC 9293 §3.8.5: in all segments, also without data, as long as urgent data is outstanding.
  const up = tcb.urgentOut === undefined ? 0 : urgentPointer(tcb, seq);
  const flags = control | ecn.flags(fresh) | (up > 0 ? TcpFlag.URG : 0);
  writeTcpHeader(memory.view, start, tcb.localPort, tcb.remotePort, seq, rcv.nxt, flags, window, up, headerLength);
  writeSegmentOptions(tcb, memory.view, start + TCP_HEADER_LENGTH);
  finishSegment(path, packet, start);
  sending.ttl = options.ttl;
  sending.trafficClass = (options.dscp << 2) | ecn.codepoint(fresh);
  path.send(packet, Protocol.TCP, sending);
  if (fresh) ecn.cwrDue = false;
  tcb.segmentsSent++;
  acknowledged(tcb);
  return true;
}

/**
 * The same for a super-segment of new data that the link doesn't cut: software GSO. All that its segments have in common is
 * found out once. Returns how many octets went out: less than `length` when the interface's queue is full.
 *
 * @param length a multiple of `segment`
 * @param control flags of the last one; the others have ACK alone
 */
function transmitPieces(tcb: ControlBlock, seq: number, length: number, control: number, segment: number): number {
  const { path, rcv, options, ecn, sendQueue, localPort, remotePort } = tcb;
  const position = seqDiff(seq, tcb.dataStart);
  // SACK blocks and the like take nothing from full segments.
  const headerLength = TCP_HEADER_LENGTH + chooseSegmentOptions(tcb, segment);
  const window = Math.min(advertisedWindow(tcb) >>> rcv.scale, 0xffff);
  const common = ecn.flags(true) | TcpFlag.ACK;
  sending.ttl = options.ttl;
  sending.trafficClass = (options.dscp << 2) | ecn.codepoint(true);
  let done = 0;
  let alike = false;
  while (done < length) {
    const packet = alike ? path.again(segment) : path.reserve(segment);
    if (packet === undefined) {
      tcb.host.blocked(tcb);
      break;
    }
    const { bytes, view } = packet.memory;
    sendQueue.copyTo(position + done, segment, bytes, packet.end - segment);
    const start = packet.end - segment - headerLength;
    const at = seqAdd(seq, done);
    done += segment;
    const flags = done === length ? common | control : common;
    if (alike) {
      changeTcpHeader(view, start, at, flags);
      finishSegment(path, packet, start);
      path.sendAgain();
    } else {
      packet.prepend(headerLength);
      writeTcpHeader(view, start, localPort, remotePort, at, rcv.nxt, flags, window, 0, headerLength);
      writeSegmentOptions(tcb, view, start + TCP_HEADER_LENGTH);
      finishSegment(path, packet, start);
      alike = path.send(packet, Protocol.TCP, sending);
    }
    tcb.segmentsSent++;
  }
  if (done > 0) acknowledged(tcb);
  return done;
}

/** A segment has gone out: what had come in order is acknowledged by it. */
function acknowledged(tcb: ControlBlock): void {
  tcb.rcv.acked = tcb.rcv.nxt;
  tcb.acker.sent();
  if (tcb.sackBlocks !== undefined) settleSackBlocks(tcb, tcb.sackBlocks);
}

/** The urgent pointer of a segment at `seq`; 0 for none. */
function urgentPointer(tcb: ControlBlock, seq: number): number {
  const { urgentOut, snd } = tcb;
  urgentOut?.pass(snd.una);
  if (urgentOut?.up === undefined) tcb.urgentOut = undefined;
  return urgentOut?.pointer(seq) ?? 0;
}

/** What a segment had no room to tell of goes by itself; when all is told, and nothing waits behind a gap, that is over. */
function settleSackBlocks(tcb: ControlBlock, blocks: SackBlocks): void {
  if (blocks.fresh) tcb.acker.ackNow();
  if (blocks.count === 0) tcb.sackBlocks = undefined;
}

/** What the receive window may offer now, in bytes. */
function advertisedWindow(tcb: ControlBlock): number {
  return tcb.receiveWindow.advertise(tcb.rcv.nxt, tcb.receiveOccupied, tcb.rcv.mss);
}

/** Sends a segment without payload: the acknowledgment of everything in order so far. */
export function sendAck(tcb: ControlBlock): boolean {
  return transmit(tcb, acceptableSeq(tcb), 0, TcpFlag.ACK, 0);
}

/**
 * Where a segment without data stands: at SND.NXT, or where a window ends that has shrunk to less than is out. Beyond
 * that the peer would find it unacceptable (RFC 9293 §3.10.7.4), and what it acknowledges would come for ever. Linux:
 * tcp_acceptable_seq.
 */
function acceptableSeq({ snd }: ControlBlock): number {
  const edge = seqAdd(snd.una, snd.wnd);
  // What scaling has rounded off a window is no shrinking.
  return seqDiff(snd.nxt, edge) < 1 << snd.scale ? snd.nxt : edge;
}

/**
 * A challenge ACK, or the answer to an unacceptable segment. [S-091] RFC 5961 §7: limited for each connection by
 * itself, so that the limit tells an attacker nothing of other connections.
 */
export function challenge(tcb: ControlBlock, now: number): void {
  if (tcb.challengedAt !== undefined && now - tcb.challengedAt < CHALLENGE_INTERVAL_US) {
    tcb.host.counters.add('tcp-challenge-limited');
    return;
  }
  tcb.challengedAt = now;
  sendAck(tcb);
}

/**
 * Sends octets `[seq, seq + length)` and, where the range reaches them, PSH and FIN. `snd.nxt` and the scoreboard
 * follow. Returns false when not all of it could be sent: of new data that is cut here a part may have gone.
 *
 * @param segment bytes of payload that one packet carries
 */
export function sendData(
  tcb: ControlBlock,
  seq: number,
  length: number,
  fin: boolean,
  now: number,
  segment: number = tcb.snd.mss,
): boolean {
  const { snd } = tcb;
  let flags: number = TcpFlag.ACK;
  // [MUST-61] [SHLD-27] RFC 9293 §3.9.1.2: the last buffered segment says so.
  if (length > 0 && seqAdd(seq, length) === tcb.dataEnd) flags |= TcpFlag.PSH;
  if (fin) flags |= TcpFlag.FIN;
  if (length > segment && !linkCuts(tcb)) {
    const done = transmitPieces(tcb, seq, length, flags, segment);
    if (done > 0) dataSent(tcb, seq, done, fin && done === length, now, segment);
    return done === length;
  }
  if (!transmit(tcb, seq, length, flags, segment, length > 0 && seq === snd.nxt)) return false;
  dataSent(tcb, seq, length, fin, now, segment);
  return true;
}

/** `snd.nxt`, the scoreboard and all that measures follow what has gone out. */
function dataSent(tcb: ControlBlock, seq: number, length: number, fin: boolean, now: number, segment: number): void {
  const { snd, scoreboard, rate, congestion } = tcb;
  const end = seqAdd(seq, length + (fin ? 1 : 0));
  const idle = snd.una === snd.nxt;
  rate.onSend(now, idle);
  congestion?.onSend?.(now, tcb.recovery.pipe(snd.una, snd.nxt), idle && rate.isAppLimited);
  if (congestion?.pacingRate !== undefined) tcb.pacer?.onSent(length, now);
  tcb.lastSentAt = now;
  tcb.recovery.onSent(length);
  if (length > 0) segmentSent(tcb, seq, seqAdd(seq, length), segment);
  if (seqGt(end, snd.nxt)) {
    scoreboard.push(snd.nxt, end, segment, now, rate);
    snd.nxt = end;
    tcb.probed = false;
    tcb.tailProbeStale = true;
  } else {
    scoreboard.markRetransmitted(seq, end, now, rate);
    noteRetransmission(tcb, seq, end);
  }
}

/** `[seq, end)` was sent again. */
function noteRetransmission(tcb: ControlBlock, seq: number, end: number): void {
  const { host, snd, timestamps, tailProbeDue, recovery } = tcb;
  tcb.segmentsRetransmitted++;
  tcb.spurious?.onRetransmitted(seq, end, timestamps.ok ? timestamps.value : -1);
  tcb.frto?.onRetransmitted(end);
  if (!host.observed()) return;
  const cause = tailProbeDue ? 'tail-loss-probe' : recovery.repairs;
  host.observe(tcb, { type: 'retransmit', cause, sequence: seqDiff(seq, snd.iss) >>> 0, length: seqDiff(end, seq) });
}

/** A zero-window probe: one octet that the window does not allow for (RFC 9293 §3.8.6.1). */
export function sendProbe(tcb: ControlBlock): boolean {
  const { snd } = tcb;
  const seq = snd.una;
  const isFin = seq === tcb.finAt;
  const flags = isFin ? TcpFlag.ACK | TcpFlag.FIN : TcpFlag.ACK | TcpFlag.PSH;
  if (!transmit(tcb, seq, isFin ? 0 : 1, flags, snd.mss)) return false;
  if (seq === snd.nxt) tcb.probed = true;
  // [MUST-18] Karn: an octet that was on its way already gives no round-trip time.
  else tcb.scoreboard.markRetransmitted(seq, seqAdd(seq, 1), tcb.host.clock.now(), tcb.rate);
  return true;
}

/** A keep-alive: no data, and a number just below the window, which asks for an ACK. [SHLD-12] RFC 9293 §3.8.4 */
export function sendKeepalive(tcb: ControlBlock): boolean {
  return transmit(tcb, seqAdd(tcb.snd.una, -1), 0, TcpFlag.ACK, 0);
}

/** Sends our SYN, with ACK where the peer's SYN is known. */
export function sendSyn(tcb: ControlBlock, now: number): boolean {
  const { path, snd, rcv, options } = tcb;
  const answer = tcb.state === 'SYN_RECV';
  const first = snd.nxt === snd.iss;
  if (first && !answer && options.fastOpen) offerFastOpen(tcb, now);
  // RFC 7413 §4.2.1, §4.2.2: again only without data and without the option, which something on the way may dislike.
  const fastOpen = first ? tcb.fastOpen : undefined;
  const packet = path.reserve(MAX_TCP_OPTIONS_LENGTH + (fastOpen?.room ?? 0));
  if (packet === undefined) {
    tcb.host.blocked(tcb);
    return false;
  }
  const { view } = packet.memory;
  const optionsLength = writeSynOptions(tcb, view, packet.start, fastOpen?.cookie);
  packet.end = packet.start + optionsLength;
  const data = fastOpen === undefined ? 0 : synDataLength(tcb, optionsLength);
  if (data > 0) tcb.sendQueue.copyTo(0, data, packet.memory.bytes, packet.end);
  packet.end += data;
  const start = packet.prepend(TCP_HEADER_LENGTH);
  const control = answer ? TcpFlag.SYN | TcpFlag.ACK : TcpFlag.SYN;
  const flags = control | tcb.ecn.onSynSent(answer, !first);
  const window = tcb.receiveWindow.start(rcv.nxt, tcb.receiveWindow.bufferSize - tcb.receiveOccupied);
  const ack = answer ? rcv.nxt : 0;
  const headerLength = TCP_HEADER_LENGTH + optionsLength;
  writeTcpHeader(view, start, tcb.localPort, tcb.remotePort, snd.iss, ack, flags, window, 0, headerLength);
  finishSegment(path, packet, start);
  sending.ttl = options.ttl;
  sending.trafficClass = options.dscp << 2;
  path.send(packet, Protocol.TCP, sending);
  tcb.segmentsSent++;
  tcb.synDue = false;
  rcv.acked = rcv.nxt;
  tcb.acker.sent();
  const end = seqAdd(snd.iss, 1);
  if (first) {
    snd.nxt = seqAdd(end, data);
    if (fastOpen !== undefined) fastOpen.synData = data;
    tcb.rate.onSend(now, true);
    tcb.scoreboard.push(snd.iss, snd.nxt, Math.max(snd.mss, data + 1), now, tcb.rate);
  } else {
    tcb.scoreboard.markRetransmitted(snd.iss, end, now, tcb.rate);
    tcb.segmentsRetransmitted++;
    if (tcb.host.observed()) tcb.host.observe(tcb, { type: 'retransmit', cause: 'handshake', sequence: 0, length: 1 });
  }
  return true;
}

/** `<SEQ=seq><ACK=RCV.NXT><CTL=RST,ACK>`: with the ACK a peer in SYN-SENT believes it, too. */
export function sendReset(tcb: ControlBlock, seq: number): void {
  const packet = tcb.path.reserve(0);
  if (packet === undefined) return;
  const { timestamps } = tcb;
  const { view } = packet.memory;
  const headerLength = TCP_HEADER_LENGTH + timestamps.length;
  const start = packet.prepend(headerLength);
  const flags = TcpFlag.RST | TcpFlag.ACK;
  writeTcpHeader(view, start, tcb.localPort, tcb.remotePort, seq, tcb.rcv.nxt, flags, 0, 0, headerLength);
  // RFC 7323 §3.2: a RST SHOULD have it, too.
  if (timestamps.ok) writeAlignedTimestamps(view, start + TCP_HEADER_LENGTH, timestamps.value, timestamps.recent);
  finishSegment(tcb.path, packet, start);
  sending.ttl = tcb.options.ttl;
  sending.trafficClass = tcb.options.dscp << 2;
  tcb.path.send(packet, Protocol.TCP, sending);
  tcb.segmentsSent++;
}

/** Bytes of a super-segment with its headers, at most `longest`, that are there for payload. */
function superRoom({ path, timestamps }: ControlBlock, longest: number): number {
  return Math.min(longest, MAX_PACKET) - path.headerLength - TCP_HEADER_LENGTH - timestamps.length;
}

/** The link cuts super-segments; else they are cut here. */
function linkCuts(tcb: ControlBlock): boolean {
  return superRoom(tcb, tcb.path.tso) >= 2 * tcb.snd.mss;
}

/**
 * The largest payload to be sent in one step, of many segments: where the link cuts them it is that of one packet. Data that
 * says CWR goes alone: not every link puts the bit on the first segment only (Linux: TUN_F_TSO_ECN).
 */
export function largestPayload(tcb: ControlBlock): number {
  const { path, snd, ecn } = tcb;
  // The link would copy one urgent pointer into every piece.
  if (ecn.cwrDue || (tcb.urgentOut !== undefined && tcb.urgentOut.ahead(snd.nxt) > 0)) return snd.mss;
  const cuts = linkCuts(tcb);
  // What looks for a larger size may want to send a probe behind each segment.
  if (!cuts && tcb.pathMtu.search.active) return snd.mss;
  const room = superRoom(tcb, cuts ? path.tso : MAX_PACKET);
  return Math.max(snd.mss, room - (room % snd.mss));
}

/** What of `length` bytes, more than a segment, goes in one step: where the link doesn't cut it, whole segments. */
export function wholeSegments(tcb: ControlBlock, length: number): number {
  return linkCuts(tcb) ? length : length - (length % tcb.snd.mss);
}
