import { IPV4_HEADER_LENGTH, writeIpv4Checksum } from './ipv4.ts';
import { IPV6_HEADER_LENGTH } from './ipv6.ts';
import { Protocol } from './protocol.ts';

/*
 * The router alert option: routers look at the packet although it is not for them. RFC 2113 for IPv4, RFC 2711 for IPv6;
 * every message of IGMPv3 and MLD carries it, and queries without are not believed.
 */

/** Bytes that the option takes in a header of IPv4. */
export const IPV4_ROUTER_ALERT_LENGTH = 4;
/** Bytes of a hop-by-hop header of IPv6 with nothing else in it. */
export const IPV6_ROUTER_ALERT_LENGTH = 8;

/** RFC 2113 §2.1: type 148, length 4, value 0. */
const IPV4_ROUTER_ALERT = 0x9404_0000;
const IPV4_ROUTER_ALERT_TYPE = 148;
/** RFC 2711 §2.1: type 5, length 2, value 0 for MLD; two bytes of padding follow (PadN). */
const IPV6_ROUTER_ALERT = 0x0502_0000;
const IPV6_ROUTER_ALERT_TYPE = 5;
const MLD = 0;
const PADN_OF_TWO = 0x0100;

/** Adds the option to the header at `offset`, behind which there is room for it, and mends the checksum. */
export function writeIpv4RouterAlert(view: DataView, offset: number): void {
  const headerLength = IPV4_HEADER_LENGTH + IPV4_ROUTER_ALERT_LENGTH;
  view.setUint8(offset, 0x40 | (headerLength >>> 2));
  view.setUint32(offset + IPV4_HEADER_LENGTH, IPV4_ROUTER_ALERT);
  writeIpv4Checksum(view, offset, headerLength);
}

/** Whether the options of a checked header, in `[start, end)`, have it. */
export function hasIpv4RouterAlert(view: DataView, start: number, end: number): boolean {
  for (let at = start; at < end;) {
    const type = view.getUint8(at);
    if (type === 0) return false;
    if (type === IPV4_ROUTER_ALERT_TYPE) return view.getUint8(at + 1) === IPV4_ROUTER_ALERT_LENGTH;
    at += type === 1 ? 1 : view.getUint8(at + 1);
  }
  return false;
}

/** Writes a hop-by-hop header with the option in front of an ICMPv6 message. */
export function writeIpv6RouterAlert(view: DataView, offset: number): void {
  view.setUint16(offset, Protocol.ICMPV6 << 8);
  view.setUint32(offset + 2, IPV6_ROUTER_ALERT);
  view.setUint16(offset + 6, PADN_OF_TWO);
}

/** Whether the packet at `offset`, whose extension headers were checked, has it in a hop-by-hop header, with MLD's value. */
export function hasIpv6RouterAlert(view: DataView, offset: number): boolean {
  // The fixed header's next header: a hop-by-hop header stands nowhere else (RFC 8200 §4.1).
  if (view.getUint8(offset + 6) !== Protocol.HOPOPT) return false;
  const header = offset + IPV6_HEADER_LENGTH;
  const end = header + 8 + view.getUint8(header + 1) * 8;
  for (let at = header + 2; at < end;) {
    const type = view.getUint8(at);
    if (type === IPV6_ROUTER_ALERT_TYPE) return view.getUint8(at + 1) === 2 && view.getUint16(at + 2) === MLD;
    at += type === 0 ? 1 : 2 + view.getUint8(at + 1);
  }
  return false;
}
