import type { Counters } from '../buffer/counters.ts';
import type { MemoryBudget } from '../buffer/memory-budget.ts';
import type { Path } from '../buffer/path.ts';
import type { ErrorCode } from '../errors.ts';
import type { Random } from '../time/clock.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import type { PingSocket } from './ping-socket.ts';
import type { RawSocket } from './socket.ts';

/** Which sockets have joined which multicast groups. */
export interface GroupMembers {
  /** @returns `EADDRINUSE` when it is a member already, `ENOBUFS` when it is in too many groups */
  join(member: object, group: Address, interfaceIndex: number): ErrorCode | undefined;
  /** @returns `EADDRNOTAVAIL` when it is no member */
  leave(member: object, group: Address, interfaceIndex: number): ErrorCode | undefined;
  /** The member is gone. */
  forget(member: object): void;
  /** Does a member hear what goes to `destination`? Broadcasts are heard by all, groups where the host has joined them. */
  hears(member: object, destination: AddressWords, interfaceIndex: number, source: AddressWords): boolean;
}

/** What raw and ping sockets ask of the stack around them. */
export interface RawHost {
  readonly counters: Counters;
  readonly random: Random;
  /** Received packets that wait for `deliver` count here, overhead included. */
  readonly budget: MemoryBudget;
  /** Microseconds. */
  now(): number;
  /**
   * The way to a peer; `local` undefined or unspecified leaves the choice of source to the route. With
   * `deviceIndex` it leads out of that interface, by its routes only.
   */
  path(local: Address | undefined, remote: Address, deviceIndex?: number): Path | ErrorCode;
  /** What to do about an error of `path`, for its message. */
  wayHint(code: ErrorCode, remote: Address): string | undefined;
  readonly groups: GroupMembers;
  /**
   * Index of the interface that the zone of `own` or of the group names, or with this address of its own; undefined or
   * unspecified: of the route to the group.
   */
  groupInterface(group: Address, own: Address | undefined): number | undefined;
  /** Is this the loopback interface? */
  staysInside(interfaceIndex: number): boolean;
  /** Name of an interface. */
  interfaceName(interfaceIndex: number): string;
  /** The zone that an address of an arrived packet is in: the name of an interface; nothing for a global address. */
  zoneOf(words: AddressWords, interfaceIndex: number): string | undefined;
  /** What an address is to the stack. */
  classify(words: AddressWords): 'local' | 'broadcast' | 'multicast' | 'other';
  /** The socket has something for its owner: `socket.deliver()` is called once at the batch's end. */
  touch(socket: RawSocket | PingSocket): void;
  /** The socket's `send` found no room: calls `socket.writable()` when an interface's queue has drained. */
  blocked(socket: RawSocket | PingSocket): void;
  /** A socket that keeps the process alive came (+1) or went (−1). */
  keepAlive(change: 1 | -1): void;
  /** The socket is closed: forgets it. Called once. */
  closed(socket: RawSocket | PingSocket): void;
}
