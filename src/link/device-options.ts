import { described, requireInteger, usageError } from '../errors.ts';

/** The longest IP packet. */
const LONGEST_PACKET = 65_535;
/** RFC 791 §3.2: every network carries 68 bytes. */
const SHORTEST_MTU = 68;

export const ETHERNET_HEADER = 14;
export const VLAN_TAG = 4;

/** What links over a device of the program's own have in common. */
export interface DeviceOptions {
  /** What the device carries: IP packets or Ethernet frames. Default `'ip'`. */
  medium?: 'ip' | 'ethernet';
  /** Largest IP packet, Ethernet header not counted, 68 to 65,535 bytes. Default 1500. */
  mtu?: number;
  /** The hardware address of this end's card, 6 bytes: an Ethernet link must have one, another has none. */
  address?: Uint8Array;
}

/** The names of `DeviceOptions`. */
export const DEVICE_OPTIONS: readonly string[] = Object.keys({
  medium: true,
  mtu: true,
  address: true,
} satisfies Record<keyof DeviceOptions, true>);

/** Options whose defaults are filled in. */
export interface CheckedDevice {
  readonly medium: 'ip' | 'ethernet';
  readonly mtu: number;
  readonly address: Uint8Array | undefined;
}

/**
 * Checks the options that describe a device.
 *
 * @throws ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
 */
export function checkDevice({ medium = 'ip', mtu = 1500, address }: DeviceOptions): CheckedDevice {
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
 * A copy of a card's hardware address.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for a group address
 */
export function cardAddress(name: string, address: unknown): Uint8Array {
  if (!(address instanceof Uint8Array) || address.length !== 6) {
    const message = `${name} must be a Uint8Array of 6 bytes, the hardware address of an Ethernet card`;
    throw usageError('ERR_INVALID_ARG_TYPE', message);
  }
  if ((address[0]! & 1) !== 0) {
    throw usageError('ERR_INVALID_ARG_VALUE', `${name} must not be a group address: its first byte is even`);
  }
  return Uint8Array.from(address);
}

/** The longest packet that may come from a device, whatever the MTU says: with an Ethernet header and two VLAN tags. */
export function longestPacket(medium: 'ip' | 'ethernet'): number {
  return medium === 'ip' ? LONGEST_PACKET : LONGEST_PACKET + ETHERNET_HEADER + 2 * VLAN_TAG;
}
