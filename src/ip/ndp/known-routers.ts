import type { Address, AddressWords } from '../../wire/address.ts';
import { sameAddress } from '../../wire/address.ts';

/**
 * What is known of a router, from the least on. DEAD: it has not answered. HEARD: it has advertised something, and nobody has
 * asked it anything yet. REACHABLE: it has answered since, and never failed to.
 */
export const Standing = { DEAD: 0, HEARD: 1, REACHABLE: 2 } as const;

/** Whoever has advertised something. */
export interface Source {
  standing: number;
  /** For `givesWay` alone. */
  held: number;
}

/** A router that advertises, with what would be lost with its neighbour entry. */
export interface KnownRouter extends Source {
  readonly address: Address;
  /** Of a dead one: when it was tried last, as a number that grows. */
  turn: number;
  /** When it was last asked for no packet's sake, in microseconds; and that this is to be done. */
  probed: number;
  wanted: boolean;
}

/** The routers of one link: as many as have something in one of its tables, and the one that speaks. */
export class KnownRouters {
  #routers: KnownRouter[] = [];

  find(words: AddressWords): KnownRouter | undefined {
    for (const router of this.#routers) if (sameAddress(router.address, words)) return router;
    return undefined;
  }

  add(address: Address, standing: number): KnownRouter {
    const router = { address, standing, held: 0, turn: 0, probed: -Infinity, wanted: false };
    this.#routers.push(router);
    return router;
  }

  /** Forgets those of whom nothing is left. */
  keep(used: ReadonlySet<Source>): void {
    this.#routers = this.#routers.filter((router) => used.has(router));
  }

  list(): readonly KnownRouter[] {
    return this.#routers;
  }
}

/**
 * What gives way to something new of `newcomer`, where all places are taken. RFC 4861 §6.3.4 and RFC 4862 leave it open, and
 * others (Linux, FreeBSD) leave the new one out, so that whoever makes routers up keeps real ones out. Here:
 *
 * - what a router has advertised that is known to be reachable never gives way;
 * - else it gives way to what comes from one of whom more is known;
 * - of two of whom as little is known the one that holds more places gives way to the other, so that nobody fills a table alone;
 *   where they hold as many the last come goes: what is there stays, though somebody makes routers up without end.
 *
 * @param entries in the order in which they were learnt
 */
export function givesWay<Entry extends { readonly source: Source }>(
  entries: readonly Entry[],
  newcomer: Source,
): Entry | undefined {
  // As a rule the new one comes from whoever has filled the table.
  if (!entries.some(({ source }) => mayGiveWay(source, newcomer))) return undefined;
  newcomer.held = 0;
  for (const { source } of entries) source.held = 0;
  for (const { source } of entries) source.held++;
  let least: Entry | undefined;
  for (const entry of entries) {
    const { standing, held } = entry.source;
    if (!mayGiveWay(entry.source, newcomer)) continue;
    if (standing === newcomer.standing && held <= newcomer.held) continue;
    if (least === undefined || standing < least.source.standing) least = entry;
    else if (standing === least.source.standing && held >= least.source.held) least = entry;
  }
  return least;
}

function mayGiveWay(source: Source, newcomer: Source): boolean {
  if (source === newcomer || source.standing > newcomer.standing) return false;
  return source.standing < newcomer.standing || source.standing !== Standing.REACHABLE;
}
