/**
 * The scene of the tests against the Linux kernel: a stack at 10.7.0.2 and fd07::2 behind the TUN device tun0, or on an
 * Ethernet device, the kernel at 10.7.0.1 and fd07::1 in front of it, in a namespace of their own. Each side may run test/interop/fixtures/server.mjs.
 *
 * @example
 * it('answers ping', () => withStack(async ({ ns }) => {
 *   expect((await ns.run('ping', ['-c', '1', STACK])).status).toBe(0);
 * }));
 */
import { expect } from 'vitest';
import type { Impairments } from '../../src/link/impair-options.ts';
import type { ConnectionOptions } from '../../src/tcp/options.ts';
import { KERNEL_ADDRESSES, PACKET, prepare } from './device-scene.ts';
import type { Fixture, FixtureEvent, Namespace } from './namespace.ts';
import { withNamespace } from './namespace.ts';
import { contentHash } from '../interop/fixtures/content.mjs';

export const STACK = '10.7.0.2';
export const KERNEL = '10.7.0.1';
export const STACK6 = 'fd07::2';
export const KERNEL6 = 'fd07::1';
/** The stack's link-local address; the kernel makes its own. */
export const STACK_LINK = 'fe80::7:2';

/** Who plays in a test. */
export interface Scene {
  ns: Namespace;
  /** The program with the stack. */
  stack: Fixture;
  /** Starts the same program on the kernel's own sockets. */
  startKernel(): Promise<Fixture>;
}

/** What is special about a test. */
export interface SceneOptions {
  /** What the stack stands on: `tun0`, `tap0`, or a packet socket on `veth0`, whose other end is the kernel's. */
  device?: 'tun' | 'tap' | 'veth';
  /** The address of our card, on Ethernet; a random one by default. */
  address?: string;
  /** Whether both have IPv6 addresses. Default: where the MTU allows it. */
  ipv6?: boolean;
  /** Of the device, in bytes; 1500 by default. */
  mtu?: number;
  /** Of a TUN or TAP device; `'auto'` by default. */
  offload?: 'auto' | false;
  /** On Ethernet the VLAN that the stack is in. */
  vlan?: number;
  /** Options of all the stack's connections. */
  tcp?: ConnectionOptions;
  /** What happens to packets between device and stack; nothing by default. */
  impair?: Faults;
  /** Networks behind the kernel, and the gateway to each. */
  routes?: Readonly<Record<string, string>>;
  /** The stack says `state` whenever a connection changes its own. */
  states?: boolean;
  /** Values of `net.ipv4.…` in the namespace, or of `net.ipv6.…` where the name begins with `ipv6.`. */
  sysctl?: Readonly<Record<string, string | number>>;
  /** Reasons of drops that the test provokes. */
  drops?: readonly string[];
  /** The test closes the stack itself. */
  closes?: boolean;
}

/** Impairments that can be told to another process: instead of a predicate, packets larger than `largest` vanish. */
export type Faults = Impairments & { seed?: number; send?: DirectedFaults; receive?: DirectedFaults };
type DirectedFaults = Impairments & { largest?: number };

/** Generous: a safety net for conditions that are asked for again and again. */
export const PATIENTLY: { timeout: number; interval: number } = { timeout: 30_000, interval: 10 };

/** Drops that any test may see. */
const CHATTER = [
  // On every device that is up the kernel asks for routers, and tells of the groups it is in, with the unspecified source
  // as long as it has no other. A device with an MTU below 1280 has addresses of its own only until that is set.
  'icmpv6-neighbor-ignored',
  'mld-report-ignored',
  'mld-bad-source',
  'ipv6-martian-source',
  'ipv6-link-mtu',
  // On Ethernet it asks whether its own address is free.
  'ndp-not-our-target',
  'ndp-router-solicitation-ignored',
  // On a busy machine the kernel sends a segment again when our ACK comes late, and our FIN may go out twice: the
  // second answer finds the connection gone.
  'tcp-out-of-window',
  'tcp-no-socket',
];

/**
 * Runs a test between a stack and the kernel. Afterwards the stack must hold no connection (but in TIME-WAIT), no byte
 * and no timer and have dropped nothing without a reason that the test names; its program must end with exit code 0,
 * and with it the device.
 */
export async function withStack(play: (scene: Scene) => Promise<void>, options: SceneOptions = {}): Promise<void> {
  const { drops = [], closes = false, sysctl = {}, ...scene } = options;
  await withNamespace(async (ns) => {
    await setSysctl(ns, sysctl);
    const { device = 'tun', mtu, ipv6 = true } = scene;
    if (device === 'veth')
      await prepare(ns, PACKET, { mtu, addresses: ipv6 ? KERNEL_ADDRESSES : KERNEL_ADDRESSES.slice(0, 1) });
    const stack = await startSide(ns, 'stack', scene);
    const kernels: Fixture[] = [];
    const startKernel = async (): Promise<Fixture> => {
      const kernel = await startSide(ns, 'kernel');
      kernels.push(kernel);
      return kernel;
    };
    await play({ ns, stack, startKernel });
    for (const kernel of kernels) expect([await kernel.stop(), kernel.stderr]).toEqual([0, '']);
    if (!closes) expectRest(await stack.ask({ do: 'rest' }), drops);
    expect([await stack.stop(), stack.stderr]).toEqual([0, '']);
    if (device !== 'veth') expect(await ns.ip('-brief', 'link')).not.toContain(`${device}0`);
  });
}

/** Sets values of `net.ipv4.…`, or `net.ipv6.…`, in a namespace. */
export async function setSysctl(ns: Namespace, values: Readonly<Record<string, string | number>>): Promise<void> {
  for (const [name, value] of Object.entries(values)) {
    const path = name.startsWith('ipv6.') ? `net.${name}` : `net.ipv4.${name}`;
    const { status, stderr } = await ns.run('sysctl', ['-qw', `${path}=${value}`]);
    expect([status, stderr]).toEqual([0, '']);
  }
}

/** Starts one side's program. */
export async function startSide(ns: Namespace, side: 'stack' | 'kernel', scene: object = {}): Promise<Fixture> {
  const fixture = await ns.start('server.mjs', [side, JSON.stringify(scene)]);
  expect(fixture.ready).toEqual({ event: 'ready' });
  return fixture;
}

/** The content of this length has arrived, as `receive` of a fixture tells it. */
export function arrived(bytes: number): FixtureEvent {
  return { event: 'receive', bytes, hash: contentHash(bytes) };
}

/** One end of a connection: a program, and the connection's number in it. */
export interface End {
  side: Fixture;
  id: unknown;
}

/** Both ends of a connection. */
export interface Ends {
  ours: End;
  theirs: End;
}

/** Opens a connection to a port of the other side, which is at `host`, else at its IPv4 address. */
export async function connect(
  client: 'stack' | 'kernel',
  { stack, kernel }: { stack: Fixture; kernel: Fixture },
  to: { port: number; localPort?: number; host?: string },
): Promise<Ends> {
  const [from, server] = client === 'stack' ? [stack, kernel] : [kernel, stack];
  const host = to.host ?? (client === 'stack' ? KERNEL : STACK);
  const opened = await from.ask({ do: 'connect', ...to, host });
  expect(opened).toHaveProperty('id');
  const taken = await server.next('connection');
  const near = { side: from, id: opened['id'] };
  const far = { side: server, id: taken['id'] };
  return client === 'stack' ? { ours: near, theirs: far } : { ours: far, theirs: near };
}

/** Sends the content of this length, and waits until the other side has all of it. */
export async function transfer(from: End, to: End, bytes: number): Promise<void> {
  from.side.tell({ do: 'send', id: from.id, bytes });
  expect(await to.side.ask({ do: 'receive', id: to.id, bytes })).toEqual(arrived(bytes));
  await from.side.next('send');
}

/** Ends a connection from both sides, one after the other, the stack's first unless told. */
export async function part({ ours, theirs }: Ends, first: 'stack' | 'kernel' = 'stack'): Promise<void> {
  const [one, other] = first === 'stack' ? [ours, theirs] : [theirs, ours];
  await one.side.ask({ do: 'end', id: one.id });
  await other.side.ask({ do: 'receive', id: other.id });
  await other.side.ask({ do: 'end', id: other.id });
  await one.side.ask({ do: 'receive', id: one.id });
  await ours.side.next('close');
}

function expectRest(found: FixtureEvent, drops: readonly string[]): void {
  expect(found['unrest']).toBeUndefined();
  expect(found).toMatchObject({ tcp: { listeners: 0 }, udp: { sockets: 0 }, memory: { used: 0, refused: 0 } });
  const unexplained = Object.entries(found['drops'] as Record<string, number>).filter(
    ([reason]) => !CHATTER.includes(reason) && !drops.includes(reason),
  );
  expect(unexplained).toEqual([]);
}
