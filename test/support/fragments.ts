import { formatIpv4 } from '../../src/wire/ipv4.ts';
import { writeFragmentHeader } from '../../src/wire/ipv6-fragment.ts';
import { formatIpv6 } from '../../src/wire/ipv6.ts';
import { Protocol } from '../../src/wire/protocol.ts';
import type { IpBench } from '../unit/ip/fixture.ts';
import { IpBench as Bench4, ipv4, LOCAL, PEER } from '../unit/ip/fixture.ts';
import { Ip6Bench as Bench6, ipv6, LOCAL6, PEER6 } from '../unit/ip/fixture6.ts';

/** What a fragment may have that is not as usual. */
export interface FragmentChanges {
  identification?: number;
  protocol?: number;
  source?: string;
  destination?: string;
  trafficClass?: number;
  ttl?: number;
  /** IPv4's options, or IPv6's extension headers in front of the fragment header, the first of which `nextHeader` names. */
  extra?: Uint8Array;
  nextHeader?: number;
}

/** One version of IP, as far as fragments differ between them. */
export interface FragmentFamily {
  readonly family: 4 | 6;
  /** Prefix of the reasons that drops are counted under. */
  readonly reason: string;
  readonly local: string;
  readonly peer: string;
  /** Another host that a fragment may come from. */
  readonly other: string;
  bench(): IpBench;
  /** The fragment `[from, to)` of a payload. */
  fragment(payload: Uint8Array, from: number, to: number, more: boolean, changes?: FragmentChanges): Uint8Array;
}

export const IPV4_FRAGMENTS: FragmentFamily = {
  family: 4,
  reason: 'ipv4-reassembly-',
  local: LOCAL,
  peer: PEER,
  other: '10.0.0.9',
  bench: () => new Bench4(),
  fragment(payload, from, to, more, changes = {}) {
    const { identification = 7, protocol = Protocol.UDP, extra = new Uint8Array(0), nextHeader: _, ...rest } = changes;
    const ip = { identification, protocol, options: extra, fragmentOffset: from, moreFragments: more, ...rest };
    return formatIpv4(ipv4({ ...ip, payload: payload.subarray(from, to) }));
  },
};

export const IPV6_FRAGMENTS: FragmentFamily = {
  family: 6,
  reason: 'ipv6-reassembly-',
  local: LOCAL6,
  peer: PEER6,
  other: 'fd00::9',
  bench: () => new Bench6(),
  fragment(payload, from, to, more, changes = {}) {
    const { identification = 7, protocol = Protocol.UDP, ttl = 64, extra = new Uint8Array(0), ...rest } = changes;
    const extensions = new Uint8Array(extra.length + 8);
    extensions.set(extra);
    writeFragmentHeader(new DataView(extensions.buffer), extra.length, protocol, from, more, identification);
    const ip = { nextHeader: Protocol.IPV6_FRAG, hopLimit: ttl, ...rest, extensions };
    return formatIpv6(ipv6({ ...ip, protocol, payload: payload.subarray(from, to) }));
  },
};

export const BOTH_FAMILIES: readonly FragmentFamily[] = [IPV4_FRAGMENTS, IPV6_FRAGMENTS];

/** All fragments of a payload, cut at these offsets. */
export function cutAt(
  family: FragmentFamily,
  payload: Uint8Array,
  cuts: readonly number[],
  changes: FragmentChanges = {},
): Uint8Array[] {
  const edges = [0, ...cuts, payload.length];
  return edges.slice(1).map((to, i) => family.fragment(payload, edges[i]!, to, to < payload.length, changes));
}
