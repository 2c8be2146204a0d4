/**
 * The scene of the tests against the Linux kernel: a stack at 10.7.0.2 behind the TUN device tun0, the kernel at
 * 10.7.0.1 in front of it, in a namespace of their own. Each side may run test/interop/fixtures/server.mjs.
 *
 * @example
 * it('answers ping', () => withStack(async ({ ns }) => {
 *   expect((await ns.run('ping', ['-c', '1', STACK])).status).toBe(0);
 * }));
 */
import { expect } from 'vitest';
import type { Fixture, FixtureEvent, Namespace } from './namespace.ts';
import { withNamespace } from './namespace.ts';

export const STACK = '10.7.0.2';
export const KERNEL = '10.7.0.1';

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
  /** Of the device, in bytes; 1500 by default. */
  mtu?: number;
  /** Reasons of drops that the test provokes. */
  drops?: readonly string[];
  /** The test closes the stack itself. */
  closes?: boolean;
}

/** Generous: a safety net for conditions that are asked for again and again. */
export const PATIENTLY: { timeout: number; interval: number } = { timeout: 30_000, interval: 10 };

/** Drops that any test may see. */
const CHATTER = [
  // The kernel's router solicitations on every device that is up: the stack does not speak IPv6 yet.
  'ipv4-bad-version',
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
  const { mtu, drops = [], closes = false } = options;
  await withNamespace(async (ns) => {
    const stack = await start(ns, 'stack', mtu);
    const kernels: Fixture[] = [];
    const startKernel = async (): Promise<Fixture> => {
      const kernel = await start(ns, 'kernel');
      kernels.push(kernel);
      return kernel;
    };
    await play({ ns, stack, startKernel });
    for (const kernel of kernels) expect([await kernel.stop(), kernel.stderr]).toEqual([0, '']);
    if (!closes) expectRest(await stack.ask({ do: 'rest' }), drops);
    expect([await stack.stop(), stack.stderr]).toEqual([0, '']);
    expect(await ns.ip('-brief', 'link')).not.toContain('tun0');
  });
}

async function start(ns: Namespace, side: 'stack' | 'kernel', mtu?: number): Promise<Fixture> {
  const fixture = await ns.start('server.mjs', [side, JSON.stringify({ mtu })]);
  expect(fixture.ready).toEqual({ event: 'ready' });
  return fixture;
}

function expectRest(found: FixtureEvent, drops: readonly string[]): void {
  expect(found['unrest']).toBeUndefined();
  expect(found).toMatchObject({ tcp: { listeners: 0 }, udp: { sockets: 0 }, memory: { used: 0, refused: 0 } });
  const unexplained = Object.entries(found['drops'] as Record<string, number>).filter(
    ([reason]) => !CHATTER.includes(reason) && !drops.includes(reason),
  );
  expect(unexplained).toEqual([]);
}
