import { PathCache } from '../buffer/path-cache.ts';
import type { Path } from '../buffer/path.ts';
import type { ErrorCode, SystemError } from '../errors.ts';
import { systemError } from '../errors.ts';
import { isInterfaceLocal, isUnspecified } from '../wire/address.ts';
import type { Address } from '../wire/address.ts';
import type { RawHost } from './host.ts';

/** What to do about an error, for its message. */
const HINTS: { readonly [Code in ErrorCode]?: string } = {
  EAFNOSUPPORT: 'the socket is of the other family',
  EACCES: 'set the option broadcast to send to a broadcast address',
};

/** Where a socket is bound to. */
export interface WaysInit {
  host: RawHost;
  /** The address to send from; unspecified leaves it to the route. Its family is the socket's. */
  localAddress: Address;
  /** The interface that it is bound to. */
  deviceIndex: number | undefined;
  /** What sends, for errors: `send`, `ping`. */
  syscall: string;
}

/** The ways out of a raw or ping socket, and what forbids them. */
export class Ways {
  readonly #init: WaysInit;
  readonly #paths: PathCache = new PathCache();

  constructor(init: WaysInit) {
    this.#init = init;
  }

  /**
   * The way to `remote` if a packet may be sent now.
   *
   * @param source overrules the address that the socket is bound to
   * @throws `EAFNOSUPPORT`, `EACCES`, `ENETUNREACH`, `EADDRNOTAVAIL`, `EINVAL`, `ENETDOWN`
   */
  to(remote: Address, broadcast: boolean, source?: Address): Path {
    const path = this.#known(remote, source) ?? this.#find(remote, source);
    if (!broadcast && this.#init.host.classify(path.remote) === 'broadcast') throw this.refused('EACCES', path.remote);
    const problem = path.refresh();
    if (problem !== undefined) throw this.refused(problem, path.remote);
    return path;
  }

  /** RFC 1112 §6.1, RFC 4291 §2.7: a TTL of 0 and interface-local scope restrict it to this host. */
  endsHere(path: Path, ttl: number): boolean {
    return (ttl === 0 || isInterfaceLocal(path.remote)) && !this.#init.host.staysInside(path.interfaceIndex);
  }

  /** @throws `EMSGSIZE` when a message with its transport header is longer than may be sent this way */
  requireFit(
    { remote, longest, mtu, headerLength }: Path,
    length: number,
    header: number,
    dontFragment: boolean,
  ): void {
    const most = dontFragment ? Math.min(longest, mtu - headerLength) : longest;
    if (length <= most) return;
    const where = dontFragment ? ' in one packet on this path' : '';
    throw this.refused('EMSGSIZE', remote, `at most ${most - header} bytes${where}`);
  }

  refused(code: ErrorCode, address: Address, hint: string | undefined = this.#hint(code, address)): SystemError {
    return systemError(code, this.#init.syscall, { address: address.toString(), hint });
  }

  #hint(code: ErrorCode, address: Address): string | undefined {
    return HINTS[code] ?? this.#init.host.wayHint(code, address);
  }

  /** The path of the last time, if it is as good as then. */
  #known(remote: Address, source: Address | undefined): Path | undefined {
    const path = this.#paths.get(remote);
    if (path === undefined || (source !== undefined && !path.local.equals(source))) return undefined;
    return path.refresh() === undefined ? path : undefined;
  }

  #find(remote: Address, source: Address | undefined): Path {
    const { host, localAddress, deviceIndex } = this.#init;
    if (remote.family !== localAddress.family) throw this.refused('EAFNOSUPPORT', remote);
    // A socket may be bound to a group or broadcast address to receive; it sends from an address of the route's choice.
    const kind = host.classify(localAddress);
    const receivesOnly = kind === 'broadcast' || kind === 'multicast' || isUnspecified(localAddress);
    const bound = receivesOnly ? undefined : localAddress;
    const path = host.path(source ?? bound, remote, deviceIndex);
    if (typeof path === 'string') throw this.refused(path, remote);
    // A source of the packet's own choice is for this packet.
    if (source === undefined) this.#paths.set(remote, path);
    return path;
  }
}
