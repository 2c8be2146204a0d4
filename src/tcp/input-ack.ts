import { seqDiff, seqGt, seqLt } from '../buffer/seq.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { AckEvent } from './ack-event.ts';
import type { ControlBlock } from './control-block.ts';
import { AckReport } from './ack-report.ts';
import { DeliveryRate } from './delivery-rate.ts';
import { enterTimeWait, release, settleOrphan } from './ending.ts';
import { Notice } from './notice.ts';
import { synAcknowledged } from './fast-open-client.ts';
import { answerEcho, isEcho } from './input-ecn.ts';
import { recoverByDuplicates } from './input-duplicates.ts';
import { recoverBySack } from './input-sack.ts';
import { Rack } from './rack.ts';
import type { Segment } from './segment.ts';
import { undoSpurious } from './undo.ts';

/** One object for all connections: it is read during the call only. */
const event: AckEvent = {
  now: 0,
  acked: 0,
  flight: 0,
  advanced: false,
  rtt: -1,
  duplicate: false,
  echo: false,
  bare: false,
  report: new AckReport(new Rack(0), new DeliveryRate()),
};

/** The acceptable ACK of a segment in a synchronized state (RFC 9293 §3.10.7.4, fifth step, from ESTABLISHED on). */
export function processAck(tcb: ControlBlock, segment: Segment): void {
  takeAck(tcb, segment);
  updateWindow(tcb, segment, event.advanced);
  closeByAck(tcb, segment.now);
}

/** What an ACK says of what is on its way: also the part of a SYN-ACK that acknowledges our SYN. */
export function takeAck(tcb: ControlBlock, segment: Segment): void {
  const { snd, rate, minRtt, sack, timestamps } = tcb;
  const { now, options } = segment;
  const ack = event;
  const { report } = ack;
  ack.now = now;
  const repeats = repeatsUna(tcb, segment);
  const handshake = !tcb.synAcked;
  ack.duplicate = repeats && snd.una !== snd.nxt;
  ack.bare = repeats && options.sackCount === 0;
  ack.echo = isEcho(tcb, segment);
  ack.flight = seqDiff(snd.nxt, snd.una);
  ack.advanced = seqGt(segment.ack, snd.una);
  const echoAt = timestamps.writtenAt(options.tsEcho, now);
  report.serve(tcb.rack, rate);
  report.begin(now, minRtt.value, echoAt);
  report.sackedEnd = segment.ack;
  ack.acked = ack.advanced ? advance(tcb, segment) : 0;
  if (sack !== undefined && options.sackCount > 0) {
    report.selective(snd.una);
    const lies = sack.takeBlocks(options, segment.ack, snd.una, snd.nxt, report);
    if (lies > 0) tcb.host.counters.add('tcp-sack-invalid', lies);
  }
  ack.rtt = measure(tcb, ack.advanced, echoAt, now, handshake);
  rate.finish(now, minRtt.value === Infinity ? 0 : minRtt.value);
  // The one octet of a SYN tells how long the round trip is, not how much the path can take.
  if (rate.rate >= 0 && (tcb.bytesAcked > 0 || tcb.scoreboard.sacked > 0)) tcb.lastDeliveryRate = rate.rate;
  // RFC 3522 §3.2 step 5: that the peer sends D-SACKs is worth knowing at any time.
  if (tcb.spurious !== undefined || tcb.frto !== undefined || report.dsacked > 0) undoSpurious(tcb, segment, ack);
  if (sack !== undefined) recoverBySack(tcb, sack, ack);
  else recoverByDuplicates(tcb, ack);
  if (tcb.ecn.active) answerEcho(tcb, ack);
  if (ack.advanced) restartTimer(tcb, now);
}

/** SND.UNA < SEG.ACK =< SND.NXT: something new is acknowledged. Returns the bytes of payload. */
function advance(tcb: ControlBlock, segment: Segment): number {
  const { snd } = tcb;
  const { report } = event;
  const handshake = !tcb.synAcked;
  const bytes = Math.max(0, Math.min(seqDiff(segment.ack, tcb.dataStart), tcb.sendQueue.length));
  snd.una = segment.ack;
  tcb.pathMtu.onAcked(snd.una);
  if (handshake) synAcknowledged(tcb, snd.una);
  tcb.synAcked = true;
  if (bytes > 0) {
    tcb.sendQueue.drop(bytes);
    tcb.account();
  }
  tcb.bytesAcked += bytes;
  tcb.scoreboard.acknowledge(snd.una, report);
  // A SYN takes nothing of the window (RFC 7413 §4.2.2 step 6), and gives nothing.
  if (handshake && report.delivered > 0) report.delivered--;
  tcb.softError = undefined;
  tcb.stalledSince = segment.now;
  tcb.path.confirm(segment.now);
  tcb.progressed = true;
  tcb.tailProbeStale = true;
  tcb.persist?.onAck();
  if (tcb.wantsWritable) {
    tcb.tuneSendBuffer();
    tellRoom(tcb);
  }
  if (tcb.finAcked) tcb.notices |= Notice.finished;
  return bytes;
}

/** The round-trip time that an ACK gives, in microseconds; −1 for none. */
function measure(tcb: ControlBlock, advanced: boolean, echoAt: number, now: number, handshake: boolean): number {
  const { rtt } = event.report;
  if (rtt >= 0) {
    tcb.minRtt.sample(rtt, now);
    // RFC 4015 §3.3: the first of what was sent after a time-out that was none.
    if (tcb.timerUndoneAt >= 0 && now - rtt >= tcb.timerUndoneAt) {
      tcb.timerUndoneAt = -1;
      tcb.rto.onSpurious(rtt, tcb.snd.nxt);
    } else tcb.rto.sample(rtt, tcb.snd.una, tcb.snd.nxt);
    tcb.sack?.onSample();
    return rtt;
  }
  // [S-064] [S-065] RFC 7323 §4.1 (RTTM): where Karn's rule leaves none the timestamp knows which transmission is answered, to the
  // millisecond; only of ACKs that advance the left edge of the window.
  if (advanced && echoAt >= 0 && !isLateAnswer(tcb, echoAt, now, handshake)) {
    tcb.rto.sample(Math.max(now - echoAt, 1), tcb.snd.una, tcb.snd.nxt);
    tcb.sack?.onSample();
  } else if (advanced) tcb.rto.progress();
  return -1;
}

/**
 * The echo is older than the last transmission: the one before has arrived. Was its ACK late, or was it lost and this
 * one answers the last, which a receiver that has the data already doesn't echo (RFC 7323 §5.3: R2 comes before R3)? Time
 * spent waiting for the timer is no round trip: on a bad line it would make the timer slower and slower. Of a SYN nobody
 * can tell, no round trip is known yet, and many receivers answer each with the timestamp of the first (Linux does): it
 * gives no sample, and RFC 6298 §5.7 says what to do. Data without one is believed, or a path as slow as that is never
 * measured.
 */
function isLateAnswer(tcb: ControlBlock, echoAt: number, now: number, handshake: boolean): boolean {
  const { repeatedAt } = event.report;
  if (echoAt + 1000 > repeatedAt) return false;
  return handshake || now - repeatedAt >= tcb.minRtt.value;
}

/** `onWritable` comes when a third of the send buffer is free, not for every ACK; and when there is memory for it. */
function tellRoom(tcb: ControlBlock): void {
  const { sendBufferSize: size } = tcb;
  if ((size - tcb.sendQueue.length) * 3 < size || tcb.connection.writableLength === 0) return;
  tcb.wantsWritable = false;
  tcb.notices |= Notice.writable;
}

/** RFC 6298 §5.2, §5.3: all acknowledged turns the timer off, new data acknowledged starts it again. */
function restartTimer(tcb: ControlBlock, now: number): void {
  const { snd, recovery } = tcb;
  if (snd.una === snd.nxt) tcb.retransmitAt = Infinity;
  else if (recovery.restartsTimer || tcb.retransmitAt === Infinity) tcb.retransmitAt = now + tcb.rto.rto;
}

/** RFC 5681 §2: no payload, no SYN or FIN, the same number and the same window; a duplicate where data is outstanding. */
function repeatsUna(tcb: ControlBlock, segment: Segment): boolean {
  const { snd } = tcb;
  return (
    segment.ack === snd.una &&
    !segment.carriesText &&
    !segment.has(TcpFlag.SYN | TcpFlag.FIN) &&
    segment.window(snd.scale) === snd.wnd
  );
}

/**
 * "The send window should be updated": SND.WL1 and SND.WL2 keep old segments from doing it. A segment that acknowledges
 * something new is none, though its text may have been sent before (Linux: tcp_may_update_window).
 */
export function updateWindow(tcb: ControlBlock, segment: Segment, advanced: boolean): void {
  const { snd } = tcb;
  if (seqLt(segment.ack, snd.una)) return;
  const newer = advanced || seqLt(snd.wl1, segment.seq) || (snd.wl1 === segment.seq && !seqLt(segment.ack, snd.wl2));
  if (!newer) return;
  // [MUST-1] RFC 9293 §3.1: unsigned; [REC-1] and wider than 16 bits; [MUST-34] §3.8.6: it may also have shrunk.
  const wnd = segment.window(snd.scale);
  if (isOvertaken(tcb, segment)) return;
  if (snd.wnd === 0 && wnd > 0 && tcb.sack?.phase === 'recovery') tcb.sack.prr?.onWindowOpened(snd.mss);
  snd.wnd = wnd;
  snd.maxWnd = Math.max(snd.maxWnd, wnd);
  snd.wl1 = segment.seq;
  snd.wl2 = segment.ack;
  if (wnd > 0) tcb.persist = undefined;
  else tcb.persist?.onAck();
}

/** The numbers are those that the window was last taken from, but its timestamp says that this segment was sent before. */
function isOvertaken({ snd, timestamps }: ControlBlock, segment: Segment): boolean {
  if (!timestamps.ok || segment.seq !== snd.wl1 || segment.ack !== snd.wl2) return false;
  return seqLt(segment.options.tsValue, timestamps.recent);
}

/** Our FIN is acknowledged: the closing states move on. */
function closeByAck(tcb: ControlBlock, now: number): void {
  if (!tcb.finAcked) return;
  switch (tcb.state) {
    case 'FIN_WAIT_1':
      tcb.enter('ack-of-fin');
      if (tcb.orphan) settleOrphan(tcb, now);
      break;
    case 'CLOSING':
      tcb.enter('ack-of-fin');
      enterTimeWait(tcb, now);
      break;
    case 'LAST_ACK':
      release(tcb, 'ack-of-fin');
      break;
    default:
  }
}
