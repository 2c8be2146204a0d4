import { getSystemErrorName } from 'node:util';
import { Batch } from '../buffer/batch.ts';
import { memoryOf } from '../buffer/memory.ts';
import type { ErrorCode, SystemError } from '../errors.ts';
import { systemError, usageError } from '../errors.ts';
import type { Link, LinkHost, LinkOffload } from '../link/link.ts';
import { NO_OFFLOAD } from '../link/link.ts';
import type { NativeAddon, NativeDevice, NativeFailure } from './addon.ts';

/** Packets of one wake-up at most, and the bytes of a row of the tables in front of them: as in native/frames.h. */
const MAX_PACKETS = 256;
const TABLE_BYTES = MAX_PACKETS * (4 + 4 + 2 + 1);

/** What a device has carried since it was opened. */
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
}

/** What a kind of device is, to its link. */
export interface DeviceParts {
  readonly addon: NativeAddon;
  readonly device: NativeDevice;
  readonly name: string;
  /** On Ethernet. */
  readonly address?: Uint8Array | undefined;
  /** Room for the packets of one wake-up, in bytes. */
  readonly arena: number;
  /** Makes the addon's failure an error that says what to do. */
  readonly explain: (failure: NativeFailure) => Error;
}

/** A device of the kernel's as a link: what the kinds share. */
export class DeviceLink implements Link {
  readonly medium: 'ip' | 'ethernet';
  /** Our card's address, on Ethernet. */
  declare readonly address?: Uint8Array;
  readonly offload: LinkOffload = NO_OFFLOAD;
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
    const { addon, device, name, address } = parts;
    this.#parts = parts;
    this.name = name;
    this.medium = address === undefined ? 'ip' : 'ethernet';
    if (address !== undefined) this.address = address;
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
    const { addon, device, arena, explain } = this.#parts;
    const batch = this.#batch;
    const region = new ArrayBuffer(TABLE_BYTES + arena);
    // The addon writes the rows of the batch itself, each time anew: the host may have marked them.
    batch.offset = new Int32Array(region, 0, MAX_PACKETS);
    batch.length = new Int32Array(region, MAX_PACKETS * 4, MAX_PACKETS);
    batch.segmentSize = new Uint16Array(region, MAX_PACKETS * 8, MAX_PACKETS);
    batch.checksum = new Uint8Array(region, MAX_PACKETS * 10, MAX_PACKETS);
    const memory = memoryOf(new Uint8Array(region, TABLE_BYTES));
    const onReceive = (count: number): void => {
      for (let row = 0; row < count; row++) batch.memory[row] = memory;
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
      addon.start(device, region, onReceive, onWritable, onChanged, onClosed);
      ({ up: this.#up, mtu: this.#mtu } = addon.state(device));
    } catch (error) {
      this.close();
      throw explain(error as NativeFailure);
    }
    this.#state = 'open';
  }

  send(batch: Batch): number {
    const { count, memory, offset, length } = batch;
    if (this.#state !== 'open' || !this.#up) {
      this.#droppedClosed += count;
      return count;
    }
    const { addon, device } = this.#parts;
    let row = 0;
    while (row < count) {
      const bytes = memory[row]!;
      let end = row + 1;
      while (end < count && memory[end] === bytes) end++;
      row += addon.send(device, bytes.bytes, offset, length, row, end - row);
      if (row < end) {
        this.#blocked = true;
        return row;
      }
    }
    return count;
  }

  close(): void {
    this.#state = 'closed';
    const { addon, device } = this.#parts;
    addon.close(device);
  }

  /** What it has carried so far. */
  counters(): DeviceCounters {
    const [received, receivedBytes, sent, sentBytes, down, droppedRefused] = this.values();
    const droppedDown = down + this.#droppedClosed;
    return { received, receivedBytes, sent, sentBytes, droppedDown, droppedRefused };
  }

  /** The addon's counters, in its order. */
  protected values(): [number, number, number, number, number, number, number, number] {
    const values = new Float64Array(8);
    this.#parts.addon.counters(this.#parts.device, values);
    return [...values] as ReturnType<typeof this.values>;
  }
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
  if (errno === undefined) return failure;
  const code = codeOf(errno);
  const error: SystemError = systemError(code, step, { address: place(step), hint: hint(code, step) });
  error.errno = -errno;
  return error;
}
