import type { Counters } from '../buffer/counters.ts';
import type { MemoryBudget } from '../buffer/memory-budget.ts';
import type { Path } from '../buffer/path.ts';
import type { ErrorCode } from '../errors.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import type { Groups } from './groups.ts';
import type { UdpSocket } from './socket.ts';

/** What UDP asks of the stack around it: tables, ports, paths and turns. */
export interface UdpHost {
  readonly counters: Counters;
  /** Received messages that wait for `deliver` count here, overhead included. */
  readonly budget: MemoryBudget;
  /** Which sockets have joined which multicast groups, those of other kinds among them. */
  readonly groups: Groups<object>;
  /**
   * The socket that a unicast datagram is for: connected ones whose four-tuple fits before unconnected ones, those
   * bound to the address before those bound to any.
   *
   * @param interfaceIndex where it came in: a link-local peer is on one link
   */
  lookup(
    local: AddressWords,
    localPort: number,
    remote: AddressWords,
    remotePort: number,
    interfaceIndex?: number,
  ): UdpSocket | undefined;
  /**
   * All sockets that a broadcast or multicast datagram is for: each gets it, as in Linux. The array may be reused by
   * the next call.
   */
  lookupGroup(
    local: AddressWords,
    localPort: number,
    remote: AddressWords,
    remotePort: number,
    interfaceIndex?: number,
  ): readonly UdpSocket[];
  /**
   * The way to a peer; `local` undefined or unspecified leaves the choice of source to the route. With
   * `interfaceIndex` it leads out of that interface, whatever the routes say; with `deviceIndex`, by its routes only.
   */
  path(local: Address | undefined, remote: Address, interfaceIndex?: number, deviceIndex?: number): Path | ErrorCode;
  /** What to do about an error of `path`, for its message. */
  wayHint(code: ErrorCode, remote: Address): string | undefined;
  /** Is this the loopback interface? */
  staysInside(interfaceIndex: number): boolean;
  /**
   * Index of the interface that the zone of `own` or of the group names, or with this address of its own; undefined or
   * unspecified: of the route to the group.
   */
  groupInterface(group: Address, own: Address | undefined): number | undefined;
  /** The zone that an address of an arrived datagram is in: the name of an interface; nothing for a global address. */
  zoneOf(words: AddressWords, interfaceIndex: number): string | undefined;
  /** What an address is to the stack. */
  classify(words: AddressWords): 'local' | 'broadcast' | 'multicast' | 'other';
  /** The socket has something for its owner: `socket.deliver()` is called once at the batch's end. */
  touch(socket: UdpSocket): void;
  /** The socket's `send` found no room: calls `socket.writable()` when an interface's queue has drained. */
  blocked(socket: UdpSocket): void;
  /** Takes the socket's port away from it; `takePort` finds it an ephemeral one, or none when all are in use. */
  releasePort(socket: UdpSocket): void;
  takePort(socket: UdpSocket): number | undefined;
  /** A socket that keeps the process alive came (+1) or went (−1). */
  keepAlive(change: 1 | -1): void;
  /** The socket is closed: forgets it and frees its port. Called once. */
  closed(socket: UdpSocket): void;
}
