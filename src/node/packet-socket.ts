import type { ErrorCode } from '../errors.ts';
import { requireOptions } from '../errors.ts';
import { MAC_LENGTH } from '../wire/mac.ts';
import type { NativeAddon, NativeFailure, OpenedDevice } from './addon.ts';
import { loadAddon } from './addon.ts';
import type { CardAddress } from './card-address.ts';
import { cardAddress } from '../link/carrier-options.ts';
import { randomCardAddress } from './card-address.ts';
import type { DeviceCounters } from './device-link.ts';
import { deviceError, DeviceLink } from './device-link.ts';
import { checkDeviceName, checkInteger, wrongType } from './device-options.ts';

/** How `openPacketSocket` opens a card. */
export interface PacketSocketOptions {
  /** The name of an Ethernet device that is there: `'veth0'`, `'eth0'`. */
  interface: string;
  /**
   * The link's own address on this wire. Default: a random one, locally administered, for which the card is made
   * promiscuous as long as the link lives. `'device'` is the card's own: then the kernel hears what the stack hears, and
   * answers too.
   */
  address?: CardAddress;
  /**
   * Takes the frames to all addresses, as the port of a switch must behind which others are. Default: false, those to
   * `address` and to groups.
   */
  promiscuous?: boolean;
  /**
   * Bytes that wait in the kernel for this program before it drops frames; each takes up some hundred bytes more than it
   * is long. Without CAP_NET_ADMIN `net.core.rmem_max` is the most. Default: 4 MiB.
   */
  receiveBuffer?: number;
}

const PACKET_OPTIONS: readonly string[] = Object.keys({
  interface: true,
  address: true,
  promiscuous: true,
  receiveBuffer: true,
} satisfies Record<keyof PacketSocketOptions, true>);

const DEFAULT_RECEIVE_BUFFER = 4 * 1024 * 1024;
const SMALLEST_RECEIVE_BUFFER = 4096;
/** The kernel doubles it, in 32 bits. */
const LARGEST_RECEIVE_BUFFER = 1024 * 1024 * 1024;

/** 64 frames of up to 64 KB, each in a place of its own (native/packet.c); what is never written to takes no memory. */
const ROOM_BYTES = 64 * 65_600;

/** What a packet socket has carried since it was opened. */
export interface PacketCounters extends DeviceCounters {
  /** Frames that the kernel dropped because `receiveBuffer` was full. */
  droppedFull: number;
}

/**
 * Opens a packet socket, packet(7), on an Ethernet device that is there already, such as one end of a veth pair or a
 * card, as a link for a stack. The kernel goes on using the device; stack and kernel don't hear each other there, as both
 * send out of it. It needs CAP_NET_RAW.
 *
 * VLAN tags that the kernel took out of frames are put back. Checksums that were left to hardware arrive marked `partial`,
 * and segments that the kernel or the card has merged (GRO) as super-segments. Checksums and super-segments of TCP that are
 * sent so are completed and cut by the card or the kernel. The link is down while the device is, or
 * has no carrier; it is closed with ENODEV when the device is deleted.
 *
 * Rejects with a system error that says which step failed and what to do (`EPERM`, `ENODEV`, `EINVAL` for a device that is
 * not Ethernet …), with `ERR_USERNET_NO_ADDON` when the native addon is missing, and with Node's `ERR_INVALID_ARG_TYPE`,
 * `ERR_INVALID_ARG_VALUE` and `ERR_OUT_OF_RANGE`.
 *
 * @example
 * const link = await openPacketSocket({ interface: 'eth0' });
 * stack.attach(link, { addresses: ['192.168.1.77/24'] });
 */
export async function openPacketSocket(options: PacketSocketOptions): Promise<PacketLink> {
  requireOptions('openPacketSocket', options, PACKET_OPTIONS);
  const { interface: name, address, promiscuous = false, receiveBuffer = DEFAULT_RECEIVE_BUFFER } = options;
  checkDeviceName('interface', name);
  const wanted = address === undefined || address === 'device' ? address : cardAddress('options.address', address);
  if (typeof promiscuous !== 'boolean') throw wrongType('promiscuous', 'a boolean', promiscuous);
  checkInteger('receiveBuffer', receiveBuffer, SMALLEST_RECEIVE_BUFFER, LARGEST_RECEIVE_BUFFER);
  const addon = loadAddon();
  let opened: OpenedDevice;
  try {
    opened = addon.openPacketSocket(name);
  } catch (error) {
    throw packetError(error as NativeFailure, name);
  }
  const { device } = opened;
  try {
    const ours = wanted === 'device' ? new Uint8Array(MAC_LENGTH) : (wanted ?? randomCardAddress());
    if (wanted === 'device') addon.readAddress(device, ours);
    addon.listen(device, ours, promiscuous);
    addon.set(device, 'buffer', receiveBuffer);
    return new PacketLink(addon, opened, ours);
  } catch (error) {
    addon.close(device);
    throw packetError(error as NativeFailure, name);
  }
}

/** A packet socket on a device; made by `openPacketSocket`. */
export class PacketLink extends DeviceLink {
  /** @internal */
  constructor(addon: NativeAddon, opened: OpenedDevice, address: Uint8Array) {
    super({
      addon,
      opened,
      address,
      room: ROOM_BYTES,
      retains: false,
      explain: (failure) => packetError(failure, opened.name),
    });
  }

  /** What it has carried so far. */
  override counters(): PacketCounters {
    return { ...super.counters(), droppedFull: this.values().droppedFull };
  }
}

function packetError(failure: NativeFailure, name: string): Error {
  return deviceError(failure, () => name, hintFor);
}

function hintFor(code: ErrorCode, step: string): string | undefined {
  if (code === 'EPERM') {
    return 'a packet socket needs a right: run as root or with CAP_NET_RAW (a container: `--cap-add NET_RAW`)';
  }
  if (code === 'ENODEV') return 'there is no such device here; `ip link` lists them';
  return code === 'EINVAL' && step === 'ioctl(SIOCGIFHWADDR)' ? 'this is not an Ethernet device' : undefined;
}
