import { toAddress } from '../buffer/address-memo.ts';
import { Binding } from '../buffer/binding.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { IcmpError } from '../buffer/icmp-error.ts';
import type { MemoryBudget } from '../buffer/memory-budget.ts';
import { requireCallbacks, requireInteger, requireOptions, requireType, systemError, usageError } from '../errors.ts';
import type { Ip } from '../ip/ip.ts';
import { RAW_CALLBACKS } from '../raw/handler.ts';
import type { RawHandler } from '../raw/handler.ts';
import type { GroupMembers, RawHost } from '../raw/host.ts';
import { checkRawOption, RAW_OPTION_NAMES, resolveRawOptions } from '../raw/options.ts';
import type { RawOptions } from '../raw/options.ts';
import { PING_CALLBACKS } from '../raw/ping-handler.ts';
import type { PingHandler } from '../raw/ping-handler.ts';
import { defaultPingTtl, PingSocket } from '../raw/ping-socket.ts';
import type { PingSocketOptions } from '../raw/ping-socket.ts';
import { Pings } from '../raw/pings.ts';
import { Raw } from '../raw/raw.ts';
import { RawSocket } from '../raw/socket.ts';
import type { Clock, Random } from '../time/clock.ts';
import { Address, needsZone } from '../wire/address.ts';
import { concerns, lossError } from './loss.ts';
import type { Loss } from './loss.ts';
import { SocketTurn } from './socket-turn.ts';
import type { Turn } from './turn.ts';

/** Where a raw or ping socket stands. */
export interface RawPlace {
  /** One of the stack's addresses to send from; to raw sockets also which packets to receive. Default all, and the route's choice. */
  address?: string | Address | undefined;
  /** Name of the interface to send and receive by: of the routes only its own count. Linux: SO_BINDTODEVICE. */
  device?: string | undefined;
}

/** What a raw socket is opened with. */
export interface RawOpenOptions extends RawPlace, RawOptions {
  /** IP protocol, 1 to 255. */
  protocol: number;
  /** Default that of the addresses, else 4. */
  family?: 4 | 6 | undefined;
  /** The one peer: `send` needs no address, packets from others are not received, ICMP errors are reported. */
  remoteAddress?: string | Address | undefined;
}

type OptionalPingOptions = { [Key in keyof PingSocketOptions]?: PingSocketOptions[Key] | undefined };

/** What a ping socket is opened with. */
export interface PingOpenOptions extends RawPlace, OptionalPingOptions {
  /** Whom to ask. */
  remoteAddress: string | Address;
}

/** What raw and ping sockets need of the stack. */
export interface StackRawHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly budget: MemoryBudget;
  readonly ip: Ip;
  readonly turn: Turn;
  /** @throws ERR_INVALID_STATE when the stack is closing */
  readonly assertOpen: () => void;
  readonly groups: GroupMembers;
  /** `writable()` is to be called when an interface's queue has room again. */
  blocked(socket: RawSocket | PingSocket): void;
  /** A socket that keeps the process alive came (+1) or went (−1). */
  keepAlive(change: 1 | -1): void;
}

const PLACE: readonly string[] = ['address', 'device'];
const RAW_OPEN_OPTIONS = ['protocol', 'family', 'remoteAddress', ...PLACE, ...RAW_OPTION_NAMES];
const PING_OPTIONS = ['ttl', 'trafficClass', 'broadcast', 'dontFragment', 'receiveBuffer'] as const;
const PING_OPEN_OPTIONS = ['remoteAddress', ...PLACE, ...PING_OPTIONS];
const ANY: Readonly<Record<4 | 6, Address>> = { 4: Address.parse('0.0.0.0'), 6: Address.parse('::') };

/** Raw and ping sockets of one stack: `stack.raw`. */
export class StackRaw {
  readonly #host: StackRawHost;
  readonly #rawHost: RawHost;
  readonly #raw: Raw;
  readonly #pings: Pings;
  readonly #turns = new Map<RawSocket | PingSocket, SocketTurn>();

  /** @internal Made by `Stack`. */
  constructor(host: StackRawHost) {
    this.#host = host;
    this.#rawHost = this.#makeHost();
    this.#raw = new Raw();
    this.#pings = new Pings(host.random);
  }

  /** Open sockets, those of pings among them: a new array. */
  get sockets(): (RawSocket | PingSocket)[] {
    return [...this.#turns.keys()];
  }

  /**
   * Opens a raw socket: it receives a copy of every packet of the protocol that arrives for the stack, which goes on with it
   * as if the socket were not there; only of a protocol that the stack does not know nobody is told that it is unreachable.
   *
   * @throws EADDRNOTAVAIL, EINVAL (a zone is missing or unknown), ENODEV (no such device), and when there is no way to the
   * remote address ENETUNREACH, ENETDOWN, EACCES (broadcast without the option), EAFNOSUPPORT; ERR_INVALID_ARG_TYPE,
   * ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE for a misuse, ERR_INVALID_STATE on a closed stack
   * @example
   * const icmp = stack.raw.open({ protocol: 1, icmpTypes: [3, 11] }, {
   *   onPacket: (bytes, { offset, remoteAddress }) => console.log(`${remoteAddress}: type ${bytes[offset]}`),
   * });
   */
  open(options: RawOpenOptions, handler: RawHandler): RawSocket {
    this.#host.assertOpen();
    requireOptions('stack.raw.open', options, RAW_OPEN_OPTIONS);
    const { protocol } = options;
    requireInteger('protocol', protocol, 1, 255);
    requireCallbacks('stack.raw.open', handler, RAW_CALLBACKS);
    if (!('onPacket' in handler)) requireType('stack.raw.open: onPacket', undefined, 'function');
    const remoteAddress = options.remoteAddress === undefined ? undefined : toAddress(options.remoteAddress);
    const family = familyOf(options, remoteAddress);
    const resolved = resolveRawOptions(options, protocol, family);
    const place = this.#place('open', options, family, (own) => this.#host.ip.classify(own) !== 'other');
    const init = { host: this.#rawHost, protocol, remoteAddress, options: resolved, handler, ...place };
    const socket = new RawSocket(init);
    this.#turns.set(socket, new SocketTurn(socket));
    this.#raw.add(socket);
    return socket;
  }

  /**
   * Opens a ping socket: ICMP or ICMPv6 echo requests to one address. `stack.ping` is the short way.
   *
   * @throws as `open` does, and EAGAIN when 65,536 are open
   */
  openPing(options: PingOpenOptions, handler: PingHandler): PingSocket {
    this.#host.assertOpen();
    requireOptions('stack.raw.openPing', options, PING_OPEN_OPTIONS);
    requireCallbacks('stack.raw.openPing', handler, PING_CALLBACKS);
    if (!('onReply' in handler)) requireType('stack.raw.openPing: onReply', undefined, 'function');
    const remoteAddress = toAddress(options.remoteAddress);
    const resolved: PingSocketOptions = {
      ttl: defaultPingTtl(remoteAddress),
      trafficClass: 0,
      broadcast: false,
      dontFragment: false,
      receiveBuffer: 212_992,
    };
    for (const key of PING_OPTIONS) {
      if (options[key] === undefined) continue;
      checkRawOption(key, options[key]);
      Object.assign(resolved, { [key]: options[key] });
    }
    const { ip } = this.#host;
    const place = this.#place('ping', options, remoteAddress.family, (own) => ip.isLocal(own));
    const identifier = this.#pings.freeIdentifier();
    if (identifier === undefined) throw systemError('EAGAIN', 'ping', { hint: 'every identifier is in use' });
    const socket = new PingSocket({
      host: this.#rawHost,
      identifier,
      remoteAddress,
      options: resolved,
      handler,
      ...place,
    });
    this.#turns.set(socket, new SocketTurn(socket));
    this.#pings.add(socket);
    return socket;
  }

  /** @internal A datagram of any protocol. @returns whether a raw socket has it */
  arrives(datagram: Datagram): boolean {
    return this.#raw.arrives(datagram);
  }

  /** @internal An echo reply. @returns whether a ping socket has asked for it */
  echoReply(datagram: Datagram): boolean {
    return this.#pings.replied(datagram);
  }

  /** @internal An ICMP error. @returns whether raw or ping sockets know what it is about */
  icmpError(error: IcmpError): boolean {
    const raw = this.#raw.failed(error);
    return this.#pings.failed(error) || raw;
  }

  /** @internal Something of the stack's goes away: whoever depends on it is told. */
  lose(lost: Loss): void {
    for (const socket of this.#turns.keys()) {
      if (socket instanceof PingSocket) this.#losePing(socket, lost);
      else if (concerns(lost, socket.localAddress, socket.deviceIndex)) {
        socket.fail('device' in lost ? 'ENODEV' : 'EADDRNOTAVAIL');
      }
    }
  }

  #losePing(socket: PingSocket, lost: Loss): void {
    const place = { address: socket.remoteAddress.toString() };
    socket.lose((source) => (concerns(lost, source, socket.deviceIndex) ? lossError(lost, 'ping', place) : undefined));
  }

  /** @throws EADDRNOTAVAIL, EINVAL, ENODEV; ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE */
  #place(
    syscall: string,
    { address, device }: RawPlace,
    family: 4 | 6,
    allowed: (own: Address) => boolean,
  ): { localAddress: Address; deviceIndex: number | undefined } {
    const { ip } = this.#host;
    const localAddress = address === undefined ? ANY[family] : toAddress(address);
    if (localAddress.family !== family) throw familyError();
    if (device !== undefined) requireType('device', device, 'string');
    const deviceIndex = device === undefined ? undefined : ip.deviceIndex(device, syscall);
    const problem = ip.bindingProblem(new Binding(localAddress, true, deviceIndex), allowed);
    if (problem !== undefined) throw systemError(problem, syscall, { address: localAddress.toString() });
    return { localAddress, deviceIndex };
  }

  #makeHost(): RawHost {
    const { clock, counters, random, budget, groups, ip, turn } = this.#host;
    return {
      groups,
      groupInterface: (group, own) => ip.groupInterface(group, own),
      counters,
      random,
      budget,
      now: () => clock.now(),
      wayHint: (code, remote) => ip.wayHint(code, remote),
      path: (local, remote, deviceIndex) => ip.path(local, remote, undefined, deviceIndex),
      staysInside: (index) => ip.interface(index)?.loopback === true,
      interfaceName: (index) => ip.interface(index)?.name ?? '',
      zoneOf: (words, index) => (needsZone(words) ? ip.zoneOf(words, index) : undefined),
      classify: (words) => ip.classify(words),
      touch: (socket) => {
        const own = this.#turns.get(socket);
        if (own !== undefined) turn.touch(own);
      },
      blocked: (socket) => this.#host.blocked(socket),
      keepAlive: (change) => this.#host.keepAlive(change),
      closed: (socket) => {
        this.#turns.delete(socket);
        if (socket instanceof RawSocket) this.#raw.remove(socket);
        else this.#pings.remove(socket);
      },
    };
  }
}

/** @throws ERR_INVALID_ARG_VALUE when the addresses are of different families */
function familyOf({ family, address }: RawOpenOptions, remoteAddress: Address | undefined): 4 | 6 {
  if (family !== undefined && family !== 4 && family !== 6) {
    throw usageError('ERR_INVALID_ARG_VALUE', `family must be 4 or 6, not ${String(family)}`);
  }
  const chosen = family ?? remoteAddress?.family ?? (address === undefined ? 4 : toAddress(address).family);
  if (remoteAddress !== undefined && remoteAddress.family !== chosen) throw familyError();
  return chosen;
}

function familyError(): Error {
  return usageError('ERR_INVALID_ARG_VALUE', 'family, address and remoteAddress must be of one family');
}
