import { Protocol } from './protocol.ts';

/** The fixed header's length and where it names what follows: `ipv6.ts` builds on this file. */
const FIXED_HEADER = 40;
const FIXED_NEXT_HEADER = 6;

/**
 * Extension headers that are looked at, the most. RFC 8200 §4.1 knows of one each and destination options twice;
 * RFC 8504 §5.3 allows a limit.
 */
const MOST_HEADERS = 8;
const FRAGMENT_HEADER = 8;
/** Bytes of TCP's header without options. */
const TCP_HEADER = 20;
const PAD1 = 0;
/** Pads a header to a multiple of 8 bytes (RFC 8200 §4.2). */
const PADN = 1;

/** Why a packet is dropped for its extension headers. */
export type Ipv6ExtensionFlaw =
  | 'ipv6-extension-truncated'
  | 'ipv6-too-many-extensions'
  | 'ipv6-hop-by-hop-misplaced'
  | 'ipv6-bad-option-length'
  | 'ipv6-unknown-option'
  | 'ipv6-routing-header';

/** Codes of the ICMPv6 message "parameter problem" (RFC 4443 §3.4, RFC 7112 §5.2). */
export const ParameterProblem = {
  ERRONEOUS_FIELD: 0,
  UNKNOWN_NEXT_HEADER: 1,
  UNKNOWN_OPTION: 2,
  INCOMPLETE_HEADER_CHAIN: 3,
} as const;
export type ParameterProblemCode = (typeof ParameterProblem)[keyof typeof ParameterProblem];

/** What `checkExtensions` found. One object serves for packet after packet. */
export class ExtensionChain {
  /** The upper-layer protocol, or 44 where the packet is a fragment. */
  protocol: number = 0;
  /** Where it begins: the transport header, or the fragment header. */
  start: number = 0;
  /** Where the byte lies that names it, counted from the packet's start. */
  nextHeaderAt: number = 0;
  /** A fragment header stands alone: neither before nor behind it is anything missing (RFC 6946). */
  atomic: boolean = false;
  /** Of a flaw: the code that the sender is told, if any, and which byte of the packet it is about. */
  code: ParameterProblemCode | undefined = undefined;
  pointer: number = 0;
  /** Of a flaw: the sender is told of it also when the packet was for a group (RFC 8200 §4.2, option type 10). */
  tellGroups: boolean = false;
}

/**
 * Reads the extension headers of the packet in `[offset, end)` in their order ([S-045] RFC 8200 §4), up to the
 * upper-layer header or to the header of a fragment that is not whole.
 *
 * @param chain says where that is; of a flaw, whether and how the sender is told
 * @param strict false for whoever only looks: then what is well-formed is no flaw, whatever it asks for
 */
export function checkExtensions(
  view: DataView,
  offset: number,
  end: number,
  chain: ExtensionChain,
  strict: boolean = true,
): Ipv6ExtensionFlaw | undefined {
  let at = offset + FIXED_HEADER;
  let nextHeaderAt = offset + FIXED_NEXT_HEADER;
  chain.code = undefined;
  chain.tellGroups = false;
  chain.atomic = false;
  for (let headers = 0; ; headers++) {
    const type = view.getUint8(nextHeaderAt);
    chain.protocol = type;
    chain.start = at;
    chain.nextHeaderAt = nextHeaderAt - offset;
    if (!isExtension(type)) return undefined;
    if (headers === MOST_HEADERS) return 'ipv6-too-many-extensions';
    // RFC 8200 §4.1: only immediately behind the fixed header; elsewhere it is a next header that is not known.
    if (strict && type === Protocol.HOPOPT && headers > 0) {
      return problem(chain, 'ipv6-hop-by-hop-misplaced', ParameterProblem.UNKNOWN_NEXT_HEADER, chain.nextHeaderAt);
    }
    if (at + 8 > end) return 'ipv6-extension-truncated';
    if (type === Protocol.IPV6_FRAG) {
      if (view.getUint16(at + 2) & 0xfff9) return undefined;
      // [S-044] RFC 6946 §4: an atomic fragment is handled alone, whatever else has its identification.
      chain.atomic = true;
      nextHeaderAt = at;
      at += FRAGMENT_HEADER;
      continue;
    }
    const next = at + 8 + view.getUint8(at + 1) * 8;
    if (next > end) return 'ipv6-extension-truncated';
    let flaw: Ipv6ExtensionFlaw | undefined;
    if (type !== Protocol.IPV6_ROUTE) flaw = checkOptions(view, offset, at, next, chain, strict);
    else if (strict) flaw = checkRouting(view, offset, at, chain);
    if (flaw !== undefined) return flaw;
    nextHeaderAt = at;
    at = next;
  }
}

/**
 * Finds the upper-layer header of the packet in `[offset, end)`, whatever its extension headers say: for an error's
 * question whether the packet is an error itself. `chain.start` is not before `end` where it is cut off; `chain.protocol` is
 * still an extension header where they are, or where there are too many.
 */
export function skipExtensions(view: DataView, offset: number, end: number, chain: ExtensionChain): void {
  chain.protocol = view.getUint8(offset + FIXED_NEXT_HEADER);
  chain.start = offset + FIXED_HEADER;
  for (let headers = 0; isExtension(chain.protocol) && chain.start + 8 <= end; headers++) {
    if (headers > MOST_HEADERS) return;
    const { start } = chain;
    const fragment = chain.protocol === Protocol.IPV6_FRAG;
    chain.protocol = view.getUint8(start);
    chain.start = start + (fragment ? FRAGMENT_HEADER : 8 + view.getUint8(start + 1) * 8);
    // Behind the header of a later fragment is no header.
    if (fragment && view.getUint16(start + 2) >>> 3 !== 0) chain.start = end;
  }
}

/**
 * Does the packet in `[offset, end)`, whose first fragment header has the offset 0, hold all headers up to the end of the
 * upper layer's (RFC 7112 §5)?
 *
 * @param chain is overwritten
 */
export function hasUpperLayerHeader(view: DataView, offset: number, end: number, chain: ExtensionChain): boolean {
  skipExtensions(view, offset, end, chain);
  const { protocol, start } = chain;
  return !isExtension(protocol) && start + upperLayerLength(protocol, view, start, end) <= end;
}

/** Bytes of a header of the upper layer, as far as it is one that is known. */
function upperLayerLength(protocol: number, view: DataView, start: number, end: number): number {
  switch (protocol) {
    case Protocol.TCP:
      return start + TCP_HEADER > end ? TCP_HEADER : Math.max(TCP_HEADER, (view.getUint8(start + 12) >>> 4) * 4);
    case Protocol.UDP:
    case Protocol.ICMPV6:
      return 8;
    default:
      return 0;
  }
}

/** An extension header that `checkExtensions` reads. */
export function isExtension(type: number): boolean {
  return (
    type === Protocol.HOPOPT ||
    type === Protocol.IPV6_ROUTE ||
    type === Protocol.IPV6_FRAG ||
    type === Protocol.IPV6_OPTS
  );
}

/** Options of a hop-by-hop or destination options header in `[at, end)`. */
function checkOptions(
  view: DataView,
  offset: number,
  at: number,
  end: number,
  chain: ExtensionChain,
  strict: boolean,
): Ipv6ExtensionFlaw | undefined {
  for (let option = at + 2; option < end;) {
    const type = view.getUint8(option);
    if (type === PAD1) {
      option++;
      continue;
    }
    const next = option + 1 < end ? option + 2 + view.getUint8(option + 1) : end + 1;
    if (next > end) return 'ipv6-bad-option-length';
    if (strict && type !== PADN) {
      const flaw = checkOption(type, option - offset, chain);
      if (flaw !== undefined) return flaw;
    }
    option = next;
  }
  return undefined;
}

/** No option concerns a host that routes nothing: the two highest bits say what to do (RFC 8200 §4.2). */
function checkOption(type: number, pointer: number, chain: ExtensionChain): Ipv6ExtensionFlaw | undefined {
  const action = type >>> 6;
  if (action === 0) return undefined;
  if (action === 1) return 'ipv6-unknown-option';
  chain.tellGroups = action === 2;
  return problem(chain, 'ipv6-unknown-option', ParameterProblem.UNKNOWN_OPTION, pointer);
}

/**
 * No routing type is known, 0 among them ([S-050] RFC 5095 §3): with segments left the packet is discarded, else the
 * header is ignored (RFC 8200 §4.4).
 */
function checkRouting(
  view: DataView,
  offset: number,
  at: number,
  chain: ExtensionChain,
): Ipv6ExtensionFlaw | undefined {
  if (view.getUint8(at + 3) === 0) return undefined;
  return problem(chain, 'ipv6-routing-header', ParameterProblem.ERRONEOUS_FIELD, at + 2 - offset);
}

function problem(
  chain: ExtensionChain,
  flaw: Ipv6ExtensionFlaw,
  code: ParameterProblemCode,
  pointer: number,
): Ipv6ExtensionFlaw {
  chain.code = code;
  chain.pointer = pointer;
  return flaw;
}
