import type { Batch } from '../../src/buffer/batch.ts';
import { Checksum } from '../../src/buffer/batch.ts';
import type { LinkHost } from '../../src/link/link.ts';
import type { NativeAddon, NativeDevice } from '../../src/node/addon.ts';
import { TunLink } from '../../src/node/tun.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { VirtualClock } from '../../src/time/virtual-clock.ts';

/** An addon without a device: what the link tells it is written down, what the kernel does is up to the test. */
export class FakeAddon implements NativeAddon {
  readonly device: NativeDevice = {};
  /** `[row, row, …]` of each send, and the memory it came from. */
  readonly sends: { bytes: Uint8Array; rows: number[] }[] = [];
  /** Packets it takes before it is full. */
  room = Infinity;
  closings = 0;
  now = { up: true, mtu: 1500 };
  region = new ArrayBuffer(0);
  onReceive: (count: number) => void = () => {};
  onWritable: () => void = () => {};
  onChanged: (up: boolean, mtu: number) => void = () => {};
  onClosed: (errno: number) => void = () => {};

  create(name: string): { device: NativeDevice; name: string; created: boolean } {
    return { device: this.device, name, created: true };
  }

  openPacketSocket(name: string): { device: NativeDevice; name: string } {
    return { device: this.device, name };
  }

  readAddress(): void {}

  listen(): void {}

  set(): void {}

  addAddress(): void {}

  state(): { up: boolean; mtu: number } {
    return this.now;
  }

  start(...[, region, onReceive, onWritable, onChanged, onClosed]: Parameters<NativeAddon['start']>): void {
    Object.assign(this, { region, onReceive, onWritable, onChanged, onClosed });
  }

  send(...[, bytes, , , first, count]: Parameters<NativeAddon['send']>): number {
    const taken = Math.min(count, this.room);
    this.room -= taken;
    this.sends.push({ bytes, rows: Array.from({ length: taken }, (_, i) => first + i) });
    return taken;
  }

  counters(_: NativeDevice, into: Float64Array): void {
    into.set([1, 2, 3, 4, 5, 6, 7, 8]);
  }

  close(): void {
    this.closings++;
  }

  /** Puts packets where the kernel's would be, and says so. */
  arrive(...packets: number[][]): void {
    this.arriveMarked(packets.map((bytes) => ({ bytes, checksum: Checksum.none, segmentSize: 0 })));
  }

  arriveMarked(packets: { bytes: number[]; checksum: number; segmentSize: number }[]): void {
    const offset = new Int32Array(this.region, 0, 256);
    const length = new Int32Array(this.region, 1024, 256);
    const segmentSizes = new Uint16Array(this.region, 2048, 256);
    const checksums = new Uint8Array(this.region, 2560, 256);
    const arena = new Uint8Array(this.region, 2816);
    for (const [i, { bytes, checksum, segmentSize }] of packets.entries()) {
      offset[i] = i * 100;
      length[i] = bytes.length;
      segmentSizes[i] = segmentSize;
      checksums[i] = checksum;
      arena.set(bytes, i * 100);
    }
    this.onReceive(packets.length);
  }
}

/** An open link on a fake addon, and what its host hears. */
export function openLink(mode: 'tun' | 'tap' = 'tun') {
  const addon = new FakeAddon();
  const link = new TunLink(addon, addon.device, 'tun0', mode);
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
