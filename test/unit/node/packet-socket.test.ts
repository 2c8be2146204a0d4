import { describe, expect, it } from 'vitest';
import { batchOf } from '../../../src/buffer/batch.ts';
import type { PacketSocketOptions } from '../../../src/node/tun.ts';
import { openPacketSocket, PacketLink } from '../../../src/node/tun.ts';
import { FakeAddon, openLink } from '../../support/fake-addon.ts';

describe('openPacketSocket refuses', () => {
  it.each<[unknown, string, RegExp]>([
    [undefined, 'ERR_INVALID_ARG_TYPE', /^openPacketSocket: the options must be an object \(of interface, address, /],
    ['veth0', 'ERR_INVALID_ARG_TYPE', /must be an object/],
    [{}, 'ERR_INVALID_ARG_TYPE', /options\.interface must be a string, not undefined/],
    [{ name: 'veth0' }, 'ERR_INVALID_ARG_VALUE', /^openPacketSocket: there is no option 'name'; there are interface, /],
    [{ interface: 'veth%d' }, 'ERR_INVALID_ARG_VALUE', /options\.interface must be a device name/],
    [{ interface: '' }, 'ERR_INVALID_ARG_VALUE', /options\.interface/],
    [{ interface: 'veth0', address: 'card' }, 'ERR_INVALID_ARG_VALUE', /'card' is not a hardware address/],
    [{ interface: 'veth0', address: null }, 'ERR_INVALID_ARG_TYPE', /options\.address/],
    [
      { interface: 'veth0', address: 'ff:ff:ff:ff:ff:ff' },
      'ERR_INVALID_ARG_VALUE',
      /must be the address of one card, not ff:/,
    ],
    [
      { interface: 'veth0', promiscuous: 1 },
      'ERR_INVALID_ARG_TYPE',
      /options\.promiscuous must be a boolean, not number/,
    ],
    [
      { interface: 'veth0', receiveBuffer: 1 },
      'ERR_OUT_OF_RANGE',
      /options\.receiveBuffer must be an integer from 4096/,
    ],
    [{ interface: 'veth0', receiveBuffer: '1' }, 'ERR_INVALID_ARG_TYPE', /options\.receiveBuffer must be a number/],
  ])('%j', async (options, code, message) => {
    await expect(openPacketSocket(options as PacketSocketOptions)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('PacketLink', () => {
  const address = Uint8Array.of(2, 0, 0, 0, 0, 7);

  it('describes itself', () => {
    const addon = new FakeAddon();
    const link = new PacketLink(addon, addon.openPacketSocket('veth0'), address);
    expect(link).toMatchObject({ medium: 'ethernet', mtu: 1500, up: false, name: 'veth0', address });
    expect(link.offload).toEqual({ checksum: false, tso: 0, uso: 0 });
    link.open(openLink().host);
    expect(link.up).toBe(true);
  });

  it('counts what the kernel dropped, too', () => {
    const addon = new FakeAddon();
    const link = new PacketLink(addon, addon.openPacketSocket('veth0'), address);
    link.send(batchOf([new Uint8Array(20), new Uint8Array(20)]));
    expect(link.counters()).toEqual({
      received: 1,
      receivedBytes: 2,
      sent: 3,
      sentBytes: 4,
      droppedDown: 5 + 2,
      droppedRefused: 6,
      droppedFull: 7,
      droppedUnreadable: 8,
      receivedSuperSegments: 9,
      sentSuperSegments: 10,
    });
  });

  it('says what to do when it cannot be started', () => {
    const addon = new FakeAddon();
    addon.start = () => {
      throw Object.assign(new Error('bind'), { errno: 19, step: 'bind' });
    };
    const link = new PacketLink(addon, addon.openPacketSocket('veth0'), address);
    expect(() => link.open(openLink().host)).toThrow(/^bind ENODEV veth0: there is no such device here/);
    expect(addon.closings).toBe(1);
  });
});
