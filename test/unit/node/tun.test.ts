import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { batchOf, Checksum } from '../../../src/buffer/batch.ts';
import { memoryOf } from '../../../src/buffer/memory.ts';
import { findAddon } from '../../../src/node/addon.ts';
import type { TunOptions } from '../../../src/node/tun.ts';
import { openTun, TunLink } from '../../../src/node/tun.ts';
import { FakeAddon, openLink } from '../../support/fake-addon.ts';

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
    [{ mode: 'tap', address: 7 }, 'ERR_INVALID_ARG_TYPE', /options\.address must be .* a string or 6 bytes, not /],
    [{ mode: 'tap', address: '02:00:00:00:00' }, 'ERR_INVALID_ARG_VALUE', /write it like 02:00:00:00:00:01/],
    [
      { mode: 'tap', address: '01:00:00:00:00:01' },
      'ERR_INVALID_ARG_VALUE',
      /options\.address must be the address of one card, not 01:00:00:00:00:01/,
    ],
    [
      { mode: 'tap', address: '00:00:00:00:00:00' },
      'ERR_INVALID_ARG_VALUE',
      /options\.address must be the address of one card, not 00:00:00:00:00:00/,
    ],
    [{ mode: 'tap', address: new Uint8Array(5).fill(2) }, 'ERR_INVALID_ARG_VALUE', /has 6 bytes, not 5/],
    [{ address: '02:00:00:00:00:01' }, 'ERR_INVALID_ARG_VALUE', /left out: a device of mode 'tun' has none/],
    [{ name: 'tun0', multiQueue: 2 }, 'ERR_INVALID_ARG_TYPE', /multiQueue/],
    [
      { name: 'tun0', multiQueue: { index: 2, of: 2 } },
      'ERR_OUT_OF_RANGE',
      /multiQueue\.index must be an integer from 0 to 1/,
    ],
    [{ name: 'tun0', multiQueue: { index: 0, of: 257 } }, 'ERR_OUT_OF_RANGE', /multiQueue\.of/],
    [{ name: 'tun0', multiQueue: { index: 0 } }, 'ERR_INVALID_ARG_TYPE', /multiQueue\.of/],
    [
      { name: 'tun0', multiQueue: { index: 0, of: 2, queues: 2 } },
      'ERR_INVALID_ARG_VALUE',
      /there is no option 'queues'/,
    ],
    [{ multiQueue: { index: 0, of: 2 } }, 'ERR_INVALID_ARG_VALUE', /options\.name must be one that all the queues/],
    [{ name: 'tun%d', multiQueue: { index: 0, of: 2 } }, 'ERR_INVALID_ARG_VALUE', /options\.name must be one that/],
    [{ name: 'tap0', mode: 'tap', multiQueue: { index: 0, of: 2 } }, 'ERR_INVALID_ARG_VALUE', /it is for mode 'tun'/],
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
    expect(openLink('tap').link.address).not.toEqual(tap.address);
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

  it('hands over the marks of the addon, whatever its host did with the last rows', () => {
    const { addon, heard, batches } = openLink();
    addon.arriveMarked([
      { bytes: [1], checksum: Checksum.partial, segmentSize: 1460 },
      { bytes: [2], checksum: Checksum.valid, segmentSize: 0 },
    ]);
    const batch = batches[0]!;
    expect([...batch.checksum.subarray(0, 2)]).toEqual([Checksum.partial, Checksum.valid]);
    expect([...batch.segmentSize.subarray(0, 2)]).toEqual([1460, 0]);
    batch.checksum[1] = Checksum.partial;
    batch.clear();
    addon.arrive([3], [4]);
    expect(heard.at(-1)).toBe('3, 4');
    expect([...batch.checksum.subarray(0, 2)]).toEqual([Checksum.none, Checksum.none]);
    expect([...batch.segmentSize.subarray(0, 2)]).toEqual([0, 0]);
  });

  it.each([
    [
      { checksum: true, tso: true, uso: true },
      { checksum: true, tso: 65_535, uso: 65_535 },
    ],
    [
      { checksum: true, tso: true },
      { checksum: true, tso: 65_535, uso: 0 },
    ],
    [{ checksum: true }, { checksum: true, tso: 0, uso: 0 }],
    [{}, { checksum: false, tso: 0, uso: 0 }],
  ])('presents the offload that the kernel has agreed to: %j', (agreed, offload) => {
    expect(openLink('tun', agreed).link.offload).toEqual(offload);
  });

  it('hands the marks of what it sends to the addon', () => {
    const { addon, link } = openLink('tun', { checksum: true, tso: true });
    const memory = memoryOf(new Uint8Array(100));
    const batch = batchOf([]);
    batch.push(memory, 0, 90, Checksum.partial, 20);
    batch.push(memory, 0, 40);
    batch.push(memory, 0, 40, Checksum.valid);
    expect(link.send(batch)).toBe(3);
    expect(addon.marks).toEqual([
      [Checksum.partial, 20],
      [Checksum.none, 0],
      [Checksum.valid, 0],
    ]);
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
    const link = new TunLink(addon, addon.create('tun0'), 'tun');
    expect(link.up).toBe(false);
    addon.now = { up: true, mtu: 9000 };
    link.open(openLink().host);
    expect(link).toMatchObject({ up: true, mtu: 9000 });
  });

  it('gives the kernel its IPv6 addresses back where it may, and goes on where it may not', () => {
    const { addon, heard, host } = openLink();
    const asked: string[] = [];
    addon.addAddress = (_device: unknown, address: string) => {
      asked.push(address);
      throw Object.assign(new Error('netlink(RTM_NEWADDR)'), { errno: 1, step: 'netlink(RTM_NEWADDR)' });
    };
    const kernelAddresses = ['10.0.0.1', 'fd00::1', 'fd01::1'].map((address) => ({ address, prefix: 24 }));
    new TunLink(addon, addon.create('tun0'), 'tun', undefined, kernelAddresses).open(host);
    addon.onChanged(true, 9000);
    expect(asked).toEqual([]);
    addon.onChanged(false, 9000);
    addon.onChanged(true, 1000);
    expect(asked).toEqual([]);
    addon.onChanged(true, 1280);
    expect(asked).toEqual(['fd00::1', 'fd01::1']);
    expect(heard).toHaveLength(4);
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
    const link = new TunLink(addon, addon.create('tun0'), 'tun');
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
    const link = new TunLink(addon, addon.create('tun0'), 'tun');
    expect(() => link.open(openLink().host)).toThrow(/uv_poll_init EPERM tun0/);
    expect(addon.closings).toBe(1);
    expect(link.up).toBe(false);
  });
});
