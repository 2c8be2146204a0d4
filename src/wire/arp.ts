import { Address, AddressRegister } from './address.ts';
import type { AddressWords } from './address.ts';
import { EtherType } from './ethernet.ts';
import { MacAddress, MAC_LENGTH, MacRegister, writeMac } from './mac.ts';
import type { MacWords } from './mac.ts';

/** Bytes of a message for IPv4 over Ethernet; what follows in the frame is padding. */
export const ARP_LENGTH = 28;

const ETHERNET = 1;
/** IEEE 802 networks: the same on Ethernet; some send it (RFC 1042, as Linux reads it). */
const IEEE_802 = 6;
const IPV4_LENGTH = 4;
const SENDER_MAC = 8;
const SENDER_ADDRESS = 14;
const TARGET_MAC = 18;
const TARGET_ADDRESS = 24;

export const ArpOperation = { REQUEST: 1, REPLY: 2 } as const;

/** Why bytes are no ARP message for IPv4 over Ethernet. */
export type ArpFlaw =
  | 'arp-truncated'
  | 'arp-bad-hardware-type'
  | 'arp-bad-protocol-type'
  | 'arp-bad-address-length'
  | 'arp-bad-operation';

/** What is read of one message after the other. */
export class ArpRegister {
  operation: number = 0;
  readonly senderMac: MacRegister = new MacRegister();
  readonly senderAddress: AddressRegister = new AddressRegister();
  readonly targetMac: MacRegister = new MacRegister();
  readonly targetAddress: AddressRegister = new AddressRegister();
}

/** Reads a message in `length` bytes: RFC 826, "Packet Reception" asks for each of these checks. */
export function readArp(view: DataView, offset: number, length: number, message: ArpRegister): ArpFlaw | undefined {
  if (length < ARP_LENGTH) return 'arp-truncated';
  const hardware = view.getUint16(offset);
  if (hardware !== ETHERNET && hardware !== IEEE_802) return 'arp-bad-hardware-type';
  if (view.getUint16(offset + 2) !== EtherType.IPV4) return 'arp-bad-protocol-type';
  if (view.getUint8(offset + 4) !== MAC_LENGTH || view.getUint8(offset + 5) !== IPV4_LENGTH) {
    return 'arp-bad-address-length';
  }
  const operation = view.getUint16(offset + 6);
  if (operation !== ArpOperation.REQUEST && operation !== ArpOperation.REPLY) return 'arp-bad-operation';
  message.operation = operation;
  message.senderMac.read(view, offset + SENDER_MAC);
  message.senderAddress.setIpv4(view.getInt32(offset + SENDER_ADDRESS));
  message.targetMac.read(view, offset + TARGET_MAC);
  message.targetAddress.setIpv4(view.getInt32(offset + TARGET_ADDRESS));
  return undefined;
}

/** Writes a message. */
export function writeArp(
  view: DataView,
  offset: number,
  operation: number,
  senderMac: MacWords,
  senderAddress: AddressWords,
  targetMac: MacWords,
  targetAddress: AddressWords,
): void {
  view.setUint16(offset, ETHERNET);
  view.setUint16(offset + 2, EtherType.IPV4);
  view.setUint8(offset + 4, MAC_LENGTH);
  view.setUint8(offset + 5, IPV4_LENGTH);
  view.setUint16(offset + 6, operation);
  writeMac(view, offset + SENDER_MAC, senderMac);
  view.setInt32(offset + SENDER_ADDRESS, senderAddress.d);
  writeMac(view, offset + TARGET_MAC, targetMac);
  view.setInt32(offset + TARGET_ADDRESS, targetAddress.d);
}

/** A message as a plain value: for tests, traces and made-up packets, not for the data path. */
export interface ArpMessage {
  /** `ArpOperation`. */
  operation: number;
  senderMac: MacAddress;
  senderAddress: Address;
  targetMac: MacAddress;
  targetAddress: Address;
}

/** Reads a message; padding behind it is ignored. */
export function parseArp(bytes: Uint8Array): ArpMessage | ArpFlaw {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const register = new ArpRegister();
  const flaw = readArp(view, 0, bytes.byteLength, register);
  if (flaw !== undefined) return flaw;
  return {
    operation: register.operation,
    senderMac: MacAddress.fromWords(register.senderMac),
    senderAddress: Address.fromWords(register.senderAddress),
    targetMac: MacAddress.fromWords(register.targetMac),
    targetAddress: Address.fromWords(register.targetAddress),
  };
}

/** Writes a message of 28 bytes. */
export function formatArp({ operation, senderMac, senderAddress, targetMac, targetAddress }: ArpMessage): Uint8Array {
  const bytes = new Uint8Array(ARP_LENGTH);
  writeArp(new DataView(bytes.buffer), 0, operation, senderMac, senderAddress, targetMac, targetAddress);
  return bytes;
}
