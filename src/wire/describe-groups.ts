import { isUnspecified } from './address.ts';
import type { GroupMessage, GroupRecord } from './group-records.ts';
import { Icmpv6Type } from './icmpv6.ts';
import { IgmpType, parseIgmp } from './igmp.ts';
import type { Ipv4Packet } from './ipv4.ts';
import type { Ipv6Packet } from './ipv6.ts';
import { parseMld } from './mld.ts';

/** What the RFCs call the types of records (RFC 3376 §4.2.15, RFC 3810 §5.2.16), from 1 on. */
const RECORDS = ['IS_IN', 'IS_EX', 'TO_IN', 'TO_EX', 'ALLOW', 'BLOCK'];

const IGMP_NAMES: Readonly<Record<number, string>> = {
  [IgmpType.MEMBERSHIP_QUERY]: 'query',
  [IgmpType.MEMBERSHIP_REPORT_V1]: 'report v1',
  [IgmpType.MEMBERSHIP_REPORT_V2]: 'report v2',
  [IgmpType.LEAVE_GROUP]: 'leave',
  [IgmpType.MEMBERSHIP_REPORT_V3]: 'report v3',
};

/** Of a message of IGMP: `report v3 TO_EX(239.1.2.3)`. Of what is none: why. */
export function describeIgmp({ payload }: Ipv4Packet): string {
  const message = parseIgmp(payload);
  if (typeof message === 'string') return `${message} (${payload.byteLength} bytes)`;
  return `${IGMP_NAMES[message.type] ?? `type=${message.type}`}${about(message)}`;
}

/** What a message of MLD is about, behind its name: ` TO_EX(ff05::1:3)`. Nothing of other ICMPv6, and of what is broken. */
export function describeMld({ source, destination, payload }: Ipv6Packet): string {
  const { MULTICAST_LISTENER_QUERY, MULTICAST_LISTENER_REPORT, MULTICAST_LISTENER_DONE } = Icmpv6Type;
  const types: (number | undefined)[] = [MULTICAST_LISTENER_QUERY, MULTICAST_LISTENER_REPORT, MULTICAST_LISTENER_DONE];
  if (![...types, Icmpv6Type.MULTICAST_LISTENER_REPORT_V2].includes(payload[0])) return '';
  const message = parseMld(payload, source, destination);
  return typeof message === 'string' ? '' : about(message);
}

function about({ group, query, records }: GroupMessage): string {
  if (records !== undefined) return records.map((record) => ` ${describeRecord(record)}`).join('');
  const sources = query === undefined || query.sources.length === 0 ? '' : ` from ${query.sources.join(',')}`;
  return group === undefined || isUnspecified(group) ? sources : ` ${group}${sources}`;
}

function describeRecord({ type, group, sources }: GroupRecord): string {
  const list = sources.length === 0 ? '' : `: ${sources.join(',')}`;
  return `${RECORDS[type - 1] ?? `type=${type}`}(${group}${list})`;
}
