import { networkInterfaces } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import { Batch, Checksum } from '../buffer/batch.ts';
import { memoryOf } from '../buffer/memory.ts';
import type { ErrorCode, SystemError } from '../errors.ts';
import { systemError, usageError } from '../errors.ts';
import type { Link, LinkHost, LinkOffload } from '../link/link.ts';
import { NO_OFFLOAD } from '../link/link.ts';
import { Cidr } from '../wire/cidr.ts';
import type { NativeFailure, TunAddon, TunDevice } from './addon.ts';
import { loadAddon } from './addon.ts';
import type { KernelAddress, TunOptions } from './tun-options.ts';
import { randomCardAddress } from './card-address.ts';
import { checkTunOptions } from './tun-options.ts';

export type { TunOptions } from './tun-options.ts';

/** Packets of one wake-up at most, and the bytes of the two tables in front of them: as in native/tun.c. */
const MAX_PACKETS = 256;
const TABLE_BYTES = 2 * MAX_PACKETS * 4;

/** Room for the packets of one wake-up: 256 KB stay in the processor's cache. The addon leaves the last 64 KB free. */
const ARENA_BYTES = 256 * 1024;

const DEFAULT_QUEUE = 4096;

/** How long, and how often, to look for a device that exists, in milliseconds. */
const LINKWATCH = 1500;
const LOOK_EVERY = 50;

/** What a device has carried since it was opened. */
export interface TunCounters {
  /** Packets and bytes from the kernel. */
  received: number;
  receivedBytes: number;
  /** Packets and bytes to the kernel. */
  sent: number;
  sentBytes: number;
  /** Packets that were sent while the device was down or closed. */
  droppedDown: number;
  /** Packets that the kernel refused: malformed, or it had no memory. */
  droppedRefused: number;
}

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
  const { name, mode, addresses } = checkTunOptions(options);
  const addon = loadAddon();
  const wanted = name ?? `${mode}%d`;
  let made: ReturnType<TunAddon['create']>;
  try {
    made = addon.create(wanted, mode === 'tap');
  } catch (error) {
    throw deviceError(error as NativeFailure, wanted, mode);
  }
  try {
    await configure(addon, made, options, addresses);
    return new TunLink(addon, made.device, made.name, mode);
  } catch (error) {
    addon.close(made.device);
    throw deviceError(error as NativeFailure, made.name, mode);
  }
}

async function configure(
  addon: TunAddon,
  { device, name, created }: ReturnType<TunAddon['create']>,
  { mtu, queue, up }: TunOptions,
  addresses: readonly KernelAddress[],
): Promise<void> {
  // What an existing device has already is left alone: who may use it may not always change it.
  if (mtu !== undefined && mtu !== addon.state(device).mtu) addon.set(device, 'mtu', mtu);
  if (queue !== undefined) addon.set(device, 'queue', queue);
  else if (created) trySetQueue(addon, device);
  for (const wanted of addresses) await addAddress(addon, device, name, wanted);
  // Last: the qdisc takes the queue's length when the device comes up.
  if (up ?? created) addon.set(device, 'up', 1);
  else if (up === false) addon.set(device, 'up', 0);
}

/** Without the right to add an address, one that the device has will do; the kernel does not look before it refuses. */
async function addAddress(addon: TunAddon, device: TunDevice, name: string, wanted: KernelAddress): Promise<void> {
  try {
    addon.addAddress(device, wanted.address, wanted.prefix);
  } catch (error) {
    if (codeOf((error as NativeFailure).errno) !== 'EPERM' || !(await hasAddress(name, wanted))) throw error;
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

/** Nobody asked for the default: the device works with a shorter queue, too. */
function trySetQueue(addon: TunAddon, device: TunDevice): void {
  try {
    addon.set(device, 'queue', DEFAULT_QUEUE);
  } catch {
    // Linux's own default, 500 packets.
  }
}

/** A TUN or TAP device; made by `openTun`. */
export class TunLink implements Link {
  readonly medium: 'ip' | 'ethernet';
  /** Of a TAP device: our card's address, locally administered and random; the kernel's end has another. */
  declare readonly address?: Uint8Array;
  readonly offload: LinkOffload = NO_OFFLOAD;
  /** The device's name when it was opened. */
  readonly name: string;
  readonly #addon: TunAddon;
  readonly #device: TunDevice;
  readonly #batch: Batch = new Batch();
  #state: 'acquired' | 'open' | 'closed' = 'acquired';
  #up: boolean;
  #mtu: number;
  #blocked = false;
  #droppedClosed = 0;

  /** @internal */
  constructor(addon: TunAddon, device: TunDevice, name: string, mode: 'tun' | 'tap') {
    this.#addon = addon;
    this.#device = device;
    this.name = name;
    this.medium = mode === 'tun' ? 'ip' : 'ethernet';
    if (mode === 'tap') this.address = randomCardAddress();
    const { up, mtu } = addon.state(device);
    this.#up = up;
    this.#mtu = mtu;
  }

  get mtu(): number {
    return this.#mtu;
  }

  get up(): boolean {
    return this.#up && this.#state === 'open';
  }

  open(host: LinkHost): void {
    if (this.#state !== 'acquired') {
      throw usageError('ERR_INVALID_STATE', `${this.name} was ${this.#state} already: a link is opened once`, Error);
    }
    const batch = this.#batch;
    const region = new ArrayBuffer(TABLE_BYTES + ARENA_BYTES);
    // The addon writes the rows of the batch itself.
    batch.offset = new Int32Array(region, 0, MAX_PACKETS);
    batch.length = new Int32Array(region, MAX_PACKETS * 4, MAX_PACKETS);
    batch.checksum = new Uint8Array(MAX_PACKETS);
    batch.segmentSize = new Uint16Array(MAX_PACKETS);
    const arena = memoryOf(new Uint8Array(region, TABLE_BYTES));
    const onReceive = (count: number): void => {
      // The rows are the host's for the call: it may have marked or cleared them.
      for (let row = 0; row < count; row++) batch.memory[row] = arena;
      batch.checksum.fill(Checksum.none, 0, count);
      batch.segmentSize.fill(0, 0, count);
      batch.count = count;
      host.receive(batch);
    };
    const onWritable = (): void => {
      if (!this.#blocked) return;
      this.#blocked = false;
      host.writable();
    };
    const onChanged = (up: boolean, mtu: number): void => {
      this.#up = up;
      this.#mtu = mtu;
      host.changed();
      // A device that is down takes everything.
      if (!up && this.#state === 'open') onWritable();
    };
    const onClosed = (errno: number): void => {
      this.#state = 'closed';
      host.closed(systemError(codeOf(errno), 'read', { address: this.name, hint: closedHint(errno) }));
    };
    try {
      this.#addon.start(this.#device, region, onReceive, onWritable, onChanged, onClosed);
      ({ up: this.#up, mtu: this.#mtu } = this.#addon.state(this.#device));
    } catch (error) {
      this.close();
      throw deviceError(error as NativeFailure, this.name, this.medium === 'ip' ? 'tun' : 'tap');
    }
    this.#state = 'open';
  }

  send(batch: Batch): number {
    const { count, memory, offset, length } = batch;
    if (this.#state !== 'open' || !this.#up) {
      this.#droppedClosed += count;
      return count;
    }
    let row = 0;
    while (row < count) {
      const bytes = memory[row]!;
      let end = row + 1;
      while (end < count && memory[end] === bytes) end++;
      row += this.#addon.send(this.#device, bytes.bytes, offset, length, row, end - row);
      if (row < end) {
        this.#blocked = true;
        return row;
      }
    }
    return count;
  }

  close(): void {
    this.#state = 'closed';
    this.#addon.close(this.#device);
  }

  /** What it has carried so far. */
  counters(): TunCounters {
    const values = new Float64Array(6);
    this.#addon.counters(this.#device, values);
    const [received = 0, receivedBytes = 0, sent = 0, sentBytes = 0, down = 0, droppedRefused = 0] = values;
    const droppedDown = down + this.#droppedClosed;
    return { received, receivedBytes, sent, sentBytes, droppedDown, droppedRefused };
  }
}

function codeOf(errno: number): ErrorCode {
  return getSystemErrorName(-errno) as ErrorCode;
}

function closedHint(errno: number): string {
  return codeOf(errno) === 'ENODEV' ? 'the device was deleted' : 'the device failed';
}

/** Makes the addon's failure a system error that says what to do. */
function deviceError(failure: NativeFailure, name: string, mode: 'tun' | 'tap'): Error {
  const { errno, step } = failure;
  if (errno === undefined) return failure;
  const code = codeOf(errno);
  // A name to be chosen by the kernel says nothing.
  const known = name.includes('%') ? undefined : name;
  const place = step === 'open' ? '/dev/net/tun' : known;
  const error: SystemError = systemError(code, step, { address: place, hint: hintFor(code, step, name, mode) });
  error.errno = -errno;
  return error;
}

const NO_TUN = 'this system has no TUN driver; try `modprobe tun`, and start a container with `--device /dev/net/tun`';
const NO_RIGHT = 'run as root or with CAP_NET_ADMIN (a container: `--cap-add NET_ADMIN`)';

function hintFor(code: ErrorCode, step: string, name: string, mode: string): string | undefined {
  if (step === 'open') {
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO') return NO_TUN;
    // CAP_NET_ADMIN does not open files, and the file's mode does not help against a container's list of devices.
    if (code === 'EACCES') {
      return 'this user may not open it: run as root, or let root allow it: `chmod 666 /dev/net/tun`';
    }
    if (code === 'EPERM') return 'the container may not use it: start it with `--device /dev/net/tun`';
  }
  if (code === 'EPERM') {
    return step === 'ioctl(TUNSETIFF)'
      ? `making a device needs a right: ${NO_RIGHT}, or let root make it: ` +
          `\`ip tuntap add ${name.replace('%d', '0')} mode ${mode} user $USER\``
      : `changing a device needs a right: ${NO_RIGHT}, or let root do it: ` +
          `\`ip address add …\`, \`ip link set ${name} up\``;
  }
  if (step === 'ioctl(TUNSETIFF)') {
    if (code === 'EBUSY') return 'another program holds this device: choose another name';
    if (code === 'EINVAL')
      return `a device of this name exists, and is not a ${mode.toUpperCase()} device with one queue`;
  }
  return undefined;
}
