import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import { ArpOperation, formatArp, parseArp } from '../../../src/wire/arp.ts';
import { EtherType, formatEthernet, parseEthernet } from '../../../src/wire/ethernet.ts';
import type { EthernetFrame } from '../../../src/wire/ethernet.ts';
import type { GroupMessage } from '../../../src/wire/group-records.ts';
import { formatIgmp, parseIgmp } from '../../../src/wire/igmp.ts';
import { formatMld, parseMld } from '../../../src/wire/mld.ts';
import { formatNdp, isNdp, parseNdp } from '../../../src/wire/ndp.ts';
import type { NdpMessage } from '../../../src/wire/ndp.ts';
import { formatPacket, isIpv6Packet, parseAnyPacket } from '../../../src/wire/packet.ts';
import type { AnyPacketValue } from '../../../src/wire/packet.ts';
import { kernelFrames, LINK_CAPTURES } from '../../support/golden-link.ts';
import type { KernelFrame } from '../../support/golden-link.ts';

const captures = readdirSync(LINK_CAPTURES)
  .filter((name) => name.endsWith('.pcap'))
  .map((name) => name.slice(0, -'.pcap'.length));
const NAMES: Readonly<Record<number, string>> = { 0x0800: 'IPv4', 0x0806: 'ARP', 0x86dd: 'IPv6' };
const MLD_TYPES = [130, 131, 132, 143];

function valueOf<T>(value: T | string): T {
  if (typeof value === 'string') throw new Error(value);
  return value;
}

function frameOf({ bytes }: KernelFrame): EthernetFrame {
  return valueOf(parseEthernet(bytes));
}

function packetOf(frame: KernelFrame): AnyPacketValue | undefined {
  const { type, payload } = frameOf(frame);
  return type === EtherType.ARP ? undefined : valueOf(parseAnyPacket(payload));
}

function igmpOf(packet: AnyPacketValue): GroupMessage | undefined {
  return isIpv6Packet(packet) || packet.ip.protocol !== 2 ? undefined : valueOf(parseIgmp(packet.ip.payload));
}

function mldOf(packet: AnyPacketValue): GroupMessage | undefined {
  const { source, destination, payload } = packet.ip;
  if (!isIpv6Packet(packet) || !MLD_TYPES.includes(packet.icmp?.type ?? 0)) return undefined;
  return valueOf(parseMld(payload, source, destination));
}

function ndpOf(packet: AnyPacketValue): NdpMessage | undefined {
  const { source, destination, payload } = packet.ip;
  if (!isIpv6Packet(packet) || !isNdp(packet.icmp?.type ?? 0)) return undefined;
  return valueOf(parseNdp(payload, source, destination, packet.ip.hopLimit));
}

/** What tcpdump 4.99 says of it, or a part of that. */
function textOf(frame: KernelFrame): string {
  const packet = packetOf(frame);
  if (packet === undefined) return arpText(frameOf(frame).payload);
  const ends = `${packet.ip.source} > ${packet.ip.destination}: `;
  const igmp = igmpOf(packet);
  if (igmp !== undefined) return ends + igmpText(igmp);
  const mld = mldOf(packet);
  if (mld !== undefined) return `${ends}HBH ICMP6, ${mldText(mld)}`;
  const ndp = ndpOf(packet);
  return ndp === undefined ? ends : `${ends}ICMP6, ${ndpText(ndp)}`;
}

function arpText(payload: Uint8Array): string {
  const { operation, senderMac, senderAddress, targetMac, targetAddress } = valueOf(parseArp(payload));
  if (operation === ArpOperation.REPLY) return `Reply ${senderAddress} is-at ${senderMac}, length 28`;
  const asked = targetMac.toString() === '00:00:00:00:00:00' ? '' : ` (${targetMac})`;
  return `Request who-has ${targetAddress}${asked} tell ${senderAddress}, length 28`;
}

function igmpText({ type, group, query, records }: GroupMessage): string {
  if (records !== undefined) return `igmp v3 report, ${records.length} group record(s)`;
  if (type === 0x11) return `igmp query v${query === undefined ? 2 : 3}`;
  return type === 0x17 ? `igmp leave ${group}` : `igmp v${type === 0x12 ? 1 : 2} report ${group}`;
}

function mldText({ type, responseCode, group, query, records }: GroupMessage): string {
  if (records !== undefined) return `multicast listener report v2, ${records.length} group record(s)`;
  if (query !== undefined) return `multicast listener query v2 [gaddr ${group}]`;
  const kind = type === 130 ? 'query' : type === 131 ? 'report' : 'done';
  return `multicast listener ${kind}max resp delay: ${responseCode} addr: ${group}`;
}

function ndpText(message: NdpMessage): string {
  switch (message.name) {
    case 'neighbourSolicitation':
      return `neighbor solicitation, who has ${message.target}`;
    case 'neighbourAdvertisement':
      return `neighbor advertisement, tgt is ${message.target}`;
    case 'redirect':
      return `redirect, ${message.destination} to ${message.target}`;
    case 'routerSolicitation':
      return 'router solicitation, length';
    default:
      return 'router advertisement, length';
  }
}

describe.each(captures)('captured frames of the kernel: %s', (name) => {
  const frames = kernelFrames(name);

  it('[S-001] are read with every checksum right', () => {
    for (const frame of frames) {
      const packet = packetOf(frame);
      expect([packet?.flaw, packet?.udp?.checksum]).toEqual([undefined, undefined]);
    }
    expect(frames.length).toBeGreaterThan(10);
  });

  it('say what tcpdump says', () => {
    for (const frame of frames) {
      const { source, destination, type } = frameOf(frame);
      const to = destination.toString();
      const ethertype = `ethertype ${NAMES[type]} (0x${type.toString(16).padStart(4, '0')})`;
      expect(frame.line).toContain(`${source} > ${to}, ${ethertype}, length ${frame.bytes.length}: ${textOf(frame)}`);
    }
  });

  it('are the same bytes when written again, checksums computed afresh', () => {
    for (const frame of frames) {
      const value = frameOf(frame);
      expect(formatEthernet(value)).toEqual(frame.bytes);
      const packet = packetOf(frame);
      expect(packet === undefined ? formatArp(valueOf(parseArp(value.payload))) : formatPacket(packet)).toEqual(
        value.payload,
      );
    }
  });

  it('[S-049] are so too as messages of IGMP, MLD and neighbour discovery', () => {
    for (const frame of frames) {
      const packet = packetOf(frame);
      if (packet === undefined) continue;
      const { source, destination, payload } = packet.ip;
      const [igmp, mld, ndp] = [igmpOf(packet), mldOf(packet), ndpOf(packet)];
      if (igmp !== undefined) expect(formatIgmp(igmp)).toEqual(payload);
      if (mld !== undefined) expect(formatMld(mld, source, destination)).toEqual(payload);
      if (ndp === undefined) continue;
      const written = formatNdp(ndp, source, destination);
      // radvd writes the whole of a route's prefix, where the half will do (RFC 4191 §2.3).
      if (ndp.name === 'routerAdvertisement') expect(parseNdp(written, source, destination, 255)).toEqual(ndp);
      else expect(written).toEqual(payload);
    }
  });
});

describe('the captures', () => {
  const packets = captures.flatMap(kernelFrames).flatMap((frame) => packetOf(frame) ?? []);

  it('hold every kind of message that they are there for', () => {
    const kinds = new Set<string>();
    for (const packet of packets) {
      const [igmp, mld, ndp] = [igmpOf(packet), mldOf(packet), ndpOf(packet)];
      if (igmp !== undefined) kinds.add(`igmp ${igmp.type}${igmp.query === undefined ? '' : ' v3'}`);
      else if (mld !== undefined) kinds.add(`mld ${mld.type}${mld.query === undefined ? '' : ' v2'}`);
      else if (ndp !== undefined) kinds.add(ndp.name);
      else if (packet.icmp !== undefined) {
        kinds.add(`${isIpv6Packet(packet) ? 'icmpv6' : 'icmp'} ${packet.icmp.type} ${packet.icmp.code}`);
      } else kinds.add(`fragment of ${isIpv6Packet(packet) ? 6 : 4}`);
    }
    expect([...kinds].toSorted()).toEqual([
      'fragment of 4',
      'fragment of 6',
      'icmp 11 0',
      'icmp 11 1',
      'icmp 3 0',
      'icmp 3 4',
      'icmp 8 0',
      'icmpv6 1 0',
      'icmpv6 128 0',
      'icmpv6 2 0',
      'icmpv6 3 0',
      'icmpv6 3 1',
      'igmp 17',
      'igmp 17 v3',
      'igmp 18',
      'igmp 22',
      'igmp 23',
      'igmp 34',
      'mld 130',
      'mld 130 v2',
      'mld 131',
      'mld 132',
      'mld 143',
      'neighbourAdvertisement',
      'neighbourSolicitation',
      'redirect',
      'routerAdvertisement',
      'routerSolicitation',
    ]);
  });

  it('[S-049] have a router advertisement with all that radvd was told to say', () => {
    const message = packets.map(ndpOf).find((ndp) => ndp?.name === 'routerAdvertisement');
    const address = (text: string): Address => Address.parse(text);
    expect(message).toEqual({
      name: 'routerAdvertisement',
      hopLimit: 60,
      managed: false,
      otherConfiguration: true,
      preference: 'high',
      routerLifetime: 12,
      reachableTime: 20_000,
      retransTimer: 2000,
      options: [
        {
          name: 'prefixInformation',
          prefix: address('fd04::'),
          prefixLength: 64,
          onLink: true,
          autonomous: true,
          validLifetime: 3600,
          preferredLifetime: 1800,
        },
        {
          name: 'routeInformation',
          prefix: address('fd05::'),
          prefixLength: 48,
          preference: 'low',
          lifetime: 1000,
        },
        { name: 'rdnss', lifetime: 900, servers: [address('fd01::53'), address('fd01::54')] },
        { name: 'dnssl', lifetime: 900, domains: ['example.net', 'sub.example.org'] },
        { name: 'mtu', mtu: 1480 },
        { name: 'sourceLinkAddress', bytes: Uint8Array.of(2, 0, 0, 0, 1, 1) },
      ],
    });
  });
});
