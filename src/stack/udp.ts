import { Binding } from '../buffer/binding.ts';
import type { Counters } from '../buffer/counters.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { IcmpError } from '../buffer/icmp-error.ts';
import type { MemoryBudget } from '../buffer/memory-budget.ts';
import { requireCallbacks, requireOptions, requirePort, requireType, systemError } from '../errors.ts';
import type { Ip } from '../ip/ip.ts';
import type { Random } from '../time/clock.ts';
import { Groups } from '../udp/groups.ts';
import { UDP_CALLBACKS } from '../udp/handler.ts';
import type { UdpHandler } from '../udp/handler.ts';
import type { UdpHost } from '../udp/host.ts';
import type { UdpOptions } from '../udp/options.ts';
import { UDP_OPTION_NAMES, resolveUdpOptions } from '../udp/options.ts';
import { UdpSocket } from '../udp/socket.ts';
import { Udp } from '../udp/udp.ts';
import type { UdpVerdict } from '../udp/udp.ts';
import { Address, needsZone, sameAddress } from '../wire/address.ts';
import type { AddressWords } from '../wire/address.ts';
import { concerns } from './loss.ts';
import type { Loss } from './loss.ts';
import { EphemeralPorts } from './ports.ts';
import { SocketTurn } from './socket-turn.ts';
import type { Turn } from './turn.ts';

/** Where to bind, and how. */
export interface BindOptions extends UdpOptions {
  /**
   * One of the stack's addresses, or a broadcast or multicast address to receive from; default all of IPv4 (0.0.0.0). `::`
   * is all of IPv6 and, as in Linux, of IPv4 too. Link-local ones take their zone, the name of an interface: `fe80::1%tun0`.
   */
  address?: string | Address | undefined;
  /** 0 or absent: an ephemeral port. */
  port?: number | undefined;
}

/** What UDP needs of the stack. */
export interface StackUdpHost {
  readonly random: Random;
  readonly counters: Counters;
  readonly budget: MemoryBudget;
  readonly ip: Ip;
  readonly turn: Turn;
  /** @throws ERR_INVALID_STATE when the stack is closing */
  readonly assertOpen: () => void;
  /** `writable()` is to be called when an interface's queue has room again. */
  blocked(socket: UdpSocket): void;
  /** Do packets to this port come to this stack, and not to another with its addresses? By this interface, or by any. */
  ownsFlow(interfaceIndex: number | undefined, localPort: number): boolean;
  /** A socket that keeps the process alive came (+1) or went (−1). */
  keepAlive(change: 1 | -1): void;
}

const BIND_OPTIONS = ['address', 'port', ...UDP_OPTION_NAMES];
const ANY = Address.parse('0.0.0.0');

/** UDP of one stack: `stack.udp`. Finds the sockets that a datagram is for. */
export class StackUdp {
  readonly #host: StackUdpHost;
  readonly #udp: Udp;
  readonly #udpHost: UdpHost;
  readonly #ports: EphemeralPorts;
  /** Every open socket by its port, the last bound last. */
  readonly #byPort = new Map<number, UdpSocket[]>();
  readonly #turns = new Map<UdpSocket, SocketTurn>();

  /** @internal Made by `Stack`. */
  constructor(host: StackUdpHost) {
    this.#host = host;
    this.#ports = new EphemeralPorts(host.random);
    this.#udpHost = this.#makeHost();
    this.#udp = new Udp(this.#udpHost);
  }

  /** Open sockets: a new array. */
  get sockets(): UdpSocket[] {
    return [...this.#turns.keys()];
  }

  /**
   * Opens a socket.
   *
   * @throws EADDRINUSE, EADDRNOTAVAIL, EINVAL (a zone is missing or unknown), ENODEV (no such `device`; syscall `bind`); ERR_SOCKET_BAD_PORT and the like for a misuse
   */
  bind(options: BindOptions, handler: UdpHandler): UdpSocket {
    this.#host.assertOpen();
    requireOptions('stack.udp.bind', options, BIND_OPTIONS);
    const { address, port = 0 } = options;
    requirePort('port', port, 0);
    const resolved = resolveUdpOptions(options);
    requireHandler(handler);
    const localAddress = address === undefined ? ANY : address instanceof Address ? address : Address.parse(address);
    const place = { address: localAddress.toString(), port };
    const { ip } = this.#host;
    const { device } = resolved;
    const deviceIndex = device === undefined ? undefined : ip.deviceIndex(device, 'bind');
    const zoneIndex = ip.zoneIndex(localAddress);
    const binding = new Binding(localAddress, resolved.ipv6Only, deviceIndex, zoneIndex);
    const problem = ip.bindingProblem(binding, (own) => ip.classify(own) !== 'other');
    if (problem !== undefined) throw systemError(problem, 'bind', place);
    const chosen = port === 0 ? this.#freePort() : port;
    if (chosen === undefined || this.#conflicts(binding, chosen, resolved)) {
      throw systemError('EADDRINUSE', 'bind', place);
    }
    const socket = new UdpSocket({
      host: this.#udpHost,
      localAddress,
      localPort: chosen,
      options: resolved,
      handler,
      deviceIndex,
      zoneIndex,
    });
    this.#turns.set(socket, new SocketTurn(socket));
    this.#addToPort(socket, chosen);
    return socket;
  }

  /** @internal Who has joined which multicast groups: sockets of UDP and raw ones. */
  get groups(): Groups<object> {
    return this.#udpHost.groups;
  }

  /** @internal A datagram of protocol 17. */
  arrives(datagram: Datagram): UdpVerdict {
    return this.#udp.arrives(datagram);
  }

  /** @internal An ICMP error that quotes a datagram. */
  icmpError(error: IcmpError): void {
    this.#udp.failed(error);
  }

  /** @internal Something of the stack's goes away: whoever depends on it is told. */
  lose(lost: Loss): void {
    if ('device' in lost) this.#udpHost.groups.forgetInterface(lost.device);
    for (const socket of this.#turns.keys()) {
      const { localAddress, binding } = socket;
      if (!concerns(lost, localAddress.unmapped(), binding.device)) continue;
      socket.fail('device' in lost ? 'ENODEV' : 'EADDRNOTAVAIL');
    }
  }

  #makeHost(): UdpHost {
    const { counters, budget, ip, turn } = this.#host;
    return {
      counters,
      budget,
      lookup: (local, localPort, remote, remotePort, interfaceIndex) =>
        this.#lookup(local, localPort, remote, remotePort, interfaceIndex),
      lookupGroup: (local, localPort, remote, remotePort, interfaceIndex) =>
        this.#lookupGroup(local, localPort, remote, remotePort, interfaceIndex),
      groups: new Groups((index, group, filter) => ip.memberships.listen(index, group, filter)),
      wayHint: (code, remote) => ip.wayHint(code, remote),
      path: (local, remote, interfaceIndex, device) => ip.path(local, remote, interfaceIndex, device),
      staysInside: (index) => ip.interface(index)?.loopback === true,
      groupInterface: (group, own) => ip.groupInterface(group, own),
      zoneOf: (words, index) => ip.zoneOf(words, index),
      classify: (words) => ip.classify(words),
      touch: (socket) => {
        const own = this.#turns.get(socket);
        if (own !== undefined) turn.touch(own);
      },
      blocked: (socket) => this.#host.blocked(socket),
      releasePort: (socket) => this.#removeFromPort(socket),
      takePort: (socket) => {
        const port = this.#freePort();
        if (port !== undefined) this.#addToPort(socket, port);
        return port;
      },
      keepAlive: (change) => this.#host.keepAlive(change),
      closed: (socket) => this.#closed(socket),
    };
  }

  /** The socket that fits best; among equals the last bound, as Linux does with SO_REUSEADDR. */
  #lookup(
    local: AddressWords,
    port: number,
    remote: AddressWords,
    remotePort: number,
    interfaceIndex: number | undefined,
  ): UdpSocket | undefined {
    const sockets = this.#byPort.get(port);
    if (sockets === undefined) return undefined;
    let best: UdpSocket | undefined;
    let bestScore = 0;
    for (const socket of sockets) {
      const score = fit(socket, local, remote, remotePort, interfaceIndex);
      if (score === 0 || score < bestScore) continue;
      best = socket;
      bestScore = score;
    }
    return best;
  }

  #lookupGroup(
    local: AddressWords,
    port: number,
    remote: AddressWords,
    remotePort: number,
    interfaceIndex: number | undefined,
  ): readonly UdpSocket[] {
    const sockets = this.#byPort.get(port) ?? [];
    return sockets.filter((socket) => fit(socket, local, remote, remotePort, interfaceIndex) > 0);
  }

  /** Is the port taken at this address by a socket that does not share it? */
  #conflicts(binding: Binding, port: number, options: { reuseAddress: boolean; reusePort: boolean }): boolean {
    return (this.#byPort.get(port) ?? []).some((other) => {
      const shared =
        (options.reuseAddress && other.options.reuseAddress) || (options.reusePort && other.options.reusePort);
      return !shared && other.binding.overlaps(binding);
    });
  }

  #closed(socket: UdpSocket): void {
    this.#turns.delete(socket);
    this.#removeFromPort(socket);
  }

  #freePort(): number | undefined {
    return this.#ports.any((port) => !this.#byPort.has(port) && this.#host.ownsFlow(undefined, port));
  }

  #addToPort(socket: UdpSocket, port: number): void {
    const others = this.#byPort.get(port);
    if (others === undefined) this.#byPort.set(port, [socket]);
    else others.push(socket);
  }

  #removeFromPort(socket: UdpSocket): void {
    const rest = (this.#byPort.get(socket.localPort) ?? []).filter((other) => other !== socket);
    if (rest.length > 0) this.#byPort.set(socket.localPort, rest);
    else this.#byPort.delete(socket.localPort);
  }
}

/** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
function requireHandler(handler: UdpHandler): void {
  requireCallbacks('stack.udp.bind', handler, UDP_CALLBACKS);
  if (!('onMessage' in handler)) requireType('stack.udp.bind: onMessage', undefined, 'function');
}

/** How well a socket fits a datagram: 0 not at all, more for a peer and for an address of its own. */
function fit(
  socket: UdpSocket,
  local: AddressWords,
  remote: AddressWords,
  remotePort: number,
  interfaceIndex: number | undefined,
): number {
  let score = socket.binding.fit(local, interfaceIndex);
  if (score === 0) return 0;
  if (socket.remoteAddress !== undefined) {
    // A connected socket has a local address too, chosen by its route.
    if (socket.remotePort !== remotePort || !sameAddress(socket.remoteAddress, remote)) return 0;
    if (!sameAddress(socket.localAddress, local)) return 0;
    // RFC 4007 §6: the same link-local address on another link is another host.
    if (interfaceIndex !== undefined && needsZone(remote) && socket.interfaceIndex !== interfaceIndex) return 0;
    score += 3;
  }
  return score;
}
