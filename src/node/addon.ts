import { createRequire } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UsageError } from '../errors.ts';
import { usageError } from '../errors.ts';

/** A device of the addon's: opaque. */
export type NativeDevice = object & { readonly __nativeDevice?: never };

/** A device that was opened, and what it takes: partial checksums, super-segments of TCP and of UDP. */
export interface OpenedDevice {
  device: NativeDevice;
  name: string;
  checksum: boolean;
  tso: boolean;
  uso: boolean;
}

/** What native/addon.c exports. Calls that fail throw a `NativeFailure`. */
export interface NativeAddon {
  /**
   * Makes the device, or takes an existing one (`created: false`). `name` may hold `%d`, which the kernel replaces. With `queues` it
   * opens the queue `queue` of as many; 0: a device of one. `complete`: all its queues are open.
   */
  create(
    name: string,
    tap: boolean,
    offload: boolean,
    queue: number,
    queues: number,
  ): OpenedDevice & { created: boolean; complete: boolean };
  /** A packet socket on an Ethernet device that exists. It takes no frame before `start`. */
  openPacketSocket(name: string): OpenedDevice;
  /** The address of a TAP device's kernel side, or of a packet socket's card: fills in its 6 bytes. */
  readAddress(device: NativeDevice, into: Uint8Array): void;
  /** A packet socket takes frames to this address and to groups only, or, promiscuous, all; once, before `start`. */
  listen(device: NativeDevice, address: Uint8Array, promiscuous: boolean): void;
  /** `buffer`: the bytes that may wait in a packet socket. */
  set(device: NativeDevice, what: 'mtu' | 'queue' | 'up' | 'buffer', value: number): void;
  /** An address that is there already is fine. */
  addAddress(device: NativeDevice, address: string, prefix: number): void;
  state(device: NativeDevice): { up: boolean; mtu: number };
  /** Number `place` of up to four rooms for packets is this memory, from byte `from` on; the first before `start`. */
  lend(device: NativeDevice, place: number, room: ArrayBuffer, from: number): void;
  /**
   * A buffer for received bytes, which hold whatever was there; the program may keep it. Undefined where the runtime has no
   * memory but its own (native/user_memory.c).
   */
  userMemory(bytes: number): ArrayBuffer | undefined;
  /**
   * Starts to poll; once. `tables` take the rows of a batch and are laid out as native/addon.c says. Where `onReceive` returns true,
   * and as long as `onNext` does, `onNext` is called again, each time with its own ticks and promises, at last with `last`.
   */
  start(
    device: NativeDevice,
    tables: ArrayBuffer,
    onReceive: (count: number) => boolean,
    onNext: (last: boolean) => boolean,
    onWritable: () => void,
    onChanged: (up: boolean, mtu: number) => void,
    onClosed: (errno: number) => void,
  ): void;
  /**
   * Sends rows `first … first + count − 1`, all in `bytes`, and returns how many it took. Marks that the device has no offload
   * for, or that the packet doesn't fit, are refused.
   */
  send(
    device: NativeDevice,
    bytes: Uint8Array,
    offset: Int32Array,
    length: Int32Array,
    checksum: Uint8Array,
    segmentSize: Uint16Array,
    first: number,
    count: number,
  ): number;
  /**
   * Fills in: received, bytes of these, sent, bytes of these; dropped because the device was down, because the kernel
   * refused it, because a packet socket was full, because a packet could not be read; super-segments received, and sent.
   */
  counters(device: NativeDevice, into: Float64Array): void;
  close(device: NativeDevice): void;
}

/** What the addon throws: the call that failed, and its errno (positive). */
export interface NativeFailure extends Error {
  errno: number;
  step: string;
}

const FILE = 'usernet-tun.node';

/** Where the addon may be, seen from this file; the same from src/node and from dist/node. */
const PLACES = [`../../prebuilds/${process.platform}-${process.arch}/${FILE}`, `../../native/build/Release/${FILE}`];

/** What makes the addon: in a clone and in an installed package. */
const BUILDER = fileURLToPath(new URL('../../scripts/build-native.mjs', import.meta.url));

let loaded: NativeAddon | undefined;

/**
 * The native addon, loaded at the first call.
 *
 * @throws an error with code `ERR_USERNET_NO_ADDON` that names each path tried and how to get the addon.
 */
export function loadAddon(): NativeAddon {
  loaded ??= findAddon(PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))));
  return loaded;
}

/** Loads the first addon of `paths` that can be loaded. */
export function findAddon(paths: readonly string[]): NativeAddon {
  const require = createRequire(import.meta.url);
  const tried: string[] = [];
  for (const path of paths) {
    try {
      return require(path) as NativeAddon;
    } catch (error) {
      tried.push(`${path} (${reason(error)})`);
    }
  }
  throw noAddon(tried);
}

function noAddon(tried: readonly string[]): UsageError {
  const remedy =
    process.platform === 'linux'
      ? `build it (it needs a C compiler, make, python3 and node-gyp): node ${relative(process.cwd(), BUILDER)}`
      : 'TUN devices need Linux, everything else of usernet works without it';
  return usageError('ERR_USERNET_NO_ADDON', `the native addon is missing, ${remedy}; tried ${tried.join(', ')}`, Error);
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'MODULE_NOT_FOUND') return 'not found';
  return error.message.split('\n', 1)[0] ?? '';
}
