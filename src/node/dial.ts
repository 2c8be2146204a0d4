import dns from 'node:dns';
import { isIP } from 'node:net';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { systemError } from '../errors.ts';
import { checkConnectionOptions } from '../stack/tcp.ts';
import type { Connection } from '../tcp/connection.ts';
import type { Timer } from '../time/clock.ts';
import { checkBoolean, checkFunction, checkNumber, toPort } from './arguments.ts';
import {
  asNodeError,
  invalidArgType,
  invalidFamily,
  invalidIpAddress,
  isSystemError,
  outOfRange,
} from './net-errors.ts';
import type { NetConnectOptions, NetHost } from './socket-options.ts';

/** What a dial reports to its socket. */
export interface DialOwner {
  emit(event: string, ...args: unknown[]): boolean;
  /** An attempt begins that takes bytes for its SYN (Fast Open): what waits to be written may be written now. */
  early(connection: Connection): void;
  opened(connection: Connection): void;
  /** Writes no more than what it has: the stack is closing. */
  finish(): void;
  /** All attempts have failed, or the name was not found. */
  destroy(error: Error): void;
}

/** Node's shortest time for an attempt, in milliseconds. */
const SHORTEST_ATTEMPT = 10;

/** One `socket.connect()`: from a name to addresses to an open connection. */
export class Dial {
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
  #referenced: boolean = true;
  /** `address:port` of each attempt, where there was more than one. */
  attempted: string[] = [];

  /** @throws ERR_INVALID_IP_ADDRESS, ERR_INVALID_ARG_TYPE, ERR_SOCKET_BAD_PORT, ERR_OUT_OF_RANGE */
  constructor(owner: DialOwner, host: NetHost, options: NetConnectOptions) {
    this.#owner = owner;
    this.#host = host;
    this.#options = options;
    this.#name = options.host || 'localhost';
    const { port, localAddress, localPort, autoSelectFamily, tcp } = options;
    if (tcp !== undefined) checkConnectionOptions('options.tcp', tcp);
    if (localAddress && isIP(localAddress) === 0) throw invalidIpAddress(localAddress);
    if (localPort) {
      checkNumber(localPort, 'options.localPort');
      toPort(localPort, 'options.localPort');
    }
    if (typeof port !== 'number' && typeof port !== 'string') {
      throw invalidArgType('options.port', 'one of type number or string', port);
    }
    this.#port = toPort(port);
    if (autoSelectFamily !== undefined) checkBoolean(autoSelectFamily, 'options.autoSelectFamily');
    this.#autoSelect = autoSelectFamily ?? host.autoSelect.family;
    this.#attemptTimeout = toAttemptTimeout(options.autoSelectFamilyAttemptTimeout) ?? host.autoSelect.attemptTimeout;
    if (options.lookup !== undefined) checkFunction(options.lookup, 'options.lookup');
  }

  /** Begins; the owner hears nothing from inside the call. */
  start(): void {
    const family = isIP(this.#name);
    if (family === 0) return this.#lookup();
    process.nextTick(() => this.#try([{ address: this.#name, family }]));
  }

  /** Gives up: the owner hears nothing any more. */
  cancel(): void {
    this.#cancelled = true;
    this.#dropAttempt();
  }

  setReferenced(referenced: boolean): void {
    this.#referenced = referenced;
    if (referenced) this.#connection?.ref();
    else this.#connection?.unref();
  }

  /** The attempt that is under way. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** That of the latest attempt, which may be over. */
  get last(): Connection | undefined {
    return this.#last;
  }

  #lookup(): void {
    const { localAddress, hints = 0 } = this.#options;
    const family = toFamily(this.#options.family);
    const either = family !== 4 && family !== 6;
    // Read at call time: programs and their tools replace dns.lookup.
    const lookup: LookupFunction = this.#options.lookup ?? this.#host.lookup ?? dns.lookup;
    const all = either && !localAddress && this.#autoSelect;
    lookup(this.#name, { hints, ...(family === undefined ? {} : { family }), ...(all ? { all } : {}) }, this.#found);
  }

  readonly #found = (error: Error | null, found: string | LookupAddress[], family?: number): void => {
    if (this.#cancelled) return;
    if (error) {
      this.#owner.emit('lookup', error, undefined, undefined, this.#name);
      return this.#failSoon(error);
    }
    const addresses = Array.isArray(found) ? found : [{ address: found, family: family ?? 0 }];
    for (const { address, family: kind } of addresses) {
      this.#owner.emit('lookup', null, address, kind, this.#name);
      if (this.#cancelled) return;
    }
    const usable = addresses.filter(({ address, family: kind }) => isIP(address) !== 0 && (kind === 4 || kind === 6));
    if (usable.length > 0) return this.#try(alternating(usable));
    const first = addresses[0];
    if (first === undefined || isIP(first.address) === 0) return this.#failSoon(invalidIpAddress(first?.address));
    this.#failSoon(invalidFamily(first.family, this.#name, this.#port));
  };

  #try(targets: LookupAddress[]): void {
    this.#targets = targets;
    this.#tryNext();
  }

  #tryNext(): void {
    if (this.#cancelled) return;
    const target = this.#targets[this.#next++];
    if (target === undefined) return this.#owner.destroy(this.#summary());
    if (this.#targets.length > 1) this.attempted.push(`${target.address}:${this.#port}`);
    this.#owner.emit('connectionAttempt', target.address, this.#port, target.family);
    if (this.#cancelled) return;
    try {
      this.#connection = this.#last = this.#connect(target);
      if (!this.#referenced) this.#connection.unref();
      if (this.#connection.get('fastOpen')) this.#owner.early(this.#connection);
    } catch (error) {
      return this.#attemptFailed(this.#shaped(error), target);
    }
    if (this.#next < this.#targets.length) this.#limitAttempt(target);
  }

  #connect({ address }: LookupAddress): Connection {
    // Port 0 is no peer's port: Linux refuses it, as if nobody listened there.
    if (this.#port === 0) throw systemError('ECONNREFUSED', 'connect', { address });
    const { localAddress, localPort, tcp } = this.#options;
    const options = {
      ...this.#host.tcp,
      ...tcp,
      remoteAddress: address,
      remotePort: this.#port,
      localAddress: localAddress || undefined,
      localPort: localPort || undefined,
    };
    return this.#host.stack.tcp.connect(options, {
      onConnect: (connection) => {
        this.#stopTimer();
        this.#connection = undefined;
        this.#owner.opened(connection);
      },
      onClosing: () => this.#owner.finish(),
      onError: (error) => this.#attemptFailed(error, this.#targets[this.#next - 1]!),
    });
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
    this.#timer = clock.timer(() => {
      this.#owner.emit('connectionAttemptTimeout', address, this.#port, family);
      this.#errors.push(systemError('ETIMEDOUT', 'connect', { address, port: this.#port }));
      this.#dropAttempt();
      this.#tryNext();
    });
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

  /** A local address or port that can't be had is the business of `bind`. */
  #shaped(thrown: unknown): Error {
    const { localAddress, localPort } = this.#options;
    if (!isSystemError(thrown) || !(localAddress || localPort)) return asNodeError(thrown);
    if (thrown.code !== 'EADDRINUSE' && thrown.code !== 'EADDRNOTAVAIL') return asNodeError(thrown);
    const place = { address: localAddress || '0.0.0.0', port: localPort };
    return systemError(thrown.code, 'bind', { ...place, cause: thrown });
  }

  #summary(): Error {
    const [first, ...others] = this.#errors;
    if (first === undefined || others.length === 0) return first ?? systemError('ETIMEDOUT', 'connect');
    const summary = new AggregateError(this.#errors);
    return 'code' in first ? Object.assign(summary, { code: first.code }) : summary;
  }

  /** `net.connect` has returned by then, so that listeners hear it. */
  #failSoon(error: Error): void {
    process.nextTick(() => {
      if (!this.#cancelled) this.#owner.destroy(error);
    });
  }
}

function toFamily(family: NetConnectOptions['family']): number | undefined {
  if (family === 'IPv4') return 4;
  return family === 'IPv6' ? 6 : family;
}

function toAttemptTimeout(value: number | undefined): number | undefined {
  if (value === undefined) return undefined;
  checkNumber(value, 'options.autoSelectFamilyAttemptTimeout');
  if (!Number.isInteger(value) || value < 1) {
    throw outOfRange('options.autoSelectFamilyAttemptTimeout', '>= 1 && <= 2147483647', value);
  }
  return Math.max(SHORTEST_ATTEMPT, value);
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
