import { isIP, isIPv6 } from 'node:net';
import { requireOptions } from '../errors.ts';
import type { CardAddress } from './card-address.ts';
import { cardAddress } from '../link/carrier-options.ts';
import { checkDeviceName, checkInteger, wrongType, wrongValue } from './device-options.ts';
import type { DeviceQueue } from './steering.ts';

/** How `openTun` opens a device. */
export interface TunOptions {
  /**
   * The device's name, at most 15 bytes; `%d` in it becomes the lowest free number. Without a name, the kernel
   * chooses: `tun0`, `tap0`, `tun1` …
   */
  name?: string;
  /** `tun` carries IP packets, `tap` Ethernet frames. Default: `tun`. */
  mode?: 'tun' | 'tap';
  /**
   * The address of our end of a TAP device's wire; the kernel's end has another. Default: a random one, locally
   * administered.
   */
  address?: CardAddress;
  /**
   * Addresses for the kernel's end of the wire, with the length of the network's prefix: `['10.7.0.1/24',
   * 'fd00::1/64']`. The kernel routes these networks to the device while it is up. Default: none.
   */
  kernelAddresses?: readonly string[];
  /** Largest IP packet in bytes, 68 to 65,535 (TAP: 65,521). Default: what the device has, 1500 for a new one. */
  mtu?: number;
  /**
   * How many packets wait in the kernel for this program before it drops them (`txqueuelen`). Default: 4096 for a new
   * device; big windows overrun Linux's own default of 500.
   */
  queue?: number;
  /**
   * Opens one of several queues of a TUN device (IFF_MULTI_QUEUE), for one of several workers of this process, each with a stack that has
   * the same addresses: the `index`-th, from 0, of `of`. All are opened with the same `name`, `of` and `offload`; a new device is brought
   * up with the last of them. docs/workers.md. Default: a device of one queue.
   */
  multiQueue?: DeviceQueue;
  /** Brings the device up, or takes it down. Default: a new one is brought up, an existing one is left as it is. */
  up?: boolean;
  /**
   * Whether packets pass as super-segments (many segments of TCP, or datagrams of UDP, in one packet of up to 64 KB) and with
   * unfinished checksums: less work on both sides. `'auto'`: as much of it as the kernel has; `link.offload` says what was
   * agreed on, nothing with a kernel that has none of it. `false`: each packet is complete, and no longer than the MTU.
   * Default: `'auto'`.
   */
  offload?: 'auto' | false;
}

const TUN_OPTIONS: readonly string[] = Object.keys({
  name: true,
  mode: true,
  address: true,
  kernelAddresses: true,
  mtu: true,
  queue: true,
  multiQueue: true,
  up: true,
  offload: true,
} satisfies Record<keyof TunOptions, true>);

/** An address of the kernel's end, its parts checked. */
export interface KernelAddress {
  address: string;
  prefix: number;
}

/** Linux: ETH_MIN_MTU, and 65,535 less a TAP device's Ethernet header. */
const SMALLEST_MTU = 68;
const LARGEST_MTU = { tun: 65_535, tap: 65_521 };
/** The kernel allots eight bytes for each place in the queue. */
const LONGEST_QUEUE = 1_000_000;
/** Linux: MAX_TAP_QUEUES. */
const MOST_QUEUES = 256;

/** Checks all options; throws a usage error for the first that is wrong. */
export function checkTunOptions(options: TunOptions): {
  name: string | undefined;
  mode: 'tun' | 'tap';
  address: Uint8Array | undefined;
  addresses: KernelAddress[];
} {
  requireOptions('openTun', options, TUN_OPTIONS);
  const { name, mode = 'tun', address, kernelAddresses = [], mtu, queue, up, offload } = options;
  if (name !== undefined) checkDeviceName('name', name, true);
  if (mode !== 'tun' && mode !== 'tap') throw wrongValue('mode', "'tun' or 'tap'", mode);
  if (address !== undefined && mode === 'tun')
    throw wrongValue('address', "left out: a device of mode 'tun' has none", address);
  if (!Array.isArray(kernelAddresses)) throw wrongType('kernelAddresses', 'an array of strings', kernelAddresses);
  if (mtu !== undefined) checkInteger('mtu', mtu, SMALLEST_MTU, LARGEST_MTU[mode]);
  if (queue !== undefined) checkInteger('queue', queue, 1, LONGEST_QUEUE);
  checkMultiQueue(options);
  if (up !== undefined && typeof up !== 'boolean') throw wrongType('up', 'a boolean', up);
  if (offload !== undefined && offload !== 'auto' && (offload as unknown) !== false) {
    throw wrongValue('offload', "'auto' or false", offload);
  }
  return {
    name,
    mode,
    address: address === undefined ? undefined : cardAddress('options.address', address),
    addresses: kernelAddresses.map(kernelAddress),
  };
}

function checkMultiQueue({ name, mode, multiQueue }: TunOptions): void {
  if (multiQueue === undefined) return;
  requireOptions('multiQueue', multiQueue, ['index', 'of']);
  checkInteger('multiQueue.of', multiQueue.of, 1, MOST_QUEUES);
  checkInteger('multiQueue.index', multiQueue.index, 0, multiQueue.of - 1);
  // ARP's answers would come to one of the stacks only.
  if (mode === 'tap') throw wrongValue('multiQueue', "left out: it is for mode 'tun'", multiQueue);
  if (name === undefined || name.includes('%')) {
    throw wrongValue('name', 'one that all the queues can be opened by', name);
  }
}

function kernelAddress(text: unknown, i: number): KernelAddress {
  const what = `kernelAddresses[${i}]`;
  if (typeof text !== 'string') throw wrongType(what, 'a string', text);
  const [address = '', digits = '', ...more] = text.split('/');
  const prefix = /^\d{1,3}$/.test(digits) ? Number(digits) : -1;
  const longest = isIPv6(address) ? 128 : 32;
  if (isIP(address) === 0 || address.includes('%') || prefix < 0 || prefix > longest || more.length > 0) {
    throw wrongValue(what, "an address with the length of its prefix, such as '10.7.0.1/24'", text);
  }
  return { address, prefix };
}
