import { readdirSync, readFileSync } from 'node:fs';
import { Address } from '../../src/wire/address.ts';
import { formatArp } from '../../src/wire/arp.ts';
import { EtherType, parseEthernet } from '../../src/wire/ethernet.ts';
import { formatIgmp } from '../../src/wire/igmp.ts';
import { isIpv6Packet, parseAnyPacket } from '../../src/wire/packet.ts';
import { BROADCAST_MAC } from '../../src/wire/mac.ts';
import { arpMessage, frameFor } from '../support/ethernet-world.ts';
import { ipv4Message, ipv6Message } from '../support/group-world.ts';
import { readFrames } from '../support/pcap.ts';
import { hex } from '../support/wire.ts';

/*
 * What damaged bytes are made from: what the kernel has sent, and a few that it has not.
 */

const folder = new URL('../golden/', import.meta.url);

/** Long packets are damaged no better than short ones, and take their time. */
const LONGEST = 700;

const group = Address.parse('239.1.2.3');
const group6 = Address.parse('ff05::1');
const query = { suppress: false, robustness: 2, intervalCode: 125, sources: [] };
const queries = [
  ipv4Message(formatIgmp({ type: 0x11, responseCode: 100, group: Address.parse('0.0.0.0'), query })),
  ipv4Message(formatIgmp({ type: 0x11, responseCode: 10, group, query: { ...query, sources: [group, group] } })),
  ipv4Message(formatIgmp({ type: 0x16, responseCode: 0, group })),
  ipv4Message(formatIgmp({ type: 0x17, responseCode: 0, group })),
  ipv6Message({ type: 130, responseCode: 1000, group: Address.parse('::'), query }),
  ipv6Message({ type: 130, responseCode: 10, group: group6, query: { ...query, sources: [group6] } }),
  ipv6Message({ type: 131, responseCode: 0, group: group6 }),
  ipv6Message({ type: 143, responseCode: 0, records: [{ type: 4, group: group6, sources: [group6] }] }),
];

const TAG = { tpid: EtherType.SERVICE_VLAN, priority: 0, dropEligible: false, id: 0 };

/** Frames: captured ones, the others in a frame, with VLAN tags too. */
export const FRAMES: readonly Uint8Array[] = [
  ...captures().flatMap((name) => readFrames(readFileSync(new URL(name, folder)))),
  ...[1, 2].map((operation) =>
    frameFor({ type: EtherType.ARP, destination: BROADCAST_MAC, payload: formatArp(arpMessage({ operation })) }),
  ),
  ...queries.map((payload, i) =>
    frameFor({
      type: payload[0]! >>> 4 === 6 ? EtherType.IPV6 : EtherType.IPV4,
      tags: [0x8100, 0x88a8].slice(i % 2).map((tpid) => ({ tpid, priority: 0, dropEligible: false, id: 0 })),
      payload,
    }),
  ),
  // One tag more than there may be.
  frameFor({ type: EtherType.VLAN, tags: [TAG, TAG], payload: hex('0000 0800 4500') }),
].filter((bytes) => bytes.length <= LONGEST);

/** The same without Ethernet. */
export const PACKETS: readonly Uint8Array[] = FRAMES.flatMap((bytes) => {
  const frame = parseEthernet(bytes);
  if (typeof frame === 'string') return [];
  const { type, payload } = frame;
  return type === EtherType.IPV4 || type === EtherType.IPV6 ? [payload.slice()] : [];
});
export const PACKETS4: readonly Uint8Array[] = PACKETS.filter((bytes) => bytes[0]! >>> 4 === 4);
export const PACKETS6: readonly Uint8Array[] = PACKETS.filter((bytes) => bytes[0]! >>> 4 === 6);

/** From fd00::9 to fd00::2, UDP port 7 with nothing inside, behind these extension headers. */
function extended(first: number, extensions: string): Uint8Array {
  const rest = hex(`${extensions} 0009 0007 0008 0000`);
  const ends = 'fd00 0000 0000 0000 0000 0000 0000 0009 fd00 0000 0000 0000 0000 0000 0000 0002';
  const head = hex(`6000 0000 00${digits(rest.length)} ${digits(first)} 40 ${ends}`);
  return Uint8Array.from([...head, ...rest]);
}

function digits(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** Packets with extension headers of all kinds, in front of UDP. */
export const EXTENDED: readonly Uint8Array[] = [
  ...PACKETS6.filter((bytes) => [0, 43, 44, 60].includes(bytes[6]!)),
  extended(0, '1100 0104 0000 0000'),
  extended(0, '3c00 0502 0000 0100 1100 0104 0000 0000'),
  extended(0, '2b00 0502 0000 0100 1100 0000 0000 0000'),
  extended(60, '2c00 0104 0000 0000 1100 0000 0000 0007'),
  extended(60, '1101 c20c 0000 0000 0000 0000 0000 0000'),
  extended(60, '3c00 0104 0000 0000 3c00 0104 0000 0000 3c00 0104 0000 0000 1100 0104 0000 0000'),
];

/** What the packets carry of this protocol, with its header. */
export function payloads(protocol: number): Uint8Array[] {
  return PACKETS.flatMap((bytes) => {
    const packet = parseAnyPacket(bytes);
    if (typeof packet === 'string' || packet.ip.protocol !== protocol) return [];
    const fragment = !isIpv6Packet(packet) && (packet.ip.moreFragments || packet.ip.fragmentOffset > 0);
    return fragment ? [] : [packet.ip.payload.slice()];
  });
}

function captures(): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pcap'))
    .toSorted();
}
