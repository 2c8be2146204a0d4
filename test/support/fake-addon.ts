import type { Batch } from '../../src/buffer/batch.ts';
import { Checksum } from '../../src/buffer/batch.ts';
import type { LinkHost } from '../../src/link/link.ts';
import type { NativeAddon, NativeDevice, OpenedDevice } from '../../src/node/addon.ts';
import { TunLink } from '../../src/node/tun.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { VirtualClock } from '../../src/time/virtual-clock.ts';

/** An addon without a device: what the link tells it is written down, what the kernel does is up to the test. */
export class FakeAddon implements NativeAddon {
  readonly device: NativeDevice = {};
  /** `[row, row, …]` of each send, and the memory it came from. */
  readonly sends: { bytes: Uint8Array; rows: number[] }[] = [];
  /** `[checksum, segment size]` of each packet sent. */
  readonly marks: [number, number][] = [];
  offload = { checksum: false, tso: false, uso: false };
  /** Packets it takes before it is full. */
  room = Infinity;
  closings = 0;
  now = { up: true, mtu: 1500 };
  tables = new ArrayBuffer(0);
  /** Where packets go, and from where on, each time that it was said. */
  readonly lent: { place: number; room: ArrayBuffer; from: number }[] = [];
  /** Buffers that are the program's. */
  readonly userMemories: ArrayBuffer[] = [];
  /** The runtime takes memory from an addon. */
  givesMemory = true;
  onReceive: (count: number) => boolean = () => false;
  onNext: (last: boolean) => boolean = () => false;
  onWritable: () => void = () => {};
  onChanged: (up: boolean, mtu: number) => void = () => {};
  onClosed: (errno: number) => void = () => {};

  create(name: string): ReturnType<NativeAddon['create']> {
    return { ...this.openPacketSocket(name), created: true, complete: true };
  }

  openPacketSocket(name: string): OpenedDevice {
    return { device: this.device, name, ...this.offload };
  }

  readAddress(): void {}

  listen(): void {}

  set(): void {}

  addAddress: NativeAddon['addAddress'] = () => {};

  state(): { up: boolean; mtu: number } {
    return this.now;
  }

  lend(_device: NativeDevice, place: number, room: ArrayBuffer, from: number): void {
    this.lent.push({ place, room, from });
  }

  userMemory(bytes: number): ArrayBuffer | undefined {
    if (!this.givesMemory) return undefined;
    const buffer = new ArrayBuffer(bytes);
    this.userMemories.push(buffer);
    return buffer;
  }

  start(...[, tables, onReceive, onNext, onWritable, onChanged, onClosed]: Parameters<NativeAddon['start']>): void {
    Object.assign(this, { tables, onReceive, onNext, onWritable, onChanged, onClosed });
  }

  send(...[, bytes, , , checksum, segmentSize, first, count]: Parameters<NativeAddon['send']>): number {
    const taken = Math.min(count, this.room);
    this.room -= taken;
    for (let row = first; row < first + taken; row++) this.marks.push([checksum[row]!, segmentSize[row]!]);
    this.sends.push({ bytes, rows: Array.from({ length: taken }, (_, i) => first + i) });
    return taken;
  }

  counters(_: NativeDevice, into: Float64Array): void {
    into.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  }

  close(): void {
    this.closings++;
  }

  /** Puts packets where the kernel's would be, and says so. */
  arrive(...packets: number[][]): void {
    this.arriveMarked(packets.map((bytes) => ({ bytes, checksum: Checksum.none, segmentSize: 0 })));
  }

  arriveMarked(packets: { bytes: number[]; checksum: number; segmentSize: number }[]): void {
    const control = new Int32Array(this.tables, 2816);
    const { room, from } = this.lent.findLast(({ place }) => place === control[0])!;
    control[1] = packets.length;
    const offset = new Int32Array(this.tables, 0, 256);
    const length = new Int32Array(this.tables, 1024, 256);
    const segmentSizes = new Uint16Array(this.tables, 2048, 256);
    const checksums = new Uint8Array(this.tables, 2560, 256);
    let at = from;
    for (const [i, { bytes, checksum, segmentSize }] of packets.entries()) {
      offset[i] = at;
      length[i] = bytes.length;
      segmentSizes[i] = segmentSize;
      checksums[i] = checksum;
      new Uint8Array(room).set(bytes, at);
      at += Math.max(100, bytes.length);
    }
    let more = this.onReceive(packets.length);
    while (more) more = this.onNext(false);
  }
}

/** An open link on a fake addon, and what its host hears. */
export function openLink(mode: 'tun' | 'tap' = 'tun', offload: Partial<FakeAddon['offload']> = {}) {
  const addon = new FakeAddon();
  Object.assign(addon.offload, offload);
  const link = new TunLink(addon, addon.create('tun0'), mode);
  const heard: string[] = [];
  const batches: Batch[] = [];
  const errors: (Error | undefined)[] = [];
  const host: LinkHost = {
    clock: new VirtualClock(),
    random: seededRandom(1),
    receive: (batch) => {
      batches.push(batch);
      heard.push([...batch].map((packet) => [...packet].join(' ')).join(', '));
    },
    writable: () => heard.push('writable'),
    changed: () => heard.push(`changed ${link.up} ${link.mtu}`),
    closed: (error) => {
      heard.push('closed');
      errors.push(error);
    },
  };
  link.open(host);
  return { addon, link, host, heard, batches, errors };
}
