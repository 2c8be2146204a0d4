import { ByteQueue } from '../buffer/byte-queue.ts';
import type { Path } from '../buffer/path.ts';
import { ReceiveQueue } from '../buffer/receive-queue.ts';
import { seqAdd, seqDiff, seqGt } from '../buffer/seq.ts';
import type { ErrorCode, SystemError } from '../errors.ts';
import { systemError } from '../errors.ts';
import type { TimerOwner } from '../time/timer-levels.ts';
import type { WheelTimer } from '../time/timer-wheel.ts';
import { Acker } from './acker.ts';
import type { FlowLimit } from './allowance.ts';
import type { CongestionController } from './congestion/controller.ts';
import type { Connection } from './connection.ts';
import { DeliveryRate } from './delivery-rate.ts';
import { Frto } from './frto.ts';
import type { TcpHost } from './host.ts';
import { Ecn } from './ecn.ts';
import { Keepalive } from './keepalive.ts';
import { MinRtt } from './min-rtt.ts';
import { Notice } from './notice.ts';
import type { ResolvedConnectionOptions } from './options.ts';
import { PathMtu } from './path-mtu.ts';
import { Rack } from './rack.ts';
import type { ReceiveAutotuning } from './receive-autotuning.ts';
import { firstReceiveBuffer, growthLimit } from './receive-autotuning.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { LossRecovery, RecoveryPhase } from './recovery.ts';
import { NewRenoRecovery } from './recovery.ts';
import { RtoEstimator } from './rto.ts';
import type { SackRecovery } from './sack-recovery.ts';
import { Scoreboard } from './scoreboard.ts';
import { FIRST_SEND_BUFFER, grownSendBuffer } from './send-autotuning.ts';
import { ReceiveSequence, SendSequence } from './sequence-variables.ts';
import { SpuriousDetector } from './spurious.ts';
import type { State, StateEvent } from './states.ts';
import { nextState } from './states.ts';
import { SeldomParts } from './seldom.ts';
import { Timestamps } from './timestamps.ts';
import { UrgentMark } from './urgent.ts';
import { UserTimeout, giveUpAfter } from './user-timeout.ts';
import { WIDE } from '../buffer/wide.ts';

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
export class ControlBlock extends SeldomParts implements TimerOwner {
  state: State = 'CLOSED';
  readonly host: TcpHost;
  readonly path: Path;
  readonly localPort: number;
  readonly remotePort: number;
  readonly family: 4 | 6;
  /** Shared by all connections that were opened with the same ones: replaced, not changed. */
  options: Readonly<ResolvedConnectionOptions>;
  /** The user's face of this connection; set right after construction. */
  connection!: Connection;
  /** Where a passive open came from and whoever takes the connection when it is complete. */
  listener: Acceptor | undefined = undefined;

  readonly snd: SendSequence;
  readonly rcv: ReceiveSequence = new ReceiveSequence();

  /** Bytes written and not yet acknowledged; its head stands at `dataStart`. */
  readonly sendQueue: ByteQueue;
  readonly receiveQueue: ReceiveQueue;
  readonly receiveWindow: ReceiveWindow;
  /** From the first data on, where the size of the buffer is not the user's choice. */
  receiveTuning: ReceiveAutotuning | undefined = undefined;
  /** Bytes that `write` may queue: see `grownSendBuffer`. */
  sendBufferSize: number = 0;
  /** What is on its way. */
  readonly scoreboard: Scoreboard = new Scoreboard();
  readonly rto: RtoEstimator;
  readonly pathMtu: PathMtu;
  readonly minRtt: MinRtt = new MinRtt();
  readonly rate: DeliveryRate = new DeliveryRate();
  readonly rack: Rack;
  /** Loss recovery without SACK; with it, `sack` takes its place once the handshake has agreed on it. */
  newReno: NewRenoRecovery | undefined;
  sack: SackRecovery | undefined = undefined;
  readonly timestamps: Timestamps;
  /** The last delivery rate measured, in bytes a second. */
  lastDeliveryRate: number = WIDE;
  /** What kept the sender from sending more when it last could. */
  limit: FlowLimit = 'application';
  ecn: Ecn;
  readonly acker: Acker = new Acker();
  /** Set when the handshake has told the MSS. */
  congestion: CongestionController | undefined = undefined;
  /** While it is armed. */
  timer: WheelTimer | undefined = undefined;

  /** Where our FIN stands, behind the last byte written, once `shutdown()` was called. */
  finAt: number | undefined = undefined;

  /** Notices due, bits of `Notice`. */
  notices: number = 0;

  /** When the retransmission timer expires, in microseconds; Infinity when it does not run. */
  retransmitAt: number = Infinity;
  /** When a tail loss probe is due (RFC 8985 §7); Infinity for never. */
  tailProbeAt: number = Infinity;
  /** End of TIME-WAIT, of an orphan's FIN-WAIT-2, or of the time that `linger` gives an orphan before that. */
  lingerAt: number | undefined = undefined;
  /** When the handshake is given up. */
  connectBy: number | undefined = undefined;
  /** When the oldest unacknowledged octet began to wait: R2 counts from here. */
  stalledSince: number = 0;
  /** When something was last sent, for restart after idle (RFC 5681 §4.1). */
  lastSentAt: number = -1;

  bytesReceived: number = WIDE;
  bytesAcked: number = WIDE;
  segmentsReceived: number = 0;
  segmentsSent: number = 0;
  /**
   * SND.NXT − SND.UNA, and what of it was in the network, when `output` was last done. Nothing goes out between the ACKs
   * of one batch, so each finds less than the one before: a sender that answered every ACK would have kept this much.
   */
  flightSent: number = 0;
  pipeSent: number = 0;

  #accounted = 0;

  constructor(
    host: TcpHost,
    ends: Endpoints,
    options: Readonly<ResolvedConnectionOptions>,
    passive: boolean,
    iss: number,
  ) {
    super();
    this.host = host;
    this.path = ends.path;
    this.localPort = ends.localPort;
    this.remotePort = ends.remotePort;
    this.family = ends.family ?? ends.path.remote.family;
    this.options = options;
    this.passive = passive;
    this.snd = new SendSequence(iss);
    this.windowScaling = this.progressed = true;
    this.sackPermitted = options.sack;
    this.timestamps = new Timestamps(
      options.timestamps,
      host.timestampOffset(ends.path, ends.localPort, ends.remotePort),
    );
    this.ecn = new Ecn(options.ecn);
    this.rack = new Rack(iss);
    this.newReno = new NewRenoRecovery(iss);
    const { remote, linkMtu } = ends.path;
    this.pathMtu = new PathMtu(remote.family, options.pathMtuDiscovery, linkMtu);
    this.sendQueue = new ByteQueue(host.chunks);
    this.receiveQueue = new ReceiveQueue(host.receiveMemory);
    this.receiveWindow = new ReceiveWindow(firstReceiveBuffer(options), 0);
    this.configureSendBuffer();
    this.rto = new RtoEstimator({ granularity: host.clock.resolution, minimum: options.minimumRto * 1000 });
    this.configureUserTimeout();
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
    return this.sack ?? this.newReno!;
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
    const waiting = this.reassembly?.bytes ?? 0;
    const { bufferSize } = this.receiveWindow;
    // RFC 5681 §2 (e): where the peer counts duplicate ACKs, they repeat the window.
    const opens = this.sackPermitted && this.options.receiveBuffer === 'auto';
    const beyond = opens ? Math.min(waiting, bufferSize) : 0;
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

  /** When pacing lets the next segment go that waits for nothing else; Infinity for none. */
  get paceAt(): number {
    return this.pacer?.wakeAt ?? Infinity;
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

  /** `onTimer` is called at this time, in microseconds; Infinity: it is not. */
  wakeAt(deadline: number): void {
    if (deadline !== Infinity) {
      this.timer ??= this.host.wheel.timerOf(this);
      this.timer.arm(deadline);
    } else if (this.timer !== undefined) {
      this.host.wheel.giveBack(this.timer);
      this.timer = undefined;
    }
  }

  /** The wheel's timer has come. */
  onTimer(now: number): void {
    this.connection.onTimer(now);
  }

  touch(): void {
    this.host.touch(this);
  }

  /** Brings the stack's memory budget up to date with what the queues hold. */
  account(): void {
    const { sendQueue, scoreboard, receiveQueue, reassembly } = this;
    const outOfOrder = reassembly?.allocated ?? 0;
    const held = sendQueue.allocated + scoreboard.allocated + receiveQueue.allocated + outOfOrder;
    if (held === this.#accounted) return;
    const { budget } = this.host;
    if (held === 0) budget.holders--;
    else if (this.#accounted === 0) budget.holders++;
    budget.adjust(held - this.#accounted);
    this.#accounted = held;
  }

  /** Puts the options of the send buffer into force. What was written beyond a smaller one stays. */
  configureSendBuffer(): void {
    const { sendBuffer, maxSendBuffer } = this.options;
    this.sendBufferSize = sendBuffer === 'auto' ? Math.min(FIRST_SEND_BUFFER, maxSendBuffer) : sendBuffer;
  }

  /** Room is wanted and something was acknowledged: the send buffer follows the congestion window. */
  tuneSendBuffer(): void {
    const { sendBufferSize: size, congestion, snd, host, minRtt } = this;
    const { sendBuffer, maxSendBuffer } = this.options;
    if (sendBuffer !== 'auto') return;
    // What SACK has reported stands in the buffer, too, until SND.UNA has passed it: that is not in the window.
    const inFlight = Math.min(Math.max(congestion?.cwnd ?? 0, seqDiff(snd.nxt, snd.una)), snd.maxWnd);
    this.sendBufferSize = grownSendBuffer(
      size,
      inFlight,
      growthLimit(size, maxSendBuffer, minRtt.value, host.budget.room),
    );
  }

  /** The owner has read: the receive buffer follows. */
  tuneReceiveBuffer(): void {
    const { receiveTuning, receiveQueue, receiveWindow, rcv, host, minRtt } = this;
    if (receiveTuning === undefined || receiveTuning.size === receiveTuning.maximum) return;
    const limit = growthLimit(receiveTuning.size, receiveTuning.maximum, minRtt.value, host.budget.room);
    const read = this.bytesReceived - receiveQueue.length;
    if (receiveTuning.onRead(read, rcv.mss, limit, host.clock.now())) receiveWindow.bufferSize = receiveTuning.size;
  }

  /** Puts the keep-alive options into force. [MUST-24] RFC 9293 §3.8.4 */
  configureKeepalive(): void {
    const { keepAlive, keepAliveIdle, keepAliveInterval, keepAliveCount, userTimeout } = this.options;
    this.keepalive = keepAlive ? new Keepalive() : undefined;
    // RFC 5482 §4.2: with its option the keep-alive timer is above the user timeout that was adopted.
    const idle = Math.max(keepAliveIdle * 1000, this.userTimeout === undefined ? 0 : this.giveUpAfter + 1000);
    const giveUp = userTimeout > 0 ? this.giveUpAfter : Infinity;
    this.keepalive?.configure(true, idle, keepAliveInterval * 1000, keepAliveCount, giveUp);
    this.keepalive?.onActivity(this.host.clock.now());
  }

  /** Puts the options of the user timeout into force. [MUST-21] RFC 9293 §3.8.3 */
  configureUserTimeout(): void {
    const { userTimeout, userTimeoutOption, userTimeoutLimit } = this.options;
    if (!userTimeoutOption) return;
    this.userTimeout ??= new UserTimeout();
    this.userTimeout.configure(userTimeout * 1000, true, userTimeoutLimit * 1000);
  }

  /** USER TIMEOUT, R2 for data: how long what was sent may stay unacknowledged, in microseconds. */
  get giveUpAfter(): number {
    return this.userTimeout?.value ?? giveUpAfter(this.options.userTimeout * 1000);
  }

  /** The handshake has agreed on SACK. */
  recoverBySack(sack: SackRecovery): void {
    this.sack = sack;
    this.newReno = undefined;
  }

  /** The detector of losses that were none: it is about to be told something. */
  watchSpurious(): SpuriousDetector {
    return (this.spurious ??= new SpuriousDetector());
  }

  /** A detector that watches nothing and has seen no D-SACK knows no more than a new one. */
  settleSpurious(): void {
    if (this.spurious !== undefined && !this.spurious.active && !this.spurious.dsackSeen) this.spurious = undefined;
  }

  /** The retransmission timer has expired, in this phase: F-RTO watches, if it may. */
  beginFrto(phase: RecoveryPhase): void {
    const { una, nxt } = this.snd;
    this.frto ??= new Frto();
    if (!this.frto.onTimeout(una, nxt, phase, this.sack !== undefined)) this.frto = undefined;
    this.frtoCredit = 0;
  }

  endFrto(): void {
    this.frto = undefined;
    this.frtoCredit = 0;
  }

  /** The peer's urgent pointer: true when it has advanced. `from`: the first octet not dealt with. */
  markUrgentIn(up: number, from: number): boolean {
    this.urgentIn ??= new UrgentMark();
    const advanced = this.urgentIn.advance(up, from);
    if (this.urgentIn.up === undefined) this.urgentIn = undefined;
    return advanced;
  }

  /** The owner has read. */
  passUrgentIn(): void {
    this.urgentIn?.pass(this.unread);
    if (this.urgentIn?.up === undefined) this.urgentIn = undefined;
  }

  /** Only what lies before `end` is still kept behind the gap. */
  trimSackBlocks(end: number): void {
    this.sackBlocks?.trim(this.rcv.nxt, end);
    if (this.sackBlocks?.count === 0) this.sackBlocks = undefined;
  }

  /** What is kept behind a gap is forgotten, and no longer reported (RFC 2018 §8). */
  dropOutOfOrder(): void {
    this.reassembly?.clear();
    this.reassembly = undefined;
    this.sackBlocks?.clear();
    if (this.sackBlocks?.count === 0) this.sackBlocks = undefined;
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

  /** The next time at which `onTimer` has something to do, in microseconds; Infinity for never. */
  nextDeadline(): number {
    return Math.min(
      this.retransmitAt,
      this.tailProbeAt,
      this.sack?.reorderAt ?? Infinity,
      this.paceAt,
      this.acker.deadline,
      this.persist?.deadline ?? Infinity,
      this.keepalive?.deadline ?? Infinity,
      this.ecn.resumeAt,
      this.cork?.deadline ?? Infinity,
      this.lingerAt ?? Infinity,
      this.releaseAt ?? Infinity,
      this.connectBy ?? Infinity,
    );
  }
}
