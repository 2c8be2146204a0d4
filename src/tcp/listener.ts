import type { Binding } from '../buffer/binding.ts';
import type { Path } from '../buffer/path.ts';
import { seqAdd, seqMax } from '../buffer/seq.ts';
import type { SystemError } from '../errors.ts';
import { TcpFlag } from '../wire/tcp.ts';
import type { Address } from '../wire/address.ts';
import { refuse } from './closed.ts';
import { Connection } from './connection.ts';
import { ControlBlock } from './control-block.ts';
import type { Endpoints } from './control-block.ts';
import { release } from './ending.ts';
import type { FastOpenCookies } from './fast-open.ts';
import { FastOpenQueue, judgeSyn } from './fast-open-server.ts';
import { recallSyn, sendCookie } from './cookie-handshake.ts';
import { acceptSyn, peerMss } from './handshake.ts';
import type { ConnectionHandler } from './handler.ts';
import type { TcpHost } from './host.ts';
import { keepSynText } from './input-text.ts';
import type { ResolvedConnectionOptions } from './options.ts';
import type { Segment } from './segment.ts';
import { SynCookies } from './syn-cookies.ts';

/**
 * When SYNs are answered with a cookie, and nothing is kept of them. `overflow`: when as many handshakes are under way
 * as the backlog allows. `always`. `never`: the oldest handshake gives way to a newer one. Linux:
 * net.ipv4.tcp_syncookies 1, 2, 0.
 */
export type SynCookiesOption = 'overflow' | 'always' | 'never';

/** Where a listener listens, and how it takes what comes. */
export interface ListenerPlace {
  binding: Binding;
  port: number;
  backlog: number;
  synCookies: SynCookiesOption;
  /** Connections handed over by Fast Open whose handshake is under way; 0 turns it off. */
  fastOpen: number;
}

/** The handler of a connection until its owner sets one. */
const NOBODY: ConnectionHandler = {};

/** What a listener needs beyond `TcpHost`: ways back, numbers, and a place for new connections. */
export interface ListenerHost extends TcpHost {
  /** The way from the segment's destination back to its source, by this interface if one is given; nothing when there is none. */
  pathBack(segment: Segment, device: number | undefined): Path | undefined;
  initialSequence(path: Path, localPort: number, remotePort: number): number;
  /** Fast Open's cookies for clients: one for all listeners, as Linux. */
  fastOpenCookies(): FastOpenCookies;
  /** Enters a new connection in the table. */
  enlist(tcb: ControlBlock): void;
  /** The listener is closed: its port is free. */
  unlisten(listener: Listener): void;
}

/**
 * A listening port: the state LISTEN of RFC 9293. Every connection it makes has a control block of its own [MUST-41]
 * [MUST-42].
 */
export class Listener {
  /** The address bound, as it was given; the unspecified address for all. */
  readonly address: Address;
  /** @internal What it stands for. */
  readonly binding: Binding;
  readonly port: number;
  /** Handshakes that may be under way at once; see `SynCookiesOption`. Linux: net.ipv4.tcp_max_syn_backlog. */
  readonly backlog: number;
  /** Called when the stack, not its owner, has closed the listener. */
  onClose: (() => void) | undefined = undefined;
  /**
   * EADDRNOTAVAIL: the address it is bound to was taken away from the stack; ENODEV: its `device` has gone. Nobody can
   * connect now, but the listener stays, and goes on when the address comes back.
   */
  onError: ((error: SystemError) => void) | undefined = undefined;
  readonly #host: ListenerHost;
  readonly #options: Readonly<ResolvedConnectionOptions>;
  readonly #onConnection: (connection: Connection) => void;
  /** Handshakes under way, oldest first. */
  readonly #pending = new Set<ControlBlock>();
  readonly #synCookies: SynCookiesOption;
  readonly #fastOpen: FastOpenQueue;
  /** Made with the first cookie. */
  #cookies: SynCookies | undefined = undefined;
  #closed = false;
  #referenced = false;

  /** @internal Made by `stack.tcp.listen`. */
  constructor(
    host: ListenerHost,
    at: ListenerPlace,
    options: Readonly<ResolvedConnectionOptions>,
    onConnection: (connection: Connection) => void,
  ) {
    this.#host = host;
    this.address = at.binding.given;
    this.binding = at.binding;
    this.port = at.port;
    this.backlog = at.backlog;
    this.#synCookies = at.synCookies;
    this.#fastOpen = new FastOpenQueue(at.fastOpen);
    this.#options = options;
    this.#onConnection = onConnection;
    this.ref();
  }

  /** @internal Connections use timestamps where the peer does. */
  get timestamps(): boolean {
    return this.#options.timestamps;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes no more connections; those that are open go on, handshakes under way are reset. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const tcb of this.#pending) tcb.connection.abort();
    this.#pending.clear();
    this.unref();
    this.#host.unlisten(this);
  }

  /** The listener keeps the process alive (the default). */
  ref(): void {
    if (this.#referenced || this.#closed) return;
    this.#referenced = true;
    this.#host.keepAlive(1);
  }

  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    this.#host.keepAlive(-1);
  }

  /**
   * @internal SEGMENT ARRIVES in LISTEN (RFC 9293 §3.10.7.2).
   *
   * @param least SND.NXT of the incarnation that gave way to this SYN.
   */
  input(segment: Segment, least?: number): void {
    // First, RST: ignored.
    if (segment.has(TcpFlag.RST)) return this.#host.counters.add('tcp-rst-ignored');
    const path = this.#host.pathBack(segment, this.binding.device);
    if (path === undefined) return;
    const { family } = this.address;
    const ends = { path, localPort: segment.destinationPort, remotePort: segment.sourcePort, family };
    // Second, ACK: nothing was sent from here that it could acknowledge, but a cookie.
    if (segment.has(TcpFlag.ACK)) {
      if (!this.#recall(ends, segment)) refuse(path, segment);
      return;
    }
    // Third, SYN; anything else has no business here.
    if (segment.has(TcpFlag.SYN)) this.#open(ends, segment, least);
    else this.#host.counters.add('tcp-no-flags');
  }

  /** @internal The handshake of `tcb` is over, one way or the other. */
  forget(tcb: ControlBlock): void {
    this.#pending.delete(tcb);
    const { fastOpen, error } = tcb;
    if (fastOpen?.pending !== true) return;
    fastOpen.pending = false;
    this.#fastOpen.leave(error !== undefined, this.#host.clock.now());
  }

  #open(ends: Endpoints, segment: Segment, least: number | undefined): void {
    const host = this.#host;
    // A new incarnation needs a number above the old one's: no cookie (as Linux).
    if (least === undefined && this.#full && this.#synCookies !== 'never') return this.#sendCookie(ends, segment);
    if (this.#full) this.#dropOldest();
    const generated = host.initialSequence(ends.path, ends.localPort, ends.remotePort);
    // [MAY-2] RFC 9293 §3.6.1: larger than any number of the connection before; it may have sent faster than M ticks.
    const tcb = this.#make(ends, segment, least === undefined ? generated : seqMax(generated, least));
    // Whoever was told of the new state may have aborted.
    if (tcb.closed) return;
    tcb.connectBy = segment.now + this.#options.connectTimeout * 1000;
    tcb.synDue = true;
    if (!this.#openFast(tcb, segment)) {
      // While many handshakes are under way, as in a flood, text is left to the peer's retransmission.
      if (this.#pending.size * 2 <= this.backlog) keepSynText(tcb, segment);
      this.#pending.add(tcb);
    }
    tcb.touch();
  }

  /** [S-097] RFC 7413 §4.2.2: a SYN with a good cookie, and not too many of them: its owner gets the connection at once. */
  #openFast(tcb: ControlBlock, syn: Segment): boolean {
    const queue = this.#fastOpen;
    // §4.2: "the server [...] MUST ignore all cookie options", if it is not turned on.
    if (queue.limit === 0 || syn.options.fastOpen < 0) return false;
    // §4.2, §5.1: over the limit a handshake as ever, which gives no cookie either.
    if (queue.full(syn.now)) {
      this.#host.counters.add('tcp-fast-open-queue-full');
      return false;
    }
    if (!judgeSyn(tcb, syn, this.#host.fastOpenCookies()) || tcb.fastOpen === undefined) return false;
    tcb.fastOpen.pending = true;
    queue.enter();
    tcb.connection.openEarly(syn);
    return true;
  }

  /** A connection in SYN-RECEIVED. */
  #make(ends: Endpoints, syn: Segment, iss: number): ControlBlock {
    const tcb = new ControlBlock(this.#host, ends, this.#options, true, iss);
    const connection = new Connection(tcb, NOBODY);
    // Nobody holds it yet: a handshake under way does not keep the process alive.
    connection.unref();
    tcb.listener = this;
    this.#host.enlist(tcb);
    tcb.enter('passive-open');
    tcb.enter('syn');
    acceptSyn(tcb, syn);
    return tcb;
  }

  get #full(): boolean {
    return this.#pending.size >= this.backlog || this.#synCookies === 'always';
  }

  /** [S-096] RFC 4987 §3.6: the SYN-ACK holds all there is to know of this handshake. */
  #sendCookie(ends: Endpoints, syn: Segment): void {
    this.#cookies ??= new SynCookies(this.#host.random);
    const { path } = ends;
    const cookie = this.#cookies.make(path, ends, syn.seq, peerMss(syn), syn.now);
    const offset = this.#host.timestampOffset(path, ends.localPort, ends.remotePort);
    sendCookie(this.#host, path, syn, cookie, this.#options, offset);
  }

  /** Makes the connection that an ACK tells of; false when it has no good cookie. */
  #recall(ends: Endpoints, segment: Segment): boolean {
    const { counters } = this.#host;
    if (segment.has(TcpFlag.SYN) || !this.#cookies?.expected(segment.now)) return false;
    const iss = seqAdd(segment.ack, -1);
    const mss = this.#cookies.check(ends.path, ends, seqAdd(segment.seq, -1), iss, segment.now);
    if (mss === 0) {
      counters.add('tcp-syn-cookies-failed');
      return false;
    }
    counters.add('tcp-syn-cookies-received');
    const tcb = this.#make(ends, recallSyn(segment, mss), iss);
    // The SYN-ACK was sent.
    tcb.ecn.onSynSent(true, false);
    tcb.snd.nxt = segment.ack;
    tcb.rcv.acked = tcb.rcv.nxt;
    tcb.connection.input(segment);
    return true;
  }

  /** [S-096] RFC 4987 §3.3: without cookies the oldest half-open connection gives way, silently. */
  #dropOldest(): void {
    for (const tcb of this.#pending) {
      this.#host.counters.add('tcp-backlog-overflow');
      release(tcb, 'end');
      this.#pending.delete(tcb);
      return;
    }
  }

  /** @internal The handshake is complete, or Fast Open need not wait for it: the owner takes the connection. */
  accept(connection: Connection): void {
    // It was closed after the handshake, before the owner could be told: nobody will take this connection.
    if (this.#closed) return connection.abort();
    connection.ref();
    try {
      this.#onConnection(connection);
    } catch (error) {
      // Nobody took it: nobody would ever read or close it.
      if (connection.handler === NOBODY) connection.abort();
      throw error;
    }
  }
}
