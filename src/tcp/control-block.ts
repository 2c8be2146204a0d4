import { ByteQueue } from '../buffer/byte-queue.ts';
import type { Path } from '../buffer/path.ts';
import { ReceiveQueue } from '../buffer/receive-queue.ts';
import { seqAdd, seqDiff, seqGt } from '../buffer/seq.ts';
import type { ErrorCode, SystemError } from '../errors.ts';
import { systemError } from '../errors.ts';
import type { WheelTimer } from '../time/timer-wheel.ts';
import { AckReport } from './ack-report.ts';
import { Acker } from './acker.ts';
import type { FlowLimit } from './allowance.ts';
import type { CongestionController } from './congestion/controller.ts';
import type { Connection } from './connection.ts';
import { Cork } from './cork.ts';
import { DeliveryRate } from './delivery-rate.ts';
import type { FastOpen } from './fast-open-state.ts';
import { Frto } from './frto.ts';
import type { TcpHost } from './host.ts';
import { Ecn } from './ecn.ts';
import { Keepalive } from './keepalive.ts';
import { MinRtt } from './min-rtt.ts';
import { Notice } from './notice.ts';
import type { ResolvedConnectionOptions } from './options.ts';
import { Pacer } from './pacer.ts';
import { PathMtu } from './path-mtu.ts';
import { Persist } from './persist.ts';
import { Rack } from './rack.ts';
import { Reassembly } from './reassembly.ts';
import { ReceiveAutotuning, growthLimit } from './receive-autotuning.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { LossRecovery } from './recovery.ts';
import { NewRenoRecovery } from './recovery.ts';
import { RtoEstimator } from './rto.ts';
import { SackBlocks } from './sack-blocks.ts';
import type { SackRecovery } from './sack-recovery.ts';
import { Scoreboard } from './scoreboard.ts';
import { FIRST_SEND_BUFFER, SendAutotuning } from './send-autotuning.ts';
import type { ReceiveSequence, SendSequence } from './sequence-variables.ts';
import { SpuriousDetector } from './spurious.ts';
import type { State, StateEvent } from './states.ts';
import { nextState } from './states.ts';
import { Timestamps } from './timestamps.ts';
import { UrgentMark } from './urgent.ts';
import { UserTimeout } from './user-timeout.ts';

/** MSL of 30 s, as Linux: TIME-WAIT lasts 60 s (TCP_TIMEWAIT_LEN). RFC 9293 §3.4.2 suggests two minutes and leaves it free. */
export const TIME_WAIT_US = 60_000_000;
/** An orphan waits so long in FIN-WAIT-2 for the peer's FIN. Linux: net.ipv4.tcp_fin_timeout. */
const FIN_TIMEOUT_US = 60_000_000;

/** An orphan keeps the process alive for so long at the most. */
const ORPHAN_HOLD_US = 60_000_000;

/**
 * Bytes that a connection may receive and hold whatever others hold of the memory budget: two stacks full of what they
 * send would else wait for each other. Linux: net.ipv4.tcp_rmem, the first value.
 */
export const RECEIVE_FLOOR = 4096;

/** What a control block knows of its listener. */
export interface Acceptor {
  accept(connection: Connection): void;
  forget(tcb: ControlBlock): void;
}

/** Who the connection is between. */
export interface Endpoints {
  path: Path;
  localPort: number;
  remotePort: number;
  /** Of the socket: 6 also where an IPv6 socket speaks IPv4. Default that of the path. */
  family?: 4 | 6;
}

/**
 * The transmission control block: all that a connection knows. The steps of input, output and timers are functions
 * over it; the parts in it know only the numbers they are given. The user sees `Connection`.
 */
export class ControlBlock {
  state: State = 'CLOSED';
  readonly host: TcpHost;
  readonly path: Path;
  readonly localPort: number;
  readonly remotePort: number;
  readonly family: 4 | 6;
  readonly options: ResolvedConnectionOptions;
  /** Opened by a listener [MUST-11], as against `connect` (also when a simultaneous open leads through SYN_RECV). */
  readonly passive: boolean;
  /** The user's face of this connection; set right after construction. */
  connection!: Connection;
  /** Where a passive open came from and whoever takes the connection when it is complete. */
  listener: Acceptor | undefined = undefined;

  readonly snd: SendSequence;
  readonly rcv: ReceiveSequence = { irs: 0, nxt: 0, scale: 0, acked: 0, mss: 536, fin: undefined };

  /** Bytes written and not yet acknowledged; its head stands at `dataStart`. */
  readonly sendQueue: ByteQueue;
  readonly receiveQueue: ReceiveQueue;
  readonly reassembly: Reassembly = new Reassembly();
  readonly receiveWindow: ReceiveWindow;
  readonly receiveTuning: ReceiveAutotuning;
  readonly sendTuning: SendAutotuning = new SendAutotuning(0, 0);
  /** SND.UP and RCV.UP. [MUST-30] RFC 9293 §3.8.5 */
  readonly urgentOut: UrgentMark = new UrgentMark();
  readonly urgentIn: UrgentMark = new UrgentMark();
  /** What is on its way. */
  readonly scoreboard: Scoreboard = new Scoreboard();
  readonly rto: RtoEstimator;
  readonly pathMtu: PathMtu;
  readonly minRtt: MinRtt = new MinRtt();
  readonly rate: DeliveryRate = new DeliveryRate();
  readonly rack: Rack;
  /** What the ACK at hand says. */
  readonly report: AckReport;
  /** Loss recovery without SACK; with it, `sack` takes its place once the handshake has agreed on it. */
  readonly newReno: NewRenoRecovery;
  sack: SackRecovery | undefined = undefined;
  readonly timestamps: Timestamps;
  /** Finds out that a loss was none. */
  readonly spurious: SpuriousDetector = new SpuriousDetector();
  readonly frto: Frto = new Frto();
  /** Bytes of new data that F-RTO may send whatever the window says. */
  frtoCredit: number = 0;
  /** When a time-out was found to have been none; −1 once the timer has learnt from it. */
  timerUndoneAt: number = -1;
  readonly pacer: Pacer;
  /** When pacing lets the next segment go that waits for nothing else; Infinity for none. */
  paceAt: number = Infinity;
  /** The last delivery rate measured, in bytes a second. */
  lastDeliveryRate: number = 0;
  /** What kept the sender from sending more when it last could. */
  limit: FlowLimit = 'application';
  readonly ecn: Ecn;
  readonly sackBlocks: SackBlocks = new SackBlocks();
  readonly acker: Acker = new Acker();
  readonly persist: Persist = new Persist();
  readonly keepalive: Keepalive = new Keepalive();
  readonly cork: Cork = new Cork();
  readonly userTimeout: UserTimeout = new UserTimeout();
  /** Set when the handshake has told the MSS. */
  congestion: CongestionController | undefined = undefined;
  readonly timer: WheelTimer;

  /** Window scaling is offered, and after the peer's SYN: agreed upon, be it with a shift of 0 (RFC 7323 §2.2). */
  windowScaling: boolean = true;
  /** Selective acknowledgments are offered, and after the peer's SYN: agreed upon (RFC 2018 §2). */
  sackPermitted: boolean;
  /** Set where Fast Open has a part in the handshake. */
  fastOpen: FastOpen | undefined = undefined;
  /** Our SYN is acknowledged. */
  synAcked: boolean = false;
  /** A SYN or SYN-ACK is to be sent (again). */
  synDue: boolean = false;
  /** The SYN had to be repeated (RFC 6298 §5.7, RFC 6928 §2). */
  synLost: boolean = false;
  /** Where our FIN stands, behind the last byte written, once `shutdown()` was called. */
  finAt: number | undefined = undefined;
  /** One segment is to be retransmitted whatever the congestion window says (fast retransmit, partial ACK). */
  mustRetransmit: boolean = false;
  /** A zero-window probe carried the octet at `snd.nxt`: an acknowledgment of `snd.nxt + 1` is acceptable. */
  probed: boolean = false;
  /** The owner called `close()`: nobody reads any more, bytes that arrive are answered with RST. */
  orphan: boolean = false;
  /** The connection counts among those that keep the process alive. */
  referenced: boolean = false;

  /** Notices due, bits of `Notice`. */
  notices: number = 0;
  /** `write` took less than all: `onWritable` is owed. */
  wantsWritable: boolean = false;
  /** The peer's FIN was received in order; and the owner knows. */
  endReceived: boolean = false;
  endDelivered: boolean = false;
  closeDelivered: boolean = false;
  error: SystemError | undefined = undefined;
  /** The last soft error (RFC 9293 §3.9.2.2): reported in place of ETIMEDOUT. */
  softError: ErrorCode | undefined = undefined;
  /** What `onSoftError` is to tell. */
  trouble: ErrorCode = 'ETIMEDOUT';

  /** When the retransmission timer expires, in microseconds; Infinity when it does not run. */
  retransmitAt: number = Infinity;
  /** When a tail loss probe is due (RFC 8985 §7); Infinity for never. */
  tailProbeAt: number = Infinity;
  /** Something was sent or acknowledged for the first time: `tailProbeAt` is to be set anew. */
  tailProbeStale: boolean = false;
  /** A tail loss probe is to be sent. */
  tailProbeDue: boolean = false;
  /** Something was acknowledged since the retransmission timer last expired. */
  progressed: boolean = true;
  /** Expiries of the retransmission timer without anything acknowledged between them: R1 counts these. */
  expiries: number = 0;
  /** End of TIME-WAIT, of an orphan's FIN-WAIT-2, or of the time that `linger` gives an orphan before that. */
  lingerAt: number = Infinity;
  /** When an orphan stops keeping the process alive. */
  releaseAt: number = Infinity;
  /** When the handshake is given up. */
  connectBy: number = Infinity;
  /** When the oldest unacknowledged octet began to wait: R2 counts from here. */
  stalledSince: number = 0;
  /** When a challenge ACK or an answer to an unacceptable segment was last sent (RFC 5961 §7). */
  challengedAt: number = -Infinity;
  /** When the last segment arrived. */
  heardAt: number = 0;
  /** The persist timer ran out on a window too small for silly-window avoidance: what fits is sent all the same. */
  overrideSilly: boolean = false;
  /** When something was last sent, for restart after idle (RFC 5681 §4.1). */
  lastSentAt: number = -1;

  bytesReceived: number = 0;
  bytesAcked: number = 0;
  segmentsReceived: number = 0;
  segmentsSent: number = 0;
  /**
   * SND.NXT − SND.UNA, and what of it was in the network, when `output` was last done. Nothing goes out between the ACKs
   * of one batch, so each finds less than the one before: a sender that answered every ACK would have kept this much.
   */
  flightSent: number = 0;
  pipeSent: number = 0;
  segmentsRetransmitted: number = 0;
  duplicateAcksReceived: number = 0;
  timeouts: number = 0;
  /** Losses that were found to have been none. */
  undos: number = 0;

  #accounted = 0;

  constructor(host: TcpHost, ends: Endpoints, options: ResolvedConnectionOptions, passive: boolean, iss: number) {
    this.host = host;
    this.path = ends.path;
    this.localPort = ends.localPort;
    this.remotePort = ends.remotePort;
    this.family = ends.family ?? ends.path.remote.family;
    this.options = options;
    this.passive = passive;
    this.snd = { iss, una: iss, nxt: iss, wnd: 0, wl1: 0, wl2: 0, maxWnd: 0, scale: 0, peerMss: 536, mss: 536 };
    this.sackPermitted = options.sack;
    this.timestamps = new Timestamps(
      options.timestamps,
      host.timestampOffset(ends.path, ends.localPort, ends.remotePort),
    );
    this.ecn = new Ecn(options.ecn);
    this.rack = new Rack(iss);
    this.report = new AckReport(this.rack, this.rate);
    this.newReno = new NewRenoRecovery(iss);
    this.pacer = new Pacer(host.clock.resolution, this.snd.mss);
    const { remote, linkMtu } = ends.path;
    this.pathMtu = new PathMtu(remote.family, options.pathMtuDiscovery, linkMtu);
    this.sendQueue = new ByteQueue(host.chunks);
    this.receiveQueue = new ReceiveQueue(host.receiveMemory);
    this.receiveTuning = ReceiveAutotuning.from(options);
    this.receiveWindow = new ReceiveWindow(this.receiveTuning.size, 0);
    this.configureSendBuffer();
    this.rto = new RtoEstimator({ granularity: host.clock.resolution, minimum: options.minimumRto * 1000 });
    this.configureUserTimeout();
    this.timer = host.wheel.timer((now) => this.connection.onTimer(now));
  }

  /** The sequence number of the first byte of the send queue: `snd.una`, or behind our SYN while that is unacknowledged. */
  get dataStart(): number {
    // Not by comparing with ISS: after two gigabytes that says nothing any more.
    return this.synAcked ? this.snd.una : seqAdd(this.snd.iss, 1);
  }

  /** The owner of a passive connection has got it before the end of the handshake (RFC 7413 §4.2, FastOpened). */
  get handedOver(): boolean {
    return this.passive && this.fastOpen?.status === 'accepted';
  }

  /** Loss recovery as it was agreed on. */
  get recovery(): LossRecovery {
    return this.sack ?? this.newReno;
  }

  /**
   * Bytes of the receive buffer that are taken, or that the memory budget has no room for: the rest is the window.
   *
   * What waits behind a gap lies inside the window and takes no room of it twice. Where the buffer sizes itself it does
   * not even count: it has arrived, and the window is for what is still under way. Otherwise packets that are late by a
   * part of the round trip would cost that part of the goodput. So up to twice the buffer is held while there are gaps.
   */
  get receiveOccupied(): number {
    const unread = this.receiveQueue.length;
    const waiting = this.reassembly.bytes;
    const { bufferSize } = this.receiveWindow;
    const beyond = this.options.receiveBuffer === 'auto' ? Math.min(waiting, bufferSize) : 0;
    const room = waiting + Math.max(this.host.budget.room, RECEIVE_FLOOR - unread - waiting);
    return Math.max(unread - beyond, bufferSize - room);
  }

  /** [SHLD-15] RFC 9293 §3.8.6: what the peer's window has room for; below zero when it has shrunk. */
  get usable(): number {
    const { una, wnd, nxt } = this.snd;
    return seqDiff(seqAdd(una, wnd), nxt);
  }

  /** The sequence number behind the last byte written. */
  get dataEnd(): number {
    return seqAdd(this.dataStart, this.sendQueue.length);
  }

  /** The sequence number of the first byte that the owner has not read. */
  get unread(): number {
    return seqAdd(this.rcv.nxt, -(this.receiveQueue.length + (this.endReceived ? 1 : 0)));
  }

  /** Bytes written and not yet sent for the first time. */
  get unsent(): number {
    return Math.max(0, seqDiff(this.dataEnd, this.snd.nxt));
  }

  /** Asked again after an event: whoever observes may have aborted. */
  get closed(): boolean {
    return this.state === 'CLOSED';
  }

  /** Our FIN has been sent at least once. */
  get finSent(): boolean {
    return this.finAt !== undefined && seqGt(this.snd.nxt, this.finAt);
  }

  /** Our FIN has been acknowledged. */
  get finAcked(): boolean {
    return this.finAt !== undefined && seqGt(this.snd.una, this.finAt);
  }

  /** Moves the state by the table; an event without meaning in this state leaves it. */
  enter(event: StateEvent): void {
    const from = this.state;
    const to = nextState(from, event);
    if (to === undefined || to === from) return;
    this.state = to;
    this.host.stateChanged(this, from, event);
  }

  notify(notice: number): void {
    this.notices |= notice;
    this.touch();
  }

  touch(): void {
    this.host.touch(this);
  }

  /** Brings the stack's memory budget up to date with what the queues hold. */
  account(): void {
    const { sendQueue, scoreboard, receiveQueue, reassembly } = this;
    const held = sendQueue.allocated + scoreboard.allocated + receiveQueue.allocated + reassembly.allocated;
    if (held === this.#accounted) return;
    this.host.budget.adjust(held - this.#accounted);
    this.#accounted = held;
  }

  /** Puts the options of the send buffer into force. What was written beyond a smaller one stays. */
  configureSendBuffer(): void {
    const { sendBuffer, maxSendBuffer } = this.options;
    this.sendTuning.maximum = sendBuffer === 'auto' ? maxSendBuffer : sendBuffer;
    this.sendTuning.size = sendBuffer === 'auto' ? Math.min(FIRST_SEND_BUFFER, maxSendBuffer) : sendBuffer;
  }

  /** Room is wanted and something was acknowledged: the send buffer follows the congestion window. */
  tuneSendBuffer(): void {
    const { sendTuning, congestion, snd, host, minRtt } = this;
    // What SACK has reported stands in the buffer, too, until SND.UNA has passed it: that is not in the window.
    const inFlight = Math.min(Math.max(congestion?.cwnd ?? 0, seqDiff(snd.nxt, snd.una)), snd.maxWnd);
    sendTuning.onAck(inFlight, growthLimit(sendTuning.size, sendTuning.maximum, minRtt.value, host.budget.room));
  }

  /** The owner has read: the receive buffer follows. */
  tuneReceiveBuffer(): void {
    const { receiveTuning, receiveQueue, receiveWindow, rcv, host, minRtt } = this;
    if (receiveTuning.size === receiveTuning.maximum) return;
    const limit = growthLimit(receiveTuning.size, receiveTuning.maximum, minRtt.value, host.budget.room);
    const read = this.bytesReceived - receiveQueue.length;
    if (receiveTuning.onRead(read, rcv.mss, limit, host.clock.now())) receiveWindow.bufferSize = receiveTuning.size;
  }

  /** Puts the keep-alive options into force. [MUST-24] RFC 9293 §3.8.4 */
  configureKeepalive(): void {
    const { keepAlive, keepAliveIdle, keepAliveInterval, keepAliveCount } = this.options;
    const { enabled, requested, value } = this.userTimeout;
    // RFC 5482 §4.2: with its option the keep-alive timer is above the user timeout that was adopted.
    const idle = Math.max(keepAliveIdle * 1000, enabled ? value + 1000 : 0);
    const giveUp = requested ? value : Infinity;
    this.keepalive.configure(keepAlive, idle, keepAliveInterval * 1000, keepAliveCount, giveUp);
    this.keepalive.onActivity(this.host.clock.now());
  }

  /** Puts the options of the user timeout into force. [MUST-21] RFC 9293 §3.8.3 */
  configureUserTimeout(): void {
    const { userTimeout, userTimeoutOption, userTimeoutLimit } = this.options;
    this.userTimeout.configure(userTimeout * 1000, userTimeoutOption, userTimeoutLimit * 1000);
  }

  setReferenced(on: boolean): void {
    if (on === this.referenced) return;
    this.referenced = on;
    this.host.keepAlive(on ? 1 : -1);
  }

  /** The error as the owner is to see it; `cause` is what has been thrown, if anything. */
  errorOf(code: ErrorCode, cause?: unknown): SystemError {
    const connecting = this.state === 'SYN_SENT' || (this.state === 'SYN_RECV' && !this.passive);
    const place = { address: this.path.remote.toString(), port: this.remotePort, cause };
    return systemError(code, connecting ? 'connect' : 'read', place);
  }

  /** [MUST-47] RFC 9293 §3.9.1.8: a passing condition is reported, if the owner has a handler for it [SHLD-20]. */
  reportSoftError(code: ErrorCode): void {
    if (this.orphan) return;
    this.trouble = code;
    this.notify(Notice.softError);
  }

  /** Ends the connection with an error for its owner. */
  fail(code: ErrorCode, cause?: unknown): void {
    if (this.state === 'CLOSED') return;
    this.error ??= this.errorOf(code, cause);
    this.notices |= Notice.error;
    this.release('end');
  }

  /** The owner has gone: bytes and FIN that are not acknowledged yet keep the process alive for a while. */
  becomeOrphan(now: number): void {
    this.orphan = true;
    this.notices = Notice.close;
    this.setReferenced(true);
    this.releaseAt = now + ORPHAN_HOLD_US;
    const { linger } = this.options;
    if (linger !== undefined) this.lingerAt = now + linger * 1000;
    this.host.lingers(this);
  }

  /** Our FIN is acknowledged: an orphan has nothing more to deliver, and waits for the peer's FIN only so long. */
  settleOrphan(now: number): void {
    this.releaseAt = Infinity;
    this.setReferenced(false);
    this.lingerAt = now + FIN_TIMEOUT_US;
  }

  /** CLOSED: forgets everything but what the owner has not read yet. */
  release(event: StateEvent): void {
    this.enter(event);
    this.timer.cancel();
    this.lingerAt = this.connectBy = Infinity;
    this.#endSending();
    this.acker.sent();
    this.reassembly.clear();
    this.sackBlocks.clear();
    this.synDue = false;
    this.notify(Notice.close);
    this.account();
    this.setReferenced(false);
    this.listener?.forget(this);
    this.host.released(this);
  }

  /** TIME-WAIT: the owner is done, the ports stay taken for 2 MSL. [MUST-13] RFC 9293 §3.6.1 */
  enterTimeWait(now: number): void {
    // Whoever was told of the new state may have aborted.
    if (this.state !== 'TIME_WAIT') return;
    this.#endSending();
    this.lingerAt = now + TIME_WAIT_US;
    this.notify(Notice.close);
    this.account();
    this.setReferenced(false);
    this.host.lingers(this);
  }

  /** Nothing is sent (again) any more, and no timer waits for an acknowledgment. */
  #endSending(): void {
    this.retransmitAt = this.tailProbeAt = this.paceAt = this.ecn.resumeAt = this.releaseAt = Infinity;
    if (this.sack !== undefined) this.sack.reorderAt = Infinity;
    this.mustRetransmit = this.tailProbeDue = false;
    this.persist.stop();
    this.keepalive.configure(false, 0, 0, 0);
    this.cork.update(false, 0, 0);
    this.sendQueue.clear();
    this.scoreboard.clear();
  }

  /** The next time at which `onTimer` has something to do, in microseconds; Infinity for never. */
  nextDeadline(): number {
    return Math.min(
      this.retransmitAt,
      this.tailProbeAt,
      this.sack?.reorderAt ?? Infinity,
      this.paceAt,
      this.acker.deadline,
      this.persist.deadline,
      this.keepalive.deadline,
      this.ecn.resumeAt,
      this.cork.deadline,
      this.lingerAt,
      this.releaseAt,
      this.connectBy,
    );
  }
}
