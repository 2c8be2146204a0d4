import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/buffer/batch.ts';
import { batchOf, Checksum } from '../../../src/buffer/batch.ts';
import { memoryOf } from '../../../src/buffer/memory.ts';
import type { LinkHost } from '../../../src/link/link.ts';
import type { TunAddon, TunDevice } from '../../../src/node/addon.ts';
import { findAddon } from '../../../src/node/addon.ts';
import type { TunOptions } from '../../../src/node/tun.ts';
import { openTun, TunLink } from '../../../src/node/tun.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';

/** An addon without a device: what the link tells it is written down, what the kernel does is up to the test. */
class FakeAddon implements TunAddon {
  readonly device: TunDevice = {};
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

  create(name: string): { device: TunDevice; name: string; created: boolean } {
    return { device: this.device, name, created: true };
  }

  set(): void {}

  addAddress(): void {}

  state(): { up: boolean; mtu: number } {
    return this.now;
  }

  start(...[, region, onReceive, onWritable, onChanged, onClosed]: Parameters<TunAddon['start']>): void {
    Object.assign(this, { region, onReceive, onWritable, onChanged, onClosed });
  }

  send(...[, bytes, , , first, count]: Parameters<TunAddon['send']>): number {
    const taken = Math.min(count, this.room);
    this.room -= taken;
    this.sends.push({ bytes, rows: Array.from({ length: taken }, (_, i) => first + i) });
    return taken;
  }

  counters(_: TunDevice, into: Float64Array): void {
    into.set([1, 2, 3, 4, 5, 6]);
  }

  close(): void {
    this.closings++;
  }

  /** Puts packets where the kernel's would be, and says so. */
  arrive(...packets: number[][]): void {
    const offset = new Int32Array(this.region, 0, 256);
    const length = new Int32Array(this.region, 1024, 256);
    const arena = new Uint8Array(this.region, 2048);
    for (const [i, packet] of packets.entries()) {
      offset[i] = i * 100;
      length[i] = packet.length;
      arena.set(packet, i * 100);
    }
    this.onReceive(packets.length);
  }
}

/** An open link on a fake addon, and what its host hears. */
function openLink(mode: 'tun' | 'tap' = 'tun') {
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

describe('openTun refuses', () => {
  it.each<[object, string, RegExp]>([
    [{ name: 7 }, 'ERR_INVALID_ARG_TYPE', /options\.name must be a string, not number/],
    [{ nam: 'tun0' }, 'ERR_INVALID_ARG_VALUE', /^openTun: there is no option 'nam'; there are name, mode, /],
    [{ name: '' }, 'ERR_INVALID_ARG_VALUE', /options\.name must be a device name/],
    [{ name: 'sixteen-letters-' }, 'ERR_INVALID_ARG_VALUE', /15 bytes/],
    [{ name: 'a/b' }, 'ERR_INVALID_ARG_VALUE', /options\.name/],
    [{ name: 'a%s' }, 'ERR_INVALID_ARG_VALUE', /options\.name/],
    [{ name: 'tun%d%d' }, 'ERR_INVALID_ARG_VALUE', /options\.name/],
    [{ name: '..' }, 'ERR_INVALID_ARG_VALUE', /options\.name/],
    [{ mode: 'tin' }, 'ERR_INVALID_ARG_VALUE', /options\.mode must be 'tun' or 'tap', not "tin"/],
    [{ kernelAddresses: '10.0.0.1/8' }, 'ERR_INVALID_ARG_TYPE', /must be an array of strings, not string/],
    [{ kernelAddresses: [1] }, 'ERR_INVALID_ARG_TYPE', /options\.kernelAddresses\[0\] must be a string/],
    [{ kernelAddresses: ['10.0.0.1'] }, 'ERR_INVALID_ARG_VALUE', /such as '10\.7\.0\.1\/24'/],
    [{ kernelAddresses: ['10.0.0.1/33'] }, 'ERR_INVALID_ARG_VALUE', /kernelAddresses\[0\]/],
    [{ kernelAddresses: ['fd00::1/64', 'fd00::1/129'] }, 'ERR_INVALID_ARG_VALUE', /kernelAddresses\[1\]/],
    [{ kernelAddresses: ['10.0.0.1/8/8'] }, 'ERR_INVALID_ARG_VALUE', /kernelAddresses/],
    [{ kernelAddresses: ['fe80::1%eth0/64'] }, 'ERR_INVALID_ARG_VALUE', /kernelAddresses/],
    [{ kernelAddresses: ['host/8'] }, 'ERR_INVALID_ARG_VALUE', /kernelAddresses/],
    [{ mtu: '1500' }, 'ERR_INVALID_ARG_TYPE', /options\.mtu must be a number/],
    [{ mtu: 67 }, 'ERR_OUT_OF_RANGE', /options\.mtu must be an integer from 68 to 65535, not 67/],
    [{ mtu: 1500.5 }, 'ERR_OUT_OF_RANGE', /integer/],
    [{ mode: 'tap', mtu: 65_535 }, 'ERR_OUT_OF_RANGE', /65521/],
    [{ queue: 0 }, 'ERR_OUT_OF_RANGE', /options\.queue/],
    [{ queue: NaN }, 'ERR_OUT_OF_RANGE', /options\.queue/],
    [{ up: 1 }, 'ERR_INVALID_ARG_TYPE', /options\.up must be a boolean/],
    [{ offload: true }, 'ERR_INVALID_ARG_VALUE', /options\.offload must be 'auto' or false/],
  ])('%j', async (options, code, message) => {
    await expect(openTun(options as TunOptions)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([null, 'tun0', 5])('options that are no object: %j', async (options) => {
    await expect(openTun(options as unknown as TunOptions)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('findAddon', () => {
  it('names each path it tried, why not, and what to do', () => {
    const error = (() => {
      try {
        return findAddon(['/nowhere/a.node', '/nowhere/b.node']);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({
      name: 'Error',
      code: 'ERR_USERNET_NO_ADDON',
      message: expect.stringMatching(/\/nowhere\/a\.node \(not found\), \/nowhere\/b\.node \(not found\)/) as string,
    });
    expect(error).toMatchObject({ message: expect.stringContaining('node scripts/build-native.mjs') as string });
  });

  it('says why a file that is there is no addon', () => {
    const folder = mkdtempSync(join(tmpdir(), 'usernet-'));
    const file = join(folder, 'fake.node');
    writeFileSync(file, 'This is no shared library.');
    expect(() => findAddon([file])).toThrow(/fake\.node \((?!not found).+\)/);
    rmSync(folder, { recursive: true });
  });
});

describe('TunLink', () => {
  it('describes itself', () => {
    const { link } = openLink();
    expect(link).toMatchObject({ medium: 'ip', mtu: 1500, up: true, name: 'tun0' });
    expect(link.offload).toEqual({ checksum: false, tso: 0, uso: 0 });
    expect('address' in link).toBe(false);
    const { link: tap } = openLink('tap');
    expect(tap.medium).toBe('ethernet');
    expect(tap.address).toHaveLength(6);
    // Unicast, locally administered.
    expect(tap.address![0]! & 3).toBe(2);
  });

  it('hands over each wake-up as one batch, in one lent memory, and reuses it', () => {
    const { addon, heard, batches } = openLink();
    addon.arrive([1, 2, 3], [4], [5, 6]);
    const memory = batches[0]!.memory[0]!;
    expect(batches[0]!.memory.slice(0, 3)).toEqual([memory, memory, memory]);
    expect(batches[0]!.retained).toBe(false);
    addon.arrive([7]);
    expect(heard).toEqual(['1 2 3, 4, 5 6', '7']);
    expect(batches[1]).toBe(batches[0]);
    expect(batches[1]!.memory[0]).toBe(memory);
  });

  it('hands over clean rows whatever its host did with the last ones', () => {
    const { addon, heard, batches } = openLink();
    addon.arrive([1], [2]);
    batches[0]!.checksum[0] = Checksum.valid;
    batches[0]!.clear();
    addon.arrive([3], [4]);
    expect(heard.at(-1)).toBe('3, 4');
    expect([...batches[1]!.checksum.subarray(0, 2)]).toEqual([Checksum.none, Checksum.none]);
  });

  it('sends each run of packets in one memory with one call', () => {
    const { addon, link } = openLink();
    const [x, y] = [memoryOf(new Uint8Array(100)), memoryOf(new Uint8Array(100))];
    const batch = batchOf([]);
    for (const memory of [x, x, y, x]) batch.push(memory, 0, 20);
    expect(link.send(batch)).toBe(4);
    expect(addon.sends).toEqual([
      { bytes: x.bytes, rows: [0, 1] },
      { bytes: y.bytes, rows: [2] },
      { bytes: x.bytes, rows: [3] },
    ]);
  });

  it('tells of room once after it was full, and only then', () => {
    const { addon, link, heard } = openLink();
    addon.onWritable();
    expect(heard).toEqual([]);
    addon.room = 3;
    const memory = memoryOf(new Uint8Array(20));
    const batch = batchOf([]);
    for (let i = 0; i < 5; i++) batch.push(memory, 0, 20);
    expect(link.send(batch)).toBe(3);
    addon.onWritable();
    addon.onWritable();
    expect(heard).toEqual(['writable']);
  });

  it('takes and drops everything while it is down; one that was full tells of room', () => {
    const { addon, link, heard } = openLink();
    addon.room = 0;
    const batch = batchOf([new Uint8Array(20), new Uint8Array(20)]);
    expect(link.send(batch)).toBe(0);
    addon.onChanged(false, 1400);
    expect(heard).toEqual(['changed false 1400', 'writable']);
    const before = addon.sends.length;
    expect(link.send(batch)).toBe(2);
    expect(addon.sends).toHaveLength(before);
    expect(link.counters().droppedDown).toBe(5 + 2);
    addon.onChanged(true, 1400);
    addon.room = 9;
    expect(link.send(batch)).toBe(2);
    expect(addon.sends).toHaveLength(before + 2);
  });

  it('has the state of the moment it was opened', () => {
    const addon = new FakeAddon();
    const link = new TunLink(addon, addon.device, 'tun0', 'tun');
    expect(link.up).toBe(false);
    addon.now = { up: true, mtu: 9000 };
    link.open(openLink().host);
    expect(link).toMatchObject({ up: true, mtu: 9000 });
  });

  it('says that the device was deleted, and sends nothing any more', () => {
    const { addon, link, heard, errors } = openLink();
    addon.onClosed(19);
    expect(heard).toEqual(['closed']);
    expect(errors[0]).toMatchObject({
      code: 'ENODEV',
      errno: -19,
      syscall: 'read',
      message: 'read ENODEV tun0: the device was deleted',
    });
    expect(link.up).toBe(false);
    expect(link.send(batchOf([new Uint8Array(20)]))).toBe(1);
    expect(addon.sends).toEqual([]);
  });

  it('takes and drops everything before open and after close', () => {
    const addon = new FakeAddon();
    const link = new TunLink(addon, addon.device, 'tun0', 'tun');
    const batch = batchOf([new Uint8Array(20)]);
    expect(link.send(batch)).toBe(1);
    link.open(openLink().host);
    link.close();
    link.close();
    expect(link.send(batch)).toBe(1);
    expect(addon.sends).toEqual([]);
    expect(link.up).toBe(false);
    expect(() => link.open(openLink().host)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }) as Error);
  });

  it('is opened once', () => {
    const { link, host } = openLink();
    expect(() => link.open(host)).toThrow(/opened once/);
  });

  it('is closed when it cannot be started', () => {
    const addon = new FakeAddon();
    addon.start = () => {
      throw Object.assign(new Error('uv_poll_init'), { errno: 1, step: 'uv_poll_init' });
    };
    const link = new TunLink(addon, addon.device, 'tun0', 'tun');
    expect(() => link.open(openLink().host)).toThrow(/uv_poll_init EPERM tun0/);
    expect(addon.closings).toBe(1);
    expect(link.up).toBe(false);
  });
});
