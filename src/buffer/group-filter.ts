import type { Address, AddressWords } from '../wire/address.ts';
import { sameAddress } from '../wire/address.ts';

/**
 * Whose packets to a group are wanted: those of the sources named, or of all but those named (RFC 3376 §2, RFC 3810 §3).
 * What sockets tell IP of a group.
 */
export interface GroupFilter {
  /** The sources are those that are not wanted. */
  readonly exclude: boolean;
  readonly sources: readonly Address[];
}

/** Nobody's: the group is not joined. */
export const NOBODY: GroupFilter = { exclude: false, sources: [] };
/** Everybody's: the group is joined without regard to sources. */
export const EVERYBODY: GroupFilter = { exclude: true, sources: [] };

/** Whether a source is one of those wanted. */
export function admits({ exclude, sources }: GroupFilter, source: AddressWords): boolean {
  for (const named of sources) if (sameAddress(named, source)) return !exclude;
  return exclude;
}

/** Whether anybody is wanted: the group is joined. */
export function isJoined({ exclude, sources }: GroupFilter): boolean {
  return exclude || sources.length > 0;
}

/** The address as the key of a map: zones don't count. */
export function addressKey({ family, a, b, c, d }: AddressWords): string {
  return family === 4 ? String(d) : `${a},${b},${c},${d}`;
}

/** The state of an interface from those of its members (RFC 3376 §3.2, RFC 3810 §4.2). */
export function mergeFilters(filters: Iterable<GroupFilter>): GroupFilter {
  const included = new Map<string, Address>();
  let excluded: Map<string, Address> | undefined;
  for (const { exclude, sources } of filters) {
    const named = bySource(sources);
    if (!exclude) for (const [key, source] of named) included.set(key, source);
    else if (excluded === undefined) excluded = named;
    else for (const key of excluded.keys()) if (!named.has(key)) excluded.delete(key);
  }
  if (excluded === undefined) return { exclude: false, sources: [...included.values()] };
  for (const key of included.keys()) excluded.delete(key);
  return { exclude: true, sources: [...excluded.values()] };
}

/** The sources that one filter names and the other does not, of either. */
export function namedByOne(one: GroupFilter, other: GroupFilter): Address[] {
  const named = bySource(one.sources);
  const alone: Address[] = [];
  for (const source of other.sources) if (!named.delete(addressKey(source))) alone.push(source);
  return [...named.values(), ...alone];
}

function bySource(sources: readonly Address[]): Map<string, Address> {
  return new Map(sources.map((source) => [addressKey(source), source]));
}
