import { usageError } from '../errors.ts';
import type { AddressWords } from './address.ts';
import { MacAddress, MacRegister, writeMac } from './mac.ts';
import type { MacWords } from './mac.ts';

/** Bytes of a header without tags. */
export const ETHERNET_HEADER_LENGTH = 14;
/** Bytes that a VLAN tag adds. */
export const VLAN_TAG_LENGTH = 4;
/** Tags of one frame that are read: a provider's and a customer's (IEEE 802.1ad). */
const MOST_TAGS = 2;
const VLAN_ID = 0x0fff;
const DROP_ELIGIBLE = 0x1000;
const TYPE_AT = 12;

/** What a frame carries: numbers from 0x0600 on. */
export const EtherType = {
  IPV4: 0x0800,
  ARP: 0x0806,
  /** A tag of IEEE 802.1Q. */
  VLAN: 0x8100,
  IPV6: 0x86dd,
  /** A tag of IEEE 802.1ad, in front of one of 802.1Q. */
  SERVICE_VLAN: 0x88a8,
} as const;

/** Smaller numbers are lengths: frames of IEEE 802.3 with LLC (RFC 1122 §2.3.3). */
const SMALLEST_TYPE = 0x0600;

/** Why bytes are no frame that can be read. */
export type EthernetFlaw = 'ethernet-truncated' | 'ethernet-too-many-tags';

/** What is read of a frame's header, one after the other. */
export class FrameHeader {
  readonly destination: MacRegister = new MacRegister();
  readonly source: MacRegister = new MacRegister();
  /** What is carried, behind all tags. */
  type: number = 0;
  /** Where that begins. */
  start: number = 0;
  /** Number of tags. */
  tags: number = 0;
  /** VLANs that the tags name, outermost first: 0 means priority only. */
  outerVlan: number = 0;
  innerVlan: number = 0;

  /** A frame of IEEE 802.3, whose `type` is a length. */
  get isLlc(): boolean {
    return this.type < SMALLEST_TYPE;
  }
}

/** Reads the header of a frame of `length` bytes, tags included. */
export function readEthernet(
  view: DataView,
  offset: number,
  length: number,
  header: FrameHeader,
): EthernetFlaw | undefined {
  if (length < ETHERNET_HEADER_LENGTH) return 'ethernet-truncated';
  header.destination.read(view, offset);
  header.source.read(view, offset + 6);
  header.tags = 0;
  header.outerVlan = 0;
  header.innerVlan = 0;
  let at = offset + TYPE_AT;
  for (; isTag(view.getUint16(at)); at += VLAN_TAG_LENGTH) {
    if (header.tags === MOST_TAGS) return 'ethernet-too-many-tags';
    if (at + VLAN_TAG_LENGTH + 2 > offset + length) return 'ethernet-truncated';
    const vlan = view.getUint16(at + 2) & VLAN_ID;
    if (header.tags++ === 0) header.outerVlan = vlan;
    else header.innerVlan = vlan;
  }
  header.type = view.getUint16(at);
  header.start = at + 2;
  return undefined;
}

function isTag(type: number): boolean {
  return type === EtherType.VLAN || type === EtherType.SERVICE_VLAN;
}

/** Bytes in front of what a frame of `length` bytes carries, tags included; all of them where it is cut off. */
export function ethernetHeaderLength(view: DataView, offset: number, length: number): number {
  let header = ETHERNET_HEADER_LENGTH;
  while (header <= length && isTag(view.getUint16(offset + header - 2))) header += VLAN_TAG_LENGTH;
  return Math.min(header, length);
}

/** Writes a header without tags. */
export function writeEthernetHeader(
  view: DataView,
  offset: number,
  destination: MacWords,
  source: MacWords,
  type: number,
): void {
  writeMac(view, offset, destination);
  writeMac(view, offset + 6, source);
  view.setUint16(offset + TYPE_AT, type);
}

/** Writes a header with one tag of 802.1Q, priority 0. */
export function writeTaggedHeader(
  view: DataView,
  offset: number,
  destination: MacWords,
  source: MacWords,
  vlan: number,
  type: number,
): void {
  writeEthernetHeader(view, offset, destination, source, EtherType.VLAN);
  view.setUint16(offset + TYPE_AT + 2, vlan);
  view.setUint16(offset + TYPE_AT + VLAN_TAG_LENGTH, type);
}

const IPV4_GROUP_HIGH = 0x0100;
const IPV4_GROUP_LOW = 0x5e00_0000;
const IPV6_GROUP_HIGH = 0x3333;

/** Takes the hardware address of a multicast group: RFC 1112 §6.4 (the group's lower 23 bits), RFC 2464 §7 (32 bits). */
export function setMulticastMac(register: MacRegister, { family, d }: AddressWords): void {
  register.high = family === 4 ? IPV4_GROUP_HIGH : IPV6_GROUP_HIGH;
  register.low = family === 4 ? IPV4_GROUP_LOW | (d & 0x7f_ffff) : d;
}

/**
 * The hardware address that frames for a multicast group have.
 *
 * @example
 * multicastMac(Address.parse('224.0.0.251')).toString(); // '01:00:5e:00:00:fb'
 */
export function multicastMac(group: AddressWords): MacAddress {
  const register = new MacRegister();
  setMulticastMac(register, group);
  return MacAddress.fromWords(register);
}

/** One tag of 802.1Q or 802.1ad. */
export interface VlanTag {
  /** `EtherType.VLAN` or `EtherType.SERVICE_VLAN`. */
  tpid: number;
  /** 0 to 7. */
  priority: number;
  dropEligible: boolean;
  /** VLAN 1 to 4094; 0: the tag is for the priority only. */
  id: number;
}

/** A frame as a plain value: for tests, traces and made-up packets, not for the data path. */
export interface EthernetFrame {
  destination: MacAddress;
  source: MacAddress;
  /** Outermost first. */
  tags: VlanTag[];
  /** What is carried; of IEEE 802.3 the length. */
  type: number;
  /** All that follows, padding included. */
  payload: Uint8Array;
}

/** Reads a frame without its check sequence; its `payload` is a view of `bytes`. */
export function parseEthernet(bytes: Uint8Array): EthernetFrame | EthernetFlaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = new FrameHeader();
  const flaw = readEthernet(view, 0, bytes.byteLength, header);
  if (flaw !== undefined) return flaw;
  const tags = Array.from({ length: header.tags }, (_, i) => tagAt(view, TYPE_AT + i * VLAN_TAG_LENGTH));
  return {
    destination: MacAddress.fromWords(header.destination),
    source: MacAddress.fromWords(header.source),
    tags,
    type: header.type,
    payload: bytes.subarray(header.start),
  };
}

function tagAt(view: DataView, offset: number): VlanTag {
  const control = view.getUint16(offset + 2);
  return {
    tpid: view.getUint16(offset),
    priority: control >>> 13,
    dropEligible: (control & DROP_ELIGIBLE) !== 0,
    id: control & VLAN_ID,
  };
}

/**
 * Writes a frame, without padding.
 *
 * @throws ERR_OUT_OF_RANGE for more than two tags
 */
export function formatEthernet({ destination, source, tags, type, payload }: EthernetFrame): Uint8Array {
  if (tags.length > MOST_TAGS) {
    throw usageError('ERR_OUT_OF_RANGE', `a frame has at most ${MOST_TAGS} VLAN tags, not ${tags.length}`, RangeError);
  }
  const headerLength = ETHERNET_HEADER_LENGTH + tags.length * VLAN_TAG_LENGTH;
  const bytes = new Uint8Array(headerLength + payload.byteLength);
  const view = new DataView(bytes.buffer);
  writeEthernetHeader(view, 0, destination, source, type);
  tags.forEach(({ tpid, priority, dropEligible, id }, i) => {
    view.setUint16(TYPE_AT + i * VLAN_TAG_LENGTH, tpid);
    view.setUint16(TYPE_AT + i * VLAN_TAG_LENGTH + 2, (priority << 13) | (dropEligible ? DROP_ELIGIBLE : 0) | id);
  });
  view.setUint16(headerLength - 2, type);
  bytes.set(payload, headerLength);
  return bytes;
}
