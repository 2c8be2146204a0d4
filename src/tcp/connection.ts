import type { IcmpError } from '../buffer/icmp-error.ts';
import type { ErrorCode } from '../errors.ts';
import { requireBytes, requireCallbacks, requireInteger, requireOptions, requireType, usageError } from '../errors.ts';
import type { Address } from '../wire/address.ts';
import type { ControlBlock } from './control-block.ts';
import { becomeOrphan, fail, release, settleOrphan } from './ending.ts';
import { Notice } from './notice.ts';
import { awaitsReader, deliver, dueNotices } from './deliver.ts';
import { openEarly } from './fast-open-server.ts';
import { CONNECTION_CALLBACKS } from './handler.ts';
import type { ConnectionHandler } from './handler.ts';
import { icmpErrorArrives } from './icmp-error.ts';
import type { ConnectionInfo } from './info.ts';
import { connectionInfo } from './info.ts';
import { segmentArrives } from './input.ts';
import type { ConnectionOptions } from './options.ts';
import { FIXED_OPTIONS, checkOption, requireOptionName, withOption } from './options.ts';
import { output } from './output.ts';
import type { Segment } from './segment.ts';
import type { State } from './states.ts';
import { isSynchronized, mayReceive } from './states.ts';
import { mayReopen } from './time-wait.ts';
import { resume, timersExpire } from './timers.ts';
import { sendReset } from './transmit.ts';
import { UrgentMark } from './urgent.ts';

/** How bytes are written. */
export interface WriteOptions {
  /**
   * These bytes are urgent: the peer is told so at once, before they arrive. They stay in their place in the stream. Only
   * for protocols that ask for it, such as Telnet: [SHLD-13] RFC 9293 §3.8.5, new ones should do without. Default false.
   */
  urgent?: boolean;
}

function isUrgent(options: WriteOptions): boolean {
  requireOptions('connection.write', options, WRITE_OPTIONS);
  const { urgent = false } = options;
  requireType('urgent', urgent, 'boolean');
  return urgent;
}

const WRITE_OPTIONS = ['urgent'];

/** Where an ABORT is told to the peer (RFC 9293 §3.10.5). */
const RESET_BY_ABORT: ReadonlySet<State> = new Set([
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT_1',
  'FIN_WAIT_2',
  'CLOSE_WAIT',
]);

/**
 * Bytes that a connection may queue whatever others hold of the memory budget: so each of them gets on, and an ACK of
 * its own tells each that waits for room. Two full segments, which are acknowledged at once, where one alone would wait for
 * the delayed ACK. Linux: net.ipv4.tcp_wmem, the first value.
 */
const SEND_FLOOR = 4096;

/**
 * A TCP connection: the core socket that every adapter stands on. Callbacks, no promises, no runtime.
 *
 * @example
 * const connection = stack.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7 }, {
 *   onConnect: (c) => c.write(new TextEncoder().encode('hello')),
 *   onReadable: (c) => { for (let b = c.read(); b; b = c.read()) console.log(b); },
 *   onEnd: (c) => c.shutdown(),
 * });
 */
export class Connection {
  /** @internal Waits for the stack's turn; kept by the stack. */
  touched: boolean = false;
  readonly #tcb: ControlBlock;
  #handler: ConnectionHandler;

  /** @internal Made by `stack.tcp.connect` and by listeners. */
  constructor(tcb: ControlBlock, handler: ConnectionHandler) {
    this.#tcb = tcb;
    this.#handler = handler;
    tcb.connection = this;
    tcb.setReferenced(true);
  }

  /**
   * Who is told; may be replaced at any time, by `onConnection` of a listener at the latest.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  get handler(): ConnectionHandler {
    return this.#handler;
  }

  set handler(handler: ConnectionHandler) {
    requireCallbacks('connection.handler', handler, CONNECTION_CALLBACKS);
    this.#handler = handler;
  }

  get state(): State {
    return this.#tcb.state;
  }

  /**
   * Of the socket: 6 also for an IPv4 connection that was taken by a listener on `::`, or made to `::ffff:a.b.c.d`. The
   * addresses are IPv4 then; `address.mapped()` has them as IPv6 (RFC 3493 §3.7).
   */
  get family(): 4 | 6 {
    return this.#tcb.family;
  }

  get localAddress(): Address {
    return this.#tcb.path.local;
  }

  get localPort(): number {
    return this.#tcb.localPort;
  }

  get remoteAddress(): Address {
    return this.#tcb.path.remote;
  }

  /** @internal The interface that it goes out by. */
  get interfaceIndex(): number {
    return this.#tcb.path.interfaceIndex;
  }

  /** @internal The interface that it is bound to. */
  get deviceIndex(): number | undefined {
    return this.#tcb.path.deviceIndex;
  }

  get remotePort(): number {
    return this.#tcb.remotePort;
  }

  /** Bytes that have arrived and were not read yet. */
  get readableLength(): number {
    return this.#tcb.receiveQueue.length;
  }

  /**
   * Bytes still to be read up to the end of the urgent data that the peer has told of, also those that have not arrived
   * yet; 0 when there is none. `read` never goes beyond that end in one step.
   */
  get urgentLength(): number {
    // [MUST-33] RFC 9293 §3.8.5. A pointer beyond the peer's FIN was wrong: nothing comes from there.
    const { urgentIn, endReceived, unread, receiveQueue } = this.#tcb;
    if (urgentIn === undefined) return 0;
    const length = urgentIn.ahead(unread);
    return endReceived ? Math.min(length, receiveQueue.length) : length;
  }

  /** Bytes that `write` would accept now. */
  get writableLength(): number {
    const { sendQueue, sendBufferSize, options, host } = this.#tcb;
    const { length } = sendQueue;
    const { room, share } = host.budget;
    // A size that the user has chosen stays.
    const fair = options.sendBuffer === 'auto' ? Math.min(room, share - length) : room;
    return Math.max(0, Math.min(sendBufferSize - length, Math.max(fair, SEND_FLOOR - length)));
  }

  /** Bytes written and not yet acknowledged. */
  get unacknowledged(): number {
    return this.#tcb.sendQueue.length;
  }

  /**
   * Queues bytes for sending and returns how many it took; they are copied, the caller may reuse its memory. Less than
   * all when the send buffer is full: `onWritable` follows. 0 after `shutdown()` and on a connection that has ended.
   * Before the handshake is complete bytes are queued.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  write(chunks: Uint8Array | readonly Uint8Array[], options?: WriteOptions): number {
    requireBytes('chunks', chunks);
    const urgent = options !== undefined && isUrgent(options);
    const tcb = this.#tcb;
    // Behind a FIN, which TIME-WAIT has behind it, nothing is written.
    if (tcb.finAt !== undefined || tcb.state === 'CLOSED') return 0;
    let room = this.writableLength;
    let taken = 0;
    const list = chunks instanceof Uint8Array ? [chunks] : chunks;
    for (const chunk of list) {
      const n = Math.min(chunk.byteLength, room);
      if (n > 0) tcb.sendQueue.append(chunk, 0, n);
      taken += n;
      room -= n;
      if (n < chunk.byteLength) {
        tcb.wantsWritable = true;
        break;
      }
    }
    if (taken > 0) {
      tcb.account();
      tcb.touch();
      if (urgent) this.#markUrgent();
    }
    return taken;
  }

  /**
   * The next bytes, in memory that is the caller's to keep; nothing when none wait. Reading opens the window.
   *
   * @param max at most so many bytes.
   * @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
   */
  read(max?: number): Uint8Array | undefined {
    if (max !== undefined) requireInteger('max', max, 0, Number.MAX_SAFE_INTEGER);
    const tcb = this.#tcb;
    // RFC 9293 §3.9.1.3: what follows urgent data is not handed over together with it.
    const urgent = this.urgentLength;
    const bytes = tcb.receiveQueue.read(urgent > 0 ? Math.min(max ?? urgent, urgent) : max);
    if (bytes === undefined) return undefined;
    tcb.passUrgentIn();
    tcb.account();
    if (mayReceive(tcb.state)) {
      tcb.tuneReceiveBuffer();
      // [MUST-39] RFC 9293 §3.8.6.2.2: told when the window opens by a useful step, not byte by byte.
      if (tcb.receiveWindow.updateDue(tcb.rcv.nxt, tcb.receiveOccupied, tcb.rcv.mss)) {
        tcb.acker.ackNow();
        tcb.touch();
      }
    }
    if (tcb.receiveQueue.length === 0 && tcb.endReceived && !tcb.endDelivered) tcb.notify(Notice.end);
    return bytes;
  }

  /** A copy of the next bytes, which stay unread. */
  peek(max?: number): Uint8Array | undefined {
    if (max !== undefined) requireInteger('max', max, 0, Number.MAX_SAFE_INTEGER);
    return this.#tcb.receiveQueue.peek(max);
  }

  /** Half-close (RFC 9293 §3.10.4): FIN goes out behind everything written; bytes may still arrive. Idempotent. */
  shutdown(): void {
    const tcb = this.#tcb;
    if (tcb.finAt !== undefined || tcb.state === 'CLOSED') return;
    tcb.finAt = tcb.dataEnd;
    // Before the handshake is complete the CLOSE is queued: `established` comes back to it.
    if (isSynchronized(tcb.state)) tcb.enter('send-fin');
    tcb.touch();
  }

  /**
   * The owner is done with both directions. What was written and the FIN still go out, by an orphan; `onClose` is the
   * only callback that follows, soon. Bytes that were not read, or arrive later, are answered with RST, so that the
   * peer learns that they were lost. The option `linger` says how long the orphan may take. Idempotent.
   */
  close(): void {
    const tcb = this.#tcb;
    if (tcb.orphan) return;
    tcb.unreadKept = false;
    if (tcb.state === 'CLOSED') return this.#discardUnread();
    if (tcb.options.linger === 0 && tcb.state !== 'TIME_WAIT') return this.abort();
    // [SHLD-3] [MAY-1] RFC 9293 §3.6.1, [S-102] RFC 2525 §2.17: unread data was lost.
    if (tcb.receiveQueue.length > 0) return this.abort();
    // RFC 9293 §3.10.4: in SYN-SENT the control block is deleted.
    if (tcb.state === 'SYN_SENT') return release(tcb, 'end');
    const now = tcb.host.clock.now();
    if (tcb.state === 'TIME_WAIT') tcb.orphan = true;
    else becomeOrphan(tcb, now);
    this.shutdown();
    if (tcb.state === 'FIN_WAIT_2') settleOrphan(tcb, now);
    tcb.touch();
  }

  /**
   * @internal Sends what windows and Nagle allow at once, not at the end of the turn: as a kernel does with each write. What
   * `abort` follows is on its way then.
   */
  sendNow(): void {
    this.output(this.#tcb.host.clock.now());
  }

  /**
   * @internal Called from `onEnd` and `onError` by an owner whose own reader may be behind: `onClose` waits for `close()`,
   * and what came before an error can still be read.
   */
  keepUnread(): void {
    const tcb = this.#tcb;
    tcb.unreadKept = true;
    if (tcb.state === 'CLOSED') tcb.host.keepsUnread(tcb, true);
  }

  /**
   * ABORT (RFC 9293 §3.10.5): RST, but where both ends have said that they are through; and everything queued is
   * forgotten. `onClose` follows.
   */
  abort(): void {
    const tcb = this.#tcb;
    this.#discardUnread();
    if (tcb.state === 'CLOSED') return;
    tcb.notices = 0;
    if (RESET_BY_ABORT.has(tcb.state)) sendReset(tcb, tcb.snd.nxt);
    release(tcb, 'end');
  }

  /**
   * [MUST-30] RFC 9293 §3.10.3: SND.UP stands behind what was written just now. [MUST-32] The peer hears of it also while
   * its window keeps the bytes themselves back: if no segment with data goes out, an ACK does.
   */
  #markUrgent(): void {
    const tcb = this.#tcb;
    const mark = (tcb.urgentOut ??= new UrgentMark());
    mark.advance(tcb.dataEnd, tcb.snd.una);
    tcb.acker.ackNow();
  }

  /** Nobody reads up to the peer's FIN any more: `onClose` need not wait for it. */
  #discardUnread(): void {
    const tcb = this.#tcb;
    tcb.receiveQueue.clear();
    tcb.endDelivered = true;
    tcb.unreadKept = false;
    tcb.account();
    tcb.touch();
  }

  /**
   * Changes an option of the open connection.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE, ERR_INVALID_ARG_VALUE
   */
  set<Name extends keyof ConnectionOptions>(name: Name, value: Required<ConnectionOptions>[Name]): void {
    if (typeof name !== 'string') {
      throw usageError('ERR_INVALID_ARG_TYPE', "set takes the name of an option and its value: set('noDelay', true)");
    }
    checkOption(name, value);
    if (FIXED_OPTIONS.has(name)) {
      throw usageError(
        'ERR_INVALID_ARG_VALUE',
        `The option '${name}' is given to connect() or listen(), not changed later`,
      );
    }
    const tcb = this.#tcb;
    // Those of other connections, that began with the same ones, stay.
    if (tcb.options[name] !== value) tcb.options = withOption(tcb.options, name, value);
    if (name === 'sendBuffer' || name === 'maxSendBuffer') tcb.configureSendBuffer();
    if (name.startsWith('userTimeout')) tcb.configureUserTimeout();
    if (/^(keepAlive|userTimeout)/.test(name) && isSynchronized(tcb.state)) tcb.configureKeepalive();
    // What Nagle or a full buffer held back may go now.
    if (tcb.state !== 'CLOSED') tcb.touch();
  }

  /**
   * An option as it is now.
   *
   * @throws ERR_INVALID_ARG_VALUE
   */
  get<Name extends keyof ConnectionOptions>(name: Name): Required<ConnectionOptions>[Name] {
    requireOptionName(name);
    return this.#tcb.options[name];
  }

  /** What is known of the connection now, in the spirit of Linux's TCP_INFO. */
  info(): ConnectionInfo {
    return connectionInfo(this.#tcb);
  }

  /** The open connection keeps the process alive (the default). */
  ref(): void {
    if (this.#tcb.state !== 'CLOSED' && this.#tcb.state !== 'TIME_WAIT') this.#tcb.setReferenced(true);
  }

  unref(): void {
    this.#tcb.setReferenced(false);
  }

  /** @internal Begins the handshake: RFC 9293 §3.10.1, active OPEN. */
  open(): void {
    const tcb = this.#tcb;
    tcb.enter('active-open');
    tcb.connectBy = tcb.host.clock.now() + tcb.options.connectTimeout * 1000;
    tcb.synDue = true;
    tcb.touch();
  }

  /** @internal Fast Open: the owner gets the connection with this SYN already. */
  openEarly(syn: Segment): void {
    try {
      openEarly(this.#tcb, syn);
    } catch (error) {
      this.#broken(error);
    }
  }

  /**
   * @internal In TIME-WAIT: gives the ports up for this SYN, if that is safe, and returns SND.NXT.
   *
   * @param timestamps the new connection would use timestamps.
   */
  giveWay(syn: Segment, timestamps: boolean): number | undefined {
    const tcb = this.#tcb;
    if (!mayReopen(tcb, syn, timestamps)) return undefined;
    release(tcb, 'end');
    return tcb.snd.nxt;
  }

  /** @internal Everything written and our FIN are acknowledged, or it has ended; and the owner knows of the peer's end. */
  get finished(): boolean {
    return (this.#tcb.state === 'CLOSED' || this.#tcb.finAcked) && !awaitsReader(this.#tcb);
  }

  /** @internal Ends with an error, and a RST where the peer knows of us: the stack is closing. */
  cut(code: ErrorCode): void {
    const tcb = this.#tcb;
    const awaited = awaitsReader(tcb);
    if (tcb.state === 'TIME_WAIT' && !awaited) return release(tcb, 'end');
    if (awaited) this.#discardUnread();
    if (tcb.state !== 'CLOSED') {
      this.#reset();
      return fail(tcb, code);
    }
    // Of one error at most is told.
    if (!awaited || tcb.error !== undefined) return;
    tcb.error = tcb.errorOf(code);
    tcb.notify(Notice.error);
  }

  /** @internal A segment for this connection. */
  input(segment: Segment): void {
    const tcb = this.#tcb;
    try {
      segmentArrives(tcb, segment);
    } catch (error) {
      this.#broken(error);
    }
    // Whatever the segment has changed: the owner hears of it and `output` follows, once for a batch.
    tcb.touch();
  }

  /** @internal An ICMP error about a segment of this connection. */
  icmpError(error: IcmpError): void {
    icmpErrorArrives(this.#tcb, error);
  }

  /** @internal The link of this interface has come up: what was lost meanwhile is sent again at once. */
  linkUp(interfaceIndex: number, now: number): void {
    const tcb = this.#tcb;
    if (tcb.path.interfaceIndex !== interfaceIndex) return;
    resume(tcb, now);
    tcb.touch();
  }

  /** @internal Routes, addresses or interfaces have changed: where there was no way to the peer, there may be one. */
  routesChanged(): void {
    if (this.#tcb.unreachable) this.#tcb.touch();
  }

  /** @internal Callbacks wait for the owner. */
  get due(): boolean {
    return dueNotices(this.#tcb) !== 0;
  }

  /** @internal Makes the callbacks that are due. */
  deliver(): void {
    deliver(this.#tcb);
  }

  /** @internal Segments that are due. */
  output(now: number): void {
    const tcb = this.#tcb;
    try {
      output(tcb, now);
    } catch (error) {
      this.#broken(error);
    }
    // Whoever observed may have aborted it amid all that; what was set behind that means nothing.
    tcb.wakeAt(tcb.state === 'CLOSED' ? Infinity : tcb.nextDeadline());
  }

  /** @internal The wheel's timer has come. */
  onTimer(now: number): void {
    const tcb = this.#tcb;
    try {
      timersExpire(tcb, now);
    } catch (error) {
      this.#broken(error);
    }
    tcb.touch();
  }

  /** An exception, as from a congestion controller of the user's, costs this connection and no other: it is the cause. */
  #broken(error: unknown): void {
    const tcb = this.#tcb;
    this.#reset();
    fail(tcb, 'ECONNABORTED', error);
    tcb.host.broken(tcb, error);
  }

  /** RST, where the peer waits for us: before the end of the handshake that is so where Fast Open has handed over. */
  #reset(): void {
    const tcb = this.#tcb;
    if (tcb.state === 'SYN_RECV' ? tcb.handedOver : isSynchronized(tcb.state)) sendReset(tcb, tcb.snd.nxt);
  }
}
