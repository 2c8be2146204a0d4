import type { Path } from './path.ts';
import type { Address } from '../wire/address.ts';

/** Of a mixed word this many upper bits choose the slot: 64 slots. */
const SLOT_BITS = 6;

/**
 * The paths of an unconnected socket's last destinations, so that `send` seldom makes one. Direct-mapped: a
 * destination has one slot and displaces whatever was there, so the bound holds without any book-keeping.
 */
export class PathCache {
  readonly #paths: (Path | undefined)[] = [];

  get(remote: Address): Path | undefined {
    const path = this.#paths[slotOf(remote)];
    return path !== undefined && leadsTo(path, remote) ? path : undefined;
  }

  /** Keeps a path under the address it was asked for; one that leads to another address (0.0.0.0) is not kept. */
  set(remote: Address, path: Path): void {
    if (leadsTo(path, remote)) this.#paths[slotOf(remote)] = path;
  }

  clear(): void {
    this.#paths.length = 0;
  }
}

function leadsTo({ remote }: Path, address: Address): boolean {
  return remote.equals(address) && remote.zone === address.zone;
}

function slotOf({ a, b, c, d }: Address): number {
  const mixed = Math.imul(a ^ b ^ c ^ d, 0x9e37_79b1);
  return mixed >>> (32 - SLOT_BITS);
}
