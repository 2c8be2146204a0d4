import type { AsyncResource } from 'node:async_hooks';
import dns from 'node:dns';
import { isIP } from 'node:net';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Binding } from '../buffer/binding.ts';
import type { SystemError } from '../errors.ts';
import { systemError } from '../errors.ts';
import { checkConnectionOptions } from '../stack/tcp.ts';
import type { Connection } from '../tcp/connection.ts';
import type { ConnectionHandler } from '../tcp/handler.ts';
import type { Timer } from '../time/clock.ts';
import { Address, needsZone } from '../wire/address.ts';
import { localInfo } from './address-info.ts';
import { checkBoolean, checkFunction, checkNumber, checkStringWithoutNullBytes } from './arguments.ts';
import { toAttemptTimeout, toPort } from './arguments.ts';
import { currentContext } from './async-context.ts';
import { ipBlocked } from './block-lists.ts';
import { inMacrotask } from './macrotask.ts';
import { asError, invalidArgType, invalidFamily, invalidIpAddress, isSystemError } from './net-errors.ts';
import { IS_22_OR_NEWER } from './node-features.ts';
import type { NetConnectOptions, NetHost } from './socket-options.ts';

/** What asks the system, unless the program puts something else in its place. */
const systemLookup = dns.lookup;

/** What a dial reports to its socket. */
export interface DialOwner {
  emit(event: string, ...args: unknown[]): boolean;
  /** There is a connection already, or an attempt at one: there can't be another. */
  busy(): { code: 'EISCONN' | 'EALREADY'; connection: Connection } | undefined;
  /** The socket is not to connect to it. */
  isBlocked(address: string): boolean;
  /** There are several addresses: the list gets `address:port` of each that is tried. */
  attempted(addresses: string[]): void;
  /** An attempt begins that takes bytes for its SYN (Fast Open): what waits to be written may be written now. */
  early(connection: Connection): void;
  /** `context` is that of the socket's events from now on. */
  opened(connection: Connection, context: AsyncResource): void;
  /** Writes no more than what it has: the stack is closing. */
  finish(): void;
  /** All attempts have failed, or the name was not found. */
  destroy(error: Error): void;
}

/** One `socket.connect()` under way. */
export interface Dialling {
  /** Of the socket's events. */
  readonly context: AsyncResource;
  /** The attempt that is under way. */
  readonly connection: Connection | undefined;
  /** That of the latest attempt, which may be over. */
  readonly last: Connection | undefined;
  /** Begins; the owner hears nothing from inside the call. */
  start(): void;
  /** Gives up: the owner hears nothing any more. */
  cancel(): void;
}

/** What a lookup gives for an address, whatever that is. */
interface Found {
  readonly address: unknown;
  readonly family: unknown;
}

/** Why there was no attempt. */
type Failure = Error & Partial<Pick<SystemError, 'syscall'>>;

/** For a connection that nobody waits for any more. */
const CLOSING: ConnectionHandler = { onConnect: (connection) => connection.close() };

/** One `socket.connect()`: from a name to addresses to an open connection. */
export class Dial implements Dialling {
  readonly #owner: DialOwner;
  readonly #host: NetHost;
  readonly #options: NetConnectOptions;
  readonly #name: string;
  readonly #port: number;
  readonly #autoSelect: boolean;
  readonly #attemptTimeout: number;
  #targets: LookupAddress[] = [];
  #next: number = 0;
  readonly #errors: Error[] = [];
  #connection: Connection | undefined;
  #last: Connection | undefined;
  #timer: Timer | undefined;
  #cancelled: boolean = false;
  /** The end of the stack is that of the dial until there is a connection. */
  #leaveStack: (() => boolean) | undefined;
  readonly #attempted: string[] = [];
  /** That of the socket to be: Node makes its native one here, and a new one for each attempt after the first. */
  context: AsyncResource = currentContext('TCPWRAP');
  /** That of the attempt under way: a name's comes from where it was found. */
  #attempt: AsyncResource | undefined;

  /** @throws ERR_INVALID_IP_ADDRESS, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_SOCKET_BAD_PORT, ERR_OUT_OF_RANGE */
  constructor(owner: DialOwner, host: NetHost, options: NetConnectOptions) {
    this.#owner = owner;
    this.#host = host;
    this.#options = options;
    this.#name = options.host || 'localhost';
    const { port, localAddress, localPort, autoSelectFamily, tcp } = options;
    if (tcp !== undefined) checkConnectionOptions('options.tcp', tcp);
    if (IS_22_OR_NEWER) checkStringWithoutNullBytes(this.#name, 'options.host');
    if (localAddress && isIP(localAddress) === 0) throw invalidIpAddress(localAddress);
    if (localPort) checkNumber(localPort, 'options.localPort');
    if (port !== undefined && typeof port !== 'number' && typeof port !== 'string') {
      throw invalidArgType('options.port', 'one of type number or string', port);
    }
    // An empty path is none; Node takes the port for 0 then.
    this.#port = port === undefined ? 0 : toPort(port);
    if (autoSelectFamily !== undefined && autoSelectFamily !== null)
      checkBoolean(autoSelectFamily, 'options.autoSelectFamily');
    this.#autoSelect = autoSelectFamily ?? host.autoSelect.family;
    const { autoSelectFamilyAttemptTimeout: time } = options;
    this.#attemptTimeout =
      time === undefined || time === null
        ? host.autoSelect.attemptTimeout
        : toAttemptTimeout(time, 'options.autoSelectFamilyAttemptTimeout');
    if (options.lookup && isIP(this.#name) === 0) checkFunction(options.lookup, 'options.lookup');
  }

  start(): void {
    const cut = (): void => this.#owner.destroy(systemError('ECONNABORTED', 'connect'));
    this.#leaveStack = this.#host.stack.dependents.add({ cut });
    const family = isIP(this.#name);
    if (family === 0) return this.#lookup();
    process.nextTick(() => this.#try([{ address: this.#name, family }]));
  }

  cancel(): void {
    this.#cancelled = true;
    this.#leaveStack?.();
    const connection = this.#connection;
    if (connection === undefined || !this.#isOwn(connection)) return this.#dropAttempt();
    // Linux has both ends of it ready by now (see `#established`): the server gets a connection that ends.
    this.#stopTimer();
    this.#connection = undefined;
    if (connection.state === 'SYN_SENT') connection.handler = CLOSING;
    else connection.close();
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  get last(): Connection | undefined {
    return this.#last;
  }

  #lookup(): void {
    const { localAddress, hints: given } = this.#options;
    const family = toFamily(this.#options.family);
    const either = family !== 4 && family !== 6;
    const hints = given || (either && process.platform !== 'win32' ? dns.ADDRCONFIG : 0);
    // Read at call time: programs and their tools replace dns.lookup.
    const lookup: unknown = this.#options.lookup ?? this.#host.lookup ?? dns.lookup;
    const all = either && !localAddress && this.#autoSelect;
    const allFound = lookup === systemLookup ? this.#allFoundBySystem : this.#allFound;
    const args = all ? [{ family, hints, all }, allFound] : [{ family, hints }, this.#found];
    let looked = false;
    try {
      Reflect.apply(lookup as LookupFunction, undefined, [this.#name, ...args]);
      looked = true;
    } finally {
      // What it throws is thrown by `connect`, and no dial waits for anything.
      if (!looked) this.#leaveStack?.();
    }
  }

  /** One address was asked for: the steps, and what is thrown where it is no such thing, are those of Node's `lib/net.js`. */
  readonly #found = (error: Error | null, ip: unknown, family: unknown): void => {
    this.#owner.emit('lookup', error, ip, family, this.#name);
    if (this.#cancelled) return;
    if (error) return this.#failSoon(error);
    const target = { address: ip, family };
    if (isTarget(target)) this.#try([target]);
    else this.#failSoon(this.#unusable(target));
  };

  /**
   * The system puts addresses in the order of its own routes and addresses (RFC 6724 §6), where 'verbatim' leaves it to it;
   * here those of the stack count.
   */
  readonly #allFoundBySystem = (error: Error | null, found: readonly LookupAddress[]): void => {
    const { lookup } = this.#options;
    const mayOrder = !lookup && this.#host.lookup === undefined && dns.getDefaultResultOrder() === 'verbatim';
    if (error || !mayOrder) return this.#allFound(error, found);
    const byText = new Map(found.map((entry) => [entry.address, entry]));
    const order = this.#host.stack.orderDestinations([...byText.keys()]);
    this.#allFound(
      null,
      order.map((text) => byText.get(text)!),
    );
  };

  /** All addresses were asked for: what is no list of them throws here, in the function that has looked them up. */
  readonly #allFound = (error: Error | null, addresses: readonly Found[]): void => {
    if (this.#cancelled) return;
    if (error) {
      this.#owner.emit('lookup', error, undefined, undefined, this.#name);
      return this.#failSoon(error);
    }
    const usable: LookupAddress[] = [];
    for (let i = 0; i < addresses.length; i++) {
      const found = addresses[i]!;
      const { address, family } = found;
      this.#owner.emit('lookup', error, address, family, this.#name);
      if (this.#cancelled) return;
      if (isTarget(found)) usable.push(found);
    }
    if (usable.length > 0) return this.#try(alternating(usable));
    const { address, family } = addresses[0]!;
    this.#failSoon(this.#unusable({ address, family }));
  };

  #unusable({ address, family }: Found): Error {
    // Before Node 22 a list of one reads as an address, too.
    const isText = typeof address === 'string' || (!IS_22_OR_NEWER && family !== 4 && family !== 6);
    if (!isText || isIP(address as string) === 0) return invalidIpAddress(address);
    const { host, port } = this.#options;
    return invalidFamily(family, host, port);
  }

  #try(targets: LookupAddress[]): void {
    const leave = this.#leaveStack;
    this.#leaveStack = undefined;
    if (leave?.() === false) return;
    this.#targets = targets;
    this.#next = 0;
    if (targets.length > 1) this.#owner.attempted(this.#attempted);
    this.#tryNext();
  }

  #tryNext(): void {
    if (this.#cancelled) return;
    const target = this.#targets[this.#next++];
    if (target === undefined) return this.#owner.destroy(this.#summary());
    if (this.#next > 1) this.context = currentContext('TCPWRAP');
    this.#attempt = currentContext('TCPCONNECTWRAP');
    if (this.#owner.isBlocked(target.address)) return this.#refuse(target);
    const failure = this.#begin(target);
    // What fails at `bind` was no attempt to connect.
    const attempted = failure?.syscall !== 'bind';
    if (attempted) this.#tellOfAttempt(target);
    if (this.#cancelled) return;
    if (attempted && this.#targets.length > 1) this.#attempted.push(`${target.address}:${this.#port}`);
    if (failure !== undefined) return this.#notBegun(failure, target);
    if (this.#connection?.get('fastOpen')) this.#owner.early(this.#connection);
    if (this.#next < this.#targets.length) this.#limitAttempt(target);
  }

  /** Node tells of the attempt all the same where there is one address, and of its failure where there are several. */
  #refuse({ address, family }: LookupAddress): void {
    const error = ipBlocked(address);
    if (this.#targets.length === 1) {
      this.#owner.emit('connectionAttempt', address, this.#port, family);
      if (!this.#cancelled) this.#owner.destroy(error);
      return;
    }
    this.#errors.push(error);
    this.#owner.emit('connectionAttemptFailed', address, this.#port, family, error);
    this.#tryNext();
  }

  /** Node tells before it begins: when a listener throws, there is no attempt, nor is there an end of the connecting. */
  #tellOfAttempt({ address, family }: LookupAddress): void {
    let told = false;
    try {
      this.#owner.emit('connectionAttempt', address, this.#port, family);
      told = true;
    } finally {
      if (!told) this.#dropAttempt();
    }
  }

  /** Begins an attempt, or says why there can't be one. */
  #begin(target: LookupAddress): Failure | undefined {
    // Port 0 is no peer's port: Linux refuses it, as if nobody listened there.
    if (this.#port === 0) {
      const refused = systemError('ECONNREFUSED', 'connect', { address: target.address });
      setImmediate(() => {
        if (!this.#cancelled) this.#attemptFailed(this.#named(refused, target), target);
      });
      return undefined;
    }
    try {
      this.#connection = this.#last = this.#connect(target);
      return undefined;
    } catch (error) {
      return this.#shaped(error, target);
    }
  }

  /** Node tells of these only at the end, where there is one address. */
  #notBegun(failure: Failure, { address, family }: LookupAddress): void {
    if (this.#targets.length === 1) return this.#owner.destroy(failure);
    this.#errors.push(failure);
    if (failure.syscall !== 'bind') {
      this.#owner.emit('connectionAttemptFailed', address, this.#port, family, failure);
    }
    this.#tryNext();
  }

  #connect(target: LookupAddress): Connection {
    const { address } = target;
    const busy = this.#owner.busy();
    if (busy !== undefined) throw systemError(busy.code, 'connect', { address, port: this.#port });
    const { localAddress, localPort, tcp } = this.#options;
    const bound = localAddress || anyOf(target);
    // Node's native socket is of the target's family: it binds to no other, and knows no other peer.
    if (isIP(bound) !== target.family || lacksZone(bound)) {
      throw systemError('EINVAL', 'bind', { address: bound, port: localPort || undefined });
    }
    if (isIP(address) !== target.family) throw systemError('EINVAL', 'connect', { address, port: this.#port });
    const boundPort = toLocalPort(localPort);
    if (boundPort === undefined || (boundPort > 0 && this.#isListening(bound, boundPort))) {
      throw systemError('EADDRINUSE', 'bind', { address: bound, port: localPort });
    }
    // The options of connections have other names. They come last, since V8 is slow where something follows a spread.
    const options = {
      remoteAddress: address,
      remotePort: this.#port,
      localAddress: localAddress || undefined,
      localPort: boundPort || undefined,
      ...this.#host.tcp,
      ...tcp,
    };
    const within = (fn: () => void): void => this.#attempt?.runInAsyncScope(fn);
    return this.#host.stack.tcp.connect(options, {
      onConnect: (connection) => this.#established(connection),
      onClosing: () => within(() => this.#owner.finish()),
      onError: (error) => within(() => this.#attemptFailed(this.#named(error, target), target)),
    });
  }

  /**
   * To an own address Linux has both ends of a connection ready when `connect` returns, and Node hears of the server's
   * first. Here our ACK is still to be sent: 'connect' waits until the listener has it. What befalls the connection before,
   * befalls the attempt.
   */
  #established(connection: Connection): void {
    this.#stopTimer();
    const { clock } = this.#host.stack;
    const attempt = this.#attempt;
    let ended = false;
    const open = (): void => {
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      // A function that finds the name once more is heard no more.
      this.#cancelled = true;
      attempt?.runInAsyncScope(() => this.#owner.opened(connection, this.context));
      if (ended) connection.handler.onEnd?.(connection);
    };
    if (!this.#isOwn(connection)) return open();
    connection.handler = { onEnd: () => (ended = true), ...connection.handler };
    // The clock's next macrotask, which brings the listener what this turn sends, comes before this one.
    inMacrotask(clock, open);
  }

  /** Its packets come back to this stack. */
  #isOwn(connection: Connection): boolean {
    return this.#host.stack.ip.interface(connection.interfaceIndex)?.loopback === true;
  }

  #attemptFailed(error: Error, { address, family }: LookupAddress): void {
    this.#stopTimer();
    this.#connection = undefined;
    this.#errors.push(error);
    this.#owner.emit('connectionAttemptFailed', address, this.#port, family, error);
    this.#tryNext();
  }

  /** Another address waits: this one gets only so much time. */
  #limitAttempt(target: LookupAddress): void {
    const { clock } = this.#host.stack;
    const { address, family } = target;
    const timedOut = (): void => {
      this.#owner.emit('connectionAttemptTimeout', address, this.#port, family);
      this.#errors.push(this.#named(systemError('ETIMEDOUT', 'connect', { address, port: this.#port }), target));
      this.#dropAttempt();
      this.#tryNext();
    };
    this.#timer = clock.timer(() => this.#attempt?.runInAsyncScope(timedOut));
    this.#timer.at(clock.now() + this.#attemptTimeout * 1000);
  }

  #dropAttempt(): void {
    this.#stopTimer();
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.handler = {};
    connection.abort();
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Linux lets nobody bind where somebody listens. */
  #isListening(address: string, port: number): boolean {
    const binding = new Binding(Address.parse(address), false);
    return this.#host.stack.tcp.listeners.some((other) => other.port === port && other.binding.overlaps(binding));
  }

  /** As Node names the peer, and the local end that the program asked for: in the program's words. */
  #named(error: SystemError, target: LookupAddress): SystemError {
    const { address } = target;
    if (error.address !== undefined && error.address !== address) {
      error.message = error.message.replace(` ${error.address}`, ` ${address}`);
      error.address = address;
    }
    const { localPort } = this.#options;
    // One of Node's own, over the real network, has it.
    if (!localPort || 'localAddress' in error) return error;
    const localAddress = this.#options.localAddress || anyOf(target);
    error.message += ` - Local (${localAddress}:${localPort})`;
    return Object.assign(error, { localAddress, localPort });
  }

  /** A local address or port that can't be had is the business of `bind`. */
  #shaped(thrown: unknown, target: LookupAddress): Failure {
    // One of Node's own, over the real network, says all of it.
    if (!isSystemError(thrown) || thrown.message.includes(' - Local (')) return asError(thrown);
    const { localAddress, localPort } = this.#options;
    const address = localAddress || anyOf(target);
    if (isOfBind(thrown, target) && (localAddress || localPort)) {
      return systemError(thrown.code, 'bind', { address, port: localPort || undefined, cause: thrown });
    }
    const { code, syscall, port } = thrown;
    const shaped = systemError(code, syscall, { address: target.address, port, cause: thrown });
    const busy = this.#owner.busy()?.connection;
    // An address of the other family is seen before there is a socket, unless one had to be bound.
    const unbound = isIP(target.address) !== target.family && !localAddress && !localPort;
    const own = unbound ? { address: undefined, port: undefined } : { address, port: localPort || 0 };
    const local = busy === undefined ? own : localInfo(busy);
    shaped.message += ` - Local (${local.address}:${local.port})`;
    return shaped;
  }

  #summary(): Error {
    const [first] = this.#errors;
    if (this.#targets.length === 1) return first ?? systemError('ETIMEDOUT', 'connect');
    const summary = new AggregateError(this.#errors);
    return first !== undefined && 'code' in first ? Object.assign(summary, { code: first.code }) : summary;
  }

  /** `net.connect` has returned by then, so that listeners hear it. */
  #failSoon(error: Error): void {
    process.nextTick(() => {
      if (!this.#cancelled) this.#owner.destroy(error);
    });
  }
}

function isTarget(found: Found): found is LookupAddress {
  const { address, family } = found;
  return typeof address === 'string' && isIP(address) !== 0 && (family === 4 || family === 6);
}

/** Node binds to 16 bits of it, and takes another port than it meant for one in use (`checkBindError` of lib/net.js). */
function toLocalPort(given: number | undefined): number | undefined {
  const port = (given || 0) & 0xffff;
  return given && given > 0 && given !== port ? undefined : port;
}

/** Where the socket for this target is bound if the program does not say. */
function anyOf({ family }: LookupAddress): string {
  return family === 4 ? '0.0.0.0' : '::';
}

/** `fe80::1` alone names no host (RFC 4007 §6). */
function lacksZone(text: string): boolean {
  const address = Address.parse(text);
  return needsZone(address) && address.zone === undefined;
}

/** Is it the local end that can't be had? */
function isOfBind({ code, syscall }: SystemError, { address }: LookupAddress): boolean {
  if (syscall === 'bind' || code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL') return true;
  // A link-local address without its zone, and not the peer's.
  return code === 'EINVAL' && isIP(address) === 6 && !needsZone(Address.parse(address));
}

function toFamily(family: NetConnectOptions['family']): number | undefined {
  if (family === 'IPv4') return 4;
  return family === 'IPv6' ? 6 : family;
}

/** Each address once, the families taking turns, that of the first address first (RFC 8305 §4). */
function alternating(addresses: readonly LookupAddress[]): LookupAddress[] {
  const once = [...new Map(addresses.map((entry) => [entry.address, entry])).values()];
  const leading = once.filter(({ family }) => family === once[0]!.family);
  const following = once.filter(({ family }) => family !== once[0]!.family);
  const order: LookupAddress[] = [];
  for (let i = 0; i < once.length; i++) {
    if (leading[i] !== undefined) order.push(leading[i]!);
    if (following[i] !== undefined) order.push(following[i]!);
  }
  return order;
}
