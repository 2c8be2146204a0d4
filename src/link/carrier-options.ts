import { ETHERNET_HEADER_LENGTH, VLAN_TAG_LENGTH } from '../wire/ethernet.ts';
import { isStationMac, MacAddress } from '../wire/mac.ts';
import { described, requireInteger, usageError } from '../errors.ts';

/** The longest IP packet. */
const LONGEST_PACKET = 65_535;
/** RFC 791 §3.2: every network carries 68 bytes. */
const SHORTEST_MTU = 68;

/** An Ethernet header with two tags of VLANs, a provider's and a customer's: more are not taken off what the MTU limits. */
export const LONGEST_FRONT: number = ETHERNET_HEADER_LENGTH + 2 * VLAN_TAG_LENGTH;

/** What links over a carrier of the program's own (a stream, a WebSocket, a message port) have in common. */
export interface CarrierOptions {
  /** What it carries: IP packets or Ethernet frames. Default `'ip'`. */
  medium?: 'ip' | 'ethernet';
  /** Largest IP packet, Ethernet header not counted, 68 to 65,535 bytes. Default 1500. */
  mtu?: number;
  /** The hardware address of this end's card, `'02:00:00:00:00:01'` or 6 bytes: an Ethernet link must have one, another none. */
  address?: string | Uint8Array;
}

/** The names of `CarrierOptions`. */
export const CARRIER_OPTIONS: readonly string[] = Object.keys({
  medium: true,
  mtu: true,
  address: true,
} satisfies Record<keyof CarrierOptions, true>);

/** Options whose defaults are filled in. */
export interface CheckedCarrier {
  readonly medium: 'ip' | 'ethernet';
  readonly mtu: number;
  readonly address: Uint8Array | undefined;
}

/**
 * Checks the options that describe a carrier.
 *
 * @throws ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
 */
export function checkCarrier({ medium = 'ip', mtu = 1500, address }: CarrierOptions): CheckedCarrier {
  if (medium !== 'ip' && medium !== 'ethernet') {
    throw usageError('ERR_INVALID_ARG_VALUE', `medium must be 'ip' or 'ethernet', not ${described(medium)}`);
  }
  requireInteger('mtu', mtu, SHORTEST_MTU, LONGEST_PACKET);
  if (medium === 'ethernet') return { medium, mtu, address: cardAddress('address', address) };
  if (address !== undefined) {
    throw usageError('ERR_INVALID_ARG_VALUE', "address is for a card: only with medium: 'ethernet'");
  }
  return { medium, mtu, address };
}

/**
 * The bytes of a card's hardware address, a copy.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for a group's address or nobody's
 */
export function cardAddress(name: string, address: unknown): Uint8Array {
  if (typeof address !== 'string' && !(address instanceof Uint8Array)) {
    const message = `${name} must be the hardware address of an Ethernet card, a string or 6 bytes, not ${described(address)}`;
    throw usageError('ERR_INVALID_ARG_TYPE', message);
  }
  const mac = typeof address === 'string' ? MacAddress.parse(address) : MacAddress.fromBytes(address);
  if (isStationMac(mac)) return mac.bytes();
  throw usageError('ERR_INVALID_ARG_VALUE', `${name} must be the address of one card, not ${mac}`);
}

/** The longest packet that may come from a carrier, whatever the MTU says: with an Ethernet header and two VLAN tags. */
export function longestPacket(medium: 'ip' | 'ethernet'): number {
  return medium === 'ip' ? LONGEST_PACKET : LONGEST_PACKET + LONGEST_FRONT;
}
