import { getSystemErrorName } from 'node:util';
import { Batch } from '../buffer/batch.ts';
import type { ErrorCode, SystemError } from '../errors.ts';
import { systemError, usageError } from '../errors.ts';
import type { Link, LinkHost, LinkOffload } from '../link/link.ts';
import { NO_OFFLOAD } from '../link/link.ts';
import { IPV6_MINIMUM_MTU } from '../wire/ipv6.ts';
import type { NativeAddon, NativeFailure, OpenedDevice } from './addon.ts';
import { beginWakeUp, callbacksWait, endWakeUp, nextCallback } from './macrotask.ts';
import { ReceiveRoom } from './receive-room.ts';

/** The longest IP packet, and so the longest super-segment. */
const LONGEST = 65_535;

/** What a device has carried since it was opened. A super-segment is one packet. */
export interface DeviceCounters {
  /** Packets and bytes from the kernel. */
  received: number;
  receivedBytes: number;
  /** Packets and bytes to the kernel. */
  sent: number;
  sentBytes: number;
  /** Packets that were sent while the device was down or closed. */
  droppedDown: number;
  /** Packets that the kernel refused: malformed, too long, or it had no room. */
  droppedRefused: number;
  /** Packets from the kernel that were longer than 64 KB, or had been merged in a way that can't be told. */
  droppedUnreadable: number;
  /** Packets from the kernel, and to it, that stand for many segments of TCP or datagrams of UDP. */
  receivedSuperSegments: number;
  sentSuperSegments: number;
}

/** In the addon's order. */
const COUNTERS = [
  'received',
  'receivedBytes',
  'sent',
  'sentBytes',
  'droppedDown',
  'droppedRefused',
  'droppedFull',
  'droppedUnreadable',
  'receivedSuperSegments',
  'sentSuperSegments',
] as const;

/** What a kind of device is, to its link. */
export interface DeviceParts {
  readonly addon: NativeAddon;
  readonly opened: OpenedDevice;
  /** On Ethernet. */
  readonly address?: Uint8Array | undefined;
  /** Bytes of room for the packets of a wake-up. */
  readonly room: number;
  /** Super-segments may come: they are read into memory that is never rewritten, so that nobody need copy them. */
  readonly retains: boolean;
  /** Makes the addon's failure an error that says what to do. */
  readonly explain: (failure: NativeFailure) => Error;
  /** The kernel may have taken the device's IPv6 addresses away, and lets it have some again. */
  readonly renewed?: () => void;
}

/** A device of the kernel's as a link: what the kinds share. */
export class DeviceLink implements Link {
  readonly medium: 'ip' | 'ethernet';
  /** Our card's address, on Ethernet. */
  declare readonly address?: Uint8Array;
  readonly offload: LinkOffload;
  /** The device's name when it was opened. */
  readonly name: string;
  readonly #parts: DeviceParts;
  readonly #batch: Batch = new Batch();
  #state: 'acquired' | 'open' | 'closed' = 'acquired';
  #up: boolean;
  #mtu: number;
  #blocked = false;
  #droppedClosed = 0;

  /** @internal */
  constructor(parts: DeviceParts) {
    const { addon, opened, address } = parts;
    this.#parts = parts;
    this.name = opened.name;
    this.offload = offloadOf(opened);
    this.medium = address === undefined ? 'ip' : 'ethernet';
    if (address !== undefined) this.address = address;
    const { up, mtu } = addon.state(opened.device);
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
    const { addon, opened, room, retains, explain } = this.#parts;
    const { device } = opened;
    const batch = this.#batch;
    const arrivals = new ReceiveRoom(addon, device, { bytes: room, retains });
    const onReceive = (count: number): boolean => {
      batch.count = count;
      arrivals.hold(batch);
      beginWakeUp();
      try {
        host.receive(batch);
      } finally {
        callbacksWait();
      }
      return callbacksWait();
    };
    const onWritable = (): void => {
      if (!this.#blocked) return;
      this.#blocked = false;
      host.writable();
    };
    const onChanged = (up: boolean, mtu: number): void => {
      const regained = up && mtu >= IPV6_MINIMUM_MTU && !(this.#up && this.#mtu >= IPV6_MINIMUM_MTU);
      this.#up = up;
      this.#mtu = mtu;
      if (regained) this.#parts.renewed?.();
      host.changed();
      // A device that is down takes everything.
      if (!up && this.#state === 'open') onWritable();
    };
    const onClosed = (errno: number): void => {
      this.#state = 'closed';
      host.closed(systemError(codeOf(errno), 'read', { address: this.name, hint: closedHint(errno) }));
    };
    try {
      arrivals.lend(batch);
      addon.start(device, arrivals.tables, onReceive, nextCallback, onWritable, onChanged, onClosed);
      ({ up: this.#up, mtu: this.#mtu } = addon.state(device));
    } catch (error) {
      this.close();
      throw explain(error as NativeFailure);
    }
    this.#state = 'open';
  }

  send(batch: Batch): number {
    const { count, memory, offset, length, checksum, segmentSize } = batch;
    if (this.#state !== 'open' || !this.#up) {
      this.#droppedClosed += count;
      return count;
    }
    const { addon, opened } = this.#parts;
    const { device } = opened;
    let row = 0;
    while (row < count) {
      const bytes = memory[row]!;
      let end = row + 1;
      while (end < count && memory[end] === bytes) end++;
      row += addon.send(device, bytes.bytes, offset, length, checksum, segmentSize, row, end - row);
      if (row < end) {
        this.#blocked = true;
        return row;
      }
    }
    return count;
  }

  close(): void {
    this.#state = 'closed';
    const { addon, opened } = this.#parts;
    addon.close(opened.device);
    // In the middle of a wake-up it would not call what still waits.
    endWakeUp();
  }

  /** What it has carried so far. */
  counters(): DeviceCounters {
    const { droppedFull: _ofPacketSockets, ...all } = this.values();
    return { ...all, droppedDown: all.droppedDown + this.#droppedClosed };
  }

  /** The addon's counters. */
  protected values(): Record<(typeof COUNTERS)[number], number> {
    const values = new Float64Array(COUNTERS.length);
    this.#parts.addon.counters(this.#parts.opened.device, values);
    return Object.fromEntries(COUNTERS.map((name, i) => [name, values[i]!])) as ReturnType<typeof this.values>;
  }
}

function offloadOf({ checksum, tso, uso }: OpenedDevice): LinkOffload {
  return checksum ? { checksum, tso: tso ? LONGEST : 0, uso: uso ? LONGEST : 0 } : NO_OFFLOAD;
}

export function codeOf(errno: number): ErrorCode {
  return getSystemErrorName(-errno) as ErrorCode;
}

function closedHint(errno: number): string {
  return codeOf(errno) === 'ENODEV' ? 'the device was deleted' : 'the device failed';
}

/** The addon's failure as a system error, or what else it threw. */
export function deviceError(
  failure: NativeFailure,
  place: (step: string) => string | undefined,
  hint: (code: ErrorCode, step: string) => string | undefined,
): Error {
  const { errno, step } = failure;
  if (step === undefined) return failure;
  const code = codeOf(errno);
  const error: SystemError = systemError(code, step, { address: place(step), hint: hint(code, step) });
  error.errno = -errno;
  return error;
}
