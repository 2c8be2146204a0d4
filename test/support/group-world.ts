import { Stack } from '../../src/index.ts';
import type { Interface, UdpSocket } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { Address, isMulticast } from '../../src/wire/address.ts';
import type { GroupMessage, QueryDetails } from '../../src/wire/group-records.ts';
import { formatIgmp, IgmpType, parseIgmp } from '../../src/wire/igmp.ts';
import { Icmpv6Type } from '../../src/wire/icmpv6.ts';
import { formatMld, parseMld } from '../../src/wire/mld.ts';
import { formatPacket, isIpv6Packet, parseAnyPacket } from '../../src/wire/packet.ts';
import type { Ipv4Packet } from '../../src/wire/ipv4.ts';
import type { Ipv6Packet } from '../../src/wire/ipv6.ts';
import { Protocol } from '../../src/wire/protocol.ts';
import { RawLink } from './raw-link.ts';
import { hex } from './wire.ts';

/** A message about groups that the stack sent, in the RFCs' notation: `TO_EX(239.1.2.3)`, `ALLOW(ff05::1: fd00::9)`. */
export interface SentReport {
  /** Milliseconds since the world began. */
  at: number;
  to: string;
  text: string;
}

const RECORDS = ['', 'IS_IN', 'IS_EX', 'TO_IN', 'TO_EX', 'ALLOW', 'BLOCK'];
const OLDER: Readonly<Record<number, string>> = {
  [IgmpType.MEMBERSHIP_REPORT_V1]: 'V1REPORT',
  [IgmpType.MEMBERSHIP_REPORT_V2]: 'V2REPORT',
  [IgmpType.LEAVE_GROUP]: 'LEAVE',
  [Icmpv6Type.MULTICAST_LISTENER_REPORT]: 'V1REPORT',
  [Icmpv6Type.MULTICAST_LISTENER_DONE]: 'DONE',
};

export const ROUTER_ALERT: Uint8Array = hex('94040000');
const HOP_BY_HOP = hex('3a00 05020000 0100');

/** What is special about a query. */
export interface QueryOptions {
  /** Absent in a general query. */
  group?: string;
  /** As it stands in the message; 100 (10 s) of IGMP, 10,000 (10 s) of MLD. */
  responseCode?: number;
  /** Absent in queries of older versions. */
  details?: Partial<Omit<QueryDetails, 'sources'>> & { sources?: string[] };
  ip4?: Partial<Omit<Ipv4Packet, 'source' | 'destination'>> & Ends;
  ip6?: Partial<Omit<Ipv6Packet, 'source' | 'destination'>> & Ends;
}

interface Ends {
  source?: string;
  destination?: string;
}

/** A stack (10.0.0.2, fd00::2, fe80::2) on a link whose other end is a router that the test plays. */
export class GroupWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly link: RawLink;
  readonly stack: Stack;
  readonly iface: Interface;

  constructor(options: { seed?: number; mtu?: number; addresses?: string[] } = {}) {
    const { seed = 1, mtu = 1500, addresses = ['10.0.0.2/24', 'fd00::2/64', 'fe80::2/64'] } = options;
    this.link = new RawLink(mtu);
    this.stack = new Stack({ clock: this.clock, random: seededRandom(seed) });
    this.iface = this.stack.attach(this.link, { name: 'eth0', addresses });
    if (addresses.some((address) => address.startsWith('10.0.0.')))
      this.stack.routes.add('0.0.0.0/0', { via: '10.0.0.1' });
    this.clock.advance(0);
  }

  /** A socket that joins groups; what it hears goes into `heard`. */
  socket(heard: string[] = [], options: { address?: string; port?: number } = {}): UdpSocket {
    const { address = '::', port = 5353 } = options;
    return this.stack.udp.bind(
      { address, port, reuseAddress: true },
      { onMessage: (bytes) => heard.push(new TextDecoder().decode(bytes)) },
    );
  }

  /** Lets time pass, and tells what the stack says of groups meanwhile, and when: as exact as `step`, in milliseconds. */
  during(milliseconds: number, step: number = 1): SentReport[] {
    const end = this.clock.now() + milliseconds * 1000;
    this.clock.advance(0);
    const reports: SentReport[] = this.#take();
    for (let next = this.clock.now(); next < end;) {
      next = Math.min(end, next + step * 1000);
      this.clock.advance(next - this.clock.now());
      reports.push(...this.#take());
    }
    return reports;
  }

  /** What it says at once: the texts alone. */
  now(): string[] {
    return this.during(0).map(({ text }) => text);
  }

  /** The texts of what it says meanwhile. */
  texts(milliseconds: number): string[] {
    return this.during(milliseconds).map(({ text }) => text);
  }

  /** A query of IGMP arrives. */
  query4(options: QueryOptions = {}): void {
    const { group = '0.0.0.0', responseCode = 100, ip4 = {} } = options;
    const payload = formatIgmp(queryOf(IgmpType.MEMBERSHIP_QUERY, group, responseCode, options));
    this.link.inject(ipv4Message(payload, { destination: group === '0.0.0.0' ? '224.0.0.1' : group, ...ip4 }));
  }

  /** A query of MLD arrives. */
  query6(options: QueryOptions = {}): void {
    const { group = '::', responseCode = 10_000, ip6 = {} } = options;
    const message = queryOf(Icmpv6Type.MULTICAST_LISTENER_QUERY, group, responseCode, options);
    this.link.inject(ipv6Message(message, { destination: group === '::' ? 'ff02::1' : group, ...ip6 }));
  }

  #take(): SentReport[] {
    const at = Math.round(this.clock.now() / 1000);
    return this.link.take().flatMap((bytes) => {
      const { message, to } = readReport(bytes);
      return message === undefined ? [] : [{ at, to, text: textOf(message) }];
    });
  }
}

/** A message of IGMP as a router or member sends it. */
export function ipv4Message(payload: Uint8Array, ip: QueryOptions['ip4'] = {}): Uint8Array {
  const { source = '10.0.0.1', destination = '224.0.0.1', ...rest } = ip;
  return formatPacket({
    ip: {
      trafficClass: 0xc0,
      identification: 0,
      reservedFlag: false,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 1,
      protocol: Protocol.IGMP,
      options: ROUTER_ALERT,
      payload,
      ...rest,
      source: Address.parse(source),
      destination: Address.parse(destination),
    },
  });
}

/** A message of MLD as a router or listener sends it. */
export function ipv6Message(message: GroupMessage, ip: QueryOptions['ip6'] = {}): Uint8Array {
  const { source: from = 'fe80::1', destination: to = 'ff02::1', ...rest } = ip;
  const source = Address.parse(from);
  const destination = Address.parse(to);
  return formatPacket({
    ip: {
      trafficClass: 0,
      flowLabel: 0,
      nextHeader: Protocol.HOPOPT,
      hopLimit: 1,
      extensions: HOP_BY_HOP,
      protocol: Protocol.ICMPV6,
      payload: formatMld(message, source, destination),
      ...rest,
      source,
      destination,
    },
  });
}

function queryOf(type: number, group: string, responseCode: number, { details }: QueryOptions): GroupMessage {
  const query: GroupMessage = { type, responseCode, group: Address.parse(group) };
  if (details === undefined) return query;
  const { sources = [], ...rest } = details;
  const known = { suppress: false, robustness: 2, intervalCode: 125, ...rest };
  return { ...query, query: { ...known, sources: sources.map((source) => Address.parse(source)) } };
}

/** A sound message about groups, and where it goes; nothing of other packets. Form is what the RFCs ask for. */
export function readReport(bytes: Uint8Array): { message?: GroupMessage; to: string } {
  const packet = parseAnyPacket(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  const to = String(packet.ip.destination);
  if (!isIpv6Packet(packet)) {
    if (packet.ip.protocol !== Protocol.IGMP) return { to };
    const message = parseIgmp(packet.ip.payload);
    if (typeof message === 'string') throw new Error(message);
    return { message, to };
  }
  const { source, destination, payload } = packet.ip;
  const types: number[] = [Icmpv6Type.MULTICAST_LISTENER_REPORT, Icmpv6Type.MULTICAST_LISTENER_DONE, 143];
  if (packet.icmp === undefined || !types.includes(packet.icmp.type)) return { to };
  const message = parseMld(payload, source, destination);
  if (typeof message === 'string') throw new Error(message);
  return { message, to };
}

function textOf({ type, group, records }: GroupMessage): string {
  if (records === undefined) return `${OLDER[type]}(${group})`;
  return records
    .map((record) => {
      const sources = record.sources.map(String).toSorted().join(', ');
      if (!isMulticast(record.group)) throw new Error(`${record.group} is no group`);
      return `${RECORDS[record.type]}(${record.group}${sources === '' ? '' : `: ${sources}`})`;
    })
    .join(' ');
}
