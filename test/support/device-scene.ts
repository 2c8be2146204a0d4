/**
 * The devices of native/ in tests: how each kind comes into being in a namespace, with the kernel at 10.7.0.1 and fd07::1
 * on the other end of its wire, and test/interop/fixtures/device-link.mjs at 10.7.0.2 and fd07::2 on ours.
 */
import { expect } from 'vitest';
import type { Fixture, Namespace } from './namespace.ts';

export const KERNEL_ADDRESSES: readonly string[] = ['10.7.0.1/24', 'fd07::1/64'];

/** Packets of one wake-up at most, rooms for them, and the bytes of a room, each packet on an 8-byte boundary, the last 65,560 free. */
const TUN_ROWS = 256;
const TUN_ROOMS = 4;
const TUN_BYTES = 256 * 1024 - 65_560;

export interface DeviceKind {
  readonly kind: 'tun' | 'tap' | 'packet';
  readonly options: Readonly<Record<string, unknown>>;
  /** The device that the link is about, and the one that the kernel uses: the other end of a veth pair. */
  readonly device: string;
  readonly kernelDevice: string;
  /** Bytes in front of each IP packet. */
  readonly header: number;
  readonly largestMtu: number;
  /** How many frames of these many bytes come in one batch at most. */
  largestBatch(length: number): number;
}

const tunBatch = (length: number): number =>
  Math.min(TUN_ROWS, TUN_ROOMS * Math.ceil(TUN_BYTES / (Math.ceil(length / 8) * 8)));

export const TUN: DeviceKind = {
  kind: 'tun',
  options: { name: 'tun0', kernelAddresses: KERNEL_ADDRESSES },
  device: 'tun0',
  kernelDevice: 'tun0',
  header: 0,
  largestMtu: 65_535,
  largestBatch: tunBatch,
};

export const TAP: DeviceKind = {
  ...TUN,
  kind: 'tap',
  options: { name: 'tap0', mode: 'tap', kernelAddresses: KERNEL_ADDRESSES },
  device: 'tap0',
  kernelDevice: 'tap0',
  header: 14,
  largestMtu: 65_521,
};

export const PACKET: DeviceKind = {
  kind: 'packet',
  options: { interface: 'veth0' },
  device: 'veth0',
  kernelDevice: 'veth1',
  header: 14,
  largestMtu: 65_535,
  largestBatch: () => 64,
};

/** A veth pair whose second end is the kernel's; on the first one the kernel has no address, and says nothing. */
async function makeVeth(ns: Namespace, mtu: number, addresses: readonly string[]): Promise<void> {
  await ns.ip('link', 'add', 'veth0', 'mtu', `${mtu}`, 'type', 'veth', 'peer', 'name', 'veth1', 'mtu', `${mtu}`);
  await ns.ip('link', 'set', 'veth0', 'addrgenmode', 'none');
  await ns.ip('link', 'set', 'veth0', 'up');
  await ns.ip('link', 'set', 'veth1', 'up');
  for (const device of ['veth0', 'veth1']) await waitForState(ns, device, 'UP');
  // Nobody else is on this wire: usable at once.
  for (const address of addresses) {
    await ns.ip('address', 'add', address, 'dev', 'veth1', ...(address.includes(':') ? ['nodad'] : []));
  }
}

/** The kernel takes its time to notice a carrier (linkwatch). `state` is as `ip link` shows it. */
export async function waitForState(ns: Namespace, device: string, state: 'UP' | 'LOWERLAYERDOWN'): Promise<void> {
  await expect
    .poll(() => ns.ip('link', 'show', device), { timeout: 30_000, interval: 10 })
    .toContain(` state ${state} `);
}

export interface Preparation {
  /** Of a veth pair; TUN and TAP devices are given theirs when they are opened. */
  mtu?: number | undefined;
  /** The kernel's addresses there. */
  addresses?: readonly string[];
}

/** What has to be there before the fixture is started. */
export async function prepare(
  ns: Namespace,
  { kind }: DeviceKind,
  { mtu = 1500, addresses = KERNEL_ADDRESSES }: Preparation = {},
): Promise<void> {
  if (kind === 'packet') await makeVeth(ns, mtu, addresses);
}

/** Starts the fixture on the device. */
export async function startLink(
  ns: Namespace,
  kind: DeviceKind,
  options: Readonly<Record<string, unknown>> = {},
  wrapper: readonly string[] = [],
): Promise<Fixture> {
  return ns.start('device-link.mjs', [JSON.stringify({ ...kind.options, ...options })], wrapper);
}

/** No router solicitations and group reports: for devices that are made from now on. */
export async function disableIpv6(ns: Namespace): Promise<void> {
  await ns.run('sh', ['-c', 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6']);
}

/** Sends numbered datagrams of `size` bytes from the kernel to port 9 behind the device, as noted by the fixture. */
export async function sendDatagrams(ns: Namespace, count: number, size: number): Promise<void> {
  const script = `
    const [count, size] = [${count}, ${size}];
    const socket = require('node:dgram').createSocket({ type: 'udp4', sendBufferSize: 4 << 20 });
    const send = (number) => {
      if (number === count) return socket.close();
      const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (number + i) & 255));
      bytes.writeUInt32BE(number);
      socket.send(bytes, 9, '10.7.0.2', (error) => { if (error) throw error; send(number + 1); });
    };
    send(0);`;
  const { status, stderr } = await ns.run(process.execPath, ['-e', script]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
}

/** On Ethernet the kernel knows from here on who 10.7.0.2 is, without having to ask. */
export async function knowNeighbour(ns: Namespace, kind: DeviceKind, fixture: Fixture): Promise<void> {
  const address = fixture.ready['address'] as string | undefined;
  if (address !== undefined) await addNeighbour(ns, kind, address.replace(/..(?=.)/g, '$&:'));
}

export async function addNeighbour(ns: Namespace, { kernelDevice }: DeviceKind, address: string): Promise<void> {
  await ns.ip('neighbour', 'replace', '10.7.0.2', 'lladdr', address, 'dev', kernelDevice, 'nud', 'permanent');
}
