const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const LOOSE_SOURCE_ROUTE = 131;
const STRICT_SOURCE_ROUTE = 137;

/** Why a datagram is dropped for its options. */
export type Ipv4OptionsFlaw = 'ipv4-bad-option-length' | 'ipv4-source-route';

/** Checks the options in `[start, end)`: their lengths are sound and none is a source route. Others are ignored. */
export function checkIpv4Options(view: DataView, start: number, end: number): Ipv4OptionsFlaw | undefined {
  let at = start;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === END_OF_OPTIONS) return undefined;
    if (kind === NO_OPERATION) {
      at += 1;
      continue;
    }
    // [S-002] RFC 791 §3.1: the length counts the kind and length octets, and must stay inside the header.
    const length = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (length < 2 || at + length > end) return 'ipv4-bad-option-length';
    // [S-108] RFC 7126 §4.3.5, §4.4.5: source-routed datagrams are dropped.
    if (kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE) return 'ipv4-source-route';
    at += length;
  }
  return undefined;
}
