import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { ErrorCode } from '../errors.ts';
import { Cidr } from '../wire/cidr.ts';
import { IPV6_MINIMUM_MTU } from '../wire/ipv6.ts';
import { MAC_LENGTH, MacAddress } from '../wire/mac.ts';
import type { OwnsFlow } from '../link/link.ts';
import { LARGEST_READ } from './receive-room.ts';
import type { NativeAddon, NativeDevice, NativeFailure, OpenedDevice } from './addon.ts';
import { loadAddon } from './addon.ts';
import { randomCardAddress } from './card-address.ts';
import type { DeviceCounters } from './device-link.ts';
import { codeOf, deviceError, DeviceLink } from './device-link.ts';
import { wrongValue } from './device-options.ts';
import { flowsOf } from './steering.ts';
import type { DeviceQueue } from './steering.ts';
import type { KernelAddress, TunOptions } from './tun-options.ts';
import { checkTunOptions } from './tun-options.ts';

export type { CardAddress } from './card-address.ts';
export { openPacketSocket, PacketLink } from './packet-socket.ts';
export type { PacketCounters, PacketSocketOptions } from './packet-socket.ts';
export type { DeviceQueue } from './steering.ts';
export type { TunOptions } from './tun-options.ts';

/** A room for packets: four of the longest, of which the addon keeps one free. */
const ROOM_BYTES = 4 * LARGEST_READ;

const DEFAULT_QUEUE = 4096;

/** How long, and how often, to look for a device that exists, in milliseconds. */
const LINKWATCH = 1500;
const LOOK_EVERY = 50;

/** What a TUN or TAP device has carried since it was opened. */
export type TunCounters = DeviceCounters;

/**
 * Opens a Linux TUN or TAP device as a link for a stack: makes a new one, or attaches to an existing one, of which only
 * what is given is changed. A device that it made disappears when the link is closed or the process ends.
 *
 * Rejects with a system error that says which step failed and what to do (`EPERM` without CAP_NET_ADMIN, `ENOENT`
 * without /dev/net/tun, `EBUSY` when another program holds the device …), with `ERR_USERNET_NO_ADDON` when the native
 * addon is missing, and with Node's `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` and `ERR_OUT_OF_RANGE`.
 *
 * @example
 * const stack = new Stack();
 * stack.attach(await openTun({ name: 'tun0', kernelAddresses: ['10.7.0.1/24'] }), { addresses: ['10.7.0.2/24'] });
 */
export async function openTun(options: TunOptions = {}): Promise<TunLink> {
  const { name, mode, address, addresses } = checkTunOptions(options);
  const addon = loadAddon();
  const wanted = name ?? `${mode}%d`;
  const { index, of } = options.multiQueue ?? { index: 0, of: 0 };
  let made: ReturnType<NativeAddon['create']>;
  try {
    made = addon.create(wanted, mode === 'tap', options.offload !== false, index, of);
  } catch (error) {
    throw tunError(error as NativeFailure, wanted, mode, of);
  }
  try {
    if (address !== undefined) refuseKernels(addon, made, address);
    await configure(addon, made, options, addresses);
    return new TunLink(addon, made, mode, address, addresses, options.multiQueue);
  } catch (error) {
    addon.close(made.device);
    throw tunError(error as NativeFailure, made.name, mode, of);
  }
}

/** Two cards with one address on one wire hear nothing of each other. */
function refuseKernels(
  addon: NativeAddon,
  { device, name }: ReturnType<NativeAddon['create']>,
  ours: Uint8Array,
): void {
  const kernels = new Uint8Array(MAC_LENGTH);
  addon.readAddress(device, kernels);
  if (!kernels.every((byte, i) => byte === ours[i])) return;
  throw wrongValue('address', `another than the kernel's end of ${name} has`, `${MacAddress.fromBytes(ours)}`);
}

async function configure(
  addon: NativeAddon,
  { device, name, created, complete }: ReturnType<NativeAddon['create']>,
  { mtu, queue, up }: TunOptions,
  addresses: readonly KernelAddress[],
): Promise<void> {
  // What an existing device has already is left alone: who may use it may not always change it.
  if (mtu !== undefined && mtu !== addon.state(device).mtu) addon.set(device, 'mtu', mtu);
  if (queue !== undefined) addon.set(device, 'queue', queue);
  else if (created) trySetQueue(addon, device);
  for (const wanted of addresses) await addAddress(addon, device, name, wanted);
  // Last: the qdisc takes the queue's length when the device comes up.
  // A connection that is made before all queues are there might belong to one that is not.
  if ((up ?? created) && complete) addon.set(device, 'up', 1);
  else if (up === false) addon.set(device, 'up', 0);
}

/** Without the right to add an address, one that the device has will do; the kernel does not look before it refuses. */
async function addAddress(
  addon: NativeAddon,
  device: NativeDevice,
  name: string,
  wanted: KernelAddress,
): Promise<void> {
  try {
    addon.addAddress(device, wanted.address, wanted.prefix);
  } catch (error) {
    const code = codeOf((error as NativeFailure).errno);
    if (code === 'EINVAL' && isIPv6(wanted.address) && addon.state(device).mtu < IPV6_MINIMUM_MTU) {
      throw deviceError(
        error as NativeFailure,
        () => name,
        () => SMALL_MTU,
      );
    }
    if (code !== 'EPERM' || !(await hasAddress(name, wanted))) throw error;
  }
}

/**
 * Does a device have this address? Node shows only those that run, and the kernel takes up to a second to notice that
 * somebody holds a device (linkwatch).
 */
async function hasAddress(name: string, { address, prefix }: KernelAddress): Promise<boolean> {
  const wanted = Cidr.parse(`${address}/${prefix}`).toString();
  for (let waited = 0; ; waited += LOOK_EVERY) {
    const shown = networkInterfaces()[name] ?? [];
    if (shown.some(({ cidr }) => cidr !== null && Cidr.tryParse(cidr)?.toString() === wanted)) return true;
    if (waited >= LINKWATCH) return false;
    await setTimeout(LOOK_EVERY);
  }
}

/** Nobody waits to hear of it: who may use a device may not always change it, and it may have gone down again. */
function tryAddAddress(addon: NativeAddon, device: NativeDevice, { address, prefix }: KernelAddress): void {
  try {
    addon.addAddress(device, address, prefix);
  } catch {
    // The device stays as it is.
  }
}

/** Nobody asked for the default: the device works with a shorter queue, too. */
function trySetQueue(addon: NativeAddon, device: NativeDevice): void {
  try {
    addon.set(device, 'queue', DEFAULT_QUEUE);
  } catch {
    // Linux's own default, 500 packets.
  }
}

/** A TUN or TAP device; made by `openTun`. */
export class TunLink extends DeviceLink {
  /** Of a device with several queues. */
  declare readonly ownsFlow?: OwnsFlow;

  /** @internal */
  constructor(
    addon: NativeAddon,
    opened: OpenedDevice,
    mode: 'tun' | 'tap',
    address: Uint8Array = randomCardAddress(),
    kernelAddresses: readonly KernelAddress[] = [],
    queue?: DeviceQueue,
  ) {
    const ofIpv6 = kernelAddresses.filter((wanted) => isIPv6(wanted.address));
    super({
      addon,
      opened,
      address: mode === 'tap' ? address : undefined,
      room: ROOM_BYTES,
      retains: opened.tso,
      explain: (failure) => tunError(failure, opened.name, mode, queue?.of ?? 0),
      renewed: () => {
        for (const wanted of ofIpv6) tryAddAddress(addon, opened.device, wanted);
      },
    });
    if (queue !== undefined) this.ownsFlow = flowsOf(queue);
  }
}

/** Is there a device of this name, whoever may use it? The kernel refuses both with the same error. */
function exists(name: string): boolean {
  try {
    return readFileSync('/proc/net/dev', 'latin1')
      .split('\n')
      .some((line) => line.trimStart().startsWith(`${name}:`));
  } catch {
    return false;
  }
}

/** Makes the addon's failure a system error that says what to do. */
function tunError(failure: NativeFailure, name: string, mode: 'tun' | 'tap', queues: number): Error {
  // A name to be chosen by the kernel says nothing.
  const known = name.includes('%') ? undefined : name;
  return deviceError(
    failure,
    (step) => (step === 'open' ? '/dev/net/tun' : known),
    (code, step) => hintFor(code, step, name, mode, queues),
  );
}

/** [S-046] RFC 8200 §5; Linux keeps no IPv6 on a device with less. */
const SMALL_MTU = `IPv6 needs an MTU of at least ${IPV6_MINIMUM_MTU} bytes`;
const NO_TUN = 'this system has no TUN driver; try `modprobe tun`, and start a container with `--device /dev/net/tun`';
const STEERING =
  'steering flows to queues by a BPF program needs root, or CAP_BPF and CAP_NET_ADMIN, and Linux 4.16; without it, open the device without `multiQueue`';
const NO_RIGHT = 'run as root or with CAP_NET_ADMIN (a container: `--cap-add NET_ADMIN`)';

function hintFor(code: ErrorCode, step: string, name: string, mode: string, queues: number): string | undefined {
  if (step === 'open') {
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO') return NO_TUN;
    // CAP_NET_ADMIN does not open files, and the file's mode does not help against a container's list of devices.
    if (code === 'EACCES') {
      return 'this user may not open it: run as root, or let root allow it: `chmod 666 /dev/net/tun`';
    }
    if (code === 'EPERM') return 'the container may not use it: start it with `--device /dev/net/tun`';
  }
  if (step === 'queue') {
    return code === 'EBUSY'
      ? 'this queue of the device is open: each worker opens another `index`'
      : 'the other queues of this device were opened with another `of` or `offload`';
  }
  if (step.startsWith('bpf(') || step === 'ioctl(TUNSETSTEERINGEBPF)') return STEERING;
  if (code === 'EPERM') {
    if (step === 'ioctl(TUNSETIFF)' && exists(name)) {
      return `the device exists and belongs to somebody else: choose another name, or ${NO_RIGHT}`;
    }
    return step === 'ioctl(TUNSETIFF)'
      ? `making a device needs a right: ${NO_RIGHT}, or let root make it: ` +
          `\`ip tuntap add ${name.replace('%d', '0')} mode ${mode}${queues > 0 ? ' multi_queue' : ''} user $USER\``
      : `changing a device needs a right: ${NO_RIGHT}, or let root do it: ` +
          `\`ip address add …\`, \`ip link set ${name} up\``;
  }
  if (step === 'ioctl(TUNSETIFF)') {
    if (code === 'EBUSY') return 'another program holds this device: choose another name';
    if (code === 'EINVAL')
      return `a device of this name exists, and is not a ${mode.toUpperCase()} device with ${queues > 0 ? 'several queues' : 'one queue'}`;
  }
  return undefined;
}
