import { toAddress } from '../buffer/address-memo.ts';
import type { SystemError } from '../errors.ts';
import { described, requireInteger, requireMethods, requireOptions, systemError, usageError } from '../errors.ts';
import { checkRawOption } from '../raw/options.ts';
import type { PingReplyInfo } from '../raw/ping-handler.ts';
import type { PingSocket } from '../raw/ping-socket.ts';
import type { TimerWheel, WheelTimer } from '../time/timer-wheel.ts';
import type { Address } from '../wire/address.ts';
import type { RawPlace, StackRaw } from './raw.ts';

/** How to ping. */
export interface PingOptions extends RawPlace {
  /** Bytes of data, 0 to 65,507. Default 56, as ping(8). */
  size?: number | undefined;
  /** The data itself, instead of `size` bytes of a pattern. */
  data?: Uint8Array | undefined;
  /** Time to live or hop limit, 1 to 255. Default 64, to groups 1. */
  ttl?: number | undefined;
  /** The whole traffic-class byte. Default 0. */
  trafficClass?: number | undefined;
  /** May ask a broadcast address (else EACCES). Default false. */
  broadcast?: boolean | undefined;
  /** Fails with EMSGSIZE instead of sending fragments: to find the path's MTU. Default false. */
  dontFragment?: boolean | undefined;
  /** How long each request waits for its answer, in milliseconds. Default 1000. */
  timeout?: number | undefined;
  /** Requests, 1 to 65,535. Default 1. */
  count?: number | undefined;
  /** From one request to the next, in milliseconds. Default 1000. */
  interval?: number | undefined;
  /** Ends it early: the promise rejects with the signal's reason. */
  signal?: PingSignal | undefined;
}

/** What is used of an AbortSignal, which not every runtime has. */
export interface PingSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** One answer. */
export interface PingReply {
  /** Who answered: of a group one of its hosts. */
  readonly address: Address;
  /** Which request was answered, counted from 1. */
  readonly sequence: number;
  /** Bytes of data that came back. */
  readonly size: number;
  /** Time to live or hop limit as the answer arrived. */
  readonly ttl: number;
  /** The whole traffic-class byte as the answer arrived. */
  readonly trafficClass: number;
  /** From request to answer, in milliseconds, with fractions. */
  readonly time: number;
}

/** The first answer, and what became of all requests. */
export interface PingResult extends PingReply {
  readonly sent: number;
  readonly received: number;
  /** Answers to what had been answered already, as long as others were awaited. */
  readonly duplicates: number;
  /** The first answer to each request that was answered, in the order they came. */
  readonly replies: readonly PingReply[];
  /** Why others were not, in the order it was known. */
  readonly errors: readonly SystemError[];
}

/** What pinging needs of the stack. */
export interface PingHost {
  readonly raw: StackRaw;
  readonly wheel: TimerWheel;
  readonly clock: { now(): number };
}

const OPTIONS: readonly string[] = [
  'size',
  'data',
  'ttl',
  'trafficClass',
  'broadcast',
  'dontFragment',
  'timeout',
  'count',
  'interval',
  'signal',
  'address',
  'device',
] satisfies (keyof PingOptions)[];

/** The largest payload of IPv4, less ICMP's header. */
const LARGEST_SIZE = 65_507;
const LONGEST = 0x7fff_ffff;
const MS = 1000;

/**
 * See `Stack.ping`.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
 */
export function ping(host: PingHost, address: string | Address, options: PingOptions = {}): Promise<PingResult> {
  requireOptions('stack.ping', options, OPTIONS);
  const remoteAddress = toAddress(address);
  const data = dataOf(options);
  const { timeout = 1000, count = 1, interval = 1000, signal, ttl, trafficClass, broadcast, dontFragment } = options;
  requireInteger('timeout', timeout, 1, LONGEST);
  requireInteger('count', count, 1, 65_535);
  requireInteger('interval', interval, 0, LONGEST);
  for (const [key, value] of Object.entries({ ttl, trafficClass, broadcast, dontFragment })) {
    if (value !== undefined) checkRawOption(key as 'ttl' | 'trafficClass' | 'broadcast' | 'dontFragment', value);
  }
  if (signal !== undefined) {
    requireMethods('signal', signal, ['addEventListener', 'removeEventListener'], 'an AbortSignal');
  }
  const { device } = options;
  const place = { remoteAddress, address: options.address, device, ttl, trafficClass, broadcast, dontFragment };
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const run = new PingRun(host, { data, timeout: timeout * MS, count, interval: interval * MS }, resolve, reject);
    // What is thrown here rejects.
    run.start(place, signal);
  });
}

/** What to send, how often, and how long to wait, in microseconds. */
interface Plan {
  data: Uint8Array;
  timeout: number;
  count: number;
  interval: number;
}

/** The requests of one `stack.ping`. */
class PingRun {
  readonly #host: PingHost;
  readonly #plan: Plan;
  readonly #resolve: (result: PingResult) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #timer: WheelTimer;
  readonly #replies: PingReply[] = [];
  readonly #errors: SystemError[] = [];
  /** Until when each request waits, by its number, oldest first. */
  readonly #waiting = new Map<number, number>();
  #socket!: PingSocket;
  #left: number;
  /** When the next request is due. */
  #next: number;
  /** The interface's queue is full. */
  #blocked: boolean = false;
  #stopListening: () => void = () => {};

  constructor(host: PingHost, plan: Plan, resolve: (result: PingResult) => void, reject: (reason: unknown) => void) {
    this.#host = host;
    this.#plan = plan;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#left = plan.count;
    this.#next = host.clock.now();
    this.#timer = host.wheel.timer((now) => this.#step(now));
  }

  start(place: Parameters<StackRaw['openPing']>[0], signal: PingSignal | undefined): void {
    this.#socket = this.#host.raw.openPing(place, {
      onReply: (_data, info) => this.#answered(info),
      onError: (error) => this.#unanswered(error.sequence, error),
      onWritable: () => {
        this.#blocked = false;
        this.#step(this.#host.clock.now());
      },
      onClose: () => this.#end(() => this.#reject(this.#error('ECONNABORTED', 'the stack is closed'))),
    });
    if (signal !== undefined) {
      const abort = (): void => this.#end(() => this.#reject(signal.reason));
      signal.addEventListener('abort', abort);
      this.#stopListening = () => signal.removeEventListener('abort', abort);
    }
    this.#step(this.#next);
  }

  /** What is due: time-outs, then requests. */
  #step(now: number): void {
    for (const [sequence, deadline] of this.#waiting) {
      if (deadline > now) break;
      this.#waiting.delete(sequence);
      this.#socket.forget(sequence);
      this.#errors.push(this.#error('ETIMEDOUT'));
    }
    if (this.#blocked && now >= this.#next + this.#plan.timeout) this.#skip(this.#error('ETIMEDOUT'));
    while (this.#left > 0 && !this.#blocked && now >= this.#next) this.#send(now);
    this.#goOn();
  }

  #send(now: number): void {
    let sequence: number | undefined;
    try {
      sequence = this.#socket.send(this.#plan.data);
    } catch (error) {
      return this.#skip(error as SystemError);
    }
    this.#blocked = sequence === undefined;
    if (sequence === undefined) return;
    this.#waiting.set(sequence, now + this.#plan.timeout);
    this.#left--;
    this.#next = now + this.#plan.interval;
  }

  /** The next request can't be sent. */
  #skip(error: SystemError): void {
    this.#blocked = false;
    this.#errors.push(error);
    this.#left--;
    this.#next += this.#plan.interval;
  }

  #answered({ remoteAddress: address, sequence, size, ttl, trafficClass, time, duplicate }: PingReplyInfo): void {
    if (duplicate || !this.#waiting.delete(sequence)) return;
    this.#replies.push({ address, sequence, size, ttl, trafficClass, time });
    this.#goOn();
  }

  #unanswered(sequence: number, error: SystemError): void {
    if (!this.#waiting.delete(sequence)) return;
    this.#socket.forget(sequence);
    this.#errors.push(error);
    this.#goOn();
  }

  #goOn(): void {
    if (this.#left === 0 && this.#waiting.size === 0) return this.#end(() => this.#settle());
    const [deadline = Infinity] = this.#waiting.values();
    const next = this.#blocked ? this.#next + this.#plan.timeout : this.#next;
    this.#timer.arm(Math.min(deadline, this.#left > 0 ? next : Infinity));
  }

  #settle(): void {
    const [first] = this.#replies;
    const { sent, received, duplicates } = this.#socket.counters;
    if (first !== undefined) {
      return this.#resolve({ ...first, sent, received, duplicates, replies: this.#replies, errors: this.#errors });
    }
    // One that says more than that nobody answered.
    this.#reject(this.#errors.find(({ code }) => code !== 'ETIMEDOUT') ?? this.#errors[0]);
  }

  #end(settle: () => void): void {
    this.#timer.cancel();
    this.#stopListening();
    this.#socket.close();
    settle();
  }

  #error(code: 'ETIMEDOUT' | 'ECONNABORTED', hint?: string): SystemError {
    return systemError(code, 'ping', { address: this.#socket.remoteAddress.toString(), hint });
  }
}

/** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE */
function dataOf({ data, size = 56 }: PingOptions): Uint8Array {
  requireInteger('size', size, 0, LARGEST_SIZE);
  if (data === undefined) return new Uint8Array(size).map((_, i) => i);
  if (!(data instanceof Uint8Array)) {
    throw usageError('ERR_INVALID_ARG_TYPE', `data must be a Uint8Array, not ${described(data)}`);
  }
  if (data.byteLength <= LARGEST_SIZE) return data.slice();
  throw usageError('ERR_OUT_OF_RANGE', `data must have at most ${LARGEST_SIZE} bytes`, RangeError);
}
